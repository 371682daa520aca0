package moneyclip

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A journal holds what could not be delivered to the store. While it holds anything, or while a write is under way
// whose keys could not be quarantined, this process answers no read from the cache and fills nothing.
type journal struct {
	suspect atomic.Int64 // entries, and writes under way

	mu      sync.Mutex // protects what follows
	entries []entry
	tried   time.Time
}

// An entry is a release, or for a write of which nobody knows whether it happened, a long quarantine.
type entry struct {
	marks Marks
	hold  time.Duration
}

const (
	maxJournal    = 10_000          // entries; above, everything is dropped at once
	deliveryPause = time.Second     // between two attempts
	storeTime     = 2 * time.Second // a quarantine or a release; not a read's patience, because a write waits for it
)

// trusted reports whether reads may be answered from the store. It tries to deliver what is left over.
func (h *hub) trusted() bool {
	if h.journal.suspect.Load() == 0 {
		return true
	}
	h.deliver()
	return h.journal.suspect.Load() == 0
}

// deliver sends the journal's entries to the store, in order, at most once in a while.
func (h *hub) deliver() {
	j := &h.journal
	if !j.mu.TryLock() {
		return // someone else is at it
	}
	defer j.mu.Unlock()
	if len(j.entries) == 0 || time.Since(j.tried) < deliveryPause {
		return
	}
	j.tried = time.Now()
	ctx, cancel := context.WithTimeout(backgroundContext, storeTime)
	defer cancel()
	for len(j.entries) > 0 {
		if err := h.settle(ctx, &j.entries[0].marks, j.entries[0].hold); err != nil {
			return
		}
		j.entries = j.entries[1:]
		j.suspect.Add(-1)
	}
}

// enter keeps what could not be delivered.
func (j *journal) enter(h *hub, e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) >= maxJournal {
		all := entry{marks: Marks{Writer: newToken(), Generations: h.everything()}, hold: e.hold}
		j.suspect.Add(1 - int64(len(j.entries)))
		j.entries = []entry{all}
		return
	}
	j.entries = append(j.entries, e)
	j.suspect.Add(1)
	j.tried = time.Now()
}

// everything are the generations of all rules of all caches on the store.
func (h *hub) everything() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	var all []string
	for _, c := range h.caches {
		if g := c.everything(); !seen[g] {
			seen[g] = true
			all = append(all, g)
		}
	}
	return all
}

// settle ends a writer's quarantine; with hold, it keeps it up for that long instead.
func (h *hub) settle(ctx context.Context, marks *Marks, hold time.Duration) error {
	if hold > 0 {
		_, err := h.store.Quarantine(ctx, marks, hold)
		return err
	}
	_, err := h.store.Release(ctx, marks)
	return err
}
