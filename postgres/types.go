package postgres

import (
	"fmt"
	"strings"

	"github.com/moneyclip/moneyclip"
	pg "github.com/sqlc-dev/oliphant"
)

// typeNames :: name in pg_type → the name that SQL has for it, as format_type() gives it
var typeNames = map[string]string{
	"bool": "boolean", "int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision",
	"varchar": "character varying", "bpchar": "character", "timestamp": "timestamp without time zone",
	"timestamptz": "timestamp with time zone", "time": "time without time zone", "timetz": "time with time zone",
	"varbit": "bit varying",
}

// typeName is the canonical spelling of a type, as in the catalog's columns.
func (c *converter) typeName(t *pg.TypeName) string {
	name := c.elementType(t)
	return name + strings.Repeat("[]", len(t.GetArrayBounds()))
}

// elementType is that of the elements, if the type is an array, otherwise the type itself.
func (c *converter) elementType(t *pg.TypeName) string {
	if t.Setof {
		return "?"
	}
	schema, name := lastOf(texts(t.Names))
	if own := c.ownType(schema, name); own != "" {
		return own // with its own length, if it is a domain
	}
	if sql := typeNames[name]; sql != "" {
		name = sql
	}
	var mods []string
	for _, mod := range t.Typmods {
		n := mod.GetAConst().GetIval()
		if n == nil {
			return "?"
		}
		mods = append(mods, fmt.Sprint(n.Ival))
	}
	if len(mods) == 0 {
		return name
	}
	if base, zone, ok := strings.Cut(name, " with"); ok {
		return fmt.Sprintf("%s(%s) with%s", base, strings.Join(mods, ","), zone)
	}
	return fmt.Sprintf("%s(%s)", name, strings.Join(mods, ","))
}

// ownType is a type that the database has besides PostgreSQL's own. A domain is what it is made of.
func (c *converter) ownType(schema, name string) string {
	if c.facts == nil {
		return ""
	}
	schemas := c.catalog.Path
	if schema != "" {
		schemas = []string{schema}
	}
	for _, schema := range schemas {
		if t := c.facts.types[schema+"."+name]; t != "" {
			if does := c.facts.conditions[schema+"."+name]; does != "" {
				c.doubt("makes a value of the type %s, which %s", name, does)
			}
			return t
		}
	}
	return ""
}

// A kind of type is how its values are compared.
type typeKind uint8

const (
	otherType typeKind = iota
	integerType
	oidType
	numericType
	floatType
	boolType
	textType
	blankType // character(n), where trailing blanks count for nothing
	nameType
	citextType
	uuidType
	dateType
	timestampType
	timestamptzType
	enumType
	byteaType
)

// typeKinds :: type without its modifiers → kind
var typeKinds = map[string]typeKind{
	"smallint": integerType, "integer": integerType, "bigint": integerType, "oid": oidType, "numeric": numericType,
	"double precision": floatType, "boolean": boolType, "text": textType, "character varying": textType,
	"character": blankType, "name": nameType, "uuid": uuidType, "date": dateType, "bytea": byteaType,
	"timestamp without time zone": timestampType, "timestamp with time zone": timestamptzType,
}

// A columnType is a type taken apart.
type columnType struct {
	kind typeKind
	base string // without modifiers
	mods []int
}

// typeOf takes the type of a column apart.
func typeOf(column *moneyclip.Column) columnType { return parseType(column.Type) }

func parseType(typ string) columnType {
	t := columnType{base: typ}
	before, rest, _ := strings.Cut(typ, "(")
	if inner, after, ok := strings.Cut(rest, ")"); ok {
		for _, text := range strings.Split(inner, ",") {
			var n int
			if _, err := fmt.Sscan(text, &n); err != nil {
				return columnType{}
			}
			t.mods = append(t.mods, n)
		}
		t.base = before + after
	}
	t.kind = typeKinds[t.base]
	switch {
	case strings.HasPrefix(typ, enumPrefix):
		t.kind = enumType
	case strings.HasSuffix(typ, ".citext"):
		t.kind = citextType
	}
	return t
}

// enumPrefix marks the type of a column as one that lists its values: "enum public.mood".
const enumPrefix = "enum "

// classOf is equal for types which call the same values equal and store them alike.
func classOf(typ string) string {
	t := parseType(typ)
	switch t.kind {
	case integerType:
		return "integer"
	case textType:
		if len(t.mods) == 0 {
			return "text"
		}
	}
	return typ
}

// isHarmless reports whether a value that is converted to this type is, for the column, what it was.
func isHarmless(column *moneyclip.Column, typ string) bool {
	to, own := parseType(typ), typeOf(column)
	switch own.kind {
	case integerType:
		return to.kind == integerType // a value that does not fit is an error
	case textType:
		return to.kind == textType && len(to.mods) == 0
	case otherType, blankType:
		return false
	}
	return typ == column.Type || len(to.mods) == 0 && to.base == own.base
}
