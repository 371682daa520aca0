package otelstats_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/otelstats"
)

var events = []moneyclip.Event{
	{Kind: moneyclip.EventHit, Rule: "user"},
	{Kind: moneyclip.EventHit, Rule: "user"},
	{Kind: moneyclip.EventHit, Rule: "user", NotFound: true},
	{Kind: moneyclip.EventMiss, Rule: "user", Took: time.Millisecond},
	{Kind: moneyclip.EventFill, Rule: "user"},
	{Kind: moneyclip.EventBypass, Rule: "user"},
	{Kind: moneyclip.EventWrite, Rule: "user", Keys: 3},
	{Kind: moneyclip.EventWrite, Rule: "user"},
	{Kind: moneyclip.EventRefresh, Rule: "user"},
	{Kind: moneyclip.EventMismatch, Rule: "user"},
	{Kind: moneyclip.EventStoreError, Err: errors.New("secret")},
}

// observe shows the events to an observer, on a span, and returns what has become of them.
func observe(t *testing.T, cfg otelstats.Config) (metrics, onSpan []string) {
	t.Helper()
	reader := metric.NewManualReader()
	cfg.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader))
	o, err := otelstats.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	spans := tracetest.NewSpanRecorder()
	ctx, span := trace.NewTracerProvider(trace.WithSpanProcessor(spans)).Tracer("test").Start(t.Context(), "statement")
	for _, e := range events {
		o.Observe(ctx, e)
		o.Observe(context.Background(), moneyclip.Event{}) // of a kind that is not known
	}
	span.End()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				metrics = append(metrics, fmt.Sprintf("%s %s: %d %s", m.Name, attributes(p.Attributes.ToSlice()), p.Value, m.Unit))
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				metrics = append(metrics, fmt.Sprintf("%s %s: %d, %v %s", m.Name, attributes(p.Attributes.ToSlice()), p.Count, p.Sum, m.Unit))
			}
		}
	}
	slices.Sort(metrics)
	for _, e := range spans.Ended()[0].Events() {
		onSpan = append(onSpan, e.Name+" "+attributes(e.Attributes))
	}
	return metrics, onSpan
}

func attributes(list []attribute.KeyValue) string {
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, "%s=%s ", a.Key, a.Value.String())
	}
	return strings.TrimSpace(b.String())
}

func TestObserver(t *testing.T) {
	t.Parallel()
	metrics, onSpan := observe(t, otelstats.Config{})
	wantMetrics := []string{
		"moneyclip.database.duration moneyclip.rule=user: 1, 0.001 s",
		"moneyclip.fills moneyclip.rule=user: 1 {fill}",
		"moneyclip.invalidated_keys moneyclip.rule=user: 3 {key}",
		"moneyclip.mismatches moneyclip.rule=user: 1 {hit}",
		"moneyclip.reads moneyclip.outcome=bypass moneyclip.rule=user: 1 {read}",
		"moneyclip.reads moneyclip.outcome=hit moneyclip.rule=user: 2 {read}",
		"moneyclip.reads moneyclip.outcome=miss moneyclip.rule=user: 1 {read}",
		"moneyclip.reads moneyclip.outcome=not_found moneyclip.rule=user: 1 {read}",
		"moneyclip.refreshes moneyclip.rule=user: 1 {key}",
		"moneyclip.rule_wide_invalidations moneyclip.rule=user: 1 {invalidation}",
		"moneyclip.store.errors : 1 {error}",
	}
	if diff := cmp.Diff(wantMetrics, metrics); diff != "" {
		t.Errorf("metrics (- want, + got):\n%s", diff)
	}
	wantOnSpan := []string{
		"moneyclip.hit moneyclip.rule=user moneyclip.outcome=hit",
		"moneyclip.hit moneyclip.rule=user moneyclip.outcome=hit",
		"moneyclip.hit moneyclip.rule=user moneyclip.outcome=not_found",
		"moneyclip.miss moneyclip.rule=user",
		"moneyclip.bypass moneyclip.rule=user",
		"moneyclip.invalidation moneyclip.rule=user moneyclip.keys=3",
		"moneyclip.rule_wide_invalidation moneyclip.rule=user",
		"moneyclip.refresh moneyclip.rule=user",
		"moneyclip.mismatch moneyclip.rule=user",
		"moneyclip.store_error ",
	}
	if diff := cmp.Diff(wantOnSpan, onSpan); diff != "" {
		t.Errorf("events of the span (- want, + got):\n%s", diff)
	}
}

func TestNoSpanEvents(t *testing.T) {
	t.Parallel()
	if metrics, onSpan := observe(t, otelstats.Config{NoSpanEvents: true}); len(onSpan) != 0 || len(metrics) != 11 {
		t.Errorf("got %d metrics and %q on the span, want 11 and nothing", len(metrics), onSpan)
	}
}
