package sessions

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A write that was not sent, since the driver cannot send an argument, has written nothing: its keys are served again at once.
func TestUnsent(t *testing.T) {
	s := postgresSite(t)
	s.exec(s.bare, "ALTER TABLE users ADD n int")
	s.warm(s.DB, "Ann")
	for _, arg := range []any{int64(1) << 40, struct{}{}} {
		if _, err := s.Exec("UPDATE users SET n = $1 WHERE id = 1", arg); err == nil {
			t.Fatalf("%T: got no error", arg)
		}
		s.name(s.DB)
		s.want(s.DB, "Ann", true)
	}
}

// nameOf is the database of a DSN of MariaDB.
func (s *site) nameOf() (name string) {
	s.t.Helper()
	if err := s.bare.QueryRow("SELECT database()").Scan(&name); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// What nobody understands, and what changes a schema, may be about another database of the server, by its name.
func TestTextsForElsewhere(t *testing.T) {
	for _, text := range []string{
		"EXECUTE IMMEDIATE 'UPDATE there.users SET name = ''Zed'''", "BEGIN NOT ATOMIC UPDATE there.users SET name = 'Zed'; END",
		"IF 1 = 1 THEN UPDATE there.users SET name = 'Zed'; END IF", "SET STATEMENT max_statement_time = 100 FOR UPDATE there.users SET name = 'Zed'",
		"ALTER TABLE there.users DROP COLUMN name, ADD COLUMN name VARCHAR(20) DEFAULT 'Zed'", "CREATE OR REPLACE TABLE there.users AS SELECT 1 AS id, 'Zed' AS name, 'Rome' AS city",
	} {
		t.Run(text, func(t *testing.T) {
			if servers.MySQL() && !strings.HasPrefix(text, "ALTER") {
				t.Skip("MySQL does not know it")
			}
			s, elsewhere := mysqlSite(t), mysqlSite(t)
			there := s.through(elsewhere.dsn)
			s.name(s.DB)
			s.warm(there, "Ann")
			s.exec(s.DB, strings.ReplaceAll(text, "there.", elsewhere.nameOf()+"."))
			s.want(there, "Zed", false)
		})
	}
}

// lead has orders written, first in a transaction: each leads to the name of user 1.
func (s *site) lead(tx *sql.Tx, db *sql.DB) {
	s.t.Helper()
	s.warm(s.DB, "Ann")
	s.exec(tx, "INSERT INTO orders (note) VALUES ('Amy')")
	if err := tx.Commit(); err != nil {
		s.t.Fatal(err)
	}
	s.want(s.DB, "Amy", false)
	s.warm(s.DB, "Amy")
	s.exec(db, "INSERT INTO orders (note) VALUES ('Abe')")
	s.want(s.DB, "Abe", false)
}

// A schema that is changed from another database leads the next write there, also one of a transaction that has begun before.
func TestSchemaOfElsewhere(t *testing.T) {
	s, elsewhere := mysqlSite(t), mysqlSite(t)
	s.exec(elsewhere.bare, "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20))")
	there := s.through(elsewhere.dsn)
	s.exec(there, "INSERT INTO orders (note) VALUES ('none')")
	tx, err := there.Begin()
	if err != nil {
		t.Fatal(err)
	}
	s.name(s.DB)
	here, other := s.nameOf(), elsewhere.nameOf()
	s.exec(s.DB, "CREATE TRIGGER "+other+".notes AFTER INSERT ON "+other+".orders FOR EACH ROW UPDATE "+here+".users SET name = new.note WHERE id = 1")
	s.lead(tx, there)
}

// One that is changed through one search path is so through the others.
func TestSchemaOfOtherPath(t *testing.T) {
	s := postgresSite(t)
	s.exec(s.bare, "CREATE TABLE orders (id SERIAL PRIMARY KEY, note VARCHAR(20))")
	s.exec(s.bare, "CREATE FUNCTION notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE public.users SET name = NEW.note WHERE id = 1; RETURN NULL; END $$")
	both := s.through(s.dsn + mark(s.dsn) + "search_path=public,b")
	s.exec(both, "INSERT INTO orders (note) VALUES ('none')")
	tx, err := both.Begin()
	if err != nil {
		t.Fatal(err)
	}
	s.name(s.DB)
	s.exec(s.DB, "CREATE TRIGGER notes AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION notes()")
	s.lead(tx, both)
}

func mark(dsn string) string {
	if strings.Contains(dsn, "?") {
		return "&"
	}
	return "?"
}

// What is written by Raw may be in another database too, if its name is not known here, and below a view.
func TestRawElsewhere(t *testing.T) {
	raw := func(s *site, text string, writes ...string) {
		s.t.Helper()
		if err := moneyclip.Raw(s.conn(s.DB), func(base any) error {
			execer, ok := base.(driver.ExecerContext)
			if !ok {
				return errors.New("the base connection runs no texts")
			}
			_, err := execer.ExecContext(context.Background(), text, nil)
			return err
		}, writes...); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, writes := range [][]string{nil, {"there.users"}, {"nosuch"}, {"notes"}} {
		s, elsewhere := mysqlSite(t), mysqlSite(t)
		name := elsewhere.nameOf()
		s.exec(s.bare, "CREATE TABLE notes (note VARCHAR(20))")
		s.exec(s.bare, "CREATE TRIGGER notes AFTER INSERT ON notes FOR EACH ROW UPDATE "+name+".users SET name = new.note")
		there := s.through(elsewhere.dsn)
		s.name(s.DB)
		s.warm(there, "Ann")
		raw(s, "INSERT INTO notes VALUES ('Zed')", writes...)
		s.want(there, "Zed", false)
	}
	for base, dsn := range map[string]func(testing.TB) string{"pgx": servers.Postgres, "mysql": servers.MariaDB} {
		s := open(t, base, dsn(t), users, "INSERT INTO users VALUES (1, 'Ann', 'Rome')", "CREATE VIEW everybody AS SELECT * FROM users")
		s.warm(s.DB, "Ann")
		raw(s, "UPDATE everybody SET name = 'Amy' WHERE id = 1", "everybody")
		s.want(s.through(s.dsn), "Amy", false)
	}
}
