package moneyclip

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip/internal/annotation"
)

// A text may say by itself that it is cached, in a comment; see the README for the grammar. From when it is first seen there
// is a rule for it, as if the program had declared it. It comes to be known as what a text teaches a declared rule does:
// whoever has begun a write before finds the rule at the write's end, and drops what it touches.

// maxAnnotated bounds the rules of one cache that texts have brought: a program may make texts without end.
const maxAnnotated = 1000

// own are the rules of the database's own caches: those that were declared, and those that stand beside texts.
func (m *meaning) own() []*bound {
	return slices.Concat(m.rules, m.annotatedRules())
}

func (m *meaning) annotatedRules() []*bound {
	if list := m.annotated.Load(); list != nil {
		return *list
	}
	return nil
}

// beside returns what stands beside a text, if it can be heeded there; nil: why it cannot be, or nothing stands there.
func beside(query string, s *Statement) (a *annotation.Annotation, wrong error) {
	a, err := annotation.Of(query)
	switch {
	case err != nil, a == nil:
		return nil, err
	case a.Ignore != "" && s.Kind != KindWrite && (s.Kind != KindUnknown || s.isRiddle()):
		return nil, a.Wrong(query, "only a write can be annotated with ignore")
	case a.Ignore == "" && s.Kind != KindRead:
		return nil, a.Wrong(query, "only a SELECT can be annotated with cache")
	}
	return a, nil
}

// logWrong logs what is wrong with an annotation, without the text.
func (c *Cache) logWrong(query string, s *Statement, wrong error) {
	c.logLater("the annotation of a statement is not heeded", "statement", (&plan{query: query, statement: s}).label(), "reason", wrong.Error())
}

// annotate heeds what stands beside a SELECT. It reports whether there is a rule more than before. The site is locked.
func (m *meaning) annotate(query string, s *Statement) (more bool) {
	for _, c := range m.database.hub.members(m.database.dialect) {
		r, wrong := c.annotation(query, s)
		if wrong != nil {
			c.logWrong(query, s, wrong)
		}
		if r == nil || m.knows(r) {
			continue
		}
		list := slices.Clone(m.annotatedRules()) // a writer may be looking at it
		list = append(list, bind(m, c, r))
		m.annotated.Store(&list)
		more = true
	}
	return more
}

func (m *meaning) knows(r *rule) bool {
	return slices.ContainsFunc(m.annotatedRules(), func(b *bound) bool { return b.rule == r })
}

// annotation is the cache's rule for an annotated SELECT, made if there is none yet. It is nil where a declared rule has
// the word, and then, or if something is wrong with it, the annotation is not heeded.
func (c *Cache) annotation(query string, s *Statement) (r *rule, wrong error) {
	a, wrong := beside(query, s)
	if a == nil {
		return nil, wrong
	}
	key, args, bad := a.Template(parameters(s))
	if bad != nil {
		return nil, bad.At(query, a.Offset())
	}
	declared := Rule{Name: a.Name, Key: key, Query: s.Name, Args: args, TTL: a.TTL, Soft: a.Soft, NotFound: a.NotFound, Refresh: a.Refresh}
	if !isIdentifier(declared.Query) {
		declared.Query = query
	}
	r, err := compile(declared, place{beside: true})
	if err == nil {
		err = checkText(c.dialect, r)
	}
	as := strings.NewReplacer(strconv.Quote(key), strconv.Quote(a.Key), "\n", "; ") // as it is written
	if err != nil {
		var fault *RuleError
		errors.As(err, &fault)
		return nil, a.Wrong(query, as.Replace(strings.ReplaceAll(err.Error(), "rule "+fault.Rule+": ", "")))
	}
	if findDouble(c.rules, r) != nil {
		return nil, nil //nolint:nilnil // said above
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch double := findDouble(c.annotated, r); {
	case double != nil && !c.sameRule(double.Rule, r.Rule):
		return nil, a.Wrong(query, as.Replace(sameness(double, r))+" that of another annotated statement; give one of them a name=")
	case double != nil:
		return double, nil
	case len(c.annotated) >= maxAnnotated:
		return nil, a.Wrong(query, "there are "+count(maxAnnotated, "annotated statement")+" already")
	}
	c.annotated = append(c.annotated[:len(c.annotated):len(c.annotated)], r)
	return r, nil
}

// sameRule reports whether two rules are one, in spite of blanks and comments.
func (c *Cache) sameRule(a, b Rule) bool {
	if a.Query != b.Query {
		text := c.dialect.Analyze(a.Query, nil).Text
		if text == "" || text != c.dialect.Analyze(b.Query, nil).Text {
			return false
		}
		b.Query = a.Query
	}
	return reflect.DeepEqual(a, b)
}

// parameters finds the bind parameter that a name in an annotation's key means: by its number, by its own name, or by the
// column that is compared with it.
func parameters(s *Statement) annotation.Parameter {
	return func(name string) (number int, verb byte, ok bool) {
		if n, err := strconv.Atoi(name); err == nil {
			return n, 'v', n >= 1 && n <= len(s.Params)
		}
		for i, own := range s.Params {
			if own != "" && strings.EqualFold(strings.TrimLeft(own, ":@$"), name) {
				return i + 1, 'v', true
			}
		}
		for i := range s.Reads {
			for _, pin := range s.Reads[i].Pins {
				if !strings.EqualFold(pin.Column, name) || len(pin.Values) != 1 || pin.Values[0].Kind != ValueParam {
					continue
				}
				if n := pin.Values[0].Param; number != 0 && n != number {
					return 0, 0, false // two parameters are compared with columns of that name
				}
				number = pin.Values[0].Param
			}
		}
		return number, 'v', number != 0
	}
}

// ignored is the plan of a write of which the program says that it matters to no rule; nil: it does not say so.
func (m *meaning) ignored(p *writePlan, query string, s *Statement) *writePlan {
	a, wrong := beside(query, s)
	if wrong != nil {
		for _, c := range m.database.hub.members(m.database.dialect) {
			c.logWrong(query, s, wrong)
		}
	}
	if a == nil {
		return nil
	}
	silent := &writePlan{}
	if p == nil {
		return silent
	}
	for _, t := range p.touches {
		if t.guarantee != None {
			t.guarantee, t.why = None, "the program says that it does not matter: "+a.Ignore
		}
		silent.touches = append(silent.touches, t)
	}
	return silent
}
