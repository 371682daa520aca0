package bench

import (
	"testing"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// Every arm runs, for a moment: what it takes is not looked at.
func TestTable(t *testing.T) {
	newWorld(t, smoke, 5000).table()
}

func TestFull(t *testing.T) {
	newWorld(t, full, 100_000).table()
}
