package stacks

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/mattn/go-sqlite3"
	modernc "modernc.org/sqlite"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// modernc.org/sqlite refuses an argument without a name for a parameter that has one, which mattn/go-sqlite3 does not.
func TestArgumentWithoutName(t *testing.T) {
	const query = "SELECT name FROM users WHERE id = :id"
	for name, base := range map[string]driver.Driver{"sqlite3": &sqlite3.SQLiteDriver{}, "sqlite": &modernc.Driver{}} {
		t.Run(name, func(t *testing.T) {
			dsn := "file:" + filepath.Join(t.TempDir(), "named.db")
			cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "user::%d", Table: "users", By: []string{"id"}}}})
			if err != nil {
				t.Fatal(err)
			}
			connector, err := cache.Driver(base).(driver.DriverContext).OpenConnector(dsn)
			if err != nil {
				t.Fatal(err)
			}
			cached := sql.OpenDB(connector)
			plain, err := sql.Open(name, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cached.Close(); plain.Close(); cache.Close() })
			if _, err := plain.Exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users VALUES (1, 'Ann')"); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				for _, arg := range []any{sql.Named("id", 1), 1, sql.Named("ID", 1)} {
					if got, want := nameOf(cached, query, arg), nameOf(plain, query, arg); got != want {
						t.Errorf("%v: got %s, want %s", arg, got, want)
					}
				}
			}
			if cache.Stats().Hits == 0 {
				t.Error("there are no hits")
			}
		})
	}
}

func nameOf(db *sql.DB, query string, arg any) string {
	var name string
	err := db.QueryRow(query, arg).Scan(&name)
	return fmt.Sprint(name, " ", err)
}
