//go:build cgo

package sqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

func setText(set []moneyclip.Assignment) string {
	var list []string
	for _, as := range set {
		list = append(list, as.Column+":="+valueText(as.Value))
	}
	return strings.Join(list, ",")
}

var ops = [...]string{"any", "insert", "update", "delete"}

// writeText writes everything that a Write says but its source.
func writeText(w moneyclip.Write) string {
	parts := []string{ops[w.Op] + " " + w.Table}
	if len(w.Pins) > 0 {
		parts = append(parts, "where "+pinsText(w.Pins))
	}
	if w.Set != nil {
		parts = append(parts, "set "+setText(w.Set))
	}
	if w.Columns != nil {
		parts = append(parts, "("+strings.Join(w.Columns, ",")+")")
	}
	for _, row := range w.Rows {
		var values []string
		for _, v := range row {
			values = append(values, valueText(v))
		}
		parts = append(parts, "<"+strings.Join(values, ",")+">")
	}
	if w.Replace {
		parts = append(parts, "replace")
	}
	if w.Conflict != nil {
		parts = append(parts, fmt.Sprintf("conflict %v %s", w.Conflict.Target, setText(w.Conflict.Set)))
	}
	return strings.Join(parts, " ")
}

func TestWrites(t *testing.T) {
	t.Parallel()
	o := newOracle(t)
	tests := []struct{ query, want, reads string }{
		{"INSERT INTO a (x, y) VALUES (?, 5)", "insert a (x,y) <$1,5>", ""},
		{"INSERT INTO a VALUES (?, ?, ?, lower(?)), (1, 2, 3, 4)", "insert a (id,x,y,z) <$1,$2,$3,computed> <1,2,3,4>", ""},
		{"INSERT INTO a (rowid, x) VALUES (?, -1)", "insert a (id,x) <$1,-1>", ""},
		{"INSERT INTO d (rowid, k) VALUES (?, 'x')", "insert d", ""},
		{"INSERT INTO a (x) VALUES (1, 2)", "insert a (x)", ""},
		{"INSERT INTO a DEFAULT VALUES", "insert a () <>", ""},
		{"INSERT INTO d SELECT x, y FROM a WHERE id = ?", "insert d (k,n)", "a(id,x,y) id=$1"},
		{"INSERT INTO d (n) VALUES ((SELECT y FROM a))", "insert d (n) <computed>", "a(y)"},
		{"WITH q AS (SELECT w FROM b) INSERT INTO d (n) SELECT w FROM q", "insert d (n)", "b(w)"},
		{"REPLACE INTO d VALUES (?, NULL)", "insert d (k,n) <$1,<nil>> replace", ""},
		{"INSERT OR REPLACE INTO d (k) VALUES ('x')", `insert d (k) <"x"> replace`, ""},
		{"INSERT OR IGNORE INTO d (k) VALUES ('x')", `insert d (k) <"x">`, ""},
		{"INSERT INTO va (x) VALUES (?)", "insert va (x) <$1>", ""},
		{"INSERT INTO temp.a (x) VALUES (?)", "insert temp.a (x) <$1>", ""},
		{"INSERT INTO nowhere VALUES (?)", "insert nowhere <$1>", ""},
		{
			"INSERT INTO a (id, x) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET x = excluded.x, y = y + 1, z = ?3",
			"insert a (id,x) <$1,$2> conflict [id] x:=excluded.x,y:=computed,z:=$3,g:=computed", "",
		},
		{
			"INSERT INTO a (id, x) VALUES (?, ?) ON CONFLICT (x) DO UPDATE SET x = excluded.y",
			"insert a (id,x) <$1,$2> conflict [] x:=computed,g:=computed", "",
		},
		{"INSERT INTO d (k) VALUES (?) ON CONFLICT (k) DO NOTHING", "insert d (k) <$1>", ""},
		{
			"INSERT INTO d (k) VALUES (?) ON CONFLICT (k) DO UPDATE SET n = 1 ON CONFLICT DO UPDATE SET (n, k) = (2, ?)",
			"insert d (k) <$1> conflict [] n:=computed,n:=computed,k:=computed", "",
		},
		{
			"INSERT INTO d (k) VALUES (?) ON CONFLICT (k) DO UPDATE SET n = (SELECT max(y) FROM a) WHERE n IN (SELECT w FROM b)",
			"insert d (k) <$1> conflict [k] n:=computed", "b(w); a(y)",
		},

		{"UPDATE d SET n = 1", "update d set n:=1", ""},
		{"UPDATE a SET x = ?, y = y + 1 WHERE id = ?", "update a where id=$2 set x:=$1,y:=computed,g:=computed", ""},
		{"UPDATE a AS q SET rowid = 5 WHERE q.oid IN (?, ?)", "update a where id=$1|$2 set id:=5,g:=computed", ""},
		{"UPDATE OR REPLACE d SET (k, n) = (?, ?) WHERE n = 1", "update d where n=1 set k:=$1,n:=$2 replace", ""},
		{"UPDATE d SET (k, n) = (SELECT x, y FROM a)", "update d set k:=computed,n:=computed", "a(x,y)"},
		{
			"UPDATE b SET w = a.y FROM a WHERE a.id = b.a_id AND a.id = ?",
			"update b where a_id=$1~a.id set w:=computed", "a(id,y) id=$1",
		},
		{
			"UPDATE b SET w = q.n FROM d JOIN (SELECT 1 AS n) q ON d.n = b.id WHERE d.n = ?",
			"update b set w:=computed", "d(n) n=$1",
		},
		{"UPDATE d SET n = 1 WHERE k = ? OR k = ?", "update d set n:=1", ""},
		{"UPDATE main.d SET n = 1 WHERE d.k = ?", "update d where k=$1 set n:=1", ""},

		{"DELETE FROM c", "delete c", ""},
		{"DELETE FROM c WHERE (b_id, k) = (?, ?)", "delete c where b_id=$1 k=$2", ""},
		{"DELETE FROM b AS q WHERE q.a_id = ? AND w > ?", "delete b where a_id=$1", ""},
		{"DELETE FROM b WHERE a_id IN (SELECT id FROM a WHERE x = ?)", "delete b", "a(id,x) x=$1"},
		{"DELETE FROM b WHERE id = ? ORDER BY w LIMIT 1", "delete b where id=$1", ""},
		{"DELETE FROM b WHERE w = ? RETURNING (SELECT n FROM d)", "delete b where w=$1", "d(n)"},
	}
	for _, tt := range tests {
		s := sqlite.Dialect.Analyze(tt.query, o.catalog)
		if s.Kind != moneyclip.KindWrite || len(s.Writes) != 1 {
			t.Errorf("Analyze(%q) is of kind %v with %d writes", tt.query, s.Kind, len(s.Writes))
			continue
		}
		if got := writeText(s.Writes[0]); got != tt.want {
			t.Errorf("Analyze(%q) writes %q, want %q", tt.query, got, tt.want)
		}
		if got := readsText(s.Reads); got != tt.reads {
			t.Errorf("Analyze(%q) reads %q, want %q", tt.query, got, tt.reads)
		}
		if s.Writes[0].Source == nil {
			t.Errorf("Analyze(%q) has no source", tt.query)
		}
	}
}
