package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the command has warmed it can audit, and what was written past the driver it finds.
func TestWarmAudit(t *testing.T) {
	t.Parallel()
	s := openShop(t, 0)
	execute(t, s.path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 120) INSERT INTO users (id, name, domain) SELECT i, 'user ' || i, 'x' FROM n")
	common := []string{"--redis", s.url, "--db", s.path, "--rules", "testdata/rules.json", "--queries", "../../examples/sqlc/sqlc.yaml"}
	do := func(want int, args ...string) string {
		t.Helper()
		out, errs, code := command(t, append(args, common...)...)
		if code != want {
			t.Fatalf("%v: got %d, %s%s", args, code, out, errs)
		}
		return out
	}
	state := filepath.Join(t.TempDir(), "state.json")
	warm := []string{"warm", "--rule", "user", "--name", "GetUser", "--keys", "SELECT id FROM users ORDER BY id", "--state", state}
	out := do(0, append(warm, "--rate", "100000")...)
	out += do(0, append(warm, "--json")...)
	execute(t, s.path, "INSERT INTO users (id, name, domain) VALUES (121, 'new', 'x')")
	out += do(0, warm...)
	execute(t, s.path, "DELETE FROM users WHERE id = 1")
	out += do(0, warm...) // other keys: from the start
	golden(t, "warm.golden", out)

	execute(t, s.path, "UPDATE users SET name = 'past the driver' WHERE id = 7; INSERT INTO users (id, name, domain) VALUES (1, 'user 1', 'x')")
	before := do(1, "audit", "--rule", "user")
	after := do(0, "audit")
	golden(t, "audit.golden", before+after+do(0, "audit", "--prepared", "--sample", "10"))
	if left, err := (&shelf{namespace: "moneyclip"}).find(t.Context(), s.store, "user::id-7"); err != nil || len(left) != 0 {
		t.Errorf("got %d entries of the row that differs, %v", len(left), err)
	}
	execute(t, s.path, "UPDATE users SET name = 'past the driver' WHERE id = 8")
	var a audited
	if err := json.Unmarshal([]byte(do(1, "audit", "--json")), &a); err != nil || len(a.Mismatches) != 1 || a.Mismatches[0] != (mismatch{"user", "user::id-8"}) {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestNotWarmed(t *testing.T) {
	t.Parallel()
	s := openShop(t, 0)
	damaged := filepath.Join(t.TempDir(), "state.json")
	if err := os.WriteFile(damaged, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	const query = "SELECT name FROM users WHERE id = ?"
	for _, test := range []struct {
		want string
		args []string
	}{
		{"--query", []string{"warm"}},
		{"--queries", []string{"warm", "--name", "None", "--keys", "SELECT 1"}},
		{"--name GetUser", []string{"warm", "--query", "GetUser", "--keys", "SELECT 1"}},
		{"not cached: no rule names it", []string{"warm", "--query", "SELECT * FROM books WHERE id = ?", "--keys", "SELECT 1"}},
		{"not by other", []string{"warm", "--query", query, "--rule", "other", "--keys", "SELECT 1"}},
		{"writes nothing", []string{"warm", "--query", query, "--keys", "DELETE FROM users RETURNING id"}},
		{"writes nothing", []string{"warm", "--query", query, "--keys", "DROP TABLE users"}},
		{"read the keys", []string{"warm", "--query", query, "--keys", "SELECT none FROM users"}},
		{"no state", []string{"warm", "--query", query, "--keys", "SELECT 1", "--state", damaged}},
		{"--queries", []string{"audit"}},
	} {
		_, errs, code := command(t, append(test.args, "--redis", s.url, "--db", s.path, "--rules", "testdata/rules.json")...)
		if code != 2 || !strings.Contains(errs, test.want) {
			t.Errorf("%v: got %d, %s, want %q", test.args, code, errs, test.want)
		}
	}
}
