package storetest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/moneyclip/moneyclip"
)

// Two writers, and the first is done: the key still is the second's.
func n4(s *suite) {
	slot, first, second := s.slot("k"), s.writer("k"), s.writer("k")
	s.quarantine(first, long)
	s.quarantine(second, long)
	s.release(first)
	s.wantBypass(slot)
	s.release(first)
	s.wantBypass(slot)
	s.release(second)
	s.put(slot, row(1))
}

func n4Generation(s *suite) {
	slot, first, second := s.slot("k"), s.wideWriter("rule"), s.wideWriter("rule", "all")
	s.quarantine(first, long)
	s.quarantine(second, long)
	s.release(second)
	s.wantBypass(slot)
	s.release(second)
	s.wantBypass(slot)
	s.release(first)
	s.put(slot, row(1))
}

// A reader leases and reads the old row; a rule-wide write comes and goes; the fill must not take the new generation
// for the one that it was leased under.
func n12(s *suite) {
	for _, name := range []string{"rule", "all"} {
		slot, marks := s.slot("k of "+name), s.wideWriter(name)
		lease := s.lease(slot)
		s.quarantine(marks, long)
		s.release(marks)
		s.wantRefused(slot, lease, row(1))
		s.wantGet(slot, nil)
	}
}

// A reader leases and reads the old row; a writer comes and goes, and leaves nothing under the key; the fill must not
// take nothing for nobody.
func n13(s *suite) {
	slot, marks := s.slot("k"), s.writer("k")
	lease := s.lease(slot)
	s.quarantine(marks, long)
	s.release(marks)
	s.wantRefused(slot, lease, row(1))
	s.wantGet(slot, nil)
	s.put(slot, row(2))
}

// A quarantine runs out before its writer is done; a reader fills the old row; the writer commits and releases.
func n14(s *suite) {
	slot, other, marks := s.slot("k"), s.field("k", "another"), s.writer("k")
	s.quarantine(marks, s.tick)
	s.runOut(slot)
	s.put(slot, row(1))
	s.put(other, row(1))
	s.release(marks)
	s.wantGet(slot, nil)
	s.wantGet(other, nil)
}

// The same, but the reader fills after the release.
func n14Lease(s *suite) {
	slot, marks := s.slot("k"), s.writer("k")
	s.quarantine(marks, s.tick)
	s.runOut(slot)
	lease := s.lease(slot)
	s.release(marks)
	s.wantRefused(slot, lease, row(1))
	s.lease(slot)
}

// The same two, rule-wide.
func n14Generation(s *suite) {
	filled, leased, marks := s.slot("filled"), s.slot("leased"), s.wideWriter("rule")
	s.quarantine(marks, s.tick)
	s.outlive()
	s.put(filled, row(1))
	lease := s.lease(leased)
	s.release(marks)
	s.wantGet(filled, nil)
	s.wantRefused(leased, lease, row(1))
}

// A reader leases and reads the old row; a writer quarantines; the reader fills; the writer commits.
func n15(s *suite) {
	slot := s.slot("k")
	lease := s.lease(slot)
	s.quarantine(s.writer("k"), long)
	s.wantRefused(slot, lease, row(1))
	s.wantGet(slot, nil)
	s.wantBypass(slot)
}

func n15Generation(s *suite) {
	slot := s.slot("k")
	lease := s.lease(slot)
	s.quarantine(s.wideWriter("all"), long)
	s.wantRefused(slot, lease, row(1))
	s.wantGet(slot, nil)
	s.wantBypass(slot)
}

// A slow reader's lease is dropped by a writer, another reader leases the slot: it must not be filled by the first.
func m3(s *suite) {
	slot, marks := s.slot("k"), s.writer("k")
	slow := s.lease(slot)
	s.quarantine(marks, long)
	s.release(marks)
	lease := s.lease(slot)
	s.wantRefused(slot, slow, row(1))
	s.wantGet(slot, nil)
	s.fill(slot, lease, row(2))
	s.wantRefused(slot, slow, row(1))
	s.wantGet(slot, row(2))
}

// A quarantine runs out, readers lease two selects under the key, and the release must end both leases.
func m11(s *suite) {
	one, two, marks := s.slot("k"), s.field("k", "another"), s.writer("k")
	s.quarantine(marks, s.tick)
	s.runOut(one)
	first, second := s.lease(one), s.lease(two)
	s.release(marks)
	s.wantRefused(two, second, row(1))
	s.wantRefused(one, first, row(1))
}

// A reader's lease runs out, and another reader gets the slot: the first is late for good.
func m21(s *suite) {
	slot := s.slot("k")
	late := s.shortLease(slot)
	s.outlive()
	lease := s.lease(slot)
	s.wantRefused(slot, late, row(1))
	s.abandon(slot, late)
	s.wantWait(slot)
	s.fill(slot, lease, row(2))
	s.wantRefused(slot, late, row(1))
	s.wantGet(slot, row(2))
}

// A write is tried twice, each time by another name: a late release of the first does not free the second's keys.
func m28(s *suite) {
	slot, first, second := s.slot("k"), s.writer("k"), s.writer("k")
	first.Generations = []string{s.prefix + "all"}
	second.Generations = first.Generations
	s.quarantine(first, long)
	s.release(first)
	s.quarantine(second, long)
	s.release(first)
	s.wantBypass(slot)
	s.wantBypass(s.slot("another key of the rule"))
}

// What is filled under a key that was in quarantine lives for its own time and not for the quarantine's.
func t2Quarantine(s *suite) {
	slot, marks := s.slot("k"), s.writer("k")
	s.quarantine(marks, s.tick)
	s.release(marks)
	s.put(slot, row(1))
	s.outlive()
	s.wantGet(slot, row(1))
}

// Nor for the lease's.
func t2Lease(s *suite) {
	slot := s.slot("k")
	grant := s.ask(slot, s.brief(), false)
	s.fill(slot, grant.Lease, row(1))
	s.sitOut()
	s.wantGet(slot, row(1))
}

// A quarantine is not over when the row is that it dropped.
func t2Value(s *suite) {
	slot := s.slot("k")
	s.wantFill(slot, s.lease(slot), row(1), moneyclip.Age{Hard: s.brief()}, true)
	s.quarantine(s.writer("k"), long)
	s.sitOut()
	s.wantBypass(slot)
}

// A long quarantine is not over when a short one is, whichever came first and however the short one ends.
func t2Writers(s *suite) {
	for _, key := range []string{"first", "last"} {
		slot, brief := s.slot(key), s.writer(key)
		if key == "first" {
			s.quarantine(s.writer(key), long)
		}
		s.quarantine(brief, s.tick)
		if key == "last" {
			s.quarantine(s.writer(key), long)
		}
		s.outlive()
		s.wantBypass(slot)
		s.release(brief)
		s.wantBypass(slot)
	}
}

// counter lets readers and writers loose on a number that only grows. Whoever begins to read after a write was
// acknowledged never gets a number from before it, nor one that the database does not hold yet.
func counter(s *suite) { s.count(s.writer("k")) }

func counterRuleWide(s *suite) { s.count(s.wideWriter("rule")) }

func (s *suite) count(touched *moneyclip.Marks) {
	const writers, readers, writes, readsBetween = 3, 3, 150, 5
	slot := s.slot("k")
	numbers := make(map[string]int64) // :: row → its number
	for n := range int64(writers*writes + 1) {
		numbers[describe(row(n))] = n
	}
	ctx := s.Context()
	running, stop := context.WithCancel(ctx)
	defer stop()
	fail := func(format string, args ...any) {
		s.Errorf(format, args...)
		stop()
	}
	var (
		database     atomic.Int64
		acknowledged atomic.Int64
		reads, hits  atomic.Int64
		read         = make(chan struct{}) // a reader is done with one read, if a writer waits for that
	)
	write := func() {
		marks := *touched
		marks.Writer = token()
		if _, err := s.store.Quarantine(ctx, &marks, long); err != nil {
			fail("Quarantine: %v", err)
			return
		}
		n := database.Add(1)
		if _, err := s.store.Release(ctx, &marks); err != nil {
			fail("Release: %v", err)
			return
		}
		for {
			highest := acknowledged.Load()
			if highest >= n || acknowledged.CompareAndSwap(highest, n) {
				return
			}
		}
	}
	// get returns the store's row, or nil if the database had to be asked.
	get := func() *moneyclip.Row {
		got, err := s.store.Get(ctx, slot)
		if err != nil {
			fail("Get: %v", err)
		}
		if got != nil || err != nil {
			return got
		}
		grant, err := s.store.Lease(ctx, slot, token(), long, false)
		if err != nil {
			fail("Lease: %v", err)
		}
		if grant.Answer != moneyclip.AnswerLease || err != nil {
			return grant.Row
		}
		n := database.Load()
		runtime.Gosched()
		if _, err := s.store.Fill(ctx, slot, grant.Lease, row(n), forLong); err != nil {
			fail("Fill: %v", err)
		}
		return nil
	}

	var writing, reading sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range writes {
				// Some reads between two writes, so that there is something to invalidate.
				for range readsBetween {
					select {
					case <-read:
					case <-running.Done():
						return
					}
				}
				write()
			}
		})
	}
	for range readers {
		reading.Go(func() {
			for running.Err() == nil {
				floor := acknowledged.Load()
				got := get()
				reads.Add(1)
				select {
				case read <- struct{}{}:
				default:
				}
				runtime.Gosched() // a reader that only hits would never let a writer run
				if got == nil {
					continue
				}
				hits.Add(1)
				n, ok := numbers[describe(got)]
				if highest := database.Load(); !ok || n > highest {
					fail("got %s from the store, and the database is at %d", describe(got), highest)
				}
				if n < floor {
					fail("got %d from the store, although %d was acknowledged before", n, floor)
				}
			}
		})
	}
	writing.Wait()
	stop()
	reading.Wait()
	if s.Failed() {
		return
	}
	if hits.Load() == 0 {
		s.Errorf("no hit in %d reads: nothing was tested", reads.Load())
	}
	get()
	if g, w := describe(get()), describe(row(writers*writes)); g != w {
		s.Errorf("at rest: got %s from the store, want %s", g, w)
	}
}
