package mysql

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
	"CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(3) UNIQUE DEFAULT 'x', b INT, FOREIGN KEY (b) REFERENCES t (id)); CREATE VIEW v AS SELECT * FROM t; ALTER TABLE t RENAME COLUMN a TO c",
	"ALTER TABLE t ADD a INT FIRST, MODIFY b INT AFTER a, CHANGE c d INT, DROP KEY x, CONVERT TO CHARACTER SET latin1; CREATE TABLE u LIKE t; RENAME TABLE t TO w",
	"DELIMITER //\nCREATE TRIGGER r BEFORE UPDATE ON t FOR EACH ROW BEGIN SET NEW.a = 1; END//\nDELIMITER ;\nDROP TRIGGER r; /*!40101 SET x = 1 */;",
	"CREATE TABLE t (a INT, UNIQUE KEY ((a + 1)), UNIQUE (a)); ALTER TABLE t DROP COLUMN a; CREATE UNIQUE INDEX i ON t (a(3)); DROP INDEX i ON t",
}

// What cannot be known is said.
func TestSchemaDoubts(t *testing.T) {
	t.Parallel()
	catalog, err := Schema("USE shop; CREATE TABLE a (id INT);\nNONSENSE;", `ALTER TABLE a FROB; CREATE TABLE b AS SELECT 1;
		CREATE TABLE c (id INT) WITH SYSTEM VERSIONING;
		DROP TABLE d;
		CREATE TABLE other.e (id INT);
		CALL p();
		CREATE TABLE f (id INT, KEY (x));
-- migrate:down
		DROP TABLE a`)
	want := `schema text 1, statement 3 (line 2): it is not understood
schema text 2, statement 4 (line 3): there is no table d
schema text 2, statement 5 (line 4): it is about the database other
schema text 2, statement 6 (line 5): it calls a procedure, of which it is not known what it does to the schema
schema text 2, statement 7 (line 6): there is no column x`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	for name, opaque := range map[string]string{
		"a": "a statement about it is not understood", "b": "its columns are those of a SELECT", "c": "a statement about it is not understood", "f": "",
	} {
		if got := catalog.Tables[name]; got == nil || got.Opaque != opaque {
			t.Errorf("%s: got %+v, want Opaque %q", name, got, opaque)
		}
	}
}
