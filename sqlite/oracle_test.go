//go:build cgo

package sqlite_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// oracle is a connection that says, for each statement it prepares, what SQLite's own analysis found in it.
type oracle struct {
	conn    *sqlite3.SQLiteConn
	catalog *moneyclip.Catalog
	read    map[string][]string // :: table → columns
	written map[string]bool
}

var oracleSchema = `
	CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT COLLATE NOCASE, y INT, z, g INT AS (y + 1));
	CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INTEGER REFERENCES a ON DELETE CASCADE ON UPDATE SET NULL, x TEXT, w);
	CREATE TABLE c (b_id INTEGER REFERENCES b (id) ON DELETE SET DEFAULT, k TEXT, PRIMARY KEY (b_id, k)) WITHOUT ROWID;
	CREATE TABLE d (k TEXT UNIQUE ON CONFLICT REPLACE, n INT);
	CREATE TABLE log (what TEXT, who INT);
	CREATE VIEW one AS SELECT a_id FROM b;
	CREATE VIEW va AS SELECT id, x FROM a WHERE y > 0;
	CREATE VIEW vb AS SELECT va.x, b.w FROM va JOIN b ON b.a_id = va.id;
	CREATE TRIGGER a_upd AFTER UPDATE OF y ON a BEGIN INSERT INTO log VALUES ('a', NEW.id); END;
	CREATE TRIGGER b_del AFTER DELETE ON b BEGIN UPDATE d SET n = n - 1 WHERE k = OLD.x; END;
	CREATE TRIGGER va_ins INSTEAD OF INSERT ON va BEGIN INSERT INTO a (x, y) VALUES (NEW.x, 1); END;`

func newOracle(tb testing.TB) *oracle {
	tb.Helper()
	conn, err := (&sqlite3.SQLiteDriver{}).Open(":memory:?_foreign_keys=on")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	o := &oracle{conn: conn.(*sqlite3.SQLiteConn)}
	if _, err := o.conn.Exec(oracleSchema, nil); err != nil {
		tb.Fatal(err)
	}
	o.catalog, err = sqlite.Dialect.Catalog(tb.Context(), o.ask)
	if err != nil {
		tb.Fatal(err)
	}
	o.conn.RegisterAuthorizer(o.authorize)
	return o
}

func (o *oracle) ask(_ context.Context, query string, args ...driver.Value) ([][]driver.Value, error) {
	rows, err := o.conn.Query(query, args)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]driver.Value
	for {
		row := make([]driver.Value, len(rows.Columns()))
		if err := rows.Next(row); err != nil {
			return out, nil
		}
		out = append(out, row)
	}
}

func (o *oracle) authorize(op int, table, column, _ string) int {
	table, column = strings.ToLower(table), strings.ToLower(column)
	if strings.HasPrefix(table, "sqlite_") {
		return sqlite3.SQLITE_OK
	}
	switch op {
	case sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE:
		o.written[table] = true
	case sqlite3.SQLITE_READ:
		o.read[table] = append(o.read[table], column)
	case sqlite3.SQLITE_PRAGMA, sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH:
		return sqlite3.SQLITE_DENY // some take effect when they are prepared
	}
	return sqlite3.SQLITE_OK
}

// prepare reports whether SQLite accepts the text.
func (o *oracle) prepare(query string) bool {
	o.read, o.written = map[string][]string{}, map[string]bool{}
	stmt, err := o.conn.Prepare(query)
	if err != nil {
		return false
	}
	stmt.Close()
	return true
}

// reach adds the tables that a write changes, through triggers and foreign keys.
func (o *oracle) reach(w moneyclip.Write, into map[string]bool) {
	key := fmt.Sprint(w.Op, w.Table, w.Replace)
	if into[key] {
		return
	}
	into[key], into[w.Table] = true, true
	t := o.catalog.Tables[w.Table]
	if t == nil {
		return
	}
	for _, trigger := range t.Triggers {
		for _, then := range trigger.Writes {
			o.reach(then, into)
		}
	}
	for _, key := range t.Keys {
		if key.OnDelete != moneyclip.NoAction || key.OnUpdate != moneyclip.NoAction {
			o.reach(moneyclip.Write{Table: key.Child}, into)
		}
	}
}

// check compares what SQLite has said of the prepared text with what Analyze says.
func (o *oracle) check(query string) error {
	s := sqlite.Dialect.Analyze(query, o.catalog)
	switch s.Kind {
	case moneyclip.KindUnknown, moneyclip.KindSchema, moneyclip.KindSession, moneyclip.KindScript:
		return nil // may write anything, or is more than the one statement that SQLite has prepared
	case moneyclip.KindInert:
		if s.Text != "" && strings.HasPrefix(s.Text, "EXPLAIN ") {
			return nil
		}
	}
	touched := map[string]bool{}
	for _, w := range s.Writes {
		o.reach(w, touched)
	}
	for table := range o.written {
		if !touched[table] {
			return fmt.Errorf("SQLite writes %s, Analyze does not: %+v", table, s)
		}
	}
	if s.Kind != moneyclip.KindRead || s.Uncacheable != "" {
		return nil
	}
	for table, columns := range o.read {
		def := o.catalog.Tables[table]
		if def == nil || def.View {
			continue
		}
		for _, column := range columns {
			if !isRead(s.Reads, table, column) {
				return fmt.Errorf("SQLite reads %s.%s, Analyze does not: %+v", table, column, s.Reads)
			}
		}
	}
	return nil
}

func isRead(reads []moneyclip.TableRead, table, column string) bool {
	return slices.ContainsFunc(reads, func(read moneyclip.TableRead) bool {
		// SQLite names no column for count(*), and ROWID for the rowid.
		return read.Table == table && (read.All || column == "" || slices.Contains(read.Columns, column))
	})
}

var oracleSelects = []string{
	"SELECT x FROM a WHERE id = ?1",
	"SELECT a.* FROM a WHERE a.y IN (?1, ?2)",
	"SELECT count(*) FROM b WHERE a_id = ?1",
	"SELECT g FROM a WHERE rowid = ?1 AND z IS NULL",
	"SELECT oid, _rowid_ FROM b WHERE a_id = ?1",
	"SELECT * FROM a JOIN b ON b.a_id = a.id WHERE a.id = ?1",
	"SELECT a.x, b.x FROM a, b WHERE a.id = b.a_id AND b.a_id = ?1",
	"SELECT a.x, b.w FROM a LEFT JOIN b ON b.a_id = a.id AND b.w = ?2 WHERE a.id = ?1",
	"SELECT a.x, b.w FROM a LEFT JOIN b ON b.a_id = a.id AND a.y = ?1",
	"SELECT a.x, b.w FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.id = ?1",
	"SELECT a.x, b.w FROM b RIGHT JOIN a ON b.a_id = a.id AND a.id = ?1 WHERE a.y = ?2",
	"SELECT a.x, b.w FROM a FULL JOIN b ON b.a_id = a.id AND b.id = ?1",
	"SELECT a.x, b.w FROM a FULL JOIN b USING (id) WHERE id = ?1",
	"SELECT a.x, b.w FROM a JOIN b USING (id) WHERE id = ?1",
	"SELECT a.y, b.w FROM a LEFT JOIN b USING (id) WHERE id = ?1",
	"SELECT w, y FROM a NATURAL JOIN b WHERE a.id = ?1",
	"SELECT y, w, n FROM a LEFT JOIN (b JOIN d ON d.k = b.x AND d.n = ?2) ON b.a_id = a.id WHERE a.id = ?1",
	"SELECT y FROM a LEFT JOIN b ON b.a_id = a.id LEFT JOIN c ON c.b_id = b.id AND c.k = ?2 WHERE a.id = ?1",
	"SELECT y FROM a LEFT JOIN b ON b.id = ?1 JOIN c ON c.b_id = b.id",
	"SELECT y FROM a JOIN b ON a.id = b.a_id AND b.id = ?1 RIGHT JOIN c ON c.b_id = b.id",
	"SELECT x FROM a WHERE id = ?1 AND EXISTS (SELECT 1 FROM b WHERE b.a_id = a.id AND w = ?2)",
	"SELECT x, (SELECT count(*) FROM b WHERE b.a_id = a.id) FROM a WHERE a.id = ?1",
	"SELECT x, (SELECT max(k) FROM c WHERE b_id IN (SELECT id FROM b WHERE a_id = a.id)) FROM a WHERE id = ?1",
	"SELECT x FROM a WHERE id = ?1 OR id IN (SELECT a_id FROM b WHERE id = ?2)",
	"SELECT x FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_id = ?1 AND b.x = a.x)",
	"SELECT x FROM a WHERE id = (SELECT a_id FROM b WHERE b.id = ?1)",
	"SELECT x FROM a WHERE id = ?1 UNION SELECT x FROM b WHERE id = ?2",
	"SELECT x FROM a WHERE id = ?1 EXCEPT SELECT x FROM b WHERE a_id = ?1 ORDER BY 1",
	"SELECT x FROM a WHERE y = ?1 INTERSECT SELECT x FROM a WHERE id > 1",
	"WITH q AS (SELECT id, a_id FROM b WHERE a_id = ?1) SELECT x FROM a WHERE id IN (SELECT a_id FROM q)",
	"WITH q AS (SELECT * FROM b WHERE a_id = ?1) SELECT q.w, p.w FROM q JOIN q AS p ON p.id = q.id",
	"WITH RECURSIVE t(n) AS (SELECT ?1 UNION SELECT b.id FROM b, t WHERE b.a_id = t.n) SELECT count(*) FROM t",
	"WITH a AS (SELECT 1 AS id) SELECT id FROM a WHERE id = ?1",
	"SELECT s.x FROM (SELECT a.x, a.y FROM a WHERE a.id = ?1) AS s WHERE s.y = ?2",
	"SELECT x, (SELECT s.w FROM (SELECT w FROM b WHERE b.a_id = a.id LIMIT 1) s) FROM a WHERE id = ?1",
	"SELECT * FROM va WHERE id = ?1",
	"SELECT vb.w FROM vb WHERE x = 'one'",
	"SELECT b.w FROM va JOIN b ON b.a_id = va.id WHERE va.id = ?1",
	"SELECT a1.x FROM a a1 JOIN a a2 ON a1.id = a2.y WHERE a2.id = ?1",
	"SELECT a1.x FROM a a1, a a2 WHERE a1.id = a2.y AND a1.y = ?1 AND a2.id = ?2",
	"SELECT sum(y) FILTER (WHERE z = 1) FROM a WHERE x = 'one' GROUP BY y HAVING count(*) > 0",
	"SELECT y, sum(id) OVER (PARTITION BY y ORDER BY id) FROM a WHERE y = ?1",
	"SELECT y AS id FROM a WHERE id = ?1",
	"SELECT y + 1 AS q FROM a WHERE q = ?1",
	`SELECT "x", "nothing" FROM a WHERE id = ?1 AND "zz" = "zz"`,
	"SELECT [x], `y` FROM main.a WHERE main.a.id = ?1",
	"SELECT CASE WHEN y = ?1 THEN x END FROM a",
	"SELECT x FROM a WHERE (id, y) = (?1, ?2)",
	"SELECT x FROM a WHERE id BETWEEN ?1 AND ?2",
	"SELECT x FROM a WHERE id IS ?1",
	"SELECT x FROM a WHERE x LIKE ?1 COLLATE BINARY",
	"SELECT x FROM a WHERE x = 'ONE' COLLATE BINARY",
	"SELECT x FROM a WHERE x = 'ONE'",
	"SELECT x FROM a WHERE +id = ?1",
	"SELECT x FROM a WHERE TRUE AND y = TRUE",
	"SELECT x FROM a WHERE y IN (SELECT n FROM d) AND id IN one",
	"SELECT x FROM a WHERE id IN (VALUES (?1), (?2))",
	"SELECT w FROM b WHERE a_id IN (SELECT id FROM a WHERE a.y = b.id) AND b.a_id = ?1",
	"SELECT j.value, a.x FROM a, json_each(a.z) AS j WHERE a.id = ?1",
	"SELECT x FROM a WHERE id = ?1 ORDER BY (SELECT count(*) FROM c WHERE c.b_id = a.id) LIMIT 1",
	"VALUES (?1), ((SELECT y FROM a WHERE id = ?2))",
	"SELECT k FROM c WHERE b_id = ?1 AND k = 'x'",
	"SELECT a.x FROM a CROSS JOIN b ON a.id = b.id AND b.a_id = ?1",
	"SELECT a.x FROM a JOIN b ON a.id = b.a_id JOIN c ON c.b_id = b.id WHERE c.b_id = ?1",
	"SELECT DISTINCT a.x FROM (a JOIN b ON a.id = b.a_id) WHERE b.a_id = ?1",
}

var oracleWrites = []string{
	"INSERT INTO a (x) VALUES (?)",
	"INSERT INTO a (x, y) SELECT x, w FROM b WHERE a_id = ?",
	"INSERT OR REPLACE INTO a VALUES (?, ?, ?, ?)",
	"REPLACE INTO b (id, a_id) VALUES (1, 1)",
	"INSERT INTO a (id, y) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET y = excluded.y, x = (SELECT w FROM b)",
	"INSERT INTO d DEFAULT VALUES RETURNING *",
	"INSERT INTO va (x) VALUES ('x')",
	"UPDATE a SET y = y + 1",
	"UPDATE a SET id = ? WHERE id = ?",
	"UPDATE a AS q SET x = b.w FROM b WHERE b.a_id = q.id AND b.x = ?",
	"UPDATE b SET a_id = NULL WHERE id IN (SELECT b_id FROM c)",
	"WITH q AS (SELECT id FROM a) UPDATE b SET w = 1 WHERE a_id IN q RETURNING id",
	"UPDATE OR IGNORE main.d SET (k, n) = (SELECT x, y FROM a)",
	"DELETE FROM a",
	"DELETE FROM a WHERE id = ?",
	"DELETE FROM b WHERE EXISTS (SELECT 1 FROM d WHERE d.k = b.x)",
	"DELETE FROM c WHERE (b_id, k) = (?, ?)",
	"WITH a AS (SELECT 1 AS id) DELETE FROM b WHERE a_id IN (SELECT id FROM a)",
}

// TestAnalyzeAgainstSQLite: what SQLite reads and writes by its own account is in what Analyze and the catalog report.
func TestAnalyzeAgainstSQLite(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	for _, query := range slices.Concat(oracleSelects, oracleWrites) {
		if !o.prepare(query) {
			t.Errorf("SQLite does not accept %q", query)
			continue
		}
		if len(o.read)+len(o.written) == 0 && !strings.HasPrefix(query, "WITH a AS (SELECT 1 AS id) SELECT") {
			t.Errorf("SQLite says nothing of %q", query)
		}
		if err := o.check(query); err != nil {
			t.Errorf("%q: %v", query, err)
		}
	}
}

// TestPins: a row that fails the pins or links of every read of its table can come, go or change without a difference.
func TestPins(t *testing.T) {
	t.Parallel()
	pinned := 0
	for i, query := range oracleSelects {
		t.Run(query, func(t *testing.T) {
			o := newOracle(t)
			o.conn.RegisterAuthorizer(nil)
			p := &pinTest{T: t, oracle: o, rand: rand.New(rand.NewPCG(1, uint64(i)))}
			p.stmt = sqlite.Dialect.Analyze(query, o.catalog)
			p.must("DROP TRIGGER b_del") // it would change d with b
			for range 30 {
				p.fill()
				p.args = []driver.Value{p.small(), p.small()}[:len(p.stmt.Params)]
				for _, table := range []string{"a", "b", "c", "d"} {
					pinned += p.tryTable(query, table)
				}
			}
		})
	}
	if pinned < 5_000 {
		t.Errorf("%d rows failed their pins, which is too few for a test", pinned)
	}
}

type pinTest struct {
	*testing.T
	*oracle
	rand *rand.Rand
	stmt moneyclip.Statement
	args []driver.Value
}

func (p *pinTest) small() int64 { return p.rand.Int64N(4) }

func (p *pinTest) must(query string, args ...driver.Value) [][]driver.Value {
	p.Helper()
	rows, err := p.ask(p.Context(), query, args...)
	if err != nil {
		p.Fatalf("%s: %v", query, err)
	}
	return rows
}

var words = []string{"one", "ONE", "1", "2", "x"}

func (p *pinTest) word() string { return words[p.rand.IntN(len(words))] }

// fill makes a few small rows, so that they often meet.
func (p *pinTest) fill() {
	p.must("PRAGMA foreign_keys = off")
	for _, table := range []string{"a", "b", "c", "d"} {
		p.must("DELETE FROM " + table)
		for range 3 {
			p.add(table)
		}
	}
}

func (p *pinTest) add(table string) {
	switch table {
	case "a":
		p.must("INSERT OR IGNORE INTO a (id, x, y, z) VALUES (?, ?, ?, ?)", p.small(), p.word(), p.small(), p.small())
	case "b":
		p.must("INSERT OR IGNORE INTO b (id, a_id, x, w) VALUES (?, ?, ?, ?)", p.small(), p.small(), p.word(), p.small())
	case "c":
		p.must("INSERT OR IGNORE INTO c (b_id, k) VALUES (?, ?)", p.small(), p.word())
	case "d":
		p.must("INSERT OR IGNORE INTO d (k, n) VALUES (?, ?)", p.word(), p.small())
	}
}

// failing is the condition that a row of the table fails a pin or a link of every read of the table.
func (p *pinTest) failing(table string) string {
	var all []string
	for _, read := range p.stmt.Reads {
		if read.Table != table {
			continue
		}
		terms := []string{"TRUE"}
		for _, pin := range read.Pins {
			if !p.holds(table, pin) {
				continue
			}
			var values []string
			for _, v := range pin.Values {
				c := v.Const
				if v.Kind == moneyclip.ValueParam {
					c = p.args[v.Param-1]
				}
				if text, ok := c.(string); ok {
					c = "'" + text + "'"
				}
				values = append(values, fmt.Sprint(c))
			}
			terms = append(terms, fmt.Sprintf("%s IN (%s)", pin.Column, strings.Join(values, ", ")))
		}
		for _, link := range read.Links {
			other := p.stmt.Reads[link.To].Table
			if p.class(table, link.Column) == p.class(other, link.Other) {
				terms = append(terms, fmt.Sprintf("EXISTS (SELECT 1 FROM %s AS other WHERE other.%s = %s.%s)", other, link.Other, table, link.Column))
			}
		}
		all = append(all, "("+strings.Join(terms, " AND ")+") IS NOT TRUE")
	}
	return strings.Join(append(all, "TRUE"), " AND ")
}

// holds reports whether all columns through which a pin was found compare as its own does.
func (p *pinTest) holds(table string, pin moneyclip.Pin) bool {
	for _, via := range pin.Via {
		if p.class(via.Table, via.Column) != p.class(table, pin.Column) {
			return false
		}
	}
	return true
}

func (p *pinTest) class(table, column string) string {
	return p.catalog.Tables[table].Column(column).Class
}

// tryTable takes the failing rows of a table away, puts others there, and looks at the result.
func (p *pinTest) tryTable(query, table string) int {
	p.Helper()
	want := fmt.Sprint(p.must(query, p.args...))
	failing := p.failing(table)
	n := len(p.must(fmt.Sprintf("SELECT 1 FROM %s WHERE %s", table, failing)))
	p.must(fmt.Sprintf("DELETE FROM %s WHERE %s", table, failing))
	if got := fmt.Sprint(p.must(query, p.args...)); !isSame(got, want) {
		p.Fatalf("%s\nwithout the rows of %s where %s: %s, want %s; args %v, reads %+v",
			query, table, failing, got, want, p.args, p.stmt.Reads)
	}
	kept := fmt.Sprint(p.must("SELECT * FROM " + table))
	for range 3 {
		p.add(table)
	}
	if fmt.Sprint(p.must(fmt.Sprintf("SELECT * FROM %s WHERE NOT (%s)", table, failing))) != kept {
		return n // a row that passes has come
	}
	if got := fmt.Sprint(p.must(query, p.args...)); !isSame(got, want) {
		p.Fatalf("%s\nwith more rows of %s where %s: %s, want %s; args %v, reads %+v",
			query, table, failing, got, want, p.args, p.stmt.Reads)
	}
	return n
}

// isSame compares results as bags of characters: the order of rows is SQLite's choice where none is asked for.
func isSame(a, b string) bool {
	x, y := []byte(a), []byte(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// FuzzAnalyze: no text makes Analyze panic, and what SQLite reads or writes by its own account Analyze reports.
func FuzzAnalyze(f *testing.F) {
	for _, query := range slices.Concat(oracleSelects, oracleWrites) {
		f.Add(query)
	}
	// Not one plain statement.
	for _, query := range []string{
		"", ";", "-- name: X :one\nSELECT 1", "/* a */ DELETE FROM a", "SELECT 1; DELETE FROM a", "DELETE FROM a\x00",
		"BEGIN", "EXPLAIN DELETE FROM a",
		"PRAGMA foreign_keys = off", "CREATE TABLE t AS SELECT * FROM a", "DELETE FROM a ORDER BY x LIMIT 1", "REINDEX", "VACUUM",
		"CREATE TEMP TRIGGER q AFTER INSERT ON a BEGIN DELETE FROM b; END",
	} {
		f.Add(query)
	}
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, query string) {
		accepted := o.prepare(query)
		err := o.check(query)
		if accepted && err != nil {
			t.Errorf("%q: %v", query, err)
		}
	})
}
