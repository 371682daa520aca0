package postgres

// A body is the text of a function that a trigger calls. Its names are looked up in the path of the session that fires the
// trigger, unless the function has a path of its own.
type body struct {
	ambiguous map[string]bool // names of tables that more than one schema has
	unclear   string          // the first of them that was met
	variables bool            // names in it that mean nothing in the statement are those of PL/pgSQL's variables
}

func (b *body) meet(table string) {
	if b.unclear == "" && b.ambiguous[table] {
		b.unclear = table
	}
}
