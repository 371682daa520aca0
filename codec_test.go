package moneyclip

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func encodeRow(t testing.TB, r *Row) []byte {
	t.Helper()
	b, err := r.AppendBinary(nil)
	if err != nil {
		t.Fatalf("AppendBinary: %v", err)
	}
	return b
}

func decodeRow(t testing.TB, b []byte) *Row {
	t.Helper()
	r := new(Row)
	if err := r.UnmarshalBinary(b); err != nil {
		t.Fatalf("UnmarshalBinary: %v", err)
	}
	return r
}

func compareRows(t *testing.T, got, want *Row) {
	t.Helper()
	if !reflect.DeepEqual(got.columns, want.columns) && len(got.columns)+len(want.columns) > 0 {
		t.Errorf("columns: got %+v, want %+v", got.columns, want.columns)
	}
	if fmt.Sprintf("%q", got.names) != fmt.Sprintf("%q", want.names) {
		t.Errorf("names: got %q, want %q", got.names, want.names)
	}
	if got.found != want.found || len(got.values) != len(want.values) {
		t.Fatalf("got %d values (found: %v), want %d (%v)", len(got.values), got.found, len(want.values), want.found)
	}
	for i := range want.values {
		if !sameValue(got.values[i], want.values[i]) {
			t.Errorf("value %d: got %#v, want %#v", i, got.values[i], want.values[i])
		}
	}
}

func loadLocation(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no time zones here: %v", err)
	}
	return loc
}

func TestRowBinaryValues(t *testing.T) {
	t.Parallel()
	values := []driver.Value{
		nil, true, false,
		int64(0), int64(1), int64(-1), int64(math.MaxInt64), int64(math.MinInt64),
		uint64(0), uint64(math.MaxInt64) + 1, uint64(math.MaxUint64),
		float32(0), float32(1.1), float32(math.Inf(-1)), float32(math.NaN()), math.Float32frombits(1 << 31),
		0.0, 1.1, math.Inf(1), math.NaN(), math.Float64frombits(0x7ff8000000000123), math.Copysign(0, -1),
		"", "x", "\x00", "\xff\xfe", strings.Repeat("é", 1000),
		[]byte(nil), []byte{}, []byte{0}, []byte("bytes"), bytes.Repeat([]byte{0xff}, 1000),
	}
	for _, v := range values {
		// Among others, because texts and bytes of a row share memory.
		want := NewRow([]string{"a", "b", "c", "d"}, []driver.Value{"first", v, []byte("third"), "last"})
		compareRows(t, decodeRow(t, encodeRow(t, want)), want)
	}
	want := NewRow(make([]string, len(values)), values)
	compareRows(t, decodeRow(t, encodeRow(t, want)), want)
}

func TestRowBinaryTimes(t *testing.T) {
	t.Parallel()
	locations := map[string]*time.Location{
		"UTC":                time.UTC,
		"Local":              time.Local,
		"no name":            time.FixedZone("", 3600),
		"no name, no offset": time.FixedZone("", 0),
		"UTC by name only":   time.FixedZone("UTC", 0),
		"a minute":           time.FixedZone("LMT", -17762),
		"a city's name":      time.FixedZone("Europe/Berlin", 3600),
		"Europe/Berlin":      loadLocation(t, "Europe/Berlin"),
		"America/St_Johns":   loadLocation(t, "America/St_Johns"),
		"Etc/GMT+5":          loadLocation(t, "Etc/GMT+5"), // one offset at all times, and another name
		"Etc/UTC":            loadLocation(t, "Etc/UTC"),
		"CET":                loadLocation(t, "CET"), // its own name in winter
		"long name":          time.FixedZone(strings.Repeat("zone", 100), 60),
	}
	instants := []time.Time{
		{},
		time.Unix(0, 0),
		time.Unix(0, -1),
		time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC),
		time.Date(2026, 7, 3, 4, 5, 6, 999_999_999, time.UTC),
		time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), // an hour that Berlin has twice
		time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC),
		time.Date(-4713, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(294276, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Now(), // with a monotonic clock reading
	}
	for name, loc := range locations {
		for _, instant := range instants {
			want := instant.In(loc)
			r := decodeRow(t, encodeRow(t, NewRow([]string{"t"}, []driver.Value{want})))
			got, ok := r.values[0].(time.Time)
			if !ok || !sameValue(got, want) {
				t.Errorf("%s: got %#v, want %#v", name, r.values[0], want)
				continue
			}
			if got != got.Round(0) {
				t.Errorf("%s: got %v with a monotonic clock reading", name, got)
			}
			// What a program computes from it is the same too.
			g, w := got.AddDate(0, 6, 0), want.AddDate(0, 6, 0)
			if g.Format(time.RFC3339Nano) != w.Format(time.RFC3339Nano) {
				t.Errorf("%s: half a year after %v: got %v, want %v", name, want, g, w)
			}
		}
	}
}

func TestRowBinaryColumns(t *testing.T) {
	t.Parallel()
	want := &Row{description: new(description), found: true}
	types := []reflect.Type{
		nil, reflect.TypeFor[*any](), reflect.TypeFor[*string](), reflect.TypeFor[*time.Time](),
		reflect.TypeFor[sql.NullInt64](), reflect.TypeFor[sql.RawBytes](), reflect.TypeFor[*sql.RawBytes](),
	}
	for _, scanType := range append(types, scanTypes[:]...) {
		want.columns = append(want.columns,
			column{name: "c", scanType: scanType},
			column{name: "", databaseType: "VARCHAR", scanType: scanType, length: math.MaxInt64, hasLength: true},
			column{name: "c", scanType: scanType, nullable: true, hasNullable: true},
			column{name: "c", scanType: scanType, nullable: true},
			column{name: "c", scanType: scanType, hasNullable: true},
			column{name: "é", scanType: scanType, precision: 10, scale: -2, hasDecimal: true},
			column{name: "c", scanType: scanType, length: -1, precision: math.MinInt64, scale: 1},
		)
	}
	for i := range want.columns {
		want.names = append(want.names, want.columns[i].name)
		want.values = append(want.values, int64(i))
	}
	for range 2 { // decoded, and remembered or not
		compareRows(t, decodeRow(t, encodeRow(t, want)), want)
	}
	none := &Row{description: want.description}
	compareRows(t, decodeRow(t, encodeRow(t, none)), none)
	compareRows(t, decodeRow(t, encodeRow(t, new(Row))), NewRow(nil, nil))
	compareRows(t, decodeRow(t, encodeRow(t, NewRow(nil, nil))), NewRow(nil, nil))
	compareRows(t, decodeRow(t, encodeRow(t, NewRow(nil, []driver.Value{}))), NewRow(nil, []driver.Value{}))
}

// What a version of a driver says of a column is no part of what was stored.
func TestRowEqual(t *testing.T) {
	t.Parallel()
	row := func(c column, v driver.Value) *Row {
		return &Row{description: &description{columns: []column{c}, names: []string{c.name}}, found: true, values: []driver.Value{v}}
	}
	one := row(column{name: "at"}, "x")
	for other, want := range map[*Row]bool{
		row(column{name: "at", precision: 6, hasDecimal: true}, "x"): true,
		row(column{name: "by"}, "x"):                                 false,
		row(column{name: "at"}, "y"):                                 false,
	} {
		if one.equal(other) != want {
			t.Errorf("%+v and %+v: want %t", one, other, want)
		}
	}
}

// The numbers of scan types and tags are in stored rows, which programs of another version read.
func TestRowBinaryIsStable(t *testing.T) {
	t.Parallel()
	r := &Row{
		description: &description{
			columns: []column{
				{name: "id", databaseType: "INT8", scanType: reflect.TypeFor[int64]()},
				{name: "at", databaseType: "T", scanType: reflect.TypeFor[*sql.NullTime](), nullable: true, hasNullable: true},
			},
			names: []string{"id", "at"},
		},
		found:  true,
		values: []driver.Value{int64(-2), time.Unix(1, 2).In(time.FixedZone("Z", 60))},
	}
	const want = "\x01\x18\x02\x02id\x04INT8\x07\x00\x00\x00\x00\x02at\x01T\x9a\x06\x00\x00\x00" +
		"\x01\x03\x03\x0c\x02\x02\x01Z\x78"
	got := encodeRow(t, r)
	if body := string(got[:len(got)-checksumLen]); body != want {
		t.Errorf("got %q, want %q", body, want)
	}
	if g, w := len(scanTypes), 28; g < w || scanTypes[w-1] != reflect.TypeFor[sql.Null[uint64]]() {
		t.Errorf("a scan type has lost its number")
	}
}

func TestRowBinaryUnknownTypes(t *testing.T) {
	t.Parallel()
	type secret struct{ Password string }
	for name, test := range map[string]struct {
		row  *Row
		want string
	}{
		"value": {
			NewRow([]string{"a", "b"}, []driver.Value{int64(1), secret{"hunter2"}}),
			"column 2: a value of type moneyclip.secret has no byte form",
		},
		"small integer": {
			NewRow([]string{"a"}, []driver.Value{int32(1234567)}),
			"column 1: a value of type int32 has no byte form",
		},
		"scan type": {
			&Row{description: &description{columns: []column{{name: "hunter2", scanType: reflect.TypeFor[secret]()}}}},
			"column 1: scan type moneyclip.secret has no byte form",
		},
		"pointer to a pointer": {
			&Row{description: &description{columns: []column{{scanType: reflect.TypeFor[**int]()}}}},
			"column 1: scan type **int has no byte form",
		},
	} {
		b := []byte("before")
		got, err := test.row.AppendBinary(b)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got error %v, want %q", name, err, test.want)
		}
		if string(got) != "before" {
			t.Errorf("%s: got %q, want what was there before", name, got)
		}
	}
	nameless, err := time.LoadLocationFromTZData("No/Where", tzData(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewRow([]string{"t"}, []driver.Value{time.Now().In(nameless)}).AppendBinary(nil); err == nil {
		t.Error("a time in a location that nobody can look up: got no error")
	}
	impostor, err := time.LoadLocationFromTZData("Asia/Tokyo", tzData(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewRow([]string{"t"}, []driver.Value{time.Now().In(impostor)}).AppendBinary(nil); err == nil {
		t.Error("a time in a location by the name of another: got no error")
	}
}

// tzData is a location that has two zones, one after the other, as the time package reads it.
func tzData(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("TZif\x00")
	b.Write(make([]byte, 15))
	for _, n := range []uint32{0, 0, 0, 1, 2, 8} { // UTC/local, standard/wall, leap, times, zones, name bytes
		binary.Write(&b, binary.BigEndian, n)
	}
	binary.Write(&b, binary.BigEndian, int32(86400*365)) // a time
	b.WriteByte(1)                                       // its zone
	binary.Write(&b, binary.BigEndian, int32(3600))
	b.Write([]byte{0, 0})
	binary.Write(&b, binary.BigEndian, int32(7200))
	b.Write([]byte{0, 4})
	b.WriteString("AAA\x00BBB\x00")
	return b.Bytes()
}

// sealRow gives a body the checksum that it would have if it were meant.
func sealRow(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.Checksum(body, castagnoli))
}

func sampleRow() *Row {
	r := NewRow(
		[]string{"id", "name", "data", "at", "none"},
		[]driver.Value{int64(1), "name", []byte("data"), time.Date(2026, 1, 2, 3, 4, 5, 6, time.FixedZone("X", 60)), nil},
	)
	r.columns[0].databaseType = "INT8"
	return r
}

func TestRowBinaryCorrupt(t *testing.T) {
	t.Parallel()
	good := encodeRow(t, sampleRow())
	body := good[:len(good)-checksumLen]
	cases := map[string][]byte{
		"nil":                 nil,
		"empty":               {},
		"short":               {rowVersion, 0, 0, 0},
		"a text":              []byte("name,42,2026-11-22T00:00:00Z"),
		"another version":     sealRow(append([]byte{rowVersion + 1}, body[1:]...)),
		"more":                sealRow(append(bytes.Clone(body), 0)),
		"no columns":          sealRow([]byte{rowVersion}),
		"endless columns":     sealRow([]byte{rowVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}),
		"many columns":        sealRow([]byte{rowVersion, 5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0}),
		"no number":           sealRow([]byte{rowVersion, 1, 0xff, 0}),
		"long number":         sealRow([]byte{rowVersion, 2, 0x80, 0x00, 0}),
		"a head that is none": sealRow([]byte{rowVersion, 1, 0, 4}),
		"no values":           sealRow([]byte{rowVersion, 8, 1, 0, 0, 1, 0, 0, 0, 0, 1}),
		"a value and no row":  sealRow([]byte{rowVersion, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, tagNil}),
		"scan type":           sealRow([]byte{rowVersion, 8, 1, 0, 0, 0x7f, 0, 0, 0, 0, 0}),
		"pointer to nil":      sealRow([]byte{rowVersion, 8, 1, 0, 0, 0x80, 0, 0, 0, 0, 0}),
		"flags":               sealRow([]byte{rowVersion, 8, 1, 0, 0, 1, 0x10, 0, 0, 0, 0}),
	}
	value := func(b ...byte) []byte {
		return sealRow(append([]byte{rowVersion, 8, 1, 0, 0, 1, 0, 0, 0, 0, 1}, b...))
	}
	cases["tag"] = value(200)
	cases["float32"] = value(tagFloat32, 1, 2, 3)
	cases["float64"] = value(tagFloat64, 1, 2, 3)
	cases["int"] = value(tagInt64)
	cases["text"] = value(tagString, 200, 1, 'x')
	cases["bytes"] = value(tagBytes, 2, 'x')
	cases["nanoseconds"] = value(tagTimeUTC, 0, 0x80, 0x94, 0xeb, 0xdc, 0x03)
	cases["zone"] = value(append([]byte{tagTimeZone, 0, 0, 7}, "No/Such"...)...)
	cases["zone of a file"] = value(append([]byte{tagTimeZone, 0, 0, 10}, "../../etc/"...)...)
	cases["zone UTC"] = value(tagTimeZone, 0, 0, 3, 'U', 'T', 'C')
	cases["zone Local"] = value(tagTimeZone, 0, 0, 5, 'L', 'o', 'c', 'a', 'l')
	cases["zone without a name"] = value(tagTimeZone, 0, 0, 0)
	cases["offset"] = value(tagTimeFixed, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
	for i := range good {
		cases[fmt.Sprintf("cut at %d", i)] = good[:i]
		if i < len(body) {
			cases[fmt.Sprintf("body cut at %d", i)] = sealRow(body[:i])
		}
		flipped := bytes.Clone(good)
		flipped[i] ^= 0x10
		cases[fmt.Sprintf("bit of %d", i)] = flipped
	}
	for name, b := range cases {
		r := NewRow([]string{"before"}, nil)
		err := r.UnmarshalBinary(b)
		if !errors.Is(err, errCorruptRow) {
			t.Errorf("%s: got error %v, want %v", name, err, errCorruptRow)
		}
		if r.names[0] != "before" || r.found {
			t.Errorf("%s: the row was changed", name)
		}
	}
}

// A row keeps nothing of the bytes that it was made of: their buffer is used again.
func TestRowBinaryKeepsNothing(t *testing.T) {
	t.Parallel()
	want := sampleRow()
	b := encodeRow(t, want)
	got := decodeRow(t, b)
	for i := range b {
		b[i] = 'x'
	}
	compareRows(t, got, want)
	// Nor do the bytes of one value reach into those of the next.
	r := decodeRow(t, encodeRow(t, NewRow([]string{"a", "b"}, []driver.Value{[]byte("aa"), []byte("bb")})))
	_ = append(r.values[0].([]byte), "overwritten"...)
	compareRows(t, r, NewRow([]string{"a", "b"}, []driver.Value{[]byte("aa"), []byte("bb")}))
}

func TestNewRow(t *testing.T) {
	t.Parallel()
	columns, values := []string{"a", "b"}, []driver.Value{[]byte("x"), nil}
	r := NewRow(columns, values)
	columns[0], values[0].([]byte)[0], values[1] = "changed", 'y', 1
	compareRows(t, r, NewRow([]string{"a", "b"}, []driver.Value{[]byte("x"), nil}))
	if r := NewRow(columns, nil); r.Found() {
		t.Error("without values: got a row, want none")
	}
	defer func() {
		if recover() == nil {
			t.Error("one value for two columns: got no panic")
		}
	}()
	NewRow(columns, values[:1])
}

// bytesAllocated is how many bytes f allocates, whatever else is going on: the least of some runs.
func bytesAllocated(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// Bytes that lie about how much comes do not make the decoder take more than a small multiple of what is there.
func TestRowBinaryAllocatesLittle(t *testing.T) {
	// Not parallel: it measures the memory of the whole process.
	const columns = 100_000
	block := binary.AppendUvarint(nil, columns)
	block = append(block, bytes.Repeat([]byte{0, 0, 1, 0, 0, 0, 0}, columns)...)
	body := binary.AppendUvarint([]byte{rowVersion}, uint64(len(block)))
	body = append(append(body, block...), 1)
	after := func(values ...byte) []byte {
		return sealRow(append(bytes.Clone(body), bytes.Repeat(values, columns)...))
	}
	half := bytes.Repeat([]byte{tagString, 1, 'x', tagBytes, 1, 'x'}, columns/2)
	for name, b := range map[string][]byte{
		"no value":           sealRow(body),
		"empty bytes":        after(tagBytes, 0),
		"texts":              after(tagString, 1, 'x'),
		"texts and bytes":    sealRow(append(bytes.Clone(body), half...)),
		"a length that lies": after(tagString, 0xff, 0xff, 0xff, 0x7f),
	} {
		if got, want := bytesAllocated(func() { new(Row).UnmarshalBinary(b) }), uint64(32*len(b)); got > want {
			t.Errorf("%s: got %d bytes allocated for %d, want at most %d", name, got, len(b), want)
		}
	}
}

func FuzzRow(f *testing.F) {
	// rows
	f.Add(encodeRow(f, sampleRow()))
	f.Add(encodeRow(f, NewRow(nil, nil)))
	f.Add(encodeRow(f, NewRow([]string{"a", "b", "c", "d"}, []driver.Value{[]byte(nil), []byte{}, "", nil})))
	f.Add(encodeRow(f, NewRow([]string{"a", "b", "c"}, []driver.Value{uint64(1 << 63), float32(1.5), 0.1})))
	f.Add(encodeRow(f, NewRow([]string{"a", "b"}, []driver.Value{time.Unix(0, 0), time.Unix(1, 1).UTC()})))
	f.Add(encodeRow(f, NewRow([]string{"a"}, []driver.Value{time.Unix(0, 0).In(loadLocation(f, "Europe/Berlin"))})))
	// what is none
	f.Add([]byte{})
	f.Add([]byte{rowVersion, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		// As it is, and as it would be if its last bytes were the right checksum: otherwise few would pass.
		candidates := [][]byte{b}
		if len(b) >= checksumLen {
			candidates = append(candidates, sealRow(b[:len(b)-checksumLen]))
		}
		for _, b := range candidates {
			var r Row
			if err := r.UnmarshalBinary(b); err != nil {
				if !errors.Is(err, errCorruptRow) {
					t.Fatalf("got error %v, want %v", err, errCorruptRow)
				}
				continue
			}
			again := encodeRow(t, &r)
			if !bytes.Equal(again, b) {
				t.Fatalf("got %q, want %q", again, b)
			}
			compareRows(t, decodeRow(t, again), &r)
		}
	})
}

// FuzzRowValues goes the other way: from values to bytes and back.
func FuzzRowValues(f *testing.F) {
	f.Add("column", "text", []byte("bytes"), int64(1), 1.5, uint8(0))
	f.Add("", "", []byte(nil), int64(-62135596801), math.Inf(-1), uint8(255))
	f.Fuzz(func(t *testing.T, name, text string, raw []byte, n int64, fl float64, choice uint8) {
		at := time.Unix(n, int64(choice)*1000)
		switch choice % 4 {
		case 1:
			at = at.UTC()
		case 2:
			at = at.In(time.FixedZone(text, int(int32(n))))
		case 3:
			at = at.In(loadLocation(t, "America/New_York"))
		}
		want := NewRow(
			[]string{name, "", name, "b", "c", "d", "e", "f"},
			[]driver.Value{text, raw, n, uint64(n), fl, float32(fl), at, choice&1 == 0},
		)
		want.columns[0].databaseType = text
		want.columns[1].length, want.columns[1].hasLength = n, choice&2 != 0
		want.columns[2].scanType = scanTypes[int(choice)%len(scanTypes)]
		compareRows(t, decodeRow(t, encodeRow(t, want)), want)
	})
}

func benchmarkRow() *Row {
	return NewRow(
		[]string{"id", "email", "name", "bio", "score", "active", "created_at", "updated_at"},
		[]driver.Value{
			int64(123456), "someone@example.com", "Some One", []byte(strings.Repeat("bio ", 20)), 12.5, true,
			time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 0)),
		},
	)
}

func BenchmarkRowAppendBinary(b *testing.B) {
	r := benchmarkRow()
	buf := encodeRow(b, r)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = r.AppendBinary(buf[:0])
	}
}

func BenchmarkRowUnmarshalBinary(b *testing.B) {
	buf := encodeRow(b, benchmarkRow())
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if err := new(Row).UnmarshalBinary(buf); err != nil {
			b.Fatal(err)
		}
	}
}
