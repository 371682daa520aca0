// Package otelstats tells OpenTelemetry what a cache does: metrics for each rule, and an event on the span in whose
// context the statement runs.
//
//	metrics, err := otelstats.New(otelstats.Config{})
//	moneyclip.Configure(moneyclip.Config{Observer: metrics})
//
// The attributes are the names of rules; no key and no value is among them.
package otelstats

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/moneyclip/moneyclip"
)

// Config says where metrics and events go.
type Config struct {
	// MeterProvider makes the instruments. Nil: otel.GetMeterProvider().
	MeterProvider metric.MeterProvider

	// NoSpanEvents leaves spans alone.
	NoSpanEvents bool

	_ struct{} // fields by name only: there will be more
}

// An Observer counts events, and writes them on spans that are recorded. It is safe for concurrent use.
type Observer struct {
	reads, fills, invalidated, ruleWide, refreshes, mismatches, storeErrors metric.Int64Counter
	database                                                                metric.Float64Histogram

	rules  sync.Map // :: rule → *ofRule
	silent bool
}

var _ moneyclip.Observer = (*Observer)(nil)

const scope = "github.com/moneyclip/moneyclip/otelstats"

// The attributes.
const (
	ruleKey    = attribute.Key("moneyclip.rule")
	outcomeKey = attribute.Key("moneyclip.outcome")
	keysKey    = attribute.Key("moneyclip.keys")
)

// New makes the instruments. The error is the provider's.
func New(cfg Config) (*Observer, error) {
	provider := cfg.MeterProvider
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	meter := provider.Meter(scope)
	o := &Observer{silent: cfg.NoSpanEvents}
	for _, c := range []struct {
		to                *metric.Int64Counter
		name, unit, about string
	}{
		{&o.reads, "moneyclip.reads", "{read}", "Reads that a rule matches. Of outcome hit and not_found the database has heard nothing."},
		{&o.fills, "moneyclip.fills", "{fill}", "Misses whose row was stored."},
		{&o.invalidated, "moneyclip.invalidated_keys", "{key}", "Keys that writes have dropped, whether anything was stored under them or not."},
		{&o.ruleWide, "moneyclip.rule_wide_invalidations", "{invalidation}", "Times that a write has dropped every key of the rule."},
		{&o.refreshes, "moneyclip.refreshes", "{key}", "Keys that writers have begun to load again."},
		{&o.mismatches, "moneyclip.mismatches", "{hit}", "Verified hits that differed from the database."},
		{&o.storeErrors, "moneyclip.store.errors", "{error}", "Errors of the store."},
	} {
		var err error
		if *c.to, err = meter.Int64Counter(c.name, metric.WithUnit(c.unit), metric.WithDescription(c.about)); err != nil {
			return nil, err
		}
	}
	var err error
	o.database, err = meter.Float64Histogram("moneyclip.database.duration", metric.WithUnit("s"),
		metric.WithDescription("How long the database took for a miss."),
		// Those of the conventions for databases, and three below: 50 µs is about the least that a server takes.
		metric.WithExplicitBucketBoundaries(0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10))
	return o, err
}

// ofRule are the attributes of one rule, which a hit should not have to make.
type ofRule struct {
	rule                        metric.MeasurementOption
	hit, notFound, miss, bypass metric.MeasurementOption
	event, hitEvent, noneEvent  trace.EventOption
	name                        attribute.KeyValue
}

func (o *Observer) rule(name string) *ofRule {
	if r, ok := o.rules.Load(name); ok {
		return r.(*ofRule)
	}
	rule := ruleKey.String(name)
	outcome := func(s string) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(rule, outcomeKey.String(s)))
	}
	r, _ := o.rules.LoadOrStore(name, &ofRule{
		rule: metric.WithAttributeSet(attribute.NewSet(rule)), name: rule, event: trace.WithAttributes(rule),
		hitEvent:  trace.WithAttributes(rule, outcomeKey.String("hit")),
		noneEvent: trace.WithAttributes(rule, outcomeKey.String("not_found")),
		hit:       outcome("hit"), notFound: outcome("not_found"), miss: outcome("miss"), bypass: outcome("bypass"),
	})
	return r.(*ofRule)
}

// Observe counts an event, and writes it on the span of its context.
func (o *Observer) Observe(ctx context.Context, e moneyclip.Event) {
	span := trace.SpanFromContext(ctx)
	tells := !o.silent && span.IsRecording()
	tell := func(name string, about ...trace.EventOption) {
		if tells {
			span.AddEvent(name, about...)
		}
	}
	if e.Kind == moneyclip.EventStoreError {
		o.storeErrors.Add(ctx, 1)
		tell("moneyclip.store_error")
		return
	}
	r := o.rule(e.Rule)
	switch e.Kind {
	case moneyclip.EventHit:
		if e.NotFound {
			o.reads.Add(ctx, 1, r.notFound)
			tell("moneyclip.hit", r.noneEvent)
			return
		}
		o.reads.Add(ctx, 1, r.hit)
		tell("moneyclip.hit", r.hitEvent)
	case moneyclip.EventMiss:
		o.reads.Add(ctx, 1, r.miss)
		o.database.Record(ctx, e.Took.Seconds(), r.rule)
		tell("moneyclip.miss", r.event)
	case moneyclip.EventBypass:
		o.reads.Add(ctx, 1, r.bypass)
		tell("moneyclip.bypass", r.event)
	case moneyclip.EventFill:
		o.fills.Add(ctx, 1, r.rule)
	case moneyclip.EventWrite:
		if e.Keys == 0 {
			o.ruleWide.Add(ctx, 1, r.rule)
			tell("moneyclip.rule_wide_invalidation", r.event)
			return
		}
		o.invalidated.Add(ctx, int64(e.Keys), r.rule)
		if tells {
			span.AddEvent("moneyclip.invalidation", trace.WithAttributes(r.name, keysKey.Int(e.Keys)))
		}
	case moneyclip.EventRefresh:
		o.refreshes.Add(ctx, 1, r.rule)
		tell("moneyclip.refresh", r.event)
	case moneyclip.EventMismatch:
		o.mismatches.Add(ctx, 1, r.rule)
		tell("moneyclip.mismatch", r.event)
	}
}
