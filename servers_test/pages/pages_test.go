// Package pages tests the page for developers in a browser.
package pages

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/debugpage"
	"github.com/moneyclip/moneyclip/sqlite"
)

var update = flag.Bool("update", false, "take the pictures in docs anew, after a minute of traffic")

const schema = `
CREATE TABLE accounts (id INTEGER PRIMARY KEY, handle TEXT NOT NULL UNIQUE, city TEXT);
CREATE TABLE followers (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, name TEXT);
CREATE INDEX followers_by_account ON followers (account_id);
CREATE TABLE documents (id INTEGER PRIMARY KEY, book_id INTEGER NOT NULL, words INTEGER NOT NULL, slug TEXT NOT NULL UNIQUE);
CREATE INDEX documents_by_book ON documents (book_id);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO followers SELECT i, i % 40, 'f' || i FROM n;
INSERT INTO accounts SELECT id, 'h' || id, 'Bern' FROM followers WHERE id <= 200;
INSERT INTO documents SELECT id, id % 50, id % 900, 's' || id FROM followers WHERE id <= 2000;
`

var rules = []moneyclip.Rule{
	{Name: "FollowersCount", Key: "account::followers::account-id-%d", Query: "SELECT count(*) FROM followers WHERE account_id = ?"},
	{Name: "account", Key: "account::id-%d", Table: "accounts", By: []string{"id"}},
	{Name: "AccountByHandle", Key: "account::handle-%s", Query: "SELECT id, city FROM accounts WHERE handle = ?", NotFound: time.Minute},
	{Name: "document", Key: "document::id-%d", Table: "documents", By: []string{"id"}},
	{Name: "BookTotals", Key: "book::totals::%d", Query: "SELECT count(*), sum(words) FROM documents WHERE book_id = ?"},
}

// A program is a cache over a database, with its page.
type program struct {
	*sql.DB
	url string
}

func start(t *testing.T) *program {
	t.Helper()
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	dsn := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_journal=WAL&_sync=OFF&_busy_timeout=10000"
	bare, err := sql.Open("sqlite3", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if _, err := bare.Exec(schema); err != nil {
		t.Fatal(err)
	}
	connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{DB: sql.OpenDB(connector)}
	p.SetMaxOpenConns(1)
	server := httptest.NewServer(debugpage.Handler(cache))
	p.url = server.URL + "/"
	t.Cleanup(func() {
		server.Close()
		p.Close()
		cache.Close()
	})
	return p
}

// run runs a statement whatever it is.
func (p *program) run(t *testing.T, query string, args ...any) {
	t.Helper()
	var err error
	if strings.HasPrefix(query, "SELECT") {
		var rows *sql.Rows
		if rows, err = p.Query(query, args...); err == nil {
			for rows.Next() {
			}
			err = rows.Close()
		}
	} else {
		_, err = p.Exec(query, args...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const byHandle = "SELECT city FROM accounts WHERE handle = ? AND city <> ?"

// traffic is what the program does in a moment; writes are more in some moments than in others.
func (p *program) traffic(t *testing.T, writes int) {
	t.Helper()
	some := func(n int) int { return 1 + int(float64(n-1)*rand.Float64()*rand.Float64()) }
	for i := range 120 {
		p.run(t, rules[0].Query, some(40))
		p.run(t, "SELECT handle, city FROM accounts WHERE id = ?", some(200))
		p.run(t, "SELECT words, slug FROM documents WHERE id = ?", some(400))
		if i%3 == 0 {
			p.run(t, rules[2].Query, fmt.Sprint("h", some(260)))
			p.run(t, rules[4].Query, some(50))
			p.run(t, byHandle, fmt.Sprint("h", some(200)), "Rome")
		}
		if i%8 == 0 {
			p.run(t, "SELECT name FROM followers WHERE account_id = ? ORDER BY id DESC LIMIT 5", some(40))
			p.run(t, "SELECT words\nFROM documents\nWHERE slug = ?", fmt.Sprint("s", some(400)))
		}
	}
	for range writes {
		p.run(t, "INSERT INTO followers (account_id, name) VALUES (?, 'new')", some(40))
		p.run(t, "UPDATE documents SET words = words + 1 WHERE id = ?", some(400))
	}
	if writes > 20 {
		p.run(t, "UPDATE accounts SET city = 'Basel' WHERE id = abs(random()) % 200")
		p.run(t, "DELETE FROM documents WHERE id = 3000 + abs(random()) % 1000")
	}
}

// A tab is a page in a browser.
type tab struct {
	context.Context
	t *testing.T
}

// open shows the page in a browser. The test fails if the browser complains of anything.
func (p *program) open(t *testing.T) *tab {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("chromium is missing: servers_test/setup installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1240, 900))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // cleaning up asks the browser too
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{ctx, t}
	var mu sync.Mutex
	var complaints []string
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			mu.Lock()
			complaints = append(complaints, fmt.Sprint(m.Type, " ", m.Text, " ", m.URL))
			mu.Unlock()
		}
	}()
	t.Cleanup(func() { // before the browser ends
		value[int](b, "0")
		mu.Lock()
		defer mu.Unlock()
		if len(complaints) > 0 {
			t.Errorf("the browser says %q, want nothing", complaints)
		}
	})
	for _, name := range []string{"clipboard-write", "clipboard-read"} {
		_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	b.do(chromedp.Navigate(p.url), chromedp.WaitVisible("#rules tbody tr"))
	return b
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// value is what a JavaScript expression is, or the promise that it is.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// js runs JavaScript.
func (b *tab) js(code string) {
	b.t.Helper()
	value[bool](b, "(async () => { "+code+"; return true })()")
}

// until waits for a JavaScript expression to be true.
func (b *tab) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); !value[bool](b, expression); {
		if time.Now().After(end) {
			b.t.Fatalf("waited for %s", expression)
		}
		b.do(chromedp.Sleep(50 * time.Millisecond))
	}
}

// look shows the page light or dark, in a window of that size.
func (b *tab) look(scheme string, width, height int64) {
	b.t.Helper()
	_, err := chromedp.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(width, height))
	b.js("draw(); await new Promise(requestAnimationFrame)")
}

// faint lists the texts whose contrast with what is behind them is less than WCAG's AA wants.
const faint = `(() => {
	const luminance = (c) => {
		const [r, g, b] = c.map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
		return .2126 * r + .7152 * g + .0722 * b;
	};
	const parse = (text) => text.match(/[\d.]+/g).map(Number);
	const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let seen = 0;
	for (let n = walker.nextNode(); n; n = walker.nextNode()) {
		const e = n.parentElement;
		if (!n.data.trim() || !e.checkVisibility() || e.closest("script, style, noscript")) continue;
		const style = getComputedStyle(e), color = parse(e instanceof SVGElement ? style.fill : style.color);
		let behind = e, back;
		do {
			back = parse(getComputedStyle(behind).backgroundColor);
			behind = behind.parentElement;
		} while (behind && back[3] === 0);
		const [x, y] = [luminance(color.slice(0, 3)), luminance(back.slice(0, 3))].sort((a, b) => b - a);
		const contrast = (x + .05) / (y + .05);
		seen++;
		if (contrast < 4.5) found.push(n.data.trim().slice(0, 40) + ": " + contrast.toFixed(2));
	}
	return seen < 40 ? ["only " + seen + " texts"] : found;
})()`

// wide lists what makes the page scroll sideways.
const wide = `document.documentElement.scrollWidth <= innerWidth ? [] :
	[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))`

// unnamed lists what can be operated and has no name, and pictures without one.
const unnamed = `[...document.querySelectorAll("button, textarea, svg[role=img]")].filter((e) =>
	!(e.textContent.trim() && e.matches("button")) && !e.getAttribute("aria-label") && !e.labels?.length).map((e) => e.outerHTML.slice(0, 80))`

func TestPage(t *testing.T) {
	p := start(t)
	p.traffic(t, 25)
	const hostile = "<img src=x onerror=console.log(1)>"
	for range 64 {
		p.run(t, "SELECT city FROM accounts WHERE handle = '"+hostile+"'")
	}
	b := p.open(t)
	if got := value[string](b, `$("unmatched").textContent`); !strings.Contains(got, hostile) || value[bool](b, `document.querySelector("img") !== null`) {
		t.Errorf("got %s, want the markup in a statement as text", got)
	}
	if got := value[int](b, `document.querySelectorAll("#rules tbody tr").length`); got != len(rules) {
		t.Errorf("got %d rules, want %d", got, len(rules))
	}

	// What happens is seen without a reload, in numbers and plots.
	before := value[string](b, `document.querySelector("#totals dd").textContent + $("totals").children[1].textContent`)
	p.traffic(t, 25)
	b.until(fmt.Sprintf(`document.querySelector("#totals dd").textContent + $("totals").children[1].textContent !== %q`, before))
	b.until(`[...document.querySelectorAll("#plots svg .line")].every((line) => line.getTotalLength() > 1)`)
	if got := value[int](b, `[...document.querySelectorAll("td svg .line")].filter((line) => line.getTotalLength() > 1).length`); got < len(rules) {
		t.Errorf("got %d plots in the table, want one for each rule at least", got)
	}
	n := value[int](b, `samples.length`)
	b.do(chromedp.Reload(), chromedp.WaitVisible("#rules tbody tr"))
	if got := value[int](b, `samples.length`); got < n {
		t.Errorf("got %d samples after a reload, want the %d from before", got, n)
	}

	// The table is sorted as the keyboard says.
	names := `[...document.querySelectorAll("#rules tbody tr")].map((tr) => tr.firstChild.firstChild.textContent).join()`
	b.do(chromedp.Focus("#rules th button"), chromedp.KeyEvent("\r"))
	if got, want := value[string](b, names), "AccountByHandle,BookTotals,FollowersCount,account,document"; got != want {
		t.Errorf("got the order %s, want %s", got, want)
	}
	if got := value[string](b, `document.querySelector("th[aria-sort]").textContent + document.querySelector("th[aria-sort]").ariaSort`); got != "Ruleascending" {
		t.Errorf("got sorted by %s", got)
	}

	// The copy button gives the rule.
	want := `moneyclip.Rule{Key: "accounts::handle-%v", Table: "accounts", By: []string{"handle"}}`
	b.until(`document.querySelectorAll("#unmatched .offer").length > 0`)
	offer := `[...document.querySelectorAll("#unmatched li")].find((li) => li.textContent.includes("city <> ?"))`
	b.js(offer + `.querySelector(".offer button").setAttribute("id", "copy")`)
	b.do(chromedp.Click("#copy"))
	b.until(`document.querySelector("#copy").textContent === "Copied"`)
	if got := value[string](b, `navigator.clipboard.readText()`); got != want {
		t.Errorf("copied %s, want %s", got, want)
	}
	// So it does where there is no clipboard but by the old way.
	b.until(`document.querySelector("#copy").textContent === "Copy"`)
	b.js(`navigator.clipboard.writeText = () => Promise.reject(new Error("none"))`)
	b.do(chromedp.Click("#copy"))
	b.until(`document.querySelector("#copy").textContent === "Copied"`)

	// Writes that drop whole rules are listed with their text; one click explains it.
	if got := value[string](b, `$("wide").textContent`); !strings.Contains(got, "id = abs(random()) % 200") || !strings.Contains(got, "2 times") {
		t.Errorf("got the list %s", got)
	}
	b.do(chromedp.Click("#wide .ask"))
	b.until(`$("explanation").textContent.includes("rule-wide")`)
	b.js(`$("sql").value = ""`)
	b.do(chromedp.SendKeys("#sql", "SELECT city FROM accounts WHERE id = ? -- <b>"), chromedp.Click("#explain > button"))
	b.until(`$("explanation").textContent.includes("cached by rule account")`)
	if got := value[int](b, `document.querySelectorAll("#explanation *").length`); got != 0 {
		t.Errorf("got %d elements in the explanation, want text", got)
	}

	for _, width := range []int64{1240, 941, 730, 360} {
		for _, scheme := range []string{"light", "dark"} {
			b.look(scheme, width, 800)
			if got := value[[]string](b, faint); len(got) > 0 {
				t.Errorf("%s, %d px: got texts of too little contrast: %q", scheme, width, got)
			}
		}
		if got := value[[]string](b, wide); len(got) > 0 {
			t.Errorf("%d px: the page is too wide: %q", width, got)
		}
		if got := value[float64](b, `Math.min(...[...document.querySelectorAll("#rules td:first-child")].map((td) => td.clientWidth))`); got < 150 {
			t.Errorf("%d px: got %v px for the name of a rule, want more", width, got)
		}
	}
	if got := value[[]string](b, unnamed); len(got) > 0 {
		t.Errorf("got without a name: %q", got)
	}
}

// A program that is gone is said to be, and seen when it is back.
func TestGone(t *testing.T) {
	p := start(t)
	b := p.open(t)
	b.js(`window.real = fetch; window.fetch = () => Promise.reject(new Error("gone"))`)
	b.until(`$("health").textContent === "The program does not answer." && $("health").className === "bad"`)
	b.js(`window.fetch = real`)
	b.until(`$("health").textContent === "Healthy" && $("health").className === ""`)
}

// The pictures in docs are taken with -update.
func TestPictures(t *testing.T) {
	if !*update {
		t.Skip("pictures are taken with -update")
	}
	p := start(t)
	for range 300 {
		p.run(t, rules[0].Query, 1)
	}
	b := p.open(t)
	for i := range 50 {
		writes := 4 + i%5
		if i >= 20 && i < 28 {
			writes = 40
		}
		p.traffic(t, writes)
		b.do(chromedp.Sleep(time.Second))
	}
	b.do(chromedp.SetValue("#sql", "UPDATE documents SET words = 0 WHERE book_id = ?"), chromedp.Click("#explain > button"))
	b.until(`$("explanation").textContent !== ""`)
	b.js(`document.activeElement.blur()`)
	shoot := func(path, scheme string, width, height int64) {
		b.look(scheme, width, height)
		b.js(`scrollTo(0, 0)`)
		picture, err := chromedp.Run(b, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if len(picture) > 150_000 && height < 1000 {
			t.Errorf("%s has %d bytes, want less than 150 kB", path, len(picture))
		}
		if err := os.WriteFile(path, picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	docs := filepath.Join("..", "..", "docs")
	shoot(filepath.Join(docs, "debugpage-light.png"), "light", 1240, 900)
	shoot(filepath.Join(docs, "debugpage-dark.png"), "dark", 1240, 900)
	if folder := os.Getenv("MONEYCLIP_PICTURES"); folder != "" { // more to be looked at
		shoot(filepath.Join(folder, "whole.png"), "light", 1240, 1500)
		shoot(filepath.Join(folder, "tablet.png"), "light", 790, 1000)
		shoot(filepath.Join(folder, "phone.png"), "dark", 360, 3000)
	}
}
