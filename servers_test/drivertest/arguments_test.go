package drivertest

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/lib/pq"
)

type (
	small    int8
	truth    bool
	ratio    float64
	uuid     [16]byte
	stringer int64
	valuer   struct{ value driver.Value }
	pointer  struct{ text string }
	texter   struct{ text string }
	broken   struct{}
)

func (u uuid) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
func (s stringer) String() string             { return fmt.Sprintf("#%d", int64(s)) }
func (v valuer) Value() (driver.Value, error) { return v.value, nil }
func (broken) Value() (driver.Value, error)   { return nil, errors.New("no value today") }

func (p *pointer) Value() (driver.Value, error) {
	if p == nil {
		return "nothing", nil
	}
	return p.text, nil
}

// A texter says one thing as a driver.Valuer and another to pgx.
func (t texter) Value() (driver.Value, error) { return t.text, nil }
func (t texter) TextValue() (pgtype.Text, error) {
	return pgtype.Text{String: t.text + "!", Valid: true}, nil
}
func (t texter) MarshalText() (text []byte, err error) { return []byte(t.text + "?"), nil }
func (u uuid) UUIDValue() (v pgtype.UUID, err error)   { return pgtype.UUID{Bytes: u, Valid: true}, nil }
func to[T any](v T) *T                                 { return &v }
func in(zone *time.Location) time.Time                 { return time.Date(2024, 2, 29, 13, 14, 15, 123456000, zone) }

// An argument stands beside the id in a query. The plain ones make hits wherever the base takes them.
type argument struct {
	name  string
	value any
	plain bool
}

var arguments = []argument{
	{"nil", nil, true}, {"int64", int64(1), true}, {"int", 1, true}, {"int64 2", int64(2), true}, {"int8", int8(1), true}, {"int16", int16(1), true},
	{"int32", int32(1), true}, {"uint8", uint8(1), true}, {"uint16", uint16(1), true}, {"uint32", uint32(1), true}, {"uint64", uint64(1), true},
	{"uint", uint(1), true}, {"max int64", int64(math.MaxInt64), true}, {"max uint64", uint64(math.MaxUint64), false}, {"min int64", int64(math.MinInt64), true},
	{"named int64", count(1), true}, {"named int8", small(1), true}, {"Duration", time.Duration(1), false}, {"Stringer", stringer(1), false},
	{"*int64", to(int64(1)), true}, {"**int64", to(to(int64(1))), true}, {"nil *int64", (*int64)(nil), true}, {"nil **int64", to((*int64)(nil)), true},
	{"float64", 1.0, true}, {"float64 1.1", 1.1, true}, {"-0", math.Copysign(0, -1), true}, {"NaN", math.NaN(), true}, {"Inf", math.Inf(1), true},
	{"float32", float32(1), true}, {"float32 1.1", float32(1.1), false}, {"named float64", ratio(1), true},
	{"true", true, true}, {"false", false, true}, {"named bool", truth(true), true},
	{"string", "1", true}, {"empty string", "", true}, {"string a", "a", true}, {"named string", word("1"), true}, {"*string", to("1"), true},
	{"nil *string", (*string)(nil), true}, {"string with NUL", "a\x00b", false}, {"invalid UTF-8", "a\xff", false}, {"string of an array", "{1,2}", true},
	{"string of a time", "2024-02-29 13:14:15+00", true}, {"string of a uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", true},
	{"[]byte", []byte("1"), true}, {"empty []byte", []byte{}, true}, {"nil []byte", []byte(nil), true}, {"named []byte", blob("1"), true}, {"*[]byte", to([]byte("1")), true},
	{"json.RawMessage", json.RawMessage("1"), false}, {"RawBytes", sql.RawBytes("1"), true},
	{"UTC", in(time.UTC), true}, {"Local", in(time.Local), true}, {"New York", in(zone("America/New_York")), true}, {"fixed zone", in(time.FixedZone("", 19800)), true},
	{"seconds of offset", in(time.FixedZone("", 19801)), true}, {"zero time", time.Time{}, true}, {"*time.Time", to(in(time.UTC)), true}, {"monotonic", time.Now(), true},
	{"Valuer string", valuer{"1"}, true}, {"Valuer int64", valuer{int64(1)}, true}, {"Valuer nil", valuer{nil}, true}, {"Valuer int", valuer{1}, false},
	{"Valuer []byte", valuer{[]byte("1")}, true}, {"Valuer time", valuer{in(time.UTC)}, true}, {"Valuer chan", valuer{make(chan int)}, false}, {"failing Valuer", broken{}, false},
	{"pointer Valuer", &pointer{"1"}, true}, {"nil pointer Valuer", (*pointer)(nil), false}, {"nil Valuer", (*valuer)(nil), true}, {"TextValuer", texter{"1"}, false},
	{"NullString", sql.NullString{String: "1", Valid: true}, true}, {"NullString NULL", sql.NullString{}, true}, {"NullInt64", sql.NullInt64{Int64: 1, Valid: true}, true},
	{"NullTime", sql.NullTime{Time: in(time.UTC), Valid: true}, true}, {"Null[string]", sql.Null[string]{V: "1", Valid: true}, true},
	{"Null[uint64]", sql.Null[uint64]{V: 1, Valid: true}, false},
	{"uuid", uuid{0xa0, 15: 1}, false}, {"[16]byte", [16]byte{0xa0, 15: 1}, false}, {"netip.Addr", netip.MustParseAddr("10.1.2.3"), false}, {"big.Int", big.NewInt(1), false},
	{"pgtype.Text", pgtype.Text{String: "1", Valid: true}, true}, {"pgtype.Int8", pgtype.Int8{Int64: 1, Valid: true}, true}, {"pgtype.Numeric", pgtype.Numeric{Int: big.NewInt(1), Exp: 1, Valid: true}, true},
	{"pgtype.UUID", pgtype.UUID{Bytes: uuid{1}, Valid: true}, true},
	{"[]int64", []int64{1, 2}, false}, {"[]string", []string{"a", "b"}, false}, {"[]any", []any{1, "a"}, false}, {"nil []int64", []int64(nil), false}, {"[]*int64", []*int64{nil}, false},
	{"pq.Array", pq.Array([]int64{1, 2}), true}, {"pq.StringArray", pq.StringArray{"1", "2"}, true}, {"pq.Array of nil", pq.Array([]int64(nil)), true},
	{"map", map[string]any{"a": 1}, false}, {"struct", struct{ A int }{1}, false}, {"*struct", &struct{ A int }{1}, false}, {"func", func() {}, false},
	{"chan", make(chan int), false}, {"complex", 1i, false}, {"error", errors.New("1"), false}, {"sql.Out", sql.Out{Dest: new(int64)}, false},
	{"sql.Named", sql.Named("x", int64(1)), false}, {"QueryExecMode", pgx.QueryExecModeSimpleProtocol, false}, {"pgx.NamedArgs", pgx.NamedArgs{"x": 1}, false},
	{"pgx.QueryResultFormats", pgx.QueryResultFormats{1}, false}, {"long string", strings.Repeat("z", 5000), false},
}

// A question is a query with an id and an argument.
type question struct {
	name, query string
	list        func(v any) []any // all its arguments; nil: 1 and the argument
	free        bool              // it is not cacheable, or not with every plain argument
}

// casts asks for the argument as each of these types.
func casts(format string, types ...string) (list []question) {
	for _, t := range types {
		list = append(list, question{name: t, query: fmt.Sprintf(format, t)})
	}
	return list
}

func (s *server) questions() []question {
	common := []question{
		{name: "key", free: true, query: "SELECT name FROM things WHERE id = $1", list: func(v any) []any { return []any{v} }},
		{name: "text key", free: true, query: "SELECT id, name FROM things WHERE name = $1", list: func(v any) []any { return []any{v} }},
		{name: "predicate", query: "SELECT name FROM things WHERE id = $1 AND n > $2"},
		{name: "no argument", free: true, query: "SELECT name FROM things WHERE id = 1", list: func(v any) []any { return []any{v} }},
		{name: "three for two", free: true, query: "SELECT name FROM things WHERE id = $1 AND n > $2", list: func(v any) []any { return []any{1, v, v} }},
		{name: "id missing", free: true, query: "SELECT name FROM things WHERE id = $1 AND n > $2", list: func(v any) []any { return []any{v} }},
	}
	switch s {
	case pg:
		return slices.Concat(common, casts("SELECT id, $2::%s AS v FROM things WHERE id = $1",
			"text", "int8", "int4", "numeric", "float8", "bool", "bytea", "timestamptz", "timestamp", "interval", "jsonb", "uuid", "int8[]", "text[]", "inet"),
			[]question{
				{name: "untyped", free: true, query: "SELECT id, COALESCE(CAST(NULL AS text), $2) AS v, length($2) AS l FROM things WHERE id = $1"},
				{name: "arithmetic", query: "SELECT id, n / $2 AS v FROM things WHERE id = $1"},
				{name: "mode", free: true, query: "SELECT id, n FROM things WHERE id = $1", list: func(v any) []any { return []any{v, 1} }},
				{name: "named", free: true, query: "SELECT id, @v::text AS v FROM things WHERE id = @id", list: func(v any) []any { return []any{pgx.NamedArgs{"id": 1, "v": v}} }},
			})
	case maria:
		return slices.Concat(common, casts("SELECT id, CAST(? AS %s) AS v FROM things WHERE id = ?", "CHAR", "SIGNED", "BINARY", "DATETIME(6)"),
			[]question{{name: "as it is", query: "SELECT id, ? AS v FROM things WHERE id = ?"}, {name: "HEX", query: "SELECT id, HEX(?) AS v FROM things WHERE id = ?"}})
	}
	return slices.Concat(common, []question{
		{name: "as it is", query: "SELECT id, $2 AS v, typeof($2) AS t FROM things WHERE id = $1"},
		{name: "as text", query: "SELECT id, CAST($2 AS TEXT) AS v, hex($2) AS h FROM things WHERE id = $1"},
		{name: "named", free: true, query: "SELECT id, :v AS v FROM things WHERE id = @id", list: func(v any) []any { return []any{sql.Named("v", v), sql.Named("id", 1)} }},
		{name: "wrong name", free: true, query: "SELECT id, :w AS v FROM things WHERE id = $1", list: func(v any) []any { return []any{1, sql.Named("v", v)} }},
	})
}

// put asks a question.
func (a *arm) put(q *question, prepared bool, v any) string {
	args := []any{1, v}
	switch {
	case q.list != nil:
		args = q.list(v)
	case strings.Contains(q.query, "?"):
		args = []any{v, 1} // in the order of the text
	}
	r := &record{}
	query := a.text(q.query)
	if !prepared {
		r.showRows(a.db.Query(query, args...))
		return r.String()
	}
	stmt, err := a.db.Prepare(query)
	if err != nil {
		return showError(err)
	}
	defer stmt.Close()
	r.showRows(stmt.Query(args...))
	return r.String()
}

// The cache is asked for all arguments one after the other, then again, and then emptied and asked the other way round: so
// each comes before each other, and what one has left there is not what another gets.
func testArguments(t *testing.T, b *base) {
	r := rigUp(t, b)
	for _, q := range b.server.questions() {
		for _, prepared := range []bool{false, true} {
			way := "at once"
			if prepared {
				way = "prepared"
				if !b.isMain() && b.name != "pq binary" {
					continue
				}
			}
			want := make([]string, len(arguments))
			for i, a := range arguments {
				want[i] = r.bare.put(&q, prepared, a.value)
				r.same("arguments", q.name+"/"+way+"/"+a.name, "wrapped", want[i], r.plain.put(&q, prepared, a.value))
			}
			// A key has room for 64 rows.
			for _, window := range [][2]int{{0, 60}, {len(arguments) - 60, len(arguments)}} {
				for _, pass := range []string{"first", "again", "backwards"} {
					if pass != "again" {
						r.forget()
					}
					for n := window[0]; n < window[1]; n++ {
						i := n
						if pass == "backwards" {
							i = window[0] + window[1] - 1 - n
						}
						a, name := &arguments[i], q.name+"/"+way+"/"+arguments[i].name
						var got string
						hits := r.cached.hits(func() { got = r.cached.put(&q, prepared, a.value) })
						r.same("arguments", name, pass, want[i], got)
						if pass == "again" && a.plain && !q.free && hits == 0 && isRow(want[i]) && excuse(b.name, "arguments/"+name+"/hits") == nil {
							t.Errorf("arguments/%s: no hit", name)
						}
					}
				}
			}
		}
	}
}

// isRow reports whether one row is what was shown.
func isRow(shown string) bool {
	return strings.Count(shown, "\nrow [") == 1 && !strings.Contains(shown, "end: error")
}
