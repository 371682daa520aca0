package main

import (
	"encoding/json"
	"expvar"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/expvarstats"
)

const published = `{"cmdline": ["x"], "memstats": {"Rules": 1}, "moneyclip": {"StoreErrors": %d, "Rules": {
	"user": {"Hits": %d, "NotFoundHits": 0, "Misses": %d, "Bypasses": 0, "Invalidations": %d, "RuleWide": 0, "DatabaseSeconds": %v, "Mismatches": 1},
	"idle\u001b[2J": {"Hits": 3, "Misses": 1, "DatabaseSeconds": 0.5}}}}`

func parsed(t *testing.T, text string, at time.Time) *reading {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }))
	defer server.Close()
	r, err := (&gauge{}).read(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	r.at = at
	return r
}

func TestStatsReport(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	now := time.Now()
	first := parsed(t, fmt.Sprintf(published, 0, 100, 10, 5, 1.0), now)
	second := parsed(t, fmt.Sprintf(published, 2, 190, 20, 25, 1.5), now.Add(2*time.Second))
	anew := parsed(t, fmt.Sprintf(published, 0, 40, 10, 5, 0.1), now.Add(4*time.Second))
	for _, r := range []report{since(nil, first), since(first, second), since(second, anew)} {
		r.text(&b)
		b.WriteString("\n")
	}
	text, err := json.MarshalIndent(since(first, second), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "stats.golden", b.String()+string(text)+"\n")
}

func TestStatsTop(t *testing.T) {
	t.Parallel()
	o := expvarstats.New("shop")
	server := httptest.NewServer(expvar.Handler())
	defer server.Close()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				o.Observe(t.Context(), moneyclip.Event{Kind: moneyclip.EventHit, Rule: "user"})
			}
		}
	}()
	out, errs, code := run(t, "stats", server.URL, "--interval", "20ms", "--json")
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	out, errs, code = run(t, "stats", server.URL, "--interval", "50ms", "--json", "--var", "shop")
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 || len(r.Rules) != 1 || r.Rules[0].Rates.Hits <= 0 || r.Rules[0].HitRatio != 1 {
		t.Errorf("got %d, %+v, %s", code, r, errs)
	}
	if out, errs, code = run(t, "stats", server.URL+"/", "--interval", "0"); code != 0 || !strings.Contains(out, "user") || strings.Contains(out, "/s") {
		t.Errorf("without rates: got %d, %s%s", code, out, errs)
	}
	out, errs, code = run(t, "top", server.URL+"/debug/vars", "--interval", "20ms", "--count", "3")
	if code != 0 || strings.Count(out, "moneyclip  ") != 3 || strings.Count(out, "/s") < 10 || strings.Contains(out, "\x1b") {
		t.Errorf("got %d, %s%s", code, out, errs)
	}
	out, _, code = run(t, "top", server.URL, "--interval", "5ms", "--count", "2", "--json")
	for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
		if err := d.Decode(&r); err != nil || code != 0 {
			t.Error(err)
		}
	}
}

func TestNoStats(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	for path, text := range map[string]string{
		"/none": `{"memstats": {}}`, "/html": "<p>", "/two": `{"a": {"StoreErrors": 0, "Rules": {}}, "b": {"StoreErrors": 0, "Rules": {}}}`,
		"/one": `{"a": {"StoreErrors": 0, "Rules": {}}}`, "/odd": `{"a": {"StoreErrors": 0, "Rules": {"x": {"Hits": "many"}}}}`,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, test := range []struct {
		url, want string
		code      int
	}{
		{server.URL + "/none", "expvarstats", 2}, {server.URL + "/html", "no expvar", 2}, {server.URL + "/two", "--var which of a, b", 2},
		{server.URL + "/gone", "404", 2}, {server.URL + "/odd", "expvarstats", 2}, {"localhost:1", "/debug/vars", 2},
		{"http://me:secret@127.0.0.1:1", "refused", 2}, {server.URL + "/one", "no rule", 0},
	} {
		out, errs, code := run(t, "stats", test.url, "--interval", "0")
		if code != test.code || !strings.Contains(out+errs, test.want) || strings.Contains(errs, "secret") {
			t.Errorf("%s: got %d, %s%s", test.url, code, out, errs)
		}
	}
}
