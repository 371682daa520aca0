package postgres

import (
	"slices"
	"strings"

	pg "github.com/sqlc-dev/oliphant"
)

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
				isUnary: true, // that is not known
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
	required := 0
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
		if p.Defexpr == nil {
			required++
		}
	}
	f.args = strings.Join(types, ",")
	f.isUnary = len(args) > 0 && required <= 1
	f.ofRow = f.isUnary && args[0].mayBeRow()
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
		s.routines = append(s.routines, &routine{schema: schema, name: name, volatility: "i", language: "internal", aggregate: true, isUnary: true})
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
