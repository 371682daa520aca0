package postgres

import (
	"slices"
	"sync"

	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// Where x has no column f, "x.f" and "(x).f" are f(x), of any function that can be called with one argument, or x::f. Which
// one that is follows from the type of x, which is not in the tree; so the name counts for all of them, unless it is certain
// that x has such a column.

// unaryBuiltins are those of PostgreSQL's own functions that can be called with one argument and depend on more than it.
var unaryBuiltins = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, name := range builtins()["unary"] {
		m[name] = true
	}
	return m
})

// An owner is what an attribute is of.
type owner struct {
	isRow bool // only functions that take rows can be called
	has   bool // it has a column of that name
}

// indirection are the calls that "(x).a.b" may be.
func (c *converter) indirection(n *pg.A_Indirection) []query.Expr {
	var parts []query.Expr
	x := n.Arg
	for i, name := range n.Indirection {
		if i > 0 {
			x = &pg.Node{Node: &pg.Node_AIndirection{AIndirection: &pg.A_Indirection{Arg: n.Arg, Indirection: n.Indirection[:i]}}}
		}
		if text := name.GetString_().GetSval(); text != "" && c.facts != nil {
			parts = append(parts, c.attribute(x, name, c.ownerOf(x.GetColumnRef(), text))...)
		}
	}
	return parts
}

// attribute are the call and the conversion that "(x).name" may be.
func (c *converter) attribute(x, name *pg.Node, of owner) []query.Expr {
	if of.has {
		return nil
	}
	var parts []query.Expr
	text := name.GetString_().GetSval()
	if c.isCallable(text, of.isRow) {
		parts = append(parts, c.called("", text))
		c.readsClock(text, []*pg.Node{x})
	}
	if !of.isRow && (builtinTypes()[text] || c.ownType("", text) != "") {
		parts = append(parts, c.cast(&pg.TypeCast{Arg: x, TypeName: &pg.TypeName{Names: []*pg.Node{name}}}))
	}
	return parts
}

// isCallable reports whether a name may be that of a function that is called as an attribute, of a row or of anything.
func (c *converter) isCallable(name string, ofRow bool) bool {
	takesRow, own := c.facts.unary[name]
	if own || ofRow {
		return takesRow || !ofRow
	}
	return unaryBuiltins()[name] && c.facts.functions["pg_catalog."+name] != unknownFunction
}

// mayCall reports whether "t.f" may be f(t) rather than a column.
func (c *converter) mayCall(col query.Column) bool {
	if c.facts == nil || c.whole == nil || col.Table == "" || !c.isCallable(col.Name, false) {
		return false // of what the schema is made of the server writes each call as one
	}
	found, of := c.tables(col.Table, col.Name)
	if !found && c.body != nil && c.body.variables {
		return false // a field of a variable is never a call
	}
	return !of.has && c.isCallable(col.Name, of.isRow)
}

// ownerOf says what is certain of x in "(x).name".
func (c *converter) ownerOf(x *pg.ColumnRef, name string) (of owner) {
	names := texts(x.GetFields())
	if len(names) == 0 || len(names) < len(x.Fields) || c.body != nil { // a name in a body may be that of a variable
		return owner{}
	}
	column := names[len(names)-1]
	if c.namesAnother(column) {
		return owner{}
	}
	found := false
	for _, t := range c.catalog.Tables {
		if col := t.Column(column); col != nil {
			of.isRow = c.facts.rows[col.Type] && (of.isRow || !found)
			found = true
		}
	}
	if !found && len(names) == 1 {
		_, of = c.tables(column, name)
	}
	return of
}

// namesAnother reports whether the statement gives a name to a column that may be other than those that tables have of it.
func (c *converter) namesAnother(name string) bool {
	found := false
	walk(c.whole, func(message any) bool {
		switch m := message.(type) {
		case *pg.ResTarget:
			found = found || m.Name == name || m.Name == "" && m.Val.GetColumnRef() == nil && columnName(m.Val) == name
		case *pg.Alias:
			found = found || slices.Contains(texts(m.Colnames), name)
		case *pg.CommonTableExpr:
			found = found || slices.Contains(texts(m.Aliascolnames), name)
		case *pg.RangeFunction:
			found = true // its columns may have any name
		case *pg.ColumnDef:
			found = found || m.Colname == name
		case *pg.JsonTableColumn:
			found = found || m.Name == name
		case *pg.RangeTableFuncCol:
			found = found || m.Colname == name
		}
		return !found
	})
	return found
}

// tables finds what a name in front of a column's may mean in the statement, and says what is certain of all of that.
func (c *converter) tables(name, column string) (found bool, of owner) {
	of = owner{isRow: true, has: true}
	is := func(alias *pg.Alias, own string) bool {
		if alias.GetAliasname() != "" {
			own = alias.Aliasname
		}
		return own == name
	}
	note := func(isNamed, isRow, has bool) {
		if isNamed {
			found, of = true, owner{of.isRow && isRow, of.has && has}
		}
	}
	walk(c.whole, func(message any) bool {
		switch m := message.(type) {
		case *pg.RangeVar:
			note(is(m.Alias, m.Relname), true, c.hasColumn(m, column))
		case *pg.InsertStmt:
			note(m.OnConflictClause != nil && name == "excluded", true, c.hasColumn(m.Relation, column))
		case *pg.RangeSubselect:
			note(is(m.Alias, ""), true, false)
		case *pg.JoinExpr:
			note(is(m.Alias, "") || is(m.JoinUsingAlias, ""), true, false)
		case *pg.RangeTableFunc:
			note(is(m.Alias, ""), true, false)
		case *pg.JsonTable:
			note(is(m.Alias, ""), true, false)
		case *pg.RangeFunction:
			for _, node := range m.Functions {
				items := node.GetList().GetItems()
				note(is(m.Alias, columnName(items[0])), false, false) // the row of a function that returns a scalar is that scalar
			}
		}
		return true
	})
	if !found {
		return false, owner{}
	}
	return true, of
}

// hasColumn reports whether a name in FROM is that of a table or view that has a column.
func (c *converter) hasColumn(r *pg.RangeVar, column string) bool {
	def := c.catalog.Lookup(c.schema(r), r.Relname)
	if def == nil || def.Column(column) == nil || len(r.Alias.GetColnames()) > 0 {
		return false
	}
	isTable := true
	walk(c.whole, func(message any) bool {
		if cte, ok := message.(*pg.CommonTableExpr); ok && r.Schemaname == "" && cte.Ctename == r.Relname {
			isTable = false
		}
		return isTable
	})
	return isTable
}
