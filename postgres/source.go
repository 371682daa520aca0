package postgres

import pg "github.com/sqlc-dev/oliphant"

// A source is the statement of a write, as it came and as its tree. One of the last three is set.
type source struct {
	text   string
	insert *pg.InsertStmt
	update *pg.UpdateStmt
	delete *pg.DeleteStmt
}

// name is the name in the text of the table that is written.
func (s *source) name() string {
	switch {
	case s.insert != nil:
		return s.insert.Relation.GetRelname()
	case s.update != nil:
		return s.update.Relation.GetRelname()
	}
	return s.delete.Relation.GetRelname()
}
