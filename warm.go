package moneyclip

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A Warming says what [Cache.Warm] is to read.
type Warming struct {
	// Query is a SELECT as the program sends it: to the cache another text is another select.
	Query string

	// Args are the arguments, one list for each read.
	Args [][]any

	// Prepared says that the program prepares the query, with database/sql's Prepare or as sqlc's prepared queries do.
	Prepared bool

	Rule     string  // the rule that has to cache the query; empty: any
	Parallel int     // how many reads go at the same time; default: 4
	Rate     float64 // reads in a second, at most; 0: any number

	// Progress is called after each batch of reads with how many of Args are done; all before them are. So a warming that
	// was broken off can be resumed with the rest of Args.
	Progress func(done int)

	_ struct{}
}

// Warmed is what became of a warming. What others have read by the rule meanwhile is counted too.
type Warmed struct {
	Done     int    // how many of Args were read; all before them were too
	Stored   uint64 // rows that are stored now
	There    uint64 // that were stored before
	Bypassed uint64 // that could not be stored: beside a writer, or in the time after a Redis was started
}

// warmBatch is how many reads there are between two reports.
const warmBatch = 100

// Warm reads many keys of a rule so that they are stored, for a cache that is empty: after a deploy with new rules, or with
// a new Redis. These are reads through the driver like all others, so they give way to writers, and nothing is stored that
// was not current. The error is the first of a read, or says why the query is not cached.
func (c *Cache) Warm(ctx context.Context, db *sql.DB, w Warming) (Warmed, error) {
	var rule *rule
	err := withConn(ctx, db, func(conn *conn) error {
		if conn.cache != c {
			return fmt.Errorf("%w: it was through another cache", ErrNotWrapped)
		}
		if err := conn.ready(ctx); err != nil {
			return err
		}
		if conn.session == nil {
			return errors.New("moneyclip: the database could not be identified")
		}
		x := c.explain(conn.session.database.meaning.Load(), conn.session.tainted, w.Query, nil)
		switch {
		case x.Kind != KindRead:
			return errors.New("moneyclip: the query is not cached: it is not a SELECT: give its text, as the program sends it")
		case !x.Cached && x.Rule == "":
			return fmt.Errorf("moneyclip: the query is not cached: %s", x.Reason)
		case w.Rule != "" && x.Rule != w.Rule:
			return fmt.Errorf("moneyclip: the query is cached by rule %s, not by %s", x.Rule, w.Rule)
		case conn.session.tainted != "", c.disabled:
			return fmt.Errorf("moneyclip: the query is not cached: %s", x.Reason)
		}
		for _, r := range c.all() {
			if r.Name == x.Rule {
				rule = r
			}
		}
		return nil
	})
	if err != nil {
		return Warmed{}, err
	}
	read := func(ctx context.Context, args []any) (*sql.Rows, error) {
		return db.QueryContext(ctx, w.Query, args...)
	}
	if w.Prepared {
		stmt, err := db.PrepareContext(ctx, w.Query)
		if err != nil {
			return Warmed{}, err
		}
		defer stmt.Close()
		read = func(ctx context.Context, args []any) (*sql.Rows, error) { return stmt.QueryContext(ctx, args...) }
	}
	var pace <-chan time.Time
	if w.Rate > 0 {
		ticker := time.NewTicker(time.Duration(min(max(1, float64(time.Second)/w.Rate), float64(24*time.Hour))))
		defer ticker.Stop()
		pace = ticker.C
	}
	if w.Parallel <= 0 {
		w.Parallel = 4
	}
	var done Warmed
	before := rule.counters.stats()
	for done.Done < len(w.Args) && err == nil {
		batch := w.Args[done.Done:min(done.Done+warmBatch, len(w.Args))]
		if err = each(ctx, batch, w.Parallel, pace, read); err == nil {
			done.Done += len(batch)
			if w.Progress != nil {
				w.Progress(done.Done)
			}
		}
	}
	c.settle(ctx)
	after := rule.counters.stats()
	done.Stored, done.There, done.Bypassed = after.Fills-before.Fills, after.Hits-before.Hits, after.Bypasses-before.Bypasses
	return done, err
}

// each reads a batch. It returns the first error, after all reads have ended.
func each(
	ctx context.Context, batch [][]any, parallel int, pace <-chan time.Time, read func(context.Context, []any) (*sql.Rows, error),
) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan []any)
	var all sync.WaitGroup
	for range min(parallel, len(batch)) {
		all.Go(func() {
			for args := range work {
				if err := drain(read(ctx, args)); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, args := range batch {
		if pace != nil {
			select {
			case <-pace:
			case <-ctx.Done():
			}
		}
		select {
		case work <- args:
		case <-ctx.Done():
		}
	}
	close(work)
	all.Wait()
	return context.Cause(ctx)
}

// drain reads rows to their end, which is when they are stored.
func drain(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// settle waits, not for long, until what is filled in the background is filled.
func (c *Cache) settle(ctx context.Context) {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		c.mu.Lock()
		fills := c.fills
		c.mu.Unlock()
		if fills == 0 || sleep(ctx, time.Millisecond) != nil {
			return
		}
	}
}
