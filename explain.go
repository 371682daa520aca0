package moneyclip

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode"
)

// An Explanation says what the cache does with a statement.
type Explanation struct {
	Query string
	Kind  Kind

	// Of a SELECT: the rule that caches it and the key; or why it is not cached.
	Cached bool
	Rule   string
	Key    string
	Reason string

	// Suggested is a rule that would cache a SELECT that none does; nil: none was found.
	Suggested *Rule

	// Of a write: what it does to each rule, in the order of the rules. Reason says what else there is to know.
	Effects []Effect
}

// An Effect is what a write does to one rule.
type Effect struct {
	Rule      string
	Guarantee Guarantee

	// Keys are those that follow from the statement and its arguments. With AfterReading there may be more.
	Keys []string

	// Reads are the texts that run in the write's transaction so that the other keys become known: queries, and the
	// statement itself with more columns in its RETURNING.
	Reads []string

	Why string

	// Blind says that the write counts for every rule, because it is not known what it writes.
	Blind bool
}

// Explain says what the cache would do with a statement, without running it: for a SELECT which rule and key, and why
// or why not; for a write each rule with its keys and how surely they are known. It speaks of the database that was
// reached last; if none was yet, it connects to the one that was opened last. An argument may be a [sql.NamedArg]. A SELECT
// that is explained is known from then on, as one that was run. The error is that of connecting, or says that there is no
// database whose tables it could know.
func (c *Cache) Explain(query string, args ...any) (Explanation, error) {
	s, err := c.lastSession()
	if err != nil {
		return Explanation{}, err
	}
	return c.explain(s.database.meaning.Load(), s.tainted, query, args), nil
}

// explain says what the cache would do with a statement. What makes the connection tainted, if anything does, stands
// above what the rules say.
func (c *Cache) explain(m *meaning, tainted, query string, args []any) Explanation {
	p := m.plan(query)
	x := Explanation{Query: query, Kind: p.statement.Kind}
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
		if n, ok := arg.(sql.NamedArg); ok {
			named[i].Name, named[i].Value = n.Name, n.Value
		}
	}
	if p.statement.Kind == KindRead {
		c.explainRead(&x, m, p, named)
		if x.Rule != "" { // or else whyNot has said so
			if _, wrong := c.annotation(query, p.statement); wrong != nil {
				x.Reason += "; " + notHeeded + wrong.Error()
			}
		}
		if x.Cached && tainted != "" {
			x.Cached, x.Reason = false, "the connection cannot be served from the cache: "+tainted
		}
		return x
	}
	if p.write != nil {
		explainWrite(&x, c, m, p, named)
		if tainted != "" {
			for i := range x.Effects {
				e := &x.Effects[i]
				e.Guarantee, e.Keys, e.Reads, e.Why = RuleWide, nil, nil, "nothing that the connection does is taken at its word: "+tainted
			}
		}
	}
	switch {
	case p.statement.Kind == KindSession && p.statement.Reach == UntilAsked:
		x.Reason = p.statement.Change + "; the connection is asked who it is after it"
	case p.statement.Kind == KindSession:
		x.Reason = p.statement.Change + "; the connection is not served from the cache after it"
	default:
		x.Reason = c.unseen(m, p, x.Effects)
		if x.Reason == "" && len(x.Effects) == 0 {
			x.Reason = "it touches no rule"
		}
	}
	if _, wrong := beside(query, p.statement); wrong != nil {
		x.Reason = strings.TrimPrefix(x.Reason+"; "+notHeeded+wrong.Error(), "; ")
	}
	return x
}

const notKnown = "not known: "

// unseen says of which rules it is not known what a write does to them; empty: of none.
func (c *Cache) unseen(m *meaning, p *plan, effects []Effect) string {
	if a, _ := beside(p.query, p.statement); a != nil || p.statement.Kind != KindWrite && p.statement.Kind != KindScript {
		return ""
	}
	m.database.site.mu.RLock()
	defer m.database.site.mu.RUnlock()
	var names []string
	for _, b := range m.rules {
		told := slices.ContainsFunc(effects, func(e Effect) bool { return e.Rule == b.Name })
		if b.owner == c && b.bySQLCName() && b.On == nil && b.idle == "" && !b.seen && !told {
			names = append(names, b.Name)
		}
	}
	if names == nil {
		return ""
	}
	return notKnown + "what it does to " + strings.Join(names, ", ") + ", whose query was not seen yet: run it, or explain it, before the write"
}

// lastSession returns the session that was begun last; if there is none, it begins one.
func (c *Cache) lastSession() (*session, error) {
	c.mu.Lock()
	s, opened := c.last, c.latest
	c.mu.Unlock()
	if s != nil {
		return s, nil
	}
	if opened == nil {
		return nil, errors.New("moneyclip: nothing to explain yet: no database was opened")
	}
	probe := &conn{connector: opened, cache: c}
	defer probe.Close()
	if err := probe.ready(backgroundContext); err != nil {
		return nil, err
	}
	if probe.session == nil {
		return nil, errors.New("moneyclip: nothing to explain: the database could not be identified")
	}
	return probe.session, nil
}

func (c *Cache) explainRead(x *Explanation, m *meaning, p *plan, args []driver.NamedValue) {
	r := p.read(c)
	if r == nil {
		x.Reason = c.whyNot(m, p)
		mu := &m.database.site.mu
		mu.Lock()
		defer mu.Unlock()
		x.Suggested = c.suggest(m, p)
		return
	}
	x.Rule = r.rule.Name
	if c.disabled {
		x.Reason = "the cache is disabled"
		return
	}
	l := new(lookup)
	s := &session{database: m.database}
	if !r.slot(l, s, args, false) {
		x.Reason = r.unkeyed(args)
		if len(args) == 0 && len(p.statement.Params) > 0 {
			x.Cached, x.Key, x.Reason = true, r.rule.Key, "the arguments say which key"
		}
		return
	}
	x.Cached, x.Key = true, strings.TrimPrefix(string(l.slot.Key), r.rule.prefix)
	x.Reason = "it is the Query of the rule"
	if r.rule.Table != "" {
		x.Reason = fmt.Sprintf("it reads %s alone and pins %s", r.rule.Table, strings.Join(r.rule.By, ", "))
	}
}

// whyNot says why no rule caches a SELECT: that none could, or what the rule says that comes closest.
func (c *Cache) whyNot(m *meaning, p *plan) string {
	m.database.site.mu.Lock()
	defer m.database.site.mu.Unlock()
	if _, wrong := c.annotation(p.query, p.statement); wrong != nil {
		return notHeeded + wrong.Error()
	}
	closest, best := (*bound)(nil), 0
	for _, b := range m.own() {
		if n := b.nearness(m, p.statement); b.owner == c && n > best {
			closest, best = b, n
		}
	}
	switch {
	case closest == nil && p.statement.Uncacheable != "":
		return "no rule can cache it: " + p.statement.Uncacheable
	case closest == nil:
		return "no rule names it" + c.misspelt(m, p.statement)
	case closest.idle != "":
		return fmt.Sprintf("rule %s is inactive: %s", closest.Name, closest.idle)
	}
	return fmt.Sprintf("rule %s does not cache it: %s", closest.Name, closest.misfit(m, p.statement))
}

// misspelt is a hint at a rule that was probably meant for a SELECT that no rule names, but for a slip in the name of its query or its table.
func (c *Cache) misspelt(m *meaning, s *Statement) string {
	for _, b := range m.own() {
		switch {
		case b.owner != c:
		case b.bySQLCName() && !b.seen && s.Name != "":
			if hint := nearest(b.Query, []string{s.Name}); hint != "" {
				return fmt.Sprintf("; rule %s is for a query %q, which was not seen%s", b.Name, b.Query, hint)
			}
		case b.isAbsent && b.Table != "":
			for _, read := range s.Reads {
				if nearest(b.Table, []string{read.Table}) != "" {
					return fmt.Sprintf("; rule %s is inactive: %s", b.Name, b.idle)
				}
			}
		}
	}
	return ""
}

// unkeyed says which argument keeps a SELECT of the rule from having a key.
func (r *readPlan) unkeyed(args []driver.NamedValue) string {
	params := r.statement.Params
	if len(args) != len(params) {
		return fmt.Sprintf("it has %s, and got %s", count(len(params), "parameter"), count(len(args), "argument"))
	}
	for i, v := range r.verbs {
		if v.param == 0 {
			continue
		}
		arg := given(args, v.param, params)
		if arg == nil {
			return fmt.Sprintf("there is no argument for parameter %d", v.param)
		}
		value, ok := resolve(arg.Value)
		if ok && value == nil {
			return fmt.Sprintf("argument %d is NULL", v.param)
		}
		var d Datum
		if ok {
			d, ok = v.spell.of(value)
		}
		if ok {
			_, ok = r.rule.template.fillVerb(nil, i, &d)
		}
		if !ok {
			return fmt.Sprintf("argument %d, a %T, is one whose equality is not reproduced in the key", v.param, arg.Value)
		}
	}
	return "an argument is missing, or of a kind that is not known"
}

const notHeeded = "its annotation is not heeded: "

// nearness is how close the rule comes to caching a SELECT; 0: it is about others, or the SELECT is none that it could cache.
func (b *bound) nearness(m *meaning, s *Statement) int {
	const named, pinned, missing = 1000, 1, 20
	switch {
	case b.Table == "" && b.isQuery(m, s):
		return named
	case b.Table == "" || !b.isFrom(s):
		return 0
	case b.idle != "" && b.isHopeless():
		return named - 1
	case s.Uncacheable != "":
		return 0
	}
	near := named / 2
	for _, column := range b.By {
		if slices.ContainsFunc(s.Reads[0].Pins, func(p Pin) bool { return strings.EqualFold(p.Column, column) && len(p.Values) == 1 }) {
			near += pinned
		} else {
			near -= missing
		}
	}
	return max(near, 1)
}

// isFrom reports whether a SELECT is from the rule's table. Where that is a view, it stands in the text alone.
func (b *bound) isFrom(s *Statement) bool {
	if b.table == nil || !b.table.View {
		return len(s.Reads) > 0 && b.isTable(s.Reads[0].Table)
	}
	name := b.table.Name[strings.LastIndexByte(b.table.Name, '.')+1:]
	words := strings.FieldsFunc(s.Text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, name) })
}

// isHopeless reports whether nothing from the rule's table could be cached by a rule for it.
func (b *bound) isHopeless() bool {
	return b.table == nil || b.table.View || b.table.Opaque != "" || b.table.Guarded != ""
}

// misfit says why the rule does not cache a SELECT; empty: it does. The site is locked.
func (b *bound) misfit(m *meaning, s *Statement) string {
	_, why := b.match(m, s)
	if why == "" {
		copied := *b
		copied.watched = slices.Clone(b.watched) // what is learnt from it is of no text that was stored
		if _, err := copied.learn(m, s); err != nil {
			why = err.Error()
		}
	}
	return why
}

func explainWrite(x *Explanation, c *Cache, m *meaning, p *plan, args []driver.NamedValue) {
	d := &drops{}
	complete := len(args) == len(p.statement.Params)
	for i := range p.write.direct {
		if complete && p.write.direct[i].path == nil {
			d.add(&p.write.direct[i], args, p.statement.Params, nil)
		}
	}
	for _, t := range p.write.touches {
		if t.rule.owner != c || t.rule.meaning != m {
			continue
		}
		e := Effect{Rule: t.rule.Name, Guarantee: t.guarantee, Why: t.why, Blind: t.blind && t.guarantee == RuleWide}
		if d.wide[t.rule] {
			e.Guarantee, e.Why = RuleWide, "an argument is NULL where the database fills in a value, or of a kind whose equality is not known"
		}
		if e.Guarantee == Exact || e.Guarantee == AfterReading {
			for _, k := range d.keys {
				if k.rule == t.rule {
					e.Keys = append(e.Keys, strings.TrimPrefix(k.key, t.rule.prefix))
				}
			}
			if !complete && e.Guarantee == Exact {
				e.Keys = []string{t.rule.Key}
			}
			sort.Strings(e.Keys)
		}
		if e.Guarantee == AfterReading {
			e.Reads = p.write.texts(t.rule)
		}
		x.Effects = append(x.Effects, e)
	}
}

// texts are what is run to learn the keys of a rule.
func (p *writePlan) texts(b *bound) []string {
	var list []string
	add := func(text string) {
		if text != "" && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	for i := range p.readings {
		r := &p.readings[i]
		if !slices.ContainsFunc(r.recipes, func(one recipe) bool { return one.rule == b }) {
			continue
		}
		add(r.Mark.Text)
		for _, lock := range r.Locks {
			add(lock.Text)
		}
		instead := r.Instead
		if r.inText {
			instead = p.instead
		}
		for _, text := range []string{r.Before.Text, instead, r.After.Text} {
			add(text)
		}
		if r.Again != nil {
			text, _ := r.Again([][]driver.Value{make([]driver.Value, len(r.old)+len(r.new)+r.Ident)})
			add(text)
		}
		for _, one := range r.recipes {
			if one.rule == b && one.path != nil {
				add(one.path.text)
			}
		}
	}
	for _, one := range p.direct {
		if one.rule == b && one.path != nil {
			add(one.path.text)
		}
	}
	return list
}

// String is the explanation in a form for people.
func (x Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", strings.TrimSpace(x.Query))
	switch {
	case x.Cached:
		fmt.Fprintf(&b, "  cached by rule %s\n  key  %s\n  why  %s\n", x.Rule, x.Key, x.Reason)
	case x.Kind == KindRead:
		fmt.Fprintf(&b, "  not cached: %s\n", x.Reason)
		if x.Suggested != nil {
			fmt.Fprintf(&b, "  this would cache it: %#v\n", *x.Suggested)
		}
	case len(x.Effects) == 0 && !strings.HasPrefix(x.Reason, notKnown):
		fmt.Fprintf(&b, "  drops nothing: %s\n", x.Reason)
	default:
		for _, e := range x.Effects {
			e.write(&b)
		}
		if x.Reason != "" {
			fmt.Fprintf(&b, "  %s\n", x.Reason)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (e *Effect) write(b *strings.Builder) {
	fmt.Fprintf(b, "  rule %s: %s\n", e.Rule, e.Guarantee)
	for i, key := range e.Keys {
		if i == 10 {
			fmt.Fprintf(b, "    key  ... and %d more\n", len(e.Keys)-i)
			break
		}
		fmt.Fprintf(b, "    key  %s\n", key)
	}
	for _, q := range e.Reads {
		fmt.Fprintf(b, "    read %s\n", q)
	}
	fmt.Fprintf(b, "    why  %s\n", e.Why)
}
