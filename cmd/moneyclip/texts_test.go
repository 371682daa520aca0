package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ engine, query, want string }{
		{"postgres", "SELECT 1 WHERE a = sqlc.arg(a) AND b = @b AND c = @b", "SELECT 1 WHERE a = $1 AND b = $2 AND c = $2"},
		{"postgres", "SELECT '@x', j @> $1 WHERE b = @b", "SELECT '@x', j @> $1 WHERE b = $2"},
		{"postgres", "SELECT sqlc.embed(t) FROM t WHERE a = ANY(sqlc.slice('ids'))", "SELECT t.* FROM t WHERE a = ANY($1)"},
		{"mysql", "SELECT @x WHERE a = sqlc.arg(a) AND b = sqlc.narg('a')", "SELECT @x WHERE a = ? AND b = ?"},
		{"sqlite", "SELECT 1 WHERE a = @a AND b = sqlc.arg(b) AND c = @a AND d IN (sqlc.slice(ids))", "SELECT 1 WHERE a = ?1 AND b = ?2 AND c = ?1 AND d IN (?)"},
	} {
		if got := placeholders(test.query, test.engine); got != test.want {
			t.Errorf("%s: got %s, want %s", test.engine, got, test.want)
		}
	}
}

// What is generated goes before what it was generated from; without it the query files do.
func TestReadTexts(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("queries.sql", "/* first */\n-- name: A :one\nSELECT 1 WHERE a = @a;\n\n-- name: B :exec\nDELETE FROM t;\n")
	write("sqlc.yaml", "version: '2'\nsql:\n- engine: postgresql\n  schema: [schema.sql]\n  queries: queries.sql\n  gen: {go: {out: db}}\n")
	check := func(want ...string) {
		t.Helper()
		texts, err := readTexts([]string{folder}, "postgres")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, one := range texts {
			got = append(got, one.name, one.query)
		}
		if len(got) != len(want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("got %q, want %q", got[i], want[i])
			}
		}
	}
	check("A", "-- name: A :one\nSELECT 1 WHERE a = $1", "B", "-- name: B :exec\nDELETE FROM t")
	write("db/q.go", "package db\n\nconst a = `-- name: A :one\nSELECT 1, ` + \"`\" + `x` + \"`\" + `\n`\n\nconst other = `name: C`\n")
	check("A", "-- name: A :one\nSELECT 1, `x`\n")
	if err := os.Remove(filepath.Join(folder, "sqlc.yaml")); err != nil {
		t.Fatal(err)
	}
	check("A", "-- name: A :one\nSELECT 1, `x`\n")
	write("sqlc.json", `{"version": "1", "packages": [{"path": "db", "engine": "sqlite", "schema": "s", "queries": "q"}]}`)
	if projects, err := readConfig(filepath.Join(folder, "sqlc.json")); err != nil || len(projects) != 1 || projects[0].engine != "sqlite" || projects[0].out != "db" {
		t.Errorf("got %+v, %v", projects, err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
