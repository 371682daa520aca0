package query

import (
	"slices"

	"github.com/moneyclip/moneyclip"
)

// operand is a value that the statement itself names: a parameter, a literal, a column of the row that fired a trigger. The
// column is that with which it is compared or in which it is stored, if that is known.
func (a *analysis) operand(e Expr, column *moneyclip.Column, sc *scope) (moneyclip.Value, bool) {
	switch e := e.(type) {
	case Operand:
		return e.Value, e.Kind == moneyclip.ValueParam || e.Kind == moneyclip.ValueConst
	case Cast:
		if !a.casts(column, e.Type) {
			return moneyclip.Value{}, false
		}
		return a.operand(e.X, column, sc)
	case Column:
		if e.Table != "" {
			return a.firing(e, sc)
		}
		return word(e, sc)
	}
	return moneyclip.Value{}, false
}

func (a *analysis) casts(column *moneyclip.Column, typ string) bool {
	return column != nil && a.Casts != nil && a.Casts(column, typ)
}

// element is a value that stands for any element of an array.
func (a *analysis) element(e Expr, column *moneyclip.Column) (moneyclip.Value, bool) {
	switch e := e.(type) {
	case Operand:
		return e.Value, e.Kind == moneyclip.ValueElement
	case Cast:
		if a.casts(column, e.Type) {
			return a.element(e.X, column)
		}
	}
	return moneyclip.Value{}, false
}

// isFiring reports whether a name is qualified as NEW.column or OLD.column is.
func (a *analysis) isFiring(c Column) bool {
	return a.trigger.Table != nil && c.Schema == "" && (c.Table == "new" || c.Table == "old")
}

// firing is NEW.column or OLD.column in the body of a trigger.
func (a *analysis) firing(c Column, sc *scope) (moneyclip.Value, bool) {
	if !a.isFiring(c) {
		return moneyclip.Value{}, false
	}
	for s := sc; s != nil; s = s.outer {
		if slices.ContainsFunc(s.sources, func(src *source) bool { return src.name == c.Table }) {
			return moneyclip.Value{}, false
		}
	}
	t := a.trigger.Table
	v := moneyclip.Value{Kind: moneyclip.ValueOld, Column: a.real(t, c.Name)}
	column := t.Column(v.Column)
	if column == nil {
		return moneyclip.Value{}, false
	}
	if a.trigger.Gives != nil && a.trigger.Gives(v.Column, c.Table == "new") {
		return moneyclip.Value{}, false
	}
	if c.Table == "new" {
		v.Kind = moneyclip.ValueNew
		if a.trigger.Early && isUnsettled(t, column) {
			return moneyclip.Value{}, false
		}
	}
	return v, true
}

// isUnsettled reports whether a column of a row can get another value between a BEFORE trigger and the table: a number,
// what it is computed from, the default in place of a NULL.
func isUnsettled(t *moneyclip.Table, c *moneyclip.Column) bool {
	isDefaultable := c.NotNull && (c.Default.Kind != moneyclip.ValueConst || c.Default.Const != nil)
	return c.Name == t.Serial || c.Generated || isDefaultable
}

// word is the value of a name that no column bears.
func word(c Column, sc *scope) (moneyclip.Value, bool) {
	if c.Word == nil {
		return moneyclip.Value{}, false
	}
	for s := sc; s != nil; s = s.outer {
		if s.aliases[c.Name] || slices.ContainsFunc(s.sources, func(src *source) bool { return src.has(c.Name) != no }) {
			return moneyclip.Value{}, false
		}
	}
	return *c.Word, true
}
