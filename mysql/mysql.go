// Package mysql teaches MoneyClip MySQL and MariaDB: MySQL from 5.7, MariaDB from 10.6. A blank import registers
// "moneyclip+mysql", for the driver of that name:
//
//	import (
//		_ "github.com/go-sql-driver/mysql"
//		_ "github.com/moneyclip/moneyclip/mysql"
//	)
//
//	db, err := sql.Open("moneyclip+mysql", "user@tcp(localhost)/shop")
//
// # What a database is
//
// A database is a schema of a server: the server by the id that it gave itself (server_uuid on MySQL, server_uid on
// MariaDB), and the name of the connection's default database. What a statement writes in other databases is not
// followed: it counts as a write to everything.
//
// # What the user must be allowed
//
// Triggers are shown only to those who may create them. Without the TRIGGER privilege it is not known what a write
// brings about, so that each one drops every key.
//
// # What is not cached
//
// Selects that call a function which is not known to be pure or is stored in the database, that read a variable, the
// time, another database, a sequence or a table whose engine is not InnoDB; that lock. A connection whose sql_mode changes what a text
// means (ANSI_QUOTES, NO_BACKSLASH_ESCAPES, PIPES_AS_CONCAT and the like), or whose character set is not UTF-8, is not
// served.
package mysql

import "github.com/moneyclip/moneyclip"

// Dialect is that of MySQL and MariaDB, for [moneyclip.New].
var Dialect moneyclip.Dialect = dialect{}

func init() { moneyclip.RegisterDialect(Dialect, "mysql") }

// dialect is the MySQL dialect. Its methods are spread over the files by what they are about.
type dialect struct{}

// Name implements [moneyclip.Dialect].
func (dialect) Name() string { return "mysql" }
