package query

import "slices"

// scope is where names are looked up: the sources of one SELECT, then those of the SELECT around it.
type scope struct {
	outer    *scope
	beside   *scope // what a lateral item sees besides the sources, in the place of outer; nil: outer
	ctes     *with
	sources  []*source
	joins    []*join
	args     []Expr          // of functions in FROM
	aliases  map[string]bool // of result columns
	outwards bool            // has an OutwardJoin
	detached bool            // a subquery in FROM, which is not evaluated once for each row around it
}

// lateral is what a lateral item sees that comes next in FROM.
func (sc *scope) lateral() *scope {
	s := &scope{outer: sc.outer, sources: sc.sources, detached: sc.detached}
	if sc.beside != nil {
		s.outer = sc.beside
	}
	return s
}

// place is where a query stands.
type place struct {
	ctes     *with
	outer    *scope
	beside   *scope
	detached bool
}

// with is one WITH clause as far as it is in sight; the innermost is asked first.
type with struct {
	outer *with
	ctes  []*cte
}

type cte struct {
	def     *CTE
	at      place
	visited bool
	shape   shape
}

func (w *with) find(name string) *cte {
	for ; w != nil; w = w.outer {
		i := slices.IndexFunc(w.ctes, func(c *cte) bool { return c.def.Name == name })
		if i >= 0 {
			return w.ctes[i]
		}
	}
	return nil
}

// open starts a WITH clause and visits its queries, each once, wherever and however often they are used.
func (a *analysis) open(clause *With, ctes *with, outer *scope) *with {
	if clause == nil {
		return ctes
	}
	if w := a.opened[clause]; w != nil {
		return w
	}
	w := &with{outer: ctes}
	for _, def := range clause.CTEs {
		w.ctes = append(w.ctes, &cte{def: def})
	}
	for i, c := range w.ctes {
		sees := i
		switch {
		case clause.Forward:
			sees = len(w.ctes)
		case clause.Recursive:
			sees = i + 1
		}
		c.at = place{ctes: &with{outer: ctes, ctes: w.ctes[:sees]}, outer: outer, detached: true}
	}
	for _, c := range w.ctes {
		a.expand(c)
	}
	a.opened[clause] = w
	return w
}

// expand visits a common table expression. One that meets itself finds the columns of its first SELECT.
func (a *analysis) expand(c *cte) {
	if c.visited {
		return
	}
	c.visited = true
	if c.def.Write != nil {
		c.shape = a.write(c.def.Write, c.at.ctes).named(c.def.Columns)
		return
	}
	a.cores(c.def.Query, c.at, func(s shape) { c.shape = s.named(c.def.Columns) })
}

// query visits a SELECT and returns the shape of its result.
func (a *analysis) query(q *Query, at place) (result shape) {
	a.cores(q, at, func(s shape) { result = s })
	return result
}

// cores visits the parts of a SELECT. The shape of the first is that of all.
func (a *analysis) cores(q *Query, at place, first func(shape)) {
	if q == nil || len(q.Cores) == 0 {
		a.taint("holds a query that is not understood")
		return
	}
	ctes := a.open(q.With, at.ctes, at.outer)
	for i, core := range q.Cores {
		sc := &scope{outer: at.outer, beside: at.beside, ctes: ctes, detached: at.detached}
		s := a.core(core, sc)
		if i == 0 {
			first(s)
		}
	}
}

func (a *analysis) core(q *Select, sc *scope) shape {
	sc.aliases = map[string]bool{}
	for _, r := range q.Results {
		if r.IsAlias {
			sc.aliases[r.Name] = true
		}
	}
	if q.From != nil {
		a.from(q.From, sc)
	}
	a.clauses(q.Where, q.Rest, sc)
	for _, row := range q.Values {
		a.exprs(row, sc)
	}
	if len(q.Values) > 0 {
		return shape{names: make([]string, len(q.Values[0])), sure: true}
	}
	return a.results(q.Results, sc)
}

// clauses finds the pins of a scope whose FROM has been visited, and visits what stands in its clauses.
func (a *analysis) clauses(where Expr, rest []Expr, sc *scope) {
	a.pin(where, sc)
	for _, j := range sc.joins {
		a.expr(j.on, j.sc)
	}
	// Which items a function's arguments see is the dialect's affair: they read columns of any, and get no pins from them.
	a.exprs(sc.args, &scope{outer: sc.lateral(), ctes: sc.ctes, detached: true})
	a.expr(where, sc)
	a.exprs(rest, sc)
}

// results visits result columns and names them.
func (a *analysis) results(columns []Result, sc *scope) shape {
	s := shape{sure: true}
	for _, r := range columns {
		a.expr(r.Expr, sc)
		star, ok := r.Expr.(Star)
		if !ok {
			s.names = append(s.names, r.Name)
			continue
		}
		for _, src := range sc.sources {
			if star.Table != "" && src.name != star.Table {
				continue
			}
			s.sure = s.sure && src.shape.sure
			s.mixed = s.mixed || src.shape.mixed || star.Table == "" && len(src.using) > 0
			for _, name := range src.shape.names {
				if star.Table != "" || !src.using[name] {
					s.names = append(s.names, name)
				}
			}
		}
	}
	return s
}
