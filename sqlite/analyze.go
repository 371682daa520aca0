package sqlite

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/parser"
)

// Analyze implements [moneyclip.Dialect].
func (dialect) Analyze(query string, catalog *moneyclip.Catalog) (s moneyclip.Statement) {
	name := queryName(query)
	defer func() {
		// A parser is a large program fed with foreign text: should it fall over, the text is one that is not understood.
		if recover() != nil {
			s = moneyclip.Statement{}
		}
		s.Name = name
	}()
	stmts, ok := parse(query)
	switch {
	case !ok:
		return moneyclip.Statement{}
	case len(stmts) == 0:
		return moneyclip.Statement{Kind: moneyclip.KindInert}
	case len(stmts) == 1:
		return analyze(stmts[0], catalog)
	}
	script := moneyclip.Statement{Kind: moneyclip.KindScript}
	for _, stmt := range stmts {
		// Each statement numbers its parameters by itself, so each is parsed by itself.
		alone, ok := parse(query[stmt.Pos():stmt.End()])
		if !ok || len(alone) != 1 {
			return moneyclip.Statement{}
		}
		part := analyze(alone[0], catalog)
		if part.Kind == moneyclip.KindScript { // a pragma that changes the session, and the schema
			script.Parts = append(script.Parts, part.Parts...)
		} else {
			script.Parts = append(script.Parts, part)
		}
		script.Text += part.Text + ";\n"
		if len(part.Params) > len(script.Params) {
			script.Params = part.Params
		}
	}
	return script
}

// parse is the parser's, as a whole text and with the case of keywords made one.
func parse(query string) ([]ast.Stmt, bool) {
	// The parser ends at a NUL. SQLite does too, but what a driver does with the rest is its own affair.
	if strings.IndexByte(query, 0) >= 0 {
		return nil, false
	}
	stmts, err := parser.ParseString(query)
	if err != nil {
		// SQLite can be compiled to know UPDATE and DELETE with ORDER BY and LIMIT.
		stmts, err = parser.Options{UpdateDeleteLimit: true}.ParseString(query)
	}
	if err != nil {
		return nil, false
	}
	for _, stmt := range stmts {
		ast.Walk(stmt, upperKeywords)
	}
	return stmts, true
}

// Syntax is what the parser says of a text that it does not take.
func (dialect) Syntax(text string) error {
	_, err := parser.ParseString(text)
	return err
}

// upperKeywords makes one spelling of the keywords that the tree keeps as they were written.
func upperKeywords(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.LikeExpr:
		n.Op.Raw = strings.ToUpper(n.Op.Raw)
	case *ast.JoinOperator:
		for i, word := range n.Words {
			n.Words[i] = strings.ToUpper(word)
		}
	case *ast.CommitStmt:
		n.Keyword = strings.ToUpper(n.Keyword)
	case *ast.Literal:
		switch n.Kind {
		case ast.LitNull, ast.LitCurrentDate, ast.LitCurrentTime, ast.LitCurrentTimestamp:
			n.Raw = strings.ToUpper(n.Raw)
		}
	}
	return true
}

// analyze says what one statement means. The tree is its own from here on.
func analyze(stmt ast.Stmt, catalog *moneyclip.Catalog) moneyclip.Statement {
	s := moneyclip.Statement{Text: ast.String(stmt), Params: params(stmt)}
	ast.Walk(stmt, numberParams)
	var m query.Meaning
	switch stmt := stmt.(type) {
	case *ast.SelectStmt:
		s.Kind = moneyclip.KindRead
		m = meaning.Query(selectTree(stmt), catalog)
	case *ast.InsertStmt, *ast.UpdateStmt, *ast.DeleteStmt:
		w := writeTree(stmt)
		s.Kind, s.Returns = moneyclip.KindWrite, len(w.Returning) > 0
		m = meaning.Writes([]*query.Write{w}, nil, catalog)
	case *ast.BeginStmt:
		s.Kind, s.Control = moneyclip.KindControl, moneyclip.Begin
	case *ast.CommitStmt:
		s.Kind, s.Control = moneyclip.KindControl, moneyclip.Commit
	case *ast.RollbackStmt:
		s.Kind, s.Control = moneyclip.KindControl, moneyclip.Rollback
		if stmt.Savepoint != nil {
			s.Control, s.Savepoint = moneyclip.RollbackTo, fold(stmt.Savepoint.Name)
		}
	case *ast.SavepointStmt:
		s.Kind, s.Control, s.Savepoint = moneyclip.KindControl, moneyclip.Savepoint, fold(stmt.Name.Name)
		s.Begins = true
	case *ast.ReleaseStmt:
		s.Kind, s.Control, s.Savepoint = moneyclip.KindControl, moneyclip.Release, fold(stmt.Name.Name)
	case *ast.AttachStmt:
		s.Kind, s.Change = moneyclip.KindSession, "attaches a database"
	case *ast.DetachStmt:
		s.Kind, s.Change = moneyclip.KindSession, "detaches a database"
	case *ast.PragmaStmt:
		s.Kind = moneyclip.KindInert
		if !isInert(stmt) {
			s.Kind, s.Change = moneyclip.KindSession, fmt.Sprintf("sets pragma %s", fold(stmt.Name.Name.Name))
			if isOfSchema(stmt) {
				s = moneyclip.Statement{Kind: moneyclip.KindScript, Text: s.Text, Parts: []moneyclip.Statement{s, {Kind: moneyclip.KindSchema}}}
			}
		}
	case *ast.ExplainStmt:
		s.Kind = moneyclip.KindInert
	case *ast.VacuumStmt:
		s.Kind = moneyclip.KindSchema
		if stmt.Into != nil {
			s.Kind = moneyclip.KindInert
		}
	default:
		s.Kind = moneyclip.KindSchema
		if thing := temporary(stmt); thing != "" {
			s.Kind, s.Change = moneyclip.KindSession, "creates a temporary "+thing
		}
	}
	s.Reads, s.Writes, s.Uncacheable = m.Reads, m.Writes, m.Impure
	s.Delays = (s.Kind == moneyclip.KindRead || s.Kind == moneyclip.KindInert) && delays(stmt, catalog)
	return s
}

// delays reports whether SQLite takes a statement that writes no row for a writer. It commits what was written on a connection when
// the last of its writers ends, and one ends when it was reset or has no more rows.
func delays(stmt ast.Stmt, catalog *moneyclip.Catalog) bool {
	switch stmt := stmt.(type) {
	case *ast.ExplainStmt:
		return true // if what it explains is a writer
	case *ast.PragmaStmt:
		return writers[fold(stmt.Name.Name.Name)]
	}
	found := false
	ast.Walk(stmt, func(n ast.Node) bool {
		if ref, ok := n.(*ast.TableRef); ok && ref.Name != nil {
			name := fold(ref.Name.Name.Name)
			pragma, isPragma := strings.CutPrefix(name, "pragma_")
			found = found || isPragma && writers[pragma] || catalog != nil && catalog.Tables[name] != nil && catalog.Tables[name].Delays
		}
		return !found
	})
	return found
}

// numberParams writes each parameter with its number, so that pieces of the tree can be put into another text.
func numberParams(n ast.Node) bool {
	if p, ok := n.(*ast.BindParam); ok {
		p.Raw = "?" + strconv.Itoa(p.Number)
	}
	return true
}

// temporary names the kind of object that a statement creates for this connection alone, or is empty.
func temporary(stmt ast.Stmt) string {
	isTemp := func(flag bool, name *ast.QualifiedName) bool {
		return flag || name.Schema != nil && fold(name.Schema.Name) == "temp"
	}
	switch stmt := stmt.(type) {
	case *ast.CreateTableStmt:
		if isTemp(stmt.Temp, stmt.Name) {
			return "table"
		}
	case *ast.CreateViewStmt:
		if isTemp(stmt.Temp, stmt.Name) {
			return "view"
		}
	case *ast.CreateTriggerStmt:
		if isTemp(stmt.Temp, stmt.Name) {
			return "trigger"
		}
	case *ast.CreateVirtualTableStmt:
		if isTemp(false, stmt.Name) {
			return "table"
		}
	}
	return ""
}

// params are the names of the bind parameters, by number less one.
func params(stmt ast.Stmt) []string {
	var names []string
	ast.Walk(stmt, func(n ast.Node) bool {
		p, ok := n.(*ast.BindParam)
		if !ok {
			return true
		}
		// SQLite's own limit is 32766: a greater number is an error there and would be a waste here.
		for len(names) < p.Number && p.Number <= maxParam {
			names = append(names, "")
		}
		if p.Number >= 1 && p.Number <= len(names) && p.Name != "" {
			names[p.Number-1] = p.Name
		}
		return true
	})
	return names
}

const maxParam = 32766 // SQLITE_MAX_VARIABLE_NUMBER, see https://sqlite.org/limits.html

var nameLine = regexp.MustCompile(`^--[ \t]*name:[ \t]+([A-Za-z_][A-Za-z0-9_]*)[ \t]+:[a-z]+[ \t]*\r?$`)

// queryName finds the sqlc query name in the comments that lead a text.
func queryName(query string) string {
	for {
		query = strings.TrimLeft(query, " \t\r\n\f")
		switch {
		case strings.HasPrefix(query, "--"):
			line, rest, _ := strings.Cut(query, "\n")
			if m := nameLine.FindStringSubmatch(line); m != nil {
				return m[1]
			}
			query = rest
		case strings.HasPrefix(query, "/*"):
			_, rest, ok := strings.Cut(query[2:], "*/")
			if !ok {
				return ""
			}
			query = rest
		default:
			return ""
		}
	}
}

// fold folds a name as SQLite does: ASCII letters only.
func fold(name string) string {
	for i := range len(name) {
		if 'A' <= name[i] && name[i] <= 'Z' {
			b := []byte(name)
			for j := i; j < len(b); j++ {
				if 'A' <= b[j] && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return name
}
