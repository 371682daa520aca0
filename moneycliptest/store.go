// Package moneycliptest helps to test programs that use MoneyClip: which reads are hits, which keys a write drops, and
// whether the cache and the database ever differ under the program's own statements.
package moneycliptest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moneyclip/moneyclip"
)

// A Store keeps rows in this process and remembers which keys writers drop. It is safe for concurrent use.
//
//	store := moneycliptest.NewStore()
//	cache, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: rules, Store: store})
//
// For the default caches it goes to [moneyclip.Configure], from an init of the test.
type Store struct {
	moneyclip.Store

	mu      sync.Mutex
	touched map[string]bool // protected by mu
}

// NewStore returns an empty store of at most 64 MiB.
func NewStore() *Store {
	return &Store{Store: moneyclip.NewMemStore(64 << 20), touched: map[string]bool{}}
}

// Release remembers what is dropped.
func (s *Store) Release(ctx context.Context, marks *moneyclip.Marks) (string, error) {
	s.note(marks)
	return s.Store.Release(ctx, marks)
}

// Quarantine remembers what is dropped.
func (s *Store) Quarantine(ctx context.Context, marks *moneyclip.Marks, d time.Duration) (string, error) {
	s.note(marks)
	return s.Store.Quarantine(ctx, marks, d)
}

func (s *Store) note(marks *moneyclip.Marks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range marks.Keys {
		s.touched[short(key)] = true
	}
	for _, generation := range marks.Generations {
		rule, ok := strings.CutPrefix(short(generation), "@")
		if !ok {
			rule = "any rule"
		}
		s.touched["every key of "+rule] = true
	}
}

// short is a stored key without its namespace and scope, which are not the test's affair.
func short(stored string) string {
	parts := strings.SplitN(stored, ":", 3)
	return parts[len(parts)-1]
}

// Touched returns the keys that writers have dropped since it was last called, sorted. Of a rule that was dropped as a whole
// it has "every key of" and the rule's name.
func (s *Store) Touched() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]string, 0, len(s.touched))
	for key := range s.touched {
		keys = append(keys, key)
	}
	clear(s.touched)
	slices.Sort(keys)
	return keys
}
