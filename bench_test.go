package moneyclip_test

import (
	"context"
	"slices"
	"testing"
	"time"
)

// A hit against the floor, which is database/sql over a driver that gives back one constant row.
func BenchmarkHit(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	// database/sql watches a context that can be cancelled, which costs more than all the rest.
	for _, task := range append(hitTasks, task{"cancellable", queryRow(ctx, selectWide)}) {
		b.Run(task.name, func(b *testing.B) {
			db, _ := wideDB(b)
			compare(b, task.make(b, db), task.make(b, floorDB(b)))
		})
	}
}

// BenchmarkFloor is the floor alone, to be seen beside others.
func BenchmarkFloor(b *testing.B) {
	for _, task := range hitTasks {
		b.Run(task.name, func(b *testing.B) {
			b.ReportAllocs()
			run := task.make(b, floorDB(b))
			for b.Loop() {
				run()
			}
		})
	}
}

// Statements that go on to the driver, against the driver alone.
func BenchmarkPass(b *testing.B) {
	for _, task := range passTasks {
		b.Run(task.name, func(b *testing.B) {
			db, _ := wideDB(b)
			compare(b, task.make(b, db), task.make(b, floorDB(b)))
		})
	}
}

// A write that drops one key, against the driver alone. The driver does nothing, so this is all that a write costs.
func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	db, _ := wideDB(b)
	for b.Loop() {
		if _, err := db.Exec(updateWide, int64(1)); err != nil {
			b.Fatal(err)
		}
	}
}

// compare runs two things in turns and reports the ratio of their times: its median and its bounds. What slows down the
// machine for a while slows down both.
func compare(b *testing.B, ours, floor func()) {
	const (
		atLeast = 7     // rounds
		turns   = 10    // of each of the two in a round
		slice   = 2_000 // calls in a turn: a few milliseconds
	)
	timed := func(run func()) time.Duration {
		start := time.Now()
		for range slice {
			run()
		}
		return time.Since(start)
	}
	timed(ours)
	timed(floor)
	var ratios, oursTook, floorTook []float64
	round := func() {
		var a, f time.Duration
		for range turns {
			a += timed(ours)
			f += timed(floor)
		}
		ratios = append(ratios, float64(a)/float64(f))
		oursTook = append(oursTook, float64(a)/(turns*slice))
		floorTook = append(floorTook, float64(f)/(turns*slice))
	}
	for b.Loop() {
		round()
	}
	for len(ratios) < atLeast {
		round()
	}
	b.ReportMetric(0, "ns/op") // that of a round, of no interest
	b.ReportMetric(median(oursTook), "ns/ours")
	b.ReportMetric(median(floorTook), "ns/floor")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(slices.Min(ratios), "ratio-min")
	b.ReportMetric(slices.Max(ratios), "ratio-max")
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
