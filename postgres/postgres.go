// Package postgres teaches MoneyClip PostgreSQL. A blank import registers "moneyclip+pgx", "moneyclip+pgx/v5" and
// "moneyclip+postgres", for the drivers of these names:
//
//	import (
//		_ "github.com/jackc/pgx/v5/stdlib"
//		_ "github.com/moneyclip/moneyclip/postgres"
//	)
//
//	db, err := sql.Open("moneyclip+pgx", "postgres://...")
//
// # What a database is
//
// A database is what the server says of itself: the identifier of its cluster and the number of the database there. All
// connections to one database share their cached values, however it was reached, if the sessions agree in what changes
// the answer to a SELECT: user, search path, time zone, formats. A standby is not served.
//
// # What is not cached
//
// Selects that call a function which is volatile, or stable but for more than a setting's sake; that read the system's own
// tables, foreign or temporary ones, or tables with row security; that lock rows. A session that makes a temporary table,
// or changes a setting that matters, is not served any more until it is reset or dialed again.
package postgres

import "github.com/moneyclip/moneyclip"

// Dialect is PostgreSQL's, for [moneyclip.New].
var Dialect moneyclip.Dialect = dialect{}

func init() { moneyclip.RegisterDialect(Dialect, "postgres", "pgx", "pgx/v5") }

// dialect is the PostgreSQL dialect. Its methods are spread over the files by what they are about.
type dialect struct{}

// Name implements [moneyclip.Dialect].
func (dialect) Name() string { return "postgres" }
