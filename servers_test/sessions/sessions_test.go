// Package sessions tests, on real servers, connections that do not stay as they were: settings, search paths, functions of
// which nothing is known, transactions that begin and end by themselves.
package sessions

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A site is a database with a cache in front of it.
type site struct {
	*sql.DB
	t     *testing.T
	cache *moneyclip.Cache
	bare  *sql.DB
	base  string
	dsn   string
}

var rules = []moneyclip.Rule{
	{Name: "user", Key: "user::%d", Table: "users", By: []string{"id"}},
	{Name: "city", Key: "city::%s", Table: "users", By: []string{"city"}},
}

func open(t *testing.T, base, dsn string, schema ...string) *site {
	t.Helper()
	s := &site{t: t, base: base, dsn: dsn}
	var err error
	if s.bare, err = sql.Open(base, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.bare.Close() })
	for _, text := range schema {
		if _, err := s.bare.Exec(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	s.watch(dsn)
	return s
}

// watch opens the site through a new cache, which has more rules.
func (s *site) watch(dsn string, more ...moneyclip.Rule) {
	s.t.Helper()
	var dialect moneyclip.Dialect = postgres.Dialect
	if s.base == "mysql" {
		dialect = mysql.Dialect
	}
	var err error
	s.cache, err = moneyclip.New(dialect, moneyclip.Config{Rules: slices.Concat(rules, more), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.DB = s.through(dsn)
}

// through opens a DSN through the cache.
func (s *site) through(dsn string) *sql.DB {
	s.t.Helper()
	connector, err := s.cache.Driver(s.bare.Driver()).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	s.t.Cleanup(func() { db.Close() })
	return db
}

func (s *site) conn(db *sql.DB) *sql.Conn {
	s.t.Helper()
	c, err := db.Conn(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

type session interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *site) exec(db session, query string, args ...any) {
	s.t.Helper()
	if _, err := db.ExecContext(context.Background(), query, args...); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
}

// name reads the name of user 1, and reports whether the cache has answered.
func (s *site) name(db session) (name string, hit bool) {
	s.t.Helper()
	query := "SELECT name FROM users WHERE id = $1"
	if s.base == "mysql" {
		query = "SELECT name FROM users WHERE id = ?"
	}
	before := s.cache.Stats().Hits
	if err := db.QueryRowContext(context.Background(), query, 1).Scan(&name); err != nil {
		s.t.Fatal(err)
	}
	return name, s.cache.Stats().Hits > before
}

func (s *site) want(db session, name string, hit bool) {
	s.t.Helper()
	if got, asked := s.name(db); got != name || asked != hit {
		s.t.Errorf("got %q, from the cache %t, want %q, %t", got, asked, name, hit)
	}
}

// warm reads until the cache answers.
func (s *site) warm(db session, name string) {
	s.t.Helper()
	s.name(db)
	s.name(db)
	s.want(db, name, true)
}

// dropped runs a write and reports how often all keys of a rule were dropped by it.
func (s *site) dropped(write func()) uint64 {
	before := s.cache.Stats().RuleWide
	write()
	return s.cache.Stats().RuleWide - before
}

const users = "CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20), city VARCHAR(20))"

func postgresSite(t *testing.T) *site {
	return open(t, "pgx", servers.Postgres(t), users, "INSERT INTO users VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo')",
		"CREATE SCHEMA b", "CREATE TABLE b.users (id BIGINT PRIMARY KEY, name VARCHAR(20), city VARCHAR(20))",
		"INSERT INTO b.users VALUES (1, 'Bea', 'Bonn')",
		"CREATE FUNCTION renames() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN UPDATE users SET name = 'Eve' WHERE id = 1; RETURN 1; END $$",
		"CREATE FUNCTION moves() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'b', false); RETURN 'b'; END $$",
		"CREATE FUNCTION opaque() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'UPDATE users SET name = ''Odd'' WHERE id = 1'; RETURN 1; END $$")
}

func mysqlSite(t *testing.T) *site {
	return open(t, "mysql", servers.MariaDB(t), users, "INSERT INTO users VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo')")
}

// Two search paths are two sets of tables. A write through one that names a table of the other drops what the other has.
func TestSearchPaths(t *testing.T) {
	s := postgresSite(t)
	b := s.through(s.dsn + "&search_path=b")
	s.warm(s.DB, "Ann")
	s.warm(b, "Bea")
	s.want(s.DB, "Ann", true)
	s.exec(s.DB, "UPDATE b.users SET name = 'Bim' WHERE id = 1")
	s.want(b, "Bim", false)
	s.warm(s.DB, "Ann")
	s.exec(b, "UPDATE public.users SET name = 'Amy' WHERE id = 1")
	s.want(s.DB, "Amy", false)
	s.warm(b, "Bim")
	s.exec(b, "DELETE FROM users WHERE city = 'Rome'") // no row of b's
	s.want(b, "Bim", true)
}

// A connection whose session was changed is not served, and what it writes drops everything, until it is put back.
func TestSettings(t *testing.T) {
	for _, reset := range []string{"RESET ALL", "DISCARD ALL"} {
		t.Run(reset, func(t *testing.T) {
			s := postgresSite(t)
			db := s.through(s.dsn + "&default_query_exec_mode=exec") // pgx does not know that DISCARD drops what it has prepared
			s.warm(db, "Ann")
			c := s.conn(db)
			s.want(c, "Ann", true)
			s.exec(c, "SET search_path = b")
			s.want(c, "Bea", false)
			s.want(c, "Bea", false)
			s.want(db, "Ann", true)
			if n := s.dropped(func() { s.exec(c, "UPDATE users SET name = 'Bim' WHERE id = 1") }); n == 0 {
				t.Errorf("a write on a changed session drops one key")
			}
			if wide := s.cache.Activity().Wide; len(wide) == 0 || !strings.Contains(wide[0].Why, "sets search_path") {
				t.Errorf("got %+v, want the change of the session", wide)
			}
			s.exec(c, reset)
			s.name(c)
			s.want(c, "Ann", true)
			if n := s.dropped(func() { s.exec(c, "UPDATE users SET city = 'Bari' WHERE id = 1") }); n != 0 {
				t.Errorf("after %s a write by key drops all of %d rules", reset, n)
			}
		})
	}
}

// After a setting of which a session is asked it is, and goes on as what it has become: also where that is what it was.
func TestSettingsAsked(t *testing.T) {
	s := postgresSite(t)
	s.warm(s.DB, "Ann")
	c := s.conn(s.DB)
	for _, query := range []string{"SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on", "SET TIME ZONE 'Asia/Tokyo'", "SET row_security = on"} {
		if x, err := s.cache.Explain(query); err != nil || !strings.Contains(x.Reason, "asked") {
			t.Errorf("%s: got %+v, %v, want that the session is asked", query, x, err)
		}
		s.exec(c, query)
		s.name(c) // it is asked
		s.want(c, "Ann", true)
	}
	if n := s.dropped(func() { s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1") }); n != 0 {
		t.Errorf("a write by key drops all of %d rules", n)
	}
	s.want(s.DB, "Amy", false)

	// What a rollback takes back is asked after it.
	s.want(c, "Amy", false) // in its zone
	tx, err := c.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.exec(tx, "SET TIME ZONE 'Europe/Rome'")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.want(c, "Amy", true)

	// And what it becomes may be such that it is not served.
	s.exec(c, "SET standard_conforming_strings = off")
	s.want(c, "Amy", false)
	s.want(c, "Amy", false)
	s.exec(c, "RESET standard_conforming_strings")
	s.name(c)
	s.want(c, "Amy", true)
}

// Keys that a session would read in another spelling, or not all of, are not made from what it reads.
func TestUnreadableKeys(t *testing.T) {
	for _, test := range []struct {
		name, base, option, schema, row string
		read, write                     string
		key                             any
	}{
		{"few rows", "mysql", "sql_select_limit=60", "CREATE TABLE t (id int PRIMARY KEY, k int, v int)", "INSERT INTO t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100) SELECT n, 10, 0 FROM s",
			"SELECT v FROM t WHERE id = ?", "UPDATE t SET v = 1 WHERE k = 10", 90},
		{"ascii", "mysql", "charset=utf8mb4&character_set_results=ascii", "CREATE TABLE t (id int PRIMARY KEY, k varchar(20) COLLATE utf8mb4_bin, v int)",
			"INSERT INTO t VALUES (3, 'é', 0)", "SELECT v FROM t WHERE k = ?", "UPDATE t SET v = 1 WHERE id = 3", "é"},
		{"digits", "pgx", "default_query_exec_mode=exec&extra_float_digits=0", "CREATE TABLE t (id int PRIMARY KEY, f float8, v int)",
			"INSERT INTO t VALUES (1, 0.1::float8 + 0.2::float8, 0)", "SELECT v FROM t WHERE f = $1", "UPDATE t SET v = 1 WHERE id = 1", 0.30000000000000004},
		{"encoding", "pgx", "client_encoding=LATIN1", "CREATE TABLE t (id int PRIMARY KEY, k text, v int)", "INSERT INTO t VALUES (2, 'Ã©', 0)",
			"SELECT v FROM t WHERE k = $1", "UPDATE t SET v = 1 WHERE id = 2", "Ã©"},
		// pgx cannot read these, and says so after the write was made.
		{"dates", "pgx", "default_query_exec_mode=simple_protocol&timezone=UTC&datestyle=German", "CREATE TABLE t (id int PRIMARY KEY, k timestamp, v int)",
			"INSERT INTO t VALUES (1, '2020-01-01', 0)", "SELECT v FROM t WHERE k = $1", "UPDATE t SET v = 1 WHERE id = 1", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"bytes", "pgx", "default_query_exec_mode=simple_protocol&timezone=UTC&bytea_output=escape", "CREATE TABLE t (id int PRIMARY KEY, k bytea, v int)",
			`INSERT INTO t VALUES (1, '\x00ff', 0)`, "SELECT v FROM t WHERE k = $1", "UPDATE t SET v = 1 WHERE id = 1", []byte{0, 0xff}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s *site
			if test.base == "mysql" {
				s = open(t, "mysql", servers.MariaDB(t), test.schema, test.row)
			} else {
				s = open(t, "pgx", servers.Postgres(t), test.schema, test.row)
			}
			s.watch(s.dsn, moneyclip.Rule{Name: "t", Key: "t::%v", Query: test.read})
			odd := s.through(s.dsn + mark(s.dsn) + test.option)
			value := func() (v int) {
				t.Helper()
				if err := s.QueryRow(test.read, test.key).Scan(&v); err != nil {
					t.Fatal(err)
				}
				return v
			}
			value()
			value()
			s.exec(odd, test.write)
			if v := value(); v != 1 {
				t.Errorf("got %d after the write, want 1", v)
			}
		})
	}
}

// A hit does not use up what is set for the next transaction, and a transaction of ours is not that one.
func TestReadOnlyForNext(t *testing.T) {
	s := mysqlSite(t)
	s.warm(s.DB, "Ann")
	c := s.conn(s.DB)
	s.exec(c, "SET TRANSACTION READ ONLY")
	s.want(c, "Ann", false)
	s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
	s.want(s.DB, "Amy", false)
	s.exec(c, "SET TRANSACTION READ ONLY")
	if _, err := c.ExecContext(context.Background(), "UPDATE users SET name = 'Abe' WHERE name = 'Amy'"); err == nil {
		t.Error("a write was done in a transaction that is read-only")
	}
	s.name(s.DB)
	s.want(s.DB, "Amy", true)
}

// A setting of one transaction ends with it. Settings that change no answer change nothing.
func TestLocalSettings(t *testing.T) {
	s := postgresSite(t)
	s.warm(s.DB, "Ann")
	for query, wide := range map[string]bool{
		"SET LOCAL search_path = b":                   true,
		"SET LOCAL app.tenant = '7'":                  false,
		"SET LOCAL statement_timeout = 999":           false,
		"SELECT set_config('search_path', 'b', true)": true,
	} {
		c := s.conn(s.DB)
		tx, err := c.BeginTx(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.exec(tx, query)
		s.exec(tx, "UPDATE users SET name = name WHERE id = 1")
		n := s.dropped(func() {
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		})
		if n > 0 != wide {
			t.Errorf("%s: %d times all keys of a rule were dropped, want some: %t", query, n, wide)
		}
		s.name(c)
		s.want(c, "Ann", true)
		c.Close()
	}
}

// A function whose body is known drops what it writes, one of which nothing is known drops everything, and one that
// changes the session is noticed.
func TestFunctions(t *testing.T) {
	s := postgresSite(t)
	c := s.conn(s.DB)
	s.warm(c, "Ann")
	s.exec(c, "SELECT renames()")
	s.want(c, "Eve", false)
	s.want(c, "Eve", true)
	s.exec(c, "SELECT opaque()")
	s.want(c, "Odd", false)
	s.want(c, "Odd", true)
	s.exec(c, "SELECT moves()")
	s.want(c, "Bea", false)
	s.want(c, "Bea", false)
	s.want(s.conn(s.DB), "Odd", true)
	s.exec(c, "UPDATE users SET name = 'Bim' WHERE id = 1")
	s.want(c, "Bim", false)
}

// Writes that are not where one looks for them.
func TestHiddenWrites(t *testing.T) {
	const writes = "LANGUAGE plpgsql AS $$ BEGIN UPDATE users SET name = 'New' WHERE id = 1; RETURN "
	const cte = "WITH x AS (UPDATE users SET name = 'New' WHERE id = 1 RETURNING id) "
	for name, c := range map[string]struct{ setup, query string }{
		"a temporary table":              {"", "CREATE TEMP TABLE made AS " + cte + "SELECT * FROM x"},
		"SELECT INTO a temporary table":  {"", cte + "SELECT * INTO TEMP made FROM x"},
		"a temporary table, explained":   {"", "EXPLAIN ANALYZE CREATE TEMP TABLE made AS " + cte + "SELECT * FROM x"},
		"a temporary table, by function": {"CREATE FUNCTION w() RETURNS int " + writes + "1; END $$", "CREATE TEMP TABLE made AS SELECT w()"},
		"an aggregate": {
			"CREATE FUNCTION w(text, text) RETURNS text " + writes + "$1; END $$; CREATE AGGREGATE agg(text) (sfunc = w, stype = text, initcond = '')",
			"SELECT agg(city) FROM users WHERE id = 2",
		},
		"a function of a row": {"CREATE FUNCTION w(users) RETURNS text " + writes + "''; END $$", "SELECT (u).w FROM users AS u WHERE id = 2"},
		"an operator of a subquery": {
			"CREATE FUNCTION w(text, text) RETURNS bool " + writes + "true; END $$; CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = w)",
			"SELECT 1 WHERE 'x'::text === ANY (SELECT city::text FROM users)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := postgresSite(t)
			if c.setup != "" {
				s.exec(s.bare, c.setup)
			}
			other := s.conn(s.DB)
			s.warm(other, "Ann")
			one := s.conn(s.DB)
			s.exec(one, c.query)
			s.want(other, "New", false)
		})
	}
}

// What a function has made of one session is not what others are when they dial.
func TestStraySession(t *testing.T) {
	s := postgresSite(t)
	s.exec(s.bare, "CREATE FUNCTION strays() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SET search' || '_path = b'; RETURN 1; END $$")
	s.warm(s.DB, "Ann")
	c := s.conn(s.DB)
	s.exec(c, "SELECT strays()")
	s.warm(c, "Bea")
	s.DB.SetMaxIdleConns(0)
	s.warm(s.DB, "Ann")
}

// Without autocommit a write is not over before its COMMIT.
func TestAutocommit(t *testing.T) {
	s := mysqlSite(t)
	s.warm(s.DB, "Ann")
	c := s.conn(s.DB)
	s.exec(c, "SET autocommit = 0")
	s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
	other := s.conn(s.DB)
	s.name(other)
	s.want(other, "Ann", true) // not committed
	s.exec(c, "COMMIT")
	s.want(other, "Amy", false)
	s.warm(other, "Amy")
	s.exec(c, "UPDATE users SET name = 'Abe' WHERE id = 1")
	s.want(other, "Amy", true)
	s.exec(c, "SET autocommit = 1") // commits
	s.want(other, "Abe", false)
	s.warm(other, "Abe")
	s.exec(c, "UPDATE users SET name = 'Ada' WHERE id = 1")
	s.want(other, "Ada", false)
}

// To switch autocommit off and on again commits.
func TestAutocommitTwice(t *testing.T) {
	s := mysqlSite(t)
	other := s.conn(s.DB)
	s.warm(other, "Ann")
	c := s.conn(s.DB)
	s.exec(c, "BEGIN")
	s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
	s.exec(c, "SET autocommit = 0, autocommit = 1")
	s.want(other, "Amy", false)
	s.warm(other, "Amy")
	s.exec(c, "UPDATE users SET name = 'Abe' WHERE id = 1")
	s.want(other, "Abe", false)
}

// What a setting makes of a session is not served to others, and the other way round.
func TestSettingsOfAnswers(t *testing.T) {
	s := mysqlSite(t)
	s.warm(s.DB, "Ann")
	for _, set := range []string{"max_sort_length = 64", "max_join_size = 1000000", "time_zone = '+09:00'", "div_precision_increment = 9"} {
		c := s.conn(s.DB)
		s.exec(c, "SET "+set)
		if _, hit := s.name(c); hit {
			t.Errorf("after SET %s a session is served what another has read", set)
		}
	}
}

// An argument can be a word for the time of the read.
func TestArgumentsOfTheClock(t *testing.T) {
	s := postgresSite(t)
	const query = "SELECT name, $2::timestamptz::text FROM users WHERE id = $1"
	for word, cached := range map[string]bool{"now": false, "2024-01-01": true} {
		hits, last := s.cache.Stats().Hits, ""
		for range 3 {
			var name, at string
			if err := s.QueryRow(query, 1, word).Scan(&name, &at); err != nil {
				t.Fatal(err)
			}
			if at == last && !cached {
				t.Errorf("%q is still %s", word, at)
			}
			last = at
			time.Sleep(time.Millisecond)
		}
		if got := s.cache.Stats().Hits > hits; got != cached {
			t.Errorf("%q: the cache answers: %t", word, got)
		}
	}
}

// A trigger changes the session of who has fired it.
func TestTriggersOfSessions(t *testing.T) {
	s := postgresSite(t)
	for _, text := range []string{
		"CREATE TABLE moving (id INT)", "CREATE TABLE hiding (id INT)",
		"CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'b', false); RETURN NULL; END $$",
		"CREATE TRIGGER moved AFTER INSERT ON moving FOR EACH ROW EXECUTE FUNCTION moved()",
		`CREATE FUNCTION hidden() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			CREATE TEMP TABLE users (id BIGINT, name VARCHAR(20), city VARCHAR(20)); INSERT INTO pg_temp.users VALUES (1, 'Tim', ''); RETURN NULL; END $$`,
		"CREATE TRIGGER hidden AFTER INSERT ON hiding FOR EACH ROW EXECUTE FUNCTION hidden()",
	} {
		s.exec(s.bare, text)
	}
	for _, text := range []string{
		"CREATE TABLE leaning (id INT, here TEXT DEFAULT set_config('search_path', 'b', false))",
		"CREATE TABLE checking (id INT CHECK (set_config('search_path', 'b', false) = 'b'))",
		"CREATE VIEW showing AS SELECT set_config('search_path', 'b', false) AS here",
	} {
		s.exec(s.bare, text)
	}
	for fire, name := range map[string]string{
		"INSERT INTO leaning VALUES (1)":  "Bea",
		"INSERT INTO checking VALUES (1)": "Bea",
		"SELECT here FROM showing":        "Bea",
		"SELECT 1::bigint AS id, 'Tom'::varchar(20) AS name INTO TEMP users UNION SELECT 2, 'Tod'::varchar(20)": "Tom",
		"INSERT INTO moving VALUES (1)":                                   "Bea",
		"INSERT INTO hiding VALUES (1)":                                   "Tim",
		"UPDATE pg_settings SET setting = 'b' WHERE name = 'search_path'": "Bea",
	} {
		for _, inTransaction := range []bool{false, true} {
			c := s.conn(s.DB)
			if inTransaction {
				s.exec(c, "BEGIN")
			}
			s.exec(c, fire)
			if inTransaction {
				s.exec(c, "COMMIT")
			}
			s.want(c, name, false)
			other := s.conn(s.DB)
			if name, _ := s.name(other); name != "Ann" {
				t.Errorf("%s on one connection: another one gets %q", fire, name)
			}
			c.Raw(func(any) error { return driver.ErrBadConn })
			other.Close()
		}
	}

	s = mysqlSite(t)
	s.exec(s.bare, "CREATE TABLE moving (id INT)")
	s.exec(s.bare, "CREATE TRIGGER moved AFTER INSERT ON moving FOR EACH ROW SET SESSION time_zone = '+09:00'")
	c, other := s.conn(s.DB), s.conn(s.DB)
	s.exec(c, "INSERT INTO moving VALUES (1)")
	s.warm(other, "Ann")
	s.want(c, "Ann", false)
}

// To switch autocommit on where it is on ends no transaction.
func TestAutocommitAlreadyOn(t *testing.T) {
	s := mysqlSite(t)
	other := s.conn(s.DB)
	s.warm(other, "Ann")
	c := s.conn(s.DB)
	s.exec(c, "BEGIN")
	s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
	s.exec(c, "SET autocommit = 1")
	s.name(other)
	s.want(other, "Ann", true)
	s.exec(c, "COMMIT")
	s.want(other, "Amy", false)
}

// With the setting in the DSN it is the same.
func TestAutocommitOfDSN(t *testing.T) {
	s := mysqlSite(t)
	other := s.conn(s.DB)
	s.warm(other, "Ann")
	c := s.conn(s.through(s.dsn + "?autocommit=0"))
	s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
	s.want(other, "Ann", true)
	s.exec(c, "COMMIT")
	s.want(other, "Amy", false)
}

// Where the end of a transaction begins another, the next COMMIT ends that one.
func TestChainedTransactions(t *testing.T) {
	for name, dsn := range map[string]string{"SET": "", "DSN": "?completion_type=1"} {
		t.Run(name, func(t *testing.T) {
			s := mysqlSite(t)
			other := s.conn(s.DB)
			s.warm(other, "Ann")
			c := s.conn(s.through(s.dsn + dsn))
			if dsn == "" {
				s.exec(c, "SET completion_type = 'CHAIN'")
			}
			s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1") // no transaction has ended yet
			s.want(other, "Amy", false)
			for i, ends := range []string{"COMMIT", "ROLLBACK"} {
				s.warm(other, []string{"Amy", "Abe"}[i])
				s.exec(c, "BEGIN")
				s.exec(c, ends)
				s.exec(c, "UPDATE users SET name = 'Abe' WHERE id = 1")
				if name, _ := s.name(other); name != []string{"Amy", "Abe"}[i] {
					t.Fatalf("before the COMMIT: %q", name)
				}
				s.name(other)
				s.exec(c, "COMMIT")
				if name, _ := s.name(other); name != "Abe" {
					t.Errorf("after the COMMIT: %q", name)
				}
			}
			tx, err := c.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			s.exec(c, "UPDATE users SET name = 'Ada' WHERE id = 1")
			s.name(other)
			s.name(other)
			s.exec(c, "COMMIT")
			if name, _ := s.name(other); name != "Ada" {
				t.Errorf("after the COMMIT that follows another: %q", name)
			}
		})
	}
}

// Some statements commit the transaction that is open.
func TestImplicitCommit(t *testing.T) {
	for _, commits := range []string{"CREATE TABLE other (id INT)", "TRUNCATE gone", "START TRANSACTION", "LOCK TABLES users READ"} {
		t.Run(commits, func(t *testing.T) {
			s := mysqlSite(t)
			s.exec(s.bare, "CREATE TABLE gone (id INT)")
			other := s.conn(s.DB)
			s.warm(other, "Ann")
			c := s.conn(s.DB)
			s.exec(c, "BEGIN")
			s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
			s.want(other, "Ann", true)
			s.exec(c, commits)
			if name, _ := s.name(other); name != "Amy" {
				t.Errorf("after %s: %q", commits, name)
			}
		})
	}
}

// It makes no difference that what ends a transaction is sent by Query: nothing is asked on the connection while its rows are open, for
// that would be the end of it.
func TestImplicitCommitByQuery(t *testing.T) {
	for _, commits := range []string{
		"CREATE TABLE other (id INT)", "ANALYZE TABLE users", "CHECK TABLE users, nowhere", "OPTIMIZE TABLE users", "TRUNCATE gone", "BEGIN", "COMMIT",
	} {
		for _, how := range []string{"text", "prepared", "after BEGIN"} {
			if how == "prepared" && (commits == "BEGIN" || servers.MySQL() && strings.HasPrefix(commits, "CHECK")) {
				continue // it is not prepared there
			}
			t.Run(commits+", "+how, func(t *testing.T) {
				s := open(t, "mysql", servers.MariaDB(t), users, "INSERT INTO users VALUES (1, 'Ann', 'Rome')",
					"CREATE TABLE gone (id INT)", "CREATE TABLE orders (id BIGINT PRIMARY KEY, user_id BIGINT)", "INSERT INTO orders VALUES (10, 1)",
					"CREATE TABLE items (id BIGINT PRIMARY KEY, order_id BIGINT)")
				s.watch(s.dsn, moneyclip.Rule{Key: "items::%d", // a path leads there, which is followed once more after the COMMIT
					Query: "SELECT count(*) FROM items JOIN orders ON orders.id = items.order_id WHERE orders.user_id = ?"})
				other := s.conn(s.DB)
				s.warm(other, "Ann")
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				var c interface {
					session
					QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
					PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
				} = s.conn(s.DB)
				if how == "after BEGIN" {
					s.exec(c, "BEGIN")
				} else {
					tx, err := s.DB.BeginTx(ctx, nil)
					if err != nil {
						t.Fatal(err)
					}
					defer func() {
						if err := tx.Commit(); err != nil {
							t.Error(err)
						}
					}()
					c = tx
				}
				s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
				s.exec(c, "INSERT INTO items VALUES (300, 10)")
				query := func() (*sql.Rows, error) { return c.QueryContext(ctx, commits) }
				if how == "prepared" {
					st, err := c.PrepareContext(ctx, commits)
					if err != nil {
						t.Fatal(err)
					}
					defer st.Close()
					query = func() (*sql.Rows, error) { return st.QueryContext(ctx) }
				}
				rows, err := query()
				if err != nil {
					t.Fatal(err)
				}
				n := 0
				for rows.Next() {
					n++
				}
				if err := errors.Join(rows.Err(), rows.Close()); err != nil || (n > 0) != strings.Contains(commits, "TABLE users") {
					t.Errorf("got %d rows, %v", n, err)
				}
				s.want(other, "Amy", false)
				s.exec(c, "UPDATE users SET name = 'Abe' WHERE id = 1")
				s.exec(c, "COMMIT")
				s.want(other, "Abe", false)
			})
		}
	}
}

// What begins and ends transactions by the way: after each statement other connections are answered with what is committed.
func TestTransactionsByTheWay(t *testing.T) {
	const amy, abe = "UPDATE users SET name = 'Amy' WHERE id = 1", "UPDATE users SET name = 'Abe' WHERE id = 1"
	for what, steps := range map[string][]string{
		"nothing to unlock":       {"BEGIN", "UNLOCK TABLES", amy, "COMMIT"},
		"tables to unlock":        {"LOCK TABLES users WRITE", amy, "UNLOCK TABLES"},
		"a temporary table":       {"BEGIN", "CREATE OR REPLACE TEMPORARY TABLE one (a INT)", amy, "DROP TEMPORARY TABLE one WAIT 3", abe, "COMMIT"},
		"a procedure chains":      {"CALL chains()", "BEGIN", "COMMIT", amy, "COMMIT"},
		"a procedure, ROLLBACK":   {"CALL chains()", "ROLLBACK", amy, "COMMIT"},
		"a text chains":           {"PREPARE p FROM 'SET completion_type = 1'", "EXECUTE p", "BEGIN", "COMMIT", amy, "COMMIT"},
		"told, and then a call":   {"SET autocommit = 1", "CALL switches_off()", "COMMIT", amy, "COMMIT"},
		"Raw chains":              {"Raw SET completion_type = 1", "BEGIN", "COMMIT", amy, "COMMIT"},
		"Raw switches off":        {"Raw SET autocommit = 0", amy, "COMMIT", abe, "COMMIT"},
		"Raw commits":             {"BEGIN", amy, "Raw COMMIT", abe},
		"autocommit off, in two":  {"SET autocommit = 0; SELECT 1", amy, "COMMIT"},
		"autocommit on, in two":   {"SET autocommit = 0", "SELECT 1; SET autocommit = 1", amy},
		"completion_type, in two": {"SET completion_type = 1; SELECT 1", "BEGIN", "COMMIT", amy, "COMMIT"},
		"a riddle, in two":        {"SET autocommit = 0, sql_safe_updates = 0; SELECT 1", "COMMIT", amy, "COMMIT"},
		"a riddle begins, in two": {"SET STATEMENT max_statement_time = 10 FOR SET autocommit = 0; SELECT 1", amy, "COMMIT"},
		"AND CHAIN, in two":       {"SELECT 1; COMMIT AND CHAIN", amy, "COMMIT"},
		"DDL, in two":             {"BEGIN", "SELECT 1; CREATE TABLE two (a INT)", amy},
		"LOCK TABLES, in three":   {"BEGIN", "SELECT 1; LOCK TABLES users WRITE; UNLOCK TABLES", amy},
		"a call begins, in two":   {"SELECT 1; CALL begins()", amy, "COMMIT"},
		"a call commits, in two":  {"BEGIN", "SELECT 1; CALL commits()", amy},
	} {
		t.Run(what, func(t *testing.T) {
			if what == "a temporary table" && servers.MySQL() {
				t.Skip("MySQL does not know OR REPLACE and WAIT there")
			}
			if what == "a riddle begins, in two" && servers.MySQL() {
				t.Skip("MySQL does not know SET STATEMENT")
			}
			s := open(t, "mysql", servers.MariaDB(t)+"?multiStatements=true", users, "INSERT INTO users VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo')",
				"CREATE PROCEDURE chains() SET SESSION completion_type = 1", "CREATE PROCEDURE switches_off() SET SESSION autocommit = 0",
				"CREATE PROCEDURE begins() START TRANSACTION", "CREATE PROCEDURE commits() COMMIT")
			s.follow(s.DB, steps)
		})
	}
}

// follow takes steps on one connection, and reads after each on another.
func (s *site) follow(db *sql.DB, steps []string) {
	s.t.Helper()
	other := s.conn(s.DB)
	s.warm(other, "Ann")
	c := s.conn(db)
	var tx *sql.Tx
	for i, step := range steps {
		var err error
		switch text, raw := strings.CutPrefix(step, "Raw "); {
		case raw:
			err = moneyclip.Raw(c, func(base any) error {
				_, err := base.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
				return err
			})
		case step == "BeginTx":
			tx, err = c.BeginTx(context.Background(), nil)
		case step == "Commit":
			err = tx.Commit()
		case step == "Rollback":
			err = tx.Rollback()
		default:
			_, err = c.ExecContext(context.Background(), step)
		}
		if err != nil {
			s.t.Fatalf("%s: %v", step, err)
		}
		if strings.HasPrefix(steps[0], "LOCK") && i < len(steps)-1 {
			continue // others wait
		}
		for range 2 {
			want, _ := s.name(s.bare)
			if got, _ := s.name(other); got != want {
				s.t.Errorf("after %q: got %q, committed is %q", steps[:i+1], got, want)
			}
		}
	}
}

// A transaction that is begun in another one is the same, or its beginning commits the other.
func TestBeginWithinTransaction(t *testing.T) {
	const amy, bo = "UPDATE users SET name = 'Amy' WHERE id = 1", "UPDATE users SET name = 'Bo' WHERE id = 2"
	for what, steps := range map[string][]string{
		"by texts":         {"BEGIN", amy, "BEGIN", bo, "COMMIT"},
		"by texts, in two": {"BEGIN", amy, "SELECT 1; BEGIN", bo, "COMMIT"},
		"by BeginTx":       {"BEGIN", amy, "BeginTx", bo, "Commit"},
		"rolled back":      {"BEGIN", amy, "BeginTx", bo, "Rollback"},
		"and another text": {"BEGIN", amy, "BeginTx", bo, "BEGIN", amy, "COMMIT", "Commit"},
	} {
		t.Run("postgres, "+what, func(t *testing.T) { s := postgresSite(t); s.follow(s.DB, steps) })
		t.Run("mysql, "+what, func(t *testing.T) { s := mysqlSite(t); s.follow(s.through(s.dsn+"?multiStatements=true"), steps) })
	}
	t.Run("mysql, begun by a statement", func(t *testing.T) {
		s := mysqlSite(t)
		s.follow(s.through(s.dsn+"?autocommit=0"), []string{amy, "BeginTx", bo, "Commit"})
	})
}

// What is changed for the next transaction is so for the next statement that reads or writes a table: what it reads may never be
// committed.
func TestReadUncommitted(t *testing.T) {
	t.Run("at once", func(t *testing.T) { testReadUncommitted(t, "") })
	t.Run("not yet", func(t *testing.T) { testReadUncommitted(t, "SELECT 1") })
}

func testReadUncommitted(t *testing.T, between string) {
	s := mysqlSite(t)
	s.warm(s.DB, "Ann")
	s.exec(s.DB, "UPDATE users SET name = 'Amy' WHERE id = 1")
	elsewhere, err := s.bare.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Rollback()
	s.exec(elsewhere, "UPDATE users SET name = 'Abe' WHERE id = 1")
	c := s.conn(s.DB)
	s.exec(c, "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
	if between != "" {
		if err := c.QueryRowContext(t.Context(), between).Scan(new(int)); err != nil {
			t.Fatal(err)
		}
	}
	s.want(c, "Abe", false)
	if err := elsewhere.Rollback(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.want(c, "Amy", false)
	}
	s.exec(c, "BEGIN") // this is the next one
	s.exec(c, "COMMIT")
	s.want(c, "Amy", false)
	s.want(c, "Amy", true)
}

// Another database of the server is not this one.
func TestUse(t *testing.T) {
	s, elsewhere := mysqlSite(t), mysqlSite(t)
	s.warm(s.DB, "Ann")
	name := elsewhere.nameOf()
	s.exec(elsewhere.bare, "UPDATE users SET name = 'Zoe'")
	c := s.conn(s.DB)
	s.exec(c, "USE `"+name+"`")
	s.want(c, "Zoe", false)
	s.want(c, "Zoe", false)
	s.want(s.DB, "Ann", true)

	// Its tables can be written from here.
	there := s.conn(s.through(elsewhere.dsn))
	s.warm(there, "Zoe")
	s.exec(s.DB, "UPDATE `"+name+"`.users SET name = 'Zed' WHERE id = 1")
	s.want(there, "Zed", false)
}

// Who has gone over to another database, and perhaps changed its schema, does not put it in the place of this one's: what the
// foreign keys here bring about is still known.
func TestSchemaElsewhere(t *testing.T) {
	for what, run := range map[string]func(c *sql.Conn, queries ...string) error{
		"statements": func(c *sql.Conn, queries ...string) error {
			for _, query := range queries {
				if _, err := c.ExecContext(context.Background(), query); err != nil {
					return err
				}
			}
			return nil
		},
		"Raw after USE": func(c *sql.Conn, queries ...string) error {
			if _, err := c.ExecContext(context.Background(), queries[0]); err != nil {
				return err
			}
			return moneyclip.Raw(c, func(base any) error {
				_, err := base.(driver.ExecerContext).ExecContext(context.Background(), queries[1], nil)
				return err
			})
		},
		"Raw": func(c *sql.Conn, queries ...string) error {
			return moneyclip.Raw(c, func(base any) error {
				for _, query := range queries {
					if _, err := base.(driver.ExecerContext).ExecContext(context.Background(), query, nil); err != nil {
						return err
					}
				}
				return nil
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			s, elsewhere := mysqlSite(t), mysqlSite(t)
			name := elsewhere.nameOf()
			s.exec(elsewhere.bare, "CREATE TABLE names (name VARCHAR(20) PRIMARY KEY)")
			s.exec(s.bare, "CREATE TABLE names (name VARCHAR(20) PRIMARY KEY)")
			s.exec(s.bare, "INSERT INTO names SELECT name FROM users")
			s.exec(s.bare, "ALTER TABLE users ADD FOREIGN KEY (name) REFERENCES names (name) ON UPDATE CASCADE")
			c := s.conn(s.DB)
			s.warm(s.DB, "Ann")
			if err := run(c, "USE `"+name+"`", "CREATE TABLE more (id INT)"); err != nil {
				t.Fatal(err)
			}
			for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
				if _, hit := s.name(s.DB); hit {
					break
				}
				if time.Since(began) > 5*time.Second {
					t.Fatal("nothing is cached any more")
				}
			}
			s.exec(s.DB, "UPDATE names SET name = 'Amy' WHERE name = 'Ann'")
			s.want(s.DB, "Amy", false)
		})
	}
}

// A procedure may commit the transaction that is open, or begin one.
func TestProcedures(t *testing.T) {
	s := mysqlSite(t)
	s.exec(s.bare, "CREATE PROCEDURE commits() COMMIT")
	s.exec(s.bare, "CREATE PROCEDURE begins() START TRANSACTION")
	other := s.conn(s.DB)
	s.warm(other, "Ann")
	c := s.conn(s.DB)
	s.exec(c, "BEGIN")
	s.exec(c, "UPDATE users SET name = 'Amy' WHERE id = 1")
	s.exec(c, "CALL commits()")
	s.want(other, "Amy", false)
	s.exec(c, "CALL begins()")
	s.exec(c, "UPDATE users SET name = 'Abe' WHERE id = 1")
	s.warm(other, "Amy")
	s.exec(c, "COMMIT")
	s.want(other, "Abe", false)
}

// A text that has left no transaction open is no reason to drop more than what is written after it, nor to ask the database.
func TestAfterProcedures(t *testing.T) {
	s := mysqlSite(t)
	s.exec(s.bare, "CREATE PROCEDURE nothing() BEGIN END")
	other, c := s.conn(s.DB), s.conn(s.through(s.dsn+"?multiStatements=true"))
	for _, text := range []string{"CALL nothing()", "CREATE TABLE one (id INT); CREATE TABLE two (id INT)"} {
		s.exec(c, text)
		s.exec(c, "UPDATE users SET city = 'Rome' WHERE id = 2")
		s.warm(other, "Ann")
		if n := s.dropped(func() { s.exec(c, "UPDATE users SET city = 'Oslo' WHERE id = 2") }); n != 0 {
			t.Errorf("%s: a write by key dropped %d rules after it", text, n)
		}
		s.want(other, "Ann", true)
		s.warm(c, "Ann")
	}
}

// What is asked after such a text may find the connection in another database: what was made out before of the statement that comes then does
// not hold.
func TestElsewhereAfterwards(t *testing.T) {
	s := mysqlSite(t)
	const elsewhere = "moneyclip_elsewhere"
	s.exec(s.bare, "CREATE DATABASE "+elsewhere)
	s.exec(s.bare, "CREATE TABLE "+elsewhere+".users LIKE users")
	s.exec(s.bare, "INSERT INTO "+elsewhere+".users VALUES (1, 'Eve', 'Rome')")
	t.Cleanup(func() { s.exec(s.bare, "DROP DATABASE "+elsewhere) })
	here, there := s.conn(s.DB), s.conn(s.DB)
	if _, err := there.ExecContext(t.Context(), "PREPARE away FROM 'USE "+elsewhere+"'"); err != nil {
		t.Skip("the server does not prepare USE: ", err)
	}
	s.exec(there, "EXECUTE away")
	if got, _ := s.name(there); got != "Eve" {
		t.Fatalf("got %q, which is not there", got)
	}
	s.warm(here, "Ann")
	again := s.conn(s.DB)
	s.exec(again, "PREPARE away FROM 'USE "+elsewhere+"'")
	s.exec(again, "EXECUTE away")
	for _, c := range []session{here, there} {
		for range 100 { // the catalogs are read again first
			if _, hit := s.name(c); hit {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	s.want(here, "Ann", true)
	s.want(there, "Eve", true)
	s.exec(again, "UPDATE users SET name = 'Ada' WHERE id = 1")
	s.want(there, "Ada", false)
	s.want(here, "Ann", true)
}

// The answer to a COMMIT is lost with the connection while the server is still at work on it. What the driver makes of that,
// pgx and lib/pq say ErrBadConn, must not be taken for a COMMIT that was never sent.
func TestLostCommit(t *testing.T) {
	const schema = `
		CREATE TABLE users (id integer PRIMARY KEY, name text NOT NULL, city text NOT NULL);
		INSERT INTO users VALUES (1, 'ada', 'paris'), (2, 'bob', 'rome');
		CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER linger AFTER UPDATE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger()`
	for _, base := range []string{"pgx", "postgres"} {
		t.Run(base, func(t *testing.T) {
			s := open(t, base, servers.Postgres(t), schema)
			proxy := newLossy(t, s.dsn)
			cut := s.through(proxy.dsn)
			s.warm(s.DB, "ada")
			s.exec(cut, "SELECT 1") // dials, and asks what it needs to know
			proxy.armed.Store(true)
			if _, err := cut.ExecContext(t.Context(), "UPDATE users SET name = 'eve' WHERE city = 'paris'"); err == nil {
				t.Fatal("the answer to the COMMIT was not lost")
			}
			for deadline := time.Now().Add(10 * time.Second); ; {
				var name string
				if err := s.bare.QueryRow("SELECT name FROM users WHERE id = 1").Scan(&name); err != nil {
					t.Fatal(err)
				}
				if name == "eve" {
					break
				}
				s.name(s.DB) // and so does a reader, who may store what he sees
				if time.Now().After(deadline) {
					t.Fatal("the COMMIT was never done")
				}
			}
			s.want(s.DB, "eve", false)
		})
	}
}

// A lossy is a way to a server that ends when it is armed and a COMMIT has gone there. No other leads there then: pgx would ask
// on one that the COMMIT be cancelled.
type lossy struct {
	dsn   string
	armed atomic.Bool
	gone  atomic.Bool
}

func newLossy(t *testing.T, dsn string) *lossy {
	t.Helper()
	target, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is no URL")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	address := target.Host
	target.Host = listener.Addr().String()
	l := &lossy{dsn: target.String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(client, address)
		}
	}()
	return l
}

func (l *lossy) carry(client net.Conn, address string) {
	defer client.Close()
	if l.gone.Load() {
		return
	}
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		defer client.Close()
		io.Copy(client, server)
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
		if l.armed.Load() && bytes.Contains(buffer[:n], []byte("COMMIT")) {
			l.gone.Store(true)
			return
		}
	}
}

// What is committed at once is dropped at once, also as the first statement of a session where others are not.
func TestImplicitCommitComesFirst(t *testing.T) {
	s := mysqlSite(t)
	s.warm(s.DB, "Ann")
	c := s.conn(s.DB)
	s.exec(c, "SET autocommit = 0")
	s.exec(c, "TRUNCATE TABLE users")
	if err := s.DB.QueryRow("SELECT name FROM users WHERE id = ?", 1).Scan(new(string)); err != sql.ErrNoRows { //nolint:errorlint // as it is documented
		t.Errorf("after TRUNCATE: got error %v", err)
	}
}

// A statement that changes two things and has failed may have changed the first, or none.
func TestFailedSet(t *testing.T) {
	const amy = "UPDATE users SET name = 'Amy' WHERE id = 1"
	for what, steps := range map[string][]string{
		"off": {"SET autocommit = 0, max_statement_time = 'x'", amy},
		"on":  {"SET autocommit = 0", "COMMIT", "SET autocommit = 1, max_statement_time = 'x'", amy, "COMMIT"},
		"@":   {"SET @a = (SELECT 1 UNION SELECT 2), autocommit = 0", amy},
	} {
		t.Run(what, func(t *testing.T) {
			s := mysqlSite(t)
			other := s.conn(s.DB)
			s.warm(other, "Ann")
			c := s.conn(s.DB)
			for i, step := range steps {
				_, err := c.ExecContext(t.Context(), step)
				if fails := strings.Contains(step, "'x'") || strings.Contains(step, "UNION"); fails != (err != nil) {
					t.Fatalf("%s: %v", step, err)
				}
				for range 2 {
					want, _ := s.name(s.bare)
					if got, _ := s.name(other); got != want {
						t.Errorf("after %q: got %q, committed is %q", steps[:i+1], got, want)
					}
				}
			}
		})
	}
}

// A part of a script that is not understood may have changed the session.
func TestUnknownPartOfScript(t *testing.T) {
	s := mysqlSite(t)
	s.DB = s.through(s.dsn + "?multiStatements=true")
	s.warm(s.DB, "Ann")
	s.exec(s.DB, "UPDATE users SET name = 'Amy' WHERE id = 1")
	c := s.conn(s.DB)
	level := "tx_isolation"
	if servers.MySQL() {
		level = "transaction_isolation"
	}
	s.exec(c, "SET autocommit = 1, "+level+" = 'READ-UNCOMMITTED'; SELECT 1")
	s.exec(c, "COMMIT")
	elsewhere, err := s.bare.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Rollback()
	s.exec(elsewhere, "UPDATE users SET name = 'Abe' WHERE id = 1")
	s.want(c, "Abe", false)
	if name, _ := s.name(s.conn(s.DB)); name != "Amy" {
		t.Errorf("got %q, committed is Amy", name)
	}
}

// What is read of a write's own rows does not fix what its transaction sees of others.
func TestSnapshotOfInsert(t *testing.T) {
	s := mysqlSite(t)
	s.exec(s.bare, "CREATE TABLE logs (id BIGINT AUTO_INCREMENT PRIMARY KEY, code VARCHAR(9) UNIQUE, what VARCHAR(20))")
	s.watch(s.dsn, moneyclip.Rule{Key: "log::%d", Table: "logs", By: []string{"id"}}, moneyclip.Rule{Key: "what::%s", Table: "logs", By: []string{"what"}})
	for _, write := range []string{
		"INSERT INTO logs (what) VALUES ('x')",
		"INSERT INTO logs (what) VALUES ('x'), ('y')",
		"INSERT INTO logs (id, code, what) VALUES (100, 'a', lower('X')), (101, 'b', lower('Y'))",
		"UPDATE logs SET what = concat(what, '!')",
	} {
		for name, db := range map[string]*sql.DB{"bare": s.bare, "wrapped": s.DB} {
			s.exec(s.bare, "UPDATE users SET name = 'Ann' WHERE id = 1")
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			s.exec(tx, write)
			s.exec(s.bare, "UPDATE users SET name = 'Amy' WHERE id = 1")
			if got, _ := s.name(tx); got != "Amy" {
				t.Errorf("%s, after %s: the transaction sees what was there before: %q", name, write, got)
			}
			tx.Rollback()
		}
	}
}

// Nor does what is read of a path after a COMMIT fix what the next transaction sees, where a statement begins it.
func TestSnapshotAfterCommit(t *testing.T) {
	s := mysqlSite(t)
	s.exec(s.bare, "CREATE TABLE orders (id BIGINT PRIMARY KEY, user_id BIGINT)")
	s.exec(s.bare, "CREATE TABLE items (id BIGINT PRIMARY KEY, order_id BIGINT)")
	s.exec(s.bare, "INSERT INTO orders VALUES (10, 1), (11, 2)")
	query := "SELECT count(*) FROM items JOIN orders ON orders.id = items.order_id WHERE orders.user_id = ?"
	s.watch(s.dsn+"?autocommit=0", moneyclip.Rule{Key: "items::%d", Query: query})
	c := s.conn(s.DB)
	s.exec(c, "INSERT INTO items VALUES (300, 11)")
	s.exec(c, "COMMIT")
	s.exec(s.bare, "UPDATE users SET name = 'Amy' WHERE id = 1")
	if got, _ := s.name(c); got != "Amy" {
		t.Errorf("the next transaction sees what was there at the COMMIT: %q", got)
	}
	s.exec(c, "ROLLBACK")
}

// What a program sets for the sessions to come is seen by its next one: a connection that has not dialed is no longer taken to be like
// the last that has.
func TestDefaultsOfServer(t *testing.T) {
	s := open(t, "mysql", servers.StartMariaDB(t).Database(t), users, "INSERT INTO users VALUES (1, 'Ann', 'Rome')")
	s.bare.SetMaxIdleConns(0)
	const query = "SELECT MAX(id) / 7, GROUP_CONCAT(name, city) FROM users WHERE id = ?"
	s.watch(s.dsn, moneyclip.Rule{Name: "both", Key: "both::%d", Query: query})
	second := s.through(s.dsn + "?columnsWithAlias=false") // another connector
	read := func(db *sql.DB) (got [2]string, hit bool) {
		t.Helper()
		before := s.cache.Stats().Hits
		if err := db.QueryRow(query, 1).Scan(&got[0], &got[1]); err != nil {
			t.Fatal(err)
		}
		return got, s.cache.Stats().Hits > before
	}
	for _, db := range []*sql.DB{s.DB, second} {
		db.SetMaxIdleConns(0)
		read(db)
	}
	last, _ := read(s.DB)
	for _, set := range []string{
		"SET GLOBAL div_precision_increment = 10", "SET @@global.group_concat_max_len = 4", "SET @a = 1, GLOBAL div_precision_increment = 3",
		"SELECT 1; SET GLOBAL div_precision_increment = 5", "SET STATEMENT max_statement_time = 10 FOR SET GLOBAL div_precision_increment = 6",
		"Query SET GLOBAL div_precision_increment = 7",
	} {
		if servers.MySQL() && strings.Contains(set, "STATEMENT") {
			continue
		}
		if query, byQuery := strings.CutPrefix(set, "Query "); byQuery {
			rows, err := s.DB.Query(query)
			if err != nil {
				t.Fatal(err)
			}
			rows.Close()
		} else {
			s.exec(s.through(s.dsn+"?multiStatements=true"), set)
		}
		for i, db := range []*sql.DB{s.DB, second} {
			got, _ := read(db)
			if want, _ := read(s.bare); got != want || i == 0 && got == last {
				t.Errorf("connector %d, after %s: got %q, want %q and not %q", i, set, got, want, last)
			}
			if again, hit := read(db); again != got || !hit {
				t.Errorf("connector %d, after %s: got %q, from the cache %t, want %q", i, set, again, hit, got)
			}
		}
		last, _ = read(s.DB)
	}
}

// In a transaction it is set at the COMMIT.
func TestDefaultsOfDatabase(t *testing.T) {
	s := postgresSite(t)
	s.exec(s.bare, "CREATE TABLE events (id BIGINT PRIMARY KEY, at TIMESTAMPTZ)")
	s.exec(s.bare, "INSERT INTO events VALUES (1, '2000-01-01 00:00:00+00')")
	const query = "SELECT at::text FROM events WHERE id = $1"
	s.watch(s.dsn, moneyclip.Rule{Name: "event", Key: "event::%d", Query: query})
	s.bare.SetMaxIdleConns(0)
	s.DB.SetMaxIdleConns(0)
	var name, role string
	if err := s.bare.QueryRow("SELECT current_database(), quote_ident(current_user)").Scan(&name, &role); err != nil {
		t.Fatal(err)
	}
	read := func(db session) (got string, hit bool) {
		t.Helper()
		before := s.cache.Stats().Hits
		if err := db.QueryRowContext(t.Context(), query, 1).Scan(&got); err != nil {
			t.Fatal(err)
		}
		return got, s.cache.Stats().Hits > before
	}
	for i, zone := range []string{"Asia/Tokyo", "Asia/Kolkata", "Asia/Kabul"} {
		old := s.conn(s.DB)
		if err := old.PingContext(t.Context()); err != nil { // or else a hit would need no session
			t.Fatal(err)
		}
		last, _ := read(old)
		if _, hit := read(s.DB); !hit {
			t.Error("it is not cached")
		}
		set := "ALTER DATABASE " + name + " SET TimeZone = '" + zone + "'"
		switch i {
		case 0:
			s.exec(s.DB, set)
		case 1:
			tx, err := s.DB.Begin()
			if err != nil {
				t.Fatal(err)
			}
			s.exec(tx, set)
			if got, _ := read(s.DB); got != last {
				t.Errorf("before the COMMIT: got %q, want %q", got, last)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		case 2:
			s.exec(s.DB, "ALTER ROLE "+role+" IN DATABASE "+name+" SET TimeZone = '"+zone+"'")
		}
		read(old) // it stays as it was, and so does what it stores
		if got, hit := read(old); got != last || !hit {
			t.Errorf("%s, on an open connection: got %q, from the cache %t, want %q", zone, got, hit, last)
		}
		got, _ := read(s.DB)
		if want, _ := read(s.bare); got != want || got == last {
			t.Errorf("%s: got %q, want %q and not %q", zone, got, want, last)
		}
	}
}
