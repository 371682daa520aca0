package drivertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A kind is a column type with samples of it, as the text of the database has them.
type kind struct {
	name    string
	samples []string
}

// kinds reads a list of lines: the type, a colon, and samples between bars.
func kinds(lines string) (list []kind) {
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		name, samples, _ := strings.Cut(strings.TrimSpace(line), ": ")
		list = append(list, kind{name, strings.Split(samples, " | ")})
	}
	return list
}

var postgresKinds = kinds(`
bool: true | false
bytea: '' | '\x00ff27' | repeat('x', 3000)::bytea
"char": 'a' | ''
name: 'somebody'
int8: 0 | 9223372036854775807 | -9223372036854775808
int2: 0 | 32767 | -32768
int4: 0 | 2147483647 | -2147483648
text: '' | 'snowman ☃' | '0' | 't' | '2024-02-29' | repeat('y', 3000)
oid: 0 | 4294967295
tid: '(1,2)'
xid: '5'
cid: '5'
xid8: '5'
oidvector: '1 2'
int2vector: '1 2'
json: '{"a": [1, null]}' | 'null' | '""'
jsonb: '{"a": [1, null]}' | 'null' | '1.50'
xml: '<a>b</a>'
jsonpath: '$.a[*]'
point: '(1.5,-2)'
lseg: '[(0,0),(1,1)]'
path: '[(0,0),(1,1)]'
box: '(1,1),(0,0)'
polygon: '((0,0),(1,1),(1,0))'
line: '{1,2,3}'
circle: '<(0,0),1>'
float4: 0 | 1.1 | 'NaN' | '-Infinity' | 3.4e38
float8: 0 | 1.1 | 'NaN' | 'Infinity' | '-0' | 1e-300
money: 1234.56::numeric::money | (-1)::money
macaddr: '08:00:2b:01:02:03'
macaddr8: '08:00:2b:01:02:03:04:05'
inet: '10.1.2.3' | '10.1.0.0/16' | '::1'
cidr: '10.1.0.0/16' | '2001:db8::/32'
bpchar: 'ab  ' | ''
bpchar(5): 'ab'
varchar: 'ab' | ''
varchar(7): 'ab'
date: '2024-02-29' | 'infinity' | '-infinity' | '0044-03-15 BC' | '9999-12-31'
time: '13:14:15.123456' | '24:00'
time(0): '13:14:15'
timestamp: '2024-02-29 13:14:15.123456' | 'infinity' | '-infinity' | '0044-03-15 BC'
timestamptz: '2024-02-29 13:14:15.123456+05:30' | 'infinity' | '2024-07-01 00:00:00Z' | '0001-01-01 00:00:00Z'
timestamptz(3): '2024-02-29 13:14:15.123456+05:30'
interval: '1 year 2 mons 3 days 04:05:06.789' | '-1 day' | '0'
timetz: '13:14:15.123456+05:30'
bit: B'1'
bit(5): B'10110'
varbit: B'10110' | B''
numeric: 0 | 1.50 | 'NaN' | 'Infinity' | 123456789012345678901234567890.123456789
numeric(10,2): 1.5 | -99999999.99
uuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
tsvector: 'a fat cat'
tsquery: 'fat & cat'
int4range: '[1,5)' | 'empty' | '(,)'
numrange: '[1.5,2.5]'
tsrange: '[2024-01-01,2024-02-01)'
tstzrange: '[2024-01-01Z,infinity)'
daterange: '[2024-01-01,2024-02-01)'
int8range: '[1,5)'
int4multirange: '{[1,5),[7,9)}' | '{}'
nummultirange: '{[1.5,2.5]}'
tsmultirange: '{[2024-01-01,2024-02-01)}'
tstzmultirange: '{[2024-01-01Z,2024-02-01Z)}'
datemultirange: '{[2024-01-01,2024-02-01)}'
int8multirange: '{[1,5)}'
mood: 'sad'
pair: ROW(1, 'x y')::pair | ROW(NULL, NULL)::pair
positive: 7
int8[]: '{}' | '{1,NULL,3}' | '{{1,2},{3,4}}'
text[]: '{}' | '{a,"b c",NULL,""}'
float8[]: '{1.5,NaN}'
bool[]: '{t,f}'
bytea[]: '{"\\x00ff"}'
numeric[]: '{1.50,NaN}'
uuid[]: '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'
timestamptz[]: '{2024-02-29 13:14:15+05:30}'
date[]: '{2024-02-29}'
jsonb[]: '{"{\"a\": 1}"}'
inet[]: '{10.1.2.3}'
mood[]: '{sad,happy}'
pair[]: ARRAY[ROW(1, 'x')::pair]
int4range[]: '{"[1,5)"}'
`)

// mysqlKinds are those of MariaDB and of MySQL.
var mysqlKinds = kinds(`
tinyint: 0 | 127 | -128
tinyint(1): 1 | 0
tinyint unsigned: 255
smallint: 0 | 32767 | -32768
smallint unsigned: 65535
mediumint: -8388608
mediumint unsigned: 16777215
int: 0 | 2147483647 | -2147483648
int unsigned: 4294967295
int(8) unsigned zerofill: 42
bigint: 0 | 9223372036854775807 | -9223372036854775808
bigint unsigned: 0 | 9223372036854775807 | 9223372036854775808 | 18446744073709551615
bigint(20) unsigned zerofill: 42
float: 0 | 1.1 | -3.4e38
double: 0 | 1.1 | 1e300
decimal(10,2): 0 | 1.50 | -99999999.99
decimal(65,30): 12345678901234567890123456789012345.123456789012345678901234567890
bit(1): b'1' | b'0'
bit(10): b'1010101010'
bit(64): b'1111111111111111111111111111111111111111111111111111111111111111'
year: 2024 | 0
date: '2024-02-29' | '0000-00-00' | '9999-12-31'
datetime: '2024-02-29 13:14:15' | '0000-00-00 00:00:00'
datetime(6): '2024-02-29 13:14:15.123456'
timestamp: '2024-02-29 13:14:15' | '0000-00-00 00:00:00'
timestamp(3): '2024-02-29 13:14:15.123'
time: '13:14:15' | '-838:59:59' | '00:00:00'
time(6): '13:14:15.123456'
char(5): 'ab' | ''
varchar(50): 'snowman ☃' | '' | '0'
varchar(50) character set latin1: 'é'
varchar(50) collate utf8mb4_bin: 'x'
tinytext: 'x' | ''
text: repeat('y', 3000)
mediumtext: 'x'
longtext: 'x'
binary(5): 'ab'
varbinary(50): '' | x'00ff27'
tinyblob: x'00ff'
blob: '' | repeat(x'00ff', 1500)
mediumblob: x'00ff'
longblob: x'00ff'
enum('a','b'): 'a'
set('a','b','c'): '' | 'a,c'
json: '{"a": [1, null]}' | 'null'
geometry: ST_GeomFromText('POINT(1 2)')
point: ST_GeomFromText('POINT(1 2)')
linestring: ST_GeomFromText('LINESTRING(0 0,1 1)')
polygon: ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')
`)

// What only one of the servers has.
var (
	mariadbAlone = kinds(`
inet6: '::1'
inet4: '10.1.2.3'
uuid: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'
`)
	mysqlAlone = kinds(`
vector(3): STRING_TO_VECTOR('[1,2,3]')
`)
)

// sqliteKinds are declared types; each gets values of every storage class.
var sqliteKinds = func() (list []kind) {
	storage := strings.Split(`0 | 1 | -9223372036854775808 | 1700000000 | 1700000000123 | 1.5 | 1e300 | 9e999 | '' | 'text ☃' | '12' | 'true' | '2024-02-29' |`+
		` '2024-02-29 13:14:15.123456+05:30' | '2024-02-29T13:14:15Z' | '2024-02-29 13:14:15.5 +0530 IST' | '0001-01-01 00:00:00' | x'' | x'00ff27' | zeroblob(3000)`, " | ")
	for _, name := range []string{
		"INTEGER", "INT", "BIGINT", "UNSIGNED BIG INT", "BOOLEAN", "BOOL", "REAL", "DOUBLE", "FLOAT", "NUMERIC", "DECIMAL(10,5)",
		"TEXT", "VARCHAR(20)", "CLOB", "BLOB", "DATE", "DATETIME", "TIMESTAMP", "TIME", "JSON", "UUID", "",
	} {
		list = append(list, kind{name, storage})
	}
	return list
}()

func (s *server) kinds() []kind {
	switch s {
	case pg:
		return postgresKinds
	case maria:
		if servers.MySQL() {
			return slices.Concat(mysqlKinds, mysqlAlone)
		}
		return slices.Concat(mysqlKinds, mariadbAlone)
	}
	return sqliteKinds
}

// samples are the statements that make a table with a column for each type, and in each row another sample of each.
func (s *server) samples() []string {
	var columns, names []string
	most := 0
	for i, k := range s.kinds() {
		name := fmt.Sprintf("c%d", i)
		null := ""
		if s == maria {
			null = " NULL" // a timestamp is not, else
		}
		columns = append(columns, name+" "+k.name+null)
		names = append(names, name)
		most = max(most, len(k.samples))
	}
	texts := []string{fmt.Sprintf("CREATE TABLE samples (id INTEGER PRIMARY KEY, %s)", strings.Join(columns, ", "))}
	if s == maria {
		texts = append([]string{"SET SESSION sql_mode = ''"}, texts...) // zero dates
	}
	for row := range most {
		var values []string
		for _, k := range s.kinds() {
			value := "NULL"
			if row < len(k.samples) {
				value = k.samples[row]
			}
			values = append(values, value)
		}
		texts = append(texts, fmt.Sprintf("INSERT INTO samples (id, %s) VALUES (%d, %s)", strings.Join(names, ", "), row+1, strings.Join(values, ", ")))
	}
	// The last row is all NULL.
	return append(texts, fmt.Sprintf("INSERT INTO samples (id) VALUES (%d)", most+1))
}

// Every type that Postgres has is among the samples.
func TestKinds(t *testing.T) {
	t.Parallel()
	r := rigUp(t, &bases[0])
	rows, err := r.bare.db.Query(`SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
		AND typcategory NOT IN ('A', 'Z') AND typname NOT LIKE 'reg%' AND typname NOT LIKE 'pg\_%'
		AND typname NOT IN ('aclitem', 'gtsvector', 'refcursor', 'txid_snapshot')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(postgresKinds, func(k kind) bool { return strings.Trim(k.name, `"`) == name }) {
			t.Errorf("there is no sample of %s", name)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
