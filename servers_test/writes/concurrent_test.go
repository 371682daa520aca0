package writes

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rounds is how often the writers are stopped for a comparison.
const rounds = 40

// clashes are writes that meet on rows and keys, from many connections at once. Some fail by it, or wait for each other.
var clashes = []struct {
	query string
	args  func(r *rand.Rand) []any
	only  string
}{
	{query: "UPDATE users SET name = ? WHERE id = ?", args: func(r *rand.Rand) []any { return []any{word(r), user(r)} }},
	{query: "UPDATE users SET city = ? WHERE city = ?", args: func(r *rand.Rand) []any { return []any{city(r), city(r)} }},
	{query: "UPDATE users SET name = ? WHERE city = ?", args: func(r *rand.Rand) []any { return []any{word(r), city(r)} }},
	{query: "UPDATE users SET email = ? WHERE name = ?", args: func(r *rand.Rand) []any { return []any{email(r), word(r)} }},
	{query: "UPDATE orders SET user_id = ? WHERE status = ?", args: func(r *rand.Rand) []any { return []any{user(r), status(r)} }},
	{query: "UPDATE orders SET user_id = user_id % 4 + 1 WHERE total > ?", args: func(r *rand.Rand) []any { return []any{r.IntN(100)} }},
	{query: "UPDATE orders SET status = ?, total = total + 1 WHERE user_id = ?", args: func(r *rand.Rand) []any { return []any{status(r), user(r)} }},
	{query: "UPDATE orders SET total = ? WHERE user_id IN (SELECT id FROM users WHERE city = ?)", args: func(r *rand.Rand) []any { return []any{r.IntN(100), city(r)} }},
	{query: "INSERT INTO orders (user_id, total, status) VALUES (?, ?, ?)", args: func(r *rand.Rand) []any { return []any{user(r), r.IntN(100), status(r)} }},
	{query: "INSERT INTO orders (user_id, total, status) SELECT id, 1, 'new' FROM users WHERE city = ?", args: func(r *rand.Rand) []any { return []any{city(r)} }},
	{query: "INSERT INTO items (order_id, what) SELECT id, 'pen' FROM orders WHERE user_id = ?", args: func(r *rand.Rand) []any { return []any{user(r)} }},
	{query: "DELETE FROM items WHERE what = 'pen'", args: func(*rand.Rand) []any { return nil }},
	{query: "DELETE FROM orders WHERE status = ? AND total > ?", args: func(r *rand.Rand) []any { return []any{status(r), r.IntN(100)} }},
	{query: "DELETE FROM orders WHERE user_id = ?", args: func(r *rand.Rand) []any { return []any{user(r)} }},
	{query: "UPDATE stamped SET code = ? WHERE code = ?", args: func(r *rand.Rand) []any { return []any{code(r), code(r)} }},
	{query: "UPDATE audited SET note = ?, user_id = ? WHERE id < 3", args: func(r *rand.Rand) []any { return []any{word(r), user(r)} }},
	{
		query: "INSERT INTO users (email, name) VALUES (?, ?) ON CONFLICT (email) DO UPDATE SET name = excluded.name",
		args:  func(r *rand.Rand) []any { return []any{email(r), word(r)} }, only: postgres,
	},
	{
		query: "INSERT INTO users (email, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name)",
		args:  func(r *rand.Rand) []any { return []any{email(r), word(r)} }, only: mariadb,
	},
	{
		query: "UPDATE users SET name = orders.status FROM orders WHERE orders.user_id = users.id AND orders.total < ?",
		args:  func(r *rand.Rand) []any { return []any{r.IntN(50)} }, only: postgres,
	},
	{
		query: "WITH gone AS (DELETE FROM items WHERE order_id = ? RETURNING order_id) UPDATE orders SET total = 0 WHERE id IN (SELECT order_id FROM gone)",
		args:  func(r *rand.Rand) []any { return []any{10 + r.IntN(30)} }, only: postgres,
	},
}

func user(r *rand.Rand) int64    { return int64(1 + r.IntN(4)) }
func word(r *rand.Rand) string   { return []string{"Ann", "Bob", "x"}[r.IntN(3)] }
func city(r *rand.Rand) string   { return []string{"Rome", "Oslo", "Bonn"}[r.IntN(3)] }
func status(r *rand.Rand) string { return []string{"new", "paid"}[r.IntN(2)] }
func code(r *rand.Rand) string   { return []string{"p", "q", "r"}[r.IntN(3)] }
func email(r *rand.Rand) string  { return []string{"a@x", "b@x", "c@x", "d@x"}[r.IntN(4)] }

// Writers and readers on many connections at once, at once and in transactions: whenever all writes are acknowledged,
// every cached select returns what the database holds.
func TestConcurrent(t *testing.T) {
	for i := range engines {
		e := &engines[i]
		for _, level := range []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadCommitted, sql.LevelRepeatableRead} {
			if level != sql.LevelDefault && (e.family() == sqlite || e.isSetting()) {
				continue // how a driver sends arguments does not hang on the level
			}
			t.Run(fmt.Sprintf("%s %v", e.name, level), func(t *testing.T) {
				t.Parallel()
				p := e.open(t)
				p.fill(t)
				cache, db := p.through(t)
				failed := 0
				for round := range rounds {
					failed += clash(e, db, level, uint64(round))
					if diff := cmp.Diff(look(t, e, p.DB), look(t, e, db)); diff != "" {
						t.Fatalf("round %d: cached selects (-database +cache):\n%s", round, diff)
					}
				}
				s := cache.Stats()
				t.Logf("%d writes failed; %d hits, %d misses, %d keys dropped, %d times all of a rule", failed, s.Hits, s.Misses, s.Invalidations, s.RuleWide)
				if s.Hits == 0 || s.Invalidations == 0 {
					t.Errorf("nothing was cached, or nothing dropped")
				}
			})
		}
	}
}

// clash lets writers and readers loose, and returns how many writes have failed.
func clash(e *engine, db *sql.DB, level sql.IsolationLevel, seed uint64) int {
	const writers, readers, each = 5, 2, 6
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var mu sync.Mutex
	failed := 0
	var writing, reading sync.WaitGroup
	stop := make(chan struct{})
	for n := range writers {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			for range each {
				if write(ctx, e, db, level, r) != nil {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
		})
	}
	for n := range readers {
		reading.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(100+n)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := selects[r.IntN(len(selects))]
				rows, err := db.QueryContext(ctx, e.bind(s.query), s.args[r.IntN(len(s.args))])
				if err == nil {
					describeRows(rows)
				}
			}
		})
	}
	writing.Wait()
	close(stop)
	reading.Wait()
	return failed
}

// write runs one write by itself, or some in a transaction that may be rolled back.
func write(ctx context.Context, e *engine, db *sql.DB, level sql.IsolationLevel, r *rand.Rand) error {
	one := func(s session) error {
		for {
			c := clashes[r.IntN(len(clashes))]
			if c.only != "" && c.only != e.family() {
				continue
			}
			args := c.args(r)
			_, err := s.ExecContext(ctx, e.bind(c.query), args...)
			return err
		}
	}
	if r.IntN(3) > 0 {
		return one(db)
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for range 1 + r.IntN(3) {
		if err := one(tx); err != nil {
			return err
		}
	}
	if r.IntN(5) == 0 {
		return nil
	}
	return tx.Commit()
}
