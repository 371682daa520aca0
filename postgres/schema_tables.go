package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/proto"
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
	s.partBelow(r, i)
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
