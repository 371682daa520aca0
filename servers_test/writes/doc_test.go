package writes

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
)

var update = flag.Bool("update", false, "write docs/writes.md anew")

// preface is what stands above the table.
const preface = `# What a write drops

Each way to write a table, and how surely the keys that it touches are known. The table is made by a test (` + "`make docs`" + `) from what ` + "`Explain`" + `
says of each statement; the same test runs each of them, by itself, prepared, in transactions and as a query, and compares what it has dropped
with what has changed. SQLite is mattn/go-sqlite3, Postgres is 15 under pgx and lib/pq, MariaDB is 10.11 under go-sql-driver/mysql.

- **exact**: the keys follow from the statement's own values. It runs as it is, with one note to the store before it and one after.
- **read**: exact after reading. The keys are learnt from the rows that it touches, inside its transaction.
- **all**: every key of the rule is dropped.

A cell names rules where they differ. "by a path": a SELECT leads from the row to the key. Rules that a
write cannot touch are left out. The rules:

%s
The tables and triggers are in servers_test/writes/engine_test.go. A rule by the columns that a statement pins is exact wherever "exact" stands for one here; the
others show what happens to a rule by other columns.

`

// What Explain says of every form stands in docs/writes.md.
func TestDoc(t *testing.T) {
	families := []string{postgres, mariadb, sqlite}
	cells := map[string]map[string]string{} // :: form → family → guarantees
	var order []string
	examples := map[string]string{}
	for _, name := range []string{"pgx", "mysql", "sqlite"} {
		i := slices.IndexFunc(engines, func(e engine) bool { return e.name == name })
		e := &engines[i]
		cache, db := e.open(t).through(t)
		look(t, e, db) // the rules learn their texts
		for _, f := range forms {
			if f.only != "" && f.only != e.family() {
				continue
			}
			x, err := cache.Explain(e.bind(f.query), f.args...)
			if err != nil {
				t.Fatal(err)
			}
			if cells[f.about] == nil {
				cells[f.about], examples[f.about] = map[string]string{}, f.query
				order = append(order, f.about)
			}
			cells[f.about][e.family()] = summary(x)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return rank(a) - rank(b) })

	var b strings.Builder
	var rules strings.Builder
	for _, s := range selects {
		fmt.Fprintf(&rules, "| `%s` | `%s` |\n", s.rule, s.query)
	}
	fmt.Fprintf(&b, preface, "| rule | caches |\n|---|---|\n"+rules.String())
	b.WriteString("| form | example | Postgres | MariaDB | SQLite |\n|---|---|---|---|---|\n")
	for _, about := range order {
		fmt.Fprintf(&b, "| %s | `%s` |", about, strings.ReplaceAll(examples[about], "|", `\|`))
		for _, family := range families {
			cell := cells[about][family]
			if cell == "" {
				cell = "–"
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	path := filepath.Join("..", "..", "docs", "writes.md")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), b.String()); diff != "" {
		t.Errorf("docs/writes.md (-have +want), to be made anew by make docs:\n%s", diff)
	}
}

// rank is where a form stands in the list, so that those of one database stand beside their like.
func rank(about string) int {
	return slices.IndexFunc(forms, func(f form) bool { return f.about == about })
}

// summary is the guarantee of most rules that a statement touches, and the others by name.
func summary(x moneyclip.Explanation) string {
	words := map[moneyclip.Guarantee]string{moneyclip.Exact: "exact", moneyclip.AfterReading: "read", moneyclip.RuleWide: "all"}
	byWord := map[string][]string{}
	for _, effect := range x.Effects {
		word := words[effect.Guarantee]
		if effect.Guarantee == moneyclip.AfterReading && strings.Contains(effect.Why, "path") {
			word = "read, by a path"
		}
		if word != "" {
			byWord[word] = append(byWord[word], effect.Rule)
		}
	}
	var parts []string
	for _, word := range []string{"exact", "read", "read, by a path", "all"} {
		rules := byWord[word]
		switch {
		case len(rules) == 0:
		case len(byWord) == 1:
			return word
		default:
			parts = append(parts, word+": "+strings.Join(rules, ", "))
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, "; ")
}
