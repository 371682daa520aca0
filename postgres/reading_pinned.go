package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
)

// What a statement brings about in other tables it does not return. Those rows are found by what is known of them: they
// equal pins, or refer to rows that do.
//
// A SELECT before the statement is sound if nobody can bring another such row before the statement comes to them. That is
// so where the pins name one row by a unique key and the row is there: it is locked, and while it is there no other can
// have its key. The query that locks it is the reading's mark, which must find a row, or else the reading has failed.
// While a row is locked FOR UPDATE nobody can make another row refer to it, since that takes a lock on it as well; so the
// rows that refer to it are those which a later query finds.
//
// A SELECT after the statement, in its transaction, finds all rows that an update has touched, if they still equal the
// pins: the transaction has locked them.

// pinned reads the rows that equal the pins of a write.
func (r *rows) pinned() (moneyclip.Reading, bool) {
	where, ok := r.where("t", r.w, r.def)
	if !ok {
		return moneyclip.Reading{}, false
	}
	columns, unchanged := r.unchanged("t")
	switch {
	case r.w.Op == moneyclip.Update && unchanged && !r.movesPins():
		q, ok := numbered(fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s", strings.Join(columns, ", "), quoteTable(r.def.Name), where))
		return moneyclip.Reading{After: q}, ok
	case !isOneRow(r.w, r.def) || !unchanged && r.w.Op != moneyclip.Delete:
		return moneyclip.Reading{}, false
	}
	mark, ok := r.mark(r.w, r.def)
	if !ok {
		return moneyclip.Reading{}, false
	}
	columns = append(r.results("t", r.old), r.after("t")...)
	before, ok := numbered(fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s FOR UPDATE",
		strings.Join(columns, ", "), quoteTable(r.def.Name), where))
	return moneyclip.Reading{Mark: mark, Before: before}, ok
}

// unchanged are the old and the new columns as the table has them after an update; it reports false if the update
// changes one of them.
func (r *rows) unchanged(table string) ([]string, bool) {
	for _, name := range slices.Concat(r.old, r.new) {
		if r.w.Op == moneyclip.Update && r.assigns(r.w.Set, name) {
			return nil, false
		}
	}
	return append(r.results(table, r.old), r.after(table)...), true
}

// after are the new columns of rows that the write does not change in them.
func (r *rows) after(table string) []string {
	if r.w.Op == moneyclip.Delete {
		return nulls(len(r.new))
	}
	return r.results(table, r.new)
}

// movesPins reports whether an update takes rows away from its own pins.
func (r *rows) movesPins() bool {
	return slices.ContainsFunc(r.w.Pins, func(p moneyclip.Pin) bool { return r.assigns(r.w.Set, p.Column) })
}

// isOneRow reports whether the pins of a write name one row at most, by a unique key.
func isOneRow(w *moneyclip.Write, def *moneyclip.Table) bool {
	single := func(name string) bool {
		return slices.ContainsFunc(w.Pins, func(p moneyclip.Pin) bool {
			return p.Column == name && len(p.Values) == 1 && p.Values[0].Kind != moneyclip.ValueElement
		})
	}
	return !def.Heirs && slices.ContainsFunc(def.Unique, func(key moneyclip.UniqueKey) bool {
		return !key.Odd && len(key.Columns) > 0 && !slices.ContainsFunc(key.Columns, func(name string) bool { return !single(name) })
	})
}

// where is the condition that the pins of a write say.
func (r *rows) where(table string, w *moneyclip.Write, def *moneyclip.Table) (string, bool) {
	var conditions []string
	for _, pin := range w.Pins {
		if def.Column(pin.Column) == nil || len(pin.Values) == 0 {
			return "", false
		}
		column := table + "." + quote(pin.Column)
		var any []string
		for _, v := range pin.Values {
			value, ok := operand(v)
			if !ok {
				return "", false
			}
			any = append(any, column+" = "+value)
		}
		conditions = append(conditions, "("+strings.Join(any, " OR ")+")")
	}
	return strings.Join(conditions, " AND "), len(conditions) > 0
}

// operand is a parameter or a constant in the text of a query. Without a type it takes the column's, as it did where it
// comes from.
func operand(v moneyclip.Value) (string, bool) {
	switch v.Kind {
	case moneyclip.ValueParam:
		return fmt.Sprintf("$%d", v.Param), true
	case moneyclip.ValueElement:
		return fmt.Sprintf("ANY($%d)", v.Param), true
	case moneyclip.ValueConst:
		return literal(v.Const)
	}
	return "", false
}

// literal writes a constant of the schema or of the statement.
func literal(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case int64:
		return strconv.FormatInt(v, 10), true
	case bool:
		return strconv.FormatBool(v), true
	case string:
		if strings.ContainsAny(v, "\\\x00") {
			return "", false // what it means depends on a setting
		}
		return "'" + strings.ReplaceAll(v, "'", "''") + "'", true
	}
	return "", false
}

// mark locks the one row that the pins of a write name, and fails if there is none.
func (r *rows) mark(w *moneyclip.Write, def *moneyclip.Table) (moneyclip.Query, bool) {
	where, ok := r.where("t", w, def)
	if !ok {
		return moneyclip.Query{}, false
	}
	return numbered(fmt.Sprintf("SELECT 1 FROM %s AS t WHERE %s FOR UPDATE", quoteTable(def.Name), where))
}

// afterAction is what a foreign key action gives a column of a row that refers to another.
func (r *rows) afterAction(name string) (string, bool) {
	action := r.w.Key.OnUpdate
	if r.w.Parent.Op == moneyclip.Delete {
		action = r.w.Key.OnDelete
	}
	switch {
	case r.w.Op == moneyclip.Delete:
		return "NULL", true
	case !slices.Contains(r.w.Key.Columns, name):
		return r.result("c", name), !r.assigns(nil, name)
	case action == moneyclip.SetNull:
		return "NULL", true
	}
	return "", false
}
