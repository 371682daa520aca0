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
