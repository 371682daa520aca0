//go:build unix

package consistency

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
)

// A miniature is a store on one Redis that does each step of the protocol in the plainest way, as one script, and that can
// leave out any of them. It knows nothing of clusters, breakers or round trips. The harness is tried on it: whole it must
// pass, and with a step left out it must be caught.
type miniature struct {
	client redis.UniversalClient
	faults string // the steps that it leaves out, by their labels, each between blanks
	read   time.Duration
	write  time.Duration

	remembered atomic.Pointer[remembered]
}

// remembered are generations as they were once. All rows of the harness are under the same two.
type remembered struct {
	nonces [2]string
	until  int64
}

//go:embed miniature.lua
var miniatureScript string

var script = redis.NewScript(miniatureScript)

// newMiniature returns a store without the steps that are named.
func newMiniature(client redis.UniversalClient, c *Setup, without ...string) *miniature {
	return &miniature{client: client, faults: " " + strings.Join(without, " ") + " ", read: c.ReadTime, write: c.WriteTime}
}

var _ moneyclip.Store = (*miniature)(nil)

const generationsKey = "m:@"

func key(k string) string { return "m:k:" + k }

// run runs a step. It is sent again only if the server has not run it.
func (m *miniature) run(ctx context.Context, limit time.Duration, step string, keys []string, args ...any) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	reply, err := script.Run(ctx, m.client, append([]string{generationsKey}, keys...), append([]any{step, m.faults}, args...)...).StringSlice()
	if err == nil && len(reply) == 0 {
		err = errors.New("consistency: an empty reply")
	}
	return reply, err
}

func (m *miniature) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	args := []any{slot.Field, slot.Generations[0], slot.Generations[1], "", ""}
	if was := m.remembered.Load(); was != nil && now() < was.until {
		args[3], args[4] = was.nonces[0], was.nonces[1] // used by a mutant only
	}
	reply, err := m.run(ctx, m.read, "get", []string{key(string(slot.Key))}, args...)
	if err != nil {
		return nil, err
	}
	if args[3] == "" {
		m.remembered.Store(&remembered{[2]string{reply[2], reply[3]}, now() + int64(3*time.Second)})
	}
	if reply[0] != "value" {
		return nil, nil
	}
	return decode(reply[1])
}

func decode(value string) (*moneyclip.Row, error) {
	row := new(moneyclip.Row)
	return row, row.UnmarshalBinary([]byte(value))
}

func (m *miniature) Lease(ctx context.Context, slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, renew bool) (moneyclip.Grant, error) {
	reply, err := m.run(ctx, m.read, "lease", []string{key(string(slot.Key))}, slot.Field, slot.Generations[0], slot.Generations[1],
		token[:], d.Milliseconds(), renew)
	if err != nil {
		return moneyclip.Grant{}, err
	}
	switch reply[0] {
	case "value":
		row, err := decode(reply[1])
		return moneyclip.Grant{Answer: moneyclip.AnswerValue, Row: row}, err
	case "wait":
		return moneyclip.Grant{Answer: moneyclip.AnswerWait}, nil
	case "lease":
		return moneyclip.Grant{Answer: moneyclip.AnswerLease, Lease: moneyclip.Lease{Token: token, Stamp: reply[1]}}, nil
	}
	return moneyclip.Grant{}, nil
}

func (m *miniature) Fill(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age) (bool, error) {
	value, err := row.AppendBinary(nil)
	if err != nil {
		return false, err
	}
	if lease.Board != "" {
		version, err := m.Release(ctx, &moneyclip.Marks{Board: lease.Board})
		if err != nil || version != lease.Version {
			return false, errors.Join(err, m.Abandon(ctx, slot, lease))
		}
	}
	reply, err := m.run(ctx, m.read, "fill", []string{key(string(slot.Key))}, slot.Field, slot.Generations[0], slot.Generations[1],
		lease.Token[:], lease.Stamp, value, age.Hard.Milliseconds(), age.Soft.Milliseconds())
	return err == nil && reply[0] == "filled", err
}

func (m *miniature) FillLater(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age, done func(bool, error)) {
	slot = slot.Clone()
	go func() { done(m.Fill(ctx, slot, lease, row, age)) }()
}

func (m *miniature) Abandon(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease) error {
	_, err := m.run(ctx, m.read, "abandon", []string{key(string(slot.Key))}, slot.Field, lease.Token[:])
	return err
}

func (m *miniature) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	return m.mark(ctx, "quarantine", marks, d)
}

func (m *miniature) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	return m.mark(ctx, "release", marks, 0)
}

func (m *miniature) mark(ctx context.Context, step string, marks *moneyclip.Marks, d time.Duration) (string, error) {
	keys := []string{"m:b:" + marks.Board}
	for _, k := range marks.Keys {
		keys = append(keys, key(k))
	}
	args := []any{marks.Writer[:], d.Milliseconds()}
	for _, g := range marks.Generations {
		args = append(args, g)
	}
	reply, err := m.run(ctx, m.write, step, keys, args...)
	if err != nil {
		return "", err
	}
	return reply[1], nil
}

func (m *miniature) Publish(ctx context.Context, board string, notices []moneyclip.Notice, claim string) (moneyclip.Board, error) {
	args := []any{claim, rand.Text()}
	for _, n := range notices {
		args = append(args, n.Text, n.Life.Milliseconds())
	}
	reply, err := m.run(ctx, m.write, "publish", []string{"m:b:" + board}, args...)
	if err != nil {
		return moneyclip.Board{}, err
	}
	if reply[0] == "claim" {
		return moneyclip.Board{Claim: reply[1]}, nil
	}
	return moneyclip.Board{Version: reply[1], Notices: reply[2:]}, nil
}

func (m *miniature) Shared() bool { return true }

func (m *miniature) Healthy(ctx context.Context) error { return m.client.Ping(ctx).Err() }
