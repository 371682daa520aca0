package redis_test

import (
	"context"
	"net"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// A fastConn is one to a server whose clock is an hour ahead: so it answers TIME.
type fastConn struct{ net.Conn }

var clockAnswer = regexp.MustCompile(`\*2\r\n\$10\r\n(\d{10})\r\n`)

func (c fastConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for _, at := range clockAnswer.FindAllSubmatchIndex(b[:n], -1) {
		seconds := must1(strconv.Atoi(string(b[at[2]:at[3]])))
		copy(b[at[2]:], strconv.Itoa(seconds+3600))
	}
	return n, err
}

// A row is no older than its rule allows where the server's clock is ahead, even if the key lives on.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	c := redis.NewClient(&redis.Options{Addr: server.Addr, Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return fastConn{conn}, err
	}})
	t.Cleanup(func() { c.Close() })
	s := patient(c)
	put(t, s, slot("l"), 0) // by the script, which does not say TIME
	one := slot("k")
	eventually(t, "the generations are known", func() error { one.Key = append(one.Key, 'k'); return leases(t, s, one)() })
	for until := time.Now(); ; one.Key = append(one.Key, 'k') {
		g := must1(s.Lease(t.Context(), one, token(), time.Minute, false))
		if !must1(s.Fill(t.Context(), one, g.Lease, row(1), moneyclip.Age{Hard: time.Second})) {
			t.Fatal("it is not filled")
		}
		if must1(client(t, server).PTTL(t.Context(), redisKeys(t, c, one).key).Result()) > time.Minute {
			break // by plain commands
		}
		if time.Since(until) > 10*time.Second {
			t.Fatal("nothing is leased by plain commands")
		}
	}
	reader := patient(c) // which never asks for a lease
	wantHit(t, s, one, 1)
	wantHit(t, reader, one, 1)
	time.Sleep(1100 * time.Millisecond)
	wantMiss(t, s, one)
	wantMiss(t, reader, one)
}
