package writes

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
	pg "github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A scene is a schema of PostgreSQL with a select that is cached, and statements which once left something stale there, or
// might.
type scene struct {
	about  string
	since  int // the version that has what it is about
	until  int // the last that has it; 0: it is there yet
	schema string
	read   string
	args   []any
	steps  []string // each compared with what it does to a database without the cache
	never  bool     // the select is left to the database
}

const numbers = `CREATE TABLE kv (id int PRIMARY KEY, k int, v int); INSERT INTO kv VALUES (1, 10, 0), (2, 20, 0), (3, 30, 0); CREATE TABLE log (id int);`

var scenes = []scene{
	{
		about: "what a MERGE returns", since: 17,
		schema: numbers + `CREATE FUNCTION bump(int) RETURNS int LANGUAGE sql AS 'UPDATE public.kv SET v = v + 1 WHERE id = $1; SELECT 1'`,
		read:   "SELECT v FROM kv WHERE id = $1", args: []any{1, 2, 3, 5},
		steps: []string{
			"MERGE INTO log USING (VALUES (1)) AS n (id) ON log.id = n.id WHEN NOT MATCHED THEN INSERT VALUES (n.id) RETURNING bump(2)",
			"MERGE INTO log USING (VALUES (1)) AS n (id) ON log.id = n.id WHEN MATCHED AND bump(2) = 1 THEN DO NOTHING",
			"MERGE INTO kv USING (VALUES (1, 5), (5, 6)) AS n (id, v) ON kv.id = n.id WHEN MATCHED THEN UPDATE SET v = n.v " +
				"WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.id, n.v) RETURNING merge_action(), kv.*",
			"MERGE INTO kv USING (VALUES (1)) AS n (id) ON kv.id = n.id WHEN NOT MATCHED BY SOURCE AND kv.id = 2 THEN UPDATE SET v = 9",
			"WITH x AS (MERGE INTO kv USING (VALUES (1)) AS n (id) ON kv.id = n.id WHEN MATCHED THEN UPDATE SET v = 44 RETURNING kv.id) SELECT * FROM x",
			"WITH x AS (SELECT 3 AS id), y AS (MERGE INTO kv USING x ON kv.id = x.id WHEN MATCHED THEN UPDATE SET v = 45 RETURNING kv.id) " +
				"UPDATE kv SET v = 46 WHERE id = 2 RETURNING v",
			"WITH x AS (MERGE INTO log USING (VALUES (7)) AS n (id) ON log.id = n.id WHEN NOT MATCHED THEN INSERT VALUES (n.id) RETURNING bump(1)) SELECT * FROM x",
		},
	},
	{
		about: "MERGE by a trigger and by functions", since: 17,
		schema: numbers + `CREATE FUNCTION mt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				MERGE INTO kv USING (VALUES (NEW.id)) AS n (id) ON kv.id = n.id WHEN MATCHED THEN UPDATE SET v = v + 1; RETURN NEW; END $$;
			CREATE TRIGGER mt AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION mt();
			CREATE FUNCTION m1() RETURNS SETOF int LANGUAGE sql AS
				'MERGE INTO kv USING (VALUES (1)) AS n (id) ON kv.id = n.id WHEN MATCHED THEN UPDATE SET v = v + 1 RETURNING v';
			CREATE FUNCTION m2() RETURNS int LANGUAGE plpgsql AS $$ DECLARE x int; BEGIN
				MERGE INTO kv USING (VALUES (1)) AS n (id) ON kv.id = n.id WHEN MATCHED THEN UPDATE SET v = v + 1 RETURNING kv.v INTO x; RETURN x; END $$`,
		read: "SELECT v FROM kv WHERE id = $1", args: []any{1, 2},
		steps: []string{"INSERT INTO log VALUES (2)", "SELECT * FROM m1()", "SELECT m2()"},
	},
	{
		about: "MERGE into views", since: 17,
		schema: numbers + `CREATE VIEW plain AS SELECT id, v FROM kv; CREATE VIEW renamed WITH (security_invoker) AS SELECT id AS i, k, v AS w FROM kv WHERE v >= 0 WITH CHECK OPTION;
			CREATE VIEW fired AS SELECT id, v + 1 AS v FROM kv;
			CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE kv SET v = NEW.v + 7 WHERE id = OLD.id; RETURN NEW; END $$;
			CREATE TRIGGER f INSTEAD OF UPDATE ON fired FOR EACH ROW EXECUTE FUNCTION f()`,
		read: "SELECT v FROM kv WHERE id = $1", args: []any{1, 2, 5},
		steps: []string{
			"MERGE INTO plain USING (VALUES (1)) AS n (id) ON plain.id = n.id WHEN MATCHED THEN UPDATE SET v = 9 RETURNING merge_action(), plain.*",
			"MERGE INTO renamed USING (VALUES (1), (5)) AS n (id) ON renamed.i = n.id WHEN MATCHED THEN UPDATE SET w = 10 " +
				"WHEN NOT MATCHED THEN INSERT (i, k, w) VALUES (n.id, 0, 4) RETURNING merge_action(), renamed.*",
			"MERGE INTO fired USING (VALUES (2)) AS n (id) ON fired.id = n.id WHEN MATCHED THEN UPDATE SET v = 10 RETURNING merge_action(), fired.*",
		},
	},
	{
		about: "RETURNING of old and new rows", since: 18, schema: numbers, read: "SELECT count(*), sum(v) FROM kv WHERE k = $1", args: []any{10, 11, 20, 30, 31},
		steps: []string{
			"UPDATE kv SET v = v + 1 WHERE id < 3 RETURNING old.v, new.v, old.*",
			"UPDATE kv SET v = v + 1 WHERE id = 1 RETURNING WITH (OLD AS o, NEW AS n) o.v, n.v, *",
			"UPDATE kv AS old SET k = 11 WHERE id = 1 RETURNING old.k",
			"UPDATE kv AS new SET k = 10 WHERE id = 1 RETURNING WITH (NEW AS n) new.k, n.k",
			"DELETE FROM kv WHERE v = 0 RETURNING WITH (OLD AS o, NEW AS n) o.v, n.v, *",
			"INSERT INTO kv SELECT 3, 30, 5 RETURNING old.v, new.v, *",
			"INSERT INTO kv VALUES (3, 31, 7) ON CONFLICT (id) DO UPDATE SET k = excluded.k RETURNING WITH (OLD AS o) o.k, k",
			"WITH x AS (UPDATE kv SET v = 1 WHERE id = 3 RETURNING old.*) SELECT * FROM x",
			"WITH x AS (UPDATE kv SET k = 30 WHERE id = 3 RETURNING old.k AS o, k AS n) SELECT * FROM x",
			"WITH x AS (DELETE FROM kv WHERE id = 3 RETURNING old.k) INSERT INTO kv SELECT 3, 31, 1 FROM x RETURNING new.k",
			"MERGE INTO kv USING (VALUES (3)) AS n (id) ON kv.id = n.id WHEN MATCHED THEN UPDATE SET k = 30 RETURNING old.k, new.k, merge_action()",
		},
	},
	{
		about: "RETURNING of whole rows, and by way of WITH", since: 18, schema: numbers, read: "SELECT v FROM kv WHERE id = $1", args: []any{1, 2},
		steps: []string{
			"UPDATE kv SET v = 5 WHERE k = 10 RETURNING (old).v", "UPDATE kv SET v = 6 WHERE k = 10 RETURNING to_jsonb(old) ->> 'v', to_jsonb(new) ->> 'v'",
			"WITH x AS (UPDATE kv SET v = 7 WHERE k = 10 RETURNING WITH (NEW AS n) n.id) UPDATE kv SET v = 8 FROM x WHERE kv.k = 20 AND x.id = 1 RETURNING WITH (OLD AS o) o.v, kv.v",
			"INSERT INTO kv VALUES (1, 10, 11) ON CONFLICT (id) DO UPDATE SET v = excluded.v WHERE kv.v <> excluded.v RETURNING old.v IS NULL AS fresh, new.v",
			"UPDATE kv SET k = k RETURNING old.ctid IS NULL, new.tableoid::regclass::text",
		},
	},
	{
		about: "a table that is called old", since: 15,
		schema: `CREATE TABLE old (id int PRIMARY KEY, k int, v int); INSERT INTO old VALUES (1, 10, 0), (2, 20, 0); CREATE TABLE new (id int PRIMARY KEY, k int)`,
		read:   "SELECT count(*), sum(v) FROM old WHERE k = $1", args: []any{10, 11, 20},
		steps: []string{
			"UPDATE old SET k = 11 WHERE id = 1", "UPDATE old SET k = k - 1 WHERE v = 0 AND id = 1", "UPDATE old SET v = 1", "DELETE FROM old WHERE v = 1 AND id = 1", "INSERT INTO old SELECT 1, 10, 5",
			"WITH x AS (UPDATE old SET v = 2 WHERE id = 1 RETURNING *) SELECT * FROM x", "WITH x AS (DELETE FROM old WHERE v = 2 RETURNING *) INSERT INTO new SELECT id, k FROM x",
		},
	},
	{
		about: "a virtual column as the key", since: 18,
		schema: `CREATE TABLE g (id int PRIMARY KEY, a int, b int, vk int GENERATED ALWAYS AS (a * 10)); INSERT INTO g VALUES (1, 1, 0), (2, 2, 0), (3, 2, 0)`,
		read:   "SELECT count(*), sum(b) FROM g WHERE vk = $1", args: []any{5, 10, 20, 30, 40},
		steps: []string{
			"UPDATE g SET b = 1 WHERE id = 1", "UPDATE g SET b = b + 2 WHERE vk = 20", "UPDATE g SET a = a + 1 WHERE vk = 20",
			"INSERT INTO g VALUES (4, 4, 4)", "INSERT INTO g (id, a, b) SELECT 5, 4, 4 RETURNING *", "DELETE FROM g WHERE a = 4",
			"INSERT INTO g (id, a, b) VALUES (1, 1, 9) ON CONFLICT (id) DO UPDATE SET a = 2 RETURNING old.vk, new.vk",
			"MERGE INTO g USING (VALUES (1)) n (id) ON g.id = n.id WHEN MATCHED THEN UPDATE SET a = 4 RETURNING old.vk, new.vk",
			"WITH x AS (UPDATE g SET a = 1 WHERE id = 1 RETURNING *) SELECT * FROM x", "ALTER TABLE g ALTER COLUMN vk SET EXPRESSION AS (a * 5)",
		},
	},
	{
		about: "a virtual column that is read, and one of which a trigger sees nothing", since: 18,
		schema: numbers + `CREATE TABLE g (id int PRIMARY KEY, a int, vk int GENERATED ALWAYS AS (a * 10), s int GENERATED ALWAYS AS (a + 1) STORED); INSERT INTO g VALUES (1, 1);
			CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE kv SET v = v + 5 WHERE k = NEW.vk OR id = NEW.a; RETURN NEW; END $$;
			CREATE TRIGGER f AFTER INSERT OR UPDATE ON g FOR EACH ROW EXECUTE FUNCTION f()`,
		read: "SELECT g.vk, g.s, kv.v FROM g JOIN kv ON kv.id = g.id WHERE g.id = $1", args: []any{1, 2},
		steps: []string{
			"UPDATE g SET a = 2 WHERE id = 1", "INSERT INTO g VALUES (2, 2)", "UPDATE g SET a = a + 1 WHERE vk = 20",
			"ALTER TABLE g ALTER COLUMN vk SET EXPRESSION AS (a * 5)", "ALTER TABLE g ALTER COLUMN s SET EXPRESSION AS (a * 5)",
		},
	},
	{
		about: "a virtual column that a partition computes otherwise, as the key", since: 18, schema: parted,
		read: "SELECT count(*), sum(b) FROM p WHERE vk = $1", args: []any{10, 20, 30, 100, 300}, never: true,
		steps: []string{"UPDATE p1 SET b = 2 WHERE vk = 100", "INSERT INTO p1 VALUES (1, 1, 8)", "DELETE FROM p1 WHERE a = 1"},
	},
	{
		about: "the same that is read", since: 18, schema: parted, read: "SELECT vk, b FROM p1 WHERE a = $1", args: []any{1, 2, 3},
		steps: []string{"UPDATE p SET b = 2 WHERE vk = 10", "UPDATE p1 SET a = 2 WHERE vk = 100", "UPDATE p SET a = 3 WHERE id = 1", "INSERT INTO p VALUES (1, 1, 8)", "DELETE FROM p WHERE a = 1"},
	},
	{
		about: "a virtual column that all partitions compute alike, as the key", since: 18, schema: parted + "ALTER TABLE p1 ALTER COLUMN vk SET EXPRESSION AS (a * 10)",
		read: "SELECT count(*), sum(b) FROM p WHERE vk = $1", args: []any{10, 20, 30, 100, 300},
		steps: []string{"UPDATE p1 SET b = 2 WHERE vk = 10", "INSERT INTO p1 VALUES (1, 1, 8)", "DELETE FROM p1 WHERE a = 1", "UPDATE p SET a = 3"},
	},
	{
		about: "defaults of partitions by other ways", since: 15,
		schema: `CREATE DOMAIN nine AS int DEFAULT 9; CREATE TABLE p (id int UNIQUE, k nine, v int DEFAULT 1) PARTITION BY LIST (id);
			CREATE TABLE p1 PARTITION OF p (k DEFAULT 5) FOR VALUES IN (1); CREATE TABLE p2 (id int UNIQUE, k nine, v int); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2);
			CREATE VIEW w AS SELECT id, v FROM p1; CREATE TABLE x (id int);
			CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO p1 (id) VALUES (NEW.id); RETURN NEW; END $$;
			CREATE TRIGGER f BEFORE INSERT ON x FOR EACH ROW EXECUTE FUNCTION f()`,
		read: "SELECT count(*), sum(v) FROM p WHERE k = $1", args: []any{5, 6, 7, 9},
		steps: []string{
			"INSERT INTO p1 (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET v = 2", "INSERT INTO p1 (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET k = excluded.k + 1",
			"INSERT INTO p (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET k = excluded.k", "INSERT INTO p2 (id) VALUES (2)", "DELETE FROM p", "INSERT INTO w (id) VALUES (1)", "DELETE FROM p1", "INSERT INTO x VALUES (1)",
		},
	},
	{
		about: "a trigger that comes back to its row, of which an heir has another", since: 15,
		schema: `CREATE TABLE i (id int PRIMARY KEY, k int, v int DEFAULT 0, w int); CREATE TABLE heir () INHERITS (i); INSERT INTO i VALUES (1, 5); INSERT INTO heir VALUES (1, 9);
			CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE i SET v = v + 1 WHERE id = NEW.id; RETURN NULL; END $$;
			CREATE TRIGGER f AFTER UPDATE OF w ON i FOR EACH ROW EXECUTE FUNCTION f()`,
		read: "SELECT count(*), sum(v) FROM i WHERE k = $1", args: []any{5, 9},
		steps: []string{"UPDATE i SET w = 1 WHERE k = 5", "UPDATE ONLY i SET w = 2 WHERE id = 1", "INSERT INTO i VALUES (1, 10) ON CONFLICT (id) DO UPDATE SET k = 5, w = 3"},
	},
	{
		about: "constraints that are not enforced", since: 18,
		schema: `CREATE TABLE above (id int PRIMARY KEY, v int); CREATE TABLE below (id int PRIMARY KEY, a int, v int CHECK (v > 0) NOT ENFORCED);
			ALTER TABLE below ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES above ON DELETE CASCADE ON UPDATE CASCADE NOT ENFORCED;
			INSERT INTO above VALUES (1, 0), (2, 0), (3, 0); INSERT INTO below VALUES (1, 1, 0), (2, 2, 0), (3, 9, 0)`,
		read: "SELECT v, a FROM below WHERE id = $1", args: []any{1, 2, 3},
		steps: []string{
			"DELETE FROM above WHERE id = 1", "UPDATE above SET id = 5 WHERE id = 2", "UPDATE below SET a = 3", "ALTER TABLE below ALTER CONSTRAINT f ENFORCED", "UPDATE above SET id = 6 WHERE id = 3",
			"DELETE FROM above WHERE id = 6",
		},
	},
	{
		about: "keys of periods", since: 18,
		schema: `CREATE EXTENSION btree_gist; CREATE TABLE room (id int, at daterange, price int, PRIMARY KEY (id, at WITHOUT OVERLAPS));
			CREATE TABLE booking (id int PRIMARY KEY, room int, at daterange, FOREIGN KEY (room, PERIOD at) REFERENCES room (id, PERIOD at));
			INSERT INTO room VALUES (1, '[2020-01-01,2021-01-01)', 5), (1, '[2021-01-01,2022-01-01)', 6), (2, '[2020-01-01,2021-01-01)', 7);
			INSERT INTO booking VALUES (1, 1, '[2020-02-01,2020-03-01)')`,
		read: "SELECT count(*), sum(price) FROM room WHERE id = $1", args: []any{1, 2, 3},
		steps: []string{
			"UPDATE room SET price = price + 1 WHERE id = 1 AND at = '[2021-01-01,2022-01-01)'", "UPDATE room SET price = price + 1 WHERE at @> '2020-05-01'::date",
			"UPDATE room SET id = 3 WHERE at = '[2021-01-01,2022-01-01)'", "INSERT INTO room VALUES (1, '[2020-01-01,2021-01-01)', 9) ON CONFLICT DO NOTHING",
			"INSERT INTO room VALUES (2, '[2020-01-01,2021-01-01)', 9)", "DELETE FROM room WHERE id = 1", "DELETE FROM room WHERE price = 8",
		},
	},
	{
		about: "identities of partitions, and partitions that come and go", since: 17,
		schema: `CREATE TABLE p (id int GENERATED ALWAYS AS IDENTITY, k int, v int) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
			CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2); INSERT INTO p (k, v) VALUES (1, 1), (2, 2)`,
		read: "SELECT v FROM p WHERE id = $1", args: []any{1, 2, 3, 4, 5, 6},
		steps: []string{
			"INSERT INTO p (k, v) VALUES (1, 3)", "INSERT INTO p1 (k, v) VALUES (1, 3)", "INSERT INTO p (id, k, v) OVERRIDING SYSTEM VALUE VALUES (5, 2, 3)",
			"INSERT INTO p (id, k, v) OVERRIDING USER VALUE VALUES (55, 2, 3)", "UPDATE p SET k = 1 WHERE id = 2", "UPDATE p SET id = DEFAULT WHERE id = 2",
			"ALTER TABLE p DETACH PARTITION p2", "INSERT INTO p2 VALUES (1, 2, 8)", "UPDATE p2 SET v = 3", "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2)", "UPDATE p2 SET v = 4",
			"ALTER TABLE p DETACH PARTITION p2 CONCURRENTLY", "UPDATE p2 SET v = 5",
		},
	},
	{
		about: "rows that are copied in part", since: 18, schema: numbers, read: "SELECT count(*), sum(v) FROM kv WHERE k = $1", args: []any{10, 99},
		steps: []string{
			`COPY kv FROM PROGRAM 'printf "7\t99\t1\nx\ty\tz\n"' WITH (ON_ERROR ignore)`,
			`COPY kv (id, k, v) FROM PROGRAM 'printf "8\t99\t1\nx\ty\tz\n"' WITH (ON_ERROR ignore, LOG_VERBOSITY silent, REJECT_LIMIT 5) WHERE k = 99`,
		},
	},
	{
		about: "collations that call different texts equal", since: 18,
		schema: `CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
			CREATE TABLE c (id int PRIMARY KEY, a text COLLATE loose, b text COLLATE pg_unicode_fast, v int); INSERT INTO c VALUES (1, 'Ann', 'Straße', 0), (2, 'BOB', 'BOB', 0)`,
		read: "SELECT count(*), sum(v), max(upper(b)), max(casefold(b)) FROM c WHERE b = $1", args: []any{"Straße", "STRASSE", "BOB", "bob"},
		steps: []string{
			"UPDATE c SET v = 1 WHERE b = 'Straße'", "UPDATE c SET v = 2 WHERE a LIKE 'an%'", "UPDATE c SET v = 3 WHERE a = 'bob'", "UPDATE c SET b = upper(b) WHERE id = 1",
			"UPDATE c SET b = casefold(b) WHERE casefold(b) = 'bob'", "UPDATE c SET v = 4 WHERE b = 'bob' COLLATE loose",
		},
	},
	{
		about: "values that come from a column whose collation calls different texts equal", since: 15,
		schema: `CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE DOMAIN word AS text COLLATE loose;
			CREATE TABLE o (k text PRIMARY KEY, v int); INSERT INTO o VALUES ('a', 1), ('A', 2), ('b', 3), ('B', 4), ('c', 5), ('C', 6);
			CREATE TABLE p (id int PRIMARY KEY, k text COLLATE loose UNIQUE, w word, x int); INSERT INTO p VALUES (1, 'A', 'a', 0), (2, 'b', 'B', 0), (3, 'C', 'c', 0), (4, 'd', 'd', 0);
			CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE o SET v = v + 100 WHERE k = OLD.k; RETURN NULL; END $$;
			CREATE TRIGGER f AFTER UPDATE OF x ON p FOR EACH ROW EXECUTE FUNCTION f()`,
		read: "SELECT v FROM o WHERE k = $1", args: []any{"a", "A", "b", "B", "c", "C"},
		steps: []string{
			"UPDATE o SET v = v + 10 FROM p WHERE o.k = p.k AND p.k = 'a'", "UPDATE o SET v = v + 10 FROM p WHERE o.k = p.w AND p.w = 'A'", "UPDATE p SET x = 1 WHERE k = 'B'",
			"DELETE FROM o USING p WHERE o.k = p.k AND p.k = 'c' AND p.id = 3", "INSERT INTO o SELECT k || 'x', 7 FROM p WHERE k = 'D'",
		},
	},
	{
		about: "foreign keys to a column whose collation calls different texts equal", since: 15, until: 17,
		schema: `CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
			CREATE TABLE p (k text COLLATE loose PRIMARY KEY, v int); INSERT INTO p VALUES ('a', 0), ('b', 0), ('c', 0);
			CREATE TABLE c (id int PRIMARY KEY, k text REFERENCES p (k) ON DELETE CASCADE ON UPDATE CASCADE, v int); INSERT INTO c VALUES (1, 'A', 0), (2, 'a', 0), (3, 'B', 0), (4, 'C', 0)`,
		read: "SELECT count(*), sum(id) FROM c WHERE k = $1", args: []any{"a", "A", "b", "B", "c", "C", "e"},
		steps: []string{"DELETE FROM p WHERE k = 'a'", "UPDATE p SET k = 'e' WHERE k = 'b'", "DELETE FROM p WHERE k = 'C'"},
	},
	{
		about: "conditions of domains", since: 17,
		schema: numbers + `CREATE FUNCTION holds(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN UPDATE public.kv SET v = v + 1 WHERE id = 1; RETURN true; END $$;
			CREATE DOMAIN held AS int CHECK (holds(VALUE)); CREATE DOMAIN over AS held; CREATE TYPE pair AS (a held, b int); CREATE DOMAIN other AS int CHECK (VALUE > 0)`,
		read: "SELECT v FROM kv WHERE id = $1", args: []any{1},
		steps: []string{
			"SELECT 5::held", "SELECT CAST(5 AS over)", "SELECT (ARRAY[5]::held[])[1]", "SELECT (ROW(5, 6)::pair).b", "SELECT held '5'", "SELECT * FROM jsonb_to_record('{\"a\": 1}') AS x(a held)",
			"SELECT (jsonb_populate_record(NULL::pair, '{\"a\": 1}')).a", "SELECT JSON_VALUE('5', '$' RETURNING held)", "SELECT * FROM JSON_TABLE('[5]', '$[*]' COLUMNS (a held PATH '$'))",
			"SELECT * FROM XMLTABLE('/a' PASSING '<a>5</a>' COLUMNS n held PATH '.')",
		},
	},
	{
		about: "bodies of functions that are kept as trees", since: 15,
		schema: numbers + `CREATE FUNCTION bump(i int) RETURNS int LANGUAGE sql BEGIN ATOMIC UPDATE kv SET v = v + 1 WHERE id = i; INSERT INTO log VALUES (i); SELECT 1; END;
			CREATE FUNCTION bumps(i int) RETURNS int LANGUAGE sql RETURN bump(i) + 1`,
		read: "SELECT v FROM kv WHERE id = $1", args: []any{1, 2}, steps: []string{"SELECT bump(1)", "SELECT bumps(2)"},
	},
	{
		about: "views that are read by their names", since: 15,
		schema: numbers + `CREATE FUNCTION bump() RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE kv SET v = v + 1 WHERE id = 1; RETURN 1; END $$;
			CREATE VIEW bumps AS SELECT bump() AS x; CREATE FUNCTION dump() RETURNS xml LANGUAGE sql AS $$ SELECT table_to_xml('bumps', false, false, '') $$`,
		read: "SELECT v FROM kv WHERE id = $1", args: []any{1},
		steps: []string{
			"SELECT table_to_xml('bumps', false, false, '') IS NULL", "SELECT schema_to_xml('public', false, false, '') IS NULL", "SELECT database_to_xml(false, false, '') IS NULL",
			"SELECT table_to_xml_and_xmlschema('bumps', false, false, '') IS NULL", "SELECT schema_to_xml_and_xmlschema('public', false, false, '') IS NULL", "SELECT dump() IS NULL",
		},
	},
	{
		about: "a trigger of what changes the schema", since: 15,
		schema: numbers + `CREATE MATERIALIZED VIEW many AS SELECT 1;
			CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF tg_tag <> '' THEN UPDATE public.kv SET v = v + 1 WHERE id = 1; END IF; END $$;
			CREATE EVENT TRIGGER f ON ddl_command_end EXECUTE FUNCTION f()`,
		read: "SELECT v FROM kv WHERE id = $1", args: []any{1},
		steps: []string{
			"REFRESH MATERIALIZED VIEW many", "CREATE TABLE a (id int)", "CREATE TEMP TABLE b (id int)", "SELECT 1 AS x INTO TEMP c", "CREATE TEMP TABLE d AS SELECT 1",
			"CREATE TEMP VIEW e AS SELECT 1", "DROP TABLE b", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
			"DO $$ BEGIN CREATE TEMP TABLE g (id int); END $$", "DISCARD TEMP", "REINDEX TABLE kv", "COMMENT ON TABLE kv IS 'x'",
		},
	},
	{
		about: "a trigger of log-ins that writes what is read", since: 17, never: true,
		schema: numbers + `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE kv SET v = v + 1; RETURN NULL; END $$;
			CREATE TRIGGER note AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION note();
			CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (1); END $$; CREATE EVENT TRIGGER f ON login EXECUTE FUNCTION f()`,
		read: "SELECT k FROM kv WHERE id = $1", args: []any{1}, steps: []string{"SELECT 1"},
	},
	{
		about: "a trigger of log-ins that writes something else", since: 17,
		schema: numbers + `CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF session_user <> '' THEN INSERT INTO log VALUES (1); END IF; END $$;
			CREATE EVENT TRIGGER f ON login EXECUTE FUNCTION f()`,
		read: "SELECT v FROM kv WHERE id = $1", args: []any{1}, steps: []string{"UPDATE kv SET v = 5 WHERE id = 1"},
	},
	{
		about: "defaults of a partition", since: 15,
		schema: `CREATE TABLE p (id int, k int DEFAULT 7, v int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p (k DEFAULT 5) FOR VALUES IN (1)`,
		read:   "SELECT count(*), sum(v) FROM p WHERE k = $1", args: []any{5, 6, 7},
		steps: []string{
			"INSERT INTO p1 (id, v) VALUES (1, 1)", "INSERT INTO p (id, v) VALUES (1, 1)", "UPDATE p1 SET k = 6", "UPDATE p1 SET k = DEFAULT", "UPDATE p SET k = DEFAULT",
			"MERGE INTO p1 USING (VALUES (1)) AS n (id) ON false WHEN NOT MATCHED THEN INSERT (id) VALUES (1)",
		},
	},
	{
		about: "defaults of the table whose partition is read", since: 15,
		schema: `CREATE TABLE p (id int, k int DEFAULT 7, v int) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p (k DEFAULT 5) FOR VALUES IN (1)`,
		read:   "SELECT count(*), sum(v) FROM p1 WHERE k = $1", args: []any{5, 7},
		steps: []string{"INSERT INTO p (id, v) VALUES (1, 1)", "INSERT INTO p1 (id, v) VALUES (1, 1)", "UPDATE p SET k = DEFAULT"},
	},
}

const parted = `CREATE TABLE p (id int, a int, b int, vk int GENERATED ALWAYS AS (a * 10) VIRTUAL) PARTITION BY LIST (id);
	CREATE TABLE p1 PARTITION OF p (vk GENERATED ALWAYS AS (a * 100)) FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
	INSERT INTO p VALUES (1, 1, 0), (2, 2, 0);`

func TestScenes(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.about, func(t *testing.T) {
			t.Parallel()
			s.play(t)
		})
	}
}

// A time that is made of a text is none to keep: the text may be 'now'.
func TestTimesOfTexts(t *testing.T) {
	for _, tt := range []struct {
		expression string
		since      int
		kept       bool
	}{
		{"NULLIF(said, '')::timestamptz", 15, false},
		{"(SELECT said)::timestamptz", 15, false},
		{"own(said)::timestamptz", 15, false},
		{"(mode() WITHIN GROUP (ORDER BY said))::timestamptz", 15, false},
		{"(array_agg(said)::timestamptz[])[1]", 15, false},
		{"CAST(XMLSERIALIZE(CONTENT XMLPARSE(CONTENT said) AS text) AS timestamptz)", 15, false},
		{"(SELECT w::timestamptz FROM unnest(ARRAY[said]) AS w)", 15, false},
		{"(SELECT value::timestamptz FROM jsonb_each_text(data) WHERE key = 'at')", 15, false},
		{"(SELECT w::timestamptz FROM (SELECT d.said AS w) AS x)", 15, false},
		{"JSON_VALUE(data, '$.at')::timestamptz", 17, false},
		{"JSON_VALUE(data, '$.at' RETURNING timestamptz)", 17, false},
		{"(JSON_QUERY(data, '$.list' RETURNING timestamptz[]))[1]", 17, false},
		{"(SELECT at FROM JSON_TABLE(data, '$' COLUMNS (NESTED PATH '$' COLUMNS (at timestamptz PATH '$.at'))))", 17, false},
		{"casefold(said)::timestamptz", 18, false},
		{"any_value(said)::timestamptz", 16, false},
		{"(array_sort(ARRAY[said])::timestamptz[])[1]", 18, false},

		{"max(begun)::date", 15, true},
		{"any_value(begun)::date", 16, true},
		{"NULLIF(begun, '2020-01-01')::date", 15, true},
		{"date_trunc('month', begun)::date", 15, true},
		{"(SELECT count(d::date) FROM generate_series(begun, begun, '1 day') AS d)", 15, true},
		{"(SELECT w::date FROM (SELECT d.begun AS w) AS x)", 15, true},
		{"(SELECT d.begun::date FROM jsonb_each_text(data) AS x LIMIT 1)", 15, true},
		{"(SELECT begun::date FROM jsonb_to_record(data) AS x(n int))", 15, true},
		{"(SELECT w::timestamptz FROM jsonb_each_text(data) AS x(v, w) WHERE v = 'at')", 15, false},
		{"(SELECT j.value::timestamptz FROM (jsonb_each_text(data) AS x CROSS JOIN (SELECT 1) AS y) AS j WHERE j.key = 'at')", 15, false},
		{"(SELECT at::timestamptz FROM jsonb_to_record(data) AS x(at text))", 15, false},
		{"make_date(2020, 1, 1)::timestamptz", 15, true},
		{"to_timestamp(said, 'YYYY')::date IS NULL", 15, true},
		{"JSON_VALUE(data, '$.at' RETURNING text)", 17, true},
		{"uuid_extract_timestamp('019535d9-3df7-79fb-b466-fa907fa17f9e')::date", 17, true},
	} {
		t.Run(tt.expression, func(t *testing.T) {
			t.Parallel()
			s := scene{
				since: tt.since, read: "SELECT (" + tt.expression + ")::text FROM d WHERE id = $1 GROUP BY id", args: []any{1}, steps: []string{"SELECT pg_sleep(0.01)"}, never: !tt.kept,
				schema: `CREATE FUNCTION own(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN $1;
					CREATE TABLE d (id int PRIMARY KEY, said text, data jsonb, begun timestamptz);
					INSERT INTO d VALUES (1, 'now', '{"at": "now", "list": ["now"]}', '2024-02-29 12:00:00Z')`,
			}
			if tt.kept {
				s.schema += "; UPDATE d SET said = '2024'"
			}
			s.play(t)
		})
	}
}

// play runs the statements of a scene, with everything stored before each of them. What is stored is read by another
// connection than the one that writes.
func (s *scene) play(t *testing.T) {
	bare, base, dsn := s.open(t)
	cache, err := moneyclip.New(pg.Dialect, moneyclip.Config{Logger: quiet, Rules: []moneyclip.Rule{{Key: "k::%v", Query: s.read, NotFound: time.Hour}}})
	switch {
	case err != nil && s.never:
		return
	case err != nil:
		t.Fatal(err)
	}
	writer, reader := throughCache(t, cache, base, dsn), throughCache(t, cache, base, dsn)
	seen := func(db *sql.DB, arg any) string { return run(db, s.read, []any{arg}, true, false) }
	for _, step := range s.steps {
		for range 2 {
			for _, arg := range s.args {
				seen(reader, arg)
			}
		}
		isQuery := strings.HasPrefix(step, "SELECT") || strings.Contains(step, "RETURNING")
		if want, got := run(bare, step, nil, isQuery, false), run(writer, step, nil, isQuery, false); got != want {
			t.Errorf("%s:\nthe cache's driver shows %s\nthe base driver %s", step, got, want)
		}
		for _, arg := range s.args {
			if want, got := seen(base, arg), seen(reader, arg); got != want && !s.never {
				t.Errorf("%v after %s:\nthe cache has %s\nthe database %s", arg, step, got, want)
			}
		}
	}
	if hits := cache.Stats().Hits; hits == 0 != s.never {
		t.Errorf("there were %d hits", hits)
	}
}

// open makes the scene twice: once to be used by itself, and once through a cache.
func (s *scene) open(t *testing.T) (bare, base *sql.DB, dsn string) {
	made := func() (*sql.DB, string) {
		dsn := servers.Postgres(t)
		db, err := sql.Open("pgx", dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		version := 0
		if err := db.QueryRow("SELECT current_setting('server_version_num')::int / 10000").Scan(&version); err != nil {
			t.Fatal(err)
		}
		if version < s.since || s.until > 0 && version > s.until {
			t.Skipf("the server is a PostgreSQL %d", version)
		}
		execAll(t, db, s.schema)
		return db, dsn
	}
	bare, _ = made()
	base, dsn = made()
	return bare, base, dsn
}
