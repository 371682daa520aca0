package sqlite

import (
	"slices"

	"github.com/moneyclip/moneyclip"
)

// source is one item of a FROM clause.
type source struct {
	name  string // by which columns are qualified
	table string // of a base table; empty for a subquery
	def   *moneyclip.Table
	all   bool            // every column is read
	read  map[string]bool // columns that are read
	pins  []moneyclip.Pin
	using map[string]bool // columns that USING or NATURAL makes one with those before

	// columns are those of a subquery or of a table function; whole says that there are no others.
	columns []string
	whole   bool

	view []moneyclip.TableRead // of a view: what is below it
}

// answer is whether a source has a column.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

func (src *source) has(name string) answer {
	columns, whole := src.known()
	switch {
	case slices.Contains(columns, name):
		return yes
	case !whole, src.table != "" && isRowid(name):
		return maybe
	}
	return no
}

// known are the columns that are known by name, and whether there are no others but the rowid.
func (src *source) known() ([]string, bool) {
	if src.def == nil {
		return src.columns, src.whole
	}
	if len(src.def.Columns) == 0 {
		return nil, false
	}
	names := make([]string, len(src.def.Columns))
	for i, c := range src.def.Columns {
		names[i] = c.Name
	}
	return names, true
}

// touch notes that a column is read.
func (src *source) touch(name string) {
	if src.read == nil {
		src.read = map[string]bool{}
	}
	src.read[realName(src.def, name)] = true
}

// isRowid reports whether a name stands for the rowid where no column bears it.
func isRowid(name string) bool { return name == "rowid" || name == "oid" || name == "_rowid_" }

// realName is the name of a column, with one name for the rowid: that of the column that is the rowid, if there is one.
func realName(def *moneyclip.Table, name string) string {
	switch {
	case !isRowid(name), def != nil && def.Column(name) != nil:
		return name
	case def != nil && def.Serial != "":
		return def.Serial
	}
	for _, alias := range []string{"rowid", "_rowid_", "oid"} {
		if def == nil || def.Column(alias) == nil {
			return alias
		}
	}
	return name
}

func isBuiltIn(collation string) bool { return collations[upper(collation)] }
