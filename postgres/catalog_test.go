package postgres

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// A schema is what a server answers to the query of the catalog: for each word the rows of that kind.
type schema map[string][][]any

// small has a log in two schemas, a table in the second alone, partitions, and a view that computes.
func small() schema {
	s := schema{
		"schema": {{"public"}, {"shop"}},
		"table": {
			{"1", "public", "log", "r", false}, {"2", "shop", "log", "r", false}, {"3", "shop", "links", "r", false},
			{"4", "public", "events", "p", false}, {"5", "public", "events_a", "r", false}, {"6", "public", "lengths", "v", false},
			{"7", "public", "notes", "r", false},
		},
		"kin":      {{"5", "4"}},
		"~view":    {{"6", "SELECT length(text) AS n FROM public.notes"}},
		"unique":   {{"1", []string{"id"}, false}, {"7", []string{"id"}, false}},
		"function": {{"pg_catalog", "i", []string{"length"}}, {"pg_catalog", "v", []string{"random", "set_config"}}, {"pg_catalog", "s", []string{"now"}}},
	}
	for _, oid := range []string{"1", "2", "3", "4", "5", "7"} {
		s["column"] = append(s["column"],
			[]any{oid, "000001", "id", true, false, "", "integer", "23", "", true, false},
			[]any{oid, "000002", "text", false, false, "", "text", "25", "", true, false},
			[]any{oid, "000003", "twice", false, true, "", "integer", "23", "", true, true})
	}
	s["column"] = append(s["column"], []any{"6", "000001", "n", false, false, "", "integer", "23", "", true, false})
	return s
}

// read makes a catalog of a schema, for a session whose path is public.
func (s schema) read(t *testing.T) *moneyclip.Catalog {
	t.Helper()
	rows := [][]driver.Value{{"~path", `["public"]`}}
	for kind, list := range s {
		for _, fields := range list {
			text, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, []driver.Value{kind, string(text)})
		}
	}
	catalog, err := Dialect.Catalog(t.Context(), func(context.Context, string, ...driver.Value) ([][]driver.Value, error) { return rows, nil })
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// function adds a volatile one that takes nothing.
func (s schema) function(space, name, language, text, settings string) {
	s["function"] = append(s["function"], []any{space, "v", []string{name}})
	definition := fmt.Sprintf("CREATE FUNCTION %s.%s() RETURNS int LANGUAGE %s AS $f$%s$f$", space, name, language, text)
	s["~code"] = append(s["~code"], []any{space, name, language, text, settings, definition})
}

// What the body of a function does, the statement that calls it does.
func TestFunctionBodies(t *testing.T) {
	for _, tt := range []struct{ language, text, settings, want string }{
		{"sql", "DELETE FROM notes WHERE id = 1", "", "write 3 public.notes  []"},
		{"sql", "DELETE FROM links", "", "write 3 shop.links  []"}, // of whichever schema
		{"sql", "DELETE FROM log", "", "write 0   [] doubtful"},    // of which?
		{"sql", "DELETE FROM log", `search_path=shop, "public"`, "write 3 shop.log  []"},
		{"sql", "DELETE FROM log", "work_mem=5\nsearch_path=public", "write 3 public.log  []"},
		{"sql", "DELETE FROM log", `search_path="$user", public`, "write 0   [] doubtful"},
		{"sql", "INSERT INTO notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET text = 'x'", "", "write 1 public.notes  [] [id] conflict [] [text=0.0 twice=0.0]"},
		{"sql", "UPDATE notes SET text = 'x' WHERE id = 1", "", "write 2 public.notes  [text=0.0 twice=0.0]"},
		{"sql", "UPDATE lengths SET n = 1", "", "write 2 public.notes  [] all"},
		{"sql", "NOTIFY x", "", "read"},
		{"sql", "SELECT 1; DELETE FROM notes", "", "write 3 public.notes  []"},
		{"sql", "DELETE FRM notes", "", "write 0   [] doubtful"},
		{"sql", "CREATE TABLE x (a int)", "", "write 0   [] doubtful"},
		{"sql", " ", "", "write 0   [] doubtful"},
		{"sql", "SET ROLE x", "", "session change"},
		{"sql", "SELECT set_config('role', 'x', false)", "", "session change"},
		{"sql", "UPDATE notes SET text = set_config('role', 'x', false)", "", "write 2 public.notes  [text=0.0 twice=0.0] doubtful"},
		{"plperl", "DELETE FROM notes", "", "write 0   [] doubtful"},
		{"plpgsql", "BEGIN DELETE FROM notes; RETURN 1; END", "", "write 3 public.notes  []"},
		{"plpgsql", "#variable_conflict use_column\nBEGIN DELETE FROM notes; RETURN 1; END", "", "write 0   [] doubtful"},
		{"plpgsql", "BEGIN EXECUTE 'x'; RETURN 1; END", "", "write 0   [] doubtful"},
		{"plpgsql", "DECLARE r record; BEGIN FOR r IN EXECUTE 'x' LOOP NULL; END LOOP; RETURN 1; END", "", "write 0   [] doubtful"},
		{"plpgsql", "BEGIN CALL p(); RETURN 1; END", "", "write 0   [] doubtful"},
		{"plpgsql", "BEGIN ROLLBACK; RETURN 1; END", "", "write 0   [] doubtful"},
		{"plpgsql", "DECLARE c CURSOR FOR SELECT 1; BEGIN OPEN c FOR EXECUTE 'x'; RETURN 1; END", "", "write 0   [] doubtful"},
		{"plpgsql", "BEGIN FROB; RETURN 1; END", "", "write 0   [] doubtful"},
		{"plpgsql", "BEGIN FROB", "", "write 0   [] doubtful"},
		{"plpgsql", "DECLARE r record := ROW (1); BEGIN RETURN 1; END", "", "read"},
		{"plpgsql", "DECLARE r record := ROW (other()); BEGIN RETURN 1; END", "", "write 3 shop.links  []"},
		{"plpgsql", "DECLARE r record := ROW (other()); n int; BEGIN RETURN 1; END", "", "write 3 shop.links  []"},
		{"sql", "SELECT native()", "", "write 0   [] doubtful"},
		{"plpgsql", "DECLARE r record := ROW (random()); BEGIN RETURN 1; END", "", "read"},
		{"plpgsql", "DECLARE n int := other(); BEGIN RETURN n; END", "", "write 3 shop.links  []"},
		{"plpgsql", "DECLARE n int; BEGIN n := other(); RETURN n; END", "", "write 3 shop.links  []"},
		{"plpgsql", "DECLARE n int; BEGIN n = other(); RETURN n; END", "", "write 3 shop.links  []"},
		{"plpgsql", "BEGIN IF other() > 1 THEN RETURN 1; ELSIF 1 > 2 THEN DELETE FROM notes; END IF; RETURN 2; END", "", "write 3 shop.links  []; 3 public.notes  []"},
		{"plpgsql", "BEGIN RETURN f(); END", "", "write 0   [] doubtful"}, // calls itself
	} {
		s := small()
		s.function("public", "f", tt.language, tt.text, tt.settings)
		s.function("public", "other", "sql", "DELETE FROM links", "")
		s["function"] = append(s["function"], []any{"public", "v", []string{"native"}}) // in C
		got := describeCall(Dialect.Analyze("SELECT f()", s.read(t)))
		if got != tt.want {
			t.Errorf("a function in %s (%s): %s\n got %s\nwant %s", tt.language, tt.settings, tt.text, got, tt.want)
		}
	}
}

func describeCall(s moneyclip.Statement) string {
	var list []string
	for _, w := range s.Writes {
		list = append(list, describeWrite(&w))
	}
	text := strings.TrimSpace(fmt.Sprint(s.Kind) + " " + strings.Join(list, "; "))
	if s.Doubtful != "" {
		text += " doubtful"
	}
	return text
}

// A name may be that of several functions; those count that the call may mean.
func TestFunctionsOfOneName(t *testing.T) {
	s := small()
	s.function("public", "f", "sql", "DELETE FROM notes", "")
	s.function("shop", "f", "sql", "DELETE FROM links", "")
	s.function("public", "role", "sql", "SET ROLE x", "")
	s["function"] = append(s["function"], []any{"public", "v", []string{"native"}}, []any{"shop", "s", []string{"length"}},
		[]any{"public", "i", []string{"mixed"}}, []any{"shop", "v", []string{"mixed"}})
	catalog := s.read(t)
	for query, want := range map[string]string{
		"SELECT f()": "write 3 public.notes  []", "SELECT shop.f()": "write 3 shop.links  []", "SELECT public.f()": "write 3 public.notes  []",
		"SELECT role(), f()": "write 3 public.notes  [] doubtful", "SELECT f(), role()": "write 3 public.notes  [] doubtful",
		"SELECT native()": "write 0   [] doubtful", // in C
		"SELECT mixed()":  "read", "SELECT shop.mixed()": "write 0   [] doubtful", "SELECT length('x')": "read", "SELECT random()": "read",
	} {
		if got := describeCall(Dialect.Analyze(query, catalog)); got != want {
			t.Errorf("Analyze(%q) = %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]bool{
		"SELECT length('x')": true, "SELECT shop.length('x')": false, "SELECT mixed()": true, "SELECT random()": false, "SELECT now()": false,
	} {
		if got := Dialect.Analyze(query, catalog).Uncacheable == ""; got != want {
			t.Errorf("Analyze(%q) is cacheable: %v, want %v", query, got, want)
		}
	}
}

// A function is also called as an attribute, unless that is certain to be a column or a variable's field.
func TestAttributes(t *testing.T) {
	s := small()
	s.function("public", "f", "sql", "DELETE FROM links", "")
	s.function("public", "text", "sql", "DELETE FROM links", "")
	s.function("public", "inside", "plpgsql", "BEGIN RETURN (5).f; END", "")
	s.function("public", "ofrow", "sql", "SELECT x.f FROM notes x", "")
	s.function("public", "ofargument", "sql", "SELECT p.f", "")
	s.function("public", "ofvariable", "plpgsql", "BEGIN RETURN v.f; END", "")
	s.function("public", "ofrecord", "plpgsql", "DECLARE r record := ROW ((5).f); BEGIN RETURN 1; END", "")
	s.function("public", "nullary", "sql", "DELETE FROM links", "")
	s["unary"] = [][]any{{"f", false}, {"text", true}}
	s["type"] = [][]any{{"90", "public", "pair", "c", "0", false, false, nil, "0"}, {"91", "public", "odd", "d", "23", false, false, "integer", "0"}}
	s["~domain"] = [][]any{{"91", "c", "(f() > 0)"}}
	s["column"] = append(s["column"], []any{"7", "000004", "pair", false, false, "", nil, "90", "", true, false})
	s["function"] = append(s["function"], []any{"pg_catalog", "s", []string{"age"}}, []any{"pg_catalog", "i", []string{"generate_series", "unnest", "json_to_record"}})
	const writes = "write 3 shop.links  []"
	catalog := s.read(t)
	for query, want := range map[string]string{
		"SELECT (5).f": writes, "SELECT (id).f FROM notes": writes, "SELECT ($1).f": writes, "SELECT (pair).x.f FROM notes": writes,
		"SELECT (5).odd": "write 0   [] doubtful", "SELECT (5).nullary": "read", "SELECT g.f FROM generate_series(1, 2) g": writes,
		"SELECT x.f FROM notes x": "read", "SELECT (x).f FROM notes x": "read", "SELECT (pair).f FROM notes": "read",
		"SELECT x.text FROM notes x": "read", "SELECT (x).text FROM notes x": "read", "SELECT (pair).text FROM notes": writes,
		"SELECT x.text FROM notes AS x (a, b)": writes, "SELECT x.text FROM (SELECT 1) x": writes,
		"WITH notes AS (SELECT 1) SELECT notes.text FROM notes": writes,
		"SELECT (pair).f FROM (SELECT 5 AS pair) x":             writes, "SELECT (pair).f FROM notes x (pair)": writes, "SELECT (pair).f FROM unnest($1) pair": writes,
		"WITH x (pair) AS (VALUES (5)) SELECT (pair).f FROM x":                    writes,
		"SELECT (pair).f FROM json_table('1', '$' COLUMNS (pair int PATH '$')) x": writes,
		"SELECT (pair).f FROM xmltable('x' PASSING '<x/>' COLUMNS pair int) x":    writes,
		"SELECT (pair).f FROM ROWS FROM (json_to_record('{}') AS (pair int)) x":   writes,
		"SELECT inside()": writes, "SELECT ofrow()": "read", "SELECT ofargument()": writes, "SELECT ofvariable()": "read", "SELECT ofrecord()": writes,
		"INSERT INTO notes (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET text = excluded.text": "write 1 public.notes  [] [id] [2.0] conflict [id] [text=5.0 twice=0.0]",
	} {
		if got := describeCall(Dialect.Analyze(query, catalog)); got != want {
			t.Errorf("Analyze(%q) = %q, want %q", query, got, want)
		}
	}
	for query, want := range map[string]bool{"SELECT (pair).age FROM notes": true, "SELECT (text).age FROM notes": false} {
		if got := Dialect.Analyze(query, catalog).Uncacheable == ""; got != want {
			t.Errorf("Analyze(%q) is cacheable: %v, want %v", query, got, want)
		}
	}
}

// The body of a function may be kept as trees.
func TestFunctionTrees(t *testing.T) {
	for body, want := range map[string]string{
		"BEGIN ATOMIC DELETE FROM notes WHERE id = 1; UPDATE shop.links SET text = 'x'; SELECT 1; END": "write 3 public.notes  []; 2 shop.links  [text=0.0 twice=0.0]",
		"BEGIN ATOMIC SELECT length('x'); END":                                                         "read",
		"RETURN other()":                                                                               "write 3 shop.links  []",
		"RETURN length('x')":                                                                           "read",
		"RETURN nobody()":                                                                              "write 0   [] doubtful",
		"BEGIN ATOMIC DELETE FROM log; END":                                                            "write 0   [] doubtful", // of which?
		"BEGIN ATOMIC END":                                                                             "write 0   [] doubtful",
		"AS 'x', 'y'":                                                                                  "write 0   [] doubtful",
	} {
		s := small()
		s.function("public", "other", "sql", "DELETE FROM links", "")
		s["function"] = append(s["function"], []any{"public", "v", []string{"f"}})
		s["~code"] = append(s["~code"], []any{"public", "f", "sql", "", "", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql " + body})
		if got := describeCall(Dialect.Analyze("SELECT f()", s.read(t))); got != want {
			t.Errorf("%s is %q, want %q", body, got, want)
		}
	}
}

// What the conditions of a domain do, a statement does that names it.
func TestConditionsOfDomains(t *testing.T) {
	s := small()
	s.function("public", "f", "sql", "DELETE FROM links", "")
	for oid, name := range map[string]string{"90": "held", "91": "other"} {
		s["type"] = append(s["type"], []any{oid, "public", name, "d", "23", false, false, "integer", ""})
	}
	s["~domain"] = [][]any{{"90", "c", "(f() > VALUE)"}, {"91", "c", "(VALUE > 0)"}}
	catalog := s.read(t)
	for query, want := range map[string]string{
		"SELECT 5::held": "write 0   [] doubtful", "SELECT '{5}'::public.held[]": "write 0   [] doubtful", "SELECT 5::other": "read", "SELECT 5::shop.held": "read",
		"SELECT 1 FROM json_to_record('{}') AS x (a held)": "write 0   [] doubtful",
	} {
		if got := describeCall(Dialect.Analyze(query, catalog)); got != want {
			t.Errorf("%s is %q, want %q", query, got, want)
		}
	}
}

// What the conditions of a policy do, a statement does that reads or writes the table.
func TestPolicies(t *testing.T) {
	for _, tt := range []struct{ using, check, want string }{
		{"(id = 1)", "", "read"},
		{"(id IN (SELECT n FROM public.lengths))", "(now() IS NOT NULL)", "read"},
		{"(looks() = 1)", "", "read"},
		{"(f() > 0)", "", "write 0   [] doubtful"},
		{"", "(f() > 0)", "write 0   [] doubtful"},
		{"(nobody())", "", "write 0   [] doubtful"},
	} {
		s := small()
		s.function("public", "f", "sql", "DELETE FROM links", "")
		s["~policy"] = [][]any{{"7", "p", tt.using, tt.check}}
		s.function("public", "looks", "plpgsql", "BEGIN PERFORM n FROM public.lengths; RETURN 1; END", "")
		catalog := s.read(t)
		for _, query := range []string{"SELECT * FROM notes", "SELECT * FROM lengths"} {
			if got := describeCall(Dialect.Analyze(query, catalog)); got != tt.want {
				t.Errorf("USING %s CHECK %s: %s is %q, want %q", tt.using, tt.check, query, got, tt.want)
			}
		}
	}
}

// What the default of a column does, an UPDATE does that assigns it, and a foreign key that does.
func TestDefaultsThatWrite(t *testing.T) {
	for _, tt := range []struct{ text, query, want, onDelete string }{
		{"f()", "UPDATE notes SET text = DEFAULT", "write 2 public.notes  [text=0.0 twice=0.0]; 3 shop.links  []", "2 of [id] 3 shop.links; 3 3 shop.links"},
		{"f()", "UPDATE notes SET (id, text) = (1, DEFAULT)", "write 2 public.notes  [id=2.0 text=0.0 twice=0.0]; 3 shop.links  []", "2 of [id] 3 shop.links; 3 3 shop.links"},
		{"f()", "UPDATE notes SET (id, text) = (DEFAULT, 'x')", "write 2 public.notes  [id=0.0 text=2.0 twice=0.0]", "2 of [id] 3 shop.links; 3 3 shop.links"},
		{"f()", "UPDATE notes SET (id, text) = (SELECT 1, 'x')", "write 2 public.notes  [id=0.0 text=0.0 twice=0.0]", "2 of [id] 3 shop.links; 3 3 shop.links"},
		{"f()", "UPDATE notes SET text = 'x'", "write 2 public.notes  [text=2.0 twice=0.0]", "2 of [id] 3 shop.links; 3 3 shop.links"},
		{"nobody()", "UPDATE notes SET text = DEFAULT", "write 2 public.notes  [text=0.0 twice=0.0]; 0   [] doubtful", "2 opaque; 3 opaque"},
		{"set_config('role', 'x', false)", "UPDATE notes SET text = DEFAULT", "write 2 public.notes  [text=0.0 twice=0.0]; 0   [] doubtful", "2 opaque; 3 opaque"},
		{"itself()", "UPDATE notes SET text = DEFAULT", "write 2 public.notes  [text=0.0 twice=0.0]; 0   [] doubtful", "2 opaque; 3 opaque"},
		{"random()", "UPDATE notes SET text = DEFAULT", "write 2 public.notes  [text=0.0 twice=0.0]", ""},
	} {
		s := small()
		s.function("public", "f", "sql", "DELETE FROM links", "")
		s.function("public", "itself", "sql", "UPDATE notes SET text = DEFAULT", "")
		s["~default"] = [][]any{{"7", "text", tt.text}}
		for _, column := range s["column"] {
			column[10] = column[10] == true || column[0] == "7" && column[2] == "text"
		}
		s["key"] = [][]any{{"7", "3", []string{"text"}, []string{"id"}, "d", "d", nil}, {"7", "3", []string{"id"}, []string{"id"}, "d", "d", nil}}
		catalog := s.read(t)
		if got := describeCall(Dialect.Analyze(tt.query, catalog)); got != tt.want {
			t.Errorf("DEFAULT %s: %s\n got %s\nwant %s", tt.text, tt.query, got, tt.want)
		}
		if got := describeTriggers(catalog.Tables["shop.links"]); got != tt.onDelete {
			t.Errorf("DEFAULT %s: SET DEFAULT is %q, want %q", tt.text, got, tt.onDelete)
		}
	}
}

// What an event trigger does, a statement does that fires it and would leave all tables as they are. What one of log-ins
// writes is not cached.
func TestEventTriggers(t *testing.T) {
	for _, tt := range []struct{ event, language, extension, text, want, guarded string }{
		{"ddl_command_start", "plpgsql", "", "BEGIN NOTIFY x; END", "session change", ""},
		{"ddl_command_start", "plpgsql", "", "BEGIN IF tg_tag = 'x' THEN DELETE FROM shop.links; END IF; END", "write 3 shop.links  [] doubtful", ""},
		{"ddl_command_end", "plpgsql", "", "BEGIN EXECUTE 'x'; END", "write 0   [] doubtful", ""},
		{"sql_drop", "c", "", "x", "write 0   [] doubtful", ""},
		{"sql_drop", "c", "pgaudit", "x", "session change", ""},
		{"login", "plpgsql", "", "BEGIN DELETE FROM shop.links; END", "session change", "shop.links"},
		{"login", "plpgsql", "", "BEGIN INSERT INTO events_a VALUES (1); END", "session change", "public.events public.events_a"},
		{"login", "plpgsql", "", "BEGIN DELETE FROM shop.nobodys; END", "session change", "public.events public.events_a public.lengths public.log public.notes shop.links shop.log"},
		{"login", "c", "", "x", "session change", "public.events public.events_a public.lengths public.log public.notes shop.links shop.log"},
	} {
		s := small()
		s["event"] = [][]any{{tt.event, "public", "e", tt.language, tt.text, "", tt.extension,
			"CREATE FUNCTION public.e() RETURNS event_trigger LANGUAGE " + tt.language + " AS $f$" + tt.text + "$f$"}}
		catalog := s.read(t)
		if got := describeCall(Dialect.Analyze("CREATE TEMP TABLE x (id int)", catalog)); got != tt.want {
			t.Errorf("%s: %s: CREATE TEMP TABLE is %q, want %q", tt.event, tt.text, got, tt.want)
		}
		var guarded []string
		for name, def := range catalog.Tables {
			if def.Guarded != "" {
				guarded = append(guarded, name)
			}
		}
		slices.Sort(guarded)
		if got := strings.Join(guarded, " "); got != tt.guarded {
			t.Errorf("%s: %s: guarded are %q, want %q", tt.event, tt.text, got, tt.guarded)
		}
	}
}

// What a trigger does.
func TestTriggerBodies(t *testing.T) {
	const before, insert, update, del, truncate = triggerBefore, triggerInsert, triggerUpdate, triggerDelete, triggerTruncate
	for _, tt := range []struct {
		bits                           int
		language, text, settings, want string
	}{
		{insert, "plpgsql", "BEGIN DELETE FROM links WHERE id = NEW.id; RETURN NEW; END", "", "1 3 shop.links id=new.id"},
		{insert, "plpgsql", "BEGIN DELETE FROM log; RETURN NEW; END", "", "1 opaque"},
		{insert, "plpgsql", "BEGIN DELETE FROM log; RETURN NEW; END", "search_path=public, pg_temp", "1 3 public.log"},
		{insert, "plpgsql", "BEGIN DELETE FROM log; RETURN NEW; END", `search_path="$user", public`, "1 opaque"},
		{insert, "plpgsql", "BEGIN DELETE FROM links WHERE id = NEW.twice; RETURN NEW; END", "", "1 3 shop.links id=new.twice"},
		{before | insert, "plpgsql", "BEGIN DELETE FROM links WHERE id = NEW.twice; RETURN NEW; END", "", "1 3 shop.links"},
		{before | insert, "plpgsql", "BEGIN NEW.text := 'x'; NEW.id := 1; NEW.text := 'y'; RETURN NEW; END", "", "1 sets id text"},
		{insert, "plpgsql", "BEGIN NEW.text := 'x'; RETURN NEW; END", "", "1"},
		{before | insert, "plpgsql", "BEGIN NEW := OLD; RETURN NEW; END", "", "1 sets all"},
		{before | insert, "plpgsql", "DECLARE r notes; BEGIN RETURN r; END", "", "1 sets all"},
		{before | insert, "plpgsql", "BEGIN RETURN NULL; END", "", "1"},
		{before | insert, "plpgsql", "BEGIN RETURN NULL::notes; END", "", "1 sets all"},
		{before | insert, "plpgsql", "BEGIN SELECT * INTO NEW FROM notes; RETURN NEW; END", "", "1 sets all"},
		{before | insert, "plpgsql", "DECLARE n int; BEGIN n := 1; RETURN NEW; END", "", "1"},
		{before | update, "plpgsql", "BEGIN OLD.text := 'x'; RETURN NEW; END", "", "2"},
		{before | update, "plpgsql", "BEGIN SELECT * INTO OLD FROM notes; RETURN NEW; END", "", "2"},
		{insert, "plpgsql", "BEGIN NOTIFY x; RETURN NEW; END", "", "1"},
		{insert, "plpgsql", "BEGIN DELETE FROM log; RETURN NEW; END", "search_path=shop", "1 3 shop.log"},
		{before | update, "plpgsql", "BEGIN RETURN OLD; END", "", "2"},
		{before | update, "plpgsql", "BEGIN SELECT 'x' INTO NEW.text; RETURN NEW; END", "", "2 sets text"},
		{before | update, "plpgsql", "BEGIN GET DIAGNOSTICS NEW.id = ROW_COUNT; RETURN NEW; END", "", "2 sets id"},
		{before | update, "plpgsql", "BEGIN FOREACH NEW.id IN ARRAY ARRAY[1, 2] LOOP NULL; END LOOP; RETURN NEW; END", "", "2 sets id"},
		{before | update, "plpgsql", "BEGIN FOR NEW.id IN SELECT id FROM links LOOP NULL; END LOOP; RETURN NEW; END", "", "2 sets id"},
		{update | del, "plpgsql", "BEGIN INSERT INTO links (id) VALUES (OLD.id); RETURN NULL; END", "", "2 1 shop.links (old.id); 3 1 shop.links (old.id)"},
		{truncate, "plpgsql", "BEGIN DELETE FROM links; RETURN NULL; END", "", "3 3 shop.links"},
		{insert, "plpgsql", "DECLARE n int; BEGIN WITH x AS (DELETE FROM links WHERE id = NEW.id RETURNING id) SELECT id INTO n FROM x; RETURN NEW; END", "", "1 3 shop.links id=new.id"},
		{insert, "plpgsql", "BEGIN MERGE INTO links l USING notes n ON l.id = n.id AND l.id = 5 WHEN MATCHED THEN DELETE; RETURN NEW; END", "", "1 3 shop.links id="},
		{insert, "plpgsql", "BEGIN TRUNCATE links; RETURN NEW; END", "", "1 3 shop.links"},
		{insert, "plpgsql", "BEGIN CREATE TABLE x (a int); RETURN NEW; END", "", "1 opaque"},
		{insert, "plpgsql", "BEGIN PERFORM other(); RETURN NEW; END", "", "1 3 shop.links"},
		{insert, "plpgsql", "DECLARE r record := ROW (other()); BEGIN RETURN NEW; END", "", "1 3 shop.links"},
		{insert, "plpgsql", "DECLARE r record := ROW (1); BEGIN RETURN NEW; END", "", "1"},
		{insert, "plpgsql", "BEGIN PERFORM set_config('role', 'x', false); RETURN NEW; END", "", "1 opaque"},
		{insert, "plpgsql", "BEGIN PERFORM nobody(); RETURN NEW; END", "", "1 opaque"},
		{insert, "plpgsql", "BEGIN EXECUTE 'x'; RETURN NEW; END", "", "1 opaque"},
		{insert, "plpgsql", "BEGIN PERFORM frob frob frob; RETURN NEW; END", "", "1 opaque"},
		{insert, "plpgsql", "BEGIN FROB", "", "1 opaque"},
		{insert, "plpgsql", "#variable_conflict use_column\nBEGIN RETURN NEW; END", "", "1 opaque"},
		{insert, "plpgsql", "BEGIN RAISE NOTICE '$moneyclip$'; RETURN NEW; END", "", "1 opaque"},
		{insert, "c", "BEGIN RETURN NEW; END", "", "1 opaque"},
		{insert, "internal", "anything", "", "1 opaque"},
	} {
		s := small()
		s.function("public", "other", "sql", "DELETE FROM links", "")
		s["trigger"] = [][]any{{"7", "t", tt.bits, nil, "public", "t", tt.language, tt.text, tt.settings, false}}
		if got := describeTriggers(s.read(t).Tables["public.notes"]); got != tt.want {
			t.Errorf("a trigger in %s (%s): %s\n got %s\nwant %s", tt.language, tt.settings, tt.text, got, tt.want)
		}
	}
}

func describeTriggers(def *moneyclip.Table) string {
	var list []string
	for _, trigger := range def.Triggers {
		text := fmt.Sprint(trigger.Op)
		if trigger.Of != nil {
			text += fmt.Sprintf(" of %v", trigger.Of)
		}
		if trigger.Instead {
			text += " instead"
		}
		for _, w := range trigger.Writes {
			if w.Source != nil {
				text += " source"
			}
		}
		if trigger.SetsAll {
			text += " sets all"
		} else if trigger.Sets != nil {
			text += " sets " + strings.Join(trigger.Sets, " ")
		}
		value := func(v moneyclip.Value) string {
			return map[moneyclip.ValueKind]string{moneyclip.ValueOld: "old.", moneyclip.ValueNew: "new."}[v.Kind] + v.Column
		}
		for _, w := range trigger.Writes {
			text += fmt.Sprintf(" %v %s", w.Op, w.Table)
			for _, p := range w.Pins {
				text += fmt.Sprintf(" %s=%s", p.Column, value(p.Values[0]))
			}
			for _, row := range w.Rows {
				text += fmt.Sprintf(" (%s)", value(row[0]))
			}
		}
		if trigger.Opaque != "" {
			text = fmt.Sprint(trigger.Op) + " opaque"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

// Functions of PostgreSQL's own that triggers call, triggers that come late, and those of partitions.
func TestTriggersBesides(t *testing.T) {
	const rowBefore, update = triggerBefore | triggerUpdate, triggerUpdate
	for _, tt := range []struct {
		table   string
		trigger []any
		want    string
	}{
		{"notes", []any{"7", "t", rowBefore, nil, "pg_catalog", "suppress_redundant_updates_trigger", "internal", "", "", false}, "2"},
		{"notes", []any{"7", "t", rowBefore, nil, "pg_catalog", "tsvector_update_trigger", "internal", "", "", false}, "2 sets all"},
		{"notes", []any{"7", "t", rowBefore, nil, "pg_catalog", "tsvector_update_trigger", "internal", "", "", false, `text\000pg_catalog.simple\000id\000`}, "2 sets text"},
		{"notes", []any{"7", "t", rowBefore, nil, "pg_catalog", "tsvector_update_trigger_column", "internal", "", "", false, `odd\\name\000x\000`}, "2 sets all"},
		{"notes", []any{"7", "t", rowBefore, nil, "public", "moddatetime", "c", "moddatetime", "", false, `text\000`, "moddatetime"}, "2 sets text"},
		{"notes", []any{"7", "t", rowBefore, nil, "public", "moddatetime", "c", "moddatetime", "", false, `text\000`, nil}, "2 opaque"},
		{"notes", []any{"7", "t", rowBefore, nil, "public", "insert_username", "c", "insert_username", "", false, `text\000`, "insert_username"}, "2 sets text"},
		{"notes", []any{"7", "t", update, nil, "public", "suppress_redundant_updates_trigger", "plpgsql", "BEGIN DELETE FROM links; RETURN NEW; END", "", false},
			"2 3 shop.links"},
		{"notes", []any{"7", "t", update, nil, "public", "tsvector_update_trigger", "plpgsql", "BEGIN DELETE FROM links; RETURN NEW; END", "", false},
			"2 3 shop.links"},
		{"notes", []any{"7", "t", update, []string{"text"}, "public", "t", "plpgsql", "BEGIN RETURN NEW; END", "", true}, "2 of [text]"},
		{"notes", []any{"7", "t", triggerInsert | update, []string{"text"}, "public", "t", "plpgsql", "BEGIN RETURN NEW; END", "", false}, "1; 2 of [text]"},
		{"lengths", []any{"6", "t", triggerInstead | update, nil, "public", "t", "plpgsql", "BEGIN DELETE FROM links; RETURN NEW; END", "", false},
			"2 instead; 2 instead 3 shop.links"},
		{"notes", []any{"7", "t", update, nil, "public", "t", "plpgsql", "BEGIN DELETE FROM links; RETURN NEW; END", "", true}, "2 opaque"},
		{"events", []any{"5", "t", rowBefore, []string{"id"}, "public", "t", "plpgsql", "BEGIN NEW.text := 'x'; RETURN NEW; END", "", false},
			"2 of [id] sets text"},
		{"events", []any{"5", "t", rowBefore, nil, "public", "t", "plpgsql", "BEGIN NEW := OLD; RETURN NEW; END", "", false}, "2 sets all"},
		{"events", []any{"5", "t", update, nil, "public", "t", "plpgsql", "BEGIN DELETE FROM links; RETURN NEW; END", "", false}, ""},
		{"notes", []any{"99", "t", update, nil, "public", "t", "plpgsql", "BEGIN DELETE FROM links; RETURN NEW; END", "", false}, ""}, // of no table
	} {
		s := small()
		s["trigger"] = [][]any{tt.trigger}
		if got := describeTriggers(s.read(t).Tables["public."+tt.table]); got != tt.want {
			t.Errorf("trigger %v of %s = %q, want %q", tt.trigger[5:8], tt.table, got, tt.want)
		}
	}
}
