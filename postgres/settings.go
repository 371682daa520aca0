package postgres

import "strings"

// harmlessSettings change neither what a SELECT returns nor what a write does.
var harmlessSettings = words(`
	application_name client_min_messages log_min_messages log_statement log_duration log_min_duration_statement
	log_min_error_statement statement_timeout lock_timeout idle_in_transaction_session_timeout idle_session_timeout
	transaction_timeout deadlock_timeout tcp_keepalives_idle tcp_keepalives_interval tcp_keepalives_count tcp_user_timeout
	client_connection_check_interval work_mem hash_mem_multiplier maintenance_work_mem autovacuum_work_mem
	logical_decoding_work_mem temp_buffers temp_file_limit temp_tablespaces default_tablespace
	effective_cache_size effective_io_concurrency maintenance_io_concurrency random_page_cost seq_page_cost
	cpu_tuple_cost cpu_index_tuple_cost cpu_operator_cost parallel_setup_cost parallel_tuple_cost
	max_parallel_workers max_parallel_workers_per_gather max_parallel_maintenance_workers min_parallel_table_scan_size
	min_parallel_index_scan_size parallel_leader_participation force_parallel_mode debug_parallel_query
	default_statistics_target from_collapse_limit join_collapse_limit geqo geqo_threshold geqo_effort geqo_pool_size
	geqo_generations geqo_selection_bias geqo_seed plan_cache_mode cursor_tuple_fraction constraint_exclusion
	recursive_worktable_factor jit jit_above_cost jit_inline_above_cost jit_optimize_above_cost
	synchronous_commit commit_delay commit_siblings vacuum_cost_delay vacuum_cost_limit
	track_activities track_counts track_io_timing track_functions wal_compression
	default_transaction_deferrable default_toast_compression update_process_title
	check_function_bodies default_table_access_method
	io_combine_limit file_copy_method vacuum_buffer_usage_limit vacuum_truncate scram_iterations icu_validation_level
	md5_password_warnings log_lock_failures track_cost_delay_timing createrole_self_grant`)

// isHarmlessSetting reports whether a setting changes nothing that the cache has to know. One with a dot is an extension's
// or the program's own: what reads it is impure by itself.
func isHarmlessSetting(name string) bool {
	return harmlessSettings[name] || strings.HasPrefix(name, "enable_") || strings.Contains(name, ".") && !ofExtensions(name)
}

// ofExtensions reports whether a setting with a dot is one by which an extension changes what statements return.
func ofExtensions(name string) bool {
	prefix, _, _ := strings.Cut(name, ".")
	return prefix == "plpgsql" || prefix == "pg_trgm"
}
