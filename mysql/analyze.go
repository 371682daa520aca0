package mysql

import (
	"cmp"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
	"github.com/sqlc-dev/marino/format"
	"github.com/sqlc-dev/marino/parser"
)

// Analyze implements [moneyclip.Dialect].
func (dialect) Analyze(text string, catalog *moneyclip.Catalog) (s moneyclip.Statement) {
	name := query.Name(text)
	defer func() {
		// A parser is a large program fed with foreign text: should it fall over, the text is one that is not understood.
		if recover() != nil {
			s = moneyclip.Statement{}
		}
		s.Name = name
	}()
	src, ok := scan(text)
	switch {
	case !ok:
		return moneyclip.Statement{}
	case src.hasExecutable():
		return versioned(src, catalog)
	}
	s = script(src.plain(), catalog)
	if src.setsVariables() && s.Uncacheable == "" {
		s.Uncacheable = "sets a variable by a hint"
	}
	return s
}

// versioned says what a text means of which the server's version decides what it is: only of a SELECT that is one for
// any version is anything known.
func versioned(src *source, catalog *moneyclip.Catalog) moneyclip.Statement {
	readings := []string{src.plain().text}
	for _, digits := range []int{5, 6} {
		reading, ok := src.exposed(digits)
		if !ok {
			return moneyclip.Statement{}
		}
		readings = append(readings, reading)
	}
	var s moneyclip.Statement
	for _, reading := range readings {
		inner, ok := scan(reading)
		if !ok || inner.hasExecutable() {
			return moneyclip.Statement{}
		}
		if s = script(inner.plain(), catalog); s.Kind != moneyclip.KindRead {
			return moneyclip.Statement{}
		}
	}
	s.Uncacheable = "the server's version decides which of its comments are code"
	return s
}

// script says what a text without comments means.
func script(src *source, catalog *moneyclip.Catalog) moneyclip.Statement {
	parts := src.split()
	switch len(parts) {
	case 0:
		return moneyclip.Statement{Kind: moneyclip.KindInert}
	case 1:
		return single(parts[0], catalog)
	}
	stmts, _ := parse(src.text)
	switch {
	case len(stmts) == 1: // a body with semicolons in it
		return analyze(src, stmts[0], catalog)
	case len(stmts) != len(parts):
		return moneyclip.Statement{}
	}
	s := moneyclip.Statement{Kind: moneyclip.KindScript}
	for _, part := range parts {
		// Each statement numbers its parameters by itself.
		p := single(part, catalog)
		s.Parts = append(s.Parts, p)
		s.Text += p.Text + ";\n"
		if len(p.Params) > len(s.Params) {
			s.Params = p.Params
		}
	}
	return s
}

func parse(text string) ([]ast.StmtNode, bool) {
	stmts, _, err := parser.New().Parse(text, "", "")
	return stmts, err == nil
}

// Syntax is what the parser says of a text that it does not take.
func (dialect) Syntax(text string) error {
	_, _, err := parser.New().Parse(text, "", "")
	return err
}

// single says what one statement means.
func single(src *source, catalog *moneyclip.Catalog) moneyclip.Statement {
	s := understood(src, catalog)
	if s.Kind == moneyclip.KindUnknown && src.isOfRows() {
		s.Doubtful = "is not understood"
	}
	return s
}

// isOfRows reports whether one statement reads or writes rows, whatever it does: it begins as those do.
func (s *source) isOfRows() bool {
	for _, t := range s.tokens {
		if !s.isMark(t, '(') {
			return slices.ContainsFunc(rowWords, func(w string) bool { return s.is(t, w) })
		}
	}
	return false
}

var rowWords = strings.Fields("select insert replace update delete with values table")

// understood says what one statement means that is understood.
func understood(src *source, catalog *moneyclip.Catalog) moneyclip.Statement {
	if stmts, ok := parse(src.text); ok {
		return analyze(src, stmts[0], catalog)
	}
	switch first := src.tokens[0]; {
	case src.is(first, "insert"), src.is(first, "replace"), src.is(first, "delete"):
		return returning(src, catalog)
	case src.is(first, "analyze"):
		return analyzed(src, catalog)
	case slices.ContainsFunc([]string{"create", "alter", "drop"}, func(w string) bool { return src.is(first, w) }):
		return definition(src)
	}
	return moneyclip.Statement{}
}

// returning says what a write with RETURNING means. The parser does not know that clause, which MariaDB has.
func returning(src *source, catalog *moneyclip.Catalog) moneyclip.Statement {
	at := len(src.tokens)
	for i := src.find(0, "returning"); i < len(src.tokens); i = src.find(i+1, "returning") {
		at = i
	}
	if at >= len(src.tokens)-1 {
		return moneyclip.Statement{}
	}
	list, _ := src.slice(at+1, len(src.tokens))
	results, ok := parse("SELECT " + list)
	write, _ := src.slice(0, at)
	stmts, isWrite := parse(write)
	if !ok || !isWrite {
		return moneyclip.Statement{}
	}
	columns, ok := results[0].(*ast.SelectStmt)
	if !ok || columns.From != nil || columns.SelectIntoOpt != nil {
		return moneyclip.Statement{}
	}
	s := analyze(&source{text: write, tokens: src.tokens[:at]}, stmts[0], catalog)
	if s.Kind != moneyclip.KindWrite {
		return moneyclip.Statement{}
	}
	a := newAnalysis(src, catalog)
	a.unnumbered = true
	for _, f := range columns.Fields.Fields {
		a.visit(f.Expr)
	}
	if a.failed {
		return moneyclip.Statement{}
	}
	s.Returns = true
	s.Text += " RETURNING" + strings.TrimPrefix(normal(columns), "SELECT")
	s.Params = make([]string, src.parameters())
	a.finish(&s)
	return s
}

// analyzed says what MariaDB's ANALYZE of a statement does: it runs it, and returns how that went.
func analyzed(src *source, catalog *moneyclip.Catalog) moneyclip.Statement {
	from := 1
	if len(src.tokens) > 1 && src.is(src.tokens[1], "format") {
		from = 4 // FORMAT = JSON
	}
	if len(src.tokens) <= from {
		return moneyclip.Statement{}
	}
	rest, _ := src.slice(from, len(src.tokens))
	inner, ok := scan(rest)
	if !ok {
		return moneyclip.Statement{}
	}
	s := single(inner, catalog)
	switch s.Kind {
	case moneyclip.KindRead:
		s.Uncacheable = "returns how the statement was run"
	case moneyclip.KindWrite:
		s.Returns = true
		for i := range s.Writes {
			s.Writes[i].Source = nil
		}
	default:
		return moneyclip.Statement{}
	}
	s.Text = "ANALYZE " + s.Text
	return s
}

// definition says what a statement does that defines something the parser does not know.
func definition(src *source) moneyclip.Statement {
	s := moneyclip.Statement{Kind: moneyclip.KindSchema, Commits: true}
	if len(src.tokens) < 3 || src.parameters() > 0 {
		return moneyclip.Statement{}
	}
	for i, t := range src.tokens[1:min(5, len(src.tokens)-1)] {
		switch {
		case !src.is(t, "temporary"):
		case src.is(src.tokens[i+2], "table") && !takesRows(src): // what it takes them from may write
			return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "makes or drops a temporary table"}
		default:
			return moneyclip.Statement{} // of a sequence it is not known whether it commits
		}
	}
	return s
}

// takesRows reports whether there may be a query in a definition.
func takesRows(src *source) bool {
	for i, t := range src.tokens {
		// VALUE is also a good name for a column, and then comes its type.
		isRow := src.is(t, "value") && i+1 < len(src.tokens) && src.isMark(src.tokens[i+1], '(')
		if isRow || src.is(t, "select") || src.is(t, "values") {
			return true
		}
	}
	return false
}

// normal is the normal form of a statement, empty if it has none.
func normal(n ast.Node) string {
	const flags = format.RestoreStringSingleQuotes | format.RestoreStringEscapeBackslash | format.RestoreKeyWordUppercase |
		format.RestoreNameBackQuotes | format.RestoreSpacesAroundBinaryOperation | format.RestoreStringWithoutDefaultCharset
	var b strings.Builder
	if n.Restore(format.NewRestoreCtx(flags, &b)) != nil {
		return ""
	}
	return b.String()
}

// rules are what decides the meaning of the common tree in MySQL.
var rules = &query.Dialect{Generated: true}

// analysis is one walk through one statement.
type analysis struct {
	converter
	meaning query.Meaning
}

func newAnalysis(src *source, catalog *moneyclip.Catalog) *analysis {
	return &analysis{converter: converter{src: src, own: schemaOf(catalog), catalog: catalog}}
}

// visit takes in an expression that stands by itself.
func (a *analysis) visit(list ...ast.ExprNode) {
	core := &query.Select{}
	for _, e := range list {
		core.Results = append(core.Results, query.Result{Expr: a.expr(e)})
	}
	a.add(rules.Query(&query.Query{Cores: []*query.Select{core}}, a.catalog))
}

func (a *analysis) add(m query.Meaning) {
	a.meaning.Reads = append(a.meaning.Reads, m.Reads...)
	a.meaning.Writes = append(a.meaning.Writes, m.Writes...)
	if a.meaning.Impure == "" {
		a.meaning.Impure = cmp.Or(m.Impure, a.own.readsComputed(m.Reads))
	}
	a.meaning.Pending = a.meaning.Pending || m.Pending
}

// finish puts what was found into a statement.
func (a *analysis) finish(s *moneyclip.Statement) {
	s.Reads = append(s.Reads, a.meaning.Reads...)
	s.Writes = append(s.Writes, a.throughViews(a.meaning.Writes)...)
	if s.Uncacheable == "" {
		s.Uncacheable = a.meaning.Impure
	}
	if s.Doubtful == "" {
		s.Doubtful = a.sets
	}
	if a.calls != "" {
		s.Kind, s.Doubtful, s.MayCommit = moneyclip.KindWrite, a.calls, true
		s.Writes = append(s.Writes, anything)
	}
}

// analyze says what one statement means.
func analyze(src *source, stmt ast.StmtNode, catalog *moneyclip.Catalog) moneyclip.Statement {
	a := newAnalysis(src, catalog)
	a.learn(stmt)
	s := a.statement(stmt)
	if a.failed {
		return moneyclip.Statement{}
	}
	if s.Kind == moneyclip.KindUnknown {
		return s
	}
	s.Text, s.Params = normal(stmt), make([]string, src.parameters())
	a.finish(&s)
	return s
}

// commonTables are the names of all common table expressions of a statement.
func commonTables(own *schema, stmt ast.Node) map[string]bool {
	ctes := map[string]bool{}
	finder(func(n ast.Node) bool {
		if cte, ok := n.(*ast.CommonTableExpression); ok {
			ctes[own.table(cte.Name.O)] = true
		}
		return false
	}).in(stmt)
	return ctes
}

// statement converts one statement and says of which kind it is.
func (a *analysis) statement(stmt ast.StmtNode) moneyclip.Statement {
	write := moneyclip.Statement{Kind: moneyclip.KindWrite}
	switch n := stmt.(type) {
	case *ast.SelectStmt, *ast.SetOprStmt:
		a.add(rules.Query(a.query(n), a.catalog))
		return moneyclip.Statement{Kind: moneyclip.KindRead, Returns: a.calls != ""}
	case *ast.InsertStmt:
		a.add(rules.Writes([]*query.Write{a.insert(n)}, nil, a.catalog))
		return write
	case *ast.UpdateStmt:
		with := a.with(n.With)
		a.add(rules.Writes(a.update(n), with, a.catalog))
		return write
	case *ast.DeleteStmt:
		with := a.with(n.With)
		a.add(rules.Writes(a.delete(n), with, a.catalog))
		return write
	case *ast.LoadDataStmt:
		return a.load(n)
	case *ast.TruncateTableStmt:
		write.Commits = true
		a.meaning.Writes = []moneyclip.Write{{Op: moneyclip.Delete, Table: a.fullName(n.Table)}}
		return write
	case *ast.DoStmt:
		a.visit(n.Exprs...)
		if len(a.meaning.Reads) > 0 {
			// It may be the victim of a deadlock, which ends the transaction, and nobody hears of it: DO has no errors but warnings.
			return moneyclip.Statement{}
		}
		return moneyclip.Statement{Kind: moneyclip.KindInert}
	case *ast.CallStmt:
		a.visit(n.Procedure.Args...)
		a.calls = "calls the procedure " + n.Procedure.FnName.L
		write.Returns = true
		return write
	case *ast.ExecuteStmt:
		a.calls = "executes a statement that was prepared by name"
		write.Returns = true
		return write
	case *ast.ExplainStmt:
		return a.explain(n)
	}
	return a.session(stmt)
}

// load is LOAD DATA. Which rows it brings is in the file.
func (a *analysis) load(n *ast.LoadDataStmt) moneyclip.Statement {
	for _, as := range n.ColumnAssignments {
		a.visit(as.Expr)
	}
	a.meaning.Writes = []moneyclip.Write{{
		Op: moneyclip.Insert, Table: a.fullName(n.Table), Replace: n.OnDuplicate == ast.OnDuplicateKeyHandlingReplace,
	}}
	return moneyclip.Statement{Kind: moneyclip.KindWrite}
}

// fullName is a table's name in the catalog, or as it is written.
func (a *analysis) fullName(n *ast.TableName) string {
	schema, table := a.tableName(n)
	if schema != "" {
		return schema + "." + table
	}
	return table
}

// explain is EXPLAIN, which in some forms runs the statement.
func (a *analysis) explain(n *ast.ExplainStmt) moneyclip.Statement {
	s := moneyclip.Statement{Kind: moneyclip.KindInert}
	inner := a.statement(n.Stmt)
	writes := a.meaning.Writes
	a.meaning = query.Meaning{}
	switch {
	case inner.Kind == moneyclip.KindUnknown:
		return moneyclip.Statement{}
	case a.calls != "":
		s.Returns = true
	case n.Analyze && inner.Kind == moneyclip.KindWrite:
		for i := range writes {
			writes[i].Source = nil
		}
		a.meaning.Writes = writes
		return moneyclip.Statement{Kind: moneyclip.KindWrite, Returns: true}
	}
	return s
}

// session says what a statement does that neither reads nor writes tables.
func (a *analysis) session(stmt ast.StmtNode) moneyclip.Statement {
	switch n := stmt.(type) {
	case *ast.BeginStmt:
		return moneyclip.Statement{Kind: moneyclip.KindControl, Control: moneyclip.Begin, Commits: true}
	case *ast.CommitStmt:
		return ending(moneyclip.Commit, n.CompletionType)
	case *ast.RollbackStmt:
		if n.SavepointName != "" {
			return moneyclip.Statement{
				Kind: moneyclip.KindControl, Control: moneyclip.RollbackTo, Savepoint: strings.ToLower(n.SavepointName),
			}
		}
		return ending(moneyclip.Rollback, n.CompletionType)
	case *ast.SavepointStmt:
		return moneyclip.Statement{Kind: moneyclip.KindControl, Control: moneyclip.Savepoint, Savepoint: strings.ToLower(n.Name)}
	case *ast.ReleaseSavepointStmt:
		return moneyclip.Statement{Kind: moneyclip.KindControl, Control: moneyclip.Release, Savepoint: strings.ToLower(n.Name)}
	case *ast.SetStmt:
		return a.set(n)
	case *ast.UseStmt:
		return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "changes the default database"}
	case *ast.SetRoleStmt:
		return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "changes the role"}
	case *ast.UnlockTablesStmt:
		return moneyclip.Statement{} // it commits if tables are locked, and only then
	case *ast.LockTablesStmt:
		return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "locks tables", Commits: true}
	case *ast.CreateTableStmt:
		if n.TemporaryKeyword != ast.TemporaryNone {
			if rows, ok := n.Select.(ast.StmtNode); ok {
				a.statement(rows)
				a.meaning = query.Meaning{}
			}
			if a.calls != "" || a.sets != "" {
				return moneyclip.Statement{} // two things, of which both count
			}
			return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "creates a temporary table"}
		}
	case *ast.DropTableStmt:
		if n.TemporaryKeyword != ast.TemporaryNone {
			return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "drops a temporary table"}
		}
	case *ast.PrepareStmt, *ast.DeallocateStmt, *ast.KillStmt, *ast.HelpStmt,
		*ast.HandlerOpenStmt, *ast.HandlerReadStmt, *ast.HandlerCloseStmt, *ast.GetDiagnosticsStmt, *ast.ChecksumTableStmt:
		return moneyclip.Statement{Kind: moneyclip.KindInert}
	case *ast.ShowStmt:
		if n.Where != nil {
			a.visit(n.Where)
		}
		return moneyclip.Statement{Kind: moneyclip.KindInert, Returns: a.calls != ""}
	case *ast.ExplainForStmt:
		return moneyclip.Statement{Kind: moneyclip.KindInert}
	case *ast.FlushStmt:
		if n.ReadLock || n.ForExport {
			return moneyclip.Statement{Kind: moneyclip.KindSession, Change: "locks tables", Commits: true}
		}
		return moneyclip.Statement{Kind: moneyclip.KindSchema, Commits: true}
	case *ast.AnalyzeTableStmt, *ast.CheckTableStmt, *ast.RepairTablesStmt:
		return moneyclip.Statement{Kind: moneyclip.KindSchema, Commits: true}
	case *ast.ProcedureInfo, *ast.DropProcedureStmt, *ast.CreateUserStmt, *ast.AlterUserStmt, *ast.DropUserStmt, *ast.RenameUserStmt,
		*ast.GrantStmt, *ast.GrantRoleStmt, *ast.RevokeStmt, *ast.RevokeRoleStmt, *ast.SetPwdStmt, *ast.SetDefaultRoleStmt:
		return moneyclip.Statement{Kind: moneyclip.KindSchema, Commits: true}
	}
	if _, ok := stmt.(ast.DDLNode); ok {
		return moneyclip.Statement{Kind: moneyclip.KindSchema, Commits: true}
	}
	return moneyclip.Statement{}
}

// ending is COMMIT or ROLLBACK, with or without a next transaction.
func ending(control moneyclip.Control, then ast.CompletionType) moneyclip.Statement {
	end := moneyclip.Statement{Kind: moneyclip.KindControl, Control: control}
	if then != ast.CompletionTypeChain {
		return end
	}
	return moneyclip.Statement{
		Kind:  moneyclip.KindScript,
		Parts: []moneyclip.Statement{end, {Kind: moneyclip.KindControl, Control: moneyclip.Begin}},
	}
}
