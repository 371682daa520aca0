package postgres

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/moneyclip/moneyclip"
	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/proto"
)

// put adds a thing as the server would show it.
func (b *builder) put(kind string, fields ...any) {
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err) // they are texts, lists and booleans
	}
	t := thing{text: string(text)}
	if err := json.Unmarshal(text, &t.fields); err != nil {
		panic(err)
	}
	b.things[kind] = append(b.things[kind], t)
}

// catalog is what [dialect.Catalog] would read.
func (s *draft) catalog() *moneyclip.Catalog {
	b := newBuilder()
	for _, space := range s.spaces {
		b.put("schema", space)
	}
	b.put("~path", "public")
	for _, name := range builtins()["system"] {
		b.put("system", name)
	}
	for _, v := range []string{"i", "s", "v"} {
		b.put("function", "pg_catalog", v, builtins()[v])
	}
	for _, t := range s.types {
		if t.schema != "pg_temp" {
			s.putType(b, t)
		}
	}
	for _, f := range s.routines {
		f.put(b)
	}
	for _, o := range s.operators {
		switch {
		case o.function == nil:
			b.put("operator", o.name, "public", "a function that is not known")
		case o.function.volatility != "i":
			b.put("operator", o.name, o.function.schema, o.function.name)
		}
	}
	for _, r := range s.relations {
		if !r.temporary {
			s.putRelation(b, r)
		}
	}
	catalog := b.finish()
	for _, r := range s.relations {
		if def := b.tables[r.oid]; def != nil && r.opaque != "" {
			def.Opaque = r.opaque
		}
	}
	return catalog
}

func (s *draft) putType(b *builder, t *userType) {
	var base any
	var baseOID string
	if t.kind == "d" {
		base, baseOID = t.base.fields()
	}
	b.put("type", t.oid, t.schema, t.name, t.kind, baseOID, t.notNull, t.defaulted, base, "0")
	b.put("type", t.array, t.schema, "_"+t.name, "b", "0", false, false, nil, t.oid)
	for _, c := range t.checks {
		b.put("~domain", t.oid, c.name, s.expression(c.check, typeRef{}))
	}
}

// fields are the text of a type if it is PostgreSQL's own, or else its oid.
func (t typeRef) fields() (text any, oid string) {
	switch {
	case t.own == nil:
		return t.text, "0"
	case t.isArray:
		return nil, t.own.array
	}
	return nil, t.own.oid
}

func (f *routine) put(b *builder) {
	b.put("function", f.schema, f.volatility, []string{f.name})
	if harmlessExtensions[f.extension] {
		b.put("harmless", f.name)
	}
	if f.isUnary {
		b.put("unary", f.name, f.ofRow)
	}
	if f.volatility == "v" && (f.language == "sql" || f.language == "plpgsql") && f.returns != "trigger" && f.returns != "event_trigger" {
		b.put("~code", f.schema, f.name, f.language, f.source, f.settings, f.definition)
	}
}

func (s *draft) putRelation(b *builder, r *relation) {
	b.put("table", r.oid, r.schema, r.name, r.kind, r.guarded)
	for i, c := range r.columns {
		text, oid := c.typ.fields()
		identity := ""
		if c.identity {
			identity = "d"
		}
		collation := c.collation.name
		b.put("column", r.oid, fmt.Sprintf("%06d", i+1), c.name, c.notNull, c.generated, identity, text, oid, collation,
			!c.collation.isOdd, c.value != nil)
		if c.value != nil {
			b.put("~default", r.oid, c.name, s.expression(c.value, c.typ))
		}
	}
	for _, i := range r.indexes {
		if i.unique {
			columns := make([]any, len(i.columns))
			for at, name := range i.columns {
				if name != "" {
					columns[at] = name
				}
			}
			b.put("unique", r.oid, columns, i.odd)
		}
	}
	for _, c := range r.constraints {
		if c.check != nil {
			b.put("~check", r.oid, c.name, s.expression(c.check, typeRef{}))
			continue
		}
		some := ""
		if c.setsSome {
			some = "[1]"
		}
		b.put("key", r.oid, c.parent.oid, c.columns, c.parents, c.onDelete, c.onUpdate, some)
	}
	for _, above := range r.above {
		b.put("kin", r.oid, above.oid)
	}
	if r.parted != nil {
		b.putPartition(r)
	}
	if r.kind == "v" && r.query != nil {
		b.put("~view", r.oid, r.definition())
	}
	for _, one := range r.rules {
		if !one.off {
			b.put("rule", r.oid, one.event, one.instead, one.name)
		}
	}
	for _, t := range r.triggers {
		if !t.off {
			args := ""
			for _, arg := range t.args {
				args += arg + `\000`
			}
			b.put("trigger", r.oid, t.name, t.bits, t.columns, t.routine.schema, t.routine.name, t.routine.language, t.routine.source,
				t.routine.settings, t.deferrable, args, t.routine.extension)
		}
	}
}

func (b *builder) putPartition(r *relation) {
	var names []string
	computed := false
	for _, node := range r.parted.PartParams {
		e := node.GetPartitionElem()
		if e.Name == "" {
			computed = true
			continue
		}
		names = append(names, e.Name)
	}
	b.put("partition", r.oid, computed, names)
}

// definition is the text of a view, in which the tables have the names that they have by now.
func (r *relation) definition() string {
	for v, below := range r.reads {
		if below.name != v.Relname && v.Alias == nil {
			v.Alias = &pg.Alias{Aliasname: v.Relname}
		}
		v.Relname, v.Schemaname = below.name, below.schema
	}
	text, err := pg.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: r.query}}}}})
	if err != nil {
		return ""
	}
	return text
}

// expression is the text of one, in which constants have the type that they are for, as PostgreSQL writes it.
func (s *draft) expression(e *pg.Node, typ typeRef) string {
	if c := e.GetAConst(); c != nil && (typ.own != nil || typ.text != "") {
		isNegative := c.GetIval().GetIval() < 0 || strings.HasPrefix(c.GetFval().GetFval(), "-")
		text := c.GetSval().GetSval()
		if isNegative {
			if text = c.GetFval().GetFval(); text == "" {
				text = fmt.Sprint(c.GetIval().GetIval())
			}
		}
		if c.GetSval() != nil || isNegative {
			name := typ.String()
			if typ.own == nil && !typ.isArray {
				name = parseType(name).base // how long it may be is said by a function around it
			}
			switch {
			case isNegative:
				name = "integer"
			case name == "character":
				name = "bpchar"
			}
			return "'" + strings.ReplaceAll(text, "'", "''") + "'::" + name
		}
	}
	target := &pg.ResTarget{Val: proto.Clone(e).(*pg.Node)}
	q := &pg.SelectStmt{TargetList: []*pg.Node{{Node: &pg.Node_ResTarget{ResTarget: target}}}, LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE}
	text, err := pg.Deparse(&pg.ParseResult{Stmts: []*pg.RawStmt{{Stmt: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: q}}}}})
	if err != nil {
		return "?"
	}
	return strings.TrimPrefix(text, "SELECT ")
}

// renameLabel gives a value of an enum another name, also where it is a default.
func (s *draft) renameLabel(n *pg.AlterEnumStmt) {
	schema, name := lastOf(texts(n.TypeName))
	enum := s.findType(schema, name)
	if enum == nil || n.OldVal == "" {
		return
	}
	for _, r := range s.relations {
		for _, c := range r.columns {
			value := c.value
			for value.GetTypeCast() != nil {
				value = value.GetTypeCast().Arg
			}
			if label := value.GetAConst().GetSval(); c.typ.own == enum && !c.typ.isArray && label != nil && label.Sval == n.OldVal {
				label.Sval = n.NewVal
			}
		}
	}
}
