package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/moneyclip/moneyclip"
)

// affinity is what SQLite makes of a value that is stored in a column or compared with one.
// See https://sqlite.org/datatype3.html.
type affinity uint8

const (
	affinityBlob affinity = iota
	affinityText
	affinityNumeric
	affinityInteger
	affinityReal
)

var affinities = [...]string{"blob", "text", "numeric", "integer", "real"}

func (a affinity) String() string { return affinities[a] }

// affinityOf follows the five rules of "Determination Of Column Affinity".
func affinityOf(columnType string) affinity {
	t := upper(columnType)
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(t, word) {
				return true
			}
		}
		return false
	}
	switch {
	case has("INT"):
		return affinityInteger
	case has("CHAR", "CLOB", "TEXT"):
		return affinityText
	case t == "", has("BLOB"):
		return affinityBlob
	case has("REAL", "FLOA", "DOUB"):
		return affinityReal
	}
	return affinityNumeric
}

const maxExact = 1 << 53 // the integers up to here are floats too

// affinityIn is the affinity of a catalog's column, which has it at the start of its Class.
func affinityIn(column *moneyclip.Column) affinity {
	if column.Class == "" {
		return affinityOf(column.Type)
	}
	switch column.Class[0] { // they differ in their first letter
	case 'i':
		return affinityInteger
	case 't':
		return affinityText
	case 'n':
		return affinityNumeric
	case 'r':
		return affinityReal
	}
	return affinityBlob
}

// Keyable implements [moneyclip.Dialect].
func (dialect) Keyable(column *moneyclip.Column) string {
	if column.Collation == "" || isBuiltIn(column.Collation) {
		return ""
	}
	return fmt.Sprintf("it has the collation %s, which is not SQLite's own", column.Collation)
}

// Canonical implements [moneyclip.Dialect].
func (d dialect) Canonical(column *moneyclip.Column) func(value driver.Value) (moneyclip.Datum, bool) {
	if d.Keyable(column) != "" {
		return func(driver.Value) (moneyclip.Datum, bool) { return moneyclip.Datum{}, false }
	}
	a, collation := affinityIn(column), column.Collation
	return func(value driver.Value) (moneyclip.Datum, bool) { return canonical(a, collation, value) }
}

func canonical(a affinity, collation string, value driver.Value) (moneyclip.Datum, bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return canonicalInt(a, 1)
		}
		return canonicalInt(a, 0)
	case int64:
		return canonicalInt(a, v)
	case float64:
		return canonicalFloat(a, v)
	case string:
		return canonicalText(a, collation, v)
	case []byte:
		if v == nil {
			return moneyclip.Datum{}, false // drivers differ: NULL for some, an empty blob for others
		}
		return moneyclip.Bytes(v), true
	}
	// A time.Time is stored as text, in a form that each driver chooses.
	return moneyclip.Datum{}, false
}

func canonicalInt(a affinity, n int64) (moneyclip.Datum, bool) {
	switch {
	case a == affinityText:
		return moneyclip.Text(strconv.FormatInt(n, 10)), true
	case a == affinityReal && (n > maxExact || n < -maxExact):
		return moneyclip.Datum{}, false // rounded when it is stored
	}
	return moneyclip.Int(n), true
}

func canonicalFloat(a affinity, f float64) (moneyclip.Datum, bool) {
	switch {
	case a == affinityText, math.IsNaN(f), math.IsInf(f, 0):
		return moneyclip.Datum{}, false
	case f == math.Trunc(f) && math.Abs(f) > maxExact:
		return moneyclip.Datum{}, false
	}
	return moneyclip.Float(f), true
}

func canonicalText(a affinity, collation, s string) (moneyclip.Datum, bool) {
	// Drivers and SQLite's own functions disagree about where a text with a NUL ends.
	if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
		return moneyclip.Datum{}, false
	}
	if a >= affinityNumeric {
		number := strings.Trim(s, " \t\n\v\f\r")
		switch {
		case isPlainInteger(number):
			n, err := strconv.ParseInt(number, 10, 64)
			return moneyclip.Int(n), err == nil
		case numeric.MatchString(number):
			return moneyclip.Datum{}, false
		}
	}
	switch upper(collation) {
	case "NOCASE":
		s = fold(s)
	case "RTRIM":
		s = strings.TrimRight(s, " ")
	}
	return moneyclip.Text(s), true
}

// isPlainInteger reports whether s is an optional sign and at most 15 digits, which SQLite reads as that integer.
func isPlainInteger(s string) bool {
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || len(digits) > 15 {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// numeric is a text that SQLite reads as a number as a whole.
var numeric = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
