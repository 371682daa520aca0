package moneyclip

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/moneyclip/moneyclip/internal/times"
)

// A journal holds what could not be delivered to the store. While it holds anything, or while a write is under way
// whose keys could not be quarantined, this process answers no read from the cache and fills nothing.
type journal struct {
	suspect atomic.Int64 // entries, also those that are being delivered, and writes under way

	mu         sync.Mutex // protects what follows
	entries    []entry    // but for those that are being delivered
	size       int        // bytes of their keys
	delivering bool
}

// An entry is a release, or for a write of which nobody knows whether it happened, a long quarantine. In either case the write
// is over for this process: an entry that was delivered before would have to be delivered again (M25).
type entry struct {
	marks   Marks
	hold    time.Duration
	version string // of the board of the marks, as the writer knew it

	told bool // the store knows of the marks
	wide bool // everything is still to be dropped: the write may have touched what the marks lack
}

// maxJournal and maxJournalBytes bound what is kept; above, everything is dropped at once. One write may touch 10,000 keys of each rule, so
// that a number of writes alone bounds no memory. What fits into the bytes, some 200,000 keys, a store has dropped in a second.
// While entries are being delivered there may be as much again.
const (
	maxJournal      = 10_000   // entries
	maxJournalBytes = 16 << 20 // of their keys
)

const (
	deliveryPause  = 200 * time.Millisecond // between two attempts: recovery is to be seen within a second
	maxSending     = 64                     // entries on their way at a time
	maxSendingKeys = 1000                   // of these, unless it is one: no step is to take longer than it may
)

// trusted reports whether reads may be answered from the store.
func (h *hub) trusted() bool { return h.journal.suspect.Load() == 0 }

// enter keeps what could not be delivered, and sees to it that somebody delivers.
func (j *journal) enter(h *hub, e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.suspect.Add(1)
	j.keep(e)
	j.resume(h)
}

// size is what the keys take, in bytes.
func (e *entry) size() int {
	n := 0
	for _, key := range e.marks.Keys {
		n += len(key) + int(unsafe.Sizeof(key))
	}
	return n
}

// keep puts entries behind the others. If it is too much, one is left that drops everything. The journal is locked.
func (j *journal) keep(entries ...entry) {
	for i := range entries {
		j.size += entries[i].size()
	}
	j.entries = append(j.entries, entries...)
	if len(j.entries) <= maxJournal && j.size <= maxJournalBytes {
		return
	}
	all := entry{marks: Marks{Writer: newToken()}, told: true, wide: true}
	for _, e := range j.entries {
		all.hold = max(all.hold, e.hold)
	}
	j.suspect.Add(1 - int64(len(j.entries)))
	j.entries, j.size = []entry{all}, 0
}

// resume starts delivering. The journal is locked.
func (j *journal) resume(h *hub) {
	if len(j.entries) > 0 && !j.delivering {
		j.delivering = true
		go h.deliver()
	}
}

// take takes out all entries. If there are none, or no cache is left, delivering ends.
func (j *journal) take(h *hub) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.entries) == 0 || h.isClosed() {
		j.delivering = false
		return nil
	}
	batch := j.entries
	j.entries, j.size = nil, 0
	return batch
}

// putBack keeps what was taken out and not delivered.
func (j *journal) putBack(rest []entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	later := j.entries
	j.entries, j.size = nil, 0
	j.keep(append(rest, later...)...)
}

// deliver sends the journal's entries to the store until there are none.
func (h *hub) deliver() {
	j := &h.journal
	for {
		time.Sleep(deliveryPause)
		for {
			batch := j.take(h)
			if batch == nil {
				return
			}
			if rest := h.sendAll(batch); len(rest) > 0 {
				j.putBack(rest)
				break
			}
		}
	}
}

// sendAll delivers a batch, and returns what it could not. The first entry goes alone, to see whether the store is there, and then
// several at a time. Their order does not matter: each release ends the quarantine of its own writer and no other, each long
// quarantine is under a name of its own, and all their writes are over. So each goes with its own marks, and not all keys
// under one name, which would leave the quarantines of the writers where they are.
func (h *hub) sendAll(batch []entry) (rest []entry) {
	for most := 1; len(batch) > 0 && len(rest) == 0 && !h.isClosed(); most = maxSending {
		part := batch[:together(batch, most)]
		var sending sync.WaitGroup
		for i := range part {
			sending.Go(func() { h.send(&part[i]) })
		}
		sending.Wait()
		h.widen(batch, part)
		for _, e := range part {
			if !e.told || e.wide {
				rest = append(rest, e)
			}
		}
		h.journal.suspect.Add(int64(len(rest) - len(part)))
		batch = batch[len(part):]
	}
	return append(rest, batch...)
}

// together is how many of the first entries are sent at a time.
func together(batch []entry, most int) int {
	most = min(most, len(batch))
	keys := 0
	for i := range most {
		keys += len(batch[i].marks.Keys)
		if i > 0 && keys > maxSendingKeys {
			return i
		}
	}
	return most
}

// send tells the store of the marks of one entry. If other processes have published rules meanwhile, the write may have touched any of
// theirs.
func (h *hub) send(e *entry) {
	if e.told {
		return
	}
	ctx, cancel := context.WithTimeout(backgroundContext, times.Store)
	defer cancel()
	version, err := h.settle(ctx, &e.marks, e.hold)
	if err == nil {
		e.told = true
		e.wide = e.marks.Board != "" && (version == "" || version != e.version)
	}
}

// widen drops everything if an entry of a part wants it, for as long as one of those holds. It does so for the whole batch: all its
// writes are over, so whatever is stored after it was read after them. What has to be held for longer than that is left out: it
// may yet want everything to be held too.
func (h *hub) widen(batch, part []entry) {
	var longest *entry
	for i := range part {
		if e := &part[i]; e.wide && (longest == nil || e.hold > longest.hold) {
			longest = e
		}
	}
	if longest == nil {
		return
	}
	ctx, cancel := context.WithTimeout(backgroundContext, times.Store)
	defer cancel()
	hold := longest.hold
	if _, err := h.settle(ctx, &Marks{Writer: longest.marks.Writer, Generations: h.everything()}, hold); err != nil {
		return
	}
	for i := range batch {
		if e := &batch[i]; e.hold <= hold {
			e.wide, e.marks.Board = false, "" // no matter what the board says
		}
	}
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
