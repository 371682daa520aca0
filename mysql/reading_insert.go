package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/marino/ast"
)

// newRows are the rows that an INSERT brings.
type newRows struct {
	r        *reader
	n        *native
	stmt     *ast.InsertStmt
	w        *moneyclip.Write
	def      *moneyclip.Table
	numbered bool   // the database numbers all of them
	unless   string // " OR condition": what is read of them is wrong where it holds, so that the reading fails
}

// insert reads the rows that an INSERT brings, and those with which they collide.
func (r *reader) insert(w *moneyclip.Write, def *moneyclip.Table, old, new []string) (moneyclip.Reading, bool) {
	n, ok := w.Source.(*native)
	if !ok {
		return moneyclip.Reading{}, false
	}
	stmt, ok := n.stmt.(*ast.InsertStmt)
	if !ok || len(w.Rows) > maxRows {
		return moneyclip.Reading{}, false
	}
	in := &newRows{r: r, n: n, stmt: stmt, w: w, def: def}
	in.numbered = in.isNumbered()
	switch {
	case w.Replace:
		return in.replaced(old, new)
	case w.Conflict != nil:
		return in.upserted(old, new)
	case len(old) > 0:
		return moneyclip.Reading{}, false
	case in.numbered && !in.setsNumber():
		return in.byNumber(new), true
	}
	if reading, ok := in.given(new); ok {
		return reading, true
	}
	for _, key := range def.Unique {
		if in.names(key) {
			return moneyclip.Reading{After: in.found([]moneyclip.UniqueKey{key}, 0, new).query()}, true
		}
	}
	return moneyclip.Reading{}, false
}

const maxRows = 64 // rows of one INSERT that are looked for one by one

// isNumbered reports whether every row gets a number of the database's choice. Those of one statement that says how many
// rows it has are taken at once, in every innodb_autoinc_lock_mode.
func (in *newRows) isNumbered() bool {
	serial := in.def.Serial
	if serial == "" || in.w.Rows == nil || in.w.Columns == nil || sets(in.def, moneyclip.Insert, serial) {
		return false
	}
	i := slices.Index(in.w.Columns, serial)
	if i < 0 {
		return true
	}
	for r, row := range in.w.Rows {
		switch {
		case i >= len(row):
			return false
		case row[i].Kind == moneyclip.ValueConst && row[i].Const == nil:
		case r < len(in.stmt.Lists) && i < len(in.stmt.Lists[r]) && isDefault(in.stmt.Lists[r][i]):
			in.unless = orZero
		default:
			return false
		}
	}
	return true
}

// orZero is where the word DEFAULT means 0.
const orZero = " OR @@sql_mode LIKE '%NO_AUTO_VALUE_ON_ZERO%'"

// isDefault reports whether an expression is the word DEFAULT.
func isDefault(e ast.ExprNode) bool {
	d, ok := e.(*ast.DefaultExpr)
	return ok && d.Name == nil
}

// setsNumber reports whether LAST_INSERT_ID() may return what the statement has set by LAST_INSERT_ID(n).
func (in *newRows) setsNumber() bool {
	return slices.ContainsFunc(in.n.src.tokens, func(t token) bool { return in.n.src.is(t, "last_insert_id") })
}

// byNumber reads the rows that the database has numbered.
func (in *newRows) byNumber(new []string) moneyclip.Reading {
	serial := "t." + quote(in.def.Serial)
	where := serial + " = LAST_INSERT_ID()"
	if n := len(in.w.Rows); n > 1 {
		where = fmt.Sprintf("%s BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + %d * @@auto_increment_increment", serial, n-1)
	}
	columns := list(values("t", in.def, new)).text
	text := fmt.Sprintf("SELECT %s FROM %s AS t WHERE %s", columns, quote(in.def.Name), where)
	if in.unless != "" {
		text = fmt.Sprintf("SELECT %s FROM (SELECT 1 AS one) AS x LEFT JOIN %s AS t ON %s WHERE 9223372036854775807 + (%s IS NULL%s) > 0",
			columns, quote(in.def.Name), where, serial, in.unless)
	}
	return moneyclip.Reading{After: moneyclip.Query{Text: text + ofNow}}
}

// names reports whether every row gives all columns of a key as values of the statement.
func (in *newRows) names(key moneyclip.UniqueKey) bool {
	if key.Odd || len(key.Columns) == 0 || len(in.w.Rows) == 0 {
		return false
	}
	return !slices.ContainsFunc(key.Columns, func(name string) bool {
		c := in.def.Column(name)
		if c == nil || !isComparable(c) || sets(in.def, moneyclip.Insert, name) {
			return true
		}
		return slices.ContainsFunc(in.w.Rows, func(row []moneyclip.Value) bool {
			v, ok := in.valueOf(row, name)
			if !ok || v.Kind == moneyclip.ValueConst && v.Const == nil {
				return true
			}
			_, ok = operand(v)
			return !ok
		})
	})
}

func (in *newRows) valueOf(row []moneyclip.Value, name string) (moneyclip.Value, bool) {
	i := slices.Index(in.w.Columns, name)
	if i < 0 || i >= len(row) || slices.Contains(in.w.Columns[i+1:], name) {
		return moneyclip.Value{}, false
	}
	return row[i], true
}

// equal is the condition that a row has the key of a new one.
func (in *newRows) equal(key moneyclip.UniqueKey, row []moneyclip.Value) piece {
	var all piece
	for i, name := range key.Columns {
		v, _ := in.valueOf(row, name)
		value, _ := operand(v)
		head := "t." + quote(name) + " = "
		if i > 0 {
			head = " AND " + head
		}
		all = join(all, plain(head), value)
	}
	return all
}

// found reads, after the write, the rows that have the keys of the new ones. A value that the column has converted does
// not find its row: then an overflow makes the reading fail.
func (in *newRows) found(keys []moneyclip.UniqueKey, old int, new []string) piece {
	columns := slices.Repeat([]piece{plain("NULL")}, old)
	columns = append(columns, values("t", in.def, new)...)
	var all piece
	for _, key := range keys {
		for _, row := range in.w.Rows {
			if all.text != "" {
				all.text += " UNION ALL "
			}
			all = join(all, plain("(SELECT "), list(columns),
				plain(fmt.Sprintf(" FROM (SELECT 1 AS one) AS x LEFT JOIN %s AS t ON ", quote(in.def.Name))), in.equal(key, row),
				plain(fmt.Sprintf(" WHERE 9223372036854775807 + (t.%s IS NULL%s) > 0%s)", quote(key.Columns[0]), in.unless, ofNow)))
		}
	}
	return all
}

// colliding are the keys in which a new row can meet another. It reports false if one of them cannot be followed.
func (in *newRows) colliding() ([]moneyclip.UniqueKey, bool) {
	var keys []moneyclip.UniqueKey
	for _, key := range in.def.Unique {
		switch {
		case !key.Odd && in.numbered && slices.Contains(key.Columns, in.def.Serial):
		case !in.names(key):
			return nil, false
		default:
			keys = append(keys, key)
		}
	}
	return keys, len(keys) > 0
}

// upserted reads the rows that an ON DUPLICATE KEY UPDATE has left. Where two keys could collide the row that it updates is
// only one of those that they find.
func (in *newRows) upserted(old, new []string) (moneyclip.Reading, bool) {
	keys, ok := in.colliding()
	if !ok || len(keys) != 1 {
		return moneyclip.Reading{}, false
	}
	update := &moneyclip.Write{Op: moneyclip.Update, Set: in.changes()}
	for _, name := range slices.Concat(keys[0].Columns, old) {
		if assigns(update, in.def, name) {
			return moneyclip.Reading{}, false
		}
	}
	// The row is now what it was, in the old columns; a row that is new was nothing, so that they are one too many.
	return moneyclip.Reading{After: in.found(keys, 0, slices.Concat(old, new)).query()}, true
}

// changes are the assignments of an ON DUPLICATE KEY UPDATE without those that leave a column as it is: "id = id", so that
// nothing is updated, and "id = LAST_INSERT_ID(id)", so that the id of the row is told. The latter makes of a negative
// number one that is too large, and that is an error in strict mode only.
func (in *newRows) changes() []moneyclip.Assignment {
	set := in.w.Conflict.Set
	if in.stmt.Select != nil || in.stmt.RowAlias != nil || len(in.stmt.OnDuplicate) != len(set) {
		return set
	}
	var changes []moneyclip.Assignment
	strict := ""
	for i, as := range in.stmt.OnDuplicate {
		value := as.Expr
		call, ok := value.(*ast.FuncCallExpr)
		tells := ok && call.FnName.L == "last_insert_id" && len(call.Args) == 1 && set[i].Column == in.def.Serial && !in.stmt.IgnoreErr
		if tells {
			value = call.Args[0]
		}
		if name, ok := value.(*ast.ColumnNameExpr); !ok || name.Name.Name.L != as.Column.Name.L {
			changes = append(changes, set[i])
			continue
		}
		if tells {
			strict = " OR @@sql_mode NOT LIKE '%STRICT_%'"
		}
	}
	in.unless += strict
	return changes
}

// replaced reads the rows that a REPLACE deletes and those that it brings. That the latter are found by the same values
// shows that the former were.
func (in *newRows) replaced(old, new []string) (moneyclip.Reading, bool) {
	keys, ok := in.colliding()
	if !ok {
		return moneyclip.Reading{}, false
	}
	reading := moneyclip.Reading{After: in.found(keys, len(old), new).query()}
	if len(old) == 0 {
		return reading, true
	}
	columns := append(values("t", in.def, old), slices.Repeat([]piece{plain("NULL")}, len(new))...)
	var all piece
	for _, key := range keys {
		for _, row := range in.w.Rows {
			if all.text != "" {
				all.text += " UNION ALL "
			}
			all = join(all, plain("(SELECT "), list(columns), plain(fmt.Sprintf(" FROM %s AS t WHERE ", quote(in.def.Name))),
				in.equal(key, row), plain(" FOR UPDATE)"))
		}
	}
	reading.Before, reading.Ranges, reading.Alone = all.query(), true, true
	return reading, true
}

// given reads the values that the statement's own expressions have, before they are stored. One that the column would
// convert has no canonical spelling there.
func (in *newRows) given(new []string) (moneyclip.Reading, bool) {
	if in.w.Columns == nil || !in.isPure() {
		return moneyclip.Reading{}, false
	}
	for _, name := range new {
		c := in.def.Column(name)
		if c == nil || c.Generated || name == in.def.Serial || sets(in.def, moneyclip.Insert, name) {
			return moneyclip.Reading{}, false
		}
	}
	text, ok := in.selected(new)
	if !ok {
		text, ok = in.listed(new)
	}
	return moneyclip.Reading{Before: text.query(), Ranges: true}, ok
}

func (in *newRows) isPure() bool {
	a := newAnalysis(in.n.src, in.r.catalog)
	a.learn(in.stmt)
	q := &query.Query{Cores: []*query.Select{{Results: []query.Result{{Expr: query.Operand{}}}}}}
	if in.stmt.Select != nil {
		q = a.query(in.stmt.Select)
	}
	for _, row := range in.stmt.Lists {
		q.Cores[0].Rest = append(q.Cores[0].Rest, a.exprs(row)...)
	}
	m := rules.Query(q, in.r.catalog)
	return m.Impure == "" && a.calls == "" && a.sets == "" && !a.failed
}

// columnsOf are the pieces of the columns, of the expressions that the statement gives for its own. Nullable says that an
// expression may be NULL.
func (in *newRows) columnsOf(new []string, given func(i int) (value piece, nullable, ok bool)) (piece, bool) {
	var all []piece
	for _, name := range new {
		c := in.def.Column(name)
		i := slices.Index(in.w.Columns, name)
		if i < 0 {
			value, ok := operand(c.Default)
			if !ok || c.Default.Kind != moneyclip.ValueConst {
				return piece{}, false
			}
			all = append(all, value)
			continue
		}
		value, nullable, ok := given(i)
		if !ok || slices.Contains(in.w.Columns[i+1:], name) {
			return piece{}, false
		}
		if nullable && c.NotNull {
			// A NULL becomes a zero of the column's type, unless the statement fails. The NUL has no canonical spelling.
			if k := typeOf(c).kind; k == binary || k == fixedBinary {
				return piece{}, false
			}
			value = join(plain("COALESCE("), value, plain(`, '\0')`))
		}
		all = append(all, value)
	}
	return list(all), true
}

// selected is the query of an INSERT with the columns that are wanted.
func (in *newRows) selected(new []string) (piece, bool) {
	src := in.n.src
	stmt, ok := in.stmt.Select.(*ast.SelectStmt)
	if !ok || stmt.Kind != ast.SelectStmtKindSelect || stmt.With != nil || stmt.Limit != nil || stmt.From == nil ||
		len(stmt.Fields.Fields) != len(in.w.Columns) {
		return piece{}, false
	}
	first := src.find(0, "select") + 1
	end := src.find(first, "from")
	if first >= len(src.tokens) || end >= len(src.tokens) {
		return piece{}, false
	}
	head := "SELECT "
	if src.is(src.tokens[first], "distinct") || src.is(src.tokens[first], "all") {
		head += src.text[src.tokens[first].pos:src.tokens[first].end] + " "
		first++
	}
	items := src.commas(first, end)
	if len(items) != len(in.w.Columns) {
		return piece{}, false
	}
	columns, ok := in.columnsOf(new, func(i int) (piece, bool, bool) {
		from, to := items[i][0], items[i][1]
		field := stmt.Fields.Fields[i]
		if field.AsName.O != "" {
			to = src.find(from, "as")
		}
		if field.WildCard != nil || from >= to || to > items[i][1] {
			return piece{}, false, false
		}
		text, ok := src.locked(from, to)
		return text, !in.isNotNull(stmt, field.Expr), ok
	})
	rest, isLocked := src.locked(end, len(src.tokens))
	return join(plain(head), columns, plain(" "), rest, plain(" LOCK IN SHARE MODE")), ok && isLocked
}

// isNotNull reports whether an expression is a column that has no NULL, of the one table of a SELECT.
func (in *newRows) isNotNull(stmt *ast.SelectStmt, e ast.ExprNode) bool {
	name, ok := e.(*ast.ColumnNameExpr)
	if !ok {
		return false
	}
	a := newAnalysis(in.n.src, in.r.catalog)
	item := a.from(stmt.From)
	if item == nil || item.Table == "" {
		return false
	}
	def := a.lookup(item)
	if def == nil || def.View || def.Column(name.Name.Name.L) == nil {
		return false
	}
	return def.Column(name.Name.Name.L).NotNull
}

// listed are the rows of a VALUES clause.
func (in *newRows) listed(new []string) (piece, bool) {
	src := in.n.src
	if in.stmt.Select != nil || in.stmt.Setlist || len(in.stmt.Lists) == 0 {
		return piece{}, false
	}
	at := src.find(0, "values", "value") + 1
	var all piece
	for i, row := range in.stmt.Lists {
		if i > 0 {
			all.text += " UNION ALL "
			at++ // the comma
		}
		end := src.close(at)
		items := src.commas(at+1, end)
		if end >= len(src.tokens) || len(items) != len(row) || len(row) != len(in.w.Columns) {
			return piece{}, false
		}
		columns, ok := in.columnsOf(new, func(i int) (piece, bool, bool) {
			if _, isDefault := row[i].(*ast.DefaultExpr); isDefault {
				return piece{}, false, false
			}
			text, ok := src.locked(items[i][0], items[i][1])
			return text, true, ok
		})
		if !ok {
			return piece{}, false
		}
		all = join(all, plain("SELECT "), columns)
		at = end + 1
	}
	return all, !strings.Contains(all.text, ";")
}

// commas cuts tokens at the commas outside of parentheses, into pairs of first and last but one.
func (s *source) commas(from, to int) [][2]int {
	var all [][2]int
	depth, first := 0, from
	for i := from; i < to; i++ {
		switch t := s.tokens[i]; {
		case s.isMark(t, '('):
			depth++
		case s.isMark(t, ')'):
			depth--
		case s.isMark(t, ',') && depth == 0:
			all = append(all, [2]int{first, i})
			first = i + 1
		}
	}
	if first < to {
		all = append(all, [2]int{first, to})
	}
	return all
}

// close is the index of the parenthesis that closes the one at an index; the number of tokens if there is none.
func (s *source) close(at int) int {
	depth := 0
	for i := at; i < len(s.tokens); i++ {
		switch t := s.tokens[i]; {
		case s.isMark(t, '('):
			depth++
		case s.isMark(t, ')'):
			depth--
		}
		if depth == 0 {
			return i
		}
	}
	return len(s.tokens)
}
