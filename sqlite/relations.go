package sqlite

import (
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/meyer/ast"
)

// foreignKeys hangs the foreign keys of a table on the tables they point to.
func (b *builder) foreignKeys(child string) {
	add := func(columns []string, clause *ast.ForeignKeyClause) {
		parent := fold(clause.Table.Name)
		t := b.catalog.Tables[parent]
		if t == nil {
			return // without its parent table a key never acts
		}
		key := moneyclip.ForeignKey{Child: child, Columns: columns, ParentColumns: names(clause.Columns)}
		if len(key.ParentColumns) == 0 {
			key.ParentColumns = b.creates[parent].primary
		}
		for _, arg := range clause.Args {
			switch upper(arg.Event) {
			case "DELETE":
				key.OnDelete = actions[arg.Action]
			case "UPDATE":
				key.OnUpdate = actions[arg.Action]
			}
		}
		t.Keys = append(t.Keys, key)
	}
	stmt := b.creates[child].stmt
	for _, column := range stmt.Columns {
		for _, constraint := range column.Constraints {
			if constraint.References != nil {
				add([]string{fold(column.Name.Name)}, constraint.References)
			}
		}
	}
	for _, constraint := range stmt.Constraints {
		if constraint.References != nil {
			add(names(constraint.FKColumns), constraint.References)
		}
	}
}

// actions :: SQLite's foreign key action → ours
var actions = map[ast.ForeignKeyAction]moneyclip.Action{
	ast.FKCascade:    moneyclip.Cascade,
	ast.FKSetNull:    moneyclip.SetNull,
	ast.FKSetDefault: moneyclip.SetDefault,
}

func names(columns []*ast.IndexedColumn) []string {
	var list []string
	for _, column := range columns {
		list = append(list, fold(column.Name.Name))
	}
	return list
}

// views reads the views, those first that stand on tables alone.
func (b *builder) views() {
	waiting := map[string]*ast.CreateViewStmt{}
	for _, o := range b.objects {
		if o.kind != "view" {
			continue
		}
		stmt, ok := protect(o.parse).(*ast.CreateViewStmt)
		if !ok {
			b.opaque(o.name, "its definition is not understood")
			b.catalog.Tables[o.name].View, b.catalog.Tables[o.name].Delays = true, true
			continue
		}
		waiting[o.name] = stmt
		b.catalog.Tables[o.name] = &moneyclip.Table{Name: o.name, View: true}
	}
	for again := true; again; {
		again = false
		for name, stmt := range waiting {
			m := meaning.Query(selectTree(stmt.Select), b.catalog)
			if m.Pending {
				continue
			}
			t := b.catalog.Tables[name]
			t.Opaque, t.Delays = m.Impure, delays(stmt.Select, b.catalog)
			t.Reads = append([]moneyclip.TableRead{}, m.Reads...)
			delete(waiting, name)
			again = true
		}
	}
	for name := range waiting {
		b.catalog.Tables[name].Opaque = "it is defined by itself"
		b.catalog.Tables[name].Reads = []moneyclip.TableRead{}
	}
}

func (b *builder) trigger(o object) {
	t := b.catalog.Tables[o.table]
	if t == nil {
		return
	}
	stmt, ok := protect(o.parse).(*ast.CreateTriggerStmt)
	if !ok {
		t.Triggers = append(t.Triggers, moneyclip.Trigger{Opaque: "its definition is not understood"})
		return
	}
	trigger := moneyclip.Trigger{Op: events[stmt.Event], Instead: stmt.Time == ast.TriggerInsteadOf, Early: stmt.Time == ast.TriggerBefore}
	ast.Walk(stmt, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RaiseExpr:
			trigger.Skips = trigger.Skips || trigger.Early && trigger.Op == moneyclip.Insert && strings.EqualFold(n.Action, "IGNORE")
			b.fails = b.fails || strings.EqualFold(n.Action, "FAIL")
		case *ast.InsertStmt:
			b.fails = b.fails || n.OrConflict == ast.ConflictFail
		case *ast.UpdateStmt:
			b.fails = b.fails || n.OrConflict == ast.ConflictFail
		}
		return true
	})
	for _, column := range stmt.UpdateOf {
		trigger.Of = append(trigger.Of, realName(t, fold(column.Name)))
	}
	for _, body := range stmt.Body {
		if _, ok := body.(*ast.SelectStmt); ok {
			continue
		}
		tree := writeTree(body)
		if tree == nil {
			trigger.Opaque = "its body is not understood"
			continue
		}
		// Values of the row that fired the trigger are not to be had from outside of it.
		tree.Native = nil
		fired := query.Trigger{Table: t, Early: trigger.Early}
		trigger.Writes = append(trigger.Writes, meaning.Body(tree, fired, b.catalog).Writes...)
	}
	t.Triggers = append(t.Triggers, trigger)
}

// events :: SQL → operation
var events = map[string]moneyclip.Op{
	"INSERT": moneyclip.Insert,
	"UPDATE": moneyclip.Update,
	"DELETE": moneyclip.Delete,
}
