package sqlite

import (
	"slices"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/meyer/ast"
)

// target is the table that a statement writes, in a scope of its own.
func (a *analysis) target(name *ast.QualifiedName, as *ast.Ident, clause *ast.With) (*source, *scope) {
	table := tableName(name)
	src := &source{name: fold(name.Name.Name), table: table, def: a.table(table)}
	if as != nil {
		src.name = fold(as.Name)
	}
	return src, &scope{ctes: a.open(clause, nil, nil), sources: []*source{src}}
}

func (a *analysis) insert(stmt *ast.InsertStmt) moneyclip.Write {
	src, sc := a.target(stmt.Table, stmt.Alias, stmt.With)
	w := moneyclip.Write{
		Op:      moneyclip.Insert,
		Table:   src.table,
		Replace: stmt.Replace || stmt.OrConflict == ast.ConflictReplace,
		Source:  stmt,
	}
	w.Columns = insertColumns(stmt, src.def)
	// The values see neither the table nor its alias.
	values := &scope{ctes: sc.ctes}
	switch clause := plainValues(stmt.Select); {
	case stmt.DefaultValues:
		w.Columns, w.Rows = []string{}, [][]moneyclip.Value{{}}
	case clause != nil:
		for _, row := range clause.Rows {
			a.exprs(row, values)
			w.Rows = append(w.Rows, a.rowValues(row, w, src.def, values))
		}
	default:
		a.query(stmt.Select, sc.ctes, nil, true)
	}
	if slices.ContainsFunc(w.Rows, func(row []moneyclip.Value) bool { return row == nil }) {
		w.Rows = nil
	}
	if slices.ContainsFunc(w.Columns, func(name string) bool { return isRowid(name) && (src.def == nil || src.def.Column(name) == nil) }) {
		// A row that gives its own rowid can collide with another in a key that the catalog does not list.
		w.Columns, w.Rows = nil, nil
	}
	w.Conflict = a.upserts(stmt, src, sc)
	a.results(stmt.Returning, sc)
	return w
}

// insertColumns are the columns that an INSERT gives; nil if that is not known.
func insertColumns(stmt *ast.InsertStmt, def *moneyclip.Table) []string {
	var columns []string
	for _, column := range stmt.Columns {
		columns = append(columns, realName(def, fold(column.Name)))
	}
	if len(columns) > 0 {
		return columns
	}
	for _, column := range columnsOf(def) {
		if !column.Generated {
			columns = append(columns, column.Name)
		}
	}
	return columns
}

// plainValues is the VALUES clause that is the whole of a query, or nil.
func plainValues(stmt *ast.SelectStmt) *ast.ValuesClause {
	if stmt == nil || stmt.With != nil || len(stmt.Cores) != 1 {
		return nil
	}
	clause, _ := stmt.Cores[0].(*ast.ValuesClause)
	return clause
}

// rowValues are the values of one row, or nil if they do not fit the columns.
func (a *analysis) rowValues(row []ast.Expr, w moneyclip.Write, def *moneyclip.Table, sc *scope) []moneyclip.Value {
	if w.Columns != nil && len(w.Columns) != len(row) {
		return nil
	}
	values := make([]moneyclip.Value, len(row))
	for i, e := range row {
		var column *moneyclip.Column
		if def != nil && w.Columns != nil {
			column = def.Column(w.Columns[i])
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

// stored is the value of an expression that is stored in a column.
func (a *analysis) stored(e ast.Expr, column *moneyclip.Column, sc *scope) moneyclip.Value {
	v, ok := a.operand(e, sc)
	if !ok {
		return moneyclip.Value{}
	}
	if v.Kind != moneyclip.ValueNew && v.Kind != moneyclip.ValueOld {
		return v
	}
	// The value has been through the other column's affinity, and goes through this one's now.
	other := a.trigger.Column(v.Column)
	if column == nil || other == nil || affinityOf(column.Type) != affinityOf(other.Type) {
		return moneyclip.Value{}
	}
	return v
}

// upserts is what the ON CONFLICT clauses of an INSERT do: nil if they update nothing.
func (a *analysis) upserts(stmt *ast.InsertStmt, src *source, sc *scope) *moneyclip.Conflict {
	excluded := &source{name: "excluded", table: src.table, def: src.def}
	inner := &scope{ctes: sc.ctes, sources: []*source{src, excluded}}
	var conflict *moneyclip.Conflict
	for _, u := range stmt.Upserts {
		a.ordering(u.Target, sc)
		a.expr(u.TargetWhere, sc)
		a.expr(u.Where, inner)
		if u.DoNothing {
			continue
		}
		set := a.assignments(u.Set, src.def, inner, excluded)
		if conflict == nil {
			conflict = &moneyclip.Conflict{Target: conflictTarget(u, src.def), Set: set}
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
func conflictTarget(u *ast.Upsert, def *moneyclip.Table) []string {
	var target []string
	for _, term := range u.Target {
		id, ok := bare(term.Expr).(*ast.Ident)
		if !ok {
			return nil
		}
		target = append(target, realName(def, fold(id.Name)))
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

// assignments are those of a SET list. Excluded is the source of that name in an upsert.
func (a *analysis) assignments(
	pairs []*ast.SetPair, def *moneyclip.Table, sc *scope, excluded *source,
) []moneyclip.Assignment {
	var set []moneyclip.Assignment
	for _, pair := range pairs {
		a.expr(pair.Value, sc)
		var list []ast.Expr
		vector, ok := bare(pair.Value).(*ast.VectorExpr)
		switch {
		case !pair.Paren || len(pair.Columns) == 1:
			list = []ast.Expr{pair.Value}
		case ok && len(vector.List) == len(pair.Columns):
			list = vector.List
		}
		for i, id := range pair.Columns {
			as := moneyclip.Assignment{Column: realName(def, fold(id.Name))}
			if list != nil {
				as.Value = a.assigned(list[i], as.Column, def, sc, excluded)
			}
			set = append(set, as)
		}
	}
	return set
}

// assigned is the value of an expression that is assigned to a column.
func (a *analysis) assigned(
	e ast.Expr, name string, def *moneyclip.Table, sc *scope, excluded *source,
) moneyclip.Value {
	var column *moneyclip.Column
	if def != nil {
		column = def.Column(name)
	}
	ref, ok := bare(e).(*ast.QualifiedRef)
	if !ok || excluded == nil || len(ref.Parts) != 2 || fold(ref.Parts[0].Name) != excluded.name {
		return a.stored(e, column, sc)
	}
	from := realName(def, fold(ref.Parts[1].Name))
	if from != name {
		// The value has been through the other column's affinity, and goes through this one's now.
		if column == nil || def.Column(from) == nil || affinityOf(column.Type) != affinityOf(def.Column(from).Type) {
			return moneyclip.Value{}
		}
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

func (a *analysis) update(stmt *ast.UpdateStmt) moneyclip.Write {
	src, sc := a.target(stmt.Table, stmt.Alias, stmt.With)
	joins := a.from(stmt.From, sc)
	a.pin(stmt.Where, joins, sc)
	for _, j := range joins {
		a.expr(j.on, sc)
		a.exprs(j.args, sc)
	}
	a.expr(stmt.Where, sc)
	a.ordering(stmt.OrderBy, sc)
	a.limit(stmt.Limit, sc)
	set := a.assignments(stmt.Set, src.def, sc, nil)
	a.results(stmt.Returning, sc)
	return moneyclip.Write{
		Op:      moneyclip.Update,
		Table:   src.table,
		Pins:    src.pins,
		Set:     withGenerated(set, src.def),
		Replace: stmt.OrConflict == ast.ConflictReplace,
		Source:  stmt,
	}
}

func (a *analysis) delete(stmt *ast.DeleteStmt) moneyclip.Write {
	src, sc := a.target(stmt.Table, stmt.Alias, stmt.With)
	a.pin(stmt.Where, nil, sc)
	a.expr(stmt.Where, sc)
	a.ordering(stmt.OrderBy, sc)
	a.limit(stmt.Limit, sc)
	a.results(stmt.Returning, sc)
	return moneyclip.Write{Op: moneyclip.Delete, Table: src.table, Pins: src.pins, Source: stmt}
}
