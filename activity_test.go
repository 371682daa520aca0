package moneyclip_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
)

func TestActivity(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{})
	if a := f.cache.Activity(); len(a.Wide)+len(a.Unmatched) != 0 {
		t.Errorf("got %+v before anything was done, want nothing", a)
	}
	f.SetMaxOpenConns(1) // each connection counts for itself
	const often, seldom, wide = "SELECT email FROM users WHERE email = ?", "SELECT code FROM coupons WHERE user_id > ?", "DELETE FROM users WHERE id = random()"
	for i := range 3200 {
		readRow(t, f.DB, often, "a@x")
		if i%4 == 0 {
			readRow(t, f.DB, seldom, 1)
		}
	}
	before := time.Now()
	for range 70 {
		exec(t, f.DB, wide)
	}
	a := f.cache.Activity()
	if len(a.Unmatched) != 2 || a.Unmatched[0].Statement != often || a.Unmatched[1].Statement != seldom {
		t.Fatalf("got %+v, want the two SELECTs", a.Unmatched)
	}
	// Of 16 that are sent one is counted for 16, whichever of the two it is.
	if n := a.Unmatched[0].Times + a.Unmatched[1].Times; n != 4000 {
		t.Errorf("got %d times, want 4000", n)
	}
	if r := a.Unmatched[0].Suggested; r == nil || r.Table != "users" {
		t.Errorf("got %+v suggested, want a rule for users", r)
	}
	if r := a.Unmatched[1].Suggested; r != nil || a.Unmatched[1].Why == "" {
		t.Errorf("got %+v suggested, want none, and a reason: %q", r, a.Unmatched[1].Why)
	}
	rules := map[string]int{}
	for _, w := range a.Wide {
		rules[w.Rule]++
		if w.Statement != wide || w.Why == "" || w.At.Before(before) || w.At.After(time.Now()) {
			t.Errorf("got %+v, want the statement, why and when", w)
		}
	}
	if len(a.Wide) != 64 || rules["user"] == 0 || !a.Wide[63].At.Before(a.Wide[0].At) {
		t.Errorf("got %d of rules %v, want 64, the latest first", len(a.Wide), rules)
	}
}

// A program that sends the same texts in the same order again and again sees all of them.
func TestActivityInTurns(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{})
	f.SetMaxOpenConns(1)
	texts := []string{"SELECT email FROM users WHERE email = ?", "SELECT code FROM coupons WHERE user_id > ?", "SELECT name FROM users WHERE name = ?", "SELECT id FROM users WHERE name = ?"}
	for range 400 {
		for _, text := range texts {
			if rows, err := f.Query(text, 1); err != nil {
				t.Fatal(err)
			} else {
				rows.Close()
			}
		}
	}
	if got := f.cache.Activity().Unmatched; len(got) != len(texts) {
		t.Errorf("got %+v, want all %d SELECTs", got, len(texts))
	}
}

// A rule for a table is suggested once, for the statement that was sent most often.
func TestActivitySuggestsOnce(t *testing.T) {
	t.Parallel()
	f := open(t, shop, moneyclip.Config{})
	f.SetMaxOpenConns(1)
	for i, query := range []string{"SELECT name FROM users WHERE id = ?", "SELECT email FROM users WHERE id = ?", "SELECT id FROM users WHERE email = ?"} {
		for range 16 * (4 - i) {
			readRow(t, f.DB, query, 1)
		}
	}
	got := f.cache.Activity().Unmatched
	if len(got) != 3 || got[0].Suggested == nil || got[1].Suggested != nil || got[2].Suggested == nil {
		t.Fatalf("got %+v, want a rule by id, and one by email", got)
	}
	if want := "no rule names it; the rule for users by id that is suggested above would"; got[1].Why != want {
		t.Errorf("got %q, want %q", got[1].Why, want)
	}
}

// Whatever is suggested compiles as Go, and caches the SELECT for which it is suggested.
func TestSuggested(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query, want string
		args        []any
	}{
		{"SELECT name FROM users WHERE id = ?", `moneyclip.Rule{Key: "users::id-%v", Table: "users", By: []string{"id"}}`, []any{1}},
		{"SELECT id FROM users WHERE email = ? AND name <> ?", `moneyclip.Rule{Key: "users::email-%v", Table: "users", By: []string{"email"}}`, []any{"a@x", "x"}},
		{
			"-- name: SumOf :one\nSELECT sum(total) FROM orders WHERE total < ? AND user_id = ?",
			`moneyclip.Rule{Key: "orders::SumOf::user_id-%v", Query: "SumOf", Args: []int{2}}`, []any{100, 1},
		},
		{
			"SELECT count(*)\nFROM orders WHERE user_id = ?",
			"moneyclip.Rule{Key: \"orders::user_id-%v\", Query: `SELECT count(*)\nFROM orders WHERE user_id = ?`}", []any{1},
		},
		{
			"SELECT users.name, coupons.code FROM users JOIN coupons ON coupons.user_id = users.id WHERE users.id = ?",
			`moneyclip.Rule{Key: "users::id-%v", Query: "SELECT users.name, coupons.code FROM users JOIN coupons ON coupons.user_id = users.id WHERE users.id = ?"}`, []any{1},
		},
		{
			"SELECT (SELECT count(*) FROM orders o WHERE o.user_id = u.id) FROM users u WHERE u.id = ?", // which New cannot infer
			`moneyclip.Rule{Key: "users::id-%v", Query: "SELECT (SELECT count(*) FROM orders o WHERE o.user_id = u.id) FROM users u WHERE u.id = ?", ` +
				`On: []moneyclip.On{{Table: "users", Columns: []string{"id"}}, {Table: "orders", Columns: []string{"user_id"}}}}`, []any{1},
		},
		{"SELECT count(*) FROM orders", "", nil},
		{"SELECT random() FROM users WHERE id = ?", "", []any{1}},
		{"SELECT 1", "", nil},
	} {
		f := open(t, shop, moneyclip.Config{})
		x, err := f.cache.Explain(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if x.Suggested == nil {
			if c.want != "" {
				t.Errorf("%s: nothing was suggested, want %s", c.query, c.want)
			}
			continue
		}
		if diff := cmp.Diff(c.want, fmt.Sprintf("%#v", *x.Suggested)); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", c.query, diff)
		}
		g := open(t, shop, moneyclip.Config{Rules: []moneyclip.Rule{*x.Suggested}})
		g.warm(t, c.query, c.args...)
	}
}

func TestRuleGoString(t *testing.T) {
	t.Parallel()
	got := fmt.Sprintf("%#v", moneyclip.Rule{
		Name: "n", Key: "k-%d", Query: "Q", Args: []int{2}, TTL: 90 * time.Second, Soft: time.Minute, NotFound: 1500 * time.Microsecond, Refresh: true,
		On: []moneyclip.On{{Table: "t", Columns: []string{"a"}, Set: []string{"b"}}, {Table: "u", Columns: []string{"c"}, Path: "SELECT \"x\""}},
	})
	want := `moneyclip.Rule{Name: "n", Key: "k-%d", Query: "Q", Args: []int{2}, On: []moneyclip.On{{Table: "t", Columns: []string{"a"}, ` +
		`Set: []string{"b"}}, {Table: "u", Columns: []string{"c"}, Path: "SELECT \"x\""}}, TTL: 90 * time.Second, Soft: 1 * time.Minute, ` +
		`NotFound: 1500 * time.Microsecond, Refresh: true}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprintf("%#v", moneyclip.Rule{Key: "k", Query: "a`b\nc", On: []moneyclip.On{}}); !strings.Contains(got, `"a`+"`"+`b\nc", On: []moneyclip.On{}`) {
		t.Errorf("got %s", got)
	}
}
