package postgres

import (
	"fmt"
	"regexp"
	"slices"
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
		if typ != nil && isTemporal(c.typeName(typ)) {
			c.taint("makes a %s of a text, which may be 'now'", c.typeName(typ))
		}
		return typ == nil
	})
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

// returnsText are well-known functions and operators that return a text.
var returnsText = words(`
	->> #>> || lower upper initcap trim btrim ltrim rtrim concat concat_ws substring substr replace translate left right lpad rpad
	split_part format to_char regexp_replace regexp_substr regexp_match regexp_split_to_array string_to_array array_to_string normalize
	quote_ident json_extract_path_text jsonb_extract_path_text convert_from repeat
	string_agg quote_literal reverse overlay`)

// mayBe reports whether an expression may be of a type, as far as that shows: the type of a column is that of any of its name.
func (c *converter) mayBe(x *pg.Node, is func(typ string) bool) bool {
	some := func(list []*pg.Node) bool {
		return slices.ContainsFunc(list, func(one *pg.Node) bool { return c.mayBe(one, is) })
	}
	returns := func(name string) bool { return returnsText[name] && is("text") }
	switch n := x.GetNode().(type) {
	case *pg.Node_ColumnRef:
		names := texts(n.ColumnRef.Fields)
		if len(names) == 0 || c.catalog == nil {
			return false
		}
		for _, t := range c.catalog.Tables {
			if col := t.Column(names[len(names)-1]); col != nil && is(col.Type) {
				return true
			}
		}
	case *pg.Node_TypeCast:
		return is(c.typeName(n.TypeCast.TypeName))
	case *pg.Node_AExpr:
		return returns(lastName(n.AExpr.Name))
	case *pg.Node_FuncCall:
		name := lastName(n.FuncCall.Funcname)
		return returns(name) || sameType[name] && some(n.FuncCall.Args)
	case *pg.Node_CoalesceExpr:
		return some(n.CoalesceExpr.Args)
	case *pg.Node_MinMaxExpr:
		return some(n.MinMaxExpr.Args)
	case *pg.Node_CaseExpr:
		return some(n.CaseExpr.Args) || c.mayBe(n.CaseExpr.Defresult, is)
	case *pg.Node_AArrayExpr:
		return some(n.AArrayExpr.Elements)
	case *pg.Node_AIndirection:
		return c.mayBe(n.AIndirection.Arg, is)
	case *pg.Node_CaseWhen:
		return c.mayBe(n.CaseWhen.Result, is)
	case *pg.Node_CollateClause:
		return c.mayBe(n.CollateClause.Arg, is)
	}
	return false
}

// sameType are functions that return one of their arguments.
var sameType = words("min max nullif first_value last_value lag lead")

func lastName(names []*pg.Node) string {
	_, name := lastOf(texts(names))
	return name
}
