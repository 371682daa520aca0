package property

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/propertytest"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// reader is the name of what a LOAD DATA reads.
const reader = "rows"

func init() {
	_ = mysql.SetLogger(&mysql.NopLogger{}) // of what is sent while rows are open
	mysql.RegisterReaderHandler(reader, func() io.Reader {
		return strings.NewReader("1\t1\t1\t1\t1\t1\n2\ta\ta\ta\ta\ta\n7\tb\tb\tb\tb\tb\n")
	})
}

// mariadbDatabase is where scripts are carried out: two databases, which are emptied each time.
type mariadbDatabase struct {
	mariadb
	dialect   moneyclip.Dialect
	dsns      [2]string
	databases [2]*sql.DB
}

func newMariaDB(t *testing.T, dialect moneyclip.Dialect) *mariadbDatabase {
	m := &mariadbDatabase{dialect: dialect}
	for i := range m.dsns {
		m.dsns[i] = servers.MariaDB(t)
		config, err := mysql.ParseDSN(m.dsns[i])
		if err != nil {
			t.Fatal("a DSN that cannot be parsed")
		}
		config.MultiStatements = true
		connector, err := mysql.NewConnector(config)
		if err != nil {
			t.Fatal(err)
		}
		m.databases[i] = sql.OpenDB(connector)
		t.Cleanup(func() { m.databases[i].Close() })
	}
	return m
}

// Name is the name in reports.
func (*mariadbDatabase) Name() string { return "mariadb" }

// Dialect is MySQL's.
func (m *mariadbDatabase) Dialect() moneyclip.Dialect { return m.dialect }

// Traits are MariaDB's.
func (*mariadbDatabase) Traits() propertytest.Traits {
	return propertytest.Traits{Shuffled: true, Overlap: 5, Levels: levels}
}

// Open empties both databases.
func (m *mariadbDatabase) Open(s *propertytest.Schema) (*propertytest.Place, error) {
	var options []string
	if len(s.Options) > 0 && s.Options[0] != "" {
		options = strings.Split(s.Options[0], "&")
	}
	dsn := func(i int, wait string) string {
		config, err := mysql.ParseDSN(m.dsns[i])
		if err != nil {
			panic("a DSN that worked before")
		}
		config.Logger = &mysql.NopLogger{}    // of what is sent while rows are open
		config.ReadTimeout = 10 * time.Second // for statements that make the driver wait without end
		config.Params = map[string]string{"innodb_lock_wait_timeout": wait, "lock_wait_timeout": wait}
		for _, option := range options {
			name, value, _ := strings.Cut(option, "=")
			switch name {
			case "interpolateParams":
				config.InterpolateParams = true
			case "clientFoundRows":
				config.ClientFoundRows = true
			case "parseTime":
				config.ParseTime = true
			case "multiStatements":
				config.MultiStatements = true
			default:
				config.Params[name] = value
			}
		}
		return config.FormatDSN()
	}
	for i, db := range m.databases {
		config, err := mysql.ParseDSN(m.dsns[i])
		if err != nil {
			return nil, errors.New("a DSN that cannot be parsed")
		}
		if _, err := db.Exec(fmt.Sprintf("DROP DATABASE %s; CREATE DATABASE %[1]s CHARACTER SET utf8mb4; USE %[1]s", config.DBName)); err != nil {
			return nil, err
		}
	}
	return &propertytest.Place{
		Driver: &mysql.MySQLDriver{},
		DSN:    dsn(0, "0"), Mirror: dsn(1, "0"),
		Patient: dsn(0, "1"), PatientMirror: dsn(1, "1"),
		Close: func() error { return nil },
	}, nil
}

var databaseName = regexp.MustCompile("moneyclip_[a-z0-9]+")

// Error shows an error with its type.
func (*mariadbDatabase) Error(err error) string {
	return databaseName.ReplaceAllString(fmt.Sprintf("%T: %[1]v", err), "database")
}

// Locked reports whether a lock was not to be had.
func (*mariadbDatabase) Locked(text string) bool {
	return strings.Contains(text, "Error 1205") || strings.Contains(text, "Error 1213") || strings.Contains(text, "Error 1020")
}

// Stale is never so: the server prepares again by itself.
func (*mariadbDatabase) Stale(error) bool { return false }

// InTransaction asks the server.
func (*mariadbDatabase) InTransaction(conn *sql.Conn, thought bool) bool {
	open := thought
	if conn.QueryRowContext(background, "SELECT @@in_transaction").Scan(&open) != nil {
		return thought
	}
	return open
}

// Names lists the tables.
func (*mariadbDatabase) Names(db *sql.DB) ([]string, error) {
	return column(db, "SELECT table_name FROM information_schema.tables "+
		"WHERE table_schema = database() AND table_type = 'BASE TABLE' ORDER BY 1")
}

// Judge says what to make of outcomes that are not equal.
func (m *mariadbDatabase) Judge(x *propertytest.Mismatch) propertytest.Verdict {
	switch {
	case m.Locked(x.Got.Err) || m.Locked(x.Want.Err):
		return propertytest.Apart // a write that is read for takes more locks
	case strings.Contains(x.Got.Err, "connection") && strings.Contains(x.Want.Err, "connection"):
		return propertytest.Alike // it was lost, which is said in several ways
	case x.Got.Err == "" && x.Want.Err == "" && propertytest.SameInAnyOrder(x.Got, x.Want):
		return propertytest.Alike
	}
	return propertytest.Different
}
