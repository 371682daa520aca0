package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"pgregory.net/rapid"

	"github.com/moneyclip/moneyclip"
)

// defaultSteps are run when MONEYCLIP_STEPS does not ask for more.
const defaultSteps = 2000

// maxFailures are reported before the test gives up.
const maxFailures = 3

// shallow is a driver whose triggers give up soon: random ones may fire each other without end.
const shallow = "sqlite3 shallow"

var shallowDriver = &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
	c.SetLimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 3)
	return nil
}}

func init() { sql.Register(shallow, shallowDriver) }

// script is a whole test: a schema, two caches, and what is done to the database. It is data alone, so that one that
// fails can be reduced by leaving parts out.
type script struct {
	schema  *schema
	caching [2]caching
	steps   []step
}

var randomScripts = rapid.Custom(func(t *rapid.T) script {
	d := dice{t}
	sc := script{schema: drawSchema(d)}
	for i, prefix := range []string{"p", "q"} {
		sc.caching[i] = drawCaching(d, sc.schema, prefix)
	}
	for _, table := range sc.schema.tables {
		for range 1 + d.n(3) {
			b := newText(d)
			sc.schema.fill(d, b, table)
			sc.steps = append(sc.steps, step{form: "INSERT", query: b.String(), args: b.args})
		}
	}
	for range 10 + d.n(60) {
		sc.steps = append(sc.steps, drawStep(d, sc.schema))
	}
	return sc
})

// setting is a number from the environment.
func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestProperty does random things to random databases and compares, after each, what the cache answers with what the
// database holds. MONEYCLIP_STEPS says how much it does, MONEYCLIP_SEED where it starts: a failure names its seed.
func TestProperty(t *testing.T) {
	t.Parallel()
	steps, seed := setting("MONEYCLIP_STEPS", defaultSteps), setting("MONEYCLIP_SEED", 1)
	total := newCounts()
	failures := 0
	for ; total.steps < steps && failures < maxFailures; seed++ {
		sc := randomScripts.Example(seed)
		r, err := carryOut(t, sc, newRecorder())
		total.add(r.counts)
		if err == nil {
			continue
		}
		failures++
		reduced, reducedErr := reduce(t, sc, err)
		t.Errorf("MONEYCLIP_SEED=%d: %v\n\nreduced: %v\nafter:\n%s", seed, err, reducedErr,
			strings.Join(reduced.trace, "\n"))
	}
	t.Logf("up to seed %d: %v", seed, total)
	if total.hits*10 < total.reads*3 {
		t.Errorf("%d of %d reads were hits: too few to prove anything", total.hits, total.reads)
	}
}

// carryOut runs a script in a folder of its own.
func carryOut(t *testing.T, sc script, store *recorder) (*run, error) {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r := newRun(dir, store)
	return r, r.script(sc)
}

// reduceTime bounds the search for a shorter script that fails as well.
const reduceTime = 20 * time.Second

// reduce leaves out of a failing script what is not needed to make it fail in the same way.
func reduce(t *testing.T, sc script, err error) (*run, error) {
	var last *run
	lastErr := err
	end := time.Now().Add(reduceTime)
	fails := func(sc script) bool {
		r, err := carryOut(t, sc, newRecorder())
		if err == nil || time.Now().After(end) || kindOf(err) != kindOf(lastErr) {
			return false
		}
		last, lastErr = r, err
		return true
	}
	fails(sc)
	for range 2 {
		sc.steps = without(sc.steps, func(steps []step) bool {
			return fails(script{sc.schema, sc.caching, steps})
		})
		for i := range sc.caching {
			sc.caching[i].probes = without(sc.caching[i].probes, func(probes []probe) bool {
				shorter := sc
				shorter.caching[i].probes = probes
				return fails(shorter)
			})
			sc.caching[i].rules = without(sc.caching[i].rules, func(rules []moneyclip.Rule) bool {
				shorter := sc
				shorter.caching[i].rules = rules
				return fails(shorter)
			})
		}
		sc.schema.ddl = without(sc.schema.ddl, func(ddl []string) bool {
			return fails(script{&schema{ddl: ddl, recursive: sc.schema.recursive}, sc.caching, sc.steps})
		})
	}
	if last == nil {
		return &run{}, errors.New("it does not fail again")
	}
	return last, lastErr
}

// kindOf is what an error has in common with others of its kind.
func kindOf(err error) string {
	before, _, _ := strings.Cut(err.Error(), ":")
	return before
}

// without leaves parts out of a list, ever smaller ones, as long as what is left still fails.
func without[T any](list []T, fails func([]T) bool) []T {
	for size := (len(list) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(list); {
			shorter := slices.Delete(slices.Clone(list), at, min(at+size, len(list)))
			if fails(shorter) {
				list = shorter
				continue
			}
			at += size
		}
	}
	return list
}

// counts are what runs have done.
type counts struct {
	steps, failing, reads, hits, compared int
	forms                                 map[string]*formCounts
}

// formCounts are how exact the invalidation of one form of statement was.
type formCounts struct {
	statements      int
	guarantees      [4]int // of a statement for a rule
	dropped, needed int    // stored keys
}

func newCounts() *counts { return &counts{forms: map[string]*formCounts{}} }

func (c *counts) form(name string) *formCounts {
	f := c.forms[name]
	if f == nil {
		f = &formCounts{}
		c.forms[name] = f
	}
	return f
}

func (c *counts) add(other *counts) {
	c.steps += other.steps
	c.failing += other.failing
	c.reads += other.reads
	c.hits += other.hits
	c.compared += other.compared
	for name, f := range other.forms {
		mine := c.form(name)
		mine.statements += f.statements
		mine.dropped += f.dropped
		mine.needed += f.needed
		for i, n := range f.guarantees {
			mine.guarantees[i] += n
		}
	}
}

func (c *counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps, %d of them failing statements; %d cached reads, %d hits (%d%%); %d comparisons\n",
		c.steps, c.failing, c.reads, c.hits, 100*c.hits/max(c.reads, 1), c.compared)
	fmt.Fprintf(&b, "%-40s %6s | %6s %6s %6s %6s | %8s %8s\n", "form", "n", "exact", "read", "wide", "none",
		"dropped", "changed")
	for _, name := range slices.Sorted(maps.Keys(c.forms)) {
		f := c.forms[name]
		g := f.guarantees
		fmt.Fprintf(&b, "%-40s %6d | %6d %6d %6d %6d | %8d %8d\n", name, f.statements,
			g[moneyclip.Exact], g[moneyclip.AfterReading], g[moneyclip.RuleWide], g[moneyclip.None], f.dropped, f.needed)
	}
	return b.String()
}
