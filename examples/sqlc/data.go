package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3"

	_ "github.com/moneyclip/moneyclip/sqlite"
)

//go:embed schema.sql
var schema string

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

// A database is one SQLite file, opened twice.
type database struct {
	path   string
	cached *sql.DB // through MoneyClip
	plain  *sql.DB // past it
}

// makeDatabase fills a new file.
func makeDatabase(ctx context.Context, path string, rows int) (*database, error) {
	if rows < minRows {
		return nil, fmt.Errorf("%d rows are not enough for the story, it needs %d", rows, minRows)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s exists already, name a new file", path)
	}
	db := &database{path: path}
	if err := db.open(); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := fill(ctx, db.plain, rows); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// open is where the program chooses the cache: by the name of the driver.
func (d *database) open() (err error) {
	file := url.URL{Path: filepath.ToSlash(d.path)}
	dsn := "file:" + file.EscapedPath() + "?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL"

	if d.plain, err = sql.Open("sqlite3", dsn); err != nil {
		return err
	}
	d.cached, err = sql.Open("moneyclip+sqlite3", dsn)
	return err
}

func (d *database) close() error {
	var errs []error
	for _, db := range []*sql.DB{d.cached, d.plain} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// fill makes the same rows every time. A quarter of the followers follow account 1.
func fill(ctx context.Context, db *sql.DB, rows int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()

	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("schema.sql: %w", err)
	}
	const numbers = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) `
	users, accounts := rows*usersPercent/100, rows*accountsPercent/100
	for _, table := range []struct {
		insert string
		args   []any
	}{
		{
			`INSERT INTO accounts ` + numbers + `SELECT i, 'handle' || i, 'Account ' || i FROM n`,
			[]any{accounts},
		}, {
			`INSERT INTO followers ` + numbers + `SELECT i, iif(i % 4 = 0, 1, 1 + i % ?2), 'follower' || i FROM n`,
			[]any{rows * followersPercent / 100, accounts},
		}, {
			`INSERT INTO users ` + numbers + `
			SELECT i, '["Ada","Ben","Cy","Dee","Eve","Flo","Gus"]' ->> (i % 7), 'group' || (i % 20) || '.example' FROM n`,
			[]any{users},
		}, {
			`INSERT INTO books ` + numbers + `SELECT i, 'Book ' || i FROM n`,
			[]any{books},
		}, {
			`INSERT INTO documents ` + numbers + `
			SELECT i, 1 + i % ?2, 1 + i % ?3, 'Document ' || i, 100 + i * 7919 % 5000,
			       datetime('2026-01-01', i || ' minutes'), NULL
			FROM n`,
			[]any{rows * documentsPercent / 100, users, books},
		},
	} {
		if _, err := tx.ExecContext(ctx, table.insert, table.args...); err != nil {
			return fmt.Errorf("%s: %w", table.insert, err)
		}
	}
	return tx.Commit()
}
