package moneyclip_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/moneyclip/moneyclip"
)

type userID int64

// A writer loads a key again for every type in which its argument was given.
func TestReloadForms(t *testing.T) {
	t.Parallel()
	one := int16(1)
	for _, c := range []struct {
		about string
		arg   any
		again bool
	}{
		{"int32", int32(1), true},
		{"a type of the program's", userID(1), true},
		{"unsigned", uint8(1), true},
		{"a pointer", &one, true},
		{"a duration", time.Duration(1), true},
		{"a float", float64(1), false}, // 1 and 1.0 are one key, and the writer loads 1
		{"a text", "1", false},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			f := open(t, social, moneyclip.Config{Rules: refreshed()})
			f.warm(t, selectUser, 1)
			f.warm(t, selectUser, c.arg)
			exec(t, f, renameUser, "x", 1)
			f.waitForReloads(t)
			f.wantHit(t, selectUser, 1)
			f.want(t, !c.again, selectUser, c.arg)
		})
	}
}

// A key that a type cannot hold is not loaded in it.
func TestReloadFormTooSmall(t *testing.T) {
	t.Parallel()
	f := open(t, social+"; INSERT INTO users (id, name, email) VALUES (300, 'far', 'far@x')", moneyclip.Config{Rules: refreshed()})
	f.warm(t, selectUser, int8(1))
	f.warm(t, selectUser, 300)
	exec(t, f, renameUser, "x", 300)
	f.waitForReloads(t)
	f.wantHit(t, selectUser, 300)
	if got := f.cache.Stats().Refreshes; got != 1 {
		t.Errorf("got %d refreshes, want 1", got)
	}
}

// A writer loads a key again for arguments with names, too, in whatever order they are given.
func TestReloadNamed(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM users WHERE email = :email AND id = :id"
	f := open(t, social, moneyclip.Config{Rules: []moneyclip.Rule{{Key: "named::%s::%d", Query: query, Refresh: true}}})
	var email string
	if err := f.QueryRow("SELECT email FROM users WHERE id = 1").Scan(&email); err != nil {
		t.Fatal(err)
	}
	args := []any{sql.Named("id", int32(1)), sql.Named("email", email)}
	f.warm(t, query, args...)
	exec(t, f, renameUser, "x", 1)
	f.waitForReloads(t)
	f.wantHit(t, query, args...)
}
