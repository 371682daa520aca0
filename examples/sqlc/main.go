// Sqlc is a small program on sqlc-generated code that runs through MoneyClip. It makes a database, tells a story of
// reads and writes, and shows for each statement whether the cache or the database has answered it. Each read is put
// to the plain driver too: a different answer, or one from the wrong side, makes the exit code 1.
//
//	go run ./examples/sqlc                   # on a SQLite file of its own
//	go run ./examples/sqlc -postgres "$DSN"  # in a schema of its own, through lib/pq
//	go run ./examples/sqlc -mysql "$DSN"     # in a database of its own, through go-sql-driver/mysql
//	go run ./examples/sqlc -redis "$URL"     # any of these, with what is cached in a Redis
//
// With a Redis a second copy of the program runs beside the first for the last chapter.
//
// The reading order: sqlite/schema.sql and sqlite/queries.sql, which sqlc turns into package sqlite, as it does with
// those in postgres and mysql, with the rules of sqlite/moneyclip_rules.go; rules.go, which says what else is cached,
// whatever the engine; engine.go, which opens the database; story.go; then witness.go, which runs the story's statements and sees who answers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// sqlc runs the command sqlc-gen-moneyclip, which make generate installs.
//
//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// engines are chosen by a flag, whose value says where the engine is. :: flag → engine
var engines = map[string]func(target string) engine{
	"db":       sqliteEngine,
	"postgres": postgresEngine,
	"mysql":    mysqlEngine,
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sqlc", flag.ContinueOnError)
	flags.SetOutput(stderr)
	if len(args) == 1 && args[0] == besideFlag {
		if err := accompany(ctx, os.Stdin, stdout); err != nil {
			fmt.Fprintln(stderr, "sqlc, beside:", err)
			return 1
		}
		return 0
	}
	rows := flags.Int("rows", 100_000, fmt.Sprintf("rows to make, at least %d", minRows))
	flags.String("db", "", "make the database in this new SQLite `file` and keep it")
	flags.String("postgres", "", "tell the story on a Postgres, of this `DSN` for lib/pq")
	flags.String("mysql", "", "tell the story on a MySQL or MariaDB, of this `DSN` for go-sql-driver/mysql")
	redis := flags.String("redis", "", "keep what is cached in the Redis of this `URL`, and run a second copy beside this one")
	keep := flags.Bool("keep", false, "keep the schema or database that was made on the server")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	e, err := choose(flags, *keep)
	if err != nil {
		fmt.Fprintln(stderr, "sqlc:", err)
		return 2
	}
	if *redis != "" {
		os.Setenv("MONEYCLIP_REDIS_URL", *redis) // the default caches look for it when the first database is opened
	}
	if err := tell(ctx, stdout, e, *rows, *keep); err != nil {
		fmt.Fprintln(stderr, "sqlc:", err)
		return 1
	}
	return 0
}

// choose finds the engine by the flags that were given. No error repeats an argument: a DSN may be among them.
func choose(flags *flag.FlagSet, keep bool) (engine, error) {
	e, given, noRedis := sqliteEngine(""), []*flag.Flag{}, false
	flags.Visit(func(f *flag.Flag) {
		noRedis = noRedis || f.Name == "redis" && f.Value.String() == ""
		if makeEngine := engines[f.Name]; makeEngine != nil {
			e, given = makeEngine(f.Value.String()), append(given, f)
		}
	})
	switch {
	case flags.NArg() > 0:
		return engine{}, errors.New("there are arguments that are not flags")
	case len(given) > 1:
		return engine{}, fmt.Errorf("-%s and -%s exclude each other", given[0].Name, given[1].Name)
	case len(given) == 1 && given[0].Value.String() == "":
		return engine{}, fmt.Errorf("-%s is empty", given[0].Name) // an unset variable, most likely
	case noRedis:
		return engine{}, errors.New("-redis is empty")
	case keep && e.name == "SQLite":
		return engine{}, errors.New("-keep is for -postgres and -mysql, the file of -db is kept anyway")
	}
	return e, nil
}
