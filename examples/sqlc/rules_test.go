package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/examples/sqlc/mysql"
	"github.com/moneyclip/moneyclip/examples/sqlc/postgres"
	"github.com/moneyclip/moneyclip/examples/sqlc/sqlite"
)

// The program registers the rules of one package, for all engines.
func TestRules(t *testing.T) {
	for engine, rules := range map[string][]moneyclip.Rule{"postgres": postgres.Rules, "mysql": mysql.Rules} {
		if diff := cmp.Diff(sqlite.Rules, rules, cmpopts.IgnoreUnexported(moneyclip.Rule{})); diff != "" {
			t.Errorf("%s: (-sqlite +%[1]s)\n%s", engine, diff)
		}
	}
}

// A key function makes what the story shows of the driver's keys.
func TestKeys(t *testing.T) {
	for got, want := range map[string]string{
		sqlite.FollowersCountKey(1):          "account::followers::account-id-1",
		sqlite.FollowersCountKey(-1):         "account::followers::account-id--1",
		postgres.GetAccountByHandleKey("a7"): "account::handle-a7",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
