package moneyclip

import (
	"cmp"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A plan is what to do with one text in one database. It is immutable but for what readPlan says.
type plan struct {
	query     string
	statement *Statement
	reads     []*readPlan // at most one for each cache on the store
	write     *writePlan  // nil, or touchesNothing: touches no key of any rule
	quiet     bool        // a SELECT that is of no rule, and plain
	ignored   bool        // a write that matters to no rule, as the program says
	collected bool        // a write of which a transaction needs to know nothing but its arguments
	doubtful  string      // why it may have changed the session besides what else it does, by itself or by a trigger; empty: it has not

	logged atomic.Bool // logWide was there

	sent atomic.Uint64 // times that a SELECT without a rule was sent to the database; about
}

// read returns the plan's read for a cache; nil: the cache does not cache it.
func (p *plan) read(c *Cache) *readPlan {
	for _, r := range p.reads {
		if r.rule.owner == c {
			return r
		}
	}
	return nil
}

// isPlain reports whether the statement can go to the database and back without anything else happening, but for
// what its being read from the cache may save.
func (p *plan) isPlain() bool {
	if p.doubtful != "" || p.statement.Commits || p.statement.Delays {
		return false
	}
	switch p.statement.Kind {
	case KindRead, KindInert, KindWrite:
		return p.write.touchesNothing()
	}
	return false
}

// makePlan makes the plan of a text. It reports whether a rule has learnt from it to watch more than before.
// The meaning is locked.
func makePlan(m *meaning, query string, s *Statement) (p *plan, learnt bool) {
	p = &plan{query: query, statement: s, doubtful: s.Doubtful}
	if s.Kind != KindRead {
		p.write = planWrite(m, s)
		p.write.everything = p.write.everything || m.spans(query, s)
		p.doubtful = cmp.Or(p.doubtful, p.write.doubtful)
		if silent := m.ignored(p.write, query, s); silent != nil {
			p.write, p.ignored = silent, true
		}
		p.collected = s.Kind == KindWrite && p.doubtful == "" && !s.Commits && !s.MayCommit && !p.write.reads()
		return p, false
	}
	learnt = m.annotate(query, s)
	var owners []*Cache
	for _, b := range m.own() {
		b.seen = b.seen || b.bySQLCName() && s.Name == b.Query
		if slices.Contains(owners, b.owner) {
			continue // the first rule that fits has it
		}
		verbs, why := b.match(m, s)
		if why != "" {
			if b.idle == "" && b.bySQLCName() && s.Name == b.Query {
				b.owner.logLater("query does not fit its rule and is not cached", "rule", b.Name, "at", b.place.String(), "reason", why)
			}
			continue
		}
		known := slices.IndexFunc(b.reads, func(r *readPlan) bool { return r.query == query })
		if b.Query != "" && known < 0 {
			more, err := b.learn(m, s)
			if err != nil {
				b.owner.logLater("query does not fit its rule and is not cached", "rule", b.Name, "at", b.place.String(), "reason", err.Error())
				continue
			}
			learnt = learnt || more
			verbs, _ = b.match(m, s) // with the columns that were learnt
		}
		r := newReadPlan(b, query, s, verbs)
		switch {
		case known >= 0:
			b.reads = slices.Clone(b.reads) // a writer may be looking at it
			b.reads[known] = r
		case len(b.reads) < maxReads:
			b.reads = append(b.reads, r)
		}
		owners = append(owners, b.owner)
		p.reads = append(p.reads, r)
	}
	p.quiet = len(p.reads) == 0 && p.isPlain()
	return p, learnt
}

// A spanning dialect is one whose statements may name what is in another database of the server, as in other.users.
type spanning interface{ Spans() }

// spans reports whether a text that is no read may touch what is in another database than the session's: because it names that, and is not
// understood or changes a schema, or because nobody knows what leads there.
func (m *meaning) spans(query string, s *Statement) bool {
	_, ok := m.database.dialect.(spanning)
	return ok && (m.catalog == nil && s.Kind == KindWrite || changesSchema(s) && strings.Contains(query, "."))
}

// logWide logs, once for each text that is run, that it drops every key of rules.
func (p *plan) logWide() {
	if k := p.statement.Kind; p.write == nil || k != KindWrite && k != KindUnknown || p.logged.Swap(true) {
		return
	}
	type cause struct {
		owner *Cache
		why   string
	}
	rules := map[cause][]string{}
	for _, t := range p.write.touches {
		if one := (cause{t.rule.owner, t.why}); t.guarantee == RuleWide {
			rules[one] = append(rules[one], t.rule.Name)
		}
	}
	for one, names := range rules {
		one.owner.logOnce("a statement drops every key of a rule", "rule", strings.Join(names, ", "), "statement", p.label(), "reason", one.why)
	}
}

// label names a statement in a log, where its text must not be: there may be values in it.
func (p *plan) label() string {
	if p.statement.Name != "" {
		return p.statement.Name
	}
	return fmt.Sprintf("sha256 %x", sha256.Sum256([]byte(p.query)))[:15]
}

// match reports how a SELECT fills the verbs of the rule's key; why, unless it is empty, says that the rule does not
// cache it.
func (b *bound) match(m *meaning, s *Statement) (verbs []verb, why string) {
	switch {
	case b.Table != "":
		return b.matchTable(m, s)
	case !b.isQuery(m, s):
		return nil, "it is not the rule's Query"
	case b.idle != "":
		return nil, b.idle
	case s.Uncacheable != "":
		return nil, s.Uncacheable
	}
	for i, param := range b.Args {
		v := verb{param: param, spell: spelled}
		if b.columns != nil {
			v.spell = canonical(m.database.dialect, b.columns[i])
		}
		verbs = append(verbs, v)
	}
	return verbs, ""
}

// isQuery reports whether a statement is the rule's Query.
func (b *bound) isQuery(m *meaning, s *Statement) bool {
	if b.bySQLCName() {
		return s.Name == b.Query
	}
	return m.database.hub.analyze(m.database.dialect, b.Query, m.catalog).Text == s.Text
}

// isTable reports whether a table is the one that the rule names.
func (b *bound) isTable(name string) bool {
	if b.table != nil {
		return b.table.Name == name
	}
	return strings.EqualFold(name, b.Table)
}

func (b *bound) matchTable(m *meaning, s *Statement) (verbs []verb, why string) {
	if len(s.Reads) != 1 || !b.isTable(s.Reads[0].Table) {
		return nil, fmt.Sprintf("it does not read table %s alone", b.Table)
	}
	if b.idle != "" {
		return nil, b.idle
	}
	for i, column := range b.columns {
		v := verb{spell: canonical(m.database.dialect, column)}
		for j := range s.Reads[0].Pins {
			pin := &s.Reads[0].Pins[j]
			if pin.Column != column.Name || len(pin.Values) != 1 || !pin.holds(b.table.Name, m.catalog) {
				continue
			}
			switch value := pin.Values[0]; value.Kind {
			case ValueParam:
				v.param = value.Param
			case ValueConst:
				if value.Const == nil {
					continue
				}
				if d, ok := v.spell(value.Const); ok {
					v.constant = d
				}
			}
		}
		if v.param == 0 && (v.constant == (Datum{}) || b.template.verbs[i] == 'd' && v.constant.kind != datumInt) {
			return nil, fmt.Sprintf("it does not pin %s by equality", b.By[i])
		}
		verbs = append(verbs, v)
	}
	if s.Uncacheable != "" {
		return nil, s.Uncacheable
	}
	return verbs, ""
}

// A readPlan is how one text is served from the cache.
type readPlan struct {
	rule      *bound
	query     string
	statement *Statement
	verbs     []verb
	extras    []int       // parameters that fill no verb
	named     bool        // some parameters have names
	head      string      // of every key
	digests   [2][16]byte // of the text, by how it is run
	forms     forms       // in which it was asked for
	notice    string      // for the writers of other processes; empty: there are none
	unfit     atomic.Bool // it is scanned into what only the driver can fill, and left to the database

	missed atomic.Int32 // look-ups in a row that have found nothing
	barren atomic.Int32 // queries in a row whose result is not stored at all: two rows, or none

	// columns are those of the last row that was recorded, shared by all rows that have the same.
	columns shape
}

// A verb is where the value of one verb of a key comes from.
type verb struct {
	param    int // number of a bind parameter; 0: the constant
	constant Datum
	spell    spelling
	integers bool // each integer is its own canonical spelling
}

// integers reports whether every integer is taken as it is. See [Dialect.Canonical].
func integers(spell spelling) bool {
	for _, n := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64} {
		if d, ok := spell(n); !ok || d != Int(n) {
			return false
		}
	}
	return true
}

func newReadPlan(b *bound, query string, s *Statement, verbs []verb) *readPlan {
	r := &readPlan{rule: b, query: query, statement: s, verbs: verbs, head: b.prefix + b.template.literals[0]}
	for i := range verbs {
		verbs[i].integers = integers(verbs[i].spell)
	}
	for n, name := range s.Params {
		r.named = r.named || name != ""
		if !slices.ContainsFunc(verbs, func(v verb) bool { return v.param == n+1 }) {
			r.extras = append(r.extras, n+1)
		}
	}
	if b.board != nil {
		r.notice = noticeOf(b, b.meaning.plainest(query, s))
	}
	// A prepared statement may return other values than the same text run at once: MySQL has two protocols.
	for i, way := range []string{"run at once", "prepared"} {
		sum := sha256.Sum256([]byte(way + "\x00" + query))
		copy(r.digests[i][:], sum[:])
	}
	return r
}

// plainest is a text that means the same as a statement's own and has nothing in it that is another each time, as comments are.
func (m *meaning) plainest(query string, s *Statement) string {
	if again := m.database.hub.analyze(m.database.dialect, s.Text, m.catalog); s.Text != "" && again.Kind == KindRead && again.Text == s.Text {
		return s.Text
	}
	return query
}

// how is the index for how a text is run.
func how(prepared bool) int {
	if prepared {
		return 1
	}
	return 0
}

// A lookup is the room that a read needs to find its slot. It is used by one goroutine.
type lookup struct {
	slot  Slot
	of    *bound    // whose generations are in the slot
	key   [128]byte // for a slot's key, if it is no longer
	field [128]byte // for its field, with the types of arguments that have one of their own
}

// maxArgument bounds an argument that becomes part of a key or a field, in bytes. Longer ones are not worth a cache.
const maxArgument = 4096

// slot finds the slot for these arguments. It reports false if one of them is NULL or not understood: such a read goes
// to the database.
func (r *readPlan) slot(l *lookup, s *session, args []driver.NamedValue, prepared bool) bool {
	if len(args) != len(r.statement.Params) {
		return false
	}
	t := r.rule.template
	key := append(l.key[:0], r.head...)
	field := append(l.field[:0], r.digests[how(prepared)][:]...)
	field = append(field, s.profile[:]...)
	for i := range r.verbs {
		v := &r.verbs[i]
		if v.param == 0 {
			key, _ = t.fillVerb(key, i, &v.constant)
			continue
		}
		arg := given(args, v.param, r.statement.Params)
		if arg == nil {
			return false
		}
		if n, ok := arg.Value.(int64); ok && v.integers {
			key, field = t.fillInt(key, i, n), append(field, 0)
			continue
		}
		value, ok := resolve(arg.Value)
		if !ok || value == nil {
			return false
		}
		d, ok := v.spell.of(value)
		if !ok {
			return false
		}
		if key, ok = t.fillVerb(key, i, &d); !ok {
			return false
		}
		// One key, but perhaps not one result: the SELECT may hand its argument back, or look at it otherwise.
		if own := ownType(arg.Value); own == nil && isPlain(value, d) {
			field = append(field, 0)
		} else if field, ok = appendArgument(field, own, value); !ok {
			return false
		}
	}
	for _, param := range r.extras {
		arg := given(args, param, r.statement.Params)
		if arg == nil {
			return false
		}
		value, ok := resolve(arg.Value)
		if !ok || readsClock(s.database.dialect, value) {
			return false
		}
		if field, ok = appendArgument(field, ownType(arg.Value), value); !ok {
			return false
		}
	}
	if r.named { // a driver may refuse an argument without a name for a parameter that has one
		for i := range args {
			var named byte
			if args[i].Name != "" {
				named = 1
			}
			field = append(field, named)
		}
	}
	l.slot.Key, l.slot.Field = key, field
	if l.of != r.rule {
		l.of, l.slot.Generations = r.rule, r.rule.generations
	}
	return true
}

// readsClock reports whether what a database makes of an argument may depend on when it does.
func readsClock(dialect Dialect, argument driver.Value) bool {
	clock, ok := dialect.(clockReader)
	if !ok {
		return false
	}
	switch v := argument.(type) {
	case string:
		return clock.ReadsClock(v)
	case []byte:
		return clock.ReadsClock(string(v))
	}
	return false
}

// A spelling gives a value the canonical spelling that it has where it is compared with a column.
type spelling func(value driver.Value) (Datum, bool)

// canonical is the spelling for a column; nil: for no column.
func canonical(dialect Dialect, column *Column) spelling {
	if column == nil {
		return spelled
	}
	return dialect.Canonical(column)
}

// of is for a value from outside, as long as a caller likes.
func (s spelling) of(value driver.Value) (Datum, bool) {
	switch v := value.(type) {
	case string:
		if len(v) > maxArgument {
			return Datum{}, false
		}
	case []byte:
		if len(v) > maxArgument || v == nil { // some drivers bind nil as NULL
			return Datum{}, false
		}
	}
	return s(value)
}

// spelled is the Datum of a value that is compared with no column: only its own spelling equals it. Every write that
// touches such a key drops all keys of its rule.
func spelled(value driver.Value) (Datum, bool) {
	switch v := value.(type) {
	case int64:
		return Int(v), true
	case string:
		return Text(v), true
	case []byte:
		return Bytes(v), true
	}
	return Datum{}, false
}

// isPlain reports whether a value is spelled just as its Datum is.
func isPlain(value driver.Value, d Datum) bool {
	switch v := value.(type) {
	case int64:
		return d.kind == datumInt && d.number == v
	case string:
		return d.kind == datumText && d.text == v
	case []byte:
		return d.kind == datumBytes
	}
	return false
}

// appendArgument appends a value in a form that tells it from every other value, of whatever type, and that says where
// it ends. It reports false for a value that is too long.
func appendArgument(b []byte, own reflect.Type, value driver.Value) ([]byte, bool) {
	if own != nil {
		b = appendType(b, own)
	}
	switch v := value.(type) {
	case nil:
		return append(b, 'n'), true
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v)), true
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(v)), true
	case bool:
		if v {
			return append(b, 't'), true
		}
		return append(b, 'u'), true
	case string:
		b = binary.AppendUvarint(append(b, 's'), uint64(len(v)))
		return append(b, v...), len(v) <= maxArgument
	case []byte:
		tag := byte('b')
		if v == nil {
			tag = 'c' // some drivers bind it as NULL
		}
		b = binary.AppendUvarint(append(b, tag), uint64(len(v)))
		return append(b, v...), len(v) <= maxArgument
	case time.Time:
		// The zone too: drivers that send times as text send it along. modernc's even sends the monotonic clock.
		_, offset := v.Zone()
		b = binary.BigEndian.AppendUint64(append(b, 'm'), uint64(v.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(v.Nanosecond()))
		b = binary.BigEndian.AppendUint32(b, uint32(offset)) // of which texts show no seconds
		return appendArgument(b, nil, v.String()+" "+v.Location().String())
	}
	return b, false
}
