package bench

import (
	"context"
	"os"
	"testing"
	"time"
)

// One of the arms of misses and writes by itself, for a profiler, and how long each call takes: MONEYCLIP_ALONE is GET, hit, read, write,
// "GET, read, GET", "GET, write, GET", miss, "cached write", transaction, "transaction with GETs", or "cached transaction".
func TestAlone(t *testing.T) {
	name := os.Getenv("MONEYCLIP_ALONE")
	if name == "" {
		t.Skip("MONEYCLIP_ALONE is not set")
	}
	ctx := context.Background()
	const rows = 100_000
	w := newWorld(t, full, rows)
	client := newRedis(t, w.redis)
	cache := w.pg.cache(t, client, itemRule)
	ours, bare := w.pg.open(t, cache), w.pg.open(t, nil)
	point, update := w.pg.text(selectFloor), w.pg.text("UPDATE item SET price = price + 1 WHERE id = ?")
	w.warm(cache, read("hit", ours, ctx, point, hot), hotKeys)
	get := get(newRedis(t, w.redis), stored(t, client))
	cold := func(i int) int64 { return int64((hotKeys + i) % rows) } // before one comes again, its row was written
	arm := map[string]*Arm{
		"GET":             get,
		"hit":             read("", ours, ctx, point, one),
		"read":            read("", bare, ctx, point, cold),
		"GET, read, GET":  around(get, read("", bare, ctx, point, cold)),
		"miss":            read("", ours, ctx, point, cold),
		"write":           execute("", bare, update, hot),
		"GET, write, GET": around(get, execute("", bare, update, hot)),
		"cached write":    execute("", ours, update, hot),

		"transaction":           transaction("", bare, update, nil),
		"transaction with GETs": transaction("", bare, update, get),
		"cached transaction":    transaction("", ours, update, nil),
	}[name]
	if arm == nil {
		t.Fatalf("there is no arm %q", name)
	}
	calls := 0
	for _, d := range []time.Duration{time.Second, 5 * time.Second} { // what is done once is done in the first
		start, first := time.Now(), calls
		for ; time.Since(start) < d; calls++ {
			if err := arm.Run(calls); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %d calls, %v each", name, calls-first, time.Since(start)/time.Duration(calls-first))
	}
}
