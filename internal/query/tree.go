// Package query says what statements read and write. It works on a tree that is the same for all dialects: each turns
// what its parser returns into this one. The tree holds what decides the meaning of names and the equalities that a
// statement asks for; everything else is an [Other].
//
// Names in the tree are folded as the database folds them.
package query

import "github.com/moneyclip/moneyclip"

// An Expr is one of the types below, by value. Nil is no expression. What is of another type is taken for an [Opaque].
type Expr any

type (
	// A Column is a name that stands for a column. Schema and Table may be empty.
	Column struct {
		Schema, Table, Name string
		// Word is what the name stands for where no column bears it; nil: nothing.
		Word *moneyclip.Value
	}

	// A Star is "*" or "t.*".
	Star struct{ Table string }

	// An Operand is a value that the statement names: a ValueParam, a ValueConst or, as one side of Equal, perhaps below a
	// Cast, a ValueElement.
	Operand struct{ moneyclip.Value }

	// A Cast is an expression that is converted to a type, in the database's own spelling of it.
	Cast struct {
		X    Expr
		Type string
	}

	// An And is a conjunction.
	And struct{ X, Y Expr }

	// An Equal is "x = y". It is not true if either is NULL.
	Equal struct{ X, Y Expr }

	// An In is "x IN (list)".
	In struct {
		X    Expr
		List []Expr
	}

	// A Row is "(a, b)".
	Row struct{ List []Expr }

	// A Subquery is a SELECT in an expression, whether it gives a value, a set, or whether it gives any row. X is what it
	// is compared with.
	Subquery struct {
		X     Expr
		Query *Query
	}

	// An Other is any expression that reads Parts. Impure, unless it is empty, says why its value does not follow from
	// them: "calls now(), which reads the clock".
	Other struct {
		Parts  []Expr
		Impure string
	}

	// An Opaque is an expression that is not understood: it may read every column in sight, and is never pure. Impure
	// may say why.
	Opaque struct{ Impure string }
)

// A Query is a SELECT, VALUES, or several of them put together. What the whole of several is ordered or limited by is in
// the Rest of the last.
type Query struct {
	With  *With
	Cores []*Select
}

// A With is a WITH clause. The query of each CTE sees those before it; with Recursive it sees itself too, with Forward
// all of them. What is not in sight is a table of that name.
type With struct {
	CTEs      []*CTE
	Recursive bool
	Forward   bool
}

// A CTE is a common table expression: a query, or a write that returns rows.
type CTE struct {
	Name    string
	Columns []string
	Query   *Query
	Write   *Write
}

// A Select is one SELECT or VALUES.
type Select struct {
	Results []Result
	From    *Item // nil: none
	Where   Expr
	Rest    []Expr   // GROUP BY, HAVING, WINDOW, ORDER BY, LIMIT
	Values  [][]Expr // of VALUES; Results is empty then
}

// A Result is a result column.
type Result struct {
	Expr Expr
	// Name is its alias or the name that it has without one; empty if the database makes it up.
	Name string
	// IsAlias says that Name was given with AS.
	IsAlias bool
}

// An Item is an item of FROM. It is one of a table, a subquery, a function, a join. A join with an Alias hides the names
// of what it joins.
type Item struct {
	Schema, Table string   // of a table, a view or a common table expression
	Alias         string   // empty: none
	Columns       []string // column aliases: "AS t (a, b)"
	Query         *Query   // of a subquery
	Lateral       bool     // it sees the items before it
	Call          *Call    // of a function
	Join          *Join
	// Whole says that a join is a subquery in disguise: every column below it is read, and what is below it sees nothing
	// beside it. The names are in sight outside of it.
	Whole bool
}

// A Call is a function that returns rows.
type Call struct {
	Name    string
	Args    []Expr
	Columns []string // of its rows, if they are known
	Impure  string
}

// A Join joins two items.
type Join struct {
	Left, Right *Item
	Kind        JoinKind
	On          Expr
	Using       []string
	Natural     bool
}

// JoinKind is the kind of a [Join].
type JoinKind uint8

// The kinds. An InnerJoin stands for "," and CROSS JOIN too.
const (
	InnerJoin   JoinKind = iota
	LeftJoin             // all rows of the left side are kept
	OutwardJoin          // RIGHT, FULL: rows of the left side can be missing
)

// A Write is what a statement does to one table.
type Write struct {
	Op            moneyclip.Op
	Schema, Table string
	Alias         string // empty: none
	With          *With

	// Among says that the table is not one more beside From but the item in From with this Alias or, without one, this
	// name. Writes of one statement that share From, the same pointer, share Where and Rest as well.
	Among bool
	From  *Item
	Where Expr
	Set   []Set
	Rest  []Expr // ORDER BY, LIMIT

	// Columns are those that an INSERT names; nil: all. Its rows are Rows, or come from Query, or are one row of
	// defaults. Nil in a row is the column's default. The rows see From, and nothing of the table.
	Columns  []string
	Rows     [][]Expr
	Query    *Query
	Defaults bool
	Replace  bool
	Ignore   bool // a row that cannot be written is left as it is, and so is what was done before; not where it was read before, too
	Conflict []Conflict

	Returning []Result

	// Native is the parser's own tree, for [moneyclip.Write.Source].
	Native any
}

// A Set is an assignment to a column, or to several at once from a row or a subquery.
type Set struct {
	Columns []string
	Value   Expr // nil: the column's default
}

// A Conflict is a clause ON CONFLICT or ON DUPLICATE KEY.
type Conflict struct {
	Target  []Expr // of the unique key; nil: any
	Where   Expr   // which rows the target's index covers
	Nothing bool   // DO NOTHING
	Set     []Set  // a Column of "excluded" is one of the new row
	If      Expr   // which rows are updated
}
