package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/spf13/cobra"
)

func newAudit() *cobra.Command {
	var s shelf
	var t target
	var rule string
	var sample int
	var prepared bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compare what is stored in a Redis with the database",
		Long: `Reads a sample of the keys that are stored again, through the driver, with all hits put to the database too. A row that
differs was written past the driver, or by a program with other rules; it is dropped, and the exit code is 1. Nothing is
stored by it.

Rows are found under the text that the program sends, its driver, and its DSN: give the same, or its rows are counted
as not compared. That is also said of rows whose arguments are not all in the key.`,
		Example: `  moneyclip audit --redis "$URL" --db "$DSN" --rules moneyclip.json --queries sqlc.yaml`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			rules, err := readRules(ctx, t.rules)
			if err != nil {
				return err
			}
			engine, err := t.engine()
			if err != nil {
				return err
			}
			if len(t.queries) == 0 {
				return errors.New("which texts does the program send? Name them with --queries: sqlc.yaml, a folder, a .go or .sql file")
			}
			texts, err := readTexts(t.queries, engine)
			if err != nil {
				return err
			}
			store, closed, err := s.open(ctx)
			if err != nil {
				return err
			}
			defer closed()
			cache, db, err := t.openNamed(ctx, moneyclip.Config{Rules: rules, Store: &observing{store}, Namespace: s.namespace, Verify: 1})
			if err != nil {
				return err
			}
			defer db.Close()
			a := audit{cache: cache, db: db, dialect: engines[engine].dialect, rules: map[string]moneyclip.Rule{}, texts: map[string][]string{}, prepared: prepared}
			for _, r := range rules {
				a.rules[r.Name] = r
			}
			if err := a.learn(texts); err != nil {
				return err
			}
			sampled := map[string]bool{}
			for e, err := range s.entries(ctx, store, rule, "") {
				if err != nil {
					return err
				}
				_, key := bare(e.Key)
				if len(sampled) == sample || sampled[key] || !slices.ContainsFunc(e.Rows, func(r redisstore.Stored) bool { return r.Good && r.Soft > 0 }) {
					continue
				}
				sampled[key] = true
				if err := a.compare(ctx, e.Rule, key); err != nil {
					return err
				}
			}
			if err := emit(cmd, &a.found); err != nil || len(a.found.Mismatches) == 0 {
				return err
			}
			return errFindings
		},
	}
	s.flags(cmd)
	t.databaseFlags(cmd)
	t.rulesFlags(cmd)
	t.namedFlags(cmd)
	cmd.Flags().StringVar(&rule, "rule", "", "only keys of this rule")
	cmd.Flags().IntVar(&sample, "sample", 1000, "how many keys; Redis names them in no order")
	cmd.Flags().BoolVar(&prepared, "prepared", false, "the program prepares its queries")
	return cmd
}

// An observing store lets nothing be stored and tells other programs nothing: an audit must not fill a cache with what
// only it has asked for. What differs from the database it does drop.
type observing struct{ moneyclip.Store }

func (o *observing) Lease(context.Context, *moneyclip.Slot, moneyclip.Token, time.Duration, bool) (moneyclip.Grant, error) {
	return moneyclip.Grant{Answer: moneyclip.AnswerBypass}, nil
}

func (o *observing) Publish(ctx context.Context, board string, _ []moneyclip.Notice, _ string) (moneyclip.Board, error) {
	return o.Store.Publish(ctx, board, nil, "")
}

type audit struct {
	cache    *moneyclip.Cache
	db       *sql.DB
	dialect  moneyclip.Dialect
	rules    map[string]moneyclip.Rule
	texts    map[string][]string // :: rule → what it caches
	prepared bool
	found    audited
}

type audited struct {
	Keys        int        `json:"keys"`
	Compared    int        `json:"compared"`
	NotCompared int        `json:"notCompared"`
	Mismatches  []mismatch `json:"mismatches"`
}

type mismatch struct {
	Rule string `json:"rule"`
	Key  string `json:"key"`
}

// learn finds which rule caches each text.
func (a *audit) learn(texts []text) error {
	for range 2 { // a rule for a sqlc query is known when its text was seen
		clear(a.texts)
		for _, one := range texts {
			x, err := a.cache.Explain(one.query)
			if err != nil {
				return err
			}
			if x.Kind == moneyclip.KindRead && x.Rule != "" {
				a.texts[x.Rule] = append(a.texts[x.Rule], one.query)
			}
		}
	}
	return nil
}

// compare reads a key by every text that could have stored it.
func (a *audit) compare(ctx context.Context, rule, key string) error {
	a.found.Keys++
	values, ok := a.rules[rule].KeyValues(key)
	before := a.cache.Stats()
	for _, query := range a.texts[rule] {
		if !ok {
			break
		}
		args := a.arguments(query, rule, key, values)
		if args == nil {
			continue
		}
		rows, err := a.query(ctx, query, args)
		if err != nil {
			return fmt.Errorf("read a key of rule %s again: %w", rule, err)
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return fmt.Errorf("read a key of rule %s again: %w", rule, err)
		}
	}
	after := a.cache.Stats()
	if after.Verified == before.Verified {
		a.found.NotCompared++
	} else {
		a.found.Compared++
	}
	if after.Mismatches > before.Mismatches {
		a.found.Mismatches = append(a.found.Mismatches, mismatch{rule, key})
	}
	return nil
}

func (a *audit) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if !a.prepared {
		return a.db.QueryContext(ctx, query, args...)
	}
	stmt, err := a.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer stmt.Close() // its rows live on
	return stmt.QueryContext(ctx, args...)
}

// arguments puts the values of a key in the order in which the query has its parameters: the one by which it finds the
// key. Nil: there is none, as when an argument is no part of the key.
func (a *audit) arguments(query, rule, key string, values []any) []any {
	statement := a.dialect.Analyze(query, nil)
	if len(statement.Params) != len(values) || len(values) == 0 || len(values) > 5 {
		return nil
	}
	var try func(done, left []any) []any
	try = func(done, left []any) []any {
		if len(left) == 0 {
			if x, err := a.cache.Explain(query, done...); err == nil && x.Cached && x.Rule == rule && x.Key == key {
				return slices.Clone(done)
			}
			return nil
		}
		for i := range left {
			rest := slices.Delete(slices.Clone(left), i, i+1)
			if got := try(append(slices.Clone(done), left[i]), rest); got != nil {
				return got
			}
		}
		return nil
	}
	return try(nil, values)
}

func (a *audited) text(w io.Writer) {
	fmt.Fprintf(w, "%s looked at, %d compared with the database, %d differ\n", counted(a.Keys, "key"), a.Compared, len(a.Mismatches))
	sort.Slice(a.Mismatches, func(i, j int) bool { return a.Mismatches[i].Key < a.Mismatches[j].Key })
	for _, m := range a.Mismatches {
		fmt.Fprintf(w, "  %s  rule %s: it was dropped\n", printable(m.Key), printable(m.Rule))
	}
	if a.NotCompared > 0 {
		fmt.Fprintf(w, "%d could not be compared: stored by another text, driver, DSN or way to run it (--queries, --driver, --db, --prepared)\n", a.NotCompared)
	}
}
