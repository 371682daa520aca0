package mysql

import (
	"database/sql/driver"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// Which values are equal is compared with a server in servers_test. Here is what must not be taken for known.
func TestCanonical(t *testing.T) {
	for _, tt := range []struct {
		typ, collation string
		values         []driver.Value // one Datum
		others         []driver.Value // none
	}{
		{"int", "", []driver.Value{int64(5), uint64(5), "5", []byte("5"), 5.0}, []driver.Value{"05", " 5", "5x", 5.5, int64(1) << 31, "1234567890123456", time.Time{}, []byte(nil)}},
		{"tinyint", "", []driver.Value{int64(1), true}, []driver.Value{int64(128), int64(-129)}},
		{"bigint unsigned", "", []driver.Value{int64(7)}, []driver.Value{int64(-1), uint64(math.MaxUint64)}},
		{"bigint", "", []driver.Value{int64(math.MinInt64)}, nil},
		{"year", "", []driver.Value{int64(1970), "1970"}, []driver.Value{int64(70), "70", int64(0)}},
		{"decimal(5,2)", "", []driver.Value{"1.50", "01.5", "1.5"}, []driver.Value{"1.555", "1000", 1.5, "1e1"}},
		{"decimal(5,2)", "", []driver.Value{int64(3), "3.00", 3.0}, []driver.Value{int64(1000)}},
		{"double", "", []driver.Value{1.5, "1.5"}, []driver.Value{math.NaN(), math.Inf(1), int64(1)<<53 + 1, "1e0"}},
		{"float", "", nil, []driver.Value{1.5, int64(1)}},
		{"varchar(5)", "utf8mb4_general_ci", []driver.Value{"Abc", "abc ", []byte("ABC")}, []driver.Value{"abcdef", "é", "a\t", int64(1), true, 1.5}},
		{"varchar(5)", "utf8mb4_bin", []driver.Value{"é", "é  "}, []driver.Value{"\xff", "😀", "a\x00"}},
		{"varchar(5)", "utf8mb4_0900_ai_ci", []driver.Value{"a ", "A "}, nil},
		{"char(5)", "utf8mb4_0900_ai_ci", []driver.Value{"a", "A"}, []driver.Value{"a "}},
		{"varchar(5)", "utf8mb4_czech_ci", nil, []driver.Value{"a"}},
		{"varchar(5)", "latin1_swedish_ci", []driver.Value{"a", "A "}, []driver.Value{"é"}},
		{"varchar(5)", "big5_chinese_ci", nil, []driver.Value{"a"}},
		{"varbinary(3)", "", []driver.Value{"a ", []byte("a ")}, []driver.Value{"abcd"}},
		{"binary(3)", "", []driver.Value{"abc"}, []driver.Value{"ab"}},
		{"date", "", []driver.Value{"2024-02-29"}, []driver.Value{"2023-02-29", "2024-2-1", "0000-00-00", time.Now()}},
		{"datetime(3)", "", []driver.Value{"2024-01-01 10:00:00.5", "2024-01-01 10:00:00.500000"}, []driver.Value{"2024-01-01 10:00:00.0001", "2024-01-01"}},
		{"enum('a','b''c','1')", "utf8mb4_general_ci", []driver.Value{"b'c", "B'C "}, []driver.Value{"x", "2", int64(1)}},
		{"smallint", "", []driver.Value{int64(7), "7"}, []driver.Value{int64(1) << 15, int64(-1)<<15 - 1}},
		{"smallint", "", []driver.Value{int64(-1) << 15}, nil},
		{"mediumint unsigned", "", []driver.Value{int64(1)<<24 - 1}, []driver.Value{int64(1) << 24, int64(-1)}},
		{"int", "", []driver.Value{int64(1)<<31 - 1, "2147483647"}, []driver.Value{"2147483648", 1e15}},
		{"bigint", "", []driver.Value{"-5", -5.0}, []driver.Value{"-0", "1234567890123456", 1e15}},
		{"bigint unsigned", "", []driver.Value{uint64(math.MaxInt64)}, []driver.Value{uint64(1) << 63}},
		{"double", "", []driver.Value{int64(1) << 53, float64(1 << 53)}, []driver.Value{int64(-1)<<53 - 1, float64(1<<53 + 2), "1234567890.123456"}},
		{"double", "", []driver.Value{int64(-1) << 53}, nil},
		{"double(5,2)", "", nil, []driver.Value{1.5}},
		{"double unsigned", "", nil, []driver.Value{1.5}},
		{"decimal(5)", "", []driver.Value{int64(3), "3", "03.0"}, []driver.Value{"3.5", "100000"}},
		{"decimal(5,2)", "", []driver.Value{int64(0), "0", "0.00", "00"}, nil},
		{"decimal(5,2)", "", []driver.Value{"0.5", "0.50", "00.500"}, nil},
		{"decimal(30,10)", "", []driver.Value{"123456789012.345"}, []driver.Value{"123456789012.3456"}},
		{"decimal(5,2) unsigned", "", nil, []driver.Value{"1.50"}},
		{"varchar(5)", "", nil, []driver.Value{"a"}},
		{"tinytext", "utf8mb4_bin", []driver.Value{strings.Repeat("a", 63)}, []driver.Value{strings.Repeat("a", 64)}},
		{"text", "utf8mb4_bin", []driver.Value{strings.Repeat("a", 16383)}, []driver.Value{strings.Repeat("a", 16384)}},
		{"mediumtext", "utf8mb4_bin", []driver.Value{strings.Repeat("a", 16384)}, nil},
		{"longtext", "utf8mb4_bin", []driver.Value{strings.Repeat("a", 16384)}, nil},
		{"tinyblob", "", []driver.Value{strings.Repeat("a", 255)}, []driver.Value{strings.Repeat("a", 256)}},
		{"blob", "", []driver.Value{strings.Repeat("a", 65535)}, []driver.Value{strings.Repeat("a", 65536)}},
		{"mediumblob", "", []driver.Value{strings.Repeat("a", 65536)}, nil},
		{"longblob", "", []driver.Value{strings.Repeat("a", 65536)}, nil},
		{"date", "", []driver.Value{}, []driver.Value{"0001-01-01", "2024-02-29 10:00:00"}},
		{"datetime(3)", "", []driver.Value{"2024-01-01 10:00:00", "2024-01-01 10:00:00.000"}, []driver.Value{"2024-02-30 10:00:00"}},
		{"enum('a','b')", "big5_chinese_ci", []driver.Value{}, []driver.Value{"a"}},
		{"varchar(5)", "utf8mb3_bin", []driver.Value{"é", "é "}, nil},
		{"varchar(5)", "utf8_bin", []driver.Value{"é", "é "}, nil},
		{"varchar(5)", "latin1_bin", []driver.Value{"a", "a "}, []driver.Value{"é"}},
		{"varchar(5)", "ascii_general_ci", []driver.Value{"a", "A "}, []driver.Value{"é"}},
		{"varchar(5)", "cp1250_general_ci", nil, []driver.Value{"a"}},
		{"timestamp", "", nil, []driver.Value{"2024-01-01 10:00:00"}},
		{"set('a','b')", "utf8mb4_bin", nil, []driver.Value{"a"}},
		{"json", "utf8mb4_bin", nil, []driver.Value{"1"}},
		{"bit(1)", "", nil, []driver.Value{true, int64(1)}},
	} {
		column := &moneyclip.Column{Name: "c", Type: tt.typ, Collation: tt.collation}
		seen := map[moneyclip.Datum]bool{}
		for _, v := range tt.values {
			d, ok := Dialect.Canonical(column)(v)
			if !ok {
				t.Errorf("%s %s: %T(%v) has no Datum", tt.typ, tt.collation, v, v)
			}
			seen[d] = true
		}
		if len(seen) > 1 {
			t.Errorf("%s %s: %v have %d Datums", tt.typ, tt.collation, tt.values, len(seen))
		}
		for _, v := range tt.others {
			if d, ok := Dialect.Canonical(column)(v); ok {
				t.Errorf("%s %s: %T(%v) has the Datum %v", tt.typ, tt.collation, v, v, fmt.Sprint(d))
			}
		}
		if (Dialect.Keyable(column) != "") != (tt.values == nil) {
			t.Errorf("Keyable(%s %s) = %q", tt.typ, tt.collation, Dialect.Keyable(column))
		}
	}
}

func TestPlainType(t *testing.T) {
	for typ, want := range map[string]string{
		"int(11)": "int", "int(10) unsigned zerofill": "int unsigned", "bigint unsigned": "bigint unsigned", "varchar(20)": "varchar(20)",
		"decimal(10,2)": "decimal(10,2)", "year(4)": "year", "enum('int(1)')": "enum('int(1)')",
	} {
		if got := plainType(typ); got != want {
			t.Errorf("plainType(%q) = %q, want %q", typ, got, want)
		}
	}
}

// A value that has its canonical spelling already is not copied: it is spelled for each read.
func TestCanonicalAllocs(t *testing.T) {
	for _, test := range []struct {
		typ   string
		value driver.Value
	}{
		{"bigint", int64(700)}, {"int unsigned", int64(700)}, {"varchar(255)", "ada@example.org"}, {"char(8)", "ab"}, {"enum('a','b')", "a"},
		{"uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, {"date", "2024-05-06"},
	} {
		spell := Dialect.Canonical(&moneyclip.Column{Type: test.typ, Collation: "utf8mb4_general_ci"})
		if got := testing.AllocsPerRun(100, func() { spell(test.value) }); got != 0 {
			t.Errorf("%s: got %v allocations", test.typ, got)
		}
	}
}
