package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A node is one master. What stands on it is bound to its mastership: what was stored under another one may be from
// before a failover or a restart, and writes since may be missing.
type node struct {
	store         *Store
	client        *redis.Client
	reads, writes *lane

	dials *dials
	known atomic.Pointer[mastership] // nil: it was never asked
	idle  atomic.Pointer[idleness]   // nil: it takes writes, or was not asked

	refuses atomic.Bool // it has refused what a writer sent for a whole step, and has not carried out anything since

	generations memory
	ghosts      ghosts

	mu     sync.Mutex // protects what follows, and changes of known
	asking *inquiry   // under way
	left   time.Time  // when its connections were left because it is no master
	owing  bool       // it was none again so soon after that they were not

	used     atomic.Int64 // the time of the last use, in nanoseconds since start
	watching atomic.Bool
	closed   atomic.Bool // its client is: by the caller, or because the cluster has lost the node
}

// A mastership is what a node has said of itself.
type mastership struct {
	epoch string    // master_replid: another one after every promotion and every restart
	turns uint64    // when it was asked
	at    time.Time // when it was asked
}

// An idleness is that a node takes no writes.
type idleness struct {
	at  time.Time // when it was asked
	err error     // what it said
}

// An inquiry is one question, for all who wait for its answer.
type inquiry struct {
	done chan struct{}
	err  error
}

const (
	epochLen    = 40
	confirmed   = time.Second            // for which a mastership is believed: the bound of what a failover can hide
	watchPause  = 400 * time.Millisecond // between two inquiries while the node is used
	maxAttempts = 2                      // to look something up while connections are made; a lease is surer then: its script knows where it runs
)

var start = time.Now()

func newNode(s *Store, client *redis.Client, d *dials) *node {
	n := &node{store: s, client: client, dials: d}
	n.reads = newLane(n, client, s.ReadTimeout, &s.reading)
	n.writes = newLane(n, client, s.WriteTimeout, &s.writing)
	n.use(time.Now())
	return n
}

func (n *node) use(now time.Time) { n.used.Store(int64(now.Sub(start))) }

func (n *node) lastUse() time.Time { return start.Add(time.Duration(n.used.Load())) }

// doubt has the node asked before it is believed again.
func (n *node) doubt() { n.dials.turns.Add(1) }

// current returns the node's mastership if it can be believed now; otherwise nil.
func (n *node) current(now time.Time) *mastership {
	m := n.known.Load()
	if m == nil || m.turns != n.dials.turns.Load() || now.Sub(m.at) >= confirmed {
		return nil
	}
	return m
}

// still reports whether a mastership is the node's now, and whether no connection was begun and none has failed since it was asked for: only
// then does what was seen meanwhile come from under it.
func (n *node) still(m *mastership, now time.Time) bool {
	after := n.current(now)
	return after != nil && after.epoch == m.epoch && after.turns == m.turns
}

// confirm returns the node's mastership, and asks for it if it cannot be believed now. While connections are being made it may
// be past belief again when it is returned. That does no harm: what is looked up after it counts only if it is current at the
// end, with the same turns, and then no connection was begun and none has failed since it was asked for. To wait here for a
// moment in which no connection is being made would be in vain where a program starts, with all of its pool at once.
func (n *node) confirm(ctx context.Context, now, deadline time.Time) (*mastership, error) {
	n.watch(now)
	if m := n.current(now); m != nil {
		return m, nil
	}
	if n.reads.breaker.isOpen() {
		return nil, errOpen
	}
	if i := n.idle.Load(); i != nil && now.Sub(i.at) < watchPause {
		return nil, i.err // it is watched, and not asked by each reader
	}
	n.mu.Lock()
	asked := n.asking
	if asked == nil {
		asked = &inquiry{done: make(chan struct{})}
		n.asking = asked
		go n.inquire(asked)
	}
	n.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	select {
	case <-asked.done:
		return n.known.Load(), asked.err
	case <-ctx.Done():
		return nil, failed("ask for the mastership", ctx.Err())
	}
}

func (n *node) inquire(i *inquiry) {
	gone, before := n.dials.gone.Load(), n.reads.breaker.count()
	err := n.ask(context.Background(), n.reads)
	if errors.Is(err, errNotMaster) && n.dials.gone.Load() != gone {
		err = n.ask(context.Background(), n.reads) // on another connection: perhaps to the new one
	}
	n.reads.judge(err, before)
	n.mu.Lock()
	defer n.mu.Unlock()
	i.err = err
	n.asking = nil
	close(i.done)
}

// leave has all connections made anew, since the server that answers is no master; but not if that was done only just now: where no
// server is the master yet, there would be no end to it.
func (n *node) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.owing = time.Since(n.left) < watchPause
	if !n.owing {
		n.left = time.Now()
		n.dials.leave(n.dials.turns.Load())
	}
}

// takesWrites is a script that a server runs only if it takes writes. One that refuses them, because its replicas or its disk are
// gone, or that lets them wait, still answers readers: with rows that writers cannot drop, or drop at another server which has
// become the master meanwhile. It tells the time by the way.
const takesWrites = "#!lua flags=allow-oom\nreturn redis.call('TIME')"

// ask asks the node for its mastership, and whether it takes writes.
func (n *node) ask(ctx context.Context, l *lane) error {
	m := &mastership{turns: n.dials.turns.Load(), at: time.Now()}
	// Together, for look-ups are more than one command too, and go-redis has connections for those alone.
	info, writes := redis.NewStringCmd(ctx, "info", "replication"), redis.NewCmd(ctx, "eval", takesWrites, 0)
	err := l.exec(l.alarm.wait(ctx, time.Now().Add(l.timeout)), []redis.Cmder{info, writes})
	if err == nil {
		err = info.Err()
	}
	if err != nil {
		n.doubt()
		return failed("ask for the mastership", err)
	}
	epoch, master := parseInfo(info.Val())
	if !master {
		n.doubt()
		n.leave()
		n.store.reload(ctx)
		return errNotMaster
	}
	if err := writes.Err(); err != nil {
		n.doubt()
		err = failed("ask whether it takes writes", err)
		n.idle.Store(&idleness{m.at, err})
		return err
	}
	n.idle.Store(nil)
	if clock, ok := parseTime(writes.Val()); ok {
		n.generations.told(clock)
	}
	m.epoch = epoch
	n.mu.Lock()
	old := n.known.Load()
	changed := old != nil && old.epoch != epoch
	if changed || n.owing {
		n.owing = false
		n.dials.leave(n.dials.turns.Load()) // before the new one is believed
	}
	if old == nil || old.at.Before(m.at) {
		n.known.Store(m) // not the answer to an older question
	}
	n.mu.Unlock()
	// What this process holds in quarantine may have been lost with the mastership before. On a cluster that was
	// another node's.
	if changed || old == nil && n.store.cluster != nil {
		n.store.held.lose()
	}
	n.store.renew()
	return nil
}

// meet sees to it that the node's mastership was known once. Without that, a failover right after the first quarantine
// would not be noticed, and it would not be put back.
func (n *node) meet(ctx *patience) error {
	if n.known.Load() != nil {
		return nil
	}
	if n.writes.breaker.isOpen() {
		return errOpen
	}
	before := n.writes.breaker.count()
	err := n.ask(ctx, n.writes)
	if err != nil && !ctx.left() {
		n.writes.judge(err, before)
	}
	return err
}

func parseInfo(info string) (epoch string, master bool) {
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch name {
		case "role":
			master = value == "master"
		case "master_replid":
			epoch = value
		}
	}
	return epoch, master && len(epoch) == epochLen
}

// parseTime reads the answer to TIME: seconds and microseconds since 1970.
func parseTime(answer any) (time.Time, bool) {
	list, _ := answer.([]any)
	if len(list) != 2 {
		return time.Time{}, false
	}
	seconds, err1 := strconv.ParseInt(fmt.Sprint(list[0]), 10, 64)
	micros, err2 := strconv.ParseInt(fmt.Sprint(list[1]), 10, 64)
	return time.Unix(seconds, 1000*micros), err1 == nil && err2 == nil
}

// watch has the node asked again and again for as long as it is used, or has quarantines of writers that are at work: so
// that a hit need not wait for it, and a failover is noticed. There is no goroutine in between, and none at rest.
func (n *node) watch(now time.Time) {
	n.use(now)
	if n.watching.CompareAndSwap(false, true) {
		time.AfterFunc(watchPause, n.tick)
	}
}

func (n *node) tick() {
	if n.closed.Load() || time.Since(n.lastUse()) > confirmed && !n.store.held.any() {
		n.watching.Store(false)
		return
	}
	before := n.reads.breaker.count()
	if before < maxFailures {
		err := n.ask(context.Background(), n.reads)
		if errors.Is(err, redis.ErrClosed) {
			n.closed.Store(true)
			n.watching.Store(false)
			return
		}
		n.reads.judge(err, before)
	}
	if n.reads.breaker.count() > 0 {
		// On a cluster another node may have its keys by now. Who does not answer does not say so.
		n.store.reload(context.Background())
	}
	time.AfterFunc(watchPause, n.tick)
}

// healthy returns nil if the node can be used now.
func (n *node) healthy(ctx context.Context) error {
	if n.writes.breaker.isOpen() {
		return errOpen
	}
	now := time.Now()
	_, err := n.confirm(ctx, now, now.Add(n.store.WriteTimeout))
	return err
}
