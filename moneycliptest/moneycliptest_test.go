package moneycliptest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/moneycliptest"
	"github.com/moneyclip/moneyclip/sqlite"
)

const schema = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE);
	CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, total INTEGER NOT NULL);
	INSERT INTO users VALUES (1, 'ada', 'a@x'), (2, 'bob', 'b@x'), (3, 'eve', NULL);
	INSERT INTO orders VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30)`

// shop opens a database with these rules.
func shop(t *testing.T, rules ...moneyclip.Rule) (*sql.DB, *moneyclip.Cache, *moneycliptest.Store) {
	t.Helper()
	store := moneycliptest.NewStore()
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: rules, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	dsn := "file:" + filepath.Join(t.TempDir(), "shop.db") + "?_foreign_keys=on&_sync=OFF&_journal=WAL"
	connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close(); cache.Close() })
	if _, err := db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	return db, cache, store
}

var (
	user  = moneyclip.Rule{Name: "user", Key: "user::id-%d", Table: "users", By: []string{"id"}}
	spent = moneyclip.Rule{Name: "spent", Key: "user::spent-%d", Query: selectSpent}
)

const (
	selectUser  = "SELECT name, email FROM users WHERE id = ?"
	selectSpent = "SELECT count(*), sum(total) FROM orders WHERE user_id = ?"
)

// fake is a test of which failures are remembered.
type fake struct {
	testing.TB
	failures []string
}

func (f *fake) Helper() {}
func (f *fake) Errorf(format string, args ...any) {
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

// Fatalf ends the goroutine, as a real test's does.
func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// failure is what a test says that does this; empty: nothing.
func failure(t *testing.T, do func(t testing.TB)) string {
	f := &fake{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(f)
	}()
	<-done
	return strings.Join(f.failures, "\n")
}

func TestWant(t *testing.T) {
	t.Parallel()
	db, cache, store := shop(t, user, spent)
	read := func() {
		var name string
		var email any
		if err := db.QueryRow(selectUser, 1).Scan(&name, &email); err != nil {
			t.Error(err)
		}
	}
	write := func() {
		if _, err := db.Exec("UPDATE users SET name = 'x' WHERE id IN (1, 2)"); err != nil {
			t.Error(err)
		}
	}
	wide := func() {
		if _, err := db.Exec("UPDATE users SET name = 'x' WHERE id = random()"); err != nil {
			t.Error(err)
		}
	}
	nothing := func() {}
	moneycliptest.WantMiss(t, cache, read)
	moneycliptest.WantHit(t, cache, read)
	moneycliptest.WantTouched(t, store, write, "user::id-2", "user::id-1")
	moneycliptest.WantMiss(t, cache, read)
	moneycliptest.WantTouched(t, store, wide, "every key of user")
	moneycliptest.WantTouched(t, store, nothing)
	for _, c := range []struct {
		about, want string
		do          func(t testing.TB)
	}{
		{"a miss for a hit", "0 hits, 1 misses", func(t testing.TB) { moneycliptest.WantHit(t, cache, read) }},
		{"a hit for a miss", "1 hits, 0 misses", func(t testing.TB) { moneycliptest.WantMiss(t, cache, read) }},
		{"no read for a hit", "0 hits", func(t testing.TB) { moneycliptest.WantHit(t, cache, nothing) }},
		{"no read for a miss", "0 misses", func(t testing.TB) { moneycliptest.WantMiss(t, cache, nothing) }},
		{"another key", `["user::id-1" "user::id-2"], want ["user::id-1"]`, func(t testing.TB) {
			moneycliptest.WantTouched(t, store, write, "user::id-1")
		}},
	} {
		if got := failure(t, c.do); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q in it", c.about, got, c.want)
		}
	}
}

// project are the statements of a program.
var project = []moneycliptest.Statement{
	{Query: selectUser, Args: [][]any{{1, 2, 3, 4}}},
	{Query: "-- name: Spent :one\n" + selectSpent, Args: [][]any{{1, 2, 3}}},
	{Name: "first order", Read: func(ctx context.Context, db moneycliptest.DB, draw *rand.Rand) (total any, err error) {
		err = db.QueryRowContext(ctx, "SELECT total FROM orders WHERE user_id = ? ORDER BY id", 1+draw.IntN(3)).Scan(&total)
		return total, err
	}},
	{Query: "UPDATE users SET name = ? WHERE id = ?", Args: [][]any{{"x", "y", "z"}, {1, 2, 3}}},
	{Query: "UPDATE users SET email = ? WHERE id = ?", Args: [][]any{{"a@x", "b@x", nil}, {1, 2, 3}}},
	{Query: "INSERT INTO orders (user_id, total) VALUES (?, ?) RETURNING id", Args: [][]any{{1, 2, 3, 4}, {1, 5}}},
	{Query: "DELETE FROM orders WHERE total = ?", Args: [][]any{{1, 5, 10}}},
	{Name: "come and go", Write: func(ctx context.Context, db moneycliptest.DB, draw *rand.Rand) error {
		text := "INSERT INTO users (id, name) VALUES (?, 'new')"
		if draw.IntN(2) == 0 {
			text = "DELETE FROM users WHERE id = ?"
		}
		_, err := db.ExecContext(ctx, text, 1+draw.IntN(4))
		return err
	}},
}

func TestCheckFresh(t *testing.T) {
	t.Parallel()
	db, cache, _ := shop(t, user, spent)
	moneycliptest.CheckFresh(t, cache, db, project)
}

// Rules that leave a write out are found out, and so are statements that prove nothing.
func TestCheckFreshFails(t *testing.T) {
	t.Parallel()
	wrong := user
	wrong.On = []moneyclip.On{{Table: "users", Columns: []string{"id"}, Set: []string{"email"}}}
	blind := spent
	blind.On = []moneyclip.On{{Table: "orders", Columns: []string{"id"}}}
	for _, c := range []struct {
		about, want string
		rules       []moneyclip.Rule
		statements  []moneycliptest.Statement
	}{
		{"a column is left out", "UPDATE users SET name", []moneyclip.Rule{wrong}, project[:5]},
		{"another column holds the key", "MONEYCLIP_SEED=", []moneyclip.Rule{blind}, project},
		{"nothing is cached", "none of", nil, project},
		{"no write", "2 reads and 0 writes", []moneyclip.Rule{user}, project[:2]},
		{"no value", "no value to draw for parameter 1", []moneyclip.Rule{user}, []moneycliptest.Statement{{Query: selectUser, Args: [][]any{{}}}}},
		{"no statement", "0 of Query, Read and Write", []moneyclip.Rule{user}, []moneycliptest.Statement{{Name: "x"}}},
		{"two at once", "2 of Query, Read and Write", []moneyclip.Rule{user}, []moneycliptest.Statement{{Query: "SELECT 1", Read: project[2].Read}}},
		{"no read and no write", "neither", []moneyclip.Rule{user}, []moneycliptest.Statement{{Query: "PRAGMA foreign_keys = off"}}},
		{"a fault of the program", "no such column", []moneyclip.Rule{user}, append([]moneycliptest.Statement{{Query: "SELECT missing FROM users"}}, project...)},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			db, cache, _ := shop(t, c.rules...)
			if got := failure(t, func(t testing.TB) { moneycliptest.CheckFresh(t, cache, db, c.statements) }); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

// A seed makes a run again.
func TestSeed(t *testing.T) {
	wrong := user
	wrong.On = []moneyclip.On{{Table: "users", Columns: []string{"id"}, Set: []string{"email"}}}
	t.Setenv("MONEYCLIP_SEED", "7")
	var runs [2]string
	for i := range runs {
		db, cache, _ := shop(t, wrong)
		runs[i] = failure(t, func(t testing.TB) { moneycliptest.CheckFresh(t, cache, db, project) })
	}
	if runs[0] == "" || runs[0] != runs[1] {
		t.Errorf("got %q and %q, want the same failure twice", runs[0], runs[1])
	}
}
