//go:build go1.27

package moneyclip

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Since Go 1.27 rows may fill destinations themselves: pgx scans an array into a slice so. What is wrapped here does that
// where the base's rows do, and only there: database/sql holds a lock while it calls ScanColumn, but not while it converts
// values by itself.

// scanForm is a part of what tells stored rows apart. Rows that an older Go has recorded do not say what their driver can do.
const scanForm = "\x00scans"

// scannerOf returns the rows of a driver that fills destinations itself, or nil.
func scannerOf(rows driver.Rows) driver.RowsColumnScanner {
	if t, ok := rows.(*touchedRows); ok && scannerOf(t.base) == nil {
		return nil
	}
	s, _ := rows.(driver.RowsColumnScanner)
	return s
}

func scans(rows driver.Rows) bool { return scannerOf(rows) != nil }

// nextValues reads a row as [driver.Rows.Next] does, from any rows. A value that the driver cannot make is a failedValue.
func nextValues(rows driver.Rows, dest []driver.Value) error {
	s := scannerOf(rows)
	if s == nil {
		return rows.Next(dest)
	}
	if err := s.NextRow(); err != nil {
		return err
	}
	valuesOf(s, dest)
	return nil
}

// A failedValue stands for a value that a driver could not make of what the database has sent. Whoever scans it hears why.
type failedValue struct{ err error }

func isFailed(v driver.Value) bool {
	_, failed := v.(failedValue)
	return failed
}

// valuesOf reads the values of the row at which the rows are.
func valuesOf(s driver.RowsColumnScanner, dest []driver.Value) {
	for i := range dest {
		var v any
		if err := s.ScanColumn(driver.ScanContext{}, i, &v); err != nil {
			v = failedValue{err}
		}
		dest[i] = v
	}
}

// scanValue fills a destination from a value.
func scanValue(scanCtx driver.ScanContext, dest any, v driver.Value) error {
	if f, ok := v.(failedValue); ok {
		return f.err
	}
	return sql.ConvertAssign(scanCtx, dest, v)
}

// isOrdinary reports whether database/sql fills a destination by itself, from the value, and drivers leave it to it.
// All others, slices and structs and maps, are for the driver alone, and so is what points nowhere: some say so, and
// database/sql would panic.
func isOrdinary(dest any) bool {
	if v := reflect.ValueOf(dest); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return false
	}
	switch dest.(type) {
	case *any, *string, *[]byte, *sql.RawBytes, *bool, *int, *int16, *int32, *int64, *float32, *float64, *time.Time, sql.Scanner:
		return true
	}
	t := reflect.TypeOf(dest)
	known, ok := ordinary.Load(t)
	if !ok {
		known, _ = ordinary.LoadOrStore(t, isOrdinaryType(t))
	}
	return known.(bool)
}

var ordinary sync.Map // :: reflect.Type → bool

func isOrdinaryType(t reflect.Type) bool {
	for depth := 0; ; depth++ {
		if t.Implements(reflect.TypeFor[sql.Scanner]()) {
			return true
		}
		// pgx fills these itself, whatever they are made of.
		_, dimensions := t.MethodByName("SetDimensions")
		if _, bytes := t.MethodByName("ScanBytes"); bytes || dimensions || depth > 8 {
			return false
		}
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		return t.Elem().Kind() == reflect.Uint8
	case reflect.Struct:
		return t.ConvertibleTo(reflect.TypeFor[time.Time]())
	case reflect.Map, reflect.Array, reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return false
	}
	return true
}

// A scanning serves rows that were recorded, of a driver that fills destinations itself. One that only the driver can fill
// makes it read the row from the database, and leave the SELECT to the database from then on.
type scanning struct {
	allRows // a replay, or an ahead
	conn    *conn
	plan    *readPlan
	ctx     context.Context
	args    []driver.NamedValue
	stmt    *stmt // nil: the query was not prepared

	values []driver.Value // of the row
	dests  []any          // what of the row was scanned into
	read   int            // rows
	base   driver.RowsColumnScanner
	own    driver.Stmt // the base's rows need it open
}

var (
	_ driver.RowsColumnScanner = (*scanning)(nil)
	_ driver.RowsColumnScanner = (*touchedRows)(nil)
	_ driver.RowsColumnScanner = (*scannedReturning)(nil)
	_ allRows                  = (*scanning)(nil)
	_ allRows                  = (*scannedReturning)(nil)
)

// mayBeScannedInto reports whether a value is, or points to, what a caller may scan into.
func mayBeScannedInto(value driver.Value) bool {
	switch value.(type) {
	case nil, int64, bool, float64, time.Time, string, int, int32:
		return false
	}
	kind := reflect.TypeOf(value).Kind()
	return kind == reflect.Slice || kind == reflect.Pointer
}

// serve returns rows that were recorded, as those of a driver that fills destinations itself.
func (s *scanning) serve(ctx context.Context, c *conn, rows allRows, r *readPlan, args []driver.NamedValue, st *stmt) driver.Rows {
	if s.conn != nil {
		s = new(scanning) // there are rows that are still open
	}
	if slices.ContainsFunc(args, func(a driver.NamedValue) bool { return mayBeScannedInto(a.Value) }) {
		args = detached(args) // they are asked with when a part of the row has been scanned
	}
	s.allRows, s.conn, s.plan, s.ctx, s.args, s.stmt, s.read = rows, c, r, ctx, args, st, 0
	s.values = slices.Grow(s.values[:0], rows.width())[:rows.width()]
	return s
}

func (s *scanning) NextRow() error {
	if s.base != nil {
		return s.base.NextRow()
	}
	s.dests = s.dests[:0]
	s.read++
	return s.Next(s.values)
}

func (s *scanning) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	if s.base == nil {
		if isOrdinary(dest) {
			s.dests = append(s.dests, dest)
			return scanValue(scanCtx, dest, s.values[index])
		}
		if err := s.ask(scanCtx); err != nil {
			return err
		}
	}
	return s.base.ScanColumn(scanCtx, index, dest)
}

// ask reads the row from the database. If it is another by now, what was scanned of it before is scanned again: a row is
// never made of two.
func (s *scanning) ask(scanCtx driver.ScanContext) error {
	s.plan.unfit.Store(true)
	s.plan.rule.owner.logOnce("a query is scanned into what only its driver can fill; it is not cached", "rule", s.plan.rule.Name)
	s.allRows.Close()
	s.allRows = new(replay) // the connection may use the one before for another hit
	rows, err := s.query(Bypass(s.ctx))
	if err != nil {
		return err
	}
	base := scannerOf(rows)
	if base == nil {
		rows.Close()
		return errors.New("moneyclip: the driver's rows have changed their kind")
	}
	s.base, s.allRows = base, &ahead{described: described{base: base}}
	for range s.read {
		if err := base.NextRow(); err == io.EOF { //nolint:errorlint // as database/sql compares it
			return sql.ErrNoRows // deleted since the read began
		} else if err != nil {
			return err
		}
	}
	now := make([]driver.Value, len(s.values))
	valuesOf(base, now)
	if reflect.DeepEqual(now, s.values) {
		return nil
	}
	for i, dest := range s.dests {
		if err := base.ScanColumn(scanCtx, i, dest); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanning) query(ctx context.Context) (driver.Rows, error) {
	if s.stmt != nil {
		return s.stmt.QueryContext(ctx, s.args)
	}
	rows, err := s.conn.QueryContext(ctx, s.plan.query, s.args)
	if !errors.Is(err, driver.ErrSkip) {
		return rows, err
	}
	st, err := s.conn.PrepareContext(ctx, s.plan.query)
	if err != nil {
		return nil, err
	}
	s.own = st
	return st.(*stmt).QueryContext(ctx, s.args)
}

func (s *scanning) NextResultSet() error {
	err := s.allRows.NextResultSet()
	s.values = make([]driver.Value, s.width())
	s.read = 0
	return err
}

// Close makes the scanning free for other rows.
func (s *scanning) Close() error {
	if s.conn == nil {
		return nil
	}
	err := s.allRows.Close()
	if s.own != nil {
		s.own.Close()
	}
	clear(s.values)
	clear(s.dests)
	*s = scanning{allRows: s.allRows, values: s.values[:0], dests: s.dests[:0]}
	return err
}

// NextRow and ScanColumn are used only where the base has them; see scannerOf.
func (r *touchedRows) NextRow() error {
	own, err := r.next()
	for err == nil && (!own || r.visible == 0) {
		own, err = r.next()
	}
	return err
}

func (r *touchedRows) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	return scannerOf(r.base).ScanColumn(scanCtx, index, dest)
}

// A scannedReturning are the rows of a write, of a driver that fills destinations itself.
type scannedReturning struct {
	*returning
	early   bool           // to be read to their end as soon as it is known what they are scanned into
	types   []reflect.Type // of destinations that only the driver can fill, by column; nil: none
	raw     bool           // something was scanned into memory of the driver
	fetched []scannedRow   // the first of them being the row at which the rows are; nil: the base is at that row
	at      int
	here    bool // there is such a row
}

// A scannedRow is one that was read ahead.
type scannedRow struct {
	values  []driver.Value
	scanned []reflect.Value // pointers to what the driver has filled, by column
	errs    []error
}

// returned serves the rows of a write. If it is early, they are to be read to their end before the caller goes on with one.
func (c *conn) returned(r *returning, early bool) driver.Rows {
	if !scans(r.base) {
		if early {
			r.fetch()
		}
		return r
	}
	s := &scannedReturning{returning: r, early: early, types: make([]reflect.Type, len(r.base.Columns()))}
	if c.own == r {
		c.own = s
	}
	return s
}

func (s *scannedReturning) NextRow() error {
	if s.fetched != nil {
		s.at++
		if s.at < len(s.fetched) {
			return nil
		}
		return s.stepped(s.base.Next(nil))
	}
	err := s.stepped(scannerOf(s.base).NextRow())
	s.here = err == nil
	return err
}

func (s *scannedReturning) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	if s.fetched != nil {
		return s.fetched[s.at].scan(scanCtx, index, dest)
	}
	err := scannerOf(s.base).ScanColumn(scanCtx, index, dest)
	if !s.early || err != nil {
		return err
	}
	if _, raw := dest.(*sql.RawBytes); raw {
		s.raw = true
	}
	if !isOrdinary(dest) {
		s.types[index] = reflect.TypeOf(dest)
	}
	if index == len(s.types)-1 && !s.raw {
		// The caller goes on with the row now. By itself the statement would be over by then: see conn.returning.
		s.fetch()
	}
	return nil
}

// fetch reads the rows to their end, into what the row before was scanned into, and ends the write.
func (s *scannedReturning) fetch() {
	if s.over || s.failed != nil || s.fetched != nil || hasNextResultSet(s.base) {
		return
	}
	base := scannerOf(s.base)
	like := new(shape).of(s.base)
	rows := []scannedRow{{}} // where the caller is, perhaps before the first row
	if s.here {
		rows[0] = s.readRow(base)
	}
	var last error
	for last == nil {
		if last = base.NextRow(); last == nil {
			rows = append(rows, s.readRow(base))
		}
	}
	s.fetched = rows
	s.settle(&ahead{described: described{row: like}}, last)
}

func (s *scannedReturning) readRow(base driver.RowsColumnScanner) scannedRow {
	row := scannedRow{values: make([]driver.Value, len(s.types)), scanned: make([]reflect.Value, len(s.types)), errs: make([]error, len(s.types))}
	valuesOf(base, row.values)
	for i, t := range s.types {
		if t != nil && t.Kind() == reflect.Pointer {
			row.scanned[i] = reflect.New(t.Elem())
			row.errs[i] = base.ScanColumn(driver.ScanContext{}, i, row.scanned[i].Interface())
		}
	}
	return row
}

var errReadAhead = errors.New("moneyclip: the row was read before it was known what it is scanned into: scan each row alike, and before the next statement on its connection")

func (r *scannedRow) scan(scanCtx driver.ScanContext, index int, dest any) error {
	if isOrdinary(dest) {
		return scanValue(scanCtx, dest, clone(r.values[index]))
	}
	to, from := reflect.ValueOf(dest), r.scanned[index]
	if !from.IsValid() || to.Type() != from.Type() {
		return errReadAhead
	}
	if to.IsNil() {
		return errors.New("destination pointer is nil")
	}
	if r.errs[index] == nil {
		to.Elem().Set(from.Elem())
	}
	return r.errs[index]
}
