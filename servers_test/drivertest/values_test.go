package drivertest

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/lib/pq"
)

// A keeper is a Scanner that shows what it was given, and keeps it.
type keeper struct {
	Kept any
}

func (k *keeper) Scan(src any) error {
	k.Kept = src
	return nil
}

type (
	word   string
	blob   []byte
	count  int64
	wordly *word
)

// dests are what values are scanned into, by kind.
var dests = []struct {
	kind string
	make []func() any
}{
	{"any, Scanner", []func() any{as[any], as[keeper]}},
	{"text, bytes", []func() any{
		as[string], as[[]byte], as[sql.RawBytes], as[json.RawMessage], as[word], as[blob], as[*string], as[**string], as[*[]byte], as[wordly],
	}},
	{"numbers, bool", []func() any{
		as[int64], as[int], as[int8], as[int32], as[uint64], as[uint8], as[float64], as[float32], as[bool], as[count], as[*int64], as[*float64], as[*bool],
	}},
	{"time.Time", []func() any{as[time.Time], as[*time.Time]}},
	{"sql.Null", []func() any{
		as[sql.NullString], as[sql.NullInt64], as[sql.NullInt32], as[sql.NullInt16], as[sql.NullByte], as[sql.NullFloat64], as[sql.NullBool],
		as[sql.NullTime], as[sql.Null[string]], as[sql.Null[uint64]], as[sql.Null[time.Time]], as[sql.Null[[]byte]],
	}},
	{"pgtype, pq", []func() any{
		as[pgtype.Numeric], as[pgtype.Timestamptz], as[pgtype.Date], as[pgtype.Interval], as[pgtype.UUID], as[pgtype.Text], as[pgtype.Int8], as[pgtype.Bits],
		as[pq.StringArray], as[pq.Int64Array], as[pq.Float64Array], as[pq.BoolArray], as[pq.ByteaArray],
	}},
}

// own are destinations that only a driver can fill, if it has the means (pgx has, since Go 1.27).
var own = []func() any{
	as[[]int64], as[[]string], as[[]*string], as[[][]byte], as[map[string]any], as[netip.Addr], as[netip.Prefix], as[time.Duration],
	as[[16]byte], as[pgtype.Range[pgtype.Int4]], as[pgtype.Array[int64]], as[pgtype.FlatArray[string]], as[*[]int64], as[[]time.Time],
	as[struct{ A int }],
}

func as[T any]() any { return new(T) }

// ways are the ways to run a query.
var ways = []string{"literal", "argument", "prepared"}

// ask runs a query with an id in one of those ways.
func (a *arm) ask(on runner, way, query string, id int) (*sql.Rows, func(), error) {
	switch way {
	case "literal":
		rows, err := on.QueryContext(background, fmt.Sprintf(query, fmt.Sprint(id)))
		return rows, func() {}, err
	case "argument":
		rows, err := on.QueryContext(background, fmt.Sprintf(query, a.text("$1")), id)
		return rows, func() {}, err
	}
	// The text is one of its own: go-sql-driver/mysql prepares the one before, too.
	stmt, err := on.PrepareContext(background, "/* prepared */ "+fmt.Sprintf(query, a.text("$1")))
	if err != nil {
		return nil, func() {}, err
	}
	rows, err := stmt.Query(id)
	return rows, func() { stmt.Close() }, err
}

// scan reads one row into many destinations, and then spoils the bytes that it was given.
func scan(rows *sql.Rows, dests []func() any) string {
	r := &record{}
	r.showColumns(rows)
	for rows.Next() {
		for _, dest := range dests {
			to := dest()
			err := rows.Scan(to)
			if err != nil {
				r.add("into %T: %s", to, showError(err))
				continue
			}
			r.add("into %s", show(to))
		}
		var k keeper
		var raw sql.RawBytes
		rows.Scan(&k)
		b, _ := k.Kept.([]byte)
		spoil(b)
		if rows.Scan(&raw) == nil {
			spoil(raw)
		}
	}
	r.add("end: %s; %s", showError(rows.Err()), showError(rows.Close()))
	return r.String()
}

func spoil(b []byte) {
	for i := range b {
		b[i] = '!'
	}
}

func testValues(t *testing.T, b *base) {
	r := rigUp(t, b, b.server.samples())
	var ordinary []func() any
	for _, d := range dests {
		ordinary = append(ordinary, d.make...)
	}
	for i, k := range b.server.kinds() {
		if b.server == lite && !b.isMain() && !strings.Contains("INTEGER DATE DATETIME TIMESTAMP TIME TEXT", k.name) {
			continue // they are configured for times
		}
		for _, way := range ways {
			if way != "argument" && !b.isMain() {
				continue
			}
			// The NULL is in the row after the last sample, except for the type with the most.
			for id := 1; id <= len(k.samples)+1; id++ {
				name := fmt.Sprintf("%s %d %s", k.name, id, way)
				r.compare("values", name, true, func(a *arm) string {
					return a.scanned(way, fmt.Sprintf("SELECT c%d FROM samples WHERE id = %%s", i), id, ordinary)
				})
				// What pgx says of a NULL there is a matter of chance, since Go 1.27: of the order of a map.
				if way == "argument" && b.server == pg && id <= len(k.samples) {
					r.compare("values", name+" own", false, func(a *arm) string {
						return a.scanned(way, fmt.Sprintf("SELECT c%d AS own FROM samples WHERE id = %%s", i), id, own)
					})
				}
			}
		}
	}
}

func (a *arm) scanned(way, query string, id int, dests []func() any) string {
	rows, done, err := a.ask(a.db, way, query, id)
	defer done()
	if err != nil {
		return showError(err)
	}
	return scan(rows, dests)
}

// compare runs a case in all arms: on the cached one three times, which are a miss and, where it is cacheable, two hits.
func (r *rig) compare(family, name string, cacheable bool, run func(*arm) string) {
	r.t.Helper()
	want := run(r.bare)
	r.same(family, name, "wrapped", want, run(r.plain))
	for _, arm := range []string{"miss", "hit", "hit again"} {
		var got string
		if n := r.cached.hits(func() { got = run(r.cached) }); cacheable && (n > 0) != (arm != "miss") {
			r.t.Errorf("%s/%s: the %s makes %d hits", family, name, arm, n)
		}
		r.same(family, name, arm, want, got)
	}
}
