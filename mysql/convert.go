package mysql

import (
	"math"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
	"github.com/sqlc-dev/marino/mysql"
	"github.com/sqlc-dev/marino/opcode"
	"github.com/sqlc-dev/marino/types"
)

// converter turns the parser's tree of one statement into the common one.
type converter struct {
	own     *schema
	catalog *moneyclip.Catalog
	src     *source // numbers the parameters

	// calls says why the statement may write anything, sets why it may have changed the session; empty: it does not.
	calls, sets string
	// failed says that there is something in the statement which the common tree has no words for.
	failed bool
	// partitions says that partitions are named: of these it is not known which columns decide what is in them.
	partitions bool

	// unnumbered says that the parameters are those of another text.
	unnumbered bool

	ctes map[string]bool // names of common table expressions, wherever they stand

	// times and dates are names that the statement gives to what may be a time of day, or a date.
	times, dates map[string]bool

	// In the body of a trigger: local variables, and that NEW and OLD are rows.
	locals  map[string]bool
	trigger bool

	// In ON DUPLICATE KEY UPDATE: the names of the new row and of its columns.
	conflict bool
	rowAlias string
	renamed  map[string]string // :: alias of a column → column
}

func impure(reason string, parts ...query.Expr) query.Other {
	return query.Other{Parts: parts, Impure: reason}
}

func other(parts ...query.Expr) query.Other { return query.Other{Parts: parts} }

func (c *converter) exprs(list []ast.ExprNode) []query.Expr {
	var out []query.Expr
	for _, e := range list {
		out = append(out, c.expr(e))
	}
	return out
}

// parts is an expression of which only that matters what it reads.
func (c *converter) parts(list ...ast.ExprNode) query.Expr { return other(c.exprs(list)...) }

// expr converts an expression.
func (c *converter) expr(e ast.ExprNode) query.Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case *ast.ParenthesesExpr:
		return c.expr(e.Expr)
	case *ast.ColumnNameExpr:
		return c.column(e.Name)
	case *ast.ParamMarkerExprBase:
		return c.parameter(e)
	case *ast.ValueExprBase:
		return constant(e, false)
	case *ast.UnaryOperationExpr:
		if v, ok := e.V.(*ast.ValueExprBase); ok && e.Op == opcode.Minus {
			return constant(v, true)
		}
		return c.parts(e.V)
	case *ast.BinaryOperationExpr:
		x, y := c.expr(e.L), c.expr(e.R)
		if e.Op == opcode.LogicAnd {
			return query.And{X: x, Y: y}
		}
		reason := c.mixes(e.L, e.R)
		if e.Op == opcode.EQ && reason == "" {
			return query.Equal{X: x, Y: y}
		}
		return impure(reason, x, y)
	case *ast.PatternInExpr:
		return c.in(e)
	case *ast.RowExpr:
		return query.Row{List: c.exprs(e.Values)}
	case *ast.FuncCallExpr:
		return c.call(e)
	case *ast.VariableExpr:
		return c.variable(e)
	case *ast.ValuesExpr:
		if !c.conflict {
			return other() // NULL
		}
		return query.Column{Table: "excluded", Name: e.Column.Name.Name.L}
	}
	return c.compound(e)
}

// compound converts an expression that is neither a value nor an equality: only what it reads matters.
func (c *converter) compound(e ast.ExprNode) query.Expr {
	switch e := e.(type) {
	case *ast.SubqueryExpr:
		return query.Subquery{Query: c.query(e.Query)}
	case *ast.ExistsSubqueryExpr:
		return c.parts(e.Sel)
	case *ast.CompareSubqueryExpr:
		return impure(c.mixes(e.L, e.R), c.exprs([]ast.ExprNode{e.L, e.R})...)
	case *ast.BetweenExpr:
		return impure(c.mixes(e.Expr, e.Left, e.Right), c.exprs([]ast.ExprNode{e.Expr, e.Left, e.Right})...)
	case *ast.IsNullExpr:
		return c.parts(e.Expr)
	case *ast.IsTruthExpr:
		return c.parts(e.Expr)
	case *ast.PatternLikeOrIlikeExpr:
		return c.parts(e.Expr, e.Pattern)
	case *ast.PatternRegexpExpr:
		return c.parts(e.Expr, e.Pattern)
	case *ast.SetCollationExpr:
		return c.parts(e.Expr)
	case *ast.FuncCastExpr:
		return c.cast(e)
	case *ast.CaseExpr:
		compared, results := []ast.ExprNode{e.Value}, []ast.ExprNode{e.ElseClause}
		for _, when := range e.WhenClauses {
			compared, results = append(compared, when.Expr), append(results, when.Result)
		}
		reason := c.mixes(results...)
		if e.Value != nil && reason == "" {
			reason = c.mixes(compared...)
		}
		return impure(reason, c.exprs(append(compared, results...))...)
	case *ast.AggregateFuncExpr:
		return other(append(c.exprs(e.Args), c.ordering(e.Order)...)...)
	case *ast.WindowFuncExpr:
		return other(append(c.exprs(e.Args), c.window(&e.Spec)...)...)
	case *ast.DefaultExpr:
		if e.Name != nil {
			return impure("returns the default of a column, which may be computed anew each time")
		}
		return other() // the word alone, as what is to be written
	case *ast.TrimDirectionExpr, *ast.TimeUnitExpr, *ast.GetFormatSelectorExpr, *ast.PositionExpr, *ast.MaxValueExpr:
		return other()
	case *ast.JSONValueExpr:
		all := []ast.ExprNode{e.Doc, e.Path}
		for _, on := range []*ast.JSONOnResponse{e.OnEmpty, e.OnError} {
			if on != nil {
				all = append(all, on.Value)
			}
		}
		return c.parts(all...)
	case *ast.MatchAgainst:
		var columns []query.Expr
		for _, name := range e.ColumnNames {
			columns = append(columns, c.column(name))
		}
		return impure("calls MATCH, whose result depends on every row of the table", append(columns, c.expr(e.Against))...)
	}
	return query.Opaque{Impure: "has an expression that is not understood"}
}

// column converts a name. A name without a table may be that of a variable in the body of a trigger.
func (c *converter) column(name *ast.ColumnName) query.Expr {
	col := query.Column{Schema: c.own.table(name.Schema.O), Table: c.own.table(name.Table.O), Name: name.Name.L}
	if col.Schema == c.own.database {
		col.Schema = ""
	}
	switch {
	case col.Table == "" && c.locals[col.Name]:
		return other()
	case c.trigger && (name.Table.L == "new" || name.Table.L == "old"):
		col.Table = name.Table.L
	case c.rowAlias != "" && col.Table == c.rowAlias:
		col.Table = "excluded"
		if real, ok := c.renamed[col.Name]; ok {
			col.Name = real
		}
	case col.Table == "" && c.renamed[col.Name] != "":
		return query.Column{Table: "excluded", Name: c.renamed[col.Name]}
	case c.conflict && col.Table == "excluded":
		return other() // a table of that name
	}
	return col
}

func (c *converter) parameter(e *ast.ParamMarkerExprBase) query.Expr {
	if c.unnumbered {
		return other()
	}
	n := c.src.number(e.Offset)
	if n == 0 {
		c.failed = true
	}
	return query.Operand{Value: moneyclip.Value{Kind: moneyclip.ValueParam, Param: n}}
}

// constant converts a literal, with or without a minus. Decimal, binary and bit literals and texts with a character set
// of their own compare in ways that depend on the other side.
func constant(e *ast.ValueExprBase, negative bool) query.Expr {
	value := func(v any) query.Expr {
		return query.Operand{Value: moneyclip.Value{Kind: moneyclip.ValueConst, Const: v}}
	}
	switch e.Kind() {
	case ast.KindInt64:
		if n := e.GetInt64(); negative {
			return value(-n)
		}
		return value(e.GetInt64())
	case ast.KindFloat64:
		f := e.GetFloat64()
		if math.IsInf(f, 0) {
			return other()
		}
		if negative {
			f = -f
		}
		return value(f)
	case ast.KindNull:
		if !negative {
			return value(nil)
		}
	case ast.KindString:
		if !negative && e.Type.GetFlag()&mysql.UnderScoreCharsetFlag == 0 {
			return value(e.GetString())
		}
	}
	return other()
}

func (c *converter) in(e *ast.PatternInExpr) query.Expr {
	x := c.expr(e.Expr)
	if e.Sel != nil {
		return impure(c.mixes(e.Expr, e.Sel), x, c.expr(e.Sel))
	}
	if reason := c.mixes(append([]ast.ExprNode{e.Expr}, e.List...)...); reason != "" {
		return impure(reason, append(c.exprs(e.List), x)...)
	}
	if e.Not {
		return other(append(c.exprs(e.List), x)...)
	}
	return query.In{X: x, List: c.exprs(e.List)}
}

func (c *converter) variable(e *ast.VariableExpr) query.Expr {
	switch {
	case e.Value != nil:
		c.sets = "assigns @" + strings.ToLower(e.Name)
		return impure(c.sets, c.expr(e.Value))
	case e.IsSystem:
		return impure("reads @@" + strings.ToLower(e.Name))
	}
	return impure("reads @" + strings.ToLower(e.Name))
}

func (c *converter) call(e *ast.FuncCallExpr) query.Expr {
	args := c.exprs(e.Args)
	name := e.FnName.L
	var reason string
	if e.Schema.L != "" {
		reason = "calls " + e.Schema.L + "." + name + "(), which is stored in a database"
		c.calls = reason
		return impure(reason, args...)
	}
	reason, mayWrite := c.own.judge(name, len(args))
	if mayWrite {
		c.calls = reason
	}
	if reason == "" && dating[name] && c.hasTime(e.Args...) {
		reason = completes
	}
	if reason == "" && merging[name] {
		reason = c.mixes(e.Args...)
	}
	return impure(reason, args...)
}

func (c *converter) cast(e *ast.FuncCastExpr) query.Expr {
	reason := ""
	if e.Tp.EvalType() == types.ETDatetime && c.hasTime(e.Expr) {
		reason = completes
	}
	return impure(reason, c.expr(e.Expr))
}

// window is what a window reads.
func (c *converter) window(spec *ast.WindowSpec) []query.Expr {
	var parts []query.Expr
	if spec.PartitionBy != nil {
		parts = c.items(spec.PartitionBy.Items)
	}
	return append(parts, c.ordering(spec.OrderBy)...) // a frame's ends are numbers
}

func (c *converter) ordering(clause *ast.OrderByClause) []query.Expr {
	if clause == nil {
		return nil
	}
	return c.items(clause.Items)
}

func (c *converter) items(items []*ast.ByItem) []query.Expr {
	var parts []query.Expr
	for _, item := range items {
		parts = append(parts, c.expr(item.Expr))
	}
	return parts
}

// finder looks for a node.
type finder func(ast.Node) bool

func (f finder) in(n ast.Node) bool {
	if n == nil {
		return false
	}
	v := &visitor{find: f}
	n.Accept(v)
	return v.found
}

type visitor struct {
	find  finder
	found bool
}

// Enter implements [ast.Visitor].
func (v *visitor) Enter(n ast.Node) (ast.Node, bool) {
	v.found = v.found || v.find(n)
	return n, v.found
}

// Leave implements [ast.Visitor].
func (v *visitor) Leave(n ast.Node) (ast.Node, bool) { return n, true }
