package propertytest

// A Schema is a random schema: what the statements and rules need to know of it, and the texts that make it.
type Schema struct {
	Tables []*Table
	Views  []*Table
	DDL    []string

	// Options are what else the database of the script is to be like, in words of its Language: how it is opened, for
	// example. They are part of the script.
	Options []string
	// Calm leaves statements out after which a cache takes a connection no longer at its word.
	Calm bool
	// Clock says that what statements leave behind depends on when they ran, so that there is no mirror.
	Clock bool
}

// A Table is a table or a view.
type Table struct {
	Name    string
	Columns []*Column
	Unique  [][]string // keys, the primary key first
	Own     any        // the Language's
}

// A Column is a column of a table.
type Column struct {
	Name string
	Kind string // the type that was declared, and the collation
	// Class is the same for columns that can be compared with each other, and take each other's values.
	Class     string
	Int       bool
	Generated bool
	Needed    bool // an INSERT has to give it
	Fixed     bool // an UPDATE cannot assign it
	Unique    bool
	Refers    *Column // by a foreign key of one column
	Of        *Table  // of Refers
}

// Column returns the column of that name, or the first.
func (t *Table) Column(name string) *Column {
	for _, c := range t.Columns {
		if c.Name == name {
			return c
		}
	}
	return t.Columns[0]
}

// Plain are the columns that a statement may give a value.
func (t *Table) Plain() []*Column {
	var list []*Column
	for _, c := range t.Columns {
		if !c.Generated {
			list = append(list, c)
		}
	}
	return list
}

// Any draws a column.
func (t *Table) Any(d Dice) *Column { return t.Columns[d.N(len(t.Columns))] }

// Like draws a column of the same class as another one, nil if there is none.
func (t *Table) Like(d Dice, c *Column) *Column {
	var list []*Column
	for _, other := range t.Columns {
		if other.Class == c.Class {
			list = append(list, other)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[d.N(len(list))]
}

// Any draws a table.
func (s *Schema) Any(d Dice) *Table { return s.Tables[d.N(len(s.Tables))] }
