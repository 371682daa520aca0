package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

var background = context.Background()

// A run carries out a script.
type run struct {
	dir    string
	store  *recorder
	counts *counts
	trace  []string

	caches        [2]*moneyclip.Cache
	handles       []*sql.DB // through a cache: two of the first cache's, one of the second's
	plain         *sql.DB   // the same file without a cache
	mirror        *sql.DB   // another file, to which the same is done without a cache
	sessions      []*session
	probes        []*watched
	overlap       bool // a session did something beside another one's transaction
	apart         bool // the mirror can not be compared with any longer
	schemaChanged bool // by a session, which the others learn of by and by
}

// A session is one caller: a connection to the database and its like to the mirror.
type session struct {
	cache  int
	real   handle
	mirror handle
	conn   *sql.Conn // nil: a pool, without transactions
	twin   *sql.Conn
	tx     *sql.Tx
	twinTx *sql.Tx
	text   bool // BEGIN was sent as text

	open     *sql.Rows // not read to their end
	openTwin *sql.Rows
	age      int // steps since open was opened

	stmt, twinStmt *sql.Stmt // prepared last; they belong to the connection
	last           step
}

func (s *session) busy() bool { return s.tx != nil || s.text || s.open != nil }

// handle is what a pool, a connection and a transaction can do alike.
type handle interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// watched is a probe with what the database answered last.
type watched struct {
	probe
	cache  int
	answer string
	key    string // in the store; empty: the last answer was not stored
	stmts  map[*sql.DB]*sql.Stmt
}

func newRun(dir string, store *recorder) *run {
	return &run{dir: dir, store: store, counts: newCounts()}
}

func (r *run) script(sc script) error {
	defer r.close()
	if err := r.open(sc); err != nil {
		return err
	}
	for _, st := range sc.steps {
		if err := r.step(st); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) note(format string, args ...any) {
	r.trace = append(r.trace, fmt.Sprintf(format, args...))
}

func (r *run) open(sc script) error {
	dsn := func(name string) string {
		recursive := 0
		if sc.schema.recursive {
			recursive = 1
		}
		return fmt.Sprintf("file:%s?_journal_mode=WAL&_foreign_keys=on&_busy_timeout=5&_synchronous=OFF&_recursive_triggers=%d",
			filepath.Join(r.dir, name), recursive)
	}
	var err error
	if r.plain, err = sql.Open(shallow, dsn("main.db")); err != nil {
		return err
	}
	if r.mirror, err = sql.Open(shallow, dsn("mirror.db")); err != nil {
		return err
	}
	for _, text := range sc.schema.ddl {
		_, err := r.plain.Exec(text)
		_, mirrorErr := r.mirror.Exec(text)
		if err != nil {
			r.note("-- refused: %s: %v", text, err)
		} else {
			r.note("%s;", text)
		}
		if show(err) != show(mirrorErr) {
			return fmt.Errorf("the mirror differs at once: %v, %v", err, mirrorErr)
		}
	}
	if sc.schema.recursive {
		r.note("PRAGMA recursive_triggers = 1;")
	}
	logger := slog.New(slog.DiscardHandler)
	for i, c := range sc.caching {
		var rules []moneyclip.Rule
		for _, rule := range c.rules {
			if _, err := moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: []moneyclip.Rule{rule},
				Logger: logger}); err != nil {
				r.note("-- refused: rule %s: %v", rule.Key, err)
				continue
			}
			rules = append(rules, rule)
			r.note("-- cache %d: rule %s: Query %q Table %q By %q Args %v On %v NotFound %v Refresh %v",
				i, rule.Key, rule.Query, rule.Table, rule.By, rule.Args, rule.On, rule.NotFound, rule.Refresh)
		}
		if r.caches[i], err = moneyclip.New(sqlite.Dialect, moneyclip.Config{Rules: rules, Store: r.store,
			Logger: logger, MaxKeys: c.maxKeys}); err != nil {
			return err
		}
		for _, p := range c.probes {
			r.probes = append(r.probes, &watched{probe: p, cache: i, stmts: map[*sql.DB]*sql.Stmt{}})
		}
	}
	for _, c := range []*moneyclip.Cache{r.caches[0], r.caches[0], r.caches[1]} {
		wrapped, ok := c.Driver(shallowDriver).(driver.DriverContext)
		if !ok {
			return errors.New("the driver makes no connectors")
		}
		connector, err := wrapped.OpenConnector(dsn("main.db"))
		if err != nil {
			return err
		}
		r.handles = append(r.handles, sql.OpenDB(connector))
	}
	r.sessions = append(r.sessions, &session{real: r.handles[0], mirror: r.mirror})
	for i, db := range []*sql.DB{r.handles[0], r.handles[0], r.handles[1], r.handles[2]} {
		s := &session{}
		if i == 3 {
			s.cache = 1
		}
		if s.conn, err = db.Conn(background); err != nil {
			return err
		}
		if s.twin, err = r.mirror.Conn(background); err != nil {
			return err
		}
		s.real, s.mirror = s.conn, s.twin
		r.sessions = append(r.sessions, s)
	}
	return r.look(nil, nil)
}

func (r *run) close() {
	for _, s := range r.sessions {
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
		if s.conn != nil {
			s.conn.Close()
			s.twin.Close()
		}
	}
	for _, w := range r.probes {
		for _, stmt := range w.stmts {
			stmt.Close()
		}
	}
	for _, db := range append(r.handles, r.plain, r.mirror) {
		if db != nil {
			db.Close()
		}
	}
	for _, c := range r.caches {
		if c != nil {
			c.Close()
		}
	}
}

// step takes one step on the database and on the mirror, and compares.
func (r *run) step(st step) error {
	s := r.sessions[st.session]
	for i, other := range r.sessions {
		switch {
		case other == s || !other.busy():
		case st.force:
			r.overlap = true
		default:
			s, st.session = other, i // the others would have to wait for it
		}
	}
	if s.open != nil {
		// SQLite lets a transaction begin and end around a statement that is not through.
		if st.kind != statement {
			r.apart = true // whether the write belongs to the transaction depends on when it was over
		}
		if s.age++; s.age > 2 || st.kind != statement && st.kind != beginText && st.kind != savepoint || st.form == "DDL" || st.form == "script" {
			r.note("[%d] close", st.session)
			if got, want := s.closeOpen(); !reflect.DeepEqual(got, want) && !r.apart {
				return fmt.Errorf("the driver differs: closing rows\n got %v\nwant %v", got, want)
			}
			if err := r.look(nil, nil); err != nil {
				return fmt.Errorf("%w\nafter closing rows", err)
			}
		}
	}
	if st.kind == again {
		if s.stmt == nil || s.tx != nil {
			return nil
		}
		st = s.last
		st.way = byKept
	}
	if st.kind != statement && !s.can(&st) || st.form == "TEMP" && s.conn == nil {
		return nil
	}
	r.counts.steps++
	r.store.take()
	if st.form == "SELECT" && st.force && len(r.probes) > 0 {
		w := r.probes[r.counts.steps%len(r.probes)]
		st.query, st.args = w.query, w.args
	}
	form := st.form
	var explanation moneyclip.Explanation
	var got, want outcome
	if st.kind == statement {
		var err error
		if explanation, err = r.caches[s.cache].Explain(st.query, st.args...); err != nil {
			explanation = moneyclip.Explanation{}
		}
		got, want = s.perform(st)
		switch {
		case form == "DDL" || form == "TEMP" || form == "script":
			r.schemaChanged = true
			got.affected, want.affected = 0, 0 // SQLite leaves what the statement before has left
		case strings.Contains(st.query, " RETURNING ") && (st.way == byExec || want.err == "" && st.way != byQuery && st.way != byPreparedQuery):
			// Of rows that are not read to their end the driver does not hear whether they were written.
			want = got
		case got.err != "" && strings.Contains(want.err, "FOREIGN KEY"):
			want = got // OR FAIL: both the statement and its COMMIT have failed
		}
	} else {
		form = st.kind.String()
		got, want = s.control(st)
	}
	r.note("%v -- %v", st, got)
	if got.err != "" {
		r.counts.failing++
	}
	switch {
	case reflect.DeepEqual(got, want), r.apart:
	case r.overlap && strings.Contains(got.err+want.err, "database is locked"):
		// A statement that fails is committed all the same when it was read for, which ends the snapshot of others; one
		// that returns rows is over before they are read.
		r.apart = true
	case r.schemaChanged && want.err != "", got.err != "" && strings.Contains(want.err, "triggers nested too deep"):
		// A connection of the plain driver finds out about a schema that another one has changed when it next reads, and
		// may fail over the old one. One of ours may have read already.
		r.apart = r.apart || got.err == ""
	default:
		return fmt.Errorf("the driver differs: %v\n got %v\nwant %v", st, got, want)
	}
	f := r.counts.form(form)
	f.statements++
	for _, e := range explanation.Effects {
		f.guarantees[e.Guarantee]++
	}
	r.lookAside(s)
	if (s.tx != nil || s.text) && !r.apart && !isAutocommit(s.twin) {
		if err := r.lookInside(s); err != nil {
			return fmt.Errorf("%w\nafter %v -- %v", err, st, got)
		}
	}
	if st.kind == statement && s.busy() {
		f = nil
	}
	if err := r.look(f, &explanation); err != nil {
		return fmt.Errorf("%w\nafter %v -- %v", err, st, got)
	}
	return r.compareTables()
}

// can makes the kind of a step one that the session's state allows.
func (s *session) can(st *step) bool {
	if s.conn == nil {
		return false
	}
	switch st.kind {
	case begin, beginText:
		return s.tx == nil && !s.text
	case savepoint:
		if s.tx == nil {
			s.text = true
		}
		return true
	default:
		return s.tx != nil || s.text
	}
}

// control begins, ends or divides a transaction.
func (s *session) control(st step) (got, want outcome) {
	texts := map[stepKind]string{beginText: "BEGIN", savepoint: "SAVEPOINT a", rollbackTo: "ROLLBACK TO a",
		release: "RELEASE a",
		commit:  "COMMIT", rollback: "ROLLBACK"}
	var err, mirrorErr error
	switch {
	case st.kind == begin:
		s.tx, err = s.conn.BeginTx(background, nil)
		s.twinTx, mirrorErr = s.twin.BeginTx(background, nil)
		if err != nil || mirrorErr != nil {
			if err == nil {
				s.tx.Rollback()
			}
			if mirrorErr == nil {
				s.twinTx.Rollback()
			}
			s.tx, s.twinTx = nil, nil
			return failure(err), failure(mirrorErr)
		}
		s.real, s.mirror = s.tx, s.twinTx
		return failure(err), failure(mirrorErr)
	case s.tx != nil && (st.kind == commit || st.kind == rollback):
		if st.kind == commit {
			err, mirrorErr = s.tx.Commit(), s.twinTx.Commit()
		} else {
			err, mirrorErr = s.tx.Rollback(), s.twinTx.Rollback()
		}
		s.tx, s.twinTx = nil, nil
		s.real, s.mirror = s.conn, s.twin
		return failure(err), failure(mirrorErr)
	}
	st.query = texts[st.kind]
	got, want = perform(s.real, st), perform(s.mirror, st)
	got.affected, want.affected, got.last, want.last = 0, 0, 0, 0
	if s.tx == nil {
		s.text = !isAutocommit(s.twin)
	}
	return got, want
}

// isAutocommit asks SQLite whether a transaction is open.
func isAutocommit(conn *sql.Conn) bool {
	is := false
	conn.Raw(func(c any) error {
		is = c.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	return is
}

// perform runs a statement, and its twin.
func (s *session) perform(st step) (got, want outcome) {
	switch st.way {
	case byKept:
		return result(s.stmt.ExecContext(background, st.args...)), result(s.twinStmt.ExecContext(background,
			st.args...))
	case byQueryOpen:
	case byPrepared:
		if s.conn != nil && s.tx == nil && st.form != "DDL" && st.form != "script" {
			s.keep(st)
		}
		fallthrough
	default:
		return perform(s.real, st), perform(s.mirror, st)
	}
	if s.open != nil || s.conn == nil {
		st.way = byQuery
		return perform(s.real, st), perform(s.mirror, st)
	}
	s.age = 0
	s.open, got = openRows(s.real, st)
	s.openTwin, want = openRows(s.mirror, st)
	if s.open == nil && s.openTwin != nil {
		s.openTwin.Close()
		s.openTwin = nil
	}
	return got, want
}

// keep prepares a statement for later.
func (s *session) keep(st step) {
	stmt, err := s.conn.PrepareContext(background, st.query)
	twin, twinErr := s.twin.PrepareContext(background, st.query)
	if err != nil || twinErr != nil {
		return // perform will compare the errors
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

// openRows reads one row and leaves the others for later. The rows are nil if there is none.
func openRows(h handle, st step) (*sql.Rows, outcome) {
	ctx := background
	if st.form == "SELECT" {
		ctx = moneyclip.Bypass(ctx)
	}
	rows, err := h.QueryContext(ctx, st.query, st.args...)
	if err != nil {
		return nil, failure(err)
	}
	if !rows.Next() {
		return nil, readRows(rows, nil, 0)
	}
	return rows, outcome{}
}

func (s *session) closeOpen() (got, want outcome) {
	got = readRows(s.open, nil, -1)
	if s.openTwin != nil {
		want = readRows(s.openTwin, nil, -1)
	}
	s.open, s.openTwin = nil, nil
	return got, want
}

// outcome is all that a caller hears of a statement.
type outcome struct {
	err      string
	affected int64
	last     int64
	columns  []string
	rows     [][]any
}

func (o outcome) String() string {
	if o.err != "" {
		return "error: " + o.err
	}
	if o.columns != nil {
		return fmt.Sprintf("%d rows", len(o.rows))
	}
	return fmt.Sprintf("%d affected", o.affected)
}

func show(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%T: %[1]v", err)
}

func failure(err error) outcome { return outcome{err: show(err)} }

// perform runs a statement in its way.
func perform(h handle, st step) outcome {
	var stmt *sql.Stmt
	if st.way >= byPrepared {
		var err error
		if stmt, err = h.PrepareContext(background, st.query); err != nil {
			return failure(err)
		}
		defer stmt.Close()
	}
	switch st.way {
	case byQuery, byQueryOneRow, byQueryClosed, byPreparedQuery:
		var rows *sql.Rows
		var err error
		if stmt != nil {
			rows, err = stmt.QueryContext(background, st.args...)
		} else {
			rows, err = h.QueryContext(background, st.query, st.args...)
		}
		limit := -1
		switch st.way {
		case byQueryOneRow:
			limit = 1
		case byQueryClosed:
			limit = 0
		}
		return readRows(rows, err, limit)
	}
	if stmt == nil {
		return result(h.ExecContext(background, st.query, st.args...))
	}
	o := result(stmt.ExecContext(background, st.args...))
	if st.way == byPreparedTwice {
		o = result(stmt.ExecContext(background, st.args...))
	}
	return o
}

func result(res sql.Result, err error) outcome {
	if err != nil {
		return failure(err)
	}
	var o outcome
	o.affected, _ = res.RowsAffected()
	o.last, _ = res.LastInsertId()
	return o
}

// readRows reads rows to their end, or not as far as that.
func readRows(rows *sql.Rows, err error, limit int) outcome {
	if err != nil {
		return failure(err)
	}
	var o outcome
	o.columns, _ = rows.Columns()
	for limit != 0 && rows.Next() {
		values := make([]any, len(o.columns))
		dest := make([]any, len(values))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			rows.Close()
			return failure(err)
		}
		o.rows = append(o.rows, values)
		limit--
	}
	err = rows.Close()
	if rows.Err() != nil {
		err = rows.Err()
	}
	if err != nil {
		return failure(err) // from the query or from its rows
	}
	return o
}

// ask runs a probe and shows the answer, with its types.
func (w *watched) ask(db *sql.DB) string {
	var rows *sql.Rows
	var err error
	if w.prepared {
		stmt := w.stmts[db]
		if stmt == nil {
			if stmt, err = db.PrepareContext(background, w.query); err != nil {
				return show(err)
			}
			w.stmts[db] = stmt
		}
		rows, err = stmt.QueryContext(background, w.args...)
	} else {
		rows, err = db.QueryContext(background, w.query, w.args...)
	}
	return answer(rows, err)
}

func answer(rows *sql.Rows, err error) string {
	types := ""
	if err == nil {
		columnTypes, err := rows.ColumnTypes()
		types = show(err)
		for _, c := range columnTypes {
			types += c.DatabaseTypeName() + " "
		}
	}
	o := readRows(rows, err, -1)
	return fmt.Sprintf("%#v %q %s%s", o.rows, o.columns, types, o.err)
}

// look compares the answers of the caches with that of the database, and counts what was dropped against what changed.
func (r *run) look(f *formCounts, x *moneyclip.Explanation) error {
	dropped := r.store.take()
	needed := map[string]bool{}
	effects := map[string]moneyclip.Effect{}
	if x != nil {
		for _, e := range x.Effects {
			effects[e.Rule] = e
		}
	}
	for _, w := range r.probes {
		want := w.ask(r.plain)
		if w.key != "" && want != w.answer {
			needed[w.key] = true
		}
		w.answer = want
		for i, db := range r.handles {
			if i/2 != w.cache {
				continue
			}
			for range 2 - i%2 {
				r.store.forgetLast()
				before := r.caches[w.cache].Stats()
				got := w.ask(db)
				after := r.caches[w.cache].Stats()
				r.counts.compared++
				if after.Hits+after.Misses+after.Bypasses > before.Hits+before.Misses+before.Bypasses {
					r.counts.reads++
				}
				r.counts.hits += int(after.Hits - before.Hits)
				if got != want {
					how := "wrong"
					if after.Hits > before.Hits {
						how = "stale"
					}
					return fmt.Errorf("%s: %v\n got %s\nwant %s", how, w.probe, got, want)
				}
			}
		}
		w.key = ""
		if key := r.store.last(); key != "" {
			r.store.mu.Lock()
			if _, ok := r.store.filled[key]; ok {
				w.key = key
			}
			r.store.mu.Unlock()
		}
	}
	if f == nil {
		return nil
	}
	for key := range needed {
		if !dropped[key] {
			return fmt.Errorf("kept: the key %s was not dropped, although its answer has changed", key)
		}
	}
	f.dropped += len(dropped)
	f.needed += len(needed)
	return nil
}

// lookAside reads on the session's own connection, which may see less than others do while it has rows open. What it
// reads is compared later, by those who are answered from what it has stored.
func (r *run) lookAside(s *session) {
	contexts := []context.Context{background, moneyclip.Refresh(background), moneyclip.Bypass(background)}
	for i, w := range r.probes {
		if n := r.counts.steps + i; n%4 == 0 && w.cache == s.cache && s.tx == nil && !s.text {
			answer(s.real.QueryContext(contexts[n/4%3], w.query, w.args...))
		}
	}
}

// lookInside compares what a transaction sees with what its twin sees.
func (r *run) lookInside(s *session) error {
	for i, w := range r.probes {
		if (r.counts.steps+i)%3 != 0 {
			continue
		}
		got := answer(s.real.QueryContext(background, w.query, w.args...))
		want := answer(s.mirror.QueryContext(background, w.query, w.args...))
		if got != want && !r.apart {
			return fmt.Errorf("in a transaction: %v\n got %s\nwant %s", w.probe, got, want)
		}
	}
	return nil
}

// compareTables compares the committed rows of the database and of its mirror.
func (r *run) compareTables() error {
	if r.counts.steps%4 != 0 || r.apart || slices.ContainsFunc(r.sessions,
		func(s *session) bool { return s.openTwin != nil }) {
		return nil // a write whose rows are open may be committed before they are closed, or then
	}
	got, err := tables(r.plain)
	want, mirrorErr := tables(r.mirror)
	if err != nil || mirrorErr != nil {
		return errors.Join(err, mirrorErr)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the database differs from its mirror:\n got %v\nwant %v", got, want)
	}
	return nil
}

func tables(db *sql.DB) ([]string, error) {
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name")
	names := readRows(rows, err, -1)
	if names.err != "" {
		return nil, errors.New(names.err)
	}
	var all []string
	for _, row := range names.rows {
		rows, err := db.Query(fmt.Sprintf("SELECT * FROM %s", row[0]))
		for _, row := range readRows(rows, err, -1).rows {
			all = append(all, fmt.Sprintf("%s %#v", names.rows[0], row))
		}
	}
	return all, nil
}
