package moneyclip

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Datum is a value of a key in canonical spelling: two Datums are equal (==) exactly if their database calls the
// values equal. The zero Datum is no value.
type Datum struct {
	kind   datumKind
	number int64
	text   string // for a float: its shortest decimal form
}

type datumKind uint8

const (
	noDatum datumKind = iota
	datumInt
	datumFloat
	datumText
	datumBytes
)

// Int is the Datum of an integer.
func Int(n int64) Datum { return Datum{kind: datumInt, number: n} }

// Float is the Datum of a number that need not be an integer; if it is one, Float gives what [Int] gives.
func Float(f float64) Datum {
	if f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
		return Int(int64(f))
	}
	return Datum{kind: datumFloat, text: strconv.FormatFloat(f, 'g', -1, 64)}
}

// Text is the Datum of a character string.
func Text(s string) Datum { return Datum{kind: datumText, text: s} }

// Bytes is the Datum of a binary string. It differs from the [Text] of the same bytes.
func Bytes(b []byte) Datum { return Datum{kind: datumBytes, text: string(b)} }

// clone is the Datum in memory of its own. Some programs make strings of buffers that they use again.
func (d Datum) clone() Datum {
	d.text = strings.Clone(d.text)
	return d
}

// value is the Datum as an argument for a query.
func (d Datum) value() any {
	switch d.kind {
	case datumInt:
		return d.number
	case datumFloat:
		f, _ := strconv.ParseFloat(d.text, 64)
		return f
	case datumText:
		return d.text
	case datumBytes:
		return []byte(d.text)
	}
	return nil
}

// A template is a parsed [Rule.Key]: literals around verbs. It is immutable.
type template struct {
	text     string
	literals []string // one more than verbs
	verbs    []byte   // 'd', 's' or 'v'
}

// The signs that a filled key uses for itself, and which therefore cannot follow a verb in a template.
const (
	escape = '%' // %2D: the byte '-' of a value
	mark   = '~' // ~5: the text "5", where the number 5 would be 5. ~~: bytes
)

func parseTemplate(text string) (*template, error) {
	if text == "" {
		return nil, errors.New("the key is empty")
	}
	t := &template{text: text}
	rest := text
	for {
		literal, after, found := strings.Cut(rest, "%")
		t.literals = append(t.literals, literal)
		if err := t.checkLast(found); err != nil {
			return nil, err
		}
		if !found {
			return t, nil
		}
		if after == "" || !strings.ContainsRune("dsv", rune(after[0])) {
			return nil, fmt.Errorf("key %q: %q is not a verb; the verbs are %%d, %%s and %%v", text, "%"+firstRune(after))
		}
		t.verbs = append(t.verbs, after[0])
		rest = after[1:]
	}
}

// checkLast checks the literal that was parsed last; more says that a verb comes after it.
func (t *template) checkLast(more bool) error {
	literal := t.literals[len(t.literals)-1]
	for _, r := range literal {
		// Keys are read by people, in redis-cli and in logs.
		if unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError {
			return fmt.Errorf("key %q: blanks, control characters and broken UTF-8 are not allowed", t.text)
		}
	}
	if len(t.verbs) == 0 {
		return nil
	}
	if literal == "" {
		if more {
			return fmt.Errorf("key %q: two verbs need a literal between them, otherwise 1, 23 and 12, 3 would be one key", t.text)
		}
		return nil
	}
	if literal[0] == mark {
		return fmt.Errorf("key %q: %q cannot follow a verb", t.text, mark)
	}
	return nil
}

func firstRune(s string) string {
	for _, r := range s {
		return string(r)
	}
	return ""
}

// Key is the key of a rule with this template for these values, one for each verb, as it stands in a store behind the
// namespace and the scope. It panics if the template is none, or if the values do not fit it.
func Key(template string, values ...Datum) string {
	t, err := parseTemplate(template)
	if err == nil && len(values) != len(t.verbs) {
		err = fmt.Errorf("key %q has %s, and not %d", template, count(len(t.verbs), "verb"), len(values))
	}
	if err != nil {
		panic("moneyclip: " + err.Error())
	}
	key, ok := t.fill(nil, values)
	if !ok {
		panic(fmt.Sprintf("moneyclip: key %q cannot be filled with these values", template))
	}
	return string(key)
}

// fill appends the key for these values, one for each verb. It is injective: two different lists never give one key,
// because no value ever contains the byte with which the literal after it begins. It reports false for a value that
// has no place in the key: none at all, or one for %d that is not an integer.
func (t *template) fill(key []byte, data []Datum) ([]byte, bool) {
	key = append(key, t.literals[0]...)
	for i := range t.verbs {
		var ok bool
		if key, ok = t.fillVerb(key, i, &data[i]); !ok {
			return key, false
		}
	}
	return key, true
}

// fillVerb appends the value of one verb and the literal after it.
func (t *template) fillVerb(key []byte, i int, d *Datum) ([]byte, bool) {
	literal := t.literals[i+1]
	stop := byte(escape) // escaped anyway
	if literal != "" {
		stop = literal[0]
	}
	switch {
	case d.kind == noDatum, t.verbs[i] == 'd' && d.kind != datumInt:
		return key, false
	case d.kind == datumInt:
		return t.fillInt(key, i, d.number), true
	case d.kind == datumFloat:
		key = appendEscaped(key, d.text, stop)
	case d.kind == datumBytes:
		key = append(key, mark, mark)
		key = appendEscaped(key, d.text, stop)
	default:
		if looksNumeric(d.text) {
			key = append(key, mark)
		}
		key = appendEscaped(key, d.text, stop)
	}
	return append(key, literal...), true
}

// fillInt is fillVerb for an integer.
func (t *template) fillInt(key []byte, i int, n int64) []byte {
	start := len(key)
	key = strconv.AppendInt(key, n, 10)
	literal := t.literals[i+1]
	if literal == "" {
		return key
	}
	if stop := literal[0]; stop == '-' || stop >= '0' && stop <= '9' {
		number := string(key[start:])
		key = appendEscaped(key[:start], number, stop)
	}
	return append(key, literal...)
}

// looksNumeric reports whether a text could be taken for a number in a key. It may say so of one that could not.
func looksNumeric(s string) bool {
	if s == "" {
		return false
	}
	switch s[0] {
	case 'N', 'I': // NaN, Inf
		return true
	case '+', '-':
	default:
		if s[0] < '0' || s[0] > '9' {
			return false
		}
	}
	for i := range len(s) {
		if strings.IndexByte("0123456789+-.eEInf", s[i]) < 0 {
			return false
		}
	}
	return true
}

// appendEscaped appends a value, with every byte escaped that a reader could take for something else.
func appendEscaped(key []byte, value string, stop byte) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(value) {
		c := value[i]
		if c <= ' ' || c >= 0x7f || c == escape || c == mark || c == stop {
			key = append(key, escape, hex[c>>4], hex[c&15])
			continue
		}
		key = append(key, c)
	}
	return key
}

// KeyValues are the values in a key that the rule's template was filled with, one for each verb, as arguments that give
// the same key: integers, floats, texts and bytes. The key is without namespace and scope, as [Explanation] has it. It
// reports false for one that the rule never has.
func (r Rule) KeyValues(key string) ([]any, bool) {
	t, err := parseTemplate(r.Key)
	if err != nil {
		return nil, false
	}
	data, ok := t.parse(key)
	if !ok {
		return nil, false
	}
	values := make([]any, len(data))
	for i, d := range data {
		values[i] = d.value()
	}
	return values, true
}

// parse is the reverse of fill.
func (t *template) parse(key string) ([]Datum, bool) {
	rest, ok := strings.CutPrefix(key, t.literals[0])
	data := make([]Datum, len(t.verbs))
	for i := range t.verbs {
		value, literal := rest, t.literals[i+1]
		if literal != "" && ok {
			at := 0 // no value has this byte, but an escape may
			for at < len(rest) && rest[at] != literal[0] {
				if rest[at] == escape {
					at += 2
				}
				at++
			}
			if at >= len(rest) {
				return nil, false
			}
			value = rest[:at]
		}
		rest, ok = strings.CutPrefix(rest[len(value):], literal)
		if !ok {
			return nil, false
		}
		data[i] = parseDatum(value)
	}
	again, filled := t.fill(nil, data)
	return data, ok && rest == "" && filled && string(again) == key
}

// parseDatum is the Datum of a value in a key.
func parseDatum(value string) Datum {
	text, isBytes := strings.CutPrefix(value, string(mark)+string(mark))
	if !isBytes {
		plain, isText := strings.CutPrefix(value, string(mark))
		if text = unescape(plain); !isText && looksNumeric(text) {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				return Int(n)
			}
			if f, err := strconv.ParseFloat(text, 64); err == nil {
				return Float(f) // spelt otherwise than in text if no key has it like that, as 1.50
			}
			return Datum{} // a text would have its mark
		}
		return Text(text)
	}
	return Bytes([]byte(unescape(text)))
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == escape && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
