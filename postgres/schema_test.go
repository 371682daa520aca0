package postgres

import "testing"

// No text makes Schema fall over.
func FuzzSchema(f *testing.F) {
	for _, seed := range schemaSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if catalog, err := Schema(text, text); catalog == nil {
			t.Error(err)
		}
	})
}

var schemaSeeds = []string{
	"CREATE TABLE t (id serial PRIMARY KEY, a text UNIQUE DEFAULT 'x', b int REFERENCES t, CHECK (b > 0)); CREATE VIEW v AS SELECT * FROM t; ALTER TABLE t RENAME a TO c",
	"CREATE TYPE m AS ENUM ('a'); CREATE DOMAIN d AS m NOT NULL; CREATE TABLE p (d d, k int) PARTITION BY LIST (k); CREATE TABLE q PARTITION OF p DEFAULT; CREATE UNIQUE INDEX ON p (k); DROP TYPE m CASCADE",
	"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TABLE t (a int); CREATE TRIGGER r AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); DROP FUNCTION f CASCADE",
	"ALTER TABLE t ADD COLUMN a int, DROP COLUMN b, ALTER c TYPE text, DROP CONSTRAINT x; DO $$ BEGIN CREATE TYPE a AS ENUM ('x'); END $$",
	"CREATE SCHEMA s CREATE TABLE t (a int); SET search_path = s; CREATE TABLE u (LIKE t INCLUDING ALL) INHERITS (t); DROP SCHEMA s CASCADE; ALTER TABLE t SET SCHEMA u",
}

// What cannot be known is said.
func TestSchemaDoubts(t *testing.T) {
	t.Parallel()
	catalog, err := Schema("CREATE TABLE a (id int);\nNONSENSE;", `ALTER TABLE a FROB; CREATE INDEX ON a USING magic (id) FROB;
		DROP TABLE c;
		DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$;
		SELECT create_hypertable('a', 'at');
		CALL p();
		DO $$ BEGIN IF now() > now() THEN CREATE TABLE f (x int); END IF; END $$;
		ALTER TABLE e DROP CONSTRAINT nothing;
		CREATE TABLE e (id geometry PRIMARY KEY, PRIMARY KEY (x)); ALTER TABLE e DROP CONSTRAINT nothing;
-- +goose down
		DROP TABLE a`)
	want := `schema text 1, statement 2 (line 2): it is not understood
schema text 2, statement 3 (line 2): there is no table c
schema text 2, statement 4 (line 3): it runs code, of which it is not known what it does to the schema
schema text 2, statement 5 (line 4): it calls create_hypertable(), of which it is not known what it does to the schema
schema text 2, statement 6 (line 5): it calls a procedure, of which it is not known what it does to the schema
schema text 2, statement 7 (line 6): it changes the schema on a condition, which is taken for true
schema text 2, statement 8 (line 7): there is no table e
schema text 2, statement 9 (line 8): there is no column x
schema text 2, statement 10 (line 8): there is no constraint nothing`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	for name, opaque := range map[string]string{
		"public.a": "a statement about it is not understood", "public.f": "", "public.e": "its constraint nothing was dropped, which is not known",
	} {
		if got := catalog.Tables[name]; got == nil || got.Opaque != opaque {
			t.Errorf("%s: got %+v, want Opaque %q", name, got, opaque)
		}
	}
	if got := catalog.Tables["public.e"].Columns[0].Type; got != "public.geometry" {
		t.Errorf("got %s, want a type of an extension", got)
	}
}
