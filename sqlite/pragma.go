package sqlite

import "github.com/sqlc-dev/meyer/ast"

// effect is what a pragma does to the connection.
type effect uint8

const (
	changes  effect = iota // alters what later statements mean or return; also the answer for a pragma that is not listed
	setting                // the same, but only if it is given a value
	harmless               // with or without a value
)

// pragmas :: name → effect, see https://sqlite.org/pragma.html
var pragmas = map[string]effect{
	"analysis_limit":            harmless,
	"application_id":            harmless,
	"auto_vacuum":               harmless,
	"automatic_index":           harmless,
	"busy_timeout":              harmless,
	"cache_size":                harmless,
	"cache_spill":               harmless,
	"cell_size_check":           harmless,
	"checkpoint_fullfsync":      harmless,
	"collation_list":            harmless,
	"compile_options":           harmless,
	"data_version":              harmless,
	"database_list":             harmless,
	"default_cache_size":        harmless,
	"defer_foreign_keys":        harmless,
	"foreign_key_check":         harmless,
	"foreign_key_list":          harmless,
	"foreign_keys":              harmless,
	"freelist_count":            harmless,
	"fullfsync":                 harmless,
	"function_list":             harmless,
	"hard_heap_limit":           harmless,
	"ignore_check_constraints":  harmless,
	"incremental_vacuum":        harmless,
	"index_info":                harmless,
	"index_list":                harmless,
	"index_xinfo":               harmless,
	"integrity_check":           harmless,
	"journal_mode":              harmless,
	"journal_size_limit":        harmless,
	"legacy_alter_table":        harmless,
	"legacy_file_format":        harmless,
	"lock_status":               harmless,
	"locking_mode":              harmless,
	"max_page_count":            harmless,
	"mmap_size":                 harmless,
	"module_list":               harmless,
	"optimize":                  harmless,
	"page_count":                harmless,
	"page_size":                 harmless,
	"pragma_list":               harmless,
	"query_only":                harmless,
	"quick_check":               harmless,
	"recursive_triggers":        harmless,
	"secure_delete":             harmless,
	"shrink_memory":             harmless,
	"soft_heap_limit":           harmless,
	"stats":                     harmless,
	"synchronous":               harmless,
	"table_info":                harmless,
	"table_list":                harmless,
	"table_xinfo":               harmless,
	"threads":                   harmless,
	"user_version":              harmless,
	"wal_autocheckpoint":        harmless,
	"wal_checkpoint":            harmless,
	"case_sensitive_like":       setting,
	"count_changes":             setting,
	"data_store_directory":      setting,
	"empty_result_callbacks":    setting,
	"encoding":                  setting,
	"full_column_names":         setting,
	"read_uncommitted":          setting,
	"reverse_unordered_selects": setting,
	"schema_version":            setting,
	"short_column_names":        setting,
	"temp_store":                harmless,
	"temp_store_directory":      setting,
	"trusted_schema":            setting,
	"writable_schema":           setting,
}

// writers are the pragmas that SQLite takes for writers and that return rows.
var writers = map[string]bool{"incremental_vacuum": true, "journal_mode": true, "wal_checkpoint": true}

// isOfSchema reports whether a pragma makes what was written to sqlite_schema the schema, for this connection or for all.
func isOfSchema(p *ast.PragmaStmt) bool {
	name := fold(p.Name.Name.Name)
	return p.HasValue && (name == "schema_version" || name == "writable_schema")
}

// isInert reports whether a pragma leaves the connection as it is.
func isInert(p *ast.PragmaStmt) bool {
	switch pragmas[fold(p.Name.Name.Name)] {
	case harmless:
		return true
	case setting:
		return !p.HasValue
	}
	return false
}
