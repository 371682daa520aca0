package moneyclip

import (
	"database/sql/driver"
	"slices"
	"strings"
)

// drops are the keys that one write drops. The zero value is none.
type drops struct {
	keys []dropped // each once
	wide map[*bound]bool

	// have and counts are of the keys, once there are more than a few; nil: there are not. Most writes drop one.
	have   map[drop]bool
	counts map[*bound]int // :: rule → its keys

	texts strings.Builder // of the keys
	due   int             // statements whose keys are about to come

	changed bool // since it was last told
}

const fewKeys = 32

// A drop is one key of one rule.
type drop struct {
	rule *bound
	key  string
}

// A dropped is a drop with the values in its key, if they are wanted after the write.
type dropped struct {
	drop
	data []Datum // nil: the rule is without Refresh
}

// add puts in the keys of a recipe. Row is nil for a recipe that needs none.
func (d *drops) add(r *recipe, args []driver.NamedValue, names []string, row []driver.Value) {
	if d.wide[r.rule] {
		return
	}
	if len(r.sources) == 1 {
		var room [1]Datum
		data, ok := r.sources[0].data(room[:0], args, names, row)
		if !ok {
			d.dropAll(r.rule)
		}
		for i := range data {
			d.fill(r.rule, data[i:i+1:i+1])
		}
		return
	}
	lists := make([][]Datum, len(r.sources))
	for i := range r.sources {
		var ok bool
		if lists[i], ok = r.sources[i].data(nil, args, names, row); !ok {
			d.dropAll(r.rule)
			return
		}
	}
	if !areAtMost(lists, r.rule.owner.maxKeys) {
		d.dropAll(r.rule)
		return
	}
	for _, data := range choices(lists) {
		d.fill(r.rule, data)
	}
}

// fill adds the key with these values.
func (d *drops) fill(b *bound, data []Datum) {
	var room [128]byte
	key, ok := b.template.fill(append(room[:0], b.prefix...), data)
	if !ok {
		// The value has no place in the key, so no read with it was ever stored, nor will be: %d and a text.
		return
	}
	var kept []Datum
	if b.Refresh {
		for _, d := range data {
			kept = append(kept, d.clone())
		}
	}
	d.put(drop{b, d.text(key)}, kept)
}

// text is a key as a string. One that comes alone has memory of its own: most writes drop one. The others share it.
func (d *drops) text(key []byte) string {
	room := max(1+d.due, 4*len(d.keys))
	if room == 1 {
		return string(key)
	}
	if d.texts.Cap()-d.texts.Len() < len(key) {
		d.texts = strings.Builder{} // what it has given out stays as it is
		d.texts.Grow(max(len(key), min(room*len(key), maxText)))
	}
	from := d.texts.Len()
	d.texts.Write(key)
	return d.texts.String()[from:]
}

const maxText = 512 // bytes of keys that share memory

// addFound puts in the keys that a path has led to.
func (d *drops) addFound(r *recipe, rows [][]driver.Value) {
	b := r.rule
	for _, row := range rows {
		if len(row) != len(b.template.verbs) {
			b.owner.logOnce("a Path has not one column for each verb of the key: what it is for drops every key", "rule", b.Name)
			d.dropAll(b)
			return
		}
		if slices.Contains(row, nil) {
			continue // NULL equals nothing
		}
		data := make([]Datum, len(row))
		for i, value := range row {
			var ok bool
			if data[i], ok = r.key[i].of(value); !ok {
				// lib/pq has what it does not know as bytes, such as uuid and numeric.
				if text, isBytes := value.([]byte); isBytes {
					data[i], ok = r.key[i].of(string(text))
				}
			}
			if !ok {
				d.dropAll(b)
				return
			}
		}
		d.fill(b, data)
	}
}

// areAtMost reports whether lists have at most so many choices.
func areAtMost[T any](lists [][]T, most int) bool {
	n := 1
	for _, list := range lists {
		if n *= len(list); n > most {
			return false
		}
	}
	return true
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

// data appends the values that a source can have: none for NULL, which equals nothing, so that no cached row has it in its
// key. It reports false if they are not known.
func (src *source) data(to []Datum, args []driver.NamedValue, names []string, row []driver.Value) ([]Datum, bool) {
	var one [1]driver.Value
	var values []driver.Value
	switch src.kind {
	case fromConstant:
		return append(to, src.constant), true
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
		one[0] = value
		values = one[:]
	case fromElement:
		var ok bool
		if values, ok = elements(args, src.index, names); !ok || len(args) != len(names) {
			return nil, false
		}
	}
	for _, value := range values {
		if value == nil {
			if src.filled {
				return nil, false
			}
			continue
		}
		datum, ok := src.spell.of(value)
		if !ok || src.zeroFilled && (datum.kind != datumInt || datum.number == 0) { // 0.3 is rounded
			return nil, false
		}
		to = append(to, datum)
	}
	return to, true
}

// put adds a key. A rule with too many keys counts as rule-wide.
func (d *drops) put(k drop, data []Datum) {
	have, count := d.look(k)
	switch {
	case have:
		return
	case count >= k.rule.owner.maxKeys:
		d.dropAll(k.rule)
		return
	}
	d.keys = append(more(d.keys), dropped{k, data})
	if d.have != nil {
		d.have[k] = true
		d.counts[k.rule]++
	}
	d.changed = true
}

// look reports whether a key is there, and how many there are of its rule.
func (d *drops) look(k drop) (have bool, count int) {
	if d.have == nil && len(d.keys) < fewKeys {
		for i := range d.keys {
			have = have || d.keys[i].drop == k
			if d.keys[i].rule == k.rule {
				count++
			}
		}
		return have, count
	}
	if d.have == nil {
		d.have, d.counts = map[drop]bool{}, map[*bound]int{}
		for i := range d.keys {
			d.have[d.keys[i].drop] = true
			d.counts[d.keys[i].rule]++
		}
	}
	return d.have[k], d.counts[k.rule]
}

// rule is the one of all keys; nil: there are more rules, or none, or all keys of one are dropped.
func (d *drops) rule() *bound {
	if len(d.keys) == 0 || len(d.wide) > 0 {
		return nil
	}
	b := d.keys[0].rule
	for i := range d.keys {
		if d.keys[i].rule != b {
			return nil
		}
	}
	return b
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
	m.Keys = slices.Grow(m.Keys, len(d.keys))
	for i := range d.keys {
		if k := &d.keys[i]; !d.wide[k.rule] {
			m.Keys = append(m.Keys, k.key)
		}
	}
	if len(m.Keys) > 1 && d.rule() == nil { // two rules may have one key
		slices.Sort(m.Keys)
		m.Keys = slices.Compact(m.Keys)
	}
	for b := range d.wide {
		m.addGeneration(b.generations[0])
	}
}
