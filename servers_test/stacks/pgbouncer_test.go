package stacks

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// bounced are drivers with what they want of a PgBouncer in transaction mode: no statement that stays prepared.
var bounced = map[string]string{
	"pgx":      "&default_query_exec_mode=exec",
	"postgres": "&binary_parameters=yes",
}

// A PgBouncer in transaction mode gives each transaction another connection.
func TestPgBouncer(t *testing.T) {
	for _, p := range places[:2] {
		for _, mode := range []string{bounced[p.base], "&default_query_exec_mode=simple_protocol"} {
			if p.base != "pgx" && mode != bounced[p.base] {
				continue
			}
			t.Run(p.base+mode, func(t *testing.T) {
				bare, dsn := p.database(t)
				through := servers.PgBouncer(t, dsn, "default_pool_size=2")
				cache := p.cache(t, nil)
				db := open(t, cache.Driver(bare.Driver()), through+mode)
				unprepared(t, p, db, bare)

				// More clients than connections: each sees what it wrote, and hits.
				const clients = 8
				db.SetMaxIdleConns(clients)
				for id := 10; id < 10+clients; id++ {
					run(t, db, p.text("INSERT INTO users VALUES ($1, 'new', 'Bonn')"), id)
				}
				var wg sync.WaitGroup
				for id := 10; id < 10+clients; id++ {
					wg.Go(func() {
						for i := range 20 {
							want := fmt.Sprint(i)
							query := p.text("UPDATE users SET name = $1 WHERE city = 'Bonn' AND id = $2")
							if _, err := db.Exec(query, want, id); err != nil {
								t.Error(err)
								return
							}
							for range 3 {
								var got string
								if err := db.QueryRow("SELECT name FROM users WHERE id = $1", id).Scan(&got); err != nil || got != want {
									t.Errorf("client %d reads %q, %v, want %q", id, got, err, want)
									return
								}
							}
						}
					})
				}
				wg.Wait()
				if n := cache.Stats(); n.Hits < clients*20 || n.RuleWide != 0 {
					t.Errorf("%d hits, %d times every key", n.Hits, n.RuleWide)
				}
				var servers int
				if err := bare.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&servers); err != nil {
					t.Fatal(err)
				}
				if servers > 2+bare.Stats().OpenConnections {
					t.Errorf("PgBouncer has %d connections", servers)
				}
			})
		}
	}
}

// unprepared writes in ways that want no prepared statement, and compares.
func unprepared(t *testing.T, p place, db, bare *sql.DB) {
	t.Helper()
	check := func(after string) {
		t.Helper()
		for range 2 {
			for id := 1; id <= 3; id++ {
				if got, want := p.name(t, db, id), p.name(t, bare, id); got != want {
					t.Errorf("after %s: user %d is %q, want %q", after, id, got, want)
				}
			}
		}
	}
	check("nothing")
	run(t, db, "UPDATE users SET name = $1 WHERE id = 1", "Amy")
	check("an update by key")
	run(t, db, "UPDATE users SET name = 'Sue' WHERE city = $1", "Rome")
	check("one of many rows")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	run(t, tx, "UPDATE users SET name = 'Tex' WHERE city = $1", "Rome")
	run(t, tx, "SAVEPOINT s")
	run(t, tx, "UPDATE users SET name = 'lost' WHERE id = 2")
	run(t, tx, "ROLLBACK TO s")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	check("a transaction")
	var id int
	if err := db.QueryRow("UPDATE users SET name = 'Ret' WHERE name = $1 AND id = 1 RETURNING id", "Tex").Scan(&id); err != nil || id != 1 {
		t.Errorf("RETURNING: %d, %v", id, err)
	}
	check("RETURNING")
}
