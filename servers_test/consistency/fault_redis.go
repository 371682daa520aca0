//go:build unix

package consistency

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

func init() {
	// A quarantine that is lost does no harm but this: the change may be seen before the release drops what was stored
	// meanwhile. And if nobody knows the write's outcome there is no release.
	lost := Bounds{P2: true, Stuck: true}
	faults["restart-empty"] = fault{server: true, run: restarts, losing: true, bounds: lost}
	faults["restart-dump"] = fault{server: true, run: restartsFromDump, losing: true, bounds: lost}
	faults["restart-aof"] = fault{server: true, run: restarts, persist: []string{"appendonly=yes", "appendfsync=everysec"}, losing: true, bounds: lost}
	faults["sleep"] = fault{run: sleeps, losing: true, bounds: Bounds{P2: true, Stale: 3 * time.Second}} // as in fault_network.go
	faults["client-pause"] = fault{run: clientPauses, losing: true, bounds: Bounds{P2: true, Stale: 3 * time.Second}}
	faults["client-kill"] = fault{server: true, run: clientKills, losing: true, bounds: Bounds{P2: true, Stale: 1500 * time.Millisecond}}
	faults["scripts"] = fault{run: scriptFlushes}
	faults["memory"] = fault{run: memoryShrinks, losing: true, bounds: lost}
	faults["flush"] = fault{run: flushes, losing: true, bounds: lost}
	faults["evict"] = fault{run: evictions, persist: []string{"maxmemory=2mb", "maxmemory-policy=allkeys-random"}, losing: true, bounds: lost}
	faults["lagging-replica"] = fault{server: true, run: promotions, replica: true, losing: true, bounds: lost}
	faults["two-failovers"] = fault{server: true, run: twoFailovers, replica: true, losing: true, bounds: lost}
}

// do sends one command to a node.
func (r *round) do(node int, args ...any) error {
	c := redis.NewClient(&redis.Options{Addr: r.nodes[node].Addr, MaxRetries: -1})
	defer c.Close()
	return c.Do(context.Background(), args...).Err()
}

// setting is one of a node.
func (r *round) setting(node int, name string) string {
	c := redis.NewClient(&redis.Options{Addr: r.nodes[node].Addr})
	defer c.Close()
	return c.ConfigGet(context.Background(), name).Val()[name]
}

// restarts kills the server and starts it again, with what it has on disk: nothing, unless its settings say so.
func restarts(ctx context.Context, r *round) error {
	return every(ctx, 1500*time.Millisecond, func() error {
		r.nodes[0].Kill(r.t)
		r.harm("restarted")
		wait(ctx, time.Duration(rand.IntN(200))*time.Millisecond)
		r.nodes[0].Start(r.t)
		return nil
	})
}

// restartsFromDump has the server forget what was done since it has saved its data.
func restartsFromDump(ctx context.Context, r *round) error {
	return every(ctx, 800*time.Millisecond, func() error {
		if err := r.do(0, "SAVE"); err != nil {
			return err
		}
		wait(ctx, time.Duration(rand.IntN(500))*time.Millisecond)
		r.nodes[0].Kill(r.t)
		r.harm("restarted")
		r.nodes[0].Start(r.t)
		return nil
	})
}

func sleeps(ctx context.Context, r *round) error {
	return every(ctx, 700*time.Millisecond, func() error {
		if r.do(0, "DEBUG", "SLEEP", fmt.Sprint(0.05+rand.Float64()/2)) == nil { // it may be down
			r.harm("slept")
		}
		return nil
	})
}

// clientPauses has the server let clients wait, all of them or those that write, for longer than some of them do.
func clientPauses(ctx context.Context, r *round) error {
	defer r.do(0, "CLIENT", "UNPAUSE")
	return every(ctx, time.Second, func() error {
		if r.do(0, "CLIENT", "PAUSE", 50+rand.IntN(700), []string{"WRITE", "ALL"}[rand.IntN(2)]) == nil { // it may be down
			r.harm("paused")
		}
		return nil
	})
}

// clientKills has the server close all connections.
func clientKills(ctx context.Context, r *round) error {
	return every(ctx, 80*time.Millisecond, func() error {
		if r.do(0, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") != nil {
			return nil
		}
		r.harm("killed")
		return nil
	})
}

// scriptFlushes has the server forget all scripts.
func scriptFlushes(ctx context.Context, r *round) error {
	return every(ctx, 10*time.Millisecond, func() error {
		if r.do(0, "SCRIPT", "FLUSH", []string{"SYNC", "ASYNC"}[rand.IntN(2)]) == nil {
			r.harm("forgotten")
		}
		return nil
	})
}

// memoryShrinks gives the server less memory than it has taken, and back: it evicts what it can, or refuses what takes more.
func memoryShrinks(ctx context.Context, r *round) error {
	policies := []string{"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-ttl", "volatile-random", "noeviction"}
	had := r.setting(0, "maxmemory") // another fault may have its own
	defer r.do(0, "CONFIG", "SET", "maxmemory", had)
	return every(ctx, 200*time.Millisecond, func() error {
		if r.do(0, "CONFIG", "SET", "maxmemory-policy", policies[rand.IntN(len(policies))], "maxmemory", "1mb") != nil {
			return nil // it may be down
		}
		r.harm("shrunk")
		wait(ctx, time.Duration(rand.IntN(150))*time.Millisecond)
		r.do(0, "CONFIG", "SET", "maxmemory", had)
		return nil
	})
}

func flushes(ctx context.Context, r *round) error {
	return every(ctx, 30*time.Millisecond, func() error {
		if r.do(0, "FLUSHALL") == nil { // it may be down, or a replica
			r.harm("flushed")
		}
		return nil
	})
}

// evictions fills the memory with what nobody wants, so that the server drops anything at random.
func evictions(ctx context.Context, r *round) error {
	c := redis.NewClient(&redis.Options{Addr: r.nodes[0].Addr, MaxRetries: -1})
	defer c.Close()
	junk := strings.Repeat("x", 500)
	return every(ctx, 10*time.Millisecond, func() error {
		p := c.Pipeline()
		for range 100 {
			p.Set(context.Background(), fmt.Sprint("junk:", rand.IntN(1<<20)), junk, 0)
		}
		p.Exec(context.Background()) // it may be out of memory for a moment
		r.injected.Add(1)
		return nil
	})
}

// follow makes one node the replica of another, through a proxy that can be cut.
func (r *round) follow(node int, through *proxy) error {
	host, port, err := net.SplitHostPort(through.Addr)
	if err != nil {
		return err
	}
	return r.do(node, "REPLICAOF", host, port)
}

// promote makes a node the master, and leads everybody there.
func (r *round) promote(node int) error {
	r.proxy.refuse.Store(true)
	r.proxy.reset(1)
	if err := r.do(node, "REPLICAOF", "NO", "ONE"); err != nil {
		return err
	}
	r.proxy.redirect(r.nodes[node].Addr)
	r.proxy.refuse.Store(false)
	r.harm("promoted")
	return nil
}

// promotions makes a replica the master which has not heard of what the master did last.
func promotions(ctx context.Context, r *round) error {
	master := 0
	for ctx.Err() == nil {
		link, err := newProxy(r.nodes[master].Addr)
		if err != nil {
			return err
		}
		if err := r.follow(1-master, link); err != nil {
			return err
		}
		wait(ctx, 1200*time.Millisecond)
		link.mute.Store(true)
		wait(ctx, time.Duration(rand.IntN(400))*time.Millisecond)
		if err := r.promote(1 - master); err != nil {
			return err
		}
		link.close()
		master = 1 - master
	}
	return nil
}

// twoFailovers makes a replica the master and then its old master again, which has not heard of anything in between.
func twoFailovers(ctx context.Context, r *round) error {
	for ctx.Err() == nil {
		link, err := newProxy(r.nodes[0].Addr)
		if err != nil {
			return err
		}
		if err := r.follow(1, link); err != nil {
			return err
		}
		wait(ctx, 500*time.Millisecond)
		deaf, err := newProxy(r.nodes[1].Addr)
		if err != nil {
			return err
		}
		deaf.mute.Store(true)
		if err := r.promote(1); err != nil {
			return err
		}
		link.close()
		if err := r.follow(0, deaf); err != nil {
			return err
		}
		wait(ctx, 300*time.Millisecond)
		if err := r.promote(0); err != nil {
			return err
		}
		deaf.close()
		wait(ctx, 300*time.Millisecond)
	}
	return nil
}
