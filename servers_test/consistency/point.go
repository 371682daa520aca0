//go:build unix

package consistency

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moneyclip/moneyclip"
)

// points are places in the course of a write at which a worker may be told to come to harm. Each is armed for one time.
type points struct {
	armed [pointCount]atomic.Int32 // :: point → harm
	freed [pointCount]chan struct{}
	tell  func(string) // the harness, that it has happened
}

// The points.
const (
	afterQuarantine = iota
	afterCommitSent
	afterSent // of anything to the database
	beforeRelease
	beforeFill
	elsewhereRead // of a mutant: it is about to read on another connection, or has read for others
	pointCount
)

// The harms.
const (
	noHarm = iota
	die    // by SIGKILL, so that nothing is tidied up
	pause  // by SIGSTOP, until the harness lets it go on
	cut    // the connection is closed by our side
	forget // the release is not sent, and its write never answered: as if this thread alone had been killed
	hold   // until the harness says so
)

var (
	pointNames = map[string]int{"after-quarantine": afterQuarantine, "after-commit-sent": afterCommitSent, "after-sent": afterSent, "before-release": beforeRelease,
		"before-fill": beforeFill, "elsewhere": elsewhereRead}
	harmNames = map[string]int32{"die": die, "pause": pause, "cut": cut, "forget": forget, "hold": hold}
)

// reach comes to a point. It reports whether the worker is to do the harm by itself.
func (p *points) reach(point int) bool {
	switch p.armed[point].Swap(noHarm) {
	case die:
		p.tell("dying")
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case pause:
		p.tell("pausing")
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Millisecond) // until the signal has arrived
	case cut:
		p.tell("cutting")
		return true
	case hold:
		p.tell("at")
		<-p.freed[point]
	case forget:
		p.tell("forgetting")
		return true
	}
	return false
}

// pointed is a store with points. At times it is slow between two steps, as a program is that has to wait for a processor:
// what is to be found lies in such a gap.
type pointed struct {
	moneyclip.Store
	points *points
	slow   bool // readers take long to store what they have read
}

func linger() {
	switch rand.IntN(10) {
	case 0, 1:
		time.Sleep(time.Duration(rand.IntN(25)) * time.Millisecond)
	case 2, 3:
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
	}
}

func (s pointed) Lease(ctx context.Context, slot *moneyclip.Slot, token moneyclip.Token, d time.Duration, renew bool) (moneyclip.Grant, error) {
	grant, err := s.Store.Lease(ctx, slot, token, d, renew)
	linger()
	return grant, err
}

func (s pointed) Fill(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age) (bool, error) {
	s.beforeFill()
	return s.Store.Fill(ctx, slot, lease, row, age)
}

func (s pointed) FillLater(ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age, done func(bool, error)) {
	slot = slot.Clone()
	go func() {
		s.beforeFill()
		s.Store.FillLater(ctx, slot, lease, row, age, done)
	}()
}

func (s pointed) beforeFill() {
	linger()
	if s.slow {
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
	}
	s.points.reach(beforeFill)
}

func (s pointed) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	version, err := s.Store.Quarantine(ctx, marks, d)
	linger()
	s.points.reach(afterQuarantine)
	return version, err
}

func (s pointed) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	if len(marks.Keys) > 0 || len(marks.Generations) > 0 {
		linger()
		if s.points.reach(beforeRelease) {
			if lost, ok := ctx.Value(unanswered{}).(*atomic.Bool); ok {
				lost.Store(true)
				return "", nil
			}
		}
	}
	return s.Store.Release(ctx, marks)
}

// unanswered is what the context of a write holds: whether it must not be taken for answered.
type unanswered struct{}

// pointedConn is a connection to the database with points: when a COMMIT, or anything, has gone to the kernel.
type pointedConn struct {
	net.Conn
	points *points
}

func (c pointedConn) Write(b []byte) (int, error) {
	if len(b) == 16 && binary.BigEndian.Uint32(b[4:]) == 80877102 {
		// pgx asks the server to cancel what it has given up on. A network that is cut carries no such wish: the statement is
		// done in the end. Nor does it let pgx wait for the end of that wish, in which time the session would keep its locks.
		c.Conn.Close()
		return len(b), nil
	}
	n, err := c.Conn.Write(b)
	commit := c.points.armed[afterCommitSent].Load() != noHarm && (bytes.Contains(b, []byte("commit")) || bytes.Contains(b, []byte("COMMIT")))
	if commit && c.points.reach(afterCommitSent) || c.points.reach(afterSent) {
		c.Conn.Close()
	}
	return n, err
}
