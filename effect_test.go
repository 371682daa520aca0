package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// A write drops the keys that it touches by whatever way it comes to them, and no others.
func TestEffects(t *testing.T) {
	t.Parallel()
	rule := func(table string, by ...string) moneyclip.Rule {
		key := "key" + strings.Repeat("-%v", len(by))
		return moneyclip.Rule{Key: key, Table: table, By: by, NotFound: time.Hour}
	}
	query := func(text string) moneyclip.Rule {
		return moneyclip.Rule{Key: "key-%v", Query: text, NotFound: time.Hour}
	}
	const tByK, tByID, tByKC = "SELECT * FROM t WHERE k = ?", "SELECT * FROM t WHERE id = ?", "SELECT * FROM t WHERE k = ? AND c = ?"
	const uByID = "SELECT * FROM u WHERE id = ?"
	const plain = "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT); INSERT INTO t VALUES (1, 1, 0), (2, 3, 0), (3, 7, 0);"
	const started = plain + "CREATE TABLE a (id INTEGER PRIMARY KEY, x INT); INSERT INTO a VALUES (1, 0), (2, 0);"
	const family = "CREATE TABLE p (id INTEGER PRIMARY KEY, x INT); INSERT INTO p VALUES (1, 0), (3, 0); CREATE TABLE u (id INTEGER PRIMARY KEY, p INTEGER DEFAULT 3 REFERENCES p "
	const uByP = "SELECT * FROM u WHERE p = ?"
	type args = []any
	for _, test := range []struct {
		name    string
		schema  string
		rule    moneyclip.Rule
		query   string
		stored  []args
		write   string
		args    args
		touched []args
	}{
		{
			name: "a rule of one key", schema: plain, rule: moneyclip.Rule{Key: "all", Query: "SELECT count(*), total(k) FROM t"},
			query: "SELECT count(*), total(k) FROM t", stored: []args{{}},
			write: "UPDATE t SET k = 2 WHERE id = 1", touched: []args{{}},
		},
		{
			name: "a rule of one key that the write does not touch", schema: plain, rule: moneyclip.Rule{Key: "all", Query: "SELECT count(*), total(k) FROM t"},
			query: "SELECT count(*), total(k) FROM t", stored: []args{{}}, write: "UPDATE t SET c = 2 WHERE id = 1",
		},
		{
			name: "both halves of a key are read", schema: plain, rule: rule("t", "k", "c"), query: tByKC,
			stored: []args{{1, 0}, {3, 0}, {0, 3}, {3, 3}, {0, 0}}, write: "DELETE FROM t WHERE id = 2", touched: []args{{3, 0}},
		},
		{
			name: "a script with an insert", schema: plain + `CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1);
				CREATE TRIGGER r AFTER UPDATE ON t BEGIN DELETE FROM u; END`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}}, write: "INSERT INTO t VALUES (9, 9, 9); INSERT INTO t VALUES (8, 8, 8)",
		},
		{
			name: "a script with an upsert", schema: plain + `CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1);
				CREATE TABLE v (id INTEGER PRIMARY KEY);
				CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN DELETE FROM u; END`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}},
			write: "INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET c = 1; INSERT INTO t VALUES (8, 8, 8)", touched: []args{{1}},
		},
		{
			name: "a script with an upsert leaves alone what it does not write", schema: plain + "CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1)",
			rule: rule("u", "id"), query: uByID, stored: []args{{1}},
			write: "INSERT INTO t VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET c = 1; INSERT INTO t VALUES (8, 8, 8)",
		},
		{
			name: "a script with an update", schema: plain, rule: query("SELECT total(c) FROM t WHERE k = ?"), query: "SELECT total(c) FROM t WHERE k = ?",
			stored: []args{{1}}, write: "UPDATE t SET c = 5 WHERE id = 1; UPDATE t SET c = 5 WHERE id = 2", touched: []args{{1}},
		},
		{
			name: "a script with REPLACE", schema: `CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);
				CREATE TABLE u (id INTEGER PRIMARY KEY, p INTEGER REFERENCES p ON DELETE CASCADE); INSERT INTO u VALUES (1, 1)`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}}, write: "REPLACE INTO p VALUES (1); REPLACE INTO p VALUES (2)", touched: []args{{1}},
		},
		{
			name: "a trigger takes over the REPLACE of a script", schema: `CREATE TABLE a (id INTEGER PRIMARY KEY);
				CREATE TABLE t (id INTEGER PRIMARY KEY, k INT UNIQUE); INSERT INTO t VALUES (1, 5);
				CREATE TABLE u (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t ON DELETE CASCADE); INSERT INTO u VALUES (1, 1);
				CREATE TRIGGER r AFTER INSERT ON a BEGIN INSERT INTO t VALUES (2, 5); END`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}}, write: "REPLACE INTO a VALUES (1); REPLACE INTO a VALUES (2)", touched: []args{{1}},
		},
		{
			name: "a trigger that fires itself", schema: started + `CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN UPDATE a SET x = 1 WHERE id = 2; END`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}}, write: "UPDATE a SET x = 1 WHERE id = 1",
		},
		{
			name: "a trigger's upserts that differ in what they set", schema: started + `CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1);
				CREATE TRIGGER q AFTER UPDATE OF k ON t BEGIN DELETE FROM u; END;
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN
					INSERT INTO t VALUES (1, 9, 9) ON CONFLICT (id) DO UPDATE SET c = 4;
					INSERT INTO t VALUES (1, 9, 9) ON CONFLICT (id) DO UPDATE SET k = 5; END`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}},
		},
		{
			name: "a trigger moves rows whose key the statement leaves", schema: plain + "CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3; END",
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {3}, {5}}, write: "UPDATE t SET c = 1 WHERE k = 3", touched: []args{{3}, {5}},
		},
		{
			name: "a trigger assigns a column that is not of the key", schema: `CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT, x INT); INSERT INTO t VALUES (1, 1, 0, 0), (2, 3, 0, 0);
				CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN UPDATE t SET x = 1 WHERE k = 3; END`,
			rule: query("SELECT total(id) FROM t WHERE k = ? AND c = 1"), query: "SELECT total(id) FROM t WHERE k = ? AND c = 1", stored: []args{{1}, {3}},
			write: "UPDATE t SET c = 1 WHERE k = 3", touched: []args{{3}},
		},
		{
			name: "a trigger moves one half of a key and then the other", schema: started + `CREATE TRIGGER r AFTER UPDATE ON a BEGIN
				UPDATE t SET k = 5 WHERE id = 2; UPDATE t SET c = 1 WHERE id = 2; END`,
			rule: rule("t", "k", "c"), query: tByKC, stored: []args{{3, 0}, {5, 0}, {3, 1}, {5, 1}},
			write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{3, 0}, {5, 0}, {3, 1}, {5, 1}},
		},
		{
			name: "a trigger brings rows under what it deletes by", schema: started + `CREATE TRIGGER r AFTER UPDATE ON a BEGIN
				UPDATE t SET k = 3 WHERE id = 3; DELETE FROM t WHERE k = 3; END`,
			rule: query("SELECT count(*) FROM t WHERE id = ?"), query: "SELECT count(*) FROM t WHERE id = ?",
			stored: []args{{1}, {2}, {3}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}, {2}, {3}},
		},
		{
			name: "a trigger brings rows under what it deletes by, with children", schema: started + `
				CREATE TABLE u (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t ON DELETE CASCADE); INSERT INTO u VALUES (1, 1), (2, 2), (3, 3);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN UPDATE t SET k = 3 WHERE id = 3; DELETE FROM t WHERE k = 3; END`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}, {2}, {3}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}, {2}, {3}},
		},
		{
			name: "a trigger moves away what the statement finds its rows by", schema: plain + "CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE id = 2; END",
			rule: rule("t", "id"), query: tByID, stored: []args{{1}, {2}, {3}}, write: "UPDATE t SET c = 1 WHERE k = 3", touched: []args{{2}},
		},
		{
			name:   "an upsert that gives no number",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, e TEXT UNIQUE, k INT); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 3)",
			rule:   rule("t", "k"), query: tByK, stored: []args{{1}, {2}, {3}}, write: "INSERT INTO t (e, k) VALUES ('a', 2) ON CONFLICT (e) DO UPDATE SET k = excluded.k",
			touched: []args{{1}, {2}},
		},
		{
			name: "a path begins in a text that looks like a number", schema: `CREATE TABLE words (id INTEGER PRIMARY KEY, code TEXT, owner INTEGER);
				CREATE TABLE tags (id INTEGER PRIMARY KEY, code TEXT); INSERT INTO words VALUES (1, '05', 1), (2, '5', 2)`,
			rule: moneyclip.Rule{
				Key: "key-%d", Query: "SELECT count(*) FROM words JOIN tags ON tags.code = words.code WHERE words.owner = ?",
				On: []moneyclip.On{{Table: "words", Columns: []string{"owner"}}, {Table: "tags", Columns: []string{"code"}, Path: "SELECT owner FROM words WHERE code = ?"}},
			},
			query: "SELECT count(*) FROM words JOIN tags ON tags.code = words.code WHERE words.owner = ?", stored: []args{{1}, {2}},
			write: "INSERT INTO tags (code) VALUES (?)", args: args{"05"}, touched: []args{{1}},
		},

		// Rows that are in the way of others.
		{
			name: "an upsert of many rows, from a SELECT", schema: started, rule: rule("t", "k"), query: tByK, stored: []args{{1}, {3}, {5}, {7}},
			write: "INSERT INTO t SELECT id, 5, 0 FROM a WHERE true ON CONFLICT (id) DO UPDATE SET k = excluded.k", touched: []args{{1}, {3}, {5}},
		},
		{
			name: "an upsert that takes another column of the new row", schema: plain, rule: rule("t", "k"), query: tByK,
			stored: []args{{1}, {3}, {5}, {6}, {7}, {10}, {11}},
			write:  "INSERT INTO t VALUES (1, 10, 5), (2, 11, 6) ON CONFLICT (id) DO UPDATE SET k = excluded.c", touched: []args{{1}, {3}, {5}, {6}, {10}, {11}},
		},
		{
			name: "an upsert that moves what its trigger changes", schema: plain + "CREATE TRIGGER r AFTER UPDATE OF k ON t BEGIN UPDATE t SET c = 1 WHERE id = 1; END",
			rule: rule("t", "k", "c"), query: tByKC, stored: []args{{1, 0}, {5, 0}, {1, 1}, {5, 1}},
			write: "INSERT INTO t VALUES (1, 9, 9) ON CONFLICT (id) DO UPDATE SET k = 5", touched: []args{{1, 0}, {5, 0}, {1, 1}, {5, 1}},
		},
		{
			name: "an upsert whose trigger changes other columns than those of its key", schema: `CREATE TABLE t (e TEXT PRIMARY KEY, k INT, c INT); INSERT INTO t VALUES ('a', 1, 0), ('b', 3, 0);
				CREATE TRIGGER r BEFORE INSERT ON t BEGIN UPDATE t SET c = 5 WHERE e = 'b'; END`,
			rule: query("SELECT count(*) FROM t WHERE k = ?"), query: "SELECT count(*) FROM t WHERE k = ?", stored: []args{{1}, {2}, {3}},
			write: "INSERT INTO t VALUES ('a', 2, 0) ON CONFLICT (e) DO UPDATE SET k = excluded.k", touched: []args{{1}, {2}},
		},
		{
			name: "an upsert whose trigger brings the row", schema: started + "CREATE TRIGGER r BEFORE INSERT ON t WHEN NEW.c = 9 BEGIN INSERT INTO t VALUES (9, 3, 0); END",
			rule: rule("t", "k", "c"), query: tByKC, stored: []args{{3, 0}, {3, 5}, {4, 9}},
			write: "INSERT INTO t VALUES (9, 4, 9) ON CONFLICT (id) DO UPDATE SET c = 5", touched: []args{{3, 0}, {3, 5}, {4, 9}},
		},
		{
			name: "a trigger's upsert by any key", schema: started + "CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO t VALUES (1, 9, 9) ON CONFLICT DO UPDATE SET k = 4; END",
			rule: rule("t", "id"), query: tByID, stored: []args{{1}, {2}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}},
		},
		{
			name: "a trigger's upsert by one of two keys", schema: started + `CREATE UNIQUE INDEX i ON t (k);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO t VALUES (1, 9, 9) ON CONFLICT (id) DO UPDATE SET c = 4; END`,
			rule: rule("t", "id"), query: tByID, stored: []args{{1}, {2}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}},
		},
		{
			name: "a trigger's upsert with a value of the row that fires it", schema: started + `CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (1), (3);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO u VALUES (1) ON CONFLICT (id) DO UPDATE SET id = NEW.x; END`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}, {3}, {21}, {22}}, write: "UPDATE a SET x = x + 21 WHERE x = 0 AND id = 1", touched: []args{{1}, {21}},
		},
		{
			name: "a trigger's REPLACE", schema: started + `CREATE UNIQUE INDEX i ON t (c) WHERE c > 0; UPDATE t SET c = 4 WHERE id = 1;
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT OR REPLACE INTO t VALUES (9, 5, 4); END`,
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {5}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}, {5}},
		},
		{
			name: "a trigger's REPLACE that gives no number", schema: started + "CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT OR REPLACE INTO t (k) VALUES (5); END",
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {5}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{5}},
		},
		{
			name:   "a unique key of the schema's REPLACE",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, e TEXT UNIQUE ON CONFLICT REPLACE); INSERT INTO t VALUES (1, 1, 'a'), (2, 3, 'b')",
			rule:   rule("t", "k"), query: tByK, stored: []args{{1}, {3}, {5}}, write: "INSERT INTO t VALUES (9, 5, 'a')", touched: []args{{1}, {5}},
		},
		{
			name: "REPLACE of many rows", schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT); INSERT INTO t VALUES (1, 1), (2, 2), (100, 100)",
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {2}, {100}, {1001}, {1064}},
			write: "REPLACE INTO t VALUES " + numbered(65, "(%d, 1000 + %[1]d)"), touched: []args{{1}, {2}, {1001}, {1064}},
		},
		{
			name: "REPLACE by a unique key that compares otherwise", schema: `CREATE TABLE t (k TEXT); INSERT INTO t VALUES ('a'), ('b');
				CREATE UNIQUE INDEX i ON t (k COLLATE NOCASE)`,
			rule: rule("t", "k"), query: tByK, stored: []args{{"a"}, {"A"}}, write: "REPLACE INTO t VALUES ('A')", touched: []args{{"a"}, {"A"}},
		},
		{
			name: "UPDATE OR REPLACE by a unique key that compares otherwise", schema: `CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');
				CREATE UNIQUE INDEX i ON t (lower(k))`,
			rule: rule("t", "id"), query: tByID, stored: []args{{1}, {2}}, write: "UPDATE OR REPLACE t SET k = 'A' WHERE id = 2", touched: []args{{1}, {2}},
		},
		{
			name: "UPDATE OR REPLACE of a column in no unique key", schema: plain, rule: rule("t", "id"), query: tByID, stored: []args{{1}, {2}},
			write: "UPDATE OR REPLACE t SET k = 5 WHERE id = 1", touched: []args{{1}},
		},
		{
			name: "REPLACE of a row with children", schema: `CREATE TABLE t (id INTEGER PRIMARY KEY, k INT); INSERT INTO t VALUES (1, 1), (2, 2);
				CREATE TABLE u (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t ON DELETE CASCADE); INSERT INTO u VALUES (1, 1), (2, 2)`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}, {2}}, write: "REPLACE INTO t VALUES (?, 5)", args: args{1}, touched: []args{{1}},
		},
		{
			name: "REPLACE of a row with children, NULL for a default", schema: `CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL DEFAULT 7 UNIQUE); INSERT INTO t VALUES (1, 7), (2, 2);
				CREATE TABLE u (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t ON DELETE CASCADE); INSERT INTO u VALUES (1, 1), (2, 2)`,
			rule: rule("u", "id"), query: uByID, stored: []args{{1}, {2}}, write: "REPLACE INTO t VALUES (9, ?)", args: args{nil}, touched: []args{{1}, {2}},
		},

		{
			name:   "an upsert that gives no number, which is part of the key",
			schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, e TEXT UNIQUE, k INT); INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 3)",
			rule:   rule("t", "id", "k"), query: "SELECT * FROM t WHERE id = ? AND k = ?", stored: []args{{1, 1}, {1, 2}, {2, 3}},
			write: "INSERT INTO t (e, k) VALUES ('a', 2) ON CONFLICT (e) DO UPDATE SET k = excluded.k", touched: []args{{1, 1}, {1, 2}},
		},
		{
			name: "an upsert that takes arguments from another column of the new row", schema: plain, rule: rule("t", "k"), query: tByK,
			stored: []args{{1}, {3}, {5}, {6}, {7}},
			write:  "INSERT INTO t VALUES (1, 10, ?), (2, 11, ?) ON CONFLICT (id) DO UPDATE SET k = excluded.c", args: args{5, 6}, touched: []args{{1}, {3}, {5}, {6}},
		},
		{
			name: "an upsert that takes a column of another type", schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, c INT); INSERT INTO t VALUES (1, '1', 0)",
			rule: rule("t", "k"), query: tByK, stored: []args{{"1"}, {"5"}, {"05"}},
			write: "INSERT INTO t VALUES (1, '10', ?) ON CONFLICT (id) DO UPDATE SET k = excluded.c", args: args{"05"}, touched: []args{{"1"}, {"5"}, {"05"}},
		},
		{
			name: "a column is assigned twice, at last a value that is read", schema: plain, rule: rule("t", "k"), query: tByK,
			stored: []args{{1}, {2}, {3}, {5}}, write: "UPDATE t SET k = 5, k = k + 1 WHERE id = 1", touched: []args{{1}, {2}},
		},
		// Rows that refer to others.
		{
			name: "ON UPDATE CASCADE", schema: family + "ON UPDATE CASCADE); INSERT INTO u VALUES (1, 1), (2, 3)", rule: rule("u", "p"), query: uByP,
			stored: []args{{1}, {3}, {5}, {9}}, write: "UPDATE p SET id = 5, x = 9 WHERE id = 1", touched: []args{{1}, {5}},
		},
		{
			name: "ON UPDATE CASCADE, another column", schema: family + "ON UPDATE CASCADE); INSERT INTO u VALUES (1, 1), (2, 3)", rule: rule("u", "p"), query: uByP,
			stored: []args{{1}, {3}}, write: "UPDATE p SET x = 9 WHERE id = 1",
		},
		{
			name: "ON UPDATE CASCADE to a value of the row that fires a trigger", schema: started + family + `ON UPDATE CASCADE); INSERT INTO u VALUES (1, 1), (2, 3);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN UPDATE p SET id = NEW.x WHERE id = 1; END`,
			rule: rule("u", "p"), query: uByP, stored: []args{{1}, {3}, {21}, {22}}, write: "UPDATE a SET x = x + 21 WHERE x = 0 AND id = 1", touched: []args{{1}, {21}},
		},
		{
			name: "ON UPDATE CASCADE into a column of another type", schema: `CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);
				CREATE TABLE u (id INTEGER PRIMARY KEY, p TEXT REFERENCES p ON UPDATE CASCADE); INSERT INTO u VALUES (1, '1')`,
			rule: rule("u", "p"), query: uByP, stored: []args{{"1"}, {"5"}, {"05"}}, write: "UPDATE p SET id = ? WHERE id = 1", args: args{"05"},
			touched: []args{{"1"}, {"5"}, {"05"}},
		},
		{
			name: "rows that refer to others of their table", schema: `CREATE TABLE n (id INTEGER PRIMARY KEY, up INTEGER REFERENCES n ON DELETE SET NULL, k INT);
				INSERT INTO n VALUES (1, NULL, 0), (2, 1, 0), (3, NULL, 0)`,
			rule: rule("n", "id"), query: "SELECT * FROM n WHERE id = ?", stored: []args{{1}, {2}, {3}}, write: "DELETE FROM n WHERE id = 1", touched: []args{{1}, {2}},
		},
		{
			name: "a foreign key of another type", schema: `CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (5);
				CREATE TABLE u (id INTEGER PRIMARY KEY, p TEXT REFERENCES p ON DELETE CASCADE); INSERT INTO u VALUES (1, '5')`,
			rule: rule("u", "p"), query: uByP, stored: []args{{"5"}, {"05"}}, write: "DELETE FROM p WHERE id = ?", args: args{"05"}, touched: []args{{"5"}, {"05"}},
		},
		{
			name: "a foreign key, and rows found by a join", schema: `CREATE TABLE p (k TEXT PRIMARY KEY); INSERT INTO p VALUES ('a'), ('A');
				CREATE TABLE b (n TEXT COLLATE NOCASE); INSERT INTO b VALUES ('A');
				CREATE TABLE u (id INTEGER PRIMARY KEY, p TEXT REFERENCES p ON UPDATE CASCADE); INSERT INTO u VALUES (1, 'a'), (2, 'A')`,
			rule: rule("u", "p"), query: uByP, stored: []args{{"a"}, {"A"}}, write: "UPDATE p SET k = k || 'x' FROM b WHERE b.n = p.k AND b.n = 'A'", touched: []args{{"a"}, {"A"}},
		},

		// What triggers do.
		{
			name: "a trigger on another column", schema: started + "CREATE TRIGGER r AFTER UPDATE OF id ON a BEGIN DELETE FROM t; END", rule: rule("t", "k"), query: tByK,
			stored: []args{{1}}, write: "UPDATE a SET x = 1 WHERE id = 1",
		},
		{
			name: "a trigger that fires for each of some rows", schema: started + "CREATE TRIGGER r AFTER INSERT ON a BEGIN UPDATE t SET c = 1 WHERE k = NEW.x; END",
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {3}, {7}}, write: "INSERT INTO a VALUES (5, 1), (6, ?)", args: args{3}, touched: []args{{1}, {3}},
		},
		{
			name: "a trigger that fires for each of many rows", schema: started + "CREATE TRIGGER r AFTER INSERT ON a BEGIN UPDATE t SET c = 1 WHERE k = NEW.x; END",
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {3}, {7}}, write: "INSERT INTO a VALUES " + numbered(64, "(10 + %d, 100)") + ", (5, 1), (6, 3)",
			touched: []args{{1}, {3}},
		},
		{
			name: "a trigger that fires for each of a list", schema: started + "UPDATE a SET x = 3 WHERE id = 1; CREATE TRIGGER r AFTER DELETE ON a BEGIN DELETE FROM t WHERE k = OLD.x; END",
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {3}, {7}}, write: "DELETE FROM a WHERE x IN (1, 3)", touched: []args{{3}},
		},
		{
			name: "a trigger of a trigger, with a value that is read", schema: started + `CREATE TABLE b (x INT);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO b VALUES (NEW.x); END;
				CREATE TRIGGER q AFTER INSERT ON b BEGIN INSERT INTO t (k) VALUES (NEW.x); END`,
			rule: rule("t", "k"), query: tByK, stored: []args{{1}, {3}, {21}}, write: "UPDATE a SET x = x + 21 WHERE id = 1", touched: []args{{21}},
		},
		{
			name: "a trigger of a trigger, with a value that is read and converted twice", schema: `CREATE TABLE a (id INTEGER PRIMARY KEY, x); INSERT INTO a VALUES (1, '0');
				CREATE TABLE b (x INT); CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO b VALUES (NEW.x); END;
				CREATE TRIGGER q AFTER INSERT ON b BEGIN INSERT INTO t (k) VALUES (NEW.x); END`,
			rule: rule("t", "k"), query: tByK, stored: []args{{"05"}, {"5"}}, write: "UPDATE a SET x = x || '5' WHERE id = 1", touched: []args{{"05"}, {"5"}},
		},
		{
			name: "a foreign key, with a value that is read and converted twice", schema: `CREATE TABLE a (id INTEGER PRIMARY KEY, x); INSERT INTO a VALUES (1, '0');
				CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE u (id INTEGER PRIMARY KEY, p TEXT REFERENCES p ON UPDATE CASCADE);
				INSERT INTO p VALUES (1); INSERT INTO u VALUES (1, '1');
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN UPDATE p SET id = NEW.x WHERE id = 1; END`,
			rule: rule("u", "p"), query: uByP, stored: []args{{"1"}, {"05"}, {"5"}}, write: "UPDATE a SET x = x || '5' WHERE id = 1", touched: []args{{"1"}, {"05"}, {"5"}},
		},
		{
			name: "a trigger, with an argument that is converted twice", schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT); CREATE TABLE a (id INTEGER PRIMARY KEY, x INT);" +
				"CREATE TRIGGER r AFTER INSERT ON a BEGIN INSERT INTO t (k) VALUES (NEW.x); END",
			rule: rule("t", "k"), query: tByK, stored: []args{{"5"}, {"05"}}, write: "INSERT INTO a VALUES (3, ?)", args: args{"05"}, touched: []args{{"5"}, {"05"}},
		},
		{
			name: "a trigger, with a constant that is converted twice", schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT); CREATE TABLE a (id INTEGER PRIMARY KEY, x INT);" +
				"CREATE TRIGGER r AFTER INSERT ON a BEGIN INSERT INTO t (k) VALUES (NEW.x); END",
			rule: rule("t", "k"), query: tByK, stored: []args{{"5"}, {"05"}}, write: "INSERT INTO a VALUES (3, '05')", touched: []args{{"5"}, {"05"}},
		},
		{
			name: "a trigger puts NULL where the schema puts a default", schema: `CREATE TABLE a (id INTEGER PRIMARY KEY, x INT); INSERT INTO a VALUES (1, 0), (2, 0);
				CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL ON CONFLICT REPLACE DEFAULT 7);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO t (k) VALUES (NEW.x); END`,
			rule: rule("t", "k"), query: tByK, stored: []args{{7}, {8}}, write: "UPDATE a SET x = nullif(x, 0) WHERE id = 1", touched: []args{{7}, {8}},
		},
		{
			name: "a trigger puts what is not NULL where the schema puts a default", schema: `CREATE TABLE a (id INTEGER PRIMARY KEY, x INT); INSERT INTO a VALUES (1, 0), (2, 0);
				CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL ON CONFLICT REPLACE DEFAULT 7);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO t (k) VALUES (NEW.x); END`,
			rule: rule("t", "k"), query: tByK, stored: []args{{7}, {8}}, write: "UPDATE a SET x = x + 8 WHERE id = 1", touched: []args{{8}},
		},
		{
			name: "a trigger gives NULL for a number", schema: `CREATE TABLE a (id INTEGER PRIMARY KEY, x INT); INSERT INTO a VALUES (1, 0), (2, 0);
				CREATE TABLE t (id INTEGER PRIMARY KEY, k INT);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN INSERT INTO t (id) VALUES (NEW.x); END`,
			rule: rule("t", "id"), query: tByID, stored: []args{{1}, {2}}, write: "UPDATE a SET x = nullif(x, 0) WHERE id = 1", touched: []args{{1}, {2}},
		},
		{
			name: "NULL where a default is not for it", schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT DEFAULT 7)", rule: rule("t", "k"), query: tByK,
			stored: []args{{7}}, write: "INSERT INTO t VALUES (9, ?)", args: args{nil},
		},
		{
			name: "NULL becomes a default that is computed", schema: "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL ON CONFLICT REPLACE DEFAULT (abs(-7)))",
			rule: rule("t", "k"), query: tByK, stored: []args{{7}}, write: "INSERT INTO t VALUES (9, ?)", args: args{nil}, touched: []args{{7}},
		},
		{
			name: "a trigger finds rows by a join", schema: started + `CREATE TABLE b (n TEXT COLLATE NOCASE); INSERT INTO b VALUES ('A');
				CREATE TABLE s (id INTEGER PRIMARY KEY, k TEXT, c INT); INSERT INTO s VALUES (1, 'a', 0), (2, 'A', 0);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN UPDATE s SET c = 1 FROM b WHERE b.n = s.k AND b.n = 'A'; END`,
			rule: rule("s", "k"), query: "SELECT * FROM s WHERE k = ?", stored: []args{{"a"}, {"A"}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{"a"}, {"A"}},
		},
		{
			name: "a trigger finds rows by a join, and another column is the key", schema: started + `CREATE TABLE b (n TEXT COLLATE NOCASE); INSERT INTO b VALUES ('A');
				CREATE TABLE s (id INTEGER PRIMARY KEY, k TEXT, c INT); INSERT INTO s VALUES (1, 'a', 0), (2, 'A', 0);
				CREATE TRIGGER r AFTER UPDATE ON a BEGIN UPDATE s SET c = 1 FROM b WHERE b.n = s.k AND b.n = 'A'; END`,
			rule: rule("s", "id"), query: "SELECT * FROM s WHERE id = ?", stored: []args{{1}, {2}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}, {2}},
		},
		{
			name: "a trigger moves rows away from what it finds them by", schema: started + "CREATE TRIGGER r AFTER UPDATE ON a BEGIN UPDATE t SET k = k + 2 WHERE k = 1; UPDATE t SET k = 4 WHERE k = 3; END",
			rule: rule("t", "id"), query: tByID, stored: []args{{1}, {2}}, write: "UPDATE a SET x = 1 WHERE id = 1", touched: []args{{1}, {2}},
		},
		{
			name: "a path begins in a number that is not whole", schema: `CREATE TABLE words (id INTEGER PRIMARY KEY, code REAL, owner INTEGER);
				CREATE TABLE tags (id INTEGER PRIMARY KEY, code REAL); INSERT INTO words VALUES (1, 5.5, 1), (2, 5, 2)`,
			rule:  moneyclip.Rule{Key: "key-%d", Query: "SELECT count(*) FROM words JOIN tags ON tags.code = words.code WHERE words.owner = ?"},
			query: "SELECT count(*) FROM words JOIN tags ON tags.code = words.code WHERE words.owner = ?", stored: []args{{1}, {2}},
			write: "INSERT INTO tags (code) VALUES (?)", args: args{5.5}, touched: []args{{1}},
		},
		{
			name: "a path that is inferred, and a column that is read", schema: shelves,
			rule:  moneyclip.Rule{Key: "key-%d", Query: "SELECT total(tags.id), min(tags.word) FROM tags JOIN books ON books.id = tags.book_id WHERE books.owner_id = ?"},
			query: "SELECT total(tags.id), min(tags.word) FROM tags JOIN books ON books.id = tags.book_id WHERE books.owner_id = ?", stored: []args{{1}, {2}},
			write: "UPDATE tags SET word = 'a' WHERE id = 100", touched: []args{{1}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := open(t, test.schema, moneyclip.Config{Rules: []moneyclip.Rule{test.rule}})
			for _, args := range test.stored {
				f.warm(t, test.query, args...)
			}
			exec(t, f, test.write, test.args...)
			for _, args := range test.stored {
				touched := slices.ContainsFunc(test.touched, func(one []any) bool { return slices.Equal(one, args) })
				f.want(t, touched, test.query, args...)
			}
		})
	}
}

// numbered repeats a text for the numbers from 1.
func numbered(n int, format string) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(format, i+1))
	}
	return strings.Join(list, ", ")
}

// A worded is SQLite with tables that it has not, and statements that it does not know.
type worded struct {
	moneyclip.Dialect
	edit    func(*moneyclip.Catalog)
	words   map[string]moneyclip.Statement
	reading func(w *moneyclip.Write, old, new []string) (moneyclip.Reading, bool)
}

func (d worded) Catalog(ctx context.Context, ask moneyclip.Asker) (*moneyclip.Catalog, error) {
	c, err := d.Dialect.Catalog(ctx, ask)
	if err == nil && d.edit != nil {
		d.edit(c)
	}
	return c, err
}

func (d worded) Analyze(query string, c *moneyclip.Catalog) moneyclip.Statement {
	if s, ok := d.words[query]; ok {
		return s
	}
	return d.Dialect.Analyze(query, c)
}

func (d worded) Reading(w *moneyclip.Write, c *moneyclip.Catalog, old, new []string) (moneyclip.Reading, bool) {
	if d.reading == nil {
		return d.Dialect.Reading(w, c, old, new)
	}
	return d.reading(w, old, new)
}

// explain says what each write does to the rules, in a database with a schema.
func explain(t *testing.T, d moneyclip.Dialect, schema string, rules []moneyclip.Rule, write string, args ...any) string {
	t.Helper()
	dsn := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_journal=MEMORY&_sync=OFF"
	bare, err := sql.Open("sqlite3", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	exec(t, bare, schema)
	cache, err := moneyclip.New(d, moneyclip.Config{Rules: rules, Logger: new(logged).logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	x, err := cache.Explain(write, args...)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range x.Effects {
		if e.Guarantee == moneyclip.None {
			continue
		}
		line := e.Rule + ": " + e.Guarantee.String()
		if len(e.Keys) > 0 {
			line += " " + strings.Join(e.Keys, " ")
		}
		if len(e.Reads) > 0 {
			line += fmt.Sprintf(" %d read", len(e.Reads))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// What is known of a write, where the rules are by t's k and its id, by u's id, and by what other tables have.
func TestEffectsExplained(t *testing.T) {
	t.Parallel()
	const schema = "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT); CREATE TABLE u (id INTEGER PRIMARY KEY, x TEXT)"
	rules := []moneyclip.Rule{
		{Name: "k", Key: "k:%v", Table: "t", By: []string{"k"}},
		{Name: "id", Key: "id:%d", Table: "t", By: []string{"id"}},
		{Name: "u", Key: "u:%d", Table: "u", By: []string{"id"}},
		{Name: "v", Key: "v:%d", Table: "v", By: []string{"k"}},
		{Name: "d", Key: "d:%d", Table: "d", By: []string{"k"}},
		{Name: "n", Key: "n:%d", Table: "n", By: []string{"id"}},
	}
	const all = "k: rule-wide; id: rule-wide; u: rule-wide; v: rule-wide; d: rule-wide; n: rule-wide"
	const replacing = `; CREATE TABLE w (id INTEGER PRIMARY KEY); CREATE TABLE x (id INTEGER PRIMARY KEY, k INT UNIQUE);
		CREATE TABLE y (x INTEGER REFERENCES x ON DELETE CASCADE);
		CREATE TRIGGER rw AFTER DELETE ON w BEGIN INSERT INTO x VALUES (1, 1); END;
		CREATE TRIGGER ry AFTER DELETE ON y BEGIN DELETE FROM u WHERE id = abs(random()); END`
	const refers = `; CREATE TABLE v (id INTEGER PRIMARY KEY, k INTEGER REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE);
		CREATE TABLE d (id INTEGER PRIMARY KEY, k INTEGER DEFAULT 3 REFERENCES p ON DELETE SET DEFAULT ON UPDATE CASCADE)`
	chain := func(n int) string {
		var b strings.Builder
		b.WriteString("; CREATE TABLE c0 (id INTEGER PRIMARY KEY)")
		for i := range n {
			fmt.Fprintf(&b, "; CREATE TABLE c%d (id INTEGER PRIMARY KEY); CREATE TRIGGER r%[1]d AFTER DELETE ON c%d BEGIN DELETE FROM c%[1]d; END", i+1, i)
		}
		return b.String()
	}
	for _, test := range []struct {
		name  string
		more  string
		rules []moneyclip.Rule // others than these
		write string
		args  []any
		want  string
	}{
		{name: "a script that changes the schema", write: "DELETE FROM u; CREATE TABLE x (y)", want: all},
		{name: "a table that is not there", write: "UPDATE nowhere SET x = 1", want: all},
		{name: "a virtual table", more: "; CREATE VIRTUAL TABLE v USING rtree (id, x0, x1)", write: "INSERT INTO v VALUES (1, 0, 1)", want: all},
		{name: "a chain of triggers", more: chain(20), write: "DELETE FROM c0", want: ""},
		{name: "an endless chain of triggers", more: chain(40), write: "DELETE FROM c0", want: all},
		{
			name: "lists of many keys", write: "UPDATE u SET x = 'x' WHERE id IN (" + strings.Repeat("1, ", 1000) + "1)",
			want: "u: rule-wide",
		},
		{
			name: "lists of fewer keys", write: "UPDATE u SET x = 'x' WHERE id IN (" + strings.Repeat("1, ", 999) + "1)",
			want: "u: exact u:1",
		},
		{
			name: "a value without a canonical spelling, and rows that are read", write: "UPDATE t SET k = '" + strings.Repeat("x", 5000) + "' WHERE id = 1",
			want: "k: rule-wide; id: exact id:1",
		},
		{
			name: "ON DELETE SET NULL", more: "; CREATE TABLE p (k INTEGER PRIMARY KEY REFERENCES u ON DELETE SET NULL)" + refers, write: "DELETE FROM p WHERE k = ?", args: []any{1},
			want: "v: exact v:1; d: exact d:1 d:3",
		},
		{
			name: "ON UPDATE CASCADE", more: "; CREATE TABLE p (k INTEGER PRIMARY KEY)" + refers, write: "UPDATE p SET k = 2 WHERE k = ?", args: []any{1},
			want: "v: exact v:1 v:2; d: exact d:1 d:2",
		},
		{
			name: "rows that refer to others of their table", more: "; CREATE TABLE n (id INTEGER PRIMARY KEY, up INTEGER REFERENCES n ON DELETE CASCADE)", write: "DELETE FROM n WHERE id = 1",
			want: "n: rule-wide",
		},
		{
			name: "a script with UPDATE OR REPLACE by the rowid", more: "; CREATE TABLE w (x); CREATE TRIGGER r AFTER DELETE ON w BEGIN DELETE FROM u WHERE id = 1; END",
			write: "UPDATE OR REPLACE w SET x = 1; UPDATE OR REPLACE w SET x = 1", want: "u: exact u:1",
		},
		{
			name: "what REPLACE deletes fires a trigger that replaces too", more: replacing, write: "REPLACE INTO w VALUES (1)", want: "u: rule-wide",
		},
		{
			name: "what a script's REPLACE deletes fires a trigger that replaces too", more: replacing, write: "REPLACE INTO w VALUES (1); REPLACE INTO w VALUES (2)", want: "u: rule-wide",
		},
		{
			name:  "what refers to rows that REPLACE deletes fires a trigger that replaces too",
			more:  replacing + "; CREATE TABLE q (id INTEGER PRIMARY KEY); CREATE TABLE qw (q INTEGER REFERENCES q ON DELETE CASCADE); CREATE TRIGGER rq AFTER DELETE ON qw BEGIN INSERT INTO x VALUES (1, 1); END",
			write: "REPLACE INTO q VALUES (1)", want: "u: rule-wide",
		},
		{
			name: "a script with REPLACE by the rowid", more: "; CREATE TABLE w (x); CREATE TRIGGER r AFTER DELETE ON w BEGIN DELETE FROM u WHERE id = 1; END",
			write: "REPLACE INTO w VALUES (1); REPLACE INTO w VALUES (1)", want: "u: exact u:1",
		},
		{
			name:  "what a script's REPLACE deletes by the rowid fires a trigger that replaces too",
			more:  replacing + "; CREATE TABLE r (x); CREATE TRIGGER rr AFTER DELETE ON r BEGIN INSERT INTO x VALUES (1, 1); END",
			write: "REPLACE INTO r VALUES (1); REPLACE INTO r VALUES (1)", want: "u: rule-wide",
		},
		{
			name: "the rowids of tables that do not name them", more: "; CREATE TABLE q (x); CREATE TABLE w (x); CREATE TRIGGER r AFTER INSERT ON q BEGIN INSERT INTO w (rowid, x) VALUES (NEW.rowid, 1); DELETE FROM w WHERE rowid = NEW.x; END",
			write: "INSERT INTO q (rowid, x) VALUES (1, 2)", want: "",
		},
		{
			name: "a foreign key that points to no key", more: "; CREATE TABLE q (x); CREATE TABLE w (x REFERENCES q ON DELETE CASCADE ON UPDATE CASCADE)",
			write: "DELETE FROM q", want: "",
		},
		{
			name: "a rule for a query that was not seen", rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Query: "GetT", On: []moneyclip.On{{Table: "t", Columns: []string{"id"}}}}},
			write: "UPDATE t SET c = 1 WHERE id = 1", want: "q: exact q:1",
		},
		{
			name: "a rule for a query that was not seen, and of which nothing is declared", rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Query: "GetT"}},
			write: "UPDATE t SET c = 1 WHERE id = 1", want: "",
		},
		{
			name: "a rule that is inactive", more: "; CREATE TABLE f (id INTEGER PRIMARY KEY, n INT, s TEXT)",
			rules: []moneyclip.Rule{{Name: "q", Key: "q:%v", Query: "SELECT id FROM f WHERE n = ?1", On: []moneyclip.On{{Table: "f", Columns: []string{"n"}}, {Table: "f", Columns: []string{"s"}}}}},
			write: "UPDATE f SET id = 2 WHERE n = 1", want: "",
		},
		{
			name: "names in other cases", rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Table: "T", By: []string{"K"}}},
			write: "UPDATE t SET c = 1 WHERE k = 1", want: "q: exact q:1",
		},
		{
			name: "columns that are declared to count", rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Table: "t", By: []string{"id"}, On: []moneyclip.On{{Table: "t", Columns: []string{"id"}, Set: []string{"k"}}}}},
			write: "UPDATE t SET c = 1 WHERE id = 1", want: "",
		},
		{
			name: "every column of a table counts", rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Table: "t", By: []string{"id"}, On: []moneyclip.On{{Table: "t", Columns: []string{"id"}}}}},
			write: "UPDATE t SET c = 1 WHERE id = 1", want: "q: exact q:1",
		},
		{
			name: "a table that is declared and not read", rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Query: "SELECT k FROM t WHERE id = ?", On: []moneyclip.On{{Table: "t", Columns: []string{"id"}}, {Table: "u", Columns: []string{"id"}}}}},
			write: "UPDATE u SET x = 1 WHERE id = 1", want: "q: exact q:1",
		},
		{
			name: "a column that another table of the query has", more: "; CREATE TABLE f (id INTEGER PRIMARY KEY, c INT)",
			rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Query: "SELECT t.k, f.c FROM t, f WHERE t.id = ?1 AND f.id = ?1", On: []moneyclip.On{{Table: "t", Columns: []string{"id"}}, {Table: "f", Columns: []string{"id"}}}}},
			write: "UPDATE t SET c = 1 WHERE id = 1", want: "",
		},
		{
			name: "every column is read", rules: []moneyclip.Rule{{Name: "q", Key: "q:%d", Query: "SELECT * FROM t WHERE id = ?", On: []moneyclip.On{{Table: "t", Columns: []string{"id"}}}}, {Name: "r", Key: "r:%d", Query: "SELECT t.* FROM t WHERE id = ?"}},
			write: "UPDATE t SET c = 1 WHERE id = 1", want: "q: exact q:1; r: exact r:1",
		},
		{
			name: "a rule of one key", rules: []moneyclip.Rule{{Name: "all", Key: "all", Query: "SELECT count(*), total(c) FROM t"}},
			write: "UPDATE t SET c = 1 WHERE id = 1", want: "all: exact all",
		},
		{
			name: "a rule of one key, and assignments that are not known", rules: []moneyclip.Rule{{Name: "all", Key: "all", Query: "SELECT count(*) FROM t"}},
			write: "UPDATE t SET c = 1 WHERE id = 1; UPDATE t SET c = 1 WHERE id = 2", want: "all: exact all",
		},
		{
			name: "a path", more: "; CREATE TABLE f (id INTEGER PRIMARY KEY, t INTEGER REFERENCES t)",
			rules: []moneyclip.Rule{{Name: "p", Key: "p:%d", Query: "SELECT count(*) FROM f JOIN t ON t.id = f.t WHERE t.k = ?"}},
			write: "INSERT INTO f VALUES (1, 2)", want: "p: exact after reading 1 read",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rules := rules
			if test.rules != nil {
				rules = test.rules
			}
			if got := explain(t, sqlite.Dialect, schema+test.more, rules, test.write, test.args...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// What is known of writes and tables that are not SQLite's. The rules are by t's k and its id, by u's id, by kin's id, and
// by the two halves of a key of t.
func TestEffectsOfOtherDialects(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT, x INT, g INT AS (k + 1)); CREATE TABLE u (id INTEGER PRIMARY KEY, x INT);
		CREATE TABLE kin (id INTEGER PRIMARY KEY, k INT); CREATE TABLE kin1 (id INTEGER PRIMARY KEY, k INT); CREATE TABLE kin2 (id INTEGER PRIMARY KEY, k INT)`
	rules := []moneyclip.Rule{
		{Name: "k", Key: "k:%d", Table: "t", By: []string{"k"}},
		{Name: "id", Key: "id:%d", Table: "t", By: []string{"id"}},
		{Name: "kc", Key: "kc:%d-%d", Table: "t", By: []string{"k", "c"}},
		{Name: "u", Key: "u:%d", Table: "u", By: []string{"id"}},
		{Name: "kin", Key: "kin:%d", Table: "kin", By: []string{"id"}},
		{Name: "kin1", Key: "kin1:%d", Table: "kin1", By: []string{"id"}},
		{Name: "kin2", Key: "kin2:%d", Table: "kin2", By: []string{"id"}},
	}
	const all = "k: rule-wide; id: rule-wide; kc: rule-wide; u: rule-wide; kin: rule-wide; kin1: rule-wide; kin2: rule-wide"
	one := moneyclip.Value{Kind: moneyclip.ValueConst, Const: int64(1)}
	two := moneyclip.Value{Kind: moneyclip.ValueConst, Const: int64(2)}
	null := moneyclip.Value{Kind: moneyclip.ValueConst}
	var computed moneyclip.Value
	own := func(column string) moneyclip.Value { return moneyclip.Value{Kind: moneyclip.ValueOld, Column: column} }
	brought := func(column string) moneyclip.Value { return moneyclip.Value{Kind: moneyclip.ValueNew, Column: column} }
	pin := func(column string, values ...moneyclip.Value) []moneyclip.Pin {
		return []moneyclip.Pin{{Column: column, Values: values}}
	}
	set := func(column string, v moneyclip.Value) []moneyclip.Assignment {
		return []moneyclip.Assignment{{Column: column, Value: v}}
	}
	writes := func(list ...moneyclip.Write) moneyclip.Statement {
		return moneyclip.Statement{Kind: moneyclip.KindWrite, Writes: list}
	}
	trigger := func(op moneyclip.Op, list ...moneyclip.Write) moneyclip.Trigger {
		return moneyclip.Trigger{Op: op, Writes: list}
	}
	on := func(name string, triggers ...moneyclip.Trigger) func(c *moneyclip.Catalog) {
		return func(c *moneyclip.Catalog) { c.Tables[name].Triggers = triggers }
	}
	before := func(*moneyclip.Write, []string, []string) (moneyclip.Reading, bool) {
		return moneyclip.Reading{Before: moneyclip.Query{Text: "before"}}, true
	}
	after := func(*moneyclip.Write, []string, []string) (moneyclip.Reading, bool) {
		return moneyclip.Reading{After: moneyclip.Query{Text: "after"}}, true
	}
	argument := moneyclip.Value{Kind: moneyclip.ValueParam, Param: 1}
	element := moneyclip.Value{Kind: moneyclip.ValueElement, Param: 1}
	insertU := func(x moneyclip.Value) moneyclip.Statement {
		s := writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id", "x"}, Rows: [][]moneyclip.Value{{one, x}}, Source: "one"})
		if x.Kind == moneyclip.ValueParam {
			s.Params = []string{""}
		}
		return s
	}
	// In these u's x compares values otherwise than all others, and just as kin's id.
	other := func(edit func(c *moneyclip.Catalog)) func(c *moneyclip.Catalog) {
		return func(c *moneyclip.Catalog) { c.Tables["u"].Column("x").Class = "other"; edit(c) }
	}
	same := func(edit func(c *moneyclip.Catalog)) func(c *moneyclip.Catalog) {
		return func(c *moneyclip.Catalog) {
			c.Tables["u"].Column("x").Class = c.Tables["kin"].Column("id").Class
			edit(c)
		}
	}
	deleteU := moneyclip.Write{Op: moneyclip.Delete, Table: "u", Pins: pin("id", one)}
	updateC := moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: set("c", one), Source: "one"}
	for _, test := range []struct {
		name    string
		edit    func(c *moneyclip.Catalog)
		write   moneyclip.Statement
		args    []any
		reading func(*moneyclip.Write, []string, []string) (moneyclip.Reading, bool)
		want    string
	}{
		{name: "anything", write: writes(moneyclip.Write{Op: moneyclip.AnyOp}), want: all},
		{name: "anything, in a script", write: moneyclip.Statement{Kind: moneyclip.KindScript, Parts: []moneyclip.Statement{writes(moneyclip.Write{Op: moneyclip.AnyOp})}}, want: all},
		{name: "anything, by a trigger", edit: on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.AnyOp, Table: "t"})), write: writes(deleteU), want: all},
		{name: "a trigger of which nothing is known", edit: on("u", moneyclip.Trigger{Op: moneyclip.Delete, Opaque: "it is not"}), write: writes(deleteU), want: all},
		{name: "a trigger of which nothing is known, on others", edit: on("u", moneyclip.Trigger{Op: moneyclip.Insert, Opaque: "it is not"}), write: writes(deleteU), want: "u: exact u:1"},
		{
			name: "a trigger on all", edit: on("u", trigger(moneyclip.AnyOp, moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("id", two)})), write: writes(deleteU),
			want: "u: exact u:1; kin: exact kin:2",
		},
		{
			name:  "a trigger on INSERT OR UPDATE OF",
			edit:  on("u", moneyclip.Trigger{Op: moneyclip.AnyOp, Of: []string{"x"}, Writes: []moneyclip.Write{{Op: moneyclip.Delete, Table: "kin", Pins: pin("id", two)}}}),
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id"}, Rows: [][]moneyclip.Value{{one}}}),
			want:  "u: exact u:1; kin: exact kin:2",
		},
		{
			name: "OLD of an insert", edit: on("u", trigger(moneyclip.AnyOp, moneyclip.Write{Op: moneyclip.Insert, Table: "kin", Columns: []string{"k", "id"}, Rows: [][]moneyclip.Value{{one, own("x")}}})),
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id", "x"}, Rows: [][]moneyclip.Value{{one, two}}}), reading: before,
			want: "u: exact u:1; kin: rule-wide",
		},
		{
			name: "OLD of an insert, in a column that nothing numbers", edit: on("u", trigger(moneyclip.AnyOp, moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"id", "k", "c"}, Rows: [][]moneyclip.Value{{one, own("x"), one}}})),
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id", "x"}, Rows: [][]moneyclip.Value{{one, two}}}), reading: before,
			want: "id: exact id:1; u: exact u:1",
		},
		{
			name: "NEW of a delete", edit: on("u", trigger(moneyclip.AnyOp, moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"id", "k", "c"}, Rows: [][]moneyclip.Value{{one, brought("x"), one}}})),
			write: writes(deleteU), reading: before, want: "id: exact id:1; u: exact u:1",
		},
		{
			name:  "a trigger's NEW, which another trigger changes",
			edit:  on("u", moneyclip.Trigger{Op: moneyclip.Insert, Sets: []string{"x"}}, trigger(moneyclip.Insert, moneyclip.Write{Op: moneyclip.Delete, Table: "t", Pins: pin("id", brought("x"))})),
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id", "x"}, Rows: [][]moneyclip.Value{{one, two}}, Source: "one"}), reading: before,
			want: "k: rule-wide; id: rule-wide; kc: rule-wide; u: exact u:1",
		},
		{
			name:  "a trigger's OLD, where another trigger changes NEW",
			edit:  on("u", moneyclip.Trigger{Op: moneyclip.Update, Sets: []string{"x"}}, trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Delete, Table: "t", Pins: pin("id", own("x"))})),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "u", Pins: pin("id", one), Set: set("x", two), Source: "one"}), reading: before,
			want: "k: rule-wide; id: exact after reading 1 read; kc: rule-wide; u: exact u:1",
		},
		{
			name: "a trigger sets the key", edit: on("t", moneyclip.Trigger{Op: moneyclip.Update, Sets: []string{"k"}}), reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: append(pin("id", one), pin("k", one)...), Set: set("x", two), Source: "one"}),
			want:  "k: exact after reading k:1 1 read; id: exact id:1; kc: exact after reading 1 read",
		},
		{
			name: "a trigger sets the key, and none of it is read", edit: on("t", moneyclip.Trigger{Op: moneyclip.Update, Sets: []string{"k"}}),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: append(pin("id", one), pin("k", one)...), Set: set("k", two)}),
			reading: func(*moneyclip.Write, []string, []string) (moneyclip.Reading, bool) {
				return moneyclip.Reading{}, false
			},
			want: "k: rule-wide; id: exact id:1; kc: rule-wide",
		},
		{
			name: "a trigger may set any column", edit: on("t", moneyclip.Trigger{Op: moneyclip.AnyOp, SetsAll: true}), reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: append(pin("id", one), pin("k", one)...), Set: set("x", two), Source: "one"}),
			want:  "k: exact after reading k:1 1 read; id: exact after reading id:1 1 read; kc: exact after reading 1 read",
		},
		{
			name: "a trigger on others sets the key", edit: on("t", moneyclip.Trigger{Op: moneyclip.Insert, Sets: []string{"k"}}), reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: append(pin("id", one), pin("k", one)...), Set: set("x", two), Source: "one"}),
			want:  "k: exact k:1; id: exact id:1; kc: exact after reading 1 read",
		},
		{
			name: "a trigger sets the number of a new row", edit: on("t", moneyclip.Trigger{Op: moneyclip.Insert, Sets: []string{"id"}}, trigger(moneyclip.Update, deleteU)), reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"k", "c"}, Rows: [][]moneyclip.Value{{one, two}}, Conflict: &moneyclip.Conflict{Set: set("x", one)}, Source: "one"}),
			want:  "k: exact after reading k:1 1 read; id: exact after reading 1 read; kc: exact after reading kc:1-2 1 read; u: exact u:1",
		},
		{
			name: "the database makes the number of a new row", edit: on("t", trigger(moneyclip.Update, deleteU)), reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"k", "c"}, Rows: [][]moneyclip.Value{{one, two}}, Conflict: &moneyclip.Conflict{Set: set("x", one)}, Source: "one"}),
			want:  "k: exact k:1; id: exact after reading 1 read; kc: exact kc:1-2",
		},
		{
			name: "an upsert of columns that are not known", edit: on("t", trigger(moneyclip.Update, deleteU)), reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "t", Conflict: &moneyclip.Conflict{Set: set("x", one)}, Source: "one"}),
			want:  "k: exact after reading 1 read; id: exact after reading 1 read; kc: exact after reading 1 read; u: exact u:1",
		},
		{
			name: "0 for a number", edit: func(c *moneyclip.Catalog) { c.Tables["u"].ZeroSerial = true }, reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id"}, Rows: [][]moneyclip.Value{{{Kind: moneyclip.ValueConst, Const: int64(0)}}}, Source: "one"}),
			want:  "u: exact after reading 1 read",
		},
		{
			name: "a number", edit: func(c *moneyclip.Catalog) { c.Tables["u"].ZeroSerial = true }, reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id"}, Rows: [][]moneyclip.Value{{one}}, Source: "one"}),
			want:  "u: exact u:1",
		},
		{
			name: "0 where only NULL is numbered", reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id"}, Rows: [][]moneyclip.Value{{{Kind: moneyclip.ValueConst, Const: int64(0)}}}, Source: "one"}),
			want:  "u: exact u:0",
		},
		{
			name: "tables that share rows", edit: kindred,
			write: writes(moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("id", one)}), want: "kin: exact kin:1; kin1: exact kin1:1; kin2: exact kin2:1",
		},
		{
			name: "one of two tables that share rows with a third", edit: kindred,
			write: writes(moneyclip.Write{Op: moneyclip.Delete, Table: "kin1", Pins: pin("id", one)}), want: "kin: exact kin:1; kin1: exact kin1:1",
		},
		{
			name: "a default of one of two tables that share rows",
			edit: func(c *moneyclip.Catalog) {
				kindred(c)
				for name, value := range map[string]moneyclip.Value{"kin": one, "kin1": two} {
					c.Tables[name].Serial = ""
					c.Tables[name].Column("id").Default = value
				}
			},
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "kin1", Columns: []string{"k"}, Rows: [][]moneyclip.Value{{one}}}),
			want:  "kin: exact kin:2; kin1: exact kin1:2",
		},
		{
			name: "two writes that differ in what is not known of them",
			reading: func(w *moneyclip.Write, _, _ []string) (moneyclip.Reading, bool) {
				return moneyclip.Reading{Before: moneyclip.Query{Text: fmt.Sprint(w.Source)}}, true
			},
			write: writes(moneyclip.Write{Op: moneyclip.Delete, Table: "u", Source: "one"}, moneyclip.Write{Op: moneyclip.Delete, Table: "u", Source: "two"}),
			want:  "u: exact after reading 2 read",
		},
		{
			name: "a trigger assigns what is not known", edit: on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", SetAll: true, Pins: pin("id", two)})), reading: before,
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("k", one), Set: set("c", one), Source: "one"}),
			want:  "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "a trigger deletes by nothing that is known", edit: on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.Delete, Table: "kin"})), reading: before,
			write: writes(deleteU), want: "u: exact u:1; kin: rule-wide",
		},
		{
			name: "a trigger deletes by what is computed", edit: on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: append(pin("k", one), pin("k", computed)...)})), reading: before,
			write: writes(deleteU), want: "u: exact u:1; kin: exact after reading 1 read",
		},
		{
			name: "a trigger takes over values of the row that fires it", reading: before,
			edit:  on("u", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "kin", Pins: pin("k", one), Set: set("id", brought("x"))})),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "u", Pins: pin("id", one), Set: set("x", computed), Source: "one"}),
			want:  "u: exact u:1; kin: rule-wide",
		},
		{
			name: "a trigger takes over old values of the row that fires it", reading: before,
			edit:  on("u", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "kin", Pins: pin("k", one), Set: set("id", own("x"))})),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "u", Pins: pin("id", one), Set: set("x", computed), Source: "one"}),
			want:  "u: exact u:1; kin: rule-wide",
		},
		{
			name: "a trigger comes back to its row", reading: before,
			edit:  on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("id", own("id")), Set: set("x", one)})),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: set("x", two), Source: "one"}),
			want:  "k: exact after reading 1 read; id: exact after reading 1 read; kc: exact after reading 1 read",
		},
		{
			name: "a trigger comes back to its row, and to rows of heirs", reading: before,
			edit: func(c *moneyclip.Catalog) {
				c.Tables["t"].Heirs = true
				on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("id", own("id")), Set: set("x", one)}))(c)
			},
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: set("x", two), Source: "one"}),
			want:  "k: rule-wide; id: exact after reading 1 read; kc: rule-wide",
		},
		{
			name: "a trigger comes to another row", reading: before,
			edit: func(c *moneyclip.Catalog) {
				c.Tables["t"].Unique = append(c.Tables["t"].Unique, moneyclip.UniqueKey{Columns: []string{"c"}})
				on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("c", own("k")), Set: set("x", one)}))(c)
			},
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: set("x", two), Source: "one"}),
			want:  "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "a trigger comes to rows that are no one's alone", reading: before,
			edit:  on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("c", own("c")), Set: set("x", one)})),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: set("x", two), Source: "one"}),
			want:  "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "a trigger comes to rows that an odd key finds", reading: before,
			edit: func(c *moneyclip.Catalog) {
				c.Tables["t"].Unique = append(c.Tables["t"].Unique, moneyclip.UniqueKey{Columns: []string{"c"}, Odd: true}, moneyclip.UniqueKey{})
				on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("c", own("c")), Set: set("x", one)}))(c)
			},
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: set("x", two), Source: "one"}),
			want:  "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "a trigger of another table comes to a row by its own", reading: before,
			edit:  on("u", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("id", own("id")), Set: set("x", one)})),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "u", Set: set("x", two), Source: "one"}),
			want:  "k: rule-wide; id: exact after reading 1 read; kc: rule-wide; u: exact after reading 1 read",
		},

		{
			name: "one of an array", args: []any{"{1,3}"},
			write: moneyclip.Statement{Kind: moneyclip.KindWrite, Params: []string{""}, Writes: []moneyclip.Write{{Op: moneyclip.Delete, Table: "u", Pins: pin("id", element)}}},
			want:  "u: exact u:1 u:3",
		},
		{
			name: "a trigger takes over a constant of another type", edit: other(on("u", trigger(moneyclip.Insert, moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("id", brought("x"))}))),
			reading: before, write: insertU(two), want: "u: exact u:1; kin: exact after reading 1 read",
		},
		{
			name: "a trigger takes over an argument of another type", edit: other(on("u", trigger(moneyclip.Insert, moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("id", brought("x"))}))),
			reading: before, write: insertU(argument), args: []any{2}, want: "u: exact u:1; kin: exact after reading 1 read",
		},
		{
			name: "a trigger takes over an argument", edit: same(on("u", trigger(moneyclip.Insert, moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("id", brought("x"))}))),
			reading: before, write: insertU(argument), args: []any{2}, want: "u: exact u:1; kin: exact kin:2",
		},
		{
			name: "a trigger takes over one of an array of another type", edit: other(on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("id", own("x"))}))),
			reading: before, args: []any{"{1,3}"},
			write: moneyclip.Statement{Kind: moneyclip.KindWrite, Params: []string{""}, Writes: []moneyclip.Write{{Op: moneyclip.Delete, Table: "u", Pins: append(pin("id", one), pin("x", element)...), Source: "one"}}},
			want:  "u: exact u:1; kin: exact after reading 1 read",
		},
		{
			name: "a trigger takes over NULL of another type", edit: other(on("u", trigger(moneyclip.Insert, moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"id", "k", "c"}, Rows: [][]moneyclip.Value{{one, brought("x"), one}}}))),
			reading: before, write: insertU(null), want: "id: exact id:1; u: exact u:1",
		},
		{
			name: "a trigger finds rows and assigns what is not known", edit: on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.Update, Table: "kin", Pins: pin("k", one), SetAll: true})), reading: before,
			write: writes(deleteU), want: "u: exact u:1; kin: rule-wide",
		},
		{
			name: "a trigger moves rows away from what it finds them by", reading: before, write: writes(deleteU),
			edit: on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.Update, Table: "kin", Pins: pin("k", one), Set: set("k", two)})),
			want: "u: exact u:1; kin: rule-wide",
		},
		{
			name: "a foreign key, and rows found by a column that compares otherwise",
			edit: other(func(c *moneyclip.Catalog) {
				c.Tables["u"].Keys = []moneyclip.ForeignKey{{Child: "kin", Columns: []string{"id"}, ParentColumns: []string{"id"}, OnDelete: moneyclip.Cascade}}
			}),
			write: writes(moneyclip.Write{Op: moneyclip.Delete, Table: "u", Pins: []moneyclip.Pin{{Column: "id", Values: []moneyclip.Value{one}, Via: []moneyclip.ColumnName{{Table: "u", Column: "x"}}}}}),
			reading: func(*moneyclip.Write, []string, []string) (moneyclip.Reading, bool) {
				return moneyclip.Reading{}, false
			},
			want: "u: rule-wide; kin: rule-wide",
		},
		{
			name: "a trigger's OLD, where another trigger assigns what is not known", reading: before,
			edit: on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", SetAll: true, Pins: pin("k", one)},
				moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("k", brought("k"))}, moneyclip.Write{Op: moneyclip.Insert, Table: "u", Columns: []string{"id", "x"}, Rows: [][]moneyclip.Value{{one, brought("k")}}}),
			),
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("k", one), Set: set("x", one), Source: "one"}),
			want:  "k: rule-wide; id: rule-wide; kc: rule-wide; u: exact u:1; kin: rule-wide",
		},
		{
			name: "a step that assigns what is not known is no other to itself", reading: before,
			edit: func(c *moneyclip.Catalog) {
				on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.Update, Table: "t", SetAll: true, Pins: pin("k", one)}))(c)
				on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Delete, Table: "kin", Pins: pin("k", own("k"))}))(c)
			},
			write: writes(deleteU), want: "k: rule-wide; id: rule-wide; kc: rule-wide; u: exact u:1; kin: exact after reading 1 read",
		},
		{
			name: "read after it, and a trigger changes what it has assigned itself", reading: after,
			write: writes(moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: append(set("c", one), set("x", one)...), Source: "one"}),
			edit:  on("t", moneyclip.Trigger{Op: moneyclip.Update, Of: []string{"x"}, Writes: []moneyclip.Write{{Op: moneyclip.Update, Table: "t", Pins: pin("id", one), Set: set("c", two)}}}),
			want:  "k: rule-wide; id: rule-wide; kc: rule-wide",
		},

		// Rows that are read after the statement.
		{name: "read after it", write: writes(updateC), reading: after, want: "k: exact after reading 1 read; id: exact after reading 1 read; kc: exact after reading 1 read"},
		{
			name: "read after it, and a trigger deletes some", write: writes(updateC), reading: after, edit: on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Delete, Table: "t", Pins: pin("id", one)})),
			want: "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "read after it, and a trigger changes some", write: writes(updateC), reading: after,
			edit: on("t", trigger(moneyclip.Update, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("id", one), Set: set("c", two)})),
			want: "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "read after it, what a trigger does itself", reading: after, write: writes(deleteU),
			edit: on("u", trigger(moneyclip.Delete, moneyclip.Write{Op: moneyclip.Update, Table: "kin", Pins: pin("k", one), Set: set("id", two)})),
			want: "u: exact u:1; kin: exact after reading kin:2 1 read",
		},
		{
			name: "read after it, and another write has the same table", reading: after,
			write: writes(updateC, moneyclip.Write{Op: moneyclip.Update, Table: "t", Set: set("x", one), Source: "two"}), want: "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "read after it, and another write has another table", reading: after, write: writes(updateC, deleteU),
			want: "k: exact after reading 1 read; id: exact after reading 1 read; kc: exact after reading 1 read; u: exact u:1",
		},
		{
			name: "read after it, what is not sound anyway", write: writes(updateC), want: "k: rule-wide; id: rule-wide; kc: rule-wide",
			reading: func(*moneyclip.Write, []string, []string) (moneyclip.Reading, bool) {
				return moneyclip.Reading{After: moneyclip.Query{Text: "after"}}, false
			},
		},
		{
			name: "an upsert by columns that no key has, which a trigger moves", reading: before,
			edit: on("t", trigger(moneyclip.Insert, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("id", two), Set: set("c", one)})),
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"id", "k", "c"}, Rows: [][]moneyclip.Value{{one, one, one}},
				Conflict: &moneyclip.Conflict{Target: []string{"c"}, Set: set("x", one)}, Source: "one"}),
			want: "k: rule-wide; id: rule-wide; kc: rule-wide",
		},
		{
			name: "an upsert by a key, where a trigger moves an odd one", reading: before,
			edit: func(c *moneyclip.Catalog) {
				c.Tables["t"].Unique = append(c.Tables["t"].Unique, moneyclip.UniqueKey{Odd: true})
				on("t", trigger(moneyclip.Insert, moneyclip.Write{Op: moneyclip.Update, Table: "t", Pins: pin("id", two), Set: set("x", one)}))(c)
			},
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"id", "k", "c"}, Rows: [][]moneyclip.Value{{one, one, one}},
				Conflict: &moneyclip.Conflict{Target: []string{"id"}, Set: set("x", one)}, Source: "one"}),
			want: "k: rule-wide; id: exact id:1 id:2; kc: rule-wide",
		},
		{
			name: "an upsert by a key, where there is an odd one", reading: before,
			edit: func(c *moneyclip.Catalog) {
				c.Tables["t"].Unique = append(c.Tables["t"].Unique, moneyclip.UniqueKey{Odd: true})
			},
			write: writes(moneyclip.Write{Op: moneyclip.Insert, Table: "t", Columns: []string{"id", "k", "c"}, Rows: [][]moneyclip.Value{{one, one, null}},
				Conflict: &moneyclip.Conflict{Target: []string{"id"}, Set: set("x", one)}, Source: "one"}),
			want: "k: exact after reading k:1 1 read; id: exact id:1; kc: exact after reading 1 read",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := worded{sqlite.Dialect, test.edit, map[string]moneyclip.Statement{"WRITE": test.write}, test.reading}
			if got := explain(t, d, schema, rules, "WRITE", test.args...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// kindred makes a table of two others, as partitions do.
func kindred(c *moneyclip.Catalog) {
	c.Tables["kin"].Kin = []string{"kin1", "kin2"}
	c.Tables["kin1"].Kin = []string{"kin"}
	c.Tables["kin2"].Kin = []string{"kin"}
}

// A write that drops every key of a rule anyway reads nothing for it.
func TestEffectsReadNothingInVain(t *testing.T) {
	t.Parallel()
	f := open(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT); INSERT INTO t VALUES (1, 1, 0)", moneyclip.Config{
		Rules: []moneyclip.Rule{{Key: "k:%v", Table: "t", By: []string{"k"}}},
	})
	write := "UPDATE t SET k = '" + strings.Repeat("x", 5000) + "' WHERE c = 1"
	f.sent()
	exec(t, f, write)
	f.wantSent(t, write)
}

// A name with a schema is in another database, where names have no schemas: nothing is known of what is stored of that.
func TestEffectsOnAnotherDatabase(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		table   string
		edit    func(*moneyclip.Catalog)
		touched bool
	}{
		"another database's table":     {table: "other.t", touched: true},
		"an unknown table":             {table: "nowhere"},
		"a table of an unknown schema": {table: "other.t", edit: func(c *moneyclip.Catalog) { c.Path = []string{"main"} }},
	} {
		t.Run(name, func(t *testing.T) {
			const write = "UPDATE t SET k = k WHERE id = 0"
			d := worded{sqlite.Dialect, test.edit, map[string]moneyclip.Statement{
				write: {Kind: moneyclip.KindWrite, Writes: []moneyclip.Write{{Op: moneyclip.Update, Table: test.table, SetAll: true}}},
			}, nil}
			cache, err := moneyclip.New(d, moneyclip.Config{
				Rules: []moneyclip.Rule{{Name: "id", Key: "id:%d", Table: "t", By: []string{"id"}}}, Logger: new(logged).logger(),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			var both [2]*sql.DB
			for i := range both {
				dsn := "file:" + filepath.Join(t.TempDir(), "test.db") + "?_journal=MEMORY&_sync=OFF"
				connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(dsn)
				if err != nil {
					t.Fatal(err)
				}
				both[i] = sql.OpenDB(connector)
				defer both[i].Close()
				exec(t, both[i], "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT)")
				exec(t, both[i], "INSERT INTO t VALUES (1, 1)")
			}
			read := func() (hit bool) {
				before := cache.Stats().Hits
				readRow(t, both[1], "SELECT * FROM t WHERE id = ?", 1)
				return cache.Stats().Hits > before
			}
			read()
			if !read() {
				t.Fatal("the row is not stored")
			}
			exec(t, both[0], write)
			if touched := !read(); touched != test.touched {
				t.Errorf("another database's row was dropped: %t, want %t", touched, test.touched)
			}
		})
	}
}
