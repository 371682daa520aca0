package redisstore

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip"
)

// held are the quarantines of this process that are not released yet. They are put back when a server has become the
// master: it may not have them.
type held struct {
	mu          sync.Mutex // protects what follows
	quarantines map[moneyclip.Token]*quarantine
	many        int // above, those that have run out are dropped

	renewing atomic.Bool // what may be lost is being put back
}

// A quarantine is what one writer holds.
type quarantine struct {
	sending sync.Mutex // held while it is put back: a release waits, for it would be undone

	marks moneyclip.Marks // changes under the lock of held
	until time.Time
	lost  int // how often it may have been, since it was last known to be there
}

// add notes that a writer's quarantine is about to be sent, now.
func (h *held) add(marks *moneyclip.Marks, now time.Time, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.quarantines) > h.many {
		// Nobody has released them: the outcome is not known.
		maps.DeleteFunc(h.quarantines, func(_ moneyclip.Token, q *quarantine) bool { return now.After(q.until) })
		h.many = 2*len(h.quarantines) + 16
	}
	q := h.quarantines[marks.Writer]
	if q == nil {
		q = &quarantine{marks: moneyclip.Marks{Writer: marks.Writer}}
		h.quarantines[marks.Writer] = q
	}
	q.marks.Keys = union(q.marks.Keys, marks.Keys)
	q.marks.Generations = union(q.marks.Generations, marks.Generations)
	q.until = now.Add(d)
}

// remove notes that a writer releases. It waits for a quarantine that is being put back.
func (h *held) remove(marks *moneyclip.Marks) {
	h.mu.Lock()
	q := h.quarantines[marks.Writer]
	if q == nil {
		h.mu.Unlock()
		return
	}
	q.marks.Keys = without(q.marks.Keys, marks.Keys)
	q.marks.Generations = without(q.marks.Generations, marks.Generations)
	if len(q.marks.Keys) == 0 && len(q.marks.Generations) == 0 {
		delete(h.quarantines, marks.Writer)
	}
	h.mu.Unlock()
	q.sending.Lock()
	defer q.sending.Unlock()
}

// any reports whether a quarantine is held.
func (h *held) any() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for _, q := range h.quarantines {
		if now.Before(q.until) {
			return true
		}
	}
	return false
}

// lose notes that all quarantines may be lost: another server is the master.
func (h *held) lose() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, q := range h.quarantines {
		q.lost++
	}
}

// renew puts back, in a goroutine, what may be lost. What cannot be put back now is when a node is next asked for its mastership: a
// writer at work renews his quarantine himself, but of one whose outcome is not known there is nobody else who would.
func (s *Store) renew() {
	h := &s.held
	h.mu.Lock()
	defer h.mu.Unlock()
	var lost []*quarantine
	for _, q := range h.quarantines {
		if q.lost > 0 {
			lost = append(lost, q)
		}
	}
	if len(lost) == 0 || !h.renewing.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer h.renewing.Store(false)
		for _, q := range lost {
			s.renewOne(q)
		}
	}()
}

func (s *Store) renewOne(q *quarantine) {
	q.sending.Lock()
	defer q.sending.Unlock()
	s.held.mu.Lock()
	marks, left, lost := q.marks, time.Until(q.until), q.lost // its lists are never changed in place
	s.held.mu.Unlock()
	if left <= 0 {
		return
	}
	ctx := s.writing.wait(context.Background(), time.Now().Add(s.WriteTimeout))
	p := newParcel()
	defer p.used()
	p.quarantine(&marks, left, true, s.together())
	if _, err := s.deliver(ctx, "renew", p, ""); err != nil {
		return
	}
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	if q.lost == lost {
		q.lost = 0
	}
}

func union(have, more []string) []string {
	if len(have) == 0 || slices.Equal(have, more) {
		return slices.Clone(more)
	}
	all := slices.Concat(have, more)
	slices.Sort(all)
	return slices.Compact(all)
}

func without(have, gone []string) []string {
	if slices.Equal(have, gone) {
		return nil
	}
	set := make(map[string]bool, len(gone))
	for _, g := range gone {
		set[g] = true
	}
	return slices.DeleteFunc(slices.Clone(have), func(one string) bool { return set[one] })
}
