package mysql

import (
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
)

// query converts a SELECT, TABLE or VALUES, or several of them put together.
func (c *converter) query(n ast.Node) *query.Query {
	switch n := n.(type) {
	case *ast.SubqueryExpr:
		return c.query(n.Query)
	case *ast.SelectStmt:
		return &query.Query{With: c.with(n.With), Cores: []*query.Select{c.core(n)}}
	case *ast.SetOprStmt:
		q := c.endOf(&query.Query{With: c.with(n.With), Cores: c.cores(n.SelectList)}, n.OrderBy)
		for _, last := range q.Cores[max(0, len(q.Cores)-1):] {
			last.Rest = append(last.Rest, impure(c.merged(n)))
		}
		return q
	}
	c.failed = true
	return &query.Query{}
}

// endOf adds what comes after the last of several SELECTs. LIMIT reads nothing: it takes numbers and parameters.
func (c *converter) endOf(q *query.Query, order *ast.OrderByClause) *query.Query {
	if len(q.Cores) == 0 {
		c.failed = true
		return q
	}
	last := q.Cores[len(q.Cores)-1]
	last.Rest = append(last.Rest, c.ordering(order)...)
	return q
}

func (c *converter) cores(list *ast.SetOprSelectList) []*query.Select {
	var cores []*query.Select
	for _, n := range list.Selects {
		switch n := n.(type) {
		case *ast.SelectStmt:
			if n.With == nil {
				cores = append(cores, c.core(n))
				continue
			}
			cores = append(cores, all(c.query(n)))
		case *ast.SetOprSelectList:
			q := &query.Query{With: c.with(n.With), Cores: c.cores(n)}
			cores = append(cores, all(c.endOf(q, n.OrderBy)))
		case *ast.SetOprStmt:
			cores = append(cores, all(c.query(n)))
		default:
			c.failed = true
		}
	}
	return cores
}

// all is the SELECT of all that a query in parentheses returns.
func all(q *query.Query) *query.Select {
	return &query.Select{Results: []query.Result{{Expr: query.Star{}}}, From: &query.Item{Query: q, Whole: true}}
}

func (c *converter) with(clause *ast.WithClause) *query.With {
	if clause == nil {
		return nil
	}
	w := &query.With{Recursive: clause.IsRecursive}
	for _, cte := range clause.CTEs {
		def := &query.CTE{Name: c.own.table(cte.Name.O)}
		for _, name := range cte.ColNameList {
			def.Columns = append(def.Columns, name.L)
		}
		if cte.Query == nil {
			c.failed = true
			continue
		}
		def.Query = c.query(cte.Query.Query)
		w.CTEs = append(w.CTEs, def)
	}
	return w
}

// core converts one SELECT.
func (c *converter) core(n *ast.SelectStmt) *query.Select {
	s := &query.Select{}
	if n.Kind == ast.SelectStmtKindValues {
		for _, row := range n.Lists {
			s.Values = append(s.Values, c.exprs(row.Values))
		}
		s.Rest = c.ordering(n.OrderBy)
		return s
	}
	s.From = c.from(n.From)
	s.Where = c.expr(n.Where)
	if n.GroupBy != nil {
		s.Rest = append(s.Rest, c.items(n.GroupBy.Items)...)
	}
	if n.Having != nil {
		s.Rest = append(s.Rest, c.expr(n.Having.Expr))
	}
	for i := range n.WindowSpecs {
		s.Rest = append(s.Rest, c.window(&n.WindowSpecs[i])...)
	}
	s.Rest = append(s.Rest, c.ordering(n.OrderBy)...)
	if n.LockInfo != nil {
		s.Rest = append(s.Rest, impure("locks the rows that it reads"))
	}
	if c.partitions {
		s.Rest = append(s.Rest, impure("reads partitions by name, and a row may move to another one"))
	}
	if n.SelectIntoOpt != nil {
		s.Rest = append(s.Rest, impure("stores its result in variables or in a file"))
	}
	if n.SelectStmtOpts != nil && n.CalcFoundRows {
		s.Rest = append(s.Rest, impure("counts rows for FOUND_ROWS()"))
	}
	s.Results = c.results(n.Fields.Fields)
	return s
}

func (c *converter) results(fields []*ast.SelectField) []query.Result {
	var results []query.Result
	for _, f := range fields {
		if f.WildCard != nil {
			results = append(results, query.Result{Expr: query.Star{Table: c.own.table(f.WildCard.Table.O)}})
			continue
		}
		r := query.Result{Expr: c.expr(f.Expr), Name: f.AsName.L, IsAlias: f.AsName.L != ""}
		if name, ok := f.Expr.(*ast.ColumnNameExpr); ok && !r.IsAlias {
			r.Name = name.Name.Name.L
		}
		results = append(results, r)
	}
	return results
}

func (c *converter) from(clause *ast.TableRefsClause) *query.Item {
	if clause == nil || clause.TableRefs == nil {
		return nil
	}
	return c.item(clause.TableRefs)
}

// item converts one item of FROM.
func (c *converter) item(n ast.ResultSetNode) *query.Item {
	switch n := n.(type) {
	case *ast.Join:
		return c.join(n)
	case *ast.TableName:
		return c.tableItem(n)
	case *ast.TableSource:
		item := c.sourceItem(n)
		item.Alias = c.own.table(n.AsName.O)
		for _, name := range n.ColumnNames {
			item.Columns = append(item.Columns, name.L)
		}
		item.Lateral = n.Lateral
		return item
	}
	c.failed = true
	return &query.Item{}
}

func (c *converter) sourceItem(n *ast.TableSource) *query.Item {
	switch inner := n.Source.(type) {
	case *ast.TableName:
		return c.tableItem(inner)
	case *ast.SelectStmt, *ast.SetOprStmt:
		return &query.Item{Query: c.query(inner)}
	case *ast.Join:
		return c.join(inner)
	case *ast.JSONTableExpr:
		call := &query.Call{Name: "json_table", Args: c.exprs([]ast.ExprNode{inner.Doc, inner.Path})}
		call.Columns = jsonColumns(inner.Columns)
		return &query.Item{Call: call, Lateral: true}
	}
	c.failed = true
	return &query.Item{}
}

func jsonColumns(columns []*ast.JSONTableColumn) []string {
	var names []string
	for _, column := range columns {
		if column.Nested {
			names = append(names, jsonColumns(column.NestedColumns)...)
			continue
		}
		names = append(names, column.Name.L)
	}
	return names
}

func (c *converter) tableItem(n *ast.TableName) *query.Item {
	schema, table := c.tableName(n)
	if n.AsOf != nil || n.TableSample != nil {
		c.failed = true
	}
	c.partitions = c.partitions || len(n.PartitionNames) > 0
	if schema == "" {
		if reason := c.own.callers[table]; reason != "" && !c.ctes[table] {
			c.calls = "reads " + table + ", which " + reason
		}
	}
	return &query.Item{Schema: schema, Table: table}
}

// tableName is a table's name with the default database left out.
func (c *converter) tableName(n *ast.TableName) (schema, table string) {
	schema, table = c.own.table(n.Schema.O), c.own.table(n.Name.O)
	if schema == c.own.database && schema != "" {
		// Without it, the name would be that of the common table expression.
		c.failed = c.failed || c.ctes[table]
		schema = ""
	}
	return schema, table
}

func (c *converter) join(n *ast.Join) *query.Item {
	left := c.item(n.Left)
	if n.Right == nil {
		return left
	}
	j := &query.Join{Left: left, Right: c.item(n.Right), Natural: n.NaturalJoin}
	switch n.Tp {
	case ast.LeftJoin:
		j.Kind = query.LeftJoin
	case ast.RightJoin:
		j.Kind = query.OutwardJoin
	}
	switch reason := c.joined(n); {
	case n.On != nil:
		j.On = c.expr(n.On.Expr)
	case reason != "":
		j.On = impure(reason)
	}
	for _, name := range n.Using {
		j.Using = append(j.Using, name.Name.L)
	}
	return &query.Item{Join: j}
}
