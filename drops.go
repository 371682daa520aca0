package moneyclip

import (
	"database/sql/driver"
	"slices"
)

// drops are the keys that one write drops. The zero value is none.
type drops struct {
	keys   map[drop][]Datum // :: drop → the values in its key
	counts map[*bound]int   // :: rule → its keys
	wide   map[*bound]bool

	changed bool // since it was last told
}

// A drop is one key of one rule.
type drop struct {
	rule *bound
	key  string
}

// add puts in the keys of a recipe. Row is nil for a recipe that needs none.
func (d *drops) add(r *recipe, dialect Dialect, args []driver.NamedValue, names []string, row []driver.Value) {
	if d.wide[r.rule] {
		return
	}
	lists := make([][]Datum, len(r.sources))
	for i := range r.sources {
		var ok bool
		if lists[i], ok = r.sources[i].data(dialect, args, names, row); !ok {
			d.dropAll(r.rule)
			return
		}
	}
	for _, data := range choices(lists) {
		d.fill(r.rule, data)
	}
}

// fill adds the key with these values.
func (d *drops) fill(b *bound, data []Datum) {
	key, ok := b.template.fill([]byte(b.prefix), data)
	if !ok {
		// The value has no place in the key, so no read with it was ever stored, nor will be: %d and a text.
		return
	}
	d.put(drop{b, string(key)}, data)
}

// addFound puts in the keys that a path has led to.
func (d *drops) addFound(b *bound, dialect Dialect, rows [][]driver.Value) {
	for _, row := range rows {
		if len(row) != len(b.template.verbs) {
			d.dropAll(b)
			return
		}
		if slices.Contains(row, nil) {
			continue // NULL equals nothing
		}
		data := make([]Datum, len(row))
		for i, value := range row {
			var ok bool
			if data[i], ok = canonical(dialect, b.columns[i], value); !ok {
				d.dropAll(b)
				return
			}
		}
		d.fill(b, data)
	}
}

// choices are all choices of one value from each list.
func choices[T any](lists [][]T) [][]T {
	all := [][]T{{}}
	for _, list := range lists {
		var longer [][]T
		for _, choice := range all {
			for _, one := range list {
				longer = append(longer, append(slices.Clip(choice), one))
			}
		}
		all = longer
	}
	return all
}

// data are the values that a source can have: none for NULL, which equals nothing, so that no cached row has it in its
// key. It reports false if they are not known.
func (src *source) data(dialect Dialect, args []driver.NamedValue, names []string, row []driver.Value) ([]Datum, bool) {
	var values []driver.Value
	switch src.kind {
	case fromConstant:
		return []Datum{src.constant}, true
	case fromRow:
		if src.index >= len(row) {
			return nil, false
		}
		values = row[src.index : src.index+1]
	case fromArgument:
		value, ok := argument(args, src.index, names)
		if !ok || len(args) != len(names) { // some drivers take options among the arguments
			return nil, false
		}
		values = []driver.Value{value}
	case fromElement:
		var ok bool
		if values, ok = elements(args, src.index, names); !ok || len(args) != len(names) {
			return nil, false
		}
	}
	data := make([]Datum, 0, len(values))
	for _, value := range values {
		if value == nil {
			if src.filled {
				return nil, false
			}
			continue
		}
		datum, ok := canonical(dialect, src.column, value)
		if !ok || src.zeroFilled && datum == Int(0) {
			return nil, false
		}
		data = append(data, datum)
	}
	return data, true
}

// put adds a key. A rule with too many keys counts as rule-wide.
func (d *drops) put(k drop, data []Datum) {
	if _, have := d.keys[k]; have {
		return
	}
	if d.keys == nil {
		d.keys, d.counts = map[drop][]Datum{}, map[*bound]int{}
	}
	d.counts[k.rule]++
	if d.counts[k.rule] > k.rule.owner.maxKeys {
		d.dropAll(k.rule)
		return
	}
	d.keys[k] = data
	d.changed = true
}

// dropAll drops every key of a rule.
func (d *drops) dropAll(b *bound) {
	if d.wide == nil {
		d.wide = map[*bound]bool{}
	}
	d.wide[b] = true
	d.changed = true
}

// widen drops every key of these rules.
func (d *drops) widen(rules []*bound) {
	for _, b := range rules {
		d.dropAll(b)
	}
}

// marks turns drops into what the store is told.
func (d *drops) marks(m *Marks) {
	for k := range d.keys {
		if !d.wide[k.rule] {
			m.Keys = append(m.Keys, k.key)
		}
	}
	if len(m.Keys) > 1 { // two rules may have one key
		slices.Sort(m.Keys)
		m.Keys = slices.Compact(m.Keys)
	}
	for b := range d.wide {
		m.addGeneration(b.generations[0])
	}
}
