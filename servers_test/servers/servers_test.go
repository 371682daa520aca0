package servers_test

import (
	"bufio"
	"database/sql"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

var kinds = []struct {
	name    string
	drivers []string
	fresh   func(testing.TB) string
	start   func(testing.TB, ...string) *servers.Server
	setting string
	show    string // selects the setting
}{
	{"Postgres", []string{"pgx", "postgres"}, servers.Postgres, servers.StartPostgres,
		"work_mem=123kB", "select current_setting('work_mem') = '123kB'"},
	{"MariaDB", []string{"mysql"}, servers.MariaDB, servers.StartMariaDB,
		"sort-buffer-size=123392", "select @@sort_buffer_size = 123392"},
}

func open(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func exec1(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func value(t *testing.T, db *sql.DB, query string) (v string) {
	t.Helper()
	if err := db.QueryRow(query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		for _, driver := range k.drivers {
			t.Run(driver, func(t *testing.T) {
				t.Parallel()
				if got := value(t, open(t, driver, k.fresh(t)), "select 1"); got != "1" {
					t.Errorf("got %q", got)
				}
			})
		}
	}
}

// A database is nobody else's, and gone after the test: also if a connection to it is still there.
func TestDatabase(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			var dsn string
			t.Run("two", func(t *testing.T) {
				dsn = k.fresh(t)
				one, two := open(t, k.drivers[0], dsn), open(t, k.drivers[0], k.fresh(t))
				exec1(t, one, "create table t (a int)")
				exec1(t, two, "create table t (b int)")
				exec1(t, one, "insert into t values (1), (2)")
				if got := value(t, two, "select count(*) from t"); got != "0" {
					t.Errorf("the other database has %s rows", got)
				}
			})
			t.Run("left open", func(t *testing.T) {
				db := open(t, k.drivers[0], k.fresh(t))
				exec1(t, db, "create table t (a int)")
				open(t, k.drivers[0], k.fresh(t)) // is dropped before db is closed
			})
			if err := open(t, k.drivers[0], dsn).Ping(); err == nil {
				t.Error("the database is still there")
			}
		})
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			s := k.start(t, k.setting)
			t.Logf("started in %v", time.Since(began))
			db := open(t, k.drivers[0], s.Database(t))
			if got := value(t, db, k.show); got != "1" && got != "true" {
				t.Errorf("the setting was not taken: %s", got)
			}
			began = time.Now()
			s.Stop(t)
			t.Logf("stopped in %v", time.Since(began))
			if c, err := net.Dial("tcp", s.Addr); err == nil {
				c.Close()
				t.Error("the port is still open")
			}
		})
	}
}

// A test process that is killed can stop nothing, and leaves no server all the same.
func TestKilled(t *testing.T) {
	t.Parallel()
	// The servers' data would be left over. It is put where this process removes it, and where another user gets to.
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), "MONEYCLIP_TEST_CHILD=1", "TMPDIR="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		child.Process.Kill()
		child.Wait()
	})
	var addrs []string
	for lines := bufio.NewScanner(out); len(addrs) < len(kinds) && lines.Scan(); {
		if addr, ok := strings.CutPrefix(lines.Text(), "addr "); ok {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) < len(kinds) {
		t.Fatalf("the child has started %d servers", len(addrs))
	}
	for _, addr := range addrs {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	began := time.Now()
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		for {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				break
			}
			c.Close()
			if time.Since(began) > 20*time.Second {
				t.Fatalf("%s is still open", addr)
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Logf("%s closed after %v", addr, time.Since(began))
	}
}

// TestChild is what TestKilled kills.
func TestChild(t *testing.T) {
	if os.Getenv("MONEYCLIP_TEST_CHILD") == "" {
		t.Skip("runs in a process of its own")
	}
	for _, k := range kinds {
		os.Stdout.WriteString("addr " + k.start(t).Addr + "\n")
	}
	select {}
}
