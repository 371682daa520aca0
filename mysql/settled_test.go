package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"
)

// mysqlError is one like that of go-sql-driver.
type mysqlError struct {
	Number  uint16
	Message string
}

func (e *mysqlError) Error() string { return fmt.Sprintf("Error %d: %s", e.Number, e.Message) }

// mysqlCode is one like that of other drivers.
type mysqlCode struct{ Code uint16 }

func (e *mysqlCode) Error() string { return fmt.Sprintf("error %d", e.Code) }

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		err                          error
		settled, added, ends, waited bool
	}{
		{&mysqlError{1062, "Duplicate entry"}, true, false, false, false},
		{fmt.Errorf("saving: %w", &mysqlError{1062, "Duplicate entry"}), true, false, false, false},
		{errors.Join(io.EOF, &mysqlError{1062, "Duplicate entry"}), true, false, false, false},
		{&mysqlError{1213, "Deadlock"}, true, true, true, false},
		{&mysqlError{1205, "Lock wait"}, true, false, true, true},
		{&mysqlError{1317, "Query execution was interrupted"}, true, false, false, true},
		{&mysqlError{1020, "Record has changed"}, true, true, true, false},
		{&mysqlError{1142, "SELECT command denied"}, true, true, false, false},
		{&mysqlError{1143, "SELECT command denied for column"}, true, true, false, false},
		{&mysqlError{1206, "Lock table full"}, true, true, true, false},
		{&mysqlError{1969, "Query execution was interrupted (max_statement_time exceeded)"}, true, false, false, true},
		{&mysqlError{3024, "Query execution was interrupted, maximum statement execution time exceeded"}, true, false, false, true},
		{&mysqlError{3000, "No tables used"}, true, false, false, false},
		{&mysqlError{3092, "The server is not configured properly to be an active member of the group"}, true, false, true, false},
		{&mysqlError{1105, "Unknown error"}, false, false, true, false},
		{&mysqlError{1180, "Got error during COMMIT"}, false, false, true, false},
		{&mysqlError{1927, "Connection was killed"}, false, false, true, false},
		{&mysqlCode{1213}, true, true, true, false},
		{&mysqlError{1053, "Server shutdown"}, false, false, true, false},
		{&mysqlError{2013, "Lost connection"}, false, false, true, false},
		{context.Canceled, false, false, true, false},
		{errors.New("Error 1062: not the server's"), false, false, true, false},
		{io.ErrUnexpectedEOF, false, false, true, false},
		{driver.ErrBadConn, true, false, true, false},
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
}
