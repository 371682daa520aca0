package postgres

import (
	"testing"

	"github.com/moneyclip/moneyclip"
)

// A rule may call a function of which only its database knows whether it is pure.
func TestRulesWithOwnFunctions(t *testing.T) {
	for query, want := range map[string]bool{
		"SELECT shouted(name) FROM authors WHERE id = $1":                                    true,
		"SELECT now(), name FROM authors WHERE id = $1":                                      false,
		"DELETE FROM authors WHERE shouted(id) = $1":                                         false,
		"WITH gone AS (DELETE FROM authors WHERE id = $1) SELECT shouted(name) FROM authors": false,
	} {
		_, err := moneyclip.New(Dialect, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "k::%d", Query: query}}})
		if (err == nil) != want {
			t.Errorf("%s: %v", query, err)
		}
	}
}
