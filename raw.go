package moneyclip

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
)

// Invalidate drops a key of a rule, for a write that was made elsewhere. The args are the values of the key's verbs, in
// order; without args every key of the rule is dropped. It returns after the key was dropped; if the store is out of
// reach and the cache has [FailOpen], this process serves nothing until that was done. The error wraps [ErrNotWrapped],
// [ErrNoRule] or [ErrCacheDown], or it is the database's. It takes a connection of the pool, and dials if that has not: while a
// transaction holds the only one, it waits for that. An argument is given as to a query; one whose equality is not known is an error.
func Invalidate(ctx context.Context, db *sql.DB, rule string, args ...any) error {
	return withConn(ctx, db, func(c *conn) error {
		if err := c.ready(ctx); err != nil {
			return err
		}
		if c.session == nil {
			return errors.New("moneyclip: the database could not be identified")
		}
		b := c.session.database.meaning.Load().rule(c.cache, rule)
		if b == nil {
			return fmt.Errorf("%w: %q%s", ErrNoRule, rule, c.cache.otherName(rule))
		}
		if b.idle != "" {
			return fmt.Errorf("%w: %q is inactive: %s", ErrNoRule, rule, b.idle)
		}
		w := newWork(c.cache, c.session, c.session.database.knowledge())
		if err := w.name(b, args); err != nil {
			return fmt.Errorf("moneyclip: rule %s: %w", rule, err)
		}
		if board := w.board(); board != nil {
			// Another program may have the rule with another key.
			if err := board.look(ctx, ""); err != nil {
				w.blind = true
			}
			for _, other := range *c.session.database.meaning.Load().foreign.Load() {
				if other.Name == b.Name && (other.template == nil || w.name(other, args) != nil) {
					w.drops.dropAll(other)
				}
			}
		}
		if err := w.quarantine(ctx); err != nil {
			return err
		}
		w.release(ctx, nil)
		return nil
	})
}

// otherName is a hint for who has called a rule by its key or by its query.
func (c *Cache) otherName(text string) string {
	for _, r := range c.rules {
		if r.Key == text || r.Query == text && text != "" {
			return fmt.Sprintf(": its name is %q", r.Name)
		}
	}
	return ""
}

// withConn gives f a connection of a wrapped database.
func withConn(ctx context.Context, db *sql.DB, f func(*conn) error) error {
	if db == nil {
		return errors.New("moneyclip: the database is nil")
	}
	sqlConn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer sqlConn.Close()
	return sqlConn.Raw(func(driverConn any) error {
		c, ok := ours(driverConn)
		if !ok {
			return ErrNotWrapped
		}
		return f(c)
	})
}

// ours finds MoneyClip's connection, also beneath wrappers that say by a method Raw what they wrap, as otelsql's does.
func ours(driverConn any) (*conn, bool) {
	for {
		switch c := driverConn.(type) {
		case *conn:
			return c, true
		case interface{ Raw() driver.Conn }:
			driverConn = c.Raw()
		default:
			return nil, false
		}
	}
}

// rule returns the rule of that name of a cache, or nil.
func (m *meaning) rule(c *Cache, name string) *bound {
	for _, b := range m.own() {
		if b.owner == c && b.Name == name {
			return b
		}
	}
	return nil
}

// name adds a key by the values of its verbs.
func (w *work) name(b *bound, args []any) error {
	if len(args) == 0 {
		w.drops.dropAll(b)
		return nil
	}
	if len(args) != len(b.template.verbs) {
		return fmt.Errorf("key %q has %s, got %s", b.Key, count(len(b.template.verbs), "verb"), count(len(args), "value"))
	}
	b.meaning.database.site.mu.RLock()
	columns := b.columns
	b.meaning.database.site.mu.RUnlock()
	if columns == nil || slices.Contains(columns, nil) {
		w.drops.dropAll(b) // under which spelling it is stored is not known yet
		return nil
	}
	r := recipe{rule: b}
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		var column *Column
		if columns != nil {
			column = columns[i]
		}
		spell := canonical(w.dialect, column)
		value, ok := resolve(arg)
		if ok && value != nil {
			_, ok = spell.of(value)
		}
		if !ok {
			return fmt.Errorf("value %d, a %T, is of a kind whose equality is not known", i+1, arg)
		}
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
		r.sources = append(r.sources, source{kind: fromArgument, index: i + 1, spell: spell})
	}
	w.drops.add(&r, named, make([]string, len(named)), nil)
	return nil
}

// ReadOnly, as the only name given to [Raw], says that the function writes nothing and leaves transactions alone.
const ReadOnly = "\x00read only"

// Raw gives f the base driver's own connection, as [sql.Conn.Raw] does without MoneyClip. The writes are the tables that
// f may write: every key of the rules that such a write can touch is dropped, be it through a foreign key or a trigger.
// None named, or one that the database does not have: f may write any. [ReadOnly]: it writes none, and neither begins nor ends a
// transaction, nor changes how they are begun. What else f does to the session is not known, so the connection is not served from the
// cache any more, and what is written on it later drops every key, until it is dialed anew: where that matters, do it on a [sql.DB] of
// its own.
//
// The error is f's own, or that of connecting; it wraps [ErrNotWrapped] for a connection that is not MoneyClip's, and
// [ErrCacheDown] where f was not called because its keys could not be quarantined.
func Raw(sqlConn *sql.Conn, f func(driverConn any) error, writes ...string) error {
	return sqlConn.Raw(func(driverConn any) error {
		c, ok := ours(driverConn)
		if !ok {
			return ErrNotWrapped
		}
		ctx := backgroundContext
		if err := c.ready(ctx); err != nil {
			return err
		}
		c.leaveOwn()
		stranger := c.tainted != ""
		const why = "its base connection was used directly"
		c.taintBy(why)
		if len(writes) == 1 && writes[0] == ReadOnly {
			return f(c.base.Conn)
		}
		var home Identity // empty: it is not known
		switch {
		case len(writes) > 0 || c.session == nil:
		case c.cache.scope == "":
			home = Identity{Scope: c.session.database.scope, Path: c.session.database.path}
		case !stranger:
			home, _ = c.identity(ctx)
		}
		w := newWork(c.cache, c.session, c.known)
		w.blind = c.session == nil
		if c.session != nil {
			w.mayWrite(c.session.database.meaning.Load(), writes)
		}
		if c.tx != nil { // f may commit what was written before
			c.collectOpen()
			c.tx.work.join(w)
			w = c.tx.work.rest()
		}
		if err := w.quarantine(ctx); err != nil {
			return err
		}
		// Whether f succeeds or not, or panics: when it is over, what it did not leave in a transaction is visible.
		defer func() {
			if c.tx == nil {
				// f may have started a transaction, which the next COMMIT ends.
				c.tx = &transaction{work: newWork(c.cache, c.session, c.known)}
			}
			c.tx.mayBeOver, c.doubtful = true, why
			if c.session != nil {
				if len(writes) == 0 {
					// f may have changed the schema, or gone over to another database, whose schema is none of ours.
					now, err := c.identity(ctx)
					if err == nil && home.Scope != "" && now.Scope == home.Scope && slices.Equal(now.Path, home.Path) {
						c.readSchema(ctx)
					} else {
						c.session.database.forget()
					}
				}
				// A rule may have learnt meanwhile that it watches one of the tables.
				w.mayWrite(c.session.database.meaning.Load(), writes)
			}
			c.tx.work.join(w)
			w.release(ctx, nil)
			for _, open := range c.open {
				open.work.join(w) // what f has written becomes visible with what was written before
			}
		}()
		return f(c.base.Conn)
	})
}

// identity is what the connection says of itself now.
func (c *conn) identity(ctx context.Context) (Identity, error) {
	return c.cache.dialect.Identify(ctx, c.base.ask, c.connector.dsn)
}

// mayWrite adds the keys that any write to one of the tables can touch; all, if none is named.
func (w *work) mayWrite(m *meaning, tables []string) {
	rules, everything := m.touchedBy(tables)
	w.drops.widen(rules)
	w.blind = w.blind || everything
}

// touchedBy returns the rules that any write to one of the tables can touch, and whether it may be a write to another database. Where
// names have no schemas, a table that is not known may be there.
func (m *meaning) touchedBy(tables []string) (rules []*bound, everything bool) {
	elsewhere := m.catalog == nil || m.catalog.Path == nil
	if len(tables) == 0 || m.catalog == nil {
		return m.watching(), elsewhere
	}
	write := &Statement{Kind: KindWrite}
	for _, name := range tables {
		t, err := m.catalog.find(name)
		if err != nil || t.View { // what is below a view the dialects see in a text
			return m.watching(), elsewhere
		}
		for _, op := range []Op{Insert, Update, Delete} {
			write.Writes = append(write.Writes, Write{Op: op, Table: t.Name, SetAll: true})
		}
	}
	m.database.site.mu.RLock()
	defer m.database.site.mu.RUnlock()
	p := planWrite(m, write)
	for _, t := range p.touches {
		if t.guarantee != None {
			rules = append(rules, t.rule)
		}
	}
	return rules, p.everything
}
