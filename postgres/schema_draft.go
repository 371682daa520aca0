package postgres

import (
	"errors"
	"fmt"
	"slices"

	pg "github.com/sqlc-dev/oliphant"
)

// A draft is a database in the making.
type draft struct {
	text       string   // the statement that is applied
	only       bool     // it says ONLY
	spaces     []string // the schemas
	path       []string
	relations  []*relation
	types      []*userType
	routines   []*routine
	collations []collation
	operators  []operator
	extensions []string
	oid        int // the last one
}

// A relation is a table, a view, or what else has columns.
type relation struct {
	oid, schema, name string
	kind              string // pg_class.relkind
	temporary         bool
	guarded           bool
	opaque            string
	columns           []*attribute
	indexes           []*index
	constraints       []*constraint
	triggers          []*trigger
	rules             []*rule
	above             []*relation // it inherits of, or whose partition it is
	isPartition       bool
	parted            *pg.PartitionSpec
	query             *pg.SelectStmt             // of a view
	reads             map[*pg.RangeVar]*relation // by its query
}

// An attribute is a column.
type attribute struct {
	name      string
	typ       typeRef
	collation collation
	notNull   bool
	generated bool
	identity  bool
	value     *pg.Node // DEFAULT
	inherited bool
}

// A typeRef is a type of a column: one of PostgreSQL's own by its text, or another.
type typeRef struct {
	text    string
	own     *userType
	isArray bool
}

// A userType is a type that the scripts create.
type userType struct {
	oid, array   string // array: the oid of the type of arrays of it
	schema, name string
	kind         string // pg_type.typtype
	base         typeRef
	notNull      bool
	defaulted    bool
	collation    collation
	checks       []*constraint
	relation     *relation // whose rows it is the type of
}

// A collation is one by its name; empty: the database's.
type collation struct {
	schema, name string
	isOdd        bool // not deterministic
}

// An index is one, unique or not.
type index struct {
	name    string
	columns []string // empty: an expression
	exprs   []*pg.Node
	unique  bool
	primary bool
	odd     bool
	parent  *index // of the table whose partition this one's is
}

// A constraint is a condition or a foreign key. Unique ones are indexes.
type constraint struct {
	name             string
	check            *pg.Node
	columns, parents []string
	parent           *relation // of a foreign key
	onDelete         string
	onUpdate         string
	setsSome         bool // ON DELETE SET NULL (column)
	inherited        bool
}

type trigger struct {
	name       string
	bits       int
	columns    []string
	routine    *routine
	deferrable bool
	args       []string
	off        bool
	inherited  bool // of the table whose partition this is
}

type rule struct {
	name    string
	event   string
	instead bool
	off     bool
}

// A routine is a function or a procedure.
type routine struct {
	schema, name, volatility, language string
	source, settings, definition       string
	args                               string // their types
	returns                            string
	aggregate                          bool
	isUnary, ofRow                     bool // it can be called with one argument, and that may be a row
	extension                          string
}

type operator struct {
	name     string
	function *routine
	fault    bool
}

func (s *draft) next() string {
	s.oid++
	return fmt.Sprint(s.oid)
}

// home is the schema in which something is created.
func (s *draft) home(schema string) (string, error) {
	switch {
	case schema != "" && !slices.Contains(s.spaces, schema) && schema != "pg_temp":
		return "", fmt.Errorf("there is no schema %s", schema)
	case schema != "":
		return schema, nil
	case len(s.path) == 0:
		return "", errors.New("the search path is empty")
	}
	return s.path[0], nil
}

// find is the relation that a name means, or nil.
func (s *draft) find(schema, name string) *relation {
	for _, space := range s.lookIn(schema) {
		for _, r := range s.relations {
			if r.schema == space && r.name == name {
				return r
			}
		}
	}
	return nil
}

// lookIn are the schemas in which a name is looked up.
func (s *draft) lookIn(schema string) []string {
	if schema != "" {
		return []string{schema}
	}
	return append([]string{"pg_temp"}, s.path...)
}

func (s *draft) findType(schema, name string) *userType {
	for _, space := range s.lookIn(schema) {
		for _, t := range s.types {
			if t.schema == space && t.name == name {
				return t
			}
		}
	}
	return nil
}

// findRoutine is a function by its name alone.
func (s *draft) findRoutine(names []string) *routine {
	schema, name := lastOf(names)
	for _, space := range s.lookIn(schema) {
		for _, r := range s.routines {
			if r.schema == space && r.name == name {
				return r
			}
		}
	}
	return nil
}

// relation is the one that a statement is about.
func (s *draft) relation(v *pg.RangeVar) (*relation, error) {
	r := s.find(v.GetSchemaname(), v.GetRelname())
	if r == nil {
		return nil, fmt.Errorf("there is no table %s", dotted(v.GetSchemaname(), v.GetRelname()))
	}
	return r, nil
}

// exists is the error that something is there already.
type exists string

func (e exists) Error() string { return "there is already " + string(e) }
