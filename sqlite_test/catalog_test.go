package sqlite_test

import (
	"database/sql"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/internal/propertytest"
	"github.com/moneyclip/moneyclip/sqlite"
)

var everything = cmp.Exporter(func(reflect.Type) bool { return true })

// sameCatalog compares what a database says after some statements with what is said of it without one. Of several, those that
// fail do not count.
func sameCatalog(t *testing.T, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want, got, script := dialecttest.Catalogs(t, db, sqlite.Dialect, sqlite.Schema, statements...)
	if diff := cmp.Diff(want.Tables, got.Tables, everything, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-database +Schema)\n%s\n%s", diff, script)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../examples/sqlc/sqlite/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	const base = `CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE DEFAULT 'x', UNIQUE (name));
		CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a (id) ON DELETE CASCADE, c TEXT DEFAULT (lower('X')), d AS (c || 'x'));
		CREATE INDEX i ON b (c); CREATE UNIQUE INDEX j ON b (a, c) WHERE c > 'a';
		CREATE VIEW v AS SELECT b.c AS e, a.name FROM b JOIN a ON a.id = b.a;
		CREATE TRIGGER r AFTER UPDATE OF c ON b BEGIN UPDATE a SET name = new.c WHERE id = new.a; END;
		CREATE TRIGGER w INSTEAD OF DELETE ON v BEGIN DELETE FROM b WHERE c = old.e; END;`
	for name, script := range map[string]string{
		"example":        string(example),
		"base":           base,
		"options":        "CREATE TABLE t (a TEXT, b ANY, PRIMARY KEY (a, b) ON CONFLICT REPLACE) STRICT, WITHOUT ROWID; CREATE TABLE u (\"a b\" 'quoted type')",
		"if not exists":  base + "CREATE TABLE IF NOT EXISTS a (x); CREATE INDEX IF NOT EXISTS i ON a (name); DROP VIEW IF EXISTS nowhere",
		"temporary":      base + "CREATE TEMP TABLE t (x); CREATE TEMP VIEW u AS SELECT 1; DROP TABLE temp.t",
		"no schema":      base + "INSERT INTO a VALUES (1, 'a'); PRAGMA foreign_keys = on; BEGIN; DELETE FROM a; COMMIT",
		"add column":     base + "ALTER TABLE a ADD COLUMN x INTEGER NOT NULL DEFAULT 7; ALTER TABLE b ADD y REFERENCES a (name) ON UPDATE SET NULL",
		"drop column":    base + "ALTER TABLE a ADD COLUMN x INTEGER; ALTER TABLE a DROP COLUMN x",
		"rename table":   base + "ALTER TABLE a RENAME TO z",
		"rename other":   base + "ALTER TABLE b RENAME TO z",
		"rename column":  base + "ALTER TABLE a RENAME COLUMN name TO called",
		"rename key":     base + "ALTER TABLE a RENAME id TO key",
		"rename old":     base + "ALTER TABLE b RENAME c TO cc",
		"rename child":   base + "ALTER TABLE b RENAME COLUMN a TO aa",
		"drop":           base + "DROP TRIGGER w; DROP VIEW v; DROP INDEX j; DROP TABLE b",
		"twelve steps":   base + "DROP VIEW v; CREATE TABLE b2 (id INTEGER PRIMARY KEY, a INT); INSERT INTO b2 SELECT id, a FROM b; DROP TABLE b; ALTER TABLE b2 RENAME TO b",
		"other's parent": "PRAGMA foreign_keys = off; " + base + "DROP VIEW v; DROP TRIGGER r; CREATE TABLE a2 (id INTEGER PRIMARY KEY, n INT); DROP TABLE a; ALTER TABLE a2 RENAME TO a",
		"goose":          "-- +goose Up\n-- +goose StatementBegin\n" + base + "\n-- +goose StatementEnd",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sameCatalog(t, script)
		})
	}
}

func TestSchemaOfRandomScripts(t *testing.T) {
	t.Parallel()
	scripts := propertytest.Scripts(newDatabase(t))
	for seed := range 100 {
		sameCatalog(t, scripts.Example(seed).Schema.DDL...)
		if t.Failed() {
			return
		}
	}
}

// What cannot be known is said.
func TestSchemaDoubts(t *testing.T) {
	t.Parallel()
	catalog, err := sqlite.Schema("CREATE TABLE a (id INTEGER);\nNONSENSE;", "ALTER TABLE a FROB;\nCREATE TABLE b AS SELECT 1; DROP TABLE c;"+
		"CREATE TABLE d (x); CREATE VIEW v AS SELECT x FROM d, (SELECT 1 AS x); ALTER TABLE d RENAME x TO w;"+
		"-- +goose down\nCREATE TABLE f (x)", "BEGIN; ALTER TABLE d ADD y; ROLLBACK")
	want := "schema text 1, statement 2 (line 2): it is not understood\nschema text 2, statement 3 (line 2): there is no table c\n" +
		"schema text 3, statement 3 (line 1): it undoes what was done before"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want\n%s", err, want)
	}
	for name, opaque := range map[string]string{
		"a": "a statement about it is not understood", "b": "its definition is not understood", "v": "its definition is not understood", "d": "",
	} {
		if got := catalog.Tables[name]; got == nil || got.Opaque != opaque {
			t.Errorf("%s: got %+v, want Opaque %q", name, got, opaque)
		}
	}
}
