// Package ddl takes schema files apart into statements, so that each can be understood, or not, by itself.
package ddl

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A Statement is one of a text.
type Statement struct {
	Text   string
	Number int // from 1, in its text
	Line   int // of the text, on which it begins
}

// A Fault says which statement of which text could not be taken into account, and why.
type Fault struct {
	Text, Statement, Line int // from 1
	Err                   error
}

func (f *Fault) Error() string {
	return fmt.Sprintf("schema text %d, statement %d (line %d): %v", f.Text, f.Statement, f.Line, f.Err)
}

func (f *Fault) Unwrap() error { return f.Err }

// IsDown reports whether a file has only what undoes another: golang-migrate keeps it in a file of its own.
func IsDown(file string) bool { return strings.HasSuffix(file, ".down.sql") }

// downs begin the part of a migration that undoes it: of goose, sql-migrate, tern and dbmate.
var downs = []string{"-- +goose down", "-- +migrate down", "---- create above / drop below ----", "-- migrate:down"}

// metaCommand is a line for psql, as pg_dump writes it.
var metaCommand = regexp.MustCompile(`^\\[A-Za-z!?;]`)

// Up is a migration without the part that undoes it. Its lines keep their numbers.
func Up(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		lower := strings.ToLower(line)
		for _, down := range downs {
			if strings.HasPrefix(lower, down) {
				return strings.Join(lines[:i], "")
			}
		}
		if metaCommand.MatchString(line) {
			lines[i] = "\n"
		}
	}
	return strings.Join(lines, "")
}

// A Syntax is where one kind of database differs in what ends a statement.
type Syntax struct {
	Dollars     bool // $tag$ texts $tag$
	Backslashes bool // escape in every text; otherwise only in E'...', where there are Dollars
	Hashes      bool // # begins a comment
	Brackets    bool // [names]
	Delimiters  bool // the client's command DELIMITER
	Blocks      bool // IF, LOOP, REPEAT and WHILE in bodies
	Atomic      bool // bodies begin with BEGIN ATOMIC, not with BEGIN
}

// Split takes a text apart. Blanks and comments around a statement are not part of it.
func (s Syntax) Split(text string) []Statement {
	p := &splitter{Syntax: s, text: text, delimiter: ";", start: -1}
	for p.at < len(text) {
		p.step()
	}
	p.end(len(text))
	return p.found
}

// A splitter is a Split under way.
type splitter struct {
	Syntax
	text      string
	at        int
	delimiter string
	start     int      // of the statement; -1: it has not begun
	last      int      // behind its last token
	words     []string // of its beginning, as long as they may be those of a routine
	previous  string   // word or sign
	routine   bool     // it has a body
	depth     int      // of blocks in the body
	found     []Statement
}

func (p *splitter) end(at int) {
	if p.start >= 0 {
		p.found = append(p.found, Statement{p.text[p.start:min(p.last, at)], len(p.found) + 1, 1 + strings.Count(p.text[:p.start], "\n")})
	}
	p.start, p.words, p.previous, p.routine, p.depth = -1, nil, "", false, 0
}

// step goes on by one token.
func (p *splitter) step() {
	rest := p.text[p.at:]
	c := rest[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		p.at++
		return
	case strings.HasPrefix(rest, "--"), c == '#' && p.Hashes:
		p.skip("\n")
		return
	case strings.HasPrefix(rest, "/*"):
		p.comment()
		return
	case strings.HasPrefix(rest, p.delimiter) && p.depth == 0:
		p.end(p.at)
		p.at += len(p.delimiter)
		return
	case p.Delimiters && p.start < 0 && len(rest) > 10 && strings.EqualFold(rest[:10], "delimiter "):
		line, _, _ := strings.Cut(rest, "\n")
		if d := strings.TrimSpace(line[10:]); d != "" {
			p.delimiter = d
		}
		p.at += len(line)
		return
	}
	if p.start < 0 {
		p.start = p.at
	}
	switch {
	case c == '\'' || c == '"' || c == '`':
		p.quoted(c, p.Backslashes && c != '`' || p.Dollars && c == '\'' && p.previous == "e" && p.last == p.at)
		p.previous = "'"
	case c == '[' && p.Brackets:
		p.skip("]")
	case c == '$' && p.Dollars && p.dollars():
	case isWord(c):
		n := 1
		for n < len(rest) && (isWord(rest[n]) || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '$') {
			n++
		}
		p.at += n
		p.word(strings.ToLower(rest[:n]))
	default:
		p.at++
		p.previous = string(c)
	}
	p.last = p.at
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// skip goes behind the next mark, or to the end.
func (p *splitter) skip(mark string) {
	if i := strings.Index(p.text[p.at:], mark); i >= 0 {
		p.at += i + len(mark)
		return
	}
	p.at = len(p.text)
}

// comment skips one, which in some databases has others in it.
func (p *splitter) comment() {
	from := p.at
	p.at += 2
	for depth := 1; depth > 0 && p.at < len(p.text); {
		switch rest := p.text[p.at:]; {
		case strings.HasPrefix(rest, "*/"):
			depth--
			p.at += 2
		case strings.HasPrefix(rest, "/*") && p.Dollars:
			depth++
			p.at += 2
		default:
			p.at++
		}
	}
	if p.Hashes && strings.HasPrefix(p.text[from:], "/*!") { // not a comment for the server
		if p.start < 0 {
			p.start = from
		}
		p.last = p.at
	}
}

func (p *splitter) quoted(quote byte, escapes bool) {
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\' && escapes:
			p.at++
		case c == quote && p.at+1 < len(p.text) && p.text[p.at+1] == quote:
			p.at++
		case c == quote:
			p.at++
			return
		}
	}
	p.at = min(p.at, len(p.text))
}

var dollarTag = regexp.MustCompile(`^\$([A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$`)

func (p *splitter) dollars() bool {
	tag := dollarTag.FindString(p.text[p.at:])
	if tag == "" {
		return false
	}
	p.at += len(tag)
	p.skip(tag)
	p.previous = "'"
	return true
}

const maxHead = 12 // words before TRIGGER, PROCEDURE, FUNCTION or EVENT: there may be a DEFINER

// word takes in a word: it may begin or end a block of a body.
func (p *splitter) word(w string) {
	defer func() { p.previous = w }()
	if !p.routine {
		if len(p.words) < maxHead {
			p.words = append(p.words, w)
			switch w {
			case "trigger", "procedure", "function", "event":
				p.routine = p.words[0] == "create"
			}
		}
		return
	}
	if p.previous == "." || p.previous == "end" && w != "end" && w != "if" && w != "case" {
		return
	}
	switch w {
	case "begin":
		if !p.Atomic {
			p.depth++
		}
	case "atomic":
		if p.Atomic && p.previous == "begin" {
			p.depth++
		}
	case "case":
		if p.previous != "end" && p.depth > 0 {
			p.depth++
		}
	case "if", "loop", "repeat", "while":
		if p.Blocks && p.opens() {
			p.depth++
		}
	case "end":
		p.depth = max(0, p.depth-1)
	}
}

// opens reports whether a word comes where a statement of a body begins.
func (p *splitter) opens() bool {
	switch p.previous {
	case ";", "begin", "then", "else", "do", "loop", "repeat", ":", "row":
		return true
	}
	return false
}

// Each applies every statement of the up parts of some texts in order, and returns a [Fault] for each that could not be. A
// parser that falls over has not understood the statement.
func (s Syntax) Each(texts []string, apply func(statement string) error) error {
	var faults []error
	for i, text := range texts {
		for _, stmt := range s.Split(Up(text)) {
			if err := safely(apply, stmt.Text); err != nil {
				faults = append(faults, &Fault{i + 1, stmt.Number, stmt.Line, err})
			}
		}
	}
	return errors.Join(faults...)
}

func safely(apply func(string) error, statement string) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it is not understood")
		}
	}()
	return apply(statement)
}

const namePattern = "(?:[\\w$\u0080-\U0010ffff]+|\"(?:[^\"]|\"\")+\"|`(?:[^`]|``)+`|\\[[^\\]]+\\])"

var (
	tablePattern = regexp.MustCompile(`(?is)^(?:create|alter|drop)\s+(?:or\s+replace\s+|unlogged\s+|foreign\s+|virtual\s+)*(?:table|view|materialized\s+view)\s+` +
		`(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?(` + namePattern + `(?:\s*\.\s*` + namePattern + `)*)`)
	onPattern = regexp.MustCompile(`(?is)^create\s+.*?(?:index|trigger|policy|rule)\b.*?\son\s+(?:only\s+)?(` +
		namePattern + `(?:\s*\.\s*` + namePattern + `)*)`)
	partPattern = regexp.MustCompile(namePattern)
)

// Subject is the name of the table or view that a statement is about which no parser understands, in its parts, as they are
// written. Nil: it is not about one.
func Subject(statement string) []string {
	m := tablePattern.FindStringSubmatch(statement)
	if m == nil {
		m = onPattern.FindStringSubmatch(statement)
	}
	if m == nil {
		return nil
	}
	return partPattern.FindAllString(m[1], -1)
}

// Unquote is a name without its quotes, and whether it had some.
func Unquote(name string) (string, bool) {
	closing := map[byte]string{'"': `"`, '`': "`", '[': "]"}[name[0]]
	if closing == "" || len(name) < 2 {
		return name, false
	}
	return strings.ReplaceAll(name[1:len(name)-1], closing+closing, closing), true
}
