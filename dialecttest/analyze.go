package dialecttest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// nasty are texts that have upset parsers.
var nasty = []string{
	"", " ", ";", ";;;", "--", "-- name:", "-- name: X", "-- name: X :one", "/*", "/* */", "/*/**/*/",
	"'", `"`, "`", "[", "(", ")", "((((((((((", "SELECT", "SELECT ", "SELECT 'a", "SELECT \"a", "SELECT $$", "SELECT $1$2",
	"SELECT ?99999999999999999999", "SELECT ?0", "SELECT $0", "SELECT 1e999", "SELECT 0x", "SELECT x'0", "SELECT \x00",
	"SELECT \xff\xfe", "SELECT 1\x00; DELETE FROM authors", "\ufeffSELECT 1", "SELECT \u00a01", "SELECT * FROM", "UPDATE",
	"UPDATE authors", "UPDATE authors SET", "DELETE", "DELETE FROM", "INSERT INTO", "INSERT INTO authors",
	"INSERT INTO authors VALUES", "INSERT INTO authors () VALUES ()", "WITH x AS (SELECT * FROM x) SELECT * FROM x",
	"WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT * FROM x) SELECT * FROM x", "SELECT * FROM authors, authors",
	"SELECT * FROM (authors)", "SELECT a.b.c.d.e", "SELECT *.*", "BEGIN; COMMIT", "SELECT 1; SELECT",
	"EXPLAIN EXPLAIN SELECT 1",
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

// garbage: of what is not SQL nothing is known, unless it be that it would read or write rows.
func (s suite) garbage(t *testing.T) {
	for _, query := range []string{
		"hello", "SELEC 1", "SELECT 1 FROM FROM", "UPDATE authors WHERE id = 1", "DELETE authors FROM WHERE",
		"SELECT (1", "SELECT 'a",
		"INSERT authors SET VALUES (", ")",
	} {
		got, want := s.d.Analyze(query, nil), moneyclip.Statement{}
		if !slices.Contains([]string{"hello", "SELEC 1", ")"}, query) {
			want.Doubtful = got.Doubtful
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Analyze(%q) = %+v, want the zero Statement; only what begins as of rows may be Doubtful", query, got)
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
			query: "WITH x AS (SELECT author_id FROM books WHERE id = ?) " +
				"SELECT name FROM authors WHERE id IN (SELECT author_id FROM x)",
			want: "authors [id name] ; books [author_id id] id=$1",
		},
		{query: "SELECT x.name FROM (SELECT name FROM authors WHERE id = ?) AS x", want: "authors [id name] id=$1"},
		{query: "SELECT CURRENT_TIMESTAMP, name FROM authors WHERE id = ?", want: "authors [id name] id=$1", impure: true},
		{query: "SELECT our_own(name) FROM authors WHERE id = ?", want: "authors [id name] id=$1", impure: true},
	}
	for _, tt := range tests {
		got := s.d.Analyze(s.cases.Bind(tt.query), f.catalog)
		var list []string
		for _, read := range got.Reads {
			columns := fmt.Sprint(read.Columns)
			if read.All {
				columns = "*"
			}
			list = append(list, fmt.Sprintf("%s %s %s", short(f.catalog, read.Table), columns, describe(read.Pins)))
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
		{
			"UPDATE authors SET name = ? WHERE id IN (?, 5) AND city = ?", moneyclip.Update, "authors",
			"city=$3 id=$2,5 [name] []",
		},
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
		if w.Op != tt.op || short(f.catalog, w.Table) != tt.table || text != tt.want {
			t.Errorf("Analyze(%q) writes %v %s %q, want %v %s %q", tt.query, w.Op, w.Table, text, tt.op, tt.table, tt.want)
		}
	}
}
