package stacks

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/luna-duclos/instrumentedsql"
	"github.com/ngrok/sqlmw"
	"github.com/qustavo/sqlhooks/v2"
)

type hooks struct{}

func (hooks) Before(ctx context.Context, _ string, _ ...any) (context.Context, error) {
	return ctx, nil
}
func (hooks) After(ctx context.Context, _ string, _ ...any) (context.Context, error) { return ctx, nil }

// wrappers are drivers around drivers that do nothing more.
var wrappers = map[string]func(driver.Driver) driver.Driver{
	"sqlmw":           func(d driver.Driver) driver.Driver { return sqlmw.Driver(d, sqlmw.NullInterceptor{}) },
	"sqlhooks":        func(d driver.Driver) driver.Driver { return sqlhooks.Wrap(d, hooks{}) },
	"instrumentedsql": func(d driver.Driver) driver.Driver { return instrumentedsql.WrapDriver(d) },
}

// The base driver may be wrapped already.
func TestBelow(t *testing.T) {
	each(t, func(t *testing.T, p place, wrap func(driver.Driver) driver.Driver) {
		bare, dsn := p.database(t)
		cache := p.cache(t, nil)
		p.walk(t, open(t, cache.Driver(wrap(bare.Driver())), dsn), bare, cache)
	})
}

// A connector says no DSN, and does as well.
func TestBelowConnector(t *testing.T) {
	each(t, func(t *testing.T, p place, wrap func(driver.Driver) driver.Driver) {
		bare, dsn := p.database(t)
		cache := p.cache(t, nil)
		p.walk(t, pool(t, sql.OpenDB(cache.Connector(connector(t, wrap(bare.Driver()), dsn)))), bare, cache)
	})
}

// The wrapped driver may be wrapped again.
func TestAbove(t *testing.T) {
	each(t, func(t *testing.T, p place, wrap func(driver.Driver) driver.Driver) {
		bare, dsn := p.database(t)
		cache := p.cache(t, nil)
		p.walk(t, open(t, wrap(cache.Driver(bare.Driver())), dsn), bare, cache)
	})
}

func each(t *testing.T, f func(*testing.T, place, func(driver.Driver) driver.Driver)) {
	for _, p := range places {
		for name, wrap := range wrappers {
			t.Run(p.base+" "+name, func(t *testing.T) { f(t, p, wrap) })
		}
	}
}
