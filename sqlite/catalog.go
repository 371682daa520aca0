package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/digest"
	"github.com/sqlc-dev/meyer/ast"
)

// catalogQuery reads the whole schema, as SQLite itself keeps it.
const catalogQuery = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"

// Catalog implements [moneyclip.Dialect].
func (dialect) Catalog(ctx context.Context, ask moneyclip.Asker) (*moneyclip.Catalog, error) {
	rows, err := ask(ctx, catalogQuery)
	if err != nil {
		return nil, err
	}
	b := &builder{catalog: &moneyclip.Catalog{Tables: map[string]*moneyclip.Table{}}, creates: map[string]create{}}
	var parts []string
	for _, row := range rows {
		if len(row) != 4 {
			return nil, fmt.Errorf("sqlite: the schema has %d columns where there should be 4", len(row))
		}
		o := object{kind: asText(row[0]), name: fold(asText(row[1])), table: fold(asText(row[2])), sql: asText(row[3])}
		parts = append(parts, o.kind, o.name, o.table, o.sql)
		// SQLite's own tables and the indexes of constraints.
		if !strings.HasPrefix(o.name, "sqlite_") {
			b.objects = append(b.objects, o)
		}
	}
	b.build()
	b.catalog.Digest = digest.Of(parts...)
	return b.catalog, nil
}

// object is one row of the schema. Where there is no database to have one, it has a tree instead of the text.
type object struct {
	kind, name, table, sql string
	stmt                   ast.Stmt
}

func (o object) parse() ast.Stmt {
	if o.stmt != nil {
		return o.stmt
	}
	stmts, ok := parse(o.sql)
	if !ok || len(stmts) != 1 {
		return nil
	}
	return stmts[0]
}

type builder struct {
	catalog *moneyclip.Catalog
	objects []object
	creates map[string]create // :: table name → its definition
	fails   bool              // something in the schema ends statements so that what they have done stays
}

type create struct {
	stmt    *ast.CreateTableStmt
	primary []string // columns of the primary key
}

// build goes from what stands alone to what refers to others: tables, indexes, foreign keys, views, triggers.
func (b *builder) build() {
	var virtual []string
	for _, o := range b.objects {
		if o.kind != "table" {
			continue
		}
		switch stmt := protect(o.parse).(type) {
		case *ast.CreateTableStmt:
			b.table(o.name, stmt)
		case *ast.CreateVirtualTableStmt:
			virtual = append(virtual, o.name)
			b.opaque(o.name, "a virtual table")
		default:
			b.opaque(o.name, "its definition is not understood")
		}
	}
	for name, table := range b.catalog.Tables {
		for _, v := range virtual {
			if strings.HasPrefix(name, v+"_") && table.Opaque == "" {
				table.Opaque = "it may be part of the virtual table " + v
			}
		}
	}
	for _, o := range b.objects {
		if o.kind == "index" {
			b.index(o)
		}
	}
	for name := range b.creates {
		b.foreignKeys(name)
	}
	for _, table := range b.catalog.Tables {
		slices.SortFunc(table.Keys, func(x, y moneyclip.ForeignKey) int {
			return cmp.Or(strings.Compare(x.Child, y.Child), slices.Compare(x.Columns, y.Columns))
		})
	}
	b.views()
	for _, o := range b.objects {
		if o.kind == "trigger" {
			b.trigger(o)
		}
	}
	if b.fails { // perhaps a statement that fires others first
		for _, table := range b.catalog.Tables {
			for i := range table.Triggers {
				table.Triggers[i].Skips = table.Triggers[i].Early && table.Triggers[i].Op == moneyclip.Insert
			}
		}
	}
}

// protect runs the parser so that its falling over is a definition that is not understood.
func protect(parse func() ast.Stmt) (stmt ast.Stmt) {
	defer func() {
		if recover() != nil {
			stmt = nil
		}
	}()
	return parse()
}

func (b *builder) opaque(name, why string) {
	b.catalog.Tables[name] = &moneyclip.Table{Name: name, Opaque: why}
}

// tableOptions are WITHOUT ROWID and STRICT.
type tableOptions struct{ withoutRowid, strict bool }

func (b *builder) table(name string, stmt *ast.CreateTableStmt) {
	if stmt.Select != nil || len(stmt.Columns) == 0 {
		b.opaque(name, "its definition is not understood")
		return
	}
	t := &moneyclip.Table{Name: name}
	var options tableOptions
	for _, option := range stmt.Options {
		options.withoutRowid = options.withoutRowid || option.Without
		options.strict = options.strict || fold(option.Name.Name) == "strict"
	}
	c := create{stmt: stmt}
	for _, def := range stmt.Columns {
		c.primary = append(c.primary, b.column(t, def, options)...)
	}
	for _, constraint := range stmt.Constraints {
		b.conflict(t, constraint.OnConflict)
		switch constraint.Kind {
		case ast.TablePrimaryKey:
			key := uniqueKey(t, constraint.Columns)
			t.Unique = append(t.Unique, key)
			c.primary = key.Columns
			if len(key.Columns) == 1 && len(constraint.Columns) == 1 && !options.withoutRowid {
				if isInteger(t.Column(key.Columns[0])) {
					t.Serial = key.Columns[0]
				}
			}
		case ast.TableUnique:
			t.Unique = append(t.Unique, uniqueKey(t, constraint.Columns))
		}
	}
	if options.withoutRowid || options.strict {
		for _, column := range c.primary {
			if col := t.Column(column); col != nil && column != t.Serial {
				col.NotNull = true
			}
		}
	}
	for _, column := range t.Columns {
		if strings.ContainsAny(column.Type, "\"'`[") {
			t.Opaque = fmt.Sprintf("column %s has a type in quotes", column.Name)
		}
	}
	b.catalog.Tables[name] = t
	b.creates[name] = c
}

// conflict notes what the schema says of a row that cannot be written.
func (b *builder) conflict(t *moneyclip.Table, action ast.ConflictAction) {
	t.Replaces = t.Replaces || action == ast.ConflictReplace
	t.Skips = t.Skips || action == ast.ConflictIgnore
	b.fails = b.fails || action == ast.ConflictFail
}

// column adds a column to a table, and returns its name if it is the primary key.
func (b *builder) column(t *moneyclip.Table, def *ast.ColumnDef, options tableOptions) (primary []string) {
	col := &moneyclip.Column{Name: fold(def.Name.Name), Default: moneyclip.Value{Kind: moneyclip.ValueConst}}
	if def.Type != nil {
		col.Type = strings.TrimSpace(def.Type.Raw)
	}
	t.Columns = append(t.Columns, col)
	for _, constraint := range def.Constraints {
		b.conflict(t, constraint.OnConflict)
		switch constraint.Kind {
		case ast.ColumnNotNull:
			col.NotNull = true
		case ast.ColumnCollate:
			if collation := upper(constraint.Collation.Name); collation != "BINARY" {
				col.Collation = collation
			}
		case ast.ColumnDefault:
			col.Default = defaultValue(constraint.Expr)
		case ast.ColumnGenerated:
			col.Generated = true
			col.Default = moneyclip.Value{}
			// "GENERATED ALWAYS" are words that a type may end with.
			col.Type = strings.TrimSpace(cutSuffixFold(col.Type, "generated always"))
		case ast.ColumnUnique:
			t.Unique = append(t.Unique, moneyclip.UniqueKey{Columns: []string{col.Name}})
		case ast.ColumnPrimaryKey:
			primary = []string{col.Name}
			t.Unique = append(t.Unique, moneyclip.UniqueKey{Columns: []string{col.Name}})
			// A column that is INTEGER PRIMARY KEY DESC is not the rowid, by a mistake that SQLite keeps.
			if isInteger(col) && constraint.Order != ast.SortDesc && !options.withoutRowid {
				t.Serial = col.Name
			}
		}
	}
	if options.strict && fold(col.Type) == "any" {
		col.Type = "" // in a STRICT table ANY converts nothing
	}
	col.Class = fmt.Sprintf("%s %s", affinityOf(col.Type), collationOf(col))
	return primary
}

func cutSuffixFold(s, suffix string) string {
	if len(s) >= len(suffix) && fold(s[len(s)-len(suffix):]) == suffix {
		return s[:len(s)-len(suffix)]
	}
	return s
}

func isInteger(column *moneyclip.Column) bool { return column != nil && fold(column.Type) == "integer" }

// defaultValue is that of a DEFAULT clause, where a bare name is a text.
func defaultValue(e ast.Expr) moneyclip.Value {
	computed := moneyclip.Value{}
	if id, ok := e.(*ast.Ident); ok {
		switch name := fold(id.Name); {
		case name == "true" && id.Quote == ast.QuoteNone:
			return moneyclip.Value{Kind: moneyclip.ValueConst, Const: int64(1)}
		case name == "false" && id.Quote == ast.QuoteNone:
			return moneyclip.Value{Kind: moneyclip.ValueConst, Const: int64(0)}
		}
		return moneyclip.Value{Kind: moneyclip.ValueConst, Const: id.Name}
	}
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == ast.OpPlus {
		e = u.X
	}
	v, ok := constant(e)
	if !ok {
		return computed
	}
	return moneyclip.Value{Kind: moneyclip.ValueConst, Const: v}
}

// uniqueKey is the key over some terms; Odd where one of them is more than a column.
func uniqueKey(t *moneyclip.Table, terms []*ast.OrderingTerm) moneyclip.UniqueKey {
	var key moneyclip.UniqueKey
	for _, term := range terms {
		e := bare(term.Expr)
		collate, ok := e.(*ast.CollateExpr)
		if ok {
			e = bare(collate.X)
		}
		var name string
		switch e := e.(type) {
		case *ast.Ident:
			name = fold(e.Name)
		case *ast.Literal:
			if e.Kind == ast.LitString {
				name = fold(e.Value)
			}
		}
		column := t.Column(name)
		if column == nil {
			key.Odd = true
			continue
		}
		if collate != nil && collationOf(column) != upper(collate.Name.Name) {
			key.Odd = true
		}
		key.Columns = append(key.Columns, name)
	}
	return key
}

// collationOf is the collation of a column, by its name in the schema.
func collationOf(column *moneyclip.Column) string {
	if column.Collation == "" {
		return "BINARY"
	}
	return upper(column.Collation)
}

func (b *builder) index(o object) {
	t := b.catalog.Tables[o.table]
	if t == nil || o.sql == "" && o.stmt == nil {
		return
	}
	stmt, ok := protect(o.parse).(*ast.CreateIndexStmt)
	if !ok {
		t.Opaque = fmt.Sprintf("the definition of its index %s is not understood", o.name)
		return
	}
	if !stmt.Unique {
		return
	}
	key := uniqueKey(t, stmt.Columns)
	key.Odd = key.Odd || stmt.Where != nil
	t.Unique = append(t.Unique, key)
}
