package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// Quarantine drops what stands under the keys, ends the generations, and keeps both from being used.
func (s *Store) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	now := time.Now()
	step := s.writing.wait(ctx, now.Add(s.WriteTimeout))
	if len(marks.Keys) > 0 || len(marks.Generations) > 0 {
		s.held.add(marks, now, d)
	}
	p := newParcel()
	defer p.used()
	p.quarantine(marks, d, false, s.together())
	return s.deliver(step, "quarantine", p, marks.Board)
}

// Release ends the writer's quarantine.
func (s *Store) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	step := s.writing.wait(ctx, time.Now().Add(s.WriteTimeout))
	s.held.remove(marks)
	p := newParcel()
	defer p.used()
	p.release(marks, s.together())
	return s.deliver(step, "release", p, marks.Board)
}

// isAt reports whether a board is at a version.
func (s *Store) isAt(ctx *patience, board, version string) (bool, error) {
	p := newParcel()
	defer p.used()
	now, err := s.deliver(ctx, "look at a board", p, board)
	return now == version, err
}

// An order must be carried out by the node that has a key. It may be more than once.
type order struct {
	step   step
	names  []name   // toQuarantine, toRelease: keys in Redis, and behind them those of their writers
	keys   []string // toRun, toLook
	script *script  // toRun
	args   []any    // toRun
	writer *writer  // toQuarantine, toRelease
	odd    bool     // plain commands cannot put him among those of the keys: a script does

	commands []command // as they were sent last
	at       *node     // to which
	err      error     // what came of them
	left     bool      // they may still be sent: the parcel is not to be used again
	next     next
	unknown  bool   // the server does not have the script
	redirect string // the address of the node that is to have it
	asking   bool   // that one does not have the key yet
	done     int    // how many of the commands need not be sent to that one
}

// key is the one that says which node.
func (o *order) key() string {
	if len(o.names) > 0 {
		return o.names[0].String()
	}
	return o.keys[0]
}

// A step is what an order does.
type step int

const (
	toRun        step = iota // a script
	toQuarantine             // keys
	toRelease                // keys
	toLook                   // for the version of a board
)

// next says whether an order that was not carried out is sent again.
type next int

const (
	never next = iota
	later      // what stands in the way may pass
	now        // it does not stand in the way of what is sent then
)

// maxTogether is how many keys go into one order.
const maxTogether = 64

// together is how many keys may go into one order. On a cluster each key goes alone: keys in one order would have to be in one slot,
// and while that moves, all on one side.
func (s *Store) together() int {
	if s.cluster != nil {
		return 1
	}
	return maxTogether
}

const (
	firstPause = 2 * time.Millisecond // before an order is sent again
	lastPause  = 50 * time.Millisecond
	brief      = 3 // tries at a node that has refused all of them for a whole step: it is not only about to become the master, or a slot to move
)

// deliver has all orders of a parcel carried out, and then asks for the version of a board. What has failed for a reason that may pass
// is sent again until the time is up.
func (s *Store) deliver(ctx *patience, step string, p *parcel, board string) (string, error) {
	began, tries := time.Now(), 0
	pending := p.orders
	var version *order
	if board != "" {
		version = p.lookAt(board, s.cluster != nil)
	}
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		// The version is that of after all orders. On one server it is enough that it is asked for last.
		batch, last := pending, len(pending) == 0 || s.cluster == nil
		if version != nil && last {
			batch = append(pending, version)
		}
		if len(batch) == 0 {
			return "", nil
		}
		if err := s.send(ctx, batch, &p.piece); err != nil {
			return "", err
		}
		var again []*order
		var failure error
		var refuses *node
		pauses := false
		tries++
		for _, o := range batch {
			if o.err == nil {
				continue
			}
			if o.next == never {
				return "", failed(step, o.err)
			}
			failure, pauses = o.err, pauses || o.next == later
			if o.next == later && isReply(o.err) {
				refuses = o.at
			}
			if o != version {
				again = append(again, o)
			}
		}
		pending = again
		switch {
		case failure == nil && last && version != nil:
			if c, ok := version.commands[0].(*redis.Cmd); ok {
				text, _ := c.Val().(string)
				return text, nil
			}
			return version.commands[0].(*redis.StringCmd).Val(), nil // empty: there is none
		case pauses && refuses != nil && tries >= brief && refuses.refuses.Load():
			return "", failed(step, failure)
		case pauses && !sleep(ctx, pause), failure != nil && ctx.Err() != nil:
			if refuses != nil && time.Since(began) > s.WriteTimeout/2 {
				refuses.refuses.Store(true)
			}
			return "", failed(step, failure)
		}
	}
}

// sleep reports false if the time was up before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// send sends each order once: what goes to one node in one piece, and to all nodes at the same time. Of the piece it takes the memory,
// if there is one node.
func (s *Store) send(ctx *patience, batch []*order, p *piece) error {
	if s.cluster != nil {
		if err := s.spread(ctx, batch); err != nil {
			return err
		}
	} else {
		n, err := s.node(ctx, "")
		if err != nil {
			return err
		}
		n.carryOut(ctx, batch, p)
	}
	moved := false
	for _, o := range batch {
		moved = o.settle() || moved
	}
	if moved && s.cluster == nil {
		return errCluster
	}
	if moved {
		s.reload(ctx)
	}
	return nil
}

// spread sends each order to its node of a cluster.
func (s *Store) spread(ctx *patience, batch []*order) error {
	parts := map[*node][]*order{}
	for _, o := range batch {
		n, err := s.target(ctx, o)
		if err != nil {
			return err
		}
		parts[n] = append(parts[n], o)
	}
	var all sync.WaitGroup
	for n, part := range parts {
		all.Go(func() { n.carryOut(ctx, part, new(piece)) })
	}
	all.Wait()
	return nil
}

// target returns the node for an order.
func (s *Store) target(ctx context.Context, o *order) (*node, error) {
	if o.redirect != "" {
		if client := s.at(ctx, o.redirect); client != nil {
			return s.nodeOf(client), nil
		}
		o.redirect, o.asking = "", false // the client does not know that node yet
	}
	return s.node(ctx, o.key())
}

// inBrackets is an address as clients write it: servers write one of IPv6 without brackets.
func inBrackets(addr string) string {
	if colon := strings.LastIndexByte(addr, ':'); colon >= 0 {
		return net.JoinHostPort(strings.Trim(addr[:colon], "[]"), addr[colon+1:])
	}
	return addr
}

// at returns the client of the master with an address, or nil. The client may have been told to connect to another in its place.
func (s *Store) at(ctx context.Context, addr string) *redis.Client {
	var mu sync.Mutex
	var found *redis.Client
	s.cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		if client.Options().Addr == addr || client.NodeAddress() == addr {
			found = client
		}
		return nil
	})
	return found
}

// carryOut sends orders to the node.
func (n *node) carryOut(ctx *patience, part []*order, p *piece) {
	n.watch(time.Now())
	p.write(part)
	e := p.wrap()
	if slices.ContainsFunc(part, func(o *order) bool { return o.asking }) {
		e.commands = nil
		for _, o := range part {
			for _, one := range o.commands {
				if o.asking {
					e.commands = append(e.commands, redis.NewCmd(ctx, "asking"))
				}
				e.commands = append(e.commands, one)
			}
		}
	}
	err := n.meet(ctx)
	if err == nil {
		err = n.writes.crowd.send(ctx, e)
	}
	for _, o := range part {
		o.at, o.left = n, o.left || e.left
		o.err = err // perhaps of others in the same piece; it does no harm if it is carried out twice
		for i := 0; i < len(o.commands) && o.err == nil; i++ {
			o.err = o.commands[i].Err()
			if code(o.err) == "WRONGTYPE" && (o.step == toRelease || o.step == toLook) {
				o.err = nil // what is no hash was put there by somebody else: the next lease, or who publishes next, puts it in order
			}
			if code(o.err) == "ASK" {
				o.done += i // the others are not to be carried out twice, on two nodes
			}
		}
		if o.err == nil && o.step == toQuarantine && !o.odd && o.ranOut() {
			o.err = errRanOut
		}
		if o.err == nil && o.step != toLook && n.refuses.Load() { // a replica lets anybody look
			n.refuses.Store(false)
		}
	}
}

var errRanOut = errors.New("redisstore: the writers of a key were gone between two commands")

// ranOut reports whether the set of a key's writers was there for an hour when this one came, and gone when he said that it is to stay.
func (o *order) ranOut() bool {
	return slices.ContainsFunc(o.commands, func(one command) bool {
		stays, ok := one.(*redis.IntCmd)
		return ok && stays.Val() == 0 && stays.Name() == "pexpire"
	})
}

// settle looks at what came of an order. It reports whether a node has said that it does not have the key.
func (o *order) settle() (moved bool) {
	if o.err == redis.Nil { //nolint:errorlint // see isReply
		o.err = nil // there is no board
	}
	if o.err == nil {
		return false
	}
	reason := code(o.err)
	o.next = never
	switch {
	case reason == "NOSCRIPT":
		o.unknown, o.next = true, now // to the same node again
		return false
	case o.step == toQuarantine && !o.odd && (reason == "OOM" || reason == "WRONGTYPE"):
		o.odd, o.done, o.next = true, 0, now
		return false
	case !isReply(o.err):
		var final *refusal
		if !errors.Is(o.err, errOpen) && !errors.Is(o.err, redis.ErrClosed) && !errors.As(o.err, &final) {
			o.next = later
		}
	case reason == "BUSY" || isUnfit(o.err):
		o.next = later
	}
	o.redirect, o.asking = "", false
	// "MOVED 3999 127.0.0.1:6381"
	if fields := strings.Fields(fmt.Sprint(o.err)); len(fields) == 3 && (reason == "MOVED" || reason == "ASK") {
		o.redirect, o.asking = inBrackets(fields[2]), reason == "ASK"
	}
	if !o.asking {
		o.done = 0
	}
	return o.redirect != "" || reason == "CLUSTERDOWN"
}
