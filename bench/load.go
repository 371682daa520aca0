package bench

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A Load is what several processes have done together that read and write the same rows.
type Load struct {
	Name    string
	Reads   int // of 100 operations
	Seconds float64
	Queries int // that have reached the database, by its own count
	done
}

func (l *Load) Throughput() float64   { return float64(l.Operations) / l.Seconds }
func (l *Load) PerOperation() float64 { return float64(l.Queries) / float64(l.Operations) }

// A Shift is what one process is to do.
type shift struct {
	Way               string // one of ways
	Postgres, Redis   string
	Rows, Reads       int
	Goroutines        int
	Warm, Time        time.Duration
	Namespace, Prefix string
	Seed              uint64
}

// ways are how rows are read, and how they are written.
var ways = []string{"no cache", "cache-aside by hand, JSON", "MoneyClip over Redis"}

// done is what came of it. Latencies are counted in steps of a tenth.
type done struct {
	Operations, ReadCount, Hits int
	Latencies                   [latencies]int
}

const latencies = 200

func latencyStep(d time.Duration) int {
	return min(latencies-1, max(0, int(math.Log(float64(d)/1000)/math.Log(1.1))))
}

// Percentile is a time that so much of all operations have not exceeded.
func (d *done) Percentile(p float64) time.Duration {
	left := int(math.Ceil(p * float64(d.Operations)))
	for i, n := range d.Latencies {
		if left -= n; left <= 0 {
			return time.Duration(1000 * math.Pow(1.1, float64(i+1)))
		}
	}
	return 0
}

const shiftVariable = "MONEYCLIP_BENCH_SHIFT"

// work is a process of its own: it says when it is ready, waits for a line, and works.
func work(text string, in io.Reader, out io.Writer) error {
	var s shift
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	config, err := pgx.ParseConfig(s.Postgres)
	if err != nil {
		return err
	}
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: s.Redis, PoolSize: goroutinesMost})
	defer client.Close()
	connector := stdlib.GetConnector(*config)
	var cache *moneyclip.Cache
	if s.Way == ways[2] {
		store := redisstore.New(client)
		store.ReadTimeout, store.Grace = 2*time.Second, time.Millisecond
		if cache, err = moneyclip.New(postgres.Dialect, moneyclip.Config{Store: store, Namespace: s.Namespace, Rules: []moneyclip.Rule{itemRule}}); err != nil {
			return err
		}
		defer cache.Close()
		connector = cache.Connector(connector)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	db.SetMaxOpenConns(goroutinesMost)
	db.SetMaxIdleConns(goroutinesMost)
	query, update := strings.ReplaceAll(selectFloor, "?", "$1"), "UPDATE item SET price = price + 1 WHERE id = $1"
	var missed atomic.Int64
	readOne := func(id int64) error {
		if s.Way == ways[1] {
			fetched, err := aside(ctx, client, db, query, s.Prefix, id)
			if fetched {
				missed.Add(1)
			}
			return err
		}
		_, err := fetch(ctx, db, query, id)
		return err
	}
	writeOne := func(id int64) error {
		_, err := db.Exec(update, id)
		if err == nil && s.Way == ways[1] {
			err = client.Del(ctx, peerKey(s.Prefix+"aside", id)).Err()
		}
		return err
	}
	fmt.Fprintln(out, "ready")
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	phase := func(d time.Duration, seed uint64) (*done, error) {
		var mu sync.Mutex
		var all sync.WaitGroup
		sum, faults := &done{}, []error{}
		stop := time.Now().Add(d)
		for g := range s.Goroutines {
			all.Go(func() {
				random := rand.New(rand.NewPCG(seed, uint64(g)))
				zipf := rand.NewZipf(random, 1.1, 1, uint64(s.Rows-1))
				var mine done
				var fault error
				for began := time.Now(); began.Before(stop) && fault == nil; {
					id := int64(zipf.Uint64())
					if random.IntN(100) < s.Reads {
						fault = readOne(id)
						mine.ReadCount++
					} else {
						fault = writeOne(id)
					}
					now := time.Now()
					mine.Latencies[latencyStep(now.Sub(began))]++
					mine.Operations++
					began = now
				}
				mu.Lock()
				defer mu.Unlock()
				faults = append(faults, fault)
				sum.add(&mine)
			})
		}
		all.Wait()
		return sum, errors.Join(faults...)
	}
	if _, err := phase(s.Warm, s.Seed+1000); err != nil {
		return err
	}
	hits := func() int {
		if cache != nil {
			return int(cache.Stats().Hits)
		}
		return -int(missed.Load())
	}
	before := hits()
	sum, err := phase(s.Time, s.Seed)
	if err != nil {
		return err
	}
	sum.Hits = hits() - before
	if s.Way == ways[1] {
		sum.Hits += sum.ReadCount
	}
	return json.NewEncoder(out).Encode(sum)
}

func (d *done) add(more *done) {
	d.Operations += more.Operations
	d.ReadCount += more.ReadCount
	d.Hits += more.Hits
	for i, n := range more.Latencies {
		d.Latencies[i] += n
	}
}

// A Scale is how much load there is.
type scale struct {
	rows, processes, goroutines, rounds int
	warm, time                          time.Duration
}

var (
	fullScale  = scale{rows: 1_000_000, processes: 4, goroutines: 16, rounds: 3, warm: 1500 * time.Millisecond, time: 2 * time.Second}
	smokeScale = scale{rows: 1000, processes: 2, goroutines: 2, rounds: 1, warm: 50 * time.Millisecond, time: 100 * time.Millisecond}
)

// loads has several processes do the same in each way, in turn. Of the rounds it returns the one of median throughput.
func loads(t testing.TB, s scale) (all []*Load) {
	t.Helper()
	dsn := servers.StartPostgres(t, "shared_buffers=512MB").Database(t)
	addr := servers.Redis(t).Addr
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{name: "Postgres", dialect: postgres.Dialect, base: stdlib.GetConnector(*config), mark: "$1"}
	d.fill(t, s.rows)
	db := d.open(t, nil)
	for _, reads := range []int{95, 50} {
		rounds := map[string][]*Load{}
		for round := range s.rounds {
			for _, way := range ways {
				name := fmt.Sprint(way[:2], reads)
				rounds[way] = append(rounds[way], run(t, db, s, shift{
					Way: way, Postgres: dsn, Redis: addr, Rows: s.rows, Reads: reads, Goroutines: s.goroutines, Warm: s.warm, Time: s.time,
					Namespace: "load" + fmt.Sprint(reads), Prefix: name, Seed: uint64(round + 1),
				}))
			}
		}
		for _, way := range ways {
			of := rounds[way]
			slices.SortFunc(of, func(a, b *Load) int { return int(a.Throughput() - b.Throughput()) })
			l := of[len(of)/2]
			t.Logf("%d%% reads, %-28s %8.0f/s (%.0f..%.0f) p50 %v p99 %v p99.9 %v hits %.3f queries per operation %.3f", reads, way,
				l.Throughput(), of[0].Throughput(), of[len(of)-1].Throughput(), l.Percentile(.5), l.Percentile(.99), l.Percentile(.999),
				l.HitRatio(), l.PerOperation())
			all = append(all, l)
		}
	}
	return all
}

func (d *done) HitRatio() float64 { return float64(d.Hits) / float64(max(1, d.ReadCount)) }

// run has so many processes work at the same time.
func run(t testing.TB, db *sql.DB, s scale, what shift) *Load {
	t.Helper()
	type process struct {
		cmd *exec.Cmd
		in  io.WriteCloser
		out *bufio.Reader
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(what.Way, ": ", err)
		}
	}
	var all []process
	for i := range s.processes {
		what.Seed += uint64(100 * i)
		text, err := json.Marshal(what)
		must(err)
		p := process{cmd: exec.Command(os.Args[0])}
		p.cmd.Env = append(os.Environ(), shiftVariable+"="+string(text))
		p.cmd.Stderr = os.Stderr
		p.in, err = p.cmd.StdinPipe()
		must(err)
		out, theirs, err := os.Pipe() // one that the end of the process does not close before all is read
		must(err)
		defer out.Close()
		p.cmd.Stdout, p.out = theirs, bufio.NewReader(out)
		_, err = servers.Spawn(p.cmd) // it ends with us
		theirs.Close()
		must(err)
		_, err = p.out.ReadString('\n')
		must(err)
		all = append(all, p)
	}
	for _, p := range all {
		_, err := fmt.Fprintln(p.in, "go")
		must(err)
	}
	time.Sleep(s.warm)
	before, began := transactions(t, db), time.Now()
	l := &Load{Name: what.Way, Reads: what.Reads, Seconds: s.time.Seconds()}
	for _, p := range all {
		var one done
		text, err := p.out.ReadString('\n')
		must(err)
		must(json.Unmarshal([]byte(text), &one))
		l.add(&one)
	}
	took := time.Since(began)
	time.Sleep(1200 * time.Millisecond) // the server counts late
	l.Queries = int(float64(transactions(t, db)-before) * s.time.Seconds() / max(took.Seconds(), s.time.Seconds()))
	return l
}

// transactions is how many the database has seen: one for each query outside of a transaction.
func transactions(t testing.TB, db *sql.DB) (n int) {
	t.Helper()
	err := db.QueryRow("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()").Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func loadTable(b *strings.Builder, loads []*Load) {
	b.WriteString("| reads | | operations/s | p50 | p99 | p99.9 | hits | queries per operation |\n|---|---|---|---|---|---|---|---|\n")
	for _, l := range loads {
		fmt.Fprintf(b, "| %d %% | %s | %s | %s | %s | %s | %.1f %% | %.3f |\n", l.Reads, l.Name, thousands(int(l.Throughput())),
			duration(float64(l.Percentile(.5))), duration(float64(l.Percentile(.99))), duration(float64(l.Percentile(.999))),
			100*l.HitRatio(), l.PerOperation())
	}
}
