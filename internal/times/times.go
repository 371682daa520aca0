// Package times holds how long the steps of a write and of a miss may take. They are variables only for tests that let them run
// out; they are set before anything is opened.
package times

import "time"

var (
	Lease      = 10 * time.Second // longer than a query of one row should take; then another reader may try
	Quarantine = 60 * time.Second // renewed within every third of it while the write runs
	Unknown    = 5 * time.Minute  // for a write whose outcome is not known: longer than a database keeps one open
	Store      = 2 * time.Second  // a quarantine or a release; not a read's patience, because a write waits for it
)
