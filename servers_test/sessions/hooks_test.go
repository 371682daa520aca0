package sessions

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

type tenantKey struct{}

// Where a hook of the driver goes by the context, as to each tenant's schema, no connection is taken for one that it is not.
func TestHookByContext(t *testing.T) {
	t.Parallel()
	s := open(t, "pgx", servers.Postgres(t), "CREATE SCHEMA a", "CREATE SCHEMA b",
		"CREATE TABLE a.users (id int PRIMARY KEY, city text)", "CREATE TABLE b.users (id int PRIMARY KEY, city text)",
		"INSERT INTO a.users VALUES (1, 'of a')", "INSERT INTO b.users VALUES (1, 'of b')")
	cfg, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cache, err := moneyclip.New(postgres.Dialect, moneyclip.Config{Rules: rules, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(cache.Connector(stdlib.GetConnector(*cfg, stdlib.OptionBeforeConnect(func(ctx context.Context, c *pgx.ConnConfig) error {
		if path, ok := ctx.Value(tenantKey{}).(string); ok {
			c.RuntimeParams = map[string]string{"search_path": path}
		}
		return nil
	}))))
	defer db.Close()
	db.SetMaxIdleConns(0)
	ctx := map[string]context.Context{}
	for _, path := range []string{"a", "b"} {
		ctx[path] = context.WithValue(t.Context(), tenantKey{}, path)
		if err := db.PingContext(ctx[path]); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(log.String(), "each is dialed before a hit") {
		t.Errorf("the log does not say that connections differ: %q", log.String())
	}
	for _, path := range []string{"a", "a", "b", "b", "a", "b"} {
		var city string
		if err := db.QueryRowContext(ctx[path], "SELECT city FROM users WHERE id = $1", 1).Scan(&city); err != nil || city != "of "+path {
			t.Errorf("got %q, %v, want that of %s", city, err, path)
		}
	}
	c, err := db.Conn(ctx["b"])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.exec(c, "UPDATE users SET city = 'new' WHERE id = $1", 1) // whose context is of no tenant
	var city string
	if err := s.bare.QueryRow("SELECT city FROM b.users").Scan(&city); err != nil || city != "new" {
		t.Errorf("got %q, %v, want what was written", city, err)
	}
}
