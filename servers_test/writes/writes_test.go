package writes

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// ways are the ways to run a statement.
var ways = []struct {
	name               string
	inTx, isPrepared   bool
	rollsBack, asQuery bool
}{
	{name: "at once"},
	{name: "prepared", isPrepared: true},
	{name: "in a transaction", inTx: true},
	{name: "prepared in a transaction", inTx: true, isPrepared: true},
	{name: "rolled back", inTx: true, rollsBack: true},
	{name: "as a query", asQuery: true},
}

// Each form of write, however it is run: its caller sees what the base driver shows, the database holds what it would
// hold, and every cached select returns what the database holds. Where the keys are known, no others are dropped.
func TestForms(t *testing.T) {
	for i := range engines {
		e := &engines[i]
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			if servers.RaceDetector && !e.isMain() {
				t.Skip("the race detector sees one driver of each database")
			}
			bare, wrapped := e.open(t), e.open(t)
			for n, f := range forms {
				if f.only != "" && f.only != e.family() {
					continue
				}
				if e.family() == mariadb && servers.MySQL() && strings.Contains(f.query, "RETURNING") {
					continue // MySQL does not know it
				}
				t.Run(f.about, func(t *testing.T) {
					cache, db := wrapped.through(t) // for all ways: what it asks a database first takes long
					for i, way := range ways {
						if !e.isMain() && i != n%len(ways) {
							continue // other drivers see each form in one of the ways
						}
						t.Run(way.name, func(t *testing.T) {
							bare.fill(t)
							wrapped.fill(t)
							forget(t, db)
							look(t, e, db)
							filled := cache.Stats()
							before := look(t, e, wrapped.DB)
							look(t, e, db)
							fresh := cache.Stats()
							if fresh.Misses != filled.Misses || fresh.Bypasses != filled.Bypasses {
								t.Fatalf("reads that were cached are not: %+v, then %+v", filled, fresh)
							}

							act := func(db *sql.DB) string {
								isQuery := f.returns || way.asQuery
								if !way.inTx {
									return run(db, e.bind(f.query), f.args, isQuery, way.isPrepared)
								}
								tx, err := db.BeginTx(context.Background(), nil)
								if err != nil {
									t.Fatal(err)
								}
								seen := run(tx, e.bind(f.query), f.args, isQuery, way.isPrepared)
								if way.rollsBack {
									return seen + describe(tx.Rollback())
								}
								return seen + describe(tx.Commit())
							}
							if diff := cmp.Diff(act(bare.DB), act(db)); diff != "" && !f.plans {
								t.Errorf("the caller sees (-base +cache):\n%s", diff)
							}
							if diff := cmp.Diff(bare.contents(t), wrapped.contents(t)); diff != "" {
								t.Errorf("the database holds (-base +cache):\n%s", diff)
							}
							after := look(t, e, wrapped.DB)
							if diff := cmp.Diff(after, look(t, e, db)); diff != "" {
								t.Errorf("cached selects (-database +cache):\n%s", diff)
							}
							if (!f.alone || !way.inTx) && (!way.asQuery || f.returns) { // a query does not say how many rows it has touched
								checkMisses(t, cache, fresh, before, after, e, f)
							}
						})
					}
				})
			}
		})
	}
}

// forget drops all that is stored.
func forget(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, s := range selects {
		if err := moneyclip.Invalidate(t.Context(), db, s.rule); err != nil {
			t.Fatal(err)
		}
	}
}

// checkMisses checks that no key was dropped whose row is as it was, for rules whose keys are known.
func checkMisses(t *testing.T, cache *moneyclip.Cache, fresh moneyclip.Stats, before, after map[string]string, e *engine, f form) {
	t.Helper()
	x, err := cache.Explain(e.bind(f.query), f.args...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range selects {
		guarantee := moneyclip.None
		for _, effect := range x.Effects {
			if effect.Rule == s.rule {
				guarantee = effect.Guarantee
			}
		}
		changed := 0
		for _, arg := range s.args {
			if key := fmt.Sprintf("%s::%v", s.rule, arg); before[key] != after[key] {
				changed++
			}
		}
		now := cache.Stats().Rules[s.rule]
		missed := int(now.Misses - fresh.Rules[s.rule].Misses)
		if guarantee != moneyclip.RuleWide && now.RuleWide > fresh.Rules[s.rule].RuleWide {
			t.Errorf("rule %s: every key was dropped, though the write is %v", s.rule, guarantee)
		}
		if guarantee == moneyclip.None && changed > 0 {
			t.Errorf("rule %s: %d keys have changed by a write that touches none", s.rule, changed)
		}
		if guarantee != moneyclip.RuleWide && missed > changed+f.idle {
			t.Errorf("rule %s: %d keys were dropped, %d had to be", s.rule, missed, changed)
		}
	}
}
