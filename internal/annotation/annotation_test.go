package annotation

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var parameters = func(name string) (int, byte, bool) {
	n, ok := map[string]int{"account_id": 1, "lang": 2, "3": 3}[name]
	if name == "account_id" {
		return n, 'd', ok
	}
	return n, 'v', ok
}

func TestOf(t *testing.T) {
	t.Parallel()
	const line = "moneyclip: cache key=k-{account_id}"
	want := &Annotation{Key: "k-{account_id}"}
	for query, want := range map[string]*Annotation{
		"SELECT 1":                              nil,
		"SELECT 1 -- " + line:                   want,
		"  -- " + line + "\nSELECT 1":           want,
		"--" + line + "\r\nSELECT 1":            want,
		"SELECT 1 # " + line + "\n + 1":         want,
		"SELECT a #> '{b}' -- " + line:          want,
		"SELECT /* " + line + " */ 1":           want,
		"SELECT /*+ " + line + " */ 1":          want,
		"/*\n " + line + "\n and more */":       want,
		"SELECT $$it's$$ -- " + line:            want,
		"SELECT $1, $2 -- " + line:              want,
		"SELECT '--', \"/*\", `#` -- " + line:   want,
		"SELECT 'it''s' -- " + line:             want,
		"SELECT ' -- " + line + "'":             nil,
		"SELECT $x$ -- " + line + "$x$":         nil,
		"SELECT \"/* " + line + " */\"":         nil,
		"SELECT 'it\\' -- " + line + "'":        nil, // on one database a literal, on another not
		"SELECT 1 -- see " + line:               nil,
		"SELECT 1 -- not " + start:              nil,
		"-- moneyclip: ignore  it's a counter ": {Ignore: "it's a counter"},
		`/* moneyclip: cache  name=N key="a b {lang:%s}" ttl=5m	soft=90s notfound=1h30m refresh */ SELECT 1`: {
			Name: "N", Key: "a b {lang:%s}", TTL: 5 * time.Minute, Soft: 90 * time.Second, NotFound: 90 * time.Minute, Refresh: true,
		},
	} {
		got, err := Of(query)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Annotation{})); diff != "" || err != nil {
			t.Errorf("%q: %v (- want, + got):\n%s", query, err, diff)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"-- moneyclip: cash key=k":                               `line 1, column 15: expected "cache" or "ignore"`,
		"-- moneyclip:":                                          `line 1, column 14: expected "cache" or "ignore"`,
		"SELECT 1\n  -- moneyclip: ignore ":                      "line 2, column 23: expected the reason why the write does not matter",
		"-- moneyclip: cache":                                    "line 1, column 20: expected key=...",
		"-- moneyclip: cache ttl=5m":                             "line 1, column 27: expected key=...",
		"-- moneyclip: cache key=":                               "line 1, column 25: expected a value for key",
		"-- moneyclip: cache key=a key=b":                        "line 1, column 27: expected no second key",
		"-- moneyclip: cache key=a ttl=5":                        "line 1, column 31: expected a duration such as 90s, 5m or 1h30m",
		"-- moneyclip: cache key=a ttl=-5m":                      "line 1, column 31: expected a duration such as 90s, 5m or 1h30m",
		"-- moneyclip: cache key=a life=5m":                      "line 1, column 27: expected " + options,
		"-- moneyclip: cache key=a fresh":                        "line 1, column 27: expected " + options,
		"-- moneyclip: cache key=a refresh=yes":                  "line 1, column 27: expected " + options,
		`-- moneyclip: cache key="a`:                             `line 1, column 27: expected a closing "`,
		`-- moneyclip: cache key="a"b`:                           "line 1, column 28: expected a blank",
		"-- moneyclip: cache key=a%d{1}":                         `line 1, column 26: expected no "%" outside of {parameter}`,
		"-- moneyclip: cache key={":                              `line 1, column 26: expected "}"`,
		"-- moneyclip: cache key=a}":                             `line 1, column 26: expected "{" before "}"`,
		"-- moneyclip: cache key={}":                             "line 1, column 26: expected the name of a parameter",
		"-- moneyclip: cache key={id:%x}":                        "line 1, column 29: expected %d, %s or %v",
		"-- é\n/* moneyclip: cache key=é{} */":                   "line 2, column 27: expected the name of a parameter",
		"-- moneyclip: cache key=a\n-- moneyclip: cache key=b\n": "line 2, column 4: expected no second annotation",
	} {
		got, err := Of(query)
		if got != nil || err == nil || err.Error() != want {
			t.Errorf("%q: got %v, %v, want %s", query, got, err, want)
		}
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]struct {
		key  string
		args []int
	}{
		"account::{account_id}":      {"account::%d", []int{1}},
		"100-{lang}-{account_id:%s}": {"100-%v-%s", []int{2, 1}},
		"{3:%v}":                     {"%v", []int{3}},
		"constant":                   {"constant", nil},
	} {
		a, err := Parse(start + " cache key=" + key)
		if err != nil {
			t.Fatal(err)
		}
		got, args, err := a.Template(parameters)
		if err != nil || got != want.key || !cmp.Equal(args, want.args) {
			t.Errorf("%q: got %q, %v, %v, want %q, %v", key, got, args, err, want.key, want.args)
		}
	}
	a, _ := Parse(start + " cache key=a-{nobody}")
	if _, _, err := a.Template(parameters); err == nil || err.Error() != "column 25: expected the name of a parameter of the query" {
		t.Errorf("got %v, want that there is no such parameter", err)
	}
}

func FuzzOf(f *testing.F) {
	f.Add("SELECT 'it''s', $a$x$a$ /* moneyclip: cache key=\"k {id:%d}\" ttl=5m refresh */ -- moneyclip: ignore x")
	f.Add("# moneyclip: ignore why")
	f.Fuzz(func(t *testing.T, query string) {
		a, err := Of(query)
		if a == nil {
			if err != nil && (!strings.HasPrefix(err.Error(), "line ") || !strings.Contains(err.Error(), "expected")) {
				t.Errorf("%q: %v", query, err)
			}
			return
		}
		if err != nil || (a.Key == "") == (a.Ignore == "") {
			t.Errorf("%q: got %+v, %v", query, a, err)
		}
		if _, _, err := a.Template(anyParameter); err != nil {
			t.Errorf("%q: the key %q was taken, and is none: %v", query, a.Key, err)
		}
	})
}
