package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/ddl"
	"github.com/sqlc-dev/marino/ast"
)

var syntax = ddl.Syntax{Backslashes: true, Hashes: true, Delimiters: true, Blocks: true}

// Schema is the catalog that a new database would have after these texts, for tools that have the schema files of a program
// and no database. Each text is a script or a migration, of which the part that undoes it is left out. A statement that is
// not understood makes its table opaque, or is part of the error where it is not about one table: what the catalog says of
// the rest holds all the same.
//
// The database is one of MySQL 8 whose default collation is utf8mb4_0900_ai_ci, unless ALTER DATABASE or CREATE DATABASE
// says otherwise, and names of tables have no case in it. Foreign keys that are written with a column count too, as they do
// on MariaDB.
func Schema(texts ...string) (*moneyclip.Catalog, error) {
	s := &draft{collation: "utf8mb4_0900_ai_ci", routines: map[string]bool{}}
	err := syntax.Each(texts, s.apply)
	s.settleViews()
	catalog, fault := dialect{}.Catalog(context.Background(), s.ask)
	if fault != nil {
		return nil, errors.Join(err, fault)
	}
	for _, t := range s.tables {
		if def := catalog.Tables[t.name]; def != nil && t.opaque != "" {
			def.Opaque = t.opaque
		}
	}
	return catalog, err
}

// A draft is a database in the making.
type draft struct {
	text      string // the statement that is applied
	replaces  bool   // it replaces what it creates
	database  string // the default one, if a statement has said which
	collation string
	tables    []*relation
	triggers  []*trigger
	routines  map[string]bool
}

// A relation is a table or a view.
type relation struct {
	name       string
	engine     string
	collation  string
	columns    []*attribute
	indexes    []*index
	keys       []*foreignKey
	numbers    int // of foreign keys that have got a name
	definition string
	view       *ast.SelectStmt // that it is; nil for a UNION
	aliases    []ast.CIStr
	opaque     string
}

type attribute struct {
	name, typ, collation string
	notNull              bool
	value                driver.Value // DEFAULT, as it is shown
	extra                string
}

type index struct {
	name    string
	unique  bool
	columns []string // empty: an expression
	parts   []bool   // only the beginning counts
}

type foreignKey struct {
	name               string
	columns, parents   []string
	parent             string
	onDelete, onUpdate string
}

type trigger struct{ name, table, event, timing, body string }

// ask answers the queries of the catalog.
func (s *draft) ask(_ context.Context, query string, _ ...driver.Value) ([][]driver.Value, error) {
	const database = "moneyclip"
	var rows [][]driver.Value
	add := func(values ...driver.Value) { rows = append(rows, values) }
	switch query {
	case databaseQuery:
		add(database, "1", "8.0")
	case grantsQuery:
		add("GRANT ALL PRIVILEGES ON *.* TO `schema`")
	case routinesQuery:
		for _, name := range slices.Sorted(maps.Keys(s.routines)) {
			add(name)
		}
	case triggersQuery:
		slices.SortFunc(s.triggers, func(a, b *trigger) int { return strings.Compare(a.name, b.name) })
		for _, t := range s.triggers {
			add(t.table, t.event, t.timing, t.body, "", database)
		}
	}
	slices.SortFunc(s.tables, func(a, b *relation) int { return strings.Compare(a.name, b.name) })
	for _, t := range s.tables {
		switch query {
		case tablesQuery:
			kind := "BASE TABLE"
			if t.definition != "" {
				kind = "VIEW"
			}
			add(t.name, kind, t.engine)
		case columnsQuery:
			for _, c := range t.columns {
				var collation driver.Value
				if c.collation != "" {
					collation = c.collation
				}
				null := "YES"
				if c.notNull {
					null = "NO"
				}
				add(t.name, c.name, c.typ, collation, null, c.value, c.extra)
			}
		case keysQuery:
			rows = append(rows, t.uniqueKeys()...)
		case foreignKeysQuery:
			slices.SortFunc(t.keys, func(a, b *foreignKey) int { return strings.Compare(a.name, b.name) })
			for _, k := range t.keys {
				for i := range k.columns {
					add(database, t.name, k.name, k.columns[i], k.parent, k.parents[i], k.onDelete, k.onUpdate)
				}
			}
		case viewsQuery:
			if t.definition != "" {
				add(t.name, t.definition)
			}
		}
	}
	return rows, nil
}

func (t *relation) uniqueKeys() (rows [][]driver.Value) {
	slices.SortStableFunc(t.indexes, func(a, b *index) int {
		if primary := a.name == "primary"; primary != (b.name == "primary") {
			if primary {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	for _, i := range t.indexes {
		for n, name := range i.columns {
			var column, part driver.Value
			if name != "" {
				column = name
			}
			if i.parts[n] {
				part = "1"
			}
			if i.unique {
				rows = append(rows, []driver.Value{t.name, i.name, column, part})
			}
		}
	}
	return rows
}

func (s *draft) find(name string) *relation {
	for _, t := range s.tables {
		if t.name == name {
			return t
		}
	}
	return nil
}

// table is the one that a name means, as a name and, if there is one, as a table.
func (s *draft) table(n *ast.TableName) (string, *relation, error) {
	if schema := n.Schema.L; schema != "" && s.database != "" && schema != s.database {
		return "", nil, fmt.Errorf("it is about the database %s", schema)
	}
	return n.Name.L, s.find(n.Name.L), nil
}

// existing is the table that a statement is about.
func (s *draft) existing(n *ast.TableName) (*relation, error) {
	name, t, err := s.table(n)
	if err == nil && t == nil {
		err = fmt.Errorf("there is no table %s", name)
	}
	return t, err
}

// doubt makes a table opaque.
func (s *draft) doubt(name, why string) {
	t := s.find(name)
	if t == nil {
		t = &relation{name: name, engine: "InnoDB"}
		s.tables = append(s.tables, t)
	}
	t.opaque = why
}

// forVersions are comments that are none for a server which is not older.
var forVersions = regexp.MustCompile(`(?s)/\*M?!\d*(.*?)\*/`)

var (
	forEachRow = regexp.MustCompile(`(?is)\bfor\s+each\s+row\s+(?:(?:follows|precedes)\s+\S+\s+)?(.*)$`)
	// orReplace is MariaDB's way to create what there may be already, but for views, where the parser knows it.
	orReplace = regexp.MustCompile(`(?is)^create\s+or\s+replace\s+((?:definer\s*=\s*\S+\s+)?(?:table|trigger|function|procedure)\s)`)
	// meaningful are the modes in which a definition means something else.
	meaningful = regexp.MustCompile(`ansi|no_backslash_escapes|real_as_float|pipes_as_concat|ignore_space`)
	generated  = regexp.MustCompile(`(?i)\bPERSISTENT\b`)
)

// apply takes one statement into account.
func (s *draft) apply(text string) error {
	s.text = strings.TrimSpace(forVersions.ReplaceAllString(text, "$1"))
	if s.text == "" {
		return nil
	}
	s.replaces = orReplace.MatchString(s.text)
	s.text = orReplace.ReplaceAllString(s.text, "CREATE $1")
	stmts, ok := parse(s.text)
	if !ok {
		// MariaDB's own word.
		stmts, ok = parse(generated.ReplaceAllString(s.text, "STORED"))
	}
	if !ok || len(stmts) != 1 {
		subject := ddl.Subject(s.text)
		if subject == nil {
			return errors.New("it is not understood")
		}
		name, _ := ddl.Unquote(subject[len(subject)-1])
		s.doubt(strings.ToLower(name), "a statement about it is not understood")
		return nil
	}
	return s.statement(stmts[0])
}

func (s *draft) statement(stmt ast.StmtNode) error {
	switch n := stmt.(type) {
	case *ast.CreateTableStmt:
		return s.createTable(n)
	case *ast.CreateViewStmt:
		return s.createView(n)
	case *ast.AlterViewStmt:
		if _, err := s.existing(n.ViewName); err != nil {
			return err
		}
		return s.createView(&ast.CreateViewStmt{OrReplace: true, ViewName: n.ViewName, Cols: n.Cols, Select: n.Select})
	case *ast.CreateIndexStmt:
		return s.createIndex(n)
	case *ast.CreateTriggerStmt:
		return s.createTrigger(n)
	case *ast.CreateFunctionStmt:
		s.routines[n.FunctionName.Name.L] = true
	case *ast.AlterTableStmt:
		return s.alterTable(n)
	case *ast.DropTableStmt:
		return s.dropTables(n)
	case *ast.DropIndexStmt:
		t, err := s.existing(n.Table)
		if err != nil {
			return err
		}
		return t.dropIndex(n.IndexName, n.IfExists)
	case *ast.DropTriggerStmt:
		s.triggers = slices.DeleteFunc(s.triggers, func(t *trigger) bool { return t.name == n.TriggerName.Name.L })
	case *ast.DropFunctionStmt:
		delete(s.routines, n.FunctionName.Name.L)
	case *ast.RenameTableStmt:
		for _, pair := range n.TableToTables {
			if err := s.rename(pair.OldTable, pair.NewTable); err != nil {
				return err
			}
		}
	case *ast.CreateDatabaseStmt:
		s.options(n.Options)
	case *ast.AlterDatabaseStmt:
		s.options(n.Options)
	case *ast.UseStmt:
		s.database = strings.ToLower(n.DBName)
	case *ast.DropDatabaseStmt:
		s.tables, s.triggers, s.routines = nil, nil, map[string]bool{}
	case *ast.CallStmt:
		return errors.New("it calls a procedure, of which it is not known what it does to the schema")
	case *ast.ExecuteStmt:
		return errors.New("it runs what is not in its text")
	case *ast.SetStmt:
		return s.set(n)
	case ast.DMLNode, *ast.SetOprStmt, *ast.BeginStmt, *ast.CommitStmt, *ast.RollbackStmt, // what defines a table has committed it
		*ast.SavepointStmt, *ast.ReleaseSavepointStmt, *ast.LockTablesStmt, *ast.UnlockTablesStmt, *ast.TruncateTableStmt,
		*ast.AnalyzeTableStmt, *ast.CheckTableStmt, *ast.OptimizeTableStmt, *ast.FlushStmt, *ast.DoStmt, *ast.ShowStmt, *ast.ExplainStmt,
		*ast.PrepareStmt, *ast.DeallocateStmt, *ast.GrantStmt, *ast.GrantRoleStmt, *ast.RevokeStmt, *ast.RevokeRoleStmt,
		*ast.CreateUserStmt, *ast.AlterUserStmt, *ast.DropUserStmt, *ast.SetPwdStmt, *ast.SetRoleStmt, *ast.SetDefaultRoleStmt,
		*ast.ProcedureInfo, *ast.DropProcedureStmt, *ast.AlterProcedureStmt, *ast.AlterFunctionStmt,
		*ast.CreateEventStmt, *ast.AlterEventStmt, *ast.DropEventStmt, *ast.CreateSequenceStmt, *ast.AlterSequenceStmt, *ast.DropSequenceStmt:
		// The catalog has nothing of it.
	default:
		return errors.New("it is of a kind that is not understood")
	}
	return nil
}

// set looks for the settings on which it depends what a definition means. A value that is kept in a variable comes from before.
func (s *draft) set(n *ast.SetStmt) error {
	for _, v := range n.Variables {
		value := ""
		switch e := v.Value.(type) {
		case ast.ValueExpr:
			value = strings.ToLower(fmt.Sprint(e.GetValue()))
		case *ast.ColumnNameExpr: // a word
			value = e.Name.Name.L
		}
		changes := false
		switch strings.ToLower(v.Name) {
		case "sql_mode":
			changes = meaningful.MatchString(value)
		case "explicit_defaults_for_timestamp":
			changes = value == "0" || value == "off" || value == "false"
		case "default_storage_engine":
			changes = value != "" && value != "innodb"
		}
		if changes {
			return fmt.Errorf("SET %s changes what statements mean", v.Name)
		}
	}
	return nil
}

func (s *draft) options(options []*ast.DatabaseOption) {
	for _, o := range options {
		switch o.Tp {
		case ast.DatabaseOptionCharset:
			s.collation = s.defaultCollation(o.Value)
		case ast.DatabaseOptionCollate:
			s.collation = o.Value
		}
	}
}

// defaultCollation is the one that a character set has unless one is named.
func (s *draft) defaultCollation(charset string) string {
	switch charset = strings.ToLower(charset); charset {
	case "utf8":
		charset = "utf8mb3"
	case "binary":
		return ""
	case "latin1":
		return "latin1_swedish_ci"
	}
	if strings.HasPrefix(s.collation, charset+"_") {
		return s.collation
	} else if charset == "utf8mb4" {
		return "utf8mb4_0900_ai_ci"
	}
	return charset + "_general_ci"
}

func (s *draft) createTrigger(n *ast.CreateTriggerStmt) error {
	t, err := s.existing(n.Table)
	if err != nil {
		return err
	}
	name := n.TriggerName.Name.L
	isNamesake := func(t *trigger) bool { return t.name == name }
	if s.replaces {
		s.triggers = slices.DeleteFunc(s.triggers, isNamesake)
	}
	if slices.ContainsFunc(s.triggers, isNamesake) {
		if n.IfNotExists {
			return nil
		}
		return fmt.Errorf("there is already a trigger %s", name)
	}
	own := &trigger{name: name, table: t.name, timing: "AFTER"}
	if n.TriggerTime == ast.TriggerTimeBefore {
		own.timing = "BEFORE"
	}
	own.event = []string{"INSERT", "UPDATE", "DELETE"}[n.TriggerEvent]
	if m := forEachRow.FindStringSubmatch(s.text); m != nil {
		own.body = m[1]
	}
	s.triggers = append(s.triggers, own)
	return nil
}

func (s *draft) dropTables(n *ast.DropTableStmt) error {
	if n.TemporaryKeyword != ast.TemporaryNone {
		return nil
	}
	for _, table := range n.Tables {
		name, t, err := s.table(table)
		if err != nil {
			return err
		}
		if t == nil && !n.IfExists {
			return fmt.Errorf("there is no table %s", name)
		}
		s.drop(name)
	}
	return nil
}

func (s *draft) drop(name string) {
	s.tables = slices.DeleteFunc(s.tables, func(t *relation) bool { return t.name == name })
	s.triggers = slices.DeleteFunc(s.triggers, func(t *trigger) bool { return t.table == name })
}

// rename gives a table another name, also where foreign keys and triggers speak of it. Views do not follow.
func (s *draft) rename(from, to *ast.TableName) error {
	t, err := s.existing(from)
	if err != nil {
		return err
	}
	name := to.Name.L
	for _, other := range s.tables {
		for _, k := range other.keys {
			if k.parent == t.name {
				k.parent = name
			}
		}
	}
	for _, other := range s.triggers {
		if other.table == t.name {
			other.table = name
		}
	}
	for _, k := range t.keys {
		if rest, ok := strings.CutPrefix(k.name, t.name+"_ibfk_"); ok {
			k.name = name + "_ibfk_" + rest
		}
	}
	t.name = name
	return nil
}
