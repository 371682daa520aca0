package bench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// ballast is what a program holds. With an empty heap the collector would run every few milliseconds, and most of what is
// measured would be its work.
var ballast = make([]byte, 64<<20)

func TestMain(m *testing.M) {
	if text := os.Getenv(shiftVariable); text != "" {
		if err := work(text, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	servers.Main(m)
	runtime.KeepAlive(ballast)
}

// Every arm runs, for a moment: what it takes is not looked at.
func TestArms(t *testing.T) {
	r := measure(t, smoke, smokeScale, 5000, 10)
	for _, section := range r.sections() {
		if section == "" {
			t.Error("a section is empty")
		}
	}
	if plots := r.plots(); len(plots) != 3 {
		t.Errorf("got %d plots, want 3", len(plots))
	}
}

// All that is promised, in figures: docs/performance.md and its plots, and what the README says. It fails if something is
// missed. MONEYCLIP_BENCH is the folder of the repository.
func TestReport(t *testing.T) {
	dir := os.Getenv("MONEYCLIP_BENCH")
	if dir == "" {
		t.Skip("it takes minutes: make bench")
	}
	s := fullScale
	if rows, err := strconv.Atoi(os.Getenv("MONEYCLIP_ROWS")); err == nil {
		s.rows = rows
	}
	r := measure(t, full, s, 100_000, 1000)
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Lines {
		if !l.OK() {
			t.Errorf("%s: missed", l.Name)
		}
	}
}

func measure(t *testing.T, e Effort, s scale, rows, keys int) *Report {
	w := newWorld(t, e, rows)
	r := &Report{Lines: w.table(), Growths: w.growths()}
	e.Rounds, e.Turns = min(e.Rounds, 7), min(e.Turns, 10)
	w.effort = e
	for _, d := range []*database{w.pg, newMariaDB(t, 2*keys), newSQLite(t, 2*keys)} {
		r.Contests = append(r.Contests, w.contest(d, keys)...)
	}
	r.Loads = loads(t, s)
	return r
}
