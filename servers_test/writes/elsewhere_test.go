package writes

import (
	"fmt"
	"net/url"
	"testing"

	pg "github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A transaction in two phases is over when another connection says so, and until then nobody sees what it has written.
func TestTwoPhases(t *testing.T) {
	const read = "SELECT v FROM kv WHERE id = $1"
	base, db, _ := withRule(t, pg.Dialect, "pgx", servers.StartPostgres(t, "max_prepared_transactions=1").Database(t), read, numbers)
	prepare := map[string]func(){
		"by statements": func() {
			c, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, query := range []string{"BEGIN", "UPDATE kv SET v = v + 1 WHERE id = 1", "PREPARE TRANSACTION 'x'"} {
				do(t, c, query)
			}
		},
		"in a Tx": func() {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			do(t, tx, "UPDATE kv SET v = v + 1 WHERE id = 1")
			do(t, tx, "PREPARE TRANSACTION 'x'")
			tx.Commit()
		},
		"in a text": func() { do(t, db, "BEGIN; UPDATE kv SET v = v + 1 WHERE id = 1; PREPARE TRANSACTION 'x'") },
	}
	for way, prepare := range prepare {
		for _, end := range []string{"COMMIT PREPARED 'x'", "ROLLBACK PREPARED 'x'"} {
			prepare()
			for range 3 {
				wantSame(t, base, db, way+", prepared", read, 1)
			}
			do(t, db, end)
			wantSame(t, base, db, way+", "+end, read, 1)
		}
	}
}

// A foreign table may be one of the same database.
func TestForeignTableOfTheSame(t *testing.T) {
	const read = "SELECT v FROM kv WHERE id = $1"
	dsn := servers.Postgres(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	base, db, _ := withRule(t, pg.Dialect, "pgx", dsn, read, numbers, "CREATE EXTENSION postgres_fdw",
		fmt.Sprintf("CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname '%s')", u.Hostname(), u.Port(), u.Path[1:]),
		fmt.Sprintf("CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user '%s', password '%s')", u.User.Username(), password),
		"CREATE FOREIGN TABLE far (id int, k int, v int) SERVER s OPTIONS (table_name 'kv')", "CREATE VIEW farther AS SELECT * FROM far",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE far SET v = 99 WHERE id = NEW.id; RETURN NEW; END $$",
		"CREATE TRIGGER f AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION f()")
	for _, query := range []string{
		"UPDATE far SET v = 5 WHERE id = 1", "UPDATE far SET v = v + 1 WHERE k = 10", "INSERT INTO log VALUES (1)", "UPDATE farther SET v = 9 WHERE id = 1",
		"WITH x AS (UPDATE far SET v = 10 WHERE id = 1 RETURNING *) SELECT * FROM x", "TRUNCATE far", "COPY far FROM PROGRAM 'printf \"1\\t2\\t3\\n\"'",
	} {
		for range 2 {
			answer(db, read, 1)
		}
		do(t, db, query)
		wantSame(t, base, db, query, read, 1)
	}
}
