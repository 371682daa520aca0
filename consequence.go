package moneyclip

import (
	"fmt"
	"slices"
)

// What a write brings about in the database besides itself: rows that it collides with, foreign key actions, triggers.

// consequences are the columns and tables that a statement's consequences write.
type consequences struct {
	assigned map[ColumnName]int // :: column, or "*" for all of a table → how many steps assign it
	written  map[tableOp]bool   // by a foreign key or a trigger
	moved    map[ColumnName]int // as assigned, but only by a foreign key or a trigger
}

type tableOp struct {
	table string
	op    Op
}

func newConsequences() consequences {
	return consequences{map[ColumnName]int{}, map[tableOp]bool{}, map[ColumnName]int{}}
}

// note takes in one step.
func (c *consequences) note(s *step) {
	w := s.write
	if !s.collides {
		c.written[tableOp{w.Table, w.Op}] = true
	}
	columns := []string{"*"}
	if !w.SetAll {
		columns = columns[:0]
		for _, a := range w.Set {
			columns = append(columns, a.Column)
		}
	}
	for _, column := range columns {
		c.assigned[ColumnName{w.Table, column}]++
		if !s.collides {
			c.moved[ColumnName{w.Table, column}]++
		}
	}
}

// assignedBy reports whether a step other than own assigns the column of the table; for "", any column.
func assignedBy(assigned map[ColumnName]int, table, column string, own *Write) bool {
	for name, n := range assigned {
		if name.Table != table || column != "" && name.Column != column && name.Column != "*" {
			continue
		}
		if own != nil && (own.SetAll && name.Column == "*" ||
			slices.ContainsFunc(own.Set, func(a Assignment) bool { return a.Column == name.Column })) {
			n--
		}
		if n > 0 {
			return true
		}
	}
	return false
}

// change reports whether foreign keys and triggers may change which rows a write touches, so that they are not those
// that were there before it. An UPDATE or DELETE of the statement's own finds its rows before it touches the first.
func (c *consequences) change(w *Write, table *Table) bool {
	moved := func(column string) bool { return assignedBy(c.moved, w.Table, column, w) }
	switch {
	case w.Parent != nil:
		return slices.ContainsFunc(w.Key.Columns, moved) || c.change(w.Parent, nil)
	case w.Op != Insert && w.Source == nil:
		return slices.ContainsFunc(w.Pins, func(p Pin) bool { return moved(p.Column) })
	case w.Op != Insert:
		return false
	}
	if c.written[tableOp{w.Table, Insert}] || c.written[tableOp{w.Table, Delete}] {
		return true
	}
	deciding := []string{table.Serial}
	if w.Conflict != nil {
		deciding = append(deciding, w.Conflict.Target...)
	}
	for _, key := range table.Unique {
		deciding = append(deciding, key.Columns...)
		if key.Odd && c.written[tableOp{w.Table, Update}] {
			return true
		}
	}
	return slices.ContainsFunc(deciding, func(column string) bool {
		return column != "" && assignedBy(c.moved, w.Table, column, nil)
	})
}

// hidden reports whether rows that a write touches may look otherwise after the statement than before it, in these
// columns, or be gone: by its consequences, or by another write in its text.
func (e *effects) hidden(w *Write, old []string) bool {
	step := w
	if w.Source != nil {
		step = nil // what the statement itself assigns is no consequence
	}
	if e.disturbed.written[tableOp{w.Table, Delete}] ||
		slices.ContainsFunc(old, func(column string) bool { return assignedBy(e.disturbed.assigned, w.Table, column, step) }) {
		return true
	}
	return slices.ContainsFunc(e.own, func(other *Write) bool { return other != w && other.Table == w.Table })
}

// refers reports whether the statement itself may make rows refer to those whose foreign key action w is, or to those on
// the way there: the action comes after it, and touches rows that did not refer to them before.
func (e *effects) refers(w *Write) bool {
	for ; w.Parent != nil; w = w.Parent {
		key := func(a Assignment) bool { return slices.Contains(w.Key.Columns, a.Column) }
		if slices.ContainsFunc(e.own, func(own *Write) bool {
			return own.Table == w.Table && (own.SetAll || slices.ContainsFunc(own.Set, key) ||
				own.Conflict != nil && slices.ContainsFunc(own.Conflict.Set, key))
		}) {
			return true
		}
	}
	return false
}

// collisions follows what an INSERT does to rows that are there already: it deletes them (REPLACE) or updates them
// instead (ON CONFLICT DO UPDATE). An UPDATE OR REPLACE deletes rows that it does not name at all.
func (e *effects) collisions(s step, table *Table) {
	w := s.write
	replaces := w.Replace || table.Replaces
	if replaces && (w.Op == Update && assignsUnique(w, table) || w.Op == Insert && w.Columns == nil) {
		e.follow(step{write: &Write{Op: Delete, Table: w.Table}, via: "REPLACE: ", depth: s.depth + 1, replace: s.replace, collides: true})
	}
	if w.Op != Insert {
		return
	}
	if replaces {
		for i := range table.Unique {
			e.collision(s, table, &table.Unique[i], Write{Op: Delete, Table: w.Table}, "REPLACE: ")
		}
	}
	if w.Conflict == nil {
		return
	}
	update := Write{Op: Update, Table: w.Table, Set: w.Conflict.Set, Skips: w.Conflict.Skips}
	if w.Conflict.Target != nil {
		e.collision(s, table, &UniqueKey{Columns: w.Conflict.Target}, update, "ON CONFLICT: ")
		return
	}
	for i := range table.Unique {
		e.collision(s, table, &table.Unique[i], update, "ON CONFLICT: ")
	}
}

// assignsUnique reports whether an UPDATE may give a row a key that another one has. A column that the catalog does not
// list is one that every table has, and unique.
func assignsUnique(w *Write, table *Table) bool {
	if w.SetAll || slices.ContainsFunc(w.Set, func(a Assignment) bool { return table.Column(a.Column) == nil }) {
		return true
	}
	return slices.ContainsFunc(table.Unique, func(u UniqueKey) bool {
		return u.Odd || slices.ContainsFunc(u.Columns, func(c string) bool { return assigns(w, table, c) })
	})
}

// collision follows a write to the rows that equal a new row in a unique key.
func (e *effects) collision(s step, table *Table, key *UniqueKey, w Write, via string) {
	if s.write.Columns != nil && slices.Contains(key.Columns, table.Serial) && !slices.Contains(s.write.Columns, table.Serial) &&
		!table.sets(Insert, table.Serial) {
		return // a number that the database makes is new
	}
	if len(s.write.Rows) == 0 || len(s.write.Rows) > maxRows || key.Odd {
		w.Set = e.withoutExcluded(w.Set, table, nil)
		e.follow(step{write: &w, unit: s.unit, rowOf: s.rowOf, via: via, depth: s.depth + 1, replace: s.replace, collides: true})
		return
	}
	for row := range s.write.Rows {
		old, collides := w, true
		for _, column := range key.Columns {
			if v := e.inserted(s, table, column, row); v.Kind == ValueParam || v.Kind == ValueConst {
				if v.Kind == ValueConst && v.Const == nil {
					collides = false // NULL is in nobody's way
				}
				if column == table.Serial {
					v.filled = false // nor is a row that gets a new number
				}
				old.Pins = append(old.Pins, Pin{Column: column, Values: []Value{v}})
			}
		}
		if !collides {
			continue
		}
		old.Set = e.withoutExcluded(w.Set, table, func(column string) Value { return e.inserted(s, table, column, row) })
		e.follow(step{write: &old, unit: s.unit, rowOf: s.rowOf, via: via, depth: s.depth + 1, replace: s.replace, collides: true})
	}
}

// withoutExcluded puts the inserted values in the place of excluded.column.
func (e *effects) withoutExcluded(set []Assignment, table *Table, inserted func(column string) Value) []Assignment {
	set = slices.Clone(set)
	for i := range set {
		if set[i].Value.Kind != ValueExcluded {
			continue
		}
		v := Value{}
		if inserted != nil {
			v = inserted(set[i].Value.Column)
		}
		if v.Kind != ValueParam && v.Kind != ValueConst {
			v = Value{}
		}
		set[i].Value = e.carried(v, ColumnName{table.Name, set[i].Value.Column}, ColumnName{table.Name, set[i].Column})
	}
	return set
}

// carried returns a value of the statement that went through one column on its way to another. The first may have
// converted it; then the second gets another value than the statement's own.
func (e *effects) carried(v Value, through, to ColumnName) Value {
	if v.Kind != ValueParam && v.Kind != ValueElement && v.Const == nil {
		return v // what is read from a row is what the column made of it
	}
	first, second := e.meaning.catalog.column(through), e.meaning.catalog.column(to)
	if first == nil || second == nil || first.Class != second.Class {
		return Value{}
	}
	return v
}

// foreignKeys follows the actions of the foreign keys that point to the rows of a step.
func (e *effects) foreignKeys(s step, table *Table) {
	w := s.write
	for i := range table.Keys {
		key := &table.Keys[i]
		action := key.OnDelete
		if w.Op == Update {
			action = key.OnUpdate
			if !slices.ContainsFunc(key.ParentColumns, func(c string) bool { return assigns(w, table, c) }) {
				continue
			}
		}
		if w.Op == Insert || action == NoAction {
			continue
		}
		child := &Write{Op: Update, Table: key.Child}
		if w.Op == Delete && action == Cascade {
			child.Op = Delete
		}
		for j, column := range key.Columns {
			if j < len(key.ParentColumns) {
				e.carry(s, table, key.ParentColumns[j], child, column)
			}
			if child.Op == Update {
				child.Set = append(child.Set, Assignment{Column: column, Value: e.afterAction(w, key, j, action)})
			}
		}
		via := fmt.Sprintf("by the foreign key from %q: ", key.Child)
		next := step{write: child, rowOf: s.rowOf, via: via, depth: s.depth + 1, replace: s.replace}
		// A read goes along a chain of different tables. Where a table meets itself, the chain has no end, unless its rows
		// stay and nothing refers to what they lose.
		endless := inChain(w, key.Child) && (child.Op == Delete || w.Parent != nil)
		if (s.unit == w || e.isPinned(w)) && !endless {
			child.Parent, child.Key = w, key
			next.unit = child
		}
		e.follow(next)
	}
}

// isPinned reports whether the pins of a write that the statement brings about say which rows it touches: they can be
// read by them, although there is no text of the write. The write must not move its rows away from its own pins, because
// it may be carried out more than once.
func (e *effects) isPinned(w *Write) bool {
	if w.SetAll || w.Source != nil || w.Parent != nil || len(w.Pins) == 0 {
		return false
	}
	for _, p := range w.Pins {
		if !p.holds(w.Table, e.meaning.catalog) || slices.ContainsFunc(w.Set, func(a Assignment) bool { return a.Column == p.Column }) {
			return false
		}
		for _, v := range p.Values {
			if v.Kind != ValueParam && v.Kind != ValueConst || v.filled {
				return false
			}
		}
	}
	return !slices.ContainsFunc(w.Set, func(a Assignment) bool { return a.Value.Kind == ValueOld || a.Value.Kind == ValueNew })
}

func inChain(w *Write, table string) bool {
	for ; w != nil; w = w.Parent {
		if w.Table == table {
			return true
		}
	}
	return false
}

// carry pins a child's column to what its parent's is pinned to.
func (e *effects) carry(s step, table *Table, parentColumn string, child *Write, column string) {
	parent := table.Column(parentColumn)
	own := e.meaning.catalog.column(ColumnName{child.Table, column})
	if parent == nil || own == nil || parent.Class != own.Class {
		return
	}
	for i := range s.write.Pins {
		p := &s.write.Pins[i]
		if p.Column == parentColumn && p.holds(table.Name, e.meaning.catalog) {
			child.Pins = append(child.Pins, Pin{Column: column, Values: p.Values})
		}
	}
}

// afterAction is the value of a child's column after a foreign key action.
func (e *effects) afterAction(w *Write, key *ForeignKey, index int, action Action) Value {
	switch action {
	case SetNull:
		return Value{Kind: ValueConst}
	case Cascade:
		for _, a := range slices.Backward(w.Set) {
			if index < len(key.ParentColumns) && a.Column == key.ParentColumns[index] {
				return e.carried(a.Value, ColumnName{w.Table, a.Column}, ColumnName{key.Child, key.Columns[index]})
			}
		}
	case SetDefault:
		if c := e.meaning.catalog.column(ColumnName{key.Child, key.Columns[index]}); c != nil {
			return c.Default
		}
	}
	return Value{}
}

// triggers follows the triggers that a step fires.
func (e *effects) triggers(s step, table *Table) {
	w := s.write
	for i := range table.Triggers {
		t := &table.Triggers[i]
		if t.Op != AnyOp && t.Op != w.Op {
			continue
		}
		if w.Op == Update && t.Of != nil && !slices.ContainsFunc(t.Of, func(c string) bool { return assigns(w, table, c) }) {
			continue
		}
		if t.Opaque != "" {
			e.unknown(fmt.Sprintf("a trigger of %q: %s", table.Name, t.Opaque))
			continue
		}
		rows := 1
		if len(w.Rows) <= maxRows {
			rows = max(len(w.Rows), 1)
		}
		for row := range rows {
			if len(w.Rows) > maxRows {
				row = len(w.Rows) // no row in particular: its values are read
			}
			for j := range t.Writes {
				e.fire(s, table, t, &t.Writes[j], row)
			}
		}
	}
}

// misses reports whether a trigger may be carried out for rows that the write does not return: those which it goes on to skip itself, or another
// does, and new rows of which one that is there already takes the place.
func (t *Table) misses(w *Write, trigger *Trigger) bool {
	return trigger.Early && (w.Skips || t.Skips && w.Op == Insert || slices.ContainsFunc(t.Triggers, func(other Trigger) bool {
		return other.Skips && (other.Op == w.Op || other.Op == AnyOp)
	}))
}

// reverts reports whether a trigger may give a column back the value that an UPDATE takes from it.
func (t *Table) reverts(w *Write, column string) bool {
	return w.Op == Update && assigns(w, t, column) && slices.ContainsFunc(t.Triggers, func(other Trigger) bool { return other.Reverts })
}

// fire follows one write of a trigger's body.
func (e *effects) fire(s step, table *Table, trigger *Trigger, body *Write, row int) {
	rowOf := s.rowOf
	if s.unit != nil {
		rowOf = s.unit
	}
	// The value of a column in the body's table; NEW and OLD are rows of the table that holds the trigger.
	given := func(v Value, column string) Value {
		switch v.Kind {
		case ValueOld, ValueNew:
			if s.write.Op == Insert && v.Kind == ValueOld || s.write.Op == Delete && v.Kind == ValueNew {
				return Value{Kind: ValueConst} // NULL in such a trigger
			}
			values := e.values(s, table, v.Column, v.Kind == ValueNew, row)
			if values == nil || v.Kind == ValueNew && (table.sets(s.write.Op, v.Column) || table.reverts(s.write, v.Column)) { // before or after this one?
				return Value{}
			}
			found := s.read(v.Column, v.Kind == ValueNew)
			if len(values) == 1 {
				v := e.carried(values[0], ColumnName{table.Name, v.Column}, ColumnName{body.Table, column})
				if known(v) {
					found = v
				}
			}
			if (found.Kind == ValueOld || found.Kind == ValueNew) && table.misses(s.write, trigger) {
				return Value{}
			}
			return found
		case ValueConst:
			return v
		}
		return Value{}
	}
	w := &Write{Op: body.Op, Table: body.Table, SetAll: body.SetAll, Columns: body.Columns, Replace: body.Replace || s.replace}
	for _, p := range body.Pins {
		values := make([]Value, len(p.Values))
		for i, v := range p.Values {
			values[i] = given(v, p.Column)
		}
		if !slices.ContainsFunc(values, func(v Value) bool { return !known(v) }) {
			w.Pins = append(w.Pins, Pin{Column: p.Column, Values: values, Via: p.Via})
		}
	}
	w.Set = givenSet(body.Set, given)
	for _, r := range body.Rows {
		values := make([]Value, len(r))
		for i, v := range r {
			if i < len(body.Columns) {
				values[i] = given(v, body.Columns[i])
			}
		}
		w.Rows = append(w.Rows, values)
	}
	if body.Conflict != nil {
		w.Conflict = &Conflict{Target: body.Conflict.Target, Set: givenSet(body.Conflict.Set, given)}
	}
	next := step{write: w, rowOf: rowOf, via: fmt.Sprintf("by a trigger of %q: ", table.Name), depth: s.depth + 1, replace: s.replace}
	if e.isPinned(w) {
		next.unit = w
	}
	e.follow(next)
}

func givenSet(set []Assignment, given func(v Value, column string) Value) []Assignment {
	set = slices.Clone(set)
	for i := range set {
		if set[i].Value.Kind != ValueExcluded {
			set[i].Value = given(set[i].Value, set[i].Column)
		}
	}
	return set
}
