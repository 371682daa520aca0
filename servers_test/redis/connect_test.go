package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// Who is asked for a password gets the context of the look-up that needs the connection, and asks for it under one of his own. A goroutine
// of the standard library looks at the look-up's then, perhaps when that is over.
func TestContextOfConnect(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := redis.NewClient(&redis.Options{Addr: server.Addr, CredentialsProviderContext: func(ctx context.Context) (string, string, error) {
		_, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		time.AfterFunc(10*time.Millisecond, func() { ctx.Value(t); ctx.Err() }) // as a log that is written later
		return "", "", nil
	}})
	t.Cleanup(func() { c.Close() })
	s, admin := patient(c), client(t, server)
	put(t, s, slot("k"), 1)
	for range 30 {
		must(t, admin.Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { s.Get(t.Context(), slot("k")) })
		}
		all.Wait()
	}
}
