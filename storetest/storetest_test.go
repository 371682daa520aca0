package storetest_test

import (
	"testing"
	"testing/synctest"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/storetest"
)

func TestMemStore(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, storetest.Options{
		Open:   func(*testing.T) moneyclip.Store { return moneyclip.NewMemStore(64 << 20) },
		Around: synctest.Test,
	})
}
