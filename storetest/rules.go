package storetest

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
)

// maxFields is how many selects may be stored under one key.
const maxFields = 64

// tests are the suite, in the order in which it is told.
var tests = []struct {
	name string
	run  func(s *suite)
}{
	{"Absent", absent},
	{"FillAndGet", fillAndGet},
	{"Values", values},
	{"NotFound", notFound},
	{"BuffersAreTheCallers", buffersAreTheCallers},
	{"FieldsAreApart", fieldsAreApart},
	{"OddNames", oddNames},
	{"ManyFields", manyFields},
	{"ManyLeases", manyLeases},
	{"OneLease", oneLease},
	{"LeaseIsSpent", leaseIsSpent},
	{"LeaseRunsOut", leaseRunsOut},
	{"LeaseIsOfItsSlot", leaseIsOfItsSlot},
	{"Abandon", abandon},
	{"HardAge", hardAge},
	{"HardAgeCountsFromGrant", hardAgeCountsFromGrant},
	{"HardAgeOfEach", hardAgeOfEach},
	{"SoftAge", softAge},
	{"SoftAgeAbandoned", softAgeAbandoned},
	{"SoftAgeQuarantined", softAgeQuarantined},
	{"Renew", renew},
	{"RenewNothing", renewNothing},
	{"Quarantine", quarantine},
	{"QuarantineAbsent", quarantineAbsent},
	{"QuarantineManyKeys", quarantineManyKeys},
	{"QuarantineGeneration", quarantineGeneration},
	{"QuarantineUnknownGeneration", quarantineUnknownGeneration},
	{"QuarantineRunsOut", quarantineRunsOut},
	{"QuarantineAgain", quarantineAgain},
	{"QuarantineHeals", quarantineHeals},
	{"OtherGenerations", otherGenerations},
	{"ReleaseWithoutQuarantine", releaseWithoutQuarantine},
	{"NoMarks", noMarks},
	{"NoBoard", noBoard},
	{"BoardClaims", boardClaims},
	{"Board", boardChanges},
	{"BoardOfMarks", boardOfMarks},
	{"BoardOfFill", boardOfFill},
	{"BoardRunsOut", boardRunsOut},
	{"N4", n4},
	{"N4Generation", n4Generation},
	{"N12", n12},
	{"N13", n13},
	{"N14", n14},
	{"N14Lease", n14Lease},
	{"N14Generation", n14Generation},
	{"N15", n15},
	{"N15Generation", n15Generation},
	{"M3", m3},
	{"M11", m11},
	{"M21", m21},
	{"M28", m28},
	{"T2Quarantine", t2Quarantine},
	{"T2Lease", t2Lease},
	{"T2Value", t2Value},
	{"T2Writers", t2Writers},
	{"Counter", counter},
	{"CounterRuleWide", counterRuleWide},
}

func absent(s *suite) {
	slot := s.slot("k")
	nobodys := moneyclip.Lease{Token: token()}
	s.wantGet(slot, nil)
	s.wantRefused(slot, nobodys, row(1))
	s.abandon(slot, nobodys)
	s.release(s.writer("k"))
	s.release(s.wideWriter("rule"))
	s.wantGet(slot, nil)
}

func fillAndGet(s *suite) {
	slot := s.slot("k")
	lease := s.lease(slot)
	s.wantGet(slot, nil)
	s.fill(slot, lease, row(1))
	for range 3 {
		s.wantGet(slot, row(1))
		s.wantValue(slot, row(1))
	}
	s.wantGet(s.slot("other"), nil)
}

func values(s *suite) {
	columns := []string{
		"nil", "int", "uint", "float", "float32", "bool", "nil bytes", "empty bytes", "bytes", "text", "time",
	}
	r := moneyclip.NewRow(columns, []driver.Value{
		nil, int64(-1), uint64(1 << 63), 0.1, float32(0.1), true, []byte(nil), []byte{}, []byte("\x00\xff"), "\xffé",
		time.Date(2026, 2, 28, 23, 59, 59, 999999999, time.FixedZone("", -3*3600)),
	})
	s.put(s.slot("k"), r)
	empty := moneyclip.NewRow(nil, []driver.Value{})
	s.put(s.slot("no columns"), empty)
	big := moneyclip.NewRow([]string{"big"}, []driver.Value{strings.Repeat("big", 10_000)})
	s.put(s.slot("big"), big)
}

// That there is no row is an answer too. It is not the same as to have none stored.
func notFound(s *suite) {
	slot := s.slot("k")
	none := moneyclip.NewRow([]string{"n"}, nil)
	s.put(slot, none)
	s.wantValue(slot, none)
}

// Keys and fields are put together in buffers that are used again.
func buffersAreTheCallers(s *suite) {
	slot := s.slot("k")
	mine := moneyclip.Slot{
		Key: bytes.Clone(slot.Key), Field: bytes.Clone(slot.Field), Generations: slot.Generations,
	}
	lease := s.lease(&mine)
	clear(mine.Key)
	clear(mine.Field)
	s.fill(slot, lease, row(1))
	s.wantGet(slot, row(1))

	marks := s.writer("q")
	s.quarantine(marks, long)
	marks.Keys[0] = s.prefix + "k"
	s.wantBypass(s.slot("q"))
	s.wantGet(slot, row(1))
}

func fieldsAreApart(s *suite) {
	slots := []*moneyclip.Slot{
		s.field("a", "bc"), s.field("ab", "c"), s.field("abc", ""),
		s.field("a", "b"), s.field("a", ""), s.field("a", "c"), s.field("a", "b\x00"), s.field("a", "bb"),
		s.field("a", strings.Repeat("b", 300)), s.field("a", strings.Repeat("b", 301)),
	}
	for i, slot := range slots {
		s.wantGet(slot, nil)
		s.put(slot, row(int64(i)))
	}
	for i, slot := range slots {
		s.wantGet(slot, row(int64(i)))
	}
	// A writer drops all that is under its key, and nothing else.
	s.quarantine(s.writer("a"), long)
	for i, slot := range slots {
		if string(slot.Key) == s.prefix+"a" {
			s.wantGet(slot, nil)
			s.wantBypass(slot)
			continue
		}
		s.wantGet(slot, row(int64(i)))
	}
}

// Keys, fields and generations are bytes, and none of them is taken for another.
func oddNames(s *suite) {
	names := []string{"rule", "all", "{tag}", "a:b", "a b", "\x00", "\xff", "%00", "{", "}{", "v:f", "*", "\r\n"}
	for i, name := range names {
		s.put(s.field(name, name), row(int64(i)))
		s.quarantine(s.writer(name), long)
		s.wantBypass(s.field(name, name))
	}
	s.put(s.slot("k"), row(1))
}

// No key grows without end. A select that finds no place is not stored, or in the place of another.
func manyFields(s *suite) {
	held := func(i int) *moneyclip.Slot { return s.field("k", fmt.Sprint("field ", i)) }
	const many = maxFields + 20
	for i := range many {
		grant := s.ask(held(i), long, false)
		switch grant.Answer {
		case moneyclip.AnswerBypass:
			if i < maxFields {
				s.Fatalf("field %d: got bypass, want a lease: there is room for %d", i, maxFields)
			}
		case moneyclip.AnswerLease:
			s.wantFill(held(i), grant.Lease, row(int64(i)), forLong, true)
			s.wantGet(held(i), row(int64(i)))
		default:
			s.Fatalf("field %d: got %s, want a lease", i, answers[grant.Answer])
		}
	}
	stored := 0
	for i := range many {
		got, err := s.store.Get(s.Context(), held(i))
		if err != nil {
			s.Fatalf("Get: %v", err)
		}
		if got != nil {
			stored++
		}
	}
	if stored == 0 || stored > maxFields {
		s.Fatalf("got %d fields under one key, want at most %d", stored, maxFields)
	}
	s.quarantine(s.writer("k"), long)
	for i := range many {
		s.wantGet(held(i), nil)
	}
}

// A lease is a promise to one reader: it does not make room for others.
func manyLeases(s *suite) {
	held := func(i int) *moneyclip.Slot { return s.field("k", fmt.Sprint("field ", i)) }
	var leases []moneyclip.Lease
	for i := range maxFields {
		leases = append(leases, s.lease(held(i)))
	}
	for i := range 3 {
		if grant := s.ask(held(maxFields+i), long, false); grant.Answer != moneyclip.AnswerBypass {
			s.Fatalf("lease %d: got %s, want bypass", maxFields+i+1, answers[grant.Answer])
		}
	}
	for i, lease := range leases {
		s.wantWait(held(i))
		s.fill(held(i), lease, row(int64(i)))
	}
}

func oneLease(s *suite) {
	slot := s.slot("k")
	lease := s.lease(slot)
	s.wantWait(slot)
	s.wantAnswer(slot, true, moneyclip.AnswerWait)
	s.lease(s.field("k", "another"))
	s.wantRefused(slot, moneyclip.Lease{Token: token(), Stamp: lease.Stamp}, row(2))
	s.wantWait(slot)
	s.fill(slot, lease, row(1))
	s.wantGet(slot, row(1))
}

func leaseIsSpent(s *suite) {
	slot := s.slot("k")
	lease := s.lease(slot)
	s.fill(slot, lease, row(1))
	s.wantRefused(slot, lease, row(2))
	s.wantGet(slot, row(1))
	s.abandon(slot, lease)
	s.wantGet(slot, row(1))
}

func leaseRunsOut(s *suite) {
	slot, another := s.slot("k"), s.field("k", "another")
	s.fill(another, s.lease(another), row(2)) // the key stays
	lease := s.shortLease(slot)
	s.outlive()
	s.wantRefused(slot, lease, row(1))
	s.wantGet(slot, nil)
	s.lease(slot)
}

func leaseIsOfItsSlot(s *suite) {
	lease := s.lease(s.slot("k"))
	for _, slot := range []*moneyclip.Slot{s.slot("other"), s.field("k", "other")} {
		s.wantRefused(slot, lease, row(1))
		s.lease(slot)
		s.wantRefused(slot, lease, row(1))
	}
	s.fill(s.slot("k"), lease, row(1))
}

func abandon(s *suite) {
	slot := s.slot("k")
	first := s.lease(slot)
	s.abandon(slot, first)
	s.wantRefused(slot, first, row(1))
	second := s.lease(slot)
	s.abandon(slot, first) // is not the second's
	s.wantWait(slot)
	s.fill(slot, second, row(2))
	s.wantGet(slot, row(2))
}

func hardAge(s *suite) {
	slot := s.slot("k")
	s.wantFill(slot, s.lease(slot), row(1), moneyclip.Age{Hard: s.brief()}, true)
	s.sitOut()
	s.wantGet(slot, nil)
	s.put(slot, row(2))
}

// A row is as old as the question to the database, not as its answer.
func hardAgeCountsFromGrant(s *suite) {
	slot := s.slot("k")
	lease := s.lease(slot)
	s.outlive()
	s.wantFill(slot, lease, row(1), moneyclip.Age{Hard: s.tick}, false)
	s.wantGet(slot, nil)

	lease = s.lease(slot)
	s.sleep(s.brief())
	s.wantFill(slot, lease, row(2), moneyclip.Age{Hard: 2 * s.brief()}, true)
	s.sitOut()
	s.wantGet(slot, nil)
}

// A select that may be old does not keep another under its key for longer.
func hardAgeOfEach(s *suite) {
	first, short, last := s.field("k", "1"), s.field("k", "2"), s.field("k", "3")
	s.put(first, row(1))
	s.wantFill(short, s.lease(short), row(2), moneyclip.Age{Hard: s.brief()}, true)
	s.put(last, row(3))
	s.sitOut()
	s.wantGet(short, nil)
	s.lease(short)
}

// Past its soft age a row is refreshed by one reader, while the others get it.
func softAge(s *suite) {
	slot := s.slot("k")
	soft := moneyclip.Age{Hard: long, Soft: s.tick}
	s.wantFill(slot, s.lease(slot), row(1), soft, true)
	s.outlive()
	s.wantGet(slot, nil)
	lease := s.lease(slot)
	for range 3 {
		s.wantValue(slot, row(1))
	}
	s.fill(slot, lease, row(2))
	s.wantGet(slot, row(2))

	// Past its hard age nobody gets it.
	slot = s.slot("old")
	s.wantFill(slot, s.lease(slot), row(1), moneyclip.Age{Hard: s.brief(), Soft: s.tick}, true)
	s.sitOut()
	s.lease(slot)
	s.wantWait(slot)

	// The soft age counts from the grant too.
	slot = s.slot("late")
	lease = s.lease(slot)
	s.outlive()
	s.wantFill(slot, lease, row(1), soft, true)
	s.wantGet(slot, nil)
	s.lease(slot)
	s.wantValue(slot, row(1))
}

// If that reader fails, another one tries; the row is there all the time.
func softAgeAbandoned(s *suite) {
	slot := s.slot("k")
	s.wantFill(slot, s.lease(slot), row(1), moneyclip.Age{Hard: long, Soft: s.tick}, true)
	s.outlive()
	s.abandon(slot, s.lease(slot))
	silent := s.shortLease(slot)
	s.wantValue(slot, row(1))
	s.outlive()
	lease := s.lease(slot)
	s.wantRefused(slot, silent, row(2))
	s.wantValue(slot, row(1))
	s.fill(slot, lease, row(3))
	s.wantGet(slot, row(3))
}

// A writer ends the refresh, and what was served meanwhile.
func softAgeQuarantined(s *suite) {
	slot := s.slot("k")
	s.wantFill(slot, s.lease(slot), row(1), moneyclip.Age{Hard: long, Soft: s.tick}, true)
	s.outlive()
	lease := s.lease(slot)
	marks := s.writer("k")
	s.quarantine(marks, long)
	s.wantBypass(slot)
	s.release(marks)
	s.wantRefused(slot, lease, row(1))
	s.lease(slot)
}

// Who renews asks the database in spite of a good row, which the others are served.
func renew(s *suite) {
	slot := s.slot("k")
	s.put(slot, row(1))
	lease := s.wantAnswer(slot, true, moneyclip.AnswerLease).Lease
	s.wantGet(slot, row(1))
	s.wantValue(slot, row(1))
	s.wantAnswer(slot, true, moneyclip.AnswerWait)
	s.fill(slot, lease, row(2))
	s.wantGet(slot, row(2))

	s.abandon(slot, s.wantAnswer(slot, true, moneyclip.AnswerLease).Lease)
	s.wantGet(slot, row(2))
}

func renewNothing(s *suite) {
	slot := s.slot("k")
	lease := s.wantAnswer(slot, true, moneyclip.AnswerLease).Lease
	s.wantAnswer(slot, true, moneyclip.AnswerWait)
	s.wantWait(slot)
	s.fill(slot, lease, row(1))
	s.wantGet(slot, row(1))
}

func quarantine(s *suite) {
	slot, fresh := s.slot("k"), s.field("k", "fresh")
	s.put(slot, row(1))
	marks := s.writer("k")
	s.quarantine(marks, long)
	s.wantGet(slot, nil)
	s.wantBypass(slot)
	s.wantBypass(fresh)
	s.wantAnswer(slot, true, moneyclip.AnswerBypass)
	s.put(s.slot("other"), row(2))

	s.release(marks)
	s.wantGet(slot, nil)
	s.put(slot, row(3))
	s.put(fresh, row(4))
	s.wantGet(s.slot("other"), row(2))
}

func quarantineAbsent(s *suite) {
	slot, marks := s.slot("k"), s.writer("k")
	s.quarantine(marks, long)
	s.wantGet(slot, nil)
	s.wantBypass(slot)
	s.release(marks)
	s.put(slot, row(1))
}

func quarantineManyKeys(s *suite) {
	var keys []string
	for i := range 200 {
		keys = append(keys, fmt.Sprint("k", i))
		s.put(s.slot(keys[i]), row(int64(i)))
	}
	marks := s.writer(keys[:100]...)
	marks.Keys = append(marks.Keys, marks.Keys[0]) // a key may be named twice
	marks.Generations = []string{s.prefix + "another rule"}
	s.quarantine(marks, long)
	for i, key := range keys {
		if i >= 100 {
			s.wantGet(s.slot(key), row(int64(i)))
			continue
		}
		s.wantGet(s.slot(key), nil)
		s.wantBypass(s.slot(key))
	}
	s.release(marks)
	for _, key := range keys[:100] {
		s.put(s.slot(key), row(0))
	}
}

// A rule is quarantined as a whole, and so are all rules.
func quarantineGeneration(s *suite) {
	for _, name := range []string{"rule", "all"} {
		slot, other := s.slot("k of "+name), s.slot("other of "+name)
		other.Generations = [2]string{s.prefix + "another rule", s.prefix + "another all"}
		s.put(slot, row(1))
		s.put(other, row(2))

		marks := s.wideWriter(name)
		s.quarantine(marks, long)
		s.wantGet(slot, nil)
		s.wantBypass(slot)
		s.wantAnswer(slot, true, moneyclip.AnswerBypass)
		s.wantBypass(s.slot("a key that was not there"))
		s.wantGet(other, row(2))

		s.release(marks)
		s.wantGet(slot, nil)
		s.put(slot, row(3))
		s.wantGet(other, row(2))
	}
}

func quarantineUnknownGeneration(s *suite) {
	marks := s.wideWriter("rule")
	s.quarantine(marks, long)
	s.wantBypass(s.slot("k"))
	s.release(marks)
	s.put(s.slot("k"), row(1))
}

// The deadline is for writers that died.
func quarantineRunsOut(s *suite) {
	slot, wide := s.slot("k"), s.slot("wide")
	s.put(slot, row(1))
	wide.Generations[0] = s.prefix + "another rule"
	s.put(wide, row(1))
	s.quarantine(s.writer("k"), s.tick)
	s.quarantine(s.wideWriter("another rule"), s.tick)
	s.runOut(slot, wide)
	for _, slot := range []*moneyclip.Slot{slot, wide} {
		s.wantGet(slot, nil)
		s.put(slot, row(2))
	}
}

// A writer that is not done quarantines again. It is still one writer, with one release.
func quarantineAgain(s *suite) {
	marks := s.writer("k")
	marks.Generations = []string{s.prefix + "another rule"}
	wide := s.slot("wide")
	wide.Generations[1] = s.prefix + "another rule"

	s.quarantine(marks, s.tick)
	s.quarantine(marks, long)
	s.outlive()
	s.wantBypass(s.slot("k"))
	s.wantBypass(wide)
	s.release(marks)
	s.put(s.slot("k"), row(1))
	s.put(wide, row(1))
}

// A quarantine that was lost is put back, and what was stored and leased in between is dropped.
func quarantineHeals(s *suite) {
	marks := s.writer("k", "leased")
	marks.Generations = []string{s.prefix + "another rule"}
	wide := s.slot("wide")
	wide.Generations[0] = s.prefix + "another rule"
	s.quarantine(marks, s.tick)
	s.runOut(s.slot("k"), s.slot("leased"))
	s.put(s.slot("k"), row(1))
	s.put(wide, row(1))
	lease := s.lease(s.slot("leased"))

	s.quarantine(marks, long)
	for _, slot := range []*moneyclip.Slot{s.slot("k"), s.slot("leased"), wide} {
		s.wantGet(slot, nil)
		s.wantBypass(slot)
	}
	s.wantRefused(s.slot("leased"), lease, row(1))
}

// A row set is good for those alone who ask with the generations under which it was leased.
func otherGenerations(s *suite) {
	for i := range 2 {
		slot, other := s.slot(fmt.Sprint("k", i)), s.slot(fmt.Sprint("k", i))
		other.Generations[i] = s.prefix + "another"
		s.put(slot, row(1))
		s.wantGet(other, nil)
	}
}

// A release drops what it finds, also if its quarantine never was.
func releaseWithoutQuarantine(s *suite) {
	slot, other := s.slot("k"), s.slot("other")
	s.put(slot, row(1))
	s.release(s.writer("k"))
	s.wantGet(slot, nil)
	s.put(slot, row(2))
	s.put(other, row(2))
	s.release(s.wideWriter("rule"))
	s.wantGet(slot, nil)
	s.wantGet(other, nil)
}

func noMarks(s *suite) {
	s.put(s.slot("k"), row(1))
	marks := s.writer()
	s.quarantine(marks, long)
	s.release(marks)
	s.wantGet(s.slot("k"), row(1))
}

func (s *suite) publish(name string, claim string, notices ...moneyclip.Notice) moneyclip.Board {
	s.Helper()
	b, err := s.store.Publish(s.Context(), s.prefix+name, notices, claim)
	if err != nil {
		s.Fatalf("Publish: %v", err)
	}
	if b.Claim != "" && (b.Version != "" || len(b.Notices) != 0) {
		s.Fatalf("got %v, a claim to a board that is there", b)
	}
	slices.Sort(b.Notices)
	return b
}

// create publishes on a board that is not there.
func (s *suite) create(name string, notices ...moneyclip.Notice) moneyclip.Board {
	s.Helper()
	claim := s.publish(name, "", notices...).Claim
	if claim == "" {
		s.Fatal("got no claim to a board that is not there")
	}
	return s.publish(name, claim, notices...)
}

// wantBoard returns the version of a board that says what is wanted.
func (s *suite) wantBoard(got moneyclip.Board, want ...string) string {
	s.Helper()
	if got.Version == "" || !slices.Equal(got.Notices, want) {
		s.Fatalf("got a board at version %q with %q, want one with %q", got.Version, got.Notices, want)
	}
	return got.Version
}

// needsBoards ends the test of a store that has none.
func (s *suite) needsBoards() {
	if !s.store.Shared() {
		s.Skip("nobody else uses the store")
	}
}

// A store that nobody else uses has no boards.
func noBoard(s *suite) {
	notice := moneyclip.Notice{Text: "a", Life: long}
	b := s.publish("b", "", notice)
	if b.Version != "" || len(b.Notices) != 0 || b.Claim == "" == s.store.Shared() {
		s.Fatalf("got %v, want at most a claim: there is no board", b)
	}
	if b := s.publish("b", "what", notice); b.Version != "" || b.Claim == "" == s.store.Shared() {
		s.Fatalf("got %v, want at most a claim: nobody has got the other", b)
	}
}

// A board is made by the first who comes back with a claim to it, and the others find it.
func boardClaims(s *suite) {
	s.needsBoards()
	a, b := moneyclip.Notice{Text: "a", Life: long}, moneyclip.Notice{Text: "b", Life: long}
	one, two := s.publish("b", "", a).Claim, s.publish("b", "", b).Claim
	if one == "" || two == "" || one == two {
		s.Fatalf("got the claims %q and %q, want two", one, two)
	}
	if got := s.publish("another", one); got.Version != "" {
		s.Fatalf("got %v for the claim to another board", got)
	}
	v := s.wantBoard(s.publish("b", two, b), "b")
	if got := s.wantBoard(s.publish("b", one, a), "a", "b"); got == v {
		s.Fatalf("got version %q, want another one", got)
	}
}

// The version changes with what the board says, and only then.
func boardChanges(s *suite) {
	s.needsBoards()
	seen := map[string]bool{}
	fresh := func(version string) string {
		s.Helper()
		if seen[version] {
			s.Fatalf("version %q came before", version)
		}
		seen[version] = true
		return version
	}
	same := func(got, want string) {
		s.Helper()
		if got != want {
			s.Fatalf("got version %q, want %q: nothing has changed", got, want)
		}
	}
	a, b := moneyclip.Notice{Text: "a", Life: long}, moneyclip.Notice{Text: "b\x00\xff", Life: long}
	v := fresh(s.wantBoard(s.create("b")))
	same(s.wantBoard(s.publish("b", "")), v)
	v = fresh(s.wantBoard(s.publish("b", "", a), "a"))
	same(s.wantBoard(s.publish("b", "", a), "a"), v)
	v = fresh(s.wantBoard(s.publish("b", "", b, a), "a", b.Text))
	same(s.wantBoard(s.publish("b", "", b), "a", b.Text), v)
	fresh(s.wantBoard(s.create("another", a), "a"))
	same(s.wantBoard(s.publish("b", ""), "a", b.Text), v)
}

// Who quarantines and releases learns the version, also if he touches nothing.
func boardOfMarks(s *suite) {
	s.needsBoards()
	marks := s.writer("k", "another")
	marks.Generations = []string{s.prefix + "another rule"}
	marks.Board = s.prefix + "b"
	none := &moneyclip.Marks{Writer: token(), Board: marks.Board}
	want := func(version string) {
		s.Helper()
		for _, m := range []*moneyclip.Marks{marks, none} {
			got, err := s.store.Quarantine(s.Context(), m, long)
			if err != nil || got != version {
				s.Fatalf("Quarantine: got version %q, %v, want %q", got, err, version)
			}
			if got, err = s.store.Release(s.Context(), m); err != nil || got != version {
				s.Fatalf("Release: got version %q, %v, want %q", got, err, version)
			}
		}
	}
	want("")
	want(s.create("b").Version)
	want(s.publish("b", "", moneyclip.Notice{Text: "a", Life: long}).Version)
}

// A row that goes by a board is stored only while that is what it was. Who is refused has no lease any more.
func boardOfFill(s *suite) {
	s.needsBoards()
	slot, board := s.slot("k"), s.prefix+"b"
	by := func(lease moneyclip.Lease, version string) moneyclip.Lease {
		lease.Board, lease.Version = board, version
		return lease
	}
	s.wantRefused(slot, by(s.lease(slot), "1"), row(1)) // there is none
	first := s.create("b").Version
	lease := s.lease(slot)
	second := s.publish("b", "", moneyclip.Notice{Text: "a", Life: long}).Version
	s.wantRefused(slot, by(lease, first), row(1))
	s.wantRefused(slot, by(lease, second), row(1))
	s.fill(slot, by(s.lease(slot), second), row(2))
	s.wantGet(slot, row(2))
}

// A notice that was not renewed is gone.
func boardRunsOut(s *suite) {
	s.needsBoards()
	v := s.wantBoard(s.create("b", moneyclip.Notice{Text: "a", Life: s.tick}, moneyclip.Notice{Text: "b", Life: long}), "a", "b")
	s.publish("b", "", moneyclip.Notice{Text: "b", Life: s.tick}) // does not shorten its life
	s.outlive()
	if got := s.wantBoard(s.publish("b", ""), "b"); got == v {
		s.Fatalf("got version %q, want another one: a notice is gone", got)
	}
}
