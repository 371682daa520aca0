package moneyclip

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"
)

// A rowsDriver is a driver that answers each query with the rows that it makes.
type rowsDriver func() driver.Rows

func (d rowsDriver) Connect(context.Context) (driver.Conn, error) { return rowsConn{d}, nil }
func (d rowsDriver) Driver() driver.Driver                        { return nil }

type rowsConn struct{ rows rowsDriver }

func (c rowsConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not here") }
func (c rowsConn) Close() error                        { return nil }
func (c rowsConn) Begin() (driver.Tx, error)           { return nil, errors.New("not here") }

func (c rowsConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return c.rows(), nil
}

// queryRows asks a database that answers with these rows.
func queryRows(t *testing.T, rows rowsDriver) *sql.Rows {
	t.Helper()
	db := sql.OpenDB(rows)
	t.Cleanup(func() { db.Close() })
	got, err := db.QueryContext(t.Context(), "select")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { got.Close() })
	return got
}

// plainRows are what every driver's rows are at least: one row, or none.
type plainRows struct {
	names  []string
	values []driver.Value
}

func (r *plainRows) Columns() []string { return r.names }
func (r *plainRows) Close() error      { return nil }

func (r *plainRows) Next(dest []driver.Value) error {
	if r.values == nil {
		return io.EOF
	}
	copy(dest, r.values)
	r.values = nil
	return nil
}

// describedRows tells all that rows can tell.
type describedRows struct {
	plainRows
	columns []column
}

func (r *describedRows) ColumnTypeDatabaseTypeName(i int) string { return r.columns[i].databaseType }
func (r *describedRows) ColumnTypeScanType(i int) reflect.Type   { return r.columns[i].scanType }

func (r *describedRows) ColumnTypeLength(i int) (int64, bool) {
	return r.columns[i].length, r.columns[i].hasLength
}

func (r *describedRows) ColumnTypeNullable(i int) (nullable, ok bool) {
	return r.columns[i].nullable, r.columns[i].hasNullable
}

func (r *describedRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	return r.columns[i].precision, r.columns[i].scale, r.columns[i].hasDecimal
}

// recordRows is the row that a driver's rows are recorded as.
func recordRows(rows driver.Rows) *Row {
	r := &Row{description: &description{columns: describe(rows), names: rows.Columns()}}
	values := make([]driver.Value, len(r.names))
	if rows.Next(values) == nil {
		r.found, r.values = true, values
	}
	return r
}

// A column as a program sees it, without what differs between two answers that are alike.
type seenColumn struct {
	Name, DatabaseType  string
	ScanType            reflect.Type
	Length              int64
	HasLength           bool
	Nullable, KnowsNull bool
	Precision, Scale    int64
	HasDecimal          bool
}

func seenColumns(t *testing.T, rows *sql.Rows) (seen []seenColumn) {
	t.Helper()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range types {
		s := seenColumn{Name: c.Name(), DatabaseType: c.DatabaseTypeName(), ScanType: c.ScanType()}
		s.Length, s.HasLength = c.Length()
		s.Nullable, s.KnowsNull = c.Nullable()
		s.Precision, s.Scale, s.HasDecimal = c.DecimalSize()
		seen = append(seen, s)
	}
	return seen
}

// A hit tells of its columns what the base driver tells, and for one that tells little, what database/sql makes of
// it.
func TestReplayColumnTypes(t *testing.T) {
	t.Parallel()
	names := []string{"id", "name", "price"}
	values := []driver.Value{int64(1), "x", "1.50"}
	columns := []column{
		{databaseType: "INT8", scanType: reflect.TypeFor[int64](), hasNullable: true},
		{databaseType: "VARCHAR", scanType: reflect.TypeFor[sql.NullString](), length: 30, hasLength: true, nullable: true,
			hasNullable: true},
		{databaseType: "NUMERIC", scanType: reflect.TypeFor[string](), precision: 10, scale: 2, hasDecimal: true},
	}
	for name, rows := range map[string]rowsDriver{
		"described": func() driver.Rows { return &describedRows{plainRows{names, values}, columns} },
		"plain":     func() driver.Rows { return &plainRows{names, values} },
	} {
		want := seenColumns(t, queryRows(t, rows))
		stored := recordRows(rows())
		got := seenColumns(t, queryRows(t, func() driver.Rows { return newReplay(stored) }))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		// And so it is after the way through bytes.
		decoded := decodeRow(t, encodeRow(t, stored))
		got = seenColumns(t, queryRows(t, func() driver.Rows { return newReplay(decoded) }))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s, stored: got %+v, want %+v", name, got, want)
		}
	}
	// NewRow's are those of a driver that tells nothing.
	want := seenColumns(t, queryRows(t, func() driver.Rows { return &plainRows{names, values} }))
	got := seenColumns(t, queryRows(t, func() driver.Rows { return newReplay(NewRow(names, values)) }))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("NewRow: got %+v, want %+v", got, want)
	}
}

func TestReplayScans(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	values := []driver.Value{int64(1), "text", []byte("bytes"), at, nil, true, 1.5, float32(1.5), uint64(1 << 63)}
	row := NewRow([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, values)
	rows := queryRows(t, func() driver.Rows { return newReplay(row) })
	if !rows.Next() {
		t.Fatalf("got no row: %v", rows.Err())
	}
	got, dest := make([]any, len(values)), make([]any, len(values))
	for i := range got {
		dest[i] = &got[i]
	}
	if err := rows.Scan(dest...); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, []any{
		int64(1), "text", []byte("bytes"), at, nil, true, 1.5, float32(1.5), uint64(1 << 63),
	}) {
		t.Errorf("got %#v, want %#v", got, values)
	}
	if rows.Next() {
		t.Error("got a second row")
	}
	if rows.NextResultSet() {
		t.Error("got a second result set")
	}
	if err := rows.Err(); err != nil {
		t.Errorf("got error %v at the end", err)
	}
}

func TestReplayNotFound(t *testing.T) {
	t.Parallel()
	row := NewRow([]string{"a"}, nil)
	db := sql.OpenDB(rowsDriver(func() driver.Rows { return newReplay(row) }))
	t.Cleanup(func() { db.Close() })
	var a any
	if err := db.QueryRowContext(t.Context(), "select").Scan(&a); err != sql.ErrNoRows {
		t.Errorf("got error %v, want %v", err, sql.ErrNoRows)
	}
	rows := queryRows(t, func() driver.Rows { return newReplay(row) })
	if names, err := rows.Columns(); err != nil || !reflect.DeepEqual(names, []string{"a"}) {
		t.Errorf("got the columns %q, error %v, want %q", names, err, []string{"a"})
	}
}

// What a program does to the bytes that it got is its own affair.
func TestReplayBytesAreFresh(t *testing.T) {
	t.Parallel()
	row := NewRow([]string{"full", "empty", "nil"}, []driver.Value{[]byte("bytes"), []byte{}, []byte(nil)})
	var last []byte
	for range 3 {
		rows := newReplay(row)
		dest := make([]driver.Value, 3)
		if err := rows.Next(dest); err != nil {
			t.Fatal(err)
		}
		full := dest[0].([]byte)
		if string(full) != "bytes" {
			t.Fatalf("got %q, want %q", full, "bytes")
		}
		if string(last) != "changed"[:len(last)] {
			t.Fatalf("got %q in the bytes of the hit before, want them left alone", last)
		}
		_ = append(full, "more"...)
		last = full[:copy(full, "changed")]
		if empty := dest[1].([]byte); empty == nil || len(empty) != 0 {
			t.Errorf("got %#v, want bytes that are empty and not nil", empty)
		}
		if none, ok := dest[2].([]byte); !ok || none != nil {
			t.Errorf("got %#v, want bytes that are nil", dest[2])
		}
		if err := rows.Next(dest); err != io.EOF {
			t.Errorf("got error %v, want %v", err, io.EOF)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReplayClosesTwice(t *testing.T) {
	t.Parallel()
	rows := newReplay(memRow(1))
	for range 3 {
		if err := rows.Close(); err != nil {
			t.Errorf("Close: got error %v", err)
		}
	}
	if err := rows.Next(make([]driver.Value, 1)); err != io.EOF {
		t.Errorf("Next after Close: got error %v, want %v", err, io.EOF)
	}
	// The pool got it once: two hits at a time do not share it.
	one, two := newReplay(memRow(1)), newReplay(memRow(2))
	if one == two {
		t.Fatal("two hits got the same rows")
	}
	for want, rows := range map[int64]*replay{1: one, 2: two} {
		dest := make([]driver.Value, 1)
		if err := rows.Next(dest); err != nil || dest[0] != want {
			t.Errorf("got %v, error %v, want %d", dest[0], err, want)
		}
		rows.Close()
	}
}

// describe keeps nothing that is the driver's: it may build its names in memory that it uses again.
func TestDescribeClones(t *testing.T) {
	t.Parallel()
	if got := describe(&plainRows{}); len(got) != 0 {
		t.Errorf("no columns: got %d", len(got))
	}
	names := []string{"a", "b"}
	got := describe(&plainRows{names: names})
	names[0] = "changed"
	if got[0].name != "a" || got[1].name != "b" {
		t.Errorf("got the names %q and %q, want a and b", got[0].name, got[1].name)
	}
}

func TestRowSize(t *testing.T) {
	t.Parallel()
	base := NewRow([]string{"a"}, []driver.Value{int64(1)}).Size()
	for name, test := range map[string]struct {
		value driver.Value
		least int
	}{
		"text":  {string(make([]byte, 1000)), base + 1000},
		"bytes": {make([]byte, 1000), base + 1000},
		"time":  {time.Now(), base + 8},
		"nil":   {nil, 1},
	} {
		if got := NewRow([]string{"a"}, []driver.Value{test.value}).Size(); got < test.least || got > test.least+200 {
			t.Errorf("%s: got %d, want about %d", name, got, test.least)
		}
	}
}

// onceRows are rows of a driver that does not survive a second Close.
type onceRows struct {
	t      *testing.T
	rows   int
	closed bool
}

func (r *onceRows) Columns() []string { return []string{"n"} }

func (r *onceRows) Next(dest []driver.Value) error {
	if r.rows == 0 {
		return io.EOF
	}
	r.rows--
	dest[0] = int64(r.rows)
	return nil
}

func (r *onceRows) Close() error {
	if r.closed {
		r.t.Error("the base's rows were closed twice")
	}
	r.closed = true
	return nil
}

func TestRowsCloseTheBaseOnce(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{0, 1, 2, 3} {
		recorded := &onceRows{t: t, rows: rows}
		_, replayed := record(recorded, new(shape))
		written, ended := &onceRows{t: t, rows: rows}, 0
		returned := &returning{described: described{base: written}, end: func(error) error { ended++; return nil }}
		fetched := &returning{described: described{base: &onceRows{t: t, rows: rows}}, end: func(error) error { return nil }}
		fetched.fetch()
		for _, r := range []driver.Rows{replayed, returned, fetched} {
			got := 0
			for r.Next(make([]driver.Value, 1)) == nil {
				got++
			}
			if got != rows {
				t.Errorf("%T: got %d rows, want %d", r, got, rows)
			}
			for range 2 {
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		}
		if !recorded.closed || !written.closed || ended != 1 {
			t.Errorf("%d rows: got closed %t and %t, ended %d times", rows, recorded.closed, written.closed, ended)
		}
	}
}

// Rows are described once, and again when anything about a column is another.
func TestShape(t *testing.T) {
	one := func(change func(c *column)) *describedRows {
		c := column{"name", "TEXT", reflect.TypeFor[string](), 7, true, true, true, 8, 2, true}
		change(&c)
		return &describedRows{plainRows{names: []string{c.name}}, []column{c}}
	}
	same := func(*column) {}
	s := new(shape)
	first := s.of(one(same))
	if s.of(one(same)) != first {
		t.Error("the same columns were described again")
	}
	for i, change := range []func(c *column){
		func(c *column) { c.name = "other" }, func(c *column) { c.databaseType = "BLOB" }, func(c *column) { c.scanType = reflect.TypeFor[[]byte]() },
		func(c *column) { c.length = 9 }, func(c *column) { c.hasLength = false }, func(c *column) { c.nullable = false },
		func(c *column) { c.hasNullable = false }, func(c *column) { c.precision = 9 }, func(c *column) { c.scale = 3 }, func(c *column) { c.hasDecimal = false },
	} {
		before, rows := s.of(one(same)), one(change)
		after := s.of(rows)
		if after == before || !slices.Equal(after.columns, rows.columns) || after.names[0] != rows.names[0] {
			t.Errorf("change %d was not noticed", i)
		}
		a, err := after.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := before.AppendBinary(nil); err != nil || bytes.Equal(a, b) {
			t.Errorf("change %d is not in the byte form: %v", i, err)
		}
	}
	two := &describedRows{plainRows{names: []string{"name", "name"}}, slices.Repeat(one(same).columns, 2)}
	if got := s.of(two); len(got.columns) != 2 || len(got.names) != 2 {
		t.Errorf("got %d columns, want two", len(got.columns))
	}
}

// What a caller gets from Rows.Columns is his own, as with most drivers: programs sort the names, or spell them otherwise, in place.
func TestColumnsAreTheCallers(t *testing.T) {
	row := NewRow([]string{"b", "a"}, []driver.Value{int64(1), int64(2)})
	c := new(conn)
	hit := func() driver.Rows {
		c.replay = replay{described: described{row: row}, lent: &c.names}
		return &c.replay
	}
	var kept [][]string
	for _, test := range []struct {
		name string
		read func(ask func()) func(rows *sql.Rows)
	}{
		{"before Next", func(ask func()) func(*sql.Rows) {
			return func(rows *sql.Rows) { ask(); rows.Next() }
		}},
		{"after Next", func(ask func()) func(*sql.Rows) {
			return func(rows *sql.Rows) { rows.Next(); ask() }
		}},
		{"without Next", func(ask func()) func(*sql.Rows) {
			return func(*sql.Rows) { ask() }
		}},
		{"twice", func(ask func()) func(*sql.Rows) {
			return func(rows *sql.Rows) { ask(); ask(); rows.Next(); ask() }
		}},
	} {
		for _, from := range []func() driver.Rows{hit, func() driver.Rows { return newReplay(row) }, func() driver.Rows {
			_, rest := record(newReplay(row), new(shape))
			return rest
		}} {
			rows := queryRows(t, from)
			test.read(func() {
				names, err := rows.Columns()
				if err != nil || !reflect.DeepEqual(names, []string{"b", "a"}) {
					t.Errorf("%s: got %q, %v", test.name, names, err)
				}
				names[0], names[1] = "x", "y"
				kept = append(kept, names)
			})(rows)
			rows.Close()
			next := queryRows(t, hit) // takes what is lent
			next.Next()
			next.Close() // before there is another hit, which uses the same replay
		}
	}
	for _, names := range kept {
		if names[0] != "x" || names[1] != "y" {
			t.Errorf("what a caller has changed became %q", names)
		}
	}

	// Nor do the rows of a query that returns several.
	shape := new(shape)
	for range 2 {
		_, rest := record(&endlessRows{plainRows{names: []string{"n"}}}, shape)
		names := rest.Columns()
		if names[0] != "n" {
			t.Errorf("of two rows: got %q", names)
		}
		names[0] = "x"
	}
}

type endlessRows struct{ plainRows }

func (*endlessRows) Next(dest []driver.Value) error {
	dest[0] = int64(1)
	return nil
}
