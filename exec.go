package moneyclip

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/moneyclip/moneyclip/internal/times"
)

// exec runs a statement that is of interest to the cache and returns no rows.
func (c *conn) exec(ctx context.Context, query string, args []driver.NamedValue, run func(context.Context) (driver.Result, error)) (result driver.Result, err error) {
	p, err := c.planResolved(ctx, query)
	if err != nil {
		return nil, err
	}
	err = c.perform(ctx, p, args, func(ctx context.Context, w *writing) (err error) {
		if w != nil && w.changed() {
			result, err = w.execInstead(ctx)
			return err
		}
		if result, err = run(ctx); err == nil && w != nil {
			w.note(result)
		}
		return err
	})
	return result, err
}

// query runs a statement that is of interest to the cache and may return rows: a read that is to be recorded, a write
// with returned rows, or any other statement that came as a query. One that delays what is written beside it is over, as a write is,
// when its rows are.
func (c *conn) query(ctx context.Context, query string, args []driver.NamedValue, run runner) (rows driver.Rows, err error) {
	p, err := c.planResolved(ctx, query)
	if err != nil {
		return nil, err
	}
	switch {
	case p.statement.Kind == KindRead && !p.statement.Delays:
		return run(ctx)
	case p.statement.Kind == KindControl, p.statement.Kind == KindSession, c.commits(p.statement):
		c.rowsOut = true
		// After the end of a transaction the connection may be asked for something, which cannot be done while rows are open on it.
		asked := (p.statement.Kind == KindControl || c.commits(p.statement)) && !c.cache.dialect.Holds()
		var failed error
		err = c.perform(ctx, p, args, func(ctx context.Context, _ *writing) (err error) {
			if rows, err = run(ctx); err == nil && asked {
				rows, failed = fetched(rows)
				err = failed
			}
			return err
		})
		if failed != nil {
			return rows, nil // they say it themselves
		}
		return rows, err
	}
	return c.returning(ctx, p, args, run)
}

// fetched reads rows to their end and closes them. The rows that it returns give out what was read, and the error, too, if they have failed.
func fetched(base driver.Rows) (rows driver.Rows, failed error) {
	r := &returning{described: described{base: base}, end: func(err error) error {
		failed = err
		return nil
	}}
	r.fetch()
	return r, failed
}

// perform runs a statement and does around it what its kind asks for.
func (c *conn) perform(ctx context.Context, p *plan, args []driver.NamedValue, run func(context.Context, *writing) error) error {
	s := p.statement
	defer c.unsettle(s)
	if c.commits(s) {
		return c.commitFirst(ctx, p, args, func() error { return run(ctx, nil) })
	}
	switch s.Kind {
	case KindControl:
		return c.control(ctx, s, func() error { return run(ctx, nil) })
	case KindSession:
		return c.change(s, func() error { return run(ctx, nil) })
	}
	w, err := c.start(ctx, p, args)
	if err != nil {
		return err
	}
	err = w.told(w.end(ctx, w.guard(func() error {
		return w.attempt(ctx, func(ctx context.Context) error { return run(ctx, w) })
	})))
	if w.later && w.work != &w.alone {
		*w = writing{} // what it knows is kept by the transaction, and no longer
		c.spare = w
	}
	return err
}

// pass runs a statement that goes straight to the base, and notes it if it is a write.
func (c *conn) pass(ctx context.Context, p *plan, args []driver.NamedValue, run func() (driver.Result, error)) (driver.Result, error) {
	switch {
	case p.statement.Kind != KindWrite:
		result, err := run()
		c.mayHaveEnded(err)
		return result, err
	case c.tx != nil:
		return c.collect(p, args, run)
	}
	known := c.known
	result, err := run()
	if !errors.Is(err, driver.ErrSkip) {
		c.passed(ctx, p, args, known, err)
	}
	return result, err
}

// collect runs a write in a transaction, and notes it there. Should the base panic, it may have been done all the same.
func (c *conn) collect(p *plan, args []driver.NamedValue, run func() (driver.Result, error)) (result driver.Result, err error) {
	t := c.tx
	defer func() {
		if !errors.Is(err, driver.ErrSkip) { // or else it comes again, prepared
			t.work.add(p, args, nil)
		}
	}()
	if result, err = run(); !errors.Is(err, driver.ErrSkip) {
		c.heard(t, p.statement, err)
	}
	return result, err
}

// heard notes in a transaction what has come of a statement.
func (c *conn) heard(t *transaction, s *Statement, err error) {
	if err != nil {
		c.mayHaveEnded(err)
	} else if s.Kind == KindWrite {
		t.wrote = true
	}
}

// passed notes a write that has gone straight to the base because no rule knew of it. By now one may.
func (c *conn) passed(ctx context.Context, p *plan, args []driver.NamedValue, known knowledge, err error) {
	switch {
	case len(c.open) > 0:
		for _, open := range c.open {
			open.work.remember(p, args)
		}
	case c.session != nil && (c.cache.hub.shared || c.session.database.knowledge() != known):
		// On a shared store another process may have published a rule by now.
		w := newWork(c.cache, c.session, known)
		w.items = []item{{plan: p, args: args}}
		w.release(ctx, err)
	}
}

// returning runs a write that returns rows. It is over when its rows are.
func (c *conn) returning(ctx context.Context, p *plan, args []driver.NamedValue, run runner) (driver.Rows, error) {
	w, err := c.start(ctx, p, args)
	if err != nil {
		return nil, err
	}
	var rows driver.Rows
	err = w.guard(func() error {
		return w.attempt(ctx, func(ctx context.Context) (err error) {
			if w.changed() {
				rows, err = w.queryInstead(ctx)
				return err
			}
			if rows, err = run(ctx); err == nil {
				rows = w.counted(rows)
			}
			return err
		})
	})
	if err != nil {
		return nil, w.told(w.end(ctx, err))
	}
	if w.own || w.later {
		w.args = detached(w.args) // they are looked at again when the rows end
	}
	if ends(p.statement) {
		// All but the last of its statements are over, also one that has ended a transaction or begun one.
		c.rowsOut, w.guessed = true, true
		w.guess(nil)
		c.unsettle(p.statement)
	}
	c.open = append(c.open, w) // what is written meanwhile becomes visible with it
	c.outs++
	r := &returning{described: described{base: rows}, end: func(err error) error {
		c.outs--
		c.unsettle(p.statement)
		if w.own {
			c.own = nil
		}
		return w.end(ctx, err)
	}}
	if !w.own {
		return c.returned(r, false), nil
	}
	c.own = r
	// By itself the statement would be over by now. Its caller may go on to write what it has locked, on another connection,
	// while its rows are open.
	return c.returned(r, !c.cache.dialect.Holds()), nil
}

// guard runs the statement. Should the base panic, it may have been done all the same.
func (w *writing) guard(run func() error) error {
	over := false
	defer func() {
		switch {
		case over:
		case w.later:
			w.in.work.add(w.plan, w.args, nil)
		case w.in != nil:
			w.in.work.join(w.work)
		}
	}()
	err := w.work.guard(run)
	over = true
	return err
}

// note keeps how many rows the statement has touched.
func (w *writing) note(result driver.Result) {
	if n, err := result.RowsAffected(); err == nil && w.read != nil {
		w.affected = n
	}
}

// A writing is one statement of a caller on its way to the database.
type writing struct {
	conn  *conn
	plan  *plan
	args  []driver.NamedValue
	work  *work
	read  *rowsRead    // nil: nothing is read
	own   bool         // it runs in a transaction of our own
	in    *transaction // the caller's; nil: none
	saved bool         // our savepoint is set in it
	later bool         // its keys are marked when that one commits

	affected int64 // rows, by the statement's result; -1: not known

	first   error // of what came before the statement; nil: none that it was tried in spite of
	guessed bool  // what a text of several statements does to the connection was noted

	alone work     // of a statement that has one of its own
	room  struct { // for its lists, which are mostly this short; not for marks, which may live longer
		items [1]item
		args  [2]driver.NamedValue
		keys  [1]dropped
	}
}

// writing is one for the next statement. In a transaction it is that of the last one, if nothing else needs that any more.
func (c *conn) writing() *writing {
	w := c.spare
	if w == nil {
		return new(writing)
	}
	c.spare = nil
	return w
}

// start does what comes before a statement.
func (c *conn) start(ctx context.Context, p *plan, args []driver.NamedValue) (*writing, error) {
	if c.implicit(c.session) && c.tx == nil && p.statement.Kind != KindInert && !p.statement.Commits {
		c.began(driver.TxOptions{})
	}
	w := c.writing()
	w.conn, w.plan, w.args, w.in, w.affected = c, p, args, c.tx, -1
	w.work = &w.alone
	w.work.begin(c.cache, c.session, c.known)
	w.work.items, w.work.args, w.work.drops.keys = w.room.items[:0], w.room.args[:0], w.room.keys[:0]
	reads := p.write.reads() && c.taint() == "" && (c.outs == 0 || w.in != nil) &&
		len(args) == len(p.statement.Params) // or else the base has something to say
	if reads {
		if err := w.readFirst(ctx); err != nil {
			c.mayHaveEnded(err)
			return nil, err
		}
	}
	w.later = w.in != nil && !w.in.mayBeOver && !ends(p.statement)
	if w.own || w.later {
		return w, nil
	}
	w.collect()
	if w.in != nil && ends(p.statement) {
		c.collectOpen()
		// What the transaction wrote before may become visible now, and this with what it writes later.
		w.in.work.join(w.work)
		w.work = w.in.work.rest()
	}
	if err := w.work.quarantine(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

// ends reports whether a text of which not everything is known may end a transaction.
func ends(s *Statement) bool { return s.isRiddle() || s.Kind == KindScript || s.MayCommit }

// collect adds the keys of the statement to its work.
func (w *writing) collect() { w.collectIn(w.work, w.read) }

func (w *writing) collectIn(work *work, read *rowsRead) {
	work.add(w.plan, w.args, read)
	why := w.conn.taint()
	if why == "" || work.session == nil {
		return
	}
	work.tainted = why
	m := work.session.database.meaning.Load()
	work.drops.widen(m.watching())
	// It may reach into another database that is attached to this one; but not if all that is amiss is that the database
	// has no name.
	work.blind = work.blind || w.conn.tainted != "" || m.database.scope != ""
}

// collectOpen adds to the transaction, before what may end it, the keys of its writes whose rows are still open. SQLite commits one that
// has no more rows to give, though its caller has not come to their end.
func (c *conn) collectOpen() {
	for _, w := range c.open {
		if w.later && w.in == c.tx {
			w.collectIn(c.tx.work, nil) // what is read after it was not read yet
		}
	}
}

// end does what comes after the statement, and returns what the caller is to hear.
func (w *writing) end(ctx context.Context, err error) error {
	c := w.conn
	c.open = slices.DeleteFunc(c.open, func(open *writing) bool { return open == w })
	if w.later && errors.Is(err, driver.ErrSkip) {
		w.undo(ctx) // the statement comes again, prepared
		return err
	}
	w.readLast(ctx, err)
	if w.plan.doubtful != "" {
		c.doubtful = w.plan.doubtful
		c.mixed = c.mixed || c.tx != nil // it may have changed them for the transaction alone
	}
	switch {
	case w.own:
		return w.commitOwn(ctx, err)
	case w.later:
		over := c.tx != w.in
		if !over {
			w.in.work.join(w.work)
			w.work = w.in.work
		}
		if !w.undone(err) {
			w.collect()
		}
		c.heard(w.in, w.plan.statement, err)
		if over {
			// It is over, while rows of it were open. What was written since is visible with their end.
			w.in.work.join(w.work)
			w.work.rest().release(ctx, nil)
		}
		return err
	}
	c.settleSchema(ctx, w.work, err)
	w.work.release(ctx, err)
	if ends(w.plan.statement) && !w.guessed {
		w.guess(err)
	} else if c.tx != nil && (c.tx != w.in || !ends(w.plan.statement)) {
		// The transaction is in doubt, or was begun while rows of this write were open: the next COMMIT may be what makes it visible.
		c.tx.work.join(w.work)
	}
	for _, open := range c.open {
		open.work.join(w.work)
	}
	if err == nil && c.tx == nil {
		c.reload(ctx, w.work)
	}
	return err
}

// undone reports whether an error says that the database has undone all that the statement has done.
func (w *writing) undone(err error) bool {
	d := w.conn.cache.dialect
	return err != nil && d.Aborts() && !errors.Is(err, driver.ErrBadConn) && !errors.Is(err, driver.ErrSkip) && d.Settled(err)
}

// commitOwn ends a transaction of our own. It commits also after an error, because that is what happens to a statement
// outside of a transaction: what the statement has undone is undone, and what it has left behind stays.
func (w *writing) commitOwn(ctx context.Context, err error) error {
	err = w.endOwn(ctx, err)
	w.conn.owns = false
	return err
}

func (w *writing) endOwn(ctx context.Context, err error) error {
	c := w.conn
	if w.undone(err) && c.base.run(context.WithoutCancel(ctx), "ROLLBACK") == nil {
		return err
	}
	w.collect()
	if errors.Is(err, driver.ErrBadConn) {
		return err
	}
	if errors.Is(err, driver.ErrSkip) {
		c.rollBackOwn(ctx) // the statement comes again, prepared
		return err
	}
	if open, known := c.base.open(); known && !open {
		w.work.release(ctx, nil) // rolled back by the statement, or by one that came while its rows were open
		return err
	}
	if quarantineErr := w.work.quarantine(ctx); quarantineErr != nil {
		c.rollBackOwn(ctx)
		return errors.Join(err, quarantineErr)
	}
	commitErr := w.work.guard(func() error {
		err := c.base.run(context.WithoutCancel(ctx), "COMMIT")
		if err != nil {
			c.rollBackOwn(ctx)
		}
		w.work.lookAgain(ctx, c, err)
		return err
	})
	c.owns = false
	w.work.release(ctx, commitErr) // the COMMIT has settled what the statement's own error may have left open
	switch {
	case err != nil:
		return err
	case commitErr != nil:
		if errors.Is(commitErr, driver.ErrBadConn) {
			// database/sql would run the statement again, which may have been committed.
			return fmt.Errorf("moneyclip: the connection was lost during COMMIT: %v", commitErr) //nolint:errorlint // not as ErrBadConn
		}
		return commitErr
	}
	c.reload(ctx, w.work)
	return nil
}

// rollBackOwn ends a transaction of our own by a ROLLBACK. If that fails, and the transaction is not known to be over, what came next
// would be done in it, and lost with it: then the connection is of no use any more, and rollBackOwn reports false.
func (c *conn) rollBackOwn(ctx context.Context) bool {
	err := c.base.run(context.WithoutCancel(ctx), "ROLLBACK")
	c.stuck = err != nil && !c.isOver(err)
	c.owns = false
	return !c.stuck
}

// settleSchema reads the catalog again after a change of it may have been committed: of several statements in a text the
// first can have succeeded although a later one has failed.
func (c *conn) settleSchema(ctx context.Context, w *work, err error) {
	if c.session == nil || !w.changesSchema(err == nil || !w.settled(err)) {
		return
	}
	for p := range w.plans() {
		c.unsettle(p.statement)
	}
	if c.taint() != "" {
		c.cache.hub.forget() // it may have been the schema of another database
	}
	d := c.session.database
	before := d.meaning.Load()
	if c.tainted == "" { // or else so may be what would be read now
		c.readSchema(ctx)
	}
	// What other search paths see has changed with it, and on MySQL a text may name another database.
	others := d.site.all()
	spans := w.spans()
	if spans {
		others = c.cache.hub.all(c.cache.dialect)
	}
	if spans || d.meaning.Load() != before {
		for _, other := range others {
			if other != d {
				other.forget()
			}
		}
	}
}

// spans reports whether one of the work's changes of the schema may be one of another database than the session's.
func (w *work) spans() bool {
	for p := range w.plans() {
		if p.changesSchema() && p.write.everything {
			return true
		}
	}
	return false
}

// readSchema reads the catalog after a change of it. The caller's own deadline would cost the connection; but another session may hold a
// lock for which the question waits, perhaps one of the caller's own.
func (c *conn) readSchema(ctx context.Context) {
	d := c.session.database
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), times.Lease)
	defer cancel()
	if err := d.refreshCatalog(ctx, c.base.ask, true); err != nil {
		d.forget()
	}
}

// changesSchema reports whether a statement of the work changes the schema; done says that none of them has failed.
func (w *work) changesSchema(done bool) bool {
	for _, it := range w.items {
		if it.plan.changesSchema() && (done || ends(it.plan.statement)) {
			return true
		}
	}
	for p := range w.texts {
		if p.changesSchema() {
			return true
		}
	}
	return false
}

// changesSchema reports whether a text may change the schema.
func (p *plan) changesSchema() bool { return !p.ignored && changesSchema(p.statement) }

func changesSchema(s *Statement) bool {
	switch s.Kind {
	case KindSchema, KindUnknown:
		return true
	case KindWrite:
		return slices.ContainsFunc(s.Writes, func(w Write) bool { return w.Op == AnyOp })
	case KindScript:
		for i := range s.Parts {
			if changesSchema(&s.Parts[i]) {
				return true
			}
		}
	}
	return false
}
