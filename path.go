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
// It runs after the statement, in its transaction. The rows on the way are locked, so that none of them can be moved to
// another key unseen before the statement is committed. A link that the statement itself has broken is no loss: the rule
// watches every table on the way, and the row that was the link tells the key.
type path struct {
	text    string    // with the lock
	columns []*Column // :: parameter → the column of the written row that fills it
}

// bindPath makes the path that an On declares.
func (b *bound) bindPath(m *meaning, t *Table, on *On) (*path, error) {
	s := m.database.hub.analyze(m.database.dialect, on.Path, m.catalog)
	fail := func(format string, args ...any) (*path, error) {
		return nil, fmt.Errorf("the Path of On for %q %s", on.Table, fmt.Sprintf(format, args...))
	}
	for i := range s.Reads {
		if name := s.Reads[i].Table; m.catalog.Tables[name] == nil {
			return nil, absentError{fmt.Errorf("the database has no table %q", name)}
		}
	}
	if why := notASelect(s); why != "" {
		return fail("%s", why)
	}
	if len(s.Params) != len(on.Columns) {
		return fail("has %s, Columns has %s: it needs one for each", count(len(s.Params), "parameter"), count(len(on.Columns), "column"))
	}
	for i := range s.Reads {
		name := s.Reads[i].Table
		watched := slices.ContainsFunc(b.On, func(o On) bool {
			other, err := m.catalog.find(o.Table)
			return err == nil && other.Name == name
		})
		if !watched {
			return fail("reads table %q, which no On watches: add On{Table: %[1]q, ...}, since a change of it leads to other keys", name)
		}
	}
	text, ok := m.database.dialect.Shared(on.Path)
	if !ok {
		return fail("can not lock the rows that it finds: make it a plain SELECT without DISTINCT, GROUP BY, aggregates or UNION")
	}
	p := &path{text: text}
	for _, name := range on.Columns {
		c, err := t.keyColumn(m.database.dialect, name)
		if err != nil {
			return nil, err
		}
		p.columns = append(p.columns, c)
	}
	return p, nil
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
		if len(at.via) > 0 {
			if w := pathTo(r, s, at.read, at.via, dialect, catalog); w != nil {
				return w
			}
		}
		for _, link := range s.Reads[at.read].Links {
			if !seen[link.To] && sameClass(catalog, s, at.read, &link) {
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

func sameClass(catalog *Catalog, s *Statement, read int, link *Link) bool {
	a := catalog.column(ColumnName{s.Reads[read].Table, link.Column})
	b := catalog.column(ColumnName{s.Reads[link.To].Table, link.Other})
	return a != nil && b != nil && a.Class == b.Class
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
	text, ok := dialect.Shared(text)
	column := catalog.column(ColumnName{s.Reads[via[0].read].Table, first.Column})
	if !ok || column == nil || dialect.Keyable(column) != "" {
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

// maxLookups bounds the paths of one statement that are gone: each is a query.
const maxLookups = 1000

// lookUp goes the paths of a statement's keys.
func (w *writing) lookUp(ctx context.Context) error {
	asked := map[string][][]driver.Value{}
	one := func(r *recipe, row []driver.Value) error {
		lists := make([][]Datum, len(r.sources))
		for i := range r.sources {
			var ok bool
			if lists[i], ok = r.sources[i].data(w.work.dialect, w.args, w.plan.statement.Params, row); !ok {
				return errors.New("a value that leads to keys is not understood")
			}
		}
		for _, choice := range choices(lists) {
			id := r.path.text
			args := make([]driver.Value, len(choice))
			for i, datum := range choice {
				args[i] = datum.value()
				id += fmt.Sprintf("\x00%#v", datum)
			}
			rows, done := asked[id]
			if !done {
				var err error
				if len(asked) >= maxLookups {
					return errTooMany
				}
				if rows, err = w.ask(ctx, r.path.text, args...); err != nil {
					return err
				}
				asked[id] = rows
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
