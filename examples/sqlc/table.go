package main

import (
	"database/sql"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/examples/sqlc/sqlite"
)

// The widths of the columns. A line is at most 110 wide.
const (
	statementWidth = 50
	sourceWidth    = 11
	keyWidth       = 33
	timeWidth      = 9
)

// A table is what the program prints.
type table struct{ out io.Writer }

func (t *table) line(statement, source, key, took string) {
	line := fmt.Sprintf("  %-*s  %-*s  %-*s %*s", statementWidth, fit(statement, statementWidth),
		sourceWidth, source, keyWidth, fit(key, keyWidth), timeWidth, took)
	fmt.Fprintln(t.out, strings.TrimRight(line, " "))
}

func (t *table) header() { t.line("statement", "answered by", "key", "time") }

func (t *table) row(statement string, answeredBy source, key string, took time.Duration) {
	t.line(statement, string(answeredBy), key, elapsed(took))
}

func (t *table) heading(format string, args ...any) { fmt.Fprintf(t.out, "\n"+format+"\n", args...) }

func (t *table) note(format string, args ...any) { fmt.Fprintf(t.out, "  "+format+"\n", args...) }

func (t *table) ruleStats(name string, s moneyclip.RuleStats) {
	t.counts(name, thousands(s.Hits), thousands(s.NotFoundHits), thousands(s.Misses), thousands(s.Fills),
		thousands(s.Invalidations), thousands(s.Refreshes))
}

func (t *table) counts(name string, counts ...string) { t.columns(30, name, counts) }

func (t *table) speed(what string, figures ...string) { t.columns(36, what, figures) }

// columns prints a text of some width and figures to its right.
func (t *table) columns(width int, text string, figures []string) {
	var line strings.Builder
	fmt.Fprintf(&line, "  %-*s", width, text)
	for _, figure := range figures {
		fmt.Fprintf(&line, " %11s", figure)
	}
	fmt.Fprintln(t.out, line.String())
}

// fit cuts a text that is too wide.
func fit(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	return string(runes[:width-1]) + "…"
}

// elapsed is a time with two digits or more.
func elapsed(d time.Duration) string {
	switch us := float64(d) / float64(time.Microsecond); {
	case us < 10:
		return fmt.Sprintf("%.1f µs", us)
	case us < 1000:
		return fmt.Sprintf("%.0f µs", us)
	case us < 10_000:
		return fmt.Sprintf("%.1f ms", us/1000)
	default:
		return fmt.Sprintf("%.0f ms", us/1000)
	}
}

// thousands is a number with commas.
func thousands[N ~int | ~int64 | ~uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func plural(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

// answer is the short form of what a query returns.
func answer(value any) string {
	switch v := value.(type) {
	case int64:
		return thousands(v)
	case sqlite.Account:
		return v.Name
	case sqlite.Book:
		return v.Title
	case sqlite.BookTotalsRow:
		return fmt.Sprintf("%s documents, %s words", thousands(v.Documents), thousands(v.Words))
	case sqlite.Document:
		return v.Title
	case sqlite.User:
		return v.Name + " of " + v.Domain
	default:
		return fmt.Sprint(v)
	}
}

// argument is the short form of what a query is given.
func argument(value any) string {
	switch v := value.(type) {
	case string:
		return strconv.Quote(v)
	case sql.NullTime:
		return v.Time.Format(time.DateOnly)
	default:
		return fmt.Sprint(v)
	}
}
