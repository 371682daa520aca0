package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/sqlc-dev/oliphant"
)

// typeOf is the type that a name means. One that is not known is taken for an extension's.
func (s *draft) typeOf(n *pg.TypeName) (typeRef, error) {
	schema, name := lastOf(texts(n.GetNames()))
	ref := typeRef{isArray: len(n.GetArrayBounds()) > 0}
	if ref.own = s.findType(schema, name); ref.own != nil {
		return ref, nil
	}
	if element, ok := strings.CutPrefix(name, "_"); ok {
		if ref.own = s.findType(schema, element); ref.own != nil {
			ref.isArray = true
			return ref, nil
		}
	}
	if (schema == "" || schema == "pg_catalog") && builtinTypes()[name] {
		ref.text = newConverter(nil).elementType(n)
		switch {
		case name == "char":
			ref.text = `"char"`
		case name == "bpchar" && len(n.Typmods) == 0:
			ref.text = name
		}
		if ref.text == "?" {
			return ref, fmt.Errorf("the type %s is not understood", name)
		}
		if ref.isArray {
			ref.text += "[]"
		}
		return ref, nil
	}
	var err error
	ref.own, err = s.createType([]string{schema, name}, "b")
	return ref, err
}

// createType makes a type; the last of its names is its own.
func (s *draft) createType(names []string, kind string) (*userType, error) {
	schema, name := lastOf(names)
	schema, err := s.home(schema)
	if err != nil {
		return nil, err
	}
	if other := s.findType(schema, name); other != nil && other.kind != "b" {
		return nil, exists("a type " + name)
	} else if other != nil {
		other.kind = kind
		return other, nil
	}
	t := &userType{oid: s.next(), array: s.next(), schema: schema, name: name, kind: kind}
	s.types = append(s.types, t)
	return t, nil
}

func (s *draft) createDomain(n *pg.CreateDomainStmt) error {
	base, err := s.typeOf(n.TypeName)
	if err != nil {
		return err
	}
	t, err := s.createType(texts(n.Domainname), "d")
	if err != nil {
		return err
	}
	t.base = base
	if t.collation, err = s.collationOf(n.CollClause, base); err != nil {
		return err
	}
	for _, node := range n.Constraints {
		t.constrain(node.GetConstraint())
	}
	return nil
}

func (t *userType) constrain(n *pg.Constraint) {
	switch n.Contype {
	case pg.ConstrType_CONSTR_NOTNULL:
		t.notNull = true
	case pg.ConstrType_CONSTR_DEFAULT:
		t.defaulted = true
	case pg.ConstrType_CONSTR_CHECK:
		name := n.Conname
		if name == "" {
			name = t.name + "_check"
		}
		t.checks = append(t.checks, &constraint{name: name, check: n.RawExpr})
	}
}

func (s *draft) alterDomain(n *pg.AlterDomainStmt) error {
	t := s.findType(lastOf(texts(n.TypeName)))
	if t == nil {
		return fmt.Errorf("there is no domain %s", strings.Join(texts(n.TypeName), "."))
	}
	switch n.Subtype {
	case "T":
		t.defaulted = n.Def != nil
	case "N", "O":
		t.notNull = n.Subtype == "O"
	case "C":
		t.constrain(n.Def.GetConstraint())
	case "X":
		t.checks = slices.DeleteFunc(t.checks, func(c *constraint) bool { return c.name == n.Name })
	}
	return nil
}

func (t typeRef) String() string {
	if t.own == nil {
		return t.text
	}
	name := t.own.schema + "." + t.own.name
	if t.isArray {
		name += "[]"
	}
	return name
}

// mayBeRow reports whether a value of the type may be a row.
func (t typeRef) mayBeRow() bool {
	for t.own != nil && !t.isArray && t.own.kind == "d" {
		t = t.own.base
	}
	if t.own != nil {
		return t.own.kind == "c" && !t.isArray
	}
	return t.text == "record" || strings.HasPrefix(t.text, "any")
}

// rowType is the type of a relation's rows.
func (s *draft) rowType(r *relation) *userType {
	for _, t := range s.types {
		if t.relation == r {
			return t
		}
	}
	return &userType{}
}
