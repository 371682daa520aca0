package mysql

import (
	"strings"
	"testing"

	"github.com/moneyclip/moneyclip"
)

func session(t *testing.T, dsn, home string, variables ...string) moneyclip.Identity {
	t.Helper()
	a := answers{sessionQuery: table(home), madeQuery: nil, variablesQuery: table(append([]string{
		"server_uid|abc", "lower_case_table_names|0", "autocommit|ON", "foreign_key_checks|ON", "tx_isolation|REPEATABLE-READ",
		"read_only|OFF", "sql_mode|STRICT_TRANS_TABLES", "character_set_client|utf8mb4", "character_set_connection|utf8mb4", "sql_select_limit|18446744073709551615",
	}, variables...)...)}
	id, err := Dialect.Identify(t.Context(), a.ask, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

const home = "shop|app@localhost|10.11.6-MariaDB"

func TestIdentify(t *testing.T) {
	plain := session(t, "", home)
	if chained := session(t, "", home, "completion_type|CHAIN"); !chained.Chaining || chained.Tainted == "" || plain.Chaining {
		t.Errorf("with completion_type: %+v, without: %+v", chained, plain)
	}
	if !strings.HasPrefix(plain.Scope, "mysql-") || plain.Tainted != "" || !plain.Ranges || plain.Implicit {
		t.Fatalf("Identify = %+v", plain)
	}
	for _, tt := range []struct {
		name                      string
		id                        moneyclip.Identity
		scope, profile            bool // equal to the plain one's
		ranges, implicit, tainted bool
	}{
		{"another user", session(t, "", "shop|root@localhost|10.11.6-MariaDB"), true, false, true, false, false},
		{"another database", session(t, "", "blog|app@localhost|10.11.6-MariaDB"), false, true, true, false, false},
		{"another server", session(t, "", home, "server_uid|xyz"), false, true, true, false, false},
		{"MySQL", session(t, "", home, "server_uuid|xyz"), false, true, true, false, false},
		{"a zone", session(t, "", home, "time_zone|+01:00"), true, false, true, false, false},
		{"fewer turns", session(t, "", home, "max_recursive_iterations|2"), true, false, true, false, false},
		{"small joins", session(t, "", home, "max_join_size|1"), true, false, true, false, false},
		{"the same options", session(t, "a:b@tcp(host:1)/shop", home), true, true, true, false, false},
		{"an option", session(t, "a:b?@tcp(host:1)/shop?parseTime=true", home), true, false, true, false, false},
		{"a password", session(t, "a:b?x@tcp(host:1)/shop", home), true, true, true, false, false},
		{"a level", session(t, "", home, "tx_isolation|READ-COMMITTED"), true, true, false, false, false},
		{"a higher level", session(t, "", home, "transaction_isolation|SERIALIZABLE"), true, true, true, false, false},
		{"no gap locks", session(t, "", home, "innodb_locks_unsafe_for_binlog|ON"), true, true, false, false, false},
		{"no autocommit", session(t, "", home, "autocommit|OFF"), true, true, true, true, false},
		{"uncommitted", session(t, "", home, "tx_isolation|READ-UNCOMMITTED"), true, true, false, false, true},
		{"no foreign keys", session(t, "", home, "foreign_key_checks|OFF"), true, true, true, false, true},
		{"a replica", session(t, "", home, "read_only|ON"), true, true, true, false, true},
		{"a mode", session(t, "", home, "sql_mode|STRICT_TRANS_TABLES,ANSI_QUOTES"), true, false, true, false, true},
		{"a charset", session(t, "", home, "character_set_client|latin1"), true, false, true, false, true},
		{"another charset for results", session(t, "", home, "character_set_results|latin1"), true, false, true, false, true},
		{"bytes for results", session(t, "", home, "character_set_results|binary"), true, false, true, false, false},
		{"a table", session(t, "", home, "Com_create_temporary_table|1", "Com_create_table|0"), true, true, true, false, true},
		{"the past", session(t, "", home, "system_versioning_asof|2020-01-01"), true, true, true, false, true},
		{"no database", session(t, "", "-|app@localhost|8.4.0"), false, false, true, false, true},
		{"no identity", session(t, "", home, "server_uid|"), false, true, true, false, true},
	} {
		if got := tt.id.Scope == plain.Scope; got != tt.scope {
			t.Errorf("%s: one scope: %v, want %v", tt.name, got, tt.scope)
		}
		if got := tt.id.Profile == plain.Profile; got != tt.profile {
			t.Errorf("%s: one profile: %v, want %v", tt.name, got, tt.profile)
		}
		if tt.id.Ranges != tt.ranges || tt.id.Implicit != tt.implicit || (tt.id.Tainted != "") != tt.tainted {
			t.Errorf("%s: %+v", tt.name, tt.id)
		}
	}
	folded := session(t, "", "Shop|app@localhost|8.4.0", "lower_case_table_names|1")
	if folded.Scope != plain.Scope {
		t.Error("two scopes of a database whose name has no case")
	}
}

// Whose answers are cut short is not asked for more.
func TestIdentifyFewRows(t *testing.T) {
	for _, limit := range []string{"sql_select_limit|60", ""} {
		a := answers{sessionQuery: table(home), madeQuery: nil, variablesQuery: table("server_uid|abc", limit)}
		if id, err := Dialect.Identify(t.Context(), a.ask, ""); err == nil {
			t.Errorf("%q: got %+v, want an error", limit, id)
		}
	}
}
