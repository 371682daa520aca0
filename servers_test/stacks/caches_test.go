package stacks

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"
	"time"

	"github.com/XSAM/otelsql"

	"github.com/moneyclip/moneyclip"
)

// Two caches on one store, over one database: each obeys the rules of both.
func TestTwoCaches(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			store := moneyclip.NewMemStore(1 << 20)
			bare, dsn := p.database(t)
			one := p.cache(t, store)
			other, err := moneyclip.New(p.dialect, moneyclip.Config{Store: store, Rules: []moneyclip.Rule{
				{Name: "mayor", Key: "mayor::%s", Query: p.text("SELECT min(name) FROM users WHERE city = $1")},
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { other.Close() })
			a, b := open(t, one.Driver(bare.Driver()), dsn), open(t, other.Driver(bare.Driver()), dsn)
			mayor := func() (name string) {
				if err := b.QueryRow(p.text("SELECT min(name) FROM users WHERE city = $1"), "Rome").Scan(&name); err != nil {
					t.Fatal(err)
				}
				return name
			}
			warm := func() {
				p.name(t, a, 1)
				mayor()
				if hits(one, func() { p.name(t, a, 1) })+hits(other, func() { mayor() }) != 2 {
					t.Error("there are no hits")
				}
			}
			warm()
			run(t, a, "UPDATE users SET name = 'Abe' WHERE id = 1")
			if got := mayor(); got != "Abe" {
				t.Errorf("the other cache has %q", got)
			}
			warm()
			run(t, b, "UPDATE users SET name = 'Ada' WHERE city = 'Rome'")
			if got := p.name(t, a, 1); got != "Ada" {
				t.Errorf("the first has %q", got)
			}
			p.walk(t, a, bare, one)
		})
	}
}

// Two databases of one DSN under one cache share rows. Through [moneyclip.Cache.Connector] they do not, and are kept
// fresh all the same.
func TestOneCacheTwice(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			bare, dsn := p.database(t)
			cache := p.cache(t, nil)
			a, b := open(t, cache.Driver(bare.Driver()), dsn), open(t, cache.Driver(bare.Driver()), dsn)
			c := pool(t, sql.OpenDB(cache.Connector(connector(t, bare.Driver(), dsn))))
			run(t, b, "SELECT 1") // so that it knows its database
			p.name(t, a, 1)
			if n := hits(cache, func() { p.name(t, b, 1) }); n != 1 {
				t.Errorf("%d hits", n)
			}
			if n := hits(cache, func() { p.name(t, c, 1) }); n != 0 {
				t.Errorf("through a connector: %d hits", n)
			}
			for i, db := range []*sql.DB{a, b, c} {
				run(t, db, p.text("UPDATE users SET name = $1 WHERE id = 1"), string(rune('A'+i)))
				for _, reader := range []*sql.DB{a, b, c} {
					if got := p.name(t, reader, 1); got != string(rune('A'+i)) {
						t.Errorf("after write %d: %q", i, got)
					}
				}
			}
		})
	}
}

// Databases under one cache, or under two on one store, do not see each other's rows.
func TestTwoDatabases(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			store := moneyclip.NewMemStore(1 << 20)
			one, two := p.cache(t, store), p.cache(t, store)
			var dbs []*sql.DB
			for _, cache := range []*moneyclip.Cache{one, one, two} {
				bare, dsn := p.database(t)
				run(t, bare, p.text("UPDATE users SET name = $1"), string(rune('A'+len(dbs))))
				dbs = append(dbs, open(t, cache.Driver(bare.Driver()), dsn))
			}
			for range 2 {
				for i, db := range dbs {
					if got, want := p.name(t, db, 1), string(rune('A'+i)); got != want {
						t.Errorf("database %d has %q", i, got)
					}
				}
			}
			run(t, dbs[0], "UPDATE users SET name = 'new' WHERE id = 1")
			for i, want := range []string{"new", "B", "C"} {
				if got := p.name(t, dbs[i], 1); got != want {
					t.Errorf("database %d has %q, want %q", i, got, want)
				}
			}
			if n := hits(one, func() { p.name(t, dbs[1], 1) }) + hits(two, func() { p.name(t, dbs[2], 1) }); n != 2 {
				t.Errorf("%d hits in the databases that were not written to", n)
			}
		})
	}
}

// A cache over a cache is an error that says so, also where what is between them says what it wraps.
func TestNested(t *testing.T) {
	for _, p := range places {
		t.Run(p.base, func(t *testing.T) {
			bare, dsn := p.database(t)
			one, two := p.cache(t, nil), p.cache(t, nil)
			for name, base := range map[string]driver.Driver{
				"another":   two.Driver(bare.Driver()),
				"itself":    one.Driver(bare.Driver()),
				"otelsql's": otelsql.WrapDriver(one.Driver(bare.Driver())),
			} {
				if err := open(t, one.Driver(base), dsn).Ping(); err == nil || !strings.Contains(err.Error(), "wrap it once") {
					t.Errorf("over %s: %v", name, err)
				}
			}
		})
	}
}

// Where nobody says what is beneath, answers are right all the same.
func TestNestedUnseen(t *testing.T) {
	for _, p := range places {
		for name, wrap := range wrappers {
			t.Run(p.base+" "+name, func(t *testing.T) {
				bare, dsn := p.database(t)
				one, two := p.cache(t, nil), p.cache(t, nil)
				p.walk(t, open(t, one.Driver(wrap(two.Driver(bare.Driver()))), dsn), bare, one)
				bare, dsn = p.database(t)
				began := time.Now()
				p.walk(t, open(t, one.Driver(wrap(one.Driver(bare.Driver()))), dsn), bare, one)
				t.Log("with itself in", time.Since(began))
			})
		}
	}
}
