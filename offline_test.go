package moneyclip_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/sqlite"
)

// offline is what a cache with these rules says of a schema, whose database is not there any more.
func offline(t *testing.T, schema string, rules ...moneyclip.Rule) *moneyclip.Offline {
	t.Helper()
	f := open(t, schema, moneyclip.Config{})
	conn, err := f.bare.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	catalog, err := sqlite.Dialect.Catalog(t.Context(), dialecttest.Asker(conn))
	if err != nil {
		t.Fatal(err)
	}
	return newCache(t, moneyclip.Config{Rules: rules, Logger: new(logged).logger()}).Offline(catalog)
}

// Without a database the same is said of every statement as with it.
func TestOffline(t *testing.T) {
	t.Parallel()
	rules := []moneyclip.Rule{
		userRule,
		{Name: "sum", Key: "user::sum-%d", Query: orderSum},
		{Name: "total", Key: "total-%d", Table: "totals", By: []string{"user_id"}},
		{Key: "misfit-%d", Query: "Misfit"},
	}
	schema := shop + "; CREATE TABLE notes (text)"
	f, o := open(t, schema, moneyclip.Config{Rules: rules}), offline(t, schema, rules...)
	for _, x := range explained {
		want, err := f.cache.Explain(x.query, x.args...)
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Explain(x.query, x.args...); got.String() != want.String() {
			t.Errorf("%s: got\n%s\nwant\n%s", x.about, got, want)
		}
	}
}

func TestOfflineFaults(t *testing.T) {
	t.Parallel()
	o := offline(t, shop,
		moneyclip.Rule{Name: "refused", Key: "user::ratio-%v", Table: "users", By: []string{"nothing"}},
		moneyclip.Rule{Name: "elsewhere", Key: "elsewhere-%d", Table: "elsewhere", By: []string{"id"}},
		moneyclip.Rule{Key: "sum-%d", Query: "SumOf"},
		moneyclip.Rule{Key: "misfit-%d", Query: "Misfit"},
	)
	faults := o.Faults()
	if len(faults) != 1 || !strings.Contains(faults[0].Error(), `no column "nothing"`) {
		t.Errorf("got %v, want that there is no such column, and nothing of the table that is not there", faults)
	}
	if err := o.Learn("-- name: SumOf :one\n" + orderSum); err != nil {
		t.Error(err)
	}
	if err := o.Learn("-- name: Other :one\nSELECT 1"); err != nil {
		t.Error(err)
	}
	var fault *moneyclip.RuleError
	if err := o.Learn("-- name: Misfit :one\nSELECT count(*) FROM coupons WHERE user_id > ?"); !errors.As(err, &fault) || fault.Rule != "Misfit" {
		t.Errorf("got %v, want the fault of the rule Misfit", err)
	}
	// The rule knows by now which writes touch it.
	x := o.Explain("INSERT INTO orders (user_id, total) VALUES (2, 5)")
	if len(x.Effects) != 1 || x.Effects[0].Rule != "SumOf" || x.Effects[0].Guarantee != moneyclip.Exact {
		t.Errorf("got\n%s\nwant SumOf exact", x)
	}
}

// A write of which it is not known what it writes is told from one whose rows are not known.
func TestBlindEffects(t *testing.T) {
	t.Parallel()
	o := offline(t, shop, userRule)
	for query, blind := range map[string]bool{
		"NONSENSE":            true,
		"DROP TABLE users":    true,
		"DELETE FROM nothing": true,
		"UPDATE users SET name = 'x' WHERE id = random()":                                 false,
		"UPDATE users SET name = 'x' WHERE id = 1":                                        false,
		"DELETE FROM nowhere /* moneyclip: ignore there is no such table */ WHERE id = 1": false,
	} {
		x := o.Explain(query)
		if len(x.Effects) == 0 || x.Effects[0].Blind != blind {
			t.Errorf("%s: got %+v, want Blind %v", query, x.Effects, blind)
		}
	}
}

// The key of a rule is the one that the driver makes.
func TestKey(t *testing.T) {
	t.Parallel()
	rules := []moneyclip.Rule{
		{Key: "order::%d-of-%s", Query: "SELECT count(*) FROM orders WHERE user_id = ? AND total = ?"},
		{Key: "mail-%s", Query: "SELECT id FROM users WHERE email = ?"},
	}
	o := offline(t, shop, rules...)
	for _, tc := range []struct {
		rule   moneyclip.Rule
		args   []any
		values []moneyclip.Datum
	}{
		{rules[0], []any{7, -1}, []moneyclip.Datum{moneyclip.Int(7), moneyclip.Int(-1)}},
		{rules[1], []any{"a b%~ä"}, []moneyclip.Datum{moneyclip.Text("a b%~ä")}},
		{rules[1], []any{"17"}, []moneyclip.Datum{moneyclip.Text("17")}},
	} {
		if got, want := moneyclip.Key(tc.rule.Key, tc.values...), o.Explain(tc.rule.Query, tc.args...).Key; got != want || got == "" {
			t.Errorf("Key(%q, %v) = %q, want %q", tc.rule.Key, tc.values, got, want)
		}
	}
	for _, template := range []string{"", "a-%d", "a-%x", "a-%d-%d"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Key(%q) did not panic", template)
				}
			}()
			moneyclip.Key(template, moneyclip.Text("x"))
		}()
	}
}
