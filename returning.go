package moneyclip

import (
	"database/sql/driver"
	"io"
)

// returning are the rows of a write that returns some. The write is over when they are closed or at their end.
type returning struct {
	described
	end    func(err error) error // says what the caller is to hear
	over   bool                  // end was called
	closed bool
	failed error // what the last Next said
}

var _ allRows = (*returning)(nil)

func (r *returning) Next(dest []driver.Value) error { return r.stepped(r.base.Next(dest)) }

// stepped is told what the base's rows have said to a step, and returns what the caller is to hear.
func (r *returning) stepped(err error) error {
	switch {
	case err == nil:
		return nil
	case err != io.EOF: //nolint:errorlint // as database/sql compares it
		r.failed = err
		return err
	case hasNextResultSet(r.base):
		return err
	}
	if err := r.Close(); err != nil {
		return err
	}
	return io.EOF
}

// Close closes the base's rows, once: some drivers do not survive a second time.
func (r *returning) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.base.Close()
	if r.over {
		return err
	}
	r.over = true
	if r.failed != nil {
		r.end(r.failed) // the caller has heard of it
		return err
	}
	return r.end(err)
}

// fetch reads the rows to their end and ends the write. The rows go on to give out what was read.
func (r *returning) fetch() {
	if r.over || r.failed != nil || hasNextResultSet(r.base) {
		return
	}
	a := &ahead{described: described{row: new(shape).of(r.base), base: r.base}}
	var last error
	for last == nil {
		values := make([]driver.Value, len(a.row.names))
		if last = r.base.Next(values); last == nil {
			for i := range values {
				values[i] = clone(values[i])
			}
			a.queue = append(a.queue, result{values: values})
		}
	}
	r.settle(a, last)
}

// settle ends the write after its rows were read to their last error. The ahead takes their place.
func (r *returning) settle(a *ahead, last error) {
	a.closed, a.closeErr = true, r.base.Close()
	r.over = true
	failed := a.closeErr
	if last != io.EOF { //nolint:errorlint // as database/sql compares it
		// A caller who does not read as far hears of it by Close, which reads the base's rows to their end.
		failed, a.closeErr = last, last
	}
	if err := r.end(failed); last == io.EOF && err != nil { //nolint:errorlint // as database/sql compares it
		last, a.closeErr = err, err
	}
	a.queue = append(a.queue, result{err: last})
	r.base = a
}

func (r *returning) HasNextResultSet() bool { return hasNextResultSet(r.base) }

func (r *returning) NextResultSet() error {
	if next, ok := r.base.(driver.RowsNextResultSet); ok {
		return next.NextResultSet()
	}
	return io.EOF
}
