package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// A world is all there is: one row of a database, one rule with one key for it, a store, one process that has the rule and
// reads, and two that have not and write. Each of their steps is one round trip, or what happens in one process at once.
type world struct {
	row   int8 // how many writes were committed
	acked int8 // the latest of those that were acknowledged

	key        key
	generation int8    // of all rules; whatever ends it makes another
	board      int8    // its version; 0: there is none
	notice     bool    // of the rule, on the board
	claims     [3]bool // on a board that is to be: of the reader and the writers
	versions   int8    // that were given to boards
	tokens     int8    // that were given to leases

	losses [lossKinds]int8 // that may still happen

	reader  reader
	writers [2]writer
}

// A key is what the store has under the key.
type key struct {
	value, valueOf int8    // a version of the row, and the generation under which it is good; value -1: none
	token, tokenOf int8    // a lease, and the generation when it was granted; token 0: none
	held           [2]bool // by each writer, in quarantine
}

// drop is what a writer does to a key.
func (k *key) drop() { k.value, k.token = -1, 0 }

type reader struct {
	at      int8
	reads   int8 // that it may still begin
	known   int8 // the version of the board with its notice; 0: not published
	version int8 // before the lease
	token   int8
	saw     int8 // of the row
}

// What the reader does next.
const (
	readerIdle int8 = iota
	readerPublishes
	readerEnds // the generation, since there is no board
	readerCreates
	readerLeases
	readerAsks   // the database
	readerChecks // the board
	readerFills
)

type writer struct {
	at    int8
	known int8 // the version of the board that it has seen; 0: none
	knows bool // the rule
	done  bool // its write is committed
	row   int8 // what it has written
}

// What a writer does next.
const (
	writerIdle int8 = iota
	writerQuarantines
	writerAsksFirst // for the board's version
	writerCommits
	writerReleases
	writerAsksLast
	writerEnds // the generation, since there is no board
	writerCreates
	writerAnswers
	writerIsOver
)

// The losses of the store.
const (
	loseBoard = iota
	loseKey
	loseGeneration
	lossKinds
)

// A variant leaves out a step, or takes two in another order.
type variant struct {
	fillsUnasked  bool // the reader does not look at the board between its lease and its fill
	asksFirstOnly bool // a writer does not look at the board with its release
	keepsLate     bool // a writer does not drop what it learns of last
	keepsOld      bool // who finds no board does not end the generation
	endsAfter     bool // or ends it when there is a board again
	trustsNothing bool // who has never seen a board is content with none
	claimsNothing bool // a board is made although another one was made and lost since the generation was ended
}

// next are all steps that can be taken.
func (v variant) next(w world) (list []step[world]) {
	add := func(name string, do func(*world)) {
		to := w
		do(&to)
		list = append(list, step[world]{name, to})
	}
	v.read(w, add)
	for i := range w.writers {
		v.write(w, i, add)
	}
	if (w.board != 0 || w.claims != [3]bool{}) && w.losses[loseBoard] > 0 {
		add("the board is lost", func(w *world) {
			w.losses[loseBoard]--
			w.board, w.notice, w.claims = 0, false, [3]bool{}
		})
	}
	if w.losses[loseKey] > 0 {
		add("the key is lost", func(w *world) { w.losses[loseKey]--; w.key.drop(); w.key.held = [2]bool{} })
	}
	if w.losses[loseGeneration] > 0 {
		add("the generation is lost", func(w *world) { w.losses[loseGeneration]--; w.generation++ })
	}
	return list
}

// publish puts the notice on the board.
func (w *world) publish() {
	if !w.notice {
		w.notice = true
		w.versions++
		w.board = w.versions
	}
	w.reader.known = w.board
}

// create makes a board, if there is none. It reports false if a claim is lost; then it was made anew.
func (v variant) create(w *world, who int) bool {
	switch {
	case w.board != 0:
		return true
	case !w.claims[who] && !v.claimsNothing:
		w.claims[who] = true
		return false
	}
	w.versions++
	w.board, w.claims = w.versions, [3]bool{}
	return true
}

func (v variant) read(w world, add func(string, func(*world))) {
	switch w.reader.at {
	case readerIdle:
		if w.reader.reads == 0 {
			return
		}
		add("the reader begins", func(w *world) {
			w.reader.reads--
			w.reader.version = w.reader.known
			w.reader.at = readerLeases
			if w.reader.known == 0 {
				w.reader.at = readerPublishes
			}
		})
	case readerPublishes:
		add("the reader publishes", func(w *world) {
			if w.board == 0 {
				w.claims[0] = true
				w.reader.at = readerEnds
				if v.endsAfter || v.keepsOld {
					w.reader.at = readerCreates
				}
				return
			}
			w.publish()
			w.reader.version, w.reader.at = w.reader.known, readerLeases
		})
	case readerEnds:
		add("the reader ends the generation", func(w *world) {
			w.generation++
			w.reader.at = readerCreates
			if v.endsAfter {
				w.reader.at = readerLeases
			}
		})
	case readerCreates:
		add("the reader makes a board", func(w *world) {
			if !v.create(w, 0) {
				w.reader.at = readerEnds
				return
			}
			w.publish()
			w.reader.version, w.reader.at = w.reader.known, readerLeases
			if v.endsAfter {
				w.reader.at = readerEnds
			}
		})
	case readerLeases:
		add("the reader leases", func(w *world) {
			k := &w.key
			if k.held[0] || k.held[1] || k.value >= 0 && k.valueOf == w.generation {
				w.reader.at = readerIdle
				return
			}
			w.tokens++
			k.value = -1
			k.token, k.tokenOf = w.tokens, w.generation
			w.reader.token, w.reader.at = w.tokens, readerAsks
		})
	case readerAsks:
		add("the reader reads the row", func(w *world) {
			w.reader.saw, w.reader.at = w.row, readerChecks
			if v.fillsUnasked {
				w.reader.at = readerFills
			}
		})
		add("the reader fails, and gives its lease back", (*world).giveBack)
	case readerChecks:
		add("the reader looks at the board", func(w *world) {
			if w.board == w.reader.version {
				w.reader.at = readerFills
				return
			}
			w.reader.known = 0
			w.giveBack()
		})
	case readerFills:
		add("the reader fills", func(w *world) {
			k := &w.key
			if k.token == w.reader.token {
				if k.tokenOf == w.generation {
					k.value, k.valueOf = w.reader.saw, k.tokenOf
				}
				k.token = 0
			}
			w.reader.at = readerIdle
		})
	}
}

// giveBack is what Abandon does.
func (w *world) giveBack() {
	if w.key.token == w.reader.token {
		w.key.token = 0
	}
	w.reader.at = readerIdle
}

func (v variant) write(w world, i int, add func(string, func(*world))) {
	act := func(what string, do func(w *world, me *writer)) {
		add(fmt.Sprintf("writer %d %s", i, what), func(w *world) { do(w, &w.writers[i]) })
	}
	// What is done after the board was asked for its version; more: the writer has learnt of the rule just now.
	settled := func(me *writer, more bool) {
		switch {
		case !me.done && more:
			me.at = writerQuarantines
		case !me.done:
			me.at = writerCommits
		case more && !v.keepsLate:
			me.at = writerReleases
		default:
			me.at = writerAnswers
		}
	}
	look := func(w *world, me *writer) {
		more := w.notice && !me.knows
		me.knows = me.knows || w.notice
		me.known = w.board
		settled(me, more)
	}
	me := w.writers[i]
	switch me.at {
	case writerIdle:
		act("begins", func(_ *world, me *writer) {
			me.at = writerCommits // for what is not known here it is enough to look at the board after it
			if me.knows {
				me.at = writerQuarantines
			}
		})
		if me.known == 0 && w.board != 0 {
			act("has seen the board before", func(w *world, me *writer) { me.known, me.knows = w.board, w.notice })
		}
	case writerQuarantines:
		act("quarantines", func(w *world, me *writer) {
			w.key.drop()
			w.key.held[i] = true
			me.at = writerAsksFirst
		})
	case writerCommits:
		act("commits", func(w *world, me *writer) {
			w.row++
			me.row, me.done, me.at = w.row, true, writerReleases
		})
	case writerReleases:
		act("releases", func(w *world, me *writer) {
			if me.knows {
				w.key.drop()
				w.key.held[i] = false
			}
			me.at = writerAsksLast
			if v.asksFirstOnly {
				me.at = writerAnswers
			}
		})
	case writerAsksFirst, writerAsksLast:
		act("looks at the board", func(w *world, me *writer) {
			switch {
			case w.board == me.known && (w.board != 0 || v.trustsNothing):
				settled(me, false)
			case w.board != 0:
				look(w, me)
			default:
				w.claims[1+i] = true
				me.at = writerEnds
				if v.keepsOld || v.endsAfter {
					me.at = writerCreates
				}
			}
		})
	case writerEnds:
		act("ends the generation", func(w *world, me *writer) {
			w.generation++
			me.at = writerCreates
			if v.endsAfter {
				look(w, me)
			}
		})
	case writerCreates:
		act("makes a board", func(w *world, me *writer) {
			if !v.create(w, 1+i) || v.endsAfter {
				me.at = writerEnds
				return
			}
			look(w, me)
		})
	case writerAnswers:
		act("answers", func(w *world, me *writer) {
			w.acked = max(w.acked, me.row)
			me.at = writerIsOver
		})
	}
}

// stale reports whether the store would serve a value that is older than an acknowledged write: P1.
func (w *world) stale() bool {
	return w.key.value >= 0 && w.key.valueOf == w.generation && w.key.value < w.acked
}

// useful reports whether all is over and the row is in the cache.
func (w *world) useful() bool {
	return w.writers[0].at == writerIsOver && w.writers[1].at == writerIsOver && w.key.value == w.row && w.key.valueOf == w.generation
}

func TestBoards(t *testing.T) {
	t.Parallel()
	start := world{losses: [lossKinds]int8{1, 1, 0}, reader: reader{reads: 1}}
	if os.Getenv("MONEYCLIP_MODEL") == "large" { // 16 million worlds: minutes, and gigabytes
		start = world{losses: [lossKinds]int8{2, 1, 1}, reader: reader{reads: 2}}
	}
	start.key.drop()
	for _, test := range []struct {
		name string
		variant
		holds bool
	}{
		{"as it is", variant{}, true},
		{"the reader does not look before its fill", variant{fillsUnasked: true}, false},
		{"the writer does not look with its release", variant{asksFirstOnly: true}, false},
		{"the writer does not drop what it learns of last", variant{keepsLate: true}, false},
		{"a lost board does not end the generation", variant{keepsOld: true}, false},
		{"the generation ends when there is a board again", variant{endsAfter: true}, false},
		{"who has seen no board is content with none", variant{trustsNothing: true}, false},
		{"a board is made without a claim", variant{claimsNothing: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			way, worlds, useful := explore(start, test.next, (*world).stale, (*world).useful)
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
