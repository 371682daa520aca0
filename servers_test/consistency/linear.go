//go:build unix

package consistency

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Porcupine is a second opinion: whether what each row's readers and writers saw is that of one register, for which
// it knows nothing of the database's own account.
type Porcupine struct {
	Operations int // that it has looked at
	Illegal    int // rows that are not a register
	Open       int // rows for which there was no time
}

const (
	maxOperations = 4000 // of one row; above, only some of the reads, and if need be only the first
	maxThinking   = 3 * time.Second
)

// An action is what one operation does to a row.
type action struct {
	kind  uint8
	value int64
}

const (
	reads uint8 = iota
	writes
	removes // the value
)

var register = porcupine.Model{
	Init: func() any { return int64(absent) },
	Step: func(state, input, _ any) (bool, any) {
		a := input.(action)
		switch a.kind {
		case reads:
			return state == a.value, state
		case removes:
			return state == a.value, int64(absent)
		}
		return true, a.value
	},
	Equal: func(a, b any) bool { return a == b },
}

// linearize checks the history of each row.
func linearize(records []Record) (p Porcupine) {
	byRow := map[uint8][]Record{}
	for _, r := range records {
		byRow[r.Row] = append(byRow[r.Row], r)
	}
	for row, records := range byRow {
		operations := history(row, records)
		p.Operations += len(operations)
		switch porcupine.CheckOperationsTimeout(register, operations, maxThinking) {
		case porcupine.Illegal:
			p.Illegal++
		case porcupine.Unknown:
			p.Open++
		}
	}
	return p
}

// history makes operations of the records of one row.
func history(row uint8, records []Record) (list []porcupine.Operation) {
	slices.SortFunc(records, func(x, y Record) int { return cmp.Compare(x.Start, y.Start) })
	records = thin(records)
	last := int64(math.MaxInt64)
	if len(records) > maxOperations {
		last = records[maxOperations].Start
	}
	type attempt struct {
		worker uint32
		start  int64
		value  int64
	}
	// The value of a removal becomes known at its end.
	of := func(r Record) attempt {
		if r.Form == formRemove {
			return attempt{r.Worker, r.Start, absent}
		}
		return attempt{r.Worker, r.Start, r.Value}
	}
	over, seen := map[attempt]bool{}, map[int64]bool{}
	for _, r := range records {
		switch {
		case r.Kind == End && r.Outcome == OK:
			over[of(r)] = true
		case r.Kind == Read, r.Kind == Direct:
			seen[r.Value] = true
		}
		if r.Kind == End && r.Form == formRemove {
			seen[r.Value] = true
		}
	}
	add := func(r Record, kind uint8, value, end int64) {
		list = append(list, porcupine.Operation{Input: action{kind, value}, Call: r.Start, Output: nil, Return: end})
	}
	if row <= steady {
		list = append(list, porcupine.Operation{Input: action{writes, int64(row)}, Call: -2, Return: -1})
	}
	for _, r := range records {
		if r.Start >= last {
			break
		}
		read := r.Kind == Read || r.Kind == Direct
		done := r.Kind == End && r.Outcome == OK
		nothing := done && r.Form == formRemove && r.Value == absent // there was nothing to remove
		switch {
		case r.End >= last && (read || nothing):
			// It may have seen what is left out here.
		case read, nothing:
			add(r, reads, r.Value, r.End)
		case r.End >= last && done && r.Form == formRemove:
			add(r, writes, absent, math.MaxInt64)
		case r.End >= last && done:
			add(r, writes, r.Value, math.MaxInt64)
		case done && r.Form == formRemove:
			add(r, removes, r.Value, r.End)
		case done:
			add(r, writes, r.Value, r.End)
		case r.Kind == Begin && !over[of(r)] && seen[r.Value]:
			// Nobody knows whether, or when. One that nobody has seen may be left out: it can always come last.
			add(r, writes, r.Value, math.MaxInt64)
		}
	}
	return list
}

// thin leaves out reads where there are too many operations. What is left can be put in order if all of it can.
func thin(records []Record) []Record {
	isRead := func(r Record) bool { return r.Kind == Read || r.Kind == Direct }
	reads := 0
	for _, r := range records {
		if isRead(r) {
			reads++
		}
	}
	room := max(1, maxOperations-(len(records)-reads))
	if reads <= room {
		return records
	}
	some, n := make([]Record, 0, maxOperations), 0
	for _, r := range records {
		if isRead(r) {
			n++
			if n*room/reads == (n-1)*room/reads {
				continue
			}
		}
		some = append(some, r)
	}
	return some
}
