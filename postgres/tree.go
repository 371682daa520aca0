package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// A converter makes the common tree of one statement's own. What it meets on the way that is no part of that tree, it
// notes.
type converter struct {
	catalog *moneyclip.Catalog
	facts   *facts   // nil: nothing is known of the database
	body    *body    // of a trigger; nil: it is a statement of a client
	root    *pg.Node // the statement, where its writes may be read; nil: they may not
	whole   any      // the tree in which names are given that its parts use

	impure  string            // the first reason why what it returns is no function of rows and arguments
	writes  string            // the first reason why it may write anything
	calls   []moneyclip.Write // of functions that it calls
	session string            // what it changes in the session
	reach   moneyclip.Reach
}

func newConverter(catalog *moneyclip.Catalog) *converter {
	c := &converter{catalog: catalog}
	if catalog != nil {
		c.facts, _ = catalog.Own.(*facts)
	}
	return c
}

func (c *converter) taint(format string, args ...any) {
	if c.impure == "" {
		c.impure = fmt.Sprintf(format, args...)
	}
}

// doubt notes that the statement may write anything.
func (c *converter) doubt(format string, args ...any) {
	c.taint(format, args...)
	if c.writes == "" {
		c.writes = fmt.Sprintf(format, args...)
	}
}

// query converts a SELECT, VALUES, or a set operation.
func (c *converter) query(s *pg.SelectStmt) *query.Query {
	q := &query.Query{With: c.with(s.WithClause)}
	if s.Op == pg.SetOperation_SETOP_NONE || s.Op == pg.SetOperation_SET_OPERATION_UNDEFINED {
		q.Cores = []*query.Select{c.core(s)}
		return q
	}
	q.Cores = append(c.operand(s.Larg), c.operand(s.Rarg)...)
	// What follows a set operation names its result columns alone.
	last := q.Cores[len(q.Cores)-1]
	last.Rest = append(last.Rest, c.tail(s)...)
	return q
}

// operand are the SELECTs of one side of a set operation.
func (c *converter) operand(s *pg.SelectStmt) []*query.Select {
	if s == nil {
		return nil
	}
	if s.WithClause == nil {
		return c.query(s).Cores
	}
	inner := &query.Item{Query: c.query(s)}
	return []*query.Select{{Results: []query.Result{{Expr: query.Star{}}}, From: inner}}
}

// core converts one SELECT or VALUES.
func (c *converter) core(s *pg.SelectStmt) *query.Select {
	core := &query.Select{}
	for _, row := range s.ValuesLists {
		core.Values = append(core.Values, c.exprs(row.GetList().GetItems()))
	}
	core.From = c.items(s.FromClause)
	core.Results = c.results(s.TargetList)
	core.Where = c.expr(s.WhereClause)
	core.Rest = append(core.Rest, c.exprs(s.DistinctClause)...)
	core.Rest = append(core.Rest, c.exprs(s.GroupClause)...)
	core.Rest = append(core.Rest, c.one(s.HavingClause)...)
	for _, w := range s.WindowClause {
		core.Rest = append(core.Rest, c.window(w.GetWindowDef())...)
	}
	core.Rest = append(core.Rest, c.tail(s)...)
	return core
}

// tail converts what comes after all SELECTs: ORDER BY, LIMIT, OFFSET, FOR UPDATE.
func (c *converter) tail(s *pg.SelectStmt) []query.Expr {
	rest := c.exprs(s.SortClause)
	rest = append(rest, c.one(s.LimitCount)...)
	rest = append(rest, c.one(s.LimitOffset)...)
	if len(s.LockingClause) > 0 {
		c.taint("locks the rows that it reads")
	}
	return rest
}

func (c *converter) window(w *pg.WindowDef) []query.Expr {
	if w == nil {
		return nil
	}
	rest := append(c.exprs(w.PartitionClause), c.exprs(w.OrderClause)...)
	rest = append(rest, c.one(w.StartOffset)...)
	return append(rest, c.one(w.EndOffset)...)
}

func (c *converter) with(clause *pg.WithClause) *query.With {
	if clause == nil {
		return nil
	}
	// With RECURSIVE each query sees all of them.
	w := &query.With{Forward: clause.Recursive}
	for _, node := range clause.Ctes {
		def := node.GetCommonTableExpr()
		if def == nil {
			continue
		}
		cte := &query.CTE{Name: def.Ctename, Columns: texts(def.Aliascolnames)}
		if def.SearchClause != nil || def.CycleClause != nil {
			c.taint("has a SEARCH or CYCLE clause")
		}
		switch stmt := def.Ctequery.GetNode().(type) {
		case *pg.Node_SelectStmt:
			cte.Query = c.query(stmt.SelectStmt)
		case *pg.Node_InsertStmt:
			cte.Write = c.insert(stmt.InsertStmt)
			c.inWith(cte.Write, &source{cte: def, insert: stmt.InsertStmt})
		case *pg.Node_UpdateStmt:
			cte.Write = c.update(stmt.UpdateStmt)
			c.inWith(cte.Write, &source{cte: def, update: stmt.UpdateStmt})
		case *pg.Node_DeleteStmt:
			cte.Write = c.delete(stmt.DeleteStmt)
			c.inWith(cte.Write, &source{cte: def, delete: stmt.DeleteStmt})
		case *pg.Node_MergeStmt:
			c.mergeInWith(stmt.MergeStmt)
			cte.Query = unclear()
		default:
			c.doubt("has a WITH query that is not understood")
			cte.Query = unclear()
		}
		w.CTEs = append(w.CTEs, cte)
	}
	return w
}

// unclear is a query of which nothing is known.
func unclear() *query.Query {
	return &query.Query{Cores: []*query.Select{{Results: []query.Result{{Expr: query.Opaque{}}}}}}
}

// inWith makes the source of a write in WITH, if it can be read by what it returns.
func (c *converter) inWith(w *query.Write, src *source) {
	src.root = c.root
	if c.root == nil || withOf(c.root) == nil {
		return
	}
	p := &part{src: src, columns: []string{"1"}}
	if c.catalog != nil {
		p.def = c.catalog.Lookup(w.Schema, w.Table)
	}
	if p.def == nil || p.def.View {
		return
	}
	if _, ok := p.Together([]moneyclip.Part{p}); ok {
		w.Native = src
	}
}

// results converts a list of result columns.
func (c *converter) results(list []*pg.Node) []query.Result {
	var results []query.Result
	for _, node := range list {
		target := node.GetResTarget()
		if target == nil {
			continue
		}
		r := query.Result{Expr: c.expr(target.Val), Name: target.Name, IsAlias: target.Name != ""}
		if r.Name == "" {
			r.Name = columnName(target.Val)
		}
		results = append(results, r)
	}
	return results
}

// columnName is the name that a result column has without an alias, where it is certain.
func columnName(node *pg.Node) string {
	switch n := node.GetNode().(type) {
	case *pg.Node_ColumnRef:
		fields := n.ColumnRef.Fields
		return fields[len(fields)-1].GetString_().GetSval()
	case *pg.Node_FuncCall:
		names := texts(n.FuncCall.Funcname)
		return names[len(names)-1]
	case *pg.Node_TypeCast:
		return columnName(n.TypeCast.Arg)
	case *pg.Node_CoalesceExpr:
		return "coalesce"
	case *pg.Node_SubLink:
		if n.SubLink.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK {
			return "exists"
		}
	}
	return ""
}

// items joins the items of a FROM clause.
func (c *converter) items(list []*pg.Node) *query.Item {
	var all *query.Item
	for _, node := range list {
		item := c.item(node)
		if all == nil {
			all = item
			continue
		}
		all = &query.Item{Join: &query.Join{Left: all, Right: item}}
	}
	return all
}

// item converts one item of FROM.
func (c *converter) item(node *pg.Node) *query.Item {
	switch n := node.GetNode().(type) {
	case *pg.Node_RangeVar:
		return c.table(n.RangeVar)
	case *pg.Node_RangeSubselect:
		r := n.RangeSubselect
		item := &query.Item{Lateral: r.Lateral}
		if s := r.Subquery.GetSelectStmt(); s != nil {
			item.Query = c.query(s)
		}
		return c.aliased(item, r.Alias)
	case *pg.Node_RangeFunction:
		c.readsTimes(n.RangeFunction)
		return c.functions(n.RangeFunction)
	case *pg.Node_RangeTableFunc:
		c.readsTimes(n.RangeTableFunc)
		call := &query.Call{Name: "xmltable", Args: c.children(n.RangeTableFunc)}
		return c.aliased(&query.Item{Lateral: true, Call: call}, n.RangeTableFunc.Alias)
	case *pg.Node_JsonTable:
		c.readsTimes(n.JsonTable)
		call := &query.Call{Name: "json_table", Args: c.children(n.JsonTable)}
		return c.aliased(&query.Item{Lateral: true, Call: call}, n.JsonTable.Alias)
	case *pg.Node_RangeTableSample:
		c.taint("reads a sample")
		c.exprs(n.RangeTableSample.Args) // for the functions that they call
		c.expr(n.RangeTableSample.Repeatable)
		return c.item(n.RangeTableSample.Relation)
	case *pg.Node_JoinExpr:
		return c.join(n.JoinExpr)
	}
	c.doubt("reads from something that is not understood")
	return &query.Item{Call: &query.Call{Name: "?"}}
}

// table converts the name of a table, a view or a common table expression.
func (c *converter) table(r *pg.RangeVar) *query.Item {
	item := &query.Item{Schema: c.schema(r), Table: r.Relname}
	if c.facts != nil {
		def := c.catalog.Lookup(item.Schema, item.Table)
		switch {
		case def == nil:
		case c.facts.writers[def.Name] != "":
			c.doubt("reads %s, which %s", def.Name, c.facts.writers[def.Name])
		case def.View && c.body != nil && def.Reads == nil:
			c.doubt("reads %s, whose definition has not been read", def.Name)
		}
	}
	return c.aliased(item, r.Alias)
}

// schema is the one that a table's name must mean, or empty if the session's path decides.
func (c *converter) schema(r *pg.RangeVar) string {
	switch {
	case r.Schemaname != "":
		return r.Schemaname
	case c.facts != nil && c.facts.system[r.Relname]:
		return "pg_catalog" // comes before all others
	case c.body != nil:
		c.body.meet(r.Relname)
	}
	return ""
}

// aliased gives an item the name and the column names that it has here.
func (c *converter) aliased(item *query.Item, alias *pg.Alias) *query.Item {
	if alias != nil {
		item.Alias, item.Columns = alias.Aliasname, texts(alias.Colnames)
	}
	return item
}

// functions converts functions in FROM. Their arguments see the items before them.
func (c *converter) functions(r *pg.RangeFunction) *query.Item {
	call := &query.Call{}
	for _, node := range r.Functions {
		for _, f := range node.GetList().GetItems() {
			call.Args = append(call.Args, c.one(f)...)
			if name := columnName(f); call.Name == "" {
				call.Name = name
			}
		}
	}
	return c.aliased(&query.Item{Lateral: true, Call: call}, r.Alias)
}

func (c *converter) join(j *pg.JoinExpr) *query.Item {
	join := &query.Join{
		Left: c.item(j.Larg), Right: c.item(j.Rarg), On: c.expr(j.Quals), Using: texts(j.UsingClause), Natural: j.IsNatural,
	}
	switch j.Jointype {
	case pg.JoinType_JOIN_INNER:
	case pg.JoinType_JOIN_LEFT:
		join.Kind = query.LeftJoin
	default:
		join.Kind = query.OutwardJoin
	}
	return c.aliased(&query.Item{Join: join}, j.Alias)
}

// texts are the strings of a list.
func texts(list []*pg.Node) []string {
	var out []string
	for _, node := range list {
		if s := node.GetString_(); s != nil {
			out = append(out, s.Sval)
		}
	}
	return out
}

// lastOf is the last part of a qualified name, and what comes before it.
func lastOf(names []string) (schema, name string) {
	if len(names) == 0 {
		return "", ""
	}
	name = names[len(names)-1]
	if len(names) > 1 {
		schema = names[len(names)-2]
	}
	return schema, name
}

// isNamed reports whether a list of names is one of these, which are the database's own.
func isNamed(list []*pg.Node, own ...string) bool {
	schema, name := lastOf(texts(list))
	return (schema == "" || schema == "pg_catalog") && slices.Contains(own, name)
}

func dotted(schema, name string) string {
	if schema == "" {
		return name
	}
	return strings.Join([]string{schema, name}, ".")
}
