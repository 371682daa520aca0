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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/DATA-DOG/go-sqlmock"

	"github.com/moneyclip/moneyclip"
)

// A write whose keys are known only by reading runs in a transaction of our own.
func TestWriteReadsFirst(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	m.expectCatalog()
	m.fill(t)
	const update = "UPDATE users SET name = ? WHERE email = ?"
	expectReading(t, m, update, "a@example.org", 1)
	m.ExpectExec(update).WithArgs("x", "a@example.org").WillReturnResult(sqlmock.NewResult(7, 1))
	m.ExpectExec("COMMIT").WillReturnResult(sqlmock.NewResult(0, 0))
	result := exec(t, m, update, "x", "a@example.org")
	wantResult(t, result, 7, 1)

	m.expectUser(1, "x")
	wantUser(t, m.DB, 1, "x")
	m.expectUser(2, "eve")
	wantUser(t, m.DB, 2, "eve")

	// A row that is not among those that were read keeps its key.
	expectReading(t, m, update, "b@example.org", 2)
	m.ExpectExec(update).WithArgs("y", "b@example.org").WillReturnResult(sqlmock.NewResult(7, 1))
	m.ExpectExec("COMMIT").WillReturnResult(sqlmock.NewResult(0, 0))
	exec(t, m, update, "y", "b@example.org")
	wantUser(t, m.DB, 1, "x")
}

// expectReading expects BEGIN IMMEDIATE and the one query that Explain tells of a write, which finds these ids.
func expectReading(t *testing.T, m *mocked, write string, arg any, ids ...int64) {
	t.Helper()
	explanation, err := m.cache.Explain(write)
	if err != nil {
		t.Fatal(err)
	}
	if len(explanation.Effects) != 1 || len(explanation.Effects[0].Reads) != 1 {
		t.Fatalf("got %s, want one reading", explanation)
	}
	m.ExpectExec("BEGIN IMMEDIATE").WillReturnResult(sqlmock.NewResult(0, 0))
	rows := sqlmock.NewRows([]string{"id"})
	for _, id := range ids {
		rows.AddRow(id)
	}
	m.ExpectQuery(explanation.Effects[0].Reads[0]).WithArgs(arg).WillReturnRows(rows)
}

func wantResult(t *testing.T, result sql.Result, wantID, wantRows int64) {
	t.Helper()
	id, err := result.LastInsertId()
	if err != nil || id != wantID {
		t.Errorf("LastInsertId: got %d, %v, want %d", id, err, wantID)
	}
	rows, err := result.RowsAffected()
	if err != nil || rows != wantRows {
		t.Errorf("RowsAffected: got %d, %v, want %d", rows, err, wantRows)
	}
}

func TestWriteReadingFails(t *testing.T) {
	t.Parallel()
	const update = "UPDATE users SET name = ? WHERE email = ?"
	expectUpdate := func(m *mocked) {
		m.ExpectExec(update).WithArgs("x", "a@example.org").WillReturnResult(sqlmock.NewResult(7, 1))
	}
	for _, test := range []struct {
		name   string
		expect func(t *testing.T, m *mocked)
	}{
		{"BEGIN fails", func(_ *testing.T, m *mocked) {
			m.ExpectExec("BEGIN IMMEDIATE").WillReturnError(errors.New("no"))
			expectUpdate(m)
		}},
		{"reading fails", func(t *testing.T, m *mocked) {
			explanation, err := m.cache.Explain(update)
			if err != nil {
				t.Fatal(err)
			}
			m.ExpectExec("BEGIN IMMEDIATE").WillReturnResult(sqlmock.NewResult(0, 0))
			m.ExpectQuery(explanation.Effects[0].Reads[0]).WillReturnError(errors.New("no"))
			m.ExpectExec("ROLLBACK").WillReturnResult(sqlmock.NewResult(0, 0))
			expectUpdate(m)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
			m.expectCatalog()
			m.fill(t)
			test.expect(t, m)
			exec(t, m, update, "x", "a@example.org")
			// It counts as rule-wide.
			m.expectUser(1, "x")
			wantUser(t, m.DB, 1, "x")
			if got := m.cache.Stats().RuleWide; got != 1 {
				t.Errorf("got %d rule-wide writes, want 1", got)
			}
		})
	}
}

// A statement that fails in our transaction fails as it would alone, and nothing of it is left open.
func TestWriteFailsInOwnTransaction(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	m.expectCatalog()
	m.fill(t)
	own := &driverError{"CHECK constraint failed"}
	const update = "UPDATE users SET name = ? WHERE email = ?"
	expectReading(t, m, update, "a@example.org", 1)
	m.ExpectExec(update).WillReturnError(own)
	m.ExpectExec("COMMIT").WillReturnResult(sqlmock.NewResult(0, 0))
	_, err := m.ExecContext(t.Context(), update, "x", "a@example.org")
	if err != error(own) { //nolint:errorlint // the very value
		t.Errorf("got %v, want the driver's own", err)
	}
	m.ExpectBegin()
	m.ExpectCommit()
	tx, err := m.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// A COMMIT of our own that fails may have happened.
func TestWriteOwnCommitFails(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	m.expectCatalog()
	m.fill(t)
	lost := errors.New("connection reset by peer")
	const update = "UPDATE users SET name = ? WHERE email = ?"
	expectReading(t, m, update, "a@example.org", 1)
	m.ExpectExec(update).WillReturnResult(sqlmock.NewResult(7, 1))
	m.ExpectExec("COMMIT").WillReturnError(lost)
	m.ExpectExec("ROLLBACK").WillReturnError(errors.New("cannot rollback - no transaction is active"))
	_, err := m.ExecContext(t.Context(), update, "x", "a@example.org")
	errIs(t, err, lost)
	for range 2 { // not stored again
		m.expectUser(1, "x")
		wantUser(t, m.DB, 1, "x")
	}
}

// database/sql runs a statement again after ErrBadConn, but not one that may have been committed.
func TestWriteOwnCommitLosesConnection(t *testing.T) {
	t.Parallel()
	m := openMock(t, moneyclip.Config{Scope: "test", Rules: []moneyclip.Rule{userRule}})
	m.expectCatalog()
	m.fill(t)
	const update = "UPDATE users SET name = ? WHERE email = ?"
	expectReading(t, m, update, "a@example.org", 1)
	m.ExpectExec(update).WillReturnResult(sqlmock.NewResult(7, 1))
	m.ExpectExec("COMMIT").WillReturnError(driver.ErrBadConn)
	m.ExpectExec("ROLLBACK").WillReturnError(driver.ErrBadConn)
	_, err := m.ExecContext(t.Context(), update, "x", "a@example.org")
	if err == nil || errors.Is(err, driver.ErrBadConn) {
		t.Errorf("got %v, want an error that is not ErrBadConn", err)
	}
	m.expectUser(1, "x")
	wantUser(t, m.DB, 1, "x")
}

// shop has all that makes a write touch rows which it does not name.
const shop = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, email TEXT UNIQUE);
	CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE CASCADE, total INTEGER NOT NULL);
	CREATE TABLE coupons (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE SET NULL, code TEXT);
	CREATE TABLE totals (user_id INTEGER PRIMARY KEY, total INTEGER NOT NULL);
	CREATE TRIGGER summed AFTER INSERT ON orders BEGIN
		UPDATE totals SET total = total + NEW.total WHERE user_id = NEW.user_id;
	END;
	INSERT INTO users VALUES (1, 'ada', 'a@x'), (2, 'bob', 'b@x'), (3, 'eve', NULL);
	INSERT INTO totals VALUES (1, 0), (2, 0), (3, 0);
	INSERT INTO orders VALUES (1, 1, 10), (2, 1, 20), (3, 2, 30);
	INSERT INTO coupons VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z')`

const (
	orderSum  = "SELECT sum(total) FROM orders WHERE user_id = ?"
	coupon    = "SELECT max(code) FROM coupons WHERE user_id = ?"
	userTotal = "SELECT total FROM totals WHERE user_id = ?"
)

func openShop(t testing.TB, cfg moneyclip.Config) *fixture {
	t.Helper()
	cfg.Rules = []moneyclip.Rule{
		userRule,
		{Name: "sum", Key: "user::sum-%d", Query: orderSum},
		{Name: "coupon", Key: "user::coupon-%d", Query: coupon},
		{Name: "total", Key: "total-%d", Table: "totals", By: []string{"user_id"}},
	}
	return open(t, shop, cfg)
}

// A write drops what it touches and leaves alone what it does not.
func TestWriteTouches(t *testing.T) {
	t.Parallel()
	reads := []string{selectUser, orderSum, coupon, userTotal}
	const u1, s1, c1, t1 = "user 1", "sum 1", "coupon 1", "total 1"
	const u2, s2, c2, t2 = "user 2", "sum 2", "coupon 2", "total 2"
	labels := [][]string{{u1, u2}, {s1, s2}, {c1, c2}, {t1, t2}}
	for _, test := range []struct {
		name    string
		write   string
		args    []any
		touched []string
	}{
		{"pinned", "UPDATE users SET name = 'x' WHERE id = ?", []any{1}, []string{u1}},
		{"by another column", "UPDATE users SET name = 'x' WHERE email = ?", []any{"a@x"}, []string{u1}},
		{"by none", "UPDATE users SET name = name || '!'", nil, []string{u1, u2}},
		{"column that matters to none", "UPDATE orders SET id = 77 WHERE id = 1", nil, nil},
		{"move", "UPDATE orders SET user_id = 2 WHERE id = 1", nil, []string{s1, s2}},
		{"move to nobody", "UPDATE orders SET user_id = NULL WHERE user_id = 1", nil, []string{s1}},
		{"move of a key", "UPDATE totals SET user_id = 9 WHERE user_id = ?", []any{1}, []string{t1}},
		{"swap", "UPDATE orders SET user_id = 3 - user_id", nil, []string{s1, s2}},
		{"bulk by range", "DELETE FROM orders WHERE total >= ?", []any{30}, []string{s2}},
		{"bulk by subquery", "DELETE FROM orders WHERE user_id IN (SELECT id FROM users WHERE name = 'ada')", nil, []string{s1}},
		{"bulk by join", "UPDATE totals SET total = u.id FROM users u WHERE u.id = user_id AND u.name = 'bob'", nil, []string{t2}},
		{"insert of many", "INSERT INTO orders (user_id, total) VALUES (?, 1), (?, 2)", []any{1, 3}, []string{s1, t1}},
		{"insert from select", "INSERT INTO orders (user_id, total) SELECT id, 5 FROM users WHERE name = 'bob'", nil, []string{s2, t2}},
		{"cascade and set null", "DELETE FROM users WHERE id = ?", []any{1}, []string{u1, s1, c1}},
		{"cascade after reading", "DELETE FROM users WHERE name = ?", []any{"ada"}, []string{u1, s1, c1}},
		{"trigger", "INSERT INTO orders (user_id, total) VALUES (?, ?)", []any{2, 5}, []string{s2, t2}},
		{
			"upsert on another unique key", "INSERT INTO users (id, name, email) VALUES (50, 'n', 'a@x') ON CONFLICT (email) DO UPDATE SET name = excluded.name",
			nil, []string{u1},
		},
		{
			"upsert that does nothing", "INSERT INTO users (id, name, email) VALUES (50, 'n', 'a@x') ON CONFLICT (email) DO NOTHING",
			nil, nil,
		},
		{"replace", "REPLACE INTO users (id, name, email) VALUES (50, 'n', 'a@x')", nil, []string{u1, s1, c1, c2}},
		// Which rows are in its way is not looked for.
		{"update or replace", "UPDATE OR REPLACE users SET email = 'b@x' WHERE id = 1", nil, []string{u1, u2, s1, c1, s2, c2}},
		{"with", "WITH big AS (SELECT id FROM orders WHERE total > 25) DELETE FROM orders WHERE id IN (SELECT id FROM big)", nil, []string{s2}},
		{"several statements", "UPDATE users SET name = 'x' WHERE id = 1; DELETE FROM orders WHERE id = 3", nil, []string{u1, u2, s1, s2}},
	} {
		for _, prepared := range []bool{false, true} {
			if prepared && test.name == "several statements" {
				continue // the driver prepares the first of them only
			}
			t.Run(fmt.Sprintf("%s, prepared %t", test.name, prepared), func(t *testing.T) {
				t.Parallel()
				f := openShop(t, moneyclip.Config{})
				for _, query := range reads {
					f.warm(t, query, 1)
					f.warm(t, query, 2)
				}
				if prepared {
					stmt, err := f.Prepare(test.write)
					if err != nil {
						t.Fatal(err)
					}
					defer stmt.Close()
					if _, err := stmt.Exec(test.args...); err != nil {
						t.Fatal(err)
					}
				} else {
					exec(t, f, test.write, test.args...)
				}
				for i, query := range reads {
					for id := 1; id <= 2; id++ {
						label := labels[i][id-1]
						got, asked := f.read(t, query, id)
						if want := readRow(t, f.bare, query, id); got != want {
							t.Errorf("%s: got %s, the database holds %s", label, got, want)
						}
						if want := slices.Contains(test.touched, label); asked != want {
							t.Errorf("%s: was dropped: %t, want %t", label, asked, want)
						}
					}
				}
			})
		}
	}
}

// raw takes a connection from the pool that goes back at the end of the test.
func raw(t testing.TB, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A statement in a transaction of ours reports what it would report alone.
func TestWriteOwnTransactionReports(t *testing.T) {
	t.Parallel()
	for _, write := range []string{
		"UPDATE users SET name = name || '!' WHERE email IS NOT NULL",
		"UPDATE users SET name = 'x' WHERE email = 'none'",
		"INSERT INTO orders (user_id, total) SELECT id, 5 FROM users",
		"INSERT INTO users (name) VALUES ('new')",
		"DELETE FROM orders WHERE total > 15",
		"DELETE FROM users",
		"UPDATE users SET name = 'bob' WHERE email = 'a@x'",        // UNIQUE constraint failed
		"UPDATE orders SET total = NULL WHERE total = 10",          // NOT NULL constraint failed
		"UPDATE orders SET user_id = 99 WHERE total = 10",          // FOREIGN KEY constraint failed
		"UPDATE OR IGNORE users SET name = 'bob' WHERE id < 3",     // keeps some
		"UPDATE OR ROLLBACK users SET name = 'bob' WHERE id = 1",   // rolls back
		"UPDATE OR FAIL users SET name = 'n' WHERE email NOTNULL",  // keeps the first row
		"UPDATE OR ABORT users SET name = 'n' WHERE email NOTNULL", // keeps none
		"INSERT OR ROLLBACK INTO users (name) SELECT name FROM users",
		"REPLACE INTO users (id, name) VALUES (7, 'ada')",
		"UPDATE nothing SET x = 1",
		"UPDATE users SET nothing = 1 WHERE email = 'a@x'",
		"UPDATE users SET name = ? WHERE email = 'a@x'", // an argument too few
		"UPDATE SET",
	} {
		t.Run(write, func(t *testing.T) {
			t.Parallel()
			f, plain := openShop(t, moneyclip.Config{}), openShop(t, moneyclip.Config{})
			for _, query := range []string{selectUser, orderSum, coupon, userTotal} {
				f.warm(t, query, 1)
				f.warm(t, query, 2)
			}
			if got, want := report(f.Exec(write)), report(plain.bare.Exec(write)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			for _, query := range []string{selectUser, orderSum, coupon, userTotal} {
				for id := 1; id <= 3; id++ {
					got, want := readRow(t, f.DB, query, id), readRow(t, plain.bare, query, id)
					if got != want {
						t.Errorf("%s of %d: got %s, want %s", query, id, got, want)
					}
				}
			}
			// No transaction was left open.
			if got, want := report(f.Exec("BEGIN")), report(plain.bare.Exec("BEGIN")); got != want {
				t.Errorf("BEGIN after it: got %s, want %s", got, want)
			}
		})
	}
}

// report says what database/sql says of an Exec.
func report(result sql.Result, err error) string {
	if err != nil {
		return fmt.Sprintf("%T %v", err, err)
	}
	id, idErr := result.LastInsertId()
	n, nErr := result.RowsAffected()
	return fmt.Sprint(id, idErr, n, nErr)
}

// A write that returns rows is over when its rows are.
func TestWriteReturning(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		read func(t *testing.T, rows *sql.Rows)
	}{
		{"to the end", func(t *testing.T, rows *sql.Rows) {
			if got := textOf(t, rows, -1); len(got) != 2 {
				t.Errorf("got %q, want 2 rows", got)
			}
		}},
		{"first row", func(t *testing.T, rows *sql.Rows) {
			if !rows.Next() {
				t.Error("got no row")
			}
		}},
		{"unread", func(*testing.T, *sql.Rows) {}},
	} {
		for _, write := range []struct {
			name, text string
			args       []any
		}{
			{"pinned", "UPDATE users SET name = name || '!' WHERE id IN (?, ?) RETURNING id", []any{1, 2}},
			{"after reading", "UPDATE users SET name = name || '!' WHERE email LIKE ? RETURNING id", []any{"%x"}},
		} {
			for _, inTx := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, tx %t", test.name, write.name, inTx), func(t *testing.T) {
					t.Parallel()
					f := openShop(t, moneyclip.Config{})
					for id := 1; id <= 3; id++ {
						f.warm(t, selectUser, id)
					}
					var db queryer = f.DB
					commit := func() error { return nil }
					if inTx {
						tx, err := f.Begin()
						if err != nil {
							t.Fatal(err)
						}
						db, commit = tx, tx.Commit
					}
					rows, err := db.QueryContext(t.Context(), write.text, write.args...)
					if err != nil {
						t.Fatal(err)
					}
					test.read(t, rows)
					if err := rows.Close(); err != nil {
						t.Fatal(err)
					}
					if err := commit(); err != nil {
						t.Fatal(err)
					}
					for id := 1; id <= 2; id++ {
						f.wantMiss(t, selectUser, id)
						f.wantHit(t, selectUser, id)
					}
					f.wantHit(t, selectUser, 3)
				})
			}
		}
	}
}

// While the rows of a write are open, everybody reads what is committed, and its own connection what it has written.
func TestWriteReturningOpen(t *testing.T) {
	t.Parallel()
	for _, write := range []string{
		"UPDATE users SET name = 'x' WHERE id = 1 RETURNING id",
		"UPDATE users SET name = 'x' WHERE email = 'a@x' RETURNING id",
	} {
		t.Run(write, func(t *testing.T) {
			t.Parallel()
			f := openShop(t, moneyclip.Config{})
			f.warm(t, selectUser, 1)
			conn := raw(t, f.DB)
			rows, err := conn.QueryContext(t.Context(), write)
			if err != nil {
				t.Fatal(err)
			}
			if !rows.Next() {
				t.Fatal("got no row")
			}
			for range 3 {
				wantUser(t, conn, 1, "x")
				if got, want := readRow(t, f.DB, selectUser, 1), readRow(t, f.bare, selectUser, 1); got != want {
					t.Errorf("got %s, the database holds %s", got, want)
				}
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				wantUser(t, conn, 1, "x")
				wantUser(t, f.DB, 1, "x")
			}
			f.wantHit(t, selectUser, 1)
		})
	}
}

// What its caller does on the connection while the rows are open comes out as it does without the cache.
func TestWriteReturningOpenThen(t *testing.T) {
	t.Parallel()
	const write = "UPDATE users SET name = 'x' WHERE email = 'a@x' RETURNING id"
	for _, steps := range [][]string{
		{"BEGIN", "close", renameUser, "COMMIT"},
		{"BEGIN", renameUser, "close", "COMMIT"},
		{"COMMIT", "close"},
		{"ROLLBACK", "close"},
		{renameUser, "close"},
		{"DELETE FROM users WHERE name = 'bob'", "close"},
		{write, "close"},
	} {
		t.Run(strings.Join(steps, ", "), func(t *testing.T) {
			t.Parallel()
			outcome := func(f *fixture, db *sql.DB) (list []string) {
				conn := raw(t, db)
				defer conn.Close()
				rows, err := conn.QueryContext(t.Context(), write)
				if err != nil {
					t.Fatal(err)
				}
				if !rows.Next() {
					t.Fatalf("got no row, %v", rows.Err())
				}
				for _, step := range steps {
					var err error
					switch step {
					case "close":
						err = rows.Close()
					case renameUser:
						_, err = conn.ExecContext(t.Context(), step, "y", 2)
					default:
						_, err = conn.ExecContext(t.Context(), step)
					}
					list = append(list, fmt.Sprint(step, " ", err))
				}
				for id := 1; id <= 3; id++ {
					list = append(list, readRow(t, db, selectUser, id), readRow(t, f.bare, selectUser, id))
				}
				return list
			}
			f, plain := openShop(t, moneyclip.Config{}), openShop(t, moneyclip.Config{})
			for id := 1; id <= 3; id++ {
				f.warm(t, selectUser, id)
			}
			got, want := outcome(f, f.DB), outcome(plain, plain.bare)
			if !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

// An error of a write that returns rows may come with its rows.
func TestWriteReturningFails(t *testing.T) {
	t.Parallel()
	const write = "UPDATE users SET name = 'bob' WHERE email = 'a@x' RETURNING id"
	f, plain := openShop(t, moneyclip.Config{}), openShop(t, moneyclip.Config{})
	f.warm(t, selectUser, 1)
	got, want := queryError(t, f.DB, false, write), queryError(t, plain.bare, false, write)
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wantUser(t, f.DB, 1, "ada")
	exec(t, f, "UPDATE users SET name = 'x' WHERE email = 'a@x'")
	wantUser(t, f.DB, 1, "x")
}

func TestWriteSchema(t *testing.T) {
	t.Parallel()
	for _, ddl := range []string{
		"ALTER TABLE users RENAME COLUMN name TO title",
		"ALTER TABLE users DROP COLUMN name",
		"DROP TABLE users",
		"ALTER TABLE users RENAME TO people",
		"DROP TABLE users; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users VALUES (1, 'other')",
	} {
		t.Run(ddl, func(t *testing.T) {
			t.Parallel()
			f := openSocial(t, userRule)
			f.warm(t, selectUser, 1)
			plain := openSocial(t, userRule)
			for range 2 {
				if got, want := report(f.Exec(ddl)), report(plain.bare.Exec(ddl)); got != want && !strings.Contains(ddl, "INSERT") {
					t.Errorf("got %s, want %s", got, want)
				}
				if got, want := queryError(t, f.DB, false, selectUser, 1), queryError(t, plain.bare, false, selectUser, 1); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}

	// A trigger that was made through the cache is obeyed from then on.
	f := openShop(t, moneyclip.Config{})
	f.warm(t, userTotal, 1)
	exec(t, f, "CREATE TRIGGER renamed AFTER UPDATE OF name ON users BEGIN UPDATE totals SET total = -1 WHERE user_id = NEW.id; END")
	f.warm(t, userTotal, 1)
	f.warm(t, userTotal, 2)
	exec(t, f, renameUser, "x", 1)
	f.wantMiss(t, userTotal, 1)
	f.wantHit(t, userTotal, 2)

	// In a transaction it counts when that is committed.
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "CREATE TRIGGER removed AFTER DELETE ON coupons BEGIN UPDATE totals SET total = -2 WHERE user_id = OLD.user_id; END")
	exec(t, tx, "DELETE FROM coupons WHERE id = 2")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	for id := 1; id <= 3; id++ {
		f.wantMiss(t, userTotal, id)
		f.wantHit(t, userTotal, id)
	}
	exec(t, f, "DELETE FROM coupons WHERE id = 3")
	f.wantMiss(t, userTotal, 3)
	f.wantHit(t, userTotal, 1)
}

// A rule for a table that comes later is idle until then.
func TestWriteTableComesLater(t *testing.T) {
	t.Parallel()
	f := open(t, "CREATE TABLE other (id)", moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	exec(t, f, "DELETE FROM other")
	explanation, err := f.cache.Explain(selectUser, 1)
	if err != nil || explanation.Cached || !strings.Contains(explanation.Reason, `the database has no table "users"`) {
		t.Errorf("got %s, %v, want a reason that names the table", explanation, err)
	}
	exec(t, f, tables["users"])
	exec(t, f, "INSERT INTO users VALUES (1, 'ada', NULL)")
	f.warm(t, selectUser, 1)
	exec(t, f, renameUser, "x", 1)
	f.wantMiss(t, selectUser, 1)
}

func TestWriteMaxKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		max  int
		wide uint64
	}{{1, 1}, {2, 0}} {
		f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, MaxKeys: test.max})
		for id := 1; id <= 3; id++ {
			f.warm(t, selectUser, id)
		}
		exec(t, f, "UPDATE users SET name = name || '!' WHERE email IS NOT NULL")
		if got := f.cache.Stats().RuleWide; got != test.wide {
			t.Errorf("MaxKeys %d: got %d rule-wide writes, want %d", test.max, got, test.wide)
		}
		f.wantMiss(t, selectUser, 1)
		f.wantMiss(t, selectUser, 2)
		f.want(t, test.wide == 1, selectUser, 3)
	}
}

// Writes that a rule names by hand, with the columns that count.
func TestWriteOnByHand(t *testing.T) {
	t.Parallel()
	const query = "SELECT u.name, count(*) FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = ?"
	f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{{
		Name: "summary", Key: "summary-%d", Query: query,
		On: []moneyclip.On{
			{Table: "users", Columns: []string{"id"}, Set: []string{"name"}},
			{Table: "orders", Columns: []string{"user_id"}},
			{Table: "coupons"},
		},
	}}})
	for _, test := range []struct {
		write   string
		touched []int
	}{
		{"UPDATE users SET name = name || 'x' WHERE id = 1", []int{1}},
		{"UPDATE users SET email = 'other@x' WHERE id = 1", nil},
		{"INSERT INTO orders (user_id, total) VALUES (2, 1)", []int{2}},
		{"UPDATE orders SET total = 0 WHERE user_id = 1", nil}, // the query does not read it
		{"UPDATE orders SET user_id = 2 WHERE id = 1", []int{1, 2}},
		{"DELETE FROM coupons WHERE id = 1", []int{1, 2}}, // every key
		{"UPDATE totals SET total = 7", nil},
	} {
		f.warm(t, query, 1)
		f.warm(t, query, 2)
		exec(t, f, test.write)
		for id := 1; id <= 2; id++ {
			got, asked := f.read(t, query, id)
			if want := readRow(t, f.bare, query, id); got != want {
				t.Errorf("%s: user %d: got %s, the database holds %s", test.write, id, got, want)
			}
			if want := slices.Contains(test.touched, id); asked != want {
				t.Errorf("%s: user %d: was dropped: %t, want %t", test.write, id, asked, want)
			}
		}
	}
}

// f(a, b) = f(b, a): two On with the columns swapped.
func TestWriteSymmetricKeys(t *testing.T) {
	t.Parallel()
	const query = "SELECT count(*) FROM friends WHERE (a = ?1 AND b = ?2) OR (a = ?2 AND b = ?1)"
	f := open(t, "CREATE TABLE friends (a INTEGER, b INTEGER)", moneyclip.Config{Rules: []moneyclip.Rule{{
		Key: "friends::%d::%d", Query: query,
		On: []moneyclip.On{{Table: "friends", Columns: []string{"a", "b"}}, {Table: "friends", Columns: []string{"b", "a"}}},
	}}})
	exec(t, f, "INSERT INTO friends VALUES (7, 8)")
	f.warm(t, query, 1, 2)
	f.warm(t, query, 2, 1)
	f.warm(t, query, 7, 8)
	exec(t, f, "INSERT INTO friends VALUES (2, 1)")
	f.wantMiss(t, query, 1, 2)
	f.wantMiss(t, query, 2, 1)
	f.wantHit(t, query, 7, 8)
}

// Two caches on one store keep each other fresh, whatever their rules.
func TestWriteThroughAnotherCache(t *testing.T) {
	t.Parallel()
	store := moneyclip.NewMemStore(1 << 20)
	f := open(t, social, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store})
	other := newCache(t, moneyclip.Config{Rules: []moneyclip.Rule{followerRule}, Store: store, Logger: f.log.logger()})
	db := f.through(t, other, f.dsn)
	f.warm(t, selectUser, 1)
	readRow(t, db, selectFollowers, 1)
	f.sent()
	readRow(t, db, selectFollowers, 1)
	f.wantSent(t)

	exec(t, db, renameUser, "x", 1) // by the cache that has no rule for it
	f.wantMiss(t, selectUser, 1)
	exec(t, f, "DELETE FROM followers WHERE account_id = 1")
	if got, want := readRow(t, db, selectFollowers, 1), readRow(t, f.bare, selectFollowers, 1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "UPDATE users SET name = 'y' WHERE email = 'ada@example.org'")
	f.wantHit(t, selectUser, 1)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	f.wantMiss(t, selectUser, 1)
	wantUser(t, f.DB, 1, "y")
}

// A query that is seen for the first time while a write is under way teaches its rule what to watch. The write, which
// did not know, drops at its end what was read meanwhile.
func TestWriteLearnsOfRuleMeanwhile(t *testing.T) {
	t.Parallel()
	f := openSocial(t, moneyclip.Rule{Key: "account::followers::account-id-%d", Query: "FollowersCount"})
	wantCount := func(want int) {
		t.Helper()
		var got int
		if err := f.QueryRow(sqlcCount, 1).Scan(&got); err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}
	// In a transaction: the row is stored between the statement and the COMMIT.
	tx, err := f.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec(t, tx, "INSERT INTO followers (account_id, user_id) VALUES (1, 9)")
	wantCount(2)
	wantCount(2)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	wantCount(3)

	// By itself: while the rows that it returns are open.
	f = openSocial(t, moneyclip.Rule{Key: "account::followers::account-id-%d", Query: "FollowersCount"})
	rows, err := f.Query("INSERT INTO followers (account_id, user_id) VALUES (1, 9) RETURNING id")
	if err != nil {
		t.Fatal(err)
	}
	wantCount(2)
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	wantCount(3)
	wantCount(3)
}

// brokenStore is a store that does not take quarantines or releases while it is broken.
type brokenStore struct {
	moneyclip.Store
	quarantine, release, get atomic.Bool
	hangs                    atomic.Bool // and does not even say so
}

var errStore = errors.New("store is broken")

func (s *brokenStore) Quarantine(ctx context.Context, m *moneyclip.Marks, d time.Duration) (string, error) {
	if s.hangs.Load() {
		<-ctx.Done()
		return "", ctx.Err()
	}
	if s.quarantine.Load() {
		return "", errStore
	}
	return s.Store.Quarantine(ctx, m, d)
}

func (s *brokenStore) Release(ctx context.Context, m *moneyclip.Marks) (string, error) {
	if s.release.Load() {
		return "", errStore
	}
	return s.Store.Release(ctx, m)
}

func (s *brokenStore) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	if s.get.Load() {
		return nil, errStore
	}
	return s.Store.Get(ctx, slot)
}

func (s *brokenStore) Lease(ctx context.Context, slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, renew bool) (moneyclip.Grant, error) {
	if s.get.Load() {
		return moneyclip.Grant{}, errStore
	}
	return s.Store.Lease(ctx, slot, token, d, renew)
}

func TestOutageFailOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
		log := new(logged)
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store, Logger: log.logger()})
		f.wantQueries(t, 1, selectUser, 1)
		f.wantQueries(t, 0, selectUser, 1)
		store.quarantine.Store(true)
		store.release.Store(true)
		exec(t, f, renameUser, "renamed", 1) // passes
		for range 2 {
			f.wantQueries(t, 1, selectUser, 1)
			f.wantQueries(t, 1, selectUser, 2) // this process trusts nothing that is stored
			time.Sleep(time.Minute)
		}
		store.quarantine.Store(false)
		store.release.Store(false)
		time.Sleep(time.Second) // between two attempts
		f.wantQueries(t, 1, selectUser, 1)
		f.wantQueries(t, 0, selectUser, 1)
		if !strings.Contains(log.String(), errStore.Error()) {
			t.Errorf("got the log %q, want the store's error", log)
		}
	})
}

// A quarantine that could not be ended is ended later.
func TestOutageOfRelease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store})
		f.wantQueries(t, 1, selectUser, 1)
		store.release.Store(true)
		exec(t, f, renameUser, "renamed", 1)
		f.wantQueries(t, 1, selectUser, 1)
		f.wantQueries(t, 1, selectUser, 1)
		store.release.Store(false)
		time.Sleep(time.Second)
		f.wantQueries(t, 1, selectUser, 1)
		f.wantQueries(t, 0, selectUser, 1)
	})
}

// A distantStore takes a while for a release, and now and then does not hear of one.
type distantStore struct {
	*brokenStore
	asked    atomic.Int64
	released sync.Map // :: writer → true
	again    atomic.Int64
}

func (s *distantStore) Release(ctx context.Context, m *moneyclip.Marks) (string, error) {
	time.Sleep(10 * time.Millisecond)
	if !s.release.Load() {
		if s.asked.Add(1)%400 == 0 {
			return "", errStore
		}
		if _, twice := s.released.LoadOrStore(m.Writer, true); twice {
			s.again.Add(1)
		}
	}
	return s.brokenStore.Release(ctx, m)
}

// What was written in an outage is told several at a time, each once, and every quarantine is ended.
func TestOutageOfManyWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const writes = 1000
		store := &distantStore{brokenStore: &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}}
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store})
		store.release.Store(true)
		for id := range int64(writes) {
			exec(t, f, renameUser, "renamed", id)
		}
		store.release.Store(false)
		time.Sleep(2 * time.Second) // one after the other takes ten
		for id := range int64(writes) {
			if id != 404 {
				f.wantQueries(t, 1, selectUser, id)
				f.wantQueries(t, 0, selectUser, id)
			}
		}
		if n := store.again.Load(); n > 0 {
			t.Errorf("the store was told of %d writes again", n)
		}
	})
}

// A heardStore notes what releases it has taken.
type heardStore struct {
	*brokenStore
	mu   sync.Mutex // protects what follows
	keys map[string]bool
	wide int // releases of generations
}

func (s *heardStore) Release(ctx context.Context, m *moneyclip.Marks) (string, error) {
	version, err := s.brokenStore.Release(ctx, m)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, key := range m.Keys {
			s.keys[key] = true
		}
		s.wide += min(len(m.Generations), 1)
	}
	return version, err
}

// What is kept in an outage is bounded in writes and in memory. Above, everything is dropped instead, once, and everything after it
// by its keys again.
func TestOutageIsBounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		writes, length int // the length of their keys
		wide           int
	}{
		"few writes":  {writes: 10_000, length: 10},
		"many writes": {writes: 10_010, length: 10, wide: 1},
		"few keys":    {writes: 4000, length: 4000},
		"many keys":   {writes: 4400, length: 4000, wide: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &heardStore{brokenStore: &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}, keys: map[string]bool{}}
				rule := moneyclip.Rule{Key: strings.Repeat("k", test.length) + "%d", Table: "followers", By: []string{"account_id"}}
				f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule, rule}, Store: store})
				f.wantQueries(t, 1, selectUser, 1)
				f.wantQueries(t, 0, selectUser, 1)
				store.release.Store(true)
				for i := range test.writes {
					if i == test.writes/2 {
						time.Sleep(time.Second) // attempts to deliver what there is
					}
					exec(t, f, "UPDATE followers SET user_id = 1 WHERE account_id = ?", i)
				}
				store.release.Store(false)
				time.Sleep(time.Second)
				store.mu.Lock()
				if n := len(store.keys); store.wide != test.wide || test.wide == 0 && n != test.writes || test.wide > 0 && (n == 0 || n > 500) {
					t.Errorf("everything was dropped %d times, want %d, and %d keys of %d", store.wide, test.wide, n, test.writes)
				}
				store.mu.Unlock()
				f.wantQueries(t, test.wide, selectUser, 1) // what was not touched is still there
				f.wantQueries(t, 0, selectUser, 1)
			})
		})
	}
}

func TestOutageFailWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store, Outage: moneyclip.FailWrites})
		f.wantQueries(t, 1, selectUser, 1)
		store.quarantine.Store(true)
		_, err := f.Exec(renameUser, "renamed", 1)
		errIs(t, err, moneyclip.ErrCacheDown)
		errIs(t, err, errStore)
		f.wantRow(t, selectUser, 1) // the database has not seen it
		if _, err := f.Exec("UPDATE other SET x = 1"); err != nil && !errors.Is(err, moneyclip.ErrCacheDown) {
			t.Error(err)
		}

		tx, err := f.Begin()
		if err != nil {
			t.Fatal(err)
		}
		exec(t, tx, "UPDATE users SET email = ? WHERE id = ?", "x", 1) // nobody can see it yet
		err = tx.Commit()
		errIs(t, err, moneyclip.ErrCacheDown)
		errIs(t, err, errStore)

		store.quarantine.Store(false)
		time.Sleep(time.Second)
		exec(t, f, renameUser, "renamed", 1)
		f.wantQueries(t, 1, selectUser, 1)
		f.wantQueries(t, 0, selectUser, 1)
	})
}

// Who has little time does not spend it on a store that hangs.
func TestOutageWithLittleTime(t *testing.T) {
	t.Parallel()
	for outage, want := range map[moneyclip.OutagePolicy]error{moneyclip.FailOpen: nil, moneyclip.FailWrites: moneyclip.ErrCacheDown} {
		synctest.Test(t, func(t *testing.T) {
			store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
			f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store, Outage: outage})
			f.wantQueries(t, 1, selectUser, 1)
			f.wantQueries(t, 0, selectUser, 1)
			store.hangs.Store(true)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := f.ExecContext(ctx, renameUser, "renamed", 1)
			if took := time.Since(began); !errors.Is(err, want) || want == nil && err != nil || took >= 100*time.Millisecond {
				t.Errorf("%v: got %v after %v, want %v", outage, err, took, want)
			}
			store.hangs.Store(false)
			time.Sleep(time.Second) // what may have arrived is ended
			f.wantQueries(t, 1, selectUser, 1)
			f.wantQueries(t, 0, selectUser, 1)
		})
	}
}

// P5: the cache is never the reason that a read fails.
func TestOutageOfReads(t *testing.T) {
	t.Parallel()
	store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
	f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Store: store})
	f.wantQueries(t, 1, selectUser, 1)
	store.get.Store(true)
	f.wantQueries(t, 1, selectUser, 1)
	store.get.Store(false)
	f.wantQueries(t, 0, selectUser, 1)
}

// P2: from when a change is visible in the database, nobody gets the old row, even if its writer has not heard yet.
func TestWriteVisibleBeforeAcknowledged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		ends  string // the statement that makes it visible
		write func(t *testing.T, f *fixture)
	}{
		{"alone", renameUser, func(t *testing.T, f *fixture) { exec(t, f, renameUser, "x", 1) }},
		{"after reading", "COMMIT", func(t *testing.T, f *fixture) {
			exec(t, f, "UPDATE users SET name = 'x' WHERE email = 'ada@example.org'")
		}},
		{"in a transaction", "commit", func(t *testing.T, f *fixture) {
			tx, err := f.Begin()
			if err != nil {
				t.Fatal(err)
			}
			exec(t, tx, renameUser, "x", 1)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}},
		{"by texts", "END", func(t *testing.T, f *fixture) {
			conn := raw(t, f.DB)
			exec(t, conn, "BEGIN")
			exec(t, conn, renameUser, "x", 1)
			exec(t, conn, "END")
		}},
		{"in one text", "BEGIN; UPDATE users SET name = 'x' WHERE id = 1; COMMIT", func(t *testing.T, f *fixture) {
			exec(t, f, "BEGIN; UPDATE users SET name = 'x' WHERE id = 1; COMMIT")
		}},
		{"released", "RELEASE a", func(t *testing.T, f *fixture) {
			conn := raw(t, f.DB)
			exec(t, conn, "SAVEPOINT a")
			exec(t, conn, renameUser, "x", 1)
			exec(t, conn, "RELEASE a")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := openSocial(t, userRule)
			f.warm(t, selectUser, 1)
			seen := false
			f.wire.whenDone(func(text string) {
				if text != test.ends || seen {
					return
				}
				seen = true
				for range 2 {
					wantUser(t, f.DB, 1, "x")
				}
			})
			test.write(t, f)
			if !seen {
				t.Errorf("%s was not sent", test.ends)
			}
			f.wantMiss(t, selectUser, 1) // what was read meanwhile was not stored
			f.wantHit(t, selectUser, 1)
		})
	}
}
