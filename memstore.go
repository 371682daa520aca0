package moneyclip

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// entryBytes is what a stored row set costs beside its key, its field and its row: its entry, with its share of the
// map. [TestMemStoreEntryBytes] measures it.
const entryBytes = 126

// maxGenerations bounds the generations that are remembered. To forget one is to end it, so above the bound all are.
const maxGenerations = 1 << 16

// A memStore is a [Store] in this process. All times are since start, which is read once: so they are monotonic.
type memStore struct {
	maxBytes int64
	start    time.Time
	hub      *hub // of the caches that use it; protected by shared

	mu          sync.Mutex             // protects all below, and all that they point to
	entries     map[string]*memEntry   // :: key → the first of what is under it
	generations map[string]*generation // :: name → generation
	filled      memList                // entries that hold a row set, the last filled first
	hand        *memEntry              // where the next eviction begins to look; the head: with the oldest
	waiting     memList                // entries that hold a lease or quarantines only
	bytes       int64                  // of all row sets
	count       uint64                 // numbers nonces; no number is used twice

	now            time.Duration // of the last tick
	ticking, asked bool          // there will be another tick; somebody has asked since the last
}

// A memEntry is one select's row set, the lease on it, or both while one reader refreshes what others are still
// served. Both are under the same terms then, for a row set that is not good is dropped at the grant. Or else it is a
// key's quarantine, and then it is all that is under the key.
//
// With millions of keys a hit takes as long as it waits for memory. So what it looks at is in as few places as can be:
// the map, the text, the entry, and the row with its values.
type memEntry struct {
	text   string // the key, and behind it the field
	keyLen uint32
	used   bool // since there is the entry, or since the hand has passed it; one that is filled again is as much in use as it was

	terms   *terms
	row     *Row          // nil: none
	granted time.Duration // of the lease under which the row set was filled; its age counts from then

	sibling    *memEntry // under the same key, filled before
	hold       *hold     // nil: none
	prev, next *memEntry // in a memList
}

// A hold is the lease on an entry, or the quarantines of a key.
type hold struct {
	token   Token
	granted time.Duration
	until   time.Duration

	quarantines quarantines // if there are any, it is no lease
}

// Terms are those under which row sets are good: the nonces of two generations, at the grant of the lease, and an age.
// They are the same for most row sets of a rule, which share them.
type terms struct {
	generations [2]*generation
	nonces      [2]uint64
	age         Age // zero for a lease
}

// A generation is current under one nonce, and gets another with each quarantine and each release. In between no
// lease is granted, so no row set ever has the nonce of a generation in quarantine: a hit need not look for writers.
type generation struct {
	name        string
	nonce       uint64
	quarantines quarantines
	terms       []*terms // to be shared; it is the first generation of all of them
}

// maxTerms bounds the terms of a generation that are there to be shared: a rule has a few.
const maxTerms = 8

// quarantines is a set of writers and not a flag: the first writer that is done must not free what the second still
// needs (N4).
type quarantines []quarantine

type quarantine struct {
	writer Token
	until  time.Duration
}

var _ Store = (*memStore)(nil)

// NewMemStore returns a [Store] that keeps row sets in the memory of this process. They may take about maxBytes; then
// row sets make room that were not used for a while: the oldest of those that were not used since they were stored, or
// since they were last considered (SIEVE). With zero or less none is stored, and all else works. The store knows nothing
// of what other processes write.
func NewMemStore(maxBytes int64) Store {
	m := &memStore{
		maxBytes:    maxBytes,
		start:       time.Now(),
		entries:     make(map[string]*memEntry),
		generations: make(map[string]*generation),
	}
	m.filled.init()
	m.waiting.init()
	m.hand = &m.filled.head
	return m
}

// To ask for the time takes a good part of a hit. So for as long as there are hits a timer asks once a tick, and a hit
// takes that answer unless its row set comes near its age: then it asks by itself.
const (
	tick = 20 * time.Millisecond
	near = 10 * tick // so late can a tick be without harm
)

// roughly is the time of the last tick.
func (m *memStore) roughly() time.Duration {
	m.asked = true
	if !m.ticking {
		m.ticking, m.now = true, time.Since(m.start)
		time.AfterFunc(tick, m.tick)
	}
	return m.now
}

func (m *memStore) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ticking = m.asked
	if m.asked {
		m.asked, m.now = false, time.Since(m.start)
		time.AfterFunc(tick, m.tick)
	}
}

func (m *memStore) Get(_ context.Context, slot *Slot) (*Row, error) {
	m.mu.Lock()
	e := m.find(slot)
	if e == nil || e.row == nil {
		m.mu.Unlock()
		return nil, nil
	}
	now, soft := m.roughly(), e.soft()
	if soft-now < near {
		now = time.Since(m.start)
	}
	if now >= soft || !e.good(slot, now) {
		m.mu.Unlock()
		return nil, nil
	}
	e.use()
	row := e.row
	m.mu.Unlock()
	return row, nil
}

func (m *memStore) Lease(_ context.Context, slot *Slot, token Token, d time.Duration, renew bool) (Grant, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.start)

	// Before the two generations are looked up: of two that go together, the second must not end the first.
	m.boundGenerations(now)
	generations := [2]*generation{m.generation(slot.Generations[0], now), m.generation(slot.Generations[1], now)}
	if len(generations[0].quarantines) > 0 || len(generations[1].quarantines) > 0 {
		return Grant{Answer: AnswerBypass}, nil
	}
	if q := m.entries[string(slot.Key)]; q != nil && q.isQuarantine() {
		q.hold.quarantines = q.hold.quarantines.live(now)
		if len(q.hold.quarantines) > 0 {
			return Grant{Answer: AnswerBypass}, nil
		}
		m.settle(q)
	}
	e := m.find(slot)
	switch {
	case e == nil:
		if !m.makeRoom(slot.Key, now) {
			return Grant{Answer: AnswerBypass}, nil
		}
		e = m.add(string(slot.Key)+string(slot.Field), len(slot.Key), now)
	case e.good(slot, now):
		e.use()
		leased := e.leased(now)
		if renew && leased {
			return Grant{Answer: AnswerWait}, nil
		}
		if !renew && (leased || now < e.soft()) {
			return Grant{Answer: AnswerValue, Row: e.row}, nil
		}
	case e.leased(now):
		return Grant{Answer: AnswerWait}, nil
	default:
		m.dropRow(e)
	}
	if e.row == nil {
		e.terms = termsOf(generations, Age{})
	}
	e.hold = &hold{token: token, granted: now, until: after(now, d)}
	return Grant{Answer: AnswerLease, Lease: Lease{Token: token}}, nil
}

func (m *memStore) Fill(_ context.Context, slot *Slot, lease Lease, row *Row, age Age) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.start)

	e := m.leaseholder(slot, lease.Token)
	if e == nil {
		return false, nil // N13: what is not there is not filled
	}
	leased, granted := e.leased(now), e.hold.granted
	size := e.size(row)
	e.hold = nil
	if !leased || now >= after(granted, age.Hard) || size > m.maxBytes {
		m.settle(e)
		return false, nil
	}
	m.dropRow(e)
	for m.bytes > m.maxBytes-size {
		m.evict()
	}
	e.terms, e.row, e.granted = termsOf(e.terms.generations, age), row, granted // N12: the generations of the lease
	m.bytes += size
	e.unlink()
	m.filled.pushFront(e)
	if m.entries[e.key()] != e { // the last filled comes first
		m.unchain(e)
		m.chain(e)
	}
	return true, nil
}

func (m *memStore) FillLater(ctx context.Context, slot *Slot, lease Lease, row *Row, age Age, done func(bool, error)) {
	done(m.Fill(ctx, slot, lease, row, age))
}

func (m *memStore) Abandon(_ context.Context, slot *Slot, lease Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	e := m.leaseholder(slot, lease.Token)
	if e == nil {
		return nil
	}
	e.hold = nil
	m.settle(e)
	return nil
}

func (m *memStore) Quarantine(_ context.Context, marks *Marks, d time.Duration) (string, error) {
	now := time.Since(m.start)
	mine := quarantine{marks.Writer, after(now, d)}
	m.inTurns(marks.Generations, func(name string) {
		m.boundGenerations(now)
		g := m.generation(name, now)
		g.nonce = m.next()
		g.quarantines = append(g.quarantines.without(marks.Writer), mine)
	})
	m.inTurns(marks.Keys, func(key string) {
		q := m.dropKey(key) // N15: the leases too
		if q == nil {
			q = m.add(key, len(key), now)
			q.hold = new(hold)
		}
		q.hold.quarantines = append(q.hold.quarantines.live(now).without(marks.Writer), mine)
	})
	return "", nil
}

func (m *memStore) Release(_ context.Context, marks *Marks) (string, error) {
	now := time.Since(m.start)
	m.inTurns(marks.Generations, func(name string) {
		if g := m.generations[name]; g != nil {
			g.nonce = m.next()
			g.quarantines = g.quarantines.live(now).without(marks.Writer)
		}
	})
	m.inTurns(marks.Keys, func(key string) {
		// N14, M11: the quarantine may have run out, and a reader may have leased or filled the key since.
		if q := m.dropKey(key); q != nil {
			q.hold.quarantines = q.hold.quarantines.live(now).without(marks.Writer)
			m.settle(q)
		}
	})
	return "", nil
}

// inTurns does something with each key, some at a time: hits come in between. A writer's marks need not be there all at once, but before he
// goes on.
func (m *memStore) inTurns(keys []string, each func(key string)) {
	for some := range slices.Chunk(keys, turn) {
		m.mu.Lock()
		for _, key := range some {
			each(key)
		}
		m.mu.Unlock()
	}
}

const turn = 256 // keys: well below a millisecond

// Publish has nobody to tell: all rules of this process are known to it.
func (m *memStore) Publish(context.Context, string, []Notice, string) (Board, error) {
	return Board{}, nil
}

func (m *memStore) Shared() bool { return false }

func (m *memStore) Healthy(context.Context) error { return nil }

func (m *memStore) next() uint64 {
	m.count++
	return m.count
}

// find returns what is in a slot, or nil.
func (m *memStore) find(slot *Slot) *memEntry {
	for e := m.entries[string(slot.Key)]; e != nil; e = e.sibling {
		if e.text[len(slot.Key):] == string(slot.Field) && !e.isQuarantine() {
			return e
		}
	}
	return nil
}

// leaseholder returns what was leased with the token, or nil. M3: each lease has a token of its own.
func (m *memStore) leaseholder(slot *Slot, token Token) *memEntry {
	e := m.find(slot)
	if e == nil || e.hold == nil || e.hold.token != token {
		return nil
	}
	return e
}

// add makes an entry. The caller puts something there.
func (m *memStore) add(text string, keyLen int, now time.Duration) *memEntry {
	// A key whose lease or quarantine was never given back may never be asked for again. Two are looked at for each
	// entry that comes, so they cannot pile up.
	for range 2 {
		if e := m.waiting.last(); e != nil {
			m.sweep(e, now)
		}
	}
	e := &memEntry{text: text, keyLen: uint32(keyLen)}
	m.chain(e)
	m.waiting.pushFront(e)
	return e
}

// sweep drops what has run out of an entry without a row set. If something is left, it goes behind the others.
func (m *memStore) sweep(e *memEntry, now time.Duration) {
	switch {
	case e.isQuarantine():
		e.hold.quarantines = e.hold.quarantines.live(now)
	case !e.leased(now):
		e.hold = nil
	}
	e.unlink()
	m.waiting.pushFront(e)
	m.settle(e)
}

// settle drops an entry that holds nothing.
func (m *memStore) settle(e *memEntry) {
	lapsed := e.isQuarantine() && len(e.hold.quarantines) == 0
	if e.row != nil || e.hold != nil && !lapsed {
		return
	}
	e.unlink()
	m.unchain(e)
}

// chain puts an entry before those under its key. The map takes the key's text from it: it must not keep that of another.
func (m *memStore) chain(e *memEntry) {
	e.sibling = m.entries[e.key()]
	m.entries[e.key()] = e
}

func (m *memStore) unchain(e *memEntry) {
	switch first := m.entries[e.key()]; {
	case first != e:
		for first.sibling != e {
			first = first.sibling
		}
		first.sibling = e.sibling
	case e.sibling != nil:
		m.entries[e.sibling.key()] = e.sibling
	default:
		delete(m.entries, e.key())
	}
	e.sibling = nil
}

// makeRoom makes room under a key for one more entry, and reports whether there is some: leases are not dropped.
func (m *memStore) makeRoom(key []byte, now time.Duration) bool {
	var worst, dead *memEntry
	fields := 0
	for e := m.entries[string(key)]; e != nil; e = e.sibling {
		fields++
		switch {
		case e.leased(now):
		case e.row == nil || now >= e.hard() || !e.terms.current():
			dead = e
		default:
			worst = e // those that come later were filled earlier
		}
	}
	if fields < maxFields {
		return true
	}
	if dead != nil {
		worst = dead
	}
	if worst == nil {
		return false
	}
	m.drop(worst)
	return true
}

// patience is how many used row sets an eviction passes at most: if all are in use, it must not keep the lock for as long
// as it takes to see them all. Which one goes hardly matters then.
const patience = 64

// evict drops a row set, by SIEVE (https://www.usenix.org/conference/nsdi24/presentation/zhang-yazhuo): a hand goes from
// the oldest to the youngest, and around. It passes what was used since it last came by, and takes what was not. So a hit
// leaves a mark on its entry and moves nothing, and what is read only once goes soon, however much of it there is.
func (m *memStore) evict() {
	e := m.hand
	for passed := 0; e == &m.filled.head || e.used && passed < patience; e = e.prev {
		if e.used {
			e.used = false
			passed++
		}
	}
	m.hand = e.prev
	m.dropRow(e)
	m.settle(e)
}

// dropRow drops the row set of an entry, if it has one.
func (m *memStore) dropRow(e *memEntry) {
	if e.row == nil {
		return
	}
	if m.hand == e {
		m.hand = e.prev
	}
	m.bytes -= e.size(e.row)
	e.row = nil
	e.unlink()
	m.waiting.pushFront(e)
}

// drop drops an entry with all that it holds.
func (m *memStore) drop(e *memEntry) {
	m.dropRow(e)
	e.hold = nil
	m.settle(e)
}

// dropKey drops all row sets and leases of a key, and returns its quarantine, if there is one: it may have run out.
func (m *memStore) dropKey(key string) *memEntry {
	for {
		e := m.entries[key]
		if e == nil || e.isQuarantine() {
			return e
		}
		m.drop(e)
	}
}

// generation returns a generation, without quarantines that have run out.
func (m *memStore) generation(name string, now time.Duration) *generation {
	g := m.generations[name]
	if g == nil {
		g = &generation{name: name, nonce: m.next()}
		m.generations[name] = g
	}
	g.quarantines = g.quarantines.live(now)
	return g
}

// boundGenerations ends all generations if there are too many, and forgets those that are not in quarantine.
func (m *memStore) boundGenerations(now time.Duration) {
	if len(m.generations) <= maxGenerations {
		return
	}
	for name, g := range m.generations {
		g.nonce = m.next()
		g.quarantines = g.quarantines.live(now)
		if len(g.quarantines) == 0 {
			delete(m.generations, name)
		}
	}
}

// termsOf returns the terms of generations as they are, with an age.
func termsOf(generations [2]*generation, age Age) *terms {
	g := generations[0]
	for _, t := range g.terms {
		if t.generations == generations && t.age == age && t.current() {
			return t
		}
	}
	t := &terms{generations, [2]uint64{generations[0].nonce, generations[1].nonce}, age}
	g.terms = slices.DeleteFunc(g.terms, func(t *terms) bool { return !t.current() })
	if len(g.terms) == maxTerms {
		g.terms = slices.Delete(g.terms, 0, 1)
	}
	g.terms = append(g.terms, t)
	return t
}

// current reports whether the generations are still those under which the lease was granted.
func (t *terms) current() bool {
	return t.nonces[0] == t.generations[0].nonce && t.nonces[1] == t.generations[1].nonce
}

// under reports whether the generations are those of the slot.
func (t *terms) under(slot *Slot) bool {
	return t.generations[0].name == slot.Generations[0] && t.generations[1].name == slot.Generations[1]
}

func (e *memEntry) key() string { return e.text[:e.keyLen] }

// size is what counts of the entry with a row set.
func (e *memEntry) size(row *Row) int64 { return int64(entryBytes + len(e.text) + row.Size()) }

func (e *memEntry) isQuarantine() bool { return e.hold != nil && e.hold.quarantines != nil }

// use marks an entry as used. To write where nothing changes would only make other processors fetch it again.
func (e *memEntry) use() {
	if !e.used {
		e.used = true
	}
}

// hard is when the row set is good no more.
func (e *memEntry) hard() time.Duration { return after(e.granted, e.terms.age.Hard) }

// soft is when it needs to be refreshed.
func (e *memEntry) soft() time.Duration {
	if e.terms.age.Soft > 0 {
		return after(e.granted, e.terms.age.Soft)
	}
	return e.hard()
}

// good reports whether there is a row set that may be served.
func (e *memEntry) good(slot *Slot, now time.Duration) bool {
	return e.row != nil && now < e.hard() && e.terms.current() && e.terms.under(slot)
}

// leased reports whether a reader may still fill the entry.
func (e *memEntry) leased(now time.Duration) bool {
	return e.hold != nil && now < e.hold.until && e.terms.current()
}

// live drops the quarantines that have run out.
func (q quarantines) live(now time.Duration) quarantines {
	return slices.DeleteFunc(q, func(one quarantine) bool { return now >= one.until })
}

// without drops the quarantine of a writer.
func (q quarantines) without(writer Token) quarantines {
	return slices.DeleteFunc(q, func(one quarantine) bool { return one.writer == writer })
}

// A memList is a ring of entries around a head that is none.
type memList struct{ head memEntry }

func (l *memList) init() { l.head.prev, l.head.next = &l.head, &l.head }

func (l *memList) last() *memEntry {
	if l.head.prev == &l.head {
		return nil
	}
	return l.head.prev
}

func (l *memList) pushFront(e *memEntry) {
	e.prev, e.next = &l.head, l.head.next
	e.prev.next, e.next.prev = e, e
}

func (e *memEntry) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = nil, nil
}

// after is t + d, or the end of time.
func after(t, d time.Duration) time.Duration {
	if d > math.MaxInt64-t {
		return math.MaxInt64
	}
	return t + d
}
