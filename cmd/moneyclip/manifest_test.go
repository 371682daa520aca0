package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestManifest(t *testing.T) {
	t.Parallel()
	out, errs, code := run(t, "manifest", "testdata/rules")
	if code != 0 {
		t.Fatal(errs)
	}
	golden(t, "manifest.golden", regexp.MustCompile(`"place": "[^"]*(/rules.go:\d+)"`).ReplaceAllString(out, `"place": "...$1"`))
	entries, _ := os.ReadDir("testdata/rules")
	if len(entries) != 1 {
		t.Errorf("the package has %d files now, want 1", len(entries))
	}
}

func TestNoManifest(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "go.mod"), []byte("module empty\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{".": "package main", "no-such": "not a folder", empty: "no Go files"} {
		if _, errs, code := run(t, "manifest", folder); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: got %d, %q, want %q", folder, code, errs, want)
		}
	}
}
