package sqlite_test

import (
	"fmt"
	"strings"

	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// Statement draws a step that is a statement.
func (language) Statement(d propertytest.Dice, of *propertytest.Schema) propertytest.Step {
	s := &schema{of}
	b := propertytest.NewText(d, language{})
	st := propertytest.Step{}
	returns := false
	switch n := d.N(40); {
	case n == 39:
		st.Form = s.change(d, b, true)
		st.Schema, st.Pinned = true, st.Form == "TEMP"
	case n == 37:
		return propertytest.Step{Form: "SELECT", Way: propertytest.ByQueryOpen,
			Query: "SELECT * FROM " + s.Any(d).Name + ", " + s.Tables[0].Name}
	case n == 38:
		st.Form, st.Schema, st.Unkept = "script", true, true
		s.script(d, b)
	default:
		st.Form = s.write(d, b)
		returns = strings.Contains(b.String(), " RETURNING ")
	}
	st.Query, st.Args = b.String(), b.Args
	st.Way = propertytest.DrawWay(d)
	if returns {
		st.Way = propertytest.Returns(d)
	}
	return st
}

// script draws a text of several statements.
func (s *schema) script(d propertytest.Dice, b *propertytest.Text) {
	if b.Style == propertytest.Numbered {
		b.Style = propertytest.Positional
	}
	for i := range 2 + d.N(2) {
		if i > 0 {
			b.Add("; ")
		}
		if d.One(6) {
			style := b.Style
			s.change(d, b, false)
			b.Style = style
			continue
		}
		s.write(d, b)
	}
}

// Fill draws an INSERT that is likely to succeed.
func (language) Fill(d propertytest.Dice, of *propertytest.Schema, t *propertytest.Table) propertytest.Step {
	b := propertytest.NewText(d, language{})
	s := &schema{of}
	s.fill(d, b, t)
	return propertytest.Step{Form: "INSERT", Query: b.String(), Args: b.Args}
}

func (s *schema) fill(d propertytest.Dice, b *propertytest.Text, t *propertytest.Table) {
	var names []string
	plain := t.Plain()
	for _, c := range plain {
		names = append(names, c.Name)
	}
	b.Add("INSERT OR IGNORE INTO ", t.Name, " (", strings.Join(names, ", "), ") VALUES (")
	for i, c := range plain {
		if i > 0 {
			b.Add(", ")
		}
		if c.Refers != nil && c.Of == t {
			b.Add("NULL")
			continue
		}
		b.Draw(c, true)
	}
	b.Add(")")
}

// write draws one INSERT, UPDATE or DELETE and returns the name of its form.
func (s *schema) write(d propertytest.Dice, b *propertytest.Text) string {
	t := s.Any(d)
	if len(s.Views) > 0 && d.One(12) {
		t = s.Views[0]
	}
	switch n := d.N(20); {
	case n < 9:
		return s.insert(d, b, t)
	case n < 16:
		return s.update(d, b, t)
	}
	return s.delete(d, b, t)
}

// written is a column as the target of a value: an INTEGER PRIMARY KEY has other names too.
func written(d propertytest.Dice, t *propertytest.Table, c *propertytest.Column) string {
	if c.Name == "id" && hasRowid(t) && c.Kind == "INTEGER" && c.Unique && d.One(6) {
		return propertytest.Pick(d, "rowid", "oid", "_rowid_")
	}
	return spelled(d, c.Name)
}

// spelled is a name in one of the ways that SQLite reads alike.
func spelled(d propertytest.Dice, name string) string {
	if !d.One(5) {
		return name
	}
	return propertytest.Pick(d, strings.ToUpper(name), `"`+name+`"`, "["+name+"]", "`"+name+"`", "/* the */ "+name)
}

func (s *schema) returning(d propertytest.Dice, b *propertytest.Text, t *propertytest.Table) {
	if d.One(4) {
		b.Add(" RETURNING ", propertytest.Pick(d, "*", t.Columns[0].Name, t.Columns[0].Name+", 1 AS one"))
	}
}

func (s *schema) insert(d propertytest.Dice, b *propertytest.Text, t *propertytest.Table) string {
	form := "INSERT"
	with := d.One(12)
	if with {
		b.Add("WITH w (x, y) AS (SELECT ")
		b.Draw(t.Columns[0], true)
		b.Add(", ")
		b.Draw(t.Columns[len(t.Columns)-1], true)
		b.Add(") ")
	}
	switch d.N(9) {
	case 0, 1, 2, 3, 4:
		b.Add("INSERT INTO ")
	case 5:
		b.Add("REPLACE INTO ")
		form = "REPLACE"
	case 6:
		b.Add("INSERT OR REPLACE INTO ")
		form = "REPLACE"
	default:
		or := propertytest.Pick(d, "IGNORE", "FAIL", "ABORT", "ROLLBACK")
		b.Add("INSERT OR ", or, " INTO ")
		form = "INSERT OR ..."
	}
	b.Add(spelled(d, t.Name))
	plain := t.Plain()
	columns := propertytest.Some(d, plain, 1)
	named := !d.One(6)
	if named && d.One(10) && len(columns) > 1 {
		columns[0], columns[1] = columns[1], columns[0]
	}
	if !named {
		columns = plain
	}
	if !with && d.One(15) {
		b.Add(" DEFAULT VALUES")
		s.returning(d, b, t)
		return form + " DEFAULT VALUES"
	}
	if named {
		b.Add(" (")
		for i, c := range columns {
			if i > 0 {
				b.Add(", ")
			}
			b.Add(written(d, t, c))
		}
		b.Add(")")
	}
	switch {
	case with || d.One(6):
		form += " SELECT"
		b.Add(" SELECT ")
		from := s.Any(d)
		for i, c := range columns {
			if i > 0 {
				b.Add(", ")
			}
			switch {
			case with && d.One(2):
				b.Add(propertytest.Pick(d, "x", "y"))
			case !with && !d.One(3):
				b.Add(from.Any(d).Name, propertytest.Pick(d, "", "", " + 1"))
			default:
				b.Draw(c, true)
			}
		}
		if with {
			b.Add(" FROM w WHERE 1")
		} else {
			b.Add(" FROM ", from.Name, " WHERE ")
			s.where(d, b, from, "")
		}
	default:
		b.Add(" VALUES ")
		rows := propertytest.Pick(d, 1, 1, 1, 2, 3)
		if rows > 1 {
			form += " rows"
		}
		for i := range rows {
			if i > 0 {
				b.Add(", ")
			}
			b.Add("(")
			for j, c := range columns {
				if j > 0 {
					b.Add(", ")
				}
				if d.One(15) {
					b.Add(propertytest.Pick(d, "1 + 1", "upper('a')", "(SELECT max(id) FROM "+s.Tables[0].Name+")", "abs(-2)"))
					continue
				}
				b.Draw(c, !d.One(5))
			}
			b.Add(")")
		}
	}
	if d.One(4) {
		form += s.upsert(d, b, t)
	}
	s.returning(d, b, t)
	return form
}

func (s *schema) upsert(d propertytest.Dice, b *propertytest.Text, t *propertytest.Table) string {
	form := " DO NOTHING"
	for last := false; !last; {
		last = !d.One(6)
		b.Add(" ON CONFLICT")
		if len(t.Unique) > 0 && !d.One(5) {
			b.Add(" (", strings.Join(t.Unique[d.N(len(t.Unique))], ", "), ")")
		} else if !last {
			b.Add(" (id)")
		}
		if d.One(4) {
			b.Add(" DO NOTHING")
			continue
		}
		form = " DO UPDATE"
		b.Add(" DO UPDATE SET ")
		plain := t.Plain()
		some := propertytest.Some(d, plain, 1)
		for i, c := range some[:min(len(some), 1+d.N(2))] {
			if i > 0 {
				b.Add(", ")
			}
			other := plain[d.N(len(plain))]
			b.Add(c.Name, " = ")
			switch d.N(6) {
			case 0, 1:
				b.Draw(c, true)
			case 2:
				b.Add("excluded.", c.Name)
			case 3:
				b.Add("excluded.", other.Name)
			case 4:
				b.Add(t.Name, ".", other.Name)
			default:
				b.Add(c.Name, " + 1")
			}
		}
		if d.One(4) {
			b.Add(" WHERE ", plain[d.N(len(plain))].Name, " <> ")
			b.Add("2")
		}
	}
	return form
}

// where draws a condition on the rows of a table and returns the name of its form.
func (s *schema) where(d propertytest.Dice, b *propertytest.Text, t *propertytest.Table, qualifier string) string {
	c := t.Any(d)
	if len(t.Unique) > 0 && d.One(2) {
		c = t.Column(t.Unique[0][0])
	}
	other := t.Any(d)
	name, second := qualifier+c.Name, qualifier+other.Name
	switch d.N(16) {
	case 0, 1, 2, 3:
		b.Add(name, " = ")
		b.Draw(c, !d.One(4))
		return "pinned"
	case 4:
		b.Add(name, " = ")
		b.Draw(c, true)
		b.Add(" AND ", second, propertytest.Pick(d, " = ", " > ", " IS NOT "))
		b.Draw(other, true)
		return "pinned"
	case 5, 6:
		b.Add(name, " IN (")
		for i := range 1 + d.N(3) {
			if i > 0 {
				b.Add(", ")
			}
			b.Draw(c, true)
		}
		b.Add(")")
		return "IN"
	case 7:
		b.Add("(", name, ", ", second, ") = (")
		b.Draw(c, true)
		b.Add(", ")
		b.Draw(other, true)
		b.Add(")")
		return "row value"
	case 8:
		from := s.Any(d)
		b.Add(name, " IN (SELECT ", from.Any(d).Name, " FROM ", from.Name,
			propertytest.Pick(d, "", " WHERE id > 1"), ")")
		return "subquery"
	case 9:
		b.Add(name, propertytest.Pick(d, " > ", " <> ", " >= "))
		b.Draw(c, true)
		return "range"
	case 10:
		b.Add(name, " = ")
		b.Draw(c, true)
		b.Add(" OR ", second, " = ")
		b.Draw(other, true)
		return "OR"
	case 11:
		if hasRowid(t) {
			b.Add(qualifier, "rowid = ")
			b.Value(t.Columns[0], int64(1+d.N(3)))
			return "rowid"
		}
		b.Add(name, " IS NULL")
		return "range"
	case 12:
		b.Add(name, " = ", second)
		if d.One(2) {
			b.Add(" AND ", propertytest.Pick(d, name, second), " = ")
			b.Draw(c, true)
		}
		return "column = column"
	case 13:
		if d.One(2) {
			b.Add(propertytest.Pick(d, "", "+"), name, " = ")
			b.Draw(c, true)
			b.Add(propertytest.Pick(d, " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY"))
			return "collated"
		}
		b.Add(name, " COLLATE NOCASE = ")
		b.Draw(c, true)
		return "collated"
	case 14:
		b.Add(name, " IS ")
		b.Draw(c, true)
		return "IS"
	}
	b.Add("1")
	return "all"
}

func (s *schema) update(d propertytest.Dice, b *propertytest.Text, t *propertytest.Table) string {
	with := d.One(15)
	if with {
		b.Add("WITH w (x) AS (SELECT ", "id FROM ", s.Any(d).Name, ") ")
	}
	form := "UPDATE "
	b.Add("UPDATE ")
	if d.One(6) {
		or := propertytest.Pick(d, "REPLACE", "IGNORE", "FAIL", "ROLLBACK", "ABORT")
		form = "UPDATE OR ... "
		if or == "REPLACE" {
			form = "UPDATE OR REPLACE "
		}
		b.Add("OR ", or, " ")
	}
	qualifier := ""
	b.Add(spelled(d, t.Name))
	if d.One(10) {
		b.Add(" AS u")
		qualifier = "u."
	}
	b.Add(" SET ")
	plain := t.Plain()
	columns := propertytest.Some(d, plain, 1)
	columns = columns[:min(len(columns), propertytest.Pick(d, 1, 1, 2))]
	from := s.Any(d)
	useFrom := d.One(10)
	expression := func(c *propertytest.Column) {
		switch d.N(9) {
		case 0, 1, 2, 3:
			b.Draw(c, !d.One(5))
		case 4, 5:
			b.Add(qualifier, c.Name, " + 1")
		case 6:
			if useFrom {
				b.Add("f.", from.Any(d).Name)
				return
			}
			b.Add(plain[d.N(len(plain))].Name)
		case 7:
			b.Add("(SELECT ", propertytest.Pick(d, "max", "count", "min"), "(", from.Columns[0].Name, ") FROM ", from.Name, ")")
		default:
			b.Add("coalesce(", plain[d.N(len(plain))].Name, ", 1)")
		}
	}
	if useFrom {
		// Columns of two tables have the same names.
		qualifier = propertytest.Pick(d, t.Name+".", t.Name+".")
		if strings.Contains(b.String(), " AS u") {
			qualifier = "u."
		}
		expression = func(c *propertytest.Column) {
			if d.One(2) {
				b.Add("f.", from.Any(d).Name)
				return
			}
			b.Draw(c, true)
		}
	}
	if len(columns) == 2 && d.One(4) {
		b.Add("(", columns[0].Name, ", ", columns[1].Name, ") = (")
		expression(columns[0])
		b.Add(", ")
		expression(columns[1])
		b.Add(")")
	} else {
		for i, c := range columns {
			if i > 0 {
				b.Add(", ")
			}
			if d.One(20) {
				b.Add(c.Name, " = ")
				expression(c)
				b.Add(", ") // the last assignment counts
			}
			b.Add(written(d, t, c), " = ")
			expression(c)
		}
	}
	if useFrom {
		form += "FROM "
		b.Add(" FROM ", from.Name, " AS f WHERE ", qualifier, t.Any(d).Name, " = f.",
			from.Any(d).Name)
		if d.One(2) {
			b.Add(" AND (")
			s.where(d, b, t, qualifier)
			b.Add(")")
		}
		return strings.TrimSpace(form)
	}
	b.Add(" WHERE ")
	if with {
		b.Add(qualifier, t.Columns[0].Name, " IN (SELECT x FROM w) AND (")
		form += "WITH "
	}
	form += s.where(d, b, t, qualifier)
	if with {
		b.Add(")")
	}
	s.returning(d, b, t)
	return form
}

func (s *schema) delete(d propertytest.Dice, b *propertytest.Text, t *propertytest.Table) string {
	form := "DELETE "
	with := d.One(15)
	if with {
		b.Add("WITH w (x) AS (SELECT id FROM ", s.Any(d).Name, ") ")
		form += "WITH "
	}
	b.Add("DELETE FROM ", spelled(d, t.Name))
	qualifier := ""
	if d.One(10) {
		b.Add(" AS u")
		qualifier = "u."
	}
	if d.One(20) {
		return "DELETE everything"
	}
	b.Add(" WHERE ")
	if with {
		b.Add(qualifier, t.Columns[0].Name, " IN (SELECT x FROM w) AND (")
	}
	form += s.where(d, b, t, qualifier)
	if with {
		b.Add(")")
	}
	s.returning(d, b, t)
	return form
}

// change draws a change of the schema.
func (s *schema) change(d propertytest.Dice, b *propertytest.Text, alone bool) string {
	t := s.Any(d)
	b.Style = propertytest.Literals
	n := d.N(4) // in the names: what is made is likely to be met again
	changes := 7
	if alone {
		changes = 10 // what is temporary belongs to one connection
	}
	switch d.N(changes) {
	case 7:
		b.Add(strings.Replace(s.trigger(d, "tr"), "CREATE TRIGGER", "CREATE TEMP TRIGGER", 1))
		return "TEMP"
	case 8:
		b.Add("CREATE TEMP TABLE ", t.Name, " (id, a, b, k)")
		return "TEMP"
	case 0, 1:
		b.Add("ALTER TABLE ", t.Name, " ADD COLUMN ", fmt.Sprintf("x%d", n),
			propertytest.Pick(d, " INT", " TEXT DEFAULT 'a'", " INT NOT NULL DEFAULT 2"))
	case 2, 3:
		b.Add(s.trigger(d, fmt.Sprintf("r%d", n)))
	case 4:
		b.Add("DROP TRIGGER IF EXISTS ", fmt.Sprintf("r%d", n))
	case 5:
		copied := *t // the key is not there before the index is
		b.Add(indexText(d, fmt.Sprintf("i%d", n), &copied))
	default:
		b.Add("DROP INDEX IF EXISTS ", fmt.Sprintf("i%d", n))
	}
	return "DDL"
}
