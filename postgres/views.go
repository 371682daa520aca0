package postgres

import (
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// plainView is the table below a view that shows columns of it by their own names: what is said of a row of the view is
// said of a row of the table. Empty: the view is another one.
func (b *builder) plainView(def *moneyclip.Table, s *pg.SelectStmt) string {
	if s.Op != pg.SetOperation_SETOP_NONE || s.WithClause != nil || len(s.DistinctClause) > 0 || len(s.GroupClause) > 0 ||
		s.HavingClause != nil || s.LimitCount != nil || s.LimitOffset != nil || len(s.FromClause) != 1 ||
		len(s.TargetList) != len(def.Columns) {
		return ""
	}
	from := s.FromClause[0].GetRangeVar()
	if from == nil || len(from.GetAlias().GetColnames()) > 0 {
		return ""
	}
	below := b.catalog.Lookup(from.Schemaname, from.Relname)
	if below != nil && below.View {
		below = b.catalog.Tables[b.facts.plain[below.Name]]
	}
	if below == nil || below.Opaque != "" {
		return ""
	}
	for i, node := range s.TargetList {
		ref := node.GetResTarget().GetVal().GetColumnRef()
		column := def.Columns[i]
		if ref == nil || columnName(node.GetResTarget().GetVal()) != column.Name || below.Column(column.Name) == nil ||
			column.Default.Kind != moneyclip.ValueConst || column.Default.Const != nil {
			return ""
		}
	}
	return below.Name
}

// replacedBelow says of a view on another view that what replaces writes to that one, or comes along with them, does so with writes to it
// too.
func (b *builder) replacedBelow(def *moneyclip.Table, s *pg.SelectStmt) {
	if len(s.FromClause) != 1 || s.WithClause != nil {
		return // it takes no writes of its own accord; and a name of WITH may be that of a view, even its own
	}
	from := s.FromClause[0].GetRangeVar()
	below := b.catalog.Lookup(from.GetSchemaname(), from.GetRelname())
	if below == nil || !below.View {
		return
	}
	b.facts.below[def.Name] = below.Name
	for _, t := range below.Triggers {
		if isReplaced(def, t.Op) {
			continue // no such write gets down there
		}
		def.Triggers = append(def.Triggers, moneyclip.Trigger{Op: t.Op, Instead: t.Instead, Opaque: "a trigger or a rule of a view below it"})
	}
}

// through lets a write to a plain view be one to the table below. It reports false for any other.
func (c *converter) through(w *query.Write, name string) bool {
	if c.facts == nil {
		return false
	}
	def := c.catalog.Lookup(w.Schema, w.Table)
	if def == nil || c.facts.plain[def.Name] == "" || def.Opaque != "" ||
		w.Op == moneyclip.Insert && isReplaced(def, moneyclip.Update) {
		return false
	}
	if slices.ContainsFunc(def.Triggers, func(t moneyclip.Trigger) bool { return fires(&t, w.Op) }) {
		return false // it is replaced, or the view has a default of its own
	}
	w.Schema, w.Table, _ = strings.Cut(c.facts.plain[def.Name], ".")
	if w.Alias == "" {
		w.Alias = name
	}
	if w.Op == moneyclip.Insert && len(w.Columns) == 0 && !w.Defaults {
		for _, column := range def.Columns {
			w.Columns = append(w.Columns, column.Name)
		}
		for _, row := range w.Rows {
			w.Columns = slices.Clone(w.Columns[:min(len(row), len(w.Columns))])
		}
	}
	return true
}

// throughViews turns writes to views that have no triggers of their own, which PostgreSQL turns into writes to the table
// below, into writes to that table. Which rows of it they touch is not followed.
func (c *converter) throughViews(writes []moneyclip.Write) []moneyclip.Write {
	if c.catalog == nil {
		return writes
	}
	for i := range writes {
		w := &writes[i]
		def := c.catalog.Tables[w.Table]
		if def == nil || def.Opaque != "" || isReplaced(def, w.Op) {
			continue
		}
		var below []string
		for _, read := range def.Reads {
			below = append(below, read.Table)
		}
		if len(below) == 0 {
			continue
		}
		if slices.ContainsFunc(def.Triggers, func(t moneyclip.Trigger) bool { return fires(&t, w.Op) && t.Opaque != "" }) {
			writes = append(writes, moneyclip.Write{Op: moneyclip.AnyOp})
		}
		if w.Op == moneyclip.Insert {
			writes = append(writes, c.viewDefaults(def)...)
		}
		w = &writes[i]
		loose := moneyclip.Write{Op: w.Op, Table: below[0], SetAll: w.Op == moneyclip.Update}
		if w.Conflict != nil {
			writes = append(writes, moneyclip.Write{Op: moneyclip.Update, Table: below[0], SetAll: true})
		}
		writes[i] = loose
		for _, table := range below[1:] {
			writes = append(writes, moneyclip.Write{Op: loose.Op, Table: table, SetAll: loose.SetAll})
		}
	}
	return writes
}

// viewDefaults are the writes of the defaults that a view has of its own, and the views below it. They are asked for here, and not taken from its
// triggers, because the body of a function may be read before those are known.
func (c *converter) viewDefaults(def *moneyclip.Table) (writes []moneyclip.Write) {
	if c.facts == nil || c.facts.defaultOf == nil {
		return nil
	}
	for ; def != nil; def = c.catalog.Tables[c.facts.below[def.Name]] {
		for _, col := range def.Columns {
			switch e := c.facts.defaultOf(moneyclip.ColumnName{Table: def.Name, Column: col.Name}); {
			case e == nil:
			case e.opaque != "":
				writes = append(writes, moneyclip.Write{Op: moneyclip.AnyOp})
			default:
				writes = append(writes, e.writes...)
			}
		}
	}
	return writes
}

// isReplaced reports whether a trigger or a rule of the view does something else instead of the write.
func isReplaced(def *moneyclip.Table, op moneyclip.Op) bool {
	for _, t := range def.Triggers {
		if t.Instead && fires(&t, op) {
			return true
		}
	}
	return false
}

// fires reports whether a trigger is one for an operation.
func fires(t *moneyclip.Trigger, op moneyclip.Op) bool { return t.Op == op || t.Op == moneyclip.AnyOp }
