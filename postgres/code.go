package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	pg "github.com/sqlc-dev/oliphant"
)

// An effect is what a function of the database's own does when it is called, whatever its arguments.
type effect struct {
	writes  []moneyclip.Write // their values and rows are not known
	opaque  string            // why it may write anything; empty: it does not
	session string            // what it changes in the session
	visited bool
	known   bool
}

// A code is the definition of one function of a name.
type code struct {
	function
	definition string // as CREATE FUNCTION
	ofEvent    bool   // an event trigger calls it
}

// parameters are what the definition has between the function's name and its body.
func (c *code) parameters() string {
	head, _, _ := strings.Cut(c.definition, "AS $")
	_, parameters, _ := strings.Cut(head, "(")
	if !strings.Contains(parameters, "DEFAULT") {
		return ""
	}
	return parameters
}

// trees are the statements of a body that is kept as trees: BEGIN ATOMIC, or RETURN. Nil: it is not understood.
func (c *code) trees() []*pg.Node {
	body := oneStatement(c.definition).GetCreateFunctionStmt().GetSqlBody()
	if result := body.GetReturnStmt(); result != nil {
		target := &pg.Node{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Val: result.Returnval}}}
		return []*pg.Node{{Node: &pg.Node_SelectStmt{SelectStmt: &pg.SelectStmt{TargetList: []*pg.Node{target}}}}}
	}
	var trees []*pg.Node
	for _, item := range body.GetList().GetItems() {
		trees = append(trees, item.GetList().GetItems()...)
	}
	return trees
}

// codes reads the definitions of functions that may write.
func (b *builder) codes() {
	for _, t := range b.things["~code"] {
		c := &code{
			function:   function{schema: t.str(0), name: t.str(1), language: t.str(2), text: t.str(3), settings: t.str(4)},
			definition: t.str(5),
		}
		name := c.schema + "." + c.name
		b.facts.codes[name] = append(b.facts.codes[name], c)
	}
	ambiguous, spaces := b.ambiguous()
	b.facts.effectOf = func(name string) *effect {
		return once(b.facts.effects, name, func(e *effect) {
			r := &codeReader{catalog: b.catalog, ambiguous: ambiguous, spaces: spaces}
			r.overloads(name, e)
		})
	}
}

// once is the effect of a name. It is read when it is asked for first.
func once[K comparable](effects map[K]*effect, name K, read func(e *effect)) *effect {
	e := effects[name]
	if e == nil {
		e = &effect{}
		effects[name] = e
	}
	switch {
	case e.known:
	case e.visited:
		return &effect{opaque: "calls itself"} // the one that is asked is not done yet
	default:
		e.visited = true
		read(e)
		e.known = true
	}
	return e
}

// settle reads the bodies of all functions and all defaults, so that nothing of the catalog changes any more.
func (b *builder) settle() {
	for name := range b.facts.codes {
		b.facts.effectOf(name)
	}
	for _, def := range b.catalog.Tables {
		for _, col := range def.Columns {
			b.facts.defaultOf(moneyclip.ColumnName{Table: def.Name, Column: col.Name})
		}
	}
	effects, defaults := b.facts.effects, b.facts.defaults
	b.facts.effectOf = func(name string) *effect { return effects[name] }
	b.facts.defaultOf = func(column moneyclip.ColumnName) *effect { return defaults[column] }
}

// A codeReader reads the bodies of functions.
type codeReader struct {
	catalog   *moneyclip.Catalog
	ambiguous map[string]bool
	spaces    []string
}

// overloads fills in what any of the functions of a name does.
func (r *codeReader) overloads(name string, e *effect) {
	codes := r.catalog.Own.(*facts).codes[name]
	if len(codes) == 0 {
		e.opaque = "is not written in SQL or PL/pgSQL"
	}
	for _, c := range codes {
		r.code(c, e)
	}
}

// code fills in what one function does.
func (r *codeReader) code(c *code, e *effect) {
	var statements []string
	var trees []*pg.Node
	switch {
	case strings.Contains(c.text, "#variable_conflict"):
		e.opaque = "has names that may be of variables or of columns"
		return
	case c.language == "sql" && strings.TrimSpace(c.text) != "":
		statements = []string{c.text}
	case c.language == "sql":
		if trees = c.trees(); trees == nil {
			e.opaque = "is not understood"
			return
		}
	case c.language == "plpgsql":
		p, ok := parseFunction(c.definition, c.ofEvent)
		if !ok || len(p.dynamic) > 0 {
			e.opaque = "executes a text that it makes"
			return
		}
		statements = p.statements
		if p.records {
			statements = append(statements, r.catalog.Own.(*facts).writing(c.text)...)
		}
	default:
		e.opaque = "is not understood"
		return
	}
	statements = append(statements, r.catalog.Own.(*facts).writing(c.parameters())...)
	b := &body{variables: c.language == "plpgsql"}
	catalog := *r.catalog
	catalog.Path = r.spaces
	if path, ok := c.path(); ok {
		catalog.Path = path
	} else {
		b.ambiguous = r.ambiguous
	}
	for _, text := range statements {
		e.statements(text, &catalog, b)
	}
	for _, tree := range trees {
		e.statement(tree, &catalog, b)
	}
	if b.unclear != "" {
		e.opaque = cmp.Or(e.opaque, fmt.Sprintf("means by %s what the session's search path says", b.unclear))
	}
}

// statements adds what the statements of a body do.
func (e *effect) statements(text string, catalog *moneyclip.Catalog, b *body) {
	tree, ok := parse(text)
	if !ok {
		e.opaque = cmp.Or(e.opaque, "is not understood")
		return
	}
	for _, stmt := range tree.Stmts {
		e.statement(stmt.Stmt, catalog, b)
	}
}

// statement adds what one statement of a body does.
func (e *effect) statement(stmt *pg.Node, catalog *moneyclip.Catalog, b *body) {
	c := newConverter(catalog)
	c.body = b
	var s moneyclip.Statement
	c.statement(stmt, &s, "")
	c.finish(&s)
	switch s.Kind {
	case moneyclip.KindRead, moneyclip.KindInert:
	case moneyclip.KindWrite:
		if slices.ContainsFunc(s.Writes, func(w moneyclip.Write) bool { return w.Op == moneyclip.AnyOp }) {
			e.opaque = cmp.Or(e.opaque, s.Doubtful)
		} else {
			e.session = cmp.Or(e.session, s.Doubtful)
		}
	case moneyclip.KindSession:
		e.session = s.Change
	default:
		e.opaque = cmp.Or(e.opaque, "holds more than SELECT, INSERT, UPDATE and DELETE")
	}
	e.opaque = cmp.Or(e.opaque, c.writes)
	e.session = cmp.Or(e.session, c.session)
	for _, w := range s.Writes {
		e.writes = append(e.writes, loose(&w))
	}
}

// writing are statements that call the functions which a text seems to call, if they may write.
func (f *facts) writing(text string) []string {
	var statements []string
	for _, name := range callsIn(text) {
		if v, _ := f.lookup("", name, nil); v == volatile {
			statements = append(statements, "SELECT "+quote(name)+"()")
		}
	}
	return statements
}

// loose is a write of which only the columns are known.
func loose(w *moneyclip.Write) moneyclip.Write {
	out := moneyclip.Write{Op: w.Op, Table: w.Table, SetAll: w.SetAll, Columns: slices.Clone(w.Columns), Set: slices.Clone(w.Set)}
	for i := range out.Set {
		out.Set[i].Value = moneyclip.Value{}
	}
	if w.Conflict != nil {
		set := slices.Clone(w.Conflict.Set)
		for i := range set {
			set[i].Value = moneyclip.Value{}
		}
		out.Conflict = &moneyclip.Conflict{Set: set}
	}
	return out
}

// runs notes a call of a volatile function of the database's own.
func (c *converter) runs(schema, name string) {
	c.taint("calls %s(), which is volatile", name)
	path := c.path()
	for _, s := range c.facts.schemas[name] {
		if schema != "" && s != schema || s == "pg_catalog" || schema == "" && path != nil && !slices.Contains(path, s) {
			continue
		}
		full := s + "." + name
		if c.facts.functions[full] != volatile {
			continue
		}
		var e *effect
		if c.facts.effectOf != nil {
			e = c.facts.effectOf(full)
		}
		switch {
		case e == nil:
			c.doubt("calls %s(), of whose body nothing is known", name)
		case e.opaque != "":
			c.doubt("calls %s(), which %s", name, e.opaque)
		default:
			c.calls = append(c.calls, e.writes...)
		}
		if e != nil && e.session != "" {
			c.changes(e.session, moneyclip.UntilReset)
		}
	}
}

// run is a DO block, or a CALL of a procedure.
func (c *converter) run(node *pg.Node, s *moneyclip.Statement) {
	e := &effect{}
	switch n := node.GetNode().(type) {
	case *pg.Node_DoStmt:
		c.block(n.DoStmt, e)
	case *pg.Node_CallStmt:
		c.exprs([]*pg.Node{{Node: &pg.Node_FuncCall{FuncCall: n.CallStmt.Funccall}}})
		e.opaque = c.writes
	}
	s.Kind, s.Uncacheable = moneyclip.KindWrite, "runs what is not in its text"
	s.Returns = true
	if e.opaque != "" {
		// It may do anything: change the schema too.
		s.Kind, s.Doubtful = moneyclip.KindSchema, "it "+e.opaque
	}
	s.Writes = append(s.Writes, e.writes...)
	c.session = cmp.Or(c.session, e.session)
}

// block reads the body of a DO block.
func (c *converter) block(n *pg.DoStmt, e *effect) {
	f := code{function: function{language: "plpgsql"}}
	for _, node := range n.Args {
		switch arg := node.GetDefElem(); arg.GetDefname() {
		case "as":
			f.text = arg.Arg.GetString_().GetSval()
		case "language":
			f.language = arg.Arg.GetString_().GetSval()
		}
	}
	const quote = "$moneyclip$"
	if c.facts == nil || f.language != "plpgsql" || strings.Contains(f.text, quote) {
		e.opaque = "runs code that is not understood"
		return
	}
	f.definition = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS " + quote + f.text + quote
	(&codeReader{catalog: c.catalog, spaces: c.catalog.Path}).code(&f, e)
}
