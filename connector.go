package moneyclip

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// A connector makes connections that dial when they first need the database. It is safe for concurrent use.
type connector struct {
	cache  *Cache
	driver driver.Driver // what database/sql shows
	base   driver.Connector
	name   string // of the base: its values are read as only it reads them
	dsn    string // empty: not known
	fault  error  // why it cannot connect at all

	// home is what the last connection said of itself when it was dialed. A connection that has not dialed takes it for its own, so that
	// a hit needs no connection. Nil: none has, the database is private to each, or not all are alike.
	home atomic.Pointer[session]

	// apart says that two connections were not alike when they were dialed: a hook of the base may go by the context, as to each tenant's
	// schema. Which session one has that has not dialed is not known then.
	apart atomic.Bool

	reloads reloads

	queries, execs habit

	// keeps says that the base has taken a value of a type that the program has defined with methods as it is. What it
	// makes of such values nobody else knows.
	keeps atomic.Bool
}

// A habit is whether a base runs texts with arguments without preparing them, as far as it was seen.
type habit struct {
	skips  atomic.Bool // it has refused one
	atOnce atomic.Bool // it has run one
}

var (
	_ driver.Connector = (*connector)(nil)
	_ io.Closer        = (*connector)(nil)
)

// A session is what a connection is connected to, and as what. It is immutable.
type session struct {
	database *database
	profile  [16]byte // of everything that changes what a SELECT returns or how its values are read
	private  bool     // no other connection can reach the database
	tainted  string   // why the connection cannot be served from the cache
	ranges   bool     // a transaction keeps others out of the ranges that it has read with a lock
	implicit bool     // every statement begins a transaction unless one is open
	chaining bool     // the end of each transaction may begin another
	defaults uint64   // hub.defaults before it was begun
}

// ran notes whether the base has run a text with its arguments at once.
func (h *habit) ran(args []driver.NamedValue, err error) {
	if err != nil || !h.atOnce.Load() {
		h.note(args, err)
	}
}

func (h *habit) note(args []driver.NamedValue, err error) {
	switch {
	case len(args) == 0:
	case err == nil:
		h.atOnce.Store(true)
	case errors.Is(err, driver.ErrSkip):
		h.skips.Store(true)
	}
}

// prepares reports whether database/sql has to prepare a text with these arguments. To know it before spares a transaction
// of our own, or a lease, that would find it out each time; and a read finds the row of the prepared statement. A driver that
// refuses names does so before it skips.
func (h *habit) prepares(args []driver.NamedValue) bool {
	return len(args) > 0 && h.skips.Load() && !h.atOnce.Load() &&
		!slices.ContainsFunc(args, func(arg driver.NamedValue) bool { return arg.Name != "" })
}

// kept notes what the base has left as it is. A read that a rule is for tells it before anything is stored.
func (c *connector) kept(converted []driver.NamedValue) {
	for i := range converted {
		switch converted[i].Value.(type) {
		case int64, string: // most are
		default:
			if isKept(converted[i].Value) && !c.keeps.Load() {
				c.keeps.Store(true)
			}
		}
	}
}

// wrap makes the connector for a DSN.
func (c *Cache) wrap(shown, base driver.Driver, name, dsn string) (driver.Connector, error) {
	connector := &connector{cache: c, driver: shown, name: name, dsn: dsn}
	if withContext, ok := base.(driver.DriverContext); ok {
		var err error
		if connector.base, err = withContext.OpenConnector(dsn); err != nil {
			return nil, err
		}
	} else {
		connector.base = plainConnector{base, dsn}
	}
	if err := c.claim(dsn); err != nil {
		if closer, ok := connector.base.(io.Closer); ok {
			err = errors.Join(err, closer.Close())
		}
		return nil, err
	}
	c.mu.Lock()
	c.latest = connector
	c.mu.Unlock()
	return connector, nil
}

// Connector wraps a base connector, for [sql.OpenDB]. What the base was told, beyond what its sessions and its values show, is not
// known. So the connectors of a cache do not share rows with each other. On a shared store the first that a process makes shares them with
// the first of each other process, the second with the second, and so on, if they are of one type and their values look
// alike. To connect with a nil one is an error.
func (c *Cache) Connector(base driver.Connector) driver.Connector {
	if base == nil {
		return &connector{cache: c, driver: c.Driver(nil), fault: errNoBase}
	}
	c.mu.Lock()
	c.connectors++
	number := c.connectors
	c.mu.Unlock()
	connector := &connector{
		cache:  c,
		driver: c.Driver(base.Driver()),
		base:   base,
		name:   fmt.Sprintf("%T %T %d", base, base.Driver(), number),
		fault:  c.claim(number),
	}
	c.mu.Lock()
	c.latest = connector
	c.mu.Unlock()
	return connector
}

// claim makes sure that a cache with a Scope serves one database.
func (c *Cache) claim(database any) error {
	if c.scope == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened != nil && c.opened != database {
		return fmt.Errorf("moneyclip: the cache has the Scope %q and serves one database already: "+
			"make another cache, or leave Scope empty so that each database is asked who it is", c.scope)
	}
	c.opened = database
	return nil
}

// plainConnector is for base drivers without connectors.
type plainConnector struct {
	driver driver.Driver
	dsn    string
}

func (p plainConnector) Connect(context.Context) (driver.Conn, error) { return p.driver.Open(p.dsn) }

func (p plainConnector) Driver() driver.Driver { return p.driver }

// Connect returns a connection that has not dialed.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.fault != nil {
		return nil, c.fault
	}
	return &conn{connector: c, cache: c.cache, made: ctx}, nil
}

// A dialContext is that of a dial which was put off: hooks of the base see the values that they would have seen without that, and it ends
// with the statement that wants it.
type dialContext struct {
	context.Context // the statement's
	made            context.Context
}

func (d dialContext) Value(key any) any { return d.made.Value(key) }

func (c *connector) Driver() driver.Driver { return c.driver }

// Close closes the base connector, if it can be closed.
func (c *connector) Close() error {
	if s := c.home.Swap(nil); s != nil {
		c.cache.hub.part(s)
	}
	if closer, ok := c.base.(io.Closer); ok {
		return closer.Close()
	}
	return nil
}

// identify asks a connection what it is connected to.
func (c *connector) identify(ctx context.Context, ask Asker) (*session, error) {
	cache := c.cache
	identity := Identity{Scope: cache.scope}
	if cache.scope == "" {
		var err error
		if identity, err = cache.dialect.Identify(ctx, ask, c.dsn); err != nil {
			return nil, err
		}
		if identity.Scope == "" && identity.Tainted == "" {
			return nil, errors.New("the database did not say who it is")
		}
	}
	if identity.Profile == "" {
		identity.Profile = c.dsn
	}
	if c.dsn == "" {
		look, err := c.look(ctx, ask)
		if err != nil {
			return nil, err
		}
		identity.Profile += look
	}
	s := &session{
		database: cache.hub.database(cache.dialect, identity.Scope, identity.Path),
		private:  identity.Private,
		tainted:  identity.Tainted,
		ranges:   identity.Ranges,
		implicit: identity.Implicit,
		chaining: identity.Chaining,
	}
	sum := sha256.Sum256([]byte(c.name + scanForm + "\x00" + identity.Profile))
	copy(s.profile[:], sum[:])
	if err := c.freshen(ctx, s, ask); err != nil {
		cache.hub.part(s)
		return nil, err
	}
	return s, nil
}

// A sampler is a dialect with a query whose values show how a base driver was told to read values.
type sampler interface{ Samples() string }

// look is how a base whose DSN is not known shows values.
func (c *connector) look(ctx context.Context, ask Asker) (string, error) {
	dialect, ok := c.cache.dialect.(sampler)
	if !ok {
		return "", nil
	}
	rows, err := ask(ctx, dialect.Samples())
	if err != nil {
		return "", err
	}
	look := ""
	for _, row := range rows {
		for _, v := range row {
			look += fmt.Sprintf("\x00%T %[1]v", v)
			if at, ok := v.(time.Time); ok {
				look += at.Location().String()
			}
		}
	}
	return look, nil
}

// settled is the session that a connection would have that dials now; nil: it is not known.
func (c *connector) settled() *session {
	if s := c.home.Load(); s != nil && s.defaults == c.cache.hub.defaults.Load() {
		return s
	}
	return nil
}

// settle takes a session, as a connection of this connector has when it was dialed, for that of those which have not dialed yet.
func (c *connector) settle(s *session) {
	c.cache.mu.Lock()
	c.cache.last = s
	c.cache.mu.Unlock()
	if s.private || s.defaults != c.cache.hub.defaults.Load() {
		return
	}
	home := c.settled()
	if home != nil && (home.database != s.database || home.profile != s.profile) && c.apart.CompareAndSwap(false, true) {
		c.cache.logOnce("connections that were dialed differ, as where a hook goes by the context or the database is another now: "+
			"from now on each is dialed before a hit", "hint", "SetMaxIdleConns spares dialing")
	}
	if c.apart.Load() {
		s = nil
	} else {
		c.cache.hub.enter(s)
	}
	if old := c.home.Swap(s); old != nil {
		c.cache.hub.part(old)
	}
}
