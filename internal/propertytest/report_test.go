package propertytest

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
)

func TestReport(t *testing.T) {
	t.Parallel()
	one, two := NewReport("some"), NewReport("some")
	x := &moneyclip.Explanation{Query: "?", Kind: moneyclip.KindWrite, Effects: []moneyclip.Effect{
		{Guarantee: moneyclip.Exact}, {Guarantee: moneyclip.RuleWide}, {Guarantee: moneyclip.RuleWide}, {Guarantee: moneyclip.None},
	}}
	one.form("UPDATE").note(x, "longer", false)
	x.Kind, x.Effects = moneyclip.KindUnknown, []moneyclip.Effect{{Guarantee: moneyclip.AfterReading}}
	two.form("UPDATE").note(x, "short", true)
	f := two.form("UPDATE")
	f.Dropped, f.Needed, f.KeyDropped, f.KeyNeeded = 5, 2, 4, 3
	one.Steps, two.Steps = 1, 2
	one.Add(two)
	want := &Form{Statements: 2, Failing: 1, Unknown: 1, Exact: 1, AfterReading: 1, RuleWide: 2, None: 1,
		Dropped: 5, Needed: 2, KeyDropped: 4, KeyNeeded: 3, Example: "short"}
	if diff := cmp.Diff(want, one.Forms["UPDATE"]); diff != "" {
		t.Error(diff)
	}
	if text := one.String(); !strings.Contains(text, "some, up to seed 0: 3 steps") || !strings.Contains(text, " 2.5 ") || !strings.Contains(text, " 1.3\n") {
		t.Errorf("the table lacks something:\n%v", one)
	}
	folder := t.TempDir()
	if err := one.Write(folder); err != nil {
		t.Fatal(err)
	}
	again, err := Read(filepath.Join(folder, "some.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, again); diff != "" {
		t.Error(diff)
	}
}

func TestWithout(t *testing.T) {
	t.Parallel()
	got := without([]int{1, 2, 3, 4, 5, 6, 7}, func(list []int) bool {
		return slices.Contains(list, 3) && slices.Contains(list, 6)
	})
	if !slices.Equal(got, []int{3, 6}) {
		t.Errorf("got %v, want 3 and 6", got)
	}
	if got := kindOf(errors.New("stale: SELECT 1: more")); got != "stale" {
		t.Errorf("got the kind %q", got)
	}
}

// spelling is a language of which only the parameters matter.
type spelling struct{ Language }

func (spelling) Param(style Style, number int) string {
	if style == Positional {
		return "?"
	}
	return "$" + string(rune('0'+number))
}

func TestExpand(t *testing.T) {
	t.Parallel()
	q := query{"a = {0} AND b = {1} OR a = {0}", make([]*Column, 2)}
	for _, test := range []struct {
		style Style
		text  string
		order []int
	}{
		{Positional, "a = ? AND b = ? OR a = ?", []int{0, 1, 0}},
		{Numbered, "a = $1 AND b = $2 OR a = $1", []int{0, 1}},
	} {
		text, order := q.expand(spelling{}, test.style)
		if text != test.text || !slices.Equal(order, test.order) {
			t.Errorf("got %q with %v, want %q with %v", text, order, test.text, test.order)
		}
	}
}

func TestSameInAnyOrder(t *testing.T) {
	t.Parallel()
	a := Outcome{Rows: [][]any{{1}, {2}}}
	if !SameInAnyOrder(a, Outcome{Rows: [][]any{{2}, {1}}}) || SameInAnyOrder(a, Outcome{Rows: [][]any{{2}, {2}}}) ||
		SameInAnyOrder(a, Outcome{Rows: a.Rows, Err: "no"}) || a.Rows[0][0] != 1 {
		t.Error("rows are compared wrongly")
	}
}
