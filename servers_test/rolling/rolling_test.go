//go:build unix

package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// build makes one version of the program.
func build(t *testing.T, name, tags string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if output, err := exec.Command("go", "build", "-tags", tags, "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return path
}

// A site is what the programs have in common.
type site struct {
	t    *testing.T
	args []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	dsn := servers.Postgres(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "floors")
	if err := os.WriteFile(path, make([]byte, unsafe.Sizeof(floors{})), 0o600); err != nil {
		t.Fatal(err)
	}
	return &site{t: t, args: []string{"-postgres", dsn, "-redis", servers.Redis(t).Addr, "-floors", path}}
}

// A running is a program at work.
type running struct {
	t      *testing.T
	name   string
	child  *servers.Child
	input  io.Closer
	stderr *bytes.Buffer
	read   chan struct{} // closed when its last report was read

	mu      sync.Mutex // protects what follows
	last    report
	arrived *sync.Cond
}

func (s *site) start(name, path string, more ...string) *running {
	s.t.Helper()
	command := exec.Command(path, append(more, s.args...)...)
	r := &running{t: s.t, name: name, stderr: &bytes.Buffer{}, read: make(chan struct{})}
	r.arrived = sync.NewCond(&r.mu)
	command.Stderr = r.stderr
	// Pipes of our own: those of the command are closed when the program has ended, also if there is more to read.
	orders, input, err1 := os.Pipe()
	output, reports, err2 := os.Pipe()
	if err1 != nil || err2 != nil {
		s.t.Fatal(err1, err2)
	}
	command.Stdin, command.Stdout, r.input = orders, reports, input
	child, err := servers.Spawn(command)
	if err != nil {
		s.t.Fatal(err)
	}
	orders.Close()
	reports.Close()
	r.child = child
	go func() {
		defer close(r.read)
		defer output.Close()
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			var now report
			err := json.Unmarshal(lines.Bytes(), &now)
			r.mu.Lock()
			if err == nil { // a program that is killed may leave half of a line
				r.last = now
			}
			r.arrived.Broadcast()
			r.mu.Unlock()
		}
		r.mu.Lock()
		r.arrived.Broadcast()
		r.mu.Unlock()
	}()
	s.t.Cleanup(child.Kill)
	return r
}

func (r *running) report() report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// until waits until a report says what it should.
func (r *running) until(what string, ok func(report) bool) {
	r.t.Helper()
	late := time.AfterFunc(60*time.Second, func() { r.child.Kill() })
	defer late.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok(r.last) {
		select {
		case <-r.read:
			r.t.Fatalf("%s: has ended before %s, at %+v: %s", r.name, what, r.last, r.stderr)
		default:
		}
		r.arrived.Wait()
	}
}

// works waits until a program has written, and answered by each of its rules from the cache, more than it has now.
func (r *running) works() {
	r.t.Helper()
	before := r.report()
	r.until("there were hits and writes", func(now report) bool {
		enough := len(now.Hits) == 2 && now.Writes >= before.Writes+20 && now.Reads >= before.Reads+200
		for name, n := range now.Hits {
			enough = enough && n >= before.Hits[name]+20
		}
		return enough
	})
}

// end has a program end as it should, and looks at what it has seen.
func (r *running) end() {
	r.t.Helper()
	r.input.Close()
	<-r.child.Done()
	<-r.read
	r.sound()
	r.t.Logf("%s says: %s", r.name, r.stderr) // a machine that is busy may be too slow for a step
}

func (r *running) sound() {
	r.t.Helper()
	last := r.report()
	r.t.Logf("%s: %+v", r.name, last)
	if last.Stale > 0 {
		r.t.Errorf("%s: %d of %d reads were out of date: %s", r.name, last.Stale, last.Reads, last.Example)
	}
}

// Two versions of a program with different rules run on one Redis and one Postgres, come and go while the other reads and
// writes, and no read of either is older than the last write that was acknowledged to either.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	old, new := build(t, "old", ""), build(t, "new", "new")
	s := newSite(t)

	first := s.start("the old version", old)
	first.works()
	second := s.start("the new version", new)
	second.works()
	first.works()
	first.end()
	second.works()
	// Back, and the new version is killed in the middle of something.
	third := s.start("the old version again", old)
	third.works()
	second.works()
	second.child.Kill()
	<-second.read
	second.sound()
	third.works()
	fourth := s.start("the new version again", new)
	fourth.works()
	third.works()
	third.end()
	fourth.works()
	fourth.end()
}

// If the two do not know of each other, reads are out of date, and the test sees it.
func TestControl(t *testing.T) {
	t.Parallel()
	old, new := build(t, "old", ""), build(t, "new", "new")
	s := newSite(t)
	first, second := s.start("the old version", old), s.start("the new version", new, "-namespace", "other")
	for _, r := range []*running{first, second} {
		r.until("a read was out of date", func(now report) bool { return now.Stale > 0 })
	}
}
