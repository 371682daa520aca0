package mysql_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A time of day that meets a date becomes one of today, wherever they meet and whatever they are called: a SELECT in which they may do so
// is not cached, and any other returns the same on another day.
func TestTimesOfDay(t *testing.T) {
	db := open(t, servers.MariaDB(t))
	run(t, db, "CREATE TABLE x (id INT PRIMARY KEY, t TIME, d DATE, dt DATETIME, n INT, w TIME)")
	run(t, db, "INSERT INTO x VALUES (1, '10:11:12', '2024-12-01', '2024-12-01 10:11:12', 5, '10:11:12')")
	run(t, db, "CREATE TABLE y (id INT PRIMARY KEY, w DATETIME)")
	run(t, db, "INSERT INTO y VALUES (1, '2023-11-14 10:11:12')")
	run(t, db, "CREATE TABLE z (id INT PRIMARY KEY, v TIME)")
	c := catalog(t, db)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	on := func(timestamp int, query string) string {
		t.Helper()
		if _, err := conn.ExecContext(context.Background(), fmt.Sprint("SET timestamp = ", timestamp)); err != nil {
			t.Fatal(err)
		}
		return answer(t, conn, query)
	}
	queries := []string{
		"SELECT t FROM x UNION SELECT d FROM x WHERE id = 5", "SELECT t FROM x UNION ALL (SELECT t FROM x WHERE id = 5 UNION SELECT dt FROM x WHERE id = 5)",
		"SELECT t FROM x UNION ALL SELECT t FROM x WHERE id = 5", "SELECT t, d FROM x UNION ALL SELECT t, d FROM x WHERE id = 5",
		"SELECT * FROM x UNION ALL SELECT 1, 2, 3, t, 5, 6 FROM x WHERE id = 5", "SELECT id, t FROM x UNION ALL SELECT * FROM z WHERE id = 5",
		"SELECT t AS a, d FROM x HAVING a < d", "SELECT count(*) FROM (SELECT t AS a, d AS b FROM x) q WHERE q.a < q.b", "SELECT date(a) FROM (SELECT t AS a FROM x) q",
		"SELECT date(b) FROM (SELECT a AS b FROM (SELECT time(dt) AS a FROM x) p) q", "WITH q (a, b) AS (SELECT t, d FROM x) SELECT a < b FROM q",
		"SELECT date(a) FROM (SELECT NULL AS a UNION SELECT t FROM x) q WHERE a IS NOT NULL", "SELECT hour(a) FROM (SELECT t AS a FROM x) q",
		`SELECT date(a) FROM JSON_TABLE('["10:11:12"]', '$[*]' COLUMNS (a TIME PATH '$')) j`,
		"SELECT date(`max(t)`) FROM (SELECT max(t) FROM x) q", "SELECT count(*) FROM x JOIN y USING (w)", "SELECT count(*) FROM x NATURAL JOIN y", "SELECT count(*) FROM x JOIN y USING (id)",
	}
	for _, pair := range [][2]string{
		{"t", "d"}, {"d", "t"}, {"dt", "t"}, {"t", "n"}, {"t", "t"}, {"cast(n AS TIME)", "d"}, {"maketime(1, 2, 3)", "DATE'2024-12-01'"},
	} {
		for _, test := range []string{
			"%s > ALL (SELECT %s)", "%s < ANY (SELECT %s)", "%s IN (SELECT %s)", "%s NOT IN (SELECT %s)", "(%s, 1) IN (SELECT %s, 1)", "%s > %s", "%s <=> %s",
		} {
			queries = append(queries, "SELECT "+fmt.Sprintf(test, pair[0], pair[1])+" FROM x")
		}
	}
	cached := 0
	for _, query := range queries {
		s := mysql.Dialect.Analyze(query, c)
		one, other := on(1700000000, query), on(1900000000, query)
		switch {
		case s.Uncacheable != "":
		case one != other:
			t.Errorf("%s is cached, and returns %s on one day and %s on another", query, one, other)
		default:
			cached++
		}
	}
	if cached < 15 {
		t.Errorf("only %d of %d may be cached", cached, len(queries))
	}
}
