package postgres

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
)

// catalogQuery reads the whole schema, as of one instant: for each thing a word for its kind, and a list of what there is
// to say of it. What PostgreSQL spells as the session's path has it, and so differently in different sessions, is of a
// kind that begins with "~"; so that a change of it is seen all the same, what matters of that is of the kind "made" too, as a
// hash of the tree.
const catalogQuery = `WITH
	spaces AS (
		SELECT oid, nspname::text AS name FROM pg_namespace
		WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'),
	relations AS (
		SELECT c.*, s.name AS space FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')),
	aggregates AS (
		SELECT p.oid, max(f.provolatile::text) AS volatility
		FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace JOIN pg_aggregate a ON a.aggfnoid = p.oid
		JOIN pg_proc f ON f.oid IN (a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
			a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn)
		GROUP BY p.oid)
SELECT 'schema', json_build_array(name)::text FROM spaces
UNION ALL SELECT '~path', to_json(current_schemas(false))::text
UNION ALL SELECT 'system', json_build_array(relname)::text FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace
	AND relkind IN ('r', 'v')
UNION ALL SELECT 'type', json_build_array(t.oid::text, s.name, t.typname, t.typtype::text, t.typbasetype::text,
		t.typnotnull, t.typdefault IS NOT NULL, CASE WHEN b.typnamespace = 'pg_catalog'::regnamespace
		THEN format_type(t.typbasetype, t.typtypmod) END, t.typelem::text)::text
	FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace LEFT JOIN pg_type b ON b.oid = t.typbasetype
UNION ALL SELECT 'table', json_build_array(c.oid::text, c.space, c.relname, c.relkind::text, c.relrowsecurity)::text
	FROM relations c
UNION ALL SELECT 'column', json_build_array(a.attrelid::text, lpad(a.attnum::text, 6, '0'), a.attname, a.attnotnull,
		a.attgenerated::text <> '', a.attidentity::text, CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace
		THEN format_type(a.atttypid, a.atttypmod) END, a.atttypid::text, coalesce(l.collname::text, ''),
		coalesce(l.collisdeterministic, true), a.atthasdef, a.attgenerated::text = 'v')::text
	FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
	LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.collname <> 'default'
	WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT '~default', json_build_array(d.adrelid::text, a.attname, pg_get_expr(d.adbin, d.adrelid))::text
	FROM relations c JOIN pg_attrdef d ON d.adrelid = c.oid
	JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
UNION ALL SELECT '~preset', json_build_array(t.oid::text, pg_get_expr(t.typdefaultbin, 0))::text
	FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace WHERE t.typtype = 'd' AND t.typdefaultbin IS NOT NULL
UNION ALL SELECT '~check', json_build_array(c.oid::text, k.conname, pg_get_expr(k.conbin, k.conrelid))::text
	FROM relations c JOIN pg_constraint k ON k.conrelid = c.oid
	WHERE k.contype = 'c' AND to_jsonb(k)->>'conenforced' IS DISTINCT FROM 'false'
UNION ALL SELECT '~policy', json_build_array(c.oid::text, y.polname, pg_get_expr(y.polqual, y.polrelid), pg_get_expr(y.polwithcheck, y.polrelid))::text
	FROM relations c JOIN pg_policy y ON y.polrelid = c.oid WHERE c.relrowsecurity
UNION ALL SELECT '~domain', json_build_array(k.contypid::text, k.conname, pg_get_expr(k.conbin, 0))::text
	FROM pg_constraint k WHERE k.contype = 'c' AND k.contypid <> 0
UNION ALL SELECT 'unique', json_build_array(i.indrelid::text, (
		SELECT json_agg(a.attname ORDER BY k.at) FROM unnest(i.indkey) WITH ORDINALITY k (attribute, at)
		LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attribute AND k.attribute > 0
		WHERE k.at <= i.indnkeyatts),
		i.indpred IS NOT NULL OR i.indexprs IS NOT NULL OR NOT i.indimmediate
			OR to_jsonb(i)->>'indnullsnotdistinct' = 'true'
			OR i.indclass::oid[] && ARRAY(SELECT oid FROM pg_opclass WHERE NOT opcdefault)
			OR i.indcollation::oid[] && ARRAY(SELECT oid FROM pg_collation WHERE NOT collisdeterministic))::text
	FROM relations c JOIN pg_index i ON i.indrelid = c.oid WHERE i.indisunique AND i.indisvalid
UNION ALL SELECT 'key', json_build_array(k.conrelid::text, k.confrelid::text, (
		SELECT json_agg(a.attname ORDER BY u.at) FROM unnest(k.conkey) WITH ORDINALITY u (attribute, at)
		JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attribute), (
		SELECT json_agg(a.attname ORDER BY u.at) FROM unnest(k.confkey) WITH ORDINALITY u (attribute, at)
		JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attribute),
		k.confdeltype::text, k.confupdtype::text, to_jsonb(k)->>'confdelsetcols')::text
	FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND to_jsonb(k)->>'conenforced' IS DISTINCT FROM 'false'
UNION ALL SELECT 'kin', json_build_array(inhrelid::text, inhparent::text)::text FROM pg_inherits
UNION ALL SELECT 'partition', json_build_array(p.partrelid::text, p.partexprs IS NOT NULL, (
		SELECT json_agg(a.attname) FROM unnest(p.partattrs) u (attribute)
		JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = u.attribute))::text
	FROM pg_partitioned_table p
UNION ALL SELECT '~view', json_build_array(c.oid::text, pg_get_viewdef(c.oid))::text FROM relations c WHERE c.relkind = 'v'
UNION ALL SELECT '~materialized', json_build_array(c.oid::text, pg_get_viewdef(c.oid))::text FROM relations c WHERE c.relkind = 'm'
UNION ALL SELECT 'made', json_build_array(d.adrelid::text, d.adnum, hashtextextended(d.adbin::text, 0)::text)::text
	FROM relations c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attgenerated <> ''
	JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
UNION ALL SELECT 'made', json_build_array(r.ev_class::text, 0, hashtextextended(r.ev_action::text, 0)::text)::text
	FROM relations c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN' WHERE c.relkind = 'v'
UNION ALL SELECT 'made', json_build_array(k.oid::text, 0, hashtextextended(k.conbin::text, 0)::text)::text
	FROM pg_constraint k JOIN spaces s ON s.oid = k.connamespace WHERE k.contype = 'c'
UNION ALL SELECT 'rule', json_build_array(r.ev_class::text, r.ev_type::text, r.is_instead, r.rulename)::text
	FROM pg_rewrite r WHERE r.rulename <> '_RETURN' AND r.ev_enabled <> 'D'
UNION ALL SELECT 'trigger', json_build_array(t.tgrelid::text, t.tgname, t.tgtype, (
		SELECT json_agg(a.attname) FROM unnest(t.tgattr) u (attribute)
		JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = u.attribute),
		n.nspname, p.proname, l.lanname, p.prosrc, array_to_string(p.proconfig, E'\n'), t.tgdeferrable,
		encode(t.tgargs, 'escape'), (
		SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
		WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))::text
	FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace
	JOIN pg_language l ON l.oid = p.prolang
	WHERE NOT t.tgisinternal AND t.tgenabled NOT IN ('D', 'R')
UNION ALL SELECT 'event', json_build_array(v.evtevent, n.nspname, p.proname, l.lanname, p.prosrc, array_to_string(p.proconfig, E'\n'), (
		SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
		WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'), pg_get_functiondef(p.oid))::text
	FROM pg_event_trigger v JOIN pg_proc p ON p.oid = v.evtfoid JOIN pg_namespace n ON n.oid = p.pronamespace
	JOIN pg_language l ON l.oid = p.prolang WHERE v.evtenabled NOT IN ('D', 'R')
UNION ALL SELECT '~when', json_build_array(t.tgrelid::text, t.tgname, pg_get_triggerdef(t.oid))::text
	FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgqual IS NOT NULL
UNION ALL SELECT 'function', json_build_array(f.nspname, f.volatility, json_agg(DISTINCT f.proname))::text
	FROM (SELECT n.nspname, p.proname::text, coalesce(a.volatility, p.provolatile::text) AS volatility
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN aggregates a ON a.oid = p.oid
		WHERE n.nspname = 'pg_catalog' OR n.nspname IN (SELECT name FROM spaces)) AS f
	GROUP BY 1, f.nspname, f.volatility
UNION ALL SELECT 'returns', json_build_array(f.how, json_agg(DISTINCT f.proname))::text
	FROM (SELECT p.proname::text, CASE WHEN bool_or(t.typtype = 'c' OR t.typname = 'record') THEN 'rows'
			WHEN bool_and(t.typcategory = 'S' OR coalesce(e.typcategory = 'S', false)) THEN 'text' ELSE 'perhaps' END AS how
		FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
		WHERE p.pronamespace = 'pg_catalog'::regnamespace OR p.pronamespace IN (SELECT oid FROM spaces)
		GROUP BY p.pronamespace, p.proname
		HAVING bool_or(t.typcategory = 'S' OR e.typcategory = 'S' OR t.typname LIKE 'any%' OR t.typname = 'record' OR t.typtype = 'c')) AS f
	GROUP BY f.how
UNION ALL SELECT 'body', json_build_array(n.nspname, p.proname, p.oid::text, hashtextextended(CASE WHEN p.prosrc = '' THEN coalesce(to_jsonb(p)->>'prosqlbody', '') ELSE p.prosrc END, 0)::text)::text
	FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace JOIN pg_namespace n ON n.oid = p.pronamespace
UNION ALL SELECT '~code', json_build_array(s.name, p.proname, l.lanname, p.prosrc, array_to_string(p.proconfig, E'\n'),
		pg_get_functiondef(p.oid))::text
	FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
	WHERE p.provolatile = 'v' AND p.prokind IN ('f', 'p') AND l.lanname IN ('sql', 'plpgsql')
		AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
UNION ALL SELECT 'operator', json_build_array(o.oprname, n.nspname, p.proname)::text
	FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode JOIN pg_namespace n ON n.oid = p.pronamespace
	WHERE p.provolatile <> 'i' AND n.nspname IN (SELECT name FROM spaces)
UNION ALL SELECT 'equality', json_build_array(l.oid::text, r.oid::text)::text
	FROM pg_operator o JOIN spaces s ON s.oid = o.oprnamespace JOIN pg_type l ON l.oid = o.oprleft JOIN pg_type r ON r.oid = o.oprright
	WHERE o.oprname = '=' AND l.typnamespace = 'pg_catalog'::regnamespace AND r.typnamespace = 'pg_catalog'::regnamespace
UNION ALL SELECT 'unary', json_build_array(p.proname, bool_or(t.typtype IN ('c', 'p') OR b.typtype IN ('c', 'd') OR EXISTS (
		SELECT 1 FROM pg_cast k JOIN pg_type y ON y.oid = k.castsource WHERE y.typtype = 'c' AND k.castcontext = 'i')))::text
	FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace JOIN pg_type t ON t.oid = p.proargtypes[0] LEFT JOIN pg_type b ON b.oid = t.typbasetype
	WHERE p.prokind IN ('f', 'a') AND p.pronargs - p.pronargdefaults <= 1
	GROUP BY p.proname
UNION ALL SELECT 'harmless', json_build_array(p.proname)::text FROM pg_proc p
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
	WHERE e.extname IN ('uuid-ossp', 'pgcrypto', 'citext', 'hstore', 'ltree', 'pg_trgm', 'unaccent', 'fuzzystrmatch',
		'isn', 'seg', 'cube', 'earthdistance', 'intarray', 'btree_gin', 'btree_gist', 'pg_uuidv7')`

// Catalog implements [moneyclip.Dialect].
func (dialect) Catalog(ctx context.Context, ask moneyclip.Asker) (*moneyclip.Catalog, error) {
	rows, err := ask(ctx, catalogQuery)
	if err != nil {
		return nil, err
	}
	b := newBuilder()
	for _, row := range rows {
		if len(row) != 2 {
			return nil, errors.New("postgres: a row of the schema has not two columns")
		}
		var fields []any
		if err := json.Unmarshal([]byte(asText(row[1])), &fields); err != nil {
			return nil, fmt.Errorf("postgres: the schema is not understood: %w", err)
		}
		kind := asText(row[0])
		b.things[kind] = append(b.things[kind], thing{fields, asText(row[1])})
	}
	return b.finish(), nil
}

// finish makes a catalog of all things.
func (b *builder) finish() *moneyclip.Catalog {
	for _, list := range b.things {
		slices.SortFunc(list, func(x, y thing) int { return strings.Compare(x.text, y.text) })
	}
	b.catalog.Path = b.path()
	b.build()
	b.catalog.Digest = b.digest()
	return b.catalog
}

// A thing is one row of the schema.
type thing struct {
	fields []any
	text   string
}

func (t thing) str(i int) string {
	if i < len(t.fields) {
		if s, ok := t.fields[i].(string); ok {
			return s
		}
	}
	return ""
}

func (t thing) is(i int) bool {
	if i >= len(t.fields) {
		return false
	}
	yes, _ := t.fields[i].(bool)
	return yes
}

// list is a list of names; where one is missing it is empty.
func (t thing) list(i int) []string {
	if i >= len(t.fields) {
		return nil
	}
	list, _ := t.fields[i].([]any)
	var names []string
	for _, item := range list {
		name, _ := item.(string)
		names = append(names, name)
	}
	return names
}

type builder struct {
	catalog *moneyclip.Catalog
	facts   *facts
	things  map[string][]thing          // :: kind → rows of the schema
	tables  map[string]*moneyclip.Table // :: oid → table
	kinds   map[string]string           // :: oid → pg_class.relkind
	types   map[string]*ownType         // :: oid → type
}

// An ownType is a type that the database has besides PostgreSQL's own.
type ownType struct {
	name      string
	text      string // what a column has as its Type
	base      string // oid of what a domain is made of
	element   string // oid of what an array is made of
	isRow     bool
	notNull   bool
	defaulted bool
}

func newBuilder() *builder {
	b := &builder{
		facts: newFacts(), things: map[string][]thing{}, tables: map[string]*moneyclip.Table{},
		kinds: map[string]string{}, types: map[string]*ownType{},
	}
	b.catalog = &moneyclip.Catalog{Tables: map[string]*moneyclip.Table{}, Own: b.facts}
	return b
}

// build goes from what stands alone to what refers to others.
func (b *builder) build() {
	b.functions()
	b.ownTypes()
	for _, t := range b.things["system"] {
		b.facts.system[t.str(0)] = true
	}
	for _, t := range b.things["table"] {
		b.table(t)
	}
	slices.SortFunc(b.things["column"], func(x, y thing) int {
		return cmp.Or(strings.Compare(x.str(0), y.str(0)), strings.Compare(x.str(1), y.str(1)))
	})
	for _, t := range b.things["column"] {
		b.column(t)
	}
	for _, t := range b.things["unique"] {
		b.unique(t)
	}
	for _, t := range b.things["key"] {
		b.foreignKey(t)
	}
	b.kin()
	b.virtual()
	b.partitions()
	// What stands in the way of a write to a view is known before what writes to views is read.
	for _, t := range b.things["rule"] {
		b.rule(t)
	}
	for _, t := range b.things["trigger"] {
		b.replaces(t)
	}
	b.codes()
	b.defaults()
	b.views()
	b.conditions()
	b.events()
	b.policies()
	// Those of functions that views call were read before conditions and policies.
	clear(b.facts.effects)
	clear(b.facts.defaults)
	b.refreshes()
	for _, t := range b.things["~default"] {
		b.defaultOf(t)
	}
	b.presets()
	b.setDefaults()
	b.checks()
	b.triggers()
	b.logins()
	b.settle()
}

func (b *builder) functions() {
	for _, t := range b.things["function"] {
		for _, name := range t.list(2) {
			b.facts.add(t.str(0), name, volatilities[t.str(1)])
		}
	}
	for _, t := range b.things["returns"] {
		for _, name := range t.list(1) {
			b.facts.returns[name] = max(b.facts.returns[name], returns[t.str(0)])
		}
	}
	for _, t := range b.things["operator"] {
		b.facts.operators[t.str(0)] = append(b.facts.operators[t.str(0)], name{t.str(1), t.str(2)})
	}
	for _, t := range b.things["unary"] {
		b.facts.unary[t.str(0)] = b.facts.unary[t.str(0)] || t.is(1)
	}
	for _, t := range b.things["harmless"] {
		b.facts.harmless[t.str(0)] = true
	}
}

func (b *builder) ownTypes() {
	for _, t := range b.things["type"] {
		own := &ownType{name: t.str(1) + "." + t.str(2), notNull: t.is(5), defaulted: t.is(6), element: t.str(8)}
		own.text = own.name
		switch t.str(3) {
		case "e":
			own.text = enumPrefix + own.name
		case "d":
			own.text, own.base = t.str(7), t.str(4)
		case "c":
			own.isRow = true
		}
		b.types[t.str(0)] = own
	}
	for _, own := range b.types {
		for base := b.types[own.base]; base != nil; base = b.types[base.base] {
			// A domain over a type of the database's own, or over another domain.
			own.text, own.notNull, own.defaulted = base.text, own.notNull || base.notNull, own.defaulted || base.defaulted
		}
		b.facts.types[own.name] = own.text
		if own.isRow {
			b.facts.rows[own.text] = true
		}
	}
}

func (b *builder) table(t thing) {
	def := &moneyclip.Table{Name: t.str(1) + "." + t.str(2)}
	switch t.str(3) {
	case "v":
		def.View = true
	case "f":
		def.Opaque = foreignTable
	}
	if strings.Contains(t.str(1), ".") {
		def.Opaque = "its schema has a dot in its name"
	}
	if t.is(4) {
		def.Guarded = "it has row security"
	}
	b.tables[t.str(0)], b.kinds[t.str(0)] = def, t.str(3)
	b.catalog.Tables[def.Name] = def
}

func (b *builder) column(t thing) {
	def := b.tables[t.str(0)]
	if def == nil {
		return
	}
	col := &moneyclip.Column{Name: t.str(2), Type: t.str(6), NotNull: t.is(3), Generated: t.is(4)}
	col.Default = moneyclip.Value{Kind: moneyclip.ValueConst}
	if own := b.types[t.str(7)]; own != nil {
		col.Type, col.NotNull = own.text, col.NotNull || own.notNull
		if own.defaulted {
			col.Default = moneyclip.Value{}
		}
	}
	if col.Generated || t.str(5) != "" || t.is(10) {
		col.Default = moneyclip.Value{} // unless its text says more
	}
	col.Collation = t.str(8)
	if !t.is(9) {
		col.Collation += nondeterministic
	}
	if b.ownEquality(t.str(7)) {
		col.Type += " with an operator = of the database's own"
	}
	classify(col)
	def.Columns = append(def.Columns, col)
}

// classify sets the class of a column. One whose collation calls texts equal that differ carries its values to no other.
func classify(col *moneyclip.Column) {
	col.Class = classOf(col.Type)
	if isOdd(col) {
		col.Class += " " + col.Collation
	}
}

// ownEquality reports whether there is an operator = for values of a type besides PostgreSQL's own, which it hides.
func (b *builder) ownEquality(oid string) bool {
	return slices.ContainsFunc(b.things["equality"], func(t thing) bool {
		return slices.ContainsFunc(b.bases(oid), func(oid string) bool { return t.str(0) == oid || t.str(1) == oid })
	})
}

// bases are a type and, if it is a domain, those that it is over, down to one that is none.
func (b *builder) bases(oid string) []string {
	all := []string{oid}
	for own := b.types[oid]; own != nil && own.base != ""; own = b.types[own.base] {
		all = append(all, own.base)
	}
	return all
}

// presets reads the defaults of domains, for the columns that have none of their own.
func (b *builder) presets() {
	for _, t := range b.preset() {
		b.defaultOf(t)
		if def := b.tables[t.str(0)]; def != nil {
			def.Column(t.str(1)).Default = moneyclip.Value{} // what it comes to may be another in a domain above
		}
	}
}

// preset are the columns that have the default of a domain, in the form of those that have one of their own.
func (b *builder) preset() []thing {
	texts := map[string]string{} // :: type → default
	for _, t := range b.things["~preset"] {
		texts[t.str(0)] = t.str(1)
	}
	var list []thing
	for _, t := range b.things["column"] {
		bases := b.bases(t.str(7))
		at := slices.IndexFunc(bases, func(oid string) bool { return texts[oid] != "" })
		if at >= 0 && !t.is(10) {
			list = append(list, thing{fields: []any{t.str(0), t.str(2), texts[bases[at]]}})
		}
	}
	return list
}

// isOdd reports whether a column's collation calls texts equal that differ.
func isOdd(column *moneyclip.Column) bool {
	return strings.HasSuffix(column.Collation, nondeterministic)
}

const nondeterministic = " (nondeterministic)" // comes behind the name of such a collation

func (b *builder) unique(t thing) {
	def := b.tables[t.str(0)]
	if def == nil {
		return
	}
	key := moneyclip.UniqueKey{Odd: t.is(2)}
	for _, name := range t.list(1) {
		col := def.Column(name)
		if col == nil {
			key.Odd = true
			continue
		}
		key.Odd = key.Odd || isOdd(col)
		key.Columns = append(key.Columns, name)
	}
	def.Unique = append(def.Unique, key)
}

// actions :: pg_constraint.confdeltype → ours
var actions = map[string]moneyclip.Action{"c": moneyclip.Cascade, "n": moneyclip.SetNull, "d": moneyclip.SetDefault}

func (b *builder) foreignKey(t thing) {
	child, parent := b.tables[t.str(0)], b.tables[t.str(1)]
	if child == nil || parent == nil {
		return
	}
	key := moneyclip.ForeignKey{
		Child: child.Name, Columns: t.list(2), ParentColumns: t.list(3),
		OnDelete: actions[t.str(4)], OnUpdate: actions[t.str(5)],
	}
	if t.str(6) != "" {
		// SET NULL (a) leaves the other columns of the key as they are.
		key.OnDelete = moneyclip.NoAction
		parent.Triggers = append(parent.Triggers, moneyclip.Trigger{
			Op: moneyclip.Delete, Writes: []moneyclip.Write{{Op: moneyclip.Update, Table: child.Name, SetAll: true}},
		})
	}
	parent.Keys = append(parent.Keys, key)
}

const foreignTable = "a foreign table"

// kin hangs on each table those with which it shares rows: all above and all below it.
func (b *builder) kin() {
	above := b.above()
	below := map[string][]string{}
	for child, parents := range above {
		for _, parent := range parents {
			below[parent] = append(below[parent], child)
		}
	}
	for _, t := range b.things["kin"] {
		if parent := b.tables[t.str(1)]; parent != nil && b.kinds[t.str(1)] != "p" { // partitions are under the keys of the whole
			parent.Heirs = true
		}
	}
	for _, def := range b.tables {
		kin := map[string]bool{}
		reach(below, def.Name, kin)
		for name := range kin {
			if b.catalog.Tables[name].Opaque == foreignTable && def.Opaque == "" {
				def.Opaque = "a foreign table holds some of its rows"
			}
		}
		reach(above, def.Name, kin)
		delete(kin, def.Name)
		for name := range kin {
			def.Kin = append(def.Kin, name)
		}
		slices.Sort(def.Kin)
	}
}

// above are the tables right above others. :: table → those whose partition it is, or of which it inherits
func (b *builder) above() map[string][]string {
	above := map[string][]string{}
	for _, t := range b.things["kin"] {
		child, parent := b.tables[t.str(0)], b.tables[t.str(1)]
		if child != nil && parent != nil {
			above[child.Name] = append(above[child.Name], parent.Name)
		}
	}
	return above
}

// virtual marks columns that are computed when they are read, and not alike by all tables that share the rows: PostgreSQL
// takes the expression of the table that the statement names.
func (b *builder) virtual() {
	texts := map[moneyclip.ColumnName]string{}
	for _, t := range b.things["~default"] {
		if def := b.tables[t.str(0)]; def != nil {
			texts[moneyclip.ColumnName{Table: def.Name, Column: t.str(1)}] = t.str(2)
		}
	}
	for _, t := range b.things["column"] {
		def := b.tables[t.str(0)]
		if def == nil || !t.is(11) {
			continue
		}
		col := def.Column(t.str(2))
		if slices.ContainsFunc(def.Kin, func(name string) bool {
			return b.catalog.Tables[name].Column(col.Name) != nil &&
				texts[moneyclip.ColumnName{Table: name, Column: col.Name}] != texts[moneyclip.ColumnName{Table: def.Name, Column: col.Name}]
		}) {
			col.Type += " that each of the tables which share the rows computes in its own way"
			classify(col)
		}
	}
}

// partitions says of each table that has partitions what an update does which assigns what parts it: it may take a row out
// of one partition and put it into another.
func (b *builder) partitions() {
	children := map[string][]string{}
	for _, t := range b.things["kin"] {
		if child := b.tables[t.str(0)]; child != nil {
			children[t.str(1)] = append(children[t.str(1)], child.Name)
		}
	}
	for _, t := range b.things["partition"] {
		def := b.tables[t.str(0)]
		if def == nil {
			continue
		}
		moves := moneyclip.Trigger{Op: moneyclip.Update, Of: t.list(2)}
		if t.is(1) {
			moves.Of = nil // parted by an expression
		}
		for _, name := range children[t.str(0)] {
			moves.Writes = append(moves.Writes,
				moneyclip.Write{Op: moneyclip.Delete, Table: name}, moneyclip.Write{Op: moneyclip.Insert, Table: name})
		}
		def.Triggers = append(def.Triggers, moves)
	}
}

func reach(edges map[string][]string, from string, found map[string]bool) {
	for _, to := range edges[from] {
		if !found[to] {
			found[to] = true
			reach(edges, to, found)
		}
	}
}

// rule hangs a rewrite rule on its table: what it does instead, or besides, is not followed.
func (b *builder) rule(t thing) {
	def := b.tables[t.str(0)]
	op, ok := map[string]moneyclip.Op{"2": moneyclip.Update, "3": moneyclip.Insert, "4": moneyclip.Delete}[t.str(1)]
	switch {
	case def == nil:
	case !ok:
		def.Opaque = "it has a rule for SELECT"
	default:
		def.Triggers = append(def.Triggers, moneyclip.Trigger{Op: op, Instead: t.is(2), Opaque: "a rewrite rule"})
	}
}

// path are the schemas in which this session looks up names.
func (b *builder) path() []string {
	path := []string{}
	for _, t := range b.things["~path"] {
		for i := range t.fields {
			if name := t.str(i); name != "pg_catalog" {
				path = append(path, name)
			}
		}
	}
	return path
}

// digest is equal for equal schemas, whatever the path under which they were read.
func (b *builder) digest() string {
	h := sha256.New()
	kinds := make([]string, 0, len(b.things))
	for kind := range b.things {
		if !strings.HasPrefix(kind, "~") {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		for _, t := range b.things[kind] {
			fmt.Fprintf(h, "%s %d:%s,", kind, len(t.text), t.text)
		}
	}
	for _, name := range b.names() {
		def := b.catalog.Tables[name]
		fmt.Fprintf(h, "%q %#v %q %q,", name, def.Reads, def.Opaque, b.facts.writers[name])
		for _, t := range def.Triggers {
			fmt.Fprintf(h, "%v %q %v %q,", t.Op, t.Of, t.SetsAll, t.Opaque)
		}
		for _, c := range def.Columns {
			fmt.Fprintf(h, "%q %#v,", c.Name, c.Default)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// names are those of all tables, in order.
func (b *builder) names() []string {
	names := make([]string, 0, len(b.catalog.Tables))
	for name := range b.catalog.Tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// asText is the text of a value as a driver returns it; that of NULL is empty.
func asText(v driver.Value) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return fmt.Sprint(v)
}
