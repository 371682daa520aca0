package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"github.com/DATA-DOG/go-sqlmock"

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
