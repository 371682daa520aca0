package propertytest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A run carries out a script.
type run struct {
	performer
	store  *Recorder
	report *Report
	trace  []string

	place         *Place
	caches        [2]*moneyclip.Cache
	handles       []*handle
	plain         *sql.DB   // the same database without a cache
	mirrors       []*sql.DB // another database, to which the same is done without a cache; the second waits for locks
	sessions      []*session
	probes        []*watched
	overlap       bool // a session did something beside another one's transaction
	apart         bool // the mirror cannot be compared with any longer
	loose         bool // a step may have had another effect there
	schemaChanged bool // by a session, which the others learn of by and by
	wide          bool // the last step has dropped all keys of a rule, or has failed
	full          bool // there are more rows than statements should have to go through
}

// A handle is the database through a cache.
type handle struct {
	*sql.DB
	cache int
	asks  int // how often it is asked for each probe
}

// watched is a probe with what the database answered last.
type watched struct {
	Probe
	cache  int
	answer string
	failed bool
	key    string // in the store; empty: the last answer was not stored
	stmts  map[*sql.DB]*sql.Stmt
}

// carryOut runs a script in a database of its own.
func carryOut(db Database, sc Script, store *Recorder) (*run, error) {
	r := &run{performer: performer{db}, store: store, report: NewReport(db.Name())}
	r.report.Scripts = 1
	err := r.script(sc)
	if r.apart && !sc.Schema.Clock {
		r.report.Lost++
	}
	return r, err
}

func (r *run) script(sc Script) (err error) {
	if r.place, err = r.db.Open(sc.Schema); err != nil {
		return fmt.Errorf("no database: %w", err)
	}
	defer func() { err = errors.Join(err, r.place.Close()) }()
	defer r.close()
	if err := r.open(sc); err != nil {
		return err
	}
	for _, st := range sc.Steps {
		if err := r.step(st); err != nil {
			return err
		}
		if r.full {
			r.note("-- ended: more than %d rows", maxRows)
			return nil
		}
	}
	return nil
}

func (r *run) note(format string, args ...any) {
	r.trace = append(r.trace, fmt.Sprintf(format, args...))
}

func (r *run) open(sc Script) error {
	var err error
	if r.plain, err = r.bare(r.place.DSN); err != nil {
		return err
	}
	for _, dsn := range []string{r.place.Mirror, r.place.PatientMirror} {
		if dsn == "" {
			continue
		}
		mirror, err := r.bare(dsn)
		if err != nil {
			return err
		}
		r.mirrors = append(r.mirrors, mirror)
	}
	r.note("-- options %q", sc.Schema.Options)
	if err := r.make(sc.Schema); err != nil {
		return err
	}
	for i, c := range sc.Caching {
		if err := r.cache(i, c); err != nil {
			return err
		}
	}
	if err := r.connect(); err != nil {
		return err
	}
	return r.look(nil)
}

// bare opens a database without a cache.
func (r *run) bare(dsn string) (*sql.DB, error) {
	connector, err := connector(r.place.Driver, dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// connector makes one of any driver.
func connector(d driver.Driver, dsn string) (driver.Connector, error) {
	if withContext, ok := d.(driver.DriverContext); ok {
		return withContext.OpenConnector(dsn)
	}
	return plainConnector{d, dsn}, nil
}

// plainConnector is for drivers without connectors.
type plainConnector struct {
	driver driver.Driver
	dsn    string
}

func (p plainConnector) Connect(context.Context) (driver.Conn, error) { return p.driver.Open(p.dsn) }

func (p plainConnector) Driver() driver.Driver { return p.driver }

// make makes the schema, here and in the mirror.
func (r *run) make(s *Schema) error {
	r.apart = s.Clock
	for _, text := range s.DDL {
		got, want := r.define(r.plain, text), r.define(r.mirrors[0], text)
		if got.Err != "" {
			r.note("-- refused: %s: %s", text, got.Err)
		} else {
			r.note("%s;", text)
		}
		if got.Err != want.Err {
			return fmt.Errorf("the mirror differs at once: %v, %v", got, want)
		}
	}
	return nil
}

// define runs a statement of the schema. The server's own work may hold a lock for longer than a connection waits.
func (r *run) define(db *sql.DB, text string) Outcome {
	for attempt := 0; ; attempt++ {
		o := r.result(db.Exec(text))
		if o.Err == "" || !r.db.Locked(o.Err) || attempt == maxAttempts {
			return o
		}
		time.Sleep(waiting)
	}
}

const maxAttempts = 100

// cache makes a cache of those rules that are accepted.
func (r *run) cache(i int, c Caching) (err error) {
	logger := slog.New(slog.DiscardHandler)
	var rules []moneyclip.Rule
	for _, rule := range c.Rules {
		if _, err := moneyclip.New(r.db.Dialect(), moneyclip.Config{Rules: []moneyclip.Rule{rule}, Logger: logger}); err != nil {
			r.note("-- refused: rule %s: %v", rule.Key, err)
			continue
		}
		rules = append(rules, rule)
		r.note("-- cache %d: rule %s: Query %q Table %q By %q Args %v On %v NotFound %v Refresh %v",
			i, rule.Key, rule.Query, rule.Table, rule.By, rule.Args, rule.On, rule.NotFound, rule.Refresh)
	}
	if r.caches[i], err = moneyclip.New(r.db.Dialect(), moneyclip.Config{Rules: rules, Store: r.store,
		Logger: logger, MaxKeys: c.MaxKeys}); err != nil {
		return err
	}
	for _, p := range c.Probes {
		r.probes = append(r.probes, &watched{Probe: p, cache: i, stmts: map[*sql.DB]*sql.Stmt{}})
	}
	return nil
}

// connect makes the handles, and the sessions on them.
func (r *run) connect() error {
	for _, h := range []struct {
		cache, asks int
		dsn         string
	}{{0, 2, r.place.DSN}, {0, 1, r.place.DSN}, {1, 2, r.place.DSN}, {0, 0, r.place.Patient}, {1, 0, r.place.Patient}} {
		if h.dsn == "" {
			continue
		}
		connector, err := connector(r.caches[h.cache].Driver(r.place.Driver), h.dsn)
		if err != nil {
			return err
		}
		r.handles = append(r.handles, &handle{sql.OpenDB(connector), h.cache, h.asks})
	}
	r.sessions = append(r.sessions, &session{performer: r.performer, real: r.handles[0], mirror: r.mirrors[0]})
	numbers := []int{0, 0, 1, 2, 3, 4}
	for _, number := range numbers[:len(r.handles)+1] {
		h, mirror := r.handles[number], r.mirrors[0]
		s := &session{performer: r.performer, cache: h.cache, waits: h.asks == 0}
		if s.waits {
			mirror = r.mirrors[1]
		}
		var err error
		if s.conn, err = h.Conn(background); err != nil {
			return err
		}
		if s.twin, err = mirror.Conn(background); err != nil {
			return err
		}
		s.real, s.mirror = s.conn, s.twin
		r.sessions = append(r.sessions, s)
	}
	return nil
}

func (r *run) close() {
	for _, s := range r.sessions {
		s.close()
	}
	for _, w := range r.probes {
		for _, stmt := range w.stmts {
			stmt.Close()
		}
	}
	for _, h := range r.handles {
		h.Close()
	}
	for _, db := range append(r.mirrors, r.plain) {
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
func (r *run) step(st Step) error {
	st.Session %= len(r.sessions)
	s := r.sessions[st.Session]
	var beside *session
	for i, other := range r.sessions {
		switch {
		case other == s || !other.busy():
		case st.Force || st.Meet && s.waits && other.inside() && other.open == nil:
			r.overlap = true
			beside = other
		default:
			s, st.Session = other, i // the others would have to wait for it
		}
	}
	if s.open != nil {
		if err := r.leave(s, &st); err != nil {
			return err
		}
	}
	s.amend(&st, r.report.Steps)
	if st.Kind == Again {
		if s.stmt == nil || s.tx != nil {
			return nil
		}
		st = s.last
		st.Way = ByKept
	}
	if st.Kind != Statement && !s.can(&st) || st.Pinned && s.conn == nil ||
		st.Inside && !s.inside() || st.Way == ByCopy && s.tx == nil {
		return nil
	}
	meets := st.Kind == Statement && st.Meet && s.waits && st.Way != ByQueryOpen && st.Way != ByKept
	if meets && beside != nil && beside.inside() && beside.open == nil {
		return r.meet(st, s, beside)
	}
	return r.take(st, s)
}

// leave closes the rows of a session that goes on to something else.
func (r *run) leave(s *session, st *Step) error {
	stays := false
	if r.db.Traits().Cursors {
		// A transaction may begin and end around a statement that is not through.
		if st.Kind != Statement {
			r.apart = true // whether the write belongs to the transaction depends on when it was over
		}
		s.age++
		plain := st.Kind == Statement && !st.Schema && !st.Unkept
		stays = s.age <= 2 && (plain || st.Kind == BeginText || st.Kind == Savepoint)
	}
	if stays {
		return nil
	}
	r.note("[%d] close", st.Session)
	if got, want := s.closeOpen(); !reflect.DeepEqual(got, want) && !SameInAnyOrder(got, want) && !r.apart {
		return fmt.Errorf("the driver differs: closing rows\n got %v\nwant %v", got, want)
	}
	if err := r.look(nil); err != nil {
		return fmt.Errorf("%w\nafter closing rows", err)
	}
	return nil
}

// take takes a step that is not held up.
func (r *run) take(st Step, s *session) error {
	r.report.Steps++
	r.store.take()
	if st.Form == "SELECT" && st.Force && len(r.probes) > 0 {
		w := r.probes[r.report.Steps%len(r.probes)]
		st.Query, st.Args = w.Query, w.Args
	}
	form := st.Form
	var explanation moneyclip.Explanation
	var got, want Outcome
	ruleWide := r.ruleWide()
	if st.Kind == Statement {
		explanation = r.explain(s, st)
		got, want = s.run(st)
		r.schemaChanged = r.schemaChanged || st.Schema
	} else {
		form = st.Kind.String()
		got, want = s.control(st)
	}
	r.wide = r.ruleWide() > ruleWide || got.Err != ""
	r.note("%v -- %v", st, got)
	if err := r.compare(st, got, want); err != nil {
		return err
	}
	s.aborted = s.aborted || s.inside() && got.Err != "" && r.db.Traits().Aborts
	if st.Kind == Statement && s.text && st.Schema {
		s.text = r.db.InTransaction(s.twin, s.text)
	}
	f := r.report.form(form)
	f.note(&explanation, st.Query, got.Err != "")
	r.loose = r.loose || st.Loose
	r.settle()
	r.lookAside(s)
	if s.inside() && !s.aborted && !r.apart {
		if err := r.lookInside(s); err != nil {
			return fmt.Errorf("%w\nafter %v -- %v", err, st, got)
		}
	}
	if st.Kind == Statement && s.busy() {
		f = nil
	}
	if err := r.look(f); err != nil {
		return fmt.Errorf("%w\nafter %v -- %v\n%s", err, st, got, r.explanations(st))
	}
	return r.compareTables()
}

// ruleWide is how often all keys of a rule were dropped.
func (r *run) ruleWide() (n uint64) {
	for _, c := range r.caches {
		n += c.Stats().RuleWide
	}
	return n
}

func (r *run) explain(s *session, st Step) moneyclip.Explanation {
	x, err := r.caches[s.cache].Explain(st.Query, st.Args...)
	if err != nil {
		return moneyclip.Explanation{}
	}
	return x
}

// explanations are what the caches say of a statement, for a failure.
func (r *run) explanations(st Step) string {
	var b strings.Builder
	for i, cache := range r.caches {
		if x, err := cache.Explain(st.Query, st.Args...); err == nil && st.Kind == Statement {
			fmt.Fprintf(&b, "cache %d: %v\n", i, x)
		}
	}
	return b.String()
}

// compare compares what a caller heard with what the mirror's did.
func (r *run) compare(st Step, got, want Outcome) error {
	if got.Err != "" {
		r.report.Failing++
	}
	if r.apart || reflect.DeepEqual(got, want) {
		return nil
	}
	switch r.db.Judge(&Mismatch{st, got, want, r.overlap, r.schemaChanged}) {
	case Alike:
		return nil
	case Apart:
		r.apart = true
		return nil
	}
	if st.Loose || r.loose {
		r.loose = true
		return nil // settle will say
	}
	return fmt.Errorf("the driver differs: %v\n got %v %v\nwant %v %v", st, got, got.Rows, want, want.Rows)
}

// A statement that waits for a lock has this long to get as far as that.
const waiting = 15 * time.Millisecond

// meet runs a statement that may have to wait for another session's transaction, which ends meanwhile.
func (r *run) meet(st Step, s, other *session) error {
	r.report.Steps++
	r.store.take()
	explanation := r.explain(s, st)
	start := func(h Handle) chan Outcome {
		c := make(chan Outcome, 1)
		go func() { c <- s.perform(h, st) }()
		select {
		case o := <-c:
			c <- o
		case <-time.After(waiting):
		}
		return c
	}
	got, want := start(s.real), start(s.mirror)
	end := Step{Kind: Commit, Session: slices.Index(r.sessions, other)}
	if r.report.Steps%3 == 0 {
		end.Kind = Rollback
	}
	r.note("%v -- meets:", st)
	otherGot, otherWant := other.control(end)
	r.note("%v -- %v", end, otherGot)
	o, twin := <-got, <-want
	r.note("-- %v", o)
	f := r.report.form("meeting " + st.Form)
	f.note(&explanation, st.Query, o.Err != "")
	if o.Err != "" {
		r.report.Failing++
	}
	s.aborted = s.aborted || s.inside() && o.Err != "" && r.db.Traits().Aborts
	r.schemaChanged = r.schemaChanged || st.Schema
	if s.text && st.Schema {
		s.text = r.db.InTransaction(s.twin, s.text)
	}
	if o.Err != twin.Err || otherGot.Err != otherWant.Err {
		r.apart = true
	}
	r.loose = true // which of them comes first is not quite certain
	r.settle()
	r.lookAside(s)
	if err := r.look(nil); err != nil {
		return fmt.Errorf("%w\nafter %v, which met %v -- %v\n%s", err, st, end, o, r.explanations(st))
	}
	return nil
}

// settle finds out whether the mirror still holds what the database does.
func (r *run) settle() {
	if r.apart || !r.loose || slices.ContainsFunc(r.sessions, (*session).busy) {
		return // what a session does is not to be seen before it ends
	}
	got, want, err := r.tables()
	r.apart = err != nil || !slices.Equal(got, want)
	r.loose = false
}
