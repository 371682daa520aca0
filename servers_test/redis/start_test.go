package redis_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
	"github.com/moneyclip/moneyclip/sqlite"
)

// A slowConn is one on which each answer takes its time.
type slowConn struct {
	net.Conn
	takes time.Duration
}

func (c slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	time.Sleep(c.takes)
	return n, err
}

// A program that starts where everything takes long connects to the store, and tells it of its rules, in more time than a
// reader has patience. That is no error: its reads are those of the database until then.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	path := "file:" + filepath.Join(t.TempDir(), "test.db")
	base := must1(sql.Open("sqlite3", path))
	must1(base.Exec("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
	must1(base.Exec("INSERT INTO numbers VALUES (1, 7)"))
	must(t, base.Close())
	c := redis.NewClient(&redis.Options{
		Addr: servers.Redis(t).Addr,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return slowConn{conn, 60 * time.Millisecond}, err
		},
	})
	t.Cleanup(func() { c.Close() })
	var log bytes.Buffer
	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{
		Store: patient(c), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Rules: []moneyclip.Rule{{Name: "number", Key: "number::%d", Query: selectNumber}},
	})
	must(t, err)
	connector, err := cache.Driver(&sqlite3.SQLiteDriver{}).(driver.DriverContext).OpenConnector(path)
	must(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	read := func() error {
		var n int
		if err := db.QueryRow(selectNumber, 1).Scan(&n); err != nil || n != 7 {
			return fmt.Errorf("got %d, %w", n, err)
		}
		return nil
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := read(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	eventually(t, "a hit", func() error {
		if err := read(); err != nil || cache.Stats().Hits > 0 {
			return err
		}
		return fmt.Errorf("%+v", cache.Stats())
	})
	must(t, cache.Close())
	if log.Len() > 0 {
		t.Errorf("logged: %s", log.String())
	}
}

// While connections are made without end a look-up may find nothing, because it cannot tell which server has answered. The
// script of a lease can, and finds the row. No read fails.
func TestConnectionsWithoutEnd(t *testing.T) {
	t.Parallel()
	c := client(t, servers.Redis(t))
	s := patient(c)
	put(t, s, slot("one"), 1)
	ctx, stop := context.WithCancel(t.Context())
	var dialing, reading sync.WaitGroup
	for range 4 {
		dialing.Go(func() {
			for ctx.Err() == nil {
				p := c.Subscribe(ctx, "nothing") // on a connection of its own
				p.Ping(ctx)
				p.Close()
			}
		})
	}
	var uncertain atomic.Int64
	for range 8 {
		reading.Go(func() {
			for range 100 {
				got, err := s.Get(ctx, slot("one"))
				if got == nil && err == nil {
					uncertain.Add(1)
					var g moneyclip.Grant
					g, err = s.Lease(ctx, slot("one"), token(), time.Minute, false)
					got = g.Row
				}
				if err != nil || spell(got) != spell(row(1)) {
					t.Errorf("got %s, %v, want row 1", spell(got), err)
				}
			}
		})
	}
	reading.Wait()
	stop()
	dialing.Wait()
	if uncertain.Load() == 0 {
		t.Error("each look-up was certain: the test shows nothing")
	}
}

// A cluster that takes connections and does not answer costs one writer the time of a step, and not each who comes when a try has failed.
func TestClusterSilent(t *testing.T) {
	t.Parallel()
	silent := must1(net.Listen("tcp", "127.0.0.1:0"))
	defer silent.Close()
	c := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: []string{silent.Addr().String()}, DialTimeout: 300 * time.Millisecond, ReadTimeout: 300 * time.Millisecond, MaxRedirects: -1,
	})
	defer c.Close()
	s := patient(c)
	s.ReadTimeout, s.WriteTimeout = 50*time.Millisecond, 500*time.Millisecond
	long := 0
	for began := time.Now(); time.Since(began) < 4*time.Second; time.Sleep(5 * time.Millisecond) {
		asked := time.Now()
		if _, err := s.Quarantine(t.Context(), writer(slot("k")), time.Minute); err == nil {
			t.Fatal("Quarantine: got no error")
		}
		if time.Since(asked) > 200*time.Millisecond {
			long++
		}
	}
	if long > 1 {
		t.Errorf("%d writes have waited, want 1", long)
	}
}
