package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
)

// What *sql.DB, *sql.Conn and *sql.Tx have in common.
type (
	queryer interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
	execer interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}
)

// A fixture is one SQLite database in a file: once through a cache, and once without.
type fixture struct {
	*sql.DB
	cache *moneyclip.Cache
	bare  *sql.DB
	dsn   string
	wire  *wire
	log   *logged
}

// open makes a database with a schema.
func open(t testing.TB, schema string, cfg moneyclip.Config) *fixture {
	t.Helper()
	f := &fixture{wire: new(wire), log: new(logged)}
	f.dsn = "file:" + filepath.Join(t.TempDir(), "test.db") + "?_journal=WAL&_sync=OFF&_busy_timeout=10000&_foreign_keys=on"
	var err error
	if f.bare, err = sql.Open("sqlite3", f.dsn); err != nil {
		t.Fatal(err)
	}
	f.bare.SetMaxIdleConns(0) // a connection that has just inserted says so in the result of whatever comes next
	if _, err := f.bare.Exec(schema); err != nil {
		t.Fatal(err)
	}
	f.bare.SetMaxIdleConns(2)
	if cfg.Logger == nil {
		cfg.Logger = f.log.logger()
	}
	f.cache = newCache(t, cfg)
	f.DB = f.through(t, f.cache, f.dsn)
	t.Cleanup(func() { f.bare.Close() })
	return f
}

// through opens the fixture's database through a cache.
func (f *fixture) through(t testing.TB, cache *moneyclip.Cache, dsn string) *sql.DB {
	t.Helper()
	connector, err := cache.Driver(&wireDriver{wire: f.wire}).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	return db
}

// sent returns what was sent to the database since the last call, but for what the cache asks at every dial.
func (f *fixture) sent() []string {
	f.wire.mu.Lock()
	defer f.wire.mu.Unlock()
	sent := f.wire.sent
	f.wire.sent = nil
	return slices.DeleteFunc(sent, func(s string) bool {
		return strings.Contains(s, "pragma_database_list") || strings.Contains(s, "sqlite_master")
	})
}

// wantSent checks what was sent to the database since the last call.
func (f *fixture) wantSent(t testing.TB, want ...string) {
	t.Helper()
	if got := f.sent(); !slices.Equal(got, want) {
		t.Errorf("sent to the database:\n got %q\nwant %q", got, want)
	}
}

// read returns the first row of a query as text, and whether the database was asked.
func (f *fixture) read(t testing.TB, query string, args ...any) (row string, asked bool) {
	t.Helper()
	f.sent()
	row = readRow(t, f.DB, query, args...)
	return row, len(f.sent()) > 0
}

// wantHit checks that a query is answered by the cache, as the database would.
func (f *fixture) wantHit(t testing.TB, query string, args ...any) {
	t.Helper()
	f.want(t, false, query, args...)
}

// wantMiss checks that a query is answered by the database, as it is.
func (f *fixture) wantMiss(t testing.TB, query string, args ...any) {
	t.Helper()
	f.want(t, true, query, args...)
}

func (f *fixture) want(t testing.TB, wantAsked bool, query string, args ...any) {
	t.Helper()
	got, asked := f.read(t, query, args...)
	if want := readRow(t, f.bare, query, args...); got != want {
		t.Errorf("%s %v: got %s, the database holds %s", query, args, got, want)
	}
	if asked != wantAsked {
		t.Errorf("%s %v: got a hit: %t, want %t", query, args, !asked, !wantAsked)
	}
}

// warm reads a query until it is stored.
func (f *fixture) warm(t testing.TB, query string, args ...any) {
	t.Helper()
	f.read(t, query, args...)
	f.wantHit(t, query, args...)
}

// readRow returns the first row of a query as text.
func readRow(t testing.TB, db queryer, query string, args ...any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	text := textOf(t, rows, 1)
	if len(text) == 0 {
		return "no rows"
	}
	return text[0]
}

// textOf returns at most n rows as text that shows the types of their values; n < 0: all.
func textOf(t testing.TB, rows *sql.Rows, n int) []string {
	t.Helper()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]any, len(columns))
	dest := make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	var all []string
	for n != 0 && rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%#v", values))
		n--
	}
	if n != 0 && rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return all
}

// A wire notes what goes to a database.
type wire struct {
	mu   sync.Mutex
	sent []string                // protected by mu
	fail func(text string) error // protected by mu; nil: nothing fails
	done func(text string)       // protected by mu; called when a statement was carried out and nobody knows yet; nil: nothing
}

// note notes a statement, and returns the error that it is to fail with.
func (w *wire) note(text string) error {
	w.mu.Lock()
	w.sent = append(w.sent, text)
	fail := w.fail
	w.mu.Unlock()
	if fail != nil {
		return fail(text)
	}
	return nil
}

// carriedOut tells of a statement that was carried out.
func (w *wire) carriedOut(text string) {
	w.mu.Lock()
	done := w.done
	w.mu.Unlock()
	if done != nil {
		done(text)
	}
}

// whenDone sets what is called when a statement was carried out, before its caller hears of it.
func (w *wire) whenDone(done func(text string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = done
}

// failWith makes statements fail before the database sees them.
func (w *wire) failWith(fail func(text string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = fail
}

// panicAt has the driver panic at a statement while run runs.
func (w *wire) panicAt(t *testing.T, statement string, run func()) {
	t.Helper()
	w.failWith(func(text string) error {
		if text == statement {
			panic("out of memory")
		}
		return nil
	})
	defer w.failWith(nil)
	defer func() {
		if recover() == nil {
			t.Error("got no panic")
		}
	}()
	run()
}

// wireDriver is mattn's driver with a wire.
type wireDriver struct {
	sqlite3.SQLiteDriver
	wire *wire
}

func (d *wireDriver) Open(dsn string) (driver.Conn, error) {
	base, err := d.SQLiteDriver.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &wireConn{base.(*sqlite3.SQLiteConn), d.wire}, nil
}

type wireConn struct {
	*sqlite3.SQLiteConn
	wire *wire
}

func (c *wireConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.wire.note(query); err != nil {
		return nil, err
	}
	return c.SQLiteConn.QueryContext(ctx, query, args)
}

func (c *wireConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.wire.note(query); err != nil {
		return nil, err
	}
	result, err := c.SQLiteConn.ExecContext(ctx, query, args)
	c.wire.carriedOut(query)
	return result, err
}

func (c *wireConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.wire.note("begin"); err != nil {
		return nil, err
	}
	tx, err := c.SQLiteConn.BeginTx(ctx, opts)
	return wireTx{tx, c.wire}, err
}

func (c *wireConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.wire.note("prepare " + query); err != nil {
		return nil, err
	}
	stmt, err := c.SQLiteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &wireStmt{stmt.(*sqlite3.SQLiteStmt), c.wire, query}, nil
}

type wireTx struct {
	driver.Tx
	wire *wire
}

func (t wireTx) Commit() error {
	if err := t.wire.note("commit"); err != nil {
		return err
	}
	err := t.Tx.Commit()
	t.wire.carriedOut("commit")
	return err
}

func (t wireTx) Rollback() error {
	if err := t.wire.note("rollback"); err != nil {
		return err
	}
	return t.Tx.Rollback()
}

type wireStmt struct {
	*sqlite3.SQLiteStmt
	wire  *wire
	query string
}

func (s *wireStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.wire.note("run " + s.query); err != nil {
		return nil, err
	}
	return s.SQLiteStmt.QueryContext(ctx, args)
}

func (s *wireStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.wire.note("run " + s.query); err != nil {
		return nil, err
	}
	return s.SQLiteStmt.ExecContext(ctx, args)
}
