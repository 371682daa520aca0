package moneyclip_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A takenStore is one in which another process has the lease of every slot, and is stopped.
type takenStore struct {
	*sharedStore
	taken atomic.Bool
}

func (s *takenStore) Lease(
	ctx context.Context, slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, renew bool,
) (moneyclip.Grant, error) {
	if s.taken.Load() {
		return moneyclip.Grant{Answer: moneyclip.AnswerWait}, nil
	}
	return s.sharedStore.Lease(ctx, slot, token, d, renew)
}

// Who has little time waits for another process for a part of it, and has the rest for the database.
func TestHurriedReaderBehindLease(t *testing.T) {
	store := &takenStore{sharedStore: processes(1)[0]}
	f := open(t, peopleSchema, moneyclip.Config{Store: store, Rules: []moneyclip.Rule{personRule}})
	warmed(t, f, personQuery, 1)
	store.taken.Store(true)
	for range 5 {
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
		var name, city string
		if err := f.QueryRowContext(ctx, personQuery, 2).Scan(&name, &city); err != nil {
			t.Errorf("got %v, want what the database says", err)
		}
		cancel()
	}
}

// The same while a board is out of reach.
func TestHurriedReaderBeforeBoard(t *testing.T) {
	store := processes(1)[0]
	f := open(t, peopleSchema, moneyclip.Config{Store: store, Rules: []moneyclip.Rule{personRule}})
	var name, city string
	if err := f.QueryRowContext(moneyclip.Bypass(t.Context()), personQuery, 2).Scan(&name, &city); err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	defer close(end)
	hang := func(step string) {
		if step == "publish" {
			<-end
		}
	}
	store.before.Store(&hang)
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if err := f.QueryRowContext(ctx, personQuery, 2).Scan(&name, &city); err != nil {
		t.Errorf("got %v, want what the database says", err)
	}
}
