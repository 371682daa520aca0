package main

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// No test of this file is parallel: the witness sees who answers by counters that the process has once.

func TestStory(t *testing.T) {
	var stdout, stderr bytes.Buffer
	path := filepath.Join(t.TempDir(), "story.db")
	if code := run(t.Context(), []string{"-rows", "2000", "-db", path}, &stdout, &stderr); code != 0 {
		t.Errorf("exit code %d, want 0; stderr: %s", code, stderr.String())
	}
	story := stdout.String()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the database was not kept: %v", err)
	}
	if !strings.Contains(story, sound) {
		t.Errorf("the story does not say %q", sound)
	}
	for line := range strings.Lines(story) {
		if strings.Contains(line, "WRONG") {
			t.Error(strings.TrimSpace(line))
		}
		if width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > 110 {
			t.Errorf("a line is %d wide, want 110 at most: %s", width, line)
		}
	}

	for _, tc := range []struct {
		name    string
		heading string
		want    []string // regular expressions of lines, in this order
	}{
		{
			name:    "exact invalidation",
			heading: newFollower,
			want: []string{
				`Follow\(1, "newcomer"\) = 1 +database`,
				`drops account::followers::account-id-1 \(exact\)`,
				`FollowersCount\(1\) = \S+ +database +account::followers::account-id-1`,
				`FollowersCount\(1\) = \S+ +cache +account::followers::account-id-1`,
				`FollowersCount\(2\) = \S+ +cache +account::followers::account-id-2`,
			},
		}, {
			name:    "a row moves to another key",
			heading: movedRow,
			want: []string{
				`MoveFollower\(2, 4\) = 1 +database`,
				`drops 2 keys of FollowersCount \(exact after reading\)`,
				`FollowersCount\(1\) = \S+ +database`,
				`FollowersCount\(2\) = \S+ +database`,
				`FollowersCount\(3\) = \S+ +cache`,
			},
		}, {
			name:    "rollback",
			heading: rolledBack,
			want: []string{
				`FollowersCount\(3\) = 20 +cache`,
				`FollowersCount\(3\) = 21 +transaction`,
				`ROLLBACK`,
				`FollowersCount\(3\) = 20 +cache`,
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, chapter, found := strings.Cut(story, "\n"+tc.heading+"\n")
			if !found {
				t.Fatalf("no chapter %q", tc.heading)
			}
			chapter, _, _ = strings.Cut(chapter, "\n\n")
			rest := chapter
			for _, want := range tc.want {
				at := regexp.MustCompile(want).FindStringIndex(rest)
				if at == nil {
					t.Fatalf("no line %s in its place in\n%s", want, chapter)
				}
				rest = rest[at[1]:]
			}
		})
	}
}

// The story is worth something only if its witness would notice a stale answer, and an answer from the wrong side.
func TestWitnessNotices(t *testing.T) {
	ctx := t.Context()
	e := sqliteEngine(filepath.Join(t.TempDir(), "witness.db"))
	place, err := e.settle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	db, err := open(e, place.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.close() })
	if err := makeTables(ctx, e, db.plain, minRows); err != nil {
		t.Fatal(err)
	}
	w, err := newWitness(ctx, db, &table{out: t.Output()})
	if err != nil {
		t.Fatal(err)
	}

	ask(w, theDatabase, store.GetUser, 21)
	if len(w.faults) != 0 {
		t.Fatalf("faults %q, want none", w.faults)
	}
	ask(w, theDatabase, store.GetUser, 21)
	if len(w.faults) != 1 || !strings.Contains(w.faults[0], "answered by the cache, want the database") {
		t.Fatalf("faults %q, want one about who has answered", w.faults)
	}
	if _, err := db.store(db.plain).RenameUser(ctx, "Ina", 21); err != nil {
		t.Fatal(err)
	}
	ask(w, theCache, store.GetUser, 21)
	if len(w.faults) != 2 || !strings.Contains(w.faults[1], "GetUser(21) is different") {
		t.Fatalf("faults %q, want a second one about a difference", w.faults)
	}
	w.change(w.store.RenameUser(ctx, "Ira", 21))
	if len(w.faults) != 3 || !strings.Contains(w.faults[2], "touches map[user:exact], want map[]") {
		t.Fatalf("faults %q, want a third one about what the write touches", w.faults)
	}
	if err := w.verdict(); err == nil {
		t.Error("the verdict is good in spite of faults")
	}
}

func TestRunRefuses(t *testing.T) {
	taken := filepath.Join(t.TempDir(), "taken.db")
	if err := os.WriteFile(taken, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2"
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an unknown flag", []string{"-row", "5"}, 2, "not defined: -row"},
		{"a word", []string{"user:" + secret + "@/"}, 2, "not flags"},
		{"too few rows", []string{"-rows", "10"}, 1, "not enough"},
		{"a file that exists", []string{"-db", taken}, 1, "exists already"},
		{"two engines", []string{"-postgres", "password=" + secret, "-mysql", "user:" + secret + "@/"}, 2, "exclude each other"},
		{"an unset variable", []string{"-postgres", ""}, 2, "-postgres is empty"},
		{"a file that is not kept", []string{"-keep"}, 2, "-keep is for"},
		{"no DSN of lib/pq", []string{"-postgres", "postgres://user:" + secret + "@[::1/"}, 1, "does not understand the DSN"},
		{"no DSN of go-sql-driver/mysql", []string{"-mysql", "user:" + secret + "@tcp(::1"}, 1, "does not understand the DSN"},
		{"nobody at the port", []string{"-postgres", "postgres://user:" + secret + "@127.0.0.1:1/"}, 1, "CREATE SCHEMA moneyclip_example_"},
		{"nobody there either", []string{"-mysql", "user:" + secret + "@tcp(127.0.0.1:1)/"}, 1, "CREATE DATABASE moneyclip_example_"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tc.args, &stdout, &stderr); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("stderr %q, want it to say %q", stderr.String(), tc.want)
			}
			if said := stdout.String() + stderr.String(); strings.Contains(said, secret) {
				t.Errorf("it says the password: %q", said)
			}
		})
	}
	if content, err := os.ReadFile(taken); err != nil || string(content) != "somebody's" {
		t.Errorf("the file that existed holds %q (error: %v)", content, err)
	}
}

// A place that connections do not get to is removed again. SQLite plays the server.
func TestCheck(t *testing.T) {
	file := filePlace("", filepath.Join(t.TempDir(), "server.db"), nil)
	settle := func(current string) (*place, error) {
		return server{
			driver: "sqlite3", dsn: file.dsn, lead: func(string) string { return file.dsn },
			create: "CREATE TABLE %s (x)", drop: "DROP TABLE %s", current: current,
		}.settle(t.Context())
	}
	tables := func() (n int) {
		db, err := sql.Open("sqlite3", file.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}

	if _, err := settle("SELECT 'public'"); err == nil || !strings.Contains(err.Error(), "do not get there") {
		t.Errorf("error %v, want one that connections do not get there", err)
	}
	if n := tables(); n != 0 {
		t.Errorf("%d places are left, want none", n)
	}
	p, err := settle("SELECT name FROM sqlite_master")
	if err != nil {
		t.Fatal(err)
	}
	if n := tables(); n != 1 {
		t.Errorf("%d places were made, want 1", n)
	}
	if err := p.leave(t.Context()); err != nil {
		t.Error(err)
	}
	if n := tables(); n != 0 {
		t.Errorf("%d places are left, want none", n)
	}
}

// Connections find the story's tables and nobody else's, whatever the form of the DSN.
func TestInSchema(t *testing.T) {
	for dsn, want := range map[string]string{
		"host=h password='a b'":                          "host=h password='a b' search_path=own",
		"postgres://u:p%40@h/db":                         "postgres://u:p%40@h/db?search_path=own",
		"postgresql://h/?search_path=his&sslmode=verify": "postgresql://h/?search_path=own&sslmode=verify",
	} {
		if got := inSchema(dsn, "own"); got != want {
			t.Errorf("inSchema(%q, own) = %q, want %q", dsn, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -999: "-999"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	if got, want := fit("ünbroken", 5), "ünbr…"; got != want {
		t.Errorf("fit = %q, want %q", got, want)
	}
	if got, want := fit("short", 5), "short"; got != want {
		t.Errorf("fit = %q, want %q", got, want)
	}
}
