//go:build cgo

package sqlite_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

func TestAnalyzeKinds(t *testing.T) {
	t.Parallel()
	type want struct {
		Kind      moneyclip.Kind
		Control   moneyclip.Control
		Savepoint string
		Change    string
		Returns   bool
	}
	tests := []struct {
		query string
		want  want
	}{
		{"", want{Kind: moneyclip.KindInert}},
		{"\n -- nothing\n;/* at all */;", want{Kind: moneyclip.KindInert}},
		{"VALUES (1), (2)", want{Kind: moneyclip.KindRead}},
		{"WITH x AS (SELECT 1) SELECT * FROM x", want{Kind: moneyclip.KindRead}},
		{"REPLACE INTO t VALUES (1)", want{Kind: moneyclip.KindWrite}},
		{"INSERT INTO t DEFAULT VALUES RETURNING id", want{Kind: moneyclip.KindWrite, Returns: true}},
		{"UPDATE t SET a = 1 RETURNING *", want{Kind: moneyclip.KindWrite, Returns: true}},
		{"DELETE FROM t RETURNING a", want{Kind: moneyclip.KindWrite, Returns: true}},
		{"DELETE FROM t ORDER BY a LIMIT 1", want{Kind: moneyclip.KindWrite}},
		{"BEGIN EXCLUSIVE TRANSACTION", want{Kind: moneyclip.KindControl, Control: moneyclip.Begin}},
		{"END", want{Kind: moneyclip.KindControl, Control: moneyclip.Commit}},
		{"ROLLBACK TRANSACTION", want{Kind: moneyclip.KindControl, Control: moneyclip.Rollback}},
		{`SAVEPOINT "My Point"`, want{Kind: moneyclip.KindControl, Control: moneyclip.Savepoint, Savepoint: "my point"}},
		{"ROLLBACK TO A", want{Kind: moneyclip.KindControl, Control: moneyclip.RollbackTo, Savepoint: "a"}},
		{"RELEASE A", want{Kind: moneyclip.KindControl, Control: moneyclip.Release, Savepoint: "a"}},
		{"ATTACH 'x.db' AS x", want{Kind: moneyclip.KindSession, Change: "attaches a database"}},
		{"DETACH x", want{Kind: moneyclip.KindSession, Change: "detaches a database"}},
		{"CREATE TABLE t (a)", want{Kind: moneyclip.KindSchema}},
		{"CREATE TEMP TABLE t (a)", want{Kind: moneyclip.KindSession, Change: "creates a temporary table"}},
		{"CREATE TABLE temp.t (a)", want{Kind: moneyclip.KindSession, Change: "creates a temporary table"}},
		{"CREATE VIRTUAL TABLE temp.t USING fts5(a)", want{Kind: moneyclip.KindSession, Change: "creates a temporary table"}},
		{"CREATE TEMPORARY VIEW t AS SELECT 1", want{Kind: moneyclip.KindSession, Change: "creates a temporary view"}},
		{
			"CREATE TEMP TRIGGER t DELETE ON a BEGIN SELECT 1; END",
			want{Kind: moneyclip.KindSession, Change: "creates a temporary trigger"},
		},
		{"DROP VIEW v", want{Kind: moneyclip.KindSchema}},
		{"ALTER TABLE t RENAME TO u", want{Kind: moneyclip.KindSchema}},
		{"REINDEX", want{Kind: moneyclip.KindSchema}},
		{"ANALYZE", want{Kind: moneyclip.KindSchema}},
		{"VACUUM", want{Kind: moneyclip.KindSchema}},
		{"VACUUM INTO 'copy.db'", want{Kind: moneyclip.KindInert}},
		{"EXPLAIN QUERY PLAN DELETE FROM t", want{Kind: moneyclip.KindInert}},
		{"EXPLAIN DELETE FROM t", want{Kind: moneyclip.KindInert}},
		{"SELECT 1; DELETE FROM t", want{Kind: moneyclip.KindScript}},
		{"DELETE FROM t; what?", want{}},
		{"SELECT 1\x00; DELETE FROM t", want{}},
		{"MERGE INTO t USING u", want{}},
	}
	for _, tt := range tests {
		s := sqlite.Dialect.Analyze(tt.query, nil)
		got := want{s.Kind, s.Control, s.Savepoint, s.Change, s.Returns}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Analyze(%q) (-want +got):\n%s", tt.query, diff)
		}
	}
}

func TestAnalyzeText(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, want string }{
		{"select  a from t -- b", "SELECT a FROM t"},
		{"SELECT 'a  b', \"x  y\", [q  r], `z` FROM t;", "SELECT 'a  b', \"x  y\", [q  r], `z` FROM t"},
		{"SELECT 'it''s -- not a comment'", "SELECT 'it''s -- not a comment'"},
		{"SELECT null, x'AB' FROM a left join b like c", ""},
		{"SELECT null FROM a left join b on a.x like b.y", "SELECT NULL FROM a LEFT JOIN b ON a.x LIKE b.y"},
		{"commit", "COMMIT"},
		{"SELECT ?, ?1, :a, @b, $c", "SELECT ?, ?1, :a, @b, $c"},
		{"delete from T where A = 1", "DELETE FROM T WHERE A = 1"},
	}
	for _, tt := range tests {
		got := sqlite.Dialect.Analyze(tt.query, nil).Text
		if got != tt.want {
			t.Errorf("Analyze(%q).Text = %q, want %q", tt.query, got, tt.want)
		}
		if again := sqlite.Dialect.Analyze(got, nil).Text; again != got {
			t.Errorf("Analyze(%q).Text = %q, want itself", got, again)
		}
	}
}

func TestAnalyzeParams(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query string
		want  []string
	}{
		{"SELECT 1", nil},
		{"SELECT ?, ?", []string{"", ""}},
		{"SELECT ?3", []string{"", "", ""}},
		{"SELECT :a, @b, $c, :a", []string{"a", "b", "c"}},
		{"SELECT ?2, :a, ?", []string{"", "", "a", ""}},
		{"SELECT ?99999999", nil},
		{"SELECT :a; DELETE FROM t WHERE b = :b AND c = ?", []string{"b", ""}},
	}
	for _, tt := range tests {
		if got := sqlite.Dialect.Analyze(tt.query, nil).Params; !slices.Equal(got, tt.want) {
			t.Errorf("Analyze(%q).Params = %q, want %q", tt.query, got, tt.want)
		}
	}
}

func TestAnalyzeName(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, want string }{
		{"-- name: GetAuthor :one\nSELECT 1", "GetAuthor"},
		{"-- name: GetAuthor :execrows\r\nSELECT 1", "GetAuthor"},
		{"-- made by a tool\n/* a */\n--name: X :many\nSELECT 1", "X"},
		{"-- name: GetAuthor\nSELECT 1", ""},
		{"-- name: Get Author :one\nSELECT 1", ""},
		{"-- name: Get-Author :one\nSELECT 1", ""},
		{"SELECT 1 -- name: X :one", ""},
		{"/* name: X :one */ SELECT 1", ""},
		{"/* -- name: X :one", ""},
		{"-- name: Broken :one\nSELEC", "Broken"},
	}
	for _, tt := range tests {
		if got := sqlite.Dialect.Analyze(tt.query, nil).Name; got != tt.want {
			t.Errorf("Analyze(%q).Name = %q, want %q", tt.query, got, tt.want)
		}
	}
}

// TestAnalyzeParts: each statement of a script numbers its parameters by itself.
func TestAnalyzeParts(t *testing.T) {
	t.Parallel()
	s := sqlite.Dialect.Analyze("UPDATE t SET a = ? WHERE b = ?; DELETE FROM u WHERE c = ?;", nil)
	if len(s.Parts) != 2 {
		t.Fatalf("%d parts, want 2", len(s.Parts))
	}
	if got, want := s.Parts[1].Writes[0].Pins[0].Values[0].Param, 1; got != want {
		t.Errorf("the parameter of the second statement is %d, want %d", got, want)
	}
	if got, want := s.Text, "UPDATE t SET a = ? WHERE b = ?;\nDELETE FROM u WHERE c = ?;\n"; got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
}

func TestAnalyzeDeep(t *testing.T) {
	t.Parallel()
	query := "SELECT " + strings.Repeat("(", 50_000) + "1" + strings.Repeat(")", 50_000)
	if got := sqlite.Dialect.Analyze(query, nil).Kind; got != moneyclip.KindUnknown {
		t.Errorf("a text too deep for SQLite is of kind %v, want %v", got, moneyclip.KindUnknown)
	}
}

func BenchmarkAnalyze(b *testing.B) {
	o := newOracle(b)
	query := "-- name: X :one\nSELECT a.x, b.w FROM a LEFT JOIN b ON b.a_id = a.id AND b.w = ? WHERE a.id = ? AND a.y IN (1, 2)"
	b.ReportAllocs()
	for b.Loop() {
		sqlite.Dialect.Analyze(query, o.catalog)
	}
}
