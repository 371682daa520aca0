package moneyclip

import (
	"context"
	"database/sql/driver"

	"github.com/ngrok/sqlmw"
)

// An interceptor stands between sqlmw and the base connection, one for each connection. What reaches it is on its way
// to the database and of interest to the cache: reads that are to be recorded, writes, and the ends of transactions.
// Hits and statements that touch no rule do not come this way, nor do those of which a transaction needs only the arguments.
type interceptor struct {
	sqlmw.NullInterceptor
	conn *conn
}

var _ sqlmw.Interceptor = (*interceptor)(nil)

func (i *interceptor) ConnExecContext(ctx context.Context, base driver.ExecerContext, query string, args []driver.NamedValue) (driver.Result, error) {
	return i.conn.exec(ctx, query, args, func(ctx context.Context) (driver.Result, error) {
		return base.ExecContext(ctx, query, args)
	})
}

func (i *interceptor) StmtExecContext(ctx context.Context, _ driver.StmtExecContext, query string, args []driver.NamedValue) (driver.Result, error) {
	s := i.conn.running
	return i.conn.exec(ctx, query, args, func(ctx context.Context) (driver.Result, error) {
		return s.run(ctx, i.conn.plan(query), args)
	})
}

func (i *interceptor) ConnQueryContext(ctx context.Context, base driver.QueryerContext, query string, args []driver.NamedValue) (context.Context, driver.Rows, error) {
	rows, err := i.conn.query(ctx, query, args, func(ctx context.Context) (driver.Rows, error) {
		return base.QueryContext(ctx, query, args)
	})
	i.conn.rows = rows
	return ctx, rows, err
}

func (i *interceptor) StmtQueryContext(ctx context.Context, base driver.StmtQueryContext, query string, args []driver.NamedValue) (context.Context, driver.Rows, error) {
	rows, err := i.conn.query(ctx, query, args, func(ctx context.Context) (driver.Rows, error) {
		return base.QueryContext(ctx, args)
	})
	i.conn.rows = rows
	return ctx, rows, err
}

func (i *interceptor) ConnPrepareContext(ctx context.Context, base driver.ConnPrepareContext, query string) (context.Context, driver.Stmt, error) {
	stmt, err := base.PrepareContext(ctx, query)
	i.conn.stmt = stmt
	return ctx, stmt, err
}

func (i *interceptor) ConnBeginTx(ctx context.Context, base driver.ConnBeginTx, opts driver.TxOptions) (context.Context, driver.Tx, error) {
	var tx driver.Tx
	err := i.conn.begin(ctx, opts, func() (err error) {
		tx, err = base.BeginTx(ctx, opts)
		return err
	})
	return ctx, tx, err
}

func (i *interceptor) TxCommit(ctx context.Context, base driver.Tx) error {
	return i.conn.commit(ctx, base.Commit, base.Rollback)
}

func (i *interceptor) TxRollback(_ context.Context, base driver.Tx) error {
	return i.conn.rollback(true, base.Rollback)
}
