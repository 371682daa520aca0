package postgres

import (
	"strings"
	"testing"
)

// What undoes what a schema has said is part of the error.
func TestSchemaFaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"BEGIN; CREATE TABLE t (a int); ROLLBACK":                                    "it undoes what was done before, or puts it off",
		"BEGIN; SAVEPOINT s; CREATE TABLE t (a int); ROLLBACK TO s":                  "it undoes what was done before, or puts it off",
		"BEGIN; CREATE TABLE t (a int); PREPARE TRANSACTION 'x'":                     "it undoes what was done before, or puts it off",
		"BEGIN; SAVEPOINT s; CREATE TABLE t (a int); RELEASE s; COMMIT":              "",
		"CREATE TYPE m AS ENUM ('a'); ALTER TYPE m ADD VALUE 'b'; START TRANSACTION": "",
	} {
		got := ""
		if _, err := Schema(text); err != nil {
			_, got, _ = strings.Cut(err.Error(), "): ")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
