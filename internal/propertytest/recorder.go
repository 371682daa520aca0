package propertytest

import (
	"context"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A Recorder is a store that remembers which keys hold something, and which were dropped since it was last asked.
type Recorder struct {
	moneyclip.Store

	// Deaf is the writer that is not heard, by number from 1. 0: none.
	Deaf int

	mu      sync.Mutex // protects what follows; reloads run in the background
	filled  map[string][2]string
	dropped map[string]bool
	looked  string // the key that was looked up last
	writers map[moneyclip.Token]int
}

// NewRecorder makes an empty store.
func NewRecorder() *Recorder {
	return &Recorder{
		Store:   moneyclip.NewMemStore(64 << 20),
		filled:  map[string][2]string{},
		dropped: map[string]bool{},
		writers: map[moneyclip.Token]int{},
	}
}

// Get looks a slot up.
func (r *Recorder) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	r.mu.Lock()
	r.looked = string(slot.Key)
	r.mu.Unlock()
	return r.Store.Get(ctx, slot)
}

// Fill stores a row.
func (r *Recorder) Fill(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row,
	age moneyclip.Age) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	filled, err := r.Store.Fill(ctx, slot, lease, row, age)
	if filled {
		r.filled[string(slot.Key)] = slot.Generations
	}
	return filled, err
}

// FillLater stores a row at once.
func (r *Recorder) FillLater(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row,
	age moneyclip.Age, done func(bool, error)) {
	done(r.Fill(ctx, slot, lease, row, age))
}

// Quarantine is the beginning of a write.
func (r *Recorder) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	if r.drop(marks) {
		return "", nil
	}
	return r.Store.Quarantine(ctx, marks, d)
}

// Release is its end.
func (r *Recorder) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	if r.drop(marks) {
		return "", nil
	}
	return r.Store.Release(ctx, marks)
}

// drop notes what a writer drops. It reports whether the writer is not to be heard.
func (r *Recorder) drop(marks *moneyclip.Marks) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writers[marks.Writer] == 0 {
		r.writers[marks.Writer] = len(r.writers) + 1
	}
	if r.writers[marks.Writer] == r.Deaf {
		return true
	}
	for _, key := range marks.Keys {
		r.dropKey(key)
	}
	for _, generation := range marks.Generations {
		for key, generations := range r.filled {
			if generations[0] == generation || generations[1] == generation {
				r.dropKey(key)
			}
		}
	}
	return false
}

func (r *Recorder) dropKey(key string) {
	if _, ok := r.filled[key]; ok {
		delete(r.filled, key)
		r.dropped[key] = true
	}
}

// take returns the keys that were dropped since the last call.
func (r *Recorder) take() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	dropped := r.dropped
	r.dropped = map[string]bool{}
	return dropped
}

// last returns the key that was looked up last, if it holds something.
func (r *Recorder) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.filled[r.looked]; ok {
		return r.looked
	}
	return ""
}

func (r *Recorder) forgetLast() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked = ""
}
