package sessions

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// What is prepared keeps the values that the settings of then made of its texts: what it returns once they are others is
// none to keep for connections that prepare it under those.
func TestPreparedUnderOtherSettings(t *testing.T) {
	for _, tt := range []struct{ about, read, set, unset string }{
		{"TimeZone", "SELECT (ts > '2024-03-01 13:00')::text FROM kv WHERE id = $1", "SET TimeZone = 'Asia/Tokyo'", "RESET TimeZone"},
		{"TimeZone of a transaction", "SELECT (ts > '2024-03-01 13:00')::text FROM kv WHERE id = $1", "BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'", "COMMIT"},
		{"TimeZone by a function", "SELECT (ts > '2024-03-01 13:00')::text FROM kv WHERE id = $1", "SELECT set_config('TimeZone', 'Asia/Tokyo', false)", "SELECT set_config('TimeZone', 'UTC', false)"},
		{"standard_conforming_strings", `SELECT '\\' || id::text FROM kv WHERE id = $1`, "SET standard_conforming_strings = off", "RESET standard_conforming_strings"},
		{"transform_null_equals", "SELECT coalesce((nil = NULL)::text, 'unknown') FROM kv WHERE id = $1", "SET transform_null_equals = on", "RESET transform_null_equals"},
		{"TimeZone of a transaction, by a function", "SELECT (ts > '2024-03-01 13:00')::text FROM kv WHERE id = $1", "BEGIN; SELECT tz()", "COMMIT"},
		{"TimeZone of a transaction, by a function in a text of several", "SELECT (ts > '2024-03-01 13:00')::text FROM kv WHERE id = $1", "BEGIN;SELECT tz()", "COMMIT"},
		{"DateStyle", "SELECT (d > '05/04/2024')::text FROM kv WHERE id = $1", "SET DateStyle = 'ISO, DMY'", "RESET DateStyle"},
		{"IntervalStyle", "SELECT (ts + '-1 02:00:00')::timestamptz::text FROM kv WHERE id = $1", "SET IntervalStyle = 'sql_standard'", "RESET IntervalStyle"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			dsn := servers.Postgres(t)
			base, err := sql.Open("pgx", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer base.Close()
			for _, q := range []string{
				"CREATE TABLE kv (id int PRIMARY KEY, ts timestamptz, d date, nil text)",
				"CREATE FUNCTION tz() RETURNS text LANGUAGE plpgsql AS $$BEGIN EXECUTE concat('SET LOCAL Time', 'Zone = ''Asia/Tokyo'''); RETURN ''; END$$",
				"INSERT INTO kv VALUES (1, '2024-03-01 12:00:00+00', '2024-04-20', NULL)",
			} {
				if _, err := base.Exec(q); err != nil {
					t.Fatal(err)
				}
			}
			cache, err := moneyclip.New(postgres.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "k::%d", Query: tt.read, TTL: time.Hour}}})
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			connector, err := cache.Driver(base.Driver()).(driver.DriverContext).OpenConnector(dsn)
			if err != nil {
				t.Fatal(err)
			}
			db := sql.OpenDB(connector)
			defer db.Close()
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var own, other, want string
			exec := func(q string) {
				t.Helper()
				for _, part := range strings.Split(q, "; ") {
					if _, err := c.ExecContext(t.Context(), part); err != nil {
						t.Fatal(err)
					}
				}
			}
			read := func(on interface {
				QueryRow(string, ...any) *sql.Row
			}, into *string) {
				t.Helper()
				if err := on.QueryRow(tt.read, 1).Scan(into); err != nil {
					t.Fatal(err)
				}
			}
			ownRead := func() {
				t.Helper()
				if err := c.QueryRowContext(t.Context(), tt.read, 1).Scan(&own); err != nil {
					t.Fatal(err)
				}
			}
			exec(tt.set)
			ownRead()
			exec(tt.unset)
			ownRead()
			read(base, &want)
			read(db, &other)
			if other != want {
				t.Errorf("another connection is served %s, where the database returns %s", other, want)
			}
		})
	}
}
