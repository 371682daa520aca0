package model

import (
	"fmt"
	"strings"
	"testing"
)

// A room is one row of a database and its key in a store where a quarantine, its release and a lease are several commands, which others may
// come between, and a fill is one that looks at nothing; two writers, who may be broken off anywhere; and two readers.
type room struct {
	row   int8 // how many writes were committed
	acked int8 // the latest of those that were acknowledged

	value  int8    // a version of the row; -1: none
	under  int8    // the lease that it was filled under
	token  int8    // a lease; 0: none
	held   [2]bool // by each writer
	tokens int8    // that were given to leases

	readers [2]guest
	writers [2]author
	tries   int8 // that writers may still make of a quarantine, besides the first
	stops   int8 // of a writer, for longer than his quarantine
}

// A guest reads.
type guest struct {
	at, token, saw int8
	reads          int8 // that it may still begin
}

// What a guest does next.
const (
	guestLeases int8 = iota
	guestLooks
	guestAsks
	guestFills
)

// An author writes.
type author struct {
	at    int8
	row   int8 // what he has committed; 0: nothing
	ghost bool // he is no more, and his COMMIT is under way
	ended bool // his quarantine has run out while he was at work
}

// What an author does next.
const (
	authorJoins int8 = iota // the writers of the key
	authorDrops             // what is there
	authorCommits
	authorDropsAgain
	authorLeaves
	authorAnswers
	authorIsOver
	authorIsNoMore
)

// An order is how it is done.
type order struct {
	dropsFirst  bool // before the writer is among those of the key
	leavesFirst bool // before he has dropped what is there
	dropsOnce   bool // nothing is dropped in the end
	oneFlag     bool // who leaves, leaves for all
	asksNobody  bool // a lease is granted whoever is at work
	asksFirst   bool // whether somebody is at work is asked before the lease is there
	keepsLeases bool // what is there is dropped, and leases are not
	countsAlone bool // what is there counts, also without its lease
}

func (o order) next(w room) (list []step[room]) {
	add := func(name string, do func(*room)) {
		to := w
		do(&to)
		list = append(list, step[room]{name, to})
	}
	for i := range w.readers {
		o.read(w, i, add)
	}
	for i := range w.writers {
		o.write(w, i, add)
	}
	return list
}

func (o order) read(w room, i int, add func(string, func(*room))) {
	switch me := w.readers[i]; me.at {
	case guestLeases:
		if me.reads == 0 || o.counts(&w) {
			return
		}
		// One of which nothing came ends by its deadline, for the reader as well.
		if w.token != 0 {
			add("a lease runs out", func(w *room) { w.token = 0 })
			return
		}
		first := o.puts(i)
		if o.asksFirst {
			if w.held[0] || w.held[1] {
				return
			}
			first = func(*room) {}
		}
		add(fmt.Sprintf("reader %d begins a lease", i), func(w *room) {
			first(w)
			w.readers[i].at = guestLooks
		})
	case guestLooks:
		add(fmt.Sprintf("reader %d has the lease, or not", i), func(w *room) {
			switch {
			case o.asksFirst && w.token == 0:
				o.puts(i)(w)
				w.readers[i].at = guestAsks
			case o.asksFirst:
				w.readers[i] = guest{reads: me.reads - 1}
			case !o.asksNobody && (w.held[0] || w.held[1]):
				w.readers[i] = guest{reads: me.reads}
			default:
				if w.value >= 0 { // it does not count, and is in the way: the script takes it away, and puts the lease there
					w.value, w.token = -1, me.token
				}
				w.readers[i].at = guestAsks
			}
		})
	case guestAsks:
		add(fmt.Sprintf("reader %d reads the row", i), func(w *room) { w.readers[i].saw, w.readers[i].at = w.row, guestFills })
	case guestFills:
		add(fmt.Sprintf("reader %d fills", i), func(w *room) {
			if w.value < 0 {
				w.value, w.under = me.saw, me.token
			}
			w.readers[i].at = guestLeases
		})
	}
}

// counts reports whether readers are served what is there.
func (o order) counts(w *room) bool { return w.value >= 0 && (o.countsAlone || w.under == w.token) }

// puts is a reader's lease.
func (o order) puts(i int) func(w *room) {
	return func(w *room) {
		w.tokens++
		w.token = w.tokens
		w.readers[i] = guest{token: w.token, reads: w.readers[i].reads - 1}
	}
}

func (o order) write(w room, i int, add func(string, func(*room))) {
	act := func(what string, do func(w *room, me *author)) {
		add(fmt.Sprintf("writer %d %s", i, what), func(w *room) { do(w, &w.writers[i]) })
	}
	drop := func(w *room) {
		w.value = -1
		if !o.keepsLeases {
			w.token = 0
		}
	}
	join := func(w *room) { w.held[i] = true }
	leave := func(w *room) {
		w.held[i] = false
		if o.oneFlag {
			w.held = [2]bool{}
		}
	}
	first, second := join, drop
	if o.dropsFirst {
		first, second = drop, join
	}
	third, fourth := drop, leave
	if o.leavesFirst {
		third, fourth = leave, drop
	}
	if o.dropsOnce {
		third, fourth = func(*room) {}, leave
	}
	me := w.writers[i]
	switch me.at {
	case authorJoins:
		act("joins", func(w *room, me *author) { first(w); me.at++ })
	case authorDrops:
		act("drops", func(w *room, me *author) { second(w); me.at++ })
		if w.tries > 0 {
			act("tries again", func(w *room, me *author) { w.tries--; me.at = authorJoins })
		}
	case authorCommits:
		act("commits", func(w *room, me *author) { w.row++; me.row = w.row; me.at++ })
		if w.stops > 0 {
			act("is stopped for long", func(w *room, me *author) { w.stops--; w.held[i], me.ended = false, true })
		}
	case authorDropsAgain:
		act("drops again", func(w *room, me *author) { third(w); me.at++ })
	case authorLeaves:
		act("leaves", func(w *room, me *author) { fourth(w); me.at++ })
	case authorAnswers:
		act("answers", func(w *room, me *author) { w.acked = max(w.acked, me.row); me.at++ })
	}
	switch {
	case me.at < authorAnswers:
		act("is broken off", func(_ *room, me *author) { me.ghost, me.at = me.at == authorCommits, authorIsNoMore })
	case me.ghost: // the quarantine lasts longer than that can take
		act("commits, though he is no more", func(w *room, me *author) { w.row++; me.row = w.row; me.ghost = false })
		act("does not commit", func(_ *room, me *author) { me.ghost = false })
	case me.at == authorIsNoMore && w.held[i]:
		act("is forgotten", func(w *room, _ *author) { w.held[i] = false })
	}
}

// stale reports whether the store would serve a value that is older than a write that was acknowledged: P1. Nor is one served that is
// older than what was committed by a writer who is no more, if his quarantine had not run out before: nobody else would drop it.
func (o order) stale(w *room) bool {
	if !o.counts(w) {
		return false
	}
	if w.value < w.acked {
		return true
	}
	for _, me := range w.writers {
		if me.at == authorIsNoMore && !me.ended && w.value < me.row {
			return true
		}
	}
	return false
}

// useful reports whether both writes are over and the row is in the cache.
func (o order) useful(w *room) bool {
	return o.counts(w) && w.writers[0].at == authorIsOver && w.writers[1].at == authorIsOver && w.value == w.row
}

func TestQuarantines(t *testing.T) {
	t.Parallel()
	start := room{value: -1, tries: 1, stops: 1}
	for i := range start.readers {
		start.readers[i].reads = int8(2 - i)
	}
	for _, test := range []struct {
		name string
		order
		holds bool
	}{
		{"as it is", order{}, true},
		{"the writer leaves before he drops", order{leavesFirst: true}, true},
		{"the writer drops before he is among those of the key", order{dropsFirst: true}, false},
		{"N14: nothing is dropped in the end", order{dropsOnce: true}, false},
		{"N4: who leaves, leaves for all", order{oneFlag: true}, false},
		{"a lease is granted whoever is at work", order{asksNobody: true}, false},
		{"who asks for a lease looks for writers before it is there", order{asksFirst: true}, false},
		{"N15: leases are not dropped", order{keepsLeases: true}, false},
		{"N13: a row counts without its lease", order{countsAlone: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			way, worlds, useful := explore(start, test.next, test.stale, test.useful)
			t.Logf("%d worlds; %s", worlds, strings.Join(way, "; "))
			if holds := way == nil; holds != test.holds {
				t.Errorf("the promise holds: %v, want %v", holds, test.holds)
			}
			if test.holds && !useful {
				t.Error("nothing is ever stored")
			}
		})
	}
}
