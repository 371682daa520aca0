package moneyclip_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/moneyclip/moneyclip"
)

// What a program has registered is written with its defaults, and read as it was.
func TestManifest(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	got := program(t, nil, `
	moneyclip.Register(
		moneyclip.Rule{Key: "user::id-%d", Table: "users", By: []string{"id"}, NotFound: 30e9, Refresh: true},
		moneyclip.Rule{Key: "count-%s-%d", Query: "SELECT count(*) FROM t WHERE a = ? AND b < ?", Args: []int{2, 1}, TTL: 300e9, Soft: 60e9, On: []moneyclip.On{
			{Table: "t", Columns: []string{"b", "a"}, Set: []string{"c"}},
			{Table: "u"},
			{Table: "v", Columns: []string{"id"}, Path: "SELECT b, a FROM t WHERE v_id = ?"},
		}},
		moneyclip.Rule{Key: "constant", Query: "Constant", On: []moneyclip.On{}},
	)
	if err := moneyclip.WriteManifest(os.Stdout); err != nil {
		panic(err)
	}`)
	want := []moneyclip.Rule{
		{Name: "user::id-%d", Key: "user::id-%d", Table: "users", By: []string{"id"}, TTL: 10 * time.Minute, NotFound: 30 * time.Second, Refresh: true},
		{
			Name: "count-%s-%d", Key: "count-%s-%d", Query: "SELECT count(*) FROM t WHERE a = ? AND b < ?", Args: []int{2, 1},
			TTL: 5 * time.Minute, Soft: time.Minute, On: []moneyclip.On{
				{Table: "t", Columns: []string{"b", "a"}, Set: []string{"c"}},
				{Table: "u"},
				{Table: "v", Columns: []string{"id"}, Path: "SELECT b, a FROM t WHERE v_id = ?"},
			},
		},
		{Name: "Constant", Key: "constant", Query: "Constant", TTL: 10 * time.Minute, On: []moneyclip.On{}},
	}
	rules, err := moneyclip.ReadManifest(strings.NewReader(got))
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	if diff := cmp.Diff(want, rules, cmpopts.IgnoreUnexported(moneyclip.Rule{}, moneyclip.On{})); diff != "" {
		t.Errorf("- want, + got:\n%s", diff)
	}
	for about, text := range map[string]string{
		"a field that is not known":  strings.Replace(got, `"ttl"`, `"lifetime"`, 1),
		"a duration that is none":    strings.Replace(got, `"10m0s"`, `"ten minutes"`, 1),
		"a text that is broken off":  got[:len(got)/2],
		"a text that is no manifest": "[]",
	} {
		if rules, err := moneyclip.ReadManifest(strings.NewReader(text)); err == nil || rules != nil {
			t.Errorf("%s: got %v, %v, want an error", about, rules, err)
		}
	}
}
