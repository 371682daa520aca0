package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Begin implements [moneyclip.Dialect].
func (dialect) Begin() []string { return []string{"BEGIN"} }

// Aborts implements [moneyclip.Dialect].
func (dialect) Aborts() bool { return true }

// Lock implements [moneyclip.Dialect]. Readers and writers do not wait for one another.
func (dialect) Lock(string) string { return "" }

// Quote implements [moneyclip.Dialect].
func (dialect) Quote(name string) string { return quote(name) }

// Placeholder implements [moneyclip.Dialect].
func (dialect) Placeholder(number int) string { return fmt.Sprintf("$%d", number) }

// Added implements [moneyclip.Dialect]: for want of a privilege to read what RETURNING names, for something that RETURNING
// cannot be used with, for a deadlock or a lock that is not to be had.
func (dialect) Added(err error) bool {
	state := sqlState(err)
	if state == "428C9" { // a value for a generated column: it comes of what is written. To run again would draw from sequences again
		return false
	}
	return strings.HasPrefix(state, "42") || strings.HasPrefix(state, "0A") || slices.Contains(lockStates, state)
}

// lockStates are the errors that come of an order of locks: a failure to serialize, a deadlock.
var lockStates = []string{"40001", "40P01"}

// Waited implements [moneyclip.Dialect]: a lock that is not available, a statement that was cancelled.
func (dialect) Waited(err error) bool {
	state := sqlState(err)
	return state == "55P03" || state == "57014"
}

// Settled implements [moneyclip.Dialect]. ErrBadConn is no verdict: pgx (v5.12) and lib/pq (v1.12) say it also of a COMMIT
// that was sent and whose answer was lost with the connection, pgx of any statement without arguments.
func (dialect) Settled(err error) bool {
	if isRolledBack(err) || isUnsent(err) {
		return true
	}
	state := sqlState(err)
	switch {
	case len(state) != 5, state == "40003": // the completion of the statement is unknown
		return false
	}
	switch state[:2] {
	case "08", "57", "58", "XX", "F0":
		// The connection, the operator, the system: the statement may have been committed already. But a statement that is
		// cancelled has been undone.
		return state == "57014"
	}
	return true
}

// isRolledBack reports whether an error is a driver's own, for the COMMIT of a transaction in which a statement has failed:
// the server does not call that an error, and rolls back.
func isRolledBack(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		switch strings.ToLower(err.Error()) {
		case "commit unexpectedly resulted in rollback", "pq: could not complete operation in a failed transaction":
			return true
		}
	}
	return false
}

// isUnsent reports whether an error is pgx's (v5.12) for an argument that it cannot send, as a number that is too large for its column.
// Before it has all of them it sends nothing of the statement.
func isUnsent(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.HasPrefix(err.Error(), "failed to encode args[") {
			return true
		}
	}
	return false
}

// Holds implements [moneyclip.Dialect]. A connection has the rows of one statement open at a time.
func (dialect) Holds() bool { return false }

// Ends implements [moneyclip.Dialect]. A transaction in which a statement has failed stays open, unless the session ends.
func (dialect) Ends(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, "57P") || strings.HasPrefix(state, "08") || slices.Contains(timeoutStates, state)
}

// timeoutStates are those of a session that has been ended because its transaction took too long.
var timeoutStates = []string{"25P03", "25P04"}

// sqlState is the code of an error of the server, or empty. Both drivers give it by this method.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

// quote makes an identifier of a name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteTable makes a table's name of one of the catalog. A schema's name has no dot in it, or else the table is not found.
func quoteTable(name string) string {
	schema, table, ok := strings.Cut(name, ".")
	if !ok {
		return quote(name)
	}
	return quote(schema) + "." + quote(table)
}
