package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip/examples/sqlc/sqlite"
)

// A store is what sqlc has generated. The methods have the same names and the same arguments for every engine, since
// the queries have; where their rows have types of their own, the engine's file converts them.
type store = sqlite.Querier

// A handle is a *sql.DB, a *sql.Tx, or what stands before one.
type handle = sqlite.DBTX

// An engine is a database system to tell the story on.
type engine struct {
	name   string // for people
	driver string // as database/sql knows it
	schema string // statements that make the tables
	loaded string // statements to run once the tables are filled
	store  func(handle) store

	// settle makes an empty place in which there is nothing of anybody else.
	settle func(context.Context) (*place, error)
}

// A place is where the tables are: a file, or a schema or database on a server.
type place struct {
	name  string // the schema's or the database's; for people
	dsn   string
	leave func(context.Context) error // removes the place and all that is in it
}

// A database is one place, opened twice.
type database struct {
	engine
	dsn    string
	cached *sql.DB // through MoneyClip
	plain  *sql.DB // past it
}

// open is where the program chooses the cache: by the name of the driver.
func open(e engine, dsn string) (*database, error) {
	plain, err := sql.Open(e.driver, dsn)
	if err != nil {
		return nil, err
	}
	cached, err := sql.Open("moneyclip+"+e.driver, dsn)
	if err != nil {
		return nil, errors.Join(err, plain.Close())
	}
	return &database{engine: e, dsn: dsn, cached: cached, plain: plain}, nil
}

func (d *database) close() error { return errors.Join(d.cached.Close(), d.plain.Close()) }

// A server makes places by a statement. In the statements, %s is the name of the place.
type server struct {
	driver  string
	dsn     string // of whom the statements are run for
	lead    func(name string) (dsn string)
	create  string
	drop    string
	current string // a query for the name of the place that a connection is in
}

// settleTime is how long making or removing a place on a server may take.
const settleTime = 30 * time.Second

// settle makes a place. If it cannot, for want of a privilege, or if connections do not get there, then nothing else
// is done on the server.
func (s server) settle(ctx context.Context) (*place, error) {
	name := "moneyclip_example_" + strings.ToLower(rand.Text()[:8])
	create, drop := fmt.Sprintf(s.create, name), fmt.Sprintf(s.drop, name)
	if err := s.exec(ctx, create); err != nil {
		return nil, fmt.Errorf("the story needs a place of its own, %s: %w", create, err)
	}
	p := &place{name: name, dsn: s.lead(name), leave: func(ctx context.Context) error {
		if err := s.exec(ctx, drop); err != nil {
			return fmt.Errorf("what the story has made is still there, %s: %w", drop, err)
		}
		return nil
	}}
	if err := s.check(ctx, p); err != nil {
		return nil, errors.Join(err, p.leave(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// exec runs a statement. It is not interrupted, so that it is known whether it was done.
func (s server) exec(ctx context.Context, statement string) error {
	db, err := sql.Open(s.driver, s.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	limited, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := db.PingContext(limited); err != nil {
		return err
	}
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	_, err = db.ExecContext(whole, statement)
	return err
}

// check sees whether connections find the tables of the place, and not somebody's: what stands between the program and
// the server may have its own mind about where connections go.
func (s server) check(ctx context.Context, p *place) error {
	db, err := sql.Open(s.driver, p.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	var current sql.NullString
	if err := db.QueryRowContext(ctx, s.current).Scan(&current); err != nil {
		return err
	}
	if current.String != p.name {
		return fmt.Errorf("%s was made, but connections do not get there", p.name)
	}
	return nil
}
