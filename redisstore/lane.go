package redisstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// A lane is how reads, or writes, go to a node: within their time-out, and not at all while the node does not answer. A
// node that hangs costs one time-out; after that a probe finds out when it is back.
type lane struct {
	node    *node
	client  *redis.Client
	timeout time.Duration
	alarm   *alarm
	breaker breaker
	probing atomic.Bool
	crowd   crowd     // who use it
	pipes   sync.Pool // :: redis.Pipeliner; go-redis makes one of four pieces each time
}

const (
	probePause = 200 * time.Millisecond
	lead       = 20 * time.Millisecond
)

// A breaker opens after some failures in a row, or at once, and then stays open until it is closed. All that goes to a node asks it and
// tells it, so it is one number: the breakers of libraries count under a lock. In a row are failures of which each began after the
// one before: a server that is there, or what stands in front of it, may have closed all connections at once.
type breaker struct{ failures atomic.Int32 }

const maxFailures = 3 // connections that fail one after the other, as all do to a server that is gone

func (b *breaker) isOpen() bool { return b.failures.Load() >= maxFailures }

func (b *breaker) open() { b.failures.Store(maxFailures) }

func (b *breaker) close() { b.failures.Store(0) }

// succeeded does not close the breaker: what has succeeded may have been sent before others failed.
func (b *breaker) succeeded() {
	if n := b.failures.Load(); n > 0 && n < maxFailures {
		b.failures.CompareAndSwap(n, 0) // or else somebody else has just told it otherwise
	}
}

// count is how many failures there are, for failed.
func (b *breaker) count() int32 { return b.failures.Load() }

// failed counts the failure of what began when there were so many.
func (b *breaker) failed(before int32) {
	if before < maxFailures {
		b.failures.CompareAndSwap(before, before+1)
	}
}

func newLane(n *node, client *redis.Client, timeout time.Duration, a *alarm) *lane {
	// The clone shares the connections.
	clone := client.WithTimeout(timeout)
	options := clone.Options()           // the clone's own, and nobody uses it yet
	options.MaxRetries = 0               // M21: a lease's token is sent once
	options.ContextTimeoutEnabled = true // the caller's deadline may be the earlier one
	l := &lane{node: n, client: clone, timeout: timeout, alarm: a}
	l.crowd.lane, l.crowd.most = l, options.PoolSize/2
	l.pipes.New = func() any { return clone.Pipeline() }
	return l
}

// send sends commands in one piece on one connection. Each has its answer then; the error says that not all have.
func (l *lane) send(ctx *patience, commands ...redis.Cmder) error {
	before := l.breaker.count()
	if before >= maxFailures {
		return errOpen
	}
	err := ctx.Err()
	if err == nil {
		err = l.exec(ctx, commands)
	}
	if err == nil {
		l.breaker.succeeded()
		return nil
	}
	if isBroken(err) {
		l.node.dials.doubt()
	}
	l.node.doubt()
	if !ctx.left() { // or else whether the node would have answered is found out by the next one
		l.judge(err, before)
	}
	return err
}

// judge counts an error of what began when there were so many failures, but for one that the server has sent. After a time-out there is
// no second one.
func (l *lane) judge(err error, before int32) {
	var refused *refusal
	switch {
	case err == nil:
		l.breaker.succeeded()
		return
	case errors.Is(err, errNotMaster), errors.Is(err, redis.ErrClosed), errors.As(err, &refused):
		return
	case isTimeout(err):
		l.breaker.open()
	default:
		l.breaker.failed(before)
	}
	if l.breaker.isOpen() && l.probing.CompareAndSwap(false, true) {
		time.AfterFunc(probePause, l.probe)
	}
}

// probe closes the breaker when the node answers again.
func (l *lane) probe() {
	err := l.node.ask(context.Background(), l)
	if err != nil && !errors.Is(err, redis.ErrClosed) {
		time.AfterFunc(probePause, l.probe)
		return
	}
	if err != nil {
		l.node.closed.Store(true)
	}
	l.probing.Store(false) // first: who opens the breaker again needs another probe
	if err == nil {
		l.breaker.close()
	}
}

// exec is send without the breaker.
func (l *lane) exec(ctx context.Context, commands []redis.Cmder) error {
	for {
		// A connection that is gone is closed by that, and the next one tried.
		if err := l.try(ctx, commands); !errors.Is(err, errGone) || ctx.Err() != nil {
			return err
		}
	}
}

// try is exec on the next connection, whichever that is.
func (l *lane) try(ctx context.Context, commands []redis.Cmder) error {
	if len(commands) == 1 {
		// A pipeline of one would cost a third more.
		if err := l.client.Process(ctx, commands[0]); err != nil && !isReply(err) {
			return err
		} else if isUnfit(err) {
			l.node.doubt()
		}
		return nil
	}
	p := l.pipes.Get().(redis.Pipeliner)
	p.BatchProcess(ctx, commands...)
	_, err := p.Exec(ctx) // which leaves nothing in it
	l.pipes.Put(p)
	if err == nil {
		return nil
	}
	if isReply(err) && !slices.ContainsFunc(commands, func(c redis.Cmder) bool { return c.Err() != nil }) {
		// Of a new connection, which the server does not let in: go-redis leaves the commands as they are, as if they had been answered.
		for _, c := range commands {
			c.SetErr(err)
		}
	}
	for _, c := range commands {
		err := c.Err()
		switch {
		case err == nil:
		case !isReply(err):
			return err
		case isUnfit(err):
			l.node.doubt()
		}
	}
	return nil
}
