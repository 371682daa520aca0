package moneyclip

import (
	"database/sql/driver"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A plainDialect compares numbers and texts as they are.
type plainDialect struct {
	Dialect
	words map[string]Statement
}

func (d plainDialect) Name() string                               { return "plain" }
func (d plainDialect) Quote(name string) string                   { return "[" + name + "]" }
func (d plainDialect) Placeholder(int) string                     { return "?" }
func (d plainDialect) Analyze(query string, _ *Catalog) Statement { return d.words[query] }

func (d plainDialect) Keyable(c *Column) string {
	if c.Class == "odd" {
		return "it is odd"
	}
	return ""
}

func (d plainDialect) Canonical(c *Column) func(driver.Value) (Datum, bool) {
	return func(v driver.Value) (Datum, bool) {
		switch v := v.(type) {
		case int64:
			if c.Class == "bit" && v != 0 {
				return Int(1), true
			}
			return Int(v), c.Class != "small" || v >= 0
		case string:
			return Text(v), v != "unspelled"
		}
		return Datum{}, false
	}
}

// plainTable makes a table of columns like "id" or "name text". They are of the class "int", if they do not say.
func plainTable(name string, columns ...string) *Table {
	t := &Table{Name: name}
	for _, c := range columns {
		c, class, ok := strings.Cut(c, " ")
		if !ok {
			class = "int"
		}
		t.Columns = append(t.Columns, &Column{Name: c, Class: class})
	}
	return t
}

func plainCatalog(tables ...*Table) *Catalog {
	c := &Catalog{Tables: map[string]*Table{}}
	for _, t := range tables {
		c.Tables[t.Name] = t
	}
	return c
}

// plainMeaning is a meaning of texts in a database with these tables.
func plainMeaning(words map[string]Statement, tables ...*Table) *meaning {
	d := &database{dialect: plainDialect{words: words}, hub: &hub{texts: map[string]*texts{}}}
	return &meaning{database: d, catalog: plainCatalog(tables...)}
}

// plainBound is a rule in it, of which nothing is known yet.
func plainBound(t *testing.T, m *meaning, r Rule) *bound {
	t.Helper()
	k, err := parseTemplate(r.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &bound{rule: &rule{Rule: r, template: k}, meaning: m, owner: new(Cache)}
}

func byParam(column string, n int, via ...ColumnName) Pin {
	return Pin{Column: column, Values: []Value{{Kind: ValueParam, Param: n}}, Via: via}
}

func TestFindTable(t *testing.T) {
	t.Parallel()
	tables := []*Table{plainTable("Users"), plainTable("a.T"), plainTable("b.T"), plainTable("b.u"), plainTable("b.U"), plainTable("Pets"), plainTable("PETS")}
	for _, test := range []struct {
		name string
		path []string
		want string
	}{
		{"Users", nil, "Users"},
		{"users", nil, "Users"},
		{"users", []string{"a"}, "Users"},
		{"t", nil, ""},
		{"t", []string{"a", "b"}, "a.T"},
		{"t", []string{"b", "a"}, "b.T"},
		{"A.t", []string{"b"}, "a.T"},
		{"u", []string{"a", "b"}, "b.u"},
		{"U", []string{"a", "b"}, "b.U"},
		{"x", []string{"a"}, ""},
		{"Pets", nil, "Pets"},
	} {
		c := plainCatalog(tables...)
		c.Path = test.path
		got, err := c.find(test.name)
		if test.want == "" {
			if want := `the database has no table "` + test.name + `"`; err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s in %q: got %v, %v, want the error %s", test.name, test.path, got, err, want)
			}
			continue
		}
		if err != nil || got.Name != test.want {
			t.Errorf("%s in %q: got %v, %v, want %s", test.name, test.path, got, err, test.want)
		}
	}
}

// Two tables whose names differ only in the case of letters are told apart by it.
func TestFindOneOfTwoTables(t *testing.T) {
	t.Parallel()
	for range 20 { // of the order of a map
		_, err := plainCatalog(plainTable("Pets"), plainTable("PETS")).find("pets")
		if want := `"pets" may be table "PETS" or "Pets": spell it as the database does`; err == nil || err.Error() != want {
			t.Fatalf("got %v, want %s", err, want)
		}
	}
}

// Who has misspelled a name hears of the one that there is.
func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"users", "user_accounts", "shop.items", "b.orders", "a.orders", "t"}
	for name, want := range map[string]string{
		"user": "users", "USRES": "users", "useraccount": "user_accounts", "items": "shop.items", "shop.item": "shop.items",
		"orders": "a.orders", "order": "a.orders", "t1": "t",
		"x": "", "invoices": "", "": "", "ab": "",
	} {
		hint := ""
		if want != "" {
			hint = ` (did you mean "` + want + `"?)`
		}
		if got := nearest(name, names); got != hint {
			t.Errorf("%q: got %q, want %q", name, got, hint)
		}
	}
	catalog := plainCatalog(plainTable("users", "id", "email"))
	_, err := catalog.find("user")
	if want := `the database has no table "user" (did you mean "users"?)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = catalog.Tables["users"].keyColumn(plainDialect{}, "e_mail")
	if want := `table "users" has no column "e_mail" (did you mean "email"?)`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestKeyColumn(t *testing.T) {
	t.Parallel()
	table := plainTable("t", "K", "k", "Other", "o odd")
	for _, test := range []struct{ name, want, err string }{
		{"k", "k", ""},
		{"K", "K", ""},
		{"other", "Other", ""},
		{"x", "", `table "t" has no column "x"`},
		{"O", "", "column t.o cannot be part of a key: it is odd"},
	} {
		c, err := table.keyColumn(plainDialect{}, test.name)
		got := ""
		if c != nil {
			got = c.Name
		}
		if got != test.want || (test.err != "") != (err != nil) || err != nil && err.Error() != test.err {
			t.Errorf("%s: got %q, %v, want %q, %s", test.name, got, err, test.want, test.err)
		}
	}
}

// A pin holds where all columns that it was found through compare values as its own does.
func TestPinHolds(t *testing.T) {
	t.Parallel()
	catalog := plainCatalog(plainTable("t", "k", "s text"), plainTable("u", "k", "s text"))
	via := func(names ...string) (list []ColumnName) {
		for _, name := range names {
			table, column, _ := strings.Cut(name, ".")
			list = append(list, ColumnName{table, column})
		}
		return list
	}
	for _, test := range []struct {
		column  string
		via     []ColumnName
		catalog *Catalog
		want    bool
	}{
		{"k", nil, catalog, true},
		{"x", nil, catalog, true},
		{"k", via("u.k"), catalog, true},
		{"k", via("u.k", "u.s"), catalog, false},
		{"k", via("u.s"), nil, true},
		{"k", via("u.x"), catalog, false},
		{"k", via("w.k"), catalog, false},
		{"x", via("u.k"), catalog, false},
		{"x", via("u.x"), catalog, false},
	} {
		pin := byParam(test.column, 1, test.via...)
		if got := pin.holds("t", test.catalog); got != test.want {
			t.Errorf("%s through %v: got %t, want %t", test.column, test.via, got, test.want)
		}
	}
	for _, test := range []struct {
		name string
		pin  Pin
		want bool
	}{
		{"the parameter", byParam("k", 1), true},
		{"another parameter", byParam("k", 2), false},
		{"a constant", Pin{Column: "k", Values: []Value{{Kind: ValueConst, Param: 1}}}, false},
		{"a list", Pin{Column: "k", Values: []Value{{Kind: ValueParam, Param: 1}, {Kind: ValueParam, Param: 1}}}, false},
		{"through what compares otherwise", byParam("k", 1, via("u.s")...), false},
	} {
		read := TableRead{Table: "t", Pins: []Pin{test.pin}}
		if got := pinTo(&read, 1, catalog) != nil; got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

// What writes touch the keys of a query follows from what it compares with their values, and from how it joins its tables.
func TestInfer(t *testing.T) {
	t.Parallel()
	type way struct {
		Table, Columns, Path, From string
		All                        bool
		Set                        []string
	}
	read := func(table string, pins []Pin, links ...Link) TableRead {
		return TableRead{Table: table, Columns: []string{"c"}, All: table == "c", Pins: pins, Links: links}
	}
	pins := func(pins ...Pin) []Pin { return pins }
	tables := []*Table{
		plainTable("a", "id", "k", "l", "o odd"), plainTable("b", "id", "a_id", "o odd", "s text"), plainTable("c", "id", "b_id"),
		plainTable("main.a", "id", "k"), plainTable("main.b", "a_id"),
	}
	a := read("a", pins(byParam("k", 1)))
	ownA := way{Table: "a", Columns: "k", Set: []string{"c"}}
	const cannot = "what touches its keys cannot be inferred: the query reads table"
	for _, test := range []struct {
		name  string
		key   string // k:%v, unless it is set
		reads []TableRead
		blind bool // without a catalog
		path  []string
		on    []On
		want  []way
		err   string
	}{
		{name: "one table", reads: []TableRead{a}, want: []way{ownA}},
		{name: "declared", reads: []TableRead{a}, on: []On{{Table: "a"}}},
		{
			name: "one hop", reads: []TableRead{a, read("b", nil, Link{"a_id", 0, "id"})},
			want: []way{ownA, {Table: "b", Columns: "a_id", Path: "SELECT t1.[k] FROM [a] AS t1 WHERE t1.[id] = ?", From: "a_id", Set: []string{"c"}}},
		},
		{
			name: "two hops", reads: []TableRead{a, read("b", nil, Link{"a_id", 0, "id"}), read("c", nil, Link{"b_id", 1, "id"})},
			want: []way{
				ownA, {Table: "b", Columns: "a_id", Path: "SELECT t1.[k] FROM [a] AS t1 WHERE t1.[id] = ?", From: "a_id", Set: []string{"c"}},
				{
					Table: "c", Columns: "b_id", Path: "SELECT t2.[k] FROM [b] AS t1 JOIN [a] AS t2 ON t2.[id] = t1.[a_id] WHERE t1.[id] = ?",
					From: "b_id", All: true, Set: []string{"c"},
				},
			},
		},
		{
			name: "two values", key: "k:%v-%v", reads: []TableRead{read("a", pins(byParam("k", 1), byParam("l", 2))), read("b", pins(byParam("id", 1)), Link{"a_id", 0, "id"})},
			want: []way{
				{Table: "a", Columns: "k l", Set: []string{"c"}},
				{Table: "b", Columns: "a_id", Path: "SELECT t1.[k], t1.[l] FROM [a] AS t1 WHERE t1.[id] = ?", From: "a_id", Set: []string{"c"}},
			},
		},
		{name: "a value that is nowhere", key: "k:%v-%v", reads: []TableRead{a}, err: cannot + ` "a" without comparing a column with parameter 2`},
		{name: "no link", reads: []TableRead{a, read("b", nil)}, err: cannot + ` "b"`},
		{name: "a link to another type", reads: []TableRead{a, read("b", nil, Link{"s", 0, "id"})}, err: cannot + ` "b"`},
		{name: "a link from no column", reads: []TableRead{a, read("b", nil, Link{"x", 0, "id"})}, err: cannot + ` "b"`},
		{name: "a link to no column", reads: []TableRead{a, read("b", nil, Link{"a_id", 0, "x"})}, err: cannot + ` "b"`},
		{name: "a link of no columns", reads: []TableRead{a, read("b", nil, Link{"x", 0, "x"})}, err: cannot + ` "b"`},
		{name: "a link that has no key", reads: []TableRead{a, read("b", nil, Link{"o", 0, "o"})}, err: cannot + ` "b"`},
		{
			name: "links in a ring", reads: []TableRead{read("b", nil, Link{"id", 1, "b_id"}), read("c", nil, Link{"b_id", 0, "id"})}, err: cannot + ` "b"`,
		},
		{
			name: "schemas", path: []string{"main"}, reads: []TableRead{read("main.a", pins(byParam("k", 1))), read("main.b", nil, Link{"a_id", 0, "id"})},
			want: []way{
				{Table: "main.a", Columns: "k", Set: []string{"c"}},
				{Table: "main.b", Columns: "a_id", Path: "SELECT t1.[k] FROM [main].[a] AS t1 WHERE t1.[id] = ?", From: "a_id", Set: []string{"c"}},
			},
		},
		{
			name: "names with a dot", reads: []TableRead{read("main.a", pins(byParam("k", 1))), read("main.b", nil, Link{"a_id", 0, "id"})},
			want: []way{
				{Table: "main.a", Columns: "k", Set: []string{"c"}},
				{Table: "main.b", Columns: "a_id", Path: "SELECT t1.[k] FROM [main.a] AS t1 WHERE t1.[id] = ?", From: "a_id", Set: []string{"c"}},
			},
		},
		{
			name: "a name without a schema", path: []string{"main"}, reads: []TableRead{a, read("b", nil, Link{"a_id", 0, "id"})},
			want: []way{ownA, {Table: "b", Columns: "a_id", Path: "SELECT t1.[k] FROM [a] AS t1 WHERE t1.[id] = ?", From: "a_id", Set: []string{"c"}}},
		},
		{name: "no catalog yet", blind: true, reads: []TableRead{a}, want: []way{ownA}},
		{name: "no catalog yet, and a link", blind: true, reads: []TableRead{read("a", pins(byParam("k", 1)), Link{"id", 0, "x"})}, want: []way{ownA}},
		{
			name: "no catalog yet, and a link from what is not compared", blind: true, reads: []TableRead{a, read("b", nil, Link{"a_id", 0, "id"})},
			want: []way{ownA, {Table: "b", Set: []string{"c"}}},
		},
		{name: "no catalog yet, and no link", blind: true, reads: []TableRead{a, read("b", nil)}, err: cannot + ` "b"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := Rule{Key: "k:%v", Args: []int{1}, On: test.on}
			if test.key != "" {
				r.Key, r.Args = test.key, []int{1, 2}
			}
			catalog := plainCatalog(tables...)
			catalog.Path = test.path
			if test.blind {
				catalog = nil
			}
			watches, err := infer(plainBound(t, nil, r).rule, &Statement{Kind: KindRead, Reads: test.reads}, plainDialect{}, catalog)
			if test.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.err) {
					t.Errorf("got error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []way
			for _, w := range watches {
				one := way{Table: w.table, Columns: strings.Join(w.columns, " "), All: w.all, Set: w.set}
				if w.path != nil {
					one.Path, one.From = w.path.text, w.path.columns[0].Name
				}
				got = append(got, one)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What a rule watches once it has learnt a text; a text that does not fit leaves it as it was.
func TestLearn(t *testing.T) {
	t.Parallel()
	opaque, guarded := plainTable("opaque", "k"), plainTable("guarded", "k")
	opaque.Opaque, guarded.Guarded = "it is opaque", "it is guarded"
	tables := []*Table{plainTable("T", "K", "c", "d", "s text", "o odd", "x"), plainTable("U", "k", "t_k"), plainTable("main.V", "k", "c"), opaque, guarded}
	read := func(table string, pins ...Pin) TableRead {
		return TableRead{Table: table, Columns: []string{"c"}, Pins: pins}
	}
	fits := Statement{Kind: KindRead, Params: []string{""}, Reads: []TableRead{read("T", byParam("K", 1))}}
	reading := func(reads ...TableRead) Statement {
		return Statement{Kind: KindRead, Params: []string{""}, Reads: reads}
	}
	on := []On{{Table: "t", Columns: []string{"k"}}}
	paths := map[string]Statement{
		"PATH":         reading(read("T", byParam("K", 1))),
		"PATH TO U":    reading(read("U", byParam("k", 1))),
		"PATH AWAY":    reading(read("nowhere", byParam("k", 1))),
		"PATH OF NONE": {Kind: KindRead, Reads: []TableRead{read("T")}},
		"NO PATH":      {Kind: KindWrite},
	}
	leading := func(text, column string) []On {
		return []On{{Table: "T", Columns: []string{"K"}}, {Table: "u", Columns: []string{column}, Path: text}}
	}
	both := reading(read("T", byParam("K", 1)), read("U"))
	seen := []*readPlan{{query: "another"}}
	for _, test := range []struct {
		name   string
		on     []On
		before []watch
		column string      // with which the key was compared before
		reads  []*readPlan // texts that were seen before
		text   Statement
		args   []int // 1, unless they are set
		want   []watch
		more   bool
		err    string
		absent bool
	}{
		{name: "inferred", text: fits, want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}}, more: true},
		{
			name: "nothing new", text: fits, column: "K", before: []watch{{table: "T", columns: []string{"K"}, set: []string{"c", "d"}}},
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c", "d"}}},
		},
		{
			name: "one column more", text: fits, before: []watch{{table: "T", columns: []string{"K"}, set: []string{"d"}}},
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c", "d"}}}, more: true,
		},
		{name: "declared", on: on, text: fits, want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}}, more: true},
		{
			name: "declared, without its schema", on: []On{{Table: "v", Columns: []string{"k"}}}, text: reading(read("main.V", byParam("k", 1))), more: true,
			want: []watch{{table: "main.V", columns: []string{"k"}, set: []string{"c"}}},
		},
		{
			name: "declared, every column until now", on: on, text: fits, before: []watch{{table: "T", columns: []string{"K"}, all: true}},
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}}, more: true,
		},
		{
			name: "declared, and seen before", on: on, text: fits, reads: seen, before: []watch{{table: "T", columns: []string{"K"}, set: []string{"d"}}},
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c", "d"}}}, more: true,
		},
		{
			name: "declared, and what the key is compared with", on: on, text: fits, reads: seen, before: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}},
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}}, more: true,
		},
		{
			name: "declared, and nothing new", on: on, column: "K", text: fits, reads: seen, before: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}},
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}},
		},
		{
			name: "declared, with Set", on: []On{{Table: "t", Columns: []string{"k"}, Set: []string{"X", "d", "o", "d"}}}, text: fits,
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"d", "o", "x"}}}, more: true,
		},
		{
			name: "declared, and read as a whole", on: on, more: true, want: []watch{{table: "T", columns: []string{"K"}, all: true, set: []string{"c"}}},
			text: reading(TableRead{Table: "T", All: true, Pins: []Pin{byParam("K", 1)}}, read("T")),
		},
		{
			name: "declared, and not read", on: []On{on[0], {Table: "U"}}, text: fits, more: true,
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}, {table: "U", all: true}},
		},
		{
			name: "declared, and read twice", on: on, more: true, want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c", "d"}}},
			text: reading(TableRead{Table: "T", Columns: []string{"d"}, Pins: []Pin{byParam("K", 1)}}, read("T"), TableRead{Table: "T", Columns: []string{"d"}}),
		},
		{name: "no parameters", text: Statement{Kind: KindRead, Reads: []TableRead{read("T")}}, args: []int{}, want: []watch{{table: "T", set: []string{"c"}}}, more: true},

		{name: "an absent table", text: reading(read("nowhere")), err: `the database has no table "nowhere"`, absent: true},
		{name: "no SELECT", text: Statement{Kind: KindWrite}, err: "the query is not a SELECT"},
		{name: "not understood", text: Statement{}, err: "the query cannot be parsed"},
		{name: "a script", text: Statement{Kind: KindScript}, err: "the query has more than one statement"},
		{name: "volatile", text: Statement{Kind: KindRead, Uncacheable: "is volatile"}, err: "the query is volatile"},
		{name: "too few parameters", text: fits, args: []int{2}, err: "the query has 1 parameter, the key needs parameter 2"},
		{name: "an opaque table", text: reading(read("T", byParam("K", 1)), read("opaque", byParam("k", 1))), err: `table "opaque": it is opaque`},
		{name: "a guarded table", text: reading(read("T", byParam("K", 1)), read("guarded", byParam("k", 1))), err: `table "guarded": it is guarded`},
		{name: "not inferred", text: reading(read("T", byParam("K", 1)), read("U")), err: "what touches its keys cannot be inferred"},
		{
			name: "inferred, from columns that do not agree", text: reading(read("U", byParam("k", 1)), read("T", byParam("s", 1))),
			err: `columns "k" (int) and "s" (text) of table "T" hold the same value of the key but compare values differently`,
		},
		{name: "inferred, from a column that cannot be in a key", text: reading(read("T", byParam("o", 1))), err: "column T.o cannot be part of a key: it is odd"},
		{
			name: "declared, from columns that do not agree", on: on, text: reading(read("T", byParam("s", 1))),
			err: `columns "s" (text) and "K" (int) of table "T" hold the same value`,
		},
		{name: "declared, and compared otherwise", on: on, text: reading(read("T", byParam("o", 1))), err: "column T.o cannot be part of a key: it is odd"},
		{name: "declared, for another table", on: on, text: reading(read("U", byParam("k", 1))), err: `the query reads table "U", which no On watches`},
		{name: "declared, for an absent table", on: []On{on[0], {Table: "nowhere"}}, text: fits, err: `the database has no table "nowhere"`, absent: true},
		{name: "declared, for a table misspelled", on: []On{{Table: "TT", Columns: []string{"K"}}}, text: fits, err: `the database has no table "TT" (did you mean "T"?)`, absent: true},
		{name: "declared, by no column", on: []On{{Table: "T", Columns: []string{"y"}}}, text: fits, err: `table "T" has no column "y"`},
		{name: "declared, with Set of no column", on: []On{{Table: "T", Columns: []string{"K"}, Set: []string{"y"}}}, text: fits, err: `table "T" has no column "y"`},

		{
			name: "a path", on: leading("PATH", "t_k"), text: both, more: true,
			want: []watch{{table: "T", columns: []string{"K"}, set: []string{"c"}}, {table: "U", columns: []string{"t_k"}, set: []string{"c"}, path: &path1}},
		},
		{name: "a path to no table", on: leading("PATH AWAY", "t_k"), text: both, err: `the database has no table "nowhere"`, absent: true},
		{name: "no path", on: leading("NO PATH", "t_k"), text: both, err: `the Path of On for "u" is not a SELECT`},
		{name: "a path of no parameter", on: leading("PATH OF NONE", "t_k"), text: both, err: `the Path of On for "u" has 0 parameters, Columns has 1 column`},
		{
			name: "a path that nobody watches", on: []On{{Table: "T", Columns: []string{"k"}, Path: "PATH TO U"}, {Table: "nowhere"}}, text: fits,
			err: `the Path of On for "T" reads table "U", which no On watches`,
		},
		{name: "a path from no column", on: leading("PATH", "y"), text: both, err: `table "U" has no column "y"`},
		{name: "a path from a column that cannot be compared", on: []On{{Table: "T", Columns: []string{"o"}, Path: "PATH"}}, text: fits, err: "column T.o cannot be part of a key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := plainMeaning(paths, tables...)
			m.catalog.Path = []string{"main"}
			r := Rule{Name: "rule", Key: "k:%v", Query: "Get", Args: []int{1}, On: test.on}
			if test.args != nil {
				r.Args = test.args
			}
			b := plainBound(t, m, r)
			b.watched, b.reads = slices.Clone(test.before), test.reads
			if test.column != "" {
				b.columns = []*Column{m.catalog.Tables["T"].Column(test.column)}
			}
			more, err := b.learn(m, &test.text)
			want := test.want
			if test.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), test.err) {
					t.Errorf("got error %v, want %s", err, test.err)
				}
				if _, absent := err.(absentError); absent != test.absent {
					t.Errorf("%v says that a table is absent: %t, want %t", err, absent, test.absent)
				}
				if b.columns != nil {
					t.Errorf("it goes by %v", b.columns)
				}
				want = test.before
			} else if err != nil {
				t.Fatal(err)
			}
			if more != test.more {
				t.Errorf("writes have other keys: %t, want %t", more, test.more)
			}
			wayOf := func(p *path) string {
				if p == nil {
					return ""
				}
				return p.text
			}
			if !slices.EqualFunc(b.watched, want, func(x, y watch) bool {
				return x.table == y.table && x.all == y.all && slices.Equal(x.columns, y.columns) && slices.Equal(x.set, y.set) && wayOf(x.path) == wayOf(y.path)
			}) {
				t.Errorf("got %+v, want %+v", b.watched, want)
			}
		})
	}
}

var path1 = path{text: "PATH"}

func TestWatchesAreMerged(t *testing.T) {
	t.Parallel()
	column := new(Column)
	way := func(text string, columns ...*Column) *path { return &path{text: text, columns: columns} }
	first := watch{table: "t", columns: []string{"k"}, set: []string{"a", "c"}}
	for name, test := range map[string]struct {
		second watch
		want   []string // the columns that count; nil: they are two
		all    bool
	}{
		"the same":        {second: watch{table: "t", columns: []string{"k"}, set: []string{"b", "c"}}, want: []string{"a", "b", "c"}},
		"every column":    {second: watch{table: "t", columns: []string{"k"}, all: true}, want: []string{"a", "c"}, all: true},
		"another table":   {second: watch{table: "u", columns: []string{"k"}}},
		"another column":  {second: watch{table: "t", columns: []string{"l"}}},
		"one with a path": {second: watch{table: "t", columns: []string{"k"}, path: way("SELECT 1")}},
	} {
		b := &bound{}
		b.watch(first)
		b.watch(test.second)
		if test.want == nil {
			if len(b.watched) != 2 {
				t.Errorf("%s: they are one: %+v", name, b.watched)
			}
			continue
		}
		if len(b.watched) != 1 || !slices.Equal(b.watched[0].set, test.want) || b.watched[0].all != test.all {
			t.Errorf("%s: got %+v", name, b.watched)
		}
		b.watch(first)
		if len(b.watched) != 1 || b.watched[0].all != test.all {
			t.Errorf("%s: it is forgotten: %+v", name, b.watched)
		}
	}

	for name, other := range map[string]watch{
		"table":   {table: "u", columns: []string{"k"}, set: []string{"a"}},
		"columns": {table: "t", columns: []string{"l"}, set: []string{"a"}},
		"set":     {table: "t", columns: []string{"k"}, set: []string{"b"}},
		"all":     {table: "t", columns: []string{"k"}, set: []string{"a"}, all: true},
		"path":    {table: "t", columns: []string{"k"}, set: []string{"a"}, path: way("SELECT 1")},
	} {
		one := watch{table: "t", columns: []string{"k"}, set: []string{"a"}}
		if sameWatches([]watch{one}, []watch{other}) || !sameWatches([]watch{other}, []watch{other}) {
			t.Errorf("watches that differ in %s are taken for the same", name)
		}
	}

	for _, test := range []struct {
		p, q *path
		want bool
	}{
		{nil, nil, true},
		{way("SELECT 1"), nil, false},
		{nil, way("SELECT 1"), false},
		{way("SELECT 1", column), way("SELECT 1", column), true},
		{way("SELECT 1", column), way("SELECT 2", column), false},
		{way("SELECT 1", column), way("SELECT 1", new(Column{Name: "x"})), false},
	} {
		if got := test.p.equal(test.q); got != test.want {
			t.Errorf("%+v equals %+v: got %t, want %t", test.p, test.q, got, test.want)
		}
	}
}

// Two rules for queries of one name are told apart by the folders of their files, and how that is mended is said.
func TestRulesOfOneName(t *testing.T) {
	t.Parallel()
	rule := Rule{Key: "user-%d", Query: "GetUser"}
	_, err := compileAll([]Rule{rule, rule}, []place{{file: "/x/a/moneyclip_rules.go", line: 6}, {file: "/x/b/moneyclip_rules.go", line: 9}})
	const want = `moneyclip_rules.go:9: rule GetUser: the name "GetUser" is already in a/moneyclip_rules.go:6` +
		`; if two packages have a query GetUser, give one rule its text as Query, and a Name`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	rule.Name, rule.Query = "other", "SELECT name FROM users WHERE id = ?"
	if _, err := compileAll([]Rule{{Key: "user-%d", Query: "GetUser"}, rule}, nil); err != nil {
		t.Error(err)
	}
}
