package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// A fakeDB is a database in this process, with one user for each id but 404. Its queries can be kept on their way back,
// and it does nothing that keeps the time of a bubble from passing.
type fakeDB struct {
	*sql.DB
	cache *moneyclip.Cache
	state *fakeState
}

type fakeState struct {
	mu      sync.Mutex               // protects what follows
	asked   int                      // queries, the catalog's not counted
	schemas int                      // times that the catalog was read
	refused int                      // dials that have failed
	calls   []string                 // dials, closes, pings, prepares, begins, resets
	name    string                   // of all users
	gates   map[string]chan struct{} // :: query → closed when its rows may go back
	connect error                    // what connecting fails with; nil: it works
	reset   error                    // what resetting fails with; nil: it works
	takes   time.Duration            // each query
}

// note notes a call.
func (s *fakeState) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// failWith makes connecting and resetting fail from now on.
func (s *fakeState) failWith(connect, reset error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connect, s.reset = connect, reset
}

// wantCalls checks the calls since the last time.
func (f *fakeDB) wantCalls(t testing.TB, want ...string) {
	t.Helper()
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	if !slices.Equal(f.state.calls, want) {
		t.Errorf("got the calls %q, want %q", f.state.calls, want)
	}
	f.state.calls = nil
}

func openFake(t testing.TB, cfg moneyclip.Config) *fakeDB {
	t.Helper()
	return openFakeAs(t, sqlite.Dialect, cfg)
}

// openFakeAs opens one that speaks another dialect.
func openFakeAs(t testing.TB, dialect moneyclip.Dialect, cfg moneyclip.Config) *fakeDB {
	t.Helper()
	if cfg.Scope == "" {
		cfg.Scope = "fake"
	}
	cache, err := moneyclip.New(dialect, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	f := &fakeDB{state: newFakeState(), cache: cache}
	f.DB = sql.OpenDB(f.cache.Connector(fakeConnector{f.state}))
	t.Cleanup(func() { f.DB.Close() })
	return f
}

func newFakeState() *fakeState {
	return &fakeState{name: "user", gates: map[string]chan struct{}{}}
}

func (f *fakeDB) queries() int {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	return f.state.asked
}

// block keeps a query's rows on their way back until release is called.
func (f *fakeDB) block(query string) (release func()) {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	gate := make(chan struct{})
	f.state.gates[query] = gate
	return sync.OnceFunc(func() {
		f.unblock(query)
		close(gate)
	})
}

// unblock lets through those that come from now on.
func (f *fakeDB) unblock(query string) {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	delete(f.state.gates, query)
}

// wantRow reads a user as it is, or "no rows" for 404.
func (f *fakeDB) wantRow(t testing.TB, query string, id int64) {
	t.Helper()
	f.state.mu.Lock()
	want := fmt.Sprintf("%s %d", f.state.name, id)
	f.state.mu.Unlock()
	var got string
	err := f.QueryRowContext(t.Context(), query, id).Scan(new(int64), &got)
	if id == 404 {
		if err != sql.ErrNoRows { //nolint:errorlint // the very value
			t.Errorf("user %d: got %q, %v, want sql.ErrNoRows", id, got, err)
		}
		return
	}
	if err != nil || got != want {
		t.Errorf("user %d: got %q, %v, want %q", id, got, err, want)
	}
}

// wantQueries reads a user and checks how often the database was asked.
func (f *fakeDB) wantQueries(t testing.TB, want int, query string, id int64) {
	t.Helper()
	before := f.queries()
	f.wantRow(t, query, id)
	if got := f.queries() - before; got != want {
		t.Errorf("user %d: the database was asked %d times, want %d", id, got, want)
	}
}

type fakeConnector struct{ state *fakeState }

// dialledFor is the key of a value that a dial notes.
type dialledFor struct{}

func (c fakeConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if whom, ok := ctx.Value(dialledFor{}).(string); ok {
		c.state.note("for " + whom)
	}
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	if c.state.connect != nil {
		c.state.refused++
		return nil, c.state.connect
	}
	c.state.calls = append(c.state.calls, "dial")
	return &fakeConn{state: c.state}, nil
}

func (c fakeConnector) Driver() driver.Driver { return fakeDriver{c} }

type fakeDriver struct{ connector fakeConnector }

func (d fakeDriver) Open(string) (driver.Conn, error) {
	return d.connector.Connect(context.Background())
}

type fakeConn struct{ state *fakeState }

func (c *fakeConn) Close() error {
	c.state.note("close")
	return nil
}

func (c *fakeConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *fakeConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	c.state.note("begin")
	return fakeTx{}, nil
}

func (c *fakeConn) Prepare(query string) (driver.Stmt, error) {
	c.state.note("prepare")
	return &fakeStmt{c, query}, nil
}

func (c *fakeConn) Ping(context.Context) error {
	c.state.note("ping")
	return nil
}

func (c *fakeConn) ResetSession(context.Context) error {
	c.state.note("reset")
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	return c.state.reset
}

func (c *fakeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.state.mu.Lock()
	if query == catalogQuery {
		c.state.schemas++
	} else {
		c.state.asked++
	}
	gate := c.state.gates[query]
	name, takes := c.state.name, c.state.takes
	c.state.mu.Unlock()
	time.Sleep(takes)
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if query == catalogQuery {
		return catalogRows(), nil
	}
	rows := &fakeRows{names: []string{"id", "name"}}
	id := args[len(args)-1].Value
	if id != int64(404) {
		rows.rows = [][]driver.Value{{id, fmt.Sprintf("%s %v", name, id)}}
	}
	return rows, nil
}

func (c *fakeConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if query == renameUser {
		c.state.mu.Lock()
		c.state.name = args[0].Value.(string)
		c.state.mu.Unlock()
	}
	return driver.RowsAffected(1), nil
}

type fakeTx struct{}

func (fakeTx) Commit() error   { return nil }
func (fakeTx) Rollback() error { return nil }

type fakeStmt struct {
	conn  *fakeConn
	query string
}

func (s *fakeStmt) Close() error  { return nil }
func (s *fakeStmt) NumInput() int { return -1 }

func (s *fakeStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (s *fakeStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (s *fakeStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

func (s *fakeStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

// fakeRows are rows that are there already.
type fakeRows struct {
	names []string
	rows  [][]driver.Value
}

func (r *fakeRows) Columns() []string { return r.names }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

// catalogRows answer catalogQuery with tables.
func catalogRows() *fakeRows {
	rows := &fakeRows{names: []string{"type", "name", "tbl_name", "sql"}}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		rows.rows = append(rows.rows, []driver.Value{"table", name, name, tables[name]})
	}
	return rows
}
