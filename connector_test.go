package moneyclip

import (
	"database/sql/driver"
	"fmt"
	"testing"
)

// What a base wants prepared is prepared, but for what it has to refuse itself.
func TestHabit(t *testing.T) {
	t.Parallel()
	one := []driver.NamedValue{{Ordinal: 1, Value: int64(1)}}
	named := []driver.NamedValue{{Ordinal: 1, Value: int64(1), Name: "x"}}
	var h habit
	for _, step := range []struct {
		name                string
		ran                 error
		one, none, withName bool
	}{
		{"that has skipped", driver.ErrSkip, true, false, false},
		{"that has not always", nil, false, false, false},
	} {
		h.ran(one, step.ran)
		if h.prepares(one) != step.one || h.prepares(nil) != step.none || h.prepares(named) != step.withName {
			t.Errorf("one %s: got %t, %t, %t", step.name, h.prepares(one), h.prepares(nil), h.prepares(named))
		}
	}
}

// A database that only one connection can reach is forgotten with it. Of others that nobody is connected to any more some are kept.
func TestDatabasesThatWereLeft(t *testing.T) {
	t.Parallel()
	h := newHub(NewMemStore(1 << 10))
	connect := func(scope string, private bool) *conn {
		return &conn{cache: &Cache{hub: h}, session: &session{database: h.database(plainDialect{}, scope, nil), private: private}}
	}
	want := func(n int) {
		t.Helper()
		if len(h.databases) != n || len(h.sites) != n {
			t.Errorf("%d databases and %d sites are known, want %d", len(h.databases), len(h.sites), n)
		}
	}
	knows := func(scope string) bool { return h.databases[plainDialect{}.Name()+"\x00"+scope+"\x00[]"] != nil }

	connect("private", true).part()
	want(0)
	used, again := connect("used", false), connect("used", false)
	again.part()
	again.part() // there is nothing left to leave
	for i := range maxUnused {
		connect(fmt.Sprint(i), false).part()
	}
	want(maxUnused + 1)
	back := connect("0", false)
	connect("one more", false).part()
	want(maxUnused + 2)
	back.part()
	connect("two more", false).part()
	want(maxUnused + 1)
	if knows("1") || knows("2") || !knows("0") || !knows("3") || !knows("used") {
		t.Error("it was not the one that was left first that is forgotten")
	}
	used.part()
	want(maxUnused)
}
