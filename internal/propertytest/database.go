package propertytest

import (
	"database/sql"
	"database/sql/driver"

	"github.com/moneyclip/moneyclip"
)

// A Language is how random schemas and statements are written for one kind of database.
type Language interface {
	// Schema draws a schema.
	Schema(d Dice) *Schema
	// Fill draws an INSERT into a table that is likely to succeed.
	Fill(d Dice, s *Schema, t *Table) Step
	// Statement draws a step that is a statement: one that writes, changes the schema, or does anything else that is not
	// the beginning or the end of a transaction.
	Statement(d Dice, s *Schema) Step

	// Value draws a value for a column, from a domain so small that rows meet each other. One that need not fit may be
	// of another type, or another spelling of one that fits.
	Value(d Dice, c *Column, fit bool) any
	Literal(v any) string
	// Styles are the styles of values, each as often as it is to be drawn; the first is the usual one of parameters.
	Styles() []Style
	// Param is the text of a parameter, by number from 1.
	Param(style Style, number int) string

	// Results draws what a SELECT shows of one row, Aggregate a function of many. Sum and Max are two for which any
	// order of the rows is alike. Each works with every column.
	Results(d Dice, c *Column) string
	Aggregate(d Dice, c *Column) string
	Sum(c *Column, name string) string
	Max(c *Column, name string) string
	// Compare draws a comparison of a column, between the two sides.
	Compare(d Dice) string
}

// A Database is one kind of database, on which scripts are carried out.
type Database interface {
	Language
	Name() string // in reports
	Dialect() moneyclip.Dialect
	Traits() Traits

	// Open makes an empty database for a script, and its mirror.
	Open(s *Schema) (*Place, error)

	// Error shows what a caller can tell of an error.
	Error(err error) string
	// Locked reports whether an error, as shown, says that somebody else holds a lock.
	Locked(text string) bool
	// Stale reports whether an error says that a statement has to be prepared again.
	Stale(err error) bool
	// InTransaction reports whether a connection has a transaction open. If the database does not tell, thought is
	// what was sent to it.
	InTransaction(conn *sql.Conn, thought bool) bool
	// Names lists the tables, those of which the mirror is compared.
	Names(db *sql.DB) ([]string, error)
	// Judge says what to make of outcomes that are not equal.
	Judge(m *Mismatch) Verdict
}

// Traits are in which ways databases differ.
type Traits struct {
	// Cursors says that a connection can do other things while it has rows open.
	Cursors bool
	// Shuffled says that rows come in no order that could be told beforehand.
	Shuffled bool
	// Savepoints says that a savepoint begins a transaction where none is open.
	Savepoints bool
	// Aborts says that after an error a transaction can do nothing but roll back.
	Aborts bool
	// Levels are isolation levels to be asked for, each as often as it is to be drawn. Nil: the default alone.
	Levels []sql.IsolationLevel
	// Overlap: one step in so many is done although another session has a transaction open.
	Overlap int
}

// A Place is where a script is carried out.
type Place struct {
	Driver driver.Driver // without a cache
	// DSN does not wait for locks, or not long; Patient does. Empty: there is none that waits.
	DSN, Mirror, Patient, PatientMirror string
	Close                               func() error
}

// A Mismatch is a statement whose outcome is not that of its like on the mirror.
type Mismatch struct {
	Step          Step
	Got, Want     Outcome
	Overlap       bool // it ran beside another session's transaction, or one before it did
	SchemaChanged bool // sessions learn of that by and by
}

// A Verdict is what a [Mismatch] means.
type Verdict int

// The verdicts.
const (
	Different Verdict = iota // a defect
	Alike                    // none
	Apart                    // none, but the mirror cannot be compared with any longer
)
