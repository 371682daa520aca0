package moneyclip

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/ngrok/sqlmw"
)

// A conn is the connection that database/sql sees. It answers what the cache can answer, and dials when it first needs
// the database. It has every optional interface that database/sql knows, and for one that the base lacks it does what
// database/sql does without it. It is used by one goroutine at a time.
type conn struct {
	connector *connector
	cache     *Cache

	made     context.Context // database/sql's, when it wanted the connection; nil: it has dialed
	base     *baseConn       // nil: not dialed
	watched  driver.Conn     // the base beneath sqlmw, which calls our interceptor
	dials    int             // so that statements know when the base is another
	defaults uint64          // hub.defaults before the last of them
	resetDue bool            // database/sql has asked for a reset; the base hears of it when it is needed
	session  *session        // nil: not known
	asked    time.Time       // when it, or its catalog, was last asked for
	trust

	// rowsOut says that rows of the base may be open. On SQLite a connection that has open rows goes on to read what
	// was committed when they were opened: what it reads now may be older than a lease taken now (N6).
	rowsOut bool

	known knowledge // of the rules, when the last plan was looked up

	tx   *transaction         // nil: none is open
	open []*writing           // those whose rows are still open, in a transaction or not
	outs int                  // rows of writes that are still open, in a transaction or not
	own  interface{ fetch() } // those whose transaction is ours; nil: none

	// A hit allocates nothing: it finds its slot in room, and its row is read from replay, unless that is still at
	// work for rows before.
	room     lookup
	looked   bool   // the read that is under way was looked up
	failed   bool   // and the store has failed: it adds one time-out to the read, and not two
	doubted  *Row   // a hit that is to be verified; nil: none
	skipped  string // the text of a read that was looked up and that database/sql is to prepare now
	replay   replay
	names    lentNames // that the replay lends
	scanning scanning
	recent   [32]remembered // by length of text, and a letter

	unmatchedSent uint32 // SELECTs without a rule
	counts        uint32 // which of the next of them is counted

	// rows and stmt are what the interceptor has got from the base, without sqlmw's wrapping; running is the prepared
	// statement that is on its way there; nil: there is none, or a text.
	rows    driver.Rows
	stmt    driver.Stmt
	running *stmt

	spare *writing // for the next statement; nil: it makes one
}

var (
	_ driver.Conn               = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

// QueryContext answers a SELECT from the cache, or passes the query on.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, p := c.hit(ctx, query, args, nil)
	if rows != nil {
		return rows, nil
	}
	if p == nil || !p.quiet || !c.isReady() || c.implicit(c.session) {
		if err := c.ready(ctx); err != nil {
			return nil, err
		}
		if !c.base.canQuery() {
			c.connector.queries.ran(args, driver.ErrSkip)
			return nil, c.skip(query)
		}
		p = c.planAgain(p, query)
		r := p.read(c.cache)
		if r != nil || !c.passes(p) || p.statement.Kind == KindWrite {
			return c.queryWatched(ctx, p, r, query, args)
		}
	}
	converted, err := c.base.arguments.convert(args, true)
	if err != nil {
		return nil, err
	}
	c.unmatched(p)
	c.rowsOut = true
	rows, err = c.base.query(ctx, query, converted)
	c.connector.queries.ran(args, err)
	return c.queried(rows, err)
}

// queryWatched sends a query to the base that is of interest to the cache: a read that it may store, if r is not nil, or
// what may be a write.
func (c *conn) queryWatched(ctx context.Context, p *plan, r *readPlan, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.connector.queries.prepares(args) && (r != nil || !c.passes(p)) {
		return nil, c.skip(query)
	}
	converted, err := c.base.arguments.convert(args, r == nil)
	if err != nil {
		return nil, err
	}
	c.connector.kept(converted)
	run := func(ctx context.Context) (driver.Rows, error) {
		return c.unwrapped(c.watched.(driver.QueryerContext).QueryContext(ctx, query, converted))
	}
	if r != nil {
		rows, err := c.queried(c.read(ctx, r, args, nil, run))
		c.connector.queries.ran(args, err)
		return rows, err
	}
	rows, err := run(ctx)
	c.connector.queries.ran(args, err)
	return rows, err
}

// skip has database/sql prepare a query. What was found out about it is kept for the statement.
func (c *conn) skip(query string) error {
	if c.looked {
		c.skipped = query
	}
	return driver.ErrSkip
}

// ExecContext passes a statement on, and drops the keys that it touches.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	if !c.base.canExec() {
		return nil, driver.ErrSkip
	}
	converted, err := c.base.arguments.convert(args, true)
	if err != nil {
		return nil, err
	}
	p := c.plan(query)
	if !c.passes(p) && !c.collects(p) {
		if c.connector.execs.prepares(args) {
			return nil, driver.ErrSkip
		}
		result, err := c.watched.(driver.ExecerContext).ExecContext(ctx, query, converted)
		c.connector.execs.ran(args, err)
		return result, err
	}
	result, err := c.pass(ctx, p, converted, func() (driver.Result, error) { return c.base.exec(ctx, query, converted) })
	c.connector.execs.ran(args, err)
	return result, err
}

// hit answers a query from the cache without a look at the database. It returns nil where that cannot be done, and the plan, if
// it is known by then. The statement is nil for a query that was not prepared.
func (c *conn) hit(ctx context.Context, query string, args []driver.NamedValue, st *stmt) (driver.Rows, *plan) {
	s := c.session
	c.looked, c.failed, c.doubted, c.skipped = false, false, nil, ""
	if c.base == nil {
		s = c.connector.settled()
	}
	if s == nil {
		return nil, nil
	}
	c.known = s.database.knowledge()
	p := c.recall(c.known, query)
	r := p.read(c.cache)                                                         // first: most texts are of no rule
	if r == nil || !c.mayServe(s) || modeOf(ctx) != normal || ctx.Err() != nil { // what becomes of a ctx that is done is the base's affair
		return nil, p
	}
	if r.unfit.Load() || c.connector.keeps.Load() && hasKept(args) || !r.slot(&c.room, s, args, st != nil || c.connector.queries.prepares(args)) {
		return nil, p
	}
	if c.base != nil && r.inVain(c.cache.hub) {
		return nil, p
	}
	due := s.database.due()
	if due && c.cache.dialect.Holds() {
		return nil, p // this connection reads the catalog then: another one could keep the program's own from writing
	}
	verified := c.cache.verifies()
	if verified && c.looksBack() {
		return nil, p // it could not be
	}
	row, failed := r.hit(ctx, c.cache.hub, &c.room)
	c.looked, c.failed = true, failed
	if row == nil {
		return nil, p
	}
	if verified {
		c.doubted = row
		return nil, p
	}
	if due {
		c.connector.readAside(s)
	}
	out := &c.replay
	if out.row != nil {
		out = new(replay) // there are rows that are still open
	}
	*out = replay{described: described{row: row}, done: !row.found}
	if out == &c.replay {
		out.lent = &c.names
	}
	if row.scans {
		return c.scanning.serve(ctx, c, out, r, args, st), p
	}
	return out, p
}

// A remembered is a plan that the connection has looked up before.
type remembered struct {
	known knowledge
	plan  *plan
}

// recall is the plan of a text. It spares one that comes again the lock of the look-up. What rules learn changes the
// plans of writes, but never one of a SELECT.
func (c *conn) recall(known knowledge, query string) *plan {
	place := len(query)
	if place > 0 {
		place += 5 * int(query[place/2]) // names differ in the middle
	}
	last := &c.recent[place%len(c.recent)]
	if last.known.meaning == known.meaning && last.plan.query == query &&
		(last.plan.statement.Kind == KindRead || last.known.learnt == known.learnt) {
		return last.plan
	}
	p := known.meaning.plan(query)
	p.logWide()
	*last = remembered{known, p}
	return p
}

// mayServe reports whether the cache may be used on the connection as it is now.
func (c *conn) mayServe(s *session) bool {
	return c.tx == nil && c.next == "" && len(c.open) == 0 && c.tainted == "" && c.doubtful == "" && s.tainted == "" && !c.implicit(s) &&
		!c.cache.disabled && c.cache.hub.trusted()
}

// read answers a SELECT that a rule caches and that was no hit.
func (c *conn) read(ctx context.Context, r *readPlan, args []driver.NamedValue, st *stmt, run runner) (driver.Rows, error) {
	if c.isUnasked() {
		if err := c.resolve(ctx); err != nil {
			return nil, err
		}
		return r.bypass(ctx, run) // the plan is from before
	}
	prepared := st != nil
	r.forms.note(prepared, args)
	rows, err := c.missed(ctx, r, args, prepared, run)
	if err != nil {
		return nil, err
	}
	switch rows := rows.(type) {
	case *replay:
		if rows.row.scans {
			return c.scanning.serve(ctx, c, rows, r, args, st), nil
		}
	case *ahead:
		c.rowsOut = true
		if scans(rows.base) {
			return c.scanning.serve(ctx, c, rows, r, args, st), nil
		}
	default:
		c.rowsOut = true
	}
	return rows, nil
}

func (c *conn) missed(ctx context.Context, r *readPlan, args []driver.NamedValue, prepared bool, run runner) (driver.Rows, error) {
	m := modeOf(ctx)
	if m == bypass || ctx.Err() != nil || r.unfit.Load() || c.failed || c.mixed && r.statement.Folded || c.looksBack() || !c.mayServe(c.session) {
		return r.bypass(ctx, run)
	}
	if c.connector.keeps.Load() && hasKept(args) {
		c.cache.logOnce("a read is not cached: an argument's type has methods by which the driver may send another value", "rule", r.rule.Name,
			"hint", "convert the argument, or let its type be a driver.Valuer")
		return r.bypass(ctx, run)
	}
	if !r.slot(&c.room, c.session, args, prepared) {
		return r.bypass(ctx, run)
	}
	if served := c.doubted; served != nil {
		return r.verify(ctx, c.cache.hub, &c.room, served, run)
	}
	return r.miss(ctx, c.cache.hub, &c.room, m == renewal, run)
}

// looksBack reports whether the connection may show the database as it was earlier.
func (c *conn) looksBack() bool { return c.rowsOut && c.cache.dialect.Holds() }

// planAgain is the plan that was found for a text before the connection was ready, or another one if it turned out to be of
// another database, or of one that has changed.
func (c *conn) planAgain(p *plan, query string) *plan {
	if p != nil && c.session != nil && c.session.database.knowledge() == c.known {
		return p
	}
	return c.plan(query)
}

// plan is what a text means to this connection.
func (c *conn) plan(query string) *plan {
	if c.session != nil {
		c.known = c.session.database.knowledge()
		return c.recall(c.known, query)
	}
	c.known = knowledge{}
	// Not even the database is known. What kind of statement it is can still be told.
	s := c.cache.dialect.Analyze(query, nil)
	p := &plan{query: query, statement: &s, doubtful: s.Doubtful}
	switch s.Kind {
	case KindRead, KindInert, KindControl, KindSession:
	default:
		p.write = &writePlan{everything: true}
	}
	return p
}

// passes reports whether a statement that is not cached can go straight to the base.
func (c *conn) passes(p *plan) bool {
	if !p.isPlain() || c.implicit(c.session) {
		return false
	}
	// On a tainted connection a name may mean another table than it does elsewhere. And where a write must not be done
	// unless the store knows of it, it is asked what other processes want before it is done.
	return p.statement.Kind != KindWrite || c.taint() == "" && !(c.cache.hub.shared && c.cache.outage == FailWrites)
}

// collects reports whether a statement can go straight to the base although a rule knows of it: all that it leaves behind is what the
// open transaction has to drop.
func (c *conn) collects(p *plan) bool {
	return c.tx != nil && !c.tx.mayBeOver && p.collected && c.taint() == ""
}

// unwrapped returns the rows that the interceptor has got, instead of sqlmw's, which hide what the base's can do.
func (c *conn) unwrapped(_ driver.Rows, err error) (driver.Rows, error) {
	rows := c.rows
	c.rows = nil
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// ready makes sure that there is a base connection which is fit for use, and that it is known what it is connected to.
func (c *conn) ready(ctx context.Context) error {
	if c.base != nil && c.stuck && (c.rowsOut || c.outs > 0) && c.cache.dialect.Holds() {
		// Rows may be open, which some drivers do not survive, and which keep what interrupted the ROLLBACK in force: it does for any other
		// statement, too.
		if err := c.base.run(context.WithoutCancel(ctx), "ROLLBACK"); err != nil && !c.isOver(err) {
			return err
		}
		c.stuck = false
	}
	if c.base != nil && c.isLost() {
		c.hangUp()
	}
	if c.base != nil && c.resetDue {
		c.resetDue = false
		if c.base.resetter != nil {
			// sql.Conn and sql.Tx would not try again on another connection, so this one dials again.
			if err := c.base.resetter.ResetSession(ctx); errors.Is(err, driver.ErrBadConn) {
				c.hangUp()
			}
		}
	}
	if c.base == nil {
		if err := c.dial(ctx); err != nil {
			return err
		}
	}
	if c.tx != nil && c.tx.mayBeOver {
		if open, known := c.base.open(); known && !open {
			c.tx = nil
		}
	}
	if c.tx != nil && c.tx.ifChaining && c.doubtful != "" {
		if c.identify(ctx); c.doubtful == "" && (c.session == nil || !c.session.chaining) {
			c.tx = nil
		}
	}
	if c.tx == nil && c.next == "" && (c.session == nil || c.doubtful != "" || c.session.database.stale()) {
		c.identify(ctx) // but not as the next transaction
	}
	if c.session != nil && c.session.database.due() {
		c.connector.readAside(c.session)
	}
	return nil
}

// isReady reports whether ready would do nothing; it may say no all the same.
func (c *conn) isReady() bool {
	return c.base != nil && c.base.queryer != nil && (!c.resetDue || c.base.resetter == nil) && !c.isLost() && (c.tx == nil || !c.tx.mayBeOver) &&
		c.session != nil && c.doubtful == "" && !c.session.database.due()
}

// dial connects. Its errors go to the caller as they are.
func (c *conn) dial(ctx context.Context) error {
	c.defaults = c.cache.hub.defaults.Load()
	if c.made != nil {
		ctx = dialContext{ctx, c.made}
	}
	base, err := c.connector.base.Connect(ctx)
	if err != nil {
		return err
	}
	c.made = nil
	if _, nested := ours(base); nested {
		base.Close()
		return errNested // what Invalidate drops would stay in the one below
	}
	// sqlmw wraps drivers, so it is given one that has this connection and no other.
	watched, err := sqlmw.Driver(single{base}, &interceptor{conn: c}).Open("")
	if err != nil {
		base.Close()
		return err
	}
	c.base, c.watched = newBaseConn(base), watched
	c.dials++
	c.session, c.asked, c.trust = nil, time.Time{}, trust{}
	c.resetDue, c.rowsOut = false, false
	return nil
}

// single is the driver of one connection.
type single struct{ base driver.Conn }

func (s single) Open(string) (driver.Conn, error) { return s.base, nil }

// hangUp closes the base connection and forgets all that belongs to it.
func (c *conn) hangUp() error {
	err := c.base.Close()
	c.part()
	c.base, c.watched, c.tx, c.open, c.own = nil, nil, nil, nil, nil
	return err
}

// part leaves the database.
func (c *conn) part() {
	if c.session != nil {
		c.cache.hub.part(c.session)
		c.session = nil
	}
}

// identify asks the connection what it is connected to, if that is not known, and reads its catalog again if that has
// become old. A connection that does not answer is of no use to the cache, but it is to its caller.
func (c *conn) identify(ctx context.Context) {
	if len(c.open) > 0 {
		return // as in a transaction: it would see, and lock, what only that should
	}
	if c.doubtful != "" {
		c.part()
		c.asked = time.Time{}
		c.autocommit, c.chaining = nil, false // what the session says of itself counts
	}
	const patience = time.Second // between two attempts
	if c.session != nil {
		if c.session.database.stale() && c.tainted == "" && time.Since(c.asked) > patience { // after USE it would be another database's
			c.asked = time.Now()
			c.connector.freshen(ctx, c.session, c.base.ask)
		}
		return
	}
	if !c.asked.IsZero() && time.Since(c.asked) < patience {
		return
	}
	c.asked = time.Now()
	s, err := c.connector.identify(ctx, c.base.ask)
	if err != nil && ctx.Err() == nil {
		c.cache.logOnce("the database could not be identified and is not cached", "error", err.Error())
	}
	c.session = s
	if s == nil {
		return
	}
	s.defaults = c.defaults
	if c.dialed == [16]byte{} {
		c.dialed = s.profile
	}
	c.mixed = c.mixed || c.dialed != s.profile
	if s.tainted != "" {
		c.cache.logOnce("a connection is not served from the cache, and its writes drop every key", "reason", s.tainted)
	}
	if c.tainted == "" && c.doubtful == "" { // or else a statement may have made it what it is
		c.connector.settle(s)
	}
	c.doubtful = ""
}

// Ping dials.
func (c *conn) Ping(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	if pinger, ok := c.base.Conn.(driver.Pinger); ok {
		return pinger.Ping(ctx)
	}
	return nil
}

// ResetSession is put off until the base is needed: a hit needs none.
func (c *conn) ResetSession(context.Context) error {
	c.resetDue = c.base != nil
	c.rowsOut = false
	return nil
}

// IsValid reports what the base says of itself, unless it is known better. A connection that has not dialed is valid.
func (c *conn) IsValid() bool {
	return c.base == nil || !c.isLost() && (c.base.validator == nil || c.base.validator.IsValid())
}

// CheckNamedValue takes every argument as it is: it is called before there is a connection that could tell. The
// arguments are converted when one is needed.
func (c *conn) CheckNamedValue(*driver.NamedValue) error { return nil }

// Close closes the base connection, if there is one.
func (c *conn) Close() error {
	if c.base == nil {
		return nil
	}
	return c.hangUp()
}

// Prepare is not called by database/sql, which knows PrepareContext.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(backgroundContext, query)
}

// Begin is not called by database/sql, which knows BeginTx.
func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(backgroundContext, driver.TxOptions{}) }
