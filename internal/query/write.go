package query

import (
	"slices"

	"github.com/moneyclip/moneyclip"
)

// write visits a write and returns the shape of what it returns.
func (a *analysis) write(w *Write, ctes *with) shape {
	ctes = a.open(w.With, ctes, nil)
	if w.Op == moneyclip.Insert {
		return a.insert(w, ctes)
	}
	return a.change(w, ctes)
}

// change visits an UPDATE or a DELETE.
func (a *analysis) change(w *Write, ctes *with) shape {
	src, sc := a.target(w, ctes)
	e := effect{target: src, Write: moneyclip.Write{Op: w.Op, Table: src.table, Replace: w.Replace, Skips: w.Ignore, Source: w.Native}}
	if w.Op == moneyclip.Update {
		e.Set = withGenerated(a.assignments(w.Set, src, sc, nil), src.def)
	}
	a.writes = append(a.writes, e)
	return a.returning(w, sc)
}

// target is the table that an UPDATE or a DELETE changes, and the scope of its clauses, which have been visited.
func (a *analysis) target(w *Write, ctes *with) (*source, *scope) {
	if w.Among {
		return a.among(w, ctes)
	}
	src := a.newTable(w.Schema, w.Table, w.Alias, nil)
	sc := &scope{ctes: ctes, sources: []*source{src}}
	if w.From != nil {
		a.from(w.From, sc)
	}
	a.clauses(w.Where, w.Rest, sc)
	return src, sc
}

// among finds the target among the items of FROM, which are visited once for all writes that share them.
func (a *analysis) among(w *Write, ctes *with) (*source, *scope) {
	sc := a.shared[w.From]
	if sc == nil {
		sc = &scope{ctes: ctes}
		a.from(w.From, sc)
		a.clauses(w.Where, w.Rest, sc)
		a.shared[w.From] = sc
	}
	name, schema := w.Alias, ""
	if name == "" {
		name, schema = w.Table, w.Schema
	}
	var found []*source
	for _, src := range sc.sources {
		if src.is(schema, name) != no {
			found = append(found, src)
		}
	}
	if len(found) != 1 {
		// No table that is known, and the name of none: its write may write anything.
		return &source{}, sc
	}
	return found[0], sc
}

// returning visits what a write returns. That is no part of what it does.
func (a *analysis) returning(w *Write, sc *scope) shape {
	impure := a.impure
	s := a.results(w.Returning, sc)
	a.impure = impure
	return s
}

func (a *analysis) insert(w *Write, ctes *with) shape {
	src := a.newTable(w.Schema, w.Table, w.Alias, nil)
	// The values see neither the table nor its alias.
	values := &scope{ctes: ctes}
	if w.From != nil {
		a.from(w.From, values)
	}
	// A row that is inserted is none that the condition finds: it says nothing of the rows of FROM.
	a.clauses(nil, nil, values)
	sc := &scope{ctes: ctes, sources: slices.Concat(values.sources, []*source{src})}
	a.expr(w.Where, sc)
	a.exprs(w.Rest, sc)

	e := effect{Write: moneyclip.Write{Op: moneyclip.Insert, Table: src.table, Replace: w.Replace, Skips: w.Ignore, Source: w.Native}}
	e.Columns = a.insertColumns(w, src.def)
	switch {
	case w.Defaults:
		e.Columns, e.Rows = []string{}, [][]moneyclip.Value{{}}
	case w.Query != nil:
		a.query(w.Query, place{ctes: ctes})
	default:
		a.rows(w, &e.Write, src.def, values)
	}
	if slices.ContainsFunc(e.Columns, func(name string) bool { return a.hidden(name) && columnOf(src.def, name) == nil }) {
		// A row that gives its own rowid can collide with another in a key that the catalog does not list.
		e.Columns, e.Rows = nil, nil
	}
	e.Conflict, e.Skips = a.conflict(w.Conflict, src, sc), w.Ignore || len(w.Conflict) > 0
	if e.Conflict != nil {
		e.Conflict.Skips = w.Ignore
	}
	a.writes = append(a.writes, e)
	return a.returning(w, sc)
}

func columnOf(def *moneyclip.Table, name string) *moneyclip.Column {
	if def == nil {
		return nil
	}
	return def.Column(name)
}

// insertColumns are the columns that an INSERT gives; nil if that is not known.
func (a *analysis) insertColumns(w *Write, def *moneyclip.Table) []string {
	var columns []string
	for _, name := range w.Columns {
		columns = append(columns, a.real(def, name))
	}
	if len(columns) > 0 {
		return columns
	}
	for _, column := range columnsOf(def) {
		if !column.Generated || a.Generated {
			columns = append(columns, column.Name)
		}
	}
	if a.Short && len(w.Rows) > 0 && len(w.Rows[0]) < len(columns) {
		columns = columns[:len(w.Rows[0])]
	}
	return columns
}

// rows visits the rows of an INSERT. One of them that does not fit the columns leaves all of them unknown.
func (a *analysis) rows(w *Write, to *moneyclip.Write, def *moneyclip.Table, sc *scope) {
	for _, row := range w.Rows {
		a.exprs(row, sc)
		to.Rows = append(to.Rows, a.rowValues(row, to, def, sc))
	}
	if slices.ContainsFunc(to.Rows, func(row []moneyclip.Value) bool { return row == nil }) {
		to.Rows = nil
	}
}

// rowValues are the values of one row, or nil if they do not fit the columns.
func (a *analysis) rowValues(row []Expr, w *moneyclip.Write, def *moneyclip.Table, sc *scope) []moneyclip.Value {
	if w.Columns != nil && len(w.Columns) != len(row) {
		return nil
	}
	values := make([]moneyclip.Value, len(row))
	for i, e := range row {
		var column *moneyclip.Column
		if w.Columns != nil {
			column = columnOf(def, w.Columns[i])
		}
		if e == nil {
			values[i] = defaultOf(column, def)
			continue
		}
		values[i] = a.stored(e, column, sc)
		if column == nil || values[i].Kind != moneyclip.ValueConst || values[i].Const != nil {
			continue
		}
		if (w.Replace || def.Replaces) && column.NotNull {
			values[i] = moneyclip.Value{} // REPLACE turns a NULL into the default of a NOT NULL column
		}
	}
	return values
}

// defaultOf is what the word DEFAULT puts into a column.
func defaultOf(column *moneyclip.Column, def *moneyclip.Table) moneyclip.Value {
	if column == nil || column.Generated || column.Name == def.Serial {
		return moneyclip.Value{}
	}
	return column.Default
}

// stored is the value of an expression that is stored in a column.
func (a *analysis) stored(e Expr, column *moneyclip.Column, sc *scope) moneyclip.Value {
	v, ok := a.operand(e, column, sc)
	if !ok {
		return moneyclip.Value{}
	}
	// A value of the row that fired a trigger has been through another column.
	if v.Kind != moneyclip.ValueParam && v.Kind != moneyclip.ValueConst && !a.carries(a.trigger.Table.Column(v.Column), column) {
		return moneyclip.Value{}
	}
	return v
}

// conflict is what the clauses ON CONFLICT of an INSERT do: nil if they update nothing.
func (a *analysis) conflict(clauses []Conflict, src *source, sc *scope) *moneyclip.Conflict {
	excluded := &source{name: "excluded", shape: src.shape, Dialect: a.Dialect}
	inner := &scope{ctes: sc.ctes, sources: slices.Concat(sc.sources, []*source{excluded})}
	var conflict *moneyclip.Conflict
	for _, clause := range clauses {
		a.exprs(clause.Target, sc)
		a.expr(clause.Where, sc)
		a.expr(clause.If, inner)
		if clause.Nothing {
			continue
		}
		set := a.assignments(clause.Set, src, inner, excluded)
		if conflict == nil {
			conflict = &moneyclip.Conflict{Target: a.conflictTarget(clause.Target, src.def), Set: set}
			continue
		}
		// Only one of the clauses is carried out, and which one it is nobody knows before.
		conflict.Target = nil
		conflict.Set = append(conflict.Set, set...)
		for i := range conflict.Set {
			conflict.Set[i].Value = moneyclip.Value{}
		}
	}
	if conflict != nil {
		conflict.Set = withGenerated(conflict.Set, src.def)
	}
	return conflict
}

// conflictTarget are the columns of a conflict target, or nil if the clause may mean a key that compares otherwise.
func (a *analysis) conflictTarget(list []Expr, def *moneyclip.Table) []string {
	var target []string
	for _, e := range list {
		c, ok := e.(Column)
		if !ok {
			return nil
		}
		target = append(target, a.real(def, c.Name))
	}
	if def == nil {
		return target
	}
	found := false
	for _, key := range def.Unique {
		if !isSameSet(key.Columns, target) {
			continue
		}
		if key.Odd {
			return nil
		}
		found = true
	}
	if !found {
		return nil
	}
	return target
}

func isSameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// assignments are those of a SET list. Excluded is the source of that name where there is a conflict.
func (a *analysis) assignments(list []Set, src *source, sc *scope, excluded *source) []moneyclip.Assignment {
	var set []moneyclip.Assignment
	for _, s := range list {
		a.expr(s.Value, sc)
		values := []Expr{s.Value}
		if row, ok := s.Value.(Row); ok {
			values = row.List
		}
		for i, name := range s.Columns {
			as := moneyclip.Assignment{Column: a.real(src.def, name)}
			// One value for several columns is a subquery's.
			if len(values) == len(s.Columns) {
				as.Value = a.assigned(values[i], as.Column, src.def, sc, excluded)
			}
			set = append(set, as)
		}
	}
	return set
}

// assigned is the value of an expression that is assigned to a column.
func (a *analysis) assigned(e Expr, name string, def *moneyclip.Table, sc *scope, excluded *source) moneyclip.Value {
	column := columnOf(def, name)
	if e == nil {
		return defaultOf(column, def)
	}
	ref := e
	for cast, ok := ref.(Cast); ok && a.casts(column, cast.Type); cast, ok = ref.(Cast) {
		ref = cast.X
	}
	c, ok := ref.(Column)
	if !ok || excluded == nil || c.Table != excluded.name {
		return a.stored(e, column, sc)
	}
	from := a.real(def, c.Name)
	if from != name && !a.carries(columnOf(def, from), column) {
		return moneyclip.Value{} // it has been through the other column
	}
	return moneyclip.Value{Kind: moneyclip.ValueExcluded, Column: from}
}

// withGenerated adds the columns that are computed from others: they change with them.
func withGenerated(set []moneyclip.Assignment, def *moneyclip.Table) []moneyclip.Assignment {
	for _, column := range columnsOf(def) {
		if column.Generated {
			set = append(set, moneyclip.Assignment{Column: column.Name})
		}
	}
	return set
}
