// Package servers gives tests databases in real servers: fresh ones in a PostgreSQL or a MariaDB that the test binary
// starts for itself, on a port and with data of its own, and stops when its tests are done.
//
//	func TestMain(m *testing.M) { servers.Main(m) }
//
//	db, err := sql.Open("pgx", servers.Postgres(t))
//
// MONEYCLIP_TEST_POSTGRES (a postgres:// URL) and MONEYCLIP_TEST_MYSQL (a DSN of go-sql-driver/mysql) name servers to
// make the databases in instead. The user has to be allowed to create databases.
package servers

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a server may take to start, to stop, or to make a database. It is much, since the machine may
// be busy with other tests, and is seldom used up.
const patience = time.Minute

// Main runs the tests of a binary, and then stops the servers that they shared. A TestMain has nothing else to do.
// With a binary that panics or is killed its servers end as well, but their data stays in the temporary directory.
func Main(m *testing.M) {
	mainRuns = true
	m.Run()
	for _, s := range []*shared{&sharedPostgres, &sharedMariaDB} {
		if s.server == nil {
			continue
		}
		if err := s.server.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// mainRuns says that there is somebody to stop what is shared.
var mainRuns bool

// Postgres returns the DSN of a fresh database, for pgx and lib/pq, in the PostgreSQL that the tests of the binary
// share. It is dropped at the end of the test.
func Postgres(t testing.TB) string {
	t.Helper()
	return sharedPostgres.get(t).Database(t)
}

// MariaDB returns the DSN of a fresh database, for go-sql-driver/mysql, in the MariaDB, or MySQL, that the tests of the binary
// share. It is dropped at the end of the test.
func MariaDB(t testing.TB) string {
	t.Helper()
	return sharedMariaDB.get(t).Database(t)
}

// StartPostgres starts a PostgreSQL that t has for itself, whatever the environment says, and stops it at the end of
// the test. Settings are those of postgresql.conf: "wal_level=logical".
func StartPostgres(t testing.TB, settings ...string) *Server {
	t.Helper()
	return own(t, startPostgres, settings)
}

// StartMariaDB starts a MariaDB that t has for itself, whatever the environment says, and stops it at the end of the
// test. Settings are options of mariadbd: "binlog-format=row".
func StartMariaDB(t testing.TB, settings ...string) *Server {
	t.Helper()
	return own(t, startMariaDB, settings)
}

func own(t testing.TB, start func(...string) (*Server, error), settings []string) *Server {
	t.Helper()
	s, err := start(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// A shared server is started by the first test that asks for it: starting costs a second.
type shared struct {
	variable string // of the environment
	connect  func(dsn string) (*Server, error)
	start    func(settings ...string) (*Server, error)

	once   sync.Once
	server *Server
	err    error
}

var (
	sharedPostgres = shared{variable: "MONEYCLIP_TEST_POSTGRES", connect: connectPostgres, start: startPostgres}
	sharedMariaDB  = shared{variable: "MONEYCLIP_TEST_MYSQL", connect: connectMariaDB, start: startMariaDB}
)

func (s *shared) get(t testing.TB) *Server {
	t.Helper()
	if !mainRuns {
		t.Fatal("the package's TestMain has to call servers.Main, which stops the server")
	}
	s.once.Do(func() {
		if dsn := os.Getenv(s.variable); dsn != "" {
			s.server, s.err = s.connect(dsn)
			if s.err != nil {
				s.err = fmt.Errorf("%s: %w", s.variable, s.err)
			}
			return
		}
		s.server, s.err = s.start()
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

// A Server is a running database server.
type Server struct {
	// Addr is its host and port, for a server that was started here.
	Addr string

	process *process                 // nil: somebody else's
	admin   *sql.DB                  // makes the databases
	dsn     func(name string) string // of a database
	create  string                   // a statement, with %s for the name
	drop    string
}

// Database makes an empty database and returns its DSN. It is dropped at the end of the test.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "moneyclip_" + strings.ToLower(rand.Text())
	if err := s.exec(s.create, name); err != nil {
		t.Fatalf("create a database: %v", err)
	}
	t.Cleanup(func() {
		if s.process != nil && s.process.ended() {
			return // and the database with it
		}
		if err := s.exec(s.drop, name); err != nil {
			t.Errorf("drop the test's database: %v; does a connection have a transaction open in it?", err)
		}
	})
	return s.dsn(name)
}

func (s *Server) exec(statement, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := s.admin.ExecContext(ctx, fmt.Sprintf(statement, name))
	return err
}

// Stop ends a server before the end of the test.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func (s *Server) stop() error {
	err := s.admin.Close()
	if s.process == nil {
		return err
	}
	return errors.Join(err, s.process.stop())
}

// ready waits until the server answers. That it is ours which answers, and not another one which was quicker to take
// the port, follows from the password.
func (s *Server) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := s.ping(ctx)
		switch {
		case err == nil:
			return nil
		case s.process == nil:
			return err
		case s.process.ended():
			return errEnded
		case ctx.Err() != nil:
			return fmt.Errorf("no answer in %v: %w", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

var errEnded = errors.New("it has ended by itself")

// ping is one try, of a time that leaves some for others.
func (s *Server) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience/6)
	defer cancel()
	return s.admin.PingContext(ctx)
}
