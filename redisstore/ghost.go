package redisstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// A ghost is a lease that was asked for, and whose answer was not waited for or did not come: it may have been granted all the same, to
// nobody; or a claim has put it there, and the server has refused what was asked after that; or it could be neither filled nor given back.
// Others would wait for its reader, each of them in vain, for as long as it lives. So it is given back when the node answers again.
type ghost struct {
	key, field string
	token      moneyclip.Token
	until      time.Time // after which it is none any more
}

type ghosts struct {
	mu    sync.Mutex // protects what follows
	all   []ghost
	timed bool // dispel will be called
}

const maxGhosts = 256 // that are remembered; what is left out runs out by itself

// doubtLease notes that nobody knows what has come of a lease, if so it is, or that one is left which is nobody's.
func (n *node) doubtLease(slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, left bool, err error) {
	if !left && (!isInDoubt(err) || errors.Is(err, errOpen)) { // it was not sent
		return
	}
	at := placeOf(slot)
	n.ghosts.add(n, ghost{at.keys[0], at.field, token, time.Now().Add(d)})
}

// doubtEnd notes that nobody knows what has come of a fill or of a lease that was given back, if so it is. What was filled and counts stays.
func (n *node) doubtEnd(key, field string, lease moneyclip.Lease, err error) {
	stamp, ok := parseStamp(lease.Stamp)
	if !ok || !isInDoubt(err) {
		return
	}
	n.ghosts.add(n, ghost{key, field, lease.Token, time.Now().Add(time.UnixMilli(stamp.till).Sub(n.generations.time()))})
}

// isInDoubt reports whether an error leaves open what the server has done, and it may yet be asked.
func isInDoubt(err error) bool {
	var refused *refusal
	return err != nil && !errors.As(err, &refused) && !errors.Is(err, redis.ErrClosed)
}

func (g *ghosts) add(n *node, one ghost) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.all) >= maxGhosts {
		return
	}
	g.all = append(g.all, one)
	if !g.timed {
		g.timed = true
		time.AfterFunc(probePause, n.dispel)
	}
}

// dispel gives back what may have been granted, or tries again later.
func (n *node) dispel() {
	g := &n.ghosts
	g.mu.Lock()
	now := time.Now()
	var some []ghost
	for _, one := range g.all {
		if now.Before(one.until) {
			some = append(some, one)
		}
	}
	g.all, g.timed = nil, false
	g.mu.Unlock()
	if len(some) == 0 || n.closed.Load() {
		return
	}
	var commands []command
	for i := range some {
		one := &some[i]
		commands = append(commands, abandonScript.command(context.Background(), i == 0, []string{one.key}, []any{&one.field, one.token[:]}))
	}
	if n.reads.send(n.reads.alarm.wait(context.Background(), now.Add(n.reads.timeout)), commands...) == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all = append(some, g.all...)
	if !g.timed {
		g.timed = true
		time.AfterFunc(probePause, n.dispel)
	}
}
