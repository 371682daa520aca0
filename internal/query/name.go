package query

import (
	"regexp"
	"strings"
)

var nameLine = regexp.MustCompile(`^--[ \t]*name:[ \t]+([A-Za-z_][A-Za-z0-9_]*)[ \t]+:[a-z]+[ \t]*\r?$`)

// Name finds the sqlc query name in the comments that lead a text. A line that begins with "#" is a comment in MySQL, and
// nothing at all elsewhere.
func Name(text string) string {
	for {
		text = strings.TrimLeft(text, " \t\r\n\f")
		switch {
		case strings.HasPrefix(text, "--"):
			line, rest, _ := strings.Cut(text, "\n")
			if m := nameLine.FindStringSubmatch(line); m != nil {
				return m[1]
			}
			text = rest
		case strings.HasPrefix(text, "#"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			_, rest, ok := strings.Cut(text[2:], "*/")
			if !ok {
				return ""
			}
			text = rest
		default:
			return ""
		}
	}
}

// ByName turns round what is listed by kind: names that are separated by spaces.
func ByName[Kind comparable](lists map[Kind]string) map[string]Kind {
	m := map[string]Kind{}
	for kind, names := range lists {
		for _, name := range strings.Fields(names) {
			m[name] = kind
		}
	}
	return m
}
