// Package dialecttest is the suite that every [moneyclip.Dialect] passes, run against the database that it speaks to.
package dialecttest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// Cases is what the suite must be told of a dialect.
type Cases struct {
	// DSN is passed to Identify as the text with which the databases were opened.
	DSN string

	// Bind writes a text with "?" for each parameter in the dialect's own way. Nil: it is its way.
	Bind func(query string) string

	// Columns are the types of columns for which Canonical is compared with the database's own "=", such as
	// "INTEGER" or "TEXT COLLATE NOCASE".
	Columns []string

	// Values are compared pair by pair in each of Columns. A value that a column refuses is left out there.
	Values []driver.Value

	// Nasty are further texts that must not upset Analyze.
	Nasty []string

	_ struct{}
}

// schema is understood by all databases, and so are the statements of this suite.
var schema = []string{
	`CREATE TABLE authors (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL, city VARCHAR(50), UNIQUE (name))`,
	`CREATE TABLE books (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL, title VARCHAR(100), pages INTEGER,
		FOREIGN KEY (author_id) REFERENCES authors (id) ON DELETE CASCADE)`,
	`INSERT INTO authors (id, name, city) VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo'), (3, 'Cid', 'Rome')`,
	`INSERT INTO books (id, author_id, title, pages) VALUES (10, 1, 'A', 100), (11, 1, 'B', 200), (12, 2, 'C', 300)`,
}

// suite is one run of Exercise.
type suite struct {
	d     moneyclip.Dialect
	open  func(t *testing.T) *sql.DB
	cases Cases
}

// Exercise runs the suite. Each call of open gives a database of its own, empty and reached by any number of
// connections; open closes it when the test ends.
func Exercise(t *testing.T, d moneyclip.Dialect, open func(t *testing.T) *sql.DB, cases Cases) {
	t.Helper()
	if cases.Bind == nil {
		cases.Bind = func(query string) string { return query }
	}
	s := suite{d: d, open: open, cases: cases}
	t.Run("Name", s.name)
	t.Run("Nasty", s.nasty)
	t.Run("Garbage", s.garbage)
	t.Run("Kinds", s.kinds)
	t.Run("QueryName", s.queryName)
	t.Run("Reads", s.reads)
	t.Run("Writes", s.writes)
	t.Run("Catalog", s.catalog)
	t.Run("Identity", s.identity)
	t.Run("Canonical", s.canonical)
	t.Run("Reading", s.reading)
	t.Run("Settled", s.settled)
}

// Asker asks one connection, past database/sql and past MoneyClip.
func Asker(conn *sql.Conn) moneyclip.Asker {
	return func(ctx context.Context, query string, args ...driver.Value) (out [][]driver.Value, err error) {
		named := make([]driver.NamedValue, len(args))
		for i, arg := range args {
			named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
		}
		err = conn.Raw(func(driverConn any) error {
			rows, err := ask(ctx, driverConn, query, named)
			if err != nil {
				return err
			}
			defer rows.Close()
			for {
				row := make([]driver.Value, len(rows.Columns()))
				switch err := rows.Next(row); {
				case errors.Is(err, io.EOF):
					return nil
				case err != nil:
					return err
				}
				for i, v := range row {
					if b, ok := v.([]byte); ok {
						row[i] = slices.Clone(b) // drivers use their buffers again
					}
				}
				out = append(out, row)
			}
		})
		return out, err
	}
}

func ask(ctx context.Context, conn any, query string, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := conn.(driver.QueryerContext); ok {
		rows, err := q.QueryContext(ctx, query, args)
		if !errors.Is(err, driver.ErrSkip) {
			return rows, err
		}
	}
	p, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("%T can neither query nor prepare", conn)
	}
	stmt, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	q, ok := stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, fmt.Errorf("%T can not query", stmt)
	}
	return q.QueryContext(ctx, args)
}

// fixture is a database with the schema, a connection to it and its catalog.
type fixture struct {
	db      *sql.DB
	conn    *sql.Conn
	catalog *moneyclip.Catalog
}

func (s suite) fixture(t *testing.T) fixture {
	t.Helper()
	db := s.open(t)
	for _, query := range schema {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("Exec(%q): %v", query, err)
		}
	}
	conn := connect(t, db)
	catalog, err := s.d.Catalog(t.Context(), Asker(conn))
	if err != nil {
		t.Fatalf("Catalog: %v", err)
	}
	return fixture{db: db, conn: conn, catalog: catalog}
}

func connect(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatalf("Conn: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (s suite) name(t *testing.T) {
	if s.d.Name() == "" {
		t.Errorf("Name() is empty")
	}
	if s.d.Begin() == "" {
		t.Errorf("Begin() is empty")
	}
	if got := s.d.Analyze(s.d.Begin(), nil); got.Control != moneyclip.Begin {
		t.Errorf("Analyze(Begin()).Control = %v, want %v", got.Control, moneyclip.Begin)
	}
}

// nasty are texts that have upset parsers.
var nasty = []string{
	"", " ", ";", ";;;", "--", "-- name:", "-- name: X", "-- name: X :one", "/*", "/* */", "/*/**/*/",
	"'", `"`, "`", "[", "(", ")", "((((((((((", "SELECT", "SELECT ", "SELECT 'a", "SELECT \"a", "SELECT $$", "SELECT $1$2",
	"SELECT ?99999999999999999999", "SELECT ?0", "SELECT $0", "SELECT 1e999", "SELECT 0x", "SELECT x'0", "SELECT \x00",
	"SELECT \xff\xfe", "SELECT 1\x00; DELETE FROM authors", "\ufeffSELECT 1", "SELECT \u00a01", "SELECT * FROM", "UPDATE",
	"UPDATE authors", "UPDATE authors SET", "DELETE", "DELETE FROM", "INSERT INTO", "INSERT INTO authors",
	"INSERT INTO authors VALUES", "INSERT INTO authors () VALUES ()", "WITH x AS (SELECT * FROM x) SELECT * FROM x",
	"WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT * FROM x) SELECT * FROM x", "SELECT * FROM authors, authors",
	"SELECT * FROM (authors)", "SELECT a.b.c.d.e", "SELECT *.*", "BEGIN; COMMIT", "SELECT 1; SELECT", "EXPLAIN EXPLAIN SELECT 1",
	"SELECT " + strings.Repeat("(", 500) + "1" + strings.Repeat(")", 500),
	"SELECT " + strings.Repeat("-", 500) + "1", "SELECT 1" + strings.Repeat(" + 1", 2000),
	strings.Repeat("SELECT 1;", 300), strings.Repeat("\x00", 64), strings.Repeat("(SELECT ", 300),
}

// nasty: no text makes Analyze panic, and each has one answer, with a catalog and without.
func (s suite) nasty(t *testing.T) {
	f := s.fixture(t)
	for _, query := range append(slices.Clone(nasty), s.cases.Nasty...) {
		for _, catalog := range []*moneyclip.Catalog{nil, {}, f.catalog} {
			first, second := s.d.Analyze(query, catalog), s.d.Analyze(query, catalog)
			forget(&first)
			forget(&second)
			if !reflect.DeepEqual(first, second) {
				t.Errorf("Analyze(%q) has two answers: %+v and %+v", query, first, second)
			}
		}
	}
}

// forget drops the syntax trees.
func forget(s *moneyclip.Statement) {
	for i := range s.Writes {
		s.Writes[i].Source = nil
	}
	for i := range s.Parts {
		forget(&s.Parts[i])
	}
}

// garbage: what is not SQL is the zero Statement.
func (s suite) garbage(t *testing.T) {
	for _, query := range []string{
		"hello", "SELEC 1", "SELECT 1 FROM FROM", "UPDATE authors WHERE id = 1", "DELETE authors FROM WHERE", "SELECT (1", "SELECT 'a",
		"INSERT authors SET VALUES (", ")",
	} {
		if got := s.d.Analyze(query, nil); !reflect.DeepEqual(got, moneyclip.Statement{}) {
			t.Errorf("Analyze(%q) = %+v, want the zero Statement", query, got)
		}
	}
}

func (s suite) kinds(t *testing.T) {
	f := s.fixture(t)
	tests := []struct {
		query string
		kind  moneyclip.Kind
		want  moneyclip.Control
	}{
		{query: "", kind: moneyclip.KindInert},
		{query: "-- nothing", kind: moneyclip.KindInert},
		{query: "SELECT 1", kind: moneyclip.KindRead},
		{query: "SELECT name FROM authors WHERE id = ?", kind: moneyclip.KindRead},
		{query: "select name from authors where id = ?;", kind: moneyclip.KindRead},
		{query: "WITH x AS (SELECT id FROM authors) SELECT id FROM x", kind: moneyclip.KindRead},
		{query: "INSERT INTO authors (id, name) VALUES (?, ?)", kind: moneyclip.KindWrite},
		{query: "INSERT INTO authors (id, name) SELECT id + 100, title FROM books", kind: moneyclip.KindWrite},
		{query: "UPDATE authors SET name = ? WHERE id = ?", kind: moneyclip.KindWrite},
		{query: "DELETE FROM authors", kind: moneyclip.KindWrite},
		{query: "BEGIN", kind: moneyclip.KindControl, want: moneyclip.Begin},
		{query: "COMMIT", kind: moneyclip.KindControl, want: moneyclip.Commit},
		{query: "ROLLBACK", kind: moneyclip.KindControl, want: moneyclip.Rollback},
		{query: "SAVEPOINT a", kind: moneyclip.KindControl, want: moneyclip.Savepoint},
		{query: "ROLLBACK TO SAVEPOINT a", kind: moneyclip.KindControl, want: moneyclip.RollbackTo},
		{query: "RELEASE SAVEPOINT a", kind: moneyclip.KindControl, want: moneyclip.Release},
		{query: "CREATE TABLE t (a INTEGER)", kind: moneyclip.KindSchema},
		{query: "CREATE INDEX i ON authors (city)", kind: moneyclip.KindSchema},
		{query: "CREATE VIEW v AS SELECT 1 AS x", kind: moneyclip.KindSchema},
		{query: "ALTER TABLE authors ADD COLUMN age INTEGER", kind: moneyclip.KindSchema},
		{query: "DROP TABLE authors", kind: moneyclip.KindSchema},
		{query: "SELECT 1; SELECT 2", kind: moneyclip.KindScript},
		{query: "UPDATE authors SET name = 'x'; DELETE FROM books", kind: moneyclip.KindScript},
	}
	for _, tt := range tests {
		for _, catalog := range []*moneyclip.Catalog{nil, f.catalog} {
			got := s.d.Analyze(s.cases.Bind(tt.query), catalog)
			if got.Kind != tt.kind || got.Control != tt.want {
				t.Errorf("Analyze(%q) = kind %v control %v, want kind %v control %v",
					tt.query, got.Kind, got.Control, tt.kind, tt.want)
			}
			if tt.kind == moneyclip.KindScript && len(got.Parts) != 2 {
				t.Errorf("Analyze(%q) has %d parts, want 2", tt.query, len(got.Parts))
			}
		}
	}
}

func (s suite) queryName(t *testing.T) {
	for query, want := range map[string]string{
		"-- name: GetAuthor :one\nSELECT 1":                  "GetAuthor",
		"\n\n-- name: GetAuthor :exec\nDELETE FROM authors":  "GetAuthor",
		"/* app: shop */ -- name: GetAuthor :one\nSELECT 1":  "GetAuthor",
		"/* app: shop */\n-- name: GetAuthor :one\nSELECT 1": "GetAuthor",
		"-- name: GetAuthor :one\nSELEC 1":                   "GetAuthor",
		"SELECT 1 -- name: GetAuthor :one":                   "",
		"-- names: GetAuthor :one\nSELECT 1":                 "",
		"SELECT '\n-- name: GetAuthor :one\n'":               "",
	} {
		if got := s.d.Analyze(query, nil).Name; got != want {
			t.Errorf("Analyze(%q).Name = %q, want %q", query, got, want)
		}
	}
	one := s.d.Analyze("-- name: A :one\nselect  name\nfrom authors -- all\nwhere id=1", nil)
	two := s.d.Analyze("SELECT name FROM authors WHERE id = 1 /* end */", nil)
	if one.Text == "" || one.Text != two.Text {
		t.Errorf("normal forms differ: %q and %q", one.Text, two.Text)
	}
	if other := s.d.Analyze("SELECT name FROM authors WHERE id = 2", nil); other.Text == two.Text {
		t.Errorf("one normal form for two meanings: %q", other.Text)
	}
}

// describe writes a list of pins as "column=value,value", sorted.
func describe(pins []moneyclip.Pin) string {
	var list []string
	for _, pin := range pins {
		var values []string
		for _, v := range pin.Values {
			switch v.Kind {
			case moneyclip.ValueParam:
				values = append(values, fmt.Sprintf("$%d", v.Param))
			case moneyclip.ValueConst:
				values = append(values, fmt.Sprint(v.Const))
			default:
				values = append(values, "?")
			}
		}
		list = append(list, pin.Column+"="+strings.Join(values, ","))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func (s suite) reads(t *testing.T) {
	f := s.fixture(t)
	tests := []struct {
		query  string
		want   string // of each read: table, columns, pins
		impure bool
	}{
		{query: "SELECT name FROM authors WHERE id = ?", want: "authors [id name] id=$1"},
		{query: "SELECT name FROM authors WHERE ? = id", want: "authors [id name] id=$1"},
		{query: "SELECT name FROM authors WHERE (id) = (?)", want: "authors [id name] id=$1"},
		{query: "SELECT name FROM authors WHERE id = 7", want: "authors [id name] id=7"},
		{query: "SELECT name FROM authors WHERE id = ? AND city = ?", want: "authors [city id name] city=$2 id=$1"},
		{query: "SELECT name FROM authors WHERE id = ? AND (city = ? OR city IS NULL)", want: "authors [city id name] id=$1"},
		{query: "SELECT name FROM authors WHERE id = ? OR city = ?", want: "authors [city id name] "},
		{query: "SELECT name FROM authors WHERE NOT id = ?", want: "authors [id name] "},
		{query: "SELECT name FROM authors WHERE id IN (?, ?)", want: "authors [id name] id=$1,$2"},
		{query: "SELECT name FROM authors WHERE id NOT IN (?, ?)", want: "authors [id name] "},
		{query: "SELECT name FROM authors WHERE id > ?", want: "authors [id name] "},
		{query: "SELECT name FROM authors WHERE id + 1 = ?", want: "authors [id name] "},
		{query: "SELECT name FROM authors WHERE lower(name) = ?", want: "authors [name] "},
		{query: "SELECT count(*) FROM books WHERE author_id = ?", want: "books [author_id] author_id=$1"},
		{query: "SELECT * FROM books WHERE id = ?", want: "books * id=$1"},
		{query: "SELECT a.name FROM authors a WHERE a.id = ?", want: "authors [id name] id=$1"},
		{
			query: "SELECT b.title, a.name FROM books b JOIN authors a ON a.id = b.author_id WHERE b.author_id = ?",
			want:  "authors [id name] id=$1; books [author_id title] author_id=$1",
		},
		{
			query: "SELECT b.title, a.name FROM authors a LEFT JOIN books b ON b.author_id = a.id AND b.id = ? WHERE a.id = ?",
			want:  "authors [id name] id=$2; books [author_id id title] author_id=$2 id=$1",
		},
		{
			query: "SELECT b.title, a.name FROM authors a LEFT JOIN books b ON b.author_id = a.id AND a.city = ?",
			want:  "authors [city id name] ; books [author_id title] ",
		},
		{
			query: "SELECT name FROM authors WHERE id = (SELECT author_id FROM books WHERE id = ?)",
			want:  "authors [id name] ; books [author_id id] id=$1",
		},
		{
			query: "SELECT name FROM authors WHERE id = ? UNION SELECT title FROM books WHERE id = ?",
			want:  "authors [id name] id=$1; books [id title] id=$2",
		},
		{
			query: "WITH x AS (SELECT author_id FROM books WHERE id = ?) SELECT name FROM authors WHERE id IN (SELECT author_id FROM x)",
			want:  "authors [id name] ; books [author_id id] id=$1",
		},
		{query: "SELECT x.name FROM (SELECT name FROM authors WHERE id = ?) AS x", want: "authors [id name] id=$1"},
		{query: "SELECT CURRENT_TIMESTAMP, name FROM authors WHERE id = ?", want: "authors [id name] id=$1", impure: true},
		{query: "SELECT a_function_of_our_own(name) FROM authors WHERE id = ?", want: "authors [id name] id=$1", impure: true},
	}
	for _, tt := range tests {
		got := s.d.Analyze(s.cases.Bind(tt.query), f.catalog)
		var list []string
		for _, read := range got.Reads {
			columns := fmt.Sprint(read.Columns)
			if read.All {
				columns = "*"
			}
			list = append(list, fmt.Sprintf("%s %s %s", read.Table, columns, describe(read.Pins)))
		}
		slices.Sort(list)
		if text := strings.Join(list, "; "); text != tt.want {
			t.Errorf("Analyze(%q) reads %q, want %q", tt.query, text, tt.want)
		}
		if (got.Uncacheable != "") != tt.impure {
			t.Errorf("Analyze(%q).Uncacheable = %q, want one: %v", tt.query, got.Uncacheable, tt.impure)
		}
	}
	unknown := s.d.Analyze("SELECT a FROM a_table_that_is_not_there", f.catalog)
	if unknown.Uncacheable == "" {
		t.Errorf("a select from an unknown table is cacheable")
	}
}

func (s suite) writes(t *testing.T) {
	f := s.fixture(t)
	tests := []struct {
		query string
		op    moneyclip.Op
		table string
		want  string // pins, set columns, inserted columns
	}{
		{"UPDATE authors SET name = ? WHERE id = ?", moneyclip.Update, "authors", "id=$2 [name] []"},
		{"UPDATE authors SET name = ?, city = 'x'", moneyclip.Update, "authors", " [city name] []"},
		{"UPDATE authors SET name = ? WHERE id = ? OR city = ?", moneyclip.Update, "authors", " [name] []"},
		{"UPDATE authors SET name = ? WHERE id IN (?, 5) AND city = ?", moneyclip.Update, "authors", "city=$3 id=$2,5 [name] []"},
		{"DELETE FROM books WHERE author_id = ?", moneyclip.Delete, "books", "author_id=$1 [] []"},
		{"DELETE FROM books", moneyclip.Delete, "books", " [] []"},
		{"INSERT INTO authors (id, name) VALUES (?, ?)", moneyclip.Insert, "authors", " [] [id name]"},
		{"INSERT INTO authors VALUES (?, ?, ?)", moneyclip.Insert, "authors", " [] [id name city]"},
		{"INSERT INTO books (id, author_id) SELECT id, id FROM authors", moneyclip.Insert, "books", " [] [id author_id]"},
	}
	for _, tt := range tests {
		got := s.d.Analyze(s.cases.Bind(tt.query), f.catalog)
		if len(got.Writes) != 1 {
			t.Errorf("Analyze(%q) has %d writes, want 1", tt.query, len(got.Writes))
			continue
		}
		w := got.Writes[0]
		var set []string
		for _, as := range w.Set {
			set = append(set, as.Column)
		}
		slices.Sort(set)
		text := fmt.Sprintf("%s %v %v", describe(w.Pins), set, w.Columns)
		if w.Op != tt.op || w.Table != tt.table || text != tt.want {
			t.Errorf("Analyze(%q) writes %v %s %q, want %v %s %q", tt.query, w.Op, w.Table, text, tt.op, tt.table, tt.want)
		}
	}
}

func (s suite) catalog(t *testing.T) {
	f := s.fixture(t)
	authors, books := f.catalog.Tables["authors"], f.catalog.Tables["books"]
	if authors == nil || books == nil {
		t.Fatalf("Catalog has no authors or no books: %v", f.catalog.Tables)
	}
	var columns []string
	for _, c := range authors.Columns {
		columns = append(columns, c.Name)
	}
	if want := []string{"id", "name", "city"}; !slices.Equal(columns, want) {
		t.Errorf("columns of authors = %v, want %v", columns, want)
	}
	if authors.View || authors.Opaque != "" || len(authors.Triggers) != 0 {
		t.Errorf("authors is taken for more than a table: %+v", authors)
	}
	if !authors.Column("name").NotNull || authors.Column("city").NotNull {
		t.Errorf("NotNull of name, city = %v, %v, want true, false",
			authors.Column("name").NotNull, authors.Column("city").NotNull)
	}
	for _, want := range []string{"id", "name"} {
		if !slices.ContainsFunc(authors.Unique, func(key moneyclip.UniqueKey) bool {
			return !key.Odd && slices.Equal(key.Columns, []string{want})
		}) {
			t.Errorf("authors has no unique key (%s): %+v", want, authors.Unique)
		}
	}
	if len(authors.Keys) != 1 {
		t.Fatalf("authors has %d foreign keys that point to it, want 1", len(authors.Keys))
	}
	key := authors.Keys[0]
	if key.Child != "books" || !slices.Equal(key.Columns, []string{"author_id"}) ||
		!slices.Equal(key.ParentColumns, []string{"id"}) || key.OnDelete != moneyclip.Cascade || key.OnUpdate != moneyclip.NoAction {
		t.Errorf("foreign key = %+v", key)
	}

	again, err := s.d.Catalog(t.Context(), Asker(f.conn))
	if err != nil {
		t.Fatalf("Catalog: %v", err)
	}
	if again.Digest != f.catalog.Digest || again.Digest == "" {
		t.Errorf("two digests of one schema: %q and %q", again.Digest, f.catalog.Digest)
	}
	if _, err := f.conn.ExecContext(t.Context(), "ALTER TABLE authors ADD COLUMN age INTEGER"); err != nil {
		t.Fatal(err)
	}
	changed, err := s.d.Catalog(t.Context(), Asker(f.conn))
	if err != nil {
		t.Fatalf("Catalog: %v", err)
	}
	if changed.Digest == f.catalog.Digest {
		t.Errorf("one digest for two schemas: %q", changed.Digest)
	}
}

func (s suite) identity(t *testing.T) {
	ask := func(db *sql.DB) moneyclip.Identity {
		t.Helper()
		id, err := s.d.Identify(t.Context(), Asker(connect(t, db)), s.cases.DSN)
		if err != nil {
			t.Fatalf("Identify: %v", err)
		}
		if id.Scope == "" || id.Tainted != "" {
			t.Fatalf("Identify = %+v, want a scope and no taint", id)
		}
		return id
	}
	one, two := s.open(t), s.open(t)
	first, second, other := ask(one), ask(one), ask(two)
	if first != second {
		t.Errorf("two identities of one database: %+v and %+v", first, second)
	}
	if first.Scope == other.Scope {
		t.Errorf("one scope of two databases: %q", first.Scope)
	}
	if first.Profile != other.Profile {
		t.Errorf("two profiles of two plain connections: %q and %q", first.Profile, other.Profile)
	}
}

// canonical: two values have one Datum exactly if the database calls them equal.
func (s suite) canonical(t *testing.T) {
	for i, definition := range s.cases.Columns {
		t.Run(definition, func(t *testing.T) {
			db := s.open(t)
			table := fmt.Sprintf("probe%d", i)
			if _, err := db.ExecContext(t.Context(), fmt.Sprintf("CREATE TABLE %s (c %s)", table, definition)); err != nil {
				t.Fatal(err)
			}
			catalog, err := s.d.Catalog(t.Context(), Asker(connect(t, db)))
			if err != nil {
				t.Fatal(err)
			}
			s.compare(t, db, catalog.Tables[table])
		})
	}
}

func (s suite) compare(t *testing.T, db *sql.DB, table *moneyclip.Table) {
	column := table.Column("c")
	if reason := s.d.Keyable(column); reason != "" {
		t.Fatalf("Keyable(%s %s) = %q, want none", column.Type, column.Collation, reason)
	}
	compared := 0
	for _, a := range s.cases.Values {
		da, ok := s.d.Canonical(column, a)
		if !ok {
			continue
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM "+table.Name); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), s.cases.Bind("INSERT INTO "+table.Name+" (c) VALUES (?)"), a); err != nil {
			continue // a value that the column refuses
		}
		for _, b := range s.cases.Values {
			db2, ok := s.d.Canonical(column, b)
			if !ok {
				continue
			}
			var n int
			err := db.QueryRowContext(t.Context(), s.cases.Bind("SELECT count(*) FROM "+table.Name+" WHERE c = ?"), b).Scan(&n)
			if err != nil {
				continue
			}
			compared++
			if (da == db2) != (n == 1) {
				t.Errorf("%T(%v) and %T(%v): one Datum is %v, equal in the database is %v", a, a, b, b, da == db2, n == 1)
			}
		}
	}
	if compared == 0 {
		t.Errorf("no two values were compared")
	}
}

// reading: the queries of a Reading run, and give the rows that a write touches.
func (s suite) reading(t *testing.T) {
	tests := []struct {
		name, query string
		args        []any
		old, new    []string
		want        []string
	}{
		{
			name: "bulk update", query: "UPDATE books SET pages = pages + 1 WHERE pages >= ?", args: []any{int64(200)},
			old: []string{"author_id"}, new: []string{"author_id"}, want: []string{"1 1", "2 2"},
		},
		{
			name: "bulk delete", query: "DELETE FROM books WHERE title IN (?, 'B')", args: []any{"C"},
			old: []string{"id", "author_id"}, want: []string{"11 1", "12 2"},
		},
		{
			name: "move", query: "UPDATE books SET author_id = ? WHERE author_id = ?", args: []any{int64(2), int64(1)},
			old: []string{"author_id"}, new: []string{"author_id"}, want: []string{"1 2"},
		},
		{
			name: "delete by another table", query: "DELETE FROM books WHERE author_id IN (SELECT id FROM authors WHERE city = ?)",
			args: []any{"Rome"}, old: []string{"id"}, want: []string{"10", "11"},
		},
		{
			name: "insert from a query", query: "INSERT INTO books (id, author_id) SELECT id + ?, id FROM authors WHERE city = 'Rome'",
			args: []any{int64(100)}, new: []string{"author_id"}, want: []string{"1", "3"},
		},
		{
			name: "nothing", query: "DELETE FROM books WHERE id = ?", args: []any{int64(99)},
			old: []string{"id"}, want: nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := s.fixture(t)
			got := s.touched(t, f, s.cases.Bind(tt.query), tt.args, tt.old, tt.new)
			if !slices.Equal(got, tt.want) {
				t.Errorf("rows = %q, want %q", got, tt.want)
			}
		})
	}
}

// touched runs a write with its Reading and returns the rows read, sorted, without doubles.
func (s suite) touched(t *testing.T, f fixture, query string, args []any, old, new []string) []string {
	t.Helper()
	stmt := s.d.Analyze(query, f.catalog)
	if len(stmt.Writes) != 1 {
		t.Fatalf("Analyze(%q) has %d writes, want 1", query, len(stmt.Writes))
	}
	reading, ok := s.d.Reading(&stmt.Writes[0], f.catalog, old, new)
	if !ok {
		t.Fatalf("Reading(%q) has no sound way", query)
	}
	exec := func(query string, args ...any) {
		if _, err := f.conn.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("Exec(%q): %v", query, err)
		}
	}
	ask := func(q moneyclip.Query, more ...any) [][]string {
		list := make([]any, 0, len(q.Params)+len(more))
		for _, n := range q.Params {
			list = append(list, args[n-1])
		}
		return texts(t, f.conn, q.Text, append(list, more...)...)
	}
	exec(s.d.Begin())
	if lock := s.d.Lock(stmt.Writes[0].Table); lock != "" {
		exec(lock)
	}
	var mark []any
	if reading.Mark.Text != "" {
		rows := ask(reading.Mark)
		if len(rows) != 1 || len(rows[0]) != 1 {
			t.Fatalf("Mark(%q) gives %q, want one value", reading.Mark.Text, rows)
		}
		mark = append(mark, rows[0][0])
	}
	var rows [][]string
	if reading.Before.Text != "" {
		rows = append(rows, ask(reading.Before)...)
	}
	exec(query, args...)
	if reading.After.Text != "" {
		rows = append(rows, ask(reading.After, mark...)...)
	}
	exec("COMMIT")
	var list []string
	for _, row := range rows {
		if len(row) != len(old)+len(new) {
			t.Fatalf("Reading(%q) gives %d columns, want %d", query, len(row), len(old)+len(new))
		}
		list = append(list, strings.Join(row, " "))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// texts runs a query and returns its values as texts.
func texts(t *testing.T, conn *sql.Conn, query string, args ...any) [][]string {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("Query(%q): %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		row := make([]sql.NullString, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatalf("Scan(%q): %v", query, err)
		}
		var list []string
		for _, v := range row {
			if !v.Valid {
				v.String = "NULL"
			}
			list = append(list, v.String)
		}
		out = append(out, list)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("Query(%q): %v", query, err)
	}
	return out
}

// settled: the database's own errors are verdicts, those of contexts are not.
func (s suite) settled(t *testing.T) {
	f := s.fixture(t)
	_, err := f.conn.ExecContext(t.Context(), "INSERT INTO authors (id, name) VALUES (1, 'Dan')")
	if err == nil {
		t.Fatal("a doubled primary key is accepted")
	}
	if !s.d.Settled(err) || !s.d.Settled(fmt.Errorf("saving: %w", err)) {
		t.Errorf("Settled(%v) = false, want true", err)
	}
	for _, err := range []error{context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, errors.New("it broke")} {
		if s.d.Settled(err) {
			t.Errorf("Settled(%v) = true, want false", err)
		}
	}
}
