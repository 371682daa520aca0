package postgres

import "github.com/moneyclip/moneyclip"

// testCatalog is a small database: authors and their books, a view, and functions of each kind.
func testCatalog() *moneyclip.Catalog {
	column := func(name, typ string, notNull bool) *moneyclip.Column {
		return &moneyclip.Column{
			Name: name, Type: typ, Class: classOf(typ), NotNull: notNull, Default: moneyclip.Value{Kind: moneyclip.ValueConst},
		}
	}
	authors := &moneyclip.Table{
		Name: "public.authors",
		Columns: []*moneyclip.Column{
			column("id", "bigint", true), column("name", "text", true), column("city", "character varying(50)", false),
			column("code", "character(4)", false), column("price", "numeric(10,2)", false), column("at", "timestamp with time zone", false),
			column("day", "date", false), column("mood", "enum public.mood", false), column("key", "uuid", false),
			column("stamp", "timestamp without time zone", false), column("nick", "public.citext", false), column("tag", "name", false),
			column("ratio", "double precision", false), column("spot", "point", false),
		},
		Unique: []moneyclip.UniqueKey{{Columns: []string{"id"}}, {Columns: []string{"name"}}},
		Keys: []moneyclip.ForeignKey{{
			Child: "public.books", Columns: []string{"author_id"}, ParentColumns: []string{"id"}, OnDelete: moneyclip.Cascade,
		}},
	}
	books := &moneyclip.Table{
		Name: "public.books",
		Columns: []*moneyclip.Column{
			column("id", "integer", true), column("author_id", "integer", true), column("title", "text", false), column("pages", "integer", false),
		},
		Unique: []moneyclip.UniqueKey{{Columns: []string{"id"}}},
	}
	titles := &moneyclip.Table{
		Name: "public.titles", View: true, Columns: []*moneyclip.Column{column("title", "text", false)},
		Reads: []moneyclip.TableRead{{Table: "public.books", All: true}},
	}
	lengths := &moneyclip.Table{
		Name: "public.lengths", View: true, Columns: []*moneyclip.Column{column("title", "text", false), column("n", "integer", false)},
		Reads: []moneyclip.TableRead{{Table: "public.books", All: true}},
	}
	shown := &moneyclip.Table{
		Name: "public.shown", View: true, Columns: []*moneyclip.Column{column("id", "integer", false), column("title", "text", false)},
		Reads: []moneyclip.TableRead{{Table: "public.books", All: true}},
	}
	opaque := &moneyclip.Table{
		Name: "public.clouded", View: true, Opaque: "it is a view that is not understood", Columns: []*moneyclip.Column{column("id", "integer", false)},
		Reads: []moneyclip.TableRead{{Table: "public.books", All: true}},
	}
	replaced := &moneyclip.Table{
		Name: "public.replaced", View: true, Columns: []*moneyclip.Column{column("id", "integer", false), column("title", "text", false)},
		Reads:    []moneyclip.TableRead{{Table: "public.books", All: true}},
		Triggers: []moneyclip.Trigger{{Op: moneyclip.Update, Instead: true}},
	}
	constants := &moneyclip.Table{Name: "public.constants", View: true, Columns: []*moneyclip.Column{column("id", "integer", false)}}
	joined := &moneyclip.Table{
		Name: "public.joined", View: true, Columns: []*moneyclip.Column{column("id", "integer", false)},
		Reads: []moneyclip.TableRead{{Table: "public.books"}, {Table: "public.authors"}},
	}
	secret := &moneyclip.Table{
		Name: "public.secret", Columns: []*moneyclip.Column{column("id", "integer", true)}, Guarded: "it has row security",
		Unique: []moneyclip.UniqueKey{{Columns: []string{"id"}}},
	}
	other := &moneyclip.Table{Name: "shop.authors", Columns: []*moneyclip.Column{column("id", "integer", true)}}
	f := newFacts()
	for name, v := range map[string]volatility{
		"lower": immutable, "count": immutable, "max": immutable, "concat": stable, "to_char": stable, "age": stable, "now": stable,
		"generate_series": stable, "random": volatile, "nextval": volatile, "set_config": volatile, "current_setting": stable,
		"pg_sleep": volatile, "date_trunc": stable, "timezone": stable, "extract": immutable, "query_to_xml": volatile, "unnest": immutable,
	} {
		f.add("pg_catalog", name, v)
	}
	f.add("public", "pure_own", immutable)
	f.add("public", "reads_own", stable)
	f.add("public", "writes_own", volatile)
	f.add("public", "uuid_generate_v4", volatile)
	f.add("shop", "lower", volatile)
	f.harmless["uuid_generate_v4"] = true
	f.unary["whole"] = true
	f.add("public", "whole", volatile)
	f.unary["label"] = true
	f.add("public", "label", stable)
	for _, name := range []string{"caption", "title"} {
		f.unary[name] = false
		f.add("public", name, stable)
	}
	f.unary["pages"] = false
	f.add("public", "pages", immutable)
	f.types["public.mood"] = "enum public.mood"
	f.types["public.short"] = "character varying(5)"
	f.system["pg_class"] = true
	f.plain["public.titles"] = "public.books"
	f.plain["public.shown"], f.plain["public.clouded"], f.plain["public.replaced"] = "public.books", "public.books", "public.books"
	tables := map[string]*moneyclip.Table{}
	for _, t := range []*moneyclip.Table{authors, books, titles, lengths, shown, opaque, replaced, constants, joined, secret, other} {
		tables[t.Name] = t
	}
	return &moneyclip.Catalog{Tables: tables, Path: []string{"public"}, Own: f}
}
