package ddl

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	postgresSyntax = Syntax{Dollars: true, Atomic: true}
	mysqlSyntax    = Syntax{Backslashes: true, Hashes: true, Delimiters: true, Blocks: true}
	sqliteSyntax   = Syntax{Brackets: true}
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		syntax Syntax
		text   string
		want   []string // in which "|" stands for ";"
	}{
		{"plain", sqliteSyntax, "a; b ;\n\n c", []string{"a", "b", "c"}},
		{"nothing", sqliteSyntax, " ;; -- x\n /* y */ ;", nil},
		{"comments", sqliteSyntax, "-- a;b\nx /* ; */ y -- ;\n; z # 1;", []string{"x /* | */ y", "z # 1"}},
		{"texts", sqliteSyntax, `'a;''b' "c;" [d;] ; e`, []string{`'a|''b' "c|" [d|]`, "e"}},
		{"backslash", mysqlSyntax, `'a\';' ; b`, []string{`'a\'|'`, "b"}},
		{"no backslash", postgresSyntax, `'a\'; E'b\';' ; c`, []string{`'a\'`, `E'b\'|'`, "c"}},
		{"dollars", postgresSyntax, "f $$ a; $x$ $$; g $x$;$$;$x$; $1;", []string{"f $$ a| $x$ $$", "g $x$|$$|$x$", "$1"}},
		{"nested comment", postgresSyntax, "/* /* ; */ ; */ a; b", []string{"a", "b"}},
		{
			"trigger", sqliteSyntax, "CREATE TEMP TRIGGER x AFTER UPDATE ON t BEGIN SELECT CASE WHEN a THEN b END; DELETE FROM t; END; c",
			[]string{"CREATE TEMP TRIGGER x AFTER UPDATE ON t BEGIN SELECT CASE WHEN a THEN b END| DELETE FROM t| END", "c"},
		},
		{
			"blocks", mysqlSyntax,
			"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN IF if(a, b, c) THEN SET d = 1; ELSEIF e THEN SET f = 2; END IF; WHILE g DO h; END WHILE; CASE i WHEN 1 THEN j; END CASE; END; k",
			[]string{"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN IF if(a, b, c) THEN SET d = 1| ELSEIF e THEN SET f = 2| END IF| WHILE g DO h| END WHILE| CASE i WHEN 1 THEN j| END CASE| END", "k"},
		},
		{
			"no block", mysqlSyntax, "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1; b",
			[]string{"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", "b"},
		},
		{"delimiter", mysqlSyntax, "a;\nDELIMITER //\nb; c//\nDELIMITER ;\nd", []string{"a", "b| c", "d"}},
		{
			"atomic", postgresSyntax, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN a THEN b END; END; c; BEGIN; d",
			[]string{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1| SELECT CASE WHEN a THEN b END| END", "c", "BEGIN", "d"},
		},
		{"executable", mysqlSyntax, "/*!40101 SET x = 1 */; a /* ; */", []string{"/*!40101 SET x = 1 */", "a"}},
	} {
		var got []string
		for _, s := range tc.syntax.Split(tc.text) {
			got = append(got, strings.ReplaceAll(s.Text, ";", "|"))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tc.name, diff)
		}
	}
}

func TestSplitNumbers(t *testing.T) {
	t.Parallel()
	got := sqliteSyntax.Split("a;\n-- x\nb\n;c")
	want := []Statement{{"a", 1, 1}, {"b", 2, 3}, {"c", 3, 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUp(t *testing.T) {
	t.Parallel()
	for _, down := range []string{"-- +goose Down", "-- +migrate Down", "---- create above / drop below ----", "-- migrate:down"} {
		if got := Up("-- up\na;\n" + down + "\nb;\n"); got != "-- up\na;\n" {
			t.Errorf("%s: got %q", down, got)
		}
	}
	if got := Up("\\restrict x\na"); got != "\na" {
		t.Errorf("got %q", got)
	}
	if !IsDown("1.down.sql") || IsDown("1.up.sql") {
		t.Error("IsDown")
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"CREATE TABLE IF NOT EXISTS a (b nonsense":  "a",
		"ALTER TABLE ONLY \"a b\".`c` x":            "\"a b\" `c`",
		"create unique index i on [t] (x)":          "[t]",
		"CREATE TRIGGER x AFTER UPDATE OF a ON s.t": "s t",
		"GRANT ALL": "",
	} {
		if got := strings.Join(Subject(statement), " "); got != want {
			t.Errorf("Subject(%q) = %q, want %q", statement, got, want)
		}
	}
	if name, quoted := Unquote(`"a""b"`); name != `a"b` || !quoted {
		t.Errorf("got %q", name)
	}
}

// No text makes Split fall over, and no statement is one that the text does not have.
func FuzzSplit(f *testing.F) {
	f.Add("CREATE TRIGGER x BEGIN a; END; $$ ' \" [ /*")
	f.Fuzz(func(t *testing.T, text string) {
		for _, syntax := range []Syntax{postgresSyntax, mysqlSyntax, sqliteSyntax} {
			for _, s := range syntax.Split(Up(text)) {
				if !strings.Contains(text, s.Text) && !strings.Contains(text, "\\") || s.Text == "" {
					t.Errorf("%q is no part of %q", s.Text, text)
				}
			}
		}
	})
}
