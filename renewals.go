package moneyclip

import (
	"context"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// renewals are the works that are in quarantine, for which it is renewed while the database takes its time. They share one timer: nearly
// every write is over long before, and one of its own would cost it more than all else that is done here.
type renewals struct {
	mu    sync.Mutex // protects what follows, and place and renewed of the works
	works []*work
	timed bool // tick will be called
}

// pulse is between two ticks. A quarantine is renewed by one that comes between a quarter and a third of its time.
func pulse() time.Duration { return times.Quarantine / 12 }

func (r *renewals) add(w *work) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.place, w.renewed = len(r.works), time.Now()
	r.works = append(r.works, w)
	if !r.timed {
		r.timed = true
		time.AfterFunc(pulse(), r.tick)
	}
}

// end takes out a work. A renewal that has begun is waited for, so that it cannot come after the release.
func (r *renewals) end(w *work) {
	r.remove(w)
	w.renewing.Lock()
	defer w.renewing.Unlock()
	w.over = true
}

func (r *renewals) remove(w *work) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.works) - 1
	r.works[w.place] = r.works[last]
	r.works[w.place].place = w.place
	r.works[last] = nil
	r.works = r.works[:last]
}

func (r *renewals) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timed = len(r.works) > 0
	if !r.timed {
		return
	}
	time.AfterFunc(pulse(), r.tick)
	now := time.Now()
	for _, w := range r.works {
		if now.Sub(w.renewed) >= 3*pulse() {
			w.renewed = now
			go w.renew() // each by itself: a store that does not answer one may answer another
		}
	}
}

// renew keeps the quarantine up, unless the work is about to be released or this is being done already.
func (w *work) renew() {
	if !w.renewing.TryLock() {
		return
	}
	defer w.renewing.Unlock()
	if w.over {
		return
	}
	ctx, cancel := context.WithTimeout(backgroundContext, times.Store)
	defer cancel()
	if _, err := w.cache.hub.store.Quarantine(ctx, &w.marks, times.Quarantine); err != nil {
		w.failed(ctx, err)
	}
}
