package moneyclip

import "database/sql/driver"

// A Statement says what one SQL text does. The zero value is the cautious one: a text of which nothing is known,
// that may write anything. A Statement is immutable once a [Dialect] has returned it.
type Statement struct {
	Kind Kind

	// Name is the sqlc query name: X in a leading comment "-- name: X :one".
	Name string

	// Text is the normal form of the text: two texts that differ only in blanks, comments or the case of keywords
	// have one. It is empty where the text could not be parsed.
	Text string

	// Params holds the names of the bind parameters, by number less one; a parameter without a name has "".
	// len(Params) is the highest number in use.
	Params []string

	// Reads are the tables that the statement reads, at every level, below views too: one entry for each
	// appearance in a FROM clause.
	Reads []TableRead

	// Uncacheable, unless it is empty, says why a read is not a function of the rows in its tables and of its
	// arguments: it locks, calls a volatile function, reads a virtual table.
	Uncacheable string

	// Folded marks a read that has constants of which the session's settings make a value when it is prepared, and not again
	// when it is run: a time without a zone, a date in an order of one's own.
	Folded bool

	// Writes are the tables that the statement itself writes. What cascades and triggers write besides follows
	// from the catalog.
	Writes []Write

	// Returns marks a write that returns rows to its caller.
	Returns bool

	// Control and Savepoint describe a statement of KindControl.
	Control   Control
	Savepoint string
	// Begins marks a savepoint that starts a transaction where none is open.
	Begins bool

	// Change says what a statement of KindSession changes, Reach for how long.
	Change string
	Reach  Reach
	// Defaults marks a statement that changes what sessions begin with that are begun after it.
	Defaults bool
	// Commits marks a statement that ends an open transaction by committing it before anything else.
	Commits bool
	// MayCommit marks a statement that may end the transaction that is open, or begin one: it calls a procedure.
	MayCommit bool
	// Doubtful, unless it is empty, says why the statement may have changed the session besides what else it does: it
	// calls a function of which nothing is known. The session is then asked again who it is. A statement of KindUnknown that
	// has it is one that reads or writes rows, whatever it is: nothing of the session is changed but by what it calls.
	Doubtful string

	// Delays marks a statement that writes no row and yet, while its rows are open, keeps what is written on the connection from being
	// committed. It is of KindRead or KindInert.
	Delays bool

	// Parts are the statements of a KindScript, in order.
	Parts []Statement
}

// Kind is the kind of a [Statement].
type Kind uint8

// The kinds. KindUnknown is the zero value.
const (
	KindUnknown Kind = iota // may write anything
	KindRead                // a SELECT that writes nothing
	KindWrite               // INSERT, UPDATE, DELETE and their relatives, whether they return rows or not
	KindControl             // BEGIN, COMMIT, ROLLBACK, SAVEPOINT and their relatives
	KindSession             // changes what later statements of the connection mean or return
	KindSchema              // DDL: changes the catalog, and perhaps every row
	KindScript              // more than one statement
	KindInert               // reads no row that could be cached and writes none: EXPLAIN, a harmless setting
)

// isRiddle reports whether the statement may do anything at all, to the session and its transaction too.
func (s *Statement) isRiddle() bool { return s.Kind == KindUnknown && s.Doubtful == "" }

// Control is what a statement of [KindControl] does to the transaction.
type Control uint8

// The controls. A statement of KindControl has one of them.
const (
	NoControl Control = iota
	Begin
	Commit
	Rollback
	Savepoint
	RollbackTo // back to a savepoint; the transaction goes on
	Release    // of a savepoint; of one that started the transaction: commits
)

// Reach is for how long a session is changed.
type Reach uint8

// The reaches.
const (
	UntilReset    Reach = iota // until the connection is reset or dialed again
	UntilEnd                   // until the open transaction is over; outside of one it is of no effect
	ForNext                    // for the next transaction, which may be a statement outside of one
	Reset                      // it undoes what was changed since the connection was dialed
	AutocommitOff              // every statement begins a transaction from now on
	AutocommitOn               // no longer; an open transaction is committed
	Chaining                   // until the connection is reset: the end of each transaction may begin another
	UntilAsked                 // until the session is asked who it is, for that says what it has become
)

// A TableRead is one appearance of a table in a SELECT.
type TableRead struct {
	Table string

	// Columns are the columns that are read, sorted, without doubles; All stands for every one of them.
	Columns []string
	All     bool

	// Pins hold for every row of the table that the result depends on: a row that fails one could change, come
	// or go without a difference in the result. Fewer pins are always safe.
	Pins []Pin
	// Links hold for the same rows as Pins do. Fewer links are always safe.
	Links []Link
}

// A Link is an equality between a column and one of another table in the same SELECT, as in "t.document_id = d.id".
type Link struct {
	Column string
	To     int    // index in Statement.Reads
	Other  string // column there
}

// A Pin is an equality between a column and a value, as in "account_id = ?" or "id IN (?, ?)".
type Pin struct {
	Column string
	Values []Value // more than one: any of them

	// Via are the columns through which the pin was found, in "a.id = b.a_id AND a.id = ?" for b.a_id: a.id. The pin
	// holds only if all of them compare values as Column does.
	Via []ColumnName
}

// A ColumnName names a column of a table.
type ColumnName struct{ Table, Column string }

// A Write is what a statement does to the rows of one table.
type Write struct {
	Op Op

	// Table is the full name. With AnyOp it says no more than where any table may be: in another database too if, in a
	// database whose names have no schema, this one has.
	Table string

	// Pins, for Update and Delete, hold for every row that is touched, as it was before. Fewer pins are always safe.
	Pins []Pin

	// Set, for Update, are the assignments; SetAll stands for assignments that are not known.
	Set    []Assignment
	SetAll bool

	// Columns and Rows, for Insert, are the values given. Rows is nil where they come from a query; Columns then
	// still names what is given, and is nil where that is not known either.
	Columns []string
	Rows    [][]Value

	// Replace marks a write that deletes each row with which a new one collides on any unique key.
	Replace bool

	// Conflict, for Insert, is an ON CONFLICT DO UPDATE or its like.
	Conflict *Conflict

	// Skips says that a row may be left as it is, or a new one give way to one that is there already: IGNORE, or an ON CONFLICT of any kind.
	// It matters where rows are read after the statement.
	Skips bool

	// Source is what the dialect needs for [Dialect.Reading]: its own syntax tree. The rest of MoneyClip does not look
	// into it. Nil: a write that the statement only brings about.
	Source any

	// Parent is the write whose foreign key action is this one, by Key; nil for a write of the statement itself.
	Parent *Write
	Key    *ForeignKey
}

// Op is what a [Write] does.
type Op uint8

// The operations. The zero value stands for any of them.
const (
	AnyOp Op = iota
	Insert
	Update
	Delete
)

// An Assignment gives a column a value in an Update.
type Assignment struct {
	Column string
	Value  Value
}

// A Conflict says which rows an Insert updates instead: those that equal a new row in the Target columns; without
// Target, in the columns of any unique key.
type Conflict struct {
	Target []string
	Set    []Assignment
	Skips  bool // the row may be left as it is all the same: IGNORE
}

// A Value is where the value of a pin, of an assignment or of an inserted column comes from.
type Value struct {
	Kind   ValueKind
	Param  int    // ValueParam, ValueElement: the number of the bind parameter, from 1
	Const  any    // ValueConst: a driver.Value; nil is NULL
	Column string // ValueOld, ValueNew: a column of the row that fired the trigger. ValueExcluded: of the new row

	// filled marks a parameter, or a value of a row, in whose place, if it is NULL, the database puts a value of its own;
	// with zeroFilled also if it is 0.
	filled, zeroFilled bool
}

// ValueKind is the kind of a [Value].
type ValueKind uint8

// The kinds of values. A ValueComputed, the zero value, is known to the database alone.
const (
	ValueComputed ValueKind = iota
	ValueParam
	ValueConst
	ValueOld      // in a trigger's body: OLD.column
	ValueNew      // in a trigger's body: NEW.column
	ValueExcluded // in ON CONFLICT DO UPDATE: excluded.column
	ValueElement  // any element of an array that is the bind parameter, as in "id = ANY($1)"
)

// A Reading is how the rows of a write are learnt from inside its transaction. Every step is optional. Rows of
// Before, Instead, After and Again hold the old columns and then the new ones, in the order they were asked for, with NULL
// for what another step tells, and then Ident columns more.
type Reading struct {
	// Mark runs before the write. Its one value is the last argument of After.
	Mark Query
	// Locks run before Before, one after the other, so that each sees what was committed until then. The one value of each
	// is how many rows it has locked.
	Locks []Query
	// Before runs before the write.
	Before Query
	// Instead is the text of the write itself, with the columns of this reading added behind those that it returns. It
	// takes the caller's arguments.
	Instead string
	// Part stands for Instead where the text holds other writes that are read by what they return, and where the write is
	// not the statement itself but one in its WITH. Nil: the write has no part in such a text.
	Part Part
	// After runs after the write.
	After Query
	// Again makes a query to be run after the write from rows of Before, of at most 500 at a time. Nil: none.
	Again func(before [][]driver.Value) (text string, args []driver.Value)
	// Ident is the number of columns by which rows of Before are known again in those of Instead and Again, at the end of
	// each; then the two are one row. A row that Before does not have was not seen before it changed: the reading has
	// failed.
	Ident int
	// Counted says that the reading has failed unless the write affects as many rows as the first of Locks has locked or,
	// without Locks, as Before has found.
	Counted bool
	// Ranges says that the reading is sound only in a transaction that keeps others out of the ranges it has read.
	Ranges bool
	// Alone says that the locks it takes may end in a deadlock, so that it is fit only for a transaction of our own,
	// where the statement can be run again without it.
	Alone bool
}

// A Part is what the reading of one write adds to a text that runs instead of the whole statement.
type Part interface {
	// Own reports whether the write is the statement itself.
	Own() bool
	// Together makes the text in which all these parts are, of which the statement's own, if there is one, is the first. Its
	// rows are those of the statement and, after them, those that the writes in WITH touch. They have the columns of the
	// statement, and then for each part, the statement's own even if there is none, the columns of its reading and one more,
	// which is not NULL in the rows of that part alone. A row in which it is NULL for all of them means nothing.
	Together(parts []Part) (text string, ok bool)
}

// A Query is SQL text with the bind parameters of the caller's statement that it takes, by number, in the order in
// which its own placeholders want them.
type Query struct {
	Text   string
	Params []int
}

func (k Kind) String() string {
	names := [...]string{"unknown", "read", "write", "transaction control", "session change", "schema change", "several statements", "inert"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}
