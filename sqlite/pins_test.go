//go:build cgo

package sqlite_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

func valueText(v moneyclip.Value) string {
	switch v.Kind {
	case moneyclip.ValueParam:
		return fmt.Sprintf("$%d", v.Param)
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

func pinText(pin moneyclip.Pin) string {
	var values []string
	for _, v := range pin.Values {
		values = append(values, valueText(v))
	}
	text := pin.Column + "=" + strings.Join(values, "|")
	for _, via := range pin.Via {
		text += "~" + via.Table + "." + via.Column
	}
	return text
}

func pinsText(pins []moneyclip.Pin) string {
	var list []string
	for _, pin := range pins {
		list = append(list, pinText(pin))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// readsText writes reads as "table(columns) pins; ...", in order of appearance.
func readsText(reads []moneyclip.TableRead) string {
	var list []string
	for _, read := range reads {
		columns := strings.Join(read.Columns, ",")
		if read.All {
			columns = "*"
		}
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s(%s) %s", read.Table, columns, pinsText(read.Pins))))
	}
	return strings.Join(list, "; ")
}

// TestReads has the catalog of the oracle: tables a(id, x, y, z, g), b(id, a_id, x, w), c(b_id, k), d(k, n), views.
func TestReads(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	tests := []struct{ query, want string }{
		// Values.
		{"SELECT 1 FROM a WHERE y = -5", "a(y) y=-5"},
		{"SELECT 1 FROM a WHERE y = 1.5", "a(y) y=1.5"},
		{"SELECT 1 FROM a WHERE x = 'it''s'", `a(x) x="it's"`},
		{"SELECT 1 FROM a WHERE z = x'0aFF'", "a(z) z=[]byte{0xa, 0xff}"},
		{"SELECT 1 FROM a WHERE z = NULL", "a(z) z=<nil>"},
		{"SELECT 1 FROM a WHERE y = TRUE AND z = false", "a(y,z) y=1 z=0"},
		{"SELECT 1 FROM a WHERE y = 0x10 AND z = 1_000", "a(y,z) y=16 z=1000"},
		{"SELECT 1 FROM a WHERE y = 9223372036854775808", "a(y) y=9.223372036854776e+18"},
		{`SELECT 1 FROM a WHERE x = "nothing"`, `a(x) x="nothing"`},
		{"SELECT 1 FROM a WHERE x = y", "a(x,y)"},
		{"SELECT 1 FROM a WHERE y = ?1 + 1", "a(y)"},
		{"SELECT 1 FROM a WHERE y = +?1", "a(y)"},
		{"SELECT 1 FROM a WHERE y = CAST(? AS INT)", "a(y)"},

		// Forms.
		{"SELECT 1 FROM a WHERE ((y) = (?))", "a(y) y=$1"},
		{"SELECT 1 FROM a WHERE y == ? AND x IN (?, 'q')", `a(x,y) x=$2|"q" y=$1`},
		{"SELECT 1 FROM a WHERE y IN (?, x)", "a(x,y)"},
		{"SELECT 1 FROM a WHERE y IN ()", "a(y)"},
		{"SELECT 1 FROM a WHERE y IS ?", "a(y)"},
		{"SELECT 1 FROM a WHERE (x, y) = (?, ?)", "a(x,y) x=$1 y=$2"},
		{"SELECT 1 FROM a WHERE (x, y) = (SELECT 1, 2)", "a(x,y)"},
		{"SELECT 1 FROM a WHERE x = ? COLLATE BINARY", "a(x)"},
		{"SELECT 1 FROM a WHERE x COLLATE BINARY = ?", "a(x)"},
		{"SELECT 1 FROM a WHERE NOT (y = ?)", "a(y)"},
		{"SELECT 1 FROM a WHERE y = ? OR x = ?", "a(x,y)"},
		{"SELECT 1 FROM a WHERE (y = ? AND x = ?) AND z > 1", "a(x,y,z) x=$2 y=$1"},
		{"SELECT 1 FROM a WHERE (y = ?) = 1", "a(y)"},
		{"SELECT count(*) FROM a GROUP BY x HAVING y = ?", "a(x,y)"},

		// Names.
		{"SELECT rowid FROM a WHERE _ROWID_ = ?", "a(id) id=$1"},
		{"SELECT d.rowid FROM d WHERE d.oid = ?", "d(rowid)"},
		{"SELECT A.X FROM MAIN.A WHERE a.Y = ?", "a(x,y) y=$1"},
		{"SELECT q.* FROM a q WHERE q.y = ?", "a(*) y=$1"},
		{"SELECT count(*) FROM a", "a()"},
		{"SELECT y AS id FROM a ORDER BY id", "a(id,y)"},
		{"SELECT x, w FROM a, b", "a(x); b(w,x)"},
		{"SELECT a1.y FROM a a1, a a2 WHERE a1.y = ? AND a2.y = ?", "a(y) y=$1; a(y) y=$2"},
		{"SELECT 1 FROM a, b WHERE x = ?", "a(x); b(x)"},

		// Joins.
		{"SELECT 1 FROM a JOIN b ON a.id = b.a_id WHERE a.id = ?", "a(id) id=$1; b(a_id) a_id=$1~a.id"},
		{
			"SELECT 1 FROM a, b, c WHERE a.id = ? AND b.id = a.id AND c.b_id = b.id",
			"a(id) id=$1; b(id) id=$1~a.id; c(b_id) b_id=$1~a.id~b.id",
		},
		{"SELECT 1 FROM a LEFT JOIN b ON b.a_id = ? AND a.y = ?", "a(y); b(a_id) a_id=$1"},
		{"SELECT 1 FROM a LEFT JOIN b ON b.a_id = a.id WHERE b.a_id = ?", "a(id); b(a_id) a_id=$1"},
		{"SELECT 1 FROM a RIGHT JOIN b ON b.a_id = ? AND a.y = ?", "a(y); b(a_id)"},
		{"SELECT 1 FROM a FULL OUTER JOIN b ON b.a_id = a.id WHERE a.id = ?", "a(id) id=$1; b(a_id)"},
		{"SELECT 1 FROM a JOIN b USING (id) WHERE a.id = ?", "a(id) id=$1; b(id) id=$1~a.id"},
		{"SELECT 1 FROM a JOIN b USING (id) WHERE id = ?", "a(id) id=$1; b(id) id=$1~a.id"},
		{"SELECT 1 FROM a NATURAL JOIN b WHERE x = ?", "a(id,x) x=$1; b(id,x) x=$1~a.x"},
		{"SELECT 1 FROM a FULL JOIN b USING (id) WHERE id = ?", "a(id); b(id)"},
		{"SELECT 1 FROM a LEFT JOIN (b JOIN d ON b.w = d.n AND d.n = ?) ON b.a_id = a.id WHERE a.id = ?",
			"a(id) id=$2; b(*) a_id=$2~a.id w=$1~d.n; d(*) n=$1"},
		{"SELECT 1 FROM (b JOIN c ON c.b_id = a.y), a WHERE a.y = ?", "b(); c(b_id) b_id=$1~a.y; a(y) y=$1"},
		{
			"SELECT 1 FROM a AS q WHERE q.y = ? AND EXISTS (SELECT 1 FROM a, (b JOIN c ON b.w = y) WHERE a.y = ?)",
			"a(y) y=$1; a(y) y=$2; b(*) w=$1~a.y; c(*)",
		},
		{"SELECT q.w FROM (a JOIN b USING (id)) AS q WHERE q.w = ?", "a(*); b(*)"},
		{"SELECT r.x FROM b, ((a) AS q) AS r WHERE r.id = ?", "b(); a(id,x) id=$1"},

		// Subqueries.
		{"SELECT 1 FROM a WHERE a.id = ? AND EXISTS (SELECT 1 FROM b WHERE a_id = a.id)", "a(id) id=$1; b(a_id) a_id=$1~a.id"},
		{"SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM b WHERE a.id = ?)", "a(id); b()"},
		{"SELECT 1 FROM a WHERE id IN one", "a(id); b(*)"},
		{"SELECT 1 FROM a WHERE id IN (SELECT a_id FROM b WHERE w = ?)", "a(id); b(a_id,w) w=$1"},
		{"SELECT s.y FROM (SELECT * FROM a WHERE y = ?) s WHERE s.x = ?", "a(*) y=$1"},
		{
			"SELECT (SELECT 1 FROM (SELECT 1 FROM b WHERE b.a_id = a.id)) FROM a WHERE a.id = ?",
			"a(id) id=$1; b(a_id)",
		},
		{"WITH q AS (SELECT y FROM a WHERE id = ?) SELECT 1 FROM q, q AS p", "a(id,y) id=$1"},
		{"WITH a AS (SELECT 1 AS id) SELECT id FROM a WHERE id = ?", ""},
		{"WITH a AS (SELECT 1 AS id) SELECT main.a.y FROM main.a", "a(y)"},
		{"WITH RECURSIVE q(n) AS (SELECT 1 UNION SELECT b.id FROM b JOIN q ON b.a_id = q.n) SELECT n FROM q", "b(a_id,id)"},
		{"SELECT id FROM a WHERE id = ?1 UNION ALL SELECT id FROM b WHERE id = ?1", "a(id) id=$1; b(id) id=$1"},
		{"SELECT x FROM va WHERE id = ?", "a(*)"},
		{"SELECT x FROM vb", "a(*); b(*)"},
		{"VALUES ((SELECT x FROM a WHERE id = 1))", "a(id,x) id=1"},
		{"SELECT value FROM a, json_each(a.z) WHERE a.id = ?", "a(id,z) id=$1"},
	}
	for _, tt := range tests {
		s := sqlite.Dialect.Analyze(tt.query, o.catalog)
		if got := readsText(s.Reads); got != tt.want {
			t.Errorf("Analyze(%q) reads %q, want %q", tt.query, got, tt.want)
		}
		if s.Kind != moneyclip.KindRead || s.Uncacheable != "" {
			t.Errorf("Analyze(%q) is of kind %v and uncacheable because it %q", tt.query, s.Kind, s.Uncacheable)
		}
	}
}

// TestReadsBlind has no catalog: a name may be anything.
func TestReadsBlind(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, want string }{
		{"SELECT x FROM a WHERE id = ?", "a(id,x) id=$1"},
		{`SELECT x FROM a WHERE id = "x y"`, "a(id,x,x y)"},
		{"SELECT x FROM a WHERE rowid = ?", "a(rowid,x)"},
		{"SELECT x AS id FROM a WHERE id = ?", "a(id,x)"},
		{"SELECT x FROM a, b WHERE id = ?", "a(id,x); b(id,x)"},
		{"SELECT a.x FROM a, b WHERE a.id = ? AND b.a_id = a.id", "a(id,x) id=$1; b(a_id) a_id=$1~a.id"},
		{"SELECT x FROM a WHERE EXISTS (SELECT 1 FROM b WHERE y = ?)", "a(x,y); b(y)"},
		{"SELECT x FROM a WHERE y = TRUE", "a(true,x,y)"},
		{"SELECT x FROM a NATURAL JOIN b", "a(*); b(*)"},
	}
	for _, tt := range tests {
		if got := readsText(sqlite.Dialect.Analyze(tt.query, nil).Reads); got != tt.want {
			t.Errorf("Analyze(%q) reads %q, want %q", tt.query, got, tt.want)
		}
	}
}
