package propertytest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/moneyclip/moneyclip"
)

var bypass = moneyclip.Bypass(background)

// ask runs a probe and shows the answer, with its types.
func (r *run) ask(w *watched, db *sql.DB) (string, bool) {
	rows, err := w.query(db)
	if err != nil && r.db.Stale(err) {
		if stmt := w.stmts[db]; stmt != nil {
			stmt.Close()
			delete(w.stmts, db)
		}
		rows, err = w.query(db)
	}
	return r.answer(rows, err)
}

func (w *watched) query(db *sql.DB) (*sql.Rows, error) {
	if !w.Prepared {
		return db.QueryContext(background, w.Query, w.Args...)
	}
	stmt := w.stmts[db]
	if stmt == nil {
		var err error
		if stmt, err = db.PrepareContext(background, w.Query); err != nil {
			return nil, err
		}
		w.stmts[db] = stmt
	}
	return stmt.QueryContext(background, w.Args...)
}

// look compares the answers of the caches with that of the database, and counts what was dropped against what changed.
func (r *run) look(f *Form) error {
	dropped := r.store.take()
	needed := map[string]bool{}
	for _, w := range r.probes {
		want, failed := r.ask(w, r.plain)
		if failed && r.db.Locked(want) {
			if dropped[w.key] {
				w.key = "" // nobody could read it since
			}
			continue
		}
		if w.key != "" && want != w.answer {
			needed[w.key] = true
		}
		w.answer, w.failed = want, failed
		if err := r.lookThrough(w); err != nil {
			return err
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
	f.Dropped += len(dropped)
	f.Needed += len(needed)
	if !r.wide {
		f.KeyDropped += len(dropped)
		f.KeyNeeded += len(needed)
	}
	return nil
}

// lookThrough asks the caches what the database has answered.
func (r *run) lookThrough(w *watched) error {
	cache := r.caches[w.cache]
	for _, h := range r.handles {
		if h.cache != w.cache {
			continue
		}
		for range h.asks {
			r.store.forgetLast()
			before := cache.Stats()
			got, _ := r.ask(w, h.DB)
			after := cache.Stats()
			r.report.Compared++
			if after.Hits+after.Misses+after.Bypasses > before.Hits+before.Misses+before.Bypasses {
				r.report.Reads++
			}
			r.report.Hits += int(after.Hits - before.Hits)
			if got == w.answer || r.db.Locked(got) {
				continue
			}
			how := "wrong"
			if after.Hits > before.Hits {
				how = "stale"
			}
			return fmt.Errorf("%s: %v\n got %s\nwant %s", how, w.Probe, got, w.answer)
		}
	}
	w.key = r.store.last()
	return nil
}

// lookAside reads on the session's own connection, which may see less than others do while it has rows open. What it
// reads is compared later, by those who are answered from what it has stored.
func (r *run) lookAside(s *session) {
	if s.open != nil && !r.db.Traits().Cursors {
		return
	}
	contexts := []context.Context{background, moneyclip.Refresh(background), bypass}
	for i, w := range r.probes {
		if n := r.report.Steps + i; n%4 == 0 && w.cache == s.cache && !s.inside() {
			r.answer(s.real.QueryContext(contexts[n/4%3], w.Query, w.Args...))
		}
	}
}

// lookInside compares what a transaction sees with what its twin sees. A probe that fails would end the transaction on
// some databases.
func (r *run) lookInside(s *session) error {
	if s.open != nil && !r.db.Traits().Cursors || !r.db.InTransaction(s.twin, true) {
		return nil
	}
	for i, w := range r.probes {
		if (r.report.Steps+i)%3 != 0 || w.failed && r.db.Traits().Aborts {
			continue
		}
		got, failed := r.answer(s.real.QueryContext(background, w.Query, w.Args...))
		want, mirrorFailed := r.answer(s.mirror.QueryContext(background, w.Query, w.Args...))
		s.aborted = s.aborted || (failed || mirrorFailed) && r.db.Traits().Aborts
		if got != want && !r.apart {
			if r.loose || r.db.Locked(got) || r.db.Locked(want) {
				r.apart = true
				return nil
			}
			return fmt.Errorf("in a transaction: %v\n got %s\nwant %s", w.Probe, got, want)
		}
		if s.aborted {
			return nil
		}
	}
	return nil
}

// maxRows are in a database when a script ends. Triggers that insert for each row that is written multiply them, until
// statements take minutes.
const maxRows = 1000

// compareTables compares the committed rows of the database and of its mirror, and notes when they are too many to go on.
func (r *run) compareTables() error {
	if r.report.Steps%4 != 0 {
		return nil
	}
	got, err := r.rows(r.plain)
	r.full = len(got) > maxRows
	if r.apart || r.loose || slices.ContainsFunc(r.sessions, func(s *session) bool { return s.openTwin != nil }) {
		return nil // a write whose rows are open may be committed before they are closed, or then
	}
	want, mirrorErr := r.rows(r.mirrors[0])
	if err := errors.Join(err, mirrorErr); err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the database differs from its mirror:\n got %v\nwant %v", got, want)
	}
	return nil
}

// tables returns all rows of the database and of its mirror.
func (r *run) tables() (got, want []string, err error) {
	got, err = r.rows(r.plain)
	want, mirrorErr := r.rows(r.mirrors[0])
	return got, want, errors.Join(err, mirrorErr)
}

func (r *run) rows(db *sql.DB) ([]string, error) {
	names, err := r.db.Names(db)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range names {
		rows, err := db.Query("SELECT * FROM " + name)
		if err != nil && r.db.Stale(err) {
			rows, err = db.Query("SELECT * FROM " + name)
		}
		o := r.readRows(rows, err, -1)
		if o.Err != "" {
			if r.db.Locked(o.Err) {
				continue // by a session that is changing the schema; on the other side too
			}
			return nil, errors.New(o.Err)
		}
		for _, row := range o.Rows {
			all = append(all, fmt.Sprintf("%s %#v", name, row))
		}
	}
	slices.Sort(all)
	return all, nil
}
