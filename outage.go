package moneyclip

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// A journal holds what could not be delivered to the store. While it holds anything, or while a write is under way
// whose keys could not be quarantined, this process answers no read from the cache and fills nothing.
type journal struct {
	suspect atomic.Int64 // entries, and writes under way

	mu         sync.Mutex // protects what follows
	entries    []entry
	delivering bool
}

// An entry is a release, or for a write of which nobody knows whether it happened, a long quarantine.
type entry struct {
	marks   Marks
	hold    time.Duration
	version string // of the board of the marks, as the writer knew it
}

const (
	maxJournal    = 10_000                 // entries; above, everything is dropped at once
	deliveryPause = 200 * time.Millisecond // between two attempts: recovery is to be seen within a second
)

// trusted reports whether reads may be answered from the store.
func (h *hub) trusted() bool { return h.journal.suspect.Load() == 0 }

// enter keeps what could not be delivered, and sees to it that somebody delivers.
func (j *journal) enter(h *hub, e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) >= maxJournal {
		all := entry{marks: Marks{Writer: newToken(), Generations: h.everything()}, hold: e.hold}
		for _, old := range j.entries {
			all.hold = max(all.hold, old.hold)
		}
		j.suspect.Add(-int64(len(j.entries)))
		j.entries, e = nil, all
	}
	j.entries = append(j.entries, e)
	j.suspect.Add(1)
	j.resume(h)
}

// resume starts delivering. The journal is locked.
func (j *journal) resume(h *hub) {
	if len(j.entries) > 0 && !j.delivering {
		j.delivering = true
		go h.deliver()
	}
}

// deliver sends the journal's entries to the store, in order, until there are none.
func (h *hub) deliver() {
	j := &h.journal
	for {
		time.Sleep(deliveryPause)
		for {
			j.mu.Lock()
			if len(j.entries) == 0 || h.isClosed() {
				j.delivering = false
				j.mu.Unlock()
				return
			}
			e := j.entries[0]
			j.mu.Unlock()
			if err := h.send(&e); err != nil {
				break
			}
			j.mu.Lock()
			if len(j.entries) > 0 && j.entries[0].marks.Writer == e.marks.Writer {
				j.entries = j.entries[1:]
				j.suspect.Add(-1)
			}
			j.mu.Unlock()
		}
	}
}

// send delivers one entry. If other processes have published rules meanwhile, the write may have touched any of theirs.
func (h *hub) send(e *entry) error {
	ctx, cancel := context.WithTimeout(backgroundContext, times.Store)
	defer cancel()
	version, err := h.settle(ctx, &e.marks, e.hold)
	if err == nil && e.marks.Board != "" && (version == "" || version != e.version) {
		_, err = h.settle(ctx, &Marks{Writer: e.marks.Writer, Generations: h.everything()}, e.hold)
	}
	return err
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
func (h *hub) settle(ctx context.Context, marks *Marks, hold time.Duration) (version string, err error) {
	if hold > 0 {
		return h.store.Quarantine(ctx, marks, hold)
	}
	return h.store.Release(ctx, marks)
}
