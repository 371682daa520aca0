package moneyclip

import (
	"errors"
	"fmt"
)

// ErrNotWrapped is returned by [Invalidate] and [Raw] for a database that was not opened through MoneyClip, and by [Cache.Warm] for
// one that was not opened through that cache.
var ErrNotWrapped = errors.New("moneyclip: the database was not opened through moneyclip")

// ErrNoRule is returned by [Invalidate] for a rule that the cache does not have, or that is inactive in the database.
var ErrNoRule = errors.New("moneyclip: no such rule")

// ErrCacheDown is what the error wraps of a write that fails because its keys could not be quarantined: see [FailWrites].
var ErrCacheDown = errors.New("moneyclip: the write was not made: its keys could not be quarantined")

var errNoBase = errors.New("moneyclip: the base driver or connector is nil")

var errNested = errors.New("moneyclip: the base driver is MoneyClip's already: wrap it once")

// A RuleError is a fault of one rule.
type RuleError struct {
	Rule string // its name
	File string // where it was registered; empty if that is not known
	Line int
	Err  error // the fault itself
}

func (e *RuleError) Error() string {
	place := ""
	if e.File != "" {
		place = fmt.Sprintf("%s:%d: ", e.File, e.Line)
	}
	return fmt.Sprintf("%srule %s: %v", place, e.Rule, e.Err)
}

// Unwrap returns the fault itself.
func (e *RuleError) Unwrap() error { return e.Err }

// apart are the errors that were joined, however often.
func apart(err error) (all []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	for _, one := range joined.Unwrap() {
		all = append(all, apart(one)...)
	}
	return all
}
