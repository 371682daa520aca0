package postgres

import (
	"errors"
	"slices"

	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/proto"
)

func (s *draft) createView(n *pg.ViewStmt) error {
	schema, err := s.home(n.View.Schemaname)
	if err != nil {
		return err
	}
	if old := s.find(schema, n.View.Relname); old != nil && n.Replace && old.kind == "v" {
		columns, reads := old.columns, old.reads
		old.columns, old.reads = nil, nil
		if err := s.defineBy(old, n.Query, texts(n.Aliases)); err != nil {
			old.columns, old.reads = columns, reads
			return err
		}
		return nil
	}
	r, err := s.add(n.View, "v", false)
	if r == nil {
		return err
	}
	return s.defineBy(r, n.Query, texts(n.Aliases))
}

// createAs is CREATE TABLE AS, and CREATE MATERIALIZED VIEW.
func (s *draft) createAs(n *pg.CreateTableAsStmt) error {
	kind := "r"
	if n.Objtype == pg.ObjectType_OBJECT_MATVIEW {
		kind = "m"
	}
	r, err := s.add(n.Into.Rel, kind, n.IfNotExists)
	if r == nil {
		return err
	}
	if err := s.defineBy(r, n.Query, texts(n.Into.ColNames)); err != nil {
		return err
	}
	if kind == "r" {
		r.query, r.reads = nil, nil // nothing binds it to them
	}
	return nil
}

// defineBy gives a relation the columns of a query.
func (s *draft) defineBy(r *relation, node *pg.Node, aliases []string) error {
	q := node.GetSelectStmt()
	if q == nil {
		r.opaque = "its definition is not understood"
		return nil
	}
	r.query, r.reads = proto.Clone(q).(*pg.SelectStmt), map[*pg.RangeVar]*relation{}
	r.query.IntoClause = nil
	with := map[string]bool{}
	walk(r.query, func(m any) bool {
		if cte, ok := m.(*pg.CommonTableExpr); ok {
			with[cte.Ctename] = true
		}
		return true
	})
	var faults []error
	walk(r.query, func(m any) bool {
		if v, ok := m.(*pg.RangeVar); ok && (v.Schemaname != "" || !with[v.Relname]) {
			below, err := s.relation(v)
			if err != nil && v.Schemaname != "pg_catalog" && v.Schemaname != "information_schema" && !slices.Contains(builtins()["system"], v.Relname) {
				faults = append(faults, err)
			} else if err == nil {
				r.reads[v] = below
			}
		}
		return true
	})
	if len(faults) > 0 {
		r.opaque = "it reads what is not known"
		return errors.Join(faults...)
	}
	c := &columnReader{draft: s, of: r}
	columns, ok := c.query(r.query, nil)
	if !ok {
		r.opaque = "its columns are not understood"
		return nil
	}
	for i, col := range columns {
		own := &attribute{name: col.name, typ: col.typ, collation: col.collation}
		if i < len(aliases) {
			own.name = aliases[i]
		}
		r.columns = append(r.columns, own)
	}
	c.name(r)
	return nil
}

// name writes the columns of a view out, under the names that they keep whatever happens to those below.
func (c *columnReader) name(r *relation) {
	q := r.query
	for q.Larg != nil {
		q = q.Larg
	}
	if len(q.TargetList) != len(r.columns) {
		return // VALUES
	}
	for i, node := range q.TargetList {
		node.GetResTarget().Name = r.columns[i].name
	}
}

// A columnReader finds out which columns a query has.
type columnReader struct {
	draft *draft
	of    *relation
}

// A fromItem is one of FROM, under the name that it has there.
type fromItem struct {
	name    string
	columns []*attribute
	merged  bool // some of its columns are those of two tables
}

var untyped = typeRef{text: "?"} // no rule can have a key of such a column

// query are the columns of a query, which has all stars written out afterwards. False: they are not known.
func (c *columnReader) query(q *pg.SelectStmt, with map[string][]*attribute) ([]*attribute, bool) {
	own := map[string][]*attribute{}
	for name, columns := range with {
		own[name] = columns
	}
	for _, node := range q.WithClause.GetCtes() {
		cte := node.GetCommonTableExpr()
		inner := cte.Ctequery.GetSelectStmt()
		if inner == nil {
			return nil, false
		}
		if q.WithClause.Recursive && inner.Larg != nil {
			// The first part names the columns.
			if columns, ok := c.query(inner.Larg, own); ok {
				own[cte.Ctename] = renamed(columns, texts(cte.Aliascolnames))
			}
			continue
		}
		columns, ok := c.query(inner, own)
		if !ok {
			return nil, false
		}
		own[cte.Ctename] = renamed(columns, texts(cte.Aliascolnames))
	}
	if q.Larg != nil {
		columns, ok := c.query(q.Larg, own)
		others, also := c.query(q.Rarg, own)
		if !ok || !also || len(columns) != len(others) {
			return nil, false
		}
		for i, col := range columns {
			columns[i] = merged(col, others[i])
		}
		return columns, true
	}
	if len(q.ValuesLists) > 0 {
		var columns []*attribute
		for i, node := range q.ValuesLists[0].GetList().GetItems() {
			columns = append(columns, &attribute{name: "column" + string(rune('1'+i)), typ: c.typeOf(node, nil).typ})
		}
		return columns, len(columns) < 10
	}
	var items []*fromItem
	for _, node := range q.FromClause {
		found, ok := c.from(node, own)
		if !ok {
			return nil, false
		}
		items = append(items, found...)
	}
	var targets []*pg.Node
	var columns []*attribute
	for _, node := range q.TargetList {
		target := node.GetResTarget()
		fields := target.Val.GetColumnRef().GetFields()
		if len(fields) == 0 || fields[len(fields)-1].GetAStar() == nil {
			col := c.typeOf(target.Val, items)
			col.name = target.Name
			if col.name == "" {
				col.name = shownName(target.Val)
			}
			targets, columns = append(targets, node), append(columns, col)
			continue
		}
		_, of := lastOf(texts(fields))
		for _, item := range items {
			if of != "" && item.name != of {
				continue
			}
			if item.merged {
				return nil, false
			}
			for _, col := range item.columns {
				columns = append(columns, col)
				targets = append(targets, pg.MakeResTargetNodeWithVal(pg.MakeColumnRefNode([]*pg.Node{pg.MakeStrNode(item.name), pg.MakeStrNode(col.name)}, 0), 0))
			}
		}
	}
	q.TargetList = targets
	return columns, true
}

// merged is a column whose values come from two of which the first gives the name.
func merged(a, b *attribute) *attribute {
	out := &attribute{name: a.name, typ: a.typ, collation: a.collation}
	if a.typ == b.typ && a.collation == b.collation {
		return out
	}
	x, y := parseType(a.typ.text), parseType(b.typ.text)
	out.typ = untyped
	if a.typ.own == nil && b.typ.own == nil && x.base == y.base && a.collation == b.collation {
		out.typ = typeRef{text: x.base} // how long they may be is not said any more
	}
	return out
}

func renamed(columns []*attribute, names []string) []*attribute {
	var out []*attribute
	for i, col := range columns {
		one := new(*col)
		if i < len(names) {
			one.name = names[i]
		}
		out = append(out, one)
	}
	return out
}

// from are the items of one part of FROM.
func (c *columnReader) from(node *pg.Node, with map[string][]*attribute) ([]*fromItem, bool) {
	switch n := node.GetNode().(type) {
	case *pg.Node_RangeVar:
		v := n.RangeVar
		item := &fromItem{name: v.Relname}
		if columns, ok := with[v.Relname]; ok && v.Schemaname == "" {
			item.columns = columns
		} else if below := c.of.reads[v]; below != nil && below.opaque == "" {
			item.columns = below.columns
		} else {
			return nil, false
		}
		if alias := v.GetAlias(); alias.GetAliasname() != "" {
			item.name, item.columns = alias.Aliasname, renamed(item.columns, texts(alias.Colnames))
		}
		return []*fromItem{item}, true
	case *pg.Node_RangeSubselect:
		columns, ok := c.query(n.RangeSubselect.Subquery.GetSelectStmt(), with)
		alias := n.RangeSubselect.Alias
		return []*fromItem{{name: alias.GetAliasname(), columns: renamed(columns, texts(alias.GetColnames()))}}, ok
	case *pg.Node_JoinExpr:
		left, ok := c.from(n.JoinExpr.Larg, with)
		right, also := c.from(n.JoinExpr.Rarg, with)
		items := append(left, right...)
		if n.JoinExpr.IsNatural || len(n.JoinExpr.UsingClause) > 0 || n.JoinExpr.Alias != nil {
			for _, item := range items {
				item.merged = true
			}
		}
		return items, ok && also
	case *pg.Node_RangeFunction:
		return []*fromItem{{name: n.RangeFunction.GetAlias().GetAliasname(), merged: true}}, true
	}
	return nil, false
}

// shownName is the name of a result that is given none.
func shownName(node *pg.Node) string {
	name := columnName(node)
	switch n := node.GetNode().(type) {
	case *pg.Node_TypeCast:
		if name == "" || name == "?column?" {
			_, name = lastOf(texts(n.TypeCast.TypeName.Names))
		}
	case *pg.Node_CaseExpr:
		name = columnName(n.CaseExpr.Defresult)
		if name == "" {
			name = "case"
		}
	case *pg.Node_MinMaxExpr:
		name = "greatest"
		if n.MinMaxExpr.Op == pg.MinMaxOp_IS_LEAST {
			name = "least"
		}
	case *pg.Node_AArrayExpr:
		name = "array"
	case *pg.Node_SubLink:
		if sub := n.SubLink.Subselect.GetSelectStmt(); n.SubLink.SubLinkType == pg.SubLinkType_EXPR_SUBLINK && len(sub.GetTargetList()) == 1 {
			target := sub.TargetList[0].GetResTarget()
			name = target.Name
			if name == "" {
				name = shownName(target.Val)
			}
		} else if n.SubLink.SubLinkType == pg.SubLinkType_ARRAY_SUBLINK {
			name = "array"
		}
	}
	if name == "" {
		return "?column?"
	}
	return name
}

// results :: function → the type of its result
var results = map[string]string{
	"count": "bigint", "row_number": "bigint", "rank": "bigint", "dense_rank": "bigint", "lower": "text", "upper": "text",
	"concat": "text", "now": "timestamp with time zone", "string_agg": "text", "bool_and": "boolean", "bool_or": "boolean",
}

// typeOf is a column with the type and the collation of an expression.
func (c *columnReader) typeOf(node *pg.Node, items []*fromItem) *attribute {
	boolean := &attribute{typ: typeRef{text: "boolean"}}
	switch n := node.GetNode().(type) {
	case *pg.Node_ColumnRef:
		of, name := lastOf(texts(n.ColumnRef.Fields))
		for _, item := range items {
			for _, col := range item.columns {
				if col.name == name && (of == "" || of == item.name) {
					return &attribute{typ: col.typ, collation: col.collation}
				}
			}
		}
	case *pg.Node_TypeCast:
		if typ, err := c.draft.typeOf(n.TypeCast.TypeName); err == nil {
			col := &attribute{typ: typ}
			col.collation, _ = c.draft.collationOf(nil, typ)
			if inner := c.typeOf(n.TypeCast.Arg, items).collation; inner.name != "" && col.collation.name == "" && parseType(typ.text).kind == textType {
				col.collation = inner
			}
			return col
		}
	case *pg.Node_FuncCall:
		_, name := lastOf(texts(n.FuncCall.Funcname))
		switch {
		case results[name] != "":
			col := &attribute{typ: typeRef{text: results[name]}}
			if len(n.FuncCall.Args) > 0 && col.typ.text == "text" {
				col.collation = c.typeOf(n.FuncCall.Args[0], items).collation
			}
			return col
		case name == "max" || name == "min":
			col := c.typeOf(n.FuncCall.Args[0], items)
			if t := parseType(col.typ.text); len(t.mods) > 0 || t.kind == textType {
				col.typ = untyped // there is one for each type of text and the like, but not for each length
			}
			return col
		}
	case *pg.Node_CoalesceExpr:
		col := c.typeOf(n.CoalesceExpr.Args[0], items)
		for _, arg := range n.CoalesceExpr.Args[1:] {
			col = merged(col, c.typeOf(arg, items))
		}
		return col
	case *pg.Node_AConst:
		switch v := n.AConst.Val.(type) {
		case *pg.A_Const_Ival:
			return &attribute{typ: typeRef{text: "integer"}}
		case *pg.A_Const_Sval:
			return &attribute{typ: typeRef{text: "text"}}
		case *pg.A_Const_Boolval:
			return boolean
		case *pg.A_Const_Fval:
			_ = v
			return &attribute{typ: typeRef{text: "numeric"}}
		}
	case *pg.Node_BoolExpr, *pg.Node_NullTest, *pg.Node_BooleanTest:
		return boolean
	case *pg.Node_SubLink:
		if n.SubLink.SubLinkType == pg.SubLinkType_EXISTS_SUBLINK {
			return boolean
		}
	case *pg.Node_AExpr:
		switch texts(n.AExpr.Name)[0] {
		case "=", "<>", "<", ">", "<=", ">=", "~~", "!~~":
			return boolean
		}
	}
	return &attribute{typ: untyped}
}
