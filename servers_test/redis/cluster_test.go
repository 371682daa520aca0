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

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/storetest"
)

const slots = 16384

// A cluster is three masters.
type cluster struct {
	nodes   []*servers.RedisServer
	clients []*redis.Client // of one node each
	ids     []string
	client  *redis.ClusterClient
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	ctx := t.Context()
	c := &cluster{}
	var addrs []string
	const n = 3
	for i := range n {
		s := servers.Redis(t, "cluster-enabled=yes", "cluster-node-timeout=2000")
		one := client(t, s)
		c.nodes, c.clients, addrs = append(c.nodes, s), append(c.clients, one), append(addrs, s.Addr)
		must(t, one.ClusterAddSlotsRange(ctx, i*slots/n, (i+1)*slots/n-1).Err())
		// Nodes that begin with one epoch settle it among themselves, some time: then one may take back a slot that it has just given away.
		must(t, one.Do(ctx, "cluster", "set-config-epoch", i+1).Err())
		c.ids = append(c.ids, must1(one.Do(ctx, "cluster", "myid").Text()))
	}
	for _, s := range c.nodes[1:] {
		host, port, _ := net.SplitHostPort(s.Addr)
		must(t, c.clients[0].Do(ctx, "cluster", "meet", host, port, s.BusPort).Err())
	}
	for _, one := range c.clients {
		eventually(t, "the cluster is up", func() error {
			info, err := one.ClusterInfo(ctx).Result()
			if err != nil {
				return err
			}
			known := one.Do(ctx, "cluster", "slots").Val().([]any)
			if len(known) != n || !contains(info, "cluster_state:ok") {
				return fmt.Errorf("%d ranges, %s", len(known), info)
			}
			return nil
		})
	}
	c.client = redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { c.client.Close() })
	return c
}

// servesInParts has the nodes that are there go on without one that is gone.
func (c *cluster) servesInParts(t *testing.T) {
	t.Helper()
	for _, one := range c.clients {
		must(t, one.ConfigSet(t.Context(), "cluster-require-full-coverage", "no").Err())
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	t.Run("Exercise", func(t *testing.T) {
		storetest.Exercise(t, storetest.Options{Open: func(*testing.T) moneyclip.Store { return patient(c.client) }})
	})
	for i, one := range c.clients {
		if n := must1(one.DBSize(t.Context()).Result()); n == 0 {
			t.Errorf("node %d has no keys: all went to others", i)
		}
	}
	must(t, patient(c.client).Healthy(t.Context()))
}

// A slot moves from one node to another: what is asked of it meanwhile is a miss, and what is written goes through.
func TestClusterMigration(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ip", "hostname"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			testClusterMigration(t, kind)
		})
	}
}

// testClusterMigration is that test where nodes name each other in one of the ways that they can.
func testClusterMigration(t *testing.T, endpoints string) {
	c := startCluster(t)
	ctx := t.Context()
	for _, one := range c.clients {
		must(t, one.ConfigSet(ctx, "cluster-announce-hostname", "localhost").Err())
		must(t, one.ConfigSet(ctx, "cluster-preferred-endpoint-type", endpoints).Err())
	}
	for _, one := range c.clients {
		eventually(t, "a node knows the names of the others", func() error {
			if nodes := fmt.Sprint(one.Do(ctx, "cluster", "slots").Val()); contains(nodes, "?") {
				return errors.New(nodes)
			}
			return nil
		})
	}
	s := patient(c.client)
	one := slot("k")
	put(t, s, one, 1)
	wantHit(t, s, one, 1)

	keys := redisKeys(t, c.client, one)
	number := int(must1(c.client.ClusterKeySlot(ctx, keys.key).Result()))
	from := number * 3 / slots
	to := (from + 1) % 3
	must(t, c.clients[to].Do(ctx, "cluster", "setslot", number, "importing", c.ids[from]).Err())
	must(t, c.clients[from].Do(ctx, "cluster", "setslot", number, "migrating", c.ids[to]).Err())
	wantHit(t, s, one, 1) // both keys are still there

	move := func(key string) {
		t.Helper()
		host, port, _ := net.SplitHostPort(c.nodes[to].Addr)
		must(t, c.clients[from].Migrate(ctx, host, port, key, 0, 5*time.Second).Err())
	}
	// M29: the key is here, its generations are there.
	move(keys.generations)
	wantMiss(t, s, one)
	if g := must1(s.Lease(ctx, one, token(), time.Minute, false)); g.Answer != moneyclip.AnswerBypass {
		t.Errorf("Lease: got answer %d, want bypass", g.Answer)
	}
	// The key is here. Its writers were nowhere, and so are to be there, as is the quarantine of the rule.
	writer := &moneyclip.Marks{Writer: token(), Keys: []string{string(one.Key)}, Generations: one.Generations[:1]}
	must1(s.Quarantine(ctx, writer, time.Minute))
	for _, key := range []string{keys.key, keys.writers} {
		if err := c.clients[from].Exists(ctx, key).Err(); err == nil || !strings.HasPrefix(err.Error(), "ASK ") {
			t.Errorf("%s is still there: %v", key, err)
		}
	}
	must1(s.Quarantine(ctx, writer, time.Minute)) // asks the other node for both
	must1(s.Release(ctx, writer))
	wantMiss(t, s, one)

	for _, node := range []int{to, from} {
		must(t, c.clients[node].Do(ctx, "cluster", "setslot", number, "node", c.ids[to]).Err())
	}
	eventually(t, "the slot's new node is found", func() error {
		g, err := s.Lease(ctx, one, token(), time.Minute, false)
		if err == nil && g.Answer != moneyclip.AnswerLease {
			err = fmt.Errorf("got answer %d", g.Answer)
		}
		if err == nil {
			var ok bool
			if ok, err = s.Fill(ctx, one, g.Lease, row(2), moneyclip.Age{Hard: time.Minute}); err == nil && !ok {
				err = fmt.Errorf("the fill was refused")
			}
		}
		return err
	})
	wantHit(t, s, one, 2)
	must1(s.Quarantine(ctx, writer, time.Minute))
	wantMiss(t, s, one)
	if n := must1(c.clients[to].Exists(ctx, keys.writers).Result()); n != 1 {
		t.Error("the writers are not on the new node")
	}
}

// While a slot moves, and before any of its keys has: what is not there yet is looked for on the other node.
func TestClusterMigrationBegins(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	ctx := t.Context()
	s := patient(c.client)
	s.WriteTimeout = 5 * time.Second
	one := slot("k")
	put(t, s, one, 1)
	keys := redisKeys(t, c.client, one)
	number := int(must1(c.client.ClusterKeySlot(ctx, keys.key).Result()))
	from := number * 3 / slots
	to := (from + 1) % 3
	at := func(state string) {
		t.Helper()
		for node, args := range map[int][]any{to: {"importing", c.ids[from]}, from: {"migrating", c.ids[to]}} {
			if state != "" {
				args = []any{state}
			}
			must(t, c.clients[node].Do(ctx, append([]any{"cluster", "setslot", number}, args...)...).Err())
		}
	}
	memory := func(most string) {
		t.Helper()
		for _, node := range []int{from, to} {
			must(t, c.clients[node].ConfigSet(ctx, "maxmemory", most).Err())
		}
	}
	at("")
	e, err := s.Entry(ctx, string(one.Key))
	if err != nil || len(e.Rows) != 1 || len(e.Writers) != 0 {
		t.Errorf("Entry: got %+v, %v", e, err)
	}
	memory("1mb")
	marks := writer(one)
	quarantine(t, s, marks)
	release(t, s, marks)
	memory("0")

	// A writer from before, and one who comes now. Were he on both nodes, his key could not be moved.
	at("stable")
	quarantine(t, s, writer(one))
	at("")
	quarantine(t, s, writer(one))
	host, port, _ := net.SplitHostPort(c.nodes[to].Addr)
	must(t, c.clients[from].Migrate(ctx, host, port, keys.writers, 0, 5*time.Second).Err())
}

// The node that has the keys is gone: others go on.
func TestClusterNodeGone(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	ctx := t.Context()
	c.servesInParts(t)
	s := patient(c.client)
	s.ReadTimeout, s.WriteTimeout = 2*time.Second, 2*time.Second
	places := map[int]*moneyclip.Slot{}
	for i := 0; len(places) < 3; i++ {
		one := slot(fmt.Sprint("k", i))
		put(t, s, one, 0)
		at := int(must1(c.client.ClusterKeySlot(ctx, redisKeys(t, c.client, one).key).Result())) * 3 / slots
		if places[at] == nil {
			places[at] = one
		}
	}
	c.nodes[1].Pause(t)
	defer c.nodes[1].Resume(t)
	if _, err := s.Get(ctx, places[1]); err == nil {
		t.Error("Get from a node that hangs: no error")
	}
	wantHit(t, s, places[0], 0)
	wantHit(t, s, places[2], 0)
	if _, err := s.Quarantine(ctx, &moneyclip.Marks{Writer: token(), Keys: []string{string(places[1].Key)}}, time.Minute); err == nil {
		t.Error("Quarantine on a node that hangs: no error")
	}
	began := time.Now()
	_, err := s.Get(context.Background(), places[1])
	if took := time.Since(began); err == nil || took > 100*time.Millisecond {
		t.Errorf("Get again: got %v after %v, want an error at once", err, took)
	}
}

// A client for one server that is sent to a cluster says so, and is not waited for.
func TestClusterIsNoServer(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	s := patient(c.clients[0])
	errs := map[string]bool{}
	for i := range 20 {
		if _, err := s.Quarantine(t.Context(), writer(slot(fmt.Sprint("k", i))), time.Minute); err != nil {
			errs[err.Error()] = true
		}
	}
	if want := "redisstore: Redis is a cluster, and the client is none for clusters"; len(errs) != 1 || !errs[want] {
		t.Errorf("got the errors %v, want %q", errs, want)
	}
}

// A node that comes back with an old copy of a board has lost what came after it; other nodes have kept the rows that were stored
// since. So the board is taken for lost, and so is a claim to it.
func TestClusterBoardComesBackOld(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	ctx := t.Context()
	c.servesInParts(t)
	s := patient(c.client)
	const board = "moneyclip:db:board"
	notice := func(text string) moneyclip.Notice { return moneyclip.Notice{Text: text, Life: time.Hour} }
	old := publish(t, s, board, notice("one")).Version
	at := int(must1(c.client.ClusterKeySlot(ctx, "moneyclip:{board}:db:board").Result())) * 3 / slots
	must(t, c.clients[at].Save(ctx).Err())
	now := publish(t, s, board, notice("two")).Version
	version := func() string { return must1(s.Release(ctx, &moneyclip.Marks{Board: board})) }
	if got := version(); old == now || got != now {
		t.Fatalf("the board is at %q, want %q, after %q", got, now, old)
	}
	c.nodes[at].Kill(t)
	c.nodes[at].Start(t)
	eventually(t, "the node is back", func() error {
		info, err := c.clients[at].ClusterInfo(ctx).Result()
		if err == nil && !contains(info, "cluster_state:ok") {
			err = errors.New(info)
		}
		return err
	})
	if got := must1(c.clients[at].HGet(ctx, "moneyclip:{board}:db:board", "version").Result()); got != old {
		t.Fatalf("the node has come back with the version %q, want the old one", got)
	}
	eventually(t, "the store finds the node", func() error { _, err := s.Release(ctx, &moneyclip.Marks{Board: board}); return err })
	if got := version(); got != "" {
		t.Errorf("the board is at %q, want none", got)
	}
	if b := must1(s.Publish(ctx, board, []moneyclip.Notice{notice("two")}, "")); b.Version != "" || b.Claim == "" {
		t.Errorf("got the board %+v, want a claim", b)
	}
	if got := publish(t, s, board, notice("two")).Version; got == "" || got == old || got == now {
		t.Errorf("the board is at %q again", got)
	}
}

// The version of a board is that of after all marks are set, wherever they are.
func TestClusterBoardComesLast(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	ctx := t.Context()
	s, other := patient(c.client), patient(c.client)
	nodeOf := func(key string) int { return int(must1(c.client.ClusterKeySlot(ctx, key).Result())) * 3 / slots }
	const board = "moneyclip:db:board"
	at := nodeOf("moneyclip:{board}:db:board")
	var away *moneyclip.Slot
	for i := 0; away == nil; i++ {
		one := slot(fmt.Sprint("k", i))
		put(t, s, one, 1)
		if nodeOf(redisKeys(t, c.client, one).key) != at {
			away = one
		}
	}
	marks := writer(away)
	marks.Board = board
	old := publish(t, other, board).Version
	quarantine(t, s, marks)
	hangs := c.nodes[nodeOf(redisKeys(t, c.client, away).key)]
	hangs.Pause(t)
	type answer struct {
		version string
		err     error
	}
	done := make(chan answer)
	go func() {
		version, err := s.Quarantine(ctx, marks, time.Minute)
		done <- answer{version, err}
	}()
	time.Sleep(300 * time.Millisecond) // for a store that would not wait
	now := publish(t, other, board, moneyclip.Notice{Text: "a", Life: time.Hour}).Version
	hangs.Resume(t)
	if got := <-done; got.err != nil || got.version != now || now == old {
		t.Errorf("Quarantine: got version %q, %v, want %q: it was %q before", got.version, got.err, now, old)
	}
}
