package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What the command does is tested in internal/sqlcgen. Here: that sqlc can run it.
func TestCommand(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "sqlc-gen-moneyclip")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	request, err := os.ReadFile("../../internal/sqlcgen/testdata/sqlite/request.json")
	if err != nil {
		t.Fatal(err)
	}
	run := func(stdin []byte) (string, string, error) {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(program, "/plugin.CodegenService/Generate")
		cmd.Dir, cmd.Env = "../../internal/sqlcgen", []string{} // sqlc gives it none
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
		err := cmd.Run()
		return stdout.String(), stderr.String(), err
	}
	if stdout, stderr, err := run(request); err != nil || !strings.HasPrefix(stdout, `{"files":[{"name":"moneyclip_rules.go"`) {
		t.Errorf("got %v, %q, %q", err, stdout, stderr)
	}
	if stdout, stderr, err := run([]byte("{}")); err == nil || stdout != "" || !strings.HasPrefix(stderr, `the engine ""`) {
		t.Errorf("got %v, %q, %q", err, stdout, stderr)
	}
}
