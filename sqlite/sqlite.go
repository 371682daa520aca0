// Package sqlite teaches MoneyClip SQLite. A blank import registers "moneyclip+sqlite3" and "moneyclip+sqlite", for
// the drivers of these names:
//
//	import (
//		_ "github.com/mattn/go-sqlite3"
//		_ "github.com/moneyclip/moneyclip/sqlite"
//	)
//
//	db, err := sql.Open("moneyclip+sqlite3", "app.db")
//
// # What a database is
//
// A database is its file: host, device, inode and time of birth. All connections to one file share their cached
// values, however the file was named. A database in memory or in a nameless temporary file belongs to one connection,
// unless the dsn says that its cache is shared: then MoneyClip cannot tell who shares it and wants Config.Scope.
//
// # What is not cached
//
// Selects that call a function which is not known to be pure, that read the time, virtual tables, temporary tables or
// attached databases; and a file that is opened with a shared cache, in WAL mode. A connection that attaches a
// database or makes a temporary object is not served any more, because both change what names mean.
package sqlite

import "github.com/moneyclip/moneyclip"

// Dialect is SQLite's, for [moneyclip.New].
var Dialect moneyclip.Dialect = dialect{}

func init() { moneyclip.RegisterDialect(Dialect, "sqlite3", "sqlite") }

// dialect is the SQLite dialect. Its methods are spread over the files by what they are about.
type dialect struct{}

// Name implements [moneyclip.Dialect].
func (dialect) Name() string { return "sqlite" }
