package promstats_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/promstats"
)

func observed(t *testing.T) *promstats.Metrics {
	t.Helper()
	m := promstats.New()
	for _, e := range []moneyclip.Event{
		{Kind: moneyclip.EventHit, Rule: "user"},
		{Kind: moneyclip.EventHit, Rule: "user"},
		{Kind: moneyclip.EventHit, Rule: "user", NotFound: true, Shared: true},
		{Kind: moneyclip.EventMiss, Rule: "user", Took: time.Millisecond},
		{Kind: moneyclip.EventFill, Rule: "user"},
		{Kind: moneyclip.EventBypass, Rule: "user"},
		{Kind: moneyclip.EventWrite, Rule: "user", Keys: 3},
		{Kind: moneyclip.EventWrite, Rule: "user"},
		{Kind: moneyclip.EventRefresh, Rule: "user"},
		{Kind: moneyclip.EventMismatch, Rule: "user"},
		{Kind: moneyclip.EventStoreError, Err: errors.New("refused")},
	} {
		m.Observe(t.Context(), e)
	}
	return m
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	const want = `
# HELP moneyclip_fills_total Misses whose row was stored.
# TYPE moneyclip_fills_total counter
moneyclip_fills_total{rule="user"} 1
# HELP moneyclip_invalidated_keys_total Keys that writes have dropped, whether anything was stored under them or not.
# TYPE moneyclip_invalidated_keys_total counter
moneyclip_invalidated_keys_total{rule="user"} 3
# HELP moneyclip_mismatches_total Verified hits that differed from the database.
# TYPE moneyclip_mismatches_total counter
moneyclip_mismatches_total{rule="user"} 1
# HELP moneyclip_reads_total Reads that a rule matches. Of outcome hit and not_found the database has heard nothing.
# TYPE moneyclip_reads_total counter
moneyclip_reads_total{outcome="bypass",rule="user"} 1
moneyclip_reads_total{outcome="hit",rule="user"} 2
moneyclip_reads_total{outcome="miss",rule="user"} 1
moneyclip_reads_total{outcome="not_found",rule="user"} 1
# HELP moneyclip_refreshes_total Keys that writers have begun to load again.
# TYPE moneyclip_refreshes_total counter
moneyclip_refreshes_total{rule="user"} 1
# HELP moneyclip_rule_wide_invalidations_total Times that a write has dropped every key of the rule.
# TYPE moneyclip_rule_wide_invalidations_total counter
moneyclip_rule_wide_invalidations_total{rule="user"} 1
# HELP moneyclip_store_errors_total Errors of the store.
# TYPE moneyclip_store_errors_total counter
moneyclip_store_errors_total 1
# HELP moneyclip_database_duration_seconds How long the database took for a miss.
# TYPE moneyclip_database_duration_seconds histogram
moneyclip_database_duration_seconds_bucket{rule="user",le="5e-05"} 0
moneyclip_database_duration_seconds_bucket{rule="user",le="0.0002"} 0
moneyclip_database_duration_seconds_bucket{rule="user",le="0.0008"} 0
moneyclip_database_duration_seconds_bucket{rule="user",le="0.0032"} 1
moneyclip_database_duration_seconds_bucket{rule="user",le="0.0128"} 1
moneyclip_database_duration_seconds_bucket{rule="user",le="0.0512"} 1
moneyclip_database_duration_seconds_bucket{rule="user",le="0.2048"} 1
moneyclip_database_duration_seconds_bucket{rule="user",le="0.8192"} 1
moneyclip_database_duration_seconds_bucket{rule="user",le="3.2768"} 1
moneyclip_database_duration_seconds_bucket{rule="user",le="13.1072"} 1
moneyclip_database_duration_seconds_bucket{rule="user",le="+Inf"} 1
moneyclip_database_duration_seconds_sum{rule="user"} 0.001
moneyclip_database_duration_seconds_count{rule="user"} 1
`
	if err := testutil.CollectAndCompare(observed(t), strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// Prometheus' own linter has nothing to say of the names.
func TestConventions(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(observed(t))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

// A hit that is observed costs no allocation.
func TestAllocations(t *testing.T) {
	m := observed(t)
	if n := testing.AllocsPerRun(100, func() { m.Observe(t.Context(), moneyclip.Event{Kind: moneyclip.EventHit, Rule: "user"}) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
