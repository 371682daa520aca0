package moneyclip

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

// What a column holds in the rows that a step of a write touches: known from the statement, to be read, or neither.

// given returns a value that a step puts into a column, with an eye to NULL: the database may put a value of its own in
// its place.
func (s *step) given(table *Table, column string, v Value) Value {
	c := table.Column(column)
	numbered := column == table.Serial && s.write.Op == Insert
	if !numbered && (c == nil || !c.NotNull) {
		return v
	}
	if !numbered && c.Default.Kind == ValueConst && c.Default.Const == nil {
		return v // there is nothing to put there: the statement fails
	}
	switch {
	case v.Kind == ValueParam, v.Kind == ValueOld, v.Kind == ValueNew:
		v.filled, v.zeroFilled = true, numbered && table.ZeroSerial
	case v.Kind == ValueConst && (v.Const == nil || numbered && table.ZeroSerial && mayBeZero(v.Const)):
		return s.read(column, true)
	}
	return v
}

// mayBeZero reports whether a constant may be 0 for a column that the database numbers then: '0' and 0e0 are, and 0.3 is rounded.
func mayBeZero(constant driver.Value) bool {
	n, ok := constant.(int64)
	return !ok || n == 0
}

// values returns what a column can hold in the rows of a step, when the step comes to them or when it has been there:
// one value, or one of several. Nil: that is not known.
func (e *effects) values(s step, table *Table, column string, isNew bool, row int) []Value {
	w := s.write
	if isNew && table.sets(w.Op, column) {
		if e.isDisturbed(s, table, "") {
			return nil
		}
		return one(s.read(column, true))
	}
	if isNew && w.Op == Insert {
		return one(e.inserted(s, table, column, row))
	}
	if isNew && w.Op == Update {
		for _, a := range slices.Backward(w.Set) { // of two assignments the last counts
			if a.Column != column {
				continue
			}
			if known(a.Value) {
				return one(s.given(table, column, a.Value))
			}
			break
		}
		if assigns(w, table, column) {
			if e.isDisturbed(s, table, "") {
				return nil // computed from a row that is not what was read of it
			}
			return one(s.read(column, true))
		}
	}
	if e.isDisturbed(s, table, column) {
		return nil
	}
	return e.before(s, table, column)
}

// before returns what a column held before the statement, in the rows of a step: a key that was stored then has this
// value, whatever else the statement makes of the row on its way.
func (e *effects) before(s step, table *Table, column string) []Value {
	w := s.write
	for i := range w.Pins {
		p := &w.Pins[i]
		if p.Column == column && !slices.ContainsFunc(p.Values, func(v Value) bool { return !known(v) }) && p.holds(w.Table, e.meaning.catalog) {
			return p.Values
		}
	}
	if s.unit == nil && s.isOwnRow(table) {
		return []Value{{Kind: ValueOld, Column: column}}
	}
	return one(s.read(column, false))
}

// isOwnRow reports whether a step comes back to the row that has fired its trigger, by a unique key, as a trigger does that
// keeps a time of the last change.
func (s *step) isOwnRow(table *Table) bool {
	if s.rowOf == nil || s.rowOf.Table != table.Name || table.Heirs {
		return false
	}
	own := func(column string) bool {
		return slices.ContainsFunc(s.write.Pins, func(p Pin) bool {
			return p.Column == column && len(p.Values) == 1 && p.Values[0].Kind == ValueOld && p.Values[0].Column == column
		})
	}
	return slices.ContainsFunc(table.Unique, func(u UniqueKey) bool {
		return !u.Odd && len(u.Columns) > 0 && !slices.ContainsFunc(u.Columns, func(c string) bool { return !own(c) })
	})
}

// isDisturbed reports whether a consequence of the statement, other than the step itself, assigns the column in the
// step's table; for "", any column.
func (e *effects) isDisturbed(s step, table *Table, column string) bool {
	if s.write.Op == Insert {
		return false // a row is what was inserted when its triggers fire
	}
	var own *Write
	if s.depth > 0 {
		own = s.write
	}
	if c := table.Column(column); c != nil && c.Generated {
		column = ""
	}
	return assignedBy(e.disturbed.assigned, table.Name, column, own)
}

// inserted returns the value of a column in an inserted row.
func (e *effects) inserted(s step, table *Table, column string, row int) Value {
	w := s.write
	if table.sets(Insert, column) {
		return s.read(column, true)
	}
	i := slices.Index(w.Columns, column)
	if i >= 0 && slices.Contains(w.Columns[i+1:], column) {
		return Value{} // given twice: which of them counts is the database's affair
	}
	if i >= 0 && row < len(w.Rows) && i < len(w.Rows[row]) && known(w.Rows[row][i]) {
		return s.given(table, column, w.Rows[row][i])
	}
	// A table that shares its rows may have another default. That of the one which is written counts.
	c := cmp.Or(s.ofKin, table).Column(column)
	if i < 0 && w.Columns != nil && c != nil && column != table.Serial && !c.Generated && known(c.Default) {
		return c.Default
	}
	return s.read(column, true)
}

// read returns a value that is read from the rows of the step; ValueComputed: they cannot be read.
func (s *step) read(column string, isNew bool) Value {
	switch {
	case s.unit == nil:
		return Value{}
	case isNew:
		return Value{Kind: ValueNew, Column: column}
	default:
		return Value{Kind: ValueOld, Column: column}
	}
}

func known(v Value) bool { return v.Kind != ValueComputed && v.Kind != ValueExcluded }

func one(v Value) []Value {
	if !known(v) {
		return nil
	}
	return []Value{v}
}

// assigns reports whether an UPDATE gives a column a value, by its own words or because the column is computed from
// others.
func assigns(w *Write, table *Table, column string) bool {
	if w.SetAll || slices.ContainsFunc(w.Set, func(a Assignment) bool { return a.Column == column }) {
		return true
	}
	c := table.Column(column)
	return c != nil && c.Generated || table.sets(Update, column)
}

// sets reports whether a trigger of the table may give a column of the new row a value of its own.
func (t *Table) sets(op Op, column string) bool {
	return slices.ContainsFunc(t.Triggers, func(trigger Trigger) bool {
		return (trigger.Op == op || trigger.Op == AnyOp) && (trigger.SetsAll || slices.Contains(trigger.Sets, column))
	})
}

func assignsWatched(w *Write, table *Table, on *watch) bool {
	if on.all {
		return true
	}
	return slices.ContainsFunc(on.set, func(c string) bool { return assigns(w, table, c) }) ||
		slices.ContainsFunc(on.columns, func(c string) bool { return assigns(w, table, c) })
}
