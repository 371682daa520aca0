package postgres

import (
	"fmt"
	"slices"

	pg "github.com/sqlc-dev/oliphant"
)

// move is ALTER ... SET SCHEMA.
func (s *draft) move(n *pg.AlterObjectSchemaStmt) error {
	if n.MissingOk && s.find(n.Relation.GetSchemaname(), n.Relation.GetRelname()) == nil {
		return nil
	}
	if _, err := s.home(n.Newschema); err != nil {
		return err
	}
	switch n.ObjectType {
	case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW:
		r, err := s.relation(n.Relation)
		if err != nil {
			return err
		}
		s.rowType(r).schema = n.Newschema
		r.schema = n.Newschema
	case pg.ObjectType_OBJECT_TYPE, pg.ObjectType_OBJECT_DOMAIN:
		if t := s.findType(lastOf(texts(n.Object.GetList().GetItems()))); t != nil {
			t.schema = n.Newschema
		}
	case pg.ObjectType_OBJECT_FUNCTION, pg.ObjectType_OBJECT_PROCEDURE, pg.ObjectType_OBJECT_ROUTINE:
		for _, f := range s.matching(n.Object.GetObjectWithArgs()) {
			f.schema = n.Newschema
		}
	case pg.ObjectType_OBJECT_EXTENSION:
		name := n.Object.GetString_().GetSval()
		for _, f := range s.routines {
			if f.extension == name {
				f.schema = n.Newschema
			}
		}
	}
	return nil
}

func (s *draft) rename(n *pg.RenameStmt) error {
	if n.MissingOk && s.find(n.Relation.GetSchemaname(), n.Relation.GetRelname()) == nil {
		return nil
	}
	switch n.RenameType {
	case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW, pg.ObjectType_OBJECT_FOREIGN_TABLE:
		r := s.find(n.Relation.Schemaname, n.Relation.Relname)
		if r == nil && s.renameIndex(n) {
			return nil
		} else if r == nil {
			_, err := s.relation(n.Relation)
			return err
		}
		s.rowType(r).name, r.name = n.Newname, n.Newname
	case pg.ObjectType_OBJECT_INDEX:
		s.renameIndex(n)
	case pg.ObjectType_OBJECT_COLUMN:
		r := s.find(n.Relation.Schemaname, n.Relation.Relname)
		if r == nil || r.column(n.Subname) == nil {
			return fmt.Errorf("there is no column %s", n.Subname)
		}
		for _, one := range s.family(r) {
			s.renameColumn(one, n.Subname, n.Newname)
		}
	case pg.ObjectType_OBJECT_TABCONSTRAINT:
		r, err := s.relation(n.Relation)
		if err != nil {
			return err
		}
		for _, one := range s.family(r) {
			for _, c := range one.constraints {
				if c.name == n.Subname {
					c.name = n.Newname
				}
			}
		}
		for _, i := range r.indexes {
			if i.name == n.Subname {
				i.name = n.Newname
			}
		}
	case pg.ObjectType_OBJECT_TRIGGER, pg.ObjectType_OBJECT_RULE:
		r, err := s.relation(n.Relation)
		if err != nil {
			return err
		}
		for _, one := range s.family(r) {
			for _, t := range one.triggers {
				if t.name == n.Subname && n.RenameType == pg.ObjectType_OBJECT_TRIGGER {
					t.name = n.Newname
				}
			}
		}
		for _, one := range r.rules {
			if one.name == n.Subname && n.RenameType == pg.ObjectType_OBJECT_RULE {
				one.name = n.Newname
			}
		}
	case pg.ObjectType_OBJECT_TYPE, pg.ObjectType_OBJECT_DOMAIN:
		if t := s.findType(lastOf(texts(n.Object.GetList().GetItems()))); t != nil {
			t.name = n.Newname
		}
	case pg.ObjectType_OBJECT_FUNCTION, pg.ObjectType_OBJECT_PROCEDURE, pg.ObjectType_OBJECT_ROUTINE:
		for _, f := range s.matching(n.Object.GetObjectWithArgs()) {
			f.name = n.Newname
		}
	case pg.ObjectType_OBJECT_SCHEMA:
		return s.renameSchema(n.Subname, n.Newname)
	case pg.ObjectType_OBJECT_DOMCONSTRAINT:
		if t := s.findType(lastOf(texts(n.Object.GetList().GetItems()))); t != nil {
			for _, c := range t.checks {
				if c.name == n.Subname {
					c.name = n.Newname
				}
			}
		}
	}
	return nil
}

func (s *draft) renameSchema(old, name string) error {
	at := slices.Index(s.spaces, old)
	if at < 0 {
		return fmt.Errorf("there is no schema %s", old)
	}
	s.spaces[at] = name
	for _, r := range s.relations {
		if r.schema == old {
			r.schema = name
		}
	}
	for _, t := range s.types {
		if t.schema == old {
			t.schema = name
		}
	}
	for _, f := range s.routines {
		if f.schema == old {
			f.schema = name
		}
	}
	return nil
}

func (s *draft) renameIndex(n *pg.RenameStmt) (found bool) {
	for _, r := range s.relations {
		for _, i := range r.indexes {
			if i.name == n.Relation.Relname && slices.Contains(s.lookIn(n.Relation.Schemaname), r.schema) {
				i.name, found = n.Newname, true
			}
		}
	}
	return found
}

// renameColumn gives a column another name. A view that stands on the table keeps the name that it shows.
func (s *draft) renameColumn(r *relation, old, name string) {
	change := func(list []string) []string {
		list = slices.Clone(list)
		for i := range list {
			if list[i] == old {
				list[i] = name
			}
		}
		return list
	}
	r.column(old).name = name
	for _, c := range r.columns {
		changeColumns(c.value, old, name)
	}
	for _, i := range r.indexes {
		i.columns = change(i.columns)
		for _, e := range i.exprs {
			changeColumns(e, old, name)
		}
	}
	for _, t := range r.triggers {
		t.columns = change(t.columns)
	}
	if r.parted != nil {
		for _, node := range r.parted.PartParams {
			if e := node.GetPartitionElem(); e.Name == old {
				e.Name = name
			}
		}
	}
	for _, other := range s.relations {
		for _, c := range other.constraints {
			if other == r {
				c.columns = change(c.columns)
				changeColumns(c.check, old, name)
			}
			if c.parent == r {
				c.parents = change(c.parents)
			}
		}
		switch {
		case !reads(other, r):
		case !names(other.query, old):
		case !other.renameBelow(r, old, name):
			other.opaque = "a column below it was renamed"
		}
	}
}

// renameBelow renames a column of a table in the query of a view. False: it cannot be told which columns are meant.
func (r *relation) renameBelow(below *relation, old, name string) bool {
	selects, clear := 0, true
	tables := map[string]*relation{}
	walk(r.query, func(m any) bool {
		switch m := m.(type) {
		case *pg.RangeVar:
			called := m.Relname
			if alias := m.Alias.GetAliasname(); alias != "" {
				called = alias
			}
			clear = clear && tables[called] == nil && r.reads[m] != nil && len(m.Alias.GetColnames()) == 0
			tables[called] = r.reads[m]
		case *pg.SelectStmt, *pg.RangeFunction:
			selects++
		case *pg.JoinExpr:
			clear = clear && !m.IsNatural && len(m.UsingClause) == 0
		}
		return true
	})
	if !clear || selects > 1 {
		return false
	}
	others := 0 // tables with a column of the old name
	for _, t := range tables {
		if t != below && t.column(old) != nil {
			others++
		}
	}
	walk(r.query, func(m any) bool {
		ref, ok := m.(*pg.ColumnRef)
		if !ok {
			return true
		}
		of, _ := lastOf(texts(ref.Fields))
		last := ref.Fields[len(ref.Fields)-1].GetString_()
		switch {
		case last.GetSval() != old:
		case of == "" && others == 0, tables[of] == below:
			last.Sval = name
		case of == "", tables[of] == nil:
			clear = false
		}
		return true
	})
	return clear
}

func changeColumns(root any, old, name string) {
	walk(root, func(m any) bool {
		if ref, ok := m.(*pg.ColumnRef); ok {
			if last := ref.Fields[len(ref.Fields)-1].GetString_(); last.GetSval() == old {
				last.Sval = name
			}
		}
		return true
	})
}
