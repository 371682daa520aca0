// Package corpus measures what is known of statements that people have written: the queries of the example, or those in
// the folder that MONEYCLIP_CORPUS names. That holds for each engine a file such as postgres.sql, with statements as
// sqlc sends them, each followed by a line "-- ;;", and before those of a project a line "-- ;; from owner/name"; and the
// project's schema in schema/postgres/owner__name.sql.
package corpus

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/dialecttest"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
)

func TestMain(m *testing.M) { servers.Main(m) }

var engines = []struct {
	name    string
	base    string
	dialect moneyclip.Dialect
	dsn     func(t testing.TB) string
}{
	{"postgres", "pgx", postgres.Dialect, servers.Postgres},
	{"mysql", "mysql", mysql.Dialect, func(t testing.TB) string { return servers.MariaDB(t) + "?multiStatements=true" }},
	{"sqlite", "sqlite3", sqlite.Dialect, func(t testing.TB) string { return filepath.Join(t.TempDir(), "test.db") }},
}

// A project is the statements of one program, and its schema if that is known.
type project struct {
	name       string
	schema     string
	statements []string
}

// slice is what sqlc puts where a list of parameters is to be when the query runs.
var slice = regexp.MustCompile(`/\*SLICE:\w+\*/\?`)

func projects(t *testing.T, engine string) []project {
	t.Helper()
	dir := os.Getenv("MONEYCLIP_CORPUS")
	if dir == "" {
		return []project{example(t, engine)}
	}
	text, err := os.ReadFile(filepath.Join(dir, engine+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	var list []project
	for _, one := range strings.Split(string(text), "\n-- ;;\n") {
		for {
			rest, ok := strings.CutPrefix(strings.TrimLeft(one, "\n"), "-- ;; from ")
			if !ok {
				break
			}
			line, after, _ := strings.Cut(rest, "\n")
			name := strings.TrimPrefix(strings.Fields(line)[0], "github.com/")
			schema, err := os.ReadFile(filepath.Join(dir, "schema", engine, strings.ReplaceAll(name, "/", "__")+".sql"))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			list = append(list, project{name: name, schema: string(schema)})
			one = after
		}
		if strings.TrimSpace(one) == "" || len(list) == 0 {
			continue
		}
		last := &list[len(list)-1]
		list := "?,?"
		if engine == "postgres" {
			list = "$$1,$$2"
		}
		last.statements = append(last.statements, slice.ReplaceAllString(one, list))
	}
	return list
}

// example is the example's code, whose queries stand in constants that sqlc has made.
func example(t *testing.T, engine string) project {
	t.Helper()
	dir := filepath.Join("..", "..", "examples", "sqlc", engine)
	schema, err := os.ReadFile(filepath.Join(dir, "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(filepath.Join(dir, "queries.sql.go"))
	if err != nil {
		t.Fatal(err)
	}
	p := project{name: "examples/sqlc", schema: string(schema)}
	for _, constant := range regexp.MustCompile("(?s)= `(-- name: .*?)`").FindAllStringSubmatch(string(code), -1) {
		p.statements = append(p.statements, constant[1])
	}
	return p
}

// Every statement is analysed, or reported as unknown, and few are unknown.
func TestAnalyzed(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			all, unknown := 0, 0
			for _, p := range projects(t, e.name) {
				for _, text := range p.statements {
					all++
					s := e.dialect.Analyze(text, nil)
					if s.Kind == moneyclip.KindUnknown {
						unknown++
						t.Logf("%s: not understood: %s", p.name, first(text))
					}
					if s.Name == "" {
						t.Errorf("%s: no name is found in %s", p.name, first(text))
					}
				}
			}
			t.Logf("%d statements, %d not understood", all, unknown)
			if all == 0 || unknown*100 > all {
				t.Errorf("%d of %d statements are not understood", unknown, all)
			}
		})
	}
}

// Of the UPDATE and DELETE statements at least 95 % are exact, with reading allowed, for a rule by the primary key of the
// table that they write. The statements without a schema are left out.
func TestExact(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			counts := map[moneyclip.Guarantee]int{}
			elsewhere, all := 0, 0
			for _, p := range projects(t, e.name) {
				if p.schema == "" {
					continue
				}
				db := load(t, e.base, e.dsn(t), p)
				if db == nil {
					continue
				}
				cache, rules := cacheAll(t, e.dialect, db)
				for _, text := range p.statements {
					s := e.dialect.Analyze(text, rules.catalog)
					own := -1
					for i := range s.Writes {
						if w := &s.Writes[i]; w.Op == moneyclip.Update || w.Op == moneyclip.Delete {
							own = i
						}
					}
					if own < 0 {
						continue
					}
					rule := rules.names[s.Writes[own].Table]
					if rule == "" {
						continue
					}
					x, err := cache.Explain(text)
					if err != nil {
						t.Fatal(err)
					}
					all++
					wide := false
					guarantee, why := moneyclip.None, ""
					for _, effect := range x.Effects {
						if effect.Rule == rule {
							guarantee, why = effect.Guarantee, effect.Why
						}
						wide = wide || effect.Guarantee == moneyclip.RuleWide
					}
					counts[guarantee]++
					if wide {
						elsewhere++
					}
					if guarantee == moneyclip.RuleWide {
						t.Logf("%s: rule-wide: %s: %s", p.name, why, first(text))
					}
				}
			}
			t.Logf("%d UPDATE and DELETE: %d exact, %d exact after reading, %d rule-wide, %d none; %d rule-wide for some table",
				all, counts[moneyclip.Exact], counts[moneyclip.AfterReading], counts[moneyclip.RuleWide], counts[moneyclip.None], elsewhere)
			if all == 0 || counts[moneyclip.RuleWide]*20 > all {
				t.Errorf("%d of %d are rule-wide", counts[moneyclip.RuleWide], all)
			}
		})
	}
}

func first(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 160)]
}

// notInTransactions is what Postgres does not do in a transaction, which all of a text is there.
var notInTransactions = regexp.MustCompile(`(?m) CONCURRENTLY|^VACUUM[^;]*;`)

// load makes a project's tables. It returns nil for a schema that wants what this build of the database does not have.
func load(t *testing.T, base, dsn string, p project) *place {
	t.Helper()
	db, err := sql.Open(base, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	_, err = db.Exec(notInTransactions.ReplaceAllString(p.schema, ""))
	if err != nil && strings.Contains(err.Error(), "no such module") {
		t.Logf("%s: left out: %v", p.name, err)
		return nil
	}
	if err != nil {
		t.Fatalf("%s: the schema: %v", p.name, err)
	}
	return &place{db, dsn}
}

type place struct {
	*sql.DB
	dsn string
}

// ruleNames are the rules of a cache with one for every table. :: table → rule
type ruleNames struct {
	catalog *moneyclip.Catalog
	names   map[string]string
}

// cacheAll makes a cache with a rule by the first unique key of each table.
func cacheAll(t *testing.T, dialect moneyclip.Dialect, db *place) (*moneyclip.Cache, ruleNames) {
	t.Helper()
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := dialect.Catalog(context.Background(), dialecttest.Asker(conn))
	conn.Close()
	if err != nil {
		t.Fatal(err)
	}
	rules := ruleNames{catalog, map[string]string{}}
	var list []moneyclip.Rule
	for name, table := range catalog.Tables {
		i := slices.IndexFunc(table.Unique, func(u moneyclip.UniqueKey) bool {
			return !u.Odd && len(u.Columns) > 0 && !slices.ContainsFunc(u.Columns, func(c string) bool {
				return table.Column(c) == nil || dialect.Keyable(table.Column(c)) != ""
			})
		})
		if table.View || table.Opaque != "" || i < 0 {
			continue
		}
		by := table.Unique[i].Columns
		rules.names[name] = name
		list = append(list, moneyclip.Rule{
			Name: name, Key: fmt.Sprintf("t%d", len(list)) + strings.Repeat("::%v", len(by)), Table: name, By: by,
		})
	}
	cache, err := moneyclip.New(dialect, moneyclip.Config{Rules: list, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	connector, err := cache.Driver(db.Driver()).(driver.DriverContext).OpenConnector(db.dsn)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := sql.OpenDB(connector)
	t.Cleanup(func() { wrapped.Close(); cache.Close() })
	if err := wrapped.Ping(); err != nil {
		t.Fatal(err)
	}
	return cache, rules
}
