package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Begin implements [moneyclip.Dialect]. A deferred transaction that reads before it writes can fail where the write
// alone would have waited.
func (dialect) Begin() []string { return []string{"BEGIN IMMEDIATE"} }

// Aborts implements [moneyclip.Dialect].
func (dialect) Aborts() bool { return false }

// Holds implements [moneyclip.Dialect].
func (dialect) Holds() bool { return true }

// Ends implements [moneyclip.Dialect]. SQLite rolls back by itself when a disk is full, for example; a driver may say
// whether it has. What an authorizer denies is not begun: the statement may be allowed what our reading for it is not.
func (dialect) Ends(err error) bool {
	var coded interface{ Code() int } // as modernc.org/sqlite's; the words could be those of a trigger
	const auth = 23                   // SQLITE_AUTH
	return !errors.As(err, &coded) || !isDatabaseError(err) || coded.Code()&0xff != auth
}

// Added implements [moneyclip.Dialect]. A statement is never changed, and the lock that is taken first is its own.
func (dialect) Added(error) bool { return false }

// Waited implements [moneyclip.Dialect]. The lock is waited for by BEGIN, and then by the statement in its place.
func (dialect) Waited(error) bool { return false }

// Quote implements [moneyclip.Dialect].
func (dialect) Quote(name string) string { return quote(name) }

// Placeholder implements [moneyclip.Dialect].
func (dialect) Placeholder(number int) string { return "?" + strconv.Itoa(number) }

// Lock implements [moneyclip.Dialect].
func (dialect) Lock(table string) string { return "DELETE FROM main." + quote(table) + " WHERE 0" }

// Settled implements [moneyclip.Dialect]. A driver that gives up on a cancelled context reports the context's error,
// while SQLite may have been done already.
func (dialect) Settled(err error) bool {
	if errors.Is(err, driver.ErrBadConn) {
		return true
	}
	return isDatabaseError(err)
}

// NoTransaction reports whether an error of a COMMIT or a ROLLBACK says that there was nothing to end: a statement that failed or was
// interrupted has rolled back the whole transaction, and not every driver tells.
func (dialect) NoTransaction(err error) bool {
	return isDatabaseError(err) && strings.Contains(err.Error(), "no transaction is active")
}

func isDatabaseError(err error) bool {
	for err != nil {
		// An I/O error can come after the commit has become durable.
		if strings.Contains(err.Error(), "disk I/O error") {
			return false
		}
		if strings.Contains(fmt.Sprintf("%T", err), "sqlite") {
			return true
		}
		if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the chain is walked by hand
			for _, one := range many.Unwrap() {
				if isDatabaseError(one) {
					return true
				}
			}
			return false
		}
		err = errors.Unwrap(err)
	}
	return false
}

// quote makes an identifier of a name.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
