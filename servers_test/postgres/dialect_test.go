// Package postgres_test holds the PostgreSQL dialect against a real server, under both drivers.
package postgres_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// drivers are the base drivers that the dialect is for.
var drivers = []string{"pgx", "postgres"}

// open opens a fresh database.
func open(t *testing.T, driver string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, servers.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// dollars writes a text with "?" for each parameter as PostgreSQL wants it.
func dollars(query string) string {
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		fmt.Fprintf(&b, "$%d", n)
	}
	return b.String()
}

var east = time.FixedZone("", 2*3600)

// values are compared pair by pair.
var values = []driver.Value{
	int64(0), int64(1), int64(-1), int64(7), int64(32767), int64(32768), int64(2147483648), int64(1 << 53),
	int64(-9223372036854775808), 0.0, 1.0, 1.5, -1.5, 0.1, 1e15, 1e300, true, false,
	"", " ", "a", "A", "a ", " a", "abc", "ABC", "abc  ", "aÄ", "ä", "Ä", "0", "1", "01", "1.0", "1.50", "+1", "-0", "-1", " 7 ", "1e2",
	"1.005", "0.1", "t", "true", "f", "no", "x'1", "a\\b", "{", "_x", "NaN", "happy", "sad", "Happy",
	"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}",
	"a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12",
	"2024-02-29", "2024-02-29 12:00:00", "2024-02-29T12:00:00", "2024-02-29 12:00:00+02", "2024-02-29 10:00:00Z",
	"2024-02-29 12:00:00.123456", "2024-02-29 12:00:00.5", "infinity",
	time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 12, 0, 0, 0, east),
	time.Date(2024, 2, 29, 10, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
	time.Date(2024, 2, 29, 1, 0, 0, 0, east), time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC),
	time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.UTC), time.Date(2024, 2, 29, 12, 0, 0, 500000000, time.UTC),
	[]byte("a"), []byte("abc"), []byte{}, []byte{0, 255},
}

// columns are types of columns that can be keys.
var columns = []string{
	"smallint", "integer", "bigint", "numeric", "numeric(10,2)", "numeric(6)", "double precision", "boolean", "text",
	"varchar", "varchar(3)", "char(4)", "name", "citext", "uuid", "date", "timestamp", "timestamp(1)", "timestamptz",
	"timestamptz(0)", "mood", "short_text", "positive", "bytea", "oid",
	`text COLLATE "C"`, `varchar(20) COLLATE "en-x-icu"`,
}

func TestDialect(t *testing.T) {
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			open := func(t *testing.T) *sql.DB {
				db := open(t, driver)
				for _, query := range []string{
					"CREATE EXTENSION citext", "CREATE TYPE mood AS ENUM ('happy', 'sad', 'a')",
					"CREATE DOMAIN short_text AS varchar(5)", "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)",
				} {
					if _, err := db.ExecContext(t.Context(), query); err != nil {
						t.Fatal(err)
					}
				}
				return db
			}
			dialecttest.Exercise(t, postgres.Dialect, open, dialecttest.Cases{
				Bind: dollars, Columns: columns, Values: values, Nasty: nasty,
			})
		})
	}
}

// nasty are texts that PostgreSQL's grammar has made possible.
var nasty = []string{
	"SELECT $0", "SELECT $99999999999", "SELECT $$a$$ || $tag$b$tag$", "SELECT U&'\\0061'", "SELECT E'\\''", "SELECT @ -5",
	"SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS x (a, b)", "TABLE authors",
	"VALUES (1, 2), (3, 4)", "SELECT", "SELECT FROM authors", "SELECT (authors).name FROM authors", "SELECT authors FROM authors",
	"INSERT INTO authors DEFAULT VALUES", "UPDATE authors SET (name, city) = (SELECT 'a', 'b')",
	"UPDATE authors SET (name, city) = ROW ('a', 'b')", "DELETE FROM authors WHERE CURRENT OF c",
	"WITH x AS (DELETE FROM books RETURNING *) SELECT count(*) FROM x", "SELECT 1 FROM authors AS a (x, y), LATERAL (SELECT a.x) AS b",
	"MERGE INTO authors a USING books b ON a.id = b.author_id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT DEFAULT VALUES",
	"SELECT xmlelement(name a, 1)", "SELECT * FROM json_table('[]', '$' COLUMNS (a int PATH '$')) t",
	"SELECT json_object('a': 1)", "SELECT * FROM xmltable('/a' PASSING '<a/>' COLUMNS x int PATH 'x')",
	"PREPARE TRANSACTION 'x'", "COMMIT PREPARED 'x'", "DO $$ BEGIN END $$", "CALL f()", "SET x.y = 1", "SHOW ALL", "FETCH ALL FROM c",
	"SELECT 1 INTO x", "COPY authors FROM STDIN", "EXPLAIN (ANALYZE off) DELETE FROM authors", "LOCK authors", "DISCARD ALL",
	"SELECT count(*) FILTER (WHERE id > 1) OVER w FROM authors WINDOW w AS (PARTITION BY city ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
	"SELECT city FROM authors GROUP BY GROUPING SETS ((city), ()) HAVING grouping(city) = 0",
	"SELECT * FROM authors NATURAL JOIN books", "SELECT * FROM (authors JOIN books ON true) AS x",
	"WITH RECURSIVE a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a",
}
