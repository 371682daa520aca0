package moneyclip

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Catalog is the schema of a database as far as it decides what statements touch. Names are folded as the database
// folds them. A Catalog is immutable once a [Dialect] has returned it.
type Catalog struct {
	// Tables :: name → table. Views are tables too. Where a database has schemas, names have them: "public.users".
	Tables map[string]*Table
	// Path are the schemas in which a table without one is looked up, in order: those of the session that has read the
	// catalog, until the session that it is used for says otherwise in its [Identity].
	Path []string
	// Own is what the dialect wants to find again: functions and types, for example.
	Own any

	// Digest is equal for equal catalogs and differs for different ones.
	Digest string
}

// A Table is a table or a view.
type Table struct {
	Name    string
	Columns []*Column

	// Kin are the tables with which this one shares rows: partitions, and tables that inherit, in both directions.
	Kin []string
	// Heirs says that tables inherit from this one, so that it shows rows which are not under its unique keys.
	Heirs bool
	// Guarded, unless it is empty, says why what a SELECT finds in the table depends on who asks: row security. Selects
	// from it are not cached.
	Guarded string
	// Reads, for a view, are the tables below it; nil for a table.
	Reads []TableRead
	View  bool
	// Delays marks a view whose open rows delay commits, see [Statement].
	Delays bool

	// Opaque, unless it is empty, says why it is not known what the table is or what writing it does: a virtual
	// table, a definition that could not be parsed. Selects from it are not cached, a write to it may write anything.
	Opaque string

	// Unique are the unique keys, the primary key among them.
	Unique []UniqueKey

	// Serial is the column that the database numbers by itself when an INSERT leaves it out or gives NULL, each new
	// number higher than all before. Empty: none. With ZeroSerial it does so too for 0.
	Serial     string
	ZeroSerial bool

	// Replaces marks a table in which a collision deletes the older row by the schema's own word.
	Replaces bool
	// Skips marks one in which a new row that cannot be written is left out, by the schema's own word.
	Skips bool

	// Keys are the foreign keys that point from other tables to this one, or from this one to itself.
	Keys []ForeignKey

	Triggers []Trigger
}

// Lookup returns the table that a name means, with or without a schema, or nil. Both are folded.
func (c *Catalog) Lookup(schema, name string) *Table {
	if schema != "" {
		return c.Tables[schema+"."+name]
	}
	for _, schema := range c.Path {
		if t := c.Tables[schema+"."+name]; t != nil {
			return t
		}
	}
	return c.Tables[name]
}

// Column returns the column of that name, or nil.
func (t *Table) Column(name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// names are those of the columns.
func (t *Table) names() (names []string) {
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	return names
}

// A Column is a column of a table.
type Column struct {
	Name string

	// Type and Collation are the database's own words.
	Type      string
	Collation string

	// Class is the same for columns that call the same values equal, also when one is compared with the other.
	Class string

	NotNull   bool
	Generated bool // computed from other columns

	// Default is the value of a column that an INSERT leaves out: a ValueConst, or ValueComputed where the database
	// computes it.
	Default Value
}

// A UniqueKey is a set of columns in which no two rows are equal. Odd marks one that compares otherwise than its
// columns do (an expression, a collation of its own) or covers only some of the rows.
type UniqueKey struct {
	Columns []string
	Odd     bool
}

// A ForeignKey points from Columns of the table Child to ParentColumns of the table that holds it in Keys.
type ForeignKey struct {
	Child         string
	Columns       []string
	ParentColumns []string
	OnDelete      Action
	OnUpdate      Action
}

// Action is what a foreign key does to the child's rows.
type Action uint8

// The actions.
const (
	NoAction Action = iota // also RESTRICT: the rows stay, or the statement fails
	Cascade
	SetNull
	SetDefault
)

// A Trigger fires on writes to the table that holds it.
type Trigger struct {
	Op Op // AnyOp: on all

	// Of are the columns of UPDATE OF; nil: every update fires it.
	Of []string

	// Instead marks INSTEAD OF: the write itself does not happen.
	Instead bool

	// Early marks one whose body is carried out before the row is written, and Skips an early one that may keep the row from being written,
	// so that it is not among those from which a [Reading] learns what was touched. One that reads before the statement has it all the same.
	Early, Skips bool
	// Reverts marks an early one of UPDATE that may have the row written as it was.
	Reverts bool

	// Sets are the columns of the new row that the trigger gives values of its own before it is written; SetsAll:
	// perhaps any.
	Sets    []string
	SetsAll bool
	// Writes are those of the body. Their values may be ValueOld and ValueNew.
	Writes []Write

	// Opaque, unless it is empty, says why it is not known what the body writes: it may write anything.
	Opaque string
}

// An absentError says that a database lacks a table: the rule is meant for another one.
type absentError struct{ error }

// find returns the table of that name. Names in rules need not be spelled as in the database.
func (c *Catalog) find(name string) (*Table, error) {
	if t := c.Lookup("", name); t != nil {
		return t, nil
	}
	for _, schema := range append([]string{""}, c.Path...) {
		var found *Table
		for _, t := range c.Tables {
			own, ok := strings.CutPrefix(t.Name, schema+".")
			switch {
			case !ok && schema != "" || !strings.EqualFold(own, name):
			case found != nil:
				return nil, fmt.Errorf("%q may be table %q or %q: spell it as the database does", name, min(found.Name, t.Name), max(found.Name, t.Name))
			default:
				found = t
			}
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, c.absent(name)
}

// absent is the error that there is no table of that name.
func (c *Catalog) absent(name string) error {
	return absentError{fmt.Errorf("the database has no table %q%s", name, nearest(name, slices.Collect(maps.Keys(c.Tables))))}
}

// nearest is a hint at the end of an error: of the names that there are, the one that was probably meant by one that there is not.
func nearest(name string, names []string) string {
	best, found := 1+(len(name)+1)/3, "" // that far off is another name
	for _, other := range names {
		bare := other[strings.LastIndexByte(other, '.')+1:] // whoever forgot the schema may mean it, too
		d := min(distance(name, other), distance(name, bare))
		if d < best || d == best && found != "" && other < found {
			best, found = d, other
		}
	}
	if found == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", found)
}

// distance is how many letters one has to put in, take out or change to make one name of another, whatever their case.
func distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	row := make([]int, len(y)+1) // of the beginnings of y, for a beginning of x
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			change := diagonal
			if x[i] != y[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}

// keyColumn returns the column of that name if it can be part of a key.
func (t *Table) keyColumn(dialect Dialect, name string) (*Column, error) {
	c := t.Column(name)
	if c == nil {
		i := slices.IndexFunc(t.Columns, func(c *Column) bool { return strings.EqualFold(c.Name, name) })
		if i < 0 {
			return nil, fmt.Errorf("table %q has no column %q%s", t.Name, name, nearest(name, t.names()))
		}
		c = t.Columns[i]
	}
	if why := dialect.Keyable(c); why != "" {
		return nil, fmt.Errorf("column %s.%s cannot be part of a key: %s", t.Name, c.Name, why)
	}
	return c, nil
}

func (c *Catalog) column(name ColumnName) *Column {
	t := c.Tables[name.Table]
	if t == nil {
		return nil
	}
	return t.Column(name.Column)
}

// sameClass reports whether two columns compare values in the same way.
func (c *Catalog) sameClass(one, other ColumnName) bool {
	a, b := c.column(one), c.column(other)
	return a != nil && b != nil && a.Class == b.Class
}
