package moneyclip

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A path is the SELECT that leads from a written row to the keys it touches, where the row does not hold them itself.
//
// It is gone twice. After the statement, in its transaction: a link that the statement itself has broken is no loss, since
// the rule watches every table on the way, and the row that was the link tells the key. And once more after the COMMIT: by
// then others may have moved a row on the way to another key, or brought a new one. They have dropped that key when they
// committed, but somebody may have read and stored it since, without what was still to be committed here.
type path struct {
	text    string
	columns []*Column    // :: parameter → the column of the written row that fills it
	loose   string       // why what it finds for the values is not all that equals them; empty: it is
	own     []*TableRead // what it reads of the written row itself; of one that was inferred nothing
}

// misfit says why a SELECT cannot be the Path of the On; empty: it can.
func (on *On) misfit(path *Statement) string {
	if len(path.Params) == len(on.Columns) {
		return ""
	}
	return fmt.Sprintf("has %s, Columns has %s: it needs one for each", count(len(path.Params), "parameter"), count(len(on.Columns), "column"))
}

// bindPath makes the path that an On declares.
func (b *bound) bindPath(m *meaning, t *Table, on *On) (*path, error) {
	s := m.database.hub.analyze(m.database.dialect, on.Path, m.catalog)
	fail := func(format string, args ...any) (*path, error) {
		return nil, fmt.Errorf("the Path of On for %q %s", on.Table, fmt.Sprintf(format, args...))
	}
	for i := range s.Reads {
		if name := s.Reads[i].Table; m.catalog.Tables[name] == nil {
			return nil, m.catalog.absent(name)
		}
	}
	if why := notASelect(s); why != "" {
		return fail("%s", why)
	}
	if why := on.misfit(s); why != "" {
		return fail("%s", why)
	}
	for i := range s.Reads {
		if name := s.Reads[i].Table; !b.names(m, name) {
			return fail("reads table %q, which no On watches: add On{Table: %[1]q, ...}, since a change of it leads to other keys", name)
		}
	}
	p := &path{text: on.Path}
	for _, name := range on.Columns {
		c, err := t.keyColumn(m.database.dialect, name)
		if err != nil {
			return nil, err
		}
		p.columns = append(p.columns, c)
	}
	for i, c := range p.columns {
		if folds(m.database.dialect, c) && !slices.ContainsFunc(s.Reads, func(r TableRead) bool {
			pin := pinTo(&r, i+1, m.catalog)
			return pin != nil && m.catalog.sameClass(ColumnName{r.Table, pin.Column}, ColumnName{t.Name, c.Name})
		}) {
			p.loose = fmt.Sprintf("compares %s.%s, which calls different texts equal, with what does not", t.Name, c.Name)
		}
	}
	for i := range s.Reads {
		if r := &s.Reads[i]; r.Table == t.Name && !p.leaves(r) {
			p.own = append(p.own, r)
		}
	}
	return p, nil
}

// folds reports whether a column calls texts equal that are not the same.
func folds(dialect Dialect, column *Column) bool {
	const mixed = "Aa "
	d, ok := canonical(dialect, column)(mixed)
	return ok && d != Text(mixed)
}

// leaves reports whether what a path reads of its own table are other rows than the written one, as in a tree those above it.
func (p *path) leaves(r *TableRead) bool {
	return slices.ContainsFunc(r.Pins, func(pin Pin) bool {
		return len(pin.Values) == 1 && pin.Values[0].Kind == ValueParam && p.columns[pin.Values[0].Param-1].Name != pin.Column
	})
}

// unfit says why a path does not lead to all keys that a write touches; empty: it does.
func (p *path) unfit(b *bound, w *Write, table *Table) string {
	switch {
	case b.loose || b.columns == nil || slices.Contains(b.columns, nil):
		return "leads to values that no query, as far as they are known, compares with a column: which keys equal them is not known"
	case p.misses(w, table):
		return "begins at the written row, where nothing leads to its old key after the write"
	}
	return p.loose
}

// misses reports whether a write can move rows of the path's own table away from it, so that it does not lead to their old keys any
// more. Of any other row on the way this is no matter: a write to that one has keys of its own.
func (p *path) misses(w *Write, table *Table) bool {
	return w.Op != Insert && slices.ContainsFunc(p.own, func(r *TableRead) bool {
		return w.Op != Update || r.All || slices.ContainsFunc(r.Columns, func(c string) bool { return assigns(w, table, c) })
	})
}

func (p *path) equal(q *path) bool {
	return p == q || p != nil && q != nil && p.text == q.text && slices.Equal(p.columns, q.columns)
}

// inferPath finds the way from a table that a query reads to one that holds the whole key, along the equalities by which
// the query joins them. It returns nil if there is none.
func inferPath(r *rule, s *Statement, from int, dialect Dialect, catalog *Catalog) *watch {
	type stop struct {
		read int
		via  []hop
	}
	seen := map[int]bool{from: true}
	for queue := []stop{{read: from}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if w := pathTo(r, s, at.read, at.via, dialect, catalog); w != nil {
			return w
		}
		for _, link := range s.Reads[at.read].Links {
			if !seen[link.To] && catalog.sameClass(ColumnName{s.Reads[at.read].Table, link.Column}, ColumnName{s.Reads[link.To].Table, link.Other}) {
				seen[link.To] = true
				queue = append(queue, stop{link.To, append(slices.Clip(at.via), hop{at.read, link})})
			}
		}
	}
	return nil
}

// A hop is one equality on the way.
type hop struct {
	read int
	link Link
}

// pathTo writes the SELECT that leads over some hops to a table which the query compares with every value of the key.
func pathTo(r *rule, s *Statement, to int, via []hop, dialect Dialect, catalog *Catalog) *watch {
	name := func(hop int) string { return fmt.Sprintf("t%d", hop) }
	var results []string
	for _, param := range r.Args {
		pin := pinTo(&s.Reads[to], param, catalog)
		if pin == nil {
			return nil
		}
		results = append(results, name(len(via))+"."+dialect.Quote(pin.Column))
	}
	if len(results) == 0 {
		return nil
	}
	first := via[0].link
	text := "SELECT " + strings.Join(results, ", ") + " FROM " + quoteTable(dialect, catalog, s.Reads[first.To].Table) + " AS " + name(1)
	for i, h := range via[1:] {
		text += fmt.Sprintf(" JOIN %s AS %s ON %[2]s.%s = %s.%s", quoteTable(dialect, catalog, s.Reads[h.link.To].Table), name(i+2),
			dialect.Quote(h.link.Other), name(i+1), dialect.Quote(h.link.Column))
	}
	text += " WHERE " + name(1) + "." + dialect.Quote(first.Other) + " = " + dialect.Placeholder(1)
	column := catalog.column(ColumnName{s.Reads[via[0].read].Table, first.Column})
	if column == nil || dialect.Keyable(column) != "" {
		return nil
	}
	read := &s.Reads[via[0].read]
	return &watch{
		table:   read.Table,
		columns: []string{first.Column},
		path:    &path{text: text, columns: []*Column{column}},
		all:     read.All,
		set:     read.Columns,
	}
}

// quoteTable quotes the name of a table and that of its schema.
func quoteTable(dialect Dialect, catalog *Catalog, name string) string {
	schema, table, ok := strings.Cut(name, ".")
	if !ok || catalog.Path == nil {
		return dialect.Quote(name)
	}
	return dialect.Quote(schema) + "." + dialect.Quote(table)
}

// maxLookups bounds the paths of one statement or transaction that are gone: each is a query.
const maxLookups = 1000

// A lookup of a path: where it begins.
type lookedUp struct {
	*recipe
	args []driver.Value
}

// id tells lookups apart.
func (l *lookedUp) id() string { return fmt.Sprintf("%p %q %#v", l.rule, l.path.text, l.args) }

// lookUp goes the paths of a statement's keys.
func (w *writing) lookUp(ctx context.Context) error {
	asked := map[string][][]driver.Value{}
	one := func(r *recipe, row []driver.Value) error {
		lists := make([][]Datum, len(r.sources))
		for i := range r.sources {
			var ok bool
			if lists[i], ok = r.sources[i].data(nil, w.args, w.plan.statement.Params, row); !ok {
				return errors.New("a value that leads to keys is not understood")
			}
		}
		if !areAtMost(lists, maxLookups) {
			return errTooMany
		}
		for _, choice := range choices(lists) {
			l := lookedUp{recipe: r}
			for _, datum := range choice {
				l.args = append(l.args, datum.clone().value())
			}
			id := l.id()
			rows, done := asked[id]
			if !done {
				var err error
				if len(asked) >= maxLookups {
					return errTooMany
				}
				if rows, err = w.ask(ctx, r.path.text, l.args...); err != nil {
					return err
				}
				asked[id] = rows
				w.work.again(l)
			}
			w.read.found[r] = append(w.read.found[r], rows...)
		}
		return nil
	}
	for i := range w.plan.write.direct {
		if r := &w.plan.write.direct[i]; r.path != nil {
			w.read.found[r] = [][]driver.Value{}
			if err := one(r, nil); err != nil {
				return err
			}
		}
	}
	for i := range w.read.readings {
		from := &w.read.readings[i]
		for j := range from.reading.recipes {
			r := &from.reading.recipes[j]
			if r.path == nil || from.failed {
				continue
			}
			w.read.found[r] = [][]driver.Value{}
			for _, row := range from.rows {
				if err := one(r, row); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// again notes a path that is to be gone again after the COMMIT.
func (w *work) again(l lookedUp) {
	if w.lookups == nil {
		w.lookups = map[string]lookedUp{}
	}
	w.lookups[l.id()] = l
}

// lookAgain goes the paths again, after the COMMIT and before the caller hears of it. On a connection whose session was changed they
// may lead through other tables.
func (w *work) lookAgain(ctx context.Context, c *conn, outcome error) (asked bool) {
	ctx = context.WithoutCancel(ctx)
	gone := outcome == nil && len(w.lookups) <= maxLookups && c.taint() == ""
	for _, l := range w.lookups {
		if w.drops.wide[l.rule] {
			continue
		}
		rows, err := [][]driver.Value(nil), errTooMany
		if gone {
			rows, err = c.base.askUpTo(ctx, l.rule.owner.maxKeys, l.path.text, l.args...)
			asked = true
		}
		if err != nil {
			w.drops.dropAll(l.rule)
			continue
		}
		w.drops.addFound(l.recipe, rows)
	}
	return asked
}
