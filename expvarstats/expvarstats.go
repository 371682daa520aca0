// Package expvarstats publishes what a cache does as an [expvar] variable: counts for each rule, and those of the store's
// errors.
//
//	moneyclip.Configure(moneyclip.Config{Observer: expvarstats.New("moneyclip")})
package expvarstats

import (
	"context"
	"expvar"
	"sync"

	"github.com/moneyclip/moneyclip"
)

// An Observer counts events. It is safe for concurrent use.
type Observer struct {
	storeErrors *expvar.Int
	published   *expvar.Map // :: rule → its counts, as JSON has them
	rules       sync.Map    // :: rule → *counts
}

var _ moneyclip.Observer = (*Observer)(nil)

// counts are those of one rule. The names are those of [moneyclip.RuleStats].
type counts struct {
	hits, notFoundHits, sharedHits, misses, fills, bypasses, invalidations, ruleWide, refreshes, mismatches expvar.Int
	databaseSeconds                                                                                         expvar.Float // that misses have taken
}

// New publishes a variable of this name. Like [expvar.Publish] it ends the program if there is one already.
func New(name string) *Observer {
	o := &Observer{storeErrors: new(expvar.Int), published: new(expvar.Map)}
	all := expvar.NewMap(name)
	all.Set("StoreErrors", o.storeErrors)
	all.Set("Rules", o.published)
	return o
}

func (o *Observer) rule(name string) *counts {
	if c, ok := o.rules.Load(name); ok {
		return c.(*counts)
	}
	made, there := o.rules.LoadOrStore(name, new(counts))
	c := made.(*counts)
	if there {
		return c
	}
	m := new(expvar.Map)
	for name, v := range map[string]expvar.Var{
		"Hits": &c.hits, "NotFoundHits": &c.notFoundHits, "SharedHits": &c.sharedHits, "Misses": &c.misses, "Fills": &c.fills,
		"Bypasses": &c.bypasses, "Invalidations": &c.invalidations, "RuleWide": &c.ruleWide, "Refreshes": &c.refreshes,
		"Mismatches": &c.mismatches, "DatabaseSeconds": &c.databaseSeconds,
	} {
		m.Set(name, v)
	}
	o.published.Set(name, m)
	return c
}

// Observe counts an event.
func (o *Observer) Observe(_ context.Context, e moneyclip.Event) {
	if e.Kind == moneyclip.EventStoreError {
		o.storeErrors.Add(1)
		return
	}
	c := o.rule(e.Rule)
	switch e.Kind {
	case moneyclip.EventHit:
		c.hits.Add(1)
		if e.NotFound {
			c.notFoundHits.Add(1)
		}
		if e.Shared {
			c.sharedHits.Add(1)
		}
	case moneyclip.EventMiss:
		c.misses.Add(1)
		c.databaseSeconds.Add(e.Took.Seconds())
	case moneyclip.EventBypass:
		c.bypasses.Add(1)
	case moneyclip.EventFill:
		c.fills.Add(1)
	case moneyclip.EventWrite:
		c.invalidations.Add(int64(e.Keys))
		if e.Keys == 0 {
			c.ruleWide.Add(1)
		}
	case moneyclip.EventRefresh:
		c.refreshes.Add(1)
	case moneyclip.EventMismatch:
		c.mismatches.Add(1)
	}
}
