//go:build unix

package consistency

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// An account is what one row held, in order, as the database itself tells it.
type account struct {
	versions []version
	at       map[int64]int // :: value → its place in versions; of values that are not absent
	absences []int         // places of versions in which the row is not there
}

// A version is a value that was committed.
type version struct {
	value int64
	start int64 // nobody can have seen it before
	ack   int64 // everybody has to see it, or a later one, after; never: its writer had no answer
}

const (
	always = math.MinInt64
	never  = math.MaxInt64
)

// A Violation is a read that the promise forbids.
type Violation struct {
	Promise string   // "P1" or "P2", or "phantom"
	Row     uint8    //
	Read    Record   //
	Missed  int64    // the value that it should have seen at least
	Late    int64    // nanoseconds from the acknowledgement, or from the end of the other read, to its begin
	Stale   int64    // nanoseconds from the acknowledgement of what it missed to its end
	account *account //
}

func (v Violation) String() string {
	text := fmt.Sprintf("%s: worker %d read row %d (form %d) as %d, from %d to %d, %.3f ms after %d was there",
		v.Promise, v.Read.Worker, v.Row, v.Read.Form, v.Read.Value, v.Read.Start, v.Read.End, float64(v.Late)/1e6, v.Missed)
	if missed := v.account.versions[v.account.place(v.Missed)]; missed.start != always {
		text += fmt.Sprintf(", whose write had begun %.3f ms before the read", float64(v.Read.Start-missed.start)/1e6)
	}
	return text
}

// A Verdict is what the oracle has to say of one round.
type Verdict struct {
	Reads, Hits  int // checked; Hits are counted by the workers
	Directs      int
	Writes       int // acknowledged, by row
	Unknown      int // writes without an answer
	Undone       int
	P1, P2       int
	Phantoms     int         // never committed, or not begun
	Bound        int64       // the longest time for which an acknowledged value was missed, nanoseconds
	DirectFaults int         // reads of the database itself that the oracle would forbid: there must be none
	Examples     []Violation `json:"-"`
}

const maxExamples = 5

// A committed is a row of the account table.
type committed struct {
	id    int
	value int64
	gone  bool
}

// judge checks all reads of a round.
//
// The database tells the order of versions, so that each read has one place in it, and what the promise says is a comparison of
// places: P1 with what was acknowledged before the read began, P2 with what any other read had seen by then.
func judge(records []Record, commits []committed) (*Verdict, error) {
	v := &Verdict{}
	accounts := map[int]*account{}
	for id := 1; id <= rows; id++ {
		a := &account{at: map[int64]int{}}
		first := version{value: absent, start: always, ack: always}
		if id <= steady {
			first.value = int64(id)
			a.at[first.value] = 0
		} else {
			a.absences = []int{0}
		}
		a.versions = []version{first}
		accounts[id] = a
	}
	begun := map[[2]int64]Record{} // :: row, value → Begin
	ended := map[[2]int64]Record{}
	removed := map[[2]int64]Record{} // :: row, value that was removed → End
	for _, r := range records {
		id := [2]int64{int64(r.Row), r.Value}
		switch {
		case r.Kind == Begin:
			begun[id] = r
		case r.Kind == End && r.Form == formRemove:
			removed[id] = r
		case r.Kind == End:
			ended[id] = r
		}
		if r.Kind == End {
			switch r.Outcome {
			case OK:
				v.Writes++
			case Failed:
				v.Unknown++
			case Undone:
				v.Undone++
			}
		}
	}
	for _, c := range commits {
		if c.value == int64(c.id) && !c.gone {
			continue // of the beginning
		}
		a := accounts[c.id]
		one := version{value: c.value, start: always, ack: never}
		if c.gone {
			// Nobody knows when a removal without an answer began: not before what it removed.
			one.value, one.start = absent, a.versions[len(a.versions)-1].start
			if e, ok := removed[[2]int64{int64(c.id), c.value}]; ok && e.Outcome == OK {
				one.start, one.ack = e.Start, e.End
			}
			a.absences = append(a.absences, len(a.versions))
			a.versions = append(a.versions, one)
			continue
		}
		id := [2]int64{int64(c.id), c.value}
		b, ok := begun[id]
		if !ok {
			return nil, fmt.Errorf("row %d was given %d, which no worker has begun to write", c.id, c.value)
		}
		one.start = b.Start
		if e, ok := ended[id]; ok && e.Outcome == OK {
			one.ack = e.End
		}
		a.at[c.value] = len(a.versions)
		a.versions = append(a.versions, one)
	}
	byRow := map[int][]Record{}
	for _, r := range records {
		if r.Kind == Read || r.Kind == Direct {
			byRow[int(r.Row)] = append(byRow[int(r.Row)], r)
		}
	}
	for id, reads := range byRow {
		v.row(accounts[id], reads)
	}
	return v, nil
}

// acknowledged returns a function that tells the highest place that was acknowledged before a time.
func (a *account) acknowledged() func(int64) int {
	type ack struct {
		at    int64
		place int
	}
	acks := make([]ack, 0, len(a.versions))
	for i, one := range a.versions {
		if one.ack != never {
			acks = append(acks, ack{one.ack, i})
		}
	}
	slices.SortFunc(acks, func(x, y ack) int { return cmp.Compare(x.at, y.at) })
	for i := 1; i < len(acks); i++ {
		acks[i].place = max(acks[i].place, acks[i-1].place)
	}
	return func(t int64) int {
		i := sort.Search(len(acks), func(i int) bool { return acks[i].at >= t })
		if i == 0 {
			return 0
		}
		return acks[i-1].place
	}
}

// row checks the reads of one row.
func (v *Verdict) row(a *account, reads []Record) {
	known := a.acknowledged()
	slices.SortFunc(reads, func(x, y Record) int { return cmp.Compare(x.Start, y.Start) })
	places := make([]int, len(reads)) // the least that the read can have seen
	for i, r := range reads {
		places[i] = -1
		least := known(r.Start)
		if r.Value != absent {
			if at, ok := a.at[r.Value]; ok {
				places[i] = at
			}
		} else if j := sort.SearchInts(a.absences, least); j < len(a.absences) && a.versions[a.absences[j]].start <= r.End {
			places[i] = a.absences[j] // which one it was cannot be told; this one would do
		} else if j > 0 {
			places[i] = a.absences[j-1]
		} else if len(a.absences) > 0 {
			places[i] = a.absences[len(a.absences)-1]
		}
		bad := ""
		switch {
		case r.Kind == Read:
			v.Reads++
		default:
			v.Directs++
		}
		switch {
		case places[i] < 0:
			bad = "phantom"
		case a.versions[places[i]].start > r.End:
			bad = "phantom"
		case places[i] < least:
			bad = "P1"
		}
		if bad != "" {
			v.found(bad, a, r, least)
			places[i] = -1 // it has nothing to say of others
		}
	}
	// P2: what a read has seen, nobody may see undone who begins after it has ended.
	order := make([]int, 0, len(reads))
	for i := range reads {
		if places[i] >= 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(x, y int) int { return cmp.Compare(reads[x].End, reads[y].End) })
	next, seen, seenAt := 0, 0, int64(always)
	for i, r := range reads {
		for next < len(order) && reads[order[next]].End < r.Start {
			if p := places[order[next]]; p > seen {
				seen, seenAt = p, reads[order[next]].End
			}
			next++
		}
		if places[i] < 0 || places[i] >= seen {
			continue
		}
		if r.Value == absent { // a later absence would do
			j := sort.SearchInts(a.absences, seen)
			if j < len(a.absences) && a.versions[a.absences[j]].start <= r.End {
				continue
			}
		}
		v.add(Violation{Promise: "P2", Row: r.Row, Read: r, Missed: a.versions[seen].value, Late: r.Start - seenAt, account: a})
	}
}

func (v *Verdict) found(promise string, a *account, r Record, least int) {
	one := Violation{Promise: promise, Row: r.Row, Read: r, Missed: a.versions[least].value, Late: r.Start - a.versions[least].ack, account: a}
	if promise == "P1" {
		// Since when: from the first acknowledgement of something newer than what was read.
		since := int64(never)
		for _, newer := range a.versions[a.place(r.Value)+1:] {
			since = min(since, newer.ack)
		}
		if since != never {
			one.Stale = r.Start - since
			v.Bound = max(v.Bound, one.Stale)
		}
	}
	v.add(one)
}

// place is where a value stands, the last time.
func (a *account) place(value int64) int {
	if value == absent {
		return a.absences[len(a.absences)-1]
	}
	return a.at[value]
}

func (v *Verdict) add(one Violation) {
	switch {
	case one.Read.Kind == Direct:
		one.Promise = "the oracle is wrong: " + one.Promise
		v.DirectFaults++
	case one.Promise == "P1":
		v.P1++
	case one.Promise == "P2":
		v.P2++
	default:
		v.Phantoms++
	}
	if len(v.Examples) < maxExamples {
		v.Examples = append(v.Examples, one)
	}
}

// Wrong says what a round has shown that it must not, or nothing.
func (r *Result) Wrong() (list []string) {
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if r.DirectFaults > 0 {
		say("%d reads of the database itself are forbidden: the oracle is wrong", r.DirectFaults)
	}
	if r.Phantoms > 0 {
		say("%d reads of what was never committed, or not yet begun", r.Phantoms)
	}
	if r.P1 > 0 && time.Duration(r.Bound) > r.Bounds.Stale {
		say("P1: %d reads missed an acknowledged write, for up to %v", r.P1, time.Duration(r.Bound))
	}
	if r.P2 > 0 && !r.Bounds.P2 {
		say("P2: %d reads were older than what others had seen", r.P2)
	}
	if r.Illegal > 0 && !r.Bounds.P2 && r.Bounds.Stale == 0 {
		say("P2: the histories of %d rows cannot be put in order", r.Illegal)
	}
	if len(r.Stuck) > 0 && !r.Bounds.Stuck {
		say("P3: %d rows are not as in the database when all is quiet", len(r.Stuck))
	}
	if r.Cold {
		say("nothing is served from the cache when all is quiet")
	}
	if r.Left > 50 { // a few are of the pools, and of the worker itself
		say("%d goroutines are left when all is quiet", r.Left)
	}
	return list
}

// Caught says whether a round of a mutant has shown anything that the whole store does not show under the same faults.
func (r *Result) Caught() bool {
	return r.Phantoms > 0 || r.P1 > 0 && time.Duration(r.Bound) > r.Bounds.Stale || r.P2 > 0 && !r.Bounds.P2 || len(r.Stuck) > 0 && !r.Bounds.Stuck
}
