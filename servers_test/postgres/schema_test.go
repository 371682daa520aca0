package postgres_test

import (
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/postgres"
)

// connect takes a connection of a database.
func connect(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func exec(t *testing.T, conn *sql.Conn, queries ...string) {
	t.Helper()
	for _, query := range queries {
		if _, err := conn.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("Exec(%q): %v", query, err)
		}
	}
}

// catalogOf reads the catalog that a session sees.
func catalogOf(t *testing.T, conn *sql.Conn) *moneyclip.Catalog {
	t.Helper()
	catalog, err := postgres.Dialect.Catalog(t.Context(), dialecttest.Asker(conn))
	if err != nil {
		t.Fatalf("Catalog: %v", err)
	}
	return catalog
}

// identify asks a session who it is.
func identify(t *testing.T, conn *sql.Conn, dsn string) moneyclip.Identity {
	t.Helper()
	id, err := postgres.Dialect.Identify(t.Context(), dialecttest.Asker(conn), dsn)
	if err != nil {
		t.Fatalf("Identify: %v", err)
	}
	return id
}

// scan reads all rows, each as a text.
func scan(t *testing.T, rows *sql.Rows) []string {
	t.Helper()
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for rows.Next() {
		values, dest := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			texts = append(texts, strings.TrimRight(v.String, " "))
		}
		list = append(list, strings.Join(texts, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// rich is a schema with one of everything.
const rich = `
CREATE SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('happy', 'sad');
CREATE DOMAIN shop.price AS numeric(10,2) NOT NULL DEFAULT 1;
CREATE DOMAIN shop.cheap AS shop.price CHECK (VALUE < 10);
CREATE COLLATION shop.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE authors (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(50) NOT NULL UNIQUE,
	mood shop.mood DEFAULT 'happy', price shop.cheap, born date DEFAULT '2000-01-01', at timestamptz DEFAULT now(),
	twice bigint GENERATED ALWAYS AS (length(name) * 2) STORED, n int DEFAULT 0, s text DEFAULT 'a', b boolean DEFAULT true,
	loose text COLLATE shop.loose UNIQUE, tags text[], m integer DEFAULT -1, x text);
CREATE UNIQUE INDEX ON authors (lower(name));
CREATE UNIQUE INDEX ON authors (n) WHERE n > 0;
CREATE UNIQUE INDEX ON authors (s, m) INCLUDE (b);
CREATE UNIQUE INDEX ON authors (x text_pattern_ops);
CREATE TABLE shop.authors (id int PRIMARY KEY);
CREATE TABLE books (id serial PRIMARY KEY, author_id bigint REFERENCES authors ON DELETE CASCADE ON UPDATE SET NULL,
	title text, updated timestamptz, UNIQUE (title) DEFERRABLE);
CREATE TABLE pairs (a int, b int, PRIMARY KEY (b, a));
CREATE TABLE shop.links (x int, y int, FOREIGN KEY (x, y) REFERENCES pairs (a, b) ON DELETE SET NULL (y));
CREATE TABLE shop.links2 (x int DEFAULT 5, y int DEFAULT 6, FOREIGN KEY (y, x) REFERENCES pairs (b, a) ON DELETE SET DEFAULT);
CREATE TABLE events (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2000-01-01') TO ('2010-01-01');
CREATE TABLE events_b PARTITION OF events FOR VALUES FROM ('2010-01-01') TO ('2020-01-01') PARTITION BY RANGE (id);
CREATE TABLE events_c PARTITION OF events_b FOR VALUES FROM (0) TO (1000);
CREATE TABLE notes (event int, at date, FOREIGN KEY (event, at) REFERENCES events ON DELETE CASCADE) PARTITION BY LIST (event);
CREATE TABLE notes_a PARTITION OF notes FOR VALUES IN (1);
CREATE VIEW titles AS SELECT b.id, a.name, b.title FROM books b JOIN authors a ON a.id = b.author_id;
CREATE VIEW v2 AS SELECT name FROM titles;
CREATE VIEW simple AS SELECT id, title FROM books;
CREATE VIEW clock AS SELECT id, now() AS at FROM books;
CREATE MATERIALIZED VIEW counts AS SELECT author_id, count(*) FROM books GROUP BY 1;
CREATE TABLE secret (id int PRIMARY KEY, owner text);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE VIEW secrets AS SELECT * FROM secret;
CREATE TABLE log (id int, text text);
CREATE TABLE ruled (id int PRIMARY KEY);
CREATE RULE also AS ON UPDATE TO ruled DO ALSO INSERT INTO log VALUES (1, 'x');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON books FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		INSERT INTO log (id, text) VALUES (OLD.id, 'gone');
		RETURN OLD;
	END IF;
	UPDATE log SET text = NEW.title WHERE id = NEW.id;
	BEGIN DELETE FROM log WHERE id = OLD.id; EXCEPTION WHEN OTHERS THEN DELETE FROM pairs WHERE a = NEW.id; END;
	RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR DELETE OR UPDATE OF title ON books FOR EACH ROW EXECUTE FUNCTION note();
CREATE FUNCTION dynamic() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DELETE FROM log'; RETURN NULL; END $$;
CREATE TRIGGER dynamic AFTER INSERT ON pairs EXECUTE FUNCTION dynamic();
CREATE FUNCTION into_both() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE r log; BEGIN
	INSERT INTO authors (id) VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER into_both AFTER UPDATE ON log FOR EACH ROW EXECUTE FUNCTION into_both();
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql SET search_path = shop AS $$ DECLARE r public.log; BEGIN
	r := NEW; r.id := 1; INSERT INTO authors (id) VALUES (NEW.id); RETURN r; END $$;
CREATE TRIGGER other BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION other();
CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM books WHERE id = OLD.id; RETURN OLD; END $$;
CREATE TRIGGER gone INSTEAD OF DELETE ON titles FOR EACH ROW EXECUTE FUNCTION gone();
CREATE TRIGGER off AFTER DELETE ON books FOR EACH ROW EXECUTE FUNCTION note();
ALTER TABLE books DISABLE TRIGGER off;
CREATE TRIGGER same BEFORE UPDATE ON pairs FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'DELETE FROM public.log; SELECT 1';
CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM public.log';
CREATE FUNCTION sum2(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION whole(books) RETURNS text LANGUAGE sql AS 'DELETE FROM public.log; SELECT $1.title';
CREATE VIEW writer AS SELECT id, writes() FROM books;
CREATE TABLE defaulted (id int DEFAULT writes(), u uuid DEFAULT gen_random_uuid());
CREATE TABLE "odd.name" ("Big" int PRIMARY KEY);
CREATE SCHEMA "a.b"; CREATE TABLE "a.b".c (id int);
CREATE TABLE parent (id int); CREATE TABLE child (extra int) INHERITS (parent);
CREATE TABLE truncated (id int);
CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN TRUNCATE log; RETURN NULL; END $$;
CREATE TRIGGER t AFTER TRUNCATE ON truncated EXECUTE FUNCTION t();
CREATE FUNCTION stamps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id := 1; RETURN NEW; END $$;
CREATE TRIGGER stamps BEFORE INSERT ON events_c FOR EACH ROW EXECUTE FUNCTION stamps();
CREATE FUNCTION holds(int) RETURNS boolean LANGUAGE sql AS 'DELETE FROM public.log; SELECT true';
CREATE FUNCTION near(int, int) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT count(*) > 0 FROM public.log';
CREATE FUNCTION marks(text, int) RETURNS boolean LANGUAGE sql AS 'DELETE FROM public.pairs; SELECT true';
CREATE OPERATOR ~~~ (LEFTARG = int, RIGHTARG = int, FUNCTION = near);
CREATE OPERATOR @@@ (LEFTARG = text, RIGHTARG = int, FUNCTION = marks);
CREATE TABLE checked (id int CHECK (holds(id)));
CREATE DOMAIN held AS int CHECK (holds(VALUE)); CREATE DOMAIN held2 AS held CHECK (VALUE > 0);
CREATE TABLE checked2 (id held2 CHECK ('x' @@@ id));
CREATE TABLE checked3 (id held2[]); CREATE TYPE inner_row AS (id held); CREATE TABLE checked4 (x inner_row);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON truncated DEFERRABLE FOR EACH ROW EXECUTE FUNCTION note();
`

func TestCatalog(t *testing.T) {
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			conn := connect(t, open(t, driver))
			exec(t, conn, rich)
			catalog := catalogOf(t, conn)
			t.Run("Columns", func(t *testing.T) { testColumns(t, catalog) })
			t.Run("Relations", func(t *testing.T) { testRelations(t, catalog) })
			t.Run("Triggers", func(t *testing.T) { testTriggers(t, catalog) })
			t.Run("Path", func(t *testing.T) {
				exec(t, conn, "SET search_path TO shop, public")
				other := catalogOf(t, conn)
				if other.Digest != catalog.Digest {
					t.Errorf("one schema has two digests, seen by two search paths")
				}
				if want := []string{"shop", "public"}; !slices.Equal(other.Path, want) {
					t.Errorf("Path = %q, want %q", other.Path, want)
				}
				if got := other.Lookup("", "authors"); got == nil || got.Name != "shop.authors" {
					t.Errorf("authors means %v, want shop.authors", got)
				}
			})
		})
	}
}

func TestFunctions(t *testing.T) {
	conn := connect(t, open(t, "pgx"))
	exec(t, conn, rich, `
CREATE EXTENSION "uuid-ossp"; CREATE EXTENSION pgcrypto;
CREATE FUNCTION looks(n int) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE k bigint; BEGIN SELECT count(*) INTO k FROM log WHERE id = n; RETURN k; END $$;
CREATE FUNCTION adds(n int, OUT k int) LANGUAGE plpgsql AS $$ BEGIN k := n; INSERT INTO log (id) VALUES (n); UPDATE pairs SET a = n; END $$;
CREATE FUNCTION deep(n int) RETURNS SETOF log LANGUAGE plpgsql AS $$ BEGIN PERFORM adds(n); RETURN QUERY DELETE FROM parent RETURNING id, ''; END $$;
CREATE FUNCTION begins() RETURNS int LANGUAGE plpgsql AS $$ DECLARE r record := ROW (writes()); BEGIN RETURN 1; END $$;
CREATE FUNCTION again(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN again(n - 1); END $$;
CREATE FUNCTION makes() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE made (id int); END $$;
CREATE FUNCTION any_text(x text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE x; END $$;
CREATE FUNCTION atomic() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT writes(); END;
CREATE FUNCTION unclear() RETURNS void LANGUAGE sql AS 'DELETE FROM authors';
CREATE FUNCTION clear() RETURNS void LANGUAGE sql SET search_path = shop AS 'DELETE FROM authors';
CREATE FUNCTION role() RETURNS void LANGUAGE plpgsql AS $$ BEGIN SET ROLE none; END $$;
CREATE FUNCTION over(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION over(a text) RETURNS int LANGUAGE sql AS 'DELETE FROM log; SELECT 1';
CREATE PROCEDURE done(n int) LANGUAGE plpgsql AS $$ BEGIN DELETE FROM log WHERE id = n; END $$;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
CREATE FUNCTION mood_of(m shop.mood DEFAULT 'sad') RETURNS shop.mood LANGUAGE plpgsql AS $$ BEGIN RETURN m; END $$;
`)
	catalog := catalogOf(t, conn)
	for query, want := range map[string]string{
		"SELECT looks(1)":                            "read",
		"SELECT mood_of()":                           "write 0 doubtful", // its parser knows no types of other schemas
		"SELECT sum2(1, 2)":                          "read",
		"SELECT uuid_generate_v4(), gen_salt('md5')": "read",
		"SELECT writes()":                            "write 3 public.log",
		"SELECT adds(1)":                             "write 1 public.log 2 public.pairs",
		"SELECT * FROM deep(1)":                      "write 1 public.log 2 public.pairs 3 public.parent",
		"SELECT begins()":                            "write 3 public.log",
		"SELECT over(1)":                             "write 3 public.log",
		"SELECT again(1)":                            "write 0 doubtful",
		"SELECT makes()":                             "write 0 doubtful",
		"SELECT any_text('x')":                       "write 0 doubtful",
		"SELECT atomic()":                            "write 3 public.log",
		"SELECT unclear()":                           "write 0 doubtful",
		"SELECT clear()":                             "write 3 shop.authors",
		"SELECT role()":                              "session change",
		"SELECT 1 ~~~ 2":                             "read",
		"SELECT 'x' @@@ 2":                           "write 3 public.pairs",
		"SELECT 'x' OPERATOR(public.@@@) 2":          "write 3 public.pairs",
		"SELECT 1 @@@ ANY (ARRAY[1])":                "write 3 public.pairs",
		"SELECT id FROM writer":                      "write 0 doubtful",
		"SELECT whole FROM books":                    "read",
		"SELECT books.whole FROM books":              "write 3 public.log",
		"CALL done(1)":                               "write 3 public.log",
		"CALL commits()":                             "schema change doubtful",
		"INSERT INTO parent VALUES (writes())":       "write 1 public.parent 3 public.log",
	} {
		s := postgres.Dialect.Analyze(query, catalog)
		got := fmt.Sprint(s.Kind)
		for _, w := range s.Writes {
			got += strings.TrimRight(fmt.Sprintf(" %d %s", w.Op, w.Table), " ")
		}
		if s.Doubtful != "" {
			got += " doubtful"
		}
		if got != want {
			t.Errorf("Analyze(%q) = %q, want %q", query, got, want)
		}
		if s.Kind == moneyclip.KindRead && s.Uncacheable == "" && query != "SELECT sum2(1, 2)" && query != "SELECT whole FROM books" {
			t.Errorf("Analyze(%q) is cacheable", query)
		}
	}
}

func testColumns(t *testing.T, catalog *moneyclip.Catalog) {
	want := []string{
		`id bigint not null`, `name character varying(50) not null`, `mood enum shop.mood = happy`, `price numeric(10,2) not null`,
		`born date = 2000-01-01`, `at timestamp with time zone`, `twice bigint generated`, `n integer = 0`, `s text = a`,
		`b boolean = true`, `loose text NULL`, `tags text[] NULL`, `m integer = -1`, `x text NULL`,
	}
	var got []string
	for _, c := range catalog.Tables["public.authors"].Columns {
		text := c.Name + " " + c.Type
		switch {
		case c.Generated:
			text += " generated"
		case c.Default.Kind == moneyclip.ValueConst && c.Default.Const != nil:
			text += fmt.Sprintf(" = %v", c.Default.Const)
		case c.Default.Kind == moneyclip.ValueConst && !c.NotNull:
			text += " NULL"
		}
		if c.NotNull {
			text += " not null"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("columns:\n%q, want\n%q", got, want)
	}
	if got := postgres.Dialect.Keyable(catalog.Tables["public.authors"].Column("loose")); got == "" {
		t.Errorf("a column with a nondeterministic collation can be a key")
	}
	var keys []string
	for _, key := range catalog.Tables["public.authors"].Unique {
		keys = append(keys, fmt.Sprintf("%v %v", key.Columns, key.Odd))
	}
	slices.Sort(keys)
	if want := []string{
		"[] true", "[id] false", "[loose] true", "[n] true", "[name] false", "[s m] false", "[x] true",
	}; !slices.Equal(keys, want) {
		t.Errorf("unique keys = %q, want %q", keys, want)
	}
	if got := catalog.Tables["public.books"].Unique; len(got) != 2 || got[0].Odd == got[1].Odd {
		t.Errorf("unique keys of books = %v, want one that is odd because it is deferrable", got)
	}
}

func testRelations(t *testing.T, catalog *moneyclip.Catalog) {
	keys := func(name string) string {
		var list []string
		for _, k := range catalog.Tables[name].Keys {
			list = append(list, fmt.Sprintf("%s%v->%v %v %v", k.Child, k.Columns, k.ParentColumns, k.OnDelete, k.OnUpdate))
		}
		slices.Sort(list)
		return strings.Join(list, "; ")
	}
	for name, want := range map[string]string{
		"public.authors": "public.books[author_id]->[id] 1 2",
		"public.pairs":   "shop.links2[y x]->[b a] 3 0; shop.links[x y]->[a b] 0 0",
		"public.events":  "public.notes[event at]->[id at] 1 0",
	} {
		if got := keys(name); got != want {
			t.Errorf("foreign keys to %s: %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string][]string{
		"public.events":   {"public.events_a", "public.events_b", "public.events_c"},
		"public.events_c": {"public.events", "public.events_b"},
		"public.parent":   {"public.child"},
		"public.child":    {"public.parent"},
		"public.authors":  nil,
	} {
		if got := catalog.Tables[name].Kin; !slices.Equal(got, want) {
			t.Errorf("kin of %s = %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"public.titles": "public.books public.authors", "public.v2": "public.books public.authors", "public.simple": "public.books",
		"public.counts": "", "public.books": "",
	} {
		var got []string
		for _, read := range catalog.Tables[name].Reads {
			got = append(got, read.Table)
		}
		if text := strings.Join(got, " "); text != want || catalog.Tables[name].Opaque != "" {
			t.Errorf("%s reads %q, want %q; it is opaque: %q", name, text, want, catalog.Tables[name].Opaque)
		}
	}
	for _, name := range []string{"public.clock", "public.secrets", "public.writer", "a.b.c"} {
		if catalog.Tables[name].Opaque == "" {
			t.Errorf("%s is not opaque", name)
		}
	}
	if catalog.Tables["public.secret"].Guarded == "" {
		t.Errorf("a table with row security is not guarded")
	}
	if catalog.Tables["public.odd.name"].Column("Big") == nil {
		t.Errorf("a name in quotes is lost")
	}
}

func testTriggers(t *testing.T, catalog *moneyclip.Catalog) {
	describe := func(name string) string {
		var list []string
		for _, trigger := range catalog.Tables[name].Triggers {
			text := fmt.Sprint(trigger.Op)
			if trigger.Of != nil {
				text += fmt.Sprintf(" of %v", trigger.Of)
			}
			if trigger.Instead {
				text += " instead"
			}
			if trigger.Sets != nil || trigger.SetsAll {
				text += fmt.Sprintf(" sets %v %v", trigger.Sets, trigger.SetsAll)
			}
			if trigger.Opaque != "" {
				list = append(list, text+" opaque")
				continue
			}
			for _, w := range trigger.Writes {
				text += fmt.Sprintf(" %v %s", w.Op, w.Table)
				for _, p := range w.Pins {
					text += fmt.Sprintf(" %s=%v.%s", p.Column, p.Values[0].Kind, p.Values[0].Column)
				}
				for _, row := range w.Rows {
					text += fmt.Sprintf(" (%v.%s)", row[0].Kind, row[0].Column)
				}
			}
			list = append(list, text)
		}
		slices.Sort(list)
		return strings.Join(list, "; ")
	}
	note := " 1 public.log (3.id) 2 public.log id=4.id 3 public.log id=3.id 3 public.pairs a=4.id"
	for name, want := range map[string]string{
		"public.books":     "1" + note + "; 2 of [title]" + note + "; 2 sets [updated] false; 3" + note,
		"public.pairs":     "1 opaque; 2; 3 2 shop.links",
		"public.log":       "1 sets [] true 1 shop.authors (4.id); 2 opaque",
		"public.titles":    "3 instead; 3 instead 3 public.books id=3.id",
		"public.ruled":     "2 opaque",
		"public.truncated": "1 opaque; 3 3 public.log",
		"public.defaulted": "1 3 public.log",
		"public.authors":   "",
		"public.checked":   "1 3 public.log; 2 3 public.log",
		"public.checked2":  "1 3 public.log; 1 3 public.pairs; 2 3 public.log; 2 3 public.pairs",
		"public.checked3":  "1 3 public.log; 2 3 public.log",
		"public.checked4":  "1 3 public.log; 2 3 public.log",
		"public.events":    "1 sets [id] false; 2 of [at] 3 public.events_a 1 public.events_a 3 public.events_b 1 public.events_b",
		"public.events_b":  "1 sets [id] false; 2 of [id] 3 public.events_c 1 public.events_c",
		"public.events_c":  "1 sets [id] false",
	} {
		if got := describe(name); got != want {
			t.Errorf("triggers of %s:\n%q, want\n%q", name, got, want)
		}
	}
}

// What others change of a definition is seen, although it leaves all tables with the columns that they had.
func TestDigest(t *testing.T) {
	conn := connect(t, open(t, drivers[0]))
	exec(t, conn, "CREATE TABLE t (id int, a int, twice int GENERATED ALWAYS AS (a * 2) STORED)", "CREATE VIEW v AS SELECT id, a + 1 AS a FROM t",
		"CREATE FUNCTION f(int) RETURNS int IMMUTABLE RETURN $1 + 1", "CREATE DOMAIN d AS int")
	before := catalogOf(t, conn).Digest
	if again := catalogOf(t, conn).Digest; again != before {
		t.Error("the digest of one schema differs from time to time")
	}
	for _, query := range []string{
		"CREATE OR REPLACE VIEW v AS SELECT id, a + 2 AS a FROM t", "CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE RETURN $1 + 2",
		"ALTER DOMAIN d ADD CHECK (VALUE > 0)",
		"ALTER TABLE t ALTER COLUMN twice SET EXPRESSION AS (a * 3)", // since version 17
	} {
		if _, err := conn.ExecContext(t.Context(), query); err != nil {
			if !strings.Contains(query, "SET EXPRESSION") {
				t.Fatal(err)
			}
			continue
		}
		digest := catalogOf(t, conn).Digest
		if digest == before {
			t.Errorf("%s is not seen", query)
		}
		before = digest
	}
}

// A function may be read because a view calls it, before it is known what policies do to the table that it reads.
func TestReadForAView(t *testing.T) {
	conn := connect(t, open(t, drivers[0]))
	exec(t, conn, "CREATE TABLE log (id int)", "CREATE TABLE guarded (id int)",
		"CREATE FUNCTION writes() RETURNS boolean LANGUAGE sql AS 'DELETE FROM public.log; SELECT true'",
		"CREATE POLICY p ON guarded USING (writes())", "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
		"CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.guarded'", "CREATE VIEW v AS SELECT reads() AS n")
	if s := postgres.Dialect.Analyze("SELECT reads()", catalogOf(t, conn)); s.Kind != moneyclip.KindWrite {
		t.Errorf("a function that reads under a policy which writes is of kind %v", s.Kind)
	}
}

// What is not enforced does nothing: no action of a key, no call of a condition.
func TestNotEnforced(t *testing.T) {
	conn := connect(t, open(t, drivers[0]))
	exec(t, conn, "CREATE TABLE log (id int)", "CREATE TABLE above (id int PRIMARY KEY)",
		"CREATE FUNCTION holds(int) RETURNS boolean LANGUAGE sql AS 'DELETE FROM public.log; SELECT true'",
		"CREATE TABLE below (id int REFERENCES above ON DELETE CASCADE, CHECK (holds(id)))")
	if catalog := catalogOf(t, conn); len(catalog.Tables["public.above"].Keys) != 1 || len(catalog.Tables["public.below"].Triggers) != 2 {
		t.Errorf("a key and a condition are not seen: %+v, %+v", catalog.Tables["public.above"].Keys, catalog.Tables["public.below"].Triggers)
	}
	_, err := conn.ExecContext(t.Context(), "ALTER TABLE below ALTER CONSTRAINT below_id_fkey NOT ENFORCED, DROP CONSTRAINT below_id_check, ADD CHECK (holds(id)) NOT ENFORCED")
	if err != nil {
		t.Skip(err)
	}
	if catalog := catalogOf(t, conn); len(catalog.Tables["public.above"].Keys) != 0 || len(catalog.Tables["public.below"].Triggers) != 0 {
		t.Errorf("they count although they are not enforced: %+v, %+v", catalog.Tables["public.above"].Keys, catalog.Tables["public.below"].Triggers)
	}
}

// An heir may compute a column that the table above does not. Since version 16 PostgreSQL has none of it.
func TestHeirThatComputes(t *testing.T) {
	conn := connect(t, open(t, drivers[0]))
	exec(t, conn, "CREATE TABLE base (id int, twice int)")
	_, err := conn.ExecContext(t.Context(), "CREATE TABLE heir (twice int GENERATED ALWAYS AS (id * 2) STORED) INHERITS (base)")
	if err != nil {
		t.Skip(err)
	}
	catalog := catalogOf(t, conn)
	want := []moneyclip.Trigger{{Op: moneyclip.Update, Sets: []string{"twice"}}}
	if got := catalog.Tables["public.base"].Triggers; !reflect.DeepEqual(got, want) {
		t.Errorf("triggers of base = %+v, want %+v", got, want)
	}
	if got := catalog.Tables["public.heir"].Triggers; len(got) > 0 {
		t.Errorf("triggers of heir = %+v, want none", got)
	}
}

// Triggers that are not written in PL/pgSQL, and set the one column that they are told.
func TestTriggersThatAreTold(t *testing.T) {
	conn := connect(t, open(t, drivers[0]))
	exec(t, conn, `
CREATE EXTENSION moddatetime; CREATE EXTENSION insert_username;
CREATE TABLE notes (id int PRIMARY KEY, "at ""all""" timestamp, by text, body text, words tsvector);
CREATE TRIGGER a BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION moddatetime('at "all"');
CREATE TRIGGER b BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION insert_username(by);
CREATE TRIGGER c BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.simple', body)`)
	got := map[string]bool{}
	for _, trigger := range catalogOf(t, conn).Tables["public.notes"].Triggers {
		got[fmt.Sprint(trigger.Op, trigger.Sets, trigger.SetsAll, trigger.Opaque)] = true
	}
	for _, sets := range []string{`at "all"`, "by", "words"} {
		if want := fmt.Sprint(moneyclip.Update, []string{sets}, false, ""); !got[want] {
			t.Errorf("triggers = %v, want %s among them", got, want)
		}
	}
}
