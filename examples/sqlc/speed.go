package main

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// rounds is how often the plain driver and MoneyClip take turns, so that a busy moment of the machine hits both.
const rounds = 10

// race asks one aggregate and one point select again and again.
func (w *witness) race(rows int) error {
	w.table.heading("The same reads by plain %s and by MoneyClip, in turn.", w.db.name)
	w.table.speed("statement", "reads", w.db.name, "MoneyClip", "faster")
	rowsOfBook := rows * documentsPercent / 100 / books
	return errors.Join(
		takeTurns(w, store.BookTotals, 7, fmt.Sprintf("an aggregate over %s rows", thousands(rowsOfBook)), 2000),
		takeTurns(w, store.GetUser, 21, "a select by primary key", 20_000),
	)
}

func takeTurns[A, R any](w *witness, query call[A, R], arg A, what string, reads int) error {
	var plain, cached time.Duration
	for range rounds {
		for _, turn := range []struct {
			db   *sql.DB
			took *time.Duration
		}{{w.db.plain, &plain}, {w.db.cached, &cached}} {
			q := w.db.store(turn.db)
			start := time.Now()
			for range reads / rounds {
				if _, err := query(q, w.ctx, arg); err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
			}
			*turn.took += time.Since(start)
		}
	}
	each := time.Duration(reads)
	w.table.speed(what, thousands(reads), elapsed(plain/each), elapsed(cached/each),
		fmt.Sprintf("%.1fx", float64(plain)/float64(cached)))
	return nil
}

// totals prints what the cache has counted since the program began. The hits that said "no rows" are among the hits.
func (w *witness) totals() {
	w.table.heading("What the cache has counted.")
	w.table.counts("rule", "hits", "no rows", "misses", "fills", "dropped", "refreshed")
	stats := w.cache.Stats()
	for _, name := range slices.Sorted(maps.Keys(stats.Rules)) {
		w.table.ruleStats(name, stats.Rules[name])
	}
	w.table.ruleStats("all rules", stats.RuleStats)
}
