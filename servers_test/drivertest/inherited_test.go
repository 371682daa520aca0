package drivertest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
	modernc "modernc.org/sqlite"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// An inherited setting is one that a session has without a word of it in a DSN or in a statement: from the server, the database,
// a driver's hook, or the options of a connector. A probe is an expression that it changes.
type inherited struct{ name, value, probe string }

var ofDatabases = []inherited{ // Postgres
	{"TimeZone", "'Asia/Tokyo'", "instant, instant::text"},
	{"search_path", "other, public", "word"},
	{"xmlbinary", "hex", "xmlforest(body)::text"},
	{"xmloption", "document", "word::xml::text"},
	{"default_text_search_config", "simple", "to_tsvector(list)::text"},
	{"array_nulls", "off", "word, list::text[]"},
	{"client_encoding", "LATIN1", "accent"},
}

var ofServers = []inherited{ // MariaDB and MySQL, of which each lacks some
	{"time_zone", "'+05:00'", "instant"},
	{"sql_mode", "'NO_BACKSLASH_ESCAPES'", `CONCAT(word, '\\')`},
	{"sql_mode", "'HIGH_NOT_PRECEDENCE'", "NOT n BETWEEN -5 AND 5000"},
	{"sql_mode", "'PAD_CHAR_TO_FULL_LENGTH'", "padded"},
	{"group_concat_max_len", "4", "GROUP_CONCAT(list)"},
	{"div_precision_increment", "9", "n / 7"},
	{"lc_time_names", "'de_DE'", "DATE_FORMAT(instant, '%M')"},
	{"default_week_format", "3", "WEEK(instant)"},
	{"sql_select_limit", "0", "word"},
	{"default_regex_flags", "'EXTENDED'", "list REGEXP 'A B'"},
	{"system_versioning_asof", "'2020-01-01 00:00:00'", "word, (SELECT COUNT(*) FROM versioned)"},
	{"max_join_size", "1", "word, (SELECT COUNT(*) FROM things x JOIN things y JOIN things z)"},
	{"max_recursive_iterations", "2", "(WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 10) SELECT MAX(x) FROM r)"},
	{"cte_max_recursion_depth", "2", "(WITH RECURSIVE r AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM r WHERE x < 10) SELECT MAX(x) FROM r)"},
}

var inheritedSchema = map[*server][]string{
	pg: {
		"CREATE TABLE samples (id int PRIMARY KEY, word text, instant timestamptz, body bytea, list text, accent text)",
		`INSERT INTO samples VALUES (1, 'sample', '2024-02-28 20:14:15Z', '\x00ff27', '{cats,NULL}', 'é')`,
		"CREATE SCHEMA other", "CREATE TABLE other.samples (LIKE samples)", "INSERT INTO other.samples VALUES (1, 'other')",
	},
	maria: {
		"CREATE TABLE samples (id INT PRIMARY KEY, word VARCHAR(20), instant TIMESTAMP NULL, n INT, padded CHAR(5), list VARCHAR(20))",
		"INSERT INTO samples VALUES (1, 'sample', '2024-03-01 20:14:15', 1000, 'ab', 'AB cats')",
		"CREATE TABLE versioned (id INT PRIMARY KEY) /*M!100300 WITH SYSTEM VERSIONING */", "INSERT INTO versioned VALUES (1)",
	},
	lite: {
		"CREATE TABLE samples (id INTEGER PRIMARY KEY, word TEXT, instant TIMESTAMP)",
		"INSERT INTO samples VALUES (1, 'sample', '2024-02-28 20:14:15')",
	},
}

// A session is a pool or one connection.
type session interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	Close() error
}

func (b *base) probed(on session, probe, end string) string {
	r := &record{}
	rows, err := on.QueryContext(context.Background(), b.text("SELECT "+probe+" FROM samples WHERE id = $1")+end, 1)
	r.showRows(rows, err)
	return r.String()
}

// apart compares sessions that have a setting with sessions on the same cache that have it not: nobody gets what the others have
// left there, whoever comes first. It reports whether the setting makes a difference at all.
func (r *rig) apart(name, probe string, open func(*arm) session) bool {
	r.t.Helper()
	one := open(r.bare)
	without, with := r.probed(r.bare.db, probe, ""), r.probed(one, probe, "")
	one.Close()
	for _, first := range []string{"without it", "with it"} {
		r.forget()
		other := open(r.cached)
		ask := func(on session, which, want string) {
			for range 2 {
				r.same("inherited", name+", "+which+", first "+first, "cached", want, r.probed(on, probe, ""))
			}
		}
		if first == "without it" {
			ask(r.cached.db, "without it", without)
			// A probe of more than a row is read anew each time.
			if n := r.cached.hits(func() { ask(r.cached.db, "without it", without) }); n == 0 && !strings.Contains(probe, "COUNT(*)") {
				r.t.Errorf("%s: without it there are no hits", name)
			}
		}
		ask(other, "with it", with)
		ask(r.cached.db, "without it", without)
		ask(other, "with it", with)
		other.Close()
	}
	return with != without
}

func (r *rig) set(query string) {
	r.t.Helper()
	if _, err := r.bare.db.Exec(query); err != nil {
		r.t.Errorf("%s: %v", query, err)
	}
}

// What a server or a database gives to the sessions that begin after it was told so.
func TestInherited(t *testing.T) {
	for _, b := range bases {
		if b.name != "pgx" && b.name != "pq" && b.name != "mysql" {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			form, back, list := "SET GLOBAL %s = %s", "SET GLOBAL %s = DEFAULT", ofServers
			if b.server == maria { // the others would have it too
				own, dsn := servers.StartMariaDB(t), b.dsn
				b.dsn = func(string) string { return dsn(own.Database(t)) }
			}
			r := rigUp(t, &b, inheritedSchema[b.server])
			if b.server == pg {
				var database string
				if err := r.bare.db.QueryRow("SELECT current_database()").Scan(&database); err != nil {
					t.Fatal(err)
				}
				form, back, list = "ALTER DATABASE "+database+" SET %s = %s", "ALTER DATABASE "+database+" RESET %s", ofDatabases
			}
			if err := r.cached.db.Ping(); err != nil { // its session begins before, as the bare one has
				t.Fatal(err)
			}
			for _, s := range list {
				if b.server == maria && !r.has(s.name) {
					continue
				}
				r.set(fmt.Sprintf(form, s.name, s.value))
				differs := r.apart(s.name+" "+s.value, s.probe, func(a *arm) session { return a.open(r.url) })
				// lib/pq sets the one itself, and MySQL reckons the other in another way
				if !differs && s.name != "client_encoding" && (s.name != "max_join_size" || !servers.MySQL()) {
					t.Errorf("%s %s makes no difference", s.name, s.value)
				}
				if r.set(fmt.Sprintf(back, s.name)); s.name == "time_zone" {
					r.set("SET GLOBAL time_zone = '+00:00'") // as the server was started
				}
				r.restored(s)
			}
		})
	}
}

// has reports whether MariaDB, or MySQL, has a variable.
func (r *rig) has(name string) bool {
	r.t.Helper()
	rows, err := r.bare.db.Query("SHOW VARIABLES WHERE Variable_name = ?", name)
	if err != nil {
		r.t.Fatal(err)
	}
	defer rows.Close()
	return rows.Next()
}

// restored changes a connection that has been served, and puts it back.
func (r *rig) restored(s inherited) {
	r.t.Helper()
	var want string
	for _, a := range []*arm{r.bare, r.cached} {
		db := a.open(r.url)
		conn, err := db.Conn(context.Background())
		if err != nil {
			r.t.Fatal(err)
		}
		got := &record{}
		for i, text := range []string{"", fmt.Sprintf("SET %s = %s", s.name, s.value), fmt.Sprintf("SET %s = DEFAULT", s.name)} {
			if text != "" {
				_, err = conn.ExecContext(context.Background(), text)
			}
			got.add("%s: %s", text, showError(err))
			for range 2 { // the text is another one each time: what pgx has prepared was parsed as things were
				got.add("%s", r.probed(conn, s.probe, strings.Repeat(" ", i)))
			}
		}
		conn.Close()
		db.Close()
		if a == r.bare {
			want = got.String()
		}
		r.same("inherited", s.name+" "+s.value+", and back", "cached", want, got.String())
	}
}

// A plain connector is that of a driver which has none.
type plainConnector struct {
	driver driver.Driver
	dsn    string
}

func (p plainConnector) Connect(context.Context) (driver.Conn, error) { return p.driver.Open(p.dsn) }
func (p plainConnector) Driver() driver.Driver                        { return p.driver }

// What the program has told a connector or a driver's hook, which the cache does not get to see.
func TestUnseen(t *testing.T) {
	hooked := &modernc.Driver{}
	hooked.RegisterConnectionHook(func(c modernc.ExecQuerierContext, _ string) error {
		_, err := c.ExecContext(context.Background(), "PRAGMA case_sensitive_like = 1", nil)
		return err
	})
	like := "word LIKE 'SAMPLE'"
	for _, u := range []struct {
		base, name, probe string
		make              func(dsn string) (driver.Connector, error)
		byDriver          bool // the cache wraps the driver, and not the connector
	}{
		{"pgx", "options", "instant::text", func(dsn string) (driver.Connector, error) {
			c, err := pgx.ParseConfig(dsn)
			c.RuntimeParams["timezone"] = "Asia/Tokyo"
			return stdlib.GetConnector(*c), err
		}, false},
		{"pgx", "AfterConnect", "word", func(dsn string) (driver.Connector, error) {
			c, err := pgx.ParseConfig(dsn)
			return stdlib.GetConnector(*c, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
				_, err := c.Exec(ctx, "SET search_path = other")
				return err
			})), err
		}, false},
		{"pq", "options", "instant", func(dsn string) (driver.Connector, error) {
			return pq.NewConnector(param("timezone", "Asia/Tokyo")(dsn))
		}, false},
		{"mysql", "options", "instant", func(dsn string) (driver.Connector, error) {
			c, err := mysql.ParseDSN(dsn)
			c.ParseTime, c.Loc = true, zone("Asia/Tokyo")
			if err != nil {
				return nil, err
			}
			return mysql.NewConnector(c)
		}, false},
		{"mattn", "ConnectHook", like, func(dsn string) (driver.Connector, error) {
			return plainConnector{&sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
				_, err := c.Exec("PRAGMA case_sensitive_like = 1", nil)
				return err
			}}, dsn}, nil
		}, true},
		{"modernc", "ConnectionHook", like, func(dsn string) (driver.Connector, error) { return plainConnector{hooked, dsn}, nil }, true},
	} {
		t.Run(u.base+" "+u.name, func(t *testing.T) {
			t.Parallel()
			var r *rig
			for _, b := range bases {
				if b.name == u.base {
					r = rigUp(t, &b, inheritedSchema[b.server])
				}
			}
			differs := r.apart(u.base+" "+u.name, u.probe, func(a *arm) session {
				c, err := u.make(r.url)
				switch {
				case err != nil || a.cache == nil:
				case u.byDriver:
					c, err = a.cache.Driver(c.Driver()).(driver.DriverContext).OpenConnector(r.url)
				default:
					c = a.cache.Connector(c)
				}
				if err != nil {
					t.Fatal(err)
				}
				db := sql.OpenDB(c)
				t.Cleanup(func() { db.Close() })
				return db
			})
			if !differs {
				t.Error("it makes no difference")
			}
		})
	}
}
