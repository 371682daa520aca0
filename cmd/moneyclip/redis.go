package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
)

// A shelf is what the commands over Redis are told: where it is, and under which namespace.
type shelf struct{ url, namespace string }

func (s *shelf) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.url, "redis", "", "the URL of the Redis, as MONEYCLIP_REDIS_URL has it")
	f.StringVar(&s.namespace, "namespace", "moneyclip", "the Namespace of the program's Config")
}

// open returns the store. It is patient: what a person waits for may take longer than what a program's read may.
func (s *shelf) open(ctx context.Context) (*redisstore.Store, func(), error) {
	if s.url == "" {
		return nil, nil, errors.New("which Redis? Give its URL with --redis")
	}
	if s.namespace == "" || strings.ContainsAny(s.namespace, ":{}*?[]\\ ") {
		return nil, nil, errors.New("--namespace is no namespace: blanks, colons, braces and signs of patterns are not allowed")
	}
	store, err := redisstore.Open(s.url)
	if err != nil {
		return nil, nil, err
	}
	store.ReadTimeout, store.WriteTimeout = max(store.ReadTimeout, 2*time.Second), max(store.WriteTimeout, 10*time.Second)
	closed := func() { store.Client().Close() }
	if err := store.Healthy(ctx); err != nil {
		closed()
		return nil, nil, fmt.Errorf("the Redis cannot be used: %w", err)
	}
	return store, closed, nil
}

// bare is a stored key as rules have it, without namespace and scope.
func bare(key string) (scope, rest string) {
	_, rest, _ = strings.Cut(key, ":")
	scope, rest, _ = strings.Cut(rest, ":")
	return scope, rest
}

// entries are those of a rule, or whose key matches a pattern; empty: any.
func (s *shelf) entries(ctx context.Context, store *redisstore.Store, rule, pattern string) iter.Seq2[redisstore.Entry, error] {
	return func(yield func(redisstore.Entry, error) bool) {
		match := "*"
		if pattern != "" {
			match = "*:" + pattern
		}
		for e, err := range store.Entries(ctx, s.namespace+":"+match) {
			if err == nil {
				_, rest := bare(e.Key)
				if rule != "" && e.Rule != rule || pattern != "" && !globs(pattern, rest) {
					continue
				}
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// globs reports whether a key matches a pattern as a whole: to Redis the scope could take a part of it. A slash is
// nothing special in a key.
func globs(pattern, key string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(key, "/", "\x00"))
	return ok && err == nil
}

// find is what stands under a key, which is given as rules have it or as it is stored: one entry for each database that
// has it.
func (s *shelf) find(ctx context.Context, store *redisstore.Store, key string) ([]redisstore.Entry, error) {
	if key == "" { // an unset variable, most likely; as a pattern it is that of all keys
		return nil, errors.New("the key is empty")
	}
	if strings.HasPrefix(key, s.namespace+":") {
		e, err := store.Entry(ctx, key)
		if err != nil {
			return nil, err
		}
		if len(e.Rows) > 0 || e.Leases > 0 || len(e.Writers) > 0 || e.Damaged {
			return []redisstore.Entry{e}, nil
		}
	}
	var found []redisstore.Entry
	for e, err := range s.entries(ctx, store, "", strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(key)) {
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, nil
}

// state is an entry's in a word.
func state(e *redisstore.Entry) string {
	good := false
	for _, r := range e.Rows {
		good = good || r.Good
	}
	switch {
	case len(e.Writers) > 0:
		return "quarantined"
	case e.Damaged:
		return "damaged"
	case good:
		return "good"
	case e.Leases > 0:
		return "being read"
	}
	return "stale"
}

// lasting is a duration for people.
func lasting(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// The client's own log would stand between the lines of the output. What it says is in the errors too.
func init() { redis.SetLogger(quiet{}) }

type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
