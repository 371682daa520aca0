package postgres

import (
	"database/sql/driver"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/moneyclip/moneyclip"
)

// Keyable implements [moneyclip.Dialect].
func (dialect) Keyable(column *moneyclip.Column) string {
	t := typeOf(column)
	switch {
	case t.kind == otherType:
		return fmt.Sprintf("it is of the type %s, whose equality is not reproduced", column.Type)
	case isOdd(column):
		return "its collation calls texts equal that differ"
	}
	return ""
}

// Canonical implements [moneyclip.Dialect].
func (d dialect) Canonical(column *moneyclip.Column) func(value driver.Value) (moneyclip.Datum, bool) {
	t := typeOf(column)
	if isOdd(column) {
		t.kind = otherType
	}
	return t.canonical
}

func (t *columnType) canonical(value driver.Value) (moneyclip.Datum, bool) {
	switch t.kind {
	case integerType, oidType:
		return canonicalInt(*t, value)
	case numericType:
		return canonicalNumeric(*t, value)
	case floatType:
		return canonicalFloat(value)
	case boolType:
		return canonicalBool(value)
	case textType, blankType, nameType, citextType, enumType:
		return canonicalText(*t, value)
	case uuidType:
		return canonicalUUID(value)
	case dateType, timestampType, timestamptzType:
		return canonicalTime(*t, value)
	case byteaType:
		if b, _ := value.([]byte); b != nil {
			return moneyclip.Bytes(b), true
		}
	}
	return moneyclip.Datum{}, false
}

func canonicalInt(t columnType, value driver.Value) (moneyclip.Datum, bool) {
	switch v := value.(type) {
	case int64:
		// A value that does not fit is found nowhere and stored nowhere: it may have any name, if that is its own.
		return moneyclip.Int(v), t.kind == integerType || v >= 0 && v <= math.MaxUint32
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > maxExact {
			return moneyclip.Datum{}, false
		}
		return canonicalInt(t, int64(v))
	case string:
		n, err := strconv.ParseInt(strings.Trim(v, " \t\n\v\f\r"), 10, 64)
		if err != nil {
			return moneyclip.Datum{}, false
		}
		return canonicalInt(t, n)
	}
	return moneyclip.Datum{}, false
}

const maxExact = 1 << 53 // the integers up to here are floats too

var plainDecimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`)

// canonicalNumeric spells a number without an exponent, and without zeros at its end. A value that a column would round
// is refused: it is compared as it is and stored as another.
func canonicalNumeric(t columnType, value driver.Value) (moneyclip.Datum, bool) {
	var text string
	switch v := value.(type) {
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64) // as both drivers write it
	case string:
		text = strings.Trim(v, " \t\n\v\f\r")
	default:
		return moneyclip.Datum{}, false
	}
	if !plainDecimal.MatchString(text) || len(text) > maxDigits {
		return moneyclip.Datum{}, false
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return moneyclip.Datum{}, false
	}
	scale, _ := r.FloatPrec() // digits behind the point, as many as it takes
	if len(t.mods) == 1 && scale > 0 || len(t.mods) == 2 && scale > t.mods[1] {
		return moneyclip.Datum{}, false
	}
	return moneyclip.Text(r.FloatString(scale)), true
}

const maxDigits = 400

// canonicalFloat is a float64's value. Zero has one sign.
func canonicalFloat(value driver.Value) (moneyclip.Datum, bool) {
	var f float64
	switch v := value.(type) {
	case int64:
		if v > maxExact || v < -maxExact {
			return moneyclip.Datum{}, false
		}
		f = float64(v)
	case float64:
		f = v
	case string:
		text := strings.Trim(v, " \t\n\v\f\r")
		if !plainDecimal.MatchString(text) {
			return moneyclip.Datum{}, false
		}
		f, _ = strconv.ParseFloat(text, 64) // infinite, if it is too large
	default:
		return moneyclip.Datum{}, false
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return moneyclip.Datum{}, false
	}
	return moneyclip.Float(f + 0), true
}

func canonicalBool(value driver.Value) (moneyclip.Datum, bool) {
	b, ok := value.(bool)
	text, _ := value.(string)
	switch strings.ToLower(strings.Trim(text, " \t\n\v\f\r")) {
	case "t", "true", "y", "yes", "on", "1":
		b, ok = true, true
	case "f", "false", "n", "no", "off", "0":
		b, ok = false, true
	}
	return moneyclip.Text(strconv.FormatBool(b)), ok
}

// canonicalText is a text as the type compares it. A []byte is refused: one driver sends it as it is, another as the text
// of a bytea.
func canonicalText(t columnType, value driver.Value) (moneyclip.Datum, bool) {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	default:
		return moneyclip.Datum{}, false
	}
	if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
		return moneyclip.Datum{}, false
	}
	switch t.kind {
	case blankType:
		text = strings.TrimRight(text, " ")
	case citextType:
		for i := range len(text) {
			if text[i] >= utf8.RuneSelf {
				return moneyclip.Datum{}, false // what is a letter's lower case depends on the database's locale
			}
		}
		text = strings.ToLower(text)
	case nameType:
		if len(text) > 63 {
			return moneyclip.Datum{}, false // cut off
		}
	}
	if len(t.mods) == 1 && utf8.RuneCountInString(text) > t.mods[0] {
		return moneyclip.Datum{}, false // blanks that are too many are cut off, anything else is an error
	}
	return moneyclip.Text(text), true
}

// canonicalUUID takes the hexadecimal digits, with or without hyphens after each four of them, in braces or not. The spelling is that
// in which the database shows them, and most programs have them.
func canonicalUUID(value driver.Value) (moneyclip.Datum, bool) {
	given, _ := value.(string)
	text := given
	if strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") {
		text = text[1 : len(text)-1]
	}
	var room [36]byte
	spelled, digits := room[:0], 0
	for i := 0; i < len(text); i++ {
		ch := text[i]
		switch {
		case ch == '-':
			if digits == 0 || digits%4 != 0 || text[i-1] == '-' || i == len(text)-1 {
				return moneyclip.Datum{}, false
			}
			continue
		case '0' <= ch && ch <= '9', 'a' <= ch && ch <= 'f':
		case 'A' <= ch && ch <= 'F':
			ch += 'a' - 'A'
		default:
			return moneyclip.Datum{}, false
		}
		if digits == 32 {
			return moneyclip.Datum{}, false
		}
		if digits == 8 || digits == 12 || digits == 16 || digits == 20 {
			spelled = append(spelled, '-')
		}
		spelled, digits = append(spelled, ch), digits+1
	}
	if string(spelled) == given {
		return moneyclip.Text(given), digits == 32 // which is no new string
	}
	return moneyclip.Text(string(spelled)), digits == 32
}

// canonicalTime is a day, a time on the wall, or an instant. What drivers send to the first two for a time.Time of another
// zone than UTC depends on how they send it: as its clock shows it, or as an instant.
func canonicalTime(t columnType, value driver.Value) (moneyclip.Datum, bool) {
	var at time.Time
	switch v := value.(type) {
	case time.Time:
		at = v
		if _, offset := v.Zone(); offset != 0 && t.kind != timestamptzType {
			return moneyclip.Datum{}, false
		}
		if t.kind == dateType {
			at = time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC)
		}
	case string:
		var ok bool
		if at, ok = parseTime(t, v); !ok {
			return moneyclip.Datum{}, false
		}
	default:
		return moneyclip.Datum{}, false
	}
	step := time.Microsecond
	if len(t.mods) == 1 {
		for i := t.mods[0]; i < 6; i++ {
			step *= 10
		}
	}
	if at.Nanosecond()%int(step) != 0 {
		return moneyclip.Datum{}, false // rounded, or cut off
	}
	at = at.UTC()
	if at.Year() < 1 || at.Year() > 9999 {
		return moneyclip.Datum{}, false
	}
	layout := "2006-01-02T15:04:05.000000"
	switch t.kind {
	case dateType:
		layout = time.DateOnly
	case timestamptzType:
		layout += "Z"
	}
	return moneyclip.Text(at.Format(layout)), true
}

var (
	isoClock   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$`)
	isoInstant = regexp.MustCompile(
		`^([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)(Z|[+-][0-9]{2}(?::[0-9]{2})?)$`)
	zoneOfHours = regexp.MustCompile(`^[+-][0-9]{2}$`)
)

// parseTime reads the one form of a text that means the same under every DateStyle.
func parseTime(t columnType, text string) (time.Time, bool) {
	switch t.kind {
	case dateType:
		at, err := time.Parse(time.DateOnly, text)
		return at, err == nil
	case timestampType:
		if !isoClock.MatchString(text) {
			return time.Time{}, false
		}
		at, err := time.Parse("2006-01-02 15:04:05.999999", strings.Replace(text, "T", " ", 1))
		return at, err == nil
	}
	m := isoInstant.FindStringSubmatch(text)
	if m == nil {
		return time.Time{}, false
	}
	if zoneOfHours.MatchString(m[3]) {
		m[3] += ":00"
	}
	at, err := time.Parse("2006-01-02T15:04:05.999999Z07:00", m[1]+"T"+m[2]+m[3])
	return at, err == nil
}
