package mysql

import (
	"reflect"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
)

// body takes in what the body of a trigger does. Every statement in it counts, whatever the conditions around it.
func (b *builder) body(t *moneyclip.Table, trigger *moneyclip.Trigger, text string, before bool) {
	defer func() {
		if recover() != nil {
			trigger.Opaque = notUnderstood
		}
	}()
	// The parser knows such bodies in procedures.
	src, ok := scan("CREATE PROCEDURE p() " + text)
	if !ok || src.hasExecutable() {
		trigger.Opaque = notUnderstood
		return
	}
	src = src.plain()
	stmts, ok := parse(src.text)
	if !ok || len(stmts) != 1 {
		trigger.Opaque = notUnderstood
		return
	}
	procedure, ok := stmts[0].(*ast.ProcedureInfo)
	if !ok || procedure.ProcedureBody == nil {
		trigger.Opaque = notUnderstood
		return
	}
	r := &bodyReader{b: b, src: src, table: t, trigger: trigger, early: before, locals: map[string]bool{}}
	r.declare(reflect.ValueOf(procedure.ProcedureBody))
	r.statement(procedure.ProcedureBody)
	slices.Sort(trigger.Sets)
	trigger.Sets = slices.Compact(trigger.Sets)
}

const notUnderstood = "its body is not understood"

type bodyReader struct {
	b       *builder
	src     *source
	table   *moneyclip.Table
	trigger *moneyclip.Trigger
	early   bool
	locals  map[string]bool
}

// declare collects the names of all variables, in whichever block: where one is not in sight a column of its name is
// taken for unknown, which is safe.
func (r *bodyReader) declare(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return
		}
		if decl, ok := v.Interface().(*ast.ProcedureDecl); ok {
			for _, name := range decl.DeclNames {
				r.locals[strings.ToLower(name)] = true
			}
		}
		r.declare(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && (strings.HasPrefix(v.Type().Name(), "Procedure") ||
				strings.HasSuffix(v.Type().Name(), "CaseStmt") || strings.HasSuffix(v.Type().Name(), "ThenStmt")) {
				r.declare(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			r.declare(v.Index(i))
		}
	}
}

func (r *bodyReader) opaque(why string) {
	if r.trigger.Opaque == "" {
		r.trigger.Opaque = why
	}
}

func (r *bodyReader) analysis() *analysis {
	a := newAnalysis(r.src, r.b.catalog)
	a.trigger, a.locals, a.unnumbered = true, r.locals, true
	return a
}

func (r *bodyReader) place() query.Trigger { return query.Trigger{Table: r.table, Early: r.early} }

// exprs takes in expressions of the body's own: what they call.
func (r *bodyReader) exprs(list ...ast.ExprNode) {
	a := r.analysis()
	a.exprs(list)
	r.close(a)
}

// close takes in what an analysis has found.
func (r *bodyReader) close(a *analysis) {
	switch {
	case a.failed:
		r.opaque(notUnderstood)
	case a.calls != "":
		r.opaque("it " + a.calls)
	}
	for _, w := range a.throughViews(a.meaning.Writes) {
		// Values of the row that fired the trigger are not to be had from outside of it.
		w.Source = nil
		r.trigger.Writes = append(r.trigger.Writes, w)
	}
}

func (r *bodyReader) statements(list []ast.StmtNode) {
	for _, s := range list {
		r.statement(s)
	}
}

func (r *bodyReader) statement(stmt ast.StmtNode) {
	switch n := stmt.(type) {
	case nil:
	case *ast.InsertStmt:
		a := r.analysis()
		a.learn(n)
		a.add(rules.Body(a.insert(n), r.place(), r.b.catalog))
		r.close(a)
	case *ast.UpdateStmt:
		a := r.analysis()
		a.learn(n)
		with := a.with(n.With)
		r.writes(a, a.update(n), with)
	case *ast.DeleteStmt:
		a := r.analysis()
		a.learn(n)
		with := a.with(n.With)
		r.writes(a, a.delete(n), with)
	case *ast.SelectStmt, *ast.SetOprStmt:
		a := r.analysis()
		a.learn(n)
		a.query(n) // what it calls
		r.close(a)
	case *ast.SetStmt:
		r.set(n)
	case *ast.DoStmt:
		r.exprs(n.Exprs...)
	case *ast.CallStmt:
		r.opaque("it calls the procedure " + n.Procedure.FnName.L)
	default:
		r.control(stmt)
	}
}

func (r *bodyReader) writes(a *analysis, writes []*query.Write, with *query.With) {
	for _, w := range writes {
		if w.With == nil {
			w.With = with
		}
		a.add(rules.Body(w, r.place(), r.b.catalog))
	}
	r.close(a)
}

// control takes in a statement that is made of others.
func (r *bodyReader) control(stmt ast.StmtNode) {
	switch n := stmt.(type) {
	case *ast.ProcedureBlock:
		for _, decl := range n.ProcedureVars {
			r.declaration(decl)
		}
		r.statements(n.ProcedureProcStmts)
	case *ast.ProcedureLabelBlock:
		r.statement(n.Block)
	case *ast.ProcedureLabelLoop:
		r.statement(n.Block)
	case *ast.ProcedureIfInfo:
		r.statement(n.IfBody)
	case *ast.ProcedureIfBlock:
		r.exprs(n.IfExpr)
		r.statements(n.ProcedureIfStmts)
		r.statement(n.ProcedureElseStmt)
	case *ast.ProcedureElseIfBlock:
		r.statement(n.ProcedureIfStmt)
	case *ast.ProcedureElseBlock:
		r.statements(n.ProcedureIfStmts)
	case *ast.SimpleCaseStmt:
		r.exprs(n.Condition)
		for _, when := range n.WhenCases {
			r.exprs(when.Expr)
			r.statements(when.ProcedureStmts)
		}
		r.statements(n.ElseCases)
	case *ast.SearchCaseStmt:
		for _, when := range n.WhenCases {
			r.exprs(when.Expr)
			r.statements(when.ProcedureStmts)
		}
		r.statements(n.ElseCases)
	case *ast.ProcedureWhileStmt:
		r.exprs(n.Condition)
		r.statements(n.Body)
	case *ast.ProcedureRepeatStmt:
		r.statements(n.Body)
		r.exprs(n.Condition)
	case *ast.ProcedureLoopStmt:
		r.statements(n.Body)
	case *ast.ProcedureOpenCur, *ast.ProcedureCloseCur, *ast.ProcedureFetchInto, *ast.ProcedureJump,
		*ast.SignalStmt, *ast.ResignalStmt, *ast.GetDiagnosticsStmt:
	default:
		r.opaque(notUnderstood)
	}
}

func (r *bodyReader) declaration(decl ast.DeclNode) {
	switch d := decl.(type) {
	case *ast.ProcedureDecl:
		r.exprs(d.DeclDefault)
	case *ast.ProcedureCursor:
		r.statement(d.Selectstring)
	case *ast.ProcedureErrorControl:
		r.statement(d.Operate)
	case *ast.ProcedureConditionDecl:
	default:
		r.opaque(notUnderstood)
	}
}

// set takes in SET, which assigns variables, columns of NEW and settings of the session.
func (r *bodyReader) set(n *ast.SetStmt) {
	for _, v := range n.Variables {
		r.exprs(v.Value)
		name := strings.ToLower(v.Name)
		column, isNew := strings.CutPrefix(name, "new.")
		switch {
		case !v.IsSystem && v.Name != ast.SetNames && v.Name != ast.SetCharset:
		case isNew:
			r.trigger.Sets = append(r.trigger.Sets, column)
		case r.locals[name]:
		default:
			r.opaque("it sets " + name)
		}
	}
}
