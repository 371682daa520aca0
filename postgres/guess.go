package postgres

import (
	"slices"

	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// A guess is whether an expression may be of a type, as far as that shows: there are no types in the tree. It errs on the
// side of texts.
type guess struct {
	*converter
	is   func(typ string) bool
	seen map[string]bool // columns that are being looked at
}

// mayBe reports whether an expression may be of a type.
func (c *converter) mayBe(x *pg.Node, is func(typ string) bool) bool {
	g := guess{c, is, map[string]bool{}}
	return g.expr(x)
}

func (g *guess) expr(x *pg.Node) bool {
	switch n := x.GetNode().(type) {
	case *pg.Node_ColumnRef:
		return g.column(n.ColumnRef)
	case *pg.Node_TypeCast:
		return g.is(g.typeName(n.TypeCast.TypeName))
	case *pg.Node_AExpr:
		if n.AExpr.Kind == pg.A_Expr_Kind_AEXPR_NULLIF {
			return g.expr(n.AExpr.Lexpr)
		}
		return returnsText[lastName(n.AExpr.Name)] && g.text()
	case *pg.Node_FuncCall:
		return g.call(n.FuncCall)
	case *pg.Node_SubLink:
		return g.query(n.SubLink.Subselect.GetSelectStmt())
	case *pg.Node_CoalesceExpr:
		return g.some(n.CoalesceExpr.Args)
	case *pg.Node_MinMaxExpr:
		return g.some(n.MinMaxExpr.Args)
	case *pg.Node_CaseExpr:
		return g.some(n.CaseExpr.Args) || g.expr(n.CaseExpr.Defresult)
	case *pg.Node_CaseWhen:
		return g.expr(n.CaseWhen.Result)
	case *pg.Node_AArrayExpr:
		return g.some(n.AArrayExpr.Elements)
	case *pg.Node_AIndirection:
		if len(texts(n.AIndirection.Indirection)) > 0 {
			return g.text() // a field
		}
		return g.expr(n.AIndirection.Arg)
	case *pg.Node_CollateClause:
		return g.expr(n.CollateClause.Arg)
	case *pg.Node_NamedArgExpr:
		return g.expr(n.NamedArgExpr.Arg)
	case *pg.Node_SortBy:
		return g.expr(n.SortBy.Node)
	case *pg.Node_XmlSerialize:
		return g.is(g.typeName(n.XmlSerialize.TypeName))
	case *pg.Node_JsonSerializeExpr:
		return g.returned(n.JsonSerializeExpr.Output, true)
	case *pg.Node_JsonFuncExpr:
		return g.returned(n.JsonFuncExpr.Output, n.JsonFuncExpr.Op == pg.JsonExprOp_JSON_VALUE_OP)
	}
	return false
}

// text is the guess for what may be a text.
func (g *guess) text() bool { return g.is("text") }

func (g *guess) some(list []*pg.Node) bool { return slices.ContainsFunc(list, g.expr) }

// returned is the guess for a function of JSON that may say what it returns.
func (g *guess) returned(output *pg.JsonOutput, isText bool) bool {
	if typ := output.GetTypeName(); typ != nil {
		return g.is(g.typeName(typ))
	}
	return isText && g.text()
}

// query is the guess for the rows of a SELECT.
func (g *guess) query(s *pg.SelectStmt) bool {
	switch {
	case s == nil:
		return false
	case s.Larg != nil:
		return g.query(s.Larg) || g.query(s.Rarg)
	}
	return slices.ContainsFunc(s.TargetList, func(node *pg.Node) bool { return g.expr(node.GetResTarget().GetVal()) }) ||
		slices.ContainsFunc(s.ValuesLists, func(node *pg.Node) bool { return g.some(node.GetList().GetItems()) })
}

// What is known of the functions of a name.
const (
	perhapsText = iota + 1 // some return texts, or what their arguments are
	returnsRows            // with columns of any name
	alwaysText
)

// returns :: how the catalog's query says it → what is known
var returns = map[string]int{"perhaps": perhapsText, "rows": returnsRows, "text": alwaysText}

func (g *guess) call(f *pg.FuncCall) bool {
	switch g.resultOf(lastName(f.Funcname)) {
	case alwaysText:
		return g.text()
	case perhapsText:
		return g.some(f.Args) || g.some(f.AggOrder)
	}
	return false
}

func (g *guess) resultOf(function string) int {
	switch {
	case g.facts != nil && len(g.facts.returns) > 0:
		return g.facts.returns[function]
	case returnsText[function]:
		return alwaysText
	case sameType[function]:
		return perhapsText
	}
	return 0
}

// returnsText are well-known functions and operators that return a text.
var returnsText = words(`
	-> ->> #>> || lower upper initcap trim btrim ltrim rtrim concat concat_ws substring substr replace translate left right lpad rpad
	split_part format to_char regexp_replace regexp_substr regexp_match regexp_split_to_array string_to_array array_to_string normalize
	quote_ident json_extract_path_text jsonb_extract_path_text convert_from repeat casefold
	string_agg quote_literal reverse overlay`)

// sameType are functions that return one of their arguments.
var sameType = words("min max nullif first_value last_value nth_value lag lead any_value array_agg array_sort array_reverse mode unnest")

// column is the guess for a name. It is that of any column of a table, or of anything to which the statement gives it.
func (g *guess) column(ref *pg.ColumnRef) bool {
	names := texts(ref.Fields)
	if len(names) < len(ref.Fields) {
		return g.text() // all columns
	}
	name, of := names[len(names)-1], ""
	if len(names) > 1 {
		of = names[len(names)-2]
	}
	full := of + "." + name
	if g.catalog == nil || g.seen[full] {
		return false
	}
	g.seen[full] = true
	found, is := false, false
	note := func(may bool) { found, is = true, is || may }
	for _, t := range g.catalog.Tables {
		if col := t.Column(name); col != nil {
			note(g.is(col.Type))
		}
	}
	g.named(of, name, note)
	if g.mayCall(query.Column{Table: of, Name: name}) {
		note(g.text())
	}
	if !found {
		return g.text()
	}
	return is
}

// named notes a guess for each thing in the statement that may have a name, as a column of one that is called of, unless
// that is empty, or a join, which hides the names of what it joins.
func (g *guess) named(of, name string, note func(may bool)) {
	if g.isJoin(of) {
		of = ""
	}
	ofFunctions := map[*pg.Alias]bool{}
	walk(g.whole, func(message any) bool {
		switch m := message.(type) {
		case *pg.ResTarget:
			if m.Name == name || m.Name == "" && columnName(m.Val) == name {
				note(g.expr(m.Val))
			}
		case *pg.RangeFunction:
			ofFunctions[m.Alias] = true
			if alias := m.Alias.GetAliasname(); of == "" || alias == "" || alias == of {
				g.function(m, name, note)
			}
		case *pg.Alias:
			if slices.Contains(texts(m.Colnames), name) && !ofFunctions[m] {
				note(g.text())
			}
		case *pg.CommonTableExpr:
			if slices.Contains(texts(m.Aliascolnames), name) {
				note(g.text())
			}
		case *pg.ColumnDef:
			g.defined(m.Colname == name, m.TypeName, note)
		case *pg.JsonTableColumn:
			g.defined(m.Name == name, m.TypeName, note)
		case *pg.RangeTableFuncCol:
			g.defined(m.Colname == name, m.TypeName, note)
		}
		return true
	})
}

// isJoin reports whether a name is that of a join somewhere in the statement.
func (g *guess) isJoin(name string) bool {
	found := false
	walk(g.whole, func(message any) bool {
		if join, ok := message.(*pg.JoinExpr); ok && name != "" && join.Alias.GetAliasname() == name {
			found = true
		}
		return true
	})
	return found
}

// defined notes the type that a definition gives to what it names.
func (g *guess) defined(isNamed bool, typ *pg.TypeName, note func(may bool)) {
	if isNamed {
		note(typ != nil && g.is(g.typeName(typ)))
	}
}

// function notes what functions in FROM return, if the name may be that of a column of theirs. Where columns are defined,
// these say more.
func (g *guess) function(f *pg.RangeFunction, name string, note func(may bool)) {
	columns := texts(f.Alias.GetColnames())
	isNamed := f.Alias.GetAliasname() == name || slices.Contains(columns, name)
	for _, node := range f.Functions {
		items := node.GetList().GetItems()
		call := items[0].GetFuncCall()
		defined := len(f.Coldeflist) > 0 || len(items) > 1 && items[1].GetList() != nil
		switch {
		case call == nil || defined:
		case g.resultOf(lastName(call.Funcname)) == returnsRows:
			if len(columns) == 0 || isNamed {
				note(g.text())
			}
		case isNamed || columnName(items[0]) == name:
			note(g.call(call))
		}
	}
}

func lastName(names []*pg.Node) string {
	_, name := lastOf(texts(names))
	return name
}
