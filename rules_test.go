package moneyclip_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/sqlite"
)

// Each fault of a config, in the words that a person gets to read.
func TestRuleFaults(t *testing.T) {
	t.Parallel()
	const key, query = "k-%d", "SELECT a FROM t WHERE id = ?"
	for _, test := range []struct {
		rule moneyclip.Rule
		want string
	}{
		{moneyclip.Rule{}, `rule : the key is empty`},
		{moneyclip.Rule{Key: "a b"}, `rule a b: key "a b": blanks, control characters and broken UTF-8 are not allowed`},
		{moneyclip.Rule{Key: key}, `rule k-%d: nothing to cache: set Query, or Table and By`},
		{moneyclip.Rule{Key: key, Query: " \n"}, `rule k-%d: nothing to cache: set Query, or Table and By`},
		{moneyclip.Rule{Key: key, Query: query, Table: "t"}, `rule k-%d: Query and Table exclude each other`},
		{moneyclip.Rule{Key: key, Query: query, By: []string{"id"}}, `rule k-%d: Query and Table exclude each other`},
		{moneyclip.Rule{Key: key, Table: "t"}, `rule k-%d: key "k-%d" has 1 verb, By has 0 columns: By needs one column for each verb`},
		{
			moneyclip.Rule{Key: "%d-%d", Table: "t", By: []string{"id"}},
			`rule %d-%d: key "%d-%d" has 2 verbs, By has 1 column: By needs one column for each verb`,
		},
		{moneyclip.Rule{Key: "k", Table: "t"}, `rule k: key "k" has no verb: a rule for a table needs one for each column of By`},
		{
			moneyclip.Rule{Key: key, Table: "t", By: []string{"id"}, Args: []int{1}},
			`rule k-%d: Args goes with Query; a rule for a table finds its parameters by the columns in By`,
		},
		{moneyclip.Rule{Name: "a\nb", Key: key, Query: query}, "rule a\nb: the name \"a\\nb\": control characters and broken UTF-8 are not allowed"},
		{moneyclip.Rule{Key: "%d-%d", Table: "t", By: []string{"id", "id"}}, `rule %d-%d: column "id" is in By twice`},
		{
			moneyclip.Rule{Key: key, Query: query, Args: []int{1, 2}},
			`rule k-%d: key "k-%d" has 1 verb, Args has 2 parameters: Args needs one for each verb`,
		},
		{moneyclip.Rule{Key: key, Query: query, Args: []int{0}}, `rule k-%d: Args has 0: parameters are counted from 1`},
		{moneyclip.Rule{Key: key, Query: query, On: []moneyclip.On{{}}}, `rule k-%d: On[0] has no Table`},
		{
			moneyclip.Rule{Key: key, Query: query, On: []moneyclip.On{{Table: "t"}, {Table: "u", Columns: []string{"a", "b"}}}},
			`rule k-%d: key "k-%d" has 1 verb, On[1] has 2 columns: Columns needs one for each verb, or none`,
		},
		{moneyclip.Rule{Key: key, Query: query, TTL: -1}, `rule k-%d: TTL, Soft and NotFound cannot be negative`},
		{moneyclip.Rule{Key: key, Query: query, Soft: -1}, `rule k-%d: TTL, Soft and NotFound cannot be negative`},
		{moneyclip.Rule{Key: key, Query: query, TTL: 60}, `rule k-%d: TTL is 60ns: write the unit, as in 60 * time.Second`},
		{moneyclip.Rule{Key: key, Query: query, Soft: 5}, `rule k-%d: Soft is 5ns: write the unit, as in 60 * time.Second`},
		{moneyclip.Rule{Key: key, Query: query, NotFound: 60}, `rule k-%d: NotFound is 60ns: write the unit, as in 60 * time.Second`},
		{moneyclip.Rule{Key: key, Query: query, NotFound: -1}, `rule k-%d: TTL, Soft and NotFound cannot be negative`},
		{moneyclip.Rule{Key: key, Query: query, Soft: time.Hour}, `rule k-%d: Soft (1h0m0s) must be less than TTL (10m0s)`},

		// Of the text, whatever the database.
		{moneyclip.Rule{Key: key, Query: "SELECT FROM"}, `rule k-%d: Query cannot be parsed: 1:8: near "FROM": syntax error`},
		{moneyclip.Rule{Key: key, Query: "SELECT 1; SELECT 2"}, `rule k-%d: Query has more than one statement`},
		{moneyclip.Rule{Key: key, Query: "DELETE FROM t WHERE id = ?"}, `rule k-%d: Query is not a SELECT`},
		{moneyclip.Rule{Key: key, Query: "SELECT random() FROM t WHERE id = ?"}, `rule k-%d: Query calls random(), which is volatile`},
		{moneyclip.Rule{Key: key, Query: "SELECT date('now') FROM t WHERE id = ?"}, `rule k-%d: Query calls date(), which may read the clock`},
		{moneyclip.Rule{Key: key, Query: "SELECT mine(a) FROM t WHERE id = ?"}, `rule k-%d: Query calls mine(), which is not known to be pure`},
		{
			moneyclip.Rule{Key: key, Query: "SELECT name FROM sqlite_master WHERE name = ?"},
			`rule k-%d: Query reads sqlite_master, which is SQLite's own`,
		},
		{moneyclip.Rule{Key: key, Query: "SELECT a FROM t WHERE id = 1"}, `rule k-%d: Query has 0 parameters, the key needs parameter 1`},
		{moneyclip.Rule{Key: key, Query: query, Args: []int{2}}, `rule k-%d: Query has 1 parameter, the key needs parameter 2`},
		{
			moneyclip.Rule{Key: key, Query: "SELECT a FROM t WHERE id > ?"},
			`rule k-%d: what touches its keys cannot be inferred: the query reads table "t" without comparing a column with parameter 1, ` +
				`the value of %d: add On: []On{{Table: "t", Columns: ...}} with the columns that hold the key; ` +
				`with a Path, a SELECT that leads from its Columns to the key; or without Columns if every write to "t" touches every key`,
		},
		{
			moneyclip.Rule{Key: key, Query: query, On: []moneyclip.On{{Table: "t"}, {Table: "u", Columns: []string{"a"}, Path: "SELEC 1"}}},
			`rule k-%d: the Path of On[1] cannot be parsed: 1:1: near "SELEC": syntax error`,
		},
		{
			moneyclip.Rule{Key: key, Query: "Named", On: []moneyclip.On{{Table: "u", Columns: []string{"a"}, Path: "DELETE FROM t WHERE id = ? RETURNING id"}}},
			`rule Named: the Path of On[0] is not a SELECT`,
		},
		{
			moneyclip.Rule{Key: key, Table: "t", By: []string{"id"}, On: []moneyclip.On{{Table: "u", Columns: []string{"a"}, Path: "SELECT id FROM t WHERE x = ? AND y = ?"}}},
			`rule k-%d: the Path of On[0] has 2 parameters, Columns has 1 column: it needs one for each`,
		},
	} {
		_, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{test.rule}})
		if err == nil || err.Error() != "moneyclip: "+test.want {
			t.Errorf("%+v:\n got %v\nwant moneyclip: %s", test.rule, err, test.want)
			continue
		}
		var fault *moneyclip.RuleError
		if !errors.As(err, &fault) || fault.File != "" || fault.Line != 0 || "rule "+fault.Rule+": "+fault.Err.Error() != test.want {
			t.Errorf("%+v: got the RuleError %+v", test.rule, fault)
		}
	}
}

// What the parser says of a Query, and that it has the placeholders of another database.
func TestQueryFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dialect moneyclip.Dialect
		query   string
		want    string
	}{
		{postgres.Dialect, "SELEC a FROM t WHERE id = $1", `cannot be parsed: syntax error at or near "SELEC"`},
		{postgres.Dialect, "SELECT a FROM t WHERE id = ?", `cannot be parsed: syntax error at end of input; postgres writes $1 and not ?`},
		{mysql.Dialect, "SELECT a FROM t WHERE id == ?", `cannot be parsed: line 1 column 27 near "= ?"`},
		{mysql.Dialect, "SELECT a FROM t WHERE id = $1", `has 0 parameters, the key needs parameter 1; mysql writes ? and not $1`},
	} {
		_, err := moneyclip.New(test.dialect, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "k-%d", Query: test.query}}})
		if want := "moneyclip: rule k-%d: Query " + test.want; err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", test.query, err, want)
		}
	}
}

// All faults come at once.
func TestConfigFaults(t *testing.T) {
	t.Parallel()
	rule := func(name, table string) moneyclip.Rule {
		return moneyclip.Rule{Name: name, Key: name + "-%d", Table: table, By: []string{"id"}}
	}
	_, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
		Rules: []moneyclip.Rule{
			rule("a", "t"), rule("a", "u"), rule("b", "T"), {Key: "c-%d", Query: "Q"}, {Name: "d", Key: "d-%d", Query: "Q"},
			{Name: "e", Key: "%d-%d", Table: "v", By: []string{"x", "y"}}, {Name: "f", Key: "%d:%d", Table: "V", By: []string{"Y", "X"}},
			{Key: "%x"},
		},
		Namespace: "a{b}", Scope: "a b", MaxKeys: -1, Outage: 7,
	})
	want := `
rule a: the name "a" is already in the Config
rule b: a rule for "T" by the same columns is already in the Config
rule d: the same Query is already in the Config
rule f: a rule for "V" by the same columns is already in the Config
rule %x: key "%x": "%x" is not a verb; the verbs are %d, %s and %v
Namespace "a{b}": blanks, colons, braces and control characters are not allowed
Scope "a b": blanks, colons, braces and control characters are not allowed
MaxKeys cannot be negative
unknown outage policy 7`
	want = strings.ReplaceAll(want, "\n", "\nmoneyclip: ")[1:]
	if err == nil || err.Error() != want {
		t.Fatalf("got %v\nwant %s", err, want)
	}
	_, err2 := moneyclip.New(sqlite.Dialect, moneyclip.Config{Store: struct {
		moneyclip.Store
		_ []int
	}{}})
	if err2 == nil || !strings.Contains(err2.Error(), "pass a pointer") {
		t.Errorf("a store that cannot be compared: got %v", err2)
	}
	if joined, _ := err.(interface{ Unwrap() []error }); joined == nil || len(joined.Unwrap()) != 9 {
		t.Errorf("got a %T, want an error that joins 9", err)
	}
}

// A caller may change its slices after New.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	by, on := []string{"id"}, []moneyclip.On{{Table: "users", Columns: []string{"id"}, Set: []string{"name"}}}
	f := openSocial(t, moneyclip.Rule{Name: "user", Key: "user-%d", Table: "users", By: by, On: on})
	by[0], on[0].Table, on[0].Columns[0], on[0].Set[0] = "x", "x", "x", "x"
	f.warm(t, selectUser, 1)
	exec(t, f, renameUser, "y", 1)
	f.wantMiss(t, selectUser, 1)
}

// A rule that does not fit a database is inactive there, and Explain says why. What is no other database's table but a
// fault is logged once, too.
func TestRuleInactive(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER, s TEXT, i TEXT COLLATE NOCASE);
		CREATE VIEW v AS SELECT * FROM t;
		CREATE VIRTUAL TABLE f USING fts3(a)`
	for _, test := range []struct {
		rule   moneyclip.Rule
		query  string
		want   string
		logged bool
	}{
		{
			moneyclip.Rule{Key: "k-%d", Table: "absent", By: []string{"id"}}, "SELECT * FROM absent WHERE id = ?",
			`the database has no table "absent"`, false,
		},
		{
			moneyclip.Rule{Key: "k-%d", Query: "SELECT a FROM absent WHERE id = ?"}, "SELECT a FROM absent WHERE id = ?",
			`the database has no table "absent"`, false,
		},
		{moneyclip.Rule{Key: "k-%d", Table: "t", By: []string{"x"}}, "SELECT a FROM t WHERE id = ?", `table "t" has no column "x"`, true},
		{
			moneyclip.Rule{Key: "k-%d", Table: "t", By: []string{"s"}}, "SELECT a FROM t WHERE s = ?",
			`key "k-%d": %d is for an integer, and column t.s is TEXT: write %s, or %v`, true,
		},
		{moneyclip.Rule{Key: "k-%d", Table: "v", By: []string{"id"}}, "SELECT a FROM V WHERE id = ?", `"v" is a view: name the table below it, or give the Query`, true},
		{moneyclip.Rule{Key: "k-%s", Table: "f", By: []string{"a"}}, "SELECT * FROM f WHERE a = ?", `table "f": a virtual table`, true},
		{
			moneyclip.Rule{
				Key: "k-%d", Query: "SELECT a FROM t WHERE id = ?", On: []moneyclip.On{{Table: "v", Columns: []string{"id"}}},
			}, "select a from t where id = ?",
			`the query reads table "t", which no On watches: add On{Table: "t"}, with Columns if its rows hold the key`, true,
		},
		{
			moneyclip.Rule{
				Key: "k-%v", Query: "SELECT a FROM t WHERE n = ?1",
				On: []moneyclip.On{{Table: "t", Columns: []string{"n"}}, {Table: "t", Columns: []string{"s"}}},
			}, "SELECT a FROM t WHERE n = ?1",
			`columns "n" (integer BINARY) and "s" (text BINARY) of table "t" hold the same value of the key but compare values differently`, true,
		},
	} {
		rule := test.rule
		rule.Name = "rule"
		f := open(t, schema, moneyclip.Config{Rules: []moneyclip.Rule{rule}})
		if err := f.Ping(); err != nil {
			t.Fatal(err)
		}
		err := moneyclip.Invalidate(t.Context(), f.DB, "rule")
		if !errors.Is(err, moneyclip.ErrNoRule) || !strings.HasSuffix(err.Error(), ": "+test.want) {
			t.Errorf("%+v:\n got %v\nwant %s", test.rule, err, test.want)
		}
		if logged := strings.Contains(f.log.String(), "rule is inactive"); logged != test.logged {
			t.Errorf("%+v: was logged: %t, want %t:\n%s", test.rule, logged, test.logged, f.log)
		}
		if x, err := f.cache.Explain(test.query, 1); err != nil || x.Reason != "rule rule is inactive: "+test.want {
			t.Errorf("%s: got %s, %v, want %s", test.query, x, err, test.want)
		}
	}
}

// Arguments, values and DSNs stay out of errors and logs, whatever goes wrong.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
	f := open(t, social, moneyclip.Config{
		Store: store,
		Rules: []moneyclip.Rule{userRule, {Key: "email-%s", Table: "users", By: []string{"email"}}, {Key: "f-%d", Query: "FollowersCount"}},
	})
	dsn := strings.Replace(f.dsn, "test.db", secret+".db", 1)
	db := f.through(t, f.cache, dsn)
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	ctx := t.Context()
	var said []string
	say := func(err error) {
		if err != nil {
			said = append(said, err.Error())
		}
	}
	use := func() {
		const email = "SELECT name FROM users WHERE email = ?"
		var name string
		say(db.QueryRow(email, secret).Scan(&name))
		say(db.QueryRow(email, []string{secret}).Scan(&name))
		say(db.QueryRow(email, secret, secret).Scan(&name))
		say(db.QueryRow(email, valuer{struct{ s string }{secret}}).Scan(&name))
		say(db.QueryRow(sqlcMisfit, secret).Scan(&name))
		say(db.QueryRow(selectUser, secret).Scan(&name))
		for _, write := range []string{
			"INSERT INTO users (email) VALUES (?)", "UPDATE users SET email = ? WHERE name IS NOT NULL",
			"UPDATE users SET id = ?", "DELETE FROM users WHERE email LIKE ?", "UPDATE users SET nothing = ?", "NONSENSE ?",
			"INSERT INTO users (email) VALUES (?) RETURNING id", "DELETE FROM users WHERE email = ?; SELECT 1",
		} {
			say(second(db.Exec(write, secret)))
			say(second(db.Exec(write, secret, secret)))
		}
		for _, args := range [][]any{{secret}, {secret, secret}, {[]string{secret}}, {struct{ s string }{secret}}} {
			for _, rule := range []string{"user", "email-%s", "f-%d"} {
				say(moneyclip.Invalidate(ctx, db, rule, args...))
			}
			_, err := f.cache.Explain(email, args...)
			say(err)
		}
		say(second(f.cache.Driver(&wireDriver{wire: f.wire}).Open("file:/" + secret + "/x")))
	}
	exec(t, db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE)")
	use()
	store.quarantine.Store(true)
	store.release.Store(true)
	store.get.Store(true)
	use()
	// A file that is gone when the connection is asked which file it is.
	f.wire.failWith(func(text string) error {
		if strings.Contains(text, "pragma_database_list") {
			os.Remove(path)
		}
		return nil
	})
	db.SetMaxIdleConns(0)
	use()
	if len(said) < 10 || f.log.String() == "" {
		t.Errorf("got %d errors and the log %q: too few", len(said), f.log)
	}
	for _, text := range append(said, f.log.String()) {
		if strings.Contains(text, secret) {
			t.Errorf("the secret is in: %s", text)
		}
	}
}

// Errors, as programs look at them.
func TestRuleErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	for _, test := range []struct {
		err  moneyclip.RuleError
		want string
	}{
		{moneyclip.RuleError{Rule: "a", Err: cause}, "rule a: cause"},
		{moneyclip.RuleError{Rule: "a", File: "rules.go", Line: 12, Err: cause}, "rules.go:12: rule a: cause"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		if !errors.Is(fmt.Errorf("wrapped: %w", &test.err), cause) {
			t.Error("the cause is not to be found")
		}
	}
}

// Disabled or closed, a cache is of no harm.
func TestCacheClosed(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	f.warm(t, selectUser, 1)
	if err := f.cache.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, f, renameUser, "x", 1)
	for range 2 {
		var name string
		if err := f.QueryRowContext(context.Background(), "SELECT name FROM users WHERE id = 1").Scan(&name); err != nil || name != "x" {
			t.Errorf("got %q, %v, want x", name, err)
		}
	}
	if err := f.cache.Close(); err != nil {
		t.Error(err)
	}
}

// A rule by the name of a query watches what the texts under that name read, each of them.
func TestRuleLearns(t *testing.T) {
	t.Parallel()
	const schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT, c INT); INSERT INTO t VALUES (1, 1, 1, 1)"
	const a, b = "-- name: GetT :one\nSELECT a FROM t WHERE id = ?", "-- name: GetT :one\nSELECT b FROM t WHERE id = ?"
	for name, on := range map[string][]moneyclip.On{"declared": {{Table: "t", Columns: []string{"id"}}}, "inferred": nil} {
		t.Run(name, func(t *testing.T) {
			f := open(t, schema, moneyclip.Config{Rules: []moneyclip.Rule{{Name: "rule", Key: "t-%d", Query: "GetT", On: on}}})
			f.warm(t, a, 1)
			exec(t, f, "UPDATE t SET b = 2 WHERE id = 1")
			f.wantHit(t, a, 1)
			f.warm(t, b, 1)
			for _, column := range []string{"a", "b"} {
				f.warm(t, a, 1)
				f.warm(t, b, 1)
				exec(t, f, "UPDATE t SET "+column+" = 3 WHERE id = 1")
				f.wantMiss(t, a, 1)
				f.wantMiss(t, b, 1)
			}
			f.warm(t, a, 1)
			exec(t, f, "UPDATE t SET c = 3 WHERE id = 1")
			f.wantHit(t, a, 1)
		})
	}
}

// A text under the name of a rule's query that does not fit the rule is not cached, and leaves the rule as it was.
func TestRuleLearnsNothing(t *testing.T) {
	t.Parallel()
	const schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, s TEXT); CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1, 1, '1')"
	const fits = "-- name: GetT :one\nSELECT a FROM t WHERE id = ?"
	on := []moneyclip.On{{Table: "t", Columns: []string{"id"}}}
	for name, test := range map[string]struct {
		on   []moneyclip.On
		text string
		want string
	}{
		"no parameter":                          {on, "-- name: GetT :one\nSELECT a FROM t WHERE id = 1 AND 1 IS NOT NULL", "the query has 0 parameters, the key needs parameter 1"},
		"another table":                         {on, "-- name: GetT :one\nSELECT t.a FROM t, u WHERE t.id = ?", "which no On watches"},
		"a column that compares otherwise":      {on, "-- name: GetT :one\nSELECT a FROM t WHERE s = ?", "compare values differently"},
		"inferred, one that compares otherwise": {nil, "-- name: GetT :one\nSELECT a FROM t WHERE s = ?", "compare values differently"},
		"inferred, nothing":                     {nil, "-- name: GetT :one\nSELECT a FROM t WHERE id > ?", "cannot be inferred"},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, schema, moneyclip.Config{Rules: []moneyclip.Rule{{Name: "rule", Key: "t-%v", Query: "GetT", On: test.on}}})
			f.warm(t, fits, 1)
			var args []any
			if strings.Contains(test.text, "?") {
				args = []any{"1"}
			}
			f.wantMiss(t, test.text, args...)
			f.wantMiss(t, test.text, args...)
			if !strings.Contains(f.log.String(), test.want) {
				t.Errorf("logged %s\nwant %s", f.log, test.want)
			}
			f.wantHit(t, fits, 1)
			exec(t, f, "UPDATE t SET s = 'x' WHERE id = 1")
			f.wantHit(t, fits, 1)
			exec(t, f, "UPDATE t SET a = 2 WHERE id = 1")
			f.wantMiss(t, fits, 1)
		})
	}
}

// One of a list does not say which key a row has.
func TestRuleOfAList(t *testing.T) {
	t.Parallel()
	_, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "k-%d", Query: "SELECT count(*) FROM t WHERE k IN (?, 7)"}}})
	if err == nil || !strings.Contains(err.Error(), "cannot be inferred") {
		t.Errorf("got %v, want that it cannot be inferred", err)
	}
}

// The caller gets the rules with their defaults, and may do with them what it likes.
func TestRulesOfCache(t *testing.T) {
	t.Parallel()
	cache := newCache(t, moneyclip.Config{Rules: []moneyclip.Rule{
		{Key: "n-%d", Query: "Q", On: []moneyclip.On{{Table: "t", Columns: []string{"a"}}}}, {Key: "u-%d", Table: "users", By: []string{"id"}},
	}})
	for range 2 {
		got := cache.Rules()
		if len(got) != 2 || got[0].Name != "Q" || got[0].TTL == 0 || got[0].On[0].Columns[0] != "a" || got[1].Name != "u-%d" || got[1].By[0] != "id" {
			t.Fatalf("got %#v", got)
		}
		got[0].On[0].Columns[0], got[1].By[0], got[1].Name = "x", "x", "x"
	}
}
