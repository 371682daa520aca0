//go:build unix

package consistency

import (
	"context"
	"math/rand/v2"
	"time"
)

func init() {
	faults["locks"] = fault{run: locks, losing: true}
	faults["terminate"] = fault{run: terminate}
	faults["cut"] = fault{run: cuts}
}

// locks keeps rows locked for longer than a quarantine lasts that nobody renews. Writers whose connection is
// cut leave a statement behind that is done later.
func locks(ctx context.Context, r *round) error {
	return every(ctx, 100*time.Millisecond, func() error {
		tx, err := r.db.Begin()
		if err != nil {
			return err
		}
		defer tx.Rollback()
		first := 1 + rand.IntN(rows/4)
		if _, err := tx.Exec("SELECT 1 FROM items WHERE id IN ($1, $2, $3) ORDER BY id FOR UPDATE", first, first+3, 1+rand.IntN(rows)); err != nil {
			return nil // a deadlock: others were quicker
		}
		r.harm("locks")
		if h := r.one(); h != nil {
			h.order("arm after-sent cut")
		}
		wait(ctx, 3*quarantineTime/2)
		return nil
	})
}

// wait waits, but not past the end of the round.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// terminate ends sessions that are doing something, a COMMIT with preference.
func terminate(ctx context.Context, r *round) error {
	return every(ctx, 30*time.Millisecond, func() error {
		var ended int
		err := r.db.QueryRow(`SELECT count(pg_terminate_backend(pid)) FROM (
			SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
			ORDER BY query ILIKE 'commit%' DESC, query LIKE 'SELECT%', random() LIMIT 1) AS one`).Scan(&ended)
		if ended > 0 {
			r.harm("terminated")
		}
		return err
	})
}

// cuts has workers lose their connection when a COMMIT has been sent, or any statement.
func cuts(ctx context.Context, r *round) error {
	return every(ctx, 40*time.Millisecond, func() error {
		if h := r.one(); h != nil {
			h.order("arm " + []string{"after-commit-sent", "after-commit-sent", "after-sent"}[rand.IntN(3)] + " cut")
		}
		return nil
	})
}
