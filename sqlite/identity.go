package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/digest"
)

// identityQuery asks for the main database's file, for what shadows or surrounds it, and for the settings that change
// what a SELECT returns.
const identityQuery = `SELECT
	(SELECT file FROM pragma_database_list WHERE name = 'main'),
	(SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main', 'temp')),
	(SELECT count(*) FROM sqlite_temp_master),
	(SELECT read_uncommitted FROM pragma_read_uncommitted),
	(SELECT full_column_names FROM pragma_full_column_names),
	(SELECT short_column_names FROM pragma_short_column_names),
	(SELECT reverse_unordered_selects FROM pragma_reverse_unordered_selects),
	'a' LIKE 'A'` // case_sensitive_like cannot be asked for, and a driver's hook may have set it

// Identify implements [moneyclip.Dialect].
func (dialect) Identify(ctx context.Context, ask moneyclip.Asker, dsn string) (moneyclip.Identity, error) {
	rows, err := ask(ctx, identityQuery)
	if err != nil {
		return moneyclip.Identity{}, err
	}
	if len(rows) != 1 || len(rows[0]) != 8 {
		return moneyclip.Identity{}, errors.New("sqlite: the database does not say which file it is in")
	}
	row := make([]string, len(rows[0]))
	for i, v := range rows[0] {
		row[i] = asText(v)
	}
	file, settings := row[0], row[3:]
	id := moneyclip.Identity{Profile: profile(dsn, settings)}
	switch {
	case row[1] != "0":
		id.Tainted = "another database is attached"
	case row[2] != "0":
		id.Tainted = "there are temporary tables, views or triggers"
	case settings[0] != "0":
		id.Tainted = "read_uncommitted is on"
	}
	if file == "" {
		return identifyNameless(id, dsn), nil
	}
	birth, err := fileIdentity(file)
	if err != nil {
		var at *os.PathError
		if errors.As(err, &at) {
			err = at.Err // without the path, which is part of the DSN
		}
		return moneyclip.Identity{}, fmt.Errorf("sqlite: which file the database is in: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return moneyclip.Identity{}, fmt.Errorf("sqlite: which host the database is on: %w", err)
	}
	id.Scope = scopeOf(host, birth)
	if id.Tainted == "" {
		if id.Tainted, err = sharesPages(ctx, ask); err != nil {
			return moneyclip.Identity{}, err
		}
	}
	return id, nil
}

// sharesPages says so if a connection shares SQLite's own cache of its file with others, in WAL mode. There they share with it what they
// see of others' writes: a SELECT of one is given the rows as of the time when another one's transaction began to read. In the other
// modes nobody can commit meanwhile. A dsn need not be known for that: a SELECT locks its tables in such a cache, and only there.
func sharesPages(ctx context.Context, ask moneyclip.Asker) (string, error) {
	steps, err := ask(ctx, "EXPLAIN SELECT 1 FROM main.sqlite_master")
	if err != nil || !slices.ContainsFunc(steps, func(row []driver.Value) bool { return len(row) > 1 && asText(row[1]) == "TableLock" }) {
		return "", err
	}
	mode, err := ask(ctx, "PRAGMA main.journal_mode")
	if err != nil || len(mode) == 1 && len(mode[0]) == 1 && asText(mode[0][0]) != "wal" {
		return "", err
	}
	return "its cache is shared (cache=shared), in WAL mode", nil
}

// readable is a dsn in lower case, with what its escapes stand for. As SQLite does, it takes those that are none as they are.
func readable(dsn string) string {
	plain := escape.ReplaceAllStringFunc(dsn, func(code string) string {
		b, _ := hex.DecodeString(code[1:3]) // what comes behind %00 does not count
		return strings.TrimRight(string(b), "\x00")
	})
	return strings.ToLower(plain)
}

var escape = regexp.MustCompile("%00[^=&#?]*|%[0-9A-Fa-f]{2}")

// identifyNameless is the identity of a database in memory or in a temporary file. Other connections can reach it only
// through a shared cache or a VFS, which the dsn must name.
func identifyNameless(id moneyclip.Identity, dsn string) moneyclip.Identity {
	lower := readable(dsn)
	if lower == "" || strings.Contains(lower, "cache=") || strings.Contains(lower, "vfs=") {
		id.Tainted = "an in-memory database that may be shared: set Config.Scope"
		return id
	}
	var b [16]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	id.Private = true
	id.Scope = "sqlite-" + hex.EncodeToString(b[:])
	return id
}

// profile names what changes the values of a SELECT: the settings, and the dsn's options for the driver. The dsn's
// path is no part of it, and its text is not to be read back.
func profile(dsn string, settings []string) string {
	_, options, _ := strings.Cut(dsn, "?")
	return digest.Of(append([]string{options}, settings...)...)[:16]
}

func scopeOf(parts ...string) string { return "sqlite-" + digest.Of(parts...)[:24] }

// asText is the text of a value as a driver returns it; that of NULL is empty.
func asText(v driver.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return fmt.Sprint(v)
}
