//go:build unix

package consistency

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Every mutant is found out by its drill, and stores that are whole are not.
func TestDrills(t *testing.T) {
	chosen := strings.Fields(os.Getenv("MONEYCLIP_MUTANTS"))
	whole := []string{"redis"}
	if folder != "" {
		whole = []string{"redis", "miniature"}
	}
	for i, d := range drills {
		if len(chosen) > 0 && !slices.Contains(chosen, d.label) {
			continue
		}
		t.Run(d.label, func(t *testing.T) {
			t.Parallel()
			// On a busy machine what a drill waits for may come too late. The whole store has no such excuse.
			const tries = 3
			noticed := false
			for range tries {
				r := drillOnce(t, d, "miniature", d.label)
				if noticed = r.P1+r.P2+r.Phantoms+len(r.Stuck) > 0; noticed {
					break
				}
			}
			if !noticed {
				t.Errorf("nobody has noticed: %s", mutants[d.label].what)
			}
			if slices.ContainsFunc(drills[:i], func(other drill) bool { return other.steps == d.steps }) && len(chosen) == 0 {
				return // done already
			}
			for _, store := range whole {
				if r := drillOnce(t, d, store, ""); r.P1+r.P2+r.Phantoms+len(r.Stuck) > 0 {
					t.Errorf("%s: %v, not as in the database at the end: %v", store, r.Examples, r.Stuck)
				}
			}
		})
	}
	for label := range mutants {
		if !slices.ContainsFunc(drills, func(d drill) bool { return d.label == label }) {
			t.Errorf("there is no drill for %s", label)
		}
	}
}

func drillOnce(t *testing.T, d drill, store, mutant string) *Result {
	t.Helper()
	r, err := Drill(t, d, store, mutant)
	if err != nil {
		t.Fatalf("%s %s: %v", store, mutant, err)
	}
	t.Logf("%s %s: %d reads, P1 %d, P2 %d, phantoms %d, P3 %d", store, mutant, r.Reads, r.P1, r.P2, r.Phantoms, len(r.Stuck))
	return r
}
