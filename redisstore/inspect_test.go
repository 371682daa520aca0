package redisstore

import (
	"fmt"
	"testing"
	"time"
)

func TestKeyOf(t *testing.T) {
	t.Parallel()
	const key = "moneyclip:scope:user::id-7"
	_, writers := bothKeys(key)
	for name, want := range map[string]bool{
		storedKey(key): true, writers: true, boardKey("moneyclip:scope"): false, generationsKey("moneyclip", 3): false,
		"moneyclip:{x}:scope:user::id-7": false, key: false, "": false,
	} {
		if got, ok := keyOf(name); ok != want || ok && got != key {
			t.Errorf("%s: got %s, %v", name, got, ok)
		}
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"moneyclip:*": "moneyclip:{*}[:!]*", "a:b:c*": "a:{*}[:!]b:c*", "*": "", "": "", "a*:b": "", ":b": "",
	} {
		if got, err := matching(pattern); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v", pattern, got, err)
		}
	}
}

// A row is good under the mastership and the generations of now, and no others.
func TestExamine(t *testing.T) {
	t.Parallel()
	_, value := encoded(t)
	now := time.UnixMilli(1_800_000_000_000)
	fields := map[string]string{"v:field": string(value), "l:field": lease1}
	generations := map[string]string{"n:m:s:@user": nonce1, "n:m:@@": nonce2, "n:m:other:@user": nonce1, "e": "x"}
	e := examine("m:s:key", fields, nil, generations, epoch1, now)
	if e.Rule != "user" || e.Damaged || len(e.Rows) != 1 || !e.Rows[0].Good || e.Rows[0].Soft != 123*time.Millisecond || e.Rows[0].Field != "field" {
		t.Errorf("got %+v", e)
	}
	for what, e := range map[string]Entry{
		"another mastership": examine("m:s:key", fields, nil, generations, epoch1[1:]+"0", now),
		"too old":            examine("m:s:key", fields, nil, generations, epoch1, now.Add(1e9*time.Second)),
		"no generation":      examine("m:s:key", fields, nil, map[string]string{"n:m:@@": nonce2}, epoch1, now),
		"dropped with all":   examine("m:s:key", fields, nil, map[string]string{"n:m:s:@user": nonce1, "n:m:@@": nonce1}, epoch1, now),
		"another scope's":    examine("m:o:key", fields, nil, generations, epoch1, now),
	} {
		if len(e.Rows) != 1 || e.Rows[0].Good || e.Rows[0].Row == nil {
			t.Errorf("%s: got %+v", what, e)
		}
	}
	writer := "0123456789abcdef"
	set := writer + "1800000001000" + writer + "1700000000000" + "short"
	e = examine("m:s:key", fields, nil, map[string]string{"q:m:s:@user": set, "q:m:x:@user": set}, epoch1, now)
	if len(e.Writers) != 1 || e.Writers[0].Left != time.Second || e.Writers[0].Rule != "user" || string(e.Writers[0].Token[:]) != writer {
		t.Errorf("got %+v", e.Writers)
	}
}

// A writer holds a key for as long as he wants, or until his deadline.
func TestWritersOf(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_800_000_000_000)
	for _, test := range []struct {
		fields map[string]string
		want   string
	}{
		{map[string]string{"b--------------b": "3000", "a--------------a": "@1800000002000", "c--------------c": "@1799999999999"}, "a2s b3s false"},
		{map[string]string{"b--------------b": "-1", "a--------------a": "0"}, "false"},
		{map[string]string{"b--------------b": "3000", "short": "3000"}, "b3s true"},
		{map[string]string{"b--------------b": "3000", "a--------------a": ""}, "b3s true"},
		{map[string]string{"a--------------a": "@"}, "true"},
		{nil, "false"},
	} {
		e := examine("m:s:key", nil, test.fields, nil, epoch1, now)
		got := ""
		for _, w := range e.Writers {
			got += fmt.Sprint(string(w.Token[:1]), w.Left, w.Rule, " ")
		}
		if got += fmt.Sprint(e.Damaged); got != test.want {
			t.Errorf("%v: got %s, want %s", test.fields, got, test.want)
		}
	}
	if e := examine("m:s:key", nil, map[string]string{"a--------------a": "3000"}, map[string]string{"q:m:s:@user": "0123456789abcdef1800000001000"}, epoch1, now); len(e.Writers) != 2 {
		t.Errorf("beside a writer of its rule: got %+v", e.Writers)
	}
}

// FuzzExamine: whatever stands there, there is no panic.
func FuzzExamine(f *testing.F) {
	_, value := encoded(f)
	f.Add("m:s:key", "v:field", string(value), "n:m:s:@user", nonce1)
	f.Add("", "v:", "0123456789abcdef1800000001000", "q:m:@@", "0123456789abcdef1800000001000")
	f.Add("m", "l:field", lease1, "", "")
	f.Fuzz(func(t *testing.T, key, name, value, generation, nonce string) {
		generations := map[string]string{generation: nonce, "n:m:@@": nonce2}
		for _, epoch := range []string{epoch1, "", value} {
			e := examine(key, map[string]string{name: value}, map[string]string{name: value}, generations, epoch, time.UnixMilli(1_800_000_000_000))
			if len(e.Rows) == 1 && e.Rows[0].Good && e.Rows[0].Row == nil {
				t.Error("a damaged row is good")
			}
			_ = fmt.Sprint(e)
		}
		keyOf(key)
		matching(key)
	})
}
