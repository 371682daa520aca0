package main

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/spf13/cobra"
)

func newGet() *cobra.Command {
	var s shelf
	var rules string
	cmd := &cobra.Command{
		Use:   "get <key>",
		Short: "Show what is stored under a key in a Redis",
		Long: `Shows the rows that are stored under a key, one for each select, whether they would be served, for how long, and who
holds the key in quarantine. The key is given as the rule has it, or as it is stored. How old a row is follows from
its rule: give --rules.`,
		Example: `  moneyclip get --redis "$URL" user::id-7`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lives := map[string][2]time.Duration{}
			if rules != "" {
				list, err := readRules(cmd.Context(), rules)
				if err != nil {
					return err
				}
				for _, r := range list {
					lives[r.Name] = [2]time.Duration{r.TTL, r.NotFound}
				}
			}
			store, closed, err := s.open(cmd.Context())
			if err != nil {
				return err
			}
			defer closed()
			found, err := s.find(cmd.Context(), store, args[0])
			if err != nil {
				return err
			}
			g := got{Entries: []gotEntry{}}
			for _, e := range found {
				g.Entries = append(g.Entries, entryOf(&e, lives[e.Rule]))
			}
			if err := emit(cmd, g); err != nil || len(found) > 0 {
				return err
			}
			return errFindings
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&rules, "rules", "", "the rules: a file of moneyclip manifest, or a package's folder")
	return cmd
}

type got struct {
	Entries []gotEntry `json:"entries"`
}

type gotEntry struct {
	keyFound
	Writers []gotWriter `json:"writers,omitempty"`
	Rows    []gotRow    `json:"rows"`
}

type gotWriter struct {
	Writer string  `json:"writer"`
	Rule   string  `json:"rule,omitempty"` // all of whose keys it holds
	Left   float64 `json:"secondsLeft"`
	left   string
}

type gotRow struct {
	Good    bool     `json:"good"`
	Damaged bool     `json:"damaged,omitempty"`
	Found   bool     `json:"found"` // otherwise it is that there is no row
	Fields  []gotOne `json:"fields,omitempty"`
	Bytes   int      `json:"bytes"`
	Left    float64  `json:"secondsLeft"`
	Soft    float64  `json:"secondsUntilSoft"`
	Age     *float64 `json:"ageSeconds,omitempty"`
	age     string
}

type gotOne struct {
	Column string `json:"column"`
	Value  any    `json:"value"`
}

func entryOf(e *redisstore.Entry, lives [2]time.Duration) gotEntry {
	g := gotEntry{keyFound: keyOf(e)}
	for _, w := range e.Writers {
		// The first half of a token is the process'.
		g.Writers = append(g.Writers, gotWriter{hex.EncodeToString(w.Token[:8]) + "-" + hex.EncodeToString(w.Token[8:]), w.Rule, w.Left.Seconds(), lasting(w.Left)})
	}
	for _, r := range e.Rows {
		one := gotRow{Good: r.Good, Damaged: r.Row == nil, Bytes: r.Bytes, Left: r.Hard.Seconds(), Soft: r.Soft.Seconds()}
		one.age = "for " + lasting(r.Hard) + " more"
		if r.Row != nil {
			one.Found = r.Row.Found()
			life := lives[0]
			if !one.Found {
				life = lives[1]
			}
			if age := (life - r.Hard).Seconds(); life > 0 && age >= 0 {
				one.Age, one.age = &age, lasting(life-r.Hard)+" old, "+one.age
			}
			columns, values := r.Row.Columns(), r.Row.Values()
			for i, v := range values {
				one.Fields = append(one.Fields, gotOne{columns[i], shown(v)})
			}
		}
		g.Rows = append(g.Rows, one)
	}
	return g
}

// shown is a value as JSON and people can have it.
func shown(v driver.Value) any {
	switch v := v.(type) {
	case []byte:
		if utf8.Valid(v) {
			return string(v)
		}
		return `\x` + hex.EncodeToString(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case nil, bool, int64, string:
		return v
	}
	return fmt.Sprint(v) // a float may be none that JSON has
}

func (g got) text(w io.Writer) {
	if len(g.Entries) == 0 {
		fmt.Fprintln(w, "nothing is stored there")
	}
	for _, e := range g.Entries {
		fmt.Fprintf(w, "%s  %s\n", printable(e.Key), e.State)
		if e.Rule != "" {
			fmt.Fprintf(w, "  rule  %s\n", printable(e.Rule))
		}
		for _, one := range e.Writers {
			what := "the key"
			if one.Rule != "" {
				what = "every key of " + printable(one.Rule)
			}
			fmt.Fprintf(w, "  writer %s holds %s, for %s more unless it renews that\n", one.Writer, what, one.left)
		}
		for i, r := range e.Rows {
			state := "good"
			switch {
			case r.Damaged:
				state = "damaged"
			case !r.Good:
				state = "stale"
			}
			fmt.Fprintf(w, "  select %d of %d  %s, %s, %d bytes\n", i+1, len(e.Rows), state, r.age, r.Bytes)
			if !r.Found && !r.Damaged {
				fmt.Fprintln(w, "    no rows")
			}
			for _, f := range r.Fields {
				if f.Value == nil {
					f.Value = "NULL"
				}
				fmt.Fprintf(w, "    %s  %s\n", printable(f.Column), printable(fmt.Sprint(f.Value)))
			}
		}
	}
}
