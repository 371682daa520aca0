package property

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/propertytest"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// postgresDatabase is where scripts are carried out: two databases, which are emptied each time.
type postgresDatabase struct {
	postgres
	dialect   moneyclip.Dialect
	dsns      [2]string
	databases [2]*sql.DB
}

func newPostgres(t *testing.T, dialect moneyclip.Dialect) *postgresDatabase {
	p := &postgresDatabase{dialect: dialect}
	for i := range p.dsns {
		p.dsns[i] = servers.Postgres(t)
		var err error
		if p.databases[i], err = sql.Open("postgres", p.dsns[i]); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.databases[i].Close() })
	}
	return p
}

// Name is the name in reports.
func (*postgresDatabase) Name() string { return "postgres" }

// Dialect is PostgreSQL's.
func (p *postgresDatabase) Dialect() moneyclip.Dialect { return p.dialect }

// Traits are PostgreSQL's.
func (*postgresDatabase) Traits() propertytest.Traits {
	return propertytest.Traits{Shuffled: true, Aborts: true, Overlap: 5, Levels: levels}
}

// Open empties both databases.
func (p *postgresDatabase) Open(s *propertytest.Schema) (*propertytest.Place, error) {
	for _, db := range p.databases {
		if _, err := db.Exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
			return nil, err
		}
	}
	name, mode := "pgx", ""
	if len(s.Options) > 0 {
		name, mode, _ = strings.Cut(s.Options[0], " ")
	}
	dsn := func(i int, timeout string) string {
		u, err := url.Parse(p.dsns[i])
		if err != nil {
			panic("a DSN that worked before")
		}
		values := u.Query()
		values.Set("lock_timeout", timeout)
		values.Set("statement_timeout", "5000") // triggers that write for each row that triggers write have no end
		switch mode {
		case "":
		case "binary":
			values.Set("binary_parameters", "yes")
		default:
			values.Set("default_query_exec_mode", mode)
		}
		u.RawQuery = values.Encode()
		return u.String()
	}
	var base driver.Driver = &pq.Driver{}
	if name == "pgx" {
		base = stdlib.GetDefaultDriver()
	}
	const short, long = "10", "1000" // milliseconds
	return &propertytest.Place{
		Driver: base,
		DSN:    dsn(0, short), Mirror: dsn(1, short),
		Patient: dsn(0, long), PatientMirror: dsn(1, long),
		Close: func() error { return nil },
	}, nil
}

func state(err error) string {
	if e := new(pgconn.PgError); errors.As(err, &e) {
		return e.Code
	}
	if e := new(pq.Error); errors.As(err, &e) {
		return string(e.Code)
	}
	return ""
}

// numbered are parts of messages that are not the same in both databases.
var numbered = regexp.MustCompile(`\b(stdcache|stmt|process|transaction|tuple|relation|database|OID|lrupsc)[ _]\(?[0-9,]+\)?`)

// place is where in a text an error is, which lib/pq shows otherwise if the text has several lines.
var place = regexp.MustCompile(` at (position|column|line) [0-9:]+`)

// Error shows an error with its type and state.
func (*postgresDatabase) Error(err error) string {
	if e := new(pgconn.PgError); errors.As(err, &e) {
		err = e // whether it comes while a statement is prepared depends on what the connection has done before
	}
	return numbered.ReplaceAllString(place.ReplaceAllString(fmt.Sprintf("%T %s: %[1]v", err, state(err)), ""), "$1")
}

// Locked reports whether a lock was not to be had, the time was over, or a plan is out of date, which each connection finds
// out for itself.
func (*postgresDatabase) Locked(text string) bool {
	return strings.Contains(text, "57014") || strings.Contains(text, "0A000: ERROR: cached plan") || strings.Contains(text, "55P03") || strings.Contains(text, "40P01") ||
		strings.Contains(text, "40001") || strings.Contains(text, "08P01: ERROR: bind message has")
}

// Stale reports whether a statement has to be planned again.
func (*postgresDatabase) Stale(err error) bool { return state(err) == "0A000" || state(err) == "08P01" }

// InTransaction is not known to the drivers.
func (*postgresDatabase) InTransaction(_ *sql.Conn, thought bool) bool { return thought }

// Names lists the tables.
func (*postgresDatabase) Names(db *sql.DB) ([]string, error) {
	// The text of the query that the tables are then read with must not be one that was prepared before they changed.
	return column(db, "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
}

func column(db *sql.DB, query string) (names []string, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		err = errors.Join(err, rows.Scan(&name))
		names = append(names, name)
	}
	return names, errors.Join(err, rows.Err())
}

// Judge says what to make of outcomes that are not equal.
func (p *postgresDatabase) Judge(m *propertytest.Mismatch) propertytest.Verdict {
	switch {
	case p.Locked(m.Got.Err) || p.Locked(m.Want.Err):
		return propertytest.Apart // a write that is read for takes more locks
	case m.Step.Form == "COPY" && m.Got.Err != "" && m.Want.Err != "":
		return propertytest.Alike // when lib/pq hears of an error is a matter of time
	case m.Step.Form == "EXPLAIN ANALYZE" && m.Got.Err == m.Want.Err:
		return propertytest.Alike
	case m.Got.Err == "" && m.Want.Err == "" && propertytest.SameInAnyOrder(m.Got, m.Want):
		return propertytest.Alike
	}
	return propertytest.Different
}
