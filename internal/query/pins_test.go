package query

import (
	"testing"

	"github.com/moneyclip/moneyclip"
)

// TestPins is about pins and links.
func TestPins(t *testing.T) {
	t.Parallel()
	id1, joined := eq("a.id", 1), eq("b.a_id", "a.id")
	tests := []struct {
		q           *Query
		want, links string
	}{
		// Forms.
		{sel("a", eq("y", 1)), "a(y) y=$1", ""},
		{sel("a", eq(1, "y")), "a(y) y=$1", ""},
		{sel("a", and(eq("y", constant(int64(5))), eq("x", constant("q")), eq("z", constant(nil)))),
			`a(x,y,z) x="q" y=5 z=<nil>`, ""},
		{sel("a", eq("y", call(1))), "a(y)", ""},
		{sel("a", eq(call("y"), 1)), "a(y)", ""},
		{sel("a", call(eq("y", 1))), "a(y)", ""},
		{sel("a", eq(eq("y", 1), 2)), "a(y)", ""},
		{sel("a", in("y", 1, 2)), "a(y) y=$1|$2", ""},
		{sel("a", in("y", 1, "z")), "a(y,z)", ""},
		{sel("a", in("y")), "a(y)", ""},
		{sel("a", in(1, "y")), "a(y)", ""},
		{sel("a", eq(row("x", "y"), row(1, 2))), "a(x,y) x=$1 y=$2", ""},
		{sel("a", eq(row("x", "y"), row(1))), "a(x,y)", ""},
		{sel("a", eq(row("x", "y"), 1)), "a(x,y)", ""},
		{sel("a", eq("x", row(1))), "a(x)", ""},
		{sel("a", eq("y", element(1))), "a(y) y=any($1)", ""},
		{sel("a", eq(row("x", "y"), row(2, element(1)))), "a(x,y) x=$2", ""},
		{sel("a", in("y", element(1))), "a(y)", ""},
		{sel("a", eq("y", Operand{moneyclip.Value{Kind: moneyclip.ValueOld, Column: "y"}})), "a(y)", ""},
		{sel("a", eq(cast("y", "int"), 1)), "a(y)", ""},
		{sel("a", eq("y", cast(1, "int"))), "a(y)", ""},

		// Names.
		{sel("a AS q", eq("q.y", 1)), "a(y) y=$1", ""},
		{sel("a AS q", eq("a.y", 1)), "a(*)", ""},
		{sel("a AS q(p,r)", and(eq("q.p", 1), eq("r", 2))), "a(id,x) id=$1 x=$2", ""},
		{sel(joinOf(InnerJoin, "s.a", "a", nil), eq("a.id", 1)), "s.a(id); a(id)", ""},
		{sel(joinOf(InnerJoin, "s.a", "a", nil), eq("s.a.v", 1)), "s.a(v) v=$1; a()", ""},
		{sel("s.a AS a", eq("s.a.v", 1)), "s.a(*)", ""},
		{sel("u", eq("p.u.id", 1)), "p.u(id) id=$1", ""},
		{sel(joinOf(InnerJoin, "a", "b", nil), eq("id", 1)), "a(id); b(id)", ""},
		{sel(joinOf(InnerJoin, "a", "a", nil), eq("a.id", 1)), "a(id); a(id)", ""},
		{sel(joinOf(InnerJoin, "a", "nowhere", nil), eq("id", 1)), "a(id); nowhere(id)", ""},
		{sel(joinOf(InnerJoin, "nowhere", "bare", nil), eq("q", 1)), "nowhere(q); bare(q)", ""},
		{sel("a", eq("a.f", 1)), "a(*)", ""},
		{sel("view", eq("id", 1)), "b(*); c(*)", ""},
		{sel("pending", eq("id", 1)), "pending(id)", ""},
		{sel(sub(sel("a", nil, "id"), "s"), eq("id", 1)), "a(id)", ""},
		{sel(sub(sel("a", nil, "id"), "s"), eq("s.id", 1)), "a(id)", ""},
		{withOf(sel("q", eq("id", 1)), cteOf("q", sel("a", nil, "id"))), "a(id)", ""},

		// Joins.
		{sel(joinOf(InnerJoin, "a", "b", joined), id1), "a(id) id=$1; b(a_id) a_id=$1~a.id", "0.id=1.a_id 1.a_id=0.id"},
		{sel(joinOf(InnerJoin, "a", "b", nil), and(joined, id1)),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "0.id=1.a_id 1.a_id=0.id"},
		{sel(joinOf(InnerJoin, "a", "b", joined), eq("b.a_id", 1)),
			"a(id) id=$1~b.a_id; b(a_id) a_id=$1", "0.id=1.a_id 1.a_id=0.id"},
		{sel(joinOf(InnerJoin, joinOf(InnerJoin, "a", "b", nil), "c", nil), and(eq("c.b_id", "b.id"), eq("b.id", "a.id"), id1)),
			"a(id) id=$1; b(id) id=$1~a.id; c(b_id) b_id=$1~a.id~b.id", "0.id=1.id 1.id=0.id 1.id=2.b_id 2.b_id=1.id"},
		{sel(joinOf(InnerJoin, "a", "b", nil), and(eq("a.y", element(1)), eq("b.w", "a.y"))),
			"a(y) y=any($1); b(w) w=any($1)~a.y", "0.y=1.w 1.w=0.y"},
		{sel("a", and(eq("y", "z"), eq("z", 1))), "a(y,z) y=$1~a.z z=$1", ""},
		{sel(joinOf(InnerJoin, "a", "b", nil), and(id1, joined, eq("b.a_id", 2))), "a(id) id=$1; b(a_id) a_id=$2", "0.id=1.a_id 1.a_id=0.id"},
		{sel(joinOf(InnerJoin, "a", "b", and(id1, eq("b.id", 2))), nil), "a(id) id=$1; b(id) id=$2", ""},
		{sel(joinOf(LeftJoin, "a", "b", and(id1, eq("b.id", 2))), nil), "a(id); b(id) id=$2", ""},
		{sel(joinOf(LeftJoin, "a", "b", joined), id1), "a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{sel(joinOf(LeftJoin, "a", "b", joined), eq("b.a_id", 1)), "a(id); b(a_id) a_id=$1", "1.a_id=0.id"},
		{sel(joinOf(LeftJoin, "a", "b", and(joined, eq("b.a_id", 1))), nil), "a(id); b(a_id) a_id=$1", "1.a_id=0.id"},
		{sel(joinOf(OutwardJoin, "a", "b", and(joined, eq("b.w", 1), eq("a.y", 1))), nil), "a(id,y); b(a_id,w)", ""},
		{sel(joinOf(OutwardJoin, "a", "b", nil), and(joined, id1)),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "0.id=1.a_id 1.a_id=0.id"},
		{sel(joinOf(OutwardJoin, joinOf(InnerJoin, "a", "b", id1), "c", nil), nil), "a(id); b(); c()", ""},
		{sel(joinOf(OutwardJoin, "c", joinOf(InnerJoin, "a", "b", id1), nil), nil), "c(); a(id); b()", ""},
		{sel(joinOf(InnerJoin, joinOf(OutwardJoin, "a", "b", nil), "c", id1), nil), "a(id) id=$1; b(); c()", ""},
		{sel(joinOf(LeftJoin, joinOf(OutwardJoin, "a", "b", nil), "c", and(id1, eq("c.k", 2))), nil),
			"a(id); b(); c(k) k=$2", ""},
		// whatever matches, no other a is there
		{sel(joinOf(LeftJoin, "c", joinOf(InnerJoin, "a", "b", and(joined, id1)), eq("c.b_id", "b.id")), nil),
			"c(b_id); a(id) id=$1; b(a_id,id) a_id=$1~a.id", "1.id=2.a_id 2.a_id=1.id 2.id=0.b_id"},
		{sel(joinOf(InnerJoin, joinOf(LeftJoin, "a", "b", joined), "c", and(eq("b.id", "c.b_id"), eq("c.b_id", 1))), nil),
			"a(id); b(a_id,id) id=$1~c.b_id; c(b_id) b_id=$1", "1.a_id=0.id 1.id=2.b_id 2.b_id=1.id"},
		{sel(joinOf(LeftJoin, "a", joinOf(LeftJoin, "b", "c", and(eq("b.w", 1), eq("c.k", 2))), joined), id1),
			"a(id) id=$1; b(a_id,w) a_id=$1~a.id; c(k) k=$2", "1.a_id=0.id"},

		// USING.
		{sel(using(InnerJoin, "a", "b", "id"), id1), "a(id) id=$1; b(id) id=$1~a.id", "0.id=1.id 1.id=0.id"},
		{sel(using(InnerJoin, "a", "b", "id"), eq("b.id", 1)), "a(id) id=$1~b.id; b(id) id=$1", "0.id=1.id 1.id=0.id"},
		{sel(using(InnerJoin, "a", "b", "id"), eq("id", 1)), "a(id) id=$1; b(id) id=$1~a.id", "0.id=1.id 1.id=0.id"},
		{sel(using(LeftJoin, "a", "b", "id"), eq("b.id", 1)), "a(id); b(id) id=$1", "1.id=0.id"},
		{sel(using(OutwardJoin, "a", "b", "id"), eq("id", 1)), "a(id); b(id)", ""},
		{sel(using(OutwardJoin, "a", "b", "id"), id1), "a(id) id=$1; b(id)", ""},
		{sel(using(InnerJoin, using(OutwardJoin, "a", "b", "id"), "s.b AS q", "id"), eq("q.id", 1)), "a(id); b(id); s.b(id) id=$1", ""},
		{sel(joinOf(InnerJoin, using(OutwardJoin, "a", "b", "id"), "c", eq("id", 1)), nil), "a(id); b(id); c()", ""},
		{sel(&Item{Join: &Join{Left: item(using(OutwardJoin, "a", "b", "id")), Right: item("c"), Kind: LeftJoin,
			On: and(eq("id", "c.b_id"))}}, eq("a.id", 1)), "a(id) id=$1; b(id); c(b_id)", ""},
		{sel(using(InnerJoin, joinOf(InnerJoin, "c", "a", nil), "b", "id"), id1),
			"c(); a(id) id=$1; b(id) id=$1~a.id", "1.id=2.id 2.id=1.id"},
		{sel(using(InnerJoin, "a", joinOf(InnerJoin, "b", "c", nil), "id"), id1), "a(id) id=$1; b(id); c()", ""},
		{sel(using(InnerJoin, "nowhere", "a", "id"), id1), "nowhere(id); a(id) id=$1", ""},
		{sel(using(InnerJoin, "a", "nowhere", "id"), id1), "a(id) id=$1; nowhere(id)", ""},
		{sel(using(InnerJoin, joinOf(InnerJoin, "nowhere", "a", nil), "b", "id"), eq("b.id", 1)), "nowhere(id); a(id); b(id) id=$1", ""},
		{sel(using(InnerJoin, sub(sel("a", nil, "id"), "s"), "b", "id"), eq("b.id", 1)), "a(id); b(id) id=$1", ""},
		{sel(using(InnerJoin, "b", sub(sel("a", nil, "id"), "s"), "id"), eq("b.id", 1)), "b(id) id=$1; a(id)", ""},
		{sel(using(InnerJoin, "c", "a", "id"), id1), "c(); a(id) id=$1", ""},
		{sel(using(InnerJoin, "a AS q(p)", "b AS r(p)", "p"), eq("q.p", 1)),
			"a(id) id=$1; b(id) id=$1~a.id", "0.id=1.id 1.id=0.id"},
		{sel(using(InnerJoin, "nowhere AS q(p)", "b AS r(p)", "p"), eq("r.p", 1)), "nowhere(*); b(id) id=$1", ""},
		{sel(using(InnerJoin, "b AS r(p)", "nowhere AS q(p)", "p"), eq("r.p", 1)), "b(id) id=$1; nowhere(*)", ""},
		{sel(natural("a", "b"), id1), "a(id,x) id=$1; b(id,x) id=$1~a.id", "0.id=1.id 0.x=1.x 1.id=0.id 1.x=0.x"},

		{sel(using(InnerJoin, "a", "b", "id", "x"), and(eq("id", 1), eq("x", 2))),
			"a(id,x) id=$1 x=$2; b(id,x) id=$1~a.id x=$2~a.x", "0.id=1.id 0.x=1.x 1.id=0.id 1.x=0.x"},
		{sel(using(InnerJoin, using(InnerJoin, "view", "b", "id"), "a", "id"), id1), "b(*); c(*); b(id); a(id) id=$1", ""},
		{sel(using(InnerJoin, using(InnerJoin, sub(sel("c", nil, "b_id AS id"), "s"), "b", "id"), "a", "id"), id1),
			"c(b_id); b(id); a(id) id=$1", ""},

		// Whether all columns of an item are known.
		{sel(joinOf(InnerJoin, sub(values(row(1, 2)), "s"), "b", nil), eq("w", 1)), "b(w)", ""},
		{sel(joinOf(InnerJoin, sub(values(row(1, 2)), "s(p)"), "b", nil), eq("w", 1)), "b(w)", ""},
		{sel(joinOf(InnerJoin, sub(values(row(1, 2)), "s(p,q)"), "b", nil), eq("w", 1)), "b(w) w=$1", ""},
		{sel(joinOf(InnerJoin, sub(sel(joinOf(InnerJoin, "nowhere", "c", nil), nil, "*"), "s"), "b", nil), eq("w", 1)),
			"nowhere(*); c(*); b(w)", ""},
		{sel(joinOf(InnerJoin, sub(sel(joinOf(InnerJoin, "c", "nowhere", nil), nil, "*"), "s"), "b", nil), eq("w", 1)),
			"c(*); nowhere(*); b(w)", ""},
		{sel(joinOf(InnerJoin, sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s(p,q,r)"), "b", nil), eq("w", 1)),
			"c(*); d(*); b(w) w=$1", "0.k=1.k 1.k=0.k"},
		{sel(joinOf(InnerJoin, sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s(p,q)"), "b", nil), eq("w", 1)),
			"c(*); d(*); b(w)", "0.k=1.k 1.k=0.k"},
		{sel(sub(sel("nowhere", nil, "*"), "s"), and(eq("s.q", 1), exists(sel("b", eq("w", "s.q"))))), "nowhere(*); b(w)", ""},
		{sel("q.t", and(eq("q.t.id", 1), exists(sel(joinOf(InnerJoin, "t", "b", nil), eq("b.w", "q.t.id"))))),
			"q.t(id) id=$1; t(id); b(w)", ""},
		{withOf(sel("q", eq("p", 1)), cteOf("q", sel("a", nil, call("x")))), "a(x)", ""},
		{sel(sub(sel("a", nil, call("x")), "s"), eq("p", 1)), "a(x)", ""},
		{sel("a", in("y", 1, "q")), "a(*)", ""},

		// Subqueries.
		{sel("a", and(id1, exists(sel("b", joined)))), "a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{sel("a", and(id1, call(exists(sel("b", joined))))), "a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{sel("a", exists(sel("b", id1))), "a(id); b()", ""},
		{sel("a", exists(sel("b", and(joined, eq("b.a_id", 1))))), "a(id); b(a_id) a_id=$1", "1.a_id=0.id"},
		{sel("a", and(eq("x", 1), exists(sel("c", eq("k", "x"))))), "a(x) x=$1; c(k) k=$1~a.x", "1.k=0.x"},
		{sel("a", exists(sel("b AS a", eq("a.w", 1)))), "a(); b(w) w=$1", ""},
		{sel("a", exists(sel("b AS a", eq("a.y", 1)))), "a(y); b(y)", ""},
		{sel("a", and(id1, exists(sel(sub(sel("b", joined), "s"), nil)))), "a(id) id=$1; b(a_id)", ""},
		{sel("a", and(id1, exists(sel(joinOf(LeftJoin, "c", "b", joined), nil)))), "a(id) id=$1; c(); b(a_id) a_id=$1~a.id", "2.a_id=0.id"},
		{sel(joinOf(InnerJoin, "a", "c", exists(sel("b", joined))), id1),
			"a(id) id=$1; c(); b(a_id) a_id=$1~a.id", "2.a_id=0.id"},
		{sel("a", and(eq("x", 1), exists(sel(joinOf(InnerJoin, "c", joinOf(LeftJoin, "c AS e", "d", eq("d.k", "x")), nil), nil)))),
			"a(x) x=$1; c(); c(); d(k) k=$1~a.x", "3.k=0.x"},
		{sel("a", and(eq("x", 1), exists(sel(sub(sel(joinOf(LeftJoin, "c", "d", eq("d.k", "a.x")), nil), "s"), nil)))),
			"a(x) x=$1; c(); d(k)", ""},
		{union(sel("a", id1), sel("a", eq("a.id", 2))), "a(id) id=$1; a(id) id=$2", ""},
		{sel("a", and(id1, exists(withOf(sel("q", nil), cteOf("q", sel("b", joined)))))), "a(id) id=$1; b(a_id)", ""},

		// Lateral items.
		{sel(joinOf(InnerJoin, "a", lateral(sel("b", joined), "s"), nil), id1),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{sel(joinOf(LeftJoin, "a", lateral(sel("b", and(joined, eq("a.y", 2))), "s"), nil), id1),
			"a(id,y) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{sel("a", and(id1, exists(sel(lateral(sel("b", joined), "s"), nil)))),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{sel("a", and(id1, exists(sel(sub(sel(lateral(sel("b", joined), "s"), nil), "r"), nil)))), "a(id) id=$1; b(a_id)", ""},
		{sel(joinOf(InnerJoin, "a", &Item{Call: &Call{Args: []Expr{exists(sel("b", and(joined, eq("w", 2))))}}}, nil), id1),
			"a(id) id=$1; b(a_id,w) w=$2", ""},
		{sel("a", and(id1, exists(sel(sub(joinOf(InnerJoin, "a", "b", eq("b.w", 2)), "q"), id1)))),
			"a(id) id=$1; a(*); b(*) w=$2", ""},
		{sel(&Item{Call: &Call{Name: "f", Columns: []string{"id"}}}, eq("f.id", 1)), "", ""},
	}
	for _, tt := range tests {
		m := plain.Query(tt.q, catalog())
		check(t, queryText(tt.q), "reads", readsText(m.Reads), tt.want)
		check(t, queryText(tt.q), "links", linksText(m.Reads), tt.links)
	}
}

// TestPinsDialect is about pins that need the dialect's word.
func TestPinsDialect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		q    *Query
		want string
	}{
		{sel("a", eq("y", cast(1, "int"))), "a(y) y=$1"},
		{sel("a", eq("y", cast(1, "text"))), "a(y)"},
		{sel("a", eq("y", cast(cast(1, "text"), "int"))), "a(y)"},
		{sel("a", eq("y", cast(cast(1, "int"), "int"))), "a(y) y=$1"},
		{sel("a", eq("y", cast(element(1), "int"))), "a(y) y=any($1)"},
		{sel("a", eq("y", cast(element(1), "text"))), "a(y)"},
		{sel("a", eq(row("y", "z"), row(cast(1, "int"), cast(element(2), "int")))), "a(y,z) y=$1"},
		{sel("a", in("y", cast(1, "int"), 2)), "a(y) y=$1|$2"},
		{sel("a", eq(cast("y", "int"), 1)), "a(y)"},
		{sel("bare", eq("q", cast(1, "int"))), "bare(q)"},
		{sel(joinOf(InnerJoin, joinOf(LeftJoin, "a", "b", eq("b.w", "d.n")), "d", nil), eq("d.n", 1)), "a(); b(w) w=$1~d.n; d(n) n=$1"},
		{sel("a AS q", and(eq("q.y", 1), exists(sel(joinOf(InnerJoin, "a", whole(joinOf(InnerJoin, "b", "d", eq("b.w", "y"))), nil), eq("a.y", 2))))),
			"a(y) y=$1; a(y) y=$2; b(*) w=$1~a.y; d(*)"},
		{sel(joinOf(InnerJoin, "a", whole(joinOf(InnerJoin, joinOf(LeftJoin, "b", "b AS p", eq("p.w", "d.n")), "d", nil)), nil), eq("d.n", 2)),
			"a(); b(*); b(*) w=$2~d.n; d(*) n=$2"},
		{sel(joinOf(InnerJoin, "b",
			whole(joinOf(OutwardJoin, using(InnerJoin, "a", "o", "id"), &Item{Call: &Call{Name: "f", Args: exs([]any{"b.w"}), Columns: []string{}}}, eq("a.y", 1))), nil), eq("y", 2)),
			"b(w); a(*) y=$2; o(*)"},
		{sel(joinOf(InnerJoin, "c",
			whole(joinOf(OutwardJoin, using(InnerJoin, "a", "o", "id"), "d", nil)), nil), eq("id", 2)), "c(); a(*); o(*); d(*)"},
		{sel("a", and(eq("a.id", 1), exists(sel(sub(sel(joinOf(InnerJoin, "b AS p", whole(joinOf(InnerJoin, "b", "d", eq("b.a_id", "a.id"))), nil), nil), "s"), nil)))),
			"a(id) id=$1; b(); b(*); d(*)"},
		{withOf(sel(joinOf(InnerJoin, "b", whole(joinOf(InnerJoin, "q", "d", nil)), nil), nil), cteOf("q", sel("a", nil, "x"))),
			"a(x); b(); d(*)"},
		{sel(joinOf(InnerJoin, using(OutwardJoin, "a", "o", "id"), whole(joinOf(InnerJoin, "b AS p(q,r,s,t)", "d", nil)), nil), eq("id", 2)),
			"a(id); o(id); b(*); d(*)"},
		{sel(joinOf(InnerJoin, joinOf(InnerJoin, "a", "b", eq("d.n", 1)), "d", nil), nil), "a(); b(); d(n)"},
	}
	for _, tt := range tests {
		check(t, queryText(tt.q), "reads", readsText(rich.Query(tt.q, catalog()).Reads), tt.want)
	}
	m := rich.Query(sel("a", eq("y", cast(1, "int"))), nil)
	check(t, "a cast without a catalog", "reads", readsText(m.Reads), "a(y)")
}

// TestWords: a word counts where no column bears it.
func TestWords(t *testing.T) {
	t.Parallel()
	word := func(name string) Expr {
		return Column{Name: name, Word: &moneyclip.Value{Kind: moneyclip.ValueConst, Const: int64(1)}}
	}
	tests := []struct {
		q    *Query
		want string
	}{
		{sel("a", eq("y", word("true"))), "a(y) y=1"},
		{sel("a", eq("y", word("z"))), "a(y,z)"},
		{sel("a", eq(word("z"), 1)), "a(z) z=$1"},
		{sel("a", eq("y", word("q")), "x AS q"), "a(x,y)"},
		{sel("a", exists(sel("b", eq("w", word("y"))))), "a(y); b(w)"},
		{sel("a", exists(sel("b", eq("w", word("q")))), "x AS q"), "a(x); b(w)"},
		{sel("bare", eq(word("true"), 1)), "bare(true)"},
		{sel("c", exists(sel("bare", eq("q", 1)))), "c(); bare(q)"},
		{sel("c", exists(sel("bare", eq("bare.q", 1)))), "c(); bare(q)"},
	}
	for _, tt := range tests {
		check(t, queryText(tt.q), "reads", readsText(plain.Query(tt.q, catalog()).Reads), tt.want)
	}
}

// TestPinsFar: pins that have come a long way by the same steps part without a trace of each other.
func TestPinsFar(t *testing.T) {
	t.Parallel()
	full := catalog()
	from := "n0"
	all := item(from)
	where := eq("n0.id", 1)
	follow := func(table, after string) {
		full.Tables[table] = table1(table)
		all = joinOf(InnerJoin, all, table, nil)
		where = and(where, eq(after+".id", table+".id"))
	}
	full.Tables[from] = table1(from)
	want := "n0(id) id=$1"
	via := ""
	for _, table := range []string{"n1", "n2", "n3", "n4", "n5"} {
		follow(table, from)
		via += "~" + from + ".id"
		want += "; " + table + "(id) id=$1" + via
		from = table
	}
	via += "~" + from + ".id"
	for _, table := range []string{"p1", "q1"} {
		follow(table, from)
		want += "; " + table + "(id) id=$1" + via
	}
	for _, table := range []string{"p2", "q2"} {
		follow(table, table[:1]+"1")
		want += "; " + table + "(id) id=$1" + via + "~" + table[:1] + "1.id"
	}
	check(t, "a chain that parts", "reads", readsText(plain.Query(sel(all, where), full).Reads), want)
}

func table1(name string) *moneyclip.Table { return table(name, "id", nil) }
