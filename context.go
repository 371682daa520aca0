package moneyclip

import (
	"context"
	"sync"
	"time"
)

// backgroundContext is for work that no caller waits for.
var backgroundContext = context.Background()

type modeKey struct{}

// mode is how a call wants the cache to be used.
type mode uint8

const (
	normal  mode = iota
	bypass       // neither read nor fill
	renewal      // read the database and fill
)

// Bypass returns a context under which a call neither reads nor fills the cache. Its writes still invalidate.
func Bypass(ctx context.Context) context.Context { return context.WithValue(ctx, modeKey{}, bypass) }

// Refresh returns a context under which a call reads the database and fills the cache anew. Where nothing can be stored, as in a
// transaction, beside a writer of the same row, or while another reader is about to store it, the call only reads.
func Refresh(ctx context.Context) context.Context { return context.WithValue(ctx, modeKey{}, renewal) }

func modeOf(ctx context.Context) mode {
	m, _ := ctx.Value(modeKey{}).(mode)
	return m
}

// halfOf is how long something may take at most that a caller waits for before the database: half of what is left of his time. If nothing
// is left his own query fails, whatever came before it.
func halfOf(ctx context.Context, most time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left > 0 {
			return min(most, left/2)
		}
	}
	return most
}

// A bounded is the context of one step of a write: with the caller's values and a deadline, but not ended by him. It makes its timer
// when somebody first waits for its end, which next to nobody does: a timer costs as much as all that this package does for a
// write.
type bounded struct {
	context.Context // the caller's, for its values
	deadline        time.Time

	mu    sync.Mutex // protects timed
	timed context.Context
	stop  context.CancelFunc
}

func within(ctx context.Context, d time.Duration) *bounded {
	b := new(bounded)
	b.begin(ctx, d)
	return b
}

func (b *bounded) begin(ctx context.Context, d time.Duration) {
	b.Context, b.deadline = ctx, time.Now().Add(d)
}

func (b *bounded) Deadline() (time.Time, bool) { return b.deadline, true }

func (b *bounded) Done() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timed == nil {
		b.timed, b.stop = context.WithDeadline(context.WithoutCancel(b.Context), b.deadline)
	}
	return b.timed.Done()
}

func (b *bounded) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.timed != nil:
		return b.timed.Err() // and so never nil where Done is closed
	case time.Now().Before(b.deadline):
		return nil
	}
	return context.DeadlineExceeded
}

// end stops the timer, if there is one.
func (b *bounded) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop != nil {
		b.stop()
	}
}
