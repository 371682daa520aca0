package main

import (
	"time"

	"github.com/moneyclip/moneyclip"
)

// These rules, the driver's name in [open] and two imports are all that this program knows of the cache. No
// rule says which writes touch it: that is inferred from the query. They hold for every engine.
func init() {
	moneyclip.Register(
		// A query rule, by the query's name in queries.sql. Followers of other accounts leave the key alone.
		moneyclip.Rule{
			Key:   "account::followers::account-id-%d",
			Query: "FollowersCount",
		},

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

		moneyclip.Rule{
			Key:      "account::handle-%s",
			Query:    "GetAccountByHandle",
			NotFound: time.Minute,
		},

		moneyclip.Rule{
			Key:   "user::documents::user-id-%d",
			Query: "DocumentsOfUser",
		},

		// An aggregate over many rows. Whoever writes to a book loads its totals again, so readers do not pay.
		moneyclip.Rule{
			Key:     "book::totals::book-id-%d",
			Query:   "BookTotals",
			Refresh: true,
		},
	)
}
