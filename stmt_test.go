package moneyclip_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
)

// Over every driver of the family everything is as it is without the cache: results, errors, and what reaches the
// driver.
func TestFamily(t *testing.T) {
	t.Parallel()
	for _, r := range family {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			bare, wrapped := &journal{}, &journal{}
			cache := newCache(t, moneyclip.Config{Scope: "family", Logger: new(logged).logger()})
			bareDB := sql.OpenDB(relativeConnector{r, bare})
			wrappedDB := sql.OpenDB(cache.Connector(relativeConnector{r, wrapped}))
			defer bareDB.Close()
			defer wrappedDB.Close()
			for _, s := range scenarios {
				got, want := s.run(wrappedDB), s.run(bareDB)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: results (- bare, + wrapped):\n%s", s.name, diff)
				}
				reached, wantReached := wrapped.take(), bare.take()
				if diff := cmp.Diff(wantReached, reached); diff != "" {
					t.Errorf("%s: calls (- bare, + wrapped):\n%s", s.name, diff)
				}
			}
		})
	}
}

// With rules, what reaches the driver differs, and nothing else does.
func TestFamilyCached(t *testing.T) {
	t.Parallel()
	for _, r := range family {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			log := new(logged)
			cache := newCache(t, moneyclip.Config{
				Scope: "family", Logger: log.logger(),
				Rules: []moneyclip.Rule{userRule, followerRule, {Key: "email-%s", Table: "users", By: []string{"email"}}},
			})
			bareDB := sql.OpenDB(relativeConnector{r, &journal{}})
			wrappedDB := sql.OpenDB(cache.Connector(relativeConnector{r, &journal{}}))
			defer bareDB.Close()
			defer wrappedDB.Close()
			for range 3 {
				for _, s := range scenarios {
					if diff := cmp.Diff(s.run(bareDB), s.run(wrappedDB)); diff != "" {
						t.Errorf("%s: results (- bare, + wrapped):\n%s", s.name, diff)
					}
				}
			}
			if cache.Stats().Hits == 0 {
				t.Error("got no hit")
			}
		})
	}
}

// A scenario is something that a program does with a database. It returns all that the program sees of it.
type scenario struct {
	name string
	run  func(db *sql.DB) []string
}

var scenarios = func() []scenario {
	var list []scenario
	add := func(name string, run func(ctx context.Context, db *sql.DB, see func(format string, args ...any))) {
		list = append(list, scenario{name, func(db *sql.DB) (seen []string) {
			defer func() {
				if r := recover(); r != nil {
					seen = append(seen, fmt.Sprint("panic: ", r))
				}
			}()
			run(context.Background(), db, func(format string, args ...any) {
				seen = append(seen, fmt.Sprintf(format, args...))
			})
			return seen
		}})
	}
	type seer = func(format string, args ...any)
	seeRows := func(see seer, rows *sql.Rows, err error) {
		if err != nil {
			see("error %T %v", err, err)
			return
		}
		defer rows.Close()
		columns, err := rows.Columns()
		see("columns %q %v", columns, err)
		for rows.Next() {
			var a, b any
			see("scan %v", rows.Scan(&a, &b))
			see("row %#v %#v", a, b)
		}
		see("end %v, close %v", rows.Err(), rows.Close())
	}
	seeResult := func(see seer, result sql.Result, err error) {
		if err != nil {
			see("error %T %v", err, err)
			return
		}
		n, err := result.RowsAffected()
		see("affected %d %v", n, err)
		id, err := result.LastInsertId()
		see("id %d %v", id, err)
	}

	number := 7
	arguments := map[string][]any{
		"integer":             {1},
		"of another size":     {int8(1)},
		"unsigned":            {uint64(1)},
		"too large":           {uint64(1 << 63)},
		"text":                {"1"},
		"bytes":               {[]byte("1")},
		"nil bytes":           {[]byte(nil)},
		"nil":                 {nil},
		"float":               {1.5},
		"bool":                {true},
		"time":                {time.Unix(0, 0).UTC()},
		"pointer":             {&number},
		"nil pointer":         {(*int)(nil)},
		"named type":          {named(3)},
		"valuer":              {valuer{int64(4)}},
		"valuer of a text":    {valuer{"remove"}},
		"valuer of nonsense":  {valuer{struct{}{}}},
		"nil valuer":          {(*valuer)(nil)},
		"failing valuer":      {failingValuer{}},
		"removed":             {"remove"},
		"removed and kept":    {"remove", 1},
		"kept and removed":    {1, "remove"},
		"refused":             {"refuse"},
		"understood by some":  {[]int{1, 2}},
		"struct":              {struct{ A int }{1}},
		"channel":             {make(chan int)},
		"none":                {},
		"two":                 {1, 2},
		"named argument":      {sql.Named("id", 1)},
		"out argument":        {sql.Out{Dest: new(int)}},
		"named, not an ident": {sql.Named("", 1)},
	}
	var names []string
	for name := range arguments {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		args := arguments[name]
		for _, query := range []string{selectUser, "SELECT ?"} {
			add("query with "+name, func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
				rows, err := db.QueryContext(ctx, query, args...)
				seeRows(see, rows, err)
			})
			add("prepared query with "+name, func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
				stmt, err := db.PrepareContext(ctx, query)
				if err != nil {
					see("error %v", err)
					return
				}
				defer stmt.Close()
				for range 2 {
					rows, err := stmt.QueryContext(ctx, args...)
					seeRows(see, rows, err)
				}
			})
		}
		for _, write := range []string{"DELETE FROM users WHERE id = ?", "DELETE FROM followers WHERE account_id = ?"} {
			add("write with "+name, func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
				result, err := db.ExecContext(ctx, write, args...)
				seeResult(see, result, err)
			})
			add("prepared write with "+name, func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
				stmt, err := db.PrepareContext(ctx, write)
				if err != nil {
					see("error %v", err)
					return
				}
				defer stmt.Close()
				result, err := stmt.ExecContext(ctx, args...)
				seeResult(see, result, err)
			})
		}
	}

	options := []*sql.TxOptions{
		nil, {}, {ReadOnly: true}, {Isolation: sql.LevelSerializable}, {Isolation: sql.LevelSnapshot, ReadOnly: true},
	}
	for _, opts := range options {
		for _, rollback := range []bool{false, true} {
			add(fmt.Sprint("transaction ", opts, rollback), func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
				tx, err := db.BeginTx(ctx, opts)
				if err != nil {
					see("error %T %v", err, err)
					return
				}
				result, err := tx.ExecContext(ctx, renameUser, "x", 1)
				seeResult(see, result, err)
				rows, err := tx.QueryContext(ctx, selectUser, 1)
				seeRows(see, rows, err)
				stmt, err := tx.PrepareContext(ctx, selectUser)
				if err == nil {
					rows, err = stmt.QueryContext(ctx, 1)
				}
				seeRows(see, rows, err)
				if rollback {
					see("rollback %v", tx.Rollback())
				}
				see("commit %v", tx.Commit())
				see("again %v", tx.Commit())
			})
		}
	}
	add("ping", func(ctx context.Context, db *sql.DB, see func(string, ...any)) { see("%v", db.PingContext(ctx)) })
	add("driver's own error", func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
		rows, err := db.QueryContext(ctx, askError)
		seeRows(see, rows, err)
		result, err := db.ExecContext(ctx, askError)
		seeResult(see, result, err)
		_, err = db.PrepareContext(ctx, "PREPARE ERROR")
		see("prepare %T %v", err, err)
	})
	add("bad connection", func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
		conn, err := db.Conn(ctx)
		if err != nil {
			see("error %v", err)
			return
		}
		rows, err := conn.QueryContext(ctx, askBadConn)
		seeRows(see, rows, err)
		rows, err = conn.QueryContext(ctx, selectUser, 1)
		seeRows(see, rows, err)
		see("close %v", conn.Close())
		rows, err = db.QueryContext(ctx, "SELECT ?", 1)
		seeRows(see, rows, err)
	})
	add("statement of a database in a transaction", func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
		stmt, err := db.PrepareContext(ctx, selectUser)
		if err != nil {
			see("error %v", err)
			return
		}
		defer stmt.Close()
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			see("error %v", err)
			return
		}
		rows, err := tx.StmtContext(ctx, stmt).QueryContext(ctx, 1)
		seeRows(see, rows, err)
		see("commit %v", tx.Commit())
		rows, err = stmt.QueryContext(ctx, 1)
		seeRows(see, rows, err)
	})
	add("cancelled", func(ctx context.Context, db *sql.DB, see func(string, ...any)) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		rows, err := db.QueryContext(ctx, selectUser, 1)
		seeRows(see, rows, err)
		result, err := db.ExecContext(ctx, renameUser, "x", 1)
		seeResult(see, result, err)
		_, err = db.BeginTx(ctx, nil)
		see("begin %v", err)
	})
	return list
}()

// Arguments that are one number to database/sql may be two things to a driver.
func TestFamilyTypesOfTheDriver(t *testing.T) {
	t.Parallel()
	for _, r := range family {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			cache := newCache(t, moneyclip.Config{Scope: "family", Rules: []moneyclip.Rule{userRule}, Logger: new(logged).logger()})
			bare, wrapped := sql.OpenDB(relativeConnector{r, &journal{}}), sql.OpenDB(cache.Connector(relativeConnector{r, &journal{}}))
			defer bare.Close()
			defer wrapped.Close()
			for range 2 {
				for _, arg := range []any{5, duration(5), int64(5), named(5)} {
					var got, want string
					query := "SELECT name, id FROM users WHERE id = ?"
					gotErr := wrapped.QueryRowContext(t.Context(), query, arg).Scan(&got, new(string))
					wantErr := bare.QueryRowContext(t.Context(), query, arg).Scan(&want, new(string))
					if got != want || fmt.Sprint(gotErr) != fmt.Sprint(wantErr) {
						t.Errorf("%T: got %q, %v, want %q, %v", arg, got, gotErr, want, wantErr)
					}
				}
			}
		})
	}
}

// A write whose keys only reading tells works over the poorest of drivers, too.
func TestFamilyReadsFirst(t *testing.T) {
	t.Parallel()
	for _, r := range family {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			journal := &journal{}
			cache := newCache(t, moneyclip.Config{Scope: "family", Rules: []moneyclip.Rule{userRule}, Logger: new(logged).logger()})
			db := sql.OpenDB(cache.Connector(relativeConnector{r, journal}))
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "UPDATE users SET name = 'x' WHERE email = ?", 5); err != nil {
				t.Fatal(err)
			}
			var order []string
			for _, line := range journal.take() {
				for _, verb := range []string{"exec BEGIN IMMEDIATE", "query SELECT", "exec UPDATE", "exec COMMIT"} {
					if strings.HasPrefix(line, verb) {
						order = append(order, verb)
					}
				}
			}
			want := []string{"exec BEGIN IMMEDIATE", "query SELECT", "exec UPDATE", "exec COMMIT"}
			// A driver that wants the statement prepared says so when the transaction has begun already.
			if got := order[max(0, len(order)-len(want)):]; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q at the end", order, want)
			}
		})
	}
}
