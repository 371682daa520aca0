package query

import (
	"testing"

	"github.com/moneyclip/moneyclip"
)

// TestPins is about pins and links: the SQL is for people.
func TestPins(t *testing.T) {
	t.Parallel()
	id1, joined := eq("a.id", 1), eq("b.a_id", "a.id")
	tests := []struct {
		sql         string
		q           *Query
		want, links string
	}{
		// Forms.
		{"y = $1", sel("a", eq("y", 1)), "a(y) y=$1", ""},
		{"$1 = y", sel("a", eq(1, "y")), "a(y) y=$1", ""},
		{"y = 5 AND x = 'q' AND z = NULL", sel("a", and(eq("y", constant(int64(5))), eq("x", constant("q")), eq("z", constant(nil)))),
			`a(x,y,z) x="q" y=5 z=<nil>`, ""},
		{"y = f($1)", sel("a", eq("y", call(1))), "a(y)", ""},
		{"f(y) = $1", sel("a", eq(call("y"), 1)), "a(y)", ""},
		{"f(y = $1)", sel("a", call(eq("y", 1))), "a(y)", ""},
		{"(y = $1) = $2", sel("a", eq(eq("y", 1), 2)), "a(y)", ""},
		{"y IN ($1, $2)", sel("a", in("y", 1, 2)), "a(y) y=$1|$2", ""},
		{"y IN ($1, z)", sel("a", in("y", 1, "z")), "a(y,z)", ""},
		{"y IN ()", sel("a", in("y")), "a(y)", ""},
		{"$1 IN (y)", sel("a", in(1, "y")), "a(y)", ""},
		{"(x, y) = ($1, $2)", sel("a", eq(row("x", "y"), row(1, 2))), "a(x,y) x=$1 y=$2", ""},
		{"(x, y) = ($1)", sel("a", eq(row("x", "y"), row(1))), "a(x,y)", ""},
		{"(x, y) = $1", sel("a", eq(row("x", "y"), 1)), "a(x,y)", ""},
		{"x = ($1)", sel("a", eq("x", row(1))), "a(x)", ""},
		{"y = ANY($1)", sel("a", eq("y", element(1))), "a(y) y=any($1)", ""},
		{"(x, y) = ($2, ANY($1))", sel("a", eq(row("x", "y"), row(2, element(1)))), "a(x,y) x=$2", ""},
		{"y IN (ANY($1))", sel("a", in("y", element(1))), "a(y)", ""},
		{"y = old value", sel("a", eq("y", Operand{moneyclip.Value{Kind: moneyclip.ValueOld, Column: "y"}})), "a(y)", ""},
		{"CAST(y AS int) = $1", sel("a", eq(cast("y", "int"), 1)), "a(y)", ""},
		{"y = CAST($1 AS int)", sel("a", eq("y", cast(1, "int"))), "a(y)", ""},

		// Names.
		{"q.y = $1", sel("a AS q", eq("q.y", 1)), "a(y) y=$1", ""},
		{"a.y = $1 of an a that is called q", sel("a AS q", eq("a.y", 1)), "a(*)", ""},
		{"q.p = $1 AND r = $2 of an a AS q (p, r)", sel("a AS q(p,r)", and(eq("q.p", 1), eq("r", 2))), "a(id,x) id=$1 x=$2", ""},
		{"a.v = $1 in two schemas", sel(joinOf(InnerJoin, "s.a", "a", nil), eq("a.id", 1)), "s.a(id); a(id)", ""},
		{"s.a.v = $1 in two schemas", sel(joinOf(InnerJoin, "s.a", "a", nil), eq("s.a.v", 1)), "s.a(v) v=$1; a()", ""},
		{"s.a.v = $1 of an s.a that is called a", sel("s.a AS a", eq("s.a.v", 1)), "s.a(*)", ""},
		{"p.u.id = $1 of a u", sel("u", eq("p.u.id", 1)), "p.u(id) id=$1", ""},
		{"id = $1 of two", sel(joinOf(InnerJoin, "a", "b", nil), eq("id", 1)), "a(id); b(id)", ""},
		{"a.id = $1 of two", sel(joinOf(InnerJoin, "a", "a", nil), eq("a.id", 1)), "a(id); a(id)", ""},
		{"id = $1 of a table and one that is not known", sel(joinOf(InnerJoin, "a", "nowhere", nil), eq("id", 1)), "a(id); nowhere(id)", ""},
		{"q = $1 of two that are not known", sel(joinOf(InnerJoin, "nowhere", "bare", nil), eq("q", 1)), "nowhere(q); bare(q)", ""},
		{"a.f = $1", sel("a", eq("a.f", 1)), "a(*)", ""},
		{"id = $1 of a view", sel("view", eq("id", 1)), "b(*); c(*)", ""},
		{"id = $1 of a view that is not read", sel("pending", eq("id", 1)), "pending(id)", ""},
		{"id = $1 of a subquery", sel(sub(sel("a", nil, "id"), "s"), eq("id", 1)), "a(id)", ""},
		{"s.id = $1 of a subquery", sel(sub(sel("a", nil, "id"), "s"), eq("s.id", 1)), "a(id)", ""},
		{"id = $1 of a common table expression", withOf(sel("q", eq("id", 1)), cteOf("q", sel("a", nil, "id"))), "a(id)", ""},

		// Joins.
		{"a JOIN b ON joined WHERE a.id = $1", sel(joinOf(InnerJoin, "a", "b", joined), id1), "a(id) id=$1; b(a_id) a_id=$1~a.id", "0.id=1.a_id 1.a_id=0.id"},
		{"a, b WHERE joined AND a.id = $1", sel(joinOf(InnerJoin, "a", "b", nil), and(joined, id1)),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "0.id=1.a_id 1.a_id=0.id"},
		{"a JOIN b ON joined WHERE b.a_id = $1", sel(joinOf(InnerJoin, "a", "b", joined), eq("b.a_id", 1)),
			"a(id) id=$1~b.a_id; b(a_id) a_id=$1", "0.id=1.a_id 1.a_id=0.id"},
		{"a, b, c: along two equalities", sel(joinOf(InnerJoin, joinOf(InnerJoin, "a", "b", nil), "c", nil), and(eq("c.b_id", "b.id"), eq("b.id", "a.id"), id1)),
			"a(id) id=$1; b(id) id=$1~a.id; c(b_id) b_id=$1~a.id~b.id", "0.id=1.id 1.id=0.id 1.id=2.b_id 2.b_id=1.id"},
		{"a.y = ANY($1) AND b.w = a.y", sel(joinOf(InnerJoin, "a", "b", nil), and(eq("a.y", element(1)), eq("b.w", "a.y"))),
			"a(y) y=any($1); b(w) w=any($1)~a.y", "0.y=1.w 1.w=0.y"},
		{"a.y = a.z AND a.z = $1", sel("a", and(eq("y", "z"), eq("z", 1))), "a(y,z) y=$1~a.z z=$1", ""},
		{"a pin of its own is kept", sel(joinOf(InnerJoin, "a", "b", nil), and(id1, joined, eq("b.a_id", 2))), "a(id) id=$1; b(a_id) a_id=$2", "0.id=1.a_id 1.a_id=0.id"},
		{"a JOIN b ON a.id = $1 AND b.id = $2", sel(joinOf(InnerJoin, "a", "b", and(id1, eq("b.id", 2))), nil), "a(id) id=$1; b(id) id=$2", ""},
		{"a LEFT JOIN b ON b.id = $2 AND a.id = $1", sel(joinOf(LeftJoin, "a", "b", and(id1, eq("b.id", 2))), nil), "a(id); b(id) id=$2", ""},
		{"a LEFT JOIN b ON joined WHERE a.id = $1", sel(joinOf(LeftJoin, "a", "b", joined), id1), "a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{"a LEFT JOIN b ON joined WHERE b.a_id = $1", sel(joinOf(LeftJoin, "a", "b", joined), eq("b.a_id", 1)), "a(id); b(a_id) a_id=$1", "1.a_id=0.id"},
		{"a LEFT JOIN b ON joined AND b.a_id = $1", sel(joinOf(LeftJoin, "a", "b", and(joined, eq("b.a_id", 1))), nil), "a(id); b(a_id) a_id=$1", "1.a_id=0.id"},
		{"a RIGHT JOIN b ON joined AND b.w = $1 AND a.y = $1", sel(joinOf(OutwardJoin, "a", "b", and(joined, eq("b.w", 1), eq("a.y", 1))), nil), "a(id,y); b(a_id,w)", ""},
		{"a RIGHT JOIN b WHERE joined AND a.id = $1", sel(joinOf(OutwardJoin, "a", "b", nil), and(joined, id1)),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "0.id=1.a_id 1.a_id=0.id"},
		{"(a JOIN b ON a.id = $1) FULL JOIN c", sel(joinOf(OutwardJoin, joinOf(InnerJoin, "a", "b", id1), "c", nil), nil), "a(id); b(); c()", ""},
		{"c FULL JOIN (a JOIN b ON a.id = $1)", sel(joinOf(OutwardJoin, "c", joinOf(InnerJoin, "a", "b", id1), nil), nil), "c(); a(id); b()", ""},
		{"(a FULL JOIN b) JOIN c ON a.id = $1", sel(joinOf(InnerJoin, joinOf(OutwardJoin, "a", "b", nil), "c", id1), nil), "a(id) id=$1; b(); c()", ""},
		{"(a FULL JOIN b) LEFT JOIN c ON a.id = $1 AND c.k = $2", sel(joinOf(LeftJoin, joinOf(OutwardJoin, "a", "b", nil), "c", and(id1, eq("c.k", 2))), nil),
			"a(id); b(); c(k) k=$2", ""},
		{"c LEFT JOIN (a JOIN b ON joined AND a.id = $1) ON c.b_id = b.id", // whatever matches, no other a is there
			sel(joinOf(LeftJoin, "c", joinOf(InnerJoin, "a", "b", and(joined, id1)), eq("c.b_id", "b.id")), nil),
			"c(b_id); a(id) id=$1; b(a_id,id) a_id=$1~a.id", "1.id=2.a_id 2.a_id=1.id 2.id=0.b_id"},
		{"(a LEFT JOIN b ON joined) JOIN c ON b.id = c.b_id AND c.b_id = $1",
			sel(joinOf(InnerJoin, joinOf(LeftJoin, "a", "b", joined), "c", and(eq("b.id", "c.b_id"), eq("c.b_id", 1))), nil),
			"a(id); b(a_id,id) id=$1~c.b_id; c(b_id) b_id=$1", "1.a_id=0.id 1.id=2.b_id 2.b_id=1.id"},
		{"a LEFT JOIN (b LEFT JOIN c ON b.w = $1 AND c.k = $2) ON joined",
			sel(joinOf(LeftJoin, "a", joinOf(LeftJoin, "b", "c", and(eq("b.w", 1), eq("c.k", 2))), joined), id1),
			"a(id) id=$1; b(a_id,w) a_id=$1~a.id; c(k) k=$2", "1.a_id=0.id"},

		// USING.
		{"a JOIN b USING (id) WHERE a.id = $1", sel(using(InnerJoin, "a", "b", "id"), id1), "a(id) id=$1; b(id) id=$1~a.id", "0.id=1.id 1.id=0.id"},
		{"a JOIN b USING (id) WHERE b.id = $1", sel(using(InnerJoin, "a", "b", "id"), eq("b.id", 1)), "a(id) id=$1~b.id; b(id) id=$1", "0.id=1.id 1.id=0.id"},
		{"a JOIN b USING (id) WHERE id = $1", sel(using(InnerJoin, "a", "b", "id"), eq("id", 1)), "a(id) id=$1; b(id) id=$1~a.id", "0.id=1.id 1.id=0.id"},
		{"a LEFT JOIN b USING (id) WHERE b.id = $1", sel(using(LeftJoin, "a", "b", "id"), eq("b.id", 1)), "a(id); b(id) id=$1", "1.id=0.id"},
		{"a FULL JOIN b USING (id) WHERE id = $1", sel(using(OutwardJoin, "a", "b", "id"), eq("id", 1)), "a(id); b(id)", ""},
		{"a FULL JOIN b USING (id) WHERE a.id = $1", sel(using(OutwardJoin, "a", "b", "id"), id1), "a(id) id=$1; b(id)", ""},
		{"(a FULL JOIN b USING (id)) JOIN (SELECT b_id AS id FROM c) JOIN s.a USING (id)",
			sel(using(InnerJoin, using(OutwardJoin, "a", "b", "id"), "s.b AS q", "id"), eq("q.id", 1)), "a(id); b(id); s.b(id) id=$1", ""},
		{"(a FULL JOIN b USING (id)) JOIN c ON id = $1", sel(joinOf(InnerJoin, using(OutwardJoin, "a", "b", "id"), "c", eq("id", 1)), nil), "a(id); b(id); c()", ""},
		{"(a FULL JOIN b USING (id) ON id = $1)", sel(&Item{Join: &Join{Left: item(using(OutwardJoin, "a", "b", "id")), Right: item("c"), Kind: LeftJoin,
			On: and(eq("id", "c.b_id"))}}, eq("a.id", 1)), "a(id) id=$1; b(id); c(b_id)", ""},
		{"(c JOIN a ON TRUE) JOIN b USING (id) WHERE a.id = $1", sel(using(InnerJoin, joinOf(InnerJoin, "c", "a", nil), "b", "id"), id1),
			"c(); a(id) id=$1; b(id) id=$1~a.id", "1.id=2.id 2.id=1.id"},
		{"a JOIN (b JOIN c) USING (id)", sel(using(InnerJoin, "a", joinOf(InnerJoin, "b", "c", nil), "id"), id1), "a(id) id=$1; b(id); c()", ""},
		{"nowhere JOIN a USING (id)", sel(using(InnerJoin, "nowhere", "a", "id"), id1), "nowhere(id); a(id) id=$1", ""},
		{"a JOIN nowhere USING (id)", sel(using(InnerJoin, "a", "nowhere", "id"), id1), "a(id) id=$1; nowhere(id)", ""},
		{"(nowhere, a) JOIN b USING (id)", sel(using(InnerJoin, joinOf(InnerJoin, "nowhere", "a", nil), "b", "id"), eq("b.id", 1)), "nowhere(id); a(id); b(id) id=$1", ""},
		{"(SELECT id FROM a) s JOIN b USING (id)", sel(using(InnerJoin, sub(sel("a", nil, "id"), "s"), "b", "id"), eq("b.id", 1)), "a(id); b(id) id=$1", ""},
		{"b JOIN (SELECT id FROM a) s USING (id)", sel(using(InnerJoin, "b", sub(sel("a", nil, "id"), "s"), "id"), eq("b.id", 1)), "b(id) id=$1; a(id)", ""},
		{"c JOIN d USING (id), which c has not", sel(using(InnerJoin, "c", "a", "id"), id1), "c(); a(id) id=$1", ""},
		{"a AS q (p) JOIN b AS r (p) USING (p)", sel(using(InnerJoin, "a AS q(p)", "b AS r(p)", "p"), eq("q.p", 1)),
			"a(id) id=$1; b(id) id=$1~a.id", "0.id=1.id 1.id=0.id"},
		{"nowhere AS q (p) JOIN b AS r (p) USING (p)", sel(using(InnerJoin, "nowhere AS q(p)", "b AS r(p)", "p"), eq("r.p", 1)), "nowhere(*); b(id) id=$1", ""},
		{"b AS r (p) JOIN nowhere AS q (p) USING (p)", sel(using(InnerJoin, "b AS r(p)", "nowhere AS q(p)", "p"), eq("r.p", 1)), "b(id) id=$1; nowhere(*)", ""},
		{"a NATURAL JOIN b WHERE a.id = $1", sel(natural("a", "b"), id1), "a(id,x) id=$1; b(id,x) id=$1~a.id", "0.id=1.id 0.x=1.x 1.id=0.id 1.x=0.x"},

		{"a JOIN b USING (id, x) WHERE id = $1 AND x = $2", sel(using(InnerJoin, "a", "b", "id", "x"), and(eq("id", 1), eq("x", 2))),
			"a(id,x) id=$1 x=$2; b(id,x) id=$1~a.id x=$2~a.x", "0.id=1.id 0.x=1.x 1.id=0.id 1.x=0.x"},
		{"(view JOIN b USING (id)) JOIN a USING (id)", sel(using(InnerJoin, using(InnerJoin, "view", "b", "id"), "a", "id"), id1), "b(*); c(*); b(id); a(id) id=$1", ""},
		{"((SELECT id FROM c) s JOIN b USING (id)) JOIN a USING (id)",
			sel(using(InnerJoin, using(InnerJoin, sub(sel("c", nil, "b_id AS id"), "s"), "b", "id"), "a", "id"), id1), "c(b_id); b(id); a(id) id=$1", ""},

		// Whether all columns of an item are known.
		{"(VALUES ($1, $2)) s, b WHERE w = $1", sel(joinOf(InnerJoin, sub(values(row(1, 2)), "s"), "b", nil), eq("w", 1)), "b(w)", ""},
		{"(VALUES ($1, $2)) s (p), b WHERE w = $1", sel(joinOf(InnerJoin, sub(values(row(1, 2)), "s(p)"), "b", nil), eq("w", 1)), "b(w)", ""},
		{"(VALUES ($1, $2)) s (p, q), b WHERE w = $1", sel(joinOf(InnerJoin, sub(values(row(1, 2)), "s(p,q)"), "b", nil), eq("w", 1)), "b(w) w=$1", ""},
		{"(SELECT * FROM nowhere, c) s, b WHERE w = $1",
			sel(joinOf(InnerJoin, sub(sel(joinOf(InnerJoin, "nowhere", "c", nil), nil, "*"), "s"), "b", nil), eq("w", 1)), "nowhere(*); c(*); b(w)", ""},
		{"(SELECT * FROM c, nowhere) s, b WHERE w = $1",
			sel(joinOf(InnerJoin, sub(sel(joinOf(InnerJoin, "c", "nowhere", nil), nil, "*"), "s"), "b", nil), eq("w", 1)), "c(*); nowhere(*); b(w)", ""},
		{"(SELECT * FROM c JOIN d USING (k)) s (p, q, r), b WHERE w = $1",
			sel(joinOf(InnerJoin, sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s(p,q,r)"), "b", nil), eq("w", 1)), "c(*); d(*); b(w) w=$1", "0.k=1.k 1.k=0.k"},
		{"(SELECT * FROM c JOIN d USING (k)) s (p, q), b WHERE w = $1",
			sel(joinOf(InnerJoin, sub(sel(using(InnerJoin, "c", "d", "k"), nil, "*"), "s(p,q)"), "b", nil), eq("w", 1)), "c(*); d(*); b(w)", "0.k=1.k 1.k=0.k"},
		{"(SELECT * FROM nowhere) s WHERE s.q = $1 AND EXISTS (SELECT 1 FROM b WHERE w = s.q)",
			sel(sub(sel("nowhere", nil, "*"), "s"), and(eq("s.q", 1), exists(sel("b", eq("w", "s.q"))))), "nowhere(*); b(w)", ""},
		{"y IN ($1, q)", sel("a", in("y", 1, "q")), "a(*)", ""},

		// Subqueries.
		{"EXISTS (SELECT 1 FROM b WHERE joined)", sel("a", and(id1, exists(sel("b", joined)))), "a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{"NOT EXISTS (SELECT 1 FROM b WHERE joined)", sel("a", and(id1, call(exists(sel("b", joined))))), "a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{"EXISTS (SELECT 1 FROM b WHERE a.id = $1)", sel("a", exists(sel("b", id1))), "a(id); b()", ""},
		{"EXISTS (SELECT 1 FROM b WHERE joined AND b.a_id = $1)", sel("a", exists(sel("b", and(joined, eq("b.a_id", 1))))), "a(id); b(a_id) a_id=$1", "1.a_id=0.id"},
		{"EXISTS (SELECT 1 FROM c WHERE k = x)", sel("a", and(eq("x", 1), exists(sel("c", eq("k", "x"))))), "a(x) x=$1; c(k) k=$1~a.x", "1.k=0.x"},
		{"EXISTS (SELECT 1 FROM b AS a WHERE a.y = $1)", sel("a", exists(sel("b AS a", eq("a.w", 1)))), "a(); b(w) w=$1", ""},
		{"EXISTS (SELECT 1 FROM b AS a WHERE a.y = $1), which b has not", sel("a", exists(sel("b AS a", eq("a.y", 1)))), "a(y); b(y)", ""},
		{"EXISTS (SELECT 1 FROM (SELECT 1 FROM b WHERE joined) s)", sel("a", and(id1, exists(sel(sub(sel("b", joined), "s"), nil)))), "a(id) id=$1; b(a_id)", ""},
		{"(SELECT 1 FROM c LEFT JOIN b ON joined)", sel("a", and(id1, exists(sel(joinOf(LeftJoin, "c", "b", joined), nil)))), "a(id) id=$1; c(); b(a_id) a_id=$1~a.id", "2.a_id=0.id"},
		{"FROM a JOIN c ON EXISTS (SELECT 1 FROM b WHERE joined)", sel(joinOf(InnerJoin, "a", "c", exists(sel("b", joined))), id1),
			"a(id) id=$1; c(); b(a_id) a_id=$1~a.id", "2.a_id=0.id"},
		{"(SELECT 1 FROM (c JOIN d ON k = x)) in a", sel("a", and(eq("x", 1), exists(sel(joinOf(InnerJoin, "c", joinOf(LeftJoin, "c AS e", "d", eq("d.k", "x")), nil), nil)))),
			"a(x) x=$1; c(); c(); d(k) k=$1~a.x", "3.k=0.x"},
		{"(SELECT 1 FROM (SELECT 1 FROM c JOIN d ON d.k = a.x) s) in a",
			sel("a", and(eq("x", 1), exists(sel(sub(sel(joinOf(LeftJoin, "c", "d", eq("d.k", "a.x")), nil), "s"), nil)))), "a(x) x=$1; c(); d(k)", ""},
		{"UNION", union(sel("a", id1), sel("a", eq("a.id", 2))), "a(id) id=$1; a(id) id=$2", ""},
		{"WITH q AS (SELECT 1 FROM b WHERE joined), below a", sel("a", and(id1, exists(withOf(sel("q", nil), cteOf("q", sel("b", joined)))))), "a(id) id=$1; b(a_id)", ""},

		// Lateral items.
		{"a, LATERAL (SELECT 1 FROM b WHERE joined) s WHERE a.id = $1", sel(joinOf(InnerJoin, "a", lateral(sel("b", joined), "s"), nil), id1),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{"a LEFT JOIN LATERAL (SELECT 1 FROM b WHERE joined AND a.y = $2) s WHERE a.id = $1",
			sel(joinOf(LeftJoin, "a", lateral(sel("b", and(joined, eq("a.y", 2))), "s"), nil), id1), "a(id,y) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{"(SELECT 1 FROM LATERAL (SELECT 1 FROM b WHERE joined) s) in a", sel("a", and(id1, exists(sel(lateral(sel("b", joined), "s"), nil)))),
			"a(id) id=$1; b(a_id) a_id=$1~a.id", "1.a_id=0.id"},
		{"(SELECT 1 FROM (SELECT 1 FROM LATERAL (SELECT 1 FROM b WHERE joined) s) r) in a",
			sel("a", and(id1, exists(sel(sub(sel(lateral(sel("b", joined), "s"), nil), "r"), nil)))), "a(id) id=$1; b(a_id)", ""},
		{"a, f((SELECT 1 FROM b WHERE joined)) WHERE a.id = $1",
			sel(joinOf(InnerJoin, "a", &Item{Call: &Call{Args: []Expr{exists(sel("b", and(joined, eq("w", 2))))}}}, nil), id1), "a(id) id=$1; b(a_id,w) w=$2", ""},
		{"(a JOIN b ON joined) AS q, with a.id = $1 above", sel("a", and(id1, exists(sel(sub(joinOf(InnerJoin, "a", "b", eq("b.w", 2)), "q"), id1)))),
			"a(id) id=$1; a(*); b(*) w=$2", ""},
		{"a function of the name", sel(&Item{Call: &Call{Name: "f", Columns: []string{"id"}}}, eq("f.id", 1)), "", ""},
	}
	for _, tt := range tests {
		m := plain.Query(tt.q, catalog())
		check(t, tt.sql, "reads", readsText(m.Reads), tt.want)
		check(t, tt.sql, "links", linksText(m.Reads), tt.links)
	}
}

// TestPinsDialect is about pins that need the dialect's word.
func TestPinsDialect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sql  string
		q    *Query
		want string
	}{
		{"y = CAST($1 AS int)", sel("a", eq("y", cast(1, "int"))), "a(y) y=$1"},
		{"y = CAST($1 AS text)", sel("a", eq("y", cast(1, "text"))), "a(y)"},
		{"y = CAST(CAST($1 AS text) AS int)", sel("a", eq("y", cast(cast(1, "text"), "int"))), "a(y)"},
		{"y = CAST(CAST($1 AS int) AS int)", sel("a", eq("y", cast(cast(1, "int"), "int"))), "a(y) y=$1"},
		{"y = ANY(CAST($1 AS int))", sel("a", eq("y", cast(element(1), "int"))), "a(y) y=any($1)"},
		{"y = ANY(CAST($1 AS text))", sel("a", eq("y", cast(element(1), "text"))), "a(y)"},
		{"(y, z) = (CAST($1 AS int), CAST(ANY($2) AS int))", sel("a", eq(row("y", "z"), row(cast(1, "int"), cast(element(2), "int")))), "a(y,z) y=$1"},
		{"y IN (CAST($1 AS int), $2)", sel("a", in("y", cast(1, "int"), 2)), "a(y) y=$1|$2"},
		{"CAST(y AS int) = $1", sel("a", eq(cast("y", "int"), 1)), "a(y)"},
		{"q = CAST($1 AS int), of a table that is not known", sel("bare", eq("q", cast(1, "int"))), "bare(q)"},
		{"ON sees items further on", sel(joinOf(InnerJoin, joinOf(LeftJoin, "a", "b", eq("b.w", "d.n")), "d", nil), eq("d.n", 1)), "a(); b(w) w=$1~d.n; d(n) n=$1"},
		{"ON sees nothing beside a subquery in disguise",
			sel("a AS q", and(eq("q.y", 1), exists(sel(joinOf(InnerJoin, "a", whole(joinOf(InnerJoin, "b", "d", eq("b.w", "y"))), nil), eq("a.y", 2))))),
			"a(y) y=$1; a(y) y=$2; b(*) w=$1~a.y; d(*)"},
		{"ON sees all of a subquery in disguise",
			sel(joinOf(InnerJoin, "a", whole(joinOf(InnerJoin, joinOf(LeftJoin, "b", "b AS p", eq("p.w", "d.n")), "d", nil)), nil), eq("d.n", 2)),
			"a(); b(*); b(*) w=$2~d.n; d(*) n=$2"},
		{"a subquery in disguise with a function, a FULL JOIN and USING", sel(joinOf(InnerJoin, "b",
			whole(joinOf(OutwardJoin, using(InnerJoin, "a", "o", "id"), &Item{Call: &Call{Name: "f", Args: exs([]any{"b.w"}), Columns: []string{}}}, eq("a.y", 1))), nil), eq("y", 2)),
			"b(w); a(*) y=$2; o(*)"},
		{"a FULL JOIN in a subquery in disguise, and USING", sel(joinOf(InnerJoin, "c",
			whole(joinOf(OutwardJoin, using(InnerJoin, "a", "o", "id"), "d", nil)), nil), eq("id", 2)), "c(); a(*); o(*); d(*)"},
		{"ON sees items further on, and pins none", sel(joinOf(InnerJoin, joinOf(InnerJoin, "a", "b", eq("d.n", 1)), "d", nil), nil), "a(); b(); d(n)"},
	}
	for _, tt := range tests {
		check(t, tt.sql, "reads", readsText(rich.Query(tt.q, catalog()).Reads), tt.want)
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
		sql  string
		q    *Query
		want string
	}{
		{"y = true", sel("a", eq("y", word("true"))), "a(y) y=1"},
		{`y = "z"`, sel("a", eq("y", word("z"))), "a(y,z)"},
		{`"z" = $1`, sel("a", eq(word("z"), 1)), "a(z) z=$1"},
		{`y = "q", an alias`, sel("a", eq("y", word("q")), "x AS q"), "a(x,y)"},
		{`w = "y", a column around`, sel("a", exists(sel("b", eq("w", word("y"))))), "a(y); b(w)"},
		{`w = "q", an alias around`, sel("a", exists(sel("b", eq("w", word("q")))), "x AS q"), "a(x); b(w)"},
		{"y = $1 in a table that has true", sel("bare", eq(word("true"), 1)), "bare(true)"},
		{"y = $1 in a SELECT in another", sel("c", exists(sel("bare", eq("q", 1)))), "c(); bare(q)"},
		{"bare.q = $1 in a SELECT in another", sel("c", exists(sel("bare", eq("bare.q", 1)))), "c(); bare(q)"},
	}
	for _, tt := range tests {
		check(t, tt.sql, "reads", readsText(plain.Query(tt.q, catalog()).Reads), tt.want)
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
