package moneyclip_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// schemas is how often the catalog was read.
func (f *fakeDB) schemas() int {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	return f.state.schemas
}

// Of connections that dial at the same time one reads the catalog, and the others wait for it.
func TestCatalogIsReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		release := f.block(catalogQuery)
		var readers sync.WaitGroup
		for id := range 16 {
			readers.Go(func() { f.wantRow(t, selectUser, int64(id)) })
		}
		synctest.Wait()
		release()
		readers.Wait()
		if got := f.schemas(); got != 1 {
			t.Errorf("the catalog was read %d times, want once", got)
		}
		if got := f.cache.Stats().Fills; got != 16 {
			t.Errorf("got %d fills, want 16", got)
		}
	})
}

// Whose context ends does not wait for the catalog; and when who reads it hangs, the others read it themselves.
func TestCatalogReaderHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		release := f.block(catalogQuery)
		var reader sync.WaitGroup
		reader.Go(func() { f.wantRow(t, selectUser, 1) })
		synctest.Wait()
		f.unblock(catalogQuery)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		f.QueryRowContext(ctx, selectUser, 2).Scan(new(int64), new(string)) // what comes of it is the base's affair
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("who has 100 ms has waited for %v", took)
		}
		f.wantRow(t, selectUser, 3)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("another one's catalog was waited for for %v", took)
		}
		release()
		reader.Wait()
	})
}

// A connection that may have gone over to another database does not read the catalog for the others: not after a minute, and not
// after it has changed a schema. That one is forgotten, and who is still at home reads it again.
func TestCatalogOfStranger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		c, err := f.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		run := func(query string) {
			t.Helper()
			if _, err := c.ExecContext(t.Context(), query); err != nil {
				t.Fatal(err)
			}
		}
		want := func(n int, when string) {
			t.Helper()
			if got := f.schemas(); got != n {
				t.Errorf("%s: the catalog was read %d times, want %d", when, got, n)
			}
		}
		run("ATTACH DATABASE 'other' AS other")
		want(1, "at first")
		time.Sleep(2 * time.Minute)
		run("UPDATE users SET name = 'x'")
		want(1, "by a stranger, when it is old")
		f.QueryRow(selectUser, 1).Scan(new(int64), new(string))
		want(2, "by who is at home")
		time.Sleep(2 * time.Second)
		run("CREATE TABLE more (id INTEGER)")
		want(2, "after a stranger's change")
		f.QueryRow(selectUser, 1).Scan(new(int64), new(string))
		want(3, "by who is at home, after it")
	})
}

// A pensive is SQLite that thinks for long about a text, once it knows the catalog.
type pensive struct {
	moneyclip.Dialect
	text string
	done chan struct{} // closed when it has thought
}

func (d pensive) Analyze(query string, c *moneyclip.Catalog) moneyclip.Statement {
	if query == d.text && c != nil {
		<-d.done
	}
	return d.Dialect.Analyze(query, c)
}

// A write that comes when the catalog was read, but rules are not bound yet, waits. It would drop every key.
func TestCatalogIsBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dialect := pensive{sqlite.Dialect, selectFollowers, make(chan struct{})}
		f := openFakeAs(t, dialect, moneyclip.Config{Rules: []moneyclip.Rule{userRule, followerRule}})
		var all sync.WaitGroup
		all.Go(func() { exec(t, f, renameUser, "x", 1) })
		synctest.Wait() // it has read the catalog
		all.Go(func() { exec(t, f, renameUser, "y", 2) })
		synctest.Wait()
		close(dialect.done)
		all.Wait()
		if got := f.cache.Stats(); got.RuleWide != 0 || got.Invalidations != 2 {
			t.Errorf("two writes of a row each have dropped %d keys, and all keys %d times", got.Invalidations, got.RuleWide)
		}
	})
}

// A slowReader is SQLite whose catalog is what a hook says.
type slowReader struct {
	moneyclip.Dialect
	catalog func(*moneyclip.Catalog) *moneyclip.Catalog
}

func (d slowReader) Catalog(ctx context.Context, ask moneyclip.Asker) (*moneyclip.Catalog, error) {
	c, err := d.Dialect.Catalog(ctx, ask)
	if err != nil {
		return nil, err
	}
	return d.catalog(c), nil
}

// A catalog that was asked for before a change of the schema, and arrives after the one that was asked for because of that, is not
// taken for the later one.
func TestCatalogOfBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		slow := make(chan struct{})
		dialect := slowReader{sqlite.Dialect, func(c *moneyclip.Catalog) *moneyclip.Catalog {
			switch calls.Add(1) {
			case 1: // of the first connection: from before, and late
				<-slow
			case 3: // after the change
				return &moneyclip.Catalog{Digest: "changed"}
			}
			return c
		}}
		f := openFakeAs(t, dialect, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		var first sync.WaitGroup
		first.Go(func() { f.wantRow(t, selectUser, 1) })
		synctest.Wait()
		exec(t, f, "CREATE TABLE more (id INTEGER)")
		if got := calls.Load(); got != 3 {
			t.Fatalf("the catalog was read %d times, want 3: late, by who has changed it, and after that", got)
		}
		close(slow)
		first.Wait()
		f.wantRow(t, selectUser, 2)
		if got := f.cache.Stats().Fills; got != 0 {
			t.Errorf("%d rows of a table that is gone were stored", got)
		}
	})
}

// A loose is SQLite, but as a database of which one connection does not stand in the way of another.
type loose struct{ moneyclip.Dialect }

func (loose) Holds() bool { return false }

// Where all reads are hits, the catalog is read again all the same: on SQLite by one of them, and otherwise in the background, and seldom
// if that fails.
func TestCatalogBesideHits(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]moneyclip.Dialect{"SQLite": sqlite.Dialect, "others": loose{sqlite.Dialect}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testCatalogBesideHits(t, dialect, name == "SQLite") })
		})
	}
}

// A rule for a table that is not there may be for one that is about to be made, or for another database. When neither has come true after
// a minute, it is told once.
func TestAbsentTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(logged)
		f := openFakeAs(t, sqlite.Dialect, moneyclip.Config{Logger: log.logger(), Rules: []moneyclip.Rule{
			userRule, {Key: "typo-%d", Table: "userz", By: []string{"id"}},
		}})
		f.wantRow(t, selectUser, 1)
		if got := log.String(); got != "" {
			t.Errorf("at first got %s", got)
		}
		for range 3 {
			time.Sleep(2 * time.Minute)
			f.wantRow(t, selectUser, 1)
		}
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "rule is inactive") || !strings.Contains(got, "userz") {
			t.Errorf("after a while got %s, want one line for the rule", got)
		}
	})
}

// A laborious is a dialect that takes a second to read a catalog, and does not get to the end of it for who has less time.
type laborious struct{ loose }

func (d laborious) Catalog(ctx context.Context, ask moneyclip.Asker) (*moneyclip.Catalog, error) {
	select {
	case <-time.After(time.Second):
		return d.loose.Catalog(ctx, ask)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Who has less time than it takes to read the catalog is served all the same: neither at first, nor after a pause, nor ever does the cache
// make his statement fail. Others have it read for all, and wait at first only.
func TestCatalogTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFakeAs(t, laborious{loose{sqlite.Dialect}}, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		run := func(d time.Duration, query string, args ...any) (took time.Duration) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			began := time.Now()
			if _, err := f.ExecContext(ctx, query, args...); err != nil {
				t.Errorf("%s: %v", query, err)
			}
			if err := f.QueryRowContext(ctx, selectUser, 1).Scan(new(int64), new(string)); err != nil {
				t.Errorf("who has %v: %v", d, err)
			}
			return time.Since(began)
		}
		const little, plenty = 100 * time.Millisecond, time.Minute
		for when, pause := range []time.Duration{0, 5 * time.Minute} {
			time.Sleep(pause)
			for range 30 {
				run(little, renameUser, "x", 1)
				time.Sleep(50 * time.Millisecond)
			}
			before := f.cache.Stats()
			run(little, renameUser, "x", 1)
			f.wantQueries(t, 0, selectUser, 1)
			if got := f.cache.Stats(); got.RuleWide != before.RuleWide {
				t.Errorf("%d: a second later %d writes have dropped every key", when, got.RuleWide-before.RuleWide)
			}
		}
		time.Sleep(5 * time.Minute)
		run(plenty, renameUser, "x", 1)
		before := f.schemas()
		for range 600 {
			if took := run(plenty, renameUser, "x", 1); took > 0 {
				t.Errorf("a statement waited for %v", took)
			}
			time.Sleep(time.Second)
		}
		if got := f.schemas() - before; got < 10 || got > 14 {
			t.Errorf("in ten minutes the catalog was read %d times, want about 13", got)
		}
	})
}

// A hanging is a dialect whose question for the catalog waits, while it is told so, until it is broken off: for a lock that somebody holds.
type hanging struct {
	loose
	hangs *atomic.Bool
}

func (d hanging) Catalog(ctx context.Context, ask moneyclip.Asker) (*moneyclip.Catalog, error) {
	if !d.hangs.Load() {
		return d.loose.Catalog(ctx, ask)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// While the question for the catalog hangs, statements wait for it once and for a little, whatever time they have, and none fails. Nor does a
// change of the schema wait for ever, or Close.
func TestCatalogHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dialect := hanging{loose{sqlite.Dialect}, new(atomic.Bool)}
		f := openFakeAs(t, dialect, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		f.wantRow(t, selectUser, 1)
		time.Sleep(5 * time.Minute)
		dialect.hangs.Store(true)
		var waited time.Duration
		for n := range 300 {
			ctx, cancel := context.WithTimeout(t.Context(), []time.Duration{time.Hour, 300 * time.Millisecond}[n%2])
			began := time.Now()
			if _, err := f.ExecContext(ctx, renameUser, "x", 1); err != nil {
				t.Fatalf("statement %d: %v", n, err)
			}
			cancel()
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("statement %d waited for %v", n, took)
			} else {
				waited += took
			}
			time.Sleep(100 * time.Millisecond)
		}
		if waited > 6*time.Second {
			t.Errorf("in half a minute statements waited for %v", waited)
		}
		began := time.Now()
		exec(t, f, "CREATE TABLE more (id INTEGER)")
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("a change of the schema waited for %v", took)
		}
		time.Sleep(21 * time.Second)
		exec(t, f, renameUser, "x", 1) // it has the catalog read again
		began = time.Now()
		f.cache.Close()
		if took := time.Since(began); took > time.Second {
			t.Errorf("Close waited for %v", took)
		}
	})
}

// Where nobody can read it beside the pool, who has little time reads it himself.
func TestCatalogNotBeside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFakeAs(t, loose{sqlite.Dialect}, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		f.wantRow(t, selectUser, 1)
		time.Sleep(5 * time.Minute)
		f.state.failWith(errors.New("too many connections"), nil)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := f.ExecContext(ctx, renameUser, "x", 1); err != nil {
			t.Error(err)
		}
		if got := f.schemas(); got != 2 {
			t.Errorf("the catalog was read %d times, want 2", got)
		}
	})
}

func testCatalogBesideHits(t *testing.T, dialect moneyclip.Dialect, alone bool) {
	f := openFakeAs(t, dialect, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	state := f.state
	hit := func() { f.wantQueries(t, 0, selectUser, 1) }
	f.wantQueries(t, 1, selectUser, 1)
	for n := 1; n <= 3; n++ {
		if got := f.schemas(); got != n {
			t.Errorf("after %d minutes the catalog was read %d times, want %d", n-1, got, n)
		}
		time.Sleep(time.Minute + time.Second)
		for range 5 {
			hit()
		}
		synctest.Wait()
	}
	state.failWith(errors.New("connection refused"), nil)
	time.Sleep(time.Minute)
	for range 120 {
		hit()
		time.Sleep(time.Second)
	}
	state.mu.Lock()
	defer state.mu.Unlock()
	if alone {
		if state.refused != 0 || state.schemas != 6 {
			t.Errorf("while nobody could connect for two minutes it was dialed %d times, and the catalog read %d times, want 0, 6", state.refused, state.schemas)
		}
	} else if n := state.refused; n < 10 || n > 13 {
		t.Errorf("while the database was out of reach for two minutes it was dialed %d times, want 12", n)
	}
}

// Of databases without end those that were left long ago are forgotten, with their rows; and who comes back finds what is committed.
func TestFilesWithoutEnd(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	name := func(i int) string {
		return filepath.Join(filepath.Dir(strings.TrimPrefix(f.dsn, "file:")), fmt.Sprint("file", i))
	}
	use := func(i int, use func(db *sql.DB)) {
		db := f.through(t, f.cache, "file:"+name(i))
		defer db.Close()
		use(db)
	}
	read := func(i int) (row string, hit bool) {
		use(i, func(db *sql.DB) {
			before := f.cache.Stats().Hits
			row = readRow(t, db, selectUser, 1)
			hit = f.cache.Stats().Hits > before
		})
		return row, hit
	}
	const many = 70
	for i := range many {
		use(i, func(db *sql.DB) {
			exec(t, db, tables["users"])
			exec(t, db, "INSERT INTO users (id, name) VALUES (1, ?)", i)
			readRow(t, db, selectUser, 1)
		})
	}
	if row, hit := read(many - 1); !hit || !strings.Contains(row, "69") {
		t.Errorf("who comes back soon gets %s, from the cache: %t", row, hit)
	}
	if row, hit := read(0); hit || !strings.Contains(row, "0") {
		t.Errorf("who comes back late gets %s, from the cache: %t", row, hit)
	}
	use(0, func(db *sql.DB) { exec(t, db, "UPDATE users SET name = 'new'") })
	if row, _ := read(0); !strings.Contains(row, "new") {
		t.Errorf("after a write: %s", row)
	}
}
