package expvarstats_test

import (
	"encoding/json"
	"errors"
	"expvar"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/expvarstats"
)

// What is published is what was observed, and can be read as the Stats of package moneyclip.
func TestObserver(t *testing.T) {
	t.Parallel()
	o := expvarstats.New("moneyclip")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, e := range []moneyclip.Event{
				{Kind: moneyclip.EventHit, Rule: "user"},
				{Kind: moneyclip.EventHit, Rule: "user", NotFound: true, Shared: true},
				{Kind: moneyclip.EventMiss, Rule: "user", Took: 250 * time.Millisecond},
				{Kind: moneyclip.EventFill, Rule: "user"},
				{Kind: moneyclip.EventBypass, Rule: "user"},
				{Kind: moneyclip.EventWrite, Rule: "user", Keys: 3},
				{Kind: moneyclip.EventWrite, Rule: "count"},
				{Kind: moneyclip.EventRefresh, Rule: "count"},
				{Kind: moneyclip.EventMismatch, Rule: "count"},
				{Kind: moneyclip.EventStoreError, Err: errors.New("refused")},
			} {
				o.Observe(t.Context(), e)
			}
		})
	}
	wg.Wait()
	type rule struct {
		moneyclip.RuleStats
		DatabaseSeconds float64
	}
	var got struct {
		StoreErrors int
		Rules       map[string]rule
	}
	if err := json.Unmarshal([]byte(expvar.Get("moneyclip").String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]rule{
		"user":  {moneyclip.RuleStats{Hits: 16, NotFoundHits: 8, SharedHits: 8, Misses: 8, Fills: 8, Bypasses: 8, Invalidations: 24}, 2},
		"count": {moneyclip.RuleStats{RuleWide: 8, Refreshes: 8, Mismatches: 8}, 0},
	}
	if diff := cmp.Diff(want, got.Rules); diff != "" || got.StoreErrors != 8 {
		t.Errorf("%d errors of the store, want 8; rules (- want, + got):\n%s", got.StoreErrors, diff)
	}
}
