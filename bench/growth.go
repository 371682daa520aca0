package bench

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
)

// A Growth is how the cost of an in-process hit grows with something, each as a ratio to the floor.
type Growth struct {
	Of     string
	Counts []int
	Values []*Measure
}

// growths measures what a hit costs with ever more rules, keys, goroutines and statement texts.
func (w *world) growths() []*Growth {
	keys := []int{1e3, 1e4, 1e5, 1e6}
	if os.Getenv("MONEYCLIP_KEYS") == "10000000" { // 4 GB, and with what the garbage collector leaves for a while 9 GB
		keys = append(keys, 1e7)
	}
	if w.effort == smoke {
		keys = keys[:1]
	}
	return []*Growth{
		w.growth("rules", []int{1, 10, 100, 1000}, func(n int) *Measure {
			rules := []moneyclip.Rule{itemRule}
			for i := 1; i < n; i++ {
				rules = append(rules, moneyclip.Rule{Key: fmt.Sprintf("other-%d-%%d", i), Name: fmt.Sprint("other", i),
					Query: fmt.Sprintf("SELECT name FROM other WHERE id = ? AND owner <> %d", i)})
			}
			return w.hits(1, 1, one, rules...)
		}),
		w.growth("keys, by a skew", keys, func(n int) *Measure {
			ids := skewed(n)
			return w.hits(n, 1, func(i int) int64 { return ids[i%len(ids)] }, itemRule)
		}),
		w.growth("keys, all alike", keys, func(n int) *Measure {
			return w.hits(n, 1, func(i int) int64 { return int64(uint64(i) * 0x9e3779b97f4a7c15 % uint64(n)) }, itemRule)
		}),
		w.growth("goroutines", []int{1, 8, 64, 512}, func(n int) *Measure { return w.hits(1, n, one, itemRule) }),
		w.growth("statement texts", []int{1, 100, 10_000, 100_000}, func(n int) *Measure {
			if w.effort == smoke {
				n = 1
			}
			// They come first, and then the hits: what they leave behind is what is measured.
			return w.hitsAfter(func(read func(text string) error) error {
				for i := range n {
					if err := read(selectOther + " AND 1 = " + strconv.Itoa(i)); err != nil {
						return err
					}
				}
				return nil
			}, 1, 1, one, itemRule)
		}),
	}
}

func (w *world) growth(of string, counts []int, measure func(n int) *Measure) *Growth {
	g := &Growth{Of: of, Counts: counts}
	for _, n := range counts {
		m := measure(n)
		w.log("%9d %-16s hit %.0f ns, floor %.0f ns, ratio %.3f [%.3f..%.3f]", n, of, m.Nanoseconds[0], m.Nanoseconds[1], m.Value, m.Lowest, m.Higher)
		g.Values = append(g.Values, m)
		runtime.GC() // what was stored is not the next one's
	}
	return g
}

func one(int) int64 { return 0 }

// hits measures hits on so many keys against the floor.
func (w *world) hits(keys, goroutines int, key func(i int) int64, rules ...moneyclip.Rule) *Measure {
	return w.hitsAfter(func(func(string) error) error { return nil }, keys, goroutines, key, rules...)
}

func (w *world) hitsAfter(
	before func(read func(text string) error) error, keys, goroutines int, key func(i int) int64, rules ...moneyclip.Rule,
) *Measure {
	ctx := context.Background()
	store := &lent{moneyclip.NewMemStore(8 << 30)}
	cache, err := moneyclip.New(w.floor.dialect, moneyclip.Config{Rules: rules, Store: store})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		cache.Close()
		store.Store = nil
	}()
	ours, bare := w.floor.open(w.t, cache), w.floor.open(w.t, nil)
	ours.SetMaxOpenConns(max(goroutines, goroutinesMost))
	ours.SetMaxIdleConns(max(goroutines, goroutinesMost))
	bare.SetMaxOpenConns(max(goroutines, goroutinesMost))
	bare.SetMaxIdleConns(max(goroutines, goroutinesMost))
	defer ours.Close()
	defer bare.Close()
	if err := before(func(text string) error { return new(item).scan(ours.QueryRow(text, int64(1))) }); err != nil {
		w.t.Fatal(err)
	}
	hit := read("hit", ours, ctx, selectFloor, key)
	for id := range keys {
		if err := new(item).scan(ours.QueryRow(selectFloor, int64(id))); err != nil {
			w.t.Fatal(err)
		}
	}
	return w.effort.Compare(w.t, goroutines, ratio, hit, read("floor", bare, ctx, selectFloor, key))
}

// A lent store can be taken back. What a program gives to a cache lives as long as the program, and ten million keys are not
// to be kept for that long.
type lent struct{ moneyclip.Store }

// table is the growth as a table of Markdown.
func (g *Growth) table(b *strings.Builder) {
	fmt.Fprintf(b, "| %s | hit | / floor | min | max |\n|---|---|---|---|---|\n", g.Of)
	for i, m := range g.Values {
		fmt.Fprintf(b, "| %s | %s | %.2f | %.2f | %.2f |\n", thousands(g.Counts[i]), duration(m.Nanoseconds[0]), m.Value, m.Lowest, m.Higher)
	}
	b.WriteByte('\n')
}

// thousands is a number as people read it.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// duration is a time, given in nanoseconds, as people read it.
func duration(ns float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns >= u.size {
			return strconv.FormatFloat(ns/u.size, 'g', 3, 64) + " " + u.name
		}
	}
	return fmt.Sprintf("%.0f ns", ns)
}
