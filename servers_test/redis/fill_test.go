package redis_test

import (
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A fill whose lease a writer has dropped counts for nobody and leaves nothing, and it takes nothing away from the reader after it.
func TestLateFill(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	fills := map[string]func(at *moneyclip.Slot, l moneyclip.Lease) bool{
		"Fill": func(at *moneyclip.Slot, l moneyclip.Lease) bool {
			return must1(s.Fill(t.Context(), at, l, row(1), forLong))
		},
		"FillLater": func(at *moneyclip.Slot, l moneyclip.Lease) bool {
			filled := make(chan bool)
			s.FillLater(t.Context(), at, l, row(1), forLong, func(ok bool, err error) {
				if err != nil {
					t.Errorf("%s: %v", at.Key, err)
				}
				filled <- ok
			})
			return <-filled
		},
	}
	for name, fill := range fills {
		one := slot(name)
		put(t, s, one, 0)
		key := redisKeys(t, c, one).key
		write(t, s, one)
		late := lease(t, s, one)
		write(t, s, one)
		if fill(one, late) {
			t.Errorf("%s: it is filled after a write", name)
		}
		wantMiss(t, s, one)
		if left := c.HGetAll(t.Context(), key).Val(); len(left) > 0 {
			t.Errorf("%s: it leaves %q", name, left)
		}
		late = lease(t, s, one)
		write(t, s, one)
		put(t, s, one, 2)
		if fill(one, late) {
			t.Errorf("%s: it is filled beside another", name)
		}
		wantHit(t, s, one, 2)
		write(t, s, one)
		late = lease(t, s, one)
		write(t, s, one)
		next := lease(t, s, one)
		if fill(one, late) {
			t.Errorf("%s: it is filled under another's lease", name)
		}
		wantMiss(t, s, one)
		if !must1(s.Fill(t.Context(), one, next, row(3), forLong)) {
			t.Errorf("%s: it has taken away another's lease", name)
		}
		wantHit(t, s, one, 3)
	}
}

// What stands in the way of a fill is taken away by who asks for a lease next, if whoever has left it is no more.
func TestLeftByALateFill(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	one := slot("k")
	put(t, s, one, 1)
	key := redisKeys(t, c, one).key
	must(t, c.HDel(t.Context(), key, "l:field").Err())
	wantMiss(t, s, one)
	put(t, s, one, 2)
	must(t, c.HSet(t.Context(), key, "l:field", "0123456789abcdef"+must1(c.HGet(t.Context(), key, "l:field").Result())[16:]).Err())
	wantMiss(t, s, one)
	put(t, s, one, 3)
	wantHit(t, s, one, 3)
}

// Generations live longer than what was stored under them, whichever process has stored it.
func TestGenerationsLive(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s, other := patient(c), patient(c)
	one := slot("k")
	put(t, s, one, 1)
	lives := func(atLeast time.Duration) {
		t.Helper()
		if left := c.PTTL(t.Context(), redisKeys(t, c, one).generations).Val(); left < atLeast {
			t.Errorf("the generations live for %v, want %v", left, atLeast)
		}
	}
	lives(forLong.Hard)
	for i, days := range []time.Duration{3, 5, 4, 9} {
		by := []moneyclip.Store{s, other}[i%2]
		write(t, by, one)
		age := days * 24 * time.Hour
		if !must1(by.Fill(t.Context(), one, lease(t, by, one), row(int64(i)), moneyclip.Age{Hard: age})) {
			t.Fatal("it is not filled")
		}
		lives(age)
		if left := c.PTTL(t.Context(), redisKeys(t, c, one).key).Val(); left > age || left < age-time.Minute {
			t.Errorf("the key lives for %v, want %v", left, age)
		}
	}
	lives(9 * 24 * time.Hour)
}

// A row that is being renewed counts until then, and the new one from then on; one that comes after a write does not.
func TestRenewal(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	one := slot("k")
	put(t, s, one, 1)
	renew := func() moneyclip.Lease {
		t.Helper()
		g := must1(s.Lease(t.Context(), one, token(), time.Minute, true))
		if g.Answer != moneyclip.AnswerLease {
			t.Fatalf("got answer %d, want a lease", g.Answer)
		}
		return g.Lease
	}
	l := renew()
	wantHit(t, s, one, 1)
	if g := must1(s.Lease(t.Context(), one, token(), time.Minute, true)); g.Answer != moneyclip.AnswerWait {
		t.Errorf("got answer %d while it is being renewed, want that of who waits", g.Answer)
	}
	if !must1(s.Fill(t.Context(), one, l, row(2), forLong)) {
		t.Error("it is not filled")
	}
	wantHit(t, s, one, 2)
	must(t, s.Abandon(t.Context(), one, renew()))
	wantHit(t, s, one, 2)
	l = renew()
	write(t, s, one)
	if must1(s.Fill(t.Context(), one, l, row(3), forLong)) {
		t.Error("it is filled after a write")
	}
	wantMiss(t, s, one)
	put(t, s, one, 4)
	wantHit(t, s, one, 4)
}

// A lease whose row could not be stored, because the server hung, does not keep others from the slot for as long as it lives.
func TestFillOfNobody(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := client(t, server)
	s, hurried := patient(c), patient(client(t, server))
	hurried.ReadTimeout = 100 * time.Millisecond
	ends := map[string]func(at *moneyclip.Slot, l moneyclip.Lease) error{
		"Fill": func(at *moneyclip.Slot, l moneyclip.Lease) error {
			_, err := hurried.Fill(t.Context(), at, l, row(1), forLong)
			return err
		},
		"FillLater": func(at *moneyclip.Slot, l moneyclip.Lease) error {
			filled := make(chan error)
			hurried.FillLater(t.Context(), at, l, row(1), forLong, func(_ bool, err error) { filled <- err })
			return <-filled
		},
		"Abandon": func(at *moneyclip.Slot, l moneyclip.Lease) error { return hurried.Abandon(t.Context(), at, l) },
	}
	for name, end := range ends {
		for _, open := range []bool{false, true} {
			one := slot(name)
			var l moneyclip.Lease
			eventually(t, "leased", func() error {
				marks := writer(one)
				quarantine(t, s, marks)
				release(t, s, marks)
				g, err := hurried.Lease(t.Context(), one, token(), time.Minute, false)
				l = g.Lease
				if err == nil && g.Answer != moneyclip.AnswerLease {
					t.Fatal(g.Answer)
				}
				return err
			})
			server.Pause(t)
			if open {
				hurried.Get(t.Context(), one) // nothing more is sent then
			}
			if err := end(one, l); err == nil {
				t.Errorf("%s %v: a server that hangs has answered", name, open)
			}
			server.Resume(t)
			began := time.Now()
			for {
				time.Sleep(20 * time.Millisecond)
				r, err := s.Get(t.Context(), one)
				if err == nil && r != nil {
					break
				}
				if leases(t, s, one)() == nil {
					break
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("%s %v: nobody could lease it for %v", name, open, took)
					break
				}
			}
		}
	}
}
