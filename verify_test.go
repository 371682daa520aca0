package moneyclip_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// The database answers each hit that is verified, and a write past the driver is found out.
func TestVerify(t *testing.T) {
	t.Parallel()
	events := new(mismatches)
	f := openShop(t, moneyclip.Config{Verify: 1, Observer: events})
	for range 4 {
		f.wantMiss(t, selectUser, 1)
	}
	if s := f.cache.Stats(); s.Hits != 3 || s.Verified != 3 || s.Mismatches != 0 || s.Misses != 1 {
		t.Errorf("got %+v, want 3 hits, all verified and right, after 1 miss", s.RuleStats)
	}
	exec(t, f.DB, "UPDATE users SET name = 'by the rules' WHERE id = 1")
	f.wantMiss(t, selectUser, 1)
	exec(t, f.bare, "UPDATE users SET name = 'secret' WHERE id = 1")
	for range 2 {
		if row, _ := f.read(t, selectUser, 1); !strings.Contains(row, "secret") {
			t.Errorf("got %s, want what the database holds", row)
		}
	}
	if s := f.cache.Stats(); s.Mismatches != 1 || events.n != 1 {
		t.Errorf("got %d mismatches and %d events, want 1: the row was dropped", s.Mismatches, events.n)
	}
	if log := f.log.String(); strings.Count(log, "differs") != 1 || strings.Contains(log, "secret") {
		t.Errorf("logged %s, want one line without the value", log)
	}
}

type mismatches struct {
	moneyclip.Observer
	n int
}

func (m *mismatches) Observe(_ context.Context, e moneyclip.Event) {
	if e.Kind == moneyclip.EventMismatch {
		m.n++
	}
}

// While rows are open, SQLite shows the connection the database as it was: nothing can be verified there, and nothing is served.
func TestVerifyBesideOpenRows(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{Verify: 1})
	f.wantMiss(t, selectUser, 1)
	conn, err := f.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	rows, err := conn.QueryContext(t.Context(), "SELECT id FROM users")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	f.sent()
	var name, email any
	if err := conn.QueryRowContext(t.Context(), selectUser, 1).Scan(&name, &email); err != nil {
		t.Fatal(err)
	}
	f.wantSent(t, selectUser)
}

// "No rows" is verified too.
func TestVerifyNotFound(t *testing.T) {
	t.Parallel()
	rule := userRule
	rule.NotFound = time.Minute
	f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{rule}, Verify: 1})
	f.wantMiss(t, selectUser, 99)
	exec(t, f.bare, "INSERT INTO users (id, name, email) VALUES (99, 'x', 'x@x')")
	if row, _ := f.read(t, selectUser, 99); row == "no rows" {
		t.Error("got no rows, want the row")
	}
	if s := f.cache.Stats(); s.Mismatches != 1 {
		t.Errorf("got %d mismatches, want 1", s.Mismatches)
	}
}

// Writes by the rules beside the verified reads are no mismatches.
func TestVerifyUnderLoad(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{Verify: 1})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			rounds := 100
			if i > 0 {
				rounds = 800
			}
			for n := range rounds {
				if i == 0 {
					time.Sleep(time.Millisecond) // so that there are hits in between
					if _, err := f.Exec("UPDATE users SET name = ? WHERE id = 1", n); err != nil {
						t.Error(err)
					}
				} else {
					readRow(t, f.DB, selectUser, 1)
				}
			}
		})
	}
	wg.Wait()
	if s := f.cache.Stats(); s.Verified == 0 || s.Mismatches != 0 {
		t.Errorf("got %d verified with %d mismatches, want some and none", s.Verified, s.Mismatches)
	}
}

// A share of hits is about that share.
func TestVerifyShare(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{Verify: 0.25})
	f.wantMiss(t, selectUser, 1)
	for range 1000 {
		readRow(t, f.DB, selectUser, 1)
	}
	// Five times the standard deviation of a draw of 1,000.
	if s := f.cache.Stats(); math.Abs(float64(s.Verified)-250) > 70 {
		t.Errorf("verified %d of 1,000 hits, want about 250", s.Verified)
	}
	for _, share := range []float64{-0.1, 1.1, math.NaN()} {
		if _, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Verify: share}); err == nil {
			t.Errorf("Verify %v: got no error", share)
		}
	}
}
