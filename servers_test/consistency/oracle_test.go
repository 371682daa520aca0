//go:build unix

package consistency

import (
	"path/filepath"
	"slices"
	"testing"
)

// A history is judged as the promise says.
func TestOracle(t *testing.T) {
	write := func(row uint8, value, start, end int64) []Record {
		return []Record{
			{Kind: Begin, Row: row, Value: value, Start: start},
			{Kind: End, Outcome: OK, Row: row, Value: value, Start: start, End: end},
		}
	}
	read := func(row uint8, value, start, end int64) Record {
		return Record{Kind: Read, Outcome: OK, Row: row, Value: value, Start: start, End: end}
	}
	const gone = steady + 1 // a row that comes and goes
	removal := []Record{
		{Kind: Begin, Form: formRemove, Row: gone, Start: 30},
		{Kind: End, Outcome: OK, Form: formRemove, Row: gone, Value: 600, Start: 30, End: 40},
	}
	for _, c := range []struct {
		name             string
		records          []Record
		commits          []committed
		p1, p2, phantoms int
		illegal          int
	}{
		{"after the answer", append(write(1, 500, 10, 20), read(1, 500, 21, 22)), []committed{{1, 500, false}}, 0, 0, 0, 0},
		{"old during the write", append(write(1, 500, 10, 20), read(1, 1, 19, 22)), []committed{{1, 500, false}}, 0, 0, 0, 0},
		{"old after the answer", append(write(1, 500, 10, 20), read(1, 1, 21, 22)), []committed{{1, 500, false}}, 1, 0, 0, 1},
		{"old after another has seen it", append(write(1, 500, 10, 20), read(1, 500, 12, 13), read(1, 1, 14, 15)), []committed{{1, 500, false}}, 0, 1, 0, 1},
		{"before it was sent", append(write(1, 500, 10, 20), read(1, 500, 5, 6)), []committed{{1, 500, false}}, 0, 0, 1, 1},
		{"never committed", []Record{read(1, 500, 5, 6)}, nil, 0, 0, 1, 1},
		{"without an answer, at any time", []Record{{Kind: Begin, Row: 1, Value: 500, Start: 10}, read(1, 1, 30, 31), read(1, 500, 50, 51)},
			[]committed{{1, 500, false}}, 0, 0, 0, 0},
		{"gone", append(append(write(gone, 600, 10, 20), removal...), read(gone, absent, 41, 42)),
			[]committed{{gone, 600, false}, {gone, 600, true}}, 0, 0, 0, 0},
		{"not gone", append(append(write(gone, 600, 10, 20), removal...), read(gone, 600, 41, 42)),
			[]committed{{gone, 600, false}, {gone, 600, true}}, 1, 0, 0, 1},
		{"not there yet", append(append(write(gone, 600, 10, 20), removal...), read(gone, absent, 21, 25)),
			[]committed{{gone, 600, false}, {gone, 600, true}}, 1, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, err := judge(c.records, c.commits)
			if err != nil {
				t.Fatal(err)
			}
			if v.P1 != c.p1 || v.P2 != c.p2 || v.Phantoms != c.phantoms {
				t.Errorf("got P1 %d, P2 %d, phantoms %d, want %d, %d, %d: %v", v.P1, v.P2, v.Phantoms, c.p1, c.p2, c.phantoms, v.Examples)
			}
			if p := linearize(c.records); p.Illegal != c.illegal || p.Open != 0 {
				t.Errorf("porcupine: got %+v, want %d illegal", p, c.illegal)
			}
		})
	}
}

// Of a long history all writes are looked at, and reads from its beginning to its end.
func TestThin(t *testing.T) {
	const writes, reads = 500, 3 * maxOperations
	var records []Record
	for i := range int64(writes + reads) {
		kind := Read
		if i%((writes+reads)/writes) == 0 {
			kind = End
		}
		records = append(records, Record{Kind: kind, Start: i})
	}
	got := thin(records)
	kept := map[Kind]int{}
	gap := int64(0)
	for i, r := range got {
		kept[r.Kind]++
		if i > 0 {
			gap = max(gap, r.Start-got[i-1].Start)
		}
	}
	if len(got) != maxOperations || kept[End] != writes {
		t.Errorf("got %d operations of which %d writes, want %d, %d", len(got), kept[End], maxOperations, writes)
	}
	if last := got[len(got)-1].Start; gap > 10 || last < writes+reads-10 {
		t.Errorf("got gaps of up to %d and an end at %d, want no more than 10 and the last", gap, last)
	}
	if some := records[:maxOperations]; len(thin(some)) != maxOperations {
		t.Errorf("a short history was thinned")
	}
}

// A report has the rounds of a folder and those of the report before, each once.
func TestReportOfReports(t *testing.T) {
	round := func(name, mutant string, reads, p1 int, faults ...string) *Result {
		return &Result{Plan: Plan{Name: name, Mutant: mutant, Faults: faults}, Verdict: Verdict{Reads: reads, P1: p1, Bound: int64(p1)}}
	}
	path := filepath.Join(t.TempDir(), "report")
	for _, part := range []struct {
		rounds []*Result
		reads  int
	}{
		{[]*Result{round("one", "", 10, 0), round("two", "", 20, 1, "kills")}, 30},
		{[]*Result{round("two", "", 25, 0, "kills"), round("three", "", 40, 0, "kills", "locks"), round("four", "N1", 80, 9)}, 75},
	} {
		dir := t.TempDir()
		for _, r := range part.rounds {
			if err := r.save(dir); err != nil {
				t.Fatal(err)
			}
		}
		report, err := readReport(path, dir)
		if err != nil {
			t.Fatal(err)
		}
		if report.Reads != part.reads {
			t.Errorf("got %d reads, want %d", report.Reads, part.reads)
		}
		if err := report.write(path); err != nil {
			t.Fatal(err)
		}
	}
	report, err := readReport(path, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{{Fault: "kills", Rounds: 2, Reads: 65}, {Fault: "locks", Rounds: 1, Reads: 40}, {Fault: "none", Rounds: 1, Reads: 10}}
	if !slices.Equal(report.ByFault, want) || len(report.Rounds) != 4 {
		t.Errorf("got %+v of %d rounds, want %+v", report.ByFault, len(report.Rounds), want)
	}
}
