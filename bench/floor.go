package bench

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"
	"time"
)

// The row that is read everywhere has 8 columns and about 220 bytes.
type item struct {
	id         int64
	owner      int64
	name, note string
	price      float64
	text       string
	sold       bool
	made       time.Time
}

const (
	columns     = "id, owner, name, note, price, text, sold, made"
	nameLen     = 40
	noteLen     = 60
	textLen     = 80
	rowBytes    = nameLen + noteLen + textLen + 4*8 + 1 // of an item
	selectFloor = "SELECT " + columns + " FROM item WHERE id = ?"
	selectOther = "SELECT " + columns + " FROM other WHERE id = ?" // no rule names it
	updateOther = "UPDATE other SET name = 'x' WHERE id = ?"
)

func (w *item) scan(row *sql.Row) error {
	return row.Scan(&w.id, &w.owner, &w.name, &w.note, &w.price, &w.text, &w.sold, &w.made)
}

// A floor is a driver that gives back one constant row and does nothing else: what is left is what database/sql costs.
// Statements on the schema go to a real SQLite, so that a cache can be put above it.
type floor struct {
	base driver.Connector
}

func (f *floor) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := f.base.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &floorConn{Conn: c}, nil
}

func (f *floor) Driver() driver.Driver { return f.base.Driver() }

type floorConn struct {
	driver.Conn
	rows floorRows
}

var floorNames = strings.Split(columns, ", ")

func (c *floorConn) CheckNamedValue(nv *driver.NamedValue) error {
	if _, ok := nv.Value.(int64); ok {
		return nil
	}
	return driver.ErrSkip
}

func (c *floorConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if !strings.HasPrefix(query, "SELECT "+columns) {
		return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	}
	c.rows.done = false
	return &c.rows, nil
}

func (c *floorConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if strings.HasPrefix(query, "UPDATE") {
		return driver.ResultNoRows, nil
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

type floorRows struct{ done bool }

var floorRow = []driver.Value{
	int64(1), int64(1), strings.Repeat("a", nameLen), strings.Repeat("b", noteLen), 3.25, strings.Repeat("c", textLen), true,
	time.Unix(1, 0).UTC(),
}

func (r *floorRows) Columns() []string { return floorNames }
func (r *floorRows) Close() error      { return nil }

func (r *floorRows) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done = true
	copy(dest, floorRow)
	return nil
}
