package postgres

import (
	"fmt"
	"slices"

	pg "github.com/sqlc-dev/oliphant"
)

func (s *draft) drop(n *pg.DropStmt) error {
	for _, object := range n.Objects {
		if err := s.dropOne(n, object); err != nil {
			return err
		}
	}
	return nil
}

func (s *draft) dropOne(n *pg.DropStmt, object *pg.Node) error {
	path := texts(object.GetList().GetItems())
	schema, name := lastOf(path)
	missing := func(kind string) error {
		if n.MissingOk {
			return nil
		}
		return fmt.Errorf("there is no %s %s", kind, name)
	}
	switch n.RemoveType {
	case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW, pg.ObjectType_OBJECT_FOREIGN_TABLE:
		r := s.find(schema, name)
		if r == nil {
			return missing("table")
		}
		s.dropRelation(r)
	case pg.ObjectType_OBJECT_INDEX:
		for _, r := range s.relations {
			for _, i := range r.indexes {
				if i.name == name && slices.Contains(s.lookIn(schema), r.schema) {
					s.dropIndex(r, i)
					return nil
				}
			}
		}
		return missing("index")
	case pg.ObjectType_OBJECT_TRIGGER, pg.ObjectType_OBJECT_RULE:
		path, name = path[:len(path)-1], path[len(path)-1]
		r := s.find(lastOf(path))
		if r == nil {
			return missing("table of the trigger")
		}
		for _, one := range s.family(r) {
			one.triggers = slices.DeleteFunc(one.triggers, func(t *trigger) bool {
				return t.name == name && n.RemoveType == pg.ObjectType_OBJECT_TRIGGER
			})
		}
		r.rules = slices.DeleteFunc(r.rules, func(o *rule) bool { return o.name == name && n.RemoveType == pg.ObjectType_OBJECT_RULE })
	case pg.ObjectType_OBJECT_TYPE, pg.ObjectType_OBJECT_DOMAIN:
		names := texts(object.GetTypeName().GetNames())
		schema, name = lastOf(names)
		t := s.findType(schema, name)
		if t == nil {
			return missing("type")
		}
		s.dropType(t)
	case pg.ObjectType_OBJECT_FUNCTION, pg.ObjectType_OBJECT_PROCEDURE, pg.ObjectType_OBJECT_ROUTINE, pg.ObjectType_OBJECT_AGGREGATE:
		found := s.matching(object.GetObjectWithArgs())
		if len(found) == 0 {
			_, name = lastOf(texts(object.GetObjectWithArgs().GetObjname()))
			return missing("function")
		}
		s.dropRoutines(found)
	case pg.ObjectType_OBJECT_SCHEMA:
		name = object.GetString_().GetSval()
		at := slices.Index(s.spaces, name)
		if at < 0 {
			return missing("schema")
		}
		s.dropSchema(name)
		s.spaces = slices.Delete(s.spaces, at, at+1)
	case pg.ObjectType_OBJECT_EXTENSION:
		name = object.GetString_().GetSval()
		s.extensions = slices.DeleteFunc(s.extensions, func(e string) bool { return e == name })
		s.routines = slices.DeleteFunc(s.routines, func(f *routine) bool { return f.extension == name })
	case pg.ObjectType_OBJECT_SEQUENCE, pg.ObjectType_OBJECT_POLICY, pg.ObjectType_OBJECT_ROLE, pg.ObjectType_OBJECT_CAST,
		pg.ObjectType_OBJECT_STATISTIC_EXT, pg.ObjectType_OBJECT_PUBLICATION, pg.ObjectType_OBJECT_OPCLASS, pg.ObjectType_OBJECT_OPFAMILY,
		pg.ObjectType_OBJECT_EVENT_TRIGGER, pg.ObjectType_OBJECT_FOREIGN_SERVER, pg.ObjectType_OBJECT_FDW, pg.ObjectType_OBJECT_OPERATOR,
		pg.ObjectType_OBJECT_COLLATION:
	default:
		return fmt.Errorf("what it drops is not understood")
	}
	return nil
}

func (s *draft) dropRelation(r *relation) {
	for _, below := range s.family(r)[1:] {
		s.remove(below)
	}
	s.remove(r)
}

func (s *draft) remove(r *relation) {
	s.relations = slices.DeleteFunc(s.relations, func(o *relation) bool { return o == r })
	s.types = slices.DeleteFunc(s.types, func(t *userType) bool { return t.relation == r })
	for _, other := range s.relations {
		other.constraints = slices.DeleteFunc(other.constraints, func(c *constraint) bool { return c.parent == r })
	}
	s.dropReaders(func(view *relation) bool { return reads(view, r) })
}

// dropReaders drops views that cannot be without what has been dropped.
func (s *draft) dropReaders(reading func(view *relation) bool) {
	for _, view := range slices.Clone(s.relations) {
		if reading(view) && slices.Contains(s.relations, view) {
			s.remove(view)
		}
	}
}

// reads reports whether a view names a relation.
func reads(view, r *relation) bool {
	for _, below := range view.reads {
		if below == r {
			return true
		}
	}
	return false
}

func (s *draft) dropType(t *userType) {
	s.types = slices.DeleteFunc(s.types, func(o *userType) bool { return o == t })
	for _, r := range slices.Clone(s.relations) {
		for _, c := range slices.Clone(r.columns) {
			if c.typ.own == t {
				s.dropColumn(r, c.name)
			}
		}
	}
}

func (s *draft) dropRoutines(found []*routine) {
	s.routines = slices.DeleteFunc(s.routines, func(f *routine) bool { return slices.Contains(found, f) })
	for _, r := range s.relations {
		r.triggers = slices.DeleteFunc(r.triggers, func(t *trigger) bool { return slices.Contains(found, t.routine) })
		for _, c := range r.columns {
			// A default that calls it is gone too.
			walk(c.value, func(m any) bool {
				if call, ok := m.(*pg.FuncCall); ok && c.value != nil {
					_, name := lastOf(texts(call.Funcname))
					if slices.ContainsFunc(found, func(f *routine) bool { return f.name == name }) && s.findRoutine(texts(call.Funcname)) == nil {
						c.value = nil
						return false
					}
				}
				return true
			})
		}
	}
}

func (s *draft) dropSchema(name string) {
	for _, r := range slices.Clone(s.relations) {
		if r.schema == name && slices.Contains(s.relations, r) {
			s.dropRelation(r)
		}
	}
	for _, t := range slices.Clone(s.types) {
		if t.schema == name {
			s.dropType(t)
		}
	}
	var found []*routine
	for _, f := range s.routines {
		if f.schema == name {
			found = append(found, f)
		}
	}
	s.dropRoutines(found)
}
