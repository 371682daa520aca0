// Package debugpage is a page for developers that shows what a cache does: how often each rule hits, what the misses cost, which
// writes drop whole rules, which SELECTs want a rule and which one, and what becomes of any statement.
//
//	http.Handle("/debug/moneyclip/", debugpage.Default("moneyclip+postgres"))
//
// It runs no statement, and shows no key and no row. But it shows the texts of statements, and what is written into those may be a
// value. So it answers this machine only, unless it is [Page.Unguarded].
package debugpage

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A Page is an [http.Handler]. It is one URL, wherever it is mounted, and answers nothing but GET. It is safe for concurrent use.
type Page struct {
	name string
	find func() *moneyclip.Cache // nil: there is none yet

	mu       sync.Mutex // protects what follows
	samples  []sample   // oldest first
	activity moneyclip.Activity
	asked    time.Time // when activity was
}

// A sample is what the counts were at some time.
type sample struct {
	At    int64       // milliseconds, Unix time
	Rules [][5]uint64 // of each rule: hits, misses, bypasses, refreshes, nanoseconds that the database took for misses
}

const (
	maxSamples   = 300
	sampleEvery  = 500 * time.Millisecond
	askEvery     = 5 * time.Second // it is searched for rules to suggest
	maxStatement = 64 << 10        // bytes
)

// Handler returns the page of a cache. It answers a request only if it comes from this machine, and is meant for it: the address
// that it comes from is a loopback address, so is the name in its Host header, and no proxy says that it stands between. A
// proxy on this machine that says nothing and changes the Host is not to be known from a browser: do not let it reach the page.
func Handler(cache *moneyclip.Cache) *Page {
	return &Page{find: func() *moneyclip.Cache { return cache }}
}

// Default returns the page of the cache behind a driver name such as "moneyclip+postgres", as [Handler] does. As long as the
// name was not opened the page says so.
func Default(name string) *Page {
	return &Page{name: name, find: func() *moneyclip.Cache {
		cache, _ := moneyclip.Default(name)
		return cache
	}}
}

// Unguarded returns the page for whoever asks, for a program that lets nobody through but those who may read its statements:
//
//	http.Handle("/debug/moneyclip/", adminsOnly(debugpage.Default("moneyclip+postgres").Unguarded()))
//
// A statement to be explained is in the query string of its request: what logs those logs it.
func (p *Page) Unguarded() http.Handler { return http.HandlerFunc(p.serve) }

// ServeHTTP answers local requests, and refuses others.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := remote(r); why != "" {
		http.Error(w, "MoneyClip's page answers this machine only, and "+why+". See debugpage.Page.Unguarded.", http.StatusForbidden)
		return
	}
	p.serve(w, r)
}

// remote says why a request may come from elsewhere; empty: it does not.
func remote(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return "the request comes from elsewhere"
	}
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return "a proxy has sent the request"
		}
	}
	// A name that anybody may point at this machine is how a page from elsewhere would get here.
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	if addr, err := netip.ParseAddr(host); strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback() {
		return ""
	}
	return "the name in the URL may be another's: use localhost"
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string

	layout = template.Must(template.New("page").Parse(pageHTML))
	policy = "default-src 'none'; style-src " + hash(pageCSS) + "; script-src " + hash(pageJS) +
		"; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// hash is a text as a Content-Security-Policy names it.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// serve answers with the page; with ?json with what has changed since; with ?explain=SQL with what becomes of a statement.
func (p *Page) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet {
		h.Set("Allow", http.MethodGet)
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	query := r.URL.Query()
	if site := r.Header.Get("Sec-Fetch-Site"); len(query) > 0 && site != "" && site != "same-origin" && site != "none" {
		http.Error(w, "another site has sent the request", http.StatusForbidden)
		return
	}
	switch {
	case query.Has("explain"):
		p.explain(w, query.Get("explain"))
	case query.Has("json"):
		h.Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(p.state(r.Context(), false))
	default:
		var b bytes.Buffer
		err := layout.Execute(&b, map[string]any{
			"Name": p.name, "CSS": template.CSS(pageCSS), "JS": template.JS(pageJS), "State": p.state(r.Context(), true),
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h.Set("Content-Type", "text/html; charset=utf-8")
		w.Write(b.Bytes())
	}
}

func (p *Page) explain(w http.ResponseWriter, query string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	cache := p.find()
	switch {
	case cache == nil:
		io.WriteString(w, p.missing())
	case strings.TrimSpace(query) == "":
		io.WriteString(w, "There is no statement to explain.")
	case len(query) > maxStatement:
		http.Error(w, "The statement is too long.", http.StatusRequestEntityTooLarge)
	default:
		x, err := cache.Explain(query)
		if err != nil {
			io.WriteString(w, err.Error())
			return
		}
		io.WriteString(w, x.String())
	}
}

// A state is what the page shows.
type state struct {
	At        int64 // milliseconds, Unix time
	Missing   string
	Unhealthy string
	Rules     []rule
	Wide      []moneyclip.WideWrite
	Unmatched []unmatched
	Samples   []sample `json:",omitempty"`
}

type rule struct {
	Name, Key string
	moneyclip.RuleStats
}

type unmatched struct {
	Statement, Why, Suggested string
	Times                     uint64
}

func (p *Page) missing() string {
	return fmt.Sprintf("No database was opened under the name %q yet.", p.name)
}

// state returns what there is to see. All is what a page wants that has just been loaded.
func (p *Page) state(ctx context.Context, all bool) state {
	now := time.Now()
	s := state{At: now.UnixMilli(), Rules: []rule{}, Unmatched: []unmatched{}, Wide: []moneyclip.WideWrite{}}
	cache := p.find()
	if cache == nil {
		s.Missing = p.missing()
		return s
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := cache.Healthy(ctx); err != nil {
		s.Unhealthy = err.Error()
	}
	stats, one := cache.Stats(), sample{At: s.At}
	for _, r := range cache.Rules() {
		n := stats.Rules[r.Name]
		s.Rules = append(s.Rules, rule{r.Name, r.Key, n})
		one.Rules = append(one.Rules, [...]uint64{n.Hits, n.Misses, n.Bypasses, n.Refreshes, uint64(n.DatabaseTime)})
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.samples); n > 0 && len(p.samples[n-1].Rules) != len(one.Rules) {
		p.samples = nil // a rule has come to be known, and has none of these counts
	}
	if n := len(p.samples); n == 0 || one.At-p.samples[n-1].At >= sampleEvery.Milliseconds() {
		p.samples = append(p.samples[max(0, n-maxSamples+1):n:n], one)
	}
	if all {
		s.Samples = p.samples // what is appended goes elsewhere
	}
	if all || now.Sub(p.asked) >= askEvery {
		p.activity, p.asked = cache.Activity(), now
	}
	s.Wide = append(s.Wide, p.activity.Wide...)
	for _, u := range p.activity.Unmatched {
		v := unmatched{Statement: u.Statement, Times: u.Times, Why: u.Why}
		if u.Suggested != nil {
			v.Suggested = fmt.Sprintf("%#v", *u.Suggested)
		}
		s.Unmatched = append(s.Unmatched, v)
	}
	return s
}
