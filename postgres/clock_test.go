package postgres

import (
	"testing"

	"github.com/moneyclip/moneyclip"
)

// A text that becomes a time may be a word for the time at which it does.
func TestClock(t *testing.T) {
	catalog := testCatalog()
	shifts := &moneyclip.Table{Name: "public.shifts"}
	for name, typ := range map[string]string{
		"id": "integer", "starts": "time without time zone", "zoned": "time with time zone", "begun": "timestamp with time zone", "said": "text",
		"data": "jsonb", "nick": "public.citext",
	} {
		shifts.Columns = append(shifts.Columns, &moneyclip.Column{Name: name, Type: typ})
	}
	catalog.Tables[shifts.Name] = shifts
	for _, name := range []string{"date", "timestamptz", "timetz", "string_to_array", "jsonb_to_record", "array_agg", "mode"} {
		catalog.Own.(*facts).add("pg_catalog", name, stable)
	}
	catalog.Own.(*facts).add("pg_catalog", "any_value", immutable)
	for expression, pure := range map[string]bool{
		"begun::date": true, "(begun AT TIME ZONE 'UTC')::date": true, "date_trunc('day', begun)::date": true, "'2024-01-01'::timestamptz": true,
		"max(begun)::date": true, "coalesce(begun, '2024-01-01')::date": true, "$2::timestamptz": true, "zoned::time": true, "zoned::timetz": true,
		"data->'at'": true, "said::interval": true, "said": true, "'2024-01-01'::date": true, "'[2024-01-01,infinity)'::tstzrange": true,
		"'{2024-01-01}'::date[]": true, "'knowhow, not now but then, as it was always said and done, again and again'": true, "begun AT TIME ZONE 'UTC'": true,

		"said::timestamptz": false, "said::date": false, "nick::date": false, "(data->>'at')::timestamptz": false, "(data#>>'{at}')::timestamp": false,
		"('no' || 'w')::timestamptz": false, "lower(said)::date": false, "said::varchar::date": false, "coalesce(NULL, said)::date": false,
		"(CASE WHEN id = 1 THEN said END)::date": false, "max(said)::date": false, "said::timestamptz[]": false, "said::tstzrange": false,
		"'{now}'::timestamptz[]": false, "'{2024-01-01,now,2025-01-01}'::timestamptz[]": false, "lower('[2000-01-01,now]'::tstzrange)": false,
		"'tomorrow America/Argentina/Buenos_Aires'::timestamptz": false, "'TODAY'::date": false, "CAST('now' AS time)": false,
		"starts::timetz": false, "starts AT TIME ZONE 'UTC'": false, "date(said)": false, "timestamptz(said)": false, "timetz(starts)": false, "date(begun)": true,
		"(ARRAY[said])::date[]": false, "(string_to_array(said, ','))[1]::date": false, "'04:00today'::timestamptz": false, "'today04:00'::timestamptz": false,
		"(SELECT coalesce(x.w, y.w)::date FROM unnest(ARRAY[begun]) AS x(w), unnest(ARRAY[said]) AS y(w))": false, "(h -> 'at')::timestamptz": false,
		"NULLIF(said, '')::date": false, "NULLIF(begun, '2024-01-01')::date": true, "(SELECT said)::date": false, "(SELECT begun)::date": true, "(ARRAY(SELECT said))::date[]": false,
		"(VALUES (said))::date": false, "(SELECT said UNION SELECT 'x')::date": false, "((r).at)::date": false, "JSON_VALUE(data, '$.at')::date": false,
		"JSON_VALUE(data, '$.at' RETURNING date)": false, "JSON_QUERY(data, '$.at' RETURNING date[])": false, "JSON_VALUE(data, '$.at' RETURNING int)": true,
		"JSON_VALUE(data, '$.at' RETURNING varchar)::date": false, "JSON_SERIALIZE(data)::tstzrange": false, "XMLSERIALIZE(CONTENT XMLPARSE(CONTENT said) AS text)::date": false,
		"array_agg(said)::date[]": false, "any_value(begun)::date": true, "mode() WITHIN GROUP (ORDER BY said)::date": false, "(SELECT said COLLATE \"C\")::date": false,
		"(SELECT w::date FROM (SELECT said AS w) x)": false, "(SELECT w::date FROM (SELECT begun AS w) x)": true, "(SELECT w::date FROM (SELECT begun AS w FROM (SELECT w FROM (SELECT said AS w) y) z) x)": false,
		"(SELECT max::date FROM (SELECT max(begun) FROM shifts) x)": true, "(SELECT max::date FROM (SELECT max(said) FROM shifts) x)": false, "(SELECT w::date FROM (SELECT begun) x(w))": false,
		"(WITH x(w) AS (SELECT said) SELECT w::date FROM x)": false, "(SELECT g::date FROM generate_series(begun, begun, '1 day') AS g)": true, "(SELECT d::date FROM generate_series(begun, begun, '1 day') AS g(d))": true,
		"(SELECT w::date FROM unnest(ARRAY[said]) AS w)": false, "(SELECT unnest::date FROM unnest(ARRAY[said]))": false, "(SELECT n::date FROM jsonb_to_record(data) AS r(n text))": false,
		"(SELECT x.n::date FROM JSON_TABLE(data, '$' COLUMNS (n text)) x)": false, "(SELECT x.n::text::int FROM JSON_TABLE(data, '$' COLUMNS (n FOR ORDINALITY)) x)": true,
		"(SELECT x.n::date FROM XMLTABLE('/a' PASSING said COLUMNS n text) x)": false,
		"(SELECT at FROM jsonb_to_record(data) AS r(at timestamptz))":          false, "(SELECT n FROM jsonb_to_record(data) AS r(n int))": true, "zoned AT TIME ZONE 'Europe/Rome'": false, "starts::timetz AT TIME ZONE 'Europe/Rome'": false,
	} {
		query := "SELECT " + expression + " FROM shifts WHERE id = $1"
		if s := Dialect.Analyze(query, catalog); s.Kind != moneyclip.KindRead || (s.Uncacheable == "") != pure {
			t.Errorf("%s: %v, may be cached %t, want %t (%s)", query, s.Kind, s.Uncacheable == "", pure, s.Uncacheable)
		}
	}
	for argument, want := range map[string]bool{
		"now": true, "Today": true, "TOMORROW": true, "yesterday": true, "NOW": true, " tomorrow 10:00": true, "{now}": true, "[2024-01-01,now)": true, "04:00today": true, "today_": true, "2024-01-01": false, "knowledge": false, "": false,
	} {
		if got := (dialect{}).ReadsClock(argument); got != want {
			t.Errorf("ReadsClock(%q) = %t", argument, got)
		}
	}
}
