package moneyclip

import (
	"database/sql/driver"
	"fmt"
	"testing"
)

// fakePart is a part of a text; fits says whether there is one.
type fakePart struct{ own, fits bool }

func (p fakePart) Own() bool { return p.own }

func (p fakePart) Together(parts []Part) (string, bool) {
	return fmt.Sprintf("%d, %t", len(parts), parts[0].Own()), p.fits
}

// Readings of writes in WITH share one text, in which the statement's own is the first.
func TestJoin(t *testing.T) {
	in, own := fakePart{fits: true}, fakePart{own: true, fits: true}
	tests := []struct {
		name     string
		readings []Reading
		want     string
		ok       bool
	}{
		{"the statement's own alone", []Reading{{Instead: "x", Part: own}}, "", true},
		{"no part", []Reading{{Instead: "x"}, {}}, "", true},
		{"one in WITH", []Reading{{Part: in}}, "1, false", true},
		{"both", []Reading{{Part: in}, {}, {Instead: "x", Part: own}}, "2, true", true},
		{"the statement has another text", []Reading{{Part: in}, {Instead: "x"}}, "", false},
		{"there is no text", []Reading{{Part: fakePart{}}}, "", false},
	}
	for _, tt := range tests {
		p := &writePlan{}
		for _, r := range tt.readings {
			p.readings = append(p.readings, reading{Reading: r})
		}
		if ok := p.join(); ok != tt.ok || p.instead != tt.want {
			t.Errorf("%s: join() = %t with %q, want %t with %q", tt.name, ok, p.instead, tt.ok, tt.want)
		}
	}
}

// A row of a text of several parts goes to the reading whose mark it bears, and is the caller's if it is the statement's.
func TestInsteadOfSeveral(t *testing.T) {
	p := &writePlan{readings: []reading{
		{Reading: Reading{Part: fakePart{fits: true}}, old: []string{"a", "b"}},
		{Reading: Reading{Part: fakePart{own: true, fits: true}, Instead: "x"}, new: []string{"c"}},
	}}
	if !p.join() {
		t.Fatal("join() = false")
	}
	read := newRowsRead(p, true, false)
	in := read.instead
	if in == nil || in.added() != 5 || in.text != "2, true" {
		t.Fatalf("instead = %+v, want a text of 5 columns more", in)
	}
	for _, row := range []struct {
		values []driver.Value
		own    bool
	}{
		{[]driver.Value{int64(1), true, nil, nil, nil}, true},
		{[]driver.Value{nil, nil, int64(2), nil, true}, false},
		{[]driver.Value{nil, true, nil, nil, nil}, true}, // a row of NULLs
		{[]driver.Value{nil, nil, nil, nil, nil}, false}, // no row at all
	} {
		if own := in.take(row.values, 10); own != row.own {
			t.Errorf("take(%v) = %t, want %t", row.values, own, row.own)
		}
	}
	if got := fmt.Sprint(read.readings[0].rows, read.readings[1].rows); got != "[[2 <nil>]] [[1] [<nil>]]" {
		t.Errorf("rows = %s", got)
	}
	in.fail()
	if !read.readings[0].failed || !read.readings[1].failed {
		t.Error("rows may be missing, and the readings have not failed")
	}
}
