package moneyclip_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/DATA-DOG/go-sqlmock"

	"github.com/moneyclip/moneyclip"
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
				rows := sqlmock.NewRows([]string{"file", "attached", "temp", "dirty", "full", "short", "reverse"})
				m.ExpectQuery(identityQuery).WillReturnRows(rows.AddRow("", 0, 0, 0, 0, 1, 0))
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
	(SELECT reverse_unordered_selects FROM pragma_reverse_unordered_selects)`

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
