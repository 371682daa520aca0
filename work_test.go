package moneyclip

import (
	"database/sql/driver"
	"strings"
	"testing"
	"time"
)

// A renewal that is under way is waited for: it must not come after the release.
func TestRenewalsEnd(t *testing.T) {
	t.Parallel()
	r, w := &renewals{timed: true}, new(work)
	r.add(new(work))
	r.add(w)
	w.renewing.Lock()
	done := make(chan struct{})
	go func() {
		r.end(w)
		close(done)
	}()
	select {
	case <-done:
		t.Error("it was not waited for")
	case <-time.After(20 * time.Millisecond):
	}
	w.renewing.Unlock()
	<-done
	if !w.over || len(r.works) != 1 || r.works[0] == w {
		t.Errorf("got over %t and %d works, want only the other one", w.over, len(r.works))
	}
}

// Of a transaction that is very large only the texts are kept, after a while, and the keys that follow from its arguments.
func TestRememberLarge(t *testing.T) {
	t.Parallel()
	w, p := newWork(&Cache{}, nil, knowledge{}), &plan{statement: &Statement{}}
	text := strings.Repeat("x", maxArgument)
	for range 2 * maxKept / maxArgument {
		w.add(p, []driver.NamedValue{{Ordinal: 1, Value: text}, {Ordinal: 2, Value: []byte(text)}}, nil)
	}
	if n := maxKept / maxArgument / 2; len(w.items) != n || w.due != n || !w.texts[p] {
		t.Errorf("got %d statements, %d with keys to come, and its text: %t, want %d of each", len(w.items), w.due, w.texts[p], n)
	}
}
