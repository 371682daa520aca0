package mysql_test

import (
	"database/sql"
	"database/sql/driver"
	"math"
	"slices"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, db interface {
	Exec(query string, args ...any) (sql.Result, error)
}, query string, args ...any,
) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

var columns = []string{
	"INTEGER", "TINYINT", "TINYINT UNSIGNED", "BIGINT", "BIGINT UNSIGNED", "BOOLEAN", "YEAR", "INT(5) ZEROFILL",
	"DECIMAL(10,2)", "DECIMAL(30,10)", "DOUBLE",
	"VARCHAR(20)", "VARCHAR(3)", "CHAR(8)", "TEXT", "TINYTEXT", "VARCHAR(20) COLLATE utf8mb4_bin",
	"VARCHAR(20) COLLATE utf8mb4_unicode_ci",
	"VARCHAR(20) CHARACTER SET latin1", "VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin", "VARCHAR(20) CHARACTER SET ascii",
	"VARCHAR(20) CHARACTER SET utf8mb3 COLLATE utf8mb3_bin",
	"VARBINARY(20)", "VARBINARY(3)", "BLOB", "BINARY(3)", "DATE", "DATETIME", "DATETIME(3)",
	"ENUM('abc','ABD','1','it''s','a')",
}

// Columns that only one of the servers has.
var (
	mariaDBColumns = []string{
		"CHAR(8) COLLATE utf8mb4_nopad_bin", "VARCHAR(20) COLLATE utf8mb4_unicode_nopad_ci", "CHAR(8) COLLATE utf8mb4_general_nopad_ci",
		"VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci", "UUID",
	}
	mySQLColumns = []string{
		"CHAR(8) COLLATE utf8mb4_0900_bin", "VARCHAR(20) COLLATE utf8mb4_0900_ai_ci", "CHAR(8) COLLATE utf8mb4_0900_as_ci", "VARCHAR(20) COLLATE utf8mb4_0900_as_cs",
	}
)

var samples = []driver.Value{
	int64(0), int64(1), int64(-1), int64(127), int64(128), int64(255), int64(256), int64(2024), int64(70), int64(10),
	int64(math.MaxInt64), int64(math.MinInt64), int64(1) << 53, int64(1)<<53 + 1, int64(123456789012345),
	0.0, 1.0, -1.0, 1.5, 2.5, 0.1, 1e15, 1e300, 127.4, 123456789.125, math.Copysign(0, -1),
	true, false,
	"", " ", "0", "1", "01", "-1", "-0", "+1", " 1", "1 ", "1.0", "1.5", "1.50", "1.500", "0.1", ".1", "1e0", "1abc", "0x1",
	"127", "128", "300", "2024", "70", "123456789012345", "9007199254740992", "9007199254740993", "1.0000000000000000001",
	"12345678.12", "123456789.12", "0.123456789012345",
	"abc", "ABC", "abd", "Abd", "abc ", "abc  ", "abcd", "ab", "ab\x00", "a", "A", "a\t", "a\x01", "a b", "a  b", "it's", `a\b`,
	"é", "e", "É", "ß", "ss", "😀", "漢字", "ch", "cH", "CH", "%", "_", "'", `"`, "\xff",
	"2024-01-01", "2024-1-1", "2024-02-30", "0000-00-00", "20240101", "2024-01-01 00:00:00", "2024-01-01 10:00:00",
	"2024-01-01 10:00:00.5", "2024-01-01 10:00:00.500", "2024-01-01 10:00:00.0006", "2024-01-01T10:00:00",
	"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "6ba7b8109dad11d180b400c04fd430c8",
	[]byte{}, []byte("abc"), []byte("ABC"), []byte("abc "), []byte("ab"), []byte("abcd"), []byte{0}, []byte{0xff, 0xfe}, []byte("1"),
	[]byte("é"), []byte("ab\x00"),
	time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 1, 1, 10, 0, 0, 0, time.UTC),
}

// Whatever changes how values travel or are stored.
var ways = map[string]string{
	"prepared":     "",
	"interpolated": "interpolateParams=true",
	"parsed times": "parseTime=true&loc=Europe%2FBerlin",
	"not strict":   "sql_mode=%27%27",
	"3 bytes":      "charset=utf8mb3&interpolateParams=true",
}

func TestDialect(t *testing.T) {
	for name, options := range ways {
		t.Run(name, func(t *testing.T) {
			fitting := slices.Concat(columns, mariaDBColumns)
			if servers.MySQL() {
				fitting = slices.Concat(columns, mySQLColumns)
			}
			if name == "parsed times" || name == "3 bytes" {
				fitting = []string{"BIGINT", "VARCHAR(20)", "VARCHAR(20) COLLATE utf8mb4_bin", "VARBINARY(20)", "DATE", "DATETIME(3)"}
			}
			dialecttest.Exercise(t, mysql.Dialect, func(t *testing.T) *sql.DB {
				dsn := servers.MariaDB(t)
				if options != "" {
					dsn += "?" + options
				}
				return open(t, dsn)
			}, dialecttest.Cases{
				Columns: fitting,
				Values:  samples,
				Nasty: []string{
					"SELECT /*! 1 */ 2", "/*!50000 SELECT 1 */", "/*M!100100 SELECT 1 */", "SELECT /*! /* */ 1 */", "SELECT 1 /*!", "# only",
					"SELECT --1", "SELECT 1 --", "SELECT '\\", "SELECT `a", "SELECT N'x'", "SELECT @`a b`, @'x', @@global.`x`", "INSERT INTO t VALUES (1) RETURNING",
					"DELETE FROM t RETURNING *", "ANALYZE", "ANALYZE FORMAT=JSON", "ANALYZE DELETE FROM t", "SET", "SET @a", "COMMIT AND CHAIN",
					"CREATE TRIGGER x BEFORE INSERT ON authors FOR EACH ROW BEGIN SET NEW.name = 'x'; END", "CREATE", "DROP TEMPORARY TABLE x",
				},
			})
		})
	}
}

// MariaDB computes some columns for each read, by the clock or by the session.
func TestComputedColumns(t *testing.T) {
	db := open(t, servers.MariaDB(t))
	if servers.MySQL() {
		t.Skip("MySQL does not")
	}
	run(t, db, `CREATE TABLE person (id BIGINT PRIMARY KEY, born DATETIME, twice BIGINT AS (id * 2) VIRTUAL,
		age BIGINT AS (timestampdiff(year, born, now())) VIRTUAL, reader BIGINT AS (connection_id()) VIRTUAL)`)
	run(t, db, "CREATE VIEW aged AS SELECT id, age FROM person")
	catalog := catalog(t, db)
	for query, cached := range map[string]bool{
		"SELECT born FROM person WHERE id = ?":                 true,
		"SELECT twice FROM person WHERE id = ?":                true,
		"SELECT age FROM person WHERE id = ?":                  false,
		"SELECT count(*) FROM person WHERE id = ? AND age > 3": false,
		"SELECT * FROM person WHERE id = ?":                    false,
		"SELECT reader FROM person WHERE id = ?":               false,
	} {
		if s := mysql.Dialect.Analyze(query, catalog); s.Kind != moneyclip.KindRead || (s.Uncacheable == "") != cached {
			t.Errorf("%s: may be cached: %t, want %t (%s)", query, s.Uncacheable == "", cached, s.Uncacheable)
		}
	}
	if catalog.Tables["aged"].Opaque == "" {
		t.Error("a view of such a column is not opaque")
	}
}
