package moneyclip_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A countedStore notes when quarantines are set.
type countedStore struct {
	moneyclip.Store
	mu sync.Mutex // protects at
	at []time.Time
}

func (s *countedStore) Quarantine(ctx context.Context, m *moneyclip.Marks, d time.Duration) (string, error) {
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	s.mu.Unlock()
	return s.Store.Quarantine(ctx, m, d)
}

// clear forgets what was noted.
func (s *countedStore) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = nil
}

func (s *countedStore) quarantines() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// A quarantine is there for as long as the write takes, renewed within every third of its time, and not after it.
func TestRenewals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &countedStore{Store: moneyclip.NewMemStore(1 << 20)}
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store})
		f.wantQueries(t, 1, selectUser, 1)
		f.wantQueries(t, 0, selectUser, 1)
		for _, late := range []time.Duration{0, time.Second, 9 * time.Second, 19 * time.Second} { // since the last tick
			time.Sleep(time.Minute + late)
			store.clear()
			open, err := f.Query("UPDATE users SET name = 'x' WHERE id = ? RETURNING id", 1)
			if err != nil {
				t.Fatal(err)
			}
			exec(t, f, renameUser, "renamed", 2) // comes and goes meanwhile
			for range 10 {
				time.Sleep(time.Minute)
				f.wantQueries(t, 1, selectUser, 1)
				f.wantQueries(t, 1, selectUser, 1)
			}
			if err := open.Close(); err != nil {
				t.Fatal(err)
			}
			at := append(store.quarantines(), time.Now())
			for i := 2; i < len(at); i++ { // the first two are set, and not renewed
				took := at[i].Sub(at[i-1])
				if took > 20*time.Second || took < 15*time.Second && i < len(at)-1 {
					t.Errorf("a quarantine of a minute was renewed after %v", took)
				}
			}
			f.wantQueries(t, 1, selectUser, 1)
			f.wantQueries(t, 0, selectUser, 1)
			store.clear()
			time.Sleep(time.Hour)
			if n := len(store.quarantines()); n > 0 {
				t.Errorf("%d quarantines were set after the write", n)
			}
		}
	})
}

// Where the driver has panicked at a COMMIT, the quarantine of the next one is renewed as well.
func TestRenewalsAfterPanicOfOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &countedStore{Store: moneyclip.NewMemStore(1 << 20)}
		commits := 0
		script := &scripted{fakeState: newFakeState(), replies: map[string]reply{"COMMIT": {do: func() {
			if commits++; commits == 1 {
				panic("out of memory")
			}
			store.clear()
			time.Sleep(10 * time.Minute)
		}}}}
		cache := newCache(t, moneyclip.Config{Scope: "scripted", Rules: []moneyclip.Rule{userRule}, Store: store})
		db := sql.OpenDB(cache.Connector(scriptedConnector{script}))
		defer db.Close()
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		exec(t, c, "BEGIN")
		exec(t, c, renameUser, "renamed", 1)
		func() {
			defer func() { recover() }()
			c.ExecContext(t.Context(), "COMMIT")
		}()
		exec(t, c, "COMMIT")
		if n := len(store.quarantines()); commits != 2 || n < 29 {
			t.Errorf("in the 10 minutes of COMMIT %d the quarantine was renewed %d times", commits, n)
		}
	})
}

// After a panic nobody is left to release a quarantine: it runs out, and is not renewed.
func TestRenewalsAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &countedStore{Store: moneyclip.NewMemStore(1 << 20)}
		script := &scripted{fakeState: newFakeState(), replies: map[string]reply{
			"COMMIT": {do: func() { panic("out of memory") }},
			`SELECT DISTINCT +"users"."id" FROM main."users" WHERE email = 'a@x'`: {rows: column(int64(1))},
		}}
		cache := newCache(t, moneyclip.Config{Scope: "scripted", Rules: []moneyclip.Rule{userRule}, Store: store})
		db := sql.OpenDB(cache.Connector(scriptedConnector{script}))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("there was no panic")
				}
			}()
			db.ExecContext(t.Context(), "UPDATE users SET name = 'x' WHERE email = 'a@x'")
		}()
		db.Close()
		cache.Close()
		store.clear()
		time.Sleep(time.Hour)
		if n := len(store.quarantines()); n > 0 {
			t.Errorf("the quarantine was renewed %d times", n)
		}
	})
}
