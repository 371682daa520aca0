package main

import (
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// On real servers, each command that opens a database does what it does on SQLite; rows are found by whoever has the same
// driver, and by nobody else.
func TestOnServers(t *testing.T) {
	t.Parallel()
	for _, engine := range []struct {
		name, driver string
		start        func(testing.TB, ...string) *servers.Server
		mark         string
	}{{"postgres", "pgx", servers.StartPostgres, "$1"}, {"mysql", "mysql", servers.StartMariaDB, "?"}} {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			dsn := engine.start(t).Database(t)
			db, err := sql.Open(engine.driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, statement := range []string{
				"CREATE TABLE users (id bigint PRIMARY KEY, name varchar(100) NOT NULL, domain varchar(100) NOT NULL)",
				"CREATE TABLE followers (account_id bigint NOT NULL, follower_id bigint NOT NULL, PRIMARY KEY (account_id, follower_id))",
				"INSERT INTO users VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, 'c', 'x')",
			} {
				if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			redis := "redis://" + servers.Redis(t).Addr
			query := "SELECT name FROM users WHERE id = " + engine.mark
			do := func(want int, args ...string) string {
				t.Helper()
				out, errs, code := command(t, append(args, "--db", dsn)...)
				if code != want || strings.Contains(errs, dsn) {
					t.Fatalf("%v: got %d, %s%s", args, code, out, errs)
				}
				return out
			}
			rules := []string{"--rules", "testdata/rules.json", "--redis", redis}
			if out := do(0, "explain", "--rules", "testdata/rules.json", query, "7"); !strings.Contains(out, "user::id-7") {
				t.Errorf("explain: got %s", out)
			}
			if out := do(0, append([]string{"warm", "--query", query, "--keys", "SELECT id FROM users"}, rules...)...); !strings.Contains(out, "3 stored") {
				t.Errorf("warm: got %s", out)
			}
			if _, err := db.Exec("UPDATE users SET name = 'past the driver' WHERE id = 2"); err != nil {
				t.Fatal(err)
			}
			texts := t.TempDir() + "/q.go"
			write(t, texts, "package q\n\nconst q = `-- name: Name :one\n"+query+"`\n")
			var a audited
			audit := append([]string{"audit", "--json", "--queries", texts}, rules...)
			if err := json.Unmarshal([]byte(do(0, audit...)), &a); err != nil || a.Keys != 3 || a.NotCompared != 3 {
				t.Errorf("by another text: got %+v, %v", a, err)
			}
			warm := append([]string{"warm", "--queries", texts, "--name", "Name", "--keys", "SELECT id FROM users"}, rules...)
			do(0, warm...)
			if _, err := db.Exec("UPDATE users SET name = 'past the driver' WHERE id = 3"); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(do(1, audit...)), &a); err != nil || a.Compared != 3 || len(a.Mismatches) != 1 || a.Mismatches[0].Key != "user::id-3" {
				t.Errorf("got %+v, %v", a, err)
			}
			if engine.name == "postgres" {
				if err := json.Unmarshal([]byte(do(0, append(audit, "--driver", "postgres")...)), &a); err != nil || a.Compared != 0 {
					t.Errorf("by another driver: got %+v, %v", a, err)
				}
			}
			if out := do(1, "doctor"); !strings.Contains(out, "timeout") || !strings.Contains(out, "change") {
				t.Errorf("doctor: got %s", out)
			}
			if out := do(0, "vet", "../../examples/sqlc", "--rules", "testdata/rules.json"); !strings.Contains(out, engine.name) || strings.Contains(out, "sqlite") {
				t.Errorf("vet: got %s", out)
			}
		})
	}
}
