package postgres

import (
	"slices"

	"github.com/moneyclip/moneyclip"
)

// facts are what the catalog knows besides tables. They are in its Own.
type facts struct {
	functions  map[string]volatility // :: "schema.function" → the worst of those that share the name
	schemas    map[string][]string   // :: function → the schemas that have one of that name
	harmless   map[string]bool       // volatile functions of extensions that are known to write nothing
	unary      map[string]bool       // :: function of the database's own that can be called with one argument → whether that may be a row
	returns    map[string]int        // :: function → whether its result may be a text; empty: that is not known
	rows       map[string]bool       // what a column has as its Type that holds rows
	operators  map[string][]name     // :: operator → the functions of its namesakes that are not immutable
	types      map[string]string     // :: "schema.type" → what a column of that type has as its Type
	conditions map[string]string     // :: "schema.type" → why to make a value of that type may write anything
	system     map[string]bool       // tables and views in pg_catalog
	writers    map[string]string     // :: view, or table with policies → why a SELECT from it may write anything
	refreshes  map[string]string     // :: materialized view → why to refresh it may write anything
	plain      map[string]string     // :: view that shows columns of one table by their names → that table
	below      map[string]string     // :: view → the view that it is right on

	codes    map[string][]*code // :: "schema.function" → the functions of that name that may write
	effects  map[string]*effect // :: the same → what they do
	effectOf func(name string) *effect
	defaults map[moneyclip.ColumnName]*effect // what the defaults of columns do
	// defaultOf is what the default of a column does; nil: it has none that might do anything.
	defaultOf func(column moneyclip.ColumnName) *effect
	events    effect // of what fires beside statements that change the schema
}

// A name is that of something in a schema.
type name struct{ schema, name string }

func newFacts() *facts {
	return &facts{
		functions: map[string]volatility{}, schemas: map[string][]string{}, harmless: map[string]bool{},
		unary: map[string]bool{}, rows: map[string]bool{}, operators: map[string][]name{}, returns: map[string]int{}, types: map[string]string{}, conditions: map[string]string{}, system: map[string]bool{}, writers: map[string]string{}, plain: map[string]string{}, below: map[string]string{}, refreshes: map[string]string{},
		codes: map[string][]*code{}, effects: map[string]*effect{}, defaults: map[moneyclip.ColumnName]*effect{},
	}
}

func (f *facts) add(schema, name string, v volatility) {
	key := schema + "." + name
	if _, known := f.functions[key]; !known {
		f.schemas[name] = append(f.schemas[name], schema)
	}
	f.functions[key] = max(f.functions[key], v)
}

// lookup is the worst that a function's name can mean, and whether it is one of PostgreSQL's own. Which of several
// functions of a name is called follows from the types of its arguments, and so may be in any schema of the path.
func (f *facts) lookup(schema, name string, path []string) (worst volatility, system bool) {
	system = true
	for _, s := range f.schemas[name] {
		if schema != "" && s != schema || schema == "" && s != "pg_catalog" && path != nil && !slices.Contains(path, s) {
			continue
		}
		v := f.functions[s+"."+name]
		own := s == "pg_catalog"
		if v > worst || v == worst && !own {
			worst, system = v, own
		}
	}
	return worst, system
}
