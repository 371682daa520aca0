package postgres

import (
	"errors"
	"fmt"
	"slices"

	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/proto"
)

func (s *draft) alterTable(n *pg.AlterTableStmt) error {
	r := s.find(n.Relation.GetSchemaname(), n.Relation.GetRelname())
	switch n.Objtype {
	case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_FOREIGN_TABLE, pg.ObjectType_OBJECT_VIEW, pg.ObjectType_OBJECT_MATVIEW:
	default:
		return nil // an index, a sequence, a type
	}
	if r == nil {
		if n.MissingOk || isOwnership(n.Cmds) {
			return nil // perhaps a sequence, of which only the owner is said
		}
		_, err := s.relation(n.Relation)
		return err
	}
	s.only = !n.Relation.Inh
	var faults []error
	for _, node := range n.Cmds {
		faults = append(faults, s.alter(r, node.GetAlterTableCmd(), n.Relation.Inh))
	}
	return errors.Join(faults...)
}

func isOwnership(commands []*pg.Node) bool {
	return !slices.ContainsFunc(commands, func(n *pg.Node) bool {
		return n.GetAlterTableCmd().GetSubtype() != pg.AlterTableType_AT_ChangeOwner
	})
}

// alter carries out one command of ALTER TABLE.
func (s *draft) alter(r *relation, n *pg.AlterTableCmd, deep bool) error {
	family := []*relation{r}
	if deep {
		family = s.family(r)
	}
	switch n.Subtype {
	case pg.AlterTableType_AT_AddColumn:
		def := n.Def.GetColumnDef()
		if n.MissingOk && r.column(def.Colname) != nil {
			return nil
		}
		var faults []error
		for _, one := range family {
			faults = append(faults, s.addColumn(one, def))
			if c := one.column(def.Colname); c != nil && one != r {
				c.inherited = true
			}
		}
		faults = append(faults, s.columnConstraints(r, proto.Clone(def).(*pg.ColumnDef)))
		for _, one := range family[1:] {
			if c, own := one.column(def.Colname), r.column(def.Colname); c != nil && own != nil {
				c.value, c.notNull, c.generated = own.value, own.notNull, own.generated
			}
		}
		return errors.Join(faults...)
	case pg.AlterTableType_AT_DropColumn:
		if r.column(n.Name) == nil && n.MissingOk {
			return nil
		} else if r.column(n.Name) == nil {
			return fmt.Errorf("there is no column %s", n.Name)
		}
		for _, one := range family {
			s.dropColumn(one, n.Name)
		}
		return nil
	case pg.AlterTableType_AT_ColumnDefault, pg.AlterTableType_AT_DropNotNull, pg.AlterTableType_AT_SetNotNull,
		pg.AlterTableType_AT_AlterColumnType, pg.AlterTableType_AT_DropExpression, pg.AlterTableType_AT_SetExpression,
		pg.AlterTableType_AT_AddIdentity, pg.AlterTableType_AT_DropIdentity:
		for _, one := range family {
			c := one.column(n.Name)
			if c == nil {
				return fmt.Errorf("there is no column %s", n.Name)
			}
			if err := s.alterColumn(one, c, n); err != nil {
				return err
			}
		}
		return nil
	case pg.AlterTableType_AT_AddConstraint:
		return s.constrain(r, n.Def.GetConstraint(), nil)
	case pg.AlterTableType_AT_DropConstraint:
		return s.dropConstraint(r, n, family)
	case pg.AlterTableType_AT_AttachPartition, pg.AlterTableType_AT_DetachPartition, pg.AlterTableType_AT_DetachPartitionFinalize:
		return s.attach(r, n)
	case pg.AlterTableType_AT_AddInherit, pg.AlterTableType_AT_DropInherit:
		above, err := s.relation(n.Def.GetRangeVar())
		if err != nil {
			return err
		}
		if n.Subtype == pg.AlterTableType_AT_AddInherit {
			r.above = append(r.above, above)
		} else {
			r.above = slices.DeleteFunc(r.above, func(a *relation) bool { return a == above })
		}
		return nil
	case pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_DisableRowSecurity:
		r.guarded = n.Subtype == pg.AlterTableType_AT_EnableRowSecurity
		return nil
	case pg.AlterTableType_AT_EnableTrig, pg.AlterTableType_AT_EnableAlwaysTrig, pg.AlterTableType_AT_EnableTrigAll,
		pg.AlterTableType_AT_EnableTrigUser, pg.AlterTableType_AT_DisableTrig, pg.AlterTableType_AT_DisableTrigAll,
		pg.AlterTableType_AT_DisableTrigUser, pg.AlterTableType_AT_EnableReplicaTrig:
		for _, one := range family {
			for _, t := range one.triggers {
				if n.Name == "" || n.Name == t.name {
					t.off = !isOn[n.Subtype]
				}
			}
		}
		return nil
	case pg.AlterTableType_AT_EnableRule, pg.AlterTableType_AT_EnableAlwaysRule, pg.AlterTableType_AT_EnableReplicaRule,
		pg.AlterTableType_AT_DisableRule:
		for _, rule := range r.rules {
			if rule.name == n.Name {
				rule.off = n.Subtype == pg.AlterTableType_AT_DisableRule
			}
		}
		return nil
	case pg.AlterTableType_AT_ChangeOwner, pg.AlterTableType_AT_ClusterOn, pg.AlterTableType_AT_DropCluster,
		pg.AlterTableType_AT_SetStatistics, pg.AlterTableType_AT_SetStorage, pg.AlterTableType_AT_SetCompression,
		pg.AlterTableType_AT_SetLogged, pg.AlterTableType_AT_SetUnLogged, pg.AlterTableType_AT_SetTableSpace,
		pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions, pg.AlterTableType_AT_ReplicaIdentity,
		pg.AlterTableType_AT_ValidateConstraint, pg.AlterTableType_AT_ForceRowSecurity, pg.AlterTableType_AT_NoForceRowSecurity,
		pg.AlterTableType_AT_SetOptions, pg.AlterTableType_AT_ResetOptions, pg.AlterTableType_AT_AlterConstraint,
		pg.AlterTableType_AT_SetAccessMethod, pg.AlterTableType_AT_GenericOptions, pg.AlterTableType_AT_SetIdentity,
		pg.AlterTableType_AT_AlterColumnGenericOptions:
		return nil
	}
	r.opaque = "it was altered in a way that is not understood"
	return nil
}

// isOn :: ALTER TABLE ENABLE ... TRIGGER → it fires in a session of a client
var isOn = map[pg.AlterTableType]bool{
	pg.AlterTableType_AT_EnableTrig: true, pg.AlterTableType_AT_EnableAlwaysTrig: true, pg.AlterTableType_AT_EnableTrigAll: true,
	pg.AlterTableType_AT_EnableTrigUser: true,
}

func (s *draft) alterColumn(r *relation, c *attribute, n *pg.AlterTableCmd) (err error) {
	switch n.Subtype {
	case pg.AlterTableType_AT_ColumnDefault, pg.AlterTableType_AT_SetExpression:
		c.value = n.Def
	case pg.AlterTableType_AT_DropNotNull:
		c.notNull = false
	case pg.AlterTableType_AT_SetNotNull:
		c.notNull = true
	case pg.AlterTableType_AT_DropExpression:
		c.value, c.generated = nil, false
	case pg.AlterTableType_AT_AddIdentity:
		c.identity = true
	case pg.AlterTableType_AT_DropIdentity:
		c.identity = false
	case pg.AlterTableType_AT_AlterColumnType:
		def := n.Def.GetColumnDef()
		if c.typ, err = s.typeOf(def.TypeName); err != nil {
			return err
		}
		if c.collation, err = s.collationOf(def.CollClause, c.typ); err != nil {
			return err
		}
		for _, i := range r.indexes {
			i.odd = i.odd || s.isOdd(r, i.columns)
		}
	}
	return nil
}

// dropColumn drops a column, and all that is made of it.
func (s *draft) dropColumn(r *relation, name string) {
	r.columns = slices.DeleteFunc(r.columns, func(c *attribute) bool {
		return c.name == name || c.generated && names(c.value, name)
	})
	r.indexes = slices.DeleteFunc(r.indexes, func(i *index) bool {
		return slices.Contains(i.columns, name) || slices.ContainsFunc(i.exprs, func(e *pg.Node) bool { return names(e, name) })
	})
	r.constraints = slices.DeleteFunc(r.constraints, func(c *constraint) bool {
		return slices.Contains(c.columns, name) || c.check != nil && names(c.check, name)
	})
	for _, other := range s.relations {
		other.constraints = slices.DeleteFunc(other.constraints, func(c *constraint) bool {
			return c.parent == r && slices.Contains(c.parents, name)
		})
	}
	s.dropReaders(func(view *relation) bool { return reads(view, r) && names(view.query, name) })
}

// names reports whether a tree has a column of that name.
func names(root any, column string) (yes bool) {
	walk(root, func(m any) bool {
		if ref, ok := m.(*pg.ColumnRef); ok {
			_, name := lastOf(texts(ref.Fields))
			yes = yes || name == column
		}
		return true
	})
	return yes
}

func (s *draft) dropConstraint(r *relation, n *pg.AlterTableCmd, family []*relation) error {
	found := false
	for _, one := range family {
		one.constraints = slices.DeleteFunc(one.constraints, func(c *constraint) bool {
			hit := c.name == n.Name && (one == r || c.inherited)
			found = found || hit
			return hit
		})
	}
	at := slices.IndexFunc(r.indexes, func(i *index) bool { return i.name == n.Name })
	if at >= 0 {
		s.dropIndex(r, r.indexes[at])
		found = true
	}
	if !found && !n.MissingOk {
		// It may have got its name in a way that is not known here.
		r.opaque = fmt.Sprintf("its constraint %s was dropped, which is not known", n.Name)
		return fmt.Errorf("there is no constraint %s", n.Name)
	}
	return nil
}

// dropIndex drops an index, and its parts.
func (s *draft) dropIndex(r *relation, i *index) {
	r.indexes = slices.DeleteFunc(r.indexes, func(j *index) bool { return i == j })
	for _, below := range s.relations {
		for _, j := range slices.Clone(below.indexes) {
			if j.parent == i {
				s.dropIndex(below, j)
			}
		}
	}
}

func (s *draft) attach(r *relation, n *pg.AlterTableCmd) error {
	part, err := s.relation(n.Def.GetPartitionCmd().GetName())
	if err != nil {
		return err
	}
	if n.Subtype != pg.AlterTableType_AT_AttachPartition {
		part.above = slices.DeleteFunc(part.above, func(a *relation) bool { return a == r })
		part.isPartition = false
		for _, i := range part.indexes {
			i.parent = nil
		}
		for _, c := range part.columns {
			c.inherited = false
		}
		part.triggers = slices.DeleteFunc(part.triggers, func(t *trigger) bool { return t.inherited })
		return nil
	}
	part.above, part.isPartition = append(part.above, r), true
	for _, i := range r.indexes {
		same := slices.IndexFunc(part.indexes, func(j *index) bool {
			return j.parent == nil && j.unique == i.unique && j.primary == i.primary && slices.Equal(i.columns, j.columns)
		})
		if same >= 0 {
			part.indexes[same].parent = i
			continue
		}
		s.partIndex(part, i)
		if i.primary {
			for _, name := range i.columns {
				part.column(name).notNull = true
			}
		}
	}
	part.takeTriggers(r)
	// A foreign key like one of the whole table's becomes part of that.
	part.constraints = slices.DeleteFunc(part.constraints, func(c *constraint) bool {
		return c.parent != nil && slices.ContainsFunc(r.constraints, func(above *constraint) bool {
			return above.parent == c.parent && slices.Equal(above.columns, c.columns) && slices.Equal(above.parents, c.parents) &&
				above.onDelete == c.onDelete && above.onUpdate == c.onUpdate
		})
	})
	return nil
}
