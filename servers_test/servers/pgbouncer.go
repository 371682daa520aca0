package servers

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// PgBouncer starts a PgBouncer that t has for itself, in transaction mode, and stops it at the end of the test. It
// returns the DSN by which a database of [Postgres] is reached through it. Settings are those of pgbouncer.ini:
// "default_pool_size=2".
func PgBouncer(t testing.TB, dsn string, settings ...string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("it is not a URL that begins with postgres://")
	}
	s, err := startPgBouncer(u, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t) })
	through := *u
	through.Host = s.Addr
	return through.String()
}

func startPgBouncer(to *url.URL, settings []string) (*Server, error) {
	program, err := lookup("pgbouncer", "pgbouncer")
	if err != nil {
		return nil, err
	}
	i, err := install("postgres")
	if err != nil {
		return nil, err
	}
	i.polite, i.orphan = syscall.SIGTERM, syscall.SIGKILL // SIGINT would wait for the clients
	password, _ := to.User.Password()
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	users, err := i.write("users", quoted(to.User.Username())+" "+quoted(password)+"\n")
	if err != nil {
		return nil, errors.Join(err, i.remove())
	}
	// Its port has no option on the command line.
	ini := func(port string) (string, error) {
		serverPort := to.Port()
		if serverPort == "" {
			serverPort = "5432"
		}
		lines := []string{
			"[databases]", "* = host=" + to.Hostname() + " port=" + serverPort,
			"[pgbouncer]", "listen_addr=127.0.0.1", "listen_port=" + port, "unix_socket_dir=",
			"auth_type=plain", "auth_file=" + users, "pool_mode=transaction",
			"ignore_startup_parameters=extra_float_digits", // lib/pq sends it
		}
		return i.write("pgbouncer.ini", strings.Join(append(lines, settings...), "\n")+"\n")
	}
	var failed error
	s, err := i.serve(
		func(port string) *Server {
			through := *to
			through.Host = "127.0.0.1:" + port
			query := through.Query()
			query.Set("default_query_exec_mode", "simple_protocol")
			through.RawQuery = query.Encode()
			return newPostgres(&through)
		},
		program,
		func(port string) []string {
			var path string
			path, failed = ini(port)
			return []string{path}
		})
	if failed != nil {
		err = fmt.Errorf("pgbouncer.ini: %w", failed)
	}
	return s, err
}
