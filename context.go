package moneyclip

import "context"

// backgroundContext is for work that no caller waits for.
var backgroundContext = context.Background()

type modeKey struct{}

// mode is how a call wants the cache to be used.
type mode uint8

const (
	normal  mode = iota
	bypass       // neither read nor fill
	renewal      // read the database and fill
)

// Bypass returns a context under which a call neither reads nor fills the cache. Its writes still invalidate.
func Bypass(ctx context.Context) context.Context { return context.WithValue(ctx, modeKey{}, bypass) }

// Refresh returns a context under which a call reads the database and fills the cache anew.
func Refresh(ctx context.Context) context.Context { return context.WithValue(ctx, modeKey{}, renewal) }

func modeOf(ctx context.Context) mode {
	m, _ := ctx.Value(modeKey{}).(mode)
	return m
}
