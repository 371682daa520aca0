package writes

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	pg "github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A scene is a schema of PostgreSQL with a select that is cached, and statements which once left something stale there, or
// might.
type scene struct {
	about  string
	since  int // the version that has what it is about
	schema string
	read   string
	args   []any
	steps  []string // each compared with what it does to a database without the cache
}

const numbers = `CREATE TABLE kv (id int PRIMARY KEY, k int, v int); INSERT INTO kv VALUES (1, 10, 0), (2, 20, 0), (3, 30, 0); CREATE TABLE log (id int);`

var scenes = []scene{
	{
		about: "defaults of a partition", since: 15,
		schema: `CREATE TABLE p (id int, k int DEFAULT 7, v int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p (k DEFAULT 5) FOR VALUES IN (1)`,
		read:   "SELECT count(*), sum(v) FROM p WHERE k = $1", args: []any{5, 6, 7},
		steps: []string{
			"INSERT INTO p1 (id, v) VALUES (1, 1)", "INSERT INTO p (id, v) VALUES (1, 1)", "UPDATE p1 SET k = 6", "UPDATE p1 SET k = DEFAULT", "UPDATE p SET k = DEFAULT",
			"MERGE INTO p1 USING (VALUES (1)) AS n (id) ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (1)",
		},
	},
	{
		about: "defaults of the table whose partition is read", since: 15,
		schema: `CREATE TABLE p (id int, k int DEFAULT 7, v int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p (k DEFAULT 5) FOR VALUES IN (1)`,
		read:   "SELECT count(*), sum(v) FROM p1 WHERE k = $1", args: []any{5, 7},
		steps: []string{"INSERT INTO p (id, v) VALUES (1, 1)", "INSERT INTO p1 (id, v) VALUES (1, 1)", "UPDATE p SET k = DEFAULT"},
	},
}

func TestScenes(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.about, func(t *testing.T) {
			t.Parallel()
			s.play(t)
		})
	}
}

// play runs the statements of a scene, with everything stored before each of them. What is stored is read by another
// connection than the one that writes.
func (s *scene) play(t *testing.T) {
	bare, base, dsn := s.open(t)
	cache, err := moneyclip.New(pg.Dialect, moneyclip.Config{Logger: quiet, Rules: []moneyclip.Rule{{Key: "k::%v", Query: s.read, NotFound: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	writer, reader := throughCache(t, cache, base, dsn), throughCache(t, cache, base, dsn)
	seen := func(db *sql.DB, arg any) string { return run(db, s.read, []any{arg}, true, false) }
	for _, step := range s.steps {
		for range 2 {
			for _, arg := range s.args {
				seen(reader, arg)
			}
		}
		isQuery := strings.HasPrefix(step, "SELECT") || strings.Contains(step, "RETURNING")
		if want, got := run(bare, step, nil, isQuery, false), run(writer, step, nil, isQuery, false); got != want {
			t.Errorf("%s:\nthe cache's driver shows %s\nthe base driver %s", step, got, want)
		}
		for _, arg := range s.args {
			if want, got := seen(base, arg), seen(reader, arg); got != want {
				t.Errorf("%v after %s:\nthe cache has %s\nthe database %s", arg, step, got, want)
			}
		}
	}
	if cache.Stats().Hits == 0 {
		t.Error("nothing was cached")
	}
}

// open makes the scene twice: once to be used by itself, and once through a cache.
func (s *scene) open(t *testing.T) (bare, base *sql.DB, dsn string) {
	made := func() (*sql.DB, string) {
		dsn := servers.Postgres(t)
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		version := 0
		if err := db.QueryRow("SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
			t.Fatal(err)
		}
		if version < s.since {
			t.Skipf("the server is a PostgreSQL %d", version)
		}
		execAll(t, db, s.schema)
		return db, dsn
	}
	bare, _ = made()
	base, dsn = made()
	return bare, base, dsn
}
