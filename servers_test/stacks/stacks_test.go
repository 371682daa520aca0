// Package stacks tests, on real databases, drivers one above the other: what others put over and under the cache, several
// caches in one program, hundreds of databases, and a pool of connections in between.
package stacks

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A place is a base driver and where its databases come from.
type place struct {
	base    string // its name
	dialect moneyclip.Dialect
	fresh   func(testing.TB) string
}

var places = []place{
	{"pgx", postgres.Dialect, servers.Postgres},
	{"postgres", postgres.Dialect, servers.Postgres},
	{"mysql", mysql.Dialect, servers.MariaDB},
	{"sqlite3", sqlite.Dialect, func(t testing.TB) string { return "file:" + filepath.Join(t.TempDir(), "db") }},
}

var rules = []moneyclip.Rule{
	{Name: "user", Key: "user::%d", Table: "users", By: []string{"id"}, NotFound: time.Minute},
	{Name: "city", Key: "city::%s", Query: "SELECT count(*) FROM users WHERE city = $1"},
}

// in are the rules as a dialect writes parameters.
func in(p place) []moneyclip.Rule {
	own := append([]moneyclip.Rule{}, rules...)
	own[1].Query = p.text(own[1].Query)
	return own
}

func init() { moneyclip.Register(rules[0]) }

func (p place) text(query string) string {
	if p.base == "mysql" || p.base == "sqlite3" {
		return strings.NewReplacer("$1", "?", "$2", "?").Replace(query)
	}
	return query
}

// database makes a database with three users, and opens it without a cache.
func (p place) database(t *testing.T) (db *sql.DB, dsn string) {
	t.Helper()
	dsn = p.fresh(t)
	db, err := sql.Open(p.base, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, text := range schema {
		run(t, db, text)
	}
	return db, dsn
}

var schema = []string{
	"CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20), city VARCHAR(20))",
	"INSERT INTO users VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo'), (3, 'Cid', 'Rome')",
}

func (p place) cache(t *testing.T, store moneyclip.Store) *moneyclip.Cache {
	t.Helper()
	cache, err := moneyclip.New(p.dialect, moneyclip.Config{Rules: in(p), Store: store, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return cache
}

// connector is what a driver makes of a DSN.
func connector(t *testing.T, d driver.Driver, dsn string) driver.Connector {
	t.Helper()
	if d, ok := d.(driver.DriverContext); ok {
		c, err := d.OpenConnector(dsn)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return plain{d, dsn}
}

// plain is the connector of a driver that has none.
type plain struct {
	driver driver.Driver
	dsn    string
}

func (p plain) Driver() driver.Driver { return p.driver }

func (p plain) Connect(context.Context) (driver.Conn, error) { return p.driver.Open(p.dsn) }

// open opens a DSN through a driver.
func open(t *testing.T, d driver.Driver, dsn string) *sql.DB {
	t.Helper()
	return pool(t, sql.OpenDB(connector(t, d, dsn)))
}

func pool(t *testing.T, db *sql.DB) *sql.DB {
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t testing.TB, db interface {
	Exec(query string, args ...any) (sql.Result, error)
}, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// name reads the name of a user.
func (p place) name(t testing.TB, db *sql.DB, id int) (name string) {
	t.Helper()
	if err := db.QueryRow(p.text("SELECT name FROM users WHERE id = $1"), id).Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}

// hits are those that f makes.
func hits(c *moneyclip.Cache, f func()) uint64 {
	before := c.Stats().Hits
	f()
	return c.Stats().Hits - before
}

// walk writes in each way there is, and after each what is read through the cache is what the bare driver reads; the
// second time the cache answers.
func (p place) walk(t *testing.T, db, bare *sql.DB, cache *moneyclip.Cache) {
	t.Helper()
	prepared, err := db.Prepare(p.text("SELECT name, city FROM users WHERE id = $1"))
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	barely, err := bare.Prepare(p.text("SELECT name, city FROM users WHERE id = $1"))
	if err != nil {
		t.Fatal(err)
	}
	defer barely.Close()
	row := func(r *sql.Row) string {
		var a, b sql.NullString
		err := r.Scan(&a, &b)
		return fmt.Sprint(a, b, err)
	}
	count := p.text("SELECT count(*), min(name) FROM users WHERE city = $1")
	one := p.text("SELECT name, city FROM users WHERE id = $1")
	check := func(after string) {
		t.Helper()
		for id := 1; id <= 2; id++ {
			var first, again string
			row(db.QueryRow(one, id))
			n := hits(cache, func() { first = row(db.QueryRow(one, id)) })
			row(prepared.QueryRow(id))
			n += hits(cache, func() { again = row(prepared.QueryRow(id)) })
			if want := row(bare.QueryRow(one, id)); first != want || again != want || row(barely.QueryRow(id)) != want {
				t.Errorf("after %s: user %d is %s, prepared %s, want %s", after, id, first, again, want)
			}
			if n != 2 {
				t.Errorf("after %s: user %d: %d hits", after, id, n)
			}
		}
		if got, want := row(db.QueryRow(count, "Rome")), row(bare.QueryRow(count, "Rome")); got != want {
			t.Errorf("after %s: %s, want %s", after, got, want)
		}
		for range 2 {
			var got, want int
			text := p.text(rules[1].Query)
			if err := db.QueryRow(text, "Rome").Scan(&got); err != nil {
				t.Fatal(err)
			}
			if err := bare.QueryRow(text, "Rome").Scan(&want); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("after %s: %d in Rome, want %d", after, got, want)
			}
		}
	}
	check("nothing")
	run(t, db, p.text("UPDATE users SET name = $1 WHERE id = 1"), "Amy")
	check("an update by key")
	run(t, db, p.text("UPDATE users SET name = 'Sue' WHERE city = $1"), "Rome")
	check("one of many rows")
	run(t, db, "UPDATE users SET city = 'Rome'")
	check("one of all rows")
	write, err := db.Prepare(p.text("UPDATE users SET city = $1 WHERE id = 2"))
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	if _, err := write.Exec("Bari"); err != nil {
		t.Fatal(err)
	}
	check("a prepared one")
	for _, commit := range []bool{false, true} {
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		run(t, tx, p.text("UPDATE users SET name = $1 WHERE city = 'Rome'"), fmt.Sprint("commit ", commit))
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		check(fmt.Sprint("a transaction, commit ", commit))
	}
	if p.base != "mysql" {
		var id int
		if err := db.QueryRow(p.text("UPDATE users SET name = 'Ret' WHERE name = $1 AND id = 1 RETURNING id"), "commit true").Scan(&id); err != nil || id != 1 {
			t.Errorf("RETURNING: %d, %v", id, err)
		}
		check("RETURNING")
	}
	if _, err := db.Exec("INSERT INTO users VALUES (1, 'Twice', 'Rome')"); err == nil {
		t.Error("a key is there twice")
	}
	check("an error")
	run(t, db, p.text("DELETE FROM users WHERE id = $1"), 1)
	check("a delete")
}
