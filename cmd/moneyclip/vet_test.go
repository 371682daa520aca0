package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVet(t *testing.T) {
	t.Parallel()
	out, errs, code := run(t, "vet", "../../examples/sqlc", "--rules", "testdata/rules.json")
	if code != 0 {
		t.Fatal(errs)
	}
	golden(t, "vet.golden", out)
	// A database says the same as its schema file.
	live, errs, code := run(t, "vet", "../../examples/sqlc", "--rules", "testdata/rules.json", "--db", story(t))
	if code != 0 || !strings.HasPrefix(out, live) {
		t.Errorf("over a database: got %d, %s%s", code, live, errs)
	}
}

// A rule that cannot be kept fresh makes the exit code 1, and hides nothing of the others.
func TestVetFaulty(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "vet.html")
	out, _, code := run(t, "vet", "../../examples/sqlc/sqlc.yaml", "--rules", "testdata/faulty.json", "--html", page, "--db", story(t))
	if code != 1 {
		t.Errorf("got the exit code %d, want 1", code)
	}
	golden(t, "vet_faulty.golden", out)
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "vet_faulty.html", string(html))
	for _, remote := range []string{"http:", "https:", "<script", "<link", "src="} {
		if strings.Contains(string(html), remote) {
			t.Errorf("the page has %s", remote)
		}
	}
	out, _, code = run(t, "vet", "../../examples/sqlc", "--rules", "testdata/faulty.json", "--json")
	var r vetReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 1 || len(r.Databases) != 3 || len(r.Unused) != 1 || len(r.Absent) != 1 {
		t.Errorf("got %d, %v, %+v", code, err, r)
	}
}

// Without --rules they are those that the generated packages register.
func TestVetGenerated(t *testing.T) {
	t.Parallel()
	out, errs, code := run(t, "vet", "testdata")
	if code != 0 || !strings.Contains(out, "FollowersCount") || !strings.Contains(out, "Rename  E") {
		t.Errorf("got %d, %s%s", code, out, errs)
	}
}

func TestNotVetted(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{t.TempDir(): "no sqlc.yaml", "../../examples/sqlc": "moneyclip manifest"} {
		if _, errs, code := run(t, "vet", folder); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: got %d, %s, want %q", folder, code, errs, want)
		}
	}
}
