package moneyclip

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A hub is what the caches on one store have in common: the databases that they reach, the rules of all of them, and
// the reads in flight. A writer obeys the rules of every cache on the store, because any of them may have stored what
// the write makes old.
type hub struct {
	store  Store
	shared bool // other processes use the store too

	mu        sync.Mutex           // protects what follows
	caches    []*Cache             //
	open      int                  // caches that are not closed
	databases map[string]*database // :: dialect, scope and search path → database
	unused    []*database          // of these: nobody is connected to them; the last one left comes last
	sites     map[string]*site     // :: dialect and scope → what these databases share
	texts     map[string]*texts    // :: dialect and catalog digest → meaning of texts

	// defaults counts the statements that may have changed what sessions begin with. What a session said that was begun before one of
	// them is not taken for what the next one will be.
	defaults atomic.Uint64

	flights  flights
	journal  journal
	renewals renewals
	unsaid   unsaid
}

// unsaid is what is to be logged when no lock is held any more.
type unsaid struct {
	mu   sync.Mutex
	list []func()
}

func newHub(store Store) *hub {
	return &hub{store: store, shared: store.Shared(), databases: map[string]*database{}, sites: map[string]*site{}, texts: map[string]*texts{}}
}

var shared = struct {
	sync.Mutex
	hubs map[Store]*hub // protected by Mutex; but for those of memStores
}{hubs: map[Store]*hub{}}

// hubOf returns the hub of a store. It lives as long as the store, or where the store does not keep it as long as the program: what a cache
// has stored can be read, and must be kept fresh, after that cache was closed.
func hubOf(store Store) *hub {
	if store == nil {
		return newHub(NewMemStore(defaultMemory))
	}
	shared.Lock()
	defer shared.Unlock()
	if m, ok := store.(*memStore); ok {
		if m.hub == nil {
			m.hub = newHub(m)
		}
		return m.hub
	}
	h := shared.hubs[store]
	if h == nil {
		h = newHub(store)
		shared.hubs[store] = h
	}
	return h
}

// join makes the rules of a cache known in all databases.
func (h *hub) join(c *Cache) {
	h.mu.Lock()
	h.caches = append(h.caches, c)
	h.open++
	databases := slices.Collect(maps.Values(h.databases))
	h.mu.Unlock()
	for _, d := range databases {
		d.rebind(nil)
	}
	h.journal.mu.Lock()
	defer h.journal.mu.Unlock()
	h.journal.resume(h) // what was left when the last cache was closed
}

// leave notes that a cache was closed. Its rules stay.
func (h *hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
}

func (h *hub) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open == 0
}

// maxUnused is how many databases are known that nobody is connected to: who comes back to one finds his rows. A program may open
// files without end.
const maxUnused = 64

// database returns the database of a scope, as a search path shows it. It is used until it is left.
func (h *hub) database(dialect Dialect, scope string, path []string) *database {
	h.mu.Lock()
	one := dialect.Name() + "\x00" + scope
	id := one + "\x00" + fmt.Sprintf("%q", path)
	d := h.databases[id]
	if d == nil {
		s := h.sites[one]
		if s == nil {
			s = &site{}
			h.sites[one] = s
		}
		d = &database{hub: h, dialect: dialect, scope: scope, path: path, site: s, reader: make(chan struct{}, 1)}
		h.databases[id] = d
		s.list.Lock()
		s.databases = append(s.databases, d)
		s.list.Unlock()
	}
	h.use(d)
	h.mu.Unlock()
	if d.meaning.Load() == nil {
		d.rebind(nil)
	}
	return d
}

// binds reports whether the tables of a rule are in some database.
func (h *hub) binds(r *rule) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.databases {
		m := d.meaning.Load()
		if m != nil && slices.ContainsFunc(m.own(), func(b *bound) bool { return b.rule == r && !b.isAbsent }) {
			return true
		}
	}
	return false
}

// use notes that a session more is of a database. The hub is locked.
func (h *hub) use(d *database) {
	if d.users == 0 {
		h.unused = slices.DeleteFunc(h.unused, func(one *database) bool { return one == d })
	}
	d.users++
}

// enter notes that a session is kept in one place more.
func (h *hub) enter(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.use(s.database)
}

// part notes that a session is not kept in one of its places any more. A database that nobody else can reach is forgotten, and so is
// the one that was left first, if there are too many.
func (h *hub) part(s *session) {
	oldest := h.leftBy(s)
	if oldest == nil {
		return
	}
	if m := oldest.meaning.Load(); m != nil && !h.shared {
		// What queries have taught the rules is forgotten with it. On a store that others use too it is on the board.
		oldest.dropAll(m)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.unused) > maxUnused && h.unused[0] == oldest { // or else somebody has come and gone meanwhile
		h.unused = h.unused[1:]
		h.remove(oldest)
	}
}

// leftBy does the first half of part. It returns the database that is one too many, or nil.
func (h *hub) leftBy(s *session) *database {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := s.database
	d.users--
	switch {
	case d.users > 0:
		return nil
	case s.private:
		h.remove(d)
		return nil
	}
	h.unused = append(h.unused, d)
	if len(h.unused) <= maxUnused {
		return nil
	}
	return h.unused[0]
}

// remove forgets a database. The hub is locked.
func (h *hub) remove(d *database) {
	maps.DeleteFunc(h.databases, func(_ string, one *database) bool { return one == d })
	d.site.list.Lock()
	d.site.databases = slices.DeleteFunc(d.site.databases, func(one *database) bool { return one == d })
	last := len(d.site.databases) == 0
	d.site.list.Unlock()
	if last {
		maps.DeleteFunc(h.sites, func(_ string, one *site) bool { return one == d.site })
	}
}

// forget makes the catalogs of all databases unknown.
func (h *hub) forget() {
	h.mu.Lock()
	databases := slices.Collect(maps.Values(h.databases))
	h.mu.Unlock()
	for _, d := range databases {
		d.forget()
	}
}

// all are the databases of a dialect.
func (h *hub) all(dialect Dialect) (list []*database) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range h.databases {
		if d.dialect.Name() == dialect.Name() {
			list = append(list, d)
		}
	}
	return list
}

// members returns the caches on the store that speak a dialect.
func (h *hub) members(dialect Dialect) []*Cache {
	h.mu.Lock()
	defer h.mu.Unlock()
	var members []*Cache
	for _, c := range h.caches {
		if c.dialect.Name() == dialect.Name() {
			members = append(members, c)
		}
	}
	return members
}

// analyze says what a text means under a catalog. The answer is shared by all databases with an equal catalog.
func (h *hub) analyze(dialect Dialect, query string, catalog *Catalog) *Statement {
	if catalog == nil {
		s := dialect.Analyze(query, nil)
		return &s
	}
	id := fmt.Sprintf("%s\x00%s\x00%q", dialect.Name(), catalog.Digest, catalog.Path)
	h.mu.Lock()
	t := h.texts[id]
	if t == nil {
		if len(h.texts) >= maxCatalogs {
			clear(h.texts)
		}
		t = &texts{statements: map[string]*Statement{}}
		h.texts[id] = t
	}
	h.mu.Unlock()
	return t.analyze(dialect, query, catalog)
}

const (
	maxCatalogs = 64   // different schemas whose parsed texts are kept
	maxTexts    = 4096 // different texts that are kept for each; a program that makes texts without end loses only time
)

// texts keeps what texts mean under one catalog.
type texts struct {
	mu         sync.Mutex
	statements map[string]*Statement // protected by mu
}

func (t *texts) analyze(dialect Dialect, query string, catalog *Catalog) *Statement {
	t.mu.Lock()
	s := t.statements[query]
	t.mu.Unlock()
	if s != nil {
		return s
	}
	analyzed := dialect.Analyze(query, catalog)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.statements) >= maxTexts {
		clear(t.statements)
	}
	t.statements[query] = &analyzed
	return &analyzed
}

// speak logs what was put off.
func (h *hub) speak() {
	l := &h.unsaid
	l.mu.Lock()
	list := l.list
	l.list = nil
	l.mu.Unlock()
	for _, say := range list {
		say()
	}
}
