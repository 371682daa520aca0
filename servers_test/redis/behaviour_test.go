package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A counter counts what goes to a server in one piece, but for the store's own questions.
type counter struct {
	mu    sync.Mutex
	trips []string
	cut   bool // a connection is closed when it has sent a script, a claim or a quarantine
}

func (c *counter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &countedConn{conn, c}, err
}

type countedConn struct {
	net.Conn
	counter *counter
}

var commandName = regexp.MustCompile(`\*\d+\r\n\$\d+\r\n([a-z]+)\r\n`)

func (c *countedConn) Write(b []byte) (int, error) {
	var names []string
	for _, found := range commandName.FindAllSubmatch(b, -1) {
		if name := string(found[1]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 0 && !slices.Contains([]string{"info", "hello", "client"}, names[0]) {
		c.counter.mu.Lock()
		defer c.counter.mu.Unlock()
		c.counter.trips = append(c.counter.trips, strings.Join(names, " "))
		if c.counter.cut && slices.Contains([]string{"evalsha", "time", "hset"}, names[0]) {
			defer c.Close()
		}
	}
	return c.Conn.Write(b)
}

func (c *counter) want(t *testing.T, step string, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.trips, want) {
		t.Errorf("%s: got the round trips %q, want %q", step, c.trips, want)
	}
	c.trips = nil
}

// claim is the round trip of a lease, if all is as usual.
const claim = "time hsetnx pexpire hlen hmget hvals"

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	counter := &counter{}
	c := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr, Dialer: counter.dial})
	defer c.Close()
	s := patient(c)
	one, marks := slot("k"), writer(slot("k"), slot("l"), slot("m"))
	marks.Generations, marks.Board = one.Generations[:], "moneyclip:db:board"
	run := func() {
		t.Helper()
		counter.trips = nil
		wantMiss(t, s, one)
		counter.want(t, "Get", "hmget")
		l := lease(t, s, one)
		counter.want(t, "Lease", claim)
		must1(s.Fill(t.Context(), one, l, row(1), forLong))
		counter.want(t, "Fill", "hsetnx pexpireat hmget")
		wantHit(t, s, one, 1)
		counter.want(t, "Get", "hmget")
		quarantine(t, s, marks)
		counter.want(t, "Quarantine", "hset pexpire del evalsha hget")
		release(t, s, marks)
		counter.want(t, "Release", "del hdel evalsha hget")
		must(t, s.Abandon(t.Context(), one, lease(t, s, one)))
		counter.want(t, "Lease, Abandon", claim, "evalsha", "evalsha") // another has ended the generations
		publish(t, s, marks.Board)
		counter.want(t, "Publish", "evalsha")
		quarantine(t, s, &moneyclip.Marks{Writer: token()})
		counter.want(t, "Quarantine of nothing")
	}
	// The first time, the server gets the scripts.
	put(t, s, one, 1)
	quarantine(t, s, marks)
	release(t, s, marks)
	must(t, s.Abandon(t.Context(), one, lease(t, s, one)))
	publish(t, s, marks.Board)
	run()
}

// M21: a lease of which no answer came is not asked for again with its token: the first may come through late. What a
// write sends may be sent again.
func TestLeaseIsSentOnce(t *testing.T) {
	t.Parallel()
	counter := &counter{}
	c := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr, Dialer: counter.dial, MaxRetries: 5})
	defer c.Close()
	s := patient(c)
	one, marks := slot("k"), writer(slot("k"))
	put(t, s, one, 1)
	quarantine(t, s, marks)
	release(t, s, marks)
	set := func(cut bool) {
		counter.mu.Lock()
		defer counter.mu.Unlock()
		counter.cut, counter.trips = cut, nil
	}
	wantMiss(t, s, one)
	set(true)
	if _, err := s.Lease(t.Context(), one, token(), time.Minute, false); err == nil {
		t.Error("Lease: got no error, although the connection was cut")
	}
	counter.want(t, "Lease", claim)

	set(true)
	time.AfterFunc(3*time.Millisecond, func() { set(false) })
	quarantine(t, s, marks)
	wantBypass(t, s, one)
}

// A lease that nobody has waited for, because the server hung, does not keep others from the slot for as long as it lives.
func TestLeaseOfNobody(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := client(t, server)
	s, hurried := patient(c), patient(client(t, server))
	hurried.ReadTimeout = 100 * time.Millisecond
	for _, known := range []bool{false, true} { // by a script, and by plain commands
		one := slot("k")
		if known {
			eventually(t, "the generations are known", func() error {
				one = slot("l")
				return leases(t, hurried, one)()
			})
		}
		server.Pause(t)
		if _, err := hurried.Lease(t.Context(), one, token(), time.Minute, false); err == nil {
			t.Error("a server that hangs has answered")
		}
		server.Resume(t)
		began := time.Now()
		eventually(t, "the slot can be leased", leases(t, s, one))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("nobody could lease it for %v", took)
		}
	}
}

// A server that has forgotten the scripts gets them again.
func TestScriptsForgotten(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	flush := func() {
		t.Helper()
		must(t, c.ScriptFlush(t.Context()).Err())
	}
	one := slot("k")
	flush()
	l := lease(t, s, one)
	flush()
	if ok, err := s.Fill(t.Context(), one, l, row(1), forLong); !ok || err != nil {
		t.Fatalf("Fill: got %v, %v", ok, err)
	}
	wantHit(t, s, one, 1)
	var many []*moneyclip.Slot
	for i := range 300 {
		many = append(many, slot(fmt.Sprint("k", i)))
	}
	marks := writer(append(many, one)...)
	marks.Generations, marks.Board = []string{"moneyclip:db:@other"}, "moneyclip:db:board"
	flush()
	quarantine(t, s, marks)
	wantBypass(t, s, one)
	wantBypass(t, s, many[299])
	flush()
	release(t, s, marks)
	flush()
	must(t, s.Abandon(t.Context(), one, lease(t, s, one)))
	flush()
	board := publish(t, s, marks.Board, moneyclip.Notice{Text: "a", Life: time.Hour})
	if len(board.Notices) != 1 {
		t.Errorf("got the notices %q, want one", board.Notices)
	}
}

// A claim that the server has lost makes no board: another one may have been made and lost meanwhile.
func TestClaimLost(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	notice := []moneyclip.Notice{{Text: "a", Life: time.Hour}}
	board := func(claim string) moneyclip.Board {
		return must1(s.Publish(t.Context(), "moneyclip:db:board", notice, claim))
	}
	lost := board("").Claim
	publish(t, s, "moneyclip:db:board")
	if n := must1(c.Del(t.Context(), "moneyclip:{board}:db:board").Result()); n != 1 {
		t.Fatal("there was no board to lose")
	}
	again := board(lost)
	if again.Version != "" || again.Claim == "" || again.Claim == lost {
		t.Fatalf("got %v, want another claim", again)
	}
	if got := board(again.Claim); got.Version == "" || len(got.Notices) != 1 {
		t.Errorf("got %v, want a board", got)
	}
}

// Connections that the server has closed are no reason to fail.
func TestConnectionsKilled(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	admin := redis.NewClient(&redis.Options{Addr: c.Options().Addr})
	defer admin.Close()
	one, marks := slot("k"), writer(slot("k"))
	for range 5 {
		put(t, s, one, 1)
		must(t, admin.Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
		eventually(t, "a hit", func() error {
			got, err := s.Get(t.Context(), one)
			if err == nil && got == nil {
				err = errors.New("nothing")
			}
			return err
		})
		must(t, admin.Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
		quarantine(t, s, marks)
		must(t, admin.Do(t.Context(), "client", "kill", "type", "normal", "skipme", "yes").Err())
		release(t, s, marks)
	}
}

// usable waits until a store answers again.
func usable(t *testing.T, s moneyclip.Store) {
	t.Helper()
	eventually(t, "the store is back", func() error { return s.Healthy(t.Context()) })
}

// The server comes back without all that it had: nothing is stored for the grace time, and the quarantines of writers that
// are at work are put back.
func TestRestartEmpty(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	s := patient(client(t, server))
	one, written := slot("k"), slot("written")
	put(t, s, one, 1)
	marks := writer(written)
	quarantine(t, s, marks)
	server.Kill(t)
	server.Start(t)
	s2 := patient(client(t, server))
	s2.Grace = 5 * time.Second
	wantBypass(t, s2, one) // also for a process that knows nothing of before
	must(t, s2.Healthy(t.Context()))
	usable(t, s)
	wantMiss(t, s, one)
	eventually(t, "the quarantine is put back", func() error {
		g, err := s.Lease(t.Context(), written, token(), time.Minute, false)
		if err == nil && g.Answer != moneyclip.AnswerBypass {
			err = errors.New("there is none yet")
			s.Abandon(t.Context(), written, g.Lease)
		}
		return err
	})
	eventually(t, "the grace time is over", leases(t, s2, one))
	wantBypass(t, s2, written)
	release(t, s, marks)
	eventually(t, "the grace time is over in the other bucket", leases(t, s2, written)) // a server tells its age in whole seconds
	put(t, s2, written, 2)
	wantHit(t, s, written, 2)
}

// A server that has been up for longer than the grace time makes no new process wait.
func TestNoGraceWithoutReason(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	isOld(t, c)
	s := patient(c)
	s.Grace = 2 * time.Second
	put(t, s, slot("k"), 1)
	must(t, c.FlushAll(t.Context()).Err())
	put(t, s, slot("k"), 2)
}

// A server whose clock has gone back, as when it was wrong until the network was there, is in grace from then on, and not until it is as
// late again as it was.
func TestGraceAfterClockWentBack(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	isOld(t, c)
	s, other := patient(c), patient(c) // which does not know that it was over once
	s.Grace, other.Grace = time.Second, time.Second
	one := slot("k")
	put(t, s, one, 1)
	for _, hash := range must1(c.Keys(t.Context(), "*@").Result()) {
		since := must1(c.HGet(t.Context(), hash, "e").Result())
		later := strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10)
		must(t, c.HSet(t.Context(), hash, "e", since[:len(since)-len(later)]+later).Err())
	}
	two := slot("k")
	two.Field = []byte("another")
	wantBypass(t, other, two)
	eventually(t, "the grace time is over", leases(t, other, two))
}

// isOld waits until a server is up for more than two seconds.
func isOld(t *testing.T, c *redis.Client) {
	t.Helper()
	eventually(t, "the server is up for some time", func() error {
		if info := must1(c.Info(t.Context(), "server").Result()); regexp.MustCompile(`uptime_in_seconds:[012]\r`).MatchString(info) {
			return errors.New("not yet")
		}
		return nil
	})
}

// One that was promoted does, however long it has been up, for nobody knows when that was.
func TestGraceAfterPromotion(t *testing.T) {
	t.Parallel()
	_, c := replica(t, servers.Redis(t, "repl-diskless-sync-delay=0"))
	isOld(t, c)
	must(t, c.Do(t.Context(), "replicaof", "no", "one").Err())
	s := patient(c)
	s.Grace = 2 * time.Second
	one := slot("k")
	wantBypass(t, s, one)
	eventually(t, "the grace time is over", leases(t, s, one))
}

// N10: the server comes back with what it had some time ago.
func TestRestartWithOldDump(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := client(t, server)
	s := patient(c)
	one := slot("k")
	put(t, s, one, 1)
	must(t, c.Save(t.Context()).Err())
	marks := writer(one)
	quarantine(t, s, marks)
	release(t, s, marks)
	wantMiss(t, s, one)
	server.Kill(t)
	server.Start(t)
	usable(t, s)
	if redisKeys(t, c, one).key == "" {
		t.Fatal("the dump was not read: nothing is tested")
	}
	wantMiss(t, s, one)
	grace := patient(c)
	grace.Grace = time.Minute
	wantBypass(t, grace, one)
	put(t, s, one, 2)
	wantHit(t, s, one, 2)
}

// A switch is a client whose new connections go to the server that is the master now, as a Sentinel says it, or a name.
type toggle struct {
	mu   sync.Mutex
	addr string
}

func (s *toggle) to(addr string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr = addr
}

func (s *toggle) client(t *testing.T) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: "master:6379", Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		s.mu.Lock()
		addr := s.addr
		s.mu.Unlock()
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}})
	t.Cleanup(func() { c.Close() })
	return c
}

// replica starts a replica of a server that has all that the server has.
func replica(t *testing.T, of *servers.RedisServer) (*servers.RedisServer, *redis.Client) {
	t.Helper()
	host, port, _ := net.SplitHostPort(of.Addr)
	server := servers.Redis(t, "replicaof="+host+" "+port)
	c := client(t, server)
	eventually(t, "the replica is in step", func() error {
		if info := must1(c.Info(t.Context(), "replication").Result()); !strings.Contains(info, "master_link_status:up") {
			return errors.New(info)
		}
		return nil
	})
	return server, c
}

// A replica that lacks the last writes takes over: what it has from before is good no more, whichever of the client's
// connections is asked, and nothing is stored for the grace time.
func TestLaggingPromotion(t *testing.T) {
	t.Parallel()
	old := servers.Redis(t, "repl-diskless-sync-delay=0")
	next, admin := replica(t, old)
	to := &toggle{addr: old.Addr}
	c := to.client(t)
	s := patient(c)
	one, written := slot("k"), slot("written")
	put(t, s, one, 1)
	eventually(t, "the replica has the row", func() error {
		if n := admin.DBSize(t.Context()).Val(); n < 2 {
			return fmt.Errorf("%d keys", n)
		}
		return nil
	})
	must(t, admin.Do(t.Context(), "replicaof", "no", "one").Err())
	marks, open := writer(one), writer(written)
	quarantine(t, s, marks)
	release(t, s, marks)
	quarantine(t, s, open)
	if redisKeys(t, admin, one).key == "" {
		t.Fatal("the replica does not have the row from before: nothing is tested")
	}

	to.to(next.Addr)
	old.Kill(t)
	usable(t, s)
	wantMiss(t, s, one)
	grace := patient(c)
	grace.Grace = time.Minute
	wantBypass(t, grace, one)
	eventually(t, "the quarantine is put back", func() error {
		redisKey := ""
		for b := range 64 {
			if k := fmt.Sprintf("moneyclip:{%d}!db:written", b); admin.Exists(t.Context(), k).Val() == 1 {
				redisKey = k
			}
		}
		if redisKey == "" {
			return errors.New("it is not there")
		}
		return nil
	})
	wantBypass(t, s, written)
	release(t, s, open)
	put(t, s, written, 2)
}

// The master becomes a replica, and the connections stay: a write finds the new master within its time-out, and a read
// is not answered by what is no master.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	old := servers.Redis(t, "repl-diskless-sync-delay=0")
	next, admin := replica(t, old)
	to := &toggle{addr: old.Addr}
	s := patient(to.client(t))
	one := slot("k")
	put(t, s, one, 1)
	wantHit(t, s, one, 1)
	must(t, admin.Do(t.Context(), "replicaof", "no", "one").Err())
	to.to(next.Addr)
	host, port, _ := net.SplitHostPort(next.Addr)
	must(t, client(t, old).Do(t.Context(), "replicaof", host, port).Err())
	marks := writer(one)
	quarantine(t, s, marks)
	release(t, s, marks)
	wantMiss(t, s, one)
	put(t, s, one, 2)
	eventually(t, "it is there", func() error { // while connections to the new master are made nothing is believed
		got, err := s.Get(t.Context(), one)
		if err == nil && spell(got) != spell(row(2)) {
			err = fmt.Errorf("got %q", spell(got))
		}
		return err
	})
}

// The master becomes a replica, and some connections to it stay: nothing is looked up on them, for it lags behind.
func TestConnectionsFromBefore(t *testing.T) {
	t.Parallel()
	old := servers.Redis(t, "repl-diskless-sync-delay=0")
	next, admin := replica(t, old)
	to := &toggle{addr: old.Addr}
	s, others := patient(to.client(t)), patient(client(t, next))
	one := slot("k")
	put(t, s, one, 1)
	wantHit(t, s, one, 1)
	must(t, admin.Do(t.Context(), "replicaof", "no", "one").Err())
	to.to(next.Addr)
	host, port, _ := net.SplitHostPort(next.Addr)
	lags := client(t, old)
	must(t, lags.Do(t.Context(), "replicaof", host, port).Err())
	eventually(t, "a row is stored on the new master", func() error {
		g, err := s.Lease(t.Context(), one, token(), time.Minute, false) // on the connection that it has for scripts
		if err != nil || g.Answer != moneyclip.AnswerLease {
			return fmt.Errorf("got answer %d, %v", g.Answer, err)
		}
		ok, err := s.Fill(t.Context(), one, g.Lease, row(2), forLong)
		if err == nil && !ok {
			err = errors.New("it is not filled")
		}
		return err
	})
	eventually(t, "the replica has it too", func() error {
		if n := lags.HLen(t.Context(), redisKeys(t, admin, one).key).Val(); n != 2 { // the row, and the lease by which it counts
			return fmt.Errorf("%d fields", n)
		}
		return nil
	})
	must(t, lags.Do(t.Context(), "replicaof", "127.0.0.1", "1").Err())
	marks := writer(one)
	quarantine(t, others, marks)
	release(t, others, marks)
	for range 10 {
		wantMiss(t, s, one)
	}
}

// opaque connections are of a kind that go-redis cannot look into, as those over TLS are.
type opaque struct{ net.Conn }

// When connections are left because another server has become the master, no command of ours fails for it.
func TestOpaqueConnections(t *testing.T) {
	t.Parallel()
	addr := servers.Redis(t).Addr
	c := redis.NewClient(&redis.Options{Addr: addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return opaque{conn}, err
	}})
	defer c.Close()
	s := patient(c)
	put(t, s, slot("k"), 1)
	var all sync.WaitGroup
	for range 20 { // at the same time, of both pools
		all.Go(func() { c.BLPop(t.Context(), time.Second, "nothing") })
		all.Go(func() {
			p := c.Pipeline()
			p.BLPop(t.Context(), time.Second, "nothing")
			p.Exec(t.Context())
		})
	}
	all.Wait()
	wantHit(t, s, slot("k"), 1)
	before := c.PoolStats().TotalConns
	must(t, client(t, &servers.RedisServer{Addr: addr}).Do(t.Context(), "debug", "change-repl-id").Err())
	for began := time.Now(); time.Since(began) < 2*time.Second; time.Sleep(2 * time.Millisecond) {
		must1(s.Get(t.Context(), slot("k")))
		must1(s.Quarantine(t.Context(), writer(slot("l")), time.Minute))
		must(t, s.Abandon(t.Context(), slot("m"), must1(s.Lease(t.Context(), slot("m"), token(), time.Millisecond, false)).Lease))
	}
	if after := c.PoolStats().TotalConns; before < 20 || after > before-10 {
		t.Errorf("there were %d connections and are %d: they were not left, and nothing is tested", before, after)
	}
}

// Where no server is the master, connections are not made again and again.
func TestNoMaster(t *testing.T) {
	t.Parallel()
	next, _ := replica(t, servers.Redis(t, "repl-diskless-sync-delay=0"))
	var dials atomic.Int64
	c := redis.NewClient(&redis.Options{Addr: next.Addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	defer c.Close()
	s := patient(c)
	var all sync.WaitGroup
	began := time.Now()
	for range 4 {
		all.Go(func() {
			for time.Since(began) < time.Second {
				if _, err := s.Get(t.Context(), slot("k")); err == nil {
					t.Error("Get from a replica: no error")
				}
			}
		})
	}
	all.Wait()
	if n := dials.Load(); n > 30 {
		t.Errorf("%d connections were made in a second", n)
	}
}

// A gate is a dialer whose connections wait before they send what the gate is shut for.
type gate struct {
	mu      sync.Mutex
	shut    string
	reached chan struct{} // closed when something waits
	opened  chan struct{}
}

func (g *gate) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return gatedConn{conn, g}, err
}

// close has the first piece wait that holds a text.
func (g *gate) close(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.reached, g.opened = text, make(chan struct{}), make(chan struct{})
}

type gatedConn struct {
	net.Conn
	gate *gate
}

func (c gatedConn) Write(b []byte) (int, error) {
	c.gate.mu.Lock()
	waits := c.gate.shut != "" && strings.Contains(string(b), c.gate.shut)
	if waits {
		c.gate.shut = ""
		close(c.gate.reached)
	}
	opened := c.gate.opened
	c.gate.mu.Unlock()
	if waits {
		<-opened
	}
	return c.Conn.Write(b)
}

// A quarantine is put back because the server is another one, and its writer makes it longer meanwhile: the shorter one
// that comes late does not end the longer one.
func TestPutBackIsNoEnd(t *testing.T) {
	t.Parallel()
	g := &gate{}
	c := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr, Dialer: g.dial})
	defer c.Close()
	admin := client(t, &servers.RedisServer{Addr: c.Options().Addr})
	s := patient(c)
	one, wide := slot("k"), slot("l")
	wide.Generations[0] = "moneyclip:db:@other"
	marks := writer(one)
	marks.Generations = wide.Generations[:1]
	put(t, s, one, 1)
	const short = 3 * time.Second
	must1(s.Quarantine(t.Context(), marks, short))
	g.close("evalsha")
	must(t, admin.Do(t.Context(), "debug", "change-repl-id").Err())
	<-g.reached
	quarantine(t, s, marks)
	close(g.opened)
	// It has come through when a release, which waits for it, has.
	last := *marks
	last.Keys, last.Generations = nil, nil
	release(t, s, &last)
	key, now := redisKeys(t, admin, one), must1(admin.Time(t.Context()).Result())
	till, err := strconv.ParseInt(must1(admin.HGet(t.Context(), key.generations, "q:"+wide.Generations[0]).Result())[16:], 10, 64)
	must(t, err)
	for of, left := range map[string]time.Duration{
		"rule":         time.UnixMilli(till).Sub(now),
		"key":          must1(admin.PTTL(t.Context(), key.writers).Result()),
		"key's writer": time.Duration(must1(admin.HGet(t.Context(), key.writers, string(marks.Writer[:])).Int64())) * time.Millisecond,
	} {
		if left < 2*short {
			t.Errorf("the quarantine of the %s ends in %v, although it was made to last for a minute", of, left)
		}
	}
	eventually(t, "it is told on a connection of now", func() error {
		_, err := s.Lease(t.Context(), one, token(), time.Minute, false)
		return err
	})
	wantBypass(t, s, one)
	wantBypass(t, s, wide)
}

// documented is the command in doc.go that makes a user.
func documented(t *testing.T) (args []any) {
	t.Helper()
	text := string(must1(os.ReadFile("../../redisstore/doc.go")))
	line := regexp.MustCompile(`(?s)ACL SETUSER.*?\n//\n`).FindString(text)
	for _, word := range strings.Fields(strings.ReplaceAll(line, "//", "")) {
		args = append(args, word)
	}
	if len(args) < 10 {
		t.Fatalf("doc.go has no such line: %q", line)
	}
	return args
}

// restricted are two clients of a server: one that may do everything, and one of a user as doc.go wants him.
func restricted(t *testing.T) (admin, user *redis.Client) {
	t.Helper()
	admin = client(t, servers.Redis(t))
	must(t, admin.Do(t.Context(), documented(t)...).Err())
	user = redis.NewClient(&redis.Options{Addr: admin.Options().Addr, Username: "moneyclip", Password: "password"})
	t.Cleanup(func() { user.Close() })
	return admin, user
}

// What doc.go says that a user needs is what it needs.
func TestACL(t *testing.T) {
	t.Parallel()
	admin, c := restricted(t)
	s := patient(c)
	one, marks := slot("k"), writer(slot("k"))
	marks.Generations, marks.Board = one.Generations[:], "moneyclip:db:board"
	must(t, s.Healthy(t.Context()))
	for i := range 70 {
		field := slot("k")
		field.Field = fmt.Append(nil, i)
		put(t, s, field, 1)
	}
	put(t, s, one, 1)
	wantHit(t, s, one, 1)
	g := must1(s.Lease(t.Context(), one, token(), time.Minute, true))
	must1(s.Fill(t.Context(), one, g.Lease, row(2), forLong))
	wantHit(t, s, one, 2)
	publish(t, s, marks.Board, moneyclip.Notice{Text: "a", Life: time.Millisecond})
	time.Sleep(5 * time.Millisecond)
	publish(t, s, marks.Board)
	quarantine(t, s, marks)
	quarantine(t, s, writer(one))
	release(t, s, marks)
	must(t, s.Abandon(t.Context(), slot("l"), lease(t, s, slot("l"))))
	key := redisKeys(t, admin, one)
	must(t, admin.Del(t.Context(), key.key).Err())
	must(t, admin.Set(t.Context(), key.key, "foreign", time.Minute).Err())
	quarantine(t, s, marks)

	// With less, the error says what is missing, and nothing else.
	must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "-hmget").Err())
	eventually(t, "the server says no", func() error {
		if _, err := s.Get(t.Context(), one); err == nil || !strings.Contains(err.Error(), "NOPERM") {
			return fmt.Errorf("got %v", err)
		}
		return nil
	})
	_, err := s.Get(t.Context(), one)
	if want := "redisstore: get: Redis answers NOPERM for hmget"; err == nil || err.Error() != want {
		t.Errorf("got the error %v, want %q", err, want)
	}
	must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "+hmget", "-time").Err())
	_, err = s.Lease(t.Context(), one, token(), time.Minute, true)
	redis, valkey := "redisstore: lease: Redis answers NOPERM in a script", "redisstore: lease: Redis answers NOPERM for time"
	if err == nil || err.Error() != redis && err.Error() != valkey {
		t.Errorf("got the error %v, want %q, or of Valkey %q", err, redis, valkey)
	}
}

// What a user may not read is not taken for something that somebody else has put there: nothing is dropped for it.
func TestMayNotRead(t *testing.T) {
	t.Parallel()
	admin, c := restricted(t)
	s := patient(c)
	const board = "moneyclip:db:board"
	publish(t, s, board, moneyclip.Notice{Text: "a", Life: time.Hour})
	one, wide := slot("k"), slot("l")
	put(t, s, one, 1)
	renewal := must1(s.Lease(t.Context(), one, token(), time.Minute, true)).Lease
	put(t, s, wide, 2)
	marks := writer(wide)
	quarantine(t, s, marks)
	wantBypass(t, s, wide)
	other := patient(c) // which asks with the script
	all := func() (keys []string) {
		for _, key := range must1(admin.Keys(t.Context(), "*").Result()) {
			keys = append(keys, fmt.Sprint(key, admin.HGetAll(t.Context(), key).Val()))
		}
		slices.Sort(keys)
		return keys
	}
	before := all()
	for _, command := range []string{"hget", "hmget", "hkeys", "hgetall"} {
		must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "-"+command).Err())
		for _, at := range []*moneyclip.Slot{one, wide} {
			for _, renew := range []bool{true, false} {
				if g, err := other.Lease(t.Context(), at, token(), time.Minute, renew); err == nil && g.Answer == moneyclip.AnswerLease {
					t.Errorf("-%s: %s is leased while a writer or a reader is at work", command, at.Key)
				}
			}
		}
		s.Publish(t.Context(), board, nil, "")
		if command == "hget" {
			if ok, err := s.Fill(t.Context(), one, renewal, row(3), forLong); ok || err == nil || !contains(err.Error(), "NOPERM") {
				t.Errorf("a renewal: got %v, %v, want NOPERM", ok, err)
			}
			if err := s.Abandon(t.Context(), one, renewal); err == nil || !contains(err.Error(), "NOPERM") {
				t.Errorf("Abandon: got %v, want NOPERM", err)
			}
		}
		if after := all(); !slices.Equal(after, before) {
			t.Fatalf("-%s: there is\n%q\nand was\n%q", command, after, before)
		}
		must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "+"+command).Err())
	}
	wantHit(t, s, one, 1)
	release(t, s, marks)
	put(t, s, wide, 3)
}

// A lease that was put there before the server refused to say more, and so was granted to nobody, does not keep others from the slot for as
// long as it lives.
func TestLeaseRefusedHalfway(t *testing.T) {
	t.Parallel()
	admin, c := restricted(t)
	s := patient(c)
	for _, command := range []string{"hvals", "hgetall"} { // the claim's last word, and the script's after it
		one := slot(command)
		put(t, s, one, 1)
		key := redisKeys(t, admin, one).key
		write(t, s, one)
		if command == "hgetall" {
			quarantine(t, s, writer(one))
		}
		must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "-"+command).Err())
		if _, err := s.Lease(t.Context(), one, token(), time.Minute, false); err == nil || !contains(err.Error(), "NOPERM") {
			t.Errorf("Lease: got the error %v, want NOPERM", err)
		}
		if !admin.HExists(t.Context(), key, "l:field").Val() {
			t.Fatal("there is no lease: nothing is tested")
		}
		eventually(t, command+": the lease is given back", func() error {
			if left := admin.HGetAll(t.Context(), key).Val(); len(left) > 0 {
				return fmt.Errorf("there is %q", left)
			}
			return nil
		})
		must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "+"+command).Err())
	}
}

// A server that lets nobody in any more does nothing, and nothing counts as done.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	admin := client(t, server)
	must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "on", ">password", "~*", "+@all").Err())
	c := redis.NewClient(&redis.Options{Addr: server.Addr, Username: "moneyclip", Password: "password"})
	defer c.Close()
	s := patient(c)
	one := slot("k")
	put(t, s, one, 1)
	wantHit(t, s, one, 1)
	must(t, admin.Do(t.Context(), "acl", "setuser", "moneyclip", "resetpass", ">another").Err())
	must(t, admin.Do(t.Context(), "client", "kill", "user", "moneyclip").Err())
	if _, err := s.Quarantine(t.Context(), writer(one), time.Minute); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("Quarantine: got the error %v, want WRONGPASS", err)
	}
	if _, err := s.Release(t.Context(), writer(one)); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("Release: got the error %v, want WRONGPASS", err)
	}
	if err := s.Healthy(t.Context()); err == nil || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("Healthy: got the error %v, want WRONGPASS", err)
	}
	if got, err := s.Get(t.Context(), one); err == nil {
		t.Errorf("Get: got %q and no error", spell(got))
	}
}

// Memory is full: nothing more is stored, and writes drop what they touch.
func TestMemoryFull(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t, "maxmemory-policy=noeviction"))
	s := patient(c)
	one, two := slot("k"), slot("l")
	put(t, s, one, 1)
	leased := lease(t, s, two)
	must(t, c.ConfigSet(t.Context(), "maxmemory", "1mb").Err())
	if _, err := s.Lease(t.Context(), slot("m"), token(), time.Minute, false); err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Fatalf("Lease: got %v, want an error: memory is not full, and nothing is tested", err)
	}
	if ok, err := s.Fill(t.Context(), two, leased, row(2), forLong); ok || err == nil {
		t.Errorf("Fill: got %v, %v, want an error", ok, err)
	}
	wantHit(t, s, one, 1)
	marks := writer(one)
	marks.Generations = one.Generations[:]
	quarantine(t, s, marks)
	wantMiss(t, s, one)
	release(t, s, marks)
	must(t, s.Abandon(t.Context(), two, leased))
	must(t, c.ConfigSet(t.Context(), "maxmemory", "0").Err())
	wantMiss(t, s, one)
	put(t, s, one, 2)
}

// T2: no key is without an expiry, whatever was done with it.
func TestExpiry(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	check := func(after string) {
		t.Helper()
		keys := must1(c.Keys(t.Context(), "*").Result())
		for _, k := range keys {
			if !strings.HasPrefix(k, "moneyclip:") {
				t.Errorf("after %s: the key %q is not in the namespace", after, k)
			}
			if d := must1(c.PTTL(t.Context(), k).Result()); d == -1 {
				t.Errorf("after %s: %s has no expiry", after, k)
			}
		}
		if len(keys) == 0 && after != "a release of nothing" {
			t.Errorf("after %s: there are no keys", after)
		}
	}
	one, other := slot("k"), slot("k")
	other.Field = []byte("other")
	marks := writer(one)
	marks.Generations = one.Generations[:]
	release(t, s, marks)
	check("a release of nothing")
	quarantine(t, s, marks)
	check("a quarantine")
	quarantine(t, s, writer(one))
	release(t, s, marks)
	check("a release with another writer there")
	must(t, c.FlushAll(t.Context()).Err())
	l := lease(t, s, one)
	check("a lease")
	must1(s.Fill(t.Context(), one, l, row(1), moneyclip.Age{Hard: time.Hour, Soft: time.Minute}))
	check("a fill")
	put(t, s, other, 2)
	check("a second fill")
	key := redisKeys(t, c, one).key
	if d := must1(c.PTTL(t.Context(), key).Result()); d > time.Minute {
		t.Errorf("the key lives for %v, although one of its rows may live for a minute", d)
	}
	g := must1(s.Lease(t.Context(), one, token(), time.Minute, true))
	must1(s.Fill(t.Context(), one, g.Lease, row(3), moneyclip.Age{Hard: time.Hour}))
	check("a refresh")
	if d := must1(c.PTTL(t.Context(), key).Result()); d < 59*time.Minute {
		t.Errorf("the key lives for %v, although its row was renewed for an hour", d)
	}
	publish(t, s, "moneyclip:db:board")
	check("a board")
	publish(t, s, "moneyclip:db:board", moneyclip.Notice{Text: "a", Life: 1000 * time.Hour})
	check("a notice")
	if d := must1(c.PTTL(t.Context(), "moneyclip:{board}:db:board").Result()); d < 1000*time.Hour {
		t.Errorf("the board lives for %v, its notice for 1000 h", d)
	}
	quarantine(t, s, marks)
	release(t, s, marks)
	check("all")
}

// A server that hangs costs one time-out. It is found within a second when it is back.
func TestServerHangs(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	s := patient(client(t, server))
	s.ReadTimeout, s.WriteTimeout = 500*time.Millisecond, 800*time.Millisecond
	one, marks := slot("k"), writer(slot("l"))
	put(t, s, one, 1)
	wantHit(t, s, one, 1)
	server.Pause(t)
	timed := func(step string, least, most time.Duration, do func() error) {
		t.Helper()
		began := time.Now()
		err := do()
		if took := time.Since(began); err == nil || took < least || took > most {
			t.Errorf("%s: got %v after %v, want an error after %v to %v", step, err, took, least, most)
		}
	}
	get := func() error { _, err := s.Get(t.Context(), one); return err }
	write := func() error { _, err := s.Quarantine(t.Context(), marks, time.Minute); return err }
	// A caller who does not wait is no sign of anything.
	late := true
	for given := 50 * time.Millisecond; late && given <= 200*time.Millisecond; given *= 2 { // a busy machine has no part in that
		short, cancel := context.WithTimeout(t.Context(), given)
		timed("Get, with little time", given/3, 5*given, func() error {
			_, err := s.Get(short, one)
			return err
		})
		late = short.Err() != nil
		cancel()
	}
	if late {
		t.Error("a read has left its caller no time for the database")
	}
	timed("Get", 400*time.Millisecond, 750*time.Millisecond, get)
	for range 5 {
		timed("Get again", 0, 100*time.Millisecond, get)
		timed("Lease", 0, 100*time.Millisecond, func() error {
			_, err := s.Lease(t.Context(), one, token(), time.Minute, false)
			return err
		})
	}
	timed("Quarantine", 700*time.Millisecond, 1100*time.Millisecond, write)
	timed("Quarantine again", 0, 100*time.Millisecond, write)
	timed("Release", 0, 100*time.Millisecond, func() error { _, err := s.Release(t.Context(), marks); return err })
	timed("Healthy", 0, 100*time.Millisecond, func() error { return s.Healthy(t.Context()) })
	server.Resume(t)
	began := time.Now()
	eventually(t, "reads and writes work", func() error {
		if err := write(); err != nil {
			return err
		}
		return get()
	})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("recovered after %v", took)
	} else {
		t.Logf("recovered after %v", took)
	}
	wantHit(t, s, one, 1)
}

// A server that was never reached, whose connections hang, costs one time-out too.
func TestNeverMet(t *testing.T) {
	t.Parallel()
	c := redis.NewClient(&redis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done() // as nobody answers
		return nil, ctx.Err()
	}})
	t.Cleanup(func() { c.Close() })
	s := patient(c)
	s.WriteTimeout = time.Second
	for i, most := range []time.Duration{3 * time.Second, 200 * time.Millisecond, 200 * time.Millisecond} {
		began := time.Now()
		_, err := s.Quarantine(t.Context(), writer(slot("k")), time.Minute)
		if took := time.Since(began); err == nil || took > most {
			t.Errorf("write %d: got %v after %v, want an error within %v", i, err, took, most)
		}
	}
}

// A server that is gone is not dialed for every read.
func TestServerGone(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := client(t, server)
	s := patient(c)
	put(t, s, slot("k"), 1)
	server.Kill(t)
	eventually(t, "reads fail at once", func() error {
		began := time.Now()
		_, err := s.Get(t.Context(), slot("k"))
		if err == nil || !strings.Contains(err.Error(), "does not answer") || time.Since(began) > 50*time.Millisecond {
			return fmt.Errorf("got %v after %v", err, time.Since(began))
		}
		return nil
	})
	server.Start(t)
	began := time.Now()
	usable(t, s)
	t.Logf("recovered after %v", time.Since(began))
	put(t, s, slot("k"), 2)
}

// What anybody has put in place of a value, a lease or a generation is a miss, and the next reader puts it in order.
func TestCorrupted(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	ctx := t.Context()
	one := slot("k")
	put(t, s, one, 1)
	at := redisKeys(t, c, one)
	const field = "v:field"
	good := must1(c.HGet(ctx, at.key, field).Result())
	heals := func(what string) {
		t.Helper()
		if got, err := s.Get(ctx, one); err != nil || got != nil && spell(got) != spell(row(1)) {
			t.Fatalf("%s: got %q, %v, want a miss", what, spell(got), err)
		}
		for try := 0; ; try++ {
			g, err := s.Lease(ctx, one, token(), time.Minute, false)
			if err != nil || try == 3 {
				t.Fatalf("%s: Lease: got answer %d, %v", what, g.Answer, err)
			}
			if g.Answer == moneyclip.AnswerValue && spell(g.Row) != spell(row(1)) {
				t.Fatalf("%s: Lease: got %q", what, spell(g.Row))
			}
			if g.Answer == moneyclip.AnswerBypass {
				continue
			}
			if g.Answer == moneyclip.AnswerLease {
				if ok, err := s.Fill(ctx, one, g.Lease, row(1), forLong); err != nil || !ok {
					t.Fatalf("%s: Fill: got %v, %v", what, ok, err)
				}
			}
			break
		}
		wantHit(t, s, one, 1)
	}
	for i := range len(good) {
		damaged := []byte(good)
		damaged[i] ^= 0x15
		must(t, c.HSet(ctx, at.key, field, damaged).Err())
		heals(fmt.Sprintf("byte %d changed", i))
		good = must1(c.HGet(ctx, at.key, field).Result())
		must(t, c.HSet(ctx, at.key, field, good[:i]).Err())
		heals(fmt.Sprintf("cut after byte %d", i))
		good = must1(c.HGet(ctx, at.key, field).Result())
	}
	for _, junk := range []string{"", "x", strings.Repeat("1", 99), good + "x", good + strings.Repeat("x", 9<<20)} {
		must(t, c.HSet(ctx, at.key, field, junk).Err())
		heals(fmt.Sprintf("a value of %d bytes", len(junk)))
	}
	for _, junk := range []string{"", "x", strings.Repeat("x", 115), strings.Repeat("1", 28)} {
		must(t, c.Del(ctx, at.key).Err())
		must(t, c.HSet(ctx, at.key, "l:field", junk).Err())
		heals(fmt.Sprintf("a lease is %q", junk))
	}
	for _, junk := range []string{"", "x", "@", "@x", "@1", "-1", "0", "1e400", "99999999999999999999", "@99999999999999999999", "nan", "inf"} {
		must(t, c.HSet(ctx, at.writers, "0123456789abcdef", junk).Err())
		heals(fmt.Sprintf("a writer's time is %q", junk))
	}
	for _, name := range []string{"n:" + one.Generations[0], "n:" + one.Generations[1], "q:" + one.Generations[0], "e"} {
		for _, junk := range []string{"", "x", strings.Repeat("x", 53)} {
			must(t, c.HSet(ctx, at.generations, name, junk).Err())
			heals(fmt.Sprintf("%s is %q", name, junk))
		}
	}
	for _, key := range []string{at.key, at.writers, at.generations} {
		must(t, c.Set(ctx, key, "foreign", time.Minute).Err())
		heals("a foreign key")
	}

	// Nor does that keep writers from what they have to do.
	for _, key := range []string{at.key, at.writers} {
		must(t, c.Set(ctx, key, "foreign", time.Minute).Err())
		marks := writer(one)
		quarantine(t, s, marks)
		wantBypass(t, s, one)
		must(t, c.Set(ctx, key, "foreign", time.Minute).Err())
		release(t, s, marks)
		heals("a foreign key after a release")
	}
}

// A key is in quarantine for as long as one of its writers holds it. One that was broken off holds it for as long as he was to, from
// when somebody has asked for it, and no longer, however many come after him.
func TestWriters(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	ctx := t.Context()
	one := slot("k")
	put(t, s, one, 1)
	writers := redisKeys(t, c, one).writers
	const hold = 500 * time.Millisecond
	brokenOff, other := writer(one), writer(one)
	must1(s.Quarantine(ctx, brokenOff, hold))
	quarantine(t, s, other) // for a minute
	must1(s.Quarantine(ctx, writer(one), time.Millisecond))
	wantBypass(t, s, one)
	time.Sleep(hold)
	wantBypass(t, s, one)
	release(t, s, other)
	wantMiss(t, s, one)
	put(t, s, one, 2)
	if n := must1(c.Exists(ctx, writers).Result()); n != 0 {
		t.Errorf("the writers %v are there still", must1(c.HGetAll(ctx, writers).Result()))
	}

	// One who has come only just now, and of whom nothing else is said yet.
	must(t, c.HSet(ctx, writers, "0123456789abcdef", 60000).Err())
	wantBypass(t, s, one)
	if left := must1(c.PTTL(ctx, writers).Result()); left < 0 {
		t.Error("the writers have no expiry")
	}
	release(t, s, other) // of others
	wantBypass(t, s, one)
}

// A quarantine that is put back does not end earlier than it was to, although the server has one that does.
func TestPutBackIsLonger(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	for i, had := range []string{"500", "@%d"} {
		one := slot(fmt.Sprint("k", i))
		put(t, s, one, 1)
		marks := writer(one)
		quarantine(t, s, marks) // for a minute
		at := redisKeys(t, c, one).writers
		if i == 1 {
			had = fmt.Sprintf(had, must1(c.Time(t.Context()).Result()).Add(500*time.Millisecond).UnixMilli())
		}
		must(t, c.HSet(t.Context(), at, string(marks.Writer[:]), had).Err())
		must(t, c.Do(t.Context(), "debug", "change-repl-id").Err())
		eventually(t, "it is put back", func() error {
			if _, err := s.Get(t.Context(), one); err != nil {
				return err
			}
			if now := c.HGet(t.Context(), at, string(marks.Writer[:])).Val(); now == had {
				return errors.New("it is as it was")
			}
			return nil
		})
		wantBypass(t, s, one)
		time.Sleep(600 * time.Millisecond)
		wantBypass(t, s, one)
	}
}

// A quarantine that nobody renews, for the outcome of its write is not known, is put back once the new master can be written to.
func TestPutBackLater(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	one := slot("k")
	put(t, s, one, 1)
	quarantine(t, s, writer(one))
	writers := redisKeys(t, c, one).writers
	must(t, c.Del(t.Context(), writers).Err()) // it has not reached the one that takes over
	must(t, c.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	must(t, c.Do(t.Context(), "debug", "change-repl-id").Err())
	eventually(t, "it is refused", func() error {
		if !strings.Contains(c.Info(t.Context(), "errorstats").Val(), "NOREPLICAS") {
			return errors.New("not yet")
		}
		return nil
	})
	must(t, c.ConfigSet(t.Context(), "min-replicas-to-write", "0").Err())
	eventually(t, "it is put back", func() error {
		if n := c.HLen(t.Context(), writers).Val(); n != 1 {
			return fmt.Errorf("%d writers", n)
		}
		return nil
	})
	wantBypass(t, s, one)
}

// Whichever key is lost, and whenever: nothing is served or stored that should not be.
func TestLostKeys(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	ctx := t.Context()
	for name, which := range map[string]func(stored) string{
		"key":         func(at stored) string { return at.key },
		"writers":     func(at stored) string { return at.writers },
		"generations": func(at stored) string { return at.generations },
	} {
		one := slot(name)
		put(t, s, one, 1)
		at := redisKeys(t, c, one)
		lose := func() {
			t.Helper()
			must(t, c.Del(ctx, which(at)).Err())
		}
		if name != "writers" { // there are none yet
			lose()
			wantMiss(t, s, one)
			l := lease(t, s, one)
			lose()
			if ok, err := s.Fill(ctx, one, l, row(2), forLong); ok || err != nil {
				t.Errorf("Fill, after its lease or generation was lost: got %v, %v, want false", ok, err)
			}
			must(t, s.Abandon(ctx, one, l))
		}
		marks := writer(one)
		marks.Generations = one.Generations[:1]
		quarantine(t, s, marks)
		lose()
		if name != "generations" {
			wantBypass(t, s, one) // its rule is in quarantine still
		}
		quarantine(t, s, marks)
		wantBypass(t, s, one)
		lose()
		release(t, s, marks)
		wantMiss(t, s, one)
		put(t, s, one, 3)
		wantHit(t, s, one, 3)
	}
}

// Not parallel: there is nobody else to leave a goroutine behind.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	func() {
		server, err := net.Listen("tcp", "127.0.0.1:0") // hangs
		must(t, err)
		defer server.Close()
		dead := redis.NewClient(&redis.Options{Addr: server.Addr().String()})
		defer dead.Close()
		s := redisstore.New(dead)
		s.WriteTimeout = 100 * time.Millisecond
		s.Get(t.Context(), slot("k"))
		s.Quarantine(t.Context(), writer(slot("k")), time.Second)
	}()
	server := servers.Redis(t)
	func() {
		c := redis.NewClient(&redis.Options{Addr: server.Addr})
		defer c.Close()
		s := patient(c)
		put(t, s, slot("k"), 1)
		wantHit(t, s, slot("k"), 1)
		quarantine(t, s, writer(slot("k")))
	}()
	server.Stop(t)
	goleak.VerifyNone(t, before)
}

// Nobody else's clients are taken.
func TestRing(t *testing.T) {
	t.Parallel()
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": "127.0.0.1:1"}})
	defer ring.Close()
	s := redisstore.New(ring)
	const want = "a *redis.Ring cannot be used"
	_, getErr := s.Get(t.Context(), slot("k"))
	_, writeErr := s.Quarantine(t.Context(), writer(slot("k")), time.Minute)
	for _, err := range []error{s.Healthy(t.Context()), getErr, writeErr} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
