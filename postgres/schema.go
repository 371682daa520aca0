package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/ddl"
	pg "github.com/sqlc-dev/oliphant"
)

var syntax = ddl.Syntax{Dollars: true, Atomic: true}

// Schema is the catalog that a new database would have after these texts, for tools that have the schema files of a program
// and no database. Each text is a script or a migration, of which the part that undoes it is left out. A statement that is
// not understood makes its table opaque, or is part of the error where it is not about one table: what the catalog says of
// the rest holds all the same.
//
// The functions that PostgreSQL has of its own are those of PostgreSQL 15 and some later ones. A type that no text creates
// is taken for one of an extension.
func Schema(texts ...string) (*moneyclip.Catalog, error) {
	s := &draft{spaces: []string{"public"}, path: []string{"public"}, oid: 100000}
	err := syntax.Each(texts, s.apply)
	return s.catalog(), err
}

// doubt makes a table opaque of which a statement is not understood, also one that the scripts do not create.
func (s *draft) doubt(subject []string) {
	var names []string
	for _, part := range subject {
		name, quoted := ddl.Unquote(part)
		if !quoted {
			name = strings.ToLower(name)
		}
		names = append(names, name)
	}
	schema, name := lastOf(names)
	r := s.find(schema, name)
	if r == nil {
		schema, err := s.home(schema)
		if err != nil {
			return
		}
		r = &relation{oid: s.next(), schema: schema, name: name, kind: "r"}
		s.relations = append(s.relations, r)
	}
	r.opaque = "a statement about it is not understood"
}

// apply takes one statement into account.
func (s *draft) apply(text string) error {
	s.text, s.only = text, false
	stmt := oneStatement(text)
	if stmt == nil {
		subject := ddl.Subject(text)
		if subject == nil {
			return errors.New("it is not understood")
		}
		s.doubt(subject)
		return nil
	}
	return s.statement(stmt)
}

func (s *draft) statement(stmt *pg.Node) error {
	switch n := stmt.GetNode().(type) {
	case *pg.Node_CreateStmt:
		return s.createTable(n.CreateStmt, "r")
	case *pg.Node_CreateForeignTableStmt:
		return s.createTable(n.CreateForeignTableStmt.BaseStmt, "f")
	case *pg.Node_CreateTableAsStmt:
		return s.createAs(n.CreateTableAsStmt)
	case *pg.Node_ViewStmt:
		return s.createView(n.ViewStmt)
	case *pg.Node_IndexStmt:
		return s.createIndex(n.IndexStmt)
	case *pg.Node_CreateTrigStmt:
		return s.createTrigger(n.CreateTrigStmt)
	case *pg.Node_RuleStmt:
		return s.createRule(n.RuleStmt)
	case *pg.Node_CreateFunctionStmt:
		return s.createFunction(n.CreateFunctionStmt)
	case *pg.Node_DefineStmt:
		return s.define(n.DefineStmt)
	case *pg.Node_CreateEnumStmt:
		_, err := s.createType(texts(n.CreateEnumStmt.TypeName), "e")
		return err
	case *pg.Node_CreateRangeStmt:
		_, err := s.createType(texts(n.CreateRangeStmt.TypeName), "r")
		return err
	case *pg.Node_CompositeTypeStmt:
		v := n.CompositeTypeStmt.Typevar
		_, err := s.createType([]string{v.Schemaname, v.Relname}, "c")
		return err
	case *pg.Node_CreateDomainStmt:
		return s.createDomain(n.CreateDomainStmt)
	case *pg.Node_CreateSchemaStmt:
		return s.createSchema(n.CreateSchemaStmt)
	case *pg.Node_CreateExtensionStmt:
		return s.createExtension(n.CreateExtensionStmt)
	case *pg.Node_AlterTableStmt:
		return s.alterTable(n.AlterTableStmt)
	case *pg.Node_AlterEnumStmt:
		s.renameLabel(n.AlterEnumStmt)
		return nil
	case *pg.Node_TransactionStmt:
		switch n.TransactionStmt.Kind {
		case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START, pg.TransactionStmtKind_TRANS_STMT_COMMIT,
			pg.TransactionStmtKind_TRANS_STMT_SAVEPOINT, pg.TransactionStmtKind_TRANS_STMT_RELEASE:
			return nil
		}
		return errors.New("it undoes what was done before, or puts it off")
	case *pg.Node_AlterDomainStmt:
		return s.alterDomain(n.AlterDomainStmt)
	case *pg.Node_AlterFunctionStmt:
		return s.alterFunction(n.AlterFunctionStmt)
	case *pg.Node_AlterObjectSchemaStmt:
		return s.move(n.AlterObjectSchemaStmt)
	case *pg.Node_RenameStmt:
		return s.rename(n.RenameStmt)
	case *pg.Node_DropStmt:
		return s.drop(n.DropStmt)
	case *pg.Node_VariableSetStmt:
		return s.set(n.VariableSetStmt)
	case *pg.Node_SelectStmt:
		return s.selects(n.SelectStmt)
	case *pg.Node_DoStmt:
		return s.run(n.DoStmt)
	case *pg.Node_CallStmt:
		return errors.New("it calls a procedure, of which it is not known what it does to the schema")
	case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt, *pg.Node_MergeStmt, *pg.Node_TruncateStmt, *pg.Node_CopyStmt,
		*pg.Node_CreateSeqStmt, *pg.Node_AlterSeqStmt, *pg.Node_AlterOwnerStmt, *pg.Node_CommentStmt,
		*pg.Node_GrantStmt, *pg.Node_GrantRoleStmt, *pg.Node_CreateRoleStmt, *pg.Node_AlterRoleStmt, *pg.Node_AlterRoleSetStmt,
		*pg.Node_DropRoleStmt, *pg.Node_AlterDefaultPrivilegesStmt, *pg.Node_AlterDatabaseSetStmt, *pg.Node_AlterDatabaseStmt,
		*pg.Node_CreatedbStmt, *pg.Node_LockStmt, *pg.Node_VacuumStmt, *pg.Node_ClusterStmt,
		*pg.Node_ReindexStmt, *pg.Node_NotifyStmt, *pg.Node_RefreshMatViewStmt, *pg.Node_ConstraintsSetStmt, *pg.Node_DiscardStmt,
		*pg.Node_CreatePolicyStmt, *pg.Node_AlterPolicyStmt, // which do nothing unless the table says so
		*pg.Node_CreateStatsStmt, *pg.Node_AlterStatsStmt, *pg.Node_CreateCastStmt, *pg.Node_CreateOpClassStmt,
		*pg.Node_CreateOpFamilyStmt, *pg.Node_AlterOpFamilyStmt, *pg.Node_CreatePublicationStmt, *pg.Node_AlterPublicationStmt,
		*pg.Node_CreateSubscriptionStmt, *pg.Node_CreateFdwStmt, *pg.Node_CreateForeignServerStmt, *pg.Node_CreateUserMappingStmt,
		*pg.Node_CreatePlangStmt, *pg.Node_AlterCollationStmt, *pg.Node_AlterTsdictionaryStmt, *pg.Node_AlterTsconfigurationStmt,
		*pg.Node_AlterTypeStmt, *pg.Node_SecLabelStmt, *pg.Node_CheckPointStmt, *pg.Node_AlterExtensionStmt,
		*pg.Node_CreateEventTrigStmt, *pg.Node_AlterEventTrigStmt, *pg.Node_VariableShowStmt, *pg.Node_AlterObjectDependsStmt:
		return nil // the catalog has nothing of it
	}
	return errors.New("it is of a kind that is not understood")
}

// run carries out the statements of a DO block, which must be all that it does.
func (s *draft) run(n *pg.DoStmt) error {
	var body string
	for _, node := range n.Args {
		if arg := node.GetDefElem(); arg.GetDefname() == "as" {
			body = arg.Arg.GetString_().GetSval()
		}
	}
	const quote = "$moneyclip$"
	p, ok := parseFunction("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS "+quote+body+quote, false)
	if !ok || len(p.dynamic) > 0 || strings.Contains(body, quote) {
		return errors.New("it runs code, of which it is not known what it does to the schema")
	}
	conditional, changes := false, false
	for _, text := range p.statements {
		stmt := oneStatement(text)
		if stmt == nil {
			return errors.New("it runs code that is not understood")
		}
		switch stmt.GetNode().(type) {
		case *pg.Node_SelectStmt:
			conditional = true // or the value of a variable
		case *pg.Node_InsertStmt, *pg.Node_UpdateStmt, *pg.Node_DeleteStmt:
		default:
			changes = true
		}
		s.text = text
		err := s.statement(stmt)
		var there exists
		if errors.As(err, &there) {
			// What the block is for: it then goes on, or ends, with what there is besides undone.
			conditional = conditional || len(p.statements) > 1
			continue
		}
		if err != nil {
			return err
		}
	}
	if conditional && changes {
		return errors.New("it changes the schema on a condition, which is taken for true")
	}
	return nil
}

// set follows the search path.
func (s *draft) set(n *pg.VariableSetStmt) error {
	if n.Name != "search_path" {
		return nil
	}
	var names []string
	for _, arg := range n.Args {
		names = append(names, arg.GetAConst().GetSval().GetSval())
	}
	if n.Kind != pg.VariableSetKind_VAR_SET_VALUE {
		names = []string{"public"}
	}
	s.setPath(names)
	return nil
}

func (s *draft) setPath(names []string) {
	s.path = nil
	for _, name := range names {
		if name != "pg_catalog" && name != "$user" && name != "" {
			s.path = append(s.path, name)
		}
	}
}

// selects looks at the functions that a SELECT calls: of PostgreSQL's own only set_config changes what the next statements mean.
func (s *draft) selects(n *pg.SelectStmt) error {
	if n.IntoClause != nil {
		return s.createAs(&pg.CreateTableAsStmt{
			Query: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: n}}, Into: n.IntoClause, Objtype: pg.ObjectType_OBJECT_TABLE,
		})
	}
	own := map[string]bool{}
	for _, v := range []string{"i", "s", "v"} {
		for _, name := range builtins()[v] {
			own[name] = true
		}
	}
	var err error
	walk(n, func(m any) bool {
		f, ok := m.(*pg.FuncCall)
		if !ok {
			return true
		}
		switch schema, name := lastOf(texts(f.Funcname)); {
		case name == "set_config" && len(f.Args) == 3 && f.Args[0].GetAConst().GetSval().GetSval() == "search_path":
			s.setPath(strings.Split(strings.ReplaceAll(f.Args[1].GetAConst().GetSval().GetSval(), " ", ""), ","))
		case schema != "" && schema != "pg_catalog" || !own[name]:
			err = fmt.Errorf("it calls %s(), of which it is not known what it does to the schema", name)
		}
		return true
	})
	return err
}
