package sqlite

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/ddl"
	"github.com/moneyclip/moneyclip/internal/digest"
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
	b.catalog.Digest = digest.Of(texts...)
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
