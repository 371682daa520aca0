package moneyclip

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// suggest returns a rule that would cache a SELECT, and whose keys every write that the catalog shows to touch it would
// drop; nil: there is none that could be found. The site is locked.
func (c *Cache) suggest(m *meaning, p *plan) *Rule {
	s := p.statement
	if m.catalog == nil || s.Kind != KindRead || s.Uncacheable != "" || len(s.Reads) == 0 {
		return nil
	}
	for _, candidate := range []*Rule{forTable(m, s), forQuery(m, p, true), forQuery(m, p, false)} {
		if candidate == nil {
			continue
		}
		b := c.wouldCache(m, s, *candidate)
		if b != nil && checkText(c.dialect, b.rule) != nil {
			// Without a catalog, as New has none, it cannot be inferred.
			candidate.On = b.ons()
			b = c.wouldCache(m, s, *candidate)
		}
		if b != nil && checkText(c.dialect, b.rule) == nil {
			return candidate
		}
	}
	return nil
}

// wouldCache returns a rule that there is not, if it would cache the SELECT.
func (c *Cache) wouldCache(m *meaning, s *Statement, candidate Rule) *bound {
	r, err := compile(candidate, place{})
	if err != nil || findDouble(c.rules, r) != nil {
		return nil // there is one already, and it has its reasons
	}
	b := &bound{rule: r, meaning: m, owner: c}
	if r.Table != "" {
		err = b.bindTable(m)
	} else {
		_, err = b.learn(m, s)
	}
	if err != nil {
		return nil
	}
	if _, why := b.match(m, s); why != "" {
		return nil
	}
	return b
}

// ons are what the rule watches, as it would be declared.
func (b *bound) ons() []On {
	var list []On
	for _, w := range b.watched {
		on := On{Table: w.table, Columns: w.columns}
		if w.path != nil {
			on.Path = w.path.text
		}
		list = append(list, on)
	}
	return list
}

// forTable is a rule for the one table that is read, by a unique key that is pinned.
func forTable(m *meaning, s *Statement) *Rule {
	t := m.catalog.Tables[s.Reads[0].Table]
	if len(s.Reads) != 1 || t == nil {
		return nil
	}
	for _, key := range t.Unique {
		pinned := func(column string) bool {
			return slices.ContainsFunc(s.Reads[0].Pins, func(p Pin) bool {
				return p.Column == column && len(p.Values) == 1 && p.Values[0].Kind == ValueParam
			})
		}
		if key.Odd || slices.ContainsFunc(key.Columns, func(column string) bool { return !pinned(column) }) {
			continue
		}
		r := &Rule{Key: brief(t.Name), Table: t.Name, By: key.Columns}
		for _, column := range key.Columns {
			r.Key += "::" + column + "-%v"
		}
		return r
	}
	return nil
}

// forQuery is a rule for the query, by the parameters that are pinned: in every table that it reads, or in any.
func forQuery(m *meaning, p *plan, everywhere bool) *Rule {
	s := p.statement
	r := &Rule{Key: brief(s.Reads[0].Table), Query: s.Name}
	if s.Name == "" {
		r.Query = strings.TrimSpace(p.query)
	} else {
		r.Key += "::" + s.Name
	}
	for param := 1; param <= len(s.Params); param++ {
		column, pins := "", 0
		for i := range s.Reads {
			if pin := pinTo(&s.Reads[i], param, m.catalog); pin != nil {
				column = cmp.Or(column, pin.Column)
				pins++
			}
		}
		if pins == 0 || everywhere && pins < len(s.Reads) {
			continue
		}
		r.Args = append(r.Args, param)
		r.Key += "::" + column + "-%v"
	}
	if len(r.Args) == 0 {
		return nil
	}
	return r
}

// brief is a table's name without its schema, fit for a template, in which a "%" begins a verb.
func brief(table string) string {
	return strings.ReplaceAll(table[strings.LastIndexByte(table, '.')+1:], "%", "_")
}

// GoString is the rule as a Go program says it, without what is at its default.
func (r Rule) GoString() string {
	var b strings.Builder
	field := func(name, format string, value any) { fmt.Fprintf(&b, ", %s: "+format, name, value) }
	if r.Name != "" {
		field("Name", "%q", r.Name)
	}
	field("Key", "%q", r.Key)
	for _, f := range []struct{ name, value string }{{"Query", r.Query}, {"Table", r.Table}} {
		if f.value != "" {
			field(f.name, "%s", quoted(f.value))
		}
	}
	if r.By != nil {
		field("By", "%#v", r.By)
	}
	if r.Args != nil && !isCounting(r.Args) {
		field("Args", "%#v", r.Args)
	}
	if r.On != nil {
		list := make([]string, len(r.On))
		for i, on := range r.On {
			list[i] = on.fields()
		}
		field("On", "[]moneyclip.On{%s}", strings.Join(list, ", "))
	}
	for _, f := range []struct {
		name  string
		value int64
	}{{"TTL", int64(r.TTL)}, {"Soft", int64(r.Soft)}, {"NotFound", int64(r.NotFound)}} {
		if f.value != 0 {
			field(f.name, "%s", inGo(f.value))
		}
	}
	if r.Refresh {
		field("Refresh", "%v", true)
	}
	return "moneyclip.Rule{" + strings.TrimPrefix(b.String(), ", ") + "}"
}

// fields is an On as an element of a list.
func (o On) fields() string {
	text := fmt.Sprintf("{Table: %q", o.Table)
	if o.Columns != nil {
		text += fmt.Sprintf(", Columns: %#v", o.Columns)
	}
	if o.Path != "" {
		text += ", Path: " + quoted(o.Path)
	}
	if o.Set != nil {
		text += fmt.Sprintf(", Set: %#v", o.Set)
	}
	return text + "}"
}

// quoted is a text as a Go literal, over several lines if it has some.
func quoted(s string) string {
	if strings.Contains(s, "\n") && !strings.ContainsAny(s, "`\r") {
		return "`" + s + "`"
	}
	return fmt.Sprintf("%q", s)
}

// isCounting reports whether numbers are 1, 2, 3 and so on.
func isCounting(numbers []int) bool {
	for i, n := range numbers {
		if n != i+1 {
			return false
		}
	}
	return true
}

// inGo is a duration as Go has it, in its largest whole unit.
func inGo(nanoseconds int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"Hour", 3600e9}, {"Minute", 60e9}, {"Second", 1e9}, {"Millisecond", 1e6}, {"Microsecond", 1e3}} {
		if nanoseconds%unit.size == 0 {
			return fmt.Sprintf("%d * time.%s", nanoseconds/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d * time.Nanosecond", nanoseconds)
}
