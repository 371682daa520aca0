package stacks

import (
	"database/sql"
	"testing"
	"time"
)

// database/sql counts a connection of the cache's as open also while it has not dialed: OpenConnections bounds those to
// the database from above.
func TestPoolStats(t *testing.T) {
	p := places[0]
	bare, dsn := p.database(t)
	cache := p.cache(t, nil)
	db := open(t, cache.Driver(bare.Driver()), dsn+"&application_name=counted")
	db.SetMaxIdleConns(0)
	db.SetMaxOpenConns(2)
	dialed := func() (n int) {
		t.Helper()
		if err := bare.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'counted'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	p.name(t, db, 1)
	for range 500 {
		if dialed() == 0 {
			break // the server has noticed that the connection is closed
		}
		time.Sleep(10 * time.Millisecond)
	}
	db.SetMaxIdleConns(2)
	if n := hits(cache, func() { p.name(t, db, 1) }); n != 1 {
		t.Errorf("%d hits", n)
	}
	if s := db.Stats(); s.OpenConnections != 1 || s.Idle != 1 || dialed() != 0 {
		t.Errorf("after a hit: %d are open, %d idle, %d dialed, want 1, 1 and 0", s.OpenConnections, s.Idle, dialed())
	}
	// The same connection dials when it has to.
	p.name(t, db, 2)
	if s := db.Stats(); s.OpenConnections != 1 || dialed() != 1 {
		t.Errorf("after a miss: %d are open, %d dialed, want 1 and 1", s.OpenConnections, dialed())
	}
	// A hit counts against the limit while its row is read.
	var open []*sql.Rows
	for range 2 {
		rows, err := db.Query("SELECT name FROM users WHERE id = $1", 1)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, rows)
	}
	if s := db.Stats(); s.InUse != 2 || s.OpenConnections != 2 {
		t.Errorf("with two rows open: %d in use of %d", s.InUse, s.OpenConnections)
	}
	for _, rows := range open {
		rows.Close()
	}
	if s := db.Stats(); s.InUse != 0 || s.Idle != 2 {
		t.Errorf("at last: %d in use, %d idle", s.InUse, s.Idle)
	}
}
