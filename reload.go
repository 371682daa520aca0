package moneyclip

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/moneyclip/moneyclip/internal/times"
)

// reloads are the keys that writers of one connector load again, one after the other, on a connection of their own.
type reloads struct {
	mu      sync.Mutex // protects what follows
	jobs    []job
	running bool
}

// A job is a select that is to be run again. It holds a lease already, so that readers who come meanwhile wait for it
// instead of asking the database themselves.
type job struct {
	session *session // of the writer
	read    *readPlan
	lookup  *lookup
	lease   Lease
	version string // of the board before the lease
	flight  *flight
	args    []driver.NamedValue

	prepared bool
}

const maxJobs = 256 // more are not loaded again, but by the reader who asks for them

// reload loads the keys of rules with Refresh again, after the write that has dropped them. It is an ordinary reader:
// it leases the slot, reads what is committed, and fills. It never stores what the writer wrote (N7).
func (c *conn) reload(ctx context.Context, w *work) {
	if c.session == nil || c.cache.disabled {
		return
	}
	for i := range w.drops.keys {
		b, data := w.drops.keys[i].rule, w.drops.keys[i].data
		if !b.Refresh || b.owner != c.cache || w.drops.wide[b] {
			continue
		}
		for _, r := range b.selects() {
			args, ok := r.arguments(data)
			if !ok {
				continue
			}
			for _, f := range r.forms.all() {
				if typed, ok := f.typed(args, r.statement.Params); ok {
					c.enqueue(ctx, job{session: c.session, read: r, args: typed, prepared: f.prepared})
				}
			}
		}
	}
}

// selects are the texts that were read under the rule.
func (b *bound) selects() []*readPlan {
	b.meaning.database.site.mu.RLock()
	defer b.meaning.database.site.mu.RUnlock()
	return b.reads
}

// arguments are those that lead a select to a key. It reports false for a select that wants more than the key tells.
func (r *readPlan) arguments(data []Datum) ([]driver.NamedValue, bool) {
	if len(r.extras) > 0 {
		return nil, false
	}
	args := make([]driver.NamedValue, len(r.statement.Params))
	for i := range r.verbs {
		if n := r.verbs[i].param; n > 0 {
			args[n-1] = driver.NamedValue{Ordinal: n, Value: data[i].value()}
		} else if r.verbs[i].constant != data[i] {
			return nil, false
		}
	}
	return args, true
}

// enqueue leases the slot of a job and leaves the rest to the connector. A private database has no other connection
// that could do it, so there it is done at once.
func (c *conn) enqueue(ctx context.Context, j job) {
	if !c.cache.hold() {
		return
	}
	defer c.cache.background.Done()
	h := c.cache.hub
	j.lookup = new(lookup)
	if !h.trusted() || c.taint() != "" || !j.read.slot(j.lookup, c.session, j.args, j.prepared) {
		return
	}
	n := c.connector
	if !c.session.private && !n.reloads.room() {
		return
	}
	var announced bool
	if j.version, announced = j.read.announce(ctx); !announced {
		return
	}
	grant, err := h.store.Lease(context.WithoutCancel(ctx), &j.lookup.slot, newToken(), times.Lease, false)
	if err != nil || grant.Answer != AnswerLease {
		return
	}
	j.lease = grant.Lease
	j.flight = h.flights.start(j.lookup, false)
	j.read.rule.counters.refreshes.Add(1)
	j.read.rule.owner.observe(ctx, Event{Kind: EventRefresh, Rule: j.read.rule.Name})
	if c.session.private {
		c.run(context.WithoutCancel(ctx), j)
		return
	}
	n.push(j)
}

func (q *reloads) room() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.jobs) < maxJobs
}

// push adds a job and sees to it that somebody works. The cache is held.
func (n *connector) push(j job) {
	q := &n.reloads
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, j)
	if q.running {
		return
	}
	q.running = true
	n.cache.background.Add(1)
	go n.reloadAll()
}

// reloadAll does the jobs, on one connection, and ends when there are none.
func (n *connector) reloadAll() {
	defer n.cache.background.Done()
	c := &conn{connector: n, cache: n.cache}
	defer c.Close()
	q := &n.reloads
	for {
		q.mu.Lock()
		if len(q.jobs) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		j := q.jobs[0]
		q.jobs = q.jobs[1:]
		q.mu.Unlock()
		ctx, cancel := context.WithTimeout(backgroundContext, times.Lease)
		c.run(ctx, j)
		cancel()
	}
}

// run does a job. Its rows are of no interest here: what counts is that they were stored.
func (c *conn) run(ctx context.Context, j job) {
	var st driver.Stmt
	if !c.cache.hub.flights.begin(j.flight) {
		c.cache.hub.flights.end(j.flight) // since a later write there is another job for the slot, or a reader who fills it
		return
	}
	rows, err := j.read.lead(ctx, c.cache.hub, j.lookup, j.lease, j.version, j.flight, func(ctx context.Context) (driver.Rows, error) {
		err := c.ready(ctx)
		if err != nil {
			return nil, err
		}
		if s := c.session; s == nil || c.taint() != "" || s.database != j.session.database || s.profile != j.session.profile {
			return nil, errors.New("the connection has reached another database than the writer's")
		}
		if j.prepared {
			if st, err = c.base.prepare(ctx, j.read.query); err != nil {
				return nil, err
			}
		}
		convert := converterFor(c.base, st)
		args, err := convert.convert(j.args, true)
		if err != nil {
			return nil, err
		}
		if st != nil {
			return queryStmt(ctx, st, args)
		}
		return c.base.query(ctx, j.read.query, args)
	})
	if err == nil {
		rows.Close()
	}
	if st != nil {
		st.Close()
	}
}
