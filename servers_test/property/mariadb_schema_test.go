package property

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// mariadb is MariaDB's language.
type mariadb struct{}

// mariadbTable is what a statement needs to know of a table besides.
type mariadbTable struct {
	joined bool // a view of two tables
}

var mariadbClass = map[string]string{
	"INT": "number", "BIGINT": "number", "INT UNSIGNED": "number", "TINYINT": "number", "DECIMAL(6,2)": "number", "DOUBLE": "number",
	"VARCHAR(20)": "text", "CHAR(5)": "text", "VARCHAR(20) COLLATE utf8mb4_bin": "bin", "VARCHAR(20) CHARACTER SET latin1": "latin1",
	"VARBINARY(20)": "binary", "BINARY(3)": "binary",
}

var mariadbKinds = []string{
	"INT", "INT", "VARCHAR(20)", "VARCHAR(20)", "BIGINT", "VARCHAR(20) COLLATE utf8mb4_bin", "DECIMAL(6,2)", "DATETIME", "CHAR(5)", "TINYINT",
	"INT UNSIGNED", "ENUM('x','y','z')", "VARBINARY(20)", "DOUBLE", "DATE", "VARCHAR(20) CHARACTER SET latin1", "BINARY(3)",
	"TIMESTAMP NULL", "UUID",
}

var mariadbKeys = []string{
	"VARCHAR(20)", "BIGINT", "VARCHAR(20) COLLATE utf8mb4_bin", "DECIMAL(6,2)", "DATETIME", "CHAR(5)", "UUID", "BINARY(3)", "VARBINARY(20)",
	"VARCHAR(20) CHARACTER SET latin1", "DATE",
}

func mariadbColumn(name, kind string) *propertytest.Column {
	c := &propertytest.Column{Name: name, Kind: kind, Class: mariadbClass[kind]}
	if c.Class == "" {
		c.Class = kind
	}
	c.Int = slices.Contains([]string{"INT", "BIGINT", "INT UNSIGNED", "TINYINT"}, kind)
	return c
}

// mariadbSchema is a schema in the making.
type mariadbSchema struct {
	*propertytest.Schema
	d propertytest.Dice
}

// Schema draws a schema.
func (mariadb) Schema(d propertytest.Dice) *propertytest.Schema {
	s := &mariadbSchema{&propertytest.Schema{Calm: d.One(2)}, d}
	s.Options = append(s.Options, propertytest.Pick(d, "", "", "interpolateParams=true", "clientFoundRows=true", "parseTime=true",
		"multiStatements=true", "multiStatements=true&interpolateParams=true", "sql_mode=''",
		"sql_mode='ANSI'", "sql_mode='NO_AUTO_VALUE_ON_ZERO'"))
	for i := range 2 + d.N(3) {
		s.table(i)
	}
	for i := range d.N(3) {
		s.DDL = append(s.DDL, s.index(fmt.Sprintf("i%d", i), s.Any(d)))
	}
	if d.One(2) {
		s.view("v0")
	}
	for i := range d.N(4) {
		s.DDL = append(s.DDL, s.trigger(fmt.Sprintf("r%d", i)))
	}
	for i := range 2 {
		s.DDL = append(s.DDL, s.function(fmt.Sprintf("f%d", i)))
	}
	return s.Schema
}

func (s *mariadbSchema) table(number int) {
	d := s.d
	t := &propertytest.Table{Name: fmt.Sprintf("t%d", number), Unique: [][]string{{"id"}}}
	s.Tables = append(s.Tables, t)
	id := mariadbColumn("id", "INT")
	id.Unique, id.Needed = true, true
	t.Columns = []*propertytest.Column{id}
	def, end, parts := "id INT PRIMARY KEY", "", ""
	switch d.N(12) {
	case 3, 4, 5:
		def, id.Needed = "id INT AUTO_INCREMENT PRIMARY KEY", false
	case 6, 7:
		*id = *mariadbColumn("id", mariadbKeys[d.N(len(mariadbKeys))])
		id.Unique, id.Needed = true, true
		def = "id " + id.Kind + " PRIMARY KEY"
	case 8, 9:
		k := mariadbColumn("k", propertytest.Pick(d, "INT", "VARCHAR(20)", "TINYINT", "VARCHAR(20) COLLATE utf8mb4_bin"))
		id.Unique, k.Needed = false, true
		t.Columns = append(t.Columns, k)
		t.Unique = [][]string{{"id", "k"}}
		def, end = "id INT, k "+k.Kind, ", PRIMARY KEY (id, k)"
	case 10:
		parts = propertytest.Pick(d, " PARTITION BY HASH (id) PARTITIONS 2", " PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (3), "+
			"PARTITION b VALUES LESS THAN MAXVALUE)", " PARTITION BY KEY (id) PARTITIONS 2")
		id.Unique = false // a partitioned table has no foreign keys
	case 11:
		id.Unique, id.Needed = false, false
		t.Unique = nil
		def = "id INT"
	}
	defs := []string{def}
	for i := range 2 + d.N(3) {
		definition, key := s.column(t, string(rune('a'+i)), parts != "")
		defs = append(defs, definition)
		end = key + end
	}
	last := t.Columns[len(t.Columns)-2:]
	if parts == "" && d.One(6) && len(t.Columns) > 2 && !last[0].Generated && !last[1].Generated && len(t.Unique) > 0 {
		key := []string{last[0].Name, last[1].Name}
		t.Unique = append(t.Unique, key)
		end += ", UNIQUE (" + strings.Join(key, ", ") + ")"
	}
	s.DDL = append(s.DDL, fmt.Sprintf("CREATE TABLE %s (%s%s)%s", t.Name, strings.Join(defs, ", "), end, parts))
}

// column draws a column and returns its definition, and what follows those of all columns.
func (s *mariadbSchema) column(t *propertytest.Table, name string, parted bool) (def, key string) {
	d := s.d
	c := mariadbColumn(name, mariadbKinds[d.N(len(mariadbKinds))])
	switch {
	case !parted && d.One(4) && s.refers(t, c):
		actions := []string{"CASCADE", "SET NULL", "NO ACTION", "RESTRICT", "CASCADE"}
		key = fmt.Sprintf(", FOREIGN KEY (%s) REFERENCES %s (%s) ON DELETE %s ON UPDATE %s", name, c.Of.Name, c.Refers.Name,
			propertytest.Pick(d, actions...), propertytest.Pick(d, actions...))
	case d.One(8):
		from := t.Any(d)
		if !from.Int && from.Kind != "VARCHAR(20)" || from.Generated {
			break
		}
		expression := propertytest.Pick(d, from.Name+" + 1", from.Name+" MOD 2")
		*c = *mariadbColumn(name, "BIGINT")
		if from.Kind == "VARCHAR(20)" {
			*c = *mariadbColumn(name, "VARCHAR(20)")
			expression = "upper(" + from.Name + ")"
		}
		c.Generated = true
		def = " AS (" + expression + ") " + propertytest.Pick(d, "VIRTUAL", "PERSISTENT")
	case c.Kind == "DATETIME" && d.One(2):
		def = propertytest.Pick(d, " DEFAULT '2024-01-01 12:00:00' ON UPDATE CURRENT_TIMESTAMP",
			" DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
			" DEFAULT CURRENT_TIMESTAMP")
		s.Clock = true
	default:
		if d.One(3) {
			def += " DEFAULT " + s.literal(c)
			if d.One(3) {
				def += " NOT NULL"
				c.Needed = true
			}
		}
		if d.One(30) && c.Int {
			def += " CHECK (" + name + " <> 5)"
		}
	}
	if !parted && d.One(5) {
		def += " UNIQUE"
		c.Unique = !c.Generated
		t.Unique = append(t.Unique, []string{name})
	}
	t.Columns = append(t.Columns, c)
	return name + " " + c.Kind + def, key
}

// refers makes a column one of a foreign key, if there is a table for it to point to.
func (s *mariadbSchema) refers(t *propertytest.Table, c *propertytest.Column) bool {
	of := s.Any(s.d)
	var targets []*propertytest.Column
	for _, target := range of.Columns {
		if target.Unique {
			targets = append(targets, target)
		}
	}
	if len(targets) == 0 {
		return false
	}
	target := targets[s.d.N(len(targets))]
	*c = *mariadbColumn(c.Name, target.Kind)
	c.Refers, c.Of = target, of
	return true
}

func (s *mariadbSchema) index(name string, t *propertytest.Table) string {
	d := s.d
	a, b := t.Any(d), t.Any(d)
	if a == b {
		return fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s (%s)", name, t.Name, a.Name)
	}
	unique := propertytest.Pick(d, "UNIQUE ", "")
	terms := a.Name + ", " + b.Name
	if unique != "" {
		t.Unique = append(t.Unique, []string{a.Name, b.Name})
	}
	if unique == "" && a.Class == "text" {
		terms = a.Name + "(1)"
	}
	return fmt.Sprintf("CREATE %sINDEX IF NOT EXISTS %s ON %s (%s)", unique, name, t.Name, terms)
}

func (s *mariadbSchema) view(name string) {
	d := s.d
	t := s.Any(d)
	some := propertytest.Some(d, t.Columns, 2)
	columns := slices.DeleteFunc(slices.Clone(t.Columns), func(c *propertytest.Column) bool {
		return !slices.Contains(some, c) && (!c.Needed || d.One(6))
	})
	v := &propertytest.Table{Name: name, Own: &mariadbTable{}}
	shown := make([]string, len(columns))
	for i, c := range columns {
		shown[i] = t.Name + "." + c.Name
		copied := *c
		v.Columns = append(v.Columns, &copied)
	}
	last := len(shown) - 1
	if d.One(6) {
		shown[last] = mariadb{}.computed(d, columns[last], shown[last]) + " AS " + columns[last].Name
		v.Columns[last].Generated = true
	}
	algorithm := propertytest.Pick(d, "", "", "ALGORITHM = MERGE ", "ALGORITHM = TEMPTABLE ")
	text := fmt.Sprintf("CREATE %sVIEW %s AS SELECT %s FROM %s", algorithm, name, strings.Join(shown, ", "), t.Name)
	if other := s.Any(d); d.One(4) && other != t {
		k := t.Any(d)
		if like := other.Like(d, k); like != nil {
			text += fmt.Sprintf(" JOIN %s ON %s.%s = %[1]s.%[4]s", other.Name, t.Name, k.Name, like.Name)
			v.Own = &mariadbTable{joined: true}
		}
	}
	if d.One(2) {
		k := t.Any(d)
		text += fmt.Sprintf(" WHERE %s.%s <> %s", t.Name, k.Name, s.literal(k))
		if !strings.Contains(text, "TEMPTABLE") && d.One(4) {
			text += " WITH CHECK OPTION"
		}
	}
	s.DDL = append(s.DDL, text)
	s.Views = append(s.Views, v)
}

// literal spells a value for a column.
func (s *mariadbSchema) literal(c *propertytest.Column) string {
	for {
		if v := (mariadb{}).Value(s.d, c, true); v != nil {
			return mariadb{}.Literal(v)
		}
	}
}

// trigger is the text of a random trigger. It writes tables that come later than its own: a table that is being written
// cannot be written again.
func (s *mariadbSchema) trigger(name string) string {
	d := s.d
	at := d.N(len(s.Tables))
	t := s.Tables[at]
	op := propertytest.Pick(d, "INSERT", "UPDATE", "DELETE", "UPDATE")
	row := propertytest.Pick(d, "NEW", "OLD", "NEW")
	switch op {
	case "INSERT":
		row = "NEW"
	case "DELETE":
		row = "OLD"
	}
	b := &mariadbBody{s, t, row, s.Tables[at+1:]}
	when := propertytest.Pick(d, "AFTER", "BEFORE")
	var list []string
	if when == "BEFORE" && op != "DELETE" {
		list = b.assigns()
	}
	if len(list) == 0 || d.One(3) {
		list = append(list, b.writes()...)
	}
	if len(list) == 0 {
		list = []string{"SET @fired = 1;"}
	}
	return fmt.Sprintf("CREATE OR REPLACE TRIGGER %s %s %s ON %s FOR EACH ROW BEGIN %s END", name, when, op, t.Name, strings.Join(list, " "))
}

// A mariadbBody is what a trigger or a function does.
type mariadbBody struct {
	*mariadbSchema
	t       *propertytest.Table // whose row is at hand; nil: there is only x, an integer
	row     string
	targets []*propertytest.Table
}

func (b *mariadbBody) value(c *propertytest.Column) string {
	if b.d.One(3) {
		return b.literal(c)
	}
	if b.t == nil {
		if c.Class == "number" {
			return "x"
		}
		return b.literal(c)
	}
	if like := b.t.Like(b.d, c); like != nil {
		return b.row + "." + like.Name
	}
	return b.literal(c)
}

func (b *mariadbBody) assigns() []string {
	var list []string
	for range b.d.N(3) {
		plain := b.t.Plain()
		c := plain[b.d.N(len(plain))]
		value := b.value(c)
		if b.d.One(3) {
			value = mariadb{}.computed(b.d, c, "NEW."+c.Name)
		}
		list = append(list, fmt.Sprintf("SET NEW.%s = %s;", c.Name, value))
	}
	return list
}

func (b *mariadbBody) writes() []string {
	d := b.d
	var list []string
	for range 1 + d.N(2) {
		if len(b.targets) == 0 {
			return nil
		}
		w := b.targets[d.N(len(b.targets))]
		plain := w.Plain()
		c, k := plain[d.N(len(plain))], w.Any(d)
		text := ""
		switch d.N(10) {
		case 0, 1, 2:
			text = fmt.Sprintf("UPDATE IGNORE %s SET %s = %s WHERE %s = %s", w.Name, c.Name, b.value(c), k.Name, b.value(k))
		case 3:
			text = fmt.Sprintf("UPDATE IGNORE %s SET %s = %s WHERE %s = %s", w.Name, c.Name, mariadb{}.computed(d, c, c.Name), k.Name, b.value(k))
		case 4, 5, 6:
			columns := propertytest.Some(d, plain, 1)
			var values []string
			for _, c := range columns {
				values = append(values, b.value(c))
			}
			verb := propertytest.Pick(d, "INSERT IGNORE", "INSERT IGNORE", "REPLACE")
			text = fmt.Sprintf("%s INTO %s (%s) VALUES (%s)", verb, w.Name, names(columns), strings.Join(values, ", "))
			if !strings.HasPrefix(text, "REPLACE") && d.One(3) {
				text += fmt.Sprintf(" ON DUPLICATE KEY UPDATE %s = %s", c.Name, propertytest.Pick(d, b.value(c), "VALUES("+c.Name+")"))
			}
		default:
			text = fmt.Sprintf("DELETE FROM %s WHERE %s = %s", w.Name, k.Name, b.value(k))
		}
		if d.One(8) {
			text = fmt.Sprintf("IF %s IS NOT NULL THEN %s; END IF", b.value(k), text)
		}
		list = append(list, text+";")
	}
	return list
}

// function is the text of a function or a procedure of one integer x, which writes.
func (s *mariadbSchema) function(name string) string {
	b := &mariadbBody{mariadbSchema: s, targets: s.Tables}
	writes := strings.Join(b.writes(), " ")
	if name == "f1" {
		return fmt.Sprintf("CREATE PROCEDURE f1(x INT) BEGIN %s END", writes)
	}
	return fmt.Sprintf("CREATE FUNCTION f0(x INT) RETURNS INT BEGIN %s RETURN x; END", writes)
}

// Styles are the styles of values.
func (mariadb) Styles() []propertytest.Style {
	return []propertytest.Style{propertytest.Positional, propertytest.Positional, propertytest.Literals, propertytest.Positional,
		propertytest.Mixed}
}

// Param is the text of a parameter.
func (mariadb) Param(propertytest.Style, int) string { return "?" }

// Value draws a value for a column.
func (mariadb) Value(d propertytest.Dice, c *propertytest.Column, fit bool) any {
	if fit && !c.Needed && d.One(25) {
		return nil
	}
	if fit && !c.Needed && c.Refers != nil && d.One(4) {
		return nil
	}
	least := 5
	switch {
	case c.Refers != nil:
		least = 3 // what is there is likely to be among the first
	case c.Unique:
		least = 9
	}
	odd := func(usual []any, odd ...any) any {
		if fit {
			return usual[d.N(len(usual))]
		}
		return append(usual[:len(usual):len(usual)], odd...)[d.N(len(usual)+len(odd))]
	}
	switch c.Kind {
	case "INT", "BIGINT", "INT UNSIGNED", "TINYINT":
		return odd([]any{int64(1 + d.N(least))}, "2", " 1", "01", 2.0, int64(3), true, "1.0", 1.4, "1e0", "2 x", int64(0), []byte("1"))
	case "DECIMAL(6,2)":
		return odd([]any{"1", "2", int64(2), "2.50", "3.0"}, "1.0", "02.00", 2.5, "1e0", "1.004", []byte("2.50"))
	case "DOUBLE":
		return odd([]any{1.0, 2.5, int64(1), 3.0}, "1e0", "0", "-0", "2.50")
	case "VARCHAR(20)", "CHAR(5)", "VARCHAR(20) COLLATE utf8mb4_bin", "VARCHAR(20) CHARACTER SET latin1":
		return odd([]any{"a", "A", "b", "1", "ä"}, "", "a ", "B ", "á", int64(1), []byte("a"), "ß", "ss", "1x")
	case "VARBINARY(20)", "BINARY(3)":
		return odd([]any{[]byte("a"), []byte("b"), []byte("A")}, "a", []byte("a\x00"), []byte("a\x00\x00"), "a ")
	case "DATETIME", "TIMESTAMP NULL":
		return odd([]any{"2024-01-01 12:00:00", "2024-01-02 00:00:00"}, noon, "2024-01-01T12:00:00", "20240101120000",
			noon.Add(100*time.Millisecond), "2024-01-02")
	case "DATE":
		return odd([]any{"2024-01-01", "2024-01-02"}, "20240101", "2024-1-1", "2024-01-01 00:00:00")
	case "UUID":
		const one = "00000000-0000-4000-8000-00000000000"
		return odd([]any{one + "1", one + "2", one + "a"}, one+"A", "00000000000040008000000000000002")
	}
	return odd([]any{"x", "y", "z"}, "X", int64(1), int64(2))
}

// Literal spells a value in SQL.
func (mariadb) Literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return quoteText(v)
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case time.Time:
		return "'" + v.Format("2006-01-02 15:04:05.999999") + "'"
	}
	return fmt.Sprint(v)
}

// Results draws what a SELECT shows of a row.
func (mariadb) Results(d propertytest.Dice, c *propertytest.Column) string {
	return propertytest.Pick(d, "*", "*", c.Name, c.Name, "id, "+c.Name, c.Name+" IS NULL", "upper("+c.Name+")", "concat("+c.Name+", 'x')")
}

// Aggregate draws a function of many rows.
func (m mariadb) Aggregate(d propertytest.Dice, c *propertytest.Column) string {
	return propertytest.Pick(d, "count(*)", "count(*), "+m.Sum(c, c.Name), m.Max(c, c.Name), "count("+c.Name+"), "+m.Sum(c, c.Name),
		"group_concat(hex("+c.Name+") ORDER BY hex("+c.Name+"))")
}

// Sum is for which the order of rows does not matter.
func (mariadb) Sum(c *propertytest.Column, name string) string {
	if c.Class == "number" && c.Kind != "DOUBLE" {
		return "sum(" + name + ")"
	}
	return "count(" + name + ")"
}

// Max is the largest: of texts that are equal to the server any may be.
func (mariadb) Max(c *propertytest.Column, name string) string {
	if c.Class == "number" {
		return "max(" + name + ")"
	}
	return "max(hex(" + name + "))"
}

// Compare draws a comparison.
func (mariadb) Compare(d propertytest.Dice) string {
	return propertytest.Pick(d, " > ", " = ", " <> ", " <=> ")
}

func (mariadb) quoted(name string) string { return "`" + name + "`" }

func (mariadb) written(*propertytest.Table) bool { return true }

// computed draws an expression that is computed from a value.
func (m mariadb) computed(d propertytest.Dice, c *propertytest.Column, name string) string {
	switch c.Class {
	case "number":
		return propertytest.Pick(d, name+" + 1", "("+name+")", "abs("+name+")", "coalesce("+name+", 1)")
	case "text", "bin", "latin1":
		return propertytest.Pick(d, "upper("+name+")", "lower("+name+")", "coalesce("+name+", 'a')", "trim("+name+")")
	}
	return "coalesce(" + name + ", " + m.Literal(m.Value(d, c, true)) + ")"
}

// condition draws a condition that is MariaDB's.
func (mariadb) condition(w *writer, c *propertytest.Column, name string) string {
	d := w.d
	switch d.N(5) {
	case 0:
		w.Add(name, " <=> ")
		w.Draw(c, true)
		return "<=>"
	case 1:
		if c.Class == "text" {
			w.Add(name, " = ")
			w.Draw(c, true)
			w.Add(" COLLATE utf8mb4_bin")
			return "collated"
		}
	case 2:
		w.Add("BINARY ", name, " = ")
		w.Draw(c, true)
		return "BINARY"
	case 3:
		w.Add(name, " LIKE ", quoteText(propertytest.Pick(d, "a", "1", "A%")))
		return "LIKE"
	case 4:
		w.Add(name, " BETWEEN ")
		w.Draw(c, true)
		w.Add(" AND ")
		w.Draw(c, true)
		return "range"
	}
	return ""
}
