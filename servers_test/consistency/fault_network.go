//go:build unix

package consistency

import (
	"context"
	"math/rand/v2"
	"time"
)

func init() {
	// A release that does not arrive is no harm while the quarantine stands. If that has run out unrenewed while the database
	// took its time, others may miss the write until the release is delivered: in production an outage would have to last for
	// forty seconds.
	late := Bounds{P2: true, Stale: 1500 * time.Millisecond}
	faults["replies"] = fault{run: lostReplies, proxy: true, losing: true, bounds: late}
	faults["delays"] = fault{run: delays, proxy: true, losing: true, bounds: late}
	faults["resets"] = fault{run: resets, proxy: true, losing: true, bounds: late}
	faults["half-open"] = fault{run: halfOpen, proxy: true, losing: true, bounds: late}
	faults["outage"] = fault{run: outages, proxy: true, losing: true, outage: true, bounds: late}
	faults["refused"] = fault{run: outages, proxy: true, losing: true, bounds: late} // the same, but writes fail
}

// lostReplies has the server do what it is told, while nobody hears of it.
func lostReplies(ctx context.Context, r *round) error {
	return every(ctx, 400*time.Millisecond, func() error {
		r.harm("lost")
		r.proxy.drop.Store(true)
		wait(ctx, time.Duration(rand.IntN(100))*time.Millisecond)
		r.proxy.drop.Store(false)
		r.proxy.reset(1)
		return nil
	})
}

// delays holds answers back, at times for longer than a reader waits.
func delays(ctx context.Context, r *round) error {
	defer r.proxy.delay.Store(0)
	return every(ctx, 300*time.Millisecond, func() error {
		r.harm("delayed")
		r.proxy.delay.Store(int64(rand.IntN(3)) * int64(40*time.Millisecond))
		return nil
	})
}

func resets(ctx context.Context, r *round) error {
	return every(ctx, 80*time.Millisecond, func() error {
		if r.proxy.reset(4) > 0 {
			r.harm("reset")
		}
		return nil
	})
}

// halfOpen has connections go silent without an end. New ones are good.
func halfOpen(ctx context.Context, r *round) error {
	return every(ctx, time.Second, func() error {
		r.harm("muted")
		r.proxy.mute.Store(true)
		wait(ctx, time.Duration(100+rand.IntN(300))*time.Millisecond)
		r.proxy.mute.Store(false)
		return nil
	})
}

func outages(ctx context.Context, r *round) error {
	return every(ctx, 1200*time.Millisecond, func() error {
		r.harm("out of reach")
		r.proxy.refuse.Store(true)
		r.proxy.reset(1)
		wait(ctx, time.Duration(100+rand.IntN(600))*time.Millisecond)
		r.proxy.refuse.Store(false)
		return nil
	})
}
