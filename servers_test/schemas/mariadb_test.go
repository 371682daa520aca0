package schemas_test

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/servers_test/schemas"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

const mariadbBase = `CREATE TABLE a (id BIGINT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(20) NOT NULL DEFAULT 'x', n INT DEFAULT -1, ok BOOL DEFAULT TRUE,
		e ENUM('a','it''s') DEFAULT 'a', at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, d DECIMAL(10,2) DEFAULT 1.5, UNIQUE KEY (name));
	CREATE TABLE b (id INT UNSIGNED NOT NULL AUTO_INCREMENT, a BIGINT, c VARCHAR(10) COLLATE utf8mb4_bin DEFAULT NULL, d VARCHAR(10) AS (upper(c)) STORED, t TIME,
		PRIMARY KEY (id), UNIQUE KEY (a, c), UNIQUE KEY part (c(3)), KEY (c), FOREIGN KEY (a) REFERENCES a (id) ON DELETE CASCADE);
	CREATE VIEW v AS SELECT * FROM a; CREATE VIEW w AS SELECT b.c AS e, a.name FROM b JOIN a ON a.id = b.a;
	CREATE TRIGGER r AFTER UPDATE ON b FOR EACH ROW UPDATE a SET n = n + 1 WHERE id = NEW.a;
	CREATE TRIGGER s BEFORE INSERT ON b FOR EACH ROW BEGIN IF NEW.c IS NULL THEN SET NEW.c = 'x'; END IF; DELETE FROM a WHERE id = NEW.id; END;
	CREATE FUNCTION f(x INT) RETURNS INT DETERMINISTIC RETURN x + 1;
	`

// Without a server the same is said of a schema as with it.
func TestMariaDB(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../examples/sqlc/mysql/schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"example":       string(example),
		"base":          mariadbBase,
		"if not exists": mariadbBase + "CREATE TABLE IF NOT EXISTS a (x INT); DROP TABLE IF EXISTS nothing; CREATE OR REPLACE VIEW v AS SELECT id, n AS m FROM a",
		"nothing":       mariadbBase + "INSERT INTO a (name) VALUES ('y'); SET NAMES utf8mb4; LOCK TABLES a WRITE; UNLOCK TABLES; ANALYZE TABLE a",
		"types": `CREATE TABLE t (a TINYINT, b SMALLINT UNSIGNED, c MEDIUMINT, d INT(5) ZEROFILL, e DECIMAL(5), f DECIMAL, g FLOAT, h DOUBLE, i BIT, j CHAR,
			k CHAR(5), l TEXT, m BLOB, n VARBINARY(3), o BINARY(4), p DATE, q DATETIME(3), r TIME, s YEAR, u SET('a','b'), w LONGTEXT, x TINYBLOB,
			z VARCHAR(5) CHARACTER SET latin1, aa VARCHAR(5) BINARY, ab VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin, ac DOUBLE(5,2), ad BOOLEAN, ae REAL, af INTEGER, ag NUMERIC(3,1))`,
		"json":          "CREATE TABLE t (id INT PRIMARY KEY, a JSON)",
		"charset":       "CREATE TABLE t (a VARCHAR(5), b TEXT CHARACTER SET utf8mb4) DEFAULT CHARSET=latin1; CREATE TABLE u (a CHAR(1)) COLLATE=utf8mb4_bin; ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"engine":        "CREATE TABLE t (a INT) ENGINE=MyISAM; CREATE TABLE u (a INT) ENGINE=InnoDB; ALTER TABLE u ENGINE=MyISAM",
		"add column":    mariadbBase + "ALTER TABLE a ADD COLUMN x INT NOT NULL DEFAULT 7 FIRST, ADD y INT UNIQUE AFTER name, ADD (z INT, zz INT)",
		"drop column":   mariadbBase + "ALTER TABLE a DROP COLUMN n, DROP d; ALTER TABLE b DROP COLUMN t",
		"modify":        mariadbBase + "ALTER TABLE a MODIFY name VARCHAR(30), CHANGE n number BIGINT NOT NULL FIRST, ALTER ok DROP DEFAULT, ALTER e SET DEFAULT 'it''s'; CREATE TABLE m (id BIGINT PRIMARY KEY AUTO_INCREMENT); ALTER TABLE m MODIFY id BIGINT",
		"rename column": mariadbBase + "ALTER TABLE b RENAME COLUMN t TO tt; CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE c (p INT, FOREIGN KEY (p) REFERENCES p (id)); ALTER TABLE p RENAME COLUMN id TO key1; ALTER TABLE c CHANGE p q INT",
		"rename table":  "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE c (p INT, FOREIGN KEY (p) REFERENCES p (id)); CREATE TRIGGER r AFTER DELETE ON p FOR EACH ROW DELETE FROM c; RENAME TABLE p TO pp; ALTER TABLE c RENAME TO cc",
		"keys":          mariadbBase + "ALTER TABLE b DROP FOREIGN KEY b_ibfk_1, DROP INDEX part; ALTER TABLE b ADD CONSTRAINT mine FOREIGN KEY (a) REFERENCES a (id) ON UPDATE CASCADE ON DELETE SET NULL, ADD UNIQUE INDEX uu (t); CREATE UNIQUE INDEX vv ON b (t, c); DROP INDEX uu ON b; ALTER TABLE b RENAME INDEX vv TO ww",
		"primary":       "CREATE TABLE t (a INT, b INT); ALTER TABLE t ADD PRIMARY KEY (b, a); ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a)",
		"like":          mariadbBase + "CREATE TABLE l LIKE b",
		"inline":        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE c (p INT REFERENCES p (id) ON DELETE CASCADE)",
		"drop":          mariadbBase + "DROP TRIGGER r; DROP FUNCTION f; DROP VIEW v, w; DROP TABLE b; DROP TABLE a",
		"temporary":     mariadbBase + "CREATE TEMPORARY TABLE t (id INT); DROP TEMPORARY TABLE t",
		"partitions":    "CREATE TABLE t (id INT PRIMARY KEY, x INT) PARTITION BY HASH (id) PARTITIONS 2",
		"dump":          "/*!40101 SET @saved = @@character_set_client */; /*!50503 SET character_set_client = utf8mb4 */; CREATE TABLE `t` (`id` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`)) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci; /*!40000 ALTER TABLE `t` DISABLE KEYS */",
		"alter view":    mariadbBase + "ALTER VIEW v AS SELECT id FROM a; ALTER ALGORITHM = MERGE VIEW w (f) AS SELECT c FROM b; ALTER TABLE a ADD late INT",
		"other key":     "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, x INT); ALTER TABLE t MODIFY id INT, DROP PRIMARY KEY, ADD PRIMARY KEY (x)",
		"hexadecimal":   "CREATE TABLE t (a VARCHAR(9) DEFAULT 0x41, b VARBINARY(9) DEFAULT x'42', c BIT DEFAULT b'1')",
		"views":         mariadbBase + "CREATE VIEW x (p, q) AS SELECT id, upper(name) FROM v; CREATE VIEW y AS SELECT c FROM b UNION SELECT name FROM a; CREATE VIEW z AS SELECT f(id) AS g FROM a; CREATE VIEW k AS SELECT rand() AS at, name FROM a",
		"goose":         "-- +goose Up\n-- +goose StatementBegin\n" + mariadbBase + "\n-- +goose StatementEnd\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := driver.ParseDSN(servers.MariaDB(t))
			if err != nil {
				t.Fatal("a DSN that cannot be parsed")
			}
			config.MultiStatements = true
			connector, err := driver.NewConnector(config)
			if err != nil {
				t.Fatal(err)
			}
			db := sql.OpenDB(connector)
			defer db.Close()
			if name == "json" && servers.MySQL() {
				t.Skip("it is a type of its own there, and a schema does not say for which server it is")
			}
			if _, err := db.Exec("ALTER DATABASE COLLATE utf8mb4_general_ci"); err != nil {
				t.Fatal(err)
			}
			schemas.Same(t, db, mysql.Dialect, schemas.MariaDB, strings.TrimSuffix(strings.TrimSpace(script), ";"))
		})
	}
}
