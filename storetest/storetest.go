// Package storetest holds the conformance suite of MoneyClip's stores. Whoever writes a [moneyclip.Store] runs
// [Exercise] on it.
//
// Most tests are the rules of the interface, one each. Some are named by a letter and a number: each is a way in
// which a store that looks right serves a row that is out of date, and its first lines tell how.
package storetest

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"fmt"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// Options say how the suite gets at the store. Open alone is needed.
type Options struct {
	// Open returns the store to test. It is called once in each test. Stores may share what is beneath them: no two
	// tests use the same keys, generations or tokens.
	Open func(t *testing.T) moneyclip.Store

	// Sleep lets time pass for the store. Nil: time.Sleep.
	Sleep func(d time.Duration)

	// Around runs a test: synctest.Test for a store that has no other clock than this process. Nil: it is called.
	Around func(t *testing.T, test func(t *testing.T))

	// Tick is the time that the store needs to tell two deadlines apart. Nothing is expected to last that is made to
	// last for less than a minute. Zero: 20 ms.
	Tick time.Duration

	_ struct{} // no positional literals: fields may be added
}

// Exercise runs the suite.
func Exercise(t *testing.T, o Options) {
	if o.Sleep == nil {
		o.Sleep = time.Sleep
	}
	if o.Around == nil {
		o.Around = func(t *testing.T, test func(t *testing.T)) { test(t) }
	}
	if o.Tick == 0 {
		o.Tick = 20 * time.Millisecond
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o.Around(t, func(t *testing.T) {
				test.run(&suite{
					T:      t,
					store:  o.Open(t),
					sleep:  o.Sleep,
					tick:   o.Tick,
					prefix: fmt.Sprintf("storetest:%x:", token()),
				})
			})
		})
	}
}

// long is a time that does not run out while a test runs.
const long = time.Minute

var forLong = moneyclip.Age{Hard: long}

// A suite is what one test works with. A method that gets an answer other than the expected one ends the test.
type suite struct {
	*testing.T
	store  moneyclip.Store
	sleep  func(d time.Duration)
	tick   time.Duration
	prefix string // of keys and generations: the test's own
	fills  int    // so far: by turns a later one and one at once
}

func token() (t moneyclip.Token) {
	rand.Read(t[:])
	return t
}

// row is a row that is told from others by its number.
func row(n int64) *moneyclip.Row {
	return moneyclip.NewRow([]string{"n"}, []driver.Value{n})
}

// describe spells a row out, or the lack of one.
func describe(r *moneyclip.Row) string {
	if r == nil {
		return "nothing"
	}
	b, err := r.AppendBinary(nil)
	if err != nil {
		return err.Error()
	}
	if !r.Found() {
		return fmt.Sprintf("the row set without a row, %q", b)
	}
	return fmt.Sprintf("the row %v, %q", r.Values(), b)
}

// slot is one of the slots of a test: all are of one rule, and have one field name.
func (s *suite) slot(key string) *moneyclip.Slot { return s.field(key, "field") }

func (s *suite) field(key, field string) *moneyclip.Slot {
	return &moneyclip.Slot{
		Key:         []byte(s.prefix + key),
		Field:       []byte(field),
		Generations: [2]string{s.prefix + "rule", s.prefix + "all"},
	}
}

// writer is the marks of a writer that touches some keys.
func (s *suite) writer(keys ...string) *moneyclip.Marks {
	marks := &moneyclip.Marks{Writer: token()}
	for _, key := range keys {
		marks.Keys = append(marks.Keys, s.prefix+key)
	}
	return marks
}

// wideWriter is the marks of a writer that touches all keys of some rules.
func (s *suite) wideWriter(generations ...string) *moneyclip.Marks {
	marks := &moneyclip.Marks{Writer: token()}
	for _, name := range generations {
		marks.Generations = append(marks.Generations, s.prefix+name)
	}
	return marks
}

func (s *suite) wantGet(slot *moneyclip.Slot, want *moneyclip.Row) {
	s.Helper()
	got, err := s.store.Get(s.Context(), slot)
	if err != nil {
		s.Fatalf("Get: %v", err)
	}
	if g, w := describe(got), describe(want); g != w {
		s.Fatalf("Get: got %s, want %s", g, w)
	}
}

func (s *suite) ask(slot *moneyclip.Slot, d time.Duration, renew bool) moneyclip.Grant {
	s.Helper()
	asked := token()
	grant, err := s.store.Lease(s.Context(), slot, asked, d, renew)
	if err != nil {
		s.Fatalf("Lease: %v", err)
	}
	if grant.Answer == moneyclip.AnswerLease && grant.Lease.Token != asked {
		s.Fatalf("Lease: got a lease with the token %x, want %x", grant.Lease.Token, asked)
	}
	return grant
}

var answers = map[moneyclip.Answer]string{
	moneyclip.AnswerBypass: "bypass",
	moneyclip.AnswerWait:   "wait",
	moneyclip.AnswerLease:  "lease",
	moneyclip.AnswerValue:  "value",
}

func (s *suite) wantAnswer(slot *moneyclip.Slot, renew bool, want moneyclip.Answer) moneyclip.Grant {
	s.Helper()
	grant := s.ask(slot, long, renew)
	if grant.Answer != want {
		s.Fatalf("Lease(renew: %v): got %s, want %s", renew, answers[grant.Answer], answers[want])
	}
	return grant
}

func (s *suite) wantBypass(slot *moneyclip.Slot) {
	s.Helper()
	s.wantAnswer(slot, false, moneyclip.AnswerBypass)
}

func (s *suite) wantWait(slot *moneyclip.Slot) {
	s.Helper()
	s.wantAnswer(slot, false, moneyclip.AnswerWait)
}

func (s *suite) wantValue(slot *moneyclip.Slot, want *moneyclip.Row) {
	s.Helper()
	grant := s.wantAnswer(slot, false, moneyclip.AnswerValue)
	if g, w := describe(grant.Row), describe(want); g != w {
		s.Fatalf("Lease: got %s, want %s", g, w)
	}
}

func (s *suite) lease(slot *moneyclip.Slot) moneyclip.Lease {
	s.Helper()
	return s.wantAnswer(slot, false, moneyclip.AnswerLease).Lease
}

// shortLease leases a slot for a time that has run out after outlive.
func (s *suite) shortLease(slot *moneyclip.Slot) moneyclip.Lease {
	s.Helper()
	grant := s.ask(slot, s.tick, false)
	if grant.Answer != moneyclip.AnswerLease {
		s.Fatalf("Lease: got %s, want lease", answers[grant.Answer])
	}
	return grant.Lease
}

// brief is a time in which something can be done, and that a test can sit out.
func (s *suite) brief() time.Duration { return 20 * s.tick }

// sitOut sleeps until all that was made for a brief time has run out.
func (s *suite) sitOut() { s.sleep(s.brief() + s.tick) }

// outlive sleeps until all that was made for a tick has run out.
func (s *suite) outlive() { s.sleep(3 * s.tick) }

// runOut sleeps until quarantines of slots that were made for a tick have run out, in a store too that counts from when somebody asks.
func (s *suite) runOut(slots ...*moneyclip.Slot) {
	s.Helper()
	s.outlive()
	for _, slot := range slots {
		if grant := s.ask(slot, long, false); grant.Answer == moneyclip.AnswerLease {
			s.abandon(slot, grant.Lease)
		}
	}
	s.outlive()
}

func (s *suite) wantFill(
	slot *moneyclip.Slot, lease moneyclip.Lease, r *moneyclip.Row, age moneyclip.Age, want bool,
) {
	s.Helper()
	fill := s.store.Fill
	if s.fills++; s.fills%2 == 1 {
		fill = s.fillLater
	}
	got, err := fill(s.Context(), slot, lease, r, age)
	if err != nil {
		s.Fatalf("Fill: %v", err)
	}
	if got != want {
		s.Fatalf("Fill: got %v, want %v", got, want)
	}
}

// fillLater is FillLater, waited for.
func (s *suite) fillLater(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, r *moneyclip.Row, age moneyclip.Age,
) (bool, error) {
	s.Helper()
	type result struct {
		filled bool
		err    error
	}
	results := make(chan result, 2)
	lent := slot.Clone()
	s.store.FillLater(ctx, lent, lease, r, age, func(filled bool, err error) { results <- result{filled, err} })
	clear(lent.Key)
	clear(lent.Field)
	select {
	case got := <-results:
		if len(results) > 0 {
			s.Fatal("FillLater has called done twice")
		}
		return got.filled, got.err
	case <-time.After(30 * time.Second):
		s.Fatal("FillLater has not called done")
	}
	return false, nil
}

func (s *suite) fill(slot *moneyclip.Slot, lease moneyclip.Lease, r *moneyclip.Row) {
	s.Helper()
	s.wantFill(slot, lease, r, forLong, true)
}

func (s *suite) wantRefused(slot *moneyclip.Slot, lease moneyclip.Lease, r *moneyclip.Row) {
	s.Helper()
	s.wantFill(slot, lease, r, forLong, false)
}

// put stores a row in a slot that nobody else wants.
func (s *suite) put(slot *moneyclip.Slot, r *moneyclip.Row) {
	s.Helper()
	s.fill(slot, s.lease(slot), r)
	s.wantGet(slot, r)
}

func (s *suite) abandon(slot *moneyclip.Slot, lease moneyclip.Lease) {
	s.Helper()
	if err := s.store.Abandon(s.Context(), slot, lease); err != nil {
		s.Fatalf("Abandon: %v", err)
	}
}

func (s *suite) quarantine(marks *moneyclip.Marks, d time.Duration) {
	s.Helper()
	if _, err := s.store.Quarantine(s.Context(), marks, d); err != nil {
		s.Fatalf("Quarantine: %v", err)
	}
}

func (s *suite) release(marks *moneyclip.Marks) {
	s.Helper()
	if _, err := s.store.Release(s.Context(), marks); err != nil {
		s.Fatalf("Release: %v", err)
	}
}
