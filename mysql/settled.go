package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Begin implements [moneyclip.Dialect]. The ranges that a SELECT finds with a lock stay as they are only at this level
// and above.
func (dialect) Begin() []string {
	return []string{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION"}
}

// Aborts implements [moneyclip.Dialect]. An error undoes its statement, or the whole transaction (a deadlock), which
// leaves none in which more could be wanted.
func (dialect) Aborts() bool { return false }

// Spans says that a statement may name another database of the server, and what is in it.
func (dialect) Spans() {}

// Holds implements [moneyclip.Dialect]. A connection has the rows of one statement open at a time.
func (dialect) Holds() bool { return false }

// Ends implements [moneyclip.Dialect]. A deadlock undoes the whole transaction, and so does a wait for a lock that lasts too
// long if the server is set up that way.
func (dialect) Ends(err error) bool {
	n, ok := number(err)
	switch {
	case !ok:
		return true
	case n == errDeadlock, n == errLockWaitTimeout, n == errLockTableFull, n == errErrorDuringTx, n == errUnknownOutcome,
		n == errCheckRead: // under innodb_snapshot_isolation
		return true
	}
	return n == errServerShutdown || n == errConnectionKilled || n >= errNoConnection && n <= errClientsLast || n >= errGroupReplication
}

// Waited implements [moneyclip.Dialect].
func (dialect) Waited(err error) bool {
	n, _ := number(err)
	return n == errLockWaitTimeout || n == errInterrupted || n == errTimeout || n == errStatementTimeout
}

// Lock implements [moneyclip.Dialect]. A SELECT with a lock waits for it as a write does.
func (dialect) Lock(string) string { return "" }

// Quote implements [moneyclip.Dialect].
func (dialect) Quote(name string) string { return quote(name) }

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// Placeholder implements [moneyclip.Dialect].
func (dialect) Placeholder(int) string { return "?" }

// Numbers of errors, see https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
const (
	errServerShutdown   = 1053
	errTableAccess      = 1142
	errColumnAccess     = 1143
	errLockWaitTimeout  = 1205
	errInterrupted      = 1317
	errStatementTimeout = 1969 // MariaDB's max_statement_time
	errTimeout          = 3024 // MySQL's max_execution_time
	errLockTableFull    = 1206
	errDeadlock         = 1213
	errCheckRead        = 1020 // MariaDB: a row has changed since the transaction's snapshot
	errGroupReplication = 3092 // and its relatives, which undo a transaction at its COMMIT
	errNoConnection     = 2000 // from here on the client's own
	errClientsLast      = 2999
	errErrorDuringTx    = 1180 // "Got error during COMMIT"
	errUnknownOutcome   = 1105 // "Unknown error"
	errConnectionKilled = 1927 // MariaDB
	errNoSavepoint      = 1305
)

// InTransaction sets a savepoint, which is there afterwards only in a transaction. That works on every server, and needs no privilege.
func (dialect) InTransaction(ctx context.Context, run func(ctx context.Context, query string) error) (open, known bool) {
	const name = "`moneyclip: in a transaction?`"
	if err := run(ctx, "SAVEPOINT "+name); err != nil {
		return false, false
	}
	err := run(ctx, "RELEASE SAVEPOINT "+name)
	if n, _ := number(err); n == errNoSavepoint {
		return false, true
	}
	return true, err == nil
}

// Added implements [moneyclip.Dialect].
func (dialect) Added(err error) bool {
	n, _ := number(err)
	switch n {
	case errDeadlock, errLockTableFull, errCheckRead, errTableAccess, errColumnAccess:
		return true
	}
	return false
}

// Settled implements [moneyclip.Dialect]. Where the server ends the connection it may be in the middle of a COMMIT. The
// driver says ErrBadConn only of what was not sent.
func (dialect) Settled(err error) bool {
	if errors.Is(err, driver.ErrBadConn) {
		return true
	}
	n, ok := number(err)
	switch {
	case !ok, n >= errNoConnection && n <= errClientsLast:
		return false
	case n == errServerShutdown, n == errErrorDuringTx, n == errUnknownOutcome, n == errConnectionKilled:
		return false
	}
	return true
}

// number is the number of the server's error that an error is or wraps. The drivers' types are not known here.
func number(err error) (int, bool) {
	for err != nil {
		if n, ok := ownNumber(err); ok {
			return n, true
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the chain is walked by hand
			for _, one := range many.Unwrap() {
				if n, ok := number(one); ok {
					return n, true
				}
			}
			return 0, false
		}
		err = errors.Unwrap(err)
	}
	return 0, false
}

func ownNumber(err error) (int, bool) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || !strings.Contains(strings.ToLower(fmt.Sprintf("%T", err)), "mysql") {
		return 0, false
	}
	for _, name := range []string{"Number", "Code"} {
		if f := v.FieldByName(name); f.IsValid() && f.CanUint() {
			return int(f.Uint()), true
		}
	}
	return 0, false
}
