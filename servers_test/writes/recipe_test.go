package writes

import (
	"database/sql/driver"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	lite "github.com/moneyclip/moneyclip/sqlite"
)

// SQLite's own recipe for what ALTER TABLE cannot do writes to the schema, and a pragma makes that the schema for all.
func TestSchemaByPragma(t *testing.T) {
	for _, tt := range []struct {
		about, base, options string
		steps                []string
	}{
		{"mattn", "sqlite3", "?_foreign_keys=on", nil},
		{"modernc", "sqlite", "?_pragma=foreign_keys(1)", nil},
		{"mattn, in a transaction", "sqlite3", "?_foreign_keys=on", []string{"BEGIN IMMEDIATE", "COMMIT"}},
		{"modernc, in a transaction", "sqlite", "?_pragma=foreign_keys(1)", []string{"BEGIN IMMEDIATE", "COMMIT"}},
	} {
		t.Run(tt.about, func(t *testing.T) {
			const read = "SELECT count(*) FROM c WHERE p = ?"
			dsn := "file:" + filepath.Join(t.TempDir(), "test.db") + tt.options
			base, db, cache := withRule(t, lite.Dialect, tt.base, dsn, read, "CREATE TABLE p (id INTEGER PRIMARY KEY)", "INSERT INTO p VALUES (1), (2)",
				"CREATE TABLE c (id INTEGER PRIMARY KEY, p INT REFERENCES p)", "INSERT INTO c VALUES (1, 1), (2, 2)")
			answer(db, read, 1)
			steps := []string{
				"PRAGMA writable_schema = ON", "UPDATE sqlite_schema SET sql = replace(sql, 'REFERENCES p', 'REFERENCES p ON DELETE CASCADE') WHERE name = 'c'",
				"PRAGMA schema_version = 1234", "PRAGMA writable_schema = OFF",
			}
			if tt.steps != nil {
				steps = append(append(tt.steps[:1:1], steps...), tt.steps[1])
			}
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, query := range steps {
				do(t, c, query)
			}
			c.Raw(func(any) error { return driver.ErrBadConn }) // it is not put back
			c.Close()
			answer(db, read, 1)
			answer(db, read, 1)
			if cache.Stats().Hits == 0 {
				t.Error("there was no hit")
			}
			do(t, db, "DELETE FROM p WHERE id = 1")
			wantSame(t, base, db, "a cascade that the recipe has made", read, 1)
		})
	}
}
