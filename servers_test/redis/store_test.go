// Package redis_test tests redisstore on real servers.
package redis_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/storemodel"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/storetest"
)

// client returns a client of a server, which is closed at the end of the test.
func client(t *testing.T, s *servers.RedisServer) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { c.Close() })
	return c
}

// patient returns a store that does not take a busy machine for a server that is gone, and has no grace time.
func patient(c redis.UniversalClient) *redisstore.Store {
	s := redisstore.New(c)
	s.ReadTimeout, s.WriteTimeout, s.Grace = 10*time.Second, 10*time.Second, 0
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	// Around the parallel tests of the suite, which would otherwise outlive the server.
	t.Run("Exercise", func(t *testing.T) {
		storetest.Exercise(t, storetest.Options{Open: func(*testing.T) moneyclip.Store { return patient(c) }})
	})
}

// Random things are done to the store, and all answers are those of a model.
func TestModel(t *testing.T) {
	t.Parallel()
	s := patient(client(t, servers.Redis(t)))
	rapid.Check(t, func(t *rapid.T) { storemodel.RunOnServer(t, s, "moneyclip") })
}
