package mysql

import (
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/marino/ast"
)

// harmless are the variables that change neither what a statement means nor what it returns.
var harmless = names(`
	bulk_insert_buffer_size deadlock_search_depth_long eq_range_index_dive_limit expensive_subquery_limit
	histogram_size innodb_lock_wait_timeout interactive_timeout join_buffer_size join_cache_level lock_wait_timeout
	long_query_time max_error_count max_execution_time max_heap_table_size max_length_for_sort_data
	max_seeks_for_key max_statement_time min_examined_row_limit mrr_buffer_size net_buffer_length
	net_read_timeout net_retry_count net_write_timeout optimizer_prune_level optimizer_search_depth optimizer_switch
	optimizer_trace optimizer_trace_max_mem_size preload_buffer_size profiling profiling_history_size
	query_alloc_block_size query_prealloc_size range_alloc_block_size read_buffer_size read_rnd_buffer_size
	session_track_gtids session_track_schema session_track_state_change session_track_system_variables
	session_track_transaction_info slow_query_log sort_buffer_size tmp_disk_table_size tmp_memory_table_size
	tmp_table_size transaction_alloc_block_size transaction_prealloc_size wait_timeout warning_count`)

// set says what a SET statement does.
func (a *analysis) set(n *ast.SetStmt) moneyclip.Statement {
	s := moneyclip.Statement{Kind: moneyclip.KindInert}
	change := func(what string, reach moneyclip.Reach) {
		// Of several changes the one that lasts longest counts.
		if s.Kind != moneyclip.KindSession || s.Reach == moneyclip.ForNext {
			s.Kind, s.Change, s.Reach = moneyclip.KindSession, "sets "+what, reach
		}
	}
	var autocommit *ast.VariableAssignment
	chains := false
	for _, v := range n.Variables {
		a.visit(v.Value)
		name := strings.ToLower(v.Name)
		s.Defaults = s.Defaults || v.IsGlobal
		switch {
		case !v.IsSystem && v.Name != ast.SetNames && v.Name != ast.SetCharset:
			// A user's own variable: what reads one is not cached.
		case v.Name == ast.SetNames, v.Name == ast.SetCharset:
			change("the character set", moneyclip.UntilReset)
		case name == "tx_isolation_one_shot":
			change("the isolation level of the next transaction", moneyclip.ForNext)
		case name == "tx_read_only" && !v.IsGlobal:
			// A transaction of ours, or a hit, must not be taken for the next one. The parser does not tell whether it is for that alone.
			change("the access mode of the next transaction", moneyclip.ForNext)
		case name == "autocommit" && !v.IsGlobal:
			if autocommit != nil {
				return moneyclip.Statement{} // off and on again commits
			}
			autocommit = v
		case name == "completion_type" && !v.IsGlobal:
			chains = true
		case harmless[name] && !v.IsGlobal:
		default:
			change(name, moneyclip.UntilReset)
		}
	}
	if chains {
		change("completion_type", moneyclip.UntilReset)
		s.Reach = moneyclip.Chaining // also of several changes: all of them last until the connection is reset
	}
	if autocommit == nil {
		return s
	}
	if s.Kind == moneyclip.KindSession {
		return moneyclip.Statement{} // two changes, of which both count
	}
	s.Kind, s.Change = moneyclip.KindSession, "sets autocommit"
	switch on, known := boolean(autocommit.Value); {
	case !known:
		return moneyclip.Statement{}
	case on:
		s.Reach = moneyclip.AutocommitOn
	default:
		s.Reach = moneyclip.AutocommitOff
	}
	return s
}

// boolean is the value of a literal that switches something on or off.
func boolean(e ast.ExprNode) (on, known bool) {
	switch e := e.(type) {
	case *ast.ValueExprBase:
		switch e.Kind() {
		case ast.KindInt64:
			return e.GetInt64() == 1, e.GetInt64() == 0 || e.GetInt64() == 1
		case ast.KindString:
			v := strings.ToLower(e.GetString())
			return v == "on" || v == "1" || v == "true", v == "on" || v == "off" || v == "1" || v == "0" || v == "true" || v == "false"
		}
	case *ast.ColumnNameExpr:
		v := e.Name.Name.L
		return v == "on" || v == "true", v == "on" || v == "off" || v == "true" || v == "false"
	}
	return false, false
}
