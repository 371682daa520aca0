package moneyclip_test

import (
	"database/sql"
	"database/sql/driver"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
)

var update = flag.Bool("update", false, "write the golden files anew")

// explained are statements with arguments, by what their explanation is about.
var explained = []struct {
	about string
	query string
	args  []any
}{
	{"a select by a rule for a table", selectUser, []any{1}},
	{"the arguments are not known yet", selectUser, nil},
	{"a constant", "SELECT name FROM users WHERE id = 7", nil},
	{"a select by a rule for a query", orderSum, []any{1}},
	{"no rule", "SELECT 1", nil},
	{"no rule for the table", "SELECT code FROM coupons WHERE id = ?", []any{1}},
	{"another column is pinned", "SELECT id FROM users WHERE email = ?", []any{"a@x"}},
	{"not by equality", "SELECT name FROM users WHERE id > ?", []any{1}},
	{"another table beside it", "SELECT name FROM users JOIN orders ON user_id = users.id WHERE users.id = ?", []any{1}},
	{"a volatile function", "SELECT random() FROM users WHERE id = ?", []any{1}},
	{"NULL", selectUser, []any{nil}},
	{"an argument of a strange type", selectUser, []any{[]int{1}}},
	{"an argument that is no integer", selectUser, []any{"x"}},
	{"too many arguments", selectUser, []any{1, 2}},
	{"the text of a name that does not fit", "-- name: Misfit :one\nSELECT count(*) FROM coupons WHERE user_id > ?", []any{1}},

	{"exact", "UPDATE users SET name = ? WHERE id = ?", []any{"x", 1}},
	{"exact, the arguments are not known yet", "UPDATE users SET name = ? WHERE id = ?", nil},
	{"exact, many keys", "DELETE FROM totals WHERE user_id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)", nil},
	{"exact after reading", "UPDATE users SET name = 'x' WHERE email = ?", []any{"a@x"}},
	{"old and new", "UPDATE orders SET user_id = ? WHERE id = ?", []any{2, 1}},
	{"cascade", "DELETE FROM users WHERE id = ?", []any{1}},
	{"trigger", "INSERT INTO orders (user_id, total) VALUES (?, ?)", []any{2, 5}},
	{"the database makes the key", "INSERT INTO users (name) VALUES ('x')", nil},
	{"replace", "REPLACE INTO users (id, email) VALUES (?, ?)", []any{9, "a@x"}},
	{"upsert", "INSERT INTO users (id, email) VALUES (?, ?) ON CONFLICT (email) DO UPDATE SET name = excluded.email", []any{9, "a@x"}},
	{"rule-wide", "UPDATE users SET name = 'x' WHERE id = random()", nil},
	{"rule-wide by its argument", "DELETE FROM totals WHERE user_id = ?", []any{[]int{1}}},
	{"none: no column that matters", "UPDATE orders SET id = 9 WHERE user_id = 1", nil},
	{"none: no rule", "INSERT INTO notes VALUES ('x')", nil},
	{"a table that is not there", "DELETE FROM nothing", nil},
	{"several statements", "DELETE FROM users; DELETE FROM orders", nil},
	{"schema", "DROP TABLE users", nil},
	{"not understood", "NONSENSE", nil},
	{"transaction control", "COMMIT", nil},
	{"session", "ATTACH 'other.db' AS other", nil},
	{"inert", "EXPLAIN SELECT 1", nil},
}

func TestExplain(t *testing.T) {
	t.Parallel()
	f := open(t, shop+"; CREATE TABLE notes (text)", moneyclip.Config{Rules: []moneyclip.Rule{
		userRule,
		{Name: "sum", Key: "user::sum-%d", Query: orderSum},
		{Name: "total", Key: "total-%d", Table: "totals", By: []string{"user_id"}},
		{Key: "misfit-%d", Query: "Misfit"},
	}})
	if err := f.Ping(); err != nil {
		t.Fatal(err)
	}
	f.sent()
	var got strings.Builder
	for _, x := range explained {
		explanation, err := f.cache.Explain(x.query, x.args...)
		if err != nil {
			t.Errorf("%s: %v", x.about, err)
		}
		got.WriteString("# " + x.about + "\n" + explanation.String() + "\n\n")
	}
	f.wantSent(t) // it asks nobody
	golden(t, "explain.txt", got.String())
}

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // it is to be read
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (- want, + got), or run with -update:\n%s", file, diff)
	}
}

// What Explain says of a SELECT is what happens.
func TestExplainIsTrue(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{})
	if err := f.Ping(); err != nil {
		t.Fatal(err)
	}
	for _, x := range explained[:12] {
		explanation, err := f.cache.Explain(x.query, x.args...)
		if err != nil {
			t.Fatal(err)
		}
		if len(x.args) == 0 && strings.Contains(x.query, "?") || strings.Contains(x.about, "strange") {
			continue
		}
		f.read(t, x.query, x.args...)
		row, asked := f.read(t, x.query, x.args...)
		if row != "no rows" && asked == explanation.Cached {
			t.Errorf("%s: got a hit: %t, but\n%s", x.about, !asked, explanation)
		}
	}
}

// Explain connects where nobody has.
func TestExplainConnects(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{})
	if explanation, err := f.cache.Explain(selectUser, 1); err != nil || explanation.Key != "user::id-1" {
		t.Errorf("got %s, %v, want the key user::id-1", explanation, err)
	}
	if _, err := newCache(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}}).Explain(selectUser, 1); err == nil {
		t.Error("got no error from a cache without a database")
	}
	gone := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
	refused := &driverError{"connection refused"}
	gone.state.failWith(refused, nil)
	_, err := gone.cache.Explain(selectUser, 1)
	errIs(t, err, refused)
}

func TestExplainDisabled(t *testing.T) {
	t.Parallel()
	f := openShop(t, moneyclip.Config{Disabled: true})
	if err := f.Ping(); err != nil {
		t.Fatal(err)
	}
	explanation, err := f.cache.Explain(selectUser, 1)
	if err != nil || explanation.Cached || explanation.Reason != "the cache is disabled" {
		t.Errorf("got %s, %v, want that it is disabled", explanation, err)
	}
}

// That a rule is inactive is said of the SELECTs that it would cache, also where the database calls its table otherwise than it does.
func TestExplainInactive(t *testing.T) {
	t.Parallel()
	catalog, err := postgres.Schema(`CREATE TABLE t (id int PRIMARY KEY, j json); CREATE VIEW v AS SELECT id FROM t;
		CREATE TABLE g (id int PRIMARY KEY); ALTER TABLE g ENABLE ROW LEVEL SECURITY`)
	if err != nil {
		t.Fatal(err)
	}
	const byJSON = "SELECT id FROM t WHERE j = $1"
	for _, test := range []struct {
		rule        moneyclip.Rule
		query, want string
	}{
		{moneyclip.Rule{Table: "absent", By: []string{"id"}}, "SELECT * FROM absent WHERE id = $1", `the database has no table "absent"`},
		{moneyclip.Rule{Table: "t", By: []string{"j"}}, byJSON, "column public.t.j cannot be part of a key"},
		{moneyclip.Rule{Query: byJSON}, byJSON, "column public.t.j cannot be part of a key"},
		{moneyclip.Rule{Table: "v", By: []string{"id"}}, "SELECT * FROM v WHERE id = $1", `"public.v" is a view`},
		{moneyclip.Rule{Table: "g", By: []string{"id"}}, "SELECT * FROM g WHERE id = $1", `table "public.g": it has row security`},
		{moneyclip.Rule{Query: "Q", On: []moneyclip.On{{Table: "absent"}}}, "-- name: Q :one\n" + byJSON, `the database has no table "absent"`},
		{moneyclip.Rule{Query: "Q"}, byJSON + " -- moneyclip: cache key=rule-{j} name=rule", "column public.t.j cannot be part of a key"},
	} {
		test.rule.Name, test.rule.Key = "rule", "rule-%v"
		if strings.Contains(test.query, "moneyclip:") {
			test.rule.Name = "other"
		}
		cache, err := moneyclip.New(postgres.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{test.rule}, Logger: new(logged).logger()})
		if err != nil {
			t.Fatal(err)
		}
		if x := cache.Offline(catalog).Explain(test.query, 1); !strings.HasPrefix(x.Reason, "rule rule is inactive: "+test.want) {
			t.Errorf("got %s\nwant %s", x, test.want)
		}
	}
}

// Of a rule whose query was not seen yet it is not said that a write does nothing to it.
func TestExplainUnseen(t *testing.T) {
	t.Parallel()
	o := offline(t, shop, userRule, moneyclip.Rule{Key: "sum-%d", Query: "Sum"}, moneyclip.Rule{Key: "misfit-%d", Query: "Misfit"},
		moneyclip.Rule{Key: "on-%d", Query: "Declared", On: []moneyclip.On{{Table: "coupons", Columns: []string{"id"}}}})
	const note = "\n  not known: what it does to %s, whose query was not seen yet: run it, or explain it, before the write"
	want := func(query, end string) {
		t.Helper()
		if got := o.Explain(query).String(); !strings.HasSuffix(got, end) {
			t.Errorf("got %s\nwant %s", got, end)
		}
	}
	const orders, users = "DELETE FROM orders", "UPDATE users SET name = 'x' WHERE id = 1"
	want(orders, orders+fmt.Sprintf(note, "Sum, Misfit"))
	want(users, "statement's values"+fmt.Sprintf(note, "Sum, Misfit"))
	want("COMMIT", "drops nothing: it touches no rule")
	want(orders+" -- moneyclip: ignore it is a test", "drops nothing: it touches no rule")
	o.Explain("-- name: Misfit :one\nSELECT count(*) FROM coupons WHERE user_id > ?")
	want(orders, fmt.Sprintf(note, "Sum"))
	o.Explain("-- name: Sum :one\n" + orderSum)
	want(users, "statement's values")
	want("DELETE FROM totals", "drops nothing: it touches no rule")
}

// What no rule can cache comes before what one rule says, and of several rules it is the one whose key the SELECT pins.
func TestExplainClosest(t *testing.T) {
	t.Parallel()
	o := offline(t, shop, userRule,
		moneyclip.Rule{Name: "byname", Key: "name-%v", Table: "users", By: []string{"name"}},
		moneyclip.Rule{Name: "both", Key: "both-%v-%v", Table: "users", By: []string{"email", "name"}},
		moneyclip.Rule{Name: "odd", Key: "odd-%v", Table: "users", By: []string{"nothing"}},
		moneyclip.Rule{Name: "gone", Key: "gone-%v", Table: "gone", By: []string{"id"}},
	)
	for query, want := range map[string]string{
		"SELECT name, random() FROM users WHERE id = 1":            "no rule can cache it: calls random(), which is volatile",
		"SELECT code, random() FROM coupons WHERE id = 1":          "no rule can cache it: calls random(), which is volatile",
		"SELECT * FROM users WHERE id = 'x'":                       "rule user does not cache it: it does not pin id by equality",
		"SELECT * FROM users, orders WHERE users.id = 1":           "rule user does not cache it: it does not read table users alone",
		"SELECT * FROM users WHERE email = 'x'":                    "rule both does not cache it: it does not pin name by equality",
		"SELECT * FROM gone WHERE id = 1 AND random() IS NOT NULL": `rule gone is inactive: the database has no table "gone"`,
		"SELECT * FROM lost WHERE id = 1":                          "no rule can cache it: reads lost, which is not a table of the main database",
		"SELECT count(*) FROM coupons":                             "no rule names it",
	} {
		if x := o.Explain(query); x.Reason != want {
			t.Errorf("%s: got %s, want %s", query, x.Reason, want)
		}
	}
}

// A slip of the pen in a rule is named where a SELECT finds no rule.
func TestExplainMisspelt(t *testing.T) {
	t.Parallel()
	o := offline(t, shop,
		moneyclip.Rule{Key: "user-%d", Table: "usres", By: []string{"id"}},
		moneyclip.Rule{Key: "sum-%d", Query: "OrderSun"},
		moneyclip.Rule{Key: "elsewhere-%d", Table: "elsewhere", By: []string{"id"}},
	)
	for query, want := range map[string]string{
		"SELECT * FROM users WHERE id = 1": `no rule names it; rule user-%d is inactive: the database has no table "usres" (did you mean "users"?)`,
		"-- name: OrderSum :one\nSELECT count(*) FROM orders": `no rule names it; rule OrderSun is for a query "OrderSun", which was not seen` +
			` (did you mean "OrderSum"?)`,
		"-- name: CountCoupons :one\nSELECT count(*) FROM coupons": "no rule names it",
	} {
		if x := o.Explain(query); x.Reason != want {
			t.Errorf("%s: got %s, want %s", query, x.Reason, want)
		}
	}
}

// Which argument keeps a SELECT from being cached is said, and not what it is.
func TestExplainUnkeyed(t *testing.T) {
	t.Parallel()
	o := offline(t, shop, userRule)
	const query = "SELECT name FROM users WHERE id = ? AND email <> ?"
	for _, test := range []struct {
		args []any
		want string
	}{
		{[]any{1}, "it has 2 parameters, and got 1 argument"},
		{[]any{nil, "x"}, "argument 1 is NULL"},
		{[]any{sql.NullInt64{}, "x"}, "argument 1 is NULL"},
		{[]any{time.Unix(1, 0), "x"}, "argument 1, a time.Time, is one whose equality is not reproduced in the key"},
		{[]any{sql.Named("a", 1), "x"}, "there is no argument for parameter 1"},
		{[]any{1, []int{1}}, "an argument is missing, or of a kind that is not known"},
	} {
		if x := o.Explain(query, test.args...); x.Cached || x.Reason != test.want {
			t.Errorf("%v: got %s, want %s", test.args, x.Reason, test.want)
		}
	}
}

// A connection that is not served at all makes a difference to the answer.
func TestExplainTainted(t *testing.T) {
	t.Parallel()
	cache := newCache(t, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "t::%d", Table: "t", By: []string{"id"}}}})
	connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector("file:tainted?mode=memory&cache=shared")
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	got, err := cache.Explain("SELECT * FROM t WHERE id = ?", 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Cached || !strings.Contains(got.Reason, "set Config.Scope") {
		t.Errorf("got cached %t, because %q", got.Cached, got.Reason)
	}
}

// To explain a text that does not fit its rule teaches the rule nothing, so that the next one that fits still does.
func TestExplainOfMisfit(t *testing.T) {
	t.Parallel()
	const schema = `
		CREATE TABLE t (k INTEGER PRIMARY KEY, a TEXT, d TEXT);
		CREATE TABLE u (s TEXT, x TEXT);
		INSERT INTO t VALUES (1, 'a', 'd');
		INSERT INTO u VALUES ('1', 'x')`
	const name = "-- name: Q :one\n"
	const write = "UPDATE t SET d = ? WHERE k = 1"
	f := open(t, schema, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "q:%d", Query: "Q"}}})
	f.warm(t, name+"SELECT a FROM t WHERE k = ?", 1)
	exec(t, f.DB, write, "e") // as planned, it touches nothing
	if _, err := f.cache.Explain(name+"SELECT t.d, u.x FROM t, u WHERE t.k = ?1 AND u.s = ?1", 1); err != nil {
		t.Fatal(err)
	}
	f.warm(t, name+"SELECT d FROM t WHERE k = ?", 1)
	exec(t, f.DB, write, "f")
	f.wantMiss(t, name+"SELECT d FROM t WHERE k = ?", 1)
}
