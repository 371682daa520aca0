package moneyclip

import (
	"bytes"
	"context"
	"database/sql/driver"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/moneyclip/moneyclip/internal/times"
)

// verifies draws whether a hit is to be verified.
func (c *Cache) verifies() bool {
	return c.verify > 0 && (c.verify >= 1 || rand.Float64() < c.verify)
}

// verify answers a hit from the database, and compares. That the two differ is a fault only if the store would still
// serve what it did after the database has said otherwise: a writer who goes by the rules takes a row set away before
// anybody can see the change.
func (r *readPlan) verify(ctx context.Context, h *hub, l *lookup, served *Row, run runner) (driver.Rows, error) {
	rows, err := run(ctx)
	if err != nil {
		return nil, err
	}
	row, rest := record(rows, &r.columns)
	n := r.rule.counters
	n.verified.Add(1)
	if row != nil && row.equal(served) {
		return rest, nil
	}
	again, err := h.store.Get(ctx, &l.slot)
	if err != nil {
		r.storeFailed(ctx, err)
		return rest, nil
	}
	if again == nil || !again.equal(served) {
		return rest, nil
	}
	n.mismatches.Add(1)
	r.rule.owner.observe(ctx, Event{Kind: EventMismatch, Rule: r.rule.Name})
	r.rule.owner.logOnce("a cached row differs from the database's and was dropped: was it written past the driver?", "rule", r.rule.Name)
	r.drop(ctx, h, l)
	return rest, nil
}

// drop drops what is stored under a key that is known to be wrong.
func (r *readPlan) drop(ctx context.Context, h *hub, l *lookup) {
	ctx = context.WithoutCancel(ctx)
	short, cancel := context.WithTimeout(ctx, times.Store)
	defer cancel()
	if _, err := h.store.Release(short, &Marks{Writer: newToken(), Keys: []string{string(l.slot.Key)}}); err != nil {
		r.storeFailed(ctx, err)
	}
}

// equal reports whether two row sets hold the same. How their columns are described differs between versions of a driver too.
func (r *Row) equal(other *Row) bool {
	return r.found == other.found && slices.Equal(r.names, other.names) && slices.EqualFunc(r.values, other.values, sameValue)
}

// sameValue reports whether two values are alike in all that a program can see of them, except a location's pointer.
func sameValue(a, b driver.Value) bool {
	switch a := a.(type) {
	case float32:
		b, ok := b.(float32)
		return ok && math.Float32bits(a) == math.Float32bits(b)
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b) && (a == nil) == (b == nil)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b) && a.Format(time.RFC3339Nano+" MST") == b.Format(time.RFC3339Nano+" MST") &&
			a.Location().String() == b.Location().String() &&
			(a.Location() == time.UTC) == (b.Location() == time.UTC) &&
			(a.Location() == time.Local) == (b.Location() == time.Local)
	}
	return reflect.DeepEqual(a, b)
}
