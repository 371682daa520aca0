package propertytest

import (
	"database/sql"
	"fmt"

	"pgregory.net/rapid"
)

// A Script is a whole test: a schema, two caches, and what is done to the database. It is data alone, so that one that
// fails can be reduced by leaving parts out.
type Script struct {
	Schema  *Schema
	Caching [2]Caching
	Steps   []Step
}

// Scripts makes random scripts.
func Scripts(db Database) *rapid.Generator[Script] {
	return rapid.Custom(func(t *rapid.T) Script {
		d := Dice{t}
		sc := Script{Schema: db.Schema(d)}
		for i, prefix := range []string{"p", "q"} {
			sc.Caching[i] = drawCaching(d, db, sc.Schema, prefix)
		}
		for _, table := range sc.Schema.Tables {
			for range 1 + d.N(3) {
				sc.Steps = append(sc.Steps, db.Fill(d, sc.Schema, table))
			}
		}
		for range 10 + d.N(60) {
			sc.Steps = append(sc.Steps, drawStep(d, db, sc.Schema))
		}
		return sc
	})
}

// A Step is one thing that a script does.
type Step struct {
	Kind    Kind
	Form    string // of a statement, for the report
	Query   string
	Args    []any
	Session int
	Force   bool // although another session has a transaction
	Meet    bool // a session that waits for locks does it while another one has a transaction, which then ends
	Way     Way

	// Level is that of a transaction.
	Level sql.IsolationLevel
	// Pinned is for a session with a connection of its own.
	Pinned bool
	// Inside is for a session that has a transaction open.
	Inside bool
	// Schema says that it changes the schema.
	Schema bool
	// Unkept is for a statement that is not to be prepared and kept.
	Unkept bool
	// Loose says that what it does depends on the order in which it finds rows.
	Loose bool
	// Copy holds rows for a COPY, which is a prepared statement that is run with each of them, and with none at the end.
	Copy [][]any
}

// Kind is the kind of a [Step].
type Kind int

// The kinds.
const (
	Statement Kind = iota
	Begin
	BeginText
	Savepoint
	RollbackTo
	Release
	Commit
	Rollback
	Again // the statement that the session has prepared last, with the same arguments
)

func (k Kind) String() string {
	return [...]string{"statement", "begin", "BEGIN", "SAVEPOINT", "ROLLBACK TO", "RELEASE", "commit", "rollback",
		"again"}[k]
}

// Way is how a statement is run.
type Way int

// The ways.
const (
	ByExec Way = iota
	ByQuery
	ByQueryOneRow
	ByQueryClosed
	ByPrepared
	ByPreparedTwice
	ByPreparedQuery
	ByKept      // as it was prepared before
	ByQueryOpen // its rows are closed when the session does something else
	ByCopy
)

// Returns draws how a statement that returns rows is run, and DrawWay any other.
func Returns(d Dice) Way {
	return Pick(d, ByQuery, ByQuery, ByQueryOneRow, ByQueryClosed, ByPreparedQuery, ByExec, ByQueryOpen, ByQueryOpen)
}

// DrawWay draws how a statement is run.
func DrawWay(d Dice) Way {
	return Pick(d, ByExec, ByExec, ByExec, ByPrepared, ByPreparedTwice, ByQuery)
}

func (st Step) String() string {
	if st.Kind != Statement {
		if st.Level != sql.LevelDefault {
			return fmt.Sprintf("[%d] %v %v", st.Session, st.Kind, st.Level)
		}
		return fmt.Sprintf("[%d] %v", st.Session, st.Kind)
	}
	return fmt.Sprintf("[%d way %d] %s %s", st.Session, st.Way, st.Query, showArgs(st.Args))
}

// drawStep draws any step.
func drawStep(d Dice, db Database, s *Schema) Step {
	session, force, meet := Pick(d, 0, 0, 1, 2, 3, 4, 4, 5, 6), d.One(db.Traits().Overlap), d.One(2)
	st := Step{}
	switch d.N(17) {
	case 16:
		st.Kind = Again
	case 13:
		st.Kind = Pick(d, Begin, BeginText, BeginText)
		if levels := db.Traits().Levels; st.Kind == Begin && len(levels) > 0 {
			st.Level = levels[d.N(len(levels))]
		}
	case 14:
		st.Kind = Pick(d, Savepoint, RollbackTo, Release)
	case 15:
		st.Kind = Pick(d, Commit, Rollback, Commit)
	default:
		st = db.Statement(d, s)
	}
	st.Session, st.Force, st.Meet = session, force, meet
	return st
}
