//go:build unix

package consistency

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/times"
	"github.com/moneyclip/moneyclip/postgres"
)

// variable holds the Setup of a worker, and so tells one from the harness.
const variable = "MONEYCLIP_CONSISTENCY_WORKER"

// A worker is a program that uses the cache, in a process of its own. It obeys orders, one on each line of its standard input.
type worker struct {
	setup   Setup
	journal *journal
	points  *points
	cache   *moneyclip.Cache
	cached  *sql.DB
	direct  *sql.DB
	mutant  mutant

	count   atomic.Int64 // numbers values
	errors  sync.Map     // :: name → *atomic.Int64; of writes
	stop    atomic.Bool
	threads sync.WaitGroup

	out sync.Mutex
}

// IfWorker runs the worker if the process was started as one, and does not return then.
func IfWorker() {
	text := os.Getenv(variable)
	if text == "" {
		return
	}
	w := &worker{}
	if err := json.Unmarshal([]byte(text), &w.setup); err != nil {
		w.fail(err)
	}
	if err := w.open(); err != nil {
		w.fail(err)
	}
	w.tell("ready")
	w.obey(os.Stdin)
	os.Exit(0)
}

func (w *worker) fail(err error) {
	fmt.Fprintln(os.Stderr, "worker:", err)
	os.Exit(1)
}

func (w *worker) tell(text string) {
	w.out.Lock()
	defer w.out.Unlock()
	fmt.Println(text)
}

func (w *worker) open() (err error) {
	s := &w.setup
	times.Lease, times.Quarantine, times.Unknown, times.Store = s.Lease, s.Quarantine, s.Unknown, s.WriteTime
	w.points = &points{tell: w.tell}
	for i := range w.points.freed {
		w.points.freed[i] = make(chan struct{})
	}
	w.mutant = mutants[s.Mutant]
	if w.journal, err = openJournal(s.Journal); err != nil {
		return err
	}
	store, err := w.openStore()
	if err != nil {
		return err
	}
	config, err := pgx.ParseConfig(s.DSN)
	if err != nil {
		return err
	}
	w.direct = sql.OpenDB(stdlib.GetConnector(*config))
	// What a lost connection leaves behind in the line for a lock is over before the quarantine of its write is.
	config.RuntimeParams["statement_timeout"] = fmt.Sprint((s.Unknown * 4 / 5).Milliseconds())
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return pointedConn{c, w.points}, nil
	}
	cfg := moneyclip.Config{
		Rules: []moneyclip.Rule{
			{Name: "fresh", Key: "fresh::%d", Query: selectFresh, NotFound: time.Minute, Soft: 300 * time.Millisecond, Refresh: true},
			{Name: "item", Key: "item::%d", Table: "items", By: []string{"id"}, NotFound: time.Minute},
		},
		Store: pointed{store, w.points, s.Hot}, MaxKeys: maxKeys, Logger: slog.New(slog.DiscardHandler),
	}
	if s.FailWrites {
		cfg.Outage = moneyclip.FailWrites
	}
	if w.cache, err = moneyclip.New(postgres.Dialect, cfg); err != nil {
		return err
	}
	w.cached = sql.OpenDB(w.cache.Connector(redirecting{stdlib.GetConnector(*config)}))
	for _, db := range []*sql.DB{w.cached, w.direct} {
		db.SetMaxOpenConns(s.Threads + s.Readers + 2)
		db.SetMaxIdleConns(s.Threads + s.Readers + 2)
	}
	return nil
}

// obey does what it is told until there is nobody any more to tell.
func (w *worker) obey(orders io.Reader) {
	lines := bufio.NewScanner(orders)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch words[0] {
		case "go":
			w.stop.Store(false)
			for i := range w.setup.Threads {
				w.threads.Go(func() { w.work(w.random(i)) })
			}
			for i := range w.setup.Readers {
				w.threads.Go(func() { w.look(w.random(w.setup.Threads + i)) })
			}
		case "arm":
			w.points.armed[pointNames[words[1]]].Store(harmNames[words[2]])
		case "stop":
			for i := range w.points.armed {
				w.points.armed[i].Store(noHarm)
			}
			w.stop.Store(true)
			w.threads.Wait()
			w.tell("stopped")
		case "free":
			point := pointNames[words[1]]
			if w.points.armed[point].Swap(noHarm) == noHarm {
				w.points.freed[point] <- struct{}{} // somebody is there
			}
		case "do":
			id, _ := strconv.Atoi(words[2])
			go func() {
				w.do(words[1], id)
				w.tell("done")
			}()
		case "probe":
			w.tell("probed " + w.probe())
		case "stats":
			s := w.cache.Stats()
			text := fmt.Sprintf("stats %d %d %d", s.Hits, s.Misses, runtime.NumGoroutine())
			w.errors.Range(func(name, n any) bool {
				text += fmt.Sprintf(" %s %d", name, n.(*atomic.Int64).Load())
				return true
			})
			w.tell(text)
		case "explain":
			for _, text := range []string{update, returning, upsert, remove, bulk, wide, selectValue, selectFresh} {
				e, err := w.cache.Explain(text)
				fmt.Fprintln(os.Stderr, e, err)
			}
			w.tell("explained")
		}
	}
}

// do does one operation, by order.
func (w *worker) do(what string, id int) {
	switch what {
	case "read":
		if w.mutant.read != nil && w.points.armed[elsewhereRead].Load() != noHarm {
			w.mutant.read(w, id)
			return
		}
		w.observe(context.Background(), Read, 0, id)
	case "direct":
		w.observe(context.Background(), Direct, 0, id)
	case "write":
		w.perform(context.Background(), w.simple(id))
	case "wide":
		w.perform(context.Background(), w.wide())
	}
}

// probe reads every row through the cache, twice in each form, when nobody writes, and returns what it saw.
func (w *worker) probe() string {
	seen := make([]string, 0, rows)
	for id := 1; id <= rows; id++ {
		values := map[int64]bool{}
		for _, text := range []string{selectValue, selectNote, selectFresh, selectValue, selectNote, selectFresh} {
			v, err := w.read(context.Background(), w.cached, text, id)
			if err != nil {
				return "error " + err.Error()
			}
			values[v] = true
		}
		for v := range values {
			seen = append(seen, fmt.Sprintf("%d=%d", id, v))
		}
	}
	return strings.Join(seen, " ")
}

// read reads one row. One that is not there is a value too.
func (w *worker) read(ctx context.Context, db *sql.DB, text string, id int) (v int64, err error) {
	row := db.QueryRowContext(ctx, text, id)
	switch text {
	case selectValue:
		err = row.Scan(&v)
	case selectNote:
		err = row.Scan(&v, new(string))
	case selectFresh:
		err = row.Scan(new(int64), &v)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return absent, nil
	}
	return v, err
}

// fresh is a value that nobody writes again. For a bulk update, which adds the row's number, it is that of row 0.
func (w *worker) fresh(id int) int64 {
	return int64(w.setup.Worker)<<40 | w.count.Add(1)<<8 | int64(id)
}

// random is for one thread.
func (w *worker) random(thread int) *rand.Rand {
	return rand.New(rand.NewPCG(w.setup.Seed, uint64(w.setup.Worker)<<32|uint64(thread)))
}

// look is what a thread does that only reads. Those that write stand in line for the locks of rows most of the time.
func (w *worker) look(r *rand.Rand) {
	for !w.stop.Load() {
		for range burst {
			w.readOne(r, w.pick(r), Read)
		}
		time.Sleep(time.Duration(r.IntN(10)) * time.Millisecond) // the others need the processors too
	}
}

// burst is how many reads a thread that only reads does without a break.
const burst = 16

// work is what one thread of the program does.
func (w *worker) work(r *rand.Rand) {
	for !w.stop.Load() {
		id := w.pick(r)
		switch n := r.IntN(100); {
		case n < 70:
			w.readOne(r, id, Read)
		case n < 80:
			w.readOne(r, id, Direct)
			if r.IntN(2) == 0 { // what the database shows, the cache must not take back
				w.readOne(r, id, Read)
			}
		case n < 92:
			w.writeOne(r, id)
			if r.IntN(2) == 0 {
				w.readOne(r, id, Read)
			}
		default:
			w.transaction(r)
		}
	}
}

// pick picks a row. Some are in more demand; in a hot round no others are.
func (w *worker) pick(r *rand.Rand) int {
	switch {
	case w.setup.Hot && r.IntN(4) == 0:
		return rows
	case w.setup.Hot:
		return 1 + r.IntN(3)
	case r.IntN(2) == 0:
		return 1 + r.IntN(rows)/4
	}
	return 1 + r.IntN(rows)
}

func (w *worker) readOne(r *rand.Rand, id int, kind Kind) {
	if kind == Read && w.mutant.read != nil && r.IntN(8) == 0 {
		w.mutant.read(w, id)
		return
	}
	ctx, cancel := w.patience(r)
	defer cancel()
	w.observe(ctx, kind, r.IntN(3), id)
}

// observe reads a row and writes down what it saw.
func (w *worker) observe(ctx context.Context, kind Kind, form, id int) {
	text := []string{selectValue, selectNote, selectFresh}[form]
	db := w.cached
	if kind == Direct {
		db = w.direct
	}
	start := now()
	var v int64
	var err error
	if kind == Read && w.mutant.join {
		v, err = join(id, func() (int64, error) {
			defer w.points.reach(elsewhereRead)
			defer linger()
			return w.read(context.Background(), db, text, id)
		})
	} else {
		v, err = w.read(ctx, db, text, id)
	}
	if err != nil {
		return // it has told nobody anything
	}
	w.journal.add(Record{Kind: kind, Outcome: OK, Form: uint8(form), Row: uint8(id), Worker: w.setup.Worker, Start: start, End: now(), Value: v})
}

// patience is how long the program gives an operation: seldom so little that it gives up on it.
func (w *worker) patience(r *rand.Rand) (context.Context, context.CancelFunc) {
	switch r.IntN(50) {
	case 0:
		return context.WithTimeout(context.Background(), time.Duration(r.IntN(5000))*time.Microsecond)
	case 1, 2, 3:
		return context.WithTimeout(context.Background(), 200*time.Millisecond)
	}
	return context.Background(), func() {}
}

// A change is a row's new value, as a write leaves it.
type change struct {
	id    int
	value int64
}

// begin writes down what is about to be tried.
func (w *worker) begin(form int, changes []change) int64 {
	start := now()
	w.record(Begin, 0, form, start, 0, changes)
	return start
}

func (w *worker) end(form int, start int64, changes []change, err error) {
	outcome := OK
	if err != nil {
		outcome = Failed
		w.failed(err)
	}
	w.record(End, outcome, form, start, now(), changes)
}

// failed counts errors, by what can be said of them without a value.
func (w *worker) failed(err error) {
	if errors.Is(err, errLost) {
		return
	}
	var known *pgconn.PgError
	name := fmt.Sprintf("%T", err)
	switch {
	case errors.As(err, &known):
		name = known.Code
	case errors.Is(err, moneyclip.ErrCacheDown):
		name = "cache-down"
	case errors.Is(err, context.DeadlineExceeded):
		name = "deadline"
	}
	n, _ := w.errors.LoadOrStore(name, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

func (w *worker) record(kind Kind, outcome Outcome, form int, start, end int64, changes []change) {
	records := make([]Record, len(changes))
	for i, c := range changes {
		records[i] = Record{
			Kind: kind, Outcome: outcome, Form: uint8(form), Row: uint8(c.id), Worker: w.setup.Worker, Start: start, End: end, Value: c.value,
		}
	}
	w.journal.add(records...)
}

// The forms of writes. Those of reads are the numbers of their texts.
const (
	formUpdate = iota
	formReturning
	formUpsert
	formRemove
	formBulk
	formWide
	formTransaction
)

// A statement is one write and what it will have done.
type statement struct {
	form    int
	changes []change
	run     func(ctx context.Context, db executor) error
}

type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// draw makes a write of one row, or at times of more.
func (w *worker) draw(r *rand.Rand, id int) *statement {
	s := &statement{changes: []change{{id, w.fresh(id)}}}
	value := s.changes[0].value
	switch n := r.IntN(100); {
	case n < 3 || n < w.setup.Wide:
		return w.wide()
	case n < 8 && !w.setup.Hot:
		part := r.IntN(groups)
		s.form, s.changes = formBulk, w.group(part)
		value = s.changes[0].value - int64(s.changes[0].id)
		s.run = func(ctx context.Context, db executor) error {
			_, err := db.ExecContext(ctx, bulk, value, part)
			return err
		}
	case id > steady && n < 50:
		s.form, s.changes[0].value = formRemove, absent
		s.run = func(ctx context.Context, db executor) error {
			// What was removed tells one removal from another.
			err := db.QueryRowContext(ctx, remove, id).Scan(&s.changes[0].value)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return err
		}
	case id > steady:
		s.form = formUpsert
		s.run = func(ctx context.Context, db executor) error {
			_, err := db.ExecContext(ctx, upsert, id, value)
			return err
		}
	case n < 30:
		s.form = formReturning
		s.run = func(ctx context.Context, db executor) error {
			return db.QueryRowContext(ctx, returning, value, id).Scan(&value)
		}
	default:
		return w.simple(id)
	}
	return s
}

func (w *worker) simple(id int) *statement {
	value := w.fresh(id)
	return &statement{form: formUpdate, changes: []change{{id, value}}, run: func(ctx context.Context, db executor) error {
		_, err := db.ExecContext(ctx, update, value, id)
		return err
	}}
}

// wide makes a write that drops all keys.
func (w *worker) wide() *statement {
	s := &statement{form: formWide, changes: w.group(-1)}
	base := s.changes[0].value - int64(s.changes[0].id)
	s.run = func(ctx context.Context, db executor) error {
		_, err := db.ExecContext(ctx, wide, base)
		return err
	}
	return s
}

// group are the rows of a group, or all that are in one.
func (w *worker) group(part int) (changes []change) {
	base := w.fresh(0)
	for id := 1; id <= steady; id++ {
		if part < 0 || id%groups == part {
			changes = append(changes, change{id, base + int64(id)})
		}
	}
	return changes
}

func (w *worker) writeOne(r *rand.Rand, id int) {
	ctx, cancel := w.patience(r)
	defer cancel()
	w.perform(ctx, w.draw(r, id))
}

// perform runs a statement by itself.
func (w *worker) perform(ctx context.Context, s *statement) {
	ctx, lost := answerable(ctx)
	start := w.begin(s.form, s.changes)
	w.end(s.form, start, s.changes, lost(s.run(ctx, w.cached)))
}

var errLost = errors.New("nobody is there to hear the answer")

// answerable returns a context for a write, and what to make of the write's error.
func answerable(ctx context.Context) (context.Context, func(error) error) {
	lost := new(atomic.Bool)
	return context.WithValue(ctx, unanswered{}, lost), func(err error) error {
		if lost.Load() {
			return errLost
		}
		return err
	}
}

// transaction writes up to three times, and thinks better of it at times. Nobody sees anything before its COMMIT is sent.
func (w *worker) transaction(r *rand.Rand) {
	ctx, cancel := w.patience(r)
	defer cancel()
	ctx, lost := answerable(ctx)
	tx, err := w.cached.BeginTx(ctx, nil)
	if err != nil {
		return
	}
	defer tx.Rollback()
	var ids []int
	for range 1 + r.IntN(3) {
		ids = append(ids, w.pick(r))
	}
	slices.Sort(ids) // or there would be more deadlocks than anything else
	var changes []change
	for _, id := range slices.Compact(ids) {
		s := w.draw(r, id)
		if s.form == formRemove || s.form >= formBulk && len(changes) > 0 {
			continue // the outcome is told for each row once
		}
		if err := s.run(ctx, tx); err != nil {
			return
		}
		changes = append(changes, s.changes...)
		if s.form >= formBulk {
			break
		}
	}
	if r.IntN(5) == 0 {
		tx.Rollback()
		w.record(End, Undone, formTransaction, now(), now(), changes)
		return
	}
	start := w.begin(formTransaction, changes)
	w.end(formTransaction, start, changes, lost(tx.Commit()))
}

// redirecting is a base driver that can be told, in the context of a call, to ask on another connection. Mutants use it.
type redirecting struct{ driver.Connector }

type elsewhere struct{}

func (c redirecting) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &redirected{conn.(*stdlib.Conn)}, nil
}

type redirected struct{ *stdlib.Conn }

func (c *redirected) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if other, ok := ctx.Value(elsewhere{}).(*stdlib.Conn); ok {
		return other.QueryContext(ctx, query, args)
	}
	return c.Conn.QueryContext(ctx, query, args)
}
