package bench

import (
	"runtime"
	"testing"

	"github.com/moneyclip/moneyclip/servers_test/servers"
)

// ballast is what a program holds. With an empty heap the collector would run every few milliseconds, and most of what is
// measured would be its work.
var ballast = make([]byte, 64<<20)

func TestMain(m *testing.M) {
	servers.Main(m)
	runtime.KeepAlive(ballast)
}

// Every arm runs, for a moment: what it takes is not looked at.
func TestTable(t *testing.T) {
	newWorld(t, smoke, 5000).table()
}

func TestFull(t *testing.T) {
	newWorld(t, full, 100_000).table()
}
