package postgres

import (
	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// target is the table that a write names.
func (c *converter) target(op moneyclip.Op, r *pg.RangeVar, with *pg.WithClause) *query.Write {
	w := &query.Write{Op: op, With: c.with(with)}
	item := c.table(r)
	w.Schema, w.Table, w.Alias = item.Schema, item.Table, item.Alias
	return w
}

func (c *converter) insert(s *pg.InsertStmt) *query.Write {
	w := c.target(moneyclip.Insert, s.Relation, s.WithClause)
	for _, col := range s.Cols {
		w.Columns = append(w.Columns, col.GetResTarget().GetName())
	}
	values := s.SelectStmt.GetSelectStmt()
	switch {
	case values == nil:
		w.Defaults = true
	case isPlainValues(values):
		for _, row := range values.ValuesLists {
			w.Rows = append(w.Rows, c.given(row.GetList().GetItems(), s.Override))
		}
	default:
		w.Query = c.query(values)
	}
	if conflict := s.OnConflictClause; conflict != nil {
		w.Conflict = []query.Conflict{c.conflict(conflict)}
	}
	w.Returning = c.results(s.ReturningClause.GetExprs())
	return w
}

// isPlainValues reports whether a query is VALUES and nothing else.
func isPlainValues(s *pg.SelectStmt) bool {
	return len(s.ValuesLists) > 0 && s.WithClause == nil && len(s.SortClause) == 0 && s.LimitCount == nil && s.LimitOffset == nil
}

// given are the values of one row. What OVERRIDING USER VALUE is said of is not what is stored.
func (c *converter) given(row []*pg.Node, override pg.OverridingKind) []query.Expr {
	values := make([]query.Expr, len(row))
	for i, node := range row {
		values[i] = c.assigned(node)
		if override == pg.OverridingKind_OVERRIDING_USER_VALUE {
			values[i] = query.Other{Parts: c.one(node)}
		}
	}
	return values
}

func (c *converter) conflict(clause *pg.OnConflictClause) query.Conflict {
	conflict := query.Conflict{
		Nothing: clause.Action != pg.OnConflictAction_ONCONFLICT_UPDATE,
		Set:     c.set(clause.TargetList),
		If:      c.expr(clause.WhereClause),
	}
	if clause.Infer == nil {
		return conflict
	}
	conflict.Where = c.expr(clause.Infer.WhereClause)
	for _, node := range clause.Infer.IndexElems {
		elem := node.GetIndexElem()
		if elem.GetName() != "" && len(elem.Collation) == 0 && len(elem.Opclass) == 0 {
			conflict.Target = append(conflict.Target, query.Column{Name: elem.Name})
			continue
		}
		conflict.Target = append(conflict.Target, query.Other{Parts: c.one(elem.GetExpr())})
	}
	return conflict
}

// set converts a SET list.
func (c *converter) set(list []*pg.Node) []query.Set {
	var set []query.Set
	for _, node := range list {
		target := node.GetResTarget()
		multi := target.Val.GetMultiAssignRef()
		switch {
		case multi != nil && multi.Colno > 1:
			last := &set[len(set)-1]
			last.Columns = append(last.Columns, target.Name)
		case multi != nil:
			set = append(set, query.Set{Columns: []string{target.Name}, Value: c.expr(multi.Source)})
		default:
			set = append(set, query.Set{Columns: []string{target.Name}, Value: c.assigned(target.Val)})
		}
		if len(target.Indirection) > 0 { // an element or a field, not the whole
			last := &set[len(set)-1]
			last.Value = query.Other{Parts: append(c.exprs(target.Indirection), last.Value)}
		}
	}
	return set
}

// assigned is the value of an assignment; nil is the column's default.
func (c *converter) assigned(node *pg.Node) query.Expr {
	if _, isDefault := node.GetNode().(*pg.Node_SetToDefault); isDefault {
		return nil
	}
	return c.expr(node)
}

func (c *converter) update(s *pg.UpdateStmt) *query.Write {
	w := c.target(moneyclip.Update, s.Relation, s.WithClause)
	w.From = c.items(s.FromClause)
	w.Where = c.expr(s.WhereClause)
	w.Set = c.set(s.TargetList)
	c.setsDefaults(w, s.TargetList)
	w.Returning = c.results(s.ReturningClause.GetExprs())
	return w
}

// setsDefaults notes what the defaults do that an UPDATE assigns. They are those of the table or view that it names.
func (c *converter) setsDefaults(w *query.Write, list []*pg.Node) {
	if c.facts == nil || c.facts.defaultOf == nil {
		return
	}
	def := c.catalog.Lookup(w.Schema, w.Table)
	if def == nil {
		return
	}
	for _, name := range defaulted(list) {
		e := c.facts.defaultOf(moneyclip.ColumnName{Table: def.Name, Column: name})
		switch {
		case e == nil:
		case e.opaque != "":
			c.doubt("assigns the default of %s, which %s", name, e.opaque)
		default:
			c.calls = append(c.calls, e.writes...)
		}
	}
}

// defaulted are the columns to which a SET list assigns DEFAULT.
func defaulted(list []*pg.Node) []string {
	var names []string
	var row []*pg.Node
	for _, node := range list {
		target := node.GetResTarget()
		value := target.GetVal()
		if multi := value.GetMultiAssignRef(); multi != nil {
			if multi.Colno == 1 {
				row = multi.Source.GetRowExpr().GetArgs()
			}
			if int(multi.Colno) > len(row) {
				continue // of a subquery
			}
			value = row[multi.Colno-1]
		}
		if value.GetSetToDefault() != nil {
			names = append(names, target.Name)
		}
	}
	return names
}

func (c *converter) delete(s *pg.DeleteStmt) *query.Write {
	w := c.target(moneyclip.Delete, s.Relation, s.WithClause)
	w.From = c.items(s.UsingClause)
	w.Where = c.expr(s.WhereClause)
	w.Returning = c.results(s.ReturningClause.GetExprs())
	return w
}

// merge converts each clause of a MERGE to a write of its own.
func (c *converter) merge(s *pg.MergeStmt) ([]*query.Write, *query.With) {
	with := c.with(s.WithClause)
	c.results(s.ReturningClause.GetExprs()) // for the functions that they call
	var writes []*query.Write
	for _, node := range s.MergeWhenClauses {
		clause := node.GetMergeWhenClause()
		// Each write has a tree of its own: they share no scope.
		from, condition := c.item(s.SourceRelation), c.expr(clause.Condition)
		if clause.MatchKind != pg.MergeMatchKind_MERGE_WHEN_NOT_MATCHED_BY_SOURCE {
			condition = and(c.expr(s.JoinCondition), condition)
		}
		var w *query.Write
		switch clause.CommandType {
		case pg.CmdType_CMD_UPDATE:
			w = c.target(moneyclip.Update, s.Relation, nil)
			w.From, w.Where, w.Set = from, condition, c.set(clause.TargetList)
			c.setsDefaults(w, clause.TargetList)
		case pg.CmdType_CMD_DELETE:
			w = c.target(moneyclip.Delete, s.Relation, nil)
			w.From, w.Where = from, condition
		case pg.CmdType_CMD_INSERT:
			w = c.merged(s, clause, from)
		default:
			continue
		}
		writes = append(writes, w)
	}
	return writes, with
}

// mergeInWith notes what a MERGE in WITH writes. Its source may be a name of that WITH, so nothing is said of its rows.
func (c *converter) mergeInWith(s *pg.MergeStmt) {
	writes, with := c.merge(s)
	for _, w := range c.throughViews(meanings.Writes(writes, with, c.catalog).Writes) {
		c.calls = append(c.calls, loose(&w))
	}
}

// merged is an INSERT of a MERGE: its values come from rows of the source.
func (c *converter) merged(s *pg.MergeStmt, clause *pg.MergeWhenClause, from *query.Item) *query.Write {
	w := c.target(moneyclip.Insert, s.Relation, nil)
	for _, col := range clause.TargetList {
		w.Columns = append(w.Columns, col.GetResTarget().GetName())
	}
	core := &query.Select{From: from, Rest: append(c.one(s.JoinCondition), c.one(clause.Condition)...)}
	for _, value := range c.given(clause.Values, clause.Override) {
		core.Results = append(core.Results, query.Result{Expr: value})
	}
	w.Query = &query.Query{Cores: []*query.Select{core}}
	return w
}

func and(x, y query.Expr) query.Expr {
	if y == nil {
		return x
	}
	return query.And{X: x, Y: y}
}
