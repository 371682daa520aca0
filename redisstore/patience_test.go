package redisstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// A step ends by the earlier deadline, and it is told whose that was.
func TestPatienceHalves(t *testing.T) {
	t.Parallel()
	a := &alarm{halves: true}
	now := time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), now.Add(time.Second))
	defer cancel()
	for until, want := range map[time.Duration]time.Duration{100 * time.Millisecond: 100 * time.Millisecond, 900 * time.Millisecond: 500 * time.Millisecond} {
		p := a.wait(ctx, now.Add(until))
		if got := p.deadline.Sub(now); got < want-50*time.Millisecond || got > want+50*time.Millisecond || p.theirs != (want < until) {
			t.Errorf("a step of %v has %v, the caller's: %t", until, got, p.theirs)
		}
	}
}

func TestPatience(t *testing.T) {
	t.Parallel()
	var a alarm
	for _, test := range []struct {
		name         string
		theirs, ours time.Duration
		left         bool
	}{
		{"ours", time.Hour, 30 * time.Millisecond, false},
		{"the caller's", 30 * time.Millisecond, time.Hour, true},
		{"nearly the same", 30 * time.Millisecond, 31 * time.Millisecond, false},
		{"a writer's, where the store has more time", times.Store - 50*time.Millisecond, time.Hour, false},
	} {
		now := time.Now()
		caller, cancel := context.WithDeadline(t.Context(), now.Add(test.theirs))
		defer cancel()
		p := a.wait(caller, now.Add(test.ours))
		end := now.Add(min(test.theirs, test.ours))
		if deadline, ok := p.Deadline(); !ok || !deadline.Equal(end) {
			t.Errorf("%s: got deadline %v after %v", test.name, deadline, now)
		}
		select {
		case <-p.Done():
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: it does not end", test.name)
		}
		if time.Now().Before(end) || !errors.Is(p.Err(), context.DeadlineExceeded) || p.left() != test.left {
			t.Errorf("%s: got error %v, left %v after %v", test.name, p.Err(), p.left(), time.Since(now))
		}
	}
	gone, leave := context.WithCancel(t.Context())
	p := a.wait(gone, time.Now().Add(time.Hour))
	if p.Err() != nil || p.left() {
		t.Errorf("got error %v, left %v before the caller leaves", p.Err(), p.left())
	}
	leave()
	if !errors.Is(p.Err(), context.Canceled) || !p.left() {
		t.Errorf("got error %v, left %v after the caller has left", p.Err(), p.left())
	}
}

// Steps that end at about the same time share an alarm, and none is rung too early.
func TestAlarm(t *testing.T) {
	t.Parallel()
	var a alarm
	first := time.Now().Add(200 * time.Millisecond)
	rings := a.at(first)
	if a.at(first.Add(20*time.Millisecond)) != rings {
		t.Error("a step that ends a little later has a timer of its own")
	}
	if a.at(first.Add(time.Hour)) == rings || a.at(first.Add(-190*time.Millisecond)) == rings {
		t.Error("steps that end at other times share one")
	}
	<-rings
	if early := time.Until(first); early > 0 {
		t.Errorf("it rings %v too early", early)
	}
}
