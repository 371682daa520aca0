package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	pg "github.com/sqlc-dev/oliphant"
)

// Reading implements [moneyclip.Dialect].
//
// At READ COMMITTED each statement sees what others have committed before it. So a SELECT before a write does not find
// the rows that the write will find: rows may begin to match in between. What the write itself returns is always right.
// It gives the old values of what it deletes and the new ones of what it inserts or updates, and so of an update the old
// values of all columns that it leaves as they are. Only for the old values of columns that it assigns is there a SELECT
// before it, with a lock on the rows; and a row that the write returns and the SELECT has not seen, by its primary key,
// fails the reading.
func (dialect) Reading(
	w *moneyclip.Write, catalog *moneyclip.Catalog, old, new []string,
) (reading moneyclip.Reading, ok bool) {
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
	r := &rows{catalog: catalog, w: w, def: def, old: old, new: new}
	for _, name := range slices.Concat(old, new) {
		if def.Column(name) == nil {
			return moneyclip.Reading{}, false
		}
	}
	src, _ := w.Source.(*source)
	switch {
	case w.Parent != nil:
		return r.children()
	case src == nil && w.Source == nil:
		return r.pinned()
	case src == nil:
		return moneyclip.Reading{}, false
	case src.insert != nil:
		return r.inserted(src)
	case src.update != nil:
		return r.updated(src)
	case src.delete != nil:
		return r.deleted(src)
	}
	return moneyclip.Reading{}, false
}

// plainTable is a table whose rows are what its definition says and all to be seen, or nil.
func plainTable(catalog *moneyclip.Catalog, name string) *moneyclip.Table {
	if catalog == nil {
		return nil
	}
	def := catalog.Tables[name]
	if def == nil || def.View || def.Opaque != "" || def.Guarded != "" {
		return nil
	}
	return def
}

// rows renders the queries of one Reading.
type rows struct {
	catalog  *moneyclip.Catalog
	w        *moneyclip.Write
	def      *moneyclip.Table
	old, new []string
}

// result is a column as a result. Types that drivers return in forms of their own are returned as text.
func (r *rows) result(table, name string) string {
	text := table + "." + quote(name)
	switch typeOf(r.def.Column(name)).kind {
	case integerType, floatType, boolType, textType, dateType, timestampType, timestamptzType, byteaType:
		return text
	}
	return text + "::text"
}

func (r *rows) results(table string, names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = r.result(table, name)
	}
	return list
}

// returning is the text of the statement with columns added to those that it returns.
func returning(src *source, has bool, columns []string) string {
	word := " RETURNING "
	if has {
		word = ", "
	}
	if strings.Contains(src.text, "--") {
		word = "\n" + word // the text may end in a comment; without one its errors name the same place as before
	}
	return src.text + word + strings.Join(columns, ", ")
}

// target is how the statement calls the table that it writes.
func target(rel *pg.RangeVar) string {
	if alias := rel.GetAlias().GetAliasname(); alias != "" {
		return quote(alias)
	}
	return quote(rel.GetRelname())
}

// returned is the reading of a write that returns these columns of the rows that it touches, besides its own.
func (r *rows) returned(src *source, has bool, columns []string) (moneyclip.Reading, bool) {
	if src.cte != nil {
		return r.withPart(src, columns)
	}
	reading := moneyclip.Reading{Instead: returning(src, has, columns)}
	if withOf(src.root) != nil {
		reading.Part = &part{src, r.def, columns}
	}
	return reading, true
}

func (r *rows) deleted(src *source) (moneyclip.Reading, bool) {
	stmt := src.delete
	columns := append(r.results(target(stmt.Relation), r.old), nulls(len(r.new))...)
	return r.returned(src, len(stmt.ReturningClause.GetExprs()) > 0, columns)
}

func (r *rows) inserted(src *source) (moneyclip.Reading, bool) {
	stmt := src.insert
	if r.w.Conflict != nil {
		// The row that is there already is updated: as it is after that, it is returned.
		for _, name := range r.old {
			if r.assigns(r.w.Conflict.Set, name) {
				return moneyclip.Reading{}, false
			}
		}
	}
	table := target(stmt.Relation)
	columns := append(r.results(table, r.old), r.results(table, r.new)...)
	return r.returned(src, len(stmt.ReturningClause.GetExprs()) > 0, columns)
}

// assigns reports whether an update gives a column another value: by its own words, because the column is computed from
// others, or by a trigger.
func (r *rows) assigns(set []moneyclip.Assignment, name string) bool {
	if r.w.SetAll || r.def.Column(name).Generated ||
		slices.ContainsFunc(set, func(a moneyclip.Assignment) bool { return a.Column == name }) {
		return true
	}
	return slices.ContainsFunc(r.def.Triggers, func(t moneyclip.Trigger) bool {
		return fires(&t, moneyclip.Update) && (t.SetsAll || t.Opaque != "" || slices.Contains(t.Sets, name))
	})
}

func (r *rows) updated(src *source) (moneyclip.Reading, bool) {
	stmt := src.update
	table := target(stmt.Relation)
	has := len(stmt.ReturningClause.GetExprs()) > 0
	var columns []string
	unseen := false
	for _, name := range r.old {
		if r.assigns(r.w.Set, name) {
			columns, unseen = append(columns, "NULL"), true
		} else {
			columns = append(columns, r.result(table, name))
		}
	}
	columns = append(columns, r.results(table, r.new)...)
	switch {
	case !unseen:
		return r.returned(src, has, columns)
	case src.cte != nil:
		return moneyclip.Reading{}, false
	}
	ident := r.identity()
	before, ok := r.before(src, ident)
	if !ok {
		return moneyclip.Reading{}, false
	}
	columns = append(columns, r.results(table, ident)...)
	return moneyclip.Reading{Before: before, Instead: returning(src, has, columns), Ident: len(ident)}, true
}

// identity are columns by which a row is known again after the update, or nil.
func (r *rows) identity() []string {
	for _, key := range r.def.Unique {
		if key.Odd || len(key.Columns) == 0 {
			continue
		}
		if !slices.ContainsFunc(key.Columns, func(name string) bool {
			return !r.def.Column(name).NotNull || r.assigns(r.w.Set, name)
		}) {
			return key.Columns
		}
	}
	return nil
}

// before selects the rows that an UPDATE is about to find, and locks them as it will.
func (r *rows) before(src *source, ident []string) (moneyclip.Query, bool) {
	stmt := src.update
	if ident == nil || len(r.def.Kin) > 0 {
		return moneyclip.Query{}, false // keys are not kept across tables that inherit
	}
	c := newConverter(r.catalog)
	c.whole = stmt
	with := c.with(stmt.WithClause)
	core := &query.Select{From: c.items(append([]*pg.Node{rangeVar(stmt.Relation)}, stmt.FromClause...)), Where: c.expr(stmt.WhereClause)}
	m := meanings.Query(&query.Query{With: with, Cores: []*query.Select{core}}, r.catalog)
	if m.Impure != "" || c.impure != "" || len(m.Writes) > 0 {
		return moneyclip.Query{}, false
	}
	table := target(stmt.Relation)
	columns := append(r.results(table, r.old), nulls(len(r.new))...)
	columns = append(columns, r.results(table, ident)...)
	s := &pg.SelectStmt{
		WithClause: stmt.WithClause, WhereClause: stmt.WhereClause,
		FromClause:  append([]*pg.Node{rangeVar(stmt.Relation)}, stmt.FromClause...),
		TargetList:  []*pg.Node{placeholder()},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}
	text, ok := selectText(s, columns)
	if !ok {
		return moneyclip.Query{}, false
	}
	lock := " FOR NO KEY UPDATE OF "
	if slices.ContainsFunc(r.def.Unique, func(key moneyclip.UniqueKey) bool {
		return !key.Odd && slices.ContainsFunc(key.Columns, func(name string) bool { return r.assigns(r.w.Set, name) })
	}) {
		lock = " FOR UPDATE OF " // as an update of a key does, if the key could be referred to
	}
	return numbered(text + lock + table)
}

func rangeVar(rel *pg.RangeVar) *pg.Node { return &pg.Node{Node: &pg.Node_RangeVar{RangeVar: rel}} }

// placeholder is a result column in whose place others are put.
func placeholder() *pg.Node {
	name := &pg.Node{Node: &pg.Node_String_{String_: &pg.String{Sval: standIn}}}
	ref := &pg.Node{Node: &pg.Node_ColumnRef{ColumnRef: &pg.ColumnRef{Fields: []*pg.Node{name}}}}
	return &pg.Node{Node: &pg.Node_ResTarget{ResTarget: &pg.ResTarget{Val: ref}}}
}

const standIn = "moneyclip_columns"

// selectText writes a SELECT with other columns in the place of the placeholder.
func selectText(s *pg.SelectStmt, columns []string) (string, bool) {
	stmt := &pg.RawStmt{Stmt: &pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: s}}}
	text, ok := deparse(stmt)
	if !ok || strings.Count(text, standIn) != 1 {
		return "", false
	}
	return strings.Replace(text, standIn, strings.Join(columns, ", "), 1), true
}

// numbered gives the parameters of a text numbers of its own, from 1 on, and notes which of the statement's they are.
func numbered(text string) (moneyclip.Query, bool) {
	tokens, err := pg.Scan(text)
	if err != nil {
		return moneyclip.Query{}, false
	}
	var q moneyclip.Query
	var b strings.Builder
	end := 0
	for _, t := range tokens.Tokens {
		if t.Token != pg.Token_PARAM {
			continue
		}
		n, err := strconv.Atoi(text[t.Start+1 : t.End])
		if err != nil {
			return moneyclip.Query{}, false
		}
		i := slices.Index(q.Params, n)
		if i < 0 {
			i = len(q.Params)
			q.Params = append(q.Params, n)
		}
		b.WriteString(text[end:t.Start])
		fmt.Fprintf(&b, "$%d", i+1)
		end = int(t.End)
	}
	b.WriteString(text[end:])
	q.Text = b.String()
	return q, true
}

func nulls(n int) []string { return slices.Repeat([]string{"NULL"}, n) }
