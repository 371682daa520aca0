package query

import (
	"fmt"
	"strings"
)

// What a tree stands for, in SQL, for the messages of tests.

func texts[T any](list []T, separator string, each func(T) string) string {
	var out []string
	for _, v := range list {
		out = append(out, each(v))
	}
	return strings.Join(out, separator)
}

func list(of []Expr) string { return "(" + texts(of, ", ", exprText) + ")" }

func names(alias string, columns []string) string {
	if len(columns) > 0 {
		alias += " (" + strings.Join(columns, ", ") + ")"
	}
	return alias
}

func dotted(parts ...string) string {
	text := strings.Join(parts, ".")
	return strings.TrimLeft(text, ".")
}

func exprText(e Expr) string {
	switch e := e.(type) {
	case nil:
		return "DEFAULT"
	case Column:
		if e.Word != nil {
			return fmt.Sprintf("%s [or %s]", e.Name, valueText(*e.Word))
		}
		return dotted(e.Schema, e.Table, e.Name)
	case Star:
		return dotted(e.Table, "*")
	case Operand:
		return valueText(e.Value)
	case Cast:
		return "CAST(" + exprText(e.X) + " AS " + e.Type + ")"
	case And:
		return exprText(e.X) + " AND " + exprText(e.Y)
	case Equal:
		return exprText(e.X) + " = " + exprText(e.Y)
	case In:
		return exprText(e.X) + " IN " + list(e.List)
	case Row:
		return list(e.List)
	case Subquery:
		text := "(" + queryText(e.Query) + ")"
		if e.X != nil {
			text = exprText(e.X) + " IN " + text
		}
		return text
	case Other:
		return "f" + list(e.Parts) + mark(e.Impure)
	case Opaque:
		return "?" + mark(e.Impure)
	}
	return fmt.Sprintf("%T", e)
}

func mark(impure string) string {
	if impure == "" {
		return ""
	}
	return " [" + impure + "]"
}

func queryText(q *Query) string {
	if q == nil {
		return "?"
	}
	text := ""
	if q.With != nil {
		text = "WITH "
		switch {
		case q.With.Forward:
			text += "FORWARD "
		case q.With.Recursive:
			text += "RECURSIVE "
		}
		text += texts(q.With.CTEs, ", ", func(c *CTE) string {
			if c.Write != nil {
				return names(c.Name, c.Columns) + " AS (a write)"
			}
			return names(c.Name, c.Columns) + " AS (" + queryText(c.Query) + ")"
		}) + " "
	}
	return text + texts(q.Cores, " UNION ", coreText)
}

func coreText(s *Select) string {
	if len(s.Values) > 0 {
		return "VALUES " + texts(s.Values, ", ", list)
	}
	text := "SELECT " + texts(s.Results, ", ", func(r Result) string {
		if r.IsAlias {
			return exprText(r.Expr) + " AS " + r.Name
		}
		return exprText(r.Expr)
	})
	if s.From != nil {
		text += " FROM " + itemText(s.From)
	}
	if s.Where != nil {
		text += " WHERE " + exprText(s.Where)
	}
	if len(s.Rest) > 0 {
		text += " ORDER BY " + texts(s.Rest, ", ", exprText)
	}
	return text
}

func itemText(it *Item) string {
	text := "?"
	switch {
	case it == nil:
		return text
	case it.Query != nil:
		text = "(" + queryText(it.Query) + ")"
	case it.Call != nil:
		text = it.Call.Name + "()" + list(it.Call.Args) + mark(it.Call.Impure)
	case it.Join != nil:
		text = joinText(it.Join)
		if it.Whole {
			text = "WHOLE " + text
		}
	case it.Table != "":
		text = dotted(it.Schema, it.Table)
	}
	if it.Lateral {
		text = "LATERAL " + text
	}
	if it.Alias != "" {
		text += " AS " + names(it.Alias, it.Columns)
	}
	return text
}

func joinText(j *Join) string {
	text := [...]string{" JOIN ", " LEFT JOIN ", " FULL JOIN "}[j.Kind]
	if j.Natural {
		text = " NATURAL" + text
	}
	text = "(" + itemText(j.Left) + text + itemText(j.Right)
	if j.On != nil {
		text += " ON " + exprText(j.On)
	}
	if len(j.Using) > 0 {
		text += " USING (" + strings.Join(j.Using, ", ") + ")"
	}
	return text + ")"
}
