// Package bench measures what MoneyClip costs, against the floor, the databases and its peers, and how that grows. All of
// it is relative: two arms take turns in slices of a few milliseconds, so that what slows the machine down for a while
// slows down both. `make bench` runs it and writes docs/performance.md.
package bench

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An Arm is one of the things that are compared. Run does it once; it is called by many goroutines, with the number of
// the call, which is another one each time.
type Arm struct {
	Name string
	Run  func(i int) error

	calls int // so far
	slice int // calls in a slice
}

// A Measure is what was measured of some arms that ran in turn.
type Measure struct {
	Goroutines     int
	Arms           []string
	Nanoseconds    []float64   // of a call of each arm: the median over the rounds
	Allocations    []float64   // of a call of each arm, by the whole process
	Rounds         [][]float64 // nanoseconds of a call, by round and arm
	Value          float64     // the median over the rounds, of what was asked
	Lowest, Higher float64
}

// An Effort is how long is measured.
type Effort struct {
	Rounds, Turns int
	Slice         time.Duration
	Least         int // calls in a slice: of a few that are slow, the first would weigh too much
}

var (
	full  = Effort{Rounds: 9, Turns: 24, Slice: 4 * time.Millisecond, Least: 32}
	smoke = Effort{Rounds: 1, Turns: 1, Slice: 100 * time.Microsecond, Least: 1}
)

// ratio is what is asked most often.
func ratio(took []float64) float64 { return took[0] / took[1] }

// Compare runs the arms in turn, on so many goroutines.
func (e Effort) Compare(t testing.TB, goroutines int, value func(took []float64) float64, arms ...*Arm) *Measure {
	t.Helper()
	for _, a := range arms {
		a.calibrate(t, e, goroutines)
	}
	m := &Measure{Goroutines: goroutines}
	for range e.Rounds + 1 {
		took := make([][]float64, len(arms))
		for turn := range e.Turns {
			for k := range arms {
				i := (turn + k) % len(arms) // nobody always comes first
				took[i] = append(took[i], float64(arms[i].run(t, arms[i].slice, goroutines))/float64(arms[i].slice))
			}
		}
		round := make([]float64, len(arms))
		for i := range arms {
			round[i] = midmean(took[i])
		}
		m.Rounds = append(m.Rounds, round)
	}
	m.Rounds = m.Rounds[1:] // in the first, connections are still being made
	m.Value, m.Lowest, m.Higher = m.over(value)
	for i, a := range arms {
		var took []float64
		for _, round := range m.Rounds {
			took = append(took, round[i])
		}
		m.Arms = append(m.Arms, a.Name)
		m.Nanoseconds = append(m.Nanoseconds, median(took))
		m.Allocations = append(m.Allocations, a.allocations(t, e, goroutines))
	}
	return m
}

// over is the median of something over the rounds, with the lowest and the highest.
func (m *Measure) over(value func(took []float64) float64) (middle, lowest, highest float64) {
	var values []float64
	for _, round := range m.Rounds {
		values = append(values, value(round))
	}
	return median(values), slices.Min(values), slices.Max(values)
}

// allocations are those of a call, by the whole process. They are counted apart: to ask for them stops the program.
func (a *Arm) allocations(t testing.TB, e Effort, goroutines int) float64 {
	t.Helper()
	var counts []float64
	for range e.Rounds {
		var from, to runtime.MemStats
		runtime.ReadMemStats(&from)
		a.run(t, a.slice, goroutines)
		runtime.ReadMemStats(&to)
		counts = append(counts, float64(to.Mallocs-from.Mallocs)/float64(a.slice))
	}
	return median(counts)
}

// calibrate finds out how many calls make a slice, and warms up.
func (a *Arm) calibrate(t testing.TB, e Effort, goroutines int) {
	t.Helper()
	a.run(t, goroutines, goroutines) // what is done once
	for a.slice = goroutines; ; a.slice *= 2 {
		// The best of three, for connections may still be made: a slice of a few calls would measure how it begins and ends.
		took := a.run(t, a.slice, goroutines)
		for range 2 {
			took = min(took, a.run(t, a.slice, goroutines))
		}
		if took >= e.Slice/2 || a.slice >= 1<<20 {
			a.slice = max(goroutines, e.Least, int(float64(a.slice)*float64(e.Slice)/float64(took)))
			return
		}
	}
}

// run calls the arm n times and returns how long all of it took.
func (a *Arm) run(t testing.TB, n, goroutines int) time.Duration {
	t.Helper()
	first := a.calls
	a.calls += n
	if goroutines == 1 {
		start := time.Now()
		for i := range n {
			if err := a.Run(first + i); err != nil {
				t.Fatalf("%s: %v", a.Name, err)
			}
		}
		return time.Since(start)
	}
	// Calls are taken from a common heap, so that all goroutines end together; several at a time, so that the heap is not
	// what is measured.
	chunk := max(1, min(64, n/goroutines/8))
	var next atomic.Int64
	var fault atomic.Pointer[error]
	var all sync.WaitGroup
	start := time.Now()
	for range goroutines {
		all.Go(func() {
			for {
				end := int(next.Add(int64(chunk)))
				for i := end - chunk; i < min(end, n); i++ {
					if err := a.Run(first + i); err != nil {
						fault.Store(&err)
						return
					}
				}
				if end >= n {
					return
				}
			}
		})
	}
	all.Wait()
	took := time.Since(start)
	if err := fault.Load(); err != nil {
		t.Fatalf("%s: %v", a.Name, *err)
	}
	return took
}

// Lines are the measure as benchstat reads it: a line for each round.
func (m *Measure) Lines(name string) (lines []string) {
	for _, round := range m.Rounds {
		for i, took := range round {
			lines = append(lines, fmt.Sprintf("Benchmark%s/%s-%d\t1\t%.1f ns/op\t%.0f allocs/op",
				word(name), word(m.Arms[i]), m.Goroutines, took, m.Allocations[i]))
		}
	}
	return lines
}

// word is a name as benchmarks have them.
func word(name string) string {
	out := []rune(name)
	for i, r := range out {
		if r == ' ' || r == '/' || r == ',' || r == ':' {
			out[i] = '_'
		}
	}
	return string(out)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// midmean is the mean of the middle half. A slice in which the machine did something else does not count, as for a median;
// but of calls that take one of two times, as round trips do where a processor may have fallen asleep, it is not all one or
// all the other.
func midmean(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	sorted = sorted[len(sorted)/4 : len(sorted)-len(sorted)/4]
	sum := 0.0
	for _, v := range sorted {
		sum += v
	}
	return sum / float64(len(sorted))
}
