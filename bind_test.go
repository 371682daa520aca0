package moneyclip

import (
	"slices"
	"testing"
)

func TestWatchesAreMerged(t *testing.T) {
	t.Parallel()
	column := new(Column)
	way := func(text string, columns ...*Column) *path { return &path{text: text, columns: columns} }
	first := watch{table: "t", columns: []string{"k"}, set: []string{"a", "c"}}
	for name, test := range map[string]struct {
		second watch
		want   []string // the columns that count; nil: they are two
		all    bool
	}{
		"the same":        {second: watch{table: "t", columns: []string{"k"}, set: []string{"b", "c"}}, want: []string{"a", "b", "c"}},
		"every column":    {second: watch{table: "t", columns: []string{"k"}, all: true}, want: []string{"a", "c"}, all: true},
		"another table":   {second: watch{table: "u", columns: []string{"k"}}},
		"another column":  {second: watch{table: "t", columns: []string{"l"}}},
		"one with a path": {second: watch{table: "t", columns: []string{"k"}, path: way("SELECT 1")}},
	} {
		b := &bound{}
		b.watch(first)
		b.watch(test.second)
		if test.want == nil {
			if len(b.watched) != 2 {
				t.Errorf("%s: they are one: %+v", name, b.watched)
			}
			continue
		}
		if len(b.watched) != 1 || !slices.Equal(b.watched[0].set, test.want) || b.watched[0].all != test.all {
			t.Errorf("%s: got %+v", name, b.watched)
		}
		b.watch(first)
		if len(b.watched) != 1 || b.watched[0].all != test.all {
			t.Errorf("%s: it is forgotten: %+v", name, b.watched)
		}
	}

	for name, other := range map[string]watch{
		"table":   {table: "u", columns: []string{"k"}, set: []string{"a"}},
		"columns": {table: "t", columns: []string{"l"}, set: []string{"a"}},
		"set":     {table: "t", columns: []string{"k"}, set: []string{"b"}},
		"all":     {table: "t", columns: []string{"k"}, set: []string{"a"}, all: true},
		"path":    {table: "t", columns: []string{"k"}, set: []string{"a"}, path: way("SELECT 1")},
	} {
		one := watch{table: "t", columns: []string{"k"}, set: []string{"a"}}
		if sameWatches([]watch{one}, []watch{other}) || !sameWatches([]watch{other}, []watch{other}) {
			t.Errorf("watches that differ in %s are taken for the same", name)
		}
	}

	for _, test := range []struct {
		p, q *path
		want bool
	}{
		{nil, nil, true},
		{way("SELECT 1"), nil, false},
		{nil, way("SELECT 1"), false},
		{way("SELECT 1", column), way("SELECT 1", column), true},
		{way("SELECT 1", column), way("SELECT 2", column), false},
		{way("SELECT 1", column), way("SELECT 1", new(Column{Name: "x"})), false},
	} {
		if got := test.p.equal(test.q); got != test.want {
			t.Errorf("%+v equals %+v: got %t, want %t", test.p, test.q, got, test.want)
		}
	}
}
