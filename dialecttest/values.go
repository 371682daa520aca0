package dialecttest

import (
	"bytes"
	"database/sql/driver"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mutants is how many values are compared besides those of the cases: variants of them, drawn at random.
const mutants = 30

// seed is that of the draw. MONEYCLIP_SEED sets another one.
func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv("MONEYCLIP_SEED")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("MONEYCLIP_SEED: %v", err)
	}
	t.Logf("MONEYCLIP_SEED=%d", n)
	return n
}

// drawn are values with variants of them. Half of the variants are variants of a variant.
func drawn(values []driver.Value, seed uint64) []driver.Value {
	r := rand.New(rand.NewPCG(seed, 0))
	all := slices.Clone(values)
	for range mutants {
		from := values
		if r.IntN(2) == 0 {
			from = all
		}
		if v := from[r.IntN(len(from))]; v != nil {
			all = append(all, mutate(v, r))
		}
	}
	return all
}

// mutate spells a value in another way, or makes it a little different.
func mutate(value driver.Value, r *rand.Rand) driver.Value {
	switch v := value.(type) {
	case int64:
		return []driver.Value{v + 1, -v, v * 10, float64(v), strconv.FormatInt(v, 10), []byte(strconv.FormatInt(v, 10))}[r.IntN(6)]
	case float64:
		return []driver.Value{v + 0.5, -v, v * 10, v / 3, int64(v), strconv.FormatFloat(v, 'g', -1, 64)}[r.IntN(6)]
	case bool:
		return []driver.Value{!v, strconv.FormatBool(v), int64(1)}[r.IntN(3)]
	case string:
		return mutateText(v, r)
	case []byte:
		if r.IntN(3) == 0 {
			return string(v)
		}
		return append(bytes.Clone(v), byte(r.IntN(256)))
	case time.Time:
		zone := time.FixedZone("", (r.IntN(25)-12)*3600)
		return []driver.Value{v.In(zone), v.Add(time.Microsecond), v.Add(time.Nanosecond), v.Add(24 * time.Hour), v.Format("2006-01-02 15:04:05.999999")}[r.IntN(5)]
	}
	return value
}

func mutateText(s string, r *rand.Rand) driver.Value {
	at := r.IntN(len(s) + 1)
	printable := string(rune(' ' + r.IntN(95)))
	return []driver.Value{
		s + " ", " " + s, s + "\t", "0" + s, "+" + s, "-" + s, s + "0", s + ".0", s + ".", s + "e0",
		strings.ToUpper(s), strings.ToLower(s), strings.ToTitle(s), strings.ReplaceAll(s, "-", ""), strings.ReplaceAll(s, "a", "á"),
		s[:at] + printable + s[at:], s[:at] + printable, s[at:], []byte(s), s + "\u0301", s + "\u200b",
	}[r.IntN(21)]
}
