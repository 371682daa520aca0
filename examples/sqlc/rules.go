package main

import (
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/examples/sqlc/sqlite"
)

// These rules, those in queries.sql, the driver's name in [open] and two imports are all that this program knows of the
// cache. No rule says which writes touch it: that is inferred from the query. They hold for every engine.
func init() {
	// Four queries have an annotation in queries.sql, of which sqlc-gen-moneyclip has made rules. Those of the other engines
	// are the same. A program with one engine need not do this: its package registers them.
	moneyclip.Register(sqlite.Rules...)

	moneyclip.Register(
		// A table rule: every select of one user by id, so GetUser and GetUserName both. That there is no such user is
		// remembered too.
		moneyclip.Rule{
			Name:  "user",
			Key:   "user::id-%d",
			Table: "users", By: []string{"id"},
			NotFound: time.Minute,
		},

		// After a minute the database is asked again, even if nobody was seen to write.
		moneyclip.Rule{
			Name:  "document",
			Key:   "document::id-%d",
			Table: "documents", By: []string{"id"},
			TTL: time.Minute,
		},
	)
}
