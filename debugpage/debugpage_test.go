package debugpage_test

import (
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/debugpage"
	"github.com/moneyclip/moneyclip/sqlite"
)

// hostile is a text that would be markup if it were not escaped.
const hostile = `</script><script>alert(1)</script><b onclick='x'>`

// open makes a cache over a database of users, with some traffic.
func open(t *testing.T) *moneyclip.Cache {
	t.Helper()
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{{Name: "user", Key: "user::<id>-%d", Table: "users", By: []string{"id"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	dsn := "file:" + filepath.Join(t.TempDir(), "test.db")
	connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	run := func(query string, args ...any) {
		t.Helper()
		rows, err := db.Query(query, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	run("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT)")
	run("INSERT INTO users VALUES (1, 'secret@example.com', 'Ann')")
	for range 4 {
		run("SELECT name FROM users WHERE id = ?", 1)
	}
	for range 40 {
		run("SELECT name FROM users WHERE email = ? AND name <> '"+strings.ReplaceAll(hostile, "'", "''")+"'", "secret@example.com")
	}
	run("UPDATE users SET name = '" + strings.ReplaceAll(hostile, "'", "''") + "' WHERE id = random()")
	return cache
}

// get asks a page as a browser on this machine does, but for what change does to the request.
func get(h http.Handler, target string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:4321", "localhost:8080"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestGuard(t *testing.T) {
	t.Parallel()
	cache := open(t)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
	from := func(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr } }
	method := func(method string) func(*http.Request) { return func(r *http.Request) { r.Method = method } }
	for _, c := range []struct {
		name             string
		target           string
		change           func(*http.Request)
		guarded, without int
	}{
		{"local", "/debug/", nil, 200, 200},
		{"IPv6", "/debug/", from("[::1]:4321"), 200, 200},
		{"IPv4 in IPv6", "/debug/", from("[::ffff:127.0.0.1]:4321"), 200, 200},
		{"elsewhere", "/debug/", from("192.0.2.1:4321"), 403, 200},
		{"a socket", "/debug/", from("@"), 403, 200},
		{"no address", "/debug/", from(""), 403, 200},
		{"another name", "/debug/", host("rebound.example:8080"), 403, 200},
		{"a name that begins alike", "/debug/", host("localhost.example"), 403, 200},
		{"no name", "/debug/", host(""), 403, 200},
		{"name without port", "/debug/", host("LOCALHOST"), 200, 200},
		{"address", "/debug/", host("127.0.0.1:80"), 200, 200},
		{"address 6", "/debug/", host("[::1]:80"), 200, 200},
		{"address 6 without port", "/debug/", host("[::1]"), 200, 200},
		{"address of a network", "/debug/", host("10.0.0.1"), 403, 200},
		{"a proxy", "/debug/", header("X-Forwarded-For", "192.0.2.1"), 403, 200},
		{"a proxy of today", "/debug/", header("Forwarded", "for=192.0.2.1"), 403, 200},
		{"POST", "/debug/", method("POST"), 405, 405},
		{"HEAD", "/debug/", method("HEAD"), 405, 405},
		{"linked from another site", "/debug/", header("Sec-Fetch-Site", "cross-site"), 200, 200},
		{"asked by another site", "/debug/?explain=SELECT+1", header("Sec-Fetch-Site", "cross-site"), 403, 403},
		{"asked by a neighbour", "/debug/?json", header("Sec-Fetch-Site", "same-site"), 403, 403},
		{"asked by itself", "/debug/?json", header("Sec-Fetch-Site", "same-origin"), 200, 200},
		{"too long", "/debug/?explain=" + strings.Repeat("x", 70<<10), nil, 413, 413},
	} {
		page := debugpage.Handler(cache)
		if w := get(page, c.target, c.change); w.Code != c.guarded {
			t.Errorf("%s: got %d %s, want %d", c.name, w.Code, w.Body, c.guarded)
		} else if w.Code == 403 && strings.Contains(w.Body.String(), "users") {
			t.Errorf("%s: got %s", c.name, w.Body)
		}
		if w := get(page.Unguarded(), c.target, c.change); w.Code != c.without {
			t.Errorf("%s, without the guard: got %d, want %d", c.name, w.Code, c.without)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	w := get(debugpage.Handler(open(t)), "/debug/", nil)
	body := w.Body.String()
	if n := strings.Count(body, "<script"); n != 2 || strings.Contains(body, "<b onclick") {
		t.Errorf("got %d scripts in\n%s\nwant 2, and no markup out of a statement", n, body)
	}
	if strings.Contains(body, "secret@example.com") || strings.Contains(body, "Ann") {
		t.Error("the page has a value or an argument")
	}
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "connect-src 'self'"} {
		if !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
			t.Errorf("got the policy %s, want %s", w.Header().Get("Content-Security-Policy"), want)
		}
	}
	for _, tag := range []string{"style", "script"} {
		_, text, _ := strings.Cut(body, "<"+tag+">")
		text, _, _ = strings.Cut(text, "</"+tag+">")
		sum := sha256.Sum256([]byte(text))
		if want := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
			t.Errorf("the policy lacks the hash of the page's %s", tag)
		}
	}
	if w.Header().Get("Set-Cookie") != "" || w.Header().Get("Cache-Control") != "no-store" || strings.Contains(body, `src="`) {
		t.Errorf("got %v, want no cookies, nothing stored, nothing from elsewhere", w.Header())
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	cache := open(t)
	page := debugpage.Handler(cache)
	var got struct {
		Missing, Unhealthy string
		Rules              []struct {
			Name, Key              string
			Hits, Misses, RuleWide uint64
			DatabaseTime           int64
		}
		Wide      []moneyclip.WideWrite
		Unmatched []struct {
			Statement, Why, Suggested string
			Times                     uint64
		}
		Samples []struct {
			At    int64
			Rules [][5]uint64
		}
	}
	read := func(text string) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
	}
	w := get(page, "/debug/?json", nil)
	read(w.Body.String())
	if got.Missing != "" || got.Unhealthy != "" || len(got.Rules) != 1 || len(got.Samples) != 0 {
		t.Fatalf("got %+v", got)
	}
	if r := got.Rules[0]; r.Name != "user" || r.Key != "user::<id>-%d" || r.Hits != 3 || r.Misses != 1 || r.RuleWide == 0 || r.DatabaseTime == 0 {
		t.Errorf("got %+v, want 3 hits and a miss", r)
	}
	if len(got.Wide) == 0 || got.Wide[0].Rule != "user" || !strings.Contains(got.Wide[0].Statement, hostile[:8]) || got.Wide[0].Why == "" {
		t.Errorf("got %+v, want the UPDATE", got.Wide)
	}
	if len(got.Unmatched) != 1 || got.Unmatched[0].Times < 16 || got.Unmatched[0].Times > 48 || got.Unmatched[0].Suggested != `moneyclip.Rule{Key: "users::email-%v", Table: "users", By: []string{"email"}}` {
		t.Errorf("got %+v, want the SELECT by email with the rule for it", got.Unmatched)
	}
	if strings.Contains(w.Body.String(), "<") || strings.Contains(w.Body.String(), "secret@") {
		t.Errorf("got %s, want no markup, and no arguments", w.Body)
	}

	// The page that is loaded has the samples too.
	load := func() {
		t.Helper()
		body := get(page, "/debug/", nil).Body.String()
		_, body, _ = strings.Cut(body, `<script id="state" type="application/json">`)
		body, _, _ = strings.Cut(body, "</script>")
		read(body)
	}
	load()
	if len(got.Samples) != 1 || got.Samples[0].Rules[0][0] != 3 || got.Samples[0].Rules[0][1] != 1 {
		t.Errorf("got the samples %+v, want one", got.Samples)
	}

	// A rule that comes to be known later is shown, and all samples are of the same rules.
	if _, err := cache.Explain("SELECT email FROM users WHERE name = ? -- moneyclip: cache key=named::{name}"); err != nil {
		t.Fatal(err)
	}
	load()
	if len(got.Rules) != 2 || got.Rules[1].Key != "named::%v" || len(got.Samples) != 1 || len(got.Samples[0].Rules) != 2 {
		t.Errorf("got %+v, %+v, want the new rule and samples of both", got.Rules, got.Samples)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	page := debugpage.Handler(open(t))
	for query, want := range map[string]string{
		"SELECT name FROM users WHERE id = ?":      "cached by rule user",
		"UPDATE users SET name = 'x' WHERE id = 7": "key  user::<id>-7",
		" ":     "no statement",
		hostile: hostile,
	} {
		w := get(page, "/debug/?explain="+url.QueryEscape(query), nil)
		if !strings.Contains(w.Body.String(), want) || w.Header().Get("Content-Type") != "text/plain; charset=utf-8" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %v\n%s\nwant %s", query, w.Header(), w.Body, want)
		}
	}
}

// The cache behind a driver's name is there once the name was opened.
func TestDefault(t *testing.T) {
	t.Parallel()
	page := debugpage.Default("moneyclip+sqlite3")
	for _, target := range []string{"/?json", "/?explain=SELECT+1", "/"} {
		if w := get(page, target, nil); w.Code != 200 || !strings.Contains(w.Body.String(), "No database was opened under the name") {
			t.Errorf("%s: got %d\n%s", target, w.Code, w.Body)
		}
	}
	db, err := sql.Open("moneyclip+sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if w := get(page, "/", nil); strings.Contains(w.Body.String(), "No database") || !strings.Contains(w.Body.String(), "sqlite3</small>") {
		t.Errorf("got\n%s", w.Body)
	}
}

// It is safe for concurrent use, and what one answer holds is not changed by the next.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(debugpage.Handler(open(t)))
	defer server.Close()
	done := make(chan error)
	for i := range 8 {
		go func() {
			var err error
			for range 20 {
				var resp *http.Response
				if resp, err = http.Get(server.URL + []string{"/", "/?json"}[i%2]); err != nil {
					break
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func ExampleDefault() {
	mux := http.NewServeMux()
	mux.Handle("/debug/moneyclip/", debugpage.Default("moneyclip+postgres"))
	go http.ListenAndServe("localhost:6060", mux)
}
