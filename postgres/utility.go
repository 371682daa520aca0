package postgres

import (
	"fmt"
	"slices"

	"github.com/moneyclip/moneyclip"
	pg "github.com/sqlc-dev/oliphant"
)

// utility fills in what a statement means that is no SELECT, INSERT, UPDATE, DELETE or MERGE.
func (c *converter) utility(node *pg.Node, s *moneyclip.Statement) {
	switch n := node.GetNode().(type) {
	case *pg.Node_TransactionStmt:
		control(n.TransactionStmt, s)
	case *pg.Node_VariableSetStmt:
		set(n.VariableSetStmt, s)
	case *pg.Node_DiscardStmt:
		discard(n.DiscardStmt, s)
	case *pg.Node_TruncateStmt:
		c.truncate(n.TruncateStmt, s)
	case *pg.Node_CopyStmt:
		c.copy(n.CopyStmt, s)
	case *pg.Node_ExplainStmt:
		c.explain(n.ExplainStmt, s)
	case *pg.Node_RefreshMatViewStmt:
		s.Kind = moneyclip.KindWrite
		name := c.tableName(n.RefreshMatViewStmt.Relation)
		s.Writes = []moneyclip.Write{{Op: moneyclip.Delete, Table: name}}
		if c.facts != nil && c.facts.refreshes[name] != "" {
			s.Writes, s.Doubtful = []moneyclip.Write{{Op: moneyclip.AnyOp}}, c.facts.refreshes[name]
		}
		c.fires(s)
	case *pg.Node_CallStmt, *pg.Node_DoStmt:
		c.run(node, s)
	case *pg.Node_ExecuteStmt:
		s.Kind = moneyclip.KindWrite
		s.Writes = []moneyclip.Write{{Op: moneyclip.AnyOp}}
		s.Returns = true
		s.Uncacheable = "runs what is not in its text"
		s.Doubtful = s.Uncacheable
	case *pg.Node_DeclareCursorStmt:
		s.Kind = moneyclip.KindInert
		c.embedded(n.DeclareCursorStmt.Query, s)
	case *pg.Node_PrepareStmt, *pg.Node_DeallocateStmt, *pg.Node_NotifyStmt, *pg.Node_ListenStmt, *pg.Node_UnlistenStmt,
		*pg.Node_VariableShowStmt, *pg.Node_CheckPointStmt, *pg.Node_LockStmt, *pg.Node_ClosePortalStmt,
		*pg.Node_VacuumStmt, *pg.Node_ConstraintsSetStmt:
		s.Kind = moneyclip.KindInert
	case *pg.Node_FetchStmt:
		// A cursor may call a function that writes, when a row is fetched; whoever declared it has said so.
		s.Kind = moneyclip.KindInert
	case *pg.Node_LoadStmt:
		s.Kind, s.Change = moneyclip.KindSession, "loads a library"
	case *pg.Node_CreateTableAsStmt:
		s.Kind = moneyclip.KindSchema
		if isTemporary(n.CreateTableAsStmt.GetInto().GetRel()) {
			c.temporaryOf(n.CreateTableAsStmt.Query, s)
			break
		}
		query := moneyclip.Statement{Kind: moneyclip.KindInert}
		if c.embedded(n.CreateTableAsStmt.Query, &query); query.Kind == moneyclip.KindSession {
			s.Doubtful = query.Change
		}
	case *pg.Node_AlterDatabaseSetStmt, *pg.Node_AlterRoleSetStmt:
		s.Kind, s.Defaults = moneyclip.KindSchema, true
	default:
		s.Kind = moneyclip.KindSchema
		if thing := temporary(node); thing != "" {
			s.Kind, s.Change = moneyclip.KindSession, "creates a temporary "+thing
			c.fires(s)
		}
	}
}

// temporaryOf fills in a statement that makes a temporary table of what a query returns.
func (c *converter) temporaryOf(query *pg.Node, s *moneyclip.Statement) {
	s.Kind = moneyclip.KindInert
	c.embedded(query, s)
	const makes = "creates a temporary table"
	if s.Kind == moneyclip.KindInert {
		s.Kind, s.Change = moneyclip.KindSession, makes
		c.fires(s)
		return
	}
	*s = moneyclip.Statement{Text: s.Text, Params: s.Params, Kind: moneyclip.KindWrite, Doubtful: makes, Writes: []moneyclip.Write{{Op: moneyclip.AnyOp}}}
}

func isTemporary(r *pg.RangeVar) bool {
	return r.GetRelpersistence() == "t" || r.GetSchemaname() == "pg_temp"
}

// control fills in a statement of transaction control.
func control(t *pg.TransactionStmt, s *moneyclip.Statement) {
	s.Kind, s.Savepoint = moneyclip.KindControl, t.SavepointName
	switch t.Kind {
	case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START:
		s.Control = moneyclip.Begin
	case pg.TransactionStmtKind_TRANS_STMT_COMMIT:
		s.Control = moneyclip.Commit
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK:
		s.Control = moneyclip.Rollback
	case pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT:
		s.Control = moneyclip.Savepoint
	case pg.TransactionStmtKind_TRANS_STMT_RELEASE:
		s.Control = moneyclip.Release
	case pg.TransactionStmtKind_TRANS_STMT_ROLLBACK_TO:
		s.Control = moneyclip.RollbackTo
	default:
		// The outcome of a transaction in two phases is decided elsewhere, and at any time.
		*s = moneyclip.Statement{Text: s.Text}
		return
	}
	if !t.Chain {
		return
	}
	text := s.Text
	first := moneyclip.Statement{Kind: moneyclip.KindControl, Control: s.Control, Text: text}
	next := moneyclip.Statement{Kind: moneyclip.KindControl, Control: moneyclip.Begin, Text: text}
	*s = moneyclip.Statement{Kind: moneyclip.KindScript, Text: text, Parts: []moneyclip.Statement{first, next}}
}

// tableName is the catalog's name of a table, or the one that it has in the text.
func (c *converter) tableName(r *pg.RangeVar) string {
	schema := c.schema(r)
	if c.catalog != nil {
		if def := c.catalog.Lookup(schema, r.GetRelname()); def != nil {
			return def.Name
		}
	}
	return dotted(schema, r.GetRelname())
}

// truncate deletes from each table, and with CASCADE from those that refer to it.
func (c *converter) truncate(t *pg.TruncateStmt, s *moneyclip.Statement) {
	s.Kind = moneyclip.KindWrite
	var names []string
	for _, node := range t.Relations {
		names = append(names, c.tableName(node.GetRangeVar()))
	}
	for i := 0; i < len(names); i++ {
		s.Writes = append(s.Writes, moneyclip.Write{Op: moneyclip.Delete, Table: names[i]})
		if t.Behavior != pg.DropBehavior_DROP_CASCADE || c.catalog == nil || c.catalog.Tables[names[i]] == nil {
			continue
		}
		def := c.catalog.Tables[names[i]]
		for _, key := range def.Keys {
			if !slices.Contains(names, key.Child) {
				names = append(names, key.Child)
			}
		}
		for _, kin := range def.Kin { // a partition has the keys of its table
			if !slices.Contains(names, kin) {
				names = append(names, kin)
			}
		}
	}
}

// copy inserts rows into a table, or only reads.
func (c *converter) copy(n *pg.CopyStmt, s *moneyclip.Statement) {
	s.Kind = moneyclip.KindInert
	if n.IsProgram {
		s.Kind = moneyclip.KindSchema // what the program does nobody knows
	}
	switch {
	case n.Query != nil:
		c.embedded(n.Query, s)
	case n.IsFrom:
		w := moneyclip.Write{Op: moneyclip.Insert, Table: c.tableName(n.Relation)}
		w.Columns = texts(n.Attlist)
		s.Kind, s.Writes = moneyclip.KindWrite, []moneyclip.Write{w}
		c.exprs([]*pg.Node{n.WhereClause})
	}
}

// embedded takes over the writes of a query inside a statement that returns nothing of it to be cached.
func (c *converter) embedded(node *pg.Node, s *moneyclip.Statement) {
	var inner moneyclip.Statement
	c.statement(node, &inner, "")
	c.finish(&inner)
	c.writes, c.session, c.calls = "", "", nil
	switch inner.Kind {
	case moneyclip.KindRead, moneyclip.KindInert:
	case moneyclip.KindWrite:
		s.Kind, s.Writes, s.Doubtful = inner.Kind, inner.Writes, inner.Doubtful
		for i := range s.Writes {
			s.Writes[i].Source = nil
		}
	default:
		s.Kind, s.Change, s.Reach = inner.Kind, inner.Change, inner.Reach
	}
}

// explain is inert, unless it runs the statement to see how long it takes.
func (c *converter) explain(n *pg.ExplainStmt, s *moneyclip.Statement) {
	s.Kind = moneyclip.KindInert
	for _, node := range n.Options {
		option := node.GetDefElem()
		if option.GetDefname() != "analyze" {
			continue
		}
		c.embedded(n.Query, s)
		s.Returns = s.Kind == moneyclip.KindWrite
		s.Uncacheable = "explains a statement"
		return
	}
}

// discard is DISCARD.
func discard(n *pg.DiscardStmt, s *moneyclip.Statement) {
	s.Kind = moneyclip.KindInert
	switch n.Target {
	case pg.DiscardMode_DISCARD_ALL:
		s.Kind, s.Change, s.Reach = moneyclip.KindSession, "resets the session", moneyclip.Reset
	case pg.DiscardMode_DISCARD_TEMP:
		s.Kind, s.Change = moneyclip.KindSession, "drops the temporary tables"
	}
}

// temporary names the kind of object that a statement creates for this session alone, or is empty.
func temporary(node *pg.Node) string {
	thing, relation, names := "", (*pg.RangeVar)(nil), []*pg.Node(nil)
	switch n := node.GetNode().(type) {
	case *pg.Node_CreateStmt:
		thing, relation = "table", n.CreateStmt.Relation
	case *pg.Node_ViewStmt:
		thing, relation = "view", n.ViewStmt.View
	case *pg.Node_CreateSeqStmt:
		thing, relation = "sequence", n.CreateSeqStmt.Sequence
	case *pg.Node_CompositeTypeStmt:
		thing, relation = "type", n.CompositeTypeStmt.Typevar
	case *pg.Node_CreateFunctionStmt:
		thing, names = "function", n.CreateFunctionStmt.Funcname
	case *pg.Node_CreateDomainStmt:
		thing, names = "type", n.CreateDomainStmt.Domainname
	case *pg.Node_CreateEnumStmt:
		thing, names = "type", n.CreateEnumStmt.TypeName
	case *pg.Node_CreateRangeStmt:
		thing, names = "type", n.CreateRangeStmt.TypeName
	case *pg.Node_DefineStmt:
		thing, names = "object", n.DefineStmt.Defnames
	}
	if schema, _ := lastOf(texts(names)); isTemporary(relation) || schema == "pg_temp" {
		return thing
	}
	return ""
}

// set fills in SET and RESET.
func set(v *pg.VariableSetStmt, s *moneyclip.Statement) {
	name := v.Name
	switch v.Kind {
	case pg.VariableSetKind_VAR_RESET_ALL:
		// It leaves the role as it is. That is no harm: the session is asked again who it is.
		s.Kind, s.Change, s.Reach = moneyclip.KindSession, "resets all settings", moneyclip.Reset
		return
	case pg.VariableSetKind_VAR_SET_MULTI:
		s.Kind, s.Change = moneyclip.KindSession, "sets the characteristics of transactions"
		if name == "TRANSACTION" || name == "TRANSACTION SNAPSHOT" {
			s.Change, s.Reach = "sets the characteristics of the transaction", moneyclip.UntilEnd
		}
		return
	}
	if isHarmlessSetting(name) {
		s.Kind = moneyclip.KindInert
		return
	}
	s.Kind, s.Change = moneyclip.KindSession, fmt.Sprintf("sets %s", name)
	switch {
	case v.IsLocal:
		s.Reach = moneyclip.UntilEnd
	case isProfiled(name):
		s.Reach = moneyclip.UntilAsked
	}
}
