package writes

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/moneyclip/moneyclip"
	my "github.com/moneyclip/moneyclip/mysql"
	pg "github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// Writes that have once left something stale, or behaved otherwise than by themselves.

// start opens an engine's database, filled, through a cache that has everything.
func start(t *testing.T, name string) (*engine, *place, *sql.DB) {
	t.Helper()
	e, p := filled(t, name)
	_, db := p.through(t)
	look(t, e, db)
	return e, p, db
}

func filled(t *testing.T, name string) (*engine, *place) {
	t.Helper()
	i := slices.IndexFunc(engines, func(e engine) bool { return e.name == name })
	p := engines[i].open(t)
	p.fill(t)
	return p.engine, p
}

func (p *place) wantFresh(t *testing.T, db *sql.DB) {
	t.Helper()
	if diff := cmp.Diff(look(t, p.engine, p.DB), look(t, p.engine, db)); diff != "" {
		t.Errorf("cached selects (-database +cache):\n%s", diff)
	}
}

func do(t *testing.T, s session, query string, args ...any) {
	t.Helper()
	if _, err := s.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// A row that leads to a key can come to be after a path was gone in vain, and somebody store the key's row before the
// transaction that has gone it is committed.
func TestPathThatComesLater(t *testing.T) {
	e, p, db := start(t, "pgx")
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	do(t, tx, "INSERT INTO items (order_id, what) VALUES (20, 'cap')") // order 20 is user 2's
	do(t, db, "UPDATE orders SET user_id = 3 WHERE id = 20")           // and now user 3's
	look(t, e, db)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	p.wantFresh(t, db)
}

// Drivers take options among the arguments.
func TestOptionsAmongArguments(t *testing.T) {
	_, p, db := start(t, "pgx")
	do(t, db, "UPDATE users SET name = 'x' WHERE id = $1", pgx.QueryExecModeExec, 1)
	p.wantFresh(t, db)
	do(t, db, "DELETE FROM orders WHERE id = $1", pgx.QueryExecModeSimpleProtocol, 10)
	p.wantFresh(t, db)
}

// An address is an enumeration as programs have them. What pgx sends is its name.
type address int

func (c address) String() string { return []string{"a@x", "b@x", "z@x"}[c] }

func TestStringer(t *testing.T) {
	_, p, db := start(t, "pgx")
	var id int64
	var name string
	if err := db.QueryRow("SELECT id, name FROM users WHERE email = $1", address(0)).Scan(&id, &name); err != nil || id != 1 {
		t.Fatalf("got %d, %v", id, err)
	}
	do(t, db, "UPDATE users SET name = 'x' WHERE email = $1", address(0))
	p.wantFresh(t, db)
	do(t, db, "UPDATE users SET email = $1 WHERE id = 2", address(2))
	p.wantFresh(t, db)
}

// A town is an enumeration as sqlc makes them: its methods take values in and judge them, and what is sent is its text.
type town string

func (w *town) Scan(src any) error {
	text, ok := src.(string)
	*w = town(text)
	if !ok {
		return errors.New("no text")
	}
	return nil
}

func (w town) Valid() bool { return w == "Rome" || w == "Oslo" || w == "Bonn" }

func TestEnumerations(t *testing.T) {
	for _, name := range []string{"pgx", "pq", "mysql"} {
		t.Run(name, func(t *testing.T) {
			e, p := filled(t, name)
			cache, db := p.under(t, []moneyclip.Rule{{Name: "living", Key: "living::%s", Query: e.bind("SELECT count(*) FROM users WHERE city = ?")}})
			count := func(hits, want int, where town) {
				t.Helper()
				before, n := cache.Stats(), 0
				if err := db.QueryRow(e.bind("SELECT count(*) FROM users WHERE city = ?"), where).Scan(&n); err != nil || n != want {
					t.Errorf("%d live in %s: %v, want %d", n, where, err, want)
				}
				if got := int(cache.Stats().Hits - before.Hits); got != hits {
					t.Errorf("%s: %d hits, want %d", where, got, hits)
				}
			}
			for _, hits := range []int{0, 1} {
				count(hits, 2, "Rome")
				count(hits, 1, "Oslo")
				count(hits, 0, "Bonn")
			}
			do(t, db, e.bind("UPDATE users SET city = ? WHERE id = ?"), town("Bonn"), 2)
			count(1, 2, "Rome")
			count(0, 0, "Oslo")
			count(0, 1, "Bonn")
		})
	}
}

// A statement that fails has written nothing, so it drops nothing, although the rows that it might have touched cannot be read any more.
func TestFailedStatements(t *testing.T) {
	for _, name := range []string{"pgx", "pq", "mysql", "sqlite"} {
		t.Run(name, func(t *testing.T) {
			e, p := filled(t, name)
			cache, db := p.under(t, append(e.rules(), moneyclip.Rule{
				Name: "buyer", Key: "buyer::%d", Query: e.bind("SELECT users.name FROM orders JOIN users ON users.id = orders.user_id WHERE orders.id = ?"),
			}))
			look(t, e, db)
			fails := func(s session, savepoint bool) {
				t.Helper()
				for _, query := range []string{
					"INSERT INTO users (email, name) VALUES ('a@x', 'taken')", "UPDATE users SET email = 'a@x' WHERE city = 'Oslo'",
					"UPDATE orders SET user_id = 77 WHERE status = 'new'",
				} {
					if savepoint {
						do(t, s, "SAVEPOINT there")
					}
					if _, err := s.ExecContext(t.Context(), query); err == nil {
						t.Fatalf("%s: no error", query)
					}
					if savepoint {
						do(t, s, "ROLLBACK TO SAVEPOINT there")
					}
				}
			}
			before := cache.Stats().RuleWide
			fails(db, false)
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			fails(tx, true)
			do(t, tx, "UPDATE users SET name = 'kept' WHERE id = 1")
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if wide := cache.Stats().RuleWide - before; wide > 0 {
				t.Errorf("%d times every key of a rule was dropped", wide)
			}
			p.wantFresh(t, db)
		})
	}
}

// Tables in a rule need no schema, in its On as little as in its query.
func TestOnWithoutSchema(t *testing.T) {
	for _, name := range []string{"pgx", "mysql", "sqlite"} {
		t.Run(name, func(t *testing.T) {
			e, p := filled(t, name)
			query := e.bind("SELECT count(*) FROM items JOIN orders ON orders.id = items.order_id WHERE orders.user_id = ?")
			cache, db := p.under(t, []moneyclip.Rule{{Name: "items", Key: "items::%d", Query: query, On: []moneyclip.On{
				{Table: "orders", Columns: []string{"user_id"}},
				{Table: "items", Columns: []string{"order_id"}, Path: e.bind("SELECT user_id FROM orders WHERE id = ?")},
			}}})
			count := func(hits, want int) {
				t.Helper()
				before, n := cache.Stats(), 0
				if err := db.QueryRow(query, 2).Scan(&n); err != nil || n != want {
					t.Errorf("%d items, %v, want %d", n, err, want)
				}
				if got := int(cache.Stats().Hits - before.Hits); got != hits {
					t.Errorf("%d hits, want %d", got, hits)
				}
			}
			count(0, 1)
			count(1, 1)
			do(t, db, "INSERT INTO items (order_id, what) VALUES (10, 'cap')") // user 1's
			count(1, 1)
			do(t, db, "INSERT INTO items (order_id, what) VALUES (20, 'cap')")
			count(0, 2)
		})
	}
}

// A coded address says one thing to database/sql, and another to pgx.
type coded struct{ text string }

func (c coded) Value() (driver.Value, error) { return "coded " + c.text, nil }

func (c coded) TextValue() (pgtype.Text, error) { return pgtype.Text{String: c.text, Valid: true}, nil }

func TestOtherValueMethods(t *testing.T) {
	_, p, db := start(t, "pgx")
	var id int64
	var name string
	if err := db.QueryRow("SELECT id, name FROM users WHERE email = $1", coded{"a@x"}).Scan(&id, &name); err != nil || id != 1 {
		t.Fatalf("got %d, %v", id, err)
	}
	do(t, db, "UPDATE users SET name = 'x' WHERE email = $1", coded{"a@x"})
	p.wantFresh(t, db)
	do(t, db, "UPDATE users SET email = $1 WHERE id = 2", coded{"z@x"})
	p.wantFresh(t, db)
}

// A caller may go on to write what a statement has returned, on another connection, while its rows are open.
func TestWritesWhileRowsAreOpen(t *testing.T) {
	for _, name := range []string{"pgx", "pq"} {
		t.Run(name, func(t *testing.T) {
			_, p, db := start(t, name)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			rows, err := db.QueryContext(ctx, "UPDATE users SET name = 'x' WHERE city = $1 RETURNING id", "Rome")
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			n := 0
			for ; rows.Next(); n++ {
				var id int64
				if err := rows.Scan(&id); err != nil {
					t.Fatal(err)
				}
				if _, err := db.ExecContext(ctx, "UPDATE users SET name = 'y' WHERE id = $1", id); err != nil {
					t.Fatal(err)
				}
			}
			if err := rows.Err(); err != nil || n != 2 {
				t.Errorf("%d rows, %v", n, err)
			}
			p.wantFresh(t, db)
		})
	}
}

// A savepoint of ours does not hide one of the caller's.
func TestSavepointOfTheCaller(t *testing.T) {
	_, p, db := start(t, "pgx")
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	do(t, tx, "SAVEPOINT moneyclip")
	do(t, tx, "UPDATE users SET name = 'y' WHERE id = 1")
	if _, err := tx.Exec("UPDATE users SET email = 'b@x' WHERE city = 'Rome'"); err == nil {
		t.Fatal("two users have one email")
	}
	do(t, tx, "ROLLBACK TO SAVEPOINT moneyclip")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var name string
	if err := p.QueryRow("SELECT name FROM users WHERE id = 1").Scan(&name); err != nil || name != "one" {
		t.Errorf("got %q, %v, want one", name, err)
	}
	p.wantFresh(t, db)
}

// A trigger may keep a row from being deleted while another one comes to be that is deleted.
func TestNumbersAreNoRows(t *testing.T) {
	e, p, db := start(t, "pgx")
	p.exec(t, "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.id = 1 THEN RETURN NULL; END IF; RETURN OLD; END $$")
	do(t, db, "CREATE TRIGGER keep BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION keep()")
	look(t, e, db)
	do(t, db, "DELETE FROM users WHERE city = 'Rome'")
	p.wantFresh(t, db)
}

// A write in WITH can make a row refer to another that the statement deletes. It was not among those that referred to it
// before, and goes with it.
func TestCascadeToRowsThatMove(t *testing.T) {
	_, p := filled(t, "pgx")
	const query = "SELECT total FROM orders WHERE id = $1"
	_, db := p.under(t, []moneyclip.Rule{{Name: "total", Key: "total::%d", Query: query, Args: []int{1}}})
	total := 0
	if err := db.QueryRow(query, 20).Scan(&total); err != nil {
		t.Fatal(err)
	}
	do(t, db, "WITH moved AS (UPDATE orders SET user_id = 1 WHERE id = 20) DELETE FROM users WHERE id = 1")
	if err := db.QueryRow(query, 20).Scan(&total); err != sql.ErrNoRows {
		t.Errorf("the row is still there: %d, %v", total, err)
	}
}

// MySQL numbers a row by itself also for what becomes 0 in its column, however that is written.
func TestZeroThatIsNumbered(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = ?"
	for typ, writes := range map[string][]string{
		"BIGINT": {
			"INSERT INTO users (id, name) VALUES (0, 'a')", "INSERT INTO users (id, name) VALUES ('0', 'a')", `INSERT INTO users SET id = "0", name = 'a'`,
			"REPLACE INTO users (id, name) VALUES (0e0, 'a')", "INSERT INTO other VALUES (1)",
		},
		"DOUBLE": {"INSERT INTO users (id, name) VALUES (0.3, 'a')", "INSERT INTO users (id, name) VALUES ('-0', 'a')"},
	} {
		t.Run(typ, func(t *testing.T) {
			if typ == "DOUBLE" && servers.MySQL() {
				t.Skip("MySQL numbers integers alone")
			}
			base, db, _ := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), read,
				"CREATE TABLE users (id "+typ+" AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20))", "CREATE TABLE other (x INT)",
				"CREATE TRIGGER other AFTER INSERT ON other FOR EACH ROW INSERT INTO users (id, name) VALUES ('0', 'b')")
			id := 0
			for _, write := range writes {
				id++
				answer(db, read, id) // none, which is stored
				do(t, db, write)
				wantSame(t, base, db, write, read, id)
			}
			for _, arg := range []any{0, "0", 0.0, 0.3} {
				if arg == 0.3 && typ == "BIGINT" {
					continue // refused
				}
				id++
				answer(db, read, id)
				do(t, db, "INSERT INTO users (id, name) VALUES (?, 'c')", arg)
				wantSame(t, base, db, fmt.Sprintf("%T %[1]v", arg), read, id)
			}
		})
	}
}

// What a foreign table holds changes behind the back of the database, also where it is shown by a table above it.
func TestForeignTableBelow(t *testing.T) {
	dsn := servers.Postgres(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("the DSN is no URL")
	}
	password, _ := u.User.Password()
	for _, table := range []string{"far", "parted", "parent"} {
		read := "SELECT name FROM " + table + " WHERE id = $1"
		base, db, _ := withRule(t, pg.Dialect, "pgx", dsn, read,
			"DROP TABLE IF EXISTS near, parted, parent CASCADE", "DROP EXTENSION IF EXISTS postgres_fdw CASCADE",
			"CREATE TABLE near (id BIGINT PRIMARY KEY, name TEXT)", "INSERT INTO near VALUES (1, 'a')", "CREATE EXTENSION postgres_fdw",
			fmt.Sprintf("CREATE SERVER loop FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '%s', dbname '%s')", u.Port(), u.Path[1:]),
			fmt.Sprintf("CREATE USER MAPPING FOR CURRENT_USER SERVER loop OPTIONS (user '%s', password '%s')", u.User.Username(), password),
			"CREATE FOREIGN TABLE far (id BIGINT, name TEXT) SERVER loop OPTIONS (table_name 'near')",
			"CREATE TABLE parted (id BIGINT, name TEXT) PARTITION BY RANGE (id)",
			"CREATE FOREIGN TABLE part PARTITION OF parted FOR VALUES FROM (1) TO (9) SERVER loop OPTIONS (table_name 'near')",
			"CREATE TABLE parent (id BIGINT, name TEXT)", "CREATE FOREIGN TABLE child () INHERITS (parent) SERVER loop OPTIONS (table_name 'near')")
		answer(db, read, 1)
		answer(db, read, 1)
		do(t, db, "UPDATE near SET name = 'b' WHERE id = 1")
		wantSame(t, base, db, table, read, 1)
	}
}

// FLUSH TABLES may lock as LOCK TABLES does, and a BEGIN of our own would unlock.
func TestFlushThatLocks(t *testing.T) {
	for _, lock := range []string{"FLUSH TABLES users WITH READ LOCK", "FLUSH TABLES users FOR EXPORT", "LOCK TABLES users READ"} {
		base, db, _ := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), "SELECT count(*) FROM users WHERE name = ?",
			"CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20))", "INSERT INTO users VALUES (1, 'a')")
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		do(t, c, lock)
		if _, err := c.ExecContext(t.Context(), "UPDATE users SET name = 'b' WHERE id = 1"); err == nil {
			t.Errorf("%s: the table is written that is locked for reading", lock)
		}
		soon, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := base.ExecContext(soon, "UPDATE users SET name = 'c' WHERE id = 1"); err == nil {
			t.Errorf("%s: another session has written", lock)
		}
		cancel()
		do(t, c, "UNLOCK TABLES")
		c.Close()
	}
}
