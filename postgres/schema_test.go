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
