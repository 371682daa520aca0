package redisstore

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A crowd is all who have an errand to a node at the same time, on one lane. A few go alone, each on a connection of its own,
// which is the quickest way for them. Who comes when that many are under way waits for the piece that is sent next, and goes in it
// together with all who came meanwhile: so the more there are, the less each costs the server, the network and this process.
// Nobody waits for others to come; only what nobody waits for does.
//
// The longer a round trip is, the more are a few: who comes later waits for one that is under way and for one of his own, while the server and
// the processors have nothing to do.
//
// go-redis has pipelines that fill by themselves (AutoPipeline). They are not used here: they may send the commands of one
// look-up in two pieces, on two connections (M29); and they go by the client's time-outs and retries.
type crowd struct {
	lane *lane

	mu      sync.Mutex // protects what follows
	alone   int        // errands that are under way alone
	waiting []*errand
	senders int  // goroutines that send what waits
	under   int  // errands that they have sent, and that are not answered
	timed   bool // leave will be called
	size    int  // of an answer, in bytes, on average; only its order of magnitude counts

	most     int              // who go alone at most: half of the client's connections
	quickest [2]time.Duration // round trips of who went alone, in this span and in the one before; 0: nobody has
	began    time.Time        // this span
}

// An errand is what is sent to a node in one piece, on one connection.
type errand struct {
	commands []command
	room     [1]command // for them: most errands have one
	deadline time.Time
	answered chan error      // why there is no answer, or nil; of one that is sent with others
	stays    bool            // whose it is looks at what came of each command, and so leaves only when his own time is up
	left     bool            // he has
	done     func(err error) // of one that nobody waits for: called instead, by whoever has sent it
	since    time.Time       // when that one came
	bytes    int             // of the row that is sent with it
	asks     *asked          // of a look-up: who asks the same gets the same answer
}

// Asked is what a look-up asks for.
type asked = [texts]string

func newErrand(one command) *errand {
	e := &errand{room: [1]command{one}}
	e.commands = e.room[:]
	return e
}

const (
	few           = 4                      // who go alone
	far           = 250 * time.Microsecond // a round trip across a network, and not within a machine: then more go alone
	effort        = 12 * time.Microsecond  // of the server, about, for who goes alone: in a round trip it has time for so many
	span          = time.Second            // in which somebody goes whom nobody keeps
	maxSenders    = 3                      // so that there is something to do for the server while answers are read
	enough        = 4                      // who wait, for one sender more
	maxPiece      = 256                    // commands
	maxPieceBytes = 512 << 10              // of answers, and of rows: the time-out is that of a piece, so large rows go few at a time
	company       = 2 * time.Millisecond   // for which what has time waits for something to go with
	ample         = 10                     // round trips: who has fewer may leave before he is answered
)

// send sends an errand and waits for its answer, until the deadline; the error says that there is none. When the caller leaves
// only this one stops waiting.
func (c *crowd) send(p *patience, e *errand) error {
	c.mu.Lock()
	// A connection whose only one leaves is closed: he goes with others, or in a piece that does not end when he does. Otherwise each who
	// is in a hurry would cost all the look-ups that are under way, for which server a new connection leads to is not certain.
	leaves := p.theirs && !e.stays && time.Until(p.deadline) < ample*c.trip()
	if most := c.few(); leaves || c.alone >= most || c.senders > 0 && most == few { // nearby all go together once some do
		e.expect(p)
		c.waiting = append(c.waiting, e)
		if c.senders == 0 || c.senders < maxSenders && len(c.waiting) >= enough {
			c.senders++
			go c.sendWaiting()
		}
		c.mu.Unlock()
		err := e.answer(p)
		if e.left {
			c.withdraw(e)
		}
		return err
	}
	c.alone++
	defer c.arrived(time.Now())
	if len(c.waiting) == 0 || p.theirs { // the others have more time than that
		c.mu.Unlock()
		return c.lane.send(p, e.commands...)
	}
	e.expect(p)
	piece := append(c.take(nil, maxPiece), e)
	c.mu.Unlock()
	c.sendPiece(piece)
	return e.answer(p)
}

// withdraw has an errand not sent whose owner has left, if it still waits: a quarantine that came after its own release would stay.
func (c *crowd) withdraw(e *errand) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.waiting, e); i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
		e.left = false
	}
}

// follow sends an errand that has time: with the next one that comes, or alone if none comes soon. That spares the server and
// this process most of what an errand costs. There is no goroutine for it either: to start one wakes a processor, and that takes
// as long as the errand.
func (c *crowd) follow(p *patience, e *errand) {
	e.deadline, e.since = p.deadline, time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, e)
	c.leaveIn(company)
}

// leaveIn has leave called, unless there is somebody who sends what waits anyway. The crowd is locked.
func (c *crowd) leaveIn(d time.Duration) {
	if c.senders == 0 && !c.timed {
		c.timed = true
		time.AfterFunc(d, c.leave)
	}
}

// leave has those sent who have waited for company in vain. Where there usually is some, it comes once in a while and finds
// nobody who has waited long: to set a timer for each would wake a processor each time.
func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timed = false
	if len(c.waiting) == 0 {
		return
	}
	if more := company - time.Since(c.waiting[0].since); more > 0 {
		c.leaveIn(more)
	} else if c.senders == 0 {
		c.senders++
		go c.sendWaiting()
	}
}

// expect prepares an errand to be sent by somebody else.
func (e *errand) expect(p *patience) {
	e.deadline = p.deadline
	if e.answered == nil {
		e.answered = make(chan error, 1)
	}
}

// answer waits for the answer, or until the caller leaves. Whether the node answers at all is found out by the piece, which has a deadline.
func (e *errand) answer(p *patience) error {
	if e.stays && !p.theirs {
		return <-e.answered
	}
	var left <-chan struct{}
	if !e.stays { // a step of a write ends by its deadline, and not with a context
		left = p.Context.Done()
	}
	var late <-chan time.Time
	if p.theirs { // well before his context ends: there is something to do after this
		timer := time.NewTimer(time.Until(p.deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case err := <-e.answered:
		return err
	case <-late:
		e.left = true
		return context.DeadlineExceeded
	case <-left:
		return p.Context.Err()
	}
}

// arrived notes that one who went alone has his answer.
func (c *crowd) arrived(left time.Time) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alone--
	if now.Sub(c.began) > span {
		c.began, c.quickest = now, [2]time.Duration{0, c.quickest[0]}
	}
	if took := now.Sub(left); c.quickest[0] == 0 || took < c.quickest[0] {
		c.quickest[0] = took
	}
}

// trip is how long a round trip takes: the quickest, for the others have been in each other's way. 0: it is not known. The crowd is locked.
func (c *crowd) trip() time.Duration {
	quickest := c.quickest[0]
	if before := c.quickest[1]; before > 0 && before < quickest {
		quickest = before
	}
	return quickest
}

// few is how many may go alone. The crowd is locked.
func (c *crowd) few() int {
	trip := c.trip()
	if trip < far {
		return few
	}
	return max(few, min(int(trip/effort), c.most))
}

// sendWaiting sends pieces, one after the other, until nobody waits. It is a goroutine of its own, since no caller's time may
// bound what the others wait for.
func (c *crowd) sendWaiting() {
	var piece []*errand
	for {
		runtime.Gosched() // those who were answered come back with their next errands, so that the next piece is a large one
		c.mu.Lock()
		c.under -= len(piece)
		piece = c.take(piece[:0], c.share())
		c.under += len(piece)
		if len(piece) == 0 {
			c.senders--
		}
		c.mu.Unlock()
		if len(piece) == 0 {
			return
		}
		c.sendPiece(piece)
	}
}

// share is how many one sender takes, who leaves theirs to the others. A piece with all in it would come back with all, and so go on: while
// it is away there would be nothing to do here, and while it is read nothing for the server. The crowd is locked.
func (c *crowd) share() int { return max(enough, (len(c.waiting)+c.under)/maxSenders) }

// take moves so many who wait into a piece, or as many as there is room for. The crowd is locked.
func (c *crowd) take(piece []*errand, most int) []*errand {
	room := min(maxPiece, max(1, maxPieceBytes/max(1, c.size)))
	n := 0
	bytes := 0
	for n < min(len(c.waiting), most) && (n == 0 || room >= len(c.waiting[n].commands) && bytes+c.waiting[n].bytes <= maxPieceBytes) {
		room -= len(c.waiting[n].commands)
		bytes += c.waiting[n].bytes
		n++
	}
	piece = append(piece, c.waiting[:n]...)
	c.waiting = slices.Delete(c.waiting, 0, n)
	return piece
}

// sendPiece sends a piece. It has the deadline of who has waited longest, so nobody needs a timer of his own; but half of the
// time-out at least, since that others came before is no sign that the node hangs.
func (c *crowd) sendPiece(piece []*errand) {
	commands := make([]command, 0, 2*len(piece))
	deadline := piece[0].deadline
	same := alike(piece)
	for i, e := range piece {
		if same == nil || same[i] == nil {
			commands = append(commands, e.commands...)
		}
		if e.deadline.Before(deadline) {
			deadline = e.deadline
		}
	}
	if least := time.Now().Add(c.lane.timeout / 2); deadline.Before(least) {
		deadline = least
	}
	err := c.lane.send(c.lane.alarm.wait(context.Background(), deadline), commands...)
	bytes := 0
	for _, one := range commands {
		if read, ok := one.(*redis.StringSliceCmd); ok {
			for _, text := range read.Val() {
				bytes += len(text)
			}
		}
	}
	c.mu.Lock()
	c.size = (3*c.size + bytes/len(commands)) / 4
	c.mu.Unlock()
	for i, other := range same {
		if other != nil {
			piece[i].copy(other)
		}
	}
	for i, e := range piece {
		if e.done == nil {
			piece[i] = nil // who has his answer may give it back
			e.answered <- err
		}
	}
	for _, e := range piece {
		if e != nil { // nobody waits for it, so it comes last
			e.done(err)
		}
	}
}

// alike finds those in a piece who ask what somebody before them asks, as many do of a row that is read all the time. They need not be
// sent: they all came before the piece is, so its answer is as new to the last of them as to the first.
func alike(piece []*errand) (same []*errand) {
	first := make(map[string]*errand, len(piece)) // :: key in Redis → who asks for it
	for i, e := range piece {
		if e.asks == nil {
			continue
		}
		other := first[e.asks[textKey]]
		if other == nil {
			first[e.asks[textKey]] = e
		} else if *other.asks == *e.asks {
			if same == nil {
				same = make([]*errand, len(piece))
			}
			same[i] = other
		}
	}
	return same
}

// copy takes the answer of a look-up that asks the same. Neither has been told of it yet.
func (e *errand) copy(other *errand) {
	for i, c := range e.commands {
		from := other.commands[i].(*redis.StringSliceCmd)
		c.SetErr(from.Err())
		c.(*redis.StringSliceCmd).SetVal(from.Val())
	}
}
