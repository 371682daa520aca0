package sqlite_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// language is SQLite's. Its columns are all of one class: they take any value.
type language struct{}

// schema is a random schema in the making.
type schema struct{ *propertytest.Schema }

// recursive is an option of a schema: triggers may fire themselves.
const recursive = "recursive_triggers"

// hasRowid reports whether rows of a table have a number.
func hasRowid(t *propertytest.Table) bool { return t.Own == true }

// Styles are the styles of values.
func (language) Styles() []propertytest.Style {
	return []propertytest.Style{propertytest.Positional, propertytest.Literals, propertytest.Numbered, propertytest.Named,
		propertytest.Mixed, propertytest.Positional}
}

// Param is the text of a parameter.
func (language) Param(style propertytest.Style, number int) string {
	switch style {
	case propertytest.Numbered:
		return fmt.Sprintf("?%d", number)
	case propertytest.Named:
		return fmt.Sprintf(":p%d", number)
	}
	return "?"
}

// Value draws a value for a column.
func (language) Value(d propertytest.Dice, c *propertytest.Column, fit bool) any {
	return smallValue(d, c, fit)
}

// Literal spells a value in SQL.
func (language) Literal(v any) string { return literal(v) }

// Results draws what a SELECT shows of a row.
func (language) Results(d propertytest.Dice, c *propertytest.Column) string {
	return propertytest.Pick(d, "*", c.Name, "id, "+c.Name, "upper("+c.Name+"), typeof("+c.Name+")")
}

// Aggregate draws a function of many rows.
func (language) Aggregate(d propertytest.Dice, c *propertytest.Column) string {
	return propertytest.Pick(d, "count(*)", "count(*), total("+c.Name+")", "max("+c.Name+" || '')", "count("+c.Name+"), total("+c.Name+")",
		"sum("+c.Name+"), min(typeof("+c.Name+"))")
}

// Sum is for which the order of rows does not matter.
func (language) Sum(_ *propertytest.Column, name string) string { return "total(" + name + ")" }

// Max is the largest as text.
func (language) Max(_ *propertytest.Column, name string) string { return "max(" + name + " || '')" }

// Compare draws a comparison.
func (language) Compare(d propertytest.Dice) string {
	return propertytest.Pick(d, " > ", " = ", " IS NOT ")
}

var kinds = []string{"INTEGER", "INT", "TEXT", "TEXT COLLATE NOCASE", "", "REAL", "NUMERIC", "TEXT COLLATE RTRIM",
	"BLOB"}

// Schema draws a schema.
func (language) Schema(d propertytest.Dice) *propertytest.Schema {
	s := &schema{&propertytest.Schema{}}
	if d.One(4) {
		s.Options = append(s.Options, recursive)
	}
	for i := range 2 + d.N(3) {
		s.table(d, fmt.Sprintf("t%d", i))
	}
	for i := range d.N(3) {
		s.index(d, fmt.Sprintf("i%d", i))
	}
	if d.One(3) {
		s.view(d)
	}
	for i := range d.N(4) {
		s.DDL = append(s.DDL, s.trigger(d, fmt.Sprintf("r%d", i)))
	}
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			c.Int = strings.HasPrefix(c.Kind, "INT")
		}
	}
	return s.Schema
}

func (s *schema) table(d propertytest.Dice, name string) {
	t := &propertytest.Table{Name: name, Own: true}
	s.Tables = append(s.Tables, t)
	var defs []string
	suffix := ""
	id := &propertytest.Column{Name: "id", Kind: "INTEGER", Unique: true}
	t.Columns = append(t.Columns, id)
	t.Unique = [][]string{{"id"}}
	switch d.N(10) {
	case 0, 1, 2:
		defs = append(defs, "id INTEGER PRIMARY KEY")
	case 3:
		defs = append(defs, "id INTEGER PRIMARY KEY AUTOINCREMENT")
	case 4:
		id.Kind = propertytest.Pick(d, "TEXT", "TEXT COLLATE NOCASE", "INT")
		defs = append(defs, "id "+id.Kind+" PRIMARY KEY")
	case 5:
		id.Kind = propertytest.Pick(d, "TEXT", "INTEGER", "TEXT COLLATE NOCASE")
		defs = append(defs, "id "+id.Kind+" PRIMARY KEY")
		suffix, t.Own = " WITHOUT ROWID", false
	case 6, 7:
		id.Kind = propertytest.Pick(d, "INT", "TEXT")
		id.Unique = false
		defs = append(defs, "id "+id.Kind, "k "+propertytest.Pick(d, "INT", "TEXT COLLATE NOCASE", "TEXT"))
		t.Columns = append(t.Columns, &propertytest.Column{Name: "k", Kind: strings.TrimPrefix(defs[1], "k ")})
		t.Unique = [][]string{{"id", "k"}}
		suffix = ", PRIMARY KEY (id, k))"
		if d.One(2) {
			suffix, t.Own = suffix+" WITHOUT ROWID", false
		}
	case 8:
		defs = append(defs, "id INTEGER PRIMARY KEY ON CONFLICT "+propertytest.Pick(d, "REPLACE", "IGNORE", "ROLLBACK", "FAIL"))
	default:
		id.Unique = false
		defs = append(defs, "id INT")
		t.Unique = nil
	}
	for i := range 2 + d.N(3) {
		c := &propertytest.Column{Name: string(rune('a' + i)), Kind: kinds[d.N(len(kinds))]}
		def := c.Name + " " + c.Kind
		switch {
		case d.One(4): // a foreign key
			of := s.Any(d)
			var targets []*propertytest.Column
			for _, target := range of.Columns {
				if target.Unique {
					targets = append(targets, target)
				}
			}
			if len(targets) == 0 {
				break
			}
			target := targets[d.N(len(targets))]
			if !d.One(6) {
				c.Kind = target.Kind
			}
			c.Refers, c.Of = target, of
			actions := []string{"CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION", "RESTRICT"}
			def = fmt.Sprintf("%s %s", c.Name, c.Kind)
			if d.One(3) {
				def += " DEFAULT " + literal(smallValue(d, c, true))
			}
			def += fmt.Sprintf(" REFERENCES %s (%s) ON DELETE %s ON UPDATE %s", of.Name, target.Name,
				propertytest.Pick(d, actions...), propertytest.Pick(d, actions...))
			if d.One(5) {
				def += " DEFERRABLE INITIALLY DEFERRED"
			}
		case d.One(8):
			c.Generated = true
			from := t.Any(d)
			def += " AS (" + propertytest.Pick(d, from.Name, from.Name+" + 1", "upper("+from.Name+")",
				"coalesce("+from.Name+", 1)") + ") " + propertytest.Pick(d, "VIRTUAL", "STORED")
		default:
			if d.One(4) {
				def += " NOT NULL" + propertytest.Pick(d, "", "", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE")
			}
			if d.One(3) {
				def += " DEFAULT " + propertytest.Pick(d, literal(smallValue(d, c, true)), literal(smallValue(d, c, true)),
					"(1 + 1)")
			}
			if d.One(12) {
				def += " CHECK (" + c.Name + " IS NOT 3)"
			}
		}
		if d.One(4) {
			def += " UNIQUE" + propertytest.Pick(d, "", "", "", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE")
			c.Unique = true
			t.Unique = append(t.Unique, []string{c.Name})
		}
		t.Columns = append(t.Columns, c)
		defs = append(defs, def)
	}
	if !strings.HasPrefix(suffix, ",") {
		suffix = ")" + suffix
	}
	of := s.Any(d)
	if plain := t.Plain(); d.One(4) && len(of.Unique) > 0 && len(of.Unique[0]) <= len(plain)-1 {
		from := plain[len(plain)-len(of.Unique[0]):]
		var names []string
		for i, c := range from {
			names = append(names, c.Name)
			if c.Refers == nil && len(from) == 1 {
				c.Refers, c.Of = of.Column(of.Unique[0][i]), of
			}
		}
		target := " (" + strings.Join(of.Unique[0], ", ") + ")"
		actions := []string{"CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION"}
		defs = append(defs, fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s%s ON DELETE %s ON UPDATE %s",
			strings.Join(names, ", "), of.Name,
			propertytest.Pick(d, "", target), propertytest.Pick(d, actions...), propertytest.Pick(d, actions...)))
		if strings.HasPrefix(suffix, ",") {
			suffix = strings.Replace(suffix, ", PRIMARY KEY (id, k)", "", 1)
			defs = slices.Insert(defs, len(defs)-1, "PRIMARY KEY (id, k)")
		}
	}
	s.DDL = append(s.DDL, fmt.Sprintf("CREATE TABLE %s (%s%s", name, strings.Join(defs, ", "), suffix))
}

func (s *schema) index(d propertytest.Dice, name string) {
	t := s.Any(d)
	s.DDL = append(s.DDL, indexText(d, name, t))
}

func indexText(d propertytest.Dice, name string, t *propertytest.Table) string {
	a, b := t.Any(d).Name, t.Any(d).Name
	terms := propertytest.Pick(d, a, a+", "+b, a+" COLLATE NOCASE", "lower("+a+")", a+" DESC")
	text := fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)", propertytest.Pick(d, "UNIQUE ", "UNIQUE ", ""), name, t.Name, terms)
	switch {
	case d.One(5):
		text += " WHERE " + b + " > 1"
	case strings.HasPrefix(text, "CREATE UNIQUE") && (terms == a || terms == a+", "+b) && a != b:
		t.Unique = append(t.Unique, strings.Split(terms, ", "))
	}
	return text
}

func (s *schema) view(d propertytest.Dice) {
	t := s.Any(d)
	columns := propertytest.Some(d, t.Columns, 2)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	v := &propertytest.Table{Name: "v0", Columns: columns}
	s.Views = append(s.Views, v)
	shown := slices.Clone(names)
	last := shown[len(shown)-1]
	shown[len(shown)-1] = propertytest.Pick(d, last, last, "upper("+last+") AS "+last, "+"+last+" AS "+last,
		t.Columns[0].Name+" AS "+last)
	text := fmt.Sprintf("CREATE VIEW v0 AS SELECT %s FROM %s", strings.Join(shown, ", "), t.Name)
	if d.One(2) {
		text += fmt.Sprintf(" WHERE %s > 1", t.Any(d).Name)
	}
	s.DDL = append(s.DDL, text)
	a, b := names[0], names[1]
	if d.One(3) {
		a, b = names[1], names[len(names)-1]
	}
	for _, trigger := range []string{
		fmt.Sprintf("CREATE TRIGGER v0_i INSTEAD OF INSERT ON v0 BEGIN INSERT OR %s INTO %s (%s, %s) VALUES (NEW.%s, NEW.%s); END",
			propertytest.Pick(d, "IGNORE", "REPLACE", "ABORT"), t.Name, a, b, a, b),
		fmt.Sprintf("CREATE TRIGGER v0_u INSTEAD OF UPDATE ON v0 BEGIN UPDATE %s SET %s = NEW.%s WHERE %s = OLD.%s; END", t.Name, b, b, a, a),
		fmt.Sprintf("CREATE TRIGGER v0_d INSTEAD OF DELETE ON v0 BEGIN DELETE FROM %s WHERE %s = OLD.%s; END",
			t.Name, a, a),
	} {
		if d.One(2) {
			s.DDL = append(s.DDL, trigger)
		}
	}
}

// trigger is the text of a random trigger.
func (s *schema) trigger(d propertytest.Dice, name string) string {
	t := s.Any(d)
	op := propertytest.Pick(d, "INSERT", "UPDATE", "DELETE", "UPDATE OF")
	row := propertytest.Pick(d, "NEW", "OLD")
	switch op {
	case "INSERT":
		row = "NEW"
	case "DELETE":
		row = "OLD"
	case "UPDATE OF":
		op += " " + t.Any(d).Name
	}
	fired := func() string { return row + "." + t.Any(d).Name }
	value := func(c *propertytest.Column) string {
		if d.One(3) {
			return literal(smallValue(d, c, true))
		}
		return fired()
	}
	var body []string
	for range 1 + d.N(2) {
		w := s.Any(d)
		if d.One(3) {
			w = t
		}
		plain := w.Plain()
		c, k := plain[d.N(len(plain))], w.Any(d)
		switch d.N(14) {
		case 0, 1:
			body = append(body, fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s = %s", w.Name, c.Name, value(c), k.Name,
				fired()))
		case 12, 13:
			// It moves rows from one value to another, perhaps those that the statement is about to change.
			body = append(body, fmt.Sprintf("UPDATE %s SET %s = %s WHERE %[2]s = %[4]s%s", w.Name, c.Name,
				literal(smallValue(d, c, true)),
				literal(smallValue(d, c, true)), propertytest.Pick(d, "", "", " AND "+k.Name+" = "+literal(smallValue(d, k,
					true)))))
		case 2:
			body = append(body, fmt.Sprintf("UPDATE OR %s %s SET %s = %s WHERE %s = %s", propertytest.Pick(d, "REPLACE", "IGNORE"),
				w.Name, c.Name, value(c), k.Name, value(k)))
		case 3:
			body = append(body, fmt.Sprintf("UPDATE %s SET %s = %[2]s + 1 WHERE %s < 3", w.Name, c.Name, k.Name))
		case 4, 5, 6:
			columns := propertytest.Some(d, plain, 1)
			var names, values []string
			for _, c := range columns {
				names, values = append(names, c.Name), append(values, value(c))
			}
			body = append(body, fmt.Sprintf("INSERT%s INTO %s (%s) VALUES (%s)",
				propertytest.Pick(d, "", " OR IGNORE", " OR REPLACE"),
				w.Name, strings.Join(names, ", "), strings.Join(values, ", ")))
		case 7:
			body = append(body, fmt.Sprintf("INSERT OR IGNORE INTO %s (%s) SELECT %s FROM %s LIMIT 2", w.Name,
				c.Name, fired(), s.Tables[0].Name))
		case 8:
			if len(w.Unique) > 0 && w.Column(w.Unique[0][0]).Unique {
				key := w.Unique[0][0]
				body = append(body, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%[2]s) DO UPDATE SET %s = %s",
					w.Name, key, fired(), c.Name, propertytest.Pick(d, value(c), "excluded."+c.Name)))
			}
		case 9:
			body = append(body, fmt.Sprintf("SELECT RAISE(%s) WHERE %s = 2",
				propertytest.Pick(d, "IGNORE", "ABORT, 'no'", "FAIL, 'no'", "ROLLBACK, 'no'"), fired()))
		default:
			body = append(body, fmt.Sprintf("DELETE FROM %s WHERE %s = %s", w.Name, k.Name, value(k)))
		}
	}
	if len(body) == 0 {
		body = []string{"SELECT 1"}
	}
	when := ""
	if d.One(4) {
		when = " WHEN " + fired() + " <> 1"
	}
	return fmt.Sprintf("CREATE TRIGGER %s %s %s ON %s%s BEGIN %s; END", name, propertytest.Pick(d, "AFTER", "BEFORE"), op,
		t.Name, when, strings.Join(body, "; "))
}

// smallValue draws a value from a domain so small that rows meet each other.
func smallValue(d propertytest.Dice, c *propertytest.Column, fit bool) any {
	numbers := []any{int64(1), int64(2), int64(3), int64(4)}
	texts := []any{"a", "A", "b", "1", "a "}
	switch {
	case !fit && d.One(6):
		return propertytest.Pick[any](d, "1", "2", 1.0, 2.5, nil, true, false, []byte("a"), "01", " 1", 2, []byte{}, "1.0", "b ",
			"1e0", int64(-1))
	case fit && d.One(20):
		return nil
	case strings.HasPrefix(c.Kind, "TEXT"):
		return texts[d.N(len(texts))]
	case strings.HasPrefix(c.Kind, "INT"):
		return numbers[d.N(len(numbers))]
	case strings.HasPrefix(c.Kind, "REAL"), strings.HasPrefix(c.Kind, "NUMERIC"):
		return propertytest.Pick[any](d, int64(1), 1.0, 2.5, int64(2))
	}
	return propertytest.Pick[any](d, int64(1), "1", "a", []byte("a"), 1.0, int64(2))
}

// literal spells a value in SQL.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case float64:
		return fmt.Sprintf("%.1f", v)
	case bool:
		return strings.ToUpper(fmt.Sprint(v))
	}
	return fmt.Sprint(v)
}
