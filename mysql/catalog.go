package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/digest"
)

// The queries of the catalog. MySQL 8 gives columns of information_schema names in upper case, MariaDB and 5.7 as they are
// asked for; the order counts, not the names.
const (
	databaseQuery = "SELECT DATABASE(), @@lower_case_table_names, VERSION()"
	tablesQuery   = `SELECT TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES
		WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME`
	columnsQuery = `SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME, IS_NULLABLE, COLUMN_DEFAULT, EXTRA
		FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION`
	computedQuery = `SELECT TABLE_NAME, COLUMN_NAME, GENERATION_EXPRESSION FROM information_schema.COLUMNS
		WHERE TABLE_SCHEMA = DATABASE() AND EXTRA LIKE 'VIRTUAL%' ORDER BY TABLE_NAME, ORDINAL_POSITION`
	keysQuery = `SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`
	foreignKeysQuery = `SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME,
			k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE
		FROM information_schema.KEY_COLUMN_USAGE AS k JOIN information_schema.REFERENTIAL_CONSTRAINTS AS r
			ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME
		WHERE k.REFERENCED_TABLE_SCHEMA = DATABASE()
		ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`
	viewsQuery = `SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS
		WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME`
	triggersQuery = `SELECT EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_STATEMENT, SQL_MODE, TRIGGER_SCHEMA
		FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() ORDER BY EVENT_OBJECT_TABLE, TRIGGER_NAME`
	routinesQuery = `SELECT ROUTINE_NAME FROM information_schema.ROUTINES
		WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE = 'FUNCTION' ORDER BY ROUTINE_NAME`
	grantsQuery = "SHOW GRANTS"
)

// Catalog implements [moneyclip.Dialect].
func (dialect) Catalog(ctx context.Context, ask moneyclip.Asker) (*moneyclip.Catalog, error) {
	b := &builder{ctx: ctx, ask: ask, catalog: &moneyclip.Catalog{Tables: map[string]*moneyclip.Table{}}}
	home := b.rows(databaseQuery, 3)
	if b.err != nil {
		return nil, b.err
	}
	if len(home) != 1 {
		return nil, errors.New("mysql: the server does not say which database is the default one")
	}
	b.own = &schema{
		folds:    home[0][1] != "0",
		routines: map[string]bool{}, callers: map[string]string{}, mappings: map[string]*mapping{}, times: map[string]bool{}, dates: map[string]bool{},
		computed: map[moneyclip.ColumnName]string{},
	}
	b.own.database = b.own.table(home[0][0])
	b.catalog.Own = b.own
	b.mariaDB = strings.Contains(strings.ToLower(home[0][2]), "mariadb")
	b.tables()
	b.columns()
	b.uniqueKeys()
	b.foreignKeys()
	for _, row := range b.rows(routinesQuery, 1) {
		b.own.routines[strings.ToLower(row[0])] = true
	}
	b.computed()
	b.views()
	b.triggers()
	if b.err != nil {
		return nil, b.err
	}
	b.catalog.Digest = digest.Of(b.seen...)
	return b.catalog, nil
}

// builder reads a catalog. After the first error it reads nothing more.
type builder struct {
	ctx     context.Context //nolint:containedctx // of the one call that the builder is for
	ask     moneyclip.Asker
	err     error
	catalog *moneyclip.Catalog
	own     *schema
	mariaDB bool
	virtual bool     // a column is computed for each read
	seen    []string // all that was read
}

// null stands for NULL, which is not the empty text.
const null = "\x00"

// rows asks for rows of so many texts.
func (b *builder) rows(query string, width int) [][]string {
	if b.err != nil {
		return nil
	}
	rows, err := b.ask(b.ctx, query)
	if err != nil {
		b.err = err
		return nil
	}
	out := make([][]string, len(rows))
	for i, row := range rows {
		if len(row) != width {
			b.err = fmt.Errorf("mysql: the catalog has %d columns where there should be %d", len(row), width)
			return nil
		}
		for _, v := range row {
			out[i] = append(out[i], asText(v))
		}
		b.seen = append(b.seen, out[i]...)
	}
	b.seen = append(b.seen, "end")
	return out
}

// asText is the text of a value as a driver returns it.
func asText(v driver.Value) string {
	switch v := v.(type) {
	case nil:
		return null
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

func (b *builder) table(name string) *moneyclip.Table { return b.catalog.Tables[b.own.table(name)] }

func (b *builder) tables() {
	for _, row := range b.rows(tablesQuery, 3) {
		name := b.own.table(row[0])
		if strings.Contains(name, ".") {
			continue // it would look like one of another database
		}
		t := &moneyclip.Table{Name: name}
		switch kind, engine := row[1], row[2]; {
		case kind == "VIEW":
			t.View = true
		case kind != "BASE TABLE" && kind != "SYSTEM VERSIONED":
			t.Opaque = "it is a " + strings.ToLower(kind)
		case !strings.EqualFold(engine, "InnoDB"):
			// A write is visible at once, also inside a transaction, and stays although that is rolled back.
			t.Opaque = fmt.Sprintf("its engine %s has no transactions as InnoDB has them", engine)
		}
		b.catalog.Tables[name] = t
	}
}

var width = regexp.MustCompile(`^((?:tiny|small|medium|big)?int)\(\d+\)`)

// plainType is a column's type without what only changes how a value is shown.
func plainType(columnType string) string {
	t := width.ReplaceAllString(columnType, "$1")
	t = strings.TrimSuffix(t, " zerofill")
	if strings.HasPrefix(t, "year(") {
		return "year"
	}
	return t
}

func (b *builder) columns() {
	for _, row := range b.rows(columnsQuery, 7) {
		t := b.table(row[0])
		if t == nil {
			continue
		}
		c := &moneyclip.Column{Name: strings.ToLower(row[1]), Type: plainType(row[2]), NotNull: row[4] == "NO"}
		if row[3] != null {
			c.Collation = row[3]
		}
		extra := strings.ToLower(row[6])
		c.Generated = strings.Contains(extra, "virtual generated") || strings.Contains(extra, "stored generated") ||
			strings.Contains(extra, "persistent generated")
		b.virtual = b.virtual || strings.HasPrefix(extra, "virtual")
		c.Class = c.Type + " " + c.Collation
		c.Default = b.defaultValue(c, row[5], extra)
		t.Columns = append(t.Columns, c)
		switch {
		case strings.Contains(extra, "auto_increment"):
			// Unless sql_mode has NO_AUTO_VALUE_ON_ZERO.
			t.Serial, t.ZeroSerial = c.Name, true
		case strings.Contains(extra, "on update") && !t.View: // MySQL shows a view's column as that of the table
			t.Triggers = append(t.Triggers, moneyclip.Trigger{Op: moneyclip.Update, Sets: []string{c.Name}})
		}
		if strings.HasPrefix(c.Type, "time") && !strings.HasPrefix(c.Type, "timestamp") {
			b.own.times[c.Name] = true
		}
		if strings.HasPrefix(c.Type, "date") || strings.HasPrefix(c.Type, "timestamp") {
			b.own.dates[c.Name] = true
		}
	}
}

// computed finds the columns whose value, which is computed for each read, is not always the same: MariaDB has such, MySQL does not.
func (b *builder) computed() {
	if !b.mariaDB || !b.virtual {
		return
	}
	for _, row := range b.rows(computedQuery, 3) {
		t, column := b.table(row[0]), strings.ToLower(row[1])
		stmt := b.definition("SELECT " + row[2] + " FROM " + quote(row[0]))
		if t == nil {
			continue
		}
		a := newAnalysis(&source{}, b.catalog)
		why := "is not understood"
		if stmt != nil {
			if a.statement(stmt); !a.failed && a.calls == "" {
				why = a.meaning.Impure
			}
		}
		if why != "" {
			b.own.computed[moneyclip.ColumnName{Table: t.Name, Column: column}] = fmt.Sprintf("reads column %s, whose expression %s", column, why)
		}
	}
}

// defaultValue is the value of a column that an INSERT leaves out. That of a NOT NULL column without a default is zero or
// nothing in its type's own way, where the statement does not fail.
func (b *builder) defaultValue(c *moneyclip.Column, text, extra string) moneyclip.Value {
	constant := func(v any) moneyclip.Value { return moneyclip.Value{Kind: moneyclip.ValueConst, Const: v} }
	switch {
	case c.Generated, strings.Contains(extra, "auto_increment"), strings.Contains(extra, "default_generated"):
		return moneyclip.Value{}
	case text == null:
		if c.NotNull {
			return moneyclip.Value{}
		}
		return constant(nil)
	case b.mariaDB && text == "NULL" && !c.NotNull:
		return constant(nil)
	}
	switch t := typeOf(c); {
	case t.kind == integral:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return constant(n)
		}
	case t.kind != textual:
	case !b.mariaDB:
		return constant(text) // MySQL shows the text itself, MariaDB the literal
	case len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'' && !strings.Contains(text, `\`):
		return constant(strings.ReplaceAll(text[1:len(text)-1], "''", "'"))
	}
	return moneyclip.Value{}
}

func (b *builder) uniqueKeys() {
	last := [2]string{}
	for _, row := range b.rows(keysQuery, 4) {
		t := b.table(row[0])
		if t == nil {
			continue
		}
		if at := [2]string{row[0], row[1]}; at != last {
			t.Unique = append(t.Unique, moneyclip.UniqueKey{})
			last = at
		}
		key := &t.Unique[len(t.Unique)-1]
		if row[2] == null || row[3] != null { // an expression, or the beginning of a column
			key.Odd = true
		}
		if row[2] != null {
			key.Columns = append(key.Columns, strings.ToLower(row[2]))
		}
	}
}

// actions :: rule → action. InnoDB does not have SET DEFAULT.
var actions = map[string]moneyclip.Action{
	"CASCADE":     moneyclip.Cascade,
	"SET NULL":    moneyclip.SetNull,
	"SET DEFAULT": moneyclip.SetDefault,
}

func (b *builder) foreignKeys() {
	last := [3]string{}
	for _, row := range b.rows(foreignKeysQuery, 8) {
		t := b.table(row[4])
		if t == nil {
			continue
		}
		if at := [3]string{row[0], row[1], row[2]}; at != last {
			child := b.own.table(row[1])
			if schema := b.own.table(row[0]); schema != b.own.database || b.catalog.Tables[child] == nil {
				child = schema + "." + child
			}
			t.Keys = append(t.Keys, moneyclip.ForeignKey{Child: child, OnDelete: actions[row[6]], OnUpdate: actions[row[7]]})
			last = at
		}
		key := &t.Keys[len(t.Keys)-1]
		key.Columns = append(key.Columns, strings.ToLower(row[3]))
		key.ParentColumns = append(key.ParentColumns, strings.ToLower(row[5]))
	}
}

// grants tells for which tables the user sees the triggers.
type grants struct{ tables []*regexp.Regexp }

var grantPattern = regexp.MustCompile("^GRANT (.*?) ON (?:TABLE )?(\\*|`(?:[^`]|``)*`)\\.(\\*|`(?:[^`]|``)*`) TO ")

func (b *builder) grants() grants {
	var g grants
	rows, err := b.ask(b.ctx, grantsQuery)
	if err != nil {
		return g // whoever may not even ask sees none
	}
	for _, row := range rows {
		if len(row) != 1 {
			return grants{}
		}
		line := asText(row[0])
		if strings.HasPrefix(line, "REVOKE") {
			return grants{} // a part of what was granted
		}
		m := grantPattern.FindStringSubmatch(line)
		if m == nil || !slices.ContainsFunc(strings.Split(m[1], ", "), func(p string) bool {
			return p == "TRIGGER" || p == "ALL PRIVILEGES" || p == "ALL"
		}) {
			continue
		}
		g.tables = append(g.tables, regexp.MustCompile("^(?s:"+like(m[2])+"\x00"+like(m[3])+")$"))
	}
	return g
}

// like is a pattern of the GRANT syntax as a regular expression.
func like(pattern string) string {
	if pattern == "*" {
		return ".*"
	}
	pattern = strings.ReplaceAll(strings.Trim(pattern, "`"), "``", "`")
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			out.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		case c == '%':
			out.WriteString(".*")
		case c == '_':
			out.WriteString(".")
		default:
			out.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return out.String()
}

func (g *grants) sees(database, table string) bool {
	return slices.ContainsFunc(g.tables, func(r *regexp.Regexp) bool { return r.MatchString(database + "\x00" + table) })
}
