package drivertest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"
	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
)

var behaviours = []behaviour{
	{"queries", "one row, and none", true, nil, func(s *scene) { s.one(s.db, 1, 2, 3, 99, "1") }},
	{"queries", "all that rows tell", true, nil, func(s *scene) { s.query(s.db, one, 1); s.query(s.db, one, 99) }},
	{"queries", "two rows for QueryRow", false, nil, func(s *scene) {
		s.row(s.db.QueryRow(s.text("SELECT id, name, n FROM things WHERE id > $1 ORDER BY id"), 1))
	}},
	{"queries", "many rows", false, nil, func(s *scene) { s.query(s.db, "SELECT * FROM things ORDER BY id") }},
	{"queries", "columns of one name, or of none", true, nil, func(s *scene) {
		s.query(s.db, `SELECT id, name AS id, n + 1, 'x', NULL FROM things WHERE id = $1`, 1)
		s.query(s.db, `SELECT id, name AS id, n + 1, 'x', NULL FROM things WHERE id = $1`, 1)
	}},
	{"queries", "rows closed early", true, nil, func(s *scene) {
		for _, query := range []string{one, "SELECT id, name, n FROM things WHERE id > $1"} {
			rows, err := s.db.Query(s.text(query), 1)
			s.err("query", err)
			s.add("%t", rows.Next())
			s.err("close", rows.Close())
			s.err("close", rows.Close())
			s.add("%t", rows.Next())
			s.err("scan", rows.Scan(new(any), new(any), new(any)))
			_, err = rows.Columns()
			s.err("columns", err)
			_, err = rows.ColumnTypes()
			s.err("types", err)
			s.err("end", rows.Err())
		}
	}},
	{"queries", "wrong scans", true, nil, func(s *scene) {
		rows, err := s.db.Query(s.text(one), 2)
		s.err("query", err)
		defer rows.Close()
		s.err("before Next", rows.Scan(new(any), new(any), new(any)))
		rows.Next()
		s.err("too few", rows.Scan(new(any)))
		s.err("too many", rows.Scan(new(any), new(any), new(any), new(any)))
		s.err("NULL", rows.Scan(new(int64), new(string), new(int64)))
		s.err("not a pointer", rows.Scan(1, new(string), new(any)))
		s.err("nil", rows.Scan(nil, new(string), new(any)))
		s.err("nil pointer", rows.Scan((*int64)(nil), new(string), new(any)))
		s.err("text into a number", rows.Scan(new(int64), new(int64), new(any)))
		s.err("right", rows.Scan(new(int8), new(string), new(*int64)))
		s.add("%t, result set %t, %t", rows.Next(), rows.NextResultSet(), rows.Next())
		s.err("after the end", rows.Scan(new(any), new(any), new(any)))
		s.err("end", rows.Err())
	}},
	{"queries", "RawBytes", true, nil, func(s *scene) {
		var raw sql.RawBytes
		s.err("QueryRow", s.db.QueryRow(s.text(one), 1).Scan(new(any), &raw, new(any)))
		rows, err := s.db.Query(s.text(one), 1)
		s.err("query", err)
		rows.Next()
		s.err("scan", rows.Scan(new(any), &raw, new(any)))
		s.add("%q", raw)
		s.err("close", rows.Close())
	}},
	{"queries", "several result sets", false, nil, func(s *scene) {
		s.query(s.db, "SELECT 1 AS a; SELECT 'x' AS b, 2 AS c")
		s.query(s.db, "SELECT id FROM things WHERE id = 1; SELECT name FROM things WHERE id = 1")
		s.row(s.db.QueryRow("SELECT id, name, n FROM things WHERE id = 1; SELECT id, name, n FROM things WHERE id = 2"))
		s.exec(s.db, "UPDATE things SET n = 1 WHERE id = 1; UPDATE things SET n = 2 WHERE id = 2")
		s.one(s.db, 1, 2)
	}},
	{"queries", "texts that are none", false, nil, func(s *scene) {
		for _, text := range []string{"", " ", ";", "-- nothing", "SELECT", "SELECT 1;", "SELECT nothing FROM things", "SELECT * FROM nowhere", "SELECT 'a", "SELECT 1 --\x00", "BOO"} {
			s.query(s.db, text)
			s.exec(s.db, text)
			stmt, err := s.db.Prepare(text)
			s.err("prepare "+text, err)
			if err == nil {
				s.err("close", stmt.Close())
			}
		}
	}},
	{"queries", "an error after the first row", false, on(pg, lite), func(s *scene) {
		failing := pick(s.server, "SELECT 1 / (2 - id) FROM things ORDER BY id", "", "SELECT abs(CASE id WHEN 1 THEN 1 ELSE -9223372036854775807 - 1 END) FROM things")
		s.query(s.db, failing)
		s.err("QueryRow", s.db.QueryRow(failing).Scan(new(any)))
	}},
	{"queries", "division by zero", true, nil, func(s *scene) {
		for range 2 {
			s.query(s.db, "SELECT n / (id - 1) AS q FROM things WHERE id = $1", 1)
			s.query(s.db, "SELECT n / (id - 1) AS q FROM things WHERE id = $1", 3)
		}
	}},
	{"queries", "a write by Query", false, nil, func(s *scene) {
		s.query(s.db, "UPDATE things SET n = n + 1 WHERE id = 1")
		s.one(s.db, 1)
		s.query(s.db, "INSERT INTO things VALUES (4, 'four', 4) RETURNING id, name")
		s.row(s.db.QueryRow("DELETE FROM things WHERE id = 3 RETURNING id, name, n"))
		s.query(s.db, "SELECT * FROM things ORDER BY id")
	}},
	{"queries", "a SELECT by Exec", false, nil, func(s *scene) {
		s.exec(s.db, "SELECT * FROM things", "SELECT id FROM things WHERE id = 1")
		if s.driver != "mysql" { // which waits for more, bare
			s.result(s.db.Exec(s.text(one), 1))
		}
		s.one(s.db, 1)
	}},
	{"queries", "rows within rows", true, nil, func(s *scene) {
		outer, err := s.db.Query("SELECT id FROM things ORDER BY id")
		s.err("query", err)
		defer outer.Close()
		for outer.Next() {
			var id int64
			s.err("scan", outer.Scan(&id))
			s.one(s.db, id)
		}
		s.err("end", outer.Err())
	}},
	{"statements", "prepared once, used often", true, nil, func(s *scene) {
		s.prepared(s.db, 1, 2, 99, 1, "2")
		stmt, err := s.db.Prepare(s.text(one))
		s.err("prepare", err)
		s.row(stmt.QueryRow())
		s.row(stmt.QueryRow(1, 2))
		s.row(stmt.QueryRow(1))
		s.err("close", stmt.Close())
		s.err("close", stmt.Close())
		s.row(stmt.QueryRow(1))
	}},
	{"statements", "on a Conn and in a Tx", true, nil, func(s *scene) {
		s.prepared(s.conn(), 1, 99)
		tx := s.begin(nil)
		s.prepared(tx, 1, 99)
		s.err("commit", tx.Commit())
	}},
	{"statements", "Tx.Stmt", true, nil, func(s *scene) {
		stmt, err := s.db.Prepare(s.text(one))
		s.err("prepare", err)
		defer stmt.Close()
		write, err := s.db.Prepare(s.text("UPDATE things SET n = $1 WHERE id = $2"))
		s.err("prepare", err)
		defer write.Close()
		s.row(stmt.QueryRow(1))
		tx := s.begin(nil)
		s.result(tx.StmtContext(background, write).Exec(5, 1))
		s.row(tx.StmtContext(background, stmt).QueryRow(1))
		s.err("rollback", tx.Rollback())
		s.row(tx.StmtContext(background, stmt).QueryRow(1))
		s.row(stmt.QueryRow(1))
		s.result(write.Exec(6, 1))
		s.result(write.Exec(6))
		s.result(write.Exec("six", 1))
		s.row(stmt.QueryRow(1))
	}},
	{"statements", "of a table that changes", false, nil, func(s *scene) {
		s.exec(s.db, "CREATE TABLE others (id INTEGER PRIMARY KEY, a INTEGER)", "INSERT INTO others VALUES (1, 2)")
		conn := s.conn()
		stmt, err := conn.PrepareContext(background, "SELECT * FROM others WHERE id = 1")
		s.err("prepare", err)
		s.rows(stmt.Query())
		s.exec(conn, "ALTER TABLE others ADD COLUMN b VARCHAR(10)")
		s.rows(stmt.Query())
		s.rows(stmt.Query())
		s.err("close", stmt.Close())
		s.query(conn, "SELECT * FROM others WHERE id = 1")
		s.exec(conn, "DROP TABLE others")
		s.query(conn, "SELECT * FROM others WHERE id = 1")
	}},
	{"statements", "over a lost connection", true, on(pg, maria), func(s *scene) {
		s.db.SetMaxOpenConns(1)
		stmt, err := s.db.Prepare(s.text(one))
		s.err("prepare", err)
		defer stmt.Close()
		s.row(stmt.QueryRow(1))
		s.kill(s.db)
		s.row(stmt.QueryRow(2))
		s.row(stmt.QueryRow(2))
	}},
	{"results", "numbers", false, nil, func(s *scene) {
		s.exec(s.db, "INSERT INTO things VALUES (4, 'four', 4)", "INSERT INTO things VALUES (5, 'five', 5), (6, 'six', 6)",
			"UPDATE things SET n = 7", "UPDATE things SET n = 7", "UPDATE things SET n = 8 WHERE id = 1", "UPDATE things SET n = 8 WHERE id = 99",
			"DELETE FROM things WHERE id > 4", "DELETE FROM things WHERE n = 7", "UPDATE things SET id = 9 WHERE id = 1")
		s.one(s.db, 1, 9)
	}},
	{"results", "generated ids", false, nil, func(s *scene) {
		conn := s.conn()
		s.exec(conn, pick(s.server, "CREATE TABLE others (id SERIAL PRIMARY KEY, a INTEGER)", "CREATE TABLE others (id INTEGER AUTO_INCREMENT PRIMARY KEY, a INTEGER)",
			"CREATE TABLE others (id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER)"),
			"INSERT INTO others (a) VALUES (1)", "INSERT INTO others (a) VALUES (2), (3)")
		s.query(conn, pick(s.server, "SELECT lastval()", "SELECT LAST_INSERT_ID()", "SELECT last_insert_rowid(), changes()"))
		s.exec(conn, pick(s.server, "INSERT INTO others (a) VALUES (1) RETURNING id", "UPDATE others SET a = LAST_INSERT_ID(42) WHERE id = 1", "REPLACE INTO others VALUES (3, 4)"))
		stmt, err := conn.PrepareContext(background, s.text("INSERT INTO others (a) VALUES ($1)"))
		s.err("prepare", err)
		s.result(stmt.Exec(4))
		s.err("close", stmt.Close())
		s.query(conn, "SELECT * FROM others ORDER BY id")
	}},
	{"results", "upserts", false, nil, func(s *scene) {
		upsert := "INSERT INTO things VALUES ($1, $2, $3) " + pick(s.server, "ON CONFLICT (id) DO UPDATE SET n = excluded.n", "ON DUPLICATE KEY UPDATE n = VALUES(n)",
			"ON CONFLICT (id) DO UPDATE SET n = excluded.n")
		s.one(s.db, 1)
		for _, n := range []int{10, 11} {
			s.result(s.db.Exec(s.text(upsert), 1, "one", n))
			s.result(s.db.Exec(s.text(upsert), 4, "four", n))
		}
		s.one(s.db, 1, 4)
	}},
	{"results", "constraints", false, nil, func(s *scene) {
		for _, text := range []string{
			"INSERT INTO things VALUES (1, 'again', 1)", "INSERT INTO things VALUES (7, 'one', 1)", "INSERT INTO things VALUES (8, NULL, 1)",
			"UPDATE things SET name = 'two' WHERE id = 1", "UPDATE things SET id = 2", "INSERT INTO things VALUES (9)", "INSERT INTO things VALUES (10, 'x', 99999999999999999999)",
			"INSERT INTO things VALUES (11, '" + strings.Repeat("long", 20) + "', 1)", "DELETE FROM nowhere", "UPDATE things SET nothing = 1 WHERE id = 1",
		} {
			s.exec(s.db, text)
			stmt, err := s.db.Prepare(text)
			s.err("prepare", err)
			if err == nil {
				s.result(stmt.Exec())
				stmt.Close()
			}
		}
		s.one(s.db, 1, 2)
	}},
	{"results", "schema", false, nil, func(s *scene) {
		s.exec(s.db, "CREATE TABLE others (id INTEGER PRIMARY KEY)", "CREATE TABLE others (id INTEGER)", "DROP TABLE others", "DROP TABLE others")
	}},
	{"transactions", "commit and rollback", true, nil, func(s *scene) {
		s.one(s.db, 1)
		for _, commits := range []bool{false, true} {
			tx := s.begin(nil)
			s.exec(tx, "UPDATE things SET n = n + 1 WHERE id = 1")
			s.one(tx, 1)
			if commits {
				s.err("commit", tx.Commit())
			}
			s.err("rollback", tx.Rollback())
			s.err("commit", tx.Commit())
			s.one(tx, 1)
			s.exec(tx, "UPDATE things SET n = 0")
			s.one(s.db, 1)
		}
	}},
	{"transactions", "after an error", false, nil, func(s *scene) {
		tx := s.begin(nil)
		s.exec(tx, "UPDATE things SET n = 1 WHERE id = 1", "INSERT INTO things VALUES (2, 'two', 2)")
		s.one(tx, 1)
		s.exec(tx, "UPDATE things SET n = 2 WHERE id = 2")
		s.err("commit", tx.Commit())
		s.one(s.db, 1, 2)
	}},
	{"transactions", "savepoints", false, nil, func(s *scene) {
		tx := s.begin(nil)
		s.exec(tx, "UPDATE things SET n = 1 WHERE id = 1", "SAVEPOINT a", "UPDATE things SET n = 2 WHERE id = 1", "INSERT INTO things VALUES (2, 'two', 2)", "ROLLBACK TO SAVEPOINT a",
			"RELEASE SAVEPOINT a", "RELEASE SAVEPOINT b")
		s.err("commit", tx.Commit())
		s.one(s.db, 1, 2)
	}},
	{"transactions", "isolation levels", false, nil, func(s *scene) {
		for level := sql.LevelDefault; level <= sql.LevelLinearizable+1; level++ {
			for _, readOnly := range []bool{false, true} {
				tx, err := s.db.BeginTx(background, &sql.TxOptions{Isolation: level, ReadOnly: readOnly})
				s.err(fmt.Sprint(level, readOnly), err)
				if err != nil {
					continue
				}
				s.query(tx, pick(s.server, "SHOW transaction_isolation", "SELECT @@in_transaction", "PRAGMA query_only"))
				s.one(tx, 1)
				s.exec(tx, "UPDATE things SET n = n + 1 WHERE id = 3")
				s.err("commit", tx.Commit())
				s.one(s.db, 3)
			}
		}
	}},
	{"transactions", "as texts", false, nil, func(s *scene) {
		conn := s.conn()
		s.exec(conn, "BEGIN", "UPDATE things SET n = 1 WHERE id = 1", "ROLLBACK")
		s.one(conn, 1)
		s.exec(conn, "BEGIN", "UPDATE things SET n = 2 WHERE id = 1", "COMMIT", "COMMIT", "ROLLBACK")
		s.one(conn, 1)
	}},
	{"transactions", "one in another", false, nil, func(s *scene) {
		conn := s.conn()
		tx, err := conn.BeginTx(background, nil)
		s.err("begin", err)
		second, err := conn.BeginTx(background, nil)
		s.err("begin", err)
		if err == nil {
			s.err("rollback", second.Rollback())
		}
		s.err("rollback", tx.Rollback())
		s.one(conn, 1)
	}},
	{"transactions", "whose ctx is done", true, nil, func(s *scene) {
		ctx, cancel := context.WithCancel(background)
		conn := s.conn()
		tx, err := conn.BeginTx(ctx, nil)
		s.err("begin", err)
		s.exec(tx, "UPDATE things SET n = 99 WHERE id = 1")
		cancel()
		for err = nil; err != sql.ErrTxDone; { //nolint:errorlint // until database/sql has seen it
			err = tx.Commit()
		}
		s.err("commit", err)
		conn.Close()
		s.one(s.db, 1)
		_, err = s.db.BeginTx(ctx, nil)
		s.err("begin", err)
	}},
	{"contexts", "done before", true, nil, func(s *scene) {
		s.one(s.db, 1)
		ctx, cancel := context.WithCancel(background)
		late, done := context.WithDeadline(background, time.Unix(1, 0))
		defer done()
		cancel()
		conn, tx := s.conn(), s.begin(nil)
		defer conn.Close()
		defer tx.Rollback()
		s.one(conn, 1)
		stmt, err := conn.PrepareContext(background, s.text(one))
		s.err("prepare", err)
		for _, ctx := range []context.Context{ctx, late} {
			for _, on := range []runner{s.db, conn, tx} {
				s.row(on.QueryRowContext(ctx, s.text(one), 1))
				s.result(on.ExecContext(ctx, "UPDATE things SET n = 1 WHERE id = 1"))
				_, err := on.PrepareContext(ctx, s.text(one))
				s.err("prepare", err)
			}
			s.row(stmt.QueryRowContext(ctx, 1))
			_, err := s.db.Conn(ctx)
			s.err("conn", err)
			s.err("ping", s.db.PingContext(ctx))
			s.err("ping", conn.PingContext(ctx))
		}
		s.err("close", stmt.Close())
		s.one(s.db, 1)
	}},
	{"contexts", "done meanwhile", true, nil, func(s *scene) {
		for _, run := range []func(ctx context.Context, on runner) error{
			func(ctx context.Context, on runner) error { return on.QueryRowContext(ctx, s.sleep()).Scan(new(any)) },
			func(ctx context.Context, on runner) error { _, err := on.ExecContext(ctx, s.sleep()); return err },
		} {
			conn := s.conn()
			s.one(conn, 1)
			s.err("ping", conn.PingContext(background)) // dials, also where the cache has answered
			s.err("ping", s.db.Ping())
			ctx, cancel := context.WithTimeout(background, 500*time.Millisecond)
			s.err("deadline", run(ctx, conn))
			cancel()
			ctx, cancel = context.WithCancel(background)
			time.AfterFunc(500*time.Millisecond, cancel)
			s.err("cancel", run(ctx, s.db))
			conn.Close()
			s.one(s.db, 1, 2)
		}
	}},
	{"contexts", "done between rows", true, nil, func(s *scene) {
		for _, query := range []string{one, "SELECT id, name, n FROM things WHERE id > $1"} {
			ctx, cancel := context.WithCancel(background)
			rows, err := s.db.QueryContext(ctx, s.text(query), 1)
			s.err("query", err)
			s.add("%t", rows.Next())
			cancel()
			for rows.Next() { // until database/sql has seen it
			}
			s.err("close", rows.Close())
			s.one(s.db, 1)
		}
	}},
	{"contexts", "done before Close", true, nil, func(s *scene) {
		ctx, cancel := context.WithCancel(background)
		rows, err := s.db.QueryContext(ctx, s.text(one), 1)
		s.err("query", err)
		s.add("%t", rows.Next())
		cancel()
		s.err("close", rows.Close())
		s.one(s.db, 1)
	}},
	{"contexts", "with values only", true, nil, func(s *scene) {
		type key struct{}
		s.row(s.db.QueryRowContext(context.WithValue(background, key{}, 1), s.text(one), 1))
		s.row(s.db.QueryRowContext(context.WithoutCancel(background), s.text(one), 1))
	}},
	{"connections", "Ping", false, nil, func(s *scene) {
		s.err("ping", s.db.Ping())
		s.err("ping", s.conn().PingContext(background))
	}},
	{"connections", "a Conn", true, nil, func(s *scene) {
		conn := s.conn()
		s.one(conn, 1, 2, 1)
		s.err("close", conn.Close())
		s.err("close", conn.Close())
		s.one(conn, 1)
		s.exec(conn, "UPDATE things SET n = 0")
		s.err("ping", conn.PingContext(background))
		_, err := conn.BeginTx(background, nil)
		s.err("begin", err)
		s.err("raw", conn.Raw(func(any) error { return nil }))
	}},
	{"connections", "a closed DB", false, nil, func(s *scene) {
		s.one(s.db, 1)
		stmt, err := s.db.Prepare(s.text(one))
		s.err("prepare", err)
		conn := s.conn()
		s.one(conn, 1)
		s.err("close", conn.Close())
		s.err("close", s.db.Close())
		s.err("close", s.db.Close())
		s.one(s.db, 1)
		s.row(stmt.QueryRow(1))
		s.exec(s.db, "UPDATE things SET n = 0")
		s.err("ping", s.db.Ping())
		_, err = s.db.Begin()
		s.err("begin", err)
	}},
	{"connections", "a full pool", true, nil, func(s *scene) {
		s.db.SetMaxOpenConns(1)
		conn := s.conn()
		ctx, cancel := context.WithTimeout(background, 10*time.Millisecond)
		defer cancel()
		s.row(s.db.QueryRowContext(ctx, s.text(one), 1))
		s.err("close", conn.Close())
		s.one(s.db, 1)
	}},
	{"connections", "Stats", true, nil, func(s *scene) {
		stats := func() {
			st := s.db.Stats()
			s.add("open %d, in use %d, idle %d, waits %d, closed %d %d %d", st.OpenConnections, st.InUse, st.Idle, st.WaitCount, st.MaxIdleClosed, st.MaxIdleTimeClosed, st.MaxLifetimeClosed)
		}
		stats()
		s.one(s.db, 1)
		stats()
		conn := s.conn()
		stats()
		second := s.conn()
		stats()
		conn.Close()
		second.Close()
		s.db.SetMaxIdleConns(0)
		stats()
		s.one(s.db, 1)
		stats()
	}},
	{"connections", "that live shortly", true, nil, func(s *scene) {
		s.db.SetConnMaxLifetime(time.Nanosecond)
		s.one(s.db, 1, 2)
		s.db.SetConnMaxLifetime(0)
		s.db.SetConnMaxIdleTime(time.Nanosecond)
		s.one(s.db, 1, 2)
		s.prepared(s.db, 1, 2)
	}},
	{"connections", "killed, then a query", true, on(pg, maria), func(s *scene) {
		s.db.SetMaxOpenConns(1)
		s.kill(s.db)
		s.one(s.db, 1, 2)
	}},
	{"connections", "killed, then a write", false, on(pg, maria), func(s *scene) {
		s.db.SetMaxOpenConns(1)
		s.kill(s.db)
		s.exec(s.db, "UPDATE things SET n = n + 1 WHERE id = 1")
		s.one(s.db, 1)
	}},
	{"connections", "killed, then a transaction", false, on(pg, maria), func(s *scene) {
		s.db.SetMaxOpenConns(1)
		s.kill(s.db)
		tx, err := s.db.Begin()
		s.err("begin", err)
		if err == nil {
			s.exec(tx, "UPDATE things SET n = n + 1 WHERE id = 1")
			s.err("commit", tx.Commit())
		}
		s.one(s.db, 1)
	}},
	{"connections", "killed in a transaction", false, on(pg, maria), func(s *scene) {
		s.db.SetMaxOpenConns(1)
		tx := s.begin(nil)
		s.exec(tx, "UPDATE things SET n = n + 1 WHERE id = 1")
		s.kill(tx)
		s.exec(tx, "UPDATE things SET n = n + 1 WHERE id = 1")
		s.err("commit", tx.Commit())
		s.one(s.db, 1)
	}},
	{"connections", "a killed Conn", false, on(pg, maria), func(s *scene) {
		conn := s.conn()
		s.one(conn, 1)
		s.kill(conn)
		s.exec(conn, "UPDATE things SET n = n + 1 WHERE id = 1")
		s.one(conn, 3)
		s.err("ping", conn.PingContext(background))
		s.err("close", conn.Close())
		s.one(s.db, 1)
	}},
	{"connections", "to what is not there", false, nil, func(s *scene) {
		wrong := []string{"file:/nowhere/at/all/db"}
		switch s.server {
		case pg:
			wrong = []string{param("host", "127.0.0.1", "port", "1")(s.url), param("dbname", "nowhere")(s.url), param("user", "nobody")(s.url), param("search_path", "a'")(s.url), "postgres://%zz"}
		case maria:
			for _, f := range []func(*mysql.Config){
				func(c *mysql.Config) { c.Addr = "127.0.0.1:1" }, func(c *mysql.Config) { c.DBName = "nowhere" }, func(c *mysql.Config) { c.User = "nobody" },
				func(c *mysql.Config) { c.Params = map[string]string{"boo": "1"} },
			} {
				wrong = append(wrong, change(f)(s.url))
			}
			wrong = wrong[1:]
		}
		for _, dsn := range wrong {
			var db *sql.DB
			if dsn == "postgres://%zz" {
				db, err := sql.Open(s.driver, dsn)
				if err == nil {
					err = db.Ping()
				}
				s.err("open", err)
				continue
			}
			db = s.try(dsn)
			s.one(db, 1)
			s.exec(db, "UPDATE things SET n = 0")
			s.prepared(db, 1)
			s.err("ping", db.Ping())
			_, err := db.Begin()
			s.err("begin", err)
			s.err("close", db.Close())
		}
	}},
	{"connections", "reset", true, nil, func(s *scene) {
		s.db.SetMaxOpenConns(1)
		s.exec(s.db, "BEGIN") // and left open
		s.one(s.db, 1)
		s.exec(s.db, "UPDATE things SET n = n + 1 WHERE id = 1", "ROLLBACK")
		s.one(s.db, 1)
	}},
	{"connections", "ErrBadConn from a callback", false, nil, func(s *scene) {
		conn := s.conn()
		s.err("raw", conn.Raw(func(any) error { return driver.ErrBadConn }))
		s.one(conn, 1)
	}},
	{"raw", "the base's connection", false, nil, func(s *scene) {
		conn := s.conn()
		s.err("raw", s.raw(conn, func(c any) error { s.add("%T", c); return io.EOF }))
		s.one(conn, 1)
		conn.Close()
		s.one(s.conn(), 1)
	}},
	{"raw", "a batch, CopyFrom", true, by("pgx"), func(s *scene) {
		s.one(s.db, 1, 7)
		s.err("raw", s.raw(s.conn(), func(c any) error {
			batch := &pgx.Batch{}
			batch.Queue("UPDATE things SET n = 77 WHERE id = 1")
			batch.Queue("SELECT 1")
			conn := c.(*stdlib.Conn).Conn()
			if err := conn.SendBatch(background, batch).Close(); err != nil {
				return err
			}
			n, err := conn.CopyFrom(background, pgx.Identifier{"things"}, []string{"id", "name", "n"}, pgx.CopyFromRows([][]any{{int64(7), "seven", int32(7)}}))
			s.add("%d", n)
			return err
		}, "things"))
		s.one(s.db, 1, 7)
	}},
	{"raw", "COPY", true, by("postgres"), func(s *scene) {
		s.one(s.db, 1, 7)
		tx := s.begin(nil)
		stmt, err := tx.Prepare("COPY things (id, name, n) FROM STDIN")
		s.err("prepare", err)
		if err == nil {
			s.result(stmt.Exec(7, "seven", 7))
			s.result(stmt.Exec(1, "again", 1))
			s.result(stmt.Exec())
			s.err("close", stmt.Close())
		}
		s.err("commit", tx.Commit())
		tx = s.begin(nil)
		if stmt, err = tx.Prepare("COPY things (id, name, n) FROM STDIN"); err == nil {
			s.result(stmt.Exec(7, "seven", 7))
			s.result(stmt.Exec())
			s.err("close", stmt.Close())
		}
		s.err("commit", tx.Commit())
		s.one(s.db, 1, 7)
	}},
	{"raw", "LISTEN", false, by("postgres"), func(s *scene) {
		conn := s.conn()
		notes := make(chan string, 1)
		s.err("raw", s.raw(conn, func(c any) error {
			pq.SetNotificationHandler(c.(driver.Conn), func(n *pq.Notification) { notes <- n.Channel + " " + n.Extra })
			return nil
		}, moneyclip.ReadOnly))
		s.exec(conn, "LISTEN talk", "NOTIFY talk, 'hello'")
		s.query(conn, "SELECT 1")
		select {
		case note := <-notes:
			s.add("%s", note)
		case <-time.After(10 * time.Second):
			s.add("no note")
		}
	}},
	{"raw", "LOAD DATA", true, on(maria), func(s *scene) {
		s.one(s.db, 1, 7)
		mysql.RegisterReaderHandler(s.rig.name, func() io.Reader { return strings.NewReader("7\tseven\t7\n8\teight\t\\N\n") })
		defer mysql.DeregisterReaderHandler(s.rig.name)
		s.exec(s.db, fmt.Sprintf("LOAD DATA LOCAL INFILE 'Reader::%s' INTO TABLE things", s.rig.name))
		s.one(s.db, 1, 7, 8)
	}},
	{"raw", "hooks, backup", true, by("sqlite3"), func(s *scene) {
		s.one(s.db, 1)
		conn := s.conn()
		s.err("raw", s.raw(conn, func(c any) error {
			c.(*sqlite3.SQLiteConn).RegisterUpdateHook(func(op int, db, table string, row int64) { s.add("hook %d %s %s %d", op, db, table, row) })
			return c.(*sqlite3.SQLiteConn).RegisterFunc("twice", func(n int64) int64 { return 2 * n }, true)
		}, moneyclip.ReadOnly))
		s.exec(conn, "UPDATE things SET n = n + 1 WHERE id = 1")
		s.query(conn, "SELECT id, twice(n) FROM things WHERE id = 1")
		s.err("backup", s.raw(conn, func(c any) error {
			to, err := (&sqlite3.SQLiteDriver{}).Open(":memory:")
			if err != nil {
				return err
			}
			defer to.Close()
			b, err := to.(*sqlite3.SQLiteConn).Backup("main", c.(*sqlite3.SQLiteConn), "main")
			if err != nil {
				return err
			}
			done, err := b.Step(-1)
			s.add("%t", done)
			return fmt.Errorf("%w, %w", err, b.Finish())
		}, moneyclip.ReadOnly))
		s.one(s.db, 1)
	}},
}

// raw is sql.Conn.Raw, and what stands for it where the driver is wrapped.
func (s *scene) raw(conn *sql.Conn, f func(any) error, writes ...string) error {
	if s.cache == nil {
		return conn.Raw(f)
	}
	return moneyclip.Raw(conn, f, writes...)
}
