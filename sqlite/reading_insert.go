package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/meyer/ast"
)

// newRows are the rows that an INSERT brings, as a common table expression, and what they do to the table.
type newRows struct {
	r        *reader
	w        *moneyclip.Write
	def      *moneyclip.Table
	given    []string // columns that the statement names
	source   string   // name of the common table expression
	many     bool     // may be more than one row
	replaces bool
	keys     []moneyclip.UniqueKey // in which a collision is resolved
}

// newRows prepares the reading of an INSERT.
func (r *reader) newRows(stmt *ast.InsertStmt, w *moneyclip.Write, def *moneyclip.Table) (*newRows, bool) {
	in := &newRows{r: r, w: w, def: def, replaces: w.Replace || def.Replaces}
	text := "SELECT NULL"
	if !stmt.DefaultValues {
		tree := insertTree(stmt)
		tree.Conflict = nil
		read, ok := r.pure(tree)
		if !ok || read.Columns == nil || isArbitrary(stmt.With, stmt.Select) {
			return nil, false
		}
		in.given = read.Columns
		text = ast.String(stmt.Select)
		values := plainValues(stmt.Select)
		in.many = values == nil || len(values.Rows) > 1
	}
	for i, name := range in.given {
		column := def.Column(name)
		if column == nil || column.Generated || slices.Contains(in.given[:i], name) {
			return nil, false
		}
	}
	r.keep(stmt.With)
	in.source = r.cte(in.given, text)

	switch {
	case w.Conflict != nil && in.replaces, w.Conflict != nil && countUpdates(stmt) > 1:
		return nil, false
	case w.Conflict != nil && w.Conflict.Target != nil:
		in.keys = []moneyclip.UniqueKey{{Columns: w.Conflict.Target}}
	case w.Conflict != nil, in.replaces:
		in.keys = def.Unique
	}
	return in, true
}

func countUpdates(stmt *ast.InsertStmt) int {
	n := 0
	for _, u := range stmt.Upserts {
		if !u.DoNothing {
			n++
		}
	}
	return n
}

// insert reads the rows that an INSERT brings, and those with which they collide.
func (r *reader) insert(w *moneyclip.Write, def *moneyclip.Table, old, new []string) (moneyclip.Reading, bool) {
	stmt, ok := w.Source.(*ast.InsertStmt)
	if !ok {
		return moneyclip.Reading{}, false
	}
	in, ok := r.newRows(stmt, w, def)
	if !ok {
		return moneyclip.Reading{}, false
	}
	var reading moneyclip.Reading
	var before []string
	if len(new) > 0 {
		brought, numbered, ok := in.brought(len(old), new)
		if !ok {
			return moneyclip.Reading{}, false
		}
		if brought != "" {
			before = append(before, brought)
		}
		if numbered {
			reading.Mark, reading.After = in.numbered(len(old), new)
		}
	}
	if len(in.keys) > 0 {
		collided, ok := in.collided(old, new)
		if !ok {
			return moneyclip.Reading{}, false
		}
		if collided != "" {
			before = append(before, collided)
		}
	}
	if len(before) > 0 {
		reading.Before, ok = r.finish(strings.Join(before, " UNION ALL "))
	}
	return reading, ok
}

// brought selects the new rows as the statement gives them. Numbered says that the database numbers some of them, so
// that they must be read after the write.
func (in *newRows) brought(old int, new []string) (text string, numbered, ok bool) {
	serial := in.def.Serial
	if serial != "" && !slices.Contains(in.given, serial) {
		return "", true, true
	}
	columns := nulls(old)
	for _, name := range new {
		if name == serial {
			// NULL, in the rows that get a number.
			columns, numbered = append(columns, "+s."+quote(name)), true
			continue
		}
		e, ok := in.value(name)
		if !ok {
			return "", false, false
		}
		columns = append(columns, "+"+e)
	}
	return fmt.Sprintf("SELECT %s FROM %s AS s", strings.Join(columns, ", "), in.source), numbered, true
}

// value is what a new row holds in a column, before the column's affinity is applied.
func (in *newRows) value(name string) (string, bool) {
	column := in.def.Column(name)
	if column == nil || column.Generated {
		return "", false
	}
	fixed := column.Default.Kind == moneyclip.ValueConst
	if !slices.Contains(in.given, name) {
		if !fixed {
			return "", false
		}
		return literal(column.Default.Const)
	}
	given := "s." + quote(name)
	if !in.replaces || !column.NotNull || fixed && column.Default.Const == nil {
		return given, true
	}
	// REPLACE turns a NULL into the default.
	if !fixed {
		return "", false
	}
	text, ok := literal(column.Default.Const)
	return fmt.Sprintf("coalesce(%s, %s)", given, text), ok
}

// numbered reads the rows that the database has numbered: each number is greater than all before. Where the greatest
// integer is taken SQLite numbers at random: then abs() overflows, and the reading fails.
func (in *newRows) numbered(old int, new []string) (mark, after moneyclip.Query) {
	table, serial := "main."+quote(in.def.Name), quote(in.def.Serial)
	mark.Text = fmt.Sprintf("SELECT coalesce(max(%[1]s), 0) + 0 * abs(-1 - coalesce(max(%[1]s), 0)) FROM %[2]s",
		serial, table)
	columns := append(nulls(old), results("t", new)...)
	after.Text = fmt.Sprintf(
		"SELECT %[1]s FROM %[2]s AS t WHERE abs(-1 - (SELECT max(%[3]s) FROM %[2]s)) >= 0 AND t.%[3]s > ?",
		strings.Join(columns, ", "), table, serial)
	return mark, after
}

// collided selects the rows with which new rows collide: deleted by REPLACE, updated by ON CONFLICT. Empty: none can.
func (in *newRows) collided(old, new []string) (string, bool) {
	var any []string
	for _, key := range in.keys {
		condition, ok := in.equal(key)
		if !ok {
			return "", false
		}
		if condition != "" {
			any = append(any, "("+condition+")")
		}
	}
	if len(any) == 0 {
		return "", true
	}
	columns := results("t", old)
	if in.w.Conflict == nil {
		columns = append(columns, nulls(len(new))...)
	} else {
		overlay, ok := in.overlay(new)
		if !ok {
			return "", false
		}
		columns = append(columns, overlay...)
	}
	return fmt.Sprintf("SELECT %s FROM main.%s AS t, %s AS s WHERE %s",
		strings.Join(columns, ", "), quote(in.def.Name), in.source, strings.Join(any, " OR ")), true
}

// equal is the condition that a row of the table has the key of a new row. Empty: no row can have it.
func (in *newRows) equal(key moneyclip.UniqueKey) (string, bool) {
	if key.Odd {
		return "", false
	}
	var all []string
	for _, name := range key.Columns {
		if name == in.def.Serial && !slices.Contains(in.given, name) {
			return "", true // the number will be a fresh one
		}
		e, ok := in.value(name)
		if !ok {
			return "", false
		}
		if e == "NULL" {
			return "", true // NULL is never equal to NULL
		}
		// The plus takes the source's affinity away, so that the column's own is applied, as it is when the value is
		// stored; the column's collation comes first anyway.
		all = append(all, fmt.Sprintf("t.%s = +%s", quote(name), e))
	}
	return strings.Join(all, " AND "), true
}

// overlay is what the updated row of an ON CONFLICT holds in the columns. A later row of the statement can meet a row
// that an earlier one has brought or changed: with many rows only such assignments are followed for which this makes no
// other values.
func (in *newRows) overlay(new []string) ([]string, bool) {
	conflict := in.w.Conflict
	byColumn := map[string]moneyclip.Value{}
	for _, as := range conflict.Set {
		if _, twice := byColumn[as.Column]; twice {
			return nil, false
		}
		byColumn[as.Column] = as.Value
		if in.many && in.isUnique(as.Column) && !isOwn(as.Column, as.Value) {
			return nil, false
		}
	}
	var columns []string
	kept, replaced := false, false
	for _, name := range new {
		v, isSet := byColumn[name]
		if !isSet {
			kept = kept || !slices.Contains(conflict.Target, name)
			columns = append(columns, results("t", []string{name})...)
			continue
		}
		if in.many && !isOwn(name, v) {
			return nil, false
		}
		replaced = true
		e, ok := in.assigned(v)
		if !ok {
			return nil, false
		}
		columns = append(columns, "+"+e)
	}
	return columns, !in.many || !kept || !replaced
}

func (in *newRows) isUnique(column string) bool {
	return slices.ContainsFunc(in.def.Unique, func(key moneyclip.UniqueKey) bool {
		return key.Odd || slices.Contains(key.Columns, column)
	})
}

// isOwn reports whether an assignment is "c = excluded.c".
func isOwn(column string, v moneyclip.Value) bool {
	return v.Kind == moneyclip.ValueExcluded && v.Column == column
}

func (in *newRows) assigned(v moneyclip.Value) (string, bool) {
	switch v.Kind {
	case moneyclip.ValueParam:
		return fmt.Sprintf("?%d", v.Param), true
	case moneyclip.ValueConst:
		return literal(v.Const)
	case moneyclip.ValueExcluded:
		if v.Column == in.def.Serial {
			return "", false // may be a number of the database's choice
		}
		return in.value(v.Column)
	}
	return "", false
}
