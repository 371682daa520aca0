package moneyclip_test

import (
	"slices"
	"testing"
)

// A hit allocates what database/sql allocates, and so does a statement that is none of the cache's business.
func TestAllocs(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	for i, task := range slices.Concat(hitTasks, passTasks) {
		t.Run(task.name, func(t *testing.T) {
			db, cache := wideDB(t)
			ours, floor := task.make(t, db), task.make(t, floorDB(t))
			got, want := testing.AllocsPerRun(1000, ours), testing.AllocsPerRun(1000, floor)
			if got > want {
				t.Errorf("got %v allocations, want the %v of database/sql", got, want)
			}
			if hits := cache.Stats().Hits; (hits > 0) != (i < len(hitTasks)) {
				t.Errorf("got %d hits", hits)
			}
		})
	}
}
