package moneyclip

import (
	"log/slog"
)

// Config describes a [Cache]. The zero value is a cache without rules, in this process.
type Config struct {
	// Rules name what is cached. None: nothing is, and writes obey the rules of other caches on the store.
	Rules []Rule

	// Store keeps the rows. Nil: NewMemStore(64 << 20), in this process. Caches that share a store keep each other
	// fresh, whatever their rules. One that NewMemStore has made goes with the caches and databases that use it; any other is known for as
	// long as the program runs.
	Store Store

	// Namespace is the first part of every stored key. Default: "moneyclip".
	Namespace string

	// Scope names the database in stored keys. Empty: each database is asked who it is, and one cache can serve any
	// number of them. All caches of a database on one store must have the same Scope: under different ones they do not know
	// of each other's writes. A cache with a Scope serves one database, and opening a second one fails. That database is not
	// asked, also not whether its sessions are fit to be cached, when they are dialed or later: neither the DSN nor a hook of its
	// driver, nor a function that is called, may switch autocommit off, choose READ UNCOMMITTED, change the search path,
	// attach other databases, or make temporary tables or triggers.
	Scope string

	// Outage says what becomes of a write while the store is out of reach.
	Outage OutagePolicy

	// MaxKeys bounds the keys of a rule that one write drops one by one, and the rows that are read for them; above, it counts as
	// rule-wide. A text that lists more than 1,000 keys does so anyway, and a write from which more than 1,000 paths begin. Default: 10,000.
	MaxKeys int

	// Disabled makes every read pass through to the database. Writes still invalidate.
	Disabled bool

	// Logger gets what a person should look into: a query that does not fit its rule, a store out of reach. No
	// argument, value or DSN is ever logged. Nil: slog.Default().
	Logger *slog.Logger

	// Observer is told of every hit, miss and dropped key. Nil: nobody.
	Observer Observer

	// Verify is the share of hits, from 0 to 1, that are put to the database too. Such a hit takes as long as a miss, and
	// returns what the database has said. A row that differs is counted, logged once for each rule, without values, and
	// dropped. With 1 no answer comes from the cache, while everything else is as it would be: the way to see what a cache
	// would do before it does it. Zero: none.
	Verify float64

	_ struct{} // fields by name only: there will be more
}

// OutagePolicy is what becomes of a write whose keys cannot be quarantined.
type OutagePolicy uint8

const (
	// FailOpen lets the write pass. Until its keys could be dropped, this process answers no read from the cache.
	FailOpen OutagePolicy = iota
	// FailWrites fails the write, or the COMMIT of its transaction, with an error that wraps [ErrCacheDown]: nothing of it
	// becomes visible.
	FailWrites
)

const (
	defaultNamespace = "moneyclip"
	defaultMemory    = 64 << 20 // bytes
	defaultMaxKeys   = 10_000
)
