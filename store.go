package moneyclip

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"
)

// A Store keeps row sets under keys, and with them the state that keeps them fresh. A key is, at any time, one of:
// absent; holding row sets and leases, one for each select that is stored under it; quarantined by one writer or more.
// While it is quarantined it holds no row set and grants no lease.
//
// A row set is good only while its generations are those under which its lease was granted. A writer that quarantines
// a generation ends it, and with it every row set of a rule at once.
//
// At most 64 selects are stored or leased under one key, so that no key grows without end. One more takes the place of a row
// set; if there are leases alone, its reader is told to bypass.
//
// Every deadline is the store's own affair: a lease or a quarantine that has run out is as if it had been given back.
// A Store is safe for concurrent use. Package storetest holds the suite that every implementation passes.
type Store interface {
	// Get returns the row set in the slot if it is good and not past its soft age; otherwise nil.
	Get(ctx context.Context, slot *Slot) (*Row, error)

	// Lease asks for the right to fill the slot, for at most d. With renew a good row set does not answer the
	// question but stays where it is until the fill, as one past its soft age does. The token is sent only once.
	Lease(ctx context.Context, slot *Slot, token Token, d time.Duration, renew bool) (Grant, error)

	// Fill stores a row set under a lease. It reports false, and stores nothing, if the lease has ended in any way,
	// or if one of its generations has, or if its board is not what it was. Ages count from the grant of the lease.
	Fill(ctx context.Context, slot *Slot, lease Lease, row *Row, age Age) (bool, error)

	// FillLater is Fill for a row that nobody waits for. A store may put it off until something else goes its way, for a few
	// milliseconds. It calls done once, with what Fill returns, perhaps after it has returned itself and on any goroutine, which
	// done must not keep. The slot is the caller's again when FillLater returns.
	FillLater(ctx context.Context, slot *Slot, lease Lease, row *Row, age Age, done func(filled bool, err error))

	// Abandon gives a lease back unused. A lease that has ended already is no error.
	Abandon(ctx context.Context, slot *Slot, lease Lease) error

	// Quarantine drops all that is stored or leased under the keys, ends the generations, and keeps both from being
	// used until the writer's release or until d has passed, which a store may count from when a lease is first asked for. Again:
	// renews, and heals what was lost. The version is that of the board of the marks, as it was after all this.
	Quarantine(ctx context.Context, marks *Marks, d time.Duration) (version string, err error)

	// Release ends the writer's quarantine, and drops all that is stored or leased under the keys meanwhile. The
	// quarantines of other writers stay. The version is as for Quarantine.
	Release(ctx context.Context, marks *Marks) (version string, err error)

	// Publish puts notices on a board, next to those that are there, or renews them, and returns all that are there.
	// To publish nothing is to look. Where there is no board nothing is published: a claim to it is left there instead,
	// and returned. Who comes back with a claim that the store has kept makes the board. A store of one process has no
	// boards: it always returns an empty Board.
	Publish(ctx context.Context, board string, notices []Notice, claim string) (Board, error)

	// Shared reports whether other processes use the store too. Then rules are published, and nobody waits for a fill.
	Shared() bool

	// Healthy returns nil if the store can be reached and may be used now, or the reason why not. That nothing is stored for
	// a while, because the store was lost before, is none.
	Healthy(ctx context.Context) error
}

// A Notice tells the writers of other processes what a rule wants of them. Two notices are one if their texts are.
type Notice struct {
	Text string
	Life time.Duration // for which it stays on the board, unless it is published again
}

// A Board is what all processes have published for one database.
type Board struct {
	// Version is another one after every change of what stands on the board, and never the same again. Empty: there is
	// no board, or not any more, since a store may lose it.
	Version string
	Notices []string // their texts, in any order

	// Claim is what to come back with if there is no board. It is lost with all else that the store loses, and never the
	// same again.
	Claim string
}

// A Slot is the place of one select's row set.
type Slot struct {
	// Key is the stored key: namespace, scope and the filled template. A writer drops all that is under it.
	Key []byte

	// Field tells the selects under one key apart: the statement, how it was run, what else it was given.
	Field []byte

	// Generations are those of the rule and of all rules.
	Generations [2]string
}

// Clone returns a slot that does not use its maker's room.
func (s *Slot) Clone() *Slot {
	return &Slot{Key: bytes.Clone(s.Key), Field: bytes.Clone(s.Field), Generations: s.Generations}
}

// A Token names one attempt of one reader or one writer. It is never used again, in no process.
type Token [16]byte

var (
	processToken = func() (seed [8]byte) { rand.Read(seed[:]); return seed }()
	tokenCount   atomic.Uint64
)

func newToken() (t Token) {
	copy(t[:8], processToken[:])
	binary.BigEndian.PutUint64(t[8:], tokenCount.Add(1))
	return t
}

// A Lease is the right to fill a slot.
type Lease struct {
	Token Token
	Stamp string // what the store wants to see again at the fill; the store's own

	// Board and Version are what the row goes by: unless the board is still at that version, the fill is refused. Empty: the
	// row goes by no board.
	Board, Version string
}

// A Grant is a store's answer to a reader that wants to fill a slot.
type Grant struct {
	Answer Answer
	Row    *Row  // AnswerValue
	Lease  Lease // AnswerLease
}

// Answer is the kind of a [Grant].
type Answer uint8

// The answers.
const (
	AnswerBypass Answer = iota // a writer is at work: ask the database and do not fill
	AnswerWait                 // another reader is about to fill the slot
	AnswerLease                // the slot is yours to fill
	AnswerValue                // a good row set after all
)

// An Age limits the life of a row set, counted from the grant of its lease.
type Age struct {
	Hard time.Duration // after it the row set is not there any more; more than zero
	Soft time.Duration // after it one reader is granted a lease while the others are served; zero: never
}

// Marks are the keys and generations that one attempt of one writer touches.
type Marks struct {
	Writer      Token
	Keys        []string
	Generations []string

	// Board is the one whose version the writer wants to know; empty: none. With it alone, nothing is marked, and the
	// store is only asked.
	Board string
}

func (m *Marks) empty() bool { return len(m.Keys) == 0 && len(m.Generations) == 0 }

// keep adds keys that may be among them already.
func (m *Marks) keep(keys []string) {
	m.Keys = append(m.Keys, keys...)
	slices.Sort(m.Keys)
	m.Keys = slices.Compact(m.Keys)
}

// addGeneration adds a generation, once.
func (m *Marks) addGeneration(name string) {
	if !slices.Contains(m.Generations, name) {
		m.Generations = append(m.Generations, name)
	}
}

const maxFields = 64 // selects stored under one key, so that no key grows without end
