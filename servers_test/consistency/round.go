//go:build unix

package consistency

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // sets the database up, and tells what it holds

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A Plan is what one round is to be.
type Plan struct {
	Name    string
	Store   string
	Mutant  string
	Faults  []string
	Workers int
	Threads int
	Readers int // more threads, which do nothing but read
	Hot     bool
	Load    time.Duration
	Seed    uint64
}

// A Result is what came of one round.
type Result struct {
	Plan
	Verdict
	Injected int            // faults
	Harms    map[string]int // what workers did by order
	Misses   int
	Errors   map[string]int   // of writes, by SQLSTATE or name
	Stuck    []string         // what was not as in the database when all was quiet: P3
	Cold     bool             // and nothing was served from the cache, long after
	Left     int              // goroutines of the worker that has most, then
	Slowest  [3]time.Duration // a read, a read of the database itself, and a write, of those that succeeded
	Bounds   Bounds           // what is allowed
	Porcupine
	Took time.Duration
}

// A round is one in progress.
type round struct {
	t       testing.TB
	plan    Plan
	dir     string
	dsn     string
	db      *sql.DB
	nodes   []*servers.RedisServer
	proxy   *proxy // nil: none is wanted
	cluster bool
	watch   *watch // nil: there are no Sentinels

	outage            bool // writes pass while the store is out of reach
	lease, quarantine time.Duration

	mu      sync.Mutex // protects what follows
	workers []*hand
	count   uint32

	injected atomic.Int64
	harms    sync.Map // :: what workers say → *atomic.Int64
}

// A hand is the harness's end of a worker.
type hand struct {
	*servers.Child
	number  uint32
	orders  io.Writer
	answers chan string // closed when the worker has ended
	held    chan struct{}
	done    chan struct{}
}

// The times of a round. Those of production are up to a hundred times as long.
const (
	leaseTime      = 400 * time.Millisecond
	quarantineTime = 400 * time.Millisecond
	unknownTime    = 1500 * time.Millisecond // longer than the database lets a statement take
	graceTime      = 600 * time.Millisecond
)

func (r *round) start() (*hand, error) {
	r.mu.Lock()
	r.count++
	number := r.count
	r.mu.Unlock()
	setup := Setup{
		Worker: number, DSN: r.dsn, Journal: filepath.Join(r.dir, fmt.Sprintf("journal-%d", number)), Seed: r.plan.Seed,
		Store: r.plan.Store, Cluster: r.cluster, Mutant: r.plan.Mutant, FailWrites: !r.outage, Threads: r.plan.Threads, Readers: r.plan.Readers, Hot: r.plan.Hot,
		Wide:  mutants[r.plan.Mutant].wide,
		Lease: r.lease, Quarantine: r.quarantine, Unknown: unknownTime, Grace: graceTime,
		ReadTime: 100 * time.Millisecond, WriteTime: 500 * time.Millisecond,
	}
	for _, n := range r.nodes {
		setup.Redis = append(setup.Redis, n.Addr)
	}
	if !r.cluster {
		setup.Redis = setup.Redis[:1] // the others are its replicas
	}
	if r.proxy != nil {
		setup.Redis = []string{r.proxy.Addr}
	}
	if w := r.watch; w != nil {
		setup.Redis, setup.Reached = nil, map[string]string{}
		for i, s := range w.sentinels {
			setup.Redis = append(setup.Redis, s.Addr)
			if number%2 == 1 {
				setup.Reached[s.Addr] = w.aside[i].Addr
			}
		}
		if number%2 == 1 {
			setup.Threads, setup.Readers = 0, setup.Threads+setup.Readers // who writes notices that he cannot
		}
		for i, n := range r.nodes {
			setup.Reached[w.far[i].Addr] = n.Addr
		}
	}
	text, err := json.Marshal(setup)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+string(text), "GOMAXPROCS=2")
	cmd.Stderr = os.Stderr
	orders, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, in, err := os.Pipe() // not the command's own, which would be closed while it is read
	if err != nil {
		return nil, err
	}
	cmd.Stdout = in
	child, err := servers.Spawn(cmd)
	in.Close()
	if err != nil {
		return nil, err
	}
	h := &hand{Child: child, number: number, orders: orders, answers: make(chan string, 16), held: make(chan struct{}, 16), done: make(chan struct{}, 16)}
	go func() {
		defer out.Close()
		defer close(h.answers)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			switch text := lines.Text(); text {
			case "pausing":
				r.harm(text)
				time.AfterFunc(pauseTime, func() { h.Signal(syscall.SIGCONT) })
			case "at":
				h.held <- struct{}{}
			case "done":
				h.done <- struct{}{}
			case "dying", "cutting", "forgetting":
				r.harm(text)
			default:
				h.answers <- text
			}
		}
	}()
	if _, err := h.answer("ready"); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.workers = append(r.workers, h)
	r.mu.Unlock()
	return h, nil
}

// pauseTime is past the lease and past the quarantine.
const pauseTime = 3 * quarantineTime / 2

func (r *round) harm(what string) {
	n, _ := r.harms.LoadOrStore(what, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
	r.injected.Add(1)
}

// answer waits for an answer that begins with a word, and returns the rest.
func (h *hand) answer(word string) (string, error) {
	limit := time.After(time.Minute)
	for {
		select {
		case text, ok := <-h.answers:
			if !ok {
				return "", errGone
			}
			if rest, ok := strings.CutPrefix(text, word); ok {
				return strings.TrimSpace(rest), nil
			}
		case <-limit:
			h.Signal(syscall.SIGQUIT) // it says what its goroutines wait for
			return "", fmt.Errorf("worker %d has not answered %q for a minute", h.number, word)
		}
	}
}

var errGone = fmt.Errorf("the worker has ended")

func (h *hand) order(text string) { fmt.Fprintln(h.orders, text) }

// alive are the workers that have not ended.
func (r *round) alive() []*hand {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.workers = slices.DeleteFunc(r.workers, func(h *hand) bool {
		select {
		case <-h.Done():
			return true
		default:
			return false
		}
	})
	return slices.Clone(r.workers)
}

// one is any of the workers.
func (r *round) one() *hand {
	if all := r.alive(); len(all) > 0 {
		return all[rand.IntN(len(all))]
	}
	return nil
}

// replace starts a worker for each that has ended.
func (r *round) replace() error {
	for len(r.alive()) < r.plan.Workers {
		h, err := r.start()
		if err != nil {
			return err
		}
		h.order("go")
	}
	return nil
}

// newRound makes a round with a database of its own, and a result that is empty.
func newRound(t testing.TB, plan Plan, lease, quarantine time.Duration) (*round, *Result, error) {
	r := &round{t: t, plan: plan, dir: t.TempDir(), dsn: servers.Postgres(t), lease: lease, quarantine: quarantine}
	db, err := sql.Open("pgx", r.dsn)
	if err != nil {
		return nil, nil, err
	}
	if _, err := db.Exec(schema); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	r.db = db
	return r, &Result{Plan: plan, Harms: map[string]int{}, Errors: map[string]int{}}, nil
}

// Run runs a round.
func Run(t testing.TB, plan Plan) (*Result, error) {
	began := time.Now()
	r, result, err := newRound(t, plan, leaseTime, quarantineTime)
	if err != nil {
		return nil, err
	}
	defer r.db.Close()
	var running []fault
	for _, name := range plan.Faults {
		f, ok := faults[name]
		if !ok {
			return nil, fmt.Errorf("there is no fault %q", name)
		}
		running = append(running, f)
		r.outage = r.outage || f.outage
	}
	result.Bounds = boundsOf(running)
	if err := r.openRedis(running); err != nil {
		return nil, err
	}
	defer func() {
		for _, h := range r.alive() {
			h.Kill()
		}
		if r.proxy != nil {
			r.proxy.close()
		}
		if r.watch != nil {
			r.watch.close()
		}
	}()
	var starting sync.WaitGroup
	failures := make([]error, plan.Workers)
	for i := range plan.Workers {
		starting.Go(func() { _, failures[i] = r.start() })
	}
	starting.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	for _, h := range r.alive() {
		h.order("go")
	}
	ctx, cancel := context.WithTimeout(context.Background(), plan.Load)
	defer cancel()
	var going sync.WaitGroup
	errs := make([]error, len(running))
	for i, f := range running {
		going.Go(func() { errs[i] = f.run(ctx, r) })
	}
	<-ctx.Done()
	going.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if err := r.finish(result); err != nil {
		return nil, err
	}
	result.Took = time.Since(began)
	return result, nil
}

// finish stops the load, compares what every worker would serve, and has the history judged.
func (r *round) finish(result *Result) error {
	for _, h := range r.alive() {
		h.Signal(syscall.SIGCONT)
		h.order("stop")
	}
	for _, h := range r.alive() {
		if _, err := h.answer("stopped"); err != nil && err != errGone {
			return err
		}
	}
	if err := r.quiet(); err != nil {
		return err
	}
	if err := r.replace(); err != nil { // a fresh process sees what the others have left in the store
		return err
	}
	for _, h := range r.alive() {
		h.order("stop")
		if _, err := h.answer("stopped"); err != nil {
			return err
		}
	}
	if err := r.quiet(); err != nil {
		return err
	}
	result.Cold = r.plan.Mutant == "" && eventually(r.warm) != nil
	want, commits, err := r.held()
	if err != nil {
		return err
	}
	for _, h := range r.alive() {
		h.order("probe")
		got, err := h.answer("probed")
		if err != nil {
			return err
		}
		if strings.HasPrefix(got, "error ") {
			return fmt.Errorf("worker %d could not read when all was quiet: %s", h.number, got)
		}
		if got != want {
			result.Stuck = append(result.Stuck, differences(got, want)...)
		}
		h.order("stats")
		stats, err := h.answer("stats")
		if err != nil {
			return err
		}
		words := strings.Fields(stats)
		left := 0
		for i, to := range []*int{&result.Hits, &result.Misses, &left} {
			n, err := strconv.Atoi(words[i])
			if err != nil {
				return err
			}
			*to += n
		}
		result.Left = max(result.Left, left)
		for words = words[3:]; len(words) > 1; words = words[2:] {
			n, err := strconv.Atoi(words[1])
			if err != nil {
				return err
			}
			result.Errors[words[0]] += n
		}
	}
	var records []Record
	for i := range r.count {
		some, err := readJournal(filepath.Join(r.dir, fmt.Sprintf("journal-%d", i+1)))
		if err != nil {
			return err
		}
		records = append(records, some...)
	}
	for _, one := range records {
		if i := slices.Index([]Kind{Read, Direct, End}, one.Kind); i >= 0 && one.Outcome == OK {
			result.Slowest[i] = max(result.Slowest[i], time.Duration(one.End-one.Start))
		}
	}
	hits := result.Hits
	verdict, err := judge(records, commits)
	if err != nil {
		return err
	}
	result.Verdict, result.Verdict.Hits = *verdict, hits
	result.Porcupine = linearize(records)
	result.Injected = int(r.injected.Load())
	r.harms.Range(func(k, n any) bool {
		result.Harms[k.(string)] = int(n.(*atomic.Int64).Load())
		return true
	})
	return nil
}

// warm returns nil if every worker is served from the cache again.
func (r *round) warm() error {
	hits := func(h *hand) (int, error) {
		h.order("stats")
		text, err := h.answer("stats")
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.Fields(text)[0])
	}
	for _, h := range r.alive() {
		before, err := hits(h)
		if err != nil {
			return err
		}
		h.order("probe")
		if _, err := h.answer("probed"); err != nil {
			return err
		}
		if after, err := hits(h); err != nil || after == before {
			return fmt.Errorf("worker %d has no hits: %w", h.number, err)
		}
	}
	return nil
}

// quiet waits until the database does nothing any more for workers.
func (r *round) quiet() error {
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var busy int
		err := r.db.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'").Scan(&busy)
		if err != nil || busy == 0 {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("the database is still busy")
		}
	}
}

// held returns what the rows are, and how they came to be so.
func (r *round) held() (string, []committed, error) {
	values := map[int]int64{}
	found, err := r.db.Query("SELECT id, value FROM items")
	if err != nil {
		return "", nil, err
	}
	defer found.Close()
	for found.Next() {
		var id int
		var value int64
		if err := found.Scan(&id, &value); err != nil {
			return "", nil, err
		}
		values[id] = value
	}
	if err := found.Err(); err != nil {
		return "", nil, err
	}
	var text []string
	for id := 1; id <= rows; id++ {
		text = append(text, fmt.Sprintf("%d=%d", id, values[id]))
	}
	var commits []committed
	list, err := r.db.Query("SELECT id, value, gone FROM account ORDER BY number")
	if err != nil {
		return "", nil, err
	}
	defer list.Close()
	for list.Next() {
		var c committed
		if err := list.Scan(&c.id, &c.value, &c.gone); err != nil {
			return "", nil, err
		}
		commits = append(commits, c)
	}
	return strings.Join(text, " "), commits, list.Err()
}

func differences(got, want string) []string {
	wanted := strings.Fields(want)
	var list []string
	for _, one := range strings.Fields(got) {
		if !slices.Contains(wanted, one) {
			list = append(list, one)
		}
	}
	return list
}
