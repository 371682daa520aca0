package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

func TestInvalidate(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule, followerRule)
	elsewhere := func(query string) {
		if _, err := f.bare.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	for id := 1; id <= 3; id++ {
		f.warm(t, selectUser, id)
		f.warm(t, selectFollowers, id)
	}
	elsewhere("UPDATE users SET name = 'x' WHERE id = 1")
	if err := moneyclip.Invalidate(t.Context(), f.DB, "user", 1); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, selectUser, 1)
	f.wantHit(t, selectUser, 2)
	f.wantHit(t, selectFollowers, 1)
	for _, arg := range []any{"2", int16(2), 2.0, sql.NullInt64{Int64: 2, Valid: true}} {
		if err := moneyclip.Invalidate(t.Context(), f.DB, "user", arg); err != nil {
			t.Fatal(err)
		}
		f.wantMiss(t, selectUser, 2)
	}

	if err := moneyclip.Invalidate(t.Context(), f.DB, "user", nil); err != nil { // no key holds a NULL
		t.Error(err)
	}
	elsewhere("UPDATE users SET name = 'y'")
	if err := moneyclip.Invalidate(t.Context(), f.DB, "user"); err != nil {
		t.Fatal(err)
	}
	for id := 1; id <= 3; id++ {
		f.wantMiss(t, selectUser, id)
		f.wantHit(t, selectFollowers, id)
	}
}

func TestInvalidateErrors(t *testing.T) {
	t.Parallel()
	absent := moneyclip.Rule{Name: "absent", Key: "absent-%d", Table: "absent", By: []string{"id"}}
	f := openSocial(t, userRule, absent)
	ctx := t.Context()
	for _, test := range []struct {
		name string
		db   *sql.DB
		rule string
		args []any
		is   error
		want string
	}{
		{"not wrapped", f.bare, "user", nil, moneyclip.ErrNotWrapped, "moneyclip: the database was not opened through moneyclip"},
		{"no rule", f.DB, "nobody", nil, moneyclip.ErrNoRule, `moneyclip: no such rule: "nobody"`},
		{"without a name", f.DB, "", []any{1}, moneyclip.ErrNoRule, `moneyclip: no such rule: ""`},
		{"by its key", f.DB, "user::id-%d", []any{1}, moneyclip.ErrNoRule, `moneyclip: no such rule: "user::id-%d": its name is "user"`},
		{"nil", nil, "user", []any{1}, nil, "moneyclip: the database is nil"},
		{"inactive", f.DB, "absent", nil, moneyclip.ErrNoRule, `moneyclip: no such rule: "absent" is inactive: the database has no table "absent"`},
		{"too many", f.DB, "user", []any{1, "secret"}, nil, `moneyclip: rule user: key "user::id-%d" has 1 verb, got 2 values`},
		{"strange", f.DB, "user", []any{[]int{7}}, nil, "moneyclip: rule user: value 1, a []int, is of a kind whose equality is not known"},
	} {
		err := moneyclip.Invalidate(ctx, test.db, test.rule, test.args...)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
		if test.is != nil {
			errIs(t, err, test.is)
		}
	}
	gone, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "no", "such", "folder"))
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if err := moneyclip.Invalidate(ctx, gone, "user"); err == nil {
		t.Error("got no error from a database that cannot be opened")
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	write := func(conn any) error {
		_, err := conn.(*wireConn).Exec("UPDATE users SET name = 'raw' WHERE id = 1; DELETE FROM followers WHERE account_id = 1", nil)
		return err
	}
	for _, test := range []struct {
		name                      string
		writes                    []string
		userDropped, countDropped bool
	}{
		{"none named", nil, true, true},
		{"both named", []string{"users", "FOLLOWERS"}, true, true},
		{"one named", []string{"followers"}, false, true},
		{"one that is not there", []string{"other"}, true, true},
		{"read only", []string{moneyclip.ReadOnly}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := openSocial(t, userRule, followerRule)
			f.warm(t, selectUser, 1)
			f.warm(t, selectFollowers, 1)
			conn := raw(t, f.DB)
			f.sent()
			if err := moneyclip.Raw(conn, write, test.writes...); err != nil {
				t.Fatal(err)
			}
			for _, read := range []struct {
				query   string
				dropped bool
			}{{selectUser, test.userDropped}, {selectFollowers, test.countDropped}} {
				_, asked := f.read(t, read.query, 1)
				if asked != read.dropped {
					t.Errorf("%s: was dropped: %t, want %t", read.query, asked, read.dropped)
				}
			}
			// The connection is not served any more, and its writes still count.
			for range 2 {
				wantUser(t, conn, 1, "raw")
				f.wantSent(t, selectUser)
			}
			exec(t, conn, renameUser, "after", 1)
			wantUser(t, f.DB, 1, "after")
		})
	}
}

// What is left open by the function belongs to a transaction that the next COMMIT ends.
func TestRawLeavesTransactionOpen(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.warm(t, selectUser, 1)
	conn := raw(t, f.DB)
	err := moneyclip.Raw(conn, func(conn any) error {
		_, err := conn.(*wireConn).Exec("BEGIN; UPDATE users SET name = 'raw' WHERE id = 1", nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantUser(t, f.DB, 1, "ada") // and stored
	exec(t, conn, "COMMIT")
	wantUser(t, f.DB, 1, "raw")
}

func TestRawErrors(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	own := errors.New("own")
	if err := moneyclip.Raw(raw(t, f.DB), func(any) error { return own }); err != own { //nolint:errorlint // the very value
		t.Errorf("got %v, want the function's own error", err)
	}
	called := false
	err := moneyclip.Raw(raw(t, f.bare), func(any) error { called = true; return nil })
	errIs(t, err, moneyclip.ErrNotWrapped)
	if called {
		t.Error("the function was called with a connection that is not ours")
	}
	closed := raw(t, f.DB)
	closed.Close()
	errIs(t, moneyclip.Raw(closed, func(any) error { return nil }), sql.ErrConnDone)

	// Under FailWrites the function is not called if what it writes cannot be quarantined.
	store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
	f = open(t, social, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store, Outage: moneyclip.FailWrites})
	conn := raw(t, f.DB)
	store.quarantine.Store(true)
	err = moneyclip.Raw(conn, func(any) error { called = true; return nil }, "users")
	errIs(t, err, moneyclip.ErrCacheDown)
	if called {
		t.Error("the function was called")
	}
	if !strings.Contains(err.Error(), errStore.Error()) {
		t.Errorf("got %v, want the store's words", err)
	}
	if err := moneyclip.Raw(conn, func(any) error { called = true; return nil }, moneyclip.ReadOnly); err != nil || !called {
		t.Errorf("read only: got %v, called %t", err, called)
	}
}

// A table that is named stands for all that a write to it brings about.
func TestRawCascades(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{})
	f.warm(t, orderSum, 1)
	err := moneyclip.Raw(raw(t, f.DB), func(conn any) error {
		_, err := conn.(*wireConn).Exec("DELETE FROM users WHERE id = 1", nil)
		return err
	}, "users")
	if err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, orderSum, 1)
}

// A wrapperDriver is one around another, whose connections say what they wrap.
type wrapperDriver struct{ driver.DriverContext }

func (w wrapperDriver) Open(string) (driver.Conn, error) { panic("it has connectors") }

func (w wrapperDriver) OpenConnector(dsn string) (driver.Connector, error) {
	c, err := w.DriverContext.OpenConnector(dsn)
	return wrapperConnector{c}, err
}

type wrapperConnector struct{ driver.Connector }

func (w wrapperConnector) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := w.Connector.Connect(ctx)
	return wrapperConn{c}, err
}

type wrapperConn struct{ driver.Conn }

func (w wrapperConn) Raw() driver.Conn { return w.Conn }

// Invalidate and Raw find our connection beneath one that says what it wraps.
func TestRawBeneathWrapper(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	connector, err := wrapperDriver{f.DB.Driver().(driver.DriverContext)}.OpenConnector(f.dsn)
	if err != nil {
		t.Fatal(err)
	}
	above := sql.OpenDB(connector)
	t.Cleanup(func() { above.Close() })
	f.warm(t, selectUser, 1)
	if err := moneyclip.Invalidate(t.Context(), above, "user", 1); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, selectUser, 1)
	called := false
	if err := moneyclip.Raw(raw(t, above), func(c any) error { _, called = c.(*wireConn); return nil }, "users"); err != nil || !called {
		t.Errorf("Raw: called with the base's connection %t, %v", called, err)
	}
	f.wantMiss(t, selectUser, 1)
}

// A cache over a cache would keep what Invalidate drops in the one above.
func TestNested(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	ours := f.DB.Driver().(driver.DriverContext)
	for name, base := range map[string]driver.Driver{"ours": ours.(driver.Driver), "one around it": wrapperDriver{ours}} {
		cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{})
		if err != nil {
			t.Fatal(err)
		}
		connector, err := cache.Driver(base).(driver.DriverContext).OpenConnector(f.dsn)
		if err != nil {
			t.Fatal(err)
		}
		db := sql.OpenDB(connector)
		t.Cleanup(func() { db.Close() })
		if err := db.Ping(); err == nil || !strings.Contains(err.Error(), "wrap it once") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What Raw writes while rows of a write are open becomes visible with that write, when they are closed.
func TestRawBesideOpenRows(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]string{"by the key": "id = 1", "after reading": "email = 'a@x'"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t, tables["users"]+"; INSERT INTO users VALUES (1, 'ada', 'a@x'), (2, 'bob', 'b@x')", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
			f.warm(t, selectUser, 2)
			c, err := f.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			rows, err := c.QueryContext(t.Context(), "UPDATE users SET name = 'x' WHERE "+write+" RETURNING id")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			err = moneyclip.Raw(c, func(base any) error {
				_, err := base.(driver.ExecerContext).ExecContext(t.Context(), "UPDATE users SET name = 'eve' WHERE id = 2", nil)
				return err
			}, "users")
			if err != nil {
				t.Fatal(err)
			}
			readRow(t, f.DB, selectUser, 2)
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if got := readRow(t, f.DB, selectUser, 2); !strings.Contains(got, "eve") {
					t.Errorf("got %s after the rows were closed", got)
				}
			}
		})
	}
}
