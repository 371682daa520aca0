package moneyclip_test

import (
	"database/sql"
	"database/sql/driver"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moneyclip/moneyclip"
)

// refreshed are the usual rules, with a writer that loads what it has dropped.
func refreshed() []moneyclip.Rule {
	user, followers := userRule, followerRule
	user.Refresh, followers.Refresh = true, true
	return []moneyclip.Rule{user, followers}
}

// waitForReloads waits until the cache has nothing to do any more.
func (f *fixture) waitForReloads(t *testing.T) {
	t.Helper()
	// A closed cache has done its work. Its rows stay in the store, where another one finds them.
	if err := f.cache.Close(); err != nil {
		t.Fatal(err)
	}
}

// After a write all reads are hits, because the writer reads the row again.
func TestReload(t *testing.T) {
	t.Parallel()
	const another = "SELECT email FROM users WHERE id = ?"
	for _, test := range []struct {
		name  string
		write func(t *testing.T, f *fixture)
	}{
		{"pinned", func(t *testing.T, f *fixture) { exec(t, f, renameUser, "x", 1) }},
		{"after reading", func(t *testing.T, f *fixture) {
			exec(t, f, "UPDATE users SET name = 'x' WHERE email = 'ada@example.org'")
		}},
		{"in a transaction", func(t *testing.T, f *fixture) {
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			exec(t, tx, renameUser, "x", 1)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}},
		{"by texts", func(t *testing.T, f *fixture) {
			conn := raw(t, f.DB)
			exec(t, conn, "BEGIN")
			exec(t, conn, renameUser, "x", 1)
			exec(t, conn, "COMMIT")
			conn.Close()
		}},
		{"returning", func(t *testing.T, f *fixture) {
			rows, err := f.Query("UPDATE users SET name = 'x' WHERE id = 1 RETURNING id")
			if err != nil {
				t.Fatal(err)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := open(t, social, moneyclip.Config{Rules: refreshed()})
			stmt, err := f.Prepare(selectUser)
			if err != nil {
				t.Fatal(err)
			}
			defer stmt.Close()
			for range 2 {
				if err := stmt.QueryRow(1).Scan(new(int), new(string)); err != nil {
					t.Fatal(err)
				}
			}
			f.warm(t, selectUser, 1)
			f.warm(t, another, 1)
			f.warm(t, selectUser, 2)
			test.write(t, f)
			f.waitForReloads(t)
			f.wantHit(t, selectUser, 1)
			f.wantHit(t, another, 1)
			f.wantHit(t, selectUser, 2)
			f.sent()
			var name string
			if err := stmt.QueryRow(1).Scan(new(int), &name); err != nil || name != "x" {
				t.Errorf("got %q, %v, want x", name, err)
			}
			f.wantSent(t)
			if got := f.cache.Stats().Refreshes; got != 3 {
				t.Errorf("got %d refreshes, want 3: two texts, one of them in two ways", got)
			}
		})
	}
}

// Nothing is loaded for a write that did not happen, and what a select wants beside the key cannot be made up.
func TestReloadNot(t *testing.T) {
	t.Parallel()
	const limited = "SELECT name FROM users WHERE id = ? LIMIT ?"
	f := open(t, social, moneyclip.Config{Rules: refreshed()})
	f.warm(t, selectUser, 1)
	f.warm(t, limited, 1, 1)
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, renameUser, "x", 1)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Exec("UPDATE users SET name = 'x', email = 'bob@example.org' WHERE id = 1"); err == nil {
		t.Error("got no error from a write that violates a constraint")
	}
	if got := f.cache.Stats().Refreshes; got != 0 {
		t.Errorf("got %d refreshes, want none", got)
	}
	exec(t, f, renameUser, "y", 1)
	f.waitForReloads(t)
	f.wantHit(t, selectUser, 1)
	f.wantMiss(t, limited, 1, 1)

	// A closed cache loads nothing.
	before := f.cache.Stats().Refreshes
	exec(t, f, renameUser, "z", 1)
	if got := f.cache.Stats().Refreshes; got != before {
		t.Errorf("got %d refreshes after Close, want %d", got, before)
	}
	f.wantMiss(t, selectUser, 1)
}

// Readers that come while the writer loads the key wait for it instead of asking the database themselves.
func TestReloadIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: refreshed()})
		f.wantRow(t, selectUser, 1)
		release := f.block(selectUser)
		before := f.queries()
		exec(t, f, renameUser, "renamed", 1)
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() { f.wantRow(t, selectUser, 1) })
		}
		time.Sleep(time.Second) // longer than they would wait for another process
		release()
		readers.Wait()
		if got := f.queries() - before; got != 1 {
			t.Errorf("got %d queries, want the writer's own", got)
		}
		synctest.Wait()
		f.wantQueries(t, 0, selectUser, 1)
	})
}

// A database in memory has one connection, and its writer loads the key on it.
func TestReloadPrivate(t *testing.T) {
	t.Parallel()
	cache := newCache(t, moneyclip.Config{Rules: refreshed()})
	connector, err := cache.Driver(&wireDriver{wire: new(wire)}).(driver.DriverContext).OpenConnector(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	db.SetMaxOpenConns(1)
	exec(t, db, social)
	wantUser(t, db, 1, "ada")
	exec(t, db, renameUser, "x", 1)
	before := cache.Stats()
	wantUser(t, db, 1, "x")
	if got := cache.Stats(); got.Hits != before.Hits+1 || got.Refreshes != 1 {
		t.Errorf("got %d hits and %d refreshes, want 1 and 1", got.Hits-before.Hits, got.Refreshes)
	}
	exec(t, db, "UPDATE users SET name = 'y' WHERE name = 'x'") // in a transaction of ours
	before = cache.Stats()
	wantUser(t, db, 1, "y")
	if got := cache.Stats(); got.Hits != before.Hits+1 || got.Refreshes != 2 {
		t.Errorf("after a reading: got %d hits and %d refreshes, want 1 and 2", got.Hits-before.Hits, got.Refreshes)
	}
}

// A key that waits for its turn to be loaded again is nobody's to wait for: a read asks the database.
func TestReadOfQueuedReload(t *testing.T) {
	t.Parallel()
	f := open(t, social, moneyclip.Config{Rules: refreshed()})
	f.warm(t, selectUser, 1)
	f.warm(t, selectUser, 2)
	held, free := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, renameUser, "x", 1)
	exec(t, tx, renameUser, "y", 2)
	f.wire.failWith(func(text string) error {
		if text == selectUser && first.CompareAndSwap(false, true) {
			close(held)
			<-free
		}
		return nil
	})
	defer f.waitForReloads(t)
	defer close(free)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	<-held
	start := time.Now()
	f.read(t, selectUser, 2)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it has taken %v", took)
	}
}
