package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// story is the example's schema, as a SQLite file with some rows.
func story(t *testing.T) (dsn string) {
	t.Helper()
	schema, err := os.ReadFile("../../examples/sqlc/sqlite/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "story.db")
	execute(t, path, string(schema))
	return path
}

// execute runs statements past the cache.
func execute(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	db := story(t)
	var all strings.Builder
	for _, args := range [][]string{
		{"SELECT name FROM users WHERE id = ?", "7"},
		{"SELECT name FROM users WHERE id = ?", "'7'"},
		{"SELECT name FROM users WHERE id = ?", "NULL"},
		{"SELECT * FROM books WHERE id = ?", "7"},
		{"UPDATE users SET name = ? WHERE id = ?", "x", "7"},
		{"INSERT INTO followers (account_id, follower_id) VALUES (?, ?)", "1", "2"},
		{"--json", "UPDATE users SET name = ? WHERE name = ?", "x", "y"},
		{"--json", "SELECT * FROM books WHERE id = ?", "7"},
	} {
		common := []string{"explain", "--db", db, "--rules", "testdata/rules.json", "--queries", "../../examples/sqlc/sqlc.yaml"}
		out, errs, code := run(t, append(common, args...)...)
		if code != 0 {
			t.Fatal(errs)
		}
		all.WriteString(out)
	}
	golden(t, "explain.golden", all.String())
	out, _, code := run(t, "explain", "--db", db, "--rules", "testdata/rules.json", "DELETE FROM followers")
	if code != 0 || out != "DELETE FROM followers\n  not known: what it does to FollowersCount, whose query was not shown; show it with --queries\n" {
		t.Errorf("without the queries: got %d, %s", code, out)
	}
}

// What is missing or wrong is said, with what to do about it, and without the DSN.
func TestNotExplained(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want string
		args []string
	}{
		{"--db", []string{"SELECT 1"}},
		{"moneyclip manifest", []string{"--rules", "no-such.json", "SELECT 1"}},
		{"--dialect", []string{"--db", "secret", "SELECT 1"}},
		{"oracle", []string{"--db", "secret", "--dialect", "oracle", "SELECT 1"}},
		{"reach the database", []string{"--db", "postgres://me:secret@127.0.0.1:1/db", "SELECT 1"}},
		{"", []string{"--db", "me:secret@tcp(127.0.0.1:1", "--dialect", "mysql", "SELECT 1"}},
		{"", []string{"--db", "postgres://me:secret@[::1/db", "SELECT 1"}},
		{"the queries", []string{"--db", story(t), "--queries", "no-such", "SELECT 1"}},
	} {
		_, errs, code := run(t, append([]string{"explain", "--rules", "testdata/rules.json"}, test.args...)...)
		if code != 2 || !strings.Contains(errs, test.want) || strings.Contains(errs, "secret") {
			t.Errorf("%v: got %d, %s, want %q", test.args, code, errs, test.want)
		}
	}
}

func TestArgument(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]any{
		"7": int64(7), "'7'": "7", "1.5": 1.5, "x": "x", "NULL": nil, "true": true, "''": "", "NaN": "NaN", "'": "'",
	} {
		if got := argument(word); got != want {
			t.Errorf("%s: got %#v, want %#v", word, got, want)
		}
	}
}
