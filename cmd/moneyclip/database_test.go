package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A database file that is not there would be made, and nothing be wrong with it.
func TestAbsentFile(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "there 1.db")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := strings.Replace(there, "there", "gone", 1)
	for dsn, want := range map[string]bool{
		there: false, there + "?_pragma=x": false, "file:" + there: false, (&url.URL{Scheme: "file", Path: there}).String(): false,
		gone: true, gone + "?_pragma=x": true, "file:" + gone: true, (&url.URL{Scheme: "file", Path: gone}).String(): true,
		":memory:": false, "file::memory:?cache=shared": false, "file:x?mode=memory": false, "": false,
	} {
		if got := isAbsentFile(dsn); got != want {
			t.Errorf("%s: got %v, want %v", dsn, got, want)
		}
	}
	if out, errs, code := run(t, "explain", "--rules", "testdata/rules.json", "--db", gone, "SELECT 1"); code != 2 || !strings.Contains(errs, "no file") || strings.Contains(errs, gone) {
		t.Errorf("got %d, %s%s", code, out, errs)
	}
	if _, err := os.Stat(gone); err == nil {
		t.Error("the file was made")
	}
}

func TestEngineOf(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"postgres://u:p@h/d": "postgres", "postgresql:///d": "postgres", "host=h dbname=d": "postgres", "dbname=d": "postgres",
		"u:p@tcp(h:1)/d": "mysql", "u@/d": "mysql", "u@unix(/s)/d?a=b": "mysql",
		"file:x?mode=ro": "sqlite", ":memory:": "sqlite", "x.db": "sqlite", "x.sqlite?a=b": "sqlite", "database_test.go": "sqlite",
		"": "", "what": "",
	} {
		if got, err := engineOf(dsn); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", dsn, got, err, want)
		}
	}
}

func TestEngineNamed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"postgresql": "postgres", "MariaDB": "mysql", "sqlite3": "sqlite", "oracle": ""} {
		if got, _ := engineNamed(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for name, e := range engines {
		if e.dialect.Name() != name {
			t.Errorf("%s: got the dialect %s", name, e.dialect.Name())
		}
	}
}
