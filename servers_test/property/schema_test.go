package property

import (
	"database/sql"
	"strings"
	"testing"

	moneyclipmysql "github.com/moneyclip/moneyclip/mysql"
	moneyclippostgres "github.com/moneyclip/moneyclip/postgres"

	"github.com/moneyclip/moneyclip/internal/propertytest"
	"github.com/moneyclip/moneyclip/servers_test/schemas"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

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
			schemas.Same(t, db, moneyclippostgres.Dialect, moneyclippostgres.Schema, scripts.Example(seed).Schema.DDL...)
			if t.Failed() {
				return
			}
		}
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		m := newMariaDB(t, moneyclipmysql.Dialect)
		scripts := propertytest.Scripts(m)
		for seed := range 60 {
			sc := scripts.Example(seed).Schema
			if strings.Contains(strings.Join(sc.DDL, ""), "UUID") {
				continue // the parser does not know that type: the table is opaque
			}
			if _, err := m.Open(sc); err != nil {
				t.Fatal(err)
			}
			schemas.Same(t, m.databases[0], m.Dialect(), schemas.MariaDB, sc.DDL...)
			if t.Failed() {
				return
			}
		}
	})
}
