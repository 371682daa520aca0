package mysql

import (
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
)

// schema is what a catalog of this dialect knows besides its tables.
type schema struct {
	database string // the default database, folded
	folds    bool   // names of tables and databases have no case

	routines map[string]bool     // stored functions
	callers  map[string]string   // :: view → why selecting from it may write anything
	mappings map[string]*mapping // :: view → how its columns are those of one table
	times    map[string]bool     // names of columns that hold a time of day
	dates    map[string]bool     // names of columns that hold a date

	computed map[moneyclip.ColumnName]string // :: column → why its value, computed for each read, is not that of its row alone
}

// readsComputed says why what is read is not that of rows alone; empty: it is.
func (s *schema) readsComputed(reads []moneyclip.TableRead) string {
	for name, why := range s.computed {
		for i := range reads {
			if r := &reads[i]; r.Table == name.Table && (r.All || slices.Contains(r.Columns, name.Column)) {
				return why
			}
		}
	}
	return ""
}

// A mapping says that each row of a view is one of a table.
type mapping struct {
	table   string
	columns map[string]string // :: the view's → the table's
}

// schemaOf is what a catalog knows besides its tables. A catalog of another make knows nothing.
func schemaOf(catalog *moneyclip.Catalog) *schema {
	if catalog != nil {
		if own, ok := catalog.Own.(*schema); ok {
			return own
		}
	}
	return &schema{}
}

// table folds the name of a table, a database or an alias.
func (o *schema) table(name string) string {
	if o.folds {
		return strings.ToLower(name)
	}
	return name
}

// throughViews turns writes to views into writes to the tables below them.
func (a *analysis) throughViews(writes []moneyclip.Write) []moneyclip.Write {
	var all []moneyclip.Write
	for _, w := range writes {
		all = append(all, a.below(w, 0)...)
	}
	return all
}

func (a *analysis) below(w moneyclip.Write, depth int) []moneyclip.Write {
	var def *moneyclip.Table
	if a.catalog != nil {
		def = a.catalog.Tables[w.Table]
	}
	switch {
	case def == nil || !def.View:
		return []moneyclip.Write{w}
	case depth > maxViews:
		return []moneyclip.Write{anything}
	}
	if m := a.own.mappings[w.Table]; m != nil {
		return a.below(m.write(w), depth+1)
	}
	if def.Opaque != "" || w.Op == moneyclip.Insert || len(def.Reads) == 0 {
		return []moneyclip.Write{anything}
	}
	// A view of several tables: which of them has the column is not known.
	var all []moneyclip.Write
	for _, read := range def.Reads {
		all = append(all, moneyclip.Write{Op: w.Op, Table: read.Table, SetAll: true})
	}
	return all
}

const maxViews = 16 // views of views

// anything is a write to any table, also of another database.
var anything = moneyclip.Write{Op: moneyclip.AnyOp, Table: "*.*"}

// write is a write to the view as one to the table. What the statement's text says are names of the view, so that nothing
// is read by it.
func (m *mapping) write(w moneyclip.Write) moneyclip.Write {
	below := moneyclip.Write{Op: w.Op, Table: m.table, SetAll: w.SetAll, Replace: w.Replace}
	for _, p := range w.Pins {
		if column := m.columns[p.Column]; column != "" && len(p.Via) == 0 {
			below.Pins = append(below.Pins, moneyclip.Pin{Column: column, Values: p.Values})
		}
	}
	set, whole := m.set(w.Set)
	below.Set, below.SetAll = set, below.SetAll || !whole
	if w.Columns != nil && !slices.ContainsFunc(w.Columns, func(c string) bool { return m.columns[c] == "" }) {
		below.Columns, below.Rows = make([]string, len(w.Columns)), w.Rows
		for i, c := range w.Columns {
			below.Columns[i] = m.columns[c]
		}
	}
	if w.Conflict != nil {
		set, whole := m.set(w.Conflict.Set)
		if !whole {
			return anything
		}
		below.Conflict = &moneyclip.Conflict{Set: set}
	}
	return below
}

// set are the assignments to the table, and whether these are all.
func (m *mapping) set(assignments []moneyclip.Assignment) (set []moneyclip.Assignment, whole bool) {
	whole = true
	for _, as := range assignments {
		column := m.columns[as.Column]
		if as.Value.Kind == moneyclip.ValueExcluded {
			as.Value.Column = m.columns[as.Value.Column]
			if as.Value.Column == "" {
				as.Value = moneyclip.Value{}
			}
		}
		whole = whole && column != ""
		set = append(set, moneyclip.Assignment{Column: column, Value: as.Value})
	}
	return set, whole
}
