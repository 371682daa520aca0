package main

import (
	"context"
	_ "embed"
	"errors"
	"net/url"
	"strings"

	"github.com/lib/pq"

	"github.com/moneyclip/moneyclip/examples/sqlc/postgres"
	"github.com/moneyclip/moneyclip/examples/sqlc/sqlite"
	_ "github.com/moneyclip/moneyclip/postgres"
)

//go:embed postgres/schema.sql
var postgresSchema string

// postgresEngine tells the story in a new schema of the database that a DSN leads to.
func postgresEngine(dsn string) engine {
	return engine{
		name:   "Postgres",
		driver: "postgres",
		schema: postgresSchema,
		// The rows were made with ids, of which the sequences know nothing.
		loaded: `
			SELECT setval(pg_get_serial_sequence('accounts', 'id'), max(id)) FROM accounts;
			SELECT setval(pg_get_serial_sequence('followers', 'id'), max(id)) FROM followers;
			SELECT setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users;
			ANALYZE accounts, followers, users, books, documents`,
		store: func(db handle) store { return postgresStore{postgres.New(db)} },
		settle: func(ctx context.Context) (*place, error) {
			// The driver's own words on a DSN may repeat it, with the password.
			if _, err := pq.NewConfig(dsn); err != nil {
				return nil, errors.New("-postgres: lib/pq does not understand the DSN")
			}
			return server{
				driver:  "postgres",
				dsn:     dsn,
				lead:    func(name string) string { return inSchema(dsn, name) },
				create:  "CREATE SCHEMA %s",
				drop:    "DROP SCHEMA %s CASCADE",
				current: "SELECT current_schema()",
			}.settle(ctx)
		},
	}
}

// inSchema is a DSN whose connections find tables in one schema only.
func inSchema(dsn, schema string) string {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return dsn + " search_path=" + schema
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn // so that it leads elsewhere, which is noticed
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// postgresStore gives its rows the story's types.
type postgresStore struct{ *postgres.Queries }

func (s postgresStore) GetAccountByHandle(ctx context.Context, handle string) (sqlite.Account, error) {
	row, err := s.Queries.GetAccountByHandle(ctx, handle)
	return sqlite.Account(row), err
}

func (s postgresStore) GetBook(ctx context.Context, id int64) (sqlite.Book, error) {
	row, err := s.Queries.GetBook(ctx, id)
	return sqlite.Book(row), err
}

func (s postgresStore) BookTotals(ctx context.Context, bookID int64) (sqlite.BookTotalsRow, error) {
	row, err := s.Queries.BookTotals(ctx, bookID)
	return sqlite.BookTotalsRow(row), err
}

func (s postgresStore) GetDocument(ctx context.Context, id int64) (sqlite.Document, error) {
	row, err := s.Queries.GetDocument(ctx, id)
	return sqlite.Document(row), err
}

func (s postgresStore) GetUser(ctx context.Context, id int64) (sqlite.User, error) {
	row, err := s.Queries.GetUser(ctx, id)
	return sqlite.User(row), err
}
