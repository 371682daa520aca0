package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// An installation is a directory of its own for a server's data and log, and what the server's programs are run with.
type installation struct {
	dir     string
	account *syscall.Credential // nil: ours
	polite  os.Signal           // asks the server to end
	orphan  syscall.Signal      // is what it gets when the test process has died
}

// install makes the directory. Servers refuse to run as root, so that for root they run as the named user, who is made
// with the server's package, or as nobody.
func install(name string) (*installation, error) {
	i := &installation{}
	if os.Geteuid() == 0 {
		u, err := user.Lookup(name)
		if err != nil {
			u, err = user.Lookup("nobody")
		}
		if err != nil {
			return nil, fmt.Errorf("the server cannot run as root, and there is no user %s or nobody: %w", name, err)
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		i.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	parent := os.TempDir()
	if i.account != nil && !traversable(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "moneyclip-"+name+"-")
	if err != nil {
		return nil, err
	}
	i.dir = dir
	return i, i.give(dir)
}

// traversable reports whether another user gets to a directory.
func traversable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// give makes a file the server's.
func (i *installation) give(path string) error {
	if i.account == nil {
		return nil
	}
	return os.Chown(path, int(i.account.Uid), int(i.account.Gid))
}

// write makes a file that only the server reads.
func (i *installation) write(name, content string) (string, error) {
	path := filepath.Join(i.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", err
	}
	return path, i.give(path)
}

func (i *installation) path(name string) string { return filepath.Join(i.dir, name) }

func (i *installation) remove() error { return os.RemoveAll(i.dir) }

// run runs a program to its end.
func (i *installation) run(program string, args ...string) error {
	p, err := i.start(program, args...)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s has not ended in %v", program, patience)
	}
}

// start starts a program, whose output goes to the log.
func (i *installation) start(program string, args ...string) (*process, error) {
	log, err := os.OpenFile(i.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{installation: i, cmd: exec.Command(program, args...), done: make(chan struct{})}
	// What the tester has set for other servers and clients stays out, and so does a home that is not the account's.
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/usr/bin:/bin", "HOME=" + i.dir, "TMPDIR=" + i.dir, "LC_ALL=C"}
	p.cmd.Dir = i.dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: i.account}
	dieWithUs(p.cmd.SysProcAttr, i.orphan)
	started := make(chan error)
	go func() {
		// To Linux it is the thread which is the parent: the program would be told of our death when the runtime
		// ends the thread that started it. This one is kept until the program has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// logged adds the end of the log to an error.
func (i *installation) logged(err error) error {
	const most = 40
	text, _ := os.ReadFile(i.path("log"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%w\n%s", err, strings.Join(lines[max(0, len(lines)-most):], "\n"))
}

// A process is a program that was started here. It is only ever ended through this handle.
type process struct {
	*installation
	cmd  *exec.Cmd
	done chan struct{} // closed at its end
	err  error         // set then
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process and removes its data.
func (p *process) stop() error {
	var err error
	if !p.ended() {
		p.cmd.Process.Signal(p.polite)
		select {
		case <-p.done:
		case <-time.After(patience / 2):
			err = p.logged(fmt.Errorf("%s had to be killed", p.cmd.Path))
			p.cmd.Process.Kill()
			<-p.done
		}
	}
	return errors.Join(err, p.remove())
}

// serve starts a server on a free port, and waits until it answers. The port is only known to have been free a moment
// ago, so that a server which does not stay is given another one.
func (i *installation) serve(server func(port string) *Server, program string, args func(port string) []string) (*Server, error) {
	for try := 0; ; try++ {
		port, err := freePort()
		if err != nil {
			return nil, errors.Join(err, i.remove())
		}
		p, err := i.start(program, args(port)...)
		if err != nil {
			return nil, errors.Join(err, i.remove())
		}
		s := server(port)
		s.Addr, s.process = net.JoinHostPort("127.0.0.1", port), p
		err = s.ready()
		if err == nil {
			return s, nil
		}
		s.admin.Close()
		if errors.Is(err, errEnded) && try < 2 {
			continue
		}
		return nil, errors.Join(p.logged(fmt.Errorf("%s: %w", program, err)), p.stop())
	}
}

// freePort returns a port of the range from which the system gives them out.
func freePort() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// lookup finds a program, in the PATH or where only the PATH of root leads.
func lookup(program, apt string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath("/usr/sbin/" + program); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s is missing: apt-get install %s, or run servers_test/setup", program, apt)
}

// lookupEither is lookup for a program in place of which another one will do.
func lookupEither(program, apt, other string) (string, error) {
	path, err := lookup(program, apt)
	if err != nil {
		if path, none := lookup(other, ""); none == nil {
			return path, nil
		}
	}
	return path, err
}
