package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// The texts of readings. That they tell the rows which are touched is tested on a server, in servers_test.
func TestReading(t *testing.T) {
	catalog := catalogOf(t, shop())
	for _, tt := range []struct{ query, old, new, want string }{
		{"DELETE FROM books WHERE pages > ? -- ?", "user_id", "", "before SELECT `books`.`user_id` FROM books WHERE pages > ? FOR UPDATE [1] ranges"},
		{
			"UPDATE books AS b SET b.pages = b.pages + ? WHERE b.user_id IN (SELECT id FROM users WHERE city = ?)", "id", "id",
			"before SELECT `b`.`id`, `b`.`id` FROM books AS b WHERE b.user_id IN (SELECT id FROM users WHERE city = ? LOCK IN SHARE MODE) FOR UPDATE [2] ranges",
		},
		{"UPDATE books SET pages = pages + 1", "pages", "pages", "before SELECT `books`.`pages`, NULL, `books`.`id` FROM books FOR UPDATE [] again 1 ranges"},
		{"DELETE FROM books WHERE pages > ? RETURNING id", "user_id", "", "before SELECT `books`.`user_id` FROM books WHERE pages > ? FOR UPDATE [1] ranges"},
		{
			"UPDATE users u JOIN books b ON b.user_id = u.id SET u.city = 'x' WHERE b.pages > ?", "id", "",
			"before SELECT `u`.`id` FROM users u JOIN books b ON b.user_id = u.id WHERE b.pages > ? FOR UPDATE [1] ranges",
		},
		{
			"DELETE books FROM users u JOIN books ON books.user_id = u.id WHERE u.city = ?", "id", "",
			"before SELECT `books`.`id` FROM users u JOIN books ON books.user_id = u.id WHERE u.city = ? FOR UPDATE [1] ranges",
		},
		{"UPDATE books SET id = id + 1", "", "id", "none"},
		{"UPDATE books SET pages = 1 WHERE id = ? LIMIT 1", "pages", "", "none"},
		{"UPDATE books SET pages = 1 WHERE title > NOW()", "pages", "", "none"},
		{"UPDATE books SET pages = 1 WHERE title = @x", "pages", "", "none"},
		{"UPDATE books SET pages = 1 WHERE f(id)", "pages", "", "none"},
		{"UPDATE books SET pages = 1 WHERE id IN (SELECT id FROM users UNION SELECT 1)", "pages", "", "none"},
		{"UPDATE old SET a = 1", "a", "", "none"},
		{"UPDATE names SET called = 'x'", "name", "", "none"},
		{"TRUNCATE books", "id", "", "none"},
		{"INSERT INTO log (what) VALUES (?)", "", "id", "after SELECT t.`id` FROM `log` AS t WHERE t.`id` = LAST_INSERT_ID() LOCK IN SHARE MODE []"},
		{
			"INSERT INTO log (what) VALUES (?), ('x')", "", "id",
			"after SELECT t.`id` FROM `log` AS t WHERE t.`id` BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + 1 * @@auto_increment_increment LOCK IN SHARE MODE []",
		},
		{"INSERT INTO log (what) VALUES (LAST_INSERT_ID(5))", "", "id", "none"},
		{ // LOWER is one of the database's own here
			"INSERT INTO log (id, what) VALUES (?, lower(?))", "", "what",
			"after (SELECT t.`what` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{"INSERT INTO log (id, what) VALUES (?, upper(?))", "", "what", "before SELECT upper(?) [2] ranges"},

		// Each clause by itself.
		{
			"UPDATE users SET city = 'x' WHERE id = ?", "", "changed",
			"before SELECT NULL, `users`.`id` FROM users WHERE id = ? FOR UPDATE [1] again 1 ranges",
		},
		{
			"UPDATE users SET city = 'x' WHERE id = ?", "id", "name",
			"before SELECT `users`.`id`, `users`.`name` FROM users WHERE id = ? FOR UPDATE [1] ranges",
		},
		{"UPDATE books SET pages = 1", "", "twice", "before SELECT NULL, `books`.`id` FROM books FOR UPDATE [] again 1 ranges"},
		{"UPDATE books SET pages = 1", "twice", "", "before SELECT `books`.`twice` FROM books FOR UPDATE [] ranges"},
		{
			"UPDATE books SET pages = 1", "title", "id,pages",
			"before SELECT `books`.`title`, NULL, NULL, `books`.`id` FROM books FOR UPDATE [] again 1 ranges",
		},
		{"UPDATE log SET id = id + 1", "id", "what", "before SELECT `log`.`id`, `log`.`what` FROM log FOR UPDATE [] ranges"},
		{"UPDATE users SET name = 'x', id = 5", "", "name", "none"},
		{"UPDATE users SET id = 5", "", "id", "before SELECT NULL, `users`.`name` FROM users FOR UPDATE [] again 1 ranges"},
		{"WITH x AS (SELECT 1) UPDATE books SET pages = 1", "id", "", "none"},
		{"WITH x AS (SELECT 1) DELETE FROM books", "id", "", "none"},
		{"DELETE FROM books WHERE id = 1 LIMIT 1", "id", "", "none"},
		{
			"DELETE FROM books USING books JOIN users ON users.id = books.user_id WHERE users.city = ?", "id", "",
			"before SELECT `books`.`id` FROM books JOIN users ON users.id = books.user_id WHERE users.city = ? FOR UPDATE [1] ranges",
		},
		{
			"DELETE FROM books WHERE pages > 1 ORDER BY id", "id", "pages",
			"before SELECT `books`.`id`, NULL FROM books WHERE pages > 1 FOR UPDATE [] ranges",
		},
		{
			"UPDATE books SET pages = ? WHERE title > ? ORDER BY id", "id", "",
			"before SELECT `books`.`id` FROM books WHERE title > ? FOR UPDATE [2] ranges",
		},
		{"DELETE QUICK IGNORE FROM books", "id", "", "before SELECT `books`.`id` FROM books FOR UPDATE [] ranges"},
		{
			"UPDATE LOW_PRIORITY IGNORE books SET pages = 1 WHERE id = 1", "id", "",
			"before SELECT `books`.`id` FROM books WHERE id = 1 FOR UPDATE [] ranges",
		},
		{"UPDATE books b JOIN users u ON u.id = b.user_id SET b.user_id = 5 WHERE u.city = 'x'", "id", "", "none"},
		{"UPDATE books b JOIN users u ON u.id = b.user_id SET b.pages = 1 WHERE b.pages > 5", "id", "", "none"},
		{
			"UPDATE books b JOIN users u ON u.id = b.user_id SET b.pages = 1", "id", "",
			"before SELECT `b`.`id` FROM books b JOIN users u ON u.id = b.user_id FOR UPDATE [] ranges",
		},
		{"DELETE FROM books WHERE id = (SELECT f(1))", "id", "", "none"},
		{"DELETE FROM books WHERE (@a := id)", "id", "", "none"},
		{"DELETE FROM books WHERE id IN (SELECT x FROM calling)", "id", "", "none"},
		{"DELETE FROM books WHERE id IN (SELECT id FROM users LIMIT 1)", "title", "", "none"},
		{"DELETE FROM books WHERE id IN (SELECT id FROM users INTERSECT SELECT 1)", "title", "", "none"},
		{"DELETE FROM books WHERE id IN (SELECT id FROM users EXCEPT SELECT 1)", "title", "", "none"},
		{"DELETE FROM books WHERE id IN (SELECT max(id) OVER () FROM users)", "title", "", "none"},
		{"DELETE FROM books WHERE id IN (SELECT id FROM users FOR UPDATE)", "title", "", "none"},
		{"DELETE FROM books WHERE id IN (SELECT id FROM users LOCK IN SHARE MODE)", "title", "", "none"},
		{"DELETE FROM books WHERE id IN (WITH x AS (SELECT 1 AS a) SELECT a FROM x)", "title", "", "none"},
		{"DELETE FROM books WHERE id IN (TABLE log)", "title", "", "none"},
		{
			"DELETE FROM books WHERE (id = 1 OR (pages = 2)) AND id IN (SELECT id FROM users WHERE (city = 'x'))", "title", "",
			"before SELECT `books`.`title` FROM books WHERE (id = 1 OR (pages = 2)) AND id IN (SELECT id FROM users WHERE (city = 'x') LOCK IN SHARE MODE) FOR UPDATE [] ranges",
		},
		{"DELETE FROM books WHERE books.`limit` = 1", "title", "", "none"},
		{
			"INSERT INTO log (id, what) VALUES (NULL, 'x')", "", "id",
			"after SELECT t.`id` FROM `log` AS t WHERE t.`id` = LAST_INSERT_ID() LOCK IN SHARE MODE []",
		},
		{"INSERT INTO log (id, what) VALUES (5, 'x'), (NULL, 'y')", "", "id", "none"},
		{
			"INSERT INTO log (id, what) VALUES (DEFAULT, 'x'), (NULL, 'y')", "", "id",
			"after SELECT t.`id` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + 1 * @@auto_increment_increment WHERE 9223372036854775807 + (t.`id` IS NULL OR @@sql_mode LIKE '%NO_AUTO_VALUE_ON_ZERO%') > 0 LOCK IN SHARE MODE []",
		},
		{"INSERT INTO log (id, what) VALUES (DEFAULT, 'x'), (5, 'y')", "", "id", "none"},
		{"INSERT INTO log (id, what) VALUES (DEFAULT(id), 'x')", "", "id", "none"},
		{"INSERT INTO log VALUES ()", "", "id", "after SELECT t.`id` FROM `log` AS t WHERE t.`id` = LAST_INSERT_ID() LOCK IN SHARE MODE []"},
		{"INSERT INTO users (id, name) VALUES (?, 'x') ON DUPLICATE KEY UPDATE city = 'y'", "city", "", "none"},
		{"INSERT INTO books (id, user_id) VALUES (?, 1) ON DUPLICATE KEY UPDATE pages = 5", "user_id", "user_id", "none"},
		{"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE what = 'y'", "what", "", "none"},
		{
			"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE what = 'y'", "id", "what",
			"after (SELECT t.`id`, t.`what` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{
			"INSERT INTO log (id, what) VALUES (?, 'x'), (?, 'y') ON DUPLICATE KEY UPDATE what = 'y'", "id", "",
			"after (SELECT t.`id` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) UNION ALL (SELECT t.`id` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1 2]",
		},
		{"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE id = 7", "id", "", "none"},
		{"INSERT INTO log (what) VALUES ('x') ON DUPLICATE KEY UPDATE what = 'y'", "id", "", "none"},
		{
			"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE id = id", "id", "",
			"after (SELECT t.`id` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{
			"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE what = 'y', id = LAST_INSERT_ID(log.id)", "id", "",
			"after (SELECT t.`id` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL OR @@sql_mode NOT LIKE '%STRICT_%') > 0 LOCK IN SHARE MODE) [1]",
		},
		{"INSERT IGNORE INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)", "id", "", "none"},
		{"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id + 1)", "id", "", "none"},
		{"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE id = id, id = 7", "id", "", "none"},
		{"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE id = VALUES(id)", "id", "", "none"},
		{"INSERT INTO log (id, what) VALUES (?, 'x') AS n (what, id) ON DUPLICATE KEY UPDATE id = id", "id", "", "none"},
		{
			"INSERT INTO log (id, what) VALUES (?, 'x') ON DUPLICATE KEY UPDATE what = what", "what", "id",
			"after (SELECT t.`what`, t.`id` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{
			"REPLACE INTO log (id, what) VALUES (?, 'x')", "what", "",
			"before (SELECT t.`what` FROM `log` AS t WHERE t.`id` = ? FOR UPDATE) [1]after (SELECT NULL FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1] ranges",
		},
		{
			"REPLACE INTO log (id, what) VALUES (?, 'x')", "what", "what",
			"before (SELECT t.`what`, NULL FROM `log` AS t WHERE t.`id` = ? FOR UPDATE) [1]after (SELECT NULL, t.`what` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1] ranges",
		},
		{"REPLACE INTO users (id, name) VALUES (?, 'x')", "city", "", "none"},
		{"REPLACE INTO log (what) VALUES ('x')", "id", "id", "none"},
		{"REPLACE INTO log (id, what) VALUES (NULL, 'x')", "what", "", "none"},
		{"REPLACE INTO log (id, what) SELECT id, city FROM users", "what", "", "none"},
		{"REPLACE INTO books (id, user_id) VALUES (?, 1)", "title", "", "none"},
		{
			"INSERT INTO log (what) SELECT city FROM users WHERE id = ?", "", "what",
			"before SELECT city FROM users WHERE id = ? LOCK IN SHARE MODE [1] ranges",
		},
		{"INSERT INTO log (what) SELECT f(1) FROM users", "", "what", "none"},
		{"INSERT INTO log (what) SELECT now() FROM users", "", "what", "none"},
		{
			"INSERT INTO log (what) SELECT DISTINCT city FROM users", "", "what",
			"before SELECT DISTINCT city FROM users LOCK IN SHARE MODE [] ranges",
		},
		{"INSERT INTO log (what) SELECT city FROM users LIMIT 1", "", "what", "none"},
		{"INSERT INTO log (what) WITH x AS (SELECT 1) SELECT city FROM users", "", "what", "none"},
		{
			"INSERT INTO log (what) SELECT city FROM users GROUP BY city", "", "what",
			"before SELECT city FROM users GROUP BY city LOCK IN SHARE MODE [] ranges",
		},
		{"INSERT INTO log (id, what) SELECT * FROM users", "", "what", "none"},
		{"INSERT INTO log (what) SELECT 'x'", "", "what", "none"},
		{"INSERT INTO log (what) SELECT city FROM users UNION SELECT 'x'", "", "what", "none"},
		{"INSERT INTO log (what) SELECT city FROM users", "", "id", "none"},
		{
			"INSERT INTO books (id, user_id) SELECT id, id FROM users", "", "title",
			"before SELECT 'it''s' FROM users LOCK IN SHARE MODE [] ranges",
		},
		{
			"INSERT INTO log (id, what) VALUES (?, now())", "", "what",
			"after (SELECT t.`what` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{
			"INSERT INTO users (id, name, city) VALUES (?, ?, upper(?))", "", "name",
			"after (SELECT t.`name` FROM (SELECT 1 AS one) AS x LEFT JOIN `users` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{"INSERT INTO users (id, name, city) VALUES (?, ?, upper(?))", "", "city", "before SELECT upper(?) [3] ranges"},
		{
			"INSERT INTO books (id, user_id, pages) VALUES (?, 1, 2 + 3)", "", "twice",
			"after (SELECT t.`twice` FROM (SELECT 1 AS one) AS x LEFT JOIN `books` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{"INSERT INTO books (id, user_id, pages) VALUES (?, 1, 2 + 3)", "", "pages", "before SELECT 2 + 3 [] ranges"},
		{
			"INSERT INTO books (id, user_id, pages) VALUES (?, 1, 2 + 3), (?, 2, DEFAULT)", "", "pages",
			"after (SELECT t.`pages` FROM (SELECT 1 AS one) AS x LEFT JOIN `books` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) UNION ALL (SELECT t.`pages` FROM (SELECT 1 AS one) AS x LEFT JOIN `books` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1 2]",
		},
		{"INSERT INTO books VALUES (?, 1, 'x', 2 + 3, DEFAULT)", "", "pages", "before SELECT 2 + 3 [] ranges"},
		{
			"INSERT INTO books SET id = ?, pages = 2 + ?", "", "pages",
			"after (SELECT t.`pages` FROM (SELECT 1 AS one) AS x LEFT JOIN `books` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
		{
			"INSERT INTO books (id, user_id, pages) VALUES (?, 1, (SELECT max(id) FROM users))", "", "pages",
			"before SELECT (SELECT max(id) FROM users LOCK IN SHARE MODE) [] ranges",
		},
		{"INSERT INTO log (id, what) VALUES (?, concat('a,b', (?), ')'))", "", "what", "before SELECT concat('a,b', (?), ')') [2] ranges"},
		{
			"INSERT INTO log (id, what) VALUES (?, ';' || ?)", "", "what",
			"after (SELECT t.`what` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 LOCK IN SHARE MODE) [1]",
		},
	} {
		s := Dialect.Analyze(tt.query, catalog)
		names := func(name string) []string {
			if name == "" {
				return nil
			}
			return strings.Split(name, ",")
		}
		if len(s.Writes) == 0 {
			t.Errorf("%s: no write", tt.query)
			continue
		}
		reading, ok := Dialect.Reading(&s.Writes[0], catalog, names(tt.old), names(tt.new))
		got := "none"
		if ok {
			got = shownReading(reading)
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.query, got, tt.want)
		}
	}
}

func shownReading(r moneyclip.Reading) string {
	text := ""
	if r.Before.Text != "" {
		text += fmt.Sprintf("before %s %v", r.Before.Text, r.Before.Params)
	}
	if r.After.Text != "" {
		text += fmt.Sprintf("after %s %v", r.After.Text, r.After.Params)
	}
	if r.Again != nil {
		text += fmt.Sprintf(" again %d", r.Ident)
	}
	if r.Ranges {
		text += " ranges"
	}
	return text
}
