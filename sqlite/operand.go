package sqlite

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/meyer/ast"
)

// operand is a value that the statement itself names: a parameter, a literal, a column of the row that fired a trigger.
func (a *analysis) operand(e ast.Expr, sc *scope) (moneyclip.Value, bool) {
	switch e := bare(e).(type) {
	case *ast.BindParam:
		return moneyclip.Value{Kind: moneyclip.ValueParam, Param: e.Number}, e.Number >= 1 && e.Number <= maxParam
	case *ast.QualifiedRef:
		return a.firing(e, sc)
	case *ast.Ident:
		v, ok := a.word(e, sc)
		return moneyclip.Value{Kind: moneyclip.ValueConst, Const: v}, ok
	}
	v, ok := constant(e)
	return moneyclip.Value{Kind: moneyclip.ValueConst, Const: v}, ok
}

// firing is NEW.column or OLD.column in the body of a trigger.
func (a *analysis) firing(ref *ast.QualifiedRef, sc *scope) (moneyclip.Value, bool) {
	if a.trigger == nil || len(ref.Parts) != 2 {
		return moneyclip.Value{}, false
	}
	table, column := fold(ref.Parts[0].Name), realName(a.trigger, fold(ref.Parts[1].Name))
	for s := sc; s != nil; s = s.outer {
		if slices.ContainsFunc(s.sources, func(src *source) bool { return src.name == table }) {
			return moneyclip.Value{}, false
		}
	}
	c := a.trigger.Column(column)
	if c == nil || table == "new" && a.early && isUnsettled(a.trigger, c) {
		return moneyclip.Value{}, false
	}
	switch table {
	case "new":
		return moneyclip.Value{Kind: moneyclip.ValueNew, Column: column}, true
	case "old":
		return moneyclip.Value{Kind: moneyclip.ValueOld, Column: column}, true
	}
	return moneyclip.Value{}, false
}

// isUnsettled reports whether a column of a row can get another value between a BEFORE trigger and the table: a number,
// what it is computed from, the default in place of a NULL.
func isUnsettled(t *moneyclip.Table, c *moneyclip.Column) bool {
	isDefaultable := c.NotNull && (c.Default.Kind != moneyclip.ValueConst || c.Default.Const != nil)
	return c.Name == t.Serial || c.Generated || isDefaultable
}

// word is the value of a name that no column bears: TRUE, FALSE, or a text in the wrong quotes.
func (a *analysis) word(id *ast.Ident, sc *scope) (any, bool) {
	name := fold(id.Name)
	for s := sc; s != nil; s = s.outer {
		for _, src := range s.sources {
			if src.has(name) != no {
				return nil, false
			}
		}
		if s.aliases[name] {
			return nil, false
		}
	}
	switch {
	case id.Quote == ast.QuoteDouble:
		return id.Name, true
	case id.Quote != ast.QuoteNone:
		return nil, false
	case name == "true":
		return int64(1), true
	case name == "false":
		return int64(0), true
	}
	return nil, false
}

// constant is the value of a literal, with or without a minus.
func constant(e ast.Expr) (any, bool) {
	negative := false
	if u, ok := bare(e).(*ast.UnaryExpr); ok && u.Op == ast.OpMinus {
		negative = true
		e = u.X
	}
	lit, ok := bare(e).(*ast.Literal)
	if !ok {
		return nil, false
	}
	switch {
	case lit.Kind == ast.LitInteger, lit.Kind == ast.LitFloat:
		return number(lit.Value, negative)
	case negative:
		return nil, false
	case lit.Kind == ast.LitNull:
		return nil, true
	case lit.Kind == ast.LitString:
		return lit.Value, true
	case lit.Kind == ast.LitBlob:
		b, err := hex.DecodeString(strings.TrimRight(lit.Value[min(2, len(lit.Value)):], "'"))
		return b, err == nil
	}
	return nil, false
}

func number(text string, negative bool) (any, bool) {
	if len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") {
		// Sixteen hexadecimal digits are all 64 bits, the sign among them.
		n, err := strconv.ParseUint(text[2:], 16, 64)
		if negative {
			return -int64(n), err == nil
		}
		return int64(n), err == nil
	}
	if negative {
		text = "-" + text
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

// bare strips parentheses, which mean nothing around one expression.
func bare(e ast.Expr) ast.Expr {
	for {
		paren, ok := e.(*ast.ParenExpr)
		if !ok {
			return e
		}
		e = paren.X
	}
}

func upper(name string) string {
	b := []byte(name)
	for i := range b {
		if 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}
