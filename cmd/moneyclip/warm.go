package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/spf13/cobra"
)

func newWarm() *cobra.Command {
	var s shelf
	var t target
	var w moneyclip.Warming
	var keys, state, named string
	cmd := &cobra.Command{
		Use:   "warm",
		Short: "Read many keys of a rule ahead, so that they are stored in a Redis",
		Long: `Reads the keys once, by --keys: a SELECT whose columns are the query's arguments, with an ORDER BY if it is to be
resumed. Then it runs the query for each of them, in batches, through the driver like the program itself: it gives way
to writers. With --state a warming that was broken off goes on where it was, if the keys up to there are the same.

The program finds the rows if it has the same text, driver and DSN. The text is given with --query, or by its name in
--queries.`,
		Example: `  moneyclip warm --redis "$URL" --db "$DSN" --rules moneyclip.json --rule user \
    --queries sqlc.yaml --name GetUser --keys 'SELECT id FROM users ORDER BY id' --rate 500 --state warm.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			rules, err := readRules(ctx, t.rules)
			if err != nil {
				return err
			}
			_, texts, err := t.texts()
			if err != nil {
				return err
			}
			for _, one := range texts {
				if named != "" && one.name == named {
					w.Query = one.query
				}
			}
			switch {
			case named != "" && w.Query == "":
				return fmt.Errorf("there is no query %s in --queries", named)
			case identifier.MatchString(w.Query):
				return fmt.Errorf("--query is the text of a SELECT: give the name of a query as --name %s, with --queries", w.Query)
			case w.Query == "", keys == "":
				return errors.New("what is to be read? Give the program's text with --query (or --queries and --name), and its arguments with --keys 'SELECT ...'")
			}
			store, closed, err := s.open(ctx)
			if err != nil {
				return err
			}
			defer closed()
			if grace >= 0 {
				store.Grace = grace
			}
			cache, db, err := t.openNamed(ctx, moneyclip.Config{Rules: rules, Store: store, Namespace: s.namespace})
			if err != nil {
				return err
			}
			defer db.Close()
			defer cache.Close()
			for _, one := range texts {
				if _, err := cache.Explain(one.query); err != nil {
					return err
				}
			}
			// It is run as it is: a DELETE that returns rows would be one.
			if x, err := cache.Explain(keys); err != nil {
				return err
			} else if x.Kind != moneyclip.KindRead {
				return errors.New("--keys has to be a SELECT that writes nothing")
			}
			if w.Args, err = readKeys(ctx, db, keys); err != nil {
				return err
			}
			p := &progress{path: state, all: w.Args, print: newBar(cmd.ErrOrStderr(), len(w.Args)), of: w.Query + "\x00" + keys}
			if err := p.resume(); err != nil {
				return err
			}
			resumed := p.done
			w.Args = w.Args[resumed:]
			w.Progress = p.report
			p.print(resumed)
			got, err := cache.Warm(ctx, db, w)
			p.print(-1)
			if err = errors.Join(err, p.err); err != nil {
				return fmt.Errorf("%w%s", err, p.hint())
			}
			return emit(cmd, warmed{resumed + got.Done, resumed, got.Stored, got.There, got.Bypassed})
		},
	}
	s.flags(cmd)
	t.databaseFlags(cmd)
	t.rulesFlags(cmd)
	t.namedFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&w.Rule, "rule", "", "the rule that has to cache the query")
	f.StringVar(&w.Query, "query", "", "the SELECT, to the letter as the program sends it")
	f.StringVar(&named, "name", "", "or its sqlc name in --queries")
	f.StringVar(&keys, "keys", "", "a SELECT whose columns are the query's arguments")
	f.Float64Var(&w.Rate, "rate", 0, "how many reads in a second, at most; 0: any number")
	f.IntVar(&w.Parallel, "parallel", 4, "how many reads at the same time")
	f.BoolVar(&w.Prepared, "prepared", false, "the program prepares its queries")
	f.StringVar(&state, "state", "", "a file that says how far it has come, so that it can be resumed")
	return cmd
}

// grace is for tests: they have no half minute to wait until a Redis that was just started may be used. Negative: as it is.
var grace = time.Duration(-1)

// readKeys reads the arguments. What is text is read as a text, for that is what programs send.
func readKeys(ctx context.Context, db *sql.DB, query string) ([][]any, error) {
	rows, err := db.QueryContext(moneyclip.Bypass(ctx), query)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	var all [][]any
	for rows.Next() {
		row, into := make([]any, len(types)), make([]any, len(types))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read the keys: %w", err)
		}
		for i, v := range row {
			name := strings.ToUpper(types[i].DatabaseTypeName())
			if b, ok := v.([]byte); ok && !strings.Contains(name, "BLOB") && !strings.Contains(name, "BINARY") && name != "BYTEA" {
				row[i] = string(b)
			}
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	return all, nil
}

// A progress is how far a warming has come.
type progress struct {
	path  string
	of    string // what is read
	all   [][]any
	done  int
	print func(done int)
	err   error // of writing the state
	began int

	hash   hash.Hash
	hashed int // keys
}

// A checkpoint is what is in the state's file. The digest is of what is read, and of all keys that are done: other keys
// in their place were not read.
type checkpoint struct {
	Done   int    `json:"done"`
	Digest string `json:"digest"`
}

// digest goes on from the last one: there may be millions of keys.
func (p *progress) digest(done int) string {
	if p.hash == nil {
		p.hash = sha256.New()
		fmt.Fprintf(p.hash, "%s\x00", p.of)
	}
	for ; p.hashed < done; p.hashed++ {
		fmt.Fprintf(p.hash, "%#v\x00", p.all[p.hashed])
	}
	return hex.EncodeToString(p.hash.Sum(nil))
}

func (p *progress) resume() error {
	if p.path == "" {
		return nil
	}
	content, err := os.ReadFile(p.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var c checkpoint
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(&c); err != nil || c.Done < 0 {
		return fmt.Errorf("%s is no state of a warming: remove it, or name another file", p.path)
	}
	if c.Done <= len(p.all) && c.Digest == p.digest(c.Done) {
		p.done, p.began = c.Done, c.Done
		return nil
	}
	p.hash, p.hashed = nil, 0
	return nil
}

func (p *progress) report(done int) {
	p.done = p.began + done
	p.print(p.done)
	if p.path == "" || p.err != nil {
		return
	}
	content, err := json.Marshal(checkpoint{p.done, p.digest(p.done)})
	if err == nil {
		// Never half a file: it may be broken off at any time.
		half := filepath.Join(filepath.Dir(p.path), "."+filepath.Base(p.path)+".new")
		if err = os.WriteFile(half, content, 0o600); err == nil {
			err = os.Rename(half, p.path)
		}
	}
	p.err = err
}

func (p *progress) hint() string {
	if p.path == "" {
		return ""
	}
	return fmt.Sprintf("; %d of %d are done: the same command goes on there", p.done, len(p.all))
}

// isTerminal reports whether a person watches.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// newBar draws how far it has come, on a terminal; it ends with -1.
func newBar(w io.Writer, all int) func(done int) {
	if !isTerminal(w) || all == 0 {
		return func(int) {}
	}
	return func(done int) {
		if done < 0 {
			fmt.Fprint(w, "\r\x1b[K")
			return
		}
		const width = 40
		n := width * done / all
		fmt.Fprintf(w, "\r[%s%s] %d of %d", strings.Repeat("#", n), strings.Repeat(" ", width-n), done, all)
	}
}

type warmed struct {
	Read     int    `json:"read"`
	Resumed  int    `json:"resumed"` // of these: read before
	Stored   uint64 `json:"stored"`
	There    uint64 `json:"there"`
	Bypassed uint64 `json:"bypassed"`
}

func (r warmed) text(w io.Writer) {
	fmt.Fprintf(w, "%s read", counted(r.Read, "key"))
	if r.Resumed > 0 {
		fmt.Fprintf(w, ", %d of them before", r.Resumed)
	}
	fmt.Fprintf(w, ": %d stored, %d were there", r.Stored, r.There)
	if r.Bypassed > 0 {
		fmt.Fprintf(w, ", %d could not be stored (a writer was at work, or the Redis was started less than 30 seconds ago)", r.Bypassed)
	}
	fmt.Fprintln(w)
}
