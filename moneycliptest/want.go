package moneycliptest

import (
	"slices"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// WantHit fails the test unless every read in do that a rule matches is answered from the cache, and there is one. Nothing
// else may use the cache meanwhile.
func WantHit(t testing.TB, cache *moneyclip.Cache, do func()) {
	t.Helper()
	if s := during(cache, do); s.Hits == 0 || s.Misses+s.Bypasses > 0 {
		t.Errorf("got %d hits, %d misses and %d bypasses, want hits only", s.Hits, s.Misses, s.Bypasses)
	}
}

// WantMiss fails the test unless every read in do that a rule matches is put to the database and stored, and there is one.
// Nothing else may use the cache meanwhile.
func WantMiss(t testing.TB, cache *moneyclip.Cache, do func()) {
	t.Helper()
	if s := during(cache, do); s.Misses == 0 || s.Hits+s.Bypasses > 0 {
		t.Errorf("got %d hits, %d misses and %d bypasses, want misses only", s.Hits, s.Misses, s.Bypasses)
	}
}

func during(cache *moneyclip.Cache, do func()) moneyclip.RuleStats {
	before := cache.Stats()
	do()
	after := cache.Stats()
	return moneyclip.RuleStats{
		Hits:     after.Hits - before.Hits,
		Misses:   after.Misses - before.Misses,
		Bypasses: after.Bypasses - before.Bypasses,
	}
}

// WantTouched fails the test unless the writes in do drop these keys and no others. The keys are as in Rule.Key, filled:
// "user::id-7"; of a rule that is dropped as a whole: "every key of user". Nothing else may write through the store
// meanwhile.
func WantTouched(t testing.TB, store *Store, do func(), keys ...string) {
	t.Helper()
	store.Touched()
	do()
	want := slices.Sorted(slices.Values(keys))
	if got := store.Touched(); !slices.Equal(got, want) {
		t.Errorf("got dropped %q, want %q", got, want)
	}
}
