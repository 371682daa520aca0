package moneyclip

import (
	"context"
	"database/sql/driver"
)

// A Dialect is what MoneyClip must know of one kind of database. It is safe for concurrent use. Package dialecttest
// holds the suite that every implementation passes.
type Dialect interface {
	// Name is the dialect's name in messages, such as "sqlite".
	Name() string

	// Analyze says what a text means in a database with this catalog. It does no I/O and never fails: a text that
	// it does not understand is the zero [Statement]. A nil catalog is that of a database of which nothing is known.
	Analyze(query string, catalog *Catalog) Statement

	// Identify asks a connection which database it has reached, and for the settings that change what a SELECT
	// returns. The dsn is empty where the connection was opened without one.
	Identify(ctx context.Context, ask Asker, dsn string) (Identity, error)

	// Catalog reads the schema.
	Catalog(ctx context.Context, ask Asker) (*Catalog, error)

	// Canonical returns the function that gives the one spelling which stands for all values that the column calls equal to this
	// one. The value is one of the types that [driver.Value] lists, and not nil. It reports false for a value whose equality
	// it cannot reproduce: a read with such a value is not cached, a write with it counts as rule-wide. A column that
	// gives 0, 1, -1 and the two extreme integers as the [Int] of themselves does so with every integer. The function is called for
	// each read, by many goroutines; Canonical itself once for each text.
	Canonical(column *Column) func(value driver.Value) (Datum, bool)

	// Keyable is empty for a column that can be part of a key, otherwise it says why the column's equality can
	// not be reproduced.
	Keyable(column *Column) string

	// Reading says how to learn the values of columns in the rows that a write touches: as they are before it (old)
	// and after it (new). It reports false where there is no sound way. A write without Source and Parent is one that
	// the statement brings about; its rows are those that equal its Pins. What foreign keys and triggers do to the rows
	// meanwhile is the caller's affair.
	Reading(write *Write, catalog *Catalog, old, new []string) (Reading, bool)

	// Begin are the texts that start a transaction around one write that is to be read.
	Begin() []string
	// Aborts reports whether an error leaves a transaction unable to do more, so that a query of ours that may fail
	// inside the caller's transaction wants a savepoint around it.
	Aborts() bool
	// Holds reports whether rows that are open keep their connection at the snapshot that they are read from, while it runs
	// other statements.
	Holds() bool
	// Ends reports whether an error of a statement may have ended the transaction that it ran in.
	Ends(err error) bool
	// Added reports whether an error of a statement may come of what a [Reading] has added: of the columns that it
	// returns besides, or of the locks that were taken before it. The statement is then undone and run as it was.
	Added(err error) bool
	// Waited reports whether an error says that a statement has waited too long for a lock, or was told not to wait.
	Waited(err error) bool
	// Quote makes an identifier of a name of the catalog, of a table or a column.
	Quote(name string) string
	// Placeholder is the text of a bind parameter, by number from 1.
	Placeholder(number int) string

	// Lock is a statement that changes nothing and takes the lock that a write to the table needs. It is run before
	// a Reading in a transaction that has not written yet. Empty: none is needed.
	Lock(table string) string

	// Settled reports whether an error of a write or of a COMMIT is the database's own verdict, so that nothing of
	// the statement can take effect later. An error of the transport or of a context is not one, and driver.ErrBadConn is
	// one only if the drivers of this database say it of what was never sent.
	Settled(err error) bool
}

// A clockReader is a dialect of a database in which a text may become the time at which it is read. An argument of which it says so is
// not cached by.
type clockReader interface{ ReadsClock(argument string) bool }

// A syntaxTeller is a dialect that says why a text cannot be parsed, and where in it; nil: it can.
type syntaxTeller interface{ Syntax(query string) error }

// A transactionTeller is a dialect that can find out whether a transaction is open, where a driver does not say. It leaves the session as
// it was, but for what it says of its last statement.
type transactionTeller interface {
	InTransaction(ctx context.Context, run func(ctx context.Context, query string) error) (open, known bool)
}

// An endTeller is a dialect whose database says by an error of a COMMIT or a ROLLBACK that no transaction is open.
type endTeller interface{ NoTransaction(err error) bool }

// An Asker runs a query on one connection and returns all its rows. It is used by one goroutine.
type Asker func(ctx context.Context, query string, args ...driver.Value) ([][]driver.Value, error)

// An Identity is what a database says of itself and of the session.
type Identity struct {
	// Scope names the database: two connections to one database have one scope, however they were opened.
	Scope string

	// Private marks a database that only this one connection can reach, such as one in memory.
	Private bool

	// Profile names the settings that change what a SELECT returns or how its values are read.
	Profile string

	// Tainted, unless it is empty, says why the cache cannot serve this connection.
	Tainted string
	// Path are the schemas in which a table without one is looked up, in order. Nil where names have no schemas.
	Path []string
	// Ranges says that a transaction of this session, unless its caller asks for a lower level, keeps others from adding
	// rows to the ranges that it has read with a lock.
	Ranges bool
	// Implicit says that every statement begins a transaction unless one is open.
	Implicit bool
	// Chaining says that the end of each transaction may begin another.
	Chaining bool
}
