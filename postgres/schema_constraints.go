package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg "github.com/sqlc-dev/oliphant"
)

// columnConstraints are those that stand with a column.
func (s *draft) columnConstraints(r *relation, def *pg.ColumnDef) error {
	var faults []error
	for i, node := range def.Constraints {
		n := node.GetConstraint()
		// DEFERRABLE stands behind what it is about.
		if i+1 < len(def.Constraints) && def.Constraints[i+1].GetConstraint().GetContype() == pg.ConstrType_CONSTR_ATTR_DEFERRABLE {
			n.Deferrable = true
		}
		faults = append(faults, s.constrain(r, n, r.column(def.Colname)))
	}
	return errors.Join(faults...)
}

// constrain adds a constraint, of a column or of the whole table.
func (s *draft) constrain(r *relation, n *pg.Constraint, c *attribute) error {
	columns, refers := texts(n.Keys), texts(n.FkAttrs)
	if c != nil {
		columns, refers = []string{c.name}, []string{c.name}
	}
	for _, name := range append(slices.Clone(columns), refers...) {
		if r.column(name) == nil {
			return fmt.Errorf("there is no column %s", name)
		}
	}
	switch n.Contype {
	case pg.ConstrType_CONSTR_NOTNULL:
		for _, name := range columns {
			r.column(name).notNull = true
		}
	case pg.ConstrType_CONSTR_DEFAULT:
		c.value = n.RawExpr
	case pg.ConstrType_CONSTR_GENERATED:
		c.value, c.generated = n.RawExpr, true
	case pg.ConstrType_CONSTR_IDENTITY:
		c.identity, c.notNull = true, true
	case pg.ConstrType_CONSTR_CHECK:
		s.addCheck(r, n)
	case pg.ConstrType_CONSTR_PRIMARY, pg.ConstrType_CONSTR_UNIQUE:
		return s.addUnique(r, n, columns)
	case pg.ConstrType_CONSTR_EXCLUSION:
		r.indexes = append(r.indexes, &index{name: n.Conname}) // it is not unique in the sense of the catalog
	case pg.ConstrType_CONSTR_FOREIGN:
		return s.addForeignKey(r, n, refers)
	}
	return nil
}

func (s *draft) addCheck(r *relation, n *pg.Constraint) {
	name := n.Conname
	if name == "" {
		var columns []string
		walk(n.RawExpr, func(m any) bool {
			if ref, ok := m.(*pg.ColumnRef); ok {
				_, column := lastOf(texts(ref.Fields))
				if !slices.Contains(columns, column) {
					columns = append(columns, column)
				}
			}
			return true
		})
		if len(columns) != 1 {
			columns = nil
		}
		name = s.freeName(r, append(columns, "check")...)
	}
	for _, one := range s.family(r) {
		one.constraints = append(one.constraints, &constraint{name: name, check: n.RawExpr, inherited: one != r})
	}
}

func (s *draft) addUnique(r *relation, n *pg.Constraint, columns []string) error {
	i := &index{name: n.Conname, columns: columns, unique: true}
	if n.Indexname != "" {
		at := slices.IndexFunc(r.indexes, func(i *index) bool { return i.name == n.Indexname })
		if at < 0 {
			return fmt.Errorf("there is no index %s", n.Indexname)
		}
		i = r.indexes[at]
		if n.Conname != "" {
			i.name = n.Conname
		}
	}
	i.odd = i.odd || n.Deferrable || n.NullsNotDistinct || n.WithoutOverlaps || s.isOdd(r, i.columns)
	if n.Contype == pg.ConstrType_CONSTR_PRIMARY {
		i.primary = true
		for _, name := range i.columns {
			for _, one := range s.family(r) {
				one.column(name).notNull = true
			}
		}
	}
	if n.Indexname != "" {
		return nil
	}
	if i.name == "" && i.primary {
		i.name = s.freeName(r, "pkey")
	} else if i.name == "" {
		i.name = s.freeName(r, append(slices.Clone(columns), "key")...)
	}
	r.indexes = append(r.indexes, i)
	if !s.only {
		s.partBelow(r, i)
	}
	return nil
}

// isOdd reports whether a column has a collation that calls texts equal that differ.
func (s *draft) isOdd(r *relation, columns []string) bool {
	return slices.ContainsFunc(columns, func(name string) bool { c := r.column(name); return c != nil && c.collation.isOdd })
}

func (s *draft) addForeignKey(r *relation, n *pg.Constraint, columns []string) error {
	parent, err := s.relation(n.Pktable)
	if err != nil {
		return err
	}
	k := &constraint{
		name: n.Conname, columns: columns, parents: texts(n.PkAttrs), parent: parent,
		onDelete: n.FkDelAction, onUpdate: n.FkUpdAction, setsSome: len(n.FkDelSetCols) > 0,
	}
	if len(k.parents) == 0 {
		k.parents = slices.Clone(parent.primary())
	}
	if len(k.parents) != len(columns) {
		return fmt.Errorf("the foreign key of %s does not fit %s", r.name, parent.name)
	}
	if k.name == "" {
		k.name = s.freeName(r, append(slices.Clone(columns), "fkey")...)
	}
	r.constraints = append(r.constraints, k)
	return nil
}

const maxName = 63 // bytes

// freeName is the name that PostgreSQL gives to an index or a constraint.
func (s *draft) freeName(r *relation, parts ...string) string {
	label := parts[len(parts)-1]
	middle := strings.Join(parts[:len(parts)-1], "_")
	for n := 0; ; n++ {
		suffix := label
		if n > 0 {
			suffix = fmt.Sprint(label, n)
		}
		first, second := r.name, middle
		over := func() bool {
			length := len(first) + 1 + len(suffix)
			if second != "" {
				length += len(second) + 1
			}
			return length > maxName
		}
		for over() {
			if len(first) > len(second) {
				first = first[:len(first)-1]
			} else {
				second = second[:len(second)-1]
			}
		}
		if second != "" {
			first += "_" + second
		}
		if name := first + "_" + suffix; !s.isTaken(r, name) {
			return name
		}
	}
}

func (s *draft) isTaken(r *relation, name string) bool {
	for _, other := range s.relations {
		if other.schema == r.schema && (other.name == name || slices.ContainsFunc(other.indexes, func(i *index) bool { return i.name == name })) {
			return true
		}
	}
	return slices.ContainsFunc(r.constraints, func(c *constraint) bool { return c.name == name })
}

func (s *draft) createIndex(n *pg.IndexStmt) error {
	r, err := s.relation(n.Relation)
	if err != nil {
		return err
	}
	if n.Idxname != "" && slices.ContainsFunc(s.relations, func(other *relation) bool {
		return other.schema == r.schema && slices.ContainsFunc(other.indexes, func(i *index) bool { return i.name == n.Idxname })
	}) {
		if n.IfNotExists {
			return nil
		}
		return exists("an index " + n.Idxname)
	}
	i := &index{name: n.Idxname, unique: n.Unique, odd: n.WhereClause != nil || n.NullsNotDistinct}
	var parts []string
	for _, node := range n.IndexParams {
		e := node.GetIndexElem()
		i.columns = append(i.columns, e.Name)
		if e.Name == "" {
			i.odd = true
			i.exprs = append(i.exprs, e.Expr)
			parts = append(parts, "expr")
		} else if r.column(e.Name) == nil {
			return fmt.Errorf("there is no column %s", e.Name)
		} else {
			parts = append(parts, e.Name)
		}
		if len(e.Collation) > 0 {
			c, err := s.collationOf(&pg.CollateClause{Collname: e.Collation}, typeRef{})
			if err != nil {
				return err
			}
			i.odd = i.odd || c.isOdd
		} else {
			i.odd = i.odd || s.isOdd(r, []string{e.Name})
		}
		i.odd = i.odd || len(e.Opclass) > 0 // be it the default one
	}
	if i.name == "" {
		i.name = s.freeName(r, append(parts, "idx")...)
	}
	r.indexes = append(r.indexes, i)
	if n.Relation.Inh {
		s.partBelow(r, i)
	}
	return nil
}
