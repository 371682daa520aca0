package mysql

import (
	"fmt"
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
		{"INSERT INTO log (what) VALUES (?)", "", "id", "after SELECT t.`id` FROM `log` AS t WHERE t.`id` = LAST_INSERT_ID() []"},
		{
			"INSERT INTO log (what) VALUES (?), ('x')", "", "id",
			"after SELECT t.`id` FROM `log` AS t WHERE t.`id` BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + 1 * @@auto_increment_increment []",
		},
		{"INSERT INTO log (what) VALUES (LAST_INSERT_ID(5))", "", "id", "none"},
		{ // LOWER is one of the database's own here
			"INSERT INTO log (id, what) VALUES (?, lower(?))", "", "what",
			"after SELECT t.`what` FROM (SELECT 1 AS one) AS x LEFT JOIN `log` AS t ON t.`id` = ? WHERE 9223372036854775807 + (t.`id` IS NULL) > 0 [1]",
		},
		{"INSERT INTO log (id, what) VALUES (?, upper(?))", "", "what", "before SELECT upper(?) [2] ranges"},
	} {
		s := Dialect.Analyze(tt.query, catalog)
		names := func(name string) []string {
			if name == "" {
				return nil
			}
			return []string{name}
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
