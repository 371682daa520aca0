// Sqlc-gen-moneyclip is a plugin for sqlc that writes MoneyClip's rules beside the code that sqlc writes, from annotations
// in the queries' comments:
//
//	-- name: FollowersCount :one
//	-- moneyclip: cache key=account::followers::account-id-{account_id} ttl=5m refresh
//	SELECT count(*) FROM followers WHERE account_id = $1;
//
// It runs the library's own analysis over all queries of the package and the schema files, without a database. Where a
// cached query cannot be kept fresh, sqlc generate fails and says why. In sqlc.yaml:
//
//	plugins:
//	  - name: moneyclip
//	    process: {cmd: sqlc-gen-moneyclip, format: json}
//	sql:
//	  - engine: postgresql
//	    schema: schema.sql
//	    queries: queries.sql
//	    gen: {go: {package: db, out: db}}
//	    codegen: [{plugin: moneyclip, out: db}]
//
// Options: package, by default that of the code which is in out already, or else the last part of out; register (true), whether the rules are registered in an init
// function, and not by the program from the variable Rules; strict (false), whether a write that drops all keys of a rule
// is an error, and not a comment; file, by default moneyclip_rules.go.
package main

import (
	"os"

	"github.com/moneyclip/moneyclip/internal/sqlcgen"
)

func main() { os.Exit(sqlcgen.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
