package moneyclip_test

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// The names of drivers and what is registered under them are the program's own, so that most of this runs in programs
// of its own.

// program runs a small program and returns what it prints.
func program(t *testing.T, env []string, body string, imports ...string) string {
	t.Helper()
	return runProgram(t, env, buildProgram(t, body, imports...))
}

func runProgram(t *testing.T, env []string, file string) string {
	t.Helper()
	command := osexec.Command(file)
	command.Env = append(os.Environ(), env...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return string(output)
}

func buildProgram(t *testing.T, body string, imports ...string) (file string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("package main\n\nimport (\n\t\"database/sql\"\n\t\"database/sql/driver\"\n\t\"errors\"\n\t\"fmt\"\n\t\"os\"\n\n")
	text.WriteString("\t\"github.com/moneyclip/moneyclip\"\n")
	for _, path := range imports {
		text.WriteString("\t_ \"" + path + "\"\n")
	}
	text.WriteString(`)

// A base is a driver that cannot connect.
type base struct{}

func (base) Open(string) (driver.Conn, error) { return nil, errors.New("it cannot connect") }

// try runs something that may panic.
func try(f func()) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Println("panic:", r)
		}
	}()
	f()
}

var (
	_ = sql.Open
	_ = moneyclip.Default
	_ = os.Stdout
	_ = try
)

func main() {
` + body + "\n}\n")
	folder := t.TempDir()
	source := filepath.Join(folder, "main.go")
	if err := os.WriteFile(source, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(folder, "program.exe")
	if output, err := osexec.Command("go", "build", "-o", file, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return file
}

const sqlitePath = "github.com/moneyclip/moneyclip/sqlite"

// Without the package that brings the dialect, the error says what to import.
func TestDriverWithoutDialect(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	got := program(t, nil, `
	sql.Register("sqlite3", base{})
	_, err := sql.Open("moneyclip+sqlite3", "secret.db")
	fmt.Println(err)
	_, ok := moneyclip.Default("moneyclip+sqlite3")
	fmt.Println(ok)
	_, err = sql.Open("moneyclip+oracle", "secret.db")
	fmt.Println(err)
	moneyclip.RegisterDialect(nil, "oracle")
	_, err = sql.Open("moneyclip+oracle", "secret.db")
	fmt.Println(err)`)
	want := `moneyclip: "moneyclip+sqlite3" needs a dialect: import _ "github.com/moneyclip/moneyclip/sqlite"
false
sql: unknown driver "moneyclip+oracle" (forgotten import?)
moneyclip: there is no database driver "oracle" for "moneyclip+oracle": import the package that registers it
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Without the base driver too. The driver names are there from the beginning.
func TestDriverWithoutBase(t *testing.T) {
	t.Parallel()
	for base, path := range map[string]string{"sqlite": "modernc.org/sqlite", "pgx/v5": "github.com/jackc/pgx/v5/stdlib"} {
		_, err := sql.Open("moneyclip+"+base, "secret.db")
		want := fmt.Sprintf("moneyclip: there is no database driver %q for %q: import one that registers it, such as _ %q", base, "moneyclip+"+base, path)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, name := range []string{"sqlite", "moneyclip+sqlite", "moneyclip+nothing", ""} {
		if _, ok := moneyclip.Default(name); ok {
			t.Errorf("Default(%q): got a cache", name)
		}
	}
}

// What the default caches are made of is said before the first Open, once.
func TestDriverDefaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	got := program(t, []string{"MONEYCLIP_NAMESPACE=from-env"}, `
	sql.Register("sqlite3", base{})
	rule := func(name string) moneyclip.Rule {
		return moneyclip.Rule{Name: name, Key: name + "-%d", Table: name, By: []string{"id"}}
	}
	moneyclip.Register(rule("a"), rule("b"))
	try(func() { moneyclip.Register(rule("c"), rule("a")) })
	try(func() { moneyclip.Register(rule("d"), rule("d")) })
	try(func() { moneyclip.Register(moneyclip.Rule{Key: "%x", Table: "t"}) })
	try(func() { moneyclip.Register(moneyclip.Rule{Name: "b", Key: "other-%d", Query: "Other"}) })
	try(func() { moneyclip.Configure(moneyclip.Config{Rules: []moneyclip.Rule{rule("b")}}) })
	moneyclip.Configure(moneyclip.Config{Rules: []moneyclip.Rule{rule("c")}, MaxKeys: 5})
	try(func() { moneyclip.Configure(moneyclip.Config{}) })

	db, err := sql.Open("moneyclip+sqlite3", "secret.db")
	fmt.Println("open:", err)
	fmt.Println("ping:", db.Ping())
	cache, ok := moneyclip.Default("moneyclip+sqlite3")
	fmt.Println(ok, len(cache.Stats().Rules))
	db, err = sql.Open("moneyclip+sqlite3", "another.db")
	fmt.Println("open:", err)
	again, _ := moneyclip.Default("moneyclip+sqlite3")
	fmt.Println(again == cache)

	try(func() { moneyclip.Register(rule("e")) })
	try(func() { moneyclip.Configure(moneyclip.Config{}) })
	try(func() { moneyclip.RegisterDialect(nil, "sqlite3") })`, sqlitePath)
	want := `panic: moneyclip: Register: main.go:LINE: rule a: the name "a" is already in main.go:LINE
panic: moneyclip: Register: main.go:LINE: rule d: the name "d" is already in main.go:LINE
panic: moneyclip: Register: main.go:LINE: rule %x: key "%x": "%x" is not a verb; the verbs are %d, %s and %v
panic: moneyclip: Register: main.go:LINE: rule b: the name "b" is already in main.go:LINE
panic: moneyclip: Configure: main.go:LINE: rule b: the name "b" is already in main.go:LINE
panic: moneyclip: Configure at main.go:LINE: called before, at main.go:LINE
open: <nil>
ping: it cannot connect
true 3
open: <nil>
true
panic: moneyclip: Register at main.go:LINE: a moneyclip driver was opened already; call Register from init
panic: moneyclip: Configure at main.go:LINE: called before, at main.go:LINE
panic: moneyclip: RegisterDialect: twice for moneyclip+sqlite3
`
	if masked := maskLines(got); masked != want {
		t.Errorf("got:\n%s\nwant:\n%s", masked, want)
	}
	if !strings.Contains(got, "main.go:") {
		t.Errorf("got no place:\n%s", got)
	}
}

// maskLines puts LINE for the number of each line in main.go.
func maskLines(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "main.go:")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("main.go:LINE")
		s = strings.TrimLeft(after, "0123456789")
	}
}

// Faults that only the dialect finds come from the first Open, with the place of the rule.
func TestDriverFaultsAtOpen(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	const body = `
	sql.Register("sqlite3", base{})
	moneyclip.Register(moneyclip.Rule{Name: "a", Key: "a-%d", Query: "DELETE FROM t WHERE id = ?"})
	for range 2 {
		_, err := sql.Open("moneyclip+sqlite3", "secret.db")
		fmt.Println(err)
		var fault *moneyclip.RuleError
		fmt.Println(errors.As(err, &fault) && fault.File == "main.go" && fault.Line > 0 && fault.Rule == "a")
	}`
	want := strings.Repeat("moneyclip: main.go:LINE: rule a: Query is not a SELECT\ntrue\n", 2)
	if got := maskLines(program(t, nil, body, sqlitePath)); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestDriverEnvironment(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	const body = `
	sql.Register("sqlite3", base{})
	_, err := sql.Open("moneyclip+sqlite3", "secret.db")
	fmt.Println(err)`
	file := buildProgram(t, body, sqlitePath)
	for _, test := range []struct{ env, want string }{
		{"MONEYCLIP_REDIS_URL=redis://:secret@localhost", "moneyclip: MONEYCLIP_REDIS_URL is set: import _ \"github.com/moneyclip/moneyclip/redisstore\""},
		{"MONEYCLIP_DISABLE=yes", `moneyclip: MONEYCLIP_DISABLE is "yes": it is 1, 0 or not set`},
		{"MONEYCLIP_DISABLE=1", "<nil>"},
		{"MONEYCLIP_NAMESPACE=a:b", `moneyclip: Namespace "a:b": blanks, colons, braces and control characters are not allowed`},
	} {
		got := strings.TrimSpace(runProgram(t, []string{test.env}, file))
		if got != test.want {
			t.Errorf("%s: got %s, want %s", test.env, got, test.want)
		}
	}
}

// With redisstore the default caches use what the environment names, all of them the same. It is not dialed before it is
// needed.
func TestDriverRedis(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program")
	}
	const body = `
	sql.Register("sqlite3", base{})
	sql.Register("sqlite", base{})
	try(func() { moneyclip.RegisterStore(nil) })
	for _, name := range []string{"moneyclip+sqlite3", "moneyclip+sqlite"} {
		_, err := sql.Open(name, "secret.db")
		fmt.Println(err)
	}`
	file := buildProgram(t, body, sqlitePath, "github.com/moneyclip/moneyclip/redisstore")
	const twice = "panic: moneyclip: RegisterStore: called before\n"
	for _, test := range []struct{ url, want string }{
		{"", "<nil>"},
		{"redis://:secret@127.0.0.1:1", "<nil>"},
		{"http://:secret@127.0.0.1", "moneyclip: MONEYCLIP_REDIS_URL: redisstore: the URL's scheme is none of redis, rediss, unix, " +
			"and the first two with +cluster or +sentinel"},
	} {
		got := runProgram(t, []string{"MONEYCLIP_REDIS_URL=" + test.url}, file)
		if want := twice + test.want + "\n" + test.want + "\n"; got != want {
			t.Errorf("%s: got\n%swant\n%s", test.url, got, want)
		}
	}
}

// A cache of one's own gives a driver that can be registered, or opened without a name.
func TestDriverOfOwnCache(t *testing.T) {
	t.Parallel()
	f := openSocial(t, userRule)
	wrapped := f.cache.Driver(&wireDriver{wire: f.wire})
	name := "own of " + f.dsn // a name is registered once in a process
	sql.Register(name, wrapped)
	db, err := sql.Open(name, f.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if db.Driver() != wrapped {
		t.Errorf("got the driver %T", db.Driver())
	}
	f.warm(t, selectUser, 1)
	wantUser(t, db, 1, "ada")
	f.sent()
	wantUser(t, db, 1, "ada")
	f.wantSent(t)

	// The old way, for callers that know no connectors: it dials at once.
	conn, err := wrapped.Open(f.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := wrapped.Open("file:" + filepath.Join(t.TempDir(), "no", "such", "folder")); err == nil {
		t.Error("got no error from a database that cannot be opened")
	}
}

// A cache with a Scope serves one database.
func TestDriverScope(t *testing.T) {
	t.Parallel()
	cache := newCache(t, moneyclip.Config{Scope: "one"})
	d := cache.Driver(&wireDriver{wire: new(wire)}).(driver.DriverContext)
	for range 2 {
		if _, err := d.OpenConnector("a.db"); err != nil {
			t.Error(err)
		}
	}
	const want = `moneyclip: the cache has the Scope "one" and serves one database already: ` +
		`make another cache, or leave Scope empty so that each database is asked who it is`
	if _, err := d.OpenConnector("secret.db"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	db := sql.OpenDB(cache.Connector(fakeConnector{newFakeState()}))
	defer db.Close()
	if err := db.Ping(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Connectors that can be closed are, with their database.
func TestDriverClosesConnector(t *testing.T) {
	t.Parallel()
	closed := 0
	cache := newCache(t, moneyclip.Config{})
	db := sql.OpenDB(cache.Connector(closingConnector{fakeConnector{newFakeState()}, &closed}))
	if err := db.Close(); err != nil || closed != 1 {
		t.Errorf("got %v, closed %d times, want once", err, closed)
	}
}

type closingConnector struct {
	fakeConnector
	closed *int
}

func (c closingConnector) Close() error {
	*c.closed++
	return nil
}

func TestNewWithoutDialect(t *testing.T) {
	t.Parallel()
	const want = "moneyclip: the dialect is nil: pass the Dialect of a package such as moneyclip/sqlite"
	if _, err := moneyclip.New(nil, moneyclip.Config{}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{}); err != nil {
		t.Error(err)
	}
}
