package moneyclip

import (
	"database/sql"
	"database/sql/driver"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"reflect"
	"slices"
	"sync"
	"time"
)

// errCorruptRow says that bytes are not the byte form of a row, or not that of this version, or damaged.
var errCorruptRow = errors.New("not a stored row")

// The byte form of a row. Every row has one only, and nothing else is taken for it:
//
//	version  1 byte
//	columns  length of all that follows of them; their number; name, database type, scan type, flags, length,
//	         precision and scale of each
//	found    1 byte: 1 if there is a row, plus 2 if the driver fills destinations itself
//	values   a tag and the value of each, if there is a row
//	checksum CRC-32C of all before, 4 bytes
//
// Numbers are varints, texts have their length before them.
const (
	rowVersion  = 1
	checksumLen = 4
	columnLen   = 7 // at least: an empty text or a small number takes one byte
)

const (
	hasLengthFlag = 1 << iota
	nullableFlag
	hasNullableFlag
	hasDecimalFlag
	allColumnFlags = 1<<iota - 1
)

const (
	foundFlag = 1 << iota
	scansFlag
)

// The tags of values. Their numbers are in stored rows: they never change.
const (
	tagNil = iota
	tagFalse
	tagTrue
	tagInt64
	tagUint64
	tagFloat32
	tagFloat64
	tagString
	tagNilBytes // a []byte that is nil, which is not the same as no value
	tagBytes
	tagTimeUTC
	tagTimeLocal
	tagTimeFixed // a zone that has one offset at all times: its name and its offset
	tagTimeZone  // a location by its name
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// scanTypes are the types that a column may be scanned into, as drivers have them. The number of a type is in stored
// rows: new ones come last. pointerScanType is added for a pointer to the type.
var scanTypes = [...]reflect.Type{
	nil,
	reflect.TypeFor[any](),
	reflect.TypeFor[bool](),
	reflect.TypeFor[int](),
	reflect.TypeFor[int8](),
	reflect.TypeFor[int16](),
	reflect.TypeFor[int32](),
	reflect.TypeFor[int64](),
	reflect.TypeFor[uint](),
	reflect.TypeFor[uint8](),
	reflect.TypeFor[uint16](),
	reflect.TypeFor[uint32](),
	reflect.TypeFor[uint64](),
	reflect.TypeFor[float32](),
	reflect.TypeFor[float64](),
	reflect.TypeFor[string](),
	reflect.TypeFor[[]byte](),
	reflect.TypeFor[time.Time](),
	reflect.TypeFor[sql.RawBytes](),
	reflect.TypeFor[sql.NullBool](),
	reflect.TypeFor[sql.NullByte](),
	reflect.TypeFor[sql.NullFloat64](),
	reflect.TypeFor[sql.NullInt16](),
	reflect.TypeFor[sql.NullInt32](),
	reflect.TypeFor[sql.NullInt64](),
	reflect.TypeFor[sql.NullString](),
	reflect.TypeFor[sql.NullTime](),
	reflect.TypeFor[sql.Null[uint64]](), // BIGINT UNSIGNED under go-sql-driver/mysql
}

const pointerScanType = 0x80

// scanTypeNumbers is scanTypes the other way round.
var scanTypeNumbers = func() map[reflect.Type]byte {
	numbers := make(map[reflect.Type]byte)
	for i, t := range scanTypes {
		numbers[t] = byte(i)
		if t != nil {
			numbers[reflect.PointerTo(t)] = byte(i) | pointerScanType
		}
	}
	return numbers
}()

var (
	_ encoding.BinaryAppender    = (*Row)(nil)
	_ encoding.BinaryUnmarshaler = (*Row)(nil)
)

// NewRow returns a row that no database has returned, for tests of stores and for tools. Its columns are described as
// those of a driver that tells their names only. There is one value for each column, or, if values is nil, no row.
// It panics if there are more values or fewer.
func NewRow(columns []string, values []driver.Value) *Row {
	if values != nil && len(values) != len(columns) {
		panic(fmt.Sprintf("moneyclip: a row of %d columns has %d values", len(columns), len(values)))
	}
	r := newRow(len(values))
	r.description = &description{columns: make([]column, len(columns)), names: slices.Clone(columns)}
	if r.found = values != nil; !r.found {
		r.values = nil
	}
	for i, name := range columns {
		r.columns[i] = column{name: name, scanType: reflect.TypeFor[any]()}
	}
	for i, v := range values {
		r.values[i] = clone(v)
	}
	r.bytes = hasBytes(r.values)
	return r
}

// AppendBinary appends the byte form of the row, which [Row.UnmarshalBinary] reads. The error names the type of a
// value or of a column that has no byte form; b is returned as it was then.
func (r *Row) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	if r.description == nil {
		r = &Row{description: new(description)} // the zero Row has no columns
	}
	form, err := r.columnsForm()
	if err != nil {
		return b, err
	}
	e := slices.Grow(b, 1+len(form)+1+r.Size()) // and nothing more, for most
	e = append(append(e, rowVersion), form...)
	var head byte
	if r.scans {
		head = scansFlag
	}
	if !r.found {
		e = append(e, head)
		return appendChecksum(e, start), nil
	}
	if len(r.values) != len(r.columns) {
		return b, fmt.Errorf("a row of %d columns has %d values", len(r.columns), len(r.values))
	}
	e = append(e, head|foundFlag)
	for i, v := range r.values {
		e, err = appendValue(e, v)
		if err != nil {
			return b, fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return appendChecksum(e, start), nil
}

func appendChecksum(b []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// columnsForm is the byte form of the columns. Rows of one select have it in common.
func (d *description) columnsForm() ([]byte, error) {
	if form := d.form.Load(); form != nil {
		return *form, nil
	}
	form, err := appendColumns(nil, d.columns)
	if err != nil {
		return nil, err
	}
	d.form.Store(&form)
	return form, nil
}

func appendColumns(b []byte, columns []column) ([]byte, error) {
	block := make([]byte, 0, 16+32*len(columns))
	block = binary.AppendUvarint(block, uint64(len(columns)))
	for i := range columns {
		c := &columns[i]
		number, ok := scanTypeNumbers[c.scanType]
		if !ok {
			return nil, fmt.Errorf("column %d: scan type %v has no byte form", i+1, c.scanType)
		}
		block = appendText(block, c.name)
		block = appendText(block, c.databaseType)
		block = append(block, number, c.flags())
		block = binary.AppendVarint(block, c.length)
		block = binary.AppendVarint(block, c.precision)
		block = binary.AppendVarint(block, c.scale)
	}
	b = binary.AppendUvarint(b, uint64(len(block)))
	return append(b, block...), nil
}

func (c *column) flags() (flags byte) {
	if c.hasLength {
		flags |= hasLengthFlag
	}
	if c.nullable {
		flags |= nullableFlag
	}
	if c.hasNullable {
		flags |= hasNullableFlag
	}
	if c.hasDecimal {
		flags |= hasDecimalFlag
	}
	return flags
}

func appendValue(b []byte, v driver.Value) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, tagNil), nil
	case bool:
		if v {
			return append(b, tagTrue), nil
		}
		return append(b, tagFalse), nil
	case int64:
		return binary.AppendVarint(append(b, tagInt64), v), nil
	case uint64:
		return binary.AppendUvarint(append(b, tagUint64), v), nil
	case float32:
		return binary.LittleEndian.AppendUint32(append(b, tagFloat32), math.Float32bits(v)), nil
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, tagFloat64), math.Float64bits(v)), nil
	case string:
		return appendText(append(b, tagString), v), nil
	case []byte:
		if v == nil {
			return append(b, tagNilBytes), nil
		}
		b = binary.AppendUvarint(append(b, tagBytes), uint64(len(v)))
		return append(b, v...), nil
	case time.Time:
		return appendTime(b, v)
	}
	return b, fmt.Errorf("a value of type %T has no byte form", v)
}

// appendTime appends a time without its monotonic clock reading.
func appendTime(b []byte, t time.Time) ([]byte, error) {
	tag, z, err := locate(t)
	if err != nil {
		return b, err
	}
	b = append(b, tag)
	b = binary.AppendVarint(b, t.Unix())
	b = binary.AppendUvarint(b, uint64(t.Nanosecond()))
	switch tag {
	case tagTimeFixed:
		b = appendText(b, z.name)
		b = binary.AppendVarint(b, int64(z.offset))
	case tagTimeZone:
		b = appendText(b, z.name)
	}
	return b, nil
}

// A zone is a location that can be made again from these.
type zone struct {
	fixed  bool
	name   string
	offset int // seconds east of UTC, if fixed
}

// zones remembers locations, because the time package reads a file each time that it is asked for one by its name.
var zones = memo[zone, *time.Location]{limit: 1024}

const maxZoneName = 64 // bytes; what is longer is no zone of the world and is not remembered

func (z zone) load() (*time.Location, error) {
	zones.mu.RLock()
	loc := zones.m[z]
	zones.mu.RUnlock()
	if loc != nil {
		return loc, nil
	}
	if z.fixed {
		loc = time.FixedZone(z.name, z.offset)
	} else {
		var err error
		loc, err = time.LoadLocation(z.name)
		if err != nil {
			return nil, err
		}
	}
	if len(z.name) <= maxZoneName {
		zones.put(z, loc)
	}
	return loc, nil
}

// A memo remembers up to limit results, and begins anew when there are more.
type memo[K comparable, V any] struct {
	limit int

	mu sync.RWMutex // protects m
	m  map[K]V
}

func (m *memo[K, V]) put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.m == nil || len(m.m) >= m.limit {
		m.m = make(map[K]V)
	}
	m.m[key] = value
}

// locate finds out how the location of a time can be made again. The time package tells a location's name, which may
// be that of a fixed zone or that of a file: a zone that never begins and never ends is fixed.
func locate(t time.Time) (tag byte, z zone, err error) {
	loc := t.Location()
	switch loc {
	case time.UTC:
		return tagTimeUTC, zone{}, nil
	case time.Local:
		return tagTimeLocal, zone{}, nil
	}
	name, offset := t.Zone()
	begin, end := t.ZoneBounds()
	if begin.IsZero() && end.IsZero() && name == loc.String() && offset == int(int32(offset)) {
		return tagTimeFixed, zone{fixed: true, name: name, offset: offset}, nil
	}
	z = zone{name: loc.String()}
	loaded, err := z.load()
	if err != nil || loaded == time.UTC || loaded == time.Local {
		return 0, zone{}, errors.New("a time in a location that has no name has no byte form")
	}
	if n, o := t.In(loaded).Zone(); n != name || o != offset {
		return 0, zone{}, fmt.Errorf("a time in a location %q that is not the usual one has no byte form", loc)
	}
	return tagTimeZone, z, nil
}

// descriptions remembers what was decoded :: columns in byte form → description. A hit then finds its columns with
// one look-up. maxDescription is in bytes; what is longer is decoded again each time.
var descriptions = memo[string, *description]{limit: 1024}

const maxDescription = 4 << 10

// UnmarshalBinary sets the row to the one that b is the byte form of; it keeps nothing of b. It is meant for a Row
// that nobody has seen yet, because a Row that is in use does not change. Whatever b holds, it does not panic, and it
// takes no more memory than a small multiple of b. After an error the row is as before.
func (r *Row) UnmarshalBinary(b []byte) error {
	if len(b) < 1+checksumLen || b[0] != rowVersion {
		return fmt.Errorf("%w: no row of version %d", errCorruptRow, rowVersion)
	}
	end := len(b) - checksumLen
	if binary.LittleEndian.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) {
		return fmt.Errorf("%w: the checksum is wrong", errCorruptRow)
	}
	d := decoder{b: b[1:end]}
	block := d.bytes()
	head := d.byte()
	if d.bad || head > foundFlag|scansFlag {
		return fmt.Errorf("%w: its head is damaged", errCorruptRow)
	}
	desc, err := describeBlock(block)
	if err != nil {
		return err
	}
	row := Row{description: desc, found: head&foundFlag != 0, scans: head&scansFlag != 0}
	if row.found {
		if d.left() < len(row.columns) {
			return fmt.Errorf("%w: values are missing", errCorruptRow)
		}
		row.values = make([]driver.Value, len(row.columns))
		for i := range row.values {
			row.values[i] = d.value()
		}
	}
	if d.bad || d.left() > 0 {
		return fmt.Errorf("%w: its values are damaged", errCorruptRow)
	}
	row.bytes = hasBytes(row.values)
	*r = row
	return nil
}

// describeBlock decodes columns, or finds those that were decoded from the same bytes before.
func describeBlock(block []byte) (*description, error) {
	descriptions.mu.RLock()
	desc := descriptions.m[string(block)]
	descriptions.mu.RUnlock()
	if desc != nil {
		return desc, nil
	}
	d := decoder{b: block}
	n := d.uvarint()
	if n > uint64(d.left()/columnLen) {
		return nil, fmt.Errorf("%w: columns are missing", errCorruptRow)
	}
	desc = &description{columns: make([]column, n), names: make([]string, n)}
	for i := range desc.columns {
		desc.columns[i] = d.column()
		desc.names[i] = desc.columns[i].name
	}
	if d.bad || d.left() > 0 {
		return nil, fmt.Errorf("%w: its columns are damaged", errCorruptRow)
	}
	if len(block) <= maxDescription {
		descriptions.put(string(block), desc)
	}
	return desc, nil
}

// A decoder reads the byte form from the front. Once bad it stays bad, and is at the end.
type decoder struct {
	b   []byte
	pos int
	bad bool

	// Copies of b from the first text, and from the first bytes, to the end: what is read is a part of them, so that
	// a row takes two allocations for all of its texts and bytes. From is where in b they begin.
	text               string
	blob               []byte
	textFrom, blobFrom int
}

func (d *decoder) left() int { return len(d.b) - d.pos }

func (d *decoder) fail() { d.bad, d.pos = true, len(d.b) }

func (d *decoder) take(n uint64) []byte {
	if n > uint64(d.left()) {
		d.fail()
		return nil
	}
	from := d.pos
	d.pos += int(n)
	return d.b[from:d.pos]
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	u, n := binary.Uvarint(d.b[d.pos:])
	// A last byte of zero is a longer spelling of the same number.
	if n <= 0 || n > 1 && d.b[d.pos+n-1] == 0 {
		d.fail()
		return 0
	}
	d.pos += n
	return u
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// bytes returns a part of b.
func (d *decoder) bytes() []byte { return d.take(d.uvarint()) }

// string returns a text that is not a part of b.
func (d *decoder) string() string {
	n := len(d.bytes())
	if n == 0 {
		return ""
	}
	from := d.pos - n
	if d.text == "" {
		d.text, d.textFrom = string(d.b[from:]), from
	}
	return d.text[from-d.textFrom:][:n]
}

// ownBytes returns bytes that are not a part of b. They are never nil.
func (d *decoder) ownBytes() []byte {
	n := len(d.bytes())
	if n == 0 {
		return []byte{}
	}
	from := d.pos - n
	if d.blob == nil {
		d.blob, d.blobFrom = slices.Clone(d.b[from:]), from
	}
	return d.blob[from-d.blobFrom:][:n:n]
}

func (d *decoder) column() (c column) {
	c.name = d.string()
	c.databaseType = d.string()
	number, flags := d.byte(), d.byte()
	c.length, c.precision, c.scale = d.varint(), d.varint(), d.varint()
	c.hasLength = flags&hasLengthFlag != 0
	c.nullable = flags&nullableFlag != 0
	c.hasNullable = flags&hasNullableFlag != 0
	c.hasDecimal = flags&hasDecimalFlag != 0
	base := number &^ pointerScanType
	if int(base) >= len(scanTypes) || number == pointerScanType || flags > allColumnFlags {
		d.fail()
		return column{}
	}
	c.scanType = scanTypes[base]
	if number != base {
		c.scanType = reflect.PointerTo(c.scanType)
	}
	return c
}

func (d *decoder) value() driver.Value {
	switch tag := d.byte(); tag {
	case tagNil:
		return nil
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagInt64:
		return d.varint()
	case tagUint64:
		return d.uvarint()
	case tagFloat32:
		if b := d.take(4); b != nil {
			return math.Float32frombits(binary.LittleEndian.Uint32(b))
		}
		return nil
	case tagFloat64:
		if b := d.take(8); b != nil {
			return math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
		return nil
	case tagString:
		return d.string()
	case tagNilBytes:
		return []byte(nil)
	case tagBytes:
		return d.ownBytes()
	case tagTimeUTC, tagTimeLocal, tagTimeFixed, tagTimeZone:
		return d.time(tag)
	}
	d.fail()
	return nil
}

func (d *decoder) time(tag byte) driver.Value {
	seconds, nanos := d.varint(), d.uvarint()
	if nanos >= uint64(time.Second) {
		d.fail()
	}
	z := zone{fixed: tag == tagTimeFixed}
	if tag == tagTimeFixed || tag == tagTimeZone {
		z.name = string(d.bytes())
	}
	if tag == tagTimeFixed {
		offset := d.varint()
		z.offset = int(int32(offset))
		if offset != int64(z.offset) {
			d.fail()
		}
	}
	if d.bad {
		return nil
	}
	t := time.Unix(seconds, int64(nanos))
	switch tag {
	case tagTimeLocal:
		return t
	case tagTimeUTC:
		return t.UTC()
	}
	loc, err := z.load()
	if err != nil {
		d.fail()
		return nil
	}
	t = t.In(loc)
	// A name may be that of no zone, of UTC or of a fixed zone: those have a form of their own.
	if is, _, err := locate(t); is != tag || err != nil {
		d.fail()
		return nil
	}
	return t
}
