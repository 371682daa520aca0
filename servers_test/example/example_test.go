// Package example_test runs examples/sqlc on real servers.
package example_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/lib/pq"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A kind is a kind of server.
type kind struct {
	name   string
	flag   string
	driver string
	fresh  func(testing.TB) string
	places string // selects the names of what the example makes
	drop   string // a statement, with %s for such a name

	// guest makes statements that create, and drop, a user who may do no more than connect; as returns the user's DSN.
	guest func(name, password, dsn string) (create, drop []string)
	as    func(t *testing.T, dsn, name, password string) string
}

var kinds = []kind{
	{
		name: "Postgres", flag: "-postgres", driver: "postgres", fresh: servers.Postgres,
		places: `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'moneyclip\_example\_%'`,
		drop:   "DROP SCHEMA %s CASCADE",
		guest: func(name, password, _ string) (create, drop []string) {
			return []string{fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, password)}, []string{"DROP ROLE " + name}
		},
		as: func(t *testing.T, dsn, name, password string) string {
			u, err := url.Parse(dsn)
			if err != nil {
				t.Fatal("the DSN is no URL")
			}
			u.User = url.UserPassword(name, password)
			return u.String()
		},
	}, {
		name: "MariaDB", flag: "-mysql", driver: "mysql", fresh: servers.MariaDB,
		places: `SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'moneyclip\_example\_%'`,
		drop:   "DROP DATABASE %s",
		guest: func(name, password, dsn string) (create, drop []string) {
			config, _ := mysql.ParseDSN(dsn)
			return []string{
				fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'", name, password),
				fmt.Sprintf("GRANT SELECT ON `%s`.* TO %s", config.DBName, name),
			}, []string{"DROP USER " + name}
		},
		as: func(t *testing.T, dsn, name, password string) string {
			config, err := mysql.ParseDSN(dsn)
			if err != nil {
				t.Fatal("the DSN is not one of go-sql-driver/mysql")
			}
			config.User, config.Passwd = name, password
			return config.FormatDSN()
		},
	},
}

var sound = regexp.MustCompile(`(\d+) expectations were met\. Every answer of the cache was the database's`)

// The subtests of one server run one after the other: each looks for what is left of its own story.
func TestExample(t *testing.T) {
	t.Parallel()
	program := build(t)
	onSQLite := run(t, program, "-rows", "2000")
	want := sound.FindStringSubmatch(onSQLite.stdout)
	if onSQLite.code != 0 || want == nil {
		t.Fatalf("on SQLite: exit code %d, stderr: %s", onSQLite.code, onSQLite.stderr)
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			dsn := k.fresh(t)
			db, err := sql.Open(k.driver, dsn)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			e := example{kind: k, program: program, dsn: dsn, db: db, expectations: want[1]}
			t.Run("story", e.story)
			t.Run("keep", e.keep)
			t.Run("interrupt", e.interrupt)
			t.Run("not allowed", e.notAllowed)
		})
	}
}

// On a Redis it is the same story, with one chapter more: two programs that see each other's writes.
func TestExampleOnRedis(t *testing.T) {
	t.Parallel()
	program := build(t)
	for name, flags := range map[string][]string{
		"SQLite":   nil,
		"Postgres": {"-postgres", servers.Postgres(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The machine may have other things to do than to answer within 50 ms.
			redis := "redis://" + servers.Redis(t).Addr + "/0?read_timeout=10s&write_timeout=10s"
			result := run(t, program, append(flags, "-rows", "2000", "-redis", redis)...)
			if result.code != 0 || sound.FindStringSubmatch(result.stdout) == nil {
				t.Errorf("exit code %d, the story ends with %q, stderr: %s", result.code, lastLine(result.stdout), result.stderr)
			}
			for _, want := range []string{
				`there: GetUser\(22\) = Hal of group2.example +cache`,
				`there: GetUser\(22\) = Ida of group2.example +database`,
				`there: RenameUser\("Ivo", 22\) = 1 +database`,
			} {
				if !regexp.MustCompile(want).MatchString(result.stdout) {
					t.Errorf("no line like %s", want)
				}
			}
			for line := range strings.Lines(result.stdout) {
				if strings.Contains(line, "WRONG") {
					t.Error(strings.TrimSpace(line))
				}
			}
		})
	}
}

// An example is the program and a database on a server.
type example struct {
	kind
	program      string
	dsn          string
	db           *sql.DB
	expectations string // how many there are on SQLite
}

// story: it is the same one as on SQLite, with as many expectations, and leaves nothing behind.
func (e *example) story(t *testing.T) {
	result := run(t, e.program, "-rows", "2000", e.flag, e.dsn)
	if result.code != 0 {
		t.Errorf("exit code %d, want 0; stderr: %s", result.code, result.stderr)
	}
	if got := sound.FindStringSubmatch(result.stdout); got == nil || got[1] != e.expectations {
		t.Errorf("the story ends with %q, want %s expectations that were met", lastLine(result.stdout), e.expectations)
	}
	for line := range strings.Lines(result.stdout) {
		if strings.Contains(line, "WRONG") {
			t.Error(strings.TrimSpace(line))
		}
	}
	if left := e.left(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// keep: what was made stays, and the program says where it is.
func (e *example) keep(t *testing.T) {
	result := run(t, e.program, "-rows", "1000", "-keep", e.flag, e.dsn)
	left := e.left(t)
	if len(left) != 1 {
		t.Fatalf("exit code %d, left behind: %q, want one place; stderr: %s", result.code, left, result.stderr)
	}
	defer e.exec(t, fmt.Sprintf(e.drop, left[0]))
	if !strings.Contains(result.stdout, left[0]+" is kept") {
		t.Errorf("the program ends with %q, want it to say that %s is kept", lastLine(result.stdout), left[0])
	}
	var users int
	if err := e.db.QueryRow("SELECT count(*) FROM " + left[0] + ".users").Scan(&users); err != nil || users == 0 {
		t.Errorf("%d users were kept (error: %v)", users, err)
	}
}

// interrupt: also a program that is told to end takes away what it has made.
func (e *example) interrupt(t *testing.T) {
	var stderr bytes.Buffer
	command := exec.Command(e.program, "-rows", "1000", e.flag, e.dsn)
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	first, _ := lines.ReadString('\n')
	if made := e.left(t); len(made) != 1 || !strings.Contains(first, made[0]) {
		t.Errorf("the program begins with %q, the places are %q", first, made)
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Error(err)
	}
	if err := command.Wait(); command.ProcessState.ExitCode() != 1 {
		t.Errorf("%v, want exit code 1; stderr: %s", err, stderr.String())
	}
	if left := e.left(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// notAllowed: where the program cannot make a place of its own, it does nothing at all.
func (e *example) notAllowed(t *testing.T) {
	name, password := "moneyclip_guest_"+strings.ToLower(rand.Text()[:8]), rand.Text()
	create, drop := e.guest(name, password, e.dsn)
	for _, statement := range create {
		if _, err := e.db.Exec(statement); err != nil {
			t.Skipf("the test's user may not make users: %v", err)
		}
	}
	t.Cleanup(func() {
		for _, statement := range drop {
			e.exec(t, statement)
		}
	})
	dsn := e.as(t, e.dsn, name, password)
	for _, tc := range []struct{ name, dsn, want string }{
		{"no privilege", dsn, "denied"},
		{"another password", strings.Replace(dsn, password, password+"X", 1), name},
	} {
		result := run(t, e.program, "-rows", "1000", e.flag, tc.dsn)
		if result.code != 1 || !strings.Contains(result.stderr, tc.want) {
			t.Errorf("%s: exit code %d, want 1; stderr: %s", tc.name, result.code, result.stderr)
		}
		if strings.Contains(result.stdout+result.stderr, password) {
			t.Errorf("%s: the program says the password", tc.name)
		}
	}
	if left := e.left(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// left are the places that the example has made and that are there.
func (e *example) left(t *testing.T) (names []string) {
	t.Helper()
	rows, err := e.db.Query(e.places)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

func (e *example) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := e.db.Exec(statement); err != nil {
		t.Errorf("%s: %v", e.name, err)
	}
}

// build makes the program in the way of its module, which has the versions of the drivers.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sqlc.exe")
	command := exec.Command("go", "build", "-o", program, "./examples/sqlc")
	command.Dir = filepath.Join("..", "..")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return program
}

// A result is what a run of the program has come to.
type result struct {
	code           int
	stdout, stderr string
}

func run(t *testing.T, program string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
