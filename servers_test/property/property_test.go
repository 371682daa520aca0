// Package property does random things to databases on real servers and compares, after each, what a cache answers with
// what the database holds.
package property

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/propertytest"
	mysqldoor "github.com/moneyclip/moneyclip/mysql"
	postgresdoor "github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

var background = context.Background()

func TestMain(m *testing.M) { servers.Main(m) }

// nothing is a dialect to which no statement matters, so that only the grammar is tried.
type nothing struct{ moneyclip.Dialect }

func (nothing) Name() string { return "nothing" }

func (nothing) Analyze(string, *moneyclip.Catalog) moneyclip.Statement {
	return moneyclip.Statement{Kind: moneyclip.KindInert}
}

func (nothing) Identify(context.Context, moneyclip.Asker, string) (moneyclip.Identity, error) {
	return moneyclip.Identity{Scope: "x", Profile: "x"}, nil
}

func (nothing) Catalog(context.Context, moneyclip.Asker) (*moneyclip.Catalog, error) {
	return &moneyclip.Catalog{}, nil
}

func (nothing) Canonical(*moneyclip.Column) func(driver.Value) (moneyclip.Datum, bool) {
	return func(driver.Value) (moneyclip.Datum, bool) { return moneyclip.Datum{}, false }
}

func (nothing) Keyable(*moneyclip.Column) string { return "nothing is" }

var levels = []sql.IsolationLevel{
	sql.LevelDefault, sql.LevelDefault, sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable,
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	propertytest.Property(t, newPostgres(t, postgresdoor.Dialect), 1000)
}

func TestPostgresControl(t *testing.T) {
	t.Parallel()
	propertytest.Control(t, newPostgres(t, postgresdoor.Dialect), 300)
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	propertytest.Property(t, newMariaDB(t, mysqldoor.Dialect), 1000)
}

func TestMariaDBControl(t *testing.T) {
	t.Parallel()
	propertytest.Control(t, newMariaDB(t, mysqldoor.Dialect), 300)
}

// TestGrammar tries the statements alone: most of them are to succeed.
func TestGrammar(t *testing.T) {
	t.Parallel()
	databases := []propertytest.Database{newPostgres(t, nothing{postgresdoor.Dialect})}
	if !servers.MySQL() { // which does not know some of the statements
		databases = append(databases, newMariaDB(t, nothing{mysqldoor.Dialect}))
	}
	for _, db := range databases {
		propertytest.Grammar(t, db, 150)
	}
}
