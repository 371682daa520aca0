package sqlcgen

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/annotation"
	"github.com/moneyclip/moneyclip/internal/ddl"
	"github.com/moneyclip/moneyclip/mysql"
	"github.com/moneyclip/moneyclip/postgres"
	"github.com/moneyclip/moneyclip/sqlite"
)

// An engine is one of sqlc's.
type engine struct {
	dialect moneyclip.Dialect
	schema  func(texts ...string) (*moneyclip.Catalog, error)
}

// engines :: sqlc's name → engine
var engines = map[string]engine{
	"postgresql": {postgres.Dialect, postgres.Schema},
	"mysql":      {mysql.Dialect, mysql.Schema},
	"sqlite":     {sqlite.Dialect, sqlite.Schema},
}

// A project is one package: its queries, and its schema as it will be.
type project struct {
	request  *Request
	engine   engine
	catalog  *moneyclip.Catalog
	sources  map[string][]string // :: base name of files of queries → their texts
	rules    []*rule
	warnings []string
}

// A rule is one that an annotation asks for.
type rule struct {
	moneyclip.Rule
	query   *Query
	args    []int
	touched map[moneyclip.Guarantee][]string // the writes that touch it
	wide    []string                         // those that drop all of it, and why
}

func newProject(r *Request) (*project, error) {
	p := &project{request: r, sources: map[string][]string{}}
	var ok bool
	if p.engine, ok = engines[r.Settings.Engine]; !ok {
		return nil, fmt.Errorf("the engine %q is none that MoneyClip knows: postgresql, mysql and sqlite", r.Settings.Engine)
	}
	for _, file := range sqlFiles(r.Settings.Queries) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the queries: %w", err)
		}
		base := filepath.Base(file)
		p.sources[base] = append(p.sources[base], string(text))
	}
	files := sqlFiles(r.Settings.Schema)
	var texts []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the schema: %w", err)
		}
		texts = append(texts, string(text))
	}
	var err error
	if p.catalog, err = p.engine.schema(texts...); p.catalog == nil {
		return nil, fmt.Errorf("the schema: %w", err)
	}
	p.unclear(err, files)
	return p, nil
}

// unclear notes which statements of the schema could not be taken into account.
func (p *project) unclear(err error, files []string) {
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // of errors.Join
		for _, one := range many.Unwrap() {
			p.unclear(one, files)
		}
		return
	}
	var fault *ddl.Fault
	if errors.As(err, &fault) {
		p.warnings = append(p.warnings, fmt.Sprintf("%s:%d: a statement that is not taken into account: %v",
			filepath.Base(files[fault.Text-1]), fault.Line, fault.Err))
	}
}

// sqlFiles are the files that some of sqlc's paths mean, as sqlc takes them: files, folders and patterns.
func sqlFiles(paths []string) []string {
	var files []string
	for _, path := range paths {
		matches := []string{path}
		if strings.ContainsAny(path, "*?[]") {
			matches, _ = filepath.Glob(path)
		}
		for _, match := range matches {
			listing, err := os.ReadDir(match)
			if err != nil {
				files = append(files, match)
				continue
			}
			for _, entry := range listing {
				files = append(files, filepath.Join(match, entry.Name()))
			}
		}
	}
	return slices.DeleteFunc(files, func(file string) bool {
		base := filepath.Base(file)
		return !strings.HasSuffix(base, ".sql") || strings.HasPrefix(base, ".") || ddl.IsDown(base)
	})
}

// section is the part of a file that a query is, with as many empty lines before it as make its lines those of the file.
// If the file is not known it is made of what sqlc has sent.
func (p *project) section(q *Query) string {
	for _, source := range p.sources[q.Filename] {
		lines := strings.SplitAfter(source, "\n")
		for i, line := range lines {
			if !names(line, q.Name) {
				continue
			}
			end := i + 1
			for end < len(lines) && !names(lines[end], "") {
				end++
			}
			return strings.Repeat("\n", i) + strings.Join(lines[i:end], "")
		}
	}
	var b strings.Builder
	for _, comment := range q.Comments {
		fmt.Fprintf(&b, "--%s\n", comment)
	}
	return b.String() + q.Text
}

// names reports whether a line names a query, this one or any.
func names(line, query string) bool {
	fields := strings.Fields(strings.TrimLeft(line, "-/*# \t"))
	return len(fields) > 1 && fields[0] == "name:" && (query == "" || fields[1] == query)
}

// annotations makes the rules.
func (p *project) annotations() error {
	var faults []error
	for _, file := range slices.Sorted(maps.Keys(p.sources)) {
		for _, source := range p.sources[file] {
			above := source[:nameLine(source)]
			if a, err := annotation.Of(above); a != nil || err != nil {
				faults = append(faults, fmt.Errorf("%s: an annotation stands above the first query: %s", file, isBelow))
			}
		}
	}
	for _, q := range p.request.Queries {
		if err := p.annotated(q); err != nil {
			faults = append(faults, fmt.Errorf("%s: query %s: %w", q.Filename, q.Name, err))
		}
	}
	return errors.Join(faults...)
}

const isBelow = `it belongs between the line "-- name:" and the end of its query`

// nameLine is where the first line that names a query begins; the length of the source, if none does.
func nameLine(source string) int {
	at := 0
	for line := range strings.Lines(source) {
		if names(line, "") {
			break
		}
		at += len(line)
	}
	return at
}

// isComment reports whether a line is one.
func isComment(line string) bool {
	line = strings.TrimSpace(line)
	return strings.HasPrefix(line, "--") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "/*")
}

// misspelt finds a comment that was meant to be an annotation and is none; 0: there is no such line.
func misspelt(section string) (line int) {
	n := 0
	for text := range strings.Lines(section) {
		n++
		fields := strings.Fields(strings.TrimLeft(text, "-/*# \t"))
		if isComment(text) && len(fields) > 1 && strings.EqualFold(strings.TrimSuffix(fields[0], ":"), "moneyclip") &&
			(fields[1] == "cache" || fields[1] == "ignore") {
			return n
		}
	}
	return 0
}

// isAfter reports whether what stands at an offset stands in the lines after the end of the query.
func isAfter(section string, offset int) bool {
	lines := strings.Split(section[:offset], "\n")
	for _, line := range slices.Backward(lines[:len(lines)-1]) {
		if names(line, "") {
			return false
		}
		if strings.TrimSpace(line) != "" && !isComment(line) {
			return strings.HasSuffix(strings.TrimSpace(line), ";")
		}
	}
	return false
}

func (p *project) annotated(q *Query) error {
	section := p.section(q)
	a, err := annotation.Of(section)
	if err != nil {
		return err
	}
	if a == nil {
		if line := misspelt(section); line > 0 {
			return fmt.Errorf("line %d: an annotation begins with \"moneyclip:\", in small letters and with a colon", line)
		}
		return nil
	}
	if isAfter(section, a.Offset()) {
		return a.Wrong(section, "an annotation stands after the end of the query: "+isBelow)
	}
	s := p.engine.dialect.Analyze(q.sent(), p.catalog)
	if a.Ignore != "" {
		switch inText, _ := annotation.Of(q.Text); {
		case s.Kind == moneyclip.KindRead:
			return errors.New("only a write can be ignored")
		case inText == nil:
			return errors.New(`indent the line "moneyclip: ignore": sqlc strips what begins at the start of a line, and the driver heeds only what reaches it`)
		}
		return nil
	}
	switch {
	case s.Kind != moneyclip.KindRead && s.Doubtful != "":
		return fmt.Errorf("only a SELECT that writes nothing can be cached, and this one %s", s.Doubtful)
	case s.Kind != moneyclip.KindRead:
		return errors.New("only a SELECT that writes nothing can be cached")
	case q.Cmd != ":one":
		return fmt.Errorf("it is %s, and only a single row is cached: :one", q.Cmd)
	}
	key, args, bad := a.Template(q.parameter(&s))
	if bad != nil {
		return bad.At(section, a.Offset())
	}
	r := &rule{query: q, args: args, touched: map[moneyclip.Guarantee][]string{}}
	r.Rule = moneyclip.Rule{
		Name: a.Name, Key: key, Query: q.Name, TTL: a.TTL, Soft: a.Soft, NotFound: a.NotFound, Refresh: a.Refresh,
	}
	for i, n := range args {
		if n != i+1 {
			r.Args = args
		}
	}
	p.rules = append(p.rules, r)
	return nil
}

// parameter finds the bind parameter that a name in a key means: by its number, by the name that sqlc has for it, or by the
// column that is compared with it.
func (q *Query) parameter(s *moneyclip.Statement) annotation.Parameter {
	return func(name string) (number int, verb byte, ok bool) {
		for _, param := range q.Params {
			if strings.EqualFold(param.Column.Name, name) || fmt.Sprint(param.Number) == name {
				if number != 0 {
					return 0, 0, false // two parameters have the name
				}
				number, verb = param.Number, param.verb()
			}
		}
		if number != 0 {
			return number, verb, true
		}
		for _, read := range s.Reads {
			for _, pin := range read.Pins {
				if strings.EqualFold(pin.Column, name) && len(pin.Values) == 1 && pin.Values[0].Kind == moneyclip.ValueParam {
					if n := pin.Values[0].Param; number == 0 || n == number {
						number = n
						continue
					}
					return 0, 0, false
				}
			}
		}
		for _, param := range q.Params {
			if param.Number == number {
				return number, param.verb(), true
			}
		}
		return number, 'v', number != 0
	}
}

// check carries the library's own analysis out over all queries. What it finds wrong is an error, in full; what costs more
// than it would have to is only noted, unless strict.
func (p *project) check(strict bool) error {
	if len(p.rules) == 0 {
		return nil
	}
	var rules []moneyclip.Rule
	byName := map[string]*rule{}
	for _, r := range p.rules {
		rules = append(rules, r.Rule)
		name := r.Name
		if name == "" {
			name = r.Query
		}
		byName[name] = r
	}
	cache, err := moneyclip.New(p.engine.dialect, moneyclip.Config{Rules: rules, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return p.placed(err, byName)
	}
	defer cache.Close()
	offline := cache.Offline(p.catalog)
	var faults []error
	for _, q := range p.request.Queries {
		faults = append(faults, p.placed(offline.Learn(q.sent()), byName))
	}
	for _, fault := range offline.Faults() {
		faults = append(faults, p.placed(fault, byName))
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for _, q := range p.request.Queries {
		faults = append(faults, p.effects(q, offline.Explain(q.sent()).Effects, byName, strict))
	}
	if strict {
		for _, warning := range p.warnings {
			faults = append(faults, errors.New(warning))
		}
	}
	return errors.Join(faults...)
}

const ignoring = "if it does not matter to any rule, say so in the query, in a line that does not begin at its start:\n" +
	"  -- moneyclip: ignore <reason>"

// effects notes what a write does to the rules.
func (p *project) effects(q *Query, effects []moneyclip.Effect, byName map[string]*rule, strict bool) error {
	var wide []error
	for i := range effects {
		e := &effects[i]
		r := byName[e.Rule]
		switch {
		case r == nil || e.Guarantee == moneyclip.None:
		case e.Blind:
			// One says it for all rules.
			return fmt.Errorf("%s: query %s: it is not known what it writes (%s), so that it drops all of what the rules cache, %s among it; %s\n"+
				"or take the annotation of %s (%s) away",
				q.Filename, q.Name, e.Why, r.query.Name, ignoring, r.query.Name, r.query.Filename)
		case e.Guarantee != moneyclip.RuleWide:
			r.touched[e.Guarantee] = append(r.touched[e.Guarantee], q.Name)
		case strict:
			wide = append(wide, fmt.Errorf("%s: query %s: it drops every key of %s (%s: %s): %s; %s",
				q.Filename, q.Name, r.query.Name, r.query.Filename, r.Key, e.Why, ignoring))
		default:
			r.wide = append(r.wide, fmt.Sprintf("%s drops every key: %s", q.Name, e.Why))
		}
	}
	return errors.Join(wide...)
}

// placed says of errors about rules where the annotations are.
func (p *project) placed(err error, byName map[string]*rule) error {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // of errors.Join
		var faults []error
		for _, one := range many.Unwrap() {
			faults = append(faults, p.placed(one, byName))
		}
		return errors.Join(faults...)
	}
	var fault *moneyclip.RuleError
	if !errors.As(err, &fault) || byName[fault.Rule] == nil {
		return err
	}
	q := byName[fault.Rule].query
	return fmt.Errorf("%s: query %s: its annotation cannot be heeded: %w",
		q.Filename, q.Name, fault.Err)
}
