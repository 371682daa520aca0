package suites

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A driver whose tests are run.
type driver struct {
	module string
	folder string // of the tests, in the module
	pkg    string // of the tests
	door   string
	skip   string // a pattern of tests that cannot be run here
	env    func(t *testing.T) []string
	known  map[string]string // :: test → why it ends otherwise
}

var drivers = map[string]driver{
	"pgx": {"github.com/jackc/pgx/v5", "stdlib", "stdlib_test", "postgres", "", func(t *testing.T) []string {
		return []string{"PGX_TEST_DATABASE=" + servers.Postgres(t)}
	}, map[string]string{
		"TestCheckIdleConn": "a connection that has been lost dials again by itself, so the pool goes on to count it",
	}},
	// Its server that is none ends the process at a query that it does not expect, such as the cache's own, and so do its
	// examples where there is no database of their name.
	"pq": {"github.com/lib/pq", ".", "pq", "postgres", "TestUnexpectedEOF|Example.*", func(t *testing.T) []string {
		u, err := url.Parse(servers.Postgres(t))
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		return []string{
			"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
			"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"), "PGSSLMODE=disable",
		}
	}, map[string]string{
		"TestTimeInfinity": "pq.EnableInfinityTs changes what every connection of the program returns, when rows are in the cache already",
	}},
	// It dials an address of the internet, and ends the process where there is none.
	"mysql": {"github.com/go-sql-driver/mysql", ".", "mysql", "mysql", "TestConnectorReturnsTimeout", func(t *testing.T) []string {
		cfg, err := mysql.ParseDSN(servers.MariaDB(t))
		if err != nil {
			t.Fatal(err)
		}
		return []string{
			"MYSQL_TEST_USER=" + cfg.User, "MYSQL_TEST_PASS=" + cfg.Passwd, "MYSQL_TEST_PROT=" + cfg.Net, "MYSQL_TEST_ADDR=" + cfg.Addr,
			"MYSQL_TEST_DBNAME=" + cfg.DBName,
		}
	}, map[string]string{
		"TestConnectorTimeoutsWatchCancel": "db.Conn does not dial: the first statement does",
	}},
	"mattn": {"github.com/mattn/go-sqlite3", ".", "sqlite3", "sqlite", "", func(*testing.T) []string { return nil }, nil},
}

// outcomes are what became of each test.
type outcomes map[string]string

// The tests of each driver pass with the driver wrapped if they pass with it bare: as they are, and with every SELECT cached that
// can be, and asked for twice so that the second time is a hit. MONEYCLIP_SUITES names the drivers, or is "all".
func TestSuites(t *testing.T) {
	chosen := strings.Fields(os.Getenv("MONEYCLIP_SUITES"))
	if len(chosen) == 0 {
		t.Skip("MONEYCLIP_SUITES is not set")
	}
	if chosen[0] == "all" {
		chosen = slices.Sorted(maps.Keys(drivers))
	}
	for _, name := range chosen {
		t.Run(name, func(t *testing.T) {
			d := drivers[name]
			s := prepare(t, d)
			texts, stats := filepath.Join(t.TempDir(), "texts"), filepath.Join(t.TempDir(), "stats")
			bare := s.run(t, "SUITE_RECORD="+texts)
			wrapped := s.run(t, "SUITE_WRAP=1")
			cached := s.run(t, "SUITE_WRAP=1", "SUITE_RULES="+texts, "SUITE_STATS="+stats)
			said, _ := os.ReadFile(stats)
			t.Logf("%s: bare %s; wrapped %s; cached %s: %s", name, bare, wrapped, cached, said)
			d.compare(t, "wrapped", bare, wrapped)
			d.compare(t, "cached", bare, cached)
		})
	}
}

func (o outcomes) String() string {
	counts := map[string]int{}
	for _, outcome := range o {
		counts[outcome]++
	}
	return fmt.Sprintf("%d pass, %d fail, %d skip", counts["pass"], counts["fail"], counts["skip"])
}

// compare reports what has ended otherwise than bare. What fails bare says nothing.
func (d driver) compare(t *testing.T, how string, bare, other outcomes) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(bare)) {
		got, want := cmp.Or(other[name], "nothing"), bare[name]
		top, _, below := strings.Cut(name, "/")
		if got == want || want == "fail" || below && cmp.Or(other[top], "nothing") != bare[top] {
			continue
		}
		if why := d.known[top]; why != "" {
			t.Logf("%s: %s: %s, bare %s: %s", how, name, got, want, why)
			continue
		}
		t.Errorf("%s: %s: %s, bare %s", how, name, got, want)
	}
}

// A site is a copy of a driver's module with its tests.
type site struct {
	driver  driver
	dir     string
	goroot  string
	overlay string
	env     []string
}

func prepare(t *testing.T, d driver) *site {
	t.Helper()
	dir := t.TempDir()
	output(t, ".", nil, "go", "mod", "download", d.module)
	source := output(t, ".", nil, "go", "list", "-m", "-f", "{{.Dir}}", d.module)
	if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error { return os.Chmod(path, 0o700) }) // the module cache is read-only
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	const us = "github.com/moneyclip/moneyclip"
	output(t, dir, nil, "go", "mod", "edit", "-require="+us+"@v0.0.0", "-replace="+us+"="+root, "-go=1.26.0")
	s := &site{driver: d, dir: dir, env: d.env(t)}
	tests := filepath.Join(dir, d.folder)
	s.goroot = standardLibrary(t, dir)
	if s.overlay, err = overlay(t.TempDir(), s.goroot, tests, d.pkg, d.door); err != nil {
		t.Fatal(err)
	}
	return s
}

// standardLibrary returns a GOROOT whose files the compiler lets others stand for: it does not where the toolchain has come as a
// module.
func standardLibrary(t *testing.T, dir string) string {
	t.Helper()
	goroot := output(t, dir, nil, "go", "env", "GOROOT")
	if !strings.HasPrefix(goroot, output(t, dir, nil, "go", "env", "GOMODCACHE")) {
		return goroot
	}
	copied := t.TempDir()
	entries, err := os.ReadDir(goroot)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		from, to := filepath.Join(goroot, e.Name()), filepath.Join(copied, e.Name())
		if e.Name() != "src" {
			err = os.Symlink(from, to)
		} else {
			err = os.CopyFS(to, os.DirFS(from))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

// run runs the tests. That some fail is no error.
func (s *site) run(t *testing.T, env ...string) outcomes {
	t.Helper()
	cmd := exec.Command(filepath.Join(s.goroot, "bin", "go"), "test", "-overlay", s.overlay, "-mod=mod", "-vet=off", "-count=1", "-timeout=20m", "-json", "-skip=^("+cmp.Or(s.driver.skip, "none")+")$", ".")
	cmd.Dir = filepath.Join(s.dir, s.driver.folder)
	cmd.Env = append(append(append(os.Environ(), "GOROOT="+s.goroot, "GOTOOLCHAIN=local"), s.env...), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, _ := cmd.Output()
	if keep := os.Getenv("MONEYCLIP_SUITES_OUTPUT"); keep != "" {
		os.WriteFile(filepath.Join(keep, s.driver.door+"-"+strings.NewReplacer("/", "_", "=", "_").Replace(env[len(env)-1])+".json"), stdout, 0o600)
	}
	result, open := outcomes{}, map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(stdout))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event struct{ Action, Test string }
		if json.Unmarshal(lines.Bytes(), &event) != nil || event.Test == "" {
			continue
		}
		switch event.Action {
		case "run":
			open[event.Test] = true
		case "pass", "fail", "skip":
			delete(open, event.Test)
			result[event.Test] = event.Action
		}
	}
	if len(open) > 0 {
		t.Fatalf("the tests broke off in one of %q", slices.Sorted(maps.Keys(open)))
	}
	if len(result) == 0 {
		t.Fatalf("no test was run: %s%s", stderr.Bytes(), stdout[:min(len(stdout), 4000)])
	}
	return result
}

func output(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		var stderr []byte
		if e, ok := err.(*exec.ExitError); ok {
			stderr = e.Stderr
		}
		t.Fatalf("%s %v: %v\n%s", name, args, err, stderr)
	}
	return strings.TrimSpace(string(out))
}
