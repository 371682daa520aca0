package bench

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A Line is something that is promised: at most so much.
type Line struct {
	Name       string
	Unit       string // of the value: "x" for a ratio
	Must, Aim  float64
	Allocs     float64 // of a call, or those on top of the base's; see MustAllocs
	MustAllocs string  // "": nothing is promised; "+0" on top of the base's; "32" in all
	*Measure
}

// OK reports whether what must be is so.
func (l *Line) OK() bool {
	var most float64
	if _, err := fmt.Sscan(strings.TrimPrefix(l.MustAllocs, "+"), &most); err == nil && l.Allocs > most+0.5 {
		return false // half an allocation: what runs in the background allocates too
	}
	return l.Value <= l.Must
}

// Verdict is a word for it.
func (l *Line) Verdict() string {
	switch {
	case !l.OK():
		return "missed"
	case l.Value <= l.Aim:
		return "ok, aim reached"
	}
	return "ok"
}

// The lines that the README shows.
const (
	nameHit         = "in-process hit / floor, 1 goroutine"
	nameRedisHit    = "Redis hit / go-redis GET of the same bytes, 1 goroutine"
	nameRedisHits   = "Redis hit / pooled GET, 64 goroutines"
	nameMiss        = "miss - plain query"
	nameWrite       = "write by key - plain write, autocommit"
	nameTransaction = "transaction of 10 keys - plain transaction"
	nameHitPoint    = "in-process hit / pgx point select"
	nameHitSums     = "in-process hit / pgx aggregate over 1,000 rows"
	nameRedisPoint  = "Redis hit / pgx point select, 64 goroutines"
	nameRedisSums   = "Redis hit / pgx aggregate over 1,000 rows, 64 goroutines"
)

// A world is what is measured: a Postgres and a Redis of its own, and the floor.
type world struct {
	t      testing.TB
	effort Effort
	redis  string // its address
	pg     *database
	floor  *database
	log    func(format string, args ...any)
}

func newWorld(t testing.TB, e Effort, rows int) *world {
	t.Helper()
	w := &world{t: t, effort: e, redis: servers.Redis(t).Addr, pg: newPostgres(t, rows), log: t.Logf}
	w.floor = newFloor(t)
	return w
}

// finer is the same world, but with turns that are an eighth as long and eight times as many: for calls that take milliseconds, of which
// a turn would take so long that the next arm finds another machine.
func (w *world) finer() *world {
	copied := *w
	e := &copied.effort
	e.Turns, e.Slice, e.Least = 8*e.Turns, e.Slice/8, e.Least/8
	return &copied
}

// patient is finer, with three times as many rounds: for what differs by a hundredth, where one millisecond differs from the next by a
// third.
func (w *world) patient() *world {
	finer := w.finer()
	finer.effort.Rounds *= 3
	return finer
}

// hotKeys are read by all arms that hit. Their numbers cost no allocation to pass on.
const hotKeys = 200

func hot(i int) int64 { return int64(i % hotKeys) }

func read(name string, db *sql.DB, ctx context.Context, text string, key func(i int) int64) *Arm { //nolint:revive // ctx is an argument like others here
	return &Arm{Name: name, Run: func(i int) error {
		var w item
		return w.scan(db.QueryRowContext(ctx, text, key(i)))
	}}
}

func readAggregate(name string, db *sql.DB, text string, owners int) *Arm {
	return &Arm{Name: name, Run: func(i int) error {
		var count int64
		var sum, avg float64
		var first, last string
		return db.QueryRow(text, int64(i%owners)).Scan(&count, &sum, &first, &last, &avg)
	}}
}

func execute(name string, db *sql.DB, text string, key func(i int) int64) *Arm {
	return &Arm{Name: name, Run: func(i int) error {
		_, err := db.Exec(text, key(i))
		return err
	}}
}

// get is go-redis' GET of as many bytes as a stored row has.
func get(client *redis.Client, size int) *Arm {
	ctx := context.Background()
	client.Set(ctx, "get", strings.Repeat("x", size), 0)
	return &Arm{Name: "GET", Run: func(int) error { return client.Get(ctx, "get").Err() }}
}

// stored is how many bytes a stored row of the table has in Redis.
func stored(t testing.TB, client *redis.Client) int {
	t.Helper()
	ctx := context.Background()
	keys, err := client.Keys(ctx, "*item-*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("nothing is stored: %v", err)
	}
	for _, v := range client.HGetAll(ctx, keys[0]).Val() {
		if len(v) > rowBytes {
			return len(v)
		}
	}
	t.Fatal("no row is stored")
	return 0
}

// warm reads the hot keys until they are stored.
func (w *world) warm(cache *moneyclip.Cache, arm *Arm, keys int) {
	w.t.Helper()
	for range 10 {
		before := cache.Stats().Hits
		for i := range keys {
			if err := arm.Run(i); err != nil {
				w.t.Fatalf("%s: %v", arm.Name, err)
			}
		}
		if cache.Stats().Hits-before == uint64(keys) {
			return
		}
		pause(20)
	}
	w.t.Fatalf("%s: the keys are not stored: %+v", arm.Name, cache.Stats().RuleStats)
}

// ratio is the ratio of two arms, with the allocations on top of the second.
func (w *world) ratio(name string, goroutines int, must, aim float64, allocs string, ours, base *Arm) *Line {
	w.t.Helper()
	l := &Line{Name: name, Unit: "x", Must: must, Aim: aim, MustAllocs: allocs}
	l.Measure = w.effort.Compare(w.t, goroutines, ratio, ours, base)
	l.Allocs = l.Allocations[0]
	if strings.HasPrefix(allocs, "+") {
		l.Allocs -= l.Allocations[1]
	}
	return w.report(l)
}

// inGETs is what an arm costs more than another, in GETs. What a GET costs depends on where it stands: in a loop both ends of the
// connection are awake, and between other things they have gone to sleep. So it is measured with one before the other arm and
// one after it, where the cache's own round trips would be. For comparison there are also one in a loop, and the other arm with
// scripts that do nothing in these places.
func (w *world) inGETs(name string, must, aim float64, ours, base, withGETs, get, withScripts *Arm) *Line {
	w.t.Helper()
	l := &Line{Name: name, Unit: "GETs", Must: must, Aim: aim}
	l.Measure = w.effort.Compare(w.t, 1, ratio, ours, base, withGETs, get, withScripts)
	one, _, _ := l.over(func(took []float64) float64 { return (took[2] - took[1]) / 2 })
	l.Value, l.Lowest, l.Higher = l.over(func(took []float64) float64 { return (took[0] - took[1]) / one })
	return w.report(l)
}

// around is an arm with another before it and after it, unless that is nil.
func around(other, arm *Arm) *Arm {
	if other == nil {
		return arm
	}
	return &Arm{Name: other.Name + ", " + arm.Name + ", " + other.Name, Run: func(i int) error {
		return errors.Join(other.Run(i), arm.Run(i), other.Run(i))
	}}
}

// emptyScript is a script that does nothing, with one key and as many arguments as a quarantine has.
func emptyScript(t testing.TB, client *redis.Client) *Arm {
	t.Helper()
	ctx := context.Background()
	sha, err := client.ScriptLoad(ctx, "return ''").Result()
	if err != nil {
		t.Fatal(err)
	}
	return &Arm{Name: "script", Run: func(int) error {
		return client.EvalSha(ctx, sha, []string{"get"}, "0123456789abcdef", "60000", "0").Err()
	}}
}

// lanes are the connections of an arm that is spread.
const lanes = 8

// spread is an arm that uses several connections in turn. For as long as one lives, its two ends may be on one processor or on
// two, which makes up to half of the time of a round trip.
func spread(one func(i int) *Arm) *Arm {
	const turn = 256
	var arms [lanes]*Arm
	for i := range arms {
		arms[i] = one(i)
	}
	return &Arm{Name: arms[0].Name, Run: func(i int) error { return arms[i/turn%lanes].Run(i) }}
}

func (w *world) report(l *Line) *Line {
	allocs := ""
	if l.MustAllocs != "" {
		allocs = fmt.Sprintf(", allocations %.1f (must %s)", l.Allocs, l.MustAllocs)
	}
	var took strings.Builder
	for i, arm := range l.Arms {
		fmt.Fprintf(&took, ", %s %.4g us", arm, l.Nanoseconds[i]/1000)
	}
	w.log("%-62s %7.3f %-4s [%.3f..%.3f] must %g, aim %g%s%s: %s", l.Name, l.Value, l.Unit, l.Lowest, l.Higher, l.Must, l.Aim, took.String(), allocs, l.Verdict())
	return l
}

// table measures all that is promised.
func (w *world) table() (lines []*Line) {
	for _, part := range []func() []*Line{w.inProcess, w.overRedis, w.misses, w.passes, w.statements} {
		lines = append(lines, part()...)
	}
	return lines
}

func (w *world) inProcess() (lines []*Line) {
	background := context.Background()
	cancellable, cancel := context.WithCancel(background)
	defer cancel()
	cache := w.floor.cache(w.t, nil, itemRule)
	ours, bare := w.floor.open(w.t, cache), w.floor.open(w.t, nil)
	w.warm(cache, read("hit", ours, background, selectFloor, hot), hotKeys)
	for _, c := range []struct {
		name string
		ctx  context.Context
	}{{"", background}, {", cancellable ctx", cancellable}} {
		for _, goroutines := range []int{1, 8, 64} {
			lines = append(lines, w.ratio(fmt.Sprintf("in-process hit / floor, %s%s", many(goroutines), c.name), goroutines, 1.30, 1.12, "+0",
				read("hit", ours, c.ctx, selectFloor, one), read("floor", bare, c.ctx, selectFloor, one))) // as the floor has only one row
		}
	}

	cache = w.pg.cache(w.t, nil, itemRule, w.aggregateRule())
	ours, bare = w.pg.open(w.t, cache), w.pg.open(w.t, nil)
	point, sums := w.pg.text(selectFloor), w.pg.text(aggregate)
	hit, hitSums := read("hit", ours, background, point, hot), readAggregate("hit", ours, sums, 5)
	w.warm(cache, hit, hotKeys)
	w.warm(cache, hitSums, 5)
	return append(lines,
		w.ratio(nameHitPoint, 1, 0.05, 0.03, "", hit, read("pgx", bare, background, point, hot)),
		w.ratio(nameHitSums, 1, 0.015, 0.01, "", hitSums, readAggregate("pgx", bare, sums, 5)))
}

func (w *world) aggregateRule() moneyclip.Rule {
	rule := aggregateRule
	rule.Query = w.pg.text(aggregate)
	return rule
}

func many(goroutines int) string {
	if goroutines == 1 {
		return "1 goroutine"
	}
	return fmt.Sprintf("%d goroutines", goroutines)
}

func (w *world) overRedis() []*Line {
	ctx := context.Background()
	client := newRedis(w.t, w.redis)
	cache := w.pg.cache(w.t, client, itemRule, w.aggregateRule())
	ours, bare := w.pg.open(w.t, cache), w.pg.open(w.t, nil)
	point, sums := w.pg.text(selectFloor), w.pg.text(aggregate)
	hit, hitSums := read("hit", ours, ctx, point, hot), readAggregate("hit", ours, sums, 5)
	w.warm(cache, hit, hotKeys)
	w.warm(cache, hitSums, 5)
	same, get := read("hit", ours, ctx, point, one), get(newRedis(w.t, w.redis), stored(w.t, client))
	return []*Line{
		w.ratio(nameRedisHit, 1, 1.25, 1.08, "32", same, get),
		w.ratio(nameRedisHits, 64, 0.55, 0.30, "", same, get),
		w.ratio(nameRedisPoint, 64, 0.45, 0.30, "", hit, read("pgx", bare, ctx, point, hot)),
		w.ratio(nameRedisSums, 64, 0.35, 0.20, "", hitSums, readAggregate("pgx", bare, sums, 5)),
	}
}

func (w *world) misses() []*Line {
	ctx := context.Background()
	client := newRedis(w.t, w.redis)
	cache := w.pg.cache(w.t, client, itemRule)
	point, update := w.pg.text(selectFloor), w.pg.text("UPDATE item SET price = price + 1 WHERE id = ?")
	w.warm(cache, read("hit", w.pg.open(w.t, cache), ctx, point, hot), 1)
	other := newRedis(w.t, w.redis)
	get, script := get(other, stored(w.t, client)), emptyScript(w.t, other)
	line := func(w *world, name string, must, aim float64, one func(name string, db *sql.DB, other *Arm) *Arm) *Line {
		var shared [lanes]*database
		for i := range shared {
			shared[i] = w.pg.shared()
		}
		arm := func(name string, cache *moneyclip.Cache, other *Arm) *Arm {
			return spread(func(i int) *Arm { return one(name, shared[i].open(w.t, cache), other) })
		}
		return w.inGETs(name, must, aim, arm("MoneyClip", cache, nil), arm("plain", nil, nil), arm("plain", nil, get), get, arm("plain", nil, script))
	}
	return []*Line{
		line(w, nameMiss, 2.5, 1.2, func(name string, db *sql.DB, other *Arm) *Arm {
			return around(other, read(name, db, ctx, point, func(i int) int64 { return int64(hotKeys + i) })) // none comes twice
		}),
		line(w, nameWrite, 2.2, 2.0, func(name string, db *sql.DB, other *Arm) *Arm { return around(other, execute(name, db, update, hot)) }),
		line(w.finer(), nameTransaction, 2.5, 2.2, func(name string, db *sql.DB, other *Arm) *Arm { return transaction(name, db, update, other) }),
	}
}

// transaction writes 10 rows, perhaps with another arm before its COMMIT and after it.
func transaction(name string, db *sql.DB, update string, other *Arm) *Arm {
	return &Arm{Name: around(other, &Arm{Name: name}).Name, Run: func(i int) error {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		for k := range 10 {
			if _, err := tx.Exec(update, hot(10*i+k)); err != nil {
				return err
			}
		}
		return around(other, &Arm{Run: func(int) error { return tx.Commit() }}).Run(i)
	}}
}

// passes are what the cache has nothing to do with.
func (w *world) passes() (lines []*Line) {
	ctx := context.Background()
	for _, d := range []struct {
		database    *database
		read, write [2]float64
		allocs      string
	}{
		{w.floor, [2]float64{1.10, 1.05}, [2]float64{1.50, 1.20}, "+3"},
		{w.pg, [2]float64{1.02, 1.01}, [2]float64{1.02, 1.01}, "+3"},
	} {
		cache := d.database.cache(w.t, nil, itemRule)
		both := func(one func(name string, db *sql.DB) *Arm) (ours, bare *Arm) {
			return spread(func(int) *Arm { return one("MoneyClip", d.database.open(w.t, cache)) }),
				spread(func(int) *Arm { return one("plain", d.database.open(w.t, nil)) })
		}
		w := w
		if d.database == w.pg {
			// What differs by a hundredth is not to be seen on two connections, of which one may be half as quick as the other.
			w = w.patient()
			both = func(one func(name string, db *sql.DB) *Arm) (ours, bare *Arm) {
				shared := d.database.shared()
				return one("MoneyClip", shared.open(w.t, cache)), one("plain", shared.open(w.t, nil))
			}
		}
		selectText, updateText := d.database.text(selectOther), d.database.text(updateOther)
		ours, bare := both(func(name string, db *sql.DB) *Arm { return read(name, db, ctx, selectText, hot) })
		lines = append(lines, w.ratio("read without a rule / "+d.database.name, 1, d.read[0], d.read[1], "+0", ours, bare))
		ours, bare = both(func(name string, db *sql.DB) *Arm { return execute(name, db, updateText, hot) })
		lines = append(lines, w.ratio("write that touches no rule / "+d.database.name, 1, d.write[0], d.write[1], d.allocs, ours, bare))
		if d.database == w.pg {
			ours, bare = both(scanRows)
			lines = append(lines, w.ratio("uncached query of 1,000 rows / pgx", 1, 1.01, 1.00, "", ours, bare))
		}
	}
	return lines
}

func scanRows(name string, db *sql.DB) *Arm {
	return &Arm{Name: name, Run: func(int) error {
		rows, err := db.Query("SELECT " + columns + " FROM other ORDER BY id LIMIT 1000")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var w item
			if err := rows.Scan(&w.id, &w.owner, &w.name, &w.note, &w.price, &w.text, &w.sold, &w.made); err != nil {
				return err
			}
		}
		return rows.Err()
	}}
}

// statements are what a text and a row cost that are seen for the first time.
func (w *world) statements() []*Line {
	ours, bare := w.floor.open(w.t, w.floor.cache(w.t, nil, itemRule)), w.floor.open(w.t, nil)
	first := func(name string, db *sql.DB) *Arm {
		return &Arm{Name: name, Run: func(i int) error {
			var w item
			return w.scan(db.QueryRow(fmt.Sprintf("%s AND %d = %d", selectFloor, i, i), int64(1)))
		}}
	}
	l := &Line{Name: "first use of a statement text", Unit: "us", Must: 100, Aim: 30}
	l.Measure = w.effort.Compare(w.t, 1, func(took []float64) float64 { return (took[0] - took[1]) / 1000 },
		first("first use", ours), first("floor", bare))
	return []*Line{w.report(l), w.memory(150_000)}
}

// memory is what the store takes for a row beside the row itself, its key and the name of its select: those are what anybody would
// have to keep who keeps rows.
func (w *world) memory(rows int) *Line {
	if w.effort == smoke {
		rows /= 100
	}
	ctx, row := context.Background(), moneyclip.NewRow(floorNames, floorRow)
	before, texts := heap(), 0
	store := moneyclip.NewMemStore(1 << 40)
	for i := range rows {
		slot := &moneyclip.Slot{Key: fmt.Appendf(nil, "moneyclip:%06d", i), Field: []byte("0123456789abcdef")} // no byte of these sizes is lost
		slot.Generations = [2]string{"moneyclip:@rule", "moneyclip:@@"}
		texts += len(slot.Key) + len(slot.Field)
		var token moneyclip.Token
		binary.BigEndian.PutUint64(token[:], uint64(i+1))
		grant, err := store.Lease(ctx, slot, token, time.Minute, false)
		filled := false
		if err == nil {
			filled, err = store.Fill(ctx, slot, grant.Lease, row, moneyclip.Age{Hard: time.Hour})
		}
		if err != nil || !filled {
			w.t.Fatalf("a row is not stored: %v", err)
		}
	}
	beside := float64(heap()-before-int64(texts)) / float64(rows)
	runtime.KeepAlive(store)
	return w.report(&Line{Name: "memory of a stored row beside the row and its key", Unit: "B", Must: 250, Aim: 120, Measure: &Measure{
		Goroutines: 1, Value: beside, Lowest: beside, Higher: beside,
	}})
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
