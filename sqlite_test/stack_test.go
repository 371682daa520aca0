package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// A stack is one database in a file: through a cache, and without.
type stack struct {
	*sql.DB
	cache *moneyclip.Cache
	bare  *sql.DB
	dsn   string
}

// openStack makes a database with a schema.
func openStack(t testing.TB, schema string, cfg moneyclip.Config) *stack {
	t.Helper()
	return openStackWith(t, "", schema, cfg)
}

// openStackWith makes one that is opened with more options.
func openStackWith(t testing.TB, options, schema string, cfg moneyclip.Config) *stack {
	t.Helper()
	const common = "?_journal=WAL&_sync=OFF&_busy_timeout=10000&_foreign_keys=on"
	s := &stack{dsn: "file:" + filepath.Join(t.TempDir(), "test.db") + common + options}
	var err error
	if s.bare, err = sql.Open("sqlite3", s.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.bare.Close() })
	s.elsewhere(t, schema)
	s.cache, s.DB = s.through(t, cfg)
	return s
}

// through opens the database through another cache.
func (s *stack) through(t testing.TB, cfg moneyclip.Config) (*moneyclip.Cache, *sql.DB) {
	t.Helper()
	return wrapped(t, &sqlite3.SQLiteDriver{}, s.dsn, cfg)
}

// wrapped is a database over a base driver, and its cache, which logs nothing.
func wrapped(t testing.TB, base driver.Driver, dsn string, cfg moneyclip.Config) (*moneyclip.Cache, *sql.DB) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	cache, err := moneyclip.New(sqlite.Dialect, cfg)
	if err != nil {
		t.Fatal(err)
	}
	connector, err := cache.Driver(base).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() {
		db.Close()
		cache.Close()
	})
	return cache, db
}

// elsewhere runs a statement that the cache does not see.
func (s *stack) elsewhere(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := s.bare.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// mustExec runs a statement.
func mustExec(t testing.TB, db handle, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// wantHit checks that a query is answered by the cache, with what the database holds.
func (s *stack) wantHit(t testing.TB, query string, args ...any) {
	t.Helper()
	s.want(t, true, query, args...)
}

// wantMiss checks that a query is answered by the database.
func (s *stack) wantMiss(t testing.TB, query string, args ...any) {
	t.Helper()
	s.want(t, false, query, args...)
}

func (s *stack) want(t testing.TB, wantHit bool, query string, args ...any) {
	t.Helper()
	before := s.cache.Stats().Hits
	got, want := firstRow(t, s.DB, query, args...), firstRow(t, s.bare, query, args...)
	if got != want {
		t.Errorf("%s %v: got %s, the database holds %s", query, args, got, want)
	}
	if hit := s.cache.Stats().Hits > before; hit != wantHit {
		t.Errorf("%s %v: got a hit: %t, want %t", query, args, hit, wantHit)
	}
}

// warm reads a query until it is stored.
func (s *stack) warm(t testing.TB, query string, args ...any) {
	t.Helper()
	firstRow(t, s.DB, query, args...)
	s.wantHit(t, query, args...)
}

// firstRow is the first row of a query as text that shows types.
func firstRow(t testing.TB, db handle, query string, args ...any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, dest := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	if !rows.Next() {
		return fmt.Sprint("no rows ", rows.Err())
	}
	if err := rows.Scan(dest...); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%#v", values)
}

// The rules of the default caches in this package's tests.
func init() {
	moneyclip.Register(
		moneyclip.Rule{Name: "stack", Key: "stack-%d", Table: "stack", By: []string{"id"}},
		moneyclip.Rule{Key: "stack-count", Query: "CountStack"},
	)
}

// A program opens the driver by its name, any number of databases under it.
func TestStackByName(t *testing.T) {
	const (
		one   = "SELECT name FROM stack WHERE id = ?"
		count = "-- name: CountStack :one\nSELECT count(*) FROM stack"
	)
	ask := func(db *sql.DB, query string, args ...any) string { return firstRow(t, db, query, args...) }
	var list []*sql.DB
	for i := range 3 {
		db, err := sql.Open("moneyclip+sqlite3", filepath.Join(t.TempDir(), "test.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		mustExec(t, db, "CREATE TABLE stack (id INTEGER PRIMARY KEY, name TEXT)")
		mustExec(t, db, "INSERT INTO stack (name) VALUES (?)", fmt.Sprint("name ", i))
		list = append(list, db)
	}
	cache, ok := moneyclip.Default("moneyclip+sqlite3")
	if !ok {
		t.Fatal("there is no cache behind the name")
	}
	before := cache.Stats()
	for range 3 {
		for i, db := range list {
			if got, want := ask(db, one, 1), fmt.Sprintf(`[]interface {}{"name %d"}`, i); got != want {
				t.Errorf("database %d: got %s, want %s", i, got, want)
			}
			if got, want := ask(db, count), "[]interface {}{1}"; got != want {
				t.Errorf("database %d: got %s, want %s", i, got, want)
			}
		}
	}
	after := cache.Stats()
	if got := after.Hits - before.Hits; got != 12 {
		t.Errorf("got %d hits, want 12", got)
	}
	// A write to one database leaves the others alone.
	mustExec(t, list[0], "UPDATE stack SET name = 'changed'")
	for i, want := range []string{"changed", "name 1", "name 2"} {
		if got := ask(list[i], one, 1); !strings.Contains(got, want) {
			t.Errorf("database %d: got %s, want %s", i, got, want)
		}
	}
	if got := cache.Stats().Hits - after.Hits; got != 2 {
		t.Errorf("got %d hits, want 2", got)
	}
}

// One database by two names is one database.
func TestStackTwoSpellings(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
		Rules: []moneyclip.Rule{{Key: "u-%d", Table: "u", By: []string{"id"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	var list []*sql.DB
	for _, dsn := range []string{filepath.Join(folder, "a.db"), "file:" + filepath.Join(folder, ".", "x", "..", "a.db")} {
		connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(dsn)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		defer db.Close()
		list = append(list, db)
	}
	const one = "SELECT name FROM u WHERE id = 1"
	mustExec(t, list[0], "CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT)")
	mustExec(t, list[0], "INSERT INTO u VALUES (1, 'a')")
	for i, name := range []string{"b", "c", "d"} {
		for _, db := range list {
			firstRow(t, db, one)
			firstRow(t, db, one)
		}
		mustExec(t, list[i%2], "UPDATE u SET name = ?", name)
		for _, db := range list {
			if got, want := firstRow(t, db, one), fmt.Sprintf("[]interface {}{%q}", name); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}

// Databases in memory belong to their connection.
func TestStackMemory(t *testing.T) {
	t.Parallel()
	cache, db := wrapped(t, &sqlite3.SQLiteDriver{}, ":memory:", moneyclip.Config{Rules: []moneyclip.Rule{{Key: "u-%d", Table: "u", By: []string{"id"}}}})
	var conns []*sql.Conn
	for i := range 3 {
		conn, err := db.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		mustExec(t, conn, "CREATE TABLE u (id INTEGER PRIMARY KEY, name TEXT)")
		mustExec(t, conn, "INSERT INTO u VALUES (1, ?)", fmt.Sprint(i))
		conns = append(conns, conn)
	}
	var got []string
	for range 2 {
		for _, conn := range conns {
			got = append(got, firstRow(t, conn, "SELECT name FROM u WHERE id = 1"))
		}
	}
	want := []string{`[]interface {}{"0"}`, `[]interface {}{"1"}`, `[]interface {}{"2"}`}
	if !slices.Equal(got, append(want, want...)) {
		t.Errorf("got %q, want %q twice", got, want)
	}
	if hits := cache.Stats().Hits; hits != 3 {
		t.Errorf("got %d hits, want 3", hits)
	}
}
