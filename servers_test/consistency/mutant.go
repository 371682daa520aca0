//go:build unix

package consistency

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
)

// A mutant is a cache that leaves out a step. The label says which; they are those of the protocol's counterexamples.
type mutant struct {
	label   string
	what    string
	without []string                                      // steps of the miniature
	wrap    func(moneyclip.Store, *Setup) moneyclip.Store // around any store
	read    func(w *worker, id int)                       // what some reads of the program do instead
	wide    int                                           // percent of writes
	cold    bool                                          // is better seen where rows are left alone for a while
	join    bool                                          // readers of one process join any read
	faults  []string                                      // that bring it to light
}

var mutants = map[string]mutant{}

func init() {
	for _, m := range []mutant{
		{label: "N1", what: "delete after the commit, no lease", without: []string{"N1", "before", "N13"}},
		{label: "N2", what: "delete before and after, no lease", without: []string{"N1", "mark", "N13"}},
		{label: "N3", what: "a lease, and delete only before the commit", without: []string{"mark", "after"}},
		{label: "N3c", what: "a lease, and delete only after the commit", without: []string{"before"}, faults: []string{"forgets"}},
		{label: "N4", what: "a quarantine is one flag", wrap: oneWriter, faults: []string{"forgets"}},
		{label: "N5", what: "readers join any read that is under way", join: true},
		{label: "N6", what: "a row is stored that was read from an old snapshot", read: readSnapshot},
		{label: "N7", what: "a row is stored that is not committed", read: readUncommitted},
		{label: "N8", cold: true, what: "released at once when the outcome is not known", wrap: releaseUnknown, faults: []string{"locks"}},
		{label: "N9", cold: true, what: "the release is not awaited", wrap: releaseLater, faults: []string{"flush"}},
		{label: "N10", what: "no epoch", without: []string{"N10"}, cold: true, faults: []string{"lagging-replica"}},
		{label: "N11", what: "the process's run as epoch", without: []string{"N11"}, cold: true, faults: []string{"two-failovers"}},
		{label: "N12", cold: true, what: "stamped when it is stored, not when it was leased", without: []string{"N12"}, wide: 30},
		{label: "N13", what: "a key that is not there is filled", without: []string{"N13"}},
		{label: "N14", what: "a release leaves what it finds", without: []string{"N14"}, faults: []string{"flush"}},
		{label: "N15", cold: true, what: "a quarantine leaves the leases", without: []string{"N15"}, faults: []string{"forgets"}},
		{label: "N16", what: "a copy in the process is trusted", wrap: keepCopies},
		{label: "M3", what: "a lease's token is used again", wrap: oneToken},
		{label: "M11", what: "a release leaves the leases it finds", without: []string{"M11"}, faults: []string{"flush"}},
		{label: "M21", what: "a lease is asked for again with the same token", wrap: leaseTwice},
		{label: "M25", what: "the journal is emptied before the outcome is known", wrap: deliverEarly, cold: true, faults: []string{"outage", "locks"}},
		{label: "M28", what: "a writer's name is used again", wrap: releaseTwice, faults: []string{"forgets"}},
		{label: "M29", what: "generations are remembered", without: []string{"M29"}, wide: 30},
		{label: "T2", cold: true, what: "a key's time to live is set once", without: []string{"T2"}, faults: []string{"locks"}},
	} {
		mutants[m.label] = m
	}
}

// N4: all writers have one name.
type sameWriter struct{ moneyclip.Store }

func oneWriter(s moneyclip.Store, _ *Setup) moneyclip.Store { return sameWriter{s} }

func named(marks *moneyclip.Marks, writer moneyclip.Token) *moneyclip.Marks {
	m := *marks
	m.Writer = writer
	return &m
}

func (s sameWriter) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	return s.Store.Quarantine(ctx, named(marks, moneyclip.Token{1}), d)
}

func (s sameWriter) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	return s.Store.Release(ctx, named(marks, moneyclip.Token{1}))
}

// N5.
var calls = struct {
	sync.Mutex
	m map[int]*call // :: row → call
}{m: map[int]*call{}}

type call struct {
	done  chan struct{}
	value int64
	err   error
}

func join(id int, read func() (int64, error)) (int64, error) {
	calls.Lock()
	c := calls.m[id]
	if c != nil {
		calls.Unlock()
		<-c.done
		return c.value, c.err
	}
	c = &call{done: make(chan struct{})}
	calls.m[id] = c
	calls.Unlock()
	c.value, c.err = read()
	calls.Lock()
	delete(calls.m, id)
	calls.Unlock()
	close(c.done)
	return c.value, c.err
}

// readElsewhere reads through the cache, and lets the cache ask on the connection of a transaction.
func (w *worker) readElsewhere(id int, level sql.IsolationLevel, first string, args ...any) {
	ctx := context.Background()
	conn, err := w.direct.Conn(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, first, args...); err != nil {
		return
	}
	time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
	w.points.reach(elsewhereRead)
	conn.Raw(func(c any) error {
		w.read(context.WithValue(ctx, elsewhere{}, c.(*stdlib.Conn)), w.cached, selectValue, id)
		return nil
	})
}

// N6.
func readSnapshot(w *worker, id int) {
	w.readElsewhere(id, sql.LevelRepeatableRead, "SELECT 1 FROM items")
}

// N7. What it writes is rolled back.
func readUncommitted(w *worker, id int) {
	value := w.fresh(id)
	at := now()
	w.record(End, Undone, formTransaction, at, at, []change{{id, value}})
	w.readElsewhere(id, sql.LevelDefault, update, value, id)
}

// N8.
type impatient struct {
	moneyclip.Store
	unknown time.Duration
}

func releaseUnknown(s moneyclip.Store, c *Setup) moneyclip.Store { return impatient{s, c.Unknown} }

func (s impatient) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	if d >= s.unknown {
		return s.Release(ctx, marks)
	}
	return s.Store.Quarantine(ctx, marks, d)
}

// N9.
type later struct{ moneyclip.Store }

func releaseLater(s moneyclip.Store, _ *Setup) moneyclip.Store { return later{s} }

func (s later) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	if len(marks.Keys) == 0 && len(marks.Generations) == 0 {
		return s.Store.Release(ctx, marks)
	}
	copied := *marks
	time.AfterFunc(time.Second, func() { s.Store.Release(context.Background(), &copied) })
	return s.Store.Release(ctx, &moneyclip.Marks{Writer: marks.Writer, Board: marks.Board})
}

// N16. A copy is dropped by the process's own writes only.
type copies struct {
	moneyclip.Store
	rows sync.Map // :: key → map of field → row
}

func keepCopies(s moneyclip.Store, _ *Setup) moneyclip.Store { return &copies{Store: s} }

func (s *copies) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	fields, _ := s.rows.LoadOrStore(string(slot.Key), new(sync.Map))
	if row, ok := fields.(*sync.Map).Load(string(slot.Field)); ok {
		return row.(*moneyclip.Row), nil
	}
	row, err := s.Store.Get(ctx, slot)
	if row != nil {
		fields.(*sync.Map).Store(string(slot.Field), row)
	}
	return row, err
}

func (s *copies) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	for _, k := range marks.Keys {
		s.rows.Delete(k)
	}
	if len(marks.Generations) > 0 {
		s.rows.Clear()
	}
	return s.Store.Release(ctx, marks)
}

// M3. A store of the miniature's kind takes the same token for a repeated command.
type tokens struct{ moneyclip.Store }

func oneToken(s moneyclip.Store, _ *Setup) moneyclip.Store { return tokens{s} }

func (s tokens) Lease(ctx context.Context, slot *moneyclip.Slot, _ moneyclip.Token, d time.Duration, renew bool) (moneyclip.Grant, error) {
	return s.Store.Lease(ctx, slot, moneyclip.Token{1}, d, renew)
}

// M21. The second command arrives when the first was answered long ago.
type twice struct{ moneyclip.Store }

func leaseTwice(s moneyclip.Store, _ *Setup) moneyclip.Store { return twice{s} }

func (s twice) Fill(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age) (bool, error) {
	return s.Store.Fill(ctx, slot, s.again(ctx, slot, lease), row, age)
}

func (s twice) FillLater(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age, done func(bool, error)) {
	slot = slot.Clone()
	go func() { s.Store.FillLater(ctx, slot, s.again(ctx, slot, lease), row, age, done) }()
}

func (s twice) again(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease) moneyclip.Lease {
	if grant, err := s.Lease(ctx, slot, lease.Token, times100, false); err == nil && grant.Answer == moneyclip.AnswerLease {
		return grant.Lease
	}
	return lease
}

const times100 = 100 * time.Millisecond

// M25. What could not be quarantined is released as soon as the store is back, and never again.
type early struct {
	moneyclip.Store
	mu      sync.Mutex
	pending map[moneyclip.Token]bool // protected by mu
}

func deliverEarly(s moneyclip.Store, _ *Setup) moneyclip.Store {
	return &early{Store: s, pending: map[moneyclip.Token]bool{}}
}

func (s *early) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	s.mu.Lock()
	known := s.pending[marks.Writer]
	s.mu.Unlock()
	if known {
		return "", nil
	}
	version, err := s.Store.Quarantine(ctx, marks, d)
	if err == nil {
		return version, nil
	}
	copied := *marks
	s.mu.Lock()
	s.pending[marks.Writer] = true
	s.mu.Unlock()
	go func() {
		for {
			if _, err := s.Store.Release(context.Background(), &copied); err == nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return "", nil
}

func (s *early) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	s.mu.Lock()
	known := s.pending[marks.Writer]
	delete(s.pending, marks.Writer)
	s.mu.Unlock()
	if known {
		return "", nil
	}
	return s.Store.Release(ctx, marks)
}

// M28. Each process has one writer's name, and its releases come a second time.
type again struct {
	moneyclip.Store
	writer moneyclip.Token
}

func releaseTwice(s moneyclip.Store, c *Setup) moneyclip.Store {
	return again{s, moneyclip.Token{2, byte(c.Worker), byte(c.Worker >> 8)}}
}

func (s again) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	return s.Store.Quarantine(ctx, named(marks, s.writer), d)
}

func (s again) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	copied := named(marks, s.writer)
	time.AfterFunc(50*time.Millisecond, func() { s.Store.Release(context.Background(), copied) })
	return s.Store.Release(ctx, copied)
}

// openStore opens the store that the worker was told, with its mutant around it.
func (w *worker) openStore() (moneyclip.Store, error) {
	s := &w.setup
	options := &redis.UniversalOptions{
		Addrs: s.Redis, Password: s.Password, IsClusterMode: s.Cluster, ContextTimeoutEnabled: true, MaxRetries: -1,
		DialTimeout: s.WriteTime, ReadTimeout: s.WriteTime, WriteTimeout: s.WriteTime,
	}
	if s.Reached != nil {
		options.MasterName = "mymaster"
		options.RouteRandomly = s.Worker%4 < 2 // some go by the client for clusters, of which this is one of one master
		options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return (&net.Dialer{Timeout: s.WriteTime}).DialContext(ctx, network, cmp.Or(s.Reached[addr], addr))
		}
	}
	client := redis.NewUniversalClient(options)
	var store moneyclip.Store
	switch s.Store {
	case "miniature":
		store = newMiniature(client, s, w.mutant.without...)
	case "redis":
		real := redisstore.New(client)
		real.ReadTimeout, real.WriteTimeout, real.Grace = s.ReadTime, s.WriteTime, s.Grace
		store = real
	default:
		return nil, errors.New("there is no store " + s.Store)
	}
	if w.mutant.wrap != nil {
		store = w.mutant.wrap(store, s)
	}
	return store, nil
}
