package sqlite

import (
	"fmt"
	"strings"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/internal/query"
	"github.com/sqlc-dev/meyer/ast"
)

// purity says whether a function's result follows from its arguments.
type purity uint8

const (
	unknown  purity = iota // an extension's or the program's own
	pure                   // follows from the arguments, or from the rows of a group or a window
	clock                  // pure unless an argument makes it look at the clock or at the zone of the process
	volatile               // never
)

// functions :: name → purity, see https://sqlite.org/lang_corefunc.html and the pages beside it
var functions = query.ByName(map[purity]string{
	pure: `
		abs char coalesce concat concat_ws format glob hex if ifnull iif instr length like likelihood likely lower ltrim
		max min nullif octet_length printf quote replace round rtrim sign soundex substr substring trim typeof unhex
		unicode unistr unistr_quote unlikely upper zeroblob

		avg count group_concat median percentile percentile_cont percentile_disc string_agg sum total

		cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

		acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power
		radians sin sinh sqrt tan tanh trunc

		json jsonb json_array jsonb_array json_array_insert jsonb_array_insert json_array_length json_error_position
		json_extract jsonb_extract json_group_array jsonb_group_array json_group_object jsonb_group_object json_insert
		jsonb_insert json_object jsonb_object json_patch jsonb_patch json_pretty json_quote json_remove jsonb_remove
		json_replace jsonb_replace json_set jsonb_set json_type json_valid`,
	clock: `date datetime julianday strftime time timediff unixepoch`,
	volatile: `
		changes last_insert_rowid random randomblob sqlite_compileoption_get sqlite_compileoption_used sqlite_offset
		sqlite_source_id sqlite_version total_changes`,
})

// callImpurity is empty for a call that is pure, otherwise it says why the call is not.
func callImpurity(call *ast.FuncCall) string {
	name := fold(call.Name.Name)
	switch functions[name] {
	case pure:
		return ""
	case volatile:
		return fmt.Sprintf("calls %s(), which is volatile", name)
	case clock:
		return clockImpurity(name, call.Args)
	}
	return fmt.Sprintf("calls %s(), which is not known to be pure", name)
}

// clockImpurity judges a date and time function. A time value from a parameter or from a row may be the text 'now', so
// only a literal that starts with a digit is trusted; a modifier may be 'localtime'.
func clockImpurity(name string, args []ast.Expr) string {
	if name == "strftime" && len(args) > 0 {
		args = args[1:]
	}
	if len(args) == 0 {
		return fmt.Sprintf("calls %s(), which reads the clock", name)
	}
	times := 1
	if name == "timediff" {
		times = 2
	}
	for i, arg := range args {
		text, ok := literalText(arg)
		if i < times && (!ok || text == "" || text[0] < '0' || text[0] > '9') {
			return fmt.Sprintf("calls %s(), which may read the clock", name)
		}
		text = fold(text)
		if !ok || strings.Contains(text, "localtime") || strings.Contains(text, "utc") {
			return fmt.Sprintf("calls %s(), which may depend on the zone of the process", name)
		}
	}
	return ""
}

// literalText is the text of a string or number literal.
func literalText(e ast.Expr) (string, bool) {
	lit, ok := bare(e).(*ast.Literal)
	if !ok {
		return "", false
	}
	switch lit.Kind {
	case ast.LitString, ast.LitInteger, ast.LitFloat:
		return lit.Value, true
	}
	return "", false
}

// likeImpurity is empty for LIKE and GLOB, which programs do not replace.
func likeImpurity(e *ast.LikeExpr) string {
	if op := fold(e.Op.Name); op != "like" && op != "glob" {
		return fmt.Sprintf("uses %s, a function that is not known to be pure", e.Op.Raw)
	}
	return ""
}

func collationImpurity(e *ast.CollateExpr) string {
	if !isBuiltIn(e.Name.Name) {
		return fmt.Sprintf("uses the collation %s, which is not SQLite's own", e.Name.Name)
	}
	return ""
}

// tableImpurity says why a table is none whose rows and whose order are those of this database, or is empty.
func tableImpurity(name string, def *moneyclip.Table) string {
	switch {
	case strings.HasPrefix(name, "pragma_"), strings.HasPrefix(name, "sqlite_"), name == "dbstat":
		return fmt.Sprintf("reads %s, which is SQLite's own", name)
	case def == nil, def.Opaque != "":
		return ""
	}
	for _, c := range def.Columns {
		if c.Collation != "" && !isBuiltIn(c.Collation) {
			return fmt.Sprintf("reads %s, where column %s has the collation %s", name, c.Name, c.Collation)
		}
	}
	return ""
}

// callTree is a table-valued function.
func callTree(name string, args []ast.Expr) *query.Call {
	call := &query.Call{Name: name, Args: exprTrees(args)}
	if jsonTables[name] {
		call.Columns = jsonColumns
	} else {
		call.Impure = fmt.Sprintf("reads %s(), a table-valued function", name)
	}
	return call
}

// jsonTables are the pure table-valued functions.
var jsonTables = map[string]bool{"json_each": true, "json_tree": true, "jsonb_each": true, "jsonb_tree": true}

// jsonColumns are the columns of jsonTables.
var jsonColumns = strings.Fields("key value type atom id parent fullkey path json root")

// collations are those that every SQLite has; the program's own may order and equate as they like.
var collations = map[string]bool{"BINARY": true, "NOCASE": true, "RTRIM": true}

func isBuiltIn(collation string) bool { return collations[upper(collation)] }
