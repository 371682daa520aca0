//go:build cgo

package sqlite_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// catalogOf is the catalog of a new database after some statements.
func catalogOf(t *testing.T, statements ...string) *moneyclip.Catalog {
	t.Helper()
	conn, err := (&sqlite3.SQLiteDriver{}).Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := &oracle{conn: conn.(*sqlite3.SQLiteConn)}
	for _, query := range statements {
		if _, err := o.conn.Exec(query, nil); err != nil {
			t.Fatalf("Exec(%q): %v", query, err)
		}
	}
	catalog, err := sqlite.Dialect.Catalog(t.Context(), o.ask)
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// columnText writes a column as "name type collation !null =default".
func columnText(c *moneyclip.Column) string {
	text := c.Name
	if c.Type != "" {
		text += " " + c.Type
	}
	if c.Collation != "" {
		text += " " + c.Collation
	}
	if c.NotNull {
		text += " !null"
	}
	switch {
	case c.Generated:
		text += " generated"
	case c.Default.Kind != moneyclip.ValueConst:
		text += " =computed"
	case c.Default.Const != nil:
		text += fmt.Sprintf(" =%#v", c.Default.Const)
	}
	return text
}

func uniqueText(keys []moneyclip.UniqueKey) string {
	var list []string
	for _, key := range keys {
		text := strings.Join(key.Columns, ",")
		if key.Odd {
			text += " odd"
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

func TestCatalogTables(t *testing.T) {
	t.Parallel()
	tests := []struct {
		create  string // of table t
		columns string
		unique  string
		serial  string
	}{
		{create: "CREATE TABLE T (Id INTEGER PRIMARY KEY, [My Name] VARCHAR(20) NOT NULL)", columns: "id INTEGER; my name VARCHAR(20) !null", unique: "id", serial: "id"},
		{create: "CREATE TABLE t (id integer PRIMARY KEY AUTOINCREMENT)", columns: "id integer", unique: "id", serial: "id"},
		{create: "CREATE TABLE t (id INTEGER PRIMARY KEY ASC)", columns: "id INTEGER", unique: "id", serial: "id"},
		{create: "CREATE TABLE t (id INTEGER PRIMARY KEY DESC)", columns: "id INTEGER", unique: "id"},
		{create: "CREATE TABLE t (id INT PRIMARY KEY)", columns: "id INT", unique: "id"},
		{create: "CREATE TABLE t (id INTEGER(4) PRIMARY KEY)", columns: "id INTEGER(4)", unique: "id"},
		{create: "CREATE TABLE t (id INTEGER, a, PRIMARY KEY (id DESC))", columns: "id INTEGER; a", unique: "id", serial: "id"},
		{create: "CREATE TABLE t (id INTEGER, a, PRIMARY KEY (id, a))", columns: "id INTEGER; a", unique: "id,a"},
		{create: "CREATE TABLE t (id INTEGER PRIMARY KEY) WITHOUT ROWID", columns: "id INTEGER !null", unique: "id"},
		{create: "CREATE TABLE t (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID", columns: "a !null; b !null", unique: "b,a"},
		{create: "CREATE TABLE t (a TEXT COLLATE nocase UNIQUE, b COLLATE binary)", columns: "a TEXT NOCASE; b", unique: "a"},
		{create: "CREATE TABLE t (a TEXT, UNIQUE (a COLLATE NOCASE))", columns: "a TEXT", unique: "a odd"},
		{create: "CREATE TABLE t (a DEFAULT 5, b DEFAULT -1.5, c DEFAULT 'x', d DEFAULT word, e DEFAULT (1 + 1), f DEFAULT CURRENT_DATE, g DEFAULT NULL, h DEFAULT TRUE, i DEFAULT (7), j DEFAULT x'01')",
			columns: `a =5; b =-1.5; c ="x"; d ="word"; e =computed; f =computed; g; h =1; i =7; j =[]byte{0x1}`},
		{create: "CREATE TABLE t (a INT, b INT GENERATED ALWAYS AS (a + 1) STORED, c AS (a))", columns: "a INT; b INT generated; c generated"},
		{create: "CREATE TABLE t (a ANY, b INT NOT NULL) STRICT", columns: "a; b INT !null"},
		{create: "CREATE TABLE t AS SELECT 1 AS a, 'x' AS \"b c\"", columns: "a; b c"},
		{create: "CREATE TABLE t (a); CREATE UNIQUE INDEX i ON t (a); CREATE INDEX j ON t (a)", columns: "a", unique: "a"},
		{create: "CREATE TABLE t (a, b); CREATE UNIQUE INDEX i ON t (a, lower(b))", columns: "a; b", unique: "a odd"},
		{create: "CREATE TABLE t (a, b); CREATE UNIQUE INDEX i ON t (a) WHERE b > 1", columns: "a; b", unique: "a odd"},
		{create: "CREATE TABLE t (a COLLATE NOCASE); CREATE UNIQUE INDEX i ON t (a COLLATE nocase)", columns: "a NOCASE", unique: "a"},
		{create: "CREATE TABLE t (a); ALTER TABLE t ADD COLUMN b INT DEFAULT 3; ALTER TABLE t RENAME a TO z", columns: "z; b INT =3"},
		{create: "CREATE TABLE u (a); ALTER TABLE u RENAME TO t", columns: "a"},
	}
	for _, tt := range tests {
		t.Run(tt.create, func(t *testing.T) {
			t.Parallel()
			table := catalogOf(t, tt.create).Tables["t"]
			if table == nil || table.Name != "t" || table.Opaque != "" || table.View {
				t.Fatalf("table = %+v", table)
			}
			var columns []string
			for _, c := range table.Columns {
				columns = append(columns, columnText(c))
			}
			if got := strings.Join(columns, "; "); got != tt.columns {
				t.Errorf("columns = %q, want %q", got, tt.columns)
			}
			if got := uniqueText(table.Unique); got != tt.unique {
				t.Errorf("unique keys = %q, want %q", got, tt.unique)
			}
			if table.Serial != tt.serial {
				t.Errorf("Serial = %q, want %q", table.Serial, tt.serial)
			}
		})
	}
}

// TestCatalogSerial: Serial is the column that SQLite itself takes for the rowid.
func TestCatalogSerial(t *testing.T) {
	t.Parallel()
	for _, definition := range []string{
		"id INTEGER PRIMARY KEY", "id INTEGER PRIMARY KEY DESC", "id INT PRIMARY KEY", "id BIGINT PRIMARY KEY", "id INTEGER, PRIMARY KEY (id)",
		"id INTEGER, PRIMARY KEY (id DESC)", "id INTEGER, PRIMARY KEY (id COLLATE NOCASE)", "id INTEGER UNIQUE", "id iNtEgEr NOT NULL PRIMARY KEY",
		"id INTEGER(8) PRIMARY KEY", "id UNSIGNED INTEGER PRIMARY KEY", "id INTEGER, PRIMARY KEY ('id')", "id PRIMARY KEY",
	} {
		conn, err := (&sqlite3.SQLiteDriver{}).Open(":memory:")
		if err != nil {
			t.Fatal(err)
		}
		o := &oracle{conn: conn.(*sqlite3.SQLiteConn)}
		for _, query := range []string{"CREATE TABLE t (other, " + definition + ")", "INSERT OR IGNORE INTO t (other) VALUES (1)"} {
			if _, err := o.conn.Exec(query, nil); err != nil {
				t.Fatalf("Exec(%q): %v", query, err)
			}
		}
		catalog, err := sqlite.Dialect.Catalog(t.Context(), o.ask)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := o.ask(t.Context(), "SELECT id IS NOT NULL FROM t")
		if err != nil {
			t.Fatal(err)
		}
		isNumbered := len(rows) == 1 && rows[0][0] == int64(1)
		if got := catalog.Tables["t"].Serial == "id"; got != isNumbered {
			t.Errorf("%q: Serial is %v, SQLite numbers rows: %v", definition, got, isNumbered)
		}
		conn.Close()
	}
}

func TestCatalogKeys(t *testing.T) {
	t.Parallel()
	catalog := catalogOf(t,
		"CREATE TABLE p (a INT, b INT, c TEXT UNIQUE, PRIMARY KEY (b, a))",
		"CREATE TABLE one (x TEXT REFERENCES P (C) ON DELETE SET NULL ON UPDATE CASCADE, y REFERENCES missing (z))",
		"CREATE TABLE two (x INT, y INT, FOREIGN KEY (x, y) REFERENCES p ON DELETE SET DEFAULT ON UPDATE RESTRICT)",
		"CREATE TABLE tree (id INTEGER PRIMARY KEY, up INT REFERENCES tree ON DELETE CASCADE MATCH FULL)",
	)
	tests := []struct{ table, want string }{
		{"p", "[{one [x] [c] 2 1} {two [x y] [b a] 3 0}]"},
		{"tree", "[{tree [up] [id] 1 0}]"},
		{"one", "[]"},
	}
	for _, tt := range tests {
		if got := fmt.Sprint(catalog.Tables[tt.table].Keys); got != tt.want {
			t.Errorf("keys of %s = %s, want %s", tt.table, got, tt.want)
		}
	}
}

func TestCatalogReplaces(t *testing.T) {
	t.Parallel()
	for create, want := range map[string]bool{
		"CREATE TABLE t (a UNIQUE)":                                        false,
		"CREATE TABLE t (a UNIQUE ON CONFLICT IGNORE)":                     false,
		"CREATE TABLE t (a UNIQUE ON CONFLICT REPLACE)":                    true,
		"CREATE TABLE t (a PRIMARY KEY ON CONFLICT REPLACE)":               true,
		"CREATE TABLE t (a, b, UNIQUE (a, b) ON CONFLICT REPLACE)":         true,
		"CREATE TABLE t (a NOT NULL ON CONFLICT REPLACE DEFAULT 1, b INT)": true,
	} {
		if got := catalogOf(t, create).Tables["t"].Replaces; got != want {
			t.Errorf("%s: Replaces = %v, want %v", create, got, want)
		}
	}
}

func TestCatalogTriggers(t *testing.T) {
	t.Parallel()
	catalog := catalogOf(t,
		"CREATE TABLE acc (id INTEGER PRIMARY KEY, name TEXT, n INT)",
		"CREATE TABLE doc (id INTEGER PRIMARY KEY, acc_id INTEGER, title TEXT, n TEXT)",
		"CREATE VIEW v AS SELECT id FROM acc",
		`CREATE TRIGGER t1 AFTER INSERT ON doc WHEN NEW.acc_id > 0 BEGIN
			UPDATE acc SET n = n + 1, name = NEW.title WHERE id = NEW.acc_id;
			SELECT 1;
		END`,
		`CREATE TRIGGER t2 BEFORE UPDATE OF Title, id ON doc BEGIN
			DELETE FROM acc WHERE name IN (OLD.title, NEW.title) AND n = 3;
			INSERT OR REPLACE INTO acc (id, name, n) VALUES (NEW.acc_id, 'x', NEW.n);
		END`,
		"CREATE TRIGGER t3 DELETE ON doc BEGIN UPDATE acc SET n = acc.n - 1 FROM doc AS new WHERE acc.id = new.acc_id; END",
		`CREATE TRIGGER t0 BEFORE INSERT ON acc BEGIN
			UPDATE doc SET n = NEW.id, title = NEW.name WHERE acc_id = NEW.id AND n = NEW.name;
		END`,
		"CREATE TRIGGER t4 INSTEAD OF DELETE ON v BEGIN DELETE FROM acc WHERE id = OLD.id; END",
	)
	describe := func(table string) string {
		var list []string
		for _, trigger := range catalog.Tables[table].Triggers {
			text := fmt.Sprintf("%s of %v instead %v:", ops[trigger.Op], trigger.Of, trigger.Instead)
			for _, w := range trigger.Writes {
				text += " " + writeText(w) + ";"
			}
			list = append(list, text+trigger.Opaque)
		}
		return strings.Join(list, "\n")
	}
	want := strings.Join([]string{
		"insert of [] instead false: update acc where id=new.acc_id~doc.acc_id set n:=computed,name:=new.title;",
		"update of [title id] instead false: delete acc where n=3 name=old.title|new.title~doc.title~doc.title; " +
			`insert acc (id,name,n) <new.acc_id,"x",computed> replace;`,
		"delete of [] instead false: update acc set n:=computed;",
	}, "\n")
	if got := describe("doc"); got != want {
		t.Errorf("triggers of doc:\n%s\nwant\n%s", got, want)
	}
	// Before the insert the row has no number.
	if got, want := describe("acc"), "insert of [] instead false: update doc where n=new.name~acc.name set n:=computed,title:=new.name;"; got != want {
		t.Errorf("triggers of acc:\n%s\nwant\n%s", got, want)
	}
	if got, want := describe("v"), "delete of [] instead true: delete acc;"; got != want {
		t.Errorf("triggers of v:\n%s\nwant\n%s", got, want)
	}
}

func TestCatalogViews(t *testing.T) {
	t.Parallel()
	catalog := catalogOf(t,
		"CREATE TABLE a (x, y)",
		"CREATE VIEW w AS SELECT * FROM v JOIN a ON a.x = v.q",
		"CREATE VIEW v (q) AS SELECT x FROM a WHERE y = 1",
		"CREATE VIEW none AS SELECT 1 AS one",
		"CREATE VIEW r AS SELECT random() AS r FROM a",
		"CREATE VIEW gone AS SELECT * FROM nowhere",
		"CREATE VIEW rr AS SELECT * FROM r",
	)
	tests := []struct{ view, reads, opaque string }{
		{"v", "a(x,y) y=1", ""},
		{"w", "a(*); a(*)", ""},
		{"none", "", ""},
		{"r", "a()", "calls random(), which is volatile"},
		{"gone", "nowhere(*)", "reads nowhere, which is not a table of the main database"},
		{"rr", "r(*)", "reads r: calls random(), which is volatile"},
	}
	for _, tt := range tests {
		view := catalog.Tables[tt.view]
		if view == nil || !view.View || view.Reads == nil {
			t.Errorf("%s = %+v, want a view with its reads", tt.view, view)
			continue
		}
		if got := readsText(view.Reads); got != tt.reads || view.Opaque != tt.opaque {
			t.Errorf("%s reads %q opaque %q, want %q opaque %q", tt.view, got, view.Opaque, tt.reads, tt.opaque)
		}
	}
	s := sqlite.Dialect.Analyze("SELECT * FROM rr", catalog)
	if want := "reads rr: reads r: calls random(), which is volatile"; s.Uncacheable != want {
		t.Errorf("Uncacheable = %q, want %q", s.Uncacheable, want)
	}
}

func TestCatalogOpaque(t *testing.T) {
	t.Parallel()
	catalog := catalogOf(t,
		"CREATE VIRTUAL TABLE words USING fts3(word)",
		"CREATE TABLE plain (a)",
		`CREATE TABLE quoted (id "INTEGER" PRIMARY KEY)`,
	)
	for table, want := range map[string]bool{"words": true, "words_content": true, "plain": false, "quoted": true} {
		if got := catalog.Tables[table].Opaque != ""; got != want {
			t.Errorf("%s is opaque: %v (%q), want %v", table, got, catalog.Tables[table].Opaque, want)
		}
	}
	for name := range catalog.Tables {
		if strings.HasPrefix(name, "sqlite_") {
			t.Errorf("the catalog has %s", name)
		}
	}
}

func TestCatalogDigest(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, create := range []string{"", "CREATE TABLE a (b)", "CREATE TABLE b (a)", "CREATE TABLE a (b); CREATE INDEX i ON a (b)"} {
		digest := catalogOf(t, create).Digest
		if other, ok := seen[digest]; ok {
			t.Errorf("%q and %q have one digest", create, other)
		}
		seen[digest] = create
		if again := catalogOf(t, create).Digest; again != digest {
			t.Errorf("%q has two digests, %q and %q", create, digest, again)
		}
	}
}
