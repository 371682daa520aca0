package sqlite_test

import (
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
)

// declaredTypes are those that SQLite's documentation and its drivers have an opinion about, and some that they have not.
var declaredTypes = strings.Split("INTEGER|INT|BIGINT|TINYINT|UNSIGNED BIG INT|BOOLEAN|BOOL|REAL|DOUBLE|FLOAT|NUMERIC|DECIMAL(10,5)|"+
	"TEXT|VARCHAR(255)|CHARACTER(20)|NCHAR(55)|CLOB|BLOB|DATE|DATETIME|TIMESTAMP|TIME|JSON|UUID||ANY THING", "|")

// valuesOf :: name → SQL literal
var valuesOf = map[string]string{
	"null":              "NULL",
	"zero":              "0",
	"one":               "1",
	"negative":          "-1",
	"two":               "2",
	"max int":           "9223372036854775807",
	"min int":           "-9223372036854775808",
	"float":             "1.5",
	"float of integer":  "3.0",
	"large float":       "1e300",
	"infinity":          "9e999",
	"text":              "'text'",
	"empty text":        "''",
	"number in text":    "'42'",
	"not UTF-8":         "CAST(x'ff00fe' AS TEXT)",
	"text with NUL":     "'a' || char(0) || 'b'",
	"long text":         "replace(hex(zeroblob(300)), '00', 'é')",
	"blob":              "x'00ff10'",
	"empty blob":        "x''",
	"zeroblob":          "zeroblob(3)",
	"date":              "'2024-02-29'",
	"date and time":     "'2024-02-29 23:59:59'",
	"with fraction":     "'2024-02-29 23:59:59.123456789'",
	"with T and Z":      "'2024-02-29T23:59:59Z'",
	"with zone":         "'2024-02-29 23:59:59.5+05:30'",
	"no date":           "'2024-13-99'",
	"unix seconds":      "1709251199",
	"unix milliseconds": "1709251199123",
	"julian day":        "2460370.5",
	"JSON":              `'{"a": [1, null]}'`,
	"true":              "true",
	"computed":          "1 + 1",
}

// A hit gives what a miss gives, and what the driver gives without the cache: the same Go types and bytes, the same
// columns and answers about them, and the same errors.
func TestValues(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", "&_loc=Europe/Berlin"} {
		t.Run("options "+options, func(t *testing.T) {
			t.Parallel()
			var schema strings.Builder
			columns := []string{"id INTEGER PRIMARY KEY"}
			for i, declared := range declaredTypes {
				columns = append(columns, fmt.Sprintf("c%d %s", i, declared))
			}
			fmt.Fprintf(&schema, "CREATE TABLE v (%s);\n", strings.Join(columns, ", "))
			ids := map[string]int{}
			for name, literal := range valuesOf {
				ids[name] = len(ids) + 1
				fmt.Fprintf(&schema, "INSERT INTO v VALUES (%d%s);\n", ids[name], strings.Repeat(", "+literal, len(declaredTypes)))
			}
			s := openStackWith(t, options, schema.String(), moneyclip.Config{Rules: []moneyclip.Rule{{Key: "v-%d", Table: "v", By: []string{"id"}}}})
			for name, id := range ids {
				for _, prepared := range []bool{false, true} {
					for i, declared := range declaredTypes {
						if options != "" && !strings.Contains(declared, "T") { // the location is that of times
							continue
						}
						query := fmt.Sprintf("SELECT c%d, c%[1]d AS named, c%[1]d || '' FROM v WHERE id = ?", i)
						want := seen(t, s.bare, prepared, query, id)
						before := s.cache.Stats().Hits
						for read, what := range []string{"miss", "hit"} {
							if got := seen(t, s.DB, prepared, query, id); !slices.Equal(got, want) {
								t.Fatalf("%s in a column %q, prepared %t: %s (- bare, + wrapped):\n%s",
									name, declared, prepared, what, cmp.Diff(want, got))
							}
							if hits := s.cache.Stats().Hits - before; read > 0 && hits == 0 {
								t.Fatalf("%s in a column %q, prepared %t: got no hit", name, declared, prepared)
							}
						}
					}
				}
			}
		})
	}
}

// seen is all that a program can see of a query of one row.
func seen(t *testing.T, db *sql.DB, prepared bool, query string, args ...any) []string {
	t.Helper()
	var list []string
	see := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	var rows *sql.Rows
	var err error
	if prepared {
		stmt, prepareErr := db.Prepare(query)
		if prepareErr != nil {
			t.Fatal(prepareErr)
		}
		defer stmt.Close()
		rows, err = stmt.Query(args...)
	} else {
		rows, err = db.Query(query, args...)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	see("columns %q %v", columns, err)
	seeTypes := func() {
		types, err := rows.ColumnTypes()
		see("types %v", err)
		for _, c := range types {
			length, hasLength := c.Length()
			nullable, hasNullable := c.Nullable()
			precision, scale, hasDecimal := c.DecimalSize()
			see("%s %s %v %d %t %t %t %d %d %t", c.Name(), c.DatabaseTypeName(), c.ScanType(),
				length, hasLength, nullable, hasNullable, precision, scale, hasDecimal)
		}
	}
	seeTypes()
	if !rows.Next() {
		t.Fatalf("%s: got no row, %v", query, rows.Err())
	}
	seeTypes()
	values := make([]any, len(columns))
	dest := make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	see("scan %v", rows.Scan(dest...))
	for _, v := range values {
		see("%T %#v", v, v)
		if at, ok := v.(time.Time); ok {
			see("location %v, UTC %t, Local %t", at.Location(), at.Location() == time.UTC, at.Location() == time.Local)
		}
	}
	// The same row, as a program would rather have it.
	for _, dest := range []any{
		new(string), new([]byte), new(int64), new(float64), new(bool), new(time.Time),
		new(sql.NullString), new(sql.NullInt64), new(sql.NullTime), new(sql.Null[[]byte]), new(int8), new(uint64),
		new(sql.RawBytes), // the last: it forbids another Scan
	} {
		all := make([]any, len(columns))
		all[0] = dest
		for i := range all[1:] {
			all[i+1] = new(any)
		}
		err := rows.Scan(all...)
		see("scan into %T: %v %#v", dest, err, reflect.ValueOf(dest).Elem())
	}
	see("next %t %v", rows.Next(), rows.Err())
	see("next result %t, close %v", rows.NextResultSet(), rows.Close())
	return list
}

// Arguments are echoed by a hit as by the driver.
func TestValuesOfArguments(t *testing.T) {
	t.Parallel()
	s := openStack(t, "CREATE TABLE v (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO v VALUES (1, 'x')",
		moneyclip.Config{Rules: []moneyclip.Rule{{Key: "v-%d", Table: "v", By: []string{"id"}}}})
	zone := time.FixedZone("somewhere", 3600)
	for _, arg := range []any{
		nil, 0, int64(1) << 62, 1.5, 0.1, true, false, "", "text", "a\x00b", []byte{}, []byte(nil), []byte("b"),
		time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC), time.Date(2024, 2, 29, 1, 2, 3, 4, zone), time.Time{},
		sql.NullString{}, sql.NullString{String: "x", Valid: true},
	} {
		for _, query := range []string{"SELECT ?, x FROM v WHERE id = ?", "SELECT typeof(?), x FROM v WHERE id = ?"} {
			want := firstRow(t, s.bare, query, arg, 1)
			for range 3 {
				if got := firstRow(t, s.DB, query, arg, 1); got != want {
					t.Errorf("%s with %T %v: got %s, want %s", query, arg, arg, got, want)
				}
			}
		}
	}
}
