package postgres

import pg "github.com/sqlc-dev/oliphant"

// A source is the statement of a write, as it came and as its tree. One of the last three is set.
type source struct {
	text   string
	insert *pg.InsertStmt
	update *pg.UpdateStmt
	delete *pg.DeleteStmt
}
