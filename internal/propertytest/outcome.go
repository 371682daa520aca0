package propertytest

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strconv"
)

// A Handle is what a pool, a connection and a transaction can do alike.
type Handle interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// An Outcome is all that a caller hears of a statement.
type Outcome struct {
	Err      string
	Affected int64
	Last     int64
	Columns  []string
	Rows     [][]any
}

func (o Outcome) String() string {
	if o.Err != "" {
		return "error: " + o.Err
	}
	if o.Columns != nil {
		return fmt.Sprintf("%d rows", len(o.Rows))
	}
	return fmt.Sprintf("%d affected", o.Affected)
}

// SameInAnyOrder reports whether two outcomes differ in nothing but the order of their rows.
func SameInAnyOrder(a, b Outcome) bool {
	a.Rows, b.Rows = sorted(a.Rows), sorted(b.Rows)
	return reflect.DeepEqual(a, b)
}

func sorted(rows [][]any) [][]any {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b []any) int {
		x, y := fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return rows
}

// A performer runs statements and shows what comes of them.
type performer struct{ db Database }

func (p performer) failure(err error) Outcome {
	if err == nil {
		return Outcome{}
	}
	return Outcome{Err: p.db.Error(err)}
}

// perform runs a statement in its way.
func (p performer) perform(h Handle, st Step) Outcome {
	var stmt *sql.Stmt
	if st.Way >= ByPrepared && st.Way != ByQueryOpen {
		var err error
		if stmt, err = h.PrepareContext(background, st.Query); err != nil {
			return p.failure(err)
		}
		defer stmt.Close()
	}
	switch st.Way {
	case ByQuery, ByQueryOneRow, ByQueryClosed, ByPreparedQuery, ByQueryOpen:
		var rows *sql.Rows
		var err error
		if stmt != nil {
			rows, err = stmt.QueryContext(background, st.Args...)
		} else {
			rows, err = h.QueryContext(background, st.Query, st.Args...)
		}
		limit := -1
		switch st.Way {
		case ByQueryOneRow:
			limit = 1
		case ByQueryClosed:
			limit = 0
		}
		return p.readRows(rows, err, limit)
	case ByCopy:
		return p.copy(stmt, st)
	}
	if stmt == nil {
		return p.result(h.ExecContext(background, st.Query, st.Args...))
	}
	o := p.result(stmt.ExecContext(background, st.Args...))
	if st.Way == ByPreparedTwice {
		o = p.result(stmt.ExecContext(background, st.Args...))
	}
	return o
}

func (p performer) copy(stmt *sql.Stmt, st Step) Outcome {
	for _, row := range st.Copy {
		if _, err := stmt.ExecContext(background, row...); err != nil {
			return p.failure(err)
		}
	}
	return p.result(stmt.ExecContext(background))
}

func (p performer) result(res sql.Result, err error) Outcome {
	if err != nil {
		return p.failure(err)
	}
	var o Outcome
	o.Affected, _ = res.RowsAffected()
	o.Last, _ = res.LastInsertId()
	return o
}

// readRows reads rows to their end, or not as far as that.
func (p performer) readRows(rows *sql.Rows, err error, limit int) Outcome {
	if err != nil {
		return p.failure(err)
	}
	var o Outcome
	if columns, _ := rows.Columns(); len(columns) > 0 {
		o.Columns = columns
	}
	for limit != 0 && rows.Next() {
		values := make([]any, len(o.Columns))
		dest := make([]any, len(values))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			rows.Close()
			return p.failure(err)
		}
		o.Rows = append(o.Rows, values)
		limit--
	}
	err = rows.Close()
	if rows.Err() != nil {
		err = rows.Err()
	}
	if err != nil {
		return p.failure(err) // from the query or from its rows
	}
	return o
}

// open reads one row and leaves the others for later. The rows are nil if there is none.
func (p performer) open(h Handle, st Step) (*sql.Rows, Outcome) {
	ctx := background
	if st.Form == "SELECT" {
		ctx = bypass
	}
	rows, err := h.QueryContext(ctx, st.Query, st.Args...)
	if err != nil {
		return nil, p.failure(err)
	}
	if !rows.Next() {
		return nil, p.readRows(rows, nil, 0)
	}
	return rows, Outcome{}
}

// answer shows what a select returns, with its types. If it fails, that is only the error.
func (p performer) answer(rows *sql.Rows, err error) (text string, failed bool) {
	types := ""
	if err == nil {
		columnTypes, err := rows.ColumnTypes()
		if err != nil {
			types = err.Error()
		}
		for _, c := range columnTypes {
			name := c.DatabaseTypeName()
			if _, err := strconv.Atoi(name); err == nil {
				name = "number" // by which the database knows a type of its own, and which the mirror gives another one
			}
			types += name + " "
		}
	}
	o := p.readRows(rows, err, -1)
	if o.Err != "" {
		return o.Err, true
	}
	if p.db.Traits().Shuffled {
		o.Rows = sorted(o.Rows)
	}
	return fmt.Sprintf("%#v %q %s", o.Rows, o.Columns, types), false
}
