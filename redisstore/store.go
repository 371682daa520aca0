package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// A Store is a [moneyclip.Store] in Redis, made by [New]. Its fields are set before it is first used, and are all positive. It is
// safe for concurrent use, and has nothing to close: the client is the caller's.
type Store struct {
	// ReadTimeout bounds a step of a read: a look-up, a lease, a fill. A look-up that has waited for others may take half
	// as long again. A read that fails asks the database. It is also the time in which a connection has to be made, which takes several
	// round trips: let it be 20 of them at least. New sets 50 ms, for a Redis that is 2.5 ms away; in a URL it is read_timeout.
	ReadTimeout time.Duration

	// WriteTimeout bounds a step of a write, which waits for it: a quarantine, a release. New sets 2 s, and a cache waits no longer
	// than that.
	WriteTimeout time.Duration

	// Grace is for how long nothing is stored on a server that has become the master: writers that were at work before
	// put their quarantines back meanwhile. It is longer than 20 s, after which they do so whatever they have noticed,
	// and than the lag of a replica. New sets 30 s.
	Grace time.Duration

	client  redis.UniversalClient
	single  *redis.Client // one of these two is set
	cluster *redis.ClusterClient
	loading loading
	held    held
	reading alarm // of what goes by ReadTimeout
	writing alarm // of what goes by WriteTimeout

	dials *dials // of the one client; nil: it is a cluster

	mu    sync.Mutex // protects nodes
	nodes map[*redis.Client]*node
}

var _ moneyclip.Store = (*Store)(nil)

// New returns a store on the servers of a client, which is a *redis.Client (as from redis.NewClient or
// redis.NewFailoverClient; not what its WithTimeout returns) or a *redis.ClusterClient. With another one every method
// of the store returns an error, and so does Healthy: what is sent to a *redis.Ring goes to another server when one
// fails to answer, and both are masters.
//
// What the store sends does not go by the time-outs, retries and hooks of the client. A hook is added, which counts connections: when
// another server has become the master, those from before are not used any more, by nobody, and made anew. It does not know of
// connections that were made before New, or on a cluster before the node was first used. That matters only where a failover leaves such
// connections open, to a server that is a replica from then on.
func New(client redis.UniversalClient) *Store {
	s := &Store{
		ReadTimeout:  50 * time.Millisecond,
		WriteTimeout: 2 * time.Second,
		Grace:        30 * time.Second,
		client:       client,
		nodes:        map[*redis.Client]*node{},
	}
	s.reading.halves = true
	s.held.quarantines = map[moneyclip.Token]*quarantine{}
	switch c := client.(type) {
	case *redis.Client:
		s.single, s.dials = c, new(dials)
		c.AddHook(s.dials)
	case *redis.ClusterClient:
		s.cluster = c
	}
	return s
}

// Shared reports that other processes use the store too.
func (s *Store) Shared() bool { return true }

// Healthy asks every master whether it can be used.
func (s *Store) Healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.WriteTimeout)
	defer cancel()
	if s.cluster == nil {
		n, err := s.node(ctx, "")
		if err != nil {
			return err
		}
		return n.healthy(ctx)
	}
	if _, err := s.node(ctx, ""); err != nil {
		return err
	}
	return s.cluster.ForEachMaster(ctx, func(ctx context.Context, client *redis.Client) error {
		return s.nodeOf(client).healthy(ctx)
	})
}

// A loading is the first look at a cluster. It runs on the client's own time-outs, and nobody waits longer than his.
type loading struct {
	sync.Mutex
	done  chan struct{} // nil: not begun
	began time.Time
	err   error // of the last try
	ok    atomic.Bool
}

// node returns the master that has a key.
func (s *Store) node(ctx context.Context, key string) (*node, error) {
	switch {
	case s.single != nil:
		return s.nodeOf(s.single), nil
	case s.cluster == nil:
		return nil, fmt.Errorf("redisstore: a %T cannot be used: it has to be a *redis.Client or a *redis.ClusterClient", s.client)
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	client, err := s.cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, failed("find a master", err)
	}
	return s.nodeOf(client), nil
}

// nodeFor is the node that has a slot.
func (s *Store) nodeFor(ctx context.Context, slot *moneyclip.Slot) (*node, error) {
	if s.cluster == nil {
		return s.node(ctx, "")
	}
	return s.node(ctx, storedKey(string(slot.Key)))
}

// nodeBy is node, but waits no longer than until the deadline.
func (s *Store) nodeBy(ctx context.Context, key string, deadline time.Time) (*node, error) {
	if s.cluster != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	return s.node(ctx, key)
}

// load sees to it that the client knows the cluster.
func (s *Store) load(ctx context.Context) error {
	l := &s.loading
	if l.ok.Load() {
		return nil
	}
	l.Lock()
	if l.done == nil {
		if l.err != nil && time.Since(l.began) < probePause {
			err := l.err
			l.Unlock()
			return err
		}
		l.done, l.began = make(chan struct{}), time.Now()
		go func() {
			_, err := s.cluster.MasterForKey(context.Background(), "")
			l.Lock()
			defer l.Unlock()
			if err != nil {
				l.err = failed("look at the cluster", err)
			}
			l.ok.Store(err == nil)
			close(l.done)
			l.done = nil
		}()
	} else if time.Since(l.began) > s.ReadTimeout {
		l.Unlock()
		return errOpen // who came before has waited for all
	}
	done, err := l.done, l.err
	l.Unlock()
	if err != nil {
		return err // nobody waits for another try when one has failed
	}
	select {
	case <-done:
	case <-ctx.Done():
		return failed("look at the cluster", ctx.Err())
	}
	if l.ok.Load() {
		return nil
	}
	return errOpen
}

// reload has the client look again which node has which keys.
func (s *Store) reload(ctx context.Context) {
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
}

// forgetAfter is how long a node is kept that is not used: clusters come and go.
const forgetAfter = 10 * time.Minute

func (s *Store) nodeOf(client *redis.Client) *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[client]
	if n == nil {
		for c, old := range s.nodes {
			if time.Since(old.lastUse()) > forgetAfter {
				delete(s.nodes, c)
			}
		}
		d := s.dials
		if d == nil {
			d = new(dials)
			client.AddHook(d)
		}
		n = newNode(s, client, d)
		s.nodes[client] = n
	}
	return n
}

var (
	process = func() (seed [8]byte) { rand.Read(seed[:]); return seed }()
	count   atomic.Uint64
)

// unique is a text of 16 bytes that is never used again, in no process.
func unique() string {
	var b [16]byte
	copy(b[:8], process[:])
	binary.BigEndian.PutUint64(b[8:], count.Add(1))
	return string(b[:])
}

// milliseconds rounds up, so that nothing ends early. More than a century has no place in the digits of a deadline.
func milliseconds(d time.Duration) int64 {
	const century = 100 * 365 * 24 * time.Hour
	return int64(math.Ceil(float64(min(d, century)) / float64(time.Millisecond)))
}
