package postgres

import (
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/proto"
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
	tree, ok := parse(text)
	switch {
	case !ok && isOfRows(text):
		return moneyclip.Statement{Doubtful: "is not understood"}
	case !ok:
		return moneyclip.Statement{}
	}
	named := namesArguments(text)
	var parts []moneyclip.Statement
	for _, stmt := range tree.Stmts {
		part := analyze(stmt, text, catalog)
		if named {
			loosen(&part)
		}
		parts = append(parts, part)
	}
	switch len(parts) {
	case 0:
		return moneyclip.Statement{Kind: moneyclip.KindInert}
	case 1:
		return parts[0]
	}
	script := moneyclip.Statement{Kind: moneyclip.KindScript, Parts: parts}
	for i := range parts {
		script.Text += parts[i].Text + ";\n"
		if len(parts[i].Params) > len(script.Params) {
			script.Params = parts[i].Params
		}
	}
	return script
}

// parse is the parser's.
func parse(text string) (*pg.ParseResult, bool) {
	if !isParsable(text) {
		return nil, false
	}
	tree, err := pg.Parse(text)
	return tree, err == nil && tree != nil
}

// Syntax is what the parser says of a text that it does not take.
func (dialect) Syntax(text string) error {
	if !isParsable(text) {
		return nil
	}
	_, err := pg.Parse(text)
	return err
}

// isParsable reports whether the parser is asked. The protocol ends a text at a NUL, and what a driver does with the rest is its own
// affair.
func isParsable(text string) bool { return strings.IndexByte(text, 0) < 0 && len(text) <= maxText }

// isOfRows reports whether a text that the parser does not know, as of a later PostgreSQL, is one statement that reads or writes
// rows: it begins as those do, and makes no table.
func isOfRows(text string) bool {
	if !isParsable(text) {
		return false
	}
	tokens, err := pg.Scan(text)
	if err != nil {
		return false
	}
	var words []string
	for _, t := range tokens.Tokens {
		if t.Token != pg.Token_SQL_COMMENT && t.Token != pg.Token_C_COMMENT {
			words = append(words, strings.ToLower(text[t.Start:t.End]))
		}
	}
	if n := len(words); n > 0 && words[n-1] == ";" {
		words = words[:n-1]
	}
	first := slices.IndexFunc(words, func(w string) bool { return w != "(" })
	if first < 0 || slices.Contains(words, ";") {
		return false
	}
	switch words[first] {
	case "insert", "update", "delete", "merge":
		return true
	case "select", "values", "table", "with":
		return !slices.Contains(words, "into")
	}
	return false
}

const (
	maxText   = 1 << 24 // bytes; a longer text is a bulk load, whose analysis would take longer than it
	maxNormal = 1 << 16 // bytes of a text that is given a normal form: a longer one does not come again
)

// deparse writes statements in a normal form: without comments, with blanks and keywords all alike. It reports false if
// that form does not mean the same.
func deparse(stmts ...*pg.RawStmt) (string, bool) {
	tree := &pg.ParseResult{}
	for _, stmt := range stmts {
		tree.Stmts = append(tree.Stmts, &pg.RawStmt{Stmt: proto.Clone(stmt.Stmt).(*pg.Node)})
	}
	strip(tree)
	text, err := pg.Deparse(tree)
	if err != nil || text == "" {
		return "", false
	}
	again, ok := parse(text)
	if !ok {
		return "", false
	}
	strip(again)
	again.Version = tree.Version
	return text, proto.Equal(tree, again)
}

// isFolded reports whether a text has what a setting gives a meaning when it is prepared, and not again when it is run: constants that are
// times, dates, intervals or amounts, which all have digits, arrays, XML, or texts with a backslash; and a NULL that something may be
// compared with.
func isFolded(text string) bool {
	if !strings.ContainsAny(text, "'$") && !strings.Contains(strings.ToUpper(text), "NULL") {
		return false
	}
	tokens, err := pg.Scan(text)
	if err != nil {
		return true
	}
	before := pg.Token_NUL
	for _, t := range tokens.Tokens {
		switch t.Token {
		case pg.Token_SCONST, pg.Token_USCONST:
			if strings.ContainsAny(text[t.Start:t.End], `0123456789{<\`) {
				return true
			}
		case pg.Token_NULL_P:
			if before != pg.Token_IS && before != pg.Token_NOT {
				return true
			}
		}
		before = t.Token
	}
	return false
}

// own is the text of one statement of several, without the semicolon and what comes after it.
func own(stmt *pg.RawStmt, text string) string {
	text = text[stmt.StmtLocation:]
	if n := stmt.StmtLen; n > 0 { // the last statement goes as far as the text
		text = text[:n]
	}
	return strings.TrimSpace(text)
}

// analyze says what one statement means.
func analyze(stmt *pg.RawStmt, text string, catalog *moneyclip.Catalog) moneyclip.Statement {
	uses := paramUses(stmt)
	s := moneyclip.Statement{Params: params(uses)}
	var ok bool
	if len(text) <= maxNormal {
		s.Text, ok = deparse(stmt)
	}
	if !ok {
		s.Text = own(stmt, text)
	}
	c := newConverter(catalog)
	c.statement(stmt.Stmt, &s, own(stmt, text))
	c.finish(&s)
	s.Folded = s.Kind == moneyclip.KindRead && isFolded(text)
	dropMixed(&s, uses, catalog)
	return s
}

// statement fills in what one statement means.
func (c *converter) statement(node *pg.Node, s *moneyclip.Statement, text string) {
	c.root, c.whole = node, node
	switch n := node.GetNode().(type) {
	case *pg.Node_SelectStmt:
		if into := intoOf(n.SelectStmt); into != nil {
			s.Kind = moneyclip.KindSchema
			if rel := into.IntoClause.GetRel(); isTemporary(rel) {
				into.IntoClause = nil // what is left is a query
				c.temporaryOf(node, s)
			}
			return
		}
		s.Kind = moneyclip.KindRead
		c.means(s, meanings.Query(c.query(n.SelectStmt), c.catalog))
		if len(s.Writes) > 0 {
			s.Kind, s.Returns = moneyclip.KindWrite, true
		}
	case *pg.Node_InsertStmt:
		c.own(s, c.insert(n.InsertStmt), &source{text: text, root: node, insert: n.InsertStmt})
	case *pg.Node_UpdateStmt:
		c.own(s, c.update(n.UpdateStmt), &source{text: text, root: node, update: n.UpdateStmt})
	case *pg.Node_DeleteStmt:
		c.own(s, c.delete(n.DeleteStmt), &source{text: text, root: node, delete: n.DeleteStmt})
	case *pg.Node_MergeStmt:
		writes, with := c.merge(n.MergeStmt)
		s.Kind, s.Returns = moneyclip.KindWrite, len(n.MergeStmt.ReturningClause.GetExprs()) > 0
		c.means(s, meanings.Writes(writes, with, c.catalog))
	default:
		c.utility(node, s)
	}
}

// own fills in the meaning of an INSERT, UPDATE or DELETE.
func (c *converter) own(s *moneyclip.Statement, w *query.Write, src *source) {
	s.Kind, s.Returns = moneyclip.KindWrite, len(w.Returning) > 0
	if !c.through(w, src.name()) {
		w.Native = src
	}
	c.means(s, meanings.Writes([]*query.Write{w}, nil, c.catalog))
}

// means takes over what the common analysis has found.
func (c *converter) means(s *moneyclip.Statement, m query.Meaning) {
	s.Reads, s.Writes, s.Uncacheable = m.Reads, c.throughViews(m.Writes), m.Impure
}

// finish adds what the conversion has met besides.
func (c *converter) finish(s *moneyclip.Statement) {
	if s.Uncacheable == "" && (s.Kind == moneyclip.KindRead || s.Kind == moneyclip.KindWrite) {
		s.Uncacheable = c.impure
	}
	if c.writes != "" && (s.Kind == moneyclip.KindRead || s.Kind == moneyclip.KindWrite) {
		s.Returns = s.Returns || s.Kind == moneyclip.KindRead
		s.Kind, s.Doubtful = moneyclip.KindWrite, c.writes
		s.Writes = append(s.Writes, moneyclip.Write{Op: moneyclip.AnyOp})
		for i := range s.Writes {
			s.Writes[i].Source = nil // a statement that may write anything is not worth a reading
		}
	}
	if len(c.calls) > 0 && (s.Kind == moneyclip.KindRead || s.Kind == moneyclip.KindWrite) {
		s.Returns = s.Returns || s.Kind == moneyclip.KindRead
		s.Kind, s.Writes = moneyclip.KindWrite, append(s.Writes, c.calls...)
	}
	if c.session == "" {
		return
	}
	switch s.Kind {
	case moneyclip.KindRead:
		s.Kind, s.Change, s.Reach = moneyclip.KindSession, c.session, c.reach
	case moneyclip.KindWrite:
		s.Doubtful = c.session
	}
}

// intoOf is the part of a SELECT that makes a table, which is its first; nil: it makes none.
func intoOf(s *pg.SelectStmt) *pg.SelectStmt {
	for ; s != nil; s = s.Larg {
		if s.IntoClause != nil {
			return s
		}
	}
	return nil
}

// paramUses counts how often each parameter is used.
func paramUses(stmt *pg.RawStmt) map[int]int {
	uses := map[int]int{}
	walk(stmt, func(message any) bool {
		if p, ok := message.(*pg.ParamRef); ok && p.Number <= maxParam {
			uses[int(p.Number)]++
		}
		return true
	})
	return uses
}

// params are the parameters' names, of which PostgreSQL has none.
func params(uses map[int]int) []string {
	most := 0
	for number := range uses {
		most = max(most, number)
	}
	return make([]string, most)
}

// namesArguments reports whether a text may be one of pgx's, which puts arguments in the place of names such as "@id" before
// PostgreSQL sees them. To PostgreSQL that is the operator "@", which needs no blank after it.
func namesArguments(text string) bool {
	if !strings.Contains(text, "@") {
		return false
	}
	tokens, err := pg.Scan(text)
	if err != nil {
		return true
	}
	for _, t := range tokens.Tokens {
		end := int(t.End)
		if t.Start >= t.End || end >= len(text) || text[end-1] != '@' {
			continue
		}
		next := text[end]
		if next == '_' || 'A' <= next && next <= 'Z' || next >= 'a' { // what is above "z" and no letter goes into the operator
			return true
		}
	}
	return false
}

// loosen takes away from a statement all that follows from the places of its values, which are not those it seems to have.
func loosen(s *moneyclip.Statement) {
	if s.Kind == moneyclip.KindRead {
		s.Uncacheable = "names its arguments in the driver's own way"
	}
	for i := range s.Reads {
		s.Reads[i].Pins, s.Reads[i].Links = nil, nil
	}
	for i := range s.Writes {
		w := &s.Writes[i]
		w.Pins, w.Rows, w.Source = nil, nil, nil
		for j := range w.Set {
			w.Set[j].Value = moneyclip.Value{}
		}
		if w.Conflict != nil {
			for j := range w.Conflict.Set {
				w.Conflict.Set[j].Value = moneyclip.Value{}
			}
		}
	}
}
