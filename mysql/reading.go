package mysql

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
)

// Reading implements [moneyclip.Dialect]. A SELECT with a lock sees the rows as they are now, as the write after it does,
// and at REPEATABLE READ keeps others from adding to them. RETURNING, where there is one, spoils the number of rows that a
// driver reports, so that a statement is never altered.
func (dialect) Reading(w *moneyclip.Write, catalog *moneyclip.Catalog, old, new []string) (reading moneyclip.Reading, ok bool) {
	defer func() {
		// As in Analyze: what cannot be rendered cannot be read.
		if recover() != nil {
			reading, ok = moneyclip.Reading{}, false
		}
	}()
	def := plainTable(catalog, w.Table)
	if def == nil || len(old)+len(new) == 0 {
		return moneyclip.Reading{}, false
	}
	r := &reader{catalog: catalog}
	if w.Parent == nil && w.Op == moneyclip.Insert {
		return r.insert(w, def, old, new)
	}
	return r.existing(w, def, old, new)
}

// plainTable is a table whose rows are what its definition says, or nil.
func plainTable(catalog *moneyclip.Catalog, name string) *moneyclip.Table {
	if catalog == nil {
		return nil
	}
	def := catalog.Tables[name]
	if def == nil || def.View || def.Opaque != "" {
		return nil
	}
	return def
}

// reader renders the queries of one Reading.
type reader struct{ catalog *moneyclip.Catalog }

// piece is a part of a query, with the numbers of its parameters.
type piece struct {
	text   string
	params []int
}

// join puts pieces one after the other.
func join(pieces ...piece) piece {
	var all piece
	for _, p := range pieces {
		all.text += p.text
		all.params = append(all.params, p.params...)
	}
	return all
}

func plain(text string) piece { return piece{text: text} }

func (p piece) query() moneyclip.Query { return moneyclip.Query{Text: p.text, Params: p.params} }

// rows are the rows of a table that a write touches: what stands behind FROM, the table's alias there.
type rows struct {
	alias string
	from  piece
}

// existing reads the rows that an Update or a Delete touches.
func (r *reader) existing(w *moneyclip.Write, def *moneyclip.Table, old, new []string) (moneyclip.Reading, bool) {
	found, ok := r.touched(w, def)
	if !ok {
		return moneyclip.Reading{}, false
	}
	reading := moneyclip.Reading{Ranges: true}
	columns := values(found.alias, def, old)
	again := false
	for _, name := range new {
		switch {
		case w.Op == moneyclip.Delete:
			columns = append(columns, plain("NULL"))
		case !assigns(w, def, name):
			columns = append(columns, value(found.alias, def, name))
		default:
			after, ok := r.afterwards(w, def, name)
			again = again || !ok
			columns = append(columns, after)
		}
	}
	if again {
		key := identity(w, def)
		if key == nil {
			return moneyclip.Reading{}, false
		}
		for i := range new {
			columns[len(old)+i] = plain("NULL")
		}
		for _, name := range key {
			columns = append(columns, plain(found.alias+"."+quote(name)))
		}
		reading.Ident = len(key)
		reading.Again = againBy(def, key, len(old), new)
	}
	reading.Before = join(plain("SELECT "), list(columns), plain(" FROM "), found.from, plain(" FOR UPDATE")).query()
	return reading, true
}

// afterwards is what a column that a foreign key or a trigger assigns holds then, if that is a value.
func (r *reader) afterwards(w *moneyclip.Write, def *moneyclip.Table, name string) (piece, bool) {
	if w.Source != nil || w.SetAll || sets(def, moneyclip.Update, name) {
		return plain("NULL"), false
	}
	if w.Parent != nil {
		action := w.Key.OnUpdate
		if w.Parent.Op == moneyclip.Delete {
			action = w.Key.OnDelete
		}
		return plain("NULL"), slices.Contains(w.Key.Columns, name) && action == moneyclip.SetNull
	}
	for _, as := range slices.Backward(w.Set) {
		if as.Column == name {
			return operand(as.Value)
		}
	}
	return plain("NULL"), false
}

// operand is a parameter or a constant in the text of a query.
func operand(v moneyclip.Value) (piece, bool) {
	switch v.Kind {
	case moneyclip.ValueParam:
		return piece{"?", []int{v.Param}}, true
	case moneyclip.ValueConst:
		text, ok := literal(v.Const)
		return plain(text), ok
	}
	return plain("NULL"), false
}

// literal writes a constant.
func literal(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "NULL", true
	case int64:
		return fmt.Sprint(v), true
	case string:
		return "'" + strings.ReplaceAll(strings.ReplaceAll(v, `\`, `\\`), "'", "''") + "'", strings.IndexByte(v, 0) < 0
	}
	return "", false
}

// assigns reports whether an UPDATE may give a column another value.
func assigns(w *moneyclip.Write, def *moneyclip.Table, name string) bool {
	c := def.Column(name)
	return w.SetAll || c == nil || c.Generated || sets(def, moneyclip.Update, name) ||
		slices.ContainsFunc(w.Set, func(as moneyclip.Assignment) bool { return as.Column == name })
}

// sets reports whether a trigger may give a column of the new row a value of its own.
func sets(def *moneyclip.Table, op moneyclip.Op, name string) bool {
	return slices.ContainsFunc(def.Triggers, func(t moneyclip.Trigger) bool {
		return (t.Op == op || t.Op == moneyclip.AnyOp) && (t.SetsAll || slices.Contains(t.Sets, name))
	})
}

// identity are the columns of a key by which a row is found again after an UPDATE, or nil.
func identity(w *moneyclip.Write, def *moneyclip.Table) []string {
	for _, key := range def.Unique {
		if key.Odd || len(key.Columns) == 0 || slices.ContainsFunc(key.Columns, func(name string) bool {
			c := def.Column(name)
			return c == nil || !c.NotNull || assigns(w, def, name) || !isComparable(c)
		}) {
			continue
		}
		return key.Columns
	}
	return nil
}

// isComparable reports whether a value that was read of a column finds its row again, whatever the driver makes of it.
func isComparable(c *moneyclip.Column) bool {
	switch typeOf(c).kind {
	case integral, textual, binary, fixedBinary, uuid:
		return true
	}
	return false
}

// ofNow has a SELECT of rows that the transaction has written read them as they are. A plain one would have InnoDB fix what the whole
// transaction sees, at a time at which nothing of its own does.
const ofNow = " LOCK IN SHARE MODE"

// againBy reads columns of rows by their keys, which stand at the end of each row.
func againBy(def *moneyclip.Table, key []string, old int, new []string) func([][]driver.Value) (string, []driver.Value) {
	columns := slices.Repeat([]piece{plain("NULL")}, old)
	columns = append(columns, values("t", def, new)...)
	var equal []string
	for _, name := range key {
		columns = append(columns, plain("t."+quote(name)))
		equal = append(equal, "t."+quote(name)+" = ?")
	}
	head := fmt.Sprintf("SELECT %s FROM %s AS t WHERE ", list(columns).text, quote(def.Name))
	one := "(" + strings.Join(equal, " AND ") + ")"
	return func(before [][]driver.Value) (string, []driver.Value) {
		var args []driver.Value
		for _, row := range before {
			for i, v := range row[len(row)-len(key):] {
				if b, ok := v.([]byte); ok && typeOf(def.Column(key[i])).kind == textual {
					v = string(b) // a driver may mark bytes as a binary string
				}
				args = append(args, v)
			}
		}
		return head + strings.Join(slices.Repeat([]string{one}, len(before)), " OR ") + ofNow, args
	}
}

// value is a column as a reading returns it: a date as text, which a driver does not turn into a time.
func value(alias string, def *moneyclip.Table, name string) piece {
	ref := alias + "." + quote(name)
	if c := def.Column(name); c != nil {
		switch typeOf(c).kind {
		case date, datetime:
			return plain("CAST(" + ref + " AS CHAR)")
		}
	}
	return plain(ref)
}

func values(alias string, def *moneyclip.Table, names []string) []piece {
	var all []piece
	for _, name := range names {
		all = append(all, value(alias, def, name))
	}
	return all
}

// list puts commas between pieces.
func list(pieces []piece) piece {
	var all piece
	for i, p := range pieces {
		if i > 0 {
			all.text += ", "
		}
		all = join(all, p)
	}
	return all
}

// touched are the rows that an Update or a Delete touches.
func (r *reader) touched(w *moneyclip.Write, def *moneyclip.Table) (rows, bool) {
	switch n, ok := w.Source.(*native); {
	case w.Parent != nil:
		return r.children(w, def)
	case w.Source == nil:
		return r.pinned(w, def)
	case ok:
		return r.written(n)
	}
	return rows{}, false
}

// pinned are the rows that equal the pins of a write which has no text.
func (r *reader) pinned(w *moneyclip.Write, def *moneyclip.Table) (rows, bool) {
	found := rows{alias: "t", from: plain(quote(def.Name) + " AS t WHERE ")}
	if len(w.Pins) == 0 || w.Op == moneyclip.AnyOp {
		return rows{}, false
	}
	for i, p := range w.Pins {
		if len(p.Values) == 0 || def.Column(p.Column) == nil {
			return rows{}, false
		}
		var all []piece
		for _, v := range p.Values {
			one, ok := operand(v)
			if !ok {
				return rows{}, false
			}
			all = append(all, one)
		}
		head := "t." + quote(p.Column) + " IN ("
		if i > 0 {
			head = " AND " + head
		}
		found.from = join(found.from, plain(head), list(all), plain(")"))
	}
	return found, true
}

// children are the rows that refer to those which another write touches.
func (r *reader) children(w *moneyclip.Write, def *moneyclip.Table) (rows, bool) {
	parent, key := plainTable(r.catalog, w.Parent.Table), w.Key
	if parent == nil || key == nil || len(key.Columns) != len(key.ParentColumns) || len(key.Columns) == 0 || w.Parent.Op == moneyclip.Insert {
		return rows{}, false
	}
	above, ok := r.touched(w.Parent, parent)
	if !ok {
		return rows{}, false
	}
	var columns []piece
	var equal []string
	for i, name := range key.Columns {
		child, other := def.Column(name), parent.Column(key.ParentColumns[i])
		if child == nil || other == nil || child.Class != other.Class {
			return rows{}, false
		}
		columns = append(columns, plain(fmt.Sprintf("%s.%s AS moneyclip_%d", above.alias, quote(other.Name), i)))
		equal = append(equal, fmt.Sprintf("t.%s = p.moneyclip_%d", quote(name), i))
	}
	from := join(
		plain(quote(def.Name)+" AS t JOIN (SELECT "), list(columns), plain(" FROM "), above.from, plain(" FOR UPDATE) AS p ON "),
		plain(strings.Join(equal, " AND ")),
	)
	return rows{alias: "t", from: from}, true
}

// written are the rows that a statement's own text names.
func (r *reader) written(n *native) (rows, bool) {
	if !r.isPure(n) {
		return rows{}, false
	}
	var refs *ast.TableRefsClause
	var from, to int
	switch stmt := n.stmt.(type) {
	case *ast.UpdateStmt:
		if stmt.With != nil || stmt.Limit != nil || n.many && assignsJoined(stmt) {
			return rows{}, false
		}
		refs = stmt.TableRefs
		from, to = n.src.afterModifiers(1), n.src.find(0, "set")
	case *ast.DeleteStmt:
		if stmt.With != nil || stmt.Limit != nil {
			return rows{}, false
		}
		refs = stmt.TableRefs
		from = n.src.find(0, "from") + 1
		if stmt.IsMultiTable && !stmt.BeforeFrom {
			from = n.src.find(from, "using") + 1
		}
		to = n.src.find(from, "where", "order")
	default:
		return rows{}, false
	}
	where := n.src.find(to, "where")
	end := n.src.find(where, "order")
	alias := n.alias
	if alias == "" && refs.TableRefs.Right == nil {
		alias = nameOf(refs.TableRefs.Left)
	}
	tables, ok := n.src.locked(from, to)
	if !ok || alias == "" {
		return rows{}, false
	}
	found := rows{alias: quote(alias), from: tables}
	if where < len(n.src.tokens) {
		condition, ok := n.src.locked(where, end)
		if !ok {
			return rows{}, false
		}
		found.from = join(found.from, plain(" "), condition)
	}
	return found, true
}

// nameOf is the name by which the columns of a table are qualified.
func nameOf(n ast.ResultSetNode) string {
	switch n := n.(type) {
	case *ast.TableSource:
		if n.AsName.O != "" {
			return n.AsName.O
		}
		return nameOf(n.Source)
	case *ast.TableName:
		return n.Name.O
	case *ast.Join:
		if n.Right == nil {
			return nameOf(n.Left)
		}
	}
	return ""
}

// assignsJoined reports whether an UPDATE of a join assigns a column by which the rows are found.
func assignsJoined(n *ast.UpdateStmt) bool {
	assigned := map[string]bool{}
	for _, as := range n.List {
		assigned[as.Column.Name.L] = true
	}
	f := finder(func(n ast.Node) bool {
		name, ok := n.(*ast.ColumnName)
		return ok && assigned[name.Name.L]
	})
	return f.in(n.TableRefs) || n.Where != nil && f.in(n.Where)
}

// isPure reports whether the rows that a statement finds follow from the database and its parameters.
func (r *reader) isPure(n *native) bool {
	a := newAnalysis(n.src, r.catalog)
	a.learn(n.stmt)
	var writes []*query.Write
	switch stmt := n.stmt.(type) {
	case *ast.UpdateStmt:
		part := *stmt
		part.List = nil
		writes = []*query.Write{{Op: moneyclip.Delete, From: a.from(part.TableRefs), Where: a.expr(part.Where)}}
	case *ast.DeleteStmt:
		writes = []*query.Write{{Op: moneyclip.Delete, From: a.from(stmt.TableRefs), Where: a.expr(stmt.Where)}}
	default:
		return false
	}
	core := &query.Select{Results: []query.Result{{Expr: query.Operand{}}}, From: writes[0].From, Where: writes[0].Where}
	m := rules.Query(&query.Query{Cores: []*query.Select{core}}, r.catalog)
	return m.Impure == "" && a.calls == "" && a.sets == "" && !a.failed
}

// afterModifiers is the index of the first token from an index on that is not LOW_PRIORITY or its like.
func (s *source) afterModifiers(from int) int {
	for from < len(s.tokens) {
		t := s.tokens[from]
		if !s.is(t, "low_priority") && !s.is(t, "ignore") && !s.is(t, "quick") && !s.is(t, "high_priority") && !s.is(t, "delayed") {
			break
		}
		from++
	}
	return from
}

// locked is the text of some tokens in which each SELECT in parentheses locks what it reads: as it is in a write, but not
// in a SELECT. It reports false for one that chooses among rows at will, or to which no lock can be added.
func (s *source) locked(from, to int) (piece, bool) {
	var out piece
	var open []bool // :: open parenthesis → holds a SELECT
	at := 0
	if from < to {
		at = s.tokens[from].pos
	}
	for i := from; i < to; i++ {
		t := s.tokens[i]
		switch {
		case t.kind == parameter:
			out.params = append(out.params, s.number(t.pos))
		case s.isMark(t, '('):
			isSelect := i+1 < to && s.is(s.tokens[i+1], "select")
			if i+1 < to && (s.is(s.tokens[i+1], "with") || s.is(s.tokens[i+1], "table")) {
				return piece{}, false
			}
			open = append(open, isSelect)
		case s.isMark(t, ')'):
			if len(open) == 0 {
				return piece{}, false
			}
			if open[len(open)-1] {
				out.text += s.text[at:t.pos] + ofNow
				at = t.pos
			}
			open = open[:len(open)-1]
		case t.kind == word && i > 0 && !s.isMark(s.tokens[i-1], '.'):
			for _, name := range []string{"limit", "union", "intersect", "except", "over", "window", "for", "lock", "into", "procedure", "rownum"} {
				if s.is(t, name) {
					return piece{}, false
				}
			}
		}
	}
	if from < to {
		out.text += s.text[at:s.tokens[to-1].end]
	}
	return out, len(open) == 0
}
