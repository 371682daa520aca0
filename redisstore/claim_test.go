package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A claim is about what the scripts are about, also when it was used for another slot before.
func TestClaim(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"moneyclip:db:followers:42", "moneyclip", "", "a:" + string(make([]byte, 1000)), "moneyclip:x"} {
		slot := &moneyclip.Slot{Key: []byte(key), Field: []byte("field " + key), Generations: [2]string{"moneyclip:db:@rule", "moneyclip:@@"}}
		token := moneyclip.Token([]byte("0123456789abcdef"))
		c, at := newClaim(slot, token, 1500*time.Millisecond, 1700000001500, &generations{epoch1, [2]string{nonce1, nonce2}}), placeOf(slot)
		want := [claimTexts]string{
			at.keys[0], "v:" + at.field, "l:" + at.field,
			"0123456789abcdef" + "1700000001500" + epoch1[:4] + nonce1[4:8] + nonce1[12:] + nonce2[4:8] + nonce2[12:],
			at.keys[3], at.keys[1], "n:" + at.generations[0], "n:" + at.generations[1],
		}
		if c.texts != want || c.hold != 1500 {
			t.Errorf("got %q, %d, want %q", c.texts, c.hold, want)
		}
		if len(c.commands) != 7 || c.writers.Val() != nil || c.put.Err() != nil {
			t.Errorf("%q: what was read for another slot is still there", key)
		}
		c.writers.SetVal([]string{"a writer"})
		c.put.SetErr(errAnswer)
		c.free()
	}
}

// What the generations are known by is forgotten with the mastership, when one is not there, and when there are too many.
func TestMemory(t *testing.T) {
	t.Parallel()
	slot := func(key string) *moneyclip.Slot {
		return &moneyclip.Slot{Key: []byte(key), Generations: [2]string{"m:db:@" + key, "m:@@"}}
	}
	a, b := strings.Repeat("a", nonceLen), strings.Repeat("b", nonceLen)
	var m memory
	m.saw(pairOf(slot("k")), []string{a, b})
	if _, ok := m.under("epoch", pairOf(slot("k"))); ok {
		t.Error("it is known under which mastership a look-up was")
	}
	m.granted(slot("k"), generations{"epoch", [2]string{a, a}})
	m.saw(pairOf(slot("k")), []string{a, b})
	if g, ok := m.under("epoch", pairOf(slot("k"))); !ok || g.head() != "2epoch"+a+b {
		t.Errorf("got %+v, %v", g, ok)
	}
	if _, ok := m.under("another", pairOf(slot("k"))); ok {
		t.Error("it is known under another mastership")
	}
	for _, nonces := range [][]string{{a, ""}, {"", b}, {a, "x"}, nil} {
		m.granted(slot("k"), generations{"epoch", [2]string{a, a}})
		m.saw(pairOf(slot("k")), nonces)
		if _, ok := m.under("epoch", pairOf(slot("k"))); ok {
			t.Errorf("it is known after %q", nonces)
		}
	}
	apart := slot("k")
	apart.Generations[1] = "other:@@"
	m.granted(apart, generations{"epoch", [2]string{a, a}})
	if _, ok := m.under("epoch", pairOf(apart)); ok {
		t.Error("generations in two hashes are known")
	}
	for i := range 2*maxKnown + 10 {
		m.granted(slot(time.Duration(i).String()), generations{"epoch", [2]string{a, a}})
	}
	if len(m.m) != 10 {
		t.Errorf("got %d, want 10", len(m.m))
	}
}
