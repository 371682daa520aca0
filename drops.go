package moneyclip

import "database/sql/driver"

// drops are the keys that one write drops.
type drops struct {
	keys   map[drop][]Datum // :: drop → the values in its key
	counts map[*bound]int   // :: rule → its keys
	wide   map[*bound]bool
}

// A drop is one key of one rule.
type drop struct {
	rule *bound
	key  string
}

func newDrops() *drops {
	return &drops{keys: map[drop][]Datum{}, counts: map[*bound]int{}, wide: map[*bound]bool{}}
}

// add puts in the key of a recipe. Row is nil for a recipe that needs none.
func (d *drops) add(r *recipe, dialect Dialect, args []driver.NamedValue, names []string, row []driver.Value) {
	if d.wide[r.rule] {
		return
	}
	data := make([]Datum, len(r.sources))
	for i := range r.sources {
		src := &r.sources[i]
		if src.kind == fromConstant {
			data[i] = src.constant
			continue
		}
		var value driver.Value
		ok := src.kind == fromRow && src.index < len(row)
		if ok {
			value = row[src.index]
		} else if src.kind == fromArgument {
			value, ok = argument(args, src.index, names)
		}
		if ok && value == nil && !src.filled {
			return // NULL equals nothing: no cached row has it in its key
		}
		if ok && value != nil {
			data[i], ok = canonical(dialect, src.column, value)
		}
		if !ok || value == nil {
			d.wide[r.rule] = true
			return
		}
	}
	key, ok := r.rule.template.fill([]byte(r.rule.prefix), data)
	if !ok {
		// The value has no place in the key, so no read with it was ever stored, nor will be: %d and a text.
		return
	}
	d.put(drop{r.rule, string(key)}, data)
}

// put adds a key. A rule with too many keys counts as rule-wide.
func (d *drops) put(k drop, data []Datum) {
	if _, have := d.keys[k]; have {
		return
	}
	d.counts[k.rule]++
	if d.counts[k.rule] > k.rule.owner.maxKeys {
		d.wide[k.rule] = true
		return
	}
	d.keys[k] = data
}

// widen drops every key of these rules.
func (d *drops) widen(rules []*bound) {
	for _, b := range rules {
		d.wide[b] = true
	}
}

// marks turns drops into what the store is told.
func (d *drops) marks(m *Marks) {
	seen := map[string]bool{}
	for k := range d.keys {
		if d.wide[k.rule] || seen[k.key] {
			continue
		}
		seen[k.key] = true
		m.Keys = append(m.Keys, k.key)
	}
	for b := range d.wide {
		m.Generations = append(m.Generations, b.generations[0])
	}
}
