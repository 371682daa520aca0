package property

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"

	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// Fill draws an INSERT of rows that others can refer to.
func (postgres) Fill(d propertytest.Dice, s *propertytest.Schema, t *propertytest.Table) propertytest.Step {
	w := newWriter(d, s, postgres{})
	columns := t.Plain()
	name, _, _ := strings.Cut(t.Name, "_") // a partition takes some rows only
	w.Add("INSERT INTO ", name)
	w.columnList(columns)
	w.overriding(t)
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
	w.Add(" ON CONFLICT DO NOTHING")
	return w.step("INSERT rows DO NOTHING")
}

// overriding is for an INSERT that gives an identity.
func (w *writer) overriding(t *propertytest.Table) {
	if own(t).always {
		w.Add(" OVERRIDING SYSTEM VALUE")
	}
}

// Statement draws a step that is a statement.
func (postgres) Statement(d propertytest.Dice, s *propertytest.Schema) propertytest.Step {
	w := newWriter(d, s, postgres{})
	var st propertytest.Step
	n := d.N(50)
	if s.Calm {
		n = d.N(40)
	}
	switch {
	case n < 14:
		st = w.pgInsert()
	case n < 25:
		st = w.pgUpdate()
	case n < 31:
		st = w.pgDelete()
	case n < 33:
		st = w.pgMerge()
	case n < 37:
		st = w.pgWith()
	case s.Calm && n == 39:
		st = w.pgCopy(w.Any(d))
		if st.Way == propertytest.ByCopy {
			return st
		}
	case s.Calm:
		t := w.Any(d)
		w.Add("SELECT * FROM ", t.Name, " WHERE ")
		w.where(t, "")
		w.Add(" FOR UPDATE")
		return w.step("SELECT FOR UPDATE")
	default:
		return w.pgElse()
	}
	st.Way = propertytest.DrawWay(d)
	if strings.Contains(st.Query, " RETURNING ") {
		st.Way = propertytest.Returns(d)
	}
	return st
}

func (w *writer) pgReturning(t *propertytest.Table, qualifier string) {
	if w.d.One(4) {
		c := t.Any(w.d).Name
		w.Add(" RETURNING ", propertytest.Pick(w.d, "*", qualifier+c, qualifier+c+" AS one, 1 AS two"))
	}
}

func (w *writer) pgInsert() propertytest.Step {
	d := w.d
	t := w.into()
	form := "INSERT"
	with := d.One(15)
	if with {
		w.Add("WITH w AS (SELECT * FROM ", w.Any(d).Name, ") ")
	}
	w.Add("INSERT INTO ", w.spelled(t.Name))
	if d.One(10) {
		w.Add(" AS u")
	}
	if d.One(15) && !slices.ContainsFunc(t.Columns, func(c *propertytest.Column) bool { return c.Needed }) {
		w.Add(" DEFAULT VALUES")
		w.pgReturning(t, "")
		return w.step(form + " DEFAULT VALUES")
	}
	columns := w.named(t)
	if len(columns) < len(t.Plain()) || len(t.Plain()) < len(t.Columns) || !d.One(4) {
		w.columnList(columns)
	}
	w.overriding(t)
	loose := false
	rows := propertytest.Pick(d, 1, 1, 1, 1, 2, 3)
	switch {
	case d.One(6):
		form, loose = form+" SELECT", true
		w.Add(" ")
		w.selected(columns)
	default:
		w.Add(" VALUES ")
		w.values(columns, rows)
		if rows > 1 {
			form += " rows"
		}
	}
	if own(t).view == "" && (rows > 1 || !d.One(3)) || own(t).view != "" && d.One(4) {
		form += w.pgConflict(t)
	}
	w.pgReturning(t, "")
	if own(t).view != "" {
		form += " view"
	}
	st := w.step(form)
	st.Loose = loose
	return st
}

// pgConflict draws an ON CONFLICT and returns the name of its form.
func (w *writer) pgConflict(t *propertytest.Table) string {
	d := w.d
	name := t.Name
	if strings.Contains(w.String(), " AS u") {
		name = "u"
	}
	w.Add(" ON CONFLICT")
	if len(t.Unique) == 0 || d.One(3) {
		w.Add(" DO NOTHING")
		return " DO NOTHING"
	}
	w.Add(" (", strings.Join(t.Unique[d.N(len(t.Unique))], ", "), ")")
	if d.One(5) {
		w.Add(" DO NOTHING")
		return " DO NOTHING"
	}
	w.Add(" DO UPDATE SET ")
	columns := w.settable(t)
	w.List(columns, func(c *propertytest.Column) {
		w.Add(c.Name, " = ")
		switch d.N(5) {
		case 0:
			w.Draw(c, true)
		case 1:
			w.Add("excluded.", t.Like(d, c).Name)
		case 2:
			w.Add(name, ".", t.Like(d, c).Name)
		case 3:
			w.Add(w.l.computed(d, c, name+"."+c.Name))
		default:
			w.Add("excluded.", c.Name)
		}
	})
	if d.One(4) {
		c := t.Any(d)
		w.Add(" WHERE ", name, ".", c.Name, " <> ")
		w.Draw(c, true)
	}
	return " DO UPDATE"
}

// pgTable names the table that an UPDATE or a DELETE writes and returns by what its columns are qualified.
func (w *writer) pgTable(t *propertytest.Table) string {
	if own(t).view == "" && w.d.One(12) {
		w.Add("ONLY ")
	}
	w.Add(w.spelled(t.Name))
	if w.d.One(10) {
		w.Add(" AS u")
		return "u."
	}
	return ""
}

func (w *writer) pgUpdate() propertytest.Step {
	d := w.d
	t := w.target()
	w.Add("UPDATE ")
	qualifier := w.pgTable(t)
	w.Add(" SET ")
	form := "UPDATE "
	if d.One(7) {
		from := w.Any(d)
		if qualifier == "" {
			qualifier = t.Name + "."
		}
		w.set(t, qualifier, from, "f.")
		k := t.Any(d)
		like := from.Like(d, k)
		if like == nil {
			from, like = t, k
		}
		w.Add(" FROM ", from.Name, " AS f WHERE ", qualifier, k.Name, " = f.", like.Name)
		if d.One(2) {
			w.Add(" AND ")
			w.where(t, qualifier)
		}
		w.pgReturning(t, qualifier)
		st := w.step("UPDATE FROM")
		st.Loose = true
		return st
	}
	columns := w.settable(t)
	if len(columns) == 2 && d.One(4) {
		w.Add("(", names(columns), ") = (")
		w.List(columns, func(c *propertytest.Column) { w.expression(t, c, qualifier, nil, "") })
		w.Add(")")
	} else {
		w.setOf(t, columns, qualifier, nil, "")
	}
	w.Add(" WHERE ")
	form += w.where(t, qualifier)
	w.pgReturning(t, qualifier)
	if own(t).view != "" {
		form += " view"
	}
	st := w.step(form)
	st.Loose = strings.Contains(st.Query, "LIMIT")
	return st
}

func (w *writer) pgDelete() propertytest.Step {
	d := w.d
	t := w.target()
	w.Add("DELETE FROM ")
	qualifier := w.pgTable(t)
	form := "DELETE "
	if d.One(7) {
		from := w.Any(d)
		k := t.Any(d)
		if like := from.Like(d, k); like != nil {
			if qualifier == "" {
				qualifier = t.Name + "."
			}
			w.Add(" USING ", from.Name, " AS f WHERE ", qualifier, k.Name, " = f.", like.Name)
			if d.One(2) {
				w.Add(" AND ")
				w.where(t, qualifier)
			}
			w.pgReturning(t, qualifier)
			return w.step("DELETE USING")
		}
	}
	w.Add(" WHERE ")
	form += w.where(t, qualifier)
	w.pgReturning(t, qualifier)
	if own(t).view != "" {
		form += " view"
	}
	return w.step(form)
}

func (w *writer) pgMerge() propertytest.Step {
	d := w.d
	t := w.Any(d)
	k := w.key(t)
	from := w.Any(d)
	like := from.Like(d, k)
	w.Add("MERGE INTO ", t.Name, " AS u USING ")
	if like == nil || d.One(3) {
		from, like = t, k
		w.Add("(SELECT * FROM ", from.Name, " WHERE ")
		w.where(from, "")
		w.Add(")")
	} else {
		w.Add(from.Name)
	}
	w.Add(" AS f ON u.", k.Name, " = f.", like.Name)
	if d.One(2) {
		w.Add(" AND ")
		w.where(t, "u.")
	}
	if d.One(2) {
		w.Add(" WHEN MATCHED AND ")
		w.where(t, "u.")
		w.Add(" THEN ", propertytest.Pick(d, "DELETE", "DO NOTHING"))
	}
	w.Add(" WHEN MATCHED THEN UPDATE SET ")
	w.set(t, "u.", from, "f.")
	if d.One(2) {
		columns := w.named(t)
		w.Add(" WHEN NOT MATCHED THEN INSERT")
		w.columnList(columns)
		w.overriding(t)
		w.Add(" VALUES (")
		w.List(columns, func(c *propertytest.Column) {
			if like := from.Like(d, c); like != nil && d.One(2) {
				w.Add("f.", like.Name)
				return
			}
			w.Draw(c, true)
		})
		w.Add(")")
	}
	st := w.step("MERGE")
	st.Loose = true
	return st
}

// pgWith draws a statement with a WITH that writes.
func (w *writer) pgWith() propertytest.Step {
	d := w.d
	t := w.Any(d)
	w.Add("WITH w AS (")
	inner := "DELETE"
	switch d.N(3) {
	case 0:
		w.Add("DELETE FROM ", t.Name, " WHERE ")
		w.where(t, "")
	case 1:
		inner = "UPDATE"
		w.Add("UPDATE ", t.Name, " SET ")
		w.set(t, "", nil, "")
		w.Add(" WHERE ")
		w.where(t, "")
	default:
		inner = "INSERT"
		columns := w.named(t)
		w.Add("INSERT INTO ", t.Name)
		w.columnList(columns)
		w.overriding(t)
		w.Add(" VALUES ")
		w.values(columns, 1+d.N(2))
		w.Add(" ON CONFLICT DO NOTHING")
	}
	w.Add(" RETURNING *")
	if d.One(3) {
		w.Add("), v AS (")
		beside := w.Any(d)
		if d.One(2) {
			w.Add("DELETE FROM ", beside.Name, " WHERE ")
		} else {
			w.Add("UPDATE ", beside.Name, " SET ")
			w.set(beside, "", nil, "")
			w.Add(" WHERE ")
		}
		w.where(beside, "")
	}
	w.Add(") ")
	other := w.Any(d)
	k := other.Any(d)
	like := t.Like(d, k)
	outer := "SELECT"
	switch n := d.N(4); {
	case n == 0 && like != nil:
		outer = "DELETE"
		w.Add("DELETE FROM ", other.Name, " WHERE ", k.Name, " IN (SELECT ", like.Name, " FROM w)")
	case n == 1 && like != nil && !k.Generated:
		outer = "INSERT"
		w.Add("INSERT INTO ", other.Name, " (", k.Name, ")")
		w.overriding(other)
		w.Add(" SELECT ", like.Name, " FROM w ON CONFLICT DO NOTHING")
	case n == 2 && like != nil:
		outer = "UPDATE"
		w.Add("UPDATE ", other.Name, " SET ")
		w.set(other, "", nil, "")
		w.Add(" WHERE ", k.Name, " IN (SELECT ", like.Name, " FROM w)")
	default:
		w.Add("SELECT count(*) FROM w")
	}
	st := w.step("WITH (" + inner + ") " + outer)
	st.Loose = true
	return st
}

// condition draws a condition that is PostgreSQL's.
func (postgres) condition(w *writer, c *propertytest.Column, name string) string {
	d := w.d
	switch d.N(5) {
	case 0, 1:
		var elements []any
		for range 1 + d.N(3) {
			if v := (postgres{}).Value(d, c, true); v != nil {
				elements = append(elements, v)
			}
		}
		if len(elements) == 0 || c.Class == "integer[]" || c.Class == "jsonb" || c.Class == "bytea" {
			return ""
		}
		w.Add(name, " = ANY (")
		w.Value(&propertytest.Column{Kind: c.Kind + " array"}, arrayOf(d, elements))
		w.Add(propertytest.Pick(d, ")", ")", "::"+c.Kind[:strings.IndexByte(c.Kind+" ", ' ')]+"[])"))
		return "= ANY"
	case 2:
		w.Add(name, " = ")
		w.Draw(c, true)
		w.Add("::", c.Kind)
		if strings.Contains(c.Kind, " ") && c.Kind != "double precision" {
			return "pinned" // its collation goes with it
		}
		return "cast"
	case 3:
		w.Add(name, " IS NOT DISTINCT FROM ")
		w.Draw(c, true)
		return "IS NOT DISTINCT FROM"
	default:
		if c.Class == "text" {
			w.Add(propertytest.Pick(d, "lower(", "upper("), name, ") = ")
			w.Draw(c, true)
			return "expression"
		}
	}
	return ""
}

// arrayOf is an array as a text, or as lib/pq gives it.
func arrayOf(d propertytest.Dice, elements []any) any {
	var list []string
	for _, e := range elements {
		list = append(list, strings.Trim(postgres{}.Literal(e), "'"))
	}
	text, _ := pq.StringArray(list).Value()
	return text
}

// pgElse draws what is none of the usual statements.
func (w *writer) pgElse() propertytest.Step {
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
	switch d.N(26) {
	case 0:
		w.Add("TRUNCATE ", t.Name, propertytest.Pick(d, " CASCADE", " CASCADE", "", " RESTART IDENTITY CASCADE"))
		return exec("TRUNCATE")
	case 1, 2:
		w.Add("SELECT f0(")
		w.Value(postgresColumn("x", "integer"), int64(1+d.N(5)))
		w.Add(")")
		st := loose(exec("SELECT f()"))
		st.Way = propertytest.Pick(d, propertytest.ByQuery, propertytest.ByQuery, propertytest.ByExec, propertytest.ByQueryOpen)
		return st
	case 3:
		w.Add("SELECT f0(", fmt.Sprint(1+d.N(5)), ") FROM ", t.Name, " WHERE ")
		w.where(t, "")
		return loose(exec("SELECT f() FROM"))
	case 4, 5:
		w.Add("CALL f1(")
		w.Value(postgresColumn("x", "integer"), int64(1+d.N(5)))
		w.Add(")")
		return loose(exec("CALL"))
	case 6:
		body := w.text(func(w *writer) { w.pgDelete() })
		w.Add("DO $$ BEGIN ", body, "; END $$")
		if strings.Contains(body, "RETURNING") {
			return propertytest.Step{Form: "DO", Query: "DO $$ BEGIN NULL; END $$"}
		}
		return loose(exec("DO"))
	case 7:
		body := w.text(func(w *writer) {
			if d.One(2) {
				w.pgUpdate()
				return
			}
			w.pgInsert()
		})
		w.Add("EXPLAIN ", propertytest.Pick(d, "ANALYZE ", "(ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ", "(COSTS OFF) "), body)
		st := exec("EXPLAIN")
		if strings.Contains(w.String(), "ANALYZE") {
			st.Form = "EXPLAIN ANALYZE"
		}
		st.Way, st.Loose = propertytest.ByExec, true // what it shows has times
		return st
	case 8, 9:
		w.Add("SELECT * FROM ", t.Name, " WHERE ")
		w.where(t, "")
		w.Add(propertytest.Pick(d, " FOR UPDATE", " FOR SHARE", " FOR NO KEY UPDATE SKIP LOCKED", " FOR UPDATE NOWAIT"))
		st := exec("SELECT FOR UPDATE")
		st.Way = propertytest.Pick(d, propertytest.ByQuery, propertytest.ByQueryOpen, propertytest.ByPreparedQuery)
		return st
	case 10, 11:
		return w.pgCopy(t)
	case 12:
		if !w.several() {
			break
		}
		first := w.text(func(w *writer) { w.pgDelete() })
		second := w.text(func(w *writer) { w.pgUpdate() })
		if d.One(3) {
			second = w.text(func(w *writer) { w.pgInsert() })
		}
		w.Add(first, "; ", second)
		st := w.step("script")
		st.Loose, st.Unkept, st.Way = true, true, propertytest.ByExec
		return st
	case 13, 14, 15:
		return w.pgChange(t)
	case 16:
		return w.pgSession(t)
	case 17:
		const name = "e0"
		body := w.text(func(w *writer) { w.pgUpdate() })
		if !d.One(3) {
			w.Add("PREPARE ", name, " AS ", body)
			st := w.step("PREPARE")
			st.Pinned, st.Unkept = true, true
			return st
		}
		w.Add("EXECUTE ", name)
		st := w.step("EXECUTE")
		st.Pinned, st.Unkept, st.Loose = true, true, true
		return st
	case 18:
		w.Add("SELECT * INTO x", fmt.Sprint(d.N(3)), " FROM ", t.Name)
		st := w.step("SELECT INTO")
		st.Schema = true
		return st
	case 19:
		w.Add("REFRESH MATERIALIZED VIEW v0")
		if len(w.Views) == 0 || own(w.Views[0]).view != "materialized" {
			return propertytest.Step{Form: "NOTIFY", Query: "NOTIFY nobody"}
		}
		return w.step("REFRESH MATERIALIZED VIEW")
	case 20:
		w.Add("LOCK TABLE ", t.Name, " IN SHARE MODE")
		st := w.step("LOCK TABLE")
		st.Inside = true
		return st
	case 21:
		w.Add("SET CONSTRAINTS ALL ", propertytest.Pick(d, "DEFERRED", "IMMEDIATE"))
		st := w.step("SET CONSTRAINTS")
		st.Inside = true
		return st
	case 22:
		w.Add("SELECT nextval('", t.Name, "_id_seq')")
		if _, found := strings.CutPrefix(t.Name, "t"); !found || len(t.Name) > 2 {
			return propertytest.Step{Form: "SELECT", Query: "SELECT 1", Way: propertytest.ByQuery}
		}
		st := w.step("SELECT nextval()")
		st.Way = propertytest.ByQuery
		return st
	case 23:
		w.Add("SELECT count(*) FROM ", t.Name, " WHERE ")
		w.where(t, "")
		st := w.step("SELECT")
		st.Way = propertytest.Pick(d, propertytest.ByQuery, propertytest.ByQueryOpen, propertytest.ByPreparedQuery)
		return st
	case 24:
		w.Add("SET ", propertytest.Pick(d, "lock_timeout = 20", "application_name = 'x'", "LOCAL statement_timeout = 60000"))
		st := w.step("SET harmless")
		st.Pinned = true
		return st
	}
	st := w.pgUpdate()
	st.Way = propertytest.DrawWay(d)
	return st
}

// pgCopy draws a COPY, which is for lib/pq.
func (w *writer) pgCopy(t *propertytest.Table) propertytest.Step {
	columns := w.named(t)
	if !strings.HasPrefix(w.Options[0], "pq") {
		st := w.pgInsert()
		st.Way = propertytest.ByPrepared
		return st
	}
	st := propertytest.Step{Form: "COPY", Way: propertytest.ByCopy, Query: "COPY " + t.Name + " (" + names(columns) + ") FROM STDIN"}
	for range 1 + w.d.N(3) {
		var row []any
		for _, c := range columns {
			row = append(row, postgres{}.Value(w.d, c, true))
		}
		st.Copy = append(st.Copy, row)
	}
	return st
}

// pgChange draws a change of the schema.
func (w *writer) pgChange(t *propertytest.Table) propertytest.Step {
	d := w.d
	s := &postgresSchema{w.Schema, d, map[string]bool{"citext": true, "mood": true, "positive": true, "text COLLATE folded": true}}
	text := ""
	switch d.N(10) {
	case 0, 1:
		text = fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS x%d %s", t.Name, d.N(3),
			propertytest.Pick(d, "integer", "text DEFAULT 'a'", "integer NOT NULL DEFAULT 2"))
	case 2, 3, 4:
		trigger := s.trigger(made(d, "r"))
		switch {
		case len(trigger) != 2:
			text = "DROP INDEX IF EXISTS i0"
		case w.several():
			text = strings.Join(trigger, "; ")
		case d.One(2):
			text = trigger[0] // if there is such a trigger it does something else from now on
		default:
			text = "DO $do$ BEGIN " + strings.Join(trigger, "; ") + "; END $do$"
		}
	case 5:
		name := made(d, "r")
		text = fmt.Sprintf("DROP FUNCTION IF EXISTS %s_f() CASCADE", name)
	case 6:
		copied := *t // the key is not there before the index is
		text = s.index(made(d, "i"), &copied)
	case 7:
		text = "DROP INDEX IF EXISTS " + made(d, "i")
	case 8:
		text = fmt.Sprintf("ALTER TABLE %s %s TRIGGER ALL", t.Name, propertytest.Pick(d, "DISABLE", "ENABLE"))
	default:
		text = s.function("f0")
		text = strings.Replace(text, "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1)
	}
	return propertytest.Step{Form: "DDL", Query: text, Schema: true, Unkept: true}
}

// several reports whether a text can hold several statements.
func (w *writer) several() bool {
	return strings.HasPrefix(w.Options[0], "pq") || w.Options[0] == "pgx simple_protocol"
}

// pgSession draws a change of the session.
func (w *writer) pgSession(t *propertytest.Table) propertytest.Step {
	d := w.d
	text := propertytest.Pick(d,
		"CREATE TEMP TABLE "+t.Name+" (id integer, a text, k integer)",
		"SET search_path = pg_temp, public",
		"SET session_replication_role = replica",
		"RESET ALL",
		"DISCARD ALL",
		"SET TIME ZONE 'Asia/Tokyo'",
		"SELECT set_config('search_path', 'public', false)",
		"SET LOCAL search_path = public",
		"SET DateStyle = 'German'",
		"RESET session_replication_role")
	return propertytest.Step{Form: "SET", Query: text, Pinned: true, Unkept: true, Way: propertytest.ByExec}
}
