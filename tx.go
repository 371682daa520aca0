package moneyclip

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
)

// A transaction is what a connection knows of the transaction that is open on it. While there is one, reads bypass the
// cache and writes only collect what they touch. It is used by one goroutine.
type transaction struct {
	work        *work
	wrote       bool     // it holds the lock of a writer already
	bySavepoint bool     // it was started by the first savepoint
	savepoints  []string // open ones
	ranges      bool     // it keeps others out of the ranges that it has read with a lock
	tainted     string   // what was changed for as long as it lasts

	// It may be over, or may never have begun: then what is written may be visible at once. So that is dropped at once, and again with what
	// is noted as the end.
	//
	//	after                                               until it has an end that is known, the base says that it is over, or
	//	a statement that has failed, for some failures end it
	//	a text that may have begun or ended it; Raw         the database was asked (unasked)
	//	the end of another, in a session that may chain     the session was asked (ifChaining)
	mayBeOver  bool
	unasked    bool // by InTransaction, before the next statement for which it matters
	ifChaining bool // it was begun by the end of another, if the session is such that it does

	first work // what work points to at first, in the same piece of memory
}

// BeginTx dials. The transaction that it returns comes to commit and rollback below by way of the interceptor.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	c.leaveOwn()
	if c.base.beginner == nil {
		// sqlmw would drop these options without a word. The words are those of database/sql.
		if opts.Isolation != 0 {
			return nil, errors.New("sql: driver does not support non-default isolation level")
		}
		if opts.ReadOnly {
			return nil, errors.New("sql: driver does not support read-only transactions")
		}
	}
	return c.watched.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

// begin begins a transaction by the base's own method. That may commit one that is open: begun by a text, or by the first statement
// where each begins one.
func (c *conn) begin(ctx context.Context, opts driver.TxOptions, run func() error) error {
	if c.tx != nil {
		if p := c.plan("BEGIN"); c.commits(p.statement) {
			c.collectFirst(p, nil)
			begin := run
			run = func() error { return c.commit(ctx, begin, nil) }
		}
	}
	err := run()
	if err == nil {
		c.began(opts)
	} else {
		c.mayHaveBegun(err)
	}
	c.mayHaveEnded(err)
	return err
}

// began notes that a transaction was started.
func (c *conn) began(opts driver.TxOptions) {
	if c.tx != nil {
		// One that was begun before, if it is still open, is this one, as in Postgres. What it has collected stays collected.
		c.tx.mayBeOver = true
		return
	}
	c.tx = &transaction{tainted: c.next}
	c.tx.work = &c.tx.first
	c.tx.work.begin(c.cache, c.session, c.known)
	c.tx.work.borrow()
	c.next = ""
	if opts.Isolation == 0 {
		c.tx.ranges = c.session != nil && c.session.ranges
	} else {
		c.tx.ranges = sql.IsolationLevel(opts.Isolation) >= sql.LevelRepeatableRead
	}
}

// commits reports whether a statement commits the open transaction before anything else. To switch autocommit on does so
// only where it was off.
func (c *conn) commits(s *Statement) bool {
	return c.tx != nil && (s.Commits || s.Kind == KindSession && s.Reach == AutocommitOn && c.implicit(c.session))
}

// commitFirst runs a statement that commits an open transaction before anything else.
func (c *conn) commitFirst(ctx context.Context, p *plan, args []driver.NamedValue, run func() error) error {
	c.leaveOwn()
	c.collectFirst(p, args)
	err := c.commit(ctx, run, nil)
	switch s := p.statement; {
	case err != nil && s.Kind == KindSession:
		c.doubtful = s.Change // as in change
	case err != nil:
	case s.Kind == KindControl:
		c.follow(s)
	case s.Kind == KindSession:
		return c.change(s, func() error { return nil })
	}
	return err
}

// collectFirst notes in the open transaction what commits it.
func (c *conn) collectFirst(p *plan, args []driver.NamedValue) {
	c.tx.work.add(p, args, nil)
	if why := c.taint(); why != "" {
		c.tx.work.drops.widen(c.watching())
		c.tx.work.tainted = why
	}
}

// watching are the rules that a write on this connection has to obey.
func (c *conn) watching() []*bound {
	if c.session == nil {
		return nil
	}
	return c.session.database.meaning.Load().watching()
}

// commit runs a COMMIT while what the transaction has touched is in quarantine. With undo the transaction is over even
// if it fails, as database/sql has it, and undo rolls it back if the COMMIT was not sent; without, it may be tried again.
func (c *conn) commit(ctx context.Context, run, undo func() error) error {
	t := c.tx
	if t == nil {
		return run()
	}
	c.collectOpen()
	if err := t.work.quarantine(ctx); err != nil {
		if undo != nil {
			c.left(undo())
		}
		return err
	}
	sent := false
	defer func() {
		if !sent && c.tx == t { // the base has panicked: its keys stay in quarantine, and who commits again needs another one
			t.work, t.mayBeOver = t.work.rest(), true
		}
	}()
	err := t.work.guard(func() error {
		err := run()
		sent = true
		if open, known := c.base.open(); err == nil || undo != nil && !(known && open) {
			c.over()
		}
		if t.work.lookAgain(ctx, c, err) && c.tx == nil && c.implicit(c.session) {
			c.base.run(context.WithoutCancel(ctx), "COMMIT") // or else the next transaction sees the database as it was now
		}
		c.settleSchema(ctx, t.work, err)
		return err
	})
	t.work.release(ctx, err)
	if err == nil {
		c.reload(ctx, t.work)
		c.dismiss(t)
	} else if c.tx == t {
		t.work = t.work.rest()
		t.mayBeOver = true
	}
	return err
}

// over notes that the transaction has ended. Where that may begin another, what follows may be visible at once, or not
// before the next COMMIT. While the session is in doubt, so is that.
func (c *conn) over() {
	c.tx = nil
	if c.chaining || c.doubtful != "" || c.session != nil && c.session.chaining {
		c.tx = &transaction{work: newWork(c.cache, c.session, c.known), mayBeOver: true, ifChaining: c.doubtful != ""}
	}
}

// rollback runs a ROLLBACK.
func (c *conn) rollback(final bool, run func() error) error {
	err := run()
	if err == nil || final {
		c.left(err)
	}
	return err
}

// dismiss gives back the memory of a transaction that is over, if there was one. With rows that are open still it is needed until their end.
func (c *conn) dismiss(t *transaction) {
	if t != nil && len(c.open) == 0 {
		t.work.giveBack()
	}
}

// left notes a ROLLBACK after which database/sql takes the transaction for over. If that has failed, it may be open still.
func (c *conn) left(err error) {
	if err != nil && c.tx != nil && !c.isOver(err) {
		c.tx.mayBeOver = true
		return
	}
	t := c.tx
	c.over()
	c.dismiss(t)
}

// control runs a statement that starts or ends a transaction, sent as text.
func (c *conn) control(ctx context.Context, s *Statement, run func() error) error {
	c.leaveOwn()
	switch s.Control {
	case Commit:
		return c.commit(ctx, run, nil)
	case Rollback:
		return c.rollback(false, run)
	case Release:
		if c.tx != nil && c.tx.mayBeOver {
			// It may be the end of a transaction, or not.
			c.collectOpen()
			rest := c.tx.work.rest()
			err := c.commit(ctx, run, nil)
			c.tx = &transaction{work: rest, mayBeOver: true}
			return err
		}
		if c.tx != nil && c.tx.bySavepoint && c.savepoint(s.Savepoint) == 0 {
			return c.commit(ctx, run, nil)
		}
	}
	err := run()
	if err != nil {
		if s.Control == Begin || s.Control == Savepoint && s.Begins {
			c.mayHaveBegun(err)
		}
		c.mayHaveEnded(err)
		return err
	}
	c.follow(s)
	return nil
}

// mayHaveBegun notes that a transaction may have been begun in spite of an error, as of a context that was done meanwhile.
func (c *conn) mayHaveBegun(err error) {
	if open, known := c.base.open(); c.tx != nil || known && !open || !known && c.cache.dialect.Settled(err) {
		return
	}
	c.began(driver.TxOptions{})
	c.tx.mayBeOver = true
}

// leaveOwn ends a transaction of our own that is open because of its rows. A caller who starts or ends transactions must
// not meet it.
func (c *conn) leaveOwn() {
	if c.own != nil {
		c.own.fetch()
	}
}

// mayHaveEnded notes that a statement has failed in the transaction, unless that is known to be still open.
func (c *conn) mayHaveEnded(err error) {
	if err != nil && !errors.Is(err, driver.ErrSkip) && c.tx != nil && c.ended(err) {
		c.tx.mayBeOver = true
	}
}

// ended reports whether an error of a statement may have ended the transaction that it ran in.
func (c *conn) ended(err error) bool {
	if open, known := c.base.open(); known {
		return !open
	}
	return c.cache.dialect.Ends(err)
}

// isOver reports whether it is known that no transaction is open, after an error of what would have ended it.
func (c *conn) isOver(err error) bool {
	if open, known := c.base.open(); known {
		return !open
	}
	told, ok := c.cache.dialect.(endTeller)
	return ok && told.NoTransaction(err)
}

// follow notes what a statement that has succeeded did to the transaction.
func (c *conn) follow(s *Statement) {
	switch s.Control {
	case Begin:
		c.began(driver.TxOptions{})
	case Commit, Rollback:
		c.over()
	case Savepoint:
		if c.tx == nil && s.Begins {
			c.began(driver.TxOptions{})
			c.tx.bySavepoint = true
		}
		if c.tx == nil {
			return // it is of no effect, or an error
		}
		c.tx.savepoints = append(c.tx.savepoints, s.Savepoint)
	case RollbackTo:
		// What was collected since stays collected: it is more than has to be dropped.
		if i := c.savepoint(s.Savepoint); i >= 0 {
			c.tx.savepoints = c.tx.savepoints[:i+1]
		}
	case Release:
		if i := c.savepoint(s.Savepoint); i >= 0 {
			c.tx.savepoints = c.tx.savepoints[:i]
			if i == 0 && c.tx.bySavepoint {
				c.tx = nil
			}
		}
	}
}

// savepoint returns the index of the innermost savepoint of that name, or -1.
func (c *conn) savepoint(name string) int {
	if c.tx == nil {
		return -1
	}
	for i := len(c.tx.savepoints) - 1; i >= 0; i-- {
		if c.tx.savepoints[i] == name {
			return i
		}
	}
	return -1
}

// queried notes what has come of a query that is no write. A SELECT may lock what it reads, and be the victim of a deadlock by which
// the server ends the transaction, also when it has returned some rows.
func (c *conn) queried(rows driver.Rows, err error) (driver.Rows, error) {
	if err != nil {
		c.mayHaveEnded(err)
		return rows, err
	}
	if c.tx == nil || c.cache.dialect.Aborts() {
		return rows, nil // or else an error leaves it open
	}
	if _, known := c.base.open(); known {
		return rows, nil // the driver is asked
	}
	return &readInTx{described{base: rows}, c}, nil
}

// readInTx are the rows of a SELECT whose failure may end the transaction that it runs in.
type readInTx struct {
	described
	conn *conn
}

var _ allRows = (*readInTx)(nil)

func (r *readInTx) Next(dest []driver.Value) error { return r.heard(r.base.Next(dest)) }

func (r *readInTx) Close() error { return r.heard(r.base.Close()) }

func (r *readInTx) HasNextResultSet() bool { return hasNextResultSet(r.base) }

func (r *readInTx) NextResultSet() error {
	if next, ok := r.base.(driver.RowsNextResultSet); ok {
		return r.heard(next.NextResultSet())
	}
	return io.EOF
}

func (r *readInTx) heard(err error) error {
	if err != io.EOF { //nolint:errorlint // as database/sql compares it
		r.conn.mayHaveEnded(err)
	}
	return err
}
