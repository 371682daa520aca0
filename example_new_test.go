package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// A cache of one's own goes around a connector, without any name.
func ExampleNew() {
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
		Rules: []moneyclip.Rule{{Name: "user", Key: "user::id-%d", Table: "users", By: []string{"id"}}},
		Store: moneyclip.NewMemStore(16 << 20),
		Scope: "example", // a database in memory has no name of its own
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db := sql.OpenDB(cache.Connector(connector(":memory:")))
	defer db.Close()
	db.SetMaxOpenConns(1) // a database in memory belongs to its connection

	if _, err := db.Exec("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO users VALUES (1, 'ada')"); err != nil {
		log.Fatal(err)
	}
	for range 3 {
		var name string
		if err := db.QueryRow("SELECT name FROM users WHERE id = ?", 1).Scan(&name); err != nil {
			log.Fatal(err)
		}
		fmt.Println(name, cache.Stats().Hits)
	}
	// Output:
	// ada 0
	// ada 1
	// ada 2
}

// connector is for a driver that has none of its own.
type connector string

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(string(c)) }

func (connector) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }
