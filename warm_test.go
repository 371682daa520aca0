package moneyclip_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

func TestWarm(t *testing.T) {
	t.Parallel()
	for _, prepared := range []bool{false, true} {
		rule := userRule
		rule.NotFound = time.Minute
		f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{rule}})
		var args [][]any
		for id := range 250 {
			args = append(args, []any{id})
		}
		var reports []int
		w := moneyclip.Warming{
			Query: selectUser, Args: args, Rule: rule.Name, Prepared: prepared, Parallel: 3,
			Progress: func(done int) { reports = append(reports, done) },
		}
		got, err := f.cache.Warm(t.Context(), f.DB, w)
		if err != nil {
			t.Fatal(err)
		}
		if want := (moneyclip.Warmed{Done: 250, Stored: 250}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if len(reports) != 3 || reports[0] != 100 || reports[2] != 250 {
			t.Errorf("got the reports %v", reports)
		}
		if got, err = f.cache.Warm(t.Context(), f.DB, w); err != nil || got != (moneyclip.Warmed{Done: 250, There: 250}) {
			t.Errorf("again: got %+v, %v", got, err)
		}
		if !prepared {
			f.wantHit(t, selectUser, 1)
			exec(t, f.DB, "UPDATE users SET name = 'x' WHERE id = 1")
			f.wantMiss(t, selectUser, 1)
		}
	}
}

func TestWarmSlowly(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	start := time.Now()
	_, err := f.cache.Warm(t.Context(), f.DB, moneyclip.Warming{Query: selectUser, Args: [][]any{{1}, {2}, {3}, {1}, {2}}, Rate: 100})
	if took := time.Since(start); err != nil || took < 40*time.Millisecond {
		t.Errorf("5 reads at 100 in a second took %v, %v", took, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.cache.Warm(ctx, f.DB, moneyclip.Warming{Query: selectUser, Args: [][]any{{1}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

// What cannot be warmed is an error that says why.
func TestNotWarmed(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	for _, test := range []struct {
		w    moneyclip.Warming
		want string
	}{
		{moneyclip.Warming{Query: "SELECT 1"}, "not cached"},
		{moneyclip.Warming{Query: "UPDATE users SET name = ''"}, "not cached: it is not a SELECT"},
		{moneyclip.Warming{Query: "GetUser"}, "give its text"},
		{moneyclip.Warming{Query: selectUser, Rule: "other"}, "not by other"},
		{moneyclip.Warming{Query: selectUser, Args: [][]any{{1}, {}}}, "arg"},
	} {
		if got, err := f.cache.Warm(t.Context(), f.DB, test.w); err == nil || !strings.Contains(err.Error(), test.want) || got.Done != 0 {
			t.Errorf("%s: got %+v, %v, want %q", test.w.Query, got, err, test.want)
		}
	}
	other := open(t, shop, moneyclip.Config{})
	if _, err := other.cache.Warm(t.Context(), f.DB, moneyclip.Warming{Query: selectUser}); !errors.Is(err, moneyclip.ErrNotWrapped) {
		t.Errorf("another cache: got %v", err)
	}
	if _, err := f.cache.Warm(t.Context(), f.bare, moneyclip.Warming{Query: selectUser}); !errors.Is(err, moneyclip.ErrNotWrapped) {
		t.Errorf("a database that is not wrapped: got %v", err)
	}
	off := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Disabled: true})
	if _, err := off.cache.Warm(t.Context(), off.DB, moneyclip.Warming{Query: selectUser}); err == nil || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("disabled: got %v", err)
	}
}

// A rule that stands beside the query is warmed like one that was declared.
func TestWarmAnnotated(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{})
	got, err := f.cache.Warm(t.Context(), f.DB, moneyclip.Warming{Query: annotatedUser, Args: [][]any{{1}, {2}}})
	if want := (moneyclip.Warmed{Done: 2, Stored: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	f.wantHit(t, annotatedUser, 1)
}
