//go:build unix

package consistency

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func init() {
	faults["slots"] = fault{run: moveSlots, cluster: true, server: true, bounds: Bounds{P2: true}}
	// Where a connection outlives the old master's mastership it is believed for a second. On a cluster such a one is told to go elsewhere.
	faults["failover"] = fault{run: failovers, cluster: true, server: true, losing: true, bounds: Bounds{P2: true, Stuck: true, Stale: time.Second}}
	faults["node-back"] = fault{
		run: nodesBack, cluster: true, server: true, losing: true, bounds: Bounds{P2: true, Stuck: true, Stale: 1500 * time.Millisecond},
	}
	faults["node-pause"] = fault{
		run: nodesPaused, cluster: true, server: true, losing: true, bounds: Bounds{P2: true, Stuck: true, Stale: 1500 * time.Millisecond},
	}
	faults["atomic-slots"] = fault{run: moveSlotsAtOnce, cluster: true, server: true, bounds: Bounds{P2: true}}
	// Until the old master hears of the new one it serves who asks it.
	faults["takeover"] = fault{run: takeovers, cluster: true, server: true, losing: true, bounds: Bounds{P2: true, Stuck: true, Stale: 1500 * time.Millisecond}}
}

const masters = 3

// openCluster starts three masters, and a replica of the first.
func (r *round) openCluster(settings []string) error {
	r.cluster = true
	settings = append(settings, "cluster-enabled=yes", "cluster-node-timeout=2000", "cluster-replica-validity-factor=0", "cluster-require-full-coverage=no")
	for range masters + 1 {
		r.nodes = append(r.nodes, servers.Redis(r.t, settings...))
	}
	for i := range masters {
		if err := r.do(i, "CLUSTER", "ADDSLOTSRANGE", i*16384/masters, (i+1)*16384/masters-1); err != nil {
			return err
		}
	}
	for _, n := range r.nodes[1:] {
		host, port, err := net.SplitHostPort(n.Addr)
		if err != nil {
			return err
		}
		_, bus, err := net.SplitHostPort(net.JoinHostPort(host, n.BusPort))
		if err != nil {
			return err
		}
		if err := r.do(0, "CLUSTER", "MEET", host, port, bus); err != nil {
			return err
		}
	}
	first, err := r.ask(0, "CLUSTER", "MYID")
	if err != nil {
		return err
	}
	return eventually(func() error {
		for i := range r.nodes {
			info, err := r.ask(i, "CLUSTER", "INFO")
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:4") {
				return fmt.Errorf("node %d does not know the cluster: %w", i, err)
			}
		}
		return r.do(masters, "CLUSTER", "REPLICATE", first)
	})
}

func eventually(do func() error) error {
	for limit := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err := do(); err == nil || time.Now().After(limit) {
			return err
		}
	}
}

// ask sends one command to a node, and returns its answer as a text.
func (r *round) ask(node int, args ...any) (string, error) {
	c := redis.NewClient(&redis.Options{Addr: r.nodes[node].Addr, MaxRetries: -1})
	defer c.Close()
	return c.Do(context.Background(), args...).Text()
}

// moveSlots moves one slot after the other that holds rows to another master, with what is in it.
func moveSlots(ctx context.Context, r *round) error {
	return r.eachSlot(ctx, func(m move) (moved bool, err error) {
		if err := r.moveSlot(m.slot, m.from, m.to, m.ids); err != nil {
			return false, fmt.Errorf("move slot %d: %w", m.slot, err)
		}
		return true, nil
	})
}

// A move is of a slot from one master to another.
type move struct {
	bucket, slot, from, to int
	ids                    [masters]string
}

// eachSlot has one slot after the other that holds rows moved.
func (r *round) eachSlot(ctx context.Context, run func(m move) (moved bool, err error)) error {
	m := move{}
	for i := range m.ids {
		var err error
		if m.ids[i], err = r.ask(i, "CLUSTER", "MYID"); err != nil {
			return err
		}
	}
	owner := map[int]int{} // :: slot → node
	return every(ctx, 30*time.Millisecond, func() error {
		m.bucket = rand.IntN(64)
		c := redis.NewClient(&redis.Options{Addr: r.nodes[0].Addr, MaxRetries: -1})
		slot, err := c.ClusterKeySlot(ctx, fmt.Sprintf("{%d}", m.bucket)).Result()
		c.Close()
		if err != nil {
			return nil
		}
		m.slot = int(slot)
		var known bool
		if m.from, known = owner[m.slot]; !known {
			m.from = m.slot * masters / 16384
		}
		m.to = (m.from + 1 + rand.IntN(masters-1)) % masters
		moved, err := run(m)
		if moved {
			owner[m.slot] = m.to
			r.harm("moved")
		}
		return err
	})
}

func (r *round) moveSlot(slot, from, to int, ids [masters]string) error {
	if err := r.do(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]); err != nil {
		return err
	}
	if err := r.do(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(r.nodes[to].Addr)
	if err != nil {
		return err
	}
	c := redis.NewClient(&redis.Options{Addr: r.nodes[from].Addr, MaxRetries: -1})
	defer c.Close()
	for {
		keys, err := c.ClusterGetKeysInSlot(context.Background(), slot, 100).Result()
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		args := []any{"MIGRATE", host, port, "", 0, 5000, "REPLACE", "KEYS"}
		for _, k := range keys {
			args = append(args, k)
		}
		if err := c.Do(context.Background(), args...).Err(); err != nil && !strings.Contains(err.Error(), "NOKEY") {
			return err
		}
	}
	for _, node := range []int{to, from, masters - from - to} {
		if err := r.do(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]); err != nil {
			return err
		}
	}
	return nil
}

// failovers makes the replica a master, which asks the old one first, or if that one may be gone the other masters.
func failovers(ctx context.Context, r *round) error {
	replica := masters
	return every(ctx, 1500*time.Millisecond, func() error {
		how := []any{"CLUSTER", "FAILOVER", "FORCE"}
		r.do(replica, how[:2+rand.IntN(2)]...) // it may be a master by now, elected late
		wait(ctx, 500*time.Millisecond)
		if role, err := r.ask(replica, "INFO", "replication"); err == nil && strings.Contains(role, "role:master") {
			r.harm("failed over")
			replica = masters - replica
		}
		return nil
	})
}

// nodesBack kills a master, and starts it again with an older dump, when its replica has taken over or before.
func nodesBack(ctx context.Context, r *round) error {
	master := 0
	return every(ctx, time.Second, func() error {
		if err := r.do(master, "SAVE"); err != nil {
			return nil // it is saving what its replica is to have
		}
		wait(ctx, time.Duration(rand.IntN(700))*time.Millisecond)
		r.nodes[master].Kill(r.t)
		r.harm("killed")
		wait(ctx, time.Duration(rand.IntN(2))*5*time.Second)
		r.nodes[master].Start(r.t)
		return r.takenOver(&master)
	})
}

// nodesPaused stops a master, for less than the others wait for it or for more, and lets it go on as if nothing had been.
func nodesPaused(ctx context.Context, r *round) error {
	master := 0
	return every(ctx, time.Second, func() error {
		r.nodes[master].Pause(r.t)
		r.harm("paused")
		wait(ctx, time.Duration(1+3*rand.IntN(2))*time.Second+time.Duration(rand.IntN(1000))*time.Millisecond)
		r.nodes[master].Resume(r.t)
		return r.takenOver(&master)
	})
}

// takenOver sees whether the replica has become the master, and waits then until the old one follows it.
func (r *round) takenOver(master *int) error {
	role, err := r.ask(masters-*master, "INFO", "replication")
	if err != nil || !strings.Contains(role, "role:master") {
		return nil
	}
	r.harm("taken over")
	old := *master
	*master = masters - old
	return eventually(func() error {
		info, err := r.ask(old, "INFO", "replication")
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errors.New("the old master follows nobody")
		}
		return err
	})
}

// moveSlotsAtOnce is moveSlots where the servers can move a slot by themselves: as Valkey can, from 9.0.
func moveSlotsAtOnce(ctx context.Context, r *round) error {
	if _, err := r.ask(0, "CLUSTER", "GETSLOTMIGRATIONS"); err != nil && !strings.Contains(err.Error(), "unexpected type") {
		return nil // Redis cannot
	}
	return r.eachSlot(ctx, func(m move) (moved bool, err error) {
		if err := r.do(m.from, "CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", m.slot, m.slot, "NODE", m.ids[m.to]); err != nil {
			return false, nil // it is being moved still
		}
		return true, eventually(func() error {
			c := redis.NewClient(&redis.Options{Addr: r.nodes[m.from].Addr, MaxRetries: -1})
			defer c.Close()
			err := c.Exists(context.Background(), fmt.Sprintf("{%d}", m.bucket)).Err()
			if err == nil || !strings.HasPrefix(err.Error(), "MOVED") {
				return fmt.Errorf("slot %d has not moved: %w", m.slot, err)
			}
			return nil
		})
	})
}

// takeovers makes the replica a master which has not asked the old one, and then the old one again.
func takeovers(ctx context.Context, r *round) error {
	replica := masters
	return every(ctx, 1500*time.Millisecond, func() error {
		if err := r.do(replica, "CLUSTER", "FAILOVER", "TAKEOVER"); err != nil {
			return nil // it is not a replica yet
		}
		r.harm("taken over")
		replica = masters - replica
		return nil
	})
}
