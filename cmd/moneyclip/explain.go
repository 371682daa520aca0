package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/spf13/cobra"
)

func newExplain() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "explain <statement> [argument ...]",
		Short: "Say what the cache does with a statement, and why",
		Long: `Says for a SELECT which rule caches it under which key, or why none does; for a write what becomes of each rule, and
how surely its keys are known. Nothing is run; the database is asked for its schema alone.

An argument is NULL, a number, true, false, or a text; 'in quotes' it is always a text. A rule for a sqlc query knows
only from the query's text which writes touch it: give --queries.`,
		Example: `  moneyclip explain --db "$DSN" --rules moneyclip.json --queries sqlc.yaml 'UPDATE users SET name = ? WHERE id = ?' x 7`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := readRules(cmd.Context(), t.rules)
			if err != nil {
				return err
			}
			cache, db, err := t.open(cmd.Context(), moneyclip.Config{Rules: rules})
			if err != nil {
				return err
			}
			defer cache.Close()
			defer db.Close()
			engine, texts, err := t.texts()
			if err != nil {
				return err
			}
			for _, one := range texts {
				// To explain a text is to learn it.
				if _, err := cache.Explain(one.query); err != nil {
					return err
				}
			}
			values := make([]any, len(args)-1)
			for i, arg := range args[1:] {
				values[i] = argument(arg)
			}
			x, err := cache.Explain(args[0], values...)
			if err != nil {
				return err
			}
			return emit(cmd, explained{x, unknown(rules, append(texts, split(args[0], "", engine)...))})
		},
	}
	t.databaseFlags(cmd)
	t.rulesFlags(cmd)
	return cmd
}

// argument is a word of the command line as a program would have it.
func argument(word string) any {
	switch word {
	case "NULL", "null":
		return nil
	case "true", "false":
		return word == "true"
	}
	if n := len(word); n > 1 && word[0] == '\'' && word[n-1] == '\'' {
		return word[1 : n-1]
	}
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(word, 64); err == nil && strings.ContainsAny(word, "0123456789") {
		return f
	}
	return word
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// unknown are the rules for sqlc queries whose text was not shown: what touches them is not known.
func unknown(rules []moneyclip.Rule, texts []text) []string {
	var names []string
	for _, r := range rules {
		if identifier.MatchString(r.Query) && !slices.ContainsFunc(texts, func(t text) bool { return t.name == r.Query }) {
			names = append(names, r.Name)
		}
	}
	return names
}

// An explained is an explanation, and what is missing in it.
type explained struct {
	moneyclip.Explanation
	unknown []string
}

func (x explained) text(w io.Writer) {
	if len(x.unknown) > 0 && strings.HasPrefix(x.Reason, "not known: ") {
		x.Reason = fmt.Sprintf("not known: what it does to %s, whose query was not shown; show it with --queries", strings.Join(x.unknown, ", "))
	}
	fmt.Fprintln(w, printable(x.String()))
}

func (x explained) MarshalJSON() ([]byte, error) {
	type effect struct {
		Rule      string   `json:"rule"`
		Guarantee string   `json:"guarantee"`
		Keys      []string `json:"keys,omitempty"`
		Reads     []string `json:"reads,omitempty"`
		Why       string   `json:"why"`
	}
	var effects []effect
	for _, e := range x.Effects {
		effects = append(effects, effect{e.Rule, e.Guarantee.String(), e.Keys, e.Reads, e.Why})
	}
	suggested := ""
	if x.Suggested != nil {
		suggested = x.Suggested.GoString()
	}
	return marshal(struct {
		Statement string   `json:"statement"`
		Kind      string   `json:"kind"`
		Cached    bool     `json:"cached"`
		Rule      string   `json:"rule,omitempty"`
		Key       string   `json:"key,omitempty"`
		Why       string   `json:"why,omitempty"`
		Suggested string   `json:"suggested,omitempty"`
		Effects   []effect `json:"effects,omitempty"`
		Unknown   []string `json:"unknown,omitempty"`
	}{x.Query, x.Kind.String(), x.Cached, x.Rule, x.Key, x.Reason, suggested, effects, x.unknown})
}
