package mysql

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/digest"
)

const (
	sessionQuery = "SELECT DATABASE(), CURRENT_USER(), VERSION()"
	// A server lacks some of these. What it lacks cannot be set.
	variablesQuery = `SHOW VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid', 'feedback_server_uid', 'lower_case_table_names',
		'read_only', 'super_read_only', 'autocommit', 'foreign_key_checks', 'transaction_isolation', 'tx_isolation',
		'innodb_locks_unsafe_for_binlog', 'sql_auto_is_null', 'completion_type',
		'sql_mode', 'old_mode', 'time_zone', 'system_time_zone', 'character_set_client', 'character_set_connection',
		'character_set_results', 'collation_connection', 'lc_time_names', 'group_concat_max_len', 'div_precision_increment',
		'sql_select_limit', 'default_week_format', 'max_sort_length', 'block_encryption_mode', 'default_regex_flags',
		'max_recursive_iterations', 'cte_max_recursion_depth', 'standard_compliant_cte', 'sql_big_selects', 'max_join_size',
		'character_set_collations', 'default_collation_for_utf8mb4', 'system_versioning_asof', 'show_old_temporals', 'windowing_use_high_precision', 'max_allowed_packet')`
	// How many tables the session has made, as a function may do unseen. MySQL does not count temporary ones by themselves.
	madeQuery = "SHOW SESSION STATUS WHERE Variable_name IN ('Com_create_table', 'Com_create_temporary_table')"
)

// profiled are the variables that change what a SELECT returns.
var profiled = strings.Fields(`sql_mode old_mode time_zone system_time_zone character_set_client character_set_connection
	character_set_results collation_connection lc_time_names group_concat_max_len div_precision_increment sql_select_limit
	default_week_format max_sort_length block_encryption_mode default_regex_flags show_old_temporals
	windowing_use_high_precision max_allowed_packet max_recursive_iterations cte_max_recursion_depth standard_compliant_cte
	sql_big_selects max_join_size character_set_collations default_collation_for_utf8mb4`)

// Identify implements [moneyclip.Dialect].
func (dialect) Identify(ctx context.Context, ask moneyclip.Asker, dsn string) (moneyclip.Identity, error) {
	rows, err := ask(ctx, sessionQuery)
	if err != nil {
		return moneyclip.Identity{}, err
	}
	variables, err := ask(ctx, variablesQuery)
	if err != nil {
		return moneyclip.Identity{}, err
	}
	if len(rows) != 1 || len(rows[0]) != 3 {
		return moneyclip.Identity{}, errors.New("mysql: the server does not say which database is the default one")
	}
	made, err := ask(ctx, madeQuery)
	if err != nil {
		return moneyclip.Identity{}, err
	}
	vars := map[string]string{}
	for _, row := range slices.Concat(variables, made) {
		if len(row) == 2 {
			vars[strings.ToLower(asText(row[0]))] = asText(row[1])
		}
	}
	if vars["sql_select_limit"] != noLimit {
		return moneyclip.Identity{}, errors.New("mysql: sql_select_limit is set: it cuts short what is asked of the schema, and of the rows of a write")
	}
	database, user := asText(rows[0][0]), asText(rows[0][1])
	// The version is part of it: what functions return differs between versions.
	parts := []string{options(dsn), user, asText(rows[0][2])}
	for _, name := range profiled {
		parts = append(parts, name, vars[name])
	}
	level := cmp.Or(vars["transaction_isolation"], vars["tx_isolation"])
	id := moneyclip.Identity{
		Profile:  digest.Of(parts...)[:16],
		Implicit: vars["autocommit"] == "OFF",
		Ranges:   (level == "REPEATABLE-READ" || level == "SERIALIZABLE") && !isOn(vars["innodb_locks_unsafe_for_binlog"]),
		Chaining: chains(vars["completion_type"]),
		Tainted:  taint(vars),
	}
	server := cmp.Or(vars["server_uuid"], vars["server_uid"], vars["feedback_server_uid"])
	switch {
	case database == null || database == "":
		id.Tainted = "it has no default database"
		return id, nil
	case server == "":
		id.Tainted = "the server has no identity of its own: set Config.Scope"
		return id, nil
	}
	if vars["lower_case_table_names"] != "0" {
		database = strings.ToLower(database)
	}
	id.Scope = "mysql-" + digest.Of(server, database)[:24]
	return id, nil
}

// noLimit is sql_select_limit where nobody has set it.
const noLimit = "18446744073709551615"

// Samples are values that go-sql-driver reads as its DSN says: parseTime, loc.
func (dialect) Samples() string {
	return "SELECT TIMESTAMP'2000-07-01 03:04:05', DATE'2000-07-01', TIME'03:04:05', 1, 1.5, 1.5e0, 'x', x'00'"
}

// taint says why the cache cannot serve a session; empty: it can.
func taint(vars map[string]string) string {
	level := cmp.Or(vars["transaction_isolation"], vars["tx_isolation"])
	charsets := []string{"utf8mb4", "utf8mb3", "utf8"}
	switch mode := twists(vars["sql_mode"]); {
	case mode != "":
		return "sql_mode has " + mode + ", which changes what a text means"
	case level == "READ-UNCOMMITTED":
		return "it reads what is not committed"
	case vars["foreign_key_checks"] == "OFF":
		return "foreign_key_checks is off"
	case isOn(vars["read_only"]), isOn(vars["super_read_only"]):
		return "a replica, or a server that is read-only"
	case !slices.Contains([]string{"", "0"}, cmp.Or(vars["com_create_temporary_table"], vars["com_create_table"])):
		return "it may have made a temporary table"
	case chains(vars["completion_type"]):
		return "completion_type is set: the end of a transaction begins another"
	case isOn(vars["sql_auto_is_null"]):
		return "sql_auto_is_null is on"
	case vars["system_versioning_asof"] != "" && vars["system_versioning_asof"] != "DEFAULT":
		return "system_versioning_asof is set"
	case !slices.Contains(append(charsets, "binary", "", null), vars["character_set_results"]):
		return "it reads texts in another character set than UTF-8"
	case !slices.Contains(charsets, vars["character_set_client"]), !slices.Contains(charsets, vars["character_set_connection"]):
		return "its character set is not UTF-8"
	}
	return ""
}

// chains reports whether the end of a transaction begins another.
func chains(completion string) bool {
	return completion != "" && completion != "NO_CHAIN" && completion != "0"
}

func isOn(value string) bool { return strings.EqualFold(value, "ON") || value == "1" }

// options are those of a DSN, which comes after the last slash. The rest may hold a password.
func options(dsn string) string {
	_, list, _ := strings.Cut(dsn[strings.LastIndex(dsn, "/")+1:], "?")
	return list
}
