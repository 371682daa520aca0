package main

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	bare := servers.Redis(t)
	out, errs, code := run(t, "doctor", "--redis", "redis://"+bare.Addr, "--db", story(t))
	if code != 1 {
		t.Fatalf("got %d, %s%s", code, out, errs)
	}
	out = regexp.MustCompile(`(?m)(version +)\w+ [\d.]+$`).ReplaceAllString(out, "${1}Redis …")
	golden(t, "doctor.golden", regexp.MustCompile(`(?m)\b\d+ s$`).ReplaceAllString(out, "…"))

	// A user of its own, with the rights that package redisstore asks for, has nothing to change.
	good := servers.Redis(t, "maxmemory=100mb", "maxmemory-policy=allkeys-lfu")
	c := redis.NewClient(&redis.Options{Addr: good.Addr})
	defer c.Close()
	rights := "on >secret ~moneyclip:* resetchannels -@all +info +evalsha +eval +time +exists +hget +hmget +hset +hsetnx +hdel +hlen +hkeys +hvals +hgetall +del +pttl +pexpire +pexpireat +hello +auth +ping +select +client|setname"
	setUser := func(rights string) {
		t.Helper()
		args := []any{"acl", "setuser", "moneyclip", "reset"}
		for _, r := range strings.Fields(rights) {
			args = append(args, r)
		}
		if err := c.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	url := "redis://moneyclip:secret@" + good.Addr
	for _, test := range []struct {
		rights, missing string
	}{{rights, ""}, {strings.NewReplacer("+hkeys ", "", "+pttl ", "").Replace(rights), "+hkeys +pttl"}, {strings.Replace(rights, "~moneyclip:*", "~other:*", 1), "+exists"}} {
		setUser(test.rights)
		out, errs, code := run(t, "doctor", "--redis", url, "--json")
		var d diagnosis
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		if strings.Contains(out, "secret") {
			t.Error("the password is in the output")
		}
		missing := ""
		for _, f := range d.Findings {
			if f.Verdict == "change" {
				missing += f.Do
			}
		}
		if (code == 0) != (test.missing == "") || !strings.Contains(missing, test.missing) {
			t.Errorf("got %d, %s, want %q", code, missing, test.missing)
		}
	}
	if left := c.Keys(t.Context(), "*").Val(); len(left) != 0 {
		t.Errorf("it has left %q behind", left)
	}
}

// A node of a cluster is known for one, whichever server it is.
func TestDoctorOnClusterNode(t *testing.T) {
	t.Parallel()
	node := servers.Redis(t, "cluster-enabled=yes", "cluster-allow-reads-when-down=yes", "maxmemory=100mb", "maxmemory-policy=allkeys-lfu")
	c := redis.NewClient(&redis.Options{Addr: node.Addr})
	defer c.Close()
	if err := c.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	const ok = `ok +cluster +cluster\n`
	for url, lines := range map[string][]string{
		"redis://":         {"it is a node of a cluster", "cluster-allow-reads-when-down yes"},
		"redis+cluster://": {ok, "cluster-allow-reads-when-down yes"},
	} {
		out, errs, code := run(t, "doctor", "--redis", url+node.Addr)
		for _, want := range lines {
			if code != 1 || !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%s: got %d, %s%s, want %q", url, code, out, errs, want)
			}
		}
	}
}

func TestPostgresDuration(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Duration{"0": 0, "30s": 30 * time.Second, "5min": 5 * time.Minute, "1500ms": 1500 * time.Millisecond, "1d": 24 * time.Hour} {
		if got, ok := postgresDuration(v); got != want || !ok {
			t.Errorf("%s: got %v, %v", v, got, ok)
		}
	}
	if _, ok := postgresDuration("soon"); ok {
		t.Error("got a duration from nothing")
	}
}
