package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
)

// source is who answers a statement.
type source string

const (
	theCache       source = "cache"
	theDatabase    source = "database"
	theTransaction source = "transaction" // the database, from inside the open transaction
)

// touches are the rules of which a write may touch keys, and how surely those keys are known. A rule that is not
// named must be left alone.
type touches map[string]moneyclip.Guarantee // :: rule name → guarantee

const (
	exact        = moneyclip.Exact        // from the statement's own values
	afterReading = moneyclip.AfterReading // exact too, but rows had to be read for it
)

// patience is how long a reload may take on a machine that has other things to do.
const patience = 10 * time.Second

// A witness runs statements through MoneyClip, sees who answers, and puts every read to the plain driver too.
type witness struct {
	ctx   context.Context // for all of the story, which is one call of tell
	db    *database
	cache *moneyclip.Cache
	table *table

	remote bool // what is cached is in a Redis, and nobody waits until it is there

	store    store // runs writes, in the transaction if one is open
	write    *recorder
	tx       *sql.Tx            // nil outside a transaction
	expected touches            // of the next write
	staged   []moneyclip.Effect // of the writes since the last commit
	before   moneyclip.Stats    // as they were before those writes

	again  []func()        // the reads so far, each once
	seen   map[string]bool // :: statement → it is in again
	checks int
	faults []string
}

// newWitness opens the first connection to the cached database.
func newWitness(ctx context.Context, db *database, t *table) (*witness, error) {
	// The connection that Ping opens reads the schema, which would otherwise show in the time of the first statement.
	if err := db.cached.PingContext(ctx); err != nil {
		return nil, err
	}
	cache, ok := moneyclip.Default("moneyclip+" + db.driver)
	if !ok {
		return nil, errors.New("no cache behind the driver moneyclip+" + db.driver)
	}
	write := &recorder{handle: db.cached}
	return &witness{
		ctx: ctx, db: db, cache: cache, table: t,
		store: db.store(write), write: write, seen: make(map[string]bool),
		remote: os.Getenv("MONEYCLIP_REDIS_URL") != "",
	}, nil
}

// check notes a fault unless the fact holds, or the program was told to end in the middle of it.
func (w *witness) check(holds bool, format string, args ...any) {
	w.checks++
	if holds || w.ctx.Err() != nil {
		return
	}
	fault := fmt.Sprintf(format, args...)
	w.faults = append(w.faults, fault)
	w.table.note("WRONG: %s", fault)
}

// A call is a query of the generated code: each takes one argument.
type call[A, R any] func(store, context.Context, A) (R, error)

// ask runs a query and checks that the answer comes from where it is expected and is the one that the plain driver
// gives. What a transaction reads is its own affair: nobody else sees it, so there is nothing to compare it with.
func ask[A, R any](w *witness, from source, query call[A, R], arg A) R {
	on := &recorder{handle: w.db.cached}
	if from == theTransaction {
		on.handle = w.tx
	}
	before := w.cache.Stats()
	got, err := query(w.db.store(on), w.ctx, arg)
	took := time.Since(on.start)
	answeredBy := from
	if w.cache.Stats().Hits > before.Hits {
		answeredBy = theCache
	} else if from == theCache {
		answeredBy = theDatabase
	}
	w.table.row(on.label()+" = "+outcome(got, err), answeredBy, w.key(on), took)
	if w.remote {
		awaitFill(w.cache, before)
	}
	w.check(err == nil || errors.Is(err, sql.ErrNoRows), "%s failed: %v", on.label(), err)
	w.check(answeredBy == from, "%s was answered by the %s, want the %s", on.label(), answeredBy, from)
	if from != theTransaction {
		compare(w, query, arg, on.label(), got, err)
	}
	return got
}

// compare checks an answer against the plain driver's, and keeps the question for the end.
func compare[A, R any](w *witness, query call[A, R], arg A, label string, got R, err error) {
	want, wantErr := query(w.db.store(w.db.plain), w.ctx, arg)
	w.check(reflect.DeepEqual(got, want) && fmt.Sprint(err) == fmt.Sprint(wantErr),
		"%s is different: MoneyClip says %+v (error: %v), %s says %+v (error: %v)", label, got, err, w.db.name, want, wantErr)
	if w.seen[label] {
		return
	}
	w.seen[label] = true
	w.again = append(w.again, func() {
		got, err := query(w.db.store(w.db.cached), w.ctx, arg)
		compare(w, query, arg, label, got, err)
	})
}

// expect says which rules the next write touches.
func (w *witness) expect(t touches) {
	w.expected = t
	if w.tx == nil {
		w.before = w.cache.Stats()
	}
}

// change takes what a write of w.store has come to, and checks which rules it touches.
func (w *witness) change(got int64, err error) int64 {
	took, label, answeredBy := time.Since(w.write.start), w.write.label(), theDatabase
	if w.tx != nil {
		answeredBy = theTransaction
	}
	w.table.row(label+" = "+outcome(got, err), answeredBy, "", took)
	w.check(err == nil, "%s failed: %v", label, err)

	explanation, err := w.cache.Explain(w.write.query, w.write.args...)
	w.check(err == nil, "%s cannot be explained: %v", label, err)
	touched := make(touches)
	for _, effect := range explanation.Effects {
		if effect.Guarantee == moneyclip.None {
			continue
		}
		touched[effect.Rule] = effect.Guarantee
		w.staged = append(w.staged, effect)
	}
	w.check(reflect.DeepEqual(touched, w.expected), "%s touches %v, want %v", label, touched, w.expected)
	w.expected = nil
	if w.tx == nil {
		w.showEffects()
	}
	return got
}

// showEffects prints what the writes since the last commit have dropped. The keys of an exact effect are known by
// name before the statement runs, those that it had to read for are known by number after it.
func (w *witness) showEffects() {
	after := w.cache.Stats()
	for _, effect := range w.staged {
		keys := strings.Join(effect.Keys, ", ")
		if effect.Guarantee != exact {
			dropped := after.Rules[effect.Rule].Invalidations - w.before.Rules[effect.Rule].Invalidations
			keys = plural(dropped, "key") + " of " + effect.Rule
		}
		w.table.note("  drops %s (%s)", keys, effect.Guarantee)
	}
	w.staged = nil
}

// begin reports whether a transaction is open.
func (w *witness) begin() bool {
	w.before = w.cache.Stats()
	start := time.Now()
	tx, err := w.db.cached.BeginTx(w.ctx, nil)
	w.table.row("BEGIN", theDatabase, "", time.Since(start))
	w.check(err == nil, "begin: %v", err)
	if err != nil {
		return false
	}
	w.tx, w.write.handle = tx, tx
	return true
}

func (w *witness) commit() {
	start := time.Now()
	err := w.tx.Commit()
	w.table.row("COMMIT", theDatabase, "", time.Since(start))
	w.check(err == nil, "commit: %v", err)
	w.tx, w.write.handle = nil, w.db.cached
	w.showEffects()
}

func (w *witness) rollback() {
	start := time.Now()
	err := w.tx.Rollback()
	w.table.row("ROLLBACK", theDatabase, "", time.Since(start))
	w.check(err == nil, "rollback: %v", err)
	w.tx, w.write.handle, w.staged = nil, w.db.cached, nil
}

// awaitReload waits until what the last write loads again is filled. Nobody has to wait for it, since a reader who
// comes earlier shares the answer, but then the reader's time would be the database's.
func (w *witness) awaitReload(rule string) {
	start, before := time.Now(), w.before.Rules[rule]
	for {
		stats := w.cache.Stats().Rules[rule]
		keys, filled := stats.Refreshes-before.Refreshes, stats.Fills-before.Fills
		if keys > 0 && filled >= keys {
			w.table.note("  loads %s again, in the background, %s", plural(keys, "key"), elapsed(time.Since(start)))
			return
		}
		if time.Since(start) > patience {
			w.check(false, "of %s of %s, %d were filled within %s", plural(keys, "key"), rule, filled, patience)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// askAllAgain puts every question of the story once more, whoever answers.
func (w *witness) askAllAgain() {
	w.table.heading("Every read of the story once more, compared with plain %s.", w.db.name)
	faults := len(w.faults)
	for _, repeat := range w.again {
		repeat()
	}
	w.table.note("%d reads, %d differences", len(w.again), len(w.faults)-faults)
}

// key is where the last query's answer is kept.
func (w *witness) key(on *recorder) string {
	explanation, err := w.cache.Explain(on.query, on.args...)
	w.check(err == nil, "%s cannot be explained: %v", on.label(), err)
	if explanation.Key == "" {
		return "no rule"
	}
	return explanation.Key
}

// outcome is the short form of what a statement has come to.
func outcome(value any, err error) string {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "no rows"
	case err != nil:
		return err.Error()
	default:
		return answer(value)
	}
}

// A recorder stands between the generated code and its database handle and remembers the last statement.
type recorder struct {
	handle
	query string
	args  []any
	start time.Time
}

func (r *recorder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	r.query, r.args, r.start = query, args, time.Now()
	return r.handle.ExecContext(ctx, query, args...)
}

func (r *recorder) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	r.query, r.args, r.start = query, args, time.Now()
	return r.handle.QueryRowContext(ctx, query, args...)
}

// label is the statement as people would write it: its name in queries.sql and the arguments.
func (r *recorder) label() string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.query, "-- name: "), " ")
	args := make([]string, len(r.args))
	for i, arg := range r.args {
		args[i] = argument(arg)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}
