package main

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/sqlite"
	"github.com/spf13/cobra"
)

// schemas :: engine → the catalog that schema files make
var schemas = map[string]func(...string) (*moneyclip.Catalog, error){
	"postgres": postgres.Schema, "mysql": mysql.Schema, "sqlite": sqlite.Schema,
}

func newVet() *cobra.Command {
	var t target
	var picture string
	cmd := &cobra.Command{
		Use:   "vet [folder]",
		Short: "Say what each write of a sqlc project does to each rule",
		Long: `Reads the schema and the queries that sqlc.yaml in the folder names, and says what each write does to each rule:

  E  exact: the keys follow from the statement
  R  exact after reading: rows are read in the write's transaction
  W  rule-wide: every key of the rule is dropped
  .  none

The exit code is 1 if a rule cannot be kept fresh, or if there is no query of its name or no table of its. No database is needed; with
--db its schema takes the place of the schema files.`,
		Example: "  moneyclip vet --rules ./internal/rules --html vet.html",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			config := "."
			if len(args) > 0 {
				config = args[0]
			}
			if !isConfig(config) {
				folder := config
				if config = findConfig(folder); config == "" {
					return fmt.Errorf("there is no sqlc.yaml in %s: name the folder that has it", folder)
				}
			}
			rules, err := t.vetRules(cmd, config)
			if err != nil {
				return err
			}
			r, err := t.vet(cmd.Context(), config, rules)
			if err != nil {
				return err
			}
			if picture != "" {
				if err := r.draw(picture); err != nil {
					return err
				}
			}
			if err := emit(cmd, r); err != nil {
				return err
			}
			if slices.ContainsFunc(r.Databases, func(d vetted) bool {
				return slices.ContainsFunc(d.Rules, func(r vettedRule) bool { return r.Fault != "" })
			}) || len(r.Unused) > 0 || len(r.Absent) > 0 {
				return errFindings
			}
			return nil
		},
	}
	t.databaseFlags(cmd)
	cmd.Flags().StringVar(&t.rules, "rules", "moneyclip.json", "the rules: a file of moneyclip manifest, or the folder of the Go package that registers them; by default also the generated ones")
	cmd.Flags().StringVar(&picture, "html", "", "write the matrix into this file too, as a page that needs no other")
	return cmd
}

// vetRules are those of --rules; without it those of moneyclip.json beside the configuration, or else those that the
// generated packages register.
func (t *target) vetRules(cmd *cobra.Command, config string) ([]moneyclip.Rule, error) {
	beside := filepath.Join(filepath.Dir(config), t.rules)
	if cmd.Flags().Changed("rules") {
		return readRules(cmd.Context(), t.rules)
	}
	if _, err := os.Stat(beside); err == nil {
		return readRules(cmd.Context(), beside)
	}
	projects, err := readConfig(config)
	if err != nil {
		return nil, err
	}
	var rules []moneyclip.Rule
	for _, p := range projects {
		// A package that does not import MoneyClip has none, and perhaps cannot either.
		if imports, _ := filepath.Glob(filepath.Join(p.folder, p.out, "*.go")); p.out == "" || !slices.ContainsFunc(imports, importsUs) {
			continue
		}
		some, err := readRules(cmd.Context(), filepath.Join(p.folder, p.out))
		if err != nil {
			return nil, err
		}
		rules = append(rules, some...)
	}
	if len(rules) == 0 {
		return readRules(cmd.Context(), beside) // which says what to do
	}
	return rules, nil
}

func importsUs(path string) bool {
	content, err := os.ReadFile(path)
	return err == nil && bytes.Contains(content, []byte(`"github.com/moneyclip/moneyclip"`))
}

// A vetReport is what was found in a sqlc project.
type vetReport struct {
	Databases []vetted `json:"databases"`
	Unused    []string `json:"unused,omitempty"` // rules for queries that are in none of them
	Absent    []string `json:"absent,omitempty"` // rules for tables that are in none of them, and which these are
}

// A vetted is one database of the project.
type vetted struct {
	Engine   string        `json:"engine"`
	From     string        `json:"queries"`
	Rules    []vettedRule  `json:"rules"`
	Writes   []vettedWrite `json:"writes"`
	Problems []string      `json:"problems,omitempty"` // of the schema files
}

type vettedRule struct {
	Name   string   `json:"name"`
	Key    string   `json:"key"`
	Caches []string `json:"caches,omitempty"` // the queries, by name
	Fault  string   `json:"fault,omitempty"`  // why it cannot be kept fresh

	absent string // which table the database does not have
}

type vettedWrite struct {
	Name      string         `json:"name"`
	File      string         `json:"file"`
	Statement string         `json:"statement"`
	Effects   []vettedEffect `json:"effects"` // one for each rule
}

type vettedEffect struct {
	Rule      string `json:"rule"`
	Guarantee string `json:"guarantee"`
	Why       string `json:"why,omitempty"`
}

// Sign is the guarantee in the matrix.
func (e vettedEffect) Sign() string {
	return map[string]string{"exact": "E", "exact after reading": "R", "rule-wide": "W"}[e.Guarantee]
}

func (t *target) vet(ctx context.Context, config string, rules []moneyclip.Rule) (vetReport, error) {
	projects, err := readConfig(config)
	if err != nil {
		return vetReport{}, err
	}
	wanted := ""
	if t.db != "" {
		if wanted, err = t.engine(); err != nil {
			return vetReport{}, err
		}
	}
	var r vetReport
	var all []text
	for _, p := range projects {
		if wanted != "" && p.engine != wanted {
			continue
		}
		texts, err := p.texts()
		if err != nil {
			return vetReport{}, err
		}
		all = append(all, texts...)
		var problems []string
		var catalog *moneyclip.Catalog
		if t.db != "" {
			if catalog, err = t.catalog(ctx); err != nil {
				return vetReport{}, err
			}
		} else {
			files, err := p.schemaTexts()
			if err != nil {
				return vetReport{}, err
			}
			// What is not understood of the schema makes its tables opaque; the rest holds all the same.
			if catalog, err = schemas[p.engine](files...); err != nil {
				problems = strings.Split(err.Error(), "\n")
			}
			if catalog == nil {
				return vetReport{}, err
			}
		}
		r.Databases = append(r.Databases, vetDatabase(&p, catalog, rules, texts))
		last := &r.Databases[len(r.Databases)-1]
		last.Problems = problems
	}
	if len(r.Databases) == 0 {
		return vetReport{}, fmt.Errorf("%s has no database of the kind %s", config, wanted)
	}
	r.Unused = unknown(rules, all)
	r.Absent = r.absent()
	return r, nil
}

// catalog reads the schema of the database that is there.
func (t *target) catalog(ctx context.Context) (*moneyclip.Catalog, error) {
	engine, name, dsn, err := t.base()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(name, dsn)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	if err := ping(ctx, db); err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	catalog, err := engines[engine].dialect.Catalog(ctx, asker(conn))
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	if engine == "postgres" {
		rows, err := asker(conn)(ctx, "SELECT unnest(current_schemas(false))::text")
		if err != nil {
			return nil, err
		}
		catalog.Path = nil
		for _, row := range rows {
			catalog.Path = append(catalog.Path, fmt.Sprint(row[0]))
		}
	}
	return catalog, nil
}

// asker asks by a connection of database/sql.
func asker(conn *sql.Conn) moneyclip.Asker {
	return func(ctx context.Context, query string, args ...driver.Value) ([][]driver.Value, error) {
		values := make([]any, len(args))
		for i, a := range args {
			values[i] = a
		}
		rows, err := conn.QueryContext(ctx, query, values...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		var all [][]driver.Value
		for rows.Next() {
			scanned, into, row := make([]any, len(columns)), make([]any, len(columns)), make([]driver.Value, len(columns))
			for i := range scanned {
				into[i] = &scanned[i]
			}
			if err := rows.Scan(into...); err != nil {
				return nil, err
			}
			for i, v := range scanned {
				row[i] = v
			}
			all = append(all, row)
		}
		return all, rows.Err()
	}
}

// vetDatabase says what each write does to each rule in a database with this catalog.
func vetDatabase(p *project, catalog *moneyclip.Catalog, rules []moneyclip.Rule, texts []text) vetted {
	d := vetted{Engine: p.engine, From: cmp.Or(p.out, strings.Join(p.queries, ", "))}
	faults, absent := map[string]string{}, map[string]string{}
	note := func(of map[string]string, err error) {
		for _, one := range unjoin(err) {
			var fault *moneyclip.RuleError
			if errors.As(one, &fault) {
				of[fault.Rule] = fault.Err.Error()
			}
		}
	}
	dialect := engines[p.engine].dialect
	cfg := moneyclip.Config{Rules: rules, Logger: slog.New(slog.DiscardHandler)}
	cache, err := moneyclip.New(dialect, cfg)
	if err != nil {
		// One rule that is wrong must not hide what becomes of the others.
		note(faults, err)
		cfg.Rules = slices.DeleteFunc(slices.Clone(rules), func(r moneyclip.Rule) bool { return faults[r.Name] != "" })
		if cache, err = moneyclip.New(dialect, cfg); err != nil {
			d.Problems = append(d.Problems, err.Error())
			return d
		}
	}
	defer cache.Close()
	offline := cache.Offline(catalog)
	for _, one := range texts {
		note(faults, offline.Learn(one.query))
	}
	note(faults, errors.Join(offline.Faults()...))
	note(absent, errors.Join(offline.Absent()...))
	cached := map[string][]string{}
	for _, one := range texts {
		x := offline.Explain(one.query)
		switch {
		case x.Kind == moneyclip.KindRead && x.Rule != "":
			cached[x.Rule] = append(cached[x.Rule], one.name)
		case x.Kind != moneyclip.KindRead:
			w := vettedWrite{Name: one.name, File: filepath.Base(one.file), Statement: strings.TrimSpace(one.query)}
			for _, r := range rules {
				e := vettedEffect{Rule: r.Name, Guarantee: moneyclip.None.String()}
				for _, found := range x.Effects {
					if found.Rule == r.Name {
						e.Guarantee, e.Why = found.Guarantee.String(), found.Why
					}
				}
				w.Effects = append(w.Effects, e)
			}
			d.Writes = append(d.Writes, w)
		}
	}
	for _, r := range rules {
		d.Rules = append(d.Rules, vettedRule{r.Name, r.Key, cached[r.Name], faults[r.Name], absent[r.Name]})
	}
	return d
}

// absent are the rules that lack a table in each of the databases.
func (r *vetReport) absent() (all []string) {
	for i, rule := range r.Databases[0].Rules {
		if !slices.ContainsFunc(r.Databases, func(d vetted) bool { return i >= len(d.Rules) || d.Rules[i].absent == "" }) {
			all = append(all, rule.Name+": "+rule.absent)
		}
	}
	return all
}

// unjoin finds the faults of rules in an error, at any depth, and what else is joined there.
func unjoin(err error) []error {
	switch e := err.(type) { //nolint:errorlint // one level at a time
	case nil:
		return nil
	case *moneyclip.RuleError:
		return []error{e}
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, unjoin(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		return unjoin(e.Unwrap())
	}
	return []error{err}
}

func (r vetReport) text(w io.Writer) {
	for i, d := range r.Databases {
		if i > 0 {
			fmt.Fprintln(w)
		}
		d.text(w)
	}
	for _, name := range r.Unused {
		fmt.Fprintf(w, "\nrule %s: there is no query of its name: it caches nothing\n", name)
	}
	for _, one := range r.Absent {
		fmt.Fprintf(w, "\nrule %s: it caches nothing\n", printable(one))
	}
}

func (d *vetted) text(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n\n", d.Engine, d.From)
	width := 0
	for _, r := range d.Rules {
		width = max(width, len(r.Name))
	}
	for i, r := range d.Rules {
		caches := "caches none of the queries"
		if len(r.Caches) > 0 {
			caches = "caches " + strings.Join(r.Caches, ", ")
		}
		fmt.Fprintf(w, "  %2d %-*s  %s\n", i+1, width, printable(r.Name), caches)
		if r.Fault != "" {
			fmt.Fprintf(w, "     CAN NOT BE KEPT FRESH: %s\n", printable(r.Fault))
		}
	}
	width = 0
	for _, one := range d.Writes {
		width = max(width, len(one.Name))
	}
	fmt.Fprintf(w, "\n  %-*s", width, "")
	for i := range d.Rules {
		fmt.Fprintf(w, " %2d", i+1)
	}
	fmt.Fprintln(w)
	var wide []string
	for _, one := range d.Writes {
		fmt.Fprintf(w, "  %-*s", width, one.Name)
		for _, e := range one.Effects {
			fmt.Fprintf(w, "  %s", cmp.Or(e.Sign(), "."))
			if e.Guarantee == moneyclip.RuleWide.String() {
				wide = append(wide, fmt.Sprintf("  %s drops all of %s: %s", one.Name, e.Rule, e.Why))
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "\n  E exact   R exact after reading   W rule-wide   . none")
	if len(wide) > 0 {
		fmt.Fprintf(w, "\n%s\n", printable(strings.Join(wide, "\n")))
	}
	for _, p := range d.Problems {
		fmt.Fprintf(w, "\n  not understood: %s\n", printable(p))
	}
}

//go:embed vet.html
var page string

// draw writes the matrix as a page.
func (r vetReport) draw(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = template.Must(template.New("vet").Parse(page)).Execute(f, r)
	return errors.Join(err, f.Close())
}
