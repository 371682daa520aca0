package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/moneyclip/moneyclip"
	_ "github.com/moneyclip/moneyclip/redisstore" // keeps the rows in the Redis of MONEYCLIP_REDIS_URL
)

// besideFlag makes this program the second copy, which does what the first one tells it.
const besideFlag = "-beside"

// A companion is a second copy of this program, with a cache of its own on the same Redis.
type companion struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	say *json.Encoder
	got *json.Decoder
}

// A meeting is the first that a companion hears: where the database is. It comes through a pipe, because arguments and
// environments can be seen by others.
type meeting struct{ Engine, DSN string }

// An order is what a companion is told to do with a user.
type order struct {
	User   int64
	Rename string // empty: read
}

type report struct {
	Answer string
	From   source
	Took   time.Duration
	Err    string
}

func newCompanion(ctx context.Context, e engine, dsn string) (*companion, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &companion{cmd: exec.CommandContext(ctx, program, besideFlag)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.say, c.got = json.NewEncoder(c.in), json.NewDecoder(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, c.say.Encode(meeting{e.driver, dsn})
}

func (c *companion) do(o order) (report, error) {
	var r report
	err := c.say.Encode(o)
	if err == nil {
		err = c.got.Decode(&r)
	}
	if err == nil && r.Err != "" {
		err = errors.New(r.Err)
	}
	return r, err
}

// end closes the companion's input, which ends it.
func (c *companion) end() error {
	c.in.Close()
	return c.cmd.Wait()
}

// accompany is what the companion does.
func accompany(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	hear, say := json.NewDecoder(in), json.NewEncoder(out)
	var m meeting
	if err := hear.Decode(&m); err != nil {
		return err
	}
	var e engine
	for _, makeEngine := range engines {
		if one := makeEngine(""); one.driver == m.Engine {
			e = one
		}
	}
	db, err := open(e, m.DSN)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := db.cached.PingContext(ctx); err != nil {
		return err
	}
	cache, _ := moneyclip.Default("moneyclip+" + e.driver)
	through := db.store(db.cached)
	for {
		var o order
		if err := hear.Decode(&o); err != nil {
			return nil // the first copy is done
		}
		before, start := cache.Stats(), time.Now()
		var r report
		if o.Rename != "" {
			n, err := through.RenameUser(ctx, o.Rename, o.User)
			r = report{outcome(n, err), theDatabase, time.Since(start), ""}
		} else {
			user, err := through.GetUser(ctx, o.User)
			r = report{outcome(user, err), theDatabase, time.Since(start), ""}
			if cache.Stats().Hits > before.Hits {
				r.From = theCache
			}
			awaitFill(cache, before)
		}
		if err := say.Encode(r); err != nil {
			return err
		}
	}
}

// awaitFill waits until what was read since is stored. On a Redis nobody waits for that but who wants to see it.
func awaitFill(cache *moneyclip.Cache, before moneyclip.Stats) {
	for range 2000 {
		after := cache.Stats()
		if after.Fills-before.Fills >= after.Misses-before.Misses {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// graceTime is for how long at most a Redis stores nothing after its start.
const graceTime = 40 * time.Second

// awaitStore reads what the story has no use for until it is stored.
func awaitStore(w *witness) error {
	start := time.Now()
	for {
		before := w.cache.Stats()
		w.db.store(w.db.cached).GetAccountByHandle(w.ctx, "nobody")
		if w.cache.Stats().Hits > before.Hits {
			w.table.note("what is cached is kept in Redis, which was ready after %s", elapsed(time.Since(start)))
			return nil
		}
		if err := w.cache.Healthy(w.ctx); err != nil && time.Since(start) > patience {
			return err
		}
		if time.Since(start) > graceTime {
			return errors.New("the Redis stores nothing")
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-w.ctx.Done():
			return w.ctx.Err()
		}
	}
}

// sideBySide lets two programs write under each other's eyes.
func sideBySide(w *witness) {
	w.table.heading("A second copy of this program, beside this one: what one has stored the other reads, and drops.")
	c, err := newCompanion(w.ctx, w.db.engine, w.db.dsn)
	w.check(err == nil, "starting a second copy: %v", err)
	if err != nil {
		return
	}
	defer func() {
		err := c.end()
		w.check(err == nil, "the second copy: %v", err)
	}()
	const user = 22
	ask(w, theCache, store.GetUser, user)
	there(w, c, theCache, order{User: user})
	w.expect(touches{"user": exact})
	w.change(w.store.RenameUser(w.ctx, "Ida", user))
	there(w, c, theDatabase, order{User: user})
	ask(w, theCache, store.GetUser, user)
	there(w, c, theDatabase, order{User: user, Rename: "Ivo"})
	ask(w, theDatabase, store.GetUser, user)
	there(w, c, theCache, order{User: user})
}

// there has the companion do something, and compares a read with the plain driver's answer.
func there(w *witness, c *companion, from source, o order) {
	label := fmt.Sprintf("GetUser(%d)", o.User)
	if o.Rename != "" {
		label = fmt.Sprintf("RenameUser(%q, %d)", o.Rename, o.User)
	}
	r, err := c.do(o)
	w.table.row("  there: "+label+" = "+r.Answer, r.From, "", r.Took)
	w.check(err == nil, "%s there: %v", label, err)
	w.check(r.From == from, "%s there was answered by the %s, want the %s", label, r.From, from)
	if o.Rename == "" {
		want, wantErr := w.db.store(w.db.plain).GetUser(w.ctx, o.User)
		w.check(r.Answer == outcome(want, wantErr), "%s there is different: %s, %s says %s", label, r.Answer, w.db.name, outcome(want, wantErr))
	}
}
