package servers

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// A kin is what the servers that speak MySQL's protocol are started with, where they differ.
type kin struct {
	server, installer string
	options           []string // of both
	installing        []string // of the installer alone
	serving           []string // of the server alone
}

// kinHere is MariaDB, or MySQL where that is installed and MariaDB is not.
func kinHere() (kin, error) {
	server, err := lookupEither("mariadbd", "mariadb-server", "mysqld")
	switch {
	case err != nil:
		return kin{}, err
	case filepath.Base(server) == "mysqld":
		return kin{
			server: server, installer: server,
			options:    []string{"--innodb-redo-log-capacity=16M"},
			installing: []string{"--initialize-insecure"},
			serving:    []string{"--mysqlx=OFF", "--disable-log-bin"}, // the former has a port of its own
		}, nil
	}
	installer, err := lookup("mariadb-install-db", "mariadb-server")
	return kin{
		server: server, installer: installer,
		options:    []string{"--innodb-log-file-size=8M"},
		installing: []string{"--skip-test-db", "--skip-name-resolve"},
	}, err
}

// MySQL reports whether it is MySQL that [MariaDB] starts, because MariaDB is not installed.
func MySQL() bool {
	k, err := kinHere()
	return err == nil && k.server == k.installer
}

func startMariaDB(settings ...string) (*Server, error) {
	kin, err := kinHere()
	if err != nil {
		return nil, err
	}
	i, err := install("mysql")
	if err != nil {
		return nil, err
	}
	i.polite, i.orphan = syscall.SIGTERM, syscall.SIGKILL
	options := append([]string{
		"--no-defaults", // the machine's server has those
		"--datadir=" + i.path("data"),
		"--innodb-buffer-pool-size=64M",
	}, kin.options...)
	if err := i.run(kin.installer, slices.Concat(options, kin.installing)...); err != nil {
		return nil, errors.Join(i.logged(fmt.Errorf("%s: %w", kin.installer, err)), i.remove())
	}
	password := rand.Text()
	file, err := i.write("init.sql", "DROP USER IF EXISTS moneyclip@127.0.0.1;\n"+
		"CREATE USER moneyclip@127.0.0.1 IDENTIFIED BY '"+password+"';\n"+
		"GRANT ALL ON *.* TO moneyclip@127.0.0.1 WITH GRANT OPTION;\n")
	if err != nil {
		return nil, errors.Join(err, i.remove())
	}
	return i.serve(
		func(port string) *Server {
			config := mysql.NewConfig()
			config.User, config.Passwd = "moneyclip", password
			config.Net, config.Addr = "tcp", "127.0.0.1:"+port
			return newMariaDB(config)
		},
		kin.server,
		func(port string) []string {
			args := append(slices.Concat(options, kin.serving),
				"--port="+port, "--bind-address=127.0.0.1",
				"--socket=socket", // in the data directory: an absolute path may be too long for a socket
				"--init-file="+file,
				"--innodb-flush-log-at-trx-commit=0", "--innodb-fast-shutdown=2", // nothing is to survive
				"--skip-name-resolve",
				"--local-infile=1",
				"--character-set-server=utf8mb4",
				"--default-time-zone=+00:00", // not the machine's
			)
			for _, s := range settings {
				args = append(args, "--"+s)
			}
			return args
		})
}

func connectMariaDB(dsn string) (*Server, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("it is not a DSN of go-sql-driver/mysql") // the error might have the password
	}
	s := newMariaDB(config)
	return s, s.ready()
}

func newMariaDB(config *mysql.Config) *Server {
	admin := config.Clone()
	admin.Logger = &mysql.NopLogger{} // it would tell of every try before the server is ready
	admin.Params = maps.Clone(config.Params)
	if admin.Params == nil {
		admin.Params = map[string]string{}
	}
	admin.Params["lock_wait_timeout"] = "5" // a transaction that a test has left open keeps its database from being dropped
	connector, err := mysql.NewConnector(admin)
	if err != nil {
		panic(err) // the DSN was parsed, or is ours
	}
	return &Server{
		admin: sql.OpenDB(connector),
		dsn: func(name string) string {
			config := config.Clone()
			config.DBName = name
			return config.FormatDSN()
		},
		create: "create database %s character set utf8mb4",
		drop:   "drop database %s",
	}
}
