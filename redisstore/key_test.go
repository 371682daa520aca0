package redisstore

import (
	"fmt"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// The keys are what other versions of this package use too: they never change.
func TestKeys(t *testing.T) {
	t.Parallel()
	writers := func(key string) string { _, writers := bothKeys(key); return writers }
	for _, test := range []struct{ got, want string }{
		{storedKey("moneyclip:db:followers:42"), "moneyclip:{38}:db:followers:42"},
		{storedKey("moneyclip:db:followers:43"), "moneyclip:{49}:db:followers:43"},
		{storedKey("ns:"), "ns:{13}:"},
		{storedKey("ns"), "ns:{33}"},
		{storedKey(""), ":{1}"},
		{writers("moneyclip:db:followers:42"), "moneyclip:{38}!db:followers:42"},
		{writers("ns:"), "ns:{13}!"},
		{writers("ns"), "ns:{33}!"},
		{generationsKey("moneyclip", 7), "moneyclip:{7}@"},
		{boardKey("moneyclip:db:@@rules"), "moneyclip:{board}:db:@@rules"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

// No two names have one key, and no bucket is left out.
func TestKeysAreApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	var add func(name, key string)
	both := func(name, key string) {
		t.Helper()
		stored, writers := bothKeys(key)
		if stored != storedKey(key) {
			t.Errorf("%s has the keys %q and %q", name, stored, storedKey(key))
		}
		add(name, stored)
		add("writers of "+name, writers)
	}
	add = func(name, key string) {
		t.Helper()
		if old, ok := seen[key]; ok {
			t.Errorf("%s and %s have the same key %q", old, name, key)
		}
		seen[key] = name
	}
	counts := make([]int, buckets)
	for _, namespace := range []string{"", "ns", "other"} {
		for b := range buckets {
			add(fmt.Sprintf("generations %q %d", namespace, b), generationsKey(namespace, b))
		}
		both("stored "+namespace, namespace)
		for _, rest := range []string{"", "@", ":@", "@@", "board", "{1}", "{board}:x"} {
			both(fmt.Sprintf("stored %q", namespace+":"+rest), namespace+":"+rest)
			add(fmt.Sprintf("board %q", namespace+":"+rest), boardKey(namespace+":"+rest))
		}
		for i := range 10_000 {
			name := fmt.Sprint(namespace, ":db:followers:", i)
			both("stored "+name, name)
			counts[bucket(name)]++
		}
	}
	for b, n := range counts {
		if n < 30_000/buckets/2 || n > 30_000/buckets*2 {
			t.Errorf("bucket %d has %d of 30,000 keys", b, n)
		}
	}
}

// A key, its generations and its writers are in one bucket.
func TestPlace(t *testing.T) {
	t.Parallel()
	at := placeOf(&moneyclip.Slot{
		Key: []byte("moneyclip:db:followers:42"), Field: []byte("f"), Generations: [2]string{"moneyclip:db:@followers", "moneyclip:@@"},
	})
	const hash = "moneyclip:{38}@"
	if at.keys != [4]string{"moneyclip:{38}:db:followers:42", hash, hash, "moneyclip:{38}!db:followers:42"} || at.field != "f" {
		t.Errorf("got %+v, want both hashes to be %s", at, hash)
	}
}
