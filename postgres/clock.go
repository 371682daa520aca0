package postgres

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	pg "github.com/sqlc-dev/oliphant"
)

// A text that becomes a time may be a word for the time at which it does. See
// https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-DATETIME-SPECIAL-VALUES.

const clockWords = `(?:now|today|tomorrow|yesterday)`

var (
	// anyClockWord finds the words anywhere: in what is known to become a time, an array or a range of times.
	anyClockWord = regexp.MustCompile(`(?i)(?:^|[^a-z])` + clockWords + `(?:$|[^a-z])`)

	// clockWord finds them in a literal of which it is not known what it becomes: where they are the first or the last word of a
	// short text.
	clockWord = regexp.MustCompile(`(?i)^[^a-z]*` + clockWords + `(?:$|[^a-z].{0,40}$)|^(?:.{0,40}[^a-z])?` + clockWords + `[^a-z]*$`)
)

// ReadsClock reports whether an argument may stand for a time of the clock. What becomes of an argument is not known from the text of
// its statement.
func (dialect) ReadsClock(argument string) bool {
	return endsAsClockWord(argument) && anyClockWord.MatchString(argument)
}

// endsAsClockWord reports whether a text has in it what one of the words ends with. Next to no argument has, and to look for that takes
// a fraction of what the expression does, on the way of each hit.
func endsAsClockWord(text string) bool {
	const lower = 'a' - 'A'
	for i := 1; i < len(text); i++ {
		switch text[i] | lower {
		case 'w':
			if text[i-1]|lower == 'o' {
				return true
			}
		case 'y':
			if i > 1 && text[i-1]|lower == 'a' && text[i-2]|lower == 'd' {
				return true
			}
		}
	}
	return false
}

// convertsBy says why a conversion to a type depends on the clock; empty: it does not.
func (c *converter) convertsBy(x *pg.Node, typ string) string {
	if !isTemporal(typ) {
		return ""
	}
	if text := x.GetAConst().GetSval().GetSval(); text != "" {
		if anyClockWord.MatchString(text) {
			return holdsClockWord(text)
		}
		return ""
	}
	switch {
	case c.mayBe(x, isText):
		return fmt.Sprintf("makes a %s of a text, which may be 'now'", typ)
	case isTimetz(typ) && c.mayBe(x, isTime):
		return "makes a time with time zone of a time: whether it is in summer time depends on the day"
	}
	return ""
}

// readsClock notes a call that depends on the clock by its arguments.
func (c *converter) readsClock(name string, args []*pg.Node) {
	switch {
	case name == "age" && len(args) == 1:
		c.taint("calls age() with one argument, which reads the clock")
	case conversions[name] != "" && len(args) == 1:
		if why := c.convertsBy(args[0], conversions[name]); why != "" {
			c.taint("%s", why)
		}
	case name == "timezone" && len(args) > 0 && c.mayBe(args[len(args)-1], func(typ string) bool { return isTimetz(typ) || isTime(typ) }): // AT TIME ZONE
		c.taint("moves a time with time zone to another zone: whether that is in summer time depends on the day")
	}
}

func holdsClockWord(text string) string {
	word := strings.ToLower(strings.TrimFunc(anyClockWord.FindString(text), func(r rune) bool { return !unicode.IsLetter(r) }))
	return fmt.Sprintf("holds '%s', which may stand for a time of the clock", word)
}

// readsTimes notes an item of FROM that makes times of what it finds in a document.
func (c *converter) readsTimes(item any) {
	walk(item, func(message any) bool {
		var typ *pg.TypeName
		switch m := message.(type) {
		case *pg.ColumnDef:
			typ = m.TypeName
		case *pg.RangeTableFuncCol:
			typ = m.TypeName
		case *pg.JsonTableColumn:
			typ = m.TypeName
		}
		c.makes(typ)
		return typ == nil
	})
}

// makes notes a type of what is made of a document. Nil: none is named.
func (c *converter) makes(typ *pg.TypeName) {
	if typ != nil && isTemporal(c.typeName(typ)) {
		c.taint("makes a %s of a text, which may be 'now'", c.typeName(typ))
	}
}

// conversions :: function → the type that it makes of its argument.
var conversions = map[string]string{
	"date": "date", "time": "time without time zone", "timetz": "time with time zone", "timestamp": "timestamp without time zone",
	"timestamptz": "timestamp with time zone",
}

// isTemporal reports whether a type is one of times, or an array or a range of them.
func isTemporal(typ string) bool {
	return strings.HasPrefix(typ, "date") || strings.HasPrefix(typ, "time") || strings.HasPrefix(typ, "ts") && strings.Contains(typ, "range")
}

func isTime(typ string) bool {
	return strings.HasPrefix(typ, "time") && !strings.HasPrefix(typ, "timestamp") && !isTimetz(typ)
}

func isTimetz(typ string) bool {
	return strings.HasPrefix(typ, "time") && !strings.HasPrefix(typ, "timestamp") && strings.HasSuffix(typ, " with time zone")
}

func isText(typ string) bool {
	return strings.HasPrefix(typ, "text") || strings.HasPrefix(typ, "character") || strings.HasSuffix(typ, ".citext") || typ == "name"
}
