package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMain runs the command itself if a test has asked for that: see command.
func TestMain(m *testing.M) {
	if os.Getenv("MONEYCLIP_COMMAND") == "1" {
		os.Unsetenv("MONEYCLIP_COMMAND")
		grace = 0
		os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	flag.Parse()
	os.Exit(m.Run())
}

// run runs a command in this process.
func run(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(args, strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

// command runs a command in a process of its own: a database is opened by its driver's name once in a process.
func command(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "MONEYCLIP_COMMAND=1", "MONEYCLIP_DISABLE=1")
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// golden compares an output with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got:\n%s\nwant:\n%s", name, got, want)
	}
}

func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	if _, errs, code := run(t, "no-such"); code != 2 || !strings.Contains(errs, `unknown command "no-such"`) {
		t.Errorf("got %d, %q", code, errs)
	}
}

// Every command has a help, an example and a man page.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, c := range newRoot().Commands() {
		if c.Short == "" || c.Example == "" && !c.Hidden {
			t.Errorf("%s: no description or no example", c.Name())
		}
	}
	folder := t.TempDir()
	if _, errs, code := run(t, "man", folder); code != 0 {
		t.Fatal(errs)
	}
	if _, err := os.Stat(filepath.Join(folder, "moneyclip-manifest.1")); err != nil {
		t.Error(err)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://me:s3cret@host/db", "me:s3cret@tcp(host:3306)/db", "host=x password=s3cret dbname=db",
		"host=x password='s3cret' dbname=db", "redis://:s3cret@host:6379/0", "redis+sentinel://u:other@h?password=s3cret",
		"postgres://me:%733cret@host/db", "postgres://host/db?password=s3cret", "file:x.db?_auth_pass=s3cret",
	} {
		for _, text := range []string{"failed: " + dsn, "failed: s3cret"} {
			if got := scrub(text, sorted(secretsIn(dsn))); strings.Contains(got, "s3cret") || strings.Contains(got, dsn) {
				t.Errorf("%s: got %q", dsn, got)
			}
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	if got := printable("a\x1b[2J\u009bb\nc\t\x07"); got != "a�[2J�b\nc\t�" {
		t.Errorf("got %q", got)
	}
}
