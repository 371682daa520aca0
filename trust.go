package moneyclip

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
)

// A trust is how far a connection can be taken at its word. What a text means to a database, and how its values are spelled, was
// learnt from sessions as they are when they begin. One that has become another may mean another table by the same name, or write a
// value that is read in another way: it is not served, and what it writes drops the keys of all rules. So it goes with
//
//	what it has run                                      is noted   until
//	a change of the session, Raw                         tainted    RESET ALL or the like, or a new connection
//	one of what it says of itself; what may be a change,
//	    as a function or EXECUTE                         doubtful   it was asked who it is
//	what is not understood                               both
//	SET TRANSACTION                                      next       the next transaction was begun, which is tainted then
//	SET LOCAL and the like                               the transaction's tainted, until its end
//	nothing: it has said so itself                       the session's tainted, until it is another one
//
// And whether a transaction is open, on which hangs when a write can be seen, may not be known either: see transaction.
type trust struct {
	tainted  string   // why the cache is not used on the connection
	doubtful string   // why the session may be another than it was
	mixed    bool     // its settings were others at times: what it has prepared may have constants that were made under those
	next     string   // what was changed for the next transaction. Until one is begun it may be any statement
	dialed   [16]byte // its profile when it was asked first
	stuck    bool     // in a transaction of our own that could not be rolled back: the connection is good for nothing
	owns     bool     // a transaction of our own was begun, and what ends it has not returned

	// autocommit is what the session was last told of it; nil: nothing.
	autocommit *bool
	chaining   bool // it was told that the end of each transaction begins another
}

const isNotUnderstood = "it has run a statement that is not understood"

// isLost reports whether what came next would be done in a transaction of our own that nobody ends: it could not be rolled back, or the
// base or the store has panicked in it. One whose rows are open is ended by them.
func (c *conn) isLost() bool { return c.stuck || c.owns && c.own == nil }

// taintBy notes why the cache is not used on the connection any more. Nothing else would say so: what follows are neither hits nor misses.
func (c *conn) taintBy(why string) {
	if c.tainted == "" {
		c.cache.logOnce("a connection is not served from the cache any more, and its writes drop every key, until it is reset or dialed anew",
			"reason", why)
	}
	c.tainted = why
}

// taint says why nothing that the connection does can be taken at its word; empty: it can.
func (c *conn) taint() string {
	switch {
	case c.tainted != "":
		return c.tainted
	case c.doubtful != "":
		return c.doubtful
	case c.tx != nil && c.tx.tainted != "":
		return c.tx.tainted
	case c.tx == nil && c.next != "":
		return c.next
	case c.session != nil:
		return c.session.tainted
	}
	return ""
}

// implicit reports whether every statement begins a transaction unless one is open.
func (c *conn) implicit(s *session) bool {
	if c.autocommit != nil {
		return !*c.autocommit
	}
	return s != nil && s.implicit
}

// change runs a statement that changes the session.
func (c *conn) change(s *Statement, run func() error) error {
	c.mixed = c.mixed || s.Reach != ForNext
	switch s.Reach {
	case UntilEnd, ForNext:
		if c.tx != nil {
			c.tx.tainted = s.Change
		}
		if s.Reach == ForNext {
			c.next = s.Change
		}
	case Reset:
		err := run()
		if err == nil {
			c.tainted, c.doubtful = "", s.Change // what it has become is asked
			c.autocommit, c.chaining = nil, false
		}
		return err
	case AutocommitOff, AutocommitOn:
		c.taintBy(s.Change)
		err := run()
		if err != nil {
			c.doubtful = s.Change // it may be on or off
			if c.tx == nil {
				c.over()
			}
			c.tx.mayBeOver = true
			return err
		}
		on := s.Reach == AutocommitOn
		c.autocommit = &on
		return nil
	case Chaining:
		c.taintBy(s.Change)
		c.chaining = true
	case UntilAsked:
		c.doubtful = s.Change
	default:
		c.taintBy(s.Change)
	}
	return run() // even if it fails: who knows how far it came
}

// unsettle notes that a statement may have changed what sessions begin with.
func (c *conn) unsettle(s *Statement) {
	if s.isRiddle() || s.Defaults || slices.ContainsFunc(s.Parts, func(part Statement) bool { return part.isRiddle() || part.Defaults }) {
		c.cache.hub.defaults.Add(1)
	}
}

// guess notes what a text of several statements, or one that is not understood, may have done to the connection.
func (w *writing) guess(err error) {
	c := w.conn
	s := w.plan.statement
	riddle, control, unclear := s.isRiddle(), s.MayCommit, false
	for i := range s.Parts {
		part := &s.Parts[i]
		control = control || part.Kind == KindControl
		if part.isRiddle() {
			riddle, unclear, c.doubtful = true, true, isNotUnderstood
		}
		// What ends a transaction by the way, or changes what ends and begins one.
		unclear = unclear || part.Kind == KindScript || part.Commits || part.MayCommit
		if part.Kind == KindSession {
			c.mixed = true
			if part.Reach == UntilAsked {
				c.doubtful = part.Change
			} else {
				c.taintBy(part.Change)
			}
			switch part.Reach {
			case AutocommitOff, AutocommitOn, Chaining:
				c.doubtful, unclear = part.Change, true
			}
		}
		if part.Doubtful != "" {
			c.doubtful, c.mixed = part.Doubtful, true // the text may have begun a transaction, and changed them for that alone
		}
	}
	if riddle {
		c.taintBy(isNotUnderstood)
	}
	switch {
	case err == nil && s.Kind == KindScript && !unclear:
		before := c.tx
		for i := range s.Parts {
			if s.Parts[i].Kind == KindControl {
				c.follow(&s.Parts[i])
			}
		}
		// Of a text that is prepared some drivers run the first statement alone.
		if open, known := c.base.open(); known && open != (c.tx != nil) || !known && control && c.running != nil {
			if c.tx == nil {
				c.began(driver.TxOptions{})
			}
			c.tx.mayBeOver = true
		}
		if before != nil && c.tx != nil && c.tx != before {
			// AND CHAIN: the next one is like the last, whatever that was.
			c.tx.ranges, c.tx.tainted = false, cmp.Or(c.tx.tainted, before.tainted)
		}
	case riddle, control, unclear:
		// It may have started a transaction, or ended one.
		if c.tx == nil {
			c.began(driver.TxOptions{})
		}
		c.tx.mayBeOver, c.tx.unasked = true, true
	}
	if c.tx != nil && c.tx != w.in {
		c.tx.work.join(w.work)
	}
	if err != nil {
		c.mayHaveEnded(err)
	}
}

// planResolved is the plan of a text. Before one that may write it is asked whether a transaction is open that a statement may have begun or
// ended: not before others, for what is asked is seen by SHOW WARNINGS and the like.
func (c *conn) planResolved(ctx context.Context, query string) (*plan, error) {
	p := c.plan(query)
	switch p.statement.Kind {
	case KindRead, KindControl, KindSession, KindInert:
		return p, nil
	}
	if !c.isUnasked() {
		return p, nil
	}
	if err := c.resolve(ctx); err != nil {
		return nil, err
	}
	return c.plan(query), nil // the connection may turn out to be another database's
}

// isUnasked reports whether resolve has something to ask.
func (c *conn) isUnasked() bool { return c.tx != nil && c.tx.unasked && c.outs == 0 }

// resolve asks whether a transaction is open. If none is, the connection is made ready anew: it may be asked who it is then.
func (c *conn) resolve(ctx context.Context) error {
	asked, ok := c.cache.dialect.(transactionTeller)
	if !ok {
		c.tx.unasked = false
		return nil
	}
	open, known := asked.InTransaction(ctx, c.base.run)
	c.tx.unasked = !known && ctx.Err() != nil
	if !known || open {
		return nil
	}
	c.tx = nil
	return c.ready(ctx)
}
