// Package propertytest does random things to random databases and compares, after each, what a cache answers with what
// the database holds. A [Database] says how that is written and carried out on one kind of database.
//
// Each script has two caches with rules of their own on one store, and sessions of both that write in turns.
package propertytest

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// maxFailures are reported before a test gives up.
const maxFailures = 3

// Setting is a number from the environment.
func Setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// Property carries out random scripts. MONEYCLIP_STEPS says how many steps, MONEYCLIP_SEED where they start: a failure
// names its seed. MONEYCLIP_REPORT names a folder for the report.
func Property(t *testing.T, db Database, steps int) *Report {
	t.Helper()
	steps, seed := Setting("MONEYCLIP_STEPS", steps), Setting("MONEYCLIP_SEED", 1)
	scripts := Scripts(db)
	total := NewReport(db.Name())
	failures := 0
	for ; total.Steps < steps && failures < maxFailures; seed++ {
		sc := scripts.Example(seed)
		r, err := carryOut(db, sc, NewRecorder())
		total.Add(r.report)
		if err == nil {
			continue
		}
		failures++
		trace, reduced := reduce(db, sc, err)
		t.Errorf("MONEYCLIP_SEED=%d: %v\n\nreduced: %v\nafter:\n%s", seed, err, reduced, strings.Join(trace, "\n"))
	}
	total.Seed = seed
	t.Log(total)
	if total.Hits*10 < total.Reads*3 {
		t.Errorf("%d of %d reads were hits: too few to prove anything", total.Hits, total.Reads)
	}
	if folder := os.Getenv("MONEYCLIP_REPORT"); folder != "" {
		if err := total.Write(folder); err != nil {
			t.Error(err)
		}
	}
	return total
}

// Grammar carries out scripts on a database whose dialect caches nothing. It shows what the property cannot: that the
// mirror is like the database, and that most of the statements succeed.
func Grammar(t *testing.T, db Database, steps int) {
	t.Helper()
	scripts := Scripts(db)
	total := NewReport(db.Name())
	for seed := 1; total.Steps < steps; seed++ {
		r, err := carryOut(db, scripts.Example(seed), NewRecorder())
		total.Add(r.report)
		if err != nil {
			t.Errorf("seed %d: %v\n%s", seed, err, strings.Join(r.trace, "\n"))
			break
		}
	}
	t.Logf("%s: %d of %d steps have failed", db.Name(), total.Failing, total.Steps)
	if total.Failing*100 > total.Steps*mostFailing {
		t.Errorf("%d of %d steps have failed", total.Failing, total.Steps)
	}
}

// mostFailing is the share of statements that may fail, in percent. Nearly all that do are meant to: they violate a
// constraint.
const mostFailing = 40

// Control shows that the property can fail: with one writer whose invalidation is lost a difference must be found.
func Control(t *testing.T, db Database, maxSteps int) {
	t.Helper()
	scripts := Scripts(db)
	found, run, steps := 0, 0, 0
	for seed := 1; steps < maxSteps; seed++ {
		store := NewRecorder()
		store.Deaf = 2 + seed%7
		r, err := carryOut(db, scripts.Example(seed), store)
		steps += r.report.Steps
		run++
		if err == nil {
			continue
		}
		found++
		if found == 1 {
			t.Logf("found after %d steps: %v", steps, err)
		}
	}
	t.Logf("%d of %d lost invalidations found, in %d steps", found, run, steps)
	if found == 0 {
		t.Errorf("no difference in %d steps, although an invalidation was lost in each of %d scripts", steps, run)
	}
}

// Case carries out a script that is written by hand: one rule, one select for it with each of several arguments, and
// statements.
func Case(t *testing.T, db Database, ddl []string, rule moneyclip.Rule, probe string, args []any, statements []string) {
	t.Helper()
	sc := Script{Schema: &Schema{DDL: ddl}}
	sc.Caching[0].Rules = []moneyclip.Rule{rule}
	for _, arg := range args {
		sc.Caching[0].Probes = append(sc.Caching[0].Probes, Probe{Query: probe, Args: []any{arg}})
	}
	for _, query := range statements {
		sc.Steps = append(sc.Steps, Step{Query: query})
	}
	r, err := carryOut(db, sc, NewRecorder())
	if err != nil {
		t.Errorf("%v\n%s", err, strings.Join(r.trace, "\n"))
	}
}
