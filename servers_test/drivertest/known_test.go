package drivertest

import (
	"path"
	"sync/atomic"
)

// A difference that remains, and why nobody can mend it.
type difference struct {
	bases, cases string // patterns
	why          string
	racy         bool // it need not occur
	occurred     atomic.Bool
}

var known = []*difference{
	{bases: "*", cases: "behaviours/statements/over a lost connection/hit", racy: true,
		why: "A hit needs no connection, so that a lost one is noticed later, or never."},
	{bases: "*", cases: "behaviours/connections/a killed Conn/hit",
		why: "The same on a Conn: what can be answered from the cache is."},
	{bases: "mysql*", cases: "behaviours/contexts/done before Close/*", racy: true,
		why: "A row that is stored was read to its end before the program gets it, so that there is nothing left for its ctx to interrupt."},
	{bases: "*", cases: "behaviours/contexts/done before/*", racy: true,
		why: "A connection that its driver gives up for a ctx that is done is hung up and dialed again by MoneyClip itself: closing a statement of it is no error."},
	{bases: "p*", cases: "behaviours/connections/*killed*/*", racy: true,
		why: "Whether the next statement meets with the server's last words or with a closed socket is a matter of time, and so is what database/sql tries again."},
	{bases: "p* *", cases: "behaviours/statements/Tx.Stmt/[mh]i*", racy: true,
		why: "A write whose rows are read runs with a RETURNING, not as the prepared text: the server points to another place in it when it complains of an argument."},
}

// excuse finds a known difference.
func excuse(base, name string) *difference {
	for _, d := range known {
		if matches(d.bases, base) && matches(d.cases, name) {
			d.occurred.Store(true)
			return d
		}
	}
	return nil
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	if err != nil {
		panic(err)
	}
	return ok
}
