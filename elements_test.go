package moneyclip

import (
	"database/sql/driver"
	"reflect"
	"testing"
)

// textArray is a driver.Valuer like those of the drivers' array types.
type textArray string

func (a textArray) Value() (driver.Value, error) { return string(a), nil }

func TestElements(t *testing.T) {
	t.Parallel()
	one, word := int64(1), "a"
	for _, test := range []struct {
		arg  any
		want []driver.Value
		ok   bool
	}{
		{[]int64{1, 2}, []driver.Value{int64(1), int64(2)}, true},
		{[]int32{1}, []driver.Value{int64(1)}, true},
		{[]string{"a", ""}, []driver.Value{"a", ""}, true},
		{[]*int64{&one, nil}, []driver.Value{int64(1), nil}, true},
		{&[]string{word}, []driver.Value{"a"}, true},
		{[]int64{}, []driver.Value{}, true},
		{[]int64(nil), []driver.Value{}, true},
		{nil, nil, true},
		{textArray("{}"), nil, true},
		{textArray("{1,2}"), []driver.Value{"1", "2"}, true},
		{[]byte("{1}"), []driver.Value{"1"}, true},
		{`{a,NULL,"NULL","b \"c\" \\",d\,e,null}`, []driver.Value{"a", nil, "NULL", `b "c" \`, "d,e", nil}, true},
		{`{"",x}`, []driver.Value{"", "x"}, true},
		{`{ä}`, []driver.Value{"ä"}, true},
		{"", nil, false},
		{"1,2", nil, false},
		{"{1", nil, false},
		{"{1,}", nil, false},
		{"{,1}", nil, false},
		{"{1, 2}", nil, false},
		{`{"a" ,b}`, nil, false},
		{`{"a"b}`, nil, false},
		{`{"a}`, nil, false},
		{`{{1},{2}}`, nil, false},
		{`[2:3]={1,2}`, nil, false},
		{7, nil, false},
		{[][]int64{{1}}, nil, false},
		{[]any{struct{}{}}, nil, false},
	} {
		got, ok := elements([]driver.NamedValue{{Ordinal: 1, Value: test.arg}}, 1, []string{""})
		if ok != test.ok || ok && len(got)+len(test.want) > 0 && !reflect.DeepEqual(got, test.want) {
			t.Errorf("elements(%#v) = %#v, %v, want %#v, %v", test.arg, got, ok, test.want, test.ok)
		}
	}
	if _, ok := elements(nil, 1, []string{""}); ok {
		t.Errorf("elements of no argument are known")
	}
}
