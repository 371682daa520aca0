package query

import (
	"slices"

	"github.com/moneyclip/moneyclip"
)

// equality is "from = to": what pins from pins to as well.
type equality struct{ from, to field }

// field is a column of a table.
type field struct {
	src    *source
	column string
}

func (f field) def() *moneyclip.Column {
	if f.src.def == nil {
		return nil
	}
	return f.src.def.Column(f.column)
}

// pinning collects what a conjunction says of some sources.
type pinning struct {
	a       *analysis
	sc      *scope
	targets []*source
}

// pin notes the pins that WHERE and ON give to the sources of a scope.
//
// Whatever the joins, a row of one source makes a difference only to combinations that hold the row itself, or nothing in
// its place. So a conjunct that is not true of either pins the source, wherever it stands above it: a conjunct of WHERE
// pins any, that of an inner join's ON all below the join. The ON of a LEFT JOIN decides which rows of the right side
// match, and says nothing of the left side.
func (a *analysis) pin(where Expr, sc *scope) {
	p := &pinning{a: a, sc: sc, targets: sc.sources}
	p.conjuncts(where)
	for _, j := range sc.joins {
		if j.outward {
			continue // such an ON keeps rows as well as it drops them
		}
		p := &pinning{a: a, sc: j.sc, targets: j.right}
		if j.kind == InnerJoin {
			p.targets = j.sources()
		}
		p.conjuncts(j.on)
		if !j.mixed {
			p.using(j)
		}
	}
}

// conjuncts looks for pins in the terms of a conjunction.
func (p *pinning) conjuncts(e Expr) {
	switch e := e.(type) {
	case And:
		p.conjuncts(e.X)
		p.conjuncts(e.Y)
	case Equal:
		p.equal(e.X, e.Y, false)
	case In:
		if f, ok := p.field(e.X); ok && len(e.List) > 0 {
			p.values(f, e.List)
		}
	}
}

func (p *pinning) equal(x, y Expr, inRow bool) {
	if xs, ok := x.(Row); ok {
		ys, ok := y.(Row)
		if !ok || len(xs.List) != len(ys.List) {
			return
		}
		for i := range xs.List {
			p.equal(xs.List[i], ys.List[i], true)
		}
		return
	}
	fx, okx := p.field(x)
	fy, oky := p.field(y)
	switch {
	case okx && oky:
		p.link(fx, fy)
		p.link(fy, fx)
	case okx:
		p.value(fx, y, inRow)
	case oky:
		p.value(fy, x, inRow)
	}
}

// link notes that a target's column equals another.
func (p *pinning) link(from, to field) {
	if slices.Contains(p.targets, to.src) {
		p.a.equalities = append(p.a.equalities, equality{from, to})
	}
}

// value pins a column to one value, or to those of an array.
func (p *pinning) value(f field, e Expr, inRow bool) {
	if v, ok := p.a.element(e, f.def()); ok && !inRow {
		p.pin(moneyclip.Pin{Column: f.column, Values: []moneyclip.Value{v}}, f.src)
		return
	}
	p.values(f, []Expr{e})
}

// values pins a column to any of some values, if all of them are values.
func (p *pinning) values(f field, list []Expr) {
	pin := moneyclip.Pin{Column: f.column}
	for _, e := range list {
		v, ok := p.a.operand(e, f.def(), p.sc)
		if !ok {
			return
		}
		pin.Values = append(pin.Values, v)
		if v.Kind == moneyclip.ValueNew || v.Kind == moneyclip.ValueOld {
			pin.Via = append(pin.Via, moneyclip.ColumnName{Table: p.a.trigger.Table.Name, Column: v.Column})
		}
	}
	p.pin(pin, f.src)
}

func (p *pinning) pin(pin moneyclip.Pin, src *source) {
	if slices.Contains(p.targets, src) {
		src.pins = append(src.pins, pin)
	}
}

// using treats USING (c) as left.c = right.c, where the left column is that of the first source which has it.
func (p *pinning) using(j *join) {
	if len(j.right) > 1 {
		return
	}
	for _, name := range j.using {
		i := slices.IndexFunc(j.left, func(src *source) bool { return src.has(name) != no })
		if i < 0 {
			continue
		}
		left, isLeft := j.left[i].certain(name)
		right, isRight := j.right[0].certain(name)
		if isLeft && isRight {
			p.link(left, right)
			p.link(right, left)
		}
	}
}

// certain is the column of a table that a name surely means.
func (src *source) certain(name string) (field, bool) {
	f := field{src, src.column(name)}
	return f, src.isTable() && src.has(name) == yes && f.column != ""
}

// spread carries pins along the equalities until nothing more is pinned.
func (a *analysis) spread() {
	for again := true; again; {
		again = false
		for _, e := range a.equalities {
			i := e.from.pinned()
			if i < 0 || e.to.pinned() >= 0 {
				continue
			}
			pin := e.from.src.pins[i]
			via := append(slices.Clone(pin.Via), moneyclip.ColumnName{Table: e.from.src.table, Column: e.from.column})
			e.to.src.pins = append(e.to.src.pins, moneyclip.Pin{Column: e.to.column, Values: pin.Values, Via: via})
			again = true
		}
	}
}

// pinned is the place of the column's first pin, or negative.
func (f field) pinned() int {
	return slices.IndexFunc(f.src.pins, func(pin moneyclip.Pin) bool { return pin.Column == f.column })
}

// field is the column of a table that an expression is, if that is certain and if the pins of its source may be used
// here: those of a SELECT around a subquery in FROM may not.
func (p *pinning) field(e Expr) (field, bool) {
	c, ok := e.(Column)
	if !ok {
		return field{}, false
	}
	f, ok := resolve(c, p.sc)
	if !ok || !f.src.isTable() || f.column == "" {
		return field{}, false
	}
	for s := p.sc; !slices.Contains(s.sources, f.src); s = s.outer {
		if s.detached {
			return field{}, false
		}
	}
	return f, true
}

// resolve finds the one column that a name must mean.
func resolve(c Column, sc *scope) (field, bool) {
	if c.Table != "" {
		return resolveQualified(c, sc)
	}
	for s := sc; s != nil; s = s.outer {
		var have, may []*source
		for _, src := range s.sources {
			switch src.has(c.Name) {
			case yes:
				have = append(have, src)
			case maybe:
				may = append(may, src)
			}
		}
		if len(may) > 0 {
			return resolveGuess(c, may[0], s)
		}
		if len(have) == 0 {
			continue
		}
		for _, src := range have[1:] {
			// Two columns of one name are an error unless a join makes them one: then it is the first.
			if !src.using[c.Name] || s.outwards {
				return field{}, false
			}
		}
		return field{have[0], have[0].column(c.Name)}, true
	}
	return field{}, false
}

// resolveGuess resolves a name that a source may have: certain only where it is alone.
func resolveGuess(c Column, src *source, s *scope) (field, bool) {
	switch {
	case len(s.sources) > 1:
		return field{}, false
	case src.hidden(c.Name):
		return src.secret(c.Name)
	}
	return field{src, c.Name}, s.outer == nil && c.Word == nil && !s.aliases[c.Name]
}

// secret is the column that a hidden name stands for, if the table lists it.
func (src *source) secret(name string) (field, bool) {
	f := field{src, src.column(name)}
	return f, f.def() != nil
}

func resolveQualified(c Column, sc *scope) (field, bool) {
	for s := sc; s != nil; s = s.outer {
		var found []*source
		for _, src := range s.sources {
			switch src.is(c.Schema, c.Table) {
			case yes:
				found = append(found, src)
			case maybe:
				return field{}, false
			}
		}
		if len(found) == 0 {
			continue
		}
		src := found[0]
		switch {
		case len(found) > 1, src.has(c.Name) == no:
			return field{}, false
		case src.has(c.Name) == yes:
			return field{src, src.column(c.Name)}, true
		case src.hidden(c.Name):
			return src.secret(c.Name)
		}
		return field{src, c.Name}, s.outer == nil
	}
	return field{}, false
}
