//go:build unix

package consistency

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Report is what came of many rounds.
type Report struct {
	Reads, Hits, Writes, Injected, Porcupine int
	ByFault                                  []Line
	Rounds                                   []Summary
}

// A Summary is a round without its history.
type Summary struct {
	*Result
	Wrong []string
}

// A Line is all rounds with one fault.
type Line struct {
	Fault                   string
	Rounds, Reads, Injected int
	P1, P2                  int // forbidden or not
	Violations              int // rounds with something forbidden
	Longest                 int64
}

// save keeps a result, so that a run that was broken off goes on where it was.
func (r *Result) save(dir string) error {
	text, err := json.MarshalIndent(Summary{r, r.Wrong()}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fileName(r.Name)), append(text, '\n'), 0o644)
}

func fileName(round string) string { return strings.ReplaceAll(round, " ", "_") + ".json" }

func isSaved(dir, round string) bool {
	_, err := os.Stat(filepath.Join(dir, fileName(round)))
	return err == nil
}

// readReport makes a report of the rounds that were saved, and of those that an earlier report has besides.
func readReport(path, dir string) (*Report, error) {
	rounds := map[string]Summary{}
	text, err := os.ReadFile(path + ".json")
	if err == nil {
		before := &Report{}
		err = json.Unmarshal(text, before)
		for _, s := range before.Rounds {
			rounds[s.Name] = s
		}
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var s Summary
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		if s.Result == nil {
			return nil, errors.New(f + " is not a round's")
		}
		rounds[s.Name] = s
	}
	return sum(rounds), nil
}

// sum adds rounds up. Those of mutants are not counted.
func sum(rounds map[string]Summary) *Report {
	report := &Report{}
	lines := map[string]*Line{}
	for _, name := range slices.Sorted(maps.Keys(rounds)) {
		s := rounds[name]
		report.Rounds = append(report.Rounds, s)
		if s.Mutant != "" {
			continue
		}
		report.Reads += s.Reads
		report.Hits += s.Hits
		report.Writes += s.Writes
		report.Injected += s.Injected
		report.Porcupine += s.Operations
		names := s.Faults
		if len(names) == 0 {
			names = []string{"none"}
		}
		for _, name := range names {
			l := lines[name]
			if l == nil {
				l = &Line{Fault: name}
				lines[name] = l
			}
			l.Rounds++
			l.Reads += s.Reads
			l.Injected += s.Injected
			l.P1 += s.P1
			l.P2 += s.P2
			l.Longest = max(l.Longest, s.Bound)
			if len(s.Wrong) > 0 {
				l.Violations++
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		report.ByFault = append(report.ByFault, *lines[name])
	}
	return report
}

// write writes the report and its picture.
func (r *Report) write(path string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(path+".json", append(text, '\n'), 0o644),
		os.WriteFile(path+".svg", []byte(r.picture()), 0o644),
	)
}

// picture draws a bar of the reads that were checked under each fault, and writes beside it what was injected and found.
func (r *Report) picture() string {
	const height, left, width = 22, 130, 420
	most := 1
	for _, l := range r.ByFault {
		most = max(most, l.Reads)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		left+width+460, (len(r.ByFault)+2)*height)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	at := func(x, y int, anchor, fill, text string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="%s" fill="%s">%s</text>`+"\n", x, y, anchor, fill, text)
	}
	at(left, 16, "start", "#333", "reads checked")
	at(left+width+110, 16, "end", "#333", "faults injected")
	at(left+width+250, 16, "end", "#333", "longest staleness")
	at(left+width+440, 16, "end", "#333", "rounds with a violation")
	for i, l := range r.ByFault {
		y := (i + 1) * height
		at(left-8, y+15, "end", "#333", l.Fault)
		w := max(1, l.Reads*width/most)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="#4a7ba6"/>`+"\n", left, y+3, w, height-6)
		if w > width-70 {
			at(left+w-6, y+15, "end", "#fff", fmt.Sprint(l.Reads))
		} else {
			at(left+w+6, y+15, "start", "#333", fmt.Sprint(l.Reads))
		}
		at(left+width+110, y+15, "end", "#333", fmt.Sprint(l.Injected))
		at(left+width+250, y+15, "end", "#333", fmt.Sprintf("%d ms", l.Longest/1e6))
		fill := "#2f7d4f"
		if l.Violations > 0 {
			fill = "#b3261e"
		}
		at(left+width+440, y+15, "end", fill, fmt.Sprintf("%d of %d", l.Violations, l.Rounds))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
