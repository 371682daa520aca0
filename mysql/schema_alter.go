package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sqlc-dev/marino/ast"
)

func (t *relation) dropIndex(name string, ifExists bool) error {
	name = strings.ToLower(name)
	before := len(t.indexes)
	t.indexes = slices.DeleteFunc(t.indexes, func(i *index) bool { return i.name == name })
	// A foreign key makes an index of its name, which is not listed here.
	if len(t.indexes) == before && !ifExists && !slices.ContainsFunc(t.keys, func(k *foreignKey) bool { return k.name == name }) {
		return fmt.Errorf("there is no index %s", name)
	}
	return nil
}

func (t *relation) dropKey(name string) bool {
	before := len(t.keys)
	t.keys = slices.DeleteFunc(t.keys, func(k *foreignKey) bool { return k.name == strings.ToLower(name) })
	return len(t.keys) < before
}

func (s *draft) alterTable(n *ast.AlterTableStmt) error {
	t, err := s.existing(n.Table)
	if err != nil {
		return err
	}
	// What a column is that was part of the key is said by the rest, wherever that stands.
	specs := slices.Clone(n.Specs)
	slices.SortStableFunc(specs, func(a, b *ast.AlterTableSpec) int {
		return rank(a) - rank(b)
	})
	for _, spec := range specs {
		if err := s.alter(t, spec); err != nil {
			return err
		}
	}
	return nil
}

// alter carries out one part of ALTER TABLE.
func (s *draft) alter(t *relation, n *ast.AlterTableSpec) error {
	find := func(name *ast.ColumnName) (int, error) {
		at := slices.IndexFunc(t.columns, func(c *attribute) bool { return c.name == name.Name.L })
		if at < 0 && t.opaque == "" {
			return at, fmt.Errorf("there is no column %s", name.Name.L)
		}
		return at, nil
	}
	switch n.Tp {
	case ast.AlterTableOption:
		t.options(s, n.Options)
	case ast.AlterTableAddColumns:
		for _, def := range n.NewColumns {
			if n.IfNotExists && t.column(def.Name.Name.L) != nil {
				continue
			}
			t.put(t.attribute(s, def), n.Position, len(t.columns))
			if err := t.columnConstraints(def); err != nil {
				return err
			}
		}
		for _, c := range n.NewConstraints {
			if err := t.constrain(c); err != nil {
				return err
			}
		}
	case ast.AlterTableAddConstraint:
		return t.constrain(n.Constraint)
	case ast.AlterTableDropColumn:
		if n.IfExists && t.column(n.OldColumnName.Name.L) == nil {
			return nil
		}
		at, err := find(n.OldColumnName)
		if at >= 0 {
			t.dropColumn(at)
		}
		return err
	case ast.AlterTableModifyColumn, ast.AlterTableChangeColumn:
		def := n.NewColumns[0]
		old := def.Name
		if n.Tp == ast.AlterTableChangeColumn {
			old = n.OldColumnName
		}
		at, err := find(old)
		if at < 0 {
			return err
		}
		c := t.attribute(s, def)
		if slices.ContainsFunc(t.indexes, func(i *index) bool { return i.name == "primary" && slices.Contains(i.columns, old.Name.L) }) {
			c.notNull = true
		}
		s.renameColumn(t, old.Name.L, c.name)
		t.columns = slices.Delete(t.columns, at, at+1)
		t.put(c, n.Position, at)
		return t.columnConstraints(def)
	case ast.AlterTableRenameColumn:
		if _, err := find(n.OldColumnName); err != nil {
			return err
		}
		s.renameColumn(t, n.OldColumnName.Name.L, n.NewColumnName.Name.L)
	case ast.AlterTableAlterColumn:
		def := n.NewColumns[0]
		at, err := find(def.Name)
		if at < 0 {
			return err
		}
		t.columns[at].value = nil
		for _, o := range def.Options {
			t.columns[at].setDefault(o.Expr)
		}
	case ast.AlterTableDropPrimaryKey:
		return t.dropIndex("primary", n.IfExists)
	case ast.AlterTableDropIndex:
		return t.dropIndex(n.Name, n.IfExists)
	case ast.AlterTableDropForeignKey:
		if !t.dropKey(n.Name) && !n.IfExists {
			t.opaque = "its foreign key " + n.Name + " was dropped, which is not known"
		}
	case ast.AlterTableDropCheck: // and DROP CONSTRAINT, which may be of any kind
		if name := n.Constraint.Name; !t.dropKey(name) {
			_ = t.dropIndex(name, true)
		}
	case ast.AlterTableRenameIndex:
		for _, i := range t.indexes {
			if i.name == n.FromKey.L {
				i.name = n.ToKey.L
			}
		}
	case ast.AlterTableRenameTable:
		return s.rename(&ast.TableName{Name: ast.NewCIStr(t.name)}, n.NewTable)
	}
	return nil // the catalog has nothing of it: partitions, locks, conditions
}

// put puts a column into its place.
func (t *relation) put(c *attribute, p *ast.ColumnPosition, at int) {
	if p != nil {
		switch p.Tp {
		case ast.ColumnPositionFirst:
			at = 0
		case ast.ColumnPositionAfter:
			at = 1 + slices.IndexFunc(t.columns, func(c *attribute) bool { return c.name == p.RelativeColumn.Name.L })
		}
	}
	t.columns = slices.Insert(t.columns, min(at, len(t.columns)), c)
}

// dropColumn drops a column, also from the indexes that have others.
func (t *relation) dropColumn(at int) {
	name := t.columns[at].name
	t.columns = slices.Delete(t.columns, at, at+1)
	for _, i := range t.indexes {
		if n := slices.Index(i.columns, name); n >= 0 {
			i.columns, i.parts = slices.Delete(i.columns, n, n+1), slices.Delete(i.parts, n, n+1)
		}
	}
	t.indexes = slices.DeleteFunc(t.indexes, func(i *index) bool { return len(i.columns) == 0 })
}

func (s *draft) renameColumn(t *relation, old, name string) {
	if old == name {
		return
	}
	change := func(list []string) {
		for i := range list {
			if list[i] == old {
				list[i] = name
			}
		}
	}
	if c := t.column(old); c != nil {
		c.name = name
	}
	for _, i := range t.indexes {
		change(i.columns)
	}
	for _, other := range s.tables {
		for _, k := range other.keys {
			if other == t {
				change(k.columns)
			}
			if k.parent == t.name {
				change(k.parents)
			}
		}
	}
}
