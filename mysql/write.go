package mysql

import (
	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
)

// native is the source of a write: what its reading is made of.
type native struct {
	src  *source // without comments
	stmt ast.Node
	many bool // one of several tables in a join

	alias string // of the table among many, as it is written
}

func (c *converter) native(stmt ast.Node) *native { return &native{src: c.src, stmt: stmt} }

func (c *converter) insert(n *ast.InsertStmt) *query.Write {
	w := &query.Write{Op: moneyclip.Insert, Replace: n.IsReplace, Ignore: n.IgnoreErr, Native: c.native(n)}
	target := c.soleTable(n.Table)
	if target == nil {
		return w
	}
	w.Schema, w.Table = target.Schema, target.Table
	for _, name := range n.Columns {
		w.Columns = append(w.Columns, name.Name.L)
	}
	switch {
	case n.Select != nil:
		w.Query = c.query(n.Select)
		if n.Columns != nil && len(n.Columns) == 0 {
			c.failed = true
		}
	case len(n.Lists) == 1 && len(n.Lists[0]) == 0 && len(n.Columns) == 0:
		w.Defaults = true
	default:
		for _, list := range n.Lists {
			row := make([]query.Expr, len(list))
			for i, e := range list {
				row[i] = c.given(e)
			}
			w.Rows = append(w.Rows, row)
		}
	}
	if len(n.OnDuplicate) > 0 {
		w.Conflict = []query.Conflict{{Set: c.upsert(n)}}
	}
	return w
}

// given is an expression that is stored in a column. The word DEFAULT is none.
func (c *converter) given(e ast.ExprNode) query.Expr {
	if isDefault(e) {
		return nil
	}
	return c.expr(e)
}

// upsert are the assignments of ON DUPLICATE KEY UPDATE, where the new row goes by a name of its own.
func (c *converter) upsert(n *ast.InsertStmt) []query.Set {
	c.conflict = true
	if n.RowAlias != nil {
		c.rowAlias = c.own.table(n.RowAlias.O)
	}
	c.renamed = map[string]string{}
	for i, alias := range n.ColumnAliases {
		if i < len(n.Columns) {
			c.renamed[alias.L] = n.Columns[i].Name.L
		} else {
			c.failed = true // names for the columns of the table, in its own order
		}
	}
	return c.assignments(n.OnDuplicate)
}

func (c *converter) assignments(list []*ast.Assignment) []query.Set {
	var set []query.Set
	for _, as := range list {
		set = append(set, query.Set{Columns: []string{as.Column.Name.L}, Value: c.given(as.Expr)})
	}
	return set
}

// soleTable is the one table that a clause names, or nil.
func (c *converter) soleTable(clause *ast.TableRefsClause) *query.Item {
	item := c.from(clause)
	if item == nil || item.Table == "" {
		c.failed = true
		return nil
	}
	return item
}

func (c *converter) update(n *ast.UpdateStmt) []*query.Write {
	rest := c.ordering(n.Order)
	item := c.from(n.TableRefs)
	if item.Table != "" && !c.ctes[item.Table] {
		w := &query.Write{
			Op: moneyclip.Update, Schema: item.Schema, Table: item.Table, Alias: item.Alias,
			Where: c.expr(n.Where), Set: c.assignments(n.List), Rest: rest, Ignore: n.IgnoreErr, Native: c.native(n),
		}
		return []*query.Write{w}
	}
	tables := tablesOf(item)
	sets := map[*query.Item][]query.Set{}
	for i, as := range n.List {
		t := c.owner(as.Column, tables)
		if t == nil {
			c.failed = true
			return nil
		}
		sets[t] = append(sets[t], c.assignments(n.List[i:i+1])...)
	}
	where := c.expr(n.Where)
	var writes []*query.Write
	for _, t := range tables {
		if sets[t] != nil {
			writes = append(writes, c.among(moneyclip.Update, t, item, where, rest, n))
			writes[len(writes)-1].Set, writes[len(writes)-1].Ignore = sets[t], n.IgnoreErr
		}
	}
	return writes
}

// among is a write to one of the tables of a join.
func (c *converter) among(op moneyclip.Op, t, from *query.Item, where query.Expr, rest []query.Expr, stmt ast.Node) *query.Write {
	source := c.native(stmt)
	source.many, source.alias = true, t.Alias
	if t.Alias == "" {
		source.alias = t.Table
	}
	return &query.Write{
		Op: op, Schema: t.Schema, Table: t.Table, Alias: t.Alias, Among: true, From: from, Where: where, Rest: rest, Native: source,
	}
}

// tablesOf are the tables that an item of FROM joins.
func tablesOf(item *query.Item) []*query.Item {
	switch {
	case item == nil:
		return nil
	case item.Join != nil:
		return append(tablesOf(item.Join.Left), tablesOf(item.Join.Right)...)
	case item.Table != "":
		return []*query.Item{item}
	}
	return nil
}

// owner is the table that has the column of an assignment, or nil.
func (c *converter) owner(name *ast.ColumnName, tables []*query.Item) *query.Item {
	var found []*query.Item
	for _, t := range tables {
		switch table := c.own.table(name.Table.O); {
		case table == "":
			def := c.lookup(t)
			if def == nil && len(tables) > 1 {
				return nil // may have the column
			}
			if def == nil || def.Column(name.Name.L) != nil {
				found = append(found, t)
			}
		case t.Alias == table, t.Alias == "" && t.Table == table:
			schema := c.own.table(name.Schema.O)
			if schema == "" || schema == t.Schema || schema == c.own.database && t.Schema == "" {
				found = append(found, t)
			}
		}
	}
	if len(found) != 1 || c.ctes[found[0].Table] {
		return nil
	}
	return found[0]
}

func (c *converter) lookup(t *query.Item) *moneyclip.Table {
	if c.catalog == nil {
		return nil
	}
	return c.catalog.Lookup(t.Schema, t.Table)
}

func (c *converter) delete(n *ast.DeleteStmt) []*query.Write {
	rest := c.ordering(n.Order)
	if !n.IsMultiTable {
		w := &query.Write{Op: moneyclip.Delete, Ignore: n.IgnoreErr, Native: c.native(n), Rest: rest}
		if item := c.soleTable(n.TableRefs); item != nil {
			w.Schema, w.Table, w.Alias = item.Schema, item.Table, item.Alias
		}
		w.Where = c.expr(n.Where)
		return []*query.Write{w}
	}
	from, where := c.from(n.TableRefs), c.expr(n.Where)
	tables := tablesOf(from)
	var writes []*query.Write
	for _, name := range n.Tables.Tables {
		schema, table := c.tableName(name)
		var found []*query.Item
		for _, t := range tables {
			// An alias is not qualified; a table without one may be.
			if t.Alias == table && schema == "" || t.Alias == "" && t.Table == table && t.Schema == schema {
				found = append(found, t)
			}
		}
		if len(found) != 1 {
			c.failed = true
			return nil
		}
		writes = append(writes, c.among(moneyclip.Delete, found[0], from, where, rest, n))
	}
	return writes
}
