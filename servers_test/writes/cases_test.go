package writes

// A form is a way to write, with an example.
type form struct {
	about   string
	query   string
	args    []any
	returns bool // it is run as a query
	only    string
	plans   bool // what it returns is a plan, which the server makes anew each time
	alone   bool // its reading is done only outside of a caller's transaction
	idle    int  // keys of one rule that it touches without changing what is stored under them, at most
}

const (
	postgres = "Postgres"
	mariadb  = "MariaDB"
	sqlite   = "SQLite"
)

var forms = []form{
	{about: "UPDATE, the key is given", query: "UPDATE users SET name = ? WHERE id = ?", args: []any{"x", 1}},
	{about: "UPDATE, the key and more are given", query: "UPDATE users SET name = ? WHERE id = ? AND city = ?", args: []any{"x", 1, "Rome"}},
	{about: "UPDATE, the key is a constant", query: "UPDATE users SET name = 'x' WHERE id = 2"},
	{about: "UPDATE, the key is one of a list", query: "UPDATE users SET name = 'x' WHERE id IN (?, ?, 3)", args: []any{1, 2}},
	{about: "UPDATE, row values", query: "UPDATE users SET name = 'x' WHERE (id, city) = (?, ?)", args: []any{1, "Rome"}},
	{about: "UPDATE, a list of row values", query: "UPDATE users SET name = 'x' WHERE (id, city) IN ((?, ?), (2, 'Oslo'))", args: []any{1, "Rome"}},
	{about: "UPDATE, the key is one of an array", query: "UPDATE users SET name = 'x' WHERE id = ANY(?)", args: []any{"{1,3}"}, only: postgres},
	{about: "UPDATE, the key is one of a converted array", query: "UPDATE users SET name = 'x' WHERE id = ANY(?::bigint[])", args: []any{"{1,3}"}, only: postgres},
	{about: "UPDATE, other columns decide", query: "UPDATE users SET name = ? WHERE city = ?", args: []any{"x", "Rome"}},
	{about: "UPDATE, a range", query: "UPDATE users SET name = 'x' WHERE id > ?", args: []any{2}},
	{about: "UPDATE, every row", query: "UPDATE users SET name = 'x'"},
	{about: "UPDATE, either of two", query: "UPDATE users SET name = 'x' WHERE id = ? OR city = ?", args: []any{2, "Rome"}},
	{about: "UPDATE, a subquery decides", query: "UPDATE users SET name = 'x' WHERE id IN (SELECT user_id FROM orders WHERE status = ?)", args: []any{"paid"}},
	{about: "UPDATE, no row matches", query: "UPDATE users SET name = 'x' WHERE id = 99"},
	{about: "UPDATE, columns that matter to no rule", query: "UPDATE items SET what = ? WHERE id = ?", args: []any{"x", 100}},
	{about: "UPDATE moves a row to another key", query: "UPDATE orders SET user_id = ? WHERE id = ?", args: []any{2, 10}},
	{about: "UPDATE moves rows to another key", query: "UPDATE orders SET user_id = ? WHERE status = ?", args: []any{3, "new"}},
	{about: "UPDATE moves rows to computed keys", query: "UPDATE orders SET user_id = user_id + 1 WHERE user_id < 3"},
	{about: "UPDATE moves a row to NULL", query: "UPDATE orders SET user_id = NULL WHERE id = 10"},
	{about: "UPDATE of a unique column", query: "UPDATE users SET email = ? WHERE id = ?", args: []any{"e@x", 1}},
	{about: "UPDATE that fails", query: "UPDATE users SET email = 'b@x' WHERE city = 'Rome'", idle: 3},
	{about: "UPDATE FROM", query: "UPDATE users SET name = orders.status FROM orders WHERE orders.user_id = users.id AND orders.total = ?", args: []any{10}, only: postgres},
	{about: "UPDATE FROM, the key is given", query: "UPDATE users SET name = orders.status FROM orders WHERE orders.user_id = users.id AND users.id = ?", args: []any{2}, only: postgres},
	{about: "UPDATE FROM, by way of the join", query: "UPDATE users AS u SET name = o.status FROM orders AS o WHERE o.user_id = u.id AND o.user_id = ?", args: []any{2}, only: postgres},
	{about: "UPDATE with a join", query: "UPDATE users JOIN orders ON orders.user_id = users.id SET users.name = 'x' WHERE orders.total = ?", args: []any{10}, only: mariadb},
	{about: "UPDATE of two tables", query: "UPDATE users, orders SET users.name = 'x', orders.total = 7 WHERE orders.user_id = users.id AND users.id = ?", args: []any{1}, only: mariadb},
	{about: "UPDATE with LIMIT", query: "UPDATE users SET name = 'x' WHERE city = 'Rome' ORDER BY id LIMIT 1", only: mariadb},
	{about: "UPDATE with WITH", query: "WITH paid AS (SELECT user_id FROM orders WHERE status = ?) UPDATE users SET name = 'x' WHERE id IN (SELECT user_id FROM paid)", args: []any{"paid"}, only: postgres},
	{about: "UPDATE RETURNING", query: "UPDATE users SET name = ? WHERE city = ? RETURNING id, name", args: []any{"x", "Rome"}, returns: true, only: postgres},
	{about: "UPDATE RETURNING *", query: "UPDATE users SET name = ? WHERE id = ? RETURNING *", args: []any{"x", 1}, returns: true, only: postgres},
	{about: "UPDATE of a table whose trigger changes the row", query: "UPDATE stamped SET code = ? WHERE id = ?", args: []any{"r", 1}},
	{about: "UPDATE of rows of such a table", query: "UPDATE stamped SET code = 'r' WHERE code = ?", args: []any{"p"}},
	{about: "UPDATE of a table whose trigger writes another", query: "UPDATE audited SET note = ? WHERE id = ?", args: []any{"x", 1}},
	{about: "UPDATE through a view", query: "UPDATE named SET name = ? WHERE id = ?", args: []any{"x", 1}, only: postgres},
	{about: "UPDATE through a view", query: "UPDATE named SET name = ? WHERE id = ?", args: []any{"x", 1}, only: mariadb},

	{about: "DELETE, the key is given", query: "DELETE FROM items WHERE id = ?", args: []any{100}},
	{about: "DELETE, another table's key by a path", query: "DELETE FROM items WHERE order_id = ?", args: []any{10}},
	{about: "DELETE, other columns decide", query: "DELETE FROM orders WHERE status = ?", args: []any{"new"}},
	{about: "DELETE, every row", query: "DELETE FROM orders"},
	{about: "DELETE that cascades", query: "DELETE FROM users WHERE id = ?", args: []any{1}},
	{about: "DELETE of rows that cascades", query: "DELETE FROM users WHERE city = ?", args: []any{"Rome"}},
	{about: "DELETE of a row that others of its table refer to", query: "DELETE FROM nodes WHERE id = ?", args: []any{1}},
	{about: "DELETE of rows that others of their table refer to", query: "DELETE FROM nodes WHERE tag = ?", args: []any{"a"}},
	{about: "DELETE USING", query: "DELETE FROM orders USING users WHERE users.id = orders.user_id AND users.city = ?", args: []any{"Oslo"}, only: postgres},
	{about: "DELETE of one of two tables", query: "DELETE orders FROM orders JOIN users ON users.id = orders.user_id WHERE users.city = ?", args: []any{"Oslo"}, only: mariadb},
	{about: "DELETE of two tables", query: "DELETE orders, items FROM orders JOIN items ON items.order_id = orders.id WHERE orders.id = ?", args: []any{10}, only: mariadb},
	{about: "DELETE RETURNING", query: "DELETE FROM orders WHERE status = ? RETURNING id, total", args: []any{"new"}, returns: true, only: postgres},
	{about: "DELETE RETURNING", query: "DELETE FROM orders WHERE status = ? RETURNING id, total", args: []any{"new"}, returns: true, only: mariadb},
	{about: "DELETE RETURNING", query: "DELETE FROM orders WHERE status = ? RETURNING id, total", args: []any{"new"}, returns: true, only: sqlite},
	{about: "TRUNCATE", query: "TRUNCATE items", only: postgres},
	{about: "TRUNCATE", query: "TRUNCATE items", only: mariadb},
	{about: "TRUNCATE CASCADE", query: "TRUNCATE orders CASCADE", only: postgres},

	{about: "INSERT, the key is given", query: "INSERT INTO users (id, email, name) VALUES (?, ?, 'Eve')", args: []any{5, "e@x"}},
	{about: "INSERT, the database makes the key", query: "INSERT INTO users (email, name) VALUES (?, ?)", args: []any{"e@x", "Eve"}},
	{about: "INSERT of many rows", query: "INSERT INTO orders (user_id, total) VALUES (?, ?), (?, ?), (NULL, 9)", args: []any{1, 7, 2, 8}, idle: 2},
	{about: "INSERT, defaults", query: "INSERT INTO users (id, email) VALUES (5, 'e@x')"},
	{about: "INSERT from a SELECT", query: "INSERT INTO orders (user_id, total) SELECT id, 3 FROM users WHERE city = ? ORDER BY id", args: []any{"Rome"}, idle: 2},
	{about: "INSERT that fails", query: "INSERT INTO users (id, email) VALUES (5, 'a@x')", idle: 2},
	{about: "INSERT RETURNING", query: "INSERT INTO users (email, name) VALUES (?, ?) RETURNING id", args: []any{"e@x", "Eve"}, returns: true},
	{about: "INSERT, fires a trigger", query: "INSERT INTO audited (id, user_id, note) VALUES (3, ?, ?)", args: []any{3, "x"}},
	{about: "INSERT ON CONFLICT DO NOTHING", query: "INSERT INTO users (id, email) VALUES (?, ?) ON CONFLICT DO NOTHING", args: []any{5, "a@x"}, only: postgres, idle: 2},
	{about: "INSERT IGNORE", query: "INSERT IGNORE INTO users (id, email) VALUES (?, ?)", args: []any{5, "a@x"}, only: mariadb, idle: 1},
	{about: "upsert by the key", query: "INSERT INTO users (id, email, name) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name", args: []any{1, "a@x", "x"}, only: postgres},
	{about: "upsert by the key", query: "INSERT INTO users (id, email, name) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name)", args: []any{1, "a@x", "x"}, only: mariadb},
	{about: "upsert by the key", query: "INSERT INTO users (id, email, name) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name", args: []any{1, "a@x", "x"}, only: sqlite},
	{about: "upsert by another unique key", query: "INSERT INTO users (email, name) VALUES (?, ?) ON CONFLICT (email) DO UPDATE SET name = excluded.name", args: []any{"a@x", "x"}, only: postgres},
	{about: "upsert by another unique key", query: "INSERT INTO users (email, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name = VALUES(name)", args: []any{"a@x", "x"}, only: mariadb},
	{about: "upsert by another unique key", query: "INSERT INTO users (email, name) VALUES (?, ?) ON CONFLICT (email) DO UPDATE SET name = excluded.name", args: []any{"a@x", "x"}, only: sqlite},
	{about: "REPLACE", query: "REPLACE INTO users (id, email, name) VALUES (?, ?, 'Eve')", args: []any{5, "a@x"}, only: mariadb, alone: true, idle: 1},
	{about: "REPLACE", query: "REPLACE INTO users (id, email, name) VALUES (?, ?, 'Eve')", args: []any{5, "a@x"}, only: sqlite, idle: 1},
	{about: "MERGE", query: "MERGE INTO users USING (VALUES (1::bigint, 'x'), (5, 'y')) AS n (id, name) ON users.id = n.id " +
		"WHEN MATCHED THEN UPDATE SET name = n.name WHEN NOT MATCHED THEN INSERT (id, name) VALUES (n.id, n.name)", only: postgres},
	{about: "a write in WITH", query: "WITH gone AS (DELETE FROM items WHERE order_id = ? RETURNING order_id) SELECT count(*) FROM gone", args: []any{10}, returns: true, only: postgres},
	{about: "two writes in WITH", query: "WITH gone AS (DELETE FROM items WHERE order_id = ? RETURNING order_id) UPDATE orders SET total = 0 WHERE id = ?", args: []any{10, 10}, only: postgres},
	{about: "a write in WITH whose rows are returned", query: "WITH gone AS (DELETE FROM orders WHERE status = ? RETURNING *) SELECT id, gone.* FROM gone ORDER BY total DESC", args: []any{"new"}, returns: true, only: postgres},
	{about: "a write in WITH, none of whose rows is returned", query: "WITH paid AS (UPDATE orders SET total = 0 WHERE status = ? RETURNING id) SELECT id FROM paid WHERE id < 0", args: []any{"paid"}, returns: true, only: postgres},
	{about: "a write in WITH says which rows", query: "WITH paid AS (UPDATE orders SET total = 0 WHERE status = ? RETURNING user_id) UPDATE users SET name = 'x' FROM paid WHERE users.id = paid.user_id", args: []any{"paid"}, only: postgres},
	{about: "rows that move by way of WITH", query: "WITH gone AS (DELETE FROM orders WHERE status = ? RETURNING *) INSERT INTO orders (user_id, total, status) SELECT user_id, total, 'old' FROM gone ORDER BY id", args: []any{"paid"}, idle: 2, only: postgres},
	{about: "three writes of many rows", query: "WITH a AS (DELETE FROM items WHERE what = ?), b AS (UPDATE orders SET status = 'x' WHERE total > ?) UPDATE users SET city = 'Bern' WHERE city = ?", args: []any{"pen", 20, "Rome"}, only: postgres},
	{about: "EXPLAIN ANALYZE of a write", query: "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE users SET name = 'x' WHERE id = 1", returns: true, plans: true, only: postgres},
	{about: "DO", query: "DO $$ BEGIN UPDATE users SET name = 'x' WHERE id = 1; END $$", only: postgres},
}
