package moneyclip

import (
	"database/sql/driver"
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

// A database that only one connection can reach is forgotten with it.
func TestPrivateDatabase(t *testing.T) {
	t.Parallel()
	h := newHub(NewMemStore(1 << 10))
	d := h.database(plainDialect{}, "private", nil)
	other := h.database(plainDialect{}, "other", nil)
	c := &conn{cache: &Cache{hub: h}, session: &session{database: d, private: true}}
	c.part()
	if len(h.databases) != 1 || len(h.sites) != 1 || h.database(plainDialect{}, "other", nil) != other {
		t.Errorf("%d databases and %d sites are left, want the other one", len(h.databases), len(h.sites))
	}
	c.session = &session{database: other}
	if c.part(); len(h.databases) != 1 {
		t.Error("a database that others reach was forgotten")
	}
}
