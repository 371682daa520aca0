package moneyclip

//lint:file-ignore SA1019 old drivers have the old forms of the interfaces

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"math"
)

// A baseConn is a connection of the base driver with what it can do, asked once. It does with the old and the new forms
// of the driver interfaces what database/sql does. The old forms are what old drivers have.
type baseConn struct {
	driver.Conn
	queryer    driver.QueryerContext // nil: none
	execer     driver.ExecerContext
	oldQueryer driver.Queryer
	oldExecer  driver.Execer
	beginner   driver.ConnBeginTx
	validator  driver.Validator
	resetter   driver.SessionResetter
	arguments  converter // of texts that are not prepared
}

func newBaseConn(c driver.Conn) *baseConn {
	b := &baseConn{Conn: c}
	b.queryer, _ = c.(driver.QueryerContext)
	b.execer, _ = c.(driver.ExecerContext)
	b.oldQueryer, _ = c.(driver.Queryer)
	b.oldExecer, _ = c.(driver.Execer)
	b.beginner, _ = c.(driver.ConnBeginTx)
	b.arguments.wantInput = -1
	b.arguments.checker, _ = c.(driver.NamedValueChecker)
	b.validator, _ = c.(driver.Validator)
	b.resetter, _ = c.(driver.SessionResetter)
	return b
}

// canQuery and canExec report whether a text can be run without being prepared.
func (b *baseConn) canQuery() bool { return b.queryer != nil || b.oldQueryer != nil }

func (b *baseConn) canExec() bool { return b.execer != nil || b.oldExecer != nil }

func (b *baseConn) query(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if b.queryer != nil {
		return b.queryer.QueryContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return b.oldQueryer.Query(query, values)
}

func (b *baseConn) exec(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if b.execer != nil {
		return b.execer.ExecContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return b.oldExecer.Exec(query, values)
}

func (b *baseConn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if p, ok := b.Conn.(driver.ConnPrepareContext); ok {
		return p.PrepareContext(ctx, query)
	}
	stmt, err := b.Conn.Prepare(query)
	if err == nil && ctx.Err() != nil {
		stmt.Close()
		return nil, ctx.Err()
	}
	return stmt, err
}

// run runs a statement of ours, without arguments; prepared, if the base cannot do without.
func (b *baseConn) run(ctx context.Context, query string) error {
	if b.canExec() {
		_, err := b.exec(ctx, query, nil)
		if !errors.Is(err, driver.ErrSkip) {
			return err
		}
	}
	stmt, err := b.prepare(ctx, query)
	if err != nil {
		return err
	}
	_, err = execStmt(ctx, stmt, nil)
	return errors.Join(err, stmt.Close())
}

// runAll runs statements of ours, up to the first that fails.
func (b *baseConn) runAll(ctx context.Context, queries []string) error {
	for _, query := range queries {
		if err := b.run(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// ask is an [Asker]: it runs a query of ours.
func (b *baseConn) ask(ctx context.Context, query string, args ...driver.Value) ([][]driver.Value, error) {
	return b.askUpTo(ctx, math.MaxInt, query, args...)
}

var errTooMany = errors.New("more rows than may be dropped one by one")

// askUpTo fails with errTooMany if there are more rows than that.
func (b *baseConn) askUpTo(ctx context.Context, most int, query string, args ...driver.Value) ([][]driver.Value, error) {
	named := numbered(args)
	if b.canQuery() {
		rows, err := b.query(ctx, query, named)
		if err == nil {
			return readAll(rows, most)
		}
		if !errors.Is(err, driver.ErrSkip) {
			return nil, err
		}
	}
	stmt, err := b.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	rows, err := queryStmt(ctx, stmt, named)
	if err != nil {
		return nil, err
	}
	return readAll(rows, most)
}

// readAll reads rows to their end and closes them.
func readAll(rows driver.Rows, most int) ([][]driver.Value, error) {
	defer rows.Close()
	var all [][]driver.Value
	for {
		row := make([]driver.Value, len(rows.Columns()))
		if err := nextValues(rows, row); err == io.EOF { //nolint:errorlint // as database/sql compares it
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if len(all) == most {
			return nil, errTooMany
		}
		for i := range row {
			row[i] = clone(row[i])
		}
		all = append(all, row)
	}
}

// open reports whether a transaction is open, for a base that says so: mattn/go-sqlite3 does.
func (b *baseConn) open() (open, known bool) {
	if c, ok := b.Conn.(interface{ AutoCommit() bool }); ok {
		return !c.AutoCommit(), true
	}
	return false, false
}

func queryStmt(ctx context.Context, stmt driver.Stmt, args []driver.NamedValue) (driver.Rows, error) {
	if s, ok := stmt.(driver.StmtQueryContext); ok {
		return s.QueryContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return stmt.Query(values)
}

func execStmt(ctx context.Context, stmt driver.Stmt, args []driver.NamedValue) (driver.Result, error) {
	if s, ok := stmt.(driver.StmtExecContext); ok {
		return s.ExecContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return stmt.Exec(values)
}

// unnamed turns arguments into what the old interfaces take.
func unnamed(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, arg := range args {
		if arg.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = arg.Value
	}
	return values, ctx.Err()
}

// numbered is the opposite of unnamed.
func numbered(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named
}
