package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// Each of these is a defect that some cache in front of some database has had.

const defectSchema = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE, seen DATETIME, raw BLOB);
	CREATE TABLE books (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE CASCADE, title TEXT);
	INSERT INTO users VALUES (1, 'ada', 'a@x', '2024-05-06 07:08:09', x'00ff'), (2, 'bob', 'b@x', NULL, NULL);
	INSERT INTO books VALUES (1, 1, 'one'), (2, 1, 'two'), (3, 2, 'three')`

const (
	userByID    = "SELECT id, name, email, seen, raw FROM users WHERE id = ?"
	userByEmail = "SELECT id, name FROM users WHERE email = ?"
	booksOf     = "SELECT count(*), max(title) FROM books WHERE user_id = ?"
	setName     = "UPDATE users SET name = ? WHERE id = ?"
)

var defectRules = []moneyclip.Rule{
	{Name: "user", Key: "user-%d", Table: "users", By: []string{"id"}, NotFound: time.Minute},
	{Name: "email", Key: "email-%s", Table: "users", By: []string{"email"}, NotFound: time.Minute},
	{Name: "books", Key: "books-%d", Query: booksOf},
}

func openDefect(t *testing.T) *stack {
	t.Helper()
	return openStack(t, defectSchema, moneyclip.Config{Rules: defectRules})
}

// A row that QueryRow has read was never stored, because QueryRow does not read to the end.
func TestDefectQueryRowNeverStored(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	var name string
	for range 2 {
		if err := s.QueryRow("SELECT name FROM users WHERE id = 1").Scan(&name); err != nil || name != "ada" {
			t.Fatalf("got %q, %v", name, err)
		}
	}
	if got := s.cache.Stats().Hits; got != 1 {
		t.Errorf("got %d hits, want 1", got)
	}
}

// A value that a transaction had written and read was served to all after its rollback.
func TestDefectUncommittedServed(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, tx, setName, "never", 1)
	for range 2 {
		firstRow(t, tx, userByID, 1)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.wantMiss(t, userByID, 1)
	s.wantHit(t, userByID, 1)
}

// A time came back from the cache as a pointer to a time, so that no hit could be scanned.
func TestDefectTimeOfAnotherType(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	for range 2 {
		var seen time.Time
		if err := s.QueryRow("SELECT seen FROM users WHERE id = 1").Scan(&seen); err != nil {
			t.Fatal(err)
		}
		if want := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC); !seen.Equal(want) {
			t.Errorf("got %v, want %v", seen, want)
		}
	}
	if got := s.cache.Stats().Hits; got != 1 {
		t.Errorf("got %d hits, want 1", got)
	}
}

// A time came back from the cache in another location.
func TestDefectTimeInAnotherLocation(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	var want time.Time
	if err := s.bare.QueryRow("SELECT seen FROM users WHERE id = 1").Scan(&want); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var got time.Time
		if err := s.QueryRow("SELECT seen FROM users WHERE id = 1").Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want || got.Location() != want.Location() { //nolint:staticcheck // the location too
			t.Errorf("got %#v, want %#v", got, want)
		}
	}
}

// Bytes that one reader had changed were changed for all.
func TestDefectSharedBytes(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	for range 3 {
		rows, err := s.Query("SELECT raw FROM users WHERE id = 1")
		if err != nil {
			t.Fatal(err)
		}
		var raw sql.RawBytes
		if !rows.Next() || rows.Scan(&raw) != nil || !slices.Equal(raw, []byte{0, 0xff}) {
			t.Errorf("got %x, want 00ff", raw)
		}
		raw[0] = 'x' // RawBytes is the driver's memory
		rows.Close()
	}
}

// Of five rows two were stored, because the first reader had stopped after two.
func TestDefectTruncatedRows(t *testing.T) {
	t.Parallel()
	s := openStack(t, defectSchema, moneyclip.Config{Rules: []moneyclip.Rule{
		{Key: "titles-%d", Query: "SELECT title FROM books WHERE user_id = ? ORDER BY id"},
	}})
	for _, stop := range []int{1, 2, 2, 1} {
		rows, err := s.Query("SELECT title FROM books WHERE user_id = ? ORDER BY id", 1)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for n < stop && rows.Next() {
			n++
		}
		if n != stop {
			t.Errorf("got %d rows, want %d", n, stop)
		}
		rows.Close()
	}
}

// An UPDATE left the old row until its time was over.
func TestDefectUpdateLeavesRow(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	s.warm(t, userByID, 1)
	mustExec(t, s, setName, "x", 1)
	s.wantMiss(t, userByID, 1)
}

// A changed unique column left the key of its old value, and of its new one.
func TestDefectUniqueColumnMoves(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	s.warm(t, userByEmail, "a@x")
	s.warm(t, userByEmail, "new@x")
	s.warm(t, userByEmail, "b@x")
	mustExec(t, s, "UPDATE users SET email = 'new@x' WHERE id = 1")
	s.wantMiss(t, userByEmail, "a@x")
	s.wantMiss(t, userByEmail, "new@x")
	s.wantHit(t, userByEmail, "b@x")
}

// A stored "not found" survived an INSERT whose id the database made.
func TestDefectNotFoundSurvivesInsert(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	s.warm(t, userByID, 3)
	mustExec(t, s, "INSERT INTO users (name) VALUES ('new')")
	s.wantMiss(t, userByID, 3)
	s.warm(t, userByID, 4)
	rows, err := s.Query("INSERT INTO users (name) VALUES ('new') RETURNING id")
	if err != nil {
		t.Fatal(err)
	}
	rows.Close()
	s.wantMiss(t, userByID, 4)
}

// A stored "not found" outlived the age limit that bounds the harm of writes past the driver.
func TestDefectNotFoundOutlivesTTL(t *testing.T) {
	t.Parallel()
	s := openStack(t, defectSchema, moneyclip.Config{Rules: []moneyclip.Rule{
		{Name: "user", Key: "user-%d", Table: "users", By: []string{"id"}, TTL: 200 * time.Millisecond, NotFound: time.Hour},
	}})
	s.warm(t, userByID, 77)
	s.elsewhere(t, "INSERT INTO users (id, name) VALUES (77, 'new')")
	time.Sleep(300 * time.Millisecond)
	s.wantMiss(t, userByID, 77)
}

// A read failed because the cache was out of reach.
func TestDefectCacheFailsRead(t *testing.T) {
	t.Parallel()
	store := &deadStore{Store: moneyclip.NewMemStore(1 << 20)}
	s := openStack(t, defectSchema, moneyclip.Config{Rules: defectRules, Store: store})
	s.warm(t, userByID, 1)
	store.dead.Store(true)
	s.wantMiss(t, userByID, 1)
}

// An invalidation that came while the cache was out of reach was forgotten.
func TestDefectForgottenInvalidation(t *testing.T) {
	t.Parallel()
	store := &deadStore{Store: moneyclip.NewMemStore(1 << 20)}
	s := openStack(t, defectSchema, moneyclip.Config{Rules: defectRules, Store: store})
	s.warm(t, userByID, 1)
	store.dead.Store(true)
	mustExec(t, s, setName, "x", 1)
	store.dead.Store(false)
	s.wantMiss(t, userByID, 1)
}

// deadStore is a store that can be out of reach.
type deadStore struct {
	moneyclip.Store
	dead atomic.Bool
}

var errDead = errors.New("connection refused")

func (d *deadStore) Get(ctx context.Context, slot *moneyclip.Slot) (*moneyclip.Row, error) {
	if d.dead.Load() {
		return nil, errDead
	}
	return d.Store.Get(ctx, slot)
}

func (d *deadStore) Lease(
	ctx context.Context, slot *moneyclip.Slot, token moneyclip.Token, life time.Duration, renew bool,
) (moneyclip.Grant, error) {
	if d.dead.Load() {
		return moneyclip.Grant{}, errDead
	}
	return d.Store.Lease(ctx, slot, token, life, renew)
}

func (d *deadStore) Quarantine(ctx context.Context, marks *moneyclip.Marks, life time.Duration) (string, error) {
	if d.dead.Load() {
		return "", errDead
	}
	return d.Store.Quarantine(ctx, marks, life)
}

func (d *deadStore) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	if d.dead.Load() {
		return "", errDead
	}
	return d.Store.Release(ctx, marks)
}

// One caller's cancelled context failed all who were waiting for the same row.
func TestDefectCancelledLeader(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	firstRow(t, s, userByID, 2)
	for range 20 {
		mustExec(t, s, setName, "x", 1)
		ctx, cancel := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		readers.Go(func() { s.QueryRowContext(ctx, "SELECT id FROM users WHERE id = 1").Scan(new(int)) })
		for range 4 {
			readers.Go(func() {
				if err := s.QueryRow("SELECT id FROM users WHERE id = 1").Scan(new(int)); err != nil {
					t.Errorf("a reader whose context is alive got %v", err)
				}
			})
		}
		cancel()
		readers.Wait()
	}
}

// A write flushed everything.
func TestDefectFlushesEverything(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	s.warm(t, userByID, 2)
	s.warm(t, booksOf, 1)
	s.warm(t, booksOf, 2)
	mustExec(t, s, setName, "x", 1)
	mustExec(t, s, "INSERT INTO books (user_id, title) VALUES (1, 'x')")
	s.wantHit(t, userByID, 2)
	s.wantMiss(t, booksOf, 1)
	s.wantHit(t, booksOf, 2)
}

// Keys were dropped before the COMMIT, and the old row was stored again before it.
func TestDefectDroppedBeforeCommit(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	s.warm(t, userByID, 1)
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, tx, setName, "x", 1)
	firstRow(t, s, userByID, 1)
	firstRow(t, s, userByID, 1)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s.wantMiss(t, userByID, 1)
}

// Tables were looked for by splitting at blanks.
func TestDefectTablesBySplitting(t *testing.T) {
	t.Parallel()
	const joined = "SELECT u.name, count(*) FROM users u,books b WHERE u.id=b.user_id AND u.id=?"
	for _, write := range []string{
		"UPDATE\tusers\nSET\tname='x'\rWHERE\tid=1",
		"update\"users\"set name='x'where id=1",
		"UPDATE main.users SET name='x' WHERE id=1",
		"/* SELECT */UPDATE[users]SET name='x'WHERE(id)=(1)",
		"-- DELETE FROM nothing\nUPDATE`users`SET name='x' WHERE id=1",
		"WITH b AS(SELECT 1 i)UPDATE users SET name='x' WHERE id IN(SELECT i FROM b)",
		"WITH n(i)AS(VALUES(1))INSERT INTO books(user_id,title)SELECT i,'new'FROM n",
		"DELETE FROM books",
		"delete from books where user_id=1;",
		"REPLACE INTO books VALUES(1,1,'x')",
		"INSERT INTO books VALUES(1,1,'x')ON CONFLICT DO UPDATE SET user_id=2",
		"UPDATE OR IGNORE books SET user_id=3-user_id",
		"UPDATE books SET user_id=2 FROM users WHERE users.id=books.user_id",
		"EXPLAIN SELECT 1;DELETE FROM books",
	} {
		t.Run(write, func(t *testing.T) {
			t.Parallel()
			s := openStack(t, defectSchema, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "joined-%d", Query: joined, On: []moneyclip.On{
				{Table: "users", Columns: []string{"id"}}, {Table: "books", Columns: []string{"user_id"}},
			}}}})
			s.warm(t, joined, 1)
			mustExec(t, s, write)
			s.wantMiss(t, joined, 1)
		})
	}
}

// A transaction whose writes were not understood counted as one that had written nothing.
func TestDefectCleanTransaction(t *testing.T) {
	t.Parallel()
	for _, write := range []string{
		"DELETE FROM users",
		"DROP TABLE books",
		"ALTER TABLE users RENAME COLUMN name TO title; ALTER TABLE users RENAME COLUMN title TO name; UPDATE users SET name = 'x'",
		"CREATE TRIGGER t AFTER UPDATE OF email ON users BEGIN UPDATE users SET name = 'x' WHERE id = 1; END; UPDATE users SET email = 'z' WHERE id = 2",
		"SAVEPOINT a; UPDATE users SET name = 'x' WHERE id = 1; RELEASE a",
	} {
		t.Run(write, func(t *testing.T) {
			t.Parallel()
			s := openDefect(t)
			s.warm(t, userByID, 1)
			tx, err := s.Begin()
			if err != nil {
				t.Fatal(err)
			}
			mustExec(t, tx, write)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			s.wantMiss(t, userByID, 1)
		})
	}
}

// What a transaction had collected survived the loss of its connection, and went to the next one.
func TestDefectStateSurvivesConnection(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	s.SetMaxOpenConns(1)
	s.warm(t, userByID, 1)
	conn, err := s.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, setName, "never", 1)
	s.SetMaxIdleConns(-1) // the connection is closed when it comes back, and its transaction with it
	conn.Close()
	s.wantHit(t, userByID, 1)
	mustExec(t, s, setName, "x", 2)
	s.wantHit(t, userByID, 1)
	mustExec(t, s, setName, "x", 1)
	s.wantMiss(t, userByID, 1)
	s.wantHit(t, userByID, 1)
}

// Old and new versions of a program used different keys, and did not keep each other fresh.
func TestDefectTwoVersions(t *testing.T) {
	t.Parallel()
	store := moneyclip.NewMemStore(1 << 20)
	older := []moneyclip.Rule{{Name: "user", Key: "v1-user-%d", Table: "users", By: []string{"id"}}}
	newer := []moneyclip.Rule{{Name: "user", Key: "v2-user::%d", Table: "users", By: []string{"id"}}}
	s := openStack(t, defectSchema, moneyclip.Config{Rules: older, Store: store})
	_, db := s.through(t, moneyclip.Config{Rules: newer, Store: store})
	for i, writer := range []handle{db, s.DB} {
		s.warm(t, userByID, 1)
		firstRow(t, db, userByID, 1)
		mustExec(t, writer, setName, fmt.Sprint("name ", i), 1)
		want := firstRow(t, s.bare, userByID, 1)
		for _, reader := range []handle{s.DB, db} {
			if got := firstRow(t, reader, userByID, 1); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
}

// A row was found by a unique key that had gone to another row.
func TestDefectUniqueKeyPointsElsewhere(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	s.warm(t, userByEmail, "a@x")
	s.warm(t, userByEmail, "b@x")
	tx, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	mustExec(t, tx, "UPDATE users SET email = NULL WHERE id = 1")
	mustExec(t, tx, "UPDATE users SET email = 'a@x' WHERE id = 2")
	mustExec(t, tx, "UPDATE users SET email = 'b@x' WHERE id = 1")
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	s.wantMiss(t, userByEmail, "a@x")
	s.wantMiss(t, userByEmail, "b@x")
}

// The number 1 and the text "1" had one key.
func TestDefectTypeBlindKeys(t *testing.T) {
	t.Parallel()
	s := openStack(t, `CREATE TABLE things (k, name TEXT);
		INSERT INTO things VALUES (1, 'number'), ('1', 'text'), (x'31', 'bytes'), (1.5, 'float'), ('1.5', 'its text')`,
		moneyclip.Config{Rules: []moneyclip.Rule{{Key: "thing-%v", Table: "things", By: []string{"k"}}}})
	const query = "SELECT name FROM things WHERE k = ?"
	for range 2 {
		for _, k := range []any{1, "1", []byte("1"), 1.5, "1.5", true, "true", 1.0} {
			if got, want := firstRow(t, s, query, k), firstRow(t, s.bare, query, k); got != want {
				t.Errorf("%T %v: got %s, want %s", k, k, got, want)
			}
		}
	}
}

// Keys that were joined from their parts collided: ("a-b", "c") and ("a", "b-c").
func TestDefectJoinedKeys(t *testing.T) {
	t.Parallel()
	s := openStack(t, "CREATE TABLE pairs (a TEXT, b TEXT, name TEXT); INSERT INTO pairs VALUES ('a-b', 'c', 'first'), ('a', 'b-c', 'second')",
		moneyclip.Config{Rules: []moneyclip.Rule{{Name: "pair", Key: "pair-%s-%s", Table: "pairs", By: []string{"a", "b"}}}})
	const query = "SELECT name FROM pairs WHERE a = ? AND b = ?"
	s.warm(t, query, "a-b", "c")
	s.wantMiss(t, query, "a", "b-c")
	first, err := s.cache.Explain(query, "a-b", "c")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.cache.Explain(query, "a", "b-c")
	if err != nil || first.Key == second.Key {
		t.Errorf("got one key %q for both, %v", first.Key, err)
	}
}

// Blanks were stripped inside of literals too, so that two texts became one.
func TestDefectBlanksInLiterals(t *testing.T) {
	t.Parallel()
	s := openDefect(t)
	for range 2 {
		for _, literal := range []string{"'a b'", "'a  b'", "'a\tb'", "'A B'", "'--'", "'/**/'", "' '", "'SELECT'", "'select'"} {
			query := "SELECT " + literal + " FROM users WHERE id = 1"
			if got, want := firstRow(t, s, query), firstRow(t, s.bare, query); got != want {
				t.Errorf("%s: got %s, want %s", literal, got, want)
			}
		}
	}
}
