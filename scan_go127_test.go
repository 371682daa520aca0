//go:build go1.27

package moneyclip_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// A scanConnector connects to a database whose driver fills destinations itself: it scans a name into its words.
type scanConnector struct{ fakeConnector }

func (c scanConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.fakeConnector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return scanConn{conn.(*fakeConn)}, nil
}

type scanConn struct{ *fakeConn }

func (c scanConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.fakeConn.QueryContext(ctx, query, args)
	fake, ok := rows.(*fakeRows)
	if !ok || query == catalogQuery {
		return rows, err
	}
	switch query {
	case selectNames:
		fake.names = []string{"name", "name"}
		for _, row := range fake.rows {
			row[0] = row[1]
		}
	case selectSeveral:
		fake.rows = nil
		for id := range int64(3) {
			fake.rows = append(fake.rows, []driver.Value{id + 1, fmt.Sprintf("user %d", id+1)})
		}
	}
	return &scanRows{fakeRows: fake}, err
}

const (
	selectNames   = "SELECT name, name FROM users WHERE id = ?"
	selectSeveral = "SELECT id, name FROM users WHERE id = ? AND id > 0" // returns three, whatever is asked
)

type scanRows struct {
	*fakeRows
	row []driver.Value
}

// Next is not called by database/sql, nor by anybody else then.
func (r *scanRows) Next([]driver.Value) error { return errors.New("Next was called") }

func (r *scanRows) NextRow() error {
	r.row = make([]driver.Value, len(r.names))
	return r.fakeRows.Next(r.row)
}

func (r *scanRows) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	text := fmt.Sprint(r.row[index])
	if strings.HasPrefix(text, "broken") {
		return errors.New("the name is broken")
	}
	if v := reflect.ValueOf(dest); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return errNowhere
	}
	if words, ok := dest.(*[]string); ok {
		*words = strings.Fields(text)
		return nil
	}
	return sql.ConvertAssign(scanCtx, dest, r.row[index])
}

var (
	_ driver.RowsColumnScanner = (*scanRows)(nil)

	errNowhere = errors.New("the destination is nil")
)

func openScanning(t testing.TB) *fakeDB {
	f := &fakeDB{state: newFakeState(), cache: newCache(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}, Scope: "fake"})}
	f.DB = sql.OpenDB(f.cache.Connector(scanConnector{fakeConnector{f.state}}))
	t.Cleanup(func() { f.DB.Close() })
	return f
}

// A miss and a hit fill what database/sql can fill, and the base is asked once.
func TestScanOrdinary(t *testing.T) {
	f := openScanning(t)
	f.wantQueries(t, 1, selectUser, 1)
	f.wantQueries(t, 0, selectUser, 1)
	var id any
	var name sql.NullString
	if err := f.QueryRow(selectUser, 1).Scan(&id, &name); err != nil || id != int64(1) || name.String != "user 1" {
		t.Errorf("got %v, %v, %v", id, name, err)
	}
	if err := f.QueryRow(selectUser, 1).Scan(new(int64), new(int64)); err == nil || !strings.Contains(err.Error(), `name "name"`) {
		t.Errorf("a name as a number: got error %v", err)
	}
	if hits := f.cache.Stats().Hits; hits != 3 {
		t.Errorf("got %d hits, want 3", hits)
	}
}

// A destination that is nil is what the driver says of it, on a miss and on a hit. For some of them database/sql would panic,
// with a lock held.
func TestScanNowhere(t *testing.T) {
	for _, dest := range []any{nil, (*int64)(nil), (*string)(nil), (*[]int32)(nil), (*sql.NullString)(nil), (**string)(nil)} {
		f := openScanning(t)
		for _, how := range []string{"miss", "bypass"} {
			if err := f.QueryRow(selectUser, 1).Scan(new(int64), dest); !errors.Is(err, errNowhere) {
				t.Errorf("%T, %s: got %v, want %v", dest, how, err, errNowhere)
			}
		}
		g := openScanning(t)
		g.wantRow(t, selectUser, 1)
		if err := g.QueryRow(selectUser, 1).Scan(new(int64), dest); !errors.Is(err, errNowhere) {
			t.Errorf("%T, hit: got %v, want %v", dest, err, errNowhere)
		}
	}
}

// What only the driver can fill, it fills: on a miss, on a hit, and afterwards.
func TestScanByDriver(t *testing.T) {
	for _, first := range []string{"miss", "hit"} {
		t.Run(first, func(t *testing.T) {
			f := openScanning(t)
			if first == "hit" {
				f.wantRow(t, selectUser, 1)
			}
			for range 3 {
				var id int64
				var words []string
				if err := f.QueryRow(selectUser, 1).Scan(&id, &words); err != nil || id != 1 || !slices.Equal(words, []string{"user", "1"}) {
					t.Errorf("got %d, %q, %v", id, words, err)
				}
			}
			s := f.cache.Stats()
			if s.Bypasses < 3 {
				t.Errorf("got %d bypasses, want one at first and all that come later: %+v", s.Bypasses, s)
			}
			f.wantQueries(t, 1, selectUser, 1)
		})
	}
}

// A row is never made of two, although the database is asked when half of it was scanned.
func TestScanOneRow(t *testing.T) {
	f := openScanning(t)
	f.QueryRow(selectNames, 1).Scan(new(string), new(string))
	var name string
	var words []string
	rows, err := f.Query(selectNames, 1)
	if err != nil || !rows.Next() {
		t.Fatal(err, rows.Err())
	}
	defer rows.Close()
	f.state.mu.Lock()
	f.state.name = "other"
	f.state.mu.Unlock()
	if err := rows.Scan(&name, &words); err != nil || name != "other 1" || !slices.Equal(words, []string{"other", "1"}) {
		t.Errorf("got %q, %q, %v", name, words, err)
	}
	if hits := f.cache.Stats().Hits; hits != 1 {
		t.Errorf("got %d hits, want 1: the row was not read from the cache at first", hits)
	}
}

// While one row is read from the database, its connection may serve another.
func TestScanBesideAHit(t *testing.T) {
	f := openScanning(t)
	f.wantRow(t, selectUser, 1)
	f.wantRow(t, selectUser, 2)
	f.QueryRow(selectNames, 1).Scan(new(string), new(string))
	conn, err := f.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	first, err := conn.QueryContext(t.Context(), selectNames, 1)
	if err != nil || !first.Next() {
		t.Fatal(err)
	}
	var name string
	var words []string
	if err := first.Scan(&name, &words); err != nil || name != "user 1" {
		t.Fatal(name, err)
	}
	second, err := conn.QueryContext(t.Context(), selectUser, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	if !second.Next() {
		t.Fatal("the row of the other query is gone", second.Err())
	}
	if err := second.Scan(new(int64), &name); err != nil || name != "user 2" {
		t.Errorf("got %q, %v", name, err)
	}
}

// A column of which the driver cannot make a value fails alone, and only if it is scanned.
func TestScanBroken(t *testing.T) {
	f := openScanning(t)
	f.state.name = "broken"
	for range 2 {
		rows, err := f.Query(selectUser, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !rows.Next() {
			t.Fatal(rows.Err())
		}
		if err := rows.Scan(new(int64), new(string)); err == nil || !strings.Contains(err.Error(), "the name is broken") {
			t.Errorf("got error %v, want the driver's", err)
		}
		if rows.Next() || rows.Err() != nil {
			t.Errorf("got another row, or error %v", rows.Err())
		}
		rows.Close()
	}
	if s := f.cache.Stats(); s.Fills != 0 {
		t.Errorf("got %d fills, want none", s.Fills)
	}
}

// Several rows of one SELECT are read ahead in part. The driver fills all of them.
func TestScanSeveral(t *testing.T) {
	f := openScanning(t)
	for _, driverOnly := range []bool{false, true} {
		rows, err := f.Query(selectSeveral, 1)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for rows.Next() {
			var name string
			var words []string
			dest := any(&name)
			if driverOnly {
				dest = &words
			}
			if err := rows.Scan(new(int64), dest); err != nil {
				t.Fatal(err)
			}
			got = append(got, name+strings.Join(words, " "))
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if want := []string{"user 1", "user 2", "user 3"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A hit allocates what database/sql allocates for a driver that fills destinations itself.
func TestScanAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	f := openScanning(t)
	floor := sql.OpenDB(constantScans{})
	t.Cleanup(func() { floor.Close() })
	allocations := func(db *sql.DB) float64 {
		var id int64
		var name string
		read := func() {
			if err := db.QueryRow(selectUser, 1).Scan(&id, &name); err != nil {
				t.Fatal(err)
			}
		}
		read()
		return testing.AllocsPerRun(1000, read)
	}
	if got, want := allocations(f.DB), allocations(floor); got > want {
		t.Errorf("got %v allocations, want the %v of database/sql", got, want)
	}
	if s := f.cache.Stats(); s.Hits < 1000 {
		t.Errorf("got %d hits", s.Hits)
	}
}

// constantScans is the floor: a connection that has one row, and allocates nothing.
type constantScans struct{}

func (c constantScans) Connect(context.Context) (driver.Conn, error) { return &constantConn{}, nil }
func (c constantScans) Driver() driver.Driver                        { return nil }

type constantConn struct {
	driver.Conn
	done bool
}

func (c *constantConn) Close() error { return nil }

func (c *constantConn) CheckNamedValue(*driver.NamedValue) error { return nil }

func (c *constantConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	c.done = false
	return (*constantRows)(c), nil
}

type constantRows constantConn

var constantNames = []string{"id", "name"}

func (r *constantRows) Columns() []string         { return constantNames }
func (r *constantRows) Close() error              { return nil }
func (r *constantRows) Next([]driver.Value) error { return io.EOF }
func (r *constantRows) NextRow() error {
	if r.done {
		return io.EOF
	}
	r.done = true
	return nil
}

func (r *constantRows) ScanColumn(scanCtx driver.ScanContext, index int, dest any) error {
	if index == 0 {
		return sql.ConvertAssign(scanCtx, dest, constantID)
	}
	return sql.ConvertAssign(scanCtx, dest, constantName)
}

var constantID, constantName driver.Value = int64(1), "user 1"
