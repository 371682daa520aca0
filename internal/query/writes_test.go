package query

import (
	"testing"

	"github.com/moneyclip/moneyclip"
)

// set is "a, b = value".
func set(columns string, value any) Set {
	return Set{Columns: item("t AS q(" + columns + ")").Columns, Value: ex(value)}
}

func insert(table, columns string, rows ...Expr) *Write {
	it := item(table)
	w := &Write{Op: moneyclip.Insert, Schema: it.Schema, Table: it.Table, Alias: it.Alias}
	if columns != "" {
		w.Columns = set(columns, nil).Columns
	}
	for _, r := range rows {
		w.Rows = append(w.Rows, r.(Row).List)
	}
	return w
}

func update(table string, where Expr, sets ...Set) *Write {
	it := item(table)
	return &Write{Op: moneyclip.Update, Schema: it.Schema, Table: it.Table, Alias: it.Alias, Where: where, Set: sets}
}

func remove(table string, where Expr) *Write {
	w := update(table, where)
	w.Op = moneyclip.Delete
	return w
}

// but changes a write.
func but(w *Write, change func(*Write)) *Write {
	change(w)
	return w
}

func conflict(w *Write, clauses ...Conflict) *Write {
	w.Conflict = clauses
	return w
}

func from(w *Write, it any) *Write {
	w.From = item(it)
	return w
}

// written is what a test expects of writes.
type written struct {
	sql          string
	ws           []*Write
	want         string
	reads        string
	impure       string
	dialect      *Dialect
	withoutTable bool // no catalog
}

func (tt written) check(t *testing.T, m Meaning) {
	t.Helper()
	check(t, tt.sql, "writes", writesText(m.Writes), tt.want)
	check(t, tt.sql, "reads", readsText(m.Reads), tt.reads)
	check(t, tt.sql, "is impure because it", m.Impure, tt.impure)
}

func (tt written) meaning(with *With) Meaning {
	d, c := tt.dialect, catalog()
	if d == nil {
		d = plain
	}
	if tt.withoutTable {
		c = nil
	}
	return d.Writes(tt.ws, with, c)
}

func TestInserts(t *testing.T) {
	t.Parallel()
	now := Other{Impure: "calls now()"}
	excluded := func(column string) Expr { return ex("excluded." + column) }
	id := []Expr{ex("id")}
	tests := []written{
		{sql: "(x, y) VALUES ($1, 5)", ws: []*Write{insert("a", "x,y", row(1, constant(int64(5))))}, want: "insert a (x,y) <$1,5>"},
		{sql: "without a list", ws: []*Write{insert("c", "", row(1, 2), row(1, call(2)))}, want: "insert c (b_id,k) <$1,$2> <$1,computed>"},
		{sql: "without a list, a generated column is left out",
			ws: []*Write{insert("a", "", row(1, 2, 3, 4))}, want: "insert a (id,x,y,z) <$1,$2,$3,$4>"},
		{sql: "too few values", ws: []*Write{insert("c", "", row(1))}, want: "insert c (b_id,k)"},
		{sql: "one row that does not fit", ws: []*Write{insert("c", "", row(1, 2), row(1))}, want: "insert c (b_id,k)"},
		{sql: "into a table that is not known", ws: []*Write{insert("x.y", "", row(1))}, want: "insert x.y <$1>"},
		{sql: "into one with a list", ws: []*Write{insert("nowhere", "q", row(1))}, want: "insert nowhere (q) <$1>"},
		{sql: "into a schema", ws: []*Write{insert("s.a", "v", row(1))}, want: "insert s.a (v) <$1>"},
		{sql: "along the path", ws: []*Write{insert("u", "id", row(1))}, want: "insert p.u (id) <$1>"},
		{sql: "into a view", ws: []*Write{insert("view", "x", row(1))}, want: "insert view (x) <$1>"},
		{sql: "DEFAULT VALUES", ws: []*Write{but(insert("a", ""), func(w *Write) { w.Defaults = true })}, want: "insert a () <>"},
		{sql: "VALUES (DEFAULT, ...)",
			ws: []*Write{insert("a", "id,x,y,z,g", row(nil, nil, nil, nil, nil))}, want: "insert a (id,x,y,z,g) <computed,<nil>,7,computed,computed>"},
		{sql: "DEFAULT of nothing known", ws: []*Write{insert("nowhere", "", row(nil))}, want: "insert nowhere <computed>"},
		{sql: "a value of an array", ws: []*Write{insert("c", "k", row(element(1)))}, want: "insert c (k) <computed>"},
		{sql: "a cast", ws: []*Write{insert("c", "k", row(cast(1, "text")))}, want: "insert c (k) <computed>"},
		{sql: "SELECT", ws: []*Write{but(insert("c", ""), func(w *Write) { w.Query = sel("a", eq("id", 1), "x", "y") })},
			want: "insert c (b_id,k)", reads: "a(id,x,y) id=$1"},
		{sql: "values see nothing of the table",
			ws: []*Write{insert("c AS q", "k", row("k", exists(sel("a", nil, "q.k"))))}, want: "insert c (k)", reads: "a(*)"},
		{sql: "values with a subquery",
			ws: []*Write{insert("c", "k", row(exists(sel("a", nil, "y"))))}, want: "insert c (k) <computed>", reads: "a(y)"},
		{sql: "an impure value", ws: []*Write{insert("c", "k", row(now))}, want: "insert c (k) <computed>", impure: "calls now()"},
		{sql: "REPLACE",
			ws: []*Write{but(insert("d", "", row(1, constant(nil))), func(w *Write) { w.Replace = true })}, want: "insert d (k,n) <$1,<nil>> replace"},
		{sql: "REPLACE with NULL", ws: []*Write{but(insert("a", "x,y", row(constant(nil), constant(nil))), func(w *Write) { w.Replace = true })},
			want: "insert a (x,y) <<nil>,computed> replace"},
		{sql: "REPLACE with a value",
			ws: []*Write{but(insert("a", "y", row(constant(int64(1)))), func(w *Write) { w.Replace = true })}, want: "insert a (y) <1> replace"},
		{sql: "REPLACE with an argument",
			ws: []*Write{but(insert("a", "y", row(1)), func(w *Write) { w.Replace = true })}, want: "insert a (y) <$1> replace"},
		{sql: "NULL without REPLACE", ws: []*Write{insert("a", "y", row(constant(nil)))}, want: "insert a (y) <<nil>>"},
		{sql: "NULL into a table that replaces",
			ws: []*Write{insert("r", "id,n", row(constant(nil), constant(nil)))}, want: "insert r (id,n) <<nil>,computed>"},
		{sql: "RETURNING now(), (SELECT x FROM b)", ws: []*Write{but(insert("c", "k", row(1)), func(w *Write) {
			w.Returning = results(now, exists(sel("b", nil, "x")))
		})}, want: "insert c (k) <$1>", reads: "b(x)"},
		{sql: "RETURNING of a column", ws: []*Write{but(insert("c", "k", row(1)), func(w *Write) {
			w.Returning = results(exists(sel("b", eq("a_id", "b_id"))))
		})}, want: "insert c (k) <$1>", reads: "b(a_id)"},

		// ON CONFLICT.
		{sql: "ON CONFLICT (id) DO UPDATE", ws: []*Write{conflict(insert("a", "id", row(1)), Conflict{Target: id,
			Set: []Set{set("x", excluded("x")), set("y", call("y")), set("z", 3)}})},
			want: "insert a (id) <$1> conflict [id] x:=excluded.x,y:=computed,z:=$3,g:=computed"},
		{sql: "ON CONFLICT (y, x) DO UPDATE",
			ws:   []*Write{conflict(insert("a", "id", row(1)), Conflict{Target: exs([]any{"y", "x"}), Set: []Set{set("z", 3)}})},
			want: "insert a (id) <$1> conflict [y x] z:=$3,g:=computed"},
		{sql: "ON CONFLICT DO UPDATE", ws: []*Write{conflict(insert("d", "k", row(1)), Conflict{Set: []Set{set("k", excluded("k"))}})},
			want: "insert d (k) <$1> conflict [] k:=excluded.k"},
		{sql: "ON CONFLICT, a key that there is not",
			ws:   []*Write{conflict(insert("d", "k", row(1)), Conflict{Target: exs([]any{"k", "n"}), Set: []Set{set("k", 2)}})},
			want: "insert d (k) <$1> conflict [] k:=$2"},
		{sql: "ON CONFLICT, an odd key",
			ws:   []*Write{conflict(insert("d", "k", row(1)), Conflict{Target: []Expr{ex("n")}, Set: []Set{set("k", 2)}})},
			want: "insert d (k) <$1> conflict [] k:=$2"},
		{sql: "ON CONFLICT, an expression",
			ws:   []*Write{conflict(insert("d", "k", row(1)), Conflict{Target: []Expr{ex("k"), call("k")}, Set: []Set{set("k", 2)}})},
			want: "insert d (k) <$1> conflict [] k:=$2"},
		{sql: "ON CONFLICT in a table that is not known",
			ws:   []*Write{conflict(insert("nowhere", "q", row(1)), Conflict{Target: []Expr{ex("q")}, Set: []Set{set("q", 2)}})},
			want: "insert nowhere (q) <$1> conflict [q] q:=$2"},
		{sql: "excluded, from another column", ws: []*Write{conflict(insert("a", "id", row(1)), Conflict{Target: id,
			Set: []Set{set("x", excluded("y")), set("y", excluded("z")), set("z", excluded("q"))}})},
			want: "insert a (id) <$1> conflict [id] x:=computed,y:=excluded.z,z:=computed,g:=computed", impure: "reads excluded.q, which is not a column"},
		{sql: "excluded below casts", ws: []*Write{conflict(insert("a", "id", row(1)), Conflict{Target: id,
			Set: []Set{set("x", cast(excluded("x"), "int")), set("y", cast(excluded("y"), "int"))}})}, dialect: rich,
			want: "insert a (id) <$1> conflict [id] x:=computed,y:=excluded.y,g:=computed"},
		{sql: "excluded in an expression", ws: []*Write{conflict(insert("d", "k", row(1)), Conflict{Set: []Set{set("k", call(excluded("k")))}})},
			want: "insert d (k) <$1> conflict [] k:=computed"},
		{sql: "the old row", ws: []*Write{conflict(insert("d", "k", row(1)), Conflict{Set: []Set{set("k", "d.k"), set("n", "n")}})},
			want: "insert d (k) <$1> conflict [] k:=computed,n:=computed"},
		{sql: "a table that is called excluded is not the new row", ws: []*Write{update("d AS excluded", nil, set("k", "excluded.k"))},
			want: "update d set k:=computed"},
		{sql: "DO NOTHING", ws: []*Write{conflict(insert("d", "k", row(1)), Conflict{Nothing: true})}, want: "insert d (k) <$1>"},
		{sql: "DO NOTHING and DO UPDATE",
			ws:   []*Write{conflict(insert("d", "k", row(1)), Conflict{Nothing: true}, Conflict{Target: []Expr{ex("k")}, Set: []Set{set("k", 2)}})},
			want: "insert d (k) <$1> conflict [k] k:=$2"},
		{sql: "two DO UPDATE",
			ws:   []*Write{conflict(insert("d", "k", row(1)), Conflict{Target: []Expr{ex("k")}, Set: []Set{set("n", 1)}}, Conflict{Set: []Set{set("k", 2)}})},
			want: "insert d (k) <$1> conflict [] n:=computed,k:=computed"},
		{sql: "clauses with subqueries", ws: []*Write{conflict(insert("d", "k", row(1)), Conflict{
			Target: []Expr{exists(sel("a", nil, "x"))}, Where: exists(sel("a", nil, "y")), If: exists(sel("b", eq("x", "excluded.k"))),
			Set: []Set{set("k", exists(sel("c", nil, "n")))}})},
			want: "insert d (k) <$1> conflict [] k:=computed", reads: "a(x); a(y); b(x); c()"},
		{sql: "an impure condition", ws: []*Write{conflict(insert("d", "k", row(1)), Conflict{If: now, Set: []Set{set("k", 1)}})},
			want: "insert d (k) <$1> conflict [] k:=$1", impure: "calls now()"},

		// What a dialect adds.
		{sql: "excluded in a table that is not known",
			ws:   []*Write{conflict(insert("nowhere", "q", row(1)), Conflict{Set: []Set{set("q", "excluded.q")}})},
			want: "insert nowhere (q) <$1> conflict [] q:=excluded.q"},
		{sql: "NULL into a table that is not known", ws: []*Write{insert("nowhere", "", row(constant(nil)))}, want: "insert nowhere <<nil>>"},
		{sql: "SELECT without a list", ws: []*Write{but(insert("a", ""), func(w *Write) { w.Query = sel("b", nil, "w") })}, dialect: rich,
			want: "insert a (id,x,y,z,g)", reads: "b(w)"},
		{sql: "with the generated column",
			ws: []*Write{insert("a", "", row(1, 2, 3, 4, nil))}, dialect: rich, want: "insert a (id,x,y,z,g) <$1,$2,$3,$4,computed>"},
		{sql: "with the first columns",
			ws: []*Write{insert("a", "", row(1, 2), row(1, 2))}, dialect: rich, want: "insert a (id,x) <$1,$2> <$1,$2>"},
		{sql: "with the first columns, and one row with more",
			ws: []*Write{insert("a", "", row(1, 2), row(1, 2, 3))}, dialect: rich, want: "insert a (id,x)"},
		{sql: "a cast that keeps the value",
			ws: []*Write{insert("c", "k,b_id", row(cast(1, "text"), cast(1, "text")))}, dialect: rich, want: "insert c (k,b_id) <$1,computed>"},
		{sql: "a cast without a column",
			ws: []*Write{insert("nowhere", "", row(cast(1, "text")))}, dialect: rich, want: "insert nowhere <computed>"},
		{sql: "a hidden column by its name", ws: []*Write{insert("a", "rowid,x", row(1, 2))}, dialect: rich, want: "insert a (id,x) <$1,$2>"},
		{sql: "a column by the name of a hidden one", ws: []*Write{insert("h", "rowid", row(1))}, dialect: rich, want: "insert h (rowid) <$1>"},
		{sql: "a hidden column that is none", ws: []*Write{insert("b", "rowid,x", row(1, 2))}, dialect: rich, want: "insert b"},
		{sql: "a hidden column of nothing known", ws: []*Write{insert("nowhere", "rowid", row(1))}, dialect: rich, want: "insert nowhere"},
		{sql: "a hidden column of a conflict",
			ws:      []*Write{conflict(insert("a", "x", row(1)), Conflict{Target: []Expr{ex("rowid")}, Set: []Set{set("rowid", "excluded.rowid")}})},
			dialect: rich, want: "insert a (x) <$1> conflict [id] id:=excluded.id,g:=computed"},

		// Rows of other items.
		{sql: "MERGE, NOT MATCHED",
			ws: []*Write{but(from(insert("c", "k", row("b.x")), joinOf(InnerJoin, "b", "a", eq("a.y", 1))), func(w *Write) {
				w.Where, w.Rest = and(eq("b.w", 2), exists(sel("d", eq("n", "c.b_id")))), []Expr{ex("b.id")}
			})}, want: "insert c (k) <computed>", reads: "b(id,w,x); a(y) y=$1; d(n)"},
		{sql: "MERGE, and a conflict", ws: []*Write{conflict(from(insert("c", "k", row("x")), "b"), Conflict{Set: []Set{set("k", "b.w")}})},
			want: "insert c (k) <computed> conflict [] k:=computed", reads: "b(w,x)"},
	}
	for _, tt := range tests {
		tt.check(t, tt.meaning(nil))
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	now := Other{Impure: "calls now()"}
	joined := eq("b.a_id", "a.id")
	tests := []written{
		{sql: "UPDATE d SET n = 1", ws: []*Write{update("d", nil, set("n", constant(int64(1))))}, want: "update d set n:=1"},
		{sql: "UPDATE a SET x = $1, y = f(y) WHERE id = $2", ws: []*Write{update("a", eq("id", 2), set("x", 1), set("y", call("y")))},
			want: "update a id=$2 set x:=$1,y:=computed,g:=computed"},
		{sql: "UPDATE s.a SET v = 1 WHERE s.a.id = $1",
			ws: []*Write{update("s.a", eq("s.a.id", 1), set("v", 2))}, want: "update s.a id=$1 set v:=$2"},
		{sql: "UPDATE a AS q SET x = q.y WHERE q.id = $1",
			ws: []*Write{update("a AS q", eq("q.id", 1), set("x", "q.y"))}, want: "update a id=$1 set x:=computed,g:=computed"},
		{sql: "UPDATE u SET id = DEFAULT, name = DEFAULT",
			ws: []*Write{update("a", nil, set("x", nil), set("id", nil))}, want: "update a set x:=<nil>,id:=computed,g:=computed"},
		{sql: "SET (k, n) = ($1, $2)", ws: []*Write{update("d", nil, set("k,n", row(1, 2)))}, want: "update d set k:=$1,n:=$2"},
		{sql: "SET (k) = ($1)", ws: []*Write{update("d", nil, set("k", row(1)))}, want: "update d set k:=$1"},
		{sql: "SET k = ($1, $2)", ws: []*Write{update("d", nil, set("k", row(1, 2)))}, want: "update d set k:=computed"},
		{sql: "SET (k, n) = (SELECT x, y FROM a)", ws: []*Write{update("d", nil, set("k,n", exists(sel("a", nil, "x", "y"))))},
			want: "update d set k:=computed,n:=computed", reads: "a(x,y)"},
		{sql: "SET k = ANY($1)", ws: []*Write{update("d", nil, set("k", element(1)))}, want: "update d set k:=computed"},
		{sql: "WHERE k = ANY($1)", ws: []*Write{update("d", eq("k", element(1)), set("n", 2))}, want: "update d k=any($1) set n:=$2"},
		{sql: "SET k = now()", ws: []*Write{update("d", nil, set("k", now))}, want: "update d set k:=computed", impure: "calls now()"},
		{sql: "WHERE now()", ws: []*Write{remove("d", now)}, want: "delete d", impure: "calls now()"},
		{sql: "ORDER BY now()",
			ws: []*Write{but(remove("d", nil), func(w *Write) { w.Rest = []Expr{now} })}, want: "delete d", impure: "calls now()"},
		{sql: "RETURNING now(), (SELECT x FROM b)",
			ws:   []*Write{but(remove("d", nil), func(w *Write) { w.Returning = results(now, exists(sel("b", nil, "x"))) })},
			want: "delete d", reads: "b(x)"},
		{sql: "RETURNING after what is impure",
			ws:   []*Write{but(remove("d", Other{Impure: "calls f()"}), func(w *Write) { w.Returning = results(now) })},
			want: "delete d", impure: "calls f()"},
		{sql: "UPDATE OR REPLACE",
			ws: []*Write{but(update("d", nil, set("k", 1)), func(w *Write) { w.Replace = true })}, want: "update d set k:=$1 replace"},
		{sql: "UPDATE view", ws: []*Write{update("view", eq("id", 1), set("x", 1))}, want: "update view set x:=$1"},
		{sql: "UPDATE nowhere", ws: []*Write{update("x.y", eq("y.id", 1), set("x", 1))}, want: "update x.y id=$1 set x:=$1"},
		{sql: "UPDATE a, without a catalog",
			ws: []*Write{update("a", eq("id", 1), set("x", 1))}, want: "update a id=$1 set x:=$1", withoutTable: true},
		{sql: "UPDATE a SET rowid, of a dialect that has it",
			ws: []*Write{update("a", eq("rowid", 1), set("rowid", 1))}, dialect: rich, want: "update a id=$1 set id:=$1,g:=computed"},
		{sql: "a cast that keeps the value", ws: []*Write{update("d", nil, set("n", cast(1, "int")))}, dialect: rich, want: "update d set n:=$1"},
		{sql: "anything", ws: []*Write{{Table: "d", Where: eq("k", 1)}}, want: "any d"},

		// Other items.
		{sql: "UPDATE b SET w = a.y FROM a WHERE joined AND a.id = $1",
			ws:   []*Write{from(update("b", and(joined, eq("a.id", 1)), set("w", "a.y")), "a")},
			want: "update b a_id=$1~a.id set w:=computed", reads: "a(id,y) id=$1"},
		{sql: "UPDATE b FROM c LEFT JOIN a ON a.id = $1",
			ws:   []*Write{from(update("b", joined, set("w", 1)), joinOf(LeftJoin, "c", "a", eq("a.id", 1)))},
			want: "update b a_id=$1~a.id set w:=$1", reads: "c(); a(id) id=$1"},
		{sql: "UPDATE b FROM d JOIN a ON joined, where b cannot be meant",
			ws:   []*Write{from(update("b", eq("a.id", 1), set("w", 1)), joinOf(InnerJoin, "d", "a", joined))},
			want: "update b set w:=$1", reads: "d(*); a(*) id=$1"},
		{sql: "UPDATE b SET w = (SELECT n FROM d WHERE n = a_id) WHERE a_id = $1",
			ws:   []*Write{update("b", eq("a_id", 1), set("w", exists(sel("d", eq("n", "b.a_id")))))},
			want: "update b a_id=$1 set w:=computed", reads: "d(n) n=$1~b.a_id"},
		{sql: "DELETE FROM b USING a WHERE joined AND a.id = $1", ws: []*Write{from(remove("b", and(joined, eq("a.id", 1))), "a")},
			want: "delete b a_id=$1~a.id", reads: "a(id) id=$1"},
		{sql: "DELETE FROM b USING f((SELECT y FROM a))",
			ws:   []*Write{from(remove("b", nil), &Item{Call: &Call{Args: []Expr{exists(sel("a", nil, "y"))}}})},
			want: "delete b", reads: "a(y)"},
	}
	for _, tt := range tests {
		tt.check(t, tt.meaning(nil))
	}
}

// TestAmong: the targets of one statement are items that it joins.
func TestAmong(t *testing.T) {
	t.Parallel()
	among := func(it *Item, where Expr, ws ...*Write) []*Write {
		for _, w := range ws {
			w.Among, w.From, w.Where = true, it, where
		}
		return ws
	}
	pair := joinOf(InnerJoin, "a", "b AS q", eq("q.a_id", "a.id"))
	outer := joinOf(LeftJoin, "a", "b", and(eq("b.a_id", "a.id"), eq("b.w", 2), eq("a.y", 3)))
	tests := []written{
		{sql: "UPDATE a, b AS q", ws: among(pair, eq("a.id", 1), update("a", nil, set("x", 2)), update("q", nil, set("w", "a.x"))),
			want:  "update a id=$1 set x:=$2,g:=computed; update b a_id=$1~a.id set w:=computed",
			reads: "a(id,x) id=$1; b(a_id) a_id=$1~a.id"},
		{sql: "by an alias",
			ws: among(pair, nil, &Write{Op: moneyclip.Delete, Table: "b", Alias: "q"}), want: "delete b", reads: "a(id); b(a_id)"},
		{sql: "a LEFT JOIN b", ws: among(outer, eq("a.id", 1), remove("a", nil), remove("b", nil)),
			want: "delete a id=$1; delete b a_id=$1~a.id w=$2", reads: "a(id,y) id=$1; b(a_id,w) a_id=$1~a.id w=$2"},
		{sql: "ORDER BY (SELECT x FROM c)",
			ws:   among(item("a"), nil, but(remove("a", nil), func(w *Write) { w.Rest = []Expr{exists(sel("c", nil, "k"))} })),
			want: "delete a", reads: "a(); c(k)"},
		{sql: "two schemas",
			ws:   among(joinOf(InnerJoin, "s.a", "a", nil), eq("s.a.id", 1), remove("s.a", nil)),
			want: "delete s.a id=$1", reads: "s.a(id) id=$1; a()"},
		{sql: "which of two is not known",
			ws: among(joinOf(InnerJoin, "s.a", "a", nil), eq("s.a.id", 1), remove("a", nil)), want: "delete ", reads: "s.a(id) id=$1; a()"},
		{sql: "none of that name", ws: among(item("a"), eq("a.id", 1), remove("c", nil)), want: "delete ", reads: "a(id) id=$1"},
		{sql: "a table by the name of another's alias", ws: among(item("b AS a"), nil, remove("a", nil)), want: "delete b", reads: "b()"},
		{sql: "a subquery", ws: among(sub(sel("a", nil, "id"), "s"), nil, remove("s", nil)), want: "delete ", reads: "a(id)"},
		{sql: "nothing at all", ws: among(nil, nil, remove("a", nil)), want: "delete ", impure: "reads an item of FROM that is not understood"},
		{sql: "two statements' worth of items",
			ws:   append(among(item("a"), eq("a.id", 1), remove("a", nil)), among(item("a"), eq("a.id", 2), remove("a", nil))...),
			want: "delete a id=$1; delete a id=$2", reads: "a(id) id=$1; a(id) id=$2"},
	}
	for _, tt := range tests {
		tt.check(t, tt.meaning(nil))
	}
	blind := written{sql: "a schema without a catalog", ws: among(item("a"), eq("a.id", 1), remove("s.a", nil)),
		want: "delete a id=$1", reads: "a(id) id=$1", withoutTable: true}
	blind.check(t, blind.meaning(nil))
}

// TestWriteCTEs is about WITH before writes, and writes in WITH.
func TestWriteCTEs(t *testing.T) {
	t.Parallel()
	q := &With{CTEs: []*CTE{cteOf("q", sel("a", nil, "x", "y"))}}
	tests := []written{
		{sql: "WITH q AS (SELECT x FROM a) DELETE FROM b USING q", ws: []*Write{from(remove("b", nil), "q")}, want: "delete b", reads: "a(x,y)"},
		{sql: "WITH q AS (SELECT x FROM a) INSERT INTO b SELECT x FROM q",
			ws: []*Write{but(insert("c", "k"), func(w *Write) { w.Query = sel("q", nil, "x") })}, want: "insert c (k)", reads: "a(x,y)"},
		{sql: "two writes", ws: []*Write{from(remove("b", nil), "q"), from(remove("c", nil), "q")}, want: "delete b; delete c", reads: "a(x,y)"},
		{sql: "the same WITH twice", ws: []*Write{but(remove("b", nil), func(w *Write) { w.With = q })}, want: "delete b", reads: "a(x,y)"},
		{sql: "one on top",
			ws:   []*Write{but(from(remove("b", nil), "p"), func(w *Write) { w.With = &With{CTEs: []*CTE{cteOf("p", sel("q", nil, "x"))}} })},
			want: "delete b", reads: "a(x,y)"},
		{sql: "a write in a WITH on top", ws: []*Write{but(from(remove("b", nil), "p"), func(w *Write) {
			w.With = &With{CTEs: []*CTE{cteOf("p", from(remove("d", eq("q.y", "n")), "q"))}}
		})}, want: "delete d; delete b", reads: "a(x,y)"},
		{sql: "a table that has the name", ws: []*Write{remove("q", nil)}, want: "delete q", reads: "a(x,y)"},
		{sql: "values", ws: []*Write{insert("c", "k", row(exists(sel("q", nil, "x"))))}, want: "insert c (k) <computed>", reads: "a(x,y)"},
		{sql: "a conflict", ws: []*Write{conflict(insert("d", "k", row(1)), Conflict{Set: []Set{set("k", exists(sel("q", nil, "x")))}})},
			want: "insert d (k) <$1> conflict [] k:=computed", reads: "a(x,y)"},
		{sql: "a condition", ws: []*Write{but(insert("d", "k", row(1)), func(w *Write) { w.Where = exists(sel("q", nil, "x")) })},
			want: "insert d (k) <$1>", reads: "a(x,y)"},
		{sql: "among",
			ws: []*Write{but(from(remove("b", exists(sel("q", nil, "x"))), "b"), func(w *Write) { w.Among = true })}, want: "delete b", reads: "a(x,y); b()"},
		{sql: "where", ws: []*Write{remove("b", exists(sel("q", nil, "x")))}, want: "delete b", reads: "a(x,y)"},
	}
	for _, tt := range tests {
		tt.check(t, tt.meaning(q))
	}

	gone := but(remove("b", eq("id", 1)), func(w *Write) { w.Returning = results("w AS p", "x") })
	queries := []struct {
		sql         string
		q           *Query
		want, reads string
	}{
		{"WITH q AS (DELETE FROM b WHERE id = $1 RETURNING w AS p, x) SELECT (SELECT p, w FROM q) FROM b AS o",
			withOf(sel("b AS o", nil, exists(sel("q", nil, "p", "w"))), cteOf("q", gone)), "delete b id=$1", "b(w)"},
		{"WITH q(p) AS (DELETE ...) SELECT (SELECT p, w FROM q) FROM b AS o",
			withOf(sel("b AS o", nil, exists(sel("q", nil, "p", "x", "w"))), cteOf("q(p)", gone)), "delete b id=$1", "b(w)"},
		{"WITH q AS (DELETE ...), p AS (INSERT INTO c SELECT p FROM q RETURNING k) SELECT 1",
			withOf(sel(nil, nil), cteOf("q", gone), cteOf("p", but(insert("c", "k"), func(w *Write) { w.Query = sel("q", nil, "p") }))),
			"delete b id=$1; insert c (k)", ""},
		{"WITH q AS (INSERT INTO c RETURNING k) SELECT (SELECT k, w FROM q) FROM b",
			withOf(sel("b", nil, exists(sel("q", nil, "k", "w"))), cteOf("q", but(insert("c", "k", row(1)), func(w *Write) { w.Returning = results("*") }))),
			"insert c (k) <$1>", "b(w)"},
		{"WITH q AS (SELECT x FROM a), p AS (DELETE FROM b USING q) SELECT 1",
			withOf(sel(nil, nil), cteOf("q", sel("a", nil, "x")), cteOf("p", from(remove("b", eq("b.x", "q.x")), "q"))), "delete b", "a(x)"},
	}
	for _, tt := range queries {
		m := plain.Query(tt.q, catalog())
		check(t, tt.sql, "writes", writesText(m.Writes), tt.want)
		check(t, tt.sql, "reads", readsText(m.Reads), tt.reads)
	}
}

// TestLinksOfWrites: the target of a write is no read to link to.
func TestLinksOfWrites(t *testing.T) {
	t.Parallel()
	w := from(remove("b", and(eq("b.a_id", "a.id"), eq("a.x", "c.k"))), joinOf(InnerJoin, "view", joinOf(InnerJoin, "a", "c", nil), nil))
	m := plain.Writes([]*Write{w}, nil, catalog())
	check(t, "DELETE FROM b USING view, a, c", "reads", readsText(m.Reads), "b(*); c(*); a(id,x); c(k)")
	check(t, "DELETE FROM b USING view, a, c", "links", linksText(m.Reads), "2.x=3.k 3.k=2.x")
	twice := and(eq("a.id", "b.id"), eq("b.id", "a.id"))
	m = plain.Query(sel(joinOf(LeftJoin, "a", "b", twice), nil), catalog())
	check(t, "an equality that is there twice", "links", linksText(m.Reads), "1.id=0.id")
}

func TestNative(t *testing.T) {
	t.Parallel()
	native := new(int)
	w, i := remove("b", nil), insert("c", "k", row(1))
	w.Native, i.Native = native, native
	for _, w := range plain.Writes([]*Write{w, i}, nil, catalog()).Writes {
		if w.Source != native {
			t.Errorf("the source of a write is %v, want the parser's", w.Source)
		}
	}
}

// TestTriggers is about the row that has fired a trigger.
func TestTriggers(t *testing.T) {
	t.Parallel()
	full := catalog()
	after := Trigger{Table: full.Tables["a"]}
	before := Trigger{Table: full.Tables["a"], Early: true}
	tests := []struct {
		sql     string
		trigger Trigger
		w       *Write
		want    string
		dialect *Dialect
	}{
		{"WHERE a_id = NEW.id", after, remove("b", eq("a_id", "new.id")), "delete b a_id=new.id~a.id", plain},
		{"WHERE OLD.x = x AND w IN (OLD.y, $1)",
			after, remove("b", and(eq("old.x", "x"), in("w", "old.y", 1))), "delete b w=old.y|$1~a.y x=old.x~a.x", plain},
		{"WHERE a_id = s.new.id", after, remove("b", eq("a_id", "s.new.id")), "delete b", plain},
		{"WHERE a_id = now.id", after, remove("b", eq("a_id", "now.id")), "delete b", plain},
		{"WHERE a_id = NEW.q", after, remove("b", eq("a_id", "new.q")), "delete b", plain},
		{"WHERE a_id = NEW.id, outside of a trigger", Trigger{}, remove("b", eq("a_id", "new.id")), "delete b", plain},
		{"WHERE new.a_id = OLD.id FROM b AS new", after, from(remove("b", eq("b.a_id", "new.id")), "b AS new"), "delete b", plain},
		{"WHERE EXISTS (SELECT 1 FROM b AS new WHERE b.a_id = new.y)",
			after, from(remove("b", exists(sel("c", eq("b_id", "new.id")))), "d AS new"), "delete b", plain},
		{"SET x = NEW.x, w = NEW.y, id = OLD.x", after, update("b", nil, set("x", "new.x"), set("w", "new.y"), set("id", "old.x")),
			"update b set x:=new.x,w:=new.y,id:=computed", plain},
		{"SET x = NEW.x, w = NEW.y, id = NEW.y", after, update("b", nil, set("x", "new.x"), set("w", "new.x"), set("id", "new.y")),
			"update b set x:=new.x,w:=new.x,id:=computed", rich},
		{"INSERT (k, n) VALUES (NEW.x, OLD.id)", after, insert("d", "k,n", row("new.x", "old.id")), "insert d (k,n) <new.x,old.id>", plain},
		{"INSERT of nothing known", after, insert("nowhere", "k", row("new.x")), "insert nowhere (k) <computed>", plain},
		{"DO UPDATE SET n = NEW.id, k = excluded.k",
			after, conflict(insert("d", "k", row(1)), Conflict{Set: []Set{set("n", "new.id"), set("k", "excluded.k")}}),
			"insert d (k) <$1> conflict [] n:=new.id,k:=excluded.k", plain},
		{"BEFORE: a number, a default, what is computed", before, insert("b", "id,a_id,x,w", row("new.id", "new.y", "new.x", "new.g")),
			"insert b (id,a_id,x,w) <computed,computed,new.x,computed>", plain},
		{"BEFORE: of the old row", before, insert("b", "id,a_id,x,w", row("old.id", "old.y", "old.x", "old.g")),
			"insert b (id,a_id,x,w) <old.id,old.y,old.x,old.g>", plain},
		{"AFTER: a number, a default, what is computed", after, insert("b", "id,a_id,x,w", row("new.id", "new.y", "new.x", "new.g")),
			"insert b (id,a_id,x,w) <new.id,new.y,new.x,new.g>", plain},
		{"BEFORE: a column that may be NULL", before, insert("b", "w", row("new.z")), "insert b (w) <new.z>", plain},
		{"BEFORE: a pin", before, remove("b", and(eq("w", "new.y"), eq("a_id", "new.z"))), "delete b a_id=new.z~a.z", plain},
		{"NEW.rowid", after, insert("b", "w", row("new.rowid")), "insert b (w) <new.id>", rich},
		{"a cast", after, insert("b", "w", row(cast("new.y", "int"))), "insert b (w) <new.y>", rich},
	}
	for _, tt := range tests {
		m := tt.dialect.Body(tt.w, tt.trigger, full)
		check(t, tt.sql, "writes", writesText(m.Writes), tt.want)
		for _, read := range m.Reads {
			if read.All {
				t.Errorf("%s: %s is read as a whole", tt.sql, read.Table)
			}
		}
	}
	nullable := Trigger{Table: full.Tables["r"], Early: true}
	m := plain.Body(insert("b", "id,w", row("new.id", "new.n")), nullable, full)
	check(t, "BEFORE: NOT NULL without a default", "writes", writesText(m.Writes), "insert b (id,w) <new.id,new.n>")
	full.Tables["r"].Column("n").Default = moneyclip.Value{}
	m = plain.Body(insert("b", "id,w", row("new.id", "new.n")), nullable, full)
	check(t, "BEFORE: NOT NULL with a default that is computed", "writes", writesText(m.Writes), "insert b (id,w) <new.id,computed>")
	m = plain.Read(sel(joinOf(InnerJoin, "c", "d AS new", nil), eq("b_id", "new.id")), after, full)
	check(t, "another item that is called new", "reads", readsText(m.Reads), "c(b_id); d(id)")
	m = plain.Read(sel("d AS new", exists(sel("c", in("b_id", "new.id")))), after, full)
	check(t, "another item that is called new, around", "reads", readsText(m.Reads), "d(id); c(b_id)")
	m = plain.Read(sel("b", eq("a_id", "new.id"), "x", "old.x"), after, full)
	check(t, "a SELECT in a trigger", "reads", readsText(m.Reads), "b(a_id,x) a_id=new.id~a.id")
	m = plain.Read(sel("b", nil, "now.x"), after, full)
	check(t, "a SELECT of nobody's column", "reads", readsText(m.Reads), "b(*)")
}
