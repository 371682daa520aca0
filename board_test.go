package moneyclip_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A sharedStore is what several processes share, seen by one of them.
type sharedStore struct {
	moneyclip.Store
	boards *boards
	down   atomic.Bool
	secret atomic.Bool                       // it publishes nothing
	slow   atomic.Bool                       // its next release takes longer than anybody waits
	before atomic.Pointer[func(step string)] // called before each step
}

// boards are the boards of a store.
type boards struct {
	mu       sync.Mutex
	notices  map[string]map[string]bool // :: board → notice
	versions map[string]string
	claims   map[string]string // :: claim → board
	count    int
}

func (b *boards) lose() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.notices)
	clear(b.versions)
	clear(b.claims)
}

func (b *boards) put(board, notice string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.notices[board][notice] {
		if b.notices[board] == nil {
			b.notices[board] = map[string]bool{}
		}
		b.notices[board][notice] = true
		b.count++
		b.versions[board] = fmt.Sprint(b.count)
	}
	return b.versions[board]
}

// only is the name of the only board.
func (b *boards) only(t *testing.T) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.versions {
		return name
	}
	t.Fatal("there is no board")
	return ""
}

// processes are n views of one store.
func processes(n int) []*sharedStore {
	beneath := moneyclip.NewMemStore(1 << 20)
	b := &boards{notices: map[string]map[string]bool{}, versions: map[string]string{}, claims: map[string]string{}}
	var all []*sharedStore
	for range n {
		all = append(all, &sharedStore{Store: beneath, boards: b})
	}
	return all
}

func (s *sharedStore) step(name string) error {
	if f := s.before.Load(); f != nil {
		(*f)(name)
	}
	if s.down.Load() {
		return errStore
	}
	return nil
}

func (s *sharedStore) Shared() bool { return true }

func (s *sharedStore) Healthy(context.Context) error { return s.step("healthy") }

func (s *sharedStore) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	if err := s.step("get"); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, slot)
}

func (s *sharedStore) Lease(
	ctx context.Context, slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, renew bool,
) (moneyclip.Grant, error) {
	if err := s.step("lease"); err != nil {
		return moneyclip.Grant{}, err
	}
	return s.Store.Lease(ctx, slot, token, d, renew)
}

func (s *sharedStore) Fill(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age,
) (bool, error) {
	if err := s.step("fill"); err != nil {
		return false, err
	}
	if lease.Board != "" && s.version(&moneyclip.Marks{Board: lease.Board}) != lease.Version {
		return false, s.Store.Abandon(ctx, slot, lease)
	}
	return s.Store.Fill(ctx, slot, lease, row, age)
}

func (s *sharedStore) FillLater(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age, done func(bool, error),
) {
	slot = slot.Clone()
	go func() { done(s.Fill(ctx, slot, lease, row, age)) }()
}

func (s *sharedStore) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	if err := s.step("quarantine"); err != nil {
		return "", err
	}
	if _, err := s.Store.Quarantine(ctx, marks, d); err != nil {
		return "", err
	}
	return s.version(marks), nil
}

func (s *sharedStore) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	if err := s.step("release"); err != nil {
		return "", err
	}
	if s.slow.CompareAndSwap(true, false) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	if _, err := s.Store.Release(ctx, marks); err != nil {
		return "", err
	}
	return s.version(marks), nil
}

func (s *sharedStore) version(marks *moneyclip.Marks) string {
	s.boards.mu.Lock()
	defer s.boards.mu.Unlock()
	return s.boards.versions[marks.Board]
}

func (s *sharedStore) Publish(
	_ context.Context, board string, notices []moneyclip.Notice, claim string,
) (moneyclip.Board, error) {
	if err := s.step("publish"); err != nil || s.secret.Load() {
		return moneyclip.Board{}, errStore
	}
	b := s.boards
	b.mu.Lock()
	if b.versions[board] == "" {
		b.count++
		name := fmt.Sprint(b.count)
		if b.claims[claim] != board {
			b.claims[name] = board
			b.mu.Unlock()
			return moneyclip.Board{Claim: name}, nil
		}
		delete(b.claims, claim)
		b.versions[board] = name
	}
	b.mu.Unlock()
	for _, n := range notices {
		b.put(board, n.Text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	got := moneyclip.Board{Version: b.versions[board]}
	for text := range b.notices[board] {
		got.Notices = append(got.Notices, text)
	}
	return got, nil
}

const peopleSchema = `
	CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
	CREATE TABLE things (id INTEGER PRIMARY KEY, person INTEGER, label TEXT);
	INSERT INTO people VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo');
	INSERT INTO things VALUES (10, 1, 'hat')`

var (
	personRule = moneyclip.Rule{Key: "person:%d", Table: "people", By: []string{"id"}}
	thingsRule = moneyclip.Rule{Key: "things:%d", Query: "ThingsOf"}
)

const (
	personQuery = "SELECT name, city FROM people WHERE id = ?"
	thingsQuery = "-- name: ThingsOf :one\nSELECT count(*) FROM things WHERE person = ?"
)

// a town is a database that several processes reach, each with rules of its own.
type town struct {
	*fixture // the first process
	stores   []*sharedStore
	others   []*fixture
}

// newTown opens the database in as many processes as there are lists of rules.
func newTown(t *testing.T, rules ...[]moneyclip.Rule) *town {
	t.Helper()
	w := &town{stores: processes(len(rules))}
	w.fixture = open(t, peopleSchema, moneyclip.Config{Store: w.stores[0], Rules: rules[0]})
	for i, list := range rules[1:] {
		other := *w.fixture
		other.wire = new(wire)
		other.cache = newCache(t, moneyclip.Config{Store: w.stores[i+1], Rules: list, Logger: w.log.logger()})
		other.DB = other.through(t, other.cache, w.dsn)
		w.others = append(w.others, &other)
	}
	return w
}

// warmed reads until the answer is stored, which nobody waits for.
func warmed(t *testing.T, f *fixture, query string, args ...any) {
	t.Helper()
	for range 500 {
		if _, asked := f.read(t, query, args...); !asked {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s is never stored", query)
}

func TestBoard(t *testing.T) {
	writes := map[string]func(t *testing.T, f *fixture, query string){
		"plain": func(t *testing.T, f *fixture, query string) { exec(t, f, query) },
		"transaction": func(t *testing.T, f *fixture, query string) {
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			exec(t, tx, query)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		},
		"rows": func(t *testing.T, f *fixture, query string) { readRow(t, f.DB, query+" RETURNING id") },
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, []moneyclip.Rule{personRule, thingsRule}, nil, []moneyclip.Rule{thingsRule})
			writer, other := w.others[0], w.others[1]
			write(t, writer, "UPDATE people SET city = 'Bern' WHERE id = 1") // nobody has published anything yet
			warmed(t, w.fixture, personQuery, 1)
			warmed(t, w.fixture, personQuery, 2)
			warmed(t, w.fixture, thingsQuery, 1)
			warmed(t, other, thingsQuery, 1)

			write(t, writer, "UPDATE people SET name = 'Amy' WHERE id = 1")
			w.wantMiss(t, personQuery, 1)
			w.wantHit(t, personQuery, 2)
			w.wantHit(t, thingsQuery, 1)

			write(t, writer, "INSERT INTO things (id, person, label) VALUES (11, 1, 'cap')")
			w.wantMiss(t, thingsQuery, 1)
			write(t, other, "DELETE FROM people WHERE id = 2") // it has the rule for things alone
			w.wantMiss(t, personQuery, 2)
		})
	}
}

// After a board has changed, one of many writers reads it for all.
func TestBoardReadByOneWriter(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule, thingsRule}, []moneyclip.Rule{personRule})
	writer := w.others[0]
	writer.SetMaxOpenConns(40)
	warmed(t, w.fixture, personQuery, 1)
	warmed(t, writer, personQuery, 1)
	exec(t, writer, "UPDATE people SET name = 'x' WHERE id = 1")
	warmed(t, w.fixture, thingsQuery, 1) // which is new on the board

	var looked atomic.Int64
	gate := make(chan struct{})
	var quarantined atomic.Int64
	before := func(step string) {
		switch step {
		case "publish":
			looked.Add(1)
			time.Sleep(10 * time.Millisecond)
		case "quarantine":
			if quarantined.Add(1) == 20 {
				close(gate)
			}
			select {
			case <-gate:
			case <-time.After(time.Second):
			}
		}
	}
	w.stores[1].before.Store(&before)
	var all sync.WaitGroup
	var slowest atomic.Int64
	for i := range 20 {
		all.Go(func() {
			began := time.Now()
			if _, err := writer.Exec(fmt.Sprintf("UPDATE people SET name = 'x%d' WHERE id = %d", i, i)); err != nil {
				t.Error(err)
			}
			if took := int64(time.Since(began)); took > slowest.Load() {
				slowest.Store(took)
			}
		})
	}
	all.Wait()
	if n := looked.Load(); n > 5 {
		t.Errorf("20 writers have read it %d times, want about once; the slowest has taken %v", n, time.Duration(slowest.Load()))
	}
}

// The same program twice: there is nothing that one does not know of the other.
func TestBoardOfEqualPrograms(t *testing.T) {
	rules := []moneyclip.Rule{personRule, thingsRule}
	w := newTown(t, rules, rules)
	for _, f := range []*fixture{w.fixture, w.others[0]} {
		warmed(t, f, personQuery, 1)
		warmed(t, f, personQuery, 2)
		warmed(t, f, thingsQuery, 1)
	}
	exec(t, w.others[0], "UPDATE people SET name = 'Amy' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
	w.wantHit(t, personQuery, 2)
	w.wantHit(t, thingsQuery, 1)
}

// A store may lose a board, and another one may be made by a process that does not know what was on it.
func TestLostBoard(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, nil, []moneyclip.Rule{thingsRule})
	warmed(t, w.fixture, personQuery, 1)
	w.stores[0].boards.lose()
	warmed(t, w.others[1], thingsQuery, 1) // makes a board that lacks the rule for people
	exec(t, w.others[0], "UPDATE people SET name = 'Amy' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
	warmed(t, w.fixture, personQuery, 1)
	exec(t, w.others[0], "UPDATE people SET name = 'Ada' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
}

// A process that has never seen a board cannot tell one that was lost from one that there never was.
func TestLostBoardOfAnother(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, nil)
	warmed(t, w.fixture, personQuery, 1)
	w.stores[0].boards.lose()
	exec(t, w.others[0], "UPDATE people SET name = 'Amy' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
	warmed(t, w.fixture, personQuery, 1)
	exec(t, w.others[0], "UPDATE people SET name = 'Ada' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
}

// A process that is about to make a board may find that another one was made and lost meanwhile, with rows that were stored
// under its rules.
func TestBoardLostTwice(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, nil, nil)
	published := 0
	hook := func(step string) {
		if step != "publish" {
			return
		}
		if published++; published == 2 { // it has ended the generation
			warmed(t, w.fixture, personQuery, 1)
			w.stores[0].boards.lose()
		}
	}
	w.stores[1].before.Store(&hook)
	exec(t, w.others[0], "UPDATE people SET city = 'Bern' WHERE id = 2")
	exec(t, w.others[1], "UPDATE people SET name = 'Amy' WHERE id = 1")
	if published < 3 {
		t.Errorf("published %d times, want another time for the claim that was lost", published)
	}
	w.wantMiss(t, personQuery, 1)
}

// A store that loses everything at once has no boards. What is written through it drops everything.
func TestBoardNeverKept(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, nil)
	warmed(t, w.fixture, personQuery, 1)
	hook := func(step string) {
		if step == "publish" {
			w.stores[0].boards.lose()
		}
	}
	w.stores[1].before.Store(&hook)
	exec(t, w.others[0], "UPDATE people SET name = 'Amy' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
}

// A board that is lost between the lease and the fill takes the fill with it.
func TestBoardLostDuringRead(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, nil, []moneyclip.Rule{thingsRule})
	warmed(t, w.fixture, personQuery, 2) // the notice is on the board
	lost := make(chan struct{})
	once := sync.Once{}
	hook := func(step string) {
		if step == "fill" {
			once.Do(func() {
				defer close(lost)
				w.stores[0].boards.lose()
				readRow(t, w.others[1].DB, thingsQuery, 1)
				exec(t, w.others[0], "UPDATE people SET name = 'Amy' WHERE id = 1")
			})
		}
	}
	w.stores[0].before.Store(&hook)
	w.read(t, personQuery, 1)
	<-lost
	w.cache.Close()
	if got := readRow(t, w.DB, personQuery, 1); !strings.Contains(got, "Amy") {
		t.Errorf("got %s", got)
	}
}

// Of a notice that a process does not understand it drops everything, at every write.
func TestUnknownNotice(t *testing.T) {
	for name, text := range map[string]string{
		"later format": `{"format": 1000, "name": "person:%d", "key": "person:%d", "table": "people", "by": ["id"]}`,
		"no rule":      `{"format": 2, "name": "person:%d", "key": "%"}`,
		"no notice":    `what`,
		"no columns":   `{"format": 2, "name": "person:%d", "key": "person:%d", "table": "people", "by": ["none"]}`,
		"no pins":      `{"format": 2, "name": "person:%d", "key": "person:%d", "query": "X", "args": [1], "text": "SELECT name FROM people WHERE city = 'x' AND ? > 0"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, []moneyclip.Rule{personRule}, nil)
			warmed(t, w.fixture, personQuery, 1)
			b := w.stores[0].boards
			b.put(b.only(t), text)
			exec(t, w.others[0], "UPDATE things SET label = 'x' WHERE id = 99")
			w.wantMiss(t, personQuery, 1)
		})
	}
	t.Run("absent table", func(t *testing.T) {
		w := newTown(t, []moneyclip.Rule{personRule}, nil)
		warmed(t, w.fixture, personQuery, 1)
		b := w.stores[0].boards
		b.put(b.only(t), `{"format": 2, "name": "person:%d", "key": "person:%d", "table": "elsewhere", "by": ["id"]}`)
		exec(t, w.others[0], "UPDATE things SET label = 'x' WHERE id = 99")
		w.wantHit(t, personQuery, 1)
	})
}

// Where a write must not be done unless the store knows of it, that holds for one that no rule of its program watches too.
func TestFailWritesWithoutRules(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule})
	store := processes(1)[0]
	other := *w.fixture
	other.cache = newCache(t, moneyclip.Config{Store: store, Outage: moneyclip.FailWrites, Logger: w.log.logger()})
	other.DB = other.through(t, other.cache, w.dsn)
	exec(t, &other, "UPDATE people SET name = 'Amy' WHERE id = 1")
	store.down.Store(true)
	if _, err := other.Exec("UPDATE people SET name = 'Ada' WHERE id = 1"); !errors.Is(err, moneyclip.ErrCacheDown) {
		t.Errorf("got %v, want ErrCacheDown", err)
	}
	if got := readRow(t, w.bare, personQuery, 1); !strings.Contains(got, "Amy") {
		t.Errorf("the database holds %s", got)
	}
}

// Of a write that was not done for want of the store nothing is dropped but what it would have touched.
func TestFailedWriteDropsLittle(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule})
	store := &sharedStore{Store: w.stores[0].Store, boards: w.stores[0].boards}
	other := *w.fixture
	other.cache = newCache(t, moneyclip.Config{
		Store: store, Outage: moneyclip.FailWrites, Rules: []moneyclip.Rule{personRule}, Logger: w.log.logger(),
	})
	other.DB = other.through(t, other.cache, w.dsn)
	warmed(t, w.fixture, personQuery, 2)
	warmed(t, &other, personQuery, 2)
	store.down.Store(true)
	if _, err := other.Exec("UPDATE people SET name = 'Ada' WHERE id = 1"); !errors.Is(err, moneyclip.ErrCacheDown) {
		t.Errorf("got %v, want ErrCacheDown", err)
	}
	store.down.Store(false)
	settled(t, other.cache)
	w.wantHit(t, personQuery, 2)
}

// Two versions of one program: what the new one stores under the old name of a rule, the old one drops too.
func TestRollingDeploy(t *testing.T) {
	old := moneyclip.Rule{Name: "person", Key: "person:%d", Table: "people", By: []string{"id"}}
	renewed := moneyclip.Rule{Name: "person", Key: "people/%s/%d", Table: "people", By: []string{"city", "id"}}
	const query = "SELECT name FROM people WHERE id = ? AND city = ?"
	w := newTown(t, []moneyclip.Rule{old}, []moneyclip.Rule{renewed})
	warmed(t, w.fixture, personQuery, 1)
	warmed(t, w.others[0], query, 1, "Rome")
	warmed(t, w.others[0], query, 2, "Oslo")
	exec(t, w.fixture, "UPDATE people SET name = 'Amy' WHERE id = 1 AND city = 'Rome'")
	w.others[0].wantMiss(t, query, 1, "Rome")
	w.others[0].wantHit(t, query, 2, "Oslo")
	exec(t, w.others[0], "UPDATE people SET name = 'Ada' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
}

// A rule that a writer learns of with its quarantine is quarantined too, before anybody can see what it changes.
func TestBoardWithQuarantine(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, []moneyclip.Rule{thingsRule})
	writer := w.others[0]
	warmed(t, writer, thingsQuery, 1)
	warmed(t, w.fixture, personQuery, 1)
	tx, err := writer.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "INSERT INTO things (id, person, label) VALUES (11, 1, 'cap')")
	exec(t, tx, "UPDATE people SET name = 'Amy' WHERE id = 1")
	quarantines := 0
	hook := func(step string) {
		if step == "release" {
			w.fixture.wantMiss(t, personQuery, 1)
			w.fixture.wantMiss(t, personQuery, 1) // it stores nothing
		}
		if step == "quarantine" {
			quarantines++
		}
	}
	w.stores[1].before.Store(&hook)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if quarantines != 2 {
		t.Errorf("%d quarantines, want one for what was known and one for all", quarantines)
	}
}

// A release that comes to nothing for want of time is tried again before the caller hears of the write, and heeds what other
// processes have published by then.
func TestLateRelease(t *testing.T) {
	t.Parallel()
	w := newTown(t, []moneyclip.Rule{personRule}, []moneyclip.Rule{personRule})
	writer := w.others[0]
	warmed(t, writer, personQuery, 1)
	warmed(t, w.fixture, personQuery, 1)
	warmed(t, w.fixture, personQuery, 2)
	b := w.stores[0].boards
	board := b.only(t)
	w.stores[1].slow.Store(true)
	releases := 0
	hook := func(step string) {
		if step == "release" {
			releases++
		}
		if releases == 2 {
			b.put(board, "what")
		}
	}
	w.stores[1].before.Store(&hook)
	exec(t, writer, "UPDATE people SET name = 'Amy' WHERE id = 1")
	if err := writer.cache.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	w.wantMiss(t, personQuery, 1)
	w.wantMiss(t, personQuery, 2) // the notice that nobody understands may mean it
}

// A board that cannot be read may say anything.
func TestUnreadableBoard(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, nil)
	warmed(t, w.fixture, personQuery, 1)
	w.stores[1].secret.Store(true)
	exec(t, w.others[0], "UPDATE people SET name = 'Amy' WHERE id = 1")
	w.wantMiss(t, personQuery, 1)
}

// While the store is out of reach writes go on. What they have touched is dropped before this process reads from the
// store again: also what another process has told the store meanwhile.
func TestBoardAfterOutage(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, []moneyclip.Rule{thingsRule})
	writer := w.others[0]
	warmed(t, writer, thingsQuery, 1)
	warmed(t, w.fixture, personQuery, 2)
	exec(t, writer, "UPDATE people SET name = 'Abe' WHERE id = 2") // so it knows the rule for people
	warmed(t, w.fixture, personQuery, 1)
	warmed(t, w.fixture, personQuery, 2)
	if err := writer.cache.Healthy(t.Context()); err != nil {
		t.Error(err)
	}

	w.stores[1].down.Store(true)
	if err := writer.cache.Healthy(t.Context()); err == nil {
		t.Error("healthy without a store")
	}
	exec(t, writer, "UPDATE people SET name = 'Amy' WHERE id = 1")
	if err := writer.cache.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "1 write") {
		t.Errorf("a write that the store does not know of: %v", err)
	}
	writer.wantMiss(t, thingsQuery, 1)
	w.stores[1].down.Store(false)
	settled(t, writer.cache)
	w.wantMiss(t, personQuery, 1)
	w.wantHit(t, personQuery, 2)
	writer.wantHit(t, thingsQuery, 1)

	w.stores[1].down.Store(true)
	exec(t, writer, "UPDATE things SET label = 'new' WHERE id = 10")
	b := w.stores[0].boards
	b.put(b.only(t), `{"format": 2, "name": "label", "key": "label:%d", "table": "things", "by": ["id"]}`)
	w.stores[1].down.Store(false)
	settled(t, writer.cache)
	w.wantMiss(t, personQuery, 2) // who knows what else has changed
}

// What a process writes while the store is out of reach, without ever having seen a board, may be anybody's.
func TestLostBoardAfterOutage(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule}, []moneyclip.Rule{thingsRule})
	writer := w.others[0]
	warmed(t, w.fixture, personQuery, 1)
	w.stores[1].down.Store(true)
	exec(t, writer, "UPDATE people SET name = 'Amy' WHERE id = 1")
	w.stores[0].boards.lose()
	w.stores[1].down.Store(false)
	settled(t, writer.cache)
	w.wantMiss(t, personQuery, 1)
}

// A toldStore notes what it was told after it was out of reach, and how often each writer's release came through.
type toldStore struct {
	*sharedStore
	all string // the generation of all rules

	mu        sync.Mutex      // protects what follows
	told      []time.Duration // for how long everything was quarantined; 0: it was dropped
	keys      []time.Duration // the same of keys that were quarantined
	released  map[moneyclip.Token]int
	meanwhile func() error // called once, instead of the first dropping of everything if it fails
}

func (s *toldStore) note(m *moneyclip.Marks, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down.Load():
	case slices.Contains(m.Generations, s.all):
		s.told = append(s.told, d)
		if meanwhile := s.meanwhile; meanwhile != nil {
			s.meanwhile = nil
			s.mu.Unlock()
			defer s.mu.Lock()
			return meanwhile()
		}
	case d > 0:
		s.keys = append(s.keys, d)
	default:
		s.released[m.Writer]++
	}
	return nil
}

func (s *toldStore) Quarantine(ctx context.Context, m *moneyclip.Marks, d time.Duration) (string, error) {
	if err := s.note(m, d); err != nil {
		return "", err
	}
	return s.sharedStore.Quarantine(ctx, m, d)
}

func (s *toldStore) Release(ctx context.Context, m *moneyclip.Marks) (string, error) {
	if err := s.note(m, 0); err != nil {
		return "", err
	}
	return s.sharedStore.Release(ctx, m)
}

// After an outage in which the board was lost everything is dropped once for all writes that were over by then, and for those of which
// nobody knows whether they happened it is held once.
func TestLostBoardDropsEverythingOnce(t *testing.T) {
	const unknown = 5 * time.Minute
	for name, test := range map[string]struct {
		writes     int
		at         func(i int) bool // whose outcome is not known
		late       bool             // there is a write more while everything is dropped
		refused    error            // the first time
		told, keys []time.Duration
	}{
		"known":         {writes: 200, at: func(int) bool { return false }, told: []time.Duration{0}},
		"unknown first": {writes: 200, at: func(i int) bool { return i == 0 }, told: []time.Duration{unknown}, keys: []time.Duration{unknown}},
		"unknown later": {
			writes: 200, at: func(i int) bool { return i > 150 && i < 153 }, told: []time.Duration{0, unknown}, keys: []time.Duration{unknown, unknown},
		},
		"refused": {writes: 1, at: func(int) bool { return false }, refused: errStore, told: []time.Duration{0, 0}},
		"late":    {writes: 200, at: func(int) bool { return false }, late: true, told: []time.Duration{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, []moneyclip.Rule{personRule})
			store := &toldStore{
				sharedStore: &sharedStore{Store: w.stores[0].Store, boards: w.stores[0].boards},
				all:         "moneyclip:@@", released: map[moneyclip.Token]int{},
			}
			other := *w.fixture
			other.wire = new(wire)
			other.cache = newCache(t, moneyclip.Config{Store: store, Rules: []moneyclip.Rule{personRule}, Logger: w.log.logger()})
			other.DB = other.through(t, other.cache, w.dsn)
			warmed(t, w.fixture, personQuery, 1)
			exec(t, &other, "UPDATE people SET name = 'Amy' WHERE id = 1") // it knows the board
			warmed(t, w.fixture, personQuery, 2)

			store.down.Store(true)
			known := 0
			for i := range test.writes {
				if !test.at(i) {
					exec(t, &other, "UPDATE people SET name = 'Ada' WHERE id = ?", 1000+i)
					known++
					continue
				}
				other.wire.failWith(func(string) error { return errors.New("connection reset by peer") })
				if _, err := other.Exec("UPDATE people SET name = 'Ada' WHERE id = ?", 1000+i); err == nil {
					t.Error("no error")
				}
				other.wire.failWith(nil)
			}
			w.stores[0].boards.lose()
			store.mu.Lock()
			store.told, store.keys = nil, nil
			clear(store.released)
			if test.late {
				known++
			}
			store.meanwhile = func() error {
				if test.late {
					store.down.Store(true)
					exec(t, &other, "UPDATE people SET name = 'Ada' WHERE id = 1")
					store.down.Store(false)
				}
				return test.refused
			}
			store.mu.Unlock()
			store.down.Store(false)
			settled(t, other.cache)
			w.wantMiss(t, personQuery, 2)
			store.mu.Lock()
			defer store.mu.Unlock()
			if !slices.Equal(store.told, test.told) || !slices.Equal(store.keys, test.keys) {
				t.Errorf("everything was held for %v, keys for %v; want %v and %v", store.told, store.keys, test.told, test.keys)
			}
			if len(store.released) != known {
				t.Errorf("the quarantines of %d writers were ended, want %d", len(store.released), known)
			}
			for writer, n := range store.released {
				if n != 1 {
					t.Errorf("writer %x has released %d times", writer, n)
				}
			}
		})
	}
}

func settled(t *testing.T, c *moneyclip.Cache) {
	t.Helper()
	for range 100 {
		if c.Healthy(t.Context()) == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("not healthy within a second of the store's return")
}

// A notice holds what the rule says, and neither an argument nor a value.
func TestNotice(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{thingsRule})
	warmed(t, w.fixture, thingsQuery, 1)
	b := w.stores[0].boards
	name := b.only(t)
	if !strings.HasPrefix(name, "moneyclip:") || !strings.HasSuffix(name, ":@@rules") {
		t.Errorf("board %q", name)
	}
	for text := range b.notices[name] {
		var got map[string]any
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if got["name"] != "ThingsOf" || got["text"] != "SELECT count(*) FROM things WHERE person = ?" || got["key"] != "things:%d" || len(got) != 6 {
			t.Errorf("notice %v", got)
		}
	}
}

// What queries have taught a program is forgotten when its rules are bound anew. Another one goes on storing what they read.
func TestForgottenText(t *testing.T) {
	rules := []moneyclip.Rule{thingsRule}
	for name, forget := range map[string]func(w *town){
		"by DDL": func(w *town) { exec(t, w.others[0].DB, "CREATE TABLE more (a)") },
		"by another cache": func(w *town) {
			newCache(t, moneyclip.Config{Store: w.stores[1], Rules: []moneyclip.Rule{personRule}, Logger: w.log.logger()})
		},
	} {
		w := newTown(t, rules, rules)
		warmed(t, w.fixture, thingsQuery, 1)
		warmed(t, w.others[0], thingsQuery, 1)
		forget(w)
		warmed(t, w.fixture, thingsQuery, 1)
		exec(t, w.others[0].DB, "INSERT INTO things (person, label) VALUES (1, 'cap')")
		if _, asked := w.read(t, thingsQuery, 1); !asked {
			t.Errorf("%s: a row is served from before a write", name)
		}
	}
}

// A program that has not seen a rule's query does not know how its values are spelled in keys, and one with another key for the
// rule not which keys are to be dropped.
func TestInvalidateElsewhere(t *testing.T) {
	byName := moneyclip.Rule{Name: "p", Key: "p:%v", Query: "ByName"}
	later := byName
	later.Key = "p:v2:%v"
	for _, test := range []struct {
		rule      moneyclip.Rule // of the program that calls Invalidate
		query     string
		arg, with any
	}{
		{byName, "SELECT city FROM people WHERE city = ?", "Rome", "rome"},
		{byName, "SELECT city FROM people WHERE id = ?", 1, "1"},
		{byName, "SELECT city FROM people WHERE id = ?", 1, 1.0},
		{later, "SELECT city FROM people WHERE id = ?", 1, 1},
	} {
		w := newTown(t, []moneyclip.Rule{byName}, []moneyclip.Rule{test.rule})
		query := "-- name: ByName :one\n" + test.query
		warmed(t, w.fixture, query, test.arg)
		if err := moneyclip.Invalidate(t.Context(), w.others[0].DB, "p", test.with); err != nil {
			t.Error(err)
		}
		if _, asked := w.read(t, query, test.arg); !asked {
			t.Errorf("%s with %v: Invalidate with %v has not dropped it", test.query, test.arg, test.with)
		}
	}
}

// A program whose texts are never the same twice, for it puts a comment into each, has one notice for all of them.
func TestNoticeOfTextsWithoutEnd(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{thingsRule}, nil)
	for i := range 5 {
		warmed(t, w.fixture, fmt.Sprintf("%s /* trace %d */", thingsQuery, i), 1)
	}
	b := w.stores[0].boards
	b.mu.Lock()
	for name, notices := range b.notices {
		if len(notices) != 1 {
			t.Errorf("%d notices on board %s: %v, want 1", len(notices), name, notices)
		}
	}
	b.mu.Unlock()
	exec(t, w.others[0].DB, "INSERT INTO things VALUES (11, 1, 'bag')")
	w.wantMiss(t, fmt.Sprintf("%s /* trace %d */", thingsQuery, 3), 1)
}

// A read whose store fails is a read of the database, after one attempt.
func TestFailedOnce(t *testing.T) {
	w := newTown(t, []moneyclip.Rule{personRule})
	warmed(t, w.fixture, personQuery, 1)
	var steps []string
	hook := func(step string) { steps = append(steps, step) }
	w.stores[0].before.Store(&hook)
	w.stores[0].down.Store(true)
	w.wantMiss(t, personQuery, 1)
	if len(steps) != 1 || steps[0] != "get" {
		t.Errorf("the store was asked to %q", steps)
	}
}

// While the first notices take long to get to the board, readers wait for a moment, and then not at all. Nobody is told of an
// error: there is none.
func TestBoardTakesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, log := processes(1)[0], new(logged)
		slow := func(step string) {
			if step == "publish" {
				time.Sleep(700 * time.Millisecond)
			}
		}
		store.before.Store(&slow)
		f := openFake(t, moneyclip.Config{Store: store, Rules: []moneyclip.Rule{userRule}, Logger: log.logger()})
		read := func(most time.Duration) {
			began := time.Now()
			f.wantRow(t, selectUser, 1)
			if took := time.Since(began); took > most {
				t.Errorf("a read has taken %v, want at most %v", took, most)
			}
		}
		var readers sync.WaitGroup
		for range 16 {
			readers.Go(func() { read(250 * time.Millisecond) })
		}
		readers.Wait()
		read(0)
		if got := f.cache.Stats(); got.Bypasses != 17 {
			t.Errorf("got %+v, want 17 bypasses", got)
		}
		time.Sleep(2 * time.Second) // it is a bubble's
		f.wantQueries(t, 1, selectUser, 1)
		synctest.Wait()
		f.wantQueries(t, 0, selectUser, 1)
		if got := log.String(); got != "" {
			t.Errorf("logged: %s", got)
		}
	})
}
