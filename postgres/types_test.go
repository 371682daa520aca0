package postgres

import (
	"testing"

	"github.com/moneyclip/moneyclip"
	pg "github.com/sqlc-dev/oliphant"
)

// A type is spelled as the catalog spells it, whichever of its names a text has.
func TestTypeNames(t *testing.T) {
	catalog := testCatalog()
	catalog.Path = []string{"shop", "public"}
	for typ, want := range map[string]string{
		"bool": "boolean", "boolean": "boolean", "int2": "smallint", "smallint": "smallint", "int4": "integer", "int": "integer",
		"int8": "bigint", "float4": "real", "real": "real", "float8": "double precision", "float": "double precision",
		"varchar(3)": "character varying(3)", "text": "text", "char(2)": "character(2)", "bpchar": "character",
		"decimal(10,2)": "numeric(10,2)", "numeric": "numeric", "timestamp": "timestamp without time zone",
		"timestamptz(3)": "timestamp(3) with time zone", "timestamp(0)": "timestamp(0) without time zone",
		"time": "time without time zone", "timetz": "time with time zone", "varbit": "bit varying", "uuid": "uuid",
		"int[]": "integer[]", "int[][]": "integer[][]", "mood": "enum public.mood", "public.mood": "enum public.mood", "mood[]": "enum public.mood[]",
		"short": "character varying(5)", "shop.mood": "mood", "numeric('10')": "?", "SETOF int": "?",
	} {
		tree, err := pg.Parse("SELECT $1::" + typ)
		if err != nil {
			t.Fatal(err)
		}
		cast := tree.Stmts[0].Stmt.GetSelectStmt().TargetList[0].GetResTarget().Val.GetTypeCast()
		if got := newConverter(catalog).typeName(cast.TypeName); got != want {
			t.Errorf("typeName(%s) = %q, want %q", typ, got, want)
		}
	}
}

// A conversion is passed over only if it leaves a value, for the column, what it was.
func TestHarmless(t *testing.T) {
	for _, tt := range []struct {
		column, typ string
		want        bool
	}{
		{"bigint", "smallint", true}, {"integer", "bigint", true}, {"bigint", "numeric", false},
		{"text", "character varying", true}, {"character varying(3)", "text", true}, {"text", "character varying(3)", false}, {"text", "uuid", false},
		{"numeric(10,2)", "numeric", true}, {"numeric(10,2)", "numeric(10,2)", true}, {"numeric(10,2)", "numeric(10,1)", false},
		{"numeric", "numeric(10,2)", false}, {"numeric", "double precision", false},
		{"timestamp(3) with time zone", "timestamp with time zone", true}, {"timestamp with time zone", "timestamp without time zone", false},
		{"character(4)", "character(4)", false}, {"real", "real", false}, {"enum public.mood", "enum public.mood", true},
		{"enum public.mood", "enum shop.mood", false}, {"uuid", "uuid", true}, {"uuid", "text", false},
	} {
		if got := isHarmless(&moneyclip.Column{Type: tt.column}, tt.typ); got != tt.want {
			t.Errorf("isHarmless(%s, %s) = %v, want %v", tt.column, tt.typ, got, tt.want)
		}
	}
}

// Columns whose types are of one class may stand for each other.
func TestClasses(t *testing.T) {
	for _, tt := range []struct {
		x, y string
		want bool
	}{
		{"smallint", "bigint", true}, {"integer", "bigint", true}, {"bigint", "oid", false}, {"text", "character varying", true},
		{"text", "character varying(3)", false}, {"character varying(3)", "character varying(3)", true}, {"text", "integer", false},
		{"numeric(10,2)", "numeric(10,1)", false}, {"uuid", "uuid", true}, {"date", "timestamp without time zone", false},
	} {
		if got := classOf(tt.x) == classOf(tt.y); got != tt.want {
			t.Errorf("%s and %s are of one class: %v, want %v", tt.x, tt.y, got, tt.want)
		}
	}
}
