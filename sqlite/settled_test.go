//go:build cgo

package sqlite_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip/sqlite"
)

func TestSettled(t *testing.T) {
	t.Parallel()
	busy := sqlite3.Error{Code: sqlite3.ErrBusy}
	tests := []struct {
		err  error
		want bool
	}{
		{busy, true},
		{&busy, true},
		{fmt.Errorf("saving: %w", busy), true},
		{errors.Join(errors.New("other"), fmt.Errorf("saving: %w", busy)), true},
		{sqlite3.Error{Code: sqlite3.ErrConstraint}, true},
		{sqlite3.Error{Code: sqlite3.ErrIoErr}, false},
		{driver.ErrBadConn, true},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{errors.New("sqlite: gone"), false},
		{nil, false},
	}
	for _, tt := range tests {
		if got := sqlite.Dialect.Settled(tt.err); got != tt.want {
			t.Errorf("Settled(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

// coded is an error that says its code, as modernc.org/sqlite's do.
type coded int

func (c coded) Error() string { return fmt.Sprint("code ", int(c)) }
func (c coded) Code() int     { return int(c) }

func TestEnds(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		coded(23): false, // SQLITE_AUTH
		coded(13): true, coded(9): true, coded(1): true,
		sqlite3.Error{Code: sqlite3.ErrFull}: true, errors.New("gone"): true,
	} {
		if got := sqlite.Dialect.Ends(err); got != want {
			t.Errorf("Ends(%v) = %v, want %v", err, got, want)
		}
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, query := range []string{
		`CREATE TABLE "a ""b""" (x)`, `INSERT INTO "a ""b""" VALUES (1)`, sqlite.Dialect.Begin()[0], sqlite.Dialect.Lock(`a "b"`), "COMMIT",
	} {
		if query == sqlite.Dialect.Begin()[0] {
			db.SetMaxOpenConns(1)
		}
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("Exec(%q): %v", query, err)
		}
	}
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM "a ""b"""`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows after the lock, error %v, want 1", n, err)
	}
}
