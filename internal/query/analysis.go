package query

import "github.com/moneyclip/moneyclip"

// A Dialect is what decides the meaning of the tree besides the tree and the catalog. Every function may be nil.
type Dialect struct {
	// Casts reports whether a value that is converted to this type is, for the column's "=" and when it is stored there,
	// what it was. Nil: never. It is not asked about a column that the catalog does not have.
	Casts func(column *moneyclip.Column, typ string) bool

	// Carries reports whether a value that was stored in one column is stored in the other just as the statement's own
	// would be. Nil: if they are of one Class.
	Carries func(from, to *moneyclip.Column) bool

	// Impure says why a table's rows are not those of this database, from its name and its definition, if it is known.
	// Empty: they are.
	Impure func(name string, def *moneyclip.Table) string

	// Unknown is said of a table that the catalog does not have. Empty: "which is not in the catalog".
	Unknown string

	// Hidden reports whether a name stands for a column that every table has without listing it, and Real what it is
	// called then: SQLite's rowid. Real is asked for every name, with a nil def for a table that is not known, and returns
	// names that are not hidden as they are.
	Hidden func(name string) bool
	Real   func(def *moneyclip.Table, name string) string

	// Home is the schema whose tables the catalog lists without one. Empty: none.
	Home string

	// Wide says that the ON of a join sees all items of FROM, and not only those that it joins.
	Wide bool

	// Generated says that an INSERT without a list of columns gives the generated ones too, by the word DEFAULT. Short
	// says that it may give the first columns only.
	Generated bool
	Short     bool
}

// A Trigger is the trigger whose body is analysed: the table whose row has fired it, and whether the body runs before
// that row is written.
type Trigger struct {
	Table *moneyclip.Table
	Early bool

	// Gives reports whether the body gives a column of NEW, or of OLD, a value of its own, so that the name may not stand for what the row
	// holds. Nil: it gives none, or only what the table's triggers are said to set.
	Gives func(column string, isNew bool) bool
}

// A Meaning is what a statement reads and writes.
type Meaning struct {
	// Reads are all tables that are read, at every level. Those that a write changes are not among them, unless they are
	// in its From.
	Reads []moneyclip.TableRead
	// Writes are in the order of the statement, those of common table expressions first.
	Writes []moneyclip.Write
	// Impure says why what a SELECT returns, or what a write does, is no function of rows and arguments. Empty: it is one.
	// What a write returns does not count.
	Impure string

	// Pending says that it reads a view whose definition has not been read.
	Pending bool
}

// Query says what a SELECT means.
func (d *Dialect) Query(q *Query, catalog *moneyclip.Catalog) Meaning {
	return d.Read(q, Trigger{}, catalog)
}

// Read says what a SELECT in the body of a trigger means. There "new" and "old" are the row that has fired it.
func (d *Dialect) Read(q *Query, t Trigger, catalog *moneyclip.Catalog) Meaning {
	a := d.begin(t, catalog)
	a.query(q, place{})
	return a.meaning()
}

// Writes says what the writes of one statement mean. With is the statement's; that of each write comes on top of it.
func (d *Dialect) Writes(ws []*Write, with *With, catalog *moneyclip.Catalog) Meaning {
	a := d.begin(Trigger{}, catalog)
	ctes := a.open(with, nil, nil)
	for _, w := range ws {
		a.write(w, ctes)
	}
	return a.meaning()
}

// Body says what a write in the body of a trigger means. There "new" and "old" are the row that has fired it.
func (d *Dialect) Body(w *Write, t Trigger, catalog *moneyclip.Catalog) Meaning {
	a := d.begin(t, catalog)
	a.write(w, nil)
	return a.meaning()
}

// analysis is one walk through one statement.
type analysis struct {
	*Dialect
	catalog *moneyclip.Catalog
	trigger Trigger

	reads      []*source // those of base tables, in order of appearance
	writes     []effect
	equalities []equality
	impure     string // the first reason found
	pending    bool

	opened map[*With]*with  // clauses that several writes share
	shared map[*Item]*scope // what several writes are among
}

func (d *Dialect) begin(t Trigger, catalog *moneyclip.Catalog) *analysis {
	return &analysis{Dialect: d, catalog: catalog, trigger: t, opened: map[*With]*with{}, shared: map[*Item]*scope{}}
}

// effect is a write whose pins are known when all are.
type effect struct {
	moneyclip.Write
	target *source
}

// taint notes why the statement is impure; empty: it is not for that.
func (a *analysis) taint(why string) {
	if a.impure == "" {
		a.impure = why
	}
}

// meaning is what was found, as the rest of MoneyClip knows it.
func (a *analysis) meaning() Meaning {
	a.spread()
	m := Meaning{Reads: a.tables(), Impure: a.impure, Pending: a.pending}
	for _, e := range a.writes {
		if e.Op == moneyclip.Update || e.Op == moneyclip.Delete {
			e.Pins = e.target.pins
		}
		m.Writes = append(m.Writes, e.Write)
	}
	return m
}

// table finds what a name means: a table's name in the catalog, or the name as it is written.
func (a *analysis) table(schema, name string) (string, *moneyclip.Table) {
	schema = a.schema(schema)
	if a.catalog != nil {
		if def := a.catalog.Lookup(schema, name); def != nil {
			return def.Name, def
		}
	}
	if schema != "" {
		name = schema + "." + name
	}
	return name, nil
}

// schema is the name of a schema in the catalog.
func (d *Dialect) schema(name string) string {
	if name == d.Home {
		return ""
	}
	return name
}

func (d *Dialect) hidden(name string) bool { return d.Hidden != nil && d.Hidden(name) }

func (d *Dialect) real(def *moneyclip.Table, name string) string {
	if d.Real == nil {
		return name
	}
	return d.Real(def, name)
}

func (d *Dialect) carries(from, to *moneyclip.Column) bool {
	switch {
	case from == nil || to == nil:
		return false
	case d.Carries == nil:
		return from.Class == to.Class
	}
	return d.Carries(from, to)
}
