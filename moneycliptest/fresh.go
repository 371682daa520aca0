package moneycliptest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A Statement is one of the program's. It has exactly one of Query, Read and Write.
type Statement struct {
	// Name stands for the statement in a failure. Default: the sqlc query name of Query, or its text.
	Name string

	// Query is the text, of a SELECT or a write, and Args are for each bind parameter the values to draw from.
	Query string
	Args  [][]any

	// Read calls the program, such as a method of sqlc's, with arguments that it draws, and returns what it got. It may be
	// called any number of times with the same draws, and must then ask the same.
	Read func(ctx context.Context, db DB, draw *rand.Rand) (any, error)

	// Write calls the program to write. An error, such as that of a constraint, is taken for the database's affair.
	Write func(ctx context.Context, db DB, draw *rand.Rand) error

	_ struct{} // fields by name only: there will be more
}

// DB is a database or a transaction, as sqlc's code takes it.
type DB interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

const (
	steps   = 1000 // of one check; a fifth of it with go test -short
	watched = 32   // reads that are asked again after every write
)

// CheckFresh runs statements at random through db, which is wrapped by the cache: reads, writes, and transactions that are
// committed or rolled back. After every write it asks again what was read before, from the cache and past it, and fails the
// test if the two differ, with the write that made the difference. It fails too if no read was a hit. Nobody else may write
// to the database meanwhile. What it writes stays there: give it a database of its own.
//
// The run is another one each time; MONEYCLIP_SEED, with the number from a failure, makes it the same again.
func CheckFresh(t testing.TB, cache *moneyclip.Cache, db *sql.DB, statements []Statement) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("MONEYCLIP_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("MONEYCLIP_SEED: %v", err)
		}
	}
	c := &checker{t: t, ctx: context.Background(), db: db, draw: rand.New(rand.NewPCG(seed, 0))}
	for i := range statements {
		s := &statements[i]
		reads, err := s.check(cache, db)
		switch {
		case err != nil:
			t.Fatalf("statement %d: %v", i, err)
		case reads:
			c.reads = append(c.reads, s)
		default:
			c.writes = append(c.writes, s)
		}
	}
	if len(c.reads) == 0 || len(c.writes) == 0 {
		t.Fatalf("got %d reads and %d writes, want some of both", len(c.reads), len(c.writes))
	}
	n := steps
	if testing.Short() {
		n /= 5
	}
	before := cache.Stats()
	for range n {
		if err := c.step(); err != nil {
			t.Fatalf("%v\nMONEYCLIP_SEED=%d makes this run again", err, seed)
		}
	}
	if after := cache.Stats(); after.Hits == before.Hits {
		t.Errorf("none of %d reads was a hit: does a rule cache one of these statements?", c.asked)
	}
}

// check reports whether the statement reads.
func (s *Statement) check(cache *moneyclip.Cache, db *sql.DB) (reads bool, err error) {
	given := 0
	for _, one := range []bool{s.Query != "", s.Read != nil, s.Write != nil} {
		if one {
			given++
		}
	}
	if given != 1 {
		return false, fmt.Errorf("it has %d of Query, Read and Write, and needs one", given)
	}
	if s.Query == "" {
		return s.Read != nil, nil
	}
	for i, values := range s.Args {
		if len(values) == 0 {
			return false, fmt.Errorf("there is no value to draw for parameter %d", i+1)
		}
	}
	x, err := cache.Explain(s.Query)
	if err != nil {
		return false, err
	}
	switch x.Kind {
	case moneyclip.KindRead, moneyclip.KindWrite:
		return x.Kind == moneyclip.KindRead, nil
	}
	if prepared, err := db.Prepare(s.Query); err != nil {
		return false, fmt.Errorf("%s: %w", s.label(), err)
	} else if err := prepared.Close(); err != nil {
		return false, err
	}
	return false, fmt.Errorf("%s: it is neither a SELECT nor a write (%s)", s.label(), x.Kind)
}

func (s *Statement) label() string {
	if s.Name != "" {
		return s.Name
	}
	text := strings.TrimSpace(s.Query)
	if rest, ok := strings.CutPrefix(text, "-- name: "); ok {
		text, _, _ = strings.Cut(rest, " ")
	}
	return text
}

// A call is a statement with its draws. The same call asks the same.
type call struct {
	*Statement
	seed uint64
}

func (c call) rand() *rand.Rand { return rand.New(rand.NewPCG(c.seed, 1)) }

func (c call) args() []any {
	r := c.rand()
	args := make([]any, len(c.Args))
	for i, values := range c.Args {
		args[i] = values[r.IntN(len(values))]
	}
	return args
}

func (c call) String() string {
	switch {
	case c.Query != "":
		return fmt.Sprintf("%s %v", c.label(), c.args())
	case c.Name != "":
		return fmt.Sprintf("%s (draw %d)", c.Name, c.seed)
	}
	return fmt.Sprintf("a statement without a Name (draw %d)", c.seed)
}

// read returns what the call reads. That there is no row is an answer too.
func (c call) read(ctx context.Context, db DB) (any, error) {
	if c.Read == nil {
		return rowsOf(db.QueryContext(ctx, c.Query, c.args()...))
	}
	v, err := c.Read(ctx, db, c.rand())
	if errors.Is(err, sql.ErrNoRows) {
		return "no rows", nil
	}
	return v, err
}

func (c call) write(ctx context.Context, db DB) error {
	if c.Write != nil {
		return c.Write(ctx, db, c.rand())
	}
	_, err := rowsOf(db.QueryContext(ctx, c.Query, c.args()...)) // by Query, because it may return rows
	return err
}

// rowsOf reads all rows.
func rowsOf(rows *sql.Rows, err error) ([][]any, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	all := [][]any{}
	for rows.Next() {
		row := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

type checker struct {
	t             testing.TB
	ctx           context.Context // of the whole check
	db            *sql.DB
	draw          *rand.Rand
	reads, writes []*Statement

	pool  []call // reads that are asked again after every write
	asked int
}

func (c *checker) pick(list []*Statement) call {
	return call{list[c.draw.IntN(len(list))], c.draw.Uint64()}
}

// step does one thing at random.
func (c *checker) step() error {
	switch n := c.draw.IntN(10); {
	case n < 5:
		r := c.pick(c.reads)
		if len(c.pool) < watched {
			c.pool = append(c.pool, r)
		} else {
			c.pool[c.draw.IntN(watched)] = r
		}
		return c.compare(c.db, r, "")
	case n < 8:
		w := c.pick(c.writes)
		w.write(c.ctx, c.db) // that it failed is the database's affair: it may have to
		return c.compareAll(w.String())
	}
	return c.transaction()
}

// transaction does some writes, and reads in between, which must see them.
func (c *checker) transaction() error {
	tx, err := c.db.BeginTx(c.ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var done []string
	for range 1 + c.draw.IntN(3) {
		w := c.pick(c.writes)
		done = append(done, w.String())
		if err := w.write(c.ctx, tx); err != nil {
			break // on some databases it has ended the transaction
		}
		if err := c.compare(tx, c.pick(c.reads), strings.Join(done, "; ")+", in its transaction"); err != nil {
			return err
		}
	}
	end, how := tx.Commit, "COMMIT"
	if c.draw.IntN(3) == 0 {
		end, how = tx.Rollback, "ROLLBACK"
	}
	end()
	return c.compareAll(strings.Join(append(done, how), "; "))
}

func (c *checker) compareAll(after string) error {
	for _, r := range c.pool {
		if err := c.compare(c.db, r, after); err != nil {
			return err
		}
	}
	return nil
}

// compare reads through the cache, twice because the first time may fill it, and past it.
func (c *checker) compare(db DB, r call, after string) error {
	c.asked += 2
	first, err1 := r.read(c.ctx, db)
	second, err2 := r.read(c.ctx, db)
	want, err := r.read(moneyclip.Bypass(c.ctx), db)
	if err := errors.Join(err1, err2, err); err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	for _, got := range []any{first, second} {
		if !reflect.DeepEqual(got, want) {
			if after != "" {
				after = "\nafter " + after
			}
			return fmt.Errorf("the cache and the database differ:%s\n%s\ngot  %v from the cache\nwant %v from the database", after, r, got, want)
		}
	}
	return nil
}
