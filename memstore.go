package moneyclip

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// entryBytes is what a stored row set costs beside its key, its field and its row: one that is alone under its key,
// as most are, with its share of the map. [TestMemStoreEntryBytes] measures it.
const entryBytes = 240

// maxGenerations bounds the generations that are remembered. To forget one is to end it, so above the bound all are.
const maxGenerations = 1 << 16

// A memStore is a [Store] in this process. All times are since start, which is read once: so they are monotonic.
type memStore struct {
	maxBytes int64
	start    time.Time

	mu          sync.Mutex             // protects all below, and all that they point to
	keys        map[string]*memKey     // :: stored key → what is under it
	generations map[string]*generation // :: name → generation
	filled      memList                // keys that hold a row set, the last used first
	waiting     memList                // keys that hold leases or quarantines only
	bytes       int64                  // of all row sets
	count       uint64                 // numbers nonces and fills; no number is used twice

	now            time.Duration // of the last tick
	ticking, asked bool          // there will be another tick; somebody has asked since the last
}

// A memKey is all that is under one key.
type memKey struct {
	key         string
	list        *memList
	prev, next  *memKey
	variants    []variant
	quarantines quarantines
	rows        int // variants that hold a row set
}

// A variant is one select's row set, the lease on it, or both while one reader refreshes what others are still
// served. Both have the same generations and nonces then, for a row set that is not good is dropped at the grant.
type variant struct {
	field       string
	generations [2]*generation
	nonces      [2]uint64 // of the generations, at the grant of the lease

	row    *Row // nil: none
	size   int64
	filled uint64        // grows from fill to fill
	hard   time.Duration // the row set is good before it
	soft   time.Duration // and needs no refresh before it

	lease *memLease // nil: none. Most row sets have none, so they have no room for one either
}

type memLease struct {
	token   Token
	granted time.Duration
	until   time.Duration
}

// A generation is current under one nonce, and gets another with each quarantine and each release. In between no
// lease is granted, so no row set ever has the nonce of a generation in quarantine: a hit need not look for writers.
type generation struct {
	name        string
	nonce       uint64
	quarantines quarantines
}

// quarantines is a set of writers and not a flag: the first writer that is done must not free what the second still
// needs (N4).
type quarantines []quarantine

type quarantine struct {
	writer Token
	until  time.Duration
}

var _ Store = (*memStore)(nil)

// NewMemStore returns a [Store] that keeps row sets in the memory of this process. They may take about maxBytes;
// those that were not used for the longest time make room. With zero or less none is stored, and all else works.
// The store knows nothing of what other processes write.
func NewMemStore(maxBytes int64) Store {
	m := &memStore{
		maxBytes:    maxBytes,
		start:       time.Now(),
		keys:        make(map[string]*memKey),
		generations: make(map[string]*generation),
	}
	m.filled.init()
	m.waiting.init()
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
	k := m.keys[string(slot.Key)]
	if k == nil {
		m.mu.Unlock()
		return nil, nil
	}
	now := m.roughly()
	v := k.variant(slot.Field)
	if v != nil && v.soft-now < near {
		now = time.Since(m.start)
	}
	if v == nil || now >= v.soft || !v.good(slot, now) {
		m.mu.Unlock()
		return nil, nil
	}
	m.filled.toFront(k)
	row := v.row
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
	k := m.key(slot.Key, now)
	if len(k.quarantines) > 0 {
		return Grant{Answer: AnswerBypass}, nil
	}
	v := k.variant(slot.Field)
	switch {
	case v == nil:
		if !m.makeRoom(k, now) {
			return Grant{Answer: AnswerBypass}, nil
		}
		k.variants = append(k.variants, variant{field: string(slot.Field)})
		v = &k.variants[len(k.variants)-1]
	case v.good(slot, now):
		m.filled.toFront(k)
		leased := v.leased(now)
		if renew && leased {
			return Grant{Answer: AnswerWait}, nil
		}
		if !renew && (leased || now < v.soft) {
			return Grant{Answer: AnswerValue, Row: v.row}, nil
		}
	case v.leased(now):
		return Grant{Answer: AnswerWait}, nil
	default:
		m.dropRow(k, v)
	}
	v.generations = generations
	v.nonces = [2]uint64{generations[0].nonce, generations[1].nonce}
	v.lease = &memLease{token, now, after(now, d)}
	m.settle(k)
	return Grant{Answer: AnswerLease, Lease: Lease{Token: token}}, nil
}

func (m *memStore) Fill(_ context.Context, slot *Slot, lease Lease, row *Row, age Age) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.start)

	k, v := m.leaseholder(slot, lease.Token)
	if v == nil {
		return false, nil // N13: what is not there is not filled
	}
	leased, granted := v.leased(now), v.lease.granted
	hard := after(granted, age.Hard)
	size := int64(entryBytes + len(k.key) + len(v.field) + row.Size())
	v.lease = nil
	if !leased || now >= hard || size > m.maxBytes {
		m.settle(k)
		return false, nil
	}
	m.dropRow(k, v)
	v.row, v.size, v.filled = row, size, m.next()
	v.hard, v.soft = hard, hard
	if age.Soft > 0 {
		v.soft = after(granted, age.Soft)
	}
	k.rows++
	m.bytes += size
	m.settle(k)
	m.filled.toFront(k)
	for m.bytes > m.maxBytes {
		m.evict()
	}
	return true, nil
}

func (m *memStore) Abandon(_ context.Context, slot *Slot, lease Lease) error {
	m.mu.Lock()
	defer m.mu.Unlock()

	k, v := m.leaseholder(slot, lease.Token)
	if v == nil {
		return nil
	}
	v.lease = nil
	m.settle(k)
	return nil
}

func (m *memStore) Quarantine(_ context.Context, marks *Marks, d time.Duration) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.start)

	mine := quarantine{marks.Writer, after(now, d)}
	for _, name := range marks.Generations {
		m.boundGenerations(now)
		g := m.generation(name, now)
		g.nonce = m.next()
		g.quarantines = append(g.quarantines.without(marks.Writer), mine)
	}
	for _, key := range marks.Keys {
		k := m.key([]byte(key), now)
		m.dropAll(k) // N15: the leases too
		k.quarantines = append(k.quarantines.without(marks.Writer), mine)
		m.settle(k)
	}
	return "", nil
}

func (m *memStore) Release(_ context.Context, marks *Marks) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.start)

	for _, name := range marks.Generations {
		if g := m.generations[name]; g != nil {
			g.nonce = m.next()
			g.quarantines = g.quarantines.live(now).without(marks.Writer)
		}
	}
	for _, key := range marks.Keys {
		if k := m.keys[key]; k != nil {
			// N14: the quarantine may have run out, and a reader may have filled the key since.
			m.dropAll(k)
			k.quarantines = k.quarantines.live(now).without(marks.Writer)
			m.settle(k)
		}
	}
	return "", nil
}

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

// key returns what is under a key, without quarantines that have run out. The caller puts something there and
// settles.
func (m *memStore) key(key []byte, now time.Duration) *memKey {
	if k := m.keys[string(key)]; k != nil {
		k.quarantines = k.quarantines.live(now)
		return k
	}
	// A key whose lease or quarantine was never given back may never be asked for again. Two are looked at for each
	// key that comes, so they can not pile up.
	for range 2 {
		if k := m.waiting.last(); k != nil {
			m.sweep(k, now)
		}
	}
	k := &memKey{key: string(key)}
	m.keys[k.key] = k
	m.waiting.pushFront(k)
	return k
}

// sweep drops what has run out under a key without row sets. If something is left, the key goes behind the others.
func (m *memStore) sweep(k *memKey, now time.Duration) {
	k.quarantines = k.quarantines.live(now)
	for i := range k.variants {
		if v := &k.variants[i]; !v.leased(now) {
			v.lease = nil
		}
	}
	m.waiting.toFront(k)
	m.settle(k)
}

// settle drops variants that hold nothing, and the key if it holds nothing then; otherwise it puts the key in the
// list where it belongs. Pointers to its variants are not good any more.
func (m *memStore) settle(k *memKey) {
	k.variants = slices.DeleteFunc(k.variants, func(v variant) bool { return v.row == nil && v.lease == nil })
	list := &m.waiting
	switch {
	case k.rows > 0:
		list = &m.filled
	case len(k.variants) == 0 && len(k.quarantines) == 0:
		k.unlink()
		delete(m.keys, k.key)
		return
	}
	if k.list != list {
		k.unlink()
		list.pushFront(k)
	}
}

// makeRoom makes room for one more variant, and reports whether there is some: leases are not dropped.
func (m *memStore) makeRoom(k *memKey, now time.Duration) bool {
	if len(k.variants) < maxFields {
		return true
	}
	worst, age := -1, uint64(math.MaxUint64)
	for i := range k.variants {
		v := &k.variants[i]
		if v.leased(now) {
			continue
		}
		filled := v.filled
		if v.row == nil || now >= v.hard || !v.current() {
			filled = 0 // older than any
		}
		if filled < age {
			worst, age = i, filled
		}
	}
	if worst < 0 {
		return false
	}
	m.dropRow(k, &k.variants[worst])
	k.variants = slices.Delete(k.variants, worst, worst+1)
	return true
}

// evict drops the oldest row set of the key that was not used for the longest time.
func (m *memStore) evict() {
	k := m.filled.last()
	var oldest *variant
	for i := range k.variants {
		if v := &k.variants[i]; v.row != nil && (oldest == nil || v.filled < oldest.filled) {
			oldest = v
		}
	}
	m.dropRow(k, oldest)
	m.settle(k)
}

// dropRow drops the row set of a variant, if it has one.
func (m *memStore) dropRow(k *memKey, v *variant) {
	if v.row == nil {
		return
	}
	m.bytes -= v.size
	k.rows--
	v.row, v.size = nil, 0
}

// dropAll drops all row sets and leases of a key.
func (m *memStore) dropAll(k *memKey) {
	for i := range k.variants {
		m.dropRow(k, &k.variants[i])
		k.variants[i].lease = nil
	}
}

// leaseholder returns the variant that was leased with the token, or nil.
func (m *memStore) leaseholder(slot *Slot, token Token) (*memKey, *variant) {
	k := m.keys[string(slot.Key)]
	if k == nil {
		return nil, nil
	}
	v := k.variant(slot.Field)
	if v == nil || v.lease == nil || v.lease.token != token {
		return nil, nil
	}
	return k, v
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

func (k *memKey) variant(field []byte) *variant {
	for i := range k.variants {
		if v := &k.variants[i]; v.field == string(field) {
			return v
		}
	}
	return nil
}

// good reports whether v holds a row set that may be served.
func (v *variant) good(slot *Slot, now time.Duration) bool {
	return v.row != nil && now < v.hard && v.current() && v.under(slot)
}

// leased reports whether a reader may still fill v.
func (v *variant) leased(now time.Duration) bool {
	return v.lease != nil && now < v.lease.until && v.current()
}

// current reports whether the generations are still those under which the lease was granted.
func (v *variant) current() bool {
	return v.nonces[0] == v.generations[0].nonce && v.nonces[1] == v.generations[1].nonce
}

// under reports whether the generations are those of the slot.
func (v *variant) under(slot *Slot) bool {
	return v.generations[0].name == slot.Generations[0] && v.generations[1].name == slot.Generations[1]
}

// live drops the quarantines that have run out.
func (q quarantines) live(now time.Duration) quarantines {
	return slices.DeleteFunc(q, func(one quarantine) bool { return now >= one.until })
}

// without drops the quarantine of a writer.
func (q quarantines) without(writer Token) quarantines {
	return slices.DeleteFunc(q, func(one quarantine) bool { return one.writer == writer })
}

// A memList is a ring of keys around a head that is none.
type memList struct{ head memKey }

func (l *memList) init() { l.head.prev, l.head.next = &l.head, &l.head }

func (l *memList) last() *memKey {
	if l.head.prev == &l.head {
		return nil
	}
	return l.head.prev
}

func (l *memList) pushFront(k *memKey) {
	k.list, k.prev, k.next = l, &l.head, l.head.next
	k.prev.next, k.next.prev = k, k
}

func (l *memList) toFront(k *memKey) {
	if l.head.next == k {
		return
	}
	k.unlink()
	l.pushFront(k)
}

func (k *memKey) unlink() {
	k.prev.next, k.next.prev = k.next, k.prev
	k.list, k.prev, k.next = nil, nil, nil
}

// after is t + d, or the end of time.
func after(t, d time.Duration) time.Duration {
	if d > math.MaxInt64-t {
		return math.MaxInt64
	}
	return t + d
}
