package redisstore

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// A claim asks for a lease with plain commands, which take the server a third of the time of the script that does the same (lease.lua).
// It puts the lease there, unless there is one, and only then looks whether it is good:
//
//   - Writers are looked for last. One who is not there any more has committed, and what is read from the database now is no older; one who
//     comes later drops the lease. With a look before, a writer could come in between, and break off.
//   - The lease is of the generations that this process knows. If they are others by then, nothing may be filled under it, by anybody.
//   - Its deadline is by the server's clock as it was told last. It matters to those who wait for a reader who is no more.
//
// What is not as usual is left to the script: a lease of somebody else, a slot that is to be renewed, grace after a failover.
type claim struct {
	errand
	clock   *redis.TimeCmd // before the lease is there: it is granted no earlier
	put     *redis.BoolCmd
	expire  *redis.BoolCmd // T2: no key is without one. What is stored under the key keeps its time.
	count   *redis.IntCmd
	value   *redis.StringSliceCmd // if Get was left out, and the lease beside it
	writers *redis.StringSliceCmd
	nonces  *redis.StringSliceCmd

	texts [claimTexts]string
	hold  int64 // milliseconds
	all   [7]command
}

const (
	claimKey = iota
	claimValue
	claimLease
	claimRecord
	claimWriters
	claimHash
	claimName1
	claimName2
	claimTexts
)

// claims are those that nobody uses, as lookups are.
var claims = sync.Pool{New: func() any {
	c := new(claim)
	ctx := context.Background() // of no use to commands in a pipeline
	at := func(i int) any { return &c.texts[i] }
	c.clock = redis.NewTimeCmd(ctx, "time")
	c.put = redis.NewBoolCmd(ctx, "hsetnx", at(claimKey), at(claimLease), at(claimRecord))
	c.expire = redis.NewBoolCmd(ctx, "pexpire", at(claimKey), &c.hold, "nx")
	c.count = redis.NewIntCmd(ctx, "hlen", at(claimKey))
	c.value = redis.NewStringSliceCmd(ctx, "hmget", at(claimKey), at(claimValue), at(claimLease))
	c.writers = redis.NewStringSliceCmd(ctx, "hvals", at(claimWriters))
	c.nonces = redis.NewStringSliceCmd(ctx, "hmget", at(claimHash), at(claimName1), at(claimName2))
	c.all = [...]command{c.clock, c.put, c.expire, c.count, c.value, c.writers, c.nonces}
	return c
}}

func newClaim(slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, till int64, known *generations) *claim {
	c := claims.Get().(*claim)
	c.errand = errand{commands: c.all[:], answered: c.answered}
	c.hold = milliseconds(d)
	var room [768]byte
	b := bucket(slot.Key)
	tag := strconv.Itoa(b)
	text := room[:0]
	var ends [claimTexts]int
	end := func(i int) { ends[i] = len(text) }
	text = appendKeyIn(text, tag, slot.Key)
	end(claimKey)
	text = append(append(text, "v:"...), slot.Field...)
	end(claimValue)
	text = append(append(text, "l:"...), slot.Field...)
	end(claimLease)
	text = appendLease(text, token, till, known)
	end(claimRecord)
	text = appendWritersKey(text, tag, slot.Key)
	end(claimWriters)
	text = appendGenerationsKey(text, slot.Generations[0], b)
	end(claimHash)
	text = append(append(text, "n:"...), slot.Generations[0]...)
	end(claimName1)
	text = append(append(text, "n:"...), slot.Generations[1]...)
	end(claimName2)
	cut(string(text), ends[:], c.texts[:])
	return c
}

// free gives a claim back that has its answer.
func (c *claim) free() {
	for _, one := range c.all {
		one.SetErr(nil)
	}
	for _, one := range []*redis.StringSliceCmd{c.value, c.writers, c.nonces} {
		one.SetVal(nil)
	}
	c.commands, c.texts = nil, [claimTexts]string{}
	claims.Put(c)
}

// claim asks for a lease by plain commands. told says that they have told what the answer is, and left that a lease was put there.
func (n *node) claim(
	p *patience, slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, known generations,
) (grant moneyclip.Grant, told, left bool, err error) {
	n.watch(time.Now())
	c := newClaim(slot, token, d, n.generations.time().Add(d).UnixMilli(), &known)
	if err := n.reads.crowd.send(p, &c.errand); err != nil {
		return grant, true, false, failed("lease", err)
	}
	put := c.put.Err() == nil && c.put.Val()
	for _, one := range c.commands {
		switch err := one.Err(); {
		case err == nil:
		case isElsewhere(err):
			n.store.reload(p)
			return grant, true, put, nil
		case code(err) == "WRONGTYPE":
			return grant, false, put, nil // the script puts it in order
		default:
			return grant, true, put, failed("lease", err)
		}
	}
	defer c.free()
	nonces := c.nonces.Val()
	n.generations.saw(pairOf(slot), nonces)
	n.generations.told(c.clock.Val())
	if !slices.Equal(nonces, known.nonces[:]) || len(c.writers.Val()) > 0 { // the script has the deadlines of writers count
		return grant, false, put, nil
	}
	now := c.clock.Val()
	if read := c.value.Val(); len(read) == 2 && read[0] != "" {
		row, soft := decode([]byte(read[0]), read[1], known.epoch, nonces[0], nonces[1])
		if row != nil && now.Before(soft) {
			return moneyclip.Grant{Answer: moneyclip.AnswerValue, Row: row}, true, false, nil
		}
		return grant, false, put, nil // what stands there is in the way of a fill
	}
	if !put || c.count.Val() > maxFields {
		return grant, false, put, nil
	}
	return moneyclip.Grant{Answer: moneyclip.AnswerLease, Lease: moneyclip.Lease{
		Token: token, Stamp: stamp{granted: now.UnixMilli(), till: now.Add(d).UnixMilli(), head: known.head()}.String(),
	}}, true, true, nil
}

// Generations are what the two of a slot were known by, under a mastership of which the grace time is over.
type generations struct {
	epoch  string
	nonces [2]string
}

// head is what a value begins with that is leased under them.
func (g *generations) head() string { return format + g.epoch + g.nonces[0] + g.nonces[1] }

// A memory is of the generations of a node, as this process has seen them last. They may be others by now: what is leased under them is
// worth nothing then.
type memory struct {
	mu    sync.Mutex // protects what follows
	m     map[pair]generations
	kept  map[pair]int64 // until when those live at least, in milliseconds since 1970
	clock time.Time      // of the server
	since time.Time      // when it has told it

	ahead atomic.Int64 // of the clock here, in nanoseconds: that of the server, about; zero where it is behind
}

// told notes what the server's clock has shown just now.
func (k *memory) told(clock time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clock, k.since = clock, time.Now()
	k.ahead.Store(int64(max(0, clock.Sub(k.since)))) // an answer that was read late does not let rows live on
}

// time is what the server's clock shows, about.
func (k *memory) time() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.clock.Add(time.Since(k.since))
}

// A pair is the two generations of a slot.
type pair struct {
	bucket int
	names  [2]string
}

func pairOf(slot *moneyclip.Slot) pair { return pair{bucket(slot.Key), slot.Generations} }

// maxKnown is how many pairs are remembered: a bucket of a hundred rules in one database has as many.
const maxKnown = 100 * buckets

// under returns those of a slot, if they are known under the mastership.
func (k *memory) under(epoch string, at pair) (g generations, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g, ok = k.m[at]
	return g, ok && g.epoch == epoch
}

// granted notes under which generations the script has granted a lease. It puts both into one hash only if they are of one namespace.
func (k *memory) granted(slot *moneyclip.Slot, g generations) {
	if namespaceOf(slot.Generations[0]) != namespaceOf(slot.Generations[1]) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil || len(k.m) >= maxKnown {
		k.m, k.kept = map[pair]generations{}, nil
	}
	at := pairOf(slot)
	if k.m[at] != g {
		delete(k.kept, at)
	}
	k.m[at] = g
}

// saw notes what the generations are known by now. One that is not there is in quarantine, or lost: the script begins another.
func (k *memory) saw(at pair, nonces []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g, ok := k.m[at]
	switch {
	case !ok:
	case len(nonces) != 2 || len(nonces[0]) != nonceLen || len(nonces[1]) != nonceLen:
		delete(k.m, at)
		delete(k.kept, at)
	case nonces[0] != g.nonces[0] || nonces[1] != g.nonces[1]:
		g.nonces = [2]string{strings.Clone(nonces[0]), strings.Clone(nonces[1])}
		k.m[at] = g
		delete(k.kept, at)
	}
}

// lives is until when the generations of a slot live at least, in milliseconds since 1970; 0: nobody knows.
func (k *memory) lives(at pair) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept[at]
}

// keep notes until when they live, if they are still the same.
func (k *memory) keep(at pair, until int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.m[at]; ok {
		if k.kept == nil {
			k.kept = map[pair]int64{}
		}
		k.kept[at] = until
	}
}
