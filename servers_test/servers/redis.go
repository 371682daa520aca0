package servers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis starts a Redis that t has for itself, and stops it at the end of the test. Nothing of it survives on disk
// unless the settings say so. They are those of redis.conf: "maxmemory=10mb", "save=60 1". It asks for no password.
func Redis(t testing.TB, settings ...string) *RedisServer {
	t.Helper()
	s, err := startRedis(settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// A RedisServer is a running Redis. Its methods are for one goroutine at a time.
type RedisServer struct {
	Addr    string // its host and port, also after a restart
	BusPort string // of a node of a cluster: the port for the other nodes

	process *process // the last one that was started
	args    []string
}

func startRedis(settings ...string) (*RedisServer, error) {
	program, err := lookup("redis-server", "redis-server")
	if err != nil {
		return nil, err
	}
	i, err := install("redis")
	if err != nil {
		return nil, err
	}
	i.polite, i.orphan = syscall.SIGTERM, syscall.SIGKILL
	// As for other servers, a port is only known to have been free a moment ago.
	for try := 0; ; try++ {
		s := &RedisServer{}
		if err := s.configure(i, settings); err != nil {
			return nil, errors.Join(err, i.remove())
		}
		if s.process, err = i.start(program, s.args...); err != nil {
			return nil, errors.Join(err, i.remove())
		}
		err = s.ready()
		if err == nil {
			return s, nil
		}
		if errors.Is(err, errEnded) && try < 2 {
			continue
		}
		return nil, errors.Join(i.logged(fmt.Errorf("%s: %w", program, err)), s.process.stop())
	}
}

// configure gives the server its ports, and makes its command line.
func (s *RedisServer) configure(i *installation, settings []string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Addr = net.JoinHostPort("127.0.0.1", port)
	s.args = []string{
		"--port", port, "--bind", "127.0.0.1",
		"--dir", i.dir,
		"--save", "", "--appendonly", "no",
		"--enable-debug-command", "local",
	}
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		s.args = append(s.args, "--"+name, value)
		if setting == "cluster-enabled=yes" {
			// Otherwise it is the port plus 10000, which may be no port at all.
			if s.BusPort, err = freePort(); err != nil {
				return err
			}
			s.args = append(s.args, "--cluster-port", s.BusPort)
		}
	}
	return nil
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
	case !strings.Contains(text, "\r\nloading:0\r\n"):
		return errors.New("it is loading what was on disk")
	}
	return nil
}
