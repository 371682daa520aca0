package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
	"pgregory.net/rapid"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// defaultSteps are run when MONEYCLIP_STEPS does not ask for more.
const defaultSteps = 2000

// skipLost ends a script when a text of several statements has failed and ended a transaction.
const skipLost = false

// maxFailures are reported before the test gives up.
const maxFailures = 3

// shallow is a driver whose triggers give up soon: random ones may fire each other without end.
const shallow = "sqlite3 shallow"

var shallowDriver = &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
	c.SetLimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 3)
	return nil
}}

func init() { sql.Register(shallow, shallowDriver) }

// script is a whole test: a schema, two caches, and what is done to the database. It is data alone, so that one that
// fails can be reduced by leaving parts out.
type script struct {
	schema  *schema
	caching [2]caching
	steps   []step
}

var randomScripts = rapid.Custom(func(t *rapid.T) script {
	d := dice{t}
	sc := script{schema: drawSchema(d)}
	for i, prefix := range []string{"p", "q"} {
		sc.caching[i] = drawCaching(d, sc.schema, prefix)
	}
	for _, table := range sc.schema.tables {
		for range 1 + d.n(3) {
			b := newText(d)
			sc.schema.fill(d, b, table)
			sc.steps = append(sc.steps, step{form: "INSERT", query: b.String(), args: b.args})
		}
	}
	for range 10 + d.n(60) {
		sc.steps = append(sc.steps, drawStep(d, sc.schema))
	}
	return sc
})

// setting is a number from the environment.
func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestProperty does random things to random databases and compares, after each, what the cache answers with what the
// database holds. MONEYCLIP_STEPS says how much it does, MONEYCLIP_SEED where it starts: a failure names its seed.
func TestProperty(t *testing.T) {
	t.Parallel()
	steps, seed := setting("MONEYCLIP_STEPS", defaultSteps), setting("MONEYCLIP_SEED", int(rand.Int32()))
	total := newCounts()
	failures := 0
	for ; total.steps < steps && failures < maxFailures; seed++ {
		sc := randomScripts.Example(seed)
		r, err := carryOut(t, sc, newRecorder())
		total.add(r.counts)
		if err == nil {
			continue
		}
		failures++
		reduced, reducedErr := reduce(t, sc, err)
		t.Errorf("MONEYCLIP_SEED=%d: %v\n\nreduced: %v\nafter:\n%s", seed, err, reducedErr, strings.Join(reduced.trace, "\n"))
	}
	t.Logf("up to seed %d: %v", seed, total)
	if total.hits*10 < total.reads*3 {
		t.Errorf("%d of %d reads were hits: too few to prove anything", total.hits, total.reads)
	}
}

// carryOut runs a script in a folder of its own.
func carryOut(t *testing.T, sc script, store *recorder) (*run, error) {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r := newRun(dir, store)
	return r, r.script(sc)
}

// reduceTime bounds the search for a shorter script that fails as well.
const reduceTime = 20 * time.Second

// reduce leaves out of a failing script what is not needed to make it fail in the same way.
func reduce(t *testing.T, sc script, err error) (*run, error) {
	var last *run
	lastErr := err
	end := time.Now().Add(reduceTime)
	fails := func(sc script) bool {
		r, err := carryOut(t, sc, newRecorder())
		if err == nil || time.Now().After(end) || sortOf(err) != sortOf(lastErr) {
			return false
		}
		last, lastErr = r, err
		return true
	}
	fails(sc)
	for range 2 {
		sc.steps = without(sc.steps, func(steps []step) bool {
			return fails(script{sc.schema, sc.caching, steps})
		})
		for i := range sc.caching {
			sc.caching[i].probes = without(sc.caching[i].probes, func(probes []probe) bool {
				shorter := sc
				shorter.caching[i].probes = probes
				return fails(shorter)
			})
			sc.caching[i].rules = without(sc.caching[i].rules, func(rules []moneyclip.Rule) bool {
				shorter := sc
				shorter.caching[i].rules = rules
				return fails(shorter)
			})
		}
		sc.schema.ddl = without(sc.schema.ddl, func(ddl []string) bool {
			return fails(script{&schema{ddl: ddl, recursive: sc.schema.recursive}, sc.caching, sc.steps})
		})
	}
	if last == nil {
		return &run{}, errors.New("it does not fail again")
	}
	return last, lastErr
}

// sortOf is what an error has in common with others of its sort.
func sortOf(err error) string {
	before, _, _ := strings.Cut(err.Error(), ":")
	return before
}

// without leaves parts out of a list, ever smaller ones, as long as what is left still fails.
func without[T any](list []T, fails func([]T) bool) []T {
	for size := (len(list) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(list); {
			shorter := slices.Delete(slices.Clone(list), at, min(at+size, len(list)))
			if fails(shorter) {
				list = shorter
				continue
			}
			at += size
		}
	}
	return list
}

// counts are what runs have done.
type counts struct {
	steps, failing, reads, hits, compared int
	forms                                 map[string]*formCounts
}

// formCounts are how exact the invalidation of one form of statement was.
type formCounts struct {
	statements      int
	guarantees      [4]int // of a statement for a rule
	dropped, needed int    // stored keys
}

func newCounts() *counts { return &counts{forms: map[string]*formCounts{}} }

func (c *counts) form(name string) *formCounts {
	f := c.forms[name]
	if f == nil {
		f = &formCounts{}
		c.forms[name] = f
	}
	return f
}

func (c *counts) add(other *counts) {
	c.steps += other.steps
	c.failing += other.failing
	c.reads += other.reads
	c.hits += other.hits
	c.compared += other.compared
	for name, f := range other.forms {
		mine := c.form(name)
		mine.statements += f.statements
		mine.dropped += f.dropped
		mine.needed += f.needed
		for i, n := range f.guarantees {
			mine.guarantees[i] += n
		}
	}
}

func (c *counts) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps, %d of them failing statements; %d cached reads, %d hits (%d%%); %d comparisons\n",
		c.steps, c.failing, c.reads, c.hits, 100*c.hits/max(c.reads, 1), c.compared)
	fmt.Fprintf(&b, "%-40s %6s | %6s %6s %6s %6s | %8s %8s\n", "form", "n", "exact", "read", "wide", "none", "dropped", "changed")
	for _, name := range slices.Sorted(maps.Keys(c.forms)) {
		f := c.forms[name]
		g := f.guarantees
		fmt.Fprintf(&b, "%-40s %6d | %6d %6d %6d %6d | %8d %8d\n", name, f.statements,
			g[moneyclip.Exact], g[moneyclip.AfterReading], g[moneyclip.RuleWide], g[moneyclip.None], f.dropped, f.needed)
	}
	return b.String()
}

// A run carries out a script.
type run struct {
	dir    string
	store  *recorder
	counts *counts
	trace  []string

	caches   [2]*moneyclip.Cache
	handles  []*sql.DB // through a cache: two of the first cache's, one of the second's
	plain    *sql.DB   // the same file without a cache
	mirror   *sql.DB   // another file, to which the same is done without a cache
	sessions []*session
	probes   []*watched
	overlap  bool // a session did something beside another one's transaction
	apart    bool // the mirror can not be compared with any longer
	over     bool // the script can not go on
}

// A session is one caller: a connection to the database and its like to the mirror.
type session struct {
	cache  int
	real   handle
	mirror handle
	conn   *sql.Conn // nil: a pool, without transactions
	twin   *sql.Conn
	tx     *sql.Tx
	twinTx *sql.Tx
	text   bool // BEGIN was sent as text

	open     *sql.Rows // not read to their end
	openTwin *sql.Rows
	age      int // steps since open was opened

	stmt, twinStmt *sql.Stmt // prepared last; they belong to the connection
	last           step
}

func (s *session) busy() bool { return s.tx != nil || s.text || s.open != nil }

// handle is what a pool, a connection and a transaction can do alike.
type handle interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// watched is a probe with what the database answered last.
type watched struct {
	probe
	cache  int
	rule   string
	answer string
	key    string // in the store; empty: the last answer was not stored
	stmts  map[*sql.DB]*sql.Stmt
}

func newRun(dir string, store *recorder) *run {
	return &run{dir: dir, store: store, counts: newCounts()}
}

var ctx = context.Background()

func (r *run) script(sc script) error {
	defer r.close()
	if err := r.open(sc); err != nil {
		return err
	}
	for _, st := range sc.steps {
		if err := r.step(st); err != nil {
			return err
		}
		if r.over {
			break
		}
	}
	return nil
}

func (r *run) note(format string, args ...any) {
	r.trace = append(r.trace, fmt.Sprintf(format, args...))
}

func (r *run) open(sc script) error {
	dsn := func(name string) string {
		recursive := 0
		if sc.schema.recursive {
			recursive = 1
		}
		return fmt.Sprintf("file:%s?_journal_mode=WAL&_foreign_keys=on&_busy_timeout=5&_synchronous=OFF&_recursive_triggers=%d",
			filepath.Join(r.dir, name), recursive)
	}
	var err error
	if r.plain, err = sql.Open(shallow, dsn("main.db")); err != nil {
		return err
	}
	if r.mirror, err = sql.Open(shallow, dsn("mirror.db")); err != nil {
		return err
	}
	for _, text := range sc.schema.ddl {
		_, err := r.plain.Exec(text)
		_, mirrorErr := r.mirror.Exec(text)
		if err != nil {
			r.note("-- refused: %s: %v", text, err)
		} else {
			r.note("%s;", text)
		}
		if show(err) != show(mirrorErr) {
			return fmt.Errorf("the mirror differs at once: %v, %v", err, mirrorErr)
		}
	}
	if sc.schema.recursive {
		r.note("PRAGMA recursive_triggers = 1;")
	}
	logger := slog.New(slog.DiscardHandler)
	for i, c := range sc.caching {
		var rules []moneyclip.Rule
		for _, rule := range c.rules {
			if _, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{rule}, Logger: logger}); err != nil {
				r.note("-- refused: rule %s: %v", rule.Key, err)
				continue
			}
			rules = append(rules, rule)
			r.note("-- cache %d: rule %s: Query %q Table %q By %q Args %v On %v NotFound %v Refresh %v",
				i, rule.Key, rule.Query, rule.Table, rule.By, rule.Args, rule.On, rule.NotFound, rule.Refresh)
		}
		if r.caches[i], err = moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: rules, Store: r.store, Logger: logger, MaxKeys: c.maxKeys}); err != nil {
			return err
		}
		for _, p := range c.probes {
			r.probes = append(r.probes, &watched{probe: p, cache: i, stmts: map[*sql.DB]*sql.Stmt{}})
		}
	}
	for _, c := range []*moneyclip.Cache{r.caches[0], r.caches[0], r.caches[1]} {
		wrapped, ok := c.Driver(shallowDriver).(driver.DriverContext)
		if !ok {
			return errors.New("the driver makes no connectors")
		}
		connector, err := wrapped.OpenConnector(dsn("main.db"))
		if err != nil {
			return err
		}
		r.handles = append(r.handles, sql.OpenDB(connector))
	}
	r.sessions = append(r.sessions, &session{real: r.handles[0], mirror: r.mirror})
	for i, db := range []*sql.DB{r.handles[0], r.handles[0], r.handles[1], r.handles[2]} {
		s := &session{}
		if i == 3 {
			s.cache = 1
		}
		if s.conn, err = db.Conn(ctx); err != nil {
			return err
		}
		if s.twin, err = r.mirror.Conn(ctx); err != nil {
			return err
		}
		s.real, s.mirror = s.conn, s.twin
		r.sessions = append(r.sessions, s)
	}
	return r.look(nil, nil)
}

func (r *run) close() {
	for _, s := range r.sessions {
		s.forget()
		if s.open != nil {
			s.open.Close()
		}
		if s.openTwin != nil {
			s.openTwin.Close()
		}
		if s.tx != nil {
			s.tx.Rollback()
			s.twinTx.Rollback()
		}
		if s.conn != nil {
			s.conn.Close()
			s.twin.Close()
		}
	}
	for _, w := range r.probes {
		for _, stmt := range w.stmts {
			stmt.Close()
		}
	}
	for _, db := range append(r.handles, r.plain, r.mirror) {
		if db != nil {
			db.Close()
		}
	}
	for _, c := range r.caches {
		if c != nil {
			c.Close()
		}
	}
}

// step takes one step on the database and on the mirror, and compares.
func (r *run) step(st step) error {
	s := r.sessions[st.session]
	for i, other := range r.sessions {
		switch {
		case other == s || !other.busy():
		case st.force:
			r.overlap = true
		default:
			s, st.session = other, i // the others would have to wait for it
		}
	}
	if s.open != nil {
		// SQLite lets a transaction begin and end around a statement that is not through.
		if st.kind != statement {
			r.apart = true // whether the write belongs to the transaction depends on when it was over
		}
		if s.age++; s.age > 2 || st.kind != statement && st.kind != beginText && st.kind != savepoint || st.form == "DDL" || st.form == "script" {
			r.note("[%d] close", st.session)
			if got, want := s.closeOpen(); !reflect.DeepEqual(got, want) && !r.apart {
				return fmt.Errorf("the driver differs: closing rows\n got %v\nwant %v", got, want)
			}
			if err := r.look(nil, nil); err != nil {
				return fmt.Errorf("%w\nafter closing rows", err)
			}
		}
	}
	if st.kind == again {
		if s.stmt == nil || s.tx != nil {
			return nil
		}
		st = s.last
		st.way = byKept
	}
	if st.kind != statement && !s.can(&st) || st.form == "TEMP" && s.conn == nil {
		return nil
	}
	r.counts.steps++
	r.store.take()
	if st.form == "SELECT" && st.force && len(r.probes) > 0 {
		w := r.probes[r.counts.steps%len(r.probes)]
		st.query, st.args = w.query, w.args
	}
	form := st.form
	var explanation moneyclip.Explanation
	var got, want outcome
	if st.kind == statement {
		var err error
		if explanation, err = r.caches[s.cache].Explain(st.query, st.args...); err != nil {
			explanation = moneyclip.Explanation{}
		}
		got, want = s.perform(st)
		switch {
		case form == "DDL" || form == "script":
			got.affected, want.affected = 0, 0 // SQLite leaves what the statement before has left
		case strings.Contains(st.query, " RETURNING ") && (st.way == byExec || want.err == "" && st.way != byQuery && st.way != byPreparedQuery):
			// Of rows that are not read to their end the driver does not hear whether they were written.
			want = got
		case got.err != "" && strings.Contains(want.err, "FOREIGN KEY"):
			want = got // OR FAIL: both the statement and its COMMIT have failed
		}
	} else {
		form = st.kind.String()
		got, want = s.control(st)
	}
	r.note("%v -- %v", st, got)
	if got.err != "" {
		r.counts.failing++
	}
	switch {
	case reflect.DeepEqual(got, want), r.apart:
	case r.overlap && strings.Contains(got.err+want.err, "database is locked"):
		// A statement that fails is committed all the same when it was read for, which ends the snapshot of others; one
		// that returns rows is over before they are read.
		r.apart = true
	default:
		return fmt.Errorf("the driver differs: %v\n got %v\nwant %v", st, got, want)
	}
	f := r.counts.form(form)
	f.statements++
	for _, e := range explanation.Effects {
		f.guarantees[e.Guarantee]++
	}
	if skipLost && st.form == "script" && got.err != "" && s.conn != nil && isAutocommit(s.twin) {
		r.over = true
		return nil
	}
	r.lookAside(s)
	if (s.tx != nil || s.text) && !r.apart && !isAutocommit(s.twin) {
		if err := r.lookInside(s); err != nil {
			return fmt.Errorf("%w\nafter %v -- %v", err, st, got)
		}
	}
	if st.kind == statement && s.busy() {
		f = nil
	}
	if err := r.look(f, &explanation); err != nil {
		return fmt.Errorf("%w\nafter %v -- %v", err, st, got)
	}
	return r.compareTables()
}

// can makes the kind of a step one that the session's state allows.
func (s *session) can(st *step) bool {
	if s.conn == nil {
		return false
	}
	switch st.kind {
	case begin, beginText:
		return s.tx == nil && !s.text
	case savepoint:
		if s.tx == nil {
			s.text = true
		}
		return true
	default:
		return s.tx != nil || s.text
	}
}

// control begins, ends or divides a transaction.
func (s *session) control(st step) (got, want outcome) {
	texts := map[stepKind]string{beginText: "BEGIN", savepoint: "SAVEPOINT a", rollbackTo: "ROLLBACK TO a", release: "RELEASE a",
		commit: "COMMIT", rollback: "ROLLBACK"}
	var err, mirrorErr error
	switch {
	case st.kind == begin:
		s.tx, err = s.conn.BeginTx(ctx, nil)
		s.twinTx, mirrorErr = s.twin.BeginTx(ctx, nil)
		if err != nil || mirrorErr != nil {
			if err == nil {
				s.tx.Rollback()
			}
			if mirrorErr == nil {
				s.twinTx.Rollback()
			}
			s.tx, s.twinTx = nil, nil
			return failure(err), failure(mirrorErr)
		}
		s.real, s.mirror = s.tx, s.twinTx
		return failure(err), failure(mirrorErr)
	case s.tx != nil && (st.kind == commit || st.kind == rollback):
		if st.kind == commit {
			err, mirrorErr = s.tx.Commit(), s.twinTx.Commit()
		} else {
			err, mirrorErr = s.tx.Rollback(), s.twinTx.Rollback()
		}
		s.tx, s.twinTx = nil, nil
		s.real, s.mirror = s.conn, s.twin
		return failure(err), failure(mirrorErr)
	}
	st.query = texts[st.kind]
	got, want = perform(s.real, st), perform(s.mirror, st)
	got.affected, want.affected, got.last, want.last = 0, 0, 0, 0
	if s.tx == nil {
		s.text = !isAutocommit(s.twin)
	}
	return got, want
}

// isAutocommit asks SQLite whether a transaction is open.
func isAutocommit(conn *sql.Conn) bool {
	is := false
	conn.Raw(func(c any) error {
		is = c.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	return is
}

// perform runs a statement, and its twin.
func (s *session) perform(st step) (got, want outcome) {
	switch st.way {
	case byKept:
		return result(s.stmt.ExecContext(ctx, st.args...)), result(s.twinStmt.ExecContext(ctx, st.args...))
	case byQueryOpen:
	case byPrepared:
		if s.conn != nil && s.tx == nil && st.form != "DDL" && st.form != "script" {
			s.keep(st)
		}
		fallthrough
	default:
		return perform(s.real, st), perform(s.mirror, st)
	}
	if s.open != nil || s.conn == nil {
		st.way = byQuery
		return perform(s.real, st), perform(s.mirror, st)
	}
	s.age = 0
	s.open, got = openRows(s.real, st)
	s.openTwin, want = openRows(s.mirror, st)
	return got, want
}

// keep prepares a statement for later.
func (s *session) keep(st step) {
	stmt, err := s.conn.PrepareContext(ctx, st.query)
	twin, twinErr := s.twin.PrepareContext(ctx, st.query)
	if err != nil || twinErr != nil {
		return // perform will compare the errors
	}
	s.forget()
	s.stmt, s.twinStmt, s.last = stmt, twin, st
}

func (s *session) forget() {
	if s.stmt != nil {
		s.stmt.Close()
		s.twinStmt.Close()
	}
}

// openRows reads one row and leaves the others for later. The rows are nil if there is none.
func openRows(h handle, st step) (*sql.Rows, outcome) {
	ctx := ctx
	if st.form == "SELECT" {
		ctx = moneyclip.Bypass(ctx)
	}
	rows, err := h.QueryContext(ctx, st.query, st.args...)
	if err != nil {
		return nil, failure(err)
	}
	if !rows.Next() {
		return nil, readRows(rows, nil, 0)
	}
	return rows, outcome{}
}

func (s *session) closeOpen() (got, want outcome) {
	got, want = readRows(s.open, nil, -1), readRows(s.openTwin, nil, -1)
	s.open, s.openTwin = nil, nil
	return got, want
}

// outcome is all that a caller hears of a statement.
type outcome struct {
	err      string
	affected int64
	last     int64
	columns  []string
	rows     [][]any
}

func (o outcome) String() string {
	if o.err != "" {
		return "error: " + o.err
	}
	if o.columns != nil {
		return fmt.Sprintf("%d rows", len(o.rows))
	}
	return fmt.Sprintf("%d affected", o.affected)
}

func show(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%T: %[1]v", err)
}

func failure(err error) outcome { return outcome{err: show(err)} }

// perform runs a statement in its way.
func perform(h handle, st step) outcome {
	var stmt *sql.Stmt
	if st.way >= byPrepared {
		var err error
		if stmt, err = h.PrepareContext(ctx, st.query); err != nil {
			return failure(err)
		}
		defer stmt.Close()
	}
	switch st.way {
	case byQuery, byQueryOneRow, byQueryClosed, byPreparedQuery:
		var rows *sql.Rows
		var err error
		if stmt != nil {
			rows, err = stmt.QueryContext(ctx, st.args...)
		} else {
			rows, err = h.QueryContext(ctx, st.query, st.args...)
		}
		limit := -1
		switch st.way {
		case byQueryOneRow:
			limit = 1
		case byQueryClosed:
			limit = 0
		}
		return readRows(rows, err, limit)
	}
	if stmt == nil {
		return result(h.ExecContext(ctx, st.query, st.args...))
	}
	o := result(stmt.ExecContext(ctx, st.args...))
	if st.way == byPreparedTwice {
		o = result(stmt.ExecContext(ctx, st.args...))
	}
	return o
}

func result(res sql.Result, err error) outcome {
	if err != nil {
		return failure(err)
	}
	var o outcome
	o.affected, _ = res.RowsAffected()
	o.last, _ = res.LastInsertId()
	return o
}

// readRows reads rows to their end, or not as far as that.
func readRows(rows *sql.Rows, err error, limit int) outcome {
	if err != nil {
		return failure(err)
	}
	var o outcome
	o.columns, _ = rows.Columns()
	for limit != 0 && rows.Next() {
		values := make([]any, len(o.columns))
		dest := make([]any, len(values))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			rows.Close()
			return failure(err)
		}
		o.rows = append(o.rows, values)
		limit--
	}
	err = rows.Close()
	if rows.Err() != nil {
		err = rows.Err()
	}
	if err != nil {
		return failure(err) // from the query or from its rows
	}
	return o
}

// ask runs a probe and shows the answer, with its types.
func (w *watched) ask(db *sql.DB) string {
	var rows *sql.Rows
	var err error
	if w.prepared {
		stmt := w.stmts[db]
		if stmt == nil {
			if stmt, err = db.PrepareContext(ctx, w.query); err != nil {
				return show(err)
			}
			w.stmts[db] = stmt
		}
		rows, err = stmt.QueryContext(ctx, w.args...)
	} else {
		rows, err = db.QueryContext(ctx, w.query, w.args...)
	}
	return answer(rows, err)
}

func answer(rows *sql.Rows, err error) string {
	types := ""
	if err == nil {
		columnTypes, err := rows.ColumnTypes()
		types = show(err)
		for _, c := range columnTypes {
			types += c.DatabaseTypeName() + " "
		}
	}
	o := readRows(rows, err, -1)
	return fmt.Sprintf("%#v %q %s%s", o.rows, o.columns, types, o.err)
}

// look compares the answers of the caches with that of the database, and counts what was dropped against what changed.
func (r *run) look(f *formCounts, x *moneyclip.Explanation) error {
	dropped := r.store.take()
	needed := map[string]bool{}
	effects := map[string]moneyclip.Effect{}
	if x != nil {
		for _, e := range x.Effects {
			effects[e.Rule] = e
		}
	}
	for _, w := range r.probes {
		want := w.ask(r.plain)
		if w.key != "" && want != w.answer {
			needed[w.key] = true
		}
		w.answer = want
		for i, db := range r.handles {
			if i/2 != w.cache {
				continue
			}
			for range 2 - i%2 {
				r.store.forgetLast()
				before := r.caches[w.cache].Stats()
				got := w.ask(db)
				after := r.caches[w.cache].Stats()
				r.counts.compared++
				if after.Hits+after.Misses+after.Bypasses > before.Hits+before.Misses+before.Bypasses {
					r.counts.reads++
				}
				r.counts.hits += int(after.Hits - before.Hits)
				if got != want {
					how := "wrong"
					if after.Hits > before.Hits {
						how = "stale"
					}
					return fmt.Errorf("%s: %v\n got %s\nwant %s", how, w.probe, got, want)
				}
			}
		}
		w.key = ""
		if key := r.store.last(); key != "" {
			r.store.mu.Lock()
			if _, ok := r.store.filled[key]; ok {
				w.key = key
			}
			r.store.mu.Unlock()
		}
	}
	if f == nil {
		return nil
	}
	for key := range needed {
		if !dropped[key] {
			return fmt.Errorf("kept: the key %s was not dropped, although its answer has changed", key)
		}
	}
	f.dropped += len(dropped)
	f.needed += len(needed)
	return nil
}

// lookAside reads on the session's own connection, which may see less than others do while it has rows open. What it
// reads is compared later, by those who are answered from what it has stored.
func (r *run) lookAside(s *session) {
	contexts := []context.Context{ctx, moneyclip.Refresh(ctx), moneyclip.Bypass(ctx)}
	for i, w := range r.probes {
		if n := r.counts.steps + i; n%4 == 0 && w.cache == s.cache && s.tx == nil && !s.text {
			answer(s.real.QueryContext(contexts[n/4%3], w.query, w.args...))
		}
	}
}

// lookInside compares what a transaction sees with what its twin sees.
func (r *run) lookInside(s *session) error {
	for i, w := range r.probes {
		if (r.counts.steps+i)%3 != 0 {
			continue
		}
		got := answer(s.real.QueryContext(ctx, w.query, w.args...))
		want := answer(s.mirror.QueryContext(ctx, w.query, w.args...))
		if got != want {
			return fmt.Errorf("in a transaction: %v\n got %s\nwant %s", w.probe, got, want)
		}
	}
	return nil
}

// compareTables compares the committed rows of the database and of its mirror.
func (r *run) compareTables() error {
	if r.counts.steps%4 != 0 || r.apart || slices.ContainsFunc(r.sessions, func(s *session) bool { return s.openTwin != nil }) {
		return nil // a write whose rows are open may be committed before they are closed, or then
	}
	got, err := tables(r.plain)
	want, mirrorErr := tables(r.mirror)
	if err != nil || mirrorErr != nil {
		return errors.Join(err, mirrorErr)
	}
	sort.Strings(got)
	sort.Strings(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the database differs from its mirror:\n got %v\nwant %v", got, want)
	}
	return nil
}

func tables(db *sql.DB) ([]string, error) {
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
	names := readRows(rows, err, -1)
	if names.err != "" {
		return nil, errors.New(names.err)
	}
	var all []string
	for _, row := range names.rows {
		rows, err := db.Query(fmt.Sprintf("SELECT * FROM %s", row[0]))
		for _, row := range readRows(rows, err, -1).rows {
			all = append(all, fmt.Sprintf("%s %#v", names.rows[0], row))
		}
	}
	return all, nil
}

// TestCases are scripts that random ones come upon too seldom.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		ddl    []string
		rule   moneyclip.Rule
		probe  string
		args   []any
		writes []string
	}{
		{
			name: "a trigger changes the rows that the statement has yet to change",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)",
				"CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe:  "SELECT count(*) FROM t WHERE k = ?",
			args:   []any{1, 2, 3, 4, 5, 6, 7},
			writes: []string{"INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)", "UPDATE t SET k = k + 1, c = 1 WHERE id IN (1, 2)"},
		},
		{
			name: "a trigger frees the number that the new row takes",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, g INT AS (a + 1))",
				"CREATE TRIGGER r BEFORE INSERT ON t BEGIN DELETE FROM t WHERE g = 4; END",
			},
			rule:   moneyclip.Rule{Key: "g:%d", Query: "SELECT count(*) FROM t WHERE g = ?"},
			probe:  "SELECT count(*) FROM t WHERE g = ?",
			args:   []any{1, 2, 3, 4, 5, 6, 7, 8, 9},
			writes: []string{"INSERT INTO t VALUES (1, 1), (2, 2)", "INSERT INTO t VALUES (3, 3)", "INSERT INTO t (a) VALUES (7)"},
		},
		{
			name: "a trigger moves one half of a key",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)",
				"CREATE TRIGGER r BEFORE UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3 AND c = 0; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}},
			probe:  "SELECT count(*) FROM t WHERE k = ? AND c = 1",
			args:   []any{1, 3, 5},
			writes: []string{"INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)", "UPDATE t SET c = 1 WHERE k = 3 AND c = 0"},
		},
		{
			name: "a trigger moves one half of a key of rows that are read",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)",
				"CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3 AND c = 0; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}, NotFound: time.Hour},
			probe:  "SELECT * FROM t WHERE k = ? AND c = 1",
			args:   []any{1, 2, 3, 5},
			writes: []string{"INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)", "UPDATE t SET c = 1 WHERE id IN (1, 2)"},
		},
		{
			name: "a trigger of a trigger makes the row that an upsert meets",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE, k INT, c INT)", "CREATE TABLE u (x INT)",
				"CREATE TRIGGER r BEFORE INSERT ON t BEGIN INSERT INTO u VALUES (NEW.a); END",
				"CREATE TRIGGER q AFTER INSERT ON u BEGIN INSERT OR IGNORE INTO t (a, k, c) VALUES (NEW.x, 3, 0); END",
			},
			rule:   moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}, NotFound: time.Hour},
			probe:  "SELECT a FROM t WHERE k = ? AND c = 5",
			args:   []any{1, 3},
			writes: []string{"INSERT INTO t (a, k, c) VALUES (7, 1, 1) ON CONFLICT (a) DO UPDATE SET c = 5"},
		},
		{
			name: "a foreign key moves one half of a key",
			ddl: []string{
				"CREATE TABLE p (id INTEGER PRIMARY KEY)",
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER REFERENCES p ON UPDATE CASCADE, c INT)",
				"CREATE TRIGGER r BEFORE UPDATE OF c ON t BEGIN UPDATE p SET id = 5 WHERE id = 3; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}},
			probe:  "SELECT count(*) FROM t WHERE k = ? AND c = 1",
			args:   []any{1, 3, 5},
			writes: []string{"INSERT INTO p VALUES (1), (3)", "INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)", "UPDATE t SET c = 1 WHERE k = 3 AND c = 0"},
		},
		{
			name: "a trigger before changes what the one after sees",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)", "CREATE TABLE u (id INTEGER PRIMARY KEY, k INT)",
				"CREATE TRIGGER r BEFORE UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3; END",
				"CREATE TRIGGER q AFTER UPDATE OF c ON t BEGIN DELETE FROM u WHERE k = NEW.k; END",
			},
			rule:   moneyclip.Rule{Key: "u:%d", Query: "SELECT count(*) FROM u WHERE k = ?"},
			probe:  "SELECT count(*) FROM u WHERE k = ?",
			args:   []any{3, 5},
			writes: []string{"INSERT INTO u VALUES (1, 3), (2, 5)", "INSERT INTO t VALUES (2, 3, 0)", "UPDATE t SET c = 1 WHERE id = 2"},
		},
		{
			name: "a trigger of a trigger brings a row into the way of REPLACE",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE, k INT)", "CREATE TABLE u (x INT)",
				"CREATE TRIGGER r BEFORE INSERT ON t BEGIN INSERT INTO u VALUES (NEW.a); END",
				"CREATE TRIGGER q AFTER INSERT ON u BEGIN UPDATE t SET a = NEW.x WHERE a = 9; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe:  "SELECT count(*) FROM t WHERE k = ?",
			args:   []any{1, 2},
			writes: []string{"INSERT INTO t VALUES (1, 9, 2)", "REPLACE INTO t (a, k) VALUES (7, 1)"},
		},
		{
			name: "a foreign key brings a row into the way of REPLACE",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER DEFAULT 7 UNIQUE REFERENCES t (id) ON DELETE SET DEFAULT, k INT)",
			},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe: "SELECT count(*) FROM t WHERE k = ?",
			args:  []any{1, 2, 3, 4},
			writes: []string{"INSERT INTO t VALUES (7, NULL, 1), (1, NULL, 1)", "INSERT INTO t VALUES (2, 1, 2)",
				"REPLACE INTO t (id, a, k) VALUES (1, NULL, 3), (9, 7, 4)"},
		},
		{
			name:  "NULL becomes the default by the column's own REPLACE",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL ON CONFLICT REPLACE DEFAULT 7)"},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe: "SELECT count(*) FROM t WHERE k = ?",
			args:  []any{1, 7},
			writes: []string{"INSERT INTO t VALUES (1, NULL), (2, 1)", "UPDATE t SET k = NULL WHERE id = 2",
				"INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET k = 1", "INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET k = NULL"},
		},
		{
			name:   "NULL becomes the default by the statement's REPLACE",
			ddl:    []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL DEFAULT 7)"},
			rule:   moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe:  "SELECT count(*) FROM t WHERE k = ?",
			args:   []any{1, 7},
			writes: []string{"INSERT INTO t VALUES (1, 1), (2, 1)", "UPDATE OR REPLACE t SET k = NULL WHERE id = 2", "INSERT OR REPLACE INTO t VALUES (4, NULL)"},
		},
		{
			name: "NULL of a foreign key becomes the default",
			ddl: []string{
				"CREATE TABLE p (id INTEGER PRIMARY KEY)",
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 7 REFERENCES p ON DELETE SET NULL ON UPDATE SET NULL)",
			},
			rule:   moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe:  "SELECT count(*) FROM t WHERE k = ?",
			args:   []any{1, 2, 7},
			writes: []string{"INSERT INTO p VALUES (1), (2), (7)", "INSERT INTO t VALUES (1, 1), (2, 2)", "DELETE FROM p WHERE id = 1", "UPDATE p SET id = 3 WHERE id = 2"},
		},
		{
			name: "a trigger takes over the statement's REPLACE",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE u (id INTEGER PRIMARY KEY, k INT NOT NULL DEFAULT 7)",
				"CREATE TRIGGER r AFTER INSERT ON t WHEN NEW.id < 10 BEGIN INSERT INTO u VALUES (NEW.id, 5); END",
				"CREATE TRIGGER q AFTER INSERT ON t WHEN NEW.id > 10 BEGIN UPDATE u SET k = NULL WHERE id = NEW.id - 10; END",
				"CREATE TRIGGER s AFTER UPDATE ON t BEGIN UPDATE u SET id = NEW.id WHERE id = OLD.id; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM u WHERE k = ?"},
			probe:  "SELECT count(*) FROM u WHERE k = ?",
			args:   []any{2, 3, 5, 7},
			writes: []string{"INSERT INTO u VALUES (1, 2), (2, 2), (3, 3)", "REPLACE INTO t VALUES (1)", "REPLACE INTO t VALUES (12)", "UPDATE OR REPLACE t SET id = 3 WHERE id = 1"},
		},
		{
			name:  "a column is assigned twice",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, a INT)"},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*), total(a) FROM t WHERE k = ?"},
			probe: "SELECT count(*), total(a) FROM t WHERE k = ?",
			args:  []any{1, 2, 3, 4, 5, 6, 7, 8},
			writes: []string{"INSERT INTO t VALUES (1, 1, 0), (2, 2, 0)", "UPDATE t SET k = 3, k = 4 WHERE id = 1", "UPDATE t SET (k, k) = (5, 6) WHERE id = 1",
				"INSERT INTO t (id, k, k) VALUES (3, 7, 8)", "INSERT INTO t (id, k) VALUES (3, 7) ON CONFLICT (id) DO UPDATE SET k = 1, k = 2"},
		},
		{
			name:  "collations of the other side",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, n TEXT COLLATE NOCASE, v)"},
			rule:  moneyclip.Rule{Key: "k:%s", Query: "SELECT count(*), total(v) FROM t WHERE k = ?"},
			probe: "SELECT count(*), total(v) FROM t WHERE k = ?",
			args:  []any{"a", "A", "b"},
			writes: []string{"INSERT INTO t VALUES (1, 'a', 'A', 0), (2, 'A', 'a', 0)", "UPDATE t SET v = 1 WHERE k = 'a' COLLATE NOCASE", "UPDATE t SET v = 2 WHERE n = k AND n = 'A'",
				"UPDATE t SET v = 3 WHERE k = n AND k = 'A'", "UPDATE t SET v = 4 WHERE n = 'a' AND k = n", "UPDATE t SET v = 5 WHERE 'A' COLLATE NOCASE = k", "DELETE FROM t WHERE (k COLLATE NOCASE) IN ('A')"},
		},
		{
			name: "a trigger of a trigger deletes what was numbered",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)", "CREATE TABLE u (x)",
				"CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u VALUES (NEW.a); END",
				"CREATE TRIGGER q AFTER INSERT ON u BEGIN DELETE FROM t WHERE a = NEW.x; END",
			},
			rule:   moneyclip.Rule{Key: "t:%d", Table: "t", By: []string{"id"}, NotFound: time.Hour},
			probe:  "SELECT * FROM t WHERE id = ?",
			args:   []any{1, 2, 3, 4},
			writes: []string{"INSERT INTO t (a) VALUES (1), (2)", "INSERT INTO u VALUES (2)", "INSERT INTO t VALUES (4, 4)", "INSERT INTO t (a) VALUES (4), (5)"},
		},
		{
			name:  "values that are equal as numbers",
			ddl:   []string{"CREATE TABLE t (id NUMERIC UNIQUE, a)"},
			rule:  moneyclip.Rule{Key: "t:%v", Table: "t", By: []string{"id"}, NotFound: time.Hour},
			probe: "SELECT * FROM t WHERE id = ?",
			args:  []any{1000, "1e3", "1000.0", 1e3, "+1000", " 1000 ", "0x3e8", "1_000", 9007199254740993, 9007199254740992.0, "9007199254740993", "-0", 0, -0.0},
			writes: []string{"INSERT INTO t VALUES ('1e3', 1)", "UPDATE t SET a = 2 WHERE id = '1000.00'", "DELETE FROM t WHERE id = '1.e3'",
				"INSERT INTO t VALUES ('9007199254740993', 1)", "DELETE FROM t WHERE id = 9007199254740993", "INSERT INTO t VALUES (9007199254740992.0, 1)",
				"INSERT INTO t VALUES ('-0', 1)", "UPDATE t SET a = 3 WHERE id = -0.0", "INSERT INTO t VALUES (' 0x3e8', 1)", "INSERT INTO t VALUES ('1000 ', 5)"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sc := script{schema: &schema{ddl: test.ddl}}
			sc.caching[0].rules = []moneyclip.Rule{test.rule}
			for _, arg := range test.args {
				sc.caching[0].probes = append(sc.caching[0].probes, probe{query: test.probe, args: []any{arg}})
			}
			for _, query := range test.writes {
				sc.steps = append(sc.steps, step{query: query})
			}
			r, err := carryOut(t, sc, newRecorder())
			if err != nil {
				t.Errorf("%v\n%s", err, strings.Join(r.trace, "\n"))
			}
		})
	}
}
