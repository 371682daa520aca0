package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/moneyclip/moneyclip/redisstore"
	"github.com/spf13/cobra"
)

func newKeys() *cobra.Command {
	var s shelf
	var rule, pattern string
	var limit int
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List what is stored in a Redis",
		Long: `Lists the keys that are stored, without namespace and scope. In a pattern * ? [a-z] and \ mean what they mean to Redis.
A key is good if it would be served; stale if its rule was dropped since, or the master is another one; quarantined
while a writer is at work; being read while the first reader is. Rows that are stale go by themselves.`,
		Example: `  moneyclip keys --redis "$URL" --pattern 'user::id-*'`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return errors.New("--limit is at least 1")
			}
			store, closed, err := s.open(cmd.Context())
			if err != nil {
				return err
			}
			defer closed()
			all := keysFound{Keys: []keyFound{}, rule: rule}
			for e, err := range s.entries(cmd.Context(), store, "", pattern) {
				if err != nil {
					return err
				}
				if rule != "" && e.Rule != rule {
					if e.Rule != "" && !slices.Contains(all.others, e.Rule) {
						all.others = append(all.others, e.Rule)
					}
					continue
				}
				if all.More = len(all.Keys) == limit; all.More {
					break
				}
				all.Keys = append(all.Keys, keyOf(&e))
			}
			slices.SortFunc(all.Keys, func(a, b keyFound) int { return strings.Compare(a.Scope+":"+a.Key, b.Scope+":"+b.Key) })
			return emit(cmd, all)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&rule, "rule", "", "only those of a rule, by its name")
	cmd.Flags().StringVar(&pattern, "pattern", "", "only those that match")
	cmd.Flags().IntVar(&limit, "limit", 1000, "how many at most")
	return cmd
}

type keysFound struct {
	Keys []keyFound `json:"keys"`
	More bool       `json:"more,omitempty"` // than the limit

	rule   string   // whose keys they are; empty: any
	others []string // rules that have keys too
}

type keyFound struct {
	Key     string  `json:"key"`
	Scope   string  `json:"scope"`
	Rule    string  `json:"rule,omitempty"`
	State   string  `json:"state"`
	Selects int     `json:"selects"`
	Bytes   int     `json:"bytes"`
	Left    float64 `json:"secondsLeft"`
	left    string
}

func keyOf(e *redisstore.Entry) keyFound {
	left := e.Expires
	if len(e.Writers) > 0 {
		left = 0
		for _, w := range e.Writers {
			left = max(left, w.Left)
		}
	}
	k := keyFound{Rule: e.Rule, State: state(e), Selects: len(e.Rows), Left: left.Seconds(), left: lasting(left)}
	k.Scope, k.Key = bare(e.Key)
	for _, r := range e.Rows {
		k.Bytes += r.Bytes
	}
	return k
}

func (k keysFound) text(w io.Writer) {
	switch {
	case len(k.Keys) == 0 && k.rule != "":
		fmt.Fprintf(w, "nothing is stored by a rule %s", printable(k.rule))
		if slices.Sort(k.others); k.others != nil {
			fmt.Fprintf(w, "; something is by %s", printable(strings.Join(k.others, ", ")))
		}
		fmt.Fprintln(w)
		return
	case len(k.Keys) == 0:
		fmt.Fprintln(w, "nothing is stored there")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tRULE\tSTATE\tSELECTS\tBYTES\tLEFT")
	for _, one := range k.Keys {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%s\n", printable(one.Key), printable(one.Rule), one.State, one.Selects, one.Bytes, one.left)
	}
	t.Flush()
	if k.More {
		fmt.Fprintln(w, "... and more: see --limit")
	}
}
