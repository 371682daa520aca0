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
