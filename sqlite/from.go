package sqlite

import (
	"slices"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/meyer/ast"
)

// join is what attaches an item of a FROM clause to those before it.
type join struct {
	on    ast.Expr
	args  []ast.Expr // of a table function
	using []string
	left  []*source // all before the item
	right []*source // the item's own
	kind  joinKind
}

type joinKind uint8

const (
	innerJoin joinKind = iota
	leftJoin
	outwardsJoin // RIGHT or FULL: rows from before the item can be missing
)

// from puts the items of a FROM clause into a scope.
func (a *analysis) from(items []*ast.TableRef, sc *scope) []join {
	var joins []join
	first := len(sc.sources)
	for _, item := range items {
		before := len(sc.sources)
		j := join{on: item.On, args: item.Args, left: slices.Clone(sc.sources[first:])}
		switch {
		case item.Select != nil:
			columns, whole := a.query(item.Select, sc.ctes, sc.outer, true)
			sc.sources = append(sc.sources, &source{name: alias(item, ""), columns: columns, whole: whole})
		case item.List != nil:
			joins = append(joins, a.from(item.List, sc)...)
			for _, src := range sc.sources[before:] {
				src.all = true // SQLite makes a subquery of the list, with "*"
			}
			if item.Alias != nil {
				// Columns are qualified by the alias; which table they are of is not followed.
				sc.sources = append(sc.sources, &source{name: alias(item, "")})
			}
		default:
			src := a.named(item.Name, item.HasArgs, sc)
			src.name = alias(item, fold(item.Name.Name.Name))
			sc.sources = append(sc.sources, src)
		}
		j.right = slices.Clone(sc.sources[before:])
		a.joined(item, &j, sc)
		joins = append(joins, j)
	}
	return joins
}

func alias(item *ast.TableRef, name string) string {
	if item.Alias != nil {
		return fold(item.Alias.Name)
	}
	return name
}

// joined notes the kind of a join and the columns that it makes one.
func (a *analysis) joined(item *ast.TableRef, j *join, sc *scope) {
	if item.Join == nil {
		return
	}
	natural := item.Join.Type&ast.JoinNatural != 0
	switch {
	case item.Join.Type&ast.JoinRight != 0, item.Join.Type&(ast.JoinLeft|ast.JoinOuter) == ast.JoinOuter:
		j.kind, sc.outwards = outwardsJoin, true
	case item.Join.Type&ast.JoinLeft != 0:
		j.kind = leftJoin
	}
	for _, column := range item.Using {
		j.using = append(j.using, fold(column.Name))
	}
	if natural {
		names, whole := common(j.left, j.right)
		if !whole {
			for _, src := range slices.Concat(j.left, j.right) {
				src.all = true
			}
		}
		j.using = names
	}
	for _, name := range j.using {
		for _, src := range slices.Concat(j.left, j.right) {
			if src.has(name) != no {
				src.touch(name)
			}
		}
		for _, src := range j.right {
			if src.using == nil {
				src.using = map[string]bool{}
			}
			src.using[name] = true
		}
	}
}

// common are the columns that both sides have, and whether they are known to be all.
func common(left, right []*source) (names []string, whole bool) {
	whole = true
	have := map[string]bool{}
	for _, src := range left {
		columns, known := src.known()
		whole = whole && known
		for _, name := range columns {
			have[name] = true
		}
	}
	for _, src := range right {
		columns, known := src.known()
		whole = whole && known
		for _, name := range columns {
			if have[name] {
				names = append(names, name)
			}
		}
	}
	return names, whole
}

// named is the source of that name: a common table expression, a table function, a view, a table.
func (a *analysis) named(name *ast.QualifiedName, isCall bool, sc *scope) *source {
	table := tableName(name)
	if !isCall && name.Schema == nil {
		if c, w := sc.ctes.find(table); c != nil {
			a.expand(c, w, sc.outer)
			return &source{columns: c.columns, whole: c.whole}
		}
	}
	def := a.table(table)
	if jsonTables[table] && def == nil {
		return &source{columns: jsonColumns}
	}
	if isCall {
		a.taint("reads %s(), a table-valued function", table)
		return &source{}
	}
	src := &source{table: table, def: def}
	a.reads = append(a.reads, src)
	switch reason := tableImpurity(table); {
	case reason != "":
		a.taint("%s", reason)
	case a.catalog == nil:
	case def == nil:
		a.taint("reads %s, which is not a table of the main database", table)
	case def.Opaque != "":
		a.taint("reads %s: %s", table, def.Opaque)
	case def.View && def.Reads == nil:
		a.pending = true
	case def.View:
		src.view = wholeTables(def.Reads)
	}
	for _, c := range columnsOf(def) {
		if c.Collation != "" && !isBuiltIn(c.Collation) {
			a.taint("reads %s, where column %s has the collation %s", table, c.Name, c.Collation)
		}
	}
	return src
}

// wholeTables are reads without their pins, and of every column.
func wholeTables(reads []moneyclip.TableRead) []moneyclip.TableRead {
	whole := make([]moneyclip.TableRead, len(reads))
	for i, read := range reads {
		whole[i] = moneyclip.TableRead{Table: read.Table, All: true}
	}
	return whole
}

func columnsOf(def *moneyclip.Table) []*moneyclip.Column {
	if def == nil {
		return nil
	}
	return def.Columns
}

func (a *analysis) table(name string) *moneyclip.Table {
	if a.catalog == nil {
		return nil
	}
	return a.catalog.Tables[name]
}

// tableName folds a name; one in another schema than main keeps the schema, and so is the name of no known table.
func tableName(name *ast.QualifiedName) string {
	table := fold(name.Name.Name)
	if name.Schema == nil || fold(name.Schema.Name) == "main" {
		return table
	}
	return fold(name.Schema.Name) + "." + table
}
