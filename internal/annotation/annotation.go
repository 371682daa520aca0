// Package annotation reads what stands beside a query in its text: one line, in a comment.
//
//	-- moneyclip: cache key=account::followers::account-id-{account_id} ttl=5m refresh
//	-- moneyclip: ignore it rebuilds what nobody reads
//
// The grammar:
//
//	annotation = "moneyclip:" ( "cache" { option } | "ignore" reason )
//	option     = "key=" key | "name=" word | "ttl=" duration | "soft=" duration | "notfound=" duration | "refresh"
//	key        = text without blanks and %, or in double quotes, with "{" parameter [ ":" verb ] "}" for each value
//	verb       = "%d" | "%s" | "%v"
//	reason     = text up to the end of the line
//
// A key needs "key="; all else has the default of the rule's field.
package annotation

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// An Annotation is one such line.
type Annotation struct {
	// Ignore is why a write does not matter to any rule. Empty: the annotation is one of a query that is to be cached.
	Ignore string

	Name                string
	Key                 string // with {parameter} for each value
	TTL, Soft, NotFound time.Duration
	Refresh             bool

	keyAt int // where Key stands in the text that was parsed
	at    int // where that stands in the query
}

// Offset is where the annotation stands in the query of which it is.
func (a *Annotation) Offset() int { return a.at }

// Wrong is what is wrong with the annotation of a query as a whole, with line and column.
func (a *Annotation) Wrong(query, what string) error {
	line, column := position(query, a.at)
	return fmt.Errorf("line %d, column %d: %s", line, column, what)
}

// An Error says where an annotation is wrong, and what was expected there.
type Error struct {
	Offset   int // in bytes, from the start of the text that was parsed
	Expected string
}

func (e *Error) Error() string { return fmt.Sprintf("column %d: expected %s", e.Offset+1, e.Expected) }

// At is the error with the line and the column in a text in which what was parsed begins at an offset.
func (e *Error) At(text string, offset int) error {
	line, column := position(text, offset+e.Offset)
	return fmt.Errorf("line %d, column %d: expected %s", line, column, e.Expected)
}

func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

const start = "moneyclip:"

// Of returns the annotation of a query; nil: it has none. The error says line and column in the query.
func Of(query string) (*Annotation, error) {
	offset, end, ok := find(query, 0)
	if !ok {
		return nil, nil //nolint:nilnil // said above
	}
	if second, _, ok := find(query, end); ok {
		return nil, (&Error{0, "no second annotation"}).At(query, second)
	}
	a, err := Parse(query[offset:end])
	if err != nil {
		return nil, err.At(query, offset)
	}
	a.at = offset
	return a, nil
}

// Parse reads an annotation, from "moneyclip:" to the end of its line.
func Parse(text string) (*Annotation, *Error) {
	p := &parser{text: strings.TrimRight(text, " \t\r\n")}
	if !strings.HasPrefix(p.text, start) {
		return nil, &Error{0, `"moneyclip:"`}
	}
	p.pos = len(start)
	switch word, at := p.word(); word {
	case "cache":
		return p.cache()
	case "ignore":
		p.blanks()
		if p.pos == len(p.text) {
			return nil, &Error{p.pos, "the reason why the write does not matter"}
		}
		return &Annotation{Ignore: p.text[p.pos:]}, nil
	default:
		return nil, &Error{at, `"cache" or "ignore"`}
	}
}

type parser struct {
	text string
	pos  int
}

func (p *parser) blanks() {
	for p.pos < len(p.text) && strings.IndexByte(" \t", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// word is what stands before the next blank.
func (p *parser) word() (word string, at int) {
	p.blanks()
	at = p.pos
	for p.pos < len(p.text) && strings.IndexByte(" \t", p.text[p.pos]) < 0 {
		p.pos++
	}
	return p.text[at:p.pos], at
}

const options = "key=..., name=..., ttl=..., soft=..., notfound=... or refresh"

func (p *parser) cache() (*Annotation, *Error) {
	a := &Annotation{}
	seen := map[string]bool{}
	for {
		p.blanks()
		if p.pos == len(p.text) {
			break
		}
		at := p.pos
		name, hasValue := p.name()
		value, valueAt, err := p.value(hasValue)
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, &Error{at, "no second " + name}
		}
		seen[name] = true
		if name == "refresh" && !hasValue {
			a.Refresh = true
			continue
		}
		if hasValue && value == "" {
			return nil, &Error{valueAt, "a value for " + name}
		}
		switch {
		case !hasValue:
			return nil, &Error{at, options}
		case name == "key":
			a.Key, a.keyAt = value, valueAt
			if _, _, err := a.Template(anyParameter); err != nil {
				return nil, err
			}
		case name == "name":
			a.Name = value
		default:
			to := map[string]*time.Duration{"ttl": &a.TTL, "soft": &a.Soft, "notfound": &a.NotFound}[name]
			if to == nil {
				return nil, &Error{at, options}
			}
			d, bad := time.ParseDuration(value)
			if bad != nil || d <= 0 {
				return nil, &Error{valueAt, "a duration such as 90s, 5m or 1h30m"}
			}
			*to = d
		}
	}
	if a.Key == "" {
		return nil, &Error{len(p.text), "key=..."}
	}
	return a, nil
}

// name is what stands before "=", or before a blank where there is none.
func (p *parser) name() (name string, hasValue bool) {
	at := p.pos
	for p.pos < len(p.text) && strings.IndexByte(" \t=", p.text[p.pos]) < 0 {
		p.pos++
	}
	name = p.text[at:p.pos]
	if p.pos < len(p.text) && p.text[p.pos] == '=' {
		p.pos++
		return name, true
	}
	return name, false
}

// value is a word, or what stands in double quotes.
func (p *parser) value(has bool) (value string, at int, err *Error) {
	if !has {
		return "", p.pos, nil
	}
	if p.pos == len(p.text) || p.text[p.pos] != '"' {
		at = p.pos
		for p.pos < len(p.text) && strings.IndexByte(" \t", p.text[p.pos]) < 0 {
			p.pos++
		}
		return p.text[at:p.pos], at, nil
	}
	at = p.pos + 1
	n := strings.IndexByte(p.text[at:], '"')
	if n < 0 {
		return "", at, &Error{len(p.text), `a closing "`}
	}
	p.pos = at + n + 1
	if p.pos < len(p.text) && strings.IndexByte(" \t", p.text[p.pos]) < 0 {
		return "", at, &Error{p.pos, "a blank"}
	}
	return p.text[at : at+n], at, nil
}

// A Parameter is what a name in a key stands for: the number of a bind parameter, from 1, and its verb if none is written.
// It reports false for a name that means nothing.
type Parameter func(name string) (number int, verb byte, ok bool)

func anyParameter(string) (int, byte, bool) { return 1, 'v', true }

// Template turns the key into one of a rule, and says which parameters fill its verbs.
func (a *Annotation) Template(of Parameter) (key string, args []int, err *Error) {
	var b strings.Builder
	for pos := 0; pos < len(a.Key); {
		switch c := a.Key[pos]; c {
		case '%':
			return "", nil, &Error{a.keyAt + pos, `no "%" outside of {parameter}`}
		case '}':
			return "", nil, &Error{a.keyAt + pos, `"{" before "}"`}
		case '{':
			n := strings.IndexByte(a.Key[pos:], '}')
			if n < 0 {
				return "", nil, &Error{a.keyAt + len(a.Key), `"}"`}
			}
			name, verb, hasVerb := strings.Cut(a.Key[pos+1:pos+n], ":")
			if name == "" || strings.ContainsAny(name, "{%") {
				return "", nil, &Error{a.keyAt + pos + 1, "the name of a parameter"}
			}
			number, letter, ok := of(name)
			if !ok {
				return "", nil, &Error{a.keyAt + pos + 1, "the name of a parameter of the query"}
			}
			if hasVerb {
				if len(verb) != 2 || verb[0] != '%' || strings.IndexByte("dsv", verb[1]) < 0 {
					return "", nil, &Error{a.keyAt + pos + 2 + len(name), "%d, %s or %v"}
				}
				letter = verb[1]
			}
			b.WriteByte('%')
			b.WriteByte(letter)
			args = append(args, number)
			pos += n + 1
		default:
			b.WriteByte(c)
			pos++
		}
	}
	return b.String(), args, nil
}
