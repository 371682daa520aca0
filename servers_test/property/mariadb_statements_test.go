package property

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// Fill draws an INSERT of rows that others can refer to.
func (mariadb) Fill(d propertytest.Dice, s *propertytest.Schema, t *propertytest.Table) propertytest.Step {
	w := newWriter(d, s, mariadb{})
	columns := t.Plain()
	w.Add("INSERT IGNORE INTO ", t.Name)
	w.columnList(columns)
	w.Add(" VALUES ")
	for i := range 3 {
		if i > 0 {
			w.Add(", ")
		}
		w.Add("(")
		w.List(columns, func(c *propertytest.Column) {
			switch {
			case c.Refers != nil && c.Of == t || c.Refers != nil && d.One(2):
				w.Add("NULL")
			case c.Int && c.Unique:
				w.Value(c, int64(i+1))
			default:
				w.Draw(c, true)
			}
		})
		w.Add(")")
	}
	return w.step("INSERT IGNORE rows")
}

// Statement draws a step that is a statement.
func (mariadb) Statement(d propertytest.Dice, s *propertytest.Schema) propertytest.Step {
	w := newWriter(d, s, mariadb{})
	var st propertytest.Step
	n := d.N(50)
	if s.Calm {
		n = d.N(36)
	}
	switch {
	case n < 15:
		st = w.myInsert()
	case n < 25:
		st = w.myUpdate()
	case n < 31:
		st = w.myDelete()
	case n < 36:
		st = w.myJoined()
	default:
		return w.myElse()
	}
	st.Way = propertytest.DrawWay(d)
	if strings.Contains(st.Query, " RETURNING ") {
		st.Way = propertytest.Returns(d)
	}
	return st
}

func (w *writer) myReturning(t *propertytest.Table) {
	if w.d.One(5) {
		c := t.Any(w.d).Name
		w.Add(" RETURNING ", propertytest.Pick(w.d, "*", c, c+" AS one, 1 AS two"))
	}
}

func viewForm(t *propertytest.Table) string {
	if t.Own != nil {
		return " view"
	}
	return ""
}

func (w *writer) myInsert() propertytest.Step {
	d := w.d
	t := w.target()
	form := "INSERT"
	verb := propertytest.Pick(d, "INSERT", "INSERT", "INSERT IGNORE", "REPLACE", "INSERT", "INSERT")
	if verb != "INSERT" {
		form = verb
	}
	if verb != "INSERT IGNORE" && d.One(6) {
		verb += " LOW_PRIORITY"
	}
	w.Add(verb, propertytest.Pick(d, " INTO ", " INTO ", " "), w.spelled(t.Name))
	columns := w.named(t)
	loose := false
	switch n := d.N(12); {
	case n == 0:
		form += " SET"
		w.Add(" SET ")
		w.List(columns, func(c *propertytest.Column) {
			w.Add(c.Name, " = ")
			w.Draw(c, !d.One(8))
		})
	case n <= 2:
		form, loose = form+" SELECT", true
		w.columnList(columns)
		w.Add(" ")
		w.selected(columns)
	default:
		w.columnList(columns)
		w.Add(propertytest.Pick(d, " VALUES ", " VALUES ", " VALUE "))
		rows := propertytest.Pick(d, 1, 1, 1, 1, 2, 3)
		w.values(columns, rows)
		if rows > 1 {
			form += " rows"
		}
	}
	// Into a view it crashes MariaDB 10.11.
	if form[0] == 'I' && t.Own == nil && (strings.Contains(form, "rows") || !d.One(3)) {
		form += " ON DUPLICATE KEY UPDATE"
		w.myDuplicate(t)
	}
	w.myReturning(t)
	st := w.step(form + viewForm(t))
	st.Loose = loose
	return st
}

func (w *writer) myDuplicate(t *propertytest.Table) {
	d := w.d
	w.Add(" ON DUPLICATE KEY UPDATE ")
	set := w.settable(t)
	if c := propertytest.Pick(d, t.Plain()...); d.One(4) && !slices.Contains(set, c) { // is left as it is
		w.Add(c.Name, " = ", propertytest.Pick(d, c.Name, "LAST_INSERT_ID("+c.Name+")"), ", ")
	}
	w.List(set, func(c *propertytest.Column) {
		w.Add(c.Name, " = ")
		switch d.N(5) {
		case 0:
			w.Draw(c, true)
		case 1:
			w.Add("VALUES(", t.Like(d, c).Name, ")")
		case 2:
			w.Add(t.Name, ".", t.Like(d, c).Name)
		case 3:
			w.Add(w.l.computed(d, c, t.Name+"."+c.Name))
		default:
			w.Add("VALUES(", c.Name, ")")
		}
	})
}

// myEnd draws an ORDER BY and a LIMIT.
func (w *writer) myEnd(t *propertytest.Table) (form string) {
	if !w.d.One(8) {
		return ""
	}
	var list []string
	for _, c := range t.Columns {
		list = append(list, c.Name)
	}
	w.Add(" ORDER BY ", strings.Join(list, ", "))
	if w.d.One(2) {
		w.Add(" LIMIT ", fmt.Sprint(1+w.d.N(2)))
		return " LIMIT"
	}
	return " ORDER BY"
}

func (w *writer) myUpdate() propertytest.Step {
	d := w.d
	t := w.target()
	form := "UPDATE "
	w.Add("UPDATE ")
	if d.One(6) {
		w.Add("IGNORE ")
		form = "UPDATE IGNORE "
	}
	w.Add(w.spelled(t.Name))
	qualifier := ""
	if d.One(10) {
		w.Add(" AS u")
		qualifier = "u."
	}
	w.Add(" SET ")
	w.set(t, qualifier, nil, "")
	w.Add(" WHERE ")
	form += w.where(t, qualifier)
	form += w.myEnd(t) + viewForm(t)
	st := w.step(form)
	st.Loose = strings.Contains(st.Query, "LIMIT")
	return st
}

func (w *writer) myDelete() propertytest.Step {
	t := w.target()
	form := "DELETE "
	w.Add("DELETE ", propertytest.Pick(w.d, "", "", "QUICK ", "IGNORE "), "FROM ", w.spelled(t.Name), " WHERE ")
	form += w.where(t, "")
	end := w.myEnd(t)
	w.myReturning(t)
	st := w.step(form + end + viewForm(t))
	st.Loose = strings.Contains(st.Query, "LIMIT")
	return st
}

// myJoined draws an UPDATE or a DELETE of several tables.
func (w *writer) myJoined() propertytest.Step {
	d := w.d
	a, b := w.Any(d), w.Any(d)
	k := a.Any(d)
	like := b.Like(d, k)
	if like == nil {
		b, like = a, k
	}
	kind := propertytest.Pick(d, "JOIN", "JOIN", "LEFT JOIN", "STRAIGHT_JOIN")
	join := fmt.Sprintf("%s a %s %s b ON a.%s = b.%s", a.Name, kind, b.Name, k.Name, like.Name)
	condition := func() {
		w.Add(" WHERE ")
		if d.One(2) {
			w.where(b, "b.")
			return
		}
		w.where(a, "a.")
	}
	form := "UPDATE joined"
	switch d.N(5) {
	case 0, 1, 2:
		w.Add("UPDATE ", propertytest.Pick(d, "", "", "IGNORE "), join, " SET ")
		w.List(w.settable(a), func(c *propertytest.Column) {
			w.Add("a.", c.Name, " = ")
			w.expression(a, c, "a.", b, "b.")
		})
		if a != b && d.One(3) {
			form = "UPDATE of two tables"
			w.Add(", ")
			w.List(w.settable(b), func(c *propertytest.Column) {
				w.Add("b.", c.Name, " = ")
				w.expression(b, c, "b.", a, "a.")
			})
		}
		condition()
	case 3:
		form = "DELETE of two tables"
		w.Add("DELETE ", propertytest.Pick(d, "a, b", "a, b", "a"), " FROM ", join)
		condition()
	default:
		form = "DELETE USING"
		w.Add("DELETE FROM ", propertytest.Pick(d, "a", "b", "a, b"), " USING ", join)
		condition()
	}
	st := w.step(form)
	st.Loose = true
	return st
}

// myElse draws what is none of the usual statements.
func (w *writer) myElse() propertytest.Step {
	d := w.d
	t := w.Any(d)
	exec := func(form string) propertytest.Step {
		st := w.step(form)
		st.Way = propertytest.Pick(d, propertytest.ByExec, propertytest.ByExec, propertytest.ByQuery, propertytest.ByPrepared)
		return st
	}
	loose := func(st propertytest.Step) propertytest.Step {
		st.Loose = true
		return st
	}
	number := mariadbColumn("x", "INT")
	switch d.N(26) {
	case 0:
		w.Add(propertytest.Pick(d, "TRUNCATE ", "TRUNCATE TABLE "), t.Name)
		st := exec("TRUNCATE")
		st.Schema = true // it commits
		return st
	case 1, 2:
		w.Add("SELECT f0(")
		w.Value(number, int64(1+d.N(5)))
		w.Add(")")
		st := loose(exec("SELECT f()"))
		// Should the function fail, an Exec of it would make the driver wait without end.
		st.Way = propertytest.Pick(d, propertytest.ByQuery, propertytest.ByPreparedQuery, propertytest.ByQueryOpen)
		return st
	case 3:
		w.Add(propertytest.Pick(d, "DO f0(", "SET @x = f0("), fmt.Sprint(1+d.N(5)), ")")
		st := loose(exec("DO f()"))
		st.Pinned = true
		return st
	case 4, 5:
		w.Add("CALL f1(")
		w.Value(number, int64(1+d.N(5)))
		w.Add(")")
		return loose(exec("CALL"))
	case 6, 7:
		body := w.text(func(w *writer) {
			switch d.N(3) {
			case 0:
				w.myUpdate()
			case 1:
				w.myInsert()
			default:
				w.myDelete()
			}
		})
		w.Add("EXECUTE IMMEDIATE ", quoteText(body))
		return loose(w.step("EXECUTE IMMEDIATE"))
	case 8, 9:
		w.Add("SELECT * FROM ", t.Name, " WHERE ")
		w.where(t, "")
		w.Add(propertytest.Pick(d, " FOR UPDATE", " LOCK IN SHARE MODE", " FOR UPDATE SKIP LOCKED", " FOR UPDATE NOWAIT"))
		st := exec("SELECT FOR UPDATE")
		st.Way = propertytest.Pick(d, propertytest.ByQuery, propertytest.ByQueryOpen, propertytest.ByPreparedQuery)
		return st
	case 10, 11:
		columns := propertytest.Some(d, t.Plain(), 1)
		w.Add("LOAD DATA LOCAL INFILE 'Reader::", reader, "' ", propertytest.Pick(d, "", "REPLACE ", "IGNORE "),
			"INTO TABLE ", t.Name, " (", names(columns), ")")
		st := w.step("LOAD DATA")
		st.Loose = true
		return st
	case 12, 13:
		if !strings.Contains(w.Options[0], "multiStatements") {
			break
		}
		first := w.text(func(w *writer) { w.myDelete() })
		second := w.text(func(w *writer) { w.myUpdate() })
		if d.One(3) {
			second = w.text(func(w *writer) { w.myInsert() })
		}
		w.Add(first, "; ", second)
		st := w.step("script")
		st.Loose, st.Unkept, st.Way = true, true, propertytest.ByExec
		return st
	case 14, 15, 16:
		return w.myChange(t)
	case 17:
		return w.mySession(t)
	case 18:
		body := w.text(func(w *writer) { w.myUpdate() })
		if d.One(2) {
			w.Add("PREPARE e0 FROM ", quoteText(body))
			st := w.step("PREPARE")
			st.Pinned, st.Unkept = true, true
			return st
		}
		w.Add("EXECUTE e0")
		st := w.step("EXECUTE")
		st.Pinned, st.Unkept, st.Loose = true, true, true
		return st
	case 19:
		w.Add("CREATE OR REPLACE TABLE x", fmt.Sprint(d.N(3)), " AS SELECT * FROM ", t.Name)
		st := w.step("CREATE TABLE AS")
		st.Schema = true
		return st
	case 20:
		body := w.text(func(w *writer) { w.myDelete() })
		w.Add(propertytest.Pick(d, "EXPLAIN ", "ANALYZE "), body)
		st := loose(w.step("EXPLAIN, ANALYZE"))
		st.Way = propertytest.Pick(d, propertytest.ByExec, propertytest.ByQuery) // prepared, it makes the driver wait without end
		return st
	case 21:
		w.Add("SELECT count(*) FROM ", t.Name, " WHERE ")
		w.where(t, "")
		st := w.step("SELECT")
		st.Way = propertytest.Pick(d, propertytest.ByQuery, propertytest.ByQueryOpen, propertytest.ByPreparedQuery)
		return st
	case 22:
		w.Add("BEGIN NOT ATOMIC ", w.text(func(w *writer) { w.myDelete() }), "; END")
		return loose(w.step("BEGIN NOT ATOMIC"))
	case 23:
		w.Add("SELECT ", t.Columns[0].Name, " INTO @x FROM ", t.Name, " LIMIT 1")
		st := w.step("SELECT INTO")
		st.Pinned = true
		return st
	}
	st := w.myUpdate()
	st.Way = propertytest.DrawWay(d)
	return st
}

// myChange draws a change of the schema.
func (w *writer) myChange(t *propertytest.Table) propertytest.Step {
	d := w.d
	s := &mariadbSchema{w.Schema, d}
	text := ""
	switch d.N(9) {
	case 0, 1:
		text = fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS x%d %s", t.Name, d.N(3),
			propertytest.Pick(d, "INT", "VARCHAR(20) DEFAULT 'a'", "INT NOT NULL DEFAULT 2"))
	case 2, 3, 4:
		text = s.trigger(made(d, "r"))
	case 5:
		text = "DROP TRIGGER IF EXISTS " + made(d, "r")
	case 6:
		copied := *t // the key is not there before the index is
		text = s.index(made(d, "i"), &copied)
	case 7:
		text = "DROP INDEX IF EXISTS " + made(d, "i") + " ON " + t.Name
	default:
		text = strings.Replace(s.function("f0"), "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
	}
	return propertytest.Step{Form: "DDL", Query: text, Schema: true, Unkept: true}
}

// mySession draws a change of the session.
func (w *writer) mySession(t *propertytest.Table) propertytest.Step {
	d := w.d
	text := propertytest.Pick(d,
		"CREATE TEMPORARY TABLE IF NOT EXISTS "+t.Name+" (id INT, a VARCHAR(20), k INT)",
		"SET foreign_key_checks = 0",
		"SET foreign_key_checks = 1",
		"SET sql_mode = ''",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET NAMES latin1",
		"SET time_zone = '+02:00'",
		"SET @a = 1",
		"SET unique_checks = 0",
		"SET autocommit = 1",
		"SET innodb_lock_wait_timeout = 0")
	return propertytest.Step{Form: "SET", Query: text, Pinned: true, Unkept: true, Way: propertytest.ByExec}
}
