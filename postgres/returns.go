package postgres

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	pg "github.com/sqlc-dev/oliphant"
)

// A returned is a RETURN in the body of a trigger.
type returned struct {
	row    string // "new", "old", "null", or "" for any other
	events int    // bits of pg_trigger.tgtype: for which it may be reached
}

const triggerRows = triggerInsert | triggerUpdate | triggerDelete

// skips reports whether a BEFORE trigger may return no row for an event, which keeps the row from being written: NULL, or what may be. In
// an INSERT that is OLD, and in a DELETE it is NEW.
func (p *program) skips(event int) bool {
	return p.setsAll || p.setsOld || p.returns(event, "", "null") || p.returns(event&triggerInsert, "old") || p.returns(event&triggerDelete, "new")
}

// swaps reports whether a BEFORE trigger may have another row written than NEW and OLD, as they were.
func (p *program) swaps(event int) bool {
	return p.returns(event, "") || p.setsOld && p.returns(event, "old")
}

func (p *program) returns(event int, rows ...string) bool {
	return slices.ContainsFunc(p.returned, func(r returned) bool { return r.events&event != 0 && slices.Contains(rows, r.row) })
}

// readReturns notes what the body of a trigger returns: which row, only the text tells, and for which events, the tree.
func (p *program) readReturns(text string) {
	rows, ok := returnedRows(text)
	var reached []int
	follow(p.body, triggerRows, &reached)
	if !ok {
		rows = []string{""}
	}
	for i, row := range rows {
		r := returned{row, triggerRows}
		if len(reached) == len(rows) && !p.hidesOp {
			r.events = reached[i]
		}
		p.returned = append(p.returned, r)
	}
}

// returnedRows are the rows that a text returns.
func returnedRows(text string) (rows []string, ok bool) {
	tokens, err := pg.Scan(text)
	if err != nil {
		return nil, false
	}
	word := func(i int) string {
		if i >= len(tokens.Tokens) {
			return ""
		}
		t := tokens.Tokens[i]
		return strings.ToLower(text[t.Start:t.End])
	}
	for i := range tokens.Tokens {
		if word(i) != "return" {
			continue
		}
		switch row := word(i + 1); {
		case (row == "new" || row == "old" || row == "null") && word(i+2) == ";":
			rows = append(rows, row)
		default:
			rows = append(rows, "")
		}
	}
	return rows, true
}

// follow goes through statements that are reached for some events, and notes for which each RETURN is. It returns those for which what comes
// next may be.
func follow(node any, events int, reached *[]int) int {
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			events = follow(item, events, reached)
		}
	case map[string]any:
		if n["PLpgSQL_stmt_return"] != nil {
			*reached = append(*reached, events)
			return 0
		}
		if branches, ok := n["PLpgSQL_stmt_if"].(map[string]any); ok {
			return followIf(branches, events, reached)
		}
		for _, name := range slices.Sorted(maps.Keys(n)) { // as it happens, their order in the text
			follow(n[name], events, reached)
		}
	}
	return events
}

func followIf(n map[string]any, events int, reached *[]int) (after int) {
	branch := func(condition, body any) {
		yes, no := eventsOf(condition)
		after |= follow(body, events&yes, reached)
		events &= no
	}
	branch(n["cond"], n["then_body"])
	more, _ := n["elsif_list"].([]any)
	for _, item := range more {
		m, _ := item.(map[string]any)
		m, _ = m["PLpgSQL_if_elsif"].(map[string]any)
		branch(m["cond"], m["stmts"])
	}
	return after | follow(n["else_body"], events, reached)
}

var (
	either  = regexp.MustCompile(`(?i)\bor\b`)
	isEvent = regexp.MustCompile(`^[\s(]*(?i:tg_op)\s*(?:=|(?i:in)\s*\()\s*('[A-Z]+'(?:\s*,\s*'[A-Z]+')*)[\s)]*$`)
	named   = map[string]int{"'INSERT'": triggerInsert, "'UPDATE'": triggerUpdate, "'DELETE'": triggerDelete}
)

// eventsOf are the events for which a condition may be true, and those for which it may not: it may ask for nothing but TG_OP.
func eventsOf(condition any) (yes, no int) {
	m, _ := condition.(map[string]any)
	m, _ = m["PLpgSQL_expr"].(map[string]any)
	text, _ := m["query"].(string)
	for _, part := range either.Split(text, -1) {
		match := isEvent.FindStringSubmatch(part)
		if match == nil {
			return triggerRows, triggerRows
		}
		for _, name := range strings.Split(match[1], ",") {
			yes |= named[strings.TrimSpace(name)]
		}
	}
	return yes, triggerRows &^ yes
}
