package postgres

import (
	"slices"

	"github.com/moneyclip/moneyclip"
)

// A parameter has one type, which follows from its first use. Where it is used again, it is converted from that type to
// another; with times and with blank-padded texts the conversion changes the value. So what a statement says of a column
// of such a type by a parameter that it uses more than once is forgotten.

func dropMixed(s *moneyclip.Statement, uses map[int]int, catalog *moneyclip.Catalog) {
	if catalog == nil {
		return
	}
	m := mixed{catalog, uses}
	for i := range s.Reads {
		s.Reads[i].Pins = m.pins(s.Reads[i].Table, s.Reads[i].Pins)
	}
	for i := range s.Writes {
		w := &s.Writes[i]
		w.Pins = m.pins(w.Table, w.Pins)
		m.set(w.Table, w.Set)
		if w.Conflict != nil {
			m.set(w.Table, w.Conflict.Set)
		}
		for _, row := range w.Rows {
			for j := range row {
				if j < len(w.Columns) && m.changes(w.Table, w.Columns[j], row[j]) {
					row[j] = moneyclip.Value{}
				}
			}
		}
	}
}

type mixed struct {
	catalog *moneyclip.Catalog
	uses    map[int]int // :: parameter → how often it is used
}

func (m mixed) pins(table string, pins []moneyclip.Pin) []moneyclip.Pin {
	return slices.DeleteFunc(pins, func(p moneyclip.Pin) bool {
		return slices.ContainsFunc(p.Values, func(v moneyclip.Value) bool { return m.changes(table, p.Column, v) })
	})
}

func (m mixed) set(table string, set []moneyclip.Assignment) {
	for i := range set {
		if m.changes(table, set[i].Column, set[i].Value) {
			set[i].Value = moneyclip.Value{}
		}
	}
}

// changes reports whether a value may be another one by the time that it comes to the column.
func (m mixed) changes(table, name string, v moneyclip.Value) bool {
	if m.uses[v.Param] < 2 { // what is no parameter is none of them
		return false
	}
	def := m.catalog.Tables[table]
	if def == nil || def.Column(name) == nil {
		return true
	}
	switch typeOf(def.Column(name)).kind {
	case dateType, timestampType, timestamptzType, blankType, citextType, nameType, numericType, floatType, otherType:
		return true
	}
	return false
}
