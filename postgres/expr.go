package postgres

import (
	"fmt"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func (c *converter) exprs(list []*pg.Node) []query.Expr {
	var out []query.Expr
	for _, node := range list {
		out = append(out, c.one(node)...)
	}
	return out
}

// one is an expression as a list, empty if there is none.
func (c *converter) one(node *pg.Node) []query.Expr {
	if e := c.expr(node); e != nil {
		return []query.Expr{e}
	}
	return nil
}

// expr converts an expression.
func (c *converter) expr(node *pg.Node) query.Expr {
	switch n := node.GetNode().(type) {
	case nil:
		return nil
	case *pg.Node_ColumnRef:
		return c.column(n.ColumnRef)
	case *pg.Node_ParamRef:
		if n.ParamRef.Number < 1 || n.ParamRef.Number > maxParam {
			return query.Opaque{Impure: "has a parameter that no statement can have"}
		}
		return query.Operand{Value: moneyclip.Value{Kind: moneyclip.ValueParam, Param: int(n.ParamRef.Number)}}
	case *pg.Node_AConst:
		return c.constant(n.AConst)
	case *pg.Node_TypeCast:
		return c.cast(n.TypeCast)
	case *pg.Node_AExpr:
		return c.operator(n.AExpr)
	case *pg.Node_BoolExpr:
		return c.boolean(n.BoolExpr)
	case *pg.Node_RowExpr:
		return query.Row{List: c.exprs(n.RowExpr.Args)}
	case *pg.Node_SubLink:
		return c.subquery(n.SubLink)
	case *pg.Node_FuncCall:
		return c.call(n.FuncCall)
	case *pg.Node_SqlvalueFunction:
		return query.Other{Impure: "reads the clock or the session"}
	case *pg.Node_CurrentOfExpr:
		return query.Opaque{Impure: "names a cursor"}
	case *pg.Node_WindowDef:
		return query.Other{Parts: c.window(n.WindowDef)}
	case *pg.Node_SelectStmt:
		return query.Subquery{Query: c.query(n.SelectStmt)}
	case *pg.Node_List:
		return query.Other{Parts: c.exprs(n.List.Items)}
	case *pg.Node_AIndirection:
		return query.Other{Parts: append(c.children(inside(node)), c.indirection(n.AIndirection)...)}
	case *pg.Node_JsonFuncExpr:
		c.makes(n.JsonFuncExpr.Output.GetTypeName())
		return query.Other{Parts: c.children(n.JsonFuncExpr)}
	case *pg.Node_SetToDefault, *pg.Node_CaseExpr, *pg.Node_CaseWhen, *pg.Node_AArrayExpr,
		*pg.Node_AIndices, *pg.Node_CoalesceExpr, *pg.Node_MinMaxExpr, *pg.Node_XmlExpr, *pg.Node_XmlSerialize,
		*pg.Node_NullTest, *pg.Node_BooleanTest, *pg.Node_GroupingFunc, *pg.Node_GroupingSet, *pg.Node_SortBy,
		*pg.Node_CollateClause, *pg.Node_NamedArgExpr, *pg.Node_ResTarget, *pg.Node_MergeSupportFunc, *pg.Node_JsonIsPredicate,
		*pg.Node_JsonObjectConstructor, *pg.Node_JsonArrayConstructor,
		*pg.Node_JsonArrayQueryConstructor, *pg.Node_JsonObjectAgg, *pg.Node_JsonArrayAgg, *pg.Node_JsonKeyValue,
		*pg.Node_JsonParseExpr, *pg.Node_JsonScalarExpr, *pg.Node_JsonSerializeExpr, *pg.Node_JsonValueExpr:
		return query.Other{Parts: c.children(inside(node))}
	}
	return query.Opaque{Impure: "holds an expression that is not understood"}
}

// inside is the message that a node is an envelope of.
func inside(node *pg.Node) protoreflect.ProtoMessage {
	var found protoreflect.ProtoMessage
	below(node.ProtoReflect(), func(child protoreflect.Message) { found = child.Interface() })
	return found
}

// children are the expressions in a message, whatever it is.
func (c *converter) children(message protoreflect.ProtoMessage) []query.Expr {
	var parts []query.Expr
	below(message.ProtoReflect(), func(child protoreflect.Message) {
		switch m := child.Interface().(type) {
		case *pg.Node:
			switch m.GetNode().(type) {
			case *pg.Node_String_, *pg.Node_AStar:
				return // names, and what "*" stands for is said by what is before it
			case *pg.Node_List, *pg.Node_RangeTableFuncCol, *pg.Node_JsonTableColumn, *pg.Node_JsonArgument:
				parts = append(parts, c.children(inside(m))...)
				return
			}
			parts = append(parts, c.one(m)...)
		case *pg.TypeName, *pg.Alias:
		case *pg.SelectStmt:
			parts = append(parts, query.Subquery{Query: c.query(m)})
		default:
			parts = append(parts, c.children(m)...)
		}
	})
	return parts
}

// column converts a name: of a column, of a row, or of all columns.
func (c *converter) column(ref *pg.ColumnRef) query.Expr {
	names := texts(ref.Fields)
	if len(names) < len(ref.Fields) { // the last is a star
		if len(names) == 0 {
			return query.Star{}
		}
		return query.Star{Table: names[len(names)-1]}
	}
	col := query.Column{Name: names[len(names)-1]}
	if len(names) > 1 {
		col.Table = names[len(names)-2]
	}
	if len(names) > 2 {
		col.Schema = names[len(names)-3]
	}
	switch {
	case systemColumns[col.Name]:
		return query.Other{Parts: []query.Expr{col}, Impure: fmt.Sprintf("reads %s, which is no part of the row", col.Name)}
	case c.mayCall(col):
		last := len(ref.Fields) - 1
		row := &pg.Node{Node: &pg.Node_ColumnRef{ColumnRef: &pg.ColumnRef{Fields: ref.Fields[:last]}}}
		_, of := c.tables(col.Table, col.Name)
		return query.Other{Parts: append(c.attribute(row, ref.Fields[last], of), col, query.Star{Table: col.Table})}
	}
	return col
}

// systemColumns are those that every table has without listing them.
var systemColumns = map[string]bool{"ctid": true, "xmin": true, "xmax": true, "cmin": true, "cmax": true, "tableoid": true}

// constant converts a literal. One that may stand for a time of the clock is none.
func (c *converter) constant(lit *pg.A_Const) query.Expr {
	v := moneyclip.Value{Kind: moneyclip.ValueConst}
	switch val := lit.Val.(type) {
	case nil:
		if !lit.Isnull {
			return query.Opaque{}
		}
	case *pg.A_Const_Ival:
		v.Const = int64(val.Ival.GetIval())
	case *pg.A_Const_Fval:
		v.Const = val.Fval.GetFval() // as text: it may have more digits than a float64
	case *pg.A_Const_Boolval:
		v.Const = val.Boolval.GetBoolval()
	case *pg.A_Const_Sval:
		text := val.Sval.GetSval()
		if clockWord.MatchString(text) {
			return query.Other{Impure: holdsClockWord(text)}
		}
		v.Const = text
	default:
		return query.Other{}
	}
	return query.Operand{Value: v}
}

// cast converts a conversion to a type.
func (c *converter) cast(t *pg.TypeCast) query.Expr {
	typ := c.typeName(t.TypeName)
	x := c.expr(t.Arg)
	if strings.HasPrefix(typ, "reg") {
		return query.Other{Parts: []query.Expr{x}, Impure: fmt.Sprintf("looks up a name as %s", typ)}
	}
	if why := c.convertsBy(t.Arg, typ); why != "" {
		return query.Other{Parts: []query.Expr{x}, Impure: why}
	}
	return query.Cast{X: x, Type: typ}
}

// operator converts an operator with its operands.
func (c *converter) operator(e *pg.A_Expr) query.Expr {
	isEqual := isNamed(e.Name, "=")
	c.operates(texts(e.Name))
	switch e.Kind {
	case pg.A_Expr_Kind_AEXPR_BETWEEN, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN, pg.A_Expr_Kind_AEXPR_BETWEEN_SYM, pg.A_Expr_Kind_AEXPR_NOT_BETWEEN_SYM:
		for _, comparison := range []string{"<", "<=", ">", ">="} {
			c.operates([]string{comparison})
		}
	}
	switch {
	case e.Kind == pg.A_Expr_Kind_AEXPR_OP && isEqual:
		return query.Equal{X: c.expr(e.Lexpr), Y: c.expr(e.Rexpr)}
	case e.Kind == pg.A_Expr_Kind_AEXPR_IN && isEqual:
		return query.In{X: c.expr(e.Lexpr), List: c.exprs(e.Rexpr.GetList().GetItems())}
	case e.Kind == pg.A_Expr_Kind_AEXPR_OP_ANY && isEqual:
		return c.anyOf(e)
	}
	return query.Other{Parts: append(c.one(e.Lexpr), c.one(e.Rexpr)...)}
}

// operates notes the functions of the database's own that an operator may call. Which of its namesakes is meant follows
// from the types of the operands.
func (c *converter) operates(names []string) {
	if c.facts == nil || len(c.facts.operators) == 0 {
		return
	}
	for _, f := range c.facts.operators[names[len(names)-1]] {
		c.called(f.schema, f.name)
	}
}

// anyOf converts "x = ANY (array)".
func (c *converter) anyOf(e *pg.A_Expr) query.Expr {
	x := c.expr(e.Lexpr)
	array, typ := e.Rexpr, ""
	if cast := array.GetTypeCast(); cast != nil {
		if len(cast.TypeName.GetArrayBounds()) != 1 {
			return query.Other{Parts: append(c.one(array), x)}
		}
		array, typ = cast.Arg, c.elementType(cast.TypeName)
	}
	converted := func(e query.Expr) query.Expr {
		if typ == "" {
			return e
		}
		return query.Cast{X: e, Type: typ}
	}
	if param := array.GetParamRef(); param != nil && param.Number >= 1 && param.Number <= maxParam {
		element := query.Operand{Value: moneyclip.Value{Kind: moneyclip.ValueElement, Param: int(param.Number)}}
		return query.Equal{X: x, Y: converted(element)}
	}
	if list := array.GetAArrayExpr(); list != nil {
		in := query.In{X: x}
		for _, element := range c.exprs(list.Elements) {
			in.List = append(in.List, converted(element))
		}
		return in
	}
	return query.Other{Parts: append(c.one(e.Rexpr), x)}
}

func (c *converter) boolean(e *pg.BoolExpr) query.Expr {
	args := c.exprs(e.Args)
	if e.Boolop != pg.BoolExprType_AND_EXPR {
		return query.Other{Parts: args}
	}
	all := args[0]
	for _, arg := range args[1:] {
		all = query.And{X: all, Y: arg}
	}
	return all
}

func (c *converter) subquery(l *pg.SubLink) query.Expr {
	if names := texts(l.OperName); len(names) > 0 {
		c.operates(names)
	}
	return query.Subquery{X: c.expr(l.Testexpr), Query: c.query(l.Subselect.GetSelectStmt())}
}

// call converts a function call.
func (c *converter) call(f *pg.FuncCall) query.Expr {
	schema, name := lastOf(texts(f.Funcname))
	other := c.called(schema, name)
	c.sets(name, f.Args)
	c.readsClock(name, f.Args)
	other.Parts = append(other.Parts, c.exprs(f.Args)...)
	other.Parts = append(other.Parts, c.exprs(f.AggOrder)...)
	other.Parts = append(other.Parts, c.one(f.AggFilter)...)
	other.Parts = append(other.Parts, c.window(f.Over)...)
	return other
}

const maxParam = 65535 // the protocol counts parameters in 16 bits
