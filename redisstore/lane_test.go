package redisstore

import (
	"sync"
	"testing"
)

// fail is one failure after the others.
func fail(b *breaker) { b.failed(b.count()) }

func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		tell  func(b *breaker)
		open  bool
		after bool // one failure more
	}{
		{"new", func(*breaker) {}, false, false},
		{"two failures", func(b *breaker) { fail(b); fail(b) }, false, true},
		{"a success between failures", func(b *breaker) { fail(b); fail(b); b.succeeded() }, false, false},
		{"three failures", func(b *breaker) { fail(b); fail(b); fail(b) }, true, true},
		{"three failures at the same time", func(b *breaker) { n := b.count(); b.failed(n); b.failed(n); b.failed(n) }, false, false},
		{"a success after three failures", func(b *breaker) { fail(b); fail(b); fail(b); b.succeeded() }, true, true},
		{"opened", (*breaker).open, true, true},
		{"opened, and a failure and a success", func(b *breaker) { b.open(); fail(b); b.succeeded() }, true, true},
		{"opened and closed", func(b *breaker) { b.open(); b.close() }, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := new(breaker)
			test.tell(b)
			if got := b.isOpen(); got != test.open {
				t.Errorf("got open %t, want %t", got, test.open)
			}
			fail(b)
			if got := b.isOpen(); got != test.after {
				t.Errorf("after one failure more: got open %t, want %t", got, test.after)
			}
		})
	}
}

// However many fail again and again, it opens.
func TestBreakerConcurrently(t *testing.T) {
	t.Parallel()
	for range 1000 {
		var b breaker
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range maxFailures {
					fail(&b)
				}
			})
		}
		all.Wait()
		if !b.isOpen() {
			t.Fatal("it is closed")
		}
	}
}
