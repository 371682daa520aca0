package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// The bits of pg_trigger.tgtype, see PostgreSQL's catalog/pg_trigger.h.
const (
	triggerRow      = 1 << 0
	triggerBefore   = 1 << 1
	triggerInsert   = 1 << 2
	triggerDelete   = 1 << 3
	triggerUpdate   = 1 << 4
	triggerTruncate = 1 << 5
	triggerInstead  = 1 << 6
)

// operations :: bit of pg_trigger.tgtype → what fires the trigger
var operations = map[int]moneyclip.Op{
	triggerInsert: moneyclip.Insert, triggerUpdate: moneyclip.Update, triggerDelete: moneyclip.Delete,
}

// replaces notes which writes to a view a trigger replaces. What it does instead is read later.
func (b *builder) replaces(t thing) {
	bits, def := int(t.num(2)), b.tables[t.str(0)]
	if def == nil || bits&triggerInstead == 0 {
		return
	}
	for bit, op := range operations {
		if bits&bit != 0 {
			def.Triggers = append(def.Triggers, moneyclip.Trigger{Op: op, Instead: true})
		}
	}
}

// triggers hangs the triggers on their tables.
func (b *builder) triggers() {
	ambiguous, spaces := b.ambiguous()
	whens := map[string]string{} // :: table and trigger → its condition
	for _, t := range b.things["~when"] {
		_, condition, _ := strings.Cut(t.str(2), " WHEN ")
		condition, _, _ = strings.Cut(condition, " EXECUTE ")
		whens[t.str(0)+" "+t.str(1)] = condition
	}
	for _, t := range b.things["trigger"] {
		def := b.tables[t.str(0)]
		if def == nil {
			continue
		}
		bits := int(t.num(2))
		f := &function{schema: t.str(4), name: t.str(5), language: t.str(6), text: t.str(7), settings: t.str(8)}
		f.argument, _, _ = strings.Cut(t.str(10), `\000`)
		f.extension = t.str(11)
		trigger := moneyclip.Trigger{Of: t.list(3), Instead: bits&triggerInstead != 0}
		r := &reader{
			builder: b, trigger: &trigger, ambiguous: ambiguous, spaces: spaces,
			of: query.Trigger{Table: def, Early: bits&triggerBefore != 0},
		}
		r.function(f)
		if condition := whens[t.str(0)+" "+t.str(1)]; condition != "" {
			if does := does(b.catalog, func(c *converter) { c.expression(condition) }); does != "" {
				r.opaque("the condition of a trigger %s", does)
			}
		}
		if t.is(9) && len(trigger.Writes) > 0 {
			r.opaque("%s() may run as late as the COMMIT", f.name)
		}
		if bits&triggerBefore == 0 {
			trigger.Sets, trigger.SetsAll = nil, false // the row has been written
		}
		slices.Sort(trigger.Sets)
		trigger.Sets = slices.Compact(trigger.Sets)
		for bit, op := range operations {
			// TRUNCATE deletes.
			if bits&bit != 0 || op == moneyclip.Delete && bits&triggerTruncate != 0 {
				one := trigger
				one.Op = op
				one.Early = bits&triggerBefore != 0
				one.Skips = one.Early && bits&triggerRow != 0 && (r.redundant || r.program != nil && r.program.skips(bit))
				one.SetsAll = one.SetsAll || one.Early && r.program != nil && r.program.swaps(bit)
				one.Reverts = one.Early && r.program != nil && r.program.returns(bit&triggerUpdate, "old")
				if op != moneyclip.Update {
					one.Of = nil
				}
				def.Triggers = append(def.Triggers, one)
			}
		}
	}
	b.inherit()
	for _, def := range b.catalog.Tables {
		slices.SortStableFunc(def.Triggers, func(x, y moneyclip.Trigger) int { return int(x.Op) - int(y.Op) })
	}
}

// inherit says of a table what the tables that inherit from it do to rows that are written by its name: their triggers,
// and columns that only they compute.
func (b *builder) inherit() {
	above := b.above()
	own := map[string][]moneyclip.Trigger{}
	for name, def := range b.catalog.Tables {
		own[name] = slices.Clone(def.Triggers)
	}
	for _, name := range b.names() {
		ancestors := map[string]bool{}
		reach(above, name, ancestors)
		for ancestor := range ancestors {
			b.computes(b.catalog.Tables[name], b.catalog.Tables[ancestor])
		}
		for _, t := range own[name] {
			if len(t.Sets) == 0 && !t.SetsAll && !t.Skips && !t.Reverts {
				continue
			}
			for ancestor := range ancestors {
				def := b.catalog.Tables[ancestor]
				// What it writes is found by way of the partition.
				def.Triggers = append(def.Triggers, moneyclip.Trigger{Op: t.Op, Of: t.Of, Sets: t.Sets, SetsAll: t.SetsAll, Skips: t.Skips, Reverts: t.Reverts})
			}
		}
	}
}

// computes says of a table which of its columns one computes that inherits from it.
func (b *builder) computes(heir, def *moneyclip.Table) {
	for _, col := range heir.Columns {
		if above := def.Column(col.Name); col.Generated && above != nil && !above.Generated {
			def.Triggers = append(def.Triggers, moneyclip.Trigger{Op: moneyclip.Update, Sets: []string{col.Name}})
		}
	}
}

func (t thing) num(i int) float64 {
	if i >= len(t.fields) {
		return 0
	}
	n, _ := t.fields[i].(float64)
	return n
}

// ambiguous are the names of tables that more than one schema has, and all schemas.
func (b *builder) ambiguous() (names map[string]bool, spaces []string) {
	for _, t := range b.things["schema"] {
		spaces = append(spaces, t.str(0))
	}
	names, seen := map[string]bool{}, map[string]bool{}
	for _, t := range b.things["table"] {
		names[t.str(2)] = seen[t.str(2)]
		seen[t.str(2)] = true
	}
	return names, spaces
}

// A function is one that a trigger calls.
type function struct {
	schema, name, language, text string
	settings                     string // that it sets for itself, one on each line
	argument                     string // the first that a trigger gives it
	extension                    string // that it belongs to
}

// path is the search path that the function sets for itself.
func (f *function) path() ([]string, bool) {
	for _, line := range strings.Split(f.settings, "\n") {
		list, ok := strings.CutPrefix(line, "search_path=")
		if !ok {
			continue
		}
		path := []string{}
		for _, name := range strings.Split(list, ",") {
			path = append(path, strings.Trim(strings.TrimSpace(name), `"`))
		}
		return path, !slices.Contains(path, "$user")
	}
	return nil, false
}

// A reader reads the body of a trigger's function.
type reader struct {
	*builder
	trigger   *moneyclip.Trigger
	of        query.Trigger
	ambiguous map[string]bool
	spaces    []string
	catalog   *moneyclip.Catalog // as the body sees it
	body      *body
	program   *program
	redundant bool // it skips an UPDATE that changes nothing
}

func (r *reader) opaque(format string, args ...any) {
	if r.trigger.Opaque == "" {
		r.trigger.Opaque = fmt.Sprintf(format, args...)
	}
}

// function fills in what a trigger's function does.
func (r *reader) function(f *function) {
	switch {
	case f.language == "internal" && f.name == "suppress_redundant_updates_trigger":
		r.redundant = true
		return
	case f.language == "internal" && strings.HasPrefix(f.name, "tsvector_update_trigger"),
		f.language == "c" && f.name == f.extension && (f.name == "moddatetime" || f.name == "insert_username"):
		// The first argument is the column that it sets.
		r.trigger.Sets, r.trigger.SetsAll = []string{f.argument}, f.argument == "" || r.of.Table.Column(f.argument) == nil
		return
	case f.language != "plpgsql":
		r.opaque("%s() is written in %s", f.name, f.language)
		return
	case strings.Contains(f.text, "#variable_conflict"):
		r.opaque("%s() has names that may be of variables or of columns", f.name)
		return
	}
	catalog := *r.builder.catalog
	catalog.Path = r.spaces
	r.body = &body{variables: true}
	if path, ok := f.path(); ok {
		catalog.Path = path
	} else {
		r.body.ambiguous = r.ambiguous
	}
	r.catalog = &catalog
	p, ok := parseBody(f)
	if !ok {
		r.opaque("%s() is not understood", f.name)
		return
	}
	r.trigger.Sets, r.trigger.SetsAll = p.sets, p.setsAll
	r.program = p
	r.of.Gives = func(column string, isNew bool) bool {
		if !isNew {
			return p.setsOld
		}
		return p.setsAll || slices.Contains(p.sets, column)
	}
	statements := p.statements
	if p.records {
		statements = append(statements, r.facts.writing(f.text)...)
	}
	for _, s := range statements {
		r.statement(s)
	}
	if r.body.unclear != "" {
		r.opaque("which table %s() means by %s depends on the session's search path", f.name, r.body.unclear)
	}
	if len(p.dynamic) > 0 {
		r.opaque("%s() executes a text that it makes", f.name)
	}
}

// statement fills in what one statement of the body writes.
func (r *reader) statement(text string) {
	stmt := oneStatement(text)
	if stmt == nil {
		r.opaque("a statement of its body is not understood")
		return
	}
	c := newConverter(r.catalog)
	c.body, c.whole = r.body, stmt
	var m query.Meaning
	switch n := stmt.GetNode().(type) {
	case *pg.Node_SelectStmt:
		m = meanings.Read(c.query(n.SelectStmt), r.of, r.catalog)
	case *pg.Node_InsertStmt:
		m = meanings.Body(c.insert(n.InsertStmt), r.of, r.catalog)
	case *pg.Node_UpdateStmt:
		m = meanings.Body(c.update(n.UpdateStmt), r.of, r.catalog)
	case *pg.Node_DeleteStmt:
		m = meanings.Body(c.delete(n.DeleteStmt), r.of, r.catalog)
	case *pg.Node_MergeStmt:
		writes, with := c.merge(n.MergeStmt)
		m = meanings.Writes(writes, with, r.catalog)
	default:
		var s moneyclip.Statement
		c.utility(stmt, &s)
		if s.Kind != moneyclip.KindWrite && s.Kind != moneyclip.KindInert || s.Doubtful != "" {
			r.opaque("its body holds more than SELECT, INSERT, UPDATE and DELETE")
		}
		m.Writes = s.Writes
	}
	if c.writes != "" {
		r.opaque("its body %s", c.writes)
	}
	if c.session != "" {
		r.opaque("its body %s", c.session)
	}
	r.trigger.Writes = append(r.trigger.Writes, c.calls...)
	for _, w := range c.throughViews(m.Writes) {
		// Values of the row that has fired the trigger are not to be had from outside of it.
		w.Source = nil
		r.trigger.Writes = append(r.trigger.Writes, w)
	}
}

// oneStatement parses a text that is one statement; nil: it is none.
func oneStatement(text string) (node *pg.Node) {
	defer func() {
		// As in Analyze.
		if recover() != nil {
			node = nil
		}
	}()
	tree, ok := parse(text)
	if !ok || len(tree.Stmts) != 1 {
		return nil
	}
	return tree.Stmts[0].Stmt
}
