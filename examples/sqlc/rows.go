package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// fewest rows with which every id in the story exists.
const minRows = 1000

// The sizes of the tables, as parts of the rows that are asked for.
const (
	followersPercent = 60
	documentsPercent = 30
	usersPercent     = 7
	accountsPercent  = 3
	books            = 30
)

// rowsOfInsert is how many rows one INSERT makes.
const rowsOfInsert = 1000

// makeTables makes the schema of an engine, and the same rows every time, whatever the engine. A quarter of the
// followers follow account 1.
func makeTables(ctx context.Context, e engine, db *sql.DB, rows int) error {
	if err := execEach(ctx, db, e.schema); err != nil {
		return err
	}
	users, accounts := rows*usersPercent/100, rows*accountsPercent/100
	names := [...]string{"Ada", "Ben", "Cy", "Dee", "Eve", "Flo", "Gus"}
	midnight := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, table := range []struct {
		name string
		rows int
		row  func(i int) string
	}{
		{"accounts", accounts, func(i int) string {
			return fmt.Sprintf("(%d, 'handle%d', 'Account %d')", i, i, i)
		}},
		{"followers", rows * followersPercent / 100, func(i int) string {
			account := 1 + i%accounts
			if i%4 == 0 {
				account = 1
			}
			return fmt.Sprintf("(%d, %d, 'follower%d')", i, account, i)
		}},
		{"users", users, func(i int) string {
			return fmt.Sprintf("(%d, '%s', 'group%d.example')", i, names[i%len(names)], i%20)
		}},
		{"books", books, func(i int) string {
			return fmt.Sprintf("(%d, 'Book %d')", i, i)
		}},
		{"documents", rows * documentsPercent / 100, func(i int) string {
			written := midnight.Add(time.Duration(i) * time.Minute)
			return fmt.Sprintf("(%d, %d, %d, 'Document %d', %d, '%s', NULL)",
				i, 1+i%users, 1+i%books, i, 100+i*7919%5000, written.Format(time.DateTime))
		}},
	} {
		if err := insert(ctx, db, table.name, table.rows, table.row); err != nil {
			return fmt.Errorf("filling %s: %w", table.name, err)
		}
	}
	return execEach(ctx, db, e.loaded)
}

// insert makes the rows 1 to n of a table.
func insert(ctx context.Context, db *sql.DB, table string, n int, row func(i int) string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for first := 1; first <= n; first += rowsOfInsert {
		values := make([]string, 0, rowsOfInsert)
		for i := first; i <= min(n, first+rowsOfInsert-1); i++ {
			values = append(values, row(i))
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO "+table+" VALUES "+strings.Join(values, ", ")); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// execEach runs statements one by one: not every driver takes several at once.
func execEach(ctx context.Context, db *sql.DB, statements string) error {
	for statement := range strings.SplitSeq(statements, ";") {
		if statement = strings.TrimSpace(statement); statement == "" {
			continue
		}
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
