package postgres

import "github.com/moneyclip/moneyclip"

// throughViews turns writes to views that have no triggers of their own, which PostgreSQL turns into writes to the table
// below, into writes to that table. Which rows of it they touch is not followed.
func (c *converter) throughViews(writes []moneyclip.Write) []moneyclip.Write {
	if c.catalog == nil {
		return writes
	}
	for i := range writes {
		w := &writes[i]
		def := c.catalog.Tables[w.Table]
		if def == nil || !def.View || def.Opaque != "" || isReplaced(def, w.Op) {
			continue
		}
		var below []string
		for _, read := range def.Reads {
			below = append(below, read.Table)
		}
		if len(below) == 0 {
			continue
		}
		loose := moneyclip.Write{Op: w.Op, Table: below[0], SetAll: w.Op == moneyclip.Update}
		if w.Conflict != nil {
			writes = append(writes, moneyclip.Write{Op: moneyclip.Update, Table: below[0], SetAll: true})
		}
		writes[i] = loose
		for _, table := range below[1:] {
			writes = append(writes, moneyclip.Write{Op: loose.Op, Table: table, SetAll: loose.SetAll})
		}
	}
	return writes
}

// isReplaced reports whether a trigger or a rule of the view does something else instead of the write.
func isReplaced(def *moneyclip.Table, op moneyclip.Op) bool {
	for _, t := range def.Triggers {
		if t.Instead && (t.Op == op || t.Op == moneyclip.AnyOp) {
			return true
		}
	}
	return false
}
