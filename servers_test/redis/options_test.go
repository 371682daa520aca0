package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A client may have a cache of its own, which hears late of what others have changed. No step of ours is answered from it.
func TestClientSideCache(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := redis.NewClient(&redis.Options{Addr: server.Addr, ClientSideCacheConfig: &redis.ClientSideCacheConfig{}})
	t.Cleanup(func() { c.Close() })
	s, other := patient(c), patient(client(t, server))
	const board = "moneyclip:db:board"
	publish(t, other, board)
	none := &moneyclip.Marks{Writer: token(), Board: board} // of a write that touches no rule of its program
	one := slot("k")
	for i := range 50 {
		must1(s.Quarantine(t.Context(), none, time.Minute))
		want := publish(t, other, board, moneyclip.Notice{Text: fmt.Sprint(i), Life: time.Minute}).Version
		if got := must1(s.Release(t.Context(), none)); got != want {
			t.Fatalf("Release: got the version %q of before, want %q", got, want)
		}
		put(t, s, one, int64(i))
		wantHit(t, s, one, int64(i))
		marks := writer(one)
		quarantine(t, other, marks)
		wantMiss(t, s, one)
		release(t, other, marks)
		wantMiss(t, s, one)
	}
	if stats := c.CSCStats(); stats.Entries > 0 {
		t.Errorf("it has %d entries, of ours", stats.Entries)
	}
}

// Whatever a program has set for its client, the store goes by what it needs itself.
func TestClientOptions(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	for name, options := range map[string]*redis.Options{
		"the old protocol":             {Protocol: 2},
		"the old protocol, no name":    {Protocol: 2, DisableIdentity: true, ClientName: "program"},
		"no notifications":             {MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}},
		"time-outs of contexts":        {ContextTimeoutEnabled: true, ReadTimeout: -1, WriteTimeout: -1},
		"no time, and many tries":      {ReadTimeout: time.Nanosecond, MaxRetries: 10},
		"one connection":               {PoolSize: 1, PipelinePoolSize: -1},
		"connections that do not last": {ConnMaxLifetime: time.Millisecond},
		"first in, first out":          {PoolFIFO: true, MinIdleConns: 4},
		"another database":             {DB: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options.Addr = server.Addr
			c := redis.NewClient(options)
			t.Cleanup(func() { c.Close() })
			s := patient(c)
			one := slot(name)
			board := "moneyclip:db:" + name
			must(t, s.Healthy(t.Context()))
			for i := range int64(5) {
				put(t, s, one, i)
				eventually(t, "a hit", func() error { // while connections are made nothing is believed
					got, err := s.Get(t.Context(), one)
					if err == nil && spell(got) != spell(row(i)) {
						err = fmt.Errorf("got %q, want row %d", spell(got), i)
					}
					return err
				})
				want := publish(t, s, board, moneyclip.Notice{Text: fmt.Sprint(i), Life: time.Minute}).Version
				marks := writer(one)
				marks.Board = board
				if got := must1(s.Quarantine(t.Context(), marks, time.Minute)); got != want {
					t.Errorf("Quarantine: got the version %q, want %q", got, want)
				}
				wantBypass(t, s, one)
				release(t, s, marks)
				wantMiss(t, s, one)
			}
		})
	}
}

// A client of a cluster that reads from replicas, or from the nearest node, does not when it reads for us.
func TestClusterReadsFromMasters(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	ctx := t.Context()
	server := servers.Redis(t, "cluster-enabled=yes", "cluster-node-timeout=2000")
	replica := client(t, server)
	host, port, _ := net.SplitHostPort(server.Addr)
	must(t, c.clients[0].Do(ctx, "cluster", "meet", host, port, server.BusPort).Err())
	eventually(t, "there is a replica", func() error { return replica.Do(ctx, "cluster", "replicate", c.ids[0]).Err() })
	for name, options := range map[string]*redis.ClusterOptions{
		"read only":   {ReadOnly: true},
		"the nearest": {RouteByLatency: true},
		"any of them": {RouteRandomly: true},
	} {
		if servers.RaceDetector && options.RouteByLatency {
			continue // go-redis measures a node while it still sets it up
		}
		options.Addrs = []string{c.nodes[1].Addr}
		all := redis.NewClusterClient(options)
		t.Cleanup(func() { all.Close() })
		eventually(t, name+": the client knows the replica", func() error {
			all.ReloadState(ctx)
			n := 0
			err := all.ForEachSlave(ctx, func(context.Context, *redis.Client) error { n++; return nil })
			if err == nil && n == 0 {
				err = errors.New("it knows none")
			}
			return err
		})
		s := patient(all)
		for i := range 30 {
			one := slot(fmt.Sprint(name, i))
			put(t, s, one, 1)
			wantHit(t, s, one, 1)
			marks := writer(one)
			quarantine(t, s, marks)
			release(t, s, marks)
			wantMiss(t, s, one)
		}
	}
	stats := must1(replica.Info(ctx, "commandstats").Result())
	for _, command := range []string{"hmget", "evalsha", "eval"} {
		if strings.Contains(stats, "cmdstat_"+command+":") {
			t.Errorf("the replica was asked for %s", command)
		}
	}
}
