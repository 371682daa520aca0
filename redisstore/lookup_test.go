package redisstore

import (
	"slices"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// A lookup reads what the scripts write, also when it was used for another slot before.
func TestLookup(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		generations [2]string
		commands    int
	}{
		{[2]string{"moneyclip:db:@rule", "moneyclip:@@"}, 2},
		{[2]string{"moneyclip:db:@rule", "other:@@"}, 3},
		{[2]string{"", "moneyclip"}, 3},
		{[2]string{"moneyclip:db:@rule", "moneyclip:@@"}, 2},
	} {
		for _, key := range []string{"moneyclip:db:followers:42", "moneyclip", "", "a:" + string(make([]byte, 1000))} {
			slot := &moneyclip.Slot{Key: []byte(key), Field: []byte("field " + key), Generations: test.generations}
			l, at := newLookup(slot), placeOf(slot)
			got := l.texts[:]
			want := []string{at.keys[0], "v:" + at.field, "l:" + at.field, at.keys[1], "n:" + at.generations[0], at.keys[2], "n:" + at.generations[1]}
			if !slices.Equal(got, want) || l.key() != at.keys[0] {
				t.Errorf("got %q, want %q", got, want)
			}
			if len(l.commands) != test.commands {
				t.Errorf("%q: got %d commands, want %d", test.generations, len(l.commands), test.commands)
			}
			l.value.SetVal([]string{"value", "lease"})
			l.value.SetErr(errAnswer)
			if seen := l.sight(); string(seen.value) != "value" || seen.lease != "lease" {
				t.Errorf("got value %q", seen.value)
			}
			l.free()
			if again := newLookup(slot); again.sight().value != nil || again.value.Err() != nil {
				t.Error("what was read for another slot is still there")
			}
		}
	}
}
