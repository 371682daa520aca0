package moneyclip

import (
	"database/sql/driver"
	"strings"
	"testing"
	"time"
)

// Arguments that are not the same have not the same field, also one after the other.
func TestAppendArgument(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	seen := map[string]int{}
	for i, list := range [][]struct {
		own   string
		value driver.Value
	}{
		{{"", nil}}, {{"", int64(1)}}, {{"", 1.0}}, {{"", true}}, {{"", false}}, {{"", "1"}}, {{"", ""}}, {{"", []byte("1")}}, {{"", []byte{}}}, {{"", []byte(nil)}},
		{{"", at}}, {{"", at.In(time.FixedZone("here", 0))}}, {{"", at.Add(time.Nanosecond)}}, {{"a", "1"}}, {{"b", "1"}}, {{"as", ""}}, {{"", "a"}, {"", "bc"}},
		{{"", "ab"}, {"", "c"}}, {{"a", nil}, {"", nil}}, {{"", nil}, {"a", nil}}, {{"", nil}, {"", nil}}, {{"", []byte("a")}, {"", []byte("bc")}}, {{"", []byte("ab")}, {"", []byte("c")}},
	} {
		var b []byte
		for _, arg := range list {
			var ok bool
			if b, ok = appendArgument(b, arg.own, arg.value); !ok {
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
		if _, ok := appendArgument(nil, "", v); ok {
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
		got, ok := canonical(nil, nil, test.value)
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
