package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/digest"
)

// profiled are settings that change what a SELECT returns or how its values are written, by their names in pg_settings.
var profiled = strings.Fields(`TimeZone DateStyle IntervalStyle bytea_output extra_float_digits lc_monetary lc_numeric lc_time
	default_text_search_config client_encoding xmlbinary xmloption row_security array_nulls standard_conforming_strings
	backslash_quote quote_all_identifiers search_path role timezone_abbreviations gin_fuzzy_search_limit`)

// isProfiled reports whether Identify finds out what a setting has been set to, at no greater cost than its question. With another search
// path comes another catalog: a program that has a schema for each of its tenants would read one after the other.
func isProfiled(name string) bool {
	switch name = strings.ToLower(name); name {
	case "search_path":
		return false
	case "session_authorization", "session_replication_role", "transform_null_equals":
		return true
	}
	return slices.ContainsFunc(profiled, func(known string) bool { return strings.ToLower(known) == name })
}

// quoted is a list of names as it stands in a statement.
func quoted(names []string) string { return "'" + strings.Join(names, "', '") + "'" }

// identityQuery asks which database this is, what shadows its tables, and for the settings that change what a SELECT
// returns or how its values are written.
var identityQuery = `SELECT
	(SELECT system_identifier::text FROM pg_control_system()),
	(SELECT oid::text FROM pg_database WHERE datname = current_database()),
	pg_is_in_recovery()::text,
	(pg_my_temp_schema() <> 0 AND EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = pg_my_temp_schema()
		UNION ALL SELECT 1 FROM pg_proc WHERE pronamespace = pg_my_temp_schema()))::text,
	current_setting('session_replication_role'),
	current_setting('transform_null_equals'),
	to_json(current_schemas(false))::text,
	current_user::text, session_user::text,
	(SELECT string_agg(name || '=' || setting, E'\n' ORDER BY name) FROM pg_settings WHERE name IN (` + quoted(profiled) + `))`

// Samples are values that drivers read in different ways.
func (dialect) Samples() string {
	return `SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '2000-07-01 03:04:05+00'::timestamptz, '2000-07-01 03:04:05'::timestamp,
		'2000-07-01'::date, 1::int4, 1.5::float8, 1.5::numeric, 'x'::text, 'x'::name, '{}'::jsonb, '{1}'::int4[], 'x'::bytea, true, '1 day'::interval`
}

// Identify implements [moneyclip.Dialect].
func (dialect) Identify(ctx context.Context, ask moneyclip.Asker, dsn string) (moneyclip.Identity, error) {
	rows, err := ask(ctx, identityQuery)
	if err != nil {
		return moneyclip.Identity{}, err
	}
	if len(rows) != 1 || len(rows[0]) != 10 {
		return moneyclip.Identity{}, errors.New("postgres: the server does not say which database this is")
	}
	row := make([]string, len(rows[0]))
	for i, v := range rows[0] {
		row[i] = asText(v)
	}
	if row[0] == "" || row[1] == "" {
		return moneyclip.Identity{}, errors.New("postgres: the server does not say which database this is")
	}
	id := moneyclip.Identity{
		Scope:   "postgres-" + digest.Of(row[0], row[1])[:24],
		Profile: digest.Of(append([]string{options(dsn)}, row[4:]...)...)[:16],
		Path:    []string{},
	}
	if err := json.Unmarshal([]byte(row[6]), &id.Path); err != nil {
		return moneyclip.Identity{}, errors.New("postgres: the search path is not understood")
	}
	id.Path = slices.DeleteFunc(id.Path, func(schema string) bool { return schema == "pg_catalog" })
	switch {
	case row[2] != "false":
		id.Tainted = "a standby: what it shows may be older than what was written to its primary"
	case row[3] != "false":
		id.Tainted = "there are temporary tables, views or functions"
	case row[4] != "origin":
		id.Tainted = "session_replication_role is not origin: triggers and foreign keys do not act"
	case instants(dsn) && !isUTC(row[9]):
		id.Tainted = "times without a zone are sent as instants, in a session whose TimeZone is not UTC"
	case strings.Contains(row[9], "standard_conforming_strings=off"):
		id.Tainted = "standard_conforming_strings is off: a backslash in a text is no character"
	case !isReadable(row[9]):
		id.Tainted = "what it reads may be another value than the one that is stored, or none: client_encoding, extra_float_digits, DateStyle, bytea_output"
	case row[5] != "off":
		id.Tainted = `transform_null_equals is on: "x = NULL" means "x IS NULL"`
	}
	return id, nil
}

// instants reports whether a dsn makes pgx send its arguments as text, and so a time as an instant.
func instants(dsn string) bool {
	list := options(dsn)
	return strings.Contains(list, "default_query_exec_mode") && (strings.Contains(list, "exec\"") || strings.Contains(list, "=exec") || strings.Contains(list, "simple_protocol"))
}

// isReadable reports whether keys that are read from rows are those under which others look: texts are not converted, numbers have
// all their digits, and times and bytes come as drivers expect them that ask for texts. One that cannot read a key says so to the caller, although
// his write has been made.
func isReadable(settings string) bool {
	for line := range strings.Lines(settings) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), "="); name {
		case "client_encoding":
			if value != "UTF8" && value != "SQL_ASCII" {
				return false
			}
		case "DateStyle":
			if !strings.HasPrefix(value, "ISO") {
				return false
			}
		case "bytea_output":
			if value != "hex" {
				return false
			}
		case "extra_float_digits":
			if digits, err := strconv.Atoi(value); err != nil || digits < 1 {
				return false
			}
		}
	}
	return true
}

// isUTC reports whether settings have a TimeZone that never differs from UTC.
func isUTC(settings string) bool {
	for line := range strings.Lines(settings) {
		if zone, ok := strings.CutPrefix(strings.TrimSpace(line), "TimeZone="); ok {
			return slices.Contains([]string{"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT", "Universal"}, zone)
		}
	}
	return false
}

// options are those of a dsn that may change how values are read. Its text is not to be read back from what they are used
// for.
func options(dsn string) string {
	var list []string
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		for name, values := range u.Query() {
			list = append(list, fmt.Sprintf("%s=%q", name, values))
		}
	} else {
		list = fields(dsn)
	}
	list = slices.DeleteFunc(list, func(option string) bool {
		name, _, _ := strings.Cut(option, "=")
		return ofTransport[strings.TrimSpace(name)]
	})
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// ofTransport are options that say how the server is reached, and nothing of values.
var ofTransport = words(`
	host hostaddr port user password passfile dbname database service servicefile connect_timeout sslmode sslcert sslkey
	sslrootcert sslpassword sslsni sslinline sslnegotiation sslcrl krbsrvname krbspn gssencmode target_session_attrs
	keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout application_name
	fallback_application_name channel_binding require_auth min_protocol_version max_protocol_version
	load_balance_hosts statement_timeout`)

// fields splits a dsn of words like "name='value'".
func fields(dsn string) []string {
	var list []string
	var word strings.Builder
	quoted := false
	for i := 0; i < len(dsn); i++ {
		switch ch := dsn[i]; {
		case ch == '\\' && i+1 < len(dsn):
			i++
			word.WriteByte(dsn[i])
		case ch == '\'':
			quoted = !quoted
		case !quoted && (ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r'):
			if word.Len() > 0 {
				list = append(list, word.String())
				word.Reset()
			}
		default:
			word.WriteByte(ch)
		}
	}
	if word.Len() > 0 {
		list = append(list, word.String())
	}
	return list
}
