package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// Quarantine drops what stands under the keys, ends the generations, and keeps both from being used.
func (s *Store) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	step := s.writing.wait(ctx, time.Now().Add(s.WriteTimeout))
	if len(marks.Keys) > 0 || len(marks.Generations) > 0 {
		s.held.add(marks, d)
	}
	return s.deliver(step, "quarantine", quarantineOrders(marks, d, false, s.together()), marks.Board)
}

// Release ends the writer's quarantine.
func (s *Store) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	step := s.writing.wait(ctx, time.Now().Add(s.WriteTimeout))
	s.held.remove(marks)
	return s.deliver(step, "release", releaseOrders(marks, s.together()), marks.Board)
}

// isAt reports whether a board is at a version.
func (s *Store) isAt(ctx *patience, board, version string) (bool, error) {
	now, err := s.deliver(ctx, "look at a board", nil, board)
	return now == version, err
}

// An order must be carried out by the node that has a key. It may be more than once.
type order struct {
	script *script  // nil: it asks for the version of a board
	keys   []string // the first says which node; there are more only if all are on one
	args   []any
	board  string // whose version is to be asked for after it, by the same script; empty: none

	room [2]string // for keys: most writes have one, and a board

	command  redis.Cmder // as it was sent last
	err      error       // what came of it
	unknown  bool        // the server does not have the script
	redirect string      // the address of the node that is to have it
	asking   bool        // that one does not have the key yet
}

func quarantineOrders(marks *moneyclip.Marks, d time.Duration, back bool, together int) []*order {
	a := &arguments{writer: string(marks.Writer[:]), hold: milliseconds(d)}
	return orders(marks, together, quarantineScript, quarantineRuleScript, append(a.all[:0], &a.writer, &a.hold, back))
}

func releaseOrders(marks *moneyclip.Marks, together int) []*order {
	a := &arguments{writer: string(marks.Writer[:])}
	return orders(marks, together, releaseScript, releaseRuleScript, append(a.all[:0], &a.writer))
}

// arguments are those of a quarantine or a release, in one piece: a pointer goes into an interface as it is.
type arguments struct {
	writer string
	hold   int64
	all    [4]any // and whether the version of a board is wanted
}

// maxTogether is how many keys one script may drop: it keeps the server from all others meanwhile, some microseconds a key.
const maxTogether = 64

// together is how many keys may go into one order. What a script costs is for the most part not what it does to a key. On a
// cluster each key goes alone: keys in one order would have to be in one slot, and while that moves, all on one side.
func (s *Store) together() int {
	if s.cluster != nil {
		return 1
	}
	return maxTogether
}

// orders are a script for so many keys together, and one for each bucket of each namespace whose generations are touched.
func orders(marks *moneyclip.Marks, together int, one, wide *script, args []any) []*order {
	all := make([]*order, 0, 2+len(marks.Keys)/together) // and the board
	for some := range slices.Chunk(marks.Keys, together) {
		o := &order{script: one, args: args}
		o.keys = slices.Grow(o.room[:0], len(some))
		for _, key := range some {
			o.keys = append(o.keys, storedKey(key))
		}
		all = append(all, o)
	}
	if len(marks.Generations) == 0 {
		return all
	}
	namespaces := map[string][]any{} // :: namespace → the arguments, with its generations
	for _, name := range marks.Generations {
		namespace := namespaceOf(name)
		if namespaces[namespace] == nil {
			namespaces[namespace] = append([]any{}, args...)
		}
		namespaces[namespace] = append(namespaces[namespace], name)
	}
	for namespace, args := range namespaces {
		for b := range buckets {
			all = append(all, &order{script: wide, keys: []string{generationsKey(namespace, b)}, args: args})
		}
	}
	return all
}

const (
	firstPause = 2 * time.Millisecond // before an order is sent again
	lastPause  = 50 * time.Millisecond
)

// deliver has all orders carried out, and then asks for the version of a board. What has failed for a reason that may pass
// is sent again until the time is up.
func (s *Store) deliver(ctx *patience, step string, pending []*order, board string) (string, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		// The version is that of after all orders. On one server it is enough that it is asked for last.
		batch, look := pending, (*order)(nil)
		if board != "" && (s.cluster == nil || len(pending) == 0) {
			if last := len(pending) - 1; last >= 0 && pending[last].looks() {
				look = pending[last]
				look.board = boardKey(board)
			} else {
				look = &order{keys: []string{boardKey(board)}}
				batch = append(pending, look)
			}
		}
		if len(batch) == 0 {
			return "", nil
		}
		if err := s.send(ctx, batch); err != nil {
			return "", err
		}
		var last error
		var again []*order
		for _, o := range batch {
			if o.err == nil {
				continue
			}
			if !mayPass(o.err) {
				return "", failed(step, o.err)
			}
			last = o.err
			if o.script != nil {
				again = append(again, o)
			}
		}
		if last == nil && look != nil {
			return look.version(), nil
		}
		pending = again
		if last != nil && !sleep(ctx, pause) {
			return "", failed(step, last)
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

// mayPass reports whether an order may be carried out if it is sent again.
func mayPass(err error) bool {
	if !isReply(err) {
		var final *refusal
		return !errors.Is(err, errOpen) && !errors.As(err, &final)
	}
	switch code(err) {
	case "NOSCRIPT", "BUSY":
		return true
	}
	return isUnfit(err)
}

// send sends each order once: what goes to one node in one piece, and to all nodes at the same time.
func (s *Store) send(ctx *patience, batch []*order) error {
	if s.cluster != nil {
		if err := s.spread(ctx, batch); err != nil {
			return err
		}
	} else {
		n, err := s.node(ctx, "")
		if err != nil {
			return err
		}
		n.carryOut(ctx, batch)
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
		all.Go(func() { n.carryOut(ctx, part) })
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
	return s.node(ctx, o.keys[0])
}

// at returns the client of the master with an address, or nil.
func (s *Store) at(ctx context.Context, addr string) *redis.Client {
	var mu sync.Mutex
	var found *redis.Client
	s.cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		if client.Options().Addr == addr {
			found = client
		}
		return nil
	})
	return found
}

// carryOut sends orders to the node.
func (n *node) carryOut(ctx *patience, part []*order) {
	n.watch()
	e := &errand{stays: true}
	e.commands = e.room[:0]
	var sent []*script // with their text, which is behind a name from then on
	for _, o := range part {
		if o.asking {
			e.commands = append(e.commands, redis.NewCmd(ctx, "asking"))
		}
		if o.script == publishScript {
			o.args[0] = newVersion() // also if it is sent again: the first may have come through
		}
		if o.script == nil {
			o.command = redis.NewStringCmd(ctx, "hget", &o.keys[0], "version")
		} else {
			text := o.unknown && !slices.Contains(sent, o.script)
			if text {
				sent = append(sent, o.script)
			}
			keys, args := o.keys, o.args
			if o.board != "" {
				keys, args = append(keys, o.board), append(args, true) // behind those of this order, and never in another's
				o.board = ""
			}
			o.command = o.script.command(ctx, text, keys, args)
		}
		e.commands = append(e.commands, o.command)
	}
	err := n.meet(ctx)
	if err == nil {
		err = n.writes.crowd.send(ctx, e)
	}
	for _, o := range part {
		if o.err = o.command.Err(); o.err == nil && err != nil && !answered(o.command) {
			o.err = err // nothing was sent
		}
	}
}

// answered reports whether a command was carried out.
func answered(command redis.Cmder) bool {
	got, ok := command.(*redis.Cmd)
	return ok && got.Val() != nil
}

// looks reports whether the script can tell the version of a board as well. On a cluster the board may be on another node.
func (o *order) looks() bool { return o.script == quarantineScript || o.script == releaseScript }

// version is that of the board that was asked for; empty: there is none.
func (o *order) version() string {
	switch command := o.command.(type) {
	case *redis.StringCmd:
		return command.Val()
	case *redis.Cmd:
		version, _ := command.Val().(string)
		return version
	}
	return ""
}

// settle looks at what came of an order. It reports whether a node has said that it does not have the key.
func (o *order) settle() (moved bool) {
	if o.err == redis.Nil { //nolint:errorlint // see isReply
		o.err = nil
	}
	if o.err == nil {
		return false
	}
	reason := code(o.err)
	if reason == "NOSCRIPT" {
		o.unknown = true // to the same node again
		return false
	}
	o.redirect, o.asking = "", false
	// "MOVED 3999 127.0.0.1:6381"
	if fields := strings.Fields(fmt.Sprint(o.err)); len(fields) == 3 && (reason == "MOVED" || reason == "ASK") {
		o.redirect, o.asking = fields[2], reason == "ASK"
	}
	return o.redirect != "" || reason == "CLUSTERDOWN"
}
