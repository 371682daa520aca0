package main

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql" // the drivers that the command opens databases with
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/lib/pq"
	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/sqlite"
	"github.com/spf13/cobra"
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

// A target is what most commands are told: a database, the rules, and the texts of the program that has them.
type target struct {
	db, dialect, driver, rules string
	scope                      string
	queries                    []string
}

func (t *target) databaseFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.db, "db", "", "the DSN of the database, as its driver has it")
	f.StringVar(&t.dialect, "dialect", "", "postgres, mysql or sqlite, where the form of the DSN does not tell")
}

func (t *target) rulesFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.rules, "rules", "moneyclip.json", "the rules: a file of moneyclip manifest, or the folder of the Go package that registers them")
	f.StringArrayVar(&t.queries, "queries", nil, "the program's texts: sqlc.yaml, a folder, a .go or .sql file; may be given again")
}

// engine is the engine that the flags say.
func (t *target) engine() (string, error) {
	if t.dialect != "" {
		return engineNamed(t.dialect)
	}
	return engineOf(t.db)
}

// texts are those of the program that the flags name, and the engine that they are for.
func (t *target) texts() (engine string, texts []text, err error) {
	if engine, err = t.engine(); err != nil {
		return "", nil, err
	}
	texts, err = readTexts(t.queries, engine)
	return engine, texts, err
}

// readRules reads the rules, from a manifest or from a package.
func readRules(ctx context.Context, path string) ([]moneyclip.Rule, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the rules: %w; write them with moneyclip manifest <package folder>, and name the file with --rules", err)
	}
	var text []byte
	if info.IsDir() {
		text, err = manifestOf(ctx, path)
	} else {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	return moneyclip.ReadManifest(bytes.NewReader(text))
}

// base is the driver below the cache, and the DSN as it wants it.
func (t *target) base() (engine, name, dsn string, err error) {
	engine, err = t.engine()
	if err != nil {
		return "", "", "", err
	}
	known := engines[engine].drivers
	name = cmp.Or(t.driver, known[0])
	if !slices.Contains(known, name) {
		return "", "", "", fmt.Errorf("--driver %s is not built in for %s: there is %s", name, engine, strings.Join(known, ", "))
	}
	if t.db == "" {
		return "", "", "", errors.New("which database? Give its DSN with --db")
	}
	if engine == "sqlite" && isAbsentFile(t.db) {
		return "", "", "", errors.New("there is no file of the name that --db gives; it would be made, with nothing in it")
	}
	return engine, name, strings.TrimPrefix(t.db, "mysql://"), nil
}

// isAbsentFile reports whether a DSN of SQLite is for a file that is not there.
func isAbsentFile(dsn string) bool {
	path, params, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if path == "" || strings.Contains(path, ":memory:") || strings.Contains(params, "mode=") || strings.Contains(params, "vfs=") {
		return false
	}
	if strings.HasPrefix(dsn, "file:") {
		path = strings.TrimPrefix(strings.TrimPrefix(path, "//localhost"), "//")
		if decoded, err := url.PathUnescape(path); err == nil {
			path = decoded
		}
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// open opens the database through a cache of its own, for what does not have to find another program's rows.
func (t *target) open(ctx context.Context, cfg moneyclip.Config) (*moneyclip.Cache, *sql.DB, error) {
	engine, name, dsn, err := t.base()
	if err != nil {
		return nil, nil, err
	}
	plain, err := sql.Open(name, dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("open the database: %w", err)
	}
	defer plain.Close()
	cfg.Logger, cfg.Scope = slog.New(slog.DiscardHandler), t.scope
	cache, err := moneyclip.New(engines[engine].dialect, cfg)
	if err != nil {
		return nil, nil, err
	}
	connector, err := cache.Driver(plain.Driver()).(driver.DriverContext).OpenConnector(dsn)
	if err != nil {
		return nil, nil, fmt.Errorf("open the database: %w", err)
	}
	db := sql.OpenDB(connector)
	if err := ping(ctx, db); err != nil {
		db.Close()
		return nil, nil, err
	}
	return cache, db, nil
}

// ping sees to it that the database is there before anything is said of it.
func ping(ctx context.Context, db *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	return nil
}

func (t *target) namedFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.driver, "driver", "", "the program's driver below moneyclip+, where there are several: pgx or postgres")
	f.StringVar(&t.scope, "scope", "", "the Scope of the program's Config, if it has one")
}

// openNamed opens the database by the driver's name, as the program does: rows are kept apart by that and by the DSN. It
// works once in a process.
func (t *target) openNamed(ctx context.Context, cfg moneyclip.Config) (cache *moneyclip.Cache, db *sql.DB, err error) {
	_, name, dsn, err := t.base()
	if err != nil {
		return nil, nil, err
	}
	os.Unsetenv("MONEYCLIP_DISABLE") // it is meant for programs
	cfg.Logger, cfg.Scope = slog.New(slog.DiscardHandler), t.scope
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the rules: %v", fault) // Configure is for a program's init, and panics
		}
	}()
	moneyclip.Configure(cfg)
	if db, err = sql.Open("moneyclip+"+name, dsn); err != nil {
		return nil, nil, err
	}
	if err := ping(ctx, db); err != nil {
		db.Close()
		return nil, nil, err
	}
	cache, _ = moneyclip.Default("moneyclip+" + name)
	return cache, db, nil
}
