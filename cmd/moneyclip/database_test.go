package main

import "testing"

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
