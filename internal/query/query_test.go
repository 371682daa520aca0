package query

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// Trees are built by hand here, from names in one string: "t.x" is a column, "s.t AS q" an item of FROM.

// ex is an expression: of a string a column, of an integer the parameter of that number.
func ex(v any) Expr {
	switch v := v.(type) {
	case string:
		parts := strings.Split(v, ".")
		c := Column{Name: parts[len(parts)-1]}
		if len(parts) > 1 {
			c.Table = parts[len(parts)-2]
		}
		if len(parts) > 2 {
			c.Schema = parts[0]
		}
		return c
	case int:
		return Operand{moneyclip.Value{Kind: moneyclip.ValueParam, Param: v}}
	}
	return v
}

func exs(list []any) []Expr {
	var out []Expr
	for _, v := range list {
		out = append(out, ex(v))
	}
	return out
}

func constant(v any) Expr   { return Operand{moneyclip.Value{Kind: moneyclip.ValueConst, Const: v}} }
func element(n int) Expr    { return Operand{moneyclip.Value{Kind: moneyclip.ValueElement, Param: n}} }
func eq(x, y any) Expr      { return Equal{ex(x), ex(y)} }
func row(list ...any) Expr  { return Row{exs(list)} }
func call(list ...any) Expr { return Other{Parts: exs(list)} }
func cast(x any, typ string) Expr {
	return Cast{ex(x), typ}
}

func and(first Expr, rest ...Expr) Expr {
	for _, e := range rest {
		first = And{first, e}
	}
	return first
}

func in(x any, list ...any) Expr { return In{ex(x), exs(list)} }
func exists(q *Query) Expr       { return Subquery{Query: q} }

// item is an item of FROM, of a string a table.
func item(v any) *Item {
	switch v := v.(type) {
	case nil:
		return nil
	case *Query:
		return &Item{Query: v}
	case *Item:
		return v
	}
	name, alias, _ := strings.Cut(v.(string), " AS ")
	alias, columns, hasColumns := strings.Cut(strings.TrimSuffix(alias, ")"), "(")
	it := &Item{Alias: alias, Table: name}
	if hasColumns {
		it.Columns = strings.Split(columns, ",")
	}
	if schema, table, ok := strings.Cut(name, "."); ok {
		it.Schema, it.Table = schema, table
	}
	return it
}

// sub is a subquery, or a join, with an alias as in item.
func sub(of any, as string) *Item {
	it := *item(of)
	named := item("t AS " + as)
	it.Alias, it.Columns = named.Alias, named.Columns
	return &it
}

func lateral(q *Query, as string) *Item {
	it := sub(q, as)
	it.Lateral = true
	return it
}

func joinOf(kind JoinKind, left, right any, on Expr) *Item {
	return &Item{Join: &Join{Left: item(left), Right: item(right), Kind: kind, On: on}}
}

func using(kind JoinKind, left, right any, columns ...string) *Item {
	return &Item{Join: &Join{Left: item(left), Right: item(right), Kind: kind, Using: columns}}
}

func natural(left, right any) *Item {
	return &Item{Join: &Join{Left: item(left), Right: item(right), Natural: true}}
}

func whole(it *Item) *Item {
	it.Whole = true
	return it
}

func results(list ...any) []Result {
	var out []Result
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			out = append(out, Result{Expr: ex(v)})
			continue
		}
		s, alias, isAlias := strings.Cut(s, " AS ")
		c := ex(s).(Column)
		if c.Name == "*" {
			out = append(out, Result{Expr: Star{c.Table}})
			continue
		}
		if !isAlias {
			alias = c.Name
		}
		out = append(out, Result{Expr: c, Name: alias, IsAlias: isAlias})
	}
	return out
}

// sel is "SELECT results FROM from WHERE where".
func sel(from any, where Expr, list ...any) *Query {
	return &Query{Cores: []*Select{{Results: results(list...), From: item(from), Where: where}}}
}

// values is a VALUES.
func values(rows ...Expr) *Query {
	s := &Select{}
	for _, r := range rows {
		s.Values = append(s.Values, r.(Row).List)
	}
	return &Query{Cores: []*Select{s}}
}

func union(queries ...*Query) *Query {
	u := &Query{}
	for _, q := range queries {
		u.Cores = append(u.Cores, q.Cores...)
	}
	return u
}

// withOf puts common table expressions before a query.
func withOf(q *Query, ctes ...*CTE) *Query {
	out := *q
	out.With = &With{CTEs: ctes}
	return &out
}

func recursive(q *Query) *Query {
	q.With.Recursive = true
	return q
}

func forward(q *Query) *Query {
	q.With.Recursive, q.With.Forward = true, true
	return q
}

// cteOf is a common table expression, of a name as "q" or "q(a,b)".
func cteOf(name string, of any) *CTE {
	named := item("t AS " + name)
	c := &CTE{Name: named.Alias, Columns: named.Columns}
	switch of := of.(type) {
	case *Query:
		c.Query = of
	case *Write:
		c.Write = of
	}
	return c
}

func table(name string, columns string, change func(*moneyclip.Table)) *moneyclip.Table {
	t := &moneyclip.Table{Name: name}
	for _, column := range strings.Fields(columns) {
		column, class, _ := strings.Cut(column, ":")
		if class == "" {
			class = "int"
		}
		t.Columns = append(t.Columns, &moneyclip.Column{
			Name: column, Class: class, Type: class, Default: moneyclip.Value{Kind: moneyclip.ValueConst},
		})
	}
	if change != nil {
		change(t)
	}
	return t
}

func unique(columns ...string) moneyclip.UniqueKey { return moneyclip.UniqueKey{Columns: columns} }

// catalog has tables with schemas and without.
func catalog() *moneyclip.Catalog {
	tables := []*moneyclip.Table{
		table("a", "id x:text y z g", func(t *moneyclip.Table) {
			t.Serial = "id"
			t.Column("g").Generated = true
			t.Column("y").NotNull = true
			t.Column("y").Default.Const = int64(7)
			t.Column("z").Default = moneyclip.Value{}
			t.Unique = []moneyclip.UniqueKey{unique("id"), unique("x", "y")}
		}),
		table("b", "id a_id x:text w", nil),
		table("c", "b_id k:text", nil),
		table("d", "k:text n", func(t *moneyclip.Table) {
			t.Unique = []moneyclip.UniqueKey{unique("k"), {Columns: []string{"n"}, Odd: true}}
		}),
		table("r", "id n", func(t *moneyclip.Table) { t.Replaces, t.Column("n").NotNull = true, true }),
		table("s.a", "id v", nil),
		table("s.b", "id v", nil),
		table("p.u", "id name:text", nil),
		table("view", "id x", func(t *moneyclip.Table) {
			t.View = true
			t.Reads = []moneyclip.TableRead{{Table: "b", Pins: []moneyclip.Pin{{Column: "id"}}}, {Table: "c"}}
		}),
		table("pending", "id", func(t *moneyclip.Table) { t.View = true }),
		table("virtual", "id", func(t *moneyclip.Table) { t.Opaque = "a virtual table" }),
		table("guarded", "id", func(t *moneyclip.Table) { t.Guarded = "it has row security" }),
		table("bare", "", nil),
		table("o", "id x k p", nil),
		table("h", "rowid", nil),
	}
	c := &moneyclip.Catalog{Tables: map[string]*moneyclip.Table{}, Path: []string{"p"}}
	for _, t := range tables {
		c.Tables[t.Name] = t
	}
	return c
}

// plain is a dialect without anything of its own; rich has all of it.
var (
	plain = &Dialect{}
	rich  = &Dialect{
		Casts:   func(column *moneyclip.Column, typ string) bool { return column.Type == typ },
		Carries: func(from, to *moneyclip.Column) bool { return from.Name == to.Name || to.Name == "w" },
		Impure: func(name string, def *moneyclip.Table) string {
			switch {
			case name == "system":
				return "reads what is the system's"
			case def != nil && def.Column("b_id") != nil:
				return "reads " + name + ", which has a b_id"
			}
			return ""
		},
		Hidden: func(name string) bool { return name == "rowid" },
		Real: func(def *moneyclip.Table, name string) string {
			if name == "rowid" && def != nil && def.Serial != "" {
				return def.Serial
			}
			return name
		},
		Unknown:   "which is nowhere",
		Home:      "main",
		Wide:      true,
		Generated: true,
		Short:     true,
	}
)

func valueText(v moneyclip.Value) string {
	switch v.Kind {
	case moneyclip.ValueParam:
		return fmt.Sprintf("$%d", v.Param)
	case moneyclip.ValueElement:
		return fmt.Sprintf("any($%d)", v.Param)
	case moneyclip.ValueConst:
		return fmt.Sprintf("%#v", v.Const)
	case moneyclip.ValueOld:
		return "old." + v.Column
	case moneyclip.ValueNew:
		return "new." + v.Column
	case moneyclip.ValueExcluded:
		return "excluded." + v.Column
	}
	return "computed"
}

func pinsText(pins []moneyclip.Pin) string {
	var list []string
	for _, pin := range pins {
		var values []string
		for _, v := range pin.Values {
			values = append(values, valueText(v))
		}
		text := " " + pin.Column + "=" + strings.Join(values, "|")
		for _, via := range pin.Via {
			text += "~" + via.Table + "." + via.Column
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, "")
}

// readsText writes reads as "table(columns) pins; ...", in order of appearance.
func readsText(reads []moneyclip.TableRead) string {
	var list []string
	for _, read := range reads {
		columns := strings.Join(read.Columns, ",")
		if read.All {
			columns = "*"
		}
		list = append(list, fmt.Sprintf("%s(%s)%s", read.Table, columns, pinsText(read.Pins)))
	}
	return strings.Join(list, "; ")
}

// linksText writes links as "read.column=read.column ...".
func linksText(reads []moneyclip.TableRead) string {
	var list []string
	for i, read := range reads {
		for _, link := range read.Links {
			list = append(list, fmt.Sprintf("%d.%s=%d.%s", i, link.Column, link.To, link.Other))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func setText(set []moneyclip.Assignment) string {
	var list []string
	for _, as := range set {
		list = append(list, as.Column+":="+valueText(as.Value))
	}
	return strings.Join(list, ",")
}

// writesText writes all that writes say but their sources.
func writesText(writes []moneyclip.Write) string {
	var list []string
	for _, w := range writes {
		text := [...]string{"any", "insert", "update", "delete"}[w.Op] + " " + w.Table + pinsText(w.Pins)
		if w.Set != nil {
			text += " set " + setText(w.Set)
		}
		if w.Columns != nil {
			text += " (" + strings.Join(w.Columns, ",") + ")"
		}
		for _, row := range w.Rows {
			var values []string
			for _, v := range row {
				values = append(values, valueText(v))
			}
			text += " <" + strings.Join(values, ",") + ">"
		}
		if w.Replace {
			text += " replace"
		}
		if w.Conflict != nil {
			text += fmt.Sprintf(" conflict %v %s", w.Conflict.Target, setText(w.Conflict.Set))
		}
		list = append(list, text)
	}
	return strings.Join(list, "; ")
}

func check(t *testing.T, name, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s %q, want %q", name, what, got, want)
	}
}
