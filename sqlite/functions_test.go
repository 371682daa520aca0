//go:build cgo

package sqlite_test

import (
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip/sqlite"
)

func TestUncacheable(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	tests := []struct{ query, want string }{
		{"SELECT count(*), max(y), upper(x), json_extract(z, '$.a'), round(sqrt(y)), printf('%d', y) FROM a", ""},
		{"SELECT row_number() OVER (ORDER BY y), group_concat(x, ',') FROM a", ""},
		{"SELECT 1 FROM a WHERE x LIKE ? AND x GLOB 'a*'", ""},
		{"SELECT * FROM json_each('[1]'), json_tree(?)", ""},
		{"SELECT x COLLATE RTRIM FROM a ORDER BY x COLLATE nocase", ""},
		{"SELECT date('2024-02-01', '+1 month'), strftime('%Y', 1092941466, 'unixepoch'), timediff('2024-01-01', '2023-01-01')", ""},
		{"SELECT id FROM va", ""},

		{"SELECT random()", "calls random(), which is volatile"},
		{"SELECT abs(random())", "calls random(), which is volatile"},
		{"SELECT 1 FROM a ORDER BY RANDOM()", "calls random(), which is volatile"},
		{"SELECT 1 FROM a WHERE EXISTS (SELECT changes())", "calls changes(), which is volatile"},
		{"WITH q AS (SELECT last_insert_rowid()) SELECT 1", "calls last_insert_rowid(), which is volatile"},
		{"SELECT my_function(x) FROM a", "calls my_function(), which is not known to be pure"},
		{"SELECT load_extension('x')", "calls load_extension(), which is not known to be pure"},
		{"SELECT sum(y) FILTER (WHERE random() > 0) FROM a", "calls random(), which is volatile"},
		{"SELECT sum(y) OVER (ORDER BY random()) FROM a", "calls random(), which is volatile"},
		{"SELECT 1 LIMIT abs(random())", "calls random(), which is volatile"},
		{"SELECT current_timestamp", "reads CURRENT_TIMESTAMP"},
		{"SELECT 1 FROM a WHERE x < CURRENT_DATE", "reads CURRENT_DATE"},
		{"SELECT date()", "calls date(), which reads the clock"},
		{"SELECT strftime('%s')", "calls strftime(), which reads the clock"},
		{"SELECT date('now')", "calls date(), which may read the clock"},
		{"SELECT julianday('Now')", "calls julianday(), which may read the clock"},
		{"SELECT unixepoch('subsec')", "calls unixepoch(), which may read the clock"},
		{"SELECT date(?)", "calls date(), which may read the clock"},
		{"SELECT date(x) FROM a", "calls date(), which may read the clock"},
		{"SELECT timediff('2024-01-01', x) FROM a", "calls timediff(), which may read the clock"},
		{"SELECT datetime('2024-01-01', 'localtime')", "calls datetime(), which may depend on the zone of the process"},
		{"SELECT datetime('2024-01-01', 'UTC')", "calls datetime(), which may depend on the zone of the process"},
		{"SELECT datetime('2024-01-01', ?)", "calls datetime(), which may depend on the zone of the process"},
		{"SELECT 1 FROM a WHERE x REGEXP 'a'", "uses REGEXP, a function that is not known to be pure"},
		{"SELECT 1 FROM a WHERE x MATCH 'a'", "uses MATCH, a function that is not known to be pure"},
		{"SELECT x COLLATE german FROM a", "uses the collation german, which is not SQLite's own"},
		{"SELECT name FROM sqlite_master", "reads sqlite_master, which is SQLite's own"},
		{"SELECT * FROM sqlite_sequence", "reads sqlite_sequence, which is SQLite's own"},
		{"SELECT * FROM pragma_table_info('a')", "reads pragma_table_info(), a table-valued function"},
		{"SELECT * FROM pragma_user_version", "reads pragma_user_version, which is SQLite's own"},
		{"SELECT * FROM generate_series(1, 5)", "reads generate_series(), a table-valued function"},
		{"SELECT 1 WHERE 1 IN generate_series(1, 5)", "reads generate_series(), a table-valued function"},
		{"SELECT * FROM nowhere", "reads nowhere, which is not a table of the main database"},
		{"SELECT * FROM temp.a", "reads temp.a, which is not a table of the main database"},
		{"SELECT * FROM other.a", "reads other.a, which is not a table of the main database"},
	}
	for _, tt := range tests {
		if got := sqlite.Dialect.Analyze(tt.query, o.catalog).Uncacheable; got != tt.want {
			t.Errorf("Analyze(%q).Uncacheable = %q, want %q", tt.query, got, tt.want)
		}
	}
}

// TestFunctionsExist: a function that is taken for pure and that this SQLite knows is one which SQLite, too, calls
// deterministic, or an aggregate.
func TestFunctionsExist(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	o.conn.RegisterAuthorizer(nil)
	const deterministic = 0x800 // SQLITE_DETERMINISTIC, see https://sqlite.org/c3ref/c_deterministic.html
	rows, err := o.ask(t.Context(), "SELECT DISTINCT name, type, flags FROM pragma_function_list WHERE builtin")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 100 {
		t.Fatalf("SQLite has %d functions, want more", len(rows))
	}
	for _, row := range rows {
		name, kind, flags := row[0].(string), row[1].(string), row[2].(int64)
		if strings.HasPrefix(name, "current_") {
			continue // never called with parentheses
		}
		if kind != "s" || flags&deterministic != 0 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			continue
		}
		if got := sqlite.Dialect.Analyze("SELECT "+name+"(x) FROM a", o.catalog).Uncacheable; got == "" {
			t.Errorf("%s() is taken for pure, SQLite says it is not deterministic", name)
		}
	}
}
