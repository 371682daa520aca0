//go:build unix

// Command rolling is a program of which there are two versions, with different rules: the one that is built by itself, and the
// one with the tag new. Its test runs them beside each other, as in a rolling deploy.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/redisstore"
)

// There are some accounts of each owner. Each counts its writes.
const (
	owners   = 4
	perOwner = 4
	accounts = owners * perOwner

	schema = `CREATE TABLE accounts (id int PRIMARY KEY, owner int NOT NULL, n bigint NOT NULL);
		INSERT INTO accounts SELECT i, i / 4, 0 FROM generate_series(0, 15) AS i`

	selectAccount = "SELECT n FROM accounts WHERE id = $1"
	selectTotal   = "SELECT sum(n)::bigint FROM accounts WHERE owner = $1"
	selectBest    = "SELECT max(n) FROM accounts WHERE owner = $1"
	updateOne     = "UPDATE accounts SET n = n + 1 WHERE id = $1 RETURNING id, n"
	updateAll     = "UPDATE accounts SET n = n + 1 WHERE owner = $1 RETURNING id, n"
)

// floors are the highest writes of each account that were acknowledged to any program: they lie in a file that all have in
// their memory.
type floors [accounts]atomic.Int64

func openFloors(path string) (*floors, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := syscall.Mmap(int(f.Fd()), 0, int(unsafe.Sizeof(floors{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*floors)(unsafe.Pointer(&b[0])), nil
}

func (f *floors) raise(account int, n int64) {
	for {
		old := f[account].Load()
		if old >= n || f[account].CompareAndSwap(old, n) {
			return
		}
	}
}

// A report is what a program has done so far.
type report struct {
	Reads, Writes, Refused int64
	Stale                  int64            // reads that were older than a write which was acknowledged before
	Example                string           // one of them
	Hits                   map[string]int64 // :: rule → hits
	Trouble                string           // why the cache is not healthy
}

type program struct {
	db     *sql.DB
	floors *floors
	stop   atomic.Bool
	fails  chan error

	reads, writes, refused, stale atomic.Int64
	example                       atomic.Pointer[string]
}

// The program works until its standard input is closed, and reports a few times a second.
func main() {
	dsn := flag.String("postgres", "", "the database")
	addr := flag.String("redis", "", "the server")
	path := flag.String("floors", "", "the file with what was acknowledged")
	namespace := flag.String("namespace", "", "the namespace; programs that do not have the same do not know of each other")
	flag.Parse()
	if err := run(*dsn, *addr, *path, *namespace); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dsn, addr, path, namespace string) error {
	floors, err := openFloors(path)
	if err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	store := redisstore.New(client)
	store.ReadTimeout, store.WriteTimeout, store.Grace = 10*time.Second, 10*time.Second, 0
	cache, err := moneyclip.New(postgres.Dialect, moneyclip.Config{
		Store: store, Rules: rules, Namespace: namespace, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Outage: moneyclip.FailWrites, // a busy machine that takes too long for a step must not look like a fault
	})
	if err != nil {
		return err
	}
	defer cache.Close()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	p := &program{db: sql.OpenDB(cache.Connector(stdlib.GetConnector(*config))), floors: floors, fails: make(chan error, 16)}
	defer p.db.Close()
	p.db.SetMaxIdleConns(8)

	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { p.loop(time.Millisecond, p.read) })
	}
	for range 2 {
		all.Go(func() { p.loop(30*time.Millisecond, p.write) })
	}
	end := make(chan struct{})
	go func() {
		io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		close(end)
	}()
	for ended := false; !ended; {
		select {
		case <-end:
			p.stop.Store(true)
			all.Wait()
			ended = true
		case err := <-p.fails:
			return err
		case <-time.After(50 * time.Millisecond):
		}
		if err := p.report(cache); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) report(cache *moneyclip.Cache) error {
	r := report{Reads: p.reads.Load(), Writes: p.writes.Load(), Refused: p.refused.Load(), Stale: p.stale.Load(), Hits: map[string]int64{}}
	if example := p.example.Load(); example != nil {
		r.Example = *example
	}
	if err := cache.Healthy(context.Background()); err != nil {
		r.Trouble = err.Error()
	}
	for name, s := range cache.Stats().Rules {
		r.Hits[name] = int64(s.Hits)
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (p *program) loop(pause time.Duration, do func() error) {
	for !p.stop.Load() {
		if err := do(); err != nil {
			p.fails <- err
			return
		}
		time.Sleep(pause)
	}
}

// read reads an account, or something of an owner. What was acknowledged before it begins bounds what it may return.
func (p *program) read() error {
	owner := rand.IntN(owners)
	of := make([]int64, perOwner)
	for i := range of {
		of[i] = p.floors[owner*perOwner+i].Load()
	}
	var query string
	var least int64
	id := owner
	switch rand.IntN(3) {
	case 0:
		i := rand.IntN(perOwner)
		query, id, least = selectAccount, owner*perOwner+i, of[i]
	case 1:
		query = selectTotal
		for _, n := range of {
			least += n
		}
	case 2:
		query = selectBest
		for _, n := range of {
			least = max(least, n)
		}
	}
	var got int64
	if err := p.db.QueryRow(query, id).Scan(&got); err != nil {
		return err
	}
	p.reads.Add(1)
	if got < least {
		p.stale.Add(1)
		example := fmt.Sprintf("%s with %d: got %d, although %d was acknowledged before", query, id, got, least)
		p.example.CompareAndSwap(nil, &example)
	}
	return nil
}

// write adds one to an account, by itself or in a transaction, or to all of an owner.
func (p *program) write() error {
	var seen map[int]int64
	var err error
	switch rand.IntN(4) {
	case 0:
		seen, err = update(p.db, updateAll, rand.IntN(owners))
	case 1:
		var tx *sql.Tx
		if tx, err = p.db.BeginTx(context.Background(), nil); err != nil {
			return err
		}
		if seen, err = update(tx, updateOne, rand.IntN(accounts)); err == nil {
			err = tx.Commit()
		}
		tx.Rollback()
	default:
		seen, err = update(p.db, updateOne, rand.IntN(accounts))
	}
	if errors.Is(err, moneyclip.ErrCacheDown) {
		p.refused.Add(1)
		return nil
	}
	if err != nil {
		return err
	}
	p.writes.Add(1)
	for account, n := range seen {
		p.floors.raise(account, n)
	}
	return nil
}

// update returns what the accounts have counted. It is acknowledged with the end of its rows.
func update(db interface {
	Query(string, ...any) (*sql.Rows, error)
}, query string, arg int) (map[int]int64, error) {
	rows, err := db.Query(query, arg)
	if err != nil {
		return nil, err
	}
	seen := map[int]int64{}
	for rows.Next() {
		var id int
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			rows.Close()
			return nil, err
		}
		seen[id] = n
	}
	return seen, errors.Join(rows.Err(), rows.Close())
}
