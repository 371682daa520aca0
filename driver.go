package moneyclip

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// prefix is what the name of a wrapped driver adds to the base's.
const prefix = "moneyclip+"

// doors are the packages that bring the dialect for a base driver. :: base driver's name → import path
var doors = map[string]string{
	"mysql":    "github.com/moneyclip/moneyclip/mysql",
	"pgx":      "github.com/moneyclip/moneyclip/postgres",
	"pgx/v5":   "github.com/moneyclip/moneyclip/postgres",
	"postgres": "github.com/moneyclip/moneyclip/postgres",
	"sqlite":   "github.com/moneyclip/moneyclip/sqlite",
	"sqlite3":  "github.com/moneyclip/moneyclip/sqlite",
}

// drivers says where the usual base drivers come from. :: base driver's name → import path
var drivers = map[string]string{
	"mysql":    "github.com/go-sql-driver/mysql",
	"pgx":      "github.com/jackc/pgx/v5/stdlib",
	"pgx/v5":   "github.com/jackc/pgx/v5/stdlib",
	"postgres": "github.com/lib/pq",
	"sqlite":   "modernc.org/sqlite",
	"sqlite3":  "github.com/mattn/go-sqlite3",
}

// defaults are the caches behind the driver names, and what they are made of.
var defaults = struct {
	sync.Mutex         // protects the rest
	rules      []Rule  //
	places     []place // where each rule was registered
	config     Config  //
	configured *place  // where; nil: not at all
	opened     bool    // no more rules after that
	hub        *hub    // of the one store that all default caches share
	openStore  func(url string) (Store, error)
	named      map[string]*named
}{named: map[string]*named{}}

func init() {
	for base := range doors {
		register(base)
	}
}

// register makes the driver name for a base.
func register(base string) *named {
	n := &named{base: base}
	defaults.named[base] = n
	sql.Register(prefix+base, n)
	return n
}

// Register adds rules to the default caches, those behind the driver names "moneyclip+...". It is called from init. It
// panics on a fault in a rule, on a rule that is there already, and after the first such driver name was opened. A fault in
// a rule's SQL is found by the first Open, which knows the dialect.
func Register(rules ...Rule) {
	at := caller()
	defaults.Lock()
	defer defaults.Unlock()
	add("Register", at, rules)
}

// Configure sets up the default caches; its Rules are added to those of [Register]. It is called once, from init. It
// panics on a second call and after the first driver name was opened.
func Configure(cfg Config) {
	at := caller()
	defaults.Lock()
	defer defaults.Unlock()
	if defaults.configured != nil {
		panic(fmt.Sprintf("moneyclip: Configure at %s: called before, at %s", at, defaults.configured))
	}
	add("Configure", at, cfg.Rules)
	cfg.Rules = nil
	defaults.config, defaults.configured = cfg, &at
}

// add adds rules to the default caches. The defaults are locked.
func add(by string, at place, rules []Rule) {
	if defaults.opened {
		panic(fmt.Sprintf("moneyclip: %s at %s: a moneyclip driver was opened already; call %[1]s from init", by, at))
	}
	places := slices.Clone(defaults.places)
	for range rules {
		places = append(places, at)
	}
	all := slices.Concat(defaults.rules, rules)
	if _, err := compileAll(all, places); err != nil {
		panic("moneyclip: " + by + ": " + err.Error())
	}
	defaults.rules, defaults.places = all, places
}

// caller is the place outside this file from which it was called.
func caller() place {
	_, own, _, _ := runtime.Caller(0)
	for skip := 2; ; skip++ {
		_, file, line, ok := runtime.Caller(skip)
		if !ok {
			return place{}
		}
		if file != own {
			return place{file: file, line: line}
		}
	}
}

// RegisterDialect registers the driver name "moneyclip+<base>" for each base driver. The packages that bring a dialect
// call it from init. It panics if a name has a dialect already.
func RegisterDialect(d Dialect, bases ...string) {
	defaults.Lock()
	defer defaults.Unlock()
	for _, base := range bases {
		n := defaults.named[base]
		if n == nil {
			n = register(base)
		}
		if n.dialect != nil {
			panic("moneyclip: RegisterDialect: twice for " + prefix + base)
		}
		n.dialect = d
	}
}

// RegisterStore says how the default caches open the store that MONEYCLIP_REDIS_URL names, if [Config.Store] is nil. The
// package that brings the store calls it from init. No error may hold the URL, for it may hold a password. It panics if
// it is called twice.
func RegisterStore(open func(url string) (Store, error)) {
	defaults.Lock()
	defer defaults.Unlock()
	if defaults.openStore != nil {
		panic("moneyclip: RegisterStore: called before")
	}
	defaults.openStore = open
}

// Default returns the cache behind a registered driver name such as "moneyclip+sqlite3". There is none before the name
// was opened for the first time.
func Default(name string) (*Cache, bool) {
	base, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return nil, false
	}
	defaults.Lock()
	defer defaults.Unlock()
	n := defaults.named[base]
	if n == nil || n.cache == nil {
		return nil, false
	}
	return n.cache, true
}

// A named is the driver behind one driver name. The base driver is looked up by its own name when it is first needed.
type named struct {
	base    string
	dialect Dialect // nil: its package is not imported
	cache   *Cache  // protected by defaults
}

var (
	_ driver.Driver        = (*named)(nil)
	_ driver.DriverContext = (*named)(nil)
)

func (n *named) Open(dsn string) (driver.Conn, error) { return openNow(n, dsn) }

func (n *named) OpenConnector(dsn string) (driver.Connector, error) {
	if !slices.Contains(sql.Drivers(), n.base) {
		hint := "the package that registers it"
		if path := drivers[n.base]; path != "" {
			hint = fmt.Sprintf("one that registers it, such as _ %q", path)
		}
		return nil, fmt.Errorf("moneyclip: there is no database driver %q for %q: import %s", n.base, prefix+n.base, hint)
	}
	c, err := n.open()
	if err != nil {
		return nil, err
	}
	// database/sql hands out a driver only through a database. Opening one does not connect.
	db, err := sql.Open(n.base, dsn)
	if err != nil {
		return nil, err
	}
	base := db.Driver()
	db.Close()
	return c.wrap(n, base, n.base, dsn)
}

// open returns the cache, and makes it if this is the first time.
func (n *named) open() (*Cache, error) {
	defaults.Lock()
	defer defaults.Unlock()
	if n.cache != nil {
		return n.cache, nil
	}
	if n.dialect == nil {
		return nil, fmt.Errorf("moneyclip: %q needs a dialect: import _ %q", prefix+n.base, doors[n.base])
	}
	defaults.opened = true // from here on no rule can be added, even if this fails
	cfg := defaults.config
	cfg.Rules = defaults.rules
	switch off := os.Getenv("MONEYCLIP_DISABLE"); off {
	case "", "0":
	case "1":
		cfg.Disabled = true
	default:
		return nil, fmt.Errorf("moneyclip: MONEYCLIP_DISABLE is %q: it is 1, 0 or not set", off)
	}
	if url := os.Getenv("MONEYCLIP_REDIS_URL"); url != "" && cfg.Store == nil && defaults.hub == nil {
		if defaults.openStore == nil {
			return nil, errors.New("moneyclip: MONEYCLIP_REDIS_URL is set: import _ \"github.com/moneyclip/moneyclip/redisstore\"")
		}
		store, err := defaults.openStore(url)
		if err != nil {
			return nil, fmt.Errorf("moneyclip: MONEYCLIP_REDIS_URL: %w", err)
		}
		cfg.Store = store
	}
	if cfg.Namespace == "" {
		cfg.Namespace = os.Getenv("MONEYCLIP_NAMESPACE")
	}
	if defaults.hub == nil {
		defaults.hub = hubOf(cfg.Store)
	}
	c, err := build(n.dialect, cfg, defaults.places, defaults.hub)
	if err != nil {
		return nil, err
	}
	n.cache = c
	return c, nil
}

// Driver wraps a base driver. Register what it returns under a name of your own, or use [Cache.Connector]. To open a nil one is an error.
func (c *Cache) Driver(base driver.Driver) driver.Driver { return &wrapped{c, base} }

type wrapped struct {
	cache *Cache
	base  driver.Driver
}

var (
	_ driver.Driver        = (*wrapped)(nil)
	_ driver.DriverContext = (*wrapped)(nil)
)

func (w *wrapped) Open(dsn string) (driver.Conn, error) { return openNow(w, dsn) }

func (w *wrapped) OpenConnector(dsn string) (driver.Connector, error) {
	if w.base == nil {
		return nil, errNoBase
	}
	return w.cache.wrap(w, w.base, fmt.Sprintf("%T", w.base), dsn)
}

// openNow is for callers that know no connectors.
func openNow(d driver.DriverContext, dsn string) (driver.Conn, error) {
	c, err := d.OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	opened, err := c.Connect(backgroundContext)
	if err != nil {
		return nil, err
	}
	if err := opened.(*conn).ready(backgroundContext); err != nil {
		return nil, err
	}
	return opened, nil
}
