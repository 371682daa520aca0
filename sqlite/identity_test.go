//go:build cgo

package sqlite_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// identify opens a dsn, runs some statements, and asks.
func identify(t *testing.T, dsn string, statements ...string) moneyclip.Identity {
	t.Helper()
	conn, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := &oracle{conn: conn.(*sqlite3.SQLiteConn)}
	for _, query := range append([]string{"CREATE TABLE IF NOT EXISTS t (a)"}, statements...) {
		if _, err := o.conn.Exec(query, nil); err != nil {
			t.Fatalf("Exec(%q): %v", query, err)
		}
	}
	id, err := sqlite.Dialect.Identify(t.Context(), o.ask, dsn)
	if err != nil {
		t.Fatalf("Identify(%q): %v", dsn, err)
	}
	return id
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	first := identify(t, path)
	if first.Tainted != "" || first.Private || !strings.HasPrefix(first.Scope, "sqlite-") {
		t.Errorf("Identify = %+v, want a scope that is shared", first)
	}

	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, dsn := range []string{"file:" + path + "?_busy_timeout=10", link, filepath.Join(dir, ".", "x", "..", "a.db")} {
		if got := identify(t, dsn); got.Scope != first.Scope {
			t.Errorf("the scope of %q is %q, want %q", dsn, got.Scope, first.Scope)
		}
	}
	if got := identify(t, filepath.Join(dir, "b.db")); got.Scope == first.Scope {
		t.Errorf("two files have one scope, %q", got.Scope)
	}
	if strings.Contains(first.Scope+first.Profile, "a.db") {
		t.Errorf("Identify = %+v shows the path", first)
	}

	// The file's number is likely to be used again.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := identify(t, path); got.Scope == first.Scope {
		t.Errorf("a new file under the old name has the old scope, %q", got.Scope)
	}
}

func TestIdentifyProfile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	plain := identify(t, path).Profile
	seen := map[string]string{plain: ""}
	for name, got := range map[string]string{
		"option":       identify(t, path+"?_loc=UTC").Profile,
		"other option": identify(t, path+"?_loc=Europe/Rome").Profile,
		"full names":   identify(t, path, "PRAGMA full_column_names = on").Profile,
		"short names":  identify(t, path, "PRAGMA short_column_names = off").Profile,
		"reverse":      identify(t, path, "PRAGMA reverse_unordered_selects = on").Profile,
		"case":         identify(t, path, "PRAGMA case_sensitive_like = on").Profile,
	} {
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %q have one profile, %q", name, other, got)
		}
		seen[got] = name
	}
	if again := identify(t, path).Profile; again != plain {
		t.Errorf("two profiles of one session: %q and %q", again, plain)
	}
}

func TestIdentifyTainted(t *testing.T) {
	t.Parallel()
	tests := []struct{ dsn, statement, want string }{
		{"", "ATTACH ':memory:' AS x", "another database is attached"},
		{"", "CREATE TEMP TABLE x (a)", "there are temporary tables, views or triggers"},
		{"", "PRAGMA read_uncommitted = on", "read_uncommitted is on"},
		{"file::memory:?cache=shared", "SELECT 1", "an in-memory database that may be shared: set Config.Scope"},
		{"file:shared?mode=memory&Cache=shared", "SELECT 1", "an in-memory database that may be shared: set Config.Scope"},
		{"file:escaped?mode=memory&c%61che=shared", "SELECT 1", "an in-memory database that may be shared: set Config.Scope"},
	}
	const shared = "its cache is shared (cache=shared), in WAL mode"
	for _, tt := range append(tests, []struct{ dsn, statement, want string }{
		{"file:%s?cache=shared&_journal_mode=WAL", "SELECT 1", shared},
		{"file:%s?cache=shared", "PRAGMA journal_mode = wal", shared},
		{"file:%s?c%61che=%73hare%64&_journal_mode=WAL", "SELECT 1", shared},
		{"file:%s?cache%00x=shared%00y&_journal_mode=WAL", "SELECT 1", shared},
		{"file:%s?cache=shared", "SELECT 1", ""},
		{"file:%s?cache=private&_journal_mode=WAL", "SELECT 1", ""},
		{"file:%s?Cache=Shared&_journal_mode=WAL", "SELECT 1", ""}, // SQLite knows the word in lower case alone
		{"%s?cache=shared&_journal_mode=WAL", "SELECT 1", ""},      // which is no URI, so that SQLite does not see it
	}...) {
		dsn, path := tt.dsn, filepath.Join(t.TempDir(), "a.db")
		if dsn == "" {
			dsn = path
		}
		dsn = strings.Replace(dsn, "%s", path, 1)
		if got := identify(t, dsn, tt.statement); got.Tainted != tt.want {
			t.Errorf("Identify after %q is %+v, want tainted because %q", tt.statement, got, tt.want)
		}
	}
}

func TestIdentifyPrivate(t *testing.T) {
	t.Parallel()
	one, two := identify(t, ":memory:"), identify(t, ":memory:")
	for _, id := range []moneyclip.Identity{one, two} {
		if !id.Private || id.Tainted != "" || id.Scope == "" {
			t.Errorf("Identify = %+v, want a private scope", id)
		}
	}
	if one.Scope == two.Scope {
		t.Errorf("two databases in memory have one scope, %q", one.Scope)
	}
}

func TestIdentifyUnknown(t *testing.T) {
	t.Parallel()
	answer := func(row ...driver.Value) moneyclip.Asker {
		return func(context.Context, string, ...driver.Value) ([][]driver.Value, error) {
			return [][]driver.Value{row}, nil
		}
	}
	zero := int64(0)
	_, err := sqlite.Dialect.Identify(t.Context(), answer("/not/there.db", zero, zero, zero, zero, zero, zero, zero), "x")
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Identify of a file that is gone: %v, want %v", err, os.ErrNotExist)
	}
	if _, err := sqlite.Dialect.Identify(t.Context(), answer(nil), "x"); err == nil {
		t.Errorf("Identify of a short answer: no error")
	}
	id, err := sqlite.Dialect.Identify(t.Context(), answer([]byte(""), zero, zero, zero, zero, zero, zero, zero), "")
	if err != nil || id.Tainted == "" || id.Scope != "" {
		t.Errorf("Identify of a nameless database without a dsn = %+v, %v, want tainted", id, err)
	}
	down := errors.New("down")
	_, err = sqlite.Dialect.Identify(t.Context(),
		func(context.Context, string, ...driver.Value) ([][]driver.Value, error) { return nil, down }, "x")
	if !errors.Is(err, down) {
		t.Errorf("Identify without a database: %v, want %v", err, down)
	}
}
