package moneyclip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Cache holds the rules for databases of one dialect, and what wraps their drivers. It is safe for concurrent use.
type Cache struct {
	dialect   Dialect
	rules     []*rule
	hub       *hub
	namespace string
	scope     string
	outage    OutagePolicy
	maxKeys   int
	disabled  bool
	logger    *slog.Logger
	observer  Observer
	verify    float64

	once sync.Map     // :: message → struct{}; what was logged already
	logs atomic.Int64 // how many messages once holds

	outages sync.Map // :: message → *atomic.Int64; when it was logged last, in nanoseconds

	wides wides

	mu         sync.Mutex // protects what follows
	annotated  []*rule    // that texts have brought
	opened     any        // with a scope: the database that was opened first
	connectors int        // made by Connector
	closed     bool
	last       *session // of the connection that was made last, for Explain
	latest     *connector

	background sync.WaitGroup  // reloads and fills at work
	open       context.Context // ends with Close: of what can be broken off
	shut       context.CancelFunc
	fills      int // of these: fills, and leases on their way back
}

// New makes a cache. The error joins every fault found in the config, each a [*RuleError] if it is a rule's.
func New(dialect Dialect, cfg Config) (*Cache, error) {
	return build(dialect, cfg, nil, nil)
}

// build makes a cache on a hub; nil: the hub of the config's store.
func build(dialect Dialect, cfg Config, places []place, h *hub) (*Cache, error) {
	var faults []error
	if dialect == nil {
		return nil, errors.New("moneyclip: the dialect is nil: pass the Dialect of a package such as moneyclip/sqlite")
	}
	rules, err := compileAll(cfg.Rules, places)
	faults = append(faults, err)
	for _, r := range rules {
		faults = append(faults, checkText(dialect, r))
	}
	if cfg.Namespace == "" {
		cfg.Namespace = defaultNamespace
	}
	for _, part := range []struct{ name, value string }{{"Namespace", cfg.Namespace}, {"Scope", cfg.Scope}} {
		if strings.ContainsFunc(part.value, func(r rune) bool { return r <= ' ' || r == ':' || r == '{' || r == '}' || r == 0x7f }) {
			faults = append(faults, fmt.Errorf("%s %q: blanks, colons, braces and control characters are not allowed", part.name, part.value))
		}
	}
	if cfg.MaxKeys < 0 {
		faults = append(faults, errors.New("MaxKeys cannot be negative"))
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultMaxKeys
	}
	if !(cfg.Verify >= 0 && cfg.Verify <= 1) {
		faults = append(faults, errors.New("the share Verify is from 0 to 1"))
	}
	if cfg.Store != nil && !reflect.TypeOf(cfg.Store).Comparable() {
		faults = append(faults, fmt.Errorf("the Store, a %T, cannot be told from another: pass a pointer", cfg.Store))
	}
	if cfg.Outage > FailWrites {
		faults = append(faults, fmt.Errorf("unknown outage policy %d", cfg.Outage))
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if faults = apart(errors.Join(faults...)); len(faults) > 0 {
		for i, fault := range faults {
			faults[i] = fmt.Errorf("moneyclip: %w", fault)
		}
		return nil, errors.Join(faults...)
	}
	if h == nil {
		h = hubOf(cfg.Store)
	}
	c := &Cache{
		dialect:   dialect,
		rules:     rules,
		hub:       h,
		namespace: cfg.Namespace,
		scope:     cfg.Scope,
		outage:    cfg.Outage,
		maxKeys:   cfg.MaxKeys,
		disabled:  cfg.Disabled,
		logger:    cfg.Logger,
		observer:  cfg.Observer,
		verify:    cfg.Verify,
	}
	c.open, c.shut = context.WithCancel(backgroundContext)
	h.join(c)
	return c, nil
}

// Stats returns the counts so far.
func (c *Cache) Stats() Stats {
	s := Stats{Rules: map[string]RuleStats{}}
	for _, r := range c.all() {
		one := r.counters.stats()
		s.Rules[r.Name] = one
		s.add(one)
	}
	return s
}

// Rules returns the rules of the cache, with the defaults of what they leave out: those that were declared, and after them
// those that stood beside queries, as these were seen.
func (c *Cache) Rules() []Rule {
	rules := c.all()
	list := make([]Rule, len(rules))
	for i, r := range rules {
		copied, _ := compile(r.Rule, r.place) // the caller may change its slices
		list[i] = copied.Rule
	}
	return list
}

// all are the cache's rules, declared and annotated.
func (c *Cache) all() []*rule {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append(c.rules[:len(c.rules):len(c.rules)], c.annotated...)
}

// Healthy returns nil if the cache can do its work now, or the reason why not: the store is out of reach, or has not been told
// yet of every write that was made while it was. It does not say that there are hits: a store may be empty, and in a Redis
// that was started or promoted nothing is stored for 30 seconds. Then, as with an error, reads are answered by the
// database. So an error is something to be looked into; a program whose readiness hangs on it is out of service when its
// cache is.
func (c *Cache) Healthy(ctx context.Context) error {
	if n := c.hub.journal.suspect.Load(); n > 0 {
		return fmt.Errorf("moneyclip: the store does not know yet of %s", count(int(n), "write"))
	}
	return c.hub.store.Healthy(ctx)
}

// Close waits for the cache's background work and begins no more. Close the databases that use it before: connections that are still
// open serve what is stored, and their writes invalidate, but nothing is renewed or loaded ahead of time, little is stored, and what
// a store in outage could not be told of a write waits until there is a cache on it again.
func (c *Cache) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if first {
		c.shut()
		c.hub.leave()
	}
	c.background.Wait()
	return nil
}

// maxFills bounds the fills that nobody waits for. Above, readers wait for their own: the store is too slow for them.
const maxFills = 256

// spawn does some work in the background. It reports false if that cannot be: there is too much, or the cache is closed.
func (c *Cache) spawn(work func()) bool {
	if !c.begin() {
		return false
	}
	go func() {
		defer c.end()
		work()
	}()
	return true
}

// begin notes that there is some work in the background, until end. It reports false as spawn does.
func (c *Cache) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.fills >= maxFills {
		return false
	}
	c.fills++
	c.background.Add(1)
	return true
}

// hold has Close wait until background is done. It reports false once the cache is closed.
func (c *Cache) hold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.background.Add(1)
	}
	return !c.closed
}

func (c *Cache) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fills--
	c.background.Done()
}

// maxLogs bounds the messages that are logged once: a program may make texts without end.
const maxLogs = 1000

// logOnce logs a message that would otherwise come with every statement.
func (c *Cache) logOnce(message string, args ...any) {
	if c.logs.Load() >= maxLogs {
		return
	}
	id := []any{message}
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] != "error" { // it may be another each time
			id = append(id, args[i+1])
		}
	}
	if _, done := c.once.LoadOrStore(fmt.Sprintf("%q", id), struct{}{}); !done {
		c.logs.Add(1)
		c.logger.Warn("moneyclip: "+message, args...)
	}
}

// outagePause is how often it is said that the store fails, which it does with every statement.
const outagePause = time.Minute

// logOutage logs that the store has failed.
func (c *Cache) logOutage(message string, err error) {
	first := new(atomic.Int64)
	known, _ := c.outages.LoadOrStore(message, first)
	last := known.(*atomic.Int64)
	now := time.Now().UnixNano()
	if at := last.Load(); (at == 0 || now-at >= int64(outagePause)) && last.CompareAndSwap(at, now) {
		c.logger.Warn("moneyclip: "+message, "error", err.Error())
	}
}

// logLater is logOnce for who holds a lock. The program's logger may write to the database, through this very cache.
func (c *Cache) logLater(message string, args ...any) {
	l := &c.hub.unsaid
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, func() { c.logOnce(message, args...) })
}

func (c *Cache) observe(ctx context.Context, event Event) {
	if c.observer == nil {
		return
	}
	defer func() {
		// Others' reads and writes go on: it may have been called between two steps of one, or on the goroutine of a stranger.
		if p := recover(); p != nil {
			c.logOnce("the observer has panicked", "error", fmt.Sprintf("a %T at %s", p, debug.Stack()))
		}
	}()
	c.observer.Observe(ctx, event)
}
