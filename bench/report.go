package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A Report is all that was measured.
type Report struct {
	Lines    []*Line
	Contests []*Contest
	Growths  []*Growth
	Loads    []*Load
}

// write puts the figures into the documents of the repository at dir, and writes its plots.
func (r *Report) write(dir string) error {
	docs := filepath.Join(dir, "docs")
	files := map[string]string{"performance.txt": r.lines()}
	for name, svg := range r.plots() {
		files["performance-"+name+".svg"] = svg
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := between(filepath.Join(docs, "performance.md"), r.sections()); err != nil {
		return err
	}
	return between(filepath.Join(dir, "README.md"), map[string]string{"speed": r.speed()})
}

// between replaces what stands between markers: <!-- bench:name --> and <!-- /bench -->.
func between(path string, sections map[string]string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(b)
	for name, section := range sections {
		begin := "<!-- bench:" + name + " -->\n"
		from := strings.Index(text, begin)
		if from < 0 {
			return fmt.Errorf("%s: no %q", path, begin)
		}
		from += len(begin)
		length := strings.Index(text[from:], "<!-- /bench -->")
		if length < 0 {
			return fmt.Errorf("%s: %q does not end", path, begin)
		}
		text = text[:from] + section + text[from+length:]
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// lines are all rounds as benchstat reads them.
func (r *Report) lines() string {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/moneyclip/moneyclip/bench\n", runtime.GOOS, runtime.GOARCH)
	add := func(name string, m *Measure) {
		for _, line := range m.Lines(name) {
			b.WriteString(line + "\n")
		}
	}
	for _, l := range r.Lines {
		add(l.Name, l.Measure)
	}
	for _, c := range r.Contests {
		add("contest "+c.Database, c.Measure)
	}
	for _, g := range r.Growths {
		for i, m := range g.Values {
			add(fmt.Sprint("growth ", g.Of, " ", g.Counts[i]), m)
		}
	}
	return b.String()
}

func (r *Report) sections() map[string]string {
	all := map[string]string{"machine": machine(), "table": r.table(), "trips": r.trips()}
	var contests, growths, loads strings.Builder
	for _, database := range r.databases() {
		r.contestTable(&contests, database)
	}
	for _, g := range r.Growths {
		g.table(&growths)
	}
	loadTable(&loads, r.Loads)
	all["peers"], all["growth"], all["load"] = contests.String(), growths.String(), loads.String()
	return all
}

// machine says where it was measured.
func machine() string {
	model := "an unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s. The database, the Redis and the program share them.\n",
		model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func (r *Report) table() string {
	var b strings.Builder
	b.WriteString("| | median | min | max | must | aim | |\n|---|---|---|---|---|---|---|\n")
	for _, l := range r.Lines {
		allocs := ""
		if l.MustAllocs != "" {
			allocs = fmt.Sprintf("; allocations %s%.0f, must %s", sign(l.MustAllocs), max(0, l.Allocs), l.MustAllocs)
		}
		fmt.Fprintf(&b, "| %s | %s%s | %s | %s | %g | %g | %s%s |\n", l.Name, figure(l.Value), unit(l.Unit), figure(l.Lowest), figure(l.Higher),
			l.Must, l.Aim, l.Verdict(), allocs)
	}
	return b.String()
}

// trips are the lines whose unit is a GET, in microseconds, and in GETs of a loop.
func (r *Report) trips() string {
	var b strings.Builder
	b.WriteString("| | plain | with two GETs | with two empty scripts | MoneyClip | GET in a loop | two GETs, in those | MoneyClip, in those |\n" +
		"|---|---|---|---|---|---|---|---|\n")
	for _, l := range r.Lines {
		if l.Unit != "GETs" {
			continue
		}
		ours, plain, around, get, scripts := l.Nanoseconds[0], l.Nanoseconds[1], l.Nanoseconds[2], l.Nanoseconds[3], l.Nanoseconds[4]
		name, _, _ := strings.Cut(l.Name, " - ")
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", name, duration(plain), duration(around), duration(scripts), duration(ours), duration(get),
			figure((around-plain)/get), figure((ours-plain)/get))
	}
	return b.String()
}

func sign(must string) string {
	if strings.HasPrefix(must, "+") {
		return "+"
	}
	return ""
}

func unit(u string) string {
	if u == "x" {
		return ""
	}
	return " " + u
}

// figure is a value with three digits.
func figure(v float64) string {
	if v >= 100 || v <= -100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func (r *Report) databases() (names []string) {
	for i, c := range r.Contests {
		if i == 0 || c.Database != r.Contests[i-1].Database {
			names = append(names, c.Database)
		}
	}
	return names
}

func (r *Report) contestTable(b *strings.Builder, database string) {
	var of []*Contest
	for _, c := range r.Contests {
		if c.Database == database {
			of = append(of, c)
		}
	}
	fmt.Fprintf(b, "%s, time per read:\n\n| |", database)
	for _, c := range of {
		fmt.Fprintf(b, " %s |", many(c.Goroutines))
	}
	b.WriteString(" allocations |\n|---|" + strings.Repeat("---|", len(of)+1) + "\n")
	for i, name := range of[0].Arms {
		fmt.Fprintf(b, "| %s |", name)
		for _, c := range of {
			fmt.Fprintf(b, " %s |", duration(c.Nanoseconds[i]))
		}
		fmt.Fprintf(b, " %.0f |\n", of[0].Allocations[i])
	}
	b.WriteByte('\n')
}

// speed is what the README says.
func (r *Report) speed() string {
	var b strings.Builder
	b.WriteString("| | median | min | max |\n|---|---|---|---|\n")
	for _, l := range r.Lines {
		switch l.Name {
		case nameHit, nameRedisHit, nameRedisHits, nameMiss, nameWrite, nameTransaction, nameHitPoint, nameHitSums, nameRedisPoint, nameRedisSums:
			fmt.Fprintf(&b, "| %s | %s%s | %s | %s |\n", l.Name, figure(l.Value), unit(l.Unit), figure(l.Lowest), figure(l.Higher))
		}
	}
	return b.String()
}
