package moneyclip

import (
	"bytes"
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// A write goes through these steps. For a single statement:
//
//	quarantine its keys; run it; release them.
//
// For a statement whose keys are known only by reading rows, in a transaction around it:
//
//	BEGIN; read; run it; read; quarantine; COMMIT; release.
//
// For a statement in the caller's transaction:
//
//	read; run it; read; remember it. At COMMIT: quarantine its keys; COMMIT; release.
//
// So from before a change becomes visible until after it is acknowledged, its keys are in quarantine: nothing is stored
// under them, and nobody who reads meanwhile may store anything. And no reader is kept from the cache for longer than
// a statement or a COMMIT takes.

// A work is a write on its way, from one statement or from a whole transaction. It is used by one goroutine, but for
// the renewal of its quarantine.
type work struct {
	cache   *Cache
	dialect Dialect
	session *session  // nil: the database is not known
	known   knowledge // from which its statements were planned, or from before
	items   []item
	due     int            // how many of them have keys that are still to be added
	texts   map[*plan]bool // of the statements above maxItems, without their arguments
	drops   drops
	blind   bool   // not even the database is known: everything is dropped
	tainted string // why its connection was not taken at its word; empty: it was

	lookups map[string]lookedUp // :: id → paths that are to be gone again after the COMMIT

	marks   Marks
	found   *board // what board found
	sent    bool   // the store was told of marks: what is in quarantine has to be released, even where its rule is dropped as a whole by then
	version string // of the board, as it was known when the marks were computed
	suspect bool   // the store did not take the quarantine

	watched  bool       // it is among those whose quarantines are renewed
	place    int        // among them
	renewed  time.Time  // when that was last done, or the quarantine set
	renewing sync.Mutex // held while a renewal reads marks, which change only before and after all renewals; protects over
	over     bool       // no more renewals

	args   []driver.NamedValue // those of the items that it has kept itself
	kept   int                 // bytes of texts among those of the items
	lent   *lists              // where its lists are, if it is of a transaction
	shared bool                // another work has taken in what is in them: the two share arguments

	room  [2]bounded // for its steps: mostly they are this few
	steps int        // how many there were
}

// An item is a statement of a work, kept until it is over: a rule that comes to be known meanwhile may be touched too.
type item struct {
	plan *plan
	args []driver.NamedValue
	due  bool // its keys are still to be added
}

func newWork(c *Cache, s *session, known knowledge) *work {
	w := new(work)
	w.begin(c, s, known)
	return w
}

// begin makes a work of what is zero.
func (w *work) begin(c *Cache, s *session, known knowledge) {
	w.cache, w.dialect, w.session, w.known = c, c.dialect, s, known
}

// lists is the memory for the lists of a transaction's work. It is used again, since what is allocated in between costs a program that waits
// for its servers several times what it seems to: it finds nothing in the processor's caches.
type lists struct {
	items []item
	args  []driver.NamedValue
	keys  []dropped
}

var idleLists = sync.Pool{New: func() any { return new(lists) }}

// borrow has a new work use lists that are there already.
func (w *work) borrow() {
	w.lent = idleLists.Get().(*lists)
	w.items, w.args, w.drops.keys = w.lent.items[:0], w.lent.args[:0], w.lent.keys[:0]
}

// giveBack notes that the work is over. What another work has taken in of it stays as it is.
func (w *work) giveBack() {
	l := w.lent
	if l == nil || w.shared {
		return
	}
	*l = lists{w.items, w.args, w.drops.keys}
	w.lent, w.items, w.args, w.drops.keys = nil, nil, nil, nil
	if cap(l.items) > maxIdle || cap(l.args) > 4*maxIdle || cap(l.keys) > maxIdle {
		return
	}
	clear(l.items)
	clear(l.args)
	clear(l.keys)
	idleLists.Put(l)
}

const maxIdle = 256 // statements, and keys, of a transaction whose lists are kept: some 60 KB

// add takes in a statement: the keys that follow from its arguments, and for rules that want rows to be read the rows
// that were, or every key. What follows from the arguments alone is put off until the keys are needed: of the statements of a
// transaction one after the other, that takes a fraction of what it takes between two of them, where the processor's caches hold
// other things. And after a rollback it was not needed at all.
func (w *work) add(p *plan, args []driver.NamedValue, read *rowsRead) {
	if w.remember(p, args) && read == nil {
		w.items[len(w.items)-1].due = true
		w.due++
		return
	}
	w.touch(p, args, read)
}

// touchDue adds the keys that were put off.
func (w *work) touchDue() {
	for i := 0; w.due > 0; i++ {
		if it := &w.items[i]; it.due {
			it.due = false
			w.due--
			w.drops.due = w.due
			w.touch(it.plan, it.args, nil)
		}
	}
}

// touch adds the keys of a statement.
func (w *work) touch(p *plan, args []driver.NamedValue, read *rowsRead) {
	if p.write == nil {
		return
	}
	names := p.statement.Params
	for i := range p.write.direct {
		w.touchOne(&p.write.direct[i], args, names, nil, read)
	}
	w.drops.widen(p.write.wide)
	w.blind = w.blind || p.write.everything
	for i := range p.write.readings {
		r := &p.write.readings[i]
		for j := range r.recipes {
			if read == nil || read.readings[i].failed {
				w.drops.dropAll(r.recipes[j].rule)
				continue
			}
			w.touchOne(&r.recipes[j], args, names, read.readings[i].rows, read)
		}
	}
}

// touchOne adds the keys of one recipe.
func (w *work) touchOne(r *recipe, args []driver.NamedValue, names []string, rows [][]driver.Value, read *rowsRead) {
	if r.path != nil {
		if read == nil || read.found[r] == nil {
			w.drops.dropAll(r.rule)
			return
		}
		w.drops.addFound(r, read.found[r])
		return
	}
	if rows == nil && !r.fromRow() {
		w.drops.add(r, args, names, nil)
	}
	for _, row := range rows {
		w.drops.add(r, args, names, row)
	}
}

// fromRow reports whether a row that was read is among what the recipe needs.
func (r *recipe) fromRow() bool {
	return slices.ContainsFunc(r.sources, func(s source) bool { return s.kind == fromRow })
}

// remember keeps a statement. Of a transaction with very many it keeps only what they have in common: their texts. It reports whether it
// has kept all arguments too.
func (w *work) remember(p *plan, args []driver.NamedValue) (all bool) {
	if !w.hasRoom() {
		w.rememberText(p)
		return false
	}
	kept, all := w.keep(args)
	w.take(item{plan: p, args: kept})
	return all
}

const (
	maxItems = 10_000  // statements of one transaction that are kept with their arguments
	maxKept  = 4 << 20 // bytes of these
)

func (w *work) hasRoom() bool { return len(w.items) < maxItems && w.kept < maxKept }

func (w *work) take(it item) {
	if !w.hasRoom() {
		w.rememberText(it.plan)
		return
	}
	for i := range it.args {
		switch v := it.args[i].Value.(type) {
		case string:
			w.kept += len(v)
		case []byte:
			w.kept += len(v)
		}
	}
	w.items = append(more(w.items), it)
}

func (w *work) rememberText(p *plan) {
	if w.texts == nil {
		w.texts = map[*plan]bool{}
	}
	w.texts[p] = true
}

// plans are those of the work's statements.
func (w *work) plans() iter.Seq[*plan] {
	return func(yield func(*plan) bool) {
		for i := range w.items {
			if !yield(w.items[i].plan) {
				return
			}
		}
		for p := range w.texts {
			if !yield(p) {
				return
			}
		}
	}
}

// keep copies arguments. It reports false if there are some of which nothing is known later.
func (w *work) keep(args []driver.NamedValue) (kept []driver.NamedValue, all bool) {
	from := len(w.args)
	all = true
	for _, a := range args {
		var ok bool
		a.Value, ok = keep(a.Value)
		all = all && ok
		w.args = append(more(w.args), a)
	}
	return w.args[from:len(w.args):len(w.args)], all
}

// keep is an argument as it is to be kept until its write is over. It reports false if nothing is known of it then: a caller may change
// what it points to, and what is too long for a key is not worth the memory.
func keep(value driver.Value) (kept driver.Value, ok bool) {
	switch v := value.(type) {
	case nil, int64, bool, float64, time.Time:
		return value, true
	case string:
		if len(v) <= maxArgument {
			return strings.Clone(v), true // some programs make strings of buffers that they use again
		}
		return lost{}, false
	case []byte:
		if len(v) <= maxArgument {
			return bytes.Clone(v), true
		}
		return lost{}, false
	}
	t := reflect.TypeOf(value)
	if t.Kind() == reflect.Array { // as uuid.UUID
		t = t.Elem()
	}
	if t.Kind() == reflect.String && reflect.ValueOf(value).Len() <= maxArgument {
		return copied(reflect.ValueOf(value)).Interface(), true
	}
	if t.Kind() <= reflect.Complex128 {
		return value, true
	}
	return lost{}, false
}

// lost stands for an argument that was not kept. It is not understood, like a value that only the base understands.
type lost struct{}

// more makes room in a list: where there is a second element, a third and a fourth are mostly not far.
func more[T any](list []T) []T {
	if n := len(list); n > 0 && n == cap(list) {
		return slices.Grow(list, max(n, 8))
	}
	return list
}

// rest is a work with what this one has collected, to be marked and released anew.
func (w *work) rest() *work {
	again := newWork(w.cache, w.session, w.known)
	again.join(w)
	return again
}

// join takes in what another work has collected.
func (w *work) join(other *work) {
	if w.known != other.known {
		w.known = knowledge{} // of different times: to be looked at again
	}
	other.touchDue()
	other.shared = true
	for _, it := range other.items {
		w.take(it)
	}
	for p := range other.texts {
		w.rememberText(p)
	}
	w.blind = w.blind || other.blind
	w.tainted = cmp.Or(w.tainted, other.tainted)
	for i := range other.drops.keys {
		w.drops.put(other.drops.keys[i].drop, other.drops.keys[i].data)
	}
	for b := range other.drops.wide {
		w.drops.dropAll(b)
	}
	for _, l := range other.lookups {
		w.again(l)
	}
}

// compute writes down what the store is to be told.
func (w *work) compute() {
	w.touchDue()
	m := &w.marks
	if w.drops.changed || w.blind {
		before := m.Keys
		*m = Marks{Writer: m.Writer}
		w.drops.marks(m)
		w.drops.changed = false
		if w.sent {
			m.keep(before)
		}
	}
	if w.blind {
		for _, name := range w.cache.hub.everything() {
			m.addGeneration(name)
		}
	}
	if b := w.board(); b != nil && (len(w.items) > 0 || len(w.texts) > 0 || !m.empty()) {
		m.Board = b.name
		w.version = *b.version.Load()
	}
}

// board is where other processes say what they want of this write; nil: there are none.
func (w *work) board() *board {
	if w.session == nil || w.session.private {
		return nil
	}
	if w.found == nil {
		w.found = w.session.database.site.board(w.cache.hub, w.cache.namespace, w.session.database.scope)
	}
	return w.found
}

// heed takes in what other processes have published by now. It reports whether there is more to be marked than before. A
// board that cannot be read may say anything.
func (w *work) heed(ctx context.Context, version string) (more bool) {
	b := w.board()
	if b == nil || w.marks.Board == "" {
		return false
	}
	before := len(w.marks.Keys) + len(w.marks.Generations)
	if !b.isKnown(version) {
		if err := b.look(ctx, version); err != nil {
			w.failed(ctx, err)
			w.blind = true
		}
	}
	w.late()
	w.compute()
	return len(w.marks.Keys)+len(w.marks.Generations) > before
}

// quarantine marks the keys, before anybody can see what the write changes.
func (w *work) quarantine(ctx context.Context) error {
	w.marks.Writer = newToken() // M28: an attempt that is made again has a name of its own
	w.late()
	w.compute()
	if w.marks.empty() && (w.marks.Board == "" || w.cache.outage != FailWrites) {
		return nil // for rules of other processes it is enough to look at the board after it
	}
	if _, err := w.mark(ctx, times.Quarantine, halfOf(ctx, times.Store)); err != nil {
		h := w.cache.hub
		w.failed(ctx, err)
		w.cache.logOutage("the store did not take a quarantine", err)
		if w.cache.outage == FailWrites {
			// It may have arrived all the same. The write is not done, so it is no matter what others want of it.
			w.marks.Board = ""
			h.journal.enter(h, entry{marks: w.marks})
			return fmt.Errorf("%w: %w", ErrCacheDown, err)
		}
		w.suspect = true
		h.journal.suspect.Add(1)
	}
	w.watched = true
	w.cache.hub.renewals.add(w)
	return nil
}

// mark tells the store what the write touches, and again if another process turns out to want more of it: for a time, or
// without one that the write is over. An error may be for want of patience.
func (w *work) mark(ctx context.Context, hold, patience time.Duration) (late bool, err error) {
	step := w.within(ctx, patience)
	defer step.end()
	h := w.cache.hub
	w.sent = true
	version, err := h.settle(step, &w.marks, hold)
	for err == nil && w.heed(step, version) {
		version, err = h.settle(step, &w.marks, hold)
	}
	return err != nil && step.Err() != nil, err
}

// within is a context for one step.
func (w *work) within(ctx context.Context, d time.Duration) *bounded {
	w.steps++
	if w.steps > len(w.room) {
		return within(ctx, d)
	}
	b := &w.room[w.steps-1] // each is used once: somebody may hold on to it
	b.begin(ctx, d)
	return b
}

func (w *work) failed(ctx context.Context, err error) {
	w.cache.observe(ctx, Event{Kind: EventStoreError, Err: err})
}

// release ends the quarantine, when the outcome of the write is known: the caller gets its answer only after it. Of an
// outcome that nobody knows it is not the end: the change may become visible at any later time.
func (w *work) release(ctx context.Context, outcome error) {
	if w.watched {
		w.watched = false
		w.cache.hub.renewals.end(w)
	}
	w.late()
	w.compute()
	hold := time.Duration(0)
	if outcome != nil && !w.settled(outcome) {
		hold = times.Unknown
		w.marks.Writer = newToken() // a renewal that comes late would shorten what it has under its old name
	}
	if w.marks.empty() && (w.marks.Board == "" || outcome != nil && hold == 0) {
		return // a write that has failed has touched nobody's keys
	}
	if w.marks.Writer == (Token{}) {
		w.marks.Writer = newToken() // of a work that had nothing to quarantine
	}
	h := w.cache.hub
	late, err := w.mark(ctx, hold, times.Store)
	if err != nil && late {
		// This process may have been stopped meanwhile, for longer than its own quarantine, and somebody have stored what was
		// there before the write. Before the caller hears of it, it is tried once more with time of its own.
		_, err = w.mark(ctx, hold, times.Store)
	}
	if err != nil {
		h.journal.enter(h, entry{marks: w.marks, hold: hold, version: w.version})
		w.failed(ctx, err)
	}
	if w.suspect {
		h.journal.suspect.Add(-1)
	}
	if outcome == nil || hold > 0 {
		w.count(ctx)
	}
}

// guard runs a part of the write. Should that panic, or end its goroutine, nobody is left to release the keys: then they
// stay in quarantine for as long as after an unknown outcome.
func (w *work) guard(run func() error) error {
	over := false
	defer func() {
		if !over {
			w.release(backgroundContext, errUnknown)
		}
	}()
	err := run()
	over = true
	return err
}

var errUnknown = errors.New("the outcome is not known")

// settled reports whether an error of the database or of its driver leaves no doubt about the outcome.
func (w *work) settled(err error) bool {
	return errors.Is(err, driver.ErrSkip) || w.dialect.Settled(err)
}

// late drops what became known of rules since the keys were computed. A reader may have stored rows of such a rule
// that are older than this write.
func (w *work) late() {
	if w.session == nil {
		return
	}
	now := w.session.database.knowledge()
	if now == w.known {
		return
	}
	w.known = now
	for _, it := range w.items {
		if p := now.meaning.plan(it.plan.query); p != it.plan {
			w.touch(p, it.args, nil)
		}
	}
	for old := range w.texts {
		if p := now.meaning.plan(old.query); p != old && p.write != nil {
			for _, t := range p.write.touches {
				if t.guarantee != None {
					w.drops.dropAll(t.rule)
				}
			}
		}
	}
}

// count counts what was dropped. A rule may be there twice, as it was before the catalog changed and after.
func (w *work) count(ctx context.Context) {
	if b := w.drops.rule(); b != nil {
		n := len(w.drops.keys)
		b.counters.invalidations.Add(uint64(n))
		b.owner.observe(ctx, Event{Kind: EventWrite, Rule: b.Name, Keys: n})
		return
	}
	wide := map[*rule]bool{}
	for b := range w.drops.wide {
		if !wide[b.rule] {
			wide[b.rule] = true
			b.counters.ruleWide.Add(1)
			statement, why := w.culprit(b)
			b.owner.wides.add(WideWrite{At: time.Now(), Rule: b.Name, Statement: statement, Why: why})
			b.owner.observe(ctx, Event{Kind: EventWrite, Rule: b.Name})
		}
	}
	owners := map[*rule]*Cache{}
	keys := map[*rule]map[string]bool{}
	for i := range w.drops.keys {
		k := &w.drops.keys[i]
		r := k.rule.rule
		if keys[r] == nil {
			keys[r], owners[r] = map[string]bool{}, k.rule.owner
		}
		keys[r][k.key] = true
	}
	for r, dropped := range keys {
		if wide[r] {
			continue
		}
		r.counters.invalidations.Add(uint64(len(dropped)))
		owners[r].observe(ctx, Event{Kind: EventWrite, Rule: r.Name, Keys: len(dropped)})
	}
}
