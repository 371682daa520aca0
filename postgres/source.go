package postgres

import pg "github.com/sqlc-dev/oliphant"

// A source is the statement of a write, as it came and as its tree. One of the last three is set.
type source struct {
	text   string
	root   *pg.Node            // the statement of the text
	cte    *pg.CommonTableExpr // in the WITH of root, that the write is; nil: it is root itself
	insert *pg.InsertStmt
	update *pg.UpdateStmt
	delete *pg.DeleteStmt
}

// target is what the statement calls the table that it writes, and whether it names other tables beside it.
func (s *source) target() (called string, from bool) {
	rel := s.relation()
	called = rel.GetRelname()
	if alias := rel.GetAlias().GetAliasname(); alias != "" {
		called = alias
	}
	return called, len(s.update.GetFromClause())+len(s.delete.GetUsingClause()) > 0
}

// name is the name in the text of the table that is written.
func (s *source) name() string { return s.relation().GetRelname() }

func (s *source) relation() *pg.RangeVar {
	switch {
	case s.insert != nil:
		return s.insert.Relation
	case s.update != nil:
		return s.update.Relation
	}
	return s.delete.Relation
}
