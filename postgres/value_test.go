package postgres

import (
	"database/sql/driver"
	"math"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A value has the name of those that PostgreSQL calls equal to it, and none where that is not certain.
func TestCanonical(t *testing.T) {
	east := time.FixedZone("", 2*3600)
	noon := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	text := func(s string) moneyclip.Datum { return moneyclip.Text(s) }
	type value struct {
		value driver.Value
		want  moneyclip.Datum // the zero one: none
	}
	for typ, values := range map[string][]value{
		"smallint": {{int64(1), moneyclip.Int(1)}, {int64(99999), moneyclip.Int(99999)}},
		"integer":  {{int64(-1), moneyclip.Int(-1)}, {"1", moneyclip.Int(1)}},
		"bigint": {
			{int64(-7), moneyclip.Int(-7)}, {7.0, moneyclip.Int(7)}, {-7.0, moneyclip.Int(-7)}, {float64(1 << 53), moneyclip.Int(1 << 53)},
			{" +7\n", moneyclip.Int(7)}, {"-07", moneyclip.Int(-7)}, {"0000000000000000000007", moneyclip.Int(7)}, {"9223372036854775807", moneyclip.Int(math.MaxInt64)},
			{value: 1.5}, {value: float64(1<<53 + 2)}, {value: "1.0"}, {value: "1e2"}, {value: "1_000"}, {value: "0x1"}, {value: ""},
			{value: "9223372036854775808"}, {value: []byte("7")}, {value: true}, {value: nil},
		},
		"oid": {
			{int64(0), moneyclip.Int(0)}, {int64(math.MaxUint32), moneyclip.Int(math.MaxUint32)}, {"7", moneyclip.Int(7)},
			{value: int64(-1)}, {value: int64(math.MaxUint32 + 1)}, {value: "-1"},
		},
		"numeric": {
			{int64(5), text("5")}, {1.5, text("1.5")}, {"1.50", text("1.5")}, {" 1e2 ", text("100")}, {".5", text("0.5")}, {"-0", text("0")},
			{value: math.NaN()}, {value: math.Inf(1)}, {value: "NaN"}, {value: "1/2"}, {value: "1e1000"}, {value: "0x1"}, {value: true},
			{value: "1" + zeros(maxDigits)}, {"1" + zeros(maxDigits-1), text("1" + zeros(maxDigits-1))},
		},
		"numeric(6)":    {{int64(5), text("5")}, {"5.0", text("5")}, {value: "5.5"}},
		"numeric(10,2)": {{"1.50", text("1.5")}, {"1.25", text("1.25")}, {value: "1.005"}},
		"numeric(3,-2)": {{value: int64(100)}, {value: int64(123)}},
		"double precision": {
			{int64(2), moneyclip.Float(2)}, {0.5, moneyclip.Float(0.5)}, {math.Copysign(0, -1), moneyclip.Float(0)}, {" 1e2 ", moneyclip.Float(100)},
			{int64(1 << 53), moneyclip.Float(1 << 53)}, {int64(-1 << 53), moneyclip.Float(-1 << 53)},
			{value: int64(1<<53 + 1)}, {value: int64(-1<<53 - 1)}, {value: math.NaN()}, {value: math.Inf(-1)}, {value: "NaN"}, {value: "inf"},
			{value: "0x1p4"}, {value: "1e999"}, {value: "x"}, {value: true},
		},
		"boolean": {
			{true, text("true")}, {false, text("false")}, {"t", text("true")}, {" TRUE ", text("true")}, {"y", text("true")}, {"yes", text("true")},
			{"on", text("true")}, {"1", text("true")}, {"f", text("false")}, {"false", text("false")}, {"n", text("false")}, {"no", text("false")},
			{"off", text("false")}, {"0", text("false")}, {value: "maybe"}, {value: int64(1)},
		},
		"text": {
			{"a ", text("a ")}, {"", text("")}, {int64(12), text("12")}, {value: []byte("a")}, {value: "\xff"}, {value: "a\x00"}, {value: 1.5},
		},
		"character varying":    {{"a ", text("a ")}},
		"character varying(3)": {{"äöü", text("äöü")}, {value: "abcd"}, {value: "abc "}},
		"character(4)":         {{"ab  ", text("ab")}, {"abcd    ", text("abcd")}, {value: "abcde"}, {" a", text(" a")}},
		"name":                 {{zeros(63), text(zeros(63))}, {value: zeros(64)}},
		"public.citext":        {{"AbC", text("abc")}, {value: "Ä"}},
		"enum public.mood":     {{"Happy", text("Happy")}},
		"uuid": {
			{"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A1F", text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1f")},
			{"{a0ee-bc99-9c0b4ef8-bb6d-6bb9-bd38-0a1f}", text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1f")},
			{value: "a0eebc999c0b4ef8bb6d6bb9bd380a1"}, {value: "a0eebc999c0b4ef8bb6d6bb9bd380a1g"}, {value: "{a0eebc999c0b4ef8bb6d6bb9bd380a1f"},
			{value: "a0eebc999c0b4ef8bb6d6bb9bd380a1f}"}, {value: "-a0eebc999c0b4ef8bb6d6bb9bd380a1f"}, {value: "a0eebc999c0b4ef8bb6d6bb9bd380a1f-"},
			{value: "0a0eebc999c0b4ef8bb6d6bb9bd380a1f}"}, {value: "{a0eebc999c0b4ef8bb6d6bb9bd380a1f0"},
			{value: "/0eebc999c0b4ef8bb6d6bb9bd380a1f"}, {value: "a0eebc99--9c0b4ef8bb6d6bb9bd380a1f"}, {value: "a0-eebc999c0b4ef8bb6d6bb9bd380a1f"}, {value: make([]byte, 16)},
			{value: "G0eebc999c0b4ef8bb6d6bb9bd380a1f"}, {value: "@0eebc999c0b4ef8bb6d6bb9bd380a1f"}, {value: ":0eebc999c0b4ef8bb6d6bb9bd380a1f"},
		},
		"date": {
			{"2024-02-29", text("2024-02-29")}, {noon, text("2024-02-29")}, {time.Date(2024, 2, 29, 12, 0, 0, 1, time.UTC), text("2024-02-29")},
			{value: "2023-02-29"}, {value: "2024-2-29"}, {value: "29.02.2024"}, {value: "2024-02-29 12:00:00"}, {value: noon.In(east)},
			{value: "infinity"}, {value: "0000-01-01"}, {value: int64(1)}, {value: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
			{value: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)},
		},
		"timestamp without time zone": {
			{noon, text("2024-02-29T12:00:00.000000")}, {"2024-02-29T12:00:00.5", text("2024-02-29T12:00:00.500000")},
			{"2024-02-29 12:00:00", text("2024-02-29T12:00:00.000000")}, {noon.Add(time.Microsecond), text("2024-02-29T12:00:00.000001")},
			{value: noon.Add(1)}, {value: noon.In(east)}, {value: "2024-02-29"}, {value: "2024-02-30 12:00:00"}, {value: "2024-02-29 12:00:00+00"},
			{value: "2024-02-29 12:00:00.1234567"}, {value: "2024-02-29 1:00:00"}, {value: "2024-02-29 12:00:00,5"},
		},
		"timestamp(1) without time zone": {
			{noon.Add(500 * time.Millisecond), text("2024-02-29T12:00:00.500000")}, {value: noon.Add(50 * time.Millisecond)},
		},
		"timestamp with time zone": {
			{noon.In(east), text("2024-02-29T12:00:00.000000Z")}, {"2024-02-29 14:00:00+02", text("2024-02-29T12:00:00.000000Z")},
			{"2024-02-29T14:30:00.5+02:30", text("2024-02-29T12:00:00.500000Z")}, {"2024-02-29 12:00:00Z", text("2024-02-29T12:00:00.000000Z")},
			{value: "2024-02-29 12:00:00"}, {value: "2024-02-30 12:00:00Z"}, {value: "2024-02-29 12:00:00 UTC"},
		},
		"bytea":      {{[]byte("a"), moneyclip.Bytes([]byte("a"))}, {[]byte{}, moneyclip.Bytes([]byte{})}, {value: "a"}, {value: []byte(nil)}},
		"json":       {{value: "1"}, {value: int64(1)}},
		"text[]":     {{value: "{}"}},
		"real":       {{value: 1.5}, {value: int64(1)}},
		"numeric(x)": {{value: int64(1)}},
	} {
		column := &moneyclip.Column{Name: "c", Type: typ}
		for _, v := range values {
			got, ok := Dialect.Canonical(column)(v.value)
			if want := v.want != (moneyclip.Datum{}); ok != want || ok && got != v.want {
				t.Errorf("Canonical(%s, %T(%v)) = %v, %v, want %v, %v", typ, v.value, v.value, got, ok, v.want, want)
			}
		}
	}
	loose := &moneyclip.Column{Name: "c", Type: "text", Collation: "loose" + nondeterministic}
	if got, ok := Dialect.Canonical(loose)("a"); ok {
		t.Errorf("Canonical of a text under a nondeterministic collation = %v, want none", got)
	}
}

func zeros(n int) string {
	list := make([]byte, n)
	for i := range list {
		list[i] = '0'
	}
	return string(list)
}

func TestKeyable(t *testing.T) {
	for typ, want := range map[string]bool{
		"bigint": true, "numeric(10,2)": true, "character(4)": true, "public.citext": true, "enum public.mood": true, "bytea": true,
		"real": false, "json": false, "text[]": false, "interval": false, "time without time zone": false, "": false,
	} {
		if got := Dialect.Keyable(&moneyclip.Column{Type: typ}); (got == "") != want {
			t.Errorf("Keyable(%s) = %q, want it to be a key: %v", typ, got, want)
		}
	}
	if got := Dialect.Keyable(&moneyclip.Column{Type: "text", Collation: "loose" + nondeterministic}); got == "" {
		t.Errorf("a column with a nondeterministic collation can be a key")
	}
}

// A value that has its canonical spelling already is not copied: it is spelled for each read.
func TestCanonicalAllocs(t *testing.T) {
	for typ, value := range map[string]driver.Value{
		"bigint": int64(700), "integer": int64(700), "text": "ada@example.org", "character varying(255)": "ada@example.org",
		"uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "boolean": true, "public.citext": "ada@example.org",
	} {
		spell := Dialect.Canonical(&moneyclip.Column{Type: typ})
		if got := testing.AllocsPerRun(100, func() { spell(value) }); got != 0 {
			t.Errorf("%s: got %v allocations", typ, got)
		}
	}
}
