package sqlite

import (
	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/meyer/ast"
)

// From the parser's tree to the one on which all dialects' statements are analysed.

// meaning is what SQLite adds to the tree.
var meaning = &query.Dialect{
	// The value has been through the other column's affinity, and goes through this one's now.
	Carries: func(from, to *moneyclip.Column) bool { return affinityOf(from.Type) == affinityOf(to.Type) },
	Impure:  tableImpurity,
	Hidden:  isRowid,
	Real:    realName,
	Unknown: "which is not a table of the main database",
	Home:    "main",
	Wide:    true,
}

func selectTree(stmt *ast.SelectStmt) *query.Query {
	q := &query.Query{With: withTree(stmt.With)}
	for _, core := range stmt.Cores {
		switch core := core.(type) {
		case *ast.ValuesClause:
			q.Cores = append(q.Cores, &query.Select{Values: rowsTree(core)})
		case *ast.SelectQuery:
			q.Cores = append(q.Cores, coreTree(core))
		}
	}
	return q
}

func withTree(clause *ast.With) *query.With {
	if clause == nil {
		return nil
	}
	// The word RECURSIVE changes nothing.
	w := &query.With{Recursive: true, Forward: true}
	for _, def := range clause.CTEs {
		w.CTEs = append(w.CTEs, &query.CTE{Name: fold(def.Name.Name), Columns: foldAll(def.Columns), Query: selectTree(def.Select)})
	}
	return w
}

func rowsTree(clause *ast.ValuesClause) [][]query.Expr {
	var rows [][]query.Expr
	for _, row := range clause.Rows {
		rows = append(rows, exprTrees(row))
	}
	return rows
}

func coreTree(q *ast.SelectQuery) *query.Select {
	s := &query.Select{Results: resultTrees(q.Columns), From: fromTree(q.From), Where: exprTree(q.Where)}
	s.Rest = append(exprTrees(q.GroupBy), exprTree(q.Having))
	for _, window := range q.Windows {
		s.Rest = append(s.Rest, windowTrees(window)...)
	}
	s.Rest = append(s.Rest, restTrees(q.OrderBy, q.Limit)...)
	return s
}

func resultTrees(columns []*ast.ResultColumn) []query.Result {
	var results []query.Result
	for _, column := range columns {
		r := query.Result{Expr: exprTree(column.Expr), IsAlias: column.Alias != nil}
		// A result without a name of its own is called by its text, in a spelling of SQLite's choice.
		switch e := column.Expr.(type) {
		case *ast.Ident:
			r.Name = fold(e.Name)
		case *ast.QualifiedRef:
			r.Name = fold(e.Parts[len(e.Parts)-1].Name)
		}
		if r.IsAlias {
			r.Name = fold(column.Alias.Name)
		}
		results = append(results, r)
	}
	return results
}

// fromTree makes one tree of the items of a FROM clause, or nil if there are none.
func fromTree(items []*ast.TableRef) *query.Item {
	var from *query.Item
	for _, item := range items {
		if from == nil {
			from = firstTree(item)
			continue
		}
		next := itemTree(item)
		j := &query.Join{Left: from, Right: next, On: exprTree(item.On), Using: foldAll(item.Using)}
		if item.Join != nil {
			j.Natural, j.Kind = item.Join.Type&ast.JoinNatural != 0, joinKind(item.Join.Type)
		}
		from = &query.Item{Join: j}
	}
	return from
}

func joinKind(t ast.JoinType) query.JoinKind {
	switch {
	case t&ast.JoinRight != 0, t&(ast.JoinLeft|ast.JoinOuter) == ast.JoinOuter:
		return query.OutwardJoin
	case t&ast.JoinLeft != 0:
		return query.LeftJoin
	}
	return query.InnerJoin
}

// firstTree is the first item of a FROM clause: there SQLite takes the parentheses around a list away.
func firstTree(ref *ast.TableRef) *query.Item {
	if ref.List != nil && ref.Alias == nil {
		return fromTree(ref.List)
	}
	return itemTree(ref)
}

func itemTree(ref *ast.TableRef) *query.Item {
	item := &query.Item{}
	switch {
	case ref.Select != nil:
		item.Query = selectTree(ref.Select)
	case ref.List != nil:
		item = fromTree(ref.List)
		item.Whole = true // SQLite makes a subquery of the list, with "*"
	default:
		item = tableTree(ref.Name, ref.HasArgs, ref.Args)
	}
	if ref.Alias != nil {
		item.Alias = fold(ref.Alias.Name)
	}
	return item
}

func allOf(item *query.Item) *query.Query {
	return &query.Query{Cores: []*query.Select{{Results: []query.Result{{Expr: query.Star{}}}, From: item}}}
}

// tableTree is a table, or a table-valued function.
func tableTree(name *ast.QualifiedName, isCall bool, args []ast.Expr) *query.Item {
	schema, table := tableName(name)
	if isCall {
		return &query.Item{Call: callTree(table, args)}
	}
	return &query.Item{Schema: schema, Table: table}
}

func tableName(name *ast.QualifiedName) (schema, table string) {
	if name.Schema != nil {
		schema = fold(name.Schema.Name)
	}
	return schema, fold(name.Name.Name)
}

func foldAll(names []*ast.Ident) []string {
	var folded []string
	for _, name := range names {
		folded = append(folded, fold(name.Name))
	}
	return folded
}

func writeTree(stmt ast.Stmt) *query.Write {
	switch stmt := stmt.(type) {
	case *ast.InsertStmt:
		return insertTree(stmt)
	case *ast.UpdateStmt:
		return updateTree(stmt)
	case *ast.DeleteStmt:
		w := &query.Write{
			Op: moneyclip.Delete, With: withTree(stmt.With), Where: exprTree(stmt.Where), Rest: restTrees(stmt.OrderBy, stmt.Limit),
			Returning: resultTrees(stmt.Returning), Native: stmt,
		}
		setTarget(w, stmt.Table, stmt.Alias)
		return w
	}
	return nil
}

func setTarget(w *query.Write, name *ast.QualifiedName, alias *ast.Ident) {
	w.Schema, w.Table = tableName(name)
	if alias != nil {
		w.Alias = fold(alias.Name)
	}
}

func updateTree(stmt *ast.UpdateStmt) *query.Write {
	w := &query.Write{
		Op: moneyclip.Update, With: withTree(stmt.With), From: fromTree(stmt.From), Where: exprTree(stmt.Where),
		Set: setTrees(stmt.Set), Rest: restTrees(stmt.OrderBy, stmt.Limit), Replace: stmt.OrConflict == ast.ConflictReplace,
		Returning: resultTrees(stmt.Returning), Native: stmt,
	}
	setTarget(w, stmt.Table, stmt.Alias)
	return w
}

// leaves reports whether a row that cannot be written stays as it is, and so does what was done before it.
func leaves(action ast.ConflictAction) bool {
	return action == ast.ConflictIgnore || action == ast.ConflictFail
}

func insertTree(stmt *ast.InsertStmt) *query.Write {
	w := &query.Write{
		Op: moneyclip.Insert, With: withTree(stmt.With), Columns: foldAll(stmt.Columns), Defaults: stmt.DefaultValues,
		Replace: stmt.Replace || stmt.OrConflict == ast.ConflictReplace, Ignore: leaves(stmt.OrConflict),
		Returning: resultTrees(stmt.Returning), Native: stmt,
	}
	setTarget(w, stmt.Table, stmt.Alias)
	if clause := plainValues(stmt.Select); clause != nil {
		w.Rows = rowsTree(clause)
	} else if !stmt.DefaultValues {
		w.Query = selectTree(stmt.Select)
	}
	for _, u := range stmt.Upserts {
		w.Conflict = append(w.Conflict, query.Conflict{
			Target: orderTrees(u.Target), Where: exprTree(u.TargetWhere), Nothing: u.DoNothing, Set: setTrees(u.Set), If: exprTree(u.Where),
		})
	}
	return w
}

// plainValues is the VALUES clause that is the whole of a query, or nil.
func plainValues(stmt *ast.SelectStmt) *ast.ValuesClause {
	if stmt == nil || stmt.With != nil || len(stmt.Cores) != 1 {
		return nil
	}
	clause, _ := stmt.Cores[0].(*ast.ValuesClause)
	return clause
}

func setTrees(pairs []*ast.SetPair) []query.Set {
	var set []query.Set
	for _, pair := range pairs {
		set = append(set, query.Set{Columns: foldAll(pair.Columns), Value: exprTree(pair.Value)})
	}
	return set
}

func restTrees(orderBy []*ast.OrderingTerm, limit *ast.Limit) []query.Expr {
	rest := orderTrees(orderBy)
	if limit != nil {
		rest = append(rest, exprTree(limit.Count), exprTree(limit.Offset))
	}
	return rest
}

func orderTrees(terms []*ast.OrderingTerm) []query.Expr {
	var trees []query.Expr
	for _, term := range terms {
		trees = append(trees, exprTree(term.Expr))
	}
	return trees
}

func windowTrees(w *ast.WindowDef) []query.Expr {
	trees := append(exprTrees(w.Partition), orderTrees(w.OrderBy)...)
	for _, bound := range []*ast.FrameBound{w.StartBound, w.EndBound} {
		if bound != nil {
			trees = append(trees, exprTree(bound.Expr))
		}
	}
	return trees
}

func exprTrees(list []ast.Expr) []query.Expr {
	var trees []query.Expr
	for _, e := range list {
		trees = append(trees, exprTree(e))
	}
	return trees
}

// other is an expression that reads some others and is pure.
func other(parts ...ast.Expr) query.Other { return query.Other{Parts: exprTrees(parts)} }

func exprTree(e ast.Expr) query.Expr {
	if v, ok := constant(e); ok {
		return query.Operand{Value: moneyclip.Value{Kind: moneyclip.ValueConst, Const: v}}
	}
	switch e := bare(e).(type) {
	case nil:
		return nil
	case *ast.BindParam:
		if e.Number < 1 || e.Number > maxParam {
			return query.Other{}
		}
		return query.Operand{Value: moneyclip.Value{Kind: moneyclip.ValueParam, Param: e.Number}}
	case *ast.Literal:
		switch e.Kind {
		case ast.LitCurrentDate, ast.LitCurrentTime, ast.LitCurrentTimestamp:
			return query.Other{Impure: "reads " + e.Raw}
		}
		return query.Other{}
	case *ast.Ident:
		return nameTree(e)
	case *ast.QualifiedRef:
		return qualifiedTree(e)
	case *ast.Star:
		if e.Table != nil {
			return query.Star{Table: fold(e.Table.Name)}
		}
		return query.Star{}
	case *ast.BinaryExpr:
		switch e.Op {
		case ast.OpAnd:
			return query.And{X: exprTree(e.X), Y: exprTree(e.Y)}
		case ast.OpEq:
			return query.Equal{X: exprTree(e.X), Y: exprTree(e.Y)}
		}
		return other(e.X, e.Y)
	case *ast.InExpr:
		return inTree(e)
	case *ast.VectorExpr:
		return query.Row{List: exprTrees(e.List)}
	case *ast.ExistsExpr:
		return query.Subquery{Query: selectTree(e.Select)}
	case *ast.SubqueryExpr:
		return query.Subquery{Query: selectTree(e.Select)}
	}
	return otherTree(bare(e))
}

// otherTree is an expression that equals nothing to anything.
func otherTree(e ast.Expr) query.Expr {
	switch e := e.(type) {
	case *ast.FuncCall:
		o := query.Other{Impure: callImpurity(e), Parts: append(exprTrees(e.Args), orderTrees(e.OrderBy)...)}
		o.Parts = append(o.Parts, exprTree(e.Filter))
		if e.Over != nil {
			o.Parts = append(o.Parts, windowTrees(e.Over)...)
		}
		return o
	case *ast.LikeExpr:
		o := other(e.X, e.Y, e.Escape)
		o.Impure = likeImpurity(e)
		return o
	case *ast.CollateExpr:
		o := other(e.X)
		o.Impure = collationImpurity(e)
		return o
	case *ast.UnaryExpr:
		return other(e.X)
	case *ast.CastExpr:
		return other(e.X)
	case *ast.IsExpr:
		return other(e.X, e.Y)
	case *ast.NullCheckExpr:
		return other(e.X)
	case *ast.BetweenExpr:
		return other(e.X, e.Lo, e.Hi)
	case *ast.CaseExpr:
		o := other(e.Operand)
		for _, when := range e.Whens {
			o.Parts = append(o.Parts, exprTree(when.When), exprTree(when.Then))
		}
		o.Parts = append(o.Parts, exprTree(e.Else))
		return o
	case *ast.RaiseExpr:
		return other(e.Message)
	}
	return query.Opaque{}
}

// nameTree is a name that stands for a column or, where no column bears it, for TRUE, FALSE or a text in the wrong quotes.
func nameTree(id *ast.Ident) query.Expr {
	c := query.Column{Name: fold(id.Name)}
	word := func(v any) { c.Word = &moneyclip.Value{Kind: moneyclip.ValueConst, Const: v} }
	switch {
	case id.Quote == ast.QuoteSingle:
		return query.Other{Parts: []query.Expr{c}}
	case id.Quote == ast.QuoteDouble:
		word(id.Name)
	case id.Quote == ast.QuoteNone && c.Name == "true":
		word(int64(1))
	case id.Quote == ast.QuoteNone && c.Name == "false":
		word(int64(0))
	}
	return c
}

func qualifiedTree(ref *ast.QualifiedRef) query.Expr {
	n := len(ref.Parts)
	c := query.Column{Table: fold(ref.Parts[n-2].Name), Name: fold(ref.Parts[n-1].Name)}
	if n == 3 {
		c.Schema = fold(ref.Parts[0].Name)
	}
	return c
}

func inTree(e *ast.InExpr) query.Expr {
	switch {
	case e.Select != nil:
		return query.Subquery{X: exprTree(e.X), Query: selectTree(e.Select)}
	case e.Table != nil:
		return query.Subquery{X: exprTree(e.X), Query: allOf(tableTree(e.Table, e.HasArgs, e.Args))}
	case e.Not:
		return other(append([]ast.Expr{e.X}, e.List...)...)
	}
	return query.In{X: exprTree(e.X), List: exprTrees(e.List)}
}

// isRowid reports whether a name stands for the rowid where no column bears it.
func isRowid(name string) bool { return name == "rowid" || name == "oid" || name == "_rowid_" }

// realName is the name of a column, with one name for the rowid: that of the column that is the rowid, if there is one.
func realName(def *moneyclip.Table, name string) string {
	switch {
	case !isRowid(name), def != nil && def.Column(name) != nil:
		return name
	case def != nil && def.Serial != "":
		return def.Serial
	}
	for _, alias := range []string{"rowid", "_rowid_", "oid"} {
		if def == nil || def.Column(alias) == nil {
			return alias
		}
	}
	return name
}
