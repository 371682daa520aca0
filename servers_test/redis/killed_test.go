package redis_test

import (
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// All connections are closed at once while many write, again and again. The server is there, so each write goes through.
func TestConnectionsKilledTogether(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	admin := client(t, server)
	c := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer c.Close()
	s := patient(c)
	var writers sync.WaitGroup
	end := time.Now().Add(2 * time.Second)
	for range 16 {
		writers.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				marks := writer(slot("k"))
				if _, err := s.Quarantine(t.Context(), marks, time.Minute); err != nil {
					t.Errorf("Quarantine: %v", err)
				}
				if _, err := s.Release(t.Context(), marks); err != nil {
					t.Errorf("Release: %v", err)
				}
			}
		})
	}
	for time.Now().Before(end) {
		must(t, admin.Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
		time.Sleep(200 * time.Millisecond) // in between a busy machine gets a write done
	}
	writers.Wait()
}
