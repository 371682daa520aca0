package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"
	modernc "modernc.org/sqlite"
)

// A scene is one behaviour in one arm, with a pool of its own on a fresh table of things. What it shows is recorded.
type scene struct {
	*arm
	record
	t  *testing.T
	db *sql.DB
}

// A behaviour is something that programs do.
type behaviour struct {
	group, name string
	hits        bool               // something in it is a hit, once it was asked before
	on          func(b *base) bool // nil: everywhere
	run         func(s *scene)
}

func on(servers ...*server) func(*base) bool {
	return func(b *base) bool {
		for _, s := range servers {
			if b.server == s {
				return true
			}
		}
		return false
	}
}

func by(drivers ...string) func(*base) bool {
	return func(b *base) bool {
		for _, d := range drivers {
			if b.driver == d {
				return true
			}
		}
		return false
	}
}

// A runner is a DB, a Conn or a Tx.
type runner interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

var background = context.Background()

const one = "SELECT id, name, n FROM things WHERE id = $1"

func testBehaviours(t *testing.T, b *base) {
	r := rigUp(t, b)
	for _, c := range behaviours {
		if c.on != nil && !c.on(b) {
			continue
		}
		t.Run(c.group+" "+c.name, func(t *testing.T) {
			name, hits := c.group+"/"+c.name, uint64(0)
			play := func(a *arm, warm bool) string {
				by := r.bare
				if a == r.cached {
					by = a // so that the cache hears of it
				}
				for _, text := range []string{"DELETE FROM things", things[1]} {
					if _, err := by.db.Exec(text); err != nil {
						t.Fatalf("%s: %s: %v", a.name, text, err)
					}
				}
				if warm {
					a.look(t)
				}
				s := &scene{arm: a, t: t, db: a.try(r.url)}
				defer s.db.Close()
				defer r.bare.db.Exec("DROP TABLE IF EXISTS others")
				done := make(chan struct{})
				go func() {
					defer close(done)
					defer func() {
						if p := recover(); p != nil {
							s.add("panic: %v", p) // the driver's own, if it is one of the bare driver
						}
					}()
					hits = a.hits(func() { c.run(s) })
				}()
				select {
				case <-done:
				case <-time.After(30 * time.Second):
					panic(b.name + ": " + name + " hangs, " + a.name + ", after:\n" + s.String())
				}
				return s.String()
			}
			want := play(r.bare, false)
			for _, arm := range []struct {
				*arm
				name string
			}{{r.plain, "wrapped"}, {r.cached, "miss"}, {r.cached, "hit"}} {
				got := play(arm.arm, arm.name == "hit")
				if arm.name == "hit" && c.hits && hits == 0 {
					// A write before, of which nobody knows what has become of it, keeps the cache from being used.
					r.cached = r.wrap("cached", rules)
					if got = play(r.cached, true); hits == 0 {
						t.Errorf("no hit")
					}
				}
				r.on(t).same("behaviours", name, arm.name, want, got)
			}
		})
	}
}

// on is the rig for a test of its own.
func (r *rig) on(t *testing.T) *rig {
	own := *r
	own.t = t
	return &own
}

// look reads what behaviours like to read, until it is in the cache. Its pool is a fresh one, since a schema that has changed is
// looked at when a connection dials.
func (a *arm) look(t *testing.T) {
	t.Helper()
	db := a.try(a.url)
	defer db.Close()
	stmt, err := db.Prepare(a.text(one))
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	for _, id := range []int{1, 2, 3, 99} {
		for _, row := range []*sql.Row{db.QueryRow(a.text(one), id), stmt.QueryRow(id)} {
			var n any
			if err := row.Scan(&n, &n, &n); err != nil && id != 99 {
				t.Fatal(err)
			}
		}
	}
}

// err records an error with what the driver's own type tells.
func (s *scene) err(what string, err error) {
	s.add("%s: %s%s", what, showError(err), details(err))
}

func details(err error) string {
	var pgErr *pgconn.PgError
	var pqErr *pq.Error
	var mysqlErr *mysql.MySQLError
	var mattnErr sqlite3.Error
	var moderncErr *modernc.Error
	switch {
	case errors.As(err, &pgErr):
		return fmt.Sprint(" ", pgErr.Severity, pgErr.Code, pgErr.ConstraintName, pgErr.ColumnName, pgErr.Position, pgErr.Where)
	case errors.As(err, &pqErr):
		return fmt.Sprint(" ", pqErr.Severity, pqErr.Code, pqErr.Constraint, pqErr.Column, pqErr.Position, pqErr.Where)
	case errors.As(err, &mysqlErr):
		return fmt.Sprint(" ", mysqlErr.Number, string(mysqlErr.SQLState[:]))
	case errors.As(err, &mattnErr):
		return fmt.Sprint(" ", int(mattnErr.Code), " ", int(mattnErr.ExtendedCode))
	case errors.As(err, &moderncErr):
		return fmt.Sprint(" ", moderncErr.Code())
	}
	return ""
}

// one reads a thing, a row at once.
func (s *scene) one(on runner, ids ...any) {
	for _, id := range ids {
		s.row(on.QueryRowContext(background, s.text(one), id))
	}
}

func (s *scene) row(row *sql.Row) {
	var id, name, n any
	err := row.Scan(&id, &name, &n)
	s.err(fmt.Sprintf("row %s, %s, %s", show(id), show(name), show(n)), err)
}

func (s *scene) query(on runner, query string, args ...any) {
	rows, err := on.QueryContext(background, s.text(query), args...)
	s.rows(rows, err)
}

func (s *scene) rows(rows *sql.Rows, err error) {
	if err != nil {
		s.err("query", err)
		return
	}
	s.showRows(rows, nil)
}

func (s *scene) exec(on runner, queries ...string) {
	for _, query := range queries {
		s.result(on.ExecContext(background, s.text(query)))
	}
}

func (s *scene) result(result sql.Result, err error) {
	if err != nil {
		s.err("exec", err)
		return
	}
	id, idErr := result.LastInsertId()
	n, nErr := result.RowsAffected()
	s.add("exec: id %d %s, rows %d %s", id, showError(idErr), n, showError(nErr))
}

// prepared records a statement's rows for some ids.
func (s *scene) prepared(on runner, ids ...any) {
	stmt, err := on.PrepareContext(background, s.text(one))
	if err != nil {
		s.err("prepare", err)
		return
	}
	for _, id := range ids {
		s.row(stmt.QueryRow(id))
	}
	s.err("close", stmt.Close())
}

func (s *scene) conn() *sql.Conn {
	conn, err := s.db.Conn(background)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

func (s *scene) begin(opts *sql.TxOptions) *sql.Tx {
	tx, err := s.db.BeginTx(background, opts)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { tx.Rollback() })
	return tx
}

// pick is what a server has of three.
func pick[T any](s *server, postgres, mariadb, sqlite T) T {
	switch s {
	case pg:
		return postgres
	case maria:
		return mariadb
	}
	return sqlite
}

// kill ends the server's side of a connection.
func (s *scene) kill(on runner) {
	var id int64
	if err := on.QueryRowContext(background, pick(s.server, "SELECT pg_backend_pid()", "SELECT CONNECTION_ID()", "")).Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.bare.db.Exec(pick(s.server, fmt.Sprintf("SELECT pg_terminate_backend(%d)", id), fmt.Sprintf("KILL %d", id), "")); err != nil {
		s.t.Fatal(err)
	}
	defer time.Sleep(20 * time.Millisecond) // until its last words have come
	gone := pick(s.server, fmt.Sprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", id),
		fmt.Sprintf("SELECT count(*) FROM information_schema.processlist WHERE id = %d", id), "")
	for n := 1; n != 0; time.Sleep(2 * time.Millisecond) {
		if err := s.bare.db.QueryRow(gone).Scan(&n); err != nil {
			s.t.Fatal(err)
		}
	}
}

// sleep is a query that takes long.
func (s *scene) sleep() string {
	return pick(s.server, "SELECT 1 FROM pg_sleep(20)", "SELECT SLEEP(20)",
		"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1000000000) SELECT count(*) FROM r")
}
