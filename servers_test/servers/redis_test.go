package servers_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// ask sends a command, and returns the first line of the answer, or of what stands in it.
func ask(t *testing.T, s *servers.RedisServer, command string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(c, command, "\r\n")
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err == nil && strings.HasPrefix(line, "$") && line != "$-1\r\n" {
		line, err = r.ReadString('\n')
	}
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return strings.TrimSpace(line)
}

func wantAnswer(t *testing.T, s *servers.RedisServer, command, want string) {
	t.Helper()
	if got := ask(t, s, command); got != want {
		t.Fatalf("%s: got %q, want %q", command, got, want)
	}
}

func TestRedis(t *testing.T) {
	t.Parallel()
	began := time.Now()
	s := servers.Redis(t, "databases=3")
	t.Logf("started in %v", time.Since(began))
	wantAnswer(t, s, "SELECT 3", "-ERR DB index is out of range")
	wantAnswer(t, s, "SET k v", "+OK")
	s.Kill(t)
	s.Start(t)
	wantAnswer(t, s, "GET k", "$-1")

	s.Pause(t)
	c, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "PING\r\n")
	c.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("got %d bytes from a server that is paused", n)
	}
	s.Resume(t)
	wantAnswer(t, s, "PING", "+PONG")

	s.Pause(t)
	s.Stop(t)
	if c, err := net.Dial("tcp", s.Addr); err == nil {
		c.Close()
		t.Error("the port is still open")
	}
}

// What is on disk is there after a crash.
func TestRedisOnDisk(t *testing.T) {
	t.Parallel()
	s := servers.Redis(t, "appendonly=yes", "appendfsync=always")
	wantAnswer(t, s, "SET k v", "+OK")
	s.Kill(t)
	s.Start(t)
	wantAnswer(t, s, "GET k", "v")
}

func TestRedisClusterNode(t *testing.T) {
	t.Parallel()
	s := servers.Redis(t, "cluster-enabled=yes")
	wantAnswer(t, s, "CLUSTER ADDSLOTSRANGE 0 16383", "+OK")
	if s.BusPort == "" {
		t.Error("the node has no port for others")
	}
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	master := servers.Redis(t)
	s := servers.Sentinel(t, master, "sentinel down-after-milliseconds mymaster=1000")
	if got := ask(t, s, "SENTINEL CKQUORUM mymaster"); !strings.HasPrefix(got, "-NOQUORUM") {
		t.Errorf("got %q of a Sentinel that is alone and needs another one", got)
	}
	s.Kill(t)
	s.Start(t)
	if got := ask(t, s, "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"); got != "*2" {
		t.Errorf("got %q, want the master's host and port", got)
	}
}

func TestRedisTLS(t *testing.T) {
	t.Parallel()
	s := servers.Redis(t, "tls-auth-clients=no")
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.Certificate) {
		t.Fatal("the certificate is none")
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		c, err := tls.Dial("tcp", s.TLSAddr, &tls.Config{RootCAs: roots, ServerName: name})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, "PING\r\n")
		if line, err := bufio.NewReader(c).ReadString('\n'); line != "+PONG\r\n" {
			t.Errorf("%s: got %q, %v", name, line, err)
		}
	}
	if c, err := tls.Dial("tcp", s.TLSAddr, &tls.Config{}); err == nil {
		c.Close()
		t.Error("the certificate is trusted by all")
	}
}
