package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
)

// The whole way: selects are cached, and after each write they return what the database holds.
func TestStack(t *testing.T) {
	base, _ := fixture(t, "", "CREATE TRIGGER log AFTER DELETE ON bare FOR EACH ROW UPDATE pairs SET v = v + 1 WHERE a = OLD.k")
	var config *driver.Config
	for _, options := range []string{"", "interpolateParams=true", "parseTime=true"} {
		t.Run(options, func(t *testing.T) {
			config = configOf(t, base, options)
			connector, err := driver.NewConnector(config)
			if err != nil {
				t.Fatal(err)
			}
			cache, err := moneyclip.New(mysql.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{
				{Name: "author", Key: "author::id-%d", Table: "authors", By: []string{"id"}},
				{Name: "email", Key: "author::email-%s", Table: "authors", By: []string{"email"}},
				{Name: "book", Key: "book::id-%d", Table: "books", By: []string{"id"}},
				{Name: "count", Key: "books::of-%d", Query: "SELECT count(*) FROM books WHERE author_id = ?"},
				{Name: "pair", Key: "pair::%d", Query: "SELECT sum(v) FROM pairs WHERE a = ?"},
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cache.Close() })
			db := sql.OpenDB(cache.Connector(connector))
			t.Cleanup(func() { db.Close() })
			walk(t, db, base, cache)
		})
	}
}

// Two connectors that were told to read values otherwise do not share rows, also if they are of two caches on one store.
func TestConnectorsOfOneStore(t *testing.T) {
	base, _ := fixture(t, "", "CREATE TABLE events (id BIGINT PRIMARY KEY, at DATETIME)", "INSERT INTO events VALUES (1, '2000-07-01 03:04:05')")
	store := moneyclip.NewMemStore(1 << 20)
	options := []string{"", "parseTime=true", "parseTime=true&loc=Europe%2FBerlin", "parseTime=true&loc=Europe%2FRome", "parseTime=true"}
	type pair struct {
		cache       *moneyclip.Cache
		wrapped, db *sql.DB
	}
	var pairs []pair
	for _, o := range options {
		connector, err := driver.NewConnector(configOf(t, base, o))
		if err != nil {
			t.Fatal(err)
		}
		cache, err := moneyclip.New(mysql.Dialect, moneyclip.Config{Store: store, Rules: []moneyclip.Rule{{Key: "event::%d", Table: "events", By: []string{"id"}}}})
		if err != nil {
			t.Fatal(err)
		}
		p := pair{cache, sql.OpenDB(cache.Connector(connector)), sql.OpenDB(connector)}
		t.Cleanup(func() { p.wrapped.Close(); p.db.Close(); p.cache.Close() })
		pairs = append(pairs, p)
	}
	const query = "SELECT at FROM events WHERE id = ?"
	for i, p := range pairs {
		if got, want := answer(t, p.wrapped, query, 1), answer(t, p.db, query, 1); got != want {
			t.Errorf("%q: got %s, want %s", options[i], got, want)
		}
	}
	if pairs[len(pairs)-1].cache.Stats().Hits == 0 {
		t.Error("two that were told the same do not share rows")
	}
}

// configOf is how the database of a connection is reached.
func configOf(t *testing.T, db *sql.DB, options string) *driver.Config {
	t.Helper()
	config, err := driver.ParseDSN(dsns[db])
	if err != nil {
		t.Fatal(err)
	}
	config, err = driver.ParseDSN(config.FormatDSN() + "?" + options)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func walk(t *testing.T, db, base *sql.DB, cache *moneyclip.Cache) {
	reads := []struct {
		query string
		args  []any
	}{
		{"SELECT email, city, n FROM authors WHERE id = ?", []any{1, 2, 3, 4, 5, 6}},
		{"SELECT id, city, n FROM authors WHERE email = ?", []any{"a@x", "b@x", "c@x", "z@x", "A@X"}},
		{"SELECT author_id, title, pages FROM books WHERE id = ?", []any{10, 11, 12, 13, 14, 15}},
		{"SELECT count(*) FROM books WHERE author_id = ?", []any{1, 2, 3, 4, 5}},
		{"SELECT sum(v) FROM pairs WHERE a = ?", []any{1, 2, 3}},
	}
	check := func(after string) {
		t.Helper()
		for _, read := range reads {
			for _, arg := range read.args {
				for range 2 {
					got, want := answer(t, db, read.query, arg), answer(t, base, read.query, arg)
					if got != want {
						t.Errorf("after %s: %s (%v) = %s, want %s", after, read.query, arg, got, want)
					}
				}
			}
		}
	}
	check("nothing")
	if hits := cache.Stats().Hits; hits == 0 {
		t.Error("there are no hits")
	}
	for _, w := range []struct {
		query string
		args  []any
	}{
		{"UPDATE authors SET city = ? WHERE id = ?", []any{"Paris", 1}},
		{"UPDATE authors SET n = n + 1 WHERE city = 'Rome' OR city IS NULL", nil},
		{"INSERT INTO authors (email, city) VALUES (?, 'Bonn') ON DUPLICATE KEY UPDATE city = VALUES(city)", []any{"a@x"}},
		{"INSERT INTO books (author_id, title) VALUES (?, 'new')", []any{2}},
		{"UPDATE books SET author_id = 3 WHERE pages > ?", []any{150}},
		{"UPDATE books b JOIN authors a ON a.id = b.author_id SET b.title = a.city WHERE a.email = ?", []any{"c@x"}},
		{"DELETE FROM bare WHERE k = ?", []any{1}},
		{"REPLACE INTO pairs (a, b, v) VALUES (1, 2, ?)", []any{5}},
		{"UPDATE authors SET id = 6 WHERE id = ?", []any{2}},
		{"DELETE FROM authors WHERE city = ?", []any{"Rome"}},
		{"REPLACE INTO authors (email, n) VALUES (?, 7)", []any{"a@x"}},
		{"UPDATE authors SET email = 'z@x' WHERE email = ?", []any{"A@X"}},
		{"INSERT INTO bare (k) VALUES (1), (2)", nil},
		{"DELETE FROM bare", nil},
	} {
		run(t, db, w.query, w.args...)
		check(w.query)
	}
	for _, table := range []string{"books", "authors", "pairs", "bare"} {
		run(t, db, "DELETE FROM "+table)
		check("a delete")
	}
	for _, query := range library[slices.IndexFunc(library, func(q string) bool { return q[:6] == "INSERT" }):] {
		run(t, db, query)
		check(query)
	}
}

// answer is what a query returns, as a text.
func answer(t *testing.T, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string, args ...any,
) string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	out := ""
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprint(values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
