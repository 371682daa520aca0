package moneyclip

import (
	"context"
	"database/sql/driver"
)

// A stmt is a prepared statement. It is prepared again when its connection has dialed again. Like its connection, it
// is used by one goroutine at a time.
type stmt struct {
	conn    *conn
	query   string
	base    driver.Stmt
	watched driver.Stmt // the base beneath sqlmw
	inputs  int         // the base's NumInput
	dial    int         // conn.dials when it was prepared
}

var (
	_ driver.Stmt              = (*stmt)(nil)
	_ driver.StmtExecContext   = (*stmt)(nil)
	_ driver.StmtQueryContext  = (*stmt)(nil)
	_ driver.NamedValueChecker = (*stmt)(nil)
)

// PrepareContext dials.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s := &stmt{conn: c, query: query}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// ready makes sure that the statement is prepared on the base connection that there is now.
func (s *stmt) ready(ctx context.Context) error {
	c := s.conn
	if err := c.ready(ctx); err != nil {
		return err
	}
	if s.base != nil && s.dial == c.dials {
		return nil
	}
	watched, err := c.watched.(driver.ConnPrepareContext).PrepareContext(ctx, s.query)
	if err != nil {
		return err
	}
	s.base, s.watched, s.dial = c.stmt, watched, c.dials
	s.inputs = s.base.NumInput()
	c.stmt = nil
	return nil
}

// run runs the base statement by Exec. One that may return rows it then closes, to be prepared again. Some drivers leave such a
// statement at its first row: on SQLite what it writes is not committed then, and what it reads keeps the connection at an old
// snapshot.
func (s *stmt) run(ctx context.Context, p *plan, args []driver.NamedValue) (driver.Result, error) {
	if s.base == nil { // it was run, and undone with what was added to it
		if err := s.ready(ctx); err != nil {
			return nil, err
		}
	}
	result, err := execStmt(ctx, s.base, args)
	if p.statement.Kind != KindWrite || p.statement.Returns {
		s.base.Close()
		s.base, s.watched = nil, nil
	}
	return result, err
}

// QueryContext answers a SELECT from the cache, or passes the query on.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	c := s.conn
	if c.skipped == s.query {
		c.skipped = "" // it was looked up as a text
	} else if s.inputs == -1 || s.inputs == len(args) {
		if rows, _ := c.hit(ctx, s.query, args, s); rows != nil {
			return rows, nil
		}
	}
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	p := c.plan(s.query)
	r := p.read(c.cache)
	convert := converterFor(c.base, s.base)
	converted, err := convert.convert(args, r == nil)
	if err != nil {
		return nil, err
	}
	c.connector.kept(converted)
	if r != nil {
		return c.queried(c.read(ctx, r, args, s, func(ctx context.Context) (driver.Rows, error) { return s.queryWatched(ctx, converted) }))
	}
	if c.passes(p) && p.statement.Kind != KindWrite {
		c.unmatched(p)
		c.rowsOut = true
		return c.queried(queryStmt(ctx, s.base, converted))
	}
	return s.queryWatched(ctx, converted)
}

// queryWatched sends the statement to the base, by way of the interceptor.
func (s *stmt) queryWatched(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	c := s.conn
	c.running = s
	defer func() { c.running = nil }()
	return c.unwrapped(s.watched.(driver.StmtQueryContext).QueryContext(ctx, args))
}

// ExecContext passes the statement on, and drops the keys that it touches.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	c := s.conn
	if err := s.ready(ctx); err != nil {
		return nil, err
	}
	convert := converterFor(c.base, s.base)
	converted, err := convert.convert(args, true)
	if err != nil {
		return nil, err
	}
	if p := c.plan(s.query); c.passes(p) || c.collects(p) {
		return c.pass(ctx, p, converted, func() (driver.Result, error) { return s.run(ctx, p, converted) })
	}
	c.running = s
	defer func() { c.running = nil }()
	return s.watched.(driver.StmtExecContext).ExecContext(ctx, converted)
}

// NumInput leaves the count to the conversion of the arguments, which comes later and may remove some.
func (s *stmt) NumInput() int { return -1 }

// CheckNamedValue takes every argument as it is, like the connection's.
func (s *stmt) CheckNamedValue(*driver.NamedValue) error { return nil }

// Close closes the base statement, unless its connection is gone.
func (s *stmt) Close() error {
	if s.base == nil || s.dial != s.conn.dials || s.conn.base == nil {
		return nil
	}
	return s.base.Close()
}

// Exec is not called by database/sql, which knows ExecContext.
func (s *stmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.ExecContext(backgroundContext, numbered(args))
}

// Query is not called by database/sql, which knows QueryContext.
func (s *stmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.QueryContext(backgroundContext, numbered(args))
}
