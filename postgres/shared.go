package postgres

import (
	pg "github.com/sqlc-dev/oliphant"
)

// Shared implements [moneyclip.Dialect]. FOR SHARE can be added to a SELECT whose every row is one of each of its tables.
func (dialect) Shared(query string) (locked string, ok bool) {
	defer func() {
		// As in Analyze.
		if recover() != nil {
			locked, ok = "", false
		}
	}()
	tree, ok := parse(query)
	if !ok || len(tree.Stmts) != 1 {
		return "", false
	}
	s := tree.Stmts[0].Stmt.GetSelectStmt()
	if s == nil || !isLockable(s) {
		return "", false
	}
	return own(tree.Stmts[0], query) + "\nFOR SHARE", true
}

// isLockable reports whether the rows of a SELECT are rows of tables, which are all that it reads.
func isLockable(s *pg.SelectStmt) bool {
	if s.Op != pg.SetOperation_SETOP_NONE || s.WithClause != nil || len(s.ValuesLists) > 0 || len(s.FromClause) == 0 ||
		len(s.DistinctClause) > 0 || len(s.GroupClause) > 0 || s.HavingClause != nil || len(s.WindowClause) > 0 ||
		len(s.LockingClause) > 0 || s.LimitCount != nil || s.LimitOffset != nil || s.IntoClause != nil {
		return false
	}
	ok := true
	walk(s, func(message any) bool {
		switch m := message.(type) {
		case *pg.SubLink, *pg.RangeSubselect, *pg.RangeFunction, *pg.RangeTableFunc, *pg.JsonTable, *pg.GroupingFunc:
			ok = false
		case *pg.FuncCall:
			// It may be an aggregate.
			ok = ok && pure[columnName(&pg.Node{Node: &pg.Node_FuncCall{FuncCall: m}})] && !aggregates[lastName(m)] && m.Over == nil
		case *pg.JoinExpr:
			ok = ok && m.Jointype == pg.JoinType_JOIN_INNER
		}
		return ok
	})
	return ok
}

func lastName(f *pg.FuncCall) string {
	_, name := lastOf(texts(f.Funcname))
	return name
}

// aggregates are the functions among the pure ones that make one row of many.
var aggregates = words(`
	avg count max min sum array_agg string_agg bool_and bool_or every row_number rank dense_rank lag lead first_value
	last_value ntile unnest`)
