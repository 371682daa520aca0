package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
)

// A pair is one database file through a cache and without one.
type pair struct {
	t             *testing.T
	cached, plain *sql.DB
	query         string
	args          []any
}

func newPair(t *testing.T, schema string, rule moneyclip.Rule, query string, args ...any) *pair {
	t.Helper()
	return newPairOver(t, &sqlite3.SQLiteDriver{}, schema, rule, query, args...)
}

func newPairOver(t *testing.T, base driver.Driver, schema string, rule moneyclip.Rule, query string, args ...any) *pair {
	t.Helper()
	dsn := "file:" + filepath.Join(t.TempDir(), "pair.db") + "?_journal_mode=WAL&_foreign_keys=on&_busy_timeout=3000"
	_, cached := wrapped(t, base, dsn, moneyclip.Config{Rules: []moneyclip.Rule{rule}})
	plain, err := sql.Open("sqlite3", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { plain.Close() })
	p := &pair{t: t, cached: cached, plain: plain, query: query, args: args}
	if _, err := p.plain.Exec(schema); err != nil {
		t.Fatal(err)
	}
	p.compare()
	return p
}

// compare reads each argument twice, so that the second is answered by what the first has stored.
func (p *pair) compare() {
	p.t.Helper()
	for _, arg := range p.args {
		want := oneRow(p.plain, p.query, arg)
		for range 2 {
			if got := oneRow(p.cached, p.query, arg); got != want {
				p.t.Errorf("%s [%v]: got %s, the database holds %s", p.query, arg, got, want)
			}
		}
	}
}

type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func oneRow(db queryer, query string, args ...any) string {
	rows, err := db.QueryContext(context.Background(), query, args...)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	all := ""
	for rows.Next() {
		values, places := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			return err.Error()
		}
		all += fmt.Sprintf("%#v ", values)
	}
	return all + fmt.Sprint(rows.Err())
}

func (p *pair) conn() *sql.Conn {
	p.t.Helper()
	conn, err := p.cached.Conn(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	return conn
}

func (p *pair) do(db interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, query string, args ...any,
) {
	p.t.Helper()
	if _, err := db.ExecContext(context.Background(), query, args...); err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
}

// prepared is a connection that prepares what it is asked.
type prepared struct {
	*pair
	conn *sql.Conn
}

func (p prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	st, err := p.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p.t.Cleanup(func() { st.Close() })
	return st.QueryContext(ctx, args...)
}

// Writes whose rows end up under other keys than the statement's words say.
func TestRegressionWrites(t *testing.T) {
	t.Parallel()
	byK := moneyclip.Rule{Key: "t::%v", Table: "t", By: []string{"k"}, NotFound: time.Hour}
	byID := moneyclip.Rule{Key: "t::%v", Table: "t", By: []string{"id"}, NotFound: time.Hour}
	const selectK, selectID = "SELECT * FROM t WHERE k = ?", "SELECT * FROM t WHERE id = ?"
	const logged = `CREATE TABLE a (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE t (k INT, v TEXT);
		CREATE TRIGGER r AFTER INSERT ON a BEGIN INSERT INTO t VALUES (NEW.id, NEW.v); END`
	for _, test := range []struct {
		name, schema string
		rule         moneyclip.Rule
		query        string
		reads        []any
		write        string
		args         []any
	}{
		{"NULL for a number, in a trigger", logged, byK, selectK, []any{1, 2}, "INSERT INTO a VALUES (NULL, 'x')", nil},
		{"a NULL argument for a number, in a trigger", logged, byK, selectK, []any{1, 2}, "INSERT INTO a (id, v) VALUES (?, 'x')", []any{nil}},
		{
			"a trigger frees the number", `CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');
			CREATE TRIGGER r BEFORE INSERT ON t BEGIN DELETE FROM t WHERE k = NEW.k; END`,
			byK, selectK, []any{"a", "b"}, "INSERT INTO t (k) VALUES (lower(?))", []any{"B"},
		},
		{
			"assigned twice", "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT); INSERT INTO t VALUES (1, 'a')",
			byK, selectK, []any{"a", "x", "y"}, "UPDATE t SET k = ?, k = ? WHERE id = 1", []any{"x", "y"},
		},
		{
			"the rowid twice", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)",
			byID, selectID, []any{5, 6}, "INSERT INTO t (id, rowid, v) VALUES (5, 6, 'x')", nil,
		},
		{
			"REPLACE by the rowid", "CREATE TABLE t (k TEXT, v TEXT); INSERT INTO t VALUES ('a', '1'), ('b', '2')",
			byK, selectK, []any{"a", "b"}, "UPDATE OR REPLACE t SET rowid = 2 WHERE k = 'a'", nil,
		},
		{
			"REPLACE by the schema fills in", "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'd')",
			byK, selectK, []any{"d"}, "INSERT INTO t (k) VALUES (?)", []any{nil},
		},
		{
			"UPDATE OR REPLACE fills in", "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT NOT NULL DEFAULT 'd'); INSERT INTO t VALUES (1, 'a')",
			byK, selectK, []any{"a", "d"}, "UPDATE OR REPLACE t SET k = NULL WHERE k = 'a'", nil,
		},
		{
			"a quoted default", `CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT DEFAULT "true", v TEXT)`,
			byK, selectK, []any{"true", "1"}, "INSERT INTO t (v) VALUES ('x')", nil,
		},
		{
			"a parameter given twice", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b')",
			byID, selectID, []any{1, 2}, "UPDATE t SET v = :v WHERE id = :id", []any{"new", 2, sql.Named("id", 1)},
		},
		{
			"steps that look alike", `CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE t (k);
			CREATE TRIGGER r AFTER INSERT ON a BEGIN INSERT INTO t VALUES (1); INSERT INTO t VALUES ('1'); END`,
			byK, selectK, []any{1, "1"}, "INSERT INTO a DEFAULT VALUES", nil,
		},
		{
			"equal but not the same", `CREATE TABLE a (id INTEGER PRIMARY KEY, k TEXT COLLATE NOCASE, n INT);
			INSERT INTO a VALUES (1, 'bob', 1), (2, 'BOB', 1); CREATE TABLE t (k TEXT);
			CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO t VALUES (OLD.k); END`,
			byK, selectK, []any{"bob", "BOB"}, "UPDATE a SET n = 2 WHERE n = 1", nil,
		},
		{
			"a column that is called rowid", "CREATE TABLE t (rowid TEXT, k INT); INSERT INTO t VALUES ('y', 8)",
			byK, selectK, []any{8}, "REPLACE INTO t (_rowid_, rowid) VALUES (1, 'x')", nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, test.schema, test.rule, test.query, test.reads...)
			p.do(p.cached, test.write, test.args...)
			p.compare()
		})
	}
}

// What a connection does, besides plain statements one after the other.
func TestRegressionConnections(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'va'), (2, 'vb');
		CREATE TABLE u (id INTEGER PRIMARY KEY, x INT); INSERT INTO u VALUES (1, 1)`
	const read = "SELECT * FROM t WHERE id = ?"
	const ddl = "CREATE TRIGGER r AFTER UPDATE ON u BEGIN UPDATE t SET v = 'trig'; END"
	background := context.Background()
	open := func(p *pair, db queryer, query string, args ...any) *sql.Rows {
		p.t.Helper()
		rows, err := db.QueryContext(background, query, args...)
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { rows.Close() }) // before its connection, which waits for that
		rows.Next()
		return rows
	}
	for name, run := range map[string]func(p *pair){
		"rows of a bypassed read stay open": func(p *pair) {
			c := p.conn()
			rows, err := c.QueryContext(moneyclip.Bypass(background), read, 1)
			if err != nil {
				p.t.Fatal(err)
			}
			rows.Next()
			p.do(p.cached, "UPDATE t SET v = 'new' WHERE id = 1")
			oneRow(c, read, 1)
			p.compare()
			rows.Close()
		},
		"BEGIN over open rows of a write": func(p *pair) {
			c := p.conn()
			rows := open(p, c, "UPDATE t SET v = 'new' WHERE id = 1 RETURNING id")
			tx, err := c.BeginTx(background, nil)
			if err != nil {
				p.t.Fatal(err)
			}
			rows.Close()
			p.compare()
			if err := tx.Commit(); err != nil {
				p.t.Fatal(err)
			}
		},
		"half a text of DDL": func(p *pair) {
			p.cached.Exec(ddl + "; INSERT INTO nothere VALUES (1)")
			p.compare()
			p.do(p.cached, "UPDATE u SET x = 2")
		},
		"DDL through Raw": func(p *pair) {
			err := moneyclip.Raw(p.conn(), func(conn any) error {
				_, err := conn.(driver.ExecerContext).ExecContext(background, ddl, nil)
				return err
			})
			if err != nil {
				p.t.Fatal(err)
			}
			p.compare()
			p.do(p.cached, "UPDATE u SET x = 2")
		},
		"a prepared write that returns rows, by Exec": func(p *pair) {
			c := p.conn()
			st, err := c.PrepareContext(background, "UPDATE t SET v = 'new' WHERE id = 1 RETURNING id")
			if err != nil {
				p.t.Fatal(err)
			}
			if _, err := st.Exec(); err != nil {
				p.t.Fatal(err)
			}
			p.compare()
			st.Close()
		},
		"a prepared select, by Exec": func(p *pair) {
			c := p.conn()
			for _, query := range []string{"SELECT * FROM t", "PRAGMA user_version"} {
				st, err := c.PrepareContext(background, query)
				if err != nil {
					p.t.Fatal(err)
				}
				defer st.Close()
				if _, err := st.Exec(); err != nil {
					p.t.Fatal(err)
				}
			}
			p.do(p.plain, "UPDATE u SET x = 3")
			p.do(p.cached, "UPDATE t SET v = 'new' WHERE id = 1")
			oneRow(c, read, 1)
		},
		"open rows of what SQLite takes for a writer": func(p *pair) {
			p.do(p.cached, "CREATE VIEW inner_modes AS SELECT * FROM pragma_journal_mode")
			p.do(p.cached, "CREATE VIEW modes AS SELECT * FROM inner_modes")
			for i, query := range []string{
				"PRAGMA journal_mode", "PRAGMA main.wal_checkpoint(PASSIVE)", "EXPLAIN UPDATE u SET x = 3", "EXPLAIN QUERY PLAN DELETE FROM t WHERE id = 1",
				"SELECT 1 WHERE EXISTS (SELECT 1 FROM pragma_journal_mode) UNION ALL SELECT 2", "SELECT * FROM pragma_journal_mode",
				"SELECT * FROM modes, u", "WITH m AS (SELECT * FROM Modes) SELECT 1 WHERE EXISTS (SELECT 1 FROM m) UNION ALL SELECT 2",
			} {
				c := p.conn()
				rows := open(p, c, query)
				p.do(c, "UPDATE t SET v = ? WHERE id = 1", i)
				p.do(c, "UPDATE t SET v = ? WHERE v = 'vb'", "vb") // whose rows are read
				p.compare()                                        // before the commit
				rows.Close()
				p.compare()
				rows = open(p, prepared{p, c}, query)
				p.do(c, "UPDATE t SET v = ? WHERE id = 1", -i)
				p.compare()
				rows.Close()
				p.compare()
			}
		},
		"a text of which the driver prepares the first statement alone": func(p *pair) {
			c := p.conn()
			for i, query := range []string{"BEGIN; UPDATE t SET v = 'all' WHERE id = 2; COMMIT", "SAVEPOINT a; RELEASE a", "BEGIN", "COMMIT; BEGIN"} {
				st, err := c.PrepareContext(background, query)
				if err != nil {
					p.t.Fatal(err)
				}
				if _, err := st.Exec(); err != nil {
					p.t.Fatal(err)
				}
				st.Close()
				p.do(c, "UPDATE t SET v = ? WHERE id = 1", i)
				p.compare()
				if query != "BEGIN" { // or else the next one ends it
					c.ExecContext(background, "COMMIT")
				}
				p.compare()
			}
		},
		"a text that begins a transaction, by Query": func(p *pair) {
			c := p.conn()
			rows := open(p, c, "BEGIN; SELECT id FROM u")
			p.do(c, "COMMIT")
			rows.Close()
			p.do(c, "UPDATE t SET v = 'new' WHERE id = 1")
		},
		"a text that ends a transaction, by Query": func(p *pair) {
			c := p.conn()
			p.do(c, "BEGIN")
			rows := open(p, c, "COMMIT; SELECT id FROM u")
			p.do(c, "UPDATE t SET v = 'new' WHERE id = 1")
			rows.Close()
		},
		"rows that outlive their transaction": func(p *pair) {
			c := p.conn()
			p.do(c, "BEGIN")
			rows := open(p, c, "UPDATE t SET v = 'new' WHERE id = 1 RETURNING id")
			c.ExecContext(background, "ROLLBACK")
			c.ExecContext(background, "UPDATE t SET v = 'newer' WHERE id = 2")
			p.compare()
			rows.Close()
			c.ExecContext(background, "ROLLBACK")
		},
		"COMMIT over open rows of a write that returns none": func(p *pair) {
			commits := []func(c *sql.Conn) error{
				func(c *sql.Conn) error { _, err := c.ExecContext(background, "COMMIT"); return err },
				func(c *sql.Conn) error {
					_, err := c.ExecContext(background, "COMMIT; UPDATE u SET x = 4")
					return err
				},
				func(c *sql.Conn) error {
					return moneyclip.Raw(c, func(conn any) error {
						_, err := conn.(driver.ExecerContext).ExecContext(background, "COMMIT", nil)
						return err
					}, "u")
				},
			}
			for i, commit := range commits {
				c := p.conn()
				p.do(c, "BEGIN")
				rows, err := c.QueryContext(background, "UPDATE t SET v = ? WHERE id = 1", i)
				if err != nil {
					p.t.Fatal(err)
				}
				if err := commit(c); err != nil {
					p.t.Fatal(err)
				}
				p.compare()
				rows.Close()
				p.compare()
			}
		},
		"RELEASE over open rows, after an error": func(p *pair) {
			c := p.conn()
			p.do(c, "BEGIN")
			p.do(c, "SAVEPOINT a")
			rows, err := c.QueryContext(background, "UPDATE t SET v = 'new' WHERE id = 1")
			if err != nil {
				p.t.Fatal(err)
			}
			if _, err := c.ExecContext(background, "INSERT INTO u VALUES (1, 2)"); err == nil {
				p.t.Error("two rows have one id")
			}
			p.do(c, "RELEASE a")
			rows.Close()
			p.compare()
			p.do(c, "COMMIT")
		},
		"another database, attached": func(p *pair) {
			var file string
			if err := p.plain.QueryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file); err != nil {
				p.t.Fatal(err)
			}
			c := p.conn()
			p.do(c, "ATTACH ? AS o", file)
			p.do(c, "UPDATE o.t SET v = 'new' WHERE id = 1")
			p.do(c, "DETACH o")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, base := range []driver.Driver{&sqlite3.SQLiteDriver{}, &silentDriver{}} {
				p := newPairOver(t, base, schema, moneyclip.Rule{Key: "t::%d", Table: "t", By: []string{"id"}}, read, 1, 2)
				run(p)
				p.compare()
			}
		})
	}
}

// Connections that share SQLite's cache of a file see it, in WAL mode, as the first of them that reads does.
func TestSharedPages(t *testing.T) {
	t.Parallel()
	const one = "SELECT v FROM t WHERE id = ?"
	for _, named := range []bool{true, false} { // whether the dsn is known
		s := openStack(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1)", moneyclip.Config{
			Rules: []moneyclip.Rule{{Key: "t::%d", Table: "t", By: []string{"id"}}},
		})
		connector := s.cache.Connector(opener{s.dsn + "&cache=shared"})
		if named {
			var err error
			if connector, err = s.cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(s.dsn + "&cache=shared"); err != nil {
				t.Fatal(err)
			}
		}
		shared := sql.OpenDB(connector)
		defer shared.Close()
		tx, err := shared.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		oneRow(tx, "SELECT count(*) FROM t")
		mustExec(t, s.DB, "UPDATE t SET v = 2 WHERE id = 1")
		oneRow(shared, one, 1)
		tx.Rollback()
		if got, want := oneRow(shared, one, 1), oneRow(s.bare, one, 1); got != want {
			t.Errorf("got %s, the database holds %s", got, want)
		}
	}
}

// opener is a connector that does not say what it opens.
type opener struct{ dsn string }

func (o opener) Connect(context.Context) (driver.Conn, error) {
	return (&sqlite3.SQLiteDriver{}).Open(o.dsn)
}
func (opener) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// A statement that waits for another writer until its context ends is not run after that: not outside of its transaction, which SQLite
// has rolled back.
func TestInterruptedLock(t *testing.T) {
	t.Parallel()
	const get, sum = "SELECT v FROM p WHERE id = ?", "SELECT sum(v) FROM p WHERE grp = ?"
	s := openStack(t, "CREATE TABLE p (id INTEGER PRIMARY KEY, grp INT, v INT); INSERT INTO p VALUES (1, 0, 0)", moneyclip.Config{Rules: []moneyclip.Rule{
		{Key: "p::%d", Query: get}, {Key: "s::%d", Query: sum},
	}})
	for range 3 {
		s.warm(t, get, 1)
		s.warm(t, sum, 0)
		other, err := s.bare.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		mustExec(t, other, "BEGIN IMMEDIATE")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		tx, err := s.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		free := time.AfterFunc(100*time.Millisecond, func() { other.ExecContext(context.Background(), "ROLLBACK") })
		if _, err := tx.ExecContext(ctx, "UPDATE p SET v = v + 1 WHERE id = ?", 1); err == nil {
			t.Error("the statement was run after its context had ended")
		}
		cancel()
		tx.Rollback()
		time.Sleep(150 * time.Millisecond)
		free.Stop()
		other.Close()
		var v int
		if err := s.bare.QueryRow(get, 1).Scan(&v); err != nil || v != 0 {
			t.Fatalf("a transaction that was rolled back has written %d (%v)", v, err)
		}
		s.want(t, true, get, 1)
		s.want(t, true, sum, 0)
	}
}

// A program may sort the names that it gets from Rows.Columns, or spell them otherwise, in place. With the base driver nobody else sees that.
func TestNamesOfColumnsThatAreChanged(t *testing.T) {
	for _, query := range []string{"SELECT id, name FROM users WHERE id = ?", "SELECT id, name FROM users WHERE id >= ?"} {
		p := newPair(t, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users VALUES (1, 'Ann'), (2, 'Bob')",
			moneyclip.Rule{Key: "user::%d", Query: query, On: []moneyclip.On{{Table: "users"}}}, query)
		for range 4 { // a miss, and hits
			rows, err := p.cached.Query(query, 1)
			if err != nil {
				t.Fatal(err)
			}
			names, err := rows.Columns()
			if err != nil || fmt.Sprint(names) != "[id name]" {
				t.Errorf("%s: got the columns %q, %v", query, names, err)
			}
			names[0], names[1] = "NAME", "ID"
			for rows.Next() {
				if again, err := rows.Columns(); err != nil || fmt.Sprint(again) != "[id name]" && fmt.Sprint(again) != "[NAME ID]" {
					t.Errorf("%s: then got the columns %q, %v", query, again, err)
				}
			}
			rows.Close()
			if fmt.Sprint(names) != "[NAME ID]" {
				t.Errorf("%s: what was changed became %q", query, names)
			}
		}
	}
}

// What a BEFORE trigger writes stays, though it goes on to keep the row from being written, or the statement leaves it as it is.
func TestTriggerThatIgnoresRows(t *testing.T) {
	const body = " BEGIN UPDATE users SET n = n + 1 WHERE id = NEW.u; SELECT RAISE(IGNORE); END;"
	p := newPair(t, `CREATE TABLE users (id INTEGER PRIMARY KEY, n INT); INSERT INTO users VALUES (1, 1), (2, 2), (3, 3);
		CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, v INT); INSERT INTO log VALUES (1, 1, 1);
		CREATE TABLE twin (id INTEGER PRIMARY KEY, u INT, v INT, w INT UNIQUE); INSERT INTO twin VALUES (1, 1, 1, 1), (2, 2, 2, 2);
		CREATE TRIGGER ti BEFORE INSERT ON twin BEGIN UPDATE users SET n = n + 1 WHERE id = NEW.u; END;
		CREATE TRIGGER tu BEFORE UPDATE ON twin BEGIN UPDATE users SET n = n + 1 WHERE id = NEW.u; END;
		CREATE TRIGGER i BEFORE INSERT ON log`+body+` CREATE TRIGGER u BEFORE UPDATE ON log`+body,
		moneyclip.Rule{Key: "user::%d", Query: "SELECT n FROM users WHERE id = ?"}, "SELECT n FROM users WHERE id = ?", 1, 2, 3)
	for _, statement := range []string{
		"UPDATE OR IGNORE twin SET w = 2, u = u + 2 WHERE v = 1", "INSERT OR IGNORE INTO twin (u, w) VALUES (1 + 1, 1)",
		"INSERT INTO log (u) SELECT 2 FROM users WHERE id = 1", "INSERT INTO log (u) VALUES (1 + 1)", "UPDATE log SET u = u + 2 WHERE v = 1", "UPDATE log SET v = 8 WHERE v = 1",
	} {
		p.do(p.cached, statement)
		p.compare()
	}
}

// So it is where the schema says that a row is left as it is, and where a statement fails and what it has done so far stays.
func TestTriggerOfRowsThatFail(t *testing.T) {
	const body, read = " BEGIN UPDATE users SET n = n + 1 WHERE id = NEW.u; ", "SELECT n FROM users WHERE id = ?"
	both := func(when, table, body string) string {
		return "CREATE TRIGGER i " + when + " INSERT ON " + table + body + "END; CREATE TRIGGER u " + when + " UPDATE ON " + table + body + "END;"
	}
	const rows = "; INSERT INTO log VALUES (1, 1, 1), (2, 2, 2); "
	plain := []string{"INSERT INTO log (u, w) VALUES (1 + 1, 1)", "UPDATE log SET w = 2, u = u + 2 WHERE w = 1", "INSERT INTO log (u, w) SELECT 3, 1"}
	for _, test := range []struct {
		name, schema string
		statements   []string
	}{
		{"ignored by the schema", "CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, w INT UNIQUE ON CONFLICT IGNORE)" + rows + both("BEFORE", "log", body), plain},
		{"failed by the schema", "CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, w INT, UNIQUE (w) ON CONFLICT FAIL)" + rows + both("BEFORE", "log", body), plain},
		{
			"OR FAIL", "CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, w INT UNIQUE)" + rows + both("BEFORE", "log", body),
			[]string{"INSERT OR FAIL INTO log (u, w) VALUES (1 + 1, 1)", "UPDATE OR FAIL log SET w = 2, u = u + 2 WHERE w = 1", "INSERT OR FAIL INTO log (u, w) SELECT 3, 1"},
		},
		{"BEFORE", "CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, w INT)" + rows + both("BEFORE", "log", body+"SELECT RAISE(FAIL, 'no'); "), plain},
		{"AFTER", "CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, w INT)" + rows + both("AFTER", "log", body+"SELECT RAISE(FAIL, 'no'); "), plain},
		{
			"another's", "CREATE TABLE other (w INT UNIQUE); INSERT INTO other VALUES (1), (2); CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, w INT)" + rows +
				both("BEFORE", "log", body+"INSERT OR FAIL INTO other VALUES (NEW.w); "), plain,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPair(t, "CREATE TABLE users (id INTEGER PRIMARY KEY, n INT); INSERT INTO users VALUES (1, 1), (2, 2), (3, 3); "+test.schema,
				moneyclip.Rule{Key: "user::%d", Query: read}, read, 1, 2, 3)
			for _, statement := range test.statements {
				before := oneRow(p.plain, "SELECT sum(n) FROM users")
				p.compare() // and stored
				p.cached.Exec(statement)
				if oneRow(p.plain, "SELECT sum(n) FROM users") == before {
					t.Errorf("%s: the trigger has written nothing", statement)
				}
				p.compare()
			}
		})
	}
}

// Rows that an UPDATE or a DELETE touches are read before it: whether they are written in the end does not matter.
func TestTriggerOfRowsThatWereRead(t *testing.T) {
	t.Parallel()
	cache, db := wrapped(t, &sqlite3.SQLiteDriver{}, ":memory:", moneyclip.Config{Rules: []moneyclip.Rule{{Key: "user::%d", Query: "SELECT n FROM users WHERE id = ?"}}})
	const bump = "BEGIN UPDATE users SET n = n + 1 WHERE id = "
	mustExec(t, db, `CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, n INT); CREATE TABLE log (id INTEGER PRIMARY KEY, u INT, v INT UNIQUE ON CONFLICT IGNORE);
		CREATE TRIGGER soft BEFORE DELETE ON users BEGIN UPDATE users SET n = 0 WHERE id = OLD.id; SELECT RAISE(IGNORE); END;
		CREATE TRIGGER d BEFORE DELETE ON log `+bump+"OLD.u; END; CREATE TRIGGER u BEFORE UPDATE ON log "+bump+`NEW.u; END;
		CREATE TRIGGER f BEFORE INSERT ON log WHEN NEW.u < 0 BEGIN SELECT RAISE(FAIL, 'negative'); END`)
	for _, statement := range []string{
		"DELETE FROM users WHERE email = ?", "DELETE FROM log WHERE v = 1", "UPDATE log SET u = u + 1 WHERE v = 2", "UPDATE OR IGNORE log SET u = u + 1 WHERE v = 2",
	} {
		if got, err := cache.Explain(statement); err != nil || strings.Contains(fmt.Sprint(got), "rule-wide") {
			t.Errorf("got %s, error %v", got, err)
		}
	}
}

// silentDriver does not say whether a transaction is open, as modernc.org/sqlite does not.
type silentDriver struct{ sqlite3.SQLiteDriver }

type silentConn struct {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnBeginTx
}

func (d *silentDriver) Open(dsn string) (driver.Conn, error) {
	c, err := d.SQLiteDriver.Open(dsn)
	if err != nil {
		return nil, err
	}
	conn := c.(*sqlite3.SQLiteConn)
	return silentConn{conn, conn, conn, conn}, nil
}

// A statement that rolls everything back, in a transaction of ours, leaves the connection as it is: it may hold a whole database.
func TestRolledBackByItself(t *testing.T) {
	t.Parallel()
	for _, base := range []driver.Driver{&sqlite3.SQLiteDriver{}, &silentDriver{}} {
		cache, db := wrapped(t, base, ":memory:", moneyclip.Config{Rules: []moneyclip.Rule{{Key: "t::%d", Table: "t", By: []string{"id"}}}})
		db.SetMaxOpenConns(1)
		mustExec(t, db, "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT UNIQUE); INSERT INTO t VALUES (1, 1), (2, 2)")
		const read = "SELECT k FROM t WHERE id = 1"
		check := func(when string, want int) {
			t.Helper()
			before := cache.Stats().Hits
			var first, second int
			if err := errors.Join(db.QueryRow(read).Scan(&first), db.QueryRow(read).Scan(&second)); err != nil || first != want || second != want {
				t.Errorf("%T, after %s: got %d and %d, error %v, want %d", base, when, first, second, err, want)
			}
			if cache.Stats().Hits == before {
				t.Errorf("%T, after %s: the connection is not served any more", base, when)
			}
		}
		if _, err := db.Exec("UPDATE OR ROLLBACK t SET k = 3 WHERE k > 0"); err == nil {
			t.Error("two rows have one number")
		}
		check("a conflict", 1)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
			INSERT INTO t (k) SELECT i FROM n WHERE i > 10`); err == nil {
			t.Error("a statement without end has ended")
		}
		cancel()
		check("an interrupt", 1)
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := conn.QueryContext(t.Context(), "SELECT * FROM t")
		if err != nil {
			t.Fatal(err)
		}
		rows.Next()
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := conn.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
			INSERT INTO t (k) SELECT i FROM n WHERE i > 10`); err == nil {
			t.Error("a statement without end has ended")
		}
		cancel()
		conn.ExecContext(t.Context(), "SELECT 1") // is interrupted too
		rows.Close()
		if _, err := conn.ExecContext(t.Context(), "UPDATE t SET k = k WHERE k = 1"); err != nil {
			t.Errorf("%T, after an interrupt beside open rows: %v", base, err)
		}
		conn.Close()
		check("an interrupt beside open rows", 1)
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("INSERT OR ROLLBACK INTO t VALUES (1, 9)"); err == nil {
			t.Error("two rows have one id")
		}
		if tx.Rollback() == nil {
			t.Error("it was rolled back already")
		}
		check("a conflict in a transaction", 1)
		mustExec(t, db, "UPDATE t SET k = 5 WHERE k = 1")
		check("a write", 5)
	}
}

// Nor is a connection hung up that could not roll back for an interrupt, while rows are open to whose end is waited because they may be a
// writer's: modernc.org/sqlite does not survive that.
func TestInterruptBesideRows(t *testing.T) {
	t.Parallel()
	for _, base := range []driver.Driver{&sqlite3.SQLiteDriver{}, &silentDriver{}} {
		_, db := wrapped(t, base, ":memory:", moneyclip.Config{Rules: []moneyclip.Rule{{Key: "t::%d", Table: "t", By: []string{"id"}}}})
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		mustExec(t, conn, "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT); INSERT INTO t VALUES (1, 1), (2, 2)")
		for _, query := range []string{"UPDATE t SET k = k WHERE k > 0 RETURNING id", "EXPLAIN SELECT * FROM t"} {
			rows, err := conn.QueryContext(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			rows.Next()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := conn.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
			INSERT INTO t (k) SELECT i FROM n WHERE i > 10`); err == nil {
			t.Error("a statement without end has ended")
		}
		cancel()
		conn.ExecContext(t.Context(), "SAVEPOINT a") // cannot end the transaction of the first rows
		if _, err := conn.ExecContext(t.Context(), "SELECT * FROM t"); err != nil && strings.Contains(err.Error(), "no such table") {
			t.Errorf("%T: the connection was hung up: %v", base, err)
		}
	}
}
