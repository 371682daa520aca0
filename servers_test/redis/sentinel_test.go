package redis_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
	"github.com/moneyclip/moneyclip/storetest"
)

// A watch is a master and a replica, which three Sentinels watch.
type watch struct {
	nodes     map[string]*servers.RedisServer // :: address → server
	sentinels []string
	admin     *redis.SentinelClient
}

func startWatch(t *testing.T) *watch {
	t.Helper()
	ctx := t.Context()
	master := servers.Redis(t, "repl-diskless-sync-delay=0")
	second, _ := replica(t, master)
	w := &watch{nodes: map[string]*servers.RedisServer{master.Addr: master, second.Addr: second}}
	for range 3 {
		s := servers.Sentinel(t, master,
			"sentinel down-after-milliseconds mymaster=1000", "sentinel failover-timeout mymaster=4000")
		w.sentinels = append(w.sentinels, s.Addr)
		// By itself it looks every ten seconds what there is.
		must(t, client(t, s).Do(ctx, "sentinel", "debug", "info-period", "500", "publish-period", "500").Err())
	}
	for _, addr := range w.sentinels {
		w.admin = redis.NewSentinelClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { w.admin.Close() })
		w.settled(t)
		eventually(t, "a Sentinel knows the others", func() error {
			if others := must1(w.admin.Sentinels(ctx, "mymaster").Result()); len(others) != 2 {
				return fmt.Errorf("it knows %d", len(others))
			}
			return w.admin.CkQuorum(ctx, "mymaster").Err()
		})
	}
	return w
}

// settled waits until a Sentinel knows a replica which can be promoted.
func (w *watch) settled(t *testing.T) {
	t.Helper()
	eventually(t, "a Sentinel knows a replica", func() error {
		replicas, err := w.admin.Replicas(t.Context(), "mymaster").Result()
		if err != nil {
			return err
		}
		for _, r := range replicas {
			if r["flags"] == "slave" && r["master-link-status"] == "ok" {
				return nil
			}
		}
		return fmt.Errorf("the replicas are %v", replicas)
	})
}

func (w *watch) master(t *testing.T) string {
	t.Helper()
	addr := must1(w.admin.GetMasterAddrByName(t.Context(), "mymaster").Result())
	return net.JoinHostPort(addr[0], addr[1])
}

// promoted waits until another server than before is the master, by its own word too.
func (w *watch) promoted(t *testing.T, before string) {
	t.Helper()
	eventually(t, "a replica is promoted", func() error {
		now := w.master(t)
		if now == before {
			return errors.New("the Sentinels name the old master")
		}
		c := redis.NewClient(&redis.Options{Addr: now})
		defer c.Close()
		if info := must1(c.Info(t.Context(), "replication").Result()); !strings.Contains(info, "role:master") {
			return errors.New(info)
		}
		return nil
	})
}

// clients are those by which a program reaches a master behind Sentinels.
func (w *watch) clients(t *testing.T) map[string]redis.UniversalClient {
	all := map[string]redis.UniversalClient{
		"failover":  redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "mymaster", SentinelAddrs: w.sentinels}),
		"universal": redis.NewUniversalClient(&redis.UniversalOptions{MasterName: "mymaster", Addrs: w.sentinels}),
		"cluster":   redis.NewUniversalClient(&redis.UniversalOptions{MasterName: "mymaster", Addrs: w.sentinels, RouteRandomly: true}),
	}
	for _, c := range all {
		t.Cleanup(func() { c.Close() })
	}
	return all
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	w := startWatch(t)
	var users []*user
	for name, c := range w.clients(t) {
		if name == "universal" { // the others take their time, and are used below
			t.Run("Exercise", func(t *testing.T) {
				storetest.Exercise(t, storetest.Options{Open: func(*testing.T) moneyclip.Store { return patient(c) }})
			})
		}
		s := patient(c)
		s.Grace = 2 * time.Second
		must(t, s.Healthy(t.Context()))
		users = append(users, &user{name: name, client: c, store: s, program: startProgram(t, s)})
	}
	for _, how := range []string{"by order", "killed"} {
		w.failover(t, how, users)
	}
	for _, u := range users {
		u.program.stop(t)
	}
}

// A user is a store and a program that uses it.
type user struct {
	name    string
	client  redis.UniversalClient
	store   *redisstore.Store
	program *program
}

// failover has the Sentinels promote a replica, by order or because the master is dead, while programs read and write: no write
// fails, no read is older than the last write that was acknowledged, what was stored before is not served again, and
// hits come back.
func (w *watch) failover(t *testing.T, how string, users []*user) {
	t.Helper()
	w.settled(t)
	old := w.master(t)
	at := func(u *user, what string) *moneyclip.Slot {
		return slot(strings.Join([]string{u.name, how, what}, " "))
	}
	open := map[*user]*moneyclip.Marks{}
	for _, u := range users {
		u.program.eventuallyHits(t)
		afterGrace(t, u.store, at(u, "read"))
		put(t, u.store, at(u, "read"), 1)
		open[u] = writer(at(u, "written"))
		quarantine(t, u.store, open[u])
	}
	must(t, client(t, w.nodes[old]).Do(t.Context(), "wait", "1", "5000").Err()) // so that the replica has it all
	if how == "killed" {
		w.nodes[old].Kill(t)
	} else {
		must(t, w.admin.Failover(t.Context(), "mymaster").Err())
	}
	began := time.Now()
	w.promoted(t, old)
	t.Logf("%s: promoted after %v", how, time.Since(began))
	for _, u := range users {
		// A hit is right for as long as the old master may still be believed to be one.
		eventually(t, "what was stored before is not served", func() error {
			got, err := u.store.Get(t.Context(), at(u, "read"))
			if err == nil && got != nil {
				err = errors.New("it is")
			}
			return err
		})
		t.Logf("%s: %s is back after %v", how, u.name, time.Since(began))
		usable(t, u.store)
		soonBypass(t, u.store, at(u, "written"))
		grace := patient(u.client)
		grace.Grace = time.Minute
		soonBypass(t, grace, at(u, "read"))
	}
	if how == "killed" {
		w.nodes[old].Start(t)
	}
	for _, u := range users {
		u.program.eventuallyHits(t)
		wantMiss(t, u.store, at(u, "read"))
		afterGrace(t, u.store, at(u, "read"))
		wantMiss(t, u.store, at(u, "read"))
		put(t, u.store, at(u, "read"), 2)
		wantHit(t, u.store, at(u, "read"), 2)
		wantBypass(t, u.store, at(u, "written"))
		release(t, u.store, open[u])
		wantMiss(t, u.store, at(u, "written"))
	}
}

// soonBypass waits until a lease is answered: a client may go to the old master once more, if the Sentinel that it asks is the
// last one to know.
func soonBypass(t *testing.T, s moneyclip.Store, at *moneyclip.Slot) {
	t.Helper()
	var g moneyclip.Grant
	eventually(t, "a lease is answered", func() (err error) {
		g, err = s.Lease(t.Context(), at, token(), time.Minute, false)
		return err
	})
	if g.Answer != moneyclip.AnswerBypass {
		t.Fatalf("Lease: got answer %d, want bypass", g.Answer)
	}
}

// afterGrace waits until a slot can be leased.
func afterGrace(t *testing.T, s moneyclip.Store, at *moneyclip.Slot) {
	t.Helper()
	eventually(t, "the grace time is over", func() error {
		g, err := s.Lease(t.Context(), at, token(), time.Minute, false)
		if err == nil && g.Answer != moneyclip.AnswerLease {
			return errors.New("not yet")
		}
		s.Abandon(t.Context(), at, g.Lease)
		return err
	})
}

// A program reads and writes numbers, which only grow, through a cache. There are some of them, because one that is being
// written while a replica is promoted may be left in quarantine there until that has run out.
type program struct {
	cache  *moneyclip.Cache
	cancel context.CancelFunc
	all    sync.WaitGroup
	writes atomic.Int64
	reads  atomic.Int64
}

const (
	selectNumber = "SELECT n FROM numbers WHERE id = ?"
	numbers      = 16
)

func startProgram(t *testing.T, s *redisstore.Store) *program {
	t.Helper()
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
		Store: s, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Rules: []moneyclip.Rule{{Name: "number", Key: "number::%d", Query: selectNumber}},
	})
	must(t, err)
	path := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_busy_timeout=60000&_journal_mode=WAL"
	base, err := sql.Open("sqlite3", path)
	must(t, err)
	must1(base.Exec("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
	for id := range numbers {
		must1(base.Exec("INSERT INTO numbers VALUES (?, 0)", id))
	}
	must(t, base.Close())
	connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(path)
	must(t, err)
	db := sql.OpenDB(connector)
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{cache: cache, cancel: cancel}
	t.Cleanup(func() {
		cancel()
		p.all.Wait()
		db.Close()
		cache.Close()
	})
	var acknowledged [numbers]atomic.Int64
	p.all.Go(func() {
		for ctx.Err() == nil {
			id := rand.IntN(numbers)
			if _, err := db.Exec("UPDATE numbers SET n = n + 1 WHERE id = ?", id); err != nil {
				t.Errorf("a write fails: %v", err)
				return
			}
			acknowledged[id].Add(1)
			p.writes.Add(1)
			wait(ctx, 20*time.Millisecond)
		}
	})
	for range 2 {
		p.all.Go(func() {
			for ctx.Err() == nil {
				id := rand.IntN(numbers)
				least := acknowledged[id].Load()
				var n int64
				if err := db.QueryRow(selectNumber, id).Scan(&n); err != nil || n < least {
					t.Errorf("got %d, %v, although %d was acknowledged before", n, err, least)
					return
				}
				p.reads.Add(1)
				wait(ctx, time.Millisecond)
			}
		})
	}
	return p
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (p *program) eventuallyHits(t *testing.T) {
	t.Helper()
	before := p.cache.Stats().Hits
	eventually(t, "reads are answered from the cache", func() error {
		if p.cache.Stats().Hits < before+10 {
			return errors.New("they are not")
		}
		return nil
	})
}

func (p *program) stop(t *testing.T) {
	t.Helper()
	p.cancel()
	p.all.Wait()
	t.Logf("%d writes, %d reads, %d hits", p.writes.Load(), p.reads.Load(), p.cache.Stats().Hits)
}
