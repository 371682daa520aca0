package query

func (a *analysis) exprs(list []Expr, sc *scope) {
	for _, e := range list {
		a.expr(e, sc)
	}
}

// expr notes the columns that an expression reads, the queries in it and what makes it impure.
func (a *analysis) expr(e Expr, sc *scope) {
	switch e := e.(type) {
	case nil, Operand:
	case Column:
		if e.Table == "" {
			a.name(e, sc)
		} else {
			a.qualified(e, sc)
		}
	case Star:
		a.star(e, sc)
	case Cast:
		a.expr(e.X, sc)
	case And:
		a.expr(e.X, sc)
		a.expr(e.Y, sc)
	case Equal:
		a.expr(e.X, sc)
		a.expr(e.Y, sc)
	case In:
		a.expr(e.X, sc)
		a.exprs(e.List, sc)
	case Row:
		a.exprs(e.List, sc)
	case Subquery:
		a.expr(e.X, sc)
		a.query(e.Query, place{ctes: sc.ctes, outer: sc})
	case Other:
		a.taint(e.Impure)
		a.exprs(e.Parts, sc)
	case Opaque:
		a.opaque(e.Impure, sc)
	default:
		a.opaque("", sc)
	}
}

// opaque visits an expression that may name any column and call anything.
func (a *analysis) opaque(why string, sc *scope) {
	if why == "" {
		why = "holds an expression that is not understood"
	}
	a.taint(why)
	sc.readAll()
}

// readAll notes that every column in sight is read.
func (sc *scope) readAll() {
	for s := sc; s != nil; s = s.outer {
		for _, src := range s.sources {
			src.all = true
		}
	}
}

// star notes that all columns are read, of the items of this SELECT or of the nearest of a name.
func (a *analysis) star(star Star, sc *scope) {
	for s := sc; s != nil; s = s.outer {
		found := false
		for _, src := range s.sources {
			if star.Table == "" || src.name == star.Table {
				src.all, found = true, true
			}
		}
		if found {
			return
		}
	}
}

// name notes that a column is read: of every source that has it or may have it, the nearest scope first.
func (a *analysis) name(c Column, sc *scope) {
	known := c.Word != nil
	for s := sc; s != nil; s = s.outer {
		found := false
		for _, src := range s.sources {
			switch src.has(c.Name) {
			case yes:
				src.touch(c.Name)
				found = true
			case maybe:
				src.touch(c.Name)
				known = true
			}
		}
		if found {
			return
		}
		known = known || s.aliases[c.Name]
	}
	if !known {
		// The name of a table stands for a whole row of it; any other may be of a column that is newer than the catalog.
		sc.readAll()
	}
}

// qualified notes that a column of a certain source is read.
func (a *analysis) qualified(c Column, sc *scope) {
	known, named := a.isFiring(c), false
	for s := sc; s != nil; s = s.outer {
		found := false
		for _, src := range s.sources {
			if src.is(c.Schema, c.Table) == no {
				continue
			}
			named = true
			src.touch(c.Name)
			switch src.has(c.Name) {
			case yes:
				found = true
			case maybe:
				known = true
			}
		}
		if found {
			return
		}
	}
	switch {
	case known:
	case named:
		// What looks like a column may be a function that takes the row.
		a.taint("reads " + c.Table + "." + c.Name + ", which is not a column")
		fallthrough
	default:
		sc.readAll()
	}
}
