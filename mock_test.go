package moneyclip_test

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/DATA-DOG/go-sqlmock"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// catalogQuery is how the SQLite dialect asks for the schema.
const catalogQuery = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"

// tables are the schema that most tests use. :: table → its definition
var tables = map[string]string{
	"users":     "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE)",
	"followers": "CREATE TABLE followers (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, user_id INTEGER NOT NULL)",
}

// The rules that most tests use.
var (
	userRule     = moneyclip.Rule{Name: "user", Key: "user::id-%d", Table: "users", By: []string{"id"}}
	followerRule = moneyclip.Rule{Key: "account::followers::account-id-%d", Query: selectFollowers, Name: "followers"}
)

const (
	selectUser      = "SELECT id, name FROM users WHERE id = ?"
	selectFollowers = "SELECT count(*) FROM followers WHERE account_id = ?"
)

// A mocked is a database of which every statement is expected beforehand, in order.
type mocked struct {
	*sql.DB
	sqlmock.Sqlmock
	cache *moneyclip.Cache
	log   *logged
}

// openMock opens a mocked database of one connection through a cache. Without a Scope it is asked who it is.
func openMock(t *testing.T, cfg moneyclip.Config) *mocked {
	t.Helper()
	plain, mock, err := sqlmock.NewWithDSN(t.Name(), sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual))
	if err != nil {
		t.Fatal(err)
	}
	m := &mocked{Sqlmock: mock, log: new(logged)}
	cfg.Logger = m.log.logger()
	m.cache = newCache(t, cfg)
	connector, err := m.cache.Driver(plain.Driver()).(driver.DriverContext).OpenConnector(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	m.DB = sql.OpenDB(connector)
	m.SetMaxOpenConns(1)
	t.Cleanup(func() {
		m.Close() // the mock has an error for a Close that nobody expects
		plain.Close()
		if err := m.ExpectationsWereMet(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// Close closes the database; the Close of the mock's expectations is of no use here.
func (m *mocked) Close() error { return m.DB.Close() }

// expectCatalog expects the question for the schema.
func (m *mocked) expectCatalog() {
	rows := sqlmock.NewRows([]string{"type", "name", "tbl_name", "sql"})
	for name, definition := range tables {
		rows.AddRow("table", name, name, definition)
	}
	m.ExpectQuery(catalogQuery).WillReturnRows(rows)
}

// expectUser expects a select of one user.
func (m *mocked) expectUser(id int64, name string) {
	m.ExpectQuery(selectUser).WithArgs(id).WillReturnRows(sqlmock.NewRows([]string{"id", "name"}).AddRow(id, name))
}

// fill reads user 1 through the cache, once from the mock.
func (m *mocked) fill(t *testing.T) {
	t.Helper()
	m.expectUser(1, "ada")
	wantUser(t, m.DB, 1, "ada")
}

// wantUser reads a user.
func wantUser(t *testing.T, db queryer, id int64, want string) {
	t.Helper()
	var gotID int64
	var got string
	if err := db.QueryRowContext(t.Context(), selectUser, id).Scan(&gotID, &got); err != nil {
		t.Fatalf("user %d: %v", id, err)
	}
	if gotID != id || got != want {
		t.Errorf("user %d: got %d, %q, want %q", id, gotID, got, want)
	}
}

// exec runs a statement that must succeed.
func exec(t *testing.T, db execer, query string, args ...any) sql.Result {
	t.Helper()
	result, err := db.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return result
}

// newCache makes a cache for SQLite that is closed at the end of the test.
func newCache(t testing.TB, cfg moneyclip.Config) *moneyclip.Cache {
	t.Helper()
	cache, err := moneyclip.New(sqlite.Dialect, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return cache
}

// errIs checks that an error is the very value that the base driver gave.
func errIs(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want the driver's own %v", got, want)
	}
}

// logged is what a cache has logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer // protected by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
