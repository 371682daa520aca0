package moneyclip

import (
	"cmp"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// A bound is a rule in one database. Its fields are written only while its meaning is made, or under the meaning's
// lock when a text teaches it what to watch.
type bound struct {
	*rule
	meaning     *meaning
	owner       *Cache
	prefix      string // of stored keys: namespace and scope
	generations [2]string

	board  *board // where other processes look for it; nil: nobody else uses the store
	notice string // by which it is known here; empty: it is a rule of this process

	idle     string // why the rule is inactive in this database
	isAbsent bool   // because it lacks one of its tables
	unclear  string // why every write has to drop every key; empty: watched says which

	table   *Table      // for a rule with Table; also if that is why it is inactive
	columns []*Column   // :: verb → the column whose equality decides; nil until known
	watched []watch     // writes that touch the rule's keys
	loose   bool        // a text compares a value of the key with no column, and no On says with which it is equal
	reads   []*readPlan // texts that were seen, for Refresh
	seen    bool        // a SELECT of the sqlc name that is the rule's Query, whether it fits or not
}

// A watch is an On in one database.
type watch struct {
	table   string
	columns []string // :: verb → column; nil: every key
	all     bool     // every assignment counts
	set     []string // columns whose assignment counts, sorted, without doubles; the key's own always count
	path    *path    // leads from columns to the key; nil: they are the key
}

// maxReads bounds the texts that a writer loads again for one rule.
const maxReads = 8

func bind(m *meaning, owner *Cache, r *rule) *bound {
	d := m.database
	b := &bound{rule: r, meaning: m, owner: owner}
	b.locate(d.scope)
	b.board = d.site.board(d.hub, owner.namespace, d.scope)
	if m.catalog == nil {
		b.idle = "the database's catalog is not known"
		return b
	}
	var err error
	switch {
	case r.Table != "":
		err = b.bindTable(m)
	case r.bySQLCName():
		err = b.bindDeclared(m)
	default:
		err = b.bindText(m)
	}
	if err != nil {
		b.idle = err.Error()
		b.watched, b.columns = nil, nil
		var absent absentError
		if b.isAbsent = errors.As(err, &absent); !b.isAbsent {
			owner.logLater("rule is inactive", "rule", r.Name, "at", r.place.String(), "reason", b.idle)
		}
	}
	return b
}

// locate names what is stored under the rule.
func (b *bound) locate(scope string) {
	b.prefix = b.owner.namespace + ":" + scope + ":"
	b.generations = [2]string{b.prefix + "@" + b.Name, b.owner.everything()}
}

// everything is the generation of all rules of the namespace, in all databases.
func (c *Cache) everything() string { return everything(c.namespace) }

func everything(namespace string) string { return namespace + ":@@" }

func (b *bound) bindTable(m *meaning) error {
	t, err := m.catalog.find(b.Table)
	if err != nil {
		return err
	}
	b.table = t
	if t.View {
		return fmt.Errorf("%q is a view: name the table below it, or give the Query", t.Name)
	}
	if t.Opaque != "" || t.Guarded != "" {
		return fmt.Errorf("table %q: %s", t.Name, cmp.Or(t.Opaque, t.Guarded))
	}
	own := watch{table: t.Name, all: true}
	for i, name := range b.By {
		c, err := t.keyColumn(m.database.dialect, name)
		if err != nil {
			return err
		}
		if b.template.verbs[i] == 'd' && !holdsIntegers(m.database.dialect, c) {
			return fmt.Errorf("key %q: %%d is for an integer, and column %s.%s is %s: write %%s, or %%v", b.Key, t.Name, c.Name, cmp.Or(c.Type, "none"))
		}
		b.columns = append(b.columns, c)
		own.columns = append(own.columns, c.Name)
	}
	if b.On == nil {
		b.watched = []watch{own}
		return nil
	}
	return b.declare(m, []TableRead{{Table: t.Name, All: true}})
}

// holdsIntegers reports whether some value is stored under a key as an integer, where it is compared with a column.
func holdsIntegers(dialect Dialect, c *Column) bool {
	spell := canonical(dialect, c)
	return slices.ContainsFunc([]driver.Value{int64(1), int64(2001), 1.0, true, "1", []byte("1")}, func(v driver.Value) bool { // a year, a truth, a number as a text
		d, ok := spell(v)
		return ok && d.kind == datumInt
	})
}

// bindDeclared binds a rule for a sqlc query before its text was seen: what its On say.
func (b *bound) bindDeclared(m *meaning) error {
	return b.declare(m, nil) // without On nothing: nothing can be stored before the text was seen
}

// bindText binds a rule whose text is known.
func (b *bound) bindText(m *meaning) error {
	statement := m.database.hub.analyze(m.database.dialect, b.Query, m.catalog)
	_, err := b.learn(m, statement)
	return err
}

// learn binds the rule to a text that it caches. It reports whether writes have other keys than before. A text that
// does not fit is an error and leaves the rule as it was.
func (b *bound) learn(m *meaning, s *Statement) (more bool, err error) {
	for i := range s.Reads {
		if m.catalog.Tables[s.Reads[i].Table] == nil {
			return false, m.catalog.absent(s.Reads[i].Table)
		}
	}
	if why := notASelect(s); why != "" {
		return false, fmt.Errorf("the query %s", why)
	}
	if n := len(s.Params); len(b.Args) > 0 && slices.Max(b.Args) > n {
		return false, fmt.Errorf("the query has %s, the key needs parameter %d%s", count(n, "parameter"), slices.Max(b.Args), foreign(m.database.dialect, b.Query))
	}
	for i := range s.Reads {
		if t := m.catalog.Tables[s.Reads[i].Table]; t.Opaque != "" || t.Guarded != "" {
			return false, fmt.Errorf("table %q: %s", t.Name, cmp.Or(t.Opaque, t.Guarded))
		}
	}
	before := *b
	before.watched = slices.Clone(b.watched)
	restore := func() { b.watched, b.columns, b.loose = before.watched, before.columns, before.loose }
	changed := func() bool {
		return before.loose != b.loose || !sameWatches(before.watched, b.watched) || !slices.Equal(before.columns, b.columns)
	}
	if b.On != nil {
		if len(b.reads) == 0 {
			b.watched = nil // until now every assignment counted
		}
		if err := b.pinned(m, s); err != nil {
			restore()
			return false, err
		}
		if err := b.declare(m, s.Reads); err != nil {
			restore()
			return false, err
		}
		return changed(), nil
	}
	inferred, err := infer(b.rule, s, m.database.dialect, m.catalog)
	if err != nil {
		return false, err
	}
	for _, w := range inferred {
		if err := b.agree(m, w); err != nil {
			restore()
			return false, err
		}
		b.watch(w)
	}
	return changed(), nil
}

// pinned takes from a query the columns that its key's parameters are compared with.
func (b *bound) pinned(m *meaning, s *Statement) error {
	holds := slices.ContainsFunc(b.On, func(on On) bool { return on.Path == "" && len(on.Columns) > 0 })
	for verb, param := range b.Args {
		pinned := false
		for i := range s.Reads {
			pin := pinTo(&s.Reads[i], param, m.catalog)
			if pin == nil {
				continue
			}
			pinned = true
			if err := b.agreeOn(m, verb, s.Reads[i].Table, pin.Column); err != nil {
				return err
			}
		}
		b.loose = b.loose || !holds && !pinned
	}
	return nil
}

// declare turns the rule's On into watches. The reads are what the rule's texts read; nil: not known yet.
func (b *bound) declare(m *meaning, reads []TableRead) error {
	for i := range reads {
		if !b.names(m, reads[i].Table) {
			for _, on := range b.On {
				if _, err := m.catalog.find(on.Table); err != nil {
					return err // perhaps it is meant for this one
				}
			}
			return fmt.Errorf("the query reads table %q, which no On watches: add On{Table: %[1]q}, with Columns if its rows hold the key",
				reads[i].Table)
		}
	}
	for _, on := range b.On {
		t, err := m.catalog.find(on.Table)
		if err != nil {
			return err
		}
		w := watch{table: t.Name}
		if on.Path != "" {
			if w.path, err = b.bindPath(m, t, &on); err != nil {
				return err
			}
		}
		for _, name := range on.Columns {
			c, err := t.keyColumn(m.database.dialect, name)
			if err != nil {
				return err
			}
			w.columns = append(w.columns, c.Name)
		}
		for _, name := range on.Set {
			c, err := t.keyColumn(anyColumn{}, name)
			if err != nil {
				return err
			}
			w.set = append(w.set, c.Name)
		}
		if on.Set == nil {
			w.all = true
			known := false
			for i := range reads {
				if reads[i].Table == t.Name {
					known = true
				}
			}
			if known {
				w.all = false
				for i := range reads {
					if reads[i].Table == t.Name {
						w.all = w.all || reads[i].All
						w.set = append(w.set, reads[i].Columns...)
					}
				}
			}
		}
		sort.Strings(w.set)
		w.set = slices.Compact(w.set)
		if err := b.agree(m, w); err != nil {
			return err
		}
		b.watch(w)
	}
	return nil
}

// names reports whether one of the rule's On is for the table.
func (b *bound) names(m *meaning, table string) bool {
	return slices.ContainsFunc(b.On, func(o On) bool {
		t, err := m.catalog.find(o.Table)
		return err == nil && t.Name == table
	})
}

// anyColumn asks nothing of a column.
type anyColumn struct{ Dialect }

func (anyColumn) Keyable(*Column) string { return "" }

// agree checks that the columns of a watch compare values as the key's other columns do.
func (b *bound) agree(m *meaning, w watch) error {
	if w.path != nil {
		return nil // it ends in the key, by way of other columns
	}
	for verb, name := range w.columns {
		if err := b.agreeOn(m, verb, w.table, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *bound) agreeOn(m *meaning, verb int, table, column string) error {
	t, err := m.catalog.find(table)
	if err != nil {
		return err
	}
	c, err := t.keyColumn(m.database.dialect, column)
	if err != nil {
		return err
	}
	if b.columns == nil {
		b.columns = make([]*Column, len(b.template.verbs))
	} else {
		b.columns = slices.Clone(b.columns)
	}
	if have := b.columns[verb]; have != nil && have.Class != c.Class {
		return fmt.Errorf("columns %q (%s) and %q (%s) of table %q hold the same value of the key but compare values differently",
			have.Name, have.Class, c.Name, c.Class, table)
	}
	if b.columns[verb] == nil {
		b.columns[verb] = c
	}
	return nil
}

// watch adds a watch, or widens one that there is.
func (b *bound) watch(w watch) {
	for i := range b.watched {
		have := &b.watched[i]
		if have.table == w.table && slices.Equal(have.columns, w.columns) && have.path.equal(w.path) {
			have.all = have.all || w.all
			have.set = slices.Concat(have.set, w.set)
			sort.Strings(have.set)
			have.set = slices.Compact(have.set)
			return
		}
	}
	b.watched = append(b.watched, w)
}

func sameWatches(a, b []watch) bool {
	return slices.EqualFunc(a, b, func(x, y watch) bool {
		return x.table == y.table && x.all == y.all && slices.Equal(x.columns, y.columns) && slices.Equal(x.set, y.set) && x.path.equal(y.path)
	})
}

// notASelect says why a statement cannot be cached by a rule at all; empty: it can.
func notASelect(s *Statement) string {
	switch {
	case s.Kind == KindUnknown:
		return "cannot be parsed"
	case s.Kind == KindScript:
		return "has more than one statement"
	case s.Kind != KindRead:
		return "is not a SELECT"
	case s.Uncacheable != "":
		return s.Uncacheable
	}
	return ""
}

// infer finds the writes that touch a query's keys: for each table that it reads, the columns that it compares with
// the parameters of the key. Without a catalog it finds what can be known without one.
func infer(r *rule, s *Statement, dialect Dialect, catalog *Catalog) ([]watch, error) {
	if r.On != nil {
		return nil, nil
	}
	var watches []watch
	for i := range s.Reads {
		read := &s.Reads[i]
		w := watch{table: read.Table, all: read.All, set: read.Columns}
		for verb, param := range r.Args {
			pin := pinTo(read, param, catalog)
			if pin == nil && catalog == nil && len(read.Links) > 0 {
				break // to be seen when the catalog is known
			}
			if pin == nil && catalog != nil {
				if far := inferPath(r, s, i, dialect, catalog); far != nil {
					w = *far
					break
				}
			}
			if pin == nil {
				return nil, fmt.Errorf("what touches its keys cannot be inferred: the query reads table %q without comparing a column with parameter %d, "+
					"the value of %%%c: add On: []On{{Table: %[1]q, Columns: ...}} with the columns that hold the key; "+
					"with a Path, a SELECT that leads from its Columns to the key; or without Columns if every write to %[1]q touches every key",
					read.Table, param, r.template.verbs[verb])
			}
			w.columns = append(w.columns, pin.Column)
		}
		watches = append(watches, w)
	}
	return watches, nil
}

// pinTo returns a pin of a column to one bind parameter, or nil.
func pinTo(read *TableRead, param int, catalog *Catalog) *Pin {
	for i := range read.Pins {
		p := &read.Pins[i]
		if len(p.Values) == 1 && p.Values[0].Kind == ValueParam && p.Values[0].Param == param && p.holds(read.Table, catalog) {
			return p
		}
	}
	return nil
}

// holds reports whether the columns through which a pin was found compare values as its own does.
func (p *Pin) holds(table string, catalog *Catalog) bool {
	if len(p.Via) == 0 {
		return true
	}
	if catalog == nil {
		return true // to be seen when the catalog is known
	}
	own := catalog.column(ColumnName{table, p.Column})
	for _, name := range p.Via {
		if c := catalog.column(name); own == nil || c == nil || c.Class != own.Class {
			return false
		}
	}
	return true
}
