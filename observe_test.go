package moneyclip_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
)

// tally adds up events to what Stats should say.
type tally struct {
	sync.Mutex // protects the rest
	moneyclip.Stats
	errors int
	values []any // of the contexts
}

type tallied struct{}

func (t *tally) Observe(ctx context.Context, e moneyclip.Event) {
	t.Lock()
	defer t.Unlock()
	t.values = append(t.values, ctx.Value(tallied{}))
	if t.Rules == nil {
		t.Rules = map[string]moneyclip.RuleStats{}
	}
	one := t.Rules[e.Rule]
	for _, s := range []*moneyclip.RuleStats{&one, &t.RuleStats} {
		switch e.Kind {
		case moneyclip.EventHit:
			s.Hits++
			if e.NotFound {
				s.NotFoundHits++
			}
			if e.Shared {
				s.SharedHits++
			}
		case moneyclip.EventMiss:
			s.Misses++
			s.DatabaseTime += e.Took
		case moneyclip.EventBypass:
			s.Bypasses++
		case moneyclip.EventFill:
			s.Fills++
		case moneyclip.EventRefresh:
			s.Refreshes++
		case moneyclip.EventWrite:
			s.Invalidations += uint64(e.Keys)
			if e.Keys == 0 {
				s.RuleWide++
			}
		case moneyclip.EventStoreError:
			t.errors++
			return
		}
	}
	t.Rules[e.Rule] = one
}

// The events of a story add up to its Stats, and come with the context of their statement.
func TestObserver(t *testing.T) {
	t.Parallel()
	events := new(tally)
	f := open(t, shop, moneyclip.Config{Observer: events, Rules: []moneyclip.Rule{
		{Name: "user", Key: "user::id-%d", Table: "users", By: []string{"id"}, NotFound: time.Minute},
		{Name: "total", Key: "total-%d", Table: "totals", By: []string{"user_id"}, Refresh: true},
	}})
	ctx := context.WithValue(t.Context(), tallied{}, "of the statement")
	scan := func(query string, args ...any) {
		t.Helper()
		var v any
		if err := f.QueryRowContext(ctx, query, args...).Scan(&v); err != nil && err.Error() != "sql: no rows in result set" {
			t.Fatal(err)
		}
	}
	do := func(query string, args ...any) {
		t.Helper()
		if _, err := f.ExecContext(ctx, query, args...); err != nil {
			t.Fatal(err)
		}
	}
	const user, total = "SELECT name FROM users WHERE id = ?", "SELECT total FROM totals WHERE user_id = ?"
	for _, id := range []int{1, 1, 99, 99} {
		scan(user, id)
	}
	scan(total, 1)
	do("UPDATE totals SET total = total + 1 WHERE user_id = 1")
	do("UPDATE users SET email = 'x' || id WHERE id IN (1, 2, 3)")
	do("UPDATE users SET email = 'x' WHERE id = random()")
	tx, err := f.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := errors.Join(tx.QueryRowContext(ctx, user, 1).Scan(&v), tx.Commit()); err != nil {
		t.Fatal(err)
	}
	f.cache.Close() // waits for the refresh
	want := f.cache.Stats()
	if s := want.RuleStats; s.Hits == 0 || s.NotFoundHits == 0 || s.Bypasses == 0 || s.Refreshes == 0 || s.RuleWide == 0 || s.DatabaseTime == 0 || s.Invalidations < 4 {
		t.Errorf("got %+v, want some of everything", s)
	}
	if diff := cmp.Diff(want, events.Stats); diff != "" {
		t.Errorf("events (+) do not add up to Stats (-):\n%s", diff)
	}
	background := 0
	for _, v := range events.values {
		if v == nil {
			background++
		}
	}
	if background > 2 { // the miss and the fill of the refresh
		t.Errorf("%d events came without the context of their statement", background)
	}
}

// Who prints an event sees of what kind it is.
func TestEventKindString(t *testing.T) {
	t.Parallel()
	got := ""
	for k := range moneyclip.EventMismatch + 2 {
		got += k.String() + ","
	}
	if want := "unknown,hit,miss,bypass,write,store error,fill,refresh,mismatch,unknown,"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
