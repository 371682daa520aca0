package redisstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// The memory of a parcel is used again, and not that of one that was large.
func TestParcelSize(t *testing.T) {
	for n, small := range map[int]bool{0: true, 1: true, 10: true, maxTogether: true, 10_000: false} {
		p := new(parcel)
		marks := new(moneyclip.Marks)
		for i := range n {
			marks.Keys = append(marks.Keys, fmt.Sprintf("moneyclip:scope:key-%d", i))
		}
		p.quarantine(marks, time.Minute, false, maxTogether)
		p.piece.write(append(p.orders, p.lookAt("moneyclip:board", false)))
		if p.isSmall() != small {
			t.Errorf("a parcel of %d keys: small is %t, want %t", n, !small, small)
		}
	}
}

// The keys in Redis are those that each has by itself.
func TestParcelNames(t *testing.T) {
	p := new(parcel)
	for range 2 {
		stored := []string{"moneyclip:scope:a", "moneyclip:b", "other:scope:c-1", ""}
		names := make([]name, 2*len(stored))
		p.name(names, stored)
		for i, key := range stored {
			if at, writers := bothKeys(key); names[i].String() != at || names[len(stored)+i].String() != writers {
				t.Errorf("%q: got %q and %q, want %q and %q", key, names[i], names[len(stored)+i], at, writers)
			}
		}
	}
}

func TestInBrackets(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"127.0.0.1:6379": "127.0.0.1:6379", "redis:6379": "redis:6379", "::1:6379": "[::1]:6379", "[::1]:6379": "[::1]:6379",
		"2001:db8::7:6379": "[2001:db8::7]:6379", "?": "?", ":6379": ":6379",
	} {
		if got := inBrackets(addr); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}
