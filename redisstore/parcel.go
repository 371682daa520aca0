package redisstore

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// A parcel is the orders of one step of a write, and the memory for them and for what is sent. It is used again: a program that waits for
// a server in between finds nothing of it in the processor's caches, so what it allocates costs it several times what it seems to.
type parcel struct {
	orders []*order
	first  order // of them: most steps have one
	look   order
	names  []name // of orders
	text   []byte // of names
	ends   []int  // where in it a name ends
	writer writer
	board  string // at which one has looked last
	piece  piece
}

var parcels = sync.Pool{New: func() any { return new(parcel) }}

// newParcel returns one without orders.
func newParcel() *parcel {
	p := parcels.Get().(*parcel)
	p.orders, p.names, p.text = p.orders[:0], p.names[:0], p.text[:0]
	return p
}

// used notes that nobody needs the parcel any more, nor the commands of its orders. One that was large is not kept.
func (p *parcel) used() {
	if p.isSmall() && !p.look.left && !slices.ContainsFunc(p.orders, func(o *order) bool { return o.left }) {
		parcels.Put(p)
	}
}

func (p *parcel) isSmall() bool {
	return cap(p.orders) <= maxTogether && cap(p.names) <= 4*maxTogether && cap(p.piece.args) <= 16*maxTogether
}

// A writer is what is said of him in commands. It is in one piece: a pointer goes into an interface as it is.
type writer struct {
	token      string
	hold, life int64 // milliseconds
}

// A name is a key in Redis as an argument of a command, in the memory of a parcel. As a pointer it goes into an interface as it is.
type name []byte

// MarshalBinary is how go-redis takes it.
func (n *name) MarshalBinary() ([]byte, error) { return *n, nil }

// String is for who looks at the commands of a client (AddHook).
func (n *name) String() string { return string(*n) }

// writersLife is for how long the writers of a key are there after the last has come, at least: longer than any of them usually wants.
const writersLife = time.Hour

func (p *parcel) quarantine(marks *moneyclip.Marks, d time.Duration, back bool, together int) {
	w := &p.writer
	*w = writer{string(marks.Writer[:]), milliseconds(d), milliseconds(max(d, writersLife))}
	p.order(marks, together, order{step: toQuarantine, writer: w, odd: back}, quarantineRuleScript, &w.token, &w.hold, back)
}

func (p *parcel) release(marks *moneyclip.Marks, together int) {
	w := &p.writer
	*w = writer{token: string(marks.Writer[:])}
	p.order(marks, together, order{step: toRelease, writer: w}, releaseRuleScript, &w.token)
}

// order orders one thing of so many keys together, and a script for each bucket of each namespace whose generations are touched.
func (p *parcel) order(marks *moneyclip.Marks, together int, one order, wide *script, args ...any) {
	p.orders = slices.Grow(p.orders, 2+len(marks.Keys)/together) // and the board
	p.names = slices.Grow(p.names, 2*len(marks.Keys))
	for some := range slices.Chunk(marks.Keys, together) {
		o := &p.first
		if len(p.orders) > 0 {
			o = new(order)
		}
		*o = one
		from := len(p.names)
		p.names = p.names[:from+2*len(some)]
		o.names = p.names[from:]
		p.name(o.names, some)
		p.orders = append(p.orders, o)
	}
	if len(marks.Generations) == 0 {
		return
	}
	namespaces := map[string][]any{} // :: namespace → the arguments, with its generations
	for _, name := range marks.Generations {
		namespace := namespaceOf(name)
		if namespaces[namespace] == nil {
			namespaces[namespace] = slices.Clone(args)
		}
		namespaces[namespace] = append(namespaces[namespace], name)
	}
	for namespace, args := range namespaces {
		for b := range buckets {
			p.orders = append(p.orders, &order{script: wide, keys: []string{generationsKey(namespace, b)}, args: args})
		}
	}
}

// name writes down the keys in Redis of stored keys, and behind them those of their writers.
func (p *parcel) name(names []name, stored []string) {
	from, ends := len(p.text), p.ends[:0]
	for _, key := range stored {
		var end int
		p.text, end = appendBothKeys(p.text, key)
		ends = append(ends, end, len(p.text))
	}
	p.ends = ends
	for i, end := range ends {
		names[i/2+i%2*len(stored)] = p.text[from:end:end]
		from = end
	}
}

// lookAt is the order to look for the version of a board. It is not yet among the others. On one server, where the rows of the board's
// rules are, a plain command does: they are gone with a version that was lost.
func (p *parcel) lookAt(board string, cluster bool) *order {
	keys := p.look.keys
	if p.board != board || keys == nil {
		p.board, keys = board, []string{boardKey(board)}
	}
	p.look = order{step: toLook, keys: keys}
	if cluster {
		p.look.script = lookScript
	}
	return &p.look
}

// A piece is commands that are sent together. They share the memory of their arguments.
type piece struct {
	commands []command
	numbers  []redis.IntCmd // those of them whose answer is one
	version  redis.StringCmd
	args     []any
	from     int // where in args those of the next command begin
	sent     []*script
	errand   errand
}

// write writes the commands of orders.
func (p *piece) write(part []*order) {
	size := 0
	for _, o := range part {
		size += len(o.names)
	}
	most := 2*len(part) + size
	p.commands, p.numbers = slices.Grow(p.commands[:0], most), slices.Grow(p.numbers[:0], most)
	p.args, p.from = slices.Grow(p.args[:0], 4*len(part)+4*size), 0
	p.sent = p.sent[:0]
	for _, o := range part {
		from := len(p.commands)
		switch half := len(o.names) / 2; {
		case o.step == toQuarantine && o.odd:
			var writers []string
			for i := range o.names[half:] {
				writers = append(writers, o.names[half+i].String())
			}
			p.run(quarantineScript, o.unknown, writers, []any{&o.writer.token, &o.writer.hold, &o.writer.life})
			p.drop(o.names[:half])
		case o.step == toQuarantine:
			p.quarantine(o.names, o.writer)
		case o.step == toRelease:
			p.release(o.names, o.writer)
		case o.step == toLook && o.script == nil:
			p.args = append(p.args, "hget", &o.keys[0], "version")
			p.version = *redis.NewStringCmd(context.Background(), p.own()...)
			p.commands = append(p.commands, &p.version)
		case o.script == publishScript:
			o.args[0] = newVersion() // also if it is sent again: the first may have come through
			fallthrough
		default:
			p.run(o.script, o.unknown, o.keys, o.args)
		}
		p.commands = slices.Delete(p.commands, from, from+o.done)
		o.commands = p.commands[from:len(p.commands):len(p.commands)]
	}
}

// wrap makes an errand of the piece.
func (p *piece) wrap() *errand {
	p.errand = errand{commands: p.commands, stays: true, answered: p.errand.answered}
	return &p.errand
}

// run runs a script: by its name, or by its text, which is behind the name from then on.
func (p *piece) run(s *script, text bool, keys []string, args []any) {
	text = text && !slices.Contains(p.sent, s)
	if text {
		p.sent = append(p.sent, s)
	}
	p.commands = append(p.commands, s.command(context.Background(), text, keys, args))
}

// end ends a command whose answer is a number. Its arguments were appended to args.
func (p *piece) end() {
	p.numbers = append(p.numbers, *redis.NewIntCmd(context.Background(), p.own()...))
	p.commands = append(p.commands, &p.numbers[len(p.numbers)-1])
}

// own are the arguments of the next command.
func (p *piece) own() []any {
	args := p.args[p.from:len(p.args):len(p.args)]
	p.from = len(p.args)
	return args
}

// quarantine puts the writer among those of each key, and then drops what stands there: all values, and N15: all leases. It is no
// script, which would take the server three times as long. In this order it does no harm what others do between two of the commands:
// once the writer is there a lease is refused, and what was leased or filled before is dropped by the last.
func (p *piece) quarantine(names []name, w *writer) {
	n := len(names) / 2
	for i := range n {
		p.args = append(p.args, "hset", &names[n+i], &w.token, &w.hold)
		p.end()
		p.args = append(p.args, "pexpire", &names[n+i], &w.life) // T2: no key is without an expiry
		p.end()
	}
	p.drop(names[:n])
}

// release drops what stands under each key, and then takes the writer from among those of the key. N14, M11: the quarantine may have
// run out, and a reader may have leased or filled since.
func (p *piece) release(names []name, w *writer) {
	n := len(names) / 2
	p.drop(names[:n])
	for i := range n {
		p.args = append(p.args, "hdel", &names[n+i], &w.token)
		p.end()
	}
}

func (p *piece) drop(names []name) {
	p.args = append(p.args, "del")
	for i := range names {
		p.args = append(p.args, &names[i])
	}
	p.end()
}
