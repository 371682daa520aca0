package postgres

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// defaultOf reads the expression of a column's DEFAULT.
func (b *builder) defaultOf(t thing) {
	def := b.tables[t.str(0)]
	if def == nil {
		return
	}
	col := def.Column(t.str(1))
	if col == nil || col.Generated {
		return
	}
	c := newConverter(b.catalog)
	e := c.expression(t.str(2))
	if does := cmp.Or(c.writes, c.session); does != "" {
		b.hang(def, moneyclip.Trigger{Op: moneyclip.Insert, Opaque: fmt.Sprintf("the default of %s %s", col.Name, does)})
	}
	if len(c.calls) > 0 {
		b.hang(def, moneyclip.Trigger{Op: moneyclip.Insert, Writes: c.calls})
	}
	for {
		cast, ok := e.(query.Cast)
		if !ok || !isHarmless(col, cast.Type) && cast.Type != col.Type {
			break
		}
		e = cast.X
	}
	if operand, ok := e.(query.Operand); ok && operand.Kind == moneyclip.ValueConst {
		col.Default = operand.Value
	}
}

// hang hangs a trigger on a table or a view, and on the views on it: a write to those is one to it.
func (b *builder) hang(def *moneyclip.Table, t moneyclip.Trigger) {
	def.Triggers = append(def.Triggers, t)
	for name, below := range b.facts.below {
		if on := b.catalog.Tables[name]; below == def.Name && !isReplaced(on, t.Op) {
			b.hang(on, t)
		}
	}
}

// defaults lets it be asked what the default of a column does. INSERT has triggers for that; an UPDATE does it only by the
// word DEFAULT.
func (b *builder) defaults() {
	texts := map[moneyclip.ColumnName]string{}
	for _, t := range slices.Concat(b.things["~default"], b.preset()) {
		def := b.tables[t.str(0)]
		if def == nil {
			continue
		}
		if col := def.Column(t.str(1)); col != nil && !col.Generated {
			texts[moneyclip.ColumnName{Table: def.Name, Column: col.Name}] = t.str(2)
		}
	}
	b.facts.defaultOf = func(column moneyclip.ColumnName) *effect {
		text := texts[column]
		if text == "" {
			return nil
		}
		return once(b.facts.defaults, column, func(e *effect) {
			c := newConverter(b.catalog)
			c.expression(text)
			e.writes, e.opaque = c.calls, cmp.Or(c.writes, c.session)
		})
	}
}

// setDefaults notes what the defaults do that a foreign key puts into the rows of its child.
func (b *builder) setDefaults() {
	for _, t := range b.things["key"] {
		child, parent := b.tables[t.str(0)], b.tables[t.str(1)]
		if child == nil || parent == nil {
			continue
		}
		var does moneyclip.Trigger
		for _, column := range t.list(2) {
			e := b.facts.defaultOf(moneyclip.ColumnName{Table: child.Name, Column: column})
			if e == nil {
				continue
			}
			does.Writes = append(does.Writes, e.writes...)
			if e.opaque != "" {
				does.Opaque = fmt.Sprintf("the default of %s %s", column, e.opaque)
			}
		}
		if len(does.Writes) == 0 && does.Opaque == "" {
			continue
		}
		if actions[t.str(4)] == moneyclip.SetDefault {
			does.Op, does.Of = moneyclip.Delete, nil
			parent.Triggers = append(parent.Triggers, does)
		}
		if actions[t.str(5)] == moneyclip.SetDefault {
			does.Op, does.Of = moneyclip.Update, t.list(3)
			parent.Triggers = append(parent.Triggers, does)
		}
	}
}

// checks notes what the conditions write that a new row has to meet: their functions may be any.
func (b *builder) checks() {
	for _, t := range b.things["~check"] {
		if def := b.tables[t.str(0)]; def != nil {
			b.check(def, t)
		}
	}
	for _, t := range b.things["column"] {
		def := b.tables[t.str(0)]
		if def == nil {
			continue
		}
		for _, condition := range b.things["~domain"] {
			if b.holds(t.str(7), condition.str(0)) {
				b.check(def, condition)
			}
		}
	}
}

// conditions notes what the conditions of domains write that a value has to meet wherever one is made.
func (b *builder) conditions() {
	for _, condition := range b.things["~domain"] {
		does := does(b.catalog, func(c *converter) { c.expression(condition.str(2)) })
		if does == "" {
			continue
		}
		for oid, own := range b.types {
			if b.holds(oid, condition.str(0)) {
				b.facts.conditions[own.name] = fmt.Sprintf("has to meet the condition %s, which %s", condition.str(1), does)
			}
		}
	}
}

// holds reports whether a type is a domain, an array of it, another domain over it, or may hold it as a row type does.
func (b *builder) holds(oid, domain string) bool {
	for own := b.types[oid]; own != nil; own = b.types[oid] {
		switch {
		case oid == domain || own.isRow:
			return true
		case own.base != "":
			oid = own.base
		default:
			oid = own.element
		}
	}
	return false
}

// check hangs on a table what one of its conditions writes.
func (b *builder) check(def *moneyclip.Table, condition thing) {
	c := newConverter(b.catalog)
	c.expression(condition.str(2))
	does := cmp.Or(c.writes, c.session)
	if does == "" && len(c.calls) == 0 {
		return
	}
	trigger := moneyclip.Trigger{Writes: c.calls}
	if does != "" {
		trigger.Opaque = fmt.Sprintf("the condition %s %s", condition.str(1), does)
	}
	for _, op := range []moneyclip.Op{moneyclip.Insert, moneyclip.Update} {
		trigger.Op = op
		def.Triggers = append(def.Triggers, trigger)
	}
}

// policies notes what the conditions write under which rows are seen and written: their functions may be any.
func (b *builder) policies() {
	for _, t := range b.things["~policy"] {
		def := b.tables[t.str(0)]
		for _, condition := range []string{t.str(2), t.str(3)} {
			if def == nil || condition == "" {
				continue
			}
			if does := does(b.catalog, func(c *converter) { c.expression(condition) }); does != "" {
				b.facts.writers[def.Name] = fmt.Sprintf("has the policy %s, which %s", t.str(1), does)
			}
		}
	}
	for _, def := range b.catalog.Tables {
		for _, read := range def.Reads { // of a view all that is below it
			if does := b.facts.writers[read.Table]; does != "" && b.facts.writers[def.Name] == "" {
				b.facts.writers[def.Name] = fmt.Sprintf("reads %s, which %s", read.Table, does)
			}
		}
	}
}

// expression parses an expression by itself. Nil: it is not understood.
func (c *converter) expression(text string) query.Expr {
	s := selectOf("SELECT " + text)
	if s == nil || len(s.TargetList) != 1 {
		c.doubt("holds an expression that is not understood")
		return nil
	}
	return c.expr(s.TargetList[0].GetResTarget().GetVal())
}

// selectOf parses a text that is one SELECT; nil: it is none.
func selectOf(text string) (s *pg.SelectStmt) {
	defer func() {
		// As in Analyze.
		if recover() != nil {
			s = nil
		}
	}()
	tree, ok := parse(text)
	if !ok || len(tree.Stmts) != 1 {
		return nil
	}
	return tree.Stmts[0].Stmt.GetSelectStmt()
}

// refreshes reads the definitions of materialized views, which are run when these are refreshed.
func (b *builder) refreshes() {
	for _, t := range b.things["~materialized"] {
		def := b.tables[t.str(0)]
		if def == nil {
			continue
		}
		s := selectOf(t.str(1))
		if s == nil {
			b.facts.refreshes[def.Name] = "runs a definition that is not understood"
			continue
		}
		if does := does(b.catalog, func(c *converter) { c.query(s) }); does != "" {
			b.facts.refreshes[def.Name] = "runs a definition that " + does
		}
	}
}

// does says what a part of a definition does besides to return a value; empty: nothing.
func does(catalog *moneyclip.Catalog, convert func(c *converter)) string {
	c := newConverter(catalog)
	convert(c)
	if len(c.calls) > 0 {
		return "calls a function that writes"
	}
	return cmp.Or(c.writes, c.session)
}

// views reads the views, those first that stand on tables alone.
func (b *builder) views() {
	waiting := map[string]*pg.SelectStmt{}
	for _, t := range b.things["~view"] {
		def := b.tables[t.str(0)]
		if def == nil {
			continue
		}
		if s := selectOf(t.str(1)); s != nil {
			waiting[def.Name] = s
			continue
		}
		def.Opaque, def.Reads = "its definition is not understood", []moneyclip.TableRead{}
	}
	for again := true; again; {
		again = false
		for _, name := range b.names() {
			s := waiting[name]
			if s == nil {
				continue
			}
			c := newConverter(b.catalog)
			c.whole = s
			m := meanings.Query(c.query(s), b.catalog)
			if m.Pending {
				continue
			}
			b.view(b.catalog.Tables[name], c, m)
			b.replacedBelow(b.catalog.Tables[name], s)
			if below := b.plainView(b.catalog.Tables[name], s); below != "" {
				b.facts.plain[name] = below
			}
			delete(waiting, name)
			again = true
		}
	}
	for name := range waiting {
		def := b.catalog.Tables[name]
		def.Opaque, def.Reads = "it is defined by itself", []moneyclip.TableRead{}
	}
}

// view notes what a view was found to read.
func (b *builder) view(def *moneyclip.Table, c *converter, m query.Meaning) {
	def.Reads = append([]moneyclip.TableRead{}, m.Reads...)
	def.Opaque = m.Impure
	if def.Opaque == "" {
		def.Opaque = c.impure
	}
	switch does := cmp.Or(c.writes, c.session); {
	case does != "":
		b.facts.writers[def.Name] = does
	case len(c.calls) > 0:
		b.facts.writers[def.Name] = "calls a function that writes"
	}
}
