package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/ddl"
	"github.com/sqlc-dev/meyer/ast"
)

var syntax = ddl.Syntax{Brackets: true}

// Schema is the catalog that a new database would have after these texts, for tools that have the schema files of a program
// and no database. Each text is a script or a migration, of which the part that undoes it is left out. A statement that is
// not understood makes its table opaque, or is part of the error where it is not about one table: what the catalog says of
// the rest holds all the same.
func Schema(texts ...string) (*moneyclip.Catalog, error) {
	s := &draft{}
	err := syntax.Each(texts, s.apply)
	b := &builder{catalog: &moneyclip.Catalog{Tables: map[string]*moneyclip.Table{}}, creates: map[string]create{}}
	slices.SortStableFunc(s.objects, func(x, y *object) int {
		return cmp.Or(strings.Compare(x.kind, y.kind), strings.Compare(x.name, y.name))
	})
	for _, o := range s.objects {
		b.objects = append(b.objects, *o)
	}
	b.build()
	for name, why := range s.opaque {
		if b.catalog.Tables[name] == nil {
			b.opaque(name, why)
		}
		b.catalog.Tables[name].Opaque = why
	}
	b.catalog.Digest = digest(texts...)
	return b.catalog, err
}

// A draft is a database in the making: what its own table of the schema would hold.
type draft struct {
	objects []*object
	opaque  map[string]string // :: table → the statement about it that was not understood
}

// find is the object of some kinds and a name, or nil.
func (s *draft) find(name string, kinds ...string) *object {
	for _, o := range s.objects {
		if o.name == name && slices.Contains(kinds, o.kind) {
			return o
		}
	}
	return nil
}

func (s *draft) drop(drops func(*object) bool) { s.objects = slices.DeleteFunc(s.objects, drops) }

// doubt makes a table opaque.
func (s *draft) doubt(table, why string) {
	if s.opaque == nil {
		s.opaque = map[string]string{}
	}
	s.opaque[table] = why
}

// apply takes one statement into account.
func (s *draft) apply(text string) error {
	stmt := protect(object{sql: text}.parse)
	if stmt == nil {
		subject := ddl.Subject(text)
		if subject == nil {
			return errors.New("it is not understood")
		}
		table, _ := ddl.Unquote(subject[len(subject)-1])
		s.doubt(fold(table), "a statement about it is not understood")
		return nil
	}
	switch n := stmt.(type) {
	case *ast.CreateTableStmt:
		return s.create(n.Temp, n.IfNotExists, "table", n.Name, "", n)
	case *ast.CreateVirtualTableStmt:
		return s.create(false, n.IfNotExists, "table", n.Name, "", n)
	case *ast.CreateViewStmt:
		return s.create(n.Temp, n.IfNotExists, "view", n.Name, "", n)
	case *ast.CreateIndexStmt:
		return s.create(false, n.IfNotExists, "index", n.Name, n.Table.Name, n)
	case *ast.CreateTriggerStmt:
		return s.create(n.Temp, n.IfNotExists, "trigger", n.Name, n.Table.Name.Name, n)
	case *ast.DropTableStmt:
		return s.remove(n.Name, "table", n.IfExists)
	case *ast.DropViewStmt:
		return s.remove(n.Name, "view", n.IfExists)
	case *ast.DropIndexStmt:
		return s.remove(n.Name, "index", n.IfExists)
	case *ast.DropTriggerStmt:
		return s.remove(n.Name, "trigger", n.IfExists)
	case *ast.AlterTableStmt:
		return s.alter(n)
	case *ast.AttachStmt:
		return errors.New("what it attaches is not known")
	case *ast.PragmaStmt:
		if name := fold(n.Name.Name.Name); name == "writable_schema" || name == "legacy_alter_table" {
			return fmt.Errorf("PRAGMA %s changes what statements mean", name)
		}
	case *ast.RollbackStmt:
		return errors.New("it undoes what was done before")
	case *ast.InsertStmt, *ast.UpdateStmt, *ast.DeleteStmt, *ast.SelectStmt, *ast.ExplainStmt, *ast.BeginStmt, *ast.CommitStmt,
		*ast.SavepointStmt, *ast.ReleaseStmt, *ast.DetachStmt, *ast.VacuumStmt, *ast.AnalyzeStmt, *ast.ReindexStmt:
		// It leaves the schema as it is.
	default:
		return errors.New("it is of a kind that is not understood")
	}
	return nil
}

// create adds an object. A table that is temporary is none of the schema.
func (s *draft) create(temporary, ifNotExists bool, kind string, name *ast.QualifiedName, table string, stmt ast.Stmt) error {
	if schema := schemaOf(name); temporary || schema == "temp" {
		return nil
	} else if schema != "" && schema != "main" {
		return fmt.Errorf("it is about the database %s", schema)
	}
	o := &object{kind: kind, name: fold(name.Name.Name), table: fold(table), stmt: stmt}
	kinds := []string{"table", "view", "index"}
	if kind == "trigger" {
		kinds = []string{"trigger"}
	}
	if s.find(o.name, kinds...) != nil {
		if ifNotExists {
			return nil
		}
		return fmt.Errorf("there is already a %s", o.name)
	}
	if table != "" && s.find(o.table, "table", "view") == nil && s.opaque[o.table] == "" {
		return fmt.Errorf("there is no table %s", o.table)
	}
	s.objects = append(s.objects, o)
	return nil
}

func schemaOf(name *ast.QualifiedName) string {
	if name.Schema == nil {
		return ""
	}
	return fold(name.Schema.Name)
}

// remove drops an object, and what is part of it.
func (s *draft) remove(name *ast.QualifiedName, kind string, ifExists bool) error {
	folded := fold(name.Name.Name)
	if s.find(folded, kind) == nil && s.opaque[folded] == "" {
		if ifExists || schemaOf(name) == "temp" {
			return nil
		}
		return fmt.Errorf("there is no %s %s", kind, folded)
	}
	delete(s.opaque, folded)
	s.drop(func(o *object) bool {
		return o.kind == kind && o.name == folded || (kind == "table" || kind == "view") && o.table == folded
	})
	return nil
}

// alter changes a table, and all that speaks of it, as SQLite does.
func (s *draft) alter(n *ast.AlterTableStmt) error {
	table := fold(n.Table.Name.Name)
	o := s.find(table, "table", "view")
	if o == nil {
		if s.opaque[table] != "" {
			return nil
		}
		return fmt.Errorf("there is no table %s", table)
	}
	create, _ := o.stmt.(*ast.CreateTableStmt)
	if n.Action == ast.AlterRenameTable {
		s.renameTable(o, fold(n.NewName.Name))
		return nil
	}
	if create == nil || create.Select != nil {
		s.doubt(table, "it was altered, and its columns are not known")
		return nil
	}
	at := -1
	if n.Column != nil && n.Action != ast.AlterAddColumn {
		at = slices.IndexFunc(create.Columns, func(c *ast.ColumnDef) bool { return fold(c.Name.Name) == fold(n.Column.Name) })
		if at < 0 {
			return fmt.Errorf("there is no column %s", n.Column.Name)
		}
	}
	switch n.Action {
	case ast.AlterAddColumn:
		create.Columns = append(create.Columns, n.ColumnDef)
	case ast.AlterDropColumn:
		create.Columns = slices.Delete(create.Columns, at, at+1)
	case ast.AlterRenameColumn:
		s.renameColumn(table, fold(n.Column.Name), n.NewName)
	case ast.AlterDropNotNull:
		create.Columns[at].Constraints = slices.DeleteFunc(create.Columns[at].Constraints,
			func(c *ast.ColumnConstraint) bool { return c.Kind == ast.ColumnNotNull })
	case ast.AlterSetNotNull:
		create.Columns[at].Constraints = append(create.Columns[at].Constraints,
			&ast.ColumnConstraint{Kind: ast.ColumnNotNull, OnConflict: n.OnConflict})
	case ast.AlterAddConstraintCheck:
		// A condition is none of the catalog's.
	default:
		s.doubt(table, "it was altered in a way that is not understood")
	}
	return nil
}

// renameTable gives a table another name, also where other objects speak of it.
func (s *draft) renameTable(table *object, name string) {
	old := table.name
	table.name = name
	if why := s.opaque[old]; why != "" {
		delete(s.opaque, old)
		s.doubt(name, why)
	}
	for _, o := range s.objects {
		if o.table == old {
			o.table = name
		}
		isShadowed := false
		ast.Walk(o.stmt, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CTE:
				isShadowed = isShadowed || fold(n.Name.Name) == old
			case *ast.QualifiedName:
				if o.kind != "index" && o.kind != "trigger" || n != nameOf(o.stmt) {
					replace(n.Name, old, name)
				}
			case *ast.ForeignKeyClause:
				replace(n.Table, old, name)
			case *ast.CreateIndexStmt:
				replace(n.Table, old, name)
			case *ast.QualifiedRef:
				replace(n.Parts[len(n.Parts)-2], old, name)
			case *ast.Star:
				if n.Table != nil {
					replace(n.Table, old, name)
				}
			}
			return true
		})
		if isShadowed {
			s.unclear(o)
		}
	}
}

// unclear gives an object a definition that is not understood.
func (s *draft) unclear(o *object) { o.stmt, o.sql = nil, "?" }

func nameOf(stmt ast.Stmt) *ast.QualifiedName {
	switch n := stmt.(type) {
	case *ast.CreateIndexStmt:
		return n.Name
	case *ast.CreateTriggerStmt:
		return n.Name
	}
	return nil
}

func replace(id *ast.Ident, old, name string) bool {
	if fold(id.Name) != old {
		return false
	}
	id.Name, id.Raw = name, quote(name)
	return true
}

// renameColumn gives a column another name, also where other objects speak of it. One of which it is not sure that it means
// this column is not understood any more.
func (s *draft) renameColumn(table, old string, to *ast.Ident) {
	for _, o := range s.objects {
		r := &renaming{table: table, old: old, to: to.Name, skip: map[ast.Node]bool{}, called: map[string]string{}}
		switch n := o.stmt.(type) {
		case *ast.CreateTableStmt:
			r.isOwn = o.name == table
		case *ast.CreateIndexStmt:
			r.isOwn = o.table == table
		case *ast.CreateTriggerStmt:
			r.called["new"], r.called["old"] = o.table, o.table
			r.assigned(n.Table, n.UpdateOf)
			s.look(r, n.Body)
		case *ast.CreateViewStmt:
			s.look(r, []ast.Stmt{n.Select})
			r.keep(n.Columns)
		case nil:
			continue
		}
		ast.Walk(o.stmt, r.visit)
		if r.unclear {
			s.unclear(o)
		}
	}
}

// A renaming gives the column of a table another name in one object.
type renaming struct {
	table, old, to string
	isOwn          bool              // the object is the table, or an index of it
	isNamed        bool              // by the tables that statements in it name, a column of the name may be this one
	hasOther       bool              // or one of another table
	called         map[string]string // :: alias → table
	skip           map[ast.Node]bool // names that are not to be changed
	unclear        bool
}

// look notes which tables some statements name.
func (s *draft) look(r *renaming, stmts []ast.Stmt) {
	for _, stmt := range stmts {
		ast.Walk(stmt, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CTE:
				r.hasOther = true
			case *ast.QualifiedName:
				name := fold(n.Name.Name)
				r.isNamed = r.isNamed || name == r.table
				r.hasOther = r.hasOther || name != r.table && s.has(name, r.old)
				r.called[name] = name
			case *ast.TableRef:
				if n.Alias != nil && n.Name != nil {
					r.called[fold(n.Alias.Name)] = fold(n.Name.Name.Name)
				}
			}
			return true
		})
	}
}

// has reports whether a table or a view may have a column of that name.
func (s *draft) has(table, column string) bool {
	o := s.find(table, "table", "view")
	if o == nil {
		return false
	}
	create, ok := o.stmt.(*ast.CreateTableStmt)
	return !ok || create.Select != nil || slices.ContainsFunc(create.Columns, func(c *ast.ColumnDef) bool {
		return fold(c.Name.Name) == column
	})
}

// keep leaves names alone.
func (r *renaming) keep(columns []*ast.IndexedColumn) {
	for _, c := range columns {
		r.skip[c.Name] = true
	}
}

// alias leaves the name alone that something is given, by which it might be meant elsewhere.
func (r *renaming) alias(id *ast.Ident) {
	if id != nil {
		r.skip[id] = true
		r.unclear = r.unclear || fold(id.Name) == r.old && r.isNamed
	}
}

// assigned are columns of the table that a statement writes.
func (r *renaming) assigned(table *ast.QualifiedName, ids []*ast.Ident) {
	for _, id := range ids {
		if fold(table.Name.Name) == r.table {
			replace(id, r.old, r.to)
		}
		r.skip[id] = true
	}
}

func (r *renaming) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.QualifiedName, *ast.TableOption, *ast.ForeignKeyArg:
		return false
	case *ast.ResultColumn:
		r.alias(n.Alias)
	case *ast.TableRef:
		r.alias(n.Alias)
		r.skip[n.IndexedBy] = true
	case *ast.FuncCall:
		r.skip[n.Name] = true
	case *ast.CollateExpr:
		r.skip[n.Name] = true
	case *ast.CreateIndexStmt:
		r.skip[n.Table] = true
	case *ast.ColumnConstraint:
		r.skip[n.Name], r.skip[n.Collation], r.skip[n.GeneratedKind] = true, true, true
	case *ast.TableConstraint:
		r.skip[n.Name] = true
	case *ast.IndexedColumn:
		r.skip[n.Collation] = true
	case *ast.ForeignKeyClause:
		r.skip[n.Table] = true
		for _, c := range n.Columns {
			if fold(n.Table.Name) == r.table {
				replace(c.Name, r.old, r.to)
			}
		}
		return false
	case *ast.InsertStmt:
		r.assigned(n.Table, n.Columns)
		for _, u := range n.Upserts {
			for _, set := range u.Set {
				r.assigned(n.Table, set.Columns)
			}
		}
	case *ast.UpdateStmt:
		for _, set := range n.Set {
			r.assigned(n.Table, set.Columns)
		}
	case *ast.QualifiedRef:
		column := n.Parts[len(n.Parts)-1]
		switch table, known := r.called[fold(n.Parts[len(n.Parts)-2].Name)]; {
		case r.isOwn || known && table == r.table:
			replace(column, r.old, r.to)
		case !known && fold(column.Name) == r.old && r.isNamed:
			r.unclear = true
		}
		return false
	case *ast.Ident:
		switch {
		case r.skip[n] || fold(n.Name) != r.old:
		case r.isOwn || r.isNamed && !r.hasOther:
			replace(n, r.old, r.to)
		case r.isNamed:
			r.unclear = true
		}
	}
	return true
}
