package drivertest

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// A setting makes a session read other values than one without it.
type setting struct {
	name  string
	query string                  // where it shows, with %s for an id
	on    func(b *base) bool      // nil: everywhere
	dsn   func(dsn string) string // nil: it is not made by the DSN
	sets  []string                // statements on one connection
	outer []string                // statements on another connection, before this one is opened
	after []string                // and when it is closed
}

// samplesOfSettings is a table of what settings have an eye on, and others where names may lead to.
func (s *server) samplesOfSettings() []string {
	switch s {
	case pg:
		return []string{
			"CREATE TABLE samples (id INTEGER PRIMARY KEY, ts TIMESTAMPTZ, d DATE, iv INTERVAL, f FLOAT8, f4 FLOAT4, b BYTEA)",
			`INSERT INTO samples VALUES (1, '2024-02-03 13:14:15Z', '2024-02-03', '1 mon 2 days 03:04:05', 1.1, 1.1, '\x00ff')`,
			"CREATE SCHEMA other", "CREATE TABLE other.things (id BIGINT PRIMARY KEY, name VARCHAR(40), n INTEGER)", "INSERT INTO other.things VALUES (1, 'another', 11)",
			"DO $$ BEGIN CREATE ROLE limited; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$",
		}
	case maria:
		return []string{
			"CREATE TABLE samples (id INTEGER PRIMARY KEY, ts TIMESTAMP NULL, d DATE, e VARCHAR(10), f DECIMAL(10,2), u BIGINT UNSIGNED)",
			"INSERT INTO samples VALUES (1, '2024-02-03 13:14:15', '2024-01-01', 'é', 1.5, 18446744073709551615)",
		}
	}
	return []string{
		"CREATE TABLE samples (id INTEGER PRIMARY KEY, ts TIMESTAMP, n TIMESTAMP, t TEXT, b BOOLEAN)",
		"INSERT INTO samples VALUES (1, '2024-02-03 13:14:15', 1700000000, '2024-02-03 13:14:15', 1)",
	}
}

const thing = "SELECT name FROM things WHERE id = %s"

func (b *base) settings() (list []setting) {
	switch b.server {
	case pg:
		types := "SELECT ts, d, iv, f, f4, b FROM samples WHERE id = %s"
		texts := "SELECT ts::text, d::text, iv::text, f::text, f4::text, b::text FROM samples WHERE id = %s"
		for _, s := range []struct{ name, value, query string }{
			{"search_path", "other", thing}, {"TimeZone", "Asia/Tokyo", types}, {"TimeZone", "Asia/Tokyo", texts}, {"DateStyle", "SQL, DMY", types}, {"DateStyle", "SQL, DMY", texts},
			{"IntervalStyle", "iso_8601", types}, {"IntervalStyle", "iso_8601", texts}, {"extra_float_digits", "-10", types}, {"extra_float_digits", "-10", texts},
			{"bytea_output", "escape", types}, {"bytea_output", "escape", texts}, {"standard_conforming_strings", "off", `SELECT name, '\\' AS v FROM things WHERE id = %s`},
			{"transform_null_equals", "on", "SELECT name, n = NULL AS v FROM things WHERE id = %s"}, {"role", "limited", thing},
		} {
			assign := fmt.Sprintf("%s = '%s'", s.name, s.value)
			if s.name == "DateStyle" || s.name == "search_path" {
				assign = fmt.Sprintf("%s = %s", s.name, s.value)
			}
			in := "current_catalog"
			database := func(text string) string { // which has no name that is known here
				return fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER %s', %s); END $$", strings.ReplaceAll(text, "'", "''"), in)
			}
			list = append(list, setting{name: s.name + " by DSN", query: s.query, dsn: param(s.name, s.value)}, setting{name: s.name + " by SET", query: s.query, sets: []string{"SET " + assign}})
			if s.name == "role" {
				continue
			}
			list = append(list,
				setting{name: s.name + " in a transaction", query: s.query, sets: []string{"BEGIN", "SET LOCAL " + assign}},
				setting{name: s.name + " by set_config", query: s.query, sets: []string{fmt.Sprintf("SELECT set_config('%s', '%s', false)", s.name, s.value)}},
				setting{name: s.name + " by ALTER DATABASE", query: s.query, outer: []string{database("DATABASE %I SET " + assign)}, after: []string{database("DATABASE %I RESET " + s.name)}},
				setting{name: s.name + " by ALTER ROLE", query: s.query, outer: []string{database("ROLE moneyclip IN DATABASE %I SET " + assign)},
					after: []string{database("ROLE moneyclip IN DATABASE %I RESET " + s.name)}})
		}
		return append(list, setting{name: "a temporary table", query: thing, sets: []string{"CREATE TEMP TABLE things AS SELECT 1::bigint AS id, 'temporary' AS name"}})
	case maria:
		types := "SELECT ts, d, e, f, u FROM samples WHERE id = %s"
		for _, s := range []struct{ name, value, query string }{
			{"sql_mode", "'PIPES_AS_CONCAT'", "SELECT name, '1' || '0' AS v FROM things WHERE id = %s"}, {"sql_mode", "'ANSI_QUOTES'", `SELECT name, "name" AS v FROM things WHERE id = %s`},
			{"time_zone", "'+09:00'", types}, {"group_concat_max_len", "4", "SELECT group_concat(name, name, name) AS v FROM things WHERE id = %s"},
			{"character_set_results", "'latin1'", types}, {"lc_time_names", "'de_DE'", "SELECT date_format(ts, '%%M') AS v FROM samples WHERE id = %s"},
			{"div_precision_increment", "9", "SELECT f / 7 AS v FROM samples WHERE id = %s"}, {"default_week_format", "3", "SELECT week(d) AS v FROM samples WHERE id = %s"},
			{"collation_connection", "'utf8mb4_bin'", "SELECT 'a' = 'A' AS v, name FROM things WHERE id = %s"}, {"sql_select_limit", "0", thing},
			{"character_set_connection", "'latin1'", "SELECT hex('é') AS v FROM samples WHERE id = %s"},
		} {
			list = append(list, setting{name: s.name + " by DSN", query: s.query, dsn: change(func(c *mysql.Config) { c.Params = map[string]string{s.name: s.value} })},
				setting{name: s.name + " by SET", query: s.query, sets: []string{fmt.Sprintf("SET %s = %s", s.name, s.value)}})
		}
		for name, f := range map[string]func(*mysql.Config){
			"parseTime": func(c *mysql.Config) { c.ParseTime = !c.ParseTime }, "loc": func(c *mysql.Config) { c.ParseTime, c.Loc = true, zone("Asia/Tokyo") },
			"columnsWithAlias": func(c *mysql.Config) { c.ColumnsWithAlias = !c.ColumnsWithAlias }, "charset": func(c *mysql.Config) { c.Apply(mysql.Charset("latin1", "")) },
			"interpolateParams": func(c *mysql.Config) { c.InterpolateParams = !c.InterpolateParams }, "a database that is not there": func(c *mysql.Config) { c.DBName = "mysql" },
		} {
			list = append(list, setting{name: name, query: types, dsn: change(f)})
		}
		return append(list, setting{name: "USE", query: thing, sets: []string{"USE mysql"}}, setting{name: "SET NAMES", query: types, sets: []string{"SET NAMES latin1"}},
			setting{name: "a temporary table", query: thing, sets: []string{"CREATE TEMPORARY TABLE things AS SELECT 1 AS id, 'temporary' AS name"}})
	}
	add := func(text string) func(string) string {
		return func(dsn string) string {
			if strings.Contains(dsn, "?") {
				return dsn + "&" + text
			}
			return dsn + "?" + text
		}
	}
	times, like := "SELECT ts, n, t, b FROM samples WHERE id = %s", "SELECT name LIKE 'ONE' AS v FROM things WHERE id = %s"
	return []setting{
		{name: "_loc", query: times, on: by("sqlite3"), dsn: func(dsn string) string {
			return strings.Replace(dsn, "America/New_York", "UTC", 1) + pick2(strings.Contains(dsn, "?"), "", "?_loc=Asia/Tokyo")
		}},
		{name: "_case_sensitive_like", query: like, on: by("sqlite3"), dsn: add("_case_sensitive_like=1")},
		{name: "_pragma", query: like, on: by("sqlite"), dsn: add("_pragma=case_sensitive_like(1)")},
		{name: "_timezone", query: times, on: by("sqlite"), dsn: add("_timezone=Asia/Tokyo")},
		{name: "_inttotime", query: times, on: func(b *base) bool { return b.name == "modernc" }, dsn: add("_inttotime=1")},
		{name: "_texttotime", query: times, on: func(b *base) bool { return b.name == "modernc" }, dsn: add("_texttotime=1")},
		{name: "case_sensitive_like", query: like, sets: []string{"PRAGMA case_sensitive_like = 1"}},
		{name: "column names", query: thing, sets: []string{"PRAGMA short_column_names = 0", "PRAGMA full_column_names = 1"}},
		{name: "a temporary table", query: thing, sets: []string{"CREATE TEMP TABLE things AS SELECT 1 AS id, 'temporary' AS name"}},
	}
}

func pick2(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// shown tells of each setting whether it makes a difference in some base; else it proves nothing.
var shown sync.Map // :: name → bool

// Two connections whose settings differ get what each would get bare, whoever comes first.
func testSettings(t *testing.T, b *base) {
	r := rigUp(t, b, b.server.samplesOfSettings())
	for _, s := range b.settings() {
		if s.on != nil && !s.on(b) {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			var closers []*sql.DB
			open := func(a *arm, dsn string) *sql.DB {
				db := a.try(dsn)
				db.SetMaxOpenConns(1)
				closers = append(closers, db)
				return db
			}
			defer func() {
				for _, db := range closers {
					db.Close()
				}
				for _, text := range s.after {
					if _, err := r.bare.db.Exec(text); err != nil {
						t.Errorf("%s: %v", text, err)
					}
				}
			}()
			without := map[*arm]runner{}
			for _, a := range []*arm{r.bare, r.cached} {
				db := open(a, r.url)
				db.Ping() // before it is set
				without[a] = db
			}
			for _, text := range s.outer {
				if _, err := r.bare.db.Exec(text); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			with := map[*arm]runner{}
			for _, a := range []*arm{r.bare, r.cached} {
				dsn := r.url
				if s.dsn != nil {
					dsn = s.dsn(dsn)
				}
				db := open(a, dsn)
				with[a] = db
				if s.sets == nil {
					continue
				}
				conn, err := db.Conn(background)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				with[a] = conn
				for _, text := range s.sets {
					if _, err := conn.ExecContext(background, text); err != nil {
						t.Fatalf("%s: %v", text, err)
					}
				}
			}
			ask := func(a *arm, on runner) string {
				r := &record{}
				for _, way := range ways {
					rows, done, err := a.ask(on, way, s.query, 1)
					r.showRows(rows, err)
					done()
				}
				return r.String()
			}
			wantWith, wantWithout := ask(r.bare, with[r.bare]), ask(r.bare, without[r.bare])
			if wantWith != wantWithout {
				shown.Store(s.name, true)
			} else {
				shown.LoadOrStore(s.name, false)
			}
			for _, first := range []string{"with", "without"} {
				r.on(t).forget()
				for range 2 {
					for n := range 2 {
						if (n == 0) == (first == "with") {
							r.on(t).same("settings", s.name, "with it, first "+first, wantWith, ask(r.cached, with[r.cached]))
						} else {
							r.on(t).same("settings", s.name, "without it, first "+first, wantWithout, ask(r.cached, without[r.cached]))
						}
					}
				}
			}
		})
	}
}
