package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

func TestCatalog(t *testing.T) {
	c := catalogOf(t, shop())
	users, books := c.Tables["users"], c.Tables["books"]
	if users.Serial != "id" || !users.ZeroSerial || books.Serial != "" {
		t.Errorf("Serial of users, books = %q, %q", users.Serial, books.Serial)
	}
	if got, want := fmt.Sprint(users.Unique, books.Unique), "[{[id] false} {[name] false}] [{[id] false} {[title] true}]"; got != want {
		t.Errorf("unique keys = %s, want %s", got, want)
	}
	wantKeys := []moneyclip.ForeignKey{
		{Child: "books", Columns: []string{"user_id"}, ParentColumns: []string{"id"}, OnDelete: moneyclip.Cascade, OnUpdate: moneyclip.SetNull},
		{Child: "other.pets", Columns: []string{"owner"}, ParentColumns: []string{"id"}, OnDelete: moneyclip.Cascade},
	}
	if fmt.Sprint(users.Keys) != fmt.Sprint(wantKeys) {
		t.Errorf("foreign keys = %v, want %v", users.Keys, wantKeys)
	}
	for _, tt := range []struct {
		table, column, typ, value string
		notNull, generated        bool
	}{
		{"users", "id", "int", "computed", true, false},
		{"users", "name", "varchar(20)", "computed", true, false}, // an empty text, where sql_mode is not strict
		{"users", "city", "varchar(20)", "<nil>", false, false},
		{"users", "changed", "datetime", "computed", false, false},
		{"books", "id", "bigint unsigned", "computed", true, false},
		{"books", "title", "varchar(20)", `"it's"`, false, false},
		{"books", "pages", "int", "7", false, false},
		{"books", "twice", "int", "computed", false, true},
	} {
		col := c.Tables[tt.table].Column(tt.column)
		if col.Type != tt.typ || shown(col.Default) != tt.value || col.NotNull != tt.notNull || col.Generated != tt.generated {
			t.Errorf("%s.%s = %+v, want %+v", tt.table, tt.column, *col, tt)
		}
	}
	if users.Column("name").Class == users.Column("city").Class {
		t.Error("one class for two collations")
	}
	for name, want := range map[string]bool{"users": false, "old": true, "seq": true, "names": false, "calling": true, "hidden": true} {
		if got := c.Tables[name].Opaque != ""; got != want {
			t.Errorf("%s is opaque: %q, want so: %v", name, c.Tables[name].Opaque, want)
		}
	}
	if c.Tables["odd.name"] != nil {
		t.Error("a table with a dot in its name looks like one of another database")
	}
}

// MySQL shows defaults as they are, and says which are computed.
func TestDefaults(t *testing.T) {
	a := shop()
	a[databaseQuery] = table("shop|0|8.4.0")
	a[columnsQuery] = table("users|a|varchar(9)|utf8mb4_bin|YES|it's|", "users|b|int|-|YES|5|", "users|c|datetime|-|YES|CURRENT_TIMESTAMP|DEFAULT_GENERATED",
		"users|d|varchar(9)|utf8mb4_bin|YES|-|", "users|e|int|-|NO|-|", "users|f|varchar(9)|utf8mb4_bin|YES|uuid()|DEFAULT_GENERATED",
		"users|g|decimal(3,1)|-|YES|1.5|", "users|h|varchar(9)|utf8mb4_bin|YES|NULL|")
	c := catalogOf(t, a)
	var got []string
	for _, col := range c.Tables["users"].Columns {
		got = append(got, shown(col.Default))
	}
	want := []string{`"it's"`, "5", "computed", "<nil>", "computed", "computed", "computed", `"NULL"`}
	if !slices.Equal(got, want) {
		t.Errorf("defaults = %q, want %q", got, want)
	}
}

func TestDigest(t *testing.T) {
	first := catalogOf(t, shop()).Digest
	if first != catalogOf(t, shop()).Digest {
		t.Error("two digests of one schema")
	}
	for query := range shop() {
		if query == grantsQuery {
			continue
		}
		a := shop()
		last := a[query][len(a[query])-1]
		last[len(last)-1] = []byte("something else")
		if catalogOf(t, a).Digest == first {
			t.Errorf("one digest although this says something else: %s", query)
		}
	}
}

func TestCatalogFails(t *testing.T) {
	broken := errors.New("it broke")
	for failing := range shop() {
		ask := func(ctx context.Context, query string, args ...driver.Value) ([][]driver.Value, error) {
			if query == failing {
				return nil, broken
			}
			return shop().ask(ctx, query, args...)
		}
		_, err := Dialect.Catalog(t.Context(), ask)
		if failing == grantsQuery {
			if err != nil {
				t.Errorf("without grants: %v", err)
			}
		} else if !errors.Is(err, broken) {
			t.Errorf("Catalog = %v where this fails: %s", err, failing)
		}
	}
}

// opaqueTriggers counts the triggers of which nothing is known.
func opaqueTriggers(table *moneyclip.Table) int {
	n := 0
	for _, trigger := range table.Triggers {
		if trigger.Opaque != "" {
			n++
		}
	}
	return n
}

func TestGrants(t *testing.T) {
	for grant, sees := range map[string]bool{
		"GRANT ALL PRIVILEGES ON *.* TO `a`@`b`":                      true,
		"GRANT SELECT, TRIGGER, INSERT ON `shop`.* TO `a`@`b`":        true,
		"GRANT TRIGGER ON `sh%`.* TO `a`@`b`":                         true,
		"GRANT TRIGGER ON `s_op`.* TO `a`@`b`":                        true,
		`GRANT TRIGGER ON ` + "`s\\_op`.* TO `a`@`b`":                 false,
		"GRANT TRIGGER ON `shop`.`log` TO `a`@`b`":                    true,
		"GRANT TRIGGER ON `shop`.`users` TO `a`@`b`":                  false,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON `shop`.* TO `a`@`b`": false,
		"GRANT SELECT (`TRIGGER`) ON `shop`.`log` TO `a`@`b`":         false,
		"GRANT USAGE ON *.* TO `a`@`b`":                               false,
		"REVOKE TRIGGER ON `shop`.* FROM `a`@`b`":                     false,
		"GRANT `TRIGGER`@`%` TO `a`@`b`":                              false,
		"GRANT TRIGGER ON `shopping`.* TO `a`@`b`":                    false,
	} {
		a := shop()
		a[grantsQuery] = table(grant)
		if got := opaqueTriggers(catalogOf(t, a).Tables["log"]) == 0; got != sees {
			t.Errorf("with %s the triggers are seen: %v, want %v", grant, got, sees)
		}
	}
}

func TestBodies(t *testing.T) {
	for body, want := range map[string]string{
		"INSERT INTO log (what) VALUES (OLD.title)":                                                                              "INSERT log (what)(old.title)",
		"BEGIN UPDATE users SET city = OLD.title WHERE id = OLD.user_id; DELETE FROM log; END":                                   "UPDATE users[id=old.user_id] set(city:computed); DELETE log",
		"BEGIN DECLARE id INT DEFAULT 5; DELETE FROM users WHERE id = 5; END":                                                    "DELETE users", // of the variable
		"BEGIN DECLARE x INT DEFAULT 5; DELETE FROM users WHERE id = x; END":                                                     "DELETE users",
		"IF OLD.pages > 1 THEN DELETE FROM log; ELSEIF 1 THEN UPDATE log SET what = 'x'; ELSE INSERT INTO log VALUES (); END IF": `DELETE log; UPDATE log set(what:"x"); INSERT log ()()`,
		"BEGIN DECLARE CONTINUE HANDLER FOR SQLEXCEPTION DELETE FROM log; END":                                                   "DELETE log",
		"BEGIN DECLARE c CURSOR FOR SELECT id FROM users; OPEN c; l: LOOP LEAVE l; END LOOP; CLOSE c; END":                       "",
		"BEGIN WHILE 1 DO DELETE FROM log; END WHILE; REPEAT UPDATE log SET id = 1; UNTIL 1 END REPEAT; END":                     "DELETE log; UPDATE log set(id:1)",
		"CASE OLD.id WHEN 1 THEN DELETE FROM log; ELSE DELETE FROM users; END CASE":                                              "DELETE log; DELETE users",
		"SIGNAL SQLSTATE '45000'": "",
		"SET @x = OLD.id":         "",
		"BEGIN DECLARE n INT; SELECT count(*) INTO n FROM users; SET n = n + 1; END": "",
		"SET sql_mode = ''":                            "opaque",
		"SET @x = f(1)":                                "opaque",
		"BEGIN DECLARE x INT DEFAULT f(1); END":        "opaque",
		"IF f(1) THEN DELETE FROM log; END IF":         "opaque",
		"CALL p()":                                     "opaque",
		"BEGIN CALL p(); END":                          "opaque",
		"INSERT INTO log (what) SELECT x FROM calling": "opaque",
		"DELETE /*! IGNORE */ FROM log":                "opaque",
		"DELETE FROM log WHERE":                        "opaque",
		"UPDATE names SET called = 'x'":                `UPDATE users set(name:"x")`,

		"l: BEGIN DELETE FROM log; END l":                                                           "DELETE log",
		"l: LOOP DELETE FROM log; LEAVE l; END LOOP":                                                "DELETE log",
		"CASE WHEN 1 THEN DELETE FROM log; ELSE DELETE FROM users; END CASE":                        "DELETE log; DELETE users",
		"BEGIN DECLARE c CURSOR FOR SELECT id FROM users; DECLARE x INT; FETCH c INTO x; END":       "",
		"BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION RESIGNAL; GET DIAGNOSTICS @a = NUMBER; END":    "",
		"BEGIN DECLARE id INT; DELETE FROM users WHERE users.id = OLD.user_id; END":                 "DELETE users[id=old.user_id]",
		"IF 1 THEN BEGIN DECLARE id INT; DELETE FROM users WHERE id = 5; END; END IF":               "DELETE users",
		"CASE 1 WHEN 1 THEN BEGIN DECLARE id INT; DELETE FROM users WHERE id = 5; END; END CASE":    "DELETE users",
		"CASE WHEN 1 THEN BEGIN DECLARE id INT; DELETE FROM users WHERE id = 5; END; END CASE":      "DELETE users",
		"l: LOOP BEGIN DECLARE id INT; DELETE FROM users WHERE id = 5; END; END LOOP":               "DELETE users",
		"INSERT INTO log (what) WITH calling AS (SELECT 'a' AS x) SELECT x FROM calling":            "INSERT log (what)",
		"WITH calling AS (SELECT 1 AS x) DELETE FROM log WHERE id IN (SELECT x FROM calling)":       "DELETE log",
		"WITH calling AS (SELECT 1 AS x) UPDATE log SET id = 1 WHERE id IN (SELECT x FROM calling)": "UPDATE log set(id:1)",
		"BEGIN DECLARE n INT; WITH calling AS (SELECT 1 AS x) SELECT x INTO n FROM calling; END":    "",
		"WHILE f(1) DO SET @x = 1; END WHILE":                                                       "opaque",
		"REPEAT SET @x = 1; UNTIL f(1) END REPEAT":                                                  "opaque",
		"CASE f(1) WHEN 1 THEN SET @x = 1; END CASE":                                                "opaque",
		"CASE OLD.id WHEN f(1) THEN SET @x = 1; END CASE":                                           "opaque",
		"CASE WHEN f(1) THEN SET @x = 1; END CASE":                                                  "opaque",
		"BEGIN DECLARE c CURSOR FOR SELECT f(1); END":                                               "opaque",
		"BEGIN DECLARE c CURSOR FOR SELECT f(1) UNION SELECT 2; END":                                "opaque",
		"BEGIN DECLARE c CURSOR FOR SELECT id FROM users UNION SELECT 2; END":                       "",
		"DO f(1)":                            "opaque",
		"SELECT f(1) INTO @x":                "opaque",
		"DELETE x FROM log l":                "opaque",
		"INSERT INTO log () SELECT 1":        "opaque",
		"DELETE FROM log; DELETE FROM users": "opaque",
		"SET NAMES utf8":                     "opaque",
		"SET CHARACTER SET utf8":             "opaque",
		"CREATE TABLE x (a INT)":             "opaque",
	} {
		a := shop()
		a[triggersQuery] = [][]driver.Value{{"books", "DELETE", "AFTER", body, "", "shop"}}
		trigger := catalogOf(t, a).Tables["books"].Triggers[0]
		var all []string
		for _, w := range trigger.Writes {
			if w.Source != nil {
				t.Errorf("%s: what a body writes is taken for readable", body)
			}
			all = append(all, write(w))
		}
		got := strings.Join(all, "; ")
		if trigger.Opaque != "" {
			got = "opaque"
		}
		if got != want || trigger.Op != moneyclip.Delete {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

// A write to a view of one table is one to the table, as far as the view's columns are the table's.
func TestViewWrites(t *testing.T) {
	a := shop()
	a[tablesQuery] = append(a[tablesQuery], table("loud|VIEW|-", "above|VIEW|-")...)
	a[columnsQuery] = append(a[columnsQuery], table("loud|id|int(11)|-|NO|0|", "loud|town|varchar(20)|utf8mb4_bin|YES|NULL|",
		"loud|upper|varchar(20)|utf8mb4_bin|YES|NULL|", "above|n|int(11)|-|NO|0|")...)
	a[viewsQuery] = append(a[viewsQuery], table(
		"loud|select `shop`.`users`.`id` AS `id`,`shop`.`users`.`city` AS `town`,upper(`shop`.`users`.`Name`) AS `upper` from `shop`.`users`",
		"above|select `shop`.`loud`.`id` AS `n` from `shop`.`loud`")...)
	catalog := catalogOf(t, a)
	for query, want := range map[string]string{
		"UPDATE loud SET town = ? WHERE id = ?":                                            "write UPDATE users set(city:?1)",
		"UPDATE loud SET upper = 'x'":                                                      "write UPDATE users set-all set(:\"x\")",
		"DELETE FROM loud WHERE id = ?":                                                    "write DELETE users",
		"DELETE FROM above":                                                                "write DELETE users",
		"INSERT INTO loud (id, town) VALUES (1, 'x')":                                      `write INSERT users (id city)(1 "x")`,
		"INSERT INTO loud (id, upper) VALUES (1, 'x')":                                     "write INSERT users",
		"REPLACE INTO loud (id, town) VALUES (1, 'x')":                                     `write INSERT users replace (id city)(1 "x")`,
		"INSERT INTO loud (id) VALUES (1) ON DUPLICATE KEY UPDATE town = VALUES(town)":     "write INSERT users (id)(1) conflict(city:excluded.city)",
		"INSERT INTO loud (id) VALUES (1) ON DUPLICATE KEY UPDATE town = VALUES(upper)":    "write INSERT users (id)(1) conflict(city:computed)",
		"INSERT INTO loud (id) VALUES (1) ON DUPLICATE KEY UPDATE upper = 'x'":             "write ANY",
		"INSERT INTO loud (id) VALUES (1) ON DUPLICATE KEY UPDATE upper = 'x', town = 'y'": "write ANY",
		"INSERT INTO pairs (id) VALUES (1)":                                                "write ANY",
	} {
		s := Dialect.Analyze(query, catalog)
		s.Doubtful, s.Uncacheable = "", ""
		if got := describe(s); got != want {
			t.Errorf("%s\n got %s\nwant %s", query, got, want)
		}
	}
}

func TestTriggers(t *testing.T) {
	one := func(timing, body, mode, schema string) moneyclip.Trigger {
		a := shop()
		a[triggersQuery] = [][]driver.Value{{"books", "INSERT", timing, body, mode, schema}}
		return catalogOf(t, a).Tables["books"].Triggers[0]
	}
	if got := one("BEFORE", "BEGIN SET NEW.title = 'x', new.`Pages` = 1; SET NEW.title = 'y'; END", "", "shop"); !slices.Equal(got.Sets, []string{"pages", "title"}) || got.SetsAll {
		t.Errorf("Sets = %q, %v", got.Sets, got.SetsAll)
	}
	for _, got := range []moneyclip.Trigger{
		one("BEFORE", "SET NEW.title = f(1)", "", "shop"), one("BEFORE", "SET NEW.title = 'x'", "STRICT_TRANS_TABLES,ANSI_QUOTES", "shop"),
		one("BEFORE", "SET NEW.title = 'x'", "", "other"),
	} {
		if got.Opaque == "" || !got.SetsAll {
			t.Errorf("a trigger is taken for understood: %+v", got)
		}
	}
	// The row's own number and what is computed from it are not there before it is written.
	if got := write(one("BEFORE", "INSERT INTO log (what, id) VALUES (NEW.title, NEW.twice)", "", "shop").Writes[0]); got != "INSERT log (what id)(new.title computed)" {
		t.Errorf("a BEFORE trigger writes %s", got)
	}
	if got := write(one("AFTER", "INSERT INTO log (what, id) VALUES (NEW.title, NEW.twice)", "", "shop").Writes[0]); got != "INSERT log (what id)(new.title new.twice)" {
		t.Errorf("an AFTER trigger writes %s", got)
	}
}
