package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A family of drivers that differ in which optional interfaces they have. Each answers a query with the text and the
// arguments that have reached it, so that a difference on the way shows.

// A relative is one driver of the family.
type relative struct {
	name string
	conn func(*plainConn) driver.Conn // nil: nothing optional
	stmt func(*plainStmt) driver.Stmt // nil: nothing optional
}

var family = []relative{
	{name: "nothing optional"},
	{name: "Queryer and Execer", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			oldQueryer
			oldExecer
		}{c, oldQueryer{c}, oldExecer{c}}
	}},
	{name: "Queryer alone", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			oldQueryer
		}{c, oldQueryer{c}}
	}},
	{name: "ExecerContext alone", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			newExecer
		}{c, newExecer{c}}
	}},
	{name: "QueryerContext and ExecerContext", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			newQueryer
			newExecer
		}{c, newQueryer{c}, newExecer{c}}
	}},
	{name: "ErrSkip from both", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			skipping
		}{c, skipping{}}
	}},
	{name: "ConnBeginTx", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			beginner
		}{c, beginner{c}}
	}},
	{name: "ConnPrepareContext", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			preparer
		}{c, preparer{c}}
	}},
	{name: "Pinger", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			pinger
		}{c, pinger{}}
	}},
	{name: "Validator and SessionResetter", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			newQueryer
			resetter
		}{c, newQueryer{c}, resetter{c}}
	}},
	{name: "NamedValueChecker", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			newQueryer
			newExecer
			checker
		}{c, newQueryer{c}, newExecer{c}, checker{}}
	}},
	{name: "NamedValueChecker without Queryer", conn: func(c *plainConn) driver.Conn {
		return struct {
			*plainConn
			checker
		}{c, checker{}}
	}},
	{
		name: "statements: StmtQueryContext and StmtExecContext",
		stmt: func(s *plainStmt) driver.Stmt {
			return struct {
				*plainStmt
				newStmt
			}{s, newStmt{s}}
		},
	},
	{
		name: "statements: NumInput -1",
		stmt: func(s *plainStmt) driver.Stmt { s.inputs = -1; return s },
	},
	{
		name: "statements: NamedValueChecker",
		stmt: func(s *plainStmt) driver.Stmt {
			return struct {
				*plainStmt
				newStmt
				checker
			}{s, newStmt{s}, checker{}}
		},
	},
	{
		name: "statements: NamedValueChecker, NumInput -1",
		stmt: func(s *plainStmt) driver.Stmt {
			s.inputs = -1
			return struct {
				*plainStmt
				newStmt
				checker
			}{s, newStmt{s}, checker{}}
		},
	},
	{
		name: "statements: ColumnConverter",
		stmt: func(s *plainStmt) driver.Stmt {
			return struct {
				*plainStmt
				columnConverter
			}{s, columnConverter{}}
		},
	},
	{
		name: "statements: ColumnConverter, connection: NamedValueChecker",
		conn: func(c *plainConn) driver.Conn {
			return struct {
				*plainConn
				checker
			}{c, checker{}}
		},
		stmt: func(s *plainStmt) driver.Stmt {
			return struct {
				*plainStmt
				newStmt
				columnConverter
			}{s, newStmt{s}, columnConverter{}}
		},
	},
}

// A journal is what has reached one driver, in order.
type journal struct {
	mu    sync.Mutex
	lines []string // protected by mu
}

func (j *journal) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// take returns what was noted since the last time, but for what concerns the catalog.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return slices.DeleteFunc(lines, func(s string) bool { return strings.Contains(s, catalogQuery) })
}

// Connect and Driver make a relative with a journal a connector.
type relativeConnector struct {
	relative relative
	journal  *journal
}

func (r relativeConnector) Connect(context.Context) (driver.Conn, error) {
	c := &plainConn{relative: r.relative, journal: r.journal}
	if r.relative.conn == nil {
		return c, nil
	}
	return r.relative.conn(c), nil
}

func (r relativeConnector) Driver() driver.Driver { return nil }

// What a text can ask the drivers for.
const (
	askError   = "SELECT 'error'"
	askBadConn = "SELECT 'bad connection'"
)

var errRelative = &driverError{"the driver's own error"}

// plainConn is what every connection has.
type plainConn struct {
	relative relative
	journal  *journal
	bad      bool
}

func (c *plainConn) Close() error { return nil }

func (c *plainConn) Prepare(query string) (driver.Stmt, error) {
	c.journal.note("prepare %s", query)
	if query == "PREPARE ERROR" {
		return nil, errRelative
	}
	s := &plainStmt{c, query, strings.Count(query, "?")}
	if c.relative.stmt == nil {
		return s, nil
	}
	return c.relative.stmt(s), nil
}

func (c *plainConn) Begin() (driver.Tx, error) {
	c.journal.note("begin")
	return plainTx{c.journal}, nil
}

func (c *plainConn) query(query string, args []driver.NamedValue) (driver.Rows, error) {
	c.journal.note("query %s %s", query, textOfArgs(args))
	switch query {
	case askError:
		return nil, errRelative
	case askBadConn:
		if !c.bad {
			c.bad = true
			return nil, driver.ErrBadConn
		}
	case catalogQuery:
		return catalogRows(), nil
	}
	return &fakeRows{names: []string{"args", "query"}, rows: [][]driver.Value{{textOfArgs(args), query}}}, nil
}

func (c *plainConn) exec(query string, args []driver.NamedValue) (driver.Result, error) {
	c.journal.note("exec %s %s", query, textOfArgs(args))
	if query == askError {
		return nil, errRelative
	}
	return driver.RowsAffected(len(args)), nil
}

func textOfArgs(args []driver.NamedValue) string {
	var list []string
	for _, arg := range args {
		list = append(list, fmt.Sprintf("%d %s %T %v", arg.Ordinal, arg.Name, arg.Value, arg.Value))
	}
	return "(" + strings.Join(list, ", ") + ")"
}

func ordinals(values []driver.Value) []driver.NamedValue {
	var list []driver.NamedValue
	for i, v := range values {
		list = append(list, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return list
}

type plainTx struct{ journal *journal }

func (t plainTx) Commit() error   { t.journal.note("commit"); return nil }
func (t plainTx) Rollback() error { t.journal.note("rollback"); return nil }

// plainStmt is what every statement has.
type plainStmt struct {
	own    *plainConn
	text   string
	inputs int
}

func (s *plainStmt) Close() error  { s.own.journal.note("close %s", s.text); return nil }
func (s *plainStmt) NumInput() int { return s.inputs }

func (s *plainStmt) Exec(args []driver.Value) (driver.Result, error) {
	return s.own.exec(s.text, ordinals(args))
}

func (s *plainStmt) Query(args []driver.Value) (driver.Rows, error) {
	return s.own.query(s.text, ordinals(args))
}

// The optional ones.

type oldQueryer struct{ c *plainConn }

func (o oldQueryer) Query(query string, args []driver.Value) (driver.Rows, error) {
	return o.c.query(query, ordinals(args))
}

type oldExecer struct{ c *plainConn }

func (o oldExecer) Exec(query string, args []driver.Value) (driver.Result, error) {
	return o.c.exec(query, ordinals(args))
}

type newQueryer struct{ c *plainConn }

func (n newQueryer) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return n.c.query(query, args)
}

type newExecer struct{ c *plainConn }

func (n newExecer) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return n.c.exec(query, args)
}

type skipping struct{}

func (skipping) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, driver.ErrSkip
}

func (skipping) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return nil, driver.ErrSkip
}

type beginner struct{ c *plainConn }

func (b beginner) BeginTx(_ context.Context, opts driver.TxOptions) (driver.Tx, error) {
	b.c.journal.note("begin %v", opts)
	if sql.IsolationLevel(opts.Isolation) == sql.LevelSnapshot {
		return nil, errRelative
	}
	return plainTx{b.c.journal}, nil
}

type preparer struct{ c *plainConn }

func (p preparer) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return p.c.Prepare(query)
}

type pinger struct{}

func (pinger) Ping(context.Context) error { return errRelative }

type resetter struct{ c *plainConn }

func (r resetter) IsValid() bool                      { return !r.c.bad }
func (r resetter) ResetSession(context.Context) error { return nil }

type newStmt struct{ s *plainStmt }

func (n newStmt) QueryContext(_ context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return n.s.own.query(n.s.text, args)
}

func (n newStmt) ExecContext(_ context.Context, args []driver.NamedValue) (driver.Result, error) {
	return n.s.own.exec(n.s.text, args)
}

// checker takes out strings that say so, refuses others, and knows types that database/sql does not.
type checker struct{}

func (checker) CheckNamedValue(nv *driver.NamedValue) error {
	switch v := nv.Value.(type) {
	case string:
		switch v {
		case "remove":
			return driver.ErrRemoveArgument
		case "refuse":
			return errRelative
		}
	case duration: // to others a number
		nv.Value = fmt.Sprintf("%d seconds", v)
		return nil
	case []int: // to others nothing at all
		nv.Value = fmt.Sprint(v)
		return nil
	}
	return driver.ErrSkip
}

type duration int

// columnConverter has an opinion of its own about the first column.
type columnConverter struct{}

func (columnConverter) ColumnConverter(index int) driver.ValueConverter {
	if index == 0 {
		return oddConverter{}
	}
	return driver.String
}

type oddConverter struct{}

func (oddConverter) ConvertValue(v any) (driver.Value, error) {
	switch v := v.(type) {
	case time.Time:
		return nil, errors.New("no times here")
	case string:
		return struct{ s string }{v}, nil // which no driver may do
	default:
		return fmt.Sprintf("converted %v", v), nil
	}
}
