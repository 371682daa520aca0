package sqlite

import (
	"slices"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/meyer/ast"
)

// equality is "from = to": what pins from pins to as well.
type equality struct{ from, to field }

// field is a column of a source.
type field struct {
	src    *source
	column string
}

// pinning collects what the conjuncts of one SELECT say of its sources.
type pinning struct {
	a          *analysis
	sc         *scope
	equalities []equality
}

// pin notes the pins that WHERE and ON give to the sources of a scope.
//
// A conjunct of WHERE drops each combination of rows in which its column does not have the value, and NULL is not the
// value: so it pins any source, whatever the joins. A conjunct of an inner join's ON does the same to the combinations
// that reach it. That of a LEFT JOIN decides which rows of the right side match, and says nothing of the left side.
func (a *analysis) pin(where ast.Expr, joins []join, sc *scope) {
	p := &pinning{a: a, sc: sc}
	p.conjuncts(where, sc.sources, true)
	for _, j := range joins {
		if sc.outwards {
			break // ON then keeps rows as well as it drops them
		}
		mutual := j.kind == innerJoin
		targets := j.right
		if mutual {
			targets = slices.Concat(j.left, j.right)
		}
		p.conjuncts(j.on, targets, mutual)
		p.using(j, mutual)
	}
	p.spread()
}

// conjuncts looks for pins of the targets in the terms of a conjunction. Mutual: an equality of two columns pins
// either.
func (p *pinning) conjuncts(e ast.Expr, targets []*source, mutual bool) {
	switch e := bare(e).(type) {
	case *ast.BinaryExpr:
		switch e.Op {
		case ast.OpAnd:
			p.conjuncts(e.X, targets, mutual)
			p.conjuncts(e.Y, targets, mutual)
		case ast.OpEq:
			p.equal(e.X, e.Y, targets, mutual)
		}
	case *ast.InExpr:
		p.in(e, targets)
	}
}

func (p *pinning) equal(x, y ast.Expr, targets []*source, mutual bool) {
	xs, ok := bare(x).(*ast.VectorExpr)
	if ok {
		ys, ok := bare(y).(*ast.VectorExpr)
		if !ok || len(xs.List) != len(ys.List) {
			return
		}
		for i := range xs.List {
			p.equal(xs.List[i], ys.List[i], targets, mutual)
		}
		return
	}
	fx, okx := p.field(x)
	fy, oky := p.field(y)
	switch {
	case okx && oky:
		if slices.Contains(targets, fy.src) {
			p.equalities = append(p.equalities, equality{from: fx, to: fy})
		}
		if slices.Contains(targets, fx.src) {
			p.equalities = append(p.equalities, equality{from: fy, to: fx})
		}
	case okx:
		p.value(fx, []ast.Expr{y}, targets)
	case oky:
		p.value(fy, []ast.Expr{x}, targets)
	}
}

func (p *pinning) in(e *ast.InExpr, targets []*source) {
	if e.Not || len(e.List) == 0 {
		return
	}
	if f, ok := p.field(e.X); ok {
		p.value(f, e.List, targets)
	}
}

// value pins a column to any of some values, if all of them are values.
func (p *pinning) value(f field, list []ast.Expr, targets []*source) {
	if !slices.Contains(targets, f.src) {
		return
	}
	pin := moneyclip.Pin{Column: f.column}
	for _, e := range list {
		v, ok := p.a.operand(e, p.sc)
		if !ok {
			return
		}
		pin.Values = append(pin.Values, v)
		if v.Kind == moneyclip.ValueNew || v.Kind == moneyclip.ValueOld {
			pin.Via = append(pin.Via, moneyclip.ColumnName{Table: p.a.trigger.Name, Column: v.Column})
		}
	}
	f.src.pins = append(f.src.pins, pin)
}

// using treats USING (c) as left.c = right.c, where the left column is that of the first source which has it.
func (p *pinning) using(j join, mutual bool) {
	for _, name := range j.using {
		left := slices.IndexFunc(j.left, func(src *source) bool { return src.has(name) != no })
		right := slices.IndexFunc(j.right, func(src *source) bool { return src.has(name) != no })
		if left < 0 || right < 0 || j.left[left].has(name) != yes || j.right[right].has(name) != yes || len(j.right) > 1 {
			continue
		}
		l, r := field{j.left[left], name}, field{j.right[right], name}
		if l.src.def == nil || r.src.def == nil {
			continue
		}
		p.equalities = append(p.equalities, equality{from: l, to: r})
		if mutual {
			p.equalities = append(p.equalities, equality{from: r, to: l})
		}
	}
}

// spread carries pins along the equalities until nothing more is pinned.
func (p *pinning) spread() {
	for again := true; again; {
		again = false
		for _, e := range p.equalities {
			if len(e.from.src.pins) == 0 || isPinned(e.to) {
				continue
			}
			i := slices.IndexFunc(e.from.src.pins, func(pin moneyclip.Pin) bool { return pin.Column == e.from.column })
			if i < 0 {
				continue
			}
			pin := e.from.src.pins[i]
			via := append(slices.Clone(pin.Via), moneyclip.ColumnName{Table: e.from.src.table, Column: e.from.column})
			e.to.src.pins = append(e.to.src.pins, moneyclip.Pin{Column: e.to.column, Values: pin.Values, Via: via})
			again = true
		}
	}
}

func isPinned(f field) bool {
	return slices.ContainsFunc(f.src.pins, func(pin moneyclip.Pin) bool { return pin.Column == f.column })
}

// field is the column of a base table that an expression is, if that is certain and if the pins of its source may be
// used here: those of a SELECT around a subquery in FROM may not.
func (p *pinning) field(e ast.Expr) (field, bool) {
	f, ok := resolve(e, p.sc)
	if !ok || f.src.table == "" || f.src.view != nil || f.src.def != nil && f.src.def.View {
		return field{}, false
	}
	for s := p.sc; s != nil; s = s.outer {
		if slices.Contains(s.sources, f.src) {
			return f, true
		}
		if s.detached {
			return field{}, false
		}
	}
	return field{}, false
}

// resolve finds the one column that a name must mean.
func resolve(e ast.Expr, sc *scope) (field, bool) {
	switch e := bare(e).(type) {
	case *ast.Ident:
		return resolveName(e, sc)
	case *ast.QualifiedRef:
		if len(e.Parts) == 3 && fold(e.Parts[0].Name) != "main" {
			return field{}, false
		}
		return resolveQualified(fold(e.Parts[len(e.Parts)-2].Name), fold(e.Parts[len(e.Parts)-1].Name), sc)
	}
	return field{}, false
}

func resolveName(id *ast.Ident, sc *scope) (field, bool) {
	if id.Quote == ast.QuoteSingle {
		return field{}, false
	}
	name := fold(id.Name)
	for s := sc; s != nil; s = s.outer {
		var have, may []*source
		for _, src := range s.sources {
			switch src.has(name) {
			case yes:
				have = append(have, src)
			case maybe:
				may = append(may, src)
			}
		}
		if len(may) > 0 {
			return resolveGuess(id, name, have, may, s)
		}
		if len(have) == 0 {
			continue
		}
		for _, src := range have[1:] {
			// Two columns of one name are an error unless a join makes them one: then it is the first.
			if !src.using[name] || s.outwards {
				return field{}, false
			}
		}
		return field{have[0], name}, true
	}
	return field{}, false
}

// resolveGuess resolves a name that a source may have: certain only where it is alone.
func resolveGuess(id *ast.Ident, name string, have, may []*source, s *scope) (field, bool) {
	if len(have) > 0 || len(s.sources) != 1 {
		return field{}, false
	}
	src := may[0]
	if src.def != nil && isRowid(name) {
		return field{src, src.def.Serial}, src.def.Serial != ""
	}
	isWord := id.Quote == ast.QuoteDouble || name == "true" || name == "false" || isRowid(name)
	if isWord || s.outer != nil || s.aliases[name] {
		return field{}, false
	}
	return field{src, name}, true
}

func resolveQualified(table, name string, sc *scope) (field, bool) {
	for s := sc; s != nil; s = s.outer {
		var found []*source
		for _, src := range s.sources {
			if src.name == table {
				found = append(found, src)
			}
		}
		if len(found) == 0 {
			continue
		}
		if len(found) > 1 {
			return field{}, false
		}
		src := found[0]
		switch src.has(name) {
		case yes:
			return field{src, name}, true
		case maybe:
			if isRowid(name) {
				return field{src, realName(src.def, name)}, src.def != nil && src.def.Serial != ""
			}
			return field{src, name}, s.outer == nil
		}
		return field{}, false
	}
	return field{}, false
}
