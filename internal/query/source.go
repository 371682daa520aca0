package query

import (
	"slices"

	"github.com/moneyclip/moneyclip"
)

// source is one item of a FROM clause, or the table that is written.
type source struct {
	name  string // by which columns are qualified
	table string // of a base table: its name in the catalog or, without, as it is written; empty for what is no table
	home  string // of a base table: the schema that is written
	own   string // of a base table without an alias: as it is written
	def   *moneyclip.Table
	shape shape // the names of its columns

	all   bool            // every column is read
	read  map[string]bool // columns that are read
	pins  []moneyclip.Pin
	using map[string]bool // columns that USING or NATURAL makes one with those before

	view     []moneyclip.TableRead // of a view: what is below it
	*Dialect                       // of a table
}

// shape is the columns of a table or of a query, by their names and in order. An empty name is one that is not known.
type shape struct {
	names []string
	sure  bool // there are no others
	mixed bool // the order is not known
}

// named is the shape with other names for the first columns.
func (s shape) named(aliases []string) shape {
	switch {
	case len(aliases) == 0:
		return s
	case !s.sure, s.mixed && len(aliases) < len(s.names):
		return shape{names: aliases}
	}
	return shape{names: slices.Concat(aliases, s.names[min(len(aliases), len(s.names)):]), sure: true}
}

// whole reports whether every column is known by its name.
func (s shape) whole() bool { return s.sure && !slices.Contains(s.names, "") }

// newTable is the source that a table is.
func (a *analysis) newTable(schema, name, alias string, columns []string) *source {
	src := &source{name: alias, home: a.schema(schema), Dialect: a.Dialect}
	if alias == "" {
		src.name, src.own = name, name
	}
	src.table, src.def = a.table(schema, name)
	if len(columnsOf(src.def)) > 0 {
		src.shape.sure = true
		for _, c := range src.def.Columns {
			src.shape.names = append(src.shape.names, c.Name)
		}
	}
	src.shape = src.shape.named(columns)
	return src
}

func columnsOf(def *moneyclip.Table) []*moneyclip.Column {
	if def == nil {
		return nil
	}
	return def.Columns
}

// isTable reports whether a source is a table or may be one.
func (src *source) isTable() bool { return src.table != "" && (src.def == nil || !src.def.View) }

// answer is whether a source has a column.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

func (src *source) has(name string) answer {
	switch {
	case slices.Contains(src.shape.names, name):
		return yes
	case !src.shape.whole(), src.hidden(name):
		return maybe
	}
	return no
}

// is reports whether columns of a table by this name may be the source's, or are.
func (src *source) is(schema, table string) answer {
	switch {
	case src.name != table:
		return no
	case schema == "":
		return yes
	case src.own == "":
		return no
	case src.home == src.schema(schema), src.def != nil && src.def.Name == schema+"."+table:
		return yes
	case src.home == "" && src.def == nil:
		return maybe
	}
	return no
}

// column is the table's own name for a column. Empty: it is not known.
func (src *source) column(name string) string {
	i := slices.Index(src.shape.names, name)
	switch {
	case i >= 0 && i < len(columnsOf(src.def)):
		return src.def.Columns[i].Name
	case i >= 0:
		return "" // another name for a column of which nothing is known
	}
	return src.real(src.def, name)
}

// touch notes that a column is read.
func (src *source) touch(name string) {
	column := src.column(name)
	if column == "" {
		src.all = true
		return
	}
	if src.read == nil {
		src.read = map[string]bool{}
	}
	src.read[column] = true
}

// tables are the reads as the rest of MoneyClip knows them.
func (a *analysis) tables() []moneyclip.TableRead {
	var reads []moneyclip.TableRead
	places := map[*source]int{}
	for _, src := range a.reads {
		if src.view != nil {
			reads = append(reads, src.view...)
			continue
		}
		read := moneyclip.TableRead{Table: src.table, All: src.all, Pins: src.pins}
		for column := range src.read {
			read.Columns = append(read.Columns, column)
		}
		slices.Sort(read.Columns)
		places[src] = len(reads)
		reads = append(reads, read)
	}
	for _, e := range a.equalities {
		at, isRead := places[e.to.src]
		to, isToo := places[e.from.src]
		link := moneyclip.Link{Column: e.to.column, To: to, Other: e.from.column}
		if isRead && isToo && at != to && !slices.Contains(reads[at].Links, link) {
			reads[at].Links = append(reads[at].Links, link)
		}
	}
	return reads
}
