package propertytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A Probe is a select that a rule caches, with arguments.
type Probe struct {
	Query    string
	Args     []any
	Prepared bool
}

func (p Probe) String() string { return fmt.Sprintf("%s %s", p.Query, showArgs(p.Args)) }

// Caching is the rules of one cache and selects for them.
type Caching struct {
	Rules   []moneyclip.Rule
	Probes  []Probe
	MaxKeys int
}

// drawCaching draws rules over a schema. The prefix keeps keys of two caches apart.
func drawCaching(d Dice, l Language, s *Schema, prefix string) Caching {
	c := Caching{MaxKeys: Pick(d, 0, 0, 1, 3)}
	for i := range 3 + d.N(4) {
		rule := moneyclip.Rule{Key: fmt.Sprintf("%s%d:", prefix, i), TTL: time.Hour}
		if d.One(2) {
			rule.NotFound = time.Hour
		}
		rule.Refresh = d.One(5)
		q := &ruling{d: d, language: l, schema: s, rule: rule}
		if d.One(2) {
			q.ofTable(s.Any(d))
		} else {
			q.ofQuery(s.Any(d))
		}
		if slices.ContainsFunc(c.Rules, func(other moneyclip.Rule) bool {
			return q.rule.Query != "" && other.Query == q.rule.Query ||
				q.rule.Table != "" && other.Table == q.rule.Table && sameSet(q.rule.By, other.By)
		}) {
			continue
		}
		c.Rules = append(c.Rules, q.rule)
		c.Probes = append(c.Probes, q.probes...)
	}
	return c
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// ruling draws one rule and selects for it.
type ruling struct {
	d        Dice
	language Language
	schema   *Schema
	rule     moneyclip.Rule
	probes   []Probe
}

// verb appends a verb for a column to the key.
func (q *ruling) verb(c *Column) {
	if c.Int && !q.d.One(3) {
		q.rule.Key += "%d"
		return
	}
	q.rule.Key += Pick(q.d, "%v", "%s")
}

// ofTable caches selects from a table by some of its columns.
func (q *ruling) ofTable(t *Table) {
	d := q.d
	var by []*Column
	if len(t.Unique) > 0 && !d.One(3) {
		for _, name := range t.Unique[d.N(len(t.Unique))] {
			by = append(by, t.Column(name))
		}
	} else {
		by = append(by, t.Any(d))
		if second := t.Any(d); d.One(3) && second != by[0] {
			by = append(by, second)
		}
	}
	q.rule.Table = t.Name
	for i, c := range by {
		q.rule.By = append(q.rule.By, c.Name)
		if i > 0 {
			q.rule.Key += "/"
		}
		q.verb(c)
	}
	if d.One(4) {
		q.rule.On = []moneyclip.On{{Table: t.Name, Columns: q.rule.By}}
		if d.One(3) {
			q.rule.On[0].Columns = nil
		}
	}
	for range 2 + d.N(3) {
		q.selectBy(t, by)
	}
}

// selectBy draws a select of a table by columns.
func (q *ruling) selectBy(t *Table, by []*Column) {
	d, l := q.d, q.language
	b := NewText(d, l)
	c := t.Any(d)
	b.Add("SELECT ", Pick(d, l.Results(d, c), l.Aggregate(d, c)), " FROM ", t.Name, " WHERE ")
	for i, column := range by {
		if i > 0 {
			b.Add(" AND ")
		}
		if d.One(5) {
			b.Draw(column, true)
			b.Add(" = ", column.Name)
			continue
		}
		b.Add(Pick(d, "", "", "", t.Name+"."), column.Name, " = ")
		b.Draw(column, !d.One(4))
	}
	switch d.N(8) {
	case 6:
		if other := t.Like(d, c); other != c {
			b.Add(" AND ", c.Name, " = ", other.Name)
		}
	case 7, 5:
		b.Add(" AND ", c.Name, l.Compare(d))
		b.Draw(c, true)
	}
	q.probes = append(q.probes, Probe{b.String(), b.Args, d.One(3)})
}

// A query is a select that a rule names. The text has {0}, {1}, ... for values of the params.
type query struct {
	text   string
	params []*Column
}

// ofQuery caches one select by its text.
func (q *ruling) ofQuery(t *Table) {
	d, l := q.d, q.language
	k, c := t.Any(d), t.Any(d)
	what := Pick(d, l.Aggregate(d, c), l.Aggregate(d, c), "count(*)", "*", c.Name)
	var chosen query
	switch d.N(12) {
	case 0, 1, 2:
		chosen = query{fmt.Sprintf("SELECT %s FROM %s WHERE %s = {0}", what, t.Name, k.Name), []*Column{k}}
		q.verb(k)
	case 3:
		chosen = query{fmt.Sprintf("SELECT %s FROM %s WHERE %s = {0} AND %s = {1}", what, t.Name, k.Name, c.Name), []*Column{k, c}}
		q.args(k, c)
	case 4:
		chosen.text = fmt.Sprintf("SELECT count(*), %s FROM %s", l.Sum(c, c.Name), t.Name)
		if d.One(2) && k.Int {
			chosen.text += fmt.Sprintf(" WHERE %s > 1", k.Name)
		}
	case 5, 10, 11:
		chosen = q.joined()
	case 6:
		chosen = q.exists(t, k)
	case 7:
		chosen = q.view(t, c)
	case 8:
		q.rule.Name = "Q" + strings.TrimSuffix(q.rule.Key, ":")
		q.rule.Query = q.rule.Name
		chosen = query{fmt.Sprintf("-- name: %s :one\nSELECT %s FROM %s WHERE %s = {0}", q.rule.Name, what, t.Name, k.Name), []*Column{k}}
		q.verb(k)
		if d.One(2) {
			q.rule.On = []moneyclip.On{{Table: t.Name, Columns: []string{k.Name}}}
		}
	default:
		chosen = query{fmt.Sprintf("SELECT %s FROM %s WHERE %s = {0} ORDER BY 1 LIMIT 20", what, t.Name, k.Name), []*Column{k}}
		q.verb(k)
	}
	q.use(chosen)
}

// args makes a key of some of two parameters.
func (q *ruling) args(first, second *Column) {
	switch q.d.N(3) {
	case 0:
		q.verb(first)
	case 1:
		q.verb(second)
		q.rule.Args = []int{2}
	default:
		q.verb(second)
		q.rule.Key += "-"
		q.verb(first)
		q.rule.Args = []int{2, 1}
	}
}

func (q *ruling) exists(t *Table, k *Column) query {
	other := q.schema.Any(q.d)
	q.verb(k)
	q.rule.On = []moneyclip.On{{Table: t.Name}, {Table: other.Name}}
	if other != t && q.d.One(2) {
		q.rule.On[0].Columns = []string{k.Name}
	}
	found := other.Any(q.d)
	condition := found.Name + " IS NOT NULL"
	if found.Int {
		condition = found.Name + " > 1"
	}
	return query{fmt.Sprintf("SELECT count(*) FROM %s WHERE %s = {0} AND EXISTS (SELECT 1 FROM %s o WHERE o.%s)",
		t.Name, k.Name, other.Name, condition), []*Column{k}}
}

func (q *ruling) view(t *Table, c *Column) query {
	if len(q.schema.Views) == 0 {
		return query{text: "SELECT " + q.language.Sum(c, c.Name) + " FROM " + t.Name}
	}
	v := q.schema.Views[q.d.N(len(q.schema.Views))]
	chosen := query{text: "SELECT count(*), " + q.language.Sum(v.Columns[0], v.Columns[0].Name) + " FROM " + v.Name}
	if q.d.One(2) {
		k := v.Any(q.d)
		chosen = query{chosen.text + " WHERE " + k.Name + " = {0}", []*Column{k}}
		q.verb(k)
	}
	return chosen
}

// joins are queries over two tables p and c, with p.x compared to c.y.
var joins = []string{
	"SELECT count(*), SUM FROM {p} p LEFT JOIN {c} c ON c.{y} = p.{x} WHERE {pinned} = {0}",
	"SELECT count(*), SUM FROM {p} p JOIN {c} c ON c.{y} = p.{x} WHERE {pinned} = {0}",
	"SELECT count(*) FROM {p} p, {c} AS c WHERE p.{x} = c.{y} AND {pinned} = {0}",
	"SELECT count(*), SUM FROM {c} c LEFT JOIN {p} p ON p.{x} = c.{y} AND p.{x} = {0} WHERE c.{y} = {0}",
	"SELECT count(*), MAX FROM {p} p WHERE p.{x} = {0} AND EXISTS (SELECT 1 FROM {c} c WHERE c.{y} = p.{x})",
	"SELECT p.{shown}, (SELECT count(*) FROM {c} c WHERE c.{y} = p.{x}) FROM {p} p WHERE p.{x} = {0}",
	"SELECT count(*) FROM (SELECT {x} FROM {p} WHERE {x} = {0} UNION ALL SELECT {y} FROM {c} WHERE {y} = {0}) u",
	"WITH w AS (SELECT * FROM {p} WHERE {x} = {0}) SELECT count(*), (SELECT count(*) FROM {c} WHERE {y} = {0}) FROM w",
	"SELECT (SELECT count(*) FROM {p} WHERE {x} = {0}), (SELECT count({y}) FROM {c} WHERE {y} = {0})",
	"SELECT count(*) FROM {p} p WHERE p.{x} = {0} AND p.{x} IN (SELECT c.{y} FROM {c} c WHERE c.{y} = p.{x})",
	"SELECT count(*) FROM {p} p NATURAL JOIN {c} c WHERE p.{x} = {0} AND c.{y} = p.{x}",
	"SELECT count(*), SUM FROM {p} p RIGHT JOIN {c} c ON c.{y} = p.{x} WHERE {pinned} = {0}",
	"SELECT count(*) FROM {p} p JOIN (SELECT {y} AS y, count(*) AS n FROM {c} GROUP BY {y}) c ON c.y = p.{x} WHERE p.{x} = {0}",
}

// joined is a query over two tables, compared in the columns of a foreign key or in any two.
func (q *ruling) joined() query {
	d := q.d
	p, c := q.schema.Any(d), q.schema.Any(d)
	x := p.Any(d)
	y := c.Like(d, x)
	if !d.One(4) || y == nil {
		p, x, c, y = q.referred(p, x, c, y)
	}
	shown := p.Any(d)
	pinned := Pick(d, "p."+x.Name, "p."+x.Name, "c."+y.Name)
	form := joins[d.N(len(joins))]
	key := x
	if strings.HasPrefix(pinned, "c.") && strings.Contains(form, "{pinned}") {
		key = y
	}
	text := strings.NewReplacer("{p}", p.Name, "{c}", c.Name, "{x}", x.Name, "{y}", y.Name, "{shown}", shown.Name, "{pinned}", pinned,
		"SUM", q.language.Sum(shown, "p."+shown.Name), "MAX", q.language.Max(shown, "p."+shown.Name)).Replace(form)
	q.verb(key)
	if x.Kind == y.Kind && p != c && strings.Contains(form, " JOIN {c}") && d.One(3) {
		q.rule.On = []moneyclip.On{{Table: p.Name, Columns: []string{x.Name}}, {Table: c.Name, Columns: []string{y.Name}}}
	}
	return query{text, []*Column{key}}
}

// referred draws the columns of a foreign key, if there is one. Otherwise a column is compared with itself.
func (q *ruling) referred(p *Table, x *Column, c *Table, y *Column) (*Table, *Column, *Table, *Column) {
	found := false
	for _, table := range q.schema.Tables {
		for _, column := range table.Columns {
			if column.Refers != nil && column.Refers.Class == column.Class && (!found || q.d.One(2)) {
				p, c, x, y, found = column.Of, table, column.Refers, column, true
			}
		}
	}
	if y == nil {
		c, y = p, x
	}
	return p, x, c, y
}

// use makes a rule of a query, and selects for it.
func (q *ruling) use(chosen query) {
	d, l := q.d, q.language
	styles := slices.DeleteFunc(slices.Clone(l.Styles()), func(s Style) bool {
		// What is given twice must be one parameter, where there are such.
		return s == Literals || s == Mixed || s == Positional && strings.Count(chosen.text, "{0}") > 1 && slices.Contains(l.Styles(), Numbered)
	})
	style := styles[d.N(len(styles))]
	text, order := chosen.expand(l, style)
	if q.rule.Query == "" {
		q.rule.Query = text
	}
	for range 1 + (1+d.N(3))*min(1, len(order)) {
		p := Probe{Query: text, Prepared: d.One(3)}
		var values []any
		for _, c := range chosen.params {
			values = append(values, l.Value(d, c, !d.One(4)))
		}
		for _, i := range order {
			p.Args = append(p.Args, values[i])
		}
		q.probes = append(q.probes, p)
	}
}

// expand spells the parameters. It returns which value goes with each of them.
func (q query) expand(l Language, style Style) (text string, order []int) {
	if style == Positional {
		var b strings.Builder
		rest := q.text
		for {
			at := strings.IndexByte(rest, '{')
			if at < 0 {
				return b.String() + rest, order
			}
			order = append(order, int(rest[at+1]-'0'))
			b.WriteString(rest[:at] + l.Param(style, len(order)))
			rest = rest[at+3:]
		}
	}
	text = q.text
	for i := range q.params {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), l.Param(style, i+1))
		order = append(order, i)
	}
	return text, order
}
