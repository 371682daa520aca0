//go:build unix

package consistency

import (
	"context"
	"math/rand/v2"
	"syscall"
	"time"
)

func init() {
	faults["kills"] = fault{run: kills, crash: true}
	faults["forgets"] = fault{run: forgets, crash: true}
	// Of a writer that was paused past its quarantine, others may see the change before its release drops what was stored.
	faults["pauses"] = fault{run: pauses, losing: true, bounds: Bounds{P2: true}}
}

// A point that no writer comes to for a while is left armed.
func (r *round) arm(harm string) {
	if h := r.one(); h != nil {
		h.order("arm " + []string{"after-quarantine", "after-commit-sent", "before-release", "before-fill"}[rand.IntN(4)] + " " + harm)
	}
}

// kills has workers killed in the midst of writes, and others take their place.
func kills(ctx context.Context, r *round) error {
	return every(ctx, 250*time.Millisecond, func() error {
		r.arm("die")
		return r.replace()
	})
}

// pauses has workers stop in the midst of writes, or of anything, until their leases and quarantines are over.
func pauses(ctx context.Context, r *round) error {
	return every(ctx, 150*time.Millisecond, func() error {
		if rand.IntN(3) > 0 {
			r.arm("pause")
			return nil
		}
		if h := r.one(); h != nil {
			r.harm("stopped")
			h.Signal(syscall.SIGSTOP)
			time.AfterFunc(pauseTime, func() { h.Signal(syscall.SIGCONT) })
		}
		return nil
	})
}

// forgets has threads of workers end before the release, more often than workers could be killed.
func forgets(ctx context.Context, r *round) error {
	return every(ctx, 20*time.Millisecond, func() error {
		if h := r.one(); h != nil {
			h.order("arm before-release forget")
		}
		return nil
	})
}
