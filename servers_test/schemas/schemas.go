// Package schemas holds what is said of a schema without a database against what the database says.
package schemas

import (
	"database/sql"
	"fmt"
	"log/slog"
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
// Of several, those that fail do not count. It returns both catalogs.
func Same(t *testing.T, db *sql.DB, dialect moneyclip.Dialect, schema func(...string) (*moneyclip.Catalog, error), statements ...string) (want, got *moneyclip.Catalog) {
	t.Helper()
	want, got, script := dialecttest.Catalogs(t, db, dialect, schema, statements...)
	plainWant, plainGot := plain(want, dialect), plain(got, dialect)
	for name, table := range plainGot {
		real := plainWant[name]
		if real == nil || len(real.Columns) != len(table.Columns) {
			continue
		}
		for i, col := range table.Columns {
			// What a view computes is of a type that is not known, and a default in a loose spelling is no value of a key.
			_, known := col.Default.Const.(moneyclip.Datum)
			switch {
			case col.Type == "?":
				table.Columns[i] = real.Columns[i]
			case col.Default.Const != nil && !known:
				col.Default = real.Columns[i].Default
			}
		}
	}
	if diff := cmp.Diff(plainWant, plainGot, options); diff != "" {
		t.Errorf("(-database +Schema)\n%s\n%s", diff, script)
	}
	return want, got
}

// Alike compares what a cache would do with statements under two catalogs.
func Alike(t *testing.T, dialect moneyclip.Dialect, want, got *moneyclip.Catalog, rules []moneyclip.Rule, each func(explain func(query string, args ...any))) {
	t.Helper()
	var offline [2]*moneyclip.Offline
	for i, catalog := range []*moneyclip.Catalog{want, got} {
		cache, err := moneyclip.New(dialect, moneyclip.Config{Rules: rules, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return // a rule that is none
		}
		defer cache.Close()
		offline[i] = cache.Offline(catalog)
	}
	if diff := cmp.Diff(fmt.Sprint(offline[0].Faults()), fmt.Sprint(offline[1].Faults())); diff != "" {
		t.Errorf("the rules: (-database +Schema)\n%s", diff)
	}
	each(func(query string, args ...any) {
		if diff := cmp.Diff(offline[0].Explain(query, args...).String(), offline[1].Explain(query, args...).String()); diff != "" {
			t.Errorf("(-database +Schema)\n%s", diff)
		}
	})
}

// plain are the tables of a catalog, with lists in one order that do not have one of meaning, and defaults in the form in
// which they are compared.
func plain(catalog *moneyclip.Catalog, dialect moneyclip.Dialect) map[string]*moneyclip.Table {
	tables := map[string]*moneyclip.Table{}
	for name, own := range catalog.Tables {
		t := *own
		tables[name] = &t
		t.Unique, t.Keys, t.Columns = slices.Clone(t.Unique), slices.Clone(t.Keys), slices.Clone(t.Columns)
		slices.SortStableFunc(t.Unique, func(a, b moneyclip.UniqueKey) int { return slices.Compare(a.Columns, b.Columns) })
		slices.SortStableFunc(t.Keys, func(a, b moneyclip.ForeignKey) int {
			return slices.Compare(append([]string{a.Child}, a.Columns...), append([]string{b.Child}, b.Columns...))
		})
		for i := range t.Columns {
			col := *t.Columns[i]
			t.Columns[i] = &col
			if dialect.Keyable(&col) != "" {
				col.Default.Const = nil // it is compared with nothing
			} else if d, ok := dialect.Canonical(&col)(col.Default.Const); ok {
				col.Default.Const = d
			}
		}
	}
	return tables
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
