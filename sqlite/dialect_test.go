//go:build cgo

package sqlite_test

import (
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/sqlite"
)

// open gives an empty database in a file of its own.
func open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", filepath.Join(t.TempDir(), "test.db")+"?_foreign_keys=on")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestDialect(t *testing.T) {
	t.Parallel()
	dialecttest.Exercise(t, sqlite.Dialect, open, dialecttest.Cases{
		DSN: "test.db?_foreign_keys=on",
		Columns: []string{
			"", "INTEGER", "INT", "BIGINT", "TEXT", "TEXT COLLATE NOCASE", "VARCHAR(20) COLLATE RTRIM", "REAL", "DOUBLE PRECISION",
			"NUMERIC", "DECIMAL(10,2)", "BLOB", "BOOLEAN", "INTEGER COLLATE NOCASE",
		},
		Values: []driver.Value{
			int64(0), int64(1), int64(-1), int64(5), int64(1<<53 + 1), int64(1<<63 - 1), int64(-1 << 63), true, false,
			0.0, 1.0, 1.5, -1.0, 0.1, 1e15, 9007199254740993.0,
			"", " ", "0", "1", "01", "1.0", " 1", "1 ", "+1", "-1", "- 1", "1e0", "0x1",
			"abc", "ABC", "abc ", " abc", "äöü", "ÄÖÜ", "1a", "e", "+", ".", "Infinity",
			"nan", "99999999999999999999", "1.5", ".5", "true",
			[]byte("abc"), []byte("1"), []byte{},
		},
		Nasty: []string{
			"PRAGMA", "PRAGMA foo", "ATTACH", "VACUUM", "EXPLAIN", "SELECT [a", "SELECT #1", "SELECT * FROM t INDEXED BY",
			"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", "SELECT sum(1) OVER (PARTITION BY 1 ORDER BY 2)",
		},
	})
}
