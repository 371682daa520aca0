package stacks

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
)

// spans are the texts of which otelsql makes spans.
type spans struct {
	mu    sync.Mutex
	texts []string // protected by mu
}

func (s *spans) options() otelsql.Option {
	return otelsql.WithSpanOptions(otelsql.SpanOptions{SpanFilter: func(_ context.Context, _ otelsql.Method, query string, _ []driver.NamedValue) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if query != "" {
			s.texts = append(s.texts, query)
		}
		return true
	}})
}

// made are the texts of those that f makes.
func (s *spans) made(f func()) []string {
	s.mu.Lock()
	s.texts = nil
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.texts)
}

const one = "SELECT name FROM users WHERE id = 1"

func ask(t *testing.T, ctx context.Context, db *sql.DB) func() {
	return func() {
		t.Helper()
		var name string
		if err := db.QueryRowContext(ctx, one).Scan(&name); err != nil {
			t.Fatal(err)
		}
	}
}

// Above the cache otelsql sees what the program asks, hits too.
func TestOtelAbove(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			var s spans
			bare, dsn := p.database(t)
			cache := p.cache(t, nil)
			db := pool(t, otelsql.OpenDB(connector(t, cache.Driver(bare.Driver()), dsn), s.options()))
			f := ask(t, t.Context(), db)
			f()
			var texts []string
			if n := hits(cache, func() { texts = s.made(f) }); n != 1 || !slices.Contains(texts, one) {
				t.Errorf("%d hits, spans %q", n, texts)
			}
			if texts := s.made(func() { run(t, db, "UPDATE users SET name = 'Amy' WHERE city = 'Rome'") }); len(texts) != 1 {
				t.Errorf("spans of a write: %q", texts)
			}
			p.walk(t, db, bare, cache)
		})
	}
}

// Below the cache it sees what the database is asked: no hits, and what the cache asks for a write.
func TestOtelBelow(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			var s spans
			bare, dsn := p.database(t)
			cache := p.cache(t, nil)
			db := open(t, cache.Driver(otelsql.WrapDriver(bare.Driver(), s.options())), dsn)
			f := ask(t, t.Context(), db)
			if texts := s.made(f); !slices.Contains(texts, one) {
				t.Errorf("spans of a miss: %q", texts)
			}
			var texts []string
			if n := hits(cache, func() { texts = s.made(f) }); n != 1 || len(texts) != 0 {
				t.Errorf("%d hits, spans %q", n, texts)
			}
			texts = s.made(func() { run(t, db, "UPDATE users SET name = 'Amy' WHERE city = 'Rome'") })
			if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "UPDATE users") && text != one }) {
				t.Errorf("spans of a write: %q", texts)
			}
			p.walk(t, db, bare, cache)
		})
	}
}

// otelsql's own driver name can be wrapped by name, once it has a dialect.
func TestOtelName(t *testing.T) {
	name, err := otelsql.Register("pgx")
	if err != nil {
		t.Fatal(err)
	}
	moneyclip.RegisterDialect(postgres.Dialect, name)
	p := places[0]
	_, dsn := p.database(t)
	db, err := sql.Open("moneyclip+"+name, dsn)
	if err != nil {
		t.Fatal(err)
	}
	pool(t, db)
	cache, _ := moneyclip.Default("moneyclip+" + name)
	for i := range 2 {
		if n := hits(cache, func() { p.name(t, db, 1) }); n != uint64(i) {
			t.Errorf("read %d: %d hits", i+1, n)
		}
	}
	run(t, db, "UPDATE users SET name = 'Amy' WHERE id = 1")
	if got := p.name(t, db, 1); got != "Amy" {
		t.Errorf("%q", got)
	}

	// The other way round.
	_, dsn = p.database(t)
	if db, err = otelsql.Open("moneyclip+pgx", dsn); err != nil {
		t.Fatal(err)
	}
	pool(t, db)
	cache, _ = moneyclip.Default("moneyclip+pgx")
	for i := range 2 {
		if n := hits(cache, func() { p.name(t, db, 1) }); n != uint64(i) {
			t.Errorf("above, read %d: %d hits", i+1, n)
		}
	}
}

// The comment that otelsql adds to each text names the trace. A text that never comes again is never a hit, so with
// comments otelsql belongs below.
func TestOtelComments(t *testing.T) {
	p := places[0]
	var parents []context.Context
	for i := range 3 {
		parents = append(parents, trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1, byte(i)}, SpanID: trace.SpanID{1, byte(i)}, TraceFlags: trace.FlagsSampled,
		})))
	}
	comments := []otelsql.Option{otelsql.WithSQLCommenter(true), otelsql.WithTextMapPropagator(propagation.TraceContext{})}
	for _, test := range []struct {
		side string
		open func(*moneyclip.Cache, driver.Driver, string) *sql.DB
		hits uint64
	}{
		{"above", func(c *moneyclip.Cache, base driver.Driver, dsn string) *sql.DB {
			return otelsql.OpenDB(connector(t, c.Driver(base), dsn), comments...)
		}, 0},
		{"below", func(c *moneyclip.Cache, base driver.Driver, dsn string) *sql.DB {
			return sql.OpenDB(connector(t, c.Driver(otelsql.WrapDriver(base, comments...)), dsn))
		}, 2},
	} {
		t.Run(test.side, func(t *testing.T) {
			bare, dsn := p.database(t)
			cache := p.cache(t, nil)
			db := pool(t, test.open(cache, bare.Driver(), dsn))
			n := hits(cache, func() {
				for _, ctx := range parents {
					ask(t, ctx, db)()
				}
			})
			if n != test.hits {
				t.Errorf("%d hits, want %d", n, test.hits)
			}
			run(t, db, "UPDATE users SET name = 'Amy' WHERE id = 1")
			if got := p.name(t, db, 1); got != "Amy" {
				t.Errorf("after a write: %q", got)
			}
		})
	}
}

// Through a wrapper above that says what it wraps, Invalidate and Raw find the connection.
func TestOtelInvalidate(t *testing.T) {
	p := places[0]
	bare, dsn := p.database(t)
	cache := p.cache(t, nil)
	db := pool(t, otelsql.OpenDB(connector(t, cache.Driver(bare.Driver()), dsn)))
	p.name(t, db, 1)
	run(t, bare, "UPDATE users SET name = 'Amy' WHERE id = 1") // past the cache
	if got := p.name(t, db, 1); got != "Ann" {
		t.Fatalf("%q", got)
	}
	if err := moneyclip.Invalidate(t.Context(), db, "user", 1); err != nil {
		t.Fatal(err)
	}
	if got := p.name(t, db, 1); got != "Amy" {
		t.Errorf("%q", got)
	}
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	called := false
	if err := moneyclip.Raw(c, func(any) error { called = true; return nil }, moneyclip.ReadOnly); err != nil || !called {
		t.Errorf("Raw: called %t, %v", called, err)
	}
}
