package sqlite_test

import (
	"testing"

	"github.com/moneyclip/moneyclip/internal/propertytest"
)

// TestProperty does random things to random databases and compares, after each, what the cache answers with what the
// database holds. MONEYCLIP_STEPS says how much it does, MONEYCLIP_SEED where it starts: a failure names its seed.
func TestProperty(t *testing.T) {
	t.Parallel()
	propertytest.Property(t, newDatabase(t), 2000)
}

// TestControl shows that the property can fail.
func TestControl(t *testing.T) {
	t.Parallel()
	propertytest.Control(t, newDatabase(t), 1000)
}
