package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/DATA-DOG/go-sqlmock"
	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
)

const renameUser = "UPDATE users SET name = ? WHERE id = ?"

// beginMock starts a transaction that has renamed user 1.
func beginMock(t *testing.T, ctx context.Context, m *mocked) *sql.Tx { //nolint:revive // the test comes first
	t.Helper()
	m.expectCatalog()
	m.fill(t)
	m.ExpectBegin()
	m.ExpectExec(renameUser).WithArgs("x", 1).WillReturnResult(sqlmock.NewResult(0, 1))
	tx, err := m.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, renameUser, "x", 1)
	return tx
}

func TestTxCommitDrops(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	tx := beginMock(t, t.Context(), m)
	m.expectUser(1, "x") // its own write, and not the cache
	wantUser(t, tx, 1, "x")
	m.ExpectCommit()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	m.expectUser(1, "x")
	wantUser(t, m.DB, 1, "x")
	wantUser(t, m.DB, 1, "x")
}

func TestTxRollbackDropsNothing(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	tx := beginMock(t, t.Context(), m)
	m.ExpectRollback()
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	wantUser(t, m.DB, 1, "ada")
}

// After a COMMIT of unknown outcome the change may become visible at any later time: the key is not stored again.
func TestTxUnknownCommit(t *testing.T) {
	t.Parallel()
	for _, want := range []error{errors.New("connection reset by peer"), context.Canceled, context.DeadlineExceeded} {
		t.Run(want.Error(), func(t *testing.T) {
			t.Parallel()
			m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
			tx := beginMock(t, t.Context(), m)
			m.ExpectCommit().WillReturnError(want)
			if err := tx.Commit(); err != want { //nolint:errorlint // the very value
				t.Errorf("got %v, want %v itself", err, want)
			}
			for _, name := range []string{"ada", "x", "x"} { // it became visible after all
				m.expectUser(1, name)
				wantUser(t, m.DB, 1, name)
			}
			m.expectUser(2, "eve") // other keys go on
			wantUser(t, m.DB, 2, "eve")
			wantUser(t, m.DB, 2, "eve")
		})
	}
}

// By the contract of drivers ErrBadConn says that nothing was done, but a COMMIT that was sent may have been.
func TestTxCommitBadConn(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	tx := beginMock(t, t.Context(), m)
	m.ExpectCommit().WillReturnError(driver.ErrBadConn)
	m.ExpectClose()
	errIs(t, tx.Commit(), driver.ErrBadConn)
	m.expectUser(1, "x")
	wantUser(t, m.DB, 1, "x")
}

// A context that is cancelled while the COMMIT is under way takes nothing away from what has to be done after it.
func TestTxCancelledDuringCommit(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', NULL)", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.warm(t, selectUser, 1)
	tx, err := f.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, renameUser, "x", 1)
	f.wire.failWith(func(text string) error {
		if text == "commit" {
			cancel()
		}
		return nil
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, selectUser, 1)
	f.wantHit(t, selectUser, 1)
}

// A transaction that is driven by texts on one connection is followed like one of database/sql's.
func TestTxByTexts(t *testing.T) {
	t.Parallel()
	const one, two = "UPDATE users SET name = 'x' WHERE id = 1", "UPDATE users SET name = 'y' WHERE id = 2"
	for _, test := range []struct {
		name    string
		steps   []string
		touched []int // users whose key was dropped
	}{
		{"committed", []string{"BEGIN", one, "COMMIT"}, []int{1}},
		{"END is a commit", []string{"BEGIN IMMEDIATE TRANSACTION", one, "END TRANSACTION"}, []int{1}},
		{"rolled back", []string{"BEGIN", one, "ROLLBACK"}, nil},
		{"open", []string{"BEGIN", one}, nil},
		{"savepoint released", []string{"SAVEPOINT a", one, "RELEASE a"}, []int{1}},
		{"savepoint open", []string{"SAVEPOINT a", one}, nil},
		{"savepoint committed", []string{"SAVEPOINT a", one, "COMMIT"}, []int{1}},
		{"inner savepoint released", []string{"SAVEPOINT a", one, "SAVEPOINT b", two, "RELEASE b"}, nil},
		{"both released", []string{"SAVEPOINT a", one, "SAVEPOINT b", two, "RELEASE a"}, []int{1, 2}},
		{"same name twice", []string{"SAVEPOINT a", one, "SAVEPOINT a", two, "RELEASE a"}, nil},
		{"back to the start", []string{"BEGIN", "SAVEPOINT a", one, "ROLLBACK TO a", two, "COMMIT"}, []int{1, 2}}, // more than it need be
		{"back, still open", []string{"SAVEPOINT a", one, "ROLLBACK TO a"}, nil},
		{"back, then released", []string{"SAVEPOINT a", one, "ROLLBACK TO a", two, "RELEASE a"}, []int{1, 2}},
		{"failed BEGIN goes on", []string{"BEGIN", one, "!BEGIN", two, "COMMIT"}, []int{1, 2}},
		{"failed statement", []string{"BEGIN", one, "!UPDATE users SET id = 2 WHERE id = 1", two, "COMMIT"}, []int{1, 2}},
		{"failed COMMIT", []string{"!COMMIT", one}, []int{1}},
		{"two in a row", []string{"BEGIN", one, "COMMIT", "BEGIN", two, "COMMIT"}, []int{1, 2}},
		{"one text", []string{"BEGIN; " + one + "; COMMIT"}, []int{1, 2}},
		{"begun in a text", []string{"BEGIN; " + one, two, "COMMIT"}, []int{1, 2}},
		{"ended in a text", []string{"BEGIN", one, "SELECT 1; COMMIT", two}, []int{1, 2}},
		// What is written after the statement that has ended the transaction is visible at once.
		{"OR ROLLBACK", []string{"BEGIN", one, "!UPDATE OR ROLLBACK users SET email = 'bob@example.org' WHERE id = 1", two}, []int{2}},
		{"OR ROLLBACK, COMMIT fails", []string{"BEGIN", one, "!UPDATE OR ROLLBACK users SET email = 'bob@example.org' WHERE id = 1", two, "!COMMIT"}, []int{2}},
		{"OR ROLLBACK, new one", []string{"BEGIN", "!INSERT OR ROLLBACK INTO users (id) VALUES (1)", "BEGIN", one, "COMMIT"}, []int{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := openSocial(t, userRule)
			for id := 1; id <= 3; id++ {
				f.warm(t, selectUser, id)
			}
			conn := raw(t, f.DB)
			for _, step := range test.steps {
				text, fails := strings.CutPrefix(step, "!")
				if _, err := conn.ExecContext(t.Context(), text); (err != nil) != fails {
					t.Fatalf("%s: got error %v", step, err)
				}
			}
			for id := 1; id <= 3; id++ {
				got, asked := f.read(t, selectUser, id)
				if want := readRow(t, f.bare, selectUser, id); got != want {
					t.Errorf("user %d: got %s, the database holds %s", id, got, want)
				}
				want := slices.Contains(test.touched, id)
				if asked && !want && strings.Contains(strings.Join(test.steps, ";"), "; ") {
					continue // of several statements in one text not every value is known
				}
				if asked != want {
					t.Errorf("user %d: was dropped: %t, want %t", id, asked, want)
				}
			}
		})
	}
}

// A connection on which a transaction is open reads the database, whoever has opened it and how.
func TestTxByTextsReads(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.warm(t, selectUser, 1)
	conn := raw(t, f.DB)
	for _, begin := range []string{"BEGIN", "SAVEPOINT a", "BEGIN; SELECT 1", "/* x */ begin immediate"} {
		exec(t, conn, begin)
		exec(t, conn, renameUser, begin, 1)
		wantUser(t, conn, 1, begin)
		f.wantHit(t, selectUser, 1)
		exec(t, conn, "ROLLBACK")
		f.wantHit(t, selectUser, 1)
		wantUser(t, conn, 1, "ada")
	}
}

// A transaction of database/sql whose context is cancelled is rolled back behind its back.
func TestTxContextCancelled(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.SetMaxOpenConns(1)
	f.warm(t, selectUser, 1)
	ctx, cancel := context.WithCancel(t.Context())
	tx, err := f.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, renameUser, "x", 1)
	cancel()
	raw(t, f.DB).Close() // which waits for the connection, and so for the rollback
	f.wantHit(t, selectUser, 1)
	errIs(t, tx.Commit(), sql.ErrTxDone)
	exec(t, f, renameUser, "y", 1)
	f.wantMiss(t, selectUser, 1)
}

// Savepoints in a transaction of database/sql.
func TestTxSavepoints(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.warm(t, selectUser, 1)
	f.warm(t, selectUser, 2)
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "SAVEPOINT a")
	exec(t, tx, renameUser, "x", 1)
	exec(t, tx, "RELEASE a")
	f.wantHit(t, selectUser, 1)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, selectUser, 1)
	f.wantHit(t, selectUser, 2)
}

// In a transaction too, keys that only reading tells are read, before and after the statement.
func TestTxReadsRows(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{})
	for id := 1; id <= 3; id++ {
		f.warm(t, orderSum, id)
	}
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "UPDATE orders SET user_id = 3 WHERE total = 10")
	exec(t, tx, "INSERT INTO orders (user_id, total) SELECT 3, 5 FROM users WHERE id = 3")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, orderSum, 1)
	f.wantHit(t, orderSum, 2)
	f.wantMiss(t, orderSum, 3)
}

// A connectorOf makes the connections of a fake another way.
type connectorOf struct {
	fakeConnector
	make func(*fakeConn) driver.Conn
}

func (c connectorOf) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.fakeConnector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return c.make(conn.(*fakeConn)), nil
}

// A keepingConn takes arguments as they are, as pgx does: also pointers.
type keepingConn struct{ *fakeConn }

func (keepingConn) CheckNamedValue(*driver.NamedValue) error { return nil }

// What a caller does with an argument after its call is of no matter to what was written.
func TestTxArgumentsChange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		late bool // while the transaction is open, a rule comes for which its writes have to be looked at again
	}{{"known rule", false}, {"late rule", true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			state, store := newFakeState(), moneyclip.NewMemStore(1<<20)
			open := func(rule moneyclip.Rule) *fakeDB {
				f := &fakeDB{state: state, cache: newCache(t, moneyclip.Config{Scope: "fake", Store: store, Rules: []moneyclip.Rule{rule}})}
				f.DB = sql.OpenDB(f.cache.Connector(connectorOf{fakeConnector{state}, func(c *fakeConn) driver.Conn { return keepingConn{c} }}))
				t.Cleanup(func() { f.Close() })
				return f
			}
			call := func(name string) {
				state.mu.Lock()
				defer state.mu.Unlock()
				state.name = name
			}
			f := open(userRule)
			for _, id := range []int64{1, 2} {
				f.wantQueries(t, 1, selectUser, id)
			}
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			id := int64(1)
			exec(t, tx, renameUser, "x", &id)
			id = 2
			call("user") // it is not committed
			all := []*fakeDB{f}
			if test.late {
				late := open(moneyclip.Rule{Key: "late-%d", Table: "users", By: []string{"id"}})
				late.wantQueries(t, 1, selectUser, 1)
				late.wantQueries(t, 0, selectUser, 1)
				all = append(all, late)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if !test.late { // or else what was written is known no more, and every key goes
				f.wantQueries(t, 0, selectUser, 2)
			}
			call("x")
			for _, f := range all {
				f.wantQueries(t, 1, selectUser, 1)
			}
		})
	}
}

// Of a transaction with very many statements the last ones are not kept, but their keys are.
func TestTxManyStatements(t *testing.T) {
	t.Parallel()
	const kept = 10_000
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.SetMaxOpenConns(1)
	for _, id := range []int64{5, 150, 205} {
		f.wantQueries(t, 1, selectUser, id)
	}
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range kept {
		exec(t, tx, renameUser, "x", i%100)
	}
	for id := range 10 {
		exec(t, tx, renameUser, "user", 200+id)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantQueries(t, 1, selectUser, 5)
	f.wantQueries(t, 0, selectUser, 150)
	f.wantQueries(t, 1, selectUser, 205)
}

// A driver that panics may have done all the same what it was asked to do.
func TestTxStatementPanics(t *testing.T) {
	t.Parallel()
	const schema = "; INSERT INTO users VALUES (1, 'ada', 'a@x'), (2, 'eve', 'e@x')"
	for _, test := range []struct {
		name, write string
		args        []any
		others      bool // other keys are dropped too
	}{
		{"by the key", renameUser, []any{"x", 1}, false},
		{"by another column", "UPDATE users SET name = ? WHERE email = ?", []any{"x", "a@x"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := open(t, tables["users"]+schema, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
			for _, id := range []int{1, 2} {
				f.warm(t, selectUser, id)
			}
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			f.wire.panicAt(t, test.write, func() { tx.Exec(test.write, test.args...) })
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			f.wantMiss(t, selectUser, 1)
			f.want(t, test.others, selectUser, 2)
		})
	}
	// In a transaction of our own, at any of its statements: it is open then, and nothing else may be done in it.
	const write = "UPDATE users SET name = 'x' WHERE email = 'a@x'"
	openOne := func(t *testing.T) *fixture {
		f := open(t, tables["users"]+schema, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		f.SetMaxOpenConns(1)
		f.warm(t, selectUser, 1)
		f.sent()
		return f
	}
	f := openOne(t)
	exec(t, f.DB, write)
	statements := f.sent()
	if len(statements) < 4 {
		t.Fatalf("got the statements %q, want a transaction", statements)
	}
	for _, statement := range statements {
		f := openOne(t)
		f.wire.panicAt(t, statement, func() { f.Exec(write) })
		exec(t, f.DB, "UPDATE users SET name = 'y' WHERE id = 2")
		if got := readRow(t, f.bare, "SELECT name FROM users WHERE id = 2"); got != `[]interface {}{"y"}` {
			t.Errorf("after a panic at %s: got %s: the next write was not committed", statement, got)
		}
	}
}

// A program that makes strings of a buffer which it uses again may do so after each call.
func TestTxStringsOfBuffers(t *testing.T) {
	t.Parallel()
	f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a')", moneyclip.Config{Rules: []moneyclip.Rule{
		{Key: "email-%s", Table: "users", By: []string{"email"}},
	}})
	const query = "SELECT name FROM users WHERE email = ?"
	f.warm(t, query, "a")
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	buffer := []byte("a")
	exec(t, tx, "UPDATE users SET name = 'x' WHERE email = ?", unsafe.String(&buffer[0], 1))
	buffer[0] = 'z'
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, query, "a")
}

// A hash is scanned into the memory that is its argument.
type hash [1]byte

func (h *hash) Scan(v any) error {
	copy(h[:], v.([]byte))
	return nil
}

// What a write returns may be scanned into its own arguments, before its rows are over.
func TestReturningIntoArguments(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) *fixture {
		t.Parallel()
		return open(t, "CREATE TABLE files (id INTEGER PRIMARY KEY, hash BLOB UNIQUE, n INT); INSERT INTO files VALUES (2, x'62', 1)",
			moneyclip.Config{Rules: []moneyclip.Rule{{Key: "file-%s", Table: "files", By: []string{"hash"}, NotFound: time.Minute}}})
	}
	const query = "SELECT n FROM files WHERE hash = ?"
	t.Run("in a transaction", func(t *testing.T) {
		f, h := open(t), hash{'b'}
		f.warm(t, query, []byte("b"))
		tx, err := f.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.QueryRow("UPDATE files SET n = n + 1 WHERE hash = ? RETURNING x'7a'", h[:]).Scan(&h); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		f.wantMiss(t, query, []byte("b"))
	})
	t.Run("alone", func(t *testing.T) {
		f, h := open(t), hash{'a'}
		f.warm(t, query, []byte("a"))
		if err := f.QueryRow("UPDATE files SET n = n + 1, hash = ? WHERE id = 2 RETURNING x'7a'", h[:]).Scan(&h); err != nil {
			t.Fatal(err)
		}
		f.wantMiss(t, query, []byte("a"))
	})
}

// A key that is loaded again is that of the write, also where the memory of its arguments is used again by then.
func TestRefreshStringsOfBuffers(t *testing.T) {
	t.Parallel()
	f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a'), (3, 'eve', 'c')", moneyclip.Config{Rules: []moneyclip.Rule{
		{Key: "email-%s", Table: "users", By: []string{"email"}, Refresh: true},
	}})
	const query = "SELECT name FROM users WHERE email = ?"
	f.warm(t, query, "a")
	buffer := []byte("b")
	exec(t, f.DB, "UPDATE users SET email = ? WHERE id = 1", unsafe.String(&buffer[0], 1))
	buffer[0] = 'c'
	f.cache.Close() // which waits for what is under way
	if got, _ := f.read(t, query, "b"); !strings.Contains(got, "ada") {
		t.Errorf("got %s of another row", got)
	}
}

// A path is gone again after the COMMIT, from the value that it was gone from before.
func TestPathStringsOfBuffers(t *testing.T) {
	t.Parallel()
	const query = "SELECT count(*) FROM tags JOIN books ON books.id = tags.book_id WHERE books.owner_id = ?"
	f := open(t, `CREATE TABLE books (id TEXT PRIMARY KEY, owner_id INTEGER); CREATE TABLE tags (id INTEGER PRIMARY KEY, book_id TEXT);
		INSERT INTO books VALUES ('a', 1), ('z', 3)`, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "owner::tags::%d", Query: query}}})
	f.warm(t, query, 2)
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	buffer := []byte("a")
	exec(t, tx, "INSERT INTO tags VALUES (1, ?)", unsafe.String(&buffer[0], 1))
	buffer[0] = 'z'
	f.wire.whenDone(func(text string) {
		if strings.EqualFold(text, "commit") {
			exec(t, f.bare, "UPDATE books SET owner_id = 2 WHERE id = 'a'") // as another one would, just then
		}
	})
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, query, 2)
}

// On a skippingConn nothing runs without being prepared, and nothing can be.
type skippingConn struct{ *fakeConn }

func (skippingConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, driver.ErrSkip
}

var errPrepare = errors.New("too many prepared statements")

func (skippingConn) Prepare(string) (driver.Stmt, error) { return nil, errPrepare }

// A statement that never ran touches nothing.
func TestTxStatementSkipped(t *testing.T) {
	t.Parallel()
	f := &fakeDB{state: newFakeState(), cache: newCache(t, moneyclip.Config{Scope: "fake", Rules: []moneyclip.Rule{userRule}})}
	f.DB = sql.OpenDB(f.cache.Connector(connectorOf{fakeConnector{f.state}, func(c *fakeConn) driver.Conn { return skippingConn{c} }}))
	defer f.Close()
	f.wantQueries(t, 1, selectUser, 1)
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(renameUser, "x", 1)
	errIs(t, err, errPrepare)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantQueries(t, 0, selectUser, 1)
}

// A transaction whose ROLLBACK has failed may still be open: what is read in it is not stored, though database/sql goes on.
func TestRollbackFails(t *testing.T) {
	t.Parallel()
	f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a@x')", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	c, err := f.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tx, err := c.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, renameUser, "eve", 1)
	f.wire.failWith(func(text string) error {
		if text == "rollback" {
			return errors.New("no")
		}
		return nil
	})
	if err := tx.Rollback(); err == nil {
		t.Fatal("it was rolled back")
	}
	f.wire.failWith(nil)
	for range 2 {
		if got := readRow(t, c, selectUser, 1); !strings.Contains(got, "eve") {
			t.Errorf("got %s in the transaction", got)
		}
	}
	exec(t, c, "ROLLBACK")
	f.wantMiss(t, selectUser, 1)
	if got := readRow(t, f.DB, selectUser, 1); !strings.Contains(got, "ada") {
		t.Errorf("got %s, which was rolled back", got)
	}
}

// A lateConn carries out a BEGIN, and says that its context was done: as drivers may that look at it once more afterwards.
type lateConn struct {
	*sqlite3.SQLiteConn
	late string
}

func (c lateConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.SQLiteConn.ExecContext(ctx, query, args)
	if err == nil && query == c.late {
		return nil, context.Canceled
	}
	return result, err
}

// unknown hides that the driver says whether a transaction is open.
type unknown struct {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
}

// A transaction may have been begun by a BEGIN that has failed: what is read in it is not stored.
func TestBeginFailsLate(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(c lateConn) driver.Conn{
		"the driver tells":        func(c lateConn) driver.Conn { return c },
		"the driver does not say": func(c lateConn) driver.Conn { return unknown{c, c, c} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a@x'), (2, 'bob', 'b@x')", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
			db := f.over(t, wrap)
			c := raw(t, db)
			if _, err := c.ExecContext(t.Context(), "BEGIN"); !errors.Is(err, context.Canceled) {
				t.Fatalf("BEGIN: got error %v", err)
			}
			readRow(t, c, selectUser, 1) // from now on it sees the database as it is
			exec(t, db, renameUser, "eve", 2)
			readRow(t, c, selectUser, 2)
			if got := readRow(t, db, selectUser, 2); !strings.Contains(got, "eve") {
				t.Errorf("got %s, which was read before the write", got)
			}
		})
	}
}

// So may a transaction of ours: what comes after the write is not done in it.
func TestOwnBeginFailsLate(t *testing.T) {
	t.Parallel()
	for _, wrap := range []func(c lateConn) driver.Conn{
		func(c lateConn) driver.Conn { return c },
		func(c lateConn) driver.Conn { return unknown{c, c, c} },
	} {
		wrap := func(c lateConn) driver.Conn {
			c.late = "BEGIN IMMEDIATE"
			return wrap(c)
		}
		f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a@x'), (2, 'bob', 'b@x')", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		db := f.over(t, wrap)
		c := raw(t, db)
		c.ExecContext(t.Context(), "UPDATE users SET name = 'new' WHERE name = 'ada'")
		exec(t, c, renameUser, "eve", 2)
		if got := readRow(t, f.bare, selectUser, 2); !strings.Contains(got, "eve") {
			t.Errorf("got %s after a write that was acknowledged", got)
		}
	}
}

// over opens the database with such connections.
func (f *fixture) over(t *testing.T, wrap func(lateConn) driver.Conn) *sql.DB {
	t.Helper()
	db := sql.OpenDB(f.cache.Connector(dialing(func() (driver.Conn, error) {
		c, err := new(sqlite3.SQLiteDriver).Open(f.dsn)
		if err != nil {
			return nil, err
		}
		return wrap(lateConn{c.(*sqlite3.SQLiteConn), "BEGIN"}), nil
	})))
	t.Cleanup(func() { db.Close() })
	return db
}

// The end of a savepoint may be that of a transaction of which not everything is known. If it was not, what was written before becomes
// visible later.
func TestReleaseInDoubt(t *testing.T) {
	t.Parallel()
	f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a@x')", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	db := f.over(t, func(c lateConn) driver.Conn { return unknown{c, c, c} })
	c := raw(t, db)
	exec(t, c, "BEGIN IMMEDIATE")
	exec(t, c, renameUser, "eve", 1)
	exec(t, c, "SAVEPOINT a")
	if _, err := c.ExecContext(t.Context(), "INSERT INTO users (id) VALUES (1)"); err == nil {
		t.Fatal("a second user 1")
	}
	exec(t, c, "RELEASE a")
	wantUser(t, db, 1, "ada") // and stored
	exec(t, c, "COMMIT")
	wantUser(t, db, 1, "eve")
}

// dialing is a connector.
type dialing func() (driver.Conn, error)

func (d dialing) Connect(context.Context) (driver.Conn, error) { return d() }

func (d dialing) Driver() driver.Driver { return new(sqlite3.SQLiteDriver) }
