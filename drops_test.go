package moneyclip

import (
	"database/sql/driver"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestSourceData(t *testing.T) {
	t.Parallel()
	argument := source{kind: fromArgument, index: 1, spell: spelled}
	element := source{kind: fromElement, index: 1, spell: spelled}
	row := source{kind: fromRow, index: 1, spell: spelled}
	filled := func(src source, zero bool) source {
		src.filled, src.zeroFilled = true, zero
		return src
	}
	args := func(values ...driver.Value) (list []driver.NamedValue) {
		for i, v := range values {
			list = append(list, driver.NamedValue{Ordinal: i + 1, Value: v})
		}
		return list
	}
	for name, test := range map[string]struct {
		source source
		args   []driver.NamedValue
		names  int
		row    []driver.Value
		want   []Datum
		ok     bool
	}{
		"a constant":                                 {source: source{constant: Int(7)}, want: []Datum{Int(7)}, ok: true},
		"an argument":                                {source: argument, args: args(int64(7)), names: 1, want: []Datum{Int(7)}, ok: true},
		"no argument":                                {source: argument, names: 1},
		"an option among the arguments":              {source: argument, args: args(int64(7), int64(8)), names: 1},
		"NULL":                                       {source: argument, args: args(nil), names: 1, ok: true},
		"NULL that the database replaces":            {source: filled(argument, false), args: args(nil), names: 1},
		"0 that the database replaces":               {source: filled(argument, true), args: args(int64(0)), names: 1},
		"0 where only NULL is replaced":              {source: filled(argument, false), args: args(int64(0)), names: 1, want: []Datum{Int(0)}, ok: true},
		"another number than 0":                      {source: filled(argument, true), args: args(int64(7)), names: 1, want: []Datum{Int(7)}, ok: true},
		"a value without a canonical spelling":       {source: argument, args: args(1.5), names: 1},
		"an array":                                   {source: element, args: args("{a,NULL,b}"), names: 1, want: []Datum{Text("a"), Text("b")}, ok: true},
		"no array":                                   {source: element, args: args("a"), names: 1},
		"an option among arguments, one is an array": {source: element, args: args("{a}", int64(8)), names: 1},
		"a column":                                   {source: row, row: []driver.Value{int64(6), int64(7)}, want: []Datum{Int(7)}, ok: true},
		"a column that is NULL":                      {source: row, row: []driver.Value{int64(6), nil}, ok: true},
		"a column that is missing":                   {source: row, row: []driver.Value{int64(6)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := test.source.data(nil, test.args, make([]string, test.names), test.row)
			if ok != test.ok || !slices.Equal(got, test.want) {
				t.Errorf("got %v, %t, want %v, %t", got, ok, test.want, test.ok)
			}
		})
	}
}

// ruleOf is a rule with a key of which nothing else is known.
func ruleOf(t *testing.T, key string, maxKeys int) *bound {
	t.Helper()
	parsed, err := parseTemplate(key)
	if err != nil {
		t.Fatal(err)
	}
	b := &bound{rule: &rule{}, owner: &Cache{maxKeys: maxKeys, logger: slog.New(slog.DiscardHandler)}, generations: [2]string{"@" + key}}
	b.template, b.columns = parsed, make([]*Column, len(parsed.verbs))
	return b
}

// wantMarks checks what the store would be told.
func (d *drops) wantMarks(t *testing.T, keys []string, generations ...string) {
	t.Helper()
	var m Marks
	d.marks(&m)
	slices.Sort(m.Keys)
	if !slices.Equal(m.Keys, keys) || !slices.Equal(m.Generations, generations) {
		t.Errorf("got the keys %q and the generations %q, want %q and %q", m.Keys, m.Generations, keys, generations)
	}
}

func TestDropsAddFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rows [][]driver.Value
		keys []string
		wide bool
	}{
		"keys":                       {rows: [][]driver.Value{{int64(1), "a"}, {int64(2), "b"}}, keys: []string{"k-1-a", "k-2-b"}},
		"NULL":                       {rows: [][]driver.Value{{nil, "a"}, {int64(1), nil}, {int64(2), "b"}}, keys: []string{"k-2-b"}},
		"a column too few":           {rows: [][]driver.Value{{int64(1)}}, wide: true},
		"a column too many":          {rows: [][]driver.Value{{int64(1), "a", "b"}}, wide: true},
		"no column":                  {rows: [][]driver.Value{{}}, wide: true},
		"NULL, and a column too few": {rows: [][]driver.Value{{nil}}, wide: true},
		"no canonical spelling":      {rows: [][]driver.Value{{int64(1), 1.5}}, wide: true},
		"a value that has no place":  {rows: [][]driver.Value{{"x", "a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := ruleOf(t, "k-%d-%s", 10)
			d := &drops{}
			d.addFound(&recipe{rule: b, key: []spelling{spelled, spelled}}, test.rows)
			if test.wide {
				d.wantMarks(t, nil, "@k-%d-%s")
				return
			}
			d.wantMarks(t, test.keys)
		})
	}
}

// As many values as a write may name, in two arrays, are more keys than any write drops one by one.
func TestDropsOfTwoArrays(t *testing.T) {
	t.Parallel()
	b := ruleOf(t, "k-%d-%d", 10_000)
	list := make([]int64, 9_000)
	for i := range list {
		list[i] = int64(i)
	}
	array := source{kind: fromElement, index: 1, spell: spelled}
	d := &drops{}
	args := []driver.NamedValue{{Ordinal: 1, Value: list}}
	allocated := testing.Benchmark(func(bench *testing.B) {
		for bench.Loop() {
			d.add(&recipe{rule: b, sources: []source{array, array}}, args, []string{""}, nil)
		}
	}).AllocedBytesPerOp()
	d.wantMarks(t, nil, "@k-%d-%d")
	if allocated > 8<<20 {
		t.Errorf("it takes %d MB", allocated>>20)
	}
}

func TestDrops(t *testing.T) {
	t.Parallel()
	b := ruleOf(t, "k-%v", 2)
	one := &recipe{rule: b, sources: []source{{kind: fromRow, spell: spelled}}}
	d := &drops{}
	add := func(v driver.Value) { d.add(one, nil, nil, []driver.Value{v}) }
	for _, v := range []int64{1, 2, 1, 2} { // twice is not one more
		add(v)
	}
	d.wantMarks(t, []string{"k-1", "k-2"})

	// Another rule may have the same key.
	same := ruleOf(t, "k-%v", 2)
	d.add(&recipe{rule: same, sources: []source{{constant: Int(1)}}}, nil, nil, nil)
	d.wantMarks(t, []string{"k-1", "k-2"})

	// One key too many: all of them, and no more are kept.
	for v := range int64(9) {
		add(v)
	}
	d.wantMarks(t, []string{"k-1"}, "@k-%v")
	if got := len(d.keys); got != 3 {
		t.Errorf("%d keys are kept, want 3: %v", got, d.keys)
	}

	// A rule whose keys are not known any more takes none.
	d = &drops{}
	add(1.5)
	add(int64(1))
	d.wantMarks(t, nil, "@k-%v")
	if len(d.keys) != 0 {
		t.Errorf("keys are kept of a rule that drops them all: %v", d.keys)
	}
}

// What is kept of an argument until its write is over is in memory of its own.
func TestKeep(t *testing.T) {
	t.Parallel()
	type email string
	buffer := []byte("a")
	text := unsafe.String(&buffer[0], 1)
	for _, value := range []driver.Value{text, email(text), buffer} {
		kept, ok := keep(value)
		buffer[0] = 'b'
		if got := fmt.Sprintf("%T %[1]s", kept); !ok || got != fmt.Sprintf("%T a", value) {
			t.Errorf("got %s, %t of a %T", got, ok, value)
		}
		buffer[0] = 'a'
	}
	if kept, ok := keep(email(strings.Repeat("x", maxArgument+1))); ok {
		t.Errorf("kept a %T that is too long", kept)
	}
}

// Detached arguments do not change with what they were given in.
func TestDetached(t *testing.T) {
	t.Parallel()
	type blob []byte
	id, bytes := int64(1), []byte("a")
	args := []driver.NamedValue{{Value: &id}, {Value: bytes}, {Value: blob(bytes)}, {Value: (*int64)(nil)}, {Value: []byte(nil)}, {Value: 1.5}}
	got := detached(args)
	id, bytes[0] = 2, 'b'
	if *got[0].Value.(*int64) != 1 || string(got[1].Value.([]byte)) != "a" || string(got[2].Value.(blob)) != "a" ||
		got[3].Value.(*int64) != nil || got[4].Value.([]byte) != nil || got[5].Value != 1.5 {
		t.Errorf("got %v", got)
	}
}
