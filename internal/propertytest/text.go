package propertytest

import (
	"database/sql"
	"fmt"
	"strings"
)

// A Style is how the values of a statement are given.
type Style int

// The styles. Not every database has all of them.
const (
	Literals   Style = iota
	Positional       // ?
	Numbered         // ?1, $1
	Named            // :p1
	Mixed            // literals beside parameters
)

// A Text builds a statement. Its values become literals or parameters.
type Text struct {
	strings.Builder
	Style Style
	Args  []any

	d        Dice
	language Language
	kinds    []string // of the columns for which Args are
}

// NewText begins a statement in a style of the language's.
func NewText(d Dice, language Language) *Text {
	styles := language.Styles()
	return &Text{d: d, language: language, Style: styles[d.N(len(styles))]}
}

// Add appends SQL.
func (b *Text) Add(parts ...string) {
	for _, part := range parts {
		b.WriteString(part)
	}
}

// Draw appends a value for a column, and Value a certain one.
func (b *Text) Draw(c *Column, fit bool) { b.Value(c, b.language.Value(b.d, c, fit)) }

// Value appends a value that is for a column.
func (b *Text) Value(c *Column, v any) {
	style := b.Style
	if style == Mixed {
		style = Pick(b.d, Literals, b.language.Styles()[0])
	}
	if style == Literals {
		b.Add(b.language.Literal(v))
		return
	}
	n := len(b.Args) + 1
	if again := b.d.N(12); again < len(b.Args) && style != Positional && b.kinds[again] == c.Kind {
		b.Add(b.language.Param(style, again+1)) // one parameter in two places
		return
	}
	b.Add(b.language.Param(style, n))
	if style == Named {
		v = sql.Named(fmt.Sprintf("p%d", n), v)
	}
	b.Args, b.kinds = append(b.Args, v), append(b.kinds, c.Kind)
}

// List appends values for columns with commas between them.
func (b *Text) List(columns []*Column, each func(c *Column)) {
	for i, c := range columns {
		if i > 0 {
			b.Add(", ")
		}
		each(c)
	}
}

func showArgs(args []any) string {
	var list []string
	for _, arg := range args {
		if named, ok := arg.(sql.NamedArg); ok {
			list = append(list, fmt.Sprintf("%s: %#v", named.Name, named.Value))
			continue
		}
		list = append(list, fmt.Sprintf("%#v", arg))
	}
	return "[" + strings.Join(list, ", ") + "]"
}
