package moneyclip

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// What is read of the rows that a statement touches: before it, by it, and after it, in its own transaction. If anything
// of this fails it is undone, and the statement goes its way with every key of the rules in question dropped.

// rowsRead are the rows that a plan's readings have found.
type rowsRead struct {
	readings []rowsOf                     // :: reading
	found    map[*recipe][][]driver.Value // :: recipe with a path → values of its key, one for each row of the path
	instead  *instead                     // what runs instead of the statement's own text; nil: nothing
}

// instead is a text that runs instead of the statement's own and returns more.
type instead struct {
	text string
	// parts are whose columns are added: those of the rows that the statement itself returns, which may be nil, and then
	// those of others, if it is a text of several. Then there is behind each a column more, which tells whose a row is.
	parts   []*rowsOf
	several bool
}

// added is how many columns the text returns besides the statement's own.
func (in *instead) added() int {
	n := 0
	for _, one := range in.parts {
		if one != nil {
			n += one.reading.width()
		}
		if in.several {
			n++
		}
	}
	return n
}

// take takes one row of what was added. It reports whether the row is the statement's own.
func (in *instead) take(row []driver.Value, most int) (own bool) {
	for i, one := range in.parts {
		width := 0
		if one != nil {
			width = one.reading.width()
		}
		if in.several && row[width] != nil || !in.several {
			own = own || i == 0
			if one != nil {
				one.take(row[:width], most)
			}
		}
		if in.several {
			width++
		}
		row = row[width:]
	}
	return own
}

// fail says that rows may be missing.
func (in *instead) fail() {
	for _, one := range in.parts {
		if one != nil {
			one.failed = true
		}
	}
}

// rowsOf are the rows of one reading.
type rowsOf struct {
	reading *reading
	failed  bool // every key of its rules is dropped
	mark    driver.Value
	rows    [][]driver.Value
	before  int            // how many of them Before has found
	count   int64          // how many the write must affect, if the reading is Counted
	seen    map[string]int // :: identity of a row of Before → its index, where it is to be known again
}

// newRowsRead chooses the readings that are sound where the statement runs: in a transaction of our own, or in the
// caller's, which may keep others out of the ranges that it has read or not. Nil: there is nothing to read.
func newRowsRead(p *writePlan, own, ranges bool) *rowsRead {
	read := &rowsRead{readings: make([]rowsOf, len(p.readings)), found: map[*recipe][][]driver.Value{}}
	useful := p.hasPaths
	for i := range p.readings {
		r := &p.readings[i]
		one := &read.readings[i]
		one.reading = r
		one.failed = r.Ranges && !own && !ranges || r.Alone && !own || r.Instead != "" && !r.inText && read.instead != nil
		if one.failed {
			continue
		}
		useful = true
		if r.Instead != "" && !r.inText {
			read.instead = &instead{text: r.Instead, parts: []*rowsOf{one}}
		}
		if r.Ident > 0 {
			one.seen = map[string]int{}
		}
	}
	if !useful {
		return nil
	}
	if p.instead != "" {
		read.instead = &instead{text: p.instead, parts: []*rowsOf{nil}, several: true}
		for i := range read.readings {
			one := &read.readings[i]
			switch {
			case one.reading.inText && one.reading.Part.Own():
				read.instead.parts[0] = one
			case one.reading.inText:
				read.instead.parts = append(read.instead.parts, one)
			}
		}
	}
	return read
}

// savepoint is the name of the savepoint that we set in a caller's transaction. One that a caller may have set too would
// hide the caller's, if it stays behind after an error.
var savepoint = fmt.Sprintf("moneyclip_%x", processToken)

// readFirst prepares the reading of rows, and reads those that are to be read before the statement. The error is for the
// caller: the transaction is over.
func (w *writing) readFirst(ctx context.Context) error {
	c := w.conn
	read := newRowsRead(w.plan.write, w.in == nil, w.in != nil && w.in.ranges)
	if read == nil || w.in != nil && w.in.mayBeOver {
		return nil
	}
	switch {
	case w.in == nil:
		c.owns = true
		if err := c.base.runAll(ctx, c.cache.dialect.Begin()); err != nil {
			c.owns = false
			if !c.cache.dialect.Settled(err) && c.IsValid() {
				c.rollBackOwn(ctx) // it may have begun all the same: what came next would be done in it, and not be committed
			}
			return w.lost(ctx, err)
		}
		w.own = true
	default:
		if c.cache.dialect.Aborts() {
			if err := c.base.run(ctx, "SAVEPOINT "+savepoint); err != nil {
				return w.lost(ctx, err)
			}
			w.saved = true
		}
		if err := w.lock(ctx); err != nil {
			if c.ended(err) {
				return err // a lock that is interrupted ends the transaction, and the statement would be run outside of it
			}
			return w.lost(ctx, err)
		}
	}
	if err := w.readBefore(ctx, read); err != nil {
		w.unread(ctx, err)
		if w.in != nil && !w.saved && c.cache.dialect.Settled(err) && c.ended(err) {
			return err
		}
		w.undo(ctx)
		if w.own || w.saved || c.cache.dialect.Waited(err) {
			return err // it could not be undone; or the statement would have waited for the same
		}
		return w.lost(ctx, err)
	}
	w.read = read
	return nil
}

// lost is the error, if it says that the statement need not be tried: its context is over, or its connection. Otherwise it is kept
// for a statement that cannot be sent any more.
func (w *writing) lost(ctx context.Context, err error) error {
	w.first = err
	if ctx.Err() != nil || errors.Is(err, driver.ErrBadConn) {
		return err
	}
	return nil
}

// told is the error for the caller. Where a connection was lost with what we sent before the statement, it is what the statement
// would have met with.
func (w *writing) told(err error) error {
	if w.first != nil && errors.Is(err, driver.ErrBadConn) {
		return w.first
	}
	return err
}

// lock takes the lock of a writer before the first read of the caller's transaction: reading first and writing then can
// fail where writing at once would have waited.
func (w *writing) lock(ctx context.Context) error {
	if w.in.wrote {
		return nil
	}
	for i := range w.plan.statement.Writes {
		lock := w.conn.cache.dialect.Lock(w.plan.statement.Writes[i].Table)
		if lock == "" {
			continue
		}
		if err := w.conn.base.run(ctx, lock); err != nil {
			return err
		}
		w.in.wrote = true
	}
	return nil
}

// undo undoes what was done for the reading's sake.
func (w *writing) undo(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	base := w.conn.base
	if w.own {
		w.own = !w.conn.rollBackOwn(ctx)
	}
	if w.saved && base.runAll(ctx, []string{"ROLLBACK TO SAVEPOINT " + savepoint, "RELEASE SAVEPOINT " + savepoint}) == nil {
		w.saved = false
	}
}

// ask reads rows that the statement touches, but no more than may be dropped one by one.
func (w *writing) ask(ctx context.Context, query string, args ...driver.Value) ([][]driver.Value, error) {
	return w.conn.base.askUpTo(ctx, w.conn.cache.maxKeys, query, args...)
}

func (w *writing) askFor(ctx context.Context, q *Query, more ...driver.Value) ([][]driver.Value, error) {
	values := make([]driver.Value, 0, len(q.Params)+len(more))
	for _, param := range q.Params {
		v, ok := argument(w.args, param, w.plan.statement.Params)
		if !ok || len(w.args) != len(w.plan.statement.Params) {
			return nil, fmt.Errorf("parameter %d is not understood", param)
		}
		values = append(values, v)
	}
	return w.ask(ctx, q.Text, append(values, more...)...)
}

func (w *writing) unread(ctx context.Context, err error) {
	if !errors.Is(err, errTooMany) && ctx.Err() == nil {
		// Not its text: a database may put arguments into that.
		w.conn.cache.logOnce("rows of a write could not be read: if it succeeds, it drops every key of the rules that it touches",
			"statement", w.plan.label(), "error", fmt.Sprintf("%T", err))
	}
}

// readBefore runs the readings' queries that come before the statement.
func (w *writing) readBefore(ctx context.Context, read *rowsRead) error {
	for i := range read.readings {
		one := &read.readings[i]
		if one.failed {
			continue
		}
		if one.reading.Mark.Text != "" {
			rows, err := w.askFor(ctx, &one.reading.Mark)
			if err != nil {
				return err
			}
			if len(rows) != 1 || len(rows[0]) != 1 {
				return errors.New("a mark is one value")
			}
			one.mark = rows[0][0]
		}
		for n := range one.reading.Locks {
			rows, err := w.askFor(ctx, &one.reading.Locks[n])
			if err != nil {
				return err
			}
			count, ok := countOf(rows)
			if !ok {
				return errors.New("a lock is one number")
			}
			if n == 0 {
				one.count = count
			}
		}
		if one.reading.Before.Text == "" {
			continue
		}
		rows, err := w.askFor(ctx, &one.reading.Before)
		if err != nil {
			return err
		}
		one.rows, one.before = rows, len(rows)
		if one.reading.Locks == nil {
			one.count = int64(len(rows))
		}
		if one.seen == nil {
			continue
		}
		for n, row := range rows {
			id, ok := one.identity(row)
			if !ok {
				return errors.New("a row has too long a key")
			}
			one.seen[id] = n
		}
	}
	return nil
}

// countOf is the one number of an answer.
func countOf(rows [][]driver.Value) (int64, bool) {
	if len(rows) != 1 || len(rows[0]) != 1 {
		return 0, false
	}
	switch v := rows[0][0].(type) {
	case int64:
		return v, true
	case []byte:
		n, err := strconv.ParseInt(string(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// identity is what a row is known by again. It reports false for one that is too long for that.
func (one *rowsOf) identity(row []driver.Value) (string, bool) {
	var id []byte
	for _, v := range row[max(0, len(row)-one.reading.Ident):] {
		var ok bool
		if id, ok = appendArgument(id, nil, v); !ok {
			return "", false
		}
	}
	return string(id), true
}

// changed reports whether a text runs that is not the caller's own.
func (w *writing) changed() bool { return w.read != nil && w.read.instead != nil }

// queryInstead runs the statement with the columns that are wanted besides its own. They are taken from the rows before
// the caller sees them.
func (w *writing) queryInstead(ctx context.Context) (*touchedRows, error) {
	in := w.read.instead
	rows, err := w.conn.base.query(ctx, in.text, w.args)
	if err != nil {
		return nil, err
	}
	added := in.added()
	all := len(rows.Columns())
	if all < added {
		in.fail() // it has touched rows all the same
		rows.Close()
		return nil, errors.New("moneyclip: the database has not returned the columns that were asked for")
	}
	return &touchedRows{described: described{base: rows}, writing: w, instead: in, row: make([]driver.Value, all), visible: all - added}, nil
}

// execInstead is queryInstead for a caller who wants no rows: the database has touched as many as it returns.
func (w *writing) execInstead(ctx context.Context) (driver.Result, error) {
	rows, err := w.queryInstead(ctx)
	if err != nil {
		return nil, err
	}
	for err == nil {
		_, err = rows.next()
	}
	closeErr := rows.Close()
	switch {
	case err != io.EOF: //nolint:errorlint // as database/sql compares it
		return nil, err
	case closeErr != nil:
		return nil, closeErr
	}
	return driver.RowsAffected(w.affected), nil
}

// counted are the rows of a statement with a row for each that it touches, if somebody has to know how many there are.
func (w *writing) counted(rows driver.Rows) driver.Rows {
	if w.read == nil || !w.plan.statement.Returns || !slices.ContainsFunc(w.read.readings, func(one rowsOf) bool { return one.reading.Counted }) {
		return rows
	}
	n := len(rows.Columns())
	return &touchedRows{described: described{base: rows}, writing: w, row: make([]driver.Value, n), visible: n}
}

// touchedRows are the rows that a statement returns for those which it touches, perhaps with more columns than its caller
// has asked for. It is used by one goroutine.
type touchedRows struct {
	described
	writing *writing
	instead *instead // takes what was added; nil: nothing was
	row     []driver.Value
	visible int
	count   int64
	ended   bool
}

var _ driver.Rows = (*touchedRows)(nil)

func (r *touchedRows) Columns() []string { return r.base.Columns()[:r.visible] }

func (r *touchedRows) Next(dest []driver.Value) error {
	own, err := r.next()
	for err == nil && (!own || r.visible == 0) {
		own, err = r.next() // the statement itself returns no such rows
	}
	if err == nil {
		copy(dest, r.row[:r.visible])
	}
	return err
}

// next reads a row, and takes what was added to it. It reports whether the row is one of the statement itself.
func (r *touchedRows) next() (own bool, err error) {
	err = nextValues(r.base, r.row)
	switch {
	case err == io.EOF: //nolint:errorlint // as database/sql compares it
		r.ended, r.writing.affected = true, r.count
	case err != nil:
		r.ended = true
		if r.instead != nil {
			r.instead.fail()
		}
	default:
		if r.instead != nil && slices.ContainsFunc(r.row[r.visible:], isFailed) {
			r.instead.fail()
		}
		own = r.instead == nil || r.instead.take(r.row[r.visible:], r.writing.conn.cache.maxKeys)
		if own {
			r.count++
		}
	}
	return own, err
}

// Close reads what the caller has left unread: those rows were touched too.
func (r *touchedRows) Close() error {
	for !r.ended {
		r.next()
	}
	return r.base.Close()
}

// take takes one row of the statement.
func (one *rowsOf) take(row []driver.Value, most int) {
	switch {
	case one.failed:
	case one.seen != nil:
		if !one.again(row) {
			one.failed = true // it has come to match since Before, and nobody knows what it was until then
		}
	case len(one.rows) >= most:
		one.failed, one.rows = true, nil
	default:
		kept := make([]driver.Value, len(row))
		for i, v := range row {
			kept[i] = clone(v)
		}
		one.rows = append(one.rows, kept)
	}
}

// again adds to a row of Before what is known of it now: one has the old values, the other the new ones. It reports false
// for a row that Before does not have.
func (one *rowsOf) again(row []driver.Value) bool {
	id, known := one.identity(row)
	n, ok := one.seen[id]
	if !ok || !known {
		return false
	}
	for i, v := range row {
		if one.rows[n][i] == nil {
			one.rows[n][i] = clone(v)
		}
	}
	return true
}

// attempt runs the statement. If it fails for what was added to it, that is undone and the statement runs as it was.
func (w *writing) attempt(ctx context.Context, run func(context.Context) error) error {
	err := run(ctx)
	if err == nil || w.read == nil || !w.own && !w.saved {
		return err
	}
	skipped := w.changed() && errors.Is(err, driver.ErrSkip)
	if !skipped && !w.conn.cache.dialect.Added(err) {
		return err
	}
	w.undo(ctx)
	if w.own || w.saved {
		return err // it could not be undone
	}
	w.read = nil
	w.unread(ctx, err)
	if !w.later {
		w.collect()
		if err := w.work.quarantine(ctx); err != nil {
			w.work = newWork(w.conn.cache, w.conn.session, w.conn.known) // it has come to nothing
			return err
		}
	}
	return run(ctx)
}

// readLast reads what is to be read after the statement, and compares. A failure of it must not undo the statement.
func (w *writing) readLast(ctx context.Context, err error) {
	c := w.conn
	aborts := c.cache.dialect.Aborts()
	switch {
	case w.read == nil, errors.Is(err, driver.ErrBadConn):
		return
	case err != nil && aborts:
		w.saved = false // the transaction can do no more, and nothing was written
		return
	}
	ctx = context.WithoutCancel(ctx)
	if w.saved {
		w.saved = false
		if c.base.run(ctx, "RELEASE SAVEPOINT "+savepoint) != nil {
			w.read = nil
			return
		}
	}
	for i := range w.read.readings {
		one := &w.read.readings[i]
		one.failed = one.failed || one.reading.Counted && w.affected != one.count
	}
	if w.wantsMore() {
		if aborts && c.base.run(ctx, "SAVEPOINT "+savepoint) != nil {
			w.read = nil
			return
		}
		readErr := w.readAfter(ctx)
		if readErr != nil {
			w.read = nil
			w.unread(ctx, readErr)
			if aborts {
				c.base.run(ctx, "ROLLBACK TO SAVEPOINT "+savepoint)
			}
		}
		if aborts {
			c.base.run(ctx, "RELEASE SAVEPOINT "+savepoint)
		}
	}
}

func (w *writing) wantsMore() bool {
	for i := range w.read.readings {
		r := w.read.readings[i].reading
		if r.After.Text != "" || r.Again != nil {
			return true
		}
	}
	return w.plan.write.hasPaths
}

const againRows = 500 // of one query of Reading.Again

func (w *writing) readAfter(ctx context.Context) error {
	for i := range w.read.readings {
		one := &w.read.readings[i]
		if one.failed {
			continue
		}
		if one.reading.After.Text != "" {
			var more []driver.Value
			if one.reading.Mark.Text != "" {
				more = []driver.Value{one.mark}
			}
			rows, err := w.askFor(ctx, &one.reading.After, more...)
			if err != nil {
				return err
			}
			one.rows = append(one.rows, rows...)
		}
		if one.reading.Again == nil {
			continue
		}
		before := one.rows[:one.before]
		for len(before) > 0 {
			n := min(len(before), againRows)
			text, args := one.reading.Again(before[:n])
			before = before[n:]
			rows, err := w.ask(ctx, text, args...)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if !one.again(row) {
					return errors.New("a row was not known again")
				}
			}
		}
	}
	return w.lookUp(ctx)
}
