// Package schemas holds what is said of a schema without a database against what the database says.
package schemas

import (
	"database/sql"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/mysql"
)

var options = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmpopts.EquateEmpty(),
}

// Same carries out statements in an empty database and compares its catalog with what schema says of the same statements.
// Of several, those that fail do not count.
func Same(t *testing.T, db *sql.DB, dialect moneyclip.Dialect, schema func(...string) (*moneyclip.Catalog, error), statements ...string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	script := ""
	for _, statement := range statements {
		_, err := conn.ExecContext(t.Context(), statement)
		if err == nil {
			script += statement + ";\n"
		} else if len(statements) == 1 {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
	want, err := dialect.Catalog(t.Context(), dialecttest.Asker(conn))
	if err != nil {
		t.Fatal(err)
	}
	got, err := schema(script)
	if err != nil {
		t.Errorf("Schema: %v", err)
	}
	for name, table := range got.Tables {
		for i, col := range table.Columns {
			// What a view computes is of a type that is not known.
			if real := want.Tables[name]; col.Type == "?" && real != nil && len(real.Columns) == len(table.Columns) {
				table.Columns[i] = real.Columns[i]
			}
		}
	}
	plain(want, dialect)
	plain(got, dialect)
	if diff := cmp.Diff(want.Tables, got.Tables, options); diff != "" {
		t.Errorf("(-database +Schema)\n%s\n%s", diff, script)
	}
}

// plain puts lists into an order that do not have one of meaning, and defaults into the form in which they are compared.
func plain(catalog *moneyclip.Catalog, dialect moneyclip.Dialect) {
	for _, t := range catalog.Tables {
		slices.SortStableFunc(t.Unique, func(a, b moneyclip.UniqueKey) int { return slices.Compare(a.Columns, b.Columns) })
		slices.SortStableFunc(t.Keys, func(a, b moneyclip.ForeignKey) int {
			return slices.Compare(append([]string{a.Child}, a.Columns...), append([]string{b.Child}, b.Columns...))
		})
		for _, col := range t.Columns {
			if dialect.Keyable(col) != "" {
				col.Default.Const = nil // it is compared with nothing
			} else if d, ok := dialect.Canonical(col, col.Default.Const); ok {
				col.Default.Const = d
			}
		}
	}
}

// MariaDB is [mysql.Schema] for a database of MariaDB, which differs in a few things that are the same to the cache.
func MariaDB(texts ...string) (*moneyclip.Catalog, error) {
	catalog, err := mysql.Schema(append([]string{"ALTER DATABASE COLLATE utf8mb4_general_ci"}, texts...)...)
	for _, t := range catalog.Tables {
		for _, c := range t.Columns {
			if c.Type == "json" {
				c.Type, c.Collation, c.Class = "longtext", "utf8mb4_bin", "longtext utf8mb4_bin"
			}
		}
	}
	return catalog, err
}
