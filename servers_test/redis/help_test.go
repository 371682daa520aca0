package redis_test

import (
	"crypto/rand"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must1 is for calls that return something. It has no test to end: a failure there is one of the test's own making.
func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func contains(s, part string) bool { return strings.Contains(s, part) }

// eventually waits until a check passes.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(20 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func token() (t moneyclip.Token) {
	rand.Read(t[:])
	return t
}

func row(n int64) *moneyclip.Row { return moneyclip.NewRow([]string{"n"}, []driver.Value{n}) }

func slot(key string) *moneyclip.Slot {
	return &moneyclip.Slot{
		Key: []byte("moneyclip:db:" + key), Field: []byte("field"),
		Generations: [2]string{"moneyclip:db:@rule", "moneyclip:@@"},
	}
}

var forLong = moneyclip.Age{Hard: time.Minute}

// lease leases a slot, or ends the test.
func lease(t *testing.T, s moneyclip.Store, at *moneyclip.Slot) moneyclip.Lease {
	t.Helper()
	g, err := s.Lease(t.Context(), at, token(), time.Minute, false)
	if err != nil || g.Answer != moneyclip.AnswerLease {
		t.Fatalf("Lease: got answer %d, %v, want a lease", g.Answer, err)
	}
	return g.Lease
}

// leases leases a slot and gives the lease back, for who waits until that can be.
func leases(t *testing.T, s moneyclip.Store, of *moneyclip.Slot) func() error {
	return func() error {
		g, err := s.Lease(t.Context(), of, token(), time.Minute, false)
		if err == nil && g.Answer != moneyclip.AnswerLease {
			return errors.New("not yet")
		}
		s.Abandon(t.Context(), of, g.Lease)
		return err
	}
}

// publish publishes notices, on a board that is made if it is not there.
func publish(t *testing.T, s moneyclip.Store, board string, notices ...moneyclip.Notice) moneyclip.Board {
	t.Helper()
	b := must1(s.Publish(t.Context(), board, notices, ""))
	if b.Claim != "" {
		b = must1(s.Publish(t.Context(), board, notices, b.Claim))
	}
	if b.Version == "" {
		t.Fatalf("got the board %v, want one with a version", b)
	}
	return b
}

func wantBypass(t *testing.T, s moneyclip.Store, at *moneyclip.Slot) {
	t.Helper()
	g, err := s.Lease(t.Context(), at, token(), time.Minute, false)
	if err != nil || g.Answer != moneyclip.AnswerBypass {
		t.Fatalf("Lease: got answer %d, %v, want bypass", g.Answer, err)
	}
}

// put stores a row.
func put(t *testing.T, s moneyclip.Store, at *moneyclip.Slot, n int64) {
	t.Helper()
	ok, err := s.Fill(t.Context(), at, lease(t, s, at), row(n), forLong)
	if err != nil || !ok {
		t.Fatalf("Fill: got %v, %v, want true", ok, err)
	}
}

func spell(r *moneyclip.Row) string {
	if r == nil {
		return "nothing"
	}
	return string(must1(r.AppendBinary(nil)))
}

func wantHit(t *testing.T, s moneyclip.Store, at *moneyclip.Slot, n int64) {
	t.Helper()
	got, err := s.Get(t.Context(), at)
	if err != nil || spell(got) != spell(row(n)) {
		t.Fatalf("Get: got %q, %v, want row %d", spell(got), err, n)
	}
}

func wantMiss(t *testing.T, s moneyclip.Store, at *moneyclip.Slot) {
	t.Helper()
	got, err := s.Get(t.Context(), at)
	if err != nil || got != nil {
		t.Fatalf("Get: got %q, %v, want nothing", spell(got), err)
	}
}

// writer is the marks of a writer of some slots.
func writer(slots ...*moneyclip.Slot) *moneyclip.Marks {
	m := &moneyclip.Marks{Writer: token()}
	for _, at := range slots {
		m.Keys = append(m.Keys, string(at.Key))
	}
	return m
}

func quarantine(t *testing.T, s moneyclip.Store, m *moneyclip.Marks) {
	t.Helper()
	if _, err := s.Quarantine(t.Context(), m, time.Minute); err != nil {
		t.Fatalf("Quarantine: %v", err)
	}
}

func release(t *testing.T, s moneyclip.Store, m *moneyclip.Marks) {
	t.Helper()
	if _, err := s.Release(t.Context(), m); err != nil {
		t.Fatalf("Release: %v", err)
	}
}

// A stored is where in Redis a slot is.
type stored struct{ key, writers, generations string }

// redisKeys finds the keys of a slot that is filled, leased or in quarantine: the bucket is looked for.
func redisKeys(t *testing.T, c redis.UniversalClient, at *moneyclip.Slot) stored {
	t.Helper()
	rest, _ := strings.CutPrefix(string(at.Key), "moneyclip:")
	for b := range 64 {
		s := stored{fmt.Sprintf("moneyclip:{%d}:%s", b, rest), fmt.Sprintf("moneyclip:{%d}!%s", b, rest), fmt.Sprintf("moneyclip:{%d}@", b)}
		if must1(c.Exists(t.Context(), s.key, s.writers).Result()) > 0 {
			return s
		}
	}
	t.Fatalf("no key of %q is in Redis", at.Key)
	return stored{}
}

// write is a write of a slot's key, with nothing in between.
func write(t *testing.T, s moneyclip.Store, at *moneyclip.Slot) {
	t.Helper()
	marks := writer(at)
	quarantine(t, s, marks)
	release(t, s, marks)
}
