package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip/examples/sqlc/sqlite"
	_ "github.com/moneyclip/moneyclip/sqlite"
)

//go:embed sqlite/schema.sql
var sqliteSchema string

// sqliteEngine tells the story on a file. A file that has a name is a new one and stays, one that has none is a
// temporary one.
func sqliteEngine(path string) engine {
	return engine{
		name:   "SQLite",
		driver: "sqlite3",
		schema: sqliteSchema,
		store:  func(db handle) store { return sqlite.New(db) },
		settle: func(context.Context) (*place, error) {
			if path == "" {
				return temporaryFile()
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%s exists already, name a new file", path)
			}
			return filePlace("the file "+filepath.Base(path), path, func(context.Context) error { return nil }), nil
		},
	}
}

func temporaryFile() (*place, error) {
	folder, err := os.MkdirTemp("", "moneyclip-sqlc-")
	if err != nil {
		return nil, err
	}
	return filePlace("a temporary file", filepath.Join(folder, "story.db"), func(context.Context) error { return os.RemoveAll(folder) }), nil
}

func filePlace(name, path string, leave func(context.Context) error) *place {
	file := url.URL{Path: filepath.ToSlash(path)}
	return &place{
		name:  name,
		dsn:   "file:" + file.EscapedPath() + "?_foreign_keys=on&_journal_mode=WAL&_synchronous=NORMAL",
		leave: leave,
	}
}
