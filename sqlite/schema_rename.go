package sqlite

import (
	"slices"

	"github.com/sqlc-dev/meyer/ast"
)

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
