package redis_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
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

// A server that refuses what writers send costs one of them the time of a step, and the next ones next to nothing; and it is written to
// again as soon as it takes it.
func TestRefusesForLong(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]func(t *testing.T, admin *redis.Client) (again func()){
		"a replica": func(t *testing.T, admin *redis.Client) func() {
			must(t, admin.Do(t.Context(), "replicaof", "127.0.0.1", "1").Err())
			return func() { must(t, admin.Do(t.Context(), "replicaof", "no", "one").Err()) }
		},
		"busy": func(t *testing.T, admin *redis.Client) func() {
			must(t, admin.ConfigSet(t.Context(), "busy-reply-threshold", "50").Err())
			endless := admin.WithTimeout(time.Minute)
			go endless.Do(t.Context(), "eval", "while true do end", 0)
			return func() { must(t, admin.Do(t.Context(), "script", "kill").Err()) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servers.Redis(t)
			s := patient(client(t, server))
			s.WriteTimeout = time.Second
			usable(t, s)
			again := refuse(t, client(t, server))
			eventually(t, "it is refused", func() error {
				if _, err := s.Quarantine(t.Context(), writer(slot("k")), time.Minute); err == nil {
					return errors.New("it is not")
				}
				return nil
			})
			for range 10 {
				began := time.Now()
				_, err := s.Release(t.Context(), writer(slot("k"), slot("l")))
				if took := time.Since(began); err == nil || took > 300*time.Millisecond {
					t.Errorf("got %v after %v, want an error at once", err, took)
				}
			}
			again()
			eventually(t, "it is carried out", func() error {
				_, err := s.Release(t.Context(), writer(slot("k")))
				return err
			})
		})
	}
}

// It does so too where the writer also wants to know the version of a board, which a replica tells him.
func TestRefusesButAnswers(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	admin := client(t, server)
	s := patient(client(t, server))
	s.WriteTimeout = time.Second
	usable(t, s)
	publish(t, s, "moneyclip:db")
	must(t, admin.Do(t.Context(), "replicaof", "127.0.0.1", "1").Err())
	eventually(t, "it is refused", func() error {
		if _, err := s.Quarantine(t.Context(), writer(slot("k")), time.Minute); err == nil {
			return errors.New("it is not")
		}
		return nil
	})
	for range 5 {
		marks := writer(slot("k"), slot("l"))
		marks.Board = "moneyclip:db"
		began := time.Now()
		_, err := s.Release(t.Context(), marks)
		if took := time.Since(began); err == nil || took > 300*time.Millisecond {
			t.Errorf("got %v after %v, want an error at once", err, took)
		}
	}
}

// After its client was closed a store fails at once.
func TestClientClosed(t *testing.T) {
	t.Parallel()
	c := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr})
	s := patient(c)
	usable(t, s)
	must(t, c.Close())
	began := time.Now()
	for range 3 {
		if _, err := s.Quarantine(t.Context(), writer(slot("k")), time.Minute); !errors.Is(err, redis.ErrClosed) {
			t.Errorf("Quarantine: got %v, want that the client is closed", err)
		}
		if _, err := s.Release(t.Context(), writer(slot("k"))); !errors.Is(err, redis.ErrClosed) {
			t.Errorf("Release: got %v, want that the client is closed", err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

// Connections that nobody can look into, and that are closed together while nobody uses them, cost no write, and one read each at most of
// those that are under way.
func TestOpaqueConnectionsKilled(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := redis.NewClient(&redis.Options{Addr: server.Addr, PoolSize: 30, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return opaque{conn}, err
	}})
	defer c.Close()
	s := patient(c)
	put(t, s, slot("k"), 1)
	for range 3 {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				p := c.Pipeline()
				p.BLPop(t.Context(), time.Second, "nothing")
				p.Exec(t.Context())
			})
		}
		all.Wait()
		must(t, client(t, server).Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
		failed := 0
		for range 20 {
			if _, err := s.Quarantine(t.Context(), writer(slot("l")), time.Minute); err != nil {
				t.Errorf("Quarantine: %v", err)
			}
			if _, err := s.Get(t.Context(), slot("k")); err != nil {
				failed++
			}
		}
		if failed > 2 {
			t.Errorf("%d of 20 reads have failed, want 2 at most", failed)
		}
	}
}
