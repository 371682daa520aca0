package property

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/propertytest"
	moneyclipmysql "github.com/moneyclip/moneyclip/mysql"
	moneyclippostgres "github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/schemas"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// sameSchema compares what is said of a script's schema and statements without the database with what is said with it.
func sameSchema(t *testing.T, db *sql.DB, dialect moneyclip.Dialect, schema func(...string) (*moneyclip.Catalog, error), sc propertytest.Script) bool {
	t.Helper()
	want, got := schemas.Same(t, db, dialect, schema, sc.Schema.DDL...)
	for _, caching := range sc.Caching {
		schemas.Alike(t, dialect, want, got, caching.Rules, func(explain func(query string, args ...any)) {
			for _, step := range sc.Steps {
				explain(step.Query, step.Args...)
			}
			for _, probe := range caching.Probes {
				explain(probe.Query, probe.Args...)
			}
		})
	}
	if t.Failed() {
		t.Log(strings.Join(sc.Schema.DDL, ";\n"))
	}
	return !t.Failed()
}

// Without a server the same is said of random schemas as with it.
func TestSchemas(t *testing.T) {
	t.Parallel()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db, err := sql.Open("pgx", servers.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		scripts := propertytest.Scripts(newPostgres(t, moneyclippostgres.Dialect))
		for seed := range 60 {
			if _, err := db.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
				t.Fatal(err)
			}
			if !sameSchema(t, db, moneyclippostgres.Dialect, moneyclippostgres.Schema, scripts.Example(seed)) {
				return
			}
		}
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		if servers.MySQL() {
			t.Skip("some of the schemas are MariaDB's alone")
		}
		m := newMariaDB(t, moneyclipmysql.Dialect)
		scripts := propertytest.Scripts(m)
		for seed := range 60 {
			sc := scripts.Example(seed)
			if strings.Contains(strings.Join(sc.Schema.DDL, ""), "UUID") {
				continue // the parser does not know that type: the table is opaque
			}
			if _, err := m.Open(sc.Schema); err != nil {
				t.Fatal(err)
			}
			if !sameSchema(t, m.databases[0], m.Dialect(), schemas.MariaDB, sc) {
				return
			}
		}
	})
}
