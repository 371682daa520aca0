//go:build cgo

package sqlite_test

import (
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// TestPinsRandom is TestPins for selects that nobody would write.
func TestPinsRandom(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	o.conn.RegisterAuthorizer(nil)
	r := rand.New(rand.NewPCG(5, 6))
	p := &pinTest{T: t, oracle: o, rand: r}
	p.must("DROP TRIGGER b_del") // it would change d with b
	accepted, pinned := 0, 0
	for range 2000 {
		g := &generator{rand: r}
		query := g.query(0)
		p.stmt = sqlite.Dialect.Analyze(query, o.catalog)
		if p.stmt.Kind != moneyclip.KindRead || p.stmt.Uncacheable != "" {
			t.Fatalf("Analyze(%q) is of kind %v and uncacheable because it %q", query, p.stmt.Kind, p.stmt.Uncacheable)
		}
		for range 3 {
			p.fill()
			p.args = []driver.Value{p.small(), p.small()}[:len(p.stmt.Params)]
			if stmt, err := o.conn.Prepare(query); err != nil {
				break // two columns of one name and the like
			} else if err := stmt.Close(); err != nil {
				t.Fatal(err)
			}
			accepted++
			for _, table := range []string{"a", "b", "c", "d"} {
				pinned += p.tryTable(query, table)
			}
		}
	}
	if accepted < 2000 || pinned < 1000 {
		t.Errorf("%d runs, and %d rows failed their pins, which is too few for a test", accepted, pinned)
	}
}

// generator writes random selects over the oracle's schema.
type generator struct {
	rand    *rand.Rand
	columns []string // that can be named
	aliases int
}

var oracleColumns = map[string][]string{
	"a": {"id", "x", "y", "z", "rowid"}, "b": {"id", "a_id", "x", "w"}, "c": {"b_id", "k"}, "d": {"k", "n"}, "va": {"id", "x"},
}

func pick[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }

func (g *generator) query(depth int) string {
	outer := len(g.columns)
	from := g.from(depth)
	query := "SELECT " + g.result(depth) + " FROM " + from
	if g.rand.IntN(8) > 0 {
		query += " WHERE " + g.condition(depth)
	}
	g.columns = g.columns[:outer]
	return query
}

func (g *generator) result(depth int) string {
	switch {
	case depth > 0:
		return g.column()
	case g.rand.IntN(4) == 0:
		return "count(*), max(" + g.column() + ")"
	case g.rand.IntN(4) == 0:
		return g.column() + ", (" + g.query(1) + " ORDER BY 1 LIMIT 1)"
	}
	return g.column() + ", " + g.column()
}

func (g *generator) from(depth int) string {
	text := g.item(depth)
	for range g.rand.IntN(3) {
		join := pick(g.rand, " JOIN ", " JOIN ", ", ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ", " CROSS JOIN ")
		text += join + g.item(depth)
		if join != ", " {
			text += " ON " + g.atoms(depth)
		}
	}
	return text
}

// item is a table, or two that are joined in parentheses: these see only themselves.
func (g *generator) item(depth int) string {
	if g.rand.IntN(5) > 0 {
		return g.table(depth)
	}
	outside := g.columns
	g.columns = nil
	join := pick(g.rand, " JOIN ", " LEFT JOIN ", " LEFT JOIN ", " RIGHT JOIN ")
	text := "(" + g.table(2) + join + g.table(2)
	text += " ON " + g.atoms(2) + ")"
	g.columns = append(outside, g.columns...)
	return text
}

func (g *generator) table(depth int) string {
	name := pick(g.rand, "a", "b", "c", "d", "a", "b", "va")
	g.aliases++
	alias := fmt.Sprintf("t%d", g.aliases)
	for _, column := range oracleColumns[name] {
		g.columns = append(g.columns, alias+"."+column)
	}
	if name != "va" && depth == 0 && g.rand.IntN(8) == 0 {
		inner := &generator{rand: g.rand, aliases: g.aliases}
		columns := oracleColumns[name]
		text := inner.query(2)
		g.aliases = inner.aliases
		return fmt.Sprintf("(SELECT *, 1 AS rowid FROM %s WHERE %s IN (%s)) AS %s", name, columns[0], text, alias)
	}
	return name + " AS " + alias
}

func (g *generator) column() string {
	if g.rand.IntN(12) == 0 {
		return pick(g.rand, "y", "w", "n") // of some table, this one or one further out
	}
	return pick(g.rand, g.columns[max(0, len(g.columns)-12):]...)
}

func (g *generator) value() string { return pick(g.rand, "?1", "?2", "1", "'2'", "(?1)", "'one'") }

func (g *generator) atoms(depth int) string {
	list := []string{g.atom(depth)}
	for range g.rand.IntN(2) {
		list = append(list, g.atom(depth))
	}
	return strings.Join(list, " AND ")
}

func (g *generator) condition(depth int) string {
	list := []string{g.atom(depth)}
	for range g.rand.IntN(3) {
		list = append(list, g.atom(depth))
	}
	return strings.Join(list, pick(g.rand, " AND ", " AND ", " AND ", " OR "))
}

func (g *generator) atom(depth int) string {
	switch g.rand.IntN(14) {
	case 0, 1, 2, 3:
		return g.column() + " = " + g.value()
	case 4:
		return g.value() + " = " + g.column()
	case 5, 6, 7:
		return g.column() + " = " + g.column()
	case 8:
		return g.column() + " IN (" + g.value() + ", " + g.value() + ")"
	case 9:
		return "(" + g.column() + ", " + g.column() + ") = (" + g.value() + ", " + g.column() + ")"
	case 10:
		return g.column() + pick(g.rand, " IS NULL", " > 1", " <> ?1", " IS ?1")
	case 11:
		return "(" + g.column() + " = " + g.value() + " OR " + g.column() + " = " + g.value() + ")"
	}
	if depth >= 2 {
		return g.column() + " = " + g.value()
	}
	switch g.rand.IntN(3) {
	case 0:
		return pick(g.rand, "", "NOT ") + "EXISTS (" + g.query(depth+1) + ")"
	case 1:
		return g.column() + pick(g.rand, " IN (", " NOT IN (") + g.query(depth+1) + ")"
	}
	return g.column() + " = (SELECT max(" + g.column() + ") FROM (" + g.query(2) + "))"
}

// TestReadingRandom is TestReading for writes that nobody would write.
func TestReadingRandom(t *testing.T) {
	t.Parallel()
	conn, err := open(t).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &readingTest{T: t, conn: conn}
	for _, query := range []string{
		"PRAGMA synchronous = off", "PRAGMA foreign_keys = off", oracleSchema, "DROP TRIGGER b_del", "DROP TRIGGER a_upd",
	} {
		r.exec(query)
	}
	r.reload()
	rnd := rand.New(rand.NewPCG(7, 8))
	ran := 0
	for range 600 {
		r.exec("DELETE FROM a; DELETE FROM b; DELETE FROM d")
		for range 3 {
			r.exec("INSERT OR IGNORE INTO a (id, x, y, z) VALUES (?, ?, ?, ?)",
				rnd.Int64N(4), pick(rnd, words...), rnd.Int64N(4), rnd.Int64N(4))
			r.exec("INSERT OR IGNORE INTO b (id, a_id, x, w) VALUES (?, ?, ?, ?)",
				rnd.Int64N(4), rnd.Int64N(4), pick(rnd, words...), rnd.Int64N(4))
			r.exec("INSERT OR IGNORE INTO d (k, n) VALUES (?, ?)", pick(rnd, words...), rnd.Int64N(4))
		}
		query, columns := randomWrite(rnd)
		prepared, err := r.conn.PrepareContext(t.Context(), query)
		if err != nil {
			continue // a name that no table here has
		}
		prepared.Close()
		stmt := sqlite.Dialect.Analyze(query, r.catalog)
		if len(stmt.Writes) != 1 {
			t.Fatalf("Analyze(%q) has %d writes, want 1", query, len(stmt.Writes))
		}
		reading, ok := sqlite.Dialect.Reading(&stmt.Writes[0], r.catalog, columns, columns)
		if !ok {
			continue
		}
		args := []any{rnd.Int64N(4), rnd.Int64N(4)}[:len(stmt.Params)]
		if err := r.attempt(&stmt.Writes[0], reading, query, args, columns); err == nil {
			ran++
		}
		if t.Failed() {
			t.Fatalf("reading %+v with %v", reading, args)
		}
	}
	if ran < 200 {
		t.Errorf("%d writes were read, which is too few for a test", ran)
	}
}

// randomWrite is a write of table b or d, and some of the columns it writes.
func randomWrite(r *rand.Rand) (query string, columns []string) {
	table := pick(r, "b", "d")
	columns = oracleColumns[table]
	g := &generator{rand: r}
	for _, column := range columns {
		g.columns = append(g.columns, "t."+column)
	}
	value := func() string { return pick(r, g.value(), g.column(), "lower("+g.column()+")", g.column()+" || 1", "2") }
	first, second := columns[r.IntN(len(columns))], columns[r.IntN(len(columns))]
	verb := pick(r, "INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE")
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("DELETE FROM %s AS t WHERE %s", table, g.condition(0)), columns
	case 1:
		return fmt.Sprintf("UPDATE %s AS t SET %s = %s, %s = %s WHERE %s",
			table, first, value(), second, value(), g.condition(0)), columns
	case 2:
		g.columns = append(g.columns, "f.id", "f.x", "f.y")
		return fmt.Sprintf("UPDATE %s AS t SET %s = %s FROM a AS f WHERE %s", table, first, value(), g.condition(1)), columns
	case 3:
		g.columns = []string{"f.id", "f.x", "f.y"}
		query = fmt.Sprintf("%s INTO d (k, n) SELECT %s, %s FROM a AS f WHERE %s", verb, value(), value(), g.condition(1))
		return query, oracleColumns["d"]
	case 4:
		return fmt.Sprintf("%s INTO %s (%s) VALUES (%s), (%s)",
			verb, table, columns[r.IntN(2)], g.value(), g.value()), columns
	}
	return fmt.Sprintf("INSERT INTO b (id, x) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET %s = %s",
		g.value(), g.value(), pick(r, "x", "w"), pick(r, "excluded.x", "?1", "'z'")), columns
}
