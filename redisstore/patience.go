package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// A patience is the context of one step: the caller's, and for how long the step may take. A context of the standard library
// would have a timer of its own, which costs a look-up more than all that it does besides; nearly no step ever needs it. What
// goes on a connection ends by the deadline, which go-redis hands to it. What waits for a connection ends by an alarm, which
// steps share.
type patience struct {
	context.Context // the caller's, for its values
	deadline        time.Time
	theirs          bool // the deadline is the caller's: well before that of the step, and sooner than a node must answer
	alarm           *alarm
}

// wait is the caller's context, but with a deadline.
func (a *alarm) wait(ctx context.Context, until time.Time) *patience {
	p := &patience{Context: ctx, deadline: until, alarm: a}
	deadline, ok := ctx.Deadline()
	if ok && a.halves {
		deadline = deadline.Add(-time.Until(deadline) / 2)
	}
	if ok && deadline.Before(until) {
		// A writer gives a step about as long as the store does by default: then it is the node that is late, and not he who leaves.
		p.deadline, p.theirs = deadline, until.Sub(deadline) > time.Until(until)/10 && time.Until(deadline) < times.Store*9/10
	}
	return p
}

func (p *patience) Deadline() (time.Time, bool) { return p.deadline, true }

// Done is closed somewhat after the deadline. That the caller gives up is not told here: nothing that is under way on a
// connection would hear of it either.
func (p *patience) Done() <-chan struct{} { return p.alarm.at(p.deadline) }

func (p *patience) Err() error {
	if err := p.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(p.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// left reports whether it was the caller who did not wait, as far as can be told when a step has run out of time.
func (p *patience) left() bool {
	if err := p.Context.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return p.theirs && time.Until(p.deadline) < lead
}

// An alarm rings for all who wait until about the same time.
type alarm struct {
	halves bool // who has a deadline of his own keeps half of his time: a read, for the database

	mu   sync.Mutex // protects what follows
	due  time.Time
	late time.Duration // by which it may ring later than asked: so many steps share one timer
	ring chan struct{} // closed when it is due
}

func (a *alarm) at(deadline time.Time) <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if early := a.due.Sub(deadline); early < 0 || early > a.late {
		ring := make(chan struct{})
		a.late = time.Until(deadline) / 4
		a.due, a.ring = deadline.Add(a.late), ring
		time.AfterFunc(time.Until(a.due), func() { close(ring) })
	}
	return a.ring
}
