//go:build unix

package consistency

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func init() {
	// As in fault_redis.go. And who is still connected to the old master believes it for a second: in a failover by order too, until
	// it has lost its replicas, there are two of them, and each Sentinel tells at another time.
	lost := Bounds{P2: true, Stuck: true, Stale: 1500 * time.Millisecond}
	faults["sentinel-order"] = fault{
		run: ordered, sentinels: true, server: true, losing: true, bounds: lost, persist: []string{"min-replicas-to-write=1"},
	}
	faults["sentinel-kill"] = fault{run: mastersKilled, sentinels: true, server: true, losing: true, bounds: lost}
	faults["sentinel-pause"] = fault{run: mastersPaused, sentinels: true, server: true, losing: true, bounds: lost}
	// A master that is cut off takes writes for two seconds or three, and is believed for one more.
	lost.Stale = 4 * time.Second
	faults["sentinel-split"] = fault{
		run: mastersSplit, sentinels: true, server: true, losing: true, bounds: lost,
		persist: []string{"min-replicas-to-write=1", "min-replicas-max-lag=2"},
	}
}

const watchers = 3 // Sentinels

// A watch is the Sentinels of a round, and the ways by which a master can be cut off.
type watch struct {
	sentinels []*servers.RedisServer
	far       []*proxy // to each node, for the Sentinels and the other nodes
	aside     []*proxy // to each Sentinel, for every other worker
}

// openSentinels starts a master, two replicas, and Sentinels. They reach the servers through proxies, and workers without; every other
// worker reaches the Sentinels through proxies. So a master can be cut off from all but some workers.
func (r *round) openSentinels(settings []string) error {
	w := &watch{}
	r.watch = w
	for range 3 {
		p, err := newProxy("")
		if err != nil {
			return err
		}
		w.far = append(w.far, p)
		_, port, _ := net.SplitHostPort(p.Addr)
		all := append(slices.Clone(settings), "repl-diskless-sync-delay=0", "replica-announce-ip=127.0.0.1", "replica-announce-port="+port)
		n := servers.Redis(r.t, all...)
		p.redirect(n.Addr)
		r.nodes = append(r.nodes, n)
	}
	for i := range r.nodes[1:] {
		if err := r.follow(1+i, w.far[0]); err != nil {
			return err
		}
	}
	for range watchers {
		s := servers.Sentinel(r.t, &servers.RedisServer{Addr: w.far[0].Addr},
			"sentinel down-after-milliseconds mymaster=1000", "sentinel failover-timeout mymaster=1500")
		p, err := newProxy(s.Addr)
		if err != nil {
			return err
		}
		w.sentinels, w.aside = append(w.sentinels, s), append(w.aside, p)
		// By itself it looks every ten seconds what there is.
		if err := w.tell(s, "SENTINEL", "DEBUG", "info-period", "500", "publish-period", "500"); err != nil {
			return err
		}
	}
	return w.settled()
}

func (w *watch) close() {
	for _, p := range slices.Concat(w.far, w.aside) {
		p.close()
	}
}

func (w *watch) tell(s *servers.RedisServer, args ...any) error {
	c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	defer c.Close()
	return c.Do(context.Background(), args...).Err()
}

// settled waits until every Sentinel knows the others, and both replicas.
func (w *watch) settled() error {
	return eventually(func() error {
		for _, s := range w.sentinels {
			c := redis.NewSentinelClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
			replicas, err1 := c.Replicas(context.Background(), "mymaster").Result()
			others, err2 := c.Sentinels(context.Background(), "mymaster").Result()
			c.Close()
			good := 0
			for _, one := range replicas {
				if one["flags"] == "slave" && one["master-link-status"] == "ok" {
					good++
				}
			}
			if err := errors.Join(err1, err2); err != nil || good != 2 || len(others) != watchers-1 {
				return fmt.Errorf("a Sentinel knows %d replicas and %d others: %w", good, len(others), err)
			}
		}
		return nil
	})
}

// master is the node that most Sentinels name.
func (w *watch) master() int {
	votes := make([]int, len(w.far))
	for _, s := range w.sentinels {
		c := redis.NewSentinelClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
		at, _ := c.GetMasterAddrByName(context.Background(), "mymaster").Result()
		c.Close()
		for i, p := range w.far {
			if len(at) == 2 && net.JoinHostPort(at[0], at[1]) == p.Addr {
				votes[i]++
			}
		}
	}
	return slices.Index(votes, slices.Max(votes))
}

// failover takes the master away, until another one is named and somewhat longer, and gives it back.
func (r *round) failover(ctx context.Context, what string, longer time.Duration, away, back func(node int)) error {
	for ctx.Err() == nil {
		if err := r.watch.settled(); err != nil {
			return err
		}
		wait(ctx, 1500*time.Millisecond) // with hits
		old := r.watch.master()
		away(old)
		r.harm(what)
		err := eventually(func() error {
			if r.watch.master() == old {
				return errors.New("no other master is named")
			}
			return nil
		})
		time.Sleep(time.Duration(rand.Int64N(int64(longer))))
		back(old)
		if err != nil {
			return err
		}
	}
	return r.watch.settled()
}

// ordered has a Sentinel promote a replica while the master is well.
func ordered(ctx context.Context, r *round) error {
	return r.failover(ctx, "failed over", time.Second, func(int) {
		r.watch.tell(r.watch.sentinels[rand.IntN(watchers)], "SENTINEL", "FAILOVER", "mymaster")
	}, func(int) {})
}

// mastersKilled kills the master, and starts it again, empty, when there is another one.
func mastersKilled(ctx context.Context, r *round) error {
	return r.failover(ctx, "killed", 2*time.Second, func(node int) { r.nodes[node].Kill(r.t) }, func(node int) { r.nodes[node].Start(r.t) })
}

// mastersPaused has the master hang, and go on as if nothing had been when there is another one.
func mastersPaused(ctx context.Context, r *round) error {
	return r.failover(ctx, "paused", 2*time.Second, func(node int) { r.nodes[node].Pause(r.t) }, func(node int) { r.nodes[node].Resume(r.t) })
}

// mastersSplit cuts the master off, from the replicas and the Sentinels, and with it some of the workers from the Sentinels.
func mastersSplit(ctx context.Context, r *round) error {
	both := func(node int) []*proxy { return append(slices.Clone(r.watch.aside), r.watch.far[node]) }
	return r.failover(ctx, "split", 10*time.Second, func(node int) {
		for _, p := range both(node) {
			p.mute.Store(true)
		}
	}, func(node int) {
		for _, p := range both(node) {
			p.mute.Store(false)
			p.reset(1)
		}
	})
}
