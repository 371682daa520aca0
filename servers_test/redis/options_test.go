package redis_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A client may have a cache of its own, which hears late of what others have changed. No step of ours is answered from it.
func TestClientSideCache(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := redis.NewClient(&redis.Options{Addr: server.Addr, ClientSideCacheConfig: &redis.ClientSideCacheConfig{}})
	t.Cleanup(func() { c.Close() })
	s, other := patient(c), patient(client(t, server))
	const board = "moneyclip:db:board"
	publish(t, other, board)
	none := &moneyclip.Marks{Writer: token(), Board: board} // of a write that touches no rule of its program
	one := slot("k")
	for i := range 50 {
		must1(s.Quarantine(t.Context(), none, time.Minute))
		want := publish(t, other, board, moneyclip.Notice{Text: fmt.Sprint(i), Life: time.Minute}).Version
		if got := must1(s.Release(t.Context(), none)); got != want {
			t.Fatalf("Release: got the version %q of before, want %q", got, want)
		}
		put(t, s, one, int64(i))
		wantHit(t, s, one, int64(i))
		marks := writer(one)
		quarantine(t, other, marks)
		wantMiss(t, s, one)
		release(t, other, marks)
		wantMiss(t, s, one)
	}
	if stats := c.CSCStats(); stats.Entries > 0 {
		t.Errorf("it has %d entries, of ours", stats.Entries)
	}
}
