package postgres_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
)

// What the server plans to read and to write is among what the analysis says. The server may leave out a table that it does
// not need.
func TestOracle(t *testing.T) {
	conn := connect(t, open(t, "pgx"))
	exec(t, conn, rich)
	catalog := catalogOf(t, conn)
	for _, query := range []string{
		"SELECT * FROM authors",
		"SELECT a.name FROM authors a, books b, LATERAL (SELECT * FROM log WHERE id = b.id) l WHERE a.id = b.author_id",
		"SELECT * FROM titles",
		"SELECT * FROM v2 JOIN simple s ON true",
		"SELECT * FROM counts",
		"SELECT * FROM events WHERE at = '2001-01-01'",
		"SELECT * FROM parent",
		"SELECT * FROM ONLY parent",
		"SELECT (SELECT count(*) FROM pairs WHERE a = b.id) FROM books b WHERE EXISTS (SELECT 1 FROM log WHERE id = b.id)",
		"SELECT ARRAY(SELECT id FROM log), id = ANY (SELECT id FROM parent) FROM books",
		"SELECT id FROM books UNION SELECT id FROM log EXCEPT (SELECT a FROM pairs INTERSECT SELECT b FROM pairs)",
		"WITH x AS (SELECT * FROM books), y AS (SELECT * FROM x, log) SELECT count(*) FROM y",
		"WITH log AS (SELECT 1 AS id) SELECT * FROM log",
		"WITH RECURSIVE n AS (SELECT id FROM parent UNION ALL SELECT b.id FROM books b JOIN n ON n.id = b.author_id) SELECT * FROM n",
		"WITH log AS (SELECT * FROM log) SELECT * FROM log",
		"SELECT * FROM shop.authors JOIN authors ON true",
		"SELECT * FROM books ORDER BY (SELECT max(id) FROM log)",
		"SELECT * FROM books LIMIT (SELECT count(*) FROM log)",
		"SELECT * FROM books WHERE (id, author_id) IN (SELECT a, b FROM pairs)",
		"SELECT count(*) FILTER (WHERE id IN (SELECT id FROM log)) FROM books",
		"SELECT sum(id) OVER (ORDER BY (SELECT 1 FROM log)) FROM books",
		"SELECT * FROM (books JOIN pairs ON id = a) AS j JOIN log ON true",
		"SELECT * FROM generate_series(1, (SELECT count(*) FROM log)) g, books",
		"SELECT CASE WHEN id = 1 THEN (SELECT text FROM log LIMIT 1) END FROM books",
		"SELECT json_build_object('a', (SELECT count(*) FROM log)) FROM books",
		"SELECT coalesce((SELECT 1 FROM log), 2), greatest(1, (SELECT a FROM pairs)), ARRAY[(SELECT id FROM parent)]",
		"VALUES (1, (SELECT count(*) FROM log))",
		"TABLE books",
		`SELECT "Big" FROM "odd.name"`,
		"UPDATE books b SET title = (SELECT text FROM log LIMIT 1) FROM authors a WHERE a.id = b.author_id",
		"UPDATE simple SET title = 'x' WHERE id = 1",
		"UPDATE events SET id = 1 WHERE at = '2001-01-01'",
		"DELETE FROM books USING pairs WHERE id = a AND author_id IN (SELECT id FROM shop.authors)",
		"DELETE FROM parent",
		"INSERT INTO books (author_id) SELECT id FROM authors ON CONFLICT (id) DO UPDATE SET title = (SELECT text FROM log)",
		"INSERT INTO simple (title) VALUES ((SELECT text FROM log))",
		"INSERT INTO pairs VALUES (1, 2) RETURNING (SELECT count(*) FROM log)",
		"WITH gone AS (DELETE FROM log RETURNING id), more AS (INSERT INTO pairs SELECT id, id FROM gone RETURNING a) " +
			"UPDATE books SET title = 'x' WHERE id IN (SELECT a FROM more)",
		"MERGE INTO pairs p USING (SELECT id FROM books) b ON p.a = b.id WHEN MATCHED THEN DELETE " +
			"WHEN NOT MATCHED THEN INSERT VALUES (b.id, (SELECT count(*) FROM parent))",
	} {
		read, written := planned(t, conn.QueryRowContext(t.Context(), "EXPLAIN (VERBOSE, FORMAT JSON) "+query).Scan)
		s := postgres.Dialect.Analyze(query, catalog)
		var reads, writes []string
		for _, r := range s.Reads {
			reads = append(append(reads, r.Table), catalog.Tables[r.Table].Kin...)
		}
		for _, w := range s.Writes {
			writes = append(append(writes, w.Table), catalog.Tables[w.Table].Kin...)
		}
		for _, table := range read {
			if !slices.Contains(reads, table) && !slices.Contains(writes, table) {
				t.Errorf("Analyze(%q) reads %q, and the server reads %s", query, reads, table)
			}
		}
		for _, table := range written {
			if !slices.Contains(writes, table) {
				t.Errorf("Analyze(%q) writes %q, and the server writes %s", query, writes, table)
			}
		}
		if len(read) > 0 && len(written) == 0 && s.Kind != moneyclip.KindRead {
			t.Errorf("Analyze(%q) is of the kind %v, and the server only reads", query, s.Kind)
		}
	}
}

// A write to a view that shows columns of one table as they are is one to the table.
func TestViews(t *testing.T) {
	conn := connect(t, open(t, "pgx"))
	exec(t, conn, rich,
		"CREATE VIEW over_simple AS SELECT title, id FROM simple WHERE id > 1",
		"CREATE VIEW renamed AS SELECT id AS title, title AS id FROM books",
		"CREATE VIEW computed AS SELECT id, upper(title) AS title FROM books",
		"CREATE VIEW distinct_titles AS SELECT DISTINCT id, title FROM books",
		"CREATE VIEW defaults AS SELECT id, title FROM books", "ALTER VIEW defaults ALTER title SET DEFAULT 'x'",
	)
	catalog := catalogOf(t, conn)
	for view, want := range map[string]int{
		"simple": 1, "over_simple": 1, "renamed": 0, "computed": 0, "distinct_titles": 0, "defaults": 0, "titles": 0, "books": 1,
	} {
		query := "UPDATE " + view + " SET title = $1 WHERE id = $2"
		s := postgres.Dialect.Analyze(query, catalog)
		if len(s.Writes) == 0 || len(s.Writes[0].Pins) != want || !strings.HasPrefix(s.Writes[0].Table, "public.") {
			t.Errorf("Analyze(%q) writes %+v, want %d pins", query, s.Writes, want)
		}
	}
}

// planned are the tables that a plan reads and writes.
func planned(t *testing.T, scan func(...any) error) (read, written []string) {
	t.Helper()
	var text string
	if err := scan(&text); err != nil {
		t.Fatal(err)
	}
	var root any
	if err := json.Unmarshal([]byte(text), &root); err != nil {
		t.Fatal(err)
	}
	var walk func(node any)
	walk = func(node any) {
		switch n := node.(type) {
		case []any:
			for _, item := range n {
				walk(item)
			}
		case map[string]any:
			if name, ok := n["Relation Name"].(string); ok {
				table := n["Schema"].(string) + "." + name
				if n["Node Type"] == "ModifyTable" {
					written = append(written, table)
				} else {
					read = append(read, table)
				}
			}
			for _, inner := range n {
				walk(inner)
			}
		}
	}
	walk(root)
	return read, written
}
