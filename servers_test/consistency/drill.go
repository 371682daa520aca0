//go:build unix

package consistency

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A drill is one course of events, step by step, in which a step of the protocol matters. Chance comes to it seldom; here it
// happens each time. Workers are a, b and c:
//
//	a write 1       an operation on a row, to its end; also read, direct and wide
//	a write 1 &     an operation that goes on meanwhile
//	a hold <point>  the next one that comes to the point waits there
//	a at            until it does, or the operation is over
//	a free <point>
//	a cut <point>   the connection is cut there: nobody knows what became of the statement, which the database does all the same
//	a done          until an operation that went on is over
//
// and the harness itself can lock and unlock a row, evict what is in the store, refuse connections to it and accept them again, have a replica
// that it makes deaf, promote a node, wait until the database is quiet, and sleep for some milliseconds.
type drill struct {
	label   string
	replica bool
	outage  bool
	expires bool // a quarantine has to run out
	steps   string
}

var drills = []drill{
	{label: "N1", steps: "b hold before-fill; b read 1 &; b at; a write 1; b free before-fill; b done; sleep 50; b read 1"},
	{label: "N2", steps: "b hold before-fill; b read 1 &; b at; a write 1; b free before-fill; b done; sleep 50; b read 1"},
	{label: "N3", steps: "a hold after-quarantine; a write 1 &; a at; b hold before-fill; b read 1 &; b at; a free after-quarantine; a done; b free before-fill; b done; sleep 50; b read 1"},
	{label: "N3c", steps: "b read 1; sleep 50; a hold before-release; a write 1 &; a at; b direct 1; b read 1; a free before-release; a done"},
	{label: "N4", steps: "a hold after-quarantine; a write 1 &; a at; b write 1; b read 1; sleep 50; a hold before-release; a free after-quarantine; a at; b direct 1; b read 1; a free before-release; a done"},
	{label: "N5", steps: "b hold elsewhere; b read 1 &; b at; a write 1; b read 1 &; sleep 50; b free elsewhere; b done; b done"},
	{label: "N6", steps: "b hold elsewhere; b read 1 &; b at; a write 1; b free elsewhere; b done; sleep 50; b read 1"},
	{label: "N7", steps: "b hold elsewhere; b read 1 &; b at; b free elsewhere; b done; sleep 50; b read 1"},
	{label: "N8", steps: "lock 1; a write 2; a hold after-quarantine; a write 1 &; a at; a cut after-sent; a free after-quarantine; a done; b read 1; sleep 50; unlock; quiet; b direct 1; b read 1"},
	{label: "N9", steps: "a hold after-quarantine; a write 1 &; a at; evict; b read 1; sleep 50; a free after-quarantine; a done; b read 1"},
	{label: "N10", replica: true, steps: "b read 1; sleep 50; synced; deaf; a write 1; promote 1; b read 1"},
	{label: "N11", replica: true, steps: "b read 1; sleep 50; synced; promote 1; a write 1; follow; promote 0; b read 1"},
	{label: "N12", steps: "b hold before-fill; b read 1 &; b at; a wide 1; b read 2; sleep 50; b free before-fill; b done; sleep 50; b read 1"},
	{label: "N13", steps: "b hold before-fill; b read 1 &; b at; a write 1; b free before-fill; b done; sleep 50; b read 1"},
	{label: "N14", steps: "a hold after-quarantine; a write 1 &; a at; evict; b read 1; sleep 50; a free after-quarantine; a done; b read 1"},
	{label: "N15", steps: "b hold before-fill; b read 1 &; b at; a hold before-release; a write 1 &; a at; b free before-fill; b done; sleep 50; b direct 1; b read 1; a free before-release; a done"},
	{label: "N16", steps: "b read 1; sleep 50; b read 1; a write 1; b read 1"},
	{label: "M3", steps: "b hold before-fill; b read 1 &; b at; a write 1; c hold before-fill; c read 1 &; c at; b free before-fill; b done; sleep 50; b read 1; c free before-fill; c done"},
	{label: "M11", steps: "a hold after-quarantine; a write 1 &; a at; evict; b hold before-fill; b read 1 &; b at; a free after-quarantine; a done; b free before-fill; b done; sleep 50; b read 1"},
	{label: "M21", steps: "b hold before-fill; b read 1 &; b at; a write 1; b free before-fill; b done; sleep 50; b read 1"},
	{label: "M25", outage: true, expires: true, steps: "lock 1; refuse; a write 1 &; sleep 700; accept; sleep 300; b read 1; sleep 50; unlock; a done; b read 1"},
	{label: "M28", steps: "a write 1; a hold after-quarantine; a write 1 &; a at; sleep 100; b read 1; sleep 50; a hold before-release; a free after-quarantine; a at; b direct 1; b read 1; a free before-release; a done"},
	{label: "M29", steps: "b read 1; sleep 50; b read 1; a wide 1; b read 1"},
	{label: "T2", expires: true, steps: "lock 1; a write 2; c hold after-quarantine; c write 1 &; c at; a hold after-quarantine; a write 1 &; a at; a cut after-sent; a free after-quarantine; a done; sleep 450; b read 1; sleep 50; unlock; quiet; b direct 1; b read 1; c free after-quarantine; c done"},
}

// Drill runs a drill with a store that is whole, or with the mutant of its label.
func Drill(t testing.TB, d drill, store, mutant string) (*Result, error) {
	plan := Plan{Name: "drill " + d.label, Store: store, Mutant: mutant, Workers: 3, Threads: 1}
	// No drill is about a lease that runs out. On a busy machine a quarantine does while nobody renews it, and then the promise
	// allows what mutants are caught at.
	quarantine := 10 * time.Second
	if d.expires {
		quarantine = quarantineTime
	}
	r, result, err := newRound(t, plan, 10*time.Second, quarantine)
	if err != nil {
		return nil, err
	}
	defer r.db.Close()
	r.outage = d.outage
	if err := r.openRedis([]fault{{proxy: true, replica: d.replica}}); err != nil {
		return nil, err
	}
	defer r.proxy.close()
	defer func() {
		for _, h := range r.alive() {
			h.Kill()
		}
	}()
	s := &stage{round: r, hands: map[string]*hand{}}
	defer s.close()
	for _, name := range []string{"a", "b", "c"} {
		if s.hands[name], err = r.start(); err != nil {
			return nil, err
		}
	}
	if d.replica {
		if s.link, err = newProxy(r.nodes[0].Addr); err != nil {
			return nil, err
		}
		if err := r.follow(1, s.link); err != nil {
			return nil, err
		}
	}
	if err := s.step("warm"); err != nil {
		return nil, err
	}
	for _, step := range strings.Split(d.steps, ";") {
		if err := s.step(strings.TrimSpace(step)); err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	return result, r.finish(result)
}

// A stage is where a drill is done.
type stage struct {
	*round
	hands map[string]*hand
	lock  *sql.Tx
	link  *proxy // from the master to its replica
	deaf  *proxy // from the second master to the first
}

func (s *stage) close() {
	if s.lock != nil {
		s.lock.Rollback()
	}
	for _, p := range []*proxy{s.link, s.deaf} {
		if p != nil {
			p.close()
		}
	}
}

func (s *stage) step(text string) (err error) {
	words := strings.Fields(text)
	if h := s.hands[words[0]]; h != nil {
		return h.play(words[1:])
	}
	switch words[0] {
	case "warm":
		// The first reads of a process ask who the database is and publish its rules; in grace nothing is stored.
		for limit := time.Now().Add(time.Minute); ; {
			for _, name := range []string{"a", "b", "c"} {
				for range 2 {
					if err := s.hands[name].play([]string{"read", "9"}); err != nil {
						return err
					}
				}
			}
			h := s.hands["b"]
			h.order("stats")
			before, err := h.answer("stats")
			if err != nil {
				return err
			}
			if err := h.play([]string{"read", "9"}); err != nil {
				return err
			}
			h.order("stats")
			after, err := h.answer("stats")
			if err != nil {
				return err
			}
			if strings.Fields(before)[0] != strings.Fields(after)[0] {
				return nil
			}
			if time.Now().After(limit) {
				return fmt.Errorf("nothing is stored")
			}
			time.Sleep(20 * time.Millisecond)
		}
	case "sleep":
		n, err := strconv.Atoi(words[1])
		time.Sleep(time.Duration(n) * time.Millisecond)
		return err
	case "evict":
		c := redis.NewClient(&redis.Options{Addr: s.nodes[0].Addr, MaxRetries: -1})
		defer c.Close()
		keys, err := c.Keys(context.Background(), "*item::*").Result()
		if err != nil || len(keys) == 0 {
			return errors.Join(errors.New("there is nothing to evict"), err)
		}
		return c.Del(context.Background(), keys...).Err()
	case "lock":
		if s.lock, err = s.db.Begin(); err != nil {
			return err
		}
		_, err = s.lock.Exec("SELECT 1 FROM items WHERE id = $1 FOR UPDATE", words[1])
		return err
	case "unlock":
		err, s.lock = s.lock.Rollback(), nil
		return err
	case "quiet":
		return s.quiet()
	case "refuse":
		s.proxy.refuse.Store(true)
		s.proxy.reset(1)
		return nil
	case "accept":
		s.proxy.refuse.Store(false)
		return nil
	case "synced":
		return eventually(func() error {
			info, err := s.ask(1, "INFO", "replication")
			if err == nil && !strings.Contains(info, "master_link_status:up") {
				err = fmt.Errorf("the replica has no link")
			}
			if err != nil {
				return err
			}
			n, err := s.ask(0, "WAIT", 1, 1000)
			_ = n // an integer; what matters is that the replica has all
			return ignoreType(err)
		})
	case "deaf":
		s.link.mute.Store(true)
		return nil
	case "follow": // the first node follows the second, of which it hears nothing
		if s.deaf, err = newProxy(s.nodes[1].Addr); err != nil {
			return err
		}
		s.deaf.mute.Store(true)
		return s.follow(0, s.deaf)
	case "promote":
		n, err := strconv.Atoi(words[1])
		if err != nil {
			return err
		}
		return s.promote(n)
	}
	return fmt.Errorf("there is no step %q", text)
}

// ignoreType passes over an answer that is not a text.
func ignoreType(err error) error {
	if err != nil && strings.Contains(err.Error(), "unexpected type") {
		return nil
	}
	return err
}

// play has a worker do something.
func (h *hand) play(words []string) error {
	limit, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	wait := func(c chan struct{}, what string) error {
		select {
		case <-c:
			return nil
		case <-h.Done():
			return errGone
		case <-limit.Done():
			return fmt.Errorf("worker %d is not %s", h.number, what)
		}
	}
	switch words[0] {
	case "hold":
		h.order("arm " + words[1] + " hold")
	case "cut":
		h.order("arm " + words[1] + " cut")
	case "free":
		h.order("free " + words[1])
	case "at":
		// One that is whole need not come there at all. What is left to the background comes there later.
		select {
		case <-h.held:
			return nil
		case <-h.done:
			h.done <- struct{}{}
			select {
			case <-h.held:
			case <-time.After(300 * time.Millisecond):
			}
			return nil
		case <-h.Done():
			return errGone
		case <-limit.Done():
			return fmt.Errorf("worker %d has neither come there nor ended", h.number)
		}
	case "done":
		return wait(h.done, "done")
	default:
		h.order("do " + words[0] + " " + words[1])
		if len(words) == 2 {
			return wait(h.done, "done")
		}
	}
	return nil
}
