package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"
)

// serverError is one as both drivers make them.
type serverError string

func (e serverError) Error() string    { return "ERROR: something (SQLSTATE " + string(e) + ")" }
func (e serverError) SQLState() string { return string(e) }

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		err                          error
		settled, added, ends, waited bool
	}{
		{serverError("23505"), true, false, false, false},
		{fmt.Errorf("saving: %w", serverError("23505")), true, false, false, false},
		{serverError("42501"), true, true, false, false},  // no privilege
		{serverError("428C9"), true, false, false, false}, // a value for a generated column
		{serverError("0A000"), true, true, false, false},  // no RETURNING here
		{serverError("40001"), true, true, false, false},
		{serverError("40P01"), true, true, false, false},
		{serverError("40003"), false, false, false, false},
		{serverError("55P03"), true, false, false, true},
		{serverError("57014"), true, false, false, true},
		{serverError("57P01"), false, false, true, false},
		{serverError("57P05"), false, false, true, false},
		{serverError("25P03"), true, false, true, false},
		{serverError("25P04"), true, false, true, false},
		{serverError("08006"), false, false, true, false},
		{serverError("58030"), false, false, false, false},
		{serverError("XX000"), false, false, false, false},
		{serverError("F0001"), false, false, false, false},
		{serverError("5"), false, false, false, false},
		{driver.ErrBadConn, false, false, false, false},
		{errors.New("commit unexpectedly resulted in rollback"), true, false, false, false},
		{fmt.Errorf("saving: %w", errors.New("pq: Could not complete operation in a failed transaction")), true, false, false, false},
		{fmt.Errorf("failed to encode args[0]: %w", errors.New("unable to encode 1099511627776 into binary format for int4")), true, false, false, false},
		{context.Canceled, false, false, false, false},
		{io.ErrUnexpectedEOF, false, false, false, false},
	} {
		if got := Dialect.Settled(tt.err); got != tt.settled {
			t.Errorf("Settled(%v) = %v", tt.err, got)
		}
		if got := Dialect.Added(tt.err); got != tt.added {
			t.Errorf("Added(%v) = %v", tt.err, got)
		}
		if got := Dialect.Ends(tt.err); got != tt.ends {
			t.Errorf("Ends(%v) = %v", tt.err, got)
		}
		if got := Dialect.Waited(tt.err); got != tt.waited {
			t.Errorf("Waited(%v) = %v", tt.err, got)
		}
	}
	if got := quoteTable(`shop.a"b`); got != `"shop"."a""b"` {
		t.Errorf("quoteTable = %s", got)
	}
	if got := quoteTable("plain"); got != `"plain"` {
		t.Errorf("quoteTable = %s", got)
	}
}
