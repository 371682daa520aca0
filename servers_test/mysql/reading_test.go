package mysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

var library = []string{
	"CREATE TABLE authors (id INT PRIMARY KEY AUTO_INCREMENT, email VARCHAR(20) NOT NULL UNIQUE, city VARCHAR(20), n INT NOT NULL DEFAULT 0, KEY (city))",
	`CREATE TABLE books (id INT PRIMARY KEY AUTO_INCREMENT, author_id INT, title VARCHAR(20) DEFAULT 'none', pages INT, twice INT AS (pages * 2) STORED,
		changed DATETIME(6) DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP(6), KEY (pages),
		FOREIGN KEY (author_id) REFERENCES authors (id) ON DELETE CASCADE ON UPDATE SET NULL)`,
	"CREATE TABLE pairs (a INT, b INT, v INT, w INT UNIQUE, PRIMARY KEY (a, b))",
	"CREATE TABLE bare (k INT, v INT)",
	"INSERT INTO authors (id, email, city) VALUES (1, 'a@x', 'Rome'), (2, 'b@x', 'Oslo'), (3, 'c@x', 'Rome'), (4, 'd@x', NULL)",
	"INSERT INTO books (id, author_id, title, pages) VALUES (10, 1, 'A', 100), (11, 1, 'B', 200), (12, 2, 'C', 300), (13, NULL, 'D', 300)",
	"INSERT INTO pairs VALUES (1, 1, 10, 100), (1, 2, 20, 200), (2, 1, 30, NULL)",
	"INSERT INTO bare VALUES (1, 1), (2, 2)",
}

// dsns :: database → how it was opened
var dsns = map[*sql.DB]string{}

// fixture is a database with that schema.
func fixture(t *testing.T, options string, schema ...string) (*sql.DB, *moneyclip.Catalog) {
	t.Helper()
	dsn := servers.MariaDB(t)
	db := open(t, dsn+options)
	dsns[db] = dsn
	for _, query := range slices.Concat(library, schema) {
		run(t, db, query)
	}
	return db, catalog(t, db)
}

func catalog(t *testing.T, db *sql.DB) *moneyclip.Catalog {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c, err := mysql.Dialect.Catalog(t.Context(), dialecttest.Asker(conn))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// transaction is a transaction on a connection of its own.
type transaction struct {
	t   *testing.T
	ask moneyclip.Asker
}

func begin(t *testing.T, db *sql.DB) transaction {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tx := transaction{t, dialecttest.Asker(conn)}
	t.Cleanup(func() {
		conn.ExecContext(context.Background(), "ROLLBACK")
		conn.Close()
	})
	for _, query := range mysql.Dialect.Begin() {
		tx.all(query)
	}
	return tx
}

func (tx transaction) all(query string, args ...driver.Value) [][]driver.Value {
	tx.t.Helper()
	rows, err := tx.ask(tx.t.Context(), query, args...)
	if err != nil {
		tx.t.Fatalf("%s: %v", query, err)
	}
	return rows
}

// words are the values of a row.
func words(row []driver.Value) []string {
	var out []string
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			out = append(out, "NULL")
		case []byte:
			out = append(out, string(v))
		case time.Time:
			out = append(out, v.Format("2006-01-02 15:04:05.000000"))
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
	return out
}

// touched runs a write with its reading, and returns the old and the new values that it tells. It reports false if there
// is no reading, or if that has failed.
func (tx transaction) touched(w *moneyclip.Write, c *moneyclip.Catalog, query string, args []driver.Value, old, new []string) (before, after [][]string, ok bool) {
	tx.t.Helper()
	reading, ok := mysql.Dialect.Reading(w, c, old, new)
	if !ok {
		tx.all(query, args...)
		return nil, nil, false
	}
	var rows [][]driver.Value
	ask := func(q moneyclip.Query) {
		if q.Text == "" {
			return
		}
		var list []driver.Value
		for _, n := range q.Params {
			list = append(list, args[n-1])
		}
		more, err := tx.ask(tx.t.Context(), q.Text, list...)
		if err != nil {
			tx.t.Logf("the reading fails: %v", err)
			ok = false
		}
		rows = append(rows, more...)
	}
	ask(reading.Before)
	again := rows
	tx.all(query, args...)
	ask(reading.After)
	if reading.Again != nil && len(again) > 0 {
		text, list := reading.Again(again)
		rows = append(rows, tx.all(text, list...)...)
	}
	for _, row := range rows {
		w := words(row)
		before, after = append(before, w[:len(old)]), append(after, w[len(old):len(old)+len(new)])
	}
	return before, after, ok
}

// The rows that a write has changed are among those that its reading tells.
func TestReading(t *testing.T) {
	type list = []driver.Value
	tests := []struct {
		query string
		args  list
		wide  bool // no reading is known, which is sound
	}{
		{query: "UPDATE books SET pages = pages + 1 WHERE pages >= ?", args: list{int64(200)}},
		{query: "UPDATE books SET author_id = author_id + 1, title = lower(title) WHERE pages BETWEEN ? AND ?", args: list{int64(1), int64(250)}},
		{query: "UPDATE books SET title = CASE WHEN pages > ? THEN 'x' ELSE title END", args: list{int64(150)}},
		{query: "UPDATE LOW_PRIORITY IGNORE books AS b SET b.title = concat(b.title, ?) WHERE b.author_id IN (SELECT id FROM authors WHERE city = ?)", args: list{"x", "Rome"}},
		{query: "UPDATE books SET pages = (SELECT count(*) FROM authors) WHERE author_id = (SELECT max(author_id) FROM (SELECT author_id FROM books) AS z)"},
		{query: "UPDATE books b JOIN authors a ON a.id = b.author_id SET b.title = a.city WHERE a.email = ?", args: list{"a@x"}},
		{query: "UPDATE books b LEFT JOIN authors a ON a.id = b.author_id SET b.title = 'lost' WHERE a.id IS NULL"},
		{query: "UPDATE books b JOIN authors a ON a.id = b.author_id SET b.pages = b.pages + 1 WHERE b.pages > 100", wide: true},
		{query: "UPDATE books SET pages = 0 WHERE pages > 0 ORDER BY id LIMIT 1", wide: true},
		{query: "UPDATE books SET pages = 0 WHERE rand() < 2", wide: true},
		{query: "UPDATE books SET id = id + 100", wide: true},
		{query: "UPDATE pairs SET v = v * 2 WHERE a = ?", args: list{int64(1)}},
		{query: "UPDATE bare SET v = v + 1", wide: true},
		{query: "UPDATE authors SET email = concat(email, '!') WHERE city = 'Rome' OR city IS NULL"},
		{query: "DELETE FROM books WHERE title IN (?, 'B') ORDER BY id", args: list{"C"}},
		{query: "DELETE FROM books WHERE author_id IN (SELECT id FROM authors WHERE city = ?)", args: list{"Rome"}},
		{query: "DELETE b FROM books b JOIN authors a ON a.id = b.author_id WHERE a.city = ?", args: list{"Rome"}},
		{query: "DELETE FROM b USING books AS b, authors AS a WHERE a.id = b.author_id AND a.city = ?", args: list{"Oslo"}},
		{query: "DELETE FROM books WHERE id = ? LIMIT 1", args: list{int64(10)}, wide: true},
		{query: "DELETE FROM bare"},
		{query: "DELETE /* ? */ FROM books WHERE title = ')' OR title = ? -- ?", args: list{"A"}},
		{query: "INSERT INTO books (author_id, title) VALUES (1, ?)", args: list{"x"}},
		{query: "INSERT INTO books (author_id, title) VALUES (1, upper(?)), (2, 'y'), (?, DEFAULT)", args: list{"x", int64(3)}},
		{query: "INSERT INTO books (id, author_id) VALUES (NULL, 1), (NULL, 2)"},
		{query: "INSERT INTO books VALUES ()"},
		{query: "INSERT INTO books SET author_id = 2, pages = 5 + ?", args: list{int64(5)}},
		{query: "INSERT INTO books (id, author_id) VALUES (DEFAULT, 1)"},
		{query: "INSERT INTO books (id, author_id) VALUES (?, 1)", args: list{nil}, wide: true},
		{query: "INSERT INTO books (id, author_id) VALUES (?, 1)", args: list{int64(0)}, wide: true},
		{query: "INSERT INTO books (id, author_id, pages) VALUES (?, 1, 2 * 3)", args: list{int64(50)}},
		{query: "INSERT INTO books (id, author_id, pages) VALUES (?, 1, 2 * 3), (51, 2, ?)", args: list{"50", int64(1)}},
		{query: "INSERT INTO pairs (a, b, v) VALUES (?, 5, 1 + 1)", args: list{int64(7)}},
		{query: "INSERT INTO pairs (a, b, v) VALUES (?, 5, 1 + 1)", args: list{"7.6"}, wide: true},
		{query: "INSERT INTO bare (k, v) SELECT id + ?, author_id FROM books WHERE pages > 100", args: list{int64(5)}},
		{query: "INSERT INTO bare (v, k) SELECT max(pages) AS m, author_id FROM books GROUP BY author_id HAVING max(pages) > ?", args: list{int64(1)}},
		{query: "INSERT INTO bare (v, k) SELECT max(pages) AS m, author_id FROM books GROUP BY author_id HAVING m > ?", args: list{int64(1)}, wide: true},
		{query: "INSERT INTO bare (k) SELECT id FROM books ORDER BY id LIMIT 1", wide: true},
		{query: "INSERT INTO authors (email, n) SELECT concat(email, '2'), 1 FROM authors WHERE city = ?", args: list{"Rome"}, wide: true},
		{query: "INSERT INTO authors (email, city) VALUES (?, 'Bonn') ON DUPLICATE KEY UPDATE city = VALUES(city)", args: list{"a@x"}},
		{query: "INSERT INTO authors (email, city) VALUES (?, 'Bonn') ON DUPLICATE KEY UPDATE city = VALUES(city)", args: list{"new@x"}},
		{query: "INSERT INTO authors (email, city) VALUES (?, 'Bonn'), ('b@x', 'Kiel') ON DUPLICATE KEY UPDATE n = n + 1", args: list{"A@X "}},
		{query: "INSERT INTO authors (id, email) VALUES (?, 'b@x') ON DUPLICATE KEY UPDATE n = n + 1", args: list{int64(1)}, wide: true},
		{query: "INSERT INTO authors (email) VALUES ('a@x') ON DUPLICATE KEY UPDATE email = 'z@x'", wide: true},
		{query: "REPLACE INTO authors (email, city) VALUES (?, 'Bonn')", args: list{"a@x"}},
		{query: "REPLACE INTO authors (id, email) VALUES (?, ?)", args: list{int64(1), "b@x"}},
		{query: "REPLACE INTO pairs (a, b, v, w) VALUES (1, 1, 5, 200), (9, 9, 9, ?)", args: list{int64(100)}},
		{query: "REPLACE INTO pairs (a, b, v, w) VALUES (1, 1, 5, 200), (9, 9, 9, ?)", args: list{int64(200)}, wide: true}, // the second deletes the first
		{query: "REPLACE INTO pairs (a, b) VALUES (1, 1)", wide: true},
		{query: "REPLACE INTO pairs (a, b, w) VALUES (?, 1, 7)", args: list{"1.4"}, wide: true},
	}
	for _, options := range []string{"", "?interpolateParams=true&sql_mode=%27%27", "?parseTime=true"} {
		t.Run(options, func(t *testing.T) {
			db, c := fixture(t, options)
			for _, tt := range tests {
				t.Run(tt.query, func(t *testing.T) { checkReading(t, db, c, tt.query, tt.args, tt.wide) })
			}
		})
	}
}

func checkReading(t *testing.T, db *sql.DB, c *moneyclip.Catalog, query string, args []driver.Value, wide bool) {
	s := mysql.Dialect.Analyze(query, c)
	if s.Kind != moneyclip.KindWrite || len(s.Writes) != 1 {
		t.Fatalf("%+v", s)
	}
	w := &s.Writes[0]
	table := c.Tables[w.Table]
	var names []string
	for _, column := range table.Columns {
		names = append(names, column.Name)
	}
	known := 0
	for _, name := range names {
		tx := begin(t, db)
		all := fmt.Sprintf("SELECT %s FROM %s", strings.Join(names, ", "), w.Table)
		was := tx.all(all)
		old, new := []string{name}, []string{name}
		switch {
		case w.Op == moneyclip.Insert && w.Conflict == nil && !w.Replace:
			old = nil
		case w.Conflict != nil && name == "city" || w.Conflict != nil && name == "n":
			old = nil // it is assigned
		case w.Op == moneyclip.Delete:
			new = nil
		}
		before, after, ok := tx.touched(w, c, query, args, old, new)
		is := tx.all(all)
		tx.all("ROLLBACK")
		if !ok || !canonical(table.Column(name), before) || !canonical(table.Column(name), after) {
			continue
		}
		known++
		i := slices.Index(names, name)
		changed := func(rows, others [][]driver.Value) (out []string) {
			var texts []string
			for _, row := range others {
				texts = append(texts, strings.Join(words(row), "|"))
			}
			for _, row := range rows {
				if at := slices.Index(texts, strings.Join(words(row), "|")); at >= 0 {
					texts = slices.Delete(texts, at, at+1)
					continue
				}
				out = append(out, words(row)[i])
			}
			return out
		}
		if old != nil {
			contains(t, name+" before", changed(was, is), before)
		}
		if new != nil {
			contains(t, name+" after", changed(is, was), after)
		}
		if len(changed(was, is))+len(changed(is, was)) == 0 {
			t.Errorf("the statement changes nothing: no test")
		}
	}
	if !wide && known != len(names) || wide && known == len(names) {
		t.Errorf("a reading is known for %d columns of %d", known, len(names))
	}
}

// canonical reports whether all values have a canonical spelling: if one has none every key is dropped.
func canonical(column *moneyclip.Column, rows [][]string) bool {
	if mysql.Dialect.Keyable(column) != "" {
		return true
	}
	return !slices.ContainsFunc(rows, func(row []string) bool {
		if len(row) == 0 || row[0] == "NULL" {
			return false
		}
		_, ok := mysql.Dialect.Canonical(column)(row[0])
		return !ok
	})
}

func contains(t *testing.T, what string, values []string, rows [][]string) {
	t.Helper()
	for _, v := range values {
		if v != "NULL" && !slices.ContainsFunc(rows, func(row []string) bool { return plain(row[0]) == plain(v) }) {
			t.Errorf("%s: %q is missing in %q", what, v, rows)
		}
	}
}

// plain is a value without the zeros at the end of a fraction.
func plain(v string) string {
	if strings.Contains(v, ".") && strings.Contains(v, ":") {
		return strings.TrimRight(strings.TrimRight(v, "0"), ".")
	}
	return v
}

// The rows below a foreign key are those of the rows that are deleted.
func TestChildren(t *testing.T) {
	db, c := fixture(t, "")
	s := mysql.Dialect.Analyze("DELETE FROM authors WHERE city = ?", c)
	parent := &s.Writes[0]
	child := &moneyclip.Write{Op: moneyclip.Delete, Table: "books", Parent: parent, Key: &c.Tables["authors"].Keys[0]}
	tx := begin(t, db)
	before, _, ok := tx.touched(child, c, "DELETE FROM authors WHERE city = ?", []driver.Value{"Rome"}, []string{"id"}, nil)
	if got := fmt.Sprint(before); !ok || got != "[[10] [11]]" {
		t.Errorf("children = %s, %v", got, ok)
	}
}

// What a reading has found stays so until the write: others wait who would change it.
func TestReadingLocks(t *testing.T) {
	db, c := fixture(t, "")
	for _, tt := range []struct{ query, others string }{
		{"DELETE FROM books WHERE pages > 250", "INSERT INTO books (pages) VALUES (400)"},
		{"DELETE FROM books WHERE pages > 250", "UPDATE books SET pages = 500 WHERE id = 10"},
		{"DELETE FROM books WHERE author_id IN (SELECT id FROM authors WHERE city = 'Rome')", "UPDATE authors SET city = 'Rome' WHERE id = 2"},
		{"DELETE FROM books WHERE author_id IN (SELECT id FROM authors WHERE city = 'Rome')", "INSERT INTO authors (email, city) VALUES ('q@x', 'Rome')"},
		{"UPDATE books b JOIN authors a ON a.id = b.author_id SET b.title = 'x' WHERE a.city = 'Rome'", "UPDATE authors SET city = 'Rome' WHERE id = 2"},
		{"INSERT INTO bare (k, v) SELECT id, 1 FROM books WHERE pages > 250", "INSERT INTO books (pages) VALUES (400)"},
		{"REPLACE INTO pairs (a, b, v, w) VALUES (5, 5, 5, 5)", "INSERT INTO pairs VALUES (6, 6, 6, 5)"},
	} {
		t.Run(tt.query+" / "+tt.others, func(t *testing.T) {
			s := mysql.Dialect.Analyze(tt.query, c)
			w := &s.Writes[0]
			column := []string{c.Tables[w.Table].Columns[0].Name}
			old, new := column, column
			if w.Op == moneyclip.Insert && !w.Replace {
				old = nil
			}
			reading, ok := mysql.Dialect.Reading(w, c, old, new)
			if !ok || !reading.Ranges {
				t.Fatalf("Reading = %+v, %v", reading, ok)
			}
			tx := begin(t, db)
			tx.all(reading.Before.Text)
			var wait sync.WaitGroup
			wait.Add(1)
			done := make(chan struct{})
			go func() {
				defer wait.Done()
				other, err := db.Begin()
				if err == nil {
					_, err = other.Exec(tt.others)
					close(done)
					other.Rollback()
				}
				if err != nil {
					t.Errorf("%s: %v", tt.others, err)
				}
			}()
			select {
			case <-done:
				t.Errorf("%s does not wait", tt.others)
			case <-time.After(300 * time.Millisecond):
			}
			tx.all("ROLLBACK")
			wait.Wait()
		})
	}
}

// A trigger or a generated column has the last word on what is stored.
func TestReadingTriggers(t *testing.T) {
	db, c := fixture(t, "", "CREATE TRIGGER t BEFORE INSERT ON bare FOR EACH ROW SET NEW.v = NEW.v + 1",
		"CREATE TRIGGER u BEFORE UPDATE ON pairs FOR EACH ROW BEGIN IF NEW.v > 5 THEN SET NEW.w = 1000 + NEW.v; END IF; END")
	for query, wide := range map[string]bool{
		"INSERT INTO bare (k, v) VALUES (5, 5)":        true,
		"UPDATE pairs SET v = 6 WHERE a = 1 AND b = 1": false,
	} {
		checkReading(t, db, c, query, nil, wide)
	}
}
