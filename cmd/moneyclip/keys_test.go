package main

import (
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
)

// A shop is a Redis with what a program has cached of a database.
type shop struct {
	url, path string
	store     *redisstore.Store
	db        *sql.DB
	redis     *servers.RedisServer
}

// openShop starts a Redis, and opens the example's database through a cache on it. In it are users 1 to n.
func openShop(t *testing.T, n int) *shop {
	t.Helper()
	s := &shop{redis: servers.Redis(t), path: story(t)}
	s.url = "redis://" + s.redis.Addr + "/0"
	for i := range n {
		execute(t, s.path, fmt.Sprintf("INSERT INTO users (id, name, domain) VALUES (%d, 'user %d', 'example.org')", i+1, i+1))
	}
	store, err := redisstore.Open(s.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Client().Close() })
	store.ReadTimeout, store.WriteTimeout, store.Grace = 10*time.Second, 10*time.Second, 0
	s.store = store
	rules, err := readRules(t.Context(), "testdata/rules.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: rules, Store: store, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := sql.Open("sqlite", s.path)
	if err != nil {
		t.Fatal(err)
	}
	plain.Close()
	connector, err := cache.Driver(plain.Driver()).(driver.DriverContext).OpenConnector(s.path)
	if err != nil {
		t.Fatal(err)
	}
	s.db = sql.OpenDB(connector)
	t.Cleanup(func() { s.db.Close() })
	for i := range n {
		var name string
		if err := s.db.QueryRow("SELECT name FROM users WHERE id = ?", i+1).Scan(&name); err != nil {
			t.Fatal(err)
		}
	}
	if err := cache.Close(); err != nil { // which waits for the fills
		t.Fatal(err)
	}
	return s
}

var moving = regexp.MustCompile(`\b\d+(\.\d+)?m?s\b|\b\d+m\d+s\b|[0-9a-f]{16}-[0-9a-f]{16}`)

// still is an output without what is different each time.
func still(s string) string { return moving.ReplaceAllString(s, "…") }

func TestKeysGetPurge(t *testing.T) {
	t.Parallel()
	s := openShop(t, 12)
	do := func(args ...string) string {
		t.Helper()
		out, errs, code := run(t, append(args, "--redis", s.url)...)
		if code == 2 {
			t.Fatal(errs)
		}
		return still(out)
	}
	found, err := (&shelf{namespace: "moneyclip"}).find(t.Context(), s.store, "user::id-2")
	if err != nil || len(found) != 1 {
		t.Fatalf("got %d entries, %v", len(found), err)
	}
	writer := &moneyclip.Marks{Writer: moneyclip.Token{1}, Keys: []string{found[0].Key}}
	if _, err := s.store.Quarantine(t.Context(), writer, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"get", "purge"} {
		if out, errs, code := run(t, command, "", "--redis", s.url); code != 2 || out != "" || !strings.Contains(errs, "the key is empty") {
			t.Errorf("%s of no key: got %d, %s%s, want an error, and nothing dropped", command, code, out, errs)
		}
	}
	if out := do("keys", "--json", "--pattern", "none") + do("get", "none", "--json"); strings.Contains(out, "null") {
		t.Errorf("got %s, want empty lists", out)
	}
	golden(t, "keys.golden", do("keys", "--pattern", "user::id-?")+do("keys", "--rule", "none"))
	golden(t, "get.golden", do("get", "user::id-1")+do("get", "user::id-1", "--rules", "testdata/rules.json")+do("get", "user::id-2")+do("get", "user::id-99"))
	if out := do("get", found[0].Key); !strings.Contains(out, "quarantined") {
		t.Errorf("by the stored key: got %s", out)
	}
	var g got
	if err := json.Unmarshal([]byte(do("get", "user::id-1", "--json")), &g); err != nil || len(g.Entries) != 1 || !g.Entries[0].Rows[0].Good ||
		g.Entries[0].Rows[0].Fields[0] != (gotOne{"name", "user 1"}) || g.Entries[0].Rows[0].Left <= 0 {
		t.Errorf("got %+v, %v", g, err)
	}
	golden(t, "purge.golden", do("purge", "user::id-1")+do("purge", "user::id-1", "--json")+do("purge", "--pattern", "user::id-1?")+do("purge", "--rule", "user")+do("purge", "--rule", "none"))
	var k keysFound
	if err := json.Unmarshal([]byte(do("keys", "--json")), &k); err != nil {
		t.Fatal(err)
	}
	states := map[string]int{}
	for _, one := range k.Keys {
		states[one.State]++
	}
	if states["good"] != 0 || states["stale"] != 7 || states["quarantined"] != 1 {
		t.Errorf("after the purge: got %v", states)
	}
}

func TestRedisFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want string
		args []string
	}{
		{"--redis", []string{"keys"}},
		{"scheme", []string{"keys", "--redis", "http://:secret@x"}},
		{"cannot be used", []string{"get", "x", "--redis", "redis://:secret@127.0.0.1:1/0"}},
		{"--namespace", []string{"keys", "--redis", "redis://:secret@127.0.0.1:1/0", "--namespace", "a:b"}},
		{"--limit", []string{"keys", "--limit", "0", "--redis", "redis://:secret@127.0.0.1:1/0"}},
		{"Name one", []string{"purge", "--redis", "redis://:secret@127.0.0.1:1/0"}},
		{"Name one", []string{"purge", "x", "--rule", "y", "--redis", "redis://:secret@127.0.0.1:1/0"}},
	} {
		_, errs, code := run(t, test.args...)
		if code != 2 || !strings.Contains(errs, test.want) || strings.Contains(errs, "secret") {
			t.Errorf("%v: got %d, %s", test.args, code, errs)
		}
	}
}

func TestGlobs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, key string
		want         bool
	}{
		{"user::*", "user::a/b", true}, {"user::?", "user::ab", false}, {"user::[ab]", "user::b", true}, {`a\*`, "a*", true},
		{`a\*`, "ab", false}, {"b", "a:b", false}, {"[", "[", false},
	} {
		if got := globs(test.pattern, test.key); got != test.want {
			t.Errorf("%s, %s: got %v", test.pattern, test.key, got)
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]driver.Value{`\xff`: []byte{0xff}, "a": []byte("a"), "+Inf": 1 / zero, "2026-01-02T03:04:05Z": time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} {
		if got := shown(v); got != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

var zero float64
