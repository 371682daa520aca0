package sqlcgen

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What sqlc v1.31.1 has sent for the projects in testdata, without what the plugin does not read.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"postgres", "mysql", "sqlite"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request, err := os.ReadFile(filepath.Join("testdata", name, "request.json"))
			if err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			if code := Run([]string{"/plugin.CodegenService/Generate"}, bytes.NewReader(request), &stdout, &stderr); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
			var response Response
			if err := json.Unmarshal(stdout.Bytes(), &response); err != nil {
				t.Fatal(err)
			}
			if len(response.Files) != 1 || response.Files[0].Name != "moneyclip_rules.go" {
				t.Fatalf("got %v, want one file", response.Files)
			}
			golden := filepath.Join("testdata", name, "moneyclip_rules.go.golden")
			if *update {
				if err := os.WriteFile(golden, response.Files[0].Contents, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(response.Files[0].Contents)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

const shop = `CREATE TABLE followers (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, name TEXT);
CREATE VIRTUAL TABLE search USING fts5 (text); CREATE TABLE odd (name TEXT COLLATE folded);`

// request is what sqlc sends for queries, of which it knows no parameters.
func request(t *testing.T, schema, queries, options string) *bytes.Buffer {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var r Request
	r.Settings.Engine = "sqlite"
	r.Settings.Schema = []string{write("schema.sql", schema)}
	r.Settings.Queries = []string{write("queries.sql", queries)}
	r.Settings.Codegen.Out = "internal/db"
	r.PluginOptions = []byte(options)
	for _, part := range strings.Split("\n"+queries, "\n-- name: ")[1:] {
		head, text, _ := strings.Cut(part, "\n")
		name, cmd, _ := strings.Cut(head, " ")
		q := &Query{Name: name, Cmd: cmd, Filename: "queries.sql"}
		for line := range strings.Lines(text) {
			if comment, ok := strings.CutPrefix(line, "--"); ok {
				q.Comments = append(q.Comments, strings.TrimRight(comment, "\n"))
			} else {
				q.Text += line
			}
		}
		r.Queries = append(r.Queries, q)
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(r); err != nil {
		t.Fatal(err)
	}
	return &b
}

const cached = "-- name: Count :one\n-- moneyclip: cache key=count-{account_id}\nSELECT count(*) FROM followers WHERE account_id = ?;\n"

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, schema, queries, options, want string }{
		{
			"grammar", shop, "-- name: Other :exec\nSELECT 1;\n\n-- name: Count :one\n-- moneyclip: cache key=a life=5m\nSELECT count(*) FROM followers;", "",
			"queries.sql: query Count: line 5, column 27: expected key=..., name=..., ttl=..., soft=..., notfound=... or refresh\n",
		},
		{
			"two faults", shop, "-- name: A :one\n-- moneyclip: cash\nSELECT 1;\n-- name: B :one\nSELECT 1\n  -- moneyclip: ignore\n;", "",
			"queries.sql: query A: line 2, column 15: expected \"cache\" or \"ignore\"\n" +
				"queries.sql: query B: line 6, column 23: expected the reason why the write does not matter\n",
		},
		{
			"no colon", shop, "-- name: A :one\n-- moneyclip cache key=a\nSELECT 1;\n-- name: B :one\n-- MoneyClip: cache key=b\nSELECT 2;", "",
			"queries.sql: query A: line 2: an annotation begins with \"moneyclip:\", in small letters and with a colon\n" +
				"queries.sql: query B: line 5: an annotation begins with \"moneyclip:\", in small letters and with a colon\n",
		},
		{
			"above the name", shop, "-- moneyclip: cache key=a\n-- name: A :one\nSELECT 1;\n\n-- of B\n-- moneyclip: cache key=b\n-- name: B :one\nSELECT 2;", "",
			"queries.sql: an annotation stands above the first query: it belongs between the line \"-- name:\" and the end of its query\n" +
				"queries.sql: query A: line 6, column 4: an annotation stands after the end of the query: it belongs between the line \"-- name:\" and the end of its query\n",
		},
		{
			"no such parameter", shop, "-- name: Count :one\n-- moneyclip: cache key=count-{nobody}\nSELECT count(*) FROM followers WHERE account_id = ?;", "",
			"queries.sql: query Count: line 2, column 32: expected the name of a parameter of the query\n",
		},
		{
			"many", shop, "-- name: List :many\n-- moneyclip: cache key=list\nSELECT * FROM followers;", "",
			"queries.sql: query List: it is :many, and only a single row is cached: :one\n",
		},
		{
			"a write", shop, "-- name: Add :one\n-- moneyclip: cache key=list\nINSERT INTO followers (account_id) VALUES (1) RETURNING id;", "",
			"queries.sql: query Add: only a SELECT that writes nothing can be cached\n",
		},
		{
			"an ignored read", shop, "-- name: List :many\n  -- moneyclip: ignore it is dull\nSELECT * FROM followers;", "",
			"queries.sql: query List: only a write can be ignored\n",
		},
		{
			"ignore at the start of a line", shop, "-- name: Add :exec\n-- moneyclip: ignore it is dull\nDELETE FROM followers;", "",
			"queries.sql: query Add: indent the line \"moneyclip: ignore\": sqlc strips what begins at the start of a line, and the driver heeds only what reaches it\n",
		},
		{
			"refused", shop, "-- name: Named :one\n-- moneyclip: cache key=name-{name}\nSELECT count(*) FROM odd WHERE name = ?;", "",
			"queries.sql: query Named: its annotation cannot be heeded: reads odd, where column name has the collation FOLDED\n",
		},
		{
			"not a function of the rows", shop, "-- name: Count :one\n-- moneyclip: cache key=count\nSELECT count(*), random() FROM followers;", "",
			"queries.sql: query Count: its annotation cannot be heeded: ",
		},
		{
			"blind", shop, cached + "-- name: Index :exec\nINSERT INTO search (text) VALUES (?);", "",
			"queries.sql: query Index: it is not known what it writes (table \"search\": a virtual table), so that it drops all of what the rules cache, Count among it; " +
				"if it does not matter to any rule, say so in the query, in a line that does not begin at its start:\n" +
				"  -- moneyclip: ignore <reason>\nor take the annotation of Count (queries.sql) away\n",
		},
		{
			"strict", shop, cached + "-- name: Clear :exec\nDELETE FROM followers WHERE name > ?;\n-- name: Wipe :exec\nUPDATE OR REPLACE followers SET id = id + 1;", `{"strict": true}`,
			"queries.sql: query Wipe: it drops every key of Count (queries.sql: count-%v): ",
		},
		{
			"strict about the schema", shop + "\nFROB;", cached, `{"strict": true}`,
			"schema.sql:3: a statement that is not taken into account: it is not understood\n",
		},
		{"no name for a package", shop, cached, `{"package": "my-db"}`, "\"my-db\" can be no package's name: say what it is with the option package\n"},
		{"options", shop, cached, `{"stict": true}`, "the options in sqlc.yaml: json: unknown field \"stict\"\n"},
		{
			"the same key", shop, cached + "-- name: Again :one\n-- moneyclip: cache name=Count key=again\nSELECT count(*) FROM followers;", "",
			"queries.sql: query Again: its annotation cannot be heeded: the name \"Count\" is already in",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := Run(nil, request(t, tc.schema, tc.queries, tc.options), &stdout, &stderr)
			if got := stderr.String(); code != 1 || stdout.Len() > 0 || !strings.HasPrefix(got, tc.want) {
				t.Errorf("exit code %d\n got %s\nwant %s", code, got, tc.want)
			}
		})
	}
}

// A write that is said not to matter is none of the rules' business.
func TestIgnored(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	queries := cached + "-- name: Index :exec\nINSERT INTO search (text) VALUES (?)\n  -- moneyclip: ignore nobody caches a search\n;"
	if code := Run(nil, request(t, shop, queries, `{"strict": true, "register": false}`), &stdout, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	var response Response
	if err := json.Unmarshal(stdout.Bytes(), &response); err != nil {
		t.Fatal(err)
	}
	got := string(response.Files[0].Contents)
	if strings.Contains(got, "Index") || strings.Contains(got, "init()") || !strings.Contains(got, "package db\n") {
		t.Errorf("got\n%s", got)
	}
}

// The functions for keys have one parameter for each value, and there is none where it could not make the driver's key.
func TestKeys(t *testing.T) {
	t.Parallel()
	const schema = "CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT, folded TEXT COLLATE NOCASE, size REAL); CREATE TABLE b (id INTEGER PRIMARY KEY, a INTEGER);"
	for query, want := range map[string]string{
		"-- moneyclip: cache key=k-{1}-{2}\nSELECT a.name FROM a JOIN b ON b.a = a.id WHERE a.id = ?1 AND b.id = ?2": "" +
			`func QKey(id int64, id2 int64) string { return moneyclip.Key("k-%v-%v", moneyclip.Int(id), moneyclip.Int(id2)) }`,
		"-- moneyclip: cache key=k-{2}-{1}-{2}\nSELECT size FROM a WHERE id = ?1 AND name = ?2": "" +
			`func QKey(name string, id int64) string { return moneyclip.Key("k-%v-%v-%v", moneyclip.Text(name), moneyclip.Int(id), moneyclip.Text(name)) }`,
		"-- moneyclip: cache key=k-{name:%d}\nSELECT id FROM a WHERE name = ?":  "",
		"-- moneyclip: cache key=k-{folded}\nSELECT id FROM a WHERE folded = ?": "",
	} {
		var stdout, stderr bytes.Buffer
		var r Request
		if err := json.Unmarshal(request(t, schema, "-- name: Q :one\n"+query+";", "").Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		for number := range strings.Count(query, "?") {
			r.Queries[0].Params = append(r.Queries[0].Params, &Parameter{Number: number + 1})
		}
		sent, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if code := Run(nil, bytes.NewReader(sent), &stdout, &stderr); code != 0 {
			t.Errorf("%s: %s", query, stderr.String())
			continue
		}
		var response Response
		if err := json.Unmarshal(stdout.Bytes(), &response); err != nil {
			t.Fatal(err)
		}
		_, got, _ := strings.Cut(string(response.Files[0].Contents), "func QKey")
		if got = strings.Join(strings.Fields(got), " "); got != strings.TrimPrefix(want, "func QKey") {
			t.Errorf("%s: got func QKey%s, want %s", query, got, want)
		}
	}
}

// A function that would have the name of a type that sqlc makes is left out: the package would not compile.
func TestKeyOfAModel(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]bool{
		"CREATE TABLE user_keys (id INTEGER PRIMARY KEY)":    false,
		"CREATE TABLE user_key (id INTEGER PRIMARY KEY)":     false,
		"CREATE TABLE user_keyring (id INTEGER PRIMARY KEY)": true,
	} {
		var stdout, stderr bytes.Buffer
		table := strings.Fields(schema)[2]
		queries := "-- name: User :one\n-- moneyclip: cache key=users\nSELECT count(*) FROM " + table + ";"
		if code := Run(nil, request(t, schema, queries, ""), &stdout, &stderr); code != 0 {
			t.Fatal(stderr.String())
		}
		var response Response
		if err := json.Unmarshal(stdout.Bytes(), &response); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(response.Files[0].Contents), "func UserKey("); got != want {
			t.Errorf("%s: got a function: %t, want %t", schema, got, want)
		}
	}
}

// Two durations may add up to more than one can be.
func TestLongDurations(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	queries := "-- name: Count :one\n-- moneyclip: cache key=t ttl=2000000h notfound=1000000h\nSELECT count(*) FROM t;"
	if code := Run(nil, request(t, "CREATE TABLE t (id INTEGER PRIMARY KEY)", queries, ""), &stdout, &stderr); code != 0 {
		t.Fatal(stderr.String())
	}
	var response Response
	if err := json.Unmarshal(stdout.Bytes(), &response); err != nil {
		t.Fatal(err)
	}
	if text := string(response.Files[0].Contents); strings.Contains(text, "time.Hour") != strings.Contains(text, `"time"`) {
		t.Errorf("got the file without its imports:\n%s", text)
	}
}

// The package is the one that sqlc has made, whatever its folder is called.
func TestPackage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ name, content, want string }{
		{"", "", "folder"},
		{"moneyclip_rules.go", generatedBy + "\n\npackage folder\n", "folder"},
		{"a_test.go", "package other_test\n", "folder"},
		{"broken.go", "no package\n", "folder"},
		{"db.go", "// Code generated by sqlc. DO NOT EDIT.\n\npackage authors\n", "authors"},
	} {
		if step.name != "" {
			if err := os.WriteFile(filepath.Join(dir, step.name), []byte(step.content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := packageIn(dir); got != step.want {
			t.Errorf("with %s: got %s, want %s", step.name, got, step.want)
		}
	}
}

func TestNotARequest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\x0a\x03": "what sqlc has sent is not understood: is the plugin's format json? ",
		"{}":       "the engine \"\" is none that MoneyClip knows: postgresql, mysql and sqlite",
		`{"settings": {"engine": "sqlite", "schema": ["nowhere.sql"]}}`: "the schema: open nowhere.sql: ",
	} {
		var stdout, stderr bytes.Buffer
		if code := Run(nil, strings.NewReader(text), &stdout, &stderr); code != 1 || !strings.HasPrefix(stderr.String(), want) {
			t.Errorf("%q: exit code %d, %q, want %q", text, code, stderr.String(), want)
		}
	}
}

// What is wrong with a write is said once, however many rules there are.
func TestBlindOnce(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	queries := cached + "-- name: All :one\n-- moneyclip: cache key=all\nSELECT count(*) FROM followers;\n-- name: Index :exec\nINSERT INTO search (text) VALUES (?);"
	if code := Run(nil, request(t, shop, queries, ""), &stdout, &stderr); code != 1 || strings.Count(stderr.String(), "it is not known") != 1 {
		t.Errorf("exit code %d, got %s", code, stderr.String())
	}
}
