package writes

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	my "github.com/moneyclip/moneyclip/mysql"
	pg "github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// withRule makes a schema and opens it through a cache that has one rule, for read.
func withRule(t *testing.T, d moneyclip.Dialect, name, dsn, read string, schema ...string) (base, db *sql.DB, cache *moneyclip.Cache) {
	base, err := sql.Open(name, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { base.Close() })
	execAll(t, base, schema...)
	cache, err = moneyclip.New(d, moneyclip.Config{Logger: quiet, Rules: []moneyclip.Rule{{Key: "k::%v", Query: read, NotFound: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	return base, throughCache(t, cache, base, dsn), cache
}

func execAll(t *testing.T, s session, queries ...string) {
	t.Helper()
	for _, query := range queries {
		do(t, s, query)
	}
}

func answer(db *sql.DB, q string, arg any) string {
	var s sql.NullString
	err := db.QueryRow(q, arg).Scan(&s)
	return fmt.Sprint(s, err)
}

// wantSame compares the answer through the cache with the database's.
func wantSame(t *testing.T, base, db *sql.DB, what, q string, arg any) {
	t.Helper()
	if want, got := answer(base, q, arg), answer(db, q, arg); want != got {
		t.Errorf("%s: cache %s, database %s", what, got, want)
	}
}

// wantKept runs a statement that does not touch what a query reads, which is in the cache.
func wantKept(t *testing.T, db *sql.DB, cache *moneyclip.Cache, statement, q string, arg any) {
	t.Helper()
	before := cache.Stats().Hits
	execAll(t, db, statement)
	if answer(db, q, arg); cache.Stats().Hits != before+1 {
		t.Errorf("%s has dropped what it does not touch", statement)
	}
}

// A SELECT that locks may be the victim of a deadlock. The server has ended the transaction then, and what comes next is visible at once.
func TestDeadlockedRead(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = ?"
	for _, bad := range []string{"SELECT id FROM users WHERE id = 2 FOR UPDATE", "SET @x = (SELECT id FROM users WHERE id = 2 FOR UPDATE)", "DO (SELECT id FROM users WHERE id = 2 FOR UPDATE)"} {
		base, db, _ := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), read,
			"CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20))", "INSERT INTO users VALUES (1,'a'),(2,'b'),(3,'c')", "CREATE TABLE weight (id INT)")
		answer(db, read, 3)
		answer(db, read, 3)
		other, _ := base.Begin()
		execAll(t, other, "INSERT INTO weight WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT i FROM n", "UPDATE users SET name = 'o' WHERE id = 2") // the lighter one is the victim
		tx, _ := db.Begin()
		execAll(t, tx, "UPDATE users SET name = 'gone' WHERE id = 1")
		done := make(chan error)
		go func() {
			time.Sleep(200 * time.Millisecond)
			_, err := other.Exec("UPDATE users SET name = 'o' WHERE id = 1")
			done <- err
		}()
		var err error
		if strings.HasPrefix(bad, "SELECT") {
			var id int
			err = tx.QueryRow(bad).Scan(&id)
		} else {
			_, err = tx.Exec(bad)
		}
		t.Log(bad, "=>", err, <-done)
		execAll(t, tx, "UPDATE users SET name = 'committed at once' WHERE id = 3") // the server has no transaction any more
		wantSame(t, base, db, bad, read, 3)
		tx.Rollback()
		other.Rollback()
		wantSame(t, base, db, bad+", rolled back", read, 3)
	}
}

// What is in a partition depends on columns that a SELECT from it does not name.
func TestPartitionByName(t *testing.T) {
	_, err := moneyclip.New(my.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "k::%v", Query: "SELECT name FROM parts PARTITION (p0) WHERE id = ?"}}})
	if err == nil || !strings.Contains(err.Error(), "reads partitions by name") {
		t.Errorf("got %v", err)
	}
}

// A view may show a table of another database, which the same cache serves.
func TestViewOfAnotherDatabase(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = ?"
	a, b := servers.MariaDB(t), servers.MariaDB(t)
	base, db, cache := withRule(t, my.Dialect, "mysql", b, read, "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20))", "INSERT INTO users VALUES (1,'a')")
	home := throughCache(t, cache, base, a)
	execAll(t, home, "CREATE VIEW v AS SELECT * FROM "+b[strings.LastIndex(b, "/")+1:]+".users")
	answer(db, read, 1)
	execAll(t, home, "UPDATE v SET name = 'x' WHERE id = 1")
	wantSame(t, base, db, "through a view", read, 1)
}

// Functions are also called by conditions of triggers, defaults of parameters, domains and views, subscripts that are assigned to, refreshes and samples.
func TestHiddenCalls(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name TEXT)", "INSERT INTO users VALUES (1, 'a')", "CREATE SEQUENCE n",
		"CREATE FUNCTION fw(i INT) RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE public.users SET name = 'w' || nextval('public.n') WHERE id = i; RETURN 1; END $$",
		"CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
		"CREATE TABLE tw (id INT)", "CREATE TRIGGER tw BEFORE INSERT ON tw FOR EACH ROW WHEN (fw(NEW.id) > 0) EXECUTE FUNCTION noop()",
		"CREATE FUNCTION fdef(i INT DEFAULT fw(1)) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
		"CREATE PROCEDURE pdef(i INT DEFAULT fw(1)) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$",
		"CREATE FUNCTION fsub(i INT) RETURNS int LANGUAGE plpgsql AS $$ DECLARE a int[] := '{1}'; BEGIN a[fw(i)] := 1; RETURN 1; END $$",
		"CREATE FUNCTION tsub() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE a int[] := '{1}'; BEGIN a[fw(1)] := 1; RETURN NEW; END $$",
		"CREATE TABLE ts (id INT)", "CREATE TRIGGER ts BEFORE INSERT ON ts FOR EACH ROW EXECUTE FUNCTION tsub()",
		"CREATE MATERIALIZED VIEW mv AS SELECT fw(1) AS x",
		"CREATE DOMAIN dd AS int DEFAULT fw(1)", "CREATE TABLE td (id INT, z dd)",
		"CREATE TABLE vt (id INT, z INT)", "CREATE VIEW vv AS SELECT id, z FROM vt", "ALTER VIEW vv ALTER COLUMN z SET DEFAULT fw(1)")
	for _, q := range []string{"INSERT INTO tw VALUES (1)", "SELECT fdef()", "CALL pdef()", "SELECT fsub(1)", "INSERT INTO ts VALUES (1)", "REFRESH MATERIALIZED VIEW mv",
		"INSERT INTO td (id) VALUES (1)", "INSERT INTO vv (id) VALUES (1)", "SELECT count(*) FROM users TABLESAMPLE SYSTEM (99 + fw(1))"} {
		// read anew, past what a failure before has left
		execAll(t, db, "UPDATE users SET name = 'anew' WHERE id = 1")
		answer(db, read, 1)
		execAll(t, db, q)
		wantSame(t, base, db, q, read, 1)
	}
}

// Functions are called by attribute notation too, whatever they take.
func TestAttributes(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	const update = " LANGUAGE plpgsql AS $$ BEGIN UPDATE public.users SET name = name + 1 WHERE id = 1; RETURN 1; END $$"
	base, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name INT, md INT)", "INSERT INTO users VALUES (1, 1, 5)",
		"CREATE TYPE mood AS ENUM ('x', 'y')", "CREATE TYPE pair AS (x INT, fi INT)", "CREATE DOMAIN small AS INT", "CREATE TABLE m (id INT, md mood, a INT[], p pair, fi INT)",
		"INSERT INTO m VALUES (1, 'x', '{1}', (1, 2), 3)",
		"CREATE FUNCTION fi(INT) RETURNS int"+update, "CREATE FUNCTION fe(mood) RETURNS int"+update, "CREATE FUNCTION fa(INT[]) RETURNS int"+update,
		"CREATE FUNCTION fany(anyelement) RETURNS int"+update, "CREATE FUNCTION fs(small) RETURNS int"+update, "CREATE FUNCTION fr(m) RETURNS int"+update,
		"CREATE FUNCTION fv(VARIADIC INT[]) RETURNS int"+update, "CREATE FUNCTION fd(i INT, j INT DEFAULT 1) RETURNS int"+update,
		"CREATE FUNCTION fn(INT) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN ($1).fi; END $$", "CREATE FUNCTION fq(i INT) RETURNS int LANGUAGE sql AS $$ SELECT i.fi $$")
	for _, q := range []string{
		"SELECT (5).fi", "SELECT (md).fe FROM m", "SELECT (m.md).fe FROM m", "SELECT ('x'::mood).fe", "SELECT (a).fa FROM m", "SELECT (a[1]).fi FROM m", "SELECT (p).x.fi FROM m",
		"SELECT (5).fany", "SELECT m.fany FROM m", "SELECT (m).fr FROM m", "SELECT m.fr FROM m", "SELECT (5).fs", "SELECT (5).fv", "SELECT (5).fd", "SELECT (5).fn", "SELECT (5).fq",
		"SELECT g.fi FROM generate_series(1, 1) g", "SELECT id FROM m WHERE (id).fi = 1", "UPDATE m SET id = (id).fi", "INSERT INTO m (id) VALUES ((5).fi)",
	} {
		answer(db, read, 1)
		execAll(t, db, q)
		wantSame(t, base, db, q, read, 1)
	}
	for _, q := range []string{"SELECT m.fi FROM m", "SELECT (m).fi FROM m", "SELECT (p).fi FROM m", "SELECT x.fi FROM (SELECT fi FROM m) x"} {
		answer(db, read, 1)
		wantKept(t, db, cache, q, read, 1)
	}
}

// What such a function reads is read by the query that calls it.
func TestAttributesThatRead(t *testing.T) {
	for _, what := range []string{"(md).label", "label(md)"} {
		read := "SELECT " + what + " FROM m WHERE id = $1"
		base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
			"CREATE TYPE mood AS ENUM ('x', 'y')", "CREATE TABLE labels (md mood PRIMARY KEY, t TEXT)", "INSERT INTO labels VALUES ('x', 'ex')",
			"CREATE TABLE m (id INT PRIMARY KEY, md mood)", "INSERT INTO m VALUES (1, 'x')",
			"CREATE FUNCTION label(mood) RETURNS text LANGUAGE sql STABLE AS $$ SELECT t FROM labels WHERE md = $1 $$")
		for _, name := range []string{"ex", "other"} {
			execAll(t, db, "UPDATE labels SET t = '"+name+"'")
			answer(db, read, 1)
			wantSame(t, base, db, what, read, 1)
		}
	}
}

// The defaults of columns call functions where an UPDATE assigns DEFAULT and where a foreign key does. What assigns something else is as
// exact as ever.
func TestDefaultsThatWrite(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	base, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)",
		"CREATE FUNCTION fw() RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE public.users SET name = name + 1 WHERE id = 1; RETURN 1; END $$",
		"CREATE DOMAIN dd AS int DEFAULT fw()",
		"CREATE TABLE td (id INT PRIMARY KEY, d INT DEFAULT fw(), e INT DEFAULT 5, z dd)", "INSERT INTO td VALUES (1, 1, 1, 1)",
		"CREATE VIEW vd AS SELECT id, e FROM td", "ALTER VIEW vd ALTER COLUMN e SET DEFAULT fw()",
		"CREATE FUNCTION fu() RETURNS int LANGUAGE sql AS $$ UPDATE public.td SET d = DEFAULT WHERE id = 1 RETURNING 1 $$",
		"CREATE FUNCTION tu() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE public.td SET d = DEFAULT; RETURN NEW; END $$",
		"CREATE TABLE tt (id INT)", "CREATE TRIGGER tu BEFORE INSERT ON tt FOR EACH ROW EXECUTE FUNCTION tu()",
		"CREATE TABLE parents (id INT PRIMARY KEY, n INT)", "INSERT INTO parents VALUES (1), (2), (3), (4), (5)",
		"CREATE TABLE children (p INT DEFAULT fw() REFERENCES parents ON DELETE SET DEFAULT ON UPDATE SET DEFAULT)", "INSERT INTO children VALUES (2), (3)",
		"CREATE TABLE others (p INT DEFAULT fw(), q INT REFERENCES parents ON DELETE CASCADE)", "INSERT INTO others VALUES (4, 5)")
	for _, q := range []string{
		"UPDATE td SET d = DEFAULT WHERE id = 1", "UPDATE td SET (e, d) = (5, DEFAULT)", "UPDATE td SET (d) = ROW (DEFAULT)", "UPDATE td SET z = DEFAULT",
		"WITH u AS (UPDATE td SET d = DEFAULT RETURNING 1) SELECT count(*) FROM u",
		"MERGE INTO td USING (VALUES (1)) x (i) ON x.i = td.id WHEN MATCHED THEN UPDATE SET d = DEFAULT", "UPDATE vd SET e = DEFAULT",
		"SELECT fu()", "INSERT INTO tt VALUES (1)", "DELETE FROM parents WHERE id = 2", "UPDATE parents SET id = 33 WHERE id = 3",
	} {
		answer(db, read, 1)
		execAll(t, db, q)
		wantSame(t, base, db, q, read, 1)
	}
	for _, q := range []string{
		"UPDATE td SET d = 2, e = DEFAULT", "UPDATE td SET (d, e) = (2, DEFAULT)", "UPDATE vd SET e = 2", "UPDATE parents SET n = DEFAULT", "DELETE FROM others",
	} {
		answer(db, read, 1)
		wantKept(t, db, cache, q, read, 1)
	}
}

// They are called by the conditions of policies, too, unless who asks may see all rows.
func TestPoliciesThatWrite(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	dsn := servers.Postgres(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	role := strings.TrimPrefix(u.Path, "/") + "_guest"
	base, _, _ := withRule(t, pg.Dialect, "pgx", dsn, read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)", "CREATE TABLE secrets (id INT)", "INSERT INTO secrets VALUES (1)",
		"CREATE FUNCTION fw() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE public.users SET name = name + 1 WHERE id = 1; RETURN true; END $$",
		"ALTER TABLE secrets ENABLE ROW LEVEL SECURITY", "CREATE POLICY fw ON secrets USING (fw())",
		"CREATE ROLE "+role+" LOGIN PASSWORD 'guest'", "GRANT ALL ON users, secrets TO "+role)
	t.Cleanup(func() { base.ExecContext(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	u.User = url.UserPassword(role, "guest")
	_, db, _ := withRule(t, pg.Dialect, "pgx", u.String(), read)
	for _, q := range []string{"SELECT * FROM secrets", "UPDATE secrets SET id = 2", "INSERT INTO secrets VALUES (3)", "SELECT name FROM users WHERE id IN (SELECT id FROM secrets)", "DELETE FROM secrets"} {
		answer(db, read, 1)
		execAll(t, db, q)
		wantSame(t, base, db, q, read, 1)
	}
}

// What only makes up values, in the same places, writes nothing.
func TestHarmlessCalls(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	_, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name TEXT)", "INSERT INTO users VALUES (1, 'a')", "CREATE SEQUENCE n",
		"CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
		"CREATE TABLE tw (id INT)", "CREATE TRIGGER tw BEFORE INSERT ON tw FOR EACH ROW WHEN (random() < 2 AND NEW.id > 0) EXECUTE FUNCTION noop()",
		"CREATE FUNCTION fdef(i BIGINT DEFAULT nextval('n'), s TEXT DEFAULT 'a(1)') RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
		"CREATE MATERIALIZED VIEW mv AS SELECT random() AS x, name FROM users",
		"CREATE DOMAIN dd AS BIGINT DEFAULT nextval('n')", "CREATE TABLE td (id INT, z dd)")
	answer(db, read, 1)
	for _, q := range []string{"INSERT INTO tw VALUES (1)", "SELECT fdef()", "REFRESH MATERIALIZED VIEW mv", "INSERT INTO td (id) VALUES (1)", "SELECT count(*) FROM users TABLESAMPLE SYSTEM (100)"} {
		wantKept(t, db, cache, q, read, 1)
	}
}

// A text that is not understood drops every key. That it is of rows is seen, so that the connection is served again after it.
func TestNotUnderstood(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = ?"
	base, db, cache := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), read,
		"CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20))", "INSERT INTO users VALUES (1, 'a')",
		"CREATE FUNCTION fw(n INT) RETURNS INT MODIFIES SQL DATA BEGIN UPDATE users SET name = 'w' WHERE id = n; RETURN 1; END")
	db.SetMaxOpenConns(1)
	texts := []string{"SELECT GROUP_CONCAT(fw(1) ORDER BY 1 LIMIT 2)", "(VALUES (1), (2))", "SELECT GROUP_CONCAT(name ORDER BY id LIMIT 2) FROM users"}
	if servers.MySQL() {
		texts = []string{"SELECT MATCH id AGAINST ('a') FROM papers WHERE fw(1) = 1", "SELECT MATCH id AGAINST ('a') FROM papers"}
		execAll(t, base, "CREATE TABLE papers (id VARCHAR(9), FULLTEXT (id))", "INSERT INTO papers VALUES ('a')")
	}
	for _, text := range texts {
		if s := my.Dialect.Analyze(text, nil); s.Kind != moneyclip.KindUnknown {
			t.Fatalf("%s is understood by now", text)
		}
		answer(db, read, 1)
		execAll(t, db, text)
		wantSame(t, base, db, text, read, 1)
		if strings.Contains(text, "fw") {
			continue // it does matter
		}
		before := cache.Stats().Hits
		execAll(t, db, text+" -- moneyclip: ignore it writes nothing")
		if answer(db, read, 1); cache.Stats().Hits != before+1 {
			t.Errorf("%s: it was said that it does not matter", text)
		}
		before = cache.Stats().Hits
		if answer(db, read, 1); cache.Stats().Hits != before+1 {
			t.Errorf("after %s the connection is not served", text)
		}
		execAll(t, db, "UPDATE users SET name = 'back' WHERE id = 1")
	}
}

// A function may make a temporary table, which hides the one that has its name from all that the connection reads.
func TestTemporaryByTheWay(t *testing.T) {
	for _, tt := range []struct {
		name, dsn, read string
		dialect         moneyclip.Dialect
		schema, texts   []string
	}{
		{"mysql", servers.MariaDB(t), "SELECT name FROM users WHERE id = ?", my.Dialect,
			[]string{"CREATE FUNCTION f() RETURNS INT BEGIN CREATE TEMPORARY TABLE users (id INT, name VARCHAR(9)); INSERT INTO users VALUES (1, 'hidden'); RETURN 1; END"},
			[]string{"SELECT f()"}},
		{"pgx", servers.Postgres(t), "SELECT name FROM users WHERE id = $1", pg.Dialect,
			[]string{
				"CREATE TABLE audit (what TEXT)",
				"CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (tg_tag); END $$",
				"CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted()",
				"CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE users AS SELECT 1 AS id, 'hidden' AS name; RETURN 1; END $$",
				"CREATE FUNCTION g() RETURNS INT LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE users (id INT, name TEXT); INSERT INTO users VALUES (1, 'hidden'); RETURN 1; END $$",
			},
			[]string{"SELECT f()", "SELECT g()", "DO $$ BEGIN CREATE TEMP TABLE users AS SELECT 1 AS id, 'hidden' AS name; END $$"}},
	} {
		base, db, _ := withRule(t, tt.dialect, tt.name, tt.dsn, tt.read, append([]string{
			"CREATE TABLE users (id INT PRIMARY KEY, name TEXT)", "INSERT INTO users VALUES (1, 'a')",
		}, tt.schema...)...)
		for _, text := range tt.texts {
			answer(db, tt.read, 1)
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			do(t, c, text)
			for range 2 {
				var name string
				if err := c.QueryRowContext(t.Context(), tt.read, 1).Scan(&name); err != nil || name != "hidden" {
					t.Errorf("%s: the connection reads %q (%v), and not the table that it has made", text, name, err)
				}
			}
			wantSame(t, base, db, text+", another connection", tt.read, 1)
			c.Raw(func(any) error { return driver.ErrBadConn }) // it is not put back
			c.Close()
		}
	}
}

// A trigger may write with OLD what it likes.
func TestTriggerThatReturnsOld(t *testing.T) {
	const read = "SELECT x FROM o WHERE id = $1"
	base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read, "CREATE TABLE o (id INT PRIMARY KEY, x INT, w INT)", "INSERT INTO o VALUES (1, 1, 1)",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN OLD.x := 24; RETURN OLD; END $$", "CREATE TRIGGER t BEFORE UPDATE ON o FOR EACH ROW EXECUTE FUNCTION f()")
	answer(db, read, 1)
	execAll(t, db, "UPDATE o SET w = 2 WHERE id = 1")
	wantSame(t, base, db, "RETURN OLD", read, 1)
}

// A trigger may use NEW and OLD as variables, though the row is as it is.
func TestTriggerThatGivesValues(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	for _, body := range []string{
		"NEW.u := NEW.u + 1; UPDATE users SET name = name + 1 WHERE id = NEW.u",
		"OLD.u := OLD.u + 1; UPDATE users SET name = name + 1 WHERE id = OLD.u",
		"SELECT 2 INTO OLD.u; INSERT INTO users VALUES (OLD.u, 0) ON CONFLICT (id) DO UPDATE SET name = users.name + 1",
		"DECLARE new log; BEGIN new.u := OLD.u + 1; UPDATE users SET name = name + 1 WHERE id = new.u; END",
	} {
		base, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
			"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2)",
			"CREATE TABLE log (id INT PRIMARY KEY, u INT, n INT, v INT)", "INSERT INTO log VALUES (1, 1, 1, 1)",
			"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+"; RETURN NULL; END $$",
			"CREATE TRIGGER f AFTER UPDATE OF v ON log FOR EACH ROW EXECUTE FUNCTION f()")
		answer(db, read, 2)
		execAll(t, db, "UPDATE log SET v = v + 1 WHERE u = 1")
		wantSame(t, base, db, body, read, 2)
		wantKept(t, db, cache, "UPDATE log SET n = n + 1", read, 2)
	}
}

// What a BEFORE trigger writes stays, though the row that has fired it may not be written, and so not be returned.
func TestTriggerThatSkipsRows(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	const bump = "UPDATE users SET name = name + 1 WHERE id = "
	for _, tt := range []struct {
		about, when, body string
		more              []string
		statement         string
	}{
		{about: "keeps rows", when: "BEFORE DELETE", body: bump + "OLD.u; RETURN NULL", statement: "DELETE FROM log WHERE v = 1"},
		{about: "writes another row instead", when: "BEFORE INSERT", body: bump + "NEW.u; RETURN NULL", statement: "INSERT INTO log SELECT 2, 1, 1"},
		{about: "OLD of an INSERT", when: "BEFORE INSERT", body: bump + "NEW.u; RETURN OLD", statement: "INSERT INTO log SELECT 2, 1, 1"},
		{about: "the row is there", when: "BEFORE INSERT", body: bump + "NEW.u; RETURN NEW", statement: "INSERT INTO log SELECT 1, 1, 1 ON CONFLICT DO NOTHING"},
		{about: "the row that is there is another", when: "BEFORE INSERT", body: bump + "NEW.u; RETURN NEW",
			more: []string{"UPDATE log SET u = 2"}, statement: "INSERT INTO log SELECT 1, 1, 1 ON CONFLICT (id) DO UPDATE SET v = 5"},
		{about: "by another trigger", when: "BEFORE UPDATE", body: bump + "NEW.u; RETURN NEW",
			more: []string{"CREATE TRIGGER z BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"}, statement: "UPDATE log SET v = 1 WHERE v = 1"},
		{about: "by another trigger, of an heir", when: "BEFORE UPDATE", body: bump + "NEW.u; RETURN NEW",
			more: []string{
				"CREATE TABLE heir () INHERITS (log)", "DELETE FROM log", "INSERT INTO heir VALUES (1, 1, 1)", "CREATE TRIGGER f BEFORE UPDATE ON heir FOR EACH ROW EXECUTE FUNCTION f()",
				"CREATE TRIGGER z BEFORE UPDATE ON heir FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
			}, statement: "UPDATE log SET v = 1 WHERE v = 1"},
	} {
		t.Run(tt.about, func(t *testing.T) {
			base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read, append([]string{
				"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2)",
				"CREATE TABLE log (id INT PRIMARY KEY, u INT, v INT)", "INSERT INTO log VALUES (1, 1, 1)",
				"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + tt.body + "; END $$",
				"CREATE TRIGGER f " + tt.when + " ON log FOR EACH ROW EXECUTE FUNCTION f()"}, tt.more...)...)
			answer(db, read, 1)
			execAll(t, db, tt.statement)
			wantSame(t, base, db, tt.statement, read, 1)
		})
	}
	_, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2)", "CREATE TABLE log (id INT PRIMARY KEY, u INT, v INT)", "INSERT INTO log VALUES (1, 1, 1)",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+bump+"NEW.u; RETURN NEW; END $$",
		"CREATE TRIGGER f BEFORE INSERT OR UPDATE ON log FOR EACH ROW EXECUTE FUNCTION f()",
		"CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$", "CREATE TRIGGER g BEFORE UPDATE ON log EXECUTE FUNCTION g()")
	answer(db, read, 2)
	for _, statement := range []string{"INSERT INTO log SELECT 2, 1, 1", "UPDATE log SET v = 2 WHERE v = 1", "INSERT INTO log VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET v = 5"} {
		wantKept(t, db, cache, statement, read, 2) // all that it fires is known by the rows that are returned, or by its own values
	}
}

// A BEFORE trigger that returns OLD from an UPDATE has the row written as it was.
func TestTriggerThatReverts(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	for when, returns := range map[string]string{"BEFORE": "RETURN OLD", "AFTER": "RETURN NULL"} {
		base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
			"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2), (3, 3)",
			"CREATE TABLE log (id INT PRIMARY KEY, u INT, v INT)", "INSERT INTO log VALUES (1, 1, 1)",
			"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE users SET name = name + 1 WHERE id = NEW.u; "+returns+"; END $$",
			"CREATE TRIGGER f "+when+" UPDATE ON log FOR EACH ROW EXECUTE FUNCTION f()",
			"CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$", "CREATE TRIGGER g BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION g()")
		for _, statement := range []string{"UPDATE log SET u = u + 1 WHERE v = 1", "UPDATE log SET u = 3"} {
			for id := range 3 {
				answer(db, read, id+1)
			}
			execAll(t, db, statement)
			for id := range 3 {
				wantSame(t, base, db, when+": "+statement, read, id+1)
			}
		}
	}
}

// What a trigger returns for one event does not count for another, and not at all after the row was written.
func TestTriggerOfSeveralEvents(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	const bump = "UPDATE users SET name = name + 1 WHERE id = "
	for when, bodies := range map[string][]string{
		"BEFORE": {
			"IF TG_OP = 'DELETE' THEN " + bump + "OLD.u; RETURN OLD; END IF; " + bump + "NEW.u; RETURN NEW;",
			"IF (TG_OP = 'INSERT' OR TG_OP = 'UPDATE') THEN " + bump + "NEW.u; RETURN NEW; ELSE " + bump + "OLD.u; RETURN OLD; END IF;",
			"IF tg_op IN ('INSERT', 'UPDATE') THEN " + bump + "NEW.u; RETURN NEW; ELSIF TG_OP = 'DELETE' THEN " + bump + "OLD.u; RETURN OLD; END IF; RETURN NULL;",
		},
		"AFTER": {
			"IF TG_OP = 'DELETE' THEN " + bump + "OLD.u; ELSE " + bump + "NEW.u; END IF; RETURN COALESCE(NEW, OLD);",
			"IF TG_OP = 'DELETE' THEN " + bump + "OLD.u; ELSE " + bump + "NEW.u; END IF; RETURN NULL;",
		},
	} {
		for _, body := range bodies {
			base, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
				"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2), (3, 3)",
				"CREATE TABLE log (id INT PRIMARY KEY, u INT, v INT)", "INSERT INTO log VALUES (1, 1, 1)",
				"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+" END $$",
				"CREATE TRIGGER f "+when+" INSERT OR UPDATE OR DELETE ON log FOR EACH ROW EXECUTE FUNCTION f()")
			for _, statement := range []string{"INSERT INTO log SELECT 2, 2, 2", "UPDATE log SET u = u + 1 WHERE v = 1", "DELETE FROM log WHERE v = 1"} {
				answer(db, read, 2)
				answer(db, read, 3)
				wantKept(t, db, cache, statement, read, 3)
				wantSame(t, base, db, body+" "+statement, read, 2)
			}
		}
	}
	for _, body := range []string{ // it is not what it seems
		"DECLARE TG_OP text := 'DELETE'; BEGIN IF TG_OP = 'DELETE' THEN " + bump + "NEW.u; RETURN OLD; END IF; RETURN NEW; END;",
		"TG_OP := 'DELETE'; IF TG_OP = 'DELETE' THEN " + bump + "NEW.u; RETURN OLD; END IF; RETURN NEW;",
		"IF TG_OP = 'DELETE' OR NEW.v > 0 THEN " + bump + "NEW.u; RETURN OLD; END IF; RETURN NEW;",
	} {
		base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
			"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2)", "CREATE TABLE log (id INT PRIMARY KEY, u INT, v INT)",
			"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+" END $$",
			"CREATE TRIGGER f BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION f()")
		answer(db, read, 2)
		execAll(t, db, "INSERT INTO log SELECT 2, 2, 2")
		wantSame(t, base, db, body, read, 2)
	}
}

// On MySQL and MariaDB a new row may give way to one that is there already, and a row be left as it is.
func TestTriggerOfRowsThatGiveWay(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = ?"
	base, db, _ := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), read,
		"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2)", "CREATE TABLE log (id INT PRIMARY KEY, u INT, v INT, w INT UNIQUE)", "INSERT INTO log VALUES (1, 1, 1, 1), (2, 2, 2, 2)",
		"CREATE TRIGGER f BEFORE INSERT ON log FOR EACH ROW UPDATE users SET name = name + 1 WHERE id = NEW.u",
		"CREATE TRIGGER g BEFORE UPDATE ON log FOR EACH ROW UPDATE users SET name = name + 1 WHERE id = NEW.u")
	for _, statement := range []string{"INSERT INTO log (id, u) VALUES (1, 1 + 1) ON DUPLICATE KEY UPDATE v = 4", "INSERT IGNORE INTO log (id, u) VALUES (1, 1 + 1)", "UPDATE IGNORE log SET w = 2, u = u + 1 WHERE v = 4"} {
		answer(db, read, 2)
		execAll(t, db, statement)
		wantSame(t, base, db, statement, read, 2)
	}
}

// So may the row be that an ON DUPLICATE KEY UPDATE finds.
func TestTriggerOfARowThatIsLeft(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = ?"
	base, db, _ := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), read,
		"CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1), (2, 2), (3, 3)",
		"CREATE TABLE log (id INT PRIMARY KEY, u INT CHECK (u < 3))", "INSERT INTO log VALUES (1, 1)",
		"CREATE TRIGGER f BEFORE UPDATE ON log FOR EACH ROW UPDATE users SET name = name + 1 WHERE id = NEW.u")
	const statement = "INSERT IGNORE INTO log (id, u) VALUES (1, 1) ON DUPLICATE KEY UPDATE u = u + 2"
	answer(db, read, 3)
	execAll(t, db, statement)
	wantSame(t, base, db, statement, read, 3)
}

// Where a backslash in a text is no character, nothing is cached.
func TestBackslashes(t *testing.T) {
	const read = "SELECT v FROM e WHERE k = $1"
	base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t)+"&standard_conforming_strings=off", read, "CREATE TABLE e (k TEXT PRIMARY KEY, v TEXT)", `INSERT INTO e VALUES (E'a\\b', 'x')`)
	answer(db, read, `a\b`)
	execAll(t, db, `UPDATE e SET v = 'z' WHERE k = 'a\\b'`)
	wantSame(t, base, db, "standard_conforming_strings = off", read, `a\b`)
}

// An operator of the database's own may call values equal that differ.
func TestOwnEquality(t *testing.T) {
	const read = "SELECT v FROM e WHERE k = $1"
	base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE FUNCTION ci_eq(varchar, varchar) RETURNS bool LANGUAGE sql IMMUTABLE AS $$ SELECT lower($1::text) = lower($2::text) $$",
		"CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = ci_eq)", "CREATE TABLE e (id INT PRIMARY KEY, k VARCHAR(20), v INT)", "INSERT INTO e VALUES (1, 'Ann', 0)")
	answer(db, read, "ann")
	execAll(t, db, "UPDATE e SET v = 1 WHERE id = 1")
	wantSame(t, base, db, "own =", read, "ann")
}

// A row that is made of JSON may hold 'now'.
func TestNowOutOfJSON(t *testing.T) {
	const read = "SELECT (jsonb_populate_record(NULL::ct, jsonb_build_object('tz', v))).tz = now() FROM gi WHERE id = $1"
	const cached = "SELECT (jsonb_populate_record(NULL::ct, jsonb_build_object('tz', v))).tz::text FROM gi WHERE id = $1"
	base, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), cached, "CREATE TYPE ct AS (tz timestamptz)", "CREATE TABLE gi (id INT PRIMARY KEY, v TEXT)", "INSERT INTO gi VALUES (1, 'now')")
	first := answer(db, cached, 1)
	time.Sleep(50 * time.Millisecond)
	if second := answer(db, cached, 1); first == second {
		t.Errorf("the clock stands at %s; %d hits; %s", second, cache.Stats().Hits, answer(base, read, 1))
	}
}

// A table may be made by a query that changes the session.
func TestSetConfigInCreateTableAs(t *testing.T) {
	const read = "SELECT t::text FROM tt WHERE id = $1"
	base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read, "CREATE TABLE tt (id INT PRIMARY KEY, t timestamptz)", "INSERT INTO tt VALUES (1, '2020-01-01 00:00:00+00')")
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(t.Context(), "CREATE TABLE cta AS SELECT set_config('TimeZone', 'Asia/Tokyo', false)"); err != nil {
		t.Fatal(err)
	}
	var s string
	c.QueryRowContext(t.Context(), read, 1).Scan(&s) // stored as if in the zone that all others have
	wantSame(t, base, db, "another connection", read, 1)
}

// SHOW may call a function.
func TestShowWhere(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = ?"
	base, db, _ := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), read, "CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)",
		"CREATE FUNCTION fw(n INT) RETURNS INT MODIFIES SQL DATA BEGIN UPDATE users SET name = name + 1 WHERE id = n; RETURN 1; END")
	answer(db, read, 1)
	execAll(t, db, "SHOW TABLES WHERE fw(1) = 1")
	wantSame(t, base, db, "SHOW", read, 1)
}

// What replaces writes to a view, or comes along with them, does so with writes to a view on that view too, wherever they stand.
func TestReplacedBelow(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	const bump = "UPDATE users SET name = name + 1 WHERE id = 1"
	for about, replaces := range map[string][]string{
		"trigger": {
			"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + bump + "; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$",
			"CREATE TRIGGER f INSTEAD OF INSERT OR UPDATE OR DELETE ON v FOR EACH ROW EXECUTE FUNCTION f()",
		},
		"rule": {
			"CREATE RULE i AS ON INSERT TO v DO ALSO " + bump, "CREATE RULE u AS ON UPDATE TO v DO ALSO " + bump, "CREATE RULE d AS ON DELETE TO v DO ALSO " + bump,
		},
		"default": {
			"CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN " + bump + "; RETURN 'a'; END $$", "ALTER VIEW v ALTER COLUMN t SET DEFAULT f()",
		},
	} {
		base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read, slices.Concat([]string{
			"CREATE TABLE users (id BIGINT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)", "CREATE TABLE log (id INT, t TEXT)", "CREATE TABLE fires (id INT)",
			"CREATE VIEW v AS SELECT id, t FROM log", "CREATE VIEW w AS SELECT id, t FROM v", "CREATE VIEW x AS SELECT id AS i, t AS u FROM w WHERE id > 0",
			"CREATE FUNCTION fw() RETURNS void LANGUAGE sql AS $$ UPDATE w SET t = 'f' $$",
			"CREATE FUNCTION tx() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM x WHERE i = 1; RETURN NULL; END $$",
			"CREATE TRIGGER tx AFTER INSERT ON fires FOR EACH ROW EXECUTE FUNCTION tx()",
		}, replaces)...)
		for _, query := range []string{
			"INSERT INTO w VALUES (1, 'a')", "INSERT INTO x VALUES (1, 'a')", "INSERT INTO w VALUES (1)", "INSERT INTO x VALUES (1)", "INSERT INTO log VALUES (1, 'b')", "UPDATE w SET t = 'c' WHERE id = 1", "UPDATE x SET u = 'd'", "SELECT fw()",
			"INSERT INTO fires VALUES (1)", "INSERT INTO log VALUES (1, 'b')", "DELETE FROM w WHERE id = 1", "INSERT INTO log VALUES (1, 'b')", "DELETE FROM x",
		} {
			answer(db, read, 1)
			execAll(t, db, query)
			wantSame(t, base, db, about+": "+query, read, 1)
		}
	}
}

// A name of WITH is no view, even if a view is called so: it may be the one that is defined.
func TestViewOfItsOwnName(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	base, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)",
		"CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN UPDATE users SET name = name + 1 WHERE id = 1; RETURN 'a'; END $$",
		"CREATE VIEW v AS WITH v AS (SELECT 1 AS id, 'a'::text AS t) SELECT id, t FROM v", "ALTER VIEW v ALTER COLUMN t SET DEFAULT f()",
		"CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
		"CREATE TRIGGER kept INSTEAD OF INSERT OR DELETE ON v FOR EACH ROW EXECUTE FUNCTION kept()")
	answer(db, read, 1)
	execAll(t, db, "INSERT INTO v (id) VALUES (1)")
	wantSame(t, base, db, "INSERT", read, 1)
	wantKept(t, db, cache, "DELETE FROM v", read, 1)
}

// Where writes to a view are replaced, nothing of what views below it do comes along.
func TestReplacedAbove(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	_, db, cache := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)", "CREATE TABLE log (id INT, t TEXT)",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (1, 'a'); RETURN NEW; END $$",
		"CREATE FUNCTION g() RETURNS text LANGUAGE plpgsql AS $$ BEGIN DELETE FROM users; RETURN 'a'; END $$",
		"CREATE VIEW v AS SELECT id, t FROM log", "CREATE VIEW w AS SELECT id, t FROM v", "ALTER VIEW v ALTER COLUMN t SET DEFAULT g()",
		"CREATE TRIGGER f INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION f()",
		"CREATE TRIGGER f INSTEAD OF INSERT OR UPDATE ON w FOR EACH ROW EXECUTE FUNCTION f()")
	answer(db, read, 1)
	answer(db, read, 1)
	for _, query := range []string{"INSERT INTO w (id) VALUES (1)", "UPDATE v SET t = 'b'", "UPDATE w SET t = 'b'", "DELETE FROM w"} {
		wantKept(t, db, cache, query, read, 1)
	}
}

// What the default of a view does is known of functions that write to the view, whatever is read first.
func TestDefaultOfViewInFunction(t *testing.T) {
	const read = "SELECT name FROM users WHERE id = $1"
	base, db, _ := withRule(t, pg.Dialect, "pgx", servers.Postgres(t), read,
		"CREATE TABLE users (id BIGINT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)", "CREATE TABLE log (id INT, t TEXT)",
		"CREATE TABLE early (id INT, t TEXT, u TEXT)", // its defaults are read before those of the views
		"CREATE VIEW v AS SELECT id, t FROM log", "CREATE VIEW w AS SELECT id, t FROM v", "CREATE TABLE late (id INT, t TEXT)",
		"CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN UPDATE users SET name = name + 1 WHERE id = 1; RETURN 'a'; END $$",
		"CREATE FUNCTION fv() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO v (id) VALUES (1); RETURN 'a'; END $$",
		"CREATE FUNCTION fw() RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO w (id) VALUES (1); RETURN 'a'; END $$",
		"ALTER TABLE early ALTER t SET DEFAULT fv(), ALTER u SET DEFAULT fw()", "ALTER TABLE late ALTER t SET DEFAULT fw()",
		"ALTER VIEW v ALTER t SET DEFAULT f()")
	for _, query := range []string{
		"INSERT INTO early (id, u) VALUES (1, '')", "INSERT INTO early (id, t) VALUES (1, '')", "UPDATE early SET t = DEFAULT", "INSERT INTO late (id) VALUES (1)",
		"SELECT fv()", "SELECT fw()", "INSERT INTO w (id) VALUES (2)",
	} {
		answer(db, read, 1)
		execAll(t, db, query)
		wantSame(t, base, db, query, read, 1)
	}
}

// What fills a temporary table may write.
func TestTemporaryTableOfFunction(t *testing.T) {
	if servers.MySQL() {
		t.Skip("MySQL lets no function write there")
	}
	const read = "SELECT name FROM users WHERE id = ?"
	base, db, _ := withRule(t, my.Dialect, "mysql", servers.MariaDB(t), read, "CREATE TABLE users (id INT PRIMARY KEY, name INT)", "INSERT INTO users VALUES (1, 1)",
		"CREATE FUNCTION fw(n INT) RETURNS INT MODIFIES SQL DATA BEGIN UPDATE users SET name = name + 1 WHERE id = n; RETURN 1; END")
	for _, query := range []string{
		"CREATE TEMPORARY TABLE a SELECT fw(1)", "CREATE TEMPORARY TABLE b (i INT) SELECT 1 AS i UNION SELECT fw(1)",
		"CREATE OR REPLACE TEMPORARY TABLE a (SELECT fw(1))", "CREATE TEMPORARY TABLE c AS VALUES (fw(1))",
		"CREATE OR REPLACE TEMPORARY TABLE c VALUE (fw(1))",
	} {
		answer(db, read, 1)
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		do(t, c, query)
		c.Raw(func(any) error { return driver.ErrBadConn }) // the next one is served
		wantSame(t, base, db, query, read, 1)
	}
}
