package moneyclip

import (
	"context"
	"errors"
	"testing"
	"time"
)

// The context of a step ends by its deadline, for those who look and for those who wait, and not with the caller's.
func TestWithin(t *testing.T) {
	t.Parallel()
	type key struct{}
	caller, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	cancel()
	ctx := within(caller, 50*time.Millisecond)
	defer ctx.end()
	if ctx.Err() != nil || ctx.Value(key{}) != "value" {
		t.Errorf("got error %v and value %v", ctx.Err(), ctx.Value(key{}))
	}
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 50*time.Millisecond {
		t.Errorf("got deadline %v, %v", deadline, ok)
	}
	child, stop := context.WithCancel(ctx)
	defer stop()
	for _, waits := range []context.Context{ctx, child} {
		select {
		case <-waits.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("it does not end")
		}
		if !errors.Is(waits.Err(), context.DeadlineExceeded) {
			t.Errorf("got %v", waits.Err())
		}
	}

	// What a store has begun under it may go on when the step is over.
	over := within(caller, time.Hour)
	left, leave := context.WithCancel(over)
	defer leave()
	over.end()
	<-left.Done()
	if !errors.Is(left.Err(), context.Canceled) || over.Err() == nil {
		t.Errorf("got %v, and %v for what it was begun under", left.Err(), over.Err())
	}
}
