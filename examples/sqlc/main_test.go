package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/moneyclip/moneyclip/examples/sqlc/store"
)

// No test of this file is parallel: the witness sees who answers by counters that the process has once.

func TestStory(t *testing.T) {
	var stdout, stderr bytes.Buffer
	path := filepath.Join(t.TempDir(), "story.db")
	if code := run([]string{"-rows", "2000", "-db", path}, &stdout, &stderr); code != 0 {
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
				`FollowersCount\(3\) = 21 +cache`,
				`FollowersCount\(3\) = 22 +transaction`,
				`ROLLBACK`,
				`FollowersCount\(3\) = 21 +cache`,
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
	db, err := makeDatabase(ctx, filepath.Join(t.TempDir(), "witness.db"), minRows)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.close() })
	w, err := newWitness(ctx, db, &table{out: t.Output()})
	if err != nil {
		t.Fatal(err)
	}

	ask(w, theDatabase, (*queries).GetUser, 21)
	if len(w.faults) != 0 {
		t.Fatalf("faults %q, want none", w.faults)
	}
	ask(w, theDatabase, (*queries).GetUser, 21)
	if len(w.faults) != 1 || !strings.Contains(w.faults[0], "answered by the cache, want the database") {
		t.Fatalf("faults %q, want one about who has answered", w.faults)
	}
	if _, err := store.New(db.plain).RenameUser(ctx, store.RenameUserParams{Name: "Ina", ID: 21}); err != nil {
		t.Fatal(err)
	}
	ask(w, theCache, (*queries).GetUser, 21)
	if len(w.faults) != 2 || !strings.Contains(w.faults[1], "GetUser(21) is different") {
		t.Fatalf("faults %q, want a second one about a difference", w.faults)
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
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"an unknown flag", []string{"-row", "5"}, 2, "not defined: -row"},
		{"too few rows", []string{"-rows", "10"}, 1, "not enough"},
		{"a file that exists", []string{"-db", taken}, 1, "exists already"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(tc.args, &stdout, &stderr); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if !strings.Contains(stderr.String(), tc.want) {
				t.Errorf("stderr %q, want it to say %q", stderr.String(), tc.want)
			}
		})
	}
	if content, err := os.ReadFile(taken); err != nil || string(content) != "somebody's" {
		t.Errorf("the file that existed holds %q (error: %v)", content, err)
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
