package dialecttest

import (
	"database/sql"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// Catalogs carries out statements in an empty database. It returns the catalog of the database, and that which schema makes of
// the same statements without one, with their text. Of several statements, those that fail do not count.
func Catalogs(
	t testing.TB, db *sql.DB, dialect moneyclip.Dialect, schema func(...string) (*moneyclip.Catalog, error), statements ...string,
) (want, got *moneyclip.Catalog, script string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, statement := range statements {
		_, err := conn.ExecContext(t.Context(), statement)
		if err == nil {
			script += statement + ";\n"
		} else if len(statements) == 1 {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	want, err = dialect.Catalog(t.Context(), Asker(conn))
	if err != nil {
		t.Fatal(err)
	}
	got, err = schema(script)
	if err != nil {
		t.Errorf("Schema: %v", err)
	}
	return want, got, script
}
