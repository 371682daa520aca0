package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// A fill stores a row under a lease. It is no script, which would take the server four times as long: nothing is looked at before the row
// is there. Instead a row counts only beside its lease, for whoever reads it. A writer drops both (N13); what is filled after that stands
// alone, or beside the lease of another reader, and is nothing to anybody. Nor does it take the place of what another has filled.
//
// So the lease stays for as long as the row. One that is to renew a row stands apart, since the row still counts by the other: for that
// there is a script (renew.lua), which puts both in the place of both.
type fill struct {
	errand
	look   *redis.StringCmd         // for the version of the board, if there is one: sent before
	put    *redis.BoolCmd           // the row
	renew  *redis.BoolCmd           // or this instead: the row and the lease
	expire *redis.BoolCmd           // T2: no key is without one
	lease  *redis.StringSliceCmd    // afterwards: if it is still there, no writer has come
	both   *redis.StringSliceCmd    // the generations: if they are the same, nobody has dropped all either
	apart  [2]*redis.StringSliceCmd // or these two, if they are in two hashes
	keep   [2]*redis.BoolCmd        // lets them live longer

	texts       [fillTexts]string
	token       string
	value       name
	record      name  // of the lease, if it renews
	dies, lives int64 // milliseconds since 1970: the row; its generations
	pair        pair
	stamp       stamp
	all         [7]command
}

const (
	fillKey = iota
	fillField
	fillRow
	fillLease
	fillHash1
	fillName1
	fillHash2
	fillName2
	fillBoard
	fillTexts
)

// fills are those that nobody uses, as lookups are.
var fills = sync.Pool{New: func() any {
	f := new(fill)
	ctx := context.Background() // of no use to commands in a pipeline
	at := func(i int) any { return &f.texts[i] }
	f.look = redis.NewStringCmd(ctx, "hget", at(fillBoard), "version")
	f.put = redis.NewBoolCmd(ctx, "hsetnx", at(fillKey), at(fillRow), &f.value)
	f.renew = redis.NewBoolCmd(ctx, "eval", renewText, 1, at(fillKey), at(fillField), &f.token, &f.value, &f.record)
	f.expire = redis.NewBoolCmd(ctx, "pexpireat", at(fillKey), &f.dies)
	f.lease = redis.NewStringSliceCmd(ctx, "hmget", at(fillKey), at(fillLease)) // not HGET: see lookup
	f.both = redis.NewStringSliceCmd(ctx, "hmget", at(fillHash1), at(fillName1), at(fillName2))
	for i := range f.apart {
		f.apart[i] = redis.NewStringSliceCmd(ctx, "hmget", at(fillHash1+2*i), at(fillName1+2*i))
		f.keep[i] = redis.NewBoolCmd(ctx, "pexpireat", at(fillHash1+2*i), &f.lives, "gt")
	}
	return f
}}

// A stamp is what a fill wants to know of its lease.
type stamp struct {
	renews        bool
	granted, till int64  // by the server's clock, in milliseconds since 1970
	head          string // of what may be filled: N12, that of the lease
}

const stampLen = 1 + 2*deadlineLen + nonce2End

func (s stamp) String() string {
	kind := "l"
	if s.renews {
		kind = "r"
	}
	return fmt.Sprintf("%s%0*d%0*d%s", kind, deadlineLen, s.granted, deadlineLen, s.till, s.head)
}

// parseStamp reads a stamp; ok is false for one that is not from here.
func parseStamp(text string) (s stamp, ok bool) {
	if len(text) != stampLen {
		return s, false
	}
	granted, err1 := strconv.ParseInt(text[1:1+deadlineLen], 10, 63)
	till, err2 := strconv.ParseInt(text[1+deadlineLen:1+2*deadlineLen], 10, 63)
	return stamp{text[0] == 'r', granted, till, text[1+2*deadlineLen:]}, err1 == nil && err2 == nil
}

// generations are those of the lease.
func (s *stamp) generations() *generations {
	return &generations{s.head[1:epochEnd], [2]string{s.head[epochEnd:nonce1End], s.head[nonce1End:nonce2End]}}
}

// errTooLate says that a lease, or the row, is too old.
var errTooLate = errors.New("too late")

// newFill makes what is to be sent. The error says why the row cannot be stored.
func (n *node) newFill(slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age) (*fill, error) {
	f := fills.Get().(*fill)
	f.errand = errand{answered: f.answered}
	f.name(slot, lease)
	stamp, ok := parseStamp(lease.Stamp)
	if !ok {
		return f, errTooLate
	}
	if age.Soft <= 0 {
		age.Soft = age.Hard
	}
	f.stamp, f.dies = stamp, stamp.granted+milliseconds(age.Hard)
	if now := n.generations.time().UnixMilli(); now >= stamp.till || now >= f.dies {
		return f, errTooLate
	}
	value := append(f.value[:0], stamp.head...)
	value = appendDigits(appendDigits(value, stamp.granted+milliseconds(age.Soft)), f.dies)
	value = append(value, f.token...)
	value, err := row.AppendBinary(value)
	switch f.value = value; {
	case err != nil:
		return f, fmt.Errorf("redisstore: a row cannot be stored: %w", err)
	case len(value) > tokenEnd+maxValue:
		return f, fmt.Errorf("redisstore: a row is not stored: it has more than %d MB", maxValue>>20)
	}
	f.bytes = len(value)
	put := command(f.put)
	if stamp.renews {
		put = f.renew
		f.record = appendLease(f.record[:0], lease.Token, stamp.till, stamp.generations())
	}
	f.commands = append(f.all[:0], put, f.expire, f.lease)
	together := f.texts[fillHash1] == f.texts[fillHash2]
	if together {
		f.commands = append(f.commands, f.both)
	} else {
		f.commands = append(f.commands, f.apart[0], f.apart[1])
	}
	// Generations live longer than what was stored under them: if one is lost, all that is goes with it.
	if f.lives = 0; n.generations.lives(f.pair) < f.dies {
		f.lives = f.dies + day
		f.commands = append(f.commands, f.keep[0])
		if !together {
			f.commands = append(f.commands, f.keep[1])
		}
	}
	return f, nil
}

const day = 24 * 60 * 60 * 1000 // milliseconds

// name says what the fill is about.
func (f *fill) name(slot *moneyclip.Slot, lease moneyclip.Lease) {
	var room [768]byte
	var ends [fillTexts]int
	b := bucket(slot.Key)
	text := appendKeyIn(room[:0], strconv.Itoa(b), slot.Key)
	ends[fillKey] = len(text)
	text = append(text, slot.Field...)
	ends[fillField] = len(text)
	text = append(append(text, "v:"...), slot.Field...)
	ends[fillRow] = len(text)
	text = append(append(text, "l:"...), slot.Field...)
	ends[fillLease] = len(text)
	for i, name := range slot.Generations {
		text = appendGenerationsKey(text, name, b)
		ends[fillHash1+2*i] = len(text)
		text = append(append(text, "n:"...), name...)
		ends[fillName1+2*i] = len(text)
	}
	if lease.Board != "" {
		text = appendKeyIn(text, "board", lease.Board)
	}
	ends[fillBoard] = len(text)
	text = append(text, lease.Token[:]...)
	f.token = cut(string(text), ends[:], f.texts[:])
	f.pair = pair{b, slot.Generations}
}

// free gives a fill back that has its answer, or was not sent. One that was large is not kept.
func (f *fill) free() {
	for _, one := range f.commands {
		one.SetErr(nil)
	}
	f.look.SetErr(nil)
	for _, one := range []*redis.StringSliceCmd{f.lease, f.both, f.apart[0], f.apart[1]} {
		one.SetVal(nil)
	}
	if f.done, f.commands = nil, nil; cap(f.value) <= maxIdle {
		fills.Put(f)
	}
}

const maxIdle = 16 << 10 // bytes

// filled reports what came of a fill that was answered: whether the row counts, and whether something is left that is in the way of another.
func (n *node) filled(f *fill) (ok, left bool, err error) {
	for i, one := range f.commands {
		switch err := one.Err(); {
		case err == nil:
		case code(err) != "WRONGTYPE":
			return false, false, err
		case i == 0:
			return false, false, nil // the next lease puts it in order
		}
	}
	put := f.put.Val()
	if f.stamp.renews {
		put = f.renew.Val()
	}
	lease := f.lease.Val()
	mine := len(lease) == 1 && len(lease[0]) == leaseLen && lease[0][:tokenLen] == f.token
	nonces := f.both.Val()
	if nonces == nil {
		nonces = slices.Concat(f.apart[0].Val(), f.apart[1].Val())
	}
	same := slices.Equal(nonces, f.stamp.generations().nonces[:])
	n.generations.saw(f.pair, nonces)
	if same && f.lives > 0 {
		n.generations.keep(f.pair, f.lives)
	}
	return put && mine && same, put != mine, nil
}

// Fill stores a row under a lease. It also reports false where it cannot be told under which mastership the server has accepted
// it: what is stored then is read under that of the lease, and under no other.
func (s *Store) Fill(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age,
) (bool, error) {
	step := s.reading.wait(ctx, time.Now().Add(s.ReadTimeout))
	if lease.Board != "" {
		// Another board may lack the notice of the rule: not all writers would drop what is stored here. It is enough to look before: who
		// makes another one has ended all generations before, and so also that of the lease.
		if is, err := s.isAt(step, lease.Board, lease.Version); err != nil || !is {
			return false, errors.Join(err, s.Abandon(ctx, slot, lease))
		}
	}
	n, err := s.nodeFor(step, slot)
	if err != nil {
		return false, err
	}
	f, err := n.newFill(slot, lease, row, age)
	if err != nil {
		f.free()
		return false, errors.Join(notLate(err), s.Abandon(ctx, slot, lease))
	}
	n.watch(time.Now())
	if err := n.reads.crowd.send(step, &f.errand); err != nil {
		n.doubtEnd(f.texts[fillKey], f.texts[fillField], lease, err)
		return false, failed("fill", err) // it may still be on its way: others do not get it
	}
	ok, left, err := n.filled(f)
	epoch := f.stamp.head[1:epochEnd]
	f.free()
	switch {
	case isElsewhere(err):
		s.reload(ctx)
		return false, nil
	case err != nil:
		return false, errors.Join(failed("fill", err), s.Abandon(ctx, slot, lease)) // or else others would wait for it
	case left:
		return false, s.Abandon(ctx, slot, lease)
	case !ok:
		return false, nil
	}
	return n.isUnder(step, epoch)
}

// notLate is an error, unless it only says that it is too late.
func notLate(err error) error {
	if errors.Is(err, errTooLate) {
		return nil
	}
	return err
}

// isUnder reports whether the node is under a mastership, and so was when it last answered, since none comes back. M22: only then
// does a fill that it has accepted say anything about writes, for it may be an older copy of the one that has granted the lease.
func (n *node) isUnder(ctx *patience, epoch string) (bool, error) {
	answered := time.Now()
	for range maxAttempts { // the first answer may be to a question from before
		m, err := n.confirm(ctx.Context, time.Now(), ctx.deadline)
		if err != nil {
			return false, err
		}
		// While connections are being made none is believed for long. It is enough that it was asked for after the fill.
		if n.current(time.Now()) == m || !m.at.Before(answered) {
			return m.epoch == epoch, nil
		}
	}
	return false, nil
}

// FillLater is Fill for a row that nobody waits for: it goes with what is sent next.
func (s *Store) FillLater(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age, done func(bool, error),
) {
	if s.cluster != nil {
		// Its steps may be on two nodes.
		slot := slot.Clone()
		go func() { done(s.Fill(ctx, slot, lease, row, age)) }()
		return
	}
	n, err := s.node(ctx, "")
	if err != nil {
		done(false, err)
		return
	}
	n.watch(time.Now())
	step := s.reading.wait(ctx, time.Now().Add(s.ReadTimeout))
	f, err := n.newFill(slot, lease, row, age)
	if err != nil {
		n.abandonLater(step, f, lease, notLate(err), done)
		return
	}
	f.done = func(err error) {
		if err != nil {
			n.doubtEnd(f.texts[fillKey], f.texts[fillField], lease, err)
			go done(false, failed("fill", err)) // it is logged, and who does that may read through this very store
			return
		}
		ok, left, err := n.filled(f)
		epoch := f.stamp.head[1:epochEnd]
		m := n.current(time.Now())
		switch {
		case err != nil:
			n.abandonLater(step, f, lease, failed("fill", err), done) // or else others would wait for it
			return
		case left:
			n.abandonLater(step, f, lease, nil, done)
			return
		case !ok:
			done(false, nil)
		case m == nil:
			go func() { done(n.isUnder(step, epoch)) }() // the server has to be asked: not on the time of who has sent this
		default:
			done(m.epoch == epoch, nil)
		}
		f.free()
	}
	if lease.Board == "" {
		n.reads.crowd.follow(step, &f.errand)
		return
	}
	look := newErrand(f.look) // see Fill
	look.done = func(err error) {
		switch {
		case err != nil:
			n.doubtEnd(f.texts[fillKey], f.texts[fillField], lease, err)
			go done(false, failed("fill", err))
		case f.look.Val() != lease.Version:
			n.abandonLater(step, f, lease, nil, done)
		default:
			n.reads.crowd.follow(step, &f.errand)
		}
	}
	n.reads.crowd.follow(step, look)
}

// Abandon gives a lease back.
func (s *Store) Abandon(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease) error {
	step := s.reading.wait(ctx, time.Now().Add(s.ReadTimeout))
	n, err := s.nodeFor(step, slot)
	if err != nil {
		return err
	}
	at := placeOf(slot)
	_, err = n.run(step, "abandon", abandonScript, at.keys[:1], &at.field, lease.Token[:])
	n.doubtEnd(at.keys[0], at.field, lease, err)
	return err
}

// abandonLater gives the lease of a fill back that has come to nothing, with what is sent next.
func (n *node) abandonLater(ctx *patience, f *fill, lease moneyclip.Lease, cause error, done func(bool, error)) {
	key, field := f.texts[fillKey], f.texts[fillField]
	e := newErrand(abandonScript.command(ctx, true, []string{key}, []any{field, f.token}))
	e.done = func(err error) {
		n.doubtEnd(key, field, lease, err)
		go done(false, cause)
	}
	f.free()
	n.reads.crowd.follow(ctx, e)
}
