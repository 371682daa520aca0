package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A floorDB is what database/sql costs by itself: its driver gives back one constant row, without any work and without
// an allocation of its own. Nothing that goes through database/sql can cost less.
func floorDB(t testing.TB) *sql.DB {
	t.Helper()
	db := sql.OpenDB(floorConnector{})
	t.Cleanup(func() { db.Close() })
	return db
}

// wideDB is the same driver beneath a cache that has a rule for its row.
func wideDB(t testing.TB) (*sql.DB, *moneyclip.Cache) {
	t.Helper()
	cache := newCache(t, moneyclip.Config{
		Scope: "floor",
		Rules: []moneyclip.Rule{{Key: "wide-%d", Table: "wide", By: []string{"id"}}},
	})
	db := sql.OpenDB(cache.Connector(floorConnector{}))
	t.Cleanup(func() { db.Close() })
	return db, cache
}

const (
	selectWide   = "SELECT id, a, b, c, d, e, f, g FROM wide WHERE id = ?"
	selectNarrow = "SELECT id, a, b, c, d, e, f, g FROM narrow WHERE id = ?" // no rule names it
	updateNarrow = "UPDATE narrow SET a = 'x' WHERE id = ?"
	updateWide   = "UPDATE wide SET a = 'x' WHERE id = ?"
)

// wideRow has 8 columns and about 220 bytes.
var wideRow = []driver.Value{
	int64(1), strings.Repeat("a", 40), strings.Repeat("b", 60), 3.25, strings.Repeat("d", 80), true, time.Unix(1, 0).UTC(), nil,
}

// wide is what a program scans wideRow into.
type wide struct {
	id   int64
	a, b string
	c    float64
	d    string
	e    bool
	f    time.Time
	g    sql.NullString
}

func (w *wide) scan(row *sql.Row) error {
	return row.Scan(&w.id, &w.a, &w.b, &w.c, &w.d, &w.e, &w.f, &w.g)
}

type floorConnector struct{}

func (floorConnector) Connect(context.Context) (driver.Conn, error) {
	return &floorConn{rows: &floorRows{}}, nil
}

func (floorConnector) Driver() driver.Driver { return fakeDriver{} }

type floorConn struct{ rows *floorRows }

func (c *floorConn) Close() error              { return nil }
func (c *floorConn) Begin() (driver.Tx, error) { return fakeTx{}, nil }

func (c *floorConn) Prepare(string) (driver.Stmt, error) { return floorStmt{c}, nil }

func (c *floorConn) CheckNamedValue(nv *driver.NamedValue) error {
	switch nv.Value.(type) {
	case int64, string, nil:
		return nil
	}
	return driver.ErrSkip
}

func (c *floorConn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if query == catalogQuery {
		rows := &fakeRows{names: []string{"type", "name", "tbl_name", "sql"}}
		for _, name := range []string{"narrow", "wide"} {
			const columns = " (id INTEGER PRIMARY KEY, a TEXT, b TEXT, c REAL, d TEXT, e BOOL, f DATETIME, g TEXT)"
			rows.rows = append(rows.rows, []driver.Value{"table", name, name, "CREATE TABLE " + name + columns})
		}
		return rows, nil
	}
	c.rows.done = false
	return c.rows, nil
}

func (c *floorConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

type floorStmt struct{ conn *floorConn }

func (s floorStmt) Close() error                               { return nil }
func (s floorStmt) NumInput() int                              { return -1 }
func (s floorStmt) Exec([]driver.Value) (driver.Result, error) { return driver.ResultNoRows, nil }
func (s floorStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (s floorStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, "", args)
}

func (s floorStmt) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, nil
}

type floorRows struct{ done bool }

var wideNames = strings.Fields("id a b c d e f g")

func (r *floorRows) Columns() []string { return wideNames }
func (r *floorRows) Close() error      { return nil }

func (r *floorRows) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done = true
	copy(dest, wideRow)
	return nil
}

// A task is something that a program does over and over, on a database of its own.
type task struct {
	name string
	make func(t testing.TB, db *sql.DB) func()
}

// hitTasks are reads that the cache answers; passTasks go on to the driver.
var (
	hitTasks = []task{
		{"QueryRow", queryRow(context.Background(), selectWide)},
		{"prepared", prepared(selectWide)},
	}
	passTasks = []task{
		{"read", queryRow(context.Background(), selectNarrow)},
		{"prepared read", prepared(selectNarrow)},
		{"write", func(t testing.TB, db *sql.DB) func() {
			return func() {
				if _, err := db.Exec(updateNarrow, int64(1)); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}
)

func queryRow(ctx context.Context, query string) func(t testing.TB, db *sql.DB) func() {
	return func(t testing.TB, db *sql.DB) func() {
		var w wide
		return func() {
			if err := w.scan(db.QueryRowContext(ctx, query, int64(1))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func prepared(query string) func(t testing.TB, db *sql.DB) func() {
	return func(t testing.TB, db *sql.DB) func() {
		stmt, err := db.Prepare(query)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stmt.Close() })
		var w wide
		return func() {
			if err := w.scan(stmt.QueryRow(int64(1))); err != nil {
				t.Fatal(err)
			}
		}
	}
}
