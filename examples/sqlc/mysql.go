package main

import (
	"context"
	_ "embed"
	"errors"

	mysqldriver "github.com/go-sql-driver/mysql"

	"github.com/moneyclip/moneyclip/examples/sqlc/mysql"
	"github.com/moneyclip/moneyclip/examples/sqlc/sqlite"
	_ "github.com/moneyclip/moneyclip/mysql"
)

//go:embed mysql/schema.sql
var mysqlSchema string

// mysqlEngine tells the story in a new database of the server that a DSN leads to.
func mysqlEngine(dsn string) engine {
	return engine{
		name:   "MySQL",
		driver: "mysql",
		schema: mysqlSchema,
		store:  func(db handle) store { return mysqlStore{mysql.New(db)} },
		settle: func(ctx context.Context) (*place, error) {
			config, err := mysqldriver.ParseDSN(dsn)
			if err != nil {
				// The driver's own words on a DSN may repeat parts of it.
				return nil, errors.New("-mysql: go-sql-driver/mysql does not understand the DSN")
			}
			config.ParseTime = true // sqlc's code wants a time.Time
			return server{
				driver: "mysql",
				dsn:    dsn,
				lead: func(name string) string {
					config.DBName = name
					return config.FormatDSN()
				},
				create:  "CREATE DATABASE %s",
				drop:    "DROP DATABASE %s",
				current: "SELECT database()",
			}.settle(ctx)
		},
	}
}

// mysqlStore gives its rows the story's types.
type mysqlStore struct{ *mysql.Queries }

func (s mysqlStore) GetAccountByHandle(ctx context.Context, handle string) (sqlite.Account, error) {
	row, err := s.Queries.GetAccountByHandle(ctx, handle)
	return sqlite.Account(row), err
}

func (s mysqlStore) GetBook(ctx context.Context, id int64) (sqlite.Book, error) {
	row, err := s.Queries.GetBook(ctx, id)
	return sqlite.Book(row), err
}

func (s mysqlStore) BookTotals(ctx context.Context, bookID int64) (sqlite.BookTotalsRow, error) {
	row, err := s.Queries.BookTotals(ctx, bookID)
	return sqlite.BookTotalsRow(row), err
}

func (s mysqlStore) GetDocument(ctx context.Context, id int64) (sqlite.Document, error) {
	row, err := s.Queries.GetDocument(ctx, id)
	return sqlite.Document(row), err
}

func (s mysqlStore) GetUser(ctx context.Context, id int64) (sqlite.User, error) {
	row, err := s.Queries.GetUser(ctx, id)
	return sqlite.User(row), err
}
