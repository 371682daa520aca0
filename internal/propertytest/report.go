package propertytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
)

// A Report is what runs have done, and how exact the cache was with each form of statement.
type Report struct {
	Database string
	Seed     int // the first that was not used

	Steps    int // statements, and what begins and ends transactions
	Failing  int // of these
	Reads    int // that a rule caches
	Hits     int
	Compared int // answers
	Lost     int // scripts whose mirror went its own way
	Scripts  int

	Forms map[string]*Form
}

// A Form is one form of statement.
type Form struct {
	Statements int
	Failing    int
	Unknown    int // of a text that was not understood

	// Statements for a rule, by guarantee.
	Exact, AfterReading, RuleWide, None int

	// Stored keys that the statements have dropped, and those of them whose answers have changed. Only statements outside
	// of transactions count; a transaction is of the form "commit".
	Dropped, Needed int
	// Of these, by statements that have succeeded and have dropped no rule as a whole.
	KeyDropped, KeyNeeded int

	// Example is the shortest text.
	Example string
}

// NewReport makes an empty report.
func NewReport(database string) *Report {
	return &Report{Database: database, Forms: map[string]*Form{}}
}

func (r *Report) form(name string) *Form {
	f := r.Forms[name]
	if f == nil {
		f = &Form{}
		r.Forms[name] = f
	}
	return f
}

// note takes in what the cache says of a statement.
func (f *Form) note(x *moneyclip.Explanation, query string, failed bool) {
	f.Statements++
	if failed {
		f.Failing++
	}
	if x.Query != "" && x.Kind == moneyclip.KindUnknown {
		f.Unknown++
	}
	if query != "" && (f.Example == "" || len(query) < len(f.Example)) {
		f.Example = query
	}
	for _, e := range x.Effects {
		switch e.Guarantee {
		case moneyclip.Exact:
			f.Exact++
		case moneyclip.AfterReading:
			f.AfterReading++
		case moneyclip.None:
			f.None++
		default:
			f.RuleWide++
		}
	}
}

// over is how many times more keys were dropped than had changed.
func over(dropped, needed int) string {
	if needed == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", float64(dropped)/float64(needed))
}

// Add takes in another report.
func (r *Report) Add(other *Report) {
	r.Steps += other.Steps
	r.Failing += other.Failing
	r.Reads += other.Reads
	r.Hits += other.Hits
	r.Compared += other.Compared
	r.Lost += other.Lost
	r.Scripts += other.Scripts
	for name, f := range other.Forms {
		mine := r.form(name)
		mine.add(f)
		if f.Example != "" && (mine.Example == "" || len(f.Example) < len(mine.Example)) {
			mine.Example = f.Example
		}
	}
}

// String is the report as a table.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, up to seed %d: %d steps in %d scripts, %d of them failing statements (%d%%); "+
		"%d cached reads, %d hits (%d%%); %d comparisons; %d mirrors lost\n",
		r.Database, r.Seed, r.Steps, r.Scripts, r.Failing, 100*r.Failing/max(r.Steps, 1), r.Reads, r.Hits,
		100*r.Hits/max(r.Reads, 1), r.Compared, r.Lost)
	fmt.Fprintf(&b, "%-40s %6s %6s %6s | %6s %6s %6s %6s | %8s %8s %6s | %8s %8s %6s\n",
		"form", "n", "fail", "unknown", "exact", "read", "wide", "none", "dropped", "changed", "over", "by key", "changed", "over")
	total := &Form{}
	for _, name := range slices.Sorted(maps.Keys(r.Forms)) {
		f := r.Forms[name]
		f.line(&b, name)
		total.add(f)
	}
	total.line(&b, "all")
	return b.String()
}

// add takes in the counts of another form.
func (f *Form) add(other *Form) {
	f.Statements += other.Statements
	f.Failing += other.Failing
	f.Unknown += other.Unknown
	f.Exact += other.Exact
	f.AfterReading += other.AfterReading
	f.RuleWide += other.RuleWide
	f.None += other.None
	f.Dropped += other.Dropped
	f.Needed += other.Needed
	f.KeyDropped += other.KeyDropped
	f.KeyNeeded += other.KeyNeeded
}

func (f *Form) line(b *strings.Builder, name string) {
	fmt.Fprintf(b, "%-40s %6d %6d %6d | %6d %6d %6d %6d | %8d %8d %6s | %8d %8d %6s\n", name, f.Statements, f.Failing, f.Unknown,
		f.Exact, f.AfterReading, f.RuleWide, f.None, f.Dropped, f.Needed, over(f.Dropped, f.Needed),
		f.KeyDropped, f.KeyNeeded, over(f.KeyDropped, f.KeyNeeded))
}

// Write puts the report into a folder, under the name of its database.
func (r *Report) Write(folder string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, r.Database+".json"), append(data, '\n'), 0o600)
}

// Read reads a report that was written.
func Read(path string) (*Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := NewReport("")
	return r, json.Unmarshal(data, r)
}
