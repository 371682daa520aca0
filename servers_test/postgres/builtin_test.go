package postgres_test

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the server says into the files of the package")

const (
	builtinFile = "../../postgres/builtin.txt"
	laterFile   = "../../postgres/later.txt"
)

// What is known without a server of PostgreSQL's own functions, types and tables, and of those of the usual extensions,
// is what a server says.
func TestBuiltin(t *testing.T) {
	t.Parallel()
	conn := connect(t, open(t, "pgx"))
	for _, name := range []string{
		"autoinc", "btree_gin", "btree_gist", "citext", "cube", "earthdistance", "fuzzystrmatch", "hstore", "insert_username",
		"intarray", "isn", "lo", "ltree", "moddatetime", "pg_trgm", "pgcrypto", "seg", "tablefunc", "unaccent", "uuid-ossp",
	} {
		exec(t, conn, fmt.Sprintf("CREATE EXTENSION IF NOT EXISTS %q", name))
	}
	rows, err := conn.QueryContext(t.Context(), `SELECT what, string_agg(name, ' ' ORDER BY name COLLATE "C") FROM (
		SELECT DISTINCT p.provolatile::text, p.proname::text FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
		UNION SELECT 'unary', p.proname::text FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a')
			AND p.provolatile <> 'i' AND p.pronargs > 0 AND p.pronargs - p.pronargdefaults <= 1 AND NOT 'internal'::regtype = ANY (p.proargtypes)
			AND p.proname NOT LIKE 'binary\_upgrade\_%' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
		UNION SELECT 'type', typname::text FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm', 'p')
			AND NOT (typname LIKE '\_%' AND typelem <> 0)
		UNION SELECT 'system', relname::text FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
		UNION SELECT e.extname || '/' || p.provolatile::text, p.proname::text FROM pg_extension e JOIN pg_depend d
			ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass
			JOIN pg_proc p ON p.oid = d.objid WHERE e.extname <> 'plpgsql'
		UNION SELECT e.extname || '/type', y.typname::text FROM pg_extension e JOIN pg_depend d
			ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_type'::regclass
			JOIN pg_type y ON y.oid = d.objid WHERE NOT (y.typname LIKE '\_%' AND y.typelem <> 0)
	) x (what, name) GROUP BY what ORDER BY what COLLATE "C"`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	have := map[string][]string{}
	var out strings.Builder
	fmt.Fprintln(&out, "# PostgreSQL's own functions by their volatility, those of them that can be called with one argument and depend on more than it,")
	fmt.Fprintln(&out, "# types and tables, and those of extensions, as of PostgreSQL 15.")
	fmt.Fprintln(&out, "# Written by: go test ./postgres -run TestBuiltin -update, in servers_test.")
	for rows.Next() {
		var what, names string
		if err := rows.Scan(&what, &names); err != nil {
			t.Fatal(err)
		}
		line := what
		for _, name := range strings.Fields(names) {
			have[what] = append(have[what], name)
			if len(line)+len(name) > 120 {
				fmt.Fprintln(&out, line)
				line = what
			}
			line += " " + name
		}
		fmt.Fprintln(&out, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(builtinFile, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]bool{}
	for _, file := range []string{builtinFile, laterFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			if words := strings.Fields(line); len(words) > 1 {
				for _, name := range words[1:] {
					known[words[0]+" "+name] = true
				}
			}
		}
	}
	// What a function depends on is never more than is known of its name.
	for _, worse := range [][]string{{"s", "i"}, {"v", "i", "s"}} {
		for _, name := range have[worse[0]] {
			if known[worse[0]+" "+name] {
				continue
			}
			for _, better := range worse[1:] {
				if known[better+" "+name] && !slices.Contains(have[better], name) {
					t.Errorf("%s() is %s", name, worse[0])
				}
			}
		}
	}
	for _, name := range callable(t, conn) {
		if !known["i "+name] && !known["s "+name] && !known["v "+name] {
			t.Errorf("%s() is not in %s", name, laterFile)
		}
	}
}

// callable are the server's own functions that a statement may call: not those for its own needs.
func callable(t *testing.T, conn *sql.Conn) []string {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), `SELECT DISTINCT p.proname FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
		AND p.proname NOT LIKE 'binary\_upgrade\_%' AND p.prorettype <> 'internal'::regtype AND NOT 'internal'::regtype = ANY (p.proargtypes)
		AND NOT EXISTS (SELECT 1 FROM pg_amproc a WHERE a.amproc = p.oid)
		AND NOT EXISTS (SELECT 1 FROM pg_aggregate a WHERE p.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn))`)
	if err != nil {
		t.Fatal(err)
	}
	return scan(t, rows)
}
