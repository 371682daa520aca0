package moneyclip

import (
	"database/sql/driver"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A Row is what a single-row SELECT returned: one row or none, with its columns, as the base driver gave it. It is
// immutable.
type Row struct {
	*description
	values []driver.Value
	found  bool
	bytes  bool // some values are []byte
	scans  bool // the driver fills destinations itself: see scan_go127.go
}

// newRow makes a row with room for n values. Up to 16 stand in one piece of memory with the row: a hit that has to wait for
// memory waits once.
func newRow(n int) *Row {
	switch {
	case n <= 2:
		r := new(struct {
			Row
			room [2]driver.Value
		})
		r.values = r.room[:n]
		return &r.Row
	case n <= 4:
		r := new(struct {
			Row
			room [4]driver.Value
		})
		r.values = r.room[:n]
		return &r.Row
	case n <= 8:
		r := new(struct {
			Row
			room [8]driver.Value
		})
		r.values = r.room[:n]
		return &r.Row
	case n <= 16:
		r := new(struct {
			Row
			room [16]driver.Value
		})
		r.values = r.room[:n]
		return &r.Row
	}
	return &Row{values: make([]driver.Value, n)}
}

// A description is what the columns of a row are in memory. Rows of one select have it in common.
type description struct {
	columns []column
	names   []string

	form atomic.Pointer[[]byte] // of the columns; nil: not made yet
}

// A column is all that a driver tells of a column. An answer that the base driver has no method for holds what
// database/sql takes in its place.
type column struct {
	name         string
	databaseType string
	scanType     reflect.Type
	length       int64
	hasLength    bool
	nullable     bool
	hasNullable  bool
	precision    int64
	scale        int64
	hasDecimal   bool
}

// Found reports whether there is a row.
func (r *Row) Found() bool { return r.found }

// Columns are the names of the columns.
func (r *Row) Columns() []string {
	if r.description == nil {
		return nil // of the zero Row
	}
	return slices.Clone(r.names)
}

// Values are the values of the row, one for each column; nil if there is no row.
func (r *Row) Values() []driver.Value {
	values := slices.Clone(r.values)
	for i, v := range values {
		values[i] = clone(v)
	}
	return values
}

// Size is about how many bytes the row takes in memory, the share of what it has in common with others not counted.
func (r *Row) Size() int {
	size := 48 + 16*cap(r.values) // the struct; an interface for each value
	for _, v := range r.values {
		switch v := v.(type) {
		case string:
			size += 16 + len(v)
		case []byte:
			size += 24 + len(v)
		case time.Time:
			size += 24
		default:
			size += 8
		}
	}
	return size
}

// describe asks the base driver's rows for their columns.
func describe(rows driver.Rows) []column {
	names, ask := rows.Columns(), asking(rows)
	columns := make([]column, len(names))
	for i, name := range names {
		c := &columns[i]
		*c = ask.column(i, name)
		c.name, c.databaseType = strings.Clone(c.name), strings.Clone(c.databaseType)
	}
	return columns
}

// isLike reports whether rows have these columns.
func isLike(rows driver.Rows, columns []column) bool {
	names, ask := rows.Columns(), asking(rows)
	if len(names) != len(columns) {
		return false
	}
	for i, name := range names {
		if ask.column(i, name) != columns[i] {
			return false
		}
	}
	return true
}

// An asked is the methods of rows by which their columns are asked for; nil: they do not have it.
type asked struct {
	typeName driver.RowsColumnTypeDatabaseTypeName
	scanType driver.RowsColumnTypeScanType
	length   driver.RowsColumnTypeLength
	nullable driver.RowsColumnTypeNullable
	decimal  driver.RowsColumnTypePrecisionScale
}

func asking(rows driver.Rows) (a asked) {
	a.typeName, _ = rows.(driver.RowsColumnTypeDatabaseTypeName)
	a.scanType, _ = rows.(driver.RowsColumnTypeScanType)
	a.length, _ = rows.(driver.RowsColumnTypeLength)
	a.nullable, _ = rows.(driver.RowsColumnTypeNullable)
	a.decimal, _ = rows.(driver.RowsColumnTypePrecisionScale)
	return a
}

// column is a column of that name. Its texts are the driver's own.
func (a *asked) column(i int, name string) column {
	c := column{name: name, scanType: reflect.TypeFor[any]()} // as database/sql has it for a driver that does not say
	if a.typeName != nil {
		c.databaseType = a.typeName.ColumnTypeDatabaseTypeName(i)
	}
	if a.scanType != nil {
		c.scanType = a.scanType.ColumnTypeScanType(i)
	}
	if a.length != nil {
		c.length, c.hasLength = a.length.ColumnTypeLength(i)
	}
	if a.nullable != nil {
		c.nullable, c.hasNullable = a.nullable.ColumnTypeNullable(i)
	}
	if a.decimal != nil {
		c.precision, c.scale, c.hasDecimal = a.decimal.ColumnTypePrecisionScale(i)
	}
	return c
}

// clone copies a value that a driver may overwrite in its next row, or that a caller may change.
func clone(v driver.Value) driver.Value {
	if b, ok := v.([]byte); ok && b != nil {
		return append(make([]byte, 0, len(b)), b...) // empty stays empty and does not become nil
	}
	return v
}

// described answers what database/sql asks of the columns of rows: from a Row, or from the base's rows as they are now.
// An answer that the base has no method for is what database/sql takes in its place.
type described struct {
	row  *Row        // nil: ask base
	base driver.Rows // nil: there is nothing to tell
}

func (d *described) Columns() []string {
	switch {
	case d.row != nil:
		return slices.Clone(d.row.names) // a caller of Rows.Columns may change what he gets
	case d.base != nil:
		return d.base.Columns()
	}
	return nil
}

// width is how many columns there are.
func (d *described) width() int {
	if d.row != nil {
		return len(d.row.names)
	}
	return len(d.Columns())
}

func (d *described) column(i int) *column {
	switch {
	case d.row != nil:
		return &d.row.columns[i]
	case d.base != nil:
		ask := asking(d.base)
		c := ask.column(i, d.base.Columns()[i])
		return &c
	}
	return &column{scanType: reflect.TypeFor[any]()}
}

func (d *described) ColumnTypeDatabaseTypeName(i int) string { return d.column(i).databaseType }

func (d *described) ColumnTypeScanType(i int) reflect.Type { return d.column(i).scanType }

func (d *described) ColumnTypeLength(i int) (int64, bool) {
	c := d.column(i)
	return c.length, c.hasLength
}

func (d *described) ColumnTypeNullable(i int) (nullable, ok bool) {
	c := d.column(i)
	return c.nullable, c.hasNullable
}

func (d *described) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	c := d.column(i)
	return c.precision, c.scale, c.hasDecimal
}

// replay serves a Row as a driver's rows. It is used by one goroutine at a time, like all driver.Rows.
type replay struct {
	described
	done bool

	// lent is the list of names that Columns gives out first, to be used again if database/sql alone has seen it; nil: each call makes a new one.
	// database/sql asks for the names once, before it first calls Next. Who calls Rows.Columns may keep and change what he gets.
	lent    *lentNames
	asked   bool // for the names
	stepped bool // Next was called
}

// lentNames are a list of names that nobody has but the connection, which are those of a description.
type lentNames struct {
	list []string
	of   *description
}

// allRows is all that database/sql asks of rows.
type allRows interface {
	driver.RowsNextResultSet
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeScanType
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	width() int
}

var _ allRows = (*replay)(nil)

func newReplay(row *Row) *replay { return &replay{described: described{row: row}, done: !row.found} }

func (r *replay) Columns() []string {
	if r.lent == nil || r.row == nil {
		return r.described.Columns()
	}
	if r.asked {
		r.keepNames()
		return r.described.Columns()
	}
	r.asked = true
	if n := r.lent; n.of != r.row.description {
		n.list, n.of = append(n.list[:0], r.row.names...), r.row.description
	}
	return r.lent.list
}

// keepNames leaves the names to a caller of Rows.Columns.
func (r *replay) keepNames() { *r.lent, r.lent = lentNames{}, nil }

func (r *replay) Next(dest []driver.Value) error {
	r.stepped = true
	if r.done || r.row == nil {
		return io.EOF
	}
	r.done = true
	copy(dest, r.row.values)
	if r.row.bytes {
		for i := range dest {
			dest[i] = clone(dest[i]) // a Scanner may keep or change the bytes it gets
		}
	}
	return nil
}

// hasBytes reports whether a value is one that must not be handed out twice.
func hasBytes(values []driver.Value) bool {
	return slices.ContainsFunc(values, func(v driver.Value) bool {
		_, ok := v.([]byte)
		return ok
	})
}

// Close makes the replay free for another row.
func (r *replay) Close() error {
	if r.lent != nil && r.asked && !r.stepped {
		r.keepNames()
	}
	r.row = nil
	return nil
}

func (r *replay) HasNextResultSet() bool { return false }

func (r *replay) NextResultSet() error { return io.EOF }
