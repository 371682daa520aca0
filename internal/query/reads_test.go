package query

import (
	"testing"

	"github.com/moneyclip/moneyclip"
)

// TestReads is about the columns that are read: the SQL is for people.
func TestReads(t *testing.T) {
	t.Parallel()
	rest := func(q *Query, rest ...Expr) *Query {
		q.Cores[0].Rest = rest
		return q
	}
	tests := []struct {
		sql  string
		q    *Query
		want string
	}{
		{"SELECT x, y AS q FROM a", sel("a", nil, "x", "y AS q"), "a(x,y)"},
		{"SELECT 1", sel(nil, nil, constant(1)), ""},
		{"SELECT f(x, y IN (z, 1)) FROM a", sel("a", nil, call("x", in("y", "z", 1))), "a(x,y,z)"},
		{"SELECT (x, y), CAST(z AS t) FROM a", sel("a", nil, row("x", "y"), cast("z", "t")), "a(x,y,z)"},
		{"SELECT 1 FROM a WHERE x = y AND z = id", sel("a", and(eq("x", "y"), eq("z", "id"))), "a(id,x,y,z)"},
		{"SELECT 1 FROM a ORDER BY z", rest(sel("a", nil), ex("z")), "a(z)"},
		{"SELECT y AS q FROM a ORDER BY q", rest(sel("a", nil, "y AS q"), ex("q")), "a(y)"},
		{"SELECT y AS id FROM a ORDER BY id", rest(sel("a", nil, "y AS id"), ex("id")), "a(id,y)"},

		// Names.
		{"SELECT * FROM a", sel("a", nil, "*"), "a(*)"},
		{"SELECT a.* FROM a, b", sel(joinOf(InnerJoin, "a", "b", nil), nil, "a.*"), "a(*); b()"},
		{"SELECT (SELECT q.* FROM b) FROM a AS q, c", sel(joinOf(InnerJoin, "a AS q", "c", nil), nil, exists(sel("b", nil, "q.*"))), "a(*); c(); b()"},
		{"SELECT (SELECT a.* FROM b AS a) FROM a", sel("a", nil, exists(sel("b AS a", nil, "a.*"))), "a(); b(*)"},
		{"SELECT (SELECT * FROM b) FROM a", sel("a", nil, exists(sel("b", nil, "*"))), "a(); b(*)"},
		{"SELECT (SELECT * FROM (VALUES (1)) v) FROM a", sel("a", nil, exists(sel(sub(values(row(1)), "v"), nil, "*"))), "a()"},
		{"SELECT x, w, k FROM a, b", sel(joinOf(InnerJoin, "a", "b", nil), nil, "y", "w", "id"), "a(id,y); b(id,w)"},
		{"SELECT a.x, q.x FROM a, a AS q", sel(joinOf(InnerJoin, "a", "a AS q", nil), nil, "a.y", "q.x"), "a(y); a(x)"},
		{"SELECT (SELECT x FROM c) FROM a", sel("a", nil, exists(sel("c", nil, "x", "k"))), "a(x); c(k)"},
		{"SELECT (SELECT a.y FROM b AS a) FROM a", sel("a", nil, exists(sel("b AS a", nil, "a.w", "w"))), "a(); b(w)"},
		{"SELECT x FROM nowhere, a", sel(joinOf(InnerJoin, "nowhere", "a", nil), nil, "x", "y"), "nowhere(x,y); a(x,y)"},
		{"SELECT (SELECT x FROM nowhere) FROM a", sel("a", nil, exists(sel("nowhere", nil, "x"))), "a(x); nowhere(x)"},

		// Schemas.
		{"SELECT id FROM s.a", sel("s.a", nil, "v"), "s.a(v)"},
		{"SELECT name FROM u", sel("u", nil, "name"), "p.u(name)"},
		{"SELECT name FROM p.u", sel("p.u", nil, "u.name"), "p.u(name)"},
		{"SELECT p.u.name FROM u", sel("u", nil, "p.u.name"), "p.u(name)"},
		{"SELECT s.a.v, s.b.id FROM s.a, s.b", sel(joinOf(InnerJoin, "s.a", "s.b", nil), nil, "s.a.v", "s.b.id"), "s.a(v); s.b(id)"},
		{"SELECT s.a.id FROM s.a, a AS q, b AS a", sel(joinOf(InnerJoin, "s.a", "b AS a", nil), nil, "s.a.id"), "s.a(id); b()"},
		{"SELECT s.a.id FROM x.a", sel("x.a", nil, "x.a.id"), "x.a(id)"},
		{"WITH a AS (SELECT 1) SELECT id FROM s.a", withOf(sel("s.a", nil, "id"), cteOf("a", sel(nil, nil, constant(1)))), "s.a(id)"},

		// Names that nobody bears.
		{"SELECT newcomer FROM a", sel("a", nil, "newcomer"), "a(*)"},
		{"SELECT newcomer AS q FROM a ORDER BY q", rest(sel("a", nil, "y AS q"), ex("p")), "a(*)"},
		{"SELECT (SELECT newcomer FROM b) FROM a", sel("a", nil, exists(sel("b", nil, "newcomer"))), "a(*); b(*)"},
		{"SELECT q.x FROM a", sel("a", nil, "q.x"), "a(*)"},
		{"SELECT true FROM a", sel("a", nil, Column{Name: "true", Word: &moneyclip.Value{Kind: moneyclip.ValueConst, Const: true}}), "a()"},

		// Columns with other names.
		{"SELECT p, q.z FROM a AS q (p, r)", sel("a AS q(p,r)", nil, "p", "q.z"), "a(id,z)"},
		{"SELECT q.r FROM a AS q (p, r)", sel("a AS q(p,r)", nil, "q.r"), "a(x)"},
		{"SELECT (SELECT id FROM a AS q (p)) FROM b", sel("b", nil, exists(sel("a AS q(p)", nil, "id"))), "b(id); a()"},
		{"SELECT p FROM nowhere AS q (p)", sel("nowhere AS q(p)", nil, "p"), "nowhere(*)"},

		// Joins.
		{"SELECT 1 FROM a JOIN b ON a.id = w", sel(joinOf(InnerJoin, "a", "b", eq("a.id", "w")), nil), "a(id); b(w)"},
		{"SELECT 1 FROM a JOIN b USING (id)", sel(using(InnerJoin, "a", "b", "id"), nil), "a(id); b(id)"},
		{"SELECT 1 FROM nowhere JOIN b USING (id)", sel(using(InnerJoin, "nowhere", "c", "id"), nil), "nowhere(id); c()"},
		{"SELECT 1 FROM a NATURAL JOIN b", sel(natural("a", "b"), nil), "a(id,x); b(id,x)"},
		{"SELECT 1 FROM (nowhere, a) NATURAL JOIN b", sel(natural(joinOf(InnerJoin, "nowhere", "a", nil), "b"), nil), "nowhere(*); a(*); b(*)"},
		{"SELECT 1 FROM b NATURAL JOIN (nowhere, a)", sel(natural("b", joinOf(InnerJoin, "nowhere", "a", nil)), nil), "b(*); nowhere(*); a(*)"},
		{"SELECT 1 FROM a NATURAL JOIN nowhere", sel(natural("a", "nowhere"), nil), "a(*); nowhere(*)"},
		{"SELECT 1 FROM nowhere NATURAL JOIN a", sel(natural("nowhere", "a"), nil), "nowhere(*); a(*)"},
		{"SELECT 1 FROM (SELECT f(x) FROM a) q NATURAL JOIN (SELECT f(w) FROM b) p",
			sel(natural(sub(sel("a", nil, call("x")), "q"), sub(sel("b", nil, call("w")), "p")), nil), "a(x); b(w)"},
		{"SELECT 1 FROM (a JOIN b), c", sel(joinOf(InnerJoin, whole(joinOf(InnerJoin, "a", "b", nil)), "c", nil), nil), "a(*); b(*); c()"},
		{"SELECT 1 FROM c JOIN (a JOIN b ON y = w) ON k = x", sel(joinOf(InnerJoin, "c", joinOf(InnerJoin, "a", "b", eq("y", "w")), eq("k", "a.x")), nil),
			"c(k); a(x,y); b(w)"},
		{"SELECT (SELECT 1 FROM a, c JOIN d ON y = n) FROM a AS q", // in ON, y is not of the a beside it
			sel("a AS q", nil, exists(sel(joinOf(InnerJoin, "a", joinOf(InnerJoin, "c", "d", eq("y", "n")), nil), nil))), "a(y); a(); c(); d(n)"},
		{"SELECT q.x, q.w FROM (a JOIN b) AS q", sel(sub(joinOf(InnerJoin, "a", "b", nil), "q"), nil, "q.w"), "a(*); b(*)"},
		{"SELECT (SELECT b.w FROM (a JOIN b) AS q) FROM b", sel("b", nil, exists(sel(sub(joinOf(InnerJoin, "a", "b", nil), "q"), nil, "b.w"))), "b(w); a(*); b(*)"},
		{"SELECT (SELECT id FROM a JOIN b USING (id)) FROM d", sel("d", nil, exists(sel(using(InnerJoin, "a", "b", "id"), nil, "n"))), "d(n); a(id); b(id)"},

		// Subqueries.
		{"SELECT s.x FROM (SELECT x, y AS q FROM a) s", sel(sub(sel("a", nil, "x", "y AS q"), "s"), nil, "s.q"), "a(x,y)"},
		{"SELECT (SELECT y FROM (SELECT x FROM b) s) FROM a", sel("a", nil, exists(sel(sub(sel("b", nil, "x"), "s"), nil, "y", "x"))), "a(y); b(x)"},
		{"SELECT (SELECT x, y FROM (SELECT x FROM b) s (p)) FROM a", sel("a", nil, exists(sel(sub(sel("b", nil, "x"), "s(p)"), nil, "x", "p"))), "a(x); b(x)"},
		{"SELECT (SELECT y FROM (SELECT f(x) FROM b) s) FROM a", sel("a", nil, exists(sel(sub(sel("b", nil, call("x")), "s"), nil, "y"))), "a(y); b(x)"},
		{"SELECT (SELECT id FROM (VALUES (1, 2)) s (p, q)) FROM a", sel("a", nil, exists(sel(sub(values(row(1, 2)), "s(p,q)"), nil, "id", "p"))), "a(id)"},
		{"SELECT (SELECT id FROM (SELECT * FROM b) s) FROM a", sel("a", nil, exists(sel(sub(sel("b", nil, "*"), "s"), nil, "id", "y"))), "a(y); b(*)"},
		{"SELECT y IN (SELECT w FROM b) FROM a", sel("a", nil, Subquery{X: ex("y"), Query: sel("b", nil, "w")}), "a(y); b(w)"},
		{"SELECT x FROM a UNION SELECT k FROM c", union(sel("a", nil, "x"), sel("c", nil, "k")), "a(x); c(k)"},
		{"SELECT (SELECT k FROM (SELECT x FROM b UNION SELECT k FROM c) s) FROM d",
			sel("d", nil, exists(sel(sub(union(sel("b", nil, "x"), sel("c", nil, "k")), "s"), nil, "k"))), "d(k); b(x); c(k)"},
		{"VALUES ((SELECT x FROM a), 1), (1, (SELECT k FROM c))", values(row(exists(sel("a", nil, "x")), 1), row(1, exists(sel("c", nil, "k")))), "a(x); c(k)"},

		{"SELECT (SELECT x FROM (SELECT * FROM a JOIN b) s (p)) FROM o", // x is the second column of s
			sel("o", nil, exists(sel(sub(sel(joinOf(InnerJoin, "a", "b", nil), nil, "*"), "s(p)"), nil, "x"))), "o(); a(*); b(*)"},
		{"SELECT (SELECT x FROM (SELECT * FROM a JOIN b USING (x)) s (p)) FROM o", // x is the first, and called p
			sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "x"), nil, "*"), "s(p)"), nil, "x"))), "o(x); a(*); b(*)"},
		{"SELECT (SELECT x FROM (SELECT * FROM (SELECT * FROM a JOIN b USING (x)) r) s (p)) FROM o",
			sel("o", nil, exists(sel(sub(sel(sub(sel(using(InnerJoin, "a", "b", "x"), nil, "*"), "r"), nil, "*"), "s(p)"), nil, "x"))), "o(x); a(*); b(*)"},
		{"SELECT (SELECT x FROM (SELECT b.* FROM a JOIN b USING (id)) s (p)) FROM o",
			sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "id"), nil, "b.*"), "s(p)"), nil, "x", "p"))), "o(); a(id); b(*)"},
		{"SELECT (SELECT id, p FROM (SELECT b.* FROM a JOIN b USING (id)) s (p)) FROM o", // id has become p
			sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "id"), nil, "b.*"), "s(p)"), nil, "id", "p"))), "o(id); a(id); b(*)"},
		{"SELECT (SELECT x, p FROM (SELECT * FROM c JOIN d USING (k)) s (p, q, r)) FROM o",
			sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s(p,q,r)"), nil, "x", "p"))), "o(x); c(*); d(*)"},
		{"SELECT (SELECT x, k, n FROM (SELECT * FROM c JOIN d USING (k)) s) FROM o",
			sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s"), nil, "x", "k", "n"))), "o(x); c(*); d(*)"},
		{"SELECT (SELECT x FROM (SELECT * FROM nowhere) s) FROM o", // s may have an x
			sel("o", nil, exists(sel(sub(sel("nowhere", nil, "*"), "s"), nil, "x"))), "o(x); nowhere(*)"},
		{"SELECT (SELECT x FROM (SELECT * FROM (SELECT * FROM a JOIN b USING (x)) r, c) s (p)) FROM o",
			sel("o", nil, exists(sel(sub(sel(joinOf(InnerJoin, sub(sel(using(InnerJoin, "a", "b", "x"), nil, "*"), "r"), "c", nil), nil, "*"), "s(p)"), nil, "x"))),
			"o(x); a(*); b(*); c(*)"},
		{"SELECT (SELECT id FROM (SELECT b.* FROM a JOIN b USING (id)) s) FROM o",
			sel("o", nil, exists(sel(sub(sel(using(InnerJoin, "a", "b", "id"), nil, "b.*"), "s"), nil, "id"))), "o(); a(id); b(*)"},
		{"SELECT (SELECT id, x FROM (SELECT a.* FROM a, c) s) FROM o",
			sel("o", nil, exists(sel(sub(sel(joinOf(InnerJoin, "a", "c", nil), nil, "a.*"), "s"), nil, "id", "k"))), "o(k); a(*); c()"},

		// Lateral items.
		{"SELECT 1 FROM a, LATERAL (SELECT y FROM b) s", sel(joinOf(InnerJoin, "a", lateral(sel("b", nil, "y"), "s"), nil), nil), "a(y); b()"},
		{"SELECT 1 FROM a, (SELECT y FROM b) s", sel("c AS o", nil, exists(sel(joinOf(InnerJoin, "a", sub(sel("b", nil, "k"), "s"), nil), nil))), "c(k); a(); b()"},
		{"SELECT (SELECT 1 FROM LATERAL (SELECT y FROM c) s, a) FROM a AS q", // y is not of what comes after
			sel("a AS q", nil, exists(sel(joinOf(InnerJoin, lateral(sel("c", nil, "y"), "s"), "a", nil), nil))), "a(y); c(); a()"},
		{"SELECT 1 FROM a, (c CROSS JOIN LATERAL (SELECT y FROM b) s) AS q",
			sel(joinOf(InnerJoin, "a", sub(joinOf(InnerJoin, "c", lateral(sel("b", nil, "y", "k"), "s"), nil), "q"), nil), nil), "a(y); c(*); b()"},

		// Functions.
		{"SELECT 1 FROM a, f(y, 1)", sel(joinOf(InnerJoin, "a", &Item{Call: &Call{Name: "f", Args: exs([]any{"y", 1})}}, nil), nil), "a(y)"},
		{"SELECT f.w FROM b, f()", sel(joinOf(InnerJoin, "b", &Item{Call: &Call{Name: "f"}}, nil), nil, "f.w", "x"), "b(x)"},
		{"SELECT (SELECT w, q FROM f() AS q (p)) FROM b",
			sel("b", nil, exists(sel(sub(&Item{Call: &Call{Columns: []string{"w", "x"}}}, "q(p)"), nil, "w", "x", "p"))), "b(w)"},
		{"SELECT (SELECT w FROM f() AS q) FROM b", sel("b", nil, exists(sel(&Item{Alias: "q", Call: &Call{Columns: []string{"w"}}}, nil, "q.w", "id"))), "b(id)"},
		{"SELECT (SELECT k FROM f() AS q) FROM b", sel("c", nil, exists(sel(&Item{Alias: "q", Call: &Call{}}, nil, "k"))), "c(k)"},
		{"SELECT (SELECT w, r FROM f() AS q (p, r)) FROM b",
			sel("b", nil, exists(sel(sub(&Item{Call: &Call{Columns: []string{"w"}}}, "q(p,r)"), nil, "w", "r"))), "b(w)"},
		{"SELECT 1 FROM a, (c, f(y)) AS q",
			sel(joinOf(InnerJoin, "a", sub(joinOf(InnerJoin, "c", &Item{Call: &Call{Args: exs([]any{"y"})}}, nil), "q"), nil), nil), "a(y); c(*)"},

		// Common table expressions.
		{"WITH q AS (SELECT x FROM a) SELECT q.x FROM q, q AS p", withOf(sel(joinOf(InnerJoin, "q", "q AS p", nil), nil, "q.x", "p.x"), cteOf("q", sel("a", nil, "x"))), "a(x)"},
		{"WITH q AS (SELECT x FROM a) SELECT 1", withOf(sel(nil, nil), cteOf("q", sel("a", nil, "x"))), "a(x)"},
		{"WITH a AS (SELECT w FROM b) SELECT w FROM a", withOf(sel("a", nil, "w"), cteOf("a", sel("b", nil, "w"))), "b(w)"},
		{"WITH a AS (SELECT x FROM a) SELECT x FROM a", withOf(sel("a", nil, "x"), cteOf("a", sel("a", nil, "x"))), "a(x)"},
		{"WITH q AS (SELECT x FROM a), p AS (SELECT x FROM q) SELECT x FROM p",
			withOf(sel("p", nil, "x"), cteOf("q", sel("a", nil, "x")), cteOf("p", sel("q", nil, "x"))), "a(x)"},
		{"WITH c AS (SELECT x FROM d), d AS (SELECT x FROM a) SELECT x FROM c",
			withOf(sel("c", nil, "k"), cteOf("c", sel("d", nil, "k")), cteOf("d", sel("a", nil, "x"))), "d(k); a(x)"},
		{"WITH RECURSIVE c AS (SELECT x FROM d), d AS (SELECT x FROM a) SELECT x FROM c",
			recursive(withOf(sel("c", nil, "k"), cteOf("c", sel("d", nil, "k")), cteOf("d", sel("a", nil, "x")))), "d(k); a(x)"},
		{"WITH RECURSIVE c AS (SELECT x FROM d), d AS (SELECT x FROM a) SELECT x FROM c",
			forward(withOf(sel("c", nil, "x"), cteOf("c", sel("d", nil, "x")), cteOf("d", sel("a", nil, "x")))), "a(x)"},
		{"SELECT (WITH RECURSIVE c AS (SELECT x FROM d), d AS (SELECT x FROM a) SELECT x FROM c) FROM o", // x is the c's
			sel("o", nil, exists(forward(withOf(sel("c", nil, "x"), cteOf("c", sel("d", nil, "x")), cteOf("d", sel("a", nil, "x")))))), "o(); a(x)"},
		{"WITH RECURSIVE a AS (SELECT w FROM b UNION SELECT w FROM a) SELECT w FROM a",
			recursive(withOf(sel("a", nil, "w"), cteOf("a", union(sel("b", nil, "w"), sel("a", nil, "w"))))), "b(w)"},
		{"WITH RECURSIVE q AS (SELECT w FROM b UNION SELECT (SELECT y FROM q) FROM a) SELECT w FROM q",
			recursive(withOf(sel("q", nil, "w"), cteOf("q", union(sel("b", nil, "w"), sel("a", nil, exists(sel("q", nil, "y", "w"))))))), "b(w); a(y)"},
		{"WITH RECURSIVE q(p) AS (SELECT w FROM b UNION SELECT (SELECT w FROM q) FROM b) SELECT p FROM q",
			recursive(withOf(sel("q", nil, "p"), cteOf("q(p)", union(sel("b", nil, "x"), sel("b", nil, exists(sel("q", nil, "w", "p"))))))), "b(x); b(w)"},
		{"WITH q(p) AS (SELECT w FROM b) SELECT (SELECT p, w FROM q) FROM b AS o",
			withOf(sel("b AS o", nil, exists(sel("q", nil, "p", "w"))), cteOf("q(p)", sel("b", nil, "x"))), "b(x); b(w)"},
		{"WITH q AS (SELECT w FROM b) SELECT (SELECT p FROM q AS r (p)) FROM b AS o",
			withOf(sel("b AS o", nil, exists(sel("q AS r(p)", nil, "r.p", "w"))), cteOf("q", sel("b", nil, "x"))), "b(x); b(w)"},
		{"WITH q AS (SELECT x FROM a) SELECT (WITH q AS (SELECT w FROM b) SELECT w FROM q) FROM q",
			withOf(sel("q", nil, exists(withOf(sel("q", nil, "w"), cteOf("q", sel("b", nil, "w"))))), cteOf("q", sel("a", nil, "x"))), "a(x); b(w)"},
		{"WITH q AS (SELECT x FROM a) SELECT (WITH p AS (SELECT x FROM q) SELECT x FROM p) FROM b",
			withOf(sel("b", nil, exists(withOf(sel("p", nil, "x"), cteOf("p", sel("q", nil, "x"))))), cteOf("q", sel("a", nil, "x"))), "a(x); b()"},
		{"WITH q AS (SELECT x FROM a) SELECT (WITH p AS (SELECT w FROM b) SELECT x FROM q) FROM c",
			withOf(sel("c", nil, exists(withOf(sel("q", nil, "x"), cteOf("p", sel("b", nil, "w"))))), cteOf("q", sel("a", nil, "x"))), "a(x); c(); b(w)"},
		{"WITH q AS (SELECT x FROM a) SELECT q.x FROM q, b",
			withOf(sel(joinOf(InnerJoin, "q", "b", nil), nil, "q.x"), cteOf("q", sel("a", nil, "x"))), "a(x); b()"},
		{"WITH q AS (SELECT f(x) FROM a) SELECT p, q.p FROM q, b",
			withOf(sel(joinOf(InnerJoin, "q", "b", nil), nil, "p", "q.p"), cteOf("q", sel("a", nil, call("x")))), "a(x); b()"},
		{"SELECT p, s.p FROM (SELECT f(x) FROM a) s, b", sel(joinOf(InnerJoin, sub(sel("a", nil, call("x")), "s"), "b", nil), nil, "p", "s.p"), "a(x); b()"},
		{"SELECT (WITH p AS (SELECT y FROM c) SELECT 1) FROM a", sel("a", nil, exists(withOf(sel(nil, nil), cteOf("p", sel("c", nil, "y"))))), "a(y); c()"},
		{"WITH q AS (SELECT x FROM a) SELECT x FROM (SELECT x FROM q) s, LATERAL (SELECT x FROM q) r, f((SELECT x FROM q))",
			withOf(sel(joinOf(InnerJoin, joinOf(InnerJoin, sub(sel("q", nil, "x"), "s"), lateral(sel("q", nil, "x"), "r"), exists(sel("q", nil, "x"))),
				&Item{Call: &Call{Args: exs([]any{exists(sel("q", nil, "x"))})}}, nil), nil), cteOf("q", sel("a", nil, "x"))), "a(x)"},
		{"WITH q AS (SELECT x FROM a) SELECT 1 FROM (b JOIN LATERAL (SELECT x FROM q) s) AS r",
			withOf(sel(sub(joinOf(InnerJoin, "b", lateral(sel("q", nil, "x"), "s"), nil), "r"), nil), cteOf("q", sel("a", nil, "x"))), "a(x); b(*)"},

		// Views.
		{"SELECT x FROM view WHERE id = $1", sel("view", eq("id", 1), "x"), "b(*); c(*)"},
	}
	for _, tt := range tests {
		check(t, tt.sql, "reads", readsText(plain.Query(tt.q, catalog()).Reads), tt.want)
	}
}

// TestReadsBlind has no catalog: a name may be anything.
func TestReadsBlind(t *testing.T) {
	t.Parallel()
	word := Column{Name: "true", Word: &moneyclip.Value{Kind: moneyclip.ValueConst, Const: true}}
	tests := []struct {
		sql  string
		q    *Query
		want string
	}{
		{"SELECT x FROM a WHERE id = $1", sel("a", eq("id", 1), "x"), "a(id,x) id=$1"},
		{"SELECT x FROM s.a WHERE s.a.id = $1", sel("s.a", eq("s.a.id", 1), "x"), "s.a(id,x) id=$1"},
		{"SELECT x FROM a WHERE s.a.id = $1", sel("a", eq("s.a.id", 1), "x"), "a(id,x)"},
		{"SELECT x FROM a AS q WHERE s.a.id = $1", sel("a AS q", eq("s.a.id", 1), "x"), "a(*)"},
		{"SELECT x FROM a WHERE q.id = $1", sel("a", eq("a.id", 1), "x"), "a(id,x) id=$1"},
		{"SELECT x AS id FROM a WHERE id = $1", sel("a", eq("id", 1), "x AS id"), "a(id,x)"},
		{"SELECT 1 FROM a WHERE y = true", sel("a", eq("y", word)), "a(true,y)"},
		{"SELECT 1 FROM a WHERE true = $1", sel("a", eq(word, 1)), "a(true)"},
		{"SELECT x FROM a, b WHERE id = $1", sel(joinOf(InnerJoin, "a", "b", nil), eq("id", 1), "x"), "a(id,x); b(id,x)"},
		{"SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM b WHERE y = $1)", sel("a", exists(sel("b", eq("y", 1)))), "a(y); b(y)"},
		{"SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.y = $1)", sel("a", exists(sel("b", eq("b.y", 1)))), "a(); b(y)"},
		{"SELECT 1 FROM a AS q (p) WHERE p = $1", sel("a AS q(p)", eq("p", 1)), "a(*)"},
		{"SELECT 1 FROM a AS q (p) WHERE q.p = $1 AND q.id = $1", sel("a AS q(p)", and(eq("q.p", 1), eq("q.id", 1))), "a(*) id=$1"},
		{"SELECT x FROM x.a WHERE y.a.id = $1", sel("x.a", eq("y.a.id", 1)), "x.a(*)"},
		{"SELECT 1 FROM s.a WHERE s.a.id = $1 AND EXISTS (SELECT 1 FROM a, b WHERE b.x = s.a.id)", // s.a may be that a
			sel("s.a", and(eq("s.a.id", 1), exists(sel(joinOf(InnerJoin, "a", "b", nil), eq("b.x", "s.a.id"))))), "s.a(id) id=$1; a(id); b(x)"},
		{"SELECT x FROM a JOIN b USING (id) WHERE a.id = $1", sel(using(InnerJoin, "a", "b", "id"), eq("a.id", 1)), "a(id) id=$1; b(id)"},
		{"SELECT 1 FROM a, b WHERE a.id = $1 AND b.a_id = a.id",
			sel(joinOf(InnerJoin, "a", "b", nil), and(eq("a.id", 1), eq("b.a_id", "a.id"))), "a(id) id=$1; b(a_id) a_id=$1~a.id"},
	}
	for _, tt := range tests {
		m := plain.Query(tt.q, nil)
		check(t, tt.sql, "reads", readsText(m.Reads), tt.want)
		check(t, tt.sql, "is impure because it", m.Impure, "")
	}
}

// TestImpure: why a SELECT is no function of rows and arguments.
func TestImpure(t *testing.T) {
	t.Parallel()
	now := Other{Impure: "calls now()"}
	opaque := "holds an expression that is not understood"
	tests := []struct {
		sql   string
		q     *Query
		want  string
		reads string
	}{
		{"SELECT x FROM a", sel("a", nil, "x"), "", "a(x)"},
		{"SELECT now()", sel(nil, nil, now), "calls now()", ""},
		{"SELECT f(now())", sel(nil, nil, call(now)), "calls now()", ""},
		{"SELECT g(now())", sel(nil, nil, Other{Impure: "calls g()", Parts: []Expr{now}}), "calls g()", ""},
		{"SELECT CAST(now() AS t)", sel(nil, nil, cast(now, "t")), "calls now()", ""},
		{"SELECT 1 WHERE $1 = now() AND $1", sel(nil, and(eq(1, now), ex(1))), "calls now()", ""},
		{"SELECT 1 WHERE $1 AND now()", sel(nil, and(ex(1), now)), "calls now()", ""},
		{"SELECT 1 WHERE $1 IN (now())", sel(nil, in(1, now)), "calls now()", ""},
		{"SELECT 1 FROM a JOIN b ON now()", sel(joinOf(LeftJoin, "a", "b", now), nil), "calls now()", "a(); b()"},
		{"SELECT 1 FROM f(now())", sel(&Item{Call: &Call{Args: []Expr{now}}}, nil), "calls now()", ""},
		{"SELECT 1 FROM f()", sel(&Item{Call: &Call{Impure: "calls f()"}}, nil), "calls f()", ""},
		{"SELECT 1 FROM (SELECT now()) s", sel(sub(sel(nil, nil, now), "s"), nil), "calls now()", ""},
		{"WITH q AS (SELECT now()) SELECT 1", withOf(sel(nil, nil), cteOf("q", sel(nil, nil, now))), "calls now()", ""},
		{"VALUES (1, now())", values(row(1, now)), "calls now()", ""},
		{"SELECT ? FROM a", sel("a", nil, Opaque{}), opaque, "a(*)"},
		{"SELECT ? FROM a", sel("a", nil, Opaque{"calls f()"}), "calls f()", "a(*)"},
		{"SELECT (SELECT ? FROM b) FROM a", sel("a", nil, exists(sel("b", nil, &Column{}))), opaque, "a(*); b(*)"},
		{"SELECT 1 FROM (?) q", sel(&Item{Alias: "q"}, nil), "reads an item of FROM that is not understood", ""},
		{"SELECT 1 FROM a JOIN ?", sel(&Item{Join: &Join{Left: item("a")}}, nil), "reads an item of FROM that is not understood", "a()"},
		{"SELECT (?)", sel(nil, nil, Subquery{}), "holds a query that is not understood", ""},
		{"?", &Query{}, "holds a query that is not understood", ""},

		{"SELECT 1 FROM nowhere", sel("nowhere", nil), "reads nowhere, which is not in the catalog", "nowhere()"},
		{"SELECT 1 FROM t.a", sel("t.a", nil), "reads t.a, which is not in the catalog", "t.a()"},
		{"SELECT 1 FROM virtual", sel("virtual", nil), "reads virtual: a virtual table", "virtual()"},
		{"SELECT 1 FROM guarded", sel("guarded", nil), "reads guarded: it has row security", "guarded()"},
		{"SELECT a.f FROM a", sel("a", nil, "a.f"), "reads a.f, which is not a column", "a(*)"},
		{"SELECT (SELECT a.y FROM b AS a) FROM a", sel("a", nil, exists(sel("b AS a", nil, "a.y"))), "", "a(y); b(y)"},
		{"SELECT (SELECT a.f FROM bare AS a) FROM a", sel("a", nil, exists(sel("bare AS a", nil, "a.f"))), "", "a(f); bare(f)"},
		{"SELECT a FROM a", sel("a", nil, "a"), "", "a(*)"},
		{"SELECT 1 FROM bare WHERE q = $1", sel("bare", eq("q", 1)), "", "bare(q) q=$1"},
	}
	for _, tt := range tests {
		m := plain.Query(tt.q, catalog())
		check(t, tt.sql, "is impure because it", m.Impure, tt.want)
		check(t, tt.sql, "reads", readsText(m.Reads), tt.reads)
		if m.Pending {
			t.Errorf("%s: is pending", tt.sql)
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
		sql          string
		q            *Query
		want, impure string
	}{
		{"SELECT 1 FROM nowhere", sel("nowhere", nil), "nowhere()", "reads nowhere, which is nowhere"},
		{"SELECT 1 FROM system", sel("system", nil), "system()", "reads what is the system's"},
		{"SELECT 1 FROM c", sel("c", nil), "c()", "reads c, which has a b_id"},
		{"SELECT rowid FROM a WHERE rowid = $1", sel("a", eq("rowid", 1), "rowid"), "a(id) id=$1", ""},
		{"SELECT rowid FROM a WHERE a.rowid = $1", sel("a", eq("a.rowid", 1), "rowid"), "a(id) id=$1", ""},
		{"SELECT 1 FROM b WHERE rowid = $1", sel("b", eq("rowid", 1)), "b(rowid)", ""},
		{"SELECT 1 FROM b WHERE b.rowid = $1", sel("b", eq("b.rowid", 1)), "b(rowid)", ""},
		{"SELECT 1 FROM a, b WHERE rowid = $1", sel(joinOf(InnerJoin, "a", "b", nil), eq("rowid", 1)), "a(id); b(rowid)", ""},
		{"SELECT rowid FROM (SELECT x FROM a) s", sel(sub(sel("a", nil, "x"), "s"), nil, "rowid"), "a(x)", ""},
		{"SELECT id FROM main.a WHERE main.a.y = $1", sel("main.a", eq("main.a.y", 1), "id"), "a(id,y) y=$1", ""},
		{"SELECT id FROM main.a WHERE a.y = $1", sel("main.a", eq("a.y", 1), "id"), "a(id,y) y=$1", ""},
		{"SELECT id FROM a WHERE main.a.y = $1", sel("a", eq("main.a.y", 1), "id"), "a(id,y) y=$1", ""},
		{"WITH a AS (SELECT 1 AS id) SELECT id FROM main.a", withOf(sel("main.a", nil, "id"), cteOf("a", sel(nil, nil, constant(1)))), "a(id)", ""},
		{"SELECT 1 FROM a JOIN b ON d.n = $1 JOIN d",
			sel(joinOf(InnerJoin, joinOf(InnerJoin, "a", "b", and(eq("d.n", 1), eq("a.id", "n"))), "d", nil), nil), "a(id); b(); d(n)", ""},
	}
	for _, tt := range tests {
		m := rich.Query(tt.q, catalog())
		check(t, tt.sql, "reads", readsText(m.Reads), tt.want)
		check(t, tt.sql, "is impure because it", m.Impure, tt.impure)
	}
	for name, want := range map[string]string{"nowhere": "", "c": "", "system": "reads what is the system's"} {
		check(t, name+" without a catalog", "is impure because it", rich.Query(sel(name, nil), nil).Impure, want)
	}
}
