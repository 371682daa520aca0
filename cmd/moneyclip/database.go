package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/go-sql-driver/mysql" // the drivers that the command opens databases with
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/sqlite"
	_ "modernc.org/sqlite"
)

// engines :: name → what is known of it
var engines = map[string]struct {
	dialect moneyclip.Dialect
	drivers []string // the first one is taken unless --driver says otherwise
}{
	"postgres": {postgres.Dialect, []string{"pgx", "postgres"}},
	"mysql":    {mysql.Dialect, []string{"mysql"}},
	"sqlite":   {sqlite.Dialect, []string{"sqlite"}},
}

// engineOf tells by the form of a DSN what kind of database it is for.
func engineOf(dsn string) (string, error) {
	scheme, _, hasScheme := strings.Cut(dsn, "://")
	switch {
	case dsn == "":
		return "", errors.New("which database? Give its DSN with --db")
	case hasScheme && (scheme == "postgres" || scheme == "postgresql"):
		return "postgres", nil
	case strings.HasPrefix(dsn, "file:"), dsn == ":memory:":
		return "sqlite", nil
	case strings.Contains(dsn, ")/"), strings.Contains(dsn, "@/"), hasScheme && scheme == "mysql":
		return "mysql", nil
	}
	path, _, _ := strings.Cut(dsn, "?")
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
		return "sqlite", nil
	}
	switch filepath.Ext(path) {
	case ".db", ".sqlite", ".sqlite3":
		return "sqlite", nil
	}
	for _, word := range []string{"host=", "dbname=", "user=", "port=", "service="} {
		if strings.HasPrefix(dsn, word) || strings.Contains(dsn, " "+word) {
			return "postgres", nil
		}
	}
	return "", errors.New("the form of the DSN does not tell what kind of database it is for: say it with --dialect postgres, mysql or sqlite")
}

// engineNamed is the engine by one of its names, those of sqlc among them.
func engineNamed(name string) (string, error) {
	switch strings.ToLower(name) {
	case "postgres", "postgresql", "pgx":
		return "postgres", nil
	case "mysql", "mariadb":
		return "mysql", nil
	case "sqlite", "sqlite3":
		return "sqlite", nil
	}
	return "", fmt.Errorf("there is no dialect %q: it is postgres, mysql or sqlite", name)
}
