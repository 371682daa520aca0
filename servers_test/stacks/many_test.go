package stacks

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moneyclip/moneyclip"
)

// Hundreds of databases under one driver name: their rows never mix, and they cost no goroutine but database/sql's own.
func TestManyFiles(t *testing.T) {
	const many = 300
	dir := t.TempDir()
	ignored := goleak.IgnoreCurrent()
	several(t, "sqlite3", many, func(i int) string { return "file:" + filepath.Join(dir, fmt.Sprint(i)) }, func(int) int { return 1 }, func(db *sql.DB) {
		run(t, db, schema[0])
	})
	goleak.VerifyNone(t, ignored)
}

// Schemas of one database are as different. But keys do not tell them apart, so each has an id of its own here: a write
// in one drops what is stored under the same key of another.
func TestManySchemas(t *testing.T) {
	const many = 25
	bare, dsn := places[0].database(t)
	for i := range many {
		run(t, bare, fmt.Sprintf("CREATE SCHEMA s%d CREATE TABLE users (id BIGINT PRIMARY KEY, name VARCHAR(20), city VARCHAR(20))", i))
	}
	ignored := goleak.IgnoreCurrent()
	several(t, "pgx", many, func(i int) string { return fmt.Sprintf("%s&search_path=s%d", dsn, i) }, func(i int) int { return i }, func(*sql.DB) {})
	goleak.VerifyNone(t, ignored)
}

// several opens databases under one name, fills, reads and writes each, and closes them.
func several(t *testing.T, base string, many int, dsn func(int) string, id func(i int) int, create func(db *sql.DB)) {
	var p place
	for _, p = range places {
		if p.base == base {
			break
		}
	}
	var dbs []*sql.DB
	defer func() {
		for _, db := range dbs {
			db.Close()
		}
	}()
	before := runtime.NumGoroutine()
	for i := range many {
		db, err := sql.Open("moneyclip+"+base, dsn(i))
		if err != nil {
			t.Fatal(err)
		}
		dbs = append(dbs, db)
		db.SetMaxIdleConns(0) // a hit needs none
		create(db)
		run(t, db, p.text("INSERT INTO users (id, name) VALUES ($1, $2)"), id(i), fmt.Sprint("first ", i))
	}
	cache, _ := moneyclip.Default("moneyclip+" + base)
	read := func(prefix string) {
		t.Helper()
		for i, db := range dbs {
			if got, want := p.name(t, db, id(i)), fmt.Sprint(prefix, i); got != want {
				t.Fatalf("database %d has %q, want %q", i, got, want)
			}
		}
	}
	read("first ")
	if n := hits(cache, func() { read("first ") }); n != uint64(many) {
		t.Errorf("%d hits in %d databases", n, many)
	}
	for i, db := range dbs {
		if i%2 == 0 {
			run(t, db, p.text("UPDATE users SET name = $1 WHERE id = $2"), fmt.Sprint("second ", i), id(i))
		}
	}
	for i, db := range dbs {
		want := fmt.Sprint("first ", i)
		if i%2 == 0 {
			want = fmt.Sprint("second ", i)
		}
		n := hits(cache, func() {
			if got := p.name(t, db, id(i)); got != want {
				t.Errorf("database %d has %q, want %q", i, got, want)
			}
		})
		if n != uint64(i%2) {
			t.Errorf("database %d: %d hits", i, n)
		}
	}
	// database/sql has one for each database.
	const slack = 10
	for range 100 {
		if runtime.NumGoroutine() <= before+many+slack {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines for %d databases, %d before", runtime.NumGoroutine(), many, before)
}
