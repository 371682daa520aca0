package sqlite_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/moneyclip/moneyclip"
)

// dice draws the choices that a script is made of. The first choice is the simplest: what fails shrinks towards it.
type dice struct{ t *rapid.T }

var coin = rapid.Bool()

// n draws a number below max, each as likely as the other: rapid's own integers prefer small ones.
func (d dice) n(max int) int {
	n := 0
	for range 7 {
		n <<= 1
		if coin.Draw(d.t, "") {
			n |= 1
		}
	}
	return n * max >> 7
}

// one is true one time in n.
func (d dice) one(n int) bool { return d.n(n) == n-1 }

func pick[T any](d dice, list ...T) T { return list[d.n(len(list))] }

// subset draws some of a list in its order, at least least of them.
func subset[T any](d dice, list []T, least int) []T {
	var some []T
	for i, v := range list {
		if len(some)+len(list)-i <= least || d.one(2) {
			some = append(some, v)
		}
	}
	return some
}

// schema is a random schema: what the statements and rules need to know of it, and the texts that make it.
type schema struct {
	tables    []*table
	views     []*table
	ddl       []string
	recursive bool // PRAGMA recursive_triggers
}

type table struct {
	name    string
	columns []*column
	unique  [][]string // keys, the primary key first
	rowid   bool
}

type column struct {
	name      string
	kind      string // the type that was declared, and the collation
	generated bool
	unique    bool
	refers    *column // by a foreign key of one column
	of        *table  // of refers
}

func (c *column) isInt() bool { return strings.HasPrefix(c.kind, "INT") }

func (t *table) column(name string) *column {
	for _, c := range t.columns {
		if c.name == name {
			return c
		}
	}
	return t.columns[0]
}

// plain are the columns that a statement may give a value.
func (t *table) plain() []*column {
	var list []*column
	for _, c := range t.columns {
		if !c.generated {
			list = append(list, c)
		}
	}
	return list
}

var kinds = []string{"INTEGER", "INT", "TEXT", "TEXT COLLATE NOCASE", "", "REAL", "NUMERIC", "TEXT COLLATE RTRIM",
	"BLOB"}

func drawSchema(d dice) *schema {
	s := &schema{recursive: d.one(4)}
	for i := range 2 + d.n(3) {
		s.table(d, fmt.Sprintf("t%d", i))
	}
	for i := range d.n(3) {
		s.index(d, fmt.Sprintf("i%d", i))
	}
	if d.one(3) {
		s.view(d)
	}
	for i := range d.n(4) {
		s.ddl = append(s.ddl, s.trigger(d, fmt.Sprintf("r%d", i)))
	}
	return s
}

func (s *schema) table(d dice, name string) {
	t := &table{name: name, rowid: true}
	s.tables = append(s.tables, t)
	var defs []string
	suffix := ""
	id := &column{name: "id", kind: "INTEGER", unique: true}
	t.columns = append(t.columns, id)
	t.unique = [][]string{{"id"}}
	switch d.n(10) {
	case 0, 1, 2:
		defs = append(defs, "id INTEGER PRIMARY KEY")
	case 3:
		defs = append(defs, "id INTEGER PRIMARY KEY AUTOINCREMENT")
	case 4:
		id.kind = pick(d, "TEXT", "TEXT COLLATE NOCASE", "INT")
		defs = append(defs, "id "+id.kind+" PRIMARY KEY")
	case 5:
		id.kind = pick(d, "TEXT", "INTEGER", "TEXT COLLATE NOCASE")
		defs = append(defs, "id "+id.kind+" PRIMARY KEY")
		suffix, t.rowid = " WITHOUT ROWID", false
	case 6, 7:
		id.kind = pick(d, "INT", "TEXT")
		id.unique = false
		defs = append(defs, "id "+id.kind, "k "+pick(d, "INT", "TEXT COLLATE NOCASE", "TEXT"))
		t.columns = append(t.columns, &column{name: "k", kind: strings.TrimPrefix(defs[1], "k ")})
		t.unique = [][]string{{"id", "k"}}
		suffix = ", PRIMARY KEY (id, k))"
		if d.one(2) {
			suffix, t.rowid = suffix+" WITHOUT ROWID", false
		}
	case 8:
		defs = append(defs, "id INTEGER PRIMARY KEY ON CONFLICT "+pick(d, "REPLACE", "IGNORE", "ROLLBACK", "FAIL"))
	default:
		id.unique = false
		defs = append(defs, "id INT")
		t.unique = nil
	}
	for i := range 2 + d.n(3) {
		c := &column{name: string(rune('a' + i)), kind: kinds[d.n(len(kinds))]}
		def := c.name + " " + c.kind
		switch {
		case d.one(4): // a foreign key
			of := s.tables[d.n(len(s.tables))]
			var targets []*column
			for _, target := range of.columns {
				if target.unique {
					targets = append(targets, target)
				}
			}
			if len(targets) == 0 {
				break
			}
			target := targets[d.n(len(targets))]
			if !d.one(6) {
				c.kind = target.kind
			}
			c.refers, c.of = target, of
			actions := []string{"CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION", "RESTRICT"}
			def = fmt.Sprintf("%s %s", c.name, c.kind)
			if d.one(3) {
				def += " DEFAULT " + literal(smallValue(d, c, true))
			}
			def += fmt.Sprintf(" REFERENCES %s (%s) ON DELETE %s ON UPDATE %s", of.name, target.name,
				pick(d, actions...), pick(d, actions...))
			if d.one(5) {
				def += " DEFERRABLE INITIALLY DEFERRED"
			}
		case d.one(8):
			c.generated = true
			from := t.columns[d.n(len(t.columns))]
			def += " AS (" + pick(d, from.name, from.name+" + 1", "upper("+from.name+")",
				"coalesce("+from.name+", 1)") + ") " + pick(d, "VIRTUAL", "STORED")
		default:
			if d.one(4) {
				def += " NOT NULL" + pick(d, "", "", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE")
			}
			if d.one(3) {
				def += " DEFAULT " + pick(d, literal(smallValue(d, c, true)), literal(smallValue(d, c, true)),
					"(1 + 1)")
			}
			if d.one(12) {
				def += " CHECK (" + c.name + " IS NOT 3)"
			}
		}
		if d.one(4) {
			def += " UNIQUE" + pick(d, "", "", "", " ON CONFLICT REPLACE", " ON CONFLICT IGNORE")
			c.unique = true
			t.unique = append(t.unique, []string{c.name})
		}
		t.columns = append(t.columns, c)
		defs = append(defs, def)
	}
	if !strings.HasPrefix(suffix, ",") {
		suffix = ")" + suffix
	}
	of := s.tables[d.n(len(s.tables))]
	if plain := t.plain(); d.one(4) && len(of.unique) > 0 && len(of.unique[0]) <= len(plain)-1 {
		from := plain[len(plain)-len(of.unique[0]):]
		var names []string
		for i, c := range from {
			names = append(names, c.name)
			if c.refers == nil && len(from) == 1 {
				c.refers, c.of = of.column(of.unique[0][i]), of
			}
		}
		target := " (" + strings.Join(of.unique[0], ", ") + ")"
		actions := []string{"CASCADE", "SET NULL", "SET DEFAULT", "NO ACTION"}
		defs = append(defs, fmt.Sprintf("FOREIGN KEY (%s) REFERENCES %s%s ON DELETE %s ON UPDATE %s",
			strings.Join(names, ", "), of.name,
			pick(d, "", target), pick(d, actions...), pick(d, actions...)))
		if strings.HasPrefix(suffix, ",") {
			suffix = strings.Replace(suffix, ", PRIMARY KEY (id, k)", "", 1)
			defs = slices.Insert(defs, len(defs)-1, "PRIMARY KEY (id, k)")
		}
	}
	s.ddl = append(s.ddl, fmt.Sprintf("CREATE TABLE %s (%s%s", name, strings.Join(defs, ", "), suffix))
}

func (s *schema) index(d dice, name string) {
	t := s.tables[d.n(len(s.tables))]
	s.ddl = append(s.ddl, indexText(d, name, t))
}

func indexText(d dice, name string, t *table) string {
	a, b := t.columns[d.n(len(t.columns))].name, t.columns[d.n(len(t.columns))].name
	terms := pick(d, a, a+", "+b, a+" COLLATE NOCASE", "lower("+a+")", a+" DESC")
	text := fmt.Sprintf("CREATE %sINDEX %s ON %s (%s)", pick(d, "UNIQUE ", "UNIQUE ", ""), name, t.name, terms)
	switch {
	case d.one(5):
		text += " WHERE " + b + " > 1"
	case strings.HasPrefix(text, "CREATE UNIQUE") && (terms == a || terms == a+", "+b) && a != b:
		t.unique = append(t.unique, strings.Split(terms, ", "))
	}
	return text
}

func (s *schema) view(d dice) {
	t := s.tables[d.n(len(s.tables))]
	columns := subset(d, t.columns, 2)
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	v := &table{name: "v0", columns: columns}
	s.views = append(s.views, v)
	shown := slices.Clone(names)
	last := shown[len(shown)-1]
	shown[len(shown)-1] = pick(d, last, last, "upper("+last+") AS "+last, "+"+last+" AS "+last,
		t.columns[0].name+" AS "+last)
	text := fmt.Sprintf("CREATE VIEW v0 AS SELECT %s FROM %s", strings.Join(shown, ", "), t.name)
	if d.one(2) {
		text += fmt.Sprintf(" WHERE %s > 1", t.columns[d.n(len(t.columns))].name)
	}
	s.ddl = append(s.ddl, text)
	a, b := names[0], names[1]
	if d.one(3) {
		a, b = names[1], names[len(names)-1]
	}
	for _, trigger := range []string{
		fmt.Sprintf("CREATE TRIGGER v0_i INSTEAD OF INSERT ON v0 BEGIN INSERT OR %s INTO %s (%s, %s) VALUES (NEW.%s, NEW.%s); END",
			pick(d, "IGNORE", "REPLACE", "ABORT"), t.name, a, b, a, b),
		fmt.Sprintf("CREATE TRIGGER v0_u INSTEAD OF UPDATE ON v0 BEGIN UPDATE %s SET %s = NEW.%s WHERE %s = OLD.%s; END", t.name, b, b, a, a),
		fmt.Sprintf("CREATE TRIGGER v0_d INSTEAD OF DELETE ON v0 BEGIN DELETE FROM %s WHERE %s = OLD.%s; END",
			t.name, a, a),
	} {
		if d.one(2) {
			s.ddl = append(s.ddl, trigger)
		}
	}
}

// trigger is the text of a random trigger.
func (s *schema) trigger(d dice, name string) string {
	t := s.tables[d.n(len(s.tables))]
	op := pick(d, "INSERT", "UPDATE", "DELETE", "UPDATE OF")
	row := pick(d, "NEW", "OLD")
	switch op {
	case "INSERT":
		row = "NEW"
	case "DELETE":
		row = "OLD"
	case "UPDATE OF":
		op += " " + t.columns[d.n(len(t.columns))].name
	}
	fired := func() string { return row + "." + t.columns[d.n(len(t.columns))].name }
	value := func(c *column) string {
		if d.one(3) {
			return literal(smallValue(d, c, true))
		}
		return fired()
	}
	var body []string
	for range 1 + d.n(2) {
		w := s.tables[d.n(len(s.tables))]
		if d.one(3) {
			w = t
		}
		plain := w.plain()
		c, k := plain[d.n(len(plain))], w.columns[d.n(len(w.columns))]
		switch d.n(14) {
		case 0, 1:
			body = append(body, fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s = %s", w.name, c.name, value(c), k.name,
				fired()))
		case 12, 13:
			// It moves rows from one value to another, perhaps those that the statement is about to change.
			body = append(body, fmt.Sprintf("UPDATE %s SET %s = %s WHERE %[2]s = %[4]s%s", w.name, c.name,
				literal(smallValue(d, c, true)),
				literal(smallValue(d, c, true)), pick(d, "", "", " AND "+k.name+" = "+literal(smallValue(d, k,
					true)))))
		case 2:
			body = append(body, fmt.Sprintf("UPDATE OR %s %s SET %s = %s WHERE %s = %s", pick(d, "REPLACE", "IGNORE"),
				w.name, c.name, value(c), k.name, value(k)))
		case 3:
			body = append(body, fmt.Sprintf("UPDATE %s SET %s = %[2]s + 1 WHERE %s < 3", w.name, c.name, k.name))
		case 4, 5, 6:
			columns := subset(d, plain, 1)
			var names, values []string
			for _, c := range columns {
				names, values = append(names, c.name), append(values, value(c))
			}
			body = append(body, fmt.Sprintf("INSERT%s INTO %s (%s) VALUES (%s)",
				pick(d, "", " OR IGNORE", " OR REPLACE"),
				w.name, strings.Join(names, ", "), strings.Join(values, ", ")))
		case 7:
			body = append(body, fmt.Sprintf("INSERT OR IGNORE INTO %s (%s) SELECT %s FROM %s LIMIT 2", w.name,
				c.name, fired(), s.tables[0].name))
		case 8:
			if len(w.unique) > 0 && w.column(w.unique[0][0]).unique {
				key := w.unique[0][0]
				body = append(body, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%[2]s) DO UPDATE SET %s = %s",
					w.name, key, fired(), c.name, pick(d, value(c), "excluded."+c.name)))
			}
		case 9:
			body = append(body, fmt.Sprintf("SELECT RAISE(%s) WHERE %s = 2",
				pick(d, "IGNORE", "ABORT, 'no'", "FAIL, 'no'", "ROLLBACK, 'no'"), fired()))
		default:
			body = append(body, fmt.Sprintf("DELETE FROM %s WHERE %s = %s", w.name, k.name, value(k)))
		}
	}
	if len(body) == 0 {
		body = []string{"SELECT 1"}
	}
	when := ""
	if d.one(4) {
		when = " WHEN " + fired() + " <> 1"
	}
	return fmt.Sprintf("CREATE TRIGGER %s %s %s ON %s%s BEGIN %s; END", name, pick(d, "AFTER", "BEFORE"), op,
		t.name, when, strings.Join(body, "; "))
}

// smallValue draws a value from a domain so small that rows meet each other.
func smallValue(d dice, c *column, fit bool) any {
	numbers := []any{int64(1), int64(2), int64(3), int64(4)}
	texts := []any{"a", "A", "b", "1", "a "}
	switch {
	case !fit && d.one(6):
		return pick[any](d, "1", "2", 1.0, 2.5, nil, true, false, []byte("a"), "01", " 1", 2, []byte{}, "1.0", "b ",
			"1e0", int64(-1))
	case fit && d.one(20):
		return nil
	case strings.HasPrefix(c.kind, "TEXT"):
		return texts[d.n(len(texts))]
	case c.isInt():
		return numbers[d.n(len(numbers))]
	case strings.HasPrefix(c.kind, "REAL"), strings.HasPrefix(c.kind, "NUMERIC"):
		return pick[any](d, int64(1), 1.0, 2.5, int64(2))
	}
	return pick[any](d, int64(1), "1", "a", []byte("a"), 1.0, int64(2))
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

// A probe is a select that a rule caches, with arguments.
type probe struct {
	query    string
	args     []any
	prepared bool
}

func (p probe) String() string { return fmt.Sprintf("%s %s", p.query, showArgs(p.args)) }

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

// caching is the rules of one cache and selects for them.
type caching struct {
	rules   []moneyclip.Rule
	probes  []probe
	maxKeys int
}

// drawCaching draws rules over a schema. The prefix keeps keys of two caches apart.
func drawCaching(d dice, s *schema, prefix string) caching {
	c := caching{maxKeys: pick(d, 0, 0, 1, 3)}
	for i := range 3 + d.n(4) {
		rule := moneyclip.Rule{Key: fmt.Sprintf("%s%d:", prefix, i), TTL: time.Hour}
		if d.one(2) {
			rule.NotFound = time.Hour
		}
		rule.Refresh = d.one(5)
		t := s.tables[d.n(len(s.tables))]
		var probes []probe
		if d.one(2) {
			rule, probes = tableRule(d, t, rule)
		} else {
			rule, probes = queryRule(d, s, t, rule)
		}
		if slices.ContainsFunc(c.rules, func(other moneyclip.Rule) bool {
			return rule.Query != "" && other.Query == rule.Query || rule.Table != "" && rule.Table == other.Table && sameSet(rule.By, other.By)
		}) {
			continue
		}
		c.rules = append(c.rules, rule)
		c.probes = append(c.probes, probes...)
	}
	return c
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func verb(d dice, c *column) string {
	if c.isInt() && !d.one(3) {
		return "%d"
	}
	return pick(d, "%v", "%s")
}

// tableRule caches selects from a table by some of its columns.
func tableRule(d dice, t *table, rule moneyclip.Rule) (moneyclip.Rule, []probe) {
	var by []*column
	if len(t.unique) > 0 && !d.one(3) {
		for _, name := range t.unique[d.n(len(t.unique))] {
			by = append(by, t.column(name))
		}
	} else {
		by = append(by, t.columns[d.n(len(t.columns))])
		if second := t.columns[d.n(len(t.columns))]; d.one(3) && second != by[0] {
			by = append(by, second)
		}
	}
	rule.Table = t.name
	for i, c := range by {
		rule.By = append(rule.By, c.name)
		if i > 0 {
			rule.Key += "/"
		}
		rule.Key += verb(d, c)
	}
	if d.one(4) {
		rule.On = []moneyclip.On{{Table: t.name, Columns: rule.By}}
		if d.one(3) {
			rule.On[0].Columns = nil
		}
	}
	var probes []probe
	for range 2 + d.n(3) {
		b := newText(d)
		c := t.columns[d.n(len(t.columns))]
		b.add("SELECT ", pick(d, "*", c.name, "count(*)", "id, "+c.name, "upper("+c.name+"), typeof("+c.name+")",
			"count("+c.name+"), total("+c.name+")"), " FROM ", t.name, " WHERE ")
		for i, column := range by {
			if i > 0 {
				b.add(" AND ")
			}
			if d.one(5) {
				b.value(smallValue(d, column, true))
				b.add(" = ", column.name)
				continue
			}
			b.add(pick(d, "", "", "", t.name+"."), column.name, pick(d, " = ", " = ", " == "))
			b.value(smallValue(d, column, !d.one(4)))
		}
		switch d.n(8) {
		case 6:
			b.add(" AND ", c.name, " = ", by[0].name)
		case 7, 5:
			b.add(" AND ", c.name, pick(d, " > ", " = ", " IS NOT "))
			b.value(smallValue(d, c, true))
		}
		probes = append(probes, probe{b.String(), b.args, d.one(3)})
	}
	return rule, probes
}

// queryRule caches one select by its text.
func queryRule(d dice, s *schema, t *table, rule moneyclip.Rule) (moneyclip.Rule, []probe) {
	k, c := t.columns[d.n(len(t.columns))], t.columns[d.n(len(t.columns))]
	what := pick(d, "count(*)", "count(*), total("+c.name+")", "max("+c.name+" || '')", "*", c.name,
		"sum("+c.name+"), min(typeof("+c.name+"))")
	var query string
	var params []*column
	switch d.n(12) {
	case 0, 1, 2:
		query, params = fmt.Sprintf("SELECT %s FROM %s WHERE %s = ?", what, t.name, k.name), []*column{k}
		rule.Key += verb(d, k)
	case 3:
		query, params = fmt.Sprintf("SELECT %s FROM %s WHERE %s = ? AND %s = ?", what, t.name, k.name,
			c.name), []*column{k, c}
		switch d.n(3) {
		case 0:
			rule.Key += verb(d, k)
		case 1:
			rule.Key, rule.Args = rule.Key+verb(d, c), []int{2}
		default:
			rule.Key, rule.Args = rule.Key+verb(d, c)+"-"+verb(d, k), []int{2, 1}
		}
	case 4:
		query = fmt.Sprintf("SELECT count(*), total(%s) FROM %s", c.name, t.name)
		if d.one(2) {
			query += fmt.Sprintf(" WHERE %s > 1", k.name)
		}
	case 5, 10, 11:
		query, params, rule = s.joined(d, rule)
	case 6:
		other := s.tables[d.n(len(s.tables))]
		query = fmt.Sprintf("SELECT count(*) FROM %s WHERE %s = ? AND EXISTS (SELECT 1 FROM %s o WHERE o.%s > 1)",
			t.name, k.name, other.name, other.columns[0].name)
		params = []*column{k}
		rule.Key += verb(d, k)
		rule.On = []moneyclip.On{{Table: t.name}, {Table: other.name}}
		if other != t && d.one(2) {
			rule.On[0].Columns = []string{k.name}
		}
	case 7:
		if len(s.views) == 0 {
			query = "SELECT total(" + c.name + ") FROM " + t.name
			break
		}
		v := s.views[0]
		query = "SELECT count(*), total(" + v.columns[0].name + ") FROM v0"
		if d.one(2) {
			k = v.columns[d.n(len(v.columns))]
			query, params = query+" WHERE "+k.name+" = ?", []*column{k}
			rule.Key += verb(d, k)
		}
	case 8:
		query, params = fmt.Sprintf("-- name: Q%s :one\nSELECT %s FROM %s WHERE %s = ?",
			strings.TrimSuffix(rule.Key, ":"), what, t.name, k.name), []*column{k}
		rule.Name = "Q" + strings.TrimSuffix(rule.Key, ":")
		rule.Query = rule.Name
		rule.Key += verb(d, k)
		if d.one(2) {
			rule.On = []moneyclip.On{{Table: t.name, Columns: []string{k.name}}}
		}
	default:
		query, params = fmt.Sprintf("SELECT %s FROM %s WHERE %s = :x ORDER BY 1 LIMIT 2", what, t.name,
			k.name), []*column{k}
		rule.Key += verb(d, k)
	}
	if rule.Query == "" {
		rule.Query = query
	}
	var probes []probe
	for range 1 + (1+d.n(3))*min(1, len(params)) {
		p := probe{query: query, prepared: d.one(3)}
		for _, c := range params {
			p.args = append(p.args, smallValue(d, c, !d.one(4)))
		}
		probes = append(probes, p)
	}
	return rule, probes
}

// joined is a query over two tables, compared in the columns of a foreign key or in any two.
func (s *schema) joined(d dice, rule moneyclip.Rule) (string, []*column, moneyclip.Rule) {
	p, c := s.tables[d.n(len(s.tables))], s.tables[d.n(len(s.tables))]
	x, y := p.columns[d.n(len(p.columns))], c.columns[d.n(len(c.columns))]
	if !d.one(4) {
		for _, table := range s.tables {
			for _, column := range table.columns {
				if column.refers != nil && (y.refers == nil || d.one(2)) {
					p, c, x, y = column.of, table, column.refers, column
				}
			}
		}
	}
	shown := p.columns[d.n(len(p.columns))].name
	pinned := pick(d, "p."+x.name, "p."+x.name, "c."+y.name)
	forms := []string{
		"SELECT count(*), total(p.%[5]s) FROM %[1]s p LEFT JOIN %[2]s c ON c.%[4]s = p.%[3]s WHERE %[6]s = ?",
		"SELECT count(*), total(p.%[5]s) FROM %[1]s p JOIN %[2]s c ON c.%[4]s = p.%[3]s WHERE %[6]s = ?",
		"SELECT count(*) FROM %[1]s p, %[2]s AS c WHERE p.%[3]s = c.%[4]s AND %[6]s = ?",
		"SELECT count(*), total(p.%[5]s) FROM %[2]s c LEFT JOIN %[1]s p ON p.%[3]s = c.%[4]s AND p.%[3]s = ?1 WHERE c.%[4]s = ?1",
		"SELECT count(*), max(p.%[5]s || '') FROM %[1]s p WHERE p.%[3]s = ? AND EXISTS (SELECT 1 FROM %[2]s c WHERE c.%[4]s = p.%[3]s)",
		"SELECT p.%[5]s, (SELECT count(*) FROM %[2]s c WHERE c.%[4]s = p.%[3]s) FROM %[1]s p WHERE p.%[3]s = ?",
		"SELECT count(*) FROM (SELECT %[3]s FROM %[1]s WHERE %[3]s = ?1 UNION ALL SELECT %[4]s FROM %[2]s WHERE %[4]s = ?1)",
		"WITH w AS (SELECT * FROM %[1]s WHERE %[3]s = ?1) SELECT count(*), (SELECT count(*) FROM %[2]s WHERE %[4]s = ?1) FROM w",
		"SELECT (SELECT count(*) FROM %[1]s WHERE %[3]s = ?1), (SELECT total(%[4]s) FROM %[2]s WHERE %[4]s = ?1)",
		"SELECT count(*) FROM %[1]s p WHERE p.%[3]s = ? AND p.%[3]s IN (SELECT c.%[4]s FROM %[2]s c WHERE c.%[4]s = p.%[3]s)",
		"SELECT count(*) FROM %[1]s p NATURAL JOIN %[2]s c WHERE p.%[3]s = ? AND c.%[4]s = p.%[3]s",
	}
	query := fmt.Sprintf(forms[d.n(len(forms))], p.name, c.name, x.name, y.name, shown, pinned)
	key := x
	if strings.HasPrefix(pinned, "c.") && strings.Contains(query, pinned+" = ?") {
		key = y
	}
	rule.Key += verb(d, key)
	if x.kind == y.kind && p != c && strings.Contains(query, " JOIN ") && !strings.Contains(query,
		"NATURAL") && d.one(3) {
		rule.On = []moneyclip.On{{Table: p.name, Columns: []string{x.name}},
			{Table: c.name, Columns: []string{y.name}}}
	}
	return query, []*column{key}, rule
}
