package redisstore

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/redis/go-redis/v9"
)

// Get returns the row in the slot.
func (s *Store) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	now := time.Now()                                   // which costs something: a look-up asks for it as rarely as it can
	step := s.reading.wait(ctx, now.Add(s.ReadTimeout)) // never used again: who is asked for a password may keep it
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
		row, soft := decode(seen.value, seen.lease, before.epoch, seen.nonces[0], seen.nonces[1])
		// By the server's clock: the key may live longer than the row, if there are others under it.
		if row == nil || !now.Add(time.Duration(n.generations.ahead.Load())).Before(soft) {
			n.generations.saw(pairOf(slot), seen.nonces[:])
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

// run runs a script of a read.
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
	n, err := s.nodeFor(step, slot)
	if err != nil {
		return moneyclip.Grant{}, err
	}
	claimed := false // the token has a lease already, which may be none
	if m := n.current(time.Now()); m != nil && !renew {
		if g, ok := n.generations.under(m.epoch, pairOf(slot)); ok {
			grant, told, left, err := n.claim(step, slot, token, d, g)
			if told && (err != nil || n.still(m, time.Now())) {
				n.doubtLease(slot, token, d, left && grant.Answer != moneyclip.AnswerLease, err)
				return grant, err
			}
			claimed = left
		}
	}
	at := placeOf(slot)
	got, err := n.run(step, "lease", leaseScript, at.keys[:], &at.field, &at.generations[0], &at.generations[1],
		token[:], milliseconds(d), renew, milliseconds(s.Grace), maxFields, claimed)
	n.doubtLease(slot, token, d, claimed && got == nil, err)
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
		if len(rest) != 6 || len(rest[0]) != nonceLen || len(rest[1]) != nonceLen || len(rest[2]) != epochLen {
			return moneyclip.Grant{}, failed("lease", errAnswer)
		}
		granted, err1 := strconv.ParseInt(rest[3], 10, 64)
		till, err2 := strconv.ParseInt(rest[4], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return moneyclip.Grant{}, failed("lease", errAnswer)
		}
		g := generations{rest[2], [2]string{rest[0], rest[1]}}
		n.generations.told(time.UnixMilli(granted))
		n.generations.granted(slot, g)
		return moneyclip.Grant{Answer: moneyclip.AnswerLease, Lease: moneyclip.Lease{
			Token: token, Stamp: stamp{rest[5] == "1", granted, till, g.head()}.String(),
		}}, nil
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

// drop drops a value, and the lease by which it counts.
func (s *Store) drop(ctx *patience, at *place) error {
	n, err := s.node(ctx, at.keys[0])
	if err != nil {
		return err
	}
	if err := n.reads.send(ctx, redis.NewIntCmd(ctx, "hdel", at.keys[0], "v:"+at.field, "l:"+at.field)); err != nil {
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
