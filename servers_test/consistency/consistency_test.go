//go:build unix

package consistency

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// MONEYCLIP_CONSISTENCY names a folder: then every fault and every pair of faults is tried and every mutant, for
// MONEYCLIP_LOAD (30s) each. What is in the folder already is not done again, and the report is made of all that is there.
// MONEYCLIP_ONLY names the faults of one round instead: "kills locks". MONEYCLIP_PART is a word by which one run is told from
// another, so that what one has done the other does too. MONEYCLIP_THREADS and MONEYCLIP_READERS are how many threads of a
// program read and write, and how many more only read.
var (
	folder = os.Getenv("MONEYCLIP_CONSISTENCY")
	only   = os.Getenv("MONEYCLIP_ONLY")
	seed   = uint64(time.Now().Unix())
)

func TestMain(m *testing.M) {
	IfWorker()
	servers.Main(m)
}

func load(ordinary time.Duration) time.Duration {
	if folder == "" && only == "" {
		return ordinary
	}
	d, err := time.ParseDuration(cmp.Or(os.Getenv("MONEYCLIP_LOAD"), "30s"))
	if err != nil {
		panic(err)
	}
	return d
}

func number(variable string, ordinary int) int {
	text := os.Getenv(variable)
	if text == "" {
		return ordinary
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		panic(variable + " is not a number of threads")
	}
	return n
}

// run runs a round, and keeps its result if there is somewhere to. It returns nil for one that was run before.
func run(t *testing.T, plan Plan) *Result {
	t.Helper()
	plan.Name = cmp.Or(plan.Name, plan.Store+" "+cmp.Or(strings.Join(plan.Faults, "+"), "none"))
	if part := os.Getenv("MONEYCLIP_PART"); part != "" {
		plan.Name += " " + part
	}
	if folder != "" && isSaved(folder, plan.Name) {
		return nil
	}
	plan.Workers, plan.Threads = cmp.Or(plan.Workers, 4), cmp.Or(plan.Threads, number("MONEYCLIP_THREADS", 6))
	plan.Readers = number("MONEYCLIP_READERS", 2)
	plan.Seed = cmp.Or(plan.Seed, seed)
	result, err := Run(t, plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d reads of which %d hits, %d writes, %d without an answer, %d faults %v; P1 %d (%v), P2 %d, P3 %d; errors %v; slowest %v; %+v; %v",
		plan.Name, result.Reads, result.Hits, result.Writes, result.Unknown, result.Injected, result.Harms, result.P1,
		time.Duration(result.Bound), result.P2, len(result.Stuck), result.Errors, result.Slowest, result.Porcupine, result.Took.Round(time.Second))
	if folder != "" {
		if err := result.save(folder); err != nil {
			t.Fatal(err)
		}
	}
	return result
}

// check says what a round has shown that is forbidden.
func check(t *testing.T, r *Result) {
	t.Helper()
	if r == nil {
		return
	}
	if r.Reads == 0 {
		t.Error("nothing was read")
	}
	wrong := r.Wrong()
	for _, text := range wrong {
		t.Error(text)
	}
	if len(wrong) > 0 {
		t.Logf("the seed is %d", r.Seed)
		for _, e := range r.Examples {
			t.Log(e)
		}
	}
}

// The promise holds, or is broken for no longer than the bounds say.
func TestFaults(t *testing.T) {
	plans := [][]string{{}, {"kills", "locks"}, {"pauses", "cut"}, {"restart-empty", "terminate"}, {"flush", "delays"}, {"sentinel-order", "scripts"}, {"failover"}}
	switch {
	case only != "":
		plans = [][]string{strings.Fields(only)}
	case folder != "":
		plans = matrix()
	}
	for i, list := range plans {
		t.Run(cmp.Or(strings.Join(list, "+"), "none"), func(t *testing.T) {
			if folder != "" {
				fmt.Printf("%s round %d of %d: %v\n", time.Now().Format("15:04:05"), i+1, len(plans), list)
			}
			check(t, run(t, Plan{Store: cmp.Or(os.Getenv("MONEYCLIP_STORE"), "redis"), Faults: list, Hot: i%2 == 1, Load: load(5 * time.Second)}))
		})
	}
}

// matrix is no fault, every fault, and every two that go together.
func matrix() [][]string {
	list := [][]string{{}}
	names := slices.Sorted(maps.Keys(faults))
	for _, name := range names {
		list = append(list, []string{name})
	}
	for i, one := range names {
		for _, two := range names[i+1:] {
			a, b := faults[one], faults[two]
			if a.server && b.server || a.proxy && (b.cluster || b.sentinels) || b.proxy && (a.cluster || a.sentinels) {
				continue
			}
			if len(a.persist) == 0 || len(b.persist) == 0 {
				list = append(list, []string{one, two})
			}
		}
	}
	return list
}

// The miniature is no mutant as long as it leaves out nothing.
func TestMiniature(t *testing.T) {
	lists := [][]string{{"forgets"}}
	if folder != "" {
		lists = append(lists, []string{"flush"}, []string{"lagging-replica"}, []string{"two-failovers"})
	}
	for _, list := range lists {
		t.Run(list[0], func(t *testing.T) {
			check(t, run(t, Plan{Store: "miniature", Faults: list, Hot: true, Workers: 3, Load: load(4 * time.Second)}))
		})
	}
}

// Chance finds the mutants too, given some rounds. It is the harness that is tried by this.
func TestMutants(t *testing.T) {
	labels := []string{"N3", "N7"} // most of the others take longer
	if folder != "" {
		labels = slices.Sorted(maps.Keys(mutants))
	}
	if text := os.Getenv("MONEYCLIP_MUTANTS"); text != "" {
		labels = strings.Fields(text)
	}
	for _, label := range labels {
		t.Run(label, func(t *testing.T) {
			m, ok := mutants[label]
			if !ok {
				t.Fatal("there is no such mutant")
			}
			const tries = 8
			nameOf := func(try uint64) string { return fmt.Sprintf("mutant %s %d", label, try+1) }
			if folder != "" && isSaved(folder, nameOf(tries-1)) {
				t.Skip("done before")
			}
			for try := range uint64(tries) {
				r := run(t, Plan{
					Name: nameOf(try), Store: "miniature", Mutant: label, Faults: m.faults, Workers: 3, Threads: 8,
					Hot: !m.cold, Load: 5 * time.Second, Seed: seed + try,
				})
				if r == nil || r.Caught() {
					return
				}
				if folder != "" && try < tries-1 {
					os.Remove(filepath.Join(folder, fileName(r.Name))) // only the last one counts
				}
			}
			if folder != "" {
				t.Skipf("%s: nobody has noticed in %d rounds; its drill has", m.what, tries)
			}
			t.Errorf("%s: nobody has noticed in %d rounds", m.what, tries)
		})
	}
}

// What most programs do, to delete the key after the write, serves old rows under this load. If it did not, the rest would
// prove nothing.
func TestControl(t *testing.T) {
	const tries = 3 // on a busy machine hardly anything happens in a round
	for range tries {
		r := run(t, Plan{Name: "control", Store: "miniature", Mutant: "N1", Hot: true, Workers: 3, Threads: 8, Load: load(5 * time.Second)})
		if r == nil {
			return
		}
		stale := float64(r.P1) / float64(max(r.Reads, 1))
		t.Logf("%.1f %% of reads missed an acknowledged write", 100*stale)
		if stale >= 0.01 || folder != "" {
			return
		}
	}
	t.Error("that is too few: the load is no test")
}

// The report is made of what is in the folder, and of what it said before.
func TestReport(t *testing.T) {
	if folder == "" {
		t.Skip("MONEYCLIP_CONSISTENCY is not set")
	}
	path := cmp.Or(os.Getenv("MONEYCLIP_REPORT"), filepath.Join(folder, "report", "consistency"))
	report, err := readReport(path, folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := report.write(path); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rounds, %d reads, %d faults: %s.json, %s.svg", len(report.Rounds), report.Reads, report.Injected, path, path)
}
