package moneyclip_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// usersElsewhere is a database with one user, through a cache, and a way to write to it that the cache does not see.
func usersElsewhere() (db, elsewhere *sql.DB, done func()) {
	folder, err := os.MkdirTemp("", "moneyclip")
	if err != nil {
		log.Fatal(err)
	}
	file := filepath.Join(folder, "app.db")
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
		Rules: []moneyclip.Rule{{Name: "user", Key: "user::id-%d", Table: "users", By: []string{"id"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	db = sql.OpenDB(cache.Connector(connector(file)))
	elsewhere = sql.OpenDB(connector(file))
	if _, err := elsewhere.Exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users VALUES (1, 'ada')"); err != nil {
		log.Fatal(err)
	}
	return db, elsewhere, func() {
		db.Close()
		cache.Close()
		elsewhere.Close()
		os.RemoveAll(folder)
	}
}

func printUser(ctx context.Context, db *sql.DB) {
	var name string
	if err := db.QueryRowContext(ctx, "SELECT name FROM users WHERE id = ?", 1).Scan(&name); err != nil {
		log.Fatal(err)
	}
	fmt.Println(name)
}

// A write that does not pass through the driver is not seen, until somebody tells the cache of it.
func ExampleInvalidate() {
	ctx := context.Background()
	db, elsewhere, done := usersElsewhere()
	defer done()

	printUser(ctx, db)
	if _, err := elsewhere.Exec("UPDATE users SET name = 'grace' WHERE id = 1"); err != nil {
		log.Fatal(err)
	}
	printUser(ctx, db)
	if err := moneyclip.Invalidate(ctx, db, "user", 1); err != nil {
		log.Fatal(err)
	}
	printUser(ctx, db)
	// Output:
	// ada
	// ada
	// grace
}

// Under Bypass a call asks the database and leaves the cache alone; under Refresh it fills the cache anew.
func ExampleBypass() {
	ctx := context.Background()
	db, elsewhere, done := usersElsewhere()
	defer done()

	printUser(ctx, db)
	if _, err := elsewhere.Exec("UPDATE users SET name = 'grace' WHERE id = 1"); err != nil {
		log.Fatal(err)
	}
	printUser(moneyclip.Bypass(ctx), db)
	printUser(ctx, db)
	printUser(moneyclip.Refresh(ctx), db)
	printUser(ctx, db)
	// Output:
	// ada
	// grace
	// ada
	// grace
	// grace
}
