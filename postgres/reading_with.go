package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moneyclip/moneyclip"
	pg "github.com/sqlc-dev/oliphant"
	"google.golang.org/protobuf/proto"
)

// A write in WITH returns to the statement around it, and not to the client. So for its rows the statement itself is put
// into WITH too, behind the others, and a SELECT of all of them around it. That changes nothing of what they do: all of
// them see the database as it was before the statement, whichever is asked first, and each is carried out to its end, once.

// part is what a write in WITH, or the statement itself, adds to such a text.
type part struct {
	src     *source
	def     *moneyclip.Table // that the write writes
	columns []string
}

// withPart makes the reading of one write of several in a text.
func (r *rows) withPart(src *source, columns []string) (moneyclip.Reading, bool) {
	p := &part{src, r.def, columns}
	_, ok := p.Together([]moneyclip.Part{p})
	return moneyclip.Reading{Part: p}, ok
}

// Own implements [moneyclip.Part].
func (p *part) Own() bool { return p.src.cte == nil }

// Together implements [moneyclip.Part].
func (p *part) Together(parts []moneyclip.Part) (text string, ok bool) {
	defer func() {
		// As in Analyze: what cannot be rendered cannot be read.
		if recover() != nil {
			text, ok = "", false
		}
	}()
	root := proto.Clone(p.src.root).(*pg.Node)
	with := withOf(root)
	if with == nil {
		return "", false
	}
	var own []string
	numbers, results, joins := "(0)", "moneyclip_rows_0.*", ""
	behind := map[int]*pg.Node{} // :: place in WITH → what is put behind it
	for n, other := range parts {
		p, isOurs := other.(*part)
		if !isOurs {
			return "", false
		}
		if p.Own() {
			own = p.columns
			continue
		}
		i := slices.IndexFunc(withOf(p.src.root).Ctes, func(node *pg.Node) bool { return node.GetCommonTableExpr() == p.src.cte })
		if i < 0 {
			return "", false
		}
		cte := with.Ctes[i].GetCommonTableExpr()
		if list := *returningOf(cte.Ctequery); len(list) > 0 {
			// Who reads it is not to see more than it returns now.
			shown, ok := p.names(list)
			if !ok {
				return "", false
			}
			name := fmt.Sprintf("moneyclip_write_%d", n)
			behind[i] = withItem(cte.Ctename, fmt.Sprintf("SELECT %s FROM %s", strings.Join(qualified(name, shown), ", "), name))
			behind[i].GetCommonTableExpr().Aliascolnames = cte.Aliascolnames
			cte.Ctename, cte.Aliascolnames = name, nil
		}
		names := make([]string, len(p.columns))
		for j := range names {
			names[j] = fmt.Sprintf("moneyclip_%d", j)
		}
		addReturning(cte.Ctequery, p.columns, names)
		numbers += fmt.Sprintf(", (%d)", n+1)
		results += fmt.Sprintf(", moneyclip_rows_%d.*", n+1)
		joins += lateral(strings.Join(names, ", ")+", true", quote(cte.Ctename), n+1)
	}
	var ctes []*pg.Node
	for i, node := range with.Ctes {
		ctes = append(ctes, node)
		if behind[i] != nil {
			ctes = append(ctes, behind[i])
		}
	}
	with.Ctes = ctes
	all, ok := alone(root, own)
	if !ok {
		return "", false
	}
	statement := withItem("moneyclip_statement", "SELECT 1")
	statement.GetCommonTableExpr().Ctequery = root
	with.Ctes = append(with.Ctes, statement)
	columns := results + " FROM (VALUES " + numbers + ") AS moneyclip_part (n)" + lateral(all, "moneyclip_statement", 0) + joins
	return selectText(&pg.SelectStmt{
		WithClause: with, TargetList: []*pg.Node{placeholder()},
		LimitOption: pg.LimitOption_LIMIT_OPTION_DEFAULT, Op: pg.SetOperation_SETOP_NONE,
	}, []string{columns})
}

// lateral joins the rows of one part, which are in the result under its number alone. The OFFSET keeps them from being
// looked through for each of the others.
func lateral(columns, from string, n int) string {
	return fmt.Sprintf(" LEFT JOIN LATERAL (SELECT %s FROM %s WHERE moneyclip_part.n = %d OFFSET 0) AS moneyclip_rows_%d ON true", columns, from, n, n)
}

// withOf is the WITH of a statement, or nil.
func withOf(node *pg.Node) *pg.WithClause {
	switch n := node.GetNode().(type) {
	case *pg.Node_SelectStmt:
		return n.SelectStmt.WithClause
	case *pg.Node_InsertStmt:
		return n.InsertStmt.WithClause
	case *pg.Node_UpdateStmt:
		return n.UpdateStmt.WithClause
	case *pg.Node_DeleteStmt:
		return n.DeleteStmt.WithClause
	}
	return nil
}

// alone takes the WITH off a statement and adds columns to what it returns. What it says is what is to be selected from it.
func alone(node *pg.Node, columns []string) (all string, ok bool) {
	switch n := node.GetNode().(type) {
	case *pg.Node_SelectStmt:
		n.SelectStmt.WithClause = nil
		// One that returns rows without columns would not be told from one that returns nothing.
		return "moneyclip_statement.*, true", len(columns) == 0 && (len(n.SelectStmt.TargetList) > 0 || n.SelectStmt.Larg != nil)
	case *pg.Node_InsertStmt:
		n.InsertStmt.WithClause = nil
	case *pg.Node_UpdateStmt:
		n.UpdateStmt.WithClause = nil
	case *pg.Node_DeleteStmt:
		n.DeleteStmt.WithClause = nil
	default:
		return "", false
	}
	if len(*returningOf(node))+len(columns) == 0 {
		addReturning(node, []string{"1"}, []string{"moneyclip_0"}) // its rows are counted
		return "true", true
	}
	addReturning(node, columns, make([]string, len(columns)))
	return "moneyclip_statement.*, true", true
}

// returningOf is the list that a write returns.
func returningOf(node *pg.Node) *[]*pg.Node {
	clause := func(of **pg.ReturningClause) *[]*pg.Node {
		if *of == nil {
			*of = &pg.ReturningClause{}
		}
		return &(*of).Exprs
	}
	switch n := node.GetNode().(type) {
	case *pg.Node_InsertStmt:
		return clause(&n.InsertStmt.ReturningClause)
	case *pg.Node_UpdateStmt:
		return clause(&n.UpdateStmt.ReturningClause)
	case *pg.Node_DeleteStmt:
		return clause(&n.DeleteStmt.ReturningClause)
	}
	return new([]*pg.Node)
}

// addReturning adds columns to what a write returns, under these names.
func addReturning(node *pg.Node, columns, names []string) {
	list := returningOf(node)
	for i, column := range columns {
		target := oneStatement("SELECT " + column).GetSelectStmt().TargetList[0]
		target.GetResTarget().Name = names[i]
		*list = append(*list, target)
	}
}

// withItem is a query in WITH.
func withItem(name, text string) *pg.Node {
	stmt := oneStatement("WITH moneyclip_item AS MATERIALIZED (" + text + ") SELECT 1")
	item := stmt.GetSelectStmt().WithClause.Ctes[0]
	item.GetCommonTableExpr().Ctename = name
	return item
}

// names are those of the columns that a write in WITH returns, if they are certain and no two alike.
func (p *part) names(list []*pg.Node) ([]string, bool) {
	relation, from := p.src.target()
	var names []string
	for _, node := range list {
		target := node.GetResTarget()
		name := target.GetName()
		if name == "" {
			name = columnName(target.GetVal())
		}
		if name != "" {
			names = append(names, name)
			continue
		}
		ref := target.GetVal().GetColumnRef() // a star
		switch {
		case ref == nil || len(ref.Fields) == 1 && from:
			return nil, false
		case len(ref.Fields) > 1 && !slices.Equal(texts(ref.Fields), []string{relation}):
			return nil, false
		}
		for _, column := range p.def.Columns {
			names = append(names, column.Name)
		}
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, false
		}
		seen[name] = true
	}
	return names, true
}
