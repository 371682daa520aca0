package mysql

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/moneyclip/moneyclip"
)

// Canonical implements [moneyclip.Dialect]. A value that does not fit its column may be stored as another one, if
// sql_mode or IGNORE says so: it has no canonical spelling.
func (d dialect) Canonical(column *moneyclip.Column) func(value driver.Value) (moneyclip.Datum, bool) {
	t := typeOf(column)
	return t.canonical
}

func (t *columnType) canonical(value driver.Value) (moneyclip.Datum, bool) {
	switch v := value.(type) {
	case bool:
		n := int64(0)
		if v {
			n = 1
		}
		return t.integer(n)
	case int64:
		return t.integer(v)
	case uint64:
		if v > math.MaxInt64 {
			return moneyclip.Datum{}, false
		}
		return t.integer(int64(v))
	case float64:
		return t.float(v)
	case string:
		return t.text(v)
	case []byte:
		if v == nil {
			return moneyclip.Datum{}, false // NULL for some drivers
		}
		if t.kind == binary || t.kind == fixedBinary {
			return t.bytes(v)
		}
		return t.text(string(v))
	}
	return moneyclip.Datum{}, false // a time.Time is written in a zone that only the driver knows
}

// Keyable implements [moneyclip.Dialect].
func (dialect) Keyable(column *moneyclip.Column) string {
	t := typeOf(column)
	switch t.kind {
	case unkeyed:
		return fmt.Sprintf("it has the type %s, whose equality is not that of its values", column.Type)
	case textual:
		if t.collation.refused {
			return fmt.Sprintf("it has the collation %s, whose equality is not known", column.Collation)
		}
	}
	return ""
}

// kind is how values of a column are compared.
type kind uint8

const (
	unkeyed kind = iota
	integral
	decimal
	double
	textual
	binary
	fixedBinary
	date
	datetime
	enum
	uuid
)

// columnType is a column's type, taken apart.
type columnType struct {
	kind      kind
	min       int64
	max       int64 // of an integer; of a longer unsigned one the greatest int64
	length    int   // of a text in characters, of bytes in bytes; digits of a fraction of a second
	precision int   // of a decimal
	scale     int
	fixed     bool // CHAR
	members   []string
	collation collation
}

// typePattern is a column type, as information_schema writes it.
var typePattern = regexp.MustCompile(`^([a-z0-9]+)(?:\(([^)]*)\))?((?: [a-z_ ]+)?)$`)

var ranges = map[string]int{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}

var lengths = map[string]int{
	"tinytext": 255 / 4, "text": 65535 / 4, "mediumtext": 1 << 22, "longtext": 1 << 28,
	"tinyblob": 255, "blob": 65535, "mediumblob": 1 << 23, "longblob": 1 << 28,
}

// typeOf takes the type of a column apart.
func typeOf(column *moneyclip.Column) columnType {
	full := strings.ToLower(column.Type)
	if strings.HasPrefix(full, "enum(") {
		return columnType{kind: enum, members: members(column.Type[len("enum("):]), collation: collationOf(column.Collation)}
	}
	m := typePattern.FindStringSubmatch(full)
	if m == nil {
		return columnType{}
	}
	name, args := m[1], strings.Split(m[2], ",")
	first, _ := strconv.Atoi(args[0])
	switch name {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return integerType(ranges[name], strings.Contains(m[3], "unsigned"))
	case "year":
		return columnType{kind: integral, min: 1901, max: 2155}
	case "decimal":
		t := columnType{kind: decimal, precision: first}
		if len(args) > 1 {
			t.scale, _ = strconv.Atoi(args[1])
		}
		if strings.Contains(m[3], "unsigned") {
			t.kind = unkeyed
		}
		return t
	case "double":
		if m[2] != "" || m[3] != "" {
			return columnType{} // rounds
		}
		return columnType{kind: double}
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return columnType{
			kind: textual, length: cmp.Or(lengths[name], first), fixed: name == "char", collation: collationOf(column.Collation),
		}
	case "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return columnType{kind: binary, length: cmp.Or(lengths[name], first)}
	case "binary":
		return columnType{kind: fixedBinary, length: first}
	case "date":
		return columnType{kind: date}
	case "datetime":
		return columnType{kind: datetime, length: first}
	case "uuid":
		return columnType{kind: uuid}
	}
	return columnType{}
}

func integerType(bits int, unsigned bool) columnType {
	t := columnType{kind: integral, min: math.MinInt64, max: math.MaxInt64}
	switch {
	case unsigned && bits < 64:
		t.min, t.max = 0, 1<<bits-1
	case unsigned:
		t.min = 0
	case bits < 64:
		t.min, t.max = -1<<(bits-1), 1<<(bits-1)-1
	}
	return t
}

// members are those of an ENUM, from the text behind its parenthesis.
func members(list string) []string {
	var all []string
	for strings.HasPrefix(list, "'") {
		end := 1
		for end < len(list) && (list[end] != '\'' || end+1 < len(list) && list[end+1] == '\'') {
			if list[end] == '\'' {
				end++
			}
			end++
		}
		if end >= len(list) {
			return nil
		}
		all = append(all, strings.ReplaceAll(list[1:end], "''", "'"))
		list = strings.TrimPrefix(list[end+1:], ",")
	}
	return all
}

const maxExact = 1 << 53 // the integers up to here are doubles too

func (t *columnType) integer(n int64) (moneyclip.Datum, bool) {
	switch t.kind {
	case integral:
		return moneyclip.Int(n), n >= t.min && n <= t.max
	case double:
		return moneyclip.Int(n), n >= -maxExact && n <= maxExact
	case decimal:
		return t.decimal(strconv.FormatInt(n, 10))
	}
	return moneyclip.Datum{}, false // a text is compared with a number as a number: '1' and '01' equal 1
}

func (t *columnType) float(f float64) (moneyclip.Datum, bool) {
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		return moneyclip.Datum{}, false
	case t.kind == double:
		return moneyclip.Float(f), f != math.Trunc(f) || math.Abs(f) <= maxExact
	case f == math.Trunc(f) && math.Abs(f) < maxDigits:
		return t.integer(int64(f))
	}
	return moneyclip.Datum{}, false
}

const maxDigits = 1e15 // numbers of up to 15 digits stay what they are on the way through a double

var (
	integerText = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,14})$`)
	decimalText = regexp.MustCompile(`^(-?)([0-9]{1,15})(?:\.([0-9]{1,30}))?$`)
	uuidText    = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
	dateText    = regexp.MustCompile(`^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$`)
	timeText    = regexp.MustCompile(`^([1-9][0-9]{3}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,6}))?$`)
)

func (t *columnType) text(s string) (moneyclip.Datum, bool) {
	switch t.kind {
	case integral:
		if integerText.MatchString(s) {
			n, err := strconv.ParseInt(s, 10, 64)
			return moneyclip.Int(n), err == nil && n >= t.min && n <= t.max
		}
		// The driver writes an integer column as text; all of 64 bits are compared as a double with a text.
	case decimal:
		return t.decimal(s)
	case double:
		m := decimalText.FindStringSubmatch(s)
		if m == nil || len(m[2])+len(m[3]) > 15 {
			return moneyclip.Datum{}, false
		}
		f, err := strconv.ParseFloat(s, 64)
		return moneyclip.Float(f), err == nil
	case textual:
		return t.characters(s)
	case enum:
		return t.member(s)
	case binary, fixedBinary:
		return t.bytes([]byte(s))
	case date:
		_, err := time.Parse(time.DateOnly, s)
		return moneyclip.Text(s), err == nil && dateText.MatchString(s)
	case datetime:
		return t.instant(s)
	case uuid:
		return moneyclip.Text(strings.ToLower(s)), uuidText.MatchString(s)
	}
	return moneyclip.Datum{}, false
}

func (t *columnType) bytes(b []byte) (moneyclip.Datum, bool) {
	return moneyclip.Bytes(b), len(b) == t.length || t.kind == binary && len(b) < t.length
}

// decimal is a decimal number without superfluous zeros.
func (t *columnType) decimal(s string) (moneyclip.Datum, bool) {
	m := decimalText.FindStringSubmatch(s)
	if m == nil {
		return moneyclip.Datum{}, false
	}
	whole, fraction := strings.TrimLeft(m[2], "0"), strings.TrimRight(m[3], "0")
	if len(whole) > t.precision-t.scale || len(fraction) > t.scale || len(whole)+len(fraction) > 15 {
		return moneyclip.Datum{}, false
	}
	if fraction == "" {
		n, err := strconv.ParseInt(m[1]+cmp.Or(whole, "0"), 10, 64)
		return moneyclip.Int(n), err == nil
	}
	return moneyclip.Text(m[1] + cmp.Or(whole, "0") + "." + fraction), true
}

func (t *columnType) instant(s string) (moneyclip.Datum, bool) {
	m := timeText.FindStringSubmatch(s)
	if m == nil {
		return moneyclip.Datum{}, false
	}
	if _, err := time.Parse(time.DateTime, m[1]); err != nil {
		return moneyclip.Datum{}, false
	}
	fraction := strings.TrimRight(m[2], "0")
	if fraction == "" {
		return moneyclip.Text(m[1]), true
	}
	return moneyclip.Text(m[1] + "." + fraction), len(fraction) <= t.length
}

func (t *columnType) member(s string) (moneyclip.Datum, bool) {
	d, ok := t.collation.fold(s)
	if !ok {
		return moneyclip.Datum{}, false
	}
	for _, m := range t.members {
		// What is no member may be the number of one.
		if own, ok := t.collation.fold(m); ok && own == d {
			return moneyclip.Text(d), true
		}
	}
	return moneyclip.Datum{}, false
}

func (t *columnType) characters(s string) (moneyclip.Datum, bool) {
	if utf8.RuneCountInString(s) > t.length {
		return moneyclip.Datum{}, false
	}
	if t.fixed && !t.collation.pads && strings.HasSuffix(s, " ") {
		return moneyclip.Datum{}, false // stored without them, and compared with them
	}
	d, ok := t.collation.fold(s)
	return moneyclip.Text(d), ok
}

// collation is what a collation calls equal, among the texts of which that is known.
type collation struct {
	refused bool
	wide    bool // all of Unicode's basic plane; otherwise the printable characters of ASCII
	folds   bool // upper and lower case are equal
	pads    bool // blanks at the end do not count
}

// exact are the collations, without their character set, in which two texts of printable ASCII are equal just if they are
// the same, but for their case and for blanks at the end. In others "cH" may differ from "ch", or "v" equal "w".
var exact = map[string]collation{
	"bin":                  {wide: true, pads: true},
	"nopad_bin":            {wide: true},
	"0900_bin":             {wide: true},
	"general_ci":           {folds: true, pads: true},
	"general_cs":           {pads: true},
	"general_nopad_ci":     {folds: true},
	"general_mysql500_ci":  {folds: true, pads: true},
	"unicode_ci":           {folds: true, pads: true},
	"unicode_nopad_ci":     {folds: true},
	"unicode_520_ci":       {folds: true, pads: true},
	"unicode_520_nopad_ci": {folds: true},
	"0900_ai_ci":           {folds: true},
	"0900_as_ci":           {folds: true},
	"0900_as_cs":           {},
	"uca1400_ai_ci":        {folds: true, pads: true},
	"uca1400_as_ci":        {folds: true, pads: true},
	"uca1400_ai_cs":        {pads: true},
	"uca1400_as_cs":        {pads: true},
	"uca1400_nopad_ai_ci":  {folds: true},
	"uca1400_nopad_as_ci":  {folds: true},
	"uca1400_nopad_ai_cs":  {},
	"uca1400_nopad_as_cs":  {},
	"swedish_ci":           {folds: true, pads: true},
	"swedish_nopad_ci":     {folds: true},
	"german1_ci":           {folds: true, pads: true},
	"german2_ci":           {folds: true, pads: true},
	"spanish_ci":           {folds: true, pads: true},
	"polish_ci":            {folds: true, pads: true},
	"estonian_ci":          {folds: true, pads: true},
	"icelandic_ci":         {folds: true, pads: true},
	"latvian_ci":           {folds: true, pads: true},
	"romanian_ci":          {folds: true, pads: true},
	"slovenian_ci":         {folds: true, pads: true},
	"vietnamese_ci":        {folds: true, pads: true},
}

func collationOf(name string) collation {
	charset, rest, _ := strings.Cut(name, "_")
	c, ok := exact[rest]
	switch charset {
	case "utf8mb4", "utf8mb3", "utf8":
	case "latin1", "ascii":
		c.wide = false
	default:
		ok = false
	}
	if !ok {
		return collation{refused: true}
	}
	return c
}

// fold is the one spelling of all texts that are equal.
func (c *collation) fold(s string) (string, bool) {
	if c.refused {
		return "", false
	}
	for _, r := range s {
		switch {
		case r == 0 || r == utf8.RuneError || r > 0xffff: // a connection may know no more than three bytes
			return "", false
		case !c.wide && (r < ' ' || r > '~'):
			return "", false
		}
	}
	if c.pads {
		s = strings.TrimRight(s, " ")
	}
	if c.folds {
		s = strings.ToLower(s)
	}
	return s, true
}
