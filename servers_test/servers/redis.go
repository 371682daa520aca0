package servers

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis starts a Redis that t has for itself, or a Valkey where no Redis is installed, and stops it at the end of the test. Nothing of
// it survives on disk unless the settings say so. They are those of redis.conf: "maxmemory=10mb", "save=60 1". It asks for no password.
// With "tls-auth-clients=no" it has a second port, for TLS, and a certificate of its own for localhost and 127.0.0.1; with
// "unixsocketperm=777" a socket.
func Redis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	return startFor(t, &RedisServer{}, settings)
}

// Sentinel starts a Sentinel that watches a master by the name "mymaster", and stops it at the end of the test. Two
// Sentinels have to agree that it is gone before a replica is promoted. The settings are those of sentinel.conf. With TLS
// it has the master's certificate, and watches the master's port for TLS.
func Sentinel(t testing.TB, master *RedisServer, settings ...string) *RedisServer {
	t.Helper()
	return startFor(t, &RedisServer{watched: master}, settings)
}

func startFor(t testing.TB, s *RedisServer, settings []string) *RedisServer {
	t.Helper()
	if err := s.start(settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// A RedisServer is a running Redis, or a Sentinel. Its methods are for one goroutine at a time.
type RedisServer struct {
	Addr        string // its host and port, also after a restart
	BusPort     string // of a node of a cluster: the port for the other nodes
	TLSAddr     string // the same for TLS, if it has that
	Socket      string // its path, if it has one
	Certificate []byte // in PEM; it has signed itself

	tls     []string     // the settings for its certificate
	watched *RedisServer // by a Sentinel
	process *process     // the last one that was started
	args    []string
}

func (s *RedisServer) start(settings []string) error {
	program, err := lookupEither("redis-server", "redis-server", "valkey-server") // they are started in the same way
	if err != nil {
		return err
	}
	i, err := install("redis")
	if err != nil {
		return err
	}
	i.polite, i.orphan = syscall.SIGTERM, syscall.SIGKILL
	// As for other servers, a port is only known to have been free a moment ago.
	for try := 0; ; try++ {
		if err := s.configure(i, settings); err != nil {
			return errors.Join(err, i.remove())
		}
		if s.process, err = i.start(program, s.args...); err != nil {
			return errors.Join(err, i.remove())
		}
		err = s.ready()
		if err == nil {
			return nil
		}
		if errors.Is(err, errEnded) && try < 2 {
			continue
		}
		return errors.Join(i.logged(fmt.Errorf("%s: %w", program, err)), s.process.stop())
	}
}

// configure gives the server its ports, and makes its command line.
func (s *RedisServer) configure(i *installation, settings []string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Addr = net.JoinHostPort("127.0.0.1", port)
	all := []string{"port=" + port, "bind=127.0.0.1", "dir=" + i.dir}
	if s.watched == nil {
		all = append(all, "save=", "appendonly=no", "enable-debug-command=local")
	}
	for _, setting := range settings {
		all = append(all, setting)
		switch setting {
		case "cluster-enabled=yes":
			// Otherwise it is the port plus 10000, which may be no port at all.
			if s.BusPort, err = freePort(); err != nil {
				return err
			}
			all = append(all, "cluster-port="+s.BusPort)
		case "unixsocketperm=777":
			s.Socket = i.path("socket")
			all = append(all, "unixsocket="+s.Socket)
		case "tls-auth-clients=no":
			more, err := s.configureTLS(i)
			if err != nil {
				return err
			}
			all = append(all, more...)
		}
	}
	s.args = nil
	if s.watched == nil {
		for _, setting := range all {
			name, value, _ := strings.Cut(setting, "=")
			s.args = append(s.args, "--"+name, value)
		}
		return nil
	}
	// A Sentinel writes down what it learns, and where else than in its settings. Some of them are about the master that
	// was named before.
	at := s.watched.Addr
	if s.TLSAddr != "" {
		at = s.watched.TLSAddr
	}
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintln(&text, "sentinel monitor mymaster", host, port, "2")
	for _, setting := range all {
		name, value, _ := strings.Cut(setting, "=")
		fmt.Fprintln(&text, name, value)
	}
	path, err := i.write("sentinel.conf", text.String())
	s.args = []string{path, "--sentinel"}
	return err
}

// configureTLS makes a certificate, and returns the settings for it and for a port.
func (s *RedisServer) configureTLS(i *installation) ([]string, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s.TLSAddr = net.JoinHostPort("127.0.0.1", port)
	if w := s.watched; w != nil && w.Certificate != nil {
		s.Certificate, s.tls = w.Certificate, w.tls // what it dials has to be trusted
		return append([]string{"tls-port=" + port}, s.tls...), nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err1 := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	private, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	s.Certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	certificateAt, err1 := i.write("certificate.pem", string(s.Certificate))
	keyAt, err2 := i.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	s.tls = []string{"tls-cert-file=" + certificateAt, "tls-key-file=" + keyAt, "tls-ca-cert-file=" + certificateAt}
	return append([]string{"tls-port=" + port}, s.tls...), errors.Join(err1, err2)
}

// Stop ends a server before the end of the test, and removes what it has on disk.
func (s *RedisServer) Stop(t testing.TB) {
	t.Helper()
	if !s.process.ended() {
		s.process.cmd.Process.Signal(syscall.SIGCONT) // one that is paused would not end
	}
	if err := s.process.stop(); err != nil {
		t.Error(err)
	}
}

// Kill ends a server as a crash would.
func (s *RedisServer) Kill(t testing.TB) {
	t.Helper()
	s.process.cmd.Process.Kill()
	<-s.process.done
}

// Start starts a server again that was killed, or that was told to end, at the same address. It finds what is on disk.
func (s *RedisServer) Start(t testing.TB) {
	t.Helper()
	if !s.process.ended() {
		t.Fatal("the server is running already")
	}
	i := s.process.installation
	p, err := i.start(s.process.cmd.Path, s.args...)
	if err != nil {
		t.Fatal(err)
	}
	s.process = p
	if err := s.ready(); err != nil {
		t.Fatal(i.logged(err))
	}
}

// Pause has the server hang until it is resumed: it takes connections, and answers nothing.
func (s *RedisServer) Pause(t testing.TB) { t.Helper(); s.signal(t, syscall.SIGSTOP) }

// Resume ends a pause.
func (s *RedisServer) Resume(t testing.TB) { t.Helper(); s.signal(t, syscall.SIGCONT) }

func (s *RedisServer) signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := s.process.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// ready waits until the server answers, and has read what it had on disk.
func (s *RedisServer) ready() error {
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := s.ping()
		switch {
		case err == nil:
			return nil
		case s.process.ended():
			return errEnded
		case time.Since(began) > patience:
			return fmt.Errorf("no answer in %v: %w", patience, err)
		}
	}
}

// ping is one try. That it is ours which answers, and not another one which was quicker to take the port, follows from
// its process id.
func (s *RedisServer) ping() error {
	c, err := net.DialTimeout("tcp", s.Addr, patience/6)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience / 6))
	if _, err := io.WriteString(c, "INFO\r\n"); err != nil {
		return err
	}
	r := bufio.NewReader(c)
	head, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	size, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "$")))
	if err != nil || head[0] != '$' {
		return errors.New("it does not answer INFO")
	}
	info := make([]byte, size)
	if _, err := io.ReadFull(r, info); err != nil {
		return err
	}
	switch text := string(info); {
	case !strings.Contains(text, fmt.Sprintf("\r\nprocess_id:%d\r\n", s.process.cmd.Process.Pid)):
		return errors.New("another server answers")
	case s.watched == nil && !strings.Contains(text, "\r\nloading:0\r\n"):
		return errors.New("it is loading what was on disk")
	}
	return nil
}
