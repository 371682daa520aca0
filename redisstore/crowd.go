package redisstore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A crowd is all who look something up on a node at the same time. A few go alone, each on a connection of its own, which is
// the quickest way for them. Who comes when that many are under way waits for the piece that is sent next, and goes in it
// together with all who came meanwhile: so the more there are, the less each costs the server, the network and this process.
// Nobody waits for others to come.
//
// go-redis has pipelines that fill by themselves (AutoPipeline). They are not used here: they may send the commands of one
// look-up in two pieces, on two connections (M29); and they go by the client's time-outs and retries.
type crowd struct {
	lane *lane

	mu      sync.Mutex // protects what follows
	alone   int        // look-ups that are under way alone
	waiting []*lookup
	senders int // goroutines that send what waits
	size    int // of an answer, in bytes, on average; only its order of magnitude counts
}

const (
	few           = 4         // who go alone
	maxSenders    = 2         // so that there is something to do for the server while answers are read
	enough        = 16        // who wait, for one sender more
	maxPiece      = 128       // look-ups
	maxPieceBytes = 512 << 10 // of answers: the time-out is that of a piece, so large rows go few at a time
)

// send sends a look-up and waits for its answer, until the deadline; the error says that there is none. When the context ends
// only this one stops waiting.
func (c *crowd) send(ctx context.Context, l *lookup, deadline time.Time) error {
	c.mu.Lock()
	if c.senders == 0 && c.alone < few {
		c.alone++
		c.mu.Unlock()
		defer c.arrived()
		return c.lane.send(c.lane.alarm.wait(ctx, deadline), l.commands...)
	}
	l.deadline = deadline
	c.waiting = append(c.waiting, l)
	if c.senders == 0 || c.senders < maxSenders && len(c.waiting) >= enough {
		c.senders++
		go c.sendWaiting()
	}
	c.mu.Unlock()
	select {
	case err := <-l.answered:
		return err
	case <-ctx.Done():
		// Whether the node answers at all is found out by the piece, which has the deadline.
		return ctx.Err()
	}
}

func (c *crowd) arrived() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alone--
}

// sendWaiting sends pieces, one after the other, until nobody waits. It is a goroutine of its own, since no caller's time may
// bound what the others wait for.
func (c *crowd) sendWaiting() {
	var piece []*lookup
	for {
		runtime.Gosched() // those who were answered come back with their next look-ups, so that the next piece is a large one
		piece = c.take(piece[:0])
		if len(piece) == 0 {
			return
		}
		c.sendPiece(piece)
	}
}

// take moves who waits into a piece. It is empty if the crowd has dispersed.
func (c *crowd) take(piece []*lookup) []*lookup {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), maxPiece, max(1, maxPieceBytes/max(1, c.size)))
	if n == 0 {
		c.senders--
		return nil
	}
	piece = append(piece, c.waiting[:n]...)
	c.waiting = slices.Delete(c.waiting, 0, n)
	return piece
}

// sendPiece sends a piece. It has the deadline of who has waited longest, so nobody needs a timer of his own; but half of the
// time-out at least, since that others came before is no sign that the node hangs.
func (c *crowd) sendPiece(piece []*lookup) {
	commands := make([]command, 0, 2*len(piece))
	deadline := piece[0].deadline
	for _, l := range piece {
		commands = append(commands, l.commands...)
		if l.deadline.Before(deadline) {
			deadline = l.deadline
		}
	}
	if least := time.Now().Add(c.lane.timeout / 2); deadline.Before(least) {
		deadline = least
	}
	err := c.lane.send(c.lane.alarm.wait(context.Background(), deadline), commands...)
	bytes := 0
	for i, l := range piece {
		bytes += l.size()
		piece[i] = nil // who has his answer may give it back
		l.answered <- err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size = (3*c.size + bytes/len(piece)) / 4
}
