package redisstore

import (
	"context"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// dials count the connections of a client when they are begun, and know which of them are of no use any more: those from before
// another server became the master. Else some of these would stay beside the ones that are made to the new one, and what is looked up
// there would come from a copy that lags behind, under a mastership that was asked for on another connection and is the right one.
type dials struct {
	turns atomic.Uint64 // connections that were begun, and doubts: another server may answer since
	gone  atomic.Uint64 // connections that were begun up to this turn are of no use
	dark  atomic.Uint64 // nor are those which were begun up to this one and that nobody can look into
}

// doubt has the connections that nobody can look into used no more, as those over TLS: one of them has broken. They are mostly closed
// together, by a server or what stands in front of it, and each would cost a command that finds it out.
func (d *dials) doubt() { d.dark.Store(d.turns.Load()) }

// errGone is the error of a connection that is of no use any more. Nothing was sent. To go-redis it is one of the network, after which
// it tries again where it is allowed to.
var errGone net.Error = goneError{}

type goneError struct{}

func (goneError) Error() string   { return "redisstore: a connection from before the last failover" }
func (goneError) Timeout() bool   { return false }
func (goneError) Temporary() bool { return true }

// leave has the connections that were begun up to a turn used no more.
func (d *dials) leave(turn uint64) {
	for gone := d.gone.Load(); gone < turn && !d.gone.CompareAndSwap(gone, turn); gone = d.gone.Load() {
	}
}

// DialHook counts a connection, and makes one that knows when it is of no use.
func (d *dials) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		for {
			one := &dialed{dials: d, turn: d.turns.Add(1)}
			conn, err := next(ctx, network, addr)
			switch {
			case err != nil:
				return nil, err
			case one.isGone(): // meanwhile
				conn.Close()
				continue
			}
			one.Conn = conn
			if socket, ok := conn.(syscall.Conn); ok {
				return &dialedSocket{one, socket}, nil
			}
			one.isDark = true
			return one, nil
		}
	}
}

// ProcessHook returns none: go-redis leaves it out then.
func (*dials) ProcessHook(redis.ProcessHook) redis.ProcessHook { return nil }

// ProcessPipelineHook returns none.
func (*dials) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook { return nil }

// A dialed is a connection that was made.
type dialed struct {
	net.Conn
	dials *dials
	turn  uint64 // when it was begun

	isDark bool // nobody can look into it
}

func (c *dialed) isGone() bool {
	return c.turn <= c.dials.gone.Load() || c.isDark && c.turn <= c.dials.dark.Load()
}

// SetWriteDeadline fails on a connection that is of no use, and go-redis closes it. It is called once in front of each piece of commands:
// Write may be called when a part of them was sent.
func (c *dialed) SetWriteDeadline(t time.Time) error {
	if c.isGone() {
		return errGone
	}
	return c.Conn.SetWriteDeadline(t)
}

// NetConn is the connection beneath, for who has to know what it is.
func (c *dialed) NetConn() net.Conn { return c.Conn }

// A dialedSocket is one that go-redis looks into before it uses it again. So nobody's command need fail on it.
type dialedSocket struct {
	*dialed
	socket syscall.Conn
}

// SyscallConn fails if the connection is of no use.
func (c *dialedSocket) SyscallConn() (syscall.RawConn, error) {
	if c.isGone() {
		return nil, errGone
	}
	return c.socket.SyscallConn()
}
