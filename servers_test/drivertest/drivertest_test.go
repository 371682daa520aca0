// Package drivertest asks the same things of each driver bare, wrapped, and wrapped with rules, and compares all that can be
// seen: values with their Go types, columns, errors. What is cacheable is asked until it is a hit, and the cache has to say that
// it was one. docs/drivers.md shows what is compared, and the differences that remain.
package drivertest

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	_ "github.com/mattn/go-sqlite3"
	_ "modernc.org/sqlite"

	"github.com/moneyclip/moneyclip"
	mysqldoor "github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
)

func TestMain(m *testing.M) {
	time.Local = zone("Europe/Berlin") // so that it can be told from UTC
	mysql.SetLogger(&mysql.NopLogger{})
	servers.Main(m)
}

func zone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

// A server is a kind of database.
type server struct {
	name    string
	dialect moneyclip.Dialect
	fresh   func(testing.TB) string
	schema  []string
}

var (
	pg = &server{"postgres", postgres.Dialect, servers.Postgres, []string{
		"CREATE TYPE mood AS ENUM ('sad', 'happy')",
		"CREATE TYPE pair AS (a int4, b text)",
		"CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)",
	}}
	maria = &server{"mariadb", mysqldoor.Dialect, servers.MariaDB, nil}
	lite  = &server{"sqlite", sqlite.Dialect, func(t testing.TB) string { return filepath.Join(t.TempDir(), "db") }, nil}
)

// things is the table of all cases but those on types.
var things = []string{
	"CREATE TABLE things (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE, n INTEGER)",
	"INSERT INTO things VALUES (1, 'one', 10), (2, 'two', NULL), (3, '', 30)",
}

// A base is a driver in a configuration.
type base struct {
	name   string
	driver string // its registered name
	module string
	server *server
	dsn    func(dsn string) string
}

var bases = []base{
	{"pgx", "pgx", "github.com/jackc/pgx/v5", pg, param()},
	{"pgx simple", "pgx", "github.com/jackc/pgx/v5", pg, param("default_query_exec_mode", "simple_protocol")},
	{"pgx exec", "pgx", "github.com/jackc/pgx/v5", pg, param("default_query_exec_mode", "exec")},
	{"pgx describe", "pgx", "github.com/jackc/pgx/v5", pg, param("default_query_exec_mode", "cache_describe")},
	{"pq", "postgres", "github.com/lib/pq", pg, param()},
	{"pq binary", "postgres", "github.com/lib/pq", pg, param("binary_parameters", "yes")},
	{"mysql", "mysql", "github.com/go-sql-driver/mysql", maria, change(func(*mysql.Config) {})},
	{"mysql interpolated", "mysql", "github.com/go-sql-driver/mysql", maria, change(func(c *mysql.Config) { c.InterpolateParams = true })},
	{"mysql times", "mysql", "github.com/go-sql-driver/mysql", maria, change(func(c *mysql.Config) {
		c.ParseTime, c.Loc = true, zone("America/New_York")
	})},
	{"mysql scripts", "mysql", "github.com/go-sql-driver/mysql", maria, change(func(c *mysql.Config) {
		c.MultiStatements, c.InterpolateParams, c.ParseTime, c.ClientFoundRows, c.ColumnsWithAlias = true, true, true, true, true
	})},
	{"mattn", "sqlite3", "github.com/mattn/go-sqlite3", lite, file("")},
	{"mattn loc", "sqlite3", "github.com/mattn/go-sqlite3", lite, file("?_loc=America/New_York")},
	{"modernc", "sqlite", "modernc.org/sqlite", lite, file("?_pragma=busy_timeout(5000)")},
	{"modernc times", "sqlite", "modernc.org/sqlite", lite, file("?_pragma=busy_timeout(5000)&_time_format=sqlite&_inttotime=1&_texttotime=1")},
}

// param adds parameters to a URL.
func param(pairs ...string) func(string) string {
	return func(dsn string) string {
		u, err := url.Parse(dsn)
		if err != nil {
			panic(err)
		}
		q := u.Query()
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		u.RawQuery = q.Encode()
		return u.String()
	}
}

// change alters a DSN of go-sql-driver/mysql.
func change(f func(*mysql.Config)) func(string) string {
	return func(dsn string) string {
		c, err := mysql.ParseDSN(dsn)
		if err != nil {
			panic(err)
		}
		f(c)
		return c.FormatDSN()
	}
}

func file(query string) func(string) string {
	return func(path string) string { return "file:" + path + query }
}

// isMain reports whether a base is the first of its driver. The others are asked less where they have nothing of their own to say.
func (b *base) isMain() bool { return b == of(b.module)[0] }

// text is a query in the base's own way to write parameters; queries here have those of Postgres.
func (b *base) text(query string) string {
	if b.server == maria {
		return numbers.ReplaceAllString(query, "?")
	}
	if b.server == lite {
		return numbers.ReplaceAllString(query, "?$1")
	}
	return query
}

// An arm is a way to get to a database.
type arm struct {
	*rig
	name  string
	cache *moneyclip.Cache // nil: bare
	db    *sql.DB
}

// open makes another pool.
func (a *arm) open(dsn string) *sql.DB {
	a.t.Helper()
	db := a.try(dsn)
	a.t.Cleanup(func() { db.Close() })
	return db
}

func (a *arm) try(dsn string) *sql.DB {
	if a.cache == nil {
		db, err := sql.Open(a.driver, dsn)
		if err != nil {
			a.t.Fatal(err)
		}
		return db
	}
	c, err := a.cache.Driver(a.bare.db.Driver()).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		a.t.Fatal(err)
	}
	return sql.OpenDB(c)
}

// A rig is a base with a database and all ways to get there.
type rig struct {
	*base
	t                   *testing.T
	url                 string // the base's DSN
	bare, plain, cached *arm
}

var rules = []moneyclip.Rule{
	{Name: "samples", Key: "samples::%d", Table: "samples", By: []string{"id"}, NotFound: time.Minute},
	{Name: "thing", Key: "thing::%d", Table: "things", By: []string{"id"}, NotFound: time.Minute},
	{Name: "name", Key: "name::%s", Table: "things", By: []string{"name"}, NotFound: time.Minute},
}

// rigUp makes a database for a base, with tables of its own.
func rigUp(t *testing.T, b *base, schema ...[]string) *rig {
	t.Helper()
	r := &rig{base: b, t: t}
	r.url = b.dsn(b.server.fresh(t))
	r.bare = &arm{rig: r, name: "bare"}
	r.bare.db = r.bare.open(r.url)
	for _, texts := range append([][]string{b.server.schema, things}, schema...) {
		for _, text := range texts {
			if _, err := r.bare.db.Exec(text); err != nil {
				t.Fatalf("%.200s: %v", text, err)
			}
		}
	}
	r.plain = r.wrap("wrapped", nil)
	r.cached = r.wrap("cached", rules)
	return r
}

func (r *rig) wrap(name string, rules []moneyclip.Rule) *arm {
	r.t.Helper()
	cache, err := moneyclip.New(r.server.dialect, moneyclip.Config{
		Rules: rules, Store: portable{moneyclip.NewMemStore(64 << 20), r.t}, Logger: slog.New(slog.NewTextHandler(r.t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { cache.Close() })
	a := &arm{rig: r, name: name, cache: cache}
	a.db = a.open(r.url)
	return a
}

// portable is a store in process that wants rows which one on a server could keep too.
type portable struct {
	moneyclip.Store
	t *testing.T
}

func (p portable) FillLater(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age, done func(bool, error),
) {
	p.check(row)
	p.Store.FillLater(ctx, slot, lease, row, age, done)
}

func (p portable) Fill(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age) (bool, error) {
	p.check(row)
	return p.Store.Fill(ctx, slot, lease, row, age)
}

func (p portable) check(row *moneyclip.Row) {
	var again moneyclip.Row
	form, err := row.AppendBinary(nil)
	if err == nil {
		err = again.UnmarshalBinary(form)
	}
	if err != nil {
		p.t.Errorf("a row that a store on a server could not keep: %v", err)
	} else if got, err := again.AppendBinary(nil); err != nil || !bytes.Equal(got, form) {
		p.t.Errorf("a row has another byte form when it was kept on a server: %v", err)
	}
}

// forget empties the cache.
func (r *rig) forget() {
	r.t.Helper()
	for _, rule := range rules {
		err := moneyclip.Invalidate(context.Background(), r.cached.db, rule.Name)
		if err != nil && !strings.Contains(err.Error(), "inactive") { // it has not all tables everywhere
			r.t.Fatal(err)
		}
	}
}

// hits counts those that f makes.
func (a *arm) hits(f func()) uint64 {
	if a.cache == nil {
		f()
		return 0
	}
	before := a.cache.Stats().Hits
	f()
	return a.cache.Stats().Hits - before
}

// same compares what an arm has shown with what the bare driver has.
func (r *rig) same(family, name, arm, bare, got string) {
	r.t.Helper()
	if bare == got {
		return
	}
	if d := excuse(r.name, family+"/"+name+"/"+arm); d == nil {
		r.t.Errorf("%s/%s, %s (-bare +%[3]s):\n%s", family, name, arm, cmp.Diff(bare, got))
	}
}

// A family is a list of cases.
var families = []struct {
	name  string
	run   func(t *testing.T, b *base)
	alone bool // one goroutine uses one connection at a time
}{
	{"values", testValues, true},
	{"arguments", testArguments, true},
	{"behaviours", testBehaviours, false},
	{"settings", testSettings, false},
}

// Each driver shows the same, bare or wrapped, but for the known differences. Of these each occurs.
func TestDrivers(t *testing.T) {
	var played atomic.Int32
	t.Run("bases", func(t *testing.T) {
		for i := range bases {
			b := &bases[i]
			t.Run(b.name, func(t *testing.T) {
				t.Parallel()
				if servers.RaceDetector && !b.isMain() {
					t.Skip("the race detector sees one configuration of each driver")
				}
				for _, f := range families {
					if servers.RaceDetector && f.alone {
						continue // there is no race to be seen, and it would take minutes
					}
					t.Run(f.name, func(t *testing.T) {
						f.run(t, b)
						played.Add(1)
					})
				}
			})
		}
	})
	if int(played.Load()) < len(bases)*len(families) {
		return // some were left out
	}
	for _, d := range known {
		if !d.racy && !d.occurred.Load() {
			t.Errorf("there is no difference any more in %s of %s", d.cases, d.bases)
		}
	}
	shown.Range(func(name, differs any) bool {
		if !differs.(bool) {
			t.Errorf("the setting %s makes no difference", name)
		}
		return true
	})
}
