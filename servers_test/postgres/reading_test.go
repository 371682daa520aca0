package postgres_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
)

const shop = `
CREATE TABLE authors (id int PRIMARY KEY, name text NOT NULL UNIQUE, code char(4), price numeric(10,2));
CREATE TABLE books (id int PRIMARY KEY, author_id int NOT NULL REFERENCES authors ON DELETE CASCADE, title text, pages int);
CREATE TABLE loose (a int, b int);
INSERT INTO authors VALUES (1, 'Ann', 'a', 1.50), (2, 'Bob', 'b', 2), (3, 'Cid', NULL, NULL);
INSERT INTO books VALUES (10, 1, 'A', 100), (11, 1, 'B', 200), (12, 2, 'C', 300);
INSERT INTO loose VALUES (1, 1), (2, 2);
`

// Each write is read as core reads it: steps by the names of their rows, NULL for what another step tells.
func TestReading(t *testing.T) {
	tests := []struct {
		name, query string
		args        []any
		old, new    []string
		want        string // rows of each step; empty: there is no sound way
	}{
		{
			"delete", "DELETE FROM books WHERE pages < $1 -- all", []any{250}, []string{"id", "author_id"}, nil,
			"instead 10 1; instead 11 1",
		},
		{"delete that returns", "DELETE FROM books AS b WHERE id = $1 RETURNING title", []any{10}, []string{"id"}, nil, "instead A 10"},
		{"delete using", "DELETE FROM books b USING authors a WHERE a.id = b.author_id AND a.name = $1", []any{"Bob"}, []string{"id"}, nil,
			"instead 12"},
		{"volatile", "DELETE FROM books WHERE random() < 2 AND id = 10", nil, []string{"id"}, nil, "instead 10"},
		{"update", "UPDATE books SET pages = pages + 1 WHERE author_id = $1", []any{1}, []string{"title"}, nil, "instead A; instead B"},
		{
			"move", "UPDATE books SET author_id = $1 WHERE author_id = $2", []any{3, 1}, []string{"author_id"}, []string{"author_id"},
			"before 1 NULL 10; before 1 NULL 11; instead NULL 3 10; instead NULL 3 11",
		},
		{
			"move by another table", "WITH x AS (SELECT 2 AS id) UPDATE books b SET author_id = 3 FROM authors a, x WHERE b.author_id = a.id AND a.id = x.id",
			nil, []string{"author_id"}, nil, "before 2 12; instead NULL 12",
		},
		{"move of the key", "UPDATE books SET id = id + 100 WHERE id = $1", []any{10}, []string{"id"}, nil, ""},
		{"move by chance", "UPDATE books SET author_id = 3 WHERE random() < 2", nil, []string{"author_id"}, nil, ""},
		{"move without a key", "UPDATE loose SET a = 3", nil, []string{"a"}, nil, ""},
		{"new value only", "UPDATE loose SET a = b + 1", nil, nil, []string{"a"}, "instead 2; instead 3"},
		{"texts", "UPDATE authors SET name = name || 'x' WHERE id = 1", nil, []string{"code", "price"}, []string{"price"}, "instead a 1.50 1.50"},
		{"insert", "INSERT INTO books VALUES ($1, $2), (101, 1)", []any{100, 2}, nil, []string{"id", "author_id"}, "instead 100 2; instead 101 1"},
		{
			"conflict", "INSERT INTO authors (id, name) VALUES (9, 'Ann') ON CONFLICT (name) DO UPDATE SET code = 'zz'", nil,
			[]string{"id"}, []string{"id", "code"}, "instead 1 1 zz",
		},
		{
			"conflict that moves", "INSERT INTO authors (id, name) VALUES (9, 'Ann') ON CONFLICT (name) DO UPDATE SET id = 7", nil,
			[]string{"id"}, nil, "",
		},
	}
	for _, driver := range drivers {
		for _, tt := range tests {
			t.Run(driver+" "+tt.name, func(t *testing.T) {
				conn := connect(t, open(t, driver))
				exec(t, conn, shop)
				catalog := catalogOf(t, conn)
				s := postgres.Dialect.Analyze(tt.query, catalog)
				w := &s.Writes[len(s.Writes)-1]
				reading, ok := postgres.Dialect.Reading(w, catalog, tt.old, tt.new)
				if !ok {
					if tt.want != "" {
						t.Fatalf("Reading has no sound way, want %q", tt.want)
					}
					return
				}
				var got []string
				add := func(step, text string, args ...any) {
					rows, err := conn.QueryContext(t.Context(), text, args...)
					if err != nil {
						t.Fatalf("%s(%q): %v", step, text, err)
					}
					for _, row := range scan(t, rows) {
						got = append(got, step+" "+strings.TrimRight(row, " "))
					}
				}
				exec(t, conn, "BEGIN")
				if reading.Before.Text != "" {
					var args []any
					for _, n := range reading.Before.Params {
						args = append(args, tt.args[n-1])
					}
					add("before", reading.Before.Text, args...)
				}
				add("instead", reading.Instead, tt.args...)
				exec(t, conn, "COMMIT")
				slices.Sort(got)
				if text := strings.Join(got, "; "); text != tt.want {
					t.Errorf("rows = %q, want %q", text, tt.want)
				}
			})
		}
	}
}

// The rows of writes in WITH come behind the statement's own, each with a mark of whose it is.
func TestReadingWith(t *testing.T) {
	tests := []struct {
		name, query string
		args        []any
		read        map[string][]string // :: table → columns, old and new
		want        string              // rows; empty: there is no sound way
	}{
		{
			"a read around it", "WITH x AS (DELETE FROM books WHERE pages < $1 RETURNING *) SELECT x.*, 'x' AS y FROM x ORDER BY pages DESC", []any{250},
			map[string][]string{"books": {"id"}}, "11 1 B 200 x true NULL NULL; 10 1 A 100 x true NULL NULL; NULL NULL NULL NULL NULL NULL 10 true; " +
				"NULL NULL NULL NULL NULL NULL 11 true",
		},
		{
			"nobody reads it", "WITH x AS (UPDATE books SET pages = 1 WHERE pages < $1), y (z) AS (INSERT INTO loose VALUES (7, 7) RETURNING a) SELECT count(*), sum(z) FROM y", []any{150},
			map[string][]string{"books": {"id"}, "loose": {"a", "b"}}, "1 7 true NULL NULL NULL NULL NULL; NULL NULL NULL 10 true NULL NULL NULL; NULL NULL NULL NULL NULL 7 7 true",
		},
		{
			"no row is returned", "WITH x AS (DELETE FROM books WHERE id = 10 RETURNING id AS n, title) SELECT n FROM x WHERE n < 0", nil,
			map[string][]string{"books": {"author_id"}}, "NULL NULL NULL NULL; NULL NULL 1 true",
		},
		{
			"a write around it", "WITH x AS (DELETE FROM books WHERE author_id = $1 RETURNING author_id) UPDATE authors a SET code = 'q' FROM x WHERE a.id = x.author_id RETURNING a.name", []any{2},
			map[string][]string{"books": {"id"}, "authors": {"id"}}, "Bob 2 true NULL NULL; NULL NULL NULL 12 true",
		},
		{
			"a write around it that returns nothing", "WITH x AS (DELETE FROM books RETURNING author_id) INSERT INTO loose SELECT author_id, 9 FROM x", nil,
			map[string][]string{"books": {"id"}}, "true NULL NULL; true NULL NULL; true NULL NULL; NULL 10 true; NULL 11 true; NULL 12 true",
		},
		{
			"both are read", "WITH RECURSIVE x AS (DELETE FROM books WHERE id = 12 RETURNING author_id), n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 2) " +
				"INSERT INTO loose SELECT author_id, i FROM x, n", nil,
			map[string][]string{"books": {"id"}, "loose": {"a"}}, "2 true NULL NULL; 2 true NULL NULL; NULL NULL 12 true",
		},
		{"its names are not certain", "WITH x AS (DELETE FROM books WHERE id = 10 RETURNING pages + 1) SELECT * FROM x", nil, map[string][]string{"books": {"id"}}, ""},
		{"two names are alike", "WITH x AS (DELETE FROM books WHERE id = 10 RETURNING id, pages AS id) SELECT 1", nil, map[string][]string{"books": {"id"}}, ""},
		{"a star of two tables", "WITH x AS (DELETE FROM books USING authors WHERE books.id = 10 RETURNING *) SELECT 1", nil, map[string][]string{"books": {"id"}}, ""},
	}
	for _, driver := range drivers {
		for _, tt := range tests {
			t.Run(driver+" "+tt.name, func(t *testing.T) {
				conn := connect(t, open(t, driver))
				exec(t, conn, shop)
				catalog := catalogOf(t, conn)
				s := postgres.Dialect.Analyze(tt.query, catalog)
				var parts []moneyclip.Part
				for i := range s.Writes {
					w := &s.Writes[i]
					columns := tt.read[strings.TrimPrefix(w.Table, "public.")]
					if columns == nil {
						continue
					}
					old, new := columns, []string(nil)
					if w.Op == moneyclip.Insert {
						old, new = nil, columns
					}
					reading, _ := postgres.Dialect.Reading(w, catalog, old, new)
					if reading.Part == nil {
						continue
					}
					if reading.Part.Own() {
						parts = slices.Insert(parts, 0, reading.Part)
						continue
					}
					parts = append(parts, reading.Part)
				}
				if tt.want == "" {
					if len(parts) > 0 {
						t.Error("there is a part, want none")
					}
					return
				}
				if len(parts) != len(tt.read) {
					t.Fatalf("%d parts, want %d", len(parts), len(tt.read))
				}
				text, ok := parts[0].Together(parts)
				if !ok {
					t.Fatal("Together has no text")
				}
				rows, err := conn.QueryContext(t.Context(), text, tt.args...)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if got := strings.Join(scan(t, rows), "; "); got != tt.want {
					t.Errorf("rows = %q, want %q", got, tt.want)
				}
			})
		}
	}
}

// Rows that a statement only brings about are read if they are named by a unique key, or are there to be found after it.
func TestReadingPinned(t *testing.T) {
	conn := connect(t, open(t, "pgx"))
	exec(t, conn, shop)
	catalog := catalogOf(t, conn)
	param := func(column string, n int) moneyclip.Pin {
		return moneyclip.Pin{Column: column, Values: []moneyclip.Value{{Kind: moneyclip.ValueParam, Param: n}}}
	}
	parent := &moneyclip.Write{Op: moneyclip.Delete, Table: "public.authors", Pins: []moneyclip.Pin{param("id", 1)}, Source: 1}
	many := &moneyclip.Write{Op: moneyclip.Delete, Table: "public.authors", Pins: []moneyclip.Pin{param("code", 1)}, Source: 1}
	key := &catalog.Tables["public.authors"].Keys[0]
	tests := []struct {
		name     string
		write    moneyclip.Write
		arg      int64
		old, new []string
		want     string // "none" if there is no sound way, "missed" if it fails
	}{
		{"delete by a key", moneyclip.Write{Op: moneyclip.Delete, Table: "public.books", Pins: []moneyclip.Pin{param("id", 1)}}, 10,
			[]string{"title"}, nil, "A"},
		{"delete of nothing", moneyclip.Write{Op: moneyclip.Delete, Table: "public.books", Pins: []moneyclip.Pin{param("id", 1)}}, 99,
			[]string{"title"}, nil, "missed"},
		{"delete of many", moneyclip.Write{Op: moneyclip.Delete, Table: "public.books", Pins: []moneyclip.Pin{param("author_id", 1)}}, 1,
			[]string{"title"}, nil, "none"},
		{"update of many", moneyclip.Write{
			Op: moneyclip.Update, Table: "public.books", Pins: []moneyclip.Pin{param("author_id", 1)}, Set: []moneyclip.Assignment{{Column: "pages"}},
		}, 1, []string{"title"}, []string{"title"}, "A A; B B"},
		{"update of what is asked", moneyclip.Write{
			Op: moneyclip.Update, Table: "public.books", Pins: []moneyclip.Pin{param("id", 1)}, Set: []moneyclip.Assignment{{Column: "pages"}},
		}, 10, []string{"pages"}, nil, "none"},
		{"children", moneyclip.Write{Op: moneyclip.Delete, Table: "public.books", Parent: parent, Key: key}, 1, []string{"id"}, nil, "10; 11"},
		{"children of nobody", moneyclip.Write{Op: moneyclip.Delete, Table: "public.books", Parent: parent, Key: key}, 9, []string{"id"}, nil,
			"missed"},
		{"children of many", moneyclip.Write{Op: moneyclip.Delete, Table: "public.books", Parent: many, Key: key}, 1, []string{"id"}, nil,
			"none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reading, ok := postgres.Dialect.Reading(&tt.write, catalog, tt.old, tt.new)
			got := "none"
			if ok {
				got = run(t, conn, reading, tt.arg)
			}
			if got != tt.want {
				t.Errorf("rows = %q, want %q", got, tt.want)
			}
		})
	}
}

func run(t *testing.T, conn *sql.Conn, reading moneyclip.Reading, arg int64) string {
	t.Helper()
	var got []string
	for _, q := range []moneyclip.Query{reading.Mark, reading.Before, reading.After} {
		if q.Text == "" {
			continue
		}
		args := make([]any, len(q.Params))
		for i := range args {
			args[i] = arg
		}
		rows, err := conn.QueryContext(t.Context(), q.Text, args...)
		if err != nil {
			t.Fatalf("Query(%q): %v", q.Text, err)
		}
		found := scan(t, rows)
		if q.Text == reading.Mark.Text {
			if len(found) != 1 {
				return "missed"
			}
			continue
		}
		got = append(got, found...)
	}
	slices.Sort(got)
	return strings.Join(got, "; ")
}

// The session says what it is.
func TestIdentity(t *testing.T) {
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			db := open(t, driver)
			plain := identify(t, connect(t, db), "")
			if want := []string{"public"}; !slices.Equal(plain.Path, want) || plain.Tainted != "" {
				t.Errorf("Identify = %+v, want the path %q and no taint", plain, want)
			}
			for _, setting := range []string{
				"TimeZone = 'Asia/Tokyo'", "DateStyle = 'SQL'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'",
				"extra_float_digits = 0", "search_path = pg_catalog", "row_security = off",
				"default_text_search_config = 'pg_catalog.german'", "xmlbinary = hex",
			} {
				conn := connect(t, db)
				exec(t, conn, "SET "+setting)
				if got := identify(t, conn, ""); got.Profile == plain.Profile || got.Scope != plain.Scope {
					t.Errorf("SET %s leaves the profile as it is, or changes the scope", setting)
				}
			}
			for _, query := range []string{
				"CREATE TEMP TABLE x (a int)", "SET session_replication_role = replica", "SET transform_null_equals = on",
			} {
				conn := connect(t, db)
				exec(t, conn, query)
				if got := identify(t, conn, ""); got.Tainted == "" {
					t.Errorf("%s does not taint the session", query)
				}
			}
			one := identify(t, connect(t, db), "postgres://u:secret@h/db?sslmode=disable&connect_timeout=5")
			two := identify(t, connect(t, db), "host=h user=v dbname=db sslmode=require")
			other := identify(t, connect(t, db), "host=h user=v dbname=db default_query_exec_mode=exec")
			if one.Profile != two.Profile || one.Profile == other.Profile {
				t.Errorf("profiles of a DSN in two forms and of another: %q, %q, %q", one.Profile, two.Profile, other.Profile)
			}
		})
	}
}

// What the server calls an error leaves no doubt, unless it comes of the connection's end.
func TestSettled(t *testing.T) {
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			db := open(t, driver)
			conn := connect(t, db)
			exec(t, conn, shop)
			for query, want := range map[string][3]bool{ // settled, added, ends
				"INSERT INTO authors VALUES (1, 'x')":        {true, false, false},
				"SELECT nothing()":                           {true, true, false},
				"DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$": {true, true, false},
				"DO $$ BEGIN RAISE SQLSTATE '40003'; END $$": {false, false, false},
				"DO $$ BEGIN RAISE SQLSTATE '57P01'; END $$": {false, false, true},
				"DO $$ BEGIN RAISE SQLSTATE '25P03'; END $$": {true, false, true},
				"DO $$ BEGIN RAISE SQLSTATE '57014'; END $$": {true, false, false},
			} {
				_, err := conn.ExecContext(t.Context(), query)
				d := postgres.Dialect
				if got := [3]bool{d.Settled(err), d.Added(err), d.Ends(err)}; err == nil || got != want {
					t.Errorf("%s: %v: settled, added, ends = %v, want %v", query, err, got, want)
				}
			}
			tx, err := conn.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			tx.ExecContext(t.Context(), "SELECT nothing()")
			if err := tx.Commit(); err == nil || !postgres.Dialect.Settled(fmt.Errorf("saving: %w", err)) {
				t.Errorf("COMMIT of a failed transaction: %v is not settled", err)
			}
		})
	}
}
