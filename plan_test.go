package moneyclip

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// Arguments that are not the same have not the same field, also one after the other.
func TestAppendArgument(t *testing.T) {
	t.Parallel()
	type named string
	type flag bool
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	now := time.Now()
	second := time.Second
	seen := map[string]int{}
	for i, list := range [][]any{
		{nil}, {int64(1)}, {1.0}, {true}, {false}, {"1"}, {""}, {[]byte("1")}, {[]byte{}}, {[]byte(nil)},
		{at}, {at.In(time.FixedZone("here", 0))}, {at.Add(time.Nanosecond)}, {at.In(time.FixedZone("", 3600))}, {at.Add(-time.Second).In(time.FixedZone("", 3601))},
		{now}, {now.Round(0)},
		{"a", "bc"}, {"ab", "c"}, {nil, nil}, {[]byte("a"), []byte("bc")}, {[]byte("ab"), []byte("c")},
		// pgx makes an int4 of an int32 in some modes, and an interval of a Duration; and to none a Valuer need be its value.
		{int8(1)}, {int16(1)}, {int32(1)}, {uint8(1)}, {uint16(1)}, {uint32(1)}, {uint64(1)}, {float32(1)}, {time.Duration(1)}, {named("1")}, {named("")}, {flag(true)},
		{json.RawMessage("1")}, {new(int64)}, {(*int64)(nil)}, {(*string)(nil)}, {(*named)(nil)}, {&second}, {named("a"), "bc"}, {sql.NullString{String: "1", Valid: true}},
		{sql.NullString{}}, {sql.NullInt64{}},
	} {
		var b []byte
		for _, arg := range list {
			var ok bool
			value, _ := resolve(arg)
			if b, ok = appendArgument(b, ownType(arg), value); !ok {
				t.Errorf("%v is not understood", list)
			}
		}
		if other, have := seen[string(b)]; have || len(b) == 0 {
			t.Errorf("lists %d and %d have the same field %q", other, i, b)
		}
		seen[string(b)] = i
	}
	long := strings.Repeat("x", maxArgument+1)
	for _, v := range []driver.Value{long, []byte(long), struct{}{}} {
		if _, ok := appendArgument(nil, nil, v); ok {
			t.Errorf("a %T that is too long, or not understood, is taken", v)
		}
	}
}

func TestSpelled(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxArgument+1)
	for _, test := range []struct {
		value driver.Value
		want  Datum
		ok    bool
	}{
		{int64(7), Int(7), true},
		{"a", Text("a"), true},
		{[]byte("a"), Bytes([]byte("a")), true},
		{[]byte(nil), Datum{}, false},
		{long, Datum{}, false},
		{[]byte(long), Datum{}, false},
		{1.5, Datum{}, false},
	} {
		got, ok := canonical(nil, nil).of(test.value)
		if ok != test.ok || got != test.want {
			t.Errorf("%.10v: got %v, %t, want %v, %t", test.value, got, ok, test.want, test.ok)
		}
		if ok && !isPlain(test.value, got) {
			t.Errorf("%v is not plain", test.value)
		}
	}
	for _, test := range []struct {
		value driver.Value
		datum Datum
	}{
		{int64(7), Int(8)}, {int64(7), Text("7")}, {"7", Int(7)}, {"7", Text("8")}, {"7", Bytes([]byte("7"))}, {[]byte("7"), Text("7")}, {7.0, Int(7)},
	} {
		if isPlain(test.value, test.datum) {
			t.Errorf("%T %[1]v is taken for %v", test.value, test.datum)
		}
	}
}

// How a SELECT fills the key of a rule with Table.
func TestMatchTable(t *testing.T) {
	t.Parallel()
	table := plainTable("T", "k", "s text", "c")
	constant := func(column string, v any) Pin {
		return Pin{Column: column, Values: []Value{{Kind: ValueConst, Const: v}}}
	}
	reading := func(table string, pins ...Pin) []TableRead { return []TableRead{{Table: table, Pins: pins}} }
	const unpinned = "it does not pin k by equality"
	for _, test := range []struct {
		name        string
		key         string // k:%v, unless it is set
		reads       []TableRead
		idle        string
		uncacheable string
		param       int
		constant    Datum
		why         string
	}{
		{name: "a parameter", reads: reading("T", byParam("c", 1), byParam("k", 2)), param: 2},
		{name: "a number", key: "k:%d", reads: reading("T", constant("k", int64(5))), constant: Int(5)},
		{name: "a text", reads: reading("T", constant("k", "x")), constant: Text("x")},
		{name: "a text in the place of a number", key: "k:%d", reads: reading("T", constant("k", "x")), why: unpinned},
		{name: "a text without a spelling", reads: reading("T", constant("k", "unspelled")), why: unpinned},
		{name: "NULL", reads: reading("T", constant("k", nil)), why: unpinned},
		{name: "NULL and a parameter", reads: reading("T", constant("k", nil), byParam("k", 1)), param: 1},
		{name: "a list", reads: reading("T", Pin{Column: "k", Values: []Value{{Kind: ValueParam, Param: 1}, {Kind: ValueParam, Param: 2}}}), why: unpinned},
		{name: "no value", reads: reading("T", Pin{Column: "k"}), why: unpinned},
		{name: "a computed value", reads: reading("T", Pin{Column: "k", Values: []Value{{}}}), why: unpinned},
		{name: "another column", reads: reading("T", byParam("c", 1)), why: unpinned},
		{name: "through what compares otherwise", reads: reading("T", byParam("k", 1, ColumnName{"T", "s"})), why: unpinned},
		{name: "another table", reads: reading("U", byParam("k", 1)), why: "it does not read table t alone"},
		{name: "two tables", reads: append(reading("T", byParam("k", 1)), TableRead{Table: "U"}), why: "it does not read table t alone"},
		{name: "no table", why: "it does not read table t alone"},
		{name: "an idle rule", reads: reading("T", byParam("k", 1)), idle: "it is idle", why: "it is idle"},
		{name: "volatile", reads: reading("T", byParam("k", 1)), uncacheable: "it is volatile", why: "it is volatile"},
	} {
		key := test.key
		if key == "" {
			key = "k:%v"
		}
		m := plainMeaning(nil, table)
		b := plainBound(t, m, Rule{Key: key, Table: "t", By: []string{"k"}})
		b.table, b.columns, b.idle = table, table.Columns[:1], test.idle
		verbs, why := b.match(m, &Statement{Kind: KindRead, Reads: test.reads, Uncacheable: test.uncacheable})
		if why != test.why {
			t.Errorf("%s: got %q, want %q", test.name, why, test.why)
		}
		if why == "" && (len(verbs) != 1 || verbs[0].param != test.param || verbs[0].constant != test.constant || !verbs[0].knowsColumn()) {
			t.Errorf("%s: got %+v, want parameter %d or %v", test.name, verbs, test.param, test.constant)
		}
	}
	unbound := plainBound(t, nil, Rule{Key: "k:%v", Table: "t"})
	if !unbound.isTable("T") || unbound.isTable("U") {
		t.Error("a rule without a table goes by the name as it is spelled")
	}
}

// Which rules a text is cached by, and what of it they keep.
func TestMakePlan(t *testing.T) {
	t.Parallel()
	table := plainTable("T", "k", "c")
	s := Statement{Kind: KindRead, Name: "Get", Text: "get", Params: []string{""}, Reads: []TableRead{{Table: "T", Columns: []string{"c"}, Pins: []Pin{byParam("k", 1)}}}}
	m := plainMeaning(map[string]Statement{"SELECT THIS": s, "SELECT OTHER": {Kind: KindRead, Text: "other"}}, table)
	byTable := func(owner *Cache) *bound {
		b := plainBound(t, m, Rule{Name: "table", Key: "t:%v", Table: "T", By: []string{"k"}})
		b.table, b.columns, b.owner = table, table.Columns[:1], owner
		return b
	}
	byQuery := func(owner *Cache, query string, watched ...watch) *bound {
		b := plainBound(t, m, Rule{Name: "query", Key: "q:%v", Query: query, Args: []int{1}})
		b.watched, b.owner = watched, owner
		if watched != nil {
			b.columns = table.Columns[:1]
		}
		return b
	}
	same := watch{table: "T", columns: []string{"k"}, set: []string{"c"}}
	var one, two Cache
	idle := byQuery(&one, "Get")
	idle.idle = "it is idle"
	for _, test := range []struct {
		name  string
		rules []*bound
		want  []int // the rules that it is cached by
		more  bool
	}{
		{"none", nil, nil, false},
		{"a table", []*bound{byTable(&one)}, []int{0}, false},
		{"two of one cache", []*bound{byTable(&one), byTable(&one)}, []int{0}, false},
		{"two of two caches", []*bound{byTable(&one), byTable(&two)}, []int{0, 1}, false},
		{"a query by its name", []*bound{byQuery(&one, "Get")}, []int{0}, true},
		{"a query by another name", []*bound{byQuery(&one, "Other"), byTable(&one)}, []int{1}, false},
		{"a query by its text", []*bound{byQuery(&one, "SELECT THIS")}, []int{0}, true},
		{"a query by another text", []*bound{byQuery(&one, "SELECT OTHER"), byTable(&one)}, []int{1}, false},
		{"a query that is known", []*bound{byQuery(&one, "Get", same)}, []int{0}, false},
		{"one that learns, and one that does not", []*bound{byQuery(&one, "Get"), byQuery(&two, "Get", same)}, []int{0, 1}, true},
		{"an idle rule", []*bound{idle, byTable(&one)}, []int{1}, false},
	} {
		m.rules = test.rules
		p, more := makePlan(m, "SELECT ?", &s)
		var got []int
		for _, r := range p.reads {
			got = append(got, slices.Index(test.rules, r.rule))
			if !r.verbs[0].knowsColumn() {
				t.Errorf("%s: it does not know its column", test.name)
			}
		}
		if !slices.Equal(got, test.want) || more != test.more {
			t.Errorf("%s: got the rules %v, more %t, want %v, %t", test.name, got, more, test.want, test.more)
		}
	}
	volatile := s
	volatile.Uncacheable = "it is volatile"
	if _, why := byQuery(&one, "Get").match(m, &volatile); why != volatile.Uncacheable {
		t.Errorf("got %q of a volatile query", why)
	}

	// A text that is planned again takes the place of its first plan, which a writer may be looking at.
	b := byQuery(&one, "Get")
	m.rules = []*bound{b}
	first, _ := makePlan(m, "SELECT ?", &s)
	seen := b.reads
	again, more := makePlan(m, "SELECT ?", &s)
	if more || len(b.reads) != 1 || b.reads[0] != again.reads[0] || seen[0] != first.reads[0] {
		t.Errorf("planned again: it learns %t, reads %v, seen %v", more, b.reads, seen)
	}
	for i := range maxReads + 1 {
		makePlan(m, fmt.Sprintf("SELECT %d", i), &s)
	}
	if len(b.reads) != maxReads {
		t.Errorf("got %d texts, want %d", len(b.reads), maxReads)
	}
}

// Reads that may differ in their result have different slots.
func TestSlots(t *testing.T) {
	t.Parallel()
	m := plainMeaning(nil)
	b := plainBound(t, m, Rule{Key: "k:%v"})
	b.prefix = "p:"
	session := func(profile byte) *session {
		s := &session{database: m.database}
		s.profile[0] = profile
		return s
	}
	type named string
	type read struct {
		class    string
		query    string
		values   []any
		profile  byte
		prepared bool
	}
	slotOf := func(r read) (string, string, bool) {
		p := newReadPlan(b, r.query, &Statement{Params: []string{"", ""}}, []verb{{param: 1, spell: plainDialect{}.Canonical(&Column{Class: r.class})}})
		var args []driver.NamedValue
		for i, v := range r.values {
			args = append(args, driver.NamedValue{Ordinal: i + 1, Value: v})
		}
		var l lookup
		ok := p.slot(&l, session(r.profile), args, r.prepared)
		return string(l.slot.Key), string(l.slot.Field), ok
	}
	seen := map[string]int{}
	for i, r := range []read{
		{"int", "a", []any{int64(1), nil}, 0, false},
		{"int", "b", []any{int64(1), nil}, 0, false},
		{"int", "a", []any{int64(1), nil}, 1, false},
		{"int", "a", []any{int64(1), nil}, 0, true},
		{"int", "a", []any{int64(1), int64(2)}, 0, false},
		{"int", "a", []any{int64(1), named("x")}, 0, false},
		{"int", "a", []any{int64(1), "x"}, 0, false},
		{"int", "a", []any{int64(2), nil}, 0, false},
		{"bit", "a", []any{int64(7), nil}, 0, false},
		{"int", "a", []any{"x", nil}, 0, false},
		{"int", "a", []any{named("x"), nil}, 0, false},
	} {
		key, field, ok := slotOf(r)
		if want := fmt.Sprintf("p:k:%v", r.values[0]); !ok || key != want && r.class == "int" {
			t.Errorf("%v: got the key %s, %t, want %s", r, key, ok, want)
		}
		if other, have := seen[key+field]; have {
			t.Errorf("reads %d and %d have the same slot", other, i)
		}
		seen[key+field] = i
	}
	if key, _, _ := slotOf(read{"bit", "a", []any{int64(7), nil}, 0, false}); key != "p:k:1" {
		t.Errorf("got the key %s of a value that equals 1", key)
	}
	long := strings.Repeat("x", maxArgument+1)
	for _, values := range [][]any{
		{int64(1)}, {int64(1), nil, nil}, {nil, nil}, {struct{}{}, nil}, {"unspelled", nil}, {long, nil}, {int64(1), long}, {int64(1), struct{}{}},
	} {
		if _, _, ok := slotOf(read{"int", "a", values, 0, false}); ok {
			t.Errorf("%.20v has a slot", values)
		}
	}

	p := newReadPlan(b, "", &Statement{Params: []string{"", "", ""}}, []verb{{param: 2, spell: spelled}})
	if !slices.Equal(p.extras, []int{1, 3}) {
		t.Errorf("got the extras %v, want 1 and 3", p.extras)
	}
	for class, want := range map[string]bool{"int": true, "bit": false, "small": false} {
		if got := integers(plainDialect{}.Canonical(&Column{Class: class})); got != want {
			t.Errorf("each integer of %s is its own spelling: got %t, want %t", class, got, want)
		}
	}
}

// knowsColumn reports whether a verb spells values as a column of the plain dialect does.
func (v *verb) knowsColumn() bool {
	_, ok := v.spell("unspelled")
	return !ok
}

// A rule that has learnt from a text needs no notice of it any more.
func TestOutlearns(t *testing.T) {
	t.Parallel()
	seen, unseen := &readPlan{rule: new(bound), notice: "a"}, &readPlan{rule: new(bound), notice: "b"}
	seen.rule.reads = []*readPlan{seen}
	m := new(meaning)
	if m.outlearns(&plan{reads: []*readPlan{seen}}) {
		t.Error("there is no notice")
	}
	m.foreign.Store(&[]*bound{{notice: "a"}, {notice: "b"}, {notice: "c"}})
	for _, test := range []struct {
		reads []*readPlan
		want  bool
	}{{nil, false}, {[]*readPlan{unseen}, false}, {[]*readPlan{unseen, seen}, true}} {
		if got := m.outlearns(&plan{reads: test.reads}); got != test.want {
			t.Errorf("with %d selects: got %t, want %t", len(test.reads), got, test.want)
		}
	}
}
