package moneyclip_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

const (
	annotatedUser  = "SELECT name FROM users WHERE id = ? -- moneyclip: cache key=user::{id} ttl=5m"
	annotatedSpent = "-- name: Spent :one\nSELECT sum(total) FROM orders\n  -- moneyclip: cache key=spent::{user_id} notfound=1m refresh\nWHERE user_id = ?"
)

// A text that says so is cached, and kept fresh by writes that have come before it and after it.
func TestAnnotation(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{})
	exec(t, f.DB, "UPDATE users SET name = 'x' WHERE id = 1") // its plan knows of no rule
	f.warm(t, annotatedUser, 1)
	f.warm(t, annotatedUser, 2)
	f.warm(t, strings.Replace(annotatedUser, "FROM", "  FROM", 1), 1) // the same rule
	exec(t, f.DB, "UPDATE users SET name = 'y' WHERE id = 1")
	if row, asked := f.read(t, annotatedUser, 1); !asked || !strings.Contains(row, "y") {
		t.Errorf("got %s, want what was written", row)
	}
	f.wantHit(t, annotatedUser, 2)

	f.warm(t, annotatedSpent, 1)
	// What a writer loads again, in the background, is not to be taken for the reader's own query.
	filled := func(n uint64) {
		t.Helper()
		for range 5000 {
			if f.cache.Stats().Rules["Spent"].Fills >= n {
				f.sent()
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Fatalf("got %+v, want %d fills", f.cache.Stats().Rules["Spent"], n)
	}
	exec(t, f.DB, "INSERT INTO orders (user_id, total) VALUES (2, 5)")
	filled(2)
	f.wantHit(t, annotatedSpent, 1)
	exec(t, f.DB, "DELETE FROM orders WHERE id = 1")
	filled(3)
	if row, _ := f.read(t, annotatedSpent, 1); !strings.Contains(row, "20") {
		t.Errorf("got %s, want the sum without the order that was deleted", row)
	}
	exec(t, f.DB, "ALTER TABLE orders ADD COLUMN note TEXT") // the rules are bound anew
	f.warm(t, annotatedSpent, 1)
	exec(t, f.DB, "UPDATE orders SET total = 21 WHERE id = 2")
	if row, _ := f.read(t, annotatedSpent, 1); !strings.Contains(row, "21") {
		t.Errorf("got %s, want what was written after the schema had changed", row)
	}
	stats := f.cache.Stats()
	if len(stats.Rules) != 2 || stats.Rules["user::%v"].Hits == 0 || stats.Rules["Spent"].Refreshes == 0 {
		t.Errorf("got %+v, want two rules", stats.Rules)
	}
	if rules := f.cache.Rules(); len(rules) != 2 || rules[0].Key != "user::%v" || rules[0].TTL != 5*time.Minute || rules[1].Query != "Spent" {
		t.Errorf("got %#v, want the rules in the order in which they were seen", rules)
	}
	x, err := f.cache.Explain(annotatedUser, 1)
	if err != nil || !x.Cached || x.Key != "user::1" {
		t.Errorf("got %s, %v", x, err)
	}
}

// A write that has begun before a text was first seen drops what is stored for it meanwhile.
func TestAnnotationSeenDuringAWrite(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{})
	var once sync.Once
	const update = "UPDATE users SET name = 'new' WHERE id = 1"
	f.wire.whenDone(func(text string) {
		if text == update {
			once.Do(func() { f.warm(t, annotatedUser, 2); readRow(t, f.DB, annotatedUser, 1) })
		}
	})
	exec(t, f.DB, update)
	if row, _ := f.read(t, annotatedUser, 1); !strings.Contains(row, "new") {
		t.Errorf("got %s, want what was written", row)
	}
}

// What is declared has the word, and what is wrong is said once, without the text.
func TestAnnotationNotHeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about, query, want string
	}{
		{"a fault", "SELECT name FROM users WHERE id = ? -- moneyclip: cache kye=user::{id}", "line 1, column 57: expected key=..."},
		{"no such parameter", "SELECT name FROM users WHERE id = ? -- moneyclip: cache key=user::{name}", "line 1, column 68: expected the name of a parameter of the query"},
		{"no such number", "SELECT name FROM users WHERE id = ? -- moneyclip: cache key=user::{2}", "line 1, column 68: expected the name of a parameter of the query"},
		{"a verb outside of braces", "SELECT name FROM users WHERE id = ? -- moneyclip: cache key=%d{1}", `line 1, column 61: expected no "%" outside of {parameter}`},
		{"soft above ttl", "SELECT name FROM users WHERE id = ?\n -- moneyclip: cache key=t{1} soft=1h ttl=1m", "line 2, column 5: Soft (1h0m0s) must be less than TTL (1m0s)"},
		{"no literal between", "SELECT name FROM users WHERE id = ? AND name = ? -- moneyclip: cache key=t{1}{2}", `line 1, column 53: key "t{1}{2}": two verbs need a literal between them`},
		{"cannot be inferred", "SELECT name FROM users WHERE id > ? -- moneyclip: cache key=user::{1}", "line 1, column 40: what touches its keys cannot be inferred"},
		{"volatile", "SELECT name FROM users WHERE id = ? AND random() IS NOT NULL -- moneyclip: cache key=user::{id}", "line 1, column 65: Query calls random()"},
		{"ignore", "SELECT name FROM users WHERE id = ? -- moneyclip: ignore secret", "line 1, column 40: only a write can be annotated with ignore"},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			f := open(t, shop, moneyclip.Config{})
			args := []any{1, "x"}[:strings.Count(c.query, "?")]
			for range 2 {
				f.wantMiss(t, c.query, args...)
			}
			log := strings.ReplaceAll(f.log.String(), `\"`, `"`)
			if strings.Count(log, c.want) != 1 || strings.Contains(log, "SELECT name") || strings.Contains(log, "secret") {
				t.Errorf("logged %s, want %q once and no text", log, c.want)
			}
			if x, err := f.cache.Explain(c.query, args...); err != nil || x.Cached || !strings.HasPrefix(x.Reason, "its annotation is not heeded: "+c.want) {
				t.Errorf("got %s, %v, want %q", x, err, c.want)
			}
			if g := openShop(t, moneyclip.Config{}); strings.Contains(c.query, "id = ? --") { // as the rule for users caches it
				if x, err := g.cache.Explain(c.query, 1); err != nil || !x.Cached || !strings.Contains(x.Reason, "; its annotation is not heeded: "+c.want) {
					t.Errorf("got %s, %v, want %q", x, err, c.want)
				}
			}
		})
	}
	declared := moneyclip.Rule{Key: "declared-%d", Query: "Spent"}
	f := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{declared}})
	f.warm(t, annotatedSpent, 1)
	if stats := f.cache.Stats(); len(stats.Rules) != 1 || stats.Hits == 0 {
		t.Errorf("got %+v, want the declared rule alone", stats.Rules)
	}
	g := open(t, shop, moneyclip.Config{})
	g.warm(t, annotatedUser, 1)
	other := "SELECT email FROM users WHERE id = ? -- moneyclip: cache key=user::{id}"
	for range 2 {
		g.wantMiss(t, other, 1)
	}
	if x, err := g.cache.Explain(other, 1); err != nil || !strings.Contains(g.log.String(), "give one of them a name=") || !strings.Contains(x.Reason, `the Key "user::{id}", which is the name of a rule without one, is`) {
		t.Errorf("logged %s, got %s, %v, want that the name is taken", g.log, x, err)
	}
	g.warm(t, other+" name=email", 1)
}

// A write that is said not to matter touches nothing; one that is said to be cached is a mistake.
func TestAnnotationIgnore(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{})
	const quiet = "UPDATE users SET email = 'quiet' WHERE id = 1 -- moneyclip: ignore nobody reads it"
	f.warm(t, selectUser, 1)
	exec(t, f.DB, quiet)
	f.wantHit(t, selectUser, 1)
	x, err := f.cache.Explain(quiet)
	if err != nil || !strings.Contains(x.String(), "user: none\n    why  the program says that it does not matter: nobody reads it") {
		t.Errorf("got %s, %v", x, err)
	}
	exec(t, f.DB, "UPDATE users SET email = 'loud' WHERE id = 1 -- moneyclip: ignore")
	f.wantMiss(t, selectUser, 1)
	const loud = "UPDATE users SET email = 'loud' WHERE id = 1 -- moneyclip: cache key={id}"
	exec(t, f.DB, loud)
	f.wantMiss(t, selectUser, 1)
	if x, err := f.cache.Explain(loud); err != nil || len(x.Effects) == 0 || !strings.HasSuffix(x.String(), "\n  its annotation is not heeded: "+
		"line 1, column 49: only a SELECT can be annotated with cache") {
		t.Errorf("got %s, %v, want what it drops, and the mistake", x, err)
	}
	log := f.log.String()
	if !strings.Contains(log, "expected the reason") || !strings.Contains(log, "only a SELECT can be annotated with cache") {
		t.Errorf("logged %s, want both mistakes", log)
	}
}

// Texts without end make no rules without end.
func TestAnnotationsWithoutEnd(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{})
	for i := range 1100 {
		name := strings.Repeat("x", i+1)
		readRow(t, f.DB, "SELECT name FROM users WHERE id = ? /* moneyclip: cache key="+name+"{id} */ AND id < "+strings.Repeat("9", 1+i%15)+" + "+strings.Repeat("1", 1+i/100), 1)
	}
	if n := len(f.cache.Stats().Rules); n > 1000 {
		t.Errorf("got %d rules, want at most 1,000", n)
	}
}
