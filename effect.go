package moneyclip

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Guarantee says how surely a write's keys are known for one rule.
type Guarantee uint8

// The guarantees, the least exact first.
const (
	RuleWide     Guarantee = iota // every key of the rule is dropped
	AfterReading                  // exactly the keys that are touched, learnt by reading rows inside the write's transaction
	Exact                         // exactly the keys that are touched, from the statement's own values
	None                          // the write cannot touch the rule
)

func (g Guarantee) String() string {
	switch g {
	case AfterReading:
		return "exact after reading"
	case Exact:
		return "exact"
	case None:
		return "none"
	}
	return "rule-wide"
}

// A writePlan is which keys a text touches, and how they become known.
type writePlan struct {
	direct     []recipe
	readings   []reading
	wide       []*bound
	everything bool    // not even the database is known
	doubtful   string  // why its consequences may have changed the session; empty: they have not
	hasPaths   bool    // a recipe has one
	instead    string  // what runs instead of the statement if readings have parts in it; empty: none have
	touches    []touch // for each rule, how surely its keys become known
}

// A touch is the effect of a text on one rule.
type touch struct {
	rule      *bound
	guarantee Guarantee
	why       string
	blind     bool // the write counts for every rule
}

// A recipe makes one key, from the statement's arguments or from a row that was read.
type recipe struct {
	rule    *bound
	sources []source   // :: verb of the key, or parameter of the path → where its value comes from
	path    *path      // leads from these values to those of the key; nil: they are the key's own
	key     []spelling // :: verb of the key → how a value that the path leads to is spelled
}

type source struct {
	kind     sourceKind
	index    int // fromArgument, fromElement: the parameter's number. fromRow: the column
	constant Datum
	spell    spelling

	// filled marks a value that the database replaces if it is NULL, and zeroFilled one that it replaces too if it is 0.
	// Which one it then takes is not known.
	filled, zeroFilled bool
}

type sourceKind uint8

const (
	fromConstant sourceKind = iota
	fromArgument
	fromElement // of an argument that is an array: each makes a key
	fromRow
)

// A reading is a Reading with the keys that follow from each of its rows.
type reading struct {
	Reading
	old, new []string // columns
	recipes  []recipe
	inText   bool // it has a part in the plan's instead
}

// width is how many columns it adds to what a statement returns.
func (r *reading) width() int { return len(r.old) + len(r.new) + r.Ident }

// planWrite finds which keys a statement touches.
func planWrite(m *meaning, s *Statement) *writePlan {
	e := newEffects(m)
	e.statement(s)
	if later := e.later; len(later.assigned) > 0 || len(later.written) > 0 {
		e = newEffects(m)
		e.disturbed = later
		e.statement(s)
	}
	return e.plan()
}

func newEffects(m *meaning) *effects {
	return &effects{
		meaning: m,
		later:   newConsequences(),
		seen:    map[string]bool{},
		units:   map[*Write]*unit{},
		found:   map[*bound]*touch{},
		rules:   m.watching(),
	}
}

// effects follows a write through cascades and triggers and collects the keys that it touches.
type effects struct {
	meaning *meaning
	seen    map[string]bool // steps taken, by signature
	order   []*Write        // of units
	units   map[*Write]*unit
	own     []*Write // the statement's
	direct  []recipe
	found   map[*bound]*touch
	rules   []*bound

	// everything says that it may write other databases too.
	everything bool

	// doubtful, unless it is empty, says why what it brings about may have changed the session: what a trigger does that is
	// not understood, its statement has done.
	doubtful string

	// later is what the statement brings about. A second pass knows it as disturbed: what is true of a row before the
	// statement may be otherwise by the time that it comes to the row.
	later, disturbed consequences
}

// A unit is a write whose rows can be read, with what has to be read of them.
type unit struct {
	old, new []string
	recipes  []recipe
	pending  []pendingSource
}

// A pendingSource is a source whose column in the reading is known only when all columns are.
type pendingSource struct {
	recipe, verb int
	column       string
	isNew        bool
}

// A step is one write on the way: the statement's own, or one that a foreign key or a trigger makes.
type step struct {
	write *Write
	unit  *Write // what Dialect.Reading can read to learn the rows of this step; nil: nothing
	rowOf *Write // the unit whose row ValueOld and ValueNew mean in this step's values
	via   string // for people: how the statement comes to write this table
	depth int

	// ofKin is the table that is written, where the step stands for what that does to one of the same kin; nil: its own.
	ofKin *Table

	// collides says that the step is what becomes of rows that are in an INSERT's way.
	collides bool

	// replace says that the statement began as a REPLACE. What its triggers insert and update then replaces too.
	replace bool
}

const (
	maxDepth = 32   // triggers that fire triggers; deeper, a write may write anything
	maxRows  = 64   // rows of one INSERT whose triggers and collisions are followed one by one
	maxCross = 1000 // keys that one statement names by lists
)

func (e *effects) statement(s *Statement) {
	switch s.Kind {
	case KindRead, KindInert, KindControl, KindSession:
	case KindWrite:
		for i := range s.Writes {
			w := &s.Writes[i]
			if w.Op == AnyOp {
				e.anyTable(s, w)
				continue
			}
			e.own = append(e.own, w)
			e.follow(step{write: w, unit: w, replace: w.Replace})
		}
	case KindScript:
		for i := range s.Parts {
			e.part(&s.Parts[i])
		}
	case KindSchema:
		e.anything("it changes the schema")
	default:
		e.anything("the text is not understood")
	}
}

// part follows one statement of several in a text. Which argument goes to which of them depends on the driver, so only
// its tables are taken for known.
func (e *effects) part(s *Statement) {
	if s.Kind != KindWrite {
		e.statement(s)
		return
	}
	for _, w := range s.Writes {
		if w.Op == AnyOp {
			e.anyTable(s, &w)
			continue
		}
		e.follow(step{write: &Write{Op: w.Op, Table: w.Table, SetAll: true, Replace: w.Replace}, replace: w.Replace, via: "one of several statements in a text: "})
		if w.Conflict != nil {
			e.follow(step{write: &Write{Op: Update, Table: w.Table, SetAll: true}, via: "one of several statements in a text: "})
		}
	}
}

// reach notes that a write to a table may be one to another database: where names have no schemas, one that has is there.
func (e *effects) reach(table string) {
	e.everything = e.everything || e.meaning.catalog != nil && e.meaning.catalog.Path == nil && strings.Contains(table, ".")
}

// anyTable follows a write of which the table is not known.
func (e *effects) anyTable(s *Statement, w *Write) {
	e.anything(cmp.Or(s.Doubtful, "it may write anything"))
	e.reach(w.Table)
}

// anything counts every rule as touched at every key.
func (e *effects) anything(why string) {
	for _, b := range e.rules {
		e.touch(b, RuleWide, why)
		e.found[b].blind = true
	}
}

// unknown is anything for what is done by others than the statement itself.
func (e *effects) unknown(why string) {
	e.anything(why)
	e.doubtful = cmp.Or(e.doubtful, why)
}

func (e *effects) touch(b *bound, g Guarantee, why string) {
	t := e.found[b]
	if t == nil {
		e.found[b] = &touch{rule: b, guarantee: g, why: why}
		return
	}
	if g < t.guarantee {
		t.guarantee, t.why = g, why
	}
}

// follow takes one step and then those that follow from it.
func (e *effects) follow(s step) {
	w := s.write
	id := s.signature()
	if e.seen[id] {
		return
	}
	e.seen[id] = true
	if e.meaning.catalog == nil {
		e.anything("the database's catalog is not known")
		return
	}
	table := e.meaning.catalog.Tables[w.Table]
	switch {
	case table == nil:
		e.reach(w.Table)
		e.unknown(fmt.Sprintf("%stable %q is not in the catalog", s.via, w.Table))
		return
	case table.Opaque != "":
		e.unknown(fmt.Sprintf("%stable %q: %s", s.via, w.Table, table.Opaque))
		return
	case s.depth > maxDepth || w.Op == AnyOp:
		e.unknown(s.via + "it cannot be followed to its end")
		return
	}
	if s.depth > 0 {
		e.later.note(&s)
	}
	for _, b := range e.rules {
		if b.unclear != "" {
			e.touch(b, RuleWide, b.unclear)
		}
	}
	if !table.View {
		for _, b := range e.rules {
			for i := range b.watched {
				if b.watched[i].table == w.Table {
					e.meet(s, table, b, &b.watched[i])
				}
			}
		}
		e.collisions(s, table)
		e.foreignKeys(s, table)
		e.kin(s, table)
	}
	e.triggers(s, table)
}

// kin follows a write to the tables with which its own shares rows. What is read of the rows is the same.
func (e *effects) kin(s step, table *Table) {
	if s.ofKin != nil {
		return // those of its kin are its own
	}
	for _, name := range table.Kin {
		w := *s.write
		w.Table = name
		next := s
		next.write, next.ofKin = &w, table
		next.via = fmt.Sprintf("%s%q shares rows with %q: ", s.via, table.Name, name)
		e.follow(next)
	}
}

// signature tells steps apart by what they could touch.
func (s *step) signature() string {
	w := s.write
	conflict := Conflict{}
	if w.Conflict != nil {
		conflict = *w.Conflict
	}
	return fmt.Sprintf("%p %d %q %#v %#v %t %q %#v %t %t %#v %t %s %s", s.ofKin, w.Op, w.Table, w.Pins, w.Set, w.SetAll, w.Columns, w.Rows, w.Replace,
		w.Conflict != nil, conflict, s.replace, readingOf(s.unit), readingOf(s.rowOf))
}

// readingOf tells units apart by the rows that they read.
func readingOf(w *Write) string {
	switch {
	case w == nil:
		return "nothing"
	case w.Source != nil:
		return fmt.Sprintf("%p", w)
	case w.Parent != nil:
		return fmt.Sprintf("%d %q %#v of %s", w.Op, w.Table, *w.Key, readingOf(w.Parent))
	}
	return fmt.Sprintf("%d %q %#v %#v", w.Op, w.Table, w.Pins, w.Set)
}

// meet finds the keys of one rule that a step touches through one watch.
func (e *effects) meet(s step, table *Table, b *bound, on *watch) {
	w := s.write
	if w.Op == Update && !w.SetAll && !assignsWatched(w, table, on) {
		e.touch(b, None, fmt.Sprintf("%sit assigns no column of %q that the cached query depends on", s.via, w.Table))
		return
	}
	if len(b.template.verbs) == 0 {
		e.direct = append(e.direct, recipe{rule: b})
		e.touch(b, Exact, s.via+"the rule has one key")
		return
	}
	if len(on.columns) == 0 {
		e.touch(b, RuleWide, fmt.Sprintf("%sthe rule's On for %q names no Columns", s.via, w.Table))
		return
	}
	if on.path != nil {
		if why := on.path.unfit(b, w, table); why != "" {
			e.touch(b, RuleWide, fmt.Sprintf("%sthe Path of On for %q %s", s.via, w.Table, why))
			return
		}
	}
	if w.Op != Insert {
		e.keys(s, table, b, on, false, 0)
	}
	if w.Op == Insert {
		for row := range max(len(w.Rows), 1) {
			e.keys(s, table, b, on, true, row)
		}
	} else if w.Op == Update && slices.ContainsFunc(on.columns, func(c string) bool { return assigns(w, table, c) }) {
		e.keys(s, table, b, on, true, 0) // a row that moves from one key to another
	}
}

// keys finds the old or the new keys of the rows that a step touches.
func (e *effects) keys(s step, table *Table, b *bound, on *watch, isNew bool, row int) {
	alternatives := make([][]Value, len(on.columns))
	for i, column := range on.columns {
		values := e.before(s, table, column)
		if isNew {
			values = e.values(s, table, column, true, row)
		}
		if values == nil {
			e.touch(b, RuleWide, fmt.Sprintf("%sthe value of %s.%s is not known from the statement and cannot be read", s.via, s.write.Table, column))
			return
		}
		alternatives[i] = values
	}
	if !areAtMost(alternatives, maxCross) {
		e.touch(b, RuleWide, s.via+"it names too many keys")
		return
	}
	for _, choice := range choices(alternatives) {
		e.key(s, table, b, on, choice)
	}
}

// key records the recipe of one key.
func (e *effects) key(s step, table *Table, b *bound, on *watch, values []Value) {
	r := recipe{rule: b, sources: make([]source, len(values)), path: on.path}
	columns := b.columns
	if on.path != nil {
		columns = on.path.columns
		for _, c := range b.columns {
			r.key = append(r.key, canonical(e.meaning.database.dialect, c))
		}
	}
	var from *Write // the unit whose rows hold a value
	var pending []pendingSource
	for i, v := range values {
		src := &r.sources[i]
		src.spell = canonical(e.meaning.database.dialect, columns[i])
		switch v.Kind {
		case ValueParam:
			src.kind, src.index = fromArgument, v.Param
		case ValueElement:
			src.kind, src.index = fromElement, v.Param
		case ValueConst:
			if v.Const == nil {
				return // NULL equals nothing: no cached row has it in its key
			}
			d, ok := src.spell.of(v.Const)
			if !ok {
				e.touch(b, RuleWide, fmt.Sprintf("%sthe value given for %s.%s has no canonical spelling", s.via, table.Name, on.columns[i]))
				return
			}
			src.constant = d
		case ValueOld, ValueNew:
			src.kind = fromRow
			from = s.rowOf
			if s.unit != nil {
				from = s.unit
			}
			pending = append(pending, pendingSource{verb: i, column: v.Column, isNew: v.Kind == ValueNew})
		}
		src.filled, src.zeroFilled = v.filled, v.zeroFilled
	}
	if from == nil {
		e.direct = append(e.direct, r)
		if r.path != nil {
			e.touch(b, AfterReading, s.via+"a path leads from the statement's values to its keys")
			return
		}
		e.touch(b, Exact, s.via+"its keys follow from the statement's values")
		return
	}
	u := e.units[from]
	if u == nil {
		u = &unit{}
		e.units[from] = u
		e.order = append(e.order, from)
	}
	u.recipes = append(u.recipes, r)
	for _, p := range pending {
		p.recipe = len(u.recipes) - 1
		list := &u.old
		if p.isNew {
			list = &u.new
		}
		if !slices.Contains(*list, p.column) {
			*list = append(*list, p.column)
		}
		u.pending = append(u.pending, p)
	}
	e.touch(b, AfterReading, s.via+"the rows that it touches are read inside its transaction")
}

// plan turns what was collected into a plan.
func (e *effects) plan() *writePlan {
	p := &writePlan{everything: e.everything, doubtful: e.doubtful}
	for _, w := range e.order {
		u := e.units[w]
		how, ok := e.meaning.database.dialect.Reading(w, e.meaning.catalog, u.old, u.new)
		if ok && how.After.Text != "" && w.Op != Insert {
			ok = !e.hidden(w, u.old)
		}
		if !ok || e.disturbed.change(w, e.meaning.catalog.Tables[w.Table]) || e.refers(w) {
			for _, r := range u.recipes {
				e.touch(r.rule, RuleWide, fmt.Sprintf("the rows of %q that it touches cannot be read soundly", w.Table))
			}
			continue
		}
		for _, ps := range u.pending {
			index := slices.Index(u.old, ps.column)
			if ps.isNew {
				index = len(u.old) + slices.Index(u.new, ps.column)
			}
			u.recipes[ps.recipe].sources[ps.verb].index = index
		}
		p.readings = append(p.readings, reading{Reading: how, old: u.old, new: u.new, recipes: u.recipes})
	}
	e.leaveOutWide(p)
	if !p.join() {
		for i := range p.readings {
			if r := &p.readings[i]; r.Part != nil {
				for _, one := range r.recipes {
					e.touch(one.rule, RuleWide, "the rows of several writes in its text cannot be read together")
				}
			}
		}
		e.leaveOutWide(p)
	}
	wide := func(r recipe) bool { return e.found[r.rule].guarantee == RuleWide }
	p.direct = slices.DeleteFunc(e.direct, wide)
	hasPath := func(r recipe) bool { return r.path != nil }
	p.hasPaths = slices.ContainsFunc(p.direct, hasPath) ||
		slices.ContainsFunc(p.readings, func(r reading) bool { return slices.ContainsFunc(r.recipes, hasPath) })
	for _, b := range e.rules {
		t := e.found[b]
		if t == nil {
			continue
		}
		p.touches = append(p.touches, *t)
		if t.guarantee == RuleWide {
			p.wide = append(p.wide, b)
		}
	}
	return p
}

// leaveOutWide takes out of the readings what need not be read, because every key of its rule is dropped.
func (e *effects) leaveOutWide(p *writePlan) {
	for i := range p.readings {
		p.readings[i].recipes = slices.DeleteFunc(p.readings[i].recipes, func(r recipe) bool {
			return e.found[r.rule].guarantee == RuleWide
		})
	}
	p.readings = slices.DeleteFunc(p.readings, func(r reading) bool { return len(r.recipes) == 0 })
}

// join makes the text that runs instead of the statement, if rows of a write in its WITH are read by what they return. It
// reports false if there is no such text.
func (p *writePlan) join() bool {
	needed := false
	var parts []Part
	for i := range p.readings {
		r := &p.readings[i]
		switch {
		case r.Part != nil && r.Part.Own():
			parts = slices.Insert(parts, 0, r.Part)
		case r.Part != nil:
			parts, needed = append(parts, r.Part), true
		case r.Instead != "":
			parts = append(parts, nil) // only one text can run
		}
	}
	switch {
	case !needed:
		return true
	case slices.Contains(parts, nil):
		return false
	}
	text, ok := parts[0].Together(parts)
	if !ok {
		return false
	}
	p.instead = text
	for i := range p.readings {
		r := &p.readings[i]
		r.inText = r.Part != nil
	}
	return true
}

// reads reports whether rows are read to learn what the text touches.
func (p *writePlan) reads() bool { return p != nil && (len(p.readings) > 0 || p.hasPaths) }

// touchesNothing reports whether no write by this plan drops a key.
func (p *writePlan) touchesNothing() bool {
	return p == nil || !p.everything && len(p.direct) == 0 && len(p.readings) == 0 && len(p.wide) == 0
}
