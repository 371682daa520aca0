package redis_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// calls is how often a server was sent a command by all its clients.
func calls(t *testing.T, client *redis.Client, command string) int64 {
	t.Helper()
	for line := range strings.Lines(must1(client.Info(t.Context(), "commandstats").Result())) {
		if text, ok := strings.CutPrefix(line, "cmdstat_"+command+":calls="); ok {
			text, _, _ = strings.Cut(text, ",")
			return must1(strconv.ParseInt(text, 10, 64))
		}
	}
	return 0
}

// A master that takes no writes is not read from either: those who write may be at another one, or have to go on without one. It
// is found out within a second.
func TestRefusesWrites(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(t *testing.T, master, replica *redis.Client) (again func()){
		"cut off from its replicas": func(t *testing.T, master, replica *redis.Client) func() {
			must(t, master.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
			must(t, replica.Do(t.Context(), "replicaof", "no", "one").Err())
			return func() { must(t, master.ConfigSet(t.Context(), "min-replicas-to-write", "0").Err()) }
		},
		"paused by order": func(t *testing.T, master, _ *redis.Client) func() {
			must(t, master.Do(t.Context(), "client", "pause", "60000", "write").Err())
			return func() { must(t, master.Do(t.Context(), "client", "unpause").Err()) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servers.Redis(t, "repl-diskless-sync-delay=0")
			master := client(t, server)
			_, second := replica(t, server)
			s := patient(client(t, server))
			s.ReadTimeout, s.WriteTimeout = 500*time.Millisecond, 800*time.Millisecond
			one := slot("k")
			put(t, s, one, 1)
			wantHit(t, s, one, 1)
			again := refuse(t, master, second)
			began := time.Now()
			eventually(t, "it is not read from", func() error {
				if got, err := s.Get(t.Context(), one); err == nil && got != nil {
					return errors.New("there is a hit")
				}
				return nil
			})
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("it was read from for %v", took)
			}
			asked := calls(t, master, "info")
			for range 500 {
				s.Get(t.Context(), one)
			}
			if n := calls(t, master, "info") - asked; n > 50 {
				t.Errorf("500 reads have asked %d times whether it takes writes by now", n)
			}
			if err := s.Healthy(t.Context()); err == nil {
				t.Error("Healthy: got no error")
			}
			for i := range 3 {
				began := time.Now()
				_, err := s.Quarantine(t.Context(), writer(one), time.Minute)
				if took := time.Since(began); err == nil || i > 0 && took > 600*time.Millisecond {
					t.Errorf("write %d: got %v after %v, want an error, and at once if it is not the first", i, err, took)
				}
			}
			again()
			usable(t, s)
			eventually(t, "it is read from", func() error {
				if got, err := s.Get(t.Context(), one); err != nil || got == nil {
					return errors.Join(err, errors.New("there is no hit"))
				}
				return nil
			})
		})
	}
}
