package moneyclip

import (
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
