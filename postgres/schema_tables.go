package postgres

import (
	"errors"
	"fmt"
	"slices"

	pg "github.com/sqlc-dev/oliphant"
)

// add makes a relation, and the type of its rows. Nil: there is one, which is no fault.
func (s *draft) add(v *pg.RangeVar, kind string, ifNotExists bool) (*relation, error) {
	schema, err := s.home(v.Schemaname)
	if err != nil {
		return nil, err
	}
	temporary := v.Relpersistence == "t" || schema == "pg_temp"
	if temporary {
		schema = "pg_temp"
	}
	if s.find(schema, v.Relname) != nil {
		if ifNotExists {
			return nil, nil //nolint:nilnil // as it says above
		}
		return nil, exists("a " + v.Relname)
	}
	r := &relation{schema: schema, name: v.Relname, kind: kind, temporary: temporary}
	r.oid = s.next()
	s.relations = append(s.relations, r)
	s.types = append(s.types, &userType{oid: s.next(), array: s.next(), schema: schema, name: r.name, kind: "c", relation: r})
	return r, nil
}

func (r *relation) column(name string) *attribute {
	for _, c := range r.columns {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (r *relation) primary() []string {
	for _, i := range r.indexes {
		if i.primary {
			return i.columns
		}
	}
	return nil
}

func (s *draft) createTable(n *pg.CreateStmt, kind string) error {
	if n.Partspec != nil {
		kind = "p"
	}
	r, err := s.add(n.Relation, kind, n.IfNotExists)
	if r == nil {
		return err
	}
	r.parted = n.Partspec
	if n.OfTypename != nil {
		r.opaque = "it is made of a type"
	}
	for _, node := range n.InhRelations {
		above, err := s.relation(node.GetRangeVar())
		if err != nil {
			r.opaque = "it inherits from a table that is not known"
			continue
		}
		s.inherit(r, above)
		r.isPartition = n.Partbound != nil
	}
	var faults []error
	for _, node := range append(slices.Clone(n.TableElts), n.Constraints...) {
		switch e := node.GetNode().(type) {
		case *pg.Node_ColumnDef:
			faults = append(faults, s.addColumn(r, e.ColumnDef))
		case *pg.Node_TableLikeClause:
			faults = append(faults, s.like(r, e.TableLikeClause))
		}
	}
	for _, node := range append(slices.Clone(n.TableElts), n.Constraints...) {
		switch e := node.GetNode().(type) {
		case *pg.Node_ColumnDef:
			faults = append(faults, s.columnConstraints(r, e.ColumnDef))
		case *pg.Node_Constraint:
			faults = append(faults, s.constrain(r, e.Constraint, nil))
		}
	}
	if r.isPartition {
		for _, above := range r.above {
			for _, i := range above.indexes {
				s.partIndex(r, i)
			}
			r.takeTriggers(above)
		}
	}
	return errors.Join(faults...)
}

// inherit gives a table the columns and conditions of another.
func (s *draft) inherit(r, above *relation) {
	r.above = append(r.above, above)
	for _, c := range above.columns {
		own := r.column(c.name)
		if own == nil {
			own = new(*c)
			own.identity, own.inherited = false, true
			r.columns = append(r.columns, own)
		}
		own.notNull = own.notNull || c.notNull
	}
	for _, c := range above.constraints {
		if c.check != nil {
			r.constraints = append(r.constraints, &constraint{name: c.name, check: c.check, inherited: true})
		}
	}
}

// takeTriggers gives a partition the triggers for rows of the whole table.
func (r *relation) takeTriggers(above *relation) {
	for _, t := range above.triggers {
		if t.bits&1 != 0 {
			one := new(*t)
			one.inherited = true
			r.triggers = append(r.triggers, one)
		}
	}
}

// partIndex gives a partition an index of the whole table.
func (s *draft) partIndex(r *relation, above *index) {
	i := new(*above)
	i.parent = above
	i.name = s.freeName(r, append(slices.Clone(above.columns), "idx")...)
	r.indexes = append(r.indexes, i)
	s.partBelow(r, i)
}

func (s *draft) partBelow(r *relation, i *index) {
	for _, below := range s.relations {
		if below.isPartition && slices.Contains(below.above, r) {
			s.partIndex(below, i)
		}
	}
}

// Bits of what LIKE includes.
const (
	likeConstraints = 1 << 2
	likeDefaults    = 1 << 3
	likeGenerated   = 1 << 4
	likeIdentity    = 1 << 5
	likeIndexes     = 1 << 6
)

func (s *draft) like(r *relation, n *pg.TableLikeClause) error {
	from, err := s.relation(n.Relation)
	if err != nil {
		return err
	}
	for _, c := range from.columns {
		own := &attribute{name: c.name, typ: c.typ, collation: c.collation, notNull: c.notNull}
		if c.generated && n.Options&likeGenerated != 0 || !c.generated && n.Options&likeDefaults != 0 {
			own.value, own.generated = c.value, c.generated
		}
		own.identity = c.identity && n.Options&likeIdentity != 0
		r.columns = append(r.columns, own)
	}
	if n.Options&likeConstraints != 0 {
		for _, c := range from.constraints {
			if c.check != nil {
				r.constraints = append(r.constraints, &constraint{name: c.name, check: c.check})
			}
		}
	}
	if n.Options&likeIndexes != 0 {
		for _, i := range from.indexes {
			own := new(*i)
			own.name, own.parent = s.freeName(r, append(slices.Clone(i.columns), "key")...), nil
			r.indexes = append(r.indexes, own)
		}
	}
	return nil
}

// serials :: type → what a column of that type is
var serials = map[string]string{
	"serial": "integer", "serial4": "integer", "bigserial": "bigint", "serial8": "bigint", "smallserial": "smallint", "serial2": "smallint",
}

// addColumn adds a column, without its constraints but for those that are part of it.
func (s *draft) addColumn(r *relation, def *pg.ColumnDef) error {
	if own := r.column(def.Colname); own != nil {
		if own.inherited {
			return nil // its constraints add to those of the table above
		}
		return exists("a column " + def.Colname)
	}
	c := &attribute{name: def.Colname}
	r.columns = append(r.columns, c)
	var err error
	if schema, name := lastOf(texts(def.TypeName.GetNames())); schema == "" && serials[name] != "" {
		c.typ.text, c.notNull = serials[name], true
		c.value = selectOf("SELECT nextval('serial')").TargetList[0].GetResTarget().Val
	} else if c.typ, err = s.typeOf(def.TypeName); err != nil {
		return err
	}
	c.collation, err = s.collationOf(def.CollClause, c.typ)
	return err
}

// collationOf is what COLLATE says, or else the type.
func (s *draft) collationOf(n *pg.CollateClause, typ typeRef) (collation, error) {
	if n == nil {
		if typ.own != nil && !typ.isArray {
			return typ.own.collation, nil
		}
		if typ.text == "name" || typ.text == "name[]" {
			return collation{schema: "pg_catalog", name: "C"}, nil
		}
		return collation{}, nil
	}
	schema, name := lastOf(texts(n.Collname))
	for _, space := range s.lookIn(schema) {
		for _, c := range s.collations {
			if c.schema == space && c.name == name {
				return c, nil
			}
		}
	}
	if name == "default" {
		return collation{}, nil
	}
	if schema != "" && schema != "pg_catalog" {
		return collation{}, fmt.Errorf("there is no collation %s", name)
	}
	return collation{schema: "pg_catalog", name: name}, nil
}

// family are a table and all that inherit from it.
func (s *draft) family(r *relation) []*relation {
	all := []*relation{r}
	for i := 0; i < len(all); i++ {
		for _, below := range s.relations {
			if slices.Contains(below.above, all[i]) && !slices.Contains(all, below) {
				all = append(all, below)
			}
		}
	}
	return all
}
