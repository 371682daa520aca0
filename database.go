package moneyclip

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// A database is one database, by scope, as connections with one search path see it: its catalog, and what rules and
// texts mean under it.
type database struct {
	hub     *hub
	dialect Dialect
	scope   string
	path    []string
	site    *site

	meaning atomic.Pointer[meaning]        // nil only before the first rebind
	reading atomic.Pointer[catalogReading] // the last one of the catalog; nil: there was none
	reader  chan struct{}                  // holds one while a connection reads the catalog for all
	asked   atomic.Uint64                  // how often the catalog was asked for, or has changed
	void    atomic.Uint64                  // what was asked for no later than this is not believed any more
	known   atomic.Bool                    // it was read once
	aside   atomic.Pointer[asideReading]   // it is asked for beside the pool, or was just now

	mu sync.Mutex // serialises changes of meaning

	users int // sessions of it, in each place where they are kept; protected by the hub
}

// A site is what the databases of one scope have in common: they are one database, seen by different search paths. A
// writer obeys the rules of all of them.
type site struct {
	mu        sync.RWMutex // protects the plans of the meanings, and what texts teach their rules
	list      sync.Mutex   // protects what follows
	databases []*database
	boards    []*board
}

func (s *site) all() []*database {
	s.list.Lock()
	defer s.list.Unlock()
	return slices.Clone(s.databases)
}

// catalogAge is how long a catalog is believed, so that DDL by other programs is seen within that time. Before, from catalogDue on, it is
// read aside, so that of statements that come all the time none waits for that.
const (
	catalogAge = time.Minute
	catalogDue = catalogAge * 3 / 4
)

// A catalogReading becomes old by a timer: to ask for the time took a third of what a statement costs that is none of the
// cache's business.
type catalogReading struct{ due, old atomic.Bool }

func (d *database) newReading() *catalogReading {
	r := new(catalogReading)
	if !d.dialect.Holds() {
		time.AfterFunc(catalogDue, func() { r.due.Store(true) })
	}
	time.AfterFunc(catalogAge, func() {
		r.due.Store(true)
		r.old.Store(true)
	})
	return r
}

// A meaning is what rules and texts mean in a database with one catalog.
type meaning struct {
	database  *database
	catalog   *Catalog                 // nil: not known, so that nothing is cached and every write may write anything
	rules     []*bound                 // those of every cache on the store
	annotated atomic.Pointer[[]*bound] // those that stand beside texts which were seen; nil: there are none
	foreign   atomic.Pointer[[]*bound] // those of other processes

	// learnt goes up when a text has taught a rule to watch what it did not watch before.
	learnt atomic.Uint64

	plans map[string]*plan // :: text → plan; protected by the site
}

// watching are the rules that a write has to obey: its own database's, those of others on the site, and those of other
// processes.
func (m *meaning) watching() []*bound {
	rules := append(slices.Clip(m.own()), *m.foreign.Load()...)
	for _, d := range m.database.site.all() {
		if other := d.meaning.Load(); d != m.database && other != nil {
			rules = append(slices.Clip(rules), other.own()...)
		}
	}
	return rules
}

// unplan forgets the plans of writes, which know too little now.
func (m *meaning) unplan() {
	for text, p := range m.plans {
		if len(p.reads) == 0 {
			delete(m.plans, text)
		}
	}
	m.learnt.Add(1)
}

// A knowledge is what was known of a database's rules at one time. A writer compares it before and after its write:
// what it did not know at first, it drops at the end.
type knowledge struct {
	meaning *meaning
	learnt  uint64
}

// knowledge is taken before a plan is looked up, so that the plan knows no less.
func (d *database) knowledge() knowledge {
	m := d.meaning.Load()
	return knowledge{m, m.learnt.Load()}
}

// catalogPatience is how long a connection waits for another one to read the catalog. That one may hang. On a machine that is
// busy it takes many times as long as on one that is not, and would take longer still if all read it.
const catalogPatience = 2 * time.Second

// refreshCatalog reads the catalog if it is older than catalogAge, or at once if it is known to have changed. To read it takes
// some twenty milliseconds on Postgres: a program that starts, with all connections of its pool at once, has it done by one of them.
func (d *database) refreshCatalog(ctx context.Context, ask Asker, changed bool) error {
	if changed {
		return d.readCatalog(ctx, ask) // what another connection reads may be from before
	}
	if !d.stale() && d.meaning.Load().catalog != nil {
		return nil // or else it was read, and rules are about to be bound under it: a write that does not wait drops every key
	}
	patience := time.NewTimer(catalogPatience)
	defer patience.Stop()
	select {
	case d.reader <- struct{}{}:
		defer func() { <-d.reader }()
	case <-patience.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !d.stale() {
		return nil
	}
	return d.readCatalog(ctx, ask)
}

// freshen reads the catalog of a session's database again if it is old, for a statement that waits for that.
func (n *connector) freshen(ctx context.Context, s *session, ask Asker) error {
	d := s.database
	if ctx.Value(asideKey{}) != nil {
		return nil // who reads it does so when he knows where he is
	}
	if s.private || d.dialect.Holds() || !d.known.Load() && !hurried(ctx) {
		return d.refreshCatalog(ctx, ask, false)
	}
	if !d.stale() {
		return nil
	}
	// P5: it may take longer than he has, or wait for a lock that somebody holds; and a question that is broken off takes the connection
	// with it, so that the next one would be as far as he was.
	r := n.readAside(s)
	if r == nil {
		return d.refreshCatalog(ctx, ask, false)
	}
	patience := time.NewTimer(min(halfOf(ctx, catalogPatience), time.Until(r.began.Add(catalogPatience))))
	defer patience.Stop()
	select {
	case <-r.done:
	case <-patience.C:
	case <-ctx.Done():
	}
	if r.isUseless() && d.stale() {
		return d.refreshCatalog(ctx, ask, false)
	}
	// If there is none, nothing is cached, and what he writes drops every key. An old one is gone by for as long as the new one takes: to do
	// without would drop all that is stored, each time that a program has rested.
	return nil
}

// asideKey marks the context of an asideReading.
type asideKey struct{}

// An asideReading is one of a catalog on a connection beside the pool.
type asideReading struct {
	began     time.Time
	done      chan struct{} // closed at its end, however it went
	elsewhere bool          // there was no connection, or it led elsewhere; set before that
}

// isUseless reports whether somebody else has to read it: the pool makes connections to other places, or none, or one that never comes.
func (r *asideReading) isUseless() bool {
	select {
	case <-r.done:
		return r.elsewhere
	default:
		return time.Since(r.began) > 2*times.Lease
	}
}

// hurried reports whether a caller has little time: less than it takes to read a large catalog on a machine that is busy.
func hurried(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < 5*time.Second
}

// asidePause is between two attempts to read a catalog beside the pool: the database may be out of reach.
const asidePause = 10 * time.Second

// readAside has the catalog of a session's database read again if it is due, for those who do not wait for it or cannot. It is done in
// the background, on a connection beside the pool, so that what takes long there, or fails, is no affair of theirs; nil: it is not. On
// SQLite it never is: while one connection reads, another may not be able to write.
func (n *connector) readAside(s *session) *asideReading {
	d := s.database
	if s.private || d.dialect.Holds() {
		return nil
	}
	if running := d.aside.Load(); running != nil {
		return running
	}
	r := &asideReading{began: time.Now(), done: make(chan struct{})}
	if !d.aside.CompareAndSwap(nil, r) {
		return d.aside.Load()
	}
	again := func() { d.aside.Store(nil) }
	if !n.cache.spawn(func() {
		defer time.AfterFunc(asidePause, again)
		defer close(r.done)
		ctx, cancel := context.WithTimeout(context.WithValue(n.cache.open, asideKey{}, true), times.Lease)
		defer cancel()
		c := &conn{connector: n, cache: n.cache}
		defer c.Close()
		if err := c.ready(ctx); err != nil || c.session == nil || c.session.database != d {
			r.elsewhere = true
		} else if d.due() {
			d.readCatalog(ctx, c.base.ask)
		}
	}) {
		again()
		return nil
	}
	return r
}

func (d *database) readCatalog(ctx context.Context, ask Asker) error {
	n := d.asked.Add(1)
	catalog, err := d.dialect.Catalog(ctx, ask)
	if err != nil {
		return err
	}
	if d.path != nil {
		catalog.Path = d.path
	}
	again := false
	defer func() { // without the lock
		if again {
			d.tellAbsent()
		}
		d.hub.speak()
	}()
	d.mu.Lock()
	defer d.mu.Unlock()
	if n <= d.void.Load() {
		return nil // it may be from before a change that another connection has made, and read the catalog after
	}
	d.invalidate(n - 1)
	d.reading.Store(d.newReading())
	d.known.Store(true)
	old := d.meaning.Load().catalog
	if old == nil || old.Digest != catalog.Digest {
		d.bindAll(catalog)
	}
	again = old != nil
	if n <= d.void.Load() {
		d.reading.Store(nil) // in between
	}
	return nil
}

// tellAbsent logs which rules are for tables that no database has which the program has used so far. At first it may be about to make
// them, so this is for a later reading of the catalog.
func (d *database) tellAbsent() {
	for _, b := range d.meaning.Load().own() {
		if b.isAbsent && !d.hub.binds(b.rule) {
			b.owner.logLater("rule is inactive", "rule", b.Name, "at", b.place.String(), "reason", b.idle)
		}
	}
}

// changed notes that the catalog may have changed: it is to be read again, by a question that has not been asked yet.
func (d *database) changed() {
	d.invalidate(d.asked.Add(1))
	d.reading.Store(nil)
}

// invalidate makes void what was asked for no later than the question of that number.
func (d *database) invalidate(n uint64) {
	for old := d.void.Load(); old < n && !d.void.CompareAndSwap(old, n); old = d.void.Load() {
	}
}

// dropAll drops every key of every rule of a meaning.
func (d *database) dropAll(m *meaning) {
	marks := Marks{Writer: newToken()}
	for _, b := range m.own() {
		marks.Generations = append(marks.Generations, b.generations[0])
	}
	ctx, cancel := context.WithTimeout(backgroundContext, times.Store)
	defer cancel()
	if _, err := d.hub.store.Release(ctx, &marks); err != nil {
		d.hub.journal.enter(d.hub, entry{marks: marks})
	}
}

// forget makes the catalog unknown, so that nothing is cached until it was read again.
func (d *database) forget() {
	defer d.hub.speak()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed()
	d.bindAll(nil)
}

// stale reports whether the catalog must be read again before it is gone by.
func (d *database) stale() bool {
	last := d.reading.Load()
	return last == nil || last.old.Load()
}

// due reports whether the catalog should be read again: it is stale, or is so before long.
func (d *database) due() bool {
	last := d.reading.Load()
	return last == nil || last.due.Load()
}

// rebind makes a new meaning of the rules, under a new catalog or, for nil, under the one there is.
func (d *database) rebind(catalog *Catalog) {
	defer d.hub.speak()
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.meaning.Load()
	if catalog == nil && old != nil {
		catalog = old.catalog
	}
	d.bindAll(catalog)
}

// bindAll makes the meaning under a catalog. The database is locked.
func (d *database) bindAll(catalog *Catalog) {
	old := d.meaning.Load()
	m := &meaning{database: d, catalog: catalog, plans: map[string]*plan{}}
	for _, c := range d.hub.members(d.dialect) {
		for _, r := range c.all() {
			m.rules = append(m.rules, bind(m, c, r))
		}
	}
	// At once for the board: what it heeds in between would be found by nobody, in neither of the two.
	d.site.mu.Lock()
	m.foreign.Store(m.bindForeign())
	d.meaning.Store(m)
	d.site.mu.Unlock()
	d.site.tell(d, old != nil && old.catalog != nil) // a path that is new tells nothing of what others see
	if old != nil && old.catalog != nil {
		// What queries have taught the rules is forgotten, so what is stored of them must go, and every lease.
		d.dropAll(old)
	}
}

// tell makes the rules of a database that were bound anew known to the others on the site.
func (s *site) tell(d *database, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.all() {
		m := other.meaning.Load()
		if other == d || m == nil {
			continue
		}
		m.unplan()
		if changed {
			other.changed()
		}
	}
}

// plan returns what a text means. It is one map look-up for a text that was seen before.
func (m *meaning) plan(query string) *plan {
	mu := &m.database.site.mu
	mu.RLock()
	p := m.plans[query]
	mu.RUnlock()
	if p != nil {
		return p
	}
	statement := m.database.hub.analyze(m.database.dialect, query, m.catalog)

	// Plans are made one after the other: a text that teaches a rule what to watch must not be overtaken by the plan
	// of a write that was made without it.
	defer m.database.hub.speak()
	mu.Lock()
	defer mu.Unlock()
	if p := m.plans[query]; p != nil {
		return p
	}
	if len(m.plans) >= maxTexts {
		clear(m.plans)
	}
	p, learnt := makePlan(m, query, statement)
	if learnt {
		for _, d := range m.database.site.all() {
			if known := d.meaning.Load(); known != nil && known != m {
				known.unplan()
			}
		}
		m.unplan()
	}
	if m.outlearns(p) {
		m.foreign.Store(m.bindForeign())
		m.unplan()
	}
	m.plans[query] = p
	return p
}
