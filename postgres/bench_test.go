package postgres

import (
	"strings"
	"testing"
)

func BenchmarkAnalyze(b *testing.B) {
	catalog := testCatalog()
	for name, query := range map[string]string{
		"point": "SELECT id, name FROM authors WHERE id = $1",
		"list":  "SELECT id FROM authors WHERE id IN (1" + strings.Repeat(", 1", 1000) + ")",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Dialect.Analyze(query, catalog)
			}
		})
	}
}
