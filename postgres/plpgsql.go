package postgres

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	pg "github.com/sqlc-dev/oliphant"
)

// A program is the body of a function in PL/pgSQL, as far as it decides what is written.
type program struct {
	statements []string // SQL, with the names of variables in it; expressions as SELECT
	dynamic    []string // texts that are made while it runs
	sets       []string // fields of NEW that are given values
	setsAll    bool
	setsOld    bool       // OLD is given values
	hidesOp    bool       // TG_OP may be another than the event's
	returned   []returned // of a trigger
	records    bool       // it has records of its own, and what they begin with the parser does not tell
	body       any        // the tree

	variables []variable
}

// A variable is one that the body declares, a field of a record, or NEW and OLD.
type variable struct {
	isNew  bool // NEW itself
	field  string
	ofNew  bool
	isOld  bool // OLD, or a field of it
	isTold bool // TG_OP, or another of those that begin with what has fired the trigger
}

// parseBody parses the body of a trigger's function.
func parseBody(f *function) (p *program, ok bool) {
	defer func() {
		// As in Analyze.
		if recover() != nil {
			p, ok = nil, false
		}
	}()
	const quote = "$moneyclip$"
	if strings.Contains(f.text, quote) {
		return nil, false
	}
	p, ok = parseProgram("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "+quote+f.text+quote, true)
	if !ok || len(p.variables) == 0 || !p.variables[0].isNew {
		return nil, false
	}
	p.readReturns(f.text)
	return p, true
}

// parseFunction parses the definition of any function but a trigger's.
func parseFunction(definition string, ofEvent bool) (p *program, ok bool) {
	defer func() {
		// As in Analyze.
		if recover() != nil {
			p, ok = nil, false
		}
	}()
	return parseProgram(definition, ofEvent)
}

func parseProgram(definition string, ofTrigger bool) (*program, bool) {
	text, err := pg.ParsePlPgSqlToJSON(definition)
	if err != nil {
		return nil, false
	}
	if ofTrigger {
		text = mend(text)
	}
	var functions []map[string]map[string]any
	if json.Unmarshal([]byte(text), &functions) != nil || len(functions) != 1 {
		return nil, false
	}
	root := functions[0]["PLpgSQL_function"]
	datums, _ := root["datums"].([]any)
	p := &program{}
	for _, datum := range datums {
		p.variables = append(p.variables, variableOf(datum))
	}
	for _, datum := range datums {
		// What a variable begins with, and the query of a cursor.
		m, _ := datum.(map[string]any)
		if !p.read(m["PLpgSQL_var"]) {
			return nil, false
		}
		own, _ := m["PLpgSQL_var"].(map[string]any)
		p.hidesOp = p.hidesOp || own["refname"] == "tg_op"
		rec, _ := m["PLpgSQL_rec"].(map[string]any)
		if rec["lineno"] != nil { // its own
			p.records = true
			p.setsAll, p.setsOld = p.setsAll || rec["refname"] == "new", p.setsOld || rec["refname"] == "old" // which it hides
		}
	}
	p.body = root["action"]
	return p, p.read(p.body)
}

// mend takes out the braces that the parser closes once too often, after the variables for which it has no words: they come
// first, or right after NEW and OLD, before any text.
func mend(text string) string {
	place := superfluous.FindStringIndex(text)
	if place == nil {
		return text
	}
	return text[:place[0]] + strings.ReplaceAll(text[place[0]:place[1]], "{}}", "{}") + text[place[1]:]
}

var superfluous = regexp.MustCompile(`(?:[\[,]\{\}\})+`)

// variableOf reads one of the variables.
func variableOf(datum any) variable {
	m, _ := datum.(map[string]any)
	if rec, ok := m["PLpgSQL_rec"].(map[string]any); ok {
		return variable{isNew: number(rec["dno"]) == 0, isOld: number(rec["dno"]) == 1}
	}
	if field, ok := m["PLpgSQL_recfield"].(map[string]any); ok {
		name, _ := field["fieldname"].(string)
		return variable{field: strings.ToLower(name), ofNew: number(field["recparentno"]) == 0, isOld: number(field["recparentno"]) == 1}
	}
	return variable{isTold: len(m) == 0}
}

func number(v any) int {
	n, _ := v.(float64)
	return int(n)
}

// read collects what a statement of the body, or a list of them, does. It reports false for one that is not understood.
func (p *program) read(node any) bool {
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			if !p.read(item) {
				return false
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(n)) {
			inner := n[name]
			m, isMap := inner.(map[string]any)
			if isMap && strings.HasPrefix(name, "PLpgSQL_") {
				if !p.statement(name, m) {
					return false
				}
				continue
			}
			if !p.read(inner) {
				return false
			}
		}
	}
	return true
}

// statement reads one thing of which the parser has said what it is.
func (p *program) statement(name string, m map[string]any) bool {
	switch name {
	case "PLpgSQL_expr":
		return p.expression(m)
	case "PLpgSQL_stmt_assign", "PLpgSQL_stmt_foreach_a":
		p.assign(number(m["varno"]))
	case "PLpgSQL_diag_item":
		p.assign(number(m["target"]))
	case "PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors":
		p.dynamic = append(p.dynamic, name)
	case "PLpgSQL_stmt_call", "PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback":
		p.dynamic = append(p.dynamic, name)
		return true
	case "PLpgSQL_stmt_open", "PLpgSQL_stmt_return_query":
		if m["dynquery"] != nil {
			p.dynamic = append(p.dynamic, name)
		}
	case "PLpgSQL_rec":
		p.assign(number(m["dno"]))
	case "PLpgSQL_row":
		fields, _ := m["fields"].([]any)
		for _, field := range fields {
			f, _ := field.(map[string]any)
			p.assign(number(f["varno"]))
		}
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !p.read(m[name]) {
			return false
		}
	}
	return true
}

// assign notes that a variable is given a value.
func (p *program) assign(number int) {
	if number < 0 || number >= len(p.variables) {
		p.setsAll = true
		return
	}
	switch v := p.variables[number]; {
	case v.isNew:
		p.setsAll = true
	case v.isOld:
		p.setsOld = true
	case v.isTold:
		p.hidesOp = true
	case v.ofNew:
		p.sets = append(p.sets, v.field)
	}
}

// The forms of a text in the body, see RawParseMode in PostgreSQL's parser/parser.h.
const (
	wholeStatement = 0
	typeName       = 1
	plainExpr      = 2
)

// expression notes a text of the body that is SQL.
func (p *program) expression(m map[string]any) bool {
	text, ok := m["query"].(string)
	if !ok {
		return false
	}
	switch number(m["parseMode"]) {
	case wholeStatement:
	case typeName:
		return true
	case plainExpr:
		text = "SELECT " + text
	default: // an assignment
		i := strings.Index(text, ":=")
		if i < 0 {
			i = strings.Index(text, "=") - 1
		}
		if i < 0 {
			return false
		}
		if left := text[:i]; strings.Contains(left, "[") {
			p.statements = append(p.statements, "SELECT "+left) // a subscript may be a call
		}
		text = "SELECT " + text[i+2:]
	}
	p.statements = append(p.statements, text)
	return true
}

// callsIn are the names in a text that are followed by a parenthesis or come behind a dot: those of functions, and others.
func callsIn(text string) []string {
	tokens, err := pg.Scan(text)
	if err != nil {
		return nil
	}
	var names []string
	for i, t := range tokens.Tokens {
		isAttribute := i > 0 && text[tokens.Tokens[i-1].Start] == '.'
		if isAttribute || i+1 < len(tokens.Tokens) && text[tokens.Tokens[i+1].Start] == '(' {
			names = append(names, strings.Trim(strings.ToLower(text[t.Start:t.End]), `"`))
		}
	}
	return names
}
