package storemodel_test

import (
	"testing"
	"testing/synctest"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/storemodel"
	"pgregory.net/rapid"
)

// The store in this process does as the model does.
func TestMemStore(t *testing.T) {
	t.Parallel()
	// One bubble around all runs, because rapid's panics must not leave their goroutine. In a bubble nobody may ask a
	// test for its deadline, as rapid does if it knows that it has one.
	synctest.Test(t, func(t *testing.T) {
		for range 20 { // rapid's 100 runs are short
			rapid.Check(struct{ testing.TB }{t}, func(t *rapid.T) { storemodel.Run(t, moneyclip.NewMemStore(1<<20)) })
		}
	})
}
