// Package dialecttest is the suite that every [moneyclip.Dialect] passes, run against the database that it speaks to.
package dialecttest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// Cases is what the suite must be told of a dialect.
type Cases struct {
	// DSN is passed to Identify as the text with which the databases were opened.
	DSN string

	// Bind writes a text with "?" for each parameter in the dialect's own way. Nil: it is its way.
	Bind func(query string) string

	// Columns are the types of columns for which Canonical is compared with the database's own "=", such as
	// "INTEGER" or "TEXT COLLATE NOCASE".
	Columns []string

	// Values are compared pair by pair in each of Columns. A value that a column refuses is left out there.
	Values []driver.Value

	// Nasty are further texts that must not upset Analyze.
	Nasty []string

	_ struct{}
}

// schema is understood by all databases, and so are the statements of this suite.
var schema = []string{
	`CREATE TABLE authors (id INTEGER PRIMARY KEY, name VARCHAR(50) NOT NULL, city VARCHAR(50), UNIQUE (name))`,
	`CREATE TABLE books (id INTEGER PRIMARY KEY, author_id INTEGER NOT NULL, title VARCHAR(100), pages INTEGER,
		FOREIGN KEY (author_id) REFERENCES authors (id) ON DELETE CASCADE)`,
	`INSERT INTO authors (id, name, city) VALUES (1, 'Ann', 'Rome'), (2, 'Bob', 'Oslo'), (3, 'Cid', 'Rome')`,
	`INSERT INTO books (id, author_id, title, pages) VALUES (10, 1, 'A', 100), (11, 1, 'B', 200), (12, 2, 'C', 300)`,
}

// suite is one run of Exercise.
type suite struct {
	d     moneyclip.Dialect
	open  func(t *testing.T) *sql.DB
	cases Cases
}

// Exercise runs the suite. Each call of open gives a database of its own, empty and reached by any number of
// connections; open closes it when the test ends.
func Exercise(t *testing.T, d moneyclip.Dialect, open func(t *testing.T) *sql.DB, cases Cases) {
	t.Helper()
	if cases.Bind == nil {
		cases.Bind = func(query string) string { return query }
	}
	s := suite{d: d, open: open, cases: cases}
	t.Run("Name", s.name)
	t.Run("Nasty", s.nasty)
	t.Run("Garbage", s.garbage)
	t.Run("Kinds", s.kinds)
	t.Run("QueryName", s.queryName)
	t.Run("Reads", s.reads)
	t.Run("Writes", s.writes)
	t.Run("Catalog", s.catalog)
	t.Run("Identity", s.identity)
	t.Run("Canonical", s.canonical)
	t.Run("Reading", s.reading)
	t.Run("Settled", s.settled)
}

// Asker asks one connection, past database/sql and past MoneyClip.
func Asker(conn *sql.Conn) moneyclip.Asker {
	return func(ctx context.Context, query string, args ...driver.Value) (out [][]driver.Value, err error) {
		named := make([]driver.NamedValue, len(args))
		for i, arg := range args {
			named[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
		}
		err = conn.Raw(func(driverConn any) error {
			rows, err := ask(ctx, driverConn, query, named)
			if err != nil {
				return err
			}
			defer rows.Close()
			for {
				row := make([]driver.Value, len(rows.Columns()))
				switch err := rows.Next(row); {
				case errors.Is(err, io.EOF):
					return nil
				case err != nil:
					return err
				}
				for i, v := range row {
					if b, ok := v.([]byte); ok {
						row[i] = slices.Clone(b) // drivers use their buffers again
					}
				}
				out = append(out, row)
			}
		})
		return out, err
	}
}

func ask(ctx context.Context, conn any, query string, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := conn.(driver.QueryerContext); ok {
		rows, err := q.QueryContext(ctx, query, args)
		if !errors.Is(err, driver.ErrSkip) {
			return rows, err
		}
	}
	p, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("%T can neither query nor prepare", conn)
	}
	stmt, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	q, ok := stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, fmt.Errorf("%T cannot query", stmt)
	}
	return q.QueryContext(ctx, args)
}

// fixture is a database with the schema, a connection to it and its catalog.
type fixture struct {
	db      *sql.DB
	conn    *sql.Conn
	catalog *moneyclip.Catalog
}

func (s suite) fixture(t *testing.T) fixture {
	t.Helper()
	db := s.open(t)
	for _, query := range schema {
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("Exec(%q): %v", query, err)
		}
	}
	conn := connect(t, db)
	return fixture{db: db, conn: conn, catalog: s.read(t, conn)}
}

// read is the catalog as a session sees it.
func (s suite) read(t *testing.T, conn *sql.Conn) *moneyclip.Catalog {
	t.Helper()
	catalog, err := s.d.Catalog(t.Context(), Asker(conn))
	if err != nil {
		t.Fatalf("Catalog: %v", err)
	}
	id, err := s.d.Identify(t.Context(), Asker(conn), s.cases.DSN)
	if err != nil {
		t.Fatalf("Identify: %v", err)
	}
	sessions := *catalog
	sessions.Path = id.Path
	return &sessions
}

// short is the name of a table without the schema in which the suite makes its tables.
func short(catalog *moneyclip.Catalog, table string) string {
	if len(catalog.Path) == 0 {
		return table
	}
	return strings.TrimPrefix(table, catalog.Path[0]+".")
}

func connect(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatalf("Conn: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (s suite) name(t *testing.T) {
	if s.d.Name() == "" {
		t.Errorf("Name() is empty")
	}
	begin := s.d.Begin()
	if len(begin) == 0 {
		t.Fatalf("Begin() is empty")
	}
	if got := s.d.Analyze(begin[len(begin)-1], nil); got.Control != moneyclip.Begin {
		t.Errorf("Analyze(Begin()).Control = %v, want %v", got.Control, moneyclip.Begin)
	}
}
