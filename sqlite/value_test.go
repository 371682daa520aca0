//go:build cgo

package sqlite_test

import (
	"database/sql/driver"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	tests := []struct {
		columnType, collation string
		value                 driver.Value
		want                  moneyclip.Datum
		ok                    bool
	}{
		{"TEXT", "", int64(7), moneyclip.Text("7"), true},
		{"TEXT", "", true, moneyclip.Text("1"), true},
		{"TEXT", "", 7.0, moneyclip.Datum{}, false},
		{"TEXT", "NOCASE", "ÄBc ", moneyclip.Text("Äbc "), true},
		{"TEXT", "RTRIM", "aB  ", moneyclip.Text("aB"), true},
		{"TEXT", "GERMAN", "a", moneyclip.Datum{}, false},
		{"TEXT", "", "a\x00b", moneyclip.Datum{}, false},
		{"TEXT", "", "\xff", moneyclip.Datum{}, false},
		{"TEXT", "NOCASE", []byte("A"), moneyclip.Bytes([]byte("A")), true},
		{"INTEGER", "", "  +042 ", moneyclip.Int(42), true},
		{"INTEGER", "", "1234567890123456", moneyclip.Datum{}, false},
		{"INTEGER", "", "1.0", moneyclip.Datum{}, false},
		{"DATE", "", "2024-02-01", moneyclip.Text("2024-02-01"), true},
		{"DATE", "", "1e", moneyclip.Text("1e"), true},
		{"INTEGER", "", ".5", moneyclip.Datum{}, false},
		{"INTEGER", "", "one", moneyclip.Text("one"), true},
		{"INTEGER", "", 3.0, moneyclip.Int(3), true},
		{"INTEGER", "", 3.5, moneyclip.Float(3.5), true},
		{"INTEGER", "", int64(math.MaxInt64), moneyclip.Int(math.MaxInt64), true},
		{"INTEGER", "", 1e18, moneyclip.Datum{}, false},
		{"INTEGER", "", math.NaN(), moneyclip.Datum{}, false},
		{"INTEGER", "", math.Inf(1), moneyclip.Datum{}, false},
		{"REAL", "", int64(math.MaxInt64), moneyclip.Datum{}, false},
		{"REAL", "", int64(2), moneyclip.Int(2), true},
		{"DECIMAL", "", int64(math.MaxInt64), moneyclip.Int(math.MaxInt64), true},
		{"BLOB", "", "1", moneyclip.Text("1"), true},
		{"", "", int64(1), moneyclip.Int(1), true},
		{"", "", time.Now(), moneyclip.Datum{}, false},
		{"", "", []byte(nil), moneyclip.Datum{}, false},
		{"FLOATING POINT", "", int64(1), moneyclip.Int(1), true}, // "INT" is found in POINT
		{"CHARINT", "", "1", moneyclip.Int(1), true},
	}
	for _, tt := range tests {
		got, ok := sqlite.Dialect.Canonical(&moneyclip.Column{Name: "c", Type: tt.columnType, Collation: tt.collation})(tt.value)
		if got != tt.want || ok != tt.ok {
			t.Errorf("Canonical(%s %s, %#v) = %+v, %v, want %+v, %v",
				tt.columnType, tt.collation, tt.value, got, ok, tt.want, tt.ok)
		}
	}
}

func TestKeyable(t *testing.T) {
	t.Parallel()
	for collation, want := range map[string]string{
		"": "", "NOCASE": "", "RTRIM": "", "BINARY": "", "GERMAN": "it has the collation GERMAN, which is not SQLite's own",
	} {
		if got := sqlite.Dialect.Keyable(&moneyclip.Column{Type: "TEXT", Collation: collation}); got != want {
			t.Errorf("Keyable(%s) = %q, want %q", collation, got, want)
		}
	}
}

// TestCanonicalAgainstSQLite: two values have one Datum exactly if SQLite calls them equal, and a value that comes back
// from the table has the Datum of the one that went in.
func TestCanonicalAgainstSQLite(t *testing.T) {
	t.Parallel()
	types := []string{
		"", "INTEGER", "TEXT", "REAL", "NUMERIC", "BLOB", "VARCHAR(9)", "BOOLEAN", "DATE", "DOUBLE", "CLOB", "STRING", "BIGINT",
	}
	var definitions []string
	for i, columnType := range types {
		for j, collation := range []string{"", "COLLATE NOCASE", "COLLATE RTRIM", "COLLATE BINARY"} {
			definitions = append(definitions, fmt.Sprintf("c%d_%d %s %s", i, j, columnType, collation))
		}
	}
	conn, err := open(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := &readingTest{T: t, conn: conn}
	r.exec("CREATE TABLE t (" + strings.Join(definitions, ", ") + ")")
	r.exec("BEGIN")
	r.reload()

	rnd := rand.New(rand.NewPCG(3, 4))
	compared, equal := 0, 0
	for range 400 {
		a := randomValue(rnd)
		near := []driver.Value{a, twist(rnd, a), twist(rnd, a), randomValue(rnd)}
		for _, column := range r.catalog.Tables["t"].Columns {
			want, ok := sqlite.Dialect.Canonical(column)(a)
			if !ok {
				continue
			}
			r.exec("DELETE FROM t")
			r.exec("INSERT INTO t ("+column.Name+") VALUES (?)", a)
			back := r.rows("SELECT +" + column.Name + " FROM t")[0][0]
			if got, ok := sqlite.Dialect.Canonical(column)(back); ok && got != want {
				t.Errorf("%s %s: %#v comes back as %#v, which is %+v, want %+v", column.Type, column.Collation, a, back, got, want)
			}
			for _, b := range near {
				got, ok := sqlite.Dialect.Canonical(column)(b)
				if !ok {
					continue
				}
				n := r.rows("SELECT count(*) FROM t WHERE "+column.Name+" = ?", b)[0][0].(int64)
				if (n == 1) != (got == want) {
					t.Errorf("%s %s: %#v = %#v is %v, of one Datum is %v", column.Type, column.Collation, a, b, n == 1, got == want)
				}
				compared++
				equal += int(n)
			}
		}
	}
	if compared < 10_000 || equal < compared/10 || equal > compared*9/10 {
		t.Errorf("%d of %d pairs are equal, which is no test", equal, compared)
	}
}

func randomValue(r *rand.Rand) driver.Value {
	switch r.IntN(6) {
	case 0:
		return r.Int64N(20) - 10
	case 1:
		return r.Int64() - math.MaxInt64/2
	case 2:
		return float64(r.Int64N(40)-20) / 4
	case 3:
		return []byte(strconv.Itoa(r.IntN(20)))
	case 4:
		return r.IntN(2) == 0
	}
	const letters = "aAbZ 019.-+eéÉ"
	var b strings.Builder
	for range r.IntN(5) {
		b.WriteString(string([]rune(letters)[r.IntN(14)]))
	}
	return b.String()
}

// twist makes a value that may be equal to another.
func twist(r *rand.Rand, v driver.Value) driver.Value {
	switch v := v.(type) {
	case int64:
		switch r.IntN(5) {
		case 0:
			return float64(v)
		case 1:
			return strconv.FormatInt(v, 10)
		case 2:
			return " 0" + strconv.FormatInt(v, 10)
		case 3:
			return v + 1
		}
		return []byte(strconv.FormatInt(v, 10))
	case float64:
		if r.IntN(2) == 0 {
			return int64(v)
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		switch r.IntN(5) {
		case 0:
			return strings.ToUpper(v)
		case 1:
			return v + " "
		case 2:
			return strings.TrimSpace(v)
		case 3:
			if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
				return n
			}
		}
		return []byte(v)
	case []byte:
		return string(v)
	case bool:
		if v {
			return "1"
		}
		return int64(0)
	}
	return v
}
