package mysql

import (
	"strings"
	"unicode/utf8"
)

// tokenKind is the kind of a [token].
type tokenKind uint8

const (
	word       tokenKind = iota // a keyword, a name or a number
	quoted                      // a name in backticks
	text                        // a string
	parameter                   // "?"
	mark                        // any other character
	comment                     // also a hint
	executable                  // a comment whose content the server runs, or not, by its version
)

// A token is a piece of a statement's text. Blanks are none.
type token struct {
	kind     tokenKind
	pos, end int
}

// source is a text with its tokens.
type source struct {
	text   string
	tokens []token
}

// is reports whether a token is a word, in any case.
func (s *source) is(t token, name string) bool {
	return t.kind == word && strings.EqualFold(s.text[t.pos:t.end], name)
}

// isMark reports whether a token is this character.
func (s *source) isMark(t token, c byte) bool { return t.kind == mark && s.text[t.pos] == c }

// scan cuts a text into tokens. It reports false for one that servers or their versions may cut otherwise.
func scan(query string) (*source, bool) {
	if strings.IndexByte(query, 0) >= 0 || !utf8.ValidString(query) {
		return nil, false
	}
	s := &source{text: query}
	for pos := 0; pos < len(query); {
		t, ok := next(query, pos)
		if !ok {
			return nil, false
		}
		if t.end == t.pos {
			pos++ // a blank
			continue
		}
		s.tokens = append(s.tokens, t)
		pos = t.end
	}
	return s, true
}

// next is the token at a position; an empty one at a blank.
func next(query string, pos int) (token, bool) {
	rest := query[pos:]
	switch c := rest[0]; {
	case strings.IndexByte(" \t\n\v\f\r", c) >= 0:
		return token{mark, pos, pos}, true
	case c < ' ', c == 0x7f:
		return token{}, false
	case c == '\'' || c == '"':
		end := closing(rest, c, true)
		return token{text, pos, pos + end}, end > 0
	case c == '`':
		end := closing(rest, c, false)
		return token{quoted, pos, pos + end}, end > 0
	case c == '#':
		return token{comment, pos, pos + lineEnd(rest)}, true
	case strings.HasPrefix(rest, "--"):
		if len(rest) > 2 && strings.IndexByte(" \t\n\v\f\r", rest[2]) < 0 {
			if rest[2] < ' ' || rest[2] == 0x7f {
				return token{}, false
			}
			return token{mark, pos, pos + 1}, true // two minus signs
		}
		return token{comment, pos, pos + lineEnd(rest)}, true
	case strings.HasPrefix(rest, "/*"):
		return block(rest, pos)
	case c == '?':
		return token{parameter, pos, pos + 1}, true
	case isWordByte(c):
		end := 1
		for end < len(rest) && isWordByte(rest[end]) {
			end++
		}
		return token{word, pos, pos + end}, true
	}
	return token{mark, pos, pos + 1}, true
}

// block is the comment that a text begins with.
func block(rest string, pos int) (token, bool) {
	length := strings.Index(rest[2:], "*/")
	if length < 0 {
		return token{}, false
	}
	t := token{comment, pos, pos + length + 4}
	if strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!") {
		t.kind = executable
		// Inside of one another, comments end where the version of the server says.
		return t, !strings.Contains(rest[2:length+2], "/*")
	}
	return t, true
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= utf8.RuneSelf
}

// closing is where a quoted piece at the start of a text ends; 0: nowhere.
func closing(rest string, quote byte, escapes bool) int {
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && escapes:
			i++
		case rest[i] != quote:
		case i+1 < len(rest) && rest[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return 0
}

func lineEnd(rest string) int {
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		return i
	}
	return len(rest)
}

// plain is the text with blanks in the place of comments, each token where it was, and the code among the comments.
func (s *source) plain() *source {
	b := []byte(s.text)
	p := &source{}
	for _, t := range s.tokens {
		if t.kind != comment && t.kind != executable {
			p.tokens = append(p.tokens, t)
			continue
		}
		blank(b[t.pos:t.end])
	}
	p.text = string(b)
	return p
}

func blank(b []byte) {
	for i := range b {
		b[i] = ' '
	}
}

// hasExecutable reports whether the server's version decides what the text is.
func (s *source) hasExecutable() bool {
	for _, t := range s.tokens {
		if t.kind == executable {
			return true
		}
	}
	return false
}

// exposed is the text with the content of executable comments in the open. A version may have five or six digits.
func (s *source) exposed(digits int) (string, bool) {
	b := []byte(s.text)
	for _, t := range s.tokens {
		if t.kind != executable {
			continue
		}
		head := t.pos + strings.IndexByte(s.text[t.pos:], '!') + 1
		n := 0
		for n < digits && '0' <= s.text[head+n] && s.text[head+n] <= '9' {
			n++
		}
		if n > 0 && n < 5 {
			return "", false
		}
		blank(b[t.pos : head+n])
		blank(b[t.end-2 : t.end])
	}
	return string(b), true
}

// setsVariables reports whether a hint sets a variable for the statement.
func (s *source) setsVariables() bool {
	for _, t := range s.tokens {
		if t.kind == comment && strings.HasPrefix(s.text[t.pos:], "/*+") &&
			strings.Contains(strings.ToLower(s.text[t.pos:t.end]), "set_var") {
			return true
		}
	}
	return false
}

// split cuts a text at its semicolons and leaves out what is empty.
func (s *source) split() []*source {
	var parts []*source
	from := 0
	cut := func(to int) {
		if to > from {
			first, last := s.tokens[from], s.tokens[to-1]
			part := &source{text: s.text[first.pos:last.end]}
			for _, t := range s.tokens[from:to] {
				part.tokens = append(part.tokens, token{t.kind, t.pos - first.pos, t.end - first.pos})
			}
			parts = append(parts, part)
		}
		from = to + 1
	}
	for i, t := range s.tokens {
		if s.isMark(t, ';') {
			cut(i)
		}
	}
	cut(len(s.tokens))
	return parts
}

// find is the index of the first of some words outside of parentheses, from an index on; the number of tokens if there
// is none.
func (s *source) find(from int, words ...string) int {
	depth := 0
	for i := from; i < len(s.tokens); i++ {
		t := s.tokens[i]
		switch {
		case s.isMark(t, '('):
			depth++
		case s.isMark(t, ')'):
			depth--
		case depth != 0 || t.kind != word || i > 0 && (s.isMark(s.tokens[i-1], '.') || s.isMark(s.tokens[i-1], '@')):
			continue
		}
		for _, name := range words {
			if depth == 0 && s.is(t, name) {
				return i
			}
		}
	}
	return len(s.tokens)
}

// number is the number of the parameter at an offset, from 1; 0: there is none.
func (s *source) number(offset int) int {
	n := 0
	for _, t := range s.tokens {
		if t.kind == parameter {
			n++
			if t.pos == offset {
				return n
			}
		}
	}
	return 0
}

// parameters is how many parameters the text has.
func (s *source) parameters() int {
	n := 0
	for _, t := range s.tokens {
		if t.kind == parameter {
			n++
		}
	}
	return n
}

// slice is the text of some tokens, and the numbers of the parameters in it.
func (s *source) slice(from, to int) (string, []int) {
	if from >= to {
		return "", nil
	}
	var params []int
	for _, t := range s.tokens[from:to] {
		if t.kind == parameter {
			params = append(params, s.number(t.pos))
		}
	}
	return s.text[s.tokens[from].pos:s.tokens[to-1].end], params
}
