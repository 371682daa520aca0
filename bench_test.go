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

// compare runs two things in turns and reports the ratio of their times: its median and its bounds.
func compare(b *testing.B, ours, floor func()) {
	const atLeast = 7 // rounds
	c := newComparison(ours, floor, 2_000)
	for b.Loop() {
		c.round()
	}
	for len(c.ratios) < atLeast {
		c.round()
	}
	b.ReportMetric(0, "ns/op") // that of a round, of no interest
	b.ReportMetric(median(c.ours), "ns/ours")
	b.ReportMetric(median(c.floor), "ns/floor")
	b.ReportMetric(median(c.ratios), "ratio")
	b.ReportMetric(slices.Min(c.ratios), "ratio-min")
	b.ReportMetric(slices.Max(c.ratios), "ratio-max")
}

// A comparison has two things take turns: what slows down the machine for a while slows down both.
type comparison struct {
	runOurs, runFloor   func()
	slice               int       // calls in a turn: a few milliseconds
	ratios, ours, floor []float64 // of each round, the times of a call in nanoseconds
}

func newComparison(ours, floor func(), slice int) *comparison {
	c := &comparison{runOurs: ours, runFloor: floor, slice: slice}
	c.timed(ours)
	c.timed(floor)
	return c
}

func (c *comparison) timed(run func()) time.Duration {
	start := time.Now()
	for range c.slice {
		run()
	}
	return time.Since(start)
}

func (c *comparison) round() {
	const turns = 10
	var a, f time.Duration
	for range turns {
		a += c.timed(c.runOurs)
		f += c.timed(c.runFloor)
	}
	c.ratios = append(c.ratios, float64(a)/float64(f))
	c.ours = append(c.ours, float64(a)/float64(turns*c.slice))
	c.floor = append(c.floor, float64(f)/float64(turns*c.slice))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
