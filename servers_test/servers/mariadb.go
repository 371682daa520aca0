package servers

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

func startMariaDB(settings ...string) (*Server, error) {
	mariadbd, err := lookup("mariadbd", "mariadb-server")
	if err != nil {
		return nil, err
	}
	installer, err := lookup("mariadb-install-db", "mariadb-server")
	if err != nil {
		return nil, err
	}
	i, err := install("mysql")
	if err != nil {
		return nil, err
	}
	i.polite, i.orphan = syscall.SIGTERM, syscall.SIGKILL
	options := []string{
		"--no-defaults", // the machine's server has those
		"--datadir=" + i.path("data"),
		"--innodb-log-file-size=8M", "--innodb-buffer-pool-size=64M",
	}
	if err := i.run(installer, append(options, "--skip-test-db", "--skip-name-resolve")...); err != nil {
		return nil, errors.Join(i.logged(fmt.Errorf("%s: %w", installer, err)), i.remove())
	}
	password := rand.Text()
	file, err := i.write("init.sql", "CREATE OR REPLACE USER moneyclip@127.0.0.1 IDENTIFIED BY '"+password+"';\n"+
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
		mariadbd,
		func(port string) []string {
			args := append(options[:len(options):len(options)],
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
