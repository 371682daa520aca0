// Package storemodel does random things to a store and, beside it, to a model that spells the rules out without any regard to
// speed or memory. All answers must be the same.
package storemodel

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/moneyclip/moneyclip"
	"pgregory.net/rapid"
)

// Run does random things to a store whose time is that of the test's bubble. See [testing/synctest].
func Run(t *rapid.T, store moneyclip.Store) {
	run(t, &machine{store: store, model: newModel(time.Now)})
}

// RunOnServer does so to one whose time cannot be stopped. There all times are so long that they never run out, or so
// short that they have before the next step. It differs in three points: no key has slots of two rules, a refresh drops
// what else is under its key, and the time of a quarantine counts from when somebody asks. What is stored under the prefix is the
// run's own.
func RunOnServer(t *rapid.T, store moneyclip.Store, namespace string) {
	m := &machine{store: store, server: true, now: time.Unix(0, 0), prefix: namespace + ":" + rand.Text() + ":"}
	m.model = newModel(func() time.Time { return m.now })
	m.model.alone = true
	run(t, m)
}

func run(t *rapid.T, m *machine) {
	rand.Read(m.seed[:])
	t.Repeat(map[string]func(*rapid.T){
		"get":        m.get,
		"lease":      m.lease,
		"fill":       m.fill,
		"abandon":    m.abandon,
		"quarantine": m.quarantine,
		"release":    m.release,
		"sleep":      m.sleep,
		"":           m.look,
	})
}

// A place is a slot, or what of it a writer touches.
type place struct{ key, field, rule string }

var (
	keys        = []string{"a", "b"}
	fields      = []string{"x", "y"}
	ruleOf      = map[string]string{"a": "r", "b": "s"} // on a server
	rules       = []string{"r", "r", "r", "s"}          // a slot has one rule; if not, it is as if there were no row
	everyRule   = "all"
	writerCount = 3
)

// slot is where the store has a place.
func (m *machine) slot(p place) *moneyclip.Slot {
	return &moneyclip.Slot{
		Key: []byte(m.prefix + p.key), Field: []byte(p.field), Generations: [2]string{m.prefix + p.rule, m.prefix + everyRule},
	}
}

// marked are marks as the store has them.
func (m *machine) marked(marks *moneyclip.Marks) *moneyclip.Marks {
	all := *marks
	all.Keys, all.Generations = slices.Clone(marks.Keys), slices.Clone(marks.Generations)
	for _, list := range [][]string{all.Keys, all.Generations} {
		for i := range list {
			list[i] = m.prefix + list[i]
		}
	}
	return &all
}

// A machine drives a store and its model.
type machine struct {
	store  moneyclip.Store
	model  *model
	prefix string // of keys and generations
	seed   [8]byte

	server bool
	now    time.Time // of the model, if the store is on a server

	serial uint32
	leases []leased // all that were ever granted
}

type leased struct {
	place place
	lease moneyclip.Lease
}

func (m *machine) next() uint32 {
	m.serial++
	return m.serial
}

// nextToken is one that no machine has used. A writer's begins with 'w'.
func (m *machine) nextToken() (t moneyclip.Token) {
	copy(t[:], fmt.Sprintf("r%07d%s", m.next(), m.seed[:]))
	return t
}

func (m *machine) drawPlace(t *rapid.T) place {
	p := place{key: rapid.SampledFrom(keys).Draw(t, "key"), field: rapid.SampledFrom(fields).Draw(t, "field")}
	if m.server {
		p.rule = ruleOf[p.key]
	} else {
		p.rule = rapid.SampledFrom(rules).Draw(t, "rule")
	}
	return p
}

const (
	never = time.Hour
	short = time.Millisecond
)

func (m *machine) drawTime(t *rapid.T, label string, most int) time.Duration {
	if m.server {
		return rapid.SampledFrom([]time.Duration{never, never, never, short}).Draw(t, label)
	}
	return time.Duration(rapid.IntRange(1, most).Draw(t, label)) * time.Millisecond
}

// pass lets all short times run out, if one of these is.
func (m *machine) pass(times ...time.Duration) {
	if m.server && slices.Contains(times, short) {
		m.now = m.now.Add(3 * short)
		time.Sleep(3 * short)
	}
}

// drawMarks takes one of a few writers: what a writer does not release it quarantines again, in part or more of it.
func drawMarks(t *rapid.T) *moneyclip.Marks {
	marks := &moneyclip.Marks{
		Keys:        rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 0, 2, rapid.ID[string]).Draw(t, "keys"),
		Generations: []string{},
	}
	if rapid.IntRange(0, 3).Draw(t, "wide") == 0 {
		all := append(slices.Compact(slices.Clone(rules)), everyRule)
		marks.Generations = rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 2, rapid.ID[string]).Draw(t, "generations")
	}
	copy(marks.Writer[:], fmt.Sprintf("w%d", rapid.IntRange(1, writerCount).Draw(t, "writer")))
	return marks
}

func spell(t *rapid.T, row *moneyclip.Row) string {
	if row == nil {
		return "nothing"
	}
	b, err := row.AppendBinary(nil)
	if err != nil {
		t.Fatalf("AppendBinary: %v", err)
	}
	return string(bytes.ToValidUTF8(b, []byte("?")))
}

func (m *machine) compareRows(t *rapid.T, what string, p place, got, want *moneyclip.Row) {
	if g, w := spell(t, got), spell(t, want); g != w {
		t.Fatalf("%s(%v): got %q, want %q", what, p, g, w)
	}
}

func (m *machine) check(t *rapid.T, what string, err error) {
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (m *machine) get(t *rapid.T) { m.getAt(t, m.drawPlace(t)) }

func (m *machine) getAt(t *rapid.T, p place) {
	got, err := m.store.Get(t.Context(), m.slot(p))
	m.check(t, "Get", err)
	m.compareRows(t, "Get", p, got, m.model.get(p))
}

// look asks for all that there is, after each step.
func (m *machine) look(t *rapid.T) {
	for _, key := range keys {
		for _, field := range fields {
			for _, rule := range slices.Compact(slices.Clone(rules)) {
				if m.server && rule != ruleOf[key] {
					continue
				}
				m.getAt(t, place{key, field, rule})
			}
		}
	}
}

func (m *machine) lease(t *rapid.T) {
	p, token, d := m.drawPlace(t), m.nextToken(), m.drawTime(t, "lease", 40)
	renew := rapid.Bool().Draw(t, "renew")
	grant, err := m.store.Lease(t.Context(), m.slot(p), token, d, renew)
	if err == nil && m.server && grant.Answer == moneyclip.AnswerBypass && m.model.ranOut(p) {
		m.pass(short)
		token = m.nextToken()
		grant, err = m.store.Lease(t.Context(), m.slot(p), token, d, renew)
	}
	m.check(t, "Lease", err)
	defer m.pass(d)
	answer, row := m.model.lease(p, token, d, renew)
	if grant.Answer != answer {
		t.Fatalf("Lease(%v, %v, %v): got answer %d, want %d", p, d, renew, grant.Answer, answer)
	}
	m.compareRows(t, "Lease", p, grant.Row, row)
	if answer == moneyclip.AnswerLease {
		m.leases = append(m.leases, leased{p, grant.Lease})
	}
}

// drawLease takes one of the last leases, which may have ended in any way.
func (m *machine) drawLease(t *rapid.T) leased {
	if len(m.leases) == 0 {
		t.Skip("no lease yet")
	}
	last := m.leases[max(0, len(m.leases)-6):]
	return last[rapid.IntRange(0, len(last)-1).Draw(t, "which lease")]
}

func (m *machine) fill(t *rapid.T) {
	l := m.drawLease(t)
	age := moneyclip.Age{Hard: m.drawTime(t, "hard", 100)}
	if rapid.Bool().Draw(t, "has soft") {
		age.Soft = m.drawTime(t, "soft", 20)
	}
	m.pass(age.Hard, age.Soft) // ages count from the grant: what is short is over
	row := moneyclip.NewRow([]string{"n"}, []driver.Value{int64(m.next())})
	fill := m.store.Fill
	if rapid.Bool().Draw(t, "later") {
		fill = m.fillLater
	}
	got, err := fill(t.Context(), m.slot(l.place), l.lease, row, age)
	m.check(t, "Fill", err)
	if want := m.model.fill(l.place, l.lease.Token, row, age); got != want {
		t.Fatalf("Fill(%v, %v): got %v, want %v", l.place, age, got, want)
	}
}

// fillLater is FillLater, waited for.
func (m *machine) fillLater(
	ctx context.Context, slot *moneyclip.Slot, lease moneyclip.Lease, row *moneyclip.Row, age moneyclip.Age,
) (filled bool, err error) {
	over := make(chan struct{})
	m.store.FillLater(ctx, slot, lease, row, age, func(f bool, e error) {
		filled, err = f, e
		close(over)
	})
	clear(slot.Key) // it is the caller's again
	clear(slot.Field)
	<-over
	return filled, err
}

func (m *machine) abandon(t *rapid.T) {
	l := m.drawLease(t)
	m.check(t, "Abandon", m.store.Abandon(t.Context(), m.slot(l.place), l.lease))
	m.model.abandon(l.place, l.lease.Token)
}

func (m *machine) quarantine(t *rapid.T) {
	marks, d := drawMarks(t), m.drawTime(t, "quarantine", 20)
	_, err := m.store.Quarantine(t.Context(), m.marked(marks), d)
	m.check(t, "Quarantine", err)
	m.model.quarantine(marks, d)
	m.pass(d)
}

func (m *machine) release(t *rapid.T) {
	marks := drawMarks(t)
	_, err := m.store.Release(t.Context(), m.marked(marks))
	m.check(t, "Release", err)
	m.model.release(marks)
}

func (m *machine) sleep(t *rapid.T) {
	if m.server {
		t.Skip("there is nothing to wait for")
	}
	time.Sleep(m.drawTime(t, "sleep", 10))
}

// A model is the rules. What a writer ends is ended by its number: nothing is good that has a lower one.
type model struct {
	now    func() time.Time
	alone  bool                                           // a row that is refreshed drops the others under its key
	writes int                                            // by now
	ended  map[string]int                                 // :: key or generation → the last write that ended it
	marks  map[string]map[moneyclip.Token]time.Time       // :: key or generation → writer → deadline
	rows   map[[2]string]storedRow                        // :: key and field → what was filled last
	leases map[[2]string]map[moneyclip.Token]grantedLease // :: key and field → token → lease
}

type storedRow struct {
	row        *moneyclip.Row
	rule       string
	write      int // the last one before the grant
	hard, soft time.Time
}

type grantedLease struct {
	rule    string
	write   int
	granted time.Time
	until   time.Time
}

func newModel(now func() time.Time) *model {
	return &model{
		now:    now,
		ended:  make(map[string]int),
		marks:  make(map[string]map[moneyclip.Token]time.Time),
		rows:   make(map[[2]string]storedRow),
		leases: make(map[[2]string]map[moneyclip.Token]grantedLease),
	}
}

// touched names what a write to p's row would end: a key or a generation, which have different names.
func touched(key, rule string) []string {
	return []string{"key " + key, "generation " + rule, "generation " + everyRule}
}

func named(marks *moneyclip.Marks) (names []string) {
	for _, key := range marks.Keys {
		names = append(names, "key "+key)
	}
	for _, name := range marks.Generations {
		names = append(names, "generation "+name)
	}
	return names
}

func (m *model) current(key, rule string, write int) bool {
	for _, name := range touched(key, rule) {
		if m.ended[name] > write {
			return false
		}
	}
	return true
}

func (m *model) quarantined(p place) bool {
	for _, name := range touched(p.key, p.rule) {
		for _, until := range m.marks[name] {
			if m.now().Before(until) {
				return true
			}
		}
	}
	return false
}

// ranOut reports whether a quarantine of p's key has.
func (m *model) ranOut(p place) bool {
	for _, until := range m.marks["key "+p.key] {
		if !m.now().Before(until) {
			return true
		}
	}
	return false
}

// good returns the row at p, if it may be served.
func (m *model) good(p place) (storedRow, bool) {
	r, ok := m.rows[[2]string{p.key, p.field}]
	return r, ok && r.rule == p.rule && m.now().Before(r.hard) && m.current(p.key, r.rule, r.write)
}

// live reports whether somebody may fill p.
func (m *model) live(p place) bool {
	for _, l := range m.leases[[2]string{p.key, p.field}] {
		if m.now().Before(l.until) && m.current(p.key, l.rule, l.write) {
			return true
		}
	}
	return false
}

func (m *model) get(p place) *moneyclip.Row {
	if r, ok := m.good(p); ok && m.now().Before(r.soft) {
		return r.row
	}
	return nil
}

func (m *model) lease(
	p place, token moneyclip.Token, d time.Duration, renew bool,
) (moneyclip.Answer, *moneyclip.Row) {
	r, good := m.good(p)
	fresh := good && !renew && m.now().Before(r.soft)
	switch live := m.live(p); {
	case m.quarantined(p):
		return moneyclip.AnswerBypass, nil
	case fresh, good && !renew && live:
		return moneyclip.AnswerValue, r.row
	case live:
		return moneyclip.AnswerWait, nil
	}
	// One lease at a time; and what is not good does not come back.
	slot := [2]string{p.key, p.field}
	m.leases[slot] = map[moneyclip.Token]grantedLease{
		token: {rule: p.rule, write: m.writes, granted: m.now(), until: m.now().Add(d)},
	}
	if !good {
		delete(m.rows, slot)
	}
	return moneyclip.AnswerLease, nil
}

func (m *model) fill(p place, token moneyclip.Token, row *moneyclip.Row, age moneyclip.Age) bool {
	slot := [2]string{p.key, p.field}
	l, ok := m.leases[slot][token]
	if !ok {
		return false
	}
	delete(m.leases[slot], token)
	hard, soft := l.granted.Add(age.Hard), l.granted.Add(age.Soft)
	if !m.now().Before(l.until) || !m.now().Before(hard) || !m.current(p.key, l.rule, l.write) {
		return false
	}
	if age.Soft == 0 {
		soft = hard
	}
	if m.alone && m.rows[slot].row != nil {
		for other := range m.rows {
			if other[0] == p.key && other != slot {
				delete(m.rows, other)
			}
		}
	}
	m.rows[slot] = storedRow{row: row, rule: l.rule, write: l.write, hard: hard, soft: soft}
	return true
}

func (m *model) abandon(p place, token moneyclip.Token) {
	delete(m.leases[[2]string{p.key, p.field}], token)
}

func (m *model) end(marks *moneyclip.Marks) {
	m.writes++
	for _, name := range named(marks) {
		m.ended[name] = m.writes
	}
}

func (m *model) quarantine(marks *moneyclip.Marks, d time.Duration) {
	m.end(marks)
	for _, name := range named(marks) {
		writers := maps.Clone(m.marks[name])
		if writers == nil {
			writers = make(map[moneyclip.Token]time.Time)
		}
		writers[marks.Writer] = m.now().Add(d)
		m.marks[name] = writers
	}
}

func (m *model) release(marks *moneyclip.Marks) {
	m.end(marks)
	for _, name := range named(marks) {
		delete(m.marks[name], marks.Writer)
	}
}
