package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/DATA-DOG/go-sqlmock"

	"github.com/moneyclip/moneyclip"
)

// social is the database of most tests.
var social = strings.Join([]string{
	tables["users"],
	tables["followers"],
	"INSERT INTO users VALUES (1, 'ada', 'ada@example.org'), (2, 'bob', 'bob@example.org'), (3, NULL, NULL)",
	"INSERT INTO followers VALUES (1, 1, 2), (2, 1, 3), (3, 2, 1)",
}, ";")

func openSocial(t testing.TB, rules ...moneyclip.Rule) *fixture {
	t.Helper()
	return open(t, social, moneyclip.Config{Rules: rules})
}

// Every way to run a SELECT ends in the cache, and all give what the database gives.
func TestReadWays(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T, f *fixture) *sql.Stmt {
		stmt, err := f.Prepare(selectUser)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stmt.Close() })
		return stmt
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, f *fixture) func() (*sql.Rows, error)
	}{
		{"db", func(t *testing.T, f *fixture) func() (*sql.Rows, error) {
			return func() (*sql.Rows, error) { return f.Query(selectUser, 1) }
		}},
		{"conn", func(t *testing.T, f *fixture) func() (*sql.Rows, error) {
			conn, err := f.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return func() (*sql.Rows, error) { return conn.QueryContext(t.Context(), selectUser, 1) }
		}},
		{"prepared", func(t *testing.T, f *fixture) func() (*sql.Rows, error) {
			stmt := prepare(t, f)
			return func() (*sql.Rows, error) { return stmt.Query(1) }
		}},
		{"prepared, then in a transaction", func(t *testing.T, f *fixture) func() (*sql.Rows, error) {
			stmt := prepare(t, f)
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			rows, err := tx.Stmt(stmt).Query(1)
			if err != nil {
				t.Fatal(err)
			}
			if got := textOf(t, rows, -1); len(got) != 1 {
				t.Errorf("got %q in the transaction", got)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			return func() (*sql.Rows, error) { return stmt.Query(1) }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := openSocial(t, userRule)
			run := test.make(t, f)
			for i := range 3 {
				f.sent()
				rows, err := run()
				if err != nil {
					t.Fatal(err)
				}
				got := textOf(t, rows, -1)
				if want := []string{`[]interface {}{1, "ada"}`}; !slices.Equal(got, want) {
					t.Errorf("read %d: got %q, want %q", i, got, want)
				}
				if asked := len(f.sent()) > 0; asked != (i == 0) {
					t.Errorf("read %d: the database was asked: %t", i, asked)
				}
			}
		})
	}
}

func TestReadInTransactionBypasses(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.warm(t, selectUser, 1)
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	wantUser(t, tx, 1, "ada")
	exec(t, tx, renameUser, "x", 1)
	wantUser(t, tx, 1, "x")
	f.wantSent(t, "begin", selectUser, renameUser, selectUser)
	wantUser(t, f.DB, 1, "ada") // everybody else's is a hit, of what is committed
	f.wantSent(t)
}

func TestReadNotFound(t *testing.T) {
	t.Parallel()
	rule := userRule
	rule.NotFound = time.Minute
	for _, test := range []struct {
		name string
		rule moneyclip.Rule
		hit  bool
	}{
		{"stored", rule, true},
		{"not stored", userRule, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := openSocial(t, test.rule)
			var name string
			for i := range 2 {
				err := f.QueryRow(selectUser, 99).Scan(new(int), &name)
				if err != sql.ErrNoRows { //nolint:errorlint // the very value
					t.Errorf("got %v, want sql.ErrNoRows", err)
				}
				if got, want := len(f.sent()) > 0, i == 0 || !test.hit; got != want {
					t.Errorf("read %d: the database was asked: %t, want %t", i, got, want)
				}
			}
			exec(t, f, "INSERT INTO users (id, name) VALUES (99, 'new')")
			wantUser(t, f.DB, 99, "new")
		})
	}
}

// A number that the database makes is the key of a row that was not there.
func TestReadNotFoundThenGeneratedID(t *testing.T) {
	t.Parallel()
	rule := userRule
	rule.NotFound = time.Minute
	f := openSocial(t, rule)
	f.read(t, selectUser, 4)
	f.wantHit(t, selectUser, 4)
	exec(t, f, "INSERT INTO users (name) VALUES ('new')")
	wantUser(t, f.DB, 4, "new")
}

func TestReadNulls(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	const count = "SELECT count(*) FROM users WHERE id = ?"
	for _, null := range []any{nil, (*int64)(nil), sql.NullInt64{}, sql.Null[int]{}} {
		for range 2 {
			f.wantMiss(t, count, null) // equals nothing
		}
	}
	f.warm(t, selectUser, 3) // NULL in a row is a value like others
}

// Arguments that mean one value to the database find one key; those of which that is not known are not cached.
func TestReadArgumentTypes(t *testing.T) {
	t.Parallel()
	one := int64(1)
	pointer := &one
	f := openSocial(t, userRule)
	for _, test := range []struct {
		arg    any
		cached bool
	}{
		{1, true},
		{int8(1), true},
		{uint32(1), true},
		{"1", true},
		{" 1", true},
		{1.0, true},
		{true, true},
		{pointer, true},
		{&pointer, true},
		{sql.NullInt64{Int64: 1, Valid: true}, true},
		{sql.Null[int32]{V: 1, Valid: true}, true},
		{named(1), true},
		{valuer{int64(1)}, true},
		{"1e0", false},
		{[]byte("1"), true}, // a blob that equals no number
		{time.Unix(1, 0), false},
		{"x", false}, // has no place in a key with %d
	} {
		name := fmt.Sprintf("%T %v", test.arg, test.arg)
		f.read(t, selectUser, test.arg)
		if test.arg == "x" {
			f.wantMiss(t, selectUser, test.arg)
			continue
		}
		row, asked := f.read(t, selectUser, test.arg)
		if want := readRow(t, f.bare, selectUser, test.arg); row != want {
			t.Errorf("%s: got %s, the database says %s", name, row, want)
		}
		if row != "no rows" && asked == test.cached {
			t.Errorf("%s: got a hit: %t, want %t", name, !asked, test.cached)
		}
	}
	exec(t, f, renameUser, "x", 1)
	for _, arg := range []any{1, "1", 1.0, true} {
		f.wantMiss(t, selectUser, arg) // all are dropped together
	}
}

type named int

type valuer struct{ value driver.Value }

func (v valuer) Value() (driver.Value, error) { return v.value, nil }

type failingValuer struct{}

func (failingValuer) Value() (driver.Value, error) { return nil, errors.New("no value today") }

// What is wrong with the arguments is said in the words that database/sql and the driver have for it.
func TestReadWrongArguments(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.warm(t, selectUser, 1)
	for _, args := range [][]any{{}, {1, 2}, {make(chan int)}, {struct{}{}}, {failingValuer{}}, {[]string{"a"}}, {sql.Named("x", 1)}} {
		for _, prepared := range []bool{false, true} {
			want := queryError(t, f.bare, prepared, selectUser, args...)
			for range 2 {
				if got := queryError(t, f.DB, prepared, selectUser, args...); got != want {
					t.Errorf("%v, prepared %t: got %q, want %q", args, prepared, got, want)
				}
			}
		}
	}
}

// queryError returns the error of a query, and of its rows.
func queryError(t *testing.T, db *sql.DB, prepared bool, query string, args ...any) string {
	t.Helper()
	var rows *sql.Rows
	var err error
	if prepared {
		stmt, prepareErr := db.PrepareContext(t.Context(), query)
		if prepareErr != nil {
			return "prepare: " + prepareErr.Error()
		}
		defer stmt.Close()
		rows, err = stmt.QueryContext(t.Context(), args...)
	} else {
		rows, err = db.QueryContext(t.Context(), query, args...)
	}
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	return fmt.Sprintf("%d rows, error %v", n, rows.Err())
}

func TestReadManyRows(t *testing.T) {
	t.Parallel()
	byName := moneyclip.Rule{Key: "user::name-%s", Query: "SELECT id FROM users WHERE name = ?"}
	f := openSocial(t, byName)
	exec(t, f, "INSERT INTO users (id, name) VALUES (4, 'ada')")
	f.sent()
	for i := range 3 {
		rows, err := f.Query(byName.Query, "ada")
		if err != nil {
			t.Fatal(err)
		}
		if got := textOf(t, rows, -1); len(got) != 2 {
			t.Errorf("read %d: got %q, want both rows", i, got)
		}
		rows.Close()
		var id int64
		if err := f.QueryRow(byName.Query, "ada").Scan(&id); err != nil || id != 1 {
			t.Errorf("read %d: got %d, %v, want 1", i, id, err)
		}
		f.wantSent(t, byName.Query, byName.Query)
	}
	// One of two rows is gone, and the query has become one of a single row.
	exec(t, f, "DELETE FROM users WHERE id = 4")
	f.warm(t, byName.Query, "ada")
}

// An error after the first row is the caller's, and the row is not stored.
func TestReadErrorAfterFirstRow(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	m.expectCatalog()
	own := &driverError{"division by zero"}
	for range 2 {
		// A caller of QueryRow does not hear of it, with us as without.
		m.ExpectQuery(selectUser).WillReturnRows(sqlmock.NewRows([]string{"id", "name"}).AddRow(1, "ada").AddRow(2, "").RowError(1, own))
		wantUser(t, m.DB, 1, "ada")
		m.ExpectQuery(selectUser).WillReturnRows(sqlmock.NewRows([]string{"id", "name"}).AddRow(1, "ada").AddRow(2, "").RowError(1, own))
		rows, err := m.Query(selectUser, 1)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if n != 1 || rows.Err() != error(own) { //nolint:errorlint // the very value
			t.Errorf("got %d rows and %v, want 1 and the driver's own error", n, rows.Err())
		}
	}
	m.ExpectQuery(selectUser).WillReturnRows(sqlmock.NewRows([]string{"id", "name"}).AddRow(1, "ada").CloseError(own))
	rows, err := m.Query(selectUser, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Error("got no row")
	}
	errIs(t, rows.Close(), own)
	m.fill(t)
}

// Rows that are closed early, or not looked at, were read to their end all the same.
func TestReadClosedEarly(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	rows, err := f.Query(selectUser, 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	if rows.Next() || rows.Err() != nil {
		t.Errorf("got a row of closed rows, or %v", rows.Err())
	}
	f.wantHit(t, selectUser, 1)
	rows, err = f.Query(selectUser, 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	f.wantHit(t, selectUser, 1)
}

// Parameters that fill no verb keep apart what is under one key, and one write drops it all.
func TestReadExtraArguments(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	const (
		limited   = "SELECT name FROM users WHERE id = ? LIMIT ?"
		predicate = "SELECT name FROM users WHERE id = ? AND name = ?"
		echo      = "SELECT name, ? FROM users WHERE id = ?"
	)
	rule := userRule
	rule.NotFound = time.Minute
	g := openSocial(t, rule)
	for _, f := range []*fixture{f, g} {
		for range 2 {
			for _, args := range [][]any{{1, 1}, {1, 0}, {2, 1}, {1, "1"}, {1, 2}} {
				f.read(t, limited, args...)
				f.sent()
				if got, want := readRow(t, f.DB, limited, args...), readRow(t, f.bare, limited, args...); got != want {
					t.Errorf("%v: got %s, want %s", args, got, want)
				}
			}
			for _, args := range [][]any{{1, "ada"}, {1, "bob"}, {2, "bob"}, {1, []byte("ada")}, {1, nil}} {
				if got, want := readRow(t, f.DB, predicate, args...), readRow(t, f.bare, predicate, args...); got != want {
					t.Errorf("%v: got %s, want %s", args, got, want)
				}
			}
			for _, arg := range []any{1, "1", 1.5, []byte("1"), nil, true, "", []byte{}} {
				if got, want := readRow(t, f.DB, echo, arg, 1), readRow(t, f.bare, echo, arg, 1); got != want {
					t.Errorf("%T %v: got %s, want %s", arg, arg, got, want)
				}
			}
		}
		f.wantHit(t, limited, 1, 1)
		f.wantHit(t, predicate, 1, "ada")
		exec(t, f, renameUser, "x", 1)
		f.wantMiss(t, limited, 1, 1)
		f.wantMiss(t, predicate, 1, "ada")
		f.wantMiss(t, echo, 1, 1)
		f.wantHit(t, limited, 2, 1)
	}
}

// A parameter that fills a verb and is selected too is given back as it came.
func TestReadEchoesKeyArgument(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	const echo = "SELECT name, ?1 FROM users WHERE id = ?1"
	for range 2 {
		for _, arg := range []any{1, "1", 1.0, " 1", "+1"} {
			f.read(t, echo, arg)
			f.wantHit(t, echo, arg)
		}
	}
}

func TestReadArgs(t *testing.T) {
	t.Parallel()
	const query = "SELECT count(*) FROM followers WHERE user_id = ? AND account_id = ?"
	rule := moneyclip.Rule{Name: "pair", Key: "account-%d::user-%d", Query: query, Args: []int{2, 1}}
	f := openSocial(t, rule)
	f.warm(t, query, 2, 1)
	explanation, err := f.cache.Explain(query, 2, 1)
	if err != nil || explanation.Key != "account-1::user-2" {
		t.Errorf("got key %q, %v, want account-1::user-2", explanation.Key, err)
	}
	f.warm(t, query, 1, 2)
	exec(t, f, "DELETE FROM followers WHERE user_id = 2 AND account_id = 1")
	f.wantMiss(t, query, 2, 1)
	f.wantHit(t, query, 1, 2)
}

func TestReadNamedParameters(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	for _, test := range []struct {
		query string
		args  []any
	}{
		{"SELECT name FROM users WHERE id = :id", []any{sql.Named("id", 1)}},
		{"SELECT name FROM users WHERE id = @id", []any{sql.Named("id", 1)}},
		{"SELECT name FROM users WHERE id = $id", []any{sql.Named("id", 1)}},
		{"SELECT name FROM users WHERE id = ?1", []any{1}},
		{"SELECT name FROM users WHERE name = :name AND id = :id", []any{sql.Named("id", 1), sql.Named("name", "ada")}},
	} {
		f.warm(t, test.query, test.args...)
		exec(t, f, "UPDATE users SET email = :email WHERE id = :id", sql.Named("id", 1), sql.Named("email", test.query))
		f.wantMiss(t, test.query, test.args...)
	}
}

// A rule for a table caches any select of one row, whatever it asks of the row.
func TestReadTableRule(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	for _, test := range []struct {
		query  string
		args   []any
		cached bool
	}{
		{"SELECT * FROM users WHERE id = ?", []any{1}, true},
		{"select Name from Users u where u.ID = ?", []any{1}, true},
		{"SELECT upper(name) || '!' FROM users WHERE ? = id AND name <> 'x'", []any{1}, true},
		{"SELECT name FROM users WHERE id = 1", nil, true},
		{"SELECT name FROM users WHERE id = ? AND email LIKE '%@example.org'", []any{1}, true},
		{"SELECT name FROM users WHERE id IN (?)", []any{1}, true},
		{"SELECT count(*) FROM users WHERE id = ?", []any{1}, true},
		{"SELECT name FROM users WHERE id > ?", []any{1}, false},
		{"SELECT name FROM users WHERE id = ? OR name = 'ada'", []any{1}, false},
		{"SELECT name FROM users WHERE id = ? + 0", []any{1}, false},
		{"SELECT name FROM users WHERE id IN (?, ?)", []any{1, 1}, false},
		{"SELECT name FROM users WHERE email = ?", []any{"ada@example.org"}, false},
		{"SELECT name, random() = 'x' FROM users WHERE id = ?", []any{1}, false},
		{"SELECT name FROM users JOIN followers ON user_id = users.id WHERE users.id = ?", []any{1}, false},
		{"SELECT account_id FROM followers WHERE id = ?", []any{1}, false},
	} {
		f.read(t, test.query, test.args...)
		f.want(t, !test.cached, test.query, test.args...)
	}
}

const (
	sqlcCount  = "-- name: FollowersCount :one\nSELECT count(*) FROM followers WHERE account_id = ?"
	sqlcCount2 = "-- name: FollowersCount :one\nSELECT count(*), max(user_id) FROM followers WHERE account_id = ?1\n"
	sqlcMisfit = "-- name: FollowersCount :one\nSELECT count(*) FROM followers WHERE account_id > ?"
)

func TestReadRuleByName(t *testing.T) {
	t.Parallel()
	f := openSocial(t, moneyclip.Rule{Key: "account::followers::account-id-%d", Query: "FollowersCount"})
	f.warm(t, sqlcCount, 1)
	f.warm(t, "/* traceparent=1 */ "+sqlcCount, 1)
	f.read(t, selectFollowers, 1)
	f.wantMiss(t, selectFollowers, 1) // has no name

	// Another text of that name is cached beside it, and both are kept fresh.
	f.warm(t, sqlcCount2, 1)
	exec(t, f, "INSERT INTO followers (account_id, user_id) VALUES (1, 7)")
	f.wantMiss(t, sqlcCount, 1)
	f.wantMiss(t, sqlcCount2, 1)

	// One that does not fit is not, and that is logged once.
	for range 3 {
		f.wantMiss(t, sqlcMisfit, 1)
	}
	if got := strings.Count(f.log.String(), "does not fit its rule"); got != 1 {
		t.Errorf("got %d log lines, want 1:\n%s", got, f.log)
	}
	f.wantHit(t, sqlcCount, 1)
}

func TestReadRuleByText(t *testing.T) {
	t.Parallel()
	f := openSocial(t, followerRule)
	f.warm(t, selectFollowers, 1)
	for _, query := range []string{
		"select  count( * )\n\tfrom followers where account_id = ? -- how many",
		"-- name: Whatever :one\nSELECT count(*) FROM followers WHERE account_id = ?;",
	} {
		f.warm(t, query, 1)
	}
	f.read(t, "SELECT count(*) FROM followers WHERE account_id = ? AND 1", 1)
	f.wantMiss(t, "SELECT count(*) FROM followers WHERE account_id = ? AND 1", 1)
}

func TestReadModes(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	read := func(ctx context.Context) (name string, asked bool) {
		f.sent()
		if err := f.QueryRowContext(ctx, selectUser, 1).Scan(new(int), &name); err != nil {
			t.Fatal(err)
		}
		return name, len(f.sent()) > 0
	}
	want := func(what string, ctx context.Context, wantName string, wantAsked bool) { //nolint:revive // what it is about comes first
		t.Helper()
		if name, asked := read(ctx); name != wantName || asked != wantAsked {
			t.Errorf("%s: got %q, asked %t, want %q, %t", what, name, asked, wantName, wantAsked)
		}
	}
	ctx := t.Context()
	want("bypass of nothing", moneyclip.Bypass(ctx), "ada", true)
	want("nothing was filled", ctx, "ada", true)
	want("a hit", ctx, "ada", false)
	if _, err := f.bare.Exec(renameUser, "elsewhere", 1); err != nil { // the cache cannot know
		t.Fatal(err)
	}
	want("a hit, as documented", ctx, "ada", false)
	want("bypass", moneyclip.Bypass(ctx), "elsewhere", true)
	want("bypass left it alone", ctx, "ada", false)
	want("refresh", moneyclip.Refresh(ctx), "elsewhere", true)
	want("refresh has filled", ctx, "elsewhere", false)
	exec(t, f, renameUser, "y", 1)
	want("refresh of nothing", moneyclip.Refresh(ctx), "y", true)
	want("it has filled", ctx, "y", false)

	// A write under Bypass still invalidates.
	if _, err := f.ExecContext(moneyclip.Bypass(ctx), renameUser, "z", 1); err != nil {
		t.Fatal(err)
	}
	want("after a write", ctx, "z", true)
}

func TestReadDisabled(t *testing.T) {
	t.Parallel()
	store := moneyclip.NewMemStore(1 << 20)
	f := open(t, social, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store})
	f.warm(t, selectUser, 1)
	off := newCache(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store, Disabled: true, Logger: f.log.logger()})
	db := f.through(t, off, f.dsn)
	for range 2 {
		wantUser(t, db, 1, "ada")
		f.wantSent(t, selectUser)
	}
	exec(t, db, renameUser, "x", 1)
	f.wantMiss(t, selectUser, 1) // writes of a disabled cache still invalidate
}

// A store of bounded size forgets, and stays right.
func TestReadBoundedStore(t *testing.T) {
	t.Parallel()
	f := open(t, social, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: moneyclip.NewMemStore(2000)})
	const query = "SELECT ? || id FROM users WHERE id = ?"
	for i := range 50 {
		f.want(t, true, query, i, 1)
	}
	f.wantHit(t, query, 49, 1)
	f.wantMiss(t, query, 0, 1)

	none := open(t, social, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: moneyclip.NewMemStore(0)})
	for range 3 {
		none.wantMiss(t, selectUser, 1)
	}
}

// Ages are measured in a bubble whose time passes when nobody does anything.
func TestReadAges(t *testing.T) {
	t.Parallel()
	rule := userRule
	rule.TTL, rule.Soft, rule.NotFound = 10*time.Minute, 4*time.Minute, time.Minute
	bubble := func(t *testing.T, rule moneyclip.Rule, test func(t *testing.T, f *fakeDB)) {
		synctest.Test(t, func(t *testing.T) { test(t, openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{rule}})) })
	}
	const instant = time.Nanosecond // of which synctest knows every one
	plain := rule
	plain.Soft = 0
	for name, rule := range map[string]moneyclip.Rule{"TTL": plain, "default TTL": userRule} {
		t.Run(name, func(t *testing.T) {
			bubble(t, rule, func(t *testing.T, f *fakeDB) {
				f.wantQueries(t, 1, selectUser, 1)
				time.Sleep(10*time.Minute - instant)
				f.wantQueries(t, 0, selectUser, 1)
				time.Sleep(instant)
				f.wantQueries(t, 1, selectUser, 1)
				f.wantQueries(t, 0, selectUser, 1)
			})
		})
	}
	t.Run("NotFound", func(t *testing.T) {
		bubble(t, rule, func(t *testing.T, f *fakeDB) {
			f.wantQueries(t, 1, selectUser, 404)
			time.Sleep(time.Minute - instant)
			f.wantQueries(t, 0, selectUser, 404)
			time.Sleep(instant)
			f.wantQueries(t, 1, selectUser, 404)
		})
	})
	t.Run("Soft", func(t *testing.T) {
		bubble(t, rule, func(t *testing.T, f *fakeDB) {
			f.wantQueries(t, 1, selectUser, 1)
			time.Sleep(4*time.Minute - instant)
			f.wantQueries(t, 0, selectUser, 1)
			time.Sleep(instant)
			// One reader refreshes while the others are served.
			release := f.block(selectUser)
			before := f.queries()
			done := make(chan struct{})
			go func() {
				f.wantRow(t, selectUser, 1)
				close(done)
			}()
			synctest.Wait()
			for range 10 {
				f.wantRow(t, selectUser, 1)
			}
			if got := f.queries() - before; got != 1 {
				t.Errorf("got %d queries, want the refreshing reader's", got)
			}
			release()
			<-done
			time.Sleep(4*time.Minute - instant)
			f.wantQueries(t, 0, selectUser, 1)
		})
	})
}

// 64 readers of one cold key ask the database once.
func TestReadCoalesces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		f.wantRow(t, selectUser, 2) // so that the catalog is known
		before := f.queries()
		release := f.block(selectUser)
		var readers sync.WaitGroup
		for range 64 {
			readers.Go(func() { f.wantRow(t, selectUser, 1) })
		}
		synctest.Wait()
		release()
		readers.Wait()
		if got := f.queries() - before; got != 1 {
			t.Errorf("got %d queries, want 1", got)
		}
		if got := f.cache.Stats(); got.SharedHits != 63 {
			t.Errorf("got %d shared hits, want 63", got.SharedHits)
		}
	})
}

// The context of the reader that asks is its own: the others get their row, and its cancellation is not theirs.
func TestReadLeaderCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		f.wantRow(t, selectUser, 2)
		release := f.block(selectUser)
		ctx, cancel := context.WithCancel(t.Context())
		leader := make(chan error)
		go func() {
			var id int64
			leader <- f.QueryRowContext(ctx, selectUser, 1).Scan(&id, new(string))
		}()
		synctest.Wait()
		var readers sync.WaitGroup
		for range 8 {
			readers.Go(func() { f.wantRow(t, selectUser, 1) })
		}
		impatient, giveUp := context.WithCancel(t.Context())
		follower := make(chan error)
		go func() {
			follower <- f.QueryRowContext(impatient, selectUser, 1).Scan(new(int64), new(string))
		}()
		synctest.Wait()
		giveUp()
		errIs(t, <-follower, context.Canceled) // a reader that waits stops waiting when it is told to
		cancel()
		synctest.Wait()
		release()
		errIs(t, <-leader, context.Canceled)
		readers.Wait()
		f.wantQueries(t, 0, selectUser, 1)
	})
}

// N5: a reader that starts after a write was acknowledged never gets what an older reader is about to be told.
func TestReadNeverJoinsAnOlderFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		f.wantRow(t, selectUser, 2)
		release := f.block(selectUser)
		old := make(chan string)
		go func() {
			var name string
			if err := f.QueryRowContext(t.Context(), selectUser, 1).Scan(new(int64), &name); err != nil {
				t.Error(err)
			}
			old <- name
		}()
		synctest.Wait() // it has read "user 1" and is being kept on its way back
		exec(t, f, renameUser, "renamed", 1)
		f.unblock(selectUser)
		var got string
		if err := f.QueryRowContext(t.Context(), selectUser, 1).Scan(new(int64), &got); err != nil {
			t.Fatal(err)
		}
		if got != "renamed 1" {
			t.Errorf("got %q after the write was acknowledged, want %q", got, "renamed 1")
		}
		release()
		if name := <-old; name != "user 1" {
			t.Errorf("the older reader got %q", name)
		}
		if err := f.QueryRowContext(t.Context(), selectUser, 1).Scan(new(int64), &got); err != nil {
			t.Fatal(err)
		}
		if got != "renamed 1" {
			t.Errorf("got %q, stored by the older reader", got)
		}
	})
}

// Nobody waits for a query of which the last ones have returned nothing that is stored.
func TestReadDoesNotWaitInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		read := func() error { return f.QueryRowContext(t.Context(), selectUser, 404).Scan(new(int64), new(string)) }
		for range 4 {
			errIs(t, read(), sql.ErrNoRows)
		}
		release := f.block(selectUser)
		first := make(chan error)
		go func() { first <- read() }()
		synctest.Wait()
		f.unblock(selectUser)
		start := time.Now()
		errIs(t, read(), sql.ErrNoRows) // while the first is still under way
		if waited := time.Since(start); waited > 0 {
			t.Errorf("it was waited for, for %v", waited)
		}
		release()
		errIs(t, <-first, sql.ErrNoRows)
		f.wantRow(t, selectUser, 1)
		f.wantQueries(t, 0, selectUser, 1)
	})
}

// A driver may use the memory of a row again for the next one, and a reader may change what it gets.
func TestReadBytesAreCopied(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	m.expectCatalog()
	memory := []byte("ada")
	const query = "SELECT name FROM users WHERE id = ?"
	m.ExpectQuery(query).WithArgs(1).WillReturnRows(sqlmock.NewRows([]string{"name"}).AddRow(memory))
	for i := range 4 {
		rows, err := m.Query(query, 1)
		if err != nil {
			t.Fatal(err)
		}
		copy(memory, "xxx") // the driver's next row
		var got sql.RawBytes
		if !rows.Next() {
			t.Fatalf("got no row, %v", rows.Err())
		}
		if err := rows.Scan(&got); err != nil || string(got) != "ada" {
			t.Errorf("read %d: got %q, %v, want ada", i, got, err)
		}
		copy(got, "yyy") // the reader's own
		rows.Close()
	}
}

// What a program keeps of a row stays as it was, whatever is read after it.
func TestReadKeepsWhatWasScanned(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	const query = "SELECT id, name, CAST(email AS BLOB) FROM users WHERE id = ?"
	type user struct{ id, name, email any }
	var all []user
	for i := range 20 {
		var u user
		if err := f.QueryRow(query, 1+i%2).Scan(&u.id, &u.name, &u.email); err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	for i, u := range all {
		want := []string{"1 ada ada@example.org", "2 bob bob@example.org"}[i%2]
		if got := fmt.Sprintf("%v %v %s", u.id, u.name, u.email); got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
	}
}

// Rows of many readers at once do not get mixed up.
func TestReadConcurrently(t *testing.T) {
	t.Parallel()
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	stmt, err := f.Prepare(selectUser)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	var readers sync.WaitGroup
	for reader := range 8 {
		readers.Go(func() {
			for i := range 200 {
				id := int64(i*reader) % 7
				var got string
				row := f.QueryRowContext(t.Context(), selectUser, id)
				if i%3 == 0 {
					row = stmt.QueryRow(id)
				}
				if err := row.Scan(new(int64), &got); err != nil || got != fmt.Sprint("user ", id) {
					t.Errorf("got %q, %v, want user %d", got, err, id)
				}
				if i%50 == 0 {
					exec(t, f, renameUser, "user", id)
				}
			}
		})
	}
	readers.Wait()
}

// What becomes of a ctx that is done is the driver's affair, also where the cache could answer.
func TestReadDoneContext(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.warm(t, selectUser, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	outcome := func(db *sql.DB) string {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		rows, err := conn.QueryContext(ctx, selectUser, 1)
		if err == nil {
			rows.Close()
		}
		return fmt.Sprintf("%T %v", err, err)
	}
	before := f.cache.Stats().Hits
	if got, want := outcome(f.DB), outcome(f.bare); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := f.cache.Stats().Hits - before; got != 0 {
		t.Errorf("got %d hits", got)
	}
}

// On a preparingConn no text with arguments is run without being prepared.
type preparingConn struct{ *fakeConn }

func (c preparingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if len(args) > 0 {
		return nil, driver.ErrSkip
	}
	return c.fakeConn.QueryContext(ctx, query, args)
}

// A lookedStore counts look-ups.
type lookedStore struct {
	moneyclip.Store
	gets atomic.Int64
}

func (s *lookedStore) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	s.gets.Add(1)
	return s.Store.Get(ctx, slot)
}

// A read counts once and is looked up once, also if its text comes a second time.
func TestReadsThatArePreparedCountOnce(t *testing.T) {
	t.Parallel()
	for _, verify := range []float64{0, 1} {
		store := &lookedStore{Store: moneyclip.NewMemStore(1 << 20)}
		cache := newCache(t, moneyclip.Config{Scope: "fake", Rules: []moneyclip.Rule{userRule}, Store: store, Verify: verify})
		f := &fakeDB{state: newFakeState(), cache: cache}
		f.DB = sql.OpenDB(cache.Connector(connectorOf{fakeConnector{f.state}, func(c *fakeConn) driver.Conn { return preparingConn{c} }}))
		defer f.Close()
		f.wantQueries(t, 1, selectUser, 1)
		f.wantQueries(t, int(verify), selectUser, 1)
		f.wantQueries(t, 1, selectUser, 2)
		if s := cache.Stats(); s.Misses != 2 || s.Hits != 1 || s.Bypasses != 0 || s.Verified != uint64(verify) {
			t.Errorf("verify %v, three reads: got %d misses, %d hits, %d bypasses, %d verified", verify, s.Misses, s.Hits, s.Bypasses, s.Verified)
		}
		if got := store.gets.Load(); got > 3 {
			t.Errorf("verify %v: three reads were looked up %d times", verify, got)
		}
	}
}

// Reads count, and are told, however they end.
func TestReadsCount(t *testing.T) {
	t.Parallel()
	events := &excited{}
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Observer: events, Logger: slog.New(slog.DiscardHandler)})
	f.wantRow(t, selectUser, 7)
	release := f.block(selectUser)
	defer release()
	reads := 1
	for i := range 6 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if i%2 == 1 {
			ctx = moneyclip.Bypass(ctx)
		}
		f.QueryRowContext(ctx, selectUser, 10+i).Scan(new(int64), new(string))
		reads++
	}
	go func() { f.QueryRowContext(t.Context(), selectUser, 1).Scan(new(int64), new(string)) }()
	for range 100 {
		if f.cache.Stats().Misses == 5 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	reads++
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	f.QueryRowContext(ctx, selectUser, 1).Scan(new(int64), new(string)) // which waits for the other
	reads++
	s := f.cache.Stats()
	if n := s.Hits + s.Misses + s.Bypasses; n != uint64(reads) {
		t.Errorf("%d reads are counted as %+v", reads, s.RuleStats)
	}
	if events.n(moneyclip.EventMiss)+1 != s.Misses || events.n(moneyclip.EventBypass) != s.Bypasses { // one miss is under way
		t.Errorf("got %d and %d events, want those of %+v", events.n(moneyclip.EventMiss), events.n(moneyclip.EventBypass), s.RuleStats)
	}
}

// excited counts events, and panics at each.
type excited [16]atomic.Uint64

func (e *excited) Observe(_ context.Context, event moneyclip.Event) {
	e[event.Kind].Add(1)
	panic("an observer's")
}

func (e *excited) n(kind moneyclip.EventKind) uint64 { return e[kind].Load() }

// A key that is written all the time: its readers do not wait for one another without end, and what repopulates it is not late.
func TestHotKey(t *testing.T) {
	t.Parallel()
	for _, refresh := range []bool{false, true} {
		rule := userRule
		rule.Refresh = refresh
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{rule}})
		f.wantRow(t, selectUser, 1)
		f.state.mu.Lock()
		f.state.takes = 30 * time.Millisecond
		f.state.mu.Unlock()
		stop := make(chan struct{})
		var writer, readers sync.WaitGroup
		writer.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					f.Exec(renameUser, "x", 1)
				}
			}
		})
		time.Sleep(300 * time.Millisecond)
		for range 40 {
			readers.Go(func() {
				start := time.Now()
				if err := f.QueryRow(selectUser, 1).Scan(new(int64), new(string)); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took > 600*time.Millisecond { // three queries, and room for a slow machine
					t.Errorf("refresh %t: a read took %v", refresh, took)
				}
			})
		}
		readers.Wait()
		close(stop)
		writer.Wait()
		start := time.Now()
		for f.cache.Stats().Hits == 0 && time.Since(start) < 20*time.Second {
			f.wantRow(t, selectUser, 1)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("refresh %t: the first hit came %v after the last write", refresh, took)
		}
	}
}

// A base that panics at a read leaves no lease behind.
func TestReadPanics(t *testing.T) {
	t.Parallel()
	f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a@x')", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	f.read(t, selectUser, 2)
	f.wire.panicAt(t, selectUser, func() { f.QueryRow(selectUser, 1).Scan(new(int), new(string)) })
	f.read(t, selectUser, 1)
	if _, asked := f.read(t, selectUser, 1); asked {
		t.Error("the row was not stored")
	}
}
