package servers

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"syscall"

	_ "github.com/jackc/pgx/v5/stdlib" // asks whether the server is there
)

func startPostgres(settings ...string) (*Server, error) {
	initdb, err := postgresProgram("initdb")
	if err != nil {
		return nil, err
	}
	i, err := install("postgres")
	if err != nil {
		return nil, err
	}
	// The fast shutdown does not wait for clients to leave. The immediate one ends every process at once, which SIGKILL
	// would not: it hits the first process only.
	i.polite, i.orphan = syscall.SIGINT, syscall.SIGQUIT
	password := rand.Text()
	file, err := i.write("password", password)
	if err != nil {
		return nil, errors.Join(err, i.remove())
	}
	// The password is sent as it is: what SCRAM computes for each connection is the larger part of dialing.
	if err := i.run(initdb, "-D", i.path("data"), "-U", "moneyclip", "--pwfile", file, "--auth", "password",
		"--no-locale", "--encoding", "UTF8", "--no-sync", "--no-instructions", "--wal-segsize", "1"); err != nil {
		return nil, errors.Join(i.logged(fmt.Errorf("%s: %w", initdb, err)), i.remove())
	}
	return i.serve(
		func(port string) *Server {
			return newPostgres(&url.URL{
				Scheme: "postgres", User: url.UserPassword("moneyclip", password), Host: "127.0.0.1:" + port,
				Path: "/postgres", RawQuery: "sslmode=disable",
			})
		},
		filepath.Join(filepath.Dir(initdb), "postgres"),
		func(port string) []string {
			args := []string{
				"-D", i.path("data"), "-p", port, "-h", "127.0.0.1",
				"-k", ".", // in the data directory: an absolute path may be too long for a socket
				"-F", "-c", "full_page_writes=off", // nothing is to survive a crash of the machine
				"-c", "timezone=UTC", // not the machine's
				"-c", "max_connections=400", // of several programs, each with a pool
			}
			for _, s := range settings {
				args = append(args, "-c", s)
			}
			return args
		})
}

func connectPostgres(dsn string) (*Server, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("it is not a URL that begins with postgres://") // the error would have the password
	}
	s := newPostgres(u)
	return s, s.ready()
}

func newPostgres(u *url.URL) *Server {
	admin, err := sql.Open("pgx", u.String())
	if err != nil {
		panic(err) // pgx looks at the DSN when it dials
	}
	return &Server{
		admin: admin,
		dsn: func(name string) string {
			u := *u
			u.Path = "/" + name
			return u.String()
		},
		create: "create database %s template template0 encoding 'UTF8'",
		drop:   "drop database %s with (force)",
	}
}

// postgresProgram finds a program of the newest PostgreSQL. Debian has them in a directory for each version, of which
// none is in the PATH.
func postgresProgram(name string) (string, error) {
	paths, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	newest, found := 0.0, ""
	for _, path := range paths {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(filepath.Dir(path))), 64)
		if err == nil && version > newest {
			newest, found = version, path
		}
	}
	if found != "" {
		return found, nil
	}
	return lookup(name, "postgresql")
}
