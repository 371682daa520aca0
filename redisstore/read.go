package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// Get returns the row in the slot.
func (s *Store) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	now := time.Now() // which costs something: a look-up asks for it as rarely as it can
	step := s.reading.wait(ctx, now.Add(s.ReadTimeout))
	for range maxAttempts {
		l := newLookup(slot)
		n, err := s.nodeBy(ctx, l.key(), step.deadline)
		if err != nil {
			return nil, err
		}
		before, err := n.confirm(ctx, now, step.deadline)
		if err != nil {
			return nil, err
		}
		seen, err := n.look(step, l)
		if err != nil {
			return nil, err
		}
		if now = time.Now(); !n.still(before, now) {
			continue
		}
		row, soft := decode(seen.value, before.epoch, seen.nonces[0], seen.nonces[1])
		if row == nil || !now.Before(soft) {
			n.generations.saw(slot, seen.nonces[:])
			return nil, nil
		}
		return row, nil
	}
	return nil, nil
}

// look reads a slot and its generations in one piece. The lookup is not to be used after it. M29: on one connection, so from one server.
func (n *node) look(ctx *patience, l *lookup) (sight, error) {
	if err := n.reads.crowd.send(ctx, &l.errand); err != nil {
		return sight{}, failed("get", err)
	}
	for _, c := range l.commands {
		switch err := c.Err(); {
		case err == nil, err == redis.Nil: //nolint:errorlint // see isReply
		case isElsewhere(err):
			n.store.reload(ctx)
			return sight{}, nil
		case code(err) == "WRONGTYPE":
			return sight{}, nil // the next lease puts it in order
		default:
			return sight{}, failed("get", err)
		}
	}
	seen := l.sight()
	l.free()
	return seen, nil
}

// run runs a script of a read on the node that has a key.
func (s *Store) run(ctx *patience, step string, script *script, keys []string, args ...any) (any, error) {
	n, err := s.node(ctx, keys[0])
	if err != nil {
		return nil, err
	}
	return n.run(ctx, step, script, keys, args...)
}

func (n *node) run(ctx *patience, step string, script *script, keys []string, args ...any) (any, error) {
	n.watch(time.Now())
	command := script.command(ctx, false, keys, args)
	err := n.reads.crowd.send(ctx, newErrand(command))
	if err == nil && code(command.Err()) == "NOSCRIPT" {
		// It has not run, so it may be sent again.
		command = script.command(ctx, true, keys, args)
		err = n.reads.crowd.send(ctx, newErrand(command))
	}
	return n.result(ctx, step, command, err)
}

// result is what came of a script; err says that there is no answer.
func (n *node) result(ctx context.Context, step string, command *redis.Cmd, err error) (any, error) {
	if err == nil {
		err = command.Err()
	}
	if isElsewhere(err) {
		n.store.reload(ctx)
		return nil, nil
	}
	if err != nil {
		return nil, failed(step, err)
	}
	return command.Val(), nil
}

// command sends the script, or its name, which is shorter and does for a server that has it. The keys are not to change any more.
func (s *script) command(ctx context.Context, text bool, keys []string, args []any) *redis.Cmd {
	all := make([]any, 0, 3+len(keys)+len(args))
	if text {
		all = append(all, "eval", &s.text, len(keys))
	} else {
		all = append(all, "evalsha", &s.sha, len(keys))
	}
	for i := range keys {
		all = append(all, &keys[i]) // a pointer goes into an interface as it is
	}
	return redis.NewCmd(ctx, append(all, args...)...)
}

// maxFields is how many selects may be stored under one key.
const maxFields = 64

// Lease asks for the right to fill the slot.
func (s *Store) Lease(
	ctx context.Context, slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, renew bool,
) (moneyclip.Grant, error) {
	step := s.reading.wait(ctx, time.Now().Add(s.ReadTimeout))
	key := ""
	if s.cluster != nil {
		key = storedKey(string(slot.Key))
	}
	n, err := s.node(step, key)
	if err != nil {
		return moneyclip.Grant{}, err
	}
	claimed := false // the token has a lease already, which may be none
	if m := n.current(time.Now()); m != nil && !renew {
		if g, ok := n.generations.under(m.epoch, slot); ok {
			grant, told, left, err := n.claim(step, slot, token, d, g)
			n.doubtLease(slot, token, d, err)
			if told && (err != nil || n.still(m, time.Now())) {
				return grant, err
			}
			claimed = left
		}
	}
	at := placeOf(slot)
	got, err := n.run(step, "lease", leaseScript, at.keys[:], &at.field, &at.generations[0], &at.generations[1],
		token[:], milliseconds(d), renew, milliseconds(s.Grace), maxFields, claimed)
	n.doubtLease(slot, token, d, err)
	if err != nil || got == nil {
		return moneyclip.Grant{}, err
	}
	answer, rest, ok := parseAnswer(got)
	if !ok {
		return moneyclip.Grant{}, failed("lease", errAnswer)
	}
	switch answer {
	case 1:
		return moneyclip.Grant{Answer: moneyclip.AnswerWait}, nil
	case 2:
		if len(rest) == 4 {
			if ms, err := strconv.ParseInt(rest[3], 10, 64); err == nil {
				n.generations.told(time.UnixMilli(ms))
				n.generations.granted(slot, generations{rest[2], [2]string{rest[0], rest[1]}})
			}
		}
		return leased(token, ""), nil
	case 3:
		row, err := decodeRow([]byte(strings.Join(rest, "")))
		if err != nil {
			// The server does not look into rows: one that is damaged would stay until it is too old.
			return moneyclip.Grant{}, s.drop(step, at)
		}
		return moneyclip.Grant{Answer: moneyclip.AnswerValue, Row: row}, nil
	}
	return moneyclip.Grant{}, nil
}

// drop drops a value.
func (s *Store) drop(ctx *patience, at *place) error {
	n, err := s.node(ctx, at.keys[0])
	if err != nil {
		return err
	}
	if err := n.reads.send(ctx, redis.NewIntCmd(ctx, "hdel", at.keys[0], "v:"+at.field)); err != nil {
		return failed("drop", err)
	}
	return nil
}

// parseAnswer takes apart what the lease script returns: a number, and texts.
func parseAnswer(got any) (answer int64, rest []string, ok bool) {
	list, _ := got.([]any)
	if len(list) == 0 {
		return 0, nil, false
	}
	answer, ok = list[0].(int64)
	for _, one := range list[1:] {
		text, is := one.(string)
		rest, ok = append(rest, text), ok && is
	}
	return answer, rest, ok
}

// Fill stores a row under a lease. It also reports false where it cannot be told under which mastership the server has accepted
// it: what is stored then is read under that of the lease, and under no other.
func (s *Store) Fill(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age,
) (bool, error) {
	step := s.reading.wait(ctx, time.Now().Add(s.ReadTimeout))
	if lease.Board != "" && s.cluster != nil {
		// The board may be on another node than the key.
		if is, err := s.isAt(step, lease.Board, lease.Version); err != nil || !is {
			return false, errors.Join(err, s.Abandon(ctx, slot, lease))
		}
		lease.Board = ""
	}
	keys, args, err := fillOf(slot, lease, row, age)
	if err != nil {
		return false, errors.Join(err, s.Abandon(ctx, slot, lease))
	}
	n, err := s.node(step, keys[0])
	if err != nil {
		return false, err
	}
	got, err := n.run(step, "fill", fillScript, keys, args...)
	if epoch, _ := got.(string); epoch != "" {
		return n.isUnder(step, epoch)
	}
	return false, err
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
	keys, args, err := fillOf(slot, lease, row, age)
	if s.cluster != nil || err != nil {
		// There are two steps to it.
		slot := slot.Clone()
		go func() { done(s.Fill(ctx, slot, lease, row, age)) }()
		return
	}
	n, err := s.node(ctx, keys[0])
	if err != nil {
		done(false, err)
		return
	}
	n.fillLater(s.reading.wait(ctx, time.Now().Add(s.ReadTimeout)), false, keys, args, done)
}

func (n *node) fillLater(ctx *patience, text bool, keys []string, args []any, done func(bool, error)) {
	n.watch(time.Now())
	command := fillScript.command(ctx, text, keys, args)
	e := newErrand(command)
	e.bytes = len(args[rowArg].([]byte))
	e.done = func(err error) {
		if err == nil && !text && code(command.Err()) == "NOSCRIPT" {
			n.fillLater(ctx, true, keys, args, done) // it has not run, so it may be sent again
			return
		}
		got, err := n.result(ctx, "fill", command, err)
		m := n.current(time.Now())
		switch epoch, _ := got.(string); {
		case err != nil:
			go done(false, err) // it is logged, and who does that may read through this very store
		case epoch == "":
			done(false, nil)
		case m == nil:
			go func() { done(n.isUnder(ctx, epoch)) }() // the server has to be asked: not on the time of who has sent this
		default:
			done(m.epoch == epoch, nil)
		}
	}
	n.reads.crowd.follow(ctx, e)
}

const rowArg = 6 // which of the arguments of a fill is the row

// fillOf is what the script of a fill wants, or why the row cannot be stored.
func fillOf(slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age) (keys []string, args []any, err error) {
	encoded, err := row.AppendBinary(nil)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("redisstore: a row cannot be stored: %w", err)
	case len(encoded) > maxValue:
		return nil, nil, fmt.Errorf("redisstore: a row is not stored: it has more than %d MB", maxValue>>20)
	}
	if age.Soft <= 0 {
		age.Soft = age.Hard
	}
	at := placeOf(slot)
	keys, args = at.keys[:3:3], []any{
		&at.field, &at.generations[0], &at.generations[1], lease.Token[:], milliseconds(age.Hard), milliseconds(age.Soft), encoded, lease.Stamp,
	}
	if lease.Board != "" {
		keys, args = append(keys, boardKey(lease.Board)), append(args, &lease.Version)
	}
	return keys, args, nil
}

// Abandon gives a lease back.
func (s *Store) Abandon(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease) error {
	step := s.reading.wait(ctx, time.Now().Add(s.ReadTimeout))
	at := placeOf(slot)
	_, err := s.run(step, "abandon", abandonScript, at.keys[:1], &at.field, lease.Token[:])
	return err
}
