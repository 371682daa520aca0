package postgres

import (
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// volatility is what a function's result may depend on, as pg_proc has it. The greater it is the more.
type volatility uint8

const (
	unknownFunction volatility = iota
	immutable                  // its arguments alone
	stable                     // rows, settings and the time of the transaction too
	volatile                   // anything; it may write
)

var volatilities = map[string]volatility{"i": immutable, "s": stable, "v": volatile}

// settled are PostgreSQL's own functions that are stable because a setting changes their result, be it how a type of their
// arguments is written as text. The settings are part of the session's profile.
var settled = words(`
	concat concat_ws format to_char to_date to_timestamp to_number date_trunc date_part extract timezone age date
	timestamp timestamptz time timetz make_timestamptz date_add date_subtract overlaps isfinite generate_series
	array_to_string array_to_json row_to_json to_json to_jsonb json_build_object json_build_array jsonb_build_object
	jsonb_build_array json_agg jsonb_agg json_agg_strict jsonb_agg_strict json_object_agg jsonb_object_agg
	json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict jsonb_object_agg_strict
	jsonb_object_agg_unique jsonb_object_agg_unique_strict json_to_record json_to_recordset jsonb_to_record jsonb_to_recordset
	jsonb_path_exists_tz jsonb_path_match_tz jsonb_path_query_tz jsonb_path_query_array_tz jsonb_path_query_first_tz
	to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_headline
	quote_literal quote_nullable enum_range enum_first enum_last array_agg string_agg`)

// pure are well-known functions that depend on their arguments alone, for a database of which nothing is known.
var pure = words(`
	abs avg btrim ceil ceiling char_length character_length chr coalesce count decode div encode exp extract floor
	greatest hashtext initcap least left length ln log lower lpad ltrim max md5 min mod nullif octet_length overlay
	position power repeat replace reverse right round row_number rank dense_rank rpad rtrim sha256 sign split_part sqrt
	starts_with strpos substr substring sum translate trim trunc upper array_agg string_agg bool_and bool_or every
	array_length unnest cardinality regexp_replace regexp_match json_extract_path jsonb_set concat concat_ws format
	to_char date_trunc date_part timezone lag lead first_value last_value ntile`)

// writesNothing are well-known functions that are not pure but leave all tables as they are.
var writesNothing = words(`
	now clock_timestamp statement_timestamp transaction_timestamp timeofday random random_normal gen_random_uuid uuidv4 uuidv7 uuid_generate_v4 nextval
	currval lastval setval version current_database current_schema current_schemas current_setting set_config pg_sleep pg_notify
	pg_backend_pid pg_advisory_lock pg_advisory_xact_lock pg_advisory_unlock pg_try_advisory_lock
	pg_try_advisory_xact_lock pg_advisory_unlock_all txid_current pg_current_xact_id age`)

// runsText are PostgreSQL's own functions that run SQL which they are given as text.
var runsText = words(`
	query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema ts_stat ts_rewrite`)

// readsNamed are PostgreSQL's own functions that read tables and views which they are given by name.
var readsNamed = words(`
	table_to_xml table_to_xml_and_xmlschema schema_to_xml schema_to_xml_and_xmlschema database_to_xml
	database_to_xml_and_xmlschema`)

func words(text string) map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(text) {
		m[word] = true
	}
	return m
}

// called is a call of a function without its arguments: what is known of it by its name.
func (c *converter) called(schema, name string) query.Other {
	own := schema == "" || schema == "pg_catalog"
	if own && runsText[name] {
		c.doubt("calls %s(), which runs the text that it is given", name)
		return query.Other{}
	}
	if own && readsNamed[name] && c.facts != nil && (len(c.facts.writers) > 0 || c.body != nil) { // of a body it is too early to say
		c.doubt("calls %s(), which may read a view that writes", name)
	}
	if c.facts == nil {
		switch {
		case own && pure[name]:
		case own && writesNothing[name]:
			c.taint("calls %s(), which is volatile", name)
		default:
			c.doubt("calls %s(), of which nothing is known", name)
		}
		return query.Other{}
	}
	switch v, system := c.facts.lookup(schema, name, c.path()); {
	case v == unknownFunction:
		c.doubt("calls %s(), which is not in the catalog", name)
	case v == immutable, system && v == stable && settled[name]:
	case system || v == stable || c.facts.harmless[name]:
		c.taint("calls %s(), which depends on more than its arguments", name)
	default:
		c.runs(schema, name)
	}
	return query.Other{}
}

// path are the schemas in which a function without one is looked up; nil: all.
func (c *converter) path() []string {
	if c.body != nil {
		return nil
	}
	return c.catalog.Path
}

// sets notes a call that changes a setting of the session.
func (c *converter) sets(name string, args []*pg.Node) {
	if name != "set_config" || len(args) != 3 {
		return
	}
	setting := args[0].GetAConst().GetSval().GetSval()
	if setting != "" && isHarmlessSetting(strings.ToLower(setting)) {
		return
	}
	reach := moneyclip.UntilReset
	if local := args[2].GetAConst().GetBoolval(); local.GetBoolval() {
		reach = moneyclip.UntilEnd
	} else if isProfiled(setting) {
		reach = moneyclip.UntilAsked
	}
	c.changes("sets a setting by set_config()", reach)
}

// changes notes a change of the session. Of several the one counts that lasts longest.
func (c *converter) changes(what string, reach moneyclip.Reach) {
	if c.session == "" || c.reach == moneyclip.UntilEnd || reach == moneyclip.UntilReset {
		c.session, c.reach = what, reach
	}
}
