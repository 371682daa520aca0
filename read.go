package moneyclip

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// A read ends as exactly one of hit, miss and bypass. These functions are handed all they need: what to read by the
// connection, where to read it from the database by the caller's run.

// runner sends the caller's own SELECT to the database.
type runner func(ctx context.Context) (driver.Rows, error)

// hit returns the row set in the store, or nil. A store that has failed is not asked again for this read.
func (r *readPlan) hit(ctx context.Context, h *hub, l *lookup) (row *Row, failed bool) {
	row, err := h.store.Get(ctx, &l.slot)
	if err != nil {
		r.storeFailed(ctx, err)
		return nil, true
	}
	if row == nil {
		r.missed.Add(1)
		return nil, false
	}
	r.found()
	r.served(ctx, row, false)
	return row, false
}

// inVain reports whether a look-up is likely to find nothing, as while a cache is still empty. Then the lease is asked for at once,
// which answers with the row if there is one: across a network that spares a round trip. Now and then it is looked up all the same,
// because that needs no database.
func (r *readPlan) inVain(h *hub) bool {
	return h.shared && r.missed.Load() >= manyMissed && r.missed.Add(1)%manyMissed != 0
}

const manyMissed = 8 // look-ups: of those of which half are hits, one in 256 is followed by so many misses

// found notes that something was stored after all.
func (r *readPlan) found() {
	if r.missed.Load() != 0 {
		r.missed.Store(0)
	}
}

// served counts a hit.
func (r *readPlan) served(ctx context.Context, row *Row, shared bool) {
	n := r.rule.counters
	n.hits.Add(1)
	if !row.found {
		n.notFoundHits.Add(1)
	}
	if shared {
		n.sharedHits.Add(1)
	}
	if r.rule.owner.observer != nil {
		r.rule.owner.observe(ctx, Event{Kind: EventHit, Rule: r.rule.Name, NotFound: !row.found, Shared: shared})
	}
}

// bypass reads the database without a lease.
func (r *readPlan) bypass(ctx context.Context, run runner) (driver.Rows, error) {
	r.rule.counters.bypasses.Add(1)
	rows, err := run(ctx)
	if errors.Is(err, driver.ErrSkip) {
		r.rule.counters.bypasses.Add(^uint64(0)) // as in miss
		return nil, err
	}
	r.rule.owner.observe(ctx, Event{Kind: EventBypass, Rule: r.rule.Name})
	return rows, err
}

// storeFailed reports an error of the store, unless it is the caller's who gave up. It never makes a read fail: the database is
// asked instead.
func (r *readPlan) storeFailed(ctx context.Context, err error) {
	if d, ok := ctx.Deadline(); ctx.Err() != nil || ok && time.Until(d) < time.Millisecond { // a connection's deadline comes before the context's timer
		return
	}
	r.rule.owner.observe(ctx, Event{Kind: EventStoreError, Err: err})
	r.rule.owner.logOutage("the store failed; reads go to the database", err)
}

// foreignWait is how long a reader waits for another process to fill a slot, at most: half of his time is left for the database.
const foreignWait = 50 * time.Millisecond

// miss asks for a lease, and reads the database with it or without.
func (r *readPlan) miss(ctx context.Context, h *hub, l *lookup, renew bool, run runner) (driver.Rows, error) {
	version, ok := r.announce(ctx)
	if !ok {
		return r.bypass(ctx, run)
	}
	var until time.Time // for which it waits for another process; zero: it has not yet
	refused := 0        // flights
	for {
		grant, err := h.store.Lease(ctx, &l.slot, newToken(), times.Lease, renew)
		if err != nil {
			r.storeFailed(ctx, err)
			return r.bypass(ctx, run)
		}
		switch grant.Answer {
		case AnswerValue:
			r.found()
			return r.serve(ctx, h, l, grant.Row, false, run)
		case AnswerLease:
			return r.lead(ctx, h, l, grant.Lease, version, h.flights.start(l, true), run)
		case AnswerBypass:
			return r.bypass(ctx, run)
		}
		if renew {
			return r.bypass(ctx, run)
		}
		r.found() // somebody is about to store it
		if f := h.flights.find(l); f != nil {
			if r.barren.Load() >= manyBarren {
				return r.bypass(ctx, run) // to wait for another one's query, and then for one of its own, takes twice as long
			}
			// N5: a row that was read before this reader came may be older than a write that was acknowledged before it
			// came. A fill that is accepted after it came is not: no writer has touched the key since the lease.
			landed, err := f.wait(ctx)
			switch {
			case err != nil:
				return nil, r.gaveUp(ctx, err)
			case !landed, f.hopeless:
				return r.bypass(ctx, run)
			case f.row != nil:
				return r.serve(ctx, h, l, f.row, true, run)
			}
			if refused++; refused == manyRefused {
				return r.bypass(ctx, run) // it is written so often that each next one would be refused as well
			}
			continue
		}
		if until.IsZero() {
			until = time.Now().Add(halfOf(ctx, foreignWait))
		}
		left := time.Until(until)
		if left <= 0 {
			return r.bypass(ctx, run)
		}
		if err := sleep(ctx, min(left, 2*time.Millisecond+rand.N(6*time.Millisecond))); err != nil {
			return nil, r.gaveUp(ctx, err)
		}
	}
}

// gaveUp counts a read whose caller's time was over while it waited for another.
func (r *readPlan) gaveUp(ctx context.Context, err error) error {
	r.rule.counters.bypasses.Add(1)
	r.rule.owner.observe(ctx, Event{Kind: EventBypass, Rule: r.rule.Name})
	return err
}

const manyRefused = 2 // flights, for one read

const manyBarren = 4 // queries: after so many nobody waits for the next one's result

// serve answers with a row that was found after a miss, or has the database verify it.
func (r *readPlan) serve(ctx context.Context, h *hub, l *lookup, row *Row, shared bool, run runner) (driver.Rows, error) {
	r.served(ctx, row, shared)
	if r.rule.owner.verifies() {
		return r.verify(ctx, h, l, row, run)
	}
	return newReplay(row), nil
}

// announce tells the writers of other processes what they have to drop, before anything is stored. It returns the version of
// the board on which they find it, or false if they may not find it.
func (r *readPlan) announce(ctx context.Context) (version string, ok bool) {
	if b := r.rule.board; b != nil {
		return b.announce(ctx, r)
	}
	return "", true
}

// lead reads the database under a lease and fills the slot. The query starts after the grant: what it sees is no older
// than the lease. The version is that of the board before the lease.
func (r *readPlan) lead(
	ctx context.Context, h *hub, l *lookup, lease Lease, version string, f *flight, run runner,
) (driver.Rows, error) {
	landing, answered := false, false // the fill ends the flight
	defer func() {
		if !answered { // the base has panicked
			r.abandon(ctx, h, l, lease)
		}
		if !landing {
			h.flights.end(f)
		}
	}()
	r.rule.counters.misses.Add(1)
	start := time.Now()
	rows, err := run(ctx)
	if err != nil {
		answered = true
		if errors.Is(err, driver.ErrSkip) {
			r.rule.counters.misses.Add(^uint64(0)) // it comes again, prepared, and counts then
		} else {
			r.asked(ctx, time.Since(start))
		}
		r.abandon(ctx, h, l, lease)
		return nil, err
	}
	row, rest := record(rows, &r.columns)
	answered = true
	r.asked(ctx, time.Since(start))
	age := Age{Hard: r.rule.TTL, Soft: r.rule.Soft}
	if row != nil && !row.found {
		age = Age{Hard: min(r.rule.NotFound, r.rule.TTL)}
	}
	if row == nil || age.Hard == 0 {
		f.hopeless = true
		if r.barren.Load() < manyBarren && r.barren.Add(1) == manyBarren && row == nil {
			r.rule.owner.logOnce("what a query returns is not stored: several rows, or an error", "rule", r.rule.Name,
				"statement", (&plan{query: r.query, statement: r.statement}).label(), "hint", "only one row is stored; is it a :many?")
		}
		r.abandon(ctx, h, l, lease)
		return rest, nil
	}
	if r.barren.Load() != 0 {
		r.barren.Store(0)
	}
	// N5: whoever finds the flight from here on may have come after the fill was accepted, and after a write besides.
	awaited := h.flights.withdraw(f)
	if !r.isCurrent() {
		r.abandon(ctx, h, l, lease)
		return rest, nil
	}
	landing = true
	r.fill(ctx, h, l, lease, version, row, age, f, awaited)
	return rest, nil
}

// asked notes how long the database took for a miss.
func (r *readPlan) asked(ctx context.Context, took time.Duration) {
	r.rule.counters.databaseTime.Add(int64(took))
	r.rule.owner.observe(ctx, Event{Kind: EventMiss, Rule: r.rule.Name, Took: took})
}

// aside does what a read leaves to be done with its slot. Across a network nobody waits for it, unless there is too much;
// the connection may use its room for the next read meanwhile.
func (r *readPlan) aside(h *hub, l *lookup, work func(slot *Slot)) {
	if h.shared {
		slot := l.slot.Clone()
		if r.rule.owner.spawn(func() { work(slot) }) {
			return
		}
	}
	work(&l.slot)
}

// fill stores a row under a lease, and ends the flight. Nobody waits for it but who is on the flight.
func (r *readPlan) fill(
	ctx context.Context, h *hub, l *lookup, lease Lease, version string, row *Row, age Age, f *flight, awaited bool,
) {
	ctx = context.WithoutCancel(ctx)
	if b := r.rule.board; b != nil {
		// The board is looked at after the lease was granted: had it been lost before, with the notice on it, then the generation
		// was ended since, or there is another board by now.
		lease.Board, lease.Version = b.name, version
	}
	if owner := r.rule.owner; h.shared && !awaited && owner.begin() {
		h.store.FillLater(ctx, &l.slot, lease, row, age, func(filled bool, err error) {
			defer owner.end()
			defer h.flights.end(f)
			r.filled(ctx, lease, row, f, filled, err)
		})
		return
	}
	r.aside(h, l, func(slot *Slot) {
		defer h.flights.end(f)
		filled, err := h.store.Fill(ctx, slot, lease, row, age)
		r.filled(ctx, lease, row, f, filled, err)
	})
}

// filled notes what has come of a fill.
func (r *readPlan) filled(ctx context.Context, lease Lease, row *Row, f *flight, filled bool, err error) {
	switch b := r.rule.board; {
	case err != nil:
		r.storeFailed(ctx, err)
	case filled:
		r.rule.counters.fills.Add(1)
		r.rule.owner.observe(ctx, Event{Kind: EventFill, Rule: r.rule.Name})
		f.row = row
	case b != nil:
		r.rule.owner.spawn(func() { b.doubt(ctx, lease.Version) }) // if there is too much to do, the next one looks
	}
}

// isCurrent reports whether the plan is one of the rules as they are now. Under other rules nobody might know which
// writes touch it. Whatever was leased before they changed is void, and what is leased after is asked here.
func (r *readPlan) isCurrent() bool {
	m := r.rule.meaning
	return m.database.meaning.Load() == m
}

// abandon gives a lease back.
func (r *readPlan) abandon(ctx context.Context, h *hub, l *lookup, lease Lease) {
	ctx = context.WithoutCancel(ctx)
	r.aside(h, l, func(slot *Slot) { r.giveBack(ctx, h, slot, lease) })
}

func (r *readPlan) giveBack(ctx context.Context, h *hub, slot *Slot, lease Lease) {
	if err := h.store.Abandon(ctx, slot, lease); err != nil {
		r.storeFailed(ctx, err) // the lease runs out by itself
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// flights are the reads of this process that are about to fill a slot.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight // :: key and field → flight; protected by mu
}

// A flight is one such read. Its result is written before done is closed, by the reader that leads it.
type flight struct {
	id       string
	done     chan struct{} // closed by flights.end
	row      *Row          // nil: the fill was not accepted, or there was none
	hopeless bool          // what the query returns is not stored at all
	awaited  bool          // there is somebody else on it; protected by flights
	begun    bool          // it does not wait for its turn any more; protected by flights
}

func flightID(l *lookup) string { return string(l.slot.Key) + "\x00" + string(l.slot.Field) }

// start enters a flight, which may have to wait for its turn. One that is there already has lost its lease.
func (fs *flights) start(l *lookup, begun bool) *flight {
	f := &flight{id: flightID(l), done: make(chan struct{}), begun: begun}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.m == nil {
		fs.m = map[string]*flight{}
	}
	fs.m[f.id] = f
	return f
}

// begin notes that it is a flight's turn. It reports false if there is a later one for the slot: then this one has lost its lease.
func (fs *flights) begin(f *flight) bool {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f.begun = true
	return fs.m[f.id] == f
}

// find returns the flight to wait for, or nil.
func (fs *flights) find(l *lookup) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.m[flightID(l)]
	if f == nil || !f.begun {
		return nil
	}
	f.awaited = true
	return f
}

// withdraw hides a flight from readers who have not found it yet. It reports whether somebody has.
func (fs *flights) withdraw(f *flight) (awaited bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.m[f.id] == f {
		delete(fs.m, f.id)
	}
	return f.awaited
}

func (fs *flights) end(f *flight) {
	fs.withdraw(f)
	close(f.done)
}

// wait waits for the end of the flight, for as long as its lease can live, but leaves the caller half of his time to ask the database
// himself. The result may be looked at if it landed.
func (f *flight) wait(ctx context.Context) (landed bool, err error) {
	t := time.NewTimer(halfOf(ctx, times.Lease))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err() // this caller's own, not the leader's
	case <-f.done:
		return true, nil
	case <-t.C:
		return false, nil
	}
}

// record reads what a base driver's rows hold, as far as a second row, an error, or the end. The Row is nil if it can
// not be stored. The rows answer the caller in either case, just as the base's would have.
func record(base driver.Rows, shape *shape) (*Row, driver.Rows) {
	like := shape.of(base)
	ahead := &ahead{described: described{row: like, base: base}}
	row := newRow(len(like.names))
	first := row.values
	if err := nextValues(base, first); err != nil {
		ahead.queue = []result{{err: err}}
		if err != io.EOF || hasNextResultSet(base) { //nolint:errorlint // as database/sql compares it
			return nil, ahead
		}
		return finish(ahead, &Row{})
	}
	for i := range first {
		first[i] = clone(first[i])
	}
	// Stored only after the end was seen: the error of a later row must not be lost, and two rows must not become one.
	second := make([]driver.Value, len(like.names))
	err := nextValues(base, second)
	ahead.queue = []result{{values: first}, {values: second, err: err}}
	if err != io.EOF || hasNextResultSet(base) || slices.ContainsFunc(first, isFailed) { //nolint:errorlint // as database/sql compares it
		return nil, ahead
	}
	row.found, row.bytes = true, hasBytes(first)
	return finish(ahead, row)
}

// finish closes the base's rows and completes the row.
func finish(a *ahead, row *Row) (*Row, driver.Rows) {
	row.description, row.scans = a.row.description, scans(a.base)
	if err := a.base.Close(); err != nil {
		a.closed, a.closeErr = true, err
		return nil, a
	}
	return row, newReplay(row)
}

func hasNextResultSet(rows driver.Rows) bool {
	next, ok := rows.(driver.RowsNextResultSet)
	return ok && next.HasNextResultSet()
}

// A shape is the columns of what a text returned last, shared by all rows that have the same. Its zero value has none.
type shape struct{ atomic.Pointer[Row] }

// of returns a Row with the columns of a base driver's rows, the one before if it had the same.
func (s *shape) of(base driver.Rows) *Row {
	if last := s.Load(); last != nil && isLike(base, last.columns) {
		return last
	}
	columns := describe(base)
	row := &Row{description: &description{columns: columns}}
	for i := range columns {
		row.names = append(row.names, columns[i].name)
	}
	s.Store(row)
	return row
}

// ahead gives out results that were read too early, and then the base's own.
type ahead struct {
	described
	queue    []result
	closed   bool // the base is closed already
	closeErr error
}

type result struct {
	values []driver.Value
	err    error
}

var _ allRows = (*ahead)(nil)

func (a *ahead) Next(dest []driver.Value) error {
	if len(a.queue) == 0 {
		if a.closed {
			return io.EOF
		}
		return nextValues(a.base, dest)
	}
	next := a.queue[0]
	if next.err == nil {
		a.queue = a.queue[1:]
	}
	copy(dest, next.values)
	return next.err
}

// Close closes the base's rows, once: some drivers do not survive a second time.
func (a *ahead) Close() error {
	if !a.closed {
		a.closed, a.closeErr = true, a.base.Close()
	}
	return a.closeErr
}

func (a *ahead) HasNextResultSet() bool { return !a.closed && hasNextResultSet(a.base) }

func (a *ahead) NextResultSet() error {
	if !a.HasNextResultSet() {
		return io.EOF
	}
	a.queue, a.row = nil, nil // its columns may be others
	return a.base.(driver.RowsNextResultSet).NextResultSet()
}
