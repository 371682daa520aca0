package postgres

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

func TestKinds(t *testing.T) {
	tests := []struct {
		query  string
		kind   moneyclip.Kind
		change string // or why it is doubtful
		reach  moneyclip.Reach
	}{
		{query: "TABLE authors", kind: moneyclip.KindRead},
		{query: "VALUES (1)", kind: moneyclip.KindRead},
		{query: "SELECT id FROM authors FOR UPDATE", kind: moneyclip.KindRead},
		{query: "SELECT id INTO x FROM authors", kind: moneyclip.KindSchema},
		{query: "SELECT id INTO TEMP x FROM authors", kind: moneyclip.KindSession, change: "temporary"},
		{query: "CREATE TEMP TABLE x (a int)", kind: moneyclip.KindSession, change: "temporary"},
		{query: "CREATE TABLE pg_temp.x (a int)", kind: moneyclip.KindSession, change: "temporary"},
		{query: "CREATE TEMP TABLE x AS SELECT 1", kind: moneyclip.KindSession, change: "temporary"},
		{query: "CREATE TEMP VIEW x AS SELECT 1", kind: moneyclip.KindSession, change: "temporary"},
		{query: "CREATE TABLE x AS SELECT 1", kind: moneyclip.KindSchema},
		{query: "ALTER TABLE authors ADD x int", kind: moneyclip.KindSchema},
		{query: "GRANT SELECT ON authors TO x", kind: moneyclip.KindSchema},
		{query: "WITH x AS (DELETE FROM books RETURNING id) SELECT count(*) FROM x", kind: moneyclip.KindWrite},
		{query: "MERGE INTO authors a USING books b ON a.id = b.author_id WHEN MATCHED THEN DELETE", kind: moneyclip.KindWrite},
		{query: "TRUNCATE books", kind: moneyclip.KindWrite},
		{query: "COPY books FROM STDIN", kind: moneyclip.KindWrite},
		{query: "COPY books TO STDOUT", kind: moneyclip.KindInert},
		{query: "COPY (SELECT 1) TO STDOUT", kind: moneyclip.KindInert},
		{query: "COPY (DELETE FROM books RETURNING id) TO STDOUT", kind: moneyclip.KindWrite},
		{query: "COPY books FROM PROGRAM 'x'", kind: moneyclip.KindWrite},
		{query: "EXPLAIN DELETE FROM books", kind: moneyclip.KindInert},
		{query: "EXPLAIN ANALYZE DELETE FROM books", kind: moneyclip.KindWrite},
		{query: "EXPLAIN (ANALYZE, VERBOSE) SELECT id FROM books", kind: moneyclip.KindInert},
		{query: "EXPLAIN ANALYZE SELECT writes_own()", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "CALL f()", kind: moneyclip.KindSchema, change: "not in the catalog"},
		{query: "DO $$ BEGIN DELETE FROM books; END $$", kind: moneyclip.KindWrite},
		{query: "DO $$ BEGIN CREATE TABLE x (); END $$", kind: moneyclip.KindSchema, change: "more than SELECT"},
		{query: "DO $$ BEGIN EXECUTE 'x'; END $$", kind: moneyclip.KindSchema, change: "text that it makes"},
		{query: "DO $$ BEGIN COMMIT; END $$", kind: moneyclip.KindSchema, change: "text that it makes"},
		{query: "DO LANGUAGE plperl $$ x $$", kind: moneyclip.KindSchema, change: "not understood"},
		{query: "DO $$ DECLARE n int := writes_own(); BEGIN NULL; END $$", kind: moneyclip.KindSchema, change: "writes_own"},
		{query: "DO $$ BEGIN SET search_path TO x; END $$", kind: moneyclip.KindWrite, change: "search_path"},
		{query: "EXECUTE x", kind: moneyclip.KindWrite, change: "not in its text"},
		{query: "PREPARE x AS DELETE FROM books", kind: moneyclip.KindInert},
		{query: "DEALLOCATE ALL", kind: moneyclip.KindInert},
		{query: "LISTEN x", kind: moneyclip.KindInert},
		{query: "SHOW search_path", kind: moneyclip.KindInert},
		{query: "LOCK TABLE authors", kind: moneyclip.KindInert},
		{query: "DECLARE c CURSOR FOR SELECT id FROM books", kind: moneyclip.KindInert},
		{query: "DECLARE c CURSOR FOR SELECT writes_own()", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "FETCH ALL FROM c", kind: moneyclip.KindInert},
		{query: "VACUUM authors", kind: moneyclip.KindInert},
		{query: "ANALYZE authors", kind: moneyclip.KindInert},
		{query: "REFRESH MATERIALIZED VIEW counts", kind: moneyclip.KindWrite},
		{query: "PREPARE TRANSACTION 'x'", kind: moneyclip.KindUnknown},
		{query: "COMMIT PREPARED 'x'", kind: moneyclip.KindUnknown},
		{query: "SET CONSTRAINTS ALL DEFERRED", kind: moneyclip.KindInert},
		{query: "SET search_path TO x", kind: moneyclip.KindSession, change: "search_path"},
		{query: "SET LOCAL search_path TO x", kind: moneyclip.KindSession, change: "search_path", reach: moneyclip.UntilEnd},
		{query: "RESET search_path", kind: moneyclip.KindSession, change: "search_path"},
		{query: "SET TIME ZONE 'UTC'", kind: moneyclip.KindSession, change: "timezone"},
		{query: "SET ROLE x", kind: moneyclip.KindSession, change: "role"},
		{query: "SET SESSION AUTHORIZATION x", kind: moneyclip.KindSession, change: "session_authorization"},
		{query: "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", kind: moneyclip.KindSession, change: "transaction", reach: moneyclip.UntilEnd},
		{query: "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", kind: moneyclip.KindSession, change: "transactions"},
		{query: "SET statement_timeout TO 5", kind: moneyclip.KindInert},
		{query: "SET LOCAL enable_seqscan TO off", kind: moneyclip.KindInert},
		{query: "SET app.user_id TO 5", kind: moneyclip.KindInert},
		{query: "RESET ALL", kind: moneyclip.KindSession, change: "resets", reach: moneyclip.Reset},
		{query: "DISCARD ALL", kind: moneyclip.KindSession, change: "resets", reach: moneyclip.Reset},
		{query: "DISCARD PLANS", kind: moneyclip.KindInert},
		{query: "DISCARD TEMP", kind: moneyclip.KindSession, change: "temporary"},
		{query: "SELECT set_config('search_path', 'x', false)", kind: moneyclip.KindSession, change: "set_config"},
		{query: "SELECT set_config('TimeZone', $1, true)", kind: moneyclip.KindSession, change: "set_config", reach: moneyclip.UntilEnd},
		{query: "SELECT set_config($1, $2, false)", kind: moneyclip.KindSession, change: "set_config"},
		{query: "SELECT set_config('app.user', 'x', true)", kind: moneyclip.KindRead},
		{query: "UPDATE books SET title = set_config('role', 'x', false)", kind: moneyclip.KindWrite, change: "set_config"},
		{query: "SELECT writes_own(), 1", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT * FROM writes_own() AS x", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT id FROM books WHERE id = writes_own()", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT id FROM books ORDER BY writes_own()", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT b.whole FROM books b", kind: moneyclip.KindWrite, change: "whole"},
		{query: "SELECT not_there()", kind: moneyclip.KindWrite, change: "not_there"},
		{query: "SELECT query_to_xml('DELETE FROM books', true, true, '')", kind: moneyclip.KindWrite, change: "query_to_xml"},
		{query: "SELECT reads_own(), nextval('x'), random(), uuid_generate_v4()", kind: moneyclip.KindRead},
		{query: "SELECT shop.lower('x')", kind: moneyclip.KindWrite, change: "lower"},
	}
	catalog := testCatalog()
	for _, tt := range tests {
		got := Dialect.Analyze(tt.query, catalog)
		if got.Kind != tt.kind || got.Reach != tt.reach || !strings.Contains(got.Change+got.Doubtful, tt.change) ||
			tt.change == "" && got.Change+got.Doubtful != "" {
			t.Errorf("Analyze(%q) = kind %v, change %q, doubtful %q, reach %v, want %v %q %v",
				tt.query, got.Kind, got.Change, got.Doubtful, got.Reach, tt.kind, tt.change, tt.reach)
		}
		if got.Doubtful != "" && got.Kind == moneyclip.KindWrite && !strings.Contains(got.Doubtful, "set") &&
			!slices.ContainsFunc(got.Writes, func(w moneyclip.Write) bool { return w.Op == moneyclip.AnyOp }) {
			t.Errorf("Analyze(%q) calls what is not known, and yet does not write anything: %+v", tt.query, got.Writes)
		}
	}
}

func TestControl(t *testing.T) {
	for query, want := range map[string][]moneyclip.Control{
		"BEGIN ISOLATION LEVEL SERIALIZABLE": {moneyclip.Begin},
		"START TRANSACTION READ ONLY":        {moneyclip.Begin},
		"END":                                {moneyclip.Commit},
		"ABORT":                              {moneyclip.Rollback},
		"COMMIT AND CHAIN":                   {moneyclip.Commit, moneyclip.Begin},
		"ROLLBACK AND CHAIN":                 {moneyclip.Rollback, moneyclip.Begin},
		"SAVEPOINT A":                        {moneyclip.Savepoint},
		"RELEASE a":                          {moneyclip.Release},
		"ROLLBACK TO a":                      {moneyclip.RollbackTo},
	} {
		s := Dialect.Analyze(query, nil)
		parts := s.Parts
		if s.Kind == moneyclip.KindControl {
			parts = []moneyclip.Statement{s}
		}
		var got []moneyclip.Control
		for _, part := range parts {
			got = append(got, part.Control)
		}
		if !slices.Equal(got, want) {
			t.Errorf("Analyze(%q) = %v, want %v", query, got, want)
		}
		if strings.ContainsAny(query, "Aa") && s.Control >= moneyclip.Savepoint && s.Savepoint != "a" {
			t.Errorf("Analyze(%q).Savepoint = %q, want a", query, s.Savepoint)
		}
	}
}

// describePins writes pins as "column=value,value", sorted.
func describePins(pins []moneyclip.Pin) string {
	var list []string
	for _, p := range pins {
		var values []string
		for _, v := range p.Values {
			switch v.Kind {
			case moneyclip.ValueParam:
				values = append(values, fmt.Sprintf("$%d", v.Param))
			case moneyclip.ValueElement:
				values = append(values, fmt.Sprintf("any($%d)", v.Param))
			default:
				values = append(values, fmt.Sprint(v.Const))
			}
		}
		list = append(list, p.Column+"="+strings.Join(values, ","))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestReads(t *testing.T) {
	tests := []struct{ query, want, impure string }{
		{query: "SELECT id FROM authors WHERE id = $1", want: "public.authors [id] id=$1"},
		{query: "SELECT id FROM authors WHERE id = $1::bigint", want: "public.authors [id] id=$1"},
		{query: "SELECT id FROM authors WHERE id = CAST($1 AS int)", want: "public.authors [id] id=$1"},
		{query: "SELECT id FROM authors WHERE id = $1::numeric", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id::text = $1", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE name = $1::text", want: "public.authors [id name] name=$1"},
		{query: "SELECT id FROM authors WHERE name = $1::varchar", want: "public.authors [id name] name=$1"},
		{query: "SELECT id FROM authors WHERE name = $1::varchar(3)", want: "public.authors [id name] "},
		{query: "SELECT id FROM authors WHERE name = $1::short", want: "public.authors [id name] "},
		{query: "SELECT id FROM authors WHERE name = $1 COLLATE \"C\"", want: "public.authors [id name] "},
		{query: "SELECT id FROM authors WHERE code = $1::char(2)", want: "public.authors [code id] "},
		{query: "SELECT id FROM authors WHERE mood = $1::mood", want: "public.authors [id mood] mood=$1"},
		{query: "SELECT id FROM authors WHERE key = $1::uuid", want: "public.authors [id key] key=$1"},
		{query: "SELECT id FROM authors WHERE price = $1::numeric", want: "public.authors [id price] price=$1"},
		{query: "SELECT id FROM authors WHERE price = $1::numeric(10,1)", want: "public.authors [id price] "},
		{query: "SELECT id FROM authors WHERE at = $1::timestamptz", want: "public.authors [at id] at=$1"},
		{query: "SELECT id FROM authors WHERE at = $1::timestamp", want: "public.authors [at id] "},
		{query: "SELECT id FROM authors WHERE at = $1 OR day = $1", want: "public.authors [at day id] "},
		{query: "SELECT id FROM authors WHERE at = $1 AND day > $1", want: "public.authors [at day id] "},
		{query: "SELECT id FROM authors WHERE id = $1 AND $1 > 0", want: "public.authors [id] id=$1"},
		{query: "SELECT id FROM authors WHERE id = ANY($1)", want: "public.authors [id] id=any($1)"},
		{query: "SELECT id FROM authors WHERE id = ANY($1::bigint[])", want: "public.authors [id] id=any($1)"},
		{query: "SELECT id FROM authors WHERE id = ANY($1::text[])", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id = ANY(ARRAY[$1, 5])", want: "public.authors [id] id=$1,5"},
		{query: "SELECT id FROM authors WHERE id <> ALL($1)", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id = ALL($1)", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id IN ($1, $2)", want: "public.authors [id] id=$1,$2"},
		{query: "SELECT id FROM authors WHERE id NOT IN ($1)", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE (id, name) = ($1, $2)", want: "public.authors [id name] id=$1 name=$2"},
		{query: "SELECT id FROM authors WHERE ROW (id, name) = ROW ($1, $2)", want: "public.authors [id name] id=$1 name=$2"},
		{query: "SELECT id FROM authors WHERE id IS NOT DISTINCT FROM $1", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id = 1.5", want: "public.authors [id] id=1.5"},
		{query: "SELECT id FROM authors WHERE id = -5 AND name = 'x'", want: "public.authors [id name] id=-5 name=x"},
		{query: "SELECT id FROM authors WHERE id OPERATOR(pg_catalog.=) $1", want: "public.authors [id] id=$1"},
		{query: "SELECT id FROM authors WHERE id OPERATOR(shop.=) $1", want: "public.authors [id] "},
		{query: "SELECT id FROM shop.authors WHERE id = $1", want: "shop.authors [id] id=$1"},
		{query: "SELECT authors.id FROM public.authors WHERE public.authors.id = $1", want: "public.authors [id] id=$1"},
		{query: "SELECT id FROM ONLY authors WHERE id = $1", want: "public.authors [id] id=$1"},
		{query: "SELECT a FROM authors AS a WHERE a.id = $1", want: "public.authors * id=$1"},
		{query: "SELECT count(a.*) FROM authors AS a WHERE a.id = $1", want: "public.authors * id=$1"},
		{query: "SELECT (a).name FROM authors AS a WHERE a.id = $1", want: "public.authors * id=$1"},
		{query: "SELECT x FROM authors AS a (x) WHERE x = $1", want: "public.authors [id] id=$1"},
		{
			query: "SELECT count(*) FILTER (WHERE city = 'a') FROM authors GROUP BY GROUPING SETS ((name), ()) HAVING max(price) > 1",
			want:  "public.authors [city name price] ",
		},
		{
			query: "SELECT max(id) OVER (PARTITION BY name ORDER BY day) FROM authors ORDER BY at LIMIT $1",
			want:  "public.authors [at day id name] ",
		},
		{
			query: "SELECT a.name FROM books b JOIN LATERAL (SELECT name FROM authors WHERE id = b.author_id) a ON true WHERE b.id = $1",
			want:  "public.authors [id name] ; public.books [author_id id] id=$1",
		},
		{query: "SELECT title FROM titles", want: "public.books * "},
		{query: "SELECT id FROM books WHERE id = $1 UNION (SELECT id FROM authors WHERE id = $2 ORDER BY name LIMIT 1)",
			want: "public.authors [id name] id=$2; public.books [id] id=$1"},
		{query: "WITH RECURSIVE x AS (SELECT id FROM books WHERE id = $1 UNION ALL SELECT b.id FROM books b JOIN x ON b.author_id = x.id) " +
			"SELECT count(*) FROM x", want: "public.books [author_id id] ; public.books [id] id=$1"},
		{query: "SELECT lower(name), concat(name, at), to_char(at, 'YYYY'), at AT TIME ZONE 'UTC', extract(year FROM at) FROM authors",
			want: "public.authors [at name] "},
		{query: "SELECT pure_own(), coalesce(NULL, 1), greatest(1, 2), CASE WHEN true THEN 1 END, ARRAY[1], 'a'::text || 'b'"},

		{query: "SELECT now()", impure: "now"},
		{query: "SELECT current_date", impure: "clock"},
		{query: "SELECT current_user", impure: "session"},
		{query: "SELECT age(at) FROM authors", want: "public.authors [at] ", impure: "age"},
		{query: "SELECT age(at, at) FROM authors", want: "public.authors [at] "},
		{query: "SELECT current_setting('x')", impure: "current_setting"},
		{query: "SELECT random()", impure: "random"},
		{query: "SELECT reads_own()", impure: "reads_own"},
		{query: "SELECT id FROM authors WHERE at > 'now'", want: "public.authors [at id] ", impure: "now"},
		{query: "SELECT id FROM authors WHERE at > 'yesterday'::timestamptz", want: "public.authors [at id] ", impure: "yesterday"},
		{query: "SELECT 'authors'::regclass", impure: "regclass"},
		{query: "SELECT ctid FROM authors", want: "public.authors * ", impure: "ctid"},
		{query: "SELECT id FROM authors FOR SHARE", want: "public.authors [id] ", impure: "locks"},
		{query: "SELECT id FROM authors TABLESAMPLE system (10)", want: "public.authors [id] ", impure: "sample"},
		{query: "SELECT oid FROM pg_class", want: "pg_catalog.pg_class [oid] ", impure: "pg_class"},
		{query: "SELECT a FROM nowhere", want: "nowhere [a] ", impure: "nowhere"},
		{query: "SELECT id FROM secret", want: "public.secret [id] ", impure: "row security"},
		{query: "SELECT id FROM authors WHERE id = @id", want: "public.authors [id] ", impure: "arguments"},
		{query: "SELECT id FROM authors WHERE id =@id AND name = $1", want: "public.authors [id name] ", impure: "arguments"},
		{query: "SELECT id FROM authors WHERE name = 'a@b' AND id = @ -5", want: "public.authors [id name] name=a@b"},
	}
	catalog := testCatalog()
	for _, tt := range tests {
		s := Dialect.Analyze(tt.query, catalog)
		var list []string
		for _, read := range s.Reads {
			columns := fmt.Sprint(read.Columns)
			if read.All {
				columns = "*"
			}
			list = append(list, fmt.Sprintf("%s %s %s", read.Table, columns, describePins(read.Pins)))
		}
		slices.Sort(list)
		if got := strings.Join(list, "; "); got != tt.want || s.Kind != moneyclip.KindRead {
			t.Errorf("Analyze(%q) is of kind %v and reads %q, want %q", tt.query, s.Kind, got, tt.want)
		}
		if (tt.impure == "") != (s.Uncacheable == "") || !strings.Contains(s.Uncacheable, tt.impure) {
			t.Errorf("Analyze(%q).Uncacheable = %q, want %q", tt.query, s.Uncacheable, tt.impure)
		}
	}
}

func TestWrites(t *testing.T) {
	tests := []struct{ query, want string }{
		{"UPDATE authors SET name = $1 WHERE id = $2", "2 public.authors id=$2 [name=1.1]"},
		{"UPDATE authors a SET (name, city) = ($1, 'x') WHERE a.id = $2", "2 public.authors id=$2 [name=1.1 city=2.0]"},
		{"UPDATE authors SET (name, city) = (SELECT 'a', 'b')", "2 public.authors  [name=0.0 city=0.0]"},
		{"UPDATE authors SET at = $1 WHERE day = $1", "2 public.authors  [at=0.0]"},
		{"UPDATE authors SET name = DEFAULT WHERE id = @id", "2 public.authors  [name=0.0]"},
		{"UPDATE authors SET code = $1::char(2) WHERE CURRENT OF c", "2 public.authors  [code=0.0]"},
		{"UPDATE books b SET pages = 0 FROM authors a WHERE a.id = b.author_id AND a.id = $1", "2 public.books author_id=$1 [pages=2.0]"},
		{"DELETE FROM books USING authors WHERE authors.id = author_id AND authors.id = $1", "3 public.books author_id=$1 []"},
		{"INSERT INTO authors (id, name) VALUES ($1, DEFAULT), (2, lower('x'))", "1 public.authors  [] [id name] [1.1 2.0] [2.0 0.0]"},
		{"INSERT INTO books VALUES ($1, $2)", "1 public.books  [] [id author_id] [1.1 1.2]"},
		{"INSERT INTO books (id) OVERRIDING USER VALUE VALUES ($1)", "1 public.books  [] [id] [0.0]"},
		{"INSERT INTO books (id) SELECT $1::int", "1 public.books  [] [id]"},
		{"INSERT INTO titles (title) VALUES ($1)", "1 public.books  [] [title] [1.1]"},
		{"INSERT INTO titles VALUES ($1)", "1 public.books  [] [title] [1.1]"},
		{"UPDATE titles SET title = $1 WHERE title = $2", "2 public.books title=$2 [title=1.1]"},
		{"DELETE FROM titles AS t WHERE t.title = $1", "3 public.books title=$1 []"},
		{"INSERT INTO lengths (title) VALUES ($1)", "1 public.books  []"},
		{"UPDATE lengths SET title = $1 WHERE title = $2", "2 public.books  [] all"},
		{
			"INSERT INTO authors (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name, city = 'x'",
			"1 public.authors  [] [id name] [1.1 1.2] conflict [id] [name=5.0 city=2.0]",
		},
		{
			"INSERT INTO authors (id) VALUES ($1) ON CONFLICT ON CONSTRAINT x DO UPDATE SET name = 'x'",
			"1 public.authors  [] [id] [1.1] conflict [] [name=2.0]",
		},
		{"INSERT INTO authors (id) VALUES ($1) ON CONFLICT DO NOTHING", "1 public.authors  [] [id] [1.1]"},
		{"TRUNCATE books, authors", "3 public.books  []; 3 public.authors  []"},
		{"TRUNCATE authors CASCADE", "3 public.authors  []; 3 public.books  []"},
		{"COPY books (id, title) FROM STDIN", "1 public.books  [] [id title]"},
		{"REFRESH MATERIALIZED VIEW books", "3 public.books  []"},
		{
			"WITH gone AS (DELETE FROM books WHERE id = $1 RETURNING author_id) UPDATE authors SET name = 'x' WHERE id IN (SELECT author_id FROM gone)",
			"3 public.books id=$1 []; 2 public.authors  [name=2.0]",
		},
		{
			"MERGE INTO authors a USING (SELECT $1::bigint AS id) s ON a.id = s.id WHEN MATCHED AND a.name = 'x' THEN DELETE " +
				"WHEN MATCHED THEN UPDATE SET city = 'y' WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, 'z')",
			"3 public.authors name=x []; 2 public.authors  [city=2.0]; 1 public.authors  [] [id name]",
		},
		{"UPDATE nowhere SET a = 1", "2 nowhere  [a=2.0]"},
		{"UPDATE shop.nowhere SET a = 1", "2 shop.nowhere  [a=2.0]"},
		{"DELETE FROM books WHERE id = $1 RETURNING writes_own()", "3 public.books id=$1 []; 0   []"},
	}
	catalog := testCatalog()
	for _, tt := range tests {
		var list []string
		for _, w := range Dialect.Analyze(tt.query, catalog).Writes {
			list = append(list, describeWrite(&w))
		}
		if got := strings.Join(list, "; "); got != tt.want {
			t.Errorf("Analyze(%q) writes\n%q, want\n%q", tt.query, got, tt.want)
		}
	}
}

func describeWrite(w *moneyclip.Write) string {
	set := func(list []moneyclip.Assignment) string {
		var out []string
		for _, a := range list {
			out = append(out, fmt.Sprintf("%s=%d.%d", a.Column, a.Value.Kind, a.Value.Param))
		}
		return fmt.Sprint(out)
	}
	text := fmt.Sprintf("%d %s %s %s", w.Op, w.Table, describePins(w.Pins), set(w.Set))
	if w.SetAll {
		text += " all"
	}
	if w.Columns != nil {
		text += fmt.Sprintf(" %v", w.Columns)
	}
	for _, row := range w.Rows {
		var values []string
		for _, v := range row {
			values = append(values, fmt.Sprintf("%d.%d", v.Kind, v.Param))
		}
		text += fmt.Sprintf(" %v", values)
	}
	if w.Conflict != nil {
		text += fmt.Sprintf(" conflict %v %s", w.Conflict.Target, set(w.Conflict.Set))
	}
	return text
}

func TestScript(t *testing.T) {
	s := Dialect.Analyze("BEGIN; UPDATE books SET pages = $2 WHERE id = $1; COMMIT;", testCatalog())
	if s.Kind != moneyclip.KindScript || len(s.Parts) != 3 || len(s.Params) != 2 {
		t.Fatalf("Analyze = kind %v, %d parts, %d parameters, want a script of 3 with 2", s.Kind, len(s.Parts), len(s.Params))
	}
	if got := describeWrite(&s.Parts[1].Writes[0]); got != "2 public.books id=$1 [pages=1.2]" {
		t.Errorf("the second part writes %q", got)
	}
}

// A text has one normal form, and texts of different meanings have different ones.
func TestText(t *testing.T) {
	same := [][]string{
		{"select id from authors where id=$1", "SELECT  id FROM authors -- x\nWHERE id = $1;", `SELECT "id" FROM "authors" WHERE id = $1`},
		{"SELECT 'a' || 'B'", "select /* x */ 'a'||'B'"},
	}
	seen := map[string]bool{}
	for _, group := range same {
		text := Dialect.Analyze(group[0], nil).Text
		for _, query := range group[1:] {
			if got := Dialect.Analyze(query, nil).Text; got != text || got == "" {
				t.Errorf("Analyze(%q).Text = %q, want %q", query, got, text)
			}
		}
		seen[text] = true
	}
	for _, query := range []string{
		"SELECT 1", "SELECT '1'", "SELECT 1.0", "SELECT -1", "SELECT - 1.0", "SELECT true", "SELECT 'true'", "SELECT NULL", `SELECT "Id" FROM authors`,
		"SELECT (1 + 2) * 3", "SELECT 1 + 2 * 3", "SELECT 1 + (2 * 3) + 4", "SELECT NOT (a = b)", "SELECT (NOT a) = b", "SELECT 'a' LIKE 'b'",
		"SELECT 'a' NOT LIKE 'b'", "SELECT 'a' ILIKE 'b'", "SELECT a, b", "SELECT (a, b)", "SELECT a AND (b OR c)", "SELECT a AND b OR c",
		"SELECT DISTINCT a", "SELECT ALL b", "SELECT a UNION SELECT b", "SELECT a UNION ALL SELECT b", "SELECT 1 EXCEPT (SELECT 2 EXCEPT SELECT 3)",
		"SELECT 1 EXCEPT SELECT 2 EXCEPT SELECT 3", "SELECT E'\\n'", "SELECT '\\n'", "SELECT x::int", "SELECT x::bigint", "SELECT x::varchar(2)",
		"SELECT x::varchar(3)", "SELECT interval '1' day", "SELECT interval '1' hour", "SELECT b'1'", "SELECT x'1'",
	} {
		text := Dialect.Analyze(query, nil).Text
		if text == "" || seen[text] {
			t.Errorf("Analyze(%q).Text = %q, which is another's too", query, text)
		}
		seen[text] = true
	}
}

func FuzzAnalyze(f *testing.F) {
	for _, query := range []string{
		"SELECT id FROM authors WHERE id = $1", "UPDATE authors SET name = $1 WHERE id = ANY($2::bigint[]) RETURNING *",
		"WITH x AS (DELETE FROM books RETURNING *) SELECT * FROM x", "SET LOCAL search_path TO a, b", "SELECT @id", "COMMIT AND CHAIN; SELECT 1",
		"MERGE INTO authors a USING books b ON a.id = b.id WHEN MATCHED THEN UPDATE SET (a, b) = ROW (1, 2)", "SELECT $0, $99999999",
		"INSERT INTO authors VALUES (DEFAULT) ON CONFLICT ((lower(name))) WHERE true DO UPDATE SET name = excluded.name WHERE excluded.id = 1",
	} {
		f.Add(query)
	}
	catalog := testCatalog()
	f.Fuzz(func(t *testing.T, query string) {
		for _, c := range []*moneyclip.Catalog{nil, catalog} {
			s := Dialect.Analyze(query, c)
			for i := range s.Writes {
				Dialect.Reading(&s.Writes[i], c, []string{"id"}, []string{"id", "name"})
				s.Writes[i].Source = nil
			}
			again := Dialect.Analyze(query, c)
			if again.Text != s.Text || !reflect.DeepEqual(again.Reads, s.Reads) {
				t.Errorf("Analyze(%q) has two answers: %+v and %+v", query, s, again)
			}
		}
	})
}
