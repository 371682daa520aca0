package moneyclip

import (
	"context"
	"sync/atomic"
	"time"
)

// Stats are counts since the cache was made: totals, and the same for each rule by name. They are read one after the other while reads
// and writes go on, so what was counted in between may show in one and not in another. A read counts also if it ended in an error.
type Stats struct {
	RuleStats
	Rules map[string]RuleStats
}

// RuleStats are the counts of one rule. A read that a rule matches ends as exactly one of hit, miss and bypass.
type RuleStats struct {
	Hits          uint64 // reads that the cache could answer
	NotFoundHits  uint64 // of these: answered "no rows"
	SharedHits    uint64 // of these: answered by what another reader was just fetching
	Misses        uint64 // reads that asked the database under a lease
	Fills         uint64 // misses whose row was stored
	Bypasses      uint64 // reads that asked the database and stored nothing: in a transaction, beside a writer, ...
	Invalidations uint64 // keys that writes have touched and dropped, whether anything was stored under them or not
	RuleWide      uint64 // times that a write dropped every key of the rule
	Verified      uint64 // hits that were put to the database too: see [Config.Verify]
	Mismatches    uint64 // of these: the cache would have served something else
	Refreshes     uint64 // keys that writers have begun to load again; each counts as a miss too, and as a fill if all goes well

	DatabaseTime time.Duration // that the database has taken for misses
}

func (s *RuleStats) add(t RuleStats) {
	s.Hits += t.Hits
	s.NotFoundHits += t.NotFoundHits
	s.SharedHits += t.SharedHits
	s.Misses += t.Misses
	s.Fills += t.Fills
	s.Bypasses += t.Bypasses
	s.Invalidations += t.Invalidations
	s.RuleWide += t.RuleWide
	s.Verified += t.Verified
	s.Mismatches += t.Mismatches
	s.Refreshes += t.Refreshes
	s.DatabaseTime += t.DatabaseTime
}

// counters are RuleStats in the making.
type counters struct {
	hits, notFoundHits, sharedHits, misses, fills, bypasses, invalidations, ruleWide, verified, mismatches, refreshes atomic.Uint64

	databaseTime atomic.Int64
}

func (c *counters) stats() RuleStats {
	return RuleStats{
		Hits:          c.hits.Load(),
		NotFoundHits:  c.notFoundHits.Load(),
		SharedHits:    c.sharedHits.Load(),
		Misses:        c.misses.Load(),
		Fills:         c.fills.Load(),
		Bypasses:      c.bypasses.Load(),
		Invalidations: c.invalidations.Load(),
		RuleWide:      c.ruleWide.Load(),
		Verified:      c.verified.Load(),
		Mismatches:    c.mismatches.Load(),
		Refreshes:     c.refreshes.Load(),
		DatabaseTime:  time.Duration(c.databaseTime.Load()),
	}
}

// An Observer is told what the cache does. Its method is called by many goroutines at once, and must return at once: a statement waits
// for it, or several whose commands go to the store together. A panic of it is logged, once, and goes no further. The context has the values
// of the statement's; it is empty for what no statement waits for. Packages expvarstats, promstats and otelstats have observers.
type Observer interface {
	Observe(ctx context.Context, event Event)
}

// An Event is one thing that happened to one rule, or to the store. It holds no key and no value.
type Event struct {
	Kind EventKind
	Rule string
	Keys int           // EventWrite: keys dropped; 0: every key of the rule
	Took time.Duration // EventMiss: how long the database took
	Err  error         // EventStoreError

	NotFound bool // EventHit: it answered "no rows"
	Shared   bool // EventHit: another reader was just fetching it
}

// EventKind is the kind of an [Event].
type EventKind uint8

// The kinds of events.
const (
	EventHit        EventKind = iota + 1
	EventMiss                 // the database was asked, under a lease
	EventBypass               // the database was asked, and nothing is stored
	EventWrite                // a write has dropped keys
	EventStoreError           // the store failed; Rule is empty
	EventFill                 // what a miss has brought was stored
	EventRefresh              // a writer loads a key again
	EventMismatch             // a hit was found to differ from the database: see [Config.Verify]
)

func (k EventKind) String() string {
	names := [...]string{"unknown", "hit", "miss", "bypass", "write", "store error", "fill", "refresh", "mismatch"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}
