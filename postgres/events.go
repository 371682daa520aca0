package postgres

import (
	"cmp"

	"github.com/moneyclip/moneyclip"
)

// An event trigger runs beside statements that change the schema, or whenever somebody logs in.

const atLogin = "login" // pg_event_trigger.evtevent

// events reads what event triggers do that fire beside statements.
func (b *builder) events() {
	for _, t := range b.things["event"] {
		if t.str(0) != atLogin {
			b.event(t, &b.facts.events)
		}
	}
}

// event adds what the function of an event trigger does.
func (b *builder) event(t thing, e *effect) {
	if harmlessEvents[t.str(6)] {
		return
	}
	f := function{schema: t.str(1), name: t.str(2), language: t.str(3), text: t.str(4), settings: t.str(5)}
	ambiguous, spaces := b.ambiguous()
	r := &codeReader{catalog: b.catalog, ambiguous: ambiguous, spaces: spaces}
	r.code(&code{function: f, definition: t.str(7), ofEvent: true}, e)
}

// harmlessEvents are extensions whose event triggers write nothing.
var harmlessEvents = words("pgaudit")

// logins keep what a login may write from being cached: nobody hears of one.
func (b *builder) logins() {
	e := &effect{}
	for _, t := range b.things["event"] {
		if t.str(0) == atLogin {
			b.event(t, e)
		}
	}
	touched := map[string]bool{}
	for _, w := range e.writes {
		b.touch(w.Table, touched)
	}
	for name, def := range b.catalog.Tables {
		if touched[name] || touched[anyTable] || e.opaque != "" {
			def.Guarded = cmp.Or(def.Guarded, "whoever logs in may write it, by an event trigger")
		}
	}
}

// anyTable is where nothing else is known.
const anyTable = ""

// touch collects the tables to which a write of one may lead.
func (b *builder) touch(name string, touched map[string]bool) {
	if touched[name] {
		return
	}
	touched[name] = true
	def := b.catalog.Tables[name]
	if def == nil {
		touched[anyTable] = true
		return
	}
	for _, kin := range def.Kin {
		b.touch(kin, touched)
	}
	for _, read := range def.Reads {
		b.touch(read.Table, touched)
	}
	for _, key := range def.Keys {
		if key.OnDelete != moneyclip.NoAction || key.OnUpdate != moneyclip.NoAction {
			b.touch(key.Child, touched)
		}
	}
	for _, t := range def.Triggers {
		touched[anyTable] = touched[anyTable] || t.Opaque != ""
		for _, w := range t.Writes {
			b.touch(w.Table, touched)
		}
	}
}

// fires adds to a statement what the event triggers do beside it. One that changes the schema for all may write anything anyway.
func (c *converter) fires(s *moneyclip.Statement) {
	if c.facts == nil {
		return
	}
	e := &c.facts.events
	s.Writes = append(s.Writes, e.writes...)
	if e.opaque != "" {
		s.Writes = append(s.Writes, moneyclip.Write{Op: moneyclip.AnyOp})
		s.Doubtful = cmp.Or(s.Doubtful, "fires an event trigger, whose function "+e.opaque)
	}
	s.Doubtful = cmp.Or(s.Doubtful, e.session)
	if s.Kind == moneyclip.KindSession && len(s.Writes) > 0 {
		s.Kind, s.Doubtful = moneyclip.KindWrite, cmp.Or(s.Doubtful, s.Change)
	}
}
