package bench

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/mattn/go-sqlite3"
	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	mysqldialect "github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
)

// goroutinesMost is the largest pool that is needed: every pool keeps that many connections, so that dialing is not what is
// measured.
const goroutinesMost = 64

// A database is one of those that are measured, with the tables item and other in it.
type database struct {
	name    string
	dialect moneyclip.Dialect
	base    driver.Connector
	mark    string // of an argument
	ent     string // its name for ent
}

func (d *database) text(query string) string { return strings.ReplaceAll(query, "?", d.mark) }

// open is the database as it is, or behind a cache.
func (d *database) open(t testing.TB, cache *moneyclip.Cache) *sql.DB {
	t.Helper()
	c := d.base
	if cache != nil {
		c = cache.Connector(c)
	}
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(goroutinesMost)
	db.SetMaxOpenConns(goroutinesMost)

	t.Cleanup(func() { db.Close() })
	return db
}

// cache is a cache for the database, with these rules. Without a client it is in the process.
func (d *database) cache(t testing.TB, client redis.UniversalClient, rules ...moneyclip.Rule) *moneyclip.Cache {
	t.Helper()
	cfg := moneyclip.Config{Rules: rules, Namespace: "b" + fmt.Sprint(time.Now().UnixNano())}
	if client != nil {
		store := redisstore.New(client)
		store.ReadTimeout = 2 * time.Second // a busy machine is no outage
		store.Grace = time.Millisecond      // a fresh server has nothing from before
		cfg.Store = store
	} else {
		cfg.Store = moneyclip.NewMemStore(8 << 30)
	}
	cache, err := moneyclip.New(d.dialect, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	return cache
}

var itemRule = moneyclip.Rule{Key: "item-%d", Table: "item", By: []string{"id"}, TTL: time.Hour}

const (
	aggregateRows = 1000 // of an owner
	aggregate     = "SELECT count(*), sum(price), max(name), min(note), avg(price) FROM item WHERE owner = ?"
)

var aggregateRule = moneyclip.Rule{Key: "owner-%d", Query: aggregate, TTL: time.Hour}

var schema = []string{
	`CREATE TABLE item (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, name VARCHAR(40) NOT NULL, note VARCHAR(60) NOT NULL,
	price DOUBLE PRECISION NOT NULL, text VARCHAR(80) NOT NULL, sold BOOLEAN NOT NULL, made TIMESTAMP NOT NULL)`,
	`CREATE INDEX item_owner ON item (owner)`,
	`CREATE TABLE other (id BIGINT PRIMARY KEY, owner BIGINT NOT NULL, name VARCHAR(40) NOT NULL, note VARCHAR(60) NOT NULL,
	price DOUBLE PRECISION NOT NULL, text VARCHAR(80) NOT NULL, sold BOOLEAN NOT NULL, made TIMESTAMP NOT NULL)`,
}

// fill makes the tables, with so many rows.
func (d *database) fill(t testing.TB, rows int) {
	t.Helper()
	db := d.open(t, nil)
	schema := append([]string{}, schema...)
	if d.name == "SQLite" {
		schema[0] = strings.ReplaceAll(strings.Replace(schema[0], "BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY", 1), "VARCHAR(", "TEXT(")
	}
	const digit = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL " +
		"SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	number, from := "0", ""
	for power, i := 1, 0; power < rows; power, i = power*10, i+1 {
		number += fmt.Sprintf(" + %d * d%d.d", power, i)
		if from != "" {
			from += ", "
		}
		from += fmt.Sprintf("%s AS d%d", digit, i)
	}
	schema = append(schema,
		fmt.Sprintf(`INSERT INTO item SELECT n, n / %d, '%s', '%s', n / 4.0, '%s', n %% 2 = 1, '2024-05-06 07:08:09' FROM
			(SELECT %s AS n FROM %s) AS numbers WHERE n < %d`,
			aggregateRows, strings.Repeat("a", nameLen), strings.Repeat("b", noteLen), strings.Repeat("c", textLen), number, from, rows),
		`INSERT INTO other SELECT * FROM item WHERE id < 1000`)
	if d.name == "MariaDB" {
		schema[3] = strings.Replace(schema[3], "n / 1000", "n DIV 1000", 1)
	}
	if d.name == "Postgres" {
		schema[3] = strings.Replace(schema[3], "'2024-05-06 07:08:09'", "timestamp '2024-05-06 07:08:09'", 1)
		schema = append(schema, "ANALYZE item", "ANALYZE other")
	}
	for _, statement := range schema {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %.80s: %v", d.name, statement, err)
		}
	}
}

func newPostgres(t testing.TB, rows int) *database {
	t.Helper()
	config, err := pgx.ParseConfig(servers.StartPostgres(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	d := &database{name: "Postgres", dialect: postgres.Dialect, base: stdlib.GetConnector(*config), mark: "$1", ent: "postgres"}
	d.fill(t, rows)
	return d
}

func newMariaDB(t testing.TB, rows int) *database {
	t.Helper()
	config, err := mysql.ParseDSN(servers.MariaDB(t))
	if err != nil {
		t.Fatal(err)
	}
	config.ParseTime = true
	c, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	d := &database{name: "MariaDB", dialect: mysqldialect.Dialect, base: c, mark: "?", ent: "mysql"}
	d.fill(t, rows)
	return d
}

// newSQLite is a database in a file, with the settings of most programs.
func newSQLite(t testing.TB, rows int) *database {
	t.Helper()
	d := &database{name: "SQLite", dialect: sqlite.Dialect, mark: "?", ent: "sqlite3", base: sqliteConnector(
		"file:" + filepath.Join(t.TempDir(), "bench.db") + "?_journal_mode=WAL&_synchronous=NORMAL&_busy_timeout=5000")}
	d.fill(t, rows)
	return d
}

// newFloor is the floor, with a real schema.
func newFloor(t testing.TB) *database {
	t.Helper()
	d := newSQLite(t, 10)
	return &database{name: "floor", dialect: d.dialect, base: &floor{base: d.base}, mark: "?"}
}

// sqliteConnector is a DSN of mattn/go-sqlite3.
type sqliteConnector string

func (dsn sqliteConnector) Connect(context.Context) (driver.Conn, error) {
	return dsn.Driver().Open(string(dsn))
}

func (sqliteConnector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// newRedis is a client of a Redis that nobody else uses.
func newRedis(t testing.TB, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, PoolSize: goroutinesMost, MinIdleConns: 4})
	t.Cleanup(func() { client.Close() })
	return client
}

// shared is the database with one connection, for all who open it.
func (d *database) shared() *database {
	copied := *d
	copied.base = &oneConn{Connector: d.base}
	return &copied
}

// oneConn makes one connection, which all have who ask for one. They use it by turns.
type oneConn struct {
	driver.Connector
	conn driver.Conn // nil: not made yet
}

func (c *oneConn) Connect(ctx context.Context) (driver.Conn, error) {
	if _, ok := ctx.Deadline(); ok {
		return c.Connector.Connect(ctx) // the cache, which reads the catalog beside the pool
	}
	if c.conn != nil {
		return c.conn, nil
	}
	var err error
	c.conn, err = c.Connector.Connect(ctx)
	return c.conn, err
}

func pause(milliseconds int) { time.Sleep(time.Duration(milliseconds) * time.Millisecond) }
