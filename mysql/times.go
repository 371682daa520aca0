package mysql

import (
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/marino/ast"
	"github.com/sqlc-dev/marino/types"
)

const completes = "completes a time of day with the date of today"

// mixes says what is impure in expressions that become one type, or are compared: where there is a date too, a time of day gets
// one.
func (c *converter) mixes(list ...ast.ExprNode) string {
	if c.hasTime(list...) && c.hasDate(list...) {
		return completes
	}
	return ""
}

// merging are the functions whose arguments become one type.
var merging = names("coalesce field if ifnull interval nullif nvl nvl2 strcmp")

// dated are the functions that return a date.
var dated = names(`adddate addtime convert_tz date date_add date_sub from_days from_unixtime last_day makedate str_to_date subdate subtime
	timestamp timestampadd ` + ast.DateLiteral + " " + ast.TimestampLiteral)

// dating are the functions that make a date and a time of a time of day.
var dating = names(`adddate addtime convert_tz date date_add date_format date_sub datediff day dayname dayofmonth dayofweek
	dayofyear extract greatest last_day least month monthname quarter subdate subtime timestamp timestampadd timestampdiff
	timediff to_days to_seconds unix_timestamp week weekday weekofyear year yearweek`)

// timing are the functions that return a time of day.
var timing = names(`addtime cast maketime sec_to_time str_to_date subtime time timediff ` + ast.TimeLiteral)

func names(list string) map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(list) {
		set[name] = true
	}
	return set
}

// hasTime reports whether there may be a time of day in expressions, which functions that want a date complete with that
// of today.
func (c *converter) hasTime(list ...ast.ExprNode) bool {
	return c.has(c.own.times, c.times, timing, types.ETDuration, list)
}

// hasDate reports whether there may be a date in expressions.
func (c *converter) hasDate(list ...ast.ExprNode) bool {
	return c.has(c.own.dates, c.dates, dated, types.ETDatetime, list)
}

// has reports whether there may be in expressions what columns of the database hold, what names of the statement stand for, what functions
// return, or a cast to a type.
func (c *converter) has(columns, given, functions map[string]bool, typ types.EvalType, list []ast.ExprNode) bool {
	f := finder(func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ColumnName:
			return columns[n.Name.L] || given[n.Name.L]
		case *ast.SelectStmt:
			return c.shows(n, columns)
		case *ast.FuncCallExpr:
			return functions[n.FnName.L]
		case *ast.FuncCastExpr:
			return n.Tp != nil && n.Tp.EvalType() == typ
		}
		return false
	})
	return slices.ContainsFunc(list, func(e ast.ExprNode) bool { return e != nil && f.in(e) })
}

// shows reports whether a SELECT of all columns may have one of these.
func (c *converter) shows(n *ast.SelectStmt, names map[string]bool) bool {
	if n.From == nil || !slices.ContainsFunc(fields(n), func(f *ast.SelectField) bool { return f.WildCard != nil }) {
		return false
	}
	return finder(func(n ast.Node) bool {
		name, ok := n.(*ast.TableName)
		if !ok {
			return false
		}
		schema, table := c.tableName(name)
		var def *moneyclip.Table
		if c.catalog != nil && !c.ctes[table] {
			def = c.catalog.Lookup(schema, table)
		}
		if def == nil {
			return len(names) > 0
		}
		return slices.ContainsFunc(def.Columns, func(column *moneyclip.Column) bool { return names[column.Name] })
	}).in(n.From)
}

// learn takes in the names that a statement gives: to common table expressions, and to times and dates.
func (c *converter) learn(stmt ast.Node) {
	c.ctes = commonTables(c.own, stmt)
	c.times, c.dates = map[string]bool{}, map[string]bool{}
	for known := -1; known < len(c.times)+len(c.dates); { // a name may be given to what has one already
		known = len(c.times) + len(c.dates)
		finder(func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectField:
				c.name(n.Expr, n.AsName)
				if n.AsName.L == "" {
					c.name(n.Expr, ast.NewCIStr(n.Text())) // which is what it is called then
				}
			case *ast.SetOprStmt:
				// A column is called as the first SELECT says, and is of a type for all of them.
				for _, f := range fields(selects(n)[0]) {
					c.name(&ast.SubqueryExpr{Query: n}, f.AsName)
				}
			case *ast.CommonTableExpression:
				c.name(n.Query, n.ColNameList...)
			case *ast.TableSource:
				c.name(&ast.SubqueryExpr{Query: n.Source}, n.ColumnNames...)
			case *ast.JSONTableColumn:
				switch {
				case n.Tp == nil:
				case n.Tp.EvalType() == types.ETDuration:
					c.times[n.Name.L] = true
				case n.Tp.EvalType() == types.ETDatetime:
					c.dates[n.Name.L] = true
				}
			}
			return false
		}).in(stmt)
	}
}

// name notes names of an expression, or of the columns of a query: which of those is which does not matter.
func (c *converter) name(e ast.ExprNode, names ...ast.CIStr) {
	for _, name := range names {
		if name.L == "" || e == nil {
			continue
		}
		if c.hasTime(e) {
			c.times[name.L] = true
		}
		if c.hasDate(e) {
			c.dates[name.L] = true
		}
	}
}

// merged says what is impure in a UNION or the like, where the columns of all SELECTs become of one type.
func (c *converter) merged(n *ast.SetOprStmt) string {
	var places [][]ast.ExprNode
	for _, sel := range selects(n) {
		for i, f := range fields(sel) {
			if f.WildCard != nil {
				return c.mixes(&ast.SubqueryExpr{Query: n}) // of some number of columns
			}
			if i == len(places) {
				places = append(places, nil)
			}
			places[i] = append(places[i], f.Expr)
		}
	}
	for _, list := range places {
		if reason := c.mixes(list...); reason != "" {
			return reason
		}
	}
	return ""
}

// joined says what is impure in a join by names.
func (c *converter) joined(n *ast.Join) string {
	both := func(name string) bool {
		return (c.own.times[name] || c.times[name]) && (c.own.dates[name] || c.dates[name])
	}
	if slices.ContainsFunc(n.Using, func(name *ast.ColumnName) bool { return both(name.Name.L) }) {
		return completes
	}
	if n.NaturalJoin {
		for _, names := range []map[string]bool{c.own.times, c.times} {
			for name := range names {
				if both(name) {
					return completes
				}
			}
		}
	}
	return ""
}

// selects are the SELECTs that a query puts together.
func selects(n ast.Node) []*ast.SelectStmt {
	switch n := n.(type) {
	case *ast.SelectStmt:
		return []*ast.SelectStmt{n}
	case *ast.SetOprStmt:
		return selects(n.SelectList)
	case *ast.SetOprSelectList:
		var all []*ast.SelectStmt
		for _, one := range n.Selects {
			all = append(all, selects(one)...)
		}
		return all
	}
	return nil
}

func fields(n *ast.SelectStmt) []*ast.SelectField {
	if n.Fields == nil {
		return nil
	}
	return n.Fields.Fields
}
