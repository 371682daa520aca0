package sqlite_test

import (
	"database/sql"
	"fmt"
	"strings"
)

// text builds a statement. Its values become literals or parameters of one of SQLite's forms.
type text struct {
	strings.Builder
	d    dice
	form int
	args []any
}

const (
	literals = iota
	positional
	numbered
	named
	mixed
)

func newText(d dice) *text {
	return &text{d: d, form: pick(d, positional, literals, numbered, named, mixed, positional)}
}

func (b *text) add(parts ...string) {
	for _, part := range parts {
		b.WriteString(part)
	}
}

func (b *text) value(v any) {
	form := b.form
	if form == mixed {
		form = pick(b.d, literals, positional)
	}
	n := len(b.args) + 1
	if again := b.d.n(12); again < len(b.args) && (form == numbered || form == named) {
		// One parameter in two places.
		if form == numbered {
			b.add(fmt.Sprintf("?%d", again+1))
		} else {
			b.add(fmt.Sprintf(":p%d", again+1))
		}
		return
	}
	switch form {
	case literals:
		b.add(literal(v))
		return
	case positional:
		b.add("?")
		b.args = append(b.args, v)
	case numbered:
		b.add(fmt.Sprintf("?%d", n))
		b.args = append(b.args, v)
	case named:
		b.add(fmt.Sprintf(":p%d", n))
		b.args = append(b.args, sql.Named(fmt.Sprintf("p%d", n), v))
	}
}

// A step is one thing that a script does.
type step struct {
	kind    stepKind
	form    string // of a statement, for the table at the end
	query   string
	args    []any
	session int
	force   bool // although another session has a transaction
	way     way
}

type stepKind int

const (
	statement stepKind = iota
	begin
	beginText
	savepoint
	rollbackTo
	release
	commit
	rollback
	again // the statement that the session has prepared last, with the same arguments
)

func (k stepKind) String() string {
	return [...]string{"statement", "begin", "BEGIN", "SAVEPOINT", "ROLLBACK TO", "RELEASE", "commit", "rollback",
		"again"}[k]
}

// way is how a statement is run.
type way int

const (
	byExec way = iota
	byQuery
	byQueryOneRow
	byQueryClosed
	byPrepared
	byPreparedTwice
	byPreparedQuery
	byKept      // as it was prepared before
	byQueryOpen // its rows are closed when the session does something else
)

func (s step) String() string {
	if s.kind != statement {
		return fmt.Sprintf("[%d] %v", s.session, s.kind)
	}
	return fmt.Sprintf("[%d way %d] %s %s", s.session, s.way, s.query, showArgs(s.args))
}

func drawStep(d dice, s *schema) step {
	st := step{session: pick(d, 0, 0, 1, 2, 3, 4), force: d.one(8)}
	switch d.n(17) {
	case 16:
		st.kind = again
		return st
	case 13:
		st.kind = pick(d, begin, beginText, beginText)
		return st
	case 14:
		st.kind = pick(d, savepoint, rollbackTo, release)
		return st
	case 15:
		st.kind = pick(d, commit, rollback, commit)
		return st
	}
	b := newText(d)
	returns := false
	switch n := d.n(40); {
	case n == 39:
		st.form = s.change(d, b, true)
	case n == 37:
		st.form, st.way = "SELECT", byQueryOpen
		b.add("SELECT * FROM ", s.tables[d.n(len(s.tables))].name, ", ", s.tables[0].name)
		st.query = b.String()
		return st
	case n == 38:
		st.form = "script"
		if b.form == numbered {
			b.form = positional
		}
		for i := range 2 + d.n(2) {
			if i > 0 {
				b.add("; ")
			}
			if d.one(6) {
				form := b.form
				s.change(d, b, false)
				b.form = form
				continue
			}
			s.write(d, b)
		}
	default:
		st.form = s.write(d, b)
		returns = strings.Contains(b.String(), " RETURNING ")
	}
	st.query, st.args = b.String(), b.args
	st.way = pick(d, byExec, byExec, byExec, byPrepared, byPreparedTwice, byQuery)
	if returns {
		st.way = pick(d, byQuery, byQuery, byQueryOneRow, byQueryClosed, byPreparedQuery, byExec, byQueryOpen,
			byQueryOpen)
	}
	return st
}

// fill draws an INSERT that is likely to succeed.
func (s *schema) fill(d dice, b *text, t *table) {
	var names []string
	plain := t.plain()
	for _, c := range plain {
		names = append(names, c.name)
	}
	b.add("INSERT OR IGNORE INTO ", t.name, " (", strings.Join(names, ", "), ") VALUES (")
	for i, c := range plain {
		if i > 0 {
			b.add(", ")
		}
		if c.refers != nil && c.of == t {
			b.add("NULL")
			continue
		}
		b.value(smallValue(d, c, true))
	}
	b.add(")")
}

// write draws one INSERT, UPDATE or DELETE and returns the name of its form.
func (s *schema) write(d dice, b *text) string {
	t := s.tables[d.n(len(s.tables))]
	if len(s.views) > 0 && d.one(12) {
		t = s.views[0]
	}
	switch n := d.n(20); {
	case n < 9:
		return s.insert(d, b, t)
	case n < 16:
		return s.update(d, b, t)
	}
	return s.delete(d, b, t)
}

// written is a column as the target of a value: an INTEGER PRIMARY KEY has other names too.
func written(d dice, t *table, c *column) string {
	if c.name == "id" && t.rowid && c.kind == "INTEGER" && c.unique && d.one(6) {
		return pick(d, "rowid", "oid", "_rowid_")
	}
	return spelled(d, c.name)
}

// spelled is a name in one of the ways that SQLite reads alike.
func spelled(d dice, name string) string {
	if !d.one(5) {
		return name
	}
	return pick(d, strings.ToUpper(name), `"`+name+`"`, "["+name+"]", "`"+name+"`", "/* the */ "+name)
}

func (s *schema) returning(d dice, b *text, t *table) {
	if d.one(4) {
		b.add(" RETURNING ", pick(d, "*", t.columns[0].name, t.columns[0].name+", 1 AS one"))
	}
}

func (s *schema) insert(d dice, b *text, t *table) string {
	form := "INSERT"
	with := d.one(12)
	if with {
		b.add("WITH w (x, y) AS (SELECT ")
		b.value(smallValue(d, t.columns[0], true))
		b.add(", ")
		b.value(smallValue(d, t.columns[len(t.columns)-1], true))
		b.add(") ")
	}
	switch d.n(9) {
	case 0, 1, 2, 3, 4:
		b.add("INSERT INTO ")
	case 5:
		b.add("REPLACE INTO ")
		form = "REPLACE"
	case 6:
		b.add("INSERT OR REPLACE INTO ")
		form = "REPLACE"
	default:
		or := pick(d, "IGNORE", "FAIL", "ABORT", "ROLLBACK")
		b.add("INSERT OR ", or, " INTO ")
		form = "INSERT OR ..."
	}
	b.add(spelled(d, t.name))
	plain := t.plain()
	columns := subset(d, plain, 1)
	named := !d.one(6)
	if named && d.one(10) && len(columns) > 1 {
		columns[0], columns[1] = columns[1], columns[0]
	}
	if !named {
		columns = plain
	}
	if !with && d.one(15) {
		b.add(" DEFAULT VALUES")
		s.returning(d, b, t)
		return form + " DEFAULT VALUES"
	}
	if named {
		b.add(" (")
		for i, c := range columns {
			if i > 0 {
				b.add(", ")
			}
			b.add(written(d, t, c))
		}
		b.add(")")
	}
	switch {
	case with || d.one(6):
		form += " SELECT"
		b.add(" SELECT ")
		from := s.tables[d.n(len(s.tables))]
		for i, c := range columns {
			if i > 0 {
				b.add(", ")
			}
			switch {
			case with && d.one(2):
				b.add(pick(d, "x", "y"))
			case !with && !d.one(3):
				b.add(from.columns[d.n(len(from.columns))].name, pick(d, "", "", " + 1"))
			default:
				b.value(smallValue(d, c, true))
			}
		}
		if with {
			b.add(" FROM w WHERE 1")
		} else {
			b.add(" FROM ", from.name, " WHERE ")
			s.where(d, b, from, "")
		}
	default:
		b.add(" VALUES ")
		rows := pick(d, 1, 1, 1, 2, 3)
		if rows > 1 {
			form += " rows"
		}
		for i := range rows {
			if i > 0 {
				b.add(", ")
			}
			b.add("(")
			for j, c := range columns {
				if j > 0 {
					b.add(", ")
				}
				if d.one(15) {
					b.add(pick(d, "1 + 1", "upper('a')", "(SELECT max(id) FROM "+s.tables[0].name+")", "abs(-2)"))
					continue
				}
				b.value(smallValue(d, c, !d.one(5)))
			}
			b.add(")")
		}
	}
	if d.one(4) {
		form += s.upsert(d, b, t)
	}
	s.returning(d, b, t)
	return form
}

func (s *schema) upsert(d dice, b *text, t *table) string {
	form := " DO NOTHING"
	for last := false; !last; {
		last = !d.one(6)
		b.add(" ON CONFLICT")
		if len(t.unique) > 0 && !d.one(5) {
			b.add(" (", strings.Join(t.unique[d.n(len(t.unique))], ", "), ")")
		} else if !last {
			b.add(" (id)")
		}
		if d.one(4) {
			b.add(" DO NOTHING")
			continue
		}
		form = " DO UPDATE"
		b.add(" DO UPDATE SET ")
		plain := t.plain()
		some := subset(d, plain, 1)
		for i, c := range some[:min(len(some), 1+d.n(2))] {
			if i > 0 {
				b.add(", ")
			}
			other := plain[d.n(len(plain))]
			b.add(c.name, " = ")
			switch d.n(6) {
			case 0, 1:
				b.value(smallValue(d, c, true))
			case 2:
				b.add("excluded.", c.name)
			case 3:
				b.add("excluded.", other.name)
			case 4:
				b.add(t.name, ".", other.name)
			default:
				b.add(c.name, " + 1")
			}
		}
		if d.one(4) {
			b.add(" WHERE ", plain[d.n(len(plain))].name, " <> ")
			b.value(int64(2))
		}
	}
	return form
}

// where draws a condition on the rows of a table and returns the name of its form.
func (s *schema) where(d dice, b *text, t *table, qualifier string) string {
	c := t.columns[d.n(len(t.columns))]
	if len(t.unique) > 0 && d.one(2) {
		c = t.column(t.unique[0][0])
	}
	other := t.columns[d.n(len(t.columns))]
	name, second := qualifier+c.name, qualifier+other.name
	switch d.n(16) {
	case 0, 1, 2, 3:
		b.add(name, " = ")
		b.value(smallValue(d, c, !d.one(4)))
		return "pinned"
	case 4:
		b.add(name, " = ")
		b.value(smallValue(d, c, true))
		b.add(" AND ", second, pick(d, " = ", " > ", " IS NOT "))
		b.value(smallValue(d, other, true))
		return "pinned"
	case 5, 6:
		b.add(name, " IN (")
		for i := range 1 + d.n(3) {
			if i > 0 {
				b.add(", ")
			}
			b.value(smallValue(d, c, true))
		}
		b.add(")")
		return "IN"
	case 7:
		b.add("(", name, ", ", second, ") = (")
		b.value(smallValue(d, c, true))
		b.add(", ")
		b.value(smallValue(d, other, true))
		b.add(")")
		return "row value"
	case 8:
		from := s.tables[d.n(len(s.tables))]
		b.add(name, " IN (SELECT ", from.columns[d.n(len(from.columns))].name, " FROM ", from.name,
			pick(d, "", " WHERE id > 1"), ")")
		return "subquery"
	case 9:
		b.add(name, pick(d, " > ", " <> ", " >= "))
		b.value(smallValue(d, c, true))
		return "range"
	case 10:
		b.add(name, " = ")
		b.value(smallValue(d, c, true))
		b.add(" OR ", second, " = ")
		b.value(smallValue(d, other, true))
		return "OR"
	case 11:
		if t.rowid {
			b.add(qualifier, "rowid = ")
			b.value(int64(1 + d.n(3)))
			return "rowid"
		}
		b.add(name, " IS NULL")
		return "range"
	case 12:
		b.add(name, " = ", second)
		if d.one(2) {
			b.add(" AND ", pick(d, name, second), " = ")
			b.value(smallValue(d, c, true))
		}
		return "column = column"
	case 13:
		if d.one(2) {
			b.add(pick(d, "", "+"), name, " = ")
			b.value(smallValue(d, c, true))
			b.add(pick(d, " COLLATE NOCASE", " COLLATE RTRIM", " COLLATE BINARY"))
			return "collated"
		}
		b.add(name, " COLLATE NOCASE = ")
		b.value(smallValue(d, c, true))
		return "collated"
	case 14:
		b.add(name, " IS ")
		b.value(smallValue(d, c, true))
		return "IS"
	}
	b.add("1")
	return "all"
}

func (s *schema) update(d dice, b *text, t *table) string {
	with := d.one(15)
	if with {
		b.add("WITH w (x) AS (SELECT ", "id FROM ", s.tables[d.n(len(s.tables))].name, ") ")
	}
	form := "UPDATE "
	b.add("UPDATE ")
	if d.one(6) {
		or := pick(d, "REPLACE", "IGNORE", "FAIL", "ROLLBACK", "ABORT")
		form = "UPDATE OR ... "
		if or == "REPLACE" {
			form = "UPDATE OR REPLACE "
		}
		b.add("OR ", or, " ")
	}
	qualifier := ""
	b.add(spelled(d, t.name))
	if d.one(10) {
		b.add(" AS u")
		qualifier = "u."
	}
	b.add(" SET ")
	plain := t.plain()
	columns := subset(d, plain, 1)
	columns = columns[:min(len(columns), pick(d, 1, 1, 2))]
	from := s.tables[d.n(len(s.tables))]
	useFrom := d.one(10)
	expression := func(c *column) {
		switch d.n(9) {
		case 0, 1, 2, 3:
			b.value(smallValue(d, c, !d.one(5)))
		case 4, 5:
			b.add(qualifier, c.name, " + 1")
		case 6:
			if useFrom {
				b.add("f.", from.columns[d.n(len(from.columns))].name)
				return
			}
			b.add(plain[d.n(len(plain))].name)
		case 7:
			b.add("(SELECT ", pick(d, "max", "count", "min"), "(", from.columns[0].name, ") FROM ", from.name, ")")
		default:
			b.add("coalesce(", plain[d.n(len(plain))].name, ", 1)")
		}
	}
	if useFrom {
		// Columns of two tables have the same names.
		qualifier = pick(d, t.name+".", t.name+".")
		if strings.Contains(b.String(), " AS u") {
			qualifier = "u."
		}
		expression = func(c *column) {
			if d.one(2) {
				b.add("f.", from.columns[d.n(len(from.columns))].name)
				return
			}
			b.value(smallValue(d, c, true))
		}
	}
	if len(columns) == 2 && d.one(4) {
		b.add("(", columns[0].name, ", ", columns[1].name, ") = (")
		expression(columns[0])
		b.add(", ")
		expression(columns[1])
		b.add(")")
	} else {
		for i, c := range columns {
			if i > 0 {
				b.add(", ")
			}
			if d.one(20) {
				b.add(c.name, " = ")
				expression(c)
				b.add(", ") // the last assignment counts
			}
			b.add(written(d, t, c), " = ")
			expression(c)
		}
	}
	if useFrom {
		form += "FROM "
		b.add(" FROM ", from.name, " AS f WHERE ", qualifier, t.columns[d.n(len(t.columns))].name, " = f.",
			from.columns[d.n(len(from.columns))].name)
		if d.one(2) {
			b.add(" AND (")
			s.where(d, b, t, qualifier)
			b.add(")")
		}
		return strings.TrimSpace(form)
	}
	b.add(" WHERE ")
	if with {
		b.add(qualifier, t.columns[0].name, " IN (SELECT x FROM w) AND (")
		form += "WITH "
	}
	form += s.where(d, b, t, qualifier)
	if with {
		b.add(")")
	}
	s.returning(d, b, t)
	return form
}

func (s *schema) delete(d dice, b *text, t *table) string {
	form := "DELETE "
	with := d.one(15)
	if with {
		b.add("WITH w (x) AS (SELECT id FROM ", s.tables[d.n(len(s.tables))].name, ") ")
		form += "WITH "
	}
	b.add("DELETE FROM ", spelled(d, t.name))
	qualifier := ""
	if d.one(10) {
		b.add(" AS u")
		qualifier = "u."
	}
	if d.one(20) {
		return "DELETE everything"
	}
	b.add(" WHERE ")
	if with {
		b.add(qualifier, t.columns[0].name, " IN (SELECT x FROM w) AND (")
	}
	form += s.where(d, b, t, qualifier)
	if with {
		b.add(")")
	}
	s.returning(d, b, t)
	return form
}

// change draws a change of the schema.
func (s *schema) change(d dice, b *text, alone bool) string {
	t := s.tables[d.n(len(s.tables))]
	b.form = literals
	n := d.n(4) // in the names: what is made is likely to be met again
	changes := 7
	if alone {
		changes = 10 // what is temporary belongs to one connection
	}
	switch d.n(changes) {
	case 7:
		b.add(strings.Replace(s.trigger(d, "tr"), "CREATE TRIGGER", "CREATE TEMP TRIGGER", 1))
		return "TEMP"
	case 8:
		b.add("CREATE TEMP TABLE ", t.name, " (id, a, b, k)")
		return "TEMP"
	case 0, 1:
		b.add("ALTER TABLE ", t.name, " ADD COLUMN ", fmt.Sprintf("x%d", n),
			pick(d, " INT", " TEXT DEFAULT 'a'", " INT NOT NULL DEFAULT 2"))
	case 2, 3:
		b.add(s.trigger(d, fmt.Sprintf("r%d", n)))
	case 4:
		b.add("DROP TRIGGER IF EXISTS ", fmt.Sprintf("r%d", n))
	case 5:
		copied := *t // the key is not there before the index is
		b.add(indexText(d, fmt.Sprintf("i%d", n), &copied))
	default:
		b.add("DROP INDEX IF EXISTS ", fmt.Sprintf("i%d", n))
	}
	return "DDL"
}
