package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/propertytest"
	"github.com/moneyclip/moneyclip/sqlite"
)

type handle = propertytest.Handle

// shallowDriver is one whose triggers give up soon: random ones may fire each other without end.
var shallowDriver = &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
	c.SetLimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 3)
	return nil
}}

// database is where scripts are carried out: files in a folder of the test's.
type database struct {
	language
	folder string
}

func newDatabase(t *testing.T) database { return database{folder: t.TempDir()} }

// Name is the name in reports.
func (database) Name() string { return "sqlite" }

// Dialect is SQLite's.
func (database) Dialect() moneyclip.Dialect { return sqlite.Dialect }

// Traits are SQLite's.
func (database) Traits() propertytest.Traits {
	return propertytest.Traits{Cursors: true, Savepoints: true, Overlap: 8}
}

// Open makes two files.
func (db database) Open(s *propertytest.Schema) (*propertytest.Place, error) {
	dir, err := os.MkdirTemp(db.folder, "")
	if err != nil {
		return nil, err
	}
	fires := 0
	if slices.Contains(s.Options, recursive) {
		fires = 1
	}
	dsn := func(name string) string {
		return fmt.Sprintf("file:%s?_journal_mode=WAL&_foreign_keys=on&_busy_timeout=5&_synchronous=OFF&_recursive_triggers=%d",
			filepath.Join(dir, name), fires)
	}
	return &propertytest.Place{
		Driver: shallowDriver,
		DSN:    dsn("main.db"), Mirror: dsn("mirror.db"),
		Close: func() error { return os.RemoveAll(dir) },
	}, nil
}

// Error shows an error with its type.
func (database) Error(err error) string { return fmt.Sprintf("%T: %[1]v", err) }

// Locked is never so of a read: readers do not wait.
func (database) Locked(string) bool { return false }

// Stale is never so: SQLite prepares again by itself.
func (database) Stale(error) bool { return false }

// InTransaction asks SQLite.
func (database) InTransaction(conn *sql.Conn, _ bool) bool {
	is := false
	conn.Raw(func(c any) error {
		is = !c.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	return is
}

// Names lists the tables.
func (database) Names(db *sql.DB) (names []string, err error) {
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		err = errors.Join(err, rows.Scan(&name))
		names = append(names, name)
	}
	return names, errors.Join(err, rows.Err())
}

// Judge says what to make of outcomes that are not equal.
func (database) Judge(m *propertytest.Mismatch) propertytest.Verdict {
	st, got, want := m.Step, m.Got, m.Want
	switch {
	case st.Schema && got.Err == "" && want.Err == "":
		return propertytest.Alike // what is affected is what the statement before has left
	case strings.Contains(st.Query, " RETURNING ") && (st.Way == propertytest.ByExec ||
		want.Err == "" && st.Way != propertytest.ByQuery && st.Way != propertytest.ByPreparedQuery):
		return propertytest.Alike // of rows that are not read to their end the driver does not hear whether they were written
	case got.Err != "" && strings.Contains(want.Err, "FOREIGN KEY"):
		return propertytest.Alike // OR FAIL: both the statement and its COMMIT have failed
	case m.Overlap && strings.Contains(got.Err+want.Err, "database is locked"):
		// A statement that fails is committed all the same when it was read for, which ends the snapshot of others; one
		// that returns rows is over before they are read.
		return propertytest.Apart
	case m.SchemaChanged && want.Err != "", got.Err != "" && strings.Contains(want.Err, "triggers nested too deep"):
		// A connection of the plain driver finds out about a schema that another one has changed when it next reads, and
		// may fail over the old one. One of ours may have read already.
		if got.Err == "" {
			return propertytest.Apart
		}
		return propertytest.Alike
	}
	return propertytest.Different
}
