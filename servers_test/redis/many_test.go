package redis_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
)

// One process opens many caches: each costs the same, none leaves a goroutine behind, and what a cache was about to store
// is stored when it is closed. Not parallel: there is nobody else whose goroutines would count.
func TestManyCaches(t *testing.T) {
	server := servers.Redis(t)
	before := goleak.IgnoreCurrent()
	path := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_busy_timeout=60000&_journal_mode=WAL&_synchronous=OFF"
	base, err := sql.Open("sqlite3", path)
	must(t, err)
	must1(base.Exec("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
	for id := range 200 {
		must1(base.Exec("INSERT INTO numbers VALUES (?, 0)", id))
	}
	must(t, base.Close())
	c := redis.NewClient(&redis.Options{Addr: server.Addr})
	store := patient(c)

	var caches []*moneyclip.Cache
	var dbs []*sql.DB
	open := func() {
		t.Helper()
		cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
			Store: store, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Rules: []moneyclip.Rule{{Name: "number", Key: "number::%d", Query: selectNumber}},
		})
		must(t, err)
		connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(path)
		must(t, err)
		db := sql.OpenDB(connector)
		caches, dbs = append(caches, cache), append(dbs, db)
	}
	use := func(id int) {
		t.Helper()
		cache, db := caches[id], dbs[id]
		must1(db.Exec("UPDATE numbers SET n = n + 1 WHERE id = ?", id))
		eventually(t, "a hit", func() error {
			var n int
			for range 20 { // one of them finds that what the first has read is stored
				if err := db.QueryRow(selectNumber, id).Scan(&n); err != nil || cache.Stats().Hits > 0 {
					return err
				}
				wait(t.Context(), time.Millisecond)
			}
			return fmt.Errorf("got %d, %+v", n, cache.Stats())
		})
	}
	// atRest is how many goroutines there are if nothing is under way: the fewest of some looks.
	atRest := func() int {
		least := runtime.NumGoroutine()
		for range 50 {
			wait(t.Context(), 5*time.Millisecond)
			least = min(least, runtime.NumGoroutine())
		}
		return least
	}
	none := atRest()
	counts := map[int]int{}
	for _, n := range []int{1, 50, 200} {
		had := len(caches)
		for len(caches) < n {
			open()
		}
		for id := had; id < n; id++ {
			use(id)
		}
		counts[n] = atRest() - none
	}
	t.Logf("goroutines of so many caches: %v", counts)
	// database/sql has one for each sql.DB.
	if each := counts[200] - counts[50]; each > 150 || counts[50]-counts[1] > 49 {
		t.Errorf("got %v goroutines, want no more than one for each cache beyond the first", counts)
	}

	// Misses, whose fills nobody has waited for.
	for i, cache := range caches[:20] {
		must1(dbs[0].Exec("UPDATE numbers SET n = n + 1 WHERE id = ?", i))
		had := cache.Stats()
		var n int
		must(t, dbs[i].QueryRow(selectNumber, i).Scan(&n))
		must(t, cache.Close())
		if now := cache.Stats(); n != 2 || now.Misses != had.Misses+1 || now.Fills != had.Fills+1 {
			t.Fatalf("cache %d: read %d, and had %+v; now it is closed, and has %+v", i, n, had, now)
		}
	}
	for i := range caches {
		must(t, caches[i].Close())
		must(t, dbs[i].Close())
	}
	must(t, c.Close())
	goleak.VerifyNone(t, before)
}

// bucketOf is in which bucket a stored key is.
func bucketOf(key string) int {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return int((h ^ h>>32) % 64)
}

// A namespace with more rules than generations are kept of, as of a hundred databases with a dozen each, still has hits.
func TestManyGenerations(t *testing.T) {
	t.Parallel()
	s := patient(client(t, servers.Redis(t)))
	var all []*moneyclip.Slot
	for r := range 1200 {
		for n, k := 0, 0; n < 2; k++ {
			one := &moneyclip.Slot{
				Key: fmt.Appendf(nil, "moneyclip:db%d:key:%d", r, k), Field: []byte("f"),
				Generations: [2]string{fmt.Sprintf("moneyclip:db%d:@rule", r), "moneyclip:@@"},
			}
			if bucketOf(string(one.Key)) == 7 {
				all = append(all, one)
				n++
			}
		}
	}
	const reads = 12_000
	hits := 0
	for i := range reads {
		one := all[rand.IntN(len(all))]
		got := must1(s.Get(t.Context(), one))
		if got != nil && i >= reads/2 {
			hits++
		}
		if got == nil {
			put(t, s, one, 1)
		}
	}
	if hits < reads/4 {
		t.Errorf("%d of %d reads were hits, want half of them at least", hits, reads/2)
	}
}
