package query

import (
	"cmp"
	"slices"

	"github.com/moneyclip/moneyclip"
)

// join is what joins two items of a FROM clause.
type join struct {
	on      Expr
	sc      *scope // what on sees
	using   []string
	left    []*source // all on that side
	right   []*source
	kind    JoinKind
	outward bool // it is an OutwardJoin or stands below one
	mixed   bool // it has an OutwardJoin below it
}

// from puts an item of a FROM clause into a scope and returns its sources.
func (a *analysis) from(item *Item, sc *scope) []*source {
	first := len(sc.sources)
	switch {
	case item == nil:
		a.taint("reads an item of FROM that is not understood")
	case item.Join == nil || item.Alias != "":
		sc.sources = append(sc.sources, a.item(item, sc))
	case item.Whole:
		a.whole(item.Join, sc)
	default:
		a.join(item.Join, sc)
	}
	return sc.sources[first:]
}

// whole puts a join into a scope that is a subquery in disguise.
func (a *analysis) whole(clause *Join, sc *scope) {
	inner := &scope{outer: sc.outer, ctes: sc.ctes, detached: sc.detached}
	a.join(clause, inner)
	for _, src := range inner.sources {
		src.all = true
	}
	sc.sources = append(sc.sources, inner.sources...)
	sc.joins = append(sc.joins, inner.joins...)
	sc.args = append(sc.args, inner.args...)
	sc.outwards = sc.outwards || inner.outwards
}

// item is the source that an item is.
func (a *analysis) item(item *Item, sc *scope) *source {
	src := &source{name: item.Alias, Dialect: a.Dialect}
	at := place{ctes: sc.ctes, outer: sc.outer, detached: true}
	switch {
	case item.Query != nil:
		if item.Lateral {
			at.outer, at.detached = sc.lateral(), false
		}
		src.shape = a.query(item.Query, at).named(item.Columns)
	case item.Join != nil:
		// The names below it are hidden, as if it were a subquery, but what is lateral there sees the items before.
		at.beside = sc.lateral()
		all := &Query{Cores: []*Select{{Results: []Result{{Expr: Star{}}}, From: &Item{Join: item.Join}}}}
		src.shape = a.query(all, at).named(item.Columns)
	case item.Call != nil:
		a.taint(item.Call.Impure)
		if src.name == "" {
			src.name = item.Call.Name
		}
		sc.args = append(sc.args, item.Call.Args...)
		src.shape = shape{names: item.Call.Columns, sure: item.Call.Columns != nil}.named(item.Columns)
	case item.Table != "":
		return a.named(item, sc)
	default:
		a.taint("reads an item of FROM that is not understood")
	}
	return src
}

// named is the source of that name: a common table expression, a view, a table.
func (a *analysis) named(item *Item, sc *scope) *source {
	if c := sc.ctes.find(item.Table); c != nil && item.Schema == "" {
		a.expand(c)
		src := &source{name: item.Alias, shape: c.shape.named(item.Columns), Dialect: a.Dialect}
		if src.name == "" {
			src.name = item.Table
		}
		return src
	}
	src := a.newTable(item.Schema, item.Table, item.Alias, item.Columns)
	a.reads = append(a.reads, src)
	if a.Impure != nil {
		a.taint(a.Impure(src.table, src.def))
	}
	switch def := src.def; {
	case a.catalog == nil:
	case def == nil:
		a.taint("reads " + src.table + ", " + cmp.Or(a.Unknown, "which is not in the catalog"))
	case def.Opaque != "":
		a.taint("reads " + src.table + ": " + def.Opaque)
	case def.Guarded != "":
		a.taint("reads " + src.table + ": " + def.Guarded)
	case def.View && def.Reads == nil:
		a.pending = true
	case def.View:
		src.view = wholeTables(def)
	}
	return src
}

// wholeTables are the tables below a view, without pins and with every column.
func wholeTables(def *moneyclip.Table) []moneyclip.TableRead {
	whole := make([]moneyclip.TableRead, len(def.Reads))
	for i, read := range def.Reads {
		whole[i] = moneyclip.TableRead{Table: read.Table, All: true}
	}
	return whole
}

// join puts what a join joins into a scope, and then the join.
func (a *analysis) join(clause *Join, sc *scope) {
	first := len(sc.joins)
	j := &join{on: clause.On, kind: clause.Kind, using: clause.Using}
	j.left = a.from(clause.Left, sc)
	j.right = a.from(clause.Right, sc)
	below := sc.joins[first:]
	j.mixed = slices.ContainsFunc(below, func(j *join) bool { return j.kind == OutwardJoin })
	if j.kind == OutwardJoin {
		sc.outwards, j.outward = true, true
		for _, other := range below {
			other.outward = true
		}
	}
	j.sc = sc
	if !a.Wide {
		j.sc = &scope{outer: sc.outer, ctes: sc.ctes, sources: j.sources(), outwards: j.mixed, detached: sc.detached}
	}
	if clause.Natural {
		j.natural()
	}
	j.merge()
	sc.joins = append(sc.joins, j)
}

func (j *join) sources() []*source { return slices.Concat(j.left, j.right) }

// natural finds the columns that both sides have.
func (j *join) natural() {
	whole := true
	have := map[string]bool{}
	for _, src := range j.left {
		whole = whole && src.shape.whole()
		for _, name := range src.shape.names {
			have[name] = name != ""
		}
	}
	for _, src := range j.right {
		whole = whole && src.shape.whole()
		for _, name := range src.shape.names {
			if have[name] {
				j.using = append(j.using, name)
			}
		}
	}
	if !whole {
		for _, src := range j.sources() {
			src.all = true
		}
	}
}

// merge notes that columns are read and made one.
func (j *join) merge() {
	for _, name := range j.using {
		for _, src := range j.sources() {
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
