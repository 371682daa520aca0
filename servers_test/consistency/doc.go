// Package consistency checks the promise under faults. Worker processes read and write a few rows through caches on one
// store, and tell a history of it. Meanwhile workers, stores, connections and transactions are killed, stopped, cut and moved.
// Afterwards oracles look for a read in the history that the promise forbids.
//
// So that silence proves something, the same is done with mutants, stores that leave out a step of the protocol: each
// has to be found.
package consistency
