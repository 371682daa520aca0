package propertytest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/moneyclip/moneyclip"
)

// reduceTime bounds the search for a shorter script that fails as well.
const reduceTime = 20 * time.Second

// reduce leaves out of a failing script what is not needed to make it fail in the same way. It returns the trace of
// what is left.
func reduce(db Database, sc Script, err error) ([]string, error) {
	var trace []string
	lastErr := err
	end := time.Now().Add(reduceTime)
	fails := func(sc Script) bool {
		if time.Now().After(end) {
			return false
		}
		r, err := carryOut(db, sc, NewRecorder())
		if err == nil || kindOf(err) != kindOf(lastErr) {
			return false
		}
		trace, lastErr = r.trace, err
		return true
	}
	fails(sc)
	for range 2 {
		sc.Steps = without(sc.Steps, func(steps []Step) bool {
			return fails(Script{sc.Schema, sc.Caching, steps})
		})
		for i := range sc.Caching {
			sc.Caching[i].Probes = without(sc.Caching[i].Probes, func(probes []Probe) bool {
				shorter := sc
				shorter.Caching[i].Probes = probes
				return fails(shorter)
			})
			sc.Caching[i].Rules = without(sc.Caching[i].Rules, func(rules []moneyclip.Rule) bool {
				shorter := sc
				shorter.Caching[i].Rules = rules
				return fails(shorter)
			})
		}
		sc.Schema = reduceSchema(sc, fails)
	}
	if trace == nil {
		return nil, errors.New("it does not fail again")
	}
	return trace, lastErr
}

func reduceSchema(sc Script, fails func(Script) bool) *Schema {
	schema := *sc.Schema
	schema.DDL = without(schema.DDL, func(ddl []string) bool {
		shorter := schema
		shorter.DDL = ddl
		return fails(Script{&shorter, sc.Caching, sc.Steps})
	})
	return &schema
}

// kindOf is what an error has in common with others of its kind.
func kindOf(err error) string {
	before, _, _ := strings.Cut(err.Error(), ":")
	return before
}

// without leaves parts out of a list, ever smaller ones, as long as what is left still fails.
func without[T any](list []T, fails func([]T) bool) []T {
	for size := (len(list) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(list); {
			shorter := slices.Delete(slices.Clone(list), at, min(at+size, len(list)))
			if fails(shorter) {
				list = shorter
				continue
			}
			at += size
		}
	}
	return list
}
