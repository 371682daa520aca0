package sqlite

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/sqlc-dev/meyer/ast"
)

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
