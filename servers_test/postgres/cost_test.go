package postgres_test

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/postgres"
)

// PostgreSQL compiles a query that it takes for costly. To compile that for the catalog takes it twenty times as long as to run it
// (300 ms against 12, PostgreSQL 15), and each process that dials would wait for it.
func TestCatalogIsNotCompiled(t *testing.T) {
	conn := connect(t, open(t, "pgx"))
	exec(t, conn, `DO $$ BEGIN
		FOR i IN 1..500 LOOP
			EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text UNIQUE, other int REFERENCES t%s, a int, b int, c int)', i, greatest(i - 1, 1));
		END LOOP; END $$`, "ANALYZE")
	ask := dialecttest.Asker(conn)
	var asked int
	_, err := postgres.Dialect.Catalog(t.Context(), func(ctx context.Context, query string, args ...driver.Value) ([][]driver.Value, error) {
		asked++
		rows, err := ask(ctx, "EXPLAIN (FORMAT JSON) "+query, args...)
		if err != nil {
			return nil, err
		}
		limit, err := ask(ctx, "SELECT setting::float FROM pg_settings WHERE name = 'jit_above_cost'")
		if err != nil {
			return nil, err
		}
		var plans []struct {
			Plan struct {
				Cost float64 `json:"Total Cost"`
			}
		}
		if err := json.Unmarshal(fmt.Appendf(nil, "%s", rows[0][0]), &plans); err != nil {
			return nil, err
		}
		got, most := plans[0].Plan.Cost, limit[0][0].(float64)
		t.Logf("its cost is %.0f, it is compiled above %.0f", got, most)
		if got > most {
			t.Error("it is compiled")
		}
		return ask(ctx, query, args...)
	})
	if err != nil || asked != 1 {
		t.Errorf("Catalog: %v, after %d queries", err, asked)
	}
}
