package moneyclip

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Rule names single-row SELECTs to be cached, the key they are cached under, and the writes that touch the key.
// It has either a Query or a Table with By. The zero value of every other field is a sensible default.
//
//	moneyclip.Rule{Key: "account::followers::account-id-%d", Query: "FollowersCount"}
//	moneyclip.Rule{Key: "user::id-%d", Table: "users", By: []string{"id"}}
type Rule struct {
	// Name stands for the rule in [Stats], [Explanation] and logs, in printable characters. Default: the sqlc query name in Query, else Key.
	Name string

	// Key is the template of the key. Each verb stands for one value: %d for an integer, %s and %v for any. Two
	// verbs need a literal between them.
	Key string

	// Query is what is cached: one identifier is the name of a sqlc query, anything else is the SQL text itself,
	// in which blanks, comments and the case of keywords do not matter.
	Query string

	// Table and By stand instead of Query for every SELECT of one row that reads Table alone and pins these columns
	// by equality, whatever it selects and whatever else it asks of the row. By has one column for each verb.
	Table string
	By    []string

	// Args are the numbers, from 1, of the bind parameters that fill the verbs of Key. Default: the first parameter
	// for the first verb, and so on. It goes with Query only. Parameters that fill no verb keep apart what is stored
	// under one key: in process up to 64 results, of which the oldest goes.
	Args []int

	// On are the writes that touch a key. Nil: inferred from what Query or Table reads.
	On []On

	// TTL is how old a cached row may get. Default: 10 minutes. It bounds the harm of writes that do not pass through
	// the driver.
	TTL time.Duration

	// Soft is the age after which one reader asks the database again while the others are still served from the
	// cache. Zero: off. It must be less than TTL.
	Soft time.Duration

	// NotFound is how old a cached "no rows" may get; one that is longer than TTL counts as TTL. Zero: it is not cached.
	NotFound time.Duration

	// Refresh makes the writer load the key again after its write, so that later reads are hits: with the selects that this
	// process has run under the rule, up to 8, whose arguments the key tells. It does so in the background, on a connection
	// beside the pool; but readers are to wait for it, so the writer takes a lease on each key first, one after the other, which is a round
	// trip each on a shared store. A write that drops every key of the rule loads none, and nor does one that comes while 256 are due.
	Refresh bool

	_ struct{} // fields by name only: there will be more
}

// An On names writes that touch keys of a [Rule]. What it says is taken at its word, in place of what would be inferred for that rule:
// other Columns than those of the key, or a Set without a column that the query reads, leave rows stale until their TTL. [Config.Verify]
// finds such rows.
type On struct {
	// Table is the table that is written, with or without its schema.
	Table string

	// Columns of the written row hold the values of the key, one for each verb: the old row's and the new row's.
	// Empty: a write touches every key of the rule.
	Columns []string

	// Path is a SELECT that leads from Columns to the key, where the written row does not hold it: its parameters are
	// the values of Columns, its result columns those of the verbs, and each row is a key. It runs after the write, in
	// its transaction, and again after the COMMIT. Every table that it reads has an On too. Of a row that is gone or has
	// moved it finds the old key if it begins at another row, to which Columns lead; if it begins at the written row itself,
	// such a write touches every key of the rule.
	Path string

	// Set are the columns that matter: an UPDATE counts only if it assigns one of them, or one of Columns. Default:
	// the columns that the cached query reads; for a rule with Table, all.
	Set []string

	_ struct{} // fields by name only: there will be more
}

const defaultTTL = 10 * time.Minute

// A rule is a Rule that was checked as far as that goes without a database. It is immutable.
type rule struct {
	Rule
	template *template
	place    place
	counters *counters
}

// A place is where a rule was registered.
type place struct {
	file   string
	line   int
	beside bool // in the text of its query
}

func (p place) String() string {
	if p.beside {
		return "its annotation"
	}
	if p.file == "" {
		return "the Config"
	}
	return fmt.Sprintf("%s:%d", filepath.Base(p.file), p.line)
}

// near is the place for who has been told of another one. Files that sqlc's plugin makes have one name.
func (p place) near(other place) string {
	base := filepath.Base(p.file)
	if p.beside || p.file == other.file || p.file == "" || base != filepath.Base(other.file) {
		return p.String()
	}
	return filepath.Base(filepath.Dir(p.file)) + "/" + p.String()
}

func (r *rule) fail(format string, args ...any) error {
	e := &RuleError{Rule: r.Name, Err: fmt.Errorf(format, args...)}
	if r.place.file != "" {
		e.File, e.Line = filepath.Base(r.place.file), r.place.line
	}
	return e
}

// bySQLCName reports whether the rule's Query is the name of a sqlc query.
func (r *rule) bySQLCName() bool { return isIdentifier(r.Query) }

// compile checks a rule, reports every fault it finds, and fills in the defaults.
func compile(declared Rule, at place) (*rule, error) {
	declared.By = slices.Clone(declared.By)
	declared.Args = slices.Clone(declared.Args)
	declared.On = slices.Clone(declared.On)
	for i := range declared.On {
		declared.On[i].Columns = slices.Clone(declared.On[i].Columns)
		declared.On[i].Set = slices.Clone(declared.On[i].Set)
	}
	r := &rule{Rule: declared, place: at, counters: new(counters)}
	r.Query = strings.TrimSpace(r.Query)
	if r.Name == "" {
		r.Name = r.Key
		if r.bySQLCName() {
			r.Name = r.Query
		}
	}
	if r.TTL == 0 {
		r.TTL = defaultTTL
	}

	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, r.fail(format, args...)) }

	t, err := parseTemplate(r.Key)
	if err != nil {
		fault("%w", err)
		return nil, errors.Join(faults...)
	}
	r.template = t
	verbs := len(t.verbs)
	if strings.ContainsFunc(r.Name, func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }) {
		fault("the name %q: control characters and broken UTF-8 are not allowed", r.Name) // it stands in tables and is a label of metrics
	}

	switch {
	case r.Query == "" && r.Table == "":
		fault("nothing to cache: set Query, or Table and By")
	case r.Query != "" && (r.Table != "" || r.By != nil):
		fault("Query and Table exclude each other")
	case r.Table != "" && len(r.By) != verbs:
		fault("key %q has %s, By has %s: By needs one column for each verb", r.Key, count(verbs, "verb"), count(len(r.By), "column"))
	case r.Table != "" && verbs == 0:
		fault("key %q has no verb: a rule for a table needs one for each column of By", r.Key)
	case r.Table != "" && r.Args != nil:
		fault("Args goes with Query; a rule for a table finds its parameters by the columns in By")
	}
	if dup := firstDouble(r.By); dup != "" {
		fault("column %q is in By twice", dup)
	}
	if r.Args != nil && len(r.Args) != verbs {
		fault("key %q has %s, Args has %s: Args needs one for each verb", r.Key, count(verbs, "verb"), count(len(r.Args), "parameter"))
	}
	for _, n := range r.Args {
		if n < 1 {
			fault("Args has %d: parameters are counted from 1", n)
		}
	}
	if r.Query != "" && r.Args == nil {
		for i := range verbs {
			r.Args = append(r.Args, i+1)
		}
	}
	for i, on := range r.On {
		switch {
		case on.Table == "":
			fault("On[%d] has no Table", i)
		case on.Path != "" && len(on.Columns) == 0:
			fault("On[%d] has a Path, but no Columns to fill its parameters", i)
		case on.Path != "" && verbs == 0:
			fault("On[%d] has a Path, but key %q has no verb for what it finds", i, r.Key)
		case on.Path == "" && len(on.Columns) != 0 && len(on.Columns) != verbs:
			fault("key %q has %s, On[%d] has %s: Columns needs one for each verb, or none", r.Key, count(verbs, "verb"), i, count(len(on.Columns), "column"))
		}
	}
	if r.TTL < 0 || r.Soft < 0 || r.NotFound < 0 {
		fault("TTL, Soft and NotFound cannot be negative")
	}
	for _, life := range []struct {
		name string
		time.Duration
	}{{"TTL", r.TTL}, {"Soft", r.Soft}, {"NotFound", r.NotFound}} {
		if life.Duration > 0 && life.Duration < time.Millisecond {
			fault("%s is %v: write the unit, as in 60 * time.Second", life.name, life.Duration)
		}
	}
	if r.Soft != 0 && r.Soft >= r.TTL {
		fault("Soft (%v) must be less than TTL (%v)", r.Soft, r.TTL)
	}
	return r, errors.Join(faults...)
}

// compileAll compiles rules that live together in one cache.
func compileAll(declared []Rule, places []place) ([]*rule, error) {
	var rules []*rule
	var faults []error
	for i, d := range declared {
		var at place
		if i < len(places) {
			at = places[i]
		}
		r, err := compile(d, at)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if double := findDouble(rules, r); double != nil {
			faults = append(faults, r.fail("%s already in %s%s", sameness(double, r), double.place.near(r.place), remedy(double, r)))
			continue
		}
		rules = append(rules, r)
	}
	return rules, errors.Join(faults...)
}

// findDouble returns a rule that could not be told from r: by its name, or by what it caches.
func findDouble(rules []*rule, r *rule) *rule {
	for _, other := range rules {
		if sameness(other, r) != "" {
			return other
		}
	}
	return nil
}

func sameness(a, b *rule) string {
	switch {
	case a.Name == b.Name && b.Name == b.Key:
		return fmt.Sprintf("the Key %q, which is the name of a rule without one, is", b.Key)
	case a.Name == b.Name:
		return fmt.Sprintf("the name %q is", b.Name)
	case a.Query != "" && a.Query == b.Query:
		return "the same Query is"
	case a.Table != "" && strings.EqualFold(a.Table, b.Table) && sameColumns(a.By, b.By):
		return fmt.Sprintf("a rule for %q by the same columns is", b.Table)
	}
	return ""
}

// remedy is what can be done about two queries that sqlc knows by one name, in two of its packages.
func remedy(a, b *rule) string {
	if a.bySQLCName() && a.Query == b.Query && a.place.file != b.place.file {
		return fmt.Sprintf("; if two packages have a query %s, give one rule its text as Query, and a Name", b.Query)
	}
	return ""
}

func sameColumns(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for _, c := range a {
		if !slices.ContainsFunc(b, func(d string) bool { return strings.EqualFold(c, d) }) {
			return false
		}
	}
	return true
}

func firstDouble(names []string) string {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return n
		}
	}
	return ""
}

func isIdentifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// checkText finds what is wrong with a rule's SQL texts whatever the database.
func checkText(dialect Dialect, r *rule) error {
	for i := range r.On {
		if on := &r.On[i]; on.Path != "" {
			path, why := readText(dialect, on.Path)
			if why = cmp.Or(why, on.misfit(&path)); why != "" {
				return r.fail("the Path of On[%d] %s", i, why)
			}
		}
	}
	if r.Query == "" || r.bySQLCName() {
		return nil
	}
	statement, why := readText(dialect, r.Query)
	if why != "" {
		return r.fail("Query %s", why)
	}
	if n := len(statement.Params); len(r.Args) != 0 && slices.Max(r.Args) > n {
		return r.fail("Query has %s, the key needs parameter %d%s", count(n, "parameter"), slices.Max(r.Args), foreign(dialect, r.Query))
	}
	if statement.Kind != KindRead {
		return nil
	}
	if _, err := infer(r, &statement, dialect, nil); err != nil {
		return r.fail("%w", err)
	}
	return nil
}

// readText says what a text means in a database of which nothing is known, and why it is no SELECT that could be cached in any. A
// SELECT that calls what a database may know or not is looked at again there.
func readText(dialect Dialect, text string) (statement Statement, why string) {
	statement = dialect.Analyze(text, nil)
	if statement.Kind == KindWrite && statement.Doubtful != "" && !slices.ContainsFunc(statement.Writes, func(w Write) bool { return w.Op != AnyOp }) {
		return statement, ""
	}
	why = notASelect(&statement)
	if statement.Kind == KindUnknown {
		why += syntax(dialect, text) + foreign(dialect, text)
	}
	return statement, why
}

// syntax is what the parser says of a text that it does not take, behind an error.
func syntax(dialect Dialect, text string) (fault string) {
	teller, ok := dialect.(syntaxTeller)
	if !ok {
		return ""
	}
	defer func() { recover() }() // as in Analyze
	if err := teller.Syntax(text); err != nil {
		return ": " + strings.TrimSpace(err.Error())
	}
	return ""
}

// foreign is a hint at the end of an error: the text seems to have the placeholders of another database.
func foreign(dialect Dialect, text string) string {
	own := dialect.Placeholder(1)
	for _, other := range []string{"?", "$1"} {
		if own != other && (own == "?" || own == "$1") && strings.Contains(text, other) {
			return fmt.Sprintf("; %s writes %s and not %s", dialect.Name(), own, other)
		}
	}
	return ""
}
