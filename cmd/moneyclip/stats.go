package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/moneyclip/moneyclip"
	"github.com/spf13/cobra"
)

// A gauge is what stats and top are told: where a program publishes its counts, and how often to look.
type gauge struct {
	variable string
	interval time.Duration
}

func (g *gauge) flags(cmd *cobra.Command, interval string) {
	d, _ := time.ParseDuration(interval)
	cmd.Flags().StringVar(&g.variable, "var", "", "the name of the variable, if there are several")
	cmd.Flags().DurationVar(&g.interval, "interval", d, "the time between two looks, which rates are about")
}

func newStats() *cobra.Command {
	var g gauge
	cmd := &cobra.Command{
		Use:   "stats <URL>",
		Short: "Show what a running program's cache does, for each rule",
		Long: `Reads the counts that package expvarstats publishes, twice, and shows for each rule the counts since the program was
started, and the rates between the two. The URL is that of expvar: http://host:port/debug/vars.`,
		Example: "  moneyclip stats http://localhost:8080/debug/vars",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := g.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if g.interval <= 0 {
				return emit(cmd, since(nil, before))
			}
			if err := pause(cmd.Context(), g.interval); err != nil {
				return err
			}
			after, err := g.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return emit(cmd, since(before, after))
		},
	}
	g.flags(cmd, "1s")
	return cmd
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A reading is what a program has published at one time.
type reading struct {
	at          time.Time
	StoreErrors int64
	Rules       map[string]struct {
		moneyclip.RuleStats
		DatabaseSeconds float64
	}
}

// read reads the counts of a program.
func (g *gauge) read(ctx context.Context, address string) (*reading, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL is that of a program's expvar, such as http://localhost:8080/debug/vars")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/debug/vars"
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the program answers %s: is it the URL of its expvar, /debug/vars?", response.Status)
	}
	var all map[string]json.RawMessage
	if err := json.NewDecoder(io.LimitReader(response.Body, 64<<20)).Decode(&all); err != nil {
		return nil, errors.New("the program answers what is no expvar: is it the URL of its /debug/vars?")
	}
	var found *reading
	var names []string
	for name, value := range all {
		var head struct{ StoreErrors, Rules json.RawMessage }
		if g.variable != "" && name != g.variable || json.Unmarshal(value, &head) != nil || head.StoreErrors == nil || head.Rules == nil {
			continue
		}
		one := &reading{at: time.Now()}
		if json.Unmarshal(value, one) == nil {
			found, names = one, append(names, name)
		}
	}
	slices.Sort(names)
	switch {
	case len(names) > 1:
		return nil, fmt.Errorf("the program has several caches: say with --var which of %s", strings.Join(names, ", "))
	case found == nil:
		return nil, errors.New("the program publishes no counts: give its Config an Observer of package expvarstats")
	}
	return found, nil
}

// A report is what happened between two readings, and since the program was started.
type report struct {
	Seconds     float64    `json:"seconds"` // between the two
	StoreErrors int64      `json:"storeErrors"`
	Rules       []ruleRate `json:"rules"`
}

type ruleRate struct {
	Rule  string              `json:"rule"`
	Total moneyclip.RuleStats `json:"total"`
	Rates *rates              `json:"perSecond,omitempty"`

	// HitRatio is between the two readings, or, if nothing was read then, since the start. DatabaseMillis are those of a miss.
	HitRatio       float64 `json:"hitRatio"`
	DatabaseMillis float64 `json:"databaseMilliseconds"`
}

type rates struct {
	Hits, Misses, Fills, Bypasses, Invalidations, RuleWide, Mismatches float64
}

// since compares two readings; a nil one is that of a program that was just started.
func since(before, after *reading) report {
	r := report{StoreErrors: after.StoreErrors, Rules: []ruleRate{}}
	if before != nil {
		r.Seconds = after.at.Sub(before.at).Seconds()
	}
	for name, now := range after.Rules {
		one := ruleRate{Rule: name, Total: now.RuleStats}
		delta, seconds := now.RuleStats, now.DatabaseSeconds
		if before != nil {
			was := before.Rules[name]
			// Counts that have gone down are those of a program that was started anew: it began at zero.
			gone := func(now, was uint64) uint64 {
				if was > now {
					return now
				}
				return now - was
			}
			delta.Hits, delta.Misses, delta.Fills = gone(now.Hits, was.Hits), gone(now.Misses, was.Misses), gone(now.Fills, was.Fills)
			delta.Bypasses, delta.Invalidations = gone(now.Bypasses, was.Bypasses), gone(now.Invalidations, was.Invalidations)
			delta.RuleWide, delta.Mismatches = gone(now.RuleWide, was.RuleWide), gone(now.Mismatches, was.Mismatches)
			per := func(n uint64) float64 { return float64(n) / max(r.Seconds, 1e-9) }
			one.Rates = &rates{per(delta.Hits), per(delta.Misses), per(delta.Fills), per(delta.Bypasses), per(delta.Invalidations), per(delta.RuleWide), per(delta.Mismatches)}
			if delta.Misses > 0 && was.DatabaseSeconds <= now.DatabaseSeconds {
				seconds -= was.DatabaseSeconds
			}
		}
		if delta.Hits+delta.Misses+delta.Bypasses == 0 {
			delta = now.RuleStats
		}
		one.HitRatio = float64(delta.Hits) / float64(max(1, delta.Hits+delta.Misses+delta.Bypasses))
		misses := delta.Misses
		if misses == 0 {
			misses = now.Misses
		}
		one.DatabaseMillis = 1000 * seconds / float64(max(1, misses))
		r.Rules = append(r.Rules, one)
	}
	slices.SortFunc(r.Rules, func(a, b ruleRate) int {
		return cmp.Or(-cmp.Compare(a.reads(), b.reads()), -cmp.Compare(a.Total.Hits+a.Total.Misses, b.Total.Hits+b.Total.Misses), strings.Compare(a.Rule, b.Rule))
	})
	return r
}

// reads are those in a second.
func (r *ruleRate) reads() float64 {
	if r.Rates == nil {
		return 0
	}
	return r.Rates.Hits + r.Rates.Misses + r.Rates.Bypasses
}

func (r report) text(w io.Writer) {
	if len(r.Rules) == 0 {
		fmt.Fprintln(w, "no rule has done anything yet")
	} else {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "hit %\thits\tmisses\tbypasses\tdropped\trule-wide\tdatabase ms\t  rule")
		for _, one := range r.Rules {
			fmt.Fprintf(t, "%.1f\t%d\t%d\t%d\t%d\t%d\t%.2f\t  %s\n", 100*one.HitRatio, one.Total.Hits, one.Total.Misses, one.Total.Bypasses,
				one.Total.Invalidations, one.Total.RuleWide, one.DatabaseMillis, printable(one.Rule))
			if p := one.Rates; p != nil {
				fmt.Fprintf(t, "\t%.1f/s\t%.1f/s\t%.1f/s\t%.1f/s\t%.1f/s\t\t\n", p.Hits, p.Misses, p.Bypasses, p.Invalidations, p.RuleWide)
			}
		}
		t.Flush()
	}
	for _, one := range r.Rules {
		if one.Total.Mismatches > 0 {
			fmt.Fprintf(w, "rule %s: %s\n", printable(one.Rule), counted(int(one.Total.Mismatches), "row")+" differed from the database's")
		}
	}
	if r.StoreErrors > 0 {
		fmt.Fprintf(w, "the store has failed %s\n", counted(int(r.StoreErrors), "time"))
	}
}
