package mysql

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// describe writes what a statement means in few words.
func describe(s moneyclip.Statement) string {
	kinds := []string{"unknown", "read", "write", "control", "session", "schema", "script", "inert"}
	words := []string{kinds[s.Kind]}
	add := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(s.Control != 0, "%s %s", []string{"", "begin", "commit", "rollback", "savepoint", "rollback-to", "release"}[s.Control], s.Savepoint)
	add(s.Kind == moneyclip.KindSession, "%s", []string{"until-reset", "until-end", "for-next", "reset", "autocommit-off", "autocommit-on", "chaining"}[s.Reach])
	add(s.Defaults, "defaults")
	add(s.Commits, "commits")
	add(s.Returns, "returns")
	add(s.Uncacheable != "", "impure")
	add(s.Doubtful != "", "doubtful")
	for _, r := range s.Reads {
		columns := strings.Join(r.Columns, ",")
		if r.All {
			columns = "*"
		}
		words = append(words, fmt.Sprintf("%s(%s)%s", r.Table, columns, pins(r.Pins)))
	}
	for _, w := range s.Writes {
		words = append(words, write(w))
	}
	for _, p := range s.Parts {
		words = append(words, "{"+describe(p)+"}")
	}
	return strings.TrimSpace(strings.ReplaceAll(strings.Join(words, " "), "  ", " "))
}

func pins(list []moneyclip.Pin) string {
	var out []string
	for _, p := range list {
		var all []string
		for _, v := range p.Values {
			all = append(all, shown(v))
		}
		out = append(out, p.Column+"="+strings.Join(all, ","))
	}
	slices.Sort(out)
	return "[" + strings.Join(out, " ") + "]"
}

func shown(v moneyclip.Value) string {
	switch v.Kind {
	case moneyclip.ValueParam:
		return fmt.Sprintf("?%d", v.Param)
	case moneyclip.ValueConst:
		return fmt.Sprintf("%#v", v.Const)
	case moneyclip.ValueOld:
		return "old." + v.Column
	case moneyclip.ValueNew:
		return "new." + v.Column
	case moneyclip.ValueExcluded:
		return "excluded." + v.Column
	}
	return "computed"
}

func assigned(set []moneyclip.Assignment) string {
	var out []string
	for _, as := range set {
		out = append(out, as.Column+":"+shown(as.Value))
	}
	return strings.Join(out, " ")
}

func write(w moneyclip.Write) string {
	if w.Op == moneyclip.AnyOp && w.Table == "*.*" {
		return "ANY"
	}
	text := []string{"ANY", "INSERT", "UPDATE", "DELETE"}[w.Op] + " " + w.Table
	if len(w.Pins) > 0 {
		text += pins(w.Pins)
	}
	if w.SetAll {
		text += " set-all"
	}
	if len(w.Set) > 0 {
		text += " set(" + assigned(w.Set) + ")"
	}
	if w.Replace {
		text += " replace"
	}
	if w.Columns != nil {
		text += " (" + strings.Join(w.Columns, " ") + ")"
	}
	for _, row := range w.Rows {
		var all []string
		for _, v := range row {
			all = append(all, shown(v))
		}
		text += "(" + strings.Join(all, " ") + ")"
	}
	if w.Conflict != nil {
		text += " conflict(" + assigned(w.Conflict.Set) + ")"
	}
	return text
}

func TestAnalyze(t *testing.T) {
	catalog := catalogOf(t, shop())
	for query, want := range map[string]string{
		// Names and pins.
		"SELECT name FROM users u WHERE u.ID = ? AND City = 'x'":                                                      `read users(city,id,name)[city="x" id=?1]`,
		"SELECT name FROM shop.users WHERE shop.users.id = ?":                                                         "read users(id,name)[id=?1]",
		"SELECT name FROM Users WHERE id = ?":                                                                         "read impure Users(id,name)[id=?1]",
		"SELECT * FROM users WHERE id IN (?, 5, -3)":                                                                  "read users(*)[id=?1,5,-3]",
		"SELECT id FROM users WHERE (id, name) = (?, ?)":                                                              "read users(id,name)[id=?1 name=?2]",
		"SELECT id FROM users WHERE city = _latin1'x' AND name = 'a' 'b'":                                             `read users(city,id,name)[name="ab"]`,
		`SELECT id FROM users WHERE city = "x" AND name = 'it''s\n'`:                                                  `read users(city,id,name)[city="x" name="it's\n"]`,
		"SELECT id FROM users WHERE id = TRUE":                                                                        "read users(id)[id=1]",
		"SELECT id FROM users WHERE id = NULL":                                                                        "read users(id)[id=<nil>]",
		"SELECT id FROM users WHERE id = 1.0 AND id = 0x1 AND id = b'1'":                                              "read users(id)[]",
		"SELECT id FROM users WHERE id <=> ?":                                                                         "read users(id)[]",
		"SELECT id FROM users WHERE name = ? COLLATE utf8mb4_bin":                                                     "read users(id,name)[]",
		"SELECT id FROM users WHERE BINARY name = ?":                                                                  "read users(id,name)[]",
		"SELECT id FROM users WHERE NOT id = ?":                                                                       "read users(id)[]",
		"SELECT id FROM users WHERE id = ? || city = ?":                                                               "read users(city,id)[]",
		"SELECT id FROM users WHERE id = ? && city = ?":                                                               "read users(city,id)[city=?2 id=?1]",
		"SELECT id FROM users WHERE id = DATE '2024-01-01'":                                                           "read users(id)[]",
		"SELECT id FROM users LIMIT ?, ?":                                                                             "read users(id)[]",
		"SELECT id FROM users -- ?\nWHERE city = '?' AND id = ? # ?":                                                  `read users(city,id)[city="?" id=?1]`,
		"SELECT id FROM users WHERE id = (SELECT user_id FROM books WHERE id=?)":                                      "read users(id)[] books(id,user_id)[id=?1]",
		"(SELECT id FROM users) UNION (SELECT id FROM books WHERE id=?) LIMIT 1":                                      "read users(id)[] books(id)[id=?1]",
		"SELECT u.id FROM users u RIGHT JOIN books b ON b.user_id=u.id AND u.id=?":                                    "read users(id)[] books(user_id)[]",
		"SELECT u.id FROM users u LEFT JOIN books b ON b.user_id=u.id AND b.id=? WHERE u.id=?":                        "read users(id)[id=?2] books(id,user_id)[id=?1 user_id=?2]",
		"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c JOIN users ON users.id = n": "read users(id)[]",
		"WITH users AS (SELECT 1) SELECT * FROM shop.users":                                                           "unknown doubtful",
		"SELECT * FROM names WHERE user = ?":                                                                          "read users(*)[]",
		"TABLE users":                                                                                                 "read users(*)[]",
		"VALUES ROW(1)":                                                                                               "read",
		"SELECT id FROM `odd.name`":                                                                                   "read impure odd.name(id)[]",
		"SELECT id FROM other.users WHERE id = ?":                                                                     "read impure other.users(id)[id=?1]",
		"SELECT a FROM old":                                                                                           "read impure old(a)[]",
		"SELECT jt.x FROM users, JSON_TABLE(users.city, '$' COLUMNS (x INT PATH '$')) AS jt":                          "read users(city)[]",

		// What makes a read no function of its rows.
		"SELECT NOW()":                                       "read impure",
		"SELECT UNIX_TIMESTAMP()":                            "read impure",
		"SELECT UNIX_TIMESTAMP(?)":                           "read",
		"SELECT DATE(opens) FROM users":                      "read impure users(opens)[]",
		"SELECT DATE(changed) FROM users":                    "read users(changed)[]",
		"SELECT CAST(opens AS DATETIME) FROM users":          "read impure users(opens)[]",
		"SELECT @@version":                                   "read impure",
		"SELECT @a":                                          "read impure",
		"SELECT @a := 1":                                     "read impure doubtful",
		"SELECT id FROM users FOR UPDATE SKIP LOCKED":        "read impure users(id)[]",
		"SELECT id FROM users LOCK IN SHARE MODE":            "read impure users(id)[]",
		"SELECT id FROM users INTO @x":                       "read impure users(id)[]",
		"SELECT SQL_CALC_FOUND_ROWS id FROM users":           "read impure users(id)[]",
		"SELECT id FROM users WHERE MATCH(name) AGAINST (?)": "read impure users(id,name)[]",
		"SELECT NEXT VALUE FOR seq":                          "read impure",
		"SELECT /*+ SET_VAR(sql_mode='') */ 1":               "read impure",
		"SELECT /*+ NO_INDEX(users) */ id FROM users":        "read users(id)[]",
		"SELECT /*! STRAIGHT_JOIN */ id FROM users":          "read impure users(id)[]",
		"SELECT id FROM users /*M! WHERE id = 1 */":          "read impure users(id)[id=1]",
		"DELETE /*! IGNORE */ FROM users":                    "unknown",
		"/*!50000 DELETE FROM users */":                      "unknown",
		"SELECT 1 /*! INTO @a */":                            "read impure",
		"SELECT 1 /*! /* */ */":                              "unknown",

		// What may write anything.
		"SELECT f(1)":                   "write returns impure doubtful ANY",
		"SELECT other.f(1)":             "write returns impure doubtful ANY",
		"SELECT nobody(1)":              "write returns impure doubtful ANY",
		"SELECT LOWER(name) FROM users": "write returns impure doubtful users(name)[] ANY", // one of its own has that name
		"SELECT x FROM calling":         "write returns impure doubtful calling(x)[] ANY",
		"SELECT x FROM hidden":          "write returns impure doubtful hidden(x)[] ANY",
		"SET @x = f(1)":                 "write impure doubtful ANY",
		"DO f(1)":                       "write impure doubtful ANY",
		"DO 1":                          "inert",
		"CALL p(1)":                     "write returns doubtful ANY",
		"EXECUTE s USING @a":            "write returns doubtful ANY",
		"EXPLAIN SELECT f(1)":           "write returns doubtful ANY",
		"UPDATE users SET city = f(1) WHERE id = ?":           "write impure doubtful UPDATE users[id=?1] set(city:computed) ANY",
		"INSERT INTO users (name) VALUES (?) RETURNING f(id)": "write returns impure doubtful INSERT users (name)(?1) ANY",

		// Writes.
		"INSERT INTO users VALUES (DEFAULT, ?, ?, DEFAULT, NULL)":                                             "write INSERT users (id name city changed opens)(computed ?1 ?2 computed <nil>)",
		"INSERT INTO log VALUES ()":                                                                           "write INSERT log ()()",
		"INSERT INTO log () VALUES (), ()":                                                                    "write INSERT log (id what)",
		"INSERT INTO books SET id = ?, user_id = 5":                                                           "write INSERT books (id user_id)(?1 5)",
		"INSERT INTO books (id, user_id) SELECT id, id FROM users WHERE city = ?":                             "write users(city,id)[city=?1] INSERT books (id user_id)",
		"REPLACE INTO users (id, name) VALUES (?, 'x') RETURNING id":                                          `write returns INSERT users replace (id name)(?1 "x")`,
		"INSERT INTO users (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name), city = ?":    "write INSERT users (id name)(?1 ?2) conflict(name:excluded.name city:?3)",
		"INSERT INTO users (id, name) VALUES (?, ?) AS n (a, b) ON DUPLICATE KEY UPDATE name = n.b, city = b": "write INSERT users (id name)(?1 ?2) conflict(name:excluded.name city:computed)",
		"UPDATE users SET city = ?, name = UPPER(name) WHERE id = ?":                                          "write UPDATE users[id=?2] set(city:?1 name:computed)",
		"UPDATE books SET pages = 1 WHERE id = ? ORDER BY id LIMIT 1":                                         "write UPDATE books[id=?1] set(pages:1 twice:computed)",
		"UPDATE users u JOIN books b ON b.user_id = u.id SET u.city = ?, pages = 5 WHERE u.id = ?":            "write users(id)[id=?2] books(user_id)[user_id=?2] UPDATE users[id=?2] set(city:?1) UPDATE books[user_id=?2] set(pages:5 twice:computed)",
		"DELETE b FROM users u JOIN books b ON b.user_id = u.id WHERE b.id = ?":                               "write users(id)[] books(id,user_id)[id=?1] DELETE books[id=?1]",
		"DELETE FROM users USING users, books WHERE users.id = ?":                                             "write users(id)[id=?1] books()[] DELETE users[id=?1]",
		"DELETE FROM other.users":                                                                             "write DELETE other.users",
		"UPDATE names SET called = ? WHERE user = ?":                                                          "write UPDATE users set(name:?1)",
		"INSERT INTO names (user, called) VALUES (?, ?)":                                                      "write INSERT users (id name)(?1 ?2)",
		"UPDATE pairs SET title = ?":                                                                          "write UPDATE users set-all UPDATE books set-all",
		"LOAD DATA LOCAL INFILE 'Reader::1' REPLACE INTO TABLE users (id, name)":                              "write INSERT users replace",
		"TRUNCATE users": "write commits DELETE users",
		"ANALYZE FORMAT=JSON DELETE FROM users WHERE id = 1": "write returns DELETE users[id=1]",
		"ANALYZE SELECT 1":                                          "read impure",
		"EXPLAIN ANALYZE UPDATE users SET city = 1":                 "write returns UPDATE users set(city:1)",
		"EXPLAIN UPDATE users SET city = 1":                         "inert",
		"DELETE FROM users WHERE id = ? RETURNING name, (SELECT 1)": "write returns DELETE users[id=?1]",

		// Transactions, settings, schema.
		"BEGIN":                           "control begin commits",
		"START TRANSACTION READ ONLY":     "control begin commits",
		"COMMIT":                          "control commit",
		"COMMIT AND CHAIN":                "script {control commit} {control begin}",
		"ROLLBACK AND CHAIN":              "script {control rollback} {control begin}",
		"ROLLBACK TO A":                   "control rollback-to a",
		"SAVEPOINT `A`":                   "control savepoint a",
		"RELEASE SAVEPOINT a":             "control release a",
		"XA START 'x'":                    "unknown",
		"SET autocommit = 0":              "session autocommit-off",
		"SET @@session.autocommit = ON":   "session autocommit-on",
		"SET autocommit = 1, sql_mode=''": "unknown",
		"SET autocommit = @a":             "unknown",
		"SET autocommit = 2":              "unknown",
		"SET autocommit = 'maybe'":        "unknown",
		"SET autocommit = maybe":          "unknown",
		"SET autocommit = DEFAULT":        "unknown",
		"SET autocommit = 'OFF'":          "session autocommit-off",
		"SET autocommit = 'true'":         "session autocommit-on",
		"SET autocommit = off":            "session autocommit-off",
		"SET autocommit = 1":              "session autocommit-on",
		"SET GLOBAL autocommit = 0":       "session until-reset defaults",
		"SET GLOBAL tx_read_only = 1":     "session until-reset defaults",
		"SET TRANSACTION READ ONLY":       "session for-next",
		"SET CHARACTER SET utf8mb4":       "session until-reset",

		// Where a text is a text, a name or a comment, a question mark is no parameter.
		`SELECT id FROM users WHERE city = "?" AND id = ?`:       `read users(city,id)[city="?" id=?1]`,
		`SELECT id FROM users WHERE city = "a""?" AND id = ?`:    `read users(city,id)[city="a\"?" id=?1]`,
		`SELECT id FROM users WHERE city = '\'?' AND id = ?`:     `read users(city,id)[city="'?" id=?1]`,
		"SELECT id AS `?` FROM users WHERE id = ?":               "read users(id)[id=?1]",
		"SELECT id AS `\\` FROM users WHERE id = ?":              "read users(id)[id=?1]",
		"SELECT id FROM users WHERE id > 1--? AND city = ?":      "read users(city,id)[city=?2]",
		"SELECT id FROM users WHERE id > 1 --\t?\n AND city = ?": "read users(city,id)[city=?1]",
		"SELECT id FROM users WHERE id > 1 --\n AND city = ?":    "read users(city,id)[city=?1]",
		"SELECT 1\x00":  "unknown",
		"SELECT '\xff'": "unknown",
		"SELECT \"a":    "unknown",
		"SELECT `a":     "unknown",
		"SELECT 1 /* a": "unknown",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED":    "session until-reset",
		"SET TRANSACTION ISOLATION LEVEL READ COMMITTED":            "session for-next",
		"SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY": "session for-next",
		"SET NAMES utf8mb4":                         "session until-reset",
		"SET time_zone = '+00:00'":                  "session until-reset",
		"SET foreign_key_checks = 0":                "session until-reset",
		"SET GLOBAL wait_timeout = 5":               "session until-reset defaults",
		"SET @a = 1, @@global.time_zone = '+00:00'": "session until-reset defaults",
		"SET PERSIST sql_mode = ''":                 "session until-reset defaults",
		"SELECT 1; SET GLOBAL sql_mode = ''":        "script {read} {session until-reset defaults}",
		"SET wait_timeout = 5, @a = 1":              "inert",
		"SET wait_timeout = 5, last_insert_id = 7":  "session until-reset",
		"USE other":                                         "session until-reset",
		"SET ROLE chief":                                    "session until-reset",
		"LOCK TABLES users WRITE":                           "session until-reset commits",
		"CREATE TEMPORARY TABLE x (a INT)":                  "session until-reset",
		"DROP TEMPORARY TABLE x":                            "session until-reset",
		"CREATE TEMPORARY TABLE x SELECT * FROM users":      "session until-reset",
		"CREATE TEMPORARY TABLE x AS SELECT f(1)":           "unknown",
		"CREATE OR REPLACE TEMPORARY TABLE x (SELECT f(1))": "unknown",
		"CREATE OR REPLACE TEMPORARY TABLE x VALUE (f(1))":  "unknown",
		"CREATE OR REPLACE TEMPORARY TABLE x (value INT)":   "session until-reset",
		"CREATE TABLE x (a INT)":                            "schema commits",
		"ALTER TABLE users ADD COLUMN age INT":              "schema commits",
		"CREATE SEQUENCE s":                                 "schema commits",
		"CREATE OR REPLACE TEMPORARY SEQUENCE s":            "unknown",
		"GRANT SELECT ON shop.* TO x":                       "schema commits",
		"CREATE TRIGGER a BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.name = 'x'; SET NEW.city = 'y'; END": "schema commits",
		"SHOW TABLES":                               "inert",
		"DESCRIBE users":                            "inert",
		"HANDLER users OPEN":                        "inert",
		"PREPARE s FROM 'DELETE FROM users'":        "inert",
		"SELECT 1; DELETE FROM users WHERE id = ?;": "script {read} {write DELETE users[id=?1]}",
		";; # nothing":                              "inert",
		"SELECT 1; SELECT 'a":                       "unknown",

		// Each clause by itself.
		"SELECT 1; FROB x":                "unknown",
		"UPDATE users, nowhere SET x = 1": "unknown doubtful",
		"UPDATE users JOIN other.t ON other.t.a = users.id SET t.x = 1":                                                              "write impure users(id)[] other.t(a)[] UPDATE other.t set(x:1)",
		"UPDATE users JOIN other.users ON true SET shop.users.city = 'x'":                                                            `write impure users()[] other.users()[] UPDATE set(city:"x")`,
		"DELETE other.u FROM users u JOIN books b ON true":                                                                           "unknown doubtful",
		"UPDATE users, books SET city = 'x' ORDER BY (SELECT max(id) FROM log)":                                                      "unknown doubtful",
		"WITH x AS (SELECT id FROM books) SELECT id FROM x UNION SELECT 1":                                                           "read books(id)[]",
		"WITH x (a) AS (SELECT id FROM users) SELECT a, title FROM x, nowhere":                                                       "read impure users(id)[] nowhere(a,title)[]",
		"SELECT name FROM (SELECT name FROM users) z, nowhere":                                                                       "read impure users(name)[] nowhere(name)[]",
		"SELECT n FROM (SELECT name AS n FROM users) z, nowhere":                                                                     "read impure users(name)[] nowhere(n)[]",
		"SELECT id FROM (SELECT id FROM users UNION SELECT id FROM books) z":                                                         "read users(id)[] books(id)[]",
		"SELECT x, y FROM nowhere, JSON_TABLE('[]', '$' COLUMNS (x INT PATH '$', NESTED PATH '$.a' COLUMNS (y INT PATH '$'))) AS jt": "read impure nowhere(x,y)[]",
		"SELECT VALUES(name) FROM users":                                                                                             "read users()[]",
		"SELECT name FROM users WHERE changed > changed + INTERVAL 1 DAY":                                                            "read users(changed,name)[]",
		"SELECT name FROM users ORDER BY 1":                                                                                          "read users(name)[]",
		"SELECT excluded.id FROM users excluded WHERE excluded.id = ?":                                                               "read users(id)[id=?1]",
		"SELECT DATE(UPPER(name)) FROM users":                                                                                        "read users(name)[]",
		"SELECT DATE(CAST(name AS CHAR)) FROM users":                                                                                 "read users(name)[]",
		"TABLE users LIMIT 1": "read users(*)[]",
		"SELECT id FROM ((SELECT id FROM users) UNION (SELECT id FROM books)) z, nowhere":                    "read impure users(id)[] books(id)[] nowhere(id)[]",
		"SELECT x FROM users, JSON_TABLE(users.name, '$' COLUMNS (x INT PATH '$')) AS jt WHERE users.id = ?": "read users(id,name)[id=?1]",
		"FROB x y z":                                                  "unknown",
		"ALTER SEQUENCE s RESTART":                                    "schema commits",
		"DROP SEQUENCE s":                                             "schema commits",
		"CREATE OR REPLACE SEQUENCE s":                                "schema commits",
		"CREATE PACKAGE x AS y":                                       "schema commits",
		"ALTER SERVER x y":                                            "schema commits",
		"DROP PACKAGE x":                                              "schema commits",
		"CREATE x":                                                    "unknown",
		"CREATE FROB x ?":                                             "unknown",
		"DROP TEMPORARY SEQUENCE s":                                   "unknown",
		"INSERT frob x":                                               "unknown doubtful",
		"DELETE FROM users RETURNING id FROM users":                   "unknown doubtful",
		"DELETE FROM users RETURNING id INTO @a":                      "unknown doubtful",
		"DELETE FROM users RETURNING 1 UNION SELECT 2":                "unknown doubtful",
		"DELETE x FROM users u RETURNING id":                          "unknown doubtful",
		"DELETE FROM users WHERE id = ? RETURNING ?":                  "write returns DELETE users[id=?1]",
		"DELETE FROM users RETURNING )":                               "unknown doubtful",
		"DELETE frob RETURNING id":                                    "unknown doubtful",
		"ANALYZE":                                                     "unknown",
		"ANALYZE FORMAT":                                              "unknown",
		"ANALYZE FORMAT=JSON":                                         "unknown",
		"ANALYZE DELETE FROM users WHERE id = 1":                      "write returns DELETE users[id=1]",
		"ANALYZE INSERT INTO log (id) VALUES (1)":                     "write returns INSERT log (id)(1)",
		"ANALYZE TRUNCATE users":                                      "write commits returns DELETE users",
		"CALL p((SELECT max(id) FROM users))":                         "write returns doubtful users(id)[] ANY",
		"LOAD DATA INFILE 'x' INTO TABLE users":                       "write INSERT users",
		"LOAD DATA INFILE 'x' INTO TABLE users (@a) SET name = f(@a)": "write impure doubtful INSERT users ANY",
		"TRUNCATE other.users":                                        "write commits DELETE other.users",
		"EXPLAIN ANALYZE SELECT id FROM users":                        "inert",
		"EXPLAIN users":                                               "inert",
		"CREATE OR REPLACE TEMPORARY TABLE t (a INT)":                 "session until-reset",
		"DROP TEMPORARY TABLE t WAIT 3":                               "session until-reset",
		"UNLOCK TABLES":                                               "unknown",
		"DROP TABLE x":                                                "schema commits",
		"DEALLOCATE PREPARE s":                                        "inert",
		"KILL 5":                                                      "inert",
		"HELP 'x'":                                                    "inert",
		"HANDLER users READ FIRST":                                    "inert",
		"HANDLER users CLOSE":                                         "inert",
		"GET DIAGNOSTICS @a = NUMBER":                                 "inert",
		"CHECKSUM TABLE users":                                        "inert",
		"EXPLAIN FOR CONNECTION 5":                                    "inert",
		"CREATE PROCEDURE p() SELECT 1":                               "schema commits",
		"DROP PROCEDURE p":                                            "schema commits",
		"CREATE USER x":                                               "schema commits",
		"ALTER USER x IDENTIFIED BY 'y'":                              "schema commits",
		"DROP USER x":                                                 "schema commits",
		"RENAME USER x TO y":                                          "schema commits",
		"GRANT x TO y":                                                "schema commits",
		"REVOKE SELECT ON shop.* FROM x":                              "schema commits",
		"REVOKE x FROM y":                                             "schema commits",
		"SET PASSWORD = 'x'":                                          "schema commits",
		"SET DEFAULT ROLE ALL TO x":                                   "schema commits",
		"ANALYZE TABLE users":                                         "schema commits",
		"OPTIMIZE TABLE users":                                        "schema commits",
		"CHECK TABLE users":                                           "schema commits",
		"REPAIR TABLE users":                                          "schema commits",
		"FLUSH TABLES":                                                "schema commits",
		"FLUSH TABLES users WITH READ LOCK":                           "session until-reset commits",
		"FLUSH LOCAL TABLES users FOR EXPORT":                         "session until-reset commits",
		"INSERT INTO users () SELECT id FROM books":                   "unknown doubtful",
		"INSERT INTO log SELECT id, title FROM books":                 "write books(id,title)[] INSERT log (id what)",
		"INSERT INTO users (id, city) VALUES (1, DEFAULT(name))":      "write impure INSERT users (id city)(1 computed)",
		"SELECT DEFAULT(name) FROM users WHERE id = ?":                "read impure users(id)[id=?1]",
		"SET autocommit = 0, autocommit = 1":                          "unknown",
		"INSERT INTO users (id, city) VALUES (1, DEFAULT)":            "write INSERT users (id city)(1 <nil>)",
		"INSERT INTO users VALUES (?, ?, ?, ?, ?) AS n (a, b, c, d, e) ON DUPLICATE KEY UPDATE city = c":           "unknown doubtful",
		"INSERT INTO users (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = city, city = DEFAULT":           "write INSERT users (id name)(?1 ?2) conflict(name:computed city:<nil>)",
		"INSERT INTO users (id, name) VALUES (?, ?) AS n ON DUPLICATE KEY UPDATE name = n.name, city = users.city": "write INSERT users (id name)(?1 ?2) conflict(name:excluded.name city:computed)",
		"INSERT INTO users (id, name) VALUES (?, ?) AS n (a, b) ON DUPLICATE KEY UPDATE name = b":                  "write INSERT users (id name)(?1 ?2) conflict(name:excluded.name)",
		"INSERT INTO users (id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = excluded.name":                  "write INSERT users (id name)(?1 ?2) conflict(name:computed)",
		"WITH users AS (SELECT 1) UPDATE users SET id = 1":                                                         "unknown doubtful",
		"UPDATE other.users SET id = 1":                                                                                            "write UPDATE other.users set(id:1)",
		"UPDATE users u SET u.city = 'x' WHERE u.id = ?":                                                                           `write UPDATE users[id=?1] set(city:"x")`,
		"UPDATE users SET city = 'x' ORDER BY (SELECT max(id) FROM books)":                                                         `write books(id)[] UPDATE users set(city:"x")`,
		"DELETE FROM users ORDER BY (SELECT max(id) FROM books)":                                                                   "write books(id)[] DELETE users",
		"DELETE FROM users u WHERE u.id = ?":                                                                                       "write DELETE users[id=?1]",
		"UPDATE users, books SET nobody.x = 1":                                                                                     "unknown doubtful",
		"UPDATE users, nowhere SET city = 1":                                                                                       "unknown doubtful",
		"UPDATE users, books SET city = 'x'":                                                                                       `write users()[] books()[] UPDATE users set(city:"x")`,
		"UPDATE users u JOIN books b ON b.user_id = u.id SET u.city = 'x'":                                                         `write users(id)[] books(user_id)[] UPDATE users set(city:"x")`,
		"UPDATE users JOIN other.t ON other.t.a = users.id SET other.t.x = 1":                                                      "write impure users(id)[] other.t(a)[] UPDATE other.t set(x:1)",
		"UPDATE users JOIN (SELECT id FROM books) z ON z.id = users.id SET city = 'x'":                                             `write users(id)[] books(id)[] UPDATE users set(city:"x")`,
		"UPDATE users, books SET books.id = 1":                                                                                     "write users()[] books()[] UPDATE books set(id:1 twice:computed)",
		"UPDATE nowhere JOIN (SELECT 1) z SET x = 1":                                                                               "write impure nowhere()[] UPDATE nowhere set(x:1)",
		"UPDATE users books, books users SET users.id = 1":                                                                         "write users()[] books()[] UPDATE books set(id:1 twice:computed)",
		"UPDATE users JOIN other.users ON true SET other.users.id = 1":                                                             "write impure users()[] other.users()[] UPDATE other.users set(id:1)",
		"UPDATE users JOIN books ON true SET shop.users.city = 'x'":                                                                `write users()[] books()[] UPDATE users set(city:"x")`,
		"UPDATE users JOIN books ON true SET other.users.city = 'x'":                                                               "unknown doubtful",
		"UPDATE users, books SET id = 1":                                                                                           "unknown doubtful",
		"WITH x AS (SELECT 1 AS id) UPDATE users, x SET x.id = 1":                                                                  "unknown doubtful",
		"DELETE users FROM users JOIN books ON books.user_id = users.id":                                                           "write users(id)[] books(user_id)[] DELETE users",
		"DELETE other.users FROM users JOIN other.users ON true":                                                                   "write impure users()[] other.users()[] DELETE other.users",
		"DELETE users FROM users JOIN other.users ON true":                                                                         "write impure users()[] other.users()[] DELETE",
		"DELETE users FROM users books, books users":                                                                               "write users()[] books()[] DELETE books",
		"DELETE x FROM users u JOIN books b ON true":                                                                               "unknown doubtful",
		"DELETE shop.users FROM users JOIN books ON true":                                                                          "write users()[] books()[] DELETE users",
		"DELETE u FROM users u, books ORDER BY 1":                                                                                  "unknown doubtful",
		"WITH x AS (SELECT id FROM books) SELECT name FROM x JOIN users ON users.id = x.id":                                        "read books(id)[] users(id,name)[]",
		"SELECT id FROM users UNION SELECT id FROM books ORDER BY (SELECT max(id) FROM log) LIMIT ?":                               "read users(id)[] books(id)[] log(id)[]",
		"SELECT 1 UNION (WITH x AS (SELECT id FROM users) SELECT id FROM x)":                                                       "read users(id)[] users(id)[]",
		"SELECT 1 UNION (WITH x AS (SELECT id FROM users) SELECT id FROM x UNION SELECT 2)":                                        "read users(id)[]",
		"SELECT 1 UNION (SELECT id FROM users UNION SELECT id FROM books ORDER BY (SELECT 1 FROM log))":                            "read users(id)[] books(id)[] log()[]",
		"WITH users AS (SELECT id FROM users) SELECT id FROM users":                                                                "read users(id)[]",
		"WITH x (a) AS (SELECT id, name FROM users) SELECT a FROM x WHERE a = ?":                                                   "read users(id,name)[]",
		"VALUES ROW((SELECT id FROM users))":                                                                                       "read users(id)[]",
		"VALUES ROW(1) ORDER BY (SELECT id FROM users)":                                                                            "read users(id)[]",
		"SELECT 1 FROM users GROUP BY city":                                                                                        "read users(city)[]",
		"SELECT count(*) FROM users HAVING max(name) > 'a'":                                                                        "read users(name)[]",
		"SELECT id FROM users ORDER BY name":                                                                                       "read users(id,name)[]",
		"SELECT b.* FROM users u JOIN books b ON b.user_id = u.id":                                                                 "read users(id)[] books(*)[]",
		"SELECT name AS n FROM users ORDER BY n":                                                                                   "read users(name)[]",
		"SELECT u.name FROM users u ORDER BY name":                                                                                 "read users(name)[]",
		"SELECT n FROM (SELECT name AS n FROM users) z":                                                                            "read users(name)[]",
		"SELECT 1 FROM users u, LATERAL (SELECT title FROM books b WHERE b.user_id = u.id) z":                                      "read users(id)[] books(title,user_id)[]",
		"SELECT 1 FROM users u, (SELECT title FROM books b WHERE b.user_id = u.id) z":                                              "read users()[] books(*)[]",
		"SELECT x, y FROM users, JSON_TABLE(city, '$' COLUMNS (x INT PATH '$', NESTED PATH '$.a' COLUMNS (y INT PATH '$'))) AS jt": "read users(city)[]",
		"SELECT id FROM users AS OF TIMESTAMP '2020-01-01'":                                                                        "unknown doubtful",
		"SELECT id FROM users TABLESAMPLE SYSTEM (10)":                                                                             "unknown doubtful",
		"SELECT x FROM other.calling":                                                                                              "read impure other.calling(x)[]",
		"WITH calling AS (SELECT 1 AS x) SELECT x FROM calling":                                                                    "read",
		"WITH users AS (SELECT 1) SELECT * FROM shop.users, shop.books":                                                            "unknown doubtful",
		"SELECT title FROM users NATURAL JOIN books":                                                                               "read users(id)[] books(id,title)[]",
		"SELECT b.title FROM users u LEFT JOIN books b ON u.id = ?":                                                                "read users(id)[] books(title)[]",
		"SELECT b.title FROM users u JOIN books b ON u.id = ?":                                                                     "read users(id)[id=?1] books(title)[]",
		"SELECT title FROM users JOIN books USING (id) WHERE users.id = ?":                                                         "read users(id)[id=?1] books(id,title)[id=?1]",
		"SELECT id FROM users WINDOW w AS (ORDER BY city)":                                                                         "read users(city,id)[]",
		"SELECT max(id) OVER (PARTITION BY name ORDER BY city) FROM users":                                                         "read users(city,id,name)[]",
		"SELECT id FROM users WHERE id = -city":                                                                                    "read users(city,id)[]",
		"SELECT id FROM users WHERE id = ~5":                                                                                       "read users(id)[]",
		"SELECT id FROM users WHERE id = -NULL":                                                                                    "read users(id)[]",
		"SELECT id FROM users WHERE city = -'5'":                                                                                   "read users(city,id)[]",
		"UPDATE users SET city = VALUES(name)":                                                                                     "write UPDATE users set(city:computed)",
		"SELECT max(name), group_concat(city ORDER BY id) FROM users":                                                              "read users(city,id,name)[]",
		"SELECT other.users.id FROM users, other.users":                                                                            "read impure users()[] other.users(id)[]",
		"INSERT INTO users (id, name) VALUES (?, ?) AS n (id, city) ON DUPLICATE KEY UPDATE name = users.city":                     "write INSERT users (id name)(?1 ?2) conflict(name:computed)",
		"SELECT id FROM users WHERE id NOT IN (SELECT user_id FROM books)":                                                         "read users(id)[] books(user_id)[]",
		"SELECT name FROM users WHERE id IN (SELECT user_id FROM books WHERE pages = ?)":                                           "read users(id,name)[] books(pages,user_id)[pages=?1]",
		"SELECT name FROM users WHERE id NOT IN (1, ?)":                                                                            "read users(id,name)[]",
		"SELECT other.upper('x')":                                                                                                  "write returns impure doubtful ANY",
		"SELECT HOUR(opens) FROM users":                                                                                            "read users(opens)[]",
		"SELECT CAST(opens AS CHAR) FROM users":                                                                                    "read users(opens)[]",
		"SELECT CAST(changed AS DATETIME) FROM users":                                                                              "read users(changed)[]",
		"SELECT CAST(name AS TIME) FROM users":                                                                                     "read users(name)[]",
		"SELECT DATE(TIME '10:00:00')":                                                                                             "read impure",
		"SELECT DATE(CAST(name AS TIME)) FROM users":                                                                               "read impure users(name)[]",
		"SELECT COALESCE(opens, changed) FROM users":                                                                               "read impure users(changed,opens)[]",
		"SELECT COALESCE(opens, '10:00:00'), opens < ? FROM users":                                                                 "read users(opens)[]",
		"SELECT IF(id = 1, opens, DATE '2024-01-01') FROM users":                                                                   "read impure users(id,opens)[]",
		"SELECT CASE WHEN id = 1 THEN opens ELSE changed END FROM users":                                                           "read impure users(changed,id,opens)[]",
		"SELECT CASE opens WHEN changed THEN 1 END FROM users":                                                                     "read impure users(changed,opens)[]",
		"SELECT CASE WHEN changed IS NULL THEN opens ELSE '' END FROM users":                                                       "read users(changed,opens)[]",
		"SELECT name FROM users WHERE opens = changed":                                                                             "read impure users(changed,name,opens)[]",
		"SELECT opens < changed, opens IN (changed), opens BETWEEN changed AND ? FROM users":                                       "read impure users(changed,opens)[]",
		"SELECT opens > ALL (SELECT changed FROM users) FROM users":                                                                "read impure users(opens)[] users(changed)[]",
		"SELECT opens IN (SELECT * FROM users) FROM users":                                                                         "read impure users(opens)[] users(*)[]",
		"SELECT opens FROM users UNION SELECT changed FROM users":                                                                  "read impure users(opens)[] users(changed)[]",
		"SELECT opens, changed FROM users UNION SELECT opens, changed FROM users":                                                  "read users(changed,opens)[] users(changed,opens)[]",
		"SELECT o < changed FROM (SELECT opens AS o, changed FROM users) z":                                                        "read impure users(changed,opens)[]",
		"WITH z (o, c) AS (SELECT opens, changed FROM users) SELECT o < c FROM z":                                                  "read impure users(changed,opens)[]",
		"SELECT DATE(MAKETIME(1, 2, 3))":                                                                                           "read impure",
		"SELECT EXISTS (SELECT 1 FROM books) FROM users WHERE id = ?":                                                              "read users(id)[id=?1] books()[]",
		"SELECT id FROM users WHERE id > ALL (SELECT user_id FROM books)":                                                          "read users(id)[] books(user_id)[]",
		"SELECT name BETWEEN 'a' AND city, city IS NULL, (id > 1) IS TRUE, name LIKE city, name RLIKE city FROM users":             "read users(city,id,name)[]",
		"SELECT CASE id WHEN 1 THEN name ELSE city END FROM users":                                                                 "read users(city,id,name)[]",
		"SELECT trim(BOTH 'x' FROM name), position('x' IN city) FROM users":                                                        "read users(city,name)[]",
		"SELECT json_value(name, '$' DEFAULT city ON EMPTY) FROM users":                                                            "read users(city,name)[]",
		"SELECT max(id) OVER (ORDER BY name ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING) FROM users":                                  "read users(id,name)[]",
	} {
		if got := describe(Dialect.Analyze(query, catalog)); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

// Only a write that a statement consists of can be read.
func TestSources(t *testing.T) {
	catalog := catalogOf(t, shop())
	for query, want := range map[string]bool{
		"INSERT INTO log (what) VALUES ('x')": true, "UPDATE users SET city = 'x'": true, "DELETE FROM users": true,
		"DELETE FROM users RETURNING id": true, "UPDATE users u JOIN books b ON b.user_id = u.id SET u.city = 'x'": true,
		"DELETE u FROM users u JOIN books b ON b.user_id = u.id": true, "ANALYZE DELETE FROM users": false,
		"EXPLAIN ANALYZE DELETE FROM users": false, "TRUNCATE users": false, "LOAD DATA INFILE 'x' INTO TABLE users": false,
	} {
		s := Dialect.Analyze(query, catalog)
		if len(s.Writes) == 0 || (s.Writes[0].Source != nil) != want {
			t.Errorf("%s writes %+v, want a source: %v", query, s.Writes, want)
		}
	}
}

// Of a text that the parser does not know its first word tells whether it can be more than one that reads or writes rows.
func TestNotUnderstood(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT a FROM t ORDER BY a OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY":            "is not understood",
		"/* later */ (SELECT 1 LATER x);":                                            "is not understood",
		"DELETE FROM t FOR PORTION OF p FROM '2000-01-01' TO '2001-01-01'":           "is not understood",
		"INSERT INTO t VALUES ROW(1) AS n LATER x":                                   "is not understood",
		"SELECT 1 LATER x; SET autocommit = 0":                                       "",
		"SET STATEMENT max_statement_time = 1 FOR SELECT 1":                          "",
		"/*!50000 SET autocommit = 0 */ SELECT 1 LATER x":                            "",
		"BEGIN NOT ATOMIC SELECT 1; SET autocommit = 0; END":                         "",
		"ANALYZE FORMAT=JSON SELECT a FROM t OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY x": "",
	} {
		got := Dialect.Analyze(query, nil)
		if got.Kind != moneyclip.KindUnknown || got.Doubtful != want {
			t.Errorf("%s: kind %v, doubtful %q, want %q", query, got.Kind, got.Doubtful, want)
		}
	}
}

// Before there is a catalog a statement is understood as far as its text goes.
func TestWithoutCatalog(t *testing.T) {
	for query, want := range map[string]string{
		"WITH x AS (SELECT 1 AS a) SELECT a FROM x": "read", "SELECT upper(a) FROM x": "read x(a)[]",
		"UPDATE x SET a = 1": "write UPDATE x set(a:1)", "UPDATE x, y SET a = 1": "unknown doubtful", "DELETE FROM x": "write DELETE x",
		"INSERT INTO x VALUES (1)": "write INSERT x(1)",
	} {
		if got := describe(Dialect.Analyze(query, nil)); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

// The texts and the parameters of all parts are those of the whole.
func TestScript(t *testing.T) {
	for query, want := range map[string]moneyclip.Statement{
		"-- name: Both :exec\nSELECT 1; DELETE FROM t WHERE a = ? AND b = ?; DELETE FROM t WHERE a = ?": {
			Name: "Both", Text: "SELECT 1;\nDELETE FROM `t` WHERE `a` = ? AND `b` = ?;\nDELETE FROM `t` WHERE `a` = ?;\n", Params: make([]string, 2),
		},
		"DELETE FROM t WHERE a = ? RETURNING b, ?": {Text: "DELETE FROM `t` WHERE `a` = ? RETURNING `b`,?", Params: make([]string, 2)},
		"ANALYZE SELECT a FROM t WHERE a = ?":      {Text: "ANALYZE SELECT `a` FROM `t` WHERE `a` = ?", Params: make([]string, 1)},
		"-- name: Broken :one\nSELEC":              {Name: "Broken"},
	} {
		got := Dialect.Analyze(query, nil)
		if got.Name != want.Name || got.Text != want.Text || len(got.Params) != len(want.Params) {
			t.Errorf("%s: name %q, text %q, %d parameters, want %q, %q, %d",
				query, got.Name, got.Text, len(got.Params), want.Name, want.Text, len(want.Params))
		}
	}
}

// A name has one case where the server says so.
func TestCase(t *testing.T) {
	a := shop()
	a[databaseQuery] = table("Shop|1|8.4.0")
	catalog := catalogOf(t, a)
	for query, want := range map[string]string{
		"SELECT U.name FROM Users u WHERE U.id = ?":           "read users(id,name)[id=?1]",
		"SELECT name FROM SHOP.Users WHERE shop.USERS.id = ?": "read users(id,name)[id=?1]",
	} {
		if got := describe(Dialect.Analyze(query, catalog)); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

// Two texts have one normal form if they differ in what means nothing, and only then.
func TestText(t *testing.T) {
	text := func(query string) string { return Dialect.Analyze(query, nil).Text }
	same := []string{"SELECT a FROM t WHERE b = 'x'", "select a\nfrom t where b='x' -- end", "SELECT /* all */ `a` FROM t WHERE b = \"x\";"}
	for _, query := range same[1:] {
		if text(query) == "" || text(query) != text(same[0]) {
			t.Errorf("%q has the normal form %q, want %q", query, text(query), text(same[0]))
		}
	}
	for _, query := range []string{
		"SELECT a FROM T WHERE b = 'x'", "SELECT a FROM t WHERE b = 'X'", "SELECT a FROM t WHERE b = ?", `SELECT a FROM t WHERE b = '\'x'`,
		"SELECT a AS b FROM t WHERE b = 'x'", "SELECT DISTINCT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = N'x'",
	} {
		if text(query) == "" || text(query) == text(same[0]) {
			t.Errorf("%q has the normal form %q", query, text(query))
		}
	}
}

func FuzzAnalyze(f *testing.F) {
	catalog := catalogOf(f, shop())
	for _, seed := range []string{
		"SELECT id FROM users WHERE id = ?", "INSERT INTO users (id) VALUES (?) RETURNING id", "SELECT /*! 1 */ 2", "SELECT '\\''",
		"UPDATE users u, books b SET u.city = b.title WHERE u.id = b.user_id", "DELETE u FROM users u WHERE u.id = ?",
		"COMMIT AND CHAIN; SET autocommit = 0", "WITH x AS (SELECT 1) SELECT * FROM x", "INSERT INTO books (id, user_id) SELECT id + ?, id FROM users",
		"REPLACE INTO books (id, user_id) VALUES (?, ?)", "INSERT INTO users (name) VALUES (?) ON DUPLICATE KEY UPDATE city = ?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		s := Dialect.Analyze(query, catalog)
		if again := Dialect.Analyze(query, catalog); describe(s) != describe(again) || !reflect.DeepEqual(s.Params, again.Params) {
			t.Errorf("two meanings of %q: %s and %s", query, describe(s), describe(again))
		}
		for i := range s.Writes {
			table := catalog.Tables[s.Writes[i].Table]
			if table == nil {
				continue
			}
			for _, c := range table.Columns {
				reading, ok := Dialect.Reading(&s.Writes[i], catalog, []string{c.Name}, []string{c.Name})
				if !ok {
					continue
				}
				for _, q := range []moneyclip.Query{reading.Mark, reading.Before, reading.After} {
					if n := strings.Count(q.Text, "?"); n < len(q.Params) {
						t.Errorf("%q is read by %q with %d parameters", query, q.Text, len(q.Params))
					}
				}
			}
		}
	})
}

// What changes an answer is not harmless to set.
func TestHarmless(t *testing.T) {
	for _, name := range profiled {
		if harmless[name] {
			t.Errorf("%s is in the session's profile, and counts as harmless", name)
		}
	}
}
