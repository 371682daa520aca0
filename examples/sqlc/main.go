// Sqlc is a small program on sqlc-generated code that runs through MoneyClip. It makes a SQLite file, tells a story
// of reads and writes, and shows for each statement whether the cache or the database has answered it. Each read is
// put to plain SQLite too: a different answer, or one from the wrong side, makes the exit code 1.
//
//	go run ./examples/sqlc
//
// The reading order: schema.sql and queries.sql, which sqlc turns into package store; rules.go, which says what is
// cached; story.go; then witness.go, which runs the story's statements and sees who answers.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
)

//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sqlc", flag.ContinueOnError)
	flags.SetOutput(stderr)
	rows := flags.Int("rows", 100_000, fmt.Sprintf("rows to make, at least %d", minRows))
	path := flags.String("db", "", "make the database in this new `file` and keep it")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := tell(context.Background(), stdout, *path, *rows); err != nil {
		fmt.Fprintln(stderr, "sqlc:", err)
		return 1
	}
	return 0
}
