package mysql

import (
	"fmt"

	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
)

// purity says whether a function's result follows from its arguments and from the session's settings in the profile.
type purity uint8

const (
	unknown  purity = iota // a function of the database, a loadable one, or one that later servers have
	pure                   // follows from the arguments, or from the rows of a group or a window
	clock                  // pure if it has arguments
	volatile               // never
)

// functions :: name → purity, see https://dev.mysql.com/doc/refman/8.4/en/built-in-function-reference.html and
// https://mariadb.com/kb/en/built-in-functions/
var functions = query.ByName(map[purity]string{
	pure: `
		abs acos aes_decrypt aes_encrypt ascii asin atan atan2 bin bin_to_uuid binary bit_count bit_length cast ceil ceiling
		char char_func char_length character_length chr coalesce coercibility charset collation compress concat concat_ws
		conv convert convert_tz cos cot crc32 crc32c decode_histogram degrees des_decrypt elt encode decode exp export_set
		extract field find_in_set floor format format_bytes format_pico_time from_base64 greatest grouping hex if ifnull
		inet6_aton inet6_ntoa inet_aton inet_ntoa inet4_aton insert_func instr interval is_ipv4 is_ipv4_compat
		is_ipv4_mapped is_ipv6 is_uuid isnull kdf lcase least left length lengthb ln locate log log10 log2 lower lpad ltrim
		make_set md5 mid mod natural_sort_key nullif nvl nvl2 oct octet_length old_password ord pi position pow power quote
		radians regexp_instr regexp_like regexp_replace regexp_substr repeat replace reverse right round rpad rtrim sha sha1
		sha2 sign sin soundex space sqrt strcmp substr substring substring_index tan to_base64 to_char trim trim_oracle
		truncate ucase uncompress uncompressed_length unhex upper uuid_timestamp uuid_to_bin uuid_version weight_string

		adddate addtime date date_add date_format date_sub datediff day dayname dayofmonth dayofweek dayofyear
		from_days from_unixtime get_format hour last_day makedate maketime microsecond minute month monthname
		months_between period_add period_diff quarter sec_to_time second str_to_date subdate subtime time_format
		time_to_sec timediff timestampadd timestampdiff to_days to_seconds week weekday weekofyear year yearweek

		any_value avg bit_and bit_or bit_xor count group_concat json_arrayagg json_objectagg max median min
		percentile_cont percentile_disc std stddev stddev_pop stddev_samp sum var_pop var_samp variance

		cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

		json_array json_array_append json_array_insert json_array_intersect json_compact json_contains json_contains_path
		json_depth json_detailed json_equals json_exists json_extract json_insert json_keys json_length json_loose
		json_memberof json_merge json_merge_patch json_merge_preserve json_normalize json_object json_object_filter_keys
		json_object_to_array json_overlaps json_pretty json_query json_quote json_remove json_replace json_schema_valid
		json_schema_validation_report json_search json_set json_storage_size json_type json_unquote json_valid json_value

		area asbinary astext aswkb aswkt envelope geometryfromtext geometryfromwkb geometrytype geomfromtext geomfromwkb
		glength linefromtext pointfromtext polyfromtext srid st_collect st_distancesphere st_aswkb
		st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_buffer st_centroid st_contains st_convexhull
		st_crosses st_difference st_dimension st_disjoint st_distance st_distance_sphere st_endpoint st_envelope st_equals
		st_exteriorring st_geohash st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext st_geomfromwkb
		st_interiorringn st_intersection st_intersects st_isclosed st_isempty st_issimple st_isvalid st_latfromgeohash
		st_latitude st_length st_linefromtext st_longfromgeohash st_longitude st_makeenvelope st_numgeometries
		st_numinteriorrings st_numpoints st_overlaps st_pointfromgeohash st_pointfromtext st_pointn st_polyfromtext
		st_simplify st_srid st_startpoint st_swapxy st_symdifference st_touches st_transform st_union st_validate st_within
		st_x st_y mbrcontains mbrcoveredby mbrcovers mbrdisjoint mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin
		point linestring polygon multipoint multilinestring multipolygon geometrycollection geomcollection`,
	clock: `unix_timestamp`,
	volatile: `
		benchmark connection_id curdate current_date current_role current_time current_timestamp current_user curtime
		database found_rows get_lock icu_version is_free_lock is_used_lock last_insert_id lastval load_file localtime
		localtimestamp master_gtid_wait master_pos_wait name_const nextval now ps_current_thread_id ps_thread_id rand
		random_bytes release_all_locks release_lock roles_graphml row_count schema session_user setval sleep
		source_pos_wait statement_digest statement_digest_text sys_guid sysdate system_user sys_context
		tidb_version time timestamp user utc_date utc_time utc_timestamp uuid uuid_short uuid_v4 uuid_v7 validate_password_strength
		password encrypt values version wait_for_executed_gtid_set rownum
		json_storage_free extractvalue updatexml`,
})

// literals are DATE '...' and its like, which the parser calls functions.
var literals = map[string]bool{ast.DateLiteral: true, ast.TimeLiteral: true, ast.TimestampLiteral: true}

// judge is empty for a function that is pure, otherwise it says why a call of it is not. It reports true for a function
// that may write: one of the database, or one that is not known.
func (o *schema) judge(name string, args int) (reason string, mayWrite bool) {
	if literals[name] {
		return "", false
	}
	if o.routines[name] {
		return fmt.Sprintf("calls %s(), which is stored in the database", name), true
	}
	switch p := functions[name]; {
	case p == pure, p == clock && args > 0:
		return "", false
	case p == clock:
		return fmt.Sprintf("calls %s(), which reads the clock", name), false
	case p == volatile && args > 0 && (name == "time" || name == "timestamp"):
		return "", false
	case p == volatile:
		return fmt.Sprintf("calls %s(), whose result follows from more than its arguments", name), false
	}
	return fmt.Sprintf("calls %s(), of which nothing is known", name), true
}
