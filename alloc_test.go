package moneyclip_test

import (
	"context"
	"database/sql"
	"slices"
	"testing"
)

// A hit allocates what database/sql allocates, and so does a statement that is none of the cache's business.
func TestAllocs(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hits := append(slices.Clone(hitTasks), task{"cancellable", queryRow(ctx, selectWide)})
	for i, task := range slices.Concat(hits, passTasks) {
		t.Run(task.name, func(t *testing.T) {
			db, cache := wideDB(t)
			ours, floor := task.make(t, db), task.make(t, floorDB(t))
			got, want := allocs(ours), allocs(floor)
			if task.name == "cancellable" {
				want++ // database/sql starts a goroutine that watches the context, with room of its own if the last has not ended
			}
			if got > want {
				t.Errorf("got %v allocations, want the %v of database/sql", got, want)
			}
			if got := cache.Stats().Hits; (got > 0) != (i < len(hits)) {
				t.Errorf("got %d hits", got)
			}
		})
	}
}

// A write that touches keys allocates little besides. In a transaction that is its key, mostly, and what the store makes of it.
func TestAllocsOfWrites(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	update := func(db interface {
		Exec(query string, args ...any) (sql.Result, error)
	}, id int64) {
		if _, err := db.Exec(updateWide, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		most float64 // more than the floor's
		run  func(db *sql.DB)
	}{
		{"alone", 9, func(db *sql.DB) { update(db, 1) }},
		{"in a transaction", 36, func(db *sql.DB) {
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			for id := range int64(10) {
				update(tx, id)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, _ := wideDB(t)
			floor := floorDB(t)
			got, want := allocs(func() { test.run(db) }), allocs(func() { test.run(floor) })+test.most
			if got > want {
				t.Errorf("got %v allocations, want at most %v", got, want)
			}
		})
	}
}

// allocs are those of one run of f, of three measurements the least: what is allocated meanwhile in the background, by what other tests
// have left, is counted too, and what f allocates is there each time.
func allocs(f func()) float64 {
	least := testing.AllocsPerRun(1000, f)
	for range 2 {
		least = min(least, testing.AllocsPerRun(1000, f))
	}
	return least
}

// What goes through the cache takes hardly longer than what does not. The bounds are those of docs/performance.md with room for
// a machine that does other things too: who passes them has become slower by more than that.
func TestRatios(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector costs more than all else")
	}
	// Not parallel: it measures time.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tasks := append(slices.Clone(hitTasks), task{"cancellable", queryRow(ctx, selectWide)})
	for _, test := range []struct {
		tasks []task
		most  float64
	}{{tasks, 1.3}, {passTasks[:2], 1.1}, {passTasks[2:], 1.5}} {
		const room, tries, rounds = 1.5, 3, 7
		for _, task := range test.tasks {
			t.Run(task.name, func(t *testing.T) {
				db, _ := wideDB(t)
				ours, floor := task.make(t, db), task.make(t, floorDB(t))
				var got float64
				for range tries {
					c := newComparison(ours, floor, 200)
					for range rounds {
						c.round()
					}
					if got = median(c.ratios); got <= test.most*room {
						return
					}
				}
				t.Errorf("it takes %.2f times as long as the floor, want at most %.2f", got, test.most*room)
			})
		}
	}
}
