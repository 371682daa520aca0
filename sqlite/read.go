package sqlite

import (
	"fmt"
	"slices"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/meyer/ast"
)

// analysis is one walk through one statement.
type analysis struct {
	catalog *moneyclip.Catalog
	reads   []*source // those of base tables, in order of appearance
	impure  string    // the first reason found
	pending bool      // a view was met whose definition has not been read

	// trigger is the table whose row fired the trigger that is read; early, before the row is written.
	trigger *moneyclip.Table
	early   bool
}

// scope is where names are looked up: the sources of one SELECT, then those of the SELECT around it.
type scope struct {
	outer    *scope
	ctes     *with
	sources  []*source
	aliases  map[string]bool // of result columns
	outwards bool            // has a RIGHT or FULL join
	detached bool            // a subquery in FROM, which is not evaluated once for each row around it
}

// with is one WITH clause; the innermost is asked first.
type with struct {
	outer *with
	ctes  map[string]*cte
}

type cte struct {
	def     *ast.CTE
	visited bool
	columns []string
	whole   bool
}

func (w *with) find(name string) (*cte, *with) {
	for ; w != nil; w = w.outer {
		if c := w.ctes[name]; c != nil {
			return c, w
		}
	}
	return nil, nil
}

func (a *analysis) taint(format string, args ...any) {
	if a.impure == "" {
		a.impure = fmt.Sprintf(format, args...)
	}
}

// tables are the reads as the rest of MoneyClip knows them.
func (a *analysis) tables() []moneyclip.TableRead {
	var reads []moneyclip.TableRead
	for _, src := range a.reads {
		if src.view != nil {
			reads = append(reads, src.view...)
			continue
		}
		read := moneyclip.TableRead{Table: src.table, All: src.all, Pins: src.pins}
		for column := range src.read {
			read.Columns = append(read.Columns, column)
		}
		slices.Sort(read.Columns)
		reads = append(reads, read)
	}
	return reads
}

// open starts a WITH clause and visits its queries, each once, wherever and however often they are used.
func (a *analysis) open(clause *ast.With, ctes *with, outer *scope) *with {
	if clause == nil {
		return ctes
	}
	w := &with{outer: ctes, ctes: map[string]*cte{}}
	for _, def := range clause.CTEs {
		w.ctes[fold(def.Name.Name)] = &cte{def: def}
	}
	for _, def := range clause.CTEs {
		a.expand(w.ctes[fold(def.Name.Name)], w, outer)
	}
	return w
}

// expand visits a common table expression. One that meets itself finds the columns its own list names.
func (a *analysis) expand(c *cte, w *with, outer *scope) {
	if c.visited {
		return
	}
	c.visited = true
	for _, column := range c.def.Columns {
		c.columns = append(c.columns, fold(column.Name))
	}
	c.whole = len(c.columns) > 0
	columns, whole := a.query(c.def.Select, w, outer, true)
	if len(c.columns) == 0 {
		c.columns, c.whole = columns, whole
	}
}

// query visits a SELECT and returns the names of its result columns, and whether these are all.
func (a *analysis) query(stmt *ast.SelectStmt, ctes *with, outer *scope, detached bool) ([]string, bool) {
	ctes = a.open(stmt.With, ctes, outer)
	var columns []string
	whole := false
	for i, core := range stmt.Cores {
		sc := &scope{outer: outer, ctes: ctes, detached: detached}
		var names []string
		complete := true
		switch core := core.(type) {
		case *ast.ValuesClause:
			for _, row := range core.Rows {
				a.exprs(row, sc)
			}
			complete = false
		case *ast.SelectQuery:
			names, complete = a.core(core, sc)
		}
		if i == 0 {
			columns, whole = names, complete
		}
	}
	return columns, whole
}

func (a *analysis) core(q *ast.SelectQuery, sc *scope) ([]string, bool) {
	sc.aliases = map[string]bool{}
	for _, column := range q.Columns {
		if column.Alias != nil {
			sc.aliases[fold(column.Alias.Name)] = true
		}
	}
	joins := a.from(q.From, sc)
	a.pin(q.Where, joins, sc)

	for _, j := range joins {
		a.expr(j.on, sc)
		a.exprs(j.args, sc)
	}
	a.expr(q.Where, sc)
	a.exprs(q.GroupBy, sc)
	a.expr(q.Having, sc)
	for _, window := range q.Windows {
		a.window(window, sc)
	}
	a.ordering(q.OrderBy, sc)
	a.limit(q.Limit, sc)
	return a.results(q.Columns, sc)
}

// results visits result columns and names them.
func (a *analysis) results(columns []*ast.ResultColumn, sc *scope) ([]string, bool) {
	var names []string
	whole := true
	for _, column := range columns {
		a.expr(column.Expr, sc)
		switch e := column.Expr.(type) {
		case *ast.Star:
			more, known := starColumns(e, sc)
			names, whole = append(names, more...), whole && known
			continue
		case *ast.Ident:
			if column.Alias == nil {
				names = append(names, fold(e.Name))
			}
		case *ast.QualifiedRef:
			if column.Alias == nil {
				names = append(names, fold(e.Parts[len(e.Parts)-1].Name))
			}
		default:
			// A result without a name of its own is called by its text, in a spelling of SQLite's choice.
			whole = whole && column.Alias != nil
		}
		if column.Alias != nil {
			names = append(names, fold(column.Alias.Name))
		}
	}
	return names, whole
}

func starColumns(star *ast.Star, sc *scope) (names []string, whole bool) {
	whole = true
	for _, src := range sc.sources {
		if star.Table != nil && src.name != fold(star.Table.Name) {
			continue
		}
		more, known := src.known()
		names, whole = append(names, more...), whole && known
	}
	return names, whole
}

func (a *analysis) limit(l *ast.Limit, sc *scope) {
	if l != nil {
		a.expr(l.Count, sc)
		a.expr(l.Offset, sc)
	}
}

func (a *analysis) ordering(terms []*ast.OrderingTerm, sc *scope) {
	for _, term := range terms {
		a.expr(term.Expr, sc)
	}
}

func (a *analysis) window(w *ast.WindowDef, sc *scope) {
	a.exprs(w.Partition, sc)
	a.ordering(w.OrderBy, sc)
	for _, bound := range []*ast.FrameBound{w.StartBound, w.EndBound} {
		if bound != nil {
			a.expr(bound.Expr, sc)
		}
	}
}

func (a *analysis) exprs(list []ast.Expr, sc *scope) {
	for _, e := range list {
		a.expr(e, sc)
	}
}

// expr notes the columns that an expression reads, the queries in it and what makes it impure.
func (a *analysis) expr(e ast.Expr, sc *scope) {
	switch e := e.(type) {
	case nil, *ast.BindParam:
	case *ast.Literal:
		switch e.Kind {
		case ast.LitCurrentDate, ast.LitCurrentTime, ast.LitCurrentTimestamp:
			a.taint("reads %s", e.Raw)
		}
	case *ast.Ident:
		a.column(fold(e.Name), sc)
	case *ast.QualifiedRef:
		a.qualified(e, sc)
	case *ast.Star:
		for _, src := range sc.sources {
			if e.Table == nil || src.name == fold(e.Table.Name) {
				src.all = true
			}
		}
	case *ast.FuncCall:
		if reason := callImpurity(e); reason != "" {
			a.taint("%s", reason)
		}
		a.exprs(e.Args, sc)
		a.ordering(e.OrderBy, sc)
		a.expr(e.Filter, sc)
		if e.Over != nil {
			a.window(e.Over, sc)
		}
	case *ast.LikeExpr:
		if op := fold(e.Op.Name); op != "like" && op != "glob" {
			a.taint("uses %s, a function that is not known to be pure", e.Op.Raw)
		}
		a.expr(e.X, sc)
		a.expr(e.Y, sc)
		a.expr(e.Escape, sc)
	case *ast.CollateExpr:
		if !isBuiltIn(e.Name.Name) {
			a.taint("uses the collation %s, which is not SQLite's own", e.Name.Name)
		}
		a.expr(e.X, sc)
	case *ast.InExpr:
		a.expr(e.X, sc)
		a.exprs(e.List, sc)
		a.exprs(e.Args, sc)
		if e.Select != nil {
			a.query(e.Select, sc.ctes, sc, false)
		}
		if e.Table != nil {
			if src := a.named(e.Table, e.HasArgs, sc); src != nil {
				src.all = true
			}
		}
	case *ast.ExistsExpr:
		a.query(e.Select, sc.ctes, sc, false)
	case *ast.SubqueryExpr:
		a.query(e.Select, sc.ctes, sc, false)
	case *ast.BinaryExpr:
		a.expr(e.X, sc)
		a.expr(e.Y, sc)
	case *ast.UnaryExpr:
		a.expr(e.X, sc)
	case *ast.ParenExpr:
		a.expr(e.X, sc)
	case *ast.CastExpr:
		a.expr(e.X, sc)
	case *ast.IsExpr:
		a.expr(e.X, sc)
		a.expr(e.Y, sc)
	case *ast.NullCheckExpr:
		a.expr(e.X, sc)
	case *ast.BetweenExpr:
		a.expr(e.X, sc)
		a.expr(e.Lo, sc)
		a.expr(e.Hi, sc)
	case *ast.CaseExpr:
		a.expr(e.Operand, sc)
		for _, when := range e.Whens {
			a.expr(when.When, sc)
			a.expr(when.Then, sc)
		}
		a.expr(e.Else, sc)
	case *ast.VectorExpr:
		a.exprs(e.List, sc)
	case *ast.RaiseExpr:
		a.expr(e.Message, sc)
	default:
		// An expression that is not understood may name any column and call anything.
		a.taint("holds an expression that is not understood")
		for s := sc; s != nil; s = s.outer {
			for _, src := range s.sources {
				src.all = true
			}
		}
	}
}

// column notes that a column is read: of every source that has it or may have it, the nearest scope first.
func (a *analysis) column(name string, sc *scope) {
	for s := sc; s != nil; s = s.outer {
		found := false
		for _, src := range s.sources {
			switch src.has(name) {
			case yes:
				src.touch(name)
				found = true
			case maybe:
				src.touch(name)
			}
		}
		if found {
			return
		}
	}
}

func (a *analysis) qualified(ref *ast.QualifiedRef, sc *scope) {
	name := fold(ref.Parts[len(ref.Parts)-1].Name)
	table := fold(ref.Parts[len(ref.Parts)-2].Name)
	for s := sc; s != nil; s = s.outer {
		found := false
		for _, src := range s.sources {
			if src.name != table {
				continue
			}
			src.touch(name)
			found = found || src.has(name) == yes
		}
		if found {
			return
		}
	}
}
