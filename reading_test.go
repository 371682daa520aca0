package moneyclip_test

import (
	cmpor "cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moneyclip/moneyclip"
	"github.com/moneyclip/moneyclip/sqlite"
)

// A told is SQLite with statements that it does not know, and with a way of reading rows that a test tells.
type told struct {
	moneyclip.Dialect
	words  map[string]moneyclip.Statement
	read   map[string]moneyclip.Reading // :: written table → how its rows are read; none: they cannot be
	begin  []string                     // nil: SQLite's
	lock   string                       // the table that wants one
	aborts bool
}

// What a told dialect says of errors.
var (
	errPlain  = errors.New("plain") // nothing
	errEnds   = errors.New("ends")
	errAdded  = errors.New("added")
	errWaited = errors.New("waited")
	errOpen   = errors.New("open") // ends a transaction, and its own outcome is not known
)

func (d told) Analyze(query string, c *moneyclip.Catalog) moneyclip.Statement {
	if s, ok := d.words[query]; ok {
		return s
	}
	return d.Dialect.Analyze(query, c)
}

func (d told) Reading(w *moneyclip.Write, _ *moneyclip.Catalog, _, _ []string) (moneyclip.Reading, bool) {
	r, ok := d.read[w.Table]
	return r, ok
}

func (d told) Begin() []string {
	if d.begin != nil {
		return d.begin
	}
	return d.Dialect.Begin()
}

func (d told) Lock(table string) string {
	if table != d.lock {
		return ""
	}
	return "LOCK " + table
}

func (d told) Aborts() bool          { return d.aborts }
func (d told) Holds() bool           { return true }
func (d told) Ends(err error) bool   { return errors.Is(err, errEnds) || errors.Is(err, errOpen) }
func (d told) Added(err error) bool  { return errors.Is(err, errAdded) }
func (d told) Waited(err error) bool { return errors.Is(err, errWaited) }
func (d told) Settled(err error) bool {
	return !errors.Is(err, errOpen) && !errors.Is(err, context.Canceled)
}

// A reply is what a scriptedConn says to a text.
type reply struct {
	rows     [][]driver.Value // of a query
	columns  int              // of a query without rows; 0: one
	affected int64            // by anything else
	err      error
	rowsErr  error  // after the rows
	closeErr error  // of their Close
	do       func() // is called before it answers
}

// A scripted is a connection to a database that says what a test tells it to say, and notes what it was asked.
type scripted struct {
	*fakeState
	replies map[string]reply // :: text → what it says; none: it is done, and has touched no row
	open    atomic.Int32     // rows that were not closed
	dials   atomic.Int32
}

type scriptedConnector struct{ script *scripted }

func (c scriptedConnector) Connect(context.Context) (driver.Conn, error) {
	c.script.dials.Add(1)
	return scriptedConn(c), nil
}

func (c scriptedConnector) Driver() driver.Driver { return nil }

type scriptedConn struct{ script *scripted }

func (c scriptedConn) Close() error              { return nil }
func (c scriptedConn) Begin() (driver.Tx, error) { return nil, errors.New("it wants a context") }

func (c scriptedConn) Prepare(query string) (driver.Stmt, error) {
	return &scriptedStmt{conn: c, query: query}, nil
}

func (c scriptedConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	_, err := c.say(ctx, "begin", nil)
	return scriptedTx(c), err
}

// odd is an argument that only the driver understands.
type odd struct{}

func (c scriptedConn) CheckNamedValue(arg *driver.NamedValue) error {
	if _, ok := arg.Value.(odd); ok {
		return nil
	}
	return driver.ErrSkip
}

// ours is what is random in the names that the cache makes.
var ours = regexp.MustCompile("moneyclip_[0-9a-f]+")

func (c scriptedConn) say(ctx context.Context, text string, args []driver.NamedValue) (reply, error) {
	text = ours.ReplaceAllString(text, "ours")
	r := c.script.replies[text]
	note := text
	for _, arg := range args {
		note += fmt.Sprintf(" %v", arg.Value)
	}
	if err := ctx.Err(); err != nil {
		return r, err
	}
	if text != catalogQuery {
		c.script.note(note)
	}
	if r.do != nil {
		r.do()
	}
	return r, r.err
}

func (c scriptedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	r, err := c.say(ctx, query, args)
	if err != nil {
		return nil, err
	}
	switch {
	case query == catalogQuery:
		return catalogRows(), nil
	case query == selectUser:
		r.rows = [][]driver.Value{{args[0].Value, "user"}}
	case query == selectFollowers:
		r.rows = column(int64(5))
	}
	columns := max(1, r.columns)
	if len(r.rows) > 0 {
		columns = len(r.rows[0])
	}
	c.script.open.Add(1)
	return &scriptedRows{fakeRows{make([]string, columns), slices.Clone(r.rows)}, r, c.script}, nil
}

func (c scriptedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	r, err := c.say(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(r.affected), nil
}

type scriptedTx struct{ script *scripted }

func (t scriptedTx) Commit() error {
	_, err := scriptedConn(t).say(context.Background(), "commit", nil)
	return err
}

func (t scriptedTx) Rollback() error {
	_, err := scriptedConn(t).say(context.Background(), "rollback", nil)
	return err
}

type scriptedStmt struct {
	conn   scriptedConn
	query  string
	closed bool
}

func (s *scriptedStmt) Close() error {
	s.closed = true
	return nil
}

func (s *scriptedStmt) NumInput() int                              { return -1 }
func (s *scriptedStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (s *scriptedStmt) Query([]driver.Value) (driver.Rows, error)  { return nil, driver.ErrSkip }

func (s *scriptedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if s.closed {
		return nil, errors.New("the statement is closed")
	}
	r, err := s.conn.say(ctx, "run "+s.query, args)
	return driver.RowsAffected(r.affected), err
}

type scriptedRows struct {
	fakeRows
	reply  reply
	script *scripted
}

func (r *scriptedRows) Next(dest []driver.Value) error {
	err := r.fakeRows.Next(dest)
	if err == io.EOF && r.reply.rowsErr != nil { //nolint:errorlint // as database/sql compares it
		return r.reply.rowsErr
	}
	return err
}

func (r *scriptedRows) Close() error {
	r.script.open.Add(-1)
	return r.reply.closeErr
}

// told statements.
const (
	changeUsers = "CHANGE USERS ?" // its rows are read, for the keys that they had
	moveUsers   = "MOVE USERS ?"   // and for those that they get
	changeBoth  = "CHANGE BOTH ?"  // users and followers
	getUsers    = "GET USERS ?"    // as changeUsers, and it returns rows
)

func toldWords() map[string]moneyclip.Statement {
	name := []moneyclip.Assignment{{Column: "name"}}
	users := moneyclip.Write{Op: moneyclip.Update, Table: "users", Set: name, Source: "users"}
	moved := moneyclip.Write{Op: moneyclip.Update, Table: "users", Set: []moneyclip.Assignment{{Column: "id"}}, Source: "users"}
	followers := moneyclip.Write{Op: moneyclip.Delete, Table: "followers", Source: "followers"}
	write := func(returns bool, writes ...moneyclip.Write) moneyclip.Statement {
		return moneyclip.Statement{Kind: moneyclip.KindWrite, Params: []string{""}, Returns: returns, Writes: writes}
	}
	return map[string]moneyclip.Statement{
		changeUsers: write(false, users), moveUsers: write(false, moved), changeBoth: write(false, users, followers), getUsers: write(true, users),
	}
}

func column(values ...driver.Value) [][]driver.Value {
	var rows [][]driver.Value
	for _, v := range values {
		rows = append(rows, []driver.Value{v})
	}
	return rows
}

// Steps of readings. All take the statement's argument.
func step(text string) moneyclip.Query { return moneyclip.Query{Text: text, Params: []int{1}} }

// again asks for rows by what Before has told of them.
func again(before [][]driver.Value) (string, []driver.Value) {
	return fmt.Sprintf("AGAIN OF %d", len(before)), []driver.Value{before[0][0]}
}

const (
	savepoint  = "SAVEPOINT ours"
	release    = "RELEASE SAVEPOINT ours"
	rollbackTo = "ROLLBACK TO SAVEPOINT ours"
	immediate  = "BEGIN IMMEDIATE"
)

var (
	before  = moneyclip.Reading{Before: step("BEFORE")}
	after   = moneyclip.Reading{After: step("AFTER")}
	instead = moneyclip.Reading{Instead: "INSTEAD ?"}
	known   = moneyclip.Reading{Before: step("BEFORE"), Instead: "INSTEAD ?", Ident: 1}
)

// A readingTest is one write, and how it is read.
type readingTest struct {
	name     string
	reading  moneyclip.Reading // of the rows of users
	second   moneyclip.Reading // of the rows of followers
	dialect  told              // but for what every test sets
	replies  map[string]reply
	write    string // changeUsers, unless it is set
	arg      any    // 7, unless it is set
	returned []string
	close    bool // its rows are closed at once
	prepared bool // it is prepared
	inTx     bool // in the caller's transaction
	level    sql.IsolationLevel
	first    string // a write before it in the transaction, which may fail
	outage   bool   // no quarantine is taken, and so no write is sent
	cancel   string // the text that the database is at when the context of the write ends

	sent     []string
	touched  []string
	affected int64
	err      error
	errText  string // of an error of our own
	logged   bool   // that the rows could not be read
}

func (test *readingTest) run(t *testing.T) {
	script := &scripted{fakeState: newFakeState(), replies: map[string]reply{}}
	maps.Copy(script.replies, test.replies)
	d := test.dialect
	d.Dialect, d.words, d.read = sqlite.Dialect, toldWords(), map[string]moneyclip.Reading{"users": test.reading, "followers": test.second}
	log := new(logged)
	store := &brokenStore{Store: moneyclip.NewMemStore(1 << 20)}
	cache, err := moneyclip.New(d, moneyclip.Config{
		Scope: "scripted", Rules: []moneyclip.Rule{userRule, followerRule}, Logger: log.logger(), MaxKeys: 600, Store: store,
		Outage: moneyclip.FailWrites,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	db := sql.OpenDB(cache.Connector(scriptedConnector{script}))
	defer db.Close()
	stored := func() (missed []string) {
		for id := int64(1); id <= 3; id++ {
			script.takeCalls()
			readRow(t, db, selectUser, id)
			if len(script.takeCalls()) > 0 {
				missed = append(missed, fmt.Sprintf("user %d", id))
			}
		}
		readRow(t, db, selectFollowers, 1)
		if len(script.takeCalls()) > 0 {
			missed = append(missed, "account 1")
		}
		return missed
	}
	stored()
	if missed := stored(); missed != nil {
		t.Fatalf("%q are not stored", missed)
	}

	conn, err := db.Conn(t.Context()) // the pool would try again where a connection is bad
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	on, commit := writer(conn), func() error { return nil }
	if test.inTx {
		tx, err := conn.BeginTx(t.Context(), &sql.TxOptions{Isolation: test.level})
		if err != nil {
			t.Fatal(err)
		}
		on, commit = tx, tx.Commit
	}
	if test.first != "" {
		_, _ = on.ExecContext(t.Context(), test.first, 7)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if test.cancel != "" {
		r := script.replies[test.cancel]
		r.do = cancel
		script.replies[test.cancel] = r
	}
	script.takeCalls()
	store.quarantine.Store(test.outage)
	err = test.perform(t, ctx, on)
	store.quarantine.Store(false)
	if test.errText != "" {
		if err == nil || err.Error() != test.errText {
			t.Errorf("got error %v, want %q", err, test.errText)
		}
	} else if !errors.Is(err, test.err) {
		t.Errorf("got error %v, want %v", err, test.err)
	}
	if diff := cmp.Diff(test.sent, script.takeCalls()); diff != "" {
		t.Errorf("sent to the database, -want +got:\n%s", diff)
	}
	if test.inTx && test.first == "" && test.err == nil {
		if missed := stored(); missed != nil {
			t.Errorf("%q were dropped before the COMMIT", missed)
		}
	}
	_ = commit() // after an error it may be too late
	if n := script.open.Load(); n != 0 {
		t.Errorf("%d rows were not closed", n)
	}
	conn.Close()
	if diff := cmp.Diff(test.touched, stored()); diff != "" {
		t.Errorf("touched, -want +got:\n%s", diff)
	}
	if test.outage {
		time.Sleep(time.Second) // until the store knows
	}
	if logged := strings.Contains(log.String(), "could not be read"); logged != test.logged {
		t.Errorf("logged %q", log)
	}
}

type writer interface {
	queryer
	execer
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// perform runs the write.
func (test *readingTest) perform(t *testing.T, ctx context.Context, on writer) error {
	t.Helper()
	write, arg := cmpor.Or(test.write, changeUsers), test.arg
	if arg == nil {
		arg = 7
	}
	if test.returned == nil {
		exec := func() (sql.Result, error) { return on.ExecContext(ctx, write, arg) }
		if test.prepared {
			st, err := on.PrepareContext(ctx, write)
			if err != nil {
				return err
			}
			defer st.Close()
			exec = func() (sql.Result, error) { return st.ExecContext(ctx, arg) }
		}
		result, err := exec()
		if err != nil {
			return err
		}
		if n, _ := result.RowsAffected(); n != test.affected {
			t.Errorf("got %d rows affected, want %d", n, test.affected)
		}
		return nil
	}
	rows, err := on.QueryContext(ctx, write, arg)
	if err != nil {
		return err
	}
	defer rows.Close()
	if test.close {
		return rows.Close()
	}
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	got := []string{fmt.Sprint(len(columns))}
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		got = append(got, fmt.Sprint(values...))
	}
	if diff := cmp.Diff(test.returned, got); diff != "" {
		t.Errorf("returned, -want +got:\n%s", diff)
	}
	return cmpor.Or(rows.Err(), rows.Close())
}

// takeCalls takes what was noted since the last time.
func (s *fakeState) takeCalls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// How the rows of a write are read, step by step, and what becomes of the write where a step fails.
func TestReadings(t *testing.T) {
	t.Parallel()
	for _, test := range slices.Concat(readingsThatHold, readingsThatFail) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test.run)
		})
	}
}

var (
	users12    = map[string]reply{"BEFORE": {rows: column(int64(1), int64(2))}}
	touches12  = []string{"user 1", "user 2"}
	touchesAll = []string{"user 1", "user 2", "user 3"}
)

// with are replies and one more.
func with(replies map[string]reply, text string, r reply) map[string]reply {
	all := maps.Clone(replies)
	if all == nil {
		all = map[string]reply{}
	}
	all[text] = r
	return all
}

// answers are rows for one text.
func answers(text string, rows [][]driver.Value) map[string]reply {
	return map[string]reply{text: {rows: rows}}
}

// row is a row of what a reading asks.
func row(values ...driver.Value) []driver.Value { return values }

func rows(rows ...[]driver.Value) [][]driver.Value { return rows }

func numbers(from, n int64) [][]driver.Value {
	var list [][]driver.Value
	for i := range n {
		list = append(list, row(from+i, nil, fmt.Sprint(from+i)))
	}
	return list
}

var (
	marked   = moneyclip.Reading{Mark: step("MARK"), After: step("AFTER")}
	lockedBy = moneyclip.Reading{Locks: []moneyclip.Query{step("LOCK A"), step("LOCK B")}, Before: step("BEFORE"), Counted: true}
	counted  = moneyclip.Reading{Before: step("BEFORE"), Counted: true}
	twice    = moneyclip.Reading{Before: step("BEFORE"), Again: again, Ident: 1}
	ranges   = moneyclip.Reading{Before: step("BEFORE"), Ranges: true}
	alone    = moneyclip.Reading{Before: step("BEFORE"), Alone: true}
	aborting = told{aborts: true}
)

var readingsThatHold = []readingTest{
	{
		name: "before", reading: before, replies: with(users12, changeUsers, reply{affected: 2}), affected: 2,
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "before, in a transaction", reading: before, replies: users12, inTx: true, dialect: told{lock: "users"},
		sent: []string{"LOCK users", "BEFORE 7", changeUsers + " 7"}, touched: touches12,
	},
	{
		name: "before, in a transaction that an error ends", reading: before, replies: users12, inTx: true, dialect: aborting,
		sent: []string{savepoint, "BEFORE 7", changeUsers + " 7", release}, touched: touches12,
	},
	{
		name: "before, where an error would end the transaction of our own", reading: before, replies: users12, dialect: aborting,
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "locks of some of the tables", reading: before, second: moneyclip.Reading{Before: step("BEFORE TOO")}, replies: users12, inTx: true,
		write: changeBoth, dialect: told{lock: "followers"},
		sent: []string{"LOCK followers", "BEFORE 7", "BEFORE TOO 7", changeBoth + " 7"}, touched: touches12,
	},
	{
		name: "a lock that is held", reading: before, replies: with(users12, changeUsers, reply{err: errPlain}), inTx: true, dialect: told{lock: "users"},
		first: changeUsers, write: moveUsers, sent: []string{"BEFORE 7", moveUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "begun by several texts", reading: before, replies: users12, dialect: told{begin: []string{"SET", "BEGIN"}},
		sent: []string{"SET", "BEGIN", "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "after", reading: after, replies: answers("AFTER", column(int64(1), int64(2))),
		sent: []string{immediate, changeUsers + " 7", "AFTER 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "before and after", reading: moneyclip.Reading{Before: step("BEFORE"), After: step("AFTER")},
		replies: with(answers("BEFORE", column(int64(1))), "AFTER", reply{rows: column(int64(2))}),
		sent:    []string{immediate, "BEFORE 7", changeUsers + " 7", "AFTER 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "after a mark", reading: marked, replies: with(answers("AFTER", column(int64(1), int64(2))), "MARK", reply{rows: column("m")}),
		sent: []string{immediate, "MARK 7", changeUsers + " 7", "AFTER 7 m", "COMMIT"}, touched: touches12,
	},
	{
		name: "after, in a transaction", reading: after, replies: answers("AFTER", column(int64(1), int64(2))), inTx: true,
		sent: []string{changeUsers + " 7", "AFTER 7"}, touched: touches12,
	},
	{
		name: "after, in a transaction that an error ends", reading: after, replies: answers("AFTER", column(int64(1), int64(2))), inTx: true, dialect: aborting,
		sent: []string{savepoint, changeUsers + " 7", release, savepoint, "AFTER 7", release}, touched: touches12,
	},
	{
		name: "after, although the context is over", reading: after, replies: answers("AFTER", column(int64(1), int64(2))), cancel: changeUsers,
		sent: []string{immediate, changeUsers + " 7", "AFTER 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "after a failure", reading: after, replies: with(answers("AFTER", column(int64(1), int64(2))), changeUsers, reply{err: errPlain}), inTx: true,
		sent: []string{changeUsers + " 7", "AFTER 7"}, touched: touches12, err: errPlain,
	},
	{
		name: "as many as were locked", reading: lockedBy, affected: 2, replies: with(with(with(users12, changeUsers, reply{affected: 2}),
			"LOCK A", reply{rows: column(int64(2))}), "LOCK B", reply{rows: column([]byte("9"))}),
		sent: []string{immediate, "LOCK A 7", "LOCK B 7", "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "as many as were locked, in a number by text", reading: lockedBy, affected: 2, replies: with(with(with(users12, changeUsers, reply{affected: 2}),
			"LOCK A", reply{rows: column([]byte("2"))}), "LOCK B", reply{rows: column(int64(9))}),
		sent: []string{immediate, "LOCK A 7", "LOCK B 7", "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "as many as were read", reading: counted, replies: with(users12, changeUsers, reply{affected: 2}), affected: 2,
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "as many as come back", reading: counted, replies: with(users12, getUsers, reply{rows: column("a", "b")}), write: getUsers,
		returned: []string{"1", "a", "b"}, sent: []string{immediate, "BEFORE 7", getUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "instead", reading: instead, replies: answers("INSTEAD ?", column(int64(1), int64(2))), affected: 2,
		sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "instead, in a transaction", reading: instead, replies: answers("INSTEAD ?", column(int64(1), int64(2))), affected: 2, inTx: true,
		sent: []string{"INSTEAD ? 7"}, touched: touches12,
	},
	{
		name: "instead, as a query", reading: instead, replies: answers("INSTEAD ?", column(int64(1), int64(2))), returned: []string{"0"},
		sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "instead of what returns rows", reading: instead, replies: answers("INSTEAD ?", rows(row("a", int64(1)), row("b", int64(2)))), write: getUsers,
		returned: []string{"1", "a", "b"}, sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "instead of rows that nobody reads", reading: instead, replies: answers("INSTEAD ?", rows(row("a", int64(1)), row("b", int64(2)))), write: getUsers,
		returned: []string{}, close: true, sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "instead, and known again", reading: known, write: moveUsers, affected: 1,
		replies: with(answers("BEFORE", rows(row(int64(1), nil, "a"))), "INSTEAD ?", reply{rows: rows(row(nil, int64(2), "a"))}),
		sent:    []string{immediate, "BEFORE 7", "INSTEAD ? 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "again", reading: twice, write: moveUsers,
		replies: with(answers("BEFORE", rows(row(int64(1), nil, "a"))), "AGAIN OF 1", reply{rows: rows(row(nil, int64(2), "a"))}),
		sent:    []string{immediate, "BEFORE 7", moveUsers + " 7", "AGAIN OF 1 1", "COMMIT"}, touched: touches12,
	},
	{
		name: "again, of very many", reading: twice, write: moveUsers, replies: answers("BEFORE", numbers(1000, 501)),
		sent: []string{immediate, "BEFORE 7", moveUsers + " 7", "AGAIN OF 500 1000", "AGAIN OF 1 1500", "COMMIT"},
	},
	{
		name: "again, but not what came after", write: moveUsers,
		reading: moneyclip.Reading{Before: step("BEFORE"), After: step("AFTER"), Again: again, Ident: 1},
		replies: with(answers("BEFORE", rows(row(int64(1), nil, "a"))), "AFTER", reply{rows: rows(row(int64(2), nil, "b"))}),
		sent:    []string{immediate, "BEFORE 7", moveUsers + " 7", "AFTER 7", "AGAIN OF 1 1", "COMMIT"}, touched: touches12,
	},
	{
		name: "ranges", reading: ranges, replies: users12,
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "ranges, in a transaction that keeps them", reading: ranges, replies: users12, inTx: true, level: sql.LevelRepeatableRead,
		sent: []string{"BEFORE 7", changeUsers + " 7"}, touched: touches12,
	},
	{
		name: "alone", reading: alone, replies: users12,
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "two readings", reading: instead, second: moneyclip.Reading{Before: step("BEFORE TOO")}, write: changeBoth,
		replies: with(answers("INSTEAD ?", column(int64(1), int64(2))), "BEFORE TOO", reply{rows: column(int64(5))}), affected: 2,
		sent: []string{immediate, "BEFORE TOO 7", "INSTEAD ? 7", "COMMIT"}, touched: touches12,
	},
}

var readingsThatFail = []readingTest{
	{
		name: "two instead", reading: instead, second: moneyclip.Reading{Instead: "INSTEAD TOO ?"}, write: changeBoth,
		replies: answers("INSTEAD ?", column(int64(1), int64(2))), affected: 2,
		sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: append(slices.Clip(touches12), "account 1"),
	},
	{
		name: "ranges, in a transaction that does not keep them", reading: ranges, replies: users12, inTx: true, dialect: aborting,
		sent: []string{changeUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "alone, in a transaction", reading: alone, replies: users12, inTx: true, level: sql.LevelRepeatableRead, dialect: aborting,
		sent: []string{changeUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "alone, in a transaction, with another", reading: after, second: moneyclip.Reading{Before: step("BEFORE TOO"), After: step("AFTER TOO"), Alone: true},
		write: changeBoth, inTx: true, replies: answers("AFTER", column(int64(1), int64(2))),
		sent: []string{changeBoth + " 7", "AFTER 7"}, touched: append(slices.Clip(touches12), "account 1"),
	},
	{
		name: "a transaction that may be over", reading: before, replies: with(users12, moveUsers, reply{err: errEnds}), inTx: true, dialect: aborting,
		first: moveUsers, sent: []string{changeUsers + " 7"}, touched: touchesAll,
	},

	// What comes before the reading.
	{
		name: "BEGIN", reading: before, replies: with(users12, immediate, reply{err: errPlain}),
		sent: []string{immediate, changeUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "BEGIN, of what returns rows", reading: counted, replies: with(users12, immediate, reply{err: errPlain}), write: getUsers,
		returned: []string{"1"}, sent: []string{immediate, getUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "BEGIN, of a bad connection", reading: before, replies: with(users12, immediate, reply{err: driver.ErrBadConn}),
		sent: []string{immediate}, err: driver.ErrBadConn,
	},
	{
		name: "BEGIN, and with it the connection", reading: before,
		replies: map[string]reply{immediate: {err: errPlain}, changeUsers: {err: driver.ErrBadConn}},
		sent:    []string{immediate, changeUsers + " 7"}, err: errPlain, touched: touchesAll,
	},
	{
		name: "SAVEPOINT, and with it the connection", reading: before, inTx: true, dialect: aborting,
		replies: map[string]reply{savepoint: {err: errPlain}, changeUsers: {err: driver.ErrBadConn}},
		sent:    []string{savepoint, changeUsers + " 7"}, err: errPlain, touched: touchesAll,
	},
	{
		name: "BEGIN, for its context", reading: before, replies: with(users12, immediate, reply{err: context.Canceled}), cancel: immediate,
		sent: []string{immediate, "ROLLBACK"}, err: context.Canceled, // it may have begun all the same
	},
	{
		name: "the first of several that begin", reading: before, replies: with(users12, "SET", reply{err: errPlain}), dialect: told{begin: []string{"SET", "BEGIN"}},
		sent: []string{"SET", changeUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "SAVEPOINT", reading: before, replies: with(users12, savepoint, reply{err: errPlain}), inTx: true, dialect: aborting,
		sent: []string{savepoint, changeUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "SAVEPOINT, of a bad connection", reading: before, replies: with(users12, savepoint, reply{err: driver.ErrBadConn}), inTx: true, dialect: aborting,
		sent: []string{savepoint}, err: driver.ErrBadConn,
	},
	{
		name: "the lock", reading: before, replies: with(users12, "LOCK users", reply{err: errPlain}), inTx: true, dialect: told{lock: "users"},
		sent: []string{"LOCK users", changeUsers + " 7"}, touched: touchesAll,
	},

	// What comes before the statement.
	{
		name: "before", reading: before, replies: map[string]reply{"BEFORE": {err: errPlain}},
		sent: []string{immediate, "BEFORE 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "before, with what would end a transaction", reading: before, replies: map[string]reply{"BEFORE": {err: errEnds}},
		sent: []string{immediate, "BEFORE 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "before, for its context", reading: before, replies: map[string]reply{"BEFORE": {err: context.Canceled}}, cancel: "BEFORE",
		sent: []string{immediate, "BEFORE 7", "ROLLBACK"}, err: context.Canceled,
	},
	{
		name: "before, of a bad connection", reading: before, replies: map[string]reply{"BEFORE": {err: driver.ErrBadConn}}, inTx: true,
		sent: []string{"BEFORE 7"}, err: driver.ErrBadConn, logged: true,
	},
	{
		name: "before, with more than may be dropped one by one", reading: before, replies: answers("BEFORE", numbers(1000, 601)),
		sent: []string{immediate, "BEFORE 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll,
	},
	{
		name: "before, and it is not undone", reading: before, replies: map[string]reply{"BEFORE": {err: errPlain}, "ROLLBACK": {err: errEnds}},
		sent: []string{immediate, "BEFORE 7", "ROLLBACK"}, err: errPlain, logged: true,
	},
	{
		name: "before, after a wait", reading: before, replies: map[string]reply{"BEFORE": {err: errWaited}},
		sent: []string{immediate, "BEFORE 7", "ROLLBACK"}, err: errWaited, logged: true,
	},
	{
		name: "before, in a transaction", reading: before, replies: map[string]reply{"BEFORE": {err: errPlain}}, inTx: true,
		sent: []string{"BEFORE 7", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "before, in a transaction, after a wait", reading: before, replies: map[string]reply{"BEFORE": {err: errWaited}}, inTx: true,
		sent: []string{"BEFORE 7"}, err: errWaited, logged: true,
	},
	{
		name: "before, in a transaction that this ends", reading: before, replies: map[string]reply{"BEFORE": {err: errEnds}}, inTx: true,
		sent: []string{"BEFORE 7"}, err: errEnds, logged: true,
	},
	{
		name: "before, in a transaction that this may end", reading: before, replies: map[string]reply{"BEFORE": {err: errOpen}}, inTx: true,
		sent: []string{"BEFORE 7", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "before, in a transaction that an error ends", reading: before, replies: map[string]reply{"BEFORE": {err: errEnds}}, inTx: true, dialect: aborting,
		sent: []string{savepoint, "BEFORE 7", rollbackTo, release, changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "before, in a transaction, and it is not undone", reading: before, inTx: true, dialect: aborting,
		replies: map[string]reply{"BEFORE": {err: errPlain}, rollbackTo: {err: errEnds}},
		sent:    []string{savepoint, "BEFORE 7", rollbackTo}, err: errPlain, logged: true,
	},
	{
		name: "before, in a transaction, and its savepoint stays", reading: before, inTx: true, dialect: aborting,
		replies: map[string]reply{"BEFORE": {err: errPlain}, release: {err: errEnds}},
		sent:    []string{savepoint, "BEFORE 7", rollbackTo, release}, err: errPlain, logged: true,
	},
	{
		name: "before, for want of an argument", reading: before, replies: users12, arg: odd{},
		sent: []string{immediate, "ROLLBACK", changeUsers + " {}"}, touched: touchesAll, logged: true,
	},
	{
		name: "a mark", reading: marked, replies: map[string]reply{"MARK": {err: errPlain}},
		sent: []string{immediate, "MARK 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a mark, after a wait", reading: marked, replies: map[string]reply{"MARK": {err: errWaited}},
		sent: []string{immediate, "MARK 7", "ROLLBACK"}, err: errWaited, logged: true,
	},
	{
		name: "no mark", reading: marked,
		sent: []string{immediate, "MARK 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "two marks", reading: marked, replies: answers("MARK", column("a", "b")),
		sent: []string{immediate, "MARK 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a mark of two", reading: marked, replies: answers("MARK", rows(row("a", "b"))),
		sent: []string{immediate, "MARK 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a lock of rows", reading: lockedBy, replies: map[string]reply{"LOCK A": {err: errPlain}},
		sent: []string{immediate, "LOCK A 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a lock of rows, after a wait", reading: lockedBy, replies: map[string]reply{"LOCK A": {err: errWaited}},
		sent: []string{immediate, "LOCK A 7", "ROLLBACK"}, err: errWaited, logged: true,
	},
	{
		name: "a lock that is no number", reading: lockedBy, replies: answers("LOCK A", column([]byte("x"))),
		sent: []string{immediate, "LOCK A 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a lock of a type that is no number", reading: lockedBy, replies: answers("LOCK A", column(true)),
		sent: []string{immediate, "LOCK A 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a lock of two", reading: lockedBy, replies: answers("LOCK A", rows(row(int64(1), int64(2)))),
		sent: []string{immediate, "LOCK A 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a lock twice", reading: lockedBy, replies: answers("LOCK A", column(int64(1), int64(2))),
		sent: []string{immediate, "LOCK A 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "a lock of nothing", reading: lockedBy,
		sent: []string{immediate, "LOCK A 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "too long to be known again", reading: known, write: moveUsers, replies: answers("BEFORE", rows(row(int64(1), nil, strings.Repeat("x", 5000)))),
		sent: []string{immediate, "BEFORE 7", "ROLLBACK", moveUsers + " 7"}, touched: touchesAll, logged: true,
	},

	// The statement.
	{
		name: "more than was read", reading: counted, replies: with(users12, changeUsers, reply{affected: 3}), affected: 3,
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touchesAll,
	},
	{
		name: "more than was locked", reading: lockedBy, affected: 2, replies: with(with(with(users12, changeUsers, reply{affected: 2}),
			"LOCK A", reply{rows: column(int64(1))}), "LOCK B", reply{rows: column(int64(2))}),
		sent: []string{immediate, "LOCK A 7", "LOCK B 7", "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touchesAll,
	},
	{
		name: "more than was read comes back", reading: counted, replies: with(users12, getUsers, reply{rows: column("a", "b", "c")}), write: getUsers,
		returned: []string{"1", "a", "b", "c"}, sent: []string{immediate, "BEFORE 7", getUsers + " 7", "COMMIT"}, touched: touchesAll,
	},
	{
		name: "nobody says how many", reading: counted, returned: []string{"1"},
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touchesAll,
	},
	{
		name: "the statement", reading: before, replies: with(users12, changeUsers, reply{err: errPlain}),
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, touched: touches12, err: errPlain,
	},
	{
		name: "the statement, in a transaction that an error ends", reading: marked, inTx: true, dialect: aborting,
		replies: map[string]reply{"MARK": {rows: column("m")}, changeUsers: {err: errPlain}},
		sent:    []string{savepoint, "MARK 7", changeUsers + " 7"}, err: errPlain,
	},
	{
		name: "the statement, of a bad connection", reading: after, replies: map[string]reply{changeUsers: {err: driver.ErrBadConn}}, inTx: true,
		sent: []string{changeUsers + " 7"}, err: driver.ErrBadConn,
	},
	{
		name: "the statement, for what was added", reading: before, replies: with(users12, changeUsers, reply{err: errAdded}),
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, err: errAdded, logged: true,
	},
	{
		name: "the prepared statement, for what was added", reading: before, write: getUsers, prepared: true,
		replies: with(users12, "run "+getUsers, reply{err: errAdded}),
		sent:    []string{immediate, "BEFORE 7", "run " + getUsers + " 7", "ROLLBACK", "run " + getUsers + " 7"},
		touched: touchesAll, err: errAdded, logged: true,
	},
	{
		name: "the statement, which is to be prepared", reading: before, replies: with(users12, changeUsers, reply{err: driver.ErrSkip}),
		sent: []string{immediate, "BEFORE 7", changeUsers + " 7", "ROLLBACK", immediate, "BEFORE 7", "run " + changeUsers + " 7", "COMMIT"}, touched: touches12,
	},
	{
		name: "instead", reading: instead, replies: map[string]reply{"INSTEAD ?": {err: errPlain}},
		sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, err: errPlain,
	},
	{
		name: "instead, for what was added", reading: instead, replies: map[string]reply{"INSTEAD ?": {err: errAdded}},
		sent: []string{immediate, "INSTEAD ? 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "instead, and then the quarantine", reading: instead, replies: map[string]reply{"INSTEAD ?": {err: errAdded}}, outage: true,
		sent: []string{immediate, "INSTEAD ? 7", "ROLLBACK"}, err: moneyclip.ErrCacheDown, logged: true,
		touched: append(slices.Clip(touchesAll), "account 1"), // nothing is served until the store knows
	},
	{
		name: "instead, which is to be prepared", reading: instead, replies: map[string]reply{"INSTEAD ?": {err: driver.ErrSkip}},
		sent: []string{immediate, "INSTEAD ? 7", "ROLLBACK", changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "instead, and it is not undone", reading: instead, replies: map[string]reply{"INSTEAD ?": {err: errAdded}, "ROLLBACK": {err: errPlain}},
		sent: []string{immediate, "INSTEAD ? 7", "ROLLBACK", "COMMIT"}, err: errAdded,
	},
	{
		name: "instead, in a transaction", reading: instead, replies: map[string]reply{"INSTEAD ?": {err: errAdded}}, inTx: true,
		sent: []string{"INSTEAD ? 7"}, err: errAdded,
	},
	{
		name: "instead, in a transaction that an error ends", reading: instead, replies: map[string]reply{"INSTEAD ?": {err: errAdded}}, inTx: true, dialect: aborting,
		sent: []string{savepoint, "INSTEAD ? 7", rollbackTo, release, changeUsers + " 7"}, touched: touchesAll, logged: true,
	},
	{
		name: "instead, in a transaction, and it is not undone", reading: instead, inTx: true, dialect: aborting,
		replies: map[string]reply{"INSTEAD ?": {err: errAdded}, rollbackTo: {err: errPlain}},
		sent:    []string{savepoint, "INSTEAD ? 7", rollbackTo}, err: errAdded,
	},
	{
		name: "instead, with too few columns", reading: known, write: moveUsers,
		replies: with(answers("BEFORE", rows(row(int64(1), nil, "a"))), "INSTEAD ?", reply{columns: 2}),
		sent:    []string{immediate, "BEFORE 7", "INSTEAD ? 7", "COMMIT"}, touched: touchesAll,
		errText: "moneyclip: the database has not returned the columns that were asked for",
	},
	{
		name: "instead, among its rows", reading: instead, replies: map[string]reply{"INSTEAD ?": {rows: column(int64(1)), rowsErr: errPlain}},
		sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: touchesAll, err: errPlain,
	},
	{
		name: "instead, among rows that nobody reads", reading: instead, replies: map[string]reply{"INSTEAD ?": {rows: column(int64(1)), rowsErr: errPlain}},
		returned: []string{}, close: true, sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: touchesAll,
	},
	{
		name: "counted, among its rows", reading: counted, replies: with(users12, getUsers, reply{rows: column("a", "b"), rowsErr: errPlain}), write: getUsers,
		returned: []string{"1", "a", "b"}, sent: []string{immediate, "BEFORE 7", getUsers + " 7", "COMMIT"}, touched: touchesAll, err: errPlain,
	},
	{
		name: "instead, after its rows", reading: instead, replies: map[string]reply{"INSTEAD ?": {rows: column(int64(1)), closeErr: errPlain}},
		sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: []string{"user 1"}, err: errPlain,
	},
	{
		name: "instead, with more than may be dropped one by one", reading: instead, replies: answers("INSTEAD ?", numbers(1000, 601)), affected: 601,
		sent: []string{immediate, "INSTEAD ? 7", "COMMIT"}, touched: touchesAll,
	},
	{
		name: "instead, with one that was not there before", reading: known, write: moveUsers, affected: 1,
		replies: with(answers("BEFORE", rows(row(int64(1), nil, "a"))), "INSTEAD ?", reply{rows: rows(row(nil, int64(2), "b"))}),
		sent:    []string{immediate, "BEFORE 7", "INSTEAD ? 7", "COMMIT"}, touched: touchesAll,
	},

	// What comes after the statement.
	{
		name: "the savepoint stays", reading: marked, inTx: true, dialect: aborting, replies: map[string]reply{"MARK": {rows: column("m")}, release: {err: errPlain}},
		sent: []string{savepoint, "MARK 7", changeUsers + " 7", release}, touched: touchesAll,
	},
	{
		name: "another savepoint", reading: after, dialect: aborting, replies: map[string]reply{savepoint: {err: errPlain}},
		sent: []string{immediate, changeUsers + " 7", savepoint, "COMMIT"}, touched: touchesAll,
	},
	{
		name: "after", reading: after, replies: map[string]reply{"AFTER": {err: errPlain}},
		sent: []string{immediate, changeUsers + " 7", "AFTER 7", "COMMIT"}, touched: touchesAll, logged: true,
	},
	{
		name: "after, where an error ends the transaction", reading: after, dialect: aborting, replies: map[string]reply{"AFTER": {err: errPlain}},
		sent: []string{immediate, changeUsers + " 7", savepoint, "AFTER 7", rollbackTo, release, "COMMIT"}, touched: touchesAll, logged: true,
	},
	{
		name: "after, with more than may be dropped one by one", reading: after, replies: answers("AFTER", numbers(1000, 601)),
		sent: []string{immediate, changeUsers + " 7", "AFTER 7", "COMMIT"}, touched: touchesAll,
	},
	{
		name: "after, for want of an argument", reading: after, arg: odd{},
		sent: []string{immediate, changeUsers + " {}", "COMMIT"}, touched: touchesAll, logged: true,
	},
	{
		name: "again", reading: twice, write: moveUsers, replies: with(answers("BEFORE", rows(row(int64(1), nil, "a"))), "AGAIN OF 1", reply{err: errPlain}),
		sent: []string{immediate, "BEFORE 7", moveUsers + " 7", "AGAIN OF 1 1", "COMMIT"}, touched: touchesAll, logged: true,
	},
	{
		name: "again, with one that was not there before", reading: twice, write: moveUsers,
		replies: with(answers("BEFORE", rows(row(int64(1), nil, "a"))), "AGAIN OF 1", reply{rows: rows(row(nil, int64(2), "b"))}),
		sent:    []string{immediate, "BEFORE 7", moveUsers + " 7", "AGAIN OF 1 1", "COMMIT"}, touched: touchesAll, logged: true,
	},
}

// A connection on which our own transaction cannot be undone is given up: a write that came next would be lost with it.
func TestReadingNotUndone(t *testing.T) {
	t.Parallel()
	for name, pinned := range map[string]bool{"in the pool": false, "sql.Conn": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			script := &scripted{fakeState: newFakeState(), replies: map[string]reply{"BEFORE": {err: errPlain}, "ROLLBACK": {err: errPlain}}}
			d := told{Dialect: sqlite.Dialect, words: toldWords(), read: map[string]moneyclip.Reading{"users": before}}
			cache, err := moneyclip.New(d, moneyclip.Config{
				Scope: "scripted", Rules: []moneyclip.Rule{userRule}, Logger: new(logged).logger(),
			})
			if err != nil {
				t.Fatal(err)
			}
			defer cache.Close()
			db := sql.OpenDB(cache.Connector(scriptedConnector{script}))
			defer db.Close()
			on := execer(db)
			if pinned {
				conn, err := db.Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				on = conn
			}
			if _, err := on.ExecContext(t.Context(), changeUsers, 7); !errors.Is(err, errPlain) {
				t.Fatalf("got error %v, want %v", err, errPlain)
			}
			clear(script.replies)
			script.takeCalls()
			if _, err := on.ExecContext(t.Context(), changeUsers, 7); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{immediate, "BEFORE 7", changeUsers + " 7", "COMMIT"}, script.takeCalls()); diff != "" {
				t.Errorf("sent to the database, -want +got:\n%s", diff)
			}
			if n := script.dials.Load(); n != 2 {
				t.Errorf("dialed %d times, want another time for the connection that was given up", n)
			}
		})
	}
}
