package redisstore

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// dials are the connections of a client. They are counted when they are begun, and those to a server that is not the master any more
// are hung up. Else some would stay beside those that are made to the new one; and what is looked up there would come from a copy that
// lags behind, under a mastership that was asked for on another connection and is the right one.
type dials struct {
	turns atomic.Uint64 // connections that were begun, and doubts: another server may answer since

	mu   sync.Mutex // protects open
	open map[*dialed]struct{}
}

// DialHook counts a connection, and keeps it for as long as it is open.
func (d *dials) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		turn := d.turns.Add(1)
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		one := &dialed{Conn: conn, dials: d, turn: turn}
		d.mu.Lock()
		d.open[one] = struct{}{}
		d.mu.Unlock()
		if socket, ok := conn.(syscall.Conn); ok {
			return dialedSocket{one, socket}, nil
		}
		return one, nil
	}
}

// ProcessHook returns none: go-redis leaves it out then.
func (*dials) ProcessHook(redis.ProcessHook) redis.ProcessHook { return nil }

// ProcessPipelineHook returns none.
func (*dials) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook { return nil }

// hangUp closes the connections that were begun up to a turn. The client makes others. What is under way on them fails, as it does
// when a server ends them, which Sentinel has it do after a failover.
func (d *dials) hangUp(turn uint64) {
	d.mu.Lock()
	var old []*dialed
	for one := range d.open {
		if one.turn <= turn {
			old = append(old, one)
		}
	}
	d.mu.Unlock()
	for _, one := range old {
		one.Close()
	}
}

// A dialed is a connection that was made.
type dialed struct {
	net.Conn
	dials *dials
	turn  uint64 // when it was begun
}

func (c *dialed) Close() error {
	c.dials.mu.Lock()
	delete(c.dials.open, c)
	c.dials.mu.Unlock()
	return c.Conn.Close()
}

// A dialedSocket is one that go-redis can look into before it uses it again.
type dialedSocket struct {
	*dialed
	syscall.Conn
}
