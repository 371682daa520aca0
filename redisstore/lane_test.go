package redisstore

import (
	"sync"
	"testing"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		tell  func(b *breaker)
		open  bool
		after bool // one failure more
	}{
		{"new", func(*breaker) {}, false, false},
		{"two failures", func(b *breaker) { b.failed(); b.failed() }, false, true},
		{"a success between failures", func(b *breaker) { b.failed(); b.failed(); b.succeeded() }, false, false},
		{"three failures", func(b *breaker) { b.failed(); b.failed(); b.failed() }, true, true},
		{"a success after three failures", func(b *breaker) { b.failed(); b.failed(); b.failed(); b.succeeded() }, true, true},
		{"opened", (*breaker).open, true, true},
		{"opened, and a failure and a success", func(b *breaker) { b.open(); b.failed(); b.succeeded() }, true, true},
		{"opened and closed", func(b *breaker) { b.open(); b.close() }, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := new(breaker)
			test.tell(b)
			if got := b.isOpen(); got != test.open {
				t.Errorf("got open %t, want %t", got, test.open)
			}
			b.failed()
			if got := b.isOpen(); got != test.after {
				t.Errorf("after one failure more: got open %t, want %t", got, test.after)
			}
		})
	}
}

// Of failures at the same time none is lost.
func TestBreakerConcurrently(t *testing.T) {
	t.Parallel()
	for range 1000 {
		var b breaker
		var all sync.WaitGroup
		for range maxFailures {
			all.Go(b.failed)
		}
		all.Wait()
		if !b.isOpen() {
			t.Fatal("it is closed")
		}
	}
}
