package moneyclip_test

import (
	"database/sql"
	"fmt"
	"log"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// Explain says what becomes of a statement, without running it.
func ExampleCache_Explain() {
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
		Scope: "example", // a database in memory has no name of its own
		Rules: []moneyclip.Rule{
			{Name: "document", Key: "document::id-%d", Table: "documents", By: []string{"id"}},
			{Name: "count", Key: "book::count-%d", Query: "SELECT count(*) FROM documents WHERE book_id = ?"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db := sql.OpenDB(cache.Connector(connector(":memory:")))
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE documents (id INTEGER PRIMARY KEY, book_id INTEGER, archived INTEGER)"); err != nil {
		log.Fatal(err)
	}

	for _, statement := range []struct {
		query string
		args  []any
	}{
		{"SELECT archived FROM documents WHERE id = ?", []any{7}},
		{"UPDATE documents SET archived = 1 WHERE book_id = ?", []any{3}},
	} {
		explanation, err := cache.Explain(statement.query, statement.args...)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(explanation)
	}
	// Output:
	// SELECT archived FROM documents WHERE id = ?
	//   cached by rule document
	//   key  document::id-7
	//   why  it reads documents alone and pins id
	// UPDATE documents SET archived = 1 WHERE book_id = ?
	//   rule document: exact after reading
	//     read SELECT DISTINCT +"documents"."id" FROM main."documents" WHERE book_id = ?
	//     why  the rows that it touches are read inside its transaction
	//   rule count: none
	//     why  it assigns no column of "documents" that the cached query depends on
}
