package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A writes counts how often something is written to the connections of a client.
type writes struct{ n atomic.Int64 }

func (w *writes) client(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{
		Addr: addr, DisableIdentity: true,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &countingConn{conn, w}, err
		},
	})
	t.Cleanup(func() { c.Close() })
	return c
}

type countingConn struct {
	net.Conn
	writes *writes
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes.n.Add(1)
	return c.Conn.Write(b)
}

const crowded = 64

// Look-ups that come together go together, and each has its own answer. One alone is sent at once.
func TestCrowd(t *testing.T) {
	t.Parallel()
	var w writes
	client := w.client(t, servers.Redis(t).Addr)
	s := patient(client)
	for i := range crowded {
		put(t, s, slot(fmt.Sprint("crowd:", i)), int64(i))
	}
	look := func(k int) {
		if k%10 == 9 {
			wantMiss(t, s, slot(fmt.Sprint("nobody:", k)))
			return
		}
		at := slot(fmt.Sprint("crowd:", k%crowded))
		for range 100 {
			if got, err := s.Get(t.Context(), at); err != nil || got != nil {
				if spell(got) != spell(row(int64(k%crowded))) {
					t.Errorf("Get: got %q, %v, want row %d", spell(got), err, k%crowded)
				}
				return
			}
			// A connection was made meanwhile, and so nothing is certain.
		}
		t.Errorf("row %d is not found", k%crowded)
	}
	const rounds = 200
	settle(t, s, client)
	before := w.n.Load()
	for k := range rounds {
		look(k)
	}
	if got := w.n.Load() - before; got < rounds {
		t.Errorf("%d look-ups, one after the other, were written in %d pieces", rounds, got)
	}
	before = w.n.Load()
	var all sync.WaitGroup
	for g := range crowded {
		all.Go(func() {
			for k := range rounds {
				look(g + k)
			}
		})
	}
	all.Wait()
	if got := w.n.Load() - before; got > crowded*rounds/3 {
		t.Errorf("%d look-ups of %d at a time were written in %d pieces, want few", crowded*rounds, crowded, got)
	}
}

// Who look for the same row at the same time ask for it once. None gets what is older than the last write that was done when he began.
func TestCrowdOfTheSame(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	same := slot("same")
	put(t, s, same, 0)
	settle(t, s, client)
	must(t, client.ConfigResetStat(t.Context()).Err())
	var written, done, looks, hits atomic.Int64
	versions := map[string]int64{} // :: row → which it is
	const rounds = 300
	for k := range int64(rounds) {
		versions[spell(row(k))] = k
	}
	var all sync.WaitGroup
	for range crowded {
		all.Go(func() {
			for done.Load() == 0 {
				least := written.Load()
				got, err := s.Get(t.Context(), same)
				looks.Add(1)
				if err != nil {
					t.Errorf("Get: %v", err)
					return
				}
				if got == nil {
					continue
				}
				hits.Add(1)
				if version, ok := versions[spell(got)]; !ok || version < least {
					t.Errorf("got row %d, want %d or later", version, least)
					return
				}
			}
		})
	}
	for k := int64(1); k < rounds; k++ {
		marks := writer(same)
		quarantine(t, s, marks)
		release(t, s, marks)
		put(t, s, same, k)
		written.Store(k)
		time.Sleep(time.Millisecond) // for those who hit
	}
	done.Store(1)
	all.Wait()
	if looks, hits := looks.Load(), hits.Load(); hits < looks/4 {
		t.Errorf("%d of %d look-ups found a row, want more", hits, looks)
	}
	if sent := calls(t, client, "hmget"); sent > looks.Load() { // two for each that is sent
		t.Errorf("%d look-ups of the same row took %d HMGET, want fewer than one each", looks.Load(), sent)
	}
}

// So do writers, and readers who lease and fill; each has his own answer.
func TestCrowdOfAllKinds(t *testing.T) {
	t.Parallel()
	var w writes
	client := w.client(t, servers.Redis(t).Addr)
	s := patient(client)
	put(t, s, slot("first"), 1)
	settle(t, s, client)
	const rounds, steps = 50, 4
	before := w.n.Load()
	var all sync.WaitGroup
	for g := range crowded {
		all.Go(func() {
			for k := range rounds {
				own := slot(fmt.Sprintf("own:%d", g))
				put(t, s, own, int64(k)) // two steps
				marks := writer(own)
				quarantine(t, s, marks)
				release(t, s, marks)
			}
		})
	}
	all.Wait()
	if got := w.n.Load() - before; got > crowded*rounds*steps/2 {
		t.Errorf("%d steps, of %d at a time, were written in %d pieces, want few", crowded*rounds*steps, crowded, got)
	}
	for g := range crowded {
		wantMiss(t, s, slot(fmt.Sprintf("own:%d", g)))
	}
}

// A server that hangs does not keep writers for long.
func TestCrowdOfWritersHangs(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	s.WriteTimeout = 500 * time.Millisecond
	quarantine(t, s, writer(slot("one")))
	server.Pause(t)
	began := time.Now()
	var all sync.WaitGroup
	for g := range crowded {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(10*g)*time.Millisecond)
			defer cancel()
			if _, err := s.Quarantine(ctx, writer(slot(fmt.Sprint("own:", g))), time.Minute); err == nil {
				t.Error("a server that hangs has answered")
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("they have waited for %v", took)
	}
	server.Resume(t)
	eventually(t, "it answers again", func() error {
		_, err := s.Quarantine(t.Context(), writer(slot("one")), time.Minute)
		return err
	})
}

// A server that hangs keeps a writer who has little time no longer than that, also when many come together.
func TestHurriedWritersHang(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { c.Close() })
	s := patient(c)
	s.WriteTimeout = 2 * time.Second
	quarantine(t, s, writer(slot("one")))
	server.Pause(t)
	defer server.Resume(t)
	var all sync.WaitGroup
	for g := range 20 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err := s.Quarantine(ctx, writer(slot(fmt.Sprint("own:", g))), time.Minute)
			if took := time.Since(began); err == nil || took > 500*time.Millisecond {
				t.Errorf("got %v after %v, want an error after 200 ms", err, took)
			}
		})
	}
	all.Wait()
}

// A fill goes with what is sent next, and alone if nothing is.
func TestFillGoesAlong(t *testing.T) {
	t.Parallel()
	counter := &counter{}
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr, Dialer: counter.dial})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	put(t, s, slot("one"), 1)
	wantHit(t, s, slot("one"), 1)
	k := 0
	eventually(t, "a fill and a look-up go together", func() error {
		k++
		two := slot(fmt.Sprint("two:", k))
		l := lease(t, s, two)
		counter.mu.Lock()
		counter.trips = nil
		counter.mu.Unlock()
		filled := fillLater(t, s, two, l, row(2))
		wantHit(t, s, slot("one"), 1)
		<-filled
		wantHit(t, s, two, 2)
		counter.mu.Lock()
		defer counter.mu.Unlock()
		if together := []string{"hsetnx pexpireat hmget", "hmget"}; !slices.Equal(counter.trips, together) { // one more if the look-up went alone
			return fmt.Errorf("got the round trips %q", counter.trips)
		}
		return nil
	})
	for range 3 { // the timer that was set for one may ring too early for the next
		alone := slot(fmt.Sprint("alone:", k))
		k++
		<-fillLater(t, s, alone, lease(t, s, alone), row(3))
		wantHit(t, s, alone, 3)
	}
}

// Who hears that a fill has failed may use the store, as a logger that reads through a cache.
func TestFillLaterFails(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(t, "maxmemory-policy=noeviction").Addr})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	put(t, s, slot("one"), 1)
	l := lease(t, s, slot("two"))
	must(t, client.ConfigSet(t.Context(), "maxmemory", "1mb").Err())
	heard := make(chan error, 1)
	s.FillLater(t.Context(), slot("two"), l, row(2), forLong, func(_ bool, err error) {
		var all sync.WaitGroup
		for range 2 * crowded {
			all.Go(func() { s.Get(t.Context(), slot("one")) })
		}
		all.Wait()
		heard <- err
	})
	select {
	case err := <-heard:
		if err == nil {
			t.Error("the fill has succeeded: memory is not full, and nothing is tested")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("who reads meanwhile hangs")
	}
}

// fillLater fills a slot and says when it is filled.
func fillLater(t *testing.T, s *redisstore.Store, at *moneyclip.Slot, l moneyclip.Lease, r *moneyclip.Row) (filled chan struct{}) {
	t.Helper()
	filled = make(chan struct{})
	s.FillLater(t.Context(), at, l, r, forLong, func(ok bool, err error) {
		if err != nil || !ok {
			t.Errorf("FillLater: got %v, %v, want true", ok, err)
		}
		close(filled)
	})
	return filled
}

// settle has a crowd come until no more connections are made: while they are, a server is asked again and again which one it is.
func settle(t *testing.T, s *redisstore.Store, client *redis.Client) {
	t.Helper()
	eventually(t, "the connections are there", func() error {
		dialed := client.PoolStats().TotalConns
		var all sync.WaitGroup
		for range 2 * crowded {
			all.Go(func() { s.Get(t.Context(), slot("nobody")) })
		}
		all.Wait()
		if client.PoolStats().TotalConns != dialed {
			return errors.New("there are more")
		}
		_, err := s.Get(t.Context(), slot("nobody"))
		return err
	})
}

// Whose context ends stops waiting, and nobody else does.
func TestCrowdCancelled(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	s.ReadTimeout = 20 * time.Second
	put(t, s, slot("one"), 1)
	settle(t, s, client)
	server.Pause(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var leaving, staying sync.WaitGroup
	for range crowded {
		staying.Go(func() {
			// After the pause connections may be made anew, and then nothing is certain. That is no reason to stop.
			if got, err := s.Get(t.Context(), slot("one")); err != nil || got != nil && spell(got) != spell(row(1)) {
				t.Errorf("Get, while others leave: got %s, %v, want row 1 or nothing", spell(got), err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond) // they come first: one that goes alone waits for its connection
	for range crowded {
		leaving.Go(func() {
			if row, err := s.Get(ctx, slot("one")); row != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("Get with a context that has ended: got %s, %v, want its error", spell(row), err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	began := time.Now()
	cancel()
	leaving.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("those whose context had ended waited for %v more", took)
	}
	server.Resume(t)
	staying.Wait()
}

// A server that hangs costs a crowd one time-out, and who comes then nothing.
func TestCrowdHangs(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	s.ReadTimeout = time.Second
	put(t, s, slot("one"), 1)
	wantHit(t, s, slot("one"), 1)
	server.Pause(t)
	crowd := func() (most time.Duration) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for range crowded {
			all.Go(func() {
				began := time.Now()
				_, err := s.Get(t.Context(), slot("one"))
				mu.Lock()
				defer mu.Unlock()
				most = max(most, time.Since(began))
				if err == nil {
					t.Error("a server that hangs has answered")
				}
			})
		}
		all.Wait()
		return most
	}
	if took := crowd(); took > 5*time.Second {
		t.Errorf("the first have waited for %v", took)
	}
	if took := crowd(); took > 200*time.Millisecond {
		t.Errorf("who came then has waited for %v", took)
	}
	server.Resume(t)
	eventually(t, "it answers again", func() error { _, err := s.Get(t.Context(), slot("one")); return err })
}

// Who has less time than a round trip takes costs nobody else anything, however often he comes; and he leaves with half of it.
func TestCrowdOfTheHurried(t *testing.T) {
	t.Parallel()
	const oneWay, little = time.Millisecond, 1500 * time.Microsecond
	var dials atomic.Int64
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &farConn{Conn: conn, oneWay: oneWay}, err
	}})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	put(t, s, slot("one"), 1)
	settle(t, s, client)
	wantHit(t, s, slot("one"), 1)
	before := dials.Load()
	var hits, misses atomic.Int64
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for ctx.Err() == nil {
				if got, err := s.Get(t.Context(), slot("one")); err != nil {
					t.Errorf("Get: %v", err)
				} else if got == nil {
					misses.Add(1)
				} else {
					hits.Add(1)
				}
			}
		})
	}
	all.Go(func() {
		for ctx.Err() == nil {
			hurried, leave := context.WithTimeout(t.Context(), little)
			s.Get(hurried, slot("one"))
			leave()
			time.Sleep(time.Millisecond)
		}
	})
	all.Wait()
	if n := dials.Load() - before; n > 5 || misses.Load() > hits.Load()/10 {
		t.Errorf("beside one in a hurry others had %d hits and %d misses, and %d connections were made, want next to no misses and none", hits.Load(), misses.Load(), n)
	}
}

// Across a network a look-up among some takes as long as one by itself.
func TestFarCrowd(t *testing.T) {
	t.Parallel()
	const (
		oneWay     = 10 * time.Millisecond
		goroutines = 16
		rounds     = 12
	)
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr, PoolSize: 4 * goroutines, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &farConn{Conn: conn, oneWay: oneWay}, err
	}})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	put(t, s, slot("one"), 1)
	together := func(each func()) (middle time.Duration) {
		took := make([]time.Duration, goroutines*rounds)
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				for i := range rounds {
					time.Sleep(rand.N(oneWay)) // nobody keeps step with the others
					start := time.Now()
					each()
					took[g*rounds+i] = time.Since(start)
				}
			})
		}
		all.Wait()
		slices.Sort(took)
		return took[len(took)/2]
	}
	get := func() { client.Get(t.Context(), "none") }
	var found atomic.Int64
	look := func() {
		if got, err := s.Get(t.Context(), slot("one")); got != nil && err == nil {
			found.Add(1)
		}
	}
	together(get) // the connections are made, and until then nothing is certain
	together(look)
	found.Store(0)
	plain, ours := together(get), together(look)
	if n := found.Load(); n < goroutines*rounds*9/10 {
		t.Errorf("%d of %d look-ups have found the row", n, goroutines*rounds)
	}
	if ours > plain*13/10 {
		t.Errorf("a look-up takes %v, a GET %v", ours, plain)
	}
}

// A farConn is one to a server that is far away.
type farConn struct {
	net.Conn
	oneWay   time.Duration
	deadline atomic.Pointer[time.Time] // for a Read; nil: none
}

func (c *farConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	arrives := time.Now().Add(2 * c.oneWay) // there and back: nobody else uses the connection meanwhile
	if d := c.deadline.Load(); d != nil && !d.IsZero() && d.Before(arrives) {
		time.Sleep(time.Until(*d))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(time.Until(arrives))
	return n, err
}

func (c *farConn) SetDeadline(d time.Time) error {
	c.deadline.Store(&d)
	return c.Conn.SetDeadline(d)
}

func (c *farConn) SetReadDeadline(d time.Time) error {
	c.deadline.Store(&d)
	return c.Conn.SetReadDeadline(d)
}

// A look-up of a row allocates little of its own, whether it goes alone or not.
func TestGetAllocates(t *testing.T) {
	// Not parallel: it measures the allocations of the whole process.
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	put(t, s, slot("one"), 1)
	one, ctx := slot("one"), t.Context()
	const most = 24 // with those of go-redis, about ten
	if got := testing.AllocsPerRun(500, func() { must1(s.Get(ctx, one)) }); got > most {
		t.Errorf("got %v allocations, want at most %d", got, most)
	}
}

// The two steps of a write allocate little of their own.
func TestWriteAllocates(t *testing.T) {
	// Not parallel: it measures the allocations of the whole process.
	client := redis.NewClient(&redis.Options{Addr: servers.Redis(t).Addr})
	t.Cleanup(func() { client.Close() })
	s := patient(client)
	m, ctx := &moneyclip.Marks{Writer: moneyclip.Token{1}, Keys: []string{"one"}, Board: "b"}, t.Context()
	const most = 38 // with those of go-redis, about fourteen, and where the race detector has the pool forget some of its memory
	if got := testing.AllocsPerRun(500, func() {
		must1(s.Quarantine(ctx, m, time.Minute))
		must1(s.Release(ctx, m))
	}); got > most {
		t.Errorf("got %v allocations, want at most %d", got, most)
	}
}
