//go:build cgo

package sqlite_test

import (
	"slices"
	"testing"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

func TestPragmas(t *testing.T) {
	t.Parallel()
	tests := []struct {
		query string
		want  moneyclip.Kind
	}{
		{"PRAGMA busy_timeout = 5000", moneyclip.KindInert},
		{"PRAGMA main.journal_mode(WAL)", moneyclip.KindInert},
		{"pragma FOREIGN_KEYS = on", moneyclip.KindInert},
		{"PRAGMA table_info(a)", moneyclip.KindInert},
		{"PRAGMA user_version = 3", moneyclip.KindInert},
		{"PRAGMA read_uncommitted", moneyclip.KindInert},
		{"PRAGMA read_uncommitted = 1", moneyclip.KindSession},
		{"PRAGMA case_sensitive_like(true)", moneyclip.KindSession},
		{"PRAGMA reverse_unordered_selects = on", moneyclip.KindSession},
		{"PRAGMA full_column_names = on", moneyclip.KindSession},
		{"PRAGMA writable_schema = on", moneyclip.KindScript},
		{"PRAGMA schema_version = 9", moneyclip.KindScript},
		{"PRAGMA schema_version", moneyclip.KindInert},
		{"PRAGMA encoding = 'UTF-16'", moneyclip.KindSession},
		{"PRAGMA rekey = 'secret'", moneyclip.KindSession},
		{"PRAGMA something", moneyclip.KindSession},
	}
	for _, tt := range tests {
		if got := sqlite.Dialect.Analyze(tt.query, nil); got.Kind != tt.want {
			t.Errorf("Analyze(%q).Kind = %v, want %v", tt.query, got.Kind, tt.want)
		}
	}
	if got, want := sqlite.Dialect.Analyze("PRAGMA rekey = 'secret'", nil).Change, "sets pragma rekey"; got != want {
		t.Errorf("Change = %q, want %q", got, want)
	}
}

// A pragma that changes the session and the schema does both in a text of several statements, too.
func TestPragmaAmongOthers(t *testing.T) {
	t.Parallel()
	s := sqlite.Dialect.Analyze("PRAGMA writable_schema = on; SELECT 1", nil)
	var got []moneyclip.Kind
	for _, part := range s.Parts {
		got = append(got, part.Kind)
	}
	if want := []moneyclip.Kind{moneyclip.KindSession, moneyclip.KindSchema, moneyclip.KindRead}; s.Kind != moneyclip.KindScript || !slices.Equal(got, want) {
		t.Errorf("got %v of %v, want a script of %v", s.Kind, got, want)
	}
}
