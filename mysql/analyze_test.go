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
	add(s.Kind == moneyclip.KindSession, "%s", []string{"until-reset", "until-end", "reset", "autocommit-off", "autocommit-on"}[s.Reach])
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
		"WITH users AS (SELECT 1) SELECT * FROM shop.users":                                                           "unknown",
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
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED":    "session until-reset",
		"SET TRANSACTION ISOLATION LEVEL READ COMMITTED":            "session until-end",
		"SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY": "session until-end",
		"SET NAMES utf8mb4":                        "session until-reset",
		"SET time_zone = '+00:00'":                 "session until-reset",
		"SET foreign_key_checks = 0":               "session until-reset",
		"SET GLOBAL wait_timeout = 5":              "session until-reset",
		"SET wait_timeout = 5, @a = 1":             "inert",
		"SET wait_timeout = 5, last_insert_id = 7": "session until-reset",
		"USE other":                              "session until-reset",
		"SET ROLE chief":                         "session until-reset",
		"LOCK TABLES users WRITE":                "session until-reset commits",
		"CREATE TEMPORARY TABLE x (a INT)":       "session until-reset",
		"DROP TEMPORARY TABLE x":                 "session until-reset",
		"CREATE TABLE x (a INT)":                 "schema commits",
		"ALTER TABLE users ADD COLUMN age INT":   "schema commits",
		"CREATE SEQUENCE s":                      "schema commits",
		"CREATE OR REPLACE TEMPORARY SEQUENCE s": "session until-reset commits",
		"GRANT SELECT ON shop.* TO x":            "schema commits",
		"CREATE TRIGGER a BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.name = 'x'; SET NEW.city = 'y'; END": "schema commits",
		"SHOW TABLES":                               "inert",
		"DESCRIBE users":                            "inert",
		"HANDLER users OPEN":                        "inert",
		"PREPARE s FROM 'DELETE FROM users'":        "inert",
		"SELECT 1; DELETE FROM users WHERE id = ?;": "script {read} {write DELETE users[id=?1]}",
		";; # nothing":                              "inert",
		"SELECT 1; SELECT 'a":                       "unknown",
	} {
		if got := describe(Dialect.Analyze(query, catalog)); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
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
