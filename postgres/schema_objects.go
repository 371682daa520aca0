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

func (s *draft) createSchema(n *pg.CreateSchemaStmt) error {
	name := n.Schemaname
	if name == "" {
		name = n.Authrole.GetRolename()
	}
	if slices.Contains(s.spaces, name) {
		if n.IfNotExists {
			return nil
		}
		return exists("a schema " + name)
	}
	s.spaces = append(s.spaces, name)
	path := s.path
	defer func() { s.path = path }()
	s.path = append([]string{name}, path...)
	for _, node := range n.SchemaElts {
		if err := s.statement(node); err != nil {
			return err
		}
	}
	return nil
}

func (s *draft) createExtension(n *pg.CreateExtensionStmt) error {
	if slices.Contains(s.extensions, n.Extname) {
		if n.IfNotExists {
			return nil
		}
		return exists("an extension " + n.Extname)
	}
	schema := ""
	for _, node := range n.Options {
		if option := node.GetDefElem(); option.Defname == "schema" {
			schema = option.Arg.GetString_().GetSval()
		}
	}
	schema, err := s.home(schema)
	if err != nil {
		return err
	}
	s.extensions = append(s.extensions, n.Extname)
	for _, name := range builtins()[n.Extname+"/type"] {
		if _, err := s.createType([]string{schema, name}, "b"); err != nil {
			return err
		}
	}
	for _, volatility := range []string{"i", "s", "v"} {
		for _, name := range builtins()[n.Extname+"/"+volatility] {
			s.routines = append(s.routines, &routine{
				schema: schema, name: name, volatility: volatility, language: "c", source: name, extension: n.Extname,
			})
		}
	}
	return nil
}

func (s *draft) createFunction(n *pg.CreateFunctionStmt) error {
	names := texts(n.Funcname)
	schema, name := lastOf(names)
	schema, err := s.home(schema)
	if err != nil {
		return err
	}
	if schema == "pg_temp" {
		return nil
	}
	f := &routine{schema: schema, name: name, volatility: "v", language: "sql", definition: s.text}
	var args []typeRef
	var types []string
	for _, node := range n.Parameters {
		p := node.GetFunctionParameter()
		switch p.Mode {
		case pg.FunctionParameterMode_FUNC_PARAM_OUT, pg.FunctionParameterMode_FUNC_PARAM_TABLE:
			continue
		}
		ref, err := s.typeOf(p.ArgType)
		if err != nil {
			return err
		}
		args, types = append(args, ref), append(types, ref.String())
	}
	f.args = strings.Join(types, ",")
	if len(args) == 1 && args[0].own != nil && args[0].own.kind == "c" && !args[0].isArray {
		f.row = args[0].own
	}
	_, f.returns = lastOf(texts(n.ReturnType.GetNames()))
	f.options(n.Options)
	for _, other := range s.routines {
		if other.schema == schema && other.name == name && other.args == f.args && other.extension == "" {
			if !n.Replace {
				return exists("a function " + name)
			}
			*other = *f // triggers call it
			return nil
		}
	}
	s.routines = append(s.routines, f)
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

// options fills in what stands behind the arguments of a function.
func (f *routine) options(list []*pg.Node) {
	for _, node := range list {
		switch option := node.GetDefElem(); option.Defname {
		case "as":
			f.source = texts(option.Arg.GetList().GetItems())[0]
		case "language":
			f.language = strings.ToLower(option.Arg.GetString_().GetSval())
		case "volatility":
			f.volatility = option.Arg.GetString_().GetSval()[:1]
		case "set":
			set := option.Arg.GetVariableSetStmt()
			var values []string
			for _, arg := range set.GetArgs() {
				values = append(values, arg.GetAConst().GetSval().GetSval())
			}
			f.settings = strings.TrimPrefix(f.settings+"\n"+set.GetName()+"="+strings.Join(values, ", "), "\n")
		}
	}
}

// matching are the functions that a name with types of arguments, or without, means.
func (s *draft) matching(n *pg.ObjectWithArgs) []*routine {
	var types []string
	for _, arg := range n.Objargs {
		ref, err := s.typeOf(arg.GetTypeName())
		if err != nil {
			return nil
		}
		types = append(types, ref.String())
	}
	schema, name := lastOf(texts(n.Objname))
	var found []*routine
	for _, r := range s.routines {
		if slices.Contains(s.lookIn(schema), r.schema) && r.name == name && (n.ArgsUnspecified || r.args == strings.Join(types, ",")) {
			found = append(found, r)
		}
	}
	return found
}

func (s *draft) alterFunction(n *pg.AlterFunctionStmt) error {
	for _, f := range s.matching(n.Func) {
		f.options(n.Actions)
	}
	return nil
}

// define is CREATE AGGREGATE, OPERATOR, COLLATION and the like.
func (s *draft) define(n *pg.DefineStmt) error {
	schema, name := lastOf(texts(n.Defnames))
	schema, err := s.home(schema)
	if err != nil {
		return err
	}
	switch n.Kind {
	case pg.ObjectType_OBJECT_AGGREGATE:
		s.routines = append(s.routines, &routine{schema: schema, name: name, volatility: "i", language: "internal", aggregate: true})
	case pg.ObjectType_OBJECT_COLLATION:
		c := collation{schema: schema, name: name}
		for _, node := range n.Definition {
			if e := node.GetDefElem(); e.Defname == "deterministic" {
				_, word := lastOf(append(texts(e.Arg.GetTypeName().GetNames()), e.Arg.GetString_().GetSval()))
				c.isOdd = !strings.EqualFold(word, "true") && !strings.EqualFold(word, "on")
			}
		}
		s.collations = append(s.collations, c)
	case pg.ObjectType_OBJECT_TYPE:
		_, err = s.createType([]string{schema, name}, "b")
	case pg.ObjectType_OBJECT_OPERATOR:
		o := operator{name: name, fault: true}
		for _, node := range n.Definition {
			if e := node.GetDefElem(); e.Defname == "function" || e.Defname == "procedure" {
				o.function = s.findRoutine(texts(e.Arg.GetTypeName().GetNames()))
			}
		}
		s.operators = append(s.operators, o)
	}
	return err
}

func (s *draft) createTrigger(n *pg.CreateTrigStmt) error {
	r, err := s.relation(n.Relation)
	if err != nil {
		return err
	}
	t := &trigger{name: n.Trigname, bits: int(n.Timing | n.Events), columns: texts(n.Columns), deferrable: n.Deferrable, args: texts(n.Args)}
	if n.Row {
		t.bits |= 1
	}
	if t.routine = s.findRoutine(texts(n.Funcname)); t.routine == nil {
		schema, name := lastOf(texts(n.Funcname))
		t.routine = &routine{schema: "pg_catalog", name: name, language: "internal"}
		if (schema != "" && schema != "pg_catalog") || !slices.Contains(builtins()["v"], name) {
			t.routine.language = "a language that is not known"
		}
	}
	family := []*relation{r}
	if n.Row && r.kind == "p" {
		family = s.family(r)
	}
	for _, one := range family {
		at := slices.IndexFunc(one.triggers, func(other *trigger) bool { return other.name == t.name })
		if at >= 0 && !n.Replace {
			return exists("a trigger " + t.name)
		} else if at >= 0 {
			one.triggers = slices.Delete(one.triggers, at, at+1)
		}
		own := new(*t)
		own.inherited = one != r
		one.triggers = append(one.triggers, own)
	}
	return nil
}

// events :: what a rule is for → pg_rewrite.ev_type
var events = map[pg.CmdType]string{
	pg.CmdType_CMD_SELECT: "1", pg.CmdType_CMD_UPDATE: "2", pg.CmdType_CMD_INSERT: "3", pg.CmdType_CMD_DELETE: "4",
}

func (s *draft) createRule(n *pg.RuleStmt) error {
	r, err := s.relation(n.Relation)
	if err != nil {
		return err
	}
	r.rules = slices.DeleteFunc(r.rules, func(other *rule) bool { return other.name == n.Rulename })
	r.rules = append(r.rules, &rule{name: n.Rulename, event: events[n.Event], instead: n.Instead})
	return nil
}

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

// rowType is the type of a relation's rows.
func (s *draft) rowType(r *relation) *userType {
	for _, t := range s.types {
		if t.relation == r {
			return t
		}
	}
	return &userType{}
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

// renameBelow renames a column of a table in the query of a view. False: it can not be told which columns are meant.
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

// dropReaders drops views that can not be without what has been dropped.
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
