package moneyclip_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moneyclip/moneyclip"
)

// schemas is how often the catalog was read.
func (f *fakeDB) schemas() int {
	f.state.mu.Lock()
	defer f.state.mu.Unlock()
	return f.state.schemas
}

// Of connections that dial at the same time one reads the catalog, and the others wait for it.
func TestCatalogIsReadOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		release := f.block(catalogQuery)
		var readers sync.WaitGroup
		for id := range 16 {
			readers.Go(func() { f.wantRow(t, selectUser, int64(id)) })
		}
		synctest.Wait()
		release()
		readers.Wait()
		if got := f.schemas(); got != 1 {
			t.Errorf("the catalog was read %d times, want once", got)
		}
		if got := f.cache.Stats().Fills; got != 16 {
			t.Errorf("got %d fills, want 16", got)
		}
	})
}

// Whose context ends does not wait for the catalog; and when who reads it hangs, the others read it themselves.
func TestCatalogReaderHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := openFake(t, moneyclip.Config{Rules: []moneyclip.Rule{userRule}})
		release := f.block(catalogQuery)
		var reader sync.WaitGroup
		reader.Go(func() { f.wantRow(t, selectUser, 1) })
		synctest.Wait()
		f.unblock(catalogQuery)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		f.QueryRowContext(ctx, selectUser, 2).Scan(new(int64), new(string)) // what comes of it is the base's affair
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("who has 100 ms has waited for %v", took)
		}
		f.wantRow(t, selectUser, 3)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("another one's catalog was waited for for %v", took)
		}
		release()
		reader.Wait()
	})
}
