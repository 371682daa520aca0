package moneyclip_test

import (
	"fmt"
	"log"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// Rules of every kind.
func ExampleRule() {
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{
		// A sqlc query by its name. What touches the key is inferred from the query:
		// a write to another account's followers leaves this one alone.
		{Key: "account::followers::account-id-%d", Query: "FollowersCount"},

		// Every select of one user by id, whatever its columns.
		{Key: "user::id-%d", Table: "users", By: []string{"id"}},

		// "No rows" is remembered too, until somebody takes the handle.
		{Key: "account::handle-%s", Query: "GetAccountByHandle", NotFound: time.Minute},

		// The writer loads the key again, so that readers do not pay. The Query can be SQL text.
		{Key: "book::totals::%d", Query: "SELECT count(*), sum(words) FROM documents WHERE book_id = ?", Refresh: true},

		// Where inference ends, say it: which writes, and which of their columns hold the key.
		{Key: "author::books::%d", Query: "BookCountOfAuthor", On: []moneyclip.On{
			{Table: "books", Columns: []string{"author_id"}},
			{Table: "authors", Columns: []string{"id"}, Set: []string{"name"}},
		}},

		// Where a written row does not hold the key, a path leads there. Between tables that the query joins it is inferred.
		{Key: "owner::tags::%d", Query: "TagCountOfOwner", On: []moneyclip.On{
			{Table: "books", Columns: []string{"owner_id"}},
			{Table: "tags", Columns: []string{"book_id"}, Path: "SELECT owner_id FROM books WHERE id = ?"},
		}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	fmt.Println(len(cache.Stats().Rules), "rules")
	// Output: 6 rules
}
