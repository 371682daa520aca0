package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newPurge() *cobra.Command {
	var s shelf
	var rule, pattern string
	cmd := &cobra.Command{
		Use:   "purge <key> | --rule <name> | --pattern <pattern>",
		Short: "Drop what is stored in a Redis, as a writer does",
		Long: `Drops what is stored under a key, by a rule, or under all keys that match a pattern. It is safe at any time: writers at
work keep what they have in quarantine, and what a reader is about to store is refused. A DEL is not: it ends
quarantines, and the row of before a commit may be stored again.`,
		Example: `  moneyclip purge --redis "$URL" user::id-7
  moneyclip purge --redis "$URL" --rule user`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ways := len(args)
			for _, flag := range []string{rule, pattern} {
				if flag != "" {
					ways++
				}
			}
			if ways != 1 {
				return errors.New("what is to be dropped? Name one: a key, --rule or --pattern ('*' is all)")
			}
			store, closed, err := s.open(cmd.Context())
			if err != nil {
				return err
			}
			defer closed()
			// By the store's own protocol: Release, by a writer who holds nothing. See redisstore.Store.Purge for why no
			// DEL is sent.
			if rule != "" {
				n, err := store.PurgeRule(cmd.Context(), s.namespace, rule)
				if err != nil {
					return err
				}
				return emit(cmd, purged{Rule: rule, Databases: n})
			}
			var keys []string
			if len(args) == 1 {
				found, err := s.find(cmd.Context(), store, args[0])
				if err != nil {
					return err
				}
				for _, e := range found {
					keys = append(keys, e.Key)
				}
			}
			p := purged{}
			flush := func() error {
				if len(keys) == 0 {
					return nil
				}
				err := store.Purge(cmd.Context(), keys...)
				p.Keys += len(keys)
				keys = keys[:0]
				return err
			}
			if pattern != "" {
				for e, err := range s.entries(cmd.Context(), store, "", pattern) {
					if err != nil {
						return err
					}
					if keys = append(keys, e.Key); len(keys) == 1000 {
						if err := flush(); err != nil {
							return err
						}
					}
				}
			}
			if err := flush(); err != nil {
				return err
			}
			return emit(cmd, p)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&rule, "rule", "", "all keys of a rule, by its name")
	cmd.Flags().StringVar(&pattern, "pattern", "", "all keys that match")
	return cmd
}

type purged struct {
	Keys      int    `json:"keys"`
	Rule      string `json:"rule,omitempty"`
	Databases int    `json:"databases,omitempty"` // in which the rule had something
}

func (p purged) text(w io.Writer) {
	switch {
	case p.Rule != "" && p.Databases == 0:
		fmt.Fprintf(w, "nothing is stored by a rule %s\n", printable(p.Rule))
	case p.Rule != "":
		fmt.Fprintf(w, "dropped every key of %s, in %s\n", printable(p.Rule), counted(p.Databases, "database"))
	default:
		fmt.Fprintf(w, "dropped %s\n", counted(p.Keys, "key"))
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
