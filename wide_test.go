package moneyclip_test

import (
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

// A statement that drops every key of a rule is logged once for its text, by its name, and without what is in it.
func TestWideIsLoggedOnce(t *testing.T) {
	t.Parallel()
	f := open(t, shelves, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "book::%d", Table: "books", By: []string{"id"}}}})
	const named = "-- name: Shuffle :exec\nUPDATE books SET title = 'secret' WHERE id = abs(random() % 3)"
	for range 3 {
		exec(t, f.DB, named)
		exec(t, f.DB, "UPDATE books SET title = 'hidden' WHERE id = abs(random() % 4)")
		exec(t, f.DB, "UPDATE books SET title = 'plain' WHERE id = 10")
	}
	var lines []string
	for _, line := range strings.Split(f.log.String(), "\n") {
		if strings.Contains(line, "drops every key") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 2 || !strings.Contains(lines[0], "statement=Shuffle") || !strings.Contains(lines[0], "rule=book::%d") {
		t.Errorf("logged %q, want one line for each of two texts", lines)
	}
	if log := f.log.String(); strings.Contains(log, "secret") || strings.Contains(log, "hidden") {
		t.Errorf("the log holds a value: %s", log)
	}
	if got := f.cache.Stats().Rules["book::%d"].RuleWide; got != 6 {
		t.Errorf("RuleWide = %d, want 6", got)
	}
}
