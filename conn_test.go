package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/DATA-DOG/go-sqlmock"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// What goes over the wire: the questions of a dial, and then nothing that the caller has not sent.

func TestConnAsksOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, scope string
	}{
		{"identity and catalog", ""},
		{"catalog alone", "test"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := openMock(t, moneyclip.Config{Scope: test.scope, Rules: []moneyclip.Rule{userRule}})
			if test.scope == "" {
				rows := sqlmock.NewRows([]string{"file", "attached", "temp", "dirty", "full", "short", "reverse", "like"})
				m.ExpectQuery(identityQuery).WillReturnRows(rows.AddRow("", 0, 0, 0, 0, 1, 0, 1))
			}
			m.expectCatalog()
			m.expectUser(1, "ada") // a miss sends the caller's statement and nothing more
			for range 3 {
				wantUser(t, m.DB, 1, "ada")
			}
			m.ExpectExec("UPDATE users SET name = ? WHERE id = ?").WithArgs("bob", 1).WillReturnResult(sqlmock.NewResult(0, 1))
			exec(t, m, "UPDATE users SET name = ? WHERE id = ?", "bob", 1)
			m.expectUser(1, "bob")
			for range 3 {
				wantUser(t, m.DB, 1, "bob")
			}
			got := m.cache.Stats().RuleStats
			got.DatabaseTime = 0
			want := moneyclip.RuleStats{Hits: 4, Misses: 2, Fills: 2, Invalidations: 1}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// identityQuery is how the SQLite dialect asks a database who it is.
const identityQuery = `SELECT
	(SELECT file FROM pragma_database_list WHERE name = 'main'),
	(SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main', 'temp')),
	(SELECT count(*) FROM sqlite_temp_master),
	(SELECT read_uncommitted FROM pragma_read_uncommitted),
	(SELECT full_column_names FROM pragma_full_column_names),
	(SELECT short_column_names FROM pragma_short_column_names),
	(SELECT reverse_unordered_selects FROM pragma_reverse_unordered_selects),
	'a' LIKE 'A'`

func TestConnDoesNotAnswer(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	// A database that does not let itself be asked is used like any other, and not cached.
	m.ExpectQuery(catalogQuery).WillReturnError(errors.New("no such table: sqlite_master"))
	for range 3 {
		m.expectUser(1, "ada")
		wantUser(t, m.DB, 1, "ada")
	}
	m.ExpectExec("DELETE FROM users").WillReturnResult(sqlmock.NewResult(0, 1))
	exec(t, m, "DELETE FROM users")
	if got := m.cache.Stats().RuleStats; got != (moneyclip.RuleStats{}) {
		t.Errorf("got %+v, want nothing", got)
	}
}

func TestConnErrorsPassUnchanged(t *testing.T) {
	t.Parallel()
	own := &driverError{"UNIQUE constraint failed"}
	const (
		pinned = "UPDATE users SET name = 'x' WHERE id = 1"
		plain  = "UPDATE other SET name = 'x'"
		free   = "SELECT 1"
	)
	for _, want := range []error{own, driver.ErrBadConn, context.DeadlineExceeded} {
		t.Run(want.Error(), func(t *testing.T) {
			t.Parallel()
			m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
			m.expectCatalog()
			m.fill(t)
			ctx := t.Context()
			conn, err := m.Conn(ctx) // which does not try again on another connection, as the pool does
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()

			var n int64
			m.ExpectQuery(selectUser).WithArgs(2).WillReturnError(want)
			errIs(t, conn.QueryRowContext(ctx, selectUser, 2).Scan(&n), want)
			if want == driver.ErrBadConn { //nolint:errorlint // the very value
				return // the connection is gone
			}
			m.ExpectQuery(free).WillReturnError(want)
			errIs(t, conn.QueryRowContext(ctx, free).Scan(&n), want)
			m.ExpectExec(pinned).WillReturnError(want)
			_, err = conn.ExecContext(ctx, pinned)
			errIs(t, err, want)
			m.ExpectExec(plain).WillReturnError(want)
			_, err = conn.ExecContext(ctx, plain)
			errIs(t, err, want)
			m.ExpectPrepare(free).WillReturnError(want)
			_, err = conn.PrepareContext(ctx, free)
			errIs(t, err, want)
			m.ExpectBegin().WillReturnError(want)
			_, err = conn.BeginTx(ctx, nil)
			errIs(t, err, want)
			m.ExpectBegin()
			m.ExpectCommit().WillReturnError(want)
			tx, err := conn.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			errIs(t, tx.Commit(), want)
			m.ExpectBegin()
			m.ExpectRollback().WillReturnError(want)
			if tx, err = conn.BeginTx(ctx, nil); err != nil {
				t.Fatal(err)
			}
			errIs(t, tx.Rollback(), want)
		})
	}
}

// driverError is an error type of a driver, of no interest to the cache.
type driverError struct{ text string }

func (e *driverError) Error() string { return e.text }

// The pool tries again on another connection after ErrBadConn. That is only safe because it says that nothing was done.
func TestConnBadConnIsTriedAgain(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	m.expectCatalog()
	m.fill(t)
	const update = "UPDATE users SET name = 'x' WHERE id = 1"
	m.ExpectExec(update).WillReturnError(driver.ErrBadConn)
	m.ExpectClose() // of the bad connection; the second one trusts the catalog of the first
	m.ExpectExec(update).WillReturnResult(sqlmock.NewResult(0, 1))
	exec(t, m, update)
	m.expectUser(1, "x")
	wantUser(t, m.DB, 1, "x")
	wantUser(t, m.DB, 1, "x")
}

// A connection dials when it first needs the database.

func TestConnHitNeedsNoDatabase(t *testing.T) {
	t.Parallel()
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.SetMaxIdleConns(0) // so that each call gets a new connection
	gone := &driverError{"connection refused"}

	// Before the first dial it is not known which database this is.
	f.state.failWith(gone, nil)
	if err := f.QueryRow(selectUser, 1).Scan(new(int), new(string)); err != error(gone) { //nolint:errorlint // the very value
		t.Errorf("got %v, want the driver's own error", err)
	}
	f.state.failWith(nil, nil)
	f.wantQueries(t, 1, selectUser, 1)
	f.wantCalls(t, "dial", "close")

	f.state.failWith(gone, nil)
	for range 3 {
		f.wantQueries(t, 0, selectUser, 1)
	}
	conn := raw(t, f.DB)
	wantUser(t, conn, 1, "user 1")
	f.wantCalls(t)

	// All that needs the database fails as it would without the cache.
	ctx := t.Context()
	for name, err := range map[string]error{
		"miss":     f.QueryRow(selectUser, 2).Scan(new(int), new(string)),
		"ping":     f.Ping(),
		"exec":     second(f.Exec(renameUser, "x", 1)),
		"prepare":  second(f.Prepare(selectUser)),
		"begin":    second(f.Begin()),
		"bypass":   f.QueryRowContext(moneyclip.Bypass(ctx), selectUser, 1).Scan(new(int), new(string)),
		"on conn":  second(conn.ExecContext(ctx, renameUser, "x", 1)),
		"raw":      moneyclip.Raw(conn, func(any) error { return nil }),
		"dropping": moneyclip.Invalidate(ctx, f.DB, "user", 1),
	} {
		if err != error(gone) { //nolint:errorlint // the very value
			t.Errorf("%s: got %v, want the driver's own error", name, err)
		}
	}
	wantUser(t, conn, 1, "user 1")

	// The connection that could not dial dials when that is possible again.
	f.state.failWith(nil, nil)
	exec(t, conn, renameUser, "x", 1)
	f.wantCalls(t, "dial")
	f.wantQueries(t, 1, selectUser, 1)
}

func second[T any](_ T, err error) error { return err }

// setsDefaults is a dialect with a statement that changes what sessions begin with.
type setsDefaults struct{ moneyclip.Dialect }

func (d setsDefaults) Analyze(query string, catalog *moneyclip.Catalog) moneyclip.Statement {
	if query == "SET DEFAULTS" {
		return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "sets what sessions begin with", Defaults: true}
	}
	return d.Dialect.Analyze(query, catalog)
}

// slowConnector holds up the next dial if it is told to.
type slowConnector struct {
	driver.Connector
	next atomic.Pointer[heldUp]
}

type heldUp struct{ dialed, goOn chan struct{} }

func (s *slowConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := s.Connector.Connect(ctx)
	if h := s.next.Swap(nil); h != nil {
		close(h.dialed)
		<-h.goOn
	}
	return c, err
}

// After a statement that changes what sessions begin with, it is not taken for known how one begins, also if a dial that was under way comes
// to its end.
func TestConnAfterDefaults(t *testing.T) {
	t.Parallel()
	cache, err := moneyclip.New(setsDefaults{sqlite.Dialect}, moneyclip.Config{Scope: "fake", Rules: []moneyclip.Rule{userRule}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	f := &fakeDB{state: newFakeState(), cache: cache}
	slow := &slowConnector{Connector: fakeConnector{f.state}}
	f.DB = sql.OpenDB(cache.Connector(slow))
	t.Cleanup(func() { f.DB.Close() })
	f.SetMaxIdleConns(0)
	f.wantQueries(t, 1, selectUser, 1)
	f.wantCalls(t, "dial", "close")
	f.wantQueries(t, 0, selectUser, 1)
	f.wantCalls(t)
	open := raw(t, f.DB)
	exec(t, open, "SET DEFAULTS")
	f.wantCalls(t, "dial")
	f.wantQueries(t, 0, selectUser, 1)
	f.wantCalls(t, "dial", "close")
	f.wantQueries(t, 0, selectUser, 1)
	f.wantCalls(t)

	under := heldUp{make(chan struct{}), make(chan struct{})}
	slow.next.Store(&under)
	pinged := make(chan error)
	go func() { pinged <- f.Ping() }()
	<-under.dialed
	exec(t, open, "SET DEFAULTS")
	f.wantCalls(t, "dial")
	close(under.goOn)
	if err := <-pinged; err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "ping", "close")
	f.wantQueries(t, 0, selectUser, 1)
	f.wantCalls(t, "dial", "close")
	f.wantQueries(t, 0, selectUser, 1)
	f.wantCalls(t)
}

func TestConnDials(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, test := range []struct {
		name string
		use  func(f *fakeDB) error
		want []string
	}{
		{"hit", func(f *fakeDB) error { return f.QueryRow(selectUser, 1).Scan(new(int), new(string)) }, nil},
		{"conn", func(f *fakeDB) error {
			conn, err := f.Conn(ctx)
			return errors.Join(err, conn.Close())
		}, nil},
		{"ping", func(f *fakeDB) error { return f.Ping() }, []string{"dial", "ping"}},
		{"begin", func(f *fakeDB) error {
			tx, err := f.Begin()
			return errors.Join(err, tx.Rollback())
		}, []string{"dial", "begin"}},
		{"prepare", func(f *fakeDB) error { return second(f.Prepare(selectUser)) }, []string{"dial", "prepare"}},
		{"exec", func(f *fakeDB) error { return second(f.Exec(renameUser, "user", 2)) }, []string{"dial"}},
		{"miss", func(f *fakeDB) error { return f.QueryRow(selectUser, 2).Scan(new(int), new(string)) }, []string{"dial"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
			f.SetMaxIdleConns(0)
			f.wantQueries(t, 1, selectUser, 1)
			f.SetMaxIdleConns(2)
			f.wantCalls(t, "dial", "close")
			if err := test.use(f); err != nil {
				t.Fatal(err)
			}
			f.wantCalls(t, test.want...)
		})
	}
}

// Hooks of a base that connects see what the context of the one had in it who wanted the connection, and not who needs it first.
func TestConnDialsFor(t *testing.T) {
	t.Parallel()
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	ctx := func(whom string) context.Context { return context.WithValue(t.Context(), dialledFor{}, whom) }
	c, err := f.Conn(ctx("one"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx("another"), renameUser, "x", 1); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "for one", "dial")
}

// A reset waits until the connection is used for more than a hit.
func TestConnResetIsPutOff(t *testing.T) {
	t.Parallel()
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.wantRow(t, selectUser, 1)
	f.wantCalls(t, "dial")
	for range 3 {
		f.wantRow(t, selectUser, 1)
	}
	f.wantCalls(t)
	f.wantRow(t, selectUser, 2)
	f.wantCalls(t, "reset")
	conn := raw(t, f.DB)
	for id := range 3 {
		wantUser(t, conn, int64(10+id), fmt.Sprintf("user 1%d", id))
	}
	f.wantCalls(t, "reset") // once for each time that it was taken from the pool
}

// A connection whose reset says that it is dead is dialed again from within: sql.Conn would not try another.
func TestConnRedials(t *testing.T) {
	t.Parallel()
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.SetMaxOpenConns(1)
	f.wantRow(t, selectUser, 1)
	stmt, err := f.Prepare("SELECT name, id FROM users WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "dial", "reset", "prepare")
	conn := raw(t, f.DB)
	f.state.failWith(nil, driver.ErrBadConn)
	wantUser(t, conn, 2, "user 2")
	f.wantCalls(t, "reset", "close", "dial")
	wantUser(t, conn, 3, "user 3")
	wantUser(t, conn, 1, "user 1") // a hit
	f.wantCalls(t)
	conn.Close()

	// What was prepared on the dead one is prepared again.
	f.state.failWith(nil, nil)
	for range 2 {
		if err := stmt.QueryRow(4).Scan(new(int64), new(string)); err != nil {
			t.Fatal(err)
		}
	}
	f.wantCalls(t, "reset", "prepare")
	if err := stmt.Close(); err != nil {
		t.Error(err)
	}

	// A reset that fails otherwise says nothing of the connection, as database/sql has it.
	f.state.failWith(nil, errors.New("no"))
	f.wantRow(t, selectUser, 5)
	f.wantCalls(t, "reset")

	// If it cannot be dialed either, that is the error.
	gone := &driverError{"connection refused"}
	f.state.failWith(gone, driver.ErrBadConn)
	if err := f.QueryRow(selectUser, 6).Scan(new(int), new(string)); err != error(gone) { //nolint:errorlint // the very value
		t.Errorf("got %v, want the driver's own error", err)
	}
	f.wantQueries(t, 0, selectUser, 1)
}

// A pool of a cache that was opened with the database down starts to serve when the database has come up.
func TestConnStartsWithoutDatabase(t *testing.T) {
	t.Parallel()
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.state.failWith(errors.New("connection refused"), nil)
	for range 2 {
		if err := f.Ping(); err == nil {
			t.Error("got no error from a database that is down")
		}
	}
	f.state.failWith(nil, nil)
	f.wantQueries(t, 1, selectUser, 1)
	f.wantQueries(t, 0, selectUser, 1)
}

// Cancelled contexts fail before anybody is asked, cache or not.
func TestConnContextDone(t *testing.T) {
	t.Parallel()
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.wantRow(t, selectUser, 1)
	f.wantCalls(t, "dial")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	errIs(t, f.QueryRowContext(ctx, selectUser, 1).Scan(new(int), new(string)), context.Canceled)
	errIs(t, second(f.ExecContext(ctx, renameUser, "x", 1)), context.Canceled)
	f.wantCalls(t)
}

// A program's logger may write to the very database.
func TestLoggerThatWrites(t *testing.T) {
	t.Parallel()
	log := new(writingLog)
	f := open(t, shop, moneyclip.Config{Logger: slog.New(log), Rules: []moneyclip.Rule{userRule, {Name: "idle", Key: "idle:%d", Query: "SELECT name FROM nowhere_else WHERE id = ?", On: []moneyclip.On{{Table: "users"}}}}})
	exec(t, f.bare, "CREATE TABLE log (message TEXT)")
	log.db.Store(f.DB)
	f.wantMiss(t, selectUser, 1)
	exec(t, f.DB, "UPDATE users SET email = 'x' WHERE random() < 0 AND 1 = 0") // a text that may be logged
	exec(t, f.DB, "ALTER TABLE users ADD COLUMN more TEXT")                    // and rules that are bound again
	f.read(t, selectUser, 1)
	if log.written.Load() == 0 {
		t.Error("nothing was logged")
	}
}

// A writingLog writes each message to a database.
type writingLog struct {
	slog.Handler
	db      atomic.Pointer[sql.DB]
	written atomic.Int32
}

func (l *writingLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *writingLog) Handle(ctx context.Context, r slog.Record) error {
	if db := l.db.Load(); db != nil {
		l.written.Add(1)
		_, err := db.ExecContext(ctx, "INSERT INTO log (message) VALUES (?)", r.Message)
		return err
	}
	return nil
}
