package mysql

import (
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/sqlc-dev/marino/ast"
)

// views reads the views, those first that stand on tables alone.
func (b *builder) views() {
	waiting := map[string]ast.StmtNode{}
	for _, row := range b.rows(viewsQuery, 2) {
		t := b.table(row[0])
		if t == nil || !t.View {
			continue
		}
		stmt := b.definition(row[1])
		if stmt == nil {
			t.Opaque, t.Reads = "its definition is not understood, or not shown to this user", []moneyclip.TableRead{}
			// What it calls is not known either.
			b.own.callers[t.Name] = "has a definition that is not understood"
			continue
		}
		waiting[t.Name] = stmt
	}
	for again := true; again; {
		again = false
		for name, stmt := range waiting {
			if b.view(name, stmt) {
				delete(waiting, name)
				again = true
			}
		}
	}
	for _, t := range b.catalog.Tables {
		if t.View && t.Reads == nil {
			t.Opaque, t.Reads = "it is defined by itself", []moneyclip.TableRead{}
		}
	}
}

// definition is what the parser makes of the text of a view, nil if nothing.
func (b *builder) definition(text string) (stmt ast.StmtNode) {
	defer func() {
		if recover() != nil {
			stmt = nil
		}
	}()
	stmts, ok := parse(text)
	if !ok || len(stmts) != 1 {
		return nil
	}
	return stmts[0]
}

// view reads one view; false: it stands on another that has not been read.
func (b *builder) view(name string, stmt ast.StmtNode) bool {
	t := b.catalog.Tables[name]
	a := newAnalysis(&source{}, b.catalog)
	a.learn(stmt)
	s := a.statement(stmt)
	switch {
	case a.meaning.Pending:
		return false
	case a.failed || s.Kind != moneyclip.KindRead:
		t.Opaque = "its definition is not understood"
		b.own.callers[name] = t.Opaque
	default:
		t.Opaque = a.meaning.Impure
	}
	if a.calls != "" {
		b.own.callers[name] = a.calls
	}
	t.Reads = append([]moneyclip.TableRead{}, a.meaning.Reads...)
	if m := b.mapping(t, stmt); m != nil {
		b.own.mappings[name] = m
	}
	return true
}

// mapping is that of a view whose rows are rows of one table, or nil.
func (b *builder) mapping(t *moneyclip.Table, stmt ast.StmtNode) *mapping {
	n, ok := stmt.(*ast.SelectStmt)
	if !ok || n.Kind != ast.SelectStmtKindSelect || n.From == nil || n.Distinct || n.With != nil || n.GroupBy != nil ||
		n.Having != nil || n.Limit != nil || len(n.Fields.Fields) != len(t.Columns) {
		return nil
	}
	a := newAnalysis(&source{}, b.catalog)
	item := a.from(n.From)
	if item == nil || item.Table == "" || item.Schema != "" || b.catalog.Tables[item.Table] == nil {
		return nil
	}
	m := &mapping{table: item.Table, columns: map[string]string{}}
	for i, f := range n.Fields.Fields {
		switch e := f.Expr.(type) {
		case *ast.ColumnNameExpr:
			m.columns[t.Columns[i].Name] = e.Name.Name.L
		case *ast.AggregateFuncExpr, nil:
			return nil
		}
	}
	return m
}

// events :: SQL → operation
var events = map[string]moneyclip.Op{
	"INSERT": moneyclip.Insert,
	"UPDATE": moneyclip.Update,
	"DELETE": moneyclip.Delete,
}

func (b *builder) triggers() {
	for _, row := range b.rows(triggersQuery, 6) {
		t := b.table(row[0])
		if t == nil {
			continue
		}
		trigger := moneyclip.Trigger{Op: events[row[1]], Early: row[2] == "BEFORE"}
		switch {
		case b.own.table(row[5]) != b.own.database:
			trigger.Opaque = "it is one of another database"
		case twists(row[4]) != "":
			trigger.Opaque = "its text was written with the sql_mode " + twists(row[4])
		default:
			b.body(t, &trigger, row[3], trigger.Early)
		}
		if trigger.Opaque != "" {
			trigger.SetsAll = trigger.Early
			trigger.Writes = nil
		}
		t.Triggers = append(t.Triggers, trigger)
	}
	if b.err != nil {
		return
	}
	g := b.grants()
	for _, t := range b.catalog.Tables {
		seen := g.sees(b.own.database, t.Name)
		if !seen && !t.View {
			t.Triggers = append(t.Triggers, moneyclip.Trigger{
				Opaque: "whether there is one is shown only to users with the privilege TRIGGER", SetsAll: true,
			})
		}
		if !seen {
			b.seen = append(b.seen, t.Name)
		}
	}
}

// twists names a part of an sql_mode that changes what a text means; empty: there is none.
func twists(mode string) string {
	for _, m := range strings.Split(strings.ToUpper(mode), ",") {
		switch m {
		case "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "ANSI", "ORACLE", "MSSQL", "DB2", "MAXDB", "POSTGRESQL",
			"EMPTY_STRING_IS_NULL", "HIGH_NOT_PRECEDENCE":
			return m
		}
	}
	return ""
}
