//go:build cgo

package sqlite_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/sqlite"
)

var readingSchema = []string{
	`CREATE TABLE acc (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE UNIQUE, city TEXT, n INT NOT NULL DEFAULT 7,
		note, UNIQUE (city, n))`,
	`CREATE TABLE doc (id INTEGER PRIMARY KEY AUTOINCREMENT,
		acc_id INTEGER REFERENCES acc ON DELETE CASCADE ON UPDATE CASCADE,
		title TEXT, made TEXT DEFAULT CURRENT_TIMESTAMP, size INT, twice INT AS (size * 2))`,
	`CREATE TABLE page (doc_id INTEGER REFERENCES doc (id) ON DELETE SET NULL, no INT, UNIQUE (doc_id, no))`,
	`CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT DEFAULT 'none') WITHOUT ROWID`,
	`CREATE TABLE tag (name TEXT UNIQUE ON CONFLICT REPLACE, uses INT)`,
	`CREATE TABLE flag (id INTEGER PRIMARY KEY, f BOOLEAN, g BOOLEAN)`,
	`INSERT INTO flag VALUES (1, 2, 3), (2, 5, 0)`,
	`CREATE TABLE odd (a TEXT, b TEXT)`,
	`CREATE UNIQUE INDEX odd_a ON odd (a COLLATE NOCASE)`,
	`INSERT INTO acc (id, name, city, n, note) VALUES (1, 'Ann', 'Rome', 1, 'x'), (2, 'Bob', 'Oslo', 2, NULL),
		(3, 'Cid', 'Rome', 3, 5), (4, NULL, NULL, 4, 1.5)`,
	`INSERT INTO doc (id, acc_id, title, size) VALUES (10, 1, 'A', 1), (11, 1, 'B', 2), (12, 2, 'C', 3), (13, NULL, 'D', 4)`,
	`INSERT INTO page (doc_id, no) VALUES (10, 1), (10, 2), (12, 1), (NULL, 9)`,
	`INSERT INTO kv VALUES ('a', '1'), ('b', '2')`,
	`INSERT INTO tag VALUES ('go', 1), ('sql', 2)`,
	`INSERT INTO odd VALUES ('a', '1'), ('b', '2')`,
}

// TestReading compares what a Reading finds with what a write does change: each row that is gone or different must be
// among the old ones, each that is there or different among the new ones.
func TestReading(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query   string
		args    []any
		columns string // asked for, old and new
		refused bool
	}{
		{query: "UPDATE acc SET n = n + 10 WHERE city = ?", args: []any{"Rome"}, columns: "id n city"},
		{query: "UPDATE acc SET name = upper(name), city = ?2 WHERE id > ?1", args: []any{1, "Bonn"}, columns: "name city"},
		{query: "UPDATE acc AS a SET (name, n) = (?, a.n * 2) WHERE a.id IN (?, ?)", args: []any{"Zoe", 2, 99}, columns: "name n"},
		{query: "UPDATE acc SET name = lower(name), city = note WHERE id < 4", columns: "name city note"},
		{query: "UPDATE acc SET note = name, n = n + 100", columns: "note"},
		{query: "UPDATE acc SET id = id + 100, note = '?1 :x'", columns: "id note"},
		{query: "UPDATE acc SET rowid = ? WHERE oid = ?", args: []any{50, 4}, columns: "id"},
		{query: "UPDATE acc SET city = d.title FROM doc AS d WHERE d.acc_id = acc.id AND d.size = ?", args: []any{3}, columns: "id city"},
		{query: "UPDATE acc SET city = d.title FROM doc d, page p WHERE d.acc_id = acc.id AND p.doc_id = d.id", columns: "id city"},
		{query: "WITH big AS (SELECT acc_id FROM doc WHERE size > ?) UPDATE acc SET n = n + 50 WHERE id IN big", args: []any{1}, columns: "id n"},
		{query: "UPDATE main.acc SET city = 'X' WHERE main.acc.id = 1", columns: "id city"},
		{query: "UPDATE acc SET note = (SELECT max(size) FROM doc WHERE acc_id = acc.id)", columns: "note", refused: true},
		{query: "UPDATE acc SET note = (SELECT max(size) FROM doc WHERE acc_id = acc.id)", columns: "id city"},
		{query: "UPDATE acc SET note = random() WHERE id = 1", columns: "note", refused: true},
		{query: "UPDATE acc SET note = CURRENT_TIMESTAMP WHERE id = 1", columns: "id n"},
		{query: "UPDATE acc SET n = 99 WHERE note < datetime('now')", columns: "n", refused: true},
		{query: "UPDATE acc SET n = 99 WHERE id = (SELECT id FROM doc LIMIT 1)", columns: "n", refused: true},
		{query: "UPDATE OR REPLACE acc SET id = 2 WHERE id = 1", columns: "id", refused: true},
		{query: "UPDATE tag SET name = 'go' WHERE name = 'sql'", columns: "name", refused: true},
		{query: "UPDATE doc SET size = size + 1", columns: "id acc_id"},
		{query: "UPDATE doc SET size = size + 1", columns: "twice", refused: true},

		{query: "DELETE FROM acc", columns: "id name"},
		{query: "DELETE FROM acc AS a WHERE a.city = ? OR a.id = ?", args: []any{"Rome", 2}, columns: "id city"},
		{query: "DELETE FROM doc WHERE acc_id IN (SELECT id FROM acc WHERE city = ?)", args: []any{"Rome"}, columns: "id acc_id twice"},
		{query: "DELETE FROM acc WHERE id = :id AND (:id = ?1 OR note IS ?2)", args: []any{3, nil}, columns: "id"},
		{query: `DELETE FROM "acc" WHERE "id" = 1 AND name = "Ann"`, columns: "name"},
		{query: "WITH acc AS (SELECT 1 AS id) DELETE FROM acc WHERE id IN (SELECT id FROM acc)", columns: "id"},

		{query: "INSERT INTO acc (id, name, city, n, note) VALUES (?, ?, 'Rome', 9, NULL)", args: []any{7, "Dan"}, columns: "id name city n note"},
		{query: "INSERT INTO acc (id, name) VALUES (20, 'x')", columns: "id name city n note"},
		{query: "INSERT INTO acc (name, city) VALUES (?, ?), (lower(?2), 'q')", args: []any{"Éa", "Rome"}, columns: "id name city n"},
		{query: "INSERT INTO acc (id, name) VALUES (?, 'a1'), (500, 'a2'), (NULL, 'a3'), (-4, 'a4')", args: []any{nil}, columns: "id name"},
		{query: "INSERT INTO acc (name) SELECT title FROM doc", columns: "id name"},
		{query: "INSERT INTO doc DEFAULT VALUES", columns: "id acc_id title made size twice"},
		{query: "INSERT INTO doc (id, title) VALUES (99, 'x')", columns: "id acc_id title size"},
		{query: "INSERT INTO doc (id, title) VALUES (99, 'x')", columns: "made", refused: true},
		{query: "INSERT INTO doc (id, title) VALUES (99, random())", columns: "title", refused: true},
		{query: "INSERT INTO tag DEFAULT VALUES", columns: "name uses"},
		{query: "INSERT INTO kv VALUES ('z', ?)", args: []any{1.5}, columns: "k"},
		{query: "WITH s(a, b) AS (VALUES (?, ?)) INSERT INTO kv SELECT a, b FROM s", args: []any{"p", "q"}, columns: "k v"},
		{query: "INSERT OR IGNORE INTO kv VALUES ('a', 'n'), ('c', 'm')", columns: "k v"},
		{query: "INSERT INTO page SELECT id, size + 5 FROM doc", columns: "doc_id no"},

		{query: "REPLACE INTO kv VALUES (?, 'new'), ('c', 'new')", args: []any{"a"}, columns: "k v"},
		{query: "INSERT OR REPLACE INTO acc (id, name, city, n) VALUES (30, 'ANN', 'Oslo', 2)", columns: "id name city note"},
		{query: "INSERT OR REPLACE INTO acc (id, name, city) VALUES (?, ?, 'q')", args: []any{"1", "BOB"}, columns: "id name note"},
		{query: "REPLACE INTO acc (name, city) VALUES (?, ?)", args: []any{"ann", "x"}, columns: "id name n note"},
		{query: "INSERT INTO tag SELECT title, size FROM doc UNION ALL SELECT 'go', 5", columns: "name uses"},
		{query: "REPLACE INTO acc (id, city, n) VALUES (31, 'q', ?), (32, 'Rome', '3')", args: []any{nil}, columns: "id city n"},
		{query: "UPDATE flag SET f = g", columns: "f g"},
		{query: "DELETE FROM flag", columns: "f"},
		{query: "INSERT INTO flag (id, f) SELECT id + 10, f FROM flag", columns: "f"},
		{query: "INSERT INTO flag (f) SELECT f + 10 FROM flag", columns: "f"},
		{query: "INSERT OR REPLACE INTO odd VALUES ('A', '3')", columns: "a", refused: true},
		{query: "INSERT OR REPLACE INTO page VALUES (10, 1), (NULL, 9)", columns: "doc_id no"},

		{query: "INSERT INTO kv VALUES (?, ?) ON CONFLICT DO UPDATE SET v = excluded.v", args: []any{"a", "z"}, columns: "k v"},
		{query: "INSERT INTO kv VALUES ('a', 'x'), ('q', 'y'), ('q', 'z') ON CONFLICT (k) DO UPDATE SET v = excluded.v", columns: "k v"},
		{query: "INSERT INTO kv VALUES ('a', 'x') ON CONFLICT (k) DO UPDATE SET k = ?", args: []any{"moved"}, columns: "k v"},
		{query: "INSERT INTO kv VALUES ('a', 'x') ON CONFLICT (k) DO UPDATE SET v = v || excluded.v", columns: "k"},
		{query: "INSERT INTO kv VALUES ('a', 'x') ON CONFLICT (k) DO UPDATE SET v = v || excluded.v", columns: "v", refused: true},
		{query: "INSERT INTO kv VALUES ('a', 'x') ON CONFLICT (k) DO NOTHING", columns: "k v"},
		{query: "INSERT INTO kv VALUES ('q', 'x'), ('q', 'y') ON CONFLICT (k) DO UPDATE SET v = 'both'", columns: "v", refused: true},
		{query: "INSERT INTO acc (id, name, city) VALUES (1, 'New', 'Bern') ON CONFLICT (id) DO UPDATE SET city = excluded.city", columns: "id name city"},
		{query: "INSERT INTO acc (name, city) VALUES ('ANN', 'Bern') ON CONFLICT (name) DO UPDATE SET city = excluded.city, note = 5", columns: "id name city note"},
		{query: "INSERT INTO acc (name, city, n) VALUES ('u', 'Rome', 1), ('v', 'Rome', 1) ON CONFLICT (city, n) DO UPDATE SET note = excluded.name", columns: "city note", refused: true},
		{query: "INSERT INTO acc (name) VALUES ('ann') ON CONFLICT (name) DO UPDATE SET id = 70 WHERE n > 100 ON CONFLICT DO NOTHING", columns: "id name"},
		{query: "INSERT INTO odd VALUES ('A', '3') ON CONFLICT (a) DO UPDATE SET b = 'q'", columns: "a b", refused: true},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()
			r := newReadingTest(t)
			stmt := sqlite.Dialect.Analyze(tt.query, r.catalog)
			if len(stmt.Writes) != 1 {
				t.Fatalf("%d writes, want 1", len(stmt.Writes))
			}
			r.check(&stmt.Writes[0], tt.query, tt.args, strings.Fields(tt.columns), tt.refused)
		})
	}
}

// TestReadingChildren does the same for the tables that a foreign key action writes.
func TestReadingChildren(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query   string
		op      moneyclip.Op
		columns string
		args    []any
		refused bool
	}{
		{query: "DELETE FROM acc WHERE city = ?", args: []any{"Rome"}, op: moneyclip.Delete, columns: "id acc_id title"},
		{query: "WITH x AS (SELECT 2 AS id) DELETE FROM acc WHERE id IN x", op: moneyclip.Delete, columns: "id acc_id"},
		{query: "REPLACE INTO acc (id, name) VALUES (1, 'q')", op: moneyclip.Delete, columns: "id acc_id"},
		{query: "INSERT INTO acc (id, name) VALUES (88, 'q')", op: moneyclip.Delete, columns: "id acc_id", refused: true},
		{query: "UPDATE acc SET id = id + 100 WHERE id < 3", op: moneyclip.Update, columns: "id title"},
		{query: "UPDATE acc SET id = id + 100 WHERE id < 3", op: moneyclip.Update, columns: "acc_id", refused: true},
	}
	for _, tt := range tests {
		t.Run(tt.query+" "+tt.columns, func(t *testing.T) {
			t.Parallel()
			r := newReadingTest(t)
			stmt := sqlite.Dialect.Analyze(tt.query, r.catalog)
			child := &moneyclip.Write{Op: tt.op, Table: "doc", Parent: &stmt.Writes[0], Key: &r.catalog.Tables["acc"].Keys[0]}
			r.check(child, tt.query, tt.args, strings.Fields(tt.columns), tt.refused)
		})
	}
	t.Run("two levels", func(t *testing.T) {
		t.Parallel()
		r := newReadingTest(t)
		query := "DELETE FROM acc WHERE name = ?"
		stmt := sqlite.Dialect.Analyze(query, r.catalog)
		doc := &moneyclip.Write{
			Op: moneyclip.Delete, Table: "doc", Parent: &stmt.Writes[0], Key: &r.catalog.Tables["acc"].Keys[0],
		}
		page := &moneyclip.Write{Op: moneyclip.Update, Table: "page", Parent: doc, Key: &r.catalog.Tables["doc"].Keys[0]}
		r.check(page, query, []any{"ANN"}, []string{"doc_id", "no"}, false)
	})
}

// TestReadingFullTable: where the greatest number is taken the next is random, and a reading must not miss it.
func TestReadingFullTable(t *testing.T) {
	t.Parallel()
	r := newReadingTest(t)
	r.exec("INSERT INTO acc (id) VALUES (9223372036854775807)")
	stmt := sqlite.Dialect.Analyze("INSERT INTO acc (name) VALUES ('x')", r.catalog)
	reading, ok := sqlite.Dialect.Reading(&stmt.Writes[0], r.catalog, nil, []string{"id"})
	if !ok || reading.Mark.Text == "" {
		t.Fatalf("Reading = %+v, %v, want one with a mark", reading, ok)
	}
	var n any
	if err := r.conn.QueryRowContext(t.Context(), reading.Mark.Text).Scan(&n); err == nil {
		t.Errorf("the mark is %v, want an error", n)
	}
	if err := r.conn.QueryRowContext(t.Context(), reading.After.Text, 5).Scan(&n); err == nil {
		t.Errorf("a row after the write is %v, want an error", n)
	}
}

func TestReadingRefusals(t *testing.T) {
	t.Parallel()
	r := newReadingTest(t)
	r.exec("CREATE VIEW names AS SELECT name FROM acc")
	r.exec("CREATE TRIGGER names_ins INSTEAD OF INSERT ON names BEGIN INSERT INTO acc (name) VALUES (NEW.name); END")
	r.exec("CREATE VIRTUAL TABLE words USING fts3(word)")
	r.reload()
	for _, query := range []string{
		"INSERT INTO names VALUES ('x')", "INSERT INTO words VALUES ('x')", "DELETE FROM nowhere", "DELETE FROM temp.acc",
		"INSERT INTO acc (rowid, id) VALUES (1, 2)",
	} {
		stmt := sqlite.Dialect.Analyze(query, r.catalog)
		for i := range stmt.Writes {
			if reading, ok := sqlite.Dialect.Reading(&stmt.Writes[i], r.catalog, nil, []string{"name"}); ok {
				t.Errorf("Reading(%q) = %+v, want none", query, reading)
			}
		}
	}
	if _, ok := sqlite.Dialect.Reading(&moneyclip.Write{Op: moneyclip.Delete, Table: "acc"}, r.catalog, []string{"id"}, nil); ok {
		t.Errorf("a write without a source can be read")
	}
}

// readingTest is one database with the schema above.
type readingTest struct {
	*testing.T
	conn    *sql.Conn
	catalog *moneyclip.Catalog
}

func newReadingTest(t *testing.T) *readingTest {
	t.Helper()
	conn, err := open(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &readingTest{T: t, conn: conn}
	for _, query := range readingSchema {
		r.exec(query)
	}
	r.reload()
	return r
}

func (r *readingTest) reload() {
	r.Helper()
	catalog, err := sqlite.Dialect.Catalog(r.Context(), dialecttest.Asker(r.conn))
	if err != nil {
		r.Fatal(err)
	}
	r.catalog = catalog
}

func (r *readingTest) exec(query string, args ...any) {
	r.Helper()
	if _, err := r.conn.ExecContext(r.Context(), query, args...); err != nil {
		r.Fatalf("Exec(%q): %v", query, err)
	}
}

// rows runs a query and returns its rows as they are.
func (r *readingTest) rows(query string, args ...any) [][]any {
	r.Helper()
	rows, err := r.conn.QueryContext(r.Context(), query, args...)
	if err != nil {
		r.Fatalf("Query(%q): %v", query, err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	var out [][]any
	for rows.Next() {
		row, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			r.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		r.Fatalf("Query(%q): %v", query, err)
	}
	return out
}

// tuple writes values as the columns compare them.
func (r *readingTest) tuple(table string, columns []string, values []any) string {
	r.Helper()
	var list []string
	for i, v := range values {
		if v == nil {
			list = append(list, "NULL")
			continue
		}
		d, ok := sqlite.Dialect.Canonical(r.catalog.Tables[table].Column(columns[i]))(driver.Value(v))
		if !ok {
			r.Fatalf("Canonical(%s, %v) is not to be had", columns[i], v)
		}
		list = append(list, fmt.Sprintf("%+v", d))
	}
	return strings.Join(list, " | ")
}

// snapshot is the table by rowid or primary key.
func (r *readingTest) snapshot(table string, columns []string) map[any]string {
	r.Helper()
	id := "rowid"
	if table == "kv" {
		id = "k"
	}
	m := map[any]string{}
	for _, row := range r.rows(fmt.Sprintf("SELECT %s, +%s FROM %s", id, strings.Join(columns, ", +"), table)) {
		m[fmt.Sprint(row[0])] = r.tuple(table, columns, row[1:])
	}
	return m
}

func (r *readingTest) check(w *moneyclip.Write, query string, args []any, columns []string, refused bool) {
	r.Helper()
	reading, ok := sqlite.Dialect.Reading(w, r.catalog, columns, columns)
	if ok == refused {
		r.Fatalf("Reading = %+v, %v, want %v", reading, ok, !refused)
	}
	if refused {
		return
	}
	if err := r.attempt(w, reading, query, args, columns); err != nil {
		r.Fatalf("Exec(%q): %v", query, err)
	}
}

// attempt runs a write with its Reading and compares; the error is that of the write.
func (r *readingTest) attempt(
	w *moneyclip.Write, reading moneyclip.Reading, query string, args []any, columns []string,
) error {
	r.Helper()
	params := func(q moneyclip.Query) []any {
		var list []any
		for _, n := range q.Params {
			list = append(list, args[n-1])
		}
		return list
	}
	var found [][]any
	var mark []any
	r.exec(sqlite.Dialect.Begin()[0])
	r.exec(sqlite.Dialect.Lock(w.Table))
	before := r.snapshot(w.Table, columns)
	if reading.Mark.Text != "" {
		mark = r.rows(reading.Mark.Text, params(reading.Mark)...)[0]
	}
	if reading.Before.Text != "" {
		found = r.rows(reading.Before.Text, params(reading.Before)...)
	}
	if _, err := r.conn.ExecContext(r.Context(), query, args...); err != nil {
		r.exec("ROLLBACK")
		return err
	}
	if reading.After.Text != "" {
		found = append(found, r.rows(reading.After.Text, append(params(reading.After), mark...)...)...)
	}
	after := r.snapshot(w.Table, columns)
	r.exec("COMMIT")

	var olds, news []string
	for _, row := range found {
		if len(row) != 2*len(columns) {
			r.Fatalf("a row of %d columns, want %d", len(row), 2*len(columns))
		}
		olds = append(olds, r.tuple(w.Table, columns, row[:len(columns)]))
		news = append(news, r.tuple(w.Table, columns, row[len(columns):]))
	}
	for id, tuple := range before {
		if after[id] != tuple && !slices.Contains(olds, tuple) {
			r.Errorf("%s: row %v was %s, which is not among the old ones %q", query, id, tuple, olds)
		}
	}
	for id, tuple := range after {
		if before[id] != tuple && !slices.Contains(news, tuple) {
			r.Errorf("%s: row %v is %s, which is not among the new ones %q", query, id, tuple, news)
		}
	}
	return nil
}
