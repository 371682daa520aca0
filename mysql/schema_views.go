package mysql

import (
	"fmt"
	"slices"

	"github.com/sqlc-dev/marino/ast"
)

func (s *draft) createView(n *ast.CreateViewStmt) error {
	name, old, err := s.table(n.ViewName)
	if err != nil {
		return err
	}
	if old != nil && !n.OrReplace {
		return fmt.Errorf("there is already a %s", name)
	}
	s.tables = slices.DeleteFunc(s.tables, func(t *relation) bool { return t == old })
	t := &relation{name: name, engine: ""}
	s.tables = append(s.tables, t)
	sel, ok := n.Select.(*ast.SelectStmt)
	if set, isSet := n.Select.(*ast.SetOprStmt); isSet {
		sel, ok = set.SelectList.Selects[0].(*ast.SelectStmt)
	}
	if !ok || sel.Fields == nil {
		t.definition, t.opaque = "?", "its columns are not understood"
		return nil
	}
	if !s.viewColumns(t, sel) {
		t.opaque = "its columns are not understood"
	}
	t.view, t.aliases = sel, n.Cols
	if n.Select != ast.StmtNode(sel) {
		t.view = nil // a UNION, whose columns are of types that follow from all its parts
	}
	t.rename()
	if t.definition = normal(n.Select); t.definition == "" {
		t.definition = "?"
	}
	return nil
}

// rename gives the columns of a view the names that it says.
func (t *relation) rename() {
	for i, alias := range t.aliases {
		if i < len(t.columns) {
			t.columns[i].name = alias.L
		}
	}
	for _, c := range t.columns {
		if t.view == nil {
			c.typ = "?"
		}
	}
}

// settleViews gives the views the types that the columns below them have in the end.
func (s *draft) settleViews() {
	for _, t := range s.tables {
		if t.view == nil || t.opaque != "" {
			continue
		}
		t.columns = nil
		s.viewColumns(t, t.view)
		t.rename()
		if slices.ContainsFunc(t.columns, func(c *attribute) bool { return c.typ == "" }) {
			t.columns = nil // it cannot be used any more
		}
	}
}

// A viewItem is a table in FROM, under the name that it has there.
type viewItem struct {
	name  string
	table *relation
}

// viewColumns gives a view the columns of a SELECT, in which all stars are written out.
func (s *draft) viewColumns(t *relation, n *ast.SelectStmt) bool {
	items, known := []viewItem(nil), true
	if n.From != nil {
		items, known = s.viewItems(n.From.TableRefs)
	}
	var fields []*ast.SelectField
	for _, f := range n.Fields.Fields {
		if f.WildCard == nil {
			fields = append(fields, f)
			t.columns = append(t.columns, s.viewColumn(f, items, known))
			continue
		}
		if !known {
			return false
		}
		for _, item := range items {
			if of := f.WildCard.Table.L; of != "" && of != item.name {
				continue
			}
			for _, c := range item.table.columns {
				t.columns = append(t.columns, show(c, c.name))
				fields = append(fields, &ast.SelectField{Expr: &ast.ColumnNameExpr{Name: &ast.ColumnName{
					Table: ast.NewCIStr(item.name), Name: ast.NewCIStr(c.name),
				}}})
			}
		}
	}
	n.Fields.Fields = fields
	return true
}

// show is a column as a view shows it.
func show(c *attribute, name string) *attribute {
	out := &attribute{name: name, typ: c.typ, collation: c.collation, notNull: c.notNull, value: c.value}
	if c.extra == "auto_increment" {
		out.value = "0"
	}
	return out
}

func (s *draft) viewColumn(f *ast.SelectField, items []viewItem, known bool) *attribute {
	out := &attribute{name: f.AsName.L, typ: "?"}
	e, ok := f.Expr.(*ast.ColumnNameExpr)
	if !ok {
		if out.name == "" {
			out.name = f.Text() // as MySQL calls it
		}
		return out
	}
	if out.name == "" {
		out.name = e.Name.Name.L
	}
	for _, item := range items {
		if of := e.Name.Table.L; of != "" && of != item.name {
			continue
		}
		if c := item.table.column(e.Name.Name.L); c != nil {
			return show(c, out.name)
		}
	}
	if known {
		out.typ = "" // there is no such column
	}
	return out
}

// viewItems are the tables of a FROM clause. False: it has more than tables.
func (s *draft) viewItems(n ast.ResultSetNode) ([]viewItem, bool) {
	switch n := n.(type) {
	case nil:
		return nil, true
	case *ast.Join:
		left, ok := s.viewItems(n.Left)
		if n.Right == nil {
			return left, ok
		}
		right, also := s.viewItems(n.Right)
		return append(left, right...), ok && also && len(n.Using) == 0 && !n.NaturalJoin
	case *ast.TableSource:
		name, ok := n.Source.(*ast.TableName)
		if !ok {
			return nil, false
		}
		t := s.find(name.Name.L)
		if t == nil || t.opaque != "" {
			return nil, false
		}
		item := viewItem{n.AsName.L, t}
		if item.name == "" {
			item.name = t.name
		}
		return []viewItem{item}, true
	}
	return nil, false
}
