package redis_test

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// replicaOf adds a replica of a node to the cluster.
func (c *cluster) replicaOf(t *testing.T, node int) *redis.Client {
	t.Helper()
	server := servers.Redis(t, "cluster-enabled=yes", "cluster-node-timeout=2000", "cluster-replica-validity-factor=0")
	one := client(t, server)
	host, port, _ := net.SplitHostPort(server.Addr)
	must(t, c.clients[node].Do(t.Context(), "cluster", "meet", host, port, server.BusPort).Err())
	eventually(t, "the replica knows its master", func() error {
		return one.Do(t.Context(), "cluster", "replicate", c.ids[node]).Err()
	})
	eventually(t, "the replica is in step", func() error {
		if info := must1(one.Info(t.Context(), "replication").Result()); !contains(info, "master_link_status:up") {
			return errors.New(info)
		}
		return nil
	})
	return one
}

// A node of a cluster is gone, or hangs, and its replica has become the master: that is found out soon, although nobody says so. By
// itself go-redis looks once a minute.
func TestClusterFailover(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"killed", "paused"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t)
			ctx := t.Context()
			c.servesInParts(t)
			next := c.replicaOf(t, 0)
			// What the nodes are is asked of any of them, with the time-outs of the client.
			all := redis.NewClusterClient(&redis.ClusterOptions{
				Addrs: []string{c.nodes[1].Addr}, ReadTimeout: 500 * time.Millisecond, MaxRedirects: -1, MaxRetries: -1,
			})
			t.Cleanup(func() { all.Close() })
			s := redisstore.New(all)
			s.Grace = 0
			var one *moneyclip.Slot
			for i := 0; ; i++ {
				one = slot(fmt.Sprint("k", i))
				quarantine(t, s, writer(one))
				if must1(c.client.ClusterKeySlot(ctx, redisKeys(t, c.client, one).writers).Result())*3/slots == 0 {
					break
				}
			}
			if how == "killed" {
				c.nodes[0].Kill(t)
			} else {
				c.nodes[0].Pause(t)
			}
			var promoted time.Time
			eventually(t, "a write goes through", func() error {
				if promoted.IsZero() && contains(next.Info(ctx, "replication").Val(), "role:master") {
					promoted = time.Now()
				}
				_, err := s.Quarantine(ctx, writer(one), time.Minute)
				return err
			})
			if !promoted.IsZero() {
				t.Logf("it went through %v after the replica was promoted", time.Since(promoted))
			}
		})
	}
}
