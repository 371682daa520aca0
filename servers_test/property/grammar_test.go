package property

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// speech is what the statements of two servers differ in.
type speech interface {
	propertytest.Language
	// computed draws an expression of a column's class that is computed from a value of that class.
	computed(d propertytest.Dice, c *propertytest.Column, name string) string
	// condition draws a condition that only this server knows, and returns its form; empty: none was drawn.
	condition(w *writer, c *propertytest.Column, name string) string
	quoted(name string) string
	// written reports whether a view can be.
	written(v *propertytest.Table) bool
}

// A writer writes one statement.
type writer struct {
	*propertytest.Text
	*propertytest.Schema
	l speech
	d propertytest.Dice
}

func newWriter(d propertytest.Dice, s *propertytest.Schema, l speech) *writer {
	return &writer{propertytest.NewText(d, l), s, l, d}
}

// step is the statement as a step.
func (w *writer) step(form string) propertytest.Step {
	return propertytest.Step{Form: form, Query: w.String(), Args: w.Args}
}

// target draws what is written: a table, more seldom a view.
func (w *writer) target() *propertytest.Table {
	if len(w.Views) > 0 && w.d.One(8) {
		if v := w.Views[w.d.N(len(w.Views))]; w.l.written(v) || w.d.One(10) {
			return v
		}
	}
	return w.Any(w.d)
}

// into draws what rows are inserted into: seldom a partition, which takes some rows only.
func (w *writer) into() *propertytest.Table {
	t := w.target()
	for strings.Contains(t.Name, "_") && !w.d.One(4) {
		t = w.target()
	}
	return t
}

// spelled is a name in one of the ways that are read alike.
func (w *writer) spelled(name string) string {
	switch {
	case w.d.One(12):
		return w.l.quoted(name)
	case w.d.One(12):
		return "/* the */ " + name
	}
	return name
}

// key draws a column by which rows are found: half of the time that of the primary key.
func (w *writer) key(t *propertytest.Table) *propertytest.Column {
	if len(t.Unique) > 0 && w.d.One(2) {
		return t.Column(t.Unique[0][0])
	}
	return t.Any(w.d)
}

// where draws a condition on the rows of a table and returns the name of its form.
func (w *writer) where(t *propertytest.Table, qualifier string) string {
	d := w.d
	c := w.key(t)
	other := t.Any(d)
	name, second := qualifier+c.Name, qualifier+other.Name
	switch d.N(18) {
	case 0, 1, 2, 3:
		w.Add(name, " = ")
		w.Draw(c, !d.One(6))
		return "pinned"
	case 4, 5:
		w.Add(name, " = ")
		w.Draw(c, true)
		w.Add(" AND ", second, w.l.Compare(d))
		w.Draw(other, true)
		return "pinned"
	case 6, 7:
		w.Add(name, " IN (")
		for i := range 1 + d.N(3) {
			if i > 0 {
				w.Add(", ")
			}
			w.Draw(c, true)
		}
		w.Add(")")
		return "IN"
	case 8:
		w.Add("(", name, ", ", second, ") = (")
		w.Draw(c, true)
		w.Add(", ")
		w.Draw(other, true)
		w.Add(")")
		return "row value"
	case 9:
		from := w.Any(d)
		if like := from.Like(d, c); like != nil {
			w.Add(name, " IN (SELECT ", like.Name, " FROM ", from.Name, propertytest.Pick(d, "", " WHERE "+like.Name+" IS NOT NULL"), ")")
			return "subquery"
		}
	case 10:
		w.Add(name, propertytest.Pick(d, " > ", " <> ", " >= "))
		w.Draw(c, true)
		return "range"
	case 11:
		w.Add("(", name, " = ")
		w.Draw(c, true)
		w.Add(" OR ", second, " = ")
		w.Draw(other, true)
		w.Add(")")
		return "OR"
	case 12:
		if like := t.Like(d, c); like != c {
			w.Add(name, " = ", qualifier, like.Name)
			if d.One(2) {
				w.Add(" AND ", name, " = ")
				w.Draw(c, true)
			}
			return "column = column"
		}
	case 13:
		w.Add(name, " IS ", propertytest.Pick(d, "", "NOT "), "NULL")
		return "range"
	case 14:
		w.Add(propertytest.Pick(d, "true", "1 = 1"))
		return "all"
	case 15:
		w.Add("((", name, ", ", second, ") IN ((")
		w.Draw(c, true)
		w.Add(", ")
		w.Draw(other, true)
		w.Add("), (")
		w.Draw(c, true)
		w.Add(", ")
		w.Draw(other, true)
		w.Add(")))")
		return "row value"
	default:
		if form := w.l.condition(w, c, name); form != "" {
			return form
		}
	}
	w.Add(name, " = ")
	w.Draw(c, true)
	return "pinned"
}

// set draws assignments. From is what else may be read, by its name; nil: nothing.
func (w *writer) set(t *propertytest.Table, own string, from *propertytest.Table, alias string) {
	w.setOf(t, w.settable(t), own, from, alias)
}

// settable draws columns to be assigned.
func (w *writer) settable(t *propertytest.Table) []*propertytest.Column {
	columns := propertytest.Some(w.d, slices.DeleteFunc(t.Plain(), func(c *propertytest.Column) bool { return c.Fixed }), 1)
	return columns[:min(len(columns), propertytest.Pick(w.d, 1, 1, 2))]
}

func (w *writer) setOf(t *propertytest.Table, columns []*propertytest.Column, own string, from *propertytest.Table, alias string) {
	w.List(columns, func(c *propertytest.Column) {
		w.Add(c.Name, " = ")
		w.expression(t, c, own, from, alias)
	})
}

// expression draws a value for a column of a row that is there.
func (w *writer) expression(t *propertytest.Table, c *propertytest.Column, own string, from *propertytest.Table, alias string) {
	d := w.d
	switch d.N(12) {
	case 0, 1:
		if from == nil {
			break
		}
		if like := from.Like(d, c); like != nil {
			w.Add(alias, like.Name)
			return
		}
	case 2, 3:
		w.Add(w.l.computed(d, c, own+c.Name))
		return
	case 4:
		w.Add(own, t.Like(d, c).Name)
		return
	case 5:
		if c.Refers == nil && d.One(2) {
			w.Add("DEFAULT")
			return
		}
	case 6:
		other := w.Any(d)
		if like := other.Like(d, c); like != nil && other != t && d.One(2) {
			w.Add("(SELECT ", like.Name, " FROM ", other.Name, " ORDER BY 1 LIMIT 1)")
			return
		}
	}
	w.Draw(c, !d.One(8))
}

// named draws the columns of an INSERT: those that it is likely to need, and some more.
func (w *writer) named(t *propertytest.Table) []*propertytest.Column {
	plain := t.Plain()
	if w.d.One(3) {
		return plain
	}
	some := propertytest.Some(w.d, plain, 1)
	if w.d.One(20) {
		return some
	}
	return slices.DeleteFunc(plain, func(c *propertytest.Column) bool { return !c.Needed && !slices.Contains(some, c) })
}

func (w *writer) columnList(columns []*propertytest.Column) {
	w.Add(" (")
	w.List(columns, func(c *propertytest.Column) { w.Add(w.spelled(c.Name)) })
	w.Add(")")
}

// values draws rows for an INSERT.
func (w *writer) values(columns []*propertytest.Column, rows int) {
	for i := range rows {
		if i > 0 {
			w.Add(", ")
		}
		w.Add("(")
		w.List(columns, func(c *propertytest.Column) {
			switch {
			case w.d.One(25) && c.Refers == nil && !c.Needed:
				w.Add("DEFAULT")
			case w.d.One(25):
				v := newWriter(w.d, w.Schema, w.l)
				v.Style = propertytest.Literals
				v.Draw(c, true)
				w.Add(w.l.computed(w.d, c, v.String()))
			default:
				w.Draw(c, !w.d.One(8))
			}
		})
		w.Add(")")
	}
}

// selected draws what an INSERT gets from a SELECT of one table.
func (w *writer) selected(columns []*propertytest.Column) {
	from := w.Any(w.d)
	w.Add("SELECT ")
	w.List(columns, func(c *propertytest.Column) {
		if like := from.Like(w.d, c); like != nil && !w.d.One(3) {
			w.Add(like.Name)
			return
		}
		style := w.Style
		w.Style = propertytest.Literals // of a parameter the type may not be known there
		w.Draw(c, true)
		w.Style = style
	})
	w.Add(" FROM ", from.Name, " WHERE ")
	w.where(from, "")
}

// names are those of columns, with commas.
func names(columns []*propertytest.Column) string {
	var list []string
	for _, c := range columns {
		list = append(list, c.Name)
	}
	return strings.Join(list, ", ")
}

// text writes a part of a statement whose values are literals.
func (w *writer) text(write func(*writer)) string {
	part := newWriter(w.d, w.Schema, w.l)
	part.Style = propertytest.Literals
	write(part)
	return part.String()
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// made is a name that is likely to be met again.
func made(d propertytest.Dice, letter string) string { return fmt.Sprintf("%s%d", letter, d.N(4)) }
