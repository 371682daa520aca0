package sqlite

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/token"
)

// Reading implements [moneyclip.Dialect]. SQLite has one writer at a time: a SELECT in the transaction that holds the
// lock finds the very rows that the write after it will find, if its expressions are pure.
func (dialect) Reading(
	w *moneyclip.Write, catalog *moneyclip.Catalog, old, new []string,
) (reading moneyclip.Reading, ok bool) {
	defer func() {
		// As in Analyze: what cannot be rendered cannot be read.
		if recover() != nil {
			reading, ok = moneyclip.Reading{}, false
		}
	}()
	def := plainTable(catalog, w.Table)
	if def == nil || len(old)+len(new) == 0 {
		return moneyclip.Reading{}, false
	}
	r := &reader{catalog: catalog}
	if w.Parent == nil && w.Op == moneyclip.Insert {
		return r.insert(w, def, old, new)
	}
	text, ok := r.existing(w, def, old, new)
	if !ok {
		return moneyclip.Reading{}, false
	}
	before, ok := r.finish(text)
	return moneyclip.Reading{Before: before}, ok
}

// plainTable is a table whose rows are what its definition says, or nil.
func plainTable(catalog *moneyclip.Catalog, name string) *moneyclip.Table {
	if catalog == nil {
		return nil
	}
	def := catalog.Tables[name]
	if def == nil || def.View || def.Opaque != "" {
		return nil
	}
	return def
}

// reader renders the queries of one Reading. Parameters are written with their numbers until finish.
type reader struct {
	catalog   *moneyclip.Catalog
	ctes      []string
	recursive bool
}

// finish puts the common table expressions before a text, and turns "?2" into "?" with 2 noted.
func (r *reader) finish(text string) (moneyclip.Query, bool) {
	if len(r.ctes) > 0 {
		with := "WITH "
		if r.recursive {
			with = "WITH RECURSIVE "
		}
		text = with + strings.Join(r.ctes, ", ") + " " + text
	}
	var q moneyclip.Query
	var b strings.Builder
	end := 0
	for _, t := range lexer.Lex(text) {
		if t.Kind == token.ILLEGAL {
			return moneyclip.Query{}, false
		}
		if t.Kind != token.VARIABLE || t.End-t.Pos < 2 {
			continue
		}
		n, err := strconv.Atoi(text[t.Pos+1 : t.End])
		if err != nil {
			return moneyclip.Query{}, false
		}
		q.Params = append(q.Params, n)
		b.WriteString(text[end:t.Pos])
		b.WriteString("?")
		end = t.End
	}
	b.WriteString(text[end:])
	q.Text = b.String()
	return q, true
}

// cte adds a common table expression and returns its name.
func (r *reader) cte(columns []string, text string) string {
	name := fmt.Sprintf("moneyclip_%d", len(r.ctes))
	head := name
	if len(columns) > 0 {
		head += "(" + list(columns, quote) + ")"
	}
	r.ctes = append(r.ctes, head+" AS ("+text+")")
	return name
}

// keep takes over the WITH clause of the statement itself.
func (r *reader) keep(clause *ast.With) {
	if clause == nil {
		return
	}
	r.recursive = r.recursive || clause.Recursive
	for _, def := range clause.CTEs {
		r.ctes = append(r.ctes, ast.String(def))
	}
}

// existing selects old and new columns of the rows that an Update or a Delete touches.
func (r *reader) existing(w *moneyclip.Write, def *moneyclip.Table, old, new []string) (string, bool) {
	if w.Parent != nil {
		return r.children(w, def, old, new)
	}
	switch stmt := w.Source.(type) {
	case *ast.DeleteStmt:
		return r.deleted(stmt, def, old, new)
	case *ast.UpdateStmt:
		return r.updated(stmt, w, def, old, new)
	case nil:
		return r.pinned(w, def, old, new)
	case *ast.InsertStmt:
		in, ok := r.newRows(stmt, w, def)
		if !ok {
			return "", false
		}
		text, ok := in.collided(old, nil)
		return text, ok && text != "" && len(new) == 0
	}
	return "", false
}

func (r *reader) deleted(stmt *ast.DeleteStmt, def *moneyclip.Table, old, new []string) (string, bool) {
	if _, ok := r.pure(writeTree(stmt)); !ok || stmt.Limit != nil || isArbitrary(stmt.With, stmt.Where) {
		return "", false
	}
	r.keep(stmt.With)
	table, item := targetItem(def, stmt.Alias)
	columns := append(results(table, old), nulls(len(new))...)
	return selectText(columns, []*ast.TableRef{item}, stmt.Where, isExact(def, old)), true
}

// pure is what a write means, if that follows from rows and arguments.
func (r *reader) pure(tree *query.Write) (*moneyclip.Write, bool) {
	m := meaning.Writes([]*query.Write{tree}, nil, r.catalog)
	return &m.Writes[0], m.Impure == ""
}

func (r *reader) updated(
	stmt *ast.UpdateStmt, w *moneyclip.Write, def *moneyclip.Table, old, new []string,
) (string, bool) {
	if w.Replace || def.Replaces || stmt.Limit != nil {
		return "", false
	}
	if !isCommaSafe(stmt.From) || isArbitrary(stmt.With, stmt.Where) {
		return "", false
	}
	for _, item := range stmt.From {
		if isArbitrary(item) {
			return "", false
		}
	}
	table, item := targetItem(def, stmt.Alias)
	columns := results(table, old)
	tree := updateTree(stmt)
	tree.Set = nil // but for what is read
	for _, name := range new {
		if column := def.Column(name); column == nil || column.Generated {
			return "", false
		}
		e, isSet, ok := assignedExpr(stmt.Set, def, name)
		if !ok {
			return "", false
		}
		if !isSet {
			columns = append(columns, results(table, []string{name})...)
			continue
		}
		if hasQuery(e) {
			return "", false // it may see what the statement or a trigger has done to rows before this one
		}
		tree.Set = append(tree.Set, query.Set{Columns: []string{name}, Value: exprTree(e)})
		columns = append(columns, "+("+ast.String(e)+")")
	}
	read, ok := r.pure(tree)
	if !ok {
		return "", false
	}
	// DISTINCT compares by the collation of what an expression is made of.
	isComputed := func(as moneyclip.Assignment) bool { return as.Value.Kind == moneyclip.ValueComputed }
	distinct := isExact(def, old) && isExact(def, new) && !slices.ContainsFunc(read.Set[:len(tree.Set)], isComputed)
	r.keep(stmt.With)
	items := []*ast.TableRef{item}
	for i, item := range stmt.From {
		if i == 0 {
			first := *item
			first.Join = &ast.JoinOperator{Type: ast.JoinComma}
			item = &first
		}
		items = append(items, item)
	}
	return selectText(columns, items, stmt.Where, distinct), true
}

// isCommaSafe reports whether the items of UPDATE FROM mean the same after "target," as they do by themselves.
func isCommaSafe(items []*ast.TableRef) bool {
	if len(items) < 2 {
		return true
	}
	for _, item := range items {
		if len(item.Using) > 0 {
			return false
		}
		if item.Join != nil && item.Join.Type&(ast.JoinNatural|ast.JoinRight|ast.JoinOuter|ast.JoinLeft) != 0 {
			return false
		}
	}
	return true
}

// assignedExpr is the last expression that a SET list gives a column.
func assignedExpr(set []*ast.SetPair, def *moneyclip.Table, name string) (e ast.Expr, isSet, ok bool) {
	for _, pair := range set {
		for i, id := range pair.Columns {
			if realName(def, fold(id.Name)) != name {
				continue
			}
			isSet = true
			vector, isVector := bare(pair.Value).(*ast.VectorExpr)
			switch {
			case !pair.Paren || len(pair.Columns) == 1:
				e, ok = pair.Value, true
			case isVector && len(vector.List) == len(pair.Columns):
				e, ok = vector.List[i], true
			default:
				e, ok = nil, false
			}
		}
	}
	return e, isSet, ok || !isSet
}

// pinned selects the rows of a write that a trigger makes, or that is in the way of an INSERT: by its pins, which hold
// for all of them.
func (r *reader) pinned(w *moneyclip.Write, def *moneyclip.Table, old, new []string) (string, bool) {
	var conditions []string
	for _, pin := range w.Pins {
		var values []string
		for _, v := range pin.Values {
			value, ok := pinned(v)
			if !ok {
				return "", false
			}
			values = append(values, value)
		}
		column := qualify("t", []string{pin.Column})[0]
		if def.Column(pin.Column) == nil || len(values) == 0 {
			return "", false
		}
		for i, value := range values {
			values[i] = column + " = " + value // one by one: IN would compare with the affinity of no column
		}
		conditions = append(conditions, "("+strings.Join(values, " OR ")+")")
	}
	if len(conditions) == 0 {
		return "", false
	}
	return selectWhere(def, old, new, strings.Join(conditions, " AND "), func(name string) (string, bool) {
		return pinnedNew(w, def, name)
	})
}

// selectWhere selects old and new columns of a table's rows, called t; after says what a row holds in a column afterwards.
func selectWhere(
	def *moneyclip.Table, old, new []string, where string, after func(name string) (string, bool),
) (string, bool) {
	columns := results("t", old)
	for _, name := range new {
		e, ok := after(name)
		if !ok {
			return "", false
		}
		columns = append(columns, e)
	}
	distinct := ""
	if isExact(def, old) && isExact(def, new) {
		distinct = "DISTINCT "
	}
	return fmt.Sprintf("SELECT %s%s FROM main.%s AS t WHERE %s", distinct, strings.Join(columns, ", "), quote(def.Name), where), true
}

// pinned is a parameter or a constant in the text of a query.
func pinned(v moneyclip.Value) (string, bool) {
	switch v.Kind {
	case moneyclip.ValueParam:
		return fmt.Sprintf("?%d", v.Param), true
	case moneyclip.ValueConst:
		return literal(v.Const)
	}
	return "", false
}

// pinnedNew is what a column holds after such a write.
func pinnedNew(w *moneyclip.Write, def *moneyclip.Table, name string) (string, bool) {
	if w.Op == moneyclip.Delete {
		return "NULL", true
	}
	column := def.Column(name)
	if w.SetAll || column == nil || column.Generated {
		return "", false
	}
	for _, a := range slices.Backward(w.Set) {
		if a.Column == name {
			value, ok := pinned(a.Value)
			return "+" + value, ok
		}
	}
	return results("t", []string{name})[0], true
}

// children selects the rows that refer to those which another write touches.
func (r *reader) children(w *moneyclip.Write, def *moneyclip.Table, old, new []string) (string, bool) {
	parent, key := plainTable(r.catalog, w.Parent.Table), w.Key
	if parent == nil || key == nil || len(key.Columns) != len(key.ParentColumns) || len(key.Columns) == 0 {
		return "", false
	}
	for i, name := range key.Columns {
		child, other := def.Column(name), parent.Column(key.ParentColumns[i])
		// A foreign key compares as the parent's column does, and IN as the child's.
		if child == nil || other == nil || child.Class != other.Class {
			return "", false
		}
	}
	rows, ok := r.existing(w.Parent, parent, key.ParentColumns, nil)
	if !ok {
		return "", false
	}
	from := r.cte(key.ParentColumns, rows)
	where := fmt.Sprintf("(%s) IN (SELECT * FROM %s)", strings.Join(qualify("t", key.Columns), ", "), from)
	return selectWhere(def, old, new, where, func(name string) (string, bool) { return childValue(w, def, name) })
}

// childValue is what a foreign key action gives a column of a child.
func childValue(w *moneyclip.Write, def *moneyclip.Table, name string) (string, bool) {
	column := def.Column(name)
	if w.Op == moneyclip.Delete {
		return "NULL", true
	}
	if column == nil || column.Generated {
		return "", false
	}
	if !slices.Contains(w.Key.Columns, name) {
		return results("t", []string{name})[0], true
	}
	action := w.Key.OnUpdate
	if w.Parent.Op == moneyclip.Delete || w.Parent.Op == moneyclip.Insert && w.Parent.Conflict == nil {
		action = w.Key.OnDelete
	}
	switch {
	case action == moneyclip.SetNull:
		return "NULL", true
	case action == moneyclip.SetDefault && column.Default.Kind == moneyclip.ValueConst:
		return literal(column.Default.Const)
	}
	return "", false
}

// targetItem is a table as an item of FROM, and the name by which its columns are qualified there. The schema's name
// keeps a common table expression from standing in for it.
func targetItem(def *moneyclip.Table, as *ast.Ident) (string, *ast.TableRef) {
	item := &ast.TableRef{Name: &ast.QualifiedName{
		Schema: &ast.Ident{Raw: "main"},
		Name:   &ast.Ident{Raw: quote(def.Name)},
	}}
	if as == nil {
		return quote(def.Name), item
	}
	item.Alias, item.HasAs = &ast.Ident{Raw: quote(as.Name)}, true
	return quote(as.Name), item
}

// isExact reports whether values of these columns that are equal are the same. If not, DISTINCT must not take one for
// the other: a trigger can put each of them where they are compared more closely.
func isExact(def *moneyclip.Table, columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool {
		column := def.Column(name)
		return column == nil || collationOf(column) != "BINARY" || affinityIn(column) == affinityBlob
	})
}

func selectText(columns []string, from []*ast.TableRef, where ast.Expr, distinct bool) string {
	q := &ast.SelectQuery{From: from, Where: where}
	if distinct {
		q.Distinct = ast.DistinctDistinct
	}
	for _, column := range columns {
		q.Columns = append(q.Columns, &ast.ResultColumn{Expr: &ast.Ident{Raw: column}})
	}
	return ast.String(q)
}

// isArbitrary reports whether a piece of a statement can choose among rows at will.
func isArbitrary(pieces ...ast.Node) bool {
	found := false
	for _, piece := range pieces {
		ast.Walk(piece, func(n ast.Node) bool {
			switch n.(type) {
			case *ast.Limit, *ast.WindowDef:
				found = true
			}
			return !found
		})
	}
	return found
}

func hasQuery(e ast.Expr) bool {
	found := false
	ast.Walk(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectStmt:
			found = true
		case *ast.InExpr:
			found = found || n.Table != nil
		}
		return !found
	})
	return found
}

// qualify makes column references; table is text, not a name.
func qualify(table string, columns []string) []string {
	refs := make([]string, len(columns))
	for i, column := range columns {
		refs[i] = table + "." + quote(column)
	}
	return refs
}

// results makes result columns of columns. The plus keeps the value as it is stored: drivers look at the declared type
// of a plain column, and make "true" of any number in a BOOLEAN.
func results(table string, columns []string) []string {
	refs := qualify(table, columns)
	for i, ref := range refs {
		refs[i] = "+" + ref
	}
	return refs
}

func nulls(n int) []string {
	return slices.Repeat([]string{"NULL"}, n)
}

func list(items []string, each func(string) string) string {
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(each(item))
	}
	return b.String()
}

// literal writes a constant of the schema or of the statement.
func literal(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'e', -1, 64), true // an exponent keeps it from being an integer
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'", strings.IndexByte(v, 0) < 0
	case []byte:
		return "x'" + hex.EncodeToString(v) + "'", true
	}
	return "", false
}
