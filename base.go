package moneyclip

import (
	"context"
	"database/sql/driver"
	"errors"
)

// What database/sql does with a driver's old and new interfaces, for calls that go to the base directly.

func canQuery(base driver.Conn) bool {
	switch base.(type) {
	case driver.QueryerContext, driver.Queryer: //nolint:staticcheck // the old form is what old drivers have
		return true
	}
	return false
}

func canExec(base driver.Conn) bool {
	switch base.(type) {
	case driver.ExecerContext, driver.Execer: //nolint:staticcheck // the old form is what old drivers have
		return true
	}
	return false
}

func queryBase(ctx context.Context, base driver.Conn, query string, args []driver.NamedValue) (driver.Rows, error) {
	if b, ok := base.(driver.QueryerContext); ok {
		return b.QueryContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return base.(driver.Queryer).Query(query, values) //nolint:staticcheck // the old form is what old drivers have
}

func execBase(ctx context.Context, base driver.Conn, query string, args []driver.NamedValue) (driver.Result, error) {
	if b, ok := base.(driver.ExecerContext); ok {
		return b.ExecContext(ctx, query, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return base.(driver.Execer).Exec(query, values) //nolint:staticcheck // the old form is what old drivers have
}

// queryAnyway runs a query of ours, prepared if the base can not do without.
func queryAnyway(ctx context.Context, base driver.Conn, query string, args []driver.NamedValue) (driver.Rows, error) {
	if canQuery(base) {
		rows, err := queryBase(ctx, base, query, args)
		if !errors.Is(err, driver.ErrSkip) {
			return rows, err
		}
	}
	stmt, err := prepareBase(ctx, base, query)
	if err != nil {
		return nil, err
	}
	rows, err := queryStmt(ctx, stmt, args)
	if err != nil {
		stmt.Close()
		return nil, err
	}
	return closingRows{rows, stmt}, nil
}

// closingRows closes its statement too.
type closingRows struct {
	driver.Rows
	stmt driver.Stmt
}

func (r closingRows) Close() error { return errors.Join(r.Rows.Close(), r.stmt.Close()) }

// execAnyway runs a statement of ours without arguments.
func execAnyway(ctx context.Context, base driver.Conn, query string) error {
	if canExec(base) {
		_, err := execBase(ctx, base, query, nil)
		if !errors.Is(err, driver.ErrSkip) {
			return err
		}
	}
	stmt, err := prepareBase(ctx, base, query)
	if err != nil {
		return err
	}
	_, err = execStmt(ctx, stmt, nil)
	return errors.Join(err, stmt.Close())
}

func prepareBase(ctx context.Context, base driver.Conn, query string) (driver.Stmt, error) {
	if b, ok := base.(driver.ConnPrepareContext); ok {
		return b.PrepareContext(ctx, query)
	}
	stmt, err := base.Prepare(query)
	if err == nil && ctx.Err() != nil {
		stmt.Close()
		return nil, ctx.Err()
	}
	return stmt, err
}

func queryStmt(ctx context.Context, stmt driver.Stmt, args []driver.NamedValue) (driver.Rows, error) {
	if s, ok := stmt.(driver.StmtQueryContext); ok {
		return s.QueryContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return stmt.Query(values) //nolint:staticcheck // the old form is what old drivers have
}

func execStmt(ctx context.Context, stmt driver.Stmt, args []driver.NamedValue) (driver.Result, error) {
	if s, ok := stmt.(driver.StmtExecContext); ok {
		return s.ExecContext(ctx, args)
	}
	values, err := unnamed(ctx, args)
	if err != nil {
		return nil, err
	}
	return stmt.Exec(values) //nolint:staticcheck // the old form is what old drivers have
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
