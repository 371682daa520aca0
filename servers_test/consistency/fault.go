//go:build unix

package consistency

import (
	"context"
	"time"
)

// A fault is what goes wrong during a round.
type fault struct {
	run       func(ctx context.Context, r *round) error // until the context ends; then all is mended
	proxy     bool                                      // the store is reached through one
	replica   bool                                      // the store has one
	cluster   bool                                      // the store is one
	sentinels bool                                      // the store is a master that Sentinels watch
	persist   []string                                  // settings of the store's server
	outage    bool                                      // writes pass while the store is out of reach
	crash     bool                                      // writers end in the midst of a write
	losing    bool                                      // quarantines are lost, or run out, before their writers are done
	server    bool                                      // the store's server goes away, or all connections to it: one such fault at a time
	bounds    Bounds
}

// Bounds are what may happen in a round, by the table of failures.
type Bounds struct {
	P2    bool          // what is not acknowledged yet may be seen and then not seen
	Stale time.Duration // for how long an acknowledged write may be missed
	Stuck bool          // and what is so may remain until its age limit
}

func (b *Bounds) join(other Bounds) {
	b.P2 = b.P2 || other.P2
	b.Stale = max(b.Stale, other.Stale)
	b.Stuck = b.Stuck || other.Stuck
}

// boundsOf is what may happen when several things go wrong.
func boundsOf(list []fault) (b Bounds) {
	crash, losing := false, false
	for _, f := range list {
		b.join(f.bounds)
		crash = crash || f.crash
		losing = losing || f.losing
	}
	if crash && losing {
		// The release that would have dropped what was stored meanwhile never comes.
		b.P2, b.Stuck = true, true
	}
	return b
}

var faults = map[string]fault{}

// every does something again and again.
func every(ctx context.Context, d time.Duration, do func() error) error {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := do(); err != nil {
				return err
			}
		}
	}
}
