package drivertest

import (
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

var update = flag.Bool("update", false, "write the tables in docs/drivers.md and README.md anew")

// A feature is a row of the table: a number of cases for each base.
type feature struct {
	name   string
	prefix string // of the names of its cases
	count  func(b *base) int
}

func features() (list []feature) {
	list = append(list, feature{"values: column types", "values/", func(b *base) int { return len(b.server.kinds()) }})
	for _, d := range dests {
		list = append(list, feature{"destinations: " + d.kind, "values/", func(*base) int { return len(d.make) }})
	}
	list = append(list, feature{"destinations that only a driver can fill", "values/", func(b *base) int {
		if b.server != pg {
			return 0
		}
		return len(own)
	}})
	list = append(list, feature{"arguments: kinds", "arguments/", func(*base) int { return len(arguments) }},
		feature{"arguments: queries that they stand in", "arguments/", func(b *base) int { return len(b.server.questions()) }})
	for _, c := range behaviours {
		if slices.ContainsFunc(list, func(f feature) bool { return f.name == "behaviours: "+c.group }) {
			continue
		}
		list = append(list, feature{"behaviours: " + c.group, "behaviours/" + c.group + "/", func(b *base) (n int) {
			for _, other := range behaviours {
				if other.group == c.group && (other.on == nil || other.on(b)) {
					n++
				}
			}
			return n
		}})
	}
	return append(list, feature{"settings of two sessions", "settings/", func(b *base) (n int) {
		for _, s := range b.settings() {
			if s.on == nil || s.on(b) {
				n++
			}
		}
		return n
	}})
}

// modules are those of the drivers, in the order of the bases.
func modules() (list []string) {
	for i := range bases {
		if !slices.Contains(list, bases[i].module) {
			list = append(list, bases[i].module)
		}
	}
	return list
}

// of are the bases of a module.
func of(module string) (list []*base) {
	for i := range bases {
		if bases[i].module == module {
			list = append(list, &bases[i])
		}
	}
	return list
}

// notes are the numbers of the known differences that bases have in a feature.
func notes(bases []*base, prefix string) (list []string) {
	for i, d := range known {
		if strings.HasPrefix(d.cases, prefix) && slices.ContainsFunc(bases, d.concerns) {
			list = append(list, fmt.Sprint(i+1))
		}
	}
	return list
}

// concerns reports whether a base has one of the cases.
func (d *difference) concerns(b *base) bool {
	if !matches(d.bases, b.name) {
		return false
	}
	return !strings.HasPrefix(d.cases, "behaviours/") || slices.ContainsFunc(behaviours, func(c behaviour) bool {
		return (c.on == nil || c.on(b)) && slices.ContainsFunc([]string{"wrapped", "miss", "hit"}, func(arm string) bool {
			return matches(d.cases, "behaviours/"+c.group+"/"+c.name+"/"+arm)
		})
	})
}

// version is the version of a module, by go.mod.
func version(t *testing.T, module string) string {
	t.Helper()
	text := read(t, filepath.Join("..", "go.mod"))
	found := regexp.MustCompile(`(?m)^\s` + regexp.QuoteMeta(module) + ` v(\S+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("go.mod does not require %s", module)
	}
	return found[1]
}

// serverVersion asks what answers beneath a driver.
func serverVersion(t *testing.T, b *base) string {
	t.Helper()
	db, err := sql.Open(b.driver, b.dsn(b.server.fresh(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var text string
	if err := db.QueryRow(pick(b.server, "SHOW server_version", "SELECT VERSION()", "SELECT sqlite_version()")).Scan(&text); err != nil {
		t.Fatal(err)
	}
	text, _, _ = strings.Cut(text, " ")
	text, _, _ = strings.Cut(text, "-")
	return pick(b.server, "PostgreSQL ", "MariaDB ", "SQLite ") + text
}

func row(b *strings.Builder, first string, cells func(module string) string) {
	fmt.Fprintf(b, "| %s |", first)
	for _, m := range modules() {
		fmt.Fprintf(b, " %s |", cells(m))
	}
	b.WriteString("\n")
}

// table is the generated part of docs/drivers.md.
func table(t *testing.T) string {
	var b strings.Builder
	row(&b, "", func(m string) string { return "`" + m + "`" })
	b.WriteString("|" + strings.Repeat("---|", 1+len(modules())) + "\n")
	row(&b, "version", func(m string) string { return version(t, m) })
	row(&b, "server", func(m string) string { return serverVersion(t, of(m)[0]) })
	next := regexp.MustCompile(`(?m)^NEXT = go(\S+)`).FindStringSubmatch(read(t, filepath.Join("..", "..", "Makefile")))[1]
	row(&b, "Go", func(string) string { return strings.TrimPrefix(runtime.Version(), "go") + ", " + next })
	row(&b, "configurations", func(m string) string {
		var names []string
		for _, c := range of(m) {
			names = append(names, c.name)
		}
		return strings.Join(names, ", ")
	})
	for _, f := range features() {
		row(&b, f.name, func(m string) string {
			n := 0
			for _, c := range of(m) {
				n = max(n, f.count(c))
			}
			if n == 0 {
				return "–"
			}
			if strings.HasPrefix(f.name, "destinations") {
				return fmt.Sprint(n) // with the values
			}
			if list := notes(of(m), f.prefix); list != nil {
				return fmt.Sprintf("%d; see %s", n, strings.Join(list, ", "))
			}
			return fmt.Sprint(n)
		})
	}
	b.WriteString("\nWhat differs, and why nobody can mend it:\n\n")
	for i, d := range known {
		fmt.Fprintf(&b, "%d. %s (`%s`, in `%s`)\n", i+1, d.why, d.bases, d.cases)
	}
	return b.String()
}

// short is the generated part of README.md.
func short(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| driver | with | values | arguments | behaviours | settings | differ |\n|---|---|---|---|---|---|---|\n")
	for _, m := range modules() {
		counts := map[string]int{}
		for _, f := range features() {
			n := 0
			for _, c := range of(m) {
				n = max(n, f.count(c))
			}
			family, _, _ := strings.Cut(f.prefix, "/")
			if strings.HasPrefix(f.name, "destinations") || strings.HasPrefix(f.name, "arguments: queries") {
				continue
			}
			counts[family] += n
		}
		fmt.Fprintf(&b, "| `%s` %s | %s | %d types | %d kinds | %d | %d | %d |\n", m, version(t, m), serverVersion(t, of(m)[0]),
			counts["values"], counts["arguments"], counts["behaviours"], counts["settings"], len(notes(of(m), "")))
	}
	return b.String()
}

// What is compared stands in docs/drivers.md, and in short in README.md. Which version of Go and of a server the tests ran on
// last is not compared.
func TestDoc(t *testing.T) {
	if servers.MySQL() {
		t.Skip("the documentation has what was seen on MariaDB")
	}
	t.Parallel()
	for path, want := range map[string]string{"docs/drivers.md": table(t), "README.md": short(t)} {
		path = filepath.Join("..", "..", path)
		text := read(t, path)
		const begin, end = "<!-- drivertest:begin -->\n", "<!-- drivertest:end -->"
		before, rest, found := strings.Cut(text, begin)
		have, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("%s has not the marks %s and %s", path, begin, end)
		}
		if *update {
			if err := os.WriteFile(path, []byte(before+begin+"\n"+want+"\n"+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(versions.ReplaceAllString(strings.Trim(have, "\n"), "$1"), versions.ReplaceAllString(strings.Trim(want, "\n"), "$1")); diff != "" {
			t.Errorf("%s (-have +want), to be made anew by make docs:\n%s", path, diff)
		}
	}
}

var versions = regexp.MustCompile(`(?m)^\| Go \|.*$|(PostgreSQL|MariaDB|SQLite) [\d.]+`)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
