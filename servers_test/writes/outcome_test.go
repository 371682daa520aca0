package writes

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

var quiet = slog.New(slog.DiscardHandler)

// session is what *sql.DB, *sql.Conn and *sql.Tx have in common.
type session interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// run runs a statement in one of the ways that there are and describes all that a caller sees of it.
func run(s session, query string, args []any, isQuery, isPrepared bool) string {
	ctx := context.Background()
	exec := func() (sql.Result, error) { return s.ExecContext(ctx, query, args...) }
	ask := func() (*sql.Rows, error) { return s.QueryContext(ctx, query, args...) }
	if isPrepared {
		stmt, err := s.PrepareContext(ctx, query)
		if err != nil {
			return describe(err)
		}
		defer stmt.Close()
		exec = func() (sql.Result, error) { return stmt.ExecContext(ctx, args...) }
		ask = func() (*sql.Rows, error) { return stmt.QueryContext(ctx, args...) }
	}
	if isQuery {
		rows, err := ask()
		if err != nil {
			return describe(err)
		}
		return describeRows(rows)
	}
	result, err := exec()
	if err != nil {
		return describe(err)
	}
	n, affectedErr := result.RowsAffected()
	id, idErr := result.LastInsertId()
	return fmt.Sprintf("affected %d %s id %d %s", n, describe(affectedErr), id, describe(idErr))
}

func describe(err error) string {
	if err == nil {
		return "ok"
	}
	return fmt.Sprintf("%T %v", err, err)
}

func describeRows(rows *sql.Rows) string {
	defer rows.Close()
	var b strings.Builder
	columns, err := rows.Columns()
	fmt.Fprintf(&b, "columns %q %s\n", columns, describe(err))
	types, err := rows.ColumnTypes()
	for _, c := range types {
		fmt.Fprintf(&b, "%s %s %v", c.Name(), c.DatabaseTypeName(), c.ScanType())
	}
	fmt.Fprintf(&b, " %s\n", describe(err))
	var lines []string // sorted: without ORDER BY a table's rows come in the order that they happen to have
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		line := describe(rows.Scan(values...))
		for _, v := range values {
			line += fmt.Sprintf("|%T %[1]v", *v.(*any))
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	fmt.Fprintf(&b, "%s\n", strings.Join(lines, "\n"))
	fmt.Fprintf(&b, "%s %s", describe(rows.Err()), describe(rows.Close()))
	return b.String()
}

// contents are the rows of all tables.
func (p *place) contents(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, table := range tables {
		rows, err := p.Query("SELECT * FROM " + table + " ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(table + "\n" + describeRows(rows) + "\n")
	}
	return b.String()
}

// look reads every watched select: what it returns, by rule and argument.
func look(t testing.TB, e *engine, db *sql.DB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, s := range selects {
		for _, arg := range s.args {
			rows, err := db.Query(e.bind(s.query), arg)
			if err != nil {
				t.Fatalf("%s: %v", s.query, err)
			}
			all[fmt.Sprintf("%s::%v", s.rule, arg)] = describeRows(rows)
		}
	}
	return all
}
