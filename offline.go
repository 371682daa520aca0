package moneyclip

import "errors"

// An Offline says what a cache would do in a database that is not there, of which only the catalog is known: for tools
// that look at a program and its schema files. It is safe for concurrent use.
type Offline struct {
	cache   *Cache
	meaning *meaning
}

// Offline returns what the cache's rules mean under a catalog. Nothing is served or stored by it, and rules of other
// programs are not known to it.
func (c *Cache) Offline(catalog *Catalog) *Offline {
	h := newHub(NewMemStore(0))
	h.caches = []*Cache{c}
	d := h.database(c.dialect, c.scope, catalog.Path)
	d.rebind(catalog)
	return &Offline{c, d.meaning.Load()}
}

// Learn shows the cache a text of the program, as running it does: a rule for a sqlc query knows only from the query's
// text which writes touch it. So all texts are to be learnt before the first is explained. The error is that a rule
// which names the query cannot cache it, as a [*RuleError].
func (o *Offline) Learn(query string) error {
	p := o.meaning.plan(query)
	mu := &o.meaning.database.site.mu
	mu.Lock()
	defer mu.Unlock()
	var faults []error
	for _, b := range o.meaning.own() {
		if named := b.bySQLCName() && b.Query == p.statement.Name; !named || b.idle != "" || p.read(o.cache) != nil {
			continue
		}
		if why := b.misfit(o.meaning, p.statement); why != "" {
			faults = append(faults, b.fail("%s", why))
		}
	}
	return errors.Join(faults...)
}

// Faults are the rules that cannot be kept in this database, each a [*RuleError] that says why. Not among them are
// rules for tables that it does not have.
func (o *Offline) Faults() []error {
	var faults []error
	for _, b := range o.meaning.own() {
		if b.idle != "" && !b.isAbsent {
			faults = append(faults, b.fail("%s", b.idle))
		}
	}
	return faults
}

// Absent are the rules for tables that this database does not have, each a [*RuleError] that names one. They may be meant for another
// database of the program.
func (o *Offline) Absent() []error {
	var absent []error
	for _, b := range o.meaning.own() {
		if b.isAbsent {
			absent = append(absent, b.fail("%s", b.idle))
		}
	}
	return absent
}

// Explain is [Cache.Explain] for the database that is not there.
func (o *Offline) Explain(query string, args ...any) Explanation {
	return o.cache.explain(o.meaning, "", query, args)
}
