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
		{query: "NOTIFY x", kind: moneyclip.KindInert},
		{query: "UNLISTEN *", kind: moneyclip.KindInert},
		{query: "CHECKPOINT", kind: moneyclip.KindInert},
		{query: "CLOSE c", kind: moneyclip.KindInert},
		{query: "LOAD 'x'", kind: moneyclip.KindSession, change: "library"},
		{query: "COPY books TO PROGRAM 'x'", kind: moneyclip.KindSchema},
		{query: "COPY books FROM STDIN WHERE writes_own() > 0", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "COPY (SELECT set_config('role', 'x', true)) TO STDOUT", kind: moneyclip.KindSession, change: "set_config", reach: moneyclip.UntilEnd},
		{query: "EXPLAIN (VERBOSE) DELETE FROM books", kind: moneyclip.KindInert},
		{query: "CREATE TABLE x (a int)", kind: moneyclip.KindSchema},
		{query: "CREATE VIEW x AS SELECT 1", kind: moneyclip.KindSchema},
		{query: "CREATE SEQUENCE x", kind: moneyclip.KindSchema},
		{query: "CREATE TEMP SEQUENCE x", kind: moneyclip.KindSession, change: "temporary"},
		{query: "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", kind: moneyclip.KindSchema},
		{query: "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", kind: moneyclip.KindSession, change: "temporary"},
		{query: "SET TRANSACTION SNAPSHOT 'x'", kind: moneyclip.KindSession, change: "transaction", reach: moneyclip.UntilEnd},
		{query: "SELECT 1\x00", kind: moneyclip.KindUnknown},
		{query: strings.Repeat(" ", maxText) + "SELECT 1", kind: moneyclip.KindUnknown},
		{query: "SELECT", kind: moneyclip.KindRead},
		{query: "SELEC", kind: moneyclip.KindUnknown},
		{query: "/* later */ (SELECT 1 LATER x);", kind: moneyclip.KindUnknown, change: "not understood"},
		{query: "UPDATE books SET id = 1 LATER x", kind: moneyclip.KindUnknown, change: "not understood"},
		{query: "MERGE INTO books LATER x", kind: moneyclip.KindUnknown, change: "not understood"},
		{query: "SELECT 1 INTO TEMP x LATER x", kind: moneyclip.KindUnknown},
		{query: "SELECT 1 LATER x; SET search_path TO x", kind: moneyclip.KindUnknown},
		{query: "SET LATER x SELECT 1", kind: moneyclip.KindUnknown},
		{query: "-- nothing", kind: moneyclip.KindInert},
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
		{query: "SET TIME ZONE 'UTC'", kind: moneyclip.KindSession, change: "timezone", reach: moneyclip.UntilAsked},
		{query: "SET ROLE x", kind: moneyclip.KindSession, change: "role", reach: moneyclip.UntilAsked},
		{query: "SET SESSION AUTHORIZATION x", kind: moneyclip.KindSession, change: "session_authorization", reach: moneyclip.UntilAsked},
		{query: "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", kind: moneyclip.KindSession, change: "transaction", reach: moneyclip.UntilEnd},
		{query: "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", kind: moneyclip.KindSession, change: "transactions"},
		{query: "SET statement_timeout TO 5", kind: moneyclip.KindInert},
		{query: "SET io_combine_limit TO 5", kind: moneyclip.KindInert},
		{query: "SET LOCAL enable_seqscan TO off", kind: moneyclip.KindInert},
		{query: "SET app.user_id TO 5", kind: moneyclip.KindInert},
		{query: "RESET ALL", kind: moneyclip.KindSession, change: "resets", reach: moneyclip.Reset},
		{query: "DISCARD ALL", kind: moneyclip.KindSession, change: "resets", reach: moneyclip.Reset},
		{query: "DISCARD PLANS", kind: moneyclip.KindInert},
		{query: "DISCARD TEMP", kind: moneyclip.KindSession, change: "temporary"},
		{query: "SELECT set_config('search_path', 'x', false)", kind: moneyclip.KindSession, change: "set_config"},
		{query: "SELECT set_config('statement_mem', 'x', false), set_config('TimeZone', 'x', true)", kind: moneyclip.KindSession, change: "set_config"},
		{query: "SELECT set_config('TimeZone', 'x', false), set_config('role', 'x', true)", kind: moneyclip.KindSession, change: "set_config", reach: moneyclip.UntilAsked},
		{query: "SET client_encoding = 'UTF8'", kind: moneyclip.KindSession, change: "client_encoding", reach: moneyclip.UntilAsked},
		{query: "SET default_transaction_isolation = 'serializable'", kind: moneyclip.KindSession, change: "default_transaction_isolation"},
		{query: "SELECT set_config('TimeZone', $1, true)", kind: moneyclip.KindSession, change: "set_config", reach: moneyclip.UntilEnd},
		{query: "SELECT set_config($1, $2, false)", kind: moneyclip.KindSession, change: "set_config"},
		{query: "SELECT set_config('app.user', 'x', true)", kind: moneyclip.KindRead},
		{query: "UPDATE books SET title = set_config('role', 'x', false)", kind: moneyclip.KindWrite, change: "set_config"},
		{query: "SELECT writes_own(), 1", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT * FROM writes_own() AS x", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT id FROM books WHERE id = writes_own()", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT id FROM books ORDER BY writes_own()", kind: moneyclip.KindWrite, change: "writes_own"},
		{query: "SELECT b.whole FROM books b", kind: moneyclip.KindWrite, change: "whole"},
		{query: "SELECT (b).whole FROM books b", kind: moneyclip.KindWrite, change: "whole"},
		{query: "SELECT (5).whole", kind: moneyclip.KindWrite, change: "whole"},
		{query: "UPDATE books SET pages = (pages).whole", kind: moneyclip.KindWrite, change: "whole"},
		{query: "SELECT ('SELECT 1').ts_stat", kind: moneyclip.KindRead},
		{query: "SELECT not_there()", kind: moneyclip.KindWrite, change: "not_there"},
		{query: "SELECT query_to_xml('DELETE FROM books', true, true, '')", kind: moneyclip.KindWrite, change: "query_to_xml"},
		{query: "SELECT pg_catalog.query_to_xml('DELETE FROM books', true, true, '')", kind: moneyclip.KindWrite, change: "query_to_xml"},
		{query: "SELECT other.query_to_xml()", kind: moneyclip.KindWrite, change: "query_to_xml"},
		{query: "SELECT other.set_config('x')", kind: moneyclip.KindWrite, change: "set_config"},
		{query: "SELECT set_config('statement_timeout', '5', false)", kind: moneyclip.KindRead},
		{query: "SET plpgsql.extra_errors TO 'all'", kind: moneyclip.KindSession, change: "plpgsql"},
		{query: "SET pg_trgm.similarity_threshold TO 1", kind: moneyclip.KindSession, change: "pg_trgm"},
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
		if got.Kind != moneyclip.KindUnknown && got.Kind != moneyclip.KindInert && got.Text == "" {
			t.Errorf("Analyze(%q) has no text", tt.query)
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
			if part.Kind != moneyclip.KindControl || part.Text == "" || s.Text == "" {
				t.Errorf("Analyze(%q) has a part of kind %v with the text %q", query, part.Kind, part.Text)
			}
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
		{query: "SELECT id FROM authors WHERE id = $0", want: "public.authors * ", impure: "parameter"},
		{query: "SELECT id FROM authors WHERE id = $99999999", want: "public.authors * ", impure: "parameter"},
		{query: "SELECT id FROM authors WHERE id = ANY($0)", want: "public.authors * ", impure: "parameter"},
		{query: "SELECT id FROM authors WHERE id = ANY($99999999)", want: "public.authors * ", impure: "parameter"},
		{query: "SELECT name FROM authors WHERE id = (SELECT max(author_id) FROM books)",
			want: "public.authors [id name] ; public.books [author_id] "},
		{query: "SELECT city FROM authors WHERE id IN (SELECT author_id FROM books WHERE pages > 1)",
			want: "public.authors [city id] ; public.books [author_id pages] "},
		{query: "SELECT ARRAY(SELECT pages FROM books) FROM authors WHERE id = $1", want: "public.authors [id] id=$1; public.books [pages] "},
		{query: "SELECT id IS NULL FROM authors WHERE id = $1", want: "public.authors [id] id=$1"},
		{query: "SELECT (id > 1) IS TRUE FROM authors WHERE id = $1", want: "public.authors [id] id=$1"},
		{query: "SELECT (ARRAY[id])[1] FROM authors WHERE name = $1", want: "public.authors [id name] name=$1"},
		{query: "SELECT xmlelement(name x, name) FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT xmlserialize(content xmlelement(name x, name) AS text) FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT grouping(city) FROM authors GROUP BY city", want: "public.authors [city] "},
		{query: "SELECT concat(a => name) FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT name IS JSON FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT json_value(name, '$') FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT json_object('a': name) FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT json_array(name) FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT json_array(SELECT title FROM books) FROM authors WHERE id = $1", want: "public.authors [id] id=$1; public.books [title] "},
		{query: "SELECT json_objectagg(name: city) FROM authors WHERE id = $1", want: "public.authors [city id name] id=$1"},
		{query: "SELECT json_arrayagg(city) FROM authors WHERE id = $1", want: "public.authors [city id] id=$1"},
		{query: "SELECT json(name) FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT json_scalar(city) FROM authors WHERE id = $1", want: "public.authors [city id] id=$1"},
		{query: "SELECT json_serialize(name) FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT (a).* FROM authors a WHERE id = $1", want: "public.authors * id=$1"},
		{query: "SELECT b.* FROM books b JOIN authors a ON a.id = b.author_id WHERE b.id = $1", want: "public.authors [id] ; public.books * id=$1"},
		{query: "SELECT * FROM books WHERE id = $1", want: "public.books * id=$1"},
		{query: "SELECT public.authors.name FROM public.authors JOIN shop.authors ON shop.authors.id = public.authors.id WHERE shop.authors.id = $1",
			want: "public.authors [id name] id=$1; shop.authors [id] id=$1"},
		{query: "SELECT b.label FROM books b WHERE b.id = $1", want: "public.books * id=$1", impure: "label"},
		{query: "SELECT label FROM books", want: "public.books * "},
		{query: "SELECT id, (mood).caption FROM authors WHERE id = $1", want: "public.authors [id mood] id=$1", impure: "caption"},
		{query: "SELECT id FROM authors a WHERE id = $1 AND (a.nick[1]).caption = 'x'", want: "public.authors [id nick] id=$1", impure: "caption"},
		{query: "SELECT id, ($2::int).caption FROM authors WHERE id = $1", want: "public.authors [id] id=$1", impure: "caption"},
		{query: "SELECT (spot).x.caption FROM authors WHERE id = $1", want: "public.authors [id spot] id=$1", impure: "caption"},
		{query: "SELECT (key).age FROM authors WHERE id = $1", want: "public.authors [id key] id=$1", impure: "age"},
		{query: "SELECT (name).date FROM authors WHERE id = $1", want: "public.authors [id name] id=$1", impure: "now"},
		{query: "SELECT (name).regtype FROM authors WHERE id = $1", want: "public.authors [id name] id=$1", impure: "regtype"},
		{query: "SELECT (name).short FROM authors WHERE id = $1", want: "public.authors [id name] id=$1"},
		{query: "SELECT (b).label FROM books b WHERE b.id = $1", want: "public.books * id=$1", impure: "label"},
		{query: "SELECT (b).caption FROM books b WHERE b.id = $1", want: "public.books * id=$1"}, // takes no row
		{query: "SELECT (title).caption FROM titles AS t (caption), unnest($1) title", want: "public.books * ", impure: "caption"},
		{query: "SELECT g.caption FROM generate_series(1, $1) g", impure: "caption"},
		{query: "SELECT g.pages::date FROM generate_series(1, $1) g", impure: "now"},
		{query: "SELECT generate_series.caption FROM generate_series(1, $1)", impure: "caption"},
		{query: "SELECT s.caption FROM (SELECT title AS caption FROM books) s", want: "public.books [title] "},
		{query: "SELECT j.caption FROM (books JOIN authors ON true) AS j", want: "public.authors * ; public.books * ", impure: "not a column"},
		{query: "SELECT s.label FROM (SELECT title AS label FROM books) s", want: "public.books [title] ", impure: "label"}, // a column, but that is not looked for
		{query: "SELECT b.title FROM books b WHERE b.id = $1 AND b.title = $2", want: "public.books [id title] id=$1 title=$2"},
		{query: "SELECT (b).title FROM books b WHERE b.id = $1", want: "public.books * id=$1"},
		{query: "SELECT (b.title).title FROM books b WHERE b.id = $1", want: "public.books [id title] id=$1", impure: "title"},
		{query: "SELECT xmin FROM authors", want: "public.authors * ", impure: "xmin"},
		{query: "SELECT id FROM authors WHERE id = true", want: "public.authors [id] id=true"},
		{query: "SELECT id FROM authors WHERE id = false", want: "public.authors [id] id=false"},
		{query: "SELECT name::regclass FROM authors", want: "public.authors [name] ", impure: "regclass"},
		{query: "SELECT id FROM authors WHERE id <> ANY($1)", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id = ANY($1::bigint[][])", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id = ANY('{1,2}')", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id = $1 OR id = $2", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE NOT (id = $1)", want: "public.authors [id] "},
		{query: "SELECT id FROM authors WHERE id BETWEEN $1 AND $2", want: "public.authors [id] "},
		{query: "SELECT max(name ORDER BY at) FROM authors", want: "public.authors [at name] "},
		{query: "SELECT DISTINCT ON (name) id FROM authors", want: "public.authors [id name] "},
		{query: "SELECT id FROM authors OFFSET (SELECT max(pages) FROM books)", want: "public.authors [id] ; public.books [pages] "},
		{query: "SELECT id FROM authors LIMIT (SELECT max(pages) FROM books)", want: "public.authors [id] ; public.books [pages] "},
		{query: "SELECT id FROM authors UNION SELECT author_id FROM books ORDER BY (SELECT 1 FROM shop.authors)",
			want: "public.authors [id] ; public.books [author_id] ; shop.authors [] "},
		{query: "SELECT id FROM books UNION (WITH x AS (SELECT id FROM authors) SELECT id FROM x)",
			want: "public.authors [id] ; public.books [id] "},
		{query: "SELECT max(id) OVER (ROWS BETWEEN (SELECT pages FROM books) PRECEDING AND CURRENT ROW) FROM authors",
			want: "public.authors [id] ; public.books [pages] "},
		{query: "SELECT max(id) OVER (ROWS BETWEEN CURRENT ROW AND (SELECT pages FROM books) FOLLOWING) FROM authors",
			want: "public.authors [id] ; public.books [pages] "},
		{query: "WITH x (a) AS (SELECT id FROM authors) SELECT a FROM x WHERE a = $1", want: "public.authors [id] "},
		{query: "WITH RECURSIVE x AS (SELECT id FROM authors UNION ALL SELECT id FROM x) SEARCH DEPTH FIRST BY id SET o SELECT id FROM x",
			want: "public.authors [id] ", impure: "SEARCH"},
		{query: "WITH RECURSIVE x AS (SELECT id FROM authors UNION ALL SELECT id FROM x) CYCLE id SET c USING p SELECT id FROM x",
			want: "public.authors [id] ", impure: "SEARCH"},
		{query: "SELECT n FROM (SELECT name AS n FROM authors) s WHERE n = $1", want: "public.authors [name] "},
		{query: "SELECT id FROM (SELECT id, name FROM authors) s WHERE id = $1", want: "public.authors [id name] "},
		{query: "SELECT lower FROM (SELECT lower(name) FROM authors) s WHERE lower = $1", want: "public.authors [name] "},
		{query: "SELECT id FROM (SELECT id::bigint FROM authors) s WHERE id = $1", want: "public.authors [id] "},
		{query: "SELECT coalesce FROM (SELECT coalesce(name, 'x') FROM authors) s", want: "public.authors [name] "},
		{query: "SELECT exists FROM (SELECT exists (SELECT 1 FROM authors)) s", want: "public.authors [] "},
		{query: "SELECT title FROM authors, books", want: "public.authors [] ; public.books [title] "},
		{query: "SELECT name AS n FROM authors ORDER BY n", want: "public.authors [name] "},
		{query: "SELECT lower(name) FROM authors ORDER BY lower", want: "public.authors * "},
		{query: "SELECT name::text FROM authors ORDER BY name", want: "public.authors [name] "},
		{query: "SELECT coalesce(name, 'x') FROM authors ORDER BY coalesce", want: "public.authors * "},
		{query: "SELECT EXISTS (SELECT 1 FROM books) FROM authors ORDER BY exists", want: "public.authors * ; public.books [] "},
		{query: "SELECT id, (SELECT 1 FROM books) AS title FROM authors ORDER BY title", want: "public.authors [id] ; public.books [] "},
		{query: "SELECT xmax FROM authors", want: "public.authors * ", impure: "xmax"},
		{query: "SELECT cmin FROM authors", want: "public.authors * ", impure: "cmin"},
		{query: "SELECT cmax FROM authors", want: "public.authors * ", impure: "cmax"},
		{query: "SELECT tableoid FROM authors", want: "public.authors * ", impure: "tableoid"},
		{query: "SELECT a.id FROM authors a, (SELECT a.name FROM books) s", want: "public.authors [id] ; public.books * "},
		{query: "SELECT g FROM authors a, generate_series(1, a.id) g", want: "public.authors [id] "},
		{query: "SELECT generate_series FROM generate_series(1, 2) WHERE generate_series = $1"},
		{query: "SELECT x FROM ROWS FROM (generate_series(1, 2), unnest($1)) AS s (x, y)"},
		{query: "SELECT title FROM books b JOIN authors a USING (id) WHERE a.name = $1",
			want: "public.authors [id name] name=$1; public.books [id title] "},
		{query: "SELECT title FROM books NATURAL JOIN authors", want: "public.authors [id] ; public.books [id title] "},
		{query: "SELECT title FROM books b JOIN authors a ON a.id = b.author_id AND a.id = $1",
			want: "public.authors [id] id=$1; public.books [author_id title] author_id=$1"},
		{query: "SELECT title FROM books b LEFT JOIN authors a ON a.id = b.author_id AND b.id = $1",
			want: "public.authors [id] ; public.books [author_id id title] "},
		{query: "SELECT title FROM books b RIGHT JOIN authors a ON b.id = $1 WHERE a.id = $2",
			want: "public.authors [id] id=$2; public.books [id title] "},
		{query: "SELECT id FROM authors WHERE mood = $1::shop.mood", want: "public.authors [id mood] "},
		{query: "SELECT id FROM authors WHERE price = $1::numeric(10,2)", want: "public.authors [id price] price=$1"},
		{query: "SELECT b.id FROM books b WHERE b.title = 'a@b' AND b.id = $1", want: "public.books [id title] id=$1 title=a@b"},
		{query: "SELECT id FROM authors WHERE id = @_id", want: "public.authors * ", impure: "arguments"},
		{query: "SELECT id FROM authors WHERE id = @Id", want: "public.authors [id] ", impure: "arguments"},
		{query: "SELECT id FROM authors WHERE id = @é", want: "public.authors * ", impure: "arguments"},
	}
	catalog := testCatalog()
	for _, tt := range tests {
		s := Dialect.Analyze(tt.query, catalog)
		if got := describeReads(s.Reads); got != tt.want || s.Kind != moneyclip.KindRead {
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
		{"DO $$ BEGIN DELETE FROM books WHERE id = 1; END $$", "3 public.books  []"},
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
		{"INSERT INTO authors DEFAULT VALUES", "1 public.authors  [] [] []"},
		{"INSERT INTO books (id) SELECT id FROM authors WHERE id = $1", "1 public.books  [] [id]"},
		{"INSERT INTO books (id) VALUES ($1) LIMIT 1", "1 public.books  [] [id]"},
		{"INSERT INTO books (id) VALUES ($1) OFFSET 1", "1 public.books  [] [id]"},
		{"INSERT INTO books (id) VALUES ($1) ORDER BY 1", "1 public.books  [] [id]"},
		{"INSERT INTO books (id) (WITH x AS (SELECT name FROM authors) VALUES ($1))", "1 public.books  [] [id]"},
		{"INSERT INTO books (id) OVERRIDING USER VALUE VALUES ((SELECT id FROM authors))", "1 public.books  [] [id] [0.0]"},
		{
			"INSERT INTO authors (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET city = 'x' WHERE authors.id IN (SELECT author_id FROM books)",
			"1 public.authors  [] [id] [1.1] conflict [id] [city=2.0]",
		},
		{
			"INSERT INTO authors (id) VALUES ($1) ON CONFLICT (id) WHERE id > 5 DO UPDATE SET city = 'x'",
			"1 public.authors  [] [id] [1.1] conflict [id] [city=2.0]",
		},
		{
			"INSERT INTO authors (id) VALUES ($1) ON CONFLICT ((lower(name))) DO UPDATE SET city = 'x'",
			"1 public.authors  [] [id] [1.1] conflict [] [city=2.0]",
		},
		{
			"INSERT INTO authors (id) VALUES ($1) ON CONFLICT (name COLLATE \"C\") DO UPDATE SET city = 'x'",
			"1 public.authors  [] [id] [1.1] conflict [] [city=2.0]",
		},
		{
			"INSERT INTO authors (id) VALUES ($1) ON CONFLICT (name text_pattern_ops) DO UPDATE SET city = 'x'",
			"1 public.authors  [] [id] [1.1] conflict [] [city=2.0]",
		},
		{
			"INSERT INTO authors (id) VALUES ($1) ON CONFLICT (id, (lower(name))) DO UPDATE SET city = 'x'",
			"1 public.authors  [] [id] [1.1] conflict [] [city=2.0]",
		},
		{"UPDATE authors SET city = 'x', (name, code) = ($1, 'y')", "2 public.authors  [city=2.0 name=1.1 code=2.0]"},
		{"UPDATE authors SET (id, name[1]) = ($1, $2)", "2 public.authors  [id=0.0 name=0.0]"},
		{"UPDATE authors SET (name[1], id) = ($1, $2)", "2 public.authors  [name=0.0 id=0.0]"},
		{"UPDATE authors SET name[1] = $1", "2 public.authors  [name=0.0]"},
		{"UPDATE authors SET city = NULL", "2 public.authors  [city=2.0]"},
		{"UPDATE authors SET (name, city) = (DEFAULT, $1)", "2 public.authors  [name=0.0 city=1.1]"},
		{"MERGE INTO authors a USING books b ON a.id = $1 WHEN NOT MATCHED BY SOURCE AND a.name = 'x' THEN DELETE", "3 public.authors name=x []"},
		{"MERGE INTO authors a USING books b ON a.id = $1 WHEN MATCHED AND a.name = 'x' THEN DELETE", "3 public.authors id=$1 name=x []"},
		{"MERGE INTO authors a USING books b ON a.id = $1 WHEN MATCHED THEN DO NOTHING", ""},
		{
			"MERGE INTO authors a USING books b ON a.id = b.author_id WHEN NOT MATCHED AND b.pages > (SELECT id FROM shop.authors) THEN INSERT (id, name) VALUES (b.id, b.title)",
			"1 public.authors  [] [id name]",
		},
		{"MERGE INTO books b USING authors a ON b.id = $1 WHEN MATCHED THEN DELETE RETURNING writes_own()", "3 public.books id=$1 []; 0   []"},
		{
			"WITH x AS (MERGE INTO authors a USING books b ON a.id = 1 WHEN MATCHED THEN UPDATE SET name = 'x' RETURNING a.id) DELETE FROM books WHERE id = $1",
			"3 public.books id=$1 []; 2 public.authors  [name=0.0]",
		},
		{"TRUNCATE authors", "3 public.authors  []"},
		{"TRUNCATE nowhere CASCADE", "3 nowhere  []"},
		{"TRUNCATE authors, books CASCADE", "3 public.authors  []; 3 public.books  []"},
		{"TRUNCATE shop.nowhere", "3 shop.nowhere  []"},
		{"EXPLAIN ANALYZE SELECT writes_own()", "0   []"},
		{"INSERT INTO titles (title) SELECT 'x'", "1 public.books  [] [title]"},
		{"INSERT INTO titles DEFAULT VALUES", "1 public.books  [] [] []"},
		{"INSERT INTO shown VALUES ($1)", "1 public.books  [] [id] [1.1]"},
		{"INSERT INTO shown VALUES ($1, $2)", "1 public.books  [] [id title] [1.1 1.2]"},
		{"UPDATE clouded SET id = 1 WHERE id = $1", "2 public.clouded  [id=2.0]"},
		{"UPDATE replaced SET title = 'x' WHERE id = $1", "2 public.replaced  [title=2.0]"},
		{"INSERT INTO replaced (id) VALUES ($1)", "1 public.books  []"},
		{"DELETE FROM replaced WHERE id = $1", "3 public.books id=$1 []"},
		{"UPDATE constants SET id = 1", "2 public.constants  [id=2.0]"},
		{"DELETE FROM joined WHERE id = $1", "3 public.books  []; 3 public.authors  []"},
		{"INSERT INTO lengths (title) VALUES ('x') ON CONFLICT (id) DO UPDATE SET title = 'y'", "1 public.books  []; 2 public.books  [] all"},
		{"UPDATE shown SET title = shown.title || 'x' WHERE shown.id = $1", "2 public.books id=$1 [title=0.0]"},
		{"DELETE FROM authors WHERE name = $1 AND id = @id", "3 public.authors  []"},
		{"INSERT INTO authors (id, name) VALUES ($1, @name)", "1 public.authors  [] [id name]"},
		{"INSERT INTO authors (id) VALUES (@id) ON CONFLICT (id) DO UPDATE SET name = $2", "1 public.authors  [] [id] conflict [id] [name=0.0]"},
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

// A write reads tables too, which a path to its keys may lead through.
func TestReadsOfWrites(t *testing.T) {
	catalog := testCatalog()
	for query, want := range map[string]string{
		"INSERT INTO books (id) SELECT id FROM authors WHERE id = $1":                                                                                                         "public.authors [id] id=$1",
		"INSERT INTO books (id) (WITH x AS (SELECT name FROM authors) VALUES ($1))":                                                                                           "public.authors [name] ",
		"INSERT INTO books (id) OVERRIDING USER VALUE VALUES ((SELECT id FROM authors))":                                                                                      "public.authors [id] ",
		"INSERT INTO authors (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET city = 'x' WHERE authors.id IN (SELECT author_id FROM books)":                                    "public.books [author_id] ",
		"MERGE INTO authors a USING books b ON a.id = $1 WHEN NOT MATCHED BY SOURCE AND a.name = 'x' THEN DELETE":                                                             "public.books [] ",
		"MERGE INTO authors a USING books b ON a.id = $1 WHEN MATCHED AND a.name = 'x' THEN DELETE":                                                                           "public.books [] ",
		"MERGE INTO authors a USING books b ON a.id = b.author_id WHEN NOT MATCHED AND b.pages > (SELECT id FROM shop.authors) THEN INSERT (id, name) VALUES (b.id, b.title)": "public.books * ; shop.authors [id] ",
	} {
		if got := describeReads(Dialect.Analyze(query, catalog).Reads); got != want {
			t.Errorf("Analyze(%q) reads %q, want %q", query, got, want)
		}
	}
}

// What returns rows is run as a query.
func TestReturns(t *testing.T) {
	catalog := testCatalog()
	for query, want := range map[string]bool{
		"INSERT INTO books (id) VALUES (1)": false, "INSERT INTO books (id) VALUES (1) RETURNING id": true,
		"UPDATE books SET pages = 1": false, "UPDATE books SET pages = 1 RETURNING id": true,
		"DELETE FROM books": false, "DELETE FROM books RETURNING id": true, "DELETE FROM books RETURNING writes_own()": true,
		"DELETE FROM books WHERE id = writes_own()": false, "SELECT writes_own()": true,
		"MERGE INTO authors a USING books b ON a.id = b.id WHEN MATCHED THEN DELETE":                false,
		"MERGE INTO authors a USING books b ON a.id = b.id WHEN MATCHED THEN DELETE RETURNING a.id": true,
		"WITH x AS (DELETE FROM books) SELECT 1":                                                    true, "WITH x AS (DELETE FROM books RETURNING id) DELETE FROM authors": false,
		"EXECUTE x": true, "CALL f()": true, "DO $$ BEGIN DELETE FROM books; END $$": true, "TRUNCATE books": false,
		"EXPLAIN ANALYZE DELETE FROM books": true, "EXPLAIN ANALYZE SELECT 1": false,
	} {
		if got := Dialect.Analyze(query, catalog).Returns; got != want {
			t.Errorf("Analyze(%q).Returns = %v, want %v", query, got, want)
		}
	}
}

// Only a write that a statement consists of can be read by adding to its text.
func TestSources(t *testing.T) {
	catalog := testCatalog()
	for query, want := range map[string]bool{
		"INSERT INTO books (id) VALUES (1)": true, "UPDATE books SET pages = 1 WHERE id = $1": true, "DELETE FROM books": true,
		"UPDATE shown SET title = 'x'": false, "DELETE FROM lengths": false, "EXPLAIN ANALYZE DELETE FROM books": false,
		"COPY (DELETE FROM books RETURNING id) TO STDOUT": false, "DELETE FROM books WHERE id = writes_own()": false,
		"DELETE FROM books WHERE id = @id": false, "WITH x AS (DELETE FROM books) SELECT 1": true, "WITH x AS (DELETE FROM books RETURNING id) SELECT id FROM x": true,
		"WITH x AS (DELETE FROM books RETURNING 1) SELECT 1": false, "EXPLAIN ANALYZE WITH x AS (DELETE FROM books) SELECT 1": false,
		"MERGE INTO authors a USING books b ON a.id = b.id WHEN MATCHED THEN DELETE": false,
	} {
		s := Dialect.Analyze(query, catalog)
		if len(s.Writes) == 0 || (s.Writes[0].Source != nil) != want {
			t.Errorf("Analyze(%q) writes %+v, want a source: %v", query, s.Writes, want)
		}
	}
}

// A parameter that is used twice is converted from the type of its first use, which changes values of some types.
func TestMixed(t *testing.T) {
	catalog := testCatalog()
	for column, same := range map[string]bool{
		"id": true, "name": true, "city": true, "mood": true, "key": true, "code": false, "price": false, "at": false, "day": false,
		"stamp": false, "nick": false, "tag": false, "ratio": false, "spot": false, "nothing": false,
	} {
		for query, want := range map[string]string{
			"UPDATE authors SET %s = $1 WHERE $1 IS NOT NULL":                                                 "2 public.authors  [%s=1.1]",
			"INSERT INTO authors (%s, x) VALUES ($1, $1)":                                                     "1 public.authors  [] [%s x] [1.1 0.0]",
			"INSERT INTO authors (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET %s = $1 WHERE $1 IS NOT NULL": "1 public.authors  [] [id] [2.0] conflict [id] [%s=1.1]",
		} {
			query, want = fmt.Sprintf(query, column), fmt.Sprintf(want, column)
			if !same {
				want = strings.ReplaceAll(want, "1.1", "0.0")
			}
			if s := Dialect.Analyze(query, catalog); len(s.Writes) != 1 || describeWrite(&s.Writes[0]) != want {
				t.Errorf("Analyze(%q) writes %+v, want %q", query, s.Writes, want)
			}
		}
	}
	for query, want := range map[string]string{
		"SELECT id FROM authors WHERE at = ANY($1) AND $1 IS NOT NULL": "public.authors [at id] ",
		"SELECT id FROM authors WHERE id = ANY($1) AND $1 IS NOT NULL": "public.authors [id] id=any($1)",
		"SELECT id FROM authors WHERE day = '2000-01-01' AND $1 = $1":  "public.authors [day id] day=2000-01-01",
		"SELECT a FROM nowhere WHERE a = $1 AND $1 IS NOT NULL":        "nowhere [a] ",
	} {
		if got := describeReads(Dialect.Analyze(query, catalog).Reads); got != want {
			t.Errorf("Analyze(%q) reads %q, want %q", query, got, want)
		}
	}
}

// Before there is a catalog a statement is understood as far as its text goes.
func TestWithoutCatalog(t *testing.T) {
	for query, want := range map[string]moneyclip.Kind{
		"SELECT b.whole FROM books b WHERE id = $1::mood": moneyclip.KindRead, "SELECT f() FROM books": moneyclip.KindWrite,
		"SELECT lower('x')": moneyclip.KindRead, "SELECT pg_catalog.lower('x')": moneyclip.KindRead, "SELECT shop.lower('x')": moneyclip.KindWrite,
		"SELECT now()": moneyclip.KindRead, "SELECT pg_catalog.now()": moneyclip.KindRead, "SELECT shop.now()": moneyclip.KindWrite,
		"SELECT query_to_xml('x', true, true, '')": moneyclip.KindWrite, "UPDATE books SET pages = $1 WHERE id = $1": moneyclip.KindWrite,
		"UPDATE titles SET title = 'x'": moneyclip.KindWrite, "INSERT INTO books VALUES (1)": moneyclip.KindWrite, "DELETE FROM books": moneyclip.KindWrite,
		"TRUNCATE books CASCADE": moneyclip.KindWrite, "COPY books FROM STDIN": moneyclip.KindWrite, "CALL f()": moneyclip.KindSchema,
		"DO $$ BEGIN NULL; END $$": moneyclip.KindSchema,
	} {
		if got := Dialect.Analyze(query, nil).Kind; got != want {
			t.Errorf("Analyze(%q) without a catalog is of kind %v, want %v", query, got, want)
		}
	}
}

func TestNameAndParams(t *testing.T) {
	s := Dialect.Analyze("-- name: GetBook :one\nSELECT id FROM books WHERE id = $2", testCatalog())
	if s.Name != "GetBook" || len(s.Params) != 2 {
		t.Errorf("Analyze = the name %q and %d parameters, want GetBook and 2", s.Name, len(s.Params))
	}
	if s := Dialect.Analyze("-- name: Broken :one\nSELEC", nil); s.Name != "Broken" {
		t.Errorf("a text that is not understood has the name %q, want Broken", s.Name)
	}
	if s := Dialect.Analyze("SELECT $99999999", nil); len(s.Params) != 0 {
		t.Errorf("%d parameters, more than the protocol can count", len(s.Params))
	}
}

// describeReads writes each table with its columns and pins, sorted.
func describeReads(reads []moneyclip.TableRead) string {
	var list []string
	for _, read := range reads {
		columns := fmt.Sprint(read.Columns)
		if read.All {
			columns = "*"
		}
		list = append(list, fmt.Sprintf("%s %s %s", read.Table, columns, describePins(read.Pins)))
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
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
	if s.Text != "BEGIN;\nUPDATE books SET pages = $2 WHERE id = $1;\nCOMMIT;\n" {
		t.Errorf("Text = %q", s.Text)
	}
	// A long text keeps the words that it has.
	long := strings.Repeat("x", maxNormal)
	s = Dialect.Analyze("select 1; select  '"+long+"' ; ", nil)
	if want := "select 1;\nselect  '" + long + "';\n"; s.Text != want {
		t.Errorf("the text of a long script = %.40q, want %.40q", s.Text, want)
	}
	s = Dialect.Analyze("select 1;  select  '"+long+"'", nil)
	if want := "select 1;\nselect  '" + long + "';\n"; s.Text != want {
		t.Errorf("the text of a long script = %.40q, want %.40q", s.Text, want)
	}
}

// A text has one normal form, and texts of different meanings have different ones.
func TestText(t *testing.T) {
	same := [][]string{
		{"select id from authors where id=$1", "SELECT  id FROM authors -- x\nWHERE id = $1;", `SELECT "id" FROM "authors" WHERE id = $1`},
		{"SELECT 'a' || 'B'", "select /* x */ 'a'||'B'"},
		{"SELECT id FROM authors WHERE id IN ($1, 2)", "select id from authors where id in ( $1 ,2 )"},
		{"SELECT ARRAY[1, 2]", "select array [1,2]"},
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
