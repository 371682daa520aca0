package annotation

import "strings"

// find returns where the first annotation in a comment after an offset begins and ends. A text in which it cannot be told
// what is a comment, because a backslash may or may not escape a quote, has none from there on.
func find(query string, from int) (begin, end int, ok bool) {
	if !strings.Contains(query[from:], start) {
		return 0, 0, false // nearly always
	}
	for i := 0; i < len(query); {
		rest := query[i:]
		switch c := rest[0]; {
		case c == '\'' || c == '"' || c == '`':
			n := quoted(rest)
			if n < 0 {
				return 0, 0, false
			}
			i += n
		case c == '$':
			n, ok := dollars(rest)
			if !ok {
				return 0, 0, false
			}
			i += n
		case c == '#' || strings.HasPrefix(rest, "--"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			if at := begins(strings.TrimLeft(rest[:n], "#-"), rest[:n]); at >= 0 && i+at >= from {
				return i + at, i + n, true
			}
			if c == '#' {
				n = 1 // on Postgres it is an operator
			}
			i += n
		case strings.HasPrefix(rest, "/*"):
			n := comment(rest)
			if at := begins(strings.TrimLeft(rest[2:n], "+*"), rest[:n]); at >= 0 && i+at >= from {
				line := rest[at:n]
				line = strings.TrimSuffix(line, "*/")
				if nl := strings.IndexByte(line, '\n'); nl >= 0 {
					line = line[:nl]
				}
				return i + at, i + at + len(line), true
			}
			i += n
		default:
			i++
		}
	}
	return 0, 0, false
}

// begins returns where in the comment its text begins, if that is an annotation; otherwise -1.
func begins(text, whole string) int {
	text = strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(text, start) {
		return -1
	}
	return len(whole) - len(text)
}

// quoted is the length of a literal or an identifier in quotes; -1: it cannot be told.
func quoted(s string) int {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) && s[i+1] == quote {
				return -1
			}
		case quote:
			if i+1 == len(s) || s[i+1] != quote {
				return i + 1
			}
			i++
		}
	}
	return len(s)
}

// dollars is the length of a text in dollar quotes, or of the dollar alone. It reports false for one that does not end.
func dollars(s string) (int, bool) {
	end := strings.IndexByte(s[1:], '$')
	if end < 0 || strings.ContainsFunc(s[1:1+end], func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80
	}) || end > 0 && s[1] >= '0' && s[1] <= '9' {
		return 1, true
	}
	tag := s[:end+2]
	n := strings.Index(s[len(tag):], tag)
	if n < 0 {
		return 0, false
	}
	return 2*len(tag) + n, true
}

// comment is the length of a comment in /* */, which on some databases may hold others.
func comment(s string) int {
	n := strings.Index(s, "*/")
	if n < 0 {
		return len(s)
	}
	return n + 2
}
