package moneyclip

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Activity is what a person should look at who wants more hits. Its texts are as the program has sent them: what is written
// into them may be a value, so they are for its developers and not for a log.
type Activity struct {
	// Wide are the last times that a write has dropped every key of a rule, the latest first; at most 64.
	Wide []WideWrite

	// Unmatched are SELECTs that no rule caches, those that were sent most often first; at most 50.
	Unmatched []Unmatched
}

// A WideWrite is one time that a write has dropped every key of a rule.
type WideWrite struct {
	At        time.Time
	Rule      string
	Statement string // its text; empty: it is not known, as after a change of the schema
	Why       string
}

// An Unmatched is a SELECT that no rule caches.
type Unmatched struct {
	Statement string
	Times     uint64 // that it was sent to the database since it was first seen; about
	Why       string // no rule caches it
	Suggested *Rule  // that would cache it; nil: none was found, or Why says that it is suggested already
}

const (
	maxWide      = 64
	maxUnmatched = 50
)

// wides are the last rule-wide invalidations.
type wides struct {
	mu   sync.Mutex
	list []WideWrite // oldest first; protected by mu
}

func (w *wides) add(one WideWrite) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) >= maxWide {
		w.list = slices.Delete(w.list, 0, len(w.list)-maxWide+1)
	}
	w.list = append(w.list, one)
}

// Activity returns what happened lately, in the database that was reached last.
func (c *Cache) Activity() Activity {
	var a Activity
	c.wides.mu.Lock()
	a.Wide = slices.Clone(c.wides.list)
	c.wides.mu.Unlock()
	slices.Reverse(a.Wide)
	c.mu.Lock()
	s := c.last
	c.mu.Unlock()
	if s == nil {
		return a
	}
	m := s.database.meaning.Load()
	mu := &m.database.site.mu
	mu.Lock()
	var plans []*plan
	for _, p := range m.plans {
		if p.statement.Kind == KindRead && p.sent.Load() > 0 && p.read(c) == nil {
			plans = append(plans, p)
		}
	}
	slices.SortFunc(plans, func(x, y *plan) int {
		return cmp.Or(cmp.Compare(y.sent.Load(), x.sent.Load()), cmp.Compare(x.query, y.query))
	})
	plans = plans[:min(len(plans), maxUnmatched)]
	for _, p := range plans {
		a.Unmatched = append(a.Unmatched, Unmatched{Statement: p.query, Times: p.sent.Load(), Suggested: c.suggest(m, p)})
	}
	mu.Unlock()
	for i, p := range plans {
		one := &a.Unmatched[i]
		one.Why = c.whyNot(m, p)
		if r := one.Suggested; r != nil && slices.ContainsFunc(a.Unmatched[:i], func(other Unmatched) bool { return other.suggests(r) }) {
			one.Suggested, one.Why = nil, one.Why+fmt.Sprintf("; the rule for %s by %s that is suggested above would", r.Table, strings.Join(r.By, ", "))
		}
	}
	return a
}

// suggests reports whether a rule for a table is suggested there.
func (u *Unmatched) suggests(r *Rule) bool {
	return r.Table != "" && u.Suggested != nil && u.Suggested.Table == r.Table && slices.Equal(u.Suggested.By, r.By)
}

// sample is how many SELECTs without a rule a connection sends for each one that it counts: connections that all count would
// wait for each other.
const sample = 16

// unmatched counts a SELECT without a rule: of so many one, by chance, for of texts that always come in the same order each time the first
// would hide the others.
func (c *conn) unmatched(p *plan) {
	place := c.unmatchedSent % sample
	if place == 0 {
		c.counts = rand.Uint32N(sample)
	}
	if place == c.counts {
		p.sent.Add(sample)
	}
	c.unmatchedSent++
}

// culprit is the statement of a work that drops every key of a rule, and why.
func (w *work) culprit(b *bound) (statement, why string) {
	for _, it := range w.items {
		if it.plan.write == nil {
			continue
		}
		for _, t := range it.plan.write.touches {
			if t.rule.rule == b.rule && t.guarantee != None {
				statement, why = it.plan.query, t.why
				if t.guarantee == RuleWide {
					return statement, why
				}
			}
		}
	}
	if w.tainted != "" {
		if statement == "" && len(w.items) > 0 {
			statement = w.items[len(w.items)-1].plan.query
		}
		return statement, "nothing that its connection does is taken at its word: " + w.tainted
	}
	if statement != "" {
		return statement, "its keys could not be known this time: by an argument of a type that only the driver understands, by more rows than MaxKeys, " +
			"or because rows could not be read"
	}
	return "", "not one statement's doing: more keys than MaxKeys, or what was not known of the database"
}
