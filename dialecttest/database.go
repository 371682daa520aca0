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

func (s suite) catalog(t *testing.T) {
	f := s.fixture(t)
	authors, books := f.catalog.Lookup("", "authors"), f.catalog.Lookup("", "books")
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
	if key.Child != books.Name || !slices.Equal(key.Columns, []string{"author_id"}) ||
		!slices.Equal(key.ParentColumns, []string{"id"}) ||
		key.OnDelete != moneyclip.Cascade || key.OnUpdate != moneyclip.NoAction {
		t.Errorf("foreign key = %+v", key)
	}

	again := s.read(t, f.conn)
	if again.Digest != f.catalog.Digest || again.Digest == "" {
		t.Errorf("two digests of one schema: %q and %q", again.Digest, f.catalog.Digest)
	}
	if _, err := f.conn.ExecContext(t.Context(), "ALTER TABLE authors ADD COLUMN age INTEGER"); err != nil {
		t.Fatal(err)
	}
	changed := s.read(t, f.conn)
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
	if !reflect.DeepEqual(first, second) {
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
			s.compare(t, db, s.read(t, connect(t, db)).Lookup("", table))
		})
	}
}

func (s suite) compare(t *testing.T, db *sql.DB, table *moneyclip.Table) {
	column, name := table.Column("c"), s.d.Quote(table.Name[strings.LastIndex(table.Name, ".")+1:])
	if reason := s.d.Keyable(column); reason != "" {
		t.Fatalf("Keyable(%s %s) = %q, want none", column.Type, column.Collation, reason)
	}
	compared := 0
	values := drawn(s.cases.Values, seed(t))
	for _, a := range values {
		da, ok := s.d.Canonical(column)(a)
		if !ok {
			continue
		}
		if _, err := db.ExecContext(t.Context(), "DELETE FROM "+name); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), s.cases.Bind("INSERT INTO "+name+" (c) VALUES (?)"), a); err != nil {
			continue // a value that the column refuses
		}
		for _, b := range values {
			db2, ok := s.d.Canonical(column)(b)
			if !ok {
				continue
			}
			var n int
			err := db.QueryRowContext(t.Context(), s.cases.Bind("SELECT count(*) FROM "+name+" WHERE c = ?"), b).Scan(&n)
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
			name:  "delete by another table",
			query: "DELETE FROM books WHERE author_id IN (SELECT id FROM authors WHERE city = ?)",
			args:  []any{"Rome"}, old: []string{"id"}, want: []string{"10", "11"},
		},
		{
			name:  "insert from a query",
			query: "INSERT INTO books (id, author_id) SELECT id + ?, id FROM authors WHERE city = 'Rome'",
			args:  []any{int64(100)}, new: []string{"author_id"}, want: []string{"1", "3"},
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
	for _, text := range s.d.Begin() {
		exec(text)
	}
	if lock := s.d.Lock(stmt.Writes[0].Table); lock != "" {
		exec(lock)
	}
	r := rowsRead{t: t, f: f, args: args, reading: reading, width: len(old) + len(new)}
	mark := r.mark()
	r.take("Before", r.ask(reading.Before))
	before := r.raw
	if reading.Instead != "" {
		r.take("Instead", texts(t, f.conn, reading.Instead, args...))
	} else {
		exec(query, args...)
	}
	r.take("After", r.ask(reading.After, mark...))
	if reading.Again != nil && len(before) > 0 {
		text, values := reading.Again(before)
		list := make([]any, len(values))
		for i, v := range values {
			list[i] = v
		}
		r.take("Again", texts(t, f.conn, text, list...))
	}
	exec("COMMIT")
	var list []string
	for _, row := range r.rows {
		list = append(list, strings.Join(row, " "))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// rowsRead are the rows that a Reading finds. Those of different steps are one if they have the same identity.
type rowsRead struct {
	t       *testing.T
	f       fixture
	args    []any
	reading moneyclip.Reading
	width   int // columns without the identity
	rows    [][]string
	known   map[string]int // :: identity → index in rows
	raw     [][]driver.Value
}

func (r *rowsRead) ask(q moneyclip.Query, more ...any) [][]string {
	if q.Text == "" {
		return nil
	}
	list := make([]any, 0, len(q.Params)+len(more))
	for _, n := range q.Params {
		list = append(list, r.args[n-1])
	}
	return texts(r.t, r.f.conn, q.Text, append(list, more...)...)
}

func (r *rowsRead) mark() []any {
	r.t.Helper()
	if r.reading.Mark.Text == "" {
		return nil
	}
	rows := r.ask(r.reading.Mark)
	if len(rows) != 1 || len(rows[0]) != 1 {
		r.t.Fatalf("Mark(%q) gives %q, want one value", r.reading.Mark.Text, rows)
	}
	return []any{rows[0][0]}
}

// take adds the rows of one step.
func (r *rowsRead) take(step string, rows [][]string) {
	r.t.Helper()
	for _, row := range rows {
		if len(row) != r.width && len(row) != r.width+r.reading.Ident {
			r.t.Fatalf("%s gives %d columns, want %d and %d to know it again", step, len(row), r.width, r.reading.Ident)
		}
		if step == "Before" {
			values := make([]driver.Value, len(row))
			for i, v := range row {
				if v != null {
					values[i] = v
				}
			}
			r.raw = append(r.raw, values)
		}
		identity := strings.Join(row[r.width:], " ")
		i, found := r.known[identity]
		switch {
		case identity == "":
			r.rows = append(r.rows, row[:r.width])
			continue
		case step == "Before":
			if r.known == nil {
				r.known = map[string]int{}
			}
			r.known[identity] = len(r.rows)
			r.rows = append(r.rows, row[:r.width])
			continue
		case !found:
			r.t.Fatalf("%s gives the row %q, which Before has not", step, row)
		}
		for j, v := range row[:r.width] {
			if r.rows[i][j] == null {
				r.rows[i][j] = v
			}
		}
	}
}

const null = "NULL"

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
				v.String = null
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
