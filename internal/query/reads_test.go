package query

import (
	"testing"

	"github.com/moneyclip/moneyclip"
)

// TestReads is about the columns that are read.
func TestReads(t *testing.T) {
	t.Parallel()
	rest := func(q *Query, rest ...Expr) *Query {
		q.Cores[0].Rest = rest
		return q
	}
	tests := []struct {
		q    *Query
		want string
	}{
		{sel("a", nil, "x", "y AS q"), "a(x,y)"},
		{sel(nil, nil, constant(1)), ""},
		{sel("a", nil, call("x", in("y", "z", 1))), "a(x,y,z)"},
		{sel("a", nil, row("x", "y"), cast("z", "t")), "a(x,y,z)"},
		{sel("a", and(eq("x", "y"), eq("z", "id"))), "a(id,x,y,z)"},
		{rest(sel("a", nil), ex("z")), "a(z)"},
		{rest(sel("a", nil, "y AS q"), ex("q")), "a(y)"},
		{rest(sel("a", nil, "y AS id"), ex("id")), "a(id,y)"},

		// Names.
		{sel("a", nil, "*"), "a(*)"},
		{sel(joinOf(InnerJoin, "a", "b", nil), nil, "a.*"), "a(*); b()"},
		{sel(joinOf(InnerJoin, "a AS q", "c", nil), nil, exists(sel("b", nil, "q.*"))), "a(*); c(); b()"},
		{sel("a", nil, exists(sel("b AS a", nil, "a.*"))), "a(); b(*)"},
		{sel("a", nil, exists(sel("b", nil, "*"))), "a(); b(*)"},
		{sel("a", nil, exists(sel(sub(values(row(1)), "v"), nil, "*"))), "a()"},
		{sel(joinOf(InnerJoin, "a", "b", nil), nil, "y", "w", "id"), "a(id,y); b(id,w)"},
		{sel(joinOf(InnerJoin, "a", "a AS q", nil), nil, "a.y", "q.x"), "a(y); a(x)"},
		{sel("a", nil, exists(sel("c", nil, "x", "k"))), "a(x); c(k)"},
		{sel("a", nil, exists(sel("b AS a", nil, "a.w", "w"))), "a(); b(w)"},
		{sel(joinOf(InnerJoin, "nowhere", "a", nil), nil, "x", "y"), "nowhere(x,y); a(x,y)"},
		{sel("a", nil, exists(sel("nowhere", nil, "x"))), "a(x); nowhere(x)"},

		// Schemas.
		{sel("s.a", nil, "v"), "s.a(v)"},
		{sel("u", nil, "name"), "p.u(name)"},
		{sel("p.u", nil, "u.name"), "p.u(name)"},
		{sel("u", nil, "p.u.name"), "p.u(name)"},
		{sel(joinOf(InnerJoin, "s.a", "s.b", nil), nil, "s.a.v", "s.b.id"), "s.a(v); s.b(id)"},
		{sel(joinOf(InnerJoin, "s.a", "b AS a", nil), nil, "s.a.id"), "s.a(id); b()"},
		{sel("x.a", nil, "x.a.id"), "x.a(id)"},
		{withOf(sel("s.a", nil, "id"), cteOf("a", sel(nil, nil, constant(1)))), "s.a(id)"},

		// Names that nobody bears.
		{sel("a", nil, "newcomer"), "a(*)"},
		{rest(sel("a", nil, "y AS q"), ex("p")), "a(*)"},
		{sel("a", nil, exists(sel("b", nil, "newcomer"))), "a(*); b(*)"},
		{sel("a", nil, "q.x"), "a(*)"},
		{sel("a", nil, Column{Name: "true", Word: &moneyclip.Value{Kind: moneyclip.ValueConst, Const: true}}), "a()"},

		// Columns with other names.
		{sel("a AS q(p,r)", nil, "p", "q.z"), "a(id,z)"},
		{sel("a AS q(p,r)", nil, "q.r"), "a(x)"},
		{sel("b", nil, exists(sel("a AS q(p)", nil, "id"))), "b(id); a()"},
		{sel("nowhere AS q(p)", nil, "p"), "nowhere(*)"},

		// Joins.
		{sel(joinOf(InnerJoin, "a", "b", eq("a.id", "w")), nil), "a(id); b(w)"},
		{sel(using(InnerJoin, "a", "b", "id"), nil), "a(id); b(id)"},
		{sel(using(InnerJoin, "nowhere", "c", "id"), nil), "nowhere(id); c()"},
		{sel(natural("a", "b"), nil), "a(id,x); b(id,x)"},
		{sel(natural(joinOf(InnerJoin, "nowhere", "a", nil), "b"), nil), "nowhere(*); a(*); b(*)"},
		{sel(natural("b", joinOf(InnerJoin, "nowhere", "a", nil)), nil), "b(*); nowhere(*); a(*)"},
		{sel(natural("a", "nowhere"), nil), "a(*); nowhere(*)"},
		{sel(natural("nowhere", "a"), nil), "nowhere(*); a(*)"},
		{sel(natural(sub(sel("a", nil, call("x")), "q"), sub(sel("b", nil, call("w")), "p")), nil), "a(x); b(w)"},
		{sel(joinOf(InnerJoin, whole(joinOf(InnerJoin, "a", "b", nil)), "c", nil), nil), "a(*); b(*); c()"},
		{sel(joinOf(InnerJoin, "c", joinOf(InnerJoin, "a", "b", eq("y", "w")), eq("k", "a.x")), nil),
			"c(k); a(x,y); b(w)"},
		// in ON, y is not of the a beside it
		{sel("a AS q", nil, exists(sel(joinOf(InnerJoin, "a", joinOf(InnerJoin, "c", "d", eq("y", "n")), nil), nil))), "a(y); a(); c(); d(n)"},
		{sel(sub(joinOf(InnerJoin, "a", "b", nil), "q"), nil, "q.w"), "a(*); b(*)"},
		{sel("b", nil, exists(sel(sub(joinOf(InnerJoin, "a", "b", nil), "q"), nil, "b.w"))), "b(w); a(*); b(*)"},
		{sel("d", nil, exists(sel(using(InnerJoin, "a", "b", "id"), nil, "n"))), "d(n); a(id); b(id)"},

		// Subqueries.
		{sel(sub(sel("a", nil, "x", "y AS q"), "s"), nil, "s.q"), "a(x,y)"},
		{sel("a", nil, exists(sel(sub(sel("b", nil, "x"), "s"), nil, "y", "x"))), "a(y); b(x)"},
		{sel("a", nil, exists(sel(sub(sel("b", nil, "x"), "s(p)"), nil, "x", "p"))), "a(x); b(x)"},
		{sel("a", nil, exists(sel(sub(sel("b", nil, call("x")), "s"), nil, "y"))), "a(y); b(x)"},
		{sel("a", nil, exists(sel(sub(values(row(1, 2)), "s(p,q)"), nil, "id", "p"))), "a(id)"},
		{sel("a", nil, exists(sel(sub(sel("b", nil, "*"), "s"), nil, "id", "y"))), "a(y); b(*)"},
		{sel("a", nil, Subquery{X: ex("y"), Query: sel("b", nil, "w")}), "a(y); b(w)"},
		{union(sel("a", nil, "x"), sel("c", nil, "k")), "a(x); c(k)"},
		{sel("d", nil, exists(sel(sub(union(sel("b", nil, "x"), sel("c", nil, "k")), "s"), nil, "k"))), "d(k); b(x); c(k)"},
		{values(row(exists(sel("a", nil, "x")), 1), row(1, exists(sel("c", nil, "k")))), "a(x); c(k)"},

		// x is the second column of s
		{sel("o", nil, exists(sel(sub(sel(joinOf(InnerJoin, "a", "b", nil), nil, "*"), "s(p)"), nil, "x"))), "o(); a(*); b(*)"},
		// x is the first, and called p
		{sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "x"), nil, "*"), "s(p)"), nil, "x"))), "o(x); a(*); b(*)"},
		{sel("o", nil, exists(sel(sub(sel(sub(sel(using(InnerJoin, "a", "b", "x"), nil, "*"), "r"), nil, "*"), "s(p)"), nil, "x"))),
			"o(x); a(*); b(*)"},
		{sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "id"), nil, "b.*"), "s(p)"), nil, "x", "p"))), "o(); a(id); b(*)"},
		// id has become p
		{sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "id"), nil, "b.*"), "s(p)"), nil, "id", "p"))), "o(id); a(id); b(*)"},
		{sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s(p,q,r)"), nil, "x", "p"))), "o(x); c(*); d(*)"},
		{sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s"), nil, "x", "k", "n"))), "o(x); c(*); d(*)"},
		// s may have an x
		{sel("o", nil, exists(sel(sub(sel("nowhere", nil, "*"), "s"), nil, "x"))), "o(x); nowhere(*)"},
		{sel("o", nil, exists(sel(sub(sel(joinOf(InnerJoin, sub(sel(using(InnerJoin, "a", "b", "x"), nil, "*"), "r"), "c", nil), nil, "*"), "s(p)"), nil, "x"))),
			"o(x); a(*); b(*); c(*)"},
		{sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "id"), nil, "b.*"), "s"), nil, "id"))), "o(); a(id); b(*)"},
		{sel("o", nil, exists(sel(sub(sel(joinOf(InnerJoin, "a", "c", nil), nil, "a.*"), "s"), nil, "id", "k"))), "o(k); a(*); c()"},

		// Lateral items.
		{sel(joinOf(InnerJoin, "a", lateral(sel("b", nil, "y"), "s"), nil), nil), "a(y); b()"},
		{sel("c AS o", nil, exists(sel(joinOf(InnerJoin, "a", sub(sel("b", nil, "k"), "s"), nil), nil))), "c(k); a(); b()"},
		// y is not of what comes after
		{sel("a AS q", nil, exists(sel(joinOf(InnerJoin, lateral(sel("c", nil, "y"), "s"), "a", nil), nil))), "a(y); c(); a()"},
		{sel(joinOf(InnerJoin, "a", sub(joinOf(InnerJoin, "c", lateral(sel("b", nil, "y", "k"), "s"), nil), "q"), nil), nil), "a(y); c(*); b()"},

		// Functions.
		{sel(joinOf(InnerJoin, "a", &Item{Call: &Call{Name: "f", Args: exs([]any{"y", 1})}}, nil), nil), "a(y)"},
		{sel(joinOf(InnerJoin, "b", &Item{Call: &Call{Name: "f"}}, nil), nil, "f.w", "x"), "b(x)"},
		{sel("b", nil, exists(sel(sub(&Item{Call: &Call{Columns: []string{"w", "x"}}}, "q(p)"), nil, "w", "x", "p"))), "b(w)"},
		{sel("b", nil, exists(sel(&Item{Alias: "q", Call: &Call{Columns: []string{"w"}}}, nil, "q.w", "id"))), "b(id)"},
		{sel("c", nil, exists(sel(&Item{Alias: "q", Call: &Call{}}, nil, "k"))), "c(k)"},
		{sel("b", nil, exists(sel(sub(&Item{Call: &Call{Columns: []string{"w"}}}, "q(p,r)"), nil, "w", "r"))), "b(w)"},
		{sel(joinOf(InnerJoin, "a", sub(joinOf(InnerJoin, "c", &Item{Call: &Call{Args: exs([]any{"y"})}}, nil), "q"), nil), nil), "a(y); c(*)"},

		// Common table expressions.
		{withOf(sel(joinOf(InnerJoin, "q", "q AS p", nil), nil, "q.x", "p.x"), cteOf("q", sel("a", nil, "x"))), "a(x)"},
		{withOf(sel(nil, nil), cteOf("q", sel("a", nil, "x"))), "a(x)"},
		{withOf(sel("a", nil, "w"), cteOf("a", sel("b", nil, "w"))), "b(w)"},
		{withOf(sel("a", nil, "x"), cteOf("a", sel("a", nil, "x"))), "a(x)"},
		{withOf(sel("p", nil, "x"), cteOf("q", sel("a", nil, "x")), cteOf("p", sel("q", nil, "x"))), "a(x)"},
		{withOf(sel("c", nil, "k"), cteOf("c", sel("d", nil, "k")), cteOf("d", sel("a", nil, "x"))), "d(k); a(x)"},
		{recursive(withOf(sel("c", nil, "k"), cteOf("c", sel("d", nil, "k")), cteOf("d", sel("a", nil, "x")))), "d(k); a(x)"},
		{forward(withOf(sel("c", nil, "x"), cteOf("c", sel("d", nil, "x")), cteOf("d", sel("a", nil, "x")))), "a(x)"},
		// x is the c's
		{sel("o", nil, exists(forward(withOf(sel("c", nil, "x"), cteOf("c", sel("d", nil, "x")), cteOf("d", sel("a", nil, "x")))))), "o(); a(x)"},
		{recursive(withOf(sel("a", nil, "w"), cteOf("a", union(sel("b", nil, "w"), sel("a", nil, "w"))))), "b(w)"},
		{recursive(withOf(sel("q", nil, "w"), cteOf("q", union(sel("b", nil, "w"), sel("a", nil, exists(sel("q", nil, "y", "w"))))))),
			"b(w); a(y)"},
		{recursive(withOf(sel("q", nil, "p"), cteOf("q(p)", union(sel("b", nil, "x"), sel("b", nil, exists(sel("q", nil, "w", "p"))))))),
			"b(x); b(w)"},
		{withOf(sel("b AS o", nil, exists(sel("q", nil, "p", "w"))), cteOf("q(p)", sel("b", nil, "x"))), "b(x); b(w)"},
		{withOf(sel("b AS o", nil, exists(sel("q AS r(p)", nil, "r.p", "w"))), cteOf("q", sel("b", nil, "x"))), "b(x); b(w)"},
		{withOf(sel("q", nil, exists(withOf(sel("q", nil, "w"), cteOf("q", sel("b", nil, "w"))))), cteOf("q", sel("a", nil, "x"))), "a(x); b(w)"},
		{withOf(sel("b", nil, exists(withOf(sel("p", nil, "x"), cteOf("p", sel("q", nil, "x"))))), cteOf("q", sel("a", nil, "x"))), "a(x); b()"},
		{withOf(sel("c", nil, exists(withOf(sel("q", nil, "x"), cteOf("p", sel("b", nil, "w"))))), cteOf("q", sel("a", nil, "x"))),
			"a(x); c(); b(w)"},
		{withOf(sel(joinOf(InnerJoin, "q", "b", nil), nil, "q.x"), cteOf("q", sel("a", nil, "x"))), "a(x); b()"},
		{withOf(sel(joinOf(InnerJoin, "q", "b", nil), nil, "p", "q.p"), cteOf("q", sel("a", nil, call("x")))), "a(x); b()"},
		{sel(joinOf(InnerJoin, sub(sel("a", nil, call("x")), "s"), "b", nil), nil, "p", "s.p"), "a(x); b()"},
		{sel("a", nil, exists(withOf(sel(nil, nil), cteOf("p", sel("c", nil, "y"))))), "a(y); c()"},
		{withOf(sel(joinOf(InnerJoin, joinOf(InnerJoin, sub(sel("q", nil, "x"), "s"), lateral(sel("q", nil, "x"), "r"), exists(sel("q", nil, "x"))),
			&Item{Call: &Call{Args: exs([]any{exists(sel("q", nil, "x"))})}}, nil), nil), cteOf("q", sel("a", nil, "x"))), "a(x)"},
		{withOf(sel(sub(joinOf(InnerJoin, "b", lateral(sel("q", nil, "x"), "s"), nil), "r"), nil), cteOf("q", sel("a", nil, "x"))), "a(x); b(*)"},

		// Views.
		{sel("view", eq("id", 1), "x"), "b(*); c(*)"},
	}
	for _, tt := range tests {
		check(t, queryText(tt.q), "reads", readsText(plain.Query(tt.q, catalog()).Reads), tt.want)
	}
}

// TestReadsBlind has no catalog: a name may be anything.
func TestReadsBlind(t *testing.T) {
	t.Parallel()
	word := Column{Name: "true", Word: &moneyclip.Value{Kind: moneyclip.ValueConst, Const: true}}
	tests := []struct {
		q    *Query
		want string
	}{
		{sel("a", eq("id", 1), "x"), "a(id,x) id=$1"},
		{sel("s.a", eq("s.a.id", 1), "x"), "s.a(id,x) id=$1"},
		{sel("a", eq("s.a.id", 1), "x"), "a(id,x)"},
		{sel("a AS q", eq("s.a.id", 1), "x"), "a(*)"},
		{sel("a", eq("a.id", 1), "x"), "a(id,x) id=$1"},
		{sel("a", eq("id", 1), "x AS id"), "a(id,x)"},
		{sel("a", eq("y", word)), "a(true,y)"},
		{sel("a", eq(word, 1)), "a(true)"},
		{sel(joinOf(InnerJoin, "a", "b", nil), eq("id", 1), "x"), "a(id,x); b(id,x)"},
		{sel("a", exists(sel("b", eq("y", 1)))), "a(y); b(y)"},
		{sel("a", exists(sel("b", eq("b.y", 1)))), "a(); b(y)"},
		{sel("a AS q(p)", eq("p", 1)), "a(*)"},
		{sel("a AS q(p)", and(eq("q.p", 1), eq("q.id", 1))), "a(*) id=$1"},
		{sel("x.a", eq("y.a.id", 1)), "x.a(*)"},
		// s.a may be that a
		{sel("s.a", and(eq("s.a.id", 1), exists(sel(joinOf(InnerJoin, "a", "b", nil), eq("b.x", "s.a.id"))))), "s.a(id) id=$1; a(id); b(x)"},
		{sel(using(InnerJoin, "a", "b", "id"), eq("a.id", 1)), "a(id) id=$1; b(id)"},
		{sel(joinOf(InnerJoin, "a", "b", nil), and(eq("a.id", 1), eq("b.a_id", "a.id"))), "a(id) id=$1; b(a_id) a_id=$1~a.id"},
	}
	for _, tt := range tests {
		m := plain.Query(tt.q, nil)
		check(t, queryText(tt.q), "reads", readsText(m.Reads), tt.want)
		check(t, queryText(tt.q), "is impure because it", m.Impure, "")
	}
}

// TestImpure: why a SELECT is no function of rows and arguments.
func TestImpure(t *testing.T) {
	t.Parallel()
	now := Other{Impure: "calls now()"}
	opaque := "holds an expression that is not understood"
	tests := []struct {
		q     *Query
		want  string
		reads string
	}{
		{sel("a", nil, "x"), "", "a(x)"},
		{sel(nil, nil, now), "calls now()", ""},
		{sel(nil, nil, call(now)), "calls now()", ""},
		{sel(nil, nil, Other{Impure: "calls g()", Parts: []Expr{now}}), "calls g()", ""},
		{sel(nil, nil, cast(now, "t")), "calls now()", ""},
		{sel(nil, and(eq(1, now), ex(1))), "calls now()", ""},
		{sel(nil, and(ex(1), now)), "calls now()", ""},
		{sel(nil, in(1, now)), "calls now()", ""},
		{sel(joinOf(LeftJoin, "a", "b", now), nil), "calls now()", "a(); b()"},
		{sel(&Item{Call: &Call{Args: []Expr{now}}}, nil), "calls now()", ""},
		{sel(&Item{Call: &Call{Impure: "calls f()"}}, nil), "calls f()", ""},
		{sel(sub(sel(nil, nil, now), "s"), nil), "calls now()", ""},
		{withOf(sel(nil, nil), cteOf("q", sel(nil, nil, now))), "calls now()", ""},
		{values(row(1, now)), "calls now()", ""},
		{sel("a", nil, Opaque{}), opaque, "a(*)"},
		{sel("a", nil, Opaque{"calls f()"}), "calls f()", "a(*)"},
		{sel("a", nil, exists(sel("b", nil, &Column{}))), opaque, "a(*); b(*)"},
		{sel(&Item{Alias: "q"}, nil), "reads an item of FROM that is not understood", ""},
		{sel(&Item{Join: &Join{Left: item("a")}}, nil), "reads an item of FROM that is not understood", "a()"},
		{sel(nil, nil, Subquery{}), "holds a query that is not understood", ""},
		{&Query{}, "holds a query that is not understood", ""},

		{sel("nowhere", nil), "reads nowhere, which is not in the catalog", "nowhere()"},
		{sel("t.a", nil), "reads t.a, which is not in the catalog", "t.a()"},
		{sel("virtual", nil), "reads virtual: a virtual table", "virtual()"},
		{sel("guarded", nil), "reads guarded: it has row security", "guarded()"},
		{sel("a", nil, "a.f"), "reads a.f, which is not a column", "a(*)"},
		{sel("a", nil, exists(sel("b AS a", nil, "a.y"))), "", "a(y); b(y)"},
		{sel("a", nil, exists(sel("bare AS a", nil, "a.f"))), "", "a(f); bare(f)"},
		{sel("a", nil, "a"), "", "a(*)"},
		{sel("bare", eq("q", 1)), "", "bare(q) q=$1"},
	}
	for _, tt := range tests {
		m := plain.Query(tt.q, catalog())
		check(t, queryText(tt.q), "is impure because it", m.Impure, tt.want)
		check(t, queryText(tt.q), "reads", readsText(m.Reads), tt.reads)
		if m.Pending {
			t.Errorf("%s: is pending", queryText(tt.q))
		}
	}
	if m := plain.Query(sel("pending", nil), catalog()); !m.Pending || m.Impure != "" {
		t.Errorf("a view that has not been read: pending %v, impure because it %q", m.Pending, m.Impure)
	}
	if m := plain.Query(sel("view", nil), catalog()); m.Pending {
		t.Error("a view that has been read is pending")
	}
}

// TestDialect is about what a dialect adds.
func TestDialect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		q            *Query
		want, impure string
	}{
		{sel("nowhere", nil), "nowhere()", "reads nowhere, which is nowhere"},
		{sel("system", nil), "system()", "reads what is the system's"},
		{sel("c", nil), "c()", "reads c, which has a b_id"},
		{sel("a", eq("rowid", 1), "rowid"), "a(id) id=$1", ""},
		{sel("a", eq("a.rowid", 1), "rowid"), "a(id) id=$1", ""},
		{sel("b", eq("rowid", 1)), "b(rowid)", ""},
		{sel("b", eq("b.rowid", 1)), "b(rowid)", ""},
		{sel(joinOf(InnerJoin, "a", "b", nil), eq("rowid", 1)), "a(id); b(rowid)", ""},
		{sel(sub(sel("a", nil, "x"), "s"), nil, "rowid"), "a(x)", ""},
		{sel("main.a", eq("main.a.y", 1), "id"), "a(id,y) y=$1", ""},
		{sel("main.a", eq("a.y", 1), "id"), "a(id,y) y=$1", ""},
		{sel("a", eq("main.a.y", 1), "id"), "a(id,y) y=$1", ""},
		{withOf(sel("main.a", nil, "id"), cteOf("a", sel(nil, nil, constant(1)))), "a(id)", ""},
		{sel(joinOf(InnerJoin, joinOf(InnerJoin, "a", "b", and(eq("d.n", 1), eq("a.id", "n"))), "d", nil), nil), "a(id); b(); d(n)", ""},
	}
	for _, tt := range tests {
		m := rich.Query(tt.q, catalog())
		check(t, queryText(tt.q), "reads", readsText(m.Reads), tt.want)
		check(t, queryText(tt.q), "is impure because it", m.Impure, tt.impure)
	}
	for name, want := range map[string]string{"nowhere": "", "c": "", "system": "reads what is the system's"} {
		check(t, name+" without a catalog", "is impure because it", rich.Query(sel(name, nil), nil).Impure, want)
	}
}
