package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// The rows that a foreign key action touches refer to those which another write touches, at the other end of a chain of
// foreign keys. They are locked from that end on, each level by a query of its own: while a row is locked FOR UPDATE nobody
// can make another row refer to it, since that takes a lock on it as well. So the rows that refer to it are those which a
// later query finds.
//
// The first level is what the statement itself finds, if whether a row is found follows from the row alone: then all that
// are locked are found, since nobody can change them, and if the statement affects no more rows than were locked it has
// found no others. Or it is one row, named by a unique key, that has to be there (see mark).

// children reads the rows at the end of a chain of foreign keys.
func (r *rows) children() (moneyclip.Reading, bool) {
	reading, ok := r.locks(r.w.Parent)
	if !ok || r.w.Key == nil {
		return moneyclip.Reading{}, false
	}
	columns := r.results("c", r.old)
	for _, name := range r.new {
		value, ok := r.afterAction(name)
		if !ok {
			return moneyclip.Reading{}, false
		}
		columns = append(columns, value)
	}
	text, ok := r.referring(r.w, columns)
	if !ok {
		return moneyclip.Reading{}, false
	}
	reading.Before, ok = numbered(text + " FOR UPDATE OF c")
	return reading, ok
}

// locks are what locks the rows of a write, and before them those on the way there.
func (r *rows) locks(w *moneyclip.Write) (moneyclip.Reading, bool) {
	def := plainTable(r.catalog, w.Table)
	if def == nil || len(def.Kin) > 0 {
		return moneyclip.Reading{}, false
	}
	var reading moneyclip.Reading
	lock := ""
	ok := true
	if w.Parent != nil {
		if reading, ok = r.locks(w.Parent); ok {
			lock, ok = r.referring(w, []string{"1"})
			lock += " FOR UPDATE OF c"
		}
	} else {
		if lock, ok = r.found(w, []string{"1"}); !ok {
			reading.Mark, ok = r.mark(w, def)
			return reading, ok && isOneRow(w, def) && !hasElements(w)
		}
		lock += " FOR UPDATE"
		reading.Counted = true
	}
	if !ok {
		return moneyclip.Reading{}, false
	}
	q, ok := numbered("SELECT count(*) FROM (" + lock + ") AS l")
	reading.Locks = append(reading.Locks, q)
	return reading, ok
}

// hasElements reports whether an array is among what the pins of a write say: it may be empty, or hold many values.
func hasElements(w *moneyclip.Write) bool {
	return slices.ContainsFunc(w.Pins, func(p moneyclip.Pin) bool {
		return slices.ContainsFunc(p.Values, func(v moneyclip.Value) bool { return v.Kind == moneyclip.ValueElement })
	})
}

// referring selects from the rows that a foreign key action touches, called c.
func (r *rows) referring(w *moneyclip.Write, columns []string) (string, bool) {
	child, parent, key := plainTable(r.catalog, w.Table), plainTable(r.catalog, w.Parent.Table), w.Key
	if child == nil || len(child.Kin) > 0 || parent == nil || key == nil || len(key.Columns) != len(key.ParentColumns) || len(key.Columns) == 0 {
		return "", false
	}
	var from string
	var ok bool
	if w.Parent.Parent != nil {
		from, ok = r.referring(w.Parent, qualified("c", key.ParentColumns))
	} else if from, ok = r.found(w.Parent, key.ParentColumns); !ok {
		// The pins of a statement hold for what it touches, but it may touch less than they say: that is more to drop.
		var where string
		where, ok = r.where("t", w.Parent, parent)
		from = fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s", strings.Join(qualified("t", key.ParentColumns), ", "), quoteTable(parent.Name), where)
	}
	if !ok {
		return "", false
	}
	conditions := make([]string, len(key.Columns))
	for i, name := range key.Columns {
		conditions[i] = fmt.Sprintf("c.%s = p.%s", quote(name), quote(key.ParentColumns[i]))
	}
	return fmt.Sprintf("SELECT %s FROM %s AS c, (%s) AS p WHERE %s",
		strings.Join(columns, ", "), quoteTable(child.Name), from, strings.Join(conditions, " AND ")), true
}

func qualified(table string, names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = table + "." + quote(name)
	}
	return list
}

// found selects from the rows that the statement itself finds, if it finds each for what is in the row alone. The columns
// are its own names, or "1".
func (r *rows) found(w *moneyclip.Write, columns []string) (string, bool) {
	src, _ := w.Source.(*source)
	def := plainTable(r.catalog, w.Table)
	if src == nil || src.cte != nil || def == nil || slices.ContainsFunc(def.Triggers, func(t moneyclip.Trigger) bool { return fires(&t, w.Op) }) {
		return "", false // a trigger may keep a row from being touched, and then the numbers say nothing
	}
	var relation *pg.RangeVar
	var where *pg.Node
	switch {
	case src.delete != nil && src.delete.WithClause == nil && len(src.delete.UsingClause) == 0:
		relation, where = src.delete.Relation, src.delete.WhereClause
	case src.update != nil && src.update.WithClause == nil && len(src.update.FromClause) == 0:
		relation, where = src.update.Relation, src.update.WhereClause
	default:
		return "", false
	}
	c := newConverter(r.catalog)
	c.whole = src.root
	core := &query.Select{From: c.items([]*pg.Node{rangeVar(relation)}), Where: c.expr(where)}
	m := meanings.Query(&query.Query{Cores: []*query.Select{core}}, r.catalog)
	if m.Impure != "" || c.impure != "" || len(m.Writes) > 0 || len(m.Reads) != 1 {
		return "", false // a subquery reads another table, or this one again
	}
	if columns[0] != "1" {
		columns = qualified(target(relation), columns)
	}
	return selectText(&pg.SelectStmt{
		WhereClause: where, FromClause: []*pg.Node{rangeVar(relation)}, TargetList: []*pg.Node{placeholder()},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}, columns)
}
