package sqlite_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// recorder is a store that remembers which keys hold something, and which were dropped since it was last asked.
type recorder struct {
	moneyclip.Store
	mu      sync.Mutex // protects what follows; reloads run in the background
	filled  map[string][2]string
	dropped map[string]bool
	looked  string // the key that was looked up last
	writers map[moneyclip.Token]int
	deaf    int // the writer that is not heard; 0: none
}

func newRecorder() *recorder {
	return &recorder{
		Store:   moneyclip.NewMemStore(64 << 20),
		filled:  map[string][2]string{},
		dropped: map[string]bool{},
		writers: map[moneyclip.Token]int{},
	}
}

func (r *recorder) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	r.mu.Lock()
	r.looked = string(slot.Key)
	r.mu.Unlock()
	return r.Store.Get(ctx, slot)
}

func (r *recorder) Fill(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row,
	age moneyclip.Age) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	filled, err := r.Store.Fill(ctx, slot, lease, row, age)
	if filled {
		r.filled[string(slot.Key)] = slot.Generations
	}
	return filled, err
}

func (r *recorder) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) error {
	if r.drop(marks) {
		return nil
	}
	return r.Store.Quarantine(ctx, marks, d)
}

func (r *recorder) Release(ctx context.Context, marks *moneyclip.Marks) error {
	if r.drop(marks) {
		return nil
	}
	return r.Store.Release(ctx, marks)
}

// drop notes what a writer drops. It reports whether the writer is not to be heard.
func (r *recorder) drop(marks *moneyclip.Marks) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writers[marks.Writer] == 0 {
		r.writers[marks.Writer] = len(r.writers) + 1
	}
	if r.writers[marks.Writer] == r.deaf {
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

func (r *recorder) dropKey(key string) {
	if _, ok := r.filled[key]; ok {
		delete(r.filled, key)
		r.dropped[key] = true
	}
}

// take returns the keys that were dropped since the last call.
func (r *recorder) take() map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	dropped := r.dropped
	r.dropped = map[string]bool{}
	return dropped
}

func (r *recorder) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.looked
}

func (r *recorder) forgetLast() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked = ""
}

// TestControl shows that the property can fail: with one writer whose invalidation is lost a difference must be found.
func TestControl(t *testing.T) {
	t.Parallel()
	const maxSteps = 1000
	found, scripts, steps := 0, 0, 0
	for seed := 1; steps < maxSteps; seed++ {
		store := newRecorder()
		store.deaf = 2 + seed%7
		r, err := carryOut(t, randomScripts.Example(seed), store)
		steps += r.counts.steps
		scripts++
		if err == nil {
			continue
		}
		found++
		if found == 1 {
			t.Logf("found after %d steps: %v", steps, err)
		}
	}
	t.Logf("%d of %d lost invalidations found, in %d steps", found, scripts, steps)
	if found == 0 {
		t.Errorf("no difference in %d steps, although an invalidation was lost in each of %d scripts", steps, scripts)
	}
}
