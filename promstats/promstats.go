// Package promstats tells Prometheus what a cache does.
//
//	metrics := promstats.New()
//	moneyclip.Configure(moneyclip.Config{Observer: metrics})
//	prometheus.MustRegister(metrics)
//
// The labels are the names of rules; no key and no value is among them. grafana.json is a
// dashboard of these metrics.
package promstats

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/moneyclip/moneyclip"
)

// Metrics are an Observer for a cache, and a Collector for a registry. They are safe for concurrent use.
type Metrics struct {
	reads, fills, invalidated, ruleWide, refreshes, mismatches *prometheus.CounterVec
	storeErrors                                                prometheus.Counter
	database                                                   *prometheus.HistogramVec
	rules                                                      sync.Map // :: rule → *ofRule
}

var (
	_ moneyclip.Observer   = (*Metrics)(nil)
	_ prometheus.Collector = (*Metrics)(nil)
)

// ofRule are the metrics of one rule, which a hit should not have to look for.
type ofRule struct {
	hits, notFound, misses, bypasses                    prometheus.Counter
	fills, invalidated, ruleWide, refreshes, mismatches prometheus.Counter
	database                                            prometheus.Observer
}

// New makes metrics that have counted nothing.
func New() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "moneyclip", Name: name, Help: help}, append(labels, "rule"))
	}
	return &Metrics{
		reads: counter("reads_total", "Reads that a rule matches. Of outcome hit and not_found the database has heard nothing.", "outcome"),
		fills: counter("fills_total", "Misses whose row was stored."),
		invalidated: counter("invalidated_keys_total",
			"Keys that writes have dropped, whether anything was stored under them or not."),
		ruleWide:   counter("rule_wide_invalidations_total", "Times that a write has dropped every key of the rule."),
		refreshes:  counter("refreshes_total", "Keys that writers have begun to load again."),
		mismatches: counter("mismatches_total", "Verified hits that differed from the database."),
		storeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "moneyclip", Name: "store_errors_total", Help: "Errors of the store.",
		}),
		database: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "moneyclip", Name: "database_duration_seconds", Help: "How long the database took for a miss.",
			Buckets: prometheus.ExponentialBuckets(50e-6, 4, 10), // 50 µs, about the least that a server takes, to 13 s
		}, []string{"rule"}),
	}
}

func (m *Metrics) rule(name string) *ofRule {
	if r, ok := m.rules.Load(name); ok {
		return r.(*ofRule)
	}
	r, _ := m.rules.LoadOrStore(name, &ofRule{
		hits:        m.reads.WithLabelValues("hit", name),
		notFound:    m.reads.WithLabelValues("not_found", name),
		misses:      m.reads.WithLabelValues("miss", name),
		bypasses:    m.reads.WithLabelValues("bypass", name),
		fills:       m.fills.WithLabelValues(name),
		invalidated: m.invalidated.WithLabelValues(name),
		ruleWide:    m.ruleWide.WithLabelValues(name),
		refreshes:   m.refreshes.WithLabelValues(name),
		mismatches:  m.mismatches.WithLabelValues(name),
		database:    m.database.WithLabelValues(name),
	})
	return r.(*ofRule)
}

// Observe counts an event.
func (m *Metrics) Observe(_ context.Context, e moneyclip.Event) {
	if e.Kind == moneyclip.EventStoreError {
		m.storeErrors.Inc()
		return
	}
	r := m.rule(e.Rule)
	switch e.Kind {
	case moneyclip.EventHit:
		if e.NotFound {
			r.notFound.Inc()
		} else {
			r.hits.Inc()
		}
	case moneyclip.EventMiss:
		r.misses.Inc()
		r.database.Observe(e.Took.Seconds())
	case moneyclip.EventBypass:
		r.bypasses.Inc()
	case moneyclip.EventFill:
		r.fills.Inc()
	case moneyclip.EventWrite:
		r.invalidated.Add(float64(e.Keys))
		if e.Keys == 0 {
			r.ruleWide.Inc()
		}
	case moneyclip.EventRefresh:
		r.refreshes.Inc()
	case moneyclip.EventMismatch:
		r.mismatches.Inc()
	}
}

func (m *Metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.reads, m.fills, m.invalidated, m.ruleWide, m.refreshes, m.mismatches, m.storeErrors, m.database}
}

// Describe is for the registry.
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) {
	for _, c := range m.collectors() {
		c.Describe(descs)
	}
}

// Collect is for the registry.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	for _, c := range m.collectors() {
		c.Collect(metrics)
	}
}
