package propertytest

import (
	"context"
	"database/sql"
)

var background = context.Background()

// A session is one caller: a connection to the database and its like to the mirror.
type session struct {
	performer
	cache  int
	real   Handle
	mirror Handle
	conn   *sql.Conn // nil: a pool, without transactions
	twin   *sql.Conn
	tx     *sql.Tx
	twinTx *sql.Tx
	text   bool // BEGIN was sent as text
	waits  bool // for locks

	savepoint bool // there is one
	aborted   bool // the transaction can only be rolled back

	open     *sql.Rows // not read to their end
	openTwin *sql.Rows
	age      int // steps since open was opened

	stmt, twinStmt *sql.Stmt // prepared last; they belong to the connection
	last           Step
}

func (s *session) busy() bool { return s.inside() || s.open != nil }

// inside reports whether the session has a transaction open.
func (s *session) inside() bool { return s.tx != nil || s.text }

// can reports whether the session's state allows for a step that is no statement.
func (s *session) can(st *Step) bool {
	if s.conn == nil {
		return false
	}
	traits := s.db.Traits()
	switch st.Kind {
	case Begin, BeginText:
		return !s.inside()
	case Savepoint:
		if !s.inside() {
			s.text = traits.Savepoints
		}
		return s.inside()
	case RollbackTo, Release:
		return s.inside() && (s.savepoint || !traits.Aborts)
	default:
		return s.inside()
	}
}

// amend makes of a step that an aborted transaction would only refuse one that gets the session out of it.
func (s *session) amend(st *Step, number int) {
	if !s.aborted || st.Kind == Commit || st.Kind == Rollback || st.Kind == RollbackTo && s.savepoint || number%8 == 0 {
		return
	}
	*st = Step{Session: st.Session, Kind: Rollback}
	switch {
	case s.savepoint:
		st.Kind = RollbackTo
	case number%3 == 0:
		st.Kind = Commit
	}
}

var texts = map[Kind]string{BeginText: "BEGIN", Savepoint: "SAVEPOINT a", RollbackTo: "ROLLBACK TO a", Release: "RELEASE SAVEPOINT a",
	Commit: "COMMIT", Rollback: "ROLLBACK"}

// control begins, ends or divides a transaction.
func (s *session) control(st Step) (got, want Outcome) {
	switch st.Kind {
	case Savepoint:
		s.savepoint = true
	case Release, Commit, Rollback:
		s.savepoint = false
	}
	s.aborted = false
	var err, mirrorErr error
	switch {
	case st.Kind == Begin:
		options := &sql.TxOptions{Isolation: st.Level}
		s.tx, err = s.conn.BeginTx(background, options)
		s.twinTx, mirrorErr = s.twin.BeginTx(background, options)
		if err != nil || mirrorErr != nil {
			if err == nil {
				s.tx.Rollback()
			}
			if mirrorErr == nil {
				s.twinTx.Rollback()
			}
			s.tx, s.twinTx = nil, nil
			return s.failure(err), s.failure(mirrorErr)
		}
		s.real, s.mirror = s.tx, s.twinTx
		return Outcome{}, Outcome{}
	case s.tx != nil && (st.Kind == Commit || st.Kind == Rollback):
		if st.Kind == Commit {
			err, mirrorErr = s.tx.Commit(), s.twinTx.Commit()
		} else {
			err, mirrorErr = s.tx.Rollback(), s.twinTx.Rollback()
		}
		s.tx, s.twinTx = nil, nil
		s.real, s.mirror = s.conn, s.twin
		return s.failure(err), s.failure(mirrorErr)
	}
	st.Query = texts[st.Kind]
	got, want = s.perform(s.real, st), s.perform(s.mirror, st)
	got.Affected, want.Affected, got.Last, want.Last = 0, 0, 0, 0
	if s.tx == nil {
		thought := s.text
		switch st.Kind {
		case BeginText:
			thought = want.Err == ""
		case Commit, Rollback:
			thought = false
		}
		s.text = s.db.InTransaction(s.twin, thought)
	}
	return got, want
}

// run runs a statement, and its twin.
func (s *session) run(st Step) (got, want Outcome) {
	switch st.Way {
	case ByKept:
		return s.result(s.stmt.ExecContext(background, st.Args...)), s.result(s.twinStmt.ExecContext(background, st.Args...))
	case ByQueryOpen:
		if s.open != nil || s.conn == nil {
			st.Way = ByQuery
			break
		}
		s.age = 0
		s.open, got = s.performer.open(s.real, st)
		s.openTwin, want = s.performer.open(s.mirror, st)
		if s.open == nil && s.openTwin != nil {
			s.openTwin.Close()
			s.openTwin = nil
		}
		return got, want
	case ByPrepared:
		if s.conn != nil && s.tx == nil && !st.Unkept && !st.Schema {
			s.keep(st)
		}
	case ByCopy:
		if s.tx == nil {
			return Outcome{}, Outcome{} // it is for transactions
		}
	}
	return s.perform(s.real, st), s.perform(s.mirror, st)
}

// keep prepares a statement for later.
func (s *session) keep(st Step) {
	stmt, err := s.conn.PrepareContext(background, st.Query)
	twin, twinErr := s.twin.PrepareContext(background, st.Query)
	if err != nil || twinErr != nil {
		return // run will compare the errors
	}
	s.forget()
	s.stmt, s.twinStmt, s.last = stmt, twin, st
}

func (s *session) forget() {
	if s.stmt != nil {
		s.stmt.Close()
		s.twinStmt.Close()
	}
}

func (s *session) closeOpen() (got, want Outcome) {
	got = s.readRows(s.open, nil, -1)
	if s.openTwin != nil {
		want = s.readRows(s.openTwin, nil, -1)
	}
	s.open, s.openTwin = nil, nil
	return got, want
}

// close ends whatever the session has open.
func (s *session) close() {
	s.forget()
	if s.open != nil {
		s.open.Close()
	}
	if s.openTwin != nil {
		s.openTwin.Close()
	}
	if s.tx != nil {
		s.tx.Rollback()
		s.twinTx.Rollback()
	}
	if s.conn == nil {
		return
	}
	if s.text {
		s.conn.ExecContext(background, "ROLLBACK")
		s.twin.ExecContext(background, "ROLLBACK")
	}
	s.conn.Close()
	s.twin.Close()
}
