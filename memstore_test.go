package moneyclip

import (
	"container/list"
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The rules of stores are tested in package storetest, with this store among others. Here is what is this one's own:
// its bounds, and what it costs.

func newTestStore(maxBytes int64) *memStore { return NewMemStore(maxBytes).(*memStore) }

func memSlot(key, field string) *Slot {
	return &Slot{Key: []byte(key), Field: []byte(field), Generations: [2]string{"rule", "all"}}
}

func memRow(n int64) *Row { return NewRow([]string{"n"}, []driver.Value{n}) }

// memPut leases and fills a slot, and reports whether the row was stored.
func memPut(t testing.TB, m *memStore, slot *Slot, row *Row) bool {
	t.Helper()
	grant, err := m.Lease(t.Context(), slot, newToken(), time.Hour, false)
	if err != nil || grant.Answer != AnswerLease {
		t.Fatalf("Lease(%s): got answer %d, error %v, want a lease", slot.Key, grant.Answer, err)
	}
	stored, err := m.Fill(t.Context(), slot, grant.Lease, row, Age{Hard: time.Hour})
	if err != nil {
		t.Fatalf("Fill(%s): %v", slot.Key, err)
	}
	return stored
}

func memHas(t testing.TB, m *memStore, slot *Slot) bool {
	t.Helper()
	row, err := m.Get(t.Context(), slot)
	if err != nil {
		t.Fatalf("Get(%s): %v", slot.Key, err)
	}
	return row != nil
}

// at is what is in a slot.
func (m *memStore) at(slot *Slot) *memEntry { return m.find(slot) }

// check finds contradictions in a store that no operation should leave behind.
func (m *memStore) check(t testing.TB) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var bytes int64
	listed := map[*memEntry]bool{}
	for _, list := range []*memList{&m.filled, &m.waiting} {
		for e := list.head.next; e != &list.head; e = e.next {
			listed[e] = true
			if e.row != nil {
				bytes += e.size(e.row)
			}
			switch {
			case e.next.prev != e || e.prev.next != e:
				t.Errorf("%s: its links are broken", e.text)
			case (e.row != nil) != (list == &m.filled):
				t.Errorf("%s is in the wrong list", e.text)
			case e.row == nil && e.hold == nil:
				t.Errorf("%s holds nothing", e.text)
			case e.isQuarantine() && (e.row != nil || len(e.hold.quarantines) == 0 || e.text != e.key()):
				t.Errorf("%s is no quarantine", e.text)
			}
		}
	}
	if m.hand != &m.filled.head && (!listed[m.hand] || m.hand.row == nil) {
		t.Error("the hand is at what is not there any more")
	}
	found := 0
	for key, first := range m.entries {
		fields := 0
		for e := first; e != nil; e = e.sibling {
			found, fields = found+1, fields+1
			if !listed[e] || e.key() != key {
				t.Errorf("%s is not listed, or is found under %s", e.text, key)
			}
		}
		if fields > maxFields || fields > 1 && first.isQuarantine() {
			t.Errorf("key %s holds %d entries; in quarantine: %v", key, fields, first.isQuarantine())
		}
	}
	if len(listed) != found {
		t.Errorf("got %d entries in the lists, want %d", len(listed), found)
	}
	if bytes != m.bytes || bytes > max(m.maxBytes, 0) {
		t.Errorf("got %d bytes counted, want %d of at most %d", m.bytes, bytes, m.maxBytes)
	}
}

func TestMemStoreEvictsWhatIsNotUsed(t *testing.T) {
	t.Parallel()
	const room = 10
	key := func(i int) *Slot { return memSlot(fmt.Sprintf("k%03d", i), "f") }
	size := int64(entryBytes + 4 + 1 + memRow(0).Size())
	m := newTestStore(room*size + size/2)
	for i := range room {
		memPut(t, m, key(i), memRow(0))
	}
	// Each way to use a key keeps it: a hit, a value for an answer, a fill.
	memHas(t, m, key(0))
	if grant, _ := m.Lease(t.Context(), key(1), newToken(), time.Hour, false); grant.Answer != AnswerValue {
		t.Fatalf("Lease: got answer %d, want %d", grant.Answer, AnswerValue)
	}
	grant, _ := m.Lease(t.Context(), key(2), newToken(), time.Hour, true)
	if ok, _ := m.Fill(t.Context(), key(2), grant.Lease, memRow(1), Age{Hard: time.Hour}); !ok {
		t.Fatal("Fill: got false, want true")
	}
	for i := range room - 3 {
		memPut(t, m, key(room+i), memRow(0))
		m.check(t)
	}
	for i := range 2*room - 3 {
		want := i < 3 || i >= room
		if got := memHas(t, m, key(i)); got != want {
			t.Errorf("key %d: got %v, want %v", i, got, want)
		}
	}
	// The look at all of them was a use of each. So the hand goes once around, and takes the one that it first came by.
	memPut(t, m, key(100), memRow(0))
	for i := range room - 3 {
		if !memHas(t, m, key(room+i)) {
			t.Errorf("key %d is gone", room+i)
		}
	}
	if memHas(t, m, key(2)) || !memHas(t, m, key(0)) || !memHas(t, m, key(100)) {
		t.Error("the key behind those that were not used is still there, or another one is gone")
	}
}

// An eviction takes no longer because all is in use.
func TestMemStoreEvictsSoon(t *testing.T) {
	t.Parallel()
	const room = 10 * patience
	key := func(i int) *Slot { return memSlot(fmt.Sprintf("k%03d", i), "f") }
	m := newTestStore(room * int64(entryBytes+4+1+memRow(0).Size()))
	for i := range room {
		memPut(t, m, key(i), memRow(0))
		memHas(t, m, key(i))
	}
	memPut(t, m, key(room), memRow(0))
	m.check(t)
	used := 0
	for e := m.filled.head.next; e != &m.filled.head; e = e.next {
		if e.used {
			used++
		}
	}
	if want := room - patience - 1; used != want {
		t.Errorf("got %d that are marked as used, want %d", used, want)
	}
	if memHas(t, m, key(patience)) {
		t.Errorf("key %d is still there", patience)
	}
}

func TestMemStoreEvictsOneOfAKey(t *testing.T) {
	t.Parallel()
	size := int64(entryBytes + 1 + 1 + memRow(0).Size())
	m := newTestStore(3 * size)
	for _, field := range []string{"a", "b", "c", "d"} {
		memPut(t, m, memSlot("k", field), memRow(0))
		m.check(t)
	}
	for field, want := range map[string]bool{"a": false, "b": true, "c": true, "d": true} {
		if got := memHas(t, m, memSlot("k", field)); got != want {
			t.Errorf("field %s: got %v, want %v", field, got, want)
		}
	}
}

// SIEVE finds more than strict LRU does where some keys are read more often than others, also beside a scan. Only where they
// change so fast that the store is full of others after a few times as many reads as it has rows, it finds less.
func TestMemStoreHitRatio(t *testing.T) {
	t.Parallel()
	const keys, room, reads = 10_000, 500, 60_000
	random := rand.New(rand.NewPCG(1, 2))
	zipf := func(s float64) func(int) int {
		z := rand.NewZipf(random, s, 1, keys-1)
		return func(int) int { return int(z.Uint64()) }
	}
	skewed := zipf(1.1)
	for _, test := range []struct {
		name string
		key  func(i int) int
		want float64 // more hits, of 100 reads, than LRU has: at least
	}{
		{"zipf 1.01", zipf(1.01), 1},
		{"zipf 1.1", zipf(1.1), 1},
		{"zipf 1.1, every other read is of a scan", func(i int) int {
			if i%2 == 0 {
				return keys + i
			}
			return skewed(i)
		}, 1},
		{"all alike", func(int) int { return random.IntN(keys) }, -0.5},
		{"zipf 1.1, another key is the first every 200 reads", func(i int) int { return skewed(i) + i/200 }, -1},
		{"zipf 1.1, another key is the first every 20 reads", func(i int) int { return skewed(i) + i/20 }, -12},
	} {
		m := newTestStore(room * int64(entryBytes+8+1+memRow(0).Size()))
		recent, at := list.New(), map[int]*list.Element{}
		sieve, lru := 0, 0
		for i := range reads {
			key := test.key(i)
			if slot := memSlot(fmt.Sprintf("%08d", key), "f"); memHas(t, m, slot) {
				sieve++
			} else {
				memPut(t, m, slot, memRow(0))
			}
			if e := at[key]; e != nil {
				lru++
				recent.MoveToFront(e)
				continue
			}
			at[key] = recent.PushFront(key)
			if recent.Len() > room {
				delete(at, recent.Remove(recent.Back()).(int))
			}
		}
		got := 100 * float64(sieve-lru) / reads
		t.Logf("%s: %.1f %% hits, LRU %.1f %%", test.name, 100*float64(sieve)/reads, 100*float64(lru)/reads)
		if got < test.want {
			t.Errorf("%s: %.1f more hits than LRU has, of 100 reads, want at least %.1f", test.name, got, test.want)
		}
	}
}

func TestMemStoreKeepsLeasesAndQuarantines(t *testing.T) {
	t.Parallel()
	size := int64(entryBytes + 4 + 1 + memRow(0).Size())
	m := newTestStore(size)
	leased, refreshed, marked := memSlot("k001", "f"), memSlot("k002", "f"), memSlot("k003", "f")
	lease, _ := m.Lease(t.Context(), leased, newToken(), time.Hour, false)
	memPut(t, m, refreshed, memRow(0))
	refresh, _ := m.Lease(t.Context(), refreshed, newToken(), time.Hour, true)
	marks := &Marks{Writer: newToken(), Keys: []string{"k003"}}
	m.Quarantine(t.Context(), marks, time.Hour)

	for i := range 100 {
		memPut(t, m, memSlot(fmt.Sprint("k1", i), "f"), memRow(0))
		m.check(t)
	}
	if grant, _ := m.Lease(t.Context(), marked, newToken(), time.Hour, false); grant.Answer != AnswerBypass {
		t.Errorf("Lease of a key in quarantine: got answer %d, want %d", grant.Answer, AnswerBypass)
	}
	if memHas(t, m, refreshed) {
		t.Error("a row that is being refreshed was not evicted")
	}
	for slot, grant := range map[*Slot]Grant{leased: lease, refreshed: refresh} {
		if ok, _ := m.Fill(t.Context(), slot, grant.Lease, memRow(1), Age{Hard: time.Hour}); !ok {
			t.Errorf("Fill(%s): got false, want true", slot.Key)
		}
		m.check(t)
	}
}

func TestMemStoreBound(t *testing.T) {
	t.Parallel()
	small := memRow(0)
	big := NewRow([]string{"b"}, []driver.Value{strings.Repeat("x", 10_000)})
	exact := int64(entryBytes + 1 + 1 + small.Size())
	for name, test := range map[string]struct {
		maxBytes int64
		row      *Row
		want     bool
	}{
		"fits":           {exact, small, true},
		"a byte short":   {exact - 1, small, false},
		"too big":        {10_000, big, false},
		"zero":           {0, small, false},
		"less":           {-1, small, false},
		"no end of room": {math.MaxInt64, big, true},
	} {
		m := newTestStore(test.maxBytes)
		if got := memPut(t, m, memSlot("k", "f"), test.row); got != test.want {
			t.Errorf("%s: Fill: got %v, want %v", name, got, test.want)
		}
		if got := memHas(t, m, memSlot("k", "f")); got != test.want {
			t.Errorf("%s: Get: got a row: %v, want %v", name, got, test.want)
		}
		m.check(t)
		m.Release(t.Context(), &Marks{Writer: newToken(), Keys: []string{"k"}})
		if len(m.entries) != 0 || m.bytes != 0 {
			t.Errorf("%s: got %d keys, %d bytes after the release, want none", name, len(m.entries), m.bytes)
		}
	}
}

// A row set that is too big to be stored leaves the one that it was to replace.
func TestMemStoreTooBigToRefresh(t *testing.T) {
	t.Parallel()
	m, slot := newTestStore(1000), memSlot("k", "f")
	memPut(t, m, slot, memRow(1))
	grant, _ := m.Lease(t.Context(), slot, newToken(), time.Hour, true)
	big := NewRow([]string{"b"}, []driver.Value{make([]byte, 1000)})
	if ok, _ := m.Fill(t.Context(), slot, grant.Lease, big, Age{Hard: time.Hour}); ok {
		t.Error("Fill: got true, want false")
	}
	m.check(t)
	if !memHas(t, m, slot) {
		t.Error("the row before is gone")
	}
}

// In a key without room a row that cannot be served goes first, then the oldest.
func TestMemStoreFields(t *testing.T) {
	t.Parallel()
	field := func(i int) *Slot { return memSlot("k", fmt.Sprint(i)) }
	full := func() *memStore {
		m := newTestStore(1 << 20)
		for i := range maxFields {
			slot := field(i)
			if i == 7 {
				slot.Generations[0] = "another rule"
			}
			memPut(t, m, slot, memRow(int64(i)))
		}
		return m
	}
	for name, test := range map[string]struct {
		prepare func(m *memStore)
		gone    int
	}{
		"the oldest": {func(*memStore) {}, 0},
		"the oldest without a lease": {func(m *memStore) {
			m.Lease(t.Context(), field(0), newToken(), time.Hour, true)
		}, 1},
		"filled again": {func(m *memStore) {
			grant, _ := m.Lease(t.Context(), field(0), newToken(), time.Hour, true)
			m.Fill(t.Context(), field(0), grant.Lease, memRow(0), Age{Hard: time.Hour})
		}, 1},
		"dead by its generation": {func(m *memStore) {
			m.Release(t.Context(), &Marks{Generations: []string{"another rule"}})
		}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			m := full()
			test.prepare(m)
			memPut(t, m, field(1000), memRow(0))
			m.check(t)
			for i := range maxFields {
				if i != 7 && memHas(t, m, field(i)) == (i == test.gone) {
					t.Errorf("field %d: got a row: %v, want %v", i, i == test.gone, i != test.gone)
				}
			}
			if left := m.at(memSlot("k", "7")) != nil; left == (test.gone == 7) {
				t.Errorf("field 7: got it there: %v, want %v", left, test.gone != 7)
			}
		})
	}
}

// An expired row is worth less than any that can be served.
func TestMemStoreFieldsExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newTestStore(1 << 20)
		field := func(i int) *Slot { return memSlot("k", fmt.Sprint(i)) }
		for i := range maxFields {
			age := Age{Hard: time.Hour}
			if i == 5 {
				age.Hard = time.Minute
			}
			grant, _ := m.Lease(t.Context(), field(i), newToken(), time.Hour, false)
			m.Fill(t.Context(), field(i), grant.Lease, memRow(0), age)
		}
		time.Sleep(2 * time.Minute)
		memPut(t, m, field(1000), memRow(0))
		if m.at(field(5)) != nil || m.at(field(0)) == nil {
			t.Error("the expired row is still there, or the oldest is gone")
		}
	})
}

// Keys that nobody comes back to do not pile up.
func TestMemStoreForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newTestStore(1 << 20)
		const many = 1000
		for i := range many {
			m.Lease(t.Context(), memSlot(fmt.Sprint("leased", i), "f"), newToken(), time.Second, false)
			m.Quarantine(t.Context(), &Marks{Writer: newToken(), Keys: []string{fmt.Sprint("marked", i)}}, time.Second)
		}
		m.check(t)
		if len(m.entries) != 2*many {
			t.Fatalf("got %d keys, want %d", len(m.entries), 2*many)
		}
		time.Sleep(time.Second)
		for i := range many {
			memPut(t, m, memSlot(fmt.Sprint("new", i), "f"), memRow(0))
		}
		m.check(t)
		if len(m.entries) > many {
			t.Errorf("got %d keys, want no more than the %d that hold rows", len(m.entries), many)
		}
		m = newTestStore(1 << 20)
		for i := range many {
			m.Lease(t.Context(), memSlot(fmt.Sprint("leased", i), "f"), newToken(), time.Hour, false)
		}
		if len(m.entries) != many {
			t.Errorf("got %d keys, want %d: their leases have not run out", len(m.entries), many)
		}
	})
}

// To forget a generation is to end it. The two of a slot must not end each other either: a lease under a generation
// that is forgotten at once would never be ended by a writer.
func TestMemStoreGenerations(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"marked"}, {"marked", "one more"}} { // so that either of two is one too many
		testMemStoreGenerations(t, names)
	}
}

func testMemStoreGenerations(t *testing.T, marked []string) {
	m := newTestStore(1 << 20)
	marks := &Marks{Writer: newToken(), Generations: marked}
	m.Quarantine(t.Context(), marks, time.Hour)
	early := memSlot("early", "f")
	memPut(t, m, early, memRow(0))
	lease, _ := m.Lease(t.Context(), memSlot("leased", "f"), newToken(), time.Hour, false)

	for i := range maxGenerations + 10 {
		slot := memSlot("k", "f")
		slot.Generations = [2]string{fmt.Sprint("rule", i), fmt.Sprint("all", i)}
		grant, _ := m.Lease(t.Context(), slot, newToken(), time.Hour, false)
		if grant.Answer != AnswerLease {
			t.Fatalf("Lease %d: got answer %d, want %d", i, grant.Answer, AnswerLease)
		}
		m.Release(t.Context(), &Marks{Generations: slot.Generations[:1]})
		if ok, _ := m.Fill(t.Context(), slot, grant.Lease, memRow(0), Age{Hard: time.Hour}); ok {
			t.Fatalf("Fill %d: got true although its generation was ended", i)
		}
		if len(m.generations) > maxGenerations+2 {
			t.Fatalf("got %d generations, want at most %d", len(m.generations), maxGenerations+2)
		}
	}
	if memHas(t, m, early) {
		t.Error("a row outlived its generation")
	}
	if ok, _ := m.Fill(t.Context(), memSlot("leased", "f"), lease.Lease, memRow(0), Age{Hard: time.Hour}); ok {
		t.Error("a lease outlived its generation")
	}
	slot := memSlot("k", "f")
	slot.Generations[1] = "marked"
	if grant, _ := m.Lease(t.Context(), slot, newToken(), time.Hour, false); grant.Answer != AnswerBypass {
		t.Errorf("Lease under a generation in quarantine: got answer %d, want %d", grant.Answer, AnswerBypass)
	}
	m.check(t)
}

func TestMemStoreEndOfTime(t *testing.T) {
	t.Parallel()
	m, slot := newTestStore(1<<20), memSlot("k", "f")
	time.Sleep(time.Millisecond) // so that the longest time from now on is longer than there is
	grant, _ := m.Lease(t.Context(), slot, newToken(), math.MaxInt64, false)
	if ok, _ := m.Fill(t.Context(), slot, grant.Lease, memRow(0), Age{math.MaxInt64, math.MaxInt64}); !ok {
		t.Fatal("Fill: got false, want true")
	}
	if !memHas(t, m, slot) {
		t.Error("the row is gone")
	}
	m.Quarantine(t.Context(), &Marks{Writer: newToken(), Keys: []string{"k"}}, math.MaxInt64)
	if grant, _ := m.Lease(t.Context(), slot, newToken(), time.Hour, false); grant.Answer != AnswerBypass {
		t.Errorf("Lease: got answer %d, want %d", grant.Answer, AnswerBypass)
	}
}

// Whatever is done to a store with little room, it stays in one piece.
func TestMemStoreStaysConsistent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const seed = 1
		random := rand.New(rand.NewPCG(seed, 0))
		m := newTestStore(8 * entryBytes)
		type held struct {
			slot  *Slot
			lease Lease
		}
		var leases []held
		writers := []Token{newToken(), newToken(), newToken()}
		for range 20_000 {
			key := fmt.Sprint("k", random.IntN(12))
			slot := memSlot(key, fmt.Sprint(random.IntN(3)))
			marks := &Marks{Writer: writers[random.IntN(len(writers))], Keys: []string{key}}
			if random.IntN(20) == 0 {
				marks.Generations = []string{"rule"}
			}
			switch random.IntN(12) {
			case 0:
				m.Quarantine(t.Context(), marks, time.Duration(random.IntN(10))*time.Millisecond)
			case 1:
				m.Release(t.Context(), marks)
			case 2:
				time.Sleep(time.Millisecond)
			case 3, 4, 5, 6:
				d := time.Duration(random.IntN(20)) * time.Millisecond
				if grant, _ := m.Lease(t.Context(), slot, newToken(), d, random.IntN(4) == 0); grant.Answer == AnswerLease {
					leases = append(leases, held{slot, grant.Lease})
				}
			case 7, 8, 9:
				if len(leases) == 0 {
					continue
				}
				i := random.IntN(len(leases))
				value := NewRow([]string{"b"}, []driver.Value{make([]byte, random.IntN(10*entryBytes))})
				hard := 1 + time.Duration(random.IntN(20))*time.Millisecond
				m.Fill(t.Context(), leases[i].slot, leases[i].lease, value, Age{Hard: hard, Soft: hard / 2})
				leases = append(leases[:i], leases[i+1:]...)
			case 10:
				if len(leases) > 0 {
					m.Abandon(t.Context(), leases[0].slot, leases[0].lease)
					leases = leases[1:]
				}
			default:
				m.Get(t.Context(), slot)
			}
			m.check(t)
			if t.Failed() {
				t.Fatalf("with the seed %d", seed)
			}
		}
	})
}

// entryBytes is what the memory says.
func TestMemStoreEntryBytes(t *testing.T) {
	// Not parallel: it measures the memory of the whole process.
	if math.MaxInt == math.MaxInt32 {
		t.Skip("pointers are smaller here")
	}
	const many = 150_000 // between the sizes at which the map grows
	row := memRow(0)
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := heap()
	m := newTestStore(math.MaxInt64)
	names := 0
	for i := range many {
		slot := memSlot(fmt.Sprintf("moneyclip:%06d", i), "0123456789abcdef") // sizes of which no byte is lost
		names += len(slot.Key) + len(slot.Field)
		memPut(t, m, slot, row)
	}
	got := (heap() - before - int64(names)) / many
	runtime.KeepAlive(m)
	if got < entryBytes*3/4 || got > entryBytes*5/4 {
		t.Errorf("an entry takes %d bytes beside its key, its field and its row; entryBytes is %d", got, entryBytes)
	}
	t.Logf("%d bytes", got)
}

// A store that was given to a cache goes with it.
func TestMemStoreGoes(t *testing.T) {
	gone := make(chan struct{})
	func() {
		m := newTestStore(1 << 20)
		runtime.AddCleanup(m, func(gone chan struct{}) { close(gone) }, gone)
		cache, err := New(plainDialect{}, Config{Store: m})
		if err != nil {
			t.Fatal(err)
		}
		memPut(t, m, memSlot("moneyclip:k", "f"), memRow(0))
		if other := hubOf(m); other != cache.hub {
			t.Error("it has two hubs")
		}
		cache.Close()
	}()
	for deadline := time.Now().Add(5 * time.Second); ; {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("it is still there")
		}
	}
}

func TestMemStoreGetAllocates(t *testing.T) {
	// Not parallel: it measures the allocations of the whole process.
	m, slot := newTestStore(1<<20), memSlot("moneyclip:k", "f")
	memPut(t, m, slot, memRow(0))
	ctx := context.Background()
	for name, slot := range map[string]*Slot{"hit": slot, "miss": memSlot("moneyclip:absent", "f")} {
		if got := testing.AllocsPerRun(1000, func() { m.Get(ctx, slot) }); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}

func BenchmarkMemStoreGet(b *testing.B) {
	const keys = 10_000
	m := newTestStore(64 << 20)
	slots := make([]*Slot, keys)
	for i := range slots {
		slots[i] = memSlot(fmt.Sprintf("moneyclip:scope:account::followers::account-id-%d", i), "0123456789abcdef")
		memPut(b, m, slots[i], memRow(int64(i)))
	}
	get := func(b *testing.B, i int) {
		if row, err := m.Get(context.Background(), slots[i%keys]); row == nil || err != nil {
			b.Fatalf("Get: got %v, %v, want a row", row, err)
		}
	}
	b.Run("goroutines=1", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			get(b, i)
			i += 7
		}
	})
	b.Run("goroutines=all", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i += 7 {
				get(b, i)
			}
		})
	})
}

func BenchmarkMemStoreMiss(b *testing.B) {
	m, slot, row := newTestStore(64<<20), memSlot("moneyclip:k", "f"), memRow(1)
	marks := &Marks{Writer: newToken(), Keys: []string{"moneyclip:k"}}
	b.ReportAllocs()
	for b.Loop() {
		memPut(b, m, slot, row)
		m.Quarantine(context.Background(), marks, time.Hour)
		m.Release(context.Background(), marks)
	}
}
