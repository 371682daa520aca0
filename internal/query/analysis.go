package query

import "github.com/moneyclip/moneyclip"

// A Dialect is what decides the meaning of the tree besides the tree and the catalog. Every function may be nil.
type Dialect struct {
	// Casts reports whether a value that is converted to this type is, for the column's "=", what it was.
	Casts func(column *moneyclip.Column, typ string) bool

	// Carries reports whether a value that was stored in one column is stored in the other just as the statement's own
	// would be. Nil: if they are of one Class.
	Carries func(from, to *moneyclip.Column) bool

	// Impure says why a table's rows are not those of this database, from its name and, for a nil def, from its being
	// unknown. Empty: they are.
	Impure func(name string, def *moneyclip.Table) string

	// Hidden reports whether a name stands for a column that every table has without listing it, and Real what it is
	// called then: SQLite's rowid.
	Hidden func(name string) bool
	Real   func(def *moneyclip.Table, name string) string
}

// A Trigger is the trigger whose body is analysed: the table whose row has fired it, and whether the body runs before
// that row is written.
type Trigger struct {
	Table *moneyclip.Table
	Early bool
}

// A Meaning is what a statement reads and writes.
type Meaning struct {
	Reads  []moneyclip.TableRead
	Writes []moneyclip.Write
	Impure string // why what it returns is no function of its rows and arguments; empty: it is one

	// Pending says that it reads a view whose definition has not been read.
	Pending bool
}
