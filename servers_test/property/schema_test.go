package property

import (
	"database/sql"
	"testing"

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
}
