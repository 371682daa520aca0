package moneyclip_test

import (
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	_ "github.com/moneyclip/moneyclip/sqlite"
)

func init() {
	moneyclip.Register(moneyclip.Rule{Key: "account::followers::account-id-%d", Query: "FollowersCount"})
}

// followersCount is what sqlc makes of a query.
const followersCount = `-- name: FollowersCount :one
SELECT count(*) FROM followers WHERE account_id = ?`

// A rule that is registered at init, and a driver's name with "moneyclip+" before it: nothing else in a program changes.
func ExampleRegister() {
	folder, err := os.MkdirTemp("", "moneyclip")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	db, err := sql.Open("moneyclip+sqlite3", filepath.Join(folder, "app.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	cache, _ := moneyclip.Default("moneyclip+sqlite3")
	before := cache.Stats()
	follow := func(account int) {
		if _, err := db.Exec("INSERT INTO followers (account_id) VALUES (?)", account); err != nil {
			log.Fatal(err)
		}
	}
	count := func(account int) (n int) {
		if err := db.QueryRow(followersCount, account).Scan(&n); err != nil {
			log.Fatal(err)
		}
		return n
	}
	if _, err := db.Exec("CREATE TABLE followers (id INTEGER PRIMARY KEY, account_id INTEGER)"); err != nil {
		log.Fatal(err)
	}

	follow(1)
	fmt.Println(count(1), count(2), "asked")
	fmt.Println(count(1), count(2), "from the cache")
	follow(1)
	fmt.Println(count(1), count(2), "asked for account 1")

	after := cache.Stats()
	fmt.Println(after.Hits-before.Hits, "hits,", after.Misses-before.Misses, "misses")
	// Output:
	// 1 0 asked
	// 1 0 from the cache
	// 2 0 asked for account 1
	// 3 hits, 3 misses
}
