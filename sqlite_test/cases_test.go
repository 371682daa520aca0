package sqlite_test

import (
	"math"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// TestCases are scripts that random ones come upon too seldom.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		ddl    []string
		rule   moneyclip.Rule
		probe  string
		args   []any
		writes []string
	}{
		{
			name: "a trigger changes the rows that the statement has yet to change",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)",
				"CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3; END",
			},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe: "SELECT count(*) FROM t WHERE k = ?",
			args:  []any{1, 2, 3, 4, 5, 6, 7},
			writes: []string{
				"INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)", "UPDATE t SET k = k + 1, c = 1 WHERE id IN (1, 2)",
			},
		},
		{
			name: "a trigger frees the number that the new row takes",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, g INT AS (a + 1))",
				"CREATE TRIGGER r BEFORE INSERT ON t BEGIN DELETE FROM t WHERE g = 4; END",
			},
			rule:  moneyclip.Rule{Key: "g:%d", Query: "SELECT count(*) FROM t WHERE g = ?"},
			probe: "SELECT count(*) FROM t WHERE g = ?",
			args:  []any{1, 2, 3, 4, 5, 6, 7, 8, 9},
			writes: []string{
				"INSERT INTO t VALUES (1, 1), (2, 2)", "INSERT INTO t VALUES (3, 3)",
				"INSERT INTO t (a) VALUES (7)",
			},
		},
		{
			name: "a trigger moves one half of a key",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)",
				"CREATE TRIGGER r BEFORE UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3 AND c = 0; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}},
			probe:  "SELECT count(*) FROM t WHERE k = ? AND c = 1",
			args:   []any{1, 3, 5},
			writes: []string{"INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)", "UPDATE t SET c = 1 WHERE k = 3 AND c = 0"},
		},
		{
			name: "a trigger moves one half of a key of rows that are read",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)",
				"CREATE TRIGGER r AFTER UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3 AND c = 0; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}, NotFound: time.Hour},
			probe:  "SELECT * FROM t WHERE k = ? AND c = 1",
			args:   []any{1, 2, 3, 5},
			writes: []string{"INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)", "UPDATE t SET c = 1 WHERE id IN (1, 2)"},
		},
		{
			name: "a trigger of a trigger makes the row that an upsert meets",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE, k INT, c INT)", "CREATE TABLE u (x INT)",
				"CREATE TRIGGER r BEFORE INSERT ON t BEGIN INSERT INTO u VALUES (NEW.a); END",
				"CREATE TRIGGER q AFTER INSERT ON u BEGIN INSERT OR IGNORE INTO t (a, k, c) VALUES (NEW.x, 3, 0); END",
			},
			rule:   moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}, NotFound: time.Hour},
			probe:  "SELECT a FROM t WHERE k = ? AND c = 5",
			args:   []any{1, 3},
			writes: []string{"INSERT INTO t (a, k, c) VALUES (7, 1, 1) ON CONFLICT (a) DO UPDATE SET c = 5"},
		},
		{
			name: "a foreign key moves one half of a key",
			ddl: []string{
				"CREATE TABLE p (id INTEGER PRIMARY KEY)",
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER REFERENCES p ON UPDATE CASCADE, c INT)",
				"CREATE TRIGGER r BEFORE UPDATE OF c ON t BEGIN UPDATE p SET id = 5 WHERE id = 3; END",
			},
			rule:  moneyclip.Rule{Key: "k:%d-%d", Table: "t", By: []string{"k", "c"}},
			probe: "SELECT count(*) FROM t WHERE k = ? AND c = 1",
			args:  []any{1, 3, 5},
			writes: []string{
				"INSERT INTO p VALUES (1), (3)", "INSERT INTO t VALUES (1, 1, 0), (2, 3, 0)",
				"UPDATE t SET c = 1 WHERE k = 3 AND c = 0",
			},
		},
		{
			name: "a trigger before changes what the one after sees",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, c INT)", "CREATE TABLE u (id INTEGER PRIMARY KEY, k INT)",
				"CREATE TRIGGER r BEFORE UPDATE OF c ON t BEGIN UPDATE t SET k = 5 WHERE k = 3; END",
				"CREATE TRIGGER q AFTER UPDATE OF c ON t BEGIN DELETE FROM u WHERE k = NEW.k; END",
			},
			rule:  moneyclip.Rule{Key: "u:%d", Query: "SELECT count(*) FROM u WHERE k = ?"},
			probe: "SELECT count(*) FROM u WHERE k = ?",
			args:  []any{3, 5},
			writes: []string{
				"INSERT INTO u VALUES (1, 3), (2, 5)", "INSERT INTO t VALUES (2, 3, 0)",
				"UPDATE t SET c = 1 WHERE id = 2",
			},
		},
		{
			name: "a trigger of a trigger brings a row into the way of REPLACE",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE, k INT)", "CREATE TABLE u (x INT)",
				"CREATE TRIGGER r BEFORE INSERT ON t BEGIN INSERT INTO u VALUES (NEW.a); END",
				"CREATE TRIGGER q AFTER INSERT ON u BEGIN UPDATE t SET a = NEW.x WHERE a = 9; END",
			},
			rule:   moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe:  "SELECT count(*) FROM t WHERE k = ?",
			args:   []any{1, 2},
			writes: []string{"INSERT INTO t VALUES (1, 9, 2)", "REPLACE INTO t (a, k) VALUES (7, 1)"},
		},
		{
			name: "a foreign key brings a row into the way of REPLACE",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER DEFAULT 7 UNIQUE REFERENCES t (id) ON DELETE SET DEFAULT, k INT)",
			},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe: "SELECT count(*) FROM t WHERE k = ?",
			args:  []any{1, 2, 3, 4},
			writes: []string{"INSERT INTO t VALUES (7, NULL, 1), (1, NULL, 1)", "INSERT INTO t VALUES (2, 1, 2)",
				"REPLACE INTO t (id, a, k) VALUES (1, NULL, 3), (9, 7, 4)"},
		},
		{
			name:  "NULL becomes the default by the column's own REPLACE",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL ON CONFLICT REPLACE DEFAULT 7)"},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe: "SELECT count(*) FROM t WHERE k = ?",
			args:  []any{1, 7},
			writes: []string{"INSERT INTO t VALUES (1, NULL), (2, 1)", "UPDATE t SET k = NULL WHERE id = 2",
				"INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET k = 1", "INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET k = NULL"},
		},
		{
			name:  "NULL becomes the default by the statement's REPLACE",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT NOT NULL DEFAULT 7)"},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe: "SELECT count(*) FROM t WHERE k = ?",
			args:  []any{1, 7},
			writes: []string{
				"INSERT INTO t VALUES (1, 1), (2, 1)", "UPDATE OR REPLACE t SET k = NULL WHERE id = 2",
				"INSERT OR REPLACE INTO t VALUES (4, NULL)",
			},
		},
		{
			name: "NULL of a foreign key becomes the default",
			ddl: []string{
				"CREATE TABLE p (id INTEGER PRIMARY KEY)",
				"CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 7 REFERENCES p ON DELETE SET NULL ON UPDATE SET NULL)",
			},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM t WHERE k = ?"},
			probe: "SELECT count(*) FROM t WHERE k = ?",
			args:  []any{1, 2, 7},
			writes: []string{
				"INSERT INTO p VALUES (1), (2), (7)", "INSERT INTO t VALUES (1, 1), (2, 2)",
				"DELETE FROM p WHERE id = 1", "UPDATE p SET id = 3 WHERE id = 2",
			},
		},
		{
			name: "a trigger takes over the statement's REPLACE",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE u (id INTEGER PRIMARY KEY, k INT NOT NULL DEFAULT 7)",
				"CREATE TRIGGER r AFTER INSERT ON t WHEN NEW.id < 10 BEGIN INSERT INTO u VALUES (NEW.id, 5); END",
				"CREATE TRIGGER q AFTER INSERT ON t WHEN NEW.id > 10 BEGIN UPDATE u SET k = NULL WHERE id = NEW.id - 10; END",
				"CREATE TRIGGER s AFTER UPDATE ON t BEGIN UPDATE u SET id = NEW.id WHERE id = OLD.id; END",
			},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*) FROM u WHERE k = ?"},
			probe: "SELECT count(*) FROM u WHERE k = ?",
			args:  []any{2, 3, 5, 7},
			writes: []string{
				"INSERT INTO u VALUES (1, 2), (2, 2), (3, 3)", "REPLACE INTO t VALUES (1)",
				"REPLACE INTO t VALUES (12)", "UPDATE OR REPLACE t SET id = 3 WHERE id = 1",
			},
		},
		{
			name:  "a column is assigned twice",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, a INT)"},
			rule:  moneyclip.Rule{Key: "k:%d", Query: "SELECT count(*), total(a) FROM t WHERE k = ?"},
			probe: "SELECT count(*), total(a) FROM t WHERE k = ?",
			args:  []any{1, 2, 3, 4, 5, 6, 7, 8},
			writes: []string{"INSERT INTO t VALUES (1, 1, 0), (2, 2, 0)", "UPDATE t SET k = 3, k = 4 WHERE id = 1",
				"UPDATE t SET (k, k) = (5, 6) WHERE id = 1",
				"INSERT INTO t (id, k, k) VALUES (3, 7, 8)", "INSERT INTO t (id, k) VALUES (3, 7) ON CONFLICT (id) DO UPDATE SET k = 1, k = 2"},
		},
		{
			name:  "collations of the other side",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, n TEXT COLLATE NOCASE, v)"},
			rule:  moneyclip.Rule{Key: "k:%s", Query: "SELECT count(*), total(v) FROM t WHERE k = ?"},
			probe: "SELECT count(*), total(v) FROM t WHERE k = ?",
			args:  []any{"a", "A", "b"},
			writes: []string{"INSERT INTO t VALUES (1, 'a', 'A', 0), (2, 'A', 'a', 0)",
				"UPDATE t SET v = 1 WHERE k = 'a' COLLATE NOCASE", "UPDATE t SET v = 2 WHERE n = k AND n = 'A'",
				"UPDATE t SET v = 3 WHERE k = n AND k = 'A'", "UPDATE t SET v = 4 WHERE n = 'a' AND k = n", "UPDATE t SET v = 5 WHERE 'A' COLLATE NOCASE = k", "DELETE FROM t WHERE (k COLLATE NOCASE) IN ('A')"},
		},
		{
			name:  "two clauses for one conflict target",
			ddl:   []string{"CREATE TABLE t (id INTEGER PRIMARY KEY, b TEXT)"},
			rule:  moneyclip.Rule{Key: "t:%d", Table: "t", By: []string{"id"}, NotFound: time.Hour},
			probe: "SELECT * FROM t WHERE id = ?",
			args:  []any{1, 2, 3, 4, 5},
			writes: []string{
				"INSERT INTO t VALUES (2, 'A')",
				"INSERT INTO t (id, b) VALUES (2, 'a') ON CONFLICT (id) DO UPDATE SET id = id + 1 ON CONFLICT (id) DO UPDATE SET id = 2",
				"INSERT INTO t (id, b) VALUES (3, 'a') ON CONFLICT (id) DO UPDATE SET id = 4 ON CONFLICT DO UPDATE SET id = 5",
			},
		},
		{
			name: "a trigger of a trigger deletes what was numbered",
			ddl: []string{
				"CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)", "CREATE TABLE u (x)",
				"CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO u VALUES (NEW.a); END",
				"CREATE TRIGGER q AFTER INSERT ON u BEGIN DELETE FROM t WHERE a = NEW.x; END",
			},
			rule:  moneyclip.Rule{Key: "t:%d", Table: "t", By: []string{"id"}, NotFound: time.Hour},
			probe: "SELECT * FROM t WHERE id = ?",
			args:  []any{1, 2, 3, 4},
			writes: []string{
				"INSERT INTO t (a) VALUES (1), (2)", "INSERT INTO u VALUES (2)", "INSERT INTO t VALUES (4, 4)",
				"INSERT INTO t (a) VALUES (4), (5)",
			},
		},
		{
			name:  "values that are equal as numbers",
			ddl:   []string{"CREATE TABLE t (id NUMERIC UNIQUE, a)"},
			rule:  moneyclip.Rule{Key: "t:%v", Table: "t", By: []string{"id"}, NotFound: time.Hour},
			probe: "SELECT * FROM t WHERE id = ?",
			args: []any{
				1000, "1e3", "1000.0", 1e3, "+1000", " 1000 ", "0x3e8", "1_000", 9007199254740993,
				9007199254740992.0, "9007199254740993", "-0", 0, math.Copysign(0, -1),
			},
			writes: []string{"INSERT INTO t VALUES ('1e3', 1)", "UPDATE t SET a = 2 WHERE id = '1000.00'",
				"DELETE FROM t WHERE id = '1.e3'",
				"INSERT INTO t VALUES ('9007199254740993', 1)", "DELETE FROM t WHERE id = 9007199254740993", "INSERT INTO t VALUES (9007199254740992.0, 1)",
				"INSERT INTO t VALUES ('-0', 1)", "UPDATE t SET a = 3 WHERE id = -0.0", "INSERT INTO t VALUES (' 0x3e8', 1)", "INSERT INTO t VALUES ('1000 ', 5)"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			propertytest.Case(t, newDatabase(t), test.ddl, test.rule, test.probe, test.args, test.writes)
		})
	}
}
